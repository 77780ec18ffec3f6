"""Gradients through whole networks: every layer, activation, loss and regularizer, and the checker that says so."""

import numpy as np
import pytest
from helpers_gradients import STEP, TOLERANCE, errors, slopes, targets
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep.activations import REQUIRED, RULES

ROWS, WIDTH = 7, 5

LAYERS = {
    "dense": lambda: nd.Dense(4, bias_initializer="random_normal"),
    "dense without bias": lambda: nd.Dense(4, use_bias=False),
    "batch normalization": lambda: nd.BatchNormalization(epsilon=0.1),
    "batch normalization without beta": lambda: nd.BatchNormalization(epsilon=0.1, center=False),
    "batch normalization without gamma": lambda: nd.BatchNormalization(epsilon=0.1, scale=False),
    "batch normalization without both": lambda: nd.BatchNormalization(epsilon=0.1, center=False, scale=False),
    "dropout": lambda: nd.Dropout(0.3),
    "dropout of nothing": lambda: nd.Dropout(0),
    "gaussian dropout": lambda: nd.GaussianDropout(0.3),
    "alpha dropout": lambda: nd.AlphaDropout(0.3),
    "gaussian noise": lambda: nd.GaussianNoise(0.3),
    "prelu": lambda: nd.PReLU(nd.initializers.Constant(0.25)),
    "rrelu": lambda: nd.RReLU(),
    "maxout": lambda: nd.Maxout(4, pieces=3, bias_initializer="random_normal"),
    "maxout without bias": lambda: nd.Maxout(4, use_bias=False),
    "glu": lambda: nd.GLU(),
    "layer normalization": lambda: nd.LayerNormalization(epsilon=0.1),
    "layer normalization without beta": lambda: nd.LayerNormalization(epsilon=0.1, center=False),
    "layer normalization without gamma": lambda: nd.LayerNormalization(epsilon=0.1, scale=False),
    "residual": lambda: nd.Residual([nd.PReLU(nd.initializers.Constant(0.25)), nd.LayerNormalization(0.1), nd.Dropout(0.3)]),
    "residual with projection": lambda: nd.Residual([nd.Dense(4), nd.Activation("tanh"), nd.Dense(4)], projection=True),
    "residual in residual": lambda: nd.Residual([nd.Residual([nd.Activation("tanh"), nd.LayerNormalization(0.1)])]),
    "parallel": lambda: nd.Parallel([[nd.Dense(4), nd.Activation("tanh")], nd.Dense(2), []]),
    "parallel, added": lambda: nd.Parallel([[], nd.LayerNormalization(0.1), nd.Dropout(0.3)], merge="add"),
}
ACTIVATIONS = {
    name: lambda rule=rule: nd.Activation(rule.name, **{p: 0.1 for p, v in rule.parameters.items() if v is REQUIRED})
    for name, rule in RULES.items()
}
EVERYTHING = LAYERS | ACTIVATIONS

with_every_layer = pytest.mark.parametrize("make", EVERYTHING.values(), ids=EVERYTHING)


def network(*middle, dtype="float64", seed=3):
    """The layers between two dense ones; biases are not 0, so that nothing starts on a kink."""
    below = nd.Dense(6, bias_initializer="random_normal", name="below")
    above = nd.Dense(3, bias_initializer="random_normal", name="above")
    return nd.Sequential([below, *middle, above], input_size=WIDTH, seed=seed, dtype=dtype)


@pytest.fixture
def batch(rng):
    """Rows and labels."""
    return rng.normal(size=(ROWS, WIDTH)), rng.integers(0, 3, ROWS)


def gradients(model, x, upstream, states=None):
    """Gradients of all parameters and of the input, as copies, after a training pass with the given states of noise."""
    for layer, state in zip(model.everything(), states or [], strict=states is not None):
        layer.rng.bit_generator.state = state
    model.forward(x, training=True)
    grad_x = model.backward(upstream, input_gradient=True).copy()
    return {**{p.name: p.grad.copy() for p in model.parameters if p.has_grad}, "input": grad_x}


