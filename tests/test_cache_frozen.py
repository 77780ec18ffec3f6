"""fit(cache_frozen=True): the frozen layers are computed once, and nothing else changes."""

import copy

import numpy as np
import pytest
from helpers_training import CLASSES, WIDTH, bits, examples

import npdeep as nd
from npdeep import optimizers
from npdeep.callbacks import Callback, EarlyStopping, LambdaCallback
from npdeep.training.frozen_outputs import frozen_depth

Dense, Activation = nd.Dense, nd.Activation

ROUNDING = {"float64": 1e-12, "float32": 784 * 2.0**-24}
"""How far weights may drift apart, relative to the largest: in float32 by the worst rounding of one sum of 784 products."""

SPAN, HELD_OUT = slice(0, 330), slice(400, 500)


def trainer_of_digits(dtype="float64", optimizer="momentum", top=()):
    """A network whose lower half, batch normalization included, is trained a little and then frozen."""
    layers = [
        Dense(40, use_bias=False, kernel_initializer="he_normal", kernel_regularizer="l2", name="low"),
        *(nd.BatchNormalization(name="low_bn"), Activation("elu"), nd.PReLU("ones", name="low_slopes"), Activation("tanh")),
        *top,
        *(Dense(20, kernel_regularizer=nd.regularizers.L1(1e-4), name="high"), Activation("tanh"), Dense(10, name="outputs")),
    ]
    model = nd.Sequential(layers, 784, seed=0, dtype=dtype)
    return nd.Trainer(model, "softmax_cross_entropy", optimizer, clipping="clip_by_global_norm", metrics=["accuracy"])


def prepared(digits, **kwargs):
    trainer = trainer_of_digits(**kwargs)
    (x, y), _ = digits
    trainer.fit(x[500:700], y[500:700], epochs=2, verbose=False)
    trainer.model.freeze("low.*")
    return trainer


def train(trainer, digits, **kwargs):
    (x, y), _ = digits
    run = {"epochs": 3, "batch_size": 50, "validation_data": (x[HELD_OUT], y[HELD_OUT]), "verbose": False}
    return trainer.fit(x[SPAN], y[SPAN], **{**run, **kwargs})


def assert_equal_up_to_rounding(cached, uncached, dtype):
    tolerance = ROUNDING[dtype]
    slots = zip(cached.variables().items(), uncached.variables().items(), strict=True)
    for (name, a), (other_name, b) in slots:
        assert name == other_name
        scale = np.abs(b).max() if a.size > 1 and np.abs(b).max() > 0 else 1
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=name)
    assert cached.iteration == uncached.iteration
    here, there = cached.history, uncached.history
    assert [set(record) for record in here.records] == [set(record) for record in there.records]
    for name in set(here.records[0]) - {"seconds"}:
        # an accuracy counts whole digits: none of them lies so near a border that rounding moves it across
        np.testing.assert_allclose(here[name], there[name], rtol=tolerance, atol=tolerance, err_msg=name)


# ── the same batches and the same weights ─────────────────────────────────────────────────────────────────────────────
OPTIMIZERS = {
    "momentum": lambda: optimizers.Momentum(0.05, 0.9),
    "nesterov": lambda: optimizers.Nesterov(nd.schedules.ExponentialDecay(0.05, 10, 0.5)),
    "adam": lambda: optimizers.Adam(1e-3),
    "adamw": lambda: optimizers.AdamW(1e-3, weight_decay=0.1),
    "rmsprop": lambda: optimizers.RMSProp(1e-3),
}


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_cached_run_ends_with_the_weights_slots_and_history_of_the_uncached_one(optimizer, dtype, digits):
    """330 examples in batches of 50: the last batch of every epoch is short."""
    cached, uncached = (prepared(digits, dtype=dtype, optimizer=OPTIMIZERS[optimizer]()) for _ in range(2))
    start = bits(cached)["weights and statistics"]
    for trainer in (cached, uncached):
        train(trainer, digits, cache_frozen=trainer is cached)
    assert_equal_up_to_rounding(cached, uncached, dtype)
    assert bits(cached)["weights and statistics"] != start
    assert bits(cached)["generators"] == bits(uncached)["generators"]


WEIGHTS = np.random.default_rng(1).uniform(0, 2, 330)


