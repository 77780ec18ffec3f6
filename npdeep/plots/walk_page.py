"""A training step as a page to click through: one HTML file that needs no network, no server and no Python."""

import base64
import functools
import html
import inspect
import json
import math
import re
import textwrap
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.events import StepEvent, statistics_in_words
from npdeep.common.whole_files import replacing
from npdeep.debug.recorded import recorded
from npdeep.debug.symbols import symbol
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer
from npdeep.training.trainer import Trainer

WORDS = {
    "forward": "Forward: the numbers go up. The layer takes its input from below and makes its output.",
    "loss": "The top: how wrong are the outputs, and in which direction would each make it worse?",
    "backward": "Backward: the gradient comes down. From ∂L/∂output the layer works out ∂L/∂parameters and ∂L/∂input.",
    "penalty": "What large weights cost is added to the loss, and its gradient to theirs.",
    "clip": "Gradients that are too long are cut down before they are used.",
    "update": "The optimizer moves every weight a little against its gradient.",
    "constrain": "Weights that went beyond their limit are brought back.",
}

MOST_COLUMNS = 800
"""Wider arrays are shown by every k-th column: a cell needs at least one pixel."""

SMALLEST_PICTURE = 8
"""Examples of at least 8 × 8 numbers, a square, are shown as pictures."""


def walk_page(
    trainer: Trainer,
    x: Any,
    y: Any,
    path: str | Path,
    sample_weight: Any = None,
    *,
    rows: int = 50,
    title: str | None = None,
) -> Path:
    """Write one training step as a page to click through; return its path.

    For each operation the page shows what was computed (formula, LaTeX, the kernel's source), every array as a heat map with
    its values under the mouse, its statistics, and where in the network one is. Next and back by button, arrow key, or a
    click on the network. It is a single file: open it in any browser, hand it out, put it on a stick.

    Args:
        trainer: it stays as it is, to the bit; the step is made on a copy.
        x, y, sample_weight: one batch, as for `trainer.step`. A small one is easier to read.
        path: where to write, for example "step.html"; a file of that name is replaced.
        rows: of an array with more rows, every k-th is shown, so that no more than this many are; the page says so.
            Statistics and colour scales are always those of the whole array.
        title: the heading; by default the network's widths and the batch.

    Values are embedded with all their digits. Where the step breaks off with an error (a gradient that is not finite under
    clipping by norm), the page ends there and shows its message.
    Raises ValueError or TypeError where x or y do not fit, OSError where the file cannot be written.

    >>> import npdeep as nd, tempfile
    >>> model = nd.Sequential([nd.Dense(2, name="outputs")], input_size=3, seed=0)
    >>> trainer = nd.Trainer(model, "softmax_cross_entropy")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = nd.plots.walk_page(trainer, np.ones((4, 3)), [0, 1, 0, 1], f"{folder}/step.html")
    ...     page.name, page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    ('step.html', True)
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"walk_page: trainer must be a Trainer, got {checks.describe(trainer)}")
    path = checks.path("walk_page", "path", path)
    content = Content(checks.whole("walk_page", "rows", rows))
    error = ""
    events = recorded(trainer, x, y, sample_weight)
    try:
        for event in events:
            content.add(event)
    except ValueError as broken_off:
        error = str(broken_off)
    page = fill_in(page_data(trainer, content, len(x), title, error))
    with replacing(path) as file:
        file.write(page.encode("utf-8"))
    return path


def page_data(trainer: Trainer, content: "Content", batch: int, title: str | None, error: str) -> dict[str, Any]:
    """All that the page shows, as lists, dicts, strings and numbers."""
    model = trainer.model
    kernels = {p.name.rpartition("/")[0] for p in model.parameters if p.name.endswith("/kernel")}
    widths = "-".join(str(n) for n in [model.input_size, *(a.output_size for a in model.everything() if a.name in kernels)])
    place = {(operation["stage"], operation["name"]): i for i, operation in enumerate(content.operations)}
    layers = [
        {
            "name": layer.name,
            "kind": kind_of(layer),
            "width": f"{layer.input_size} → {layer.output_size}",
            "forward": place.get(("forward", layer.name)),
            "backward": place.get(("backward", layer.name)),
        }
        for layer in model.everything()
    ]
    return {
        "title": f"One training step of {widths}, {batch} example{'s' * (batch > 1)}" if title is None else str(title),
        "subtitle": f"{type(trainer.loss).__name__} · {trainer.optimizer!r} · after {trainer.iteration:,} updates",
        "inputs": model.input_size,
        "layers": layers,
        "operations": content.operations,
        "arrays": content.arrays,
        "sources": content.sources,
        "error": error,
    }


class Content:
    """Collects what the page shows of each operation; arrays and sources that come up again are stored once."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.operations: list[dict[str, Any]] = []
        self.arrays: list[dict[str, Any]] = []
        self.sources: list[dict[str, Any]] = []
        self.known: dict[Any, int] = {}

    def add(self, event: StepEvent) -> None:
        """Take in an operation."""
        formula = event.formula
        shown = [self._array_entry(event, name, array) for name, array in event.arrays.items()]
        self.operations.append(
            {
                "stage": event.stage,
                "name": event.name,
                "kind": "" if event.layer is None else kind_of(event.layer),
                "words": words(event),
                "formula": formula.lines,
                "latex": formula.latex,
                "arrays": shown,
                "source": self._source(event),
            }
        )

    def _array_entry(self, event: StepEvent, name: str, array: Array) -> dict[str, Any]:
        entry = {"name": name, "symbol": symbol(event, name), "array": self._array(array)}
        if not self.operations and name == "input" and array.ndim == 2:
            side = math.isqrt(array.shape[1])
            if side >= SMALLEST_PICTURE and side * side == array.shape[1] <= MOST_COLUMNS:
                entry["picture"] = side
        if event.stage in ("penalty", "clip", "update", "constrain"):
            entry["group"] = name.partition(" of ")[2] or name
        return entry

    def _array(self, array: Array) -> int:
        key = (array.shape, array.dtype.str, array.tobytes())
        if key not in self.known:
            self.known[key] = len(self.arrays)
            self.arrays.append(packed(array, self.rows))
        return self.known[key]

    def _source(self, event: StepEvent) -> int | None:
        code = event.function or getattr(type(event.layer), event.stage, None)
        if code is None:
            return None
        if code not in self.known:
            self.known[code] = len(self.sources)
            self.sources.append(source_of(code))
        return self.known[code]


