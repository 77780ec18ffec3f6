"""What each trick of fast NumPy is worth, each shown alone. `benchmarks/kernels.py` shows and times them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from exhibits import Array, Way, empty, equal_shares, exhibit, normal
from frameworks.workloads import WORKLOADS
from twins import (
    EPSILON,
    INPUTS,
    OURS,
    ROWS,
    UNITS,
    WEIGHTS,
    adam_piece,
    book_adam,
    book_normalization,
    book_normalization_backward,
    logistic,
    memory,
    normalization_arrays,
    normalization_backward,
    piecewise,
)

from npdeep.kernels import dropout, special
from npdeep.kernels.activations import sigmoids
from npdeep.kernels.arrays import above_zero
from npdeep.kernels.updates import momentum as updates
from npdeep.parameters import CHUNK

BRANCHES, ALLOCATION, CACHE, PASSES = "trick: no branches", "trick: no new arrays", "trick: cache", "trick: fewer passes"
RANDOM, TYPES, DIGITS = "trick: random numbers", "trick: number formats", "trick: the right function"
MANY = sum((inputs + 1) * units for inputs, units in WORKLOADS["W7"].sizes)
"""The weights of the widest network that peers.py measures."""


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
        "a.fill(0); np.maximum(z, a, out=a)": lambda: above_zero(z, out=a),
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
    return {"new arrays at every operation": book_adam(), **adam_in_place(WEIGHTS)}


@exhibit(CACHE, f"Adam, {MANY:,} weights")
def cache_adam_beyond() -> dict[str, Way]:
    """No cache holds five arrays of that size."""
    return adam_in_place(MANY)


def adam_in_place(weights: int) -> dict[str, Way]:
    """As one piece, and in pieces that fit the cache."""
    return {
        "in place, all weights at once": piecewise(adam_piece, 2, weights=weights, size=weights),
        f"in place, {CHUNK:,} at a time": piecewise(adam_piece, 2, weights=weights),
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
    ones = np.ones(ROWS, np.float32)

    def once() -> tuple[Array, ...]:
        np.matmul(ones, x, out=mean)
        np.divide(mean, ROWS, out=mean)
        np.subtract(x, mean, out=centered)
        np.multiply(centered, centered, out=squares)
        np.matmul(ones, squares, out=variance)
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


@exhibit(PASSES, "norms of the rows of W")
def passes_norms() -> dict[str, Way]:
    W, norms = normal(INPUTS, UNITS), empty(INPUTS)
    return {
        "np.sqrt((W**2).sum(axis=1))": lambda: np.sqrt((W**2).sum(axis=1)),
        "np.linalg.norm(W, axis=1)": lambda: np.linalg.norm(W, axis=1),
        "np.sqrt(np.vecdot(W, W, out=norms), out=norms)": lambda: np.sqrt(np.vecdot(W, W, out=norms), out=norms),
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


def denormals(title: str, operation: Callable[[Array, Array], Any]) -> None:
    """Put on show what an operation costs on denormals, and on what flush_tiny makes of them."""

    @exhibit(TYPES, f"1e-39, a denormal: {title}", same=lambda a, b: np.testing.assert_allclose(a, b, atol=1e-19))
    def show() -> dict[str, Way]:
        m, t = np.full(WEIGHTS, 1e-39, np.float32), empty(WEIGHTS)
        flushed = m.copy()
        updates.flush_tiny(flushed, np.zeros_like(m), t, smallest=1e-20)
        return {"as it is": lambda: operation(m, t), "0, after flush_tiny": lambda: operation(flushed, t)}


denormals("0.9 · m", lambda m, t: np.multiply(m, 0.9, out=t))
denormals("m / 0.3", lambda m, t: np.divide(m, 0.3, out=t))
denormals("√m", lambda m, t: np.sqrt(m, out=t))


@exhibit(DIGITS, "e^z − 1")
def digits_expm1() -> dict[str, Way]:
    z, a, t = -np.abs(normal(ROWS, UNITS)), empty(ROWS, UNITS), empty(ROWS, UNITS)

    def difference() -> Array:
        np.exp(z, out=a)
        return np.subtract(a, 1, out=a)

    return {
        "exp(z) - 1, few digits near 0": difference,
        "np.expm1(z)": lambda: np.expm1(z, out=a),
        "2h/(1 − h), h = tanh(z/2)": lambda: special.expm1_by_tanh(z, a, t),
        "whichever of the two is in vectors": lambda: special.expm1(z, a, t),
    }


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
        "np.add.reduce(dz, axis=0, out=db)": lambda: np.add.reduce(dz, axis=0, out=db),
        "np.matmul(ones, dz, out=db)": lambda: np.matmul(ones, dz, out=db),
    }
