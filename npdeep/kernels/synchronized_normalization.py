"""Batch normalization of a batch whose rows lie in several processes: the statistics are those of all rows.

`total(a)` adds the arrays a of all processes, element by element, and writes the sum into a in each of them. All processes must
call it equally often, with arrays of equal lengths. Other names and shapes: npdeep.kernels.batch_normalization. `sums`
(2·units + 1,) is scratch, for the sums and the number of rows.

Source: Ioffe & Szegedy (2015), *Batch normalization*, with Σ over the rows of all processes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep.kernels.arrays import Array, product
from npdeep.kernels.batch_normalization import scale_and_shift

Total = Callable[[Array], Any]


def synchronized_forward(
    total: Total,
    sums: Array,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    variance: Array,
    inverse: Array,
    centered: Array,
    y: Array,
    row: Array,
    ones: Array,
    epsilon: float,
) -> Array:
    """y = γ x̂ + β with mean and variance of the rows of all processes. Two sums go around, one after the other:

        n = Σ_p n_p,   μ = (1/n) Σ_p Σ_i x_i   and then   σ² = (1/n) Σ_p Σ_i (x_i − μ)²

    The square of the differences is summed, as one process sums it: Σ x² − n μ² would go around with Σ x, and would lose the
    digits of a σ that is small beside μ.

    >>> x, v = np.array([[1.0], [3.0]]), [np.empty(1) for _ in range(3)]
    >>> others = iter([[2.0, 1.0], [1.0]])    # another process has one row, 2: its Σ x and n, then its Σ (x − μ)²
    >>> def total(a): a += next(others)
    >>> _ = synchronized_forward(
    ...     total, np.empty(3), x, None, None, *v, np.empty((2, 1)), np.empty((2, 1)), np.empty(1), np.ones(2), 0.0
    ... )
    >>> v[0], v[1]
    (array([2.]), array([1.]))
    """
    units = x.shape[1]
    sums, squares = sums[: units + 1], sums[:units]
    product(ones, x, out=sums[:-1])
    sums[-1] = len(x)
    total(sums)
    n = float(sums[-1])
    np.divide(sums[:-1], n, out=mean)         # μ
    np.subtract(x, mean, out=centered)
    np.multiply(centered, centered, out=y)    # y serves as scratch for the squares
    product(ones, y, out=squares)
    total(squares)
    np.divide(squares, n, out=variance)       # σ²
    return scale_and_shift(gamma, beta, variance, inverse, centered, y, row, epsilon)


def synchronized_backward(
    total: Total,
    sums: Array,
    gamma: Array | None,
    inverse: Array,
    centered: Array,
    dy: Array,
    dgamma: Array,
    dbeta: Array,
    dx: Array,
    row: Array,
    ones: Array,
) -> Array:
    """This process's share of dγ and dβ, and dx of its rows. dy is ∂L/∂y of the loss L of the whole batch.

    x_i moves μ and σ², and by way of them x̂ of every row, those of other processes too. So in the derivation of
    `batch_normalization_backward` the sums over k run over all processes:

        dx_i = γ s (dy_i − (1/n) Σ_p Σ_k dy_k − (x̂_i/n) Σ_p Σ_k dy_k x̂_k)

    γ and β are used by the rows of all processes, so that their gradients are sums over them too; those are left to the sum of
    all gradients of the network, and dgamma, dbeta hold what these rows give:

        dβ = Σ_p dβ_p,   dβ_p = Σ_i dy_i        dγ = Σ_p dγ_p,   dγ_p = Σ_i dy_i x̂_i

    Both and n go around at once.

    >>> x, one = np.array([[-1.0], [1.0]]), np.ones(1)    # centred; another process has rows that give dγ = 2, dβ = 1
    >>> def total(a): a += [1.0, 2.0, 2.0]
    >>> dgamma, dbeta, dx = np.empty(1), np.empty(1), np.empty((2, 1))
    >>> _ = synchronized_backward(total, np.empty(3), None, one, x, x, dgamma, dbeta, dx, one.copy(), np.ones(2))
    >>> dgamma, dbeta, dx.ravel()
    (array([2.]), array([0.]), array([-0.25, -0.25]))
    """
    units = dy.shape[1]
    sums = sums[: 2 * units + 1]
    product(ones, dy, out=dbeta)
    np.multiply(dy, centered, out=dx)         # dx serves as scratch for the products
    product(ones, dx, out=dgamma)
    dgamma *= inverse
    sums[:units], sums[units:-1], sums[-1] = dbeta, dgamma, len(dy)
    total(sums)
    sums[:-1] /= sums[-1]                     # Σ dy/n, Σ dy x̂/n
    np.multiply(sums[units:-1], inverse, out=row)
    np.multiply(centered, row, out=dx)        # x̂ Σ dy x̂/n
    np.subtract(dy, dx, out=dx)
    dx -= sums[:units]
    dx *= inverse if gamma is None else np.multiply(gamma, inverse, out=row)
    return dx
