"""What a page tells at length: code, numbers, a diagnosis, one operation with its numbers. All as HTML."""

import html

import numpy as np

from npdeep.common.events import statistics_in_words
from npdeep.common.words import counted
from npdeep.debug import diagnose
from npdeep.kernels.arrays import Array
from npdeep.teaching.play import networks
from npdeep.teaching.play.colours import diverging, png
from npdeep.teaching.play.data import Data
from npdeep.teaching.play.session import Frame, Session
from npdeep.teaching.play.settings import Settings
from npdeep.teaching.play.walks import Walked

MOST_ROWS, MOST_COLUMNS, MOST_ARRAYS = 50, 100, 12
"""Of an array so much is drawn; its statistics are those of all."""


def code(settings: tuple[Settings, Settings], data: Data, updates: int = 0) -> str:
    """The Python that makes the networks."""
    first, second = settings
    shown = [("", first)] if not first.compare or first.fault else [(" of network A", first), (" of network B", second)]
    return "".join(
        f"<h2>Code{of}</h2><pre>{html.escape(networks.code(each, data, updates))}</pre>" for of, each in shown
    )


def numbers(frame: Frame) -> str:
    """All numbers of the views as tables."""
    header = ("layer", "name", "‖∂L/∂z‖", "spread", "saturated", "dead", "‖ΔW‖/‖W‖")
    tables = []
    for side, seen, curves in zip("AB", frame.looks, frame.curves, strict=False):
        outcome = ", ".join(
            f"{words} {curves[name][-1]:.4g}"
            for name, words in (("loss", "loss"), ("accuracy", "accuracy"), ("test_loss", "test loss"),
                                ("test_accuracy", "test accuracy"))
            if len(curves[name]) and np.isfinite(curves[name][-1])
        )  # fmt: skip
        of = f" of network {side}" if len(frame.looks) > 1 else ""
        rows = [header, *([] if seen is None else seen.rows())]
        tables.append(f"<h2>Numbers{of} after {counted(frame.updates, 'update')}</h2><p>{outcome}</p>{table(rows)}")
    return "".join(tables)


def table(rows: list[tuple[str, ...]]) -> str:
    """A table, the first row its heading."""
    head, *body = ["".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
                   for tag, row in zip(["th"] + ["td"] * len(rows), rows, strict=False)]  # fmt: skip
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in body)}</table>"


def diagnoses(session: Session) -> str:
    """What `diagnose` finds in each network."""
    told = []
    for side, run in zip("AB", session.runs, strict=False):
        of = f" with network {side}" if len(session.runs) > 1 else ""
        with np.errstate(all="ignore"):
            report = diagnose(run.trainer, run.data.x, run.data.y, validation_data=run.data.test)
        told.append(f"<h2>What is wrong{of}?</h2>{report._repr_html_()}")
    return "".join(told)


def operation(session: Session, which: int = 0) -> str:
    """The next operation of the step, with the numbers of one unit and its arrays as heat maps."""
    walked = session.walk(which)
    event, explanation = walked.event, walked.explanation
    arrays = list(event.arrays.items())
    of = f" of network {'AB'[which]}" if len(session.runs) > 1 else ""
    more = "" if len(arrays) <= MOST_ARRAYS else f"<p>{len(arrays) - MOST_ARRAYS} more arrays are not drawn.</p>"
    numbers_ = "" if explanation is None else f"<pre>{html.escape(str(explanation))}</pre>"
    return (
        f"<h2>Operation {walked.number} of {walked.count} of update {walked.update:,}{of}: {event.stage} "
        f"{html.escape(event.name)}</h2><pre>{html.escape(chr(10).join(event.formula.lines))}</pre>{numbers_}"
        f'<div class="arrays">{"".join(heat_map(name, array) for name, array in arrays[:MOST_ARRAYS])}</div>{more}'
        f"<p>{after(walked)}</p>"
    )


def after(walked: Walked) -> str:
    """What comes next."""
    if walked.number == walked.count:
        return "That was the last operation: the update is made."
    return f"Next: {html.escape(walked.coming)}."


def heat_map(name: str, array: Array) -> str:
    """An array as a picture, with its statistics above it.

    >>> heat_map("dz", np.zeros((2, 3)))[:32]
    '<figure><figcaption>dz (2, 3), m'
    """
    rows = array.reshape(1, -1) if array.ndim < 2 else array.reshape(len(array), -1)
    part = np.asarray(rows[:MOST_ROWS, :MOST_COLUMNS], np.float64)
    finite = np.abs(np.asarray(rows, np.float64))
    largest = float(finite[np.isfinite(finite)].max(initial=0.0))
    cell = max(3, min(16, 240 // part.shape[0], 400 // part.shape[1]))
    stats = statistics_in_words(array)
    told = f"{name} {array.shape}, mean {stats['mean']}, std {stats['std']}, norm {stats['norm']}"
    cut = "" if part.shape == rows.shape else f", the first {part.shape[0]} × {part.shape[1]}"
    scale = f"blue −{largest:.3g} · grey 0 · yellow {largest:.3g}{cut}"
    height, width = (cell * side for side in part.shape)
    return (
        f"<figure><figcaption>{html.escape(told)}<br>{scale}</figcaption>"
        f'<img src="{png(diverging(part, largest))}" alt="{html.escape(told)}" width="{width}" height="{height}"></figure>'
    )
