"""What a trainer's file holds: all its parts, the user's own returned in, every variable under the chapter's names."""

import json
import pickle

import numpy as np
import pytest
from helpers_own import CLASSES_OF_ITS_OWN, OwnLayer, OwnLossClass, OwnLossObject, OwnMetric, own_trainer, spread
from helpers_training import CLASSES, WIDTH, bits, every_layer, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.callbacks import Callback, LambdaCallback
from npdeep.files import encoding, npz

X, Y = examples(50)
RUN = {"batch_size": 16, "verbose": False}


def restored(trainer, folder, **kwargs):
    return nd.Trainer.restore(trainer.save(folder / "trainer.npz"), **kwargs)


def rewritten(path, edit):
    """A sound file with other contents: what edit(header, arrays) makes of them."""
    header, arrays = npz.read(path)
    edit(header, arrays)
    return npz.write(path, header, arrays)


# ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────────
init, opt, sched = nd.initializers, nd.optimizers, nd.schedules
uniform = init.VarianceScaling(2, "fan_avg", "uniform")
OBJECTS = [
    nd.Dense(3, use_bias=False, kernel_initializer=uniform, kernel_regularizer="l1", kernel_constraint="unit_norm", name="a"),
    nd.Dense(4, bias_initializer=init.Constant(0.5), bias_regularizer="l1_l2", bias_constraint="non_negative"),
    nd.Activation("leaky_relu", negative_slope=0.2),
    nd.BatchNormalization(0.99, 1e-3, center=False, scale=False),
    *(nd.Dropout(0.1), nd.AlphaDropout(0.2), nd.GaussianDropout(0.3), nd.GaussianNoise(0.4), nd.GLU(), nd.RReLU(0.1, 0.2)),
    nd.Maxout(3, 4, use_bias=False, kernel_constraint=nd.constraints.MaxNorm(2.0, axis=1)),
    nd.PReLU(alpha_initializer=init.Constant(0.25)),
    nd.LayerNormalization(1e-3, center=False, name="ln"),
    nd.Residual([nd.Dense(3, name="a"), nd.Residual([nd.Activation("elu", alpha=0.5)])], projection=True, name="block1"),
    nd.Parallel([[nd.Dense(3), nd.Dropout(0.2)], []], split=(2, 3), merge="add"),
    *(kind() for kind in init.KNOWN.values()),
    *(init.RandomNormal(0.1, 0.2), init.RandomUniform(-1, 2), init.TruncatedNormal(1, 2), init.Orthogonal(2), init.Identity(3)),
    *(nd.regularizers.L1(0.1), nd.regularizers.L2(0.2), nd.regularizers.L1L2(0.3, 0.4)),
    *(nd.constraints.MaxNorm(2, 1), nd.constraints.MinMaxNorm(0.1, 0.2, 0.3, 1), nd.constraints.UnitNorm(1)),
    nd.constraints.NonNegative(),
    *(nd.clipping.ClipByValue(0.1), nd.clipping.ClipByNorm(0.2), nd.clipping.ClipByGlobalNorm(0.3)),
    *(nd.losses.SoftmaxCrossEntropy(0.1), nd.losses.Huber(2), nd.losses.KLDivergence(1e-5), nd.losses.Poisson(0)),
    *(kind() for kind in nd.losses.KNOWN.values()),
    *(nd.metrics.Accuracy(0.5), nd.metrics.BinaryAccuracy(0.25), nd.metrics.TopKAccuracy(2)),
    *(nd.metrics.Precision("micro"), nd.metrics.Recall(threshold=0.5), nd.metrics.F1(None)),
    nd.metrics.RocAuc(from_logits=True),
    *(nd.metrics.MeanSquaredError(), nd.metrics.MeanAbsoluteError()),
    *(sched.Constant(0.1), sched.ExponentialDecay(0.1, 10, 0.5, staircase=True), sched.PowerDecay(0.1, 5, 2)),
    *(sched.PiecewiseConstant([3, 5], [0.1, 0.2, 0.3]), sched.InverseTimeDecay(0.1, 5, 0.5, True)),
    *(sched.PolynomialDecay(0.1, 5, 0.01, 2, cycle=True), sched.OneCycle(0.5, 100, 0.01), sched.OneCycle(0.5, 100)),
    sched.CosineDecay(0.1, 5, 0.1, restarts=True, longer=1.5, lower=0.5),
    sched.Warmup(sched.Warmup(sched.PowerDecay(0.1, 5), 3), 4, 0.01),
    *(kind() for kind in opt.KNOWN.values()),
    *(opt.SGD(sched.CosineDecay(0.1, 5)), opt.Momentum(0.1, sched.Constant(0.5)), opt.Nesterov(0.1, 0.8)),
    *(opt.AdaGrad(0.1, 0.2, 0.3), opt.RMSProp(0.1, 0.2, 0.3, True, 0.4), opt.AdaDelta(0.1, 0.2, 0.3), opt.AdaMax(1, 0.1, 0.2)),
    *(opt.Adam(0.1, 0.2, 0.3, 0.4, True), opt.AdamW(0.1, 0.2), opt.Nadam(0.1, 0.2, 0.3, 0.4)),
]


