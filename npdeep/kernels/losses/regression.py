"""Losses for numbers. z are the outputs, y the targets, e = z − y the error; all (n, units), loss likewise."""

import math

import numpy as np

from npdeep.kernels.arrays import Array


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

    With c = e held between −δ and δ both cases are ℓ = c (e − c/2). Source: Huber (1964).

    >>> huber_forward(np.array([[0.5, 3.0]]), np.zeros((1, 2)), np.empty((1, 2)), np.empty((1, 2)), delta=1.0)
    array([[0.125, 2.5  ]])
    """
    np.subtract(z, y, out=loss)
    np.maximum(loss, -delta, out=t)
    np.minimum(t, delta, out=t)               # c
    loss *= 2
    loss -= t
    loss *= t
    loss *= 0.5                               # c (2e − c)/2
    return loss


def huber_backward(z: Array, y: Array, dz: Array, delta: float) -> Array:
    """∂ℓ/∂z = e where |e| ≤ δ, else δ sign e: the error held between −δ and δ."""
    np.subtract(z, y, out=dz)
    np.maximum(dz, -delta, out=dz)
    return np.minimum(dz, delta, out=dz)


def log_cosh_forward(z: Array, y: Array, t: Array, loss: Array) -> Array:
    """ℓ = log cosh e = |e| + log(1 + e^{−2|e|}) − log 2: about e²/2 near 0, |e| − log 2 far away, smooth everywhere.

    cosh e = (e^{|e|} + e^{−|e|})/2; take e^{|e|} out of the logarithm. (The e of the powers is Euler's number.)

    >>> log_cosh_forward(np.array([[0.0, 1e4]]), np.zeros((1, 2)), np.empty((1, 2)), np.empty((1, 2))).round(2)
    array([[   0.  , 9999.31]])
    """
    np.subtract(z, y, out=t)
    np.abs(t, out=t)
    np.multiply(t, -2, out=loss)
    np.exp(loss, out=loss)
    np.log1p(loss, out=loss)
    loss += t
    loss -= math.log(2)
    return loss


def log_cosh_backward(z: Array, y: Array, dz: Array) -> Array:
    """∂ℓ/∂z = sinh e/cosh e = tanh e."""
    np.subtract(z, y, out=dz)
    return np.tanh(dz, out=dz)


def poisson_forward(z: Array, y: Array, t: Array, loss: Array, epsilon: float) -> Array:
    """ℓ = z − y log(z + ε): the negative log-likelihood of counts y under Poisson rates z ≥ 0, without log y!.

    >>> poisson_forward(np.array([[2.0]]), np.array([[0.0]]), np.empty((1, 1)), np.empty((1, 1)), epsilon=1e-7)
    array([[2.]])
    """
    np.add(z, epsilon, out=t)
    np.log(t, out=t)
    t *= y
    return np.subtract(z, t, out=loss)


def poisson_backward(z: Array, y: Array, dz: Array, epsilon: float) -> Array:
    """∂ℓ/∂z = 1 − y/(z + ε)."""
    np.add(z, epsilon, out=dz)
    np.divide(y, dz, out=dz)
    return np.subtract(1, dz, out=dz)
