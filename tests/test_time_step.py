"""nd.debug.time_step: every operation is timed, the floor has the step's products, the hints follow the figures, no trace."""

import copy
import math
import pickle

import numpy as np
import pytest
from helpers_own import OwnLossObject, own_trainer
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.common.events import Formula
from npdeep.debug import StepTiming, TimedOperation, time_step
from npdeep.debug.step_timing import AROUND, GROUPS, PRODUCTS, hints, of_group
from npdeep.debug.time_step import matrix_products
from npdeep.kernels import affine

X, Y = examples(20)


def places(events):
    return [(event.stage, event.name) for event in events]


# ── what is timed ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("make", [every_trainer, plain_trainer, own_trainer])
def test_every_operation_of_the_step_is_timed_in_its_order(make):
    trainer = make()
    timing = time_step(trainer, X, Y, repeats=7)
    events = list(copy.deepcopy(trainer).walk(X, Y))
    assert [(o.stage, o.name) for o in timing.operations] == places(events)
    assert [o.formula for o in timing.operations] == [event.formula for event in events]
    assert all(o.seconds > 0 for o in timing.operations)
    assert sum(o.share for o in timing.operations) == pytest.approx(1)
    assert timing.walked == pytest.approx(sum(o.seconds for o in timing.operations))
    assert (timing.repeats, timing.rows) == (7, 20)
    assert timing.weights == sum(p.size for p in trainer.model.trainable_variables())
    assert timing.step > 0
    assert timing.ratio > 0
    assert timing.floor == pytest.approx(sum(o.floor for o in timing.operations))


def test_a_batch_with_weights_and_one_of_a_single_row():
    assert time_step(every_trainer(), X, Y, np.linspace(0, 1, 20), repeats=2).step > 0
    timing = time_step(plain_trainer(), X[:1], Y[:1], repeats=2)
    assert timing.rows == 1
    assert timing.overhead >= 0


def test_targets_that_cannot_be_cut_are_no_obstacle():
    class Strange(OwnLossObject):
        def forward(self, outputs, targets, sample_weight=None):
            return super().forward(outputs, targets["labels"])

    trainer = own_trainer(loss=Strange())
    timing = time_step(trainer, X, {"labels": Y}, repeats=2)
    assert math.isnan(timing.overhead)
    assert timing.step > 0


def test_a_network_without_matrix_products_has_no_floor():
    model = nd.Sequential([nd.BatchNormalization(), nd.PReLU()], input_size=6, seed=0)
    timing = time_step(nd.Trainer(model, "mean_squared_error"), X, X, repeats=2)
    assert (timing.floor, math.isnan(timing.ratio)) == (0, True)
    assert "floor" not in str(timing)


# ── the floor ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def recorded_products(trainer, monkeypatch):
    """The shapes of both factors of every matrix product that a step makes."""
    shapes = []

    def record(a, b, out):
        shapes.append((a.shape, b.shape))
        return np.dot(a, b, out=out)

    monkeypatch.setattr(affine, "product", record)
    monkeypatch.setattr(np, "matmul", record)
    trainer.step(X, Y)
    monkeypatch.undo()
    return shapes


def deep_trainer(**given):
    layers = [
        *(nd.Dense(9, name="low"), nd.Activation("relu"), nd.Maxout(8, name="maxout")),
        *(nd.Dense(5, use_bias=False, name="high"), nd.Dense(3, name="outputs")),
    ]
    return nd.Trainer(nd.Sequential(layers, 6, seed=0), "softmax_cross_entropy", **given)


@pytest.mark.parametrize("frozen", ["", "low", "low|maxout", "high/kernel", "outputs"])
def test_the_floor_has_the_products_of_the_step_and_no_others(monkeypatch, frozen):
    trainer = deep_trainer()
    if frozen:
        trainer.model.freeze(frozen)
    made = recorded_products(trainer, monkeypatch)
    floor = [(a.shape, b.shape) for factors in matrix_products(trainer.model, 20).values() for a, b, _ in factors]
    assert floor == made
    assert len(made) > 4