@pytest.mark.parametrize("thing", OBJECTS, ids=repr)
def test_an_object_is_made_anew_from_its_name_and_arguments(thing):
    stored = json.loads(json.dumps(encoding.encode(thing, "it")))
    twin = encoding.decode(stored, {})
    assert type(twin) is type(thing)
    assert repr(twin) == repr(thing) == encoding.as_text(stored)


def test_every_class_of_npdeeps_is_among_them():
    assert {type(thing) for thing in OBJECTS} == set(encoding.BUILT_IN.values())
    kinds = {nd.layers.Layer: nd.layers, nd.optimizers.Optimizer: nd.optimizers, nd.losses.Loss: nd.losses}
    for base, module in kinds.items():        # nothing that is public was forgotten in the table of names
        public = {getattr(module, name) for name in module.__all__} - {base, nd.losses.OwnLoss}
        assert {kind for kind in public if isinstance(kind, type) and issubclass(kind, base)} <= set(encoding.BUILT_IN.values())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 1, "checkpoint: it cannot be stored: an object of type function"),
        (nd.regularizers.L1, "checkpoint: it cannot be stored: the class L1 itself"),
        ([1, {2}], "checkpoint: it cannot be stored: an object of type set"),
        (np.zeros(2), "checkpoint: it cannot be stored: an array"),
    ],
)
def test_what_cannot_be_stored_is_named(value, message):
    with pytest.raises(TypeError, match=message):
        encoding.encode(value, "it")


def test_a_class_that_does_not_keep_its_arguments_is_told_how_to_mend_that():
    class Forgetful(nd.Dense):
        def __init__(self, units, **others):
            super().__init__(units, **others)

    model = nd.Sequential([Forgetful(3)], WIDTH)
    with pytest.raises(TypeError, match=r"layer 'dense' cannot be stored: .* 'others': keep each argument of __init__ as"):
        model.description()
    assert repr(model.layers[0]) == "Forgetful(...)"


def test_an_unknown_class_of_a_newer_npdeep_is_named(tmp_path):
    path = plain_trainer().save(tmp_path / "a.npz")
    rewritten(path, lambda header, _: header["trainer"]["optimizer"].update({"class": "optimizers.Lion"}))
    with pytest.raises(ValueError, match=r"class optimizers\.Lion, which this npdeep does not know"):
        nd.Trainer.restore(path)


# ── what comes back ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_parts_and_numbers_of_a_trainer_come_back(tmp_path, dtype):
    trainer = every_trainer("nadam", dtype=dtype)
    trainer.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[at_update(7, lambda t: t.stop("enough"))], **RUN)
    trainer.model.freeze("hidden1")
    twin = restored(trainer, tmp_path)
    assert bits(twin) == bits(trainer)
    assert repr(twin) == repr(trainer)
    assert str(twin.model.summary()) == str(trainer.model.summary())
    assert [row[:2] for row in twin.summary().rows] == [row[:2] for row in trainer.summary().rows]
    assert [repr(layer) for layer in twin.model.layers] == [repr(layer) for layer in trainer.model.layers]
    assert twin.model.frozen() == trainer.model.frozen()
    assert twin.history.records == trainer.history.records
    assert repr(twin.history) == repr(trainer.history)
    assert twin.history.stopped_because == "enough"
    assert (twin.seed, twin.seconds, repr(twin.clipping)) == (trainer.seed, trainer.seconds, repr(trainer.clipping))
    assert twin.model.arena.values.dtype == dtype
    assert twin.evaluate(X, Y) == trainer.evaluate(X, Y)


def test_a_trainer_that_never_trained_comes_back(tmp_path):
    trainer = every_trainer("adam")
    twin = restored(trainer, tmp_path)
    assert bits(twin) == bits(trainer)
    assert len(twin.history) == 0


