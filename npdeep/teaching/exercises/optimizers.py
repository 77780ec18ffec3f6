"""Exercises on the update of the weights: momentum, Nesterov, AdaGrad, RMSProp."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep.kernels.arrays import Array
from npdeep.kernels.updates import adaptive
from npdeep.kernels.updates import momentum as kernels
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs, Mistake

CHAPTER = "optimizers"
Two = tuple[Array, Array]


def drawn(rng: np.random.Generator, n: int, *names: str) -> Inputs:
    """w and g, and the memory of the optimizer; names that begin with s or v are mean squares, above 0."""
    shape = (n, int(rng.integers(9, 12)))
    arrays: Inputs = {"w": rng.normal(size=shape), "g": rng.normal(size=shape)}
    arrays |= {name: rng.uniform(0.1, 2, shape) if name in "sv" else rng.normal(size=shape) for name in names}
    return arrays | {"learning_rate": float(rng.uniform(0.05, 0.3))}


def then(w: Array, step: Any) -> Array:
    """w after the step."""
    return np.asarray(w - step)


# ── momentum ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _momentum(w: Array, g: Array, m: Array, learning_rate: float, beta: float) -> Two:
    w, m = w.copy(), m.copy()
    kernels.momentum(w, g, m, np.empty_like(w), learning_rate, beta)
    return m, w


def _momentum_inputs(rng: np.random.Generator, n: int) -> Inputs:
    return drawn(rng, n, "m") | {"beta": float(rng.uniform(0.6, 0.95))}


def _velocity(new: Callable[[Array, Array, float, float], Array]) -> Function:
    """A wrong velocity m from m, g, the learning rate and beta; then w + m."""

    def update(w: Array, g: Array, m: Array, learning_rate: float, beta: float) -> Two:
        velocity = new(m, g, learning_rate, beta)
        return velocity, w + velocity

    return update


Terms = dict[str, dict[str, Array]]


def _momentum_terms(w: Array, g: Array, m: Array, learning_rate: float, beta: float) -> Terms:
    new = {"beta m": beta * m, "-learning_rate g": -learning_rate * g}
    return {"m": new, "w": {"w": w, **new}}


MOMENTUM = Exercise(
    name="momentum",
    chapter=CHAPTER,
    arguments=("w", "g", "m", "learning_rate", "beta"),
    outputs=("m", "w"),
    task="One update by gradient descent with momentum: the gradient g changes the velocity m, which moves the weights w.",
    formula="m = beta m - learning_rate g\nw = w + m        (with the new m)",
    shapes="w, g, m: the same shape, learning_rate, beta: numbers",
    hints=(
        "Two lines, in this order. Which m goes into the second?",
        "The new one. The learning rate is in the velocity already.",
        "Write m = ..., not m += ... or m *= ..., which would change the input.",
    ),
    make_inputs=_momentum_inputs,
    solution=_momentum,
    terms=_momentum_terms,
    chained=True,
    mistakes=(
        Mistake("the velocity has the wrong sign: the step goes up the slope", _velocity(lambda m, g, r, b: b * m + r * g)),
        Mistake("the velocity has the other sign, m = beta m + learning_rate g and w = w - m: here m points down the slope",
                lambda w, g, m, r, b: (b * m + r * g, w - (b * m + r * g))),
        Mistake("m is a moving average of g, beta m + (1 - beta) g: here it is the step, beta m - learning_rate g",
                lambda w, g, m, r, b: (b * m + (1 - b) * g, w - r * (b * m + (1 - b) * g))),
        Mistake("beta is missing: the velocity is never braked", _velocity(lambda m, g, r, b: m - r * g)),
        Mistake("beta weighs the gradient too, with 1 - beta: here it weighs the old velocity alone",
                _velocity(lambda m, g, r, b: b * m - (1 - b) * r * g), "HIPS/autograd#289"),
        Mistake("the learning rate multiplies the old velocity too", _velocity(lambda m, g, r, b: r * (b * m - g))),
        Mistake("the learning rate is missing in the velocity", _velocity(lambda m, g, r, b: b * m - g)),
        Mistake("the old velocity is forgotten: this is plain gradient descent", _velocity(lambda m, g, r, b: -r * g)),
        Mistake("this is PyTorch's form, m = beta m + g and w = w - learning_rate m: here the velocity holds the learning rate",
                lambda w, g, m, r, b: (b * m + g, w - r * (b * m + g)), "pytorch/pytorch#1099"),
        Mistake("w moves by the old velocity: compute m first, then w with the new m", {"w": lambda w, g, m, r, b: w + m}),
        Mistake("the velocity is subtracted from w: its sign holds the direction already",
                {"w": lambda w, g, m, r, b: w - _momentum(w, g, m, r, b)[0]}),
        Mistake("w moves by the learning rate times m: m holds the learning rate already",
                {"w": lambda w, g, m, r, b: w + r * _momentum(w, g, m, r, b)[0]}),
        Mistake("w is moved by the gradient alone, not by the velocity", {"w": lambda w, g, m, r, b: w - r * g}),
        Mistake("w is moved by gradient and velocity: the velocity holds the gradient already",
                {"w": lambda w, g, m, r, b: w + _momentum(w, g, m, r, b)[0] - r * g}),
        Mistake("beta and the learning rate are exchanged", _velocity(lambda m, g, r, b: r * m - b * g)),
    ),
)  # fmt: skip


def _nesterov(w: Array, g: Array, m: Array, learning_rate: float, beta: float) -> Two:
    w, m = w.copy(), m.copy()
    kernels.nesterov(w, g, m, np.empty_like(w), learning_rate, beta, beta)
    return m, w


def _looked(step: Callable[[Array, Array, Array, float, float], Array]) -> dict[str, Function]:
    """A wrong w, from w, g, the new m, the learning rate and beta."""
    return {"w": lambda w, g, m, r, b: step(w, g, b * m - r * g, r, b)}


def _nesterov_terms(w: Array, g: Array, m: Array, learning_rate: float, beta: float) -> Terms:
    new = {"beta m": beta * m, "-learning_rate g": -learning_rate * g}
    return {"m": new, "w": {"w": w, "-learning_rate g": -learning_rate * g, "beta m": beta * (beta * m - learning_rate * g)}}


NESTEROV = Exercise(
    name="nesterov",
    chapter=CHAPTER,
    arguments=("w", "g", "m", "learning_rate", "beta"),
    outputs=("m", "w"),
    task=(
        "One update by Nesterov's momentum, in the form that keeps the look-ahead point as w, so that g is the gradient at w "
        "itself. The step is the one that momentum would take now, and the look ahead at the next."
    ),
    formula="m = beta m - learning_rate g\nw = w - learning_rate g + beta m        (with the new m)",
    shapes="w, g, m: the same shape, learning_rate, beta: numbers",
    hints=(
        "The velocity is that of plain momentum. What differs is the second line.",
        "The second line has two terms: the gradient step, and beta times the new velocity.",
        "Write m = ..., not m *= ..., which would change the input, and use that m in the second line.",
    ),
    make_inputs=_momentum_inputs,
    solution=_nesterov,
    terms=_nesterov_terms,
    chained=True,
    mistakes=(
        Mistake("w moves by m alone: that is plain momentum (with the old m in the second line it is the same)",
                _looked(lambda w, g, m, r, b: w + m)),
        Mistake("beta is missing before m in the second line", _looked(lambda w, g, m, r, b: w - r * g + m)),
        Mistake("the gradient step is missing in the second line", _looked(lambda w, g, m, r, b: w + b * m)),
        Mistake("the gradient step goes up the slope in the second line", _looked(lambda w, g, m, r, b: w + r * g + b * m)),
        Mistake("beta m is subtracted in the second line", _looked(lambda w, g, m, r, b: w - r * g - b * m)),
        Mistake("the old velocity has the wrong sign: w = w - beta (old m) + (1 + beta) (new m) is the same as the second line",
                {"w": lambda w, g, m, r, b: w + b * m + (1 + b) * (b * m - r * g)}),
        Mistake("the learning rate multiplies beta m too: m holds it already",
                _looked(lambda w, g, m, r, b: w - r * (g - b * m))),
        Mistake("w is plain gradient descent: the velocity is not used", _looked(lambda w, g, m, r, b: w - r * g)),
        Mistake("the velocity is that of PyTorch, m = beta m + g: here it holds the learning rate and the minus",
                lambda w, g, m, r, b: (b * m + g, w - r * (g + b * (b * m + g)))),
        Mistake("the velocity has the wrong sign", lambda w, g, m, r, b: (b * m + r * g, w - r * g + b * (b * m + r * g))),
        Mistake("beta is missing in the velocity", lambda w, g, m, r, b: (m - r * g, w - r * g + b * (m - r * g))),
        Mistake("the velocity is multiplied by beta twice, and that is kept in m",
                lambda w, g, m, r, b: (b * (b * m - r * g), w - r * g + b * (b * m - r * g))),
    ),
)  # fmt: skip


# ── AdaGrad and RMSProp ───────────────────────────────────────────────────────────────────────────────────────────────
def _adagrad(w: Array, g: Array, s: Array, learning_rate: float, epsilon: float) -> Two:
    w, s = w.copy(), s.copy()
    adaptive.adagrad(w, g, s, np.empty_like(w), learning_rate, epsilon)
    return s, w


def _adagrad_inputs(rng: np.random.Generator, n: int) -> Inputs:
    return drawn(rng, n, "s") | {"epsilon": float(rng.uniform(0.05, 0.3))}


def _summed(new: Callable[[Array, Array], Array]) -> Function:
    """A wrong s from s and g, and the w that follows."""

    def update(w: Array, g: Array, s: Array, r: float, e: float) -> Two:
        return new(s, g), w - r * g / np.sqrt(np.abs(new(s, g)) + e)

    return update


def _slowed(step: Callable[[Array, Array, float], Array]) -> dict[str, Function]:
    """A wrong step from g, the new s and epsilon; the learning rate comes to it."""
    return {"w": lambda w, g, s, r, e: w - r * step(g, s + g * g, e)}


SQUARES_HINTS = (
    "s is kept for every weight by itself: no sum over elements, no norm.",
    "The step is learning_rate * g divided by a root; epsilon is under the root.",
)

ADAGRAD = Exercise(
    name="adagrad",
    chapter=CHAPTER,
    arguments=("w", "g", "s", "learning_rate", "epsilon"),
    outputs=("s", "w"),
    task="One update by AdaGrad: s adds up the squares of all gradients of a weight, and slows that weight down.",
    formula="s = s + g^2\nw = w - learning_rate g / sqrt(s + epsilon)        (with the new s)",
    shapes="w, g, s: the same shape, learning_rate, epsilon: numbers",
    hints=(*SQUARES_HINTS, "Compute s first and use the new one. Write s = s + ..., not s += ..., which changes the input."),
    make_inputs=_adagrad_inputs,
    solution=_adagrad,
    terms=lambda w, g, s, learning_rate, epsilon: {
        "s": {"s": s, "g^2": g * g},
        "w": {"w": w, "of the step": -learning_rate * g / np.sqrt(s + g * g + epsilon)},
    },
    chained=True,
    mistakes=(
        Mistake("s adds up g, not its square", _summed(lambda s, g: s + g)),
        Mistake("s adds up |g|, not its square", _summed(lambda s, g: s + np.abs(g))),
        Mistake("s is the last square alone: AdaGrad adds up all of them", _summed(lambda s, g: g * g)),
        Mistake("s is not updated", _summed(lambda s, g: s.copy())),
        Mistake("s is a moving average: that is RMSProp; AdaGrad adds up", _summed(lambda s, g: 0.9 * s + 0.1 * g * g)),
        Mistake("s adds up the squares of all weights together: every weight has a sum of its own",
                _summed(lambda s, g: s + (g * g).sum())),
        Mistake("the step uses the old s: update s first", {"w": lambda w, g, s, r, e: w - r * g / np.sqrt(s + e)}),
        Mistake("epsilon is outside the root: sqrt(s + epsilon), not sqrt(s) + epsilon (PyTorch has it outside)",
                _slowed(lambda g, s, e: g / (np.sqrt(s) + e)), "keras-team/keras#17391"),
        Mistake("the root is missing: divide by sqrt(s + epsilon)", _slowed(lambda g, s, e: g / (s + e))),
        Mistake("epsilon is missing", _slowed(lambda g, s, e: g / np.sqrt(s))),
        Mistake("g is missing in the step", _slowed(lambda g, s, e: 1 / np.sqrt(s + e))),
        Mistake("the step has the wrong sign: it goes up the slope", _slowed(lambda g, s, e: -g / np.sqrt(s + e))),
        Mistake("the step is multiplied by the root: divide", _slowed(lambda g, s, e: g * np.sqrt(s + e))),
        Mistake("the learning rate is missing", {"w": lambda w, g, s, r, e: w - g / np.sqrt(s + g * g + e)}),
        Mistake("the step is not slowed down: this is plain gradient descent", _slowed(lambda g, s, e: g)),
    ),
)  # fmt: skip


def _rmsprop(w: Array, g: Array, s: Array, learning_rate: float, rho: float, epsilon: float) -> Two:
    w, s = w.copy(), s.copy()
    adaptive.rmsprop(w, g, s, np.empty_like(w), learning_rate, rho, epsilon)
    return s, w


def _rmsprop_inputs(rng: np.random.Generator, n: int) -> Inputs:
    return drawn(rng, n, "s") | {"rho": float(rng.uniform(0.6, 0.95)), "epsilon": float(rng.uniform(0.05, 0.3))}


def _averaged(new: Callable[[Array, Array, float], Array]) -> Function:
    """A wrong s from s, g and rho, and the w that follows."""

    def update(w: Array, g: Array, s: Array, r: float, rho: float, e: float) -> Two:
        return new(s, g, rho), w - r * g / np.sqrt(np.abs(new(s, g, rho)) + e)

    return update


def _divided(step: Callable[[Array, Array, float], Array]) -> dict[str, Function]:
    return {"w": lambda w, g, s, r, rho, e: w - r * step(g, rho * s + (1 - rho) * g * g, e)}


def _rmsprop_terms(w: Array, g: Array, s: Array, learning_rate: float, rho: float, epsilon: float) -> Terms:
    past, now = rho * s, (1 - rho) * g * g
    step = -learning_rate * g / np.sqrt(past + now + epsilon)
    return {"s": {"rho s": past, "(1 - rho) g^2": now}, "w": {"w": w, "of the step": step}}


RMSPROP = Exercise(
    name="rmsprop",
    chapter=CHAPTER,
    arguments=("w", "g", "s", "learning_rate", "rho", "epsilon"),
    outputs=("s", "w"),
    task="One update by RMSProp: s is a moving average of the squares of a weight's gradients, so that it can forget.",
    formula="s = rho s + (1 - rho) g^2\nw = w - learning_rate g / sqrt(s + epsilon)        (with the new s)",
    shapes="w, g, s: the same shape, learning_rate, rho, epsilon: numbers",
    hints=(*SQUARES_HINTS, "rho weighs the past. Compute s first and use the new one; write s = ..., not s *= ..., s += ..."),
    make_inputs=_rmsprop_inputs,
    solution=_rmsprop,
    terms=_rmsprop_terms,
    chained=True,
    mistakes=(
        Mistake("rho and 1 - rho are exchanged: rho weighs the past", _averaged(lambda s, g, rho: (1 - rho) * s + rho * g * g)),
        Mistake("the factor 1 - rho is missing before g^2", _averaged(lambda s, g, rho: rho * s + g * g)),
        Mistake("s adds up, it does not forget: that is AdaGrad", _averaged(lambda s, g, rho: s + g * g)),
        Mistake("s averages g, not its square", _averaged(lambda s, g, rho: rho * s + (1 - rho) * g)),
        Mistake("s is the last square alone", _averaged(lambda s, g, rho: g * g)),
        Mistake("s averages |g|, not its square", _averaged(lambda s, g, rho: rho * s + (1 - rho) * np.abs(g))),
        Mistake("the weight 1 - rho is inside the square: (1 - rho) g^2, not ((1 - rho) g)^2",
                _averaged(lambda s, g, rho: rho * s + ((1 - rho) * g) ** 2)),
        Mistake("the step uses the old s: update s first", {"w": lambda w, g, s, r, rho, e: w - r * g / np.sqrt(s + e)}),
        Mistake("epsilon is outside the root: sqrt(s + epsilon), not sqrt(s) + epsilon (PyTorch has it outside)",
                _divided(lambda g, s, e: g / (np.sqrt(s) + e)), "keras-team/keras#17391"),
        Mistake("the root is missing: divide by sqrt(s + epsilon)", _divided(lambda g, s, e: g / (s + e))),
        Mistake("epsilon is missing", _divided(lambda g, s, e: g / np.sqrt(s))),
        Mistake("the step has the wrong sign: it goes up the slope", _divided(lambda g, s, e: -g / np.sqrt(s + e))),
        Mistake("the learning rate is missing",
                {"w": lambda w, g, s, r, rho, e: w - g / np.sqrt(rho * s + (1 - rho) * g * g + e)}),
        Mistake("the step is not divided by the root: this is plain gradient descent", _divided(lambda g, s, e: g)),
    ),
)  # fmt: skip


EXERCISES = (MOMENTUM, NESTEROV, ADAGRAD, RMSPROP)