def noise(model):
    return [layer.rng.bit_generator.state for layer in model.everything()]


def same_bits(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


# ── every layer, activation, loss, regularizer ────────────────────────────────────────────────────────────────────────
@with_every_layer
def test_every_gradient_of_a_network_with_this_layer_is_right(make, batch):
    model = network(make())
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", *batch)
    assert report, report
    assert [c.name for c in report.comparisons] == [p.name for p in model.trainable_variables()] + ["input"]
    assert sum(c.kinks for c in report.comparisons) == 0
    assert all(c.checked == c.size for c in report.comparisons)


@with_every_layer
@given(n=st.integers(1, 6), width=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_it_is_right_for_any_shape(make, n, width, seed):
    rng = np.random.default_rng(seed)
    layers = [nd.Dense(2 * width), make(), nd.Dense(3)]
    model = nd.Sequential(layers, input_size=width, seed=seed, dtype="float64")
    report = nd.debug.gradient_check(
        model, "softmax_cross_entropy", rng.normal(size=(n, width)), rng.integers(0, 3, n), max_elements=5, seed=seed
    )
    assert report, report


@with_every_layer
def test_the_input_gradient_is_that_of_the_outputs_under_random_gradients_from_above(make, batch, rng):
    model, x = network(make()), batch[0]
    upstream, states = rng.normal(size=(ROWS, 3)), noise(model)

    def outputs():
        for layer, state in zip(model.everything(), states, strict=True):
            layer.rng.bit_generator.state = state
        return model.forward(x, training=True)

    found = gradients(model, x, upstream, states)["input"]
    assert errors({"input": found}, {"input": slopes(outputs, x, upstream)})["input"] <= TOLERANCE


def test_the_table_holds_every_layer():
    kinds = {type(make()).__name__ for make in EVERYTHING.values()}
    assert kinds == set(nd.layers.__all__)


LAST = {"kl_divergence": "softmax", "poisson": "softplus"}
"""The activation that makes outputs fit for a loss."""


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("loss", nd.losses.KNOWN)
def test_every_loss_is_right_through_a_network(loss, weighted, batch, rng):
    last = nd.Activation(LAST.get(loss, "linear"))
    model = nd.Sequential([nd.Dense(4), nd.Activation("tanh"), nd.Dense(3), last], input_size=WIDTH, seed=3)
    weight = rng.uniform(0, 2, ROWS) if weighted else None
    y = targets(loss, model.predict(batch[0]), rng)
    report = nd.debug.gradient_check(model, loss, batch[0], y, weight)
    assert report, report
    assert sum(c.kinks for c in report.comparisons) == 0


def test_a_row_of_weight_0_has_no_gradient(batch):
    x, y = batch
    weight = np.ones(ROWS)
    weight[2] = 0
    model, loss = network(nd.Activation("tanh")), nd.losses.SoftmaxCrossEntropy()
    loss.forward(model.forward(x, training=True), y, weight)
    grad_x = model.backward(loss.backward(), input_gradient=True)
    assert np.flatnonzero(~grad_x.any(axis=1)).tolist() == [2]


REGULARIZERS = [nd.regularizers.L1(0.05), nd.regularizers.L2(0.05), nd.regularizers.L1L2(0.02, 0.03)]


@pytest.mark.parametrize("regularizer", REGULARIZERS, ids=repr)
@pytest.mark.parametrize(
    "make",
    [
        lambda r: nd.Dense(4, kernel_regularizer=r, bias_initializer="random_normal"),
        lambda r: nd.Dense(4, bias_regularizer=r, bias_initializer="random_normal"),
        lambda r: nd.Dense(4, kernel_regularizer=r, bias_regularizer=r, bias_initializer="random_normal"),
        lambda r: nd.Maxout(4, kernel_regularizer=r),
    ],
    ids=["kernel", "bias", "kernel and bias", "maxout"],
)
def test_penalties_are_in_the_gradient(make, regularizer, batch):
    report = nd.debug.gradient_check(network(make(regularizer)), "softmax_cross_entropy", *batch)
    assert report, report


@pytest.mark.parametrize("make", [LAYERS["batch normalization"], LAYERS["maxout"], ACTIVATIONS["elu"]])
def test_the_training_step_hands_the_optimizer_the_gradient_of_the_number_that_it_returns(make, batch):
    middle = nd.Dense(4, kernel_regularizer="l2", bias_regularizer="l1", bias_initializer="random_normal")
    model = network(make(), middle)
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(0.0))
    trainer.step(*batch)
    analytic = {p.name: p.grad.copy() for p in model.trainable_variables()}
    numeric = {p.name: slopes(lambda: trainer.step(*batch), p.value) for p in model.trainable_variables()}
    # below/bias has the gradient 0 where batch normalization follows; differences of a loss of the size of 1 make ε/STEP of it
    noise = np.finfo(np.float64).eps / STEP
    assert max(errors(analytic, numeric, zero=noise / TOLERANCE).values()) <= TOLERANCE


# ── frozen layers, moving statistics, odd batches ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("frozen", ["below", "middle", "above", "middle/kernel", "below|middle", "bn", "middle|bn"])
def test_gradients_around_frozen_parameters_are_right(frozen, batch):
    model = network(nd.BatchNormalization(name="bn"), nd.Dense(4, name="middle"), nd.Activation("elu"))
    stopped = model.freeze(frozen)
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", *batch)
    assert report, report
    assert {c.name for c in report.comparisons} == {p.name for p in model.trainable_variables()} | {"input"}
    assert not {p.name for p in stopped} & {c.name for c in report.comparisons}


@pytest.mark.parametrize(("center", "scale"), [(True, True), (True, False), (False, True), (False, False)])
def test_batch_normalization_with_moving_statistics_has_the_gradient_of_a_fixed_scale(center, scale, batch, rng):
    bn = nd.BatchNormalization(center=center, scale=scale)
    model = network(bn, nd.Activation("tanh"))
    for _ in range(3):
        model.forward(rng.normal(2, 3, size=(ROWS, WIDTH)), training=True)
    bn.use_moving_statistics = True
    before = bn.moving_mean.value.copy(), bn.moving_variance.value.copy()
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", *batch)
    assert report, report
    model.forward(batch[0], training=True)
    assert np.array_equal(before, (bn.moving_mean.value, bn.moving_variance.value))


def test_batch_normalization_of_one_row_passes_gradients_as_it_does_when_frozen(batch, rng):
    bn = nd.BatchNormalization()
    model = network(bn)
    gradients(model, batch[0], rng.normal(size=(ROWS, 3)))    # statistics of its own
    bn.beta.value, upstream = rng.normal(size=6), rng.normal(size=(1, 3))
    frozen = model.copy()
    frozen.layer("batch_normalization").use_moving_statistics = True
    found = gradients(model, batch[0][:1], upstream)
    assert same_bits(found, gradients(frozen, batch[0][:1], upstream))
    assert all(gradient.any() for gradient in found.values())
    assert nd.debug.gradient_check(model, "softmax_cross_entropy", batch[0][:1], batch[1][:1])


@with_every_layer
def test_a_short_batch_after_a_long_one_gives_the_gradients_of_a_fresh_model(make, rng):
    used, fresh = network(make()), network(make())
    states = noise(fresh)
    gradients(used, rng.normal(size=(11, WIDTH)), rng.normal(size=(11, 3)))
    x, upstream = rng.normal(size=(4, WIDTH)), rng.normal(size=(4, 3))
    assert same_bits(gradients(used, x, upstream, states), gradients(fresh, x, upstream, states))


@with_every_layer
def test_a_backward_pass_assigns_and_does_not_add_up(make, batch, rng):
    model, upstream = network(make()), rng.normal(size=(ROWS, 3))
    once = gradients(model, batch[0], upstream)
    grad_x = model.backward(upstream, input_gradient=True)
    again = {**{p.name: p.grad for p in model.parameters if p.has_grad}, "input": grad_x}
    assert same_bits(once, again)


@with_every_layer
def test_asking_for_the_input_gradient_changes_no_other(make, batch, rng):
    model, upstream = network(make()), rng.normal(size=(ROWS, 3))
    states = noise(model)
    with_input = gradients(model, batch[0], upstream, states)
    for layer, state in zip(model.everything(), states, strict=True):
        layer.rng.bit_generator.state = state
    model.forward(batch[0], training=True)
    assert model.backward(upstream) is None
    assert all(np.array_equal(with_input[p.name], p.grad) for p in model.parameters if p.has_grad)


# ── two facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_bias_below_batch_normalization_has_no_gradient(batch, rng):
    bn = nd.BatchNormalization()
    model, upstream = network(bn, nd.Activation("elu")), rng.normal(size=(ROWS, 3))
    found = gradients(model, batch[0], upstream)
    assert np.abs(found["below/bias"]).max() < 1e-14 < 1e-3 < np.abs(found["below/kernel"]).max()
    bn.use_moving_statistics = True
    assert np.abs(gradients(model, batch[0], upstream)["below/bias"]).max() > 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@with_every_layer
def test_every_array_of_a_model_has_its_dtype(make, dtype, rng):
    model, loss = network(make(), dtype=dtype), nd.losses.SoftmaxCrossEntropy()
    outputs = model.forward(rng.normal(size=(ROWS, WIDTH)).astype("float32"), training=True)
    loss.forward(outputs, rng.integers(0, 3, ROWS))
    model.backward(loss.backward(), input_gradient=True)
    arrays = [value for thing in [*model.layers, loss] for value in vars(thing).values() if isinstance(value, np.ndarray)]
    arrays += [array for p in model.parameters for array in (p.value, p.grad) if array is not None]
    assert {array.dtype for array in arrays if array.dtype.kind == "f"} == {np.dtype(dtype)}


# ── the checker ───────────────────────────────────────────────────────────────────────────────────────────────────────
def corrupted(kind, parameter, factor):
    """A layer class whose backward scales the gradient of one parameter, or of the input."""

    class Corrupted(kind):
        def backward(self, grad_output):
            grad_input = super().backward(grad_output)
            wrong = grad_input if parameter == "input" else getattr(self, parameter).grad
            wrong *= factor
            return grad_input

    return Corrupted


@pytest.mark.parametrize("factor", [-1, 1.001])
@pytest.mark.parametrize(
    ("kind", "arguments", "parameter"),
    [
        (nd.Dense, {"units": 4}, "kernel"),
        (nd.Dense, {"units": 4}, "bias"),
        (nd.BatchNormalization, {}, "gamma"),
        (nd.BatchNormalization, {}, "beta"),
        (nd.PReLU, {"alpha_initializer": nd.initializers.Constant(0.25)}, "alpha"),
        (nd.Maxout, {"units": 4}, "kernel"),
    ],
)
def test_the_one_wrong_gradient_is_named(kind, arguments, parameter, factor, batch):
    model = network(corrupted(kind, parameter, factor)(**arguments, name="bad"))
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", *batch)
    assert not report
    assert report.worst.name == f"bad/{parameter}"
    assert [c.name for c in report.wrong] == [f"bad/{parameter}"]
    assert report.error == pytest.approx(abs(1 - factor) / max(1, abs(factor)), rel=1e-3)
    assert f"bad/{parameter} does not agree" in str(report)


def test_a_wrong_input_gradient_shows_in_everything_below(batch):
    model = network(corrupted(nd.Activation, "input", 1.001)("tanh"), nd.Dense(4, name="over"))
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", *batch)
    wrong = [c.name for c in report.comparisons if c.error > report.tolerance]
    assert wrong == ["below/kernel", "below/bias", "input"]


def test_kinks_are_counted_and_left_out():
    model = nd.Sequential([nd.Dense(2), nd.Activation("relu"), nd.Dense(1)], input_size=3, seed=0)
    model.layer("dense").kernel.value[:, 0] = 0     # unit 0 sits on the kink of its ReLU: any weight or bias moves it off
    report = nd.debug.gradient_check(model, "mean_squared_error", [[1.0, -2.0, 0.5]], [[5.0]])
    assert report, report
    kinks = {c.name: c.kinks for c in report.comparisons}
    assert kinks == {"dense/kernel": 3, "dense/bias": 1, "dense_1/kernel": 0, "dense_1/bias": 0, "input": 0}


def test_a_weight_of_0_under_an_l1_penalty_passes(batch):
    model = network(nd.Dense(4, kernel_regularizer="l1", kernel_initializer="zeros"))
    assert nd.debug.gradient_check(model, "softmax_cross_entropy", *batch)


def test_a_gradient_outside_of_both_slopes_of_a_kink_is_wrong():
    class TooSteep(nd.Activation):
        def backward(self, grad_output):
            return np.multiply(grad_output, 2, out=self.grad_input)

    model = nd.Sequential([TooSteep("relu"), nd.Dense(1)], input_size=1, seed=0)
    assert not nd.debug.gradient_check(model, "mean_squared_error", [[0.0]], [[5.0]])


def test_a_network_that_has_learnt_everything_still_passes(batch):
    model = network(nd.Activation("tanh"), nd.Dense(10))
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.05))
    for _ in range(2000):
        loss = trainer.step(*batch)
    assert loss < 1e-5
    assert nd.debug.gradient_check(model, "softmax_cross_entropy", *batch)


