"""Parts of the user's work like npdeep's own: every operation with every kind of them, flat and nested.

The parts are those of the page at the head of npdeep.layers.base, read from there. `test_own_parts_wrong.py` has wrong ones.
"""

import copy
import doctest
import importlib.util
import inspect
import pickle
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

import npdeep as nd
from npdeep.layers import base

X = np.random.default_rng(1).normal(size=(12, 5)).astype(np.float32)
Y = np.random.default_rng(2).normal(size=(12, 2)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def page(tmp_path_factory):
    """The page's parts as a module in a file: imports, functions, classes and rules, without the run at its end."""
    examples = [e.source for e in doctest.DocTestParser().get_examples(base.__doc__)]
    kept = [e for e in examples if e.startswith(("import", "def", "class", "bent ="))]
    path = tmp_path_factory.mktemp("page") / "own_parts_of_the_page.py"
    path.write_text("\n".join(kept))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module           # so that what it holds can be pickled
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem]


class Normal(nd.layers.Layer):
    """x less the batch's mean, or less a moving one: normalization of the user's, without a parameter to train."""

    batch_statistics = True

    def build(self, input_size):
        self.momentum, self.epsilon = 0.5, 1e-5
        self.moving_mean = self.add_parameter("moving_mean", (input_size,), "zeros", has_grad=False)
        self.moving_variance = self.add_parameter("moving_variance", (input_size,), "ones", has_grad=False)
        return input_size

    def forward(self, x, training=False):
        self.by_batch = training and not self.use_moving_statistics
        self.seen = x.mean(axis=0), x.var(axis=0)
        if not self.by_batch:
            return x - self.moving_mean.value
        for moving, seen in zip(self.parameters, self.seen, strict=True):
            moving.value = 0.5 * moving.value + 0.5 * seen
        return x - self.seen[0]

    def backward(self, grad_output):
        return grad_output - grad_output.mean(axis=0) if self.by_batch else grad_output

    def statistics(self):
        return self.seen if self.by_batch else None


PARTS = {
    "layer": lambda m: {"layer": m.Scale()},
    "normalization": lambda m: {"layer": Normal()},
    "activation": lambda m: {"layer": nd.Activation(m.bent)},
    "loss": lambda m: {"loss": m.Quartic()},
    "metric": lambda m: {"metrics": [m.Worst()]},
    "optimizer": lambda m: {"optimizer": m.Lion(0.01)},
    "optimizer under a schedule": lambda m: {"optimizer": m.Lion(nd.schedules.ExponentialDecay(0.01, 2, 0.5))},
    "schedule": lambda m: {"optimizer": nd.optimizers.Adam(m.Halving(0.01))},
    "callback": lambda m: {"callbacks": [m.Largest()]},
    "all": lambda m: {
        "layer": m.Scale(),
        "loss": m.Quartic(),
        "metrics": [m.Worst()],
        "optimizer": m.Lion(m.Halving(0.01)),
        "callbacks": [m.Largest()],
    },
}


class Run:
    """A trainer with a custom part, the part in a block where it is nested, and how to continue with it."""

    def __init__(self, module, kind, nested):
        given = PARTS[kind](module)
        part = [given.pop("layer")] if "layer" in given else []
        self.callbacks = given.pop("callbacks", [])
        part = [nd.Residual([nd.Dense(4), *part], name="block")] if nested else part
        layers = [nd.Dense(4, name="first"), *part, nd.Activation("tanh"), nd.Dense(2, name="outputs")]
        model = nd.Sequential(layers, input_size=5, seed=3)
        given = {"loss": "mean_squared_error", "optimizer": "adam", **given}
        self.trainer = nd.Trainer(model, given.pop("loss"), given.pop("optimizer"), **given)
        self.own = [*(getattr(module, name) for name in ("Scale", "bent", "Quartic", "Worst", "Lion", "Halving")), Normal]
        self.fit(self.trainer)

    def fit(self, trainer):
        return trainer.fit(X, Y, epochs=2, batch_size=5, callbacks=self.callbacks, verbose=False)


