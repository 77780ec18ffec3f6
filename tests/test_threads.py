"""One model in several threads: every answer is that of one thread alone."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import npdeep as nd

ROUNDS = 12


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(600, 20)).astype(np.float32), rng.integers(0, 3, 600)


def network(seed=0):
    layers = [nd.Dense(40), nd.BatchNormalization(), nd.Residual([nd.Dense(40), nd.Activation("relu")]), nd.Dropout(0.2)]
    return nd.Sequential([*layers, nd.Dense(3)], input_size=20, seed=seed)


@pytest.mark.parametrize("threads", [2, 4, 8])
def test_predictions_in_threads_are_those_of_one(rows, threads):
    """Of other lengths and piece by piece, so that a pass meets others in its midst."""
    model, x = network(), rows[0]
    pieces = [(x[: 100 + 50 * (i % threads)], 60 + 17 * (i % 5)) for i in range(ROUNDS * threads)]
    alone = [model.predict(part, batch_size=size) for part, size in pieces]
    with ThreadPoolExecutor(threads) as pool:
        together = list(pool.map(lambda piece: model.predict(piece[0], batch_size=piece[1]), pieces))
    for one, other in zip(alone, together, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("threads", [1, 3, 7])
def test_predictions_beside_fit_leave_its_bits_alone_and_are_of_the_weights_between_two_steps(rows, threads):
    """The live demo: the network trains in the background and is asked in front."""
    x, y = rows
    alone, watched = (nd.Trainer(network(), "softmax_cross_entropy", nd.optimizers.Adam(0.01)) for _ in range(2))
    alone.fit(x, y, epochs=3, batch_size=25, verbose=False)
    seen = {}
    states = nd.callbacks.LambdaCallback(on_step_end=lambda t: seen.setdefault(t.iteration, t.model.copy()))
    done, answers = threading.Event(), []

    def ask():
        while not done.is_set():
            answers.append(watched.model.predict(x[:40]))

    with ThreadPoolExecutor(threads) as pool:
        asked = [pool.submit(ask) for _ in range(threads)]
        try:
            watched.fit(x, y, epochs=3, batch_size=25, callbacks=[states], verbose=False)
        finally:
            done.set()
        for one in asked:
            one.result()
    assert alone.model.arena.values.tobytes() == watched.model.arena.values.tobytes()
    possible = {model.predict(x[:40]).tobytes() for model in [network(), *seen.values()]}
    assert answers
    assert {answer.tobytes() for answer in answers} <= possible


def test_trainers_of_one_model_exclude_each_other_step_by_step(rows):
    x, y = rows
    model = network()
    trainers = [nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(0.0)) for _ in range(8)]
    wanted = trainers[0].evaluate(x, y, batch_size=70)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda trainer: trainer.evaluate(x, y, batch_size=70), trainers))
    assert all(result == wanted for result in found)


@pytest.mark.parametrize("copied", [lambda m: m.copy(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_has_a_lock_of_its_own(copied):
    model = network()
    with model.lock:
        twin = copied(model)
    taken = []

    def take():
        taken.append(twin.lock.acquire(timeout=5))
        twin.lock.release()

    with model.lock:
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
    assert taken == [True]
