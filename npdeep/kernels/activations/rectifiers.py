"""ReLU and the rectifiers around it: straight lines with a kink.

Everywhere: z is what goes in, a = f(z) what comes out, da = ∂L/∂a comes from above, dz = ∂L/∂z goes down.
All four have the shape (n, units); f works on each element alone, so the chain rule is one product:

    dz = da · f'(z)

At a kink the derivative is the smaller of the two (0 for ReLU at 0), as TensorFlow and PyTorch have it.
Where z is NaN, a is NaN, and so is the da that comes back: a slope of 0 or 1 hides nothing, because 0 · NaN is NaN.
Every array that is written is one of its own: none of these kernels works in place.
"""

import math

import numpy as np

from npdeep.kernels.arrays import Array, above_zero, below_zero
from npdeep.kernels.special import finite


def relu_forward(z: Array, a: Array) -> Array:
    """a = max(z, 0).

    Source: Nair & Hinton (2010), *Rectified linear units improve restricted Boltzmann machines*.

    >>> relu_forward(np.array([[-2.0, 0.0, 3.0]]), a=np.empty((1, 3)))
    array([[0., 0., 3.]])
    """
    return above_zero(z, out=a)


def relu_backward(z: Array, a: Array, da: Array, dz: Array) -> Array:
    """f'(z) = 1 where z > 0, else 0: the gradient passes where the unit was on and dies where it was off.

    >>> relu_backward(np.array([[-2.0, 3.0]]), a=np.array([[0.0, 3.0]]), da=np.array([[5.0, 7.0]]), dz=np.empty((1, 2)))
    array([[0., 7.]])
    """
    np.greater(z, 0, out=dz)                  # f'(z): 1 or 0
    dz *= da
    return dz


def leaky_relu_forward(z: Array, a: Array, negative_slope: float) -> Array:
    """a = max(αz, z) with the slope α in [0, 1]: a unit that is off still leaks.

    For z > 0 the larger of the two is z, for z < 0 it is αz, because α ≤ 1.
    Source: Maas, Hannun, Ng (2013); Xu et al. (2015) found a slope of 1/5.5 to serve better than 1/100.

    >>> leaky_relu_forward(np.array([[-2.0, 3.0]]), a=np.empty((1, 2)), negative_slope=0.01)
    array([[-0.02,  3.  ]])
    """
    if negative_slope == 0:                   # 0 · ∞ is NaN
        return above_zero(z, out=a)
    np.multiply(z, negative_slope, out=a)
    return np.maximum(z, a, out=a)


def leaky_relu_backward(z: Array, a: Array, da: Array, dz: Array, negative_slope: float) -> Array:
    """f'(z) = 1 where z > 0, else α."""
    np.ceil(z, out=dz)                        # 1 or more where z > 0, else 0 or less
    np.clip(dz, negative_slope, 1, out=dz)    # 1 or α: f'(z)
    dz *= da
    return dz


def prelu_forward(z: Array, alpha: Array, a: Array, t: Array) -> Array:
    """a = max(z, 0) + α_j min(z, 0): a leaky ReLU whose slopes alpha (units,) are learnt. t: scratch like z.

    At z = −∞ a slope of exactly 0 gives 0·∞ = NaN. Source: He et al. (2015), *Delving deep into rectifiers*.

    >>> prelu_forward(np.array([[-2.0, 3.0]]), np.array([0.5, 0.5]), a=np.empty((1, 2)), t=np.empty((1, 2)))
    array([[-1.,  3.]])
    """
    below_zero(z, out=t)
    t *= alpha                                # (n, units) · (units,)
    above_zero(z, out=a)
    a += t
    return a


def prelu_backward(
    z: Array, alpha: Array, t: Array, da: Array, dalpha: Array | None, dz: Array | None
) -> Array | None:
    """∂a/∂z = 1 where z > 0, else α_j; ∂a_ij/∂α_j = min(z_ij, 0), summed over the rows i that share α_j.

    z, t (scratch), da, dz (n, units) · alpha, dalpha (units,) · None: not wanted.
    """
    if dalpha is not None:
        below_zero(z, out=t)
        t *= da
        np.add.reduce(t, axis=0, out=dalpha)  # dα_j = Σ_i da_ij min(z_ij, 0)
    if dz is not None:
        np.greater(z, 0, out=dz)              # 1 or 0
        np.subtract(1, dz, out=t)             # 0 or 1
        t *= alpha
        dz += t                               # 1 or α_j
        dz *= da
    return dz


