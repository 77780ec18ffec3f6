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
    "adadelta": lambda epsilon: AdaDelta(RATE, epsilon=epsilon),
    "adagrad": lambda epsilon: AdaGrad(RATE, initial_accumulator_value=0, epsilon=epsilon),
    "momentum": lambda epsilon: Momentum(RATE),
    "nesterov": lambda epsilon: Nesterov(RATE),
}
EPSILONS = (1e-30, 1e-20, 1e-15, 1e-12, 1e-10, 1e-8, 1e-7)
SCALES = (1e-20, 1e-18, 1e-16, 1e-14, 1e-10, 1e-5)
STEPS = 600


def gradients(scale, pattern):
    """Six columns: those of the pattern always, the last switched off for good after 40 steps."""
    g = np.random.default_rng(3).normal(size=(STEPS, 6)) * scale
    if pattern == "now and then":
        g[np.arange(STEPS) % 8 != 3] = 0      # 0 at the very steps that flush
    elif pattern == "a pause":
        g[100:500] = 0
    g[40:, 5] = 0
    return g.astype(np.float32)


def weights(optimizer, scale, pattern, flush=True):
    bench = Bench(optimizer, np.ones(6), "float32")
    if not flush:
        bench.optimizer.flush_every = 10**9
    for g in gradients(scale, pattern):
        bench.update(g)
    return bench.w.copy()


@pytest.mark.parametrize("pattern", ["always", "now and then", "a pause"])
@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("name", MAKERS)
def test_a_run_with_the_guard_is_the_run_without(name, epsilon, pattern):
    for scale in SCALES:
        if pattern == "a pause" and scale < 1e-19:
            continue                          # at rest, squares of 1e-40 are what the guard is there to remove
        guarded = weights(MAKERS[name](epsilon), scale, pattern)
        free = weights(MAKERS[name](epsilon), scale, pattern, flush=False)
        np.testing.assert_allclose(guarded, free, rtol=0, atol=1e-4 * RATE, err_msg=f"gradients of {scale}")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_adam_is_the_adam_of_the_paper(epsilon, scale):
    """In float32, one line a formula, no guard."""
    f = np.float32
    w, m, v = np.ones(6, f), np.zeros(6, f), np.zeros(6, f)
    for t, g in enumerate(gradients(scale, "always"), start=1):
        m = f(0.9) * m + f(1 - 0.9) * g
        v = f(0.999) * v + f(1 - 0.999) * g * g
        r = math.sqrt(1 - 0.999**t)
        w = w - f(RATE * r / (1 - 0.9**t)) * (m / (np.sqrt(v) + f(r * epsilon)))
    found = weights(Adam(RATE, epsilon=epsilon), scale, "always")
    np.testing.assert_allclose(found, w, rtol=1e-5, atol=0)


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


def test_a_divergence_whose_epsilon_float32_takes_for_0_is_refused_before_it_makes_nan():
    outputs, targets = np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"KLDivergence: epsilon=1e-50 is as good as 0 in float32, .*; take at least 1\.3e-38"):
        nd.losses.KLDivergence(1e-50).forward(outputs.astype(np.float32), targets)
    for epsilon, dtype in ((1.3e-38, np.float32), (1e-50, np.float64)):
        loss = nd.losses.KLDivergence(epsilon)
        assert np.isfinite(loss.forward(outputs.astype(dtype), targets))
        assert np.all(np.isfinite(loss.backward()))


def test_adagrad_whose_sums_begin_above_0_needs_no_epsilon():
    model = nd.Sequential([nd.Dense(1)], input_size=2)
    nd.Trainer(model, "mean_squared_error", AdaGrad(epsilon=1e-50)).step([[0, 0]], [[0]])
