"""The S-shaped activations. They saturate: far from 0 their slope, and with it the gradient, is all but 0.

z, a, da, dz and the scratch t have the shape (n, units); dz = da · f'(z).
"""

import numpy as np

from npdeep.kernels.arrays import Array, below_zero
from npdeep.kernels.special import expm1, finite, minus_tanh


def sigmoid_into(z: Array, s: Array, t: Array) -> Array:
    """s = σ(z) = 1/(1 + e^{−z}), with e = e^{−|z|}, which no z can overflow: 1/(1 + e) for z ≥ 0, e/(1 + e) for z < 0.

    For z < 0 both sides of the fraction were multiplied by e^z = e. The numerator of both cases is the larger of e and
    [z ≥ 0], because e ≤ 1. So no digits are lost on either side, however small σ(z) is. t: scratch.

    >>> sigmoid_into(np.array([-100.0]), np.empty(1), np.empty(1)) / np.exp(-100.0)
    array([1.])
    """
    np.abs(z, out=t)
    np.negative(t, out=t)
    np.exp(t, out=t)                          # e
    np.greater_equal(z, 0, out=s)             # 1 or 0
    np.maximum(s, t, out=s)                   # 1 or e
    t += 1
    s /= t
    return s


def sigmoid_forward(z: Array, a: Array, t: Array) -> Array:
    """a = σ(z) = 1/(1 + e^{−z}), the logistic function. t: scratch.

    >>> sigmoid_forward(np.array([[0.0, 2.0]]), a=np.empty((1, 2)), t=np.empty((1, 2))).round(4)
    array([[0.5   , 0.8808]])
    """
    return sigmoid_into(z, a, t)


def sigmoid_backward(z: Array, a: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = e^{−z}/(1 + e^{−z})² = a(1 − a), never more than ¼.

    Ten logistic layers alone shrink a gradient to 4^{−10} of its size or less; the weights between them decide how much of
    that is made up for.

    >>> sigmoid_backward(np.array([[0.0]]), np.array([[0.5]]), np.empty((1, 1)), np.array([[1.0]]), np.empty((1, 1)))
    array([[0.25]])
    """
    np.subtract(1, a, out=dz)
    dz *= a
    dz *= da
    return dz


def log_sigmoid_forward(z: Array, a: Array, t: Array) -> Array:
    """a = log σ(z) = min(z, 0) − log(1 + e^{−|z|}).

    log σ(z) = −log(1 + e^{−z}); for z < 0 take e^{−z} out of the logarithm: z − log(1 + e^z). |z| joins the two.

    >>> log_sigmoid_forward(np.array([[0.0, -1e4]]), a=np.empty((1, 2)), t=np.empty((1, 2))).round(4)
    array([[-6.931e-01, -1.000e+04]])
    """
    np.abs(z, out=t)
    np.negative(t, out=t)
    np.exp(t, out=t)
    np.log1p(t, out=t)                        # log(1 + e^{−|z|})
    below_zero(z, out=a)
    a -= t
    return a


def log_sigmoid_backward(z: Array, a: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = σ'(z)/σ(z) = 1 − σ(z) = 1 − e^a = −expm1(a)."""
    expm1(a, dz, t)
    np.negative(dz, out=dz)
    dz *= da
    return dz


def tanh_forward(z: Array, a: Array) -> Array:
    """a = tanh z = (e^z − e^{−z})/(e^z + e^{−z}): a logistic function stretched to (−1, 1), with mean 0 for mean 0.

    >>> tanh_forward(np.array([[0.0, 2.0]]), a=np.empty((1, 2))).round(4)
    array([[0.   , 0.964]])
    """
    return np.tanh(z, out=a)


def tanh_backward(z: Array, a: Array, da: Array, dz: Array) -> Array:
    """f'(z) = 1 − tanh² z = 1 − a²."""
    np.multiply(a, a, out=dz)
    np.subtract(1, dz, out=dz)
    dz *= da
    return dz


def tanh_shrink_forward(z: Array, a: Array, h: Array, t: Array, u: Array) -> Array:
    """a = z − h with h = tanh z. h is kept. t, u: scratch.

    >>> z = np.array([[0.0, 2.0]])
    >>> tanh_shrink_forward(z, np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))).round(4)
    array([[0.   , 1.036]])
    """
    np.tanh(z, out=h)
    return minus_tanh(z, h, a, t, u)


def tanh_shrink_backward(z: Array, a: Array, h: Array, t: Array, u: Array, da: Array, dz: Array) -> Array:
    """f'(z) = 1 − (1 − tanh² z) = h²."""
    np.multiply(h, h, out=dz)
    dz *= da
    return dz


def softsign_forward(z: Array, a: Array, t: Array) -> Array:
    """a = z/(1 + |z|): saturates too, but as a power, not as an exponential. t: scratch.

    Source: Glorot & Bengio (2010), *Understanding the difficulty of training deep feedforward neural networks*.

    >>> softsign_forward(np.array([[-1.0, 3.0]]), a=np.empty((1, 2)), t=np.empty((1, 2)))
    array([[-0.5 ,  0.75]])
    """
    finite(z, out=t)
    np.abs(t, out=a)
    a += 1
    return np.divide(t, a, out=a)


def softsign_backward(z: Array, a: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = ((1 + |z|) − z sign z)/(1 + |z|)² = 1/(1 + |z|)²."""
    np.abs(z, out=dz)
    dz += 1
    np.reciprocal(dz, out=dz)
    dz *= dz
    dz *= da
    return dz
