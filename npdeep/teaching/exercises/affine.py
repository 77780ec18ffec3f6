"""Exercises on the affine map z = xW + b."""

import numpy as np

from npdeep.kernels import affine
from npdeep.kernels.arrays import Array
from npdeep.teaching.exercises.exercise import Exercise, Inputs, Mistake

CHAPTER = "affine maps"


def _forward(x: Array, W: Array, b: Array) -> Array:
    return affine.affine_forward(x, W, b, np.empty((len(x), W.shape[1])))


def _backward(x: Array, W: Array, dz: Array) -> tuple[Array, Array, Array]:
    dW, db, dx = np.empty_like(W), np.empty(W.shape[1]), np.empty_like(x)
    affine.affine_backward(x, W, dz, dW, db, dx)
    return dW, db, dx


def _inputs(rng: np.random.Generator, n: int) -> Inputs:
    inputs, units = int(rng.integers(9, 12)), int(rng.integers(2, 5))
    return {"x": rng.normal(size=(n, inputs)), "W": rng.normal(size=(inputs, units)), "b": rng.normal(size=units)}


def _backward_inputs(rng: np.random.Generator, n: int) -> Inputs:
    given = _inputs(rng, n)
    return {"x": given["x"], "W": given["W"], "dz": rng.normal(size=(n, given["W"].shape[1]))}


FORWARD = Exercise(
    name="affine_forward",
    chapter=CHAPTER,
    arguments=("x", "W", "b"),
    outputs=("z",),
    task="The affine map of a dense layer, for all rows of a batch at once.",
    formula="z_ij = sum_k x_ik W_kj + b_j",
    shapes="x (n, inputs), W (inputs, units), b (units,), z (n, units)",
    hints=(
        "The sum over k runs along the columns of x and along the rows of W. What is such a sum over a shared index called?",
        "A matrix product of x (n, inputs) and W (inputs, units) has the shape of z. b then goes to every row.",
        "NumPy writes the matrix product as @, and adds an array of the shape (units,) to every row by itself.",
    ),
    make_inputs=_inputs,
    solution=_forward,
    terms=lambda x, W, b: {"z": {"x W": x @ W, "b": b * np.ones((len(x), 1))}},
    mistakes=(
        Mistake("the bias b is missing in z", lambda x, W, b: x @ W),
        Mistake("z is transposed: rows of z are rows of x", lambda x, W, b: (x @ W + b).T),
        Mistake("b is subtracted, not added", lambda x, W, b: x @ W - b),
        Mistake("b is added once for each input: z = (sum_k x_ik W_kj) + b_j, outside the sum",
                lambda x, W, b: x @ W + len(W) * b),
        Mistake("the sum of all biases is added to every unit: unit j gets b_j alone", lambda x, W, b: x @ W + b.sum()),
        Mistake("every unit gets the first bias: use b, not b[0]", lambda x, W, b: x @ W + b[0]),
        Mistake("every unit gets the mean of the biases: unit j gets b_j alone", lambda x, W, b: x @ W + b.mean()),
        Mistake("z is divided by the number of inputs: the sum over k is a sum, not a mean",
                lambda x, W, b: x @ W / len(W) + b),
        Mistake("only the first row of x goes through: every row has a z of its own",
                lambda x, W, b: np.tile(x[0] @ W + b, (len(x), 1))),
        Mistake("z has the product of the last input alone: add up over k (write += in the loop)",
                lambda x, W, b: x[:, -1:] * W[-1] + b),
    ),
)  # fmt: skip


BACKWARD = Exercise(
    name="affine_backward",
    chapter=CHAPTER,
    arguments=("x", "W", "dz"),
    outputs=("dW", "db", "dx"),
    task="The three gradients of the affine map. dz is the gradient of the loss L with respect to z, that of W is called dW.",
    formula=(
        "z_ij = sum_k x_ik W_kj + b_j\n"
        "dW_kj = dL/dW_kj    db_j = dL/db_j    dx_ik = dL/dx_ik\n"
        "The chain rule: dL/dW_kj is the sum of dL/dz_ij times d z_ij/dW_kj, over all z_ij that depend on W_kj."
    ),
    shapes="x (n, inputs), W (inputs, units), dz (n, units), dW like W, db (units,), dx like x",
    hints=(
        "Take one weight W_kj. Which elements of z does it reach, and by what is it multiplied there?",
        ("W_kj reaches z_ij of every row i, times x_ik. So dW_kj is a sum over the rows of products of x_ik and dz_ij. "
        "b_j reaches z_ij of every row, times 1. x_ik reaches z_ij of every unit j, times W_kj."),
        ("Each of the two sums of products is a matrix product with one factor transposed. The shapes leave one choice: "
        "dW (inputs, units) from (inputs, n) and (n, units), dx (n, inputs) from (n, units) and (units, inputs)."),
    ),
    make_inputs=_backward_inputs,
    solution=_backward,
    mistakes=(
        Mistake("dW is transposed: it has the shape of W, (inputs, units)", {"dW": lambda x, W, dz: dz.T @ x}),
        Mistake("dW is the mean over the rows, not the sum (off by the factor 1/n): the loss takes the mean, not the layer",
                {"dW": lambda x, W, dz: x.T @ dz / len(x)}),
        Mistake("dW has the wrong sign: the minus of the descent comes with the update", {"dW": lambda x, W, dz: -x.T @ dz}),
        Mistake("dW sums x and dz over the rows before it multiplies them: sum the products, row by row",
                {"dW": lambda x, W, dz: np.outer(x.sum(0), dz.sum(0))}),
        Mistake("dW is that of the last row alone: add up the rows (write += in the loop)",
                {"dW": lambda x, W, dz: np.outer(x[-1], dz[-1])}),
        Mistake("db is the mean over the rows, not the sum (off by the factor 1/n): the loss takes the mean, not the layer",
                {"db": lambda x, W, dz: dz.mean(0)}, "kvfrans/notes#5"),
        Mistake("db is one number, the sum of all of dz: sum over the rows alone, axis=0",
                {"db": lambda x, W, dz: dz.sum()}, "rasbt/stat453-deep-learning-ss21#5"),
        Mistake("db is the sum over the units, axis=1: sum over the rows, axis=0", {"db": lambda x, W, dz: dz.sum(1)}),
        Mistake("db has the wrong sign", {"db": lambda x, W, dz: -dz.sum(0)}),
        Mistake("db is dz itself: b is used in every row, so the rows add up",
                {"db": lambda x, W, dz: dz.copy()}, "datascience.stackexchange.com/questions/20139"),
        Mistake("db has the shape (1, units), b has (units,): leave out keepdims",
                {"db": lambda x, W, dz: dz.sum(0, keepdims=True)}),
        Mistake("dx has the wrong sign", {"dx": lambda x, W, dz: -dz @ W.T}),
        Mistake("dx is transposed: it has the shape of x", {"dx": lambda x, W, dz: W @ dz.T}),
        Mistake("dx is divided by n: each row of x has a gradient of its own, nothing is averaged",
                {"dx": lambda x, W, dz: dz @ W.T / len(x)}),
        Mistake("dx holds z for dz: the gradient dz goes back through W, not the output",
                {"dx": lambda x, W, dz: x @ W @ W.T}),
    ),
)  # fmt: skip

EXERCISES = (FORWARD, BACKWARD)
