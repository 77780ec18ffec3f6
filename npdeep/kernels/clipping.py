"""Keeping gradients from exploding. g is a flat piece of a gradient and is changed in place.

Source: Pascanu, Mikolov, Bengio (2013), *On the difficulty of training recurrent neural networks*.
"""

import numpy as np

from npdeep.kernels.arrays import Array


def clip_by_value(g: Array, value: float) -> Array:
    """Every element is held between −value and value. This may turn the gradient into another direction.

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
