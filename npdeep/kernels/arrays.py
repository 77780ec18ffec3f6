"""The one type that kernels speak of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""A NumPy array; float32 or float64 unless a docstring says otherwise (labels are int64, masks bool)."""

Float = np.floating[Any]

product = getattr(np.dot, "_implementation", np.dot)
"""product(a, b, out=c): the product of two matrices, np.dot without the lines of Python that it begins with, so that `s` in a
debugger goes over it. np.matmul gives the same bits: it takes a third of a microsecond longer to begin, but does not fill c
with zeros first, and so is the faster one where c is as large as the weights."""


def above_zero(z: Array, out: Array) -> Array:
    """max(z, 0), written into out, which must not be z.

    NumPy compares two arrays about three times as fast as an array and a number: so the zeros are written first.

    >>> above_zero(np.array([-2.0, 3.0]), out=np.empty(2))
    array([0., 3.])
    """
    out.fill(0)
    return np.maximum(z, out, out=out)


def below_zero(z: Array, out: Array) -> Array:
    """min(z, 0), likewise.

    >>> below_zero(np.array([-2.0, 3.0]), out=np.empty(2))
    array([-2.,  0.])
    """
    out.fill(0)
    return np.minimum(z, out, out=out)
