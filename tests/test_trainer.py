"""Trainer: the loss it reports, the loop, its feeds, interruptions and copies."""

import copy
import pickle

import numpy as np
import pytest
from helpers_training import CLASSES, WIDTH, bits, every_trainer, examples, plain_trainer

import npdeep as nd


def fit(trainer, n=50, epochs=2, batch_size=16, **kwargs):
    """A short run on 50 examples: batches of 16, 16, 16 and 2."""
    x, y = examples(n)
    return trainer.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=False, **kwargs)


# ── what a step and an evaluation report ──────────────────────────────────────────────────────────────────────────────
LOSSES = {
    "softmax_cross_entropy": examples(64)[1],
    "binary_cross_entropy": np.eye(CLASSES)[examples(64)[1]],
    "mean_squared_error": examples(64)[0][:, :CLASSES],
    "squared_hinge": 2 * np.eye(CLASSES)[examples(64)[1]] - 1,
}


@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, 64)], ids=["", "weighted"])
@pytest.mark.parametrize("loss", LOSSES)
def test_step_returns_loss_and_penalties_as_evaluate_reports_them(loss, weight):
    layers = [nd.Dense(8, kernel_regularizer="l1"), nd.Activation("tanh"), nd.Dense(CLASSES, kernel_regularizer="l2")]
    trainer = nd.Trainer(nd.Sequential(layers, WIDTH, seed=0), loss)
    x, y = examples(64)[0], LOSSES[loss]
    before = trainer.evaluate(x, y, weight)["loss"]
    bare = trainer.loss.forward(trainer.model.predict(x), y, weight)
    first, second = (p.value for p in trainer.model.variables(".*kernel"))
    penalty = 0.01 * (np.abs(first).sum() + np.square(second).sum())
    assert trainer.step(x, y, weight) == before == trainer.last_loss
    assert before == pytest.approx(bare + penalty, rel=1e-5)


def test_the_penalty_of_what_is_frozen_counts_but_does_not_move_it():
    layers = [nd.Dense(8, kernel_regularizer="l1", name="hidden"), nd.Dense(CLASSES)]
    trainer = nd.Trainer(nd.Sequential(layers, WIDTH, seed=0), "softmax_cross_entropy")
    trainer.model.freeze("hidden.*")
    kernel, x, y = trainer.model.layer("hidden").kernel.value.copy(), *examples(64)
    bare = trainer.loss.forward(trainer.model.predict(x), y)
    assert trainer.step(x, y) == pytest.approx(bare + 0.01 * np.abs(kernel).sum(), rel=1e-5)
    assert np.array_equal(trainer.model.layer("hidden").kernel.value, kernel)


def test_steps_make_the_loss_smaller_and_count():
    trainer = plain_trainer("adam")
    x, y = examples(100)
    losses = [trainer.step(x, y) for _ in range(50)]
    assert trainer.iteration == 50
    assert losses[-1] < 0.9 * losses[0]


def test_means_over_an_epoch_weigh_a_short_last_batch_by_its_rows():
    trainer = plain_trainer(nd.optimizers.SGD(0.0), metrics=["accuracy", nd.metrics.TopKAccuracy(2), lambda z, y: z.sum()])
    x, y = examples(50)
    history = trainer.fit(x, y, batch_size=16, verbose=False)
    whole = trainer.evaluate(x, y)
    assert history.last["loss"] == pytest.approx(whole["loss"], rel=1e-6)
    assert history.last["accuracy"] == pytest.approx(whole["accuracy"], rel=1e-12)
    assert history.last["<lambda>"] == pytest.approx(trainer.model.predict(x).sum(), rel=1e-5)    # a function: on all rows


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_evaluate_gives_the_same_in_batches_of_any_size(batch_size):
    trainer = every_trainer(dtype="float64")
    x, y = examples(50)
    weight = np.linspace(0, 3, 50)
    expected = trainer.evaluate(x, y, weight)
    assert trainer.evaluate(x, y, weight, batch_size=batch_size) == pytest.approx(expected, rel=1e-12)


def test_evaluate_changes_nothing():
    trainer = every_trainer()
    fit(trainer)
    before = bits(trainer)
    trainer.evaluate(*examples(50))
    assert bits(trainer) == before


def test_sample_weights_of_0_leave_rows_out_and_others_scale():
    x, y = examples(32)
    whole, half = plain_trainer(), plain_trainer()
    weight = np.repeat([2.0, 0.0], 16)
    whole.step(x, y, weight)
    half.step(x[:16], y[:16])                 # the mean over 32 rows of twice the first 16 is the mean over these 16
    np.testing.assert_allclose(whole.model.arena.values, half.model.arena.values, rtol=1e-5, atol=1e-7)


