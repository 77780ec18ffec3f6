"""Batch normalization: statistics over several batches, inference, one row, and statistics left alone."""

import copy
import math

import numpy as np
import pytest

import npdeep as nd
from npdeep import BatchNormalization, Dense, Sequential, Trainer

UNITS = 4


def network(dtype="float64", **arguments):
    return Sequential([BatchNormalization(name="bn", **arguments)], input_size=UNITS, seed=0, dtype=dtype)


def batches(rng, sizes=(7, 20, 3, 50, 1)):
    """Batches of several sizes, each unit with a mean and a spread of its own."""
    return [rng.normal(size=(n, UNITS)) * [1, 5, 0.1, 2] + [0, 10, -3, 100] for n in sizes]


# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("epsilon", [1e-5, 1e-3, 0.5])
@pytest.mark.parametrize(("center", "scale"), [(True, True), (True, False), (False, True), (False, False)])
def test_training_normalizes_by_the_batch_with_the_biased_variance(center, scale, epsilon, rng):
    model = network(center=center, scale=scale, epsilon=epsilon)
    bn = model.layer("bn")
    gamma, beta = rng.normal(size=UNITS) if scale else 1.0, rng.normal(size=UNITS) if center else 0.0
    if scale:
        bn.gamma.value = gamma
    if center:
        bn.beta.value = beta
    for x in batches(rng):
        expected = gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta
        np.testing.assert_allclose(model.forward(x, training=True), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("center", "scale", "names"),
    [(True, True, ["gamma", "beta"]), (True, False, ["beta"]), (False, True, ["gamma"]), (False, False, [])],
)
def test_center_and_scale_decide_which_parameters_there_are(center, scale, names):
    model = network(center=center, scale=scale)
    assert [p.name for p in model.parameters] == [f"bn/{n}" for n in [*names, "moving_mean", "moving_variance"]]
    trainable = [p.name for p in model.parameters if p.trainable]
    assert trainable == [f"bn/{n}" for n in names]


def test_a_normalized_batch_has_mean_zero_and_variance_one(rng):
    y = network(epsilon=1e-300).forward(batches(rng)[1], training=True)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-12)


def test_float32_units_far_from_zero_keep_their_digits(rng):
    x = (1000 + rng.normal(size=(200, UNITS))).astype(np.float32)
    y = network("float32").forward(x, training=True)
    exact = x.astype(np.float64)
    expected = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-3)     # the batch's mean itself has 1e-7 · 1000


# ── moving statistics ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("momentum", [0.9, 0.99, 0.5, 0.0])
def test_moving_statistics_follow_the_recurrence_with_the_biased_variance(momentum, rng):
    model = network(momentum=momentum)
    mean, variance = np.zeros(UNITS), np.ones(UNITS)
    for x in batches(rng):
        model.forward(x, training=True)
        mean = mean * momentum + x.mean(axis=0) * (1 - momentum)
        variance = variance * momentum + x.var(axis=0) * (1 - momentum)
        np.testing.assert_allclose(model.layer("bn").moving_mean.value, mean, rtol=1e-12)
        np.testing.assert_allclose(model.layer("bn").moving_variance.value, variance, rtol=1e-12)


def test_momentum_and_epsilon_default_to_the_chapters():
    assert (BatchNormalization().momentum, BatchNormalization().epsilon) == (0.9, 1e-5)


def test_after_k_batches_a_share_of_momentum_to_the_k_is_left_of_the_start(rng):
    model, (x,) = network(), batches(rng, sizes=[30])
    for _ in range(50):
        model.forward(x, training=True)
    left = 0.9**50
    np.testing.assert_allclose(model.layer("bn").moving_mean.value, x.mean(axis=0) * (1 - left), rtol=1e-10)
    np.testing.assert_allclose(model.layer("bn").moving_variance.value, x.var(axis=0) * (1 - left) + left, rtol=1e-10)


def test_pytorchs_statistics_are_ours_with_one_minus_the_momentum_and_the_unbiased_variance(rng):
    model, n = network(momentum=0.9), 20
    mean, variance = np.zeros(UNITS), np.ones(UNITS)
    for x in batches(rng, sizes=[n] * 5):
        model.forward(x, training=True)
        mean = (1 - 0.1) * mean + 0.1 * x.mean(axis=0)                # PyTorch's momentum 0.1
        variance = (1 - 0.1) * variance + 0.1 * x.var(axis=0, ddof=1)
    np.testing.assert_allclose(model.layer("bn").moving_mean.value, mean, rtol=1e-12)
    biased = (variance - 0.9**5) * (n - 1) / n + 0.9**5               # all batches have n rows
    np.testing.assert_allclose(model.layer("bn").moving_variance.value, biased, rtol=1e-12)


