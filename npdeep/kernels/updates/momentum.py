"""Gradient descent and its two forms with momentum."""

import numpy as np

from npdeep.kernels.arrays import Array


def sgd(w: Array, g: Array, t: Array, learning_rate: float) -> None:
    """w ← w − η g.

    >>> w = np.array([1.0]); sgd(w, np.array([10.0]), np.empty(1), learning_rate=0.01); w
    array([0.9])
    """
    np.multiply(g, learning_rate, out=t)
    w -= t


def momentum(w: Array, g: Array, m: Array, t: Array, learning_rate: float, momentum: float) -> None:
    """m ← β m − η g, then w ← w + m: the gradient pushes, the velocity m moves. β = momentum.

    TensorFlow 1 and PyTorch keep the learning rate out of the velocity (m ← β m + g, w ← w − η m): the same steps while η
    is constant; under a schedule, theirs scales the whole velocity by the new η, ours keeps what was pushed before.
    Source: Polyak (1964), *Some methods of speeding up the convergence of iteration methods*.

    >>> w, m = np.array([1.0]), np.array([0.5])
    >>> momentum(w, np.array([10.0]), m, np.empty(1), learning_rate=0.01, momentum=0.9); m, w
    (array([0.35]), array([1.35]))
    """
    np.multiply(g, learning_rate, out=t)
    m *= momentum
    m -= t
    w += m


def nesterov(w: Array, g: Array, m: Array, t: Array, learning_rate: float, momentum: float, next_momentum: float) -> None:
    """m ← β m − η g, then w ← w − η g + β' m: momentum that measures the gradient where the velocity is about to lead.

    Nesterov's form keeps θ and asks for the gradient at the look-ahead θ + β m:

        m' = β m − η ∇J(θ + β m)     θ' = θ + m'

    Here w *is* the look-ahead point φ = θ + β m, so that every gradient is taken at the stored weights:

        φ' = θ' + β' m' = (φ − β m) + m' + β' m' = φ − η g + β' m'          (−β m + m' = −η g)

    β is the momentum of this step, β' that of the next; they are equal unless momentum has a schedule.
    Source: Nesterov (1983); the change of variable: Bengio, Boulanger-Lewandowski, Pascanu (2013).

    >>> w, m = np.array([1.0]), np.array([0.5])
    >>> nesterov(w, np.array([10.0]), m, np.empty(1), learning_rate=0.01, momentum=0.9, next_momentum=0.9); m, w
    (array([0.35]), array([1.215]))
    """
    np.multiply(g, learning_rate, out=t)      # η g
    m *= momentum
    m -= t
    w -= t
    np.multiply(m, next_momentum, out=t)
    w += t


def flush_tiny(m: Array, drive: Array, t: Array, smallest: float) -> None:
    """m ← 0 wherever |m| ≤ smallest and what drives it (the gradient, say) is 0.

    A weight whose gradient has stayed 0 has a velocity that shrinks by β a step and soon is a denormal number, below
    1.2e-38 in float32, with which many processors compute far more slowly. Called every few hundred steps, this
    keeps that from happening; what it removes is too small to move any weight.

    >>> m = np.array([1e-25, 1e-25, -2.0]); flush_tiny(m, np.array([0.0, 1e-24, 0.0]), np.empty(3), smallest=1e-20); m
    array([ 0.e+00,  1.e-25, -2.e+00])
    """
    np.abs(m, out=t)
    np.greater(t, smallest, out=t)            # 1 or 0
    np.logical_or(t, drive, out=t)
    m *= t