def test_sample_weights_follow_their_rows_into_shuffled_batches():
    x, y = examples(50)
    weight = np.random.default_rng(1).uniform(0, 2, 50)
    by_fit, by_hand = every_trainer(), every_trainer()
    by_fit.fit(x, y, batch_size=16, sample_weight=weight, verbose=False)
    for xb, rows in nd.batches(x, np.arange(50), 16, seed=by_hand.seed):
        by_hand.step(xb, y[rows], weight[rows])
    assert by_fit.model.arena.values.tobytes() == by_hand.model.arena.values.tobytes()


# ── the loop ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_own_loop_over_batches_gives_the_same_bits_as_fit():
    fitted, own = every_trainer(), every_trainer()
    x, y = examples(50)
    fit(fitted, epochs=3)
    for epoch in range(3):
        for xb, yb in nd.batches(x, y, 16, seed=own.seed, epoch=epoch):
            own.step(xb, yb)
    assert own.model.arena.values.tobytes() == fitted.model.arena.values.tobytes()
    assert own.iteration == fitted.iteration == 12


def test_fit_trains_so_many_more_epochs():
    once, twice = every_trainer(), every_trainer()
    fit(once, epochs=5)
    first, second = fit(twice, epochs=2), fit(twice, epochs=3)
    assert bits(once) == bits(twice)
    assert (first["epoch"], second["epoch"], twice.history["epoch"]) == ([1, 2], [3, 4, 5], [1, 2, 3, 4, 5])
    assert twice.history["loss"] == once.history["loss"]
    assert len(fit(twice, epochs=0)) == 0
    assert bits(once) == bits(twice)


def test_without_shuffling_the_order_is_that_of_the_data():
    trainer, own = every_trainer(), every_trainer()
    x, y = examples(50)
    fit(trainer, epochs=2, shuffle=False)
    for _ in range(2):
        for start in range(0, 50, 16):
            own.step(x[start : start + 16], y[start : start + 16])
    assert own.model.arena.values.tobytes() == trainer.model.arena.values.tobytes()


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(np.float64),
        lambda x: np.asfortranarray(x),
        lambda x: x.tolist(),
        lambda x: np.repeat(x, 2, axis=0)[::2],
    ],
    ids=["float64", "Fortran order", "list", "strided"],
)
def test_data_of_any_form_gives_the_same_bits(convert):
    x, y = examples(50)
    trainer, other = every_trainer(), every_trainer()
    trainer.fit(x, y, verbose=False)
    other.fit(convert(x), y.tolist(), verbose=False)
    assert bits(trainer) == bits(other)


def test_the_history_holds_what_was_measured():
    trainer = every_trainer(nd.optimizers.SGD(nd.schedules.PowerDecay(0.1, 4)))
    x, y = examples(50)
    history = fit(trainer, epochs=2, validation_data=(x[:20], y[:20]))
    assert history.keys == [
        *("epoch", "updates", "seconds", "learning_rate", "loss", "accuracy"), "val_loss", "val_accuracy"
    ]
    assert history["epoch"] == [1, 2]
    assert history["updates"] == [4, 8]
    assert history["learning_rate"] == [trainer.optimizer.learning_rate_at(step) for step in (3, 7)]
    assert 0 <= history["seconds"][0] <= history["seconds"][1]
    measured = trainer.evaluate(x[:20], y[:20])
    assert {name: history.last[f"val_{name}"] for name in measured} == measured
    assert history.stopped_because == ""


def test_validation_changes_no_bit_of_the_training():
    with_it, without = every_trainer(), every_trainer()
    fit(with_it, validation_data=list(examples(30, seed=1)))
    fit(without)
    assert bits(with_it) == bits(without)


