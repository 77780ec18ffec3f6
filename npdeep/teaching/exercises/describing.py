"""Where no mistake of the catalogue fits: what an output is, compared with what it should be, in words."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npdeep.kernels.arrays import Array
from npdeep.teaching.exercises import naming, regions
from npdeep.teaching.exercises.exercise import Inputs

NEAR = 1e-6
"""Two numbers, relative to the larger, that count as the same here."""


ALMOST = 1e-4
"""Closer than this is right but for something small."""


@dataclass(frozen=True)
class Case:
    """One output in one trial: what came, what is right, the inputs, what other outputs should be, the right one's summands."""

    got: Any
    right: Any
    inputs: Inputs
    others: Mapping[str, Any] = field(default_factory=dict)
    terms: Mapping[str, Any] = field(default_factory=dict)


def describe(
    name: str, cases: Sequence[Case], tolerance: float = NEAR, substituted: Callable[[], str | None] = lambda: None
) -> str:
    """What is wrong with an output: the first question that has an answer in all cases, and the worst element.

    substituted: one more question, whether it would be right for another input.

    >>> x = np.array([[1.0, 2.0], [3.0, 5.0]])
    >>> describe("y", [Case(0.3 * x, x, {"x": x})])
    'y is 0.3 times what it should be'
    """
    if any(isinstance(case.right, list) for case in cases):
        return _list(name, cases, tolerance)
    if any(isinstance(case.got, list) for case in cases):
        return f"{name} is a list of arrays, expected one array"
    cases = [Case(np.asarray(c.got, float), np.asarray(c.right, float), c.inputs, c.others, c.terms) for c in cases]
    for other in cases[0].others:
        if _all(cases, lambda c, other=other: near(c.got, np.asarray(c.others[other], float), tolerance)):  # type: ignore[misc]
            return f"{name} is what {other} should be: are the outputs in another order?"
    if any(case.got.shape != case.right.shape for case in cases):
        return f"{name} {_shape(name, cases)}"
    for question in (*PLAIN, _terms, lambda *_: substituted(), *FURTHER):
        answer = question(cases, max(tolerance, NEAR))
        if answer:
            worst = "" if question in (*PLAIN, _almost) else f"; {worst_element(name, cases)}"
            return f"{name} {answer}{worst}"
    return f"{_change(name, cases, max(tolerance, NEAR)) or name + how_wrong(cases)}; {worst_element(name, cases)}"


def how_wrong(cases: Sequence[Case]) -> str:
    """Where nothing fits: how many elements are wrong, and in which direction.

    >>> how_wrong([Case(np.array([1.0, 3.0]), np.array([1.0, 2.0]), {})])
    ' is wrong in 1 of 2 elements, everywhere too large'
    """
    if _all(cases, lambda c: c.right.size == 1):
        larger = {bool((c.got > c.right).all()) for c in cases}
        return f" is wrong, in every case too {'large' if larger == {True} else 'small'}" if len(larger) == 1 else " is wrong"
    off = [np.abs(c.got - c.right) > NEAR * max(float(np.abs(c.right).max(initial=0)), 1e-3) for c in cases]
    text = f" is wrong in {off[0].sum()} of {off[0].size} elements"
    for what, holds in WAYS.items():
        if all(holds(c.got[o], c.right[o]).all() for c, o in zip(cases, off, strict=True)):
            return f"{text}, {what}"
    return text


WAYS: dict[str, Callable[[Array, Array], Array]] = {
    "everywhere too large": lambda got, right: got > right,
    "everywhere too small": lambda got, right: got < right,
    "with the right sign, but too large in size": lambda got, right: (got * right > 0) & (np.abs(got) > np.abs(right)),
    "with the right sign, but too small in size": lambda got, right: (got * right > 0) & (np.abs(got) < np.abs(right)),
    "with the wrong sign": lambda got, right: got * right < 0,
    "with the right sign": lambda got, right: got * right > 0,
}


def _change(name: str, cases: Sequence[Case], tolerance: float) -> str | None:
    """Of an output that is a new value of an input, such as w: what is wrong with the step between the two."""
    if not _all(cases, lambda c: name in c.inputs and np.shape(c.inputs[name]) == c.right.shape and c.right.ndim > 0):
        return None
    steps = [Case(c.got - c.inputs[name], c.right - c.inputs[name], c.inputs) for c in cases]
    answer = next((a for q in (_zeros, _sign, _factor, _power, _elementwise) if (a := q(steps, tolerance))), None)
    return f"the change of {name}, new minus old, {answer}" if answer else None


