"""Early stopping on runs that overfit on purpose: when they stop, why, and that the winner comes back to the bit."""

import copy
import math

import numpy as np
import pytest
from helpers_training import bits

import npdeep as nd
from npdeep.callbacks import Callback, Checkpoint, EarlyStopping, LambdaCallback, ReduceLROnPlateau

TRAINING = 60


def examples_with_wrong_labels():
    """(training examples, of which a quarter has a wrong label, to be memorized in the end), (validation examples)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 6), dtype=np.float32)
    y = x[:, :3].argmax(axis=1)
    noisy = np.where(rng.random(100) < 0.4, rng.integers(0, 3, 100), y)
    return (x[:TRAINING], noisy[:TRAINING]), (x[TRAINING:], y[TRAINING:])


(X, Y), VALIDATION = examples_with_wrong_labels()
PER_EPOCH, EPOCHS = 3, 30                     # batches of 24, 24 and 12
RUN = {"batch_size": 24, "validation_data": VALIDATION, "verbose": False}


def overfitting(optimizer="nadam"):
    """Wide, with statistics, noise and slots: everything that a winner consists of."""
    layers = [nd.Dense(40, name="hidden"), nd.BatchNormalization(), nd.Activation("elu"), nd.Dropout(0.2), nd.Dense(3)]
    model = nd.Sequential(layers, 6, seed=3)
    optimizer = {"nadam": nd.optimizers.Nadam(0.02), "momentum": nd.optimizers.Momentum(0.02)}.get(optimizer, optimizer)
    return nd.Trainer(model, "softmax_cross_entropy", optimizer, metrics=["accuracy"])


def learnt(trainer):
    """All bits but the count of epochs, which does not go back with the winner."""
    return {name: kept for name, kept in bits(trainer).items() if name != "epoch"}


class Watch:
    """What an evaluation would have found and what the trainer consisted of, every so many updates."""

    def __init__(self, every, optimizer="nadam", monitor="loss", epochs=EPOCHS):
        self.values, self.bits = [], []
        trainer = overfitting(optimizer)
        look = LambdaCallback(on_step_end=lambda t: self.look(t, monitor) if t.iteration % every == 0 else None)
        trainer.fit(X, Y, epochs=epochs, callbacks=[look], **RUN)
        self.end, self.history = learnt(trainer), trainer.history

    def look(self, trainer, monitor):
        self.values.append(trainer.evaluate(*VALIDATION)[monitor])
        self.bits.append(learnt(trainer))

    def winner(self, patience, better=min, delta=0.0):
        """(index of the winner, index of the evaluation after which the run stops or None): by looking at the list alone."""
        sign = 1 if better is min else -1
        best = 0
        for i, value in enumerate(self.values):
            if i and sign * value < sign * self.values[best] - delta:
                best = i
            elif i - best >= patience:
                return best, i
        return best, None


# ── the winner ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("optimizer", ["nadam", "momentum"])
@pytest.mark.parametrize("patience", [1, 3, 6])
def test_evaluated_every_epoch_the_winner_comes_back_to_the_bit(patience, optimizer):
    watch = Watch(PER_EPOCH, optimizer)
    best, last = watch.winner(patience)
    assert 0 < best < last < EPOCHS - 1
    trainer, stopping = overfitting(optimizer), EarlyStopping(patience=patience)
    history = trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    assert learnt(trainer) == watch.bits[best]
    assert history["val_loss"] == watch.values[: last + 1]
    assert (trainer.iteration, trainer.epoch, len(history)) == (PER_EPOCH * (best + 1), last + 1, last + 1)
    assert stopping.best == min(history["val_loss"]) == trainer.evaluate(*VALIDATION)["loss"]
    assert stopping.best_iteration == trainer.iteration
    assert history.stopped_because == trainer.history.stopped_because == (
        f"early stopping: val_loss has not been better than {stopping.best:.6g}, reached after {trainer.iteration} updates, "
        f"for {patience} epochs"
    )


@pytest.mark.parametrize("optimizer", ["nadam", "momentum"])
@pytest.mark.parametrize(("every", "patience"), [(1, 6), (2, 9), (5, 20), (7, 7), (4, 1)])
def test_evaluated_every_few_updates_as_the_chapter_does(every, patience, optimizer):
    watch = Watch(every, optimizer)
    best, last = watch.winner(math.ceil(patience / every))
    trainer, stopping = overfitting(optimizer), EarlyStopping(every=every, patience=patience)
    history = trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    assert learnt(trainer) == watch.bits[best]
    assert stopping.best == watch.values[best]
    stopped_at = (last + 1) * every
    assert history["updates"][-1] == stopped_at
    assert trainer.epoch == math.ceil(stopped_at / PER_EPOCH) < EPOCHS
    assert history.stopped_because.endswith(f"for {every * math.ceil(patience / every)} updates")
    assert f"reached after {every * (best + 1)} updates" in history.stopped_because


def test_looking_changes_no_bit_of_the_run():
    watch = Watch(1)
    for stopping in (EarlyStopping(patience=999, restore=False), EarlyStopping(every=1, patience=999, restore=False)):
        trainer = overfitting()
        trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
        assert learnt(trainer) == watch.end
        assert trainer.history["loss"] == watch.history["loss"]


@pytest.mark.parametrize("arguments", [{}, {"every": 2}])
def test_the_winner_comes_back_also_when_the_epochs_run_out(arguments):
    watch = Watch(arguments.get("every", PER_EPOCH))
    trainer, stopping = overfitting(), EarlyStopping(patience=999, **arguments)
    history = trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    assert learnt(trainer) == watch.bits[int(np.argmin(watch.values))]
    assert (trainer.epoch, history.stopped_because) == (EPOCHS, "")


def broken_off(error, stopping):
    """A trainer whose run was ended by this error after all but one of the updates of ten epochs."""
    trainer = overfitting()

    def fail(trainer):
        if trainer.iteration == 10 * PER_EPOCH - 1:
            raise error

    with pytest.raises(error):
        trainer.fit(X, Y, epochs=20, callbacks=[stopping, LambdaCallback(on_step_end=fail)], **RUN)
    return trainer


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_where_the_run_breaks_off_the_network_stays_as_its_epoch_and_batch_do(error):
    watch = Watch(1, epochs=10)
    trainer = broken_off(error, EarlyStopping(patience=99))
    assert learnt(trainer) == watch.bits[-2]
    assert (trainer.iteration, trainer.epoch, trainer.batches_done) == (10 * PER_EPOCH - 1, 9, PER_EPOCH - 1)


def test_no_more_epochs_put_the_winner_back_and_give_up_the_rest_of_the_epoch():
    watch, stopping = Watch(PER_EPOCH, epochs=10), EarlyStopping(patience=99)
    best = int(np.argmin(watch.values[:9]))
    trainer = broken_off(KeyboardInterrupt, stopping)
    trainer.fit(X, Y, epochs=0, callbacks=[stopping], **RUN)
    assert best < 8
    assert learnt(trainer) == watch.bits[best]
    assert (trainer.epoch, trainer.batches_done, trainer.unfinished) == (9, 0, None)


def test_an_interrupted_search_goes_on_with_the_same_data_alone():
    for factor in (1, 2):
        stopping = EarlyStopping(patience=99)
        trainer = broken_off(KeyboardInterrupt, stopping)
        found = stopping.best
        run = {**RUN, "validation_data": (100 * VALIDATION[0], VALIDATION[1])}
        trainer.fit(factor * X, Y, epochs=1, callbacks=[stopping], **run)
        assert (stopping.best == found) is (factor == 1)      # the new results are worse


def test_without_restoring_the_network_stays_as_it_was_when_training_stopped():
    watch = Watch(PER_EPOCH)
    best, last = watch.winner(3)
    trainer, stopping = overfitting(), EarlyStopping(patience=3, restore=False)
    trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    assert learnt(trainer) == watch.bits[last] != watch.bits[best]
    assert (stopping.best, stopping.best_iteration) == (watch.values[best], PER_EPOCH * (best + 1))


def test_a_winner_in_the_last_epoch_is_the_network_as_it_is():
    trainer = overfitting()
    trainer.fit(X, Y, epochs=2, callbacks=[EarlyStopping("loss", patience=3)], **RUN)
    assert trainer.history["loss"][1] < trainer.history["loss"][0]
    assert learnt(trainer) == Watch(PER_EPOCH, epochs=2).end


def test_it_is_the_network_that_the_best_checkpoint_holds(tmp_path):
    trainer, keeper = overfitting(), Checkpoint(tmp_path, monitor="val_loss")
    trainer.fit(X, Y, epochs=EPOCHS, callbacks=[EarlyStopping(patience=4), keeper], **RUN)
    (best,) = keeper.files
    assert learnt(nd.Trainer.restore(best)) == learnt(trainer)


def test_min_delta_asks_for_more_than_a_hair():
    watch = Watch(PER_EPOCH)
    best, last = watch.winner(2, delta=0.05)
    assert (best, last) != watch.winner(2)
    trainer = overfitting()
    trainer.fit(X, Y, epochs=EPOCHS, callbacks=[EarlyStopping(patience=2, min_delta=0.05)], **RUN)
    assert learnt(trainer) == watch.bits[best]
    assert trainer.epoch == last + 1


@pytest.mark.parametrize(("monitor", "mode"), [("val_accuracy", "auto"), ("val_accuracy", "max"), ("val_loss", "max")])
def test_the_largest_wins_where_larger_is_better(monitor, mode):
    watch = Watch(PER_EPOCH, monitor=monitor[4:])
    best, last = watch.winner(5, better=max)
    trainer, stopping = overfitting(), EarlyStopping(monitor, patience=5, mode=mode)
    trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    assert stopping.best == watch.values[best] == max(trainer.history[monitor])
    assert learnt(trainer) == watch.bits[best]
    assert trainer.epoch == (EPOCHS if last is None else last + 1)


def test_the_first_of_equal_results_stays_the_winner():
    trainer = overfitting("momentum")
    trainer.optimizer.learning_rate = 0       # the validation result never changes, but for the moving statistics
    trainer.model.freeze("batch_normalization")
    history = trainer.fit(X, Y, epochs=9, callbacks=[EarlyStopping(patience=2)], **RUN)
    assert len(set(history["val_loss"])) == 1
    assert (trainer.iteration, len(history)) == (PER_EPOCH, 3)


@pytest.mark.parametrize("restore_settings", [False, True])
def test_learning_rate_and_frozen_layers_go_back_with_the_winner_only_if_asked(restore_settings):
    trainer = overfitting("momentum")
    stopping = EarlyStopping(patience=5, restore_settings=restore_settings)
    freeze = LambdaCallback(on_epoch_end=lambda t, record: t.model.freeze("hidden.*") if stopping.waited == 2 else None)
    watchers = [stopping, ReduceLROnPlateau("val_loss", factor=0.5, patience=1), freeze]
    history = trainer.fit(X, Y, epochs=EPOCHS, callbacks=watchers, **RUN)
    best = int(np.argmin(history["val_loss"]))
    rates = history["learning_rate"]
    assert rates[-1] < rates[best]
    assert trainer.optimizer.learning_rate == (rates[best] if restore_settings else rates[-1] / 2)    # the last epoch's fall
    assert bool(trainer.model.frozen()["parameters"]) is not restore_settings
    assert trainer.iteration == PER_EPOCH * (best + 1) == stopping.best_iteration


def test_with_a_rate_that_falls_on_plateaus_the_rate_stays_as_keras_leaves_it():
    values = [1, 0.5, *[0.6] * 8]

    class Fake(Callback):
        order = -5

        def on_epoch_end(self, trainer, record):
            record["val_loss"] = values[trainer.epoch - 1]

    trainer = overfitting(nd.optimizers.SGD(0.05))
    watchers = [Fake(), EarlyStopping(patience=5), ReduceLROnPlateau(patience=2)]
    history = trainer.fit(X, Y, epochs=10, callbacks=watchers, **RUN)
    np.testing.assert_allclose(history["learning_rate"], [0.05] * 4 + [0.005] * 2 + [0.0005])
    np.testing.assert_allclose(trainer.optimizer.learning_rate, 0.0005)


def test_states_in_files_of_earlier_versions_find_their_object():
    arguments = "monitor='val_loss', patience=3, every=None, min_delta=0.0, mode='min', restore=True"
    assert EarlyStopping(patience=3).identity == f"EarlyStopping({arguments})"
    assert EarlyStopping(patience=3, restore_settings=True).identity != f"EarlyStopping({arguments})"


# ── results that are not numbers ───────────────────────────────────────────────────────────────────────────────────────
def broken(values, monkeypatch):
    """A trainer whose evaluations give these losses."""
    trainer = overfitting("momentum")
    results = iter(values)
    monkeypatch.setattr(trainer, "measure", lambda *_, **__: {"loss": next(results), "accuracy": 0.5})
    return trainer


def test_nan_never_wins(monkeypatch):
    trainer = broken([math.nan, 3, math.nan, 2, math.nan, math.inf, math.nan], monkeypatch)
    stopping = EarlyStopping(patience=3)
    history = trainer.fit(X, Y, epochs=9, callbacks=[stopping], **RUN)
    assert (stopping.best, stopping.best_iteration, len(history)) == (2, 4 * PER_EPOCH, 7)


def test_where_no_result_was_a_number_there_is_no_winner_and_the_reason_says_so(monkeypatch):
    trainer = broken([math.nan, math.inf, math.nan], monkeypatch)
    history = trainer.fit(X, Y, epochs=9, callbacks=[EarlyStopping(patience=3)], **RUN)
    assert trainer.iteration == 3 * PER_EPOCH
    assert history.stopped_because == "early stopping: val_loss has not been finite, for 3 epochs"


# ── continuing ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_another_fit_goes_on_from_the_winner_and_looks_for_one_of_its_own():
    trainer, stopping = overfitting(), EarlyStopping(patience=3)
    first = trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    best, winner, end = stopping.best, learnt(trainer), trainer.epoch
    twin = copy.deepcopy(trainer)
    second = trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    assert len(second) >= 3
    assert [record["epoch"] for record in trainer.history] == list(range(1, end + len(second) + 1))
    assert stopping.best == min(second["val_loss"])
    assert learnt(trainer) != winner
    assert first.stopped_because.startswith("early stopping: val_loss")
    twin.fit(X, Y, epochs=1, **RUN)           # what came after began at the winner, with the next epoch's order
    assert twin.history["loss"][-1] == trainer.history["loss"][end]
    assert twin.history["updates"][-1] == trainer.history["updates"][end] == first["updates"][first["val_loss"].index(best)] + 3


def test_one_object_for_two_trainers_carries_no_weights_over():
    stopping, one, other = EarlyStopping(patience=3), overfitting(), overfitting()
    one.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    other.fit(X, Y, epochs=2, **RUN)          # it has made updates already
    twin = copy.deepcopy(other)
    other.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    twin.fit(X, Y, epochs=EPOCHS, callbacks=[EarlyStopping(patience=3)], **RUN)
    assert learnt(other) == learnt(twin)


def test_what_was_thawed_between_two_fits_stays_thawed():
    stopping, trainer = EarlyStopping(patience=3), overfitting()
    first = trainer.model.layers[0].name
    trainer.model.freeze(first)
    trainer.fit(X, Y, epochs=3, callbacks=[stopping], **RUN)
    trainer.model.unfreeze()
    trainer.optimizer.learning_rate = 1e3     # nothing better will be found
    trainer.fit(X, Y, epochs=2, callbacks=[stopping], **RUN)
    assert all(p.trainable for p in trainer.model.parameters if p.has_grad)
    assert trainer.optimizer.learning_rate == 1e3


def test_training_on_without_it_leaves_its_winner_alone():
    trainer, stopping = overfitting(), EarlyStopping(patience=3)
    trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    winner = learnt(trainer)
    trainer.fit(X, Y, epochs=3, **RUN)
    assert learnt(trainer) != winner
    trainer.set_state(stopping.winner)
    assert learnt(trainer) == winner


@pytest.mark.parametrize("arguments", [{"patience": 3}, {"every": 2, "patience": 6}])
def test_an_object_that_stopped_one_trainer_begins_anew_with_the_next(arguments):
    used = EarlyStopping(**arguments)
    overfitting("momentum").fit(X, Y, epochs=EPOCHS, callbacks=[used], **RUN)
    ends = []
    for stopping in (used, EarlyStopping(**arguments)):
        trainer = overfitting()
        trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
        ends.append((bits(trainer), stopping.best, trainer.history.stopped_because))
    assert ends[0] == ends[1]


# ── interrupted and resumed ───────────────────────────────────────────────────────────────────────────────────────────
CASES = [{"patience": 4}, {"every": 2, "patience": 8}, {"every": 5, "patience": 10}, {"monitor": "val_accuracy", "patience": 6}]


@pytest.mark.parametrize("saved", [None, 1], ids=["saved after epochs", "saved after updates"])
@pytest.mark.parametrize("arguments", CASES, ids=str)
def test_resumed_from_any_of_its_files_a_run_ends_with_the_same_bits_and_reason(tmp_path, arguments, saved):
    whole, keeper = overfitting(), Checkpoint(tmp_path, keep=999, every=saved)
    whole.fit(X, Y, epochs=EPOCHS, callbacks=[EarlyStopping(**arguments), keeper], **RUN)
    assert whole.history.stopped_because.startswith("early stopping")
    files = sorted(keeper.files)
    for path in files[:: max(1, len(files) // 8)] + files[-3:]:
        trainer, stopping = nd.Trainer.restore(path), EarlyStopping(**arguments)
        trainer.fit(X, Y, epochs=EPOCHS - trainer.epoch, callbacks=[stopping], **RUN)
        assert learnt(trainer) == learnt(whole)
        assert trainer.history.stopped_because == whole.history.stopped_because
        assert trainer.history["val_loss"] == whole.history["val_loss"]
        assert trainer.epoch == whole.epoch


def test_the_winner_travels_in_the_file(tmp_path):
    trainer, stopping, keeper = overfitting(), EarlyStopping(patience=4), Checkpoint(tmp_path)
    trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping, keeper], **RUN)
    other, again = nd.Trainer.restore(keeper.files[0]), EarlyStopping(patience=4)
    other.fit(X, Y, epochs=0, callbacks=[again], **RUN)       # nothing to train: it is but put back
    assert learnt(other) == learnt(trainer)
    assert (again.best, again.best_iteration) == (stopping.best, stopping.best_iteration)


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("arguments", [{}, {"monitor": "val_accuracy"}, {"monitor": "val_loss", "every": 2}, {"every": 3}])
def test_without_validation_data_it_says_what_to_hand_in_before_the_first_step(arguments):
    trainer = overfitting()
    before = bits(trainer)
    with pytest.raises(ValueError, match=r"no validation_data; pass it: fit\(\.\.\., validation_data=\(x, y\)\)"):
        trainer.fit(X, Y, callbacks=[EarlyStopping(**arguments)], verbose=False)
    assert bits(trainer) == before


def test_a_fit_that_is_refused_puts_no_old_winner_back():
    trainer, stopping = overfitting(), EarlyStopping(patience=3)
    trainer.fit(X, Y, epochs=EPOCHS, callbacks=[stopping], **RUN)
    trainer.fit(X, Y, epochs=3, verbose=False)
    before = bits(trainer)
    with pytest.raises(ValueError, match="no validation_data"):
        trainer.fit(X, Y, callbacks=[stopping], verbose=False)
    assert bits(trainer) == before


def test_a_training_result_needs_no_validation_data():
    history = overfitting().fit(X, Y, epochs=99, callbacks=[EarlyStopping("accuracy", patience=2)], verbose=False)
    assert history.stopped_because.startswith("early stopping: accuracy has not been better than")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"monitor": "val_f1"}, "EarlyStopping: 'val_f1' is not recorded; there are .*val_loss, val_accuracy"),
        ({"monitor": "loss", "every": 2}, "with every=2 monitor must begin with \"val_\", got 'loss'"),
    ],
)
def test_a_result_that_does_not_exist_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        overfitting().fit(X, Y, callbacks=[EarlyStopping(**arguments)], **RUN)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": 0}, "patience must be an integer of at least 1, got 0"),
        ({"patience": 2.5}, "patience must be an integer of at least 1, got 2.5"),
        ({"every": 0}, "every must be an integer of at least 1, got 0"),
        ({"min_delta": -1}, "min_delta must be a number of at least 0, got -1"),
        ({"mode": "best"}, "unknown mode 'best'"),
        ({"restore": 1}, "restore must be True or False, got 1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises((ValueError, TypeError), match=f"EarlyStopping: {message}"):
        EarlyStopping(**arguments)