def test_products_stand_at_their_operations():
    timing = time_step(deep_trainer(), X, Y, repeats=2)
    dense = {"low", "maxout", "high", "outputs"}
    assert {(o.stage, o.name) for o in timing.operations if o.floor > 0} == {
        (stage, name) for stage in ("forward", "backward") for name in dense
    }


# ── no trace ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("optimizer", ["sgd", "nadam", "rmsprop"])
def test_the_trainer_is_left_untouched_to_the_bit(optimizer):
    trainer, alone = every_trainer(optimizer), every_trainer(optimizer)
    for t in (trainer, alone):
        t.fit(X, Y, epochs=2, verbose=False)
    x, y = X.copy(), Y.copy()
    before, outputs, history = bits(trainer), [layer.output for layer in trainer.model.layers], pickle.dumps(trainer.history)
    time_step(trainer, x, y, repeats=12)
    assert bits(trainer) == before
    assert pickle.dumps(trainer.history) == history
    assert all(layer.output is output for layer, output in zip(trainer.model.layers, outputs, strict=True))
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)
    for t in (trainer, alone):
        t.fit(X, Y, epochs=2, verbose=False)
    assert bits(trainer) == bits(alone)


def test_the_copy_is_put_back_before_every_turn(monkeypatch):
    trainer = every_trainer("adam")
    trainer.fit(X, Y, epochs=3, verbose=False)
    before, seen = bits(trainer), []
    walk = nd.Trainer.gradient_operations

    def gradient_operations(self, *batch):
        now = bits(self)
        seen.append(all(now[name] == before[name] for name in ("weights and statistics", "slots", "iteration")))
        return walk(self, *batch)

    monkeypatch.setattr(nd.Trainer, "gradient_operations", gradient_operations)
    time_step(trainer, X, Y, repeats=10)
    assert sum(seen) == 1 + 2 * 3             # at first, then in two turns: walks, steps, a single row


def test_what_break_when_armed_does_not_stop_the_copy():
    trainer = plain_trainer()
    stopped = []
    vars(trainer)["on_event"] = stopped.append
    time_step(trainer, X, Y, repeats=2)
    assert stopped == []


def test_a_network_that_diverges_is_timed_without_a_warning():
    trainer = plain_trainer(nd.optimizers.SGD(1e30))
    assert time_step(trainer, X, Y, repeats=6).step > 0


# ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def timing_of(rows=50, overhead=0.0, **groups):
    """A report with this many seconds in each group; dense takes (seconds, floor)."""
    total = sum(s[0] if isinstance(s, tuple) else s for s in groups.values())
    operations = []
    for group, seconds in groups.items():
        seconds, floor = seconds if isinstance(seconds, tuple) else (seconds, 0.0)
        name = group.replace("_", " ")
        operations.append(TimedOperation("forward", name, f"by {name}", name, Formula("f"), seconds, seconds / total, floor))
    return StepTiming(operations, "network", rows, 1234, total, 1.0, 2.0, overhead, 1.0, 3)


@pytest.mark.parametrize("group", [group for group in GROUPS if group not in (PRODUCTS, AROUND)])
def test_each_kind_of_work_is_spoken_of_where_it_takes_much(group):
    said = timing_of(dense=(6.0, 6.0), **{group.replace(" ", "_"): 4.0}).hints
    assert len(said) == 2
    assert "matrix products" in said[0]
    assert "60%" in said[0]
    assert "40% of the step" in said[1]


def test_small_shares_are_passed_over():
    said = timing_of(dense=(9.5, 9.0), activation=0.5).hints
    assert len(said) == 1
    assert said[0].startswith("matrix products, most of them in dense: 90% of the step; this is the floor")