def worst_element(name: str, cases: Sequence[Case]) -> str:
    """The element that is farthest off, with both numbers.

    >>> worst_element("b", [Case(np.array([1.0, 3.0]), np.array([1.0, 2.0]), {})])
    'the worst element is b[1]: 3, expected 2'
    """
    case = max(cases, key=lambda c: float(np.abs(c.got - c.right).max(initial=0)))
    if not case.right.ndim:
        return f"it is {case.got:.6g}, expected {case.right:.6g}"
    place = np.unravel_index(np.abs(case.got - case.right).argmax(), case.right.shape)
    index = ", ".join(map(str, place))
    return f"the worst element is {name}[{index}]: {case.got[place]:.6g}, expected {case.right[place]:.6g}"


def near(left: Array, right: Array, tolerance: float) -> bool:
    """Whether two arrays hold the same numbers, relative to the largest."""
    scale = max(float(np.abs(right).max(initial=0)), 1e-3)
    return left.shape == right.shape and bool((np.abs(left - right) <= tolerance * scale).all())


def _all(cases: Sequence[Case], holds: Callable[[Case], bool]) -> bool:
    return all(holds(case) for case in cases)


# ── shapes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _shape(name: str, cases: Sequence[Case]) -> str:
    case = next(c for c in cases if c.got.shape != c.right.shape)
    got, right = case.got, case.right
    shapes = f"has the shape {got.shape}, expected {right.shape}"
    if got.shape == right.shape[::-1]:
        return f"is transposed: it {shapes}" if near(got.T, right, NEAR) else f"{shapes}: is something transposed in it?"
    if got.size == right.size and near(got.reshape(right.shape), right, NEAR):
        return f"has the right numbers in another shape: it {shapes} (is there a keepdims=True or a reshape too many?)"
    if not got.ndim and near(got, right.sum(), NEAR):
        return f"{shapes}: it is the sum of everything; sum over one axis alone"
    if got.ndim > right.ndim:
        for axis in range(got.ndim):
            for what, reduced in (("sum", got.sum(axis)), ("mean", got.mean(axis))):
                if near(reduced, right, NEAR):
                    return f"{shapes}: the {what} over axis {axis} is missing"
        return f"{shapes}: is a sum over one axis missing?"
    if got.ndim < right.ndim:
        return f"{shapes}: is there a sum or a mean too many?"
    return f"{shapes}: was the wrong axis summed over?" if got.ndim == 1 else shapes


def _list(name: str, cases: Sequence[Case], tolerance: float) -> str:
    for case in cases:
        if not isinstance(case.got, list):
            return f"{name} must be a list of {len(case.right)} arrays"
        if len(case.got) != len(case.right):
            return f"{name} has {len(case.got)} arrays, expected {len(case.right)}"
        for i, (got, right) in enumerate(zip(case.got, case.right, strict=True)):
            if got.shape != right.shape:
                return f"{name}[{i}] has the shape {got.shape}, expected {right.shape}"
    flat = [Case(joined(case.got), joined(case.right), {}) for case in cases]
    return describe(f"{name} (all its arrays together)", flat, tolerance)


def joined(parts: Sequence[Array]) -> Array:
    """All numbers of several arrays, joined end to end.

    >>> joined([np.ones(1), np.zeros((1, 2))])
    array([1., 0., 0.])
    """
    return np.concatenate([part.ravel() for part in parts])


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _not_finite(cases: Sequence[Case], tolerance: float) -> str | None:
    for case in cases:
        bad = ~np.isfinite(case.got)
        if bad.any():
            place = tuple(map(int, np.argwhere(bad)[0]))
            at = f" at {list(place)}" if place else ""
            nan = np.isnan(case.got[place])
            return f"holds {case.got[place]}{at}: look for {SOURCES_OF_NAN if nan else SOURCES_OF_INF}"
    return None


SOURCES_OF_NAN = "0/0, inf/inf, or the root or logarithm of a negative number"
SOURCES_OF_INF = "a division by 0, a logarithm of 0, or an exponential of a large number"


def _cut(cases: Sequence[Case], tolerance: float) -> str | None:
    """Where an array of integers took the numbers up to the point alone."""
    if _all(cases, lambda c: near(c.got, np.trunc(c.right), NEAR) and not near(c.got, c.right, 0.01)):
        return "lost its fractions: was an array made with dtype=int, or from integers? np.zeros(shape) holds floats"
    return None


