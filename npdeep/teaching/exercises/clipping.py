"""Exercises on clipping gradients, by value and by their global norm."""

import numpy as np

from npdeep.kernels import clipping
from npdeep.kernels.arrays import Array
from npdeep.teaching.exercises.exercise import Exercise, Inputs, Mistake

CHAPTER = "clipping"
Arrays = list[Array]


def _by_value(g: Array, limit: float) -> Array:
    return clipping.clip_by_value(g.copy(), limit)


def _inputs(rng: np.random.Generator, n: int) -> Inputs:
    return {"g": 2 * rng.normal(size=(n, int(rng.integers(9, 12)))), "limit": float(rng.uniform(0.5, 1.8))}


BY_VALUE = Exercise(
    name="clip_by_value",
    chapter=CHAPTER,
    arguments=("g", "limit"),
    outputs=("clipped",),
    task="Clip every element of a gradient to at most `limit` in size.",
    formula="clipped = g where -limit <= g <= limit, else the nearer of the two limits",
    shapes="g, clipped: any shape, limit: a number above 0",
    hints=(
        "There are two limits, one on each side of 0.",
        "It is the larger of g and the lower limit, then the smaller of that and the upper limit.",
        "np.clip does both.",
    ),
    make_inputs=_inputs,
    solution=_by_value,
    mistakes=(
        Mistake("the lower limit is missing: large negative elements are clipped to -limit",
                lambda g, limit: np.minimum(g, limit)),
        Mistake("the upper limit is missing: large positive elements are clipped to limit",
                lambda g, limit: np.maximum(g, -limit)),
        Mistake("the lower limit is 0: it is -limit, a gradient may be negative", lambda g, limit: np.clip(g, 0, limit)),
        Mistake("elements beyond the limit are set to 0: they are set to the limit",
                lambda g, limit: np.where(np.abs(g) > limit, 0, g)),
        Mistake("elements beyond the limit lose their sign: the lower ones become -limit",
                lambda g, limit: np.where(np.abs(g) > limit, limit, g)),
        Mistake("g is scaled as a whole so that its norm is at most the limit: that is clipping by norm",
                lambda g, limit: g * min(1, limit / np.linalg.norm(g))),
        Mistake("g is scaled as a whole so that its largest element is the limit: clip element by element",
                lambda g, limit: g * min(1, limit / np.abs(g).max())),
        Mistake("minimum and maximum are exchanged: elements within the limits are moved out to them",
                lambda g, limit: np.where(np.abs(g) > limit, g, np.copysign(limit, g))),
        Mistake("np.minimum and np.maximum are exchanged: every element becomes limit or -limit",
                lambda g, limit: np.minimum(np.maximum(g, limit), -limit)),
        Mistake("the limits are -1 and 1, whatever the limit is", lambda g, limit: np.clip(g, -1, 1)),
        Mistake("g is returned as it was", lambda g, limit: g.copy()),
        Mistake("tanh squeezes all elements: those within the limits stay as they are",
                lambda g, limit: limit * np.tanh(g / limit)),
    ),
)  # fmt: skip


def _norm(gradients: Arrays) -> float:
    return float(np.sqrt(sum(float((g**2).sum()) for g in gradients)))


def _by_global_norm(gradients: Arrays, limit: float) -> Arrays:
    pieces = [g.ravel().copy() for g in gradients]
    clipping.shorten(pieces, clipping.norm(pieces, np.empty(max(map(len, pieces)))), limit)
    return [piece.reshape(g.shape) for piece, g in zip(pieces, gradients, strict=True)]


def _several(rng: np.random.Generator, n: int) -> Inputs:
    """Two kernels and their biases, of different sizes; a limit that is well below their norm, by factors of 2 to 40."""
    units = int(rng.integers(9, 12))
    shapes = [(n, units), (units,), (units, 3), (3,)]
    gradients = [rng.normal(size=shape) * rng.uniform(0.5, 2) for shape in shapes]
    return {"gradients": gradients, "limit": float(_norm(gradients) * 10 ** rng.uniform(-1.6, -0.3))}


