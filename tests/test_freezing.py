"""Freezing: what is frozen keeps its bits whatever continues around it, and the rest is trained as if nothing were frozen."""

import re

import numpy as np
import pytest
from helpers_training import CLASSES, WIDTH, every_layer, every_trainer, examples
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep import clipping, constraints, optimizers, regularizers

Dense, Activation = nd.Dense, nd.Activation

OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.05),
    "momentum": lambda: optimizers.Momentum(0.05, 0.9),
    "nesterov": lambda: optimizers.Nesterov(0.05, 0.9),
    "adagrad": lambda: optimizers.AdaGrad(0.05),
    "rmsprop": lambda: optimizers.RMSProp(0.01, momentum=0.5, centered=True),
    "adadelta": lambda: optimizers.AdaDelta(),
    "adam": lambda: optimizers.Adam(0.01, amsgrad=True),
    "adamw, heavy decay": lambda: optimizers.AdamW(0.01, weight_decay=5.0),
    "adamax": lambda: optimizers.AdaMax(0.01),
    "nadam": lambda: optimizers.Nadam(0.01),
}


def greedy_layers():
    """Layers whose regularizers and constraints would change everything at once, were they let."""
    tight = {"kernel_regularizer": regularizers.L1(0.01), "kernel_constraint": constraints.MaxNorm(0.3)}
    return [
        Dense(8, bias_regularizer="l2", bias_constraint=constraints.NonNegative(), name="low", **tight),
        nd.BatchNormalization(name="low_bn"),
        nd.PReLU(nd.initializers.Constant(0.25), name="low_slopes"),
        nd.Maxout(7, name="middle", **tight),
        nd.BatchNormalization(name="middle_bn"),
        nd.Dropout(0.25),
        Dense(CLASSES, name="top", **tight),
    ]


def greedy_trainer(optimizer="momentum", dtype="float32"):
    model = nd.Sequential(greedy_layers(), WIDTH, seed=2, dtype=dtype)
    optimizer = OPTIMIZERS[optimizer]()
    return nd.Trainer(model, "softmax_cross_entropy", optimizer, clipping=clipping.ClipByGlobalNorm(0.1))


def everything(trainer):
    """The bytes of every variable, moving statistic and slot."""
    return {name: array.tobytes() for name, array in trainer.variables().items() if name != "iteration"}


def belongs(name, owners):
    return name.partition("/")[0] in owners


# ── bits ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("owners", [["low", "low_bn", "low_slopes"], ["middle", "middle_bn"], ["top"]], ids="+".join)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weights_slots_and_statistics_of_what_is_frozen_keep_their_bits(optimizer, owners):
    """Under penalties, limits, decay, clipping, and with a velocity left over from before."""
    trainer = greedy_trainer(optimizer)
    trainer.fit(*examples(64), verbose=False)
    trainer.model.freeze("|".join(f"{owner}/" for owner in owners))
    before = everything(trainer)
    trainer.fit(*examples(100, seed=1), epochs=3, verbose=False)
    after = everything(trainer)
    assert {name for name in before if belongs(name, owners) and before[name] != after[name]} == set()
    assert not any(p.grad.any() for p in trainer.model.parameters if p.has_grad and not p.trainable)
    trained = [p.name for p in trainer.model.trainable_variables()]
    assert {name for name in trained if before[name] == after[name]} <= {"low/bias"}    # may be at its limit, 0
    if trainer.optimizer.slot_names:
        changed = {name for name in before if before[name] != after[name]}
        assert any(name.startswith(("low/kernel/", "middle/kernel/", "top/kernel/")) for name in changed)


def test_single_parameters_can_be_frozen():
    trainer = greedy_trainer()
    trainer.model.freeze(".*(bias|alpha|beta)$")
    before = everything(trainer)
    trainer.fit(*examples(64), verbose=False)
    after = everything(trainer)
    kept = {name for name in before if before[name] == after[name]}
    assert {n for n in kept if n.count("/") == 1} == {n for n in before if n.endswith(("/bias", "/alpha", "/beta"))}


# ── the rest is trained as if nothing were frozen ─────────────────────────────────────────────────────────────────────
def deep(dtype="float64"):
    layers = [
        *(Dense(5, name="a"), Activation("tanh"), nd.PReLU(nd.initializers.Constant(0.3), name="p")),
        *(nd.Maxout(4, name="m"), Dense(6, name="b"), nd.GLU(), Dense(CLASSES, name="c")),
    ]
    return nd.Sequential(layers, WIDTH, seed=0, dtype=dtype)


NAMES = [p.name for p in deep().variables()]


@given(st.sets(st.sampled_from(NAMES), min_size=1, max_size=len(NAMES) - 1))
def test_the_gradients_of_the_rest_are_those_of_the_whole_network(frozen):
    x, y = examples(9)
    whole, part = deep(), deep()
    part.freeze("|".join(f"{name}$" for name in frozen))
    for model in (whole, part):
        nd.Trainer(model, "softmax_cross_entropy", optimizers.SGD(0.5)).step(x, y)
    for p, other in zip(part.variables(), whole.variables(), strict=True):
        if p.name in frozen:
            assert not p.grad.any()
        else:
            assert p.grad.tobytes() == other.grad.tobytes()
            assert p.value.tobytes() == other.value.tobytes()


