"""Callbacks: their moments, performance scheduling, and progress."""

import io
import sys

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import Callback, LambdaCallback, PlainProgress, ProgressBar, ReduceLROnPlateau, progress

X, Y = examples(50)
RUN = {"batch_size": 16, "verbose": False}


class Diary(Callback):
    """Writes down what it is told, and when."""

    def __init__(self, name="", entries=None):
        self.name, self.entries = name, [] if entries is None else entries

    def on_fit_begin(self, trainer):
        self.entries.append((self.name, "fit begins", trainer.epoch, trainer.iteration))

    def on_epoch_begin(self, trainer):
        self.entries.append((self.name, "epoch begins", trainer.epoch, trainer.iteration))

    def on_step_end(self, trainer):
        self.entries.append((self.name, "step", trainer.epoch, trainer.iteration))

    def on_epoch_end(self, trainer, record):
        assert record is trainer.history.last
        self.entries.append((self.name, "epoch ends", trainer.epoch, trainer.iteration))

    def on_fit_end(self, trainer):
        self.entries.append((self.name, "fit ends", trainer.epoch, trainer.iteration))


def test_the_moments_come_in_order_in_every_call_of_fit():
    diary, trainer = Diary(), plain_trainer()
    for _ in range(2):
        trainer.fit(X[:20], Y[:20], epochs=2, callbacks=[diary], **RUN)
    assert [entry[1:] for entry in diary.entries] == [
        ("fit begins", 0, 0),
        *(("epoch begins", 0, 0), ("step", 0, 1), ("step", 0, 2), ("epoch ends", 1, 2)),
        *(("epoch begins", 1, 2), ("step", 1, 3), ("step", 1, 4), ("epoch ends", 2, 4)),
        ("fit ends", 2, 4),
        ("fit begins", 2, 4),
        *(("epoch begins", 2, 4), ("step", 2, 5), ("step", 2, 6), ("epoch ends", 3, 6)),
        *(("epoch begins", 3, 6), ("step", 3, 7), ("step", 3, 8), ("epoch ends", 4, 8)),
        ("fit ends", 4, 8),
    ]


def test_callbacks_are_asked_in_the_order_of_the_list():
    entries = []
    plain_trainer().fit(X, Y, callbacks=(Diary("a", entries), Diary("b", entries)), batch_size=50, verbose=False)
    assert [name for name, *_ in entries] == ["a", "b"] * 5


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_end_is_told_also_where_the_run_breaks_off(error):
    def fail(trainer):
        raise error

    diary = Diary()
    with pytest.raises(error):
        plain_trainer().fit(X, Y, callbacks=[diary, LambdaCallback(on_step_end=fail)], **RUN)
    assert [entry[1] for entry in diary.entries] == ["fit begins", "epoch begins", "step", "fit ends"]


def test_watching_changes_no_bit():
    watched, alone = every_trainer(), every_trainer()
    look = LambdaCallback(on_step_end=lambda t: (t.evaluate(X, Y), t.model.predict(X[:3]), str(t.model.summary())))
    watched.fit(X, Y, epochs=2, callbacks=[look, Diary()], **RUN)
    alone.fit(X, Y, epochs=2, **RUN)
    assert bits(watched) == bits(alone)
    assert watched.history["loss"] == alone.history["loss"]


def test_lambdas_for_the_moments_of_interest():
    seen = []
    callback = LambdaCallback(
        on_fit_begin=lambda trainer: seen.append("begin"),
        on_epoch_end=lambda trainer, record: seen.append(record["epoch"]),
        on_fit_end=lambda trainer: seen.append("end"),
    )
    plain_trainer().fit(X, Y, epochs=2, callbacks=[callback], **RUN)
    assert seen == ["begin", 1, 2, "end"]
    assert repr(callback).startswith("LambdaCallback(on_fit_begin=<function")
    with pytest.raises(TypeError, match="LambdaCallback: on_step_end must be a function, got the string 'print'"):
        LambdaCallback(on_step_end="print")