@pytest.mark.parametrize("seed", [0, 7, None, 2**100])
def test_seeds_of_any_size_come_back(tmp_path, seed):
    model = nd.Sequential([nd.Dropout(), nd.Dense(3)], WIDTH, seed=seed)
    trainer = nd.Trainer(model, "softmax_cross_entropy", seed=seed)
    twin = restored(trainer, tmp_path)
    assert (twin.seed, twin.model.seed) == (trainer.seed, model.seed)
    assert bits(twin) == bits(trainer)


def test_zeros_and_denormals_and_a_history_that_is_not_finite_come_back_to_the_bit(tmp_path):
    trainer = plain_trainer("momentum")
    trainer.fit(X, Y, **RUN)
    trainer.model.arena.values[:4] = np.array([0x80000000, 1, 0x7F7FFFFF, 0x00800000], np.uint32).view(np.float32)
    trainer.history.append({"epoch": 2, "loss": float("nan"), "val_loss": float("-inf")})
    twin = restored(trainer, tmp_path)
    assert bits(twin) == bits(trainer)
    assert repr(twin.history.records) == repr(trainer.history.records)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_written_and_no_reader_takes_them(tmp_path, value):
    """A run that diverges is not broken off by its checkpoint; who continues from there is told."""
    trainer = plain_trainer("momentum")
    trainer.model.layer("hidden").kernel.value[0, 1] = value
    path = trainer.save(tmp_path / "a.npz")
    message = rf"hidden/kernel holds {value}: the run had diverged when it was saved; go back to an earlier checkpoint"
    other = plain_trainer()
    before = bits(other)
    for reader in (nd.load_model, nd.Trainer.restore, other.model.load_weights):
        with pytest.raises(ValueError, match=rf"checkpoint .*a\.npz: {message}"):
            reader(path)
    assert bits(other) == before
    other.model.load_weights(path, scope="outputs|hidden/bias")    # the rest is sound


def test_what_a_callback_writes_into_the_history_comes_back(tmp_path):
    def note(trainer, record):
        record.update(norm=np.float32(0.5), best=np.bool_(True), steps=np.int64(3), shape=[1, 2], word="ü")

    trainer = plain_trainer()
    trainer.fit(X, Y, callbacks=[LambdaCallback(on_epoch_end=note)], **RUN)
    assert restored(trainer, tmp_path).history.records == trainer.history.records


def test_a_learning_rate_set_by_hand_comes_back(tmp_path):
    trainer = plain_trainer(nd.optimizers.Momentum(0.1))
    trainer.optimizer.learning_rate = 0.025
    assert restored(trainer, tmp_path).optimizer.learning_rate == 0.025
    trainer.optimizer.learning_rate = nd.schedules.PowerDecay(0.2, 7)
    assert repr(restored(trainer, tmp_path).optimizer.learning_rate) == "PowerDecay(initial=0.2, decay_steps=7, power=1.0)"


def test_a_file_stays_as_it_was_when_the_trainer_goes_on(tmp_path):
    trainer = every_trainer("adam")
    trainer.fit(X, Y, **RUN)
    path, before = trainer.save(tmp_path / "a.npz"), bits(trainer)
    trainer.fit(X, Y, **RUN)
    first, second = nd.Trainer.restore(path), nd.Trainer.restore(path)
    assert bits(first) == bits(second) == before
    first.fit(X, Y, **RUN)
    assert bits(second) == before
    assert bits(nd.Trainer.restore(path)) == before
    assert bits(first) == bits(trainer)


def test_saving_changes_nothing_and_returns_the_path(tmp_path):
    trainer = every_trainer("nadam")
    trainer.fit(X, Y, **RUN)
    before = bits(trainer)
    assert trainer.save(str(tmp_path / "new" / "a.npz")) == tmp_path / "new" / "a.npz"
    assert bits(trainer) == before


def test_a_failed_restore_makes_nothing_and_a_model_file_holds_no_trainer(tmp_path):
    path = plain_trainer().model.save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"model\.npz: holds a model without a trainer; read it with nd\.load_model\(path\)"):
        nd.Trainer.restore(path)
    with pytest.raises(ValueError, match="holds no model"):
        nd.load_model(npz.write(tmp_path / "none.npz", {}, {}))


def test_a_trainers_file_holds_a_model_too(tmp_path):
    trainer = every_trainer("adam")
    trainer.fit(X, Y, **RUN)
    trainer.model.freeze("hidden1")
    model = nd.load_model(trainer.save(tmp_path / "a.npz"))
    assert model.frozen() == trainer.model.frozen()
    assert model.arena.values.tobytes() == trainer.model.arena.values.tobytes()
    assert model.generators() == trainer.model.generators()
    assert model.predict(X).tobytes() == trainer.model.predict(X).tobytes()


