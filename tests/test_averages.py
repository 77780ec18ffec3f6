"""Exponential averages of the weights: the formula, the swap, the history, and resumed runs."""

import csv

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import CSVLogger, EarlyStopping, ExponentialAverage, LambdaCallback

X, Y = examples(50)
VALIDATION = examples(40, seed=1)
RUN = {"batch_size": 16, "verbose": False}    # 4 updates an epoch


def run(average, trainer=None, **arguments):
    """A run with the average; the weights before it and after each update."""
    trainer = trainer or every_trainer()
    seen = [trainer.model.arena.values.astype(np.float64)]
    note = LambdaCallback(on_step_end=lambda t: seen.append(t.model.arena.values.astype(np.float64)))
    trainer.fit(X, Y, epochs=3, callbacks=[average, note], **RUN, **arguments)
    return trainer, seen


def used(average, model):
    with average.swapped(model):
        return model.arena.values.copy()


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_the_average_is_the_weighted_sum_of_all_weights_so_far(decay):
    trainer, seen = run(average := ExponentialAverage(decay, bias_correction=False))
    shares = [decay**12] + [(1 - decay) * decay ** (12 - k) for k in range(1, 13)]
    assert sum(shares) == pytest.approx(1)
    expected = sum(share * w for share, w in zip(shares, seen, strict=True))
    assert np.allclose(used(average, trainer.model), expected, rtol=1e-6, atol=1e-7)
    assert np.allclose(average.average / average.total, expected, rtol=1e-12, atol=1e-14)
    assert average.updates == 12


@pytest.mark.parametrize("decay", [0.0, 0.9, 0.9999])
def test_corrected_the_weights_before_the_run_do_not_count(decay):
    trainer, seen = run(average := ExponentialAverage(decay))
    shares = np.array([(1 - decay) * decay ** (12 - k) for k in range(1, 13)])
    expected = sum(share * w for share, w in zip(shares / shares.sum(), seen[1:], strict=True))
    assert np.allclose(average.average / average.total, expected, rtol=1e-9, atol=1e-12)
    if decay == 0:
        assert np.array_equal(used(average, trainer.model), trainer.model.arena.values)


def test_moving_statistics_and_frozen_weights_are_averaged_too():
    trainer = every_trainer()
    trainer.model.freeze("hidden2")
    frozen = trainer.model.layer("hidden2").kernel.value.copy()
    trainer, _ = run(average := ExponentialAverage(0.5), trainer)
    mean = next(p for p in trainer.model.parameters if p.name == "hidden1_bn/moving_mean")
    now = mean.value.copy()
    with average.swapped(trainer.model):
        assert not np.array_equal(mean.value, now)
        assert np.array_equal(trainer.model.layer("hidden2").kernel.value, frozen)
    assert np.array_equal(mean.value, now)


def test_the_swap_puts_everything_back_to_the_bit_after_an_error_too():
    trainer, _ = run(average := ExponentialAverage(0.9))
    before, predicted = bits(trainer), trainer.model.predict(X)
    with average.swapped(trainer.model) as model:
        assert model is trainer.model
        averaged, copied = trainer.model.predict(X), model.copy()
        assert trainer.evaluate(X, Y)["loss"] > 0
    with pytest.raises(ZeroDivisionError), average.swapped(trainer.model):
        raise ZeroDivisionError
    assert bits(trainer) == before
    assert np.array_equal(trainer.model.predict(X), predicted)
    assert not np.array_equal(averaged, predicted)
    assert np.array_equal(copied.predict(X), averaged)


def test_training_does_not_feel_it():
    with_it, _ = run(ExponentialAverage(0.9), validation_data=VALIDATION)
    without = every_trainer()
    without.fit(X, Y, epochs=3, validation_data=VALIDATION, **RUN)
    assert bits(with_it) == bits(without)
    assert with_it.history["val_loss"] == without.history["val_loss"]