@given(st.sets(st.sampled_from([layer.name for layer in deep().layers if layer.parameters]), max_size=4))
def test_backward_runs_down_to_the_lowest_layer_with_something_to_train_and_no_further(frozen):
    trainer = nd.Trainer(deep(), "softmax_cross_entropy")
    for name in frozen:
        trainer.model.freeze(f"{name}/")
    layers = trainer.model.layers
    lowest = next(i for i, layer in enumerate(layers) if layer.parameters and layer.name not in frozen)
    events = list(trainer.walk(*examples(9)))
    assert [e.name for e in events if e.stage == "forward"] == [layer.name for layer in layers]
    assert [e.name for e in events if e.stage == "backward"] == [layer.name for layer in reversed(layers[lowest:])]
    assert [layer.grad_input is None for layer in layers] == [i <= lowest for i in range(len(layers))]
    assert [e.name for e in trainer.events()] == [e.name for e in events]


def test_the_global_norm_is_that_of_what_is_trained():
    """The gradient of a frozen layer takes no part in clipping."""
    trainer = greedy_trainer()
    trainer.model.freeze("(low|middle).*")
    trainer.step(*examples(32))
    unclipped = nd.Trainer(nd.Sequential(greedy_layers(), WIDTH, seed=2), "softmax_cross_entropy")
    unclipped.model.freeze("(low|middle).*")
    unclipped.step(*examples(32))
    top = unclipped.model.variables("top/")
    assert trainer.clipping.last_norm == pytest.approx(np.sqrt(sum(np.sum(np.square(p.grad)) for p in top)), rel=1e-5)


# ── batch normalization ───────────────────────────────────────────────────────────────────────────────────────────────
def normalized(frozen):
    model = nd.Sequential(
        [Dense(5, name="a"), nd.BatchNormalization(name="bn"), Activation("tanh"), Dense(CLASSES, name="c")],
        *(WIDTH, 0, "float64"),
    )
    trainer = nd.Trainer(model, "softmax_cross_entropy", optimizers.SGD(0.1))
    trainer.fit(*examples(64), epochs=2, verbose=False)
    if frozen:
        model.freeze("bn")
    return trainer


def test_frozen_batch_normalization_normalizes_with_its_moving_statistics_while_the_rest_trains():
    trainer = normalized(frozen=True)
    bn = trainer.model.layer("bn")
    statistics = bn.moving_mean.value.copy(), bn.moving_variance.value.copy()
    for seed in range(3):
        x, y = examples(17, seed)
        trainer.step(x + 5, y)                # far from what the statistics have seen
        z = bn.input
        expected = bn.gamma.value * (z - statistics[0]) / np.sqrt(statistics[1] + bn.epsilon) + bn.beta.value
        np.testing.assert_allclose(bn.output, expected, rtol=1e-12, atol=1e-12)
        slope = bn.gamma.value / np.sqrt(statistics[1] + bn.epsilon)    # the statistics are constants: no more terms
        np.testing.assert_allclose(bn.grad_input, bn.grad_output * slope, rtol=1e-12)
        assert trainer.model.layer("a").kernel.grad.any()
    assert (bn.moving_mean.value.tobytes(), bn.moving_variance.value.tobytes()) == tuple(s.tobytes() for s in statistics)


def test_a_model_whose_normalization_is_frozen_says_the_same_in_training_and_in_use():
    trainer = normalized(frozen=True)
    x, _ = examples(20, seed=3)
    used = trainer.model.predict(x)
    np.testing.assert_array_equal(trainer.model.forward(x, training=True), used)
    trainer.model.unfreeze()
    assert not np.allclose(trainer.model.forward(x, training=True), used)


def test_its_gradients_are_right_above_and_below():
    trainer = normalized(frozen=True)
    report = nd.debug.gradient_check(trainer.model, "softmax_cross_entropy", *examples(12))
    assert report, str(report)
    assert {"a/kernel", "a/bias", "c/kernel", "c/bias"} <= {comparison.name for comparison in report.comparisons}


@pytest.mark.parametrize("scope", [None, "bn", "bn/gamma", "bn/beta"])
def test_unfrozen_normalization_follows_the_batches_again(scope):
    trainer = normalized(frozen=True)
    trainer.model.unfreeze(scope)
    before = everything(trainer)
    trainer.fit(*examples(64, seed=8), verbose=False)
    changed = {name for name, kept in everything(trainer).items() if kept != before[name]}
    assert {"bn/moving_mean", "bn/moving_variance"} <= changed


# ── freezing and thawing in the course of a run ───────────────────────────────────────────────────────────────────────
def test_a_layer_frozen_between_two_fits_rests_and_goes_on_later_with_its_old_velocity():
    trainer, (x, y) = every_trainer(), examples(64)
    trainer.fit(x, y, verbose=False)
    trainer.model.freeze("hidden2/")
    first = everything(trainer)
    trainer.fit(x, y, verbose=False)
    second = everything(trainer)
    trainer.model.unfreeze("hidden2/")
    trainer.fit(x, y, verbose=False)
    third = everything(trainer)
    own = ["hidden2/kernel", "hidden2/bias", "hidden2/kernel/Momentum", "hidden2/bias/Momentum"]
    assert all(first[name] == second[name] != third[name] for name in own)


