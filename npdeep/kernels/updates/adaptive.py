"""Update rules with a step size for every single weight, learnt from the size of its past gradients."""

import math

import numpy as np

from npdeep.kernels.arrays import Array


def adagrad(w: Array, g: Array, s: Array, t: Array, learning_rate: float, epsilon: float) -> None:
    """s ← s + g², then w ← w − η g/√(s + ε): steep directions are slowed down, for good.

    Source: Duchi, Hazan, Singer (2011). ε is inside the root, as in Keras; PyTorch has it outside.

    >>> w, s = np.array([1.0]), np.array([0.0])
    >>> adagrad(w, np.array([4.0]), s, np.empty(1), learning_rate=0.1, epsilon=0.0); s, w
    (array([16.]), array([0.9]))
    """
    np.multiply(g, g, out=t)
    s += t
    np.add(s, epsilon, out=t)
    np.sqrt(t, out=t)
    np.divide(g, t, out=t)
    t *= learning_rate
    w -= t


def moving_average_of_squares(s: Array, g: Array, t: Array, rho: float) -> None:
    """s ← ρ s + (1 − ρ) g².

    >>> s = np.array([1.0]); moving_average_of_squares(s, np.array([2.0]), np.empty(1), rho=0.5); s
    array([2.5])
    """
    np.multiply(g, g, out=t)
    t *= 1 - rho
    s *= rho
    s += t


def moving_average(m: Array, g: Array, t: Array, beta: float) -> None:
    """m ← β m + (1 − β) g.

    >>> m = np.array([1.0]); moving_average(m, np.array([2.0]), np.empty(1), beta=0.5); m
    array([1.5])
    """
    np.multiply(g, 1 - beta, out=t)
    m *= beta
    m += t


def rmsprop(w: Array, g: Array, s: Array, t: Array, learning_rate: float, rho: float, epsilon: float) -> None:
    """s ← ρ s + (1 − ρ) g², then w ← w − η g/√(s + ε): AdaGrad that forgets.

    Source: Tieleman & Hinton (2012), Coursera lecture 6e. ε inside the root, as in TensorFlow and Keras (TensorFlow 1
    starts s at 1, not at 0); PyTorch has ε outside.

    >>> w, s = np.array([1.0]), np.array([0.0])
    >>> rmsprop(w, np.array([4.0]), s, np.empty(1), learning_rate=0.1, rho=0.75, epsilon=0.0); s, w
    (array([4.]), array([0.8]))
    """
    moving_average_of_squares(s, g, t, rho)
    np.add(s, epsilon, out=t)
    np.sqrt(t, out=t)
    np.divide(g, t, out=t)
    t *= learning_rate
    w -= t


def rmsprop_general(
    w: Array,
    g: Array,
    s: Array,
    mean: Array | None,
    m: Array | None,
    t: Array,
    learning_rate: float,
    rho: float,
    epsilon: float,
    momentum: float,
) -> None:
    """RMSProp with its two options: centered and with momentum.

    centered (mean is given): the mean square s makes way for the variance s − mean², where mean ← ρ mean + (1 − ρ) g.
    with momentum (m is given): m ← β m + η g/√(…), then w ← w − m.
    Rounding may push s − mean² below 0; it is held at 0.

    >>> w, s, mean = np.array([1.0]), np.array([0.0]), np.array([0.0])
    >>> rmsprop_general(w, np.array([4.0]), s, mean, None, np.empty(1), 0.1, 0.75, 0.0, 0.0); w.round(4)
    array([0.7691])
    """
    moving_average_of_squares(s, g, t, rho)
    if mean is None:
        np.add(s, epsilon, out=t)
    else:
        moving_average(mean, g, t, rho)
        np.multiply(mean, mean, out=t)
        np.subtract(s, t, out=t)
        np.maximum(t, 0, out=t)
        t += epsilon
    np.sqrt(t, out=t)
    np.divide(g, t, out=t)
    t *= learning_rate
    if m is not None:
        m *= momentum
        m += t
        w -= m
    else:
        w -= t


def adadelta(
    w: Array, g: Array, s: Array, d: Array, t: Array, u: Array, learning_rate: float, rho: float, epsilon: float
) -> None:
    """s ← ρ s + (1 − ρ) g²; Δ = g √(d + ε)/√(s + ε); d ← ρ d + (1 − ρ) Δ²; w ← w − η Δ.

    The mean square d of past steps gives the step the unit that the weights have. u: a second scratch.
    Source: Zeiler (2012), *ADADELTA: an adaptive learning rate method* (there η = 1).

    >>> w, s, d = np.array([1.0]), np.array([0.0]), np.array([0.0])
    >>> adadelta(w, np.array([4.0]), s, d, np.empty(1), np.empty(1), 1.0, rho=0.75, epsilon=1.0); w.round(4)
    array([-0.7889])
    """
    moving_average_of_squares(s, g, t, rho)
    np.add(s, epsilon, out=u)
    np.add(d, epsilon, out=t)
    t /= u
    np.sqrt(t, out=t)
    t *= g                                    # Δ
    moving_average_of_squares(d, t, u, rho)
    t *= learning_rate
    w -= t


