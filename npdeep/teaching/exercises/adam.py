"""The exercise on Adam."""

from collections.abc import Callable

import numpy as np

from npdeep.kernels.arrays import Array
from npdeep.kernels.updates import adaptive
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs, Mistake
from npdeep.teaching.exercises.optimizers import CHAPTER, Terms, drawn, then

Three = tuple[Array, Array, Array]


def _adam(
    w: Array, g: Array, m: Array, v: Array, t: int, learning_rate: float, beta_1: float, beta_2: float, epsilon: float
) -> Three:
    w, m, v = w.copy(), m.copy(), v.copy()
    adaptive.adam(w, g, m, v, None, np.empty_like(w), learning_rate, beta_1, beta_2, epsilon, t)
    return m, v, w


def _adam_inputs(rng: np.random.Generator, n: int) -> Inputs:
    given = drawn(rng, n, "m", "v")
    rate, betas = given.pop("learning_rate"), {"beta_1": float(rng.uniform(0.6, 0.9)), "beta_2": float(rng.uniform(0.91, 0.98))}
    t = int(rng.integers(2, 9))
    return given | {"t": t, "learning_rate": rate, **betas, "epsilon": float(rng.uniform(0.05, 0.3))}


def _moments(
    first: Callable[[Array, Array, float], Array] = lambda m, g, b: b * m + (1 - b) * g,
    second: Callable[[Array, Array, float], Array] = lambda v, g, b: b * v + (1 - b) * g * g,
    exchanged: bool = False,
) -> Function:
    """Adam with a wrong m or a wrong v; all else is right."""

    def update(w: Array, g: Array, m: Array, v: Array, t: int, r: float, b1: float, b2: float, e: float) -> Three:
        b1, b2 = (b2, b1) if exchanged else (b1, b2)
        m, v = first(m, g, b1), second(v, g, b2)
        return m, v, w - r * (m / (1 - b1**t)) / (np.sqrt(np.abs(v) / (1 - b2**t)) + e)

    return update


def _last(step: Callable[..., Array]) -> dict[str, Function]:
    """A wrong w: the step from the new m and v, both powers of the betas, and epsilon; the learning rate comes to it."""

    def update(w: Array, g: Array, m: Array, v: Array, t: int, r: float, b1: float, b2: float, e: float) -> Array:
        return then(w, r * step(b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g, 1 - b1**t, 1 - b2**t, e))

    return {"w": update}


def _powers(first: Callable[[float, int], float], second: Callable[[float, int], float]) -> dict[str, Function]:
    """A wrong w by other corrections, each from its beta and t."""

    def update(w: Array, g: Array, m: Array, v: Array, t: int, r: float, b1: float, b2: float, e: float) -> Array:
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        return then(w, r * (m / first(b1, t)) / (np.sqrt(v / second(b2, t)) + e))

    return {"w": update}


def _adam_terms(
    w: Array, g: Array, m: Array, v: Array, t: int, learning_rate: float, beta_1: float, beta_2: float, epsilon: float
) -> Terms:
    step = _adam(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon)[2] - w
    return {
        "m": {"beta_1 m": beta_1 * m, "(1 - beta_1) g": (1 - beta_1) * g},
        "v": {"beta_2 v": beta_2 * v, "(1 - beta_2) g^2": (1 - beta_2) * g * g},
        "w": {"w": w, "of the step": step},
    }


