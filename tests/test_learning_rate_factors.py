"""Factors for the steps of single layers: w ← w + f·(u(w) − w), whatever the optimizer."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from helpers_training import bits, examples, plain_trainer

import npdeep as nd
from npdeep.files import schema
from npdeep.optimizers import KNOWN

X, Y = examples(64)
FACTORS = {"hidden": 0.1, "outputs/bias": 3.0}
OF = {"hidden/kernel": 0.1, "hidden/bias": 0.1, "outputs/kernel": 1.0, "outputs/bias": 3.0}


class Lion(nd.optimizers.Optimizer):
    """An optimizer of a user's, in expressions and in code."""

    rule = (("m", "0.9*m + 0.1*g"), ("w", "w - learning_rate*sign(m)"))
    slot_names = ("m",)

    def update_piece(self, step, w, g, m, t):
        m *= 0.9
        np.multiply(g, 0.1, out=t)
        m += t
        np.sign(m, out=t)
        t *= self.eta
        w -= t


OPTIMIZERS = [*KNOWN, "own"]


def make(name, dtype="float64", factors=FACTORS, rate=None):
    kind = Lion if name == "own" else KNOWN[name]
    optimizer = kind(learning_rate_factors=factors)
    if rate is not None:
        optimizer.learning_rate = rate
    layers = [nd.Dense(8, name="hidden"), nd.Activation("tanh"), nd.Dense(3, name="outputs")]
    model = nd.Sequential(layers, X.shape[1], seed=1, dtype=dtype)
    return nd.Trainer(model, "softmax_cross_entropy", optimizer)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_whole_step_is_multiplied(name, dtype):
    trainer = make(name, dtype)
    for _ in range(4):
        trainer.gradients(X, Y)
        plain = make(name, dtype, None)       # makes the step that it would be without factors
        plain.set_state(trainer.state())
        plain.gradients(X, Y)
        before = {p.name: p.value.copy() for p in trainer.model.parameters}
        trainer.apply_gradients()
        plain.apply_gradients()
        for p, q in zip(trainer.model.parameters, plain.model.parameters, strict=True):
            if OF[p.name] == 1:
                assert np.array_equal(p.value, q.value)
            else:
                factor, old = p.value.dtype.type(OF[p.name]), before[p.name]
                assert np.array_equal(p.value, old + factor * (q.value - old))
        assert all(np.array_equal(trainer.optimizer.slots[s], plain.optimizer.slots[s]) for s in plain.optimizer.slots)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_factor_for_all_is_another_learning_rate(name):
    rate = make(name, factors=None).optimizer.learning_rate
    by_factor, by_rate = make(name, factors={".*": 0.25}), make(name, factors=None, rate=rate / 4)
    for trainer in (by_factor, by_rate):
        trainer.fit(X, Y, epochs=5, batch_size=16, verbose=False)
    assert np.allclose(by_factor.model.flat_values, by_rate.model.flat_values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_step_walk_halves_copies_and_checkpoints_have_the_same_bits(name, tmp_path):
    trainers = [make(name, "float32") for _ in range(3)]
    for _ in range(3):
        trainers[0].step(X, Y)
        list(trainers[1].walk(X, Y))
        trainers[2].gradients(X, Y)
        trainers[2].apply_gradients()
    assert bits(trainers[0]) == bits(trainers[1]) == bits(trainers[2])
    own = None if name != "own" else [Lion]
    twins = [
        copy.deepcopy(trainers[0]),
        nd.Trainer.restore(trainers[0].save(tmp_path / "a.npz"), own=own),
        pickle.loads(pickle.dumps(trainers[0])),
    ]
    trainers[0].step(X, Y)
    for twin in twins:
        assert twin.optimizer.learning_rate_factors == FACTORS
        twin.step(X, Y)
        assert bits(twin) == bits(trainers[0])


def test_what_is_frozen_stays_as_it_is_and_thaws_with_its_factor():
    trainer = make("momentum")
    trainer.model.freeze("hidden/kernel")
    before = trainer.model.layers[0].kernel.value.copy()
    trainer.step(X, Y)
    assert np.array_equal(trainer.model.layers[0].kernel.value, before)
    trainer.model.unfreeze()
    plain = make("momentum", factors=None)
    plain.set_state(trainer.state())
    trainer.step(X, Y)
    plain.step(X, Y)
    moved, full = (t.model.layers[0].kernel.value - before for t in (trainer, plain))
    assert np.allclose(moved, 0.1 * full, rtol=1e-9)


def test_names_are_those_of_freeze_nested_ones_too():
    block = nd.Residual([nd.Dense(4, name="hidden")], name="block1")
    model = nd.Sequential([nd.Dense(4, name="below"), block, nd.Dense(3, name="out")], X.shape[1], seed=0)
    given = {"block1/hidden/kernel": 0.5, "below": 2, "out/bia.": 0.25}
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(learning_rate_factors=given))
    found = {p.name: trainer.optimizer.factor_of(p) for p in model.parameters}
    assert found == {
        **{"below/kernel": 2.0, "below/bias": 2.0, "block1/hidden/kernel": 0.5},
        **{"block1/hidden/bias": 1.0, "out/kernel": 1.0, "out/bias": 0.25},
    }


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"hiden": 0.1}, ValueError, r"no variable that is trained, .* called 'hiden' .*did you mean 'hidden'\?"),
        ({"outputs/kernal": 0.1}, ValueError, r"called 'outputs/kernal' .*did you mean 'outputs/kernel'\?"),
        ({"hid": 0.1}, ValueError, r"for all names that begin with it write 'hid\.\*'"),
        ({"hidden": 0}, ValueError, r"\['hidden'\] must be a number above 0, got 0; .*model\.freeze\('hidden'\)"),
        ({"hidden": 1e-60}, ValueError, r"must be a number above 0, got 1e-60; to train it no more: model\.freeze"),
        ({"hidden": -1}, ValueError, r"\['hidden'\] must be a number above 0, got -1$"),
        ({"hidden": float("nan")}, ValueError, r"\['hidden'\] must be a number, got nan"),
        ({"hidden": float("inf")}, ValueError, r"\['hidden'\] must be a number, got inf"),
        ({"hidden": "0.1"}, TypeError, r"must be a number, got the string '0\.1'"),
        ({"hidden": True}, TypeError, r"must be a number, got True"),
        ({1: 0.1}, TypeError, "its keys must be names of layers or variables, got 1"),
        ({"[": 0.1}, ValueError, "is not a regular expression"),
        ({"hidden": 0.1, "hidden/kernel": 0.2}, ValueError, "'hidden' and 'hidden/kernel' both select hidden/kernel, with"),
        (0.1, TypeError, r'must be a dict such as \{"hidden1": 0\.1\}, got 0\.1'),
        (["hidden"], TypeError, "must be a dict"),
    ],
)
def test_what_makes_no_sense_is_refused(given, error, message):
    with pytest.raises(error, match=f"^(SGD|Trainer): learning_rate_factors.*{message}"):
        plain_trainer(optimizer=nd.optimizers.SGD(learning_rate_factors=given))


