"""Naming a number: 0.125 may be 1/n, 0.9 the momentum, and only one that fits in every trial is the right name."""

from collections.abc import Iterator, Sequence

import numpy as np

from npdeep.teaching.exercises.exercise import Inputs


def named(values: Sequence[float], inputs: Sequence[Inputs]) -> str | None:
    """What these numbers are, one of each trial: a plain number, or made of a size or a number among the inputs.

    >>> named([0.5, 0.25], [{"x": np.ones((2, 3))}, {"x": np.ones((4, 3))}])
    '1/n (n = 4, the rows of x)'
    >>> named([3.0, 3.0], [{}, {}]), named([3.0, 4.0], [{}, {}]), named([-0.3], [{"rate": 0.3}])
    ('3', None, '-rate')
    """
    if len(values) > 1 and alike(values, [values[0]] * len(values)):
        return f"{values[0]:.4g}"
    trials = [dict(quantities(given)) for given in inputs]
    for name in trials[0]:
        known = [trial.get(name, np.nan) for trial in trials]
        symbol, _, what = name.partition(" ")
        note = f" ({symbol} = {known[-1]:.4g}, {what})" if what else ""
        simple = symbol if symbol.replace("_", "").isalnum() else f"({symbol})"
        for sign in (1, -1):
            minus = "" if sign == 1 else "-"
            if alike([sign * v for v in values], known):
                return f"{minus}{simple}{note}"
            if all(known) and alike([sign * v for v in values], [1 / k for k in known]):
                return f"{minus}1/{simple}{note}"
    return f"{values[0]:.4g}" if len(values) == 1 else None


def alike(left: Sequence[float], right: Sequence[float]) -> bool:
    """Whether the numbers agree, pair by pair."""
    return bool(np.allclose(left, right, rtol=1e-6, atol=0))


def quantities(inputs: Inputs) -> Iterator[tuple[str, float]]:
    """Sizes and numbers among the inputs, and what is often made of them; after a blank, what the symbol means."""
    arrays = {key: value for key, value in inputs.items() if isinstance(value, np.ndarray) and value.ndim}
    for symbol, axis, what in (("n", 0, "rows"), ("m", 1, "columns")):
        for key, array in arrays.items():
            if array.ndim > axis:
                size = array.shape[axis]
                yield f"{symbol} the {what} of {key}", size
    for symbol, axis, what in (("n", 0, "rows"), ("m", 1, "columns")):
        for key, array in arrays.items():
            if array.ndim > axis:
                size = array.shape[axis]
                yield f"2*{symbol} {symbol} is the number of {what} of {key}", 2 * size
                yield f"{symbol}**2 {symbol} is the number of {what} of {key}", size**2
                yield (
                    f"{symbol}/({symbol}-1) {symbol} is the number of {what} of {key}",
                    size / (size - 1) if size > 1 else np.nan,
                )
                yield f"sqrt({symbol}) {symbol} is the number of {what} of {key}", size**0.5
    for key, array in arrays.items():
        if array.ndim > 1:
            yield f"n/m n and m are the numbers of rows and columns of {key}", array.shape[0] / array.shape[1]
    for key, array in arrays.items():
        yield f"size the number of elements of {key}", array.size
    scalars = {key: float(v) for key, v in inputs.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    for key, value in scalars.items():
        yield key, value
    for key, value in scalars.items():
        yield f"1-{key}", 1 - value
        yield f"2*{key}", 2 * value
        yield f"{key}**2", value**2
        yield f"{key}/(1-{key})", value / (1 - value) if value != 1 else np.nan
        yield f"1+{key}", 1 + value
        yield f"sqrt({key})", abs(value) ** 0.5
