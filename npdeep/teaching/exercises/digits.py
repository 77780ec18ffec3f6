"""The last exercise: the student's own kernels train on digits, beside npdeep's."""

from collections.abc import Callable

import numpy as np

from npdeep.datasets import mnist_sample
from npdeep.kernels.arrays import Array
from npdeep.optimizers import Momentum
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs, Mistake
from npdeep.teaching.exercises.training import CHAPTER, IMPORTS, network, one_step, step_inputs, weights_of
from npdeep.training.trainer import Trainer

BETA = 0.9
"""The momentum."""

UNITS = 30
"""In the hidden layer, on digits."""


def _train(
    x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array, learning_rate: float, batch_size: int
) -> tuple[Array, Array, Array, Array, Array]:
    """One epoch of npdeep's own trainer, the rows in their order."""
    model = network(W1, b1, W2, b2)
    trainer = Trainer(model, loss="softmax_cross_entropy", optimizer=Momentum(learning_rate, BETA))
    starts = range(0, len(x), batch_size)
    losses = np.array([trainer.step(x[i : i + batch_size], y[i : i + batch_size]) for i in starts])
    new = weights_of(model)
    return losses, new[0], new[1], new[2], new[3]


def _train_inputs(rng: np.random.Generator, n: int) -> Inputs:
    """A last batch that is smaller than the others."""
    given = step_inputs(rng, 3 * n + 1)
    return given | {"learning_rate": float(rng.uniform(0.05, 0.2)), "batch_size": n}


def _batches(n: int, size: int, updates: int) -> list[slice]:
    return [slice(i, i + size) for i in range(0, n, size)]


def _epoch(
    rows: Callable[[int, int, int], list[slice]] = _batches,
    beta: float = BETA,
    pushed: Callable[[Array, Array, float, float], Array] = lambda m, g, rate, beta: beta * m - rate * g,
) -> Function:
    """A wrong epoch: other batches, or another velocity."""

    def train(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array, rate: float, size: int) -> tuple[Array, ...]:
        weights, losses = [W1, b1, W2, b2], []
        velocities = [np.zeros_like(w) for w in weights]
        for batch in rows(len(x), size, -(-len(x) // size)):
            loss, *moved = one_step(x[batch], y[batch], *weights, 1.0)
            gradients = [w - new for w, new in zip(weights, moved, strict=True)]
            velocities = [pushed(m, g, rate, beta) for m, g in zip(velocities, gradients, strict=True)]
            weights = [w + m for w, m in zip(weights, velocities, strict=True)]
            losses.append(loss)
        return np.array(losses), *weights

    return train


def _then(change: Callable[[list[Array]], list[Array]]) -> Function:
    """The right epoch, then something wrong done with what it returns."""
    return lambda *given: tuple(change(list(_train(*given))))


def on_digits(function: Function) -> str:
    """The student's kernels and npdeep's side by side on real digits: losses, and digits classified correctly."""
    (x, y), (x_test, y_test) = mnist_sample()
    x, x_test = x.astype(float), x_test.astype(float)
    rng = np.random.default_rng(42)
    W1, W2 = rng.normal(0, np.sqrt(2 / x.shape[1]), (x.shape[1], UNITS)), rng.normal(0, np.sqrt(2 / UNITS), (UNITS, 10))
    start = (W1, np.zeros(UNITS), W2, np.zeros(10))
    functions: tuple[Function, Function] = (function, _train)
    theirs, ours = (f(x, y, *(w.copy() for w in start), 0.1, 50) for f in functions)
    right = [np.mean((np.maximum(x_test @ w[1] + w[2], 0) @ w[3] + w[4]).argmax(1) == y_test) for w in (theirs, ours)]
    shown = (0, 9, 29, len(ours[0]) - 1)
    lines = [f"update {i + 1:3}: your loss {theirs[0][i]:.10f}, npdeep's {ours[0][i]:.10f}" for i in shown]
    farthest = max(float(np.abs(a - b).max()) for a, b in zip(theirs, ours, strict=True))
    return "\n".join(
        [
            f"your kernels and npdeep's on {len(x):,} digits of MNIST, {len(ours[0])} updates:",
            *lines,
            f"test digits that are right: yours {right[0]:.1%}, npdeep's {right[1]:.1%}; largest difference {farthest:.0e}",
        ]
    )


TRAIN = Exercise(
    name="train_on_digits",
    chapter=CHAPTER,
    arguments=("x", "y", "W1", "b1", "W2", "b2", "learning_rate", "batch_size"),
    outputs=("losses", "W1", "b1", "W2", "b2"),
    task=(
        "One epoch with your own engine: momentum, batch by batch, in the order of the rows; the last batch may be smaller. "
        "Where it is right, it is run on real digits, beside npdeep's."
    ),
    formula=(
        "for each batch of batch_size rows: forward, loss, backward as in training_step, then for each of W1, b1, W2, b2\n"
        "m = 0.9 m - learning_rate dL/dw        w = w + m        (each has an m of its own, which begins at 0)\n"
        "losses: the loss of each batch before its update"
    ),
    shapes=(
        "x (n, inputs), y (n,) integers, W1 (inputs, hidden), b1 (hidden,), W2 (hidden, classes), b2 (classes,), "
        "learning_rate: a number, batch_size: an integer, losses (number of batches,)"
    ),
    hints=(
        "Take training_step's lines up to the gradients. What must be made once, before the loop over the batches?",
        ("The four velocities, as zeros. range(0, len(x), batch_size) is where the batches begin; a slice may end beyond the "
        "array."),
        "The loss of a batch is a mean over the rows of that batch: nothing else has to know that the last one is smaller.",
    ),
    make_inputs=_train_inputs,
    solution=_train,
    imports=(*IMPORTS[:2], "from momentum import momentum", *IMPORTS[2:]),
    chained=True,
    rows=0,
    when_right=on_digits,
    mistakes=(
        Mistake("the last, smaller batch is left out",
                _epoch(rows=lambda n, size, k: [slice(i, i + size) for i in range(0, n - size + 1, size)])),
        Mistake("every update sees the first batch: take the rows from the start of each batch on",
                _epoch(rows=lambda n, size, k: [slice(0, size)] * k)),
        Mistake("all rows go through in one batch", _epoch(rows=lambda n, size, k: [slice(0, n)])),
        Mistake("every batch is one row", _epoch(rows=lambda n, size, k: [slice(i, i + 1) for i in range(n)])),
        Mistake("every batch begins one row, not batch_size rows, after the last",
                _epoch(rows=lambda n, size, k: [slice(i, i + size) for i in range(k)])),
        Mistake("the velocities are 0 again in every batch: make them before the loop, and keep the new ones",
                _epoch(beta=0.0)),
        Mistake("the velocity weighs the gradient with 1 - 0.9", _epoch(pushed=lambda m, g, r, b: b * m - (1 - b) * r * g)),
        Mistake("the update goes up the slope", _epoch(pushed=lambda m, g, r, b: b * m + r * g)),
        Mistake("the learning rate is missing", _epoch(pushed=lambda m, g, r, b: b * m - g)),
        Mistake("the weights are those of the start: nothing is updated",
                _epoch(pushed=lambda m, g, r, b: 0 * m)),
        Mistake("losses is one number, their mean: return one per batch",
                _then(lambda out: [out[0].mean(), *out[1:]])),
        Mistake("losses is the last one alone: return one per batch",
                _then(lambda out: [out[0][-1], *out[1:]])),
    ),
)  # fmt: skip

EXERCISES = (TRAIN,)