def test_the_history_has_the_results_of_the_averages_and_others_find_them(tmp_path):
    average, logger = ExponentialAverage(0.5), CSVLogger(tmp_path / "h.csv")
    stopping = EarlyStopping("average_val_loss", patience=50)
    trainer = every_trainer()
    history = trainer.fit(X, Y, epochs=3, validation_data=VALIDATION, callbacks=[logger, stopping, average], **RUN)
    with average.swapped(trainer.model):
        expected = trainer.evaluate(*VALIDATION)
    assert history["average_val_loss"][-1] == expected["loss"]    # of the averages, which early stopping leaves alone
    assert history["average_val_accuracy"][-1] == expected["accuracy"]
    with open(tmp_path / "h.csv", newline="") as file:
        assert [float(row["average_val_loss"]) for row in csv.DictReader(file)] == history["average_val_loss"]
    assert stopping.best == min(history["average_val_loss"])
    quiet = [ExponentialAverage(evaluate=False), EarlyStopping("average_val_loss")]
    with pytest.raises(ValueError, match="'average_val_loss' is not recorded"):
        every_trainer().fit(X, Y, validation_data=VALIDATION, callbacks=quiet, **RUN)
    plain, _ = run(ExponentialAverage())
    assert "average_val_loss" not in plain.history


@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("at", [2, 4, 7])
def test_a_resumed_run_ends_with_the_same_bits(correction, at, tmp_path):
    def stop(trainer):
        if trainer.iteration == at:
            raise KeyboardInterrupt

    def made():
        return ExponentialAverage(0.9, bias_correction=correction)

    whole, _ = run(one := made(), validation_data=VALIDATION)
    broken = every_trainer()
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, Y, epochs=3, validation_data=VALIDATION, callbacks=[made(), LambdaCallback(on_step_end=stop)], **RUN)
    resumed = nd.Trainer.restore(broken.save(tmp_path / "a.npz"))
    resumed.fit(X, Y, epochs=3 - resumed.epoch, validation_data=VALIDATION, callbacks=[other := made()], **RUN)
    assert bits(resumed) == bits(whole)
    assert other.average.tobytes() == one.average.tobytes()
    assert (other.total, other.updates) == (one.total, one.updates) == (one.total, 12)
    assert resumed.history["average_val_loss"] == whole.history["average_val_loss"]


def test_the_next_fit_goes_on_and_another_trainer_begins_anew():
    trainer, _ = run(average := ExponentialAverage(0.9))
    trainer.fit(X, Y, epochs=1, callbacks=[average], **RUN)
    assert average.updates == 16
    run(average)
    assert average.updates == 12


def test_the_decay_may_change_and_the_shares_still_sum_to_1():
    average = ExponentialAverage(0.9)
    soon = LambdaCallback(on_step_end=lambda t: setattr(average, "decay", 0.5 if t.iteration > 4 else 0.9))
    trainer = plain_trainer()
    ones = LambdaCallback(on_step_end=lambda t: t.model.arena.values.fill(1.0))
    ones.order = -2
    trainer.fit(X, Y, epochs=3, callbacks=[average, soon, ones], **RUN)
    assert np.allclose(average.average / average.total, 1, rtol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"decay": 1}, ValueError, "decay must be a number of at least 0 and below 1, got 1"),
        ({"decay": -0.1}, ValueError, "decay must be a number of at least 0"),
        ({"decay": float("nan")}, ValueError, "decay must be a number"),
        ({"decay": "0.9"}, TypeError, "decay must be a number"),
        ({"bias_correction": 1}, TypeError, "bias_correction must be True or False"),
        ({"evaluate": None}, TypeError, "evaluate must be True or False"),
    ],
)
def test_arguments_that_make_no_sense(arguments, error, message):
    with pytest.raises(error, match=f"^ExponentialAverage: {message}"):
        ExponentialAverage(**arguments)


def test_there_is_no_average_yet_or_it_is_anothers():
    average = ExponentialAverage()
    with pytest.raises(ValueError, match="ExponentialAverage: there is no average yet; train with it first"):
        used(average, plain_trainer().model)
    run(average)
    with pytest.raises(ValueError, match=r"it has averaged 505 numbers, and this model has 83; make a new callback"):
        used(average, plain_trainer().model)
    counts = {"total": 1.0, "updates": 1}
    for state in ({}, {**counts, "total": 2.0}, {**counts, "updates": -1}, {**counts, "average": [1]}):
        with pytest.raises(ValueError, match=r"ExponentialAverage\.state"):
            average.set_state(state)