def test_statistics_are_never_trained_and_the_factors_stay():
    model = nd.Sequential([nd.BatchNormalization(name="bn"), nd.Dense(3)], X.shape[1])
    with pytest.raises(ValueError, match="no variable that is trained"):
        nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(learning_rate_factors={"bn/moving_mean": 0.5}))
    optimizer = nd.optimizers.SGD(0.1)
    optimizer.learning_rate_factors = {"hidden": 0.5}
    assert repr(optimizer) == "SGD(learning_rate=0.1, learning_rate_factors={'hidden': 0.5})"
    assert repr(optimizer.clone()) == repr(optimizer)
    trainer = plain_trainer(optimizer=optimizer)
    with pytest.raises(AttributeError, match=r"learning_rate_factors cannot be replaced.*make a new optimizer"):
        trainer.optimizer.learning_rate_factors = {"hidden": 0.1}


def test_a_custom_optimizer_that_does_not_take_them_says_how_it_may():
    class Bare(Lion):
        def __init__(self, learning_rate=0.1):
            super().__init__(learning_rate)

    optimizer = Bare()
    with pytest.raises(AttributeError, match="let it take learning_rate_factors=None too and pass it to super"):
        optimizer.learning_rate_factors = {"hidden": 0.5}


@pytest.mark.parametrize("entries", [[["hidden"]], [[1, 0.5]], [["hidden", "x"]], {"hidden": 0.5}, [["hidden", np.nan]], "x"])
def test_entries_of_a_file_are_texts_with_numbers(entries):
    schema.argument("learning_rate_factors", {"entries": [["hidden", 0.5], ["out", 2]]})
    with pytest.raises(ValueError, match=r"^learning_rate_factors\.entries"):
        schema.argument("learning_rate_factors", {"entries": entries})


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_step_is_shown_with_its_factor(name):
    trainer = make(name)
    for event in trainer.walk(X, Y):
        if event.stage == "update":
            assert event.formula.endswith(", then w ← w₀ + f·(w − w₀)")
            assert "w_0 + f (w - w_0)" in event.formula.latex
        if event.stage == "backward" and event.name == "hidden":
            shown = nd.debug.explain_update(trainer, "hidden/kernel", (0, 0))
            other = nd.debug.explain_update(trainer, "outputs/kernel", (0, 0))
    assert "f 0.1" in str(shown)
    assert "w ← old + f(new − old)" in str(shown)
    assert "f " not in str(other).split("before:")[1].split("\n")[0]
    assert shown.main.value == trainer.model.layers[0].kernel.value[0, 0]


def test_unroll_refuses_them_by_name():
    with pytest.raises(ValueError, match="unroll: learning_rate_factors are not written into a program"):
        nd.debug.unroll(make("sgd"), "step.py")


@pytest.mark.parametrize("factors", [None, FACTORS])
def test_an_update_makes_no_arrays(factors):
    model = nd.Sequential([nd.Dense(300, name="hidden"), nd.Dense(3, name="outputs")], 500, seed=0)
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(learning_rate_factors=factors))
    x, y = np.zeros((10, 500), np.float32), np.zeros(10, np.int64)
    for _ in range(5):
        trainer.step(x, y)
    tracemalloc.start()
    trainer.step(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000                     # the kernel has 600 kB
