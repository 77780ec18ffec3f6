"""Limits that weights must keep: put in force after every update, so that no step ends outside them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from npdeep.common import checks, registry
from npdeep.common.described import Described
from npdeep.common.events import Formula
from npdeep.common.foreign_names import CONSTRAINTS, expanded
from npdeep.common.hinting import asked, offered
from npdeep.kernels import constraints as kernels
from npdeep.kernels.arrays import Array


class Constraint(Described):
    """Base. An own constraint defines `apply` (and `formula`, if it is to show in a walk).

    >>> MaxNorm(1.0)
    MaxNorm(value=1.0, axis=0)
    """

    formula = Formula("constraint")
    kernel: Any = None

    def apply(self, w: Array, scratch: Array) -> None:
        """Change w, a whole kernel or bias, in place. scratch: a flat array for whoever needs room."""
        raise NotImplementedError(f"{type(self).__name__} must define apply(w, scratch)")


class _AlongAxis(Constraint):
    """A constraint on the norms of the columns or rows of a kernel."""

    axis: int

    def _norms(self, w: Array) -> Array:
        return np.empty((1, w.shape[1]) if self.axis == 0 else (w.shape[0], 1), w.dtype)

    def matrix(self, w: Array) -> Array:
        """w as a matrix: a bias, a vector, is seen as one column under axis 0 and as one row under axis 1."""
        if w.ndim == 2:
            return w
        return w.reshape(-1, 1) if self.axis == 0 else w.reshape(1, -1)


def _check_axis(owner: str, axis: Any) -> int:
    if not isinstance(axis, int) or isinstance(axis, bool) or axis not in (0, 1):
        raise ValueError(
            f"{owner}: axis must be 0 (the weights that come into each unit) or 1 (those that go out of each input), "
            f"got {checks.describe(axis)}"
        )
    return int(axis)


class MaxNorm(_AlongAxis):
    """‖w‖ ≤ value for the weights of each unit; longer ones are shortened to it: w ← w · value/‖w‖.

    axis 0, the default, takes the weights that come *into* a unit, as the text of the chapter says. The code of its two
    notebooks has axes=1 on a kernel of shape (inputs, units) and so limits the weights that go *out* of each input; axis=1
    reproduces the numbers printed there.

    >>> w = np.array([[3.0, 0.5], [4.0, 0.5]])
    >>> MaxNorm(1.0).apply(w, np.empty(4)); w
    array([[0.6, 0.5],
           [0.8, 0.5]])
    """

    kernel: Any = staticmethod(kernels.max_norm)
    formula = Formula("w ← w·r/‖w‖ where ‖w‖ > r", r"w \leftarrow w\, r/\|w\| \text{ where } \|w\| > r")

    def __init__(self, value: float = 1.0, axis: int = 0) -> None:
        self.value = checks.number("MaxNorm", "value", value, above=0)
        self.axis = _check_axis("MaxNorm", axis)

    def apply(self, w: Array, scratch: Array) -> None:
        """Shorten what is too long; leave the rest bit for bit."""
        kernels.max_norm(self.matrix(w), self.value, self.axis, self._norms(self.matrix(w)))


class MinMaxNorm(_AlongAxis):
    """minimum ≤ ‖w‖ ≤ maximum, approached by the share `rate` at each step (1: at once).

    >>> w = np.array([[0.3], [0.4]])
    >>> MinMaxNorm(1.0, 2.0).apply(w, np.empty(2)); w
    array([[0.6],
           [0.8]])
    """

    kernel: Any = staticmethod(kernels.min_max_norm)
    formula = Formula("w ← w·(1 − ρ + ρ·limit/‖w‖)", r"w \leftarrow w\,(1 - \rho + \rho\,\mathrm{limit}/\|w\|)")

    def __init__(self, minimum: float = 0.0, maximum: float = 1.0, rate: float = 1.0, axis: int = 0) -> None:
        self.minimum = checks.number("MinMaxNorm", "minimum", minimum, minimum=0)
        self.maximum = checks.number("MinMaxNorm", "maximum", maximum, minimum=self.minimum, above=0)
        self.rate = checks.number("MinMaxNorm", "rate", rate, minimum=0, maximum=1)
        self.axis = _check_axis("MinMaxNorm", axis)

    def apply(self, w: Array, scratch: Array) -> None:
        """Move the norms towards the interval."""
        matrix = self.matrix(w)
        kernels.min_max_norm(matrix, self.minimum, self.maximum, self.rate, self.axis, self._norms(matrix))


class UnitNorm(_AlongAxis):
    """‖w‖ = 1; weights that are all 0 stay so.

    >>> w = np.array([[3.0], [4.0]])
    >>> UnitNorm().apply(w, np.empty(2)); w
    array([[0.6],
           [0.8]])
    """

    kernel: Any = staticmethod(kernels.min_max_norm)
    formula = Formula("w ← w/‖w‖", r"w \leftarrow w/\|w\|")

    def __init__(self, axis: int = 0) -> None:
        self.axis = _check_axis("UnitNorm", axis)

    def apply(self, w: Array, scratch: Array) -> None:
        """Scale every norm to 1."""
        matrix = self.matrix(w)
        kernels.min_max_norm(matrix, 1.0, 1.0, 1.0, self.axis, self._norms(matrix))


class NonNegative(Constraint):
    """w ≥ 0: negative weights become 0.

    >>> w = np.array([-1.0, 2.0])
    >>> NonNegative().apply(w, np.empty(2)); w
    array([0., 2.])
    """

    kernel: Any = staticmethod(kernels.non_negative)
    formula = Formula("w ← max(w, 0)", r"w \leftarrow \max(w, 0)")

    def apply(self, w: Array, scratch: Array) -> None:
        """Cut at 0."""
        kernels.non_negative(w)


KNOWN: dict[str, type[Constraint]] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "unit_norm": UnitNorm,
    "non_negative": NonNegative,
}
HINTS = expanded(CONSTRAINTS)
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__)


def get(owner: str, name: str, constraint: Any) -> Constraint | None:
    """A constraint from its name, the object itself, or None.

    >>> get("Dense", "kernel_constraint", "non_negative")
    NonNegative()
    """
    return registry.find(owner, name, constraint, Constraint, KNOWN, HINTS, number="MaxNorm", optional=True)
