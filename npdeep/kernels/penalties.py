"""What large weights cost: the value of a penalty and its gradient, in one pass over a piece of a parameter.

w, dw and the scratch t are flat pieces of equal length. The gradient of the penalty is *added* to dw, which already holds
that of the loss. Biases are left alone unless the user asks.
"""

import numpy as np

from npdeep.kernels.arrays import Array


def l1_penalty(w: Array, dw: Array | None, t: Array, scale: float) -> float:
    """scale Σ|w|, and dw += scale · sign(w): a constant pull towards 0, which makes weights sparse. 0 at w = 0.

    The gradient is at hand, so Σ|w| = sign(w) · w is one dot product.

    >>> w, dw = np.array([-2.0, 0.0, 3.0]), np.zeros(3)
    >>> l1_penalty(w, dw, np.empty(3), scale=0.1), dw
    (0.5, array([-0.1,  0. ,  0.1]))
    """
    np.sign(w, out=t)
    t *= scale
    if dw is not None:                        # None: the value alone is wanted
        dw += t
    return float(t @ w)


def l2_penalty(w: Array, dw: Array | None, t: Array, scale: float) -> float:
    """scale Σw², and dw += 2 · scale · w: a pull in proportion to the weight ("weight decay").

    PyTorch's weight_decay d is scale = d/2; so is TensorFlow 1's l2_regularizer(d).

    >>> w, dw = np.array([-2.0, 3.0]), np.zeros(2)
    >>> l2_penalty(w, dw, np.empty(2), scale=0.5), dw
    (6.5, array([-2.,  3.]))
    """
    if dw is not None:
        np.multiply(w, 2 * scale, out=t)
        dw += t
    return scale * float(w @ w)