@pytest.mark.parametrize(
    "settings",
    [
        {"shuffle": False},
        {"sample_weight": WEIGHTS},
        {"seed": 123},
        {"batch_size": 1000, "epochs": 2},
        {"batch_size": 330},
        {"validation_data": None},
        {"callbacks": lambda: [EarlyStopping("val_loss", every=4, patience=8)]},
    ],
    ids=lambda settings: "+".join(settings),
)
def test_it_is_the_same_run_under_all_settings_of_fit(settings, digits):
    cached, uncached = prepared(digits), prepared(digits)
    for trainer in (cached, uncached):
        callbacks = settings.get("callbacks", list)()
        train(trainer, digits, cache_frozen=trainer is cached, **{**settings, "callbacks": callbacks})
    assert_equal_up_to_rounding(cached, uncached, "float64")


@pytest.mark.parametrize("first", [True, False])
def test_cached_and_uncached_epochs_may_follow_each_other(first, digits):
    mixed, uncached = prepared(digits), prepared(digits)
    train(mixed, digits, epochs=1, cache_frozen=first)
    train(mixed, digits, epochs=2, cache_frozen=not first)
    train(uncached, digits, epochs=3)
    assert_equal_up_to_rounding(mixed, uncached, "float64")


def test_noise_above_the_frozen_layers_is_drawn_alike(digits):
    def noisy():
        return [Dense(20, use_bias=False, name="new"), nd.Dropout(0.5), nd.BatchNormalization(name="new_bn"), nd.RReLU()]

    cached, uncached = (prepared(digits, top=noisy()) for _ in range(2))
    for trainer in (cached, uncached):
        train(trainer, digits, cache_frozen=trainer is cached)
    assert bits(cached)["generators"] == bits(uncached)["generators"]
    assert_equal_up_to_rounding(cached, uncached, "float64")