@pytest.mark.parametrize("said", ["PyTorch's momentum is 1 − ours", "0.9^k of the start", "TensorFlow 1 and Keras have 1e-3",
                                  "PyTorch's running variance is the unbiased one"])
def test_the_docstring_tells_how_others_differ(said):
    assert said in " ".join(BatchNormalization.__doc__.split())


# ── inference ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def trained(rng, **arguments):
    model = network(**arguments)
    for x in batches(rng):
        model.forward(x, training=True)
    for p in model.trainable_variables():
        p.value = rng.normal(size=UNITS)
    return model


def test_inference_uses_the_moving_statistics_row_by_row_and_leaves_them(rng):
    model = trained(rng)
    bn, x = model.layer("bn"), batches(rng)[1]
    before = model.arena.values.tobytes()
    mean, variance = bn.moving_mean.value, bn.moving_variance.value
    expected = bn.gamma.value * (x - mean) / np.sqrt(variance + 1e-5) + bn.beta.value
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(model.predict(x), np.vstack([model.predict(row) for row in x]))
    assert model.arena.values.tobytes() == before


def test_a_fresh_layer_passes_its_input_on_at_inference_but_for_epsilon(rng):
    x = batches(rng)[1]
    np.testing.assert_allclose(network(epsilon=1e-3).predict(x), x / math.sqrt(1.001), rtol=1e-12)


# ── one row ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_row_gives_beta_and_gets_no_gradient(dtype, rng):
    model = network(dtype)
    bn = model.layer("bn")
    bn.gamma.value, bn.beta.value = rng.normal(size=(2, UNITS))
    x, grad_output = rng.normal(size=(2, 1, UNITS)).astype(dtype)
    np.testing.assert_array_equal(model.forward(x, training=True), bn.beta.value[None])
    grad_input = model.backward(grad_output, input_gradient=True)
    np.testing.assert_array_equal(grad_input, np.zeros((1, UNITS)))
    np.testing.assert_array_equal(bn.gamma.grad, 0)
    np.testing.assert_array_equal(bn.beta.grad, grad_output[0])
    np.testing.assert_allclose(bn.moving_mean.value, 0.1 * x[0], rtol=1e-6)
    np.testing.assert_allclose(bn.moving_variance.value, 0.9, rtol=1e-6)


def test_a_last_short_batch_of_one_row_does_not_end_an_epoch(rng):
    model = Sequential([Dense(3), BatchNormalization(), Dense(2)], input_size=UNITS, seed=0)
    trainer = Trainer(model, "softmax_cross_entropy")
    history = trainer.fit(rng.normal(size=(9, UNITS)), rng.integers(0, 2, 9), batch_size=4, epochs=2, verbose=False)
    assert trainer.iteration == 6
    assert np.all(np.isfinite(history["loss"]))


def test_equal_rows_give_beta_too(rng):
    model = network()
    model.layer("bn").beta.value = [1, 2, 3, 4]
    np.testing.assert_array_equal(model.forward(np.ones((5, UNITS)), training=True), [[1, 2, 3, 4]] * 5)
    grad_input = model.backward(rng.normal(size=(5, UNITS)), input_gradient=True)
    np.testing.assert_allclose(grad_input.sum(axis=0), 0, atol=1e-10)


# ── the backward pass ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_gradient_of_the_input_sums_to_zero_and_is_blind_to_the_batchs_own_spread(rng):
    """Σ dx = 0: nobody feels a constant. Σ dx·x̂ ≈ 0: nor a scale (but for ε)."""
    model = trained(rng, epsilon=1e-12)
    x = batches(rng)[1]
    model.forward(x, training=True)
    dx = model.backward(rng.normal(size=x.shape), input_gradient=True)
    scale = np.abs(dx).sum(axis=0)
    assert np.all(np.abs(dx.sum(axis=0)) < 1e-12 * scale)
    assert np.all(np.abs((dx * (x - x.mean(axis=0)) / x.std(axis=0)).sum(axis=0)) < 1e-9 * scale)


