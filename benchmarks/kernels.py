"""Fast NumPy, an exhibition: each kernel beside its textbook twin, and what each trick is worth.

Every exhibit does one thing in two ways or more. The first way is what a book writes, the last is npdeep's. Before anything is
timed, all ways must give equal values (random draws: equal shares). The name of a way is its code, so that the table reads by
itself.

    python benchmarks/kernels.py                     a table of ratios, measured in turns
    python benchmarks/kernels.py --quick             a few rounds: does it run? the figures mean little
    python benchmarks/kernels.py --only "Adam" --json kernels.json
    python -m pytest benchmarks/kernels.py           the same with pytest-benchmark (pip install -e '.[bench]')

Sizes are those of a batch of 50 on 300 hidden units, 784 inputs and 266,610 weights, in float32. What to take home:

    a pass over memory is what costs, so make few of them, over arrays that fit the cache, into arrays that are there already
    no branches: maximum, minimum and a comparison that writes 1 or 0 do what np.where and masks do, many times as fast
"""

import argparse
import importlib.util
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_turns import in_turns, ratio, versions

from npdeep.kernels import affine, batch_normalization, clipping, constraints, dropout
from npdeep.kernels.activations import exponentials, rectifiers, sigmoids, smooth
from npdeep.kernels.losses import cross_entropy
from npdeep.kernels.updates import adaptive
from npdeep.kernels.updates import momentum as updates
from npdeep.parameters import CHUNK
from npdeep.tables import Table

ROWS, INPUTS, UNITS, CLASSES, WEIGHTS = 50, 784, 300, 10, 266_610

Array = np.ndarray[Any, Any]
Way = Callable[[], Any]


@dataclass
class Exhibit:
    """One thing, done in several ways. make: builds the arrays, returns the ways by name. same: what must hold of two results."""

    group: str
    name: str
    make: Callable[[], dict[str, Way]]
    same: Callable[[Any, Any], None]

    def ways(self) -> dict[str, Way]:
        """The ways, with arrays of their own, once it is certain that they do the same."""
        first, *others = self.make().items()
        expected = first[1]()
        for name, way in others:
            try:
                self.same(expected, way())
            except AssertionError as error:
                raise AssertionError(f"{self.group}, {self.name}: {name!r} differs from {first[0]!r}: {error}") from None
        return self.make()


def equal(expected: Any, got: Any) -> None:
    """Arrays, or tuples of arrays, equal up to rounding in float32."""
    if not isinstance(expected, tuple):
        expected, got = (expected,), (got,)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)


def equal_shares(expected: Any, got: Any) -> None:
    """Masks of ones and zeros: equal shares of ones, as far as chance lets them be (five standard deviations)."""
    allowed = 5 * math.sqrt(2 * 0.25 / np.size(got))
    assert abs(np.mean(expected) - np.mean(got)) < allowed
    assert set(np.unique(got)) <= {0, 1}


EXHIBITS: list[Exhibit] = []


def exhibit(group: str, name: str, same: Callable[[Any, Any], None] = equal) -> Callable[[Callable[[], dict[str, Way]]], Any]:
    """Put the ways that the function builds on show."""

    def put(make: Callable[[], dict[str, Way]]) -> Callable[[], dict[str, Way]]:
        EXHIBITS.append(Exhibit(group, name, make, same))
        return make

    return put


