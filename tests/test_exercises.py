"""The exercises: every mistake is named rightly, no right solution is faulted, and nothing prints the solution."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
from helpers_exercises import RIGHT

import npdeep as nd
from npdeep.teaching.exercises import catalogue, judging, speed
from npdeep.teaching.exercises.exercise import Exercise

CATALOGUE = [(exercise, mistake) for exercise in catalogue.ALL.values() for mistake in exercise.mistakes]


def verdict(name, function):
    return judging.judge(catalogue.find(name), function)


# ── the catalogue ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("exercise", "mistake"), CATALOGUE, ids=[f"{e.name}-{m.says[:40]}" for e, m in CATALOGUE])
def test_every_mistake_is_named_and_no_other(exercise: Exercise, mistake):
    text = judging.judge(exercise, exercise.mistaken(mistake))
    assert text is not None
    named = [other.says for other in exercise.mistakes if f"- {other.says}\n" in f"{text}\n"]
    assert named == [mistake.says]


@pytest.mark.parametrize("exercise", catalogue.ALL.values(), ids=list(catalogue.ALL))
def test_an_exercise_is_complete(exercise: Exercise):
    assert len(exercise.mistakes) >= 5
    assert len({mistake.says for mistake in exercise.mistakes}) == len(exercise.mistakes)
    assert list(next(exercise.trials())) == list(exercise.arguments)
    assert len(exercise.hints) == 3
    texts = [exercise.task, exercise.formula, exercise.shapes, *exercise.hints, *(m.says for m in exercise.mistakes)]
    assert all(text.isascii() for text in texts)


@pytest.mark.parametrize(("name", "number"), [(name, i) for name in catalogue.ALL for i in range(len(RIGHT[name]))])
def test_no_right_solution_is_faulted(name, number):
    assert verdict(name, RIGHT[name][number]) is None


@pytest.mark.parametrize("name", catalogue.ALL)
def test_there_are_three_right_solutions_that_differ(name):
    assert len({inspect.getsource(function) for function in RIGHT[name]}) == len(RIGHT[name]) >= 3


# ── check, in this process ────────────────────────────────────────────────────────────────────────────────────────────
def test_check_returns_none_where_it_is_right_and_raises_the_same_words_where_not():
    assert nd.exercises.names() == list(catalogue.ALL)
    assert nd.exercises.check("affine_forward", RIGHT["affine_forward"][0]) is None
    with pytest.raises(AssertionError) as raised:
        nd.exercises.check("affine_forward", lambda x, W, b: x @ W)
    assert str(raised.value) == verdict("affine_forward", lambda x, W, b: x @ W)
    with pytest.raises(ValueError, match="did you mean 'affine_forward'"):
        nd.exercises.check("afine_forward", print)
    with pytest.raises(TypeError, match="without calling it"):
        nd.exercises.check("affine_forward", np.ones(3))


def test_two_mistakes_are_both_named():
    text = verdict("affine_backward", lambda x, W, dz: (dz.T @ x, dz.mean(0), dz @ W.T))
    assert "- dW is transposed" in text
    assert "- db is the mean over the rows" in text
    assert text.endswith("- right already: dx")


def raising(z, da):
    return np.ones((2, 3)) @ np.ones((2, 3))


def unwritten(z, da):
    raise NotImplementedError


def in_place(z, da):
    da *= z > 0
    return da


calls = [0]


def forgetful(z, da):
    calls[0] += 1
    return da * (z > 0) + 1e-3 * calls[0]


def endless(z, da):
    return endless(z, da)


REFUSED = [
    (raising, "raised ValueError: matmul"),
    (raising, "return np.ones((2, 3)) @ np.ones((2, 3))\n  with z ("),
    (unwritten, "it is not written yet"),
    (in_place, "it changed its input da"),
    (forgetful, "something else in every call, for the same inputs"),
    (endless, "it calls itself without an end"),
    (lambda z, da: None, "dz is None, expected an array or a number (is a return missing?)"),
    (lambda z, da: (da * (z > 0),), "a tuple of one value"),
    (lambda z, da: "no", "dz is the string 'no', expected an array or a number"),
    (lambda z, da: [[1.0], [1.0, 2.0]], "its rows have different lengths"),
    (lambda z, da: da * 1j, "expected an array or a number that is real"),
    (lambda z: z, "it is called with z, da"),
    (lambda z, da: exit(), "it called exit()"),
    (lambda z, da: np.empty((1 << 30, 1 << 30)), "more memory than there is"),
    (lambda z, da: (da * (z > 0)).astype(np.float32), "dz is float32, the inputs are float64"),
    (lambda z, da: da[0] * (z[0] > 0), "has the shape"),
    (lambda z, da: (da * (z > 0)).T, "dz is transposed"),
    (lambda z, da: (da * (z > 0)).ravel(), "right numbers in another shape"),
]


@pytest.mark.parametrize(("function", "said"), REFUSED, ids=[said[:40] for _, said in REFUSED])
def test_what_it_returns_or_raises_is_said(function, said):
    text = verdict("relu_backward", function)
    assert said in text
    assert text.isascii()


bn = RIGHT["batch_normalization_backward"][0]


def bn_dx(x, gamma, epsilon, dy, factor):
    """With another factor before the term of the variance."""
    s = 1 / np.sqrt(x.var(0) + epsilon)
    hat = (x - x.mean(0)) * s
    return gamma * s * (dy - dy.mean(0) - factor * hat * (dy * hat).mean(0))


OTHERS = [
    ("affine_backward", lambda x, W, dz: (x.T @ dz, dz.sum(0)), "returned 2 values, expected 3: return dW, db, dx"),
    ("affine_backward", lambda x, W, dz: x.T @ dz, "expected 3 outputs: return dW, db, dx"),
    ("affine_backward", lambda x, W, dz: (x.T @ dz, dz.sum(0), 3 * dz @ W.T), "dx is 3 times what it should be"),
    ("affine_backward", lambda x, W, dz: (x.T @ dz * len(x), dz.sum(0), dz @ W.T), "n times what it should be (n = "),
    ("affine_backward", lambda x, W, dz: (x.T @ dz, dz.sum(0), 0 * x), "dx is 0 everywhere"),
    ("affine_backward", lambda x, W, dz: (x.T @ dz, dz.sum(0), dz @ W.T + x),
     "dx is off by x: is x missing, or in it once too often"),
    ("relu_forward", lambda z: np.maximum(z, 0) * 1.5, "a is 1.5 times what it should be"),
    ("relu_forward", lambda z: np.maximum(z, 0) + 1, "a is off by 1 everywhere"),
    ("relu_forward", lambda z: np.sqrt(z), "look for 0/0, inf/inf, or the root or logarithm of a negative number"),
    ("relu_forward", lambda z: np.maximum(z, 0) / np.zeros(()), "look for 0/0"),
    ("logistic_forward", lambda z: 1 / (0 * z + 1e-320), "look for a division by 0"),
    ("relu_forward", lambda z: np.where(z > 0, 3 * z, 0), "a is 3 times what it should be"),
    ("elu_forward", lambda z, alpha: np.where(z > 0, z, -3 * alpha * np.expm1(np.minimum(z, 0))),
     "a is wrong only where z < 0: there it is -3 times what it should be"),
    ("leaky_relu_backward", lambda z, da, alpha: np.where(z > 0, da, 0.5 * alpha * da),
     "dz is wrong only where z < 0: there it is 0.5 times what it should be"),
    ("leaky_relu_backward", lambda z, da, alpha: np.where(z > 0, da, alpha**3 * da), "dz is wrong only where z < 0"),
    ("elu_forward", lambda z, alpha: np.where(z > 0, np.minimum(z, 99), alpha * np.expm1(np.minimum(z, 0))),
     "ordinary inputs are right, these are not"),
    ("relu_forward", lambda z: np.maximum(z, 0) ** 2, "a is the square of what it should be"),
    ("affine_backward", lambda x, W, dz: (dz @ W.T, x.T @ dz, dz.sum(0)),
     "dW is what dx should be: are the outputs in another order?"),
    ("affine_backward", lambda x, W, dz: (x.T @ dz, dz.sum(0), dz @ W.T / W.shape[1]),
     "dx is 1/m times what it should be (m = "),
    ("affine_backward", lambda x, W, dz: (x.T @ np.abs(dz), dz.sum(0), dz @ W.T), "dW would be right with |dz| in place of dz"),
    ("affine_backward", lambda x, W, dz: (x.T @ np.exp(dz), dz.sum(0), dz @ W.T), "dW is wrong in "),
    ("softmax_cross_entropy_forward", lambda z, y: RIGHT["softmax_cross_entropy_forward"][0](z, y) + 1e-5,
     "is a small number, such as 1e-8, added"),
    ("exponential_decay", lambda i, s, d, r, stairs: RIGHT["exponential_decay"][0](i, s, d, r * r, stairs),
     "would be right with decay_rate**2 in place of decay_rate"),
    ("affine_forward", lambda x, W, b: x @ W + 3 * b, "z has the term b, which is 3 times what it should be"),
    ("affine_forward", lambda x, W, b: np.maximum(x @ W + b, 0), "is there a ReLU too many?"),
    ("logistic_backward", lambda a, da: da * a * (1 - a) / len(a), "dz is 1/n times what it should be (n = "),
    ("logistic_backward", lambda a, da: da * a * a * (1 - a), "dz is multiplied by a once too often"),
    ("softmax_cross_entropy_backward",
     lambda z, y: RIGHT["softmax_cross_entropy_backward"][0](z, y) - np.eye(z.shape[1])[y] / len(z),
     "dz is wrong only at the label y of each row: there it is off by -1/n (n = "),
    ("batch_normalization_backward",
     lambda x, gamma, epsilon, dy: (bn_dx(x, gamma, epsilon, dy, 3), *bn(x, gamma, epsilon, dy)[1:]),
     "dx has the term -x_hat dgamma/n (the variance depends on x), which is 3 times what it should be"),
    ("rmsprop", lambda w, g, s, r, rho, e: (rho * s + rho * g * g, w),
     "(1 - rho) g^2, which is (rho/(1-rho)) times what it should be"),
    ("rmsprop", lambda w, g, s, r, rho, e: (rho * s + rho * g * g, w), "w too: that may follow from it; correct it first"),
    ("adagrad", lambda w, g, s, r, e: (s + g**2, w - r * g * g / np.sqrt(s + g * g + e)),
     "the change of w, new minus old, is multiplied by g once too often"),
    ("max_norm", lambda W, maximum: W * np.minimum(1, (maximum / np.linalg.norm(W, axis=0)) ** 2), "a factor in every column"),
    ("clip_by_global_norm", lambda gradients, limit: gradients[:-1], "clipped has 3 arrays, expected 4"),
    ("clip_by_global_norm", lambda gradients, limit: np.ones(3), "clipped must be a list of 4 arrays"),
    ("glorot_uniform", lambda i, o, rng: np.random.default_rng().uniform(-0.1, 0.1, (i, o)),
     "draw from rng, not from np.random"),
    ("glorot_uniform", lambda i, o, rng: rng.uniform(-1, 1, (i, o)) / np.sqrt(i + o),
     "the standard deviation of W, in units of the right"),
    ("he_normal", lambda i, o, rng: rng.normal(0.1, np.sqrt(2 / i), (i, o)),
     "the mean of W, in units of its standard deviation, is wrong, in every case too large"),
    ("inverted_dropout", lambda x, rate, rng: (x, np.ones(3)), "y and mask must have the shape of x"),
    ("affine_forward", lambda x, W, b: np.where(np.arange(len(x))[:, None] == len(x) - 1, 0, x @ W + b),
     "z is wrong only in the last row: there it is 0 everywhere"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "said"), OTHERS, ids=[f"{name}-{said[:40]}" for name, _, said in OTHERS])
def test_what_is_not_in_the_catalogue_is_described(name, function, said):
    assert said in verdict(name, function)


def test_the_module_for_notebooks_needs_no_processes():
    """As in a browser: what the command alone needs is not imported."""
    code = (
        "import sys, npdeep as nd; before = set(sys.modules); nd.exercises.check('relu_forward', lambda z: z * (z > 0)); "
        "print([m for m in set(sys.modules) - before if m.rpartition('.')[2] in ('runner', 'worker', 'starter', 'subprocess')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_loop_is_right_and_told_to_be_slow_with_the_factor():
    ticks = iter([0.0, 0.001, 1.0, 1.5] * 3)
    exercise = catalogue.find("affine_backward")
    said = speed.praise(exercise, RIGHT["affine_backward"][1], clock=lambda: next(ticks))
    assert said.startswith("affine_backward is right. On 2,000 rows it takes 500 times as long as NumPy on whole arrays")
    heard = []
    nd.exercises.check("affine_backward", RIGHT["affine_backward"][0], say=heard.append)
    assert heard[0].startswith("affine_backward is right.")


@pytest.mark.parametrize("seconds", [0.005, 0.0009])
def test_a_small_factor_and_a_small_loss_are_not_worth_a_word(seconds):
    ticks = iter([0.0, 0.001 if seconds == 0.005 else 1e-6, 1.0, 1.0 + seconds] * 3)
    exercise = catalogue.find("affine_backward")
    assert speed.praise(exercise, RIGHT["affine_backward"][0], lambda: next(ticks)) == "affine_backward is right."
