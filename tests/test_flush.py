"""The guard against denormals changes no run: gradients and epsilons as small as float32 has them, against runs without it."""

import math

import numpy as np
import pytest
from test_optimizers import Bench

import npdeep as nd
from npdeep.optimizers import AdaDelta, AdaGrad, Adam, AdaMax, AdamW, Momentum, Nadam, Nesterov, RMSProp

RATE = 0.01
MAKERS = {
    "adam": lambda epsilon: Adam(RATE, epsilon=epsilon),
    "amsgrad": lambda epsilon: Adam(RATE, epsilon=epsilon, amsgrad=True),
    "adam, short memory": lambda epsilon: Adam(RATE, beta_1=0.5, beta_2=0.6, epsilon=epsilon),
    "adamw": lambda epsilon: AdamW(RATE, epsilon=epsilon),
    "adamax": lambda epsilon: AdaMax(RATE, epsilon=epsilon),
    "nadam": lambda epsilon: Nadam(RATE, epsilon=epsilon),
    "rmsprop": lambda epsilon: RMSProp(RATE, epsilon=epsilon),
    "rmsprop, both": lambda epsilon: RMSProp(RATE, momentum=0.9, centered=True, epsilon=epsilon),
    "adadelta": lambda epsilon: AdaDelta(RATE / math.sqrt(epsilon), epsilon=epsilon),    # its first steps are as long as √ε
    "adagrad": lambda epsilon: AdaGrad(RATE, initial_accumulator_value=0, epsilon=epsilon),
    "momentum": lambda epsilon: Momentum(RATE),
    "nesterov": lambda epsilon: Nesterov(RATE),
}
EPSILONS = (1e-30, 1e-20, 1e-15, 1e-12, 1e-10, 1e-8, 1e-7)
SCALES = (1e-20, 1e-18, 1e-16, 1e-14, 1e-10, 1e-5)
STEPS = 600


def gradients(scale, pattern):
    """Six columns: those of the pattern always, the last switched off for good after 40 steps; for several scales, six each."""
    if isinstance(scale, tuple):
        return np.hstack([gradients(one, pattern) for one in scale])
    g = np.random.default_rng(3).normal(size=(STEPS, 6)) * scale
    if pattern == "now and then":
        g[np.arange(STEPS) % 8 != 3] = 0      # 0 at the very steps that flush
    elif pattern == "a pause":
        g[100:500] = 0
    g[40:, 5] = 0
    return g


def weights(optimizer, scale, pattern, flush=True, dtype="float32"):
    given = gradients(scale, pattern)
    bench = Bench(optimizer, np.ones(given.shape[1]), dtype)
    if not flush:
        vars(bench.optimizer)["flush_every"] = 10**9
    for g in given:
        bench.update(g)
    return bench.w.copy()


@pytest.mark.parametrize("pattern", ["always", "now and then", "a pause"])
@pytest.mark.parametrize("epsilon", [1e-33, *EPSILONS])
@pytest.mark.parametrize("name", MAKERS)
def test_a_run_with_the_guard_is_the_run_without(name, epsilon, pattern):
    # at rest, squares of 1e-40 are what the guard is there to remove
    scales = tuple(scale for scale in SCALES if pattern != "a pause" or scale > 1e-19)
    guarded = weights(MAKERS[name](epsilon), scales, pattern).reshape(len(scales), 6)
    free = weights(MAKERS[name](epsilon), scales, pattern, flush=False).reshape(len(scales), 6)
    for i, scale in enumerate(scales):
        np.testing.assert_allclose(guarded[i], free[i], rtol=0, atol=1e-4 * RATE, err_msg=f"gradients of {scale}")


@pytest.mark.parametrize("pattern", ["now and then", "a pause"])
@pytest.mark.parametrize("name", MAKERS)
def test_in_float64_where_an_epsilon_may_be_smaller_still_too(name, pattern):
    """Gradients about ε and about √ε, which is where it matters."""
    epsilon, scales = 1e-50, (1e-51, 1e-50, 1e-48, 1e-26, 1e-25, 3e-25, 1e-24, 1e-22)
    guarded, free = (
        weights(MAKERS[name](epsilon), scales, pattern, flush=flush, dtype="float64").reshape(len(scales), 6)
        for flush in (True, False)
    )
    for i, scale in enumerate(scales):
        np.testing.assert_allclose(guarded[i], free[i], rtol=0, atol=1e-4 * RATE, err_msg=f"gradients of {scale}")


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_adam_is_the_adam_of_the_paper(epsilon):
    """In float32, one line a formula, no guard."""
    f, n = np.float32, 6 * len(SCALES)
    w, m, v = np.ones(n, f), np.zeros(n, f), np.zeros(n, f)
    for t, g in enumerate(gradients(SCALES, "always").astype(f), start=1):
        m = f(0.9) * m + f(1 - 0.9) * g
        v = f(0.999) * v + f(1 - 0.999) * g * g
        r = math.sqrt(1 - 0.999**t)
        w = w - f(RATE * r / (1 - 0.9**t)) * (m / (np.sqrt(v) + f(r * epsilon)))
    found = weights(Adam(RATE, epsilon=epsilon), SCALES, "always")
    np.testing.assert_allclose(found, w, rtol=1e-5, atol=0, err_msg=f"six columns each for gradients of {SCALES}")


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("momentum", "nesterov")])
def test_an_epsilon_that_float32_takes_for_0_is_refused_before_it_makes_nan(name):
    with pytest.raises(ValueError, match=r"epsilon=1e-50 is as good as 0 in float32, .*; take at least 1\.3e-38"):
        nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=2), "mean_squared_error", MAKERS[name](1e-50))
    nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=2), "mean_squared_error", MAKERS[name](1.3e-38)).step([[0, 0]], [[0]])
    nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=2, dtype="float64"), "mean_squared_error", MAKERS[name](1e-50))


@pytest.mark.parametrize("layer", [nd.LayerNormalization, nd.BatchNormalization])
@pytest.mark.parametrize("nested", [False, True])
def test_a_layer_whose_epsilon_float32_takes_for_0_is_refused_before_it_makes_nan(layer, nested):
    """Rows or columns of equal numbers have the variance 0."""

    def network(epsilon, dtype="float32"):
        last = layer(epsilon=epsilon)
        return nd.Sequential([nd.Residual([last]) if nested else last], input_size=2, dtype=dtype)

    with pytest.raises(ValueError, match=rf"{layer.__name__}: epsilon=1e-50 is as good as 0 in float32, .*; take at least 1"):
        network(1e-50)
    for model in (network(1.3e-38), network(1e-50, "float64")):
        assert np.all(np.isfinite(model.forward(np.ones((3, 2)), training=True)))


def test_adagrad_whose_sums_begin_above_0_needs_no_epsilon():
    model = nd.Sequential([nd.Dense(1)], input_size=2)
    nd.Trainer(model, "mean_squared_error", AdaGrad(epsilon=1e-50)).step([[0, 0]], [[0]])


@pytest.mark.parametrize("name", MAKERS)
def test_a_flush_empties_what_is_at_rest_and_leaves_weights_and_gradients_alone(name):
    optimizer = Bench(MAKERS[name](1e-7), np.ones(3), "float32").optimizer
    (piece,) = optimizer.pieces
    w, g = piece[:2]
    g[...] = [0, 0.5, 1e-39]
    for slot in optimizer.slots.values():
        slot[...] = 1e-39
    before = w.copy(), g.copy()
    optimizer.flush()
    np.testing.assert_array_equal((w, g), before)
    for slot in optimizer.decaying_slots():
        assert optimizer.slots[slot][0] == 0
