"""Losses with a margin: an output must be right by 1. z are the outputs, y the targets −1 or 1; all (n, units)."""

import numpy as np

from npdeep.kernels.arrays import Array


def plus_minus(y: Array, signs: Array) -> Array:
    """Targets as −1 and 1: where they are 0 and 1, 0 stands for −1.

    >>> plus_minus(np.array([[0.0, 1.0]]), np.empty((1, 2)))
    array([[-1.,  1.]])
    """
    if np.minimum.reduce(y, axis=None) < 0:
        np.copyto(signs, y)
        return signs
    np.multiply(y, 2, out=signs)
    signs -= 1
    return signs


def hinge_forward(z: Array, y: Array, loss: Array) -> Array:
    """ℓ = max(0, 1 − y z) for targets y of −1 or 1: no cost once the output is right by a margin of 1.

    >>> hinge_forward(np.array([[0.5, 2.0]]), np.ones((1, 2)), np.empty((1, 2)))
    array([[0.5, 0. ]])
    """
    np.multiply(y, z, out=loss)
    np.subtract(1, loss, out=loss)
    return np.maximum(loss, 0, out=loss)


def hinge_backward(z: Array, y: Array, t: Array, dz: Array) -> Array:
    """∂ℓ/∂z = −y inside the margin (y z < 1), else 0."""
    hinge_forward(z, y, t)
    np.sign(t, out=dz)                        # 1 inside, 0 outside, NaN for NaN
    dz *= y
    return np.negative(dz, out=dz)


def squared_hinge_forward(z: Array, y: Array, loss: Array) -> Array:
    """ℓ = max(0, 1 − y z)².

    >>> squared_hinge_forward(np.array([[0.5, 2.0]]), np.ones((1, 2)), np.empty((1, 2)))
    array([[0.25, 0.  ]])
    """
    hinge_forward(z, y, loss)
    loss *= loss
    return loss


def squared_hinge_backward(z: Array, y: Array, dz: Array) -> Array:
    """∂ℓ/∂z = 2 max(0, 1 − y z)(−y)."""
    hinge_forward(z, y, dz)
    dz *= y
    dz *= -2
    return dz
