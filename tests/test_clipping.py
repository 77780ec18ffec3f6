"""Clipping against NumPy, at sizes where squares overflow or vanish, and in its place in the training step."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import npdeep as nd
from npdeep.clipping import ClipByGlobalNorm, ClipByNorm, ClipByValue, Clipping

LIMITS = st.floats(1e-3, 1e3)


def network(dtype="float64", seed=0):
    layers = [nd.Dense(4, name="low"), nd.Dense(3, name="middle"), nd.Dense(2, name="top")]
    return nd.Sequential(layers, input_size=5, seed=seed, dtype=dtype)


SIZE = network().arena.grads.size


def clipped(clipping, gradient, dtype="float64", frozen=None):
    """A network whose gradient was set to these numbers, after clipping; and the gradient of each parameter before it."""
    model = network(dtype)
    if frozen:
        model.freeze(frozen)
    model.arena.grads[:] = gradient
    before = {p.name: p.grad.copy() for p in model.parameters}
    clipping.plan(model.trainable_variables())
    clipping.clip()
    return model, before


def gradients(size):
    return arrays.arrays(np.float64, size, elements=st.floats(-1e6, 1e6))


# ── against NumPy ─────────────────────────────────────────────────────────────────────────────────────────────────────
@given(gradients(SIZE), LIMITS)
def test_by_value_holds_every_element_between_the_limits(gradient, limit):
    model, _ = clipped(ClipByValue(limit), gradient)
    np.testing.assert_array_equal(model.arena.grads, np.clip(gradient, -limit, limit))


@given(gradients(SIZE), LIMITS)
def test_by_norm_shortens_each_parameters_gradient_by_itself(gradient, limit):
    model, before = clipped(ClipByNorm(limit), gradient)
    for p in model.parameters:
        factor = min(1, limit / max(np.linalg.norm(before[p.name]), 1e-300))
        np.testing.assert_allclose(p.grad, before[p.name] * factor, rtol=1e-12, atol=0)


@given(gradients(SIZE), LIMITS)
def test_by_global_norm_shortens_all_of_them_by_one_factor(gradient, limit):
    clipping = ClipByGlobalNorm(limit)
    model, _ = clipped(clipping, gradient)
    norm = np.linalg.norm(gradient)
    np.testing.assert_allclose(model.arena.grads, gradient * min(1, limit / max(norm, 1e-300)), rtol=1e-12, atol=0)
    assert clipping.last_norm == pytest.approx(norm, rel=1e-12)


@pytest.mark.parametrize("clipping", [ClipByValue(1e7), ClipByNorm(1e9), ClipByGlobalNorm(1e9)], ids=repr)
def test_a_gradient_within_the_limit_keeps_its_bits(clipping, rng):
    gradient = rng.uniform(-1e6, 1e6, SIZE)
    model, _ = clipped(clipping, gradient)
    assert model.arena.grads.tobytes() == gradient.tobytes()


@pytest.mark.parametrize("clipping", [ClipByValue(), ClipByNorm(), ClipByGlobalNorm()], ids=repr)
def test_a_gradient_of_zero_stays_zero(clipping):
    model, _ = clipped(clipping, 0.0)
    assert not model.arena.grads.any()


def test_by_value_turns_the_gradient_and_by_norm_does_not():
    """The book's example: [0.9, 100] becomes [0.9, 1] by value and [0.00899964, 0.9999595] by norm."""
    results = {}
    for kind in (ClipByValue, ClipByGlobalNorm):
        gradient = np.zeros(SIZE)
        gradient[:2] = 0.9, 100
        results[kind] = clipped(kind(1.0), gradient)[0].arena.grads[:2]
    np.testing.assert_array_equal(results[ClipByValue], [0.9, 1.0])
    np.testing.assert_allclose(results[ClipByGlobalNorm], [0.00899964, 0.9999595], rtol=1e-6)


# ── sizes whose squares float32 cannot hold ───────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("size", [1e20, 1e25, 1e30, 3e37])
@pytest.mark.parametrize("limit", [1.0, 1e-3, 1e10])
@pytest.mark.parametrize("kind", [ClipByNorm, ClipByGlobalNorm])
def test_an_exploded_float32_gradient_is_shortened_in_the_right_direction(kind, limit, size, rng):
    gradient = (rng.normal(size=SIZE) / 3 * size).astype(np.float32)
    model, before = clipped(kind(limit), gradient, "float32")
    groups = [before] if kind is ClipByGlobalNorm else [{name: g} for name, g in before.items()]
    for group in groups:
        norm = math.hypot(*(float(x) for g in group.values() for x in g.ravel()))      # in float64, without overflow
        for p in model.parameters:
            if p.name in group and norm > 0:
                np.testing.assert_allclose(p.grad, group[p.name].astype(np.float64) * (limit / norm), rtol=1e-6)