# ── performance scheduling ────────────────────────────────────────────────────────────────────────────────────────────
class Stub:
    """A trainer of which a schedule sees the learning rate alone; its records are the test's own."""

    watchers = (nd.callbacks.LambdaCallback(),)

    def __init__(self, learning_rate=1.0):
        self.optimizer = nd.optimizers.SGD(learning_rate)


def rates(callback, values, start=1.0, monitor="val_loss"):
    """The learning rate after each epoch."""
    trainer, after = Stub(start), []
    callback.on_fit_begin(trainer)
    for value in values:
        callback.on_epoch_end(trainer, {"epoch": 1, monitor: value})
        after.append(trainer.optimizer.learning_rate)
    return after


@pytest.mark.parametrize(
    ("arguments", "values", "expected"),
    [
        pytest.param({"patience": 2}, [3, 2, 2, 2, 2, 2], [1, 1, 1, 0.5, 0.5, 0.25], id="after patience epochs, then again"),
        pytest.param({"patience": 2}, [3, 4, 2, 4, 4, 1], [1, 1, 1, 1, 0.5, 0.5], id="an improvement starts the count again"),
        pytest.param({"patience": 1}, [3, 3, 3], [1, 0.5, 0.25], id="patience 1"),
        pytest.param({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.4, 2.0], [1, 0.5, 0.5, 0.25], id="small ones do not count"),
        pytest.param({"patience": 1, "min_delta": 0.5}, [3, 2.5], [1, 0.5], id="min_delta itself is too small"),
        pytest.param({"patience": 1, "cooldown": 2}, [3, 3, 3, 3, 3, 3], [1, 0.5, 0.5, 0.25, 0.25, 0.125], id="cooldown"),
        pytest.param({"patience": 1, "minimum": 0.3}, [3, 3, 3, 3], [1, 0.5, 0.3, 0.3], id="minimum"),
        pytest.param({"patience": 1, "mode": "max"}, [1, 2, 2, 3, 3], [1, 1, 0.5, 0.5, 0.25], id="max"),
        pytest.param({"patience": 2}, [3, float("nan"), float("nan"), 2], [1, 1, 0.5, 0.5], id="nan is no improvement"),
        pytest.param({"patience": 1}, [float("nan"), 3, 3], [0.5, 0.5, 0.25], id="nan first"),
    ],
)
def test_the_rate_falls_when_the_monitored_number_has_not_improved_for_long(arguments, values, expected):
    assert rates(ReduceLROnPlateau(**{"factor": 0.5, "min_delta": 0, **arguments}), values) == expected


def test_the_rate_is_never_raised_to_the_minimum():
    assert rates(ReduceLROnPlateau(factor=0.5, patience=1, minimum=0.1), [3, 3, 3], start=0.05) == [0.05] * 3


@pytest.mark.parametrize(("monitor", "mode"), [("val_loss", "min"), ("accuracy", "max"), ("val_top_5_accuracy", "max")])
def test_auto_takes_accuracies_for_better_where_larger(monitor, mode):
    callback = ReduceLROnPlateau(monitor, factor=0.5, patience=1)
    assert callback.mode == mode
    better = [1, 2, 3] if mode == "max" else [3, 2, 1]
    assert rates(callback, better, monitor=monitor) == [1, 1, 1]


def test_in_a_run_the_history_shows_the_rates_as_they_fall():
    trainer = plain_trainer(nd.optimizers.SGD(0.0))           # nothing is learnt: a plateau from the first epoch on
    trainer.optimizer.learning_rate = 1e-30
    callback = ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=1.0)
    history = trainer.fit(X, Y, epochs=6, callbacks=[callback], **RUN)
    assert history["learning_rate"] == [1e-30, 1e-30, 1e-30, 5e-31, 5e-31, 2.5e-31]


