"""Exercises on dropout, penalties and max-norm."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npdeep.kernels import constraints, dropout, penalties
from npdeep.kernels.arrays import Array
from npdeep.teaching.exercises.calling import Fault
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs, Mistake

CHAPTER = "regularization"


# ── dropout ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _dropout_inputs(rng: np.random.Generator, n: int) -> Inputs:
    """Many elements, none of them near 0, so that shares and ratios are exact enough; a rate that is not one half."""
    shape = (100 * n if n < 100 else n, 60)
    x = rng.uniform(0.5, 2, shape) * rng.choice([-1.0, 1.0], shape)
    return {"x": x, "rate": float(rng.uniform(0.3, 0.42)), "rng": np.random.default_rng(n)}


def _dropped(keep: Function, scale: Function) -> Function:
    """Dropout with a wrong probability to keep a unit, or a wrong scale, both from the rate."""

    def forward(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
        mask = (rng.random(x.shape) < keep(rate)) * scale(rate)
        return x * mask, mask

    return forward


_dropout = _dropped(lambda rate: 1 - rate, lambda rate: 1 / (1 - rate))


def _dropout_measure(inputs: Inputs, values: Sequence[Any]) -> dict[str, float]:
    x, (y, mask) = inputs["x"], values
    if y.shape != x.shape or mask.shape != x.shape:
        raise Fault(f"y and mask must have the shape of x, {x.shape}; they have {y.shape} and {mask.shape}")
    kept, ratio, open_ = y != 0, y / x, mask != 0
    found = [
        kept.mean(),
        ratio[kept].mean() if kept.any() else 0.0,
        ratio[kept].std() if kept.any() else 0.0,
        open_.mean(),
        mask[open_].mean() if open_.any() else 0.0,
        (kept == open_).mean(),
        (kept.all(0) | (~kept).all(0)).mean(),
        (kept.all(1) | (~kept).all(1)).mean(),
    ]
    return dict(zip(DROPOUT_MEASURED, map(float, found), strict=True))


DROPOUT_MEASURED = (
    "y: the share of elements that are kept",
    "y: y/x where it is kept",
    "y: the spread of y/x where it is kept",
    "mask: the share of elements that are not 0",
    "mask: its value where it is not 0",
    "mask: the share of elements in which it agrees with y",
    "y: the share of units that are kept in all rows or in none",
    "y: the share of rows that are kept as a whole or not at all",
)


def _two_masks(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    first, second = (rng.random(x.shape) < 1 - rate for _ in range(2))
    return x * first / (1 - rate), second / (1 - rate)


def _shared_mask(axis: int) -> Function:
    def forward(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
        mask = np.broadcast_to(rng.random((1, x.shape[1]) if axis == 0 else (len(x), 1)) < 1 - rate, x.shape) / (1 - rate)
        return x * mask, mask

    return forward


def _normal_mask(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    mask = (rng.standard_normal(x.shape) < 1 - rate) / (1 - rate)
    return x * mask, mask


def _normal_above(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    mask = (rng.standard_normal(x.shape) > rate) / (1 - rate)
    return x * mask, mask


def _unscaled_mask(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    mask = rng.random(x.shape) < 1 - rate
    return x * mask / (1 - rate), mask.astype(float)


def _opposite_mask(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    off = rng.random(x.shape) < rate
    return np.where(off, 0, x / (1 - rate)), off / (1 - rate)


DROPOUT = Exercise(
    name="inverted_dropout",
    chapter=CHAPTER,
    arguments=("x", "rate", "rng"),
    outputs=("y", "mask"),
    task=(
        "Dropout in training: every element of x is dropped with the probability `rate`, those that stay are made larger, so "
        "that their expected value is that of x. The mask is kept for the way back."
    ),
    formula="mask = 0 with the probability rate, else 1 / (1 - rate)        y = x mask",
    shapes="x, y, mask (n, units), rate: a number in [0, 1), rng: np.random.default_rng(seed)",
    hints=(
        "Every element has a throw of its own. Which distribution makes 'with the probability rate' easy?",
        "Uniform numbers in [0, 1) are at least `rate` with the probability 1 - rate.",
        "rng.random(x.shape) makes one uniform number per element; a comparison makes True and False of it.",
    ),
    make_inputs=_dropout_inputs,
    measure=_dropout_measure,
    tolerance=0.03,
    solution=_dropout,
    mistakes=(
        Mistake("what is kept is not made larger: divide by 1 - rate in training, so that nothing is left to do later",
                _dropped(lambda rate: 1 - rate, lambda rate: 1.0)),
        Mistake("what is kept is divided by rate: divide by 1 - rate, the share that is kept",
                _dropped(lambda rate: 1 - rate, lambda rate: 1 / rate), "lmjohns3/theanets#123"),
        Mistake("what is kept is multiplied by 1 - rate: divide, it must grow",
                _dropped(lambda rate: 1 - rate, lambda rate: 1 - rate)),
        Mistake("rate is taken as the share that is kept: it is the share that is dropped",
                _dropped(lambda rate: rate, lambda rate: 1 / rate), "Self2Self#7: rate or keep_prob"),
        Mistake("the comparison is the wrong way round: kept with the probability rate, but divided by 1 - rate",
                _dropped(lambda rate: rate, lambda rate: 1 / (1 - rate))),
        Mistake("the random numbers are normal, not uniform: rng.random, not rng.normal", _normal_mask,
                "karpathy/neuraltalk#29"),
        Mistake("the random numbers are normal, not uniform (and kept above rate): rng.random, not rng.normal", _normal_above),
        Mistake("all rows drop the same units: every element has a throw of its own, rng.random(x.shape)", _shared_mask(0)),
        Mistake("whole rows are dropped: every element has a throw of its own, rng.random(x.shape)", _shared_mask(1)),
        Mistake("mask is not the one that made y: draw once, and return what you have used", _two_masks),
        Mistake("mask has no scale: it is 1/(1 - rate) where y is kept, so that the way back is dy mask", _unscaled_mask),
        Mistake("mask marks what is dropped: it is 1/(1 - rate) where y is kept, and 0 where it is dropped", _opposite_mask),
        Mistake("y and mask are returned in the wrong order", lambda x, rate, rng: _dropout(x, rate, rng)[::-1]),
        Mistake("nothing is dropped", lambda x, rate, rng: (x.copy(), np.ones_like(x))),
        Mistake("half of the elements are dropped whatever the rate is: compare with rate, not with 0.5",
                _dropped(lambda rate: 0.5, lambda rate: 1 / (1 - rate))),
    ),
)  # fmt: skip


def _dropout_backward(mask: Array, dy: Array) -> Array:
    return dropout.dropout_backward(mask, dy, np.empty_like(dy))


def _mask_inputs(rng: np.random.Generator, n: int) -> Inputs:
    shape, rate = (n, int(rng.integers(9, 12))), rng.uniform(0.3, 0.6)
    return {"mask": (rng.random(shape) >= rate) / (1 - rate), "dy": rng.normal(size=shape)}


DROPOUT_BACKWARD = Exercise(
    name="dropout_backward",
    chapter=CHAPTER,
    arguments=("mask", "dy"),
    outputs=("dx",),
    task="The way back through dropout, with the mask that the way forward has kept: 0 or 1/(1 - rate).",
    formula="y = x mask\ndx = dL/dx",
    shapes="mask, dy, dx (n, units)",
    hints=(
        "y is x times a number that does not depend on x. What is its slope?",
        "The gradient takes the same way as the signal: what was dropped gets none, what was made larger gets more.",
        "One product per element.",
    ),
    make_inputs=_mask_inputs,
    solution=_dropout_backward,
    mistakes=(
        Mistake("the mask is not used: what was dropped gets no gradient", lambda mask, dy: dy.copy(), "ddbourgin/numpy-ml#94"),
        Mistake("the scale 1/(1 - rate) is missing: the mask holds it, so multiply by the mask itself",
                lambda mask, dy: dy * (mask > 0), "ddbourgin/numpy-ml#94"),
        Mistake("the scale is used twice: the mask holds it already", lambda mask, dy: dy * mask * mask.max()),
        Mistake("dx is divided by the mask: multiply",
                lambda mask, dy: np.where(mask > 0, dy / np.where(mask > 0, mask, 1), 0)),
        Mistake("dx is dy/mask, with a division by 0 where a unit was dropped: multiply", lambda mask, dy: dy / mask),
        Mistake("dx is the mask: multiply it by dy", lambda mask, dy: mask.copy()),
        Mistake("the gradient passes where the unit was dropped", lambda mask, dy: dy * (mask == 0)),
        Mistake("dx has the wrong sign", lambda mask, dy: -dy * mask),
    ),
)  # fmt: skip


# ── penalties ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _penalty_inputs(rng: np.random.Generator, n: int) -> Inputs:
    W = rng.normal(size=(n, int(rng.integers(9, 12))))
    return {"W": W, "dW": rng.normal(size=W.shape), "scale": float(rng.uniform(0.02, 0.4))}


def _penalty(kernel: Function) -> Function:
    def solution(W: Array, dW: Array, scale: float) -> tuple[float, Array]:
        both = dW.copy()
        return kernel(W.reshape(-1), both.reshape(-1), np.empty(W.size), scale), both

    return solution


def _penalty_terms(slope: Callable[[Array], Array]) -> Function:
    """The new dW is that of the loss and that of the penalty."""

    def terms(W: Array, dW: Array, scale: float) -> dict[str, dict[str, Array]]:
        return {"dW": {"dW (the gradient of the loss)": dW, "of the penalty": scale * slope(W)}}

    return terms


PENALTY_SHAPES = "W (inputs, units), dW like W: the gradient of the loss so far, scale: a number, penalty: one number"
PENALTY_HINTS = (
    "The penalty is one number. The new dW is a sum: the gradient of the loss, which you are given, and that of the penalty.",
    "Take the derivative of the penalty with respect to one weight W_kj: only one summand has it.",
)

L2 = Exercise(
    name="l2_penalty",
    chapter=CHAPTER,
    arguments=("W", "dW", "scale"),
    outputs=("penalty", "dW"),
    task="The L2 penalty on weights, and the gradient of loss and penalty together. scale is a number such as 0.001.",
    formula="penalty = scale * sum_kj W_kj^2\nnew dW = dW + d penalty/dW",
    shapes=PENALTY_SHAPES,
    hints=(*PENALTY_HINTS, "The square brings a factor of 2. Return dW + ..., not dW += ..., which changes the input."),
    make_inputs=_penalty_inputs,
    solution=_penalty(penalties.l2_penalty),
    terms=_penalty_terms(lambda W: 2 * W),
    mistakes=(
        Mistake("the gradient of the penalty lacks the 2 of the square",
                {"dW": lambda W, dW, scale: dW + scale * W}, "jingtinghuang/CS231n-Spring-2017#3"),
        Mistake("the penalty has the factor 1/2, which the formula here does not have",
                {"penalty": lambda W, dW, scale: scale * (W**2).sum() / 2}, "cs231n/cs231n.github.io#89"),
        Mistake("the penalty is the mean of the squares: it is their sum",
                {"penalty": lambda W, dW, scale: scale * (W**2).mean()}),
        Mistake("the penalty is the norm, the root of the sum of squares: leave out the root",
                {"penalty": lambda W, dW, scale: scale * np.sqrt((W**2).sum())}, "google-deepmind/dm-haiku#178"),
        Mistake("the penalty is the L1 one, the sum of |W|", {"penalty": lambda W, dW, scale: scale * np.abs(W).sum()}),
        Mistake("scale is missing in the penalty", {"penalty": lambda W, dW, scale: (W**2).sum()}),
        Mistake("the penalty is the square of the sum: square first, then add up",
                {"penalty": lambda W, dW, scale: scale * W.sum() ** 2}),
        Mistake("the penalty adds up W @ W.T, a matrix product: square each element, W**2 or W * W",
                {"penalty": lambda W, dW, scale: scale * (W @ W.T).sum()}),
        Mistake("scale is missing in the gradient of the penalty", {"dW": lambda W, dW, scale: dW + 2 * W}),
        Mistake("the gradient of the penalty is subtracted: both gradients are added, the minus comes with the update",
                {"dW": lambda W, dW, scale: dW - 2 * scale * W}),
        Mistake("dW is that of the penalty alone: add it to the gradient of the loss",
                {"dW": lambda W, dW, scale: 2 * scale * W}),
        Mistake("dW is left as it was: the penalty has a gradient too", {"dW": lambda W, dW, scale: dW.copy()}),
        Mistake("the gradient has |W| for W: it keeps the sign of the weight",
                {"dW": lambda W, dW, scale: dW + 2 * scale * np.abs(W)}),
        Mistake("the gradient of the penalty is divided by the number of weights: the penalty is a sum",
                {"dW": lambda W, dW, scale: dW + 2 * scale * W / W.size}),
        Mistake("the penalty's value is added to the gradient: add its derivative",
                {"dW": lambda W, dW, scale: dW + scale * (W**2).sum()}, "JPLAY0/CS231nAssignment#10"),
    ),
)  # fmt: skip


L1 = Exercise(
    name="l1_penalty",
    chapter=CHAPTER,
    arguments=("W", "dW", "scale"),
    outputs=("penalty", "dW"),
    task="The L1 penalty on weights, and the gradient of loss and penalty together. A weight of 0 is not pulled at all.",
    formula="penalty = scale * sum_kj |W_kj|\nnew dW = dW + d penalty/dW",
    shapes=PENALTY_SHAPES,
    hints=(*PENALTY_HINTS, "The slope of |w| is 1 or -1, by the sign of w. np.sign is 0 at 0."),
    make_inputs=_penalty_inputs,
    more_inputs=lambda: [{"W": np.array([[0.0, 1.0], [-2.0, 0.0]]), "dW": np.array([[1.0, 1.0], [1.0, 1.0]]), "scale": 0.5}],
    solution=_penalty(penalties.l1_penalty),
    terms=_penalty_terms(np.sign),
    mistakes=(
        Mistake("the gradient of the penalty has the size of the weight: it is scale times the sign alone, whatever the size",
                {"dW": lambda W, dW, scale: dW + scale * W}),
        Mistake("the gradient of the penalty is the same for all weights: its sign is that of the weight",
                {"dW": lambda W, dW, scale: dW + scale}),
        Mistake("the gradient has |W| for the sign of W", {"dW": lambda W, dW, scale: dW + scale * np.abs(W)}),
        Mistake("a weight of 0 is pulled: the slope there counts as 0 (np.sign)",
                {"dW": lambda W, dW, scale: dW + scale * np.where(W > 0, 1, -1)}),
        Mistake("a weight of 0 is pushed down: the slope there counts as 0 (np.sign)",
                {"dW": lambda W, dW, scale: dW + scale * np.where(W >= 0, 1, -1)}),
        Mistake("dW is nan where a weight is 0: W/|W| divides by 0, np.sign does not",
                {"dW": lambda W, dW, scale: dW + scale * W / np.abs(W)}),
        Mistake("the gradient of the penalty is subtracted: both gradients are added, the minus comes with the update",
                {"dW": lambda W, dW, scale: dW - scale * np.sign(W)}),
        Mistake("scale is missing in the gradient of the penalty", {"dW": lambda W, dW, scale: dW + np.sign(W)}),
        Mistake("dW is that of the penalty alone: add it to the gradient of the loss",
                {"dW": lambda W, dW, scale: scale * np.sign(W)}),
        Mistake("dW is left as it was: the penalty has a gradient too", {"dW": lambda W, dW, scale: dW.copy()}),
        Mistake("the sign is that of dW: it is that of W", {"dW": lambda W, dW, scale: dW + scale * np.sign(dW)}),
        Mistake("the penalty adds up W, not |W|", {"penalty": lambda W, dW, scale: scale * W.sum()}),
        Mistake("the penalty is the absolute value of the sum: take absolute values first",
                {"penalty": lambda W, dW, scale: scale * abs(W.sum())}),
        Mistake("the penalty is the mean of |W|: it is the sum", {"penalty": lambda W, dW, scale: scale * np.abs(W).mean()}),
        Mistake("the penalty is the L2 one, the sum of squares", {"penalty": lambda W, dW, scale: scale * (W**2).sum()}),
        Mistake("scale is missing in the penalty", {"penalty": lambda W, dW, scale: np.abs(W).sum()}),
    ),
)  # fmt: skip


# ── max-norm ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _max_norm(W: Array, maximum: float) -> Array:
    return constraints.max_norm(W.copy(), maximum, 0, np.empty((1, W.shape[1])))


def _norm_inputs(rng: np.random.Generator, n: int) -> Inputs:
    """Columns on both sides of the limit."""
    W = rng.normal(size=(n, 10)) * np.geomspace(0.1, 10, 10)
    return {"W": W, "maximum": float(np.median(np.linalg.norm(W, axis=0)) * rng.uniform(0.9, 1.1))}


def _zero_column() -> list[Inputs]:
    return [{"W": np.array([[0.0, 3.0, 0.1], [0.0, -4.0, 0.2]]), "maximum": 2.5}]


def _column(W: Array) -> Array:
    return np.asarray(np.linalg.norm(W, axis=0))


MAX_NORM = Exercise(
    name="max_norm",
    chapter=CHAPTER,
    arguments=("W", "maximum"),
    outputs=("new_W",),
    task="The max-norm constraint: the weights that come into a unit, a column of W, get no longer than `maximum`.",
    formula="w = w * maximum/||w|| where ||w|| > maximum, else w        (w: a column of W, ||w|| = sqrt(sum_k w_k^2))",
    shapes="W, new_W (inputs, units), maximum: a number",
    hints=(
        "First the norm of each column: which axis does the sum run along?",
        "One factor per column: maximum/norm where the norm is too large, and 1 elsewhere.",
        "np.minimum(1, maximum/norms) is that factor, with the shape (units,).",
    ),
    make_inputs=_norm_inputs,
    more_inputs=_zero_column,
    solution=_max_norm,
    mistakes=(
        Mistake("the norms are those of the rows (axis=1): a column holds what comes into a unit, axis=0",
                lambda W, maximum: W * np.minimum(1, maximum / np.linalg.norm(W, axis=1, keepdims=True)),
                "ageron/handson-ml3#76"),
        Mistake("the norm is that of the whole matrix: each column has its own",
                lambda W, maximum: W * min(1, maximum / np.linalg.norm(W))),
        Mistake("short columns are made longer: those within the limit stay as they are",
                lambda W, maximum: W * maximum / _column(W)),
        Mistake("each element is clipped: the column is made shorter as a whole, so that it keeps its direction",
                lambda W, maximum: np.clip(W, -maximum, maximum)),
        Mistake("the root is missing: compare the norm, not its square, with the maximum",
                lambda W, maximum: W * np.minimum(1, maximum / (W**2).sum(0))),
        Mistake("long columns get the norm 1: they get the norm `maximum`",
                lambda W, maximum: W / np.where(_column(W) > maximum, _column(W), 1)),
        Mistake("long columns are multiplied by norm/maximum: multiply by maximum/norm",
                lambda W, maximum: W * np.maximum(1, _column(W) / maximum)),
        Mistake("the norm is the sum of |w|: it is the root of the sum of squares",
                lambda W, maximum: W * np.minimum(1, maximum / np.abs(W).sum(0))),
        Mistake("the norm is the largest |w|: it is the root of the sum of squares",
                lambda W, maximum: W * np.minimum(1, maximum / np.abs(W).max(0))),
        Mistake("W is returned as it was", lambda W, maximum: W.copy()),
        Mistake("long columns are set to 0", lambda W, maximum: np.where(_column(W) > maximum, 0, W)),
        Mistake("the norm is the root of the mean of squares: it is that of their sum",
                lambda W, maximum: W * np.minimum(1, maximum / np.sqrt((W**2).mean(0)))),
        Mistake("every column gets the norm 1", lambda W, maximum: W / _column(W)),
        Mistake("a column of zeros becomes nan, 0/0: such a column stays as it is",
                lambda W, maximum: W * (np.minimum(_column(W), maximum) / _column(W))),
    ),
)  # fmt: skip

EXERCISES = (DROPOUT, DROPOUT_BACKWARD, L2, L1, MAX_NORM)