def _zeros(cases: Sequence[Case], tolerance: float) -> str | None:
    return "is 0 everywhere" if _all(cases, lambda c: not c.got.any()) else None


def _sign(cases: Sequence[Case], tolerance: float) -> str | None:
    return "has the wrong sign" if _all(cases, lambda c: near(-c.got, c.right, tolerance)) else None


def ratio(got: Array, right: Array, tolerance: float) -> float | None:
    """c where got = c · right, None where there is no such number.

    >>> ratio(np.array([2.0, 4.0]), np.array([1.0, 2.0]), 1e-6)
    2.0
    """
    square = float((right * right).sum())
    if square == 0:
        return None
    c = float((got * right).sum()) / square
    return c if abs(c) > 1e-6 and near(got, c * right, tolerance) else None


UNKNOWN = "right but for a factor that depends on the inputs"


def times(factors: Sequence[float], cases: Sequence[Case]) -> str:
    """The factor in words.

    >>> times([2.0], [Case(np.ones(1), np.ones(1), {})])
    '2 times what it should be'
    """
    name = naming.named(factors, [case.inputs for case in cases])
    if name is not None:
        symbol, _, note = name.partition(" ")
        return f"{symbol} times what it should be{note and ' ' + note}"
    return f"{UNKNOWN} ({', '.join(f'{f:.3g}' for f in factors[:3])}, ...)"


def _factor(cases: Sequence[Case], tolerance: float) -> str | None:
    factors = [ratio(case.got, case.right, tolerance) for case in cases]
    known = [f for f in factors if f is not None]
    if len(known) < len(cases) or np.allclose(known, 1, rtol=0, atol=ALMOST):
        return None
    text = times(known, cases)
    single = _all(cases, lambda c: c.right.size == 1)  # one number is always a multiple of another
    return None if single and (text.startswith(UNKNOWN) or len(cases) == 1) else f"is {text}"


def _candidates(case: Case) -> dict[str, Array]:
    """Inputs that have the shape of the output, or that go to each of its rows."""
    shape = case.right.shape
    arrays = {k: v for k, v in case.inputs.items() if isinstance(v, np.ndarray) and v.ndim and v.shape in (shape, shape[1:])}
    return {k: np.broadcast_to(np.asarray(v, float), shape) for k, v in arrays.items() if v.dtype.kind in "iuf"}


def _same_as(cases: Sequence[Case], tolerance: float) -> str | None:
    for name in _candidates(cases[0]):
        if _all(cases, lambda c, name=name: near(c.got, _candidates(c).get(name, c.got + 1), tolerance)):  # type: ignore[misc]
            return f"is the input {name} itself"
    return None


def _transposed(cases: Sequence[Case], tolerance: float) -> str | None:
    return "is transposed" if _all(cases, lambda c: c.right.ndim == 2 and near(c.got.T, c.right, tolerance)) else None


# ── sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _terms(cases: Sequence[Case], tolerance: float) -> str | None:
    """Where the right output is a sum of terms: which of them is missing, or has another sign or factor."""
    names = list(cases[0].terms)
    found = []
    for case in cases:
        columns = (
            np.stack([np.broadcast_to(case.terms[name], case.right.shape).ravel() for name in names], 1) if names else None
        )
        if columns is None or np.linalg.matrix_rank(columns) < len(names):
            return None
        weights = np.linalg.lstsq(columns, case.got.ravel())[0]
        if not near(columns @ weights, case.got.ravel(), tolerance):
            return None
        found.append(weights)
    said = []
    for name, weights in zip(names, np.transpose(found), strict=True):
        if np.allclose(weights, 0, atol=1e-6):
            said.append(f"lacks the term {name}")
        elif np.allclose(weights, -1, atol=1e-6):
            said.append(f"has the term {name} with the wrong sign")
        elif not np.allclose(weights, 1, atol=1e-6):
            said.append(f"has the term {name}, which is {times(list(weights), cases)}")
    return " and ".join(said) or None


def _offset(cases: Sequence[Case], tolerance: float) -> str | None:
    """Where a multiple of an input, or a constant, was added or left out."""
    for name in _candidates(cases[0]):
        parts = [_candidates(c).get(name, np.zeros(())) for c in cases]
        if any(part.shape != c.right.shape or np.ptp(part) == 0 for part, c in zip(parts, cases, strict=True)):
            continue
        factors = [ratio(c.got - c.right, part, tolerance) for part, c in zip(parts, cases, strict=True)]
        known = [f for f in factors if f is not None]
        if len(known) == len(cases):
            factor = naming.named(known, [c.inputs for c in cases])
            much = {"1": name, "-1": f"-{name}", None: f"a multiple of {name}"}.get(factor, f"{factor} times {name}")
            return f"is off by {much}: is {name} missing, or in it once too often, or with a wrong factor?"
    return _constant(cases, tolerance)