# ── feeds ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
class Again:
    """An iterable that starts again every time."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


@pytest.mark.parametrize("kind", [list, Again, lambda batches: [list(b) if i else b for i, b in enumerate(batches)]])
def test_an_iterable_of_batches_trains_as_the_steps_do(kind):
    trainer, own = every_trainer(), every_trainer()
    x, y = examples(50)
    batches = [(x[:20], y[:20]), (x[20:], y[20:], np.linspace(0, 1, 30))]
    history = trainer.fit(kind(batches), epochs=2, verbose=False)
    for _ in range(2):
        for batch in batches:
            own.step(*batch)
    assert trainer.model.arena.values.tobytes() == own.model.arena.values.tobytes()
    assert history["updates"] == [2, 4]


def test_a_generator_serves_one_epoch_and_its_exhaustion_is_named():
    trainer, own = every_trainer(), every_trainer()
    x, y = examples(50)
    with pytest.raises(ValueError, match="gave no batch in epoch 2; a generator can be gone through once"):
        trainer.fit(((x[i : i + 25], y[i : i + 25]) for i in (0, 25)), epochs=2, verbose=False)
    for i in (0, 25):
        own.step(x[i : i + 25], y[i : i + 25])
    assert trainer.model.arena.values.tobytes() == own.model.arena.values.tobytes()
    assert trainer.history["epoch"] == [1]


@pytest.fixture
def mapped(tmp_path):
    """A function that writes an array to a file and maps it."""

    def write(array):
        np.save(tmp_path / f"{id(array)}.npy", array)
        return np.load(tmp_path / f"{id(array)}.npy", mmap_mode="r")

    return write


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_memory_mapped_arrays_give_the_same_bits_as_arrays_in_memory(mapped, dtype, shuffle):
    x, y = examples(50)
    x = (40 * x + 128).astype(dtype)
    weight = np.linspace(0, 2, 50)
    in_memory, from_file, mixed = every_trainer(), every_trainer(), every_trainer()
    fitted = {"batch_size": 16, "epochs": 2, "shuffle": shuffle, "sample_weight": weight, "verbose": False}
    in_memory.fit(x, y, **fitted, validation_data=(x, y))
    from_file.fit(mapped(x), mapped(y), **{**fitted, "sample_weight": list(weight)}, validation_data=(mapped(x), mapped(y)))
    mixed.fit(mapped(x)[:], y, **fitted)
    assert bits(in_memory) == bits(from_file) == bits(mixed)
    assert in_memory.history["val_loss"] == from_file.history["val_loss"]
    assert in_memory.evaluate(x, y) == from_file.evaluate(mapped(x), mapped(y))


def test_nan_raises_before_the_first_step_in_memory_and_in_a_file(mapped):
    x, y = examples(50)
    x[40, 2] = np.nan
    trainer = every_trainer()
    before = bits(trainer)
    for source in (x, mapped(x)):
        with pytest.raises(ValueError, match="fit: x holds nan at row 40, column 2"):
            trainer.fit(source, y, batch_size=16, verbose=False)
        assert bits(trainer) == before


@pytest.mark.parametrize("weight", [np.ones(49), np.ones((50, 2)), -np.ones(50)])
def test_weights_are_checked_at_the_door_for_files_too(mapped, weight):
    trainer = plain_trainer()
    x, y = examples(50)
    with pytest.raises(ValueError, match="fit: sample_weight must"):
        trainer.fit(mapped(x), y, sample_weight=weight, verbose=False)
    assert trainer.iteration == 0


# ── stopping and continuing ─────────────────────────────────────────────────────────────────────────────────────────────
def at_update(number, act):
    return nd.callbacks.LambdaCallback(on_step_end=lambda trainer: act(trainer) if trainer.iteration == number else None)


def interrupt(trainer):
    raise KeyboardInterrupt


@pytest.mark.parametrize(("number", "reason"), [(3, "enough"), (4, "at the end of an epoch"), (6, "later")])
def test_stop_ends_the_run_after_the_step_and_the_history_says_why(number, reason):
    trainer = every_trainer()
    history = fit(trainer, epochs=5, callbacks=[at_update(number, lambda trainer: trainer.stop(reason))])
    assert trainer.iteration == number == history["updates"][-1]
    assert history.stopped_because == trainer.history.stopped_because == reason
    assert reason in repr(history)
    assert len(fit(trainer, epochs=2)) == 2


def test_stop_between_epochs():
    trainer = every_trainer()
    stopper = nd.callbacks.LambdaCallback(on_epoch_end=lambda trainer, record: trainer.stop("one is enough"))
    assert len(fit(trainer, epochs=5, callbacks=[stopper])) == 1
    assert trainer.iteration == 4


@pytest.mark.parametrize("number", range(1, 9))
def test_a_run_interrupted_at_any_step_goes_on_to_the_same_bits_and_means(number):
    whole, interrupted = every_trainer(), every_trainer()
    fit(whole, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, epochs=3, callbacks=[at_update(number, interrupt)])
    assert interrupted.iteration == number
    fit(interrupted, epochs=3 - interrupted.epoch)
    assert bits(interrupted) == bits(whole)
    for key in ("epoch", "updates", "loss", "accuracy"):
        assert interrupted.history[key] == whole.history[key]


def test_an_interrupted_run_goes_on_in_a_copy_and_after_looking_at_the_model():
    whole, interrupted = every_trainer(), every_trainer()
    fit(whole, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, epochs=2, callbacks=[at_update(2, interrupt)])
    interrupted.evaluate(*examples(50))
    interrupted.model.predict(examples(3)[0])
    twin = pickle.loads(pickle.dumps(interrupted))
    fit(twin, epochs=2)
    assert bits(twin) == bits(whole)
    assert twin.history["loss"] == whole.history["loss"]


@pytest.mark.parametrize("change", [{"batch_size": 10}, {"seed": 9}, {"shuffle": False}, {"n": 40}])
def test_an_epoch_begun_with_other_batches_begins_anew(change):
    trainer = every_trainer()
    with pytest.raises(KeyboardInterrupt):
        fit(trainer, callbacks=[at_update(2, interrupt)])
    fit(trainer, epochs=1, **change)
    n, batch_size = change.get("n", 50), change.get("batch_size", 16)
    assert trainer.iteration == 2 + -(-n // batch_size)
    assert (trainer.epoch, trainer.batches_done) == (1, 0)


# ── copies ────────────────────────────────────────────────────────────────────────────────────────────────────────────
TRAINER_COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda trainer: pickle.loads(pickle.dumps(trainer))}


@pytest.mark.parametrize("how", TRAINER_COPIES)
@pytest.mark.parametrize("optimizer", sorted(nd.optimizers.KNOWN))
def test_a_copy_of_a_trainer_goes_on_bit_for_bit_and_alone(how, optimizer):
    trainer = every_trainer(optimizer)
    fit(trainer)
    twin = TRAINER_COPIES[how](trainer)
    before = bits(trainer)
    assert bits(twin) == before
    fit(twin)
    assert bits(trainer) == before
    fit(trainer)
    assert bits(trainer) == bits(twin)
    assert trainer.history["loss"] == twin.history["loss"]
    x, y = examples(10)
    assert [str(e) for e in trainer.walk(x, y)] == [str(e) for e in twin.walk(x, y)]


def test_a_copys_events_show_the_copys_arrays():
    trainer = every_trainer()
    trainer.step(*examples(10))
    twin = copy.deepcopy(trainer)
    for event in twin.walk(*examples(10, seed=3)):
        for array in event.arrays.values():
            assert not any(np.shares_memory(array, mine) for mine in (trainer.model.arena.values, trainer.model.arena.grads))
    assert twin.update_event.arrays["values"] is twin.model.arena.values


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_freezing_amid_training_takes_effect_at_the_next_step():
    trainer = every_trainer("adam")
    fit(trainer)
    trainer.model.freeze("hidden2|outputs")
    frozen = {p.name: p.value.copy() for p in trainer.model.variables("hidden2|outputs")}
    fit(trainer)
    assert all(np.array_equal(p.value, frozen[p.name]) for p in trainer.model.variables("hidden2|outputs"))
    trainer.model.unfreeze()
    fit(trainer)
    assert not any(np.array_equal(p.value, frozen[p.name]) for p in trainer.model.variables("hidden2|outputs"))


def test_the_learning_rate_can_be_set_between_steps():
    trainer = plain_trainer(nd.optimizers.SGD(0.1))
    trainer.optimizer.learning_rate = 0
    before = trainer.model.arena.values.copy()
    trainer.step(*examples(10))
    assert np.array_equal(trainer.model.arena.values, before)
    trainer.optimizer.learning_rate = nd.schedules.PiecewiseConstant([1], [0.0, 0.5])
    trainer.step(*examples(10))
    assert np.array_equal(trainer.model.arena.values, before)
    trainer.step(*examples(10))
    np.testing.assert_allclose(trainer.model.arena.values, before - 0.5 * trainer.model.arena.grads, rtol=1e-6, atol=1e-7)


def test_an_own_loss_without_a_base_class_trains():
    class Distance:
        def forward(self, outputs, targets, sample_weight=None):
            self.error = outputs - targets
            return np.mean(self.error**2)

        def backward(self):
            return 2 * self.error / self.error.size

    x, _ = examples(64)
    own, ours = (nd.Trainer(plain_trainer().model, loss) for loss in (Distance(), "mean_squared_error"))
    for trainer in (own, ours):
        trainer.fit(x, x[:, :CLASSES], epochs=2, verbose=False)
    np.testing.assert_allclose(own.model.arena.values, ours.model.arena.values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("verbose", "lines"), [(False, 0), (True, 2)])
def test_verbose_prints_a_line_an_epoch_or_nothing(capsys, verbose, lines):
    plain_trainer(metrics=["accuracy"]).fit(*examples(50), epochs=2, verbose=verbose)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == lines
    assert err == ""
    if verbose:
        assert out.startswith("epoch 1/2  updates 2  seconds ")
        assert "  loss " in out.splitlines()[1]
        assert "  accuracy " in out.splitlines()[1]


def test_a_trainer_says_what_it_is():
    assert repr(plain_trainer("momentum")) == (
        "<Trainer of <Sequential sequential 6-8-3 float32>: SoftmaxCrossEntropy(label_smoothing=0.0), "
        "Momentum(learning_rate=0.01, momentum=0.9), 0 updates>"
    )
