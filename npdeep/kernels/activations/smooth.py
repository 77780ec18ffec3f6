"""Smooth activations that are nearly 0 on the left and nearly z on the right: softplus, SiLU, GELU, Mish and others.

z, a, da, dz and every array that a forward pass keeps for the backward pass have the shape (n, units); dz = da · f'(z).
Every array that is written is one of its own: none of these kernels works in place.
"""

import math

import numpy as np

from npdeep.kernels.activations.sigmoids import sigmoid_into
from npdeep.kernels.arrays import Array, above_zero
from npdeep.kernels.special import expm1, finite, gated, normal_tail, root


def softplus_forward(z: Array, a: Array, t: Array, beta: float) -> Array:
    """a = log(1 + e^{βz})/β = max(z, 0) + log(1 + e^{−|u|})/β with u = βz: a ReLU with a round corner.

    For u > 0 take e^u out of the logarithm: u + log(1 + e^{−u}). |u| joins the two cases, and nothing overflows.
    Source: Dugas et al. (2001).

    >>> softplus_forward(np.array([[0.0, 1e4]]), np.empty((1, 2)), np.empty((1, 2)), beta=1.0).round(4)
    array([[6.931e-01, 1.000e+04]])
    """
    np.multiply(z, beta, out=t)               # u
    np.abs(t, out=t)
    np.negative(t, out=t)
    np.exp(t, out=t)
    np.log1p(t, out=t)
    t /= beta
    above_zero(z, out=a)
    a += t
    return a


def softplus_backward(z: Array, a: Array, t: Array, da: Array, dz: Array, beta: float) -> Array:
    """f'(z) = e^u/(1 + e^u) = 1 − 1/(1 + e^u) = 1 − e^{−βa} = −expm1(−βa), because e^{βa} = 1 + e^u."""
    np.multiply(a, -beta, out=dz)
    expm1(dz, dz, t)
    np.negative(dz, out=dz)
    dz *= da
    return dz


def squareplus_forward(z: Array, a: Array, r: Array, t: Array, b: float) -> Array:
    """a = (z + r)/2 with r = √(z² + b), b > 0: a softplus without exponentials. r is kept.

    Far left z + r is the small difference of two large numbers; (r − |z|)(r + |z|) = b turns it into a quotient:
    a = max(z, 0) + b/(2(r + |z|)), which keeps its digits on both sides.
    Source: Barron (2021), *Squareplus: a softplus-like algebraic rectifier*.

    >>> squareplus_forward(np.array([[0.0, -1e4]]), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2)), b=4.0).round(8)
    array([[1.e+00, 1.e-04]])
    """
    root(z, b, r, t)                          # t: |z|
    t *= 0.5
    np.multiply(r, 0.5, out=a)
    t += a                                    # half of r + |z|, which itself might overflow
    np.divide(0.25 * b, t, out=t)             # b/(2(r + |z|))
    above_zero(z, out=a)
    a += t
    return a


def squareplus_backward(z: Array, a: Array, r: Array, t: Array, da: Array, dz: Array, b: float) -> Array:
    """f'(z) = ½(1 + z/r) = (r + z)/(2r) = a/r."""
    finite(a, out=dz)
    finite(r, out=t)
    dz /= t
    dz *= da
    return dz


def silu_forward(z: Array, a: Array, s: Array, t: Array, beta: float) -> Array:
    """a = z s with s = σ(βz), also called swish. s is kept.

    Source: Elfwing, Uchibe, Doya (2017); Ramachandran, Zoph, Le (2017).

    >>> silu_forward(np.array([[0.0, 2.0]]), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2)), beta=1.0).round(4)
    array([[0.    , 1.7616]])
    """
    np.multiply(z, beta, out=a)
    sigmoid_into(a, s, t)
    return gated(z, s, a, closed=-beta)       # z s


def silu_backward(z: Array, a: Array, s: Array, t: Array, da: Array, dz: Array, beta: float) -> Array:
    """f'(z) = s + z β s(1 − s) = s + β a (1 − s)."""
    np.subtract(1, s, out=dz)
    gated(a, dz, t, closed=beta)              # a (1 − s)
    t *= beta
    np.add(s, t, out=dz)
    dz *= da
    return dz


def gelu_forward(z: Array, a: Array, q: Array, t: Array) -> Array:
    """a = z Φ(z), Φ the distribution function of N(0, 1). Exact, not one of its approximations.

    With the tail Q = Φ(−|z|) it is z − zQ on the right and zQ on the left, that is a = max(z, 0) − |z| Q: no
    difference of nearly equal numbers on either side. q keeps Q for the backward pass.
    Source: Hendrycks & Gimpel (2016), *Gaussian error linear units*.

    >>> gelu_forward(np.array([[-1.0, 1.0]]), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))).round(7)
    array([[-0.1586553,  0.8413447]])
    """
    normal_tail(z, q, a, t)                   # Q
    np.abs(z, out=t)
    gated(t, q, a, closed=1)                  # |z| Q
    above_zero(z, out=t)
    return np.subtract(t, a, out=a)