def _constant(cases: Sequence[Case], tolerance: float) -> str | None:
    differences = [case.got - case.right for case in cases]
    if not all(d.size > 1 and near(d, np.full_like(d, d.flat[0]), tolerance) for d in differences):
        return None
    name = naming.named([float(d.flat[0]) for d in differences], [c.inputs for c in cases])
    return f"is off by {name} everywhere" if name else "is off by the same number everywhere"


def _elementwise(cases: Sequence[Case], tolerance: float) -> str | None:
    """Where an input was multiplied, or divided by, once too often."""
    for name in _candidates(cases[0]):
        if not _all(cases, lambda c, name=name: name in _candidates(c)):  # type: ignore[misc]
            continue
        for what, function in (("multiplied", np.multiply), ("divided", np.divide)):
            with np.errstate(all="ignore"):
                made = [np.nan_to_num(function(c.right, _candidates(c)[name])) for c in cases]
            if all(near(c.got, m, tolerance) for c, m in zip(cases, made, strict=True)):
                return f"is {what} by {name} once too often"
    return None


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _where(cases: Sequence[Case], tolerance: float) -> str | None:
    """Where the wrong elements are: for z < 0, at the labels, in the last row, ..."""
    for name in regions.of(cases[0].inputs, cases[0].right):
        inside = [regions.of(case.inputs, case.right).get(name) for case in cases]
        places = [place for place in inside if place is not None]
        if len(places) < len(cases) or not all(place.any() and not place.all() for place in places):
            continue
        if all(near(np.where(p, c.right, c.got), c.right, tolerance) for p, c in zip(places, cases, strict=True)):
            parts = [Case(c.got[p], c.right[p], c.inputs) for p, c in zip(places, cases, strict=True)]
            there = next((a for q in (_zeros, _sign, _factor, _constant) if (a := q(parts, tolerance))), None)
            return f"is wrong only {name}" + (f": there it {there}" if there else "")
    return None


def _almost(cases: Sequence[Case], tolerance: float) -> str | None:
    if not _all(cases, lambda c: near(c.got, c.right, ALMOST)):
        return None
    return f"is right to some {-math.log10(ALMOST):.0f} digits: is a small number, such as 1e-8, added where none is asked for?"


def _power(cases: Sequence[Case], tolerance: float) -> str | None:
    with np.errstate(all="ignore"):
        for what, function in POWERS.items():
            if _all(cases, lambda c, f=function: near(np.nan_to_num(f(c.right)), c.got, tolerance)):  # type: ignore[misc]
                return what
        if _all(cases, lambda c: near(np.abs(c.got), np.abs(c.right), tolerance)):
            return "has the wrong sign in some places"
    return None


POWERS: dict[str, Callable[[Array], Array]] = {
    "is the square of what it should be (is a root missing?)": lambda right: right * right,
    "is the root of what it should be": np.sqrt,
    "is the reciprocal of what it should be": lambda right: 1 / right,
    "is never negative, and should be (is there an absolute value too many?)": np.abs,
    "is 0 where it should be negative (is there a ReLU too many?)": lambda right: np.maximum(right, 0),
    "is 1 minus what it should be": lambda right: 1 - right,
    "is an exponential of what it should be": np.exp,
    "is a logarithm of what it should be": np.log,
}


def _lines(cases: Sequence[Case], tolerance: float) -> str | None:
    """A factor of its own for every row, or for every column: a sum or a norm along the wrong axis."""
    for axis, what in ((1, "row"), (0, "column")):
        if _all(cases, lambda c, axis=axis: c.right.ndim == 2 and _proportional(c, axis, tolerance)):  # type: ignore[misc]
            return f"is right but for a factor in every {what}, another in each: is a sum, a mean or a norm wrong?"
    return None


def _proportional(case: Case, axis: int, tolerance: float) -> bool:
    lines = zip(np.moveaxis(case.got, 1 - axis, 0), np.moveaxis(case.right, 1 - axis, 0), strict=True)
    return all(ratio(got, right, tolerance) is not None for got, right in lines)


PLAIN = (_not_finite, _cut, _zeros, _sign, _factor, _same_as, _transposed)
"""Questions of which the answer needs no example."""

FURTHER = (_offset, _almost, _power, _elementwise, _where, _lines)
