"""Losses: values and gradients from plain formulas, what the mean is taken over, and what is refused, word for word."""

import math
import pickle
import re
import sys

import numpy as np
import pytest

import npdeep as nd
from npdeep.losses import (
    BinaryCrossEntropy,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SoftmaxCrossEntropy,
    SquaredHinge,
)

N, UNITS = 6, 4


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def logistic(z):
    return 1 / (1 + np.exp(-z))


def cross_entropy(z, y, smoothing=0.0):
    q = (1 - smoothing) * (np.eye(UNITS)[y] if y.ndim == 1 else y) + smoothing / UNITS
    return -(q * np.log(softmax(z))).sum(axis=1, keepdims=True), softmax(z) - q


def huber(z, y, delta):
    e = z - y
    near = np.abs(e) <= delta
    return np.where(near, e**2 / 2, delta * np.abs(e) - delta**2 / 2), np.where(near, e, delta * np.sign(e))


RNG = np.random.default_rng(0)
Z = 3 * RNG.normal(size=(N, UNITS))
NUMBERS = RNG.normal(size=(N, UNITS))
BITS = RNG.integers(0, 2, size=(N, UNITS))
SIGNS = 2 * BITS - 1
LABELS = RNG.integers(0, UNITS, size=N)
P, Q = softmax(Z), softmax(NUMBERS)

