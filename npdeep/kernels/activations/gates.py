"""Activations with another width going out than coming in: GLU halves it, maxout divides it by its pieces."""

import numpy as np

from npdeep.kernels.activations.sigmoids import sigmoid_into
from npdeep.kernels.arrays import Array


def glu_forward(x: Array, y: Array, s: Array, t: Array) -> Array:
    """y = u ⊙ σ(v), where u and v are the left and the right half of x: one half opens and shuts the other.

    x (n, 2·units) · y, the kept s = σ(v), and the scratch t (n, units).
    Source: Dauphin et al. (2017), *Language modeling with gated convolutional networks*.

    >>> glu_forward(np.array([[3.0, 0.0]]), np.empty((1, 1)), np.empty((1, 1)), np.empty((1, 1)))
    array([[1.5]])
    """
    units = y.shape[1]
    sigmoid_into(x[:, units:], s, t)
    return np.multiply(x[:, :units], s, out=y)


def glu_backward(x: Array, y: Array, s: Array, dy: Array, dx: Array) -> Array:
    """∂y/∂u = s and ∂y/∂v = u s(1 − s) = y(1 − s), written into the two halves of dx (n, 2·units)."""
    units = y.shape[1]
    du, dv = dx[:, :units], dx[:, units:]
    np.multiply(dy, s, out=du)
    np.subtract(1, s, out=dv)
    dv *= y
    dv *= dy
    return dx


def maxout_forward(z: Array, a: Array, winner: Array) -> Array:
    """a_ij = max_k z_ikj: each unit takes the largest of its pieces.

    z (n, pieces, units) · a (n, units) · winner (n, units) int64 keeps which piece won (the first of equals).
    Source: Goodfellow et al. (2013), *Maxout networks*.

    >>> maxout_forward(np.array([[[1.0], [4.0], [2.0]]]), np.empty((1, 1)), np.empty((1, 1), np.int64))
    array([[4.]])
    """
    rows = max(1, 8192 // z[0].size)          # argmax copies what it searches: little at a time
    for start in range(0, len(z), rows):
        z[start : start + rows].argmax(axis=1, out=winner[start : start + rows])
    return np.maximum.reduce(z, axis=1, out=a)


def maxout_backward(z: Array, winner: Array, da: Array, dz: Array) -> Array:
    """∂a_ij/∂z_ikj = 1 for the piece k that won, 0 for the others: the winner takes the whole gradient."""
    for k in range(z.shape[1]):               # over the pieces: a handful
        np.equal(winner, k, out=dz[:, k])
        dz[:, k] *= da
    return dz