def adam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    largest_v: Array | None,
    t: Array,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
) -> None:
    """m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  w ← w − η m̂/(√v̂ + ε).

    m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) make up for the start at 0: after t steps of a constant g the weights inside m
    sum to 1 − β₁ᵗ. step is t = 1, 2, … . With r = √(1 − β₂ᵗ) it is √v̂ + ε = (√v + r ε)/r, so that the two corrections are
    numbers, not passes over arrays: η m̂/(√v̂ + ε) = (η r/(1 − β₁ᵗ)) · m/(√v + r ε). AMSGrad (largest_v is given) divides by
    the largest v so far.
    Source: Kingma & Ba (2015); Reddi, Kale, Kumar (2018). TensorFlow adds its ε to √v before the correction.

    >>> w, m, v = np.array([1.0]), np.array([0.0]), np.array([0.0])
    >>> adam(w, np.array([4.0]), m, v, None, np.empty(1), 0.1, 0.9, 0.999, 0.0, step=1); w
    array([0.9])
    """
    moving_average(m, g, t, beta_1)
    moving_average_of_squares(v, g, t, beta_2)
    if largest_v is not None:
        v = np.maximum(largest_v, v, out=largest_v)
    r = math.sqrt(1 - beta_2**step)
    np.sqrt(v, out=t)
    t += r * epsilon                          # r (√v̂ + ε)
    np.divide(m, t, out=t)
    t *= learning_rate * r / (1 - beta_1**step)    # η m̂/(√v̂ + ε)
    w -= t


def adamax(
    w: Array,
    g: Array,
    m: Array,
    u: Array,
    t: Array,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
) -> None:
    """m as in Adam;  u ← max(β₂ u, |g|);  w ← w − η m̂/(u + ε): Adam with the largest gradient for the mean square.

    Source: Kingma & Ba (2015), section 7.1.

    >>> w, m, u = np.array([1.0]), np.array([0.0]), np.array([0.0])
    >>> adamax(w, np.array([4.0]), m, u, np.empty(1), 0.1, 0.9, 0.999, 0.0, step=1); u, w
    (array([4.]), array([0.9]))
    """
    moving_average(m, g, t, beta_1)
    u *= beta_2
    np.abs(g, out=t)
    np.maximum(u, t, out=u)
    np.add(u, epsilon, out=t)
    np.divide(m, t, out=t)
    t *= learning_rate / (1 - beta_1**step)
    w -= t


def nadam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    t: Array,
    r: Array,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
    mu: float,
    next_mu: float,
    mu_product: float,
) -> None:
    """Adam with Nesterov's look-ahead: w ← w − η m̂/(√v̂ + ε), m̂ = μ' m/(1 − Πμ μ') + (1 − μ) g/(1 − Πμ).

    μ = β₁(1 − ½ 0.96ᵗ) grows from about ½β₁ to β₁; μ' is its next value, Πμ the product of all so far. r: scratch.
    Source: Dozat (2016), *Incorporating Nesterov momentum into Adam*.

    >>> w, m, v = np.array([1.0]), np.array([0.0]), np.array([0.0])
    >>> nadam(w, np.array([4.0]), m, v, np.empty(1), np.empty(1), 0.1, 0.9, 0.999, 0.0, 1, 0.468, 0.48528, 0.468)
    >>> w.round(4)
    array([0.8937])
    """
    moving_average(m, g, t, beta_1)
    moving_average_of_squares(v, g, t, beta_2)
    np.multiply(m, next_mu / (1 - mu_product * next_mu), out=r)
    np.multiply(g, (1 - mu) / (1 - mu_product), out=t)
    r += t                                    # m̂
    np.sqrt(v, out=t)
    t *= 1 / math.sqrt(1 - beta_2**step)
    t += epsilon
    r /= t
    r *= learning_rate
    w -= r


def decay(w: Array, amount: float) -> None:
    """w ← w − amount · w: weight decay apart from the gradient, as AdamW has it (amount = η · weight_decay).

    Source: Loshchilov & Hutter (2019), *Decoupled weight decay regularization*.

    >>> w = np.array([2.0]); decay(w, amount=0.5); w
    array([1.])
    """
    w *= 1 - amount
