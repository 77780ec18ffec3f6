"""ELU and its variants: a straight line for z > 0, an exponential that levels off for z < 0.

z, a, da, dz and the scratch t have the shape (n, units); dz = da · f'(z).
expm1(z) = e^z − 1 is used throughout: near 0 it keeps the digits that exp(z) − 1 throws away. It is only ever taken of
min(z, 0), so that nothing overflows.
Every array that is written is one of its own: none of these kernels works in place.
"""

import numpy as np

from npdeep.kernels.arrays import Array, above_zero, below_zero
from npdeep.kernels.special import expm1


def elu_forward(z: Array, a: Array, t: Array, alpha: float) -> Array:
    """a = z where z > 0, else α(e^z − 1).

    For α ≤ 1, α(e^z − 1) ≥ z left of 0 and α(e^0 − 1) = 0 ≤ z right of it, so that the larger of the two is f;
    for α > 1 the two parts max(z, 0) and α(e^min(z,0) − 1) are added.
    Source: Clevert, Unterthiner, Hochreiter (2016), *Fast and accurate deep network learning by ELUs*.

    >>> elu_forward(np.array([[-1.0, 2.0]]), a=np.empty((1, 2)), t=np.empty((1, 2)), alpha=1.0).round(4)
    array([[-0.6321,  2.    ]])
    """
    below_zero(z, out=a)
    expm1(a, a, t)                            # 0 where z > 0
    if alpha != 1:
        a *= alpha
    if alpha <= 1:
        return np.maximum(z, a, out=a)
    above_zero(z, out=t)
    a += t
    return a


def elu_backward(z: Array, a: Array, t: Array, da: Array, dz: Array, alpha: float) -> Array:
    """f'(z) = 1 where z > 0, else α e^z = a + α: the output already knows its own slope.

    min(a, 0) + α is α e^z on the left and α on the right; where α ≠ 1, 1 takes its place on the right.
    """
    below_zero(a, out=dz)
    dz += alpha                               # α e^z · α
    if alpha != 1:
        np.less_equal(z, 0, out=t)            # 1 · 0
        dz *= t
        np.subtract(1, t, out=t)
        dz += t                               # α e^z · 1
    dz *= da
    return dz


def celu_forward(z: Array, a: Array, t: Array, alpha: float) -> Array:
    """a = max(z, 0) + min(0, α(e^{z/α} − 1)), α > 0: an ELU that is smooth at 0 for every α.

    α(e^{z/α} − 1) ≥ z left of 0, so that the larger of the two is f.
    Source: Barron (2017), *Continuously differentiable exponential linear units*.

    >>> celu_forward(np.array([[-1.0, 2.0]]), a=np.empty((1, 2)), t=np.empty((1, 2)), alpha=2.0).round(4)
    array([[-0.7869,  2.    ]])
    """
    below_zero(z, out=a)
    a /= alpha
    expm1(a, a, t)
    a *= alpha
    return np.maximum(z, a, out=a)


def celu_backward(z: Array, a: Array, t: Array, da: Array, dz: Array, alpha: float) -> Array:
    """f'(z) = 1 where z > 0, else e^{z/α} = a/α + 1."""
    below_zero(a, out=dz)
    dz /= alpha
    dz += 1
    dz *= da
    return dz


SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
"""α and λ of SELU: chosen so that N(0, 1) inputs give outputs of mean 0 and variance 1 (Klambauer et al. 2017, eq. 14).

The closed forms, with q = erfc(1/√2):
α = −√(2/π)/(q√e − 1) and λ = (1 − q√e) √(2π)/√(2 erfc(√2) e² + π q² e − 2(2 + π) q√e + π + 2).
"""


def selu_forward(z: Array, a: Array, t: Array) -> Array:
    """a = λz where z > 0, else λα(e^z − 1), with the two constants that keep mean 0 and variance 1 through depth.

    Source: Klambauer et al. (2017), *Self-normalizing neural networks*.

    >>> selu_forward(np.array([[-1.0, 2.0]]), a=np.empty((1, 2)), t=np.empty((1, 2))).round(4)
    array([[-1.1113,  2.1014]])
    """
    below_zero(z, out=a)
    expm1(a, a, t)
    a *= SELU_ALPHA
    above_zero(z, out=t)
    a += t
    a *= SELU_SCALE
    return a


def selu_backward(z: Array, a: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = λ where z > 0, else λα e^z = a + λα. At 0 it jumps from 1.758 to 1.051."""
    below_zero(a, out=dz)
    dz += SELU_SCALE * SELU_ALPHA             # λα e^z · λα
    np.greater(z, 0, out=t)
    t *= SELU_SCALE - SELU_SCALE * SELU_ALPHA
    dz += t                                   # λα e^z · λ
    dz *= da
    return dz


def exponential_forward(z: Array, a: Array) -> Array:
    """a = e^z: for outputs that must be positive, a Poisson rate for example.

    >>> exponential_forward(np.array([[0.0, 1.0]]), a=np.empty((1, 2))).round(4)
    array([[1.    , 2.7183]])
    """
    return np.exp(z, out=a)


def exponential_backward(z: Array, a: Array, da: Array, dz: Array) -> Array:
    """f'(z) = e^z = a."""
    return np.multiply(da, a, out=dz)