def test_images_of_bytes_lists_and_memory_maps_are_taken(digits, tmp_path):
    (x, y), _ = digits
    pixels = (255 * x[:60]).astype(np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    results = []
    for images in (pixels, pixels.tolist(), np.load(tmp_path / "pixels.npy", mmap_mode="r"), pixels.astype(np.float64)):
        trainer = prepared(digits)
        trainer.fit(images, y[:60], cache_frozen=True, verbose=False)
        results.append(bits(trainer))
    assert all(result == results[0] for result in results)


def test_callbacks_see_the_run_as_it_is(digits):
    """The whole network is there to be evaluated and saved in the midst of a cached run."""
    cached, uncached = prepared(digits), prepared(digits)
    (x, y), _ = digits
    seen = {True: [], False: []}
    for trainer in (cached, uncached):
        mine = seen[trainer is cached]
        look = LambdaCallback(on_step_end=lambda t, mine=mine: mine.append((t.iteration, t.evaluate(x[:20], y[:20])["loss"])))
        train(trainer, digits, cache_frozen=trainer is cached, callbacks=[look])
    np.testing.assert_allclose(seen[True], seen[False], rtol=1e-12)
    assert len(seen[True]) == 21


def test_a_cached_run_can_be_saved_and_gone_on_with(digits, tmp_path):
    whole, part = prepared(digits, dtype="float32"), prepared(digits, dtype="float32")
    train(whole, digits, cache_frozen=True, epochs=2)

    class StopAmid(Callback):
        def on_step_end(self, trainer):
            if trainer.batches_done == 3 and trainer.epoch == 3:
                trainer.save(tmp_path / "amid.npz")
                trainer.stop("enough")

    train(part, digits, cache_frozen=True, epochs=2, callbacks=[StopAmid()])
    restored = nd.Trainer.restore(tmp_path / "amid.npz")
    assert (restored.epoch, restored.batches_done) == (3, 3)
    train(restored, digits, cache_frozen=True, epochs=1)
    assert bits(restored) == bits(whole)


# ── what is computed ──────────────────────────────────────────────────────────────────────────────────────────────────
def count_forwards(model):
    """Count, from now on, the rows that go through each layer."""
    rows = dict.fromkeys((layer.name for layer in model.layers), 0)
    for layer in model.layers:

        def counted(x, training=False, layer=layer, forward=layer.forward):
            rows[layer.name] += len(x)
            return forward(x, training)

        layer.forward = counted
    return rows


def test_each_example_goes_through_the_frozen_layers_once(digits):
    trainer = prepared(digits)
    rows = count_forwards(trainer.model)
    train(trainer, digits, cache_frozen=True, epochs=4, validation_data=None)
    frozen = ["low", "low_bn", "activation", "low_slopes", "activation_1"]
    assert {name: count for name, count in rows.items() if name in frozen} == dict.fromkeys(frozen, 330)
    assert {count for name, count in rows.items() if name not in frozen} == {4 * 330}


def test_what_lies_between_frozen_and_trained_layers_without_weights_is_computed_once_too(digits):
    trainer = prepared(digits)
    trainer.model.freeze("high")
    rows = count_forwards(trainer.model)
    train(trainer, digits, cache_frozen=True, validation_data=None)
    assert {name for name, count in rows.items() if count == 330} == set(rows) - {"outputs"}


def test_a_frozen_layer_above_a_trained_one_is_computed_at_every_step(digits):
    trainer, uncached = prepared(digits), prepared(digits)
    for each in (trainer, uncached):
        each.model.freeze("outputs")
        train(each, digits, cache_frozen=each is trainer)
    assert_equal_up_to_rounding(trainer, uncached, "float64")


# ── nothing is left behind ────────────────────────────────────────────────────────────────────────────────────────────
def assert_whole(trainer, digits):
    """A step uses the whole network and computes what a fresh trainer would."""
    (x, y), _ = digits
    names = [layer.name for layer in trainer.model.layers]
    assert [e.name for e in trainer.events() if e.stage == "forward"] == names
    twin = copy.deepcopy(trainer)
    assert [e.name for e in twin.walk(x[:9], y[:9]) if e.stage == "forward"] == names
    fresh = nd.Trainer(trainer.model.copy(), "softmax_cross_entropy")
    assert trainer.step(x[:9], y[:9]) == fresh.step(x[:9], y[:9])


def test_afterwards_steps_walks_and_fits_use_the_whole_network(digits):
    cached, uncached = prepared(digits), prepared(digits)
    for trainer in (cached, uncached):
        train(trainer, digits, cache_frozen=trainer is cached)
        trainer.model.unfreeze()
        train(trainer, digits)
    assert_equal_up_to_rounding(cached, uncached, "float64")
    assert_whole(cached, digits)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_behind_where_the_run_breaks_off(error, digits):
    def fail(trainer):
        raise error

    trainer = prepared(digits)
    with pytest.raises(error):
        train(trainer, digits, cache_frozen=True, callbacks=[LambdaCallback(on_step_end=fail)])
    assert_whole(trainer, digits)


def test_a_copy_taken_by_a_callback_uses_the_whole_network(digits):
    copies = []
    trainer = prepared(digits)
    take = LambdaCallback(on_epoch_end=lambda t, record: copies.append(copy.deepcopy(t)))
    train(trainer, digits, cache_frozen=True, epochs=1, callbacks=[take])
    assert_whole(copies[0], digits)


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def small(*layers):
    layers = [*layers, Dense(CLASSES, name="outputs")]
    return nd.Trainer(nd.Sequential(layers, WIDTH, seed=0), "softmax_cross_entropy", "momentum")


def low():
    return Dense(6, name="low")


NOISE = [nd.Dropout, nd.AlphaDropout, nd.GaussianDropout, nd.GaussianNoise, nd.RReLU]
REFUSED = {
    **{
        kind.__name__: (
            lambda kind=kind: small(low(), kind(name="noise"), Dense(6, name="middle")),
            "low|middle",
            "layer 'noise' among the frozen ones draws random numbers.* leave the layer out, or train without cache_frozen",
        )
        for kind in NOISE
    },
    "noise on the inputs": (lambda: small(nd.GaussianNoise(0.1), low()), "low", "layer 'gaussian_noise' among the frozen"),
    "statistics that continue": (
        lambda: small(low(), nd.BatchNormalization(name="bn", center=False, scale=False)),
        "low",
        r"batch normalization 'bn' among the frozen .* statistics of each batch; freeze it too: model.freeze\('bn'\)",
    ),
    "nothing is frozen": (lambda: small(low()), None, r"no lower layer is frozen; freeze .*: model.freeze\('hidden1'\)"),
    "only an upper layer is frozen": (lambda: small(low()), "outputs", "no lower layer is frozen"),
    "only half of the layer is frozen": (lambda: small(low()), "low/kernel", "no lower layer is frozen"),
    "only an activation lies below": (lambda: small(Activation("relu"), low()), None, "no lower layer is frozen"),
    "everything is frozen": (lambda: small(low()), ".*", r"every parameter is frozen.*see model.unfreeze"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_computed_once_is_refused_with_a_way_out_and_nothing_has_changed(case):
    build, scope, message = REFUSED[case]
    trainer = build()
    if scope is not None:
        trainer.model.freeze(scope)
    before, told = bits(trainer), []
    watch = LambdaCallback(on_fit_begin=lambda trainer: told.append("began"))
    with pytest.raises(ValueError, match=f"fit: cache_frozen: {message}"):
        trainer.fit(*examples(20), cache_frozen=True, callbacks=[watch], verbose=False)
    assert bits(trainer) == before
    assert told == []


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (examples(20), {"augment": lambda x, rng: x}, "cache_frozen .* layers once: augmented images would never reach them"),
        ((list(nd.batches(*examples(20))),), {}, "cache_frozen needs arrays x and y: an iterable may give other examples"),
    ],
)
def test_what_would_not_pass_through_the_frozen_layers_anew_is_refused(data, settings, message):
    trainer = small(low())
    trainer.model.freeze("low")
    before = bits(trainer)
    with pytest.raises(ValueError, match=message):
        trainer.fit(*data, cache_frozen=True, verbose=False, **settings)
    assert bits(trainer) == before


def test_batch_normalization_whose_parameters_were_stopped_by_hand_is_frozen_unless_its_statistics_go_on():
    trainer = small(low(), nd.BatchNormalization(name="bn"))
    trainer.model.freeze("low")
    for p in trainer.model.variables("bn/(gamma|beta)"):
        p.trainable = False
    trainer.fit(*examples(20), cache_frozen=True, verbose=False)
    trainer.model.layer("bn").use_moving_statistics = False
    with pytest.raises(ValueError, match=r"freeze it too: model.freeze\('bn'\)"):
        trainer.fit(*examples(20), cache_frozen=True, verbose=False)
    trainer.model.freeze("bn")
    trainer.fit(*examples(20), cache_frozen=True, verbose=False)


def test_noise_above_the_frozen_layers_is_drawn_anew_at_every_step():
    def made():
        layers = [low(), nd.Activation("relu"), nd.Dropout(0.3), Dense(6, name="middle"), Dense(CLASSES, name="outputs")]
        return nd.Trainer(nd.Sequential(layers, WIDTH, seed=0, dtype="float64"), "softmax_cross_entropy", "adam")

    cached, plain = made(), made()
    for trainer, flag in ((cached, True), (plain, False)):
        trainer.model.freeze("low")
        trainer.fit(*examples(40), epochs=3, batch_size=8, cache_frozen=flag, verbose=False)
    assert frozen_depth(cached.model) == cached.model.layers.index(cached.model.layer("dropout"))
    np.testing.assert_allclose(cached.model.arena.values, plain.model.arena.values, rtol=1e-12, atol=1e-14)
    assert str(cached.model.generators()) == str(plain.model.generators())


CHANGES = {
    "thaw all": lambda model: model.unfreeze(),
    "thaw the upper of two": lambda model: model.unfreeze("middle"),
    "thaw the lower of two": lambda model: model.unfreeze("low"),
    "freeze one more": lambda model: model.freeze("high"),
    "let the statistics continue": lambda model: model.unfreeze("bn"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changing_what_is_frozen_while_it_runs_is_refused(change):
    bn = nd.BatchNormalization(name="bn", center=False, scale=False)
    trainer = small(low(), bn, Dense(6, name="middle"), Dense(5, name="high"))
    trainer.model.freeze("low|middle|bn")

    def meddle(trainer):
        CHANGES[change](trainer.model)

    settings = {"batch_size": 5, "callbacks": [LambdaCallback(on_step_end=meddle)], "verbose": False}
    with pytest.raises(ValueError, match=r"what is frozen has changed while fit was running.* call fit again"):
        trainer.fit(*examples(20), cache_frozen=True, **settings)
    assert trainer.iteration == 1
    trainer.fit(*examples(20), verbose=False)    # and continues as it now is


@pytest.mark.parametrize("method", ["step", "walk"])
def test_a_step_from_a_callback_is_refused_while_the_frozen_layers_are_left_out(method):
    """Layers below and above are equally wide here: without a word the wrong network would be trained."""
    trainer = small(low())
    trainer.model.freeze("low")
    x, y = examples(20)
    meddle = LambdaCallback(on_step_end=lambda t: getattr(t, method)(x, y))
    with pytest.raises(ValueError, match=f"{method}: fit is running with cache_frozen.*call {method} after it, or fit without"):
        trainer.fit(x, y, cache_frozen=True, callbacks=[meddle], verbose=False)
    getattr(trainer, method)(x, y)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((20, WIDTH), np.nan), "fit: x holds nan at row 0"),
        (np.zeros((20, WIDTH + 1)), rf"x must have the shape \(n, {WIDTH}\)"),
        (np.full((20, WIDTH), 1e300), "x holds 1e\\+300, which float32 cannot hold"),
        (np.full((20, WIDTH), 3e38, np.float32), "fit: cache_frozen: output of the frozen layers holds inf at row 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_unfit_examples_are_refused_as_without_the_cache(x, message):
    trainer = small(low())
    trainer.model.layer("low").kernel.value = 1
    trainer.model.freeze("low")
    before = bits(trainer)
    with pytest.raises(ValueError, match=message):
        trainer.fit(x, examples(20)[1], cache_frozen=True, verbose=False)
    assert bits(trainer) == before
