"""explain_update: the numbers of an optimizer's step are the engine's own, and the formulas give them."""

import copy
import re

import numpy as np
import pytest
from helpers_explain import check, run
from helpers_own import OwnOptimizer
from helpers_training import bits, every_trainer, examples, plain_trainer
from hypothesis import given, settings
from hypothesis import strategies as st

import npdeep as nd
from npdeep import optimizers

DECAY = nd.schedules.PowerDecay
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(DECAY(0.1, 3)),
    "momentum": lambda: optimizers.Momentum(0.05, DECAY(0.9, 5)),
    "nesterov": lambda: optimizers.Nesterov(0.05, DECAY(0.9, 5)),
    "adagrad": lambda: optimizers.AdaGrad(0.05),
    "rmsprop": lambda: optimizers.RMSProp(0.01),
    "rmsprop with momentum": lambda: optimizers.RMSProp(0.01, momentum=0.5),
    "rmsprop, centered": lambda: optimizers.RMSProp(0.01, centered=True),
    "rmsprop, both": lambda: optimizers.RMSProp(DECAY(0.01, 3), momentum=DECAY(0.5, 5), centered=True),
    "adadelta": optimizers.AdaDelta,
    "adam": lambda: optimizers.Adam(DECAY(0.01, 3)),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "adamw, amsgrad": lambda: optimizers.AdamW(0.01, amsgrad=True),
    "adamax": lambda: optimizers.AdaMax(0.01),
    "nadam": lambda: optimizers.Nadam(0.01),
    "one's own": lambda: OwnOptimizer(0.01),
}


def weight_and_slots(trainer, name, index):
    parameter = next(p for p in trainer.model.parameters if p.name == name)
    slots = {slot: trainer.optimizer.slot(slot, parameter)[index] for slot in trainer.optimizer.slots}
    return {**slots, "w": parameter.value[index]}


def test_every_optimizer_is_tried_here():
    tried = {type(make()) for make in OPTIMIZERS.values()} - {OwnOptimizer}
    assert tried == {kind for kind in nd.optimizers.KNOWN.values() if kind.rule}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_update_is_the_one_that_comes(name, dtype):
    trainer = every_trainer(OPTIMIZERS[name](), dtype=dtype)
    for seed in range(4):
        for event in trainer.walk(*examples(10, seed)):
            if event.stage == "clip":
                before = weight_and_slots(trainer, "hidden1/kernel", (3, 1))
                explanation = nd.debug.explain_update(trainer, "hidden1/kernel", (3, 1))
            if event.stage == "update":
                after = weight_and_slots(trainer, "hidden1/kernel", (3, 1))
        check(explanation)
        assert explanation.title == f"hidden1/kernel[3, 1]: update {seed + 1}, by {type(trainer.optimizer).__name__}"
        assert explanation.value == after["w"]
        shown = {str(e.name): e for e in explanation.equations}
        for slot, value in after.items():
            assert shown[slot.replace("largest_v", "v max")].value == value
        first = {str(e.name): e for e in reversed(explanation.equations)}
        for slot, value in before.items():
            if slot in first[slot.replace("largest_v", "v max")].numbers:
                assert first[slot.replace("largest_v", "v max")].numbers[slot][0] == value


