"""walk: the training step, one operation at a time, with the bits of step."""

import inspect
import pickle

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.common.events import STAGES, StepEvent

OPTIMIZERS = {
    "momentum": lambda: nd.optimizers.Momentum(nd.schedules.PowerDecay(0.05, 10), 0.9),
    "adam": lambda: nd.optimizers.Adam(0.01),
    "nadam": lambda: nd.optimizers.Nadam(0.01),
    "rmsprop, centered and with momentum": lambda: nd.optimizers.RMSProp(0.01, momentum=0.5, centered=True),
}


def minibatches():
    x, y = examples(50)
    return [(x[i : i + 20], y[i : i + 20]) for i in (0, 20, 40)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_walk_and_step_leave_the_same_bits(optimizer, dtype):
    walker, stepper = (every_trainer(OPTIMIZERS[optimizer](), dtype=dtype) for _ in range(2))
    for x, y in minibatches() * 2:
        weight = np.linspace(0, 2, len(x))
        for event in walker.walk(x, y, weight):
            str(event), event.stats()
        assert stepper.step(x, y, weight) == walker.last_loss
        assert bits(stepper) == bits(walker)
    assert walker.model.arena.grads.tobytes() == stepper.model.arena.grads.tobytes()


def test_stages_come_in_order_with_one_event_a_layer_and_pass():
    trainer = every_trainer()
    events = list(trainer.walk(*examples(10)))
    layers = [layer.name for layer in trainer.model.layers]
    assert [e.stage for e in events] == [
        *("forward" for _ in layers), "loss", *("backward" for _ in layers), "penalty", "clip", "update", "constrain"
    ]
    assert list(dict.fromkeys(e.stage for e in events)) == list(STAGES)
    assert [e.name for e in events] == [*layers, "loss", *reversed(layers), "penalty", "clip", "update", "constrain"]
    for event in events:
        assert (event.layer is None) == (event.stage not in ("forward", "backward"))
        assert event.layer is None or event.layer.name == event.name


def test_stages_that_do_nothing_are_left_out():
    assert [e.stage for e in plain_trainer().walk(*examples(10))] == [
        "forward", "forward", "forward", "loss", "backward", "backward", "backward", "update"
    ]


@pytest.mark.parametrize(
    ("x", "y", "weight"),
    [
        pytest.param(np.ones((4, 5)), np.zeros(4, int), None, id="width"),
        pytest.param(np.ones((4, 6)), np.full(4, 9), None, id="labels"),
        pytest.param(np.ones((4, 6)), np.zeros(4, int), [1], id="weights"),
    ],
)
def test_walk_checks_at_the_call_and_not_at_the_first_event(x, y, weight):
    trainer = plain_trainer()
    with pytest.raises(ValueError, match=r"walk: x|labels|walk: sample_weight"):
        trainer.walk(x, y, weight)


def test_walk_refuses_a_model_with_nothing_to_train_at_the_call():
    trainer = plain_trainer()
    trainer.model.freeze(".*")
    with pytest.raises(ValueError, match=r"nothing to train; see model\.unfreeze"):
        trainer.walk(*examples(4))


def test_events_show_the_live_arrays_and_copies_keep_them():
    trainer = every_trainer()
    live, kept = [], []
    for event in trainer.walk(*examples(10)):
        live.append(event)
        kept.append((event.copy(), {name: array.copy() for name, array in event.arrays.items()}))
    hidden1 = trainer.model.layer("hidden1")
    assert live[0].arrays["kernel"] is hidden1.kernel.value
    assert live[0].arrays["output"] is hidden1.output
    trainer.step(*examples(10, seed=1))
    changed = 0
    for event, (twin, expected) in zip(live, kept, strict=True):
        assert twin.arrays.keys() == expected.keys()
        assert all(np.array_equal(twin.arrays[name], expected[name]) for name in expected)
        assert (twin.stage, twin.name, twin.formula, twin.function) == (event.stage, event.name, event.formula, event.function)
        changed += any(not np.array_equal(event.arrays[name], expected[name]) for name in expected)
    assert changed == len(live)


def test_each_event_shows_what_its_operation_has_just_computed():
    trainer = plain_trainer(nd.optimizers.SGD(0.5))
    x, y = examples(10)
    old = trainer.model.arena.values.copy()
    seen = {(event.stage, event.name): event.copy().arrays for event in trainer.walk(x, y)}
    hidden, outputs = seen["forward", "hidden"], seen["forward", "outputs"]
    np.testing.assert_allclose(hidden["output"], x @ hidden["kernel"] + hidden["bias"], rtol=1e-5, atol=1e-6)
    assert np.array_equal(seen["loss", "loss"]["outputs"], outputs["output"])
    backward = seen["backward", "outputs"]
    np.testing.assert_allclose(backward["grad_kernel"], outputs["input"].T @ backward["grad_output"], rtol=1e-5, atol=1e-6)
    assert "grad_input" not in seen["backward", "hidden"]
    update = seen["update", "update"]
    np.testing.assert_allclose(update["values"], old - 0.5 * update["grads"], rtol=1e-6, atol=1e-7)


def test_every_event_is_one_readable_line_with_formula_and_statistics():
    for event in every_trainer().walk(*examples(10)):
        line = str(event)
        assert "\n" not in line
        assert line.startswith(event.stage)
        assert event.name in line
        assert event.formula in line
        assert event.formula.latex
        assert all(name in line for name in event.arrays)
        assert event.stats().keys() == event.arrays.keys()
        assert all(stats["not_finite"] == 0 for stats in event.stats().values())


def test_the_source_of_an_event_is_the_kernel_that_computed_it():
    for event in every_trainer().walk(*examples(10)):
        if event.function is not None:
            file, line = event.source
            with open(file, encoding="utf-8") as source:
                assert source.read().splitlines()[line - 1].startswith(f"def {event.function.__name__}(")
            assert inspect.getmodule(event.function).__name__.startswith("npdeep.kernels")


def test_all_layers_but_pure_noise_and_the_update_name_their_kernels():
    without = {(e.stage, e.name) for e in every_trainer().walk(*examples(10)) if e.function is None}
    assert without <= {("backward", "gaussian_noise")}
    event = StepEvent("loss", "loss", None, nd.losses.MeanSquaredError.formula, dict)
    with pytest.raises(ValueError, match="was computed by custom code, not by a kernel"):
        event.source


# ── events that are kept ──────────────────────────────────────────────────────────────────────────────────────────────
CHANGED = "arrays changed since"


def numbers(event):
    return {name: array.tobytes() for name, array in event.arrays.items()}


@pytest.mark.parametrize("make", [every_trainer, plain_trainer])
def test_a_kept_event_says_so_exactly_where_its_numbers_have_changed(make):
    """Stage by stage: whatever is printed without a remark shows what it showed when it was yielded."""
    trainer, kept, told = make(), [], set()
    for event in trainer.walk(*examples(10)):
        assert CHANGED not in str(event) + repr(event) + event._repr_html_()
        kept.append((event, numbers(event)))
        for earlier, before in kept:
            if numbers(earlier) != before:
                assert CHANGED in str(earlier), (earlier.stage, earlier.name, event.stage)
            if CHANGED in str(earlier):
                told.add((earlier.stage, earlier.name))
    assert ("forward", trainer.model.layers[0].name) in told
    assert ("loss", "loss") not in told
    first = kept[0][0]
    assert first.changed_since in str(first)
    assert first.changed_since.startswith("the stage ")
    for text in (repr(first), str(first.table()), first._repr_html_()):
        assert CHANGED in text


OTHER_PASSES = {
    "step": lambda t, x, y: t.step(x, y),
    "predict": lambda t, x, y: t.model.predict(x),
    "evaluate": lambda t, x, y: t.evaluate(x, y),
    "gradients": lambda t, x, y: t.gradients(x, y),
    "walk": lambda t, x, y: next(t.walk(x, y)),
    "another trainer": lambda t, x, y: nd.Trainer(t.model, "softmax_cross_entropy").step(x, y),
}


@pytest.mark.parametrize("go_on", OTHER_PASSES.values(), ids=OTHER_PASSES)
def test_after_another_pass_every_kept_event_says_so(go_on):
    trainer = plain_trainer()
    kept = list(trainer.walk(*examples(10)))
    go_on(trainer, *examples(10, seed=1))
    assert all("changed since, by another pass" in str(event) for event in kept)


def test_copies_made_in_time_say_nothing_and_copies_made_too_late_keep_the_remark():
    trainer = plain_trainer()
    pairs = [(event, event.copy()) for event in trainer.walk(*examples(10))]
    trainer.step(*examples(10, seed=1))
    for event, kept in pairs:
        assert CHANGED not in str(kept)
        for late in (event.copy(), pickle.loads(pickle.dumps(event.copy()))):
            assert CHANGED in str(late)


def test_looks_that_change_nothing_leave_kept_events_as_they_are():
    trainer = plain_trainer()
    x, y = examples(10)
    walk = trainer.walk(x, y)
    event = next(walk)
    trainer.model.input_gradient(x, loss="softmax_cross_entropy", y=y), trainer.model.sample(x, 2), trainer.model.copy()
    nd.debug.diagnose(trainer, x, y)
    assert CHANGED not in str(event)
    list(walk)


def test_kernel_is_an_older_name_of_function():
    for event in every_trainer().walk(*examples(10)):
        assert event.kernel is event.function


@pytest.mark.parametrize("stage", ["forward", "loss", "backward", "penalty", "clip"])
def test_a_walk_abandoned_before_the_update_changes_no_weight(stage):
    trainer = every_trainer()
    trainer.step(*examples(10))
    weights, slots = trainer.model.arena.values[: trainer.model.arena.grads.size].copy(), trainer.optimizer.slots["m"].copy()
    for event in trainer.walk(*examples(10)):
        if event.stage == stage:
            break
    assert np.array_equal(trainer.model.arena.values[: len(weights)], weights)
    assert np.array_equal(trainer.optimizer.slots["m"], slots)
    assert trainer.iteration == 1


def test_a_walk_that_was_never_begun_changes_nothing():
    trainer = every_trainer()
    before = bits(trainer)
    trainer.walk(*examples(10))
    assert bits(trainer) == before


INTRUSIONS = {
    "predict": lambda trainer, x, y: trainer.model.predict(x),
    "forward": lambda trainer, x, y: trainer.model.forward(x, training=True),
    "evaluate": lambda trainer, x, y: trainer.evaluate(x, y),
    "step": lambda trainer, x, y: trainer.step(x, y),
    "another walk": lambda trainer, x, y: next(iter(trainer.walk(x, y))),
}


@pytest.mark.parametrize("stage", ["forward", "loss", "backward"])
@pytest.mark.parametrize("intrusion", INTRUSIONS)
def test_another_pass_amid_a_walk_is_noticed(stage, intrusion):
    trainer = plain_trainer()
    x, y = examples(10)

    def intruded():
        for event in trainer.walk(x, y):
            if event.stage == stage and event.name != "hidden":
                INTRUSIONS[intrusion](trainer, x, y)

    with pytest.raises(ValueError, match=f"walk: after the event {stage} .* look at event.arrays, or use model.copy"):
        intruded()


def test_a_pass_through_a_copy_or_after_the_backward_pass_is_no_intrusion():
    walker, stepper = plain_trainer(), plain_trainer()
    x, y = examples(10)
    for event in walker.walk(x, y):
        walker.model.copy().predict(x)
        if event.stage == "update":
            walker.model.predict(x)
    stepper.step(x, y)
    assert bits(walker) == bits(stepper)


def test_a_frozen_batch_normalization_shows_no_statistics_of_the_batch():
    trainer = every_trainer()
    trainer.model.freeze("hidden1_bn")
    shown = {e.name: e.arrays for e in trainer.walk(*examples(10)) if e.stage == "forward"}
    assert list(shown["hidden1_bn"]) == [*("input", "gamma", "beta", "moving_mean", "moving_variance"), "centered", "output"]
    shown = {e.name: e.arrays for e in every_trainer().walk(*examples(10)) if e.stage == "forward"}
    assert {"mean", "variance"} < set(shown["hidden1_bn"])


@pytest.mark.parametrize(("targets", "shown"), [(np.zeros((4, 3)), ["outputs", "targets"]), ([0] * 4, ["outputs"])])
def test_an_own_loss_shows_what_is_known_of_it(targets, shown):
    class Mean:
        def forward(self, outputs, targets):
            return outputs.mean()

        def backward(self):
            return np.full((4, 3), 1 / 12)

    trainer = nd.Trainer(plain_trainer().model, Mean())
    (event,) = [e for e in trainer.walk(np.ones((4, 6)), targets) if e.stage == "loss"]
    assert list(event.arrays) == [*shown, "loss", "grad_outputs"]


def test_another_pass_right_before_the_update_is_refused_too():
    trainer = every_trainer()
    walk = trainer.walk(*examples(10))
    for event in walk:
        if event.stage == "penalty":
            break
    trainer.step(*examples(10))
    with pytest.raises(ValueError, match="after the event penalty 'penalty' the model was used for another pass"):
        next(walk)