def gelu_backward(z: Array, a: Array, q: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = Φ(z) + z φ(z), with the density φ(z) = e^{−z²/2}/√(2π).

    Φ = ½ + sign(z)(½ − Q), and z φ = sign(z) |z| φ, so f'(z) = ½ + sign(z)(½ − Q + |z| φ).
    """
    np.multiply(z, z, out=dz)
    dz *= -0.5
    np.exp(dz, out=dz)
    dz *= 1 / math.sqrt(2 * math.pi)          # φ(z)
    finite(z, out=t)
    np.abs(t, out=t)
    dz *= t                                   # |z| φ(z)
    dz -= q
    dz += 0.5
    np.sign(z, out=t)
    dz *= t
    dz += 0.5
    dz *= da
    return dz


def gelu_tanh_forward(z: Array, a: Array, s: Array, t: Array) -> Array:
    """a = ½ z (1 + tanh u), u = √(2/π)(z + 0.044715 z³): at most 4.8e-4 off the exact GELU.

    Far left 1 + tanh u is the small difference of two numbers near 1; ½(1 + tanh u) = σ(2u) = s, which is kept, is not.

    >>> gelu_tanh_forward(np.array([[-1.0, 1.0]]), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))).round(4)
    array([[-0.1588,  0.8412]])
    """
    np.multiply(z, z, out=a)
    a *= 0.044715
    a += 1
    a *= z
    a *= 2 * math.sqrt(2 / math.pi)           # 2u
    sigmoid_into(a, s, t)
    return gated(z, s, a, closed=-1)          # z s


def gelu_tanh_backward(z: Array, a: Array, s: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = s + z s(1 − s) · 2u'(z), with u'(z) = √(2/π)(1 + 0.134145 z²). s(1 − s) is 0 beyond ±100: z may stop there."""
    np.clip(z, -100, 100, out=t)
    np.multiply(t, t, out=dz)
    dz *= 3 * 0.044715
    dz += 1
    dz *= 2 * math.sqrt(2 / math.pi)          # 2u'(z)
    dz *= t
    np.subtract(1, s, out=t)
    t *= s
    dz *= t                                   # z s(1 − s) · 2u'(z)
    dz += s
    dz *= da
    return dz


def mish_forward(z: Array, a: Array, h: Array, t: Array) -> Array:
    """a = z h with h = tanh(log(1 + e^z)). h is kept.

    Source: Misra (2019), *Mish: a self regularized non-monotonic activation function*.

    >>> mish_forward(np.array([[0.0, 2.0]]), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))).round(4)
    array([[0.   , 1.944]])
    """
    softplus_forward(z, h, t, beta=1)
    np.tanh(h, out=h)
    return gated(z, h, a, closed=-1)          # z h


def mish_backward(z: Array, a: Array, h: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = h + z h'(z), and h'(z) = (1 − h²) σ(z), because the slope of log(1 + e^z) is σ(z)."""
    sigmoid_into(z, dz, t)
    dz *= finite(z, out=t)
    np.multiply(h, h, out=t)
    np.subtract(1, t, out=t)
    dz *= t                                   # z σ(z)(1 − h²)
    dz += h
    dz *= da
    return dz


def dish_forward(z: Array, a: Array, u: Array, t: Array) -> Array:
    """a = ½ z (1 + u) with u = z/r, r = √(1 + z²): a SiLU without exponentials. u is kept.

    Far left 1 + u is the small difference of two numbers near 1; (r − |z|)(r + |z|) = 1 turns it into a quotient: with
    q = ½(1 − |u|) = 1/(2r(r + |z|)) it is a = max(z, 0) − |z| q, which keeps its digits on both sides.
    Source: the activation of this name in the library thinc.

    >>> dish_forward(np.array([[0.0, 2.0]]), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))).round(4)
    array([[0.    , 1.8944]])
    """
    root(z, 1, u, t)                          # r
    finite(u, out=u)
    finite(z, out=t)
    np.abs(t, out=t)
    np.add(u, t, out=a)                       # r + |z|
    t *= 0.5
    t /= u
    t /= a                                    # |z| q
    above_zero(z, out=a)
    a -= t
    finite(z, out=t)
    np.divide(t, u, out=u)
    return a


def dish_backward(z: Array, a: Array, u: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = ½ + ½(2z/r − z³/r³) = ½ + u(1 − u²/2), because r'(z) = z/r."""
    np.multiply(u, u, out=dz)
    dz *= -0.5
    dz += 1
    dz *= u
    dz += 0.5
    dz *= da
    return dz
