"""What a gradient check found: a comparison for each parameter, the kinks, and the table that tells of them."""

from dataclasses import dataclass, field

import numpy as np

from npdeep.common.notation import short
from npdeep.common.printing import printable
from npdeep.common.tables import Table, Tabled
from npdeep.kernels.arrays import Array

SHOWN_KINKS = 3
"""How many kinks the report tells of in words; `report.kinks` has them all."""


@dataclass(frozen=True)
class Kink:
    """An element at which the loss has a kink: to the left it rises differently than to the right.

    >>> print(Kink("hidden/kernel", (3, 0), left=-0.3125, right=0.0, ours=-0.3125))
    hidden/kernel[3, 0]: a kink, fine: left −0.3125, right 0, ours −0.3125 lies between
    """

    name: str
    index: tuple[int, ...]
    left: float
    right: float
    ours: float

    def __str__(self) -> str:
        left, right, ours = map(short, (self.left, self.right, self.ours))
        between = min(self.left, self.right) <= self.ours <= max(self.left, self.right)
        why = "lies between" if between else "takes another side of kinks that meet here; a little away from them all agree"
        return printable(f"{self.name}{list(self.index)}: a kink, fine: left {left}, right {right}, ours {ours} {why}")


@dataclass
class Comparison:
    """One parameter (or the input): analytic against central differences.

    Attributes:
        name: of the parameter, or "input".
        checked, size: how many of how many elements were compared.
        error: ‖analytic − numeric‖/max(‖analytic‖, ‖numeric‖) over the compared elements, kinks left out.
        worst: index of the element that differs most. analytic, numeric: its two values.
        kinks: how many elements sit on a kink, where left and right differences disagree and the analytic one lies between.
        verdict: "ok"; "WRONG"; or "too small to tell": they differ, but by no more than the rounding of the loss makes of a
            difference, because the gradient itself is about as small as that.
        indices: which elements were compared, counted row by row. ours, central, left, right: their analytic gradients, their
            central differences, and the one-sided ones. on_kink: which of them sit on a kink.
    """

    name: str
    checked: int
    size: int
    error: float
    worst: tuple[int, ...]
    analytic: float
    numeric: float
    kinks: int
    verdict: str
    shape: tuple[int, ...] = field(default=(), repr=False)
    indices: Array = field(default_factory=lambda: np.empty(0, int), repr=False)
    ours: Array = field(default_factory=lambda: np.empty(0), repr=False)
    central: Array = field(default_factory=lambda: np.empty(0), repr=False)
    left: Array = field(default_factory=lambda: np.empty(0), repr=False)
    right: Array = field(default_factory=lambda: np.empty(0), repr=False)
    on_kink: Array = field(default_factory=lambda: np.empty(0, bool), repr=False)

    def told_kinks(self) -> list[Kink]:
        """Every kink with its place and its slopes."""
        return [
            Kink(self.name, place(int(self.indices[i]), self.shape), *(float(a[i]) for a in (self.left, self.right, self.ours)))
            for i in np.flatnonzero(self.on_kink)
        ]


@dataclass(repr=False)
class GradientReport(Tabled):
    """The result of a gradient check, one comparison a parameter. Prints as a table; true where nothing is wrong.

    remarks: what was held fixed and what was recomputed in every evaluation. rows, units: of the examples and outputs.
    """

    tolerance: float
    comparisons: list[Comparison] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    rows: int = 0
    units: int = 0

    @property
    def kinks(self) -> list[Kink]:
        """All elements that were left out because the loss has a kink there."""
        return [kink for c in self.comparisons for kink in c.told_kinks()]

    @property
    def error(self) -> float:
        """The largest relative error, of the parameters whose gradient is large enough to tell."""
        return max((c.error for c in self.comparisons if c.verdict != "too small to tell"), default=0.0)

    @property
    def worst(self) -> Comparison:
        """The parameter that differs most, of those whose gradient is large enough to tell (or else of all)."""
        telling = [c for c in self.comparisons if c.verdict != "too small to tell"] or self.comparisons
        return max(telling, key=lambda c: c.error)

    @property
    def wrong(self) -> list[Comparison]:
        """The parameters whose gradient does not agree."""
        return [c for c in self.comparisons if c.verdict == "WRONG"]

    def __bool__(self) -> bool:
        """Is no gradient wrong?"""
        return not self.wrong

    def factor(self) -> float | None:
        """By which one factor all gradients are wrong, to three digits; None where it is not one factor.

        >>> ours, central = np.array([4.0, 8.0]), np.array([1.0, 2.0])
        >>> row = Comparison("a", 2, 2, 0.75, (0,), 4.0, 1.0, 0, "WRONG", ours=ours, central=central, on_kink=np.zeros(2, bool))
        >>> GradientReport(1e-6, [row, row]).factor()
        4.0
        """
        smooth = [(c.ours[~c.on_kink], c.central[~c.on_kink]) for c in self.wrong]
        ours, central = (np.concatenate(both) for both in zip(*smooth, strict=True))
        square = float(central @ central)
        factor = float(ours @ central) / square if 0 < square < np.inf else np.nan
        if not np.linalg.norm(ours - factor * central) <= 1e-4 * np.linalg.norm(ours):
            return None
        return float(f"{factor:.4g}")

    def summary(self) -> str:
        """One sentence."""
        telling = [c for c in self.comparisons if c.verdict != "too small to tell"]
        if len(self.wrong) > 1 and len(self.wrong) == len(telling):
            factor = self.factor()
            if factor is None:
                return "no gradient agrees: look first at what all of them come from, the loss's backward and the last layer"
            counts = {self.rows: "the number of rows", self.rows * self.units: "rows times outputs"}
            of = counts.get(int(factor), "") if factor == int(factor) else ""
            told = f", {of}: a mean divides its gradient by it too" if of else ""
            return f"all gradients are {factor:g} times what they should be: look at the loss's backward{told}"
        if self.wrong:
            return f"{self.worst.name} does not agree: {self.worst.error:.1e} is above {self.tolerance:g}"
        small = sum(c.verdict == "too small to tell" for c in self.comparisons)
        if small == len(self.comparisons):
            return "all gradients are too small for differences to tell whether they are right"
        rest = f", but for {small} that are too small for differences to tell" if small else ""
        return f"all gradients agree with central differences to {self.tolerance:g}{rest}"

    def table(self) -> Table:
        """One row a parameter."""
        rows = [
            [
                c.name,
                f"{c.checked}/{c.size}",
                f"{c.error:.1e}",
                "[" + ", ".join(map(str, c.worst)) + "]",
                f"{c.analytic:.9g}",
                f"{c.numeric:.9g}",
                c.kinks or "",
                c.verdict,
            ]
            for c in self.comparisons
        ]
        header = ["gradient of", "checked", "relative error", "worst element", "analytic", "numeric", "kinks", "verdict"]
        kinks = self.kinks
        told = [str(kink) for kink in kinks[:SHOWN_KINKS]]
        told += [f"and {len(kinks) - SHOWN_KINKS} kinks more, in report.kinks"] if len(kinks) > SHOWN_KINKS else []
        return Table(header, rows, notes=[*told, *self.remarks, self.summary()])


def place(k: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Where the k-th element is, counted row by row.

    >>> place(7, (3, 5))
    (1, 2)
    """
    return tuple(int(i) for i in np.unravel_index(k, shape))