def test_one_exploded_element_of_1e25_becomes_the_unit_step_that_it_points_to():
    gradient = np.zeros(SIZE)
    gradient[7] = -1e25
    model, _ = clipped(ClipByGlobalNorm(1.0), gradient, "float32")
    np.testing.assert_allclose(model.arena.grads[7], -1, rtol=1e-6)
    assert np.count_nonzero(model.arena.grads) == 1


@pytest.mark.parametrize("size", [1e-12, 1e-18, 1e-20, 5e-22, 1e-25, 1e-30, 1e-37])
@pytest.mark.parametrize("count", [1, 20, 90_000])
def test_the_norm_is_right_where_squares_vanish(size, count):
    model = nd.Sequential([nd.Dense(300), nd.Dense(200)], input_size=100, seed=0)
    gradient = np.zeros(model.arena.grads.size)
    gradient[:count] = size * np.linspace(1, 1.001, count)
    clipping = ClipByGlobalNorm(size)
    model.arena.grads[:] = gradient
    clipping.plan(model.parameters)
    clipping.clip()
    norm = size * np.linalg.norm(gradient / size)
    assert clipping.last_norm == pytest.approx(norm, rel=1e-6)
    np.testing.assert_allclose(model.arena.grads, gradient * min(1, size / norm), rtol=2e-6, atol=1e-43)


# ── NaN and infinity ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("parameter", "place"), [("low/kernel", (0, 0)), ("low/bias", (299,)), ("high/kernel", (299, 7)),
                                                  ("high/bias", (0,)), ("high/bias", (199,))])
@pytest.mark.parametrize("kind", [ClipByNorm, ClipByGlobalNorm])
def test_a_gradient_that_is_not_finite_raises_naming_the_parameter_wherever_it_stands(kind, parameter, place, bad):
    clipping = kind(1.0)
    layers = [nd.Dense(300, name="low"), nd.Dense(200, name="high")]     # 30,300 + 60,200 parameters: several chunks
    model = nd.Sequential(layers, input_size=100, seed=0)
    model.arena.grads[:] = 1
    next(p for p in model.parameters if p.name == parameter).grad[place] = bad
    before = model.arena.grads.copy()
    clipping.plan(model.parameters)
    message = rf"{type(clipping).__name__}: the gradient of {parameter} holds {bad} at \({place[0]},.*no weight was changed"
    with pytest.raises(ValueError, match=message):
        clipping.clip()
    np.testing.assert_array_equal(model.arena.grads, before)


class OwnLoss:
    """Its gradient is the same number everywhere."""

    def __init__(self, gradient):
        self.gradient = gradient

    def forward(self, outputs, targets):
        self.shape = outputs.shape
        return 0.0

    def backward(self):
        return np.full(self.shape, self.gradient)


@pytest.mark.parametrize("kind", [ClipByNorm, ClipByGlobalNorm])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_with_such_a_gradient_changes_no_weight_and_no_slot(kind, dtype):
    model = network(dtype)
    trainer = nd.Trainer(model, OwnLoss(1.0), "adam", clipping=kind(1.0))
    values = model.arena.values.tobytes()
    trainer.gradients(np.ones((2, 5)), np.zeros(2))
    model.layer("top").bias.grad[:] = math.nan
    with pytest.raises(ValueError, match="the gradient of top/bias holds nan"):
        trainer.apply_gradients()
    assert model.arena.values.tobytes() == values
    assert not any(slot.any() for slot in trainer.optimizer.slots.values())
    assert trainer.iteration == 0


def test_a_step_with_an_exploded_gradient_is_as_long_as_the_limit_allows():
    model = nd.Sequential([nd.Dense(2)], input_size=3, seed=0)
    trainer = nd.Trainer(model, OwnLoss(1e25), nd.optimizers.SGD(0.1), clipping=ClipByGlobalNorm(1.0))
    before = model.arena.values.copy()
    trainer.step(np.ones((4, 3)), np.zeros(4))
    np.testing.assert_allclose(model.arena.values - before, -0.1 / math.sqrt(8), rtol=1e-5)      # eight equal gradients


# ── in the training step ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("frozen", ["middle/", "low/", "low/|top/"])
def test_frozen_parameters_do_not_count_in_the_norm(frozen, rng):
    gradient = rng.normal(size=SIZE)
    clipping = ClipByGlobalNorm(0.1)
    model, before = clipped(clipping, gradient, frozen=frozen)
    norm = math.sqrt(sum(np.sum(before[p.name] ** 2) for p in model.trainable_variables()))
    assert norm < np.linalg.norm(gradient)
    assert clipping.last_norm == pytest.approx(norm, rel=1e-12)
    for p in model.parameters:
        expected = before[p.name] * (0.1 / norm if p.trainable else 1)
        np.testing.assert_allclose(p.grad, expected, rtol=1e-12)


