"""Same seed, same machine: the same bits."""

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples

import npdeep as nd

X, Y = examples(50)


def trained(optimizer="momentum", seed=1, **kwargs):
    trainer = every_trainer(optimizer, seed)
    trainer.fit(X, Y, **{"epochs": 2, "batch_size": 16, "verbose": False, **kwargs})
    return trainer


@pytest.mark.parametrize("optimizer", sorted(nd.optimizers.KNOWN))
def test_two_fresh_models_of_one_seed_are_trained_to_the_same_bits(optimizer):
    first, second = trained(optimizer), trained(optimizer)
    assert bits(first) == bits(second)
    assert first.model.predict(X).tobytes() == second.model.predict(X).tobytes()
    assert first.history["loss"] == second.history["loss"]


def test_another_seed_gives_other_weights_noise_and_order():
    x = np.ones((20, 6), np.float32)
    one, other = (every_trainer(seed=seed).model for seed in (1, 2))
    assert not np.array_equal(one.layer("hidden1").kernel.value, other.layer("hidden1").kernel.value)
    for model in (one, other):
        model.forward(x, training=True)
    for name in ("dropout", "gaussian_dropout", "alpha_dropout"):
        assert not np.array_equal(one.layer(name).mask, other.layer(name).mask)
    assert not np.array_equal(one.layer("rrelu").slopes, other.layer("rrelu").slopes)
    assert bits(trained(seed=1)) != bits(trained(seed=2))


def test_without_a_seed_every_model_is_another_one():
    kernels = [nd.Sequential([nd.Dense(3)], 4).layers[0].kernel.value for _ in range(3)]
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[1], kernels[2])


def test_the_seed_drawn_for_a_model_without_one_makes_it_again():
    model = nd.Sequential([nd.Dense(3), nd.Dropout()], 4)
    again = nd.Sequential([nd.Dense(3), nd.Dropout()], 4, seed=model.seed)
    x = np.ones((5, 4))
    assert np.array_equal(model.forward(x, training=True), again.forward(x, training=True))


def test_a_layer_put_on_top_changes_nothing_below():
    below = [nd.Dense(5), nd.Dropout(0.5)]
    small = nd.Sequential(below, 6, seed=3)
    large = nd.Sequential([nd.Dense(5), nd.Dropout(0.5), nd.Dense(9)], 6, seed=3)
    outputs = small.forward(X, training=True).copy()
    large.forward(X, training=True)
    assert np.array_equal(large.layer("dropout").output, outputs)


def test_layers_of_one_model_draw_different_numbers():
    model = nd.Sequential([nd.Dense(6), nd.Dropout(), nd.Dense(6), nd.Dropout()], 6, seed=0)
    model.forward(X, training=True)
    assert not np.array_equal(model.layer("dense").kernel.value, model.layer("dense_1").kernel.value)
    assert not np.array_equal(model.layer("dropout").mask, model.layer("dropout_1").mask)


def test_the_order_comes_from_the_trainers_seed_and_fits_own_seed_overrides_it():
    model_seed, parts = every_trainer(seed=1), every_trainer(seed=1)
    given = {"clipping": parts.clipping.clone(), "metrics": ["accuracy"], "seed": 7}
    trainer_seed = nd.Trainer(parts.model, "softmax_cross_entropy", parts.optimizer.clone(), **given)
    run = {"epochs": 2, "batch_size": 16, "verbose": False}
    model_seed.fit(X, Y, seed=7, **run)
    trainer_seed.fit(X, Y, **run)
    assert bits(model_seed) == bits(trainer_seed)
    assert bits(model_seed) != bits(trained(seed=1))
    assert bits(trained(seed=1, shuffle=False)) == bits(trained(seed=1, shuffle=False, **{"batch_size": 16}))
    model = nd.Sequential([nd.Dense(3)], 6, seed=5)
    assert nd.Trainer(model, "hinge").seed == 5
    assert nd.Trainer(model, "hinge", seed=6).seed == 6


def test_numpys_global_generator_is_neither_used_nor_changed():
    np.random.seed(0)  # noqa: NPY002
    before = str(np.random.get_state())  # noqa: NPY002
    first = bits(trained())
    nd.datasets.spirals(10), nd.datasets.moons(10), nd.datasets.xor(10), list(nd.batches(X, Y))
    nd.Sequential([nd.Dense(3)], 4)
    assert str(np.random.get_state()) == before  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert bits(trained()) == first