# ── custom parts ───────────────────────────────────────────────────────────────────────────────────────────────
def hand_in(**changes):
    given = {"loss": OwnLossObject(4), "metrics": [OwnMetric(), spread], "own": CLASSES_OF_ITS_OWN}
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def test_what_the_user_wrote_is_handed_back_in_and_goes_on(tmp_path):
    trainer = own_trainer()
    trainer.fit(X, Y, epochs=2, **RUN)
    for own in (CLASSES_OF_ITS_OWN, {kind.__name__: kind for kind in CLASSES_OF_ITS_OWN}):
        twin = restored(trainer, tmp_path, **hand_in(own=own))
        assert bits(twin) == bits(trainer)
        assert twin.optimizer.updates == 8
        assert twin.model.layer("own_layer").factor == 1.5
        assert list(twin.evaluate(X, Y)) == ["loss", "accuracy", "largest", "spread"]
        assert twin.evaluate(X, Y) == trainer.evaluate(X, Y)
    trainer.fit(X, Y, epochs=2, **RUN)
    twin.fit(X, Y, epochs=2, **RUN)
    assert bits(twin) == bits(trainer)
    assert twin.history["loss"] == trainer.history["loss"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"loss": None}, ValueError, r"trained with your own loss OwnLossObject; pass it: loss=\.\.\."),
        ({"metrics": None}, ValueError, r"measured by your own metric spread; pass it: metrics=\[\.\.\.\]"),
        ({"metrics": [OwnMetric()]}, ValueError, "measured by your own metric spread"),
        ({"metrics": [spread, min]}, ValueError, "Trainer.restore: unknown metric 'min'.* Known: accuracy, largest, spread"),
        ({"own": 3}, TypeError, "Trainer.restore: own must hold custom classes, as a list or by name, got 3"),
        ({"own": {"OwnLayer": OwnMetric()}}, TypeError, "own must hold classes, but 'OwnLayer' is an object of type OwnMetric"),
        *(
            ({"own": [kind for kind in CLASSES_OF_ITS_OWN if kind is not missing]}, ValueError, rf"own={{'{name}': {name}}}")
            for missing in CLASSES_OF_ITS_OWN[:-2]
            for name in [missing.__name__]
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        restored(own_trainer(), tmp_path, **hand_in(**change))


def bent(slope):
    """A factory, called once for every layer."""
    return nd.activations.Rule("bent", lambda z, a: slope * z, lambda z, a, da, dz: slope * da)


def twin_of(kind):
    """What a notebook has after a cell was run twice."""
    return type(kind.__name__, (kind,), {"__module__": kind.__module__, "__qualname__": kind.__qualname__})


def test_two_parts_of_one_name_are_refused_since_a_file_could_not_tell_them_apart(tmp_path):
    class Elsewhere(OwnLayer):
        """That of another module."""

    Elsewhere.__name__ = "OwnLayer"
    for parts, name in (([OwnLayer(), Elsewhere()], "OwnLayer"), ([bent(1.0), bent(2.0)], "bent")):
        layers = [nd.Activation(part) if isinstance(part, nd.activations.Rule) else part for part in parts]
        model = nd.Sequential([layers[0], nd.Residual([layers[1]]), nd.Dense(1)], 3, seed=0)
        with pytest.raises(ValueError, match=f"two custom parts are called '{name}', and a file knows them by name: rename"):
            model.save(tmp_path / "m.npz")
    same = [nd.Activation(bent(1.0)), nd.Activation(bent(1.0)), OwnLayer(), twin_of(OwnLayer)()]
    path = nd.Sequential([*same, nd.Dense(1)], 3, seed=0).save(tmp_path / "m.npz")
    assert nd.load_model(path, own=[OwnLayer, OwnLayer, bent(1.0)]).output_size == 1
    with pytest.raises(ValueError, match="load_model: own holds two that are called 'bent'"):
        nd.load_model(path, own=[OwnLayer, bent(1.0), bent(2.0)])
    with pytest.raises(TypeError, match="load_model: own must hold classes, but it holds an object of type OwnLayer"):
        nd.load_model(path, own=[OwnLayer()])


def test_a_metric_of_ones_own_class_is_handed_in_as_object_or_as_class(tmp_path):
    trainer = plain_trainer(metrics=[OwnMetric(), "accuracy"])
    for given in ({"metrics": [OwnMetric()]}, {"own": OwnMetric}, {"own": [OwnMetric]}):
        assert list(restored(trainer, tmp_path, **given).evaluate(X, Y)) == ["loss", "largest", "accuracy"]
    with pytest.raises(ValueError, match=r"own={'OwnMetric': OwnMetric}"):
        restored(trainer, tmp_path)


def test_a_loss_of_ones_own_class_is_handed_in_as_object_or_as_class(tmp_path):
    trainer = plain_trainer()
    trainer = nd.Trainer(trainer.model, OwnLossClass(2.0), trainer.optimizer.__class__())
    trainer.fit(X, Y, **RUN)
    for given in ({"loss": OwnLossClass(2.0)}, {"own": OwnLossClass}):
        twin = restored(trainer, tmp_path, **given)
        assert twin.loss.arguments() == {"weight": 2.0}
        assert twin.evaluate(X, Y) == trainer.evaluate(X, Y)


def test_a_loss_handed_in_replaces_the_stored_one(tmp_path):
    twin = restored(plain_trainer(), tmp_path, loss=nd.losses.SoftmaxCrossEntropy(0.1))
    assert repr(twin.loss) == "SoftmaxCrossEntropy(label_smoothing=0.1)"


def test_a_class_that_was_changed_since_is_noticed(tmp_path):
    class OwnLayer(nd.Dense):
        """Of the same name, but with other parameters."""

        def __init__(self, factor, name=None):
            super().__init__(8, name=name)
            self.factor = factor

    own = {kind.__name__: kind for kind in [*CLASSES_OF_ITS_OWN, OwnLayer]}
    with pytest.raises(ValueError, match="holds no own_layer/kernel; is the class that was passed the one that was"):
        restored(own_trainer(), tmp_path, **hand_in(own=own))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda header, arrays: arrays.pop("hidden/kernel"), "it holds no hidden/kernel"),
        (lambda header, arrays: arrays.pop("hidden/kernel/Adam_1"), "hidden/kernel/Adam_1 is .* here and missing there"),
        (lambda header, arrays: arrays.update({"hidden/bias/Adam": np.zeros(3)}), r"Adam is \(8,\) here and \(3,\) there"),
        (lambda header, arrays: arrays.update({"hidden/bias": np.zeros(3)}), r"hidden/bias must have the shape \(8,\)"),
    ],
)
def test_a_sound_file_that_does_not_fit_is_refused(tmp_path, edit, message):
    path = plain_trainer("adam").save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=message):
        nd.Trainer.restore(rewritten(path, edit))