def test_a_bias_below_has_no_gradient(rng):
    """The chapter's notebooks keep a bias below batch normalization: it is taken off again, so that it never moves."""
    model = Sequential([Dense(6, name="d"), BatchNormalization(), Dense(2)], input_size=UNITS, seed=0, dtype="float64")
    trainer = Trainer(model, "softmax_cross_entropy")
    trainer.step(rng.normal(size=(20, UNITS)), rng.integers(0, 2, 20))
    assert np.abs(model.layer("d").bias.grad).max() < 1e-15 < np.abs(model.layer("d").kernel.grad).max()


def test_with_moving_statistics_the_gradient_takes_the_direct_path_alone(rng):
    model = trained(rng)
    bn, x = model.layer("bn"), batches(rng)[1]
    bn.use_moving_statistics = True
    dy = rng.normal(size=x.shape)
    model.forward(x, training=True)
    dx = model.backward(dy, input_gradient=True)
    inverse = 1 / np.sqrt(bn.moving_variance.value + 1e-5)
    np.testing.assert_allclose(dx, dy * bn.gamma.value * inverse, rtol=1e-12)
    np.testing.assert_allclose(bn.gamma.grad, np.sum(dy * (x - bn.moving_mean.value) * inverse, axis=0), rtol=1e-10)
    np.testing.assert_allclose(bn.beta.grad, dy.sum(axis=0), rtol=1e-10)


# ── statistics left alone ─────────────────────────────────────────────────────────────────────────────────────────────
def deep():
    layers = [Dense(6, name="d1"), BatchNormalization(name="bn1"), Dense(6, name="d2"), BatchNormalization(name="bn2"),
              Dense(2, name="out")]
    return Sequential(layers, input_size=UNITS, seed=0)


def run(model, rng, steps=5):
    trainer = Trainer(model, "softmax_cross_entropy", "adam")
    for _ in range(steps):
        trainer.step(rng.normal(size=(10, UNITS)), rng.integers(0, 2, 10))
    return trainer


def statistics(model, name):
    return tuple(p.value.tobytes() for p in model.variables(f"{name}/moving_"))


def test_use_moving_statistics_leaves_them_bit_for_bit_while_the_rest_trains(rng):
    model = deep()
    run(model, rng)
    before, gamma = copy.deepcopy(model), model.layer("bn1").gamma.value.copy()
    model.layer("bn1").use_moving_statistics = True
    run(model, rng)
    assert statistics(model, "bn1") == statistics(before, "bn1")
    assert statistics(model, "bn2") != statistics(before, "bn2")
    assert np.all(model.layer("bn1").gamma.value != gamma)


def test_training_and_inference_agree_under_moving_statistics(rng):
    model = trained(rng)
    model.layer("bn").use_moving_statistics = True
    x = batches(rng)[1]
    assert model.forward(x, training=True).tobytes() == model.predict(x).tobytes()


@pytest.mark.parametrize(("scope", "frozen"), [("bn1/", True), ("bn", True), ("bn1/gamma", False), ("bn1/(gamma|beta)", True)])
def test_freeze_sets_it_for_layers_that_have_nothing_left_to_train(scope, frozen, rng):
    model = deep()
    model.freeze(scope)
    assert model.layer("bn1").use_moving_statistics is frozen
    before = statistics(model, "bn1")
    run(model, rng)
    assert (statistics(model, "bn1") == before) is frozen


def test_unfreeze_lets_the_statistics_follow_the_batches_again(rng):
    model = deep()
    model.freeze("bn1")
    model.unfreeze("bn1")
    before = statistics(model, "bn1")
    run(model, rng)
    assert statistics(model, "bn1") != before


def test_a_layer_without_parameters_can_be_frozen_by_its_statistics(rng):
    model = Sequential([Dense(3), BatchNormalization(center=False, scale=False, name="bn"), Dense(2)], input_size=UNITS, seed=0)
    model.freeze("bn/")
    before = statistics(model, "bn")
    run(model, rng)
    assert statistics(model, "bn") == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"momentum": 1.5}, ValueError, "BatchNormalization: momentum must be a number"),
        ({"momentum": math.nan}, ValueError, "BatchNormalization: momentum must be a number"),
        ({"epsilon": -1e-3}, ValueError, "BatchNormalization: epsilon must be a number above 0"),
        ({"center": "no"}, TypeError, "BatchNormalization: center must be True or False, got the string 'no'"),
        ({"scale": 1}, TypeError, "BatchNormalization: scale must be True or False, got 1"),
    ],
)
def test_senseless_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        nd.BatchNormalization(**arguments)
