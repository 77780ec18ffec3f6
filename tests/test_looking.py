"""Looks that change nothing, and the two halves of a step."""

import copy

import numpy as np
import pytest
from test_nested import BLOCKS, network

import npdeep as nd

MIDDLES = {
    **BLOCKS,
    "flat": lambda: nd.Dense(6),
    "prelu": lambda: nd.PReLU(nd.initializers.Constant(0.25)),
    "rrelu": lambda: nd.RReLU(),
    "maxout": lambda: nd.Maxout(6),
    "glu": lambda: nd.GLU(),
    "gaussian dropout": lambda: nd.GaussianDropout(0.3),
    "alpha dropout": lambda: nd.AlphaDropout(0.3),
    "gaussian noise": lambda: nd.GaussianNoise(0.3),
    "batch normalization": lambda: nd.BatchNormalization(),
}
each_middle = pytest.mark.parametrize("make", MIDDLES.values(), ids=MIDDLES)


def trained(make, dtype="float64"):
    """A trainer whose moving statistics have moved, and rows for it."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    trainer = nd.Trainer(network(make, dtype), "softmax_cross_entropy", nd.optimizers.Adam(0.01))
    trainer.fit(x, y, epochs=3, batch_size=6, verbose=False)
    return trainer, x, y


def bits(trainer):
    model = trainer.model
    arrays = [model.arena.values, model.arena.grads, *trainer.optimizer.slots.values()]
    arrays += [block for layer in model.everything() for block in layer.blocks.values()]
    return [a.tobytes() for a in arrays], str(model.generators()), model.passes, trainer.iteration


def differences(model, x, upstream, h=1e-6):
    """∂(Σ upstream · outputs)/∂x by central differences of predict."""
    slopes = np.empty_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        slopes[place] = ((model.predict(up) - model.predict(down)) * upstream).sum() / (2 * h)
    return slopes


@each_middle
def test_the_input_gradient_is_that_of_predict_and_nothing_changes(make):
    trainer, x, y = trained(make)
    model, rng = trainer.model, np.random.default_rng(2)
    upstream = rng.normal(size=(12, 3))
    walk = trainer.walk(x, y)
    next(walk)                                # a pass in progress
    before = bits(trainer)
    found = model.input_gradient(x, upstream)
    by_loss = model.input_gradient(x, loss="softmax_cross_entropy", y=y)
    one = model.input_gradient(x[:1], upstream[:1])
    assert bits(trainer) == before
    list(walk)
    model = copy.deepcopy(model)
    model.flat_values[:] = np.frombuffer(before[0][0], np.float64)[: model.flat_values.size]
    for p in model.parameters:
        if not p.has_grad:
            p.value = np.frombuffer(before[0][0], np.float64)[p.span].reshape(p.shape)
    expected = differences(model, x, upstream)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(one, expected[:1], rtol=1e-6, atol=1e-8)
    p = np.exp(model.predict(x))
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(by_loss, differences(model, x, (p - np.eye(3)[y]) / 12), rtol=1e-5, atol=1e-8)


@each_middle
def test_a_pass_in_inference_mode_can_be_followed_by_backward(make):
    trainer, x, _ = trained(make)
    model, upstream = trainer.model, np.random.default_rng(2).normal(size=(12, 3))
    model.forward(x)
    found = model.backward(upstream, input_gradient=True).copy()
    np.testing.assert_allclose(found, model.input_gradient(x, upstream), rtol=1e-12, atol=1e-14)


def test_an_input_gradient_needs_one_of_two():
    model = network(MIDDLES["flat"])
    for arguments in ({}, {"grad_output": np.ones((2, 3)), "loss": "hinge"}):
        with pytest.raises(ValueError, match="input_gradient: give either grad_output"):
            model.input_gradient(np.ones((2, 5)), **arguments)


@each_middle
def test_samples_are_fresh_differ_by_the_noise_and_change_nothing(make):
    trainer, x, _ = trained(make)
    before = bits(trainer)
    samples = trainer.model.sample(x, 5)
    again, others = trainer.model.sample(x, 5), trainer.model.sample(x, 5, seed=7)
    assert bits(trainer) == before
    assert samples.shape == (5, 12, 3)
    assert np.array_equal(samples, again)
    draws = any(layer.draws for layer in trainer.model.everything())
    assert (np.ptp(samples, axis=0).max() > 0) == draws
    assert np.array_equal(samples, others) != draws


# ── the two halves of a step ──────────────────────────────────────────────────────────────────────────────────────────
def pair(make, **how):
    layers = [nd.Dense(6, kernel_regularizer="l2", kernel_constraint="max_norm"), make(), nd.Dense(3)]
    for _ in range(2):
        model = nd.Sequential([layer.clone() for layer in layers], 5, seed=3, dtype=how.get("dtype", "float32"))
        yield nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.01), nd.clipping.ClipByGlobalNorm(0.5))


@each_middle
def test_the_two_halves_are_a_step_to_the_bit(make):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    whole, halves = pair(lambda: network(make).layers[1].clone())
    for _ in range(3):
        loss = whole.step(x, y)
        halves.gradients(x, y)
        assert halves.apply_gradients() == loss
    assert bits(whole)[0][0] == bits(halves)[0][0]
    assert whole.iteration == halves.iteration == 3


def test_accumulated_gradients_are_those_of_the_whole_batch():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    whole, parts = pair(lambda: nd.Activation("tanh"), dtype="float64")
    for _ in range(5):
        whole.step(x, y)
        total = np.zeros_like(parts.model.flat_gradients)
        for i in range(0, 12, 4):
            parts.gradients(x[i : i + 4], y[i : i + 4])
            total += parts.model.flat_gradients / 3
        parts.model.flat_gradients[:] = total
        parts.apply_gradients()
    np.testing.assert_allclose(parts.model.flat_values, whole.model.flat_values, rtol=1e-12, atol=1e-13)


def test_gradients_are_applied_once():
    trainer, x, y = trained(MIDDLES["flat"])
    before = bits(trainer)
    with pytest.raises(ValueError, match=r"apply_gradients: there are no new gradients; call trainer.gradients\(x, y\) first"):
        trainer.apply_gradients()
    assert bits(trainer) == before
    trainer.gradients(x, y)
    trainer.apply_gradients()
    with pytest.raises(ValueError, match="no new gradients"):
        trainer.apply_gradients()


def test_a_callback_stands_between_backward_and_update():
    class Halve(nd.callbacks.Callback):
        def on_gradients(self, trainer):
            seen.append(trainer.iteration)
            trainer.model.flat_gradients[:] *= 0.5

    seen = []
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    model = nd.Sequential([nd.Dense(3)], 5, seed=0)
    halved, slow = (nd.Trainer(model.copy(), "softmax_cross_entropy", nd.optimizers.SGD(rate)) for rate in (0.5, 0.25))
    halved.fit(x, y, epochs=2, batch_size=4, seed=1, callbacks=[Halve()], verbose=False)
    slow.fit(x, y, epochs=2, batch_size=4, seed=1, verbose=False)
    assert halved.model.flat_values.tobytes() == slow.model.flat_values.tobytes()
    assert seen == [0, 1, 2, 3, 4, 5]
    halved.step(x, y)                         # outside of fit nobody is asked
    assert len(seen) == 6
