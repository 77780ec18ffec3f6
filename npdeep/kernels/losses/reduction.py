"""From many losses to one, and the way back.

    L = (1/m) Σ_i w_i ℓ_i

over all m losses: the elements of the output, or its rows for a softmax. Weights do not change the m that is divided by
(as in Keras; PyTorch's class weights divide by Σw instead).
"""

import numpy as np

from npdeep.kernels.arrays import Array


def weighted_mean(loss: Array, weight: Array | None) -> float:
    """L = (1/m) Σ w ℓ. loss (n, 1) or (n, units), changed in place by the weights (n, 1); None: every weight is 1.

    >>> weighted_mean(np.array([[1.0], [3.0]]), weight=np.array([[1.0], [0.0]]))
    0.5
    """
    if weight is not None:
        loss *= weight
    return float(np.add.reduce(loss, axis=None)) / loss.size


def weighted_mean_backward(weight: Array | None, m: int, dz: Array) -> Array:
    """∂L/∂z = (w/m) ∂ℓ/∂z: dz (n, units) holds ∂ℓ/∂z and is scaled in place.

    >>> weighted_mean_backward(np.array([[2.0], [0.0]]), m=4, dz=np.ones((2, 2)))
    array([[0.5, 0.5],
           [0. , 0. ]])
    """
    dz *= 1 / m
    if weight is not None:
        dz *= weight
    return dz