# ── in memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("optimizer", sorted(nd.optimizers.KNOWN))
def test_a_state_put_back_restores_every_bit_and_the_run_repeats(optimizer):
    trainer = every_trainer(optimizer)
    trainer.fit(X, Y, **RUN)
    state, before = trainer.state(), bits(trainer)
    trainer.fit(X, Y, epochs=2, **RUN)
    after, losses = bits(trainer), trainer.history["loss"][-2:]
    trainer.set_state(state)
    assert bits(trainer) == before
    trainer.fit(X, Y, epochs=2, **RUN)
    assert bits(trainer) == after
    assert trainer.history["loss"][-2:] == losses


def at_update(number, act):
    return LambdaCallback(on_step_end=lambda trainer: act(trainer) if trainer.iteration == number else None)


def interrupt(trainer):
    raise KeyboardInterrupt


def test_a_state_from_amid_an_epoch_is_a_copy_that_later_steps_leave_alone():
    trainer, states = every_trainer("adam"), []
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, callbacks=[at_update(3, lambda t: states.append(t.state())), at_update(4, interrupt)], **RUN)
    before = pickle.dumps(states[0])
    whole = every_trainer("adam").fit(X, Y, epochs=2, **RUN)
    trainer.fit(X, Y, epochs=2, **RUN)
    assert pickle.dumps(states[0]) == before
    trainer.set_state(states[0])
    assert (trainer.iteration, trainer.epoch, trainer.batches_done) == (3, 0, 3)
    again = trainer.fit(X, Y, epochs=2, **RUN)
    assert again["loss"] == whole["loss"]
    assert again["accuracy"] == whole["accuracy"]
    assert pickle.dumps(states[0]) == before


def test_without_progress_the_counts_of_epochs_batches_and_seconds_stay():
    trainer = every_trainer("nadam")
    trainer.fit(X, Y, **RUN)
    state, early = trainer.state(), bits(trainer)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=3, callbacks=[at_update(10, interrupt)], **RUN)
    seconds, unfinished = trainer.seconds, trainer.unfinished
    trainer.set_state(state, progress=False)
    assert bits(trainer) == {**early, "epoch": (2, 2)}
    assert (trainer.iteration, trainer.seconds, trainer.unfinished) == (4, seconds, unfinished)
    assert len(trainer.history) == 2
    trainer.set_state(state)
    assert bits(trainer) == early
    assert trainer.unfinished is None


