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


def batches(rng, sizes=(7, 20, 3, 50, 2)):
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
def test_one_row_is_normalized_by_the_moving_statistics_and_leaves_them(dtype, rng):
    model = trained(rng, dtype=dtype)
    bn, before = model.layer("bn"), model.arena.values.tobytes()
    x, dy = rng.normal(size=(2, 1, UNITS)).astype(dtype)
    y = model.forward(x, training=True)
    assert y.tobytes() == model.copy().predict(x).tobytes()
    dx = model.backward(dy, input_gradient=True)
    inverse = 1 / np.sqrt(bn.moving_variance.value + 1e-5)
    close = {"rtol": 1e-5 if dtype == "float32" else 1e-12}
    np.testing.assert_allclose(dx, bn.gamma.value * inverse * dy, **close)
    np.testing.assert_allclose(bn.gamma.grad, (dy * (x - bn.moving_mean.value) * inverse)[0], **close)
    np.testing.assert_array_equal(bn.beta.grad, dy[0])
    assert model.arena.values.tobytes() == before
    assert bn.used_moving_statistics
    assert not bn.use_moving_statistics
    model.forward(batches(rng)[0], training=True)
    assert not bn.used_moving_statistics
    assert model.arena.values.tobytes() != before


def test_the_gradients_of_one_row_are_those_of_central_differences(rng):
    model = deep()
    run(model, rng)
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", rng.normal(size=(1, UNITS)), [1])
    assert report
    assert "moving statistics held: bn1, bn2" in str(report)
    assert "recomputed" not in str(report)


def on_rows(n, **given):
    """The moving variances over the true ones, and the loss of evaluate over that of training: 150 epochs in batches of 32."""
    rng = np.random.default_rng(1)
    x = rng.normal(5, 2, (n, 4)).astype("float32")
    y = x.sum(1, keepdims=True) - 20
    model = Sequential([BatchNormalization(name="bn"), Dense(1)], input_size=4, seed=0)
    trainer = Trainer(model, "mean_squared_error", nd.optimizers.Adam(0.05))
    trainer.fit(x, y, epochs=150, batch_size=32, verbose=False, **given)
    return model.layer("bn").moving_variance.value / x.var(axis=0), trainer.evaluate(x, y)["loss"]


def test_a_last_batch_of_one_row_keeps_out_of_the_moving_statistics():
    for rows in (33, 64, 65, 97):
        found, its_loss = on_rows(rows)
        expected = 31 / 32 * rows / (rows - 1)    # of 32 rows out of this many, without replacement
        np.testing.assert_allclose(found, expected, rtol=0.03)
        assert its_loss < 0.05                # the findings: 0.81, with moving variances of 0.63 of the true ones


def test_the_one_row_changes_the_moving_variance_by_less_than_a_hundredth(rng):
    x, y = rng.normal(5, 2, (65, 4)), rng.integers(0, 2, 65)
    ends = []
    for rows in (65, 64):                     # the same batches, with and without the last one
        model = Sequential([BatchNormalization(name="bn"), Dense(2)], input_size=4, seed=0)
        Trainer(model, "softmax_cross_entropy").fit(x[:rows], y[:rows], epochs=50, batch_size=32, shuffle=False, verbose=False)
        ends.append(model.layer("bn").moving_variance.value)
    np.testing.assert_array_equal(*ends)


WAYS_TO_ONE_ROW = {
    "batch_size": lambda x, y: (x, y, {"batch_size": 1}),
    "one example": lambda x, y: (x[:1], y[:1], {}),
    "scaled": lambda x, y: (x[:1], y[:1], {"scale": 0.5}),
    "a list of batches": lambda x, y: ([(x[i : i + 1], y[i : i + 1]) for i in range(9)], None, {}),
    "a generator": lambda x, y: (((x[i : i + 1], y[i : i + 1]) for i in range(9)), None, {}),
}