def normal(*shape: int, seed: int = 0) -> Array:
    """Random numbers from N(0, 1), float32; the same ones every time."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape, dtype=np.float32)


def empty(*shape: int) -> Array:
    return np.empty(shape, np.float32)


BOOK, OURS = "textbook", "npdeep"

# ── kernels and their textbook twins: the affine map ──────────────────────────────────────────────────────────────────
KERNELS = "kernel"


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


def book_normalization_backward(x: Array, mean: Array, variance: Array, xhat: Array, gamma: Array, dy: Array) -> tuple[Array, ...]:
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
    given = (gamma, beta, mean, variance, inverse, empty(ROWS, UNITS), empty(ROWS, UNITS), row, EPSILON)
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
    dx = empty(ROWS, UNITS)

    def ours() -> tuple[Array, ...]:
        batch_normalization.batch_normalization_backward(gamma, inverse, centered, dy, dgamma, dbeta, dx, row)
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
def memory(slots: int) -> tuple[list[Array], list[tuple[Array, ...]]]:
    """w, g and the slots, and the same cut into pieces with their scratch."""
    arrays = [normal(WEIGHTS), normal(WEIGHTS, seed=1), *(np.zeros(WEIGHTS, np.float32) for _ in range(slots))]
    scratch, cuts = empty(CHUNK), [slice(i, min(i + CHUNK, WEIGHTS)) for i in range(0, WEIGHTS, CHUNK)]
    return arrays, [(*(array[cut] for array in arrays), scratch[: cut.stop - cut.start]) for cut in cuts]


def piecewise(kernel: Callable[..., None], slots: int, *numbers: Any) -> Way:
    """The kernel over all pieces; returns the weights."""
    arrays, pieces = memory(slots)

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
    saved, W, norms, t = normal(INPUTS, UNITS), empty(INPUTS, UNITS), empty(1, UNITS), empty(CHUNK)
    limit = 28.0                              # close to the usual norm √784: about half of the columns lie beyond it

    def book() -> Array:
        copied = saved.copy()
        lengths = np.sqrt(np.sum(copied**2, axis=0, keepdims=True))
        return np.where(lengths > limit, copied * limit / lengths, copied)

    def ours() -> Array:
        W[...] = saved
        return constraints.max_norm(W, limit, 0, norms, t)

    return {BOOK: book, OURS: ours}


# ── what each trick is worth ──────────────────────────────────────────────────────────────────────────────────────────
BRANCHES, ALLOCATION, CACHE, PASSES = "trick: no branches", "trick: no new arrays", "trick: cache", "trick: fewer passes"
RANDOM, TYPES, DIGITS = "trick: random numbers", "trick: number formats", "trick: the right function"


@exhibit(BRANCHES, "ReLU")
def branch_relu() -> dict[str, Way]:
    z, a = normal(ROWS, UNITS), empty(ROWS, UNITS)

    def masked() -> Array:
        a[...] = z
        a[a < 0] = 0
        return a

    return {
        "np.where(z > 0, z, 0)": lambda: np.where(z > 0, z, 0),
        "a[...] = z; a[a < 0] = 0": masked,
        "z * (z > 0)": lambda: z * (z > 0),
        "np.maximum(z, 0)": lambda: np.maximum(z, 0),
        "np.maximum(z, 0, out=a)": lambda: np.maximum(z, 0, out=a),
    }


@exhibit(BRANCHES, "gradient of ReLU")
def branch_relu_gradient() -> dict[str, Way]:
    z, da, dz, on = normal(ROWS, UNITS), normal(ROWS, UNITS, seed=1), empty(ROWS, UNITS), np.empty((ROWS, UNITS), bool)

    def floats() -> Array:
        np.greater(z, 0, out=dz)
        return np.multiply(dz, da, out=dz)

    def bools() -> Array:
        np.greater(z, 0, out=on)
        return np.multiply(da, on, out=dz)

    return {
        "np.where(z > 0, da, 0)": lambda: np.where(z > 0, da, 0),
        "da * (z > 0)": lambda: da * (z > 0),
        "greater(out=bools); multiply": bools,
        "greater(out=floats); multiply": floats,
    }


@exhibit(ALLOCATION, "z = xW + b")
def allocate_affine() -> dict[str, Way]:
    x, W, b, z = normal(ROWS, INPUTS), normal(INPUTS, UNITS), normal(UNITS), empty(ROWS, UNITS)

    def into() -> Array:
        np.matmul(x, W, out=z)
        return np.add(z, b, out=z)

    return {"x @ W + b": lambda: x @ W + b, "matmul(x, W, out=z); z += b": into}


@exhibit(ALLOCATION, "w − η g over all weights")
def allocate_weights() -> dict[str, Way]:
    (w, g), _ = memory(0)
    t = empty(WEIGHTS)

    def into() -> Array:
        np.multiply(g, 0.01, out=t)
        return np.subtract(w, t, out=t)

    return {"w - 0.01 * g": lambda: w - 0.01 * g, "multiply(out=t); subtract(out=t)": into}


@exhibit(CACHE, "Adam")
def cache_adam() -> dict[str, Way]:
    (w, g, m, v), _ = memory(2)
    t = empty(WEIGHTS)

    def whole() -> Array:
        adam_piece(w, g, m, v, t)
        return w

    return {
        "new arrays at every operation": book_adam(),
        "in place, all weights at once": whole,
        f"in place, {CHUNK:,} at a time": piecewise(adam_piece, 2),
    }


@exhibit(CACHE, "gathering a batch")
def gather() -> dict[str, Way]:
    data, out = normal(5000, INPUTS), empty(ROWS, INPUTS)
    index = np.random.default_rng(0).permutation(len(data))[:ROWS]
    return {
        "x[index]": lambda: data[index],
        "x.take(index, 0, out)": lambda: data.take(index, 0, out),
        'x.take(index, 0, out, mode="clip")': lambda: data.take(index, 0, out, mode="clip"),
    }


@exhibit(PASSES, "mean and variance of a batch")
def passes_variance() -> dict[str, Way]:
    x, centered, squares = normal(ROWS, UNITS), empty(ROWS, UNITS), empty(ROWS, UNITS)
    mean, variance = normal(2, UNITS)

    def once() -> tuple[Array, ...]:
        np.add.reduce(x, axis=0, out=mean)
        np.divide(mean, ROWS, out=mean)
        np.subtract(x, mean, out=centered)
        np.multiply(centered, centered, out=squares)
        np.add.reduce(squares, axis=0, out=variance)
        return centered, np.divide(variance, ROWS, out=variance)

    return {"x - x.mean(0), x.var(0)": lambda: (x - x.mean(axis=0), x.var(axis=0)), "the mean once, x − μ kept": once}


@exhibit(PASSES, "gradient through batch normalization")
def passes_normalization() -> dict[str, Way]:
    x, gamma, beta, dy = normalization_arrays()
    _, xhat, mean, variance = book_normalization(x, gamma, beta)
    inverse = 1 / np.sqrt(variance + EPSILON)

    def closed() -> Array:
        dgamma, dbeta = np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)
        return gamma * inverse * (dy - dbeta / ROWS - xhat * dgamma / ROWS)

    ours = normalization_backward()[OURS]
    return {
        "the chain rule, step by step": lambda: book_normalization_backward(x, mean, variance, xhat, gamma, dy)[0],
        "algebra first: one closed form": closed,
        "the closed form, out= everywhere": lambda: ours()[0],
    }


@exhibit(PASSES, "‖g‖²")
def passes_norm() -> dict[str, Way]:
    g = normal(WEIGHTS)
    return {
        "np.sum(g**2)": lambda: np.sum(g**2),
        "np.linalg.norm(g)**2": lambda: np.linalg.norm(g) ** 2,
        "g @ g": lambda: g @ g,
    }


@exhibit(RANDOM, "a mask that keeps one half", same=equal_shares)
def random_masks() -> dict[str, Way]:
    rng, mask = np.random.default_rng(0), empty(ROWS, INPUTS)
    floats, keep = empty(ROWS, INPUTS), dropout.keep_steps(0.5)

    def single() -> Array:
        rng.random(out=floats, dtype=np.float32)
        return np.less(floats, 0.5, out=mask)

    def integers() -> Array:
        return np.less(rng.integers(0, 65536, mask.shape, dtype=np.uint16), keep, out=mask)

    def raw() -> Array:
        return dropout.dropout_mask(dropout.random_words(rng, mask.size), keep, 1.0, mask)

    return {
        "rng.random(shape) < 0.5": lambda: (rng.random(mask.shape) < 0.5).astype(np.float32),
        "rng.random(out=float32) < 0.5": single,
        "rng.integers(uint16) < 32768": integers,
        "raw 64-bit words, cut in four": raw,
    }


@exhibit(TYPES, "0.9 · m + 0.1 · g")
def types() -> dict[str, Way]:
    m, g = normal(WEIGHTS), normal(WEIGHTS, seed=1)
    beta = np.float64(0.9)                    # NumPy 2: this scalar makes float64 of all it touches
    wide_m, wide_g = m.astype(np.float64), g.astype(np.float64)
    return {
        "float64 arrays": lambda: 0.9 * wide_m + 0.1 * wide_g,
        "float32 arrays, np.float64 numbers": lambda: beta * m + (1 - beta) * g,
        "float32 arrays, Python numbers": lambda: 0.9 * m + 0.1 * g,
    }


@exhibit(TYPES, "a velocity that shrinks into denormals", same=lambda a, b: np.testing.assert_allclose(a, b, atol=1e-20))
def denormals() -> dict[str, Way]:
    m, t = np.full(WEIGHTS, 1e-39, np.float32), empty(WEIGHTS)
    flushed = m.copy()
    updates.flush_tiny(flushed, t, smallest=1e-20)
    return {"0.9 * 1e-39": lambda: np.multiply(m, 0.9, out=t), "the same, flushed to 0": lambda: np.multiply(flushed, 0.9, out=t)}


@exhibit(DIGITS, "e^z − 1")
def digits_expm1() -> dict[str, Way]:
    z, a = normal(ROWS, UNITS), empty(ROWS, UNITS)

    def difference() -> Array:
        np.exp(z, out=a)
        return np.subtract(a, 1, out=a)

    return {"exp(z) - 1": difference, "expm1(z), right near 0 too": lambda: np.expm1(z, out=a)}


@exhibit(DIGITS, "logistic function")
def digits_sigmoid() -> dict[str, Way]:
    z, a, t = normal(ROWS, UNITS), empty(ROWS, UNITS), empty(ROWS, UNITS)

    def by_tanh() -> Array:
        np.multiply(z, 0.5, out=a)
        np.tanh(a, out=a)
        np.multiply(a, 0.5, out=a)
        return np.add(a, 0.5, out=a)

    return {
        "1 / (1 + exp(-z)), may overflow": lambda: logistic(z),
        "½ tanh(z/2) + ½, few digits at −20": by_tanh,
        "exp(−|z|), right everywhere": lambda: sigmoids.sigmoid_forward(z, a, t),
    }


@exhibit(DIGITS, "sum over the rows")
def digits_rows() -> dict[str, Way]:
    dz, ones, db = normal(ROWS, UNITS), np.ones(ROWS, np.float32), empty(UNITS)
    return {
        "dz.sum(axis=0)": lambda: dz.sum(axis=0),
        "ones @ dz": lambda: np.matmul(ones, dz, out=db),
        "np.add.reduce(dz, axis=0, out=db)": lambda: np.add.reduce(dz, axis=0, out=db),
    }


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Result:
    """One way beside npdeep's: microseconds of both, and how many times as long the other takes."""

    group: str
    name: str
    way: str
    ours: str
    way_us: float
    ours_us: float
    ratio: float