def test_a_state_brings_back_the_learning_rate_and_what_was_frozen():
    trainer = every_trainer(nd.optimizers.Adam(0.01))
    trainer.model.freeze("hidden1.*")
    state = trainer.state()
    trainer.optimizer.learning_rate = 0.5
    trainer.model.unfreeze()
    trainer.model.freeze("outputs")
    trainer.step(X, Y)
    trainer.set_state(state)
    assert trainer.optimizer.learning_rate == 0.01
    assert trainer.model.frozen()["parameters"] == [p.name for p in trainer.model.variables("hidden1(_bn)?/") if p.has_grad]
    assert trainer.model.frozen()["statistics"] == ["hidden1_bn"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: every_trainer("adam"), id="another model"),
        pytest.param(lambda: plain_trainer(), id="another optimizer"),
        pytest.param(lambda: plain_trainer("momentum"), id="other slots"),
        pytest.param(
            lambda: nd.Trainer(nd.Sequential([nd.Dense(9, name="hidden"), nd.Dense(3, name="outputs")], 6), "hinge", "adam"),
            id="other widths",
        ),
    ],
)
def test_the_state_of_another_trainer_is_refused_before_anything_changes(other):
    trainer = plain_trainer("adam")
    before = bits(trainer)
    with pytest.raises(ValueError, match=r"this state is that of another model or optimizer: .* here and .* there"):
        trainer.set_state(other().state())
    assert bits(trainer) == before


# ── callbacks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Notes(Callback):
    """Keeps all that a state may hold."""

    def __init__(self, kept=None):
        self.kept = kept

    def state(self):
        return {} if self.kept is None else self.kept

    def set_state(self, state):
        self.kept = state


KEPT = {
    "n": 3,
    "best": float("inf"),
    "worst": -np.inf,
    "none": None,
    "flag": True,
    "text": "ü",
    "list": [1, [2.5, "a", float("nan")]],
    "array": np.arange(3, dtype=np.int16),
    "scalar": np.float32(0.5),
    "deep": {"a": {"b": np.eye(2)}, "empty": {}},
}


def saved_in_fit(trainer, path, *watchers):
    trainer.fit(X, Y, callbacks=[*watchers, at_update(4, lambda t: t.save(path))], **RUN)
    return nd.Trainer.restore(path)


def test_states_of_callbacks_hold_numbers_texts_arrays_and_nested_dicts(tmp_path):
    trainer = saved_in_fit(plain_trainer(), tmp_path / "a.npz", Notes(KEPT))
    notes = Notes()
    trainer.fit(X, Y, epochs=0, callbacks=[notes], verbose=False)
    assert repr(notes.kept) == repr({**KEPT, "worst": float("-inf"), "scalar": 0.5})
    assert notes.kept["array"].dtype == np.int16


def test_each_state_is_given_back_once_to_callbacks_of_its_class_in_their_order(tmp_path):
    class Other(Notes):
        pass

    given = [Notes({"n": 1}), Other({"n": 2}), Notes({"n": 3}), LambdaCallback()]
    trainer = saved_in_fit(plain_trainer(), tmp_path / "a.npz", *given)
    taken = [Other(), Notes(), Notes(), Notes()]
    trainer.fit(X, Y, epochs=0, callbacks=taken, verbose=False)
    assert [notes.kept for notes in taken] == [{"n": 2}, {"n": 1}, {"n": 3}, None]
    again = Notes()
    trainer.fit(X, Y, epochs=0, callbacks=[again], verbose=False)
    assert again.kept is None


def test_states_that_were_not_yet_given_back_are_saved_on(tmp_path):
    trainer = saved_in_fit(plain_trainer(), tmp_path / "a.npz", Notes({"n": 1, "array": np.ones(2)}))
    twin = restored(trainer, tmp_path)
    notes = Notes()
    twin.fit(X, Y, epochs=0, callbacks=[notes], verbose=False)
    assert notes.kept["n"] == 1
    assert np.array_equal(notes.kept["array"], np.ones(2))


def test_a_state_that_cannot_be_stored_is_named_with_its_callback(tmp_path):
    with pytest.raises(TypeError, match="checkpoint: callbacks/0/Notes/x cannot be stored: an object of type set"):
        saved_in_fit(plain_trainer(), tmp_path / "a.npz", Notes({"x": {1}}))
    assert not (tmp_path / "a.npz").exists()


# ── variables, under the chapter's names ──────────────────────────────────────────────────────────────────────────────
def names(parameters):
    return [p.name for p in parameters]


