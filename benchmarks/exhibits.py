"""The frame of benchmarks/kernels.py: one thing done in several ways, found equal in value, timed in turn."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from in_turns import in_turns, ratio

from npdeep.common.tables import Table

Array = np.ndarray[Any, Any]
Way = Callable[[], Any]


@dataclass
class Exhibit:
    """One thing, done in several ways.

    make: builds the arrays and returns the ways by name. same: what must hold of the results of two ways.
    """

    group: str
    name: str
    make: Callable[[], dict[str, Way]]
    same: Callable[[Any, Any], None]

    def ways(self) -> dict[str, Way]:
        """The ways, with arrays of their own, once it is certain that they do the same."""
        first, *others = self.make().items()
        expected = first[1]()
        for name, way in others:
            try:
                self.same(expected, way())
            except AssertionError as error:
                raise AssertionError(f"{self.group}, {self.name}: {name!r} differs from {first[0]!r}: {error}") from None
        return self.make()


def equal(expected: Any, got: Any) -> None:
    """Arrays, or tuples of arrays, equal up to rounding in float32."""
    if not isinstance(expected, tuple):
        expected, got = (expected,), (got,)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)


def equal_shares(expected: Any, got: Any) -> None:
    """Masks of ones and zeros: equal shares of ones, as far as chance lets them be (five standard deviations)."""
    allowed = 5 * math.sqrt(2 * 0.25 / np.size(got))
    assert abs(np.mean(expected) - np.mean(got)) < allowed
    assert set(np.unique(got)) <= {0, 1}


EXHIBITS: list[Exhibit] = []


def exhibit(group: str, name: str, same: Callable[[Any, Any], None] = equal) -> Callable[[Callable[[], dict[str, Way]]], Any]:
    """Put the ways that the function builds on show."""

    def put(make: Callable[[], dict[str, Way]]) -> Callable[[], dict[str, Way]]:
        EXHIBITS.append(Exhibit(group, name, make, same))
        return make

    return put


def normal(*shape: int, seed: int = 0) -> Array:
    """Random numbers from N(0, 1), float32; the same ones every time."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape, dtype=np.float32)


def empty(*shape: int) -> Array:
    return np.empty(shape, np.float32)


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Result:
    """One way beside npdeep's: microseconds of both, and how many times as long the other takes."""

    group: str
    name: str
    way: str
    ours: str
    way_us: float
    ours_us: float
    ratio: float


def measure(shown: Exhibit, rounds: int, block: float) -> Iterator[Result]:
    """Each way beside the last one, npdeep's."""
    times = in_turns(shown.ways(), rounds, block)
    *others, ours = times
    for way in others:
        both = (1e6 * statistics.median(times[name]) for name in (way, ours))
        yield Result(shown.group, shown.name, way, ours, *both, ratio(times[way], times[ours]))


def microseconds(value: float) -> str:
    """Four digits.

    >>> microseconds(3.14159), microseconds(18872.6)
    ('3.142', '18,870')
    """
    return f"{float(f'{value:.4g}'):,.10g}"


def tables(results: Sequence[Result]) -> Iterator[Table]:
    """One table for the kernels, one for each kind of trick."""
    for group in dict.fromkeys(r.group for r in results):
        shown = (r for r in results if r.group == group)
        rows = [[r.name, r.way, microseconds(r.way_us), r.ours, microseconds(r.ours_us), f"{r.ratio:.2f}"] for r in shown]
        yield Table(["what", "one way", "µs", "npdeep's way", "µs ", "ratio"], rows, group)
