"""What a training step does, operation by operation: formulas, events and the numbers in them."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep.common.printing import Text, printable
from npdeep.common.tables import Table
from npdeep.kernels.arrays import Array

STAGES = ("forward", "loss", "backward", "penalty", "clip", "update", "constrain")


class Formula(Text):
    """A formula as plain text, with the same in LaTeX as `.latex`.

    >>> f = Formula("z = xW + b", r"z = xW + b")
    >>> f, f.latex
    ('z = xW + b', 'z = xW + b')
    """

    latex: str

    def __new__(cls, text: str, latex: str = "") -> "Formula":
        """Make a string that carries its LaTeX."""
        formula = super().__new__(cls, text)
        formula.latex = latex or text
        return formula

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle both forms."""
        return Formula, (self.unicode, self.latex)

    @property
    def lines(self) -> list[str]:
        """One equation per line: split at the commas and semicolons that are outside all brackets.

        >>> Formula("dW = xᵀdz, db = Σ dz").lines, Formula("a = max(z, 0) where z > 1, else 0").lines
        (['dW = xᵀdz', 'db = Σ dz'], ['a = max(z, 0) where z > 1, else 0'])
        """
        lines, depth, start = [], 0, 0
        for i, sign in enumerate(self):
            depth += (sign in "([{") - (sign in ")]}")
            if depth == 0 and self[i : i + 2] in (", ", "; ") and not self.startswith("else", i + 2):
                lines.append(self[start:i])
                start = i + 2
        return [*lines, self[start:]]

    def without(self, *letters: str) -> "Formula":
        """Without the equations for these letters; as it is where nothing would be left.

        >>> Formula("dW = xᵀdz, dx = dz Wᵀ", r"dW = x^\\top dz,\\ dx = dz\\,W^\\top").without("dx")
        'dW = xᵀdz'
        """
        starts = tuple(f"{letter} = " for letter in letters)
        text = [line for line in self.lines if not line.startswith(starts)]
        latex = [line for line in self.latex.split(r",\ ") if not line.startswith(starts)]
        return Formula(", ".join(text), r",\ ".join(latex)) if text and len(text) < len(self.lines) else self


Operation = Callable[[], tuple[Formula, Callable[..., Any] | None]]
"""Asked for what was computed: the formula, and the kernel that did it."""


CHANGED_BY = {
    "forward": ("update", "constrain"),
    "backward": ("penalty", "clip"),
    "penalty": ("clip", "update", "constrain"),
    "update": ("constrain",),
}
"""The later stages of a step that write into what an event of a stage shows: weights, or gradients."""


class Moment:
    """How far a walk has come, so that an event that was kept knows whether its arrays have changed since.

    Args:
        model: what counts its forward passes in `passes`; each overwrites the arrays of the one before.
    """

    def __init__(self, model: Any) -> None:
        self.model, self.passes = model, model.passes
        self.done: list[str] = []

    def reached(self, stage: str) -> None:
        """Note that an operation of this stage was just made."""
        if not self.done:
            self.passes = self.model.passes   # that of this walk
        self.done.append(stage)

    def changed_since(self, event: "StepEvent") -> str:
        """What has written into the event's arrays since it was yielded, in words; "" where nothing has."""
        if self.model.passes != self.passes:
            return "another pass"
        holds_weights = event.layer is None or event.layer.parameters
        later = [stage for stage in CHANGED_BY.get(event.stage, ()) if stage in self.done and holds_weights]
        return f"the stage {later[-1]}" if later else ""