def test_the_chapters_network_has_12_trainable_and_18_variables():
    layers = []
    for units, name in ((300, "hidden1"), (100, "hidden2"), (10, "outputs")):
        layers += [nd.Dense(units, kernel_initializer="he_normal", name=name), nd.BatchNormalization(), nd.Activation("elu")]
    model = nd.Sequential(layers[:-1], 784, seed=42)
    assert names(model.trainable_variables()) == [
        "hidden1/kernel",
        "hidden1/bias",
        "batch_normalization/gamma",
        "batch_normalization/beta",
        "hidden2/kernel",
        "hidden2/bias",
        "batch_normalization_1/gamma",
        "batch_normalization_1/beta",
        "outputs/kernel",
        "outputs/bias",
        "batch_normalization_2/gamma",
        "batch_normalization_2/beta",
    ]
    assert names(model.variables()) == [
        "hidden1/kernel",
        "hidden1/bias",
        "batch_normalization/gamma",
        "batch_normalization/beta",
        "batch_normalization/moving_mean",
        "batch_normalization/moving_variance",
        "hidden2/kernel",
        "hidden2/bias",
        "batch_normalization_1/gamma",
        "batch_normalization_1/beta",
        "batch_normalization_1/moving_mean",
        "batch_normalization_1/moving_variance",
        "outputs/kernel",
        "outputs/bias",
        "batch_normalization_2/gamma",
        "batch_normalization_2/beta",
        "batch_normalization_2/moving_mean",
        "batch_normalization_2/moving_variance",
    ]


def seed_000():
    """Kernels without biases and statistics without gamma, trained with momentum: the printed list of all variables."""
    layers = []
    for name in ("hidden1", "hidden2", "outputs"):
        layers += [nd.Dense(3, use_bias=False, name=name), nd.BatchNormalization(0.99, scale=False, name=f"{name}_bn")]
    return nd.Trainer(nd.Sequential(layers, WIDTH, seed=0), "softmax_cross_entropy", nd.optimizers.Momentum(0.01, 0.9))


def test_the_chapters_list_of_all_variables_with_slots():
    assert list(seed_000().variables()) == [
        "hidden1/kernel",
        "hidden1_bn/beta",
        "hidden1_bn/moving_mean",
        "hidden1_bn/moving_variance",
        "hidden2/kernel",
        "hidden2_bn/beta",
        "hidden2_bn/moving_mean",
        "hidden2_bn/moving_variance",
        "outputs/kernel",
        "outputs_bn/beta",
        "outputs_bn/moving_mean",
        "outputs_bn/moving_variance",
        "hidden1/kernel/Momentum",
        "hidden1_bn/beta/Momentum",
        "hidden2/kernel/Momentum",
        "hidden2_bn/beta/Momentum",
        "outputs/kernel/Momentum",
        "outputs_bn/beta/Momentum",
        "iteration",
    ]


def test_the_arrays_of_a_file_have_the_names_of_the_variables(tmp_path):
    trainer = seed_000()
    trainer.fit(X, Y, **RUN)
    _, arrays = npz.read(trainer.save(tmp_path / "a.npz"))
    live = trainer.variables()
    assert set(arrays) == set(live) - {"iteration"}
    assert all(arrays[name].tobytes() == live[name].tobytes() for name in arrays)
    assert int(live["iteration"]) == 4


SLOTS = {
    "sgd": [],
    "momentum": ["Momentum"],
    "nesterov": ["Momentum"],
    "adagrad": ["Adagrad"],
    "rmsprop": ["RMSProp"],
    "adadelta": ["Adadelta", "Adadelta_1"],
    "adam": ["Adam", "Adam_1"],
    "adamax": ["Adamax", "Adamax_1"],
    "nadam": ["Nadam", "Nadam_1"],
    "adamw": ["Adam", "Adam_1"],
}


@pytest.mark.parametrize("optimizer", nd.optimizers.KNOWN)
def test_slots_have_the_names_of_tensorflow(optimizer):
    trainer = plain_trainer(optimizer)
    slots = [name for name in trainer.variables() if name.startswith("hidden/kernel/")]
    assert slots == [f"hidden/kernel/{label}" for label in SLOTS[optimizer]]


@pytest.mark.parametrize(
    ("optimizer", "labels"),
    [
        (nd.optimizers.RMSProp(momentum=0.9), ["RMSProp", "RMSProp_1"]),
        (nd.optimizers.RMSProp(momentum=0.9, centered=True), ["RMSProp", "RMSProp_1", "RMSProp_2"]),
        (nd.optimizers.Adam(amsgrad=True), ["Adam", "Adam_1", "Adam_2"]),
    ],
    ids=repr,
)
def test_slots_of_options_are_numbered_on(optimizer, labels):
    trainer = plain_trainer(optimizer)
    assert [n.split("/")[2] for n in trainer.variables() if n.startswith("outputs/bias/")] == labels