def test_the_time_of_a_dense_layer_is_parted_into_products_and_the_rest():
    timing = timing_of(dense=(5.0, 2.0), loss=5.0)
    assert of_group(timing, PRODUCTS) == pytest.approx(0.2)
    assert of_group(timing, AROUND) == pytest.approx(0.3)
    assert of_group(timing_of(dense=(5.0, 9.0)), PRODUCTS) == 1    # a floor measured in a slow moment is no more than the whole


def test_overhead_comes_first_and_says_the_number_of_rows():
    single = timing_of(rows=1, overhead=5.0, dense=(10.0, 1.0))
    assert hints(single)[0].startswith("batch of 1: Python's and NumPy's overhead, 50% of the step")
    assert "for a single row as for 50" in hints(timing_of(rows=50, overhead=5.0, dense=(10.0, 1.0)))[0]
    assert not any("overhead" in hint for hint in hints(timing_of(overhead=2.0, dense=(10.0, 1.0))))
    assert not any("overhead" in hint for hint in hints(timing_of(overhead=math.nan, dense=(10.0, 1.0))))


def test_update_names_the_optimizer_and_the_weights():
    trainer = plain_trainer("adam")
    timing = time_step(trainer, X, Y, repeats=3)
    (update,) = [o for o in timing.operations if o.stage == "update"]
    assert (update.kind, update.group) == ("Adam", "update")
    assert "by update's passes over 1,234 weights" in timing_of(update=1.0).hints[0]


def test_the_first_layer_is_named_as_such():
    operations = [
        TimedOperation("forward", name, "Dense", "dense", Formula("f"), seconds, seconds / 10, seconds)
        for name, seconds in (("low", 7.0), ("high", 3.0))
    ]
    assert "most of them in low (the first layer): 100%" in hints(StepTiming(operations))[0]
    assert "most of them in low: 100%" in hints(StepTiming(operations[::-1]))[0]


def test_a_busy_machine_is_told_of():
    timing = timing_of(loss=1.0)
    assert "busy" not in str(timing)
    timing.slowdown = 3.0
    assert "the machine was busy: the median step took 3.0 times as long as the fastest" in str(timing)
    timing.slowdown, timing.step = 1.0, 1.01 * timing.walked
    assert "busy: the step at full speed took longer than its operations with a clock between them; measure" in str(timing)
    timing.step = timing.walked
    assert "busy" not in str(timing)


def test_it_shows_itself_in_a_terminal_and_in_a_notebook():
    timing = time_step(every_trainer(), X, Y, repeats=2)
    text, html = repr(timing), timing._repr_html_()
    assert "20 rows: medians of 2" in text
    assert "hidden1_bn" in text
    assert "where the time goes:" in text
    assert html.count("<tr>") == 1 + len(timing.operations)
    assert html.count("<li>") == len(timing.hints)


# ── on entry ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((plain_trainer().model, X, Y), TypeError, "trainer must be a Trainer, .*, got an object of type Sequential"),
        ((plain_trainer(), X[:, :3], Y), ValueError, r"time_step: x must have the shape \(n, 6\), got \(20, 3\)"),
        ((plain_trainer(), X, Y[:3]), ValueError, "time_step: y: "),
        ((plain_trainer(), X, Y, -np.ones(20)), ValueError, "time_step: sample_weight"),
        ((plain_trainer(), X, Y, None, 0), ValueError, "time_step: repeats must be an integer of at least 1, got 0"),
        ((plain_trainer(), X * np.nan, Y), ValueError, "time_step: x holds nan at row 0, column 0"),
    ],
)
def test_unfit_arguments(arguments, kind, message):
    with pytest.raises(kind, match=message):
        time_step(*arguments)


def test_a_frozen_network_has_no_step_to_time():
    trainer = plain_trainer()
    trainer.model.freeze(".*")
    with pytest.raises(ValueError, match="every parameter is frozen"):
        time_step(trainer, X, Y)
