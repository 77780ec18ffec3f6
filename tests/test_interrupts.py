"""Ctrl-C and errors in fit: whenever they come, a resumed run ends as if it had never stopped."""

import copy
import pickle
import signal
import threading

import numpy as np
import pytest
from helpers_interrupts import PER_EPOCH, VALIDATION, Run, X, Y, at_line, at_moment, press
from helpers_training import bits, every_trainer, plain_trainer

import npdeep as nd
from npdeep.callbacks import Callback, LambdaCallback, RecordGradients
from npdeep.common.guards import Interrupts, quiet

KINDS = {
    "all epochs": {},
    "stopped early": {"patience": 1},
    "stopped amid an epoch": {"patience": 3, "every": 3},
    "a list of batches": {"batches": True},
}
WAYS = ["same objects", "new objects", "file"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What the runs come to that were never stopped, and how many lines of npdeep's they run."""
    Run(tmp_path_factory.mktemp("first")).fit()    # some lines run but once in a process
    found = {}
    for kind, arguments in KINDS.items():
        run = Run(tmp_path_factory.mktemp("whole"), **arguments)
        with at_line(0, press) as lines:
            run.fit()
        found[kind] = (run.outcome(), lines[0])
    return found


def test_the_runs_are_different_ones(whole):
    assert len({str(outcome) for outcome, _ in whole.values()}) == len(KINDS)
    updates = {kind: outcome["history"][-1]["updates"] for kind, (outcome, _) in whole.items()}
    assert updates == {"all epochs": 16, "stopped early": 12, "stopped amid an epoch": 9, "a list of batches": 16}


# ── at any moment ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_before_any_line_of_the_package(tmp_path, whole, kind):
    expected, lines = whole[kind]
    for number, line in enumerate(np.linspace(1, lines, 7).astype(int).tolist()):
        run = Run(tmp_path / str(line), **KINDS[kind])
        with pytest.raises(KeyboardInterrupt), at_line(line, press):
            run.fit()
        run.resume(WAYS[number % len(WAYS)])
        assert run.outcome() == expected


MOMENTS = [
    *[("on_fit_begin", 1), ("on_epoch_begin", 1), ("on_epoch_begin", 3), ("on_step_end", 1), ("on_step_end", 6)],
    *[("on_step_end", 8), ("on_step_end", 16), ("on_epoch_end", 1), ("on_epoch_end", 4)],
]


ERRORS = [(None, "file"), (KeyboardInterrupt, "same objects"), (ZeroDivisionError, "new objects")]


@pytest.mark.parametrize(("error", "how"), ERRORS)
@pytest.mark.parametrize(("moment", "number"), MOMENTS)
def test_an_error_of_a_callback_at_any_moment(tmp_path, whole, moment, number, error, how):
    run = Run(tmp_path)
    with pytest.raises(error or KeyboardInterrupt):
        run.fit(at_moment(moment, number, error))
    assert run.trainer.interrupted
    assert len(run.trainer.history) == run.trainer.epoch
    run.resume(how)
    assert run.trainer.resumed is (moment != "on_fit_begin" or error is None)
    assert run.outcome() == whole["all epochs"][0]


@pytest.mark.parametrize("order", [-9, 9])
@pytest.mark.parametrize("moment", ["on_epoch_begin", "on_step_end", "on_epoch_end"])
def test_every_callback_hears_of_a_moment_in_which_another_one_fails(moment, order):
    heard = []
    failing = at_moment(moment, 1, ZeroDivisionError)
    failing.order = order
    listener = LambdaCallback(**{moment: lambda *_: heard.append(moment)})
    with pytest.raises(ZeroDivisionError):
        plain_trainer().fit(X, Y, callbacks=[failing, listener], verbose=False)
    assert heard == [moment]


@pytest.mark.parametrize("how", ["same objects", "file"])
def test_interrupted_within_validation_no_line_of_the_history_is_lost(tmp_path, whole, how, monkeypatch):
    run = Run(tmp_path)
    measured = []
    measure = run.trainer.measure

    def failing(*arguments, **named):
        measured.append(1)
        if len(measured) == 2:
            raise KeyboardInterrupt
        return measure(*arguments, **named)

    monkeypatch.setattr(run.trainer, "measure", failing)
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    monkeypatch.undo()
    assert (run.trainer.epoch, run.trainer.batches_done, len(run.trainer.history)) == (1, PER_EPOCH, 1)
    run.resume(how)
    assert run.outcome() == whole["all epochs"][0]


def test_interrupted_again_and_again(tmp_path, whole):
    run = Run(tmp_path)
    moments = [*[("on_step_end", 2), ("on_epoch_end", 1), ("on_step_end", 1), ("on_epoch_begin", 1)]]
    moments += [("on_step_end", 3), ("on_epoch_end", 1), ("on_step_end", 4)]
    for number, (moment, count) in enumerate(moments):
        with pytest.raises(KeyboardInterrupt):
            run.fit(at_moment(moment, count, None if number % 2 else KeyboardInterrupt))
        if number % 3 == 0:
            run.trainer = nd.Trainer.restore(run.trainer.save(tmp_path / "interrupted.npz"))
            run.watchers = run.new_watchers()
    run.fit()
    assert run.outcome() == whole["all epochs"][0]


def test_ctrl_c_in_the_last_moment_leaves_a_finished_run(tmp_path, whole):
    run = Run(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run.fit(at_moment("on_fit_end", 1, None))
    assert not run.trainer.interrupted
    assert run.outcome() == whole["all epochs"][0]


# ── the signal ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_ctrl_c_waits_for_the_end_of_the_step_and_a_second_one_does_not():
    for presses in (1, 2):
        trainer, seen = plain_trainer(), []

        def operate(event, presses=presses, seen=seen):
            seen.append(event.stage)
            if event.stage == "loss":
                for _ in range(presses):
                    press()

        vars(trainer)["on_event"] = operate
        with pytest.raises(KeyboardInterrupt) as caught:
            trainer.fit(X, Y, batch_size=16, verbose=False)
        assert trainer.iteration == trainer.batches_done == 2 - presses
        assert seen[-1] == ("update" if presses == 1 else "loss")
        notes = ["fit: update 1 may be half done: resume from a checkpoint instead"]
        assert getattr(caught.value, "__notes__", []) == (notes if presses == 2 else [])


def test_the_handler_that_was_there_comes_back_and_is_the_one_that_is_asked():
    calls = []

    def own(number, frame):
        calls.append(number)

    before = signal.signal(signal.SIGINT, own)
    try:
        trainer = plain_trainer()
        trainer.fit(X, Y, batch_size=16, callbacks=[at_moment("on_step_end", 2, None)], verbose=False)
        assert calls == [signal.SIGINT]       # this one raises nothing
        assert (trainer.epoch, trainer.iteration) == (1, 4)
        assert signal.getsignal(signal.SIGINT) is own
        with pytest.raises(ZeroDivisionError):
            trainer.fit(X, Y, callbacks=[at_moment("on_step_end", 1, ZeroDivisionError)], verbose=False)
        assert signal.getsignal(signal.SIGINT) is own
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        trainer.fit(X, Y, callbacks=[at_moment("on_step_end", 1, None)], verbose=False)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_a_callback_sets_stays():
    before = signal.getsignal(signal.SIGINT)

    def own(number, frame):
        raise AssertionError

    try:
        setter = LambdaCallback(on_fit_end=lambda _: signal.signal(signal.SIGINT, own))
        plain_trainer().fit(X, Y, callbacks=[setter], verbose=False)
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)


def in_a_thread(act):
    """What `act` returns, or the error that it raises, in another thread."""
    found = []

    def run():
        try:
            found.append(act())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_in_another_thread_no_handler_is_set():
    before, seen = signal.getsignal(signal.SIGINT), []
    look = LambdaCallback(on_step_end=lambda _: seen.append(signal.getsignal(signal.SIGINT)))
    trainer = plain_trainer()
    history = in_a_thread(lambda: trainer.fit(X, Y, callbacks=[look], verbose=False))
    assert len(history) == 1
    assert set(seen) == {before}


def test_a_fit_within_the_fit_of_another_trainer_passes_ctrl_c_on():
    outer, inner = plain_trainer(), plain_trainer(seed=2)
    act = LambdaCallback(on_epoch_end=lambda *_: inner.fit(X, Y, callbacks=[at_moment("on_step_end", 1, None)], verbose=False))
    with pytest.raises(KeyboardInterrupt):
        outer.fit(X, Y, epochs=3, callbacks=[act], verbose=False)
    assert (outer.epoch, inner.epoch) == (1, 1)
    assert Interrupts().former is None


# ── with other data ───────────────────────────────────────────────────────────────────────────────────────────────────
LIST = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, 50, 16)]