def test_freezing_between_steps_is_noticed(rng):
    model, clipping = network(), ClipByGlobalNorm(1e-3)
    trainer = nd.Trainer(model, "softmax_cross_entropy", "sgd", clipping=clipping)
    x, y = rng.normal(size=(6, 5)), rng.integers(0, 2, 6)
    for frozen in (None, "top/", "low/"):
        if frozen:
            model.freeze(frozen)
        trainer.step(x, y)
        total = math.sqrt(sum(np.sum(p.grad**2) for p in model.trainable_variables()))
        assert total == pytest.approx(1e-3, rel=1e-12)


def test_penalties_are_inside_the_clip_and_the_learning_rate_is_not(rng):
    x, y = rng.normal(size=(6, 5)), rng.integers(0, 2, 6)

    def one_step(scale, clipping):
        model = nd.Sequential([nd.Dense(2, kernel_regularizer=nd.regularizers.L2(scale), name="d")], 5, seed=0, dtype="float64")
        kernel = model.layer("d").kernel.value.copy()
        trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(0.5), clipping=clipping)
        trainer.step(x, y)
        return kernel, model

    kernel, plain = one_step(0.0, None)
    expected = np.concatenate([(plain.layer("d").kernel.grad + 2 * 10 * kernel).ravel(), plain.layer("d").bias.grad])
    expected *= 0.25 / np.linalg.norm(expected)
    kernel, model = one_step(10.0, ClipByGlobalNorm(0.25))
    np.testing.assert_allclose(model.arena.grads, expected, rtol=1e-12)
    np.testing.assert_allclose(model.layer("d").kernel.value, kernel - 0.5 * expected[:10].reshape(5, 2), rtol=1e-12)


@pytest.mark.parametrize("clipping", [ClipByValue(0.01), ClipByNorm(0.01), ClipByGlobalNorm(0.01)], ids=repr)
def test_every_step_of_a_run_keeps_the_limit(clipping, rng):
    trainer = nd.Trainer(network("float32"), "softmax_cross_entropy", "momentum", clipping=clipping)
    for _ in range(20):
        trainer.step(100 * rng.normal(size=(6, 5)), rng.integers(0, 2, 6))
        grads = [p.grad.astype(np.float64) for p in trainer.model.parameters]
        largest = max(np.abs(g).max() for g in grads)
        norms = [np.linalg.norm(g) for g in grads]
        measured = {ClipByValue: largest, ClipByNorm: max(norms), ClipByGlobalNorm: math.hypot(*norms)}[type(clipping)]
        assert measured <= 0.01 * (1 + 1e-6)


# ── names and errors ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", nd.clipping.KNOWN)
def test_every_clipping_goes_by_its_name(name):
    assert type(nd.clipping.get(name)).__name__ == "".join(part.capitalize() for part in name.split("_"))
    assert eval(repr(nd.clipping.get(name)), vars(nd.clipping)).arguments() == nd.clipping.get(name).arguments()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ClipByValue(0), ValueError, "ClipByValue: value must be a number above 0, got 0"),
        (lambda: ClipByNorm(-1), ValueError, "ClipByNorm: norm must be a number above 0, got -1"),
        (lambda: ClipByGlobalNorm(math.nan), ValueError, "ClipByGlobalNorm: norm must be a number above 0, got nan"),
        (lambda: ClipByGlobalNorm(None), TypeError, "ClipByGlobalNorm: norm must be a number above 0, got None"),
        (lambda: nd.clipping.get("clip_by_globl_norm"), ValueError, "did you mean 'clip_by_global_norm'"),
        (lambda: nd.clipping.get("clip_grad_norm"), ValueError, "did you mean 'clip_by_global_norm'"),
        (lambda: nd.clipping.get(1.0), TypeError, r"clipping must be None, a name or an object of nd\.clipping, got 1\.0"),
        (lambda: nd.clipping.get(ClipByValue), TypeError, "got the class ClipByValue itself"),
    ],
)
def test_senseless_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_none_clips_nothing():
    assert nd.clipping.get(None) is None


def test_an_own_clipping_needs_its_method():
    with pytest.raises(NotImplementedError, match=r"Empty must define clip\(\)"):
        clipped(type("Empty", (Clipping,), {})(), 1.0)


def test_a_clipping_serves_one_trainer():
    clipping = ClipByGlobalNorm(1e-6)
    first = nd.Trainer(network(), OwnLoss(1.0), "sgd", clipping)
    with pytest.raises(ValueError, match="this ClipByGlobalNorm already serves a Trainer and holds its gradients; make a new"):
        nd.Trainer(network(), OwnLoss(1.0), "sgd", clipping)
    first.step(np.ones((2, 5)), np.zeros(2))
    assert np.linalg.norm(first.model.arena.grads) == pytest.approx(1e-6, rel=1e-5)
