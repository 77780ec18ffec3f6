"""Exercises on activations: each is a function of every element alone."""

from collections.abc import Callable

import numpy as np

from npdeep.kernels.activations import exponentials, rectifiers, sigmoids
from npdeep.kernels.arrays import Array
from npdeep.teaching.exercises.exercise import Exercise, Inputs, Mistake

CHAPTER = "activations"
ELEMENTS = "z, a (n, units)"
BACKWARD_ELEMENTS = "z, da, dz (n, units)"


def _inputs(**numbers: Callable[[np.random.Generator], float]) -> Callable[[np.random.Generator, int], Inputs]:
    """z, and numbers such as alpha, drawn again in each trial."""

    def make(rng: np.random.Generator, n: int) -> Inputs:
        return {"z": rng.normal(size=(n, int(rng.integers(9, 12))))} | {name: draw(rng) for name, draw in numbers.items()}

    return make


def _backward_inputs(**numbers: Callable[[np.random.Generator], float]) -> Callable[[np.random.Generator, int], Inputs]:
    def make(rng: np.random.Generator, n: int) -> Inputs:
        given = _inputs(**numbers)(rng, n)
        z = given.pop("z")
        return {"z": z, "da": rng.normal(size=z.shape), **given}

    return make


def _slope(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.05, 0.4))


def _alpha(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.3, 0.8))


def _relu(z: Array) -> Array:
    return rectifiers.relu_forward(z, np.empty_like(z))


def _relu_backward(z: Array, da: Array) -> Array:
    return rectifiers.relu_backward(z, z, da, np.empty_like(z))


RELU = Exercise(
    name="relu_forward",
    chapter=CHAPTER,
    arguments=("z",),
    outputs=("a",),
    task="The rectified linear unit.",
    formula="a = z where z > 0, else 0",
    shapes=ELEMENTS,
    hints=(
        "a is the larger of two numbers. Which two?",
        ("NumPy has two functions with max in their name: one compares two arrays element by element, one looks for the "
        "largest element of one array. You need the first."),
        "np.maximum takes two arrays, or an array and a number. z * (z > 0) and np.where do it as well.",
    ),
    make_inputs=_inputs(),
    solution=_relu,
    mistakes=(
        Mistake("you took np.max(z, 0), the largest element of each column: np.maximum(z, 0) compares element by element",
                lambda z: np.max(z, 0)),
        Mistake("a is 1 where z > 0: that is the slope; the value there is z", lambda z: (z > 0).astype(float)),
        Mistake("a is the absolute value: negative z give 0, not -z", lambda z: np.abs(z)),
        Mistake("a is the smaller of z and 0: take the larger", lambda z: np.minimum(z, 0)),
        Mistake("a is z itself: negative elements are not cut off", lambda z: z.copy()),
        Mistake("a is -z where z < 0 and 0 elsewhere: the sides are exchanged", lambda z: np.maximum(-z, 0)),
        Mistake("a still has a slope for z < 0 (0.01 z): that is the leaky ReLU", lambda z: np.maximum(z, 0.01 * z)),
        Mistake("a stops at 1: there is no upper limit", lambda z: np.clip(z, 0, 1)),
    ),
)  # fmt: skip


