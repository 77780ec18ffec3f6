"""Exercises on the loss of a classifier: softmax and cross-entropy together."""

import numpy as np

from npdeep.kernels.arrays import Array
from npdeep.kernels.losses import cross_entropy
from npdeep.teaching.exercises.exercise import Exercise, Inputs, Mistake

CHAPTER = "losses"
SHAPES = "z (n, classes): the logits, y (n,): the label of each row, an integer 0 ... classes - 1"


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def _one_hot(z: Array, y: Array) -> Array:
    return np.eye(z.shape[1])[y]


def _kernel(z: Array, y: Array) -> tuple[Array, Array, Array]:
    """Losses of the rows, softmax and one-hot labels."""
    q, p, t, column, loss = _one_hot(z, y), np.empty_like(z), np.empty_like(z), np.empty((len(z), 1)), np.empty((len(z), 1))
    return cross_entropy.softmax_cross_entropy_forward(z, q, p, t, column, loss), p, q


def _forward(z: Array, y: Array) -> float:
    return float(_kernel(z, y)[0].mean())


def _backward(z: Array, y: Array) -> Array:
    _, p, q = _kernel(z, y)
    return np.asarray(cross_entropy.softmax_cross_entropy_backward(p, q, np.empty_like(z)) / len(z))


def _inputs(rng: np.random.Generator, n: int) -> Inputs:
    classes = int(rng.integers(3, 5))
    y = rng.integers(0, classes, n)
    y[:2] = 0, classes - 1  # the first and the last class are always there
    return {"z": rng.normal(size=(n, classes)) * 2, "y": y}


def _far_out() -> list[Inputs]:
    return [{"z": np.array([[1000.0, 990.0, 999.5], [-1000.0, -1001.0, -1000.0]]), "y": np.array([2, 1])}]


def _log(p: Array) -> Array:
    return np.asarray(np.log(p))


def _rows(z: Array, y: Array) -> Array:
    """-log p of each row's label."""
    return np.asarray(-_log(_softmax(z))[np.arange(len(z)), y])


FORWARD = Exercise(
    name="softmax_cross_entropy_forward",
    chapter=CHAPTER,
    arguments=("z", "y"),
    outputs=("loss",),
    task="The mean over the rows of the cross-entropy of softmax(z) and the labels. z may be 1000: no inf, no nan.",
    formula="p_ik = e^z_ik / sum_j e^z_ij\nloss = 1/n sum_i -log p_iy        y: the label of row i",
    shapes=f"{SHAPES}, loss: one number",
    hints=(
        "The softmax of a row does not change if the same number is subtracted from all of its elements. Which one helps?",
        "Subtract the largest of each row (keepdims=True), so that every exponent is at most 0. The labels pick one p per row.",
        "p[np.arange(n), y] is one element per row. Then the logarithm, its minus, and the mean.",
    ),
    make_inputs=_inputs,
    more_inputs=_far_out,
    solution=_forward,
    mistakes=(
        Mistake("the loss is the sum over the rows, not the mean (off by the factor n)", lambda z, y: _rows(z, y).sum(),
                "jax-ml/jax#3113"),
        Mistake("the loss has the wrong sign: it is -log p, which is never negative", lambda z, y: -_rows(z, y).mean()),
        Mistake("the logarithm is missing: the loss is -p of the label, not -log p",
                lambda z, y: -_softmax(z)[np.arange(len(z)), y].mean()),
        Mistake("the loss is the mean of 1 - p of the label: it is the mean of -log p",
                lambda z, y: 1 - _softmax(z)[np.arange(len(z)), y].mean()),
        Mistake("the softmax runs over all elements at once: each row has a sum of its own, axis=1 with keepdims=True",
                lambda z, y: np.mean(-(z - z.max() - np.log(np.exp(z - z.max()).sum()))[np.arange(len(z)), y]),
                "rickwierenga/MLFundamentals#1"),
        Mistake("the softmax runs down the columns (axis=0): it runs along the rows, axis=1",
                lambda z, y: np.mean(-_log(_softmax(z.T).T)[np.arange(len(z)), y])),
        Mistake("the loss is divided by the number of elements, n times classes: divide by the rows, n",
                lambda z, y: _rows(z, y).sum() / z.size),
        Mistake("the loss is inf or nan for large z: subtract the largest element of each row before the exponential",
                lambda z, y: np.mean(-_log(np.exp(z) / np.exp(z).sum(1, keepdims=True))[np.arange(len(z)), y]),
                "numenta/nupic-legacy#3818"),
        Mistake("the logarithm is to the base 2: np.log is the natural one", lambda z, y: _rows(z, y).mean() / np.log(2)),
        Mistake("one loss per row is returned: take their mean", lambda z, y: _rows(z, y)),
        Mistake("the softmax is taken twice: z are logits, and one softmax makes them probabilities",
                lambda z, y: _rows(_softmax(z), y).mean(), "Lightning-AI/lightning-bolts#654"),
        Mistake("the softmax is missing: the loss is the mean of -z of the label",
                lambda z, y: -z[np.arange(len(z)), y].mean()),
        Mistake("only the first row counts", lambda z, y: _rows(z, y)[0]),
        Mistake("the last row is left out: range(n) ends at n - 1 by itself", lambda z, y: _rows(z, y)[:-1].sum() / len(z)),
        Mistake("p of the likeliest class is taken: it is p of the label, whatever the network says",
                lambda z, y: -_log(_softmax(z).max(1)).mean()),
        Mistake("p[:, y] is (n, n): p[np.arange(n), y] is one element per row", lambda z, y: -_log(_softmax(z)[:, y]).mean()),
        Mistake("the largest element is not added back: log(sum of e^z) is max + log(sum of e^(z - max))",
                lambda z, y: np.mean(_rows(z, y) - z.max(1))),
        Mistake("the loss adds up -log p over all classes: only that of the label counts",
                lambda z, y: -_log(_softmax(z)).sum() / len(z)),
        Mistake("log(sum of e^z) is left out of log p (the largest element alone is subtracted)",
                lambda z, y: np.mean((z.max(1, keepdims=True) - z)[np.arange(len(z)), y])),
        Mistake("log(1 - p) of the other classes is added: that is the loss of one logistic output per class",
                lambda z, y: -np.mean(np.where(_one_hot(z, y) > 0, _log(_softmax(z)), _log(1 - _softmax(z))).sum(1))),
    ),
)  # fmt: skip


