"""Batches read ahead by a thread: the same bits, errors where they belong, and no thread that outlives its pass."""

import gc
import signal
import threading
import traceback

import numpy as np
import pytest
from helpers_training import WIDTH, bits, examples, plain_trainer

import npdeep as nd
from npdeep.datasets import prefetch

X, Y = examples(160)
SIZE, COUNT = 16, 10


def by_batches():
    for start in range(0, len(X), SIZE):
        yield X[start : start + SIZE], Y[start : start + SIZE]


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "npdeep prefetch"]


@pytest.fixture(autouse=True)
def nothing_is_left():
    gc.disable()                              # nothing may wait for the garbage collector
    yield
    gc.enable()
    assert threads() == []


def fitted(source, **arguments):
    trainer = plain_trainer()
    trainer.fit(source, verbose=False, **arguments)
    return bits(trainer)


def into_one_buffer():
    """Every batch in the same array."""
    x, y = np.empty((SIZE, WIDTH), np.float32), np.empty(SIZE, np.int64)
    for rows, labels in by_batches():
        x[...], y[...] = rows, labels
        yield x, y


@pytest.mark.parametrize("ahead", [1, 2, 50])
@pytest.mark.parametrize("source", [by_batches, into_one_buffer, lambda: list(by_batches()), list(by_batches())])
def test_the_bits_are_those_without_it(source, ahead):
    given = prefetch(source, ahead)
    assert fitted(given, epochs=3, validation_data=given) == fitted(list(by_batches()), epochs=3)
    trainer = plain_trainer()
    assert trainer.evaluate(given) == trainer.evaluate(list(by_batches()))
    expected = trainer.model.predict(X, batch_size=SIZE)
    assert np.array_equal(trainer.model.predict(prefetch(lambda: (x for x, _ in by_batches()), ahead)), expected)


def test_it_tells_how_many_batches_there_are_where_that_is_known():
    trainers = [plain_trainer(), plain_trainer()]
    for trainer, source in zip(trainers, (list(by_batches()), by_batches), strict=True):
        trainer.fit(prefetch(source), verbose=False)
    assert [trainer.progress.steps_per_epoch for trainer in trainers] == [COUNT, 0]


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_more_is_read_ahead_than_asked_for(ahead):
    read, closed = [], threading.Event()

    def source():
        try:
            for number in range(100):
                read.append(number)
                yield number
        finally:
            closed.set()

    batches = iter(prefetch(source, ahead))
    assert threads() == []                    # nobody has asked yet
    for number in range(5):
        assert next(batches) == number
        assert len(read) <= number + 2 + ahead    # given, ready, and the one that waits for room
    assert len(threads()) == 1
    batches.close()
    assert threads() == []
    assert closed.is_set()                    # a file that the source opened is closed
    assert len(read) <= 6 + ahead


def test_where_nobody_asks_for_more_the_thread_ends():
    for number, _ in enumerate(prefetch(by_batches)):
        if number == 2:
            break
    del _
    assert threads() == []
    iter(prefetch(by_batches))                # never started


def test_two_passes_do_not_disturb_each_other():
    source = prefetch(by_batches)
    for (one, _), (other, _) in zip(source, source, strict=True):
        assert np.array_equal(one, other)


def interrupt(trainer):
    if trainer.iteration == 3:
        signal.raise_signal(signal.SIGINT)


def fail(trainer):
    if trainer.iteration == 3:
        raise ZeroDivisionError


def stop(trainer):
    if trainer.iteration == 3:
        trainer.stop("enough")


@pytest.mark.parametrize(("ends", "error"), [(interrupt, KeyboardInterrupt), (fail, ZeroDivisionError), (stop, None)])
def test_the_thread_ends_with_the_run_however_that_ends(ends, error):
    trainer = plain_trainer()
    held = None
    try:
        trainer.fit(prefetch(by_batches), verbose=False, callbacks=[nd.callbacks.LambdaCallback(on_step_end=ends)])
    except BaseException as raised:           # and is held, with all its frames
        held = raised
    assert threads() == []
    assert trainer.iteration == 3
    assert isinstance(held, error) if error else held is None
    if error is not None:                     # the run is resumed bit by bit
        trainer.fit(prefetch(by_batches), verbose=False)
        assert trainer.resumed
        assert bits(trainer) == fitted(by_batches)


def test_a_batch_that_does_not_fit_ends_the_thread_too():
    def source():
        yield X[:16], Y[:16]
        yield X[:16, :2], Y[:16]
        yield from by_batches()

    with pytest.raises(ValueError, match=r"fit: x must have the shape \(n, 6\)") as held:
        plain_trainer().fit(prefetch(source), verbose=False)
    assert held
    assert threads() == []


@pytest.mark.parametrize("error", [OSError("gone"), KeyboardInterrupt(), SystemExit(3), StopAsyncIteration()])
def test_an_error_of_the_source_comes_out_where_its_batch_would_have_been_with_its_traceback(error):
    def source():
        yield from list(by_batches())[:3]
        raise error

    trainer = plain_trainer()
    with pytest.raises(type(error)) as raised:
        trainer.fit(prefetch(source, ahead=5), verbose=False)
    assert trainer.iteration == 3
    assert "raise error" in "".join(traceback.format_exception(raised.value))


def test_a_source_that_waits_is_not_waited_for_longer_than_its_batch():
    go = threading.Event()

    def source():
        yield X[:16], Y[:16]
        go.wait(20)
        yield X[:16], Y[:16]

    batches = iter(prefetch(source))
    next(batches)
    threading.Timer(0.05, go.set).start()
    batches.close()
    assert go.is_set()


def test_numpy_complains_as_it_would_without_it():
    def source():
        with np.errstate():
            np.float32(1e38) * np.float32(10)
        yield X[:16], Y[:16]

    fitted(source)
    fitted(prefetch(source))
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        list(prefetch(source))


def test_without_threads_the_batches_are_read_as_they_are_needed(monkeypatch):
    def none(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    assert fitted(prefetch(by_batches), epochs=2) == fitted(by_batches, epochs=2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (by_batches(), "batches must be gone through again in every epoch, and an object of type generator goes by once; pass"),
        (X, r"batches must be an iterable of batches or a generator function, got an array .*; for arrays write prefetch"),
        (3, "batches must be an iterable of batches or a generator function, got 3"),
        ("x.npy", "batches must be an iterable of batches or a generator function, got the string"),
        (lambda x: x, "the function is called without arguments"),
    ],
)
def test_what_cannot_be_read_ahead_is_refused(source, message):
    with pytest.raises(TypeError, match=f"^prefetch: {message}"):
        prefetch(source)


def test_as_many_batches_lie_ready_as_the_user_says():
    with pytest.raises(ValueError, match="prefetch: ahead must be an integer of at least 1, got 0"):
        prefetch(by_batches, 0)
    with pytest.raises(TypeError, match="prefetch: the function must give batches"):
        list(prefetch(lambda: 3))
