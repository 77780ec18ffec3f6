"""Where an explanation looks: which unit, which row, and with which precision the engine worked there."""

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.debug.explanation import Equation, Number, Sum, Symbol, Term


@dataclass(frozen=True)
class Place:
    """One unit of one row, and how to write down what happens there.

    Attributes:
        unit, row: indices. shown: how many terms of a sum are printed one by one. input: the input that was asked for, or None.
        dtype: of the engine's numbers.

    >>> place = Place(unit=0, row=1, shown=6, input=None, dtype=np.dtype("float32"))
    >>> place.equation("a", "max(z, 0)", {"z": 2.0}, 2.0).agrees
    True
    """

    unit: int
    row: int
    shown: int
    input: int | None
    dtype: Any

    @property
    def eps(self) -> float:
        """The distance of the engine's numbers at 1."""
        return float(np.finfo(self.dtype).eps)

    @property
    def tiny(self) -> float:
        """Its smallest normal number."""
        return float(np.finfo(self.dtype).tiny)

    def equation(
        self,
        name: str | Symbol,
        formula: str,
        numbers: Mapping[str, Number],
        value: Any = None,
        words: str = "",
        arrow: bool = False,
        slack: float = 0.0,
    ) -> Equation:
        """An equation in the engine's precision. slack: what to allow besides rounding."""
        return Equation(name, formula, numbers, value, self.eps, words, self.tiny + slack, arrow)

    def term(self, formula: str, numbers: Mapping[str, Number], label: str, last: bool = False) -> Term:
        """A term in the engine's precision."""
        return Term(formula, numbers, label, self.eps, last)

    def sum(
        self, name: str | Symbol, symbolic: Formula, terms: Sequence[Term], value: Any = None, over: float = 1
    ) -> Sum:
        """A sum in the engine's precision."""
        name = Symbol(name) if isinstance(name, str) else name
        return Sum(name, symbolic, terms, value, self.eps, self.shown, over, self.tiny)

    def input_or_largest(self, sizes: Any) -> int:
        """The input that was asked for, or that of largest magnitude.

        >>> Place(0, 0, 6, None, np.float64).input_or_largest(np.array([1.0, -3.0]))
        1
        """
        return int(np.argmax(np.abs(sizes))) if self.input is None else self.input


def index_within(owner: str, name: str, value: Any, size: int, of: str) -> int:
    """An integer of 0 … size − 1, or an error that names the range.

    >>> index_within("explain", "unit", 10, 10, "layer 'outputs' has 10 units")
    Traceback (most recent call last):
    ValueError: explain: unit must lie in 0 to 9 (layer 'outputs' has 10 units), got 10
    """
    if checks.is_number(value, numbers.Integral) and not 0 <= value < size:
        raise ValueError(f"{owner}: {name} must lie in 0 to {size - 1} ({of}), got {checks.spelled(value)}")
    return checks.whole(owner, name, value, minimum=0)