def words(event: StepEvent) -> str:
    """A sentence or two about what is going on.

    >>> from npdeep.common.events import Formula
    >>> words(StepEvent("update", "update", None, Formula("w ← w − η·g"), dict))
    'The optimizer moves every weight a little against its gradient.'
    """
    unwanted = event.stage == "backward" and "grad_input" not in event.arrays
    return WORDS[event.stage] + (" Nothing below has anything to train: ∂L/∂input is left out." if unwanted else "")


def kind_of(layer: Layer) -> str:
    """A word for the layer: its activation, or its class.

    >>> import npdeep as nd
    >>> kind_of(nd.Activation("elu")), kind_of(nd.Dense(3))
    ('elu', 'Dense')
    """
    return str(getattr(layer, "activation", "") or type(layer).__name__)


def packed(array: Array, rows: int) -> dict[str, Any]:
    """An array for the page: the values of every k-th row and column in full precision, the statistics of all.

    >>> entry = packed(np.arange(6.0).reshape(6, 1), rows=3)
    >>> entry["shape"], entry["shown"], entry["every"], entry["stats"]["max"]
    ([6, 1], [3, 1], [2, 1], '5')
    """
    table = array.reshape(1, -1) if array.ndim < 2 else array.reshape(len(array), -1)
    every = [max(1, math.ceil(n / most)) for n, most in zip(table.shape, (rows, MOST_COLUMNS), strict=True)]
    sample = table[:: every[0], :: every[1]]
    exact = np.dtype("<f4") if array.dtype in (np.float32, np.float16) else np.dtype("<f8")
    finite = np.abs(table[np.isfinite(table)].astype(np.float64))
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "shown": list(sample.shape),
        "every": every,
        "largest": float(finite.max(initial=0)),
        "stats": statistics_in_words(array),
        "bits": exact.itemsize * 8,
        "values": base64.b64encode(np.ascontiguousarray(sample, exact).tobytes()).decode("ascii"),
    }


def source_of(code: Callable[..., Any]) -> dict[str, Any]:
    """File, line and text of a function; without a text where it was typed into a session.

    >>> from npdeep.kernels.affine import affine_forward
    >>> source = source_of(affine_forward)
    >>> source["name"], source["file"], source["text"].startswith("def affine_forward")
    ('affine_forward', 'npdeep/kernels/affine.py', True)
    """
    try:
        file = Path(inspect.getsourcefile(code) or "")
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return {"name": code.__qualname__, "file": "", "line": 0, "text": ""}
    house = Path(checks.__file__).parents[2]
    shown = file.relative_to(house).as_posix() if file.is_relative_to(house) else file.name
    return {"name": code.__qualname__, "file": shown, "line": first, "text": textwrap.dedent("".join(lines)).rstrip()}


def fill_in(data: dict[str, Any]) -> str:
    """The page: the template with style, script and data in it. Nothing in the data can end the script."""
    parts = {
        "TITLE": html.escape(data["title"]),
        "STYLE": template("walk_page.css"),
        "SCRIPT": template("walk_page.js"),
        "DATA": json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", r"\u003c"),
    }
    return re.sub(f"__({'|'.join(parts)})__", lambda found: parts[found[1]], template("walk_page.html"))


@functools.cache
def template(name: str) -> str:
    """A part of the page as it lies beside this module."""
    return resources.files("npdeep.plots").joinpath(name).read_text(encoding="utf-8")