@pytest.mark.parametrize("when", ["between steps", "in a callback"])
def test_freezing_in_the_middle_of_an_epoch_takes_effect_at_the_next_step(when):
    trainer, (x, y) = every_trainer(), examples(64)
    seen = []

    def freeze(trainer):
        if trainer.iteration == 2:
            trainer.model.freeze("hidden1.*|outputs")
        seen.append(everything(trainer))

    if when == "in a callback":
        trainer.fit(x, y, batch_size=16, callbacks=[nd.callbacks.LambdaCallback(on_step_end=freeze)], verbose=False)
    else:
        for xb, yb in nd.batches(x, y, 16, seed=0):
            trainer.step(xb, yb)
            freeze(trainer)
    frozen = [name for name in seen[0] if belongs(name, ["hidden1", "hidden1_bn", "outputs"])]
    assert all(seen[1][name] == seen[2][name] == seen[3][name] for name in frozen)
    assert all(seen[0][name] != seen[1][name] for name in frozen)
    assert all(seen[1][name] != seen[2][name] != seen[3][name] for name in ("hidden2/kernel", "maxout/kernel"))


def test_freezing_in_the_middle_of_a_walk_leaves_the_running_step_whole():
    walked, stepped = every_trainer("adam"), every_trainer("adam")
    x, y = examples(32)
    for event in walked.walk(x, y):
        if event.stage == "update":
            walked.model.freeze("hidden1.*")
    stepped.step(x, y)
    assert everything(walked) == everything(stepped)
    before = everything(walked)
    walked.step(x, y)
    assert all(everything(walked)[name] == before[name] for name in before if belongs(name, ["hidden1", "hidden1_bn"]))


def test_where_everything_is_frozen_there_is_nothing_to_train_but_everything_to_use():
    trainer, (x, y) = every_trainer(), examples(32)
    trainer.model.freeze(".*")
    before = everything(trainer)
    for call in (trainer.step, trainer.walk, trainer.fit):
        with pytest.raises(ValueError, match=r"every parameter is frozen, there is nothing to train; see model\.unfreeze"):
            call(x, y)
    assert trainer.model.predict(x).shape == (32, CLASSES)
    assert set(trainer.evaluate(x, y)) == {"loss", "accuracy"}
    assert everything(trainer) == before
    trainer.model.unfreeze("outputs")
    trainer.fit(x, y, verbose=False)
    changed = {name.partition("/")[0] for name, kept in everything(trainer).items() if kept != before[name]}
    assert changed == {"outputs"}


def test_freezing_twice_is_freezing_once_and_thawing_brings_back_the_whole_network():
    model = nd.Sequential(every_layer(), WIDTH, seed=0)
    model.freeze("hidden1.*")
    once = model.frozen()
    model.freeze("hidden1/kernel")
    assert model.frozen() == once
    assert once["statistics"] == ["hidden1_bn"]
    model.unfreeze()
    assert model.frozen() == {"parameters": [], "statistics": []}


def test_set_frozen_freezes_exactly_what_frozen_gave():
    model, twin = (nd.Sequential(every_layer(), WIDTH, seed=0) for _ in range(2))
    model.freeze("hidden1|maxout/bias")
    twin.freeze("outputs")
    twin.set_frozen(model.frozen())
    assert twin.frozen() == model.frozen()


def test_freeze_and_unfreeze_return_what_they_chose_and_refuse_what_matches_nothing():
    model = nd.Sequential(every_layer(), WIDTH, seed=0)
    assert [p.name for p in model.freeze("hidden1_bn|prelu")] == ["hidden1_bn/gamma", "hidden1_bn/beta", "prelu/alpha"]
    assert [p.name for p in model.unfreeze("prelu")] == ["prelu/alpha"]
    for method in (model.freeze, model.unfreeze):
        for scope in ("hidden[34]outputs", "idden1"):    # the seed's typo; not at the start of a name
            with pytest.raises(ValueError, match=rf"called '{re.escape(scope)}' as a whole; there are hidden1/kernel, "):
                method(scope)
    assert model.frozen()["parameters"] == ["hidden1_bn/gamma", "hidden1_bn/beta"]


@pytest.mark.parametrize(("scope", "selected"), [("kernel", 3), ("inner", 2), ("bias", 3)])
def test_a_name_from_within_is_told_with_the_scope_that_selects_it(scope, selected):
    block = nd.Residual([nd.Dense(3, name="inner")], name="block")
    model = nd.Sequential([nd.Dense(3, name="first"), block, nd.Dense(2, name="last")], input_size=4)
    with pytest.raises(ValueError, match=rf"for what is called so within layers write '\.\*/{scope}'; there are first/kernel"):
        model.freeze(scope)
    assert len(model.freeze(f".*/{scope}")) == selected