RELU_BACKWARD = Exercise(
    name="relu_backward",
    chapter=CHAPTER,
    arguments=("z", "da"),
    outputs=("dz",),
    task="The gradient of ReLU. da is the gradient of the loss with respect to a = relu(z), dz that with respect to z.",
    formula="a = z where z > 0, else 0\ndz = da * (slope of a at z)",
    shapes=BACKWARD_ELEMENTS,
    hints=(
        "Each z reaches one a alone, so the chain rule is one product per element. What is its slope left and right of 0?",
        "The slope is 1 where z > 0 and 0 where z < 0. It is asked at z, not at da.",
        "A comparison such as z > 0 gives True and False, which count as 1 and 0 in a product.",
    ),
    make_inputs=_backward_inputs(),
    solution=_relu_backward,
    mistakes=(
        Mistake("dz asks for da > 0, as relu(da) does: the slope is that at z, whatever the gradient is",
                lambda z, da: np.where(da > 0, da, 0)),
        Mistake("dz is the slope alone: multiply it by da", lambda z, da: (z > 0).astype(float)),
        Mistake("dz is relu(z) * da: the slope is 1 where z > 0, not z", lambda z, da: np.maximum(z, 0) * da),
        Mistake("dz passes where z < 0 and is 0 where z > 0: the sides are exchanged", lambda z, da: da * (z < 0)),
        Mistake("dz is da itself: no gradient passes where z < 0", lambda z, da: da.copy()),
        Mistake("dz is -da where z < 0: the slope there is 0, not -1", lambda z, da: da * np.sign(z)),
        Mistake("dz still has a slope for z < 0 (0.01): that is the leaky ReLU", lambda z, da: da * np.where(z > 0, 1, 0.01)),
        Mistake("dz is z * da: the slope is 1 or 0", lambda z, da: z * da),
        Mistake("dz is z where z > 0: the gradient that passes is da", lambda z, da: np.where(z > 0, z, 0)),
    ),
)  # fmt: skip


def _leaky_backward(z: Array, da: Array, alpha: float) -> Array:
    return rectifiers.leaky_relu_backward(z, z, da, np.empty_like(z), alpha)


LEAKY_RELU_BACKWARD = Exercise(
    name="leaky_relu_backward",
    chapter=CHAPTER,
    arguments=("z", "da", "alpha"),
    outputs=("dz",),
    task="The gradient of the leaky ReLU, which lets a little through where z < 0. alpha is a number between 0 and 1.",
    formula="a = z where z > 0, else alpha z\ndz = da * (slope of a at z)",
    shapes=BACKWARD_ELEMENTS,
    hints=(
        "The function has two straight pieces. What is the slope of each?",
        "The slope is 1 on the right and alpha on the left. It multiplies da.",
        "np.where(condition, this, that) chooses element by element.",
    ),
    make_inputs=_backward_inputs(alpha=_slope),
    solution=_leaky_backward,
    mistakes=(
        Mistake("the slope at z < 0 is 0, not alpha: that is the plain ReLU", lambda z, da, alpha: da * (z > 0)),
        Mistake("the slope at z < 0 is 1, not alpha", lambda z, da, alpha: da.copy()),
        Mistake("dz is alpha z at z < 0: that is the value of a, the slope is alpha, times da",
                lambda z, da, alpha: np.where(z > 0, da, alpha * z)),
        Mistake("the slope at z < 0 is alpha z: that is the value of a, the slope is alpha",
                lambda z, da, alpha: da * np.where(z > 0, 1, alpha * z)),
        Mistake("dz is alpha alone at z < 0: multiply by da there too", lambda z, da, alpha: np.where(z > 0, da, alpha)),
        Mistake("dz is the slope alone: multiply it by da", lambda z, da, alpha: np.where(z > 0, 1, alpha)),
        Mistake("the slope at z < 0 is -alpha: it is alpha, the line rises there too",
                lambda z, da, alpha: da * np.where(z > 0, 1, -alpha)),
        Mistake("alpha is on the wrong side: the slope is 1 where z > 0 and alpha where z < 0",
                lambda z, da, alpha: da * np.where(z < 0, 1, alpha)),
        Mistake("dz asks for da > 0: the slope depends on z", lambda z, da, alpha: np.where(da > 0, da, alpha * da)),
        Mistake("the slope at z < 0 is 1 - alpha, not alpha", lambda z, da, alpha: da * np.where(z > 0, 1, 1 - alpha)),
        Mistake("the slope at z < 0 is 0.01 whatever alpha is: use alpha", lambda z, da, alpha: da * np.where(z > 0, 1, 0.01)),
        Mistake("the slope at z > 0 is 1 + alpha: alpha belongs to the left side alone",
                lambda z, da, alpha: da * (alpha + (z > 0))),
    ),
)  # fmt: skip


