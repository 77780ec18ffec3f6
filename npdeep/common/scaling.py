"""The number that examples are multiplied by on their way into the network."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npdeep.common import checks
from npdeep.kernels.arrays import Array

LARGE = 100
"""A scale above 1 that makes examples larger than this was meant the other way round."""


def scale(owner: str, value: Any, dtype: Any) -> Any:
    """The number that x is multiplied by, in the model's dtype; None where x is to stay as it is: for None and 1.

    >>> scale("fit", 1 / 255, np.float32), scale("fit", None, np.float32)
    (np.float32(0.003921569), None)
    """
    if value is None:
        return None
    given = checks.number(owner, "scale", value, above=0)
    if given == 1:
        return None
    with np.errstate(over="ignore", under="ignore"):
        factor = np.dtype(dtype).type(given)
    if not 0 < factor < np.inf:
        raise ValueError(f"{owner}: scale {given:g} is not a number of a {np.dtype(dtype)} model; for bytes use scale=1/255")
    return factor


def remembered(owner: str, value: Any, dtype: Any) -> float | None:
    """The scale as a model keeps it.

    >>> remembered("Sequential", 0.5, np.float32), remembered("Sequential", 1, np.float32)
    (0.5, None)
    """
    factor = scale(owner, value, dtype)
    return None if factor is None else float(factor)


def fitting_scale(owner: str, x: Array, factor: Any, complete: bool = False) -> None:
    """Refuse a scale that is surely a mistake: 255 for 1/255, and 1/255 for numbers that are within 0 … 1 already.

    complete: these are all the examples of a training set. Of single images even the bytes may be 0 and 1 alone.

    >>> fitting_scale("fit", np.array([[0, 255]], np.uint8), np.float32(255))
    Traceback (most recent call last):
    ValueError: fit: scale=255 makes x as large as 65025: x is multiplied by it, so for bytes write scale=1/255; where such \
large numbers are meant, pass them as x
    >>> fitting_scale("evaluate", np.array([[0.0, 0.5]]), 1 / 255)
    Traceback (most recent call last):
    ValueError: evaluate: x lies in -1 to 1 already, and scale=0.00392157 would make it as good as 0; for rows that are not \
to be multiplied write scale=1
    """
    if factor is None or (factor <= 1 and (factor > 0.01 or (x.dtype.kind in "iu" and not complete))):
        return
    largest = 0.0
    rows = max(1, checks.SCAN // max(1, x[:1].size))
    for start in range(0, len(x), rows):
        piece = x[start : start + rows]
        largest = max(largest, abs(float(piece.max())), abs(float(piece.min())))
        if factor < 1 < largest:              # these do want to be made smaller
            return
    if factor > 1 and largest * float(factor) > LARGE:
        raise ValueError(
            f"{owner}: scale={factor:g} makes x as large as {largest * float(factor):g}: x is multiplied by it, so for bytes "
            "write scale=1/255; where such large numbers are meant, pass them as x"
        )
    if factor < 1 and 0 < largest <= 1:
        raise ValueError(
            f"{owner}: x lies in -1 to 1 already, and scale={factor:g} would make it as good as 0; for rows that are not to "
            "be multiplied write scale=1"
        )


def scaled(owner: str, x: Array, factor: Any) -> Array:
    """x times the factor, in the factor's dtype, new; x itself where there is no factor. Floats are checked on the way.

    >>> scaled("fit", np.array([[0, 255]], np.uint8), np.float32(1 / 255))
    array([[0., 1.]], dtype=float32)
    """
    if factor is None:
        return x
    product: Array
    if x.dtype.kind == "f":
        product = np.multiply(x, factor)      # in the wider of the two dtypes, so that too large a number can be named
        checks.finite(owner, "x, scaled,", product)
        return checks.cast(owner, "x, scaled,", product, factor.dtype)
    product = np.multiply(x, factor, dtype=factor.dtype, casting="unsafe")
    return product


def cast_scaled(owner: str, x: Array, factor: Any, dtype: DTypeLike) -> Array:
    """Rows of x times the factor, if there is one, as the model takes them.

    >>> cast_scaled("predict", np.array([[0, 255]], np.uint8), np.float32(1 / 255), np.float32)
    array([[0., 1.]], dtype=float32)
    """
    return checks.cast(owner, "x", scaled(owner, x, factor), dtype)