def _within() -> list[Inputs]:
    return [{"gradients": [np.array([[3.0, -1.0]]), np.array([4.0])], "limit": 6.0}]


BY_GLOBAL_NORM = Exercise(
    name="clip_by_global_norm",
    chapter=CHAPTER,
    arguments=("gradients", "limit"),
    outputs=("clipped",),
    task="Clip the gradients of a whole network by their common norm: too long, all of them shrink by the same factor.",
    formula=(
        "norm = sqrt(sum of the squares of all elements of all arrays)\n"
        "clipped = g * limit/norm for each array g if norm > limit, else g"
    ),
    shapes="gradients: a list of arrays, limit: a number, clipped: a list of arrays of the same shapes",
    hints=(
        "How many norms are there for a list of four arrays?",
        ("One: add up the squares of all arrays, then take the root once. The factor is the same for all, so that the "
        "direction of the whole gradient stays."),
        "The factor is min(1, limit/norm). Return a list of new arrays.",
    ),
    make_inputs=_several,
    more_inputs=_within,
    solution=_by_global_norm,
    mistakes=(
        Mistake("the clipped vector has the wrong direction: each array was clipped on its own, by its own norm",
                lambda gradients, limit: [g * min(1, limit / np.linalg.norm(g)) for g in gradients],
                "huggingface/transformers#581"),
        Mistake("the clipped vector has the wrong direction: each element was clipped on its own, by value",
                lambda gradients, limit: [np.clip(g, -limit, limit) for g in gradients]),
        Mistake("short gradients are made longer: where norm <= limit they stay as they are",
                lambda gradients, limit: [g * limit / _norm(gradients) for g in gradients]),
        Mistake("the root is missing: the norm is the root of the sum of squares",
                lambda gradients, limit: [g * min(1, limit / _norm(gradients) ** 2) for g in gradients]),
        Mistake("the sum of each array is squared: square its elements, then add them up",
                lambda gradients, limit: [g * min(1, limit / _norm([h.sum() for h in gradients])) for g in gradients]),
        Mistake("the norms of the arrays are added: add their squares, then take the root",
                lambda gradients, limit: [g * min(1, limit / sum(np.linalg.norm(h) for h in gradients)) for g in gradients]),
        Mistake("the norm is that of the largest array alone: all arrays count",
                lambda gradients, limit: [g * min(1, limit / max(np.linalg.norm(h) for h in gradients)) for g in gradients]),
        Mistake("the norm is that of the first array alone: all arrays count",
                lambda gradients, limit: [g * min(1, limit / np.linalg.norm(gradients[0])) for g in gradients]),
        Mistake("long gradients get the norm 1: they get the norm `limit`",
                lambda gradients, limit: [g / (_norm(gradients) if _norm(gradients) > limit else 1) for g in gradients]),
        Mistake("long gradients are multiplied by norm/limit: multiply by limit/norm",
                lambda gradients, limit: [g * max(1, _norm(gradients) / limit) for g in gradients]),
        Mistake("the norm is the largest element: it is the root of the sum of squares",
                lambda gradients, limit: [g * min(1, limit / max(np.abs(h).max() for h in gradients)) for g in gradients]),
        Mistake("the norm is the root of the mean of squares: it is that of their sum",
                lambda gradients, limit: [g * min(1, limit * np.sqrt(sum(h.size for h in gradients)) / _norm(gradients))
                                          for g in gradients]),
        Mistake("the gradients are returned as they were", lambda gradients, limit: [g.copy() for g in gradients]),
        Mistake("long gradients are set to 0", lambda gradients, limit: [g * (_norm(gradients) <= limit) for g in gradients]),
    ),
)  # fmt: skip

EXERCISES = (BY_VALUE, BY_GLOBAL_NORM)
