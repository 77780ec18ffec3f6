"""Limits on weights, put in force after every update. W (inputs, units) is changed in place.

`norms` is the vector of Euclidean norms along `axis`, kept as a row or a column so that it broadcasts against W:
axis 0 goes down the columns (the weights that come *into* a unit), axis 1 along the rows (those that go *out* of an input).
"""

import math

import numpy as np

from npdeep.kernels.arrays import Array

SMALL = 1e3
"""Norms below this many times √tiny may have lost digits when their squares were summed."""


def norms_along(W: Array, axis: int, norms: Array) -> Array:
    """‖W‖ along the axis, in one pass and without an array of squares: every row, or every column, times itself.

    >>> W = np.array([[3.0, 0.0], [4.0, 1.0]])
    >>> norms_along(W, 0, np.empty((1, 2))), norms_along(W, 1, np.empty((2, 1))).round(3)
    (array([[5., 1.]]), array([[3.   ],
           [4.123]]))
    """
    with np.errstate(over="ignore"):          # an overflow is dealt with below
        if axis == 0:
            np.einsum("ij,ij->j", W, W, out=norms[0])    # Σ_i W_ij²
        else:
            np.vecdot(W, W, out=norms[:, 0])             # Σ_j W_ij²
    np.sqrt(norms, out=norms)
    lowest, highest = np.minimum.reduce(norms, axis=None), np.maximum.reduce(norms, axis=None)
    if SMALL * np.finfo(W.dtype).tiny ** 0.5 < lowest and math.isfinite(highest):
        return norms
    return scaled_norms_along(W, axis, norms)


def scaled_norms_along(W: Array, axis: int, norms: Array) -> Array:
    """‖W‖ = m ‖W/m‖ with m = max|W| along the axis: for weights whose squares overflow or vanish. A row of zeros has norm 0.

    >>> scaled_norms_along(np.array([[3e30], [4e30]], np.float32), 0, np.empty((1, 1), np.float32)) / 1e30
    array([[5.]], dtype=float32)
    """
    np.maximum.reduce(np.abs(W), axis=axis, keepdims=True, out=norms)
    scale = np.where(norms == 0, 1, norms).astype(W.dtype)
    scaled = W / scale
    np.add.reduce(scaled * scaled, axis=axis, keepdims=True, out=norms)
    np.sqrt(norms, out=norms)
    norms *= scale
    return norms


def max_norm(W: Array, maximum: float, axis: int, norms: Array) -> Array:
    """w ← w · maximum/‖w‖ wherever ‖w‖ > maximum; weights within the limit keep their bits (they are scaled by 1).

    Source: Srebro & Shraibman (2005); Srivastava et al. (2014), section 5.1.

    >>> max_norm(np.array([[3.0, 0.5], [4.0, 0.5]]), 1.0, 0, np.empty((1, 2)))
    array([[0.6, 0.5],
           [0.8, 0.5]])
    """
    norms_along(W, axis, norms)
    if np.maximum.reduce(norms, axis=None) > maximum:
        np.maximum(norms, maximum, out=norms)
        np.divide(maximum, norms, out=norms)  # 1 within the limit, maximum/‖w‖ beyond it
        W *= norms
    return W


def min_max_norm(W: Array, minimum: float, maximum: float, rate: float, axis: int, norms: Array) -> Array:
    """‖w‖ is moved towards [minimum, maximum]: w ← w · ((1 − rate) + rate · limit/‖w‖). rate 1 enforces it at once.

    >>> min_max_norm(np.array([[3.0, 0.3], [4.0, 0.4]]), 1.0, 2.0, 1.0, 0, np.empty((1, 2)))
    array([[1.2, 0.6],
           [1.6, 0.8]])
    """
    norms_along(W, axis, norms)
    limits = np.minimum(np.maximum(norms, minimum), maximum)
    np.maximum(norms, np.finfo(W.dtype).tiny, out=norms)     # zero stays zero
    limits /= norms
    limits *= rate
    limits += 1 - rate
    W *= limits
    return W


def non_negative(W: Array) -> Array:
    """Negative weights become 0.

    >>> non_negative(np.array([[-3.0, 0.5]]))
    array([[0. , 0.5]])
    """
    return np.maximum(W, 0, out=W)
