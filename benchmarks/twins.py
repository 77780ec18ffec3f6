"""The hot kernels of npdeep, each beside its twin as a textbook writes it. `benchmarks/kernels.py` shows and times them.

Sizes are those of a batch of 50 on 300 hidden units, 784 inputs and 266,610 weights, in float32.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from exhibits import Array, Way, empty, equal_shares, exhibit, normal

from npdeep.kernels import affine, batch_normalization, clipping, constraints, dropout
from npdeep.kernels.activations import exponentials, rectifiers, sigmoids, smooth
from npdeep.kernels.losses import cross_entropy
from npdeep.kernels.updates import adaptive
from npdeep.kernels.updates import momentum as updates
from npdeep.parameters import CHUNK

ROWS, INPUTS, UNITS, CLASSES, WEIGHTS = 50, 784, 300, 10, 266_610
KERNELS, BOOK, OURS = "kernel", "textbook", "npdeep"


# ── the affine map ────────────────────────────────────────────────────────────────────────────────────────────────────
@exhibit(KERNELS, "affine forward")
def affine_forward() -> dict[str, Way]:
    x, W, b, z = normal(ROWS, INPUTS), normal(INPUTS, UNITS), normal(UNITS), empty(ROWS, UNITS)
    return {BOOK: lambda: x @ W + b, OURS: lambda: affine.affine_forward(x, W, b, z)}


@exhibit(KERNELS, "affine backward")
def affine_backward() -> dict[str, Way]:
    x, W, dz = normal(ROWS, UNITS), normal(UNITS, 100), normal(ROWS, 100)
    dW, db, dx = empty(UNITS, 100), empty(100), empty(ROWS, UNITS)

    def ours() -> tuple[Array, ...]:
        affine.affine_backward(x, W, dz, dW, db, dx)
        return dW, db, dx

    return {BOOK: lambda: (x.T @ dz, dz.sum(axis=0), dz @ W.T), OURS: ours}


# ── activations: the textbook's f and f' · da, written as the formula with cases is printed ───────────────────────────
erf = np.vectorize(math.erf, otypes=[np.float32])
ALPHA, SCALE = exponentials.SELU_ALPHA, exponentials.SELU_SCALE


def density(z: Array) -> Array:
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def tail(z: Array) -> Array:
    return 0.5 * (1 + erf(z / math.sqrt(2)))


def logistic(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


Function = Callable[..., Array]
ACTIVATIONS: dict[str, tuple[Function, Function, Function, Function, int, tuple[float, ...]]] = {
    # name: textbook f(z), textbook f'(z), forward kernel, backward kernel, how many arrays of scratch, parameters
    "relu": (
        lambda z: np.where(z > 0, z, 0),
        lambda z: np.where(z > 0, 1, 0),
        *(rectifiers.relu_forward, rectifiers.relu_backward, 0, ()),
    ),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, 0.01 * z),
        lambda z: np.where(z > 0, 1, 0.01),
        *(rectifiers.leaky_relu_forward, rectifiers.leaky_relu_backward, 0, (0.01,)),
    ),
    "elu": (
        lambda z: np.where(z > 0, z, np.exp(z) - 1),
        lambda z: np.where(z > 0, 1, np.exp(z)),
        *(exponentials.elu_forward, exponentials.elu_backward, 1, (1.0,)),
    ),
    "selu": (
        lambda z: SCALE * np.where(z > 0, z, ALPHA * (np.exp(z) - 1)),
        lambda z: SCALE * np.where(z > 0, 1, ALPHA * np.exp(z)),
        *(exponentials.selu_forward, exponentials.selu_backward, 1, ()),
    ),
    "sigmoid": (
        logistic,
        lambda z: logistic(z) * (1 - logistic(z)),
        *(sigmoids.sigmoid_forward, sigmoids.sigmoid_backward, 1, ()),
    ),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, sigmoids.tanh_forward, sigmoids.tanh_backward, 0, ()),
    "gelu": (
        lambda z: z * tail(z),                # NumPy has no erf: math.erf, number by number
        lambda z: tail(z) + z * density(z),
        *(smooth.gelu_forward, smooth.gelu_backward, 2, ()),
    ),
}


def put_activation(name: str) -> None:
    f, slope, forward, backward, scratch, parameters = ACTIVATIONS[name]

    def arrays() -> tuple[Array, Array, Array, Array, list[Array]]:
        z, a = normal(ROWS, UNITS), empty(ROWS, UNITS)
        return z, a, normal(ROWS, UNITS, seed=1), empty(ROWS, UNITS), [empty(ROWS, UNITS) for _ in range(scratch)]

    def forwards() -> dict[str, Way]:
        z, a, _, _, kept = arrays()
        return {BOOK: lambda: f(z), OURS: lambda: forward(z, a, *kept, *parameters)}

    def backwards() -> dict[str, Way]:
        z, a, da, dz, kept = arrays()
        forward(z, a, *kept, *parameters)     # what the forward pass has kept is there already
        tidy = [k.copy() for k in kept]
        return {BOOK: lambda: da * slope(z), OURS: lambda: backward(z, a, *tidy, da, dz, *parameters)}

    exhibit(KERNELS, f"{name} forward")(forwards)
    exhibit(KERNELS, f"{name} backward")(backwards)


for activation in ACTIVATIONS:
    put_activation(activation)


# ── batch normalization ───────────────────────────────────────────────────────────────────────────────────────────────
EPSILON = 1e-5


def normalization_arrays() -> tuple[Array, ...]:
    return normal(ROWS, UNITS), 1 + normal(UNITS, seed=1) / 10, normal(UNITS, seed=2), normal(ROWS, UNITS, seed=3)


def book_normalization(x: Array, gamma: Array, beta: Array) -> tuple[Array, ...]:
    mean, variance = x.mean(axis=0), x.var(axis=0)
    xhat = (x - mean) / np.sqrt(variance + EPSILON)
    return gamma * xhat + beta, xhat, mean, variance


def book_normalization_backward(
    x: Array, mean: Array, variance: Array, xhat: Array, gamma: Array, dy: Array
) -> tuple[Array, ...]:
    """Step by step along the chain rule, as in the paper: x̂, then the variance, then the mean."""
    n, s = len(x), np.sqrt(variance + EPSILON)
    dxhat = dy * gamma
    dvariance = np.sum(dxhat * (x - mean) * -0.5 * (variance + EPSILON) ** -1.5, axis=0)
    dmean = np.sum(-dxhat / s, axis=0) + dvariance * np.mean(-2 * (x - mean), axis=0)
    dx = dxhat / s + dvariance * 2 * (x - mean) / n + dmean / n
    return dx, np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)


@exhibit(KERNELS, "batch normalization forward")
def normalization_forward() -> dict[str, Way]:
    x, gamma, beta, _ = normalization_arrays()
    mean, variance, inverse, row = normal(4, UNITS)
    ones = np.ones(ROWS, np.float32)
    given = (gamma, beta, mean, variance, inverse, empty(ROWS, UNITS), empty(ROWS, UNITS), row, ones, EPSILON)
    return {
        BOOK: lambda: book_normalization(x, gamma, beta)[0],
        OURS: lambda: batch_normalization.batch_normalization_forward(x, *given),
    }


@exhibit(KERNELS, "batch normalization backward")
def normalization_backward() -> dict[str, Way]:
    x, gamma, beta, dy = normalization_arrays()
    _, xhat, mean, variance = book_normalization(x, gamma, beta)
    inverse, centered = 1 / np.sqrt(variance + EPSILON), x - mean
    dgamma, dbeta, row = normal(3, UNITS)
    dx, ones = empty(ROWS, UNITS), np.ones(ROWS, np.float32)

    def ours() -> tuple[Array, ...]:
        batch_normalization.batch_normalization_backward(gamma, inverse, centered, dy, dgamma, dbeta, dx, row, ones)
        return dx, dgamma, dbeta

    return {BOOK: lambda: book_normalization_backward(x, mean, variance, xhat, gamma, dy), OURS: ours}


# ── dropout, loss ─────────────────────────────────────────────────────────────────────────────────────────────────────
@exhibit(KERNELS, "dropout forward", same=lambda a, b: equal_shares(a > 0, b > 0))
def dropout_forward() -> dict[str, Way]:
    x, mask, y = np.ones((ROWS, UNITS), np.float32), empty(ROWS, UNITS), empty(ROWS, UNITS)
    rng = np.random.default_rng(0)

    def book() -> Array:
        return x * (rng.random(x.shape) < 0.5) / 0.5

    def ours() -> Array:
        words = dropout.random_words(rng, x.size)
        dropout.dropout_mask(words, dropout.keep_steps(0.5), 2.0, mask)
        return dropout.dropout_forward(x, mask, y)

    return {BOOK: book, OURS: ours}


@exhibit(KERNELS, "dropout backward")
def dropout_backward() -> dict[str, Way]:
    kept, dy, dx = normal(ROWS, UNITS) > 0, normal(ROWS, UNITS, seed=1), empty(ROWS, UNITS)
    mask = 2 * kept.astype(np.float32)
    return {BOOK: lambda: dy * kept / 0.5, OURS: lambda: dropout.dropout_backward(mask, dy, dx)}


@exhibit(KERNELS, "softmax cross entropy")
def softmax_cross_entropy() -> dict[str, Way]:
    z, labels = normal(ROWS, CLASSES), np.arange(ROWS) % CLASSES
    q, p, t, dz = (empty(ROWS, CLASSES) for _ in range(4))
    column, loss, starts = empty(ROWS, 1), empty(ROWS, 1), np.arange(ROWS) * CLASSES

    def book() -> tuple[Array, Array]:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        softmax = e / e.sum(axis=1, keepdims=True)
        one_hot = np.eye(CLASSES)[labels]
        return -np.sum(one_hot * np.log(softmax), axis=1, keepdims=True), softmax - one_hot

    def ours() -> tuple[Array, Array]:
        cross_entropy.one_hot(labels, starts, q, smoothing=0.0)
        cross_entropy.softmax_cross_entropy_forward(z, q, p, t, column, loss)
        return loss, cross_entropy.softmax_cross_entropy_backward(p, q, dz)

    return {BOOK: book, OURS: ours}


# ── optimizers: over all 266,610 weights; npdeep piece by piece, each of which fits the cache ─────────────────────────
def memory(slots: int, weights: int = WEIGHTS, size: int = CHUNK) -> tuple[list[Array], list[tuple[Array, ...]]]:
    """w, g and the slots, and the same cut into pieces of a size with their scratch."""
    arrays = [normal(weights), normal(weights, seed=1), *(np.zeros(weights, np.float32) for _ in range(slots))]
    scratch, cuts = empty(size), [slice(i, min(i + size, weights)) for i in range(0, weights, size)]
    return arrays, [(*(array[cut] for array in arrays), scratch[: cut.stop - cut.start]) for cut in cuts]


def piecewise(kernel: Callable[..., None], slots: int, *numbers: Any, weights: int = WEIGHTS, size: int = CHUNK) -> Way:
    """The kernel over all pieces; returns the weights."""
    arrays, pieces = memory(slots, weights, size)

    def run() -> Array:
        for piece in pieces:
            kernel(*piece, *numbers)
        return arrays[0]

    return run


def adam_piece(w: Array, g: Array, m: Array, v: Array, t: Array) -> None:
    adaptive.adam(w, g, m, v, None, t, 1e-3, 0.9, 0.999, 1e-8, 1)


@exhibit(KERNELS, "SGD")
def sgd() -> dict[str, Way]:
    (w, g), _ = memory(0)

    def book() -> Array:
        nonlocal w
        w = w - 0.01 * g
        return w

    return {BOOK: book, OURS: piecewise(updates.sgd, 0, 0.01)}


@exhibit(KERNELS, "momentum")
def momentum() -> dict[str, Way]:
    (w, g, m), _ = memory(1)

    def book() -> Array:
        nonlocal w, m
        m = 0.9 * m - 0.01 * g
        w = w + m
        return w

    return {BOOK: book, OURS: piecewise(updates.momentum, 1, 0.01, 0.9)}


def book_adam() -> Way:
    (w, g, m, v), _ = memory(2)

    def run() -> Array:
        nonlocal w, m, v
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9), v / (1 - 0.999)
        w = w - 1e-3 * m_hat / (np.sqrt(v_hat) + 1e-8)
        return w

    return run


@exhibit(KERNELS, "Adam")
def adam() -> dict[str, Way]:
    return {BOOK: book_adam(), OURS: piecewise(adam_piece, 2)}


@exhibit(KERNELS, "norm of the gradient")
def norm() -> dict[str, Way]:
    g, t = normal(WEIGHTS), empty(CHUNK)
    return {BOOK: lambda: np.sqrt(np.sum(g**2)), OURS: lambda: clipping.norm([g], t)}


@exhibit(KERNELS, "max-norm (a copy of the weights included)")
def max_norm() -> dict[str, Way]:
    saved, W, norms = normal(INPUTS, UNITS), empty(INPUTS, UNITS), empty(1, UNITS)
    limit = 28.0                              # close to the usual norm √784: about half of the columns lie beyond it

    def book() -> Array:
        copied = saved.copy()
        lengths = np.sqrt(np.sum(copied**2, axis=0, keepdims=True))
        return np.where(lengths > limit, copied * limit / lengths, copied)

    def ours() -> Array:
        W[...] = saved
        return constraints.max_norm(W, limit, 0, norms)

    return {BOOK: book, OURS: ours}
