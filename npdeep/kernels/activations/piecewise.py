"""Activations made of a few straight or parabolic pieces: the cheap stand-ins for the smooth ones.

z, a, da, dz and the scratch t have the shape (n, units); dz = da · f'(z).
"""

import numpy as np

from npdeep.kernels.arrays import Array
from npdeep.kernels.special import gated


def linear_forward(z: Array, a: Array) -> Array:
    """a = z.

    >>> linear_forward(np.array([[-2.0, 3.0]]), a=np.empty((1, 2)))
    array([[-2.,  3.]])
    """
    a[...] = z
    return a


def linear_backward(z: Array, a: Array, da: Array, dz: Array) -> Array:
    """f'(z) = 1."""
    dz[...] = da
    return dz


def scaled_forward(z: Array, a: Array, slope: float, offset: float) -> Array:
    """a = slope · z + offset.

    >>> scaled_forward(np.array([[-2.0, 3.0]]), a=np.empty((1, 2)), slope=2.0, offset=1.0)
    array([[-3.,  7.]])
    """
    np.multiply(z, slope, out=a)
    a += offset
    return a


def scaled_backward(z: Array, a: Array, da: Array, dz: Array, slope: float, offset: float) -> Array:
    """f'(z) = slope."""
    return np.multiply(da, slope, out=dz)


def clipped_linear_forward(
    z: Array, a: Array, t: Array, slope: float, offset: float, minimum: float, maximum: float
) -> Array:
    """a = slope · z + offset, clamped to [minimum, maximum].

    Four well-known activations are this one with other numbers: relu6 (1, 0, 0, 6), hard_tanh (1, 0, −1, 1),
    hard_sigmoid (1/6, 1/2, 0, 1) and sparse_sigmoid (1/2, 1/2, 0, 1).

    >>> clipped_linear_forward(np.array([[-2.0, 0.5, 7.0]]), np.empty((1, 3)), np.empty((1, 3)), 1.0, 0.0, 0.0, 6.0)
    array([[0. , 0.5, 6. ]])
    """
    np.multiply(z, slope, out=a)
    a += offset
    np.maximum(a, minimum, out=a)
    return np.minimum(a, maximum, out=a)


def clipped_linear_backward(
    z: Array, a: Array, t: Array, da: Array, dz: Array, slope: float, offset: float, minimum: float, maximum: float
) -> Array:
    """f'(z) = slope strictly between the two bounds, 0 outside and on them."""
    np.greater(a, minimum, out=dz)
    np.less(a, maximum, out=t)
    dz *= t                                   # 1 inside, 0 outside
    dz *= slope
    dz *= da
    return dz


def hard_silu_forward(z: Array, a: Array, h: Array, t: Array, slope: float, offset: float) -> Array:
    """a = z h with h = slope · z + offset clamped to [0, 1]: the SiLU with a hard sigmoid. h is kept.

    Source: Howard et al. (2019), *Searching for MobileNetV3* (h-swish: slope 1/6, offset 1/2).

    >>> z = np.array([[-4.0, 0.0, 1.5, 4.0]])
    >>> hard_silu_forward(z, np.empty((1, 4)), np.empty((1, 4)), np.empty((1, 4)), slope=1/6, offset=0.5)
    array([[-0.   ,  0.   ,  1.125,  4.   ]])
    """
    clipped_linear_forward(z, h, t, slope, offset, minimum=0, maximum=1)
    return gated(z, h, a, closed=-slope)      # z h


def hard_silu_backward(
    z: Array, a: Array, h: Array, t: Array, da: Array, dz: Array, slope: float, offset: float
) -> Array:
    """f'(z) = h + z h'(z), and h' = slope where 0 < h < 1, else 0: there z h' is h − offset, and 0 elsewhere."""
    np.greater(h, 0, out=dz)
    np.less(h, 1, out=t)
    dz *= t                                   # 1 where 0 < h < 1, else 0
    np.subtract(h, offset, out=t)
    dz *= t                                   # z h'(z)
    dz += h
    dz *= da
    return dz


def sparse_plus_forward(z: Array, a: Array, t: Array) -> Array:
    """a = 0 for z ≤ −1, (z + 1)²/4 for −1 < z < 1, z for z ≥ 1.

    With c = z clamped to [−1, 1], both ends are the middle piece: (c + 1)²/4 is 0 left and 1 right; there
    max(z − 1, 0) adds the rest. Source: the Keras activation of this name.

    >>> sparse_plus_forward(np.array([[-2.0, 0.0, 3.0]]), np.empty((1, 3)), np.empty((1, 3)))
    array([[0.  , 0.25, 3.  ]])
    """
    np.maximum(z, -1, out=a)
    np.minimum(a, 1, out=a)                   # c
    a += 1
    a *= a
    a *= 0.25                                 # (c + 1)²/4
    np.subtract(z, 1, out=t)
    np.maximum(t, 0, out=t)
    a += t
    return a


def sparse_plus_backward(z: Array, a: Array, t: Array, da: Array, dz: Array) -> Array:
    """f'(z) = 0, (z + 1)/2 and 1 on the three pieces, which is (c + 1)/2."""
    np.maximum(z, -1, out=dz)
    np.minimum(dz, 1, out=dz)
    dz += 1
    dz *= 0.5
    dz *= da
    return dz


def soft_shrink_forward(z: Array, a: Array, threshold: float) -> Array:
    """a = sign(z) max(|z| − λ, 0), which is z minus z clamped to [−λ, λ]. λ = threshold ≥ 0.

    >>> soft_shrink_forward(np.array([[-2.0, 0.25, 1.0]]), np.empty((1, 3)), threshold=0.5)
    array([[-1.5,  0. ,  0.5]])
    """
    np.maximum(z, -threshold, out=a)
    np.minimum(a, threshold, out=a)
    return np.subtract(z, a, out=a)


def soft_shrink_backward(z: Array, a: Array, da: Array, dz: Array, threshold: float) -> Array:
    """f'(z) = 1 where |z| > λ, else 0. For λ = 0, f(z) = z and f'(0) = 1 too."""
    np.abs(z, out=dz)
    np.greater(dz, threshold or -1, out=dz)   # every |z| is above −1
    dz *= da
    return dz


def hard_shrink_forward(z: Array, a: Array, threshold: float) -> Array:
    """a = z where |z| > λ, else 0. λ = threshold ≥ 0; f jumps at −λ and λ.

    >>> hard_shrink_forward(np.array([[-2.0, 0.25, 1.0]]), np.empty((1, 3)), threshold=0.5)
    array([[-2.,  0.,  1.]])
    """
    np.abs(z, out=a)
    np.greater(a, threshold, out=a)
    a *= z
    return a


def hard_shrink_backward(z: Array, a: Array, da: Array, dz: Array, threshold: float) -> Array:
    """f'(z) = 1 where |z| > λ, else 0; the jump itself has no derivative. For λ = 0, f(z) = z and f'(0) = 1 too."""
    np.abs(z, out=dz)
    np.greater(dz, threshold or -1, out=dz)   # every |z| is above −1
    dz *= da
    return dz