ADAM = Exercise(
    name="adam",
    chapter=CHAPTER,
    arguments=("w", "g", "m", "v", "t", "learning_rate", "beta_1", "beta_2", "epsilon"),
    outputs=("m", "v", "w"),
    task="One update by Adam. t is the number of this update: 1, 2, 3, ...; it corrects for the start of m and v at 0.",
    formula=(
        "m = beta_1 m + (1 - beta_1) g        v = beta_2 v + (1 - beta_2) g^2\n"
        "m_hat = m / (1 - beta_1^t)        v_hat = v / (1 - beta_2^t)\n"
        "w = w - learning_rate m_hat / (sqrt(v_hat) + epsilon)"
    ),
    shapes="w, g, m, v: the same shape, t: an integer, learning_rate, beta_1, beta_2, epsilon: numbers",
    hints=(
        "Five lines in the order of the formula. What is returned are m and v, not m_hat and v_hat.",
        "In Python beta^t is beta ** t; ^ is something else. epsilon comes after the root.",
        "m_hat and v_hat serve this step alone: the next one starts from m and v.",
    ),
    make_inputs=_adam_inputs,
    solution=_adam,
    terms=_adam_terms,
    chained=True,
    mistakes=(
        Mistake("the bias correction is missing: divide m by 1 - beta_1^t and v by 1 - beta_2^t",
                _powers(lambda b, t: 1.0, lambda b, t: 1.0), "BVLC/caffe#4224"),
        Mistake("the bias correction of v is missing", _powers(lambda b, t: 1 - b**t, lambda b, t: 1.0)),
        Mistake("the bias correction of m is missing", _powers(lambda b, t: 1.0, lambda b, t: 1 - b**t)),
        Mistake("the bias correction lacks the power t: 1 - beta^t, not 1 - beta",
                _powers(lambda b, t: 1 - b, lambda b, t: 1 - b), "eriklindernoren/ML-From-Scratch#35"),
        Mistake("the bias correction counts from 0: t is 1 at the first update, do not subtract 1",
                _powers(lambda b, t: 1 - b ** (t - 1), lambda b, t: 1 - b ** (t - 1))),
        Mistake("the bias correction has t + 1: t is 1 at the first update already",
                _powers(lambda b, t: 1 - b ** (t + 1), lambda b, t: 1 - b ** (t + 1))),
        Mistake("the bias correction has beta * t: it is beta to the power t, beta ** t",
                _powers(lambda b, t: 1 - b * t, lambda b, t: 1 - b * t)),
        Mistake("the bias correction multiplies: divide by 1 - beta^t",
                _powers(lambda b, t: 1 / (1 - b**t), lambda b, t: 1 / (1 - b**t))),
        Mistake("epsilon is inside the root: sqrt(v_hat) + epsilon, not sqrt(v_hat + epsilon)",
                _last(lambda m, v, c1, c2, e: m / c1 / np.sqrt(v / c2 + e)), "d2l-ai/d2l-zh#502"),
        Mistake("epsilon is added to sqrt(v) before the correction (TensorFlow's form): sqrt(v_hat) + epsilon",
                _last(lambda m, v, c1, c2, e: m / c1 * np.sqrt(c2) / (np.sqrt(v) + e)), "tensorflow/tensorflow#9047"),
        Mistake("epsilon is missing", _last(lambda m, v, c1, c2, e: m / c1 / np.sqrt(v / c2))),
        Mistake("the root of v_hat is missing", _last(lambda m, v, c1, c2, e: m / c1 / (v / c2 + e))),
        Mistake("the step has the wrong sign: it goes up the slope",
                _last(lambda m, v, c1, c2, e: -m / c1 / (np.sqrt(v / c2) + e))),
        Mistake("the step takes g for m_hat: that is RMSProp",
                {"w": lambda w, g, m, v, t, r, b1, b2, e:
                 w - r * g / (np.sqrt((b2 * v + (1 - b2) * g * g) / (1 - b2**t)) + e)}),
        Mistake("the learning rate is missing",
                {"w": lambda w, g, m, v, t, r, b1, b2, e: w - (b1 * m + (1 - b1) * g) / (1 - b1**t)
                / (np.sqrt((b2 * v + (1 - b2) * g * g) / (1 - b2**t)) + e)}),
        Mistake("the step uses the old m and v: update them first", {"w": lambda w, g, m, v, t, r, b1, b2, e:
                w - r * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + e)}),
        Mistake("v averages g, not its square", _moments(second=lambda v, g, b: b * v + (1 - b) * g)),
        Mistake("v averages the square of m: it is that of g",
                {"v": lambda w, g, m, v, t, r, b1, b2, e: b2 * v + (1 - b2) * (b1 * m + (1 - b1) * g) ** 2}),
        Mistake("the factor 1 - beta_1 is missing before g in m", _moments(first=lambda m, g, b: b * m + g)),
        Mistake("the factor 1 - beta_2 is missing before g^2 in v", _moments(second=lambda v, g, b: b * v + g * g)),
        Mistake("beta_1 and 1 - beta_1 are exchanged in m: beta weighs the past",
                _moments(first=lambda m, g, b: (1 - b) * m + b * g)),
        Mistake("beta_2 and 1 - beta_2 are exchanged in v: beta weighs the past",
                _moments(second=lambda v, g, b: (1 - b) * v + b * g * g)),
        Mistake("beta and 1 - beta are exchanged in m and in v: beta weighs the past",
                _moments(lambda m, g, b: (1 - b) * m + b * g, lambda v, g, b: (1 - b) * v + b * g * g)),
        Mistake("beta_1 and beta_2 are exchanged", _moments(exchanged=True)),
        Mistake("beta_1 is used for v too: v has beta_2",
                lambda w, g, m, v, t, r, b1, b2, e: _adam(w, g, m, v, t, r, b1, b1, e)),
        Mistake("m_hat and v_hat are returned: keep m and v, the correction serves this step alone",
                {"m": lambda w, g, m, v, t, r, b1, b2, e: (b1 * m + (1 - b1) * g) / (1 - b1**t),
                 "v": lambda w, g, m, v, t, r, b1, b2, e: (b2 * v + (1 - b2) * g * g) / (1 - b2**t)}),
    ),
)  # fmt: skip

EXERCISES = (ADAM,)
