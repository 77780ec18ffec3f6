"""Layer normalization: every row is centred and scaled by its own statistics, then stretched and shifted.

    μ_i = (1/m) Σ_j x_ij     σ_i² = (1/m) Σ_j (x_ij − μ_i)²     x̂_ij = (x_ij − μ_i)/√(σ_i² + ε)     y_ij = γ_j x̂_ij + β_j

x, y, dy, dx and the kept x̂ have the shape (n, units); mean and inverse = 1/√(σ² + ε) have (n, 1), gamma and beta (units,); m
is the number of units. gamma or beta may be None: no scale, no shift. No row depends on another: there are no moving averages,
and one row is as good as many.

Source: Ba, Kiros, Hinton (2016), *Layer normalization*.
"""

import numpy as np

from npdeep.kernels.arrays import Array


def layer_normalization_forward(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    inverse: Array,
    normalized: Array,
    y: Array,
    column: Array,
    epsilon: float,
) -> Array:
    """y = γ x̂ + β with the mean and the variance of each row. column (n, 1): scratch.

    >>> x, one, two = np.array([[1.0, 3.0]]), np.empty((1, 1)), np.empty((1, 2))
    >>> layer_normalization_forward(x, None, None, one, one.copy(), two, two.copy(), one.copy(), epsilon=0.0)
    array([[-1.,  1.]])
    """
    m = x.shape[1]
    x.sum(axis=1, keepdims=True, out=mean)
    mean /= m                                                    # μ (n, 1)
    np.subtract(x, mean, out=normalized)                         # (n, units)
    np.multiply(normalized, normalized, out=y)                   # y serves as scratch for the squares
    y.sum(axis=1, keepdims=True, out=inverse)
    inverse /= m                                                 # σ² (n, 1)
    inverse += epsilon
    np.multiply(inverse, 0, out=column)                          # 0, or NaN where the variance overflowed
    np.sqrt(inverse, out=inverse)
    np.reciprocal(inverse, out=inverse)                          # 1/√(σ² + ε)
    inverse += column                                            # 1/∞ alone would hide that
    normalized *= inverse                                        # x̂
    if gamma is None:
        np.copyto(y, normalized)
    else:
        np.multiply(normalized, gamma, out=y)
    if beta is not None:
        y += beta
    return y


def layer_normalization_backward(
    gamma: Array | None,
    inverse: Array,
    normalized: Array,
    dy: Array,
    dgamma: Array | None,
    dbeta: Array | None,
    dx: Array | None,
    scratch: Array,
    column: Array,
) -> Array | None:
    """The three gradients through each row's own statistics.

    y_ij = γ_j x̂_ij + β_j:             dβ_j = Σ_i dy_ij     dγ_j = Σ_i dy_ij x̂_ij     g_ij = ∂L/∂x̂_ij = γ_j dy_ij
    x_ij moves x̂ of every unit k of its row, by way of μ and σ². With s = inverse, x̂_k = (x_k − μ) s, the row i left out:

        ∂μ/∂x_j = 1/m     ∂s/∂x_j = −½ s³ (2/m)(x_j − μ) = −s² x̂_j/m
        ∂x̂_k/∂x_j = s([k = j] − 1/m − x̂_k x̂_j/m)

    Summed over the units k that feel it:

        dx_j = Σ_k g_k ∂x̂_k/∂x_j = s (g_j − (1/m) Σ_k g_k − x̂_j (1/m) Σ_k g_k x̂_k)

    dgamma, dbeta and dx may be None: not needed.
    """
    if dbeta is not None:
        dy.sum(axis=0, out=dbeta)                                # (units,)
    np.multiply(dy, normalized, out=scratch)                     # dy x̂ (n, units)
    if dgamma is not None:
        scratch.sum(axis=0, out=dgamma)                          # (units,)
    if dx is not None:                                           # else there is nothing to train below
        if gamma is None:
            np.copyto(dx, dy)
        else:
            np.multiply(dy, gamma, out=dx)                       # g
            scratch *= gamma                                     # g x̂
        m = dx.shape[1]
        scratch.sum(axis=1, keepdims=True, out=column)
        column /= m                                                  # (1/m) Σ g x̂ (n, 1)
        np.multiply(normalized, column, out=scratch)
        dx.sum(axis=1, keepdims=True, out=column)
        column /= m                                                  # (1/m) Σ g (n, 1)
        dx -= column
        dx -= scratch
        dx *= inverse
    return dx
