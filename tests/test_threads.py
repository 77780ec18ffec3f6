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
        answers.append(watched.model.predict(x[:40]))    # one at least, however late the thread comes
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


# ── every kind of pass ────────────────────────────────────────────────────────────────────────────────────────────────
def kept_together(model, x):
    """A pass and what belongs to it."""
    with model.lock:
        return model.forward(x).copy()


def backward(model, x):
    with model.lock:
        model.forward(x)
        return model.backward(np.ones((len(x), 3)), input_gradient=True).copy()


KINDS = {
    "predict": lambda model, x: model.predict(x, batch_size=70),
    "forward": kept_together,
    "backward": backward,
    "input_gradient": lambda model, x: model.input_gradient(x, np.ones((len(x), 3))),
    "sample": lambda model, x: model.sample(x, 2),
    "evaluate": lambda model, x: np.array(
        list(nd.Trainer(model, "softmax_cross_entropy").evaluate(x, np.zeros(len(x), int), batch_size=90).values())
    ),
    "copy": lambda model, x: model.copy().predict(x),
}


@pytest.mark.parametrize("threads", [2, 4, 8])
def test_all_kinds_of_passes_side_by_side_are_right(rows, threads):
    model, x = network(), rows[0]
    jobs = [(look, x[: 30 + 40 * (i % threads)]) for i in range(4 * threads) for look in KINDS.values()]
    alone = [look(model, part) for look, part in jobs]
    with ThreadPoolExecutor(threads) as pool:
        together = list(pool.map(lambda job: job[0](model, job[1]), jobs))
    for one, other in zip(alone, together, strict=True):
        assert one.tobytes() == other.tobytes()


def test_looks_beside_fit_are_of_the_weights_between_two_steps_and_leave_it_alone(rows, tmp_path):
    """Also what is copied, saved and loaded again: never one layer before an update and another one after it."""
    x, y = rows
    alone, watched = (nd.Trainer(network(), "softmax_cross_entropy", nd.optimizers.Adam(0.01)) for _ in range(2))
    alone.fit(x, y, epochs=1, batch_size=25, verbose=False)
    states = [network()]
    keep = nd.callbacks.LambdaCallback(on_step_end=lambda t: states.append(t.model.copy()))
    looks = {
        "input_gradient": lambda model: model.input_gradient(x[:5], np.ones((5, 3))),
        "sample": lambda model: model.sample(x[:5], 2, seed=1),
        "copy": lambda model: model.copy().arena.values,
        "deepcopy of the trainer": lambda model: copy.deepcopy(watched).model.arena.values,
        "save": lambda model: nd.load_model(model.save(tmp_path / "model.npz")).arena.values,
        "pickle": lambda model: pickled(model).arena.values,
    }
    done, answers = threading.Event(), {name: [] for name in looks}

    def ask(name):
        answers[name].append(looks[name](watched.model).tobytes())
        while not done.is_set():
            answers[name].append(looks[name](watched.model).tobytes())

    with ThreadPoolExecutor(len(looks)) as pool:
        asked = [pool.submit(ask, name) for name in looks]
        try:
            watched.fit(x, y, epochs=1, batch_size=25, callbacks=[keep], verbose=False)
        finally:
            done.set()
        for one in asked:
            one.result()
    assert alone.model.arena.values.tobytes() == watched.model.arena.values.tobytes()
    values = {model.arena.values.tobytes() for model in states}
    for name, found in answers.items():
        look = looks[name] if name in ("input_gradient", "sample") else None
        possible = values if look is None else {look(model).tobytes() for model in states}
        assert found, name
        assert set(found) <= possible, name


def pickled(model):
    with model.lock:
        return pickle.loads(pickle.dumps(model))


# ── what belongs together is not mixed up ─────────────────────────────────────────────────────────────────────────────
def in_a_thread(act):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result()


@pytest.mark.parametrize("training", [True, False])
def test_backward_through_the_pass_of_another_thread_is_refused(rows, training):
    """Its rows are others: the gradients would be wrong without a word."""
    model, x = network(), rows[0]
    model.forward(x[:10], training=training)
    in_a_thread(lambda: model.forward(x[10:20], training=training))
    with pytest.raises(ValueError, match=r"backward: the last forward pass was made in another thread; put `with model.lock:`"):
        model.backward(np.ones((10, 3)))
    wanted = in_a_thread(lambda: backward(model, x[:10]))
    assert backward(model, x[:10]).tobytes() == wanted.tobytes()    # the cure


def test_a_walk_in_whose_midst_another_thread_predicts_ends_by_name(rows):
    x, y = rows
    trainer = nd.Trainer(network(), "softmax_cross_entropy")
    walk = trainer.walk(x[:10], y[:10])
    next(walk)
    in_a_thread(lambda: trainer.model.predict(x[:20]))
    with pytest.raises(ValueError, match="walk: after the event forward 'dense' the model was used for another pass"):
        next(walk)


CALLS = {
    "step": lambda trainer, x, y: trainer.step(x, y),
    "walk": lambda trainer, x, y: list(trainer.walk(x, y)),
    "gradients": lambda trainer, x, y: trainer.gradients(x, y),
    "apply_gradients": lambda trainer, x, y: trainer.apply_gradients(),
    "fit": lambda trainer, x, y: trainer.fit(x, y, verbose=False),
    "evaluate": lambda trainer, x, y: trainer.evaluate(x, y),
    "save": lambda trainer, x, y: trainer.save("never.npz"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_trainer_that_fits_refuses_other_threads_by_name(rows, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = rows
    trainer, errors = nd.Trainer(network(), "softmax_cross_entropy"), []

    def intrude(t):
        try:
            in_a_thread(lambda: CALLS[name](t, x, y))
        except ValueError as error:
            errors.append(str(error))

    trainer.fit(x, y, batch_size=300, callbacks=[nd.callbacks.LambdaCallback(on_step_end=intrude)], verbose=False)
    assert len(errors) == 2
    assert all(error.startswith(f"{name}: another thread is training or evaluating with this trainer") for error in errors)


def test_two_trainers_that_fit_one_model_in_two_threads_make_whole_steps(rows):
    """With a learning rate of 0 and no statistics each loss is that of the one alone."""
    x, y = rows
    model = nd.Sequential([nd.Dense(40), nd.Activation("relu"), nd.Dense(3)], 20, seed=0)
    trainers = [nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(0.0), metrics=["accuracy"]) for _ in range(3)]
    how = {"epochs": 2, "shuffle": False, "verbose": False}
    wanted = [trainers[0].fit(x, y, batch_size=size, **how)["loss"] for size in (20, 30, 50)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda t, size: t.fit(x, y, batch_size=size, **how)["loss"], trainers, (20, 30, 50)))
    assert found == wanted


def test_frozen_beside_fit_takes_effect_between_two_steps(rows):
    x, y = rows
    trainer, go, frozen = nd.Trainer(network(), "softmax_cross_entropy"), threading.Event(), []

    def freeze():
        go.wait(10)
        for _ in range(20):
            trainer.model.freeze("dense/")
            with trainer.model.lock:
                before = trainer.model.layer("dense").kernel.value.copy()
            trainer.model.predict(x[:5])
            frozen.append(np.array_equal(before, trainer.model.layer("dense").kernel.value))
            trainer.model.unfreeze("dense/")

    with ThreadPoolExecutor(1) as pool:
        freezing = pool.submit(freeze)
        start = nd.callbacks.LambdaCallback(on_step_end=lambda t: go.set())
        trainer.fit(x, y, epochs=4, batch_size=25, callbacks=[start], verbose=False)
        freezing.result()
    assert all(frozen)