def draw_slopes(rng: np.random.Generator, lower: float, upper: float, slopes: Array) -> Array:
    """Slopes from U(lower, upper), one for every element, written into slopes.

    >>> draw_slopes(np.random.default_rng(0), 0.125, 0.25, np.empty((1, 2))).round(3)
    array([[0.205, 0.159]])
    """
    rng.random(out=slopes, dtype=slopes.dtype.type)
    slopes *= upper - lower
    slopes += lower
    return slopes


def rrelu_forward(z: Array, slopes: Array, a: Array, t: Array) -> Array:
    """a = max(z, 0) + r min(z, 0): a leaky ReLU with a random slope r for every element.

    slopes (n, units) holds the r drawn for this step, or the one number (lower + upper)/2 when the network is not
    training. t: scratch like z. Source: Xu et al. (2015), *Empirical evaluation of rectified activations*.

    >>> rrelu_forward(np.array([[-2.0, 3.0]]), np.array([[0.25, 0.125]]), a=np.empty((1, 2)), t=np.empty((1, 2)))
    array([[-0.5,  3. ]])
    """
    below_zero(z, out=t)
    t *= slopes
    above_zero(z, out=a)
    a += t
    return a


def rrelu_backward(z: Array, slopes: Array, t: Array, da: Array, dz: Array) -> Array:
    """∂a/∂z = 1 where z > 0, else r: the same r that the forward pass drew."""
    np.greater(z, 0, out=dz)                  # 1 or 0
    np.subtract(1, dz, out=t)                 # 0 or 1
    t *= slopes
    dz += t                                   # 1 or r
    dz *= da
    return dz


def threshold_forward(z: Array, a: Array, on: Array, threshold: float, value: float) -> Array:
    """a = z where z > threshold, else the constant value. on (n, units) bool keeps which elements are on; NaN is one of them.

    >>> threshold_forward(np.array([[0.5, 3.0]]), np.empty((1, 2)), np.empty((1, 2), bool), threshold=1.0, value=-9.0)
    array([[-9.,  3.]])
    """
    np.less_equal(z, threshold, out=on)
    np.logical_not(on, out=on)
    a.fill(value)
    np.copyto(a, z, where=on)
    return a


def threshold_backward(
    z: Array, a: Array, on: Array, da: Array, dz: Array, threshold: float, value: float
) -> Array:
    """f'(z) = 1 where z > threshold, else 0 (a constant feels nothing)."""
    return np.multiply(da, on, out=dz)


def general_relu_forward(
    z: Array, a: Array, on: Array, negative_slope: float, maximum: float, threshold: float
) -> Array:
    """a = maximum where z ≥ maximum; z where threshold ≤ z < maximum; negative_slope · (z − threshold) below.

    on (n, units) bool: scratch. Unless the threshold is 0, f jumps there from 0 to the threshold.
    Source: `relu` of Keras with its arguments negative_slope, max_value and threshold.

    >>> general_relu_forward(np.array([[-1.0, 2.0, 9.0]]), np.empty((1, 3)), np.empty((1, 3), bool), 0.5, 6.0, 1.0)
    array([[-1.,  2.,  6.]])
    """
    if negative_slope == 0:
        finite(z, out=a)                      # 0 · ∞ is NaN
    else:
        np.subtract(z, threshold, out=a)
    a *= negative_slope
    np.greater_equal(z, threshold, out=on)
    np.copyto(a, z, where=on)
    np.greater_equal(z, maximum, out=on)
    np.copyto(a, maximum, where=on)
    return a


def general_relu_backward(
    z: Array, a: Array, on: Array, da: Array, dz: Array, negative_slope: float, maximum: float, threshold: float
) -> Array:
    """f'(z) = 0 where z ≥ maximum, 1 between, negative_slope where z < threshold.

    At a threshold of 0 there is a kink, and the slope is negative_slope; where f jumps it is that of the piece a is on, 1.
    """
    dz.fill(negative_slope)
    (np.greater_equal if threshold else np.greater)(z, threshold, out=on)
    np.copyto(dz, 1, where=on)
    if maximum < math.inf:
        np.greater_equal(z, maximum, out=on)
        np.copyto(dz, 0, where=on)
    dz *= da
    return dz
