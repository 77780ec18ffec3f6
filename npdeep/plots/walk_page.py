"""A training step as a page to click through: one HTML file that needs no network, no server and no Python."""

import base64
import copy
import html
import inspect
import itertools
import json
import math
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.common import checks, pages
from npdeep.common.events import StepEvent, norm, statistics_in_words
from npdeep.common.whole_files import replacing
from npdeep.debug.recorded import recorded
from npdeep.debug.snapshot import spread_over_examples
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

OF_A_KIND = {
    ("forward", "Dense"): "Every unit adds up its inputs, each times its weight, and its bias.",
    ("forward", "Activation"): "Every number goes through the same function; no number looks at another.",
    ("forward", "BatchNormalization"): "Every unit gets mean 0 and variance 1 over the batch, then scale γ and shift β.",
    ("forward", "LayerNormalization"): "Every example gets mean 0 and variance 1 over its units, then scale γ and shift β.",
    ("forward", "Dropout"): "Units drawn by chance are set to 0; the others are scaled up, so that the mean stays.",
    ("backward", "Dense"): "How much each weight is to blame: its input times the gradient of its unit, summed over examples.",
    ("backward", "Activation"): "The gradient is multiplied by the slope of the function; where that is flat, little passes.",
}
"""What is said of the commonest layers in place of the sentence for the stage."""

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
    steps: int = 1,
    title: str | None = None,
) -> Path:
    """Write one training step as a page to click through; return its path.

    For each operation the page shows what was computed (formula, LaTeX, the kernel's source), every array as a heat map with
    its values under the mouse, and its statistics. Beside it is a map of the network: at every arrow up the spread of the
    layer's output over the examples, at every arrow down the norm of the gradient that comes in. Arrays of a kind, all
    gradients ∂L/∂z for example, share one colour scale, so that a gradient that vanishes is seen to; the page can also scale
    each array by itself. Next and back by button, arrow key, or a click on the map; Play continues by itself. It is a single
    file that needs no network.

    Args:
        trainer: it stays as it is, to the bit; the step is made on a copy.
        x, y, sample_weight: one batch, as for `trainer.step`. A small one is easier to read.
        path: where to write, for example "step.html"; a file of that name is replaced.
        rows: of an array with more rows, every k-th is shown, so that no more than this many are; the page says so.
            Statistics and colour scales are always those of the whole array.
        steps: how many steps, all on this batch. From the second on the page can show what has changed since the step before.
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
    content, error = Content(checks.whole("walk_page", "rows", rows)), ""
    walker, further = trainer, checks.whole("walk_page", "steps", steps) - 1
    try:
        content.add_step(recorded(walker, x, y, sample_weight))
        for _ in range(further):
            walker = copy.deepcopy(walker)
            walker.step(x, y, sample_weight)
            content.add_step(recorded(walker, x, y, sample_weight))
    except ValueError as broken_off:
        if not content.operations:
            raise
        error = str(broken_off)
    page = fill_in(page_data(trainer, content, len(x), title, error))
    with replacing(path) as file:
        file.write(page.encode("utf-8"))
    return path


def page_data(trainer: Trainer, content: "Content", batch: int, title: str | None, error: str) -> dict[str, Any]:
    """All that the page shows, as lists, dicts, strings and numbers."""
    model = trainer.model
    kernels = {p.name.rpartition("/")[0] for p in model.parameters if p.name.endswith("/kernel")}
    weighted = [layer for layer in model.everything() if layer.name in kernels]
    widths = in_short([model.input_size, *(layer.output_size for layer in weighted)])
    first = content.operations[: content.starts[1] if len(content.starts) > 1 else None]
    place = {(operation["stage"], operation["name"]): i for i, operation in enumerate(first)}
    layers = [
        {
            "number": weighted.index(layer) + 1 if layer in weighted else None,
            "name": layer.name,
            "kind": kind_of(layer),
            "width": f"{layer.input_size} → {layer.output_size}",
            "forward": place.get(("forward", layer.name)),
            "backward": place.get(("backward", layer.name)),
        }
        for layer in model.everything()
    ]
    count = "One training step" if len(content.starts) == 1 else f"{len(content.starts)} training steps"
    return {
        "title": f"{count} of {widths}, {batch} example{'s' * (batch > 1)}" if title is None else str(title),
        "subtitle": f"{type(trainer.loss).__name__} · {trainer.optimizer!r} · after {trainer.iteration:,} updates",
        "inputs": model.input_size,
        "layers": layers,
        "starts": content.starts,
        "operations": content.operations,
        "scales": content.scales,
        "arrays": content.arrays,
        "sources": content.sources,
        "error": error,
    }


class Content:
    """Collects what the page shows of each operation; arrays and sources that come up again are stored once."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.starts: list[int] = []           # which operation each step begins with
        self.operations: list[dict[str, Any]] = []
        self.scales: dict[str, float] = {}    # the largest magnitude in all arrays of a kind
        self.arrays: list[dict[str, Any]] = []
        self.sources: list[dict[str, Any]] = []
        self.known: dict[Any, int] = {}

    def add_step(self, events: Iterable[StepEvent]) -> None:
        """Add the operations of a step, as far as it goes."""
        self.starts.append(len(self.operations))
        for event in events:
            self.add(event)

    def add(self, event: StepEvent) -> None:
        """Add an operation."""
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
                "size": size_of(event),
                "arrays": shown,
                "source": self._source(event),
            }
        )

    def _array_entry(self, event: StepEvent, name: str, array: Array) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": name, "symbol": symbol(event, name), "scale": scale_of(event, name)}
        side = self._side(event, name, array)
        if side:
            entry["picture"] = side
            entry["transposed"] = name == "kernel"
            entry["scale"] = entry["scale"] if name == "kernel" else ""    # pixels are no values of units
        entry["array"] = self._array(array.T if side and name == "kernel" else array)
        if entry["scale"]:
            largest = max(self.scales.get(entry["scale"], 0.0), self.arrays[entry["array"]]["largest"])
            self.scales[entry["scale"]] = largest
        if event.stage in ("penalty", "clip", "update", "constrain"):
            entry["group"] = name.partition(" of ")[2] or name
        return entry

    def _side(self, event: StepEvent, name: str, array: Array) -> int:
        """How many pixels a side of an example has, for the first layer's input and the weights of its units; else 0."""
        if len(self.operations) not in self.starts or name not in ("input", "kernel") or array.ndim != 2:
            return 0
        pixels = array.shape[1 if name == "input" else 0]
        side = math.isqrt(pixels)
        return side if side >= SMALLEST_PICTURE and side * side == pixels <= MOST_COLUMNS else 0

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
    """A sentence or two about what this operation does.

    >>> from npdeep.common.events import Formula
    >>> words(StepEvent("update", "update", None, Formula("w ← w − η·g"), dict))
    'The optimizer moves every weight a little against its gradient.'
    """
    lowest = event.stage == "backward" and "grad_input" not in event.arrays
    text = OF_A_KIND.get((event.stage, type(event.layer).__name__), WORDS[event.stage])
    return text + (" Nothing below has anything to train, so ∂L/∂input is not computed." if lowest else "")


