"""Activations that look at a whole row: softmax and its variants. A row of z becomes a row of probabilities.

z, a, da, dz have the shape (n, units), `column` (n, 1). Every output depends on every input of its row, so that the
chain rule is a sum over the row:  dz_j = Σ_i da_i ∂a_i/∂z_j.
"""

import numpy as np

from npdeep.kernels.arrays import Array


def softmax_forward(z: Array, a: Array, column: Array) -> Array:
    """a_j = e^{z_j}/Σ_k e^{z_k}. The largest z of the row is taken off first, which changes nothing but the overflow.

    >>> softmax_forward(np.array([[1e4, 1e4, -1e4]]), np.empty((1, 3)), np.empty((1, 1)))
    array([[0.5, 0.5, 0. ]])
    """
    np.maximum.reduce(z, axis=1, keepdims=True, out=column)
    np.subtract(z, column, out=a)
    np.exp(a, out=a)
    np.add.reduce(a, axis=1, keepdims=True, out=column)
    a /= column
    return a


def softmax_backward(z: Array, a: Array, column: Array, da: Array, dz: Array) -> Array:
    """∂a_i/∂z_j = a_i([i = j] − a_j), so dz_j = Σ_i da_i a_i ([i = j] − a_j) = a_j (da_j − Σ_i da_i a_i)."""
    np.multiply(da, a, out=dz)
    np.add.reduce(dz, axis=1, keepdims=True, out=column)
    np.subtract(da, column, out=dz)
    dz *= a
    return dz


def softmin_forward(z: Array, a: Array, column: Array) -> Array:
    """a = softmax(−z): the smallest z gets the largest share.

    >>> softmin_forward(np.array([[1e4, 1e4, -1e4]]), np.empty((1, 3)), np.empty((1, 1)))
    array([[0., 0., 1.]])
    """
    np.negative(z, out=a)
    return softmax_forward(a, a, column)


def softmin_backward(z: Array, a: Array, column: Array, da: Array, dz: Array) -> Array:
    """The gradient of softmax at −z, times the −1 of the inner function."""
    softmax_backward(z, a, column, da, dz)
    return np.negative(dz, out=dz)


def log_softmax_forward(z: Array, a: Array, column: Array, t: Array) -> Array:
    """a_j = log softmax(z)_j = z_j − log Σ_k e^{z_k}, with the largest z of the row taken off both terms.

    >>> log_softmax_forward(np.array([[0.0, 0.0]]), np.empty((1, 2)), np.empty((1, 1)), np.empty((1, 2))).round(4)
    array([[-0.6931, -0.6931]])
    """
    np.maximum.reduce(z, axis=1, keepdims=True, out=column)
    np.subtract(z, column, out=a)
    np.exp(a, out=t)
    np.add.reduce(t, axis=1, keepdims=True, out=column)
    np.log(column, out=column)
    a -= column
    return a


def log_softmax_backward(z: Array, a: Array, column: Array, t: Array, da: Array, dz: Array) -> Array:
    """∂a_i/∂z_j = [i = j] − softmax(z)_j, so dz_j = da_j − softmax(z)_j Σ_i da_i, and softmax(z) = e^a."""
    np.add.reduce(da, axis=1, keepdims=True, out=column)
    np.exp(a, out=dz)
    dz *= column
    return np.subtract(da, dz, out=dz)


def sparsemax_forward(z: Array, a: Array, column: Array, t: Array, c: Array) -> Array:
    """a = max(z − τ, 0), τ such that the row sums to 1: the point of the simplex nearest to z, often with exact zeros.

    Sort the row downwards, z_(1) ≥ z_(2) ≥ …; the support holds the k largest, k = max{j : 1 + j z_(j) > Σ_{i≤j} z_(i)};
    then τ = (Σ_{i≤k} z_(i) − 1)/k. The k conditions hold for every j ≤ k and for none above, and τ is the largest of
    the candidates (Σ_{i≤j} z_(i) − 1)/j, so that no search is needed. t and c: scratch.
    Source: Martins & Astudillo (2016), *From softmax to sparsemax*.

    >>> z = np.array([[1.0, 0.5, -3.0]])
    >>> sparsemax_forward(z, np.empty((1, 3)), np.empty((1, 1)), np.empty((1, 3)), np.empty((1, 3)))
    array([[0.75, 0.25, 0.  ]])
    """
    np.maximum.reduce(z, axis=1, keepdims=True, out=column)
    np.subtract(column, z, out=t)             # max z − z ≥ 0, so that sorting upwards sorts z downwards
    t.sort(axis=1)
    np.negative(t, out=t)                     # z_(j) − max z
    np.add.accumulate(t, axis=1, out=c)       # Σ_{i≤j}
    c -= 1
    for j in range(c.shape[1]):               # over the classes, not over the rows
        c[:, j] /= j + 1                      # the candidates for τ
    np.subtract(z, column, out=a)
    np.maximum.reduce(c, axis=1, keepdims=True, out=column)
    a -= column                               # z − max z − τ
    return np.maximum(a, 0, out=a)


def sparsemax_backward(z: Array, a: Array, column: Array, t: Array, c: Array, da: Array, dz: Array) -> Array:
    """On the support S = {a > 0}: ∂a_i/∂z_j = [i = j] − 1/|S|, so dz_j = da_j − mean of da over S; outside S it is 0."""
    np.greater(a, 0, out=t)                   # 1 on S
    np.add.reduce(t, axis=1, keepdims=True, out=column)
    np.multiply(da, t, out=dz)
    np.add.reduce(dz, axis=1, keepdims=True, out=c[:, :1])
    np.divide(c[:, :1], column, out=column)   # the mean of da over S
    np.subtract(da, column, out=dz)
    dz *= t
    return dz