class Once:
    """Stands for an iterator."""

    def __init__(self, batches):
        self.batches = batches


class Loader:
    """Batches of one's own that can be gone through again and again."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


def changed(number, factor=1.0, label=None):
    batches = [(x.copy(), y.copy()) for x, y in LIST]
    batches[number][0][...] *= np.float32(factor)
    if label is not None:
        batches[number][1][0] = label
    return batches


def relabelled():
    y = Y.copy()
    y[17] = (y[17] + 1) % 3
    return y


def swapped():
    order = np.arange(50)
    order[[3, 4]] = [4, 3]
    return X[order], Y[order]


WEIGHT = {"sample_weight": np.linspace(1, 2, 50)}
OTHER = {
    "equal": ((X, Y), (X.copy(), Y.tolist()), {}, True),
    "scaled": ((255 * X, Y), (X, Y), {}, False),
    "one label corrected": ((X, Y), (X, relabelled()), {}, False),
    "one number corrected": ((X, Y), (np.where(np.arange(6) == 3, X * (np.arange(50) != 20)[:, None], X), Y), {}, False),
    "two rows swapped": ((X, Y), swapped(), {}, False),
    "weighted": ((X, Y), (X, Y), WEIGHT, False),
    "an equal list": ((LIST,), (changed(0),), {}, True),
    "another list, at its end": ((LIST,), (changed(3, 2.0),), {}, False),
    "an equal loader": ((Loader(LIST),), (Loader(changed(0)),), {}, True),
    "another loader": ((Loader(LIST),), (Loader(changed(0, 2.0)),), {}, False),
    "a loader with another label": ((Loader(LIST),), (Loader(changed(1, label=(LIST[1][1][0] + 1) % 3)),), {}, False),
    "another generator": ((Once(LIST),), (Once(LIST),), {}, False),
    "a list after arrays": ((X, Y), (LIST,), {}, False),
}


def fitted(trainer, data, *watchers, **given):
    """The history of one epoch; iterators are newly made, so that each fit has its own."""
    data = [iter(part.batches) if isinstance(part, Once) else part for part in data]
    return trainer.fit(*data, batch_size=16, callbacks=watchers, verbose=False, **given)


def fails(trainer):
    raise ZeroDivisionError


BEFORE_A_STEP = {
    "a stream that is empty": (ValueError, [lambda: iter([])], {}),
    "a stream that begins with NaN": (ValueError, [[(X[:16] * np.nan, Y[:16])]], {}),
    "a stream that breaks": (ZeroDivisionError, [lambda: (1 / 0 for _ in range(3))], {}),
    "an augmentation of another width": (ValueError, [X[:20], Y[:20]], {"augment": lambda x, rng: x[:, 1:]}),
    "a callback that fails": (ZeroDivisionError, [X[:20], Y[:20]], {"callbacks": [LambdaCallback(on_epoch_begin=fails)]}),
}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", BEFORE_A_STEP)
def test_a_fit_that_ends_before_its_first_step_leaves_an_interrupted_run_as_it_is(tmp_path, whole, name, how):
    error, data, given = BEFORE_A_STEP[name]
    run = Run(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run.fit(at_moment("on_step_end", 6, None))
    with pytest.raises(error):
        run.trainer.fit(*data, **given, verbose=False)
    run.resume(how)
    assert run.outcome() == whole["all epochs"][0]


@pytest.mark.parametrize("from_file", [False, True])
@pytest.mark.parametrize("name", OTHER)
def test_with_other_data_a_new_epoch_begins(tmp_path, name, from_file):
    first, second, given, same = OTHER[name]
    same = same or (from_file and name == "another generator")    # a file holds none: it is taken for the one that continues
    trainer, losses = plain_trainer(), []
    with pytest.raises(KeyboardInterrupt):
        fitted(trainer, first, at_moment("on_step_end", 2, None))
    if from_file:
        trainer = nd.Trainer.restore(trainer.save(tmp_path / "a.npz"))
    look = LambdaCallback(on_step_end=lambda t: losses.append(t.last_loss * len(t.model.layers[-1].output)))
    history = fitted(trainer, second, look, **given)
    assert trainer.resumed is same
    assert trainer.epoch == 1
    if not same:                              # all of its rows, and the mean over these alone
        assert history["updates"] == [6]
        assert history["loss"] == [pytest.approx(sum(losses) / 50, rel=1e-12)]
    elif name != "another generator":
        assert history["updates"] == [4]


def test_the_same_generator_is_resumed_where_it_is():
    trainer, whole, source = plain_trainer(), plain_trainer(), iter(LIST)
    whole.fit(LIST, verbose=False)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(source, callbacks=[at_moment("on_step_end", 3, None)], verbose=False)
    trainer.fit(source, verbose=False)
    assert bits(trainer) == bits(whole)
    assert trainer.history["loss"] == whole.history["loss"]


def test_a_generator_that_was_interrupted_after_its_last_batch_ends_its_epoch():
    trainer, source = plain_trainer(), iter(LIST)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(source, callbacks=[at_moment("on_step_end", 4, None)], verbose=False)
    history = trainer.fit(source, verbose=False)
    assert (history["updates"], trainer.epoch) == ([4], 1)


def test_what_was_reported_before_trains_on_all_rows():
    """A forgotten scaling, Ctrl-C, and the right data: a whole epoch, and its own loss."""
    x = np.random.default_rng(0).normal(size=(400, 4))
    y = x.sum(1, keepdims=True)
    trainer = nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=4, seed=0), "mean_squared_error", nd.optimizers.SGD(1e-7))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(255 * x, y, batch_size=40, callbacks=[at_moment("on_step_end", 6, KeyboardInterrupt)], verbose=False)
    history = trainer.fit(x, y, batch_size=40, verbose=False)
    assert history["updates"] == [16]
    assert history["loss"][0] == pytest.approx(trainer.evaluate(x, y)["loss"], rel=1e-4)


def test_a_copy_of_an_interrupted_trainer_and_one_amid_fit_hold_no_data(tmp_path):
    copies = []
    trainer, whole = every_trainer("adam"), every_trainer("adam")
    whole.fit(X, Y, epochs=2, batch_size=16, verbose=False)
    take = LambdaCallback(on_step_end=lambda t: copies.extend([copy.deepcopy(t), pickle.loads(pickle.dumps(t))]))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=2, batch_size=16, callbacks=[take, at_moment("on_step_end", 6, None)], verbose=False)
    for twin in (trainer, copies[-1], copies[-2], copy.deepcopy(trainer)):
        assert twin.unfinished.feed is None
        twin.fit(X, Y, batch_size=16, verbose=False)
        assert bits(twin) == bits(whole)
        assert twin.history["loss"] == whole.history["loss"]


# ── one at a time ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_fit_within_fit_is_refused_and_step_is_not():
    trainer, steps = plain_trainer(), []

    class Nested(Callback):
        def on_epoch_end(self, trainer, record):
            steps.append(trainer.step(X, Y))
            with pytest.raises(ValueError, match=r"fit: this trainer is running fit already; a callback can call trainer.step"):
                trainer.fit(X, Y, verbose=False)

    trainer.fit(X, Y, epochs=2, callbacks=[Nested()], verbose=False)
    assert (len(steps), trainer.epoch, len(trainer.history)) == (2, 2, 2)
    with pytest.raises(ZeroDivisionError):
        trainer.fit(X, Y, callbacks=[at_moment("on_step_end", 1, ZeroDivisionError)], verbose=False)
    trainer.fit(X, Y, verbose=False)          # the turn was given back


CALLS = {
    "fit": lambda trainer: trainer.fit(X, Y, verbose=False),
    "step": lambda trainer: trainer.step(X, Y),
    "walk": lambda trainer: list(trainer.walk(X, Y)),
    "evaluate": lambda trainer: trainer.evaluate(X, Y),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_second_thread_is_refused_while_the_first_is_at_work(name):
    errors = []
    trainer, whole = plain_trainer(), plain_trainer()
    whole.fit(X, Y, batch_size=16, verbose=False)
    intrude = LambdaCallback(on_step_end=lambda t: errors.append(in_a_thread(lambda: CALLS[name](t))))
    trainer.fit(X, Y, batch_size=16, callbacks=[intrude], verbose=False)
    assert len(errors) == 4
    for error in errors:
        assert isinstance(error, ValueError)
        assert str(error).startswith(f"{name}: another thread is training or evaluating with this trainer; wait until")
    assert bits(trainer) == bits(whole)
    assert not isinstance(in_a_thread(lambda: CALLS[name](trainer)), BaseException)


# ── silence ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def diverging(loss="mean_squared_error"):
    layers = [nd.Dense(8, kernel_regularizer="l2"), nd.BatchNormalization(), nd.Activation("exponential"), nd.Dense(3)]
    return nd.Trainer(nd.Sequential(layers, 6, seed=0), loss, nd.optimizers.SGD(1e30))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("optimizer", list(nd.optimizers.KNOWN))
def test_a_run_that_diverges_warns_of_nothing_and_says_so_itself(optimizer, capsys):
    made = nd.optimizers.get(optimizer)
    made.learning_rate = 1e30
    layers = [nd.Dense(8, kernel_regularizer="l2"), nd.Activation("exponential"), nd.Dense(3)]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=0), "mean_squared_error", made, metrics=["mean_absolute_error"])
    trainer.fit(X, np.eye(3)[Y], epochs=3, batch_size=16, validation_data=(VALIDATION[0], np.eye(3)[VALIDATION[1]]))
    assert not np.isfinite(trainer.history["loss"][-1])
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[-1].startswith("the loss is not finite: try a smaller learning_rate")


@pytest.mark.filterwarnings("error")
def test_steps_and_walks_that_diverge_warn_of_nothing():
    trainer = diverging()
    for _ in range(3):
        trainer.step(X, np.eye(3)[Y])
    assert len(list(trainer.walk(X, np.eye(3)[Y]))) == 11
    assert not np.isfinite(trainer.last_loss)
    assert not np.isfinite(trainer.evaluate(X, np.eye(3)[Y])["loss"])
    assert not np.isfinite(trainer.model.predict(X)).all()


def test_who_asks_numpy_to_raise_is_heard():
    targets = np.eye(3)[Y]
    for act in (lambda t: t.fit(X, targets, epochs=3, verbose=False), lambda t: [t.step(X, targets) for _ in range(3)]):
        with np.errstate(all="raise", under="ignore"), pytest.raises(FloatingPointError):
            act(diverging())
    with np.errstate(over="call", invalid="warn"), quiet():
        assert (np.geterr()["over"], np.geterr()["invalid"]) == ("call", "ignore")


def test_walking_leaves_the_users_settings_alone_between_events():
    walk = plain_trainer().walk(X, Y)
    before = np.geterr()
    for _ in walk:
        assert np.geterr() == before


def test_records_are_not_doubled_by_an_interruption():
    trainer, recorder = plain_trainer(), RecordGradients(every=5)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, batch_size=16, callbacks=[recorder, at_moment("on_step_end", 3, None)], verbose=False)
    assert recorder.updates == [1]
