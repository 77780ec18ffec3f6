"""From many losses to one, and the way back.

    L = (1/m) Σ_i w_i ℓ_i

over all losses: the elements of the output, or its rows for a softmax. With weighting="rows" m is the number of losses, however
they are weighted (as in Keras); with "weights" it is the sum of their weights (as PyTorch's class weights have it), so that L
is a weighted mean and twice the weights are no longer twice the loss.
"""

import math

import numpy as np

from npdeep.kernels.arrays import Array


def sum_of_weights(weight: Array, loss: Array) -> float:
    """m = Σ w over all losses (n, 1) or (n, units): every element of a row has the row's weight (n, 1).

    Where all weights are 0 there is nothing to take a mean of: m = 1 makes the mean and its gradient 0.

    >>> sum_of_weights(np.array([[1.0], [0.5]]), loss=np.ones((2, 3)))
    4.5
    """
    return float(np.add.reduce(weight, axis=None)) * loss.shape[1] or 1.0


def weighted_mean(loss: Array, weight: Array | None, m: float) -> float:
    """L = (1/m) Σ w ℓ. loss (n, 1) or (n, units), changed in place by the weights (n, 1); None: every weight is 1.

    >>> weighted_mean(np.array([[1.0], [3.0]]), weight=np.array([[1.0], [0.0]]), m=2)
    0.5
    """
    if weight is not None:
        loss *= weight
    mean = float(np.add.reduce(loss, axis=None)) / m
    if not math.isfinite(mean):               # the sum may have overflowed where the mean does not
        mean = float(np.add.reduce(loss / m, axis=None))
    return mean


def weighted_mean_backward(weight: Array | None, m: float, dz: Array) -> Array:
    """∂L/∂z = (w/m) ∂ℓ/∂z: dz (n, units) holds ∂ℓ/∂z and is scaled in place.

    >>> weighted_mean_backward(np.array([[2.0], [0.0]]), m=4, dz=np.ones((2, 2)))
    array([[0.5, 0.5],
           [0. , 0. ]])
    """
    if weight is None:
        dz *= 1 / m
    else:
        dz *= weight                          # first, for 1/m of very small weights would be infinite
        dz /= m
    return dz