# loss, outputs, targets, formula of the single losses and of their derivatives
CASES = {
    "softmax": (SoftmaxCrossEntropy(), Z, LABELS, cross_entropy),
    "softmax_probabilities": (SoftmaxCrossEntropy(), Z, Q, cross_entropy),
    "softmax_smoothed": (SoftmaxCrossEntropy(0.1), Z, LABELS, lambda z, y: cross_entropy(z, y, 0.1)),
    "softmax_probabilities_smoothed": (SoftmaxCrossEntropy(0.3), Z, Q, lambda z, y: cross_entropy(z, y, 0.3)),
    "binary": (
        BinaryCrossEntropy(), Z, BITS,
        lambda z, y: (-y * np.log(logistic(z)) - (1 - y) * np.log(1 - logistic(z)), logistic(z) - y),
    ),
    "binary_soft": (
        BinaryCrossEntropy(), Z, Q,
        lambda z, y: (-y * np.log(logistic(z)) - (1 - y) * np.log(1 - logistic(z)), logistic(z) - y),
    ),
    "squared": (MeanSquaredError(), Z, NUMBERS, lambda z, y: ((z - y) ** 2, 2 * (z - y))),
    "absolute": (MeanAbsoluteError(), Z, NUMBERS, lambda z, y: (np.abs(z - y), np.sign(z - y))),
    "huber": (Huber(), Z, NUMBERS, lambda z, y: huber(z, y, 1.0)),
    "huber_wide": (Huber(delta=2.5), Z, NUMBERS, lambda z, y: huber(z, y, 2.5)),
    "log_cosh": (LogCosh(), Z, NUMBERS, lambda z, y: (np.log(np.cosh(z - y)), np.tanh(z - y))),
    "hinge": (Hinge(), Z, SIGNS, lambda z, y: (np.maximum(0, 1 - y * z), np.where(y * z < 1, -y, 0))),
    "squared_hinge": (
        SquaredHinge(), Z, SIGNS, lambda z, y: (np.maximum(0, 1 - y * z) ** 2, -2 * y * np.maximum(0, 1 - y * z)),
    ),
    "kl": (KLDivergence(), P, Q, lambda p, y: ((y * np.log(y / p)).sum(axis=1, keepdims=True), -y / p)),
    "poisson": (Poisson(), P, BITS, lambda z, y: (z - y * np.log(z + 1e-7), 1 - y / (z + 1e-7))),
}
PER_ROW = [name for name in CASES if name.startswith(("softmax", "kl"))]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_the_weighted_mean_of_the_formula(name, weighted):
    loss, z, y, formula = CASES[name]
    single, slope = formula(z, y)
    m = N if name in PER_ROW else N * UNITS                  # rows for softmax and KL, elements for the others
    assert single.size == m
    w = np.array([0.0, 1.0, 2.5, 0.3, 1.0, 4.0]) if weighted else None
    column = np.ones((N, 1)) if w is None else w[:, None]
    assert loss.forward(z, y, w) == pytest.approx(np.sum(column * single) / m, rel=1e-12)
    np.testing.assert_allclose(loss.backward(), column * slope / m, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_weights_divide_by_the_number_and_not_by_their_sum(name):
    loss, z, y, _ = CASES[name]
    plain, gradient = loss.forward(z, y), loss.backward().copy()
    assert loss.forward(z, y, np.full(N, 3.0)) == pytest.approx(3 * plain, rel=1e-12)
    np.testing.assert_allclose(loss.backward(), 3 * gradient, rtol=1e-12)
    assert loss.forward(z, y, np.zeros(N)) == 0
    assert not loss.backward().any()
    column = loss.forward(z, y, np.full((N, 1), 3.0))        # a column serves as well
    assert column == pytest.approx(3 * plain, rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_same_rows_twice_have_the_same_loss_and_half_the_gradient_each(name):
    loss, z, y, _ = CASES[name]
    plain, gradient = loss.forward(z, y), loss.backward().copy()
    assert loss.forward(np.vstack([z, z]), np.concatenate([y, y])) == pytest.approx(plain, rel=1e-12)
    np.testing.assert_allclose(loss.backward(), np.vstack([gradient, gradient]) / 2, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_buffers_serve_smaller_and_larger_batches_in_turn(name):
    loss, z, y, formula = CASES[name]
    for rows in (N, 2, 5, 1, N):
        single, slope = formula(z[:rows], y[:rows])
        assert loss.forward(z[:rows], y[:rows]) == pytest.approx(single.mean(), rel=1e-12)
        np.testing.assert_allclose(loss.backward(), slope / single.size, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_float32_outputs_get_float32_gradients(name):
    loss, z, y, formula = CASES[name]
    single, _ = formula(z, y)
    assert loss.forward(z.astype(np.float32), y) == pytest.approx(single.mean(), rel=1e-5)
    assert loss.backward().dtype == np.float32


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_targets_are_left_as_they_were(name):
    loss, z, y, _ = CASES[name]
    mine, targets, w = z.copy(), y.copy(), np.linspace(0, 1, N)
    loss.forward(mine, targets, w)
    loss.backward()
    np.testing.assert_array_equal(mine, z)
    np.testing.assert_array_equal(targets, y)
    np.testing.assert_array_equal(w, np.linspace(0, 1, N))


# ── softmax cross-entropy ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.uint8), LABELS.astype(np.float64), LABELS.astype(np.float32),
                                    LABELS.tolist(), np.eye(UNITS)[LABELS], np.eye(UNITS, dtype=int)[LABELS]],
                         ids=["int", "uint8", "float64", "float32", "list", "one_hot", "one_hot_int"])
def test_labels_and_one_hot_rows_are_the_same_in_every_dtype(labels, smoothing):
    reference, loss = SoftmaxCrossEntropy(smoothing), SoftmaxCrossEntropy(smoothing)
    assert loss.forward(Z, labels) == pytest.approx(reference.forward(Z, LABELS), rel=1e-15)
    np.testing.assert_allclose(loss.backward(), reference.backward(), rtol=1e-14, atol=1e-16)


def test_booleans_serve_as_labels_of_two_classes():
    z, y = Z[:, :2], BITS[:, 0]
    assert SoftmaxCrossEntropy().forward(z, y.astype(bool)) == SoftmaxCrossEntropy().forward(z, y)


def test_at_chance_level_the_loss_is_the_logarithm_of_the_number_of_classes():
    assert SoftmaxCrossEntropy().forward(np.zeros((7, 10)), np.arange(7)) == pytest.approx(math.log(10), rel=1e-15)


def test_the_gradient_of_a_softmax_sums_to_zero_in_every_row():
    loss = SoftmaxCrossEntropy(0.2)
    loss.forward(Z, LABELS)
    np.testing.assert_allclose(loss.backward().sum(axis=1), 0, atol=1e-16)


def test_smoothing_holds_the_best_loss_above_zero():
    """The least loss that any outputs can have is the entropy of the smoothed targets."""
    right, other = 0.9 + 0.1 / UNITS, 0.1 / UNITS
    entropy = -right * math.log(right) - (UNITS - 1) * other * math.log(other)
    logits = np.where(np.eye(UNITS)[LABELS] == 1, math.log(right), math.log(other))
    loss = SoftmaxCrossEntropy(0.1)
    assert loss.forward(logits, LABELS) == pytest.approx(entropy, rel=1e-12)
    np.testing.assert_allclose(loss.backward(), 0, atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_large_logits_cost_what_they_should_without_a_warning(dtype, size):
    z = np.array([[size, -size], [-size, size]], dtype)
    softmax_loss, binary = SoftmaxCrossEntropy(), BinaryCrossEntropy()
    assert softmax_loss.forward(z, [0, 1]) == pytest.approx(0, abs=1e-30)
    assert softmax_loss.forward(z, [1, 0]) == pytest.approx(2 * size, rel=1e-6)
    np.testing.assert_allclose(softmax_loss.backward(), [[0.5, -0.5], [-0.5, 0.5]], atol=1e-30)
    assert binary.forward(z, np.eye(2)) == pytest.approx(0, abs=1e-30)
    assert binary.forward(z, 1 - np.eye(2)) == pytest.approx(size, rel=1e-6)
    np.testing.assert_allclose(binary.backward(), [[0.25, -0.25], [-0.25, 0.25]], atol=1e-30)


# ── the others ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", [BinaryCrossEntropy, Hinge, SquaredHinge])
def test_where_there_is_one_output_labels_need_no_second_axis(kind):
    flat, column = kind(), kind()
    assert flat.forward(Z[:, :1], BITS[:, 0]) == column.forward(Z[:, :1], BITS[:, :1])
    np.testing.assert_array_equal(flat.backward(), column.backward())
    assert flat.backward().shape == (N, 1)


@pytest.mark.parametrize("kind", [Hinge, SquaredHinge])
def test_zero_and_one_are_taken_as_minus_one_and_one(kind):
    assert kind().forward(Z, BITS) == kind().forward(Z, SIGNS)


def test_kl_divergence_of_a_distribution_from_itself_is_zero_and_of_a_missing_one_finite():
    loss = KLDivergence()
    assert loss.forward(Q, Q) == pytest.approx(0, abs=1e-15)
    assert loss.forward([[0.0, 1.0]], [[1.0, 0.0]]) == pytest.approx(math.log(1e7), rel=1e-12)      # 0 counts as ε
    np.testing.assert_array_equal(loss.backward(), [[0.0, 0.0]])                                  # below ε it feels nothing


def test_the_absolute_error_has_slope_zero_where_it_is_zero():
    loss = MeanAbsoluteError()
    assert loss.forward([[1.0, 2.0]], [[1.0, 0.0]]) == 1
    np.testing.assert_array_equal(loss.backward(), [[0.0, 0.5]])


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────
z10 = np.zeros((3, 10))
SHAPE = "targets must have the shape of the outputs,"
BETWEEN = "targets must lie between 0 and 1"
WORDS = "it holds words; number them with np.unique(targets, return_inverse=True)[1]"
NUMBERS = "to predict numbers take one output and the loss mean_squared_error"
MEND = "remove or replace such rows first"
LABELS_OF_TEN = "labels must lie in 0 to 9 (the network has 10 outputs), but"
NO_PROBABILITIES = (
    "rows of targets must be probabilities that sum to 1, but row {}; for labels pass integers of shape (n,)"
)
# loss, outputs, targets, and what it says after its name
REFUSED = [
    # shapes
    (MeanSquaredError(), np.zeros((3, 1)), np.zeros(3),
     f"{SHAPE} (3, 1), got (3,); write targets[:, None], or else every output would be compared with every target"),
    (MeanSquaredError(), np.zeros((3, 2)), np.zeros((2, 2)),
     f"{SHAPE} (3, 2), got (2, 2); there are 3 rows of outputs"),
    (MeanSquaredError(), np.zeros((3, 2)), np.zeros((3, 4)), f"{SHAPE} (3, 2), got (3, 4)"),
    (MeanSquaredError(), np.zeros((3, 1)), 1.0,
     f"{SHAPE} (3, 1), got (); there are 3 rows of outputs"),
    (MeanSquaredError(), np.zeros(3), np.zeros(3), "outputs must have the shape (n, units), got (3,)"),
    (MeanSquaredError(), np.zeros((0, 3)), np.zeros((0, 3)), "outputs must have the shape (n, units), got (0, 3)"),
    (SoftmaxCrossEntropy(), z10, np.zeros((3, 1)), "labels must have the shape (3,), got (3, 1); write targets[:, 0]"),
    (SoftmaxCrossEntropy(), z10, np.zeros(4),
     "targets must be 3 labels, shape (3,), or rows of probabilities, shape (3, 10); got shape (4,)"),
    (SoftmaxCrossEntropy(), z10, np.zeros((3, 9)),
     "targets must be 3 labels, shape (3,), or rows of probabilities, shape (3, 10); got shape (3, 9)"),
    (SoftmaxCrossEntropy(), np.zeros((3, 1)), [0, 0, 0],
     "one output has a softmax of 1 whatever it is; use two outputs, or BinaryCrossEntropy"),
    (BinaryCrossEntropy(), np.zeros((3, 2)), [0, 1, 0],
     f"{SHAPE} (3, 2), got (3,); for labels write np.eye(2)[targets], or take the loss softmax_cross_entropy"),
    # labels
    (SoftmaxCrossEntropy(), z10, [0, 10, 3], f"{LABELS_OF_TEN} row 1 has 10; labels up to 10 need 11 outputs"),
    (SoftmaxCrossEntropy(), z10, [0, 3, -1], f"{LABELS_OF_TEN} row 2 has -1; labels begin at 0"),
    (SoftmaxCrossEntropy(), z10, [1, 5, 10], f"{LABELS_OF_TEN} row 2 has 10; labels begin at 0: subtract 1"),
    # probabilities
    (SoftmaxCrossEntropy(), np.zeros((2, 2)), [[0.5, 0.5], [0.5, 0.7]], NO_PROBABILITIES.format("1 is [0.5 0.7]")),
    (SoftmaxCrossEntropy(), np.zeros((1, 2)), [[1.5, -0.5]], NO_PROBABILITIES.format("0 is [ 1.5 -0.5]")),
    (BinaryCrossEntropy(), np.zeros((2, 1)), [0, 2], f"{BETWEEN}, got 2; for two classes write targets == 2"),
    (BinaryCrossEntropy(), np.zeros((2, 1)), [-1, 1], f"{BETWEEN}, got -1; for labels -1 and 1 write (targets + 1) / 2"),
    (Hinge(), np.zeros((2, 1)), [0.5, 1], "targets must be -1 and 1 (or 0 and 1), got others"),
    (SquaredHinge(), np.zeros((2, 1)), [-2, 1], f"{BETWEEN.replace('0', '-1')}, got -2; for two classes write targets == 1"),
    (KLDivergence(), np.ones((1, 2)), [[1.5, -0.5]], NO_PROBABILITIES.format("0 is [ 1.5 -0.5]")),
    (Poisson(), np.ones((1, 2)), [[1, -2]], "targets must be counts, not negative, got -2"),
    # not finite
    (MeanSquaredError(), np.zeros((2, 2)), [[0, 1], [math.nan, 1]],
     f"targets holds nan at row 1, column 0 (1 of 4 elements is not finite); {MEND}"),
    (SoftmaxCrossEntropy(), z10, [0, math.nan, 3], f"targets holds nan at row 1 (1 of 3 elements is not finite); {MEND}"),
    (SoftmaxCrossEntropy(), np.zeros((1, 2)), [[math.inf, 0]],
     f"targets holds inf at row 0, column 0 (1 of 2 elements is not finite); {MEND}"),
]


@pytest.mark.parametrize(("loss", "outputs", "targets", "message"), REFUSED, ids=[m[:50] for *_, m in REFUSED])
def test_unfit_targets_are_refused_in_these_words(loss, outputs, targets, message):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{type(loss).__name__}: {message}')}$"):
        loss.forward(outputs, targets)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0, 1.5, 2], f"SoftmaxCrossEntropy: labels must be integers, but row 1 has 1.5; {NUMBERS}"),
        (list("abc"), f"SoftmaxCrossEntropy: targets must hold numbers, got dtype <U1; {WORDS}"),
        (None, "SoftmaxCrossEntropy: targets is missing (None)"),
        ([1j, 0, 0], "SoftmaxCrossEntropy: targets must hold real numbers, got dtype complex128; take its .real part"),
    ],
)
def test_targets_of_the_wrong_kind_are_refused_in_these_words(targets, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        SoftmaxCrossEntropy().forward(z10, targets)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -0.5, 1], "MeanSquaredError: sample_weight must not be negative, got -0.5"),
        ([1, 1], "MeanSquaredError: sample_weight must hold one number per row, shape (3,), got (2,)"),
        (np.ones((3, 2)), "MeanSquaredError: sample_weight must hold one number per row, shape (3,), got (3, 2)"),
        (2.0, "MeanSquaredError: sample_weight must hold one number per row, shape (3,), got ()"),
        ([1, math.nan, 1], f"MeanSquaredError: sample_weight holds nan at row 1 (1 of 3 elements is not finite); {MEND}"),
    ],
)
def test_unfit_weights_are_refused_in_these_words(weight, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MeanSquaredError().forward(np.zeros((3, 2)), np.zeros((3, 2)), weight)


@pytest.mark.parametrize("name", nd.losses.KNOWN)
def test_backward_needs_a_forward(name):
    loss = nd.losses.get(name)
    with pytest.raises(ValueError, match=rf"^{type(loss).__name__}: backward\(\) needs a forward\(outputs, targets\) before"):
        loss.backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SoftmaxCrossEntropy(1.0), "label_smoothing must be a number of at least 0 and below 1, got 1.0"),
        (lambda: SoftmaxCrossEntropy(-0.1), "label_smoothing must be"),
        (lambda: Huber(0), "Huber: delta must be a number above 0, got 0"),
        (lambda: KLDivergence(0), "KLDivergence: epsilon must be a number above 0, got 0"),
        (lambda: Poisson(-1), "Poisson: epsilon must be a number of at least 0, got -1"),
        (lambda: nd.losses.get("sofmax_cross_entropy"), "unknown loss 'sofmax_.*'; did you mean 'softmax_cross_entropy'"),
        (lambda: nd.losses.get("mse"), "did you mean 'mean_squared_error'"),
        (lambda: nd.losses.get("sparse_categorical_crossentropy"), "did you mean 'softmax_cross_entropy'"),
    ],
)
def test_senseless_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_softmax_layer_under_a_softmax_loss_is_refused():
    model = nd.Sequential([nd.Dense(3), nd.Activation("softmax", name="top")], input_size=2)
    with pytest.raises(ValueError, match=r"SoftmaxCrossEntropy takes logits .* the last layer, 'top', is softmax already"):
        nd.Trainer(model, "softmax_cross_entropy")