def test_variables_are_live():
    trainer = plain_trainer("adam")
    live = trainer.variables()
    before = {name: array.copy() for name, array in live.items()}
    trainer.step(X, Y)
    assert all(not np.array_equal(live[name], before[name]) for name in live if name != "iteration")
    live["hidden/bias"][...] = 7
    assert np.all(trainer.model.layer("hidden").bias.value == 7)
    assert int(trainer.variables()["iteration"]) == 1


def test_a_trainers_slots_have_the_shapes_of_their_parameters():
    trainer = every_trainer("adam")
    live = trainer.variables()
    for name, array in live.items():
        if name.count("/") == 2:
            assert array.shape == live[name.rpartition("/")[0]].shape


# ── the operations of a step ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("make", [every_trainer, plain_trainer, seed_000, own_trainer])
def test_the_events_listed_are_those_that_a_walk_yields(make):
    trainer = make()
    listed = [(e.stage, e.name, str(e.formula)) for e in trainer.events()]
    assert listed == [(e.stage, e.name, str(e.formula)) for e in trainer.walk(X, Y)]
    assert trainer.iteration == 1
    assert [list(map(str, row)) for row in trainer.summary().rows] == [list(event) for event in listed]


def test_listing_events_runs_nothing_and_knows_what_is_frozen():
    trainer = every_trainer()
    before = bits(trainer)
    whole = trainer.events()
    trainer.model.freeze("hidden1.*|maxout")
    fewer = trainer.events()
    assert bits(trainer) == before
    names_of = [[e.name for e in events if e.stage == "backward"] for events in (whole, fewer)]
    assert names_of[0] == [layer.name for layer in reversed(trainer.model.layers)]
    assert names_of[1] == names_of[0][: names_of[0].index("prelu") + 1]
    assert len([e for e in fewer if e.stage == "forward"]) == len(every_layer())


def test_the_summary_of_a_step_as_a_table():
    hidden = nd.Dense(4, kernel_regularizer="l2", kernel_constraint="max_norm", name="hidden")
    model = nd.Sequential([hidden, nd.Dense(CLASSES, name="outputs")], WIDTH, seed=0)
    table = nd.Trainer(model, "softmax_cross_entropy", "momentum", "clip_by_global_norm").summary()
    assert [row[:2] for row in table.rows] == [
        *(["forward", "hidden"], ["forward", "outputs"], ["loss", "loss"], ["backward", "outputs"], ["backward", "hidden"]),
        *(["penalty", "penalty"], ["clip", "clip"], ["update", "update"], ["constrain", "constrain"]),
    ]
    assert "m ← β·m − η·g, w ← w + m" in str(table)


def test_a_state_goes_to_a_callback_made_with_the_same_arguments_alone(tmp_path):
    run = {**RUN, "validation_data": (X, Y)}
    trainer = plain_trainer(metrics=["accuracy"])
    file = tmp_path / "a.npz"
    at = at_update(4, lambda t: t.save(file))
    trainer.fit(X, Y, epochs=2, callbacks=[nd.callbacks.EarlyStopping("val_accuracy", patience=9), at], **run)
    restored_trainer = nd.Trainer.restore(file)
    other = nd.callbacks.EarlyStopping("val_loss", patience=9)
    history = restored_trainer.fit(X, Y, epochs=2, callbacks=[other], **run)
    assert other.best == min(history["val_loss"])


def test_the_states_of_the_last_fit_are_saved_after_it_too(tmp_path):
    def plateau():
        return nd.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=9.0)

    whole, halves = plain_trainer(), plain_trainer()
    whole.fit(X, Y, epochs=4, callbacks=[plateau()], **RUN)
    halves.fit(X, Y, epochs=2, callbacks=[plateau()], **RUN)
    resumed = restored(halves, tmp_path)
    resumed.fit(X, Y, epochs=2, callbacks=[plateau()], **RUN)
    assert bits(resumed) == bits(whole)
    assert resumed.history["learning_rate"] == whole.history["learning_rate"]


def test_variables_of_a_trainer_by_scope():
    trainer = plain_trainer("momentum")
    assert list(trainer.variables("hidden/kernel")) == ["hidden/kernel", "hidden/kernel/Momentum"]
    with pytest.raises(ValueError, match="is called 'hiden' as a whole; there are hidden/kernel, "):
        trainer.variables("hiden")
