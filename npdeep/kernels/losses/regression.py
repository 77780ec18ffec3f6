"""Losses for numbers. z are the outputs, y the targets, e = z − y the error; all (n, units), loss likewise."""

import numpy as np

from npdeep.kernels.arrays import Array
from npdeep.kernels.special import log_cosh, rates


def squared_error_forward(z: Array, y: Array, loss: Array) -> Array:
    """ℓ = e².

    >>> squared_error_forward(np.array([[3.0]]), np.array([[1.0]]), np.empty((1, 1)))
    array([[4.]])
    """
    np.subtract(z, y, out=loss)
    loss *= loss
    return loss


def squared_error_backward(z: Array, y: Array, dz: Array) -> Array:
    """∂ℓ/∂z = 2e."""
    np.subtract(z, y, out=dz)
    dz *= 2
    return dz


def absolute_error_forward(z: Array, y: Array, loss: Array) -> Array:
    """ℓ = |e|.

    >>> absolute_error_forward(np.array([[3.0]]), np.array([[5.0]]), np.empty((1, 1)))
    array([[2.]])
    """
    np.subtract(z, y, out=loss)
    return np.abs(loss, out=loss)


def absolute_error_backward(z: Array, y: Array, dz: Array) -> Array:
    """∂ℓ/∂z = sign e, and 0 at e = 0."""
    np.subtract(z, y, out=dz)
    return np.sign(dz, out=dz)


def huber_forward(z: Array, y: Array, t: Array, loss: Array, delta: float) -> Array:
    """ℓ = e²/2 where |e| ≤ δ, else δ|e| − δ²/2: squares small errors, grows only linearly with outliers.

    With c = e clamped to [−δ, δ] both cases are ℓ = c (e − c/2). Source: Huber (1964).

    >>> huber_forward(np.array([[0.5, 3.0]]), np.zeros((1, 2)), np.empty((1, 2)), np.empty((1, 2)), delta=1.0)
    array([[0.125, 2.5  ]])
    """
    np.subtract(z, y, out=loss)
    np.maximum(loss, -delta, out=t)
    np.minimum(t, delta, out=t)               # c
    t *= 0.5
    loss -= t
    t *= 2
    loss *= t                                 # (e − c/2) c
    return loss


def huber_backward(z: Array, y: Array, dz: Array, delta: float) -> Array:
    """∂ℓ/∂z = e where |e| ≤ δ, else δ sign e: the error clamped to [−δ, δ]."""
    np.subtract(z, y, out=dz)
    np.maximum(dz, -delta, out=dz)
    return np.minimum(dz, delta, out=dz)


def log_cosh_forward(z: Array, y: Array, t: Array, d: Array, loss: Array) -> Array:
    """ℓ = log cosh e: about e²/2 near 0, |e| − log 2 far away, smooth everywhere. t, d: scratch.

    >>> z, y, t, d, loss = np.array([[0.0, 1e4]]), np.zeros((1, 2)), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))
    >>> log_cosh_forward(z, y, t, d, loss).round(2)
    array([[   0.  , 9999.31]])
    """
    np.subtract(z, y, out=t)
    return log_cosh(t, loss, d)


def log_cosh_backward(z: Array, y: Array, dz: Array) -> Array:
    """∂ℓ/∂z = sinh e/cosh e = tanh e."""
    np.subtract(z, y, out=dz)
    return np.tanh(dz, out=dz)


def poisson_forward(z: Array, y: Array, t: Array, loss: Array, epsilon: float) -> Array:
    """ℓ = z − y log(z + ε): the negative log-likelihood of counts y under Poisson rates z ≥ 0, without log y!. 0 log 0 is 0.

    >>> poisson_forward(np.array([[2.0]]), np.array([[0.0]]), np.empty((1, 1)), np.empty((1, 1)), epsilon=1e-7)
    array([[2.]])
    """
    rates(z, y, epsilon, t, loss)             # z + ε
    np.log(t, out=t)
    t *= y
    return np.subtract(z, t, out=loss)


def poisson_backward(z: Array, y: Array, t: Array, dz: Array, epsilon: float) -> Array:
    """∂ℓ/∂z = 1 − y/(z + ε). t: scratch."""
    rates(z, y, epsilon, dz, t)               # z + ε
    np.divide(y, dz, out=dz)
    return np.subtract(1, dz, out=dz)