@pytest.mark.parametrize("name", nd.losses.KNOWN)
def test_every_loss_goes_by_its_name_prints_and_can_be_pickled(name):
    loss = nd.losses.get(name)
    assert eval(repr(loss), vars(nd.losses)).arguments() == loss.arguments()
    assert type(pickle.loads(pickle.dumps(loss))) is type(loss)
    assert loss.formula
    assert loss.formula.latex


# ── a custom loss ───────────────────────────────────────────────────────────────────────────────────────────────
class Quartic:
    """Mean of (z − y)⁴, as a student might write it."""

    def forward(self, outputs, targets, sample_weight=None):
        self.error = outputs - np.asarray(targets, outputs.dtype)
        self.weight = 1 if sample_weight is None else np.reshape(sample_weight, (-1, 1))
        return np.mean(self.weight * self.error**4)

    def backward(self):
        return 4 * self.weight * self.error**3 / self.error.size


def linear():
    return nd.Sequential([nd.Dense(2, name="d")], input_size=3, seed=0, dtype="float64")


@pytest.mark.parametrize("weight", [None, np.array([1.0, 0.0, 2.0, 0.5, 1.0])])
def test_an_object_with_forward_and_backward_serves_as_a_loss(weight, rng):
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    model = linear()
    w, b = model.layer("d").kernel.value.copy(), model.layer("d").bias.value.copy()
    trainer = nd.Trainer(model, Quartic(), nd.optimizers.SGD(0.01))
    column = np.ones((5, 1)) if weight is None else weight[:, None]
    for _ in range(5):
        e = x @ w + b - y
        assert trainer.step(x, y, weight) == pytest.approx(np.mean(column * e**4), rel=1e-12)
        dz = 4 * column * e**3 / 10
        w, b = w - 0.01 * x.T @ dz, b - 0.01 * dz.sum(axis=0)
        np.testing.assert_allclose(model.layer("d").kernel.value, w, rtol=1e-12)
    np.testing.assert_allclose(model.layer("d").bias.value, b, rtol=1e-12)
    assert trainer.evaluate(x, y)["loss"] == pytest.approx(np.mean((x @ w + b - y) ** 4), rel=1e-12)