def state(model):
    """Every bit that a model remembers."""
    arrays = [model.arena.values, model.arena.grads, *(b for layer in model.layers for b in layer.blocks.values())]
    return [array.tobytes() for array in arrays], [str(state) for state in noise(model)], model.dtype


def test_a_check_leaves_no_trace(batch, rng):
    layers = [nd.Dropout(0.5), nd.BatchNormalization(), nd.GaussianNoise(), nd.RReLU(), nd.Dense(4, kernel_regularizer="l2")]
    model = network(*layers, dtype="float32")
    model.forward(batch[0], training=True)
    model.backward(rng.normal(size=(ROWS, 3)))
    model.forward(batch[0], training=True)
    loss = nd.losses.SoftmaxCrossEntropy()
    before, x, y = state(model), batch[0].copy(), batch[1].copy()
    assert nd.debug.gradient_check(model, loss, *batch)
    assert state(model) == before
    assert np.array_equal(x, batch[0])
    assert np.array_equal(y, batch[1])
    assert loss.outputs is None
    model.backward(rng.normal(size=(ROWS, 3)))     # the pass that was under way continues


def test_a_gradient_that_is_not_a_number_is_wrong(batch, monkeypatch):
    def backward(layer, grad_output, usual=nd.Dense.backward):
        result = usual(layer, grad_output)
        if layer.name == "bad":
            layer.kernel.grad[...] = np.nan
        return result

    monkeypatch.setattr(nd.Dense, "backward", backward)
    report = nd.debug.gradient_check(network(nd.Dense(4, name="bad")), "softmax_cross_entropy", *batch)
    assert not report
    assert [c.name for c in report.wrong] == ["bad/kernel"]
    assert "bad/kernel does not agree: inf is above 1e-06" in str(report)


def test_a_gradient_that_is_too_small_to_tell_is_not_said_to_agree():
    layers = [layer for _ in range(19) for layer in (nd.Dense(5), nd.Activation("sigmoid"))]
    model = nd.Sequential([*layers, nd.Dense(2)], input_size=5, seed=0)
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", np.eye(5)[:3], np.array([0, 1, 0]))
    assert report
    small = [c for c in report.comparisons if c.verdict == "too small to tell"]
    assert small
    assert all(c.error > report.tolerance for c in small)      # the true difference is shown
    assert f"but for {len(small)} that are too small for differences to tell" in str(report)


def test_nothing_to_check_is_said():
    model = nd.Sequential([nd.Dense(2, name="only")], input_size=5)
    model.freeze("only")
    with pytest.raises(ValueError, match="gradient_check: the model has nothing to train"):
        nd.debug.gradient_check(model, "mean_squared_error", np.eye(5), np.zeros((5, 2)))