@pytest.mark.parametrize("way", WAYS_TO_ONE_ROW)
def test_fit_refuses_single_rows_before_anything_changes_and_its_cures_work(way, rng):
    x, y = rng.normal(size=(9, UNITS)), rng.integers(0, 2, 9)
    model = deep()
    trainer = Trainer(model, "softmax_cross_entropy")
    before = model.arena.values.tobytes()
    data, targets, given = WAYS_TO_ONE_ROW[way](x, y)
    message = "fit: (x has one row|the first batch has one row|batch_size=1), but 'bn1' normalizes by .* take 2 rows or more"
    with pytest.raises(ValueError, match=message) as caught:
        trainer.fit(data, targets, verbose=False, **given)
    assert len(str(caught.value)) < 300
    assert (model.arena.values.tobytes(), trainer.iteration) == (before, 0)
    trainer.fit(x, y, batch_size=32, verbose=False)
    model.freeze("bn1")
    data, targets, given = WAYS_TO_ONE_ROW[way](x, y)
    with pytest.raises(ValueError, match="'bn2' normalizes"):
        trainer.fit(data, targets, verbose=False, **given)
    model.freeze("bn2")
    data, targets, given = WAYS_TO_ONE_ROW[way](x, y)
    assert np.isfinite(trainer.fit(data, targets, verbose=False, **given)["loss"][0])


def test_it_refuses_them_for_layers_within_layers_too_and_there_the_cures_work_as_well(rng):
    x, y = rng.normal(size=(9, UNITS)), rng.integers(0, 2, 9)

    def trainer(normalization):
        inner = nd.Residual([normalization, Dense(UNITS)], name="block")
        return Trainer(Sequential([inner, Dense(2)], input_size=UNITS, seed=0), "softmax_cross_entropy")

    given = {"batch_size": 1, "verbose": False}
    refused = trainer(BatchNormalization(name="bn"))
    with pytest.raises(ValueError, match=r"fit: batch_size=1, but 'block/bn' .* freeze it, model.freeze\('block/bn'\)"):
        refused.fit(x, y, **given)
    refused.model.freeze("block/bn")
    refused.fit(x, y, **given)
    trainer(nd.LayerNormalization()).fit(x, y, **given)


def test_single_rows_later_in_an_epoch_are_trained_on(rng):
    x, y = rng.normal(size=(9, UNITS)), rng.integers(0, 2, 9)
    for data, given in (((x, y), {"batch_size": 4}), (([(x[:4], y[:4]), (x[4:5], y[4:5]), (x[5:], y[5:])],), {})):
        model = deep()
        trainer = Trainer(model, "softmax_cross_entropy")
        trainer.fit(*data, epochs=2, verbose=False, **given)
        assert trainer.iteration == 6
        assert np.all(np.isfinite(model.arena.values))


def test_a_resumed_epoch_may_begin_with_its_last_single_row(rng):
    x, y = rng.normal(size=(9, UNITS)), rng.integers(0, 2, 9)
    for data in ((x, y), ([(x[:4], y[:4]), (x[4:8], y[4:8]), (x[8:], y[8:])],)):
        trainer = Trainer(deep(), "softmax_cross_entropy")

        def fail(trainer):
            if trainer.iteration == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trainer.fit(*data, batch_size=4, callbacks=[nd.callbacks.LambdaCallback(on_step_end=fail)], verbose=False)
        assert trainer.fit(*data, batch_size=4, verbose=False)["updates"] == [3]