def test_an_own_loss_trains_in_fit(rng):
    x, y = rng.normal(size=(50, 3)), np.zeros((50, 2))
    history = nd.Trainer(linear(), Quartic(), nd.optimizers.SGD(0.02)).fit(x, y, epochs=5, batch_size=8, verbose=False)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize(
    ("forward", "backward", "error", "message"),
    [
        (lambda: np.zeros(3), lambda: np.zeros((4, 2)), TypeError, r"loss Own: forward must return one number, got an array"),
        (lambda: None, lambda: np.zeros((4, 2)), TypeError, "loss Own: forward must return one number, got None"),
        (lambda: 0.0, lambda: np.zeros((4, 1)), ValueError,
         r"loss Own: backward\(\) must return the shape of the outputs, \(4, 2\), got \(4, 1\)"),
        (lambda: 0.0, lambda: None, TypeError, r"loss Own: backward\(\) is missing \(None\)"),
    ],
)
def test_an_own_loss_that_returns_nonsense_is_named_and_changes_no_weight(forward, backward, error, message):
    class Own:
        def forward(self, outputs, targets):
            return forward()

        def backward(self):
            return backward()

    model = linear()
    before = model.arena.values.tobytes()
    with pytest.raises(error, match=message):
        nd.Trainer(model, Own()).step(np.ones((4, 3)), np.zeros(4))
    assert model.arena.values.tobytes() == before