def bits(trainer):
    slots = [slot.tobytes() for slot in trainer.optimizer.slots.values()]
    return trainer.model.arena.values.tobytes(), slots, trainer.iteration


def goes_on_alike(run, twin):
    run.fit(run.trainer)
    run.fit(twin)
    assert bits(run.trainer) == bits(twin)


# ── the operations ────────────────────────────────────────────────────────────────────────────────────────────────────
def summary(run, folder):
    names = [row[0] for row in run.trainer.model.summary().rows]
    assert names == [layer.name for layer in run.trainer.model.everything()]


def gradient_check(run, folder):
    assert nd.debug.gradient_check(run.trainer.model, run.trainer.loss, X, Y)


def walk(run, folder):
    twin = copy.deepcopy(run.trainer)
    for event in run.trainer.walk(X, Y):
        assert str(event)
        assert event.stats()
    twin.step(X, Y)
    assert bits(run.trainer) == bits(twin)


def explain(run, folder):
    run.trainer.step(X, Y)
    for layer in run.trainer.model.everything():
        explanation = nd.debug.explain(layer)
        assert str(explanation)
        exec(explanation.full(), {})
        assert "no longer" in str(explanation) or "changed since" in str(explanation) or explanation.agrees
    assert str(nd.debug.explain(run.trainer.loss))
    assert nd.debug.explain_update(run.trainer, "outputs/kernel").agrees


def copied(run, folder):
    goes_on_alike(run, copy.deepcopy(run.trainer))


def pickled(run, folder):
    goes_on_alike(run, pickle.loads(pickle.dumps(run.trainer)))


def restored(run, folder):
    goes_on_alike(run, nd.Trainer.restore(run.trainer.save(folder / "run.npz"), own=run.own))


def loaded(run, folder):
    model = nd.load_model(run.trainer.model.save(folder / "model.npz"), own=run.own)
    assert model.predict(X).tobytes() == run.trainer.model.predict(X).tobytes()
    other = run.trainer.model.copy()
    other.load_weights(folder / "model.npz")
    assert other.predict(X).tobytes() == model.predict(X).tobytes()


def diagnose(run, folder):
    before = bits(run.trainer)
    assert str(nd.debug.diagnose(run.trainer, X, Y))
    assert bits(run.trainer) == before


def frozen(run, folder):
    model = run.trainer.model
    model.freeze("(first|block)(/.*)?" if any(layer.chains for layer in model.layers) else "first")
    before = model.layer("first").kernel.value.copy()
    goes_on_alike(run, copy.deepcopy(run.trainer))
    np.testing.assert_array_equal(model.layer("first").kernel.value, before)


def with_layers(run, folder):
    before = bits(run.trainer)
    new = run.trainer.model.with_layers([nd.Dense(3, name="more")], keep="first")
    nd.Trainer(new, "mean_squared_error").step(X, np.zeros((12, 3)))
    assert bits(run.trainer) == before


def looks(run, folder):
    before = bits(run.trainer)
    model = run.trainer.model
    assert np.isfinite(model.input_gradient(X, loss=run.trainer.loss, y=Y)).all()
    assert model.sample(X, 2).shape == (2, 12, 2)
    assert run.trainer.evaluate(X, Y)["loss"] >= 0
    assert str(nd.debug.time_step(run.trainer, X, Y, repeats=2))
    assert bits(run.trainer) == before


def plots(run, folder):
    for draw in (
        lambda: nd.plots.network(run.trainer.model),
        lambda: nd.plots.gradient_flow(run.trainer, X, Y),
        lambda: nd.plots.learning_curves(run.trainer.history, key="loss"),
    ):
        assert draw() is not None
        plt.close("all")


