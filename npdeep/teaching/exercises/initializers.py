"""Exercises on how weights begin. What is drawn is random, so that its statistics are compared."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npdeep import initializers
from npdeep.kernels.arrays import Array
from npdeep.teaching.exercises.calling import Fault
from npdeep.teaching.exercises.exercise import Exercise, Inputs, Mistake

CHAPTER = "initializers"
SHAPES = "fan_in, fan_out: integers, rng: np.random.default_rng(seed), W (fan_in, fan_out)"
Draw = Callable[[int, int, np.random.Generator], Array]


def _inputs(rng: np.random.Generator, n: int) -> Inputs:
    """A layer that grows or one that shrinks, of some 60,000 weights: their statistics are exact to 1 %."""
    small, large = 100 + 10 * n, 300 + 20 * n
    fans = (small, large) if rng.random() < 0.5 else (large, small)
    return {"fan_in": fans[0], "fan_out": fans[1], "rng": np.random.default_rng(n)}


def _measure(variance: Callable[[int, int], float]) -> Callable[[Inputs, Sequence[Any]], dict[str, float]]:
    """Rows, columns, mean, standard deviation and the like, each in units that make them numbers near 1 or 0."""

    def measure(inputs: Inputs, values: Sequence[Any]) -> dict[str, float]:
        W = np.asarray(values[0], float)
        if W.ndim != 2:
            raise Fault(f"W must have the shape (fan_in, fan_out), {(inputs['fan_in'], inputs['fan_out'])}; it has {W.shape}")
        right = math.sqrt(variance(inputs["fan_in"], inputs["fan_out"]))
        return {
            "the number of rows of W": W.shape[0] / inputs["fan_in"],
            "the number of columns of W": W.shape[1] / inputs["fan_out"],
            "the standard deviation of W, in units of the right one,": float(W.std()) / right,
            "the mean of W, in units of its standard deviation,": float(W.mean() / max(W.std(), 1e-9)),
            "the mean of |W|, in units of its standard deviation,": float(np.abs(W).mean() / max(W.std(), 1e-9)),
            "the number of different values in W, divided by that of its elements,": np.unique(W).size / max(W.size, 1),
        }

    return measure


def _uniform(limit: Callable[[int, int], float], lowest: float = -1.0) -> Draw:
    return lambda fan_in, fan_out, rng: rng.uniform(lowest * limit(fan_in, fan_out), limit(fan_in, fan_out), (fan_in, fan_out))


def _normal(stddev: Callable[[int, int], float]) -> Draw:
    return lambda fan_in, fan_out, rng: rng.normal(0, stddev(fan_in, fan_out), (fan_in, fan_out))


def _glorot(fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    return initializers.GlorotUniform()((fan_in, fan_out), fan_in, fan_out, rng)


def _r(fan_in: int, fan_out: int) -> float:
    return math.sqrt(6 / (fan_in + fan_out))


GLOROT = Exercise(
    name="glorot_uniform",
    chapter=CHAPTER,
    arguments=("fan_in", "fan_out", "rng"),
    outputs=("W",),
    task=(
        "Weights that keep the signal and the gradient at their size, drawn from a uniform distribution around 0 "
        "(Glorot & Bengio 2010). fan_in is the number of inputs of the layer, fan_out that of its units."
    ),
    formula="Var W = 2 / (fan_in + fan_out)\nW_kj from U(-r, r), of which the variance is r^2/3",
    shapes=SHAPES,
    hints=(
        "Set r^2/3 equal to the variance that is asked for, and solve for r.",
        "r^2 = 3 * 2 / (fan_in + fan_out). Draw from rng, so that a run can be repeated.",
        "rng.uniform(low, high, shape). The shape has the inputs first.",
    ),
    make_inputs=_inputs,
    measure=_measure(lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
    tolerance=0.03,
    rows=0,
    solution=_glorot,
    mistakes=(
        Mistake("r is the standard deviation, sqrt(2/(fan_in + fan_out)): its variance is r^2/3, so that r is sqrt(3) larger",
                _uniform(lambda i, o: math.sqrt(2 / (i + o)))),
        Mistake("r is the variance: the root is missing", _uniform(lambda i, o: 6 / (i + o)), "amsukdu/SimplePythonCNN#2"),
        Mistake("r counts fan_in alone (that is He's, sqrt(6/fan_in)): it is sqrt(6/(fan_in + fan_out))",
                _uniform(lambda i, o: math.sqrt(6 / i))),
        Mistake("r counts fan_out alone: it is sqrt(6/(fan_in + fan_out))", _uniform(lambda i, o: math.sqrt(6 / o))),
        Mistake("r is LeCun's, sqrt(3/fan_in): it is sqrt(6/(fan_in + fan_out))",
                _uniform(lambda i, o: math.sqrt(3 / i)), "harvard-edge/cs249r_book#1161"),
        Mistake("W is drawn from a normal distribution: a uniform one is asked for",
                _normal(lambda i, o: math.sqrt(2 / (i + o)))),
        Mistake("W is never negative: draw from -r to r, not from 0 to r", _uniform(_r, 0.0)),
        Mistake("W is transposed: its shape is (fan_in, fan_out)", lambda i, o, rng: _glorot(o, i, rng)),
        Mistake("W is uniform from -1 to 1: its size must depend on fan_in and fan_out", _uniform(lambda i, o: 1.0)),
        Mistake("W is N(0, 1): its size must depend on fan_in and fan_out", _normal(lambda i, o: 1.0)),
        Mistake("r is 6/sqrt(fan_in + fan_out): 6 is under the root", _uniform(lambda i, o: 6 / math.sqrt(i + o))),
        Mistake("r is sqrt(6)/(fan_in + fan_out): the sum is under the root", _uniform(lambda i, o: math.sqrt(6) / (i + o))),
        Mistake("r is sqrt(6/fan_in + fan_out): put the sum fan_in + fan_out in parentheses",
                _uniform(lambda i, o: math.sqrt(6 / i + o)), "mlverse/torch#555"),
        Mistake("r has a 12 for the 6: that is Glorot's with the gain of ReLU", _uniform(lambda i, o: math.sqrt(12 / (i + o))),
                "Lasagne/Lasagne#787"),
        Mistake("r has the product fan_in fan_out: it is the sum", _uniform(lambda i, o: math.sqrt(6 / (i * o)))),
        Mistake("W is 0 everywhere: then all units stay alike", lambda i, o, rng: np.zeros((i, o))),
    ),
)  # fmt: skip


def _he(fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    return rng.normal(0, math.sqrt(2 / fan_in), (fan_in, fan_out))


HE = Exercise(
    name="he_normal",
    chapter=CHAPTER,
    arguments=("fan_in", "fan_out", "rng"),
    outputs=("W",),
    task=(
        "Weights for a layer that is followed by ReLU, drawn from a normal distribution with mean 0 (He et al. 2015). ReLU "
        "throws half of the signal away, so the variance is twice what a linear layer needs."
    ),
    formula="Var W = 2 / fan_in\nW_kj from N(0, Var W)",
    shapes=SHAPES,
    hints=(
        "NumPy's normal distribution takes the standard deviation, not the variance.",
        "The standard deviation is the root of 2 / fan_in. Draw from rng, so that a run can be repeated.",
        "rng.normal(mean, standard deviation, shape), or rng.standard_normal(shape) times a number.",
    ),
    make_inputs=_inputs,
    measure=_measure(lambda fan_in, fan_out: 2 / fan_in),
    tolerance=0.03,
    rows=0,
    solution=_he,
    mistakes=(
        Mistake("you passed the variance where the standard deviation belongs: take the root of 2/fan_in",
                _normal(lambda i, o: 2 / i)),
        Mistake("the 2 is missing (that is LeCun's): ReLU throws half of the signal away, so the variance is 2/fan_in",
                _normal(lambda i, o: math.sqrt(1 / i)), "Justin-A/DeepLearning101#10"),
        Mistake("the variance is 2/fan_out: count the inputs of the layer, fan_in", _normal(lambda i, o: math.sqrt(2 / o))),
        Mistake("the variance is Glorot's, 2/(fan_in + fan_out): it is 2/fan_in", _normal(lambda i, o: math.sqrt(2 / (i + o)))),
        Mistake("the 2 is outside the root: 2/sqrt(fan_in) is not sqrt(2/fan_in)", _normal(lambda i, o: 2 / math.sqrt(i))),
        Mistake("fan_in is outside the root: sqrt(2)/fan_in is not sqrt(2/fan_in)", _normal(lambda i, o: math.sqrt(2) / i)),
        Mistake("W is drawn from a uniform distribution: a normal one is asked for", _uniform(lambda i, o: math.sqrt(6 / i))),
        Mistake("W is drawn from U(0, 1) (rng.random), scaled: its mean is not 0",
                lambda i, o, rng: rng.random((i, o)) * math.sqrt(2 / i)),
        Mistake("W is transposed: its shape is (fan_in, fan_out)", lambda i, o, rng: rng.normal(0, math.sqrt(2 / i), (o, i))),
        Mistake("W is N(0, 1): its size must depend on fan_in", _normal(lambda i, o: 1.0)),
        Mistake("W is 0.01 N(0, 1): its size must depend on fan_in", _normal(lambda i, o: 0.01)),
        Mistake("you multiplied by sqrt(fan_in/2): divide by it", _normal(lambda i, o: math.sqrt(i / 2))),
        Mistake("W is 0 everywhere: then all units stay alike", lambda i, o, rng: np.zeros((i, o))),
    ),
)  # fmt: skip

EXERCISES = (GLOROT, HE)