HALVES = [type("Half", (), {name: lambda self, *given: 0.0})() for name in ("forward", "backward")]


@pytest.mark.parametrize("wrong", [3, None, lambda z, y: 0, MeanSquaredError, Quartic, object(), *HALVES])
def test_what_is_no_loss_is_refused(wrong):
    with pytest.raises(TypeError, match=r"Trainer: loss must be a name, an object of nd\.losses, or an object with forward"):
        nd.Trainer(linear(), wrong)


# ── what others are told ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 1, N)], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_the_kernel_that_an_event_names_is_the_one_that_runs(name, weight):
    loss, z, y, _ = CASES[name]
    called = set()
    loss.forward(z, y, weight)
    sys.setprofile(lambda frame, event, argument: called.add(frame.f_code))
    try:
        loss.forward(z, y, weight)
    finally:
        sys.setprofile(None)
    assert loss.operation()[1].__code__ in called
    assert not [kernel for kernel in loss.kernels[1:] if kernel.__code__ in called]


MOST = float(np.finfo(np.float32).max)
USUAL = {
    "softmax_cross_entropy": (np.int64, (), 0, 2),
    "binary_cross_entropy": (np.float32, (3,), 0, 1),
    "poisson": (np.float32, (3,), 0, MOST),
    **dict.fromkeys(("mean_squared_error", "mean_absolute_error", "huber", "log_cosh"), (np.float32, (3,), -MOST, MOST)),
}