class StepEvent:
    """One operation of a training step, as `Trainer.walk` yields it.

    Attributes:
        stage: one of forward, loss, backward, penalty, clip, update, constrain.
        name: the layer's name, else the stage.
        layer: the layer, or None.
        formula: what was just computed, as text, and as LaTeX in `formula.latex`.
        function: what computed it, a function of npdeep.kernels; None where it was a custom part. (`kernel` is the same, from
            when npdeep called it so; everywhere else the kernel is the weight matrix.)

    An event is made once and read often: `arrays` shows the arrays as they are *now*. `copy()` keeps the numbers. An event of
    `walk` that is kept and printed later says so where its arrays have changed since.

    >>> x = np.array([[1.0, -3.0]])
    >>> print(StepEvent("forward", "demo", None, Formula("a = z"), lambda: {"a": x}))
    forward   demo  a = z  a (1, 2) mean -1 std 2
    """

    __slots__ = ("_moment", "_read", "_what", "layer", "name", "stage")

    def __init__(
        self,
        stage: str,
        name: str,
        layer: Any,
        formula: "Formula | Operation",
        read: Callable[[], dict[str, Any]],
        function: Callable[..., Any] | None = None,
        moment: Moment | str = "",
    ) -> None:
        self.stage, self.name, self.layer = stage, name, layer
        self._what: Any = (formula, function) if isinstance(formula, Formula) else formula
        self._read, self._moment = read, moment

    @property
    def formula(self) -> Formula:
        """What was just computed; of an object whose formula depends on its state, as it is now."""
        what: tuple[Formula, Any] = self._what() if callable(self._what) else self._what
        return what[0]

    @property
    def function(self) -> Callable[..., Any] | None:
        """The function that computed it."""
        what: tuple[Formula, Callable[..., Any] | None] = self._what() if callable(self._what) else self._what
        return what[1]

    kernel = function

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays of this operation by name, live: the next step overwrites them."""
        return {name: array for name, array in self._read().items() if array is not None}

    def at(self, moment: Moment) -> "StepEvent":
        """The same event, live too, that knows in which walk it was yielded."""
        return StepEvent(self.stage, self.name, self.layer, self._what, self._read, None, moment)

    @property
    def changed_since(self) -> str:
        """What has written into the arrays since `walk` yielded the event, in words; "" where nothing has."""
        return self._moment if isinstance(self._moment, str) else self._moment.changed_since(self)

    def copy(self) -> "StepEvent":
        """An event whose arrays are copies and stay as they are.

        >>> x = np.zeros(1)
        >>> kept = StepEvent("loss", "loss", None, Formula("ℓ"), lambda: {"x": x}).copy()
        >>> x += 1
        >>> kept.arrays
        {'x': array([0.])}
        """
        return self.with_arrays({name: array.copy() for name, array in self.arrays.items()})

    def with_arrays(self, arrays: dict[str, Array]) -> "StepEvent":
        """The same event, showing these arrays for good.

        >>> StepEvent("loss", "loss", None, Formula("ℓ"), dict).with_arrays({"x": np.zeros(1)}).arrays
        {'x': array([0.])}
        """
        return StepEvent(self.stage, self.name, self.layer, self.formula, _Kept(arrays), self.function, self.changed_since)

    def stats(self) -> dict[str, dict[str, float]]:
        """Per array: mean, std, min, max, norm, the share of zeros, and how many elements are not finite.

        >>> event = StepEvent("forward", "demo", None, Formula("a"), lambda: {"a": np.array([3.0, 0.0, -4.0])})
        >>> event.stats()["a"]["norm"], event.stats()["a"]["zeros"]
        (5.0, 0.3333333333333333)
        """
        return {name: statistics(array) for name, array in self.arrays.items()}

    @property
    def source(self) -> tuple[str, int]:
        """File and line of the function that computed this, for an editor or a breakpoint.

        >>> import npdeep.kernels.affine as affine
        >>> event = StepEvent("forward", "demo", None, Formula("z"), dict, affine.affine_forward)
        >>> file, line = event.source
        >>> file.endswith("affine.py"), line > 0
        (True, True)
        """
        function = self.function
        if function is None:
            raise ValueError(f"the event {self.stage} {self.name!r} was computed by custom code, not by a kernel of npdeep")
        return inspect.getsourcefile(function) or "", inspect.getsourcelines(function)[1]

    def __str__(self) -> str:
        """One readable line: stage, name, formula, and each array's shape, mean and spread."""
        shown = [f"{name} {array.shape} {_brief(array)}" for name, array in self.arrays.items()]
        return printable(f"{self.stage:<9} {self.name}  {self.formula}  " + " · ".join(shown) + self._remark())

    def _remark(self) -> str:
        since = self.changed_since
        return f" (arrays changed since, by {since}; event.copy() keeps them)" if since else ""

    def __repr__(self) -> str:
        """The same line between angle brackets."""
        return f"<StepEvent {self}>"

    def table(self) -> Table:
        """One row an array: its shape, what is in it, and its statistics.

        >>> print(StepEvent("forward", "demo", None, Formula("a"), lambda: {"a": np.array([3.0, 0.0])}).table())
        forward demo: a
        array  shape  dtype    mean  std  min  max  norm  zeros  not finite
        ─────  ─────  ───────  ────  ───  ───  ───  ────  ─────  ──────────
        a      (2,)   float64   1.5  1.5    0    3     3  50.0%           0
        """
        rows = [
            [name, array.shape, array.dtype, *statistics_in_words(array).values()] for name, array in self.arrays.items()
        ]
        title = f"{self.stage} {self.name}: {self.formula}{self._remark()}"
        return Table(["array", "shape", "dtype", *STATISTICS], rows, title)

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class _Kept:
    """A reader of arrays that were copied: a class, so that a kept event can be pickled."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays

    def __call__(self) -> dict[str, Array]:
        return self.arrays


def statistics(array: Array) -> dict[str, float]:
    """mean, std, min, max, norm, zeros (share), not_finite (count) of one array, computed in float64 on its finite part.

    >>> statistics(np.array([1.0, np.nan]))["not_finite"]
    1.0
    """
    values = np.asarray(array, np.float64).ravel()
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        finite = np.full(1, np.nan)
    return {
        "mean": float(finite.mean()),
        "std": float(finite.std()),
        "min": float(finite.min()),
        "max": float(finite.max()),
        "norm": norm(finite),
        "zeros": float(np.mean(values == 0)) if values.size else 0.0,
        "not_finite": float(values.size - np.count_nonzero(np.isfinite(values))),
    }


STATISTICS = ("mean", "std", "min", "max", "norm", "zeros", "not finite")


def statistics_in_words(array: Array) -> dict[str, str]:
    """The statistics of an array to read: four digits, the share of zeros in per cent.

    >>> statistics_in_words(np.array([1.0, 0.0]))["zeros"], statistics_in_words(np.array([np.inf]))["mean"]
    ('50.0%', '–')
    """
    *numbers, zeros, not_finite = statistics(array).values()
    shown = [f"{number:.4g}" if np.isfinite(number) else "–" for number in numbers]
    return dict(zip(STATISTICS, [*shown, f"{zeros:.1%}", f"{not_finite:.0f}"], strict=True))


def norm(array: Array) -> float:
    """‖array‖, summed up in float64, so that large gradients do not overflow.

    >>> norm(np.full(4, 1e30, np.float32)) > 1e30
    True
    """
    values = np.asarray(array, np.float64).ravel()
    return float(np.sqrt(values @ values))


def _brief(array: Array) -> str:
    if array.dtype.kind in "iub":
        return str(array.dtype)
    numbers = statistics(array)
    bad = f" {numbers['not_finite']:.0f} not finite" if numbers["not_finite"] else ""
    return f"mean {numbers['mean']:.3g} std {numbers['std']:.3g}{bad}"