def scale_of(event: StepEvent, name: str) -> str:
    """The kind of an array: all of a kind can be coloured on one scale. "" for what is compared with nothing.

    >>> from npdeep.common.events import Formula
    >>> update = StepEvent("update", "update", None, Formula("w ← w − η·g"), dict)
    >>> [scale_of(update, name) for name in ("hidden/kernel", "grad of hidden/kernel", "m of hidden/kernel")]
    ['weights', 'gradients of weights', 'm']
    """
    if event.stage == "loss":
        return {"outputs": "values", "grad_outputs": "gradients of values"}.get(name, "")
    if event.stage == "forward":
        return "values" if name in ("input", "output") else "weights" if name in ("kernel", "bias") else ""
    if event.stage == "backward":
        return "gradients of values" if name in ("grad_output", "grad_input") else "gradients of weights"
    word, of, _ = name.partition(" of ")
    return {"grad": "gradients of weights", "change": "changes", "before": "weights"}.get(word, word) if of else "weights"


def size_of(event: StepEvent) -> float | None:
    """What the map shows beside an operation: on the way up the spread of the outputs over the examples (the standard deviation
    of each unit's output, averaged over the units), on the way down the norm of the gradient that comes in.

    >>> from npdeep.common.events import Formula
    >>> size_of(StepEvent("forward", "a", None, Formula("a = z"), lambda: {"output": np.array([[0.0, 2.0], [2.0, 2.0]])}))
    0.5
    """
    name = {"forward": "output", "backward": "grad_output"}.get(event.stage)
    array = None if name is None else event.arrays.get(name)
    if array is None or array.ndim != 2 or not np.isfinite(array).all():
        return None
    return spread_over_examples(array) if event.stage == "forward" else norm(array)


def in_short(widths: list[int]) -> str:
    """The widths of a network, several equal ones in a row as a count.

    >>> in_short([784, 100, 100, 100, 10]), in_short([2, 8, 8, 2])
    ('784-3×100-10', '2-8-8-2')
    """
    runs = [(n, len(list(same))) for n, same in itertools.groupby(widths)]
    return "-".join(f"{count}×{n}" if count > 2 else "-".join([str(n)] * count) for n, count in runs)


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
        "STYLE": pages.part("npdeep.plots", "walk_page.css"),
        "SCRIPT": pages.part("npdeep.plots", "walk_page.js"),
        "DATA": json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", r"\u003c"),
    }
    return pages.filled(pages.part("npdeep.plots", "walk_page.html"), parts)