@given(
    optimizer=st.sampled_from([name for name in OPTIMIZERS if name != "one's own"]),
    dtype=st.sampled_from(["float32", "float64"]),
    scale=st.sampled_from([1e-4, 1.0, 1e3]),
    steps=st.integers(0, 5),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_evaluated_the_printed_program_gives_the_engines_weight(optimizer, dtype, scale, steps, seed):
    model = nd.Sequential([nd.Dense(3, name="out")], input_size=4, seed=seed, dtype=dtype)
    trainer = nd.Trainer(model, "mean_squared_error", OPTIMIZERS[optimizer]())
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((5, 4)), scale * rng.standard_normal((5, 3))
    for _ in range(steps):
        trainer.step(x, y)
    for event in trainer.walk(x, y):
        if event.stage == "backward":
            explanation = nd.debug.explain_update(trainer, model.layer("out").kernel)
            where = np.unravel_index(np.abs(model.layer("out").kernel.grad).argmax(), (4, 3))
    check(explanation)
    assert explanation.value == model.layer("out").kernel.value[where]
    assert abs(run(explanation)["w"] - explanation.value) <= explanation.bound + 1e-14 * abs(explanation.value)


def test_adam_reads_as_one_expects():
    model = nd.Sequential([nd.Dense(1, use_bias=False, name="out")], input_size=1, dtype="float64")
    model.layer("out").kernel.value = [[1.0]]
    trainer = nd.Trainer(model, "mean_squared_error", nd.optimizers.Adam(0.1))
    for event in trainer.walk([[1.0]], [[-1.0]]):
        if event.stage == "backward":
            text = str(nd.debug.explain_update(trainer, "out/kernel", (0, 0)))
    assert text.splitlines() == [
        "out/kernel[0, 0]: update 1, by Adam",
        "  before: w 1, g 4, m 0, v 0, η 0.1, β₁ 0.9, β₂ 0.999, ε 1e-08",
        "  m ← β₁·m + (1 − β₁)·g = 0.9·0 + (1 − 0.9)·4 = 0.4",
        "  v ← β₂·v + (1 − β₂)·g² = 0.999·0 + (1 − 0.999)·4² = 0.016",
        "  c₁ = 1 − β₁^t = 1 − 0.9^1 = 0.1",
        "  m̂ = m/c₁ = 0.4/0.1 = 4",
        "  c₂ = 1 − β₂^t = 1 − 0.999^1 = 0.001",
        "  v̂ = v/c₂ = 0.016/0.001 = 16",
        "  Δ = η·m̂/(√v̂ + ε) = 0.1·4/(√16 + 1e-08) = 0.1",
        "  w ← w − Δ = 1 − 0.1 = 0.9",
    ]


# ── moments ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_before_the_update_it_follows_the_gradient_through_penalty_and_clipping():
    trainer = every_trainer("adam")
    explained, after = {}, None
    for event in trainer.walk(*examples(10)):
        last_backward = event.stage == "backward" and event.layer is trainer.model.layers.backward_layers[-1]
        if last_backward or event.stage in ("penalty", "clip"):
            explained[event.stage] = nd.debug.explain_update(trainer, "hidden1/kernel", (0, 0))
        if event.stage == "update":
            after = trainer.model.layer("hidden1").kernel.value[0, 0]
    assert len(explained) == 3
    assert {e.value for e in explained.values()} == {after}
    assert "the penalty takes g from" in str(explained["backward"])
    assert "clipping takes g from" in str(explained["backward"])
    assert "penalty" not in str(explained["penalty"])
    assert "takes g" not in str(explained["clip"])


def test_a_constraint_is_told_too():
    trainer = every_trainer("sgd")
    for event in trainer.walk(*examples(10)):
        if event.stage == "clip":
            text = str(nd.debug.explain_update(trainer, "hidden2/kernel", (0, 0)))
    now = trainer.model.layer("hidden2").kernel.value[0, 0]
    assert f"to {now:.4g}" in text
    assert "then MaxNorm" in text


def test_before_the_backward_pass_is_through_it_says_when_to_ask_again():
    trainer = plain_trainer()
    messages = []
    for event in trainer.walk(*examples(10)):
        try:
            nd.debug.explain_update(trainer, "hidden/kernel", (0, 0))
        except ValueError as error:
            messages.append((event.stage, event.name, str(error)))
    assert [stage for stage, _, _ in messages] == ["forward"] * 3 + ["loss"] + ["backward"] * 2
    assert all("ask again at the event backward 'hidden'" in message for _, _, message in messages)


def test_after_the_update_it_is_one_more_with_the_same_gradient_and_a_copy_shows_the_last():
    trainer = plain_trainer("adam")
    for event in trainer.walk(*examples(10)):
        if event.stage == "backward":
            before = copy.deepcopy(trainer)
        if event.stage == "update":
            one_more = nd.debug.explain_update(trainer, "hidden/kernel", (1, 2))
            last = nd.debug.explain_update(before, "hidden/kernel", (1, 2))
            assert last.value == trainer.model.layer("hidden").kernel.value[1, 2]
            assert last.title.endswith("update 1, by Adam")
            assert one_more.title.endswith("update 2, by Adam")
            assert "one more with the same gradient" in str(one_more)
    assert trainer.event is None
    assert "that gradient has been used already" in str(nd.debug.explain_update(trainer, "hidden/bias", 0))


def test_an_abandoned_walk_is_over():
    trainer = plain_trainer()
    for _ in trainer.walk(*examples(10)):
        break
    assert trainer.event is None


def test_nothing_is_touched():
    explained, stepped = every_trainer("nadam"), every_trainer("nadam")
    for seed in range(3):
        for event in explained.walk(*examples(10, seed)):
            if event.stage in ("penalty", "clip", "update", "constrain"):
                before = bits(explained), explained.model.arena.grads.tobytes()
                for parameter in explained.model.parameters:
                    if parameter.trainable:
                        nd.debug.explain_update(explained, parameter)
                assert (bits(explained), explained.model.arena.grads.tobytes()) == before
        stepped.step(*examples(10, seed))
        assert bits(explained) == bits(stepped)


def test_slots_that_are_flushed_are_within_what_rounding_allows():
    trainer = plain_trainer(nd.optimizers.Momentum(0.1, 0.9))
    trainer.step(*examples(10))
    kernel = trainer.model.layer("hidden").kernel
    trainer.optimizer.slot("m", kernel)[0, 0] = 1e-25
    kernel.grad[0, 0] = 0
    trainer.iteration = trainer.optimizer.flush_every - 1
    explanation = nd.debug.explain_update(trainer, kernel, (0, 0))
    assert explanation.equations[0].value == 0
    assert explanation.agrees


# ── on entry ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("given_", "error", "message"),
    [
        (("hiden/kernel", (0, 0)), ValueError, "unknown parameter 'hiden/kernel'; did you mean 'hidden/kernel'?"),
        (("hidden/kernel", (6, 0)), ValueError, "index must lie in 0 to 5 (hidden/kernel has the shape (6, 8)), got 6"),
        (("hidden/kernel", 3), ValueError, "index must have 2 numbers, such as (0, 0)"),
        (("hidden/bias", (0, 0)), ValueError, "index must have 1 number, such as 0"),
        (("outputs/kernel", (0, 0)), ValueError, "outputs/kernel is frozen: the optimizer leaves it alone"),
        ((7, 0), TypeError, "parameter must be one of the names"),
    ],
)
def test_wrong_arguments(given_, error, message):
    trainer = plain_trainer()
    trainer.model.freeze("outputs/kernel")
    trainer.step(*examples(5))
    with pytest.raises(error, match=re.escape(message)):
        nd.debug.explain_update(trainer, *given_)


def test_no_gradient_no_trainer_and_statistics():
    with pytest.raises(ValueError, match="there is no gradient yet; run trainer"):
        nd.debug.explain_update(plain_trainer(), "hidden/bias", 0)
    with pytest.raises(TypeError, match="trainer must be a Trainer"):
        nd.debug.explain_update(plain_trainer().model, "hidden/bias", 0)
    trainer = every_trainer()
    trainer.step(*examples(5))
    with pytest.raises(ValueError, match="hidden1_bn/moving_mean is a moving statistic and never trained"):
        nd.debug.explain_update(trainer, "hidden1_bn/moving_mean", 0)
