"""A training step in steady state makes no array of the size of a batch or of the parameters."""

import gc
import tracemalloc

import numpy as np
import pytest
from helpers_training import every_layer

import npdeep as nd
from npdeep.activations import RULES
from npdeep.optimizers.base import LONGEST

ROWS = 50
WARM_UP, STEPS = 20, 300
PEAK = 128 * 1024
"""For a network of 266,610 parameters (1 MB) and batches of 157 kB; it leaves room for the random words of one dropout."""
NUMPY = 100_000
"""For arrays of 800 kB; NumPy itself casts and broadcasts in pieces of 8192 elements, 64 kB of float64."""
KEPT = 4 * 1024
REQUIRED = {"threshold": {"threshold": 0.1, "value": -1.0}}


def traced(operation, times=1):
    """(peak, what is kept) of new memory in this many calls of the operation, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(times):
            operation()
        _, peak = tracemalloc.get_traced_memory()
        gc.collect()
        return peak - before, tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def remedies():
    """784-300-100-10 with everything at once."""
    layers = [nd.Dropout(0.5)]
    for units in (300, 100):
        layers += [nd.Dense(units), nd.BatchNormalization(), nd.Activation("elu"), nd.Dropout(0.5)]
    model = nd.Sequential([*layers, nd.Dense(10)], 784, seed=42)
    return nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(1e-3), clipping=nd.clipping.ClipByGlobalNorm(1.0))


def plain():
    layers = [nd.Dense(300), nd.Activation("leaky_relu"), nd.Dense(100), nd.Activation("leaky_relu"), nd.Dense(10)]
    return nd.Trainer(nd.Sequential(layers, 784, seed=42), "softmax_cross_entropy", nd.optimizers.SGD(0.01))


def limits():
    limit = {"kernel_regularizer": nd.regularizers.L1(1e-4), "kernel_constraint": nd.constraints.MaxNorm(1.0)}
    layers = [nd.Dense(300, **limit), nd.Activation("relu"), nd.Dense(100, **limit), nd.Activation("relu"), nd.Dense(10)]
    clipping = nd.clipping.ClipByNorm(1.0)
    return nd.Trainer(nd.Sequential(layers, 784, seed=42), "softmax_cross_entropy", "momentum", clipping=clipping)


def noise():
    layers = [nd.GaussianNoise(), nd.Maxout(100), nd.GaussianDropout(), nd.PReLU(), nd.AlphaDropout(), nd.RReLU(), nd.GLU()]
    return nd.Trainer(nd.Sequential([*layers, nd.Dense(10)], 784, seed=42), "softmax_cross_entropy", "nesterov")


@pytest.fixture
def minibatch(digits):
    (x, y), _ = digits
    return x[:ROWS].copy(), y[:ROWS].copy()


@pytest.mark.parametrize("make", [remedies, plain, limits, noise])
def test_300_steps_allocate_next_to_nothing_and_keep_nothing(make, minibatch):
    trainer = make()

    def step():
        for _ in trainer.operations(*minibatch, None):
            pass

    for _ in range(WARM_UP):
        step()
    peak, kept = traced(step, STEPS)
    assert trainer.iteration == WARM_UP + STEPS > LONGEST     # a search for denormals is among them
    assert peak < PEAK
    assert abs(kept) < KEPT


@pytest.mark.parametrize("optimizer", sorted(nd.optimizers.KNOWN))
def test_an_update_and_the_search_for_denormals_use_the_arenas_scratch(optimizer, minibatch):
    trainer = nd.Trainer(plain().model, "softmax_cross_entropy", optimizer)
    trainer.step(*minibatch)
    trainer.optimizer.update(0)
    peak, _ = traced(lambda: (trainer.optimizer.update(1), trainer.optimizer.flush()))
    assert trainer.model.arena.values.nbytes > 1_000_000
    assert peak < 16 * 1024


def test_a_step_with_its_checks_and_an_epoch_of_fit_allocate_next_to_nothing(digits):
    (x, y), _ = digits
    trainer = plain()
    run = {"batch_size": ROWS, "verbose": False}
    trainer.fit(x[:500], y[:500], **run)
    trainer.step(x[:ROWS], y[:ROWS])
    peak, _ = traced(lambda: trainer.step(x[:ROWS], y[:ROWS]))
    assert peak < PEAK
    peak, _ = traced(lambda: trainer.fit(x[:500], y[:500], **run))
    assert peak < PEAK + x[:ROWS].nbytes      # the one minibatch that rows are gathered into


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_no_activation_allocates_an_array_of_the_batchs_size(name, dtype, rng):
    layer = nd.Activation(name, **REQUIRED.get(name, {}))
    model = nd.Sequential([layer], 100, dtype=dtype)
    x = rng.standard_normal((2000, 100)).astype(dtype)

    def both():
        model.forward(x, training=True)
        model.backward(x, input_gradient=True)

    both()
    peak, kept = traced(both)
    assert x.nbytes >= 800_000
    assert peak < NUMPY
    assert abs(kept) < KEPT


@pytest.mark.parametrize("index", range(len(every_layer())))
def test_no_layer_allocates_an_array_of_the_batchs_size_but_random_words(index, rng):
    layer = every_layer()[index]
    model = nd.Sequential([layer], 100, seed=0)
    x = rng.standard_normal((2000, 100), dtype=np.float32)
    upstream = np.ones((2000, model.output_size), np.float32)

    def both():
        model.forward(x, training=True)
        model.backward(upstream, input_gradient=True)

    both()
    peak, kept = traced(both)
    words = 2 * x.size if isinstance(layer, nd.Dropout) and not isinstance(layer, nd.GaussianDropout) else 0
    assert peak < NUMPY + words
    assert abs(kept) < KEPT


LOSSES = {
    "binary_cross_entropy": lambda rng: rng.integers(0, 2, (2000, 100)),
    "hinge": lambda rng: 2.0 * rng.integers(0, 2, (2000, 100)) - 1,
    "squared_hinge": lambda rng: 2.0 * rng.integers(0, 2, (2000, 100)) - 1,
    "kl_divergence": lambda rng: rng.dirichlet(np.ones(100), 2000),
    "poisson": lambda rng: rng.poisson(3, (2000, 100)),
    "softmax_cross_entropy": lambda rng: rng.integers(0, 100, 2000),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(nd.losses.KNOWN))
def test_no_loss_allocates_an_array_of_the_batchs_size(name, weighted, rng):
    loss = nd.losses.KNOWN[name]()
    z = rng.uniform(0.1, 0.9, (2000, 100)).astype(np.float32)
    make = LOSSES.get(name, lambda rng: rng.standard_normal((2000, 100)))
    y = loss.check_targets(make(rng), 2000, 100, np.float32)
    weight = np.ones((2000, 1), np.float32) if weighted else None

    def both():
        loss.compute(z, y, weight)
        loss.compute_gradient()

    both()
    peak, kept = traced(both)
    assert peak < NUMPY
    assert abs(kept) < KEPT


@pytest.mark.parametrize("make", [remedies, limits, noise])
def test_predictions_reuse_the_buffers(make, digits):
    model, x = make().model, digits[0][0][:1000]
    model.predict(x)
    peak, kept = traced(lambda: model.predict(x), 10)
    assert x.nbytes > 3_000_000
    assert peak < PEAK
    assert abs(kept) < KEPT
