"""Learning rates of single layers: a factor by which the whole step of some parameters is multiplied.

Where u(w) is what the optimizer makes of a weight w, of momentum, adaptive step sizes and weight decay too, a factor f makes

    w ← w + f (u(w) − w).

The slots stay those of the optimizer. Where the step is proportional to the learning rate η, as it is in all of npdeep's, this
is the same as the learning rate f η for these weights.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from npdeep.common import checks, scopes
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.parameters import Parameter

Factored = list[tuple[Array, Array, float]]
"""The weights of each parameter with a factor, room for what they were before the step, and the factor."""


Factors = Mapping[str, float] | None
"""{"hidden1": 0.1}: factors by names of layers or variables, or patterns, as `model.freeze` takes them."""
NAME = "learning_rate_factors"


def check_factors(owner: str, given: Any) -> dict[str, float]:
    """The factors, of any names. Raises TypeError or ValueError for what is no number above 0 by a name.

    >>> check_factors("SGD", {"hidden1": 1})
    {'hidden1': 1.0}
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f'{owner}: {NAME} must be a dict such as {{"hidden1": 0.1}}, got {checks.describe(given)}')
    factors = {}
    for scope, value in given.items():
        if not isinstance(scope, str):
            raise TypeError(f"{owner}: {NAME}: its keys must be names of layers or variables, got {checks.describe(scope)}")
        factors[scope] = checks.number(owner, f"{NAME}[{scope!r}]", value)
        check_size(owner, scope, factors[scope], np.dtype(np.float64))
    return factors


def check_size(owner: str, scope: str, factor: float, dtype: np.dtype[Any]) -> None:
    """Raise ValueError for a factor that is not above 0 in this precision."""
    if not 0 < dtype.type(factor) < np.inf:
        cure = f"; to train it no more: model.freeze({scope!r})" if 0 <= factor < 1 else ""
        raise ValueError(f"{owner}: {NAME}[{scope!r}] must be a number above 0, got {factor:g}{cure}")


def by_name(owner: str, factors: Mapping[str, float], parameters: Sequence[Parameter]) -> dict[str, float]:
    """Factors by the names of parameters.

    Raises ValueError for a scope that selects nothing to train, or what another scope gave another factor.

    >>> by_name("Trainer", {"hidden1": 0.1}, [Parameter("hidden1/kernel", (2, 2)), Parameter("out/kernel", (2, 1))])
    {'hidden1/kernel': 0.1}
    """
    found: dict[str, float] = {}
    by: dict[str, str] = {}
    trained = [p.name for p in parameters if p.has_grad]
    dtype = next((p.arena.values.dtype for p in parameters if p.arena), np.dtype(np.float64))
    for scope, factor in factors.items():
        check_size(owner, scope, factor, dtype)
        for chosen in selected(f"{owner}: {NAME}", trained, scope):
            if found.setdefault(chosen, factor) != factor:
                raise ValueError(
                    f"{owner}: {NAME}: {by[chosen]!r} and {scope!r} both select {chosen}, with the factors {found[chosen]:g} "
                    f"and {factor:g}; leave one of them out"
                )
            by.setdefault(chosen, scope)
    return found


def selected(owner: str, names: list[str], scope: str) -> list[str]:
    """The names that the scope selects; where there is none, an error that names the nearest."""
    try:
        return scopes.matching(owner, "variable that is trained", names, scope)
    except ValueError as error:
        layers = {name[:end].rstrip("/") for name in names for end in scopes.ends(name)}
        nearest = next(iter(difflib.get_close_matches(scope, sorted(layers))), scope)
        if nearest != scope:
            raise ValueError(f"{error}; did you mean {nearest!r}?") from None
        raise


def spans_of(factors: Mapping[str, float], parameters: Sequence[Parameter]) -> list[tuple[slice, float]]:
    """The places of the parameters whose factor is not 1, neighbours with one factor merged.

    >>> kernel, bias = Parameter("a/kernel", (2, 2)), Parameter("a/bias", (2,))
    >>> spans_of({"a/kernel": 0.1, "a/bias": 1.0}, [kernel, bias])
    [(slice(0, 4, None), 0.1)]
    """
    spans: list[tuple[slice, float]] = []
    for p in sorted(parameters, key=lambda p: p.start):
        factor = factors.get(p.name, 1.0)
        if factor == 1:
            continue
        if spans and spans[-1][0].stop == p.span.start and spans[-1][1] == factor:
            spans[-1] = (slice(spans[-1][0].start, p.span.stop), factor)
        else:
            spans.append((p.span, factor))
    return spans


def with_factors(formula: Formula) -> Formula:
    """The optimizer's formula, and what becomes of its step.

    >>> with_factors(Formula("w ← w − η·g"))
    'w ← w − η·g, then w ← w₀ + f·(w − w₀)'
    """
    then = r",\ \text{then } w \leftarrow w_0 + f (w - w_0)"
    return Formula(f"{formula}, then w ← w₀ + f·(w − w₀)", formula.latex + then)


def planned(spans: list[tuple[slice, float]], trained: list[slice], values: Array) -> Factored:
    """What a step works on: those parts of the spans that are trained, and room beside them."""
    return [(values[part], np.empty_like(values[part]), factor) for part, factor in overlaps(spans, trained)]


def overlaps(spans: list[tuple[slice, float]], trained: list[slice]) -> Iterator[tuple[slice, float]]:
    """The parts of the first that lie in the second.

    >>> list(overlaps([(slice(0, 10), 0.5)], [slice(2, 4), slice(8, 20)]))
    [(slice(2, 4, None), 0.5), (slice(8, 10, None), 0.5)]
    """
    for span, factor in spans:
        for other in trained:
            start, stop = max(span.start, other.start), min(span.stop, other.stop)
            if start < stop:
                yield slice(start, stop), factor


def keep(factored: Factored) -> None:
    """Before a step: what the weights are."""
    for w, before, _ in factored:
        np.copyto(before, w)


def multiply(factored: Factored) -> None:
    """After it: w ← w₀ + f (w − w₀).

    >>> w = np.array([1.0, 2.0]); factored = [(w, w.copy(), 0.5)]; w += 1; multiply(factored); w
    array([1.5, 2.5])
    """
    for w, before, factor in factored:
        np.subtract(w, before, out=w)
        np.multiply(w, factor, out=w)
        np.add(w, before, out=w)