def _elu(z: Array, alpha: float) -> Array:
    return exponentials.elu_forward(z, np.empty_like(z), np.empty_like(z), alpha)


def _elu_backward(z: Array, da: Array, alpha: float) -> Array:
    return exponentials.elu_backward(z, _elu(z, alpha), np.empty_like(z), da, np.empty_like(z), alpha)


def _far_out(*names: str) -> Callable[[], list[Inputs]]:
    """z of 800, of which no exponential can be taken, in both directions; then da and alpha where they are wanted."""
    z = np.array([[800.0, -800.0, 1.0], [-2.0, 0.5, -0.25]])
    more = {"da": np.array([[1.0, 2.0, -1.0], [0.5, -0.5, 3.0]]), "alpha": 0.5}
    return lambda: [{"z": z} | {name: more[name] for name in names}]


ELU = Exercise(
    name="elu_forward",
    chapter=CHAPTER,
    arguments=("z", "alpha"),
    outputs=("a",),
    task="The exponential linear unit. z may be large (800): no element of a may become inf or nan.",
    formula="a = z where z > 0, else alpha (e^z - 1)",
    shapes=ELEMENTS,
    hints=(
        "Choose element by element, and mind that np.where computes both sides for all elements before it chooses.",
        "e^800 is too large for float64. It is never needed: take the exponential of a number that is at most 0.",
        "np.minimum(z, 0) is z where it is negative and 0 elsewhere, where e^0 - 1 = 0.",
    ),
    make_inputs=_inputs(alpha=_alpha),
    more_inputs=_far_out("alpha"),
    solution=_elu,
    mistakes=(
        Mistake("a is alpha e^z where z < 0: the -1 is missing", lambda z, alpha: np.where(z > 0, z, alpha * np.exp(z))),
        Mistake("alpha multiplies e^z alone: it is alpha (e^z - 1), not alpha e^z - 1",
                lambda z, alpha: np.where(z > 0, z, alpha * np.exp(z) - 1)),
        Mistake("the 1 is subtracted in the exponent: it is alpha (e^z - 1), not alpha e^(z - 1)",
                lambda z, alpha: np.where(z > 0, z, alpha * np.exp(np.minimum(z, 0) - 1))),
        Mistake("alpha is missing where z < 0", lambda z, alpha: np.where(z > 0, z, np.expm1(z))),
        Mistake("a is alpha (e^-z - 1) where z < 0: the exponent is z itself",
                lambda z, alpha: np.where(z > 0, z, alpha * (np.exp(-np.minimum(z, 0)) - 1))),
        Mistake("a is True and False, or 1 and 0: Python reads z > 0 + ... as z > (0 + ...); put z > 0 in parentheses",
                lambda z, alpha: (z > 0.0 + (z < 0) * alpha * np.expm1(z)).astype(float), "tinynn ELU.derivative"),
        Mistake("a is alpha z where z < 0: that is the leaky ReLU", lambda z, alpha: np.where(z > 0, z, alpha * z)),
        Mistake("a is alpha (1 - e^z) where z < 0: the sign is wrong there",
                lambda z, alpha: np.where(z > 0, z, -alpha * np.expm1(z))),
        Mistake("a is 0 where z < 0: that is the plain ReLU", lambda z, alpha: np.maximum(z, 0)),
        Mistake("alpha multiplies z too: where z > 0, a is z", lambda z, alpha: alpha * np.where(z > 0, z, np.expm1(z))),
        Mistake("a is nan for large z, where (z <= 0) * alpha (e^z - 1) is 0 times inf: take it of np.minimum(z, 0)",
                lambda z, alpha: (z > 0) * z + (z <= 0) * alpha * np.expm1(z)),
    ),
)  # fmt: skip


