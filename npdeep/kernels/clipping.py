"""Keeping gradients from exploding. g is a flat piece of a gradient and is changed in place.

Source: Pascanu, Mikolov, Bengio (2013), *On the difficulty of training recurrent neural networks*.
"""

import math

import numpy as np

from npdeep.kernels.arrays import Array


def clip_by_value(g: Array, value: float) -> Array:
    """Every element is clamped to [−value, value]. This may turn the gradient into another direction.

    >>> clip_by_value(np.array([0.9, 100.0]), 1.0)
    array([0.9, 1. ])
    """
    np.maximum(g, -value, out=g)
    return np.minimum(g, value, out=g)


def sum_of_squares(g: Array) -> float:
    """‖g‖², by one dot product. It overflows in float32 where ‖g‖ > 1.8e19; `sum_of_scaled_squares` does not.

    >>> sum_of_squares(np.array([3.0, 4.0]))
    25.0
    """
    return float(g @ g)


def sum_of_scaled_squares(g: Array, largest: float, t: Array) -> float:
    """‖g/largest‖² with largest = max|g|: every term is at most 1. t: scratch.

    >>> g = np.array([3e25, 4e25], np.float32)
    >>> round(sum_of_scaled_squares(g, largest=4e25, t=np.empty(2, np.float32)), 4)
    1.5625
    """
    np.divide(g, largest, out=t)
    return float(t @ t)


def largest_magnitude(g: Array) -> float:
    """max|g|; NaN where g holds one.

    >>> largest_magnitude(np.array([3.0, -4.0]))
    4.0
    """
    return float(max(np.maximum.reduce(g), -np.minimum.reduce(g)))


def norm(pieces: list[Array], t: Array) -> float:
    """√Σ‖g‖² over the pieces; NaN where one of them holds NaN or ∞, which has no norm. t: scratch.

    The plain sum of squares is one dot product a piece. Where it is not finite, or so small that squares may have
    vanished, it is taken again on g/max|g|, which neither overflows nor vanishes.

    >>> norm([np.array([3.0]), np.array([4.0])], np.empty(1)), norm([np.array([np.inf])], np.empty(1))
    (5.0, nan)
    """
    with np.errstate(over="ignore"):          # an overflow is dealt with below
        total = sum(sum_of_squares(g) for g in pieces)
    smallest = 1e9 * float(np.finfo(t.dtype).tiny)    # below it, squares may have lost digits
    if smallest < total < math.inf:
        return math.sqrt(total)
    magnitudes = [largest_magnitude(g) for g in pieces]
    if not all(map(math.isfinite, magnitudes)):    # asked one by one: max() may pass over a NaN
        return math.nan
    largest = max(magnitudes)
    if largest == 0:
        return 0.0
    scaled = sum(sum_of_scaled_squares(g, largest, t[: len(g)]) for g in pieces)
    return largest * math.sqrt(scaled)


def shorten(pieces: list[Array], norm: float, limit: float) -> None:
    """g ← g · limit/norm where norm > limit. A factor too small for the dtype is put on in two halves.

    >>> g = np.array([3e25, 4e25], np.float32)
    >>> shorten([g], norm=5e25, limit=1.0); g.round(6)
    array([0.6, 0.8], dtype=float32)
    """
    if norm > limit:
        factor = limit / norm
        factors = [factor] if factor > np.finfo(pieces[0].dtype).tiny else [math.sqrt(factor)] * 2
        for g in pieces:
            for part in factors:
                g *= part
