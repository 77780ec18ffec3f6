"""Losses for classes. Outputs are logits: the last layer has no softmax and no sigmoid, the loss brings its own.

That is a matter of digits, not of taste: the logarithm of a softmax that has rounded to 0 is −∞, while the two together
are a difference of moderate numbers, and their derivative is as simple as it can be.
"""

import numpy as np

from npdeep.kernels.activations.sigmoids import sigmoid_into
from npdeep.kernels.arrays import Array, above_zero
from npdeep.kernels.special import weighted_differences


def one_hot(labels: Array, starts: Array, q: Array, smoothing: float) -> Array:
    """q_ik = 1 where k is the label of row i, else 0; with smoothing s, q = (1 − s) · that + s/classes.

    labels (n,) int64 · starts (n,) int64: where each row of q begins in memory, i · classes · q (n, classes), written.
    Label smoothing: Szegedy et al. (2016), *Rethinking the Inception architecture*.

    >>> one_hot(np.array([2, 0]), np.array([0, 3]), np.empty((2, 3)), smoothing=0.0)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    off = smoothing / q.shape[1]
    q.fill(off)
    q.reshape(-1)[starts + labels] = 1 - smoothing + off
    return q


def smooth(targets: Array, q: Array, smoothing: float) -> Array:
    """q = (1 − s) targets + s/classes, for targets that are probabilities (n, classes) already.

    >>> smooth(np.array([[0.0, 1.0]]), np.empty((1, 2)), smoothing=0.1)
    array([[0.05, 0.95]])
    """
    np.multiply(targets, 1 - smoothing, out=q)
    q += smoothing / q.shape[1]
    return q


def softmax_cross_entropy_forward(z: Array, q: Array, p: Array, t: Array, column: Array, loss: Array) -> Array:
    """ℓ_i = −Σ_k q_ik log p_ik with p = softmax(z): the surprise of the targets q under the network's p.

    log p_ik = z_ik − max_i − log Σ_j e^{z_ij − max_i}, and every row of q sums to 1, so that

        ℓ_i = log Σ_j e^{z_ij − max_i} − Σ_k q_ik (z_ik − max_i)

    z (logits), q (targets), p (written and kept), t (scratch) (n, classes) · column (scratch), loss (n, 1).
    Source: Goodfellow, Bengio, Courville (2016), section 6.2.2.3.

    >>> z, q, p, t = np.zeros((1, 2)), np.array([[1.0, 0.0]]), np.empty((1, 2)), np.empty((1, 2))
    >>> softmax_cross_entropy_forward(z, q, p, t, np.empty((1, 1)), np.empty((1, 1))).round(6)
    array([[0.693147]])
    """
    np.maximum.reduce(z, axis=1, keepdims=True, out=column)
    np.subtract(z, column, out=t)             # (n, classes)
    np.exp(t, out=p)
    weighted_differences(z, column, q, t, loss)    # Σ_k q_ik (z_ik − max_i)
    np.add.reduce(p, axis=1, keepdims=True, out=column)
    p /= column                               # softmax(z)
    np.log(column, out=column)
    return np.subtract(column, loss, out=loss)


def softmax_cross_entropy_backward(p: Array, q: Array, dz: Array) -> Array:
    """∂ℓ_i/∂z_ij = p_ij − q_ij.

    ∂/∂z_j of log Σ_k e^{z_k} is e^{z_j}/Σ_k e^{z_k} = p_j, and ∂/∂z_j of Σ_k q_k z_k is q_j.

    >>> softmax_cross_entropy_backward(np.array([[0.75, 0.25]]), np.array([[1.0, 0.0]]), np.empty((1, 2)))
    array([[-0.25,  0.25]])
    """
    return np.subtract(p, q, out=dz)


def binary_cross_entropy_forward(z: Array, y: Array, t: Array, loss: Array) -> Array:
    """ℓ = −y log σ(z) − (1 − y) log(1 − σ(z)) = max(z, 0) − z y + log(1 + e^{−|z|}), element by element.

    With log σ(z) = −log(1 + e^{−z}) and log(1 − σ(z)) = −z − log(1 + e^{−z}):  ℓ = (1 − y) z + log(1 + e^{−z}). For z < 0
    take e^{−z} out of the logarithm: −z y + log(1 + e^z). |z| and max(z, 0) join the two cases.
    z (logits), y (targets 0 … 1), t (scratch), loss (n, units).

    >>> binary_cross_entropy_forward(np.array([[0.0, 1e4]]), np.ones((1, 2)), np.empty((1, 2)), np.empty((1, 2))).round(6)
    array([[0.693147, 0.      ]])
    """
    above_zero(z, out=t)
    np.multiply(z, y, out=loss)
    t -= loss                                 # 0 where y is sure and right: the logarithm is all that counts
    np.abs(z, out=loss)
    np.negative(loss, out=loss)
    np.exp(loss, out=loss)
    np.log1p(loss, out=loss)
    loss += t
    return loss


def binary_cross_entropy_backward(z: Array, y: Array, t: Array, dz: Array) -> Array:
    """∂ℓ/∂z = (1 − y) − e^{−z}/(1 + e^{−z}) = σ(z) − y. t: scratch.

    >>> binary_cross_entropy_backward(np.array([[0.0]]), np.array([[1.0]]), np.empty((1, 1)), np.empty((1, 1)))
    array([[-0.5]])
    """
    sigmoid_into(z, dz, t)
    dz -= y
    return dz


def kl_divergence_forward(p: Array, y: Array, t: Array, loss: Array, epsilon: float) -> Array:
    """ℓ_i = Σ_k y_ik log(y_ik/p_ik): how far the outputs p are from the targets y, both rows of probabilities.

    Outputs below ε count as ε, so that a p of 0 costs much, not infinitely much; a y of 0 adds nothing (y log y → 0).
    p, y, t (scratch) (n, units) · loss (n, 1). Source: Kullback & Leibler (1951).

    >>> p, y = np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])
    >>> kl_divergence_forward(p, y, np.empty((1, 2)), np.empty((1, 1)), epsilon=1e-7).round(6)
    array([[0.693147]])
    """
    np.maximum(p, epsilon, out=t)
    np.divide(y, t, out=t)
    np.maximum(t, np.finfo(t.dtype).tiny, out=t)    # log of 0/p is never taken; times y = 0 it adds nothing
    np.log(t, out=t)
    t *= y
    return np.add.reduce(t, axis=1, keepdims=True, out=loss)


def kl_divergence_backward(p: Array, y: Array, t: Array, dp: Array, epsilon: float) -> Array:
    """∂ℓ_i/∂p_ik = −y_ik/p_ik, and 0 where p was below ε, where the loss no longer feels it.

    >>> p, y = np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])
    >>> kl_divergence_backward(p, y, np.empty((1, 2)), np.empty((1, 2)), epsilon=1e-7)
    array([[-2., -0.]])
    """
    np.maximum(p, epsilon, out=dp)
    np.divide(y, dp, out=dp)
    np.greater_equal(p, epsilon, out=t)       # 1 or 0
    dp *= t
    return np.negative(dp, out=dp)