BACKWARD = Exercise(
    name="softmax_cross_entropy_backward",
    chapter=CHAPTER,
    arguments=("z", "y"),
    outputs=("dz",),
    task="The gradient of the mean loss with respect to the logits z. z may be 1000: no inf, no nan.",
    formula=(
        "p_ik = e^z_ik / sum_j e^z_ij\n"
        "loss = 1/n sum_i -log p_iy        y: the label of row i\n"
        "dz_ik = d loss / dz_ik"
    ),
    shapes=f"{SHAPES}, dz like z",
    hints=(
        "Write -log p_iy as log(sum_j e^z_ij) - z_iy and take the derivative of both terms.",
        "The first term gives a probability for every class; the second gives a number at the label alone.",
        "Take p, subtract 1 at the label of each row, and remember what 1/n in the loss does to its gradient.",
    ),
    make_inputs=_inputs,
    more_inputs=_far_out,
    solution=_backward,
    mistakes=(
        Mistake("dz is not divided by n: the loss is a mean over the rows (off by the factor n)",
                lambda z, y: _softmax(z) - _one_hot(z, y), "victorlempitsky/Mate#2"),
        Mistake("you divided by n twice: once is enough", lambda z, y: (_softmax(z) - _one_hot(z, y)) / len(z) ** 2,
                "janchorowski/nn_assignments#21"),
        Mistake("dz has the wrong sign: it is p - 1 at the label, p elsewhere",
                lambda z, y: (_one_hot(z, y) - _softmax(z)) / len(z)),
        Mistake("the 1 at the label is not subtracted: dz is p/n", lambda z, y: _softmax(z) / len(z)),
        Mistake("p alone is divided by n: subtract 1 at the label first, then divide",
                lambda z, y: _softmax(z) / len(z) - _one_hot(z, y)),
        Mistake("the number y is subtracted from every p of the row: subtract 1 at the label alone",
                lambda z, y: (_softmax(z) - y[:, None]) / len(z)),
        Mistake("dz is divided by all elements, n times classes: divide by the rows, n",
                lambda z, y: (_softmax(z) - _one_hot(z, y)) / z.size),
        Mistake("dz is 0 away from the label: every logit of a row has a part in its softmax",
                lambda z, y: (_softmax(z) - 1) * _one_hot(z, y) / len(z), "nvidia/Nemotron-CC-Math-v1"),
        Mistake("p[:, y] -= 1 subtracts from whole columns: p[np.arange(n), y] is one element per row",
                lambda z, y: (_softmax(z) - np.isin(np.arange(z.shape[1]), y)) / len(z)),
        Mistake("p[:, y] is (n, n): p[np.arange(n), y] is one element per row",
                lambda z, y: (_softmax(z)[:, y] - 1) / len(z)),
        Mistake("dz is that of -log p with respect to p, -1/p: go on through the softmax to z",
                lambda z, y: -_one_hot(z, y) / np.maximum(_softmax(z), 1e-300) / len(z)),
        Mistake("the softmax is missing: dz is (z - 1 at the label)/n, with z in place of p",
                lambda z, y: (z - _one_hot(z, y)) / len(z)),
        Mistake("dz is multiplied by the slope p(1 - p) too: that is in p - 1 at the label already",
                lambda z, y: (_softmax(z) - _one_hot(z, y)) * _softmax(z) * (1 - _softmax(z)) / len(z)),
        Mistake("dz is inf or nan for large z: subtract the largest element of each row before the exponential",
                lambda z, y: (np.exp(z) / np.exp(z).sum(1, keepdims=True) - _one_hot(z, y)) / len(z)),
        Mistake("the softmax runs over all elements at once: each row has a sum of its own, axis=1 with keepdims=True",
                lambda z, y: (np.exp(z - z.max()) / np.exp(z - z.max()).sum() - _one_hot(z, y)) / len(z),
                "rickwierenga/MLFundamentals#1"),
        Mistake("the softmax runs down the columns (axis=0): it runs along the rows, axis=1",
                lambda z, y: (_softmax(z.T).T - _one_hot(z, y)) / len(z)),
        Mistake("1 is subtracted one class too far: labels begin at 0",
                lambda z, y: (_softmax(z) - np.roll(_one_hot(z, y), 1, 1)) / len(z)),
    ),
)  # fmt: skip

EXERCISES = (FORWARD, BACKWARD)