def test_steps_on_single_rows_train_the_network_without_statistics(rng):
    """By the statistics at their start, mean 0 and variance 1, the layer passes x on as it is, but for ε."""
    x, y = rng.normal(size=(200, UNITS)), rng.integers(0, 2, 200)
    layers = [BatchNormalization(name="bn", epsilon=1e-300), Dense(2, name="out")]
    model = Sequential(layers, input_size=UNITS, seed=0, dtype="float64")
    plain = Sequential([Dense(2, name="out")], input_size=UNITS, seed=0, dtype="float64")
    plain.layer("out").kernel.value = model.layer("out").kernel.value
    model.layer("bn").gamma.trainable = False
    model.layer("bn").beta.trainable = False
    model.layer("bn").use_moving_statistics = False           # else it would be the frozen layer's way
    trainers = [Trainer(m, "softmax_cross_entropy", nd.optimizers.SGD(0.1)) for m in (model, plain)]
    losses = [[t.step(x[i : i + 1], y[i : i + 1]) for i in range(200)] for t in trainers]
    np.testing.assert_allclose(*losses, rtol=1e-12)
    assert statistics(model, "bn") == (np.zeros(UNITS).tobytes(), np.ones(UNITS).tobytes())


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
    return tuple(p.value.tobytes() for p in model.variables(f"{name}/moving_.*"))


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


@pytest.mark.parametrize(("scope", "frozen"), [("bn1/", True), ("bn.", True), ("bn1/gamma", False), ("bn1/(gamma|beta)", True)])
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


def one_of(center, scale):
    layers = [Dense(3), BatchNormalization(center=center, scale=scale, name="bn"), Dense(2)]
    model = Sequential(layers, input_size=UNITS, seed=0, dtype="float64")
    return model, [p for p in model.layer("bn").parameters if p.has_grad]


@pytest.mark.parametrize(("center", "scale"), [(True, True), (True, False), (False, True)])
def test_parameters_that_are_all_stopped_one_by_one_stop_the_statistics_as_freeze_does(center, scale, rng):
    model, learnt = one_of(center, scale)
    bn = model.layer("bn")
    run(model, rng)
    for n, p in enumerate(learnt, start=1):
        p.trainable = False
        assert bn.use_moving_statistics is (n == len(learnt))
    frozen = model.copy()
    frozen.unfreeze("bn")
    frozen.freeze("bn")
    assert model.frozen() == frozen.frozen()
    before = statistics(model, "bn")
    run(model, np.random.default_rng(1))
    run(frozen, np.random.default_rng(1))
    assert statistics(model, "bn") == before
    assert model.arena.values.tobytes() == frozen.arena.values.tobytes()
    learnt[0].trainable = True                # one is enough for the statistics to follow the batches again
    assert not bn.use_moving_statistics
    run(model, rng)
    assert statistics(model, "bn") != before


def test_stopped_one_by_one_it_is_frozen_in_copies_files_and_states_too(tmp_path, rng):
    model, learnt = one_of(True, True)
    for p in learnt:
        p.trainable = False
    trainer = Trainer(model, "softmax_cross_entropy")
    state = trainer.state()
    restored = Trainer.restore(trainer.save(tmp_path / "b.npz")).model
    for twin in (model.copy(), nd.load_model(model.save(tmp_path / "a.npz")), restored):
        before = statistics(twin, "bn")
        run(twin, rng)
        assert statistics(twin, "bn") == before
        twin.unfreeze()
        assert not twin.layer("bn").use_moving_statistics
    model.unfreeze()
    trainer.set_state(state)
    assert model.layer("bn").use_moving_statistics
    model.variables("bn/gamma")[0].trainable = True           # nothing was decided for good
    assert not model.layer("bn").use_moving_statistics


@pytest.mark.parametrize("decided", [True, False])
def test_what_was_decided_by_hand_holds_until_freeze_or_unfreeze(decided, tmp_path, rng):
    model, learnt = one_of(True, True)
    bn = model.layer("bn")
    if not decided:
        for p in learnt:
            p.trainable = False
    bn.use_moving_statistics = decided
    for twin in (model, model.copy(), nd.load_model(model.save(tmp_path / "a.npz"))):
        before = statistics(twin, "bn")
        run(twin, rng)
        assert (statistics(twin, "bn") == before) is decided
    model.unfreeze()
    assert bn.use_moving_statistics is False
    model.freeze("bn")
    assert bn.use_moving_statistics is True
    with pytest.raises(TypeError, match="BatchNormalization: use_moving_statistics must be True or False, got 1"):
        bn.use_moving_statistics = 1


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