ELU_BACKWARD = Exercise(
    name="elu_backward",
    chapter=CHAPTER,
    arguments=("z", "da", "alpha"),
    outputs=("dz",),
    task="The gradient of ELU. z may be large (800): no element of dz may become inf or nan.",
    formula="a = z where z > 0, else alpha (e^z - 1)\ndz = da * (slope of a at z)",
    shapes=BACKWARD_ELEMENTS,
    hints=(
        "What is the derivative of alpha (e^z - 1)?",
        "The constant -1 goes, the exponential stays as it is. On the right the slope is 1.",
        "As on the way forward, take the exponential of np.minimum(z, 0), and choose with np.where.",
    ),
    make_inputs=_backward_inputs(alpha=_alpha),
    more_inputs=_far_out("da", "alpha"),
    solution=_elu_backward,
    mistakes=(
        Mistake("the slope at z < 0 is that of alpha (e^z - 1) with the -1 left in: a constant has the derivative 0",
                lambda z, da, alpha: da * np.where(z > 0, 1, alpha * np.expm1(z))),
        Mistake("alpha is missing in the slope at z < 0", lambda z, da, alpha: da * np.where(z > 0, 1, np.exp(z))),
        Mistake("the slope at z < 0 is alpha: that is the leaky ReLU, here it is alpha e^z",
                lambda z, da, alpha: da * np.where(z > 0, 1, alpha)),
        Mistake("the slope at z < 0 is 0: that is the plain ReLU", lambda z, da, alpha: da * (z > 0)),
        Mistake("dz is the slope alone: multiply it by da",
                lambda z, da, alpha: np.where(z > 0, 1, alpha * np.exp(np.minimum(z, 0)))),
        Mistake("the slope at z < 0 is 1 + alpha (e^z - 1), which is right for alpha = 1 alone: from a it is a + alpha",
                lambda z, da, alpha: da * np.where(z > 0, 1, alpha * np.expm1(z) + 1)),
        Mistake("the slope at z < 0 is z + alpha: from the output a it is a + alpha",
                lambda z, da, alpha: da * np.where(z > 0, 1, z + alpha)),
        Mistake("the slope at z < 0 has a minus: the exponential rises, its slope is positive",
                lambda z, da, alpha: da * np.where(z > 0, 1, -alpha * np.exp(z))),
        Mistake("dz is da * a: multiply by the slope of the function, not by its value",
                lambda z, da, alpha: da * np.where(z > 0, z, alpha * np.expm1(z))),
        Mistake("the slope is alpha at z > 0 too: there it is 1", lambda z, da, alpha: da * alpha * np.exp(np.minimum(z, 0))),
        Mistake("the slope at z < 0 is alpha e^-z: the exponent is z itself",
                lambda z, da, alpha: da * np.where(z > 0, 1, alpha * np.exp(-z))),
        Mistake("dz is nan for large z, where (z <= 0) * alpha e^z is 0 times inf: take the exponential of np.minimum(z, 0)",
                lambda z, da, alpha: da * ((z > 0) + (z <= 0) * alpha * np.exp(z))),
    ),
)  # fmt: skip


def _logistic(z: Array) -> Array:
    return sigmoids.sigmoid_into(z, np.empty_like(z), np.empty_like(z))


def _logistic_backward(a: Array, da: Array) -> Array:
    return sigmoids.sigmoid_backward(a, a, np.empty_like(a), da, np.empty_like(a))


def _outputs_of_logistic(rng: np.random.Generator, n: int) -> Inputs:
    a = _logistic(rng.normal(size=(n, int(rng.integers(9, 12)))))
    return {"a": a, "da": rng.normal(size=a.shape)}