@pytest.mark.parametrize("name", nd.losses.KNOWN)
def test_usual_targets_are_those_that_a_loss_takes_as_they_are(name):
    """Data that is usual is not checked again, batch by batch; where nothing is usual, every batch is."""
    loss = nd.losses.KNOWN[name]()
    usual = loss.usual_targets(3, "float32")
    if name not in USUAL:
        assert usual.lowest > usual.highest
        return
    assert tuple(usual) == (np.dtype(USUAL[name][0]), *USUAL[name][1:])
    for number in (usual.lowest, usual.highest) if name != "softmax_cross_entropy" else range(3):
        targets = np.full((2, *usual.row), number, usual.dtype)
        assert loss.check_targets(targets, 2, 3, np.dtype("float32")) is targets


def test_a_class_that_checks_targets_its_own_way_has_none_that_are_usual():
    class Counts(MeanSquaredError):
        def check_targets(self, targets, n, units, dtype):
            return super().check_targets(targets, n, units, dtype) + 1

    usual = Counts().usual_targets(3, "float32")
    assert usual.lowest > usual.highest
    assert SoftmaxCrossEntropy().usual_targets(1, "float32").lowest == math.inf
    assert SoftmaxCrossEntropy().usual_targets(2, "float32").highest == 1


def test_a_class_that_computes_something_else_has_lost_its_formula_unless_it_says_another():
    class Silent(MeanSquaredError):
        def losses(self, z, y):
            return 3 * super().losses(z, y)

    class Spoken(Silent):
        expression, derivative = "3*(z - y)**2", "6*(z - y)"

    class Same(MeanSquaredError):
        outputs_are = "margins"

    assert (Silent.expression, Silent.derivative) == ("", "")
    assert (Same.expression, Same.derivative) == (MeanSquaredError.expression, MeanSquaredError.derivative)
    assert str(Spoken.formula) == "L = mean of 3(z − y)², dz = 6(z − y)/m"
    assert Spoken.formula.latex == r"L = \overline{3(z - y)^{2}},\ dz = \frac{6(z - y)}{m}"