def evaluated(run, folder):
    """What fit records of an epoch with a rate of 0 is what evaluate finds, layers that draw or count left aside."""
    run.trainer.optimizer.learning_rate = 0.0
    record = run.trainer.fit(X, Y, batch_size=12, shuffle=False, verbose=False)
    if not any(layer.batch_statistics for layer in run.trainer.model.everything()):
        for name, value in run.trainer.evaluate(X, Y).items():
            assert record[name][-1] == pytest.approx(value, rel=1e-6)


OPERATIONS = [summary, gradient_check, walk, explain, copied, pickled, restored, loaded, diagnose, frozen, with_layers]
OPERATIONS += [looks, plots, evaluated]


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_every_operation_works_with_every_kind_of_part(operation, kind, nested, page, tmp_path):
    operation(Run(page, kind, nested), tmp_path)


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("kind", [kind for kind in PARTS if kind not in ("normalization", "callback", "schedule", "all")])
def test_it_unrolls_to_the_same_bits(kind, nested, page, tmp_path):
    trainer = Run(page, kind, nested).trainer
    path = nd.debug.unroll(trainer, tmp_path / "step.py", X, Y)
    spec = importlib.util.spec_from_file_location("unrolled_step", path)
    step = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(step)
    for rows in (12, 7, 1):
        step.step(X[:rows], Y[:rows])
        trainer.step(X[:rows], Y[:rows])
        assert step.values.tobytes() == trainer.model.arena.values.tobytes()


def test_every_part_of_the_page_is_short(page):
    parts = [part for part in vars(page).values() if inspect.isclass(part) or inspect.isfunction(part)]
    assert len(parts) >= 10
    assert max(len(inspect.getsource(part).splitlines()) for part in parts) < 20


# ── normalization of the user's is treated as npdeep's ────────────────────────────────────────────────────────────────
def normalized(**how):
    model = nd.Sequential([nd.Dense(4, name="first"), Normal(name="normal"), nd.Dense(2)], 5, seed=0)
    return nd.Trainer(model, "mean_squared_error", **how)


def test_rows_of_one_are_refused_and_name_it():
    with pytest.raises(ValueError, match="batch_size=1, but 'normal' normalizes by the mean and variance of the batch"):
        normalized().fit(X, Y, batch_size=1, verbose=False)


def test_freezing_sets_its_moving_statistics_and_files_keep_that(tmp_path):
    trainer = normalized()
    trainer.fit(X, Y, epochs=2, batch_size=4, verbose=False)
    model, before = trainer.model, trainer.model.layer("normal").moving_mean.value.copy()
    assert before.any()
    model.freeze("first")
    with pytest.raises(ValueError, match=r"cache_frozen: .*'normal'"):
        trainer.fit(X, Y, cache_frozen=True, verbose=False)
    model.freeze("normal")
    assert model.layer("normal").use_moving_statistics
    trainer.fit(X, Y, epochs=1, batch_size=4, verbose=False)
    np.testing.assert_array_equal(model.layer("normal").moving_mean.value, before)
    assert nd.load_model(model.save(tmp_path / "m.npz"), own=[Normal]).layer("normal").use_moving_statistics
    model.unfreeze("normal")
    assert not model.layer("normal").use_moving_statistics


def test_samples_leave_its_statistics_and_diagnose_finds_cold_ones():
    trainer = normalized(optimizer="sgd")
    model = trainer.model
    np.testing.assert_array_equal(model.sample(X, 2)[0], model.predict(X))
    x, y = np.tile(X, (30, 1)) + 50, np.tile(Y, (30, 1))
    for layer in (model.layer("normal"),):
        layer.moving_mean.value = layer.moving_mean.value + 1e-3
    kinds = {finding.kind for finding in nd.debug.diagnose(trainer, x, y).findings}
    assert "cold_statistics" in kinds or "single_rows" in kinds, kinds


def test_a_layer_without_statistics_has_none_to_use():
    with pytest.raises(AttributeError, match="Dense: use_moving_statistics cannot be set, because it has no statistics"):
        nd.Dense(3).use_moving_statistics = True
