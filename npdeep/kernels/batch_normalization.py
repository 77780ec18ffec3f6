"""Batch normalization: every unit is centred and scaled by the statistics of the batch, then stretched and shifted.

    μ = (1/n) Σ_i x_i     σ² = (1/n) Σ_i (x_i − μ)²     x̂ = (x − μ)/√(σ² + ε)     y = γ x̂ + β

x, y, dy, dx and the kept `centered` = x − μ have the shape (n, units); all other arrays have the shape (units,); `row` is
scratch. `ones` (n,) holds n times 1: ones @ x is the sum of x over its rows, and the fastest way to it in NumPy.
`inverse` is 1/√(σ² + ε), so that x̂ = centered · inverse. gamma or beta may be None: no scale, no shift.

Source: Ioffe & Szegedy (2015), *Batch normalization*. The variance is the biased one (divided by n) everywhere, as in
TensorFlow and Keras; PyTorch divides by n − 1 where it updates its running variance.
"""

import numpy as np

from npdeep.kernels.arrays import Array, product


def batch_normalization_forward(
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
    """y = γ x̂ + β with the mean and the variance of this batch. One row has variance 0, so that y = β.

    >>> x, v = np.array([[1.0], [3.0]]), [np.empty(1) for _ in range(3)]
    >>> row, ones = np.empty(1), np.ones(2)
    >>> batch_normalization_forward(x, None, None, *v, np.empty((2, 1)), np.empty((2, 1)), row, ones, epsilon=0.0)
    array([[-1.],
           [ 1.]])
    """
    n = len(x)
    product(ones, x, out=mean)                # Σ_i x_i
    mean /= n                                 # μ
    np.subtract(x, mean, out=centered)        # (n, units)
    np.multiply(centered, centered, out=y)    # y serves as scratch for the squares
    product(ones, y, out=variance)
    variance /= n                             # σ²
    return scale_and_shift(gamma, beta, variance, inverse, centered, y, row, epsilon)


def batch_normalization_backward(
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
    """The three gradients through the batch's own statistics. row (units,): scratch.

    y_i = γ x̂_i + β:                        dβ = Σ_i dy_i     dγ = Σ_i dy_i x̂_i     dx̂_i = γ dy_i
    x_i moves x̂ of every row, by way of μ and σ². With s = inverse, x̂_k = (x_k − μ) s:

        ∂μ/∂x_i = 1/n     ∂s/∂x_i = −½ s³ ∂σ²/∂x_i = −½ s³ (2/n)(x_i − μ) = −s² x̂_i/n
        ∂x̂_k/∂x_i = s([k = i] − 1/n) + (x_k − μ) ∂s/∂x_i = s([k = i] − 1/n − x̂_k x̂_i/n)

    Summed over the rows k that feel it:

        dx_i = Σ_k dx̂_k ∂x̂_k/∂x_i = γ s (dy_i − (1/n) Σ_k dy_k − (x̂_i/n) Σ_k dy_k x̂_k)
             = γ s (dy_i − dβ/n − x̂_i dγ/n)

    The mean that is taken off is why a bias in the layer below has the gradient 0: Σ_i dx_i = 0.
    """
    n = len(dy)
    product(ones, dy, out=dbeta)
    np.multiply(dy, centered, out=dx)         # dx serves as scratch for the products
    product(ones, dx, out=dgamma)
    dgamma *= inverse                         # Σ dy x̂
    np.multiply(dgamma, inverse, out=row)
    row /= n
    np.multiply(centered, row, out=dx)        # x̂ dγ/n
    np.subtract(dy, dx, out=dx)
    np.divide(dbeta, n, out=row)
    dx -= row
    dx *= inverse if gamma is None else np.multiply(gamma, inverse, out=row)
    return dx


def batch_normalization_inference_forward(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    moving_mean: Array,
    moving_variance: Array,
    inverse: Array,
    centered: Array,
    y: Array,
    row: Array,
    epsilon: float,
) -> Array:
    """y = γ (x − moving mean)/√(moving variance + ε) + β: the statistics are constants, no row depends on another.

    >>> x, m, v, one = np.array([[5.0]]), np.array([1.0]), np.array([4.0]), np.empty((1, 1))
    >>> batch_normalization_inference_forward(x, None, None, m, v, np.empty(1), one.copy(), one, np.empty(1), 0.0)
    array([[2.]])
    """
    np.subtract(x, moving_mean, out=centered)
    return scale_and_shift(gamma, beta, moving_variance, inverse, centered, y, row, epsilon)


def batch_normalization_inference_backward(
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
    """With constant statistics only the direct path is left: dx = γ s dy; dγ = Σ dy x̂ and dβ = Σ dy as before."""
    product(ones, dy, out=dbeta)
    np.multiply(dy, centered, out=dx)
    product(ones, dx, out=dgamma)
    dgamma *= inverse
    return np.multiply(dy, inverse if gamma is None else np.multiply(gamma, inverse, out=row), out=dx)


def scale_and_shift(
    gamma: Array | None,
    beta: Array | None,
    variance: Array,
    inverse: Array,
    centered: Array,
    y: Array,
    row: Array,
    epsilon: float,
) -> Array:
    """y = γ x̂ + β from the centred rows; `inverse` is written on the way. row: scratch.

    >>> v = np.array([4.0])
    >>> scale_and_shift(None, np.array([1.0]), v, np.empty(1), np.array([[2.0], [-2.0]]), np.empty((2, 1)), np.empty(1), 0.0)
    array([[2.],
           [0.]])
    """
    np.add(variance, epsilon, out=row)
    np.sqrt(row, out=inverse)
    np.reciprocal(inverse, out=inverse)       # 1/√(σ² + ε)
    row *= 0                                  # 0, or NaN where the variance overflowed: 1/∞ alone would hide that, y = β
    inverse += row
    np.multiply(centered, inverse if gamma is None else np.multiply(gamma, inverse, out=row), out=y)
    if beta is not None:
        y += beta
    return y


def update_moving_average(moving: Array, batch: Array, momentum: float, row: Array) -> None:
    """v ← v · momentum + batch · (1 − momentum): how the statistics for inference are learnt. row: scratch.

    PyTorch's momentum is 1 minus this one.

    >>> v = np.array([1.0]); update_moving_average(v, np.array([3.0]), 0.9, np.empty(1)); v
    array([1.2])
    """
    moving *= momentum
    np.multiply(batch, 1 - momentum, out=row)
    moving += row