def test_before_the_first_pass_there_is_no_value():
    assert math.isnan(MeanSquaredError().value)


def test_buffers_are_made_once_for_batches_of_one_size(monkeypatch):
    loss, made = MeanSquaredError(), []
    monkeypatch.setattr(loss, "allocate", lambda *size: (made.append(size), type(loss).allocate(loss, *size)))
    for rows in (4, 4, 3, 3, 4):
        loss.forward(np.ones((rows, 2)), np.zeros((rows, 2)))
        loss.backward()
    assert [shape for shape, _ in made] == [(4, 2), (3, 2), (4, 2)]


def test_the_memory_of_the_largest_batch_serves_all_and_another_width_needs_another():
    loss = MeanSquaredError()
    first = None
    for rows in (5, 5, 3, 5):
        loss.forward(np.ones((rows, 2)), np.zeros((rows, 2)))
        first = loss.loss if first is None else first
        assert np.shares_memory(loss.loss, first)
    for outputs in (np.ones((6, 2)), np.ones((6, 3)), np.ones((6, 3), np.float32)):
        before = loss.loss
        loss.forward(outputs, np.zeros(outputs.shape))
        assert not np.shares_memory(loss.loss, before)
        assert (loss.loss.shape, loss.loss.dtype) == (outputs.shape, outputs.dtype)


def test_an_object_with_the_two_methods_is_watched_until_its_first_gradient():
    methods = {"forward": lambda self, outputs, targets: 1.0, "backward": lambda self: np.ones((N, UNITS))}
    loss = nd.losses.get(type("Mine", (), methods)())
    loss.forward(Z, P)
    assert loss.unproven
    loss.backward()
    assert not loss.unproven


@pytest.mark.parametrize(
    ("q", "row"),
    [
        ([[0.5, 0.5], [1.5, -0.5]], 1), ([[-0.5, 1.5], [0.5, 0.5]], 0), ([[0.5, 0.5], [0.2, 0.3]], 1),
        ([[0.5, 0.5], [0.9, 0.9], [0.1, 0.1]], 1),
    ],
)  # fmt: skip
def test_the_first_row_that_is_no_distribution_is_named(q, row):
    with pytest.raises(ValueError, match=rf"must be probabilities that sum to 1, but row {row} is"):
        SoftmaxCrossEntropy().forward(np.zeros((len(q), 2)), np.array(q))


def test_weights_may_add_up_to_the_largest_float_and_need_not_all_be_0():
    assert nd.losses.check_weights("fit", [MOST], 1, np.float32)[0, 0] == np.float32(MOST)
    for size in (0.0, 1.0, 5.0):
        assert nd.losses.check_weights("fit", [0, size], 2, np.float32).tolist() == [[0], [size]]
        if size:
            assert nd.losses.check_weights("fit", [0, size], 2, np.float32, needed=True).tolist() == [[0], [size]]
    with pytest.raises(ValueError, match="fit: every sample_weight is 0"):
        nd.losses.check_weights("fit", [0, 0], 2, np.float32, needed=True)


@pytest.mark.parametrize("targets", [[-0.5, 0.5, 0.5, 0.5], [0.5, 0, 1, 1], [-1, 0, 1, 1]])
def test_margins_take_nothing_between_their_two_targets(targets):
    """For the first of them Σy² = Σy, as for 0 and 1."""
    with pytest.raises(ValueError, match=r"Hinge: targets must be -1 and 1 \(or 0 and 1\), got others"):
        Hinge().forward(np.zeros((4, 1)), targets)


def test_a_custom_loss_is_watched_until_its_first_gradient():
    class Mine(MeanSquaredError):
        def losses(self, z, y):
            return super().losses(z, y)

    loss = Mine()
    loss.forward(Z, P)
    assert loss.unproven
    loss.backward()
    assert not loss.unproven