LOGISTIC = Exercise(
    name="logistic_forward",
    chapter=CHAPTER,
    arguments=("z",),
    outputs=("a",),
    task="The logistic function (the sigmoid). z may be 800 or -800: no element of a may become inf or nan.",
    formula="a = 1 / (1 + e^-z)",
    shapes=ELEMENTS,
    hints=(
        "Write the formula as it stands. A warning about an overflow is not wrong by itself: what is 1/inf?",
        "Mind the sign in the exponent and the parentheses around the whole denominator.",
        "The other form, e^z / (1 + e^z), is inf/inf for large z. Use it, if at all, for negative z alone.",
    ),
    make_inputs=_inputs(),
    more_inputs=_far_out(),
    solution=_logistic,
    mistakes=(
        Mistake("the minus in the exponent is missing: 1/(1 + e^z) falls, the logistic function rises",
                lambda z: 1 / (1 + np.exp(z))),
        Mistake("a is (1/1) + e^-z: put the denominator 1 + e^-z in parentheses", lambda z: 1 / 1 + np.exp(-z)),
        Mistake("a is 1/(1 - e^-z): it is 1 + e^-z", lambda z: 1 / (1 - np.exp(-z))),
        Mistake("a is e^z/(1 + e^z), which is inf/inf = nan for large z: use 1/(1 + e^-z)",
                lambda z: np.exp(z) / (1 + np.exp(z))),
        Mistake("a is z/(1 + e^-z), the SiLU: the numerator is 1",
                lambda z: z / (1 + np.exp(-z)), "joaopauloschuler/neural-api#21"),
        Mistake("a is the slope a(1 - a), not the value", lambda z: _logistic(z) * (1 - _logistic(z))),
        Mistake("a is tanh(z): the logistic function lies between 0 and 1", lambda z: np.tanh(z)),
        Mistake("a is softplus, log(1 + e^z): that is the integral of the logistic function", lambda z: np.logaddexp(0, z)),
        Mistake("a is normalized over the row, as a softmax is: each element is computed by itself",
                lambda z: np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)),
        Mistake("a is rounded to 0 and 1: return the probability itself", lambda z: (z > 0).astype(float)),
    ),
)  # fmt: skip


LOGISTIC_BACKWARD = Exercise(
    name="logistic_backward",
    chapter=CHAPTER,
    arguments=("a", "da"),
    outputs=("dz",),
    task="The gradient of the logistic function, from its output a: the exponential has been taken already.",
    formula="a = 1 / (1 + e^-z)\ndz = da * (slope of a at z)",
    shapes="a, da, dz (n, units)",
    hints=(
        "Take the derivative of (1 + e^-z)^-1 by the chain rule. Two factors are left; find a in them.",
        "e^-z / (1 + e^-z)^2 is a times another factor, which is 1 minus something.",
        "e^-z / (1 + e^-z) is 1 - a. Note that the function gets a, not z.",
    ),
    make_inputs=_outputs_of_logistic,
    solution=_logistic_backward,
    mistakes=(
        Mistake("the logistic function is taken again: a is its output already, the slope is made of a itself",
                lambda a, da: da * _logistic(a) * (1 - _logistic(a)), "jeffheaton/jeffheaton-book-code#7"),
        Mistake("the factor a is missing: the slope is a (1 - a)", lambda a, da: da * (1 - a)),
        Mistake("the factor 1 - a is missing: the slope is a (1 - a)", lambda a, da: da * a),
        Mistake("the slope is 1 - a**2: that is tanh", lambda a, da: da * (1 - a**2)),
        Mistake("dz is the slope alone: multiply it by da", lambda a, da: a * (1 - a)),
        Mistake("the sign is wrong: the slope is a (1 - a), not a (a - 1)", lambda a, da: da * a * (a - 1)),
        Mistake("dz is da (1 - da): the slope is made of the output a, not of the gradient", lambda a, da: da * (1 - da),
                "datascience.stackexchange.com/questions/20139"),
        Mistake("dz is divided by the slope: multiply", lambda a, da: da / (a * (1 - a))),
        Mistake("the slope is a (1 + a): it is a (1 - a)", lambda a, da: da * a * (1 + a)),
        Mistake("dz is (da a) - a: da * a * 1 - a subtracts a from the product; put 1 - a in parentheses",
                lambda a, da: da * a * 1 - a),
        Mistake("da multiplies a alone: da * (a - a**2), not da * a - a**2", lambda a, da: da * a - a**2),
    ),
)  # fmt: skip

EXERCISES = (RELU, RELU_BACKWARD, LEAKY_RELU_BACKWARD, ELU, ELU_BACKWARD, LOGISTIC, LOGISTIC_BACKWARD)