def test_what_is_monitored_must_be_recorded():
    with pytest.raises(ValueError, match=r"Plateau: 'val_loss' is not recorded; there are .*loss; pass validation_data to"):
        plain_trainer().fit(X, Y, callbacks=[ReduceLROnPlateau()], **RUN)


def test_a_schedule_cannot_be_reduced():
    with pytest.raises(TypeError, match="learning rate is a schedule already"):
        ReduceLROnPlateau().on_fit_begin(Stub(nd.schedules.PowerDecay(0.1, 10)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 1}, "factor must be a number above 0 and below 1, got 1"),
        ({"factor": 0}, "factor must be a number above 0 and below 1, got 0"),
        ({"patience": 0}, "patience must be an integer of at least 1, got 0"),
        ({"patience": 1.5}, "patience must be an integer of at least 1, got 1.5"),
        ({"min_delta": -1}, "min_delta must be a number of at least 0, got -1"),
        ({"cooldown": -1}, "cooldown must be an integer of at least 0, got -1"),
        ({"minimum": "a"}, "minimum must be a number of at least 0, got the string 'a'"),
        ({"mode": "maximum"}, "unknown mode 'maximum'; did you mean 'max'"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises((ValueError, TypeError), match=f"ReduceLROnPlateau: {message}"):
        ReduceLROnPlateau(**arguments)


# ── progress ──────────────────────────────────────────────────────────────────────────────────────────────────────────
class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_in_a_terminal_a_bar_counts_the_steps_and_a_line_an_epoch_stays(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(progress(), ProgressBar)
    trainer = plain_trainer()
    trainer.fit(X, Y, epochs=2, batch_size=16)
    bar = sys.stderr.getvalue()
    assert "epoch 1/2:   0%" in bar
    assert "epoch 2/2:   0%" in bar
    assert "0/4" in bar
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_the_bar_is_closed_and_the_reason_given_where_a_run_stops(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    bar = ProgressBar()
    stopper = LambdaCallback(on_step_end=lambda trainer: trainer.stop("that will do"))
    plain_trainer().fit(X, Y, callbacks=[stopper, bar], **RUN)
    assert capsys.readouterr().out.endswith("stopped: that will do\n")
    assert bar.bar.disable

    def interrupt(trainer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plain_trainer().fit(X, Y, callbacks=[LambdaCallback(on_step_end=interrupt), bar], **RUN)
    assert bar.bar.disable


@pytest.mark.parametrize("why", ["no terminal", "no tqdm"])
def test_elsewhere_there_is_a_plain_line_an_epoch(monkeypatch, capsys, why):
    if why == "no tqdm":
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setitem(sys.modules, "tqdm", None)
        with pytest.raises(ImportError, match=r"ProgressBar needs tqdm: python -m pip install 'npdeep\[progress\]'"):
            ProgressBar()
    assert type(progress()) is PlainProgress
    plain_trainer(metrics=["accuracy"]).fit(X, Y, epochs=2, validation_data=(X, Y))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert lines[0].split()[2::2] == [*("updates", "seconds", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy")]


def test_lines_count_all_epochs_of_a_trainer(capsys):
    trainer = plain_trainer()
    trainer.fit(X, Y, epochs=2, verbose=False)
    trainer.fit(X, Y, epochs=1)
    assert capsys.readouterr().out.startswith("epoch 3/3  ")


@pytest.mark.parametrize("stream", ["pipe", "terminal"])
def test_a_notebook_gets_a_plain_line_an_epoch_on_standard_output(monkeypatch, capsys, recwarn, stream):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    if stream == "terminal":
        monkeypatch.setattr(sys, "stderr", Terminal())
    assert type(progress()) is PlainProgress
    plain_trainer().fit(X, Y, epochs=3, batch_size=16)
    assert len(capsys.readouterr().out.splitlines()) == 3
    if stream == "terminal":
        assert not sys.stderr.getvalue()
    assert not recwarn.list


def test_a_bar_in_a_notebook_is_not_red(monkeypatch, capsys, recwarn):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    plain_trainer().fit(X, Y, callbacks=[ProgressBar()], **RUN)
    written = capsys.readouterr()
    assert not written.err
    assert "epoch 1/1" in written.out
    assert not recwarn.list


# ── callbacks as other libraries have them ────────────────────────────────────────────────────────────────────────────
class KerasEpoch(Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise AssertionError("never called")


class KerasTrain(Callback):
    def on_train_begin(self, logs=None):
        raise AssertionError("never called")


class KerasBatch(Callback):
    def on_batch_end(self, batch, logs=None):
        raise AssertionError("never called")


class Misspelt(Callback):
    def on_epochs_end(self, trainer, record):
        raise AssertionError("never called")


class TooFew(Callback):
    def on_epoch_end(self, trainer):
        raise AssertionError("never called")


class TooMany(Callback):
    def on_step_end(self, trainer, batch, logs):
        raise AssertionError("never called")


class NoCallback:
    def on_epoch_end(self, epoch, logs):
        raise AssertionError("never called")


class Right(Callback):
    """Other names of its own and more arguments with defaults are its own affair."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, t, numbers, quiet=True):
        self.seen.append(numbers["loss"])

    def on_step_end(self, *given):
        pass


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([KerasEpoch()], r"on_epoch_end\(epoch, logs\) is called with \(trainer, record\)"),
        ([Right(), KerasTrain()], r"\[1\] \(KerasTrain\): on_train_begin would never be called; it is called on_fit_begin"),
        ([KerasBatch()], r"on_batch_end would never be called; it is called on_step_end\(self, trainer\)"),
        ([Misspelt()], "on_epochs_end would never be called; npdeep's moments are on_fit_begin, .*on_epoch_end"),
        ([TooFew()], r"on_epoch_end\(trainer\) is called with \(trainer, record\)"),
        ([TooMany()], r"on_step_end\(trainer, batch, logs\) is called with \(trainer\)"),
        ([NoCallback()], r"of type NoCallback; derive its class from nd\.callbacks\.Callback"),
        ([LambdaCallback(on_epoch_end=lambda epoch, logs: None)], r"on_epoch_end\(epoch, logs\) is called with"),
        ([print], r"nd\.callbacks\.LambdaCallback\(on_epoch_end=function\), called as function\(trainer, record\)"),
        ([lambda trainer, record: None], r"nd\.callbacks\.LambdaCallback\(on_epoch_end=function\)"),
        (print, r"nd\.callbacks\.LambdaCallback\(on_epoch_end=function\)"),
        (Right(), r"put it in brackets: callbacks=\[\.\.\.\]"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0][:40],
)
def test_callbacks_of_another_form_are_recognized_before_the_first_step(callbacks, message):
    trainer = plain_trainer()
    before = bits(trainer)
    with pytest.raises(TypeError, match=f"^fit: callbacks.*{message}") as raised:
        trainer.fit(X, Y, callbacks=callbacks, **RUN)
    assert len(str(raised.value)) < 300
    assert bits(trainer) == before


def test_callbacks_that_take_what_they_are_given_pass():
    right = Right()
    history = plain_trainer().fit(X, Y, callbacks=[right, LambdaCallback(on_epoch_end=lambda *given: None)], **RUN)
    assert right.seen == history["loss"]


def test_a_run_that_diverged_ends_with_what_to_do(capsys):
    trainer = nd.Trainer(plain_trainer().model, "mean_squared_error", nd.optimizers.SGD(1e30))
    with np.errstate(all="ignore"):
        trainer.fit(X, np.eye(3)[Y], epochs=3, batch_size=16)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("the loss is not finite: try a smaller learning_rate; nd.callbacks.TerminateOnNaN() stops")