def measure(shown: Exhibit, rounds: int, block: float) -> Iterator[Result]:
    """Each way beside the last one, npdeep's."""
    times = in_turns(shown.ways(), rounds, block)
    *others, ours = times
    for way in others:
        both = (1e6 * statistics.median(times[name]) for name in (way, ours))
        yield Result(shown.group, shown.name, way, ours, *both, ratio(times[way], times[ours]))


def tables(results: Sequence[Result]) -> Iterator[Table]:
    """One table for the kernels, one for each kind of trick."""
    for group in dict.fromkeys(r.group for r in results):
        rows = [[r.name, r.way, f"{r.way_us:.3g}", r.ours, f"{r.ours_us:.3g}", f"{r.ratio:.2f}"] for r in results if r.group == group]
        yield Table(["what", "one way", "µs", "npdeep's way", "µs ", "ratio"], rows, group)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few short rounds: the figures mean little")
    parser.add_argument("--only", default="", metavar="TEXT", help="exhibits whose group or name holds this text")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all figures into this file")
    given = parser.parse_args(arguments)
    chosen = [e for e in EXHIBITS if given.only.lower() in f"{e.group} {e.name}".lower()]
    if not chosen:
        parser.error(f"--only {given.only!r}: no exhibit has this in its name; there are {', '.join(e.name for e in EXHIBITS)}")
    rounds, block = (3, 1e-4) if given.quick else (30, 2e-3)
    results = [result for shown in chosen for result in measure(shown, rounds, block)]
    print(*tables(results), sep="\n\n")
    print("\nratio: how many times as long the other way takes, median of rounds in turn; the values were found equal first")
    if given.json:
        figures = {"versions": versions(), "rounds": rounds, "results": [vars(result) for result in results]}
        given.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# ── under pytest ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("shown", EXHIBITS, ids=lambda e: f"{e.group}, {e.name}")
def test_all_ways_do_the_same(shown: Exhibit) -> None:
    assert len(shown.ways()) > 1


@pytest.mark.skipif(importlib.util.find_spec("pytest_benchmark") is None, reason="pip install -e '.[bench]' to time them too")
@pytest.mark.parametrize(("shown", "way"), [pytest.param(e, way, id=way) for e in EXHIBITS for way in e.make()])
def test_time(shown: Exhibit, way: str, request: pytest.FixtureRequest) -> None:
    benchmark = request.getfixturevalue("benchmark")
    benchmark.group = f"{shown.group}, {shown.name}"
    benchmark(shown.ways()[way])


if __name__ == "__main__":
    sys.exit(main())