@pytest.mark.parametrize(
    ("targets", "cure"),
    [
        (np.zeros(N, int), r"; for labels write np.eye\(4\)\[targets\], or take the loss softmax_cross_entropy"),
        (np.zeros(N), ""),
        (np.zeros((N, 3), int), ""),
        (np.zeros((N - 1, UNITS), int), "; there are 6 rows of outputs"),
    ],
)
def test_the_cure_for_a_wrong_shape_fits_what_came(targets, cure):
    got = re.escape(str(targets.shape))
    with pytest.raises(ValueError, match=rf"must have the shape of the outputs, \(6, 4\), got {got}{cure}$"):
        MeanSquaredError().forward(Z, targets)


def test_a_divergence_whose_epsilon_float32_takes_for_0_is_refused_before_it_makes_nan():
    outputs, targets = np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"KLDivergence: epsilon=1e-50 is as good as 0 in float32, .*; take at least 1\.3e-38"):
        nd.losses.KLDivergence(1e-50).forward(outputs.astype(np.float32), targets)
    for epsilon, dtype in ((1.3e-38, np.float32), (1e-50, np.float64)):
        loss = nd.losses.KLDivergence(epsilon)
        assert np.isfinite(loss.forward(outputs.astype(dtype), targets))
        assert np.all(np.isfinite(loss.backward()))


def test_counts_are_not_negative():
    with pytest.raises(ValueError, match=r"Poisson: targets must be counts, not negative, got -0\.5"):
        Poisson().forward(np.ones((2, 1)), [[0.0], [-0.5]])


# ── custom losses, at their first use ─────────────────────────────────────────────────────────────────────────────────
def test_a_loss_defines_its_losses_and_their_derivatives():
    with pytest.raises(NotImplementedError):
        nd.losses.Loss().forward(Z, P)

    class Half(nd.losses.Loss):
        def losses(self, z, y):
            self.loss[...] = 1
            return self.loss

    loss = Half()
    loss.forward(Z, P)
    with pytest.raises(NotImplementedError):
        loss.backward()


def test_losses_of_another_shape_and_gradients_that_are_not_filled_are_refused_at_the_first_use():
    class Summed(MeanSquaredError):
        def losses(self, z, y):
            return super().losses(z, y).sum(axis=1)

    class Empty(MeanSquaredError):
        def derivatives(self, z, y):
            self.grad_outputs[0] = 1

    with pytest.raises(ValueError, match=r"Summed: losses must return an array of shape \(6, 4\)"):
        Summed().forward(Z, P)
    loss = Empty()
    loss.forward(Z, P)
    with pytest.raises(ValueError, match=r"Empty: derivatives did not write all of self\.grad_outputs"):
        loss.backward()


def test_a_gradient_put_in_place_of_the_buffer_is_refused_and_the_next_pass_has_a_buffer_again():
    class Replaced(MeanSquaredError):
        first = True

        def derivatives(self, z, y):
            if self.first:
                self.grad_outputs = None
            else:
                super().derivatives(z, y)

    loss = Replaced()
    loss.forward(Z, P)
    with pytest.raises(ValueError, match=r"Replaced: derivatives put None in place of self\.grad_outputs"):
        loss.backward()
    loss.first = False
    loss.forward(Z, P)
    np.testing.assert_allclose(loss.backward(), 2 * (Z - P) / Z.size)


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ([-1.0, 1.0], r"write \(targets \+ 1\) / 2"), ([1.0, 2.0], "write targets == 2"), ([-1.0, 0.5], "write targets == 0.5"),
        ([0.0, 1.0, 2.0], "take one output each and the loss softmax_cross_entropy"),
        ([0.0, 1.0, 2.5], "take the loss mean_squared_error"), ([0.5, 1.5, 2.5], "take the loss mean_squared_error"),
    ],
)  # fmt: skip
def test_the_cure_for_targets_that_are_no_bits_fits_their_values(values, cure):
    targets = np.array(values)[:, None]
    with pytest.raises(ValueError, match=rf"targets must lie between 0 and 1, got .*{cure}"):
        BinaryCrossEntropy().forward(np.zeros_like(targets), targets)


def test_the_arrays_of_an_own_loss_are_shown_where_they_are_arrays():
    methods = {"forward": lambda self, outputs, targets: 1.0, "backward": lambda self: np.ones((N, UNITS))}
    loss = nd.losses.get(type("Mine", (), methods)())
    for targets, shown in ((P, P), ((P, P), None)):
        loss.forward(Z, targets)
        assert loss.arrays()["targets"] is shown
