"""Exercises that put kernels together: the way back around a shortcut, and a whole training step."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep.kernels import affine, residual
from npdeep.kernels.activations import rectifiers
from npdeep.kernels.arrays import Array
from npdeep.layers import Activation, Dense
from npdeep.models.sequential import Sequential
from npdeep.optimizers import SGD
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs, Mistake
from npdeep.training.trainer import Trainer

CHAPTER = "training"
Five = tuple[float | Array, Array, Array, Array, Array]


# ── around a shortcut ─────────────────────────────────────────────────────────────────────────────────────────────────
def _residual(x: Array, W: Array, b: Array, dy: Array) -> tuple[Array, Array, Array]:
    z = affine.affine_forward(x, W, b, np.empty_like(x))
    dz = rectifiers.relu_backward(z, z, dy, np.empty_like(z))
    dx, dW, db = np.empty_like(x), np.empty_like(W), np.empty_like(b)
    affine.affine_backward(x, W, dz, dW, db, dx)
    return residual.add([dx, dy], np.empty_like(x)), dW, db


def _residual_inputs(rng: np.random.Generator, n: int) -> Inputs:
    units = int(rng.integers(9, 12))
    x, W = rng.normal(size=(n, units)), rng.normal(size=(units, units))
    return {"x": x, "W": W, "b": rng.normal(size=units), "dy": rng.normal(size=(n, units))}


def _residual_terms(x: Array, W: Array, b: Array, dy: Array) -> dict[str, dict[str, Array]]:
    return {"dx": {"dy (of the shortcut)": dy, "of the way through W": dy * (x @ W + b > 0) @ W.T}}


def _through(mask: Callable[[Array, Array, Array], Array]) -> Function:
    """A wrong mask of ReLU, from x, z and y."""

    def backward(x: Array, W: Array, b: Array, dy: Array) -> tuple[Array, Array, Array]:
        z = x @ W + b
        dz = dy * mask(x, z, x + np.maximum(z, 0))
        return dy + dz @ W.T, x.T @ dz, dz.sum(0)

    return backward


RESIDUAL = Exercise(
    name="residual_backward",
    chapter=CHAPTER,
    arguments=("x", "W", "b", "dy"),
    outputs=("dx", "dW", "db"),
    task="The gradients of a residual block: an affine map and ReLU, with a shortcut around both.",
    formula="z = x W + b        y = x + relu(z)\ndx = dL/dx        dW = dL/dW        db = dL/db",
    shapes="x, dy, dx (n, units), W, dW (units, units), b, db (units,)",
    hints=(
        "x reaches y in two ways. What does each of them add to dx?",
        "The shortcut has the slope 1. The other way goes back through ReLU, at z, and then through the affine map.",
        "Compute z again, then dz = dy * (z > 0). dW, db and the second part of dx are those of the affine map with that dz.",
    ),
    make_inputs=_residual_inputs,
    solution=_residual,
    terms=_residual_terms,
    mistakes=(
        Mistake("dx lacks the shortcut's dy: x reaches y directly too",
                {"dx": lambda x, W, b, dy: (dy * (x @ W + b > 0)) @ W.T}),
        Mistake("dx is that of the shortcut alone: x reaches y through W too", {"dx": lambda x, W, b, dy: dy.copy()}),
        Mistake("the shortcut passes only where ReLU is on: it passes everywhere",
                {"dx": lambda x, W, b, dy: dy * (x @ W + b > 0) + (dy * (x @ W + b > 0)) @ W.T}),
        Mistake("the two parts of dx are multiplied: they are added",
                {"dx": lambda x, W, b, dy: dy * ((dy * (x @ W + b > 0)) @ W.T)}),
        Mistake("the shortcut is subtracted in dx", {"dx": lambda x, W, b, dy: (dy * (x @ W + b > 0)) @ W.T - dy}),
        Mistake("dx is halved: the two ways add up, they are not averaged",
                {"dx": lambda x, W, b, dy: (dy + (dy * (x @ W + b > 0)) @ W.T) / 2}),
        Mistake("dx goes back through W, not through its transpose",
                {"dx": lambda x, W, b, dy: dy + (dy * (x @ W + b > 0)) @ W}),
        Mistake("dx adds x for dy: the shortcut sends back the gradient, not the input",
                {"dx": lambda x, W, b, dy: x + (dy * (x @ W + b > 0)) @ W.T}),
        Mistake("dx adds 1 for dy: the shortcut's slope is 1, and 1 times dy is dy",
                {"dx": lambda x, W, b, dy: 1 + (dy * (x @ W + b > 0)) @ W.T}),
        Mistake("the slope of ReLU is missing: the gradient passes where z > 0 alone",
                _through(lambda x, z, y: np.ones_like(z))),
        Mistake("the slope of ReLU is asked at y: it is asked at z, before the shortcut is added",
                _through(lambda x, z, y: y > 0)),
        Mistake("the slope of ReLU is asked at x: it is asked at z", _through(lambda x, z, y: x > 0)),
        Mistake("relu(z) multiplies the gradient: the slope of ReLU is 1 or 0", _through(lambda x, z, y: np.maximum(z, 0))),
        Mistake("the slope of ReLU is missing in dW: its dz is dy * (z > 0)", {"dW": lambda x, W, b, dy: x.T @ dy}),
        Mistake("the slope of ReLU is missing in db: its dz is dy * (z > 0)", {"db": lambda x, W, b, dy: dy.sum(0)}),
        Mistake("dW is transposed", {"dW": lambda x, W, b, dy: (dy * (x @ W + b > 0)).T @ x}),
        Mistake("db is the mean over the rows, not the sum", {"db": lambda x, W, b, dy: (dy * (x @ W + b > 0)).mean(0)}),
        Mistake("b is left out of z, so that ReLU is on in other places", lambda x, W, b, dy: _residual(x, W, 0 * b, dy)),
    ),
)  # fmt: skip


# ── a training step ───────────────────────────────────────────────────────────────────────────────────────────────────
def network(W1: Array, b1: Array, W2: Array, b2: Array) -> Sequential:
    """ReLU between two affine maps, in float64, with these weights."""
    model = Sequential(
        [Dense(W1.shape[1], name="first"), Activation("relu"), Dense(W2.shape[1], name="second")],
        input_size=W1.shape[0],
        dtype="float64",
        seed=0,
    )
    for parameter, value in zip(model.variables(), (W1, b1, W2, b2), strict=True):
        parameter.value = value
    return model


def weights_of(model: Sequential) -> list[Array]:
    """Copies of W1, b1, W2, b2."""
    return [parameter.value.copy() for parameter in model.variables()]


def _step(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array, learning_rate: float) -> Five:
    model = network(W1, b1, W2, b2)
    loss = Trainer(model, loss="softmax_cross_entropy", optimizer=SGD(learning_rate)).step(x, y)
    new = weights_of(model)
    return loss, new[0], new[1], new[2], new[3]


one_step: Function = _step
"""The same, for lists of weights."""


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def step_inputs(rng: np.random.Generator, n: int) -> Inputs:
    """n rows in a few classes, and weights."""
    inputs, hidden, classes = 4, int(rng.integers(9, 12)), 3
    return {
        "x": rng.normal(size=(n, inputs)),
        "y": rng.integers(0, classes, n),
        "W1": rng.normal(size=(inputs, hidden)),
        "b1": rng.normal(size=hidden),
        "W2": rng.normal(size=(hidden, classes)),
        "b2": rng.normal(size=classes),
        "learning_rate": float(rng.uniform(0.2, 0.6)),
    }


def _steps(
    dz: Callable[[Array, Array], Array] = lambda p, q: (p - q) / len(p),
    mask: Callable[[Array, Array], Array] = lambda z, da: np.asarray(z > 0),
    gradients: Callable[[list[Array], float], list[Array]] | None = None,
    updated_first: bool = False,
    activation: Callable[[Array], Array] = lambda z: np.maximum(z, 0),
) -> Function:
    """A wrong step: another gradient of the loss, another slope of ReLU, another use of the gradients, or no ReLU."""

    def step(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array, rate: float) -> Five:
        z1 = x @ W1 + b1
        a1 = activation(z1)
        p = _softmax(a1 @ W2 + b2)
        dz2 = dz(p, np.eye(W2.shape[1])[y])
        dW2, db2 = a1.T @ dz2, dz2.sum(0)
        da1 = dz2 @ (W2 - rate * dW2 if updated_first else W2).T
        dz1 = da1 * mask(z1, da1)
        steps = (gradients or _kept())([x.T @ dz1, dz1.sum(0), dW2, db2], rate)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        return loss, W1 - steps[0], b1 - steps[1], W2 - steps[2], b2 - steps[3]

    return step


def _from_z1(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array, rate: float) -> Array:
    """W2 after a step in which its gradient has z1 for a1."""
    z1 = x @ W1 + b1
    p = _softmax(np.maximum(z1, 0) @ W2 + b2)
    return np.asarray(W2 - rate * z1.T @ ((p - np.eye(W2.shape[1])[y]) / len(y)))


def _after(x: Array, y: Array, *weights_and_rate: Any) -> Any:
    """The loss after the update."""
    _, *new = one_step(x, y, *weights_and_rate)
    return one_step(x, y, *new, weights_and_rate[-1])[0]


def _gradients(x: Array, y: Array, *weights_and_rate: Any) -> list[Any]:
    """The loss, and the gradients in place of the new weights."""
    loss, *new = one_step(x, y, *weights_and_rate)
    *weights, rate = weights_and_rate
    return [loss, *((old - w) / rate for old, w in zip(weights, new, strict=True))]


def _kept(*places: int) -> Callable[[list[Array], float], list[Array]]:
    """All steps but those at these places."""
    return lambda gradients, rate: [0 * g if i in places else rate * g for i, g in enumerate(gradients)]


IMPORTS = tuple(
    f"from {name} import {name}"
    for name in (
        "affine_backward",
        "affine_forward",
        "relu_backward",
        "relu_forward",
        "softmax_cross_entropy_backward",
        "softmax_cross_entropy_forward",
    )
)

STEP = Exercise(
    name="training_step",
    chapter=CHAPTER,
    arguments=("x", "y", "W1", "b1", "W2", "b2", "learning_rate"),
    outputs=("loss", "W1", "b1", "W2", "b2"),
    task=(
        "One whole training step of a network with one hidden layer, by plain gradient descent, from the kernels that you have "
        "written: forward, loss, backward, update."
    ),
    formula=(
        "z1 = x W1 + b1        a1 = relu(z1)        z2 = a1 W2 + b2        loss = mean softmax cross-entropy of z2 and y\n"
        "then for each of W1, b1, W2, b2:        w = w - learning_rate dL/dw\n"
        "The loss that is returned is the one before the update."
    ),
    shapes="x (n, inputs), y (n,) integers, W1 (inputs, hidden), b1 (hidden,), W2 (hidden, classes), b2 (classes,)",
    hints=(
        "Keep z1 and a1 on the way forward: the way back needs both. Which of them does which kernel ask for?",
        ("Back: dz2 from the loss; dW2, db2 and da1 from the second affine map; dz1 from ReLU at z1; dW1 and db1 from the "
        "first."),
        "Compute all gradients before you change any weight: da1 needs W2 as it was on the way forward.",
    ),
    make_inputs=step_inputs,
    solution=_step,
    imports=IMPORTS,
    mistakes=(
        Mistake("W2 is updated before the gradient went back through it: da1 needs W2 as it was on the way forward",
                _steps(updated_first=True), "VikParuchuri/zero_to_gpt#12"),
        Mistake("the step goes up the slope: subtract in the update (or dz2 has the wrong sign)",
                _steps(gradients=lambda g, rate: [-rate * d for d in g])),
        Mistake("the learning rate is missing in the update", _steps(gradients=lambda g, rate: g)),
        Mistake("the gradient of the loss is not divided by n", _steps(dz=lambda p, q: p - q)),
        Mistake("the gradient of the loss is divided by n twice, the second time in the update",
                _steps(dz=lambda p, q: (p - q) / len(p) ** 2)),
        Mistake("ReLU is left out on the way back: dz1 is da1 * (z1 > 0)", _steps(mask=lambda z, da: np.ones_like(z))),
        Mistake("ReLU is left out, on both ways: a1 is relu(z1)",
                _steps(mask=lambda z, da: np.ones_like(z), activation=np.copy)),
        Mistake("b1 is updated with the sum of da1: the slope of ReLU belongs in its gradient too, db1 is the sum of dz1",
                {"b1": lambda *given: _steps(mask=lambda z, da: np.ones_like(z))(*given)[2]}),
        Mistake("the slope of ReLU is asked at da1: it is asked at z1", _steps(mask=lambda z, da: np.asarray(da > 0))),
        Mistake("dW2 is made of z1: what enters the second layer is a1", {"W2": _from_z1}),
        Mistake("the loss is nan: was 1 subtracted from p at the labels before its logarithm was taken? change a copy of p",
                {"loss": lambda *given: np.nan}),
        Mistake("W1 and b1 are not updated: the gradient goes back to the first layer too", _steps(gradients=_kept(0, 1))),
        Mistake("the biases are not updated", _steps(gradients=_kept(1, 3))),
        Mistake("W2 and b2 are not updated", _steps(gradients=_kept(2, 3))),
        Mistake("nothing is updated", _steps(gradients=_kept(0, 1, 2, 3))),
        Mistake("the 1 of the label is not subtracted in dz2", _steps(dz=lambda p, q: p / len(p))),
        Mistake("the gradients are returned in place of the new weights", _gradients),
        Mistake("the loss is the one after the update: return the one before, it belongs to the gradients", {"loss": _after}),
        Mistake("the loss is the sum over the rows, not the mean",
                {"loss": lambda x, y, *rest: len(y) * one_step(x, y, *rest)[0]}),
    ),
)  # fmt: skip


EXERCISES = (RESIDUAL, STEP)
