"""Hostile values for every argument of everything public: the short form of tests/attacks/fuzz_calls.py, and what it found."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd
from npdeep.command_line import main
from npdeep.teaching.play import settings
from npdeep.training import saving

SCRIPT = Path(__file__).parent / "attacks" / "fuzz_calls.py"
X, Y = np.random.default_rng(0).random((20, 4), dtype=np.float32), np.arange(20) % 3


def model():
    return nd.Sequential([nd.Dense(5, name="hidden"), nd.Activation("tanh"), nd.Dense(3)], 4, seed=0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of resources")
def test_no_hostile_argument_ends_in_a_raw_error():
    command = [sys.executable, str(SCRIPT), "--calls", "1000", "--seconds", "300"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "names the argument" in done.stdout


SPAN = np.timedelta64(3, "s")
NO_NUMBERS = {
    "a float": lambda: nd.optimizers.Adam(SPAN),
    "an integer": lambda: nd.Dense(SPAN),
    "a shape": lambda: nd.Dense((SPAN, SPAN)),
    "a seed": lambda: nd.Sequential([nd.Dense(2)], 3, seed=SPAN),
    "a generator": lambda: nd.augmentation.Shift(rng=SPAN),
    "an object": lambda: nd.Trainer(model(), "hinge", clipping=SPAN),
    "a place": lambda: nd.debug.explain(stepped().layers[0], unit=SPAN),
}


def stepped():
    one = model()
    one.forward(X)
    return one


@pytest.mark.parametrize("what", NO_NUMBERS)
def test_a_span_of_time_is_no_number(what):
    assert isinstance(SPAN, np.signedinteger)    # for NumPy it is one
    with pytest.raises((TypeError, ValueError), match=r"must be|unknown") as caught:
        NO_NUMBERS[what]()
    assert "must be a string" not in str(caught.value)


def test_fractions_and_numbers_of_numpy_are_numbers():
    assert nd.optimizers.SGD(Fraction(1, 4)).learning_rate == 0.25
    assert nd.Dense(np.uint8(3)).units == 3


class Unsized(list):
    def __len__(self):
        raise RuntimeError("no length")


class Raises:
    def __array__(self, *_, **__):
        raise ZeroDivisionError


END = range(10**12)
REFUSED = {
    "a list without an end": (lambda: nd.Trainer(model(), "hinge", metrics=END), "metrics must hold at most 1,000,000"),
    "layers without an end": (lambda: nd.Residual(END), "layers must hold at most"),
    "classes without an end": (lambda: nd.load_model("a.npz", own=END), "own must hold at most"),
    "metrics that are a number": (lambda: saving.check_own_metrics(3, []), "restore: metrics must be a list of metrics"),
    "widths that are a number": (lambda: nd.Parallel([nd.Dense(2), nd.Dense(2)], split=0j), "split must be a list of widths"),
    "branches without an end": (lambda: nd.Parallel(END), "Parallel: branches must hold at most"),
    "no length": (lambda: nd.plots.contact_sheet(X[:, None, :], titles=Unsized([1])), "titles"),
    "an array that cannot be": (lambda: model().predict(Raises()), "x cannot be made into an array"),
    "more than there is memory": (lambda: model().predict(range(10**14)), "x, an object of type range, does not fit"),
    "rows for no memory": (lambda: nd.Trainer(model(), "hinge").prepare(10**12), "prepare: rows must be"),
    "points for no memory": (lambda: nd.datasets.moons(2**53), "moons: n must be an integer of at most 10,000,000"),
    "noise beyond float32": (lambda: nd.datasets.xor(noise=1e50), "noise must be a number of at least 0 and of at most 1e+30"),
    "samples for no memory": (lambda: model().sample(X, 2**53), "sample: n must be"),
    "classes for no memory": (lambda: nd.metrics.confusion_matrix(Y, Y, classes=2**31), "classes must be an integer"),
    "records that are none": (lambda: nd.History([3]), "each record must be a dict"),
    "no records": (lambda: nd.History(5), "records must be a list of dicts"),
    "records set": (lambda: setattr(nd.History(), "records", 0), "records must be a list of dicts"),
    "a record that is none": (lambda: nd.History().append(3), "each record must be a dict"),
    "no state": (lambda: nd.Trainer(model(), "hinge").set_state({}), "state must be what"),
    "no figure": (lambda: nd.plots.save(3, "a.png"), "figure must be a matplotlib Figure"),
    "no model": (lambda: nd.plots.network("x"), "model must be a Sequential"),
    "no activation": (lambda: nd.debug.flat_share(stepped().layers[0]), "layer must be an Activation"),
    "no grammar": (lambda: model().copy(dtype="\ud800"), "dtype must be"),
    "too long a number": (lambda: nd.Trainer(model(), "hinge", clipping=10**400), "clipping"),
    "axes of other lengths": (lambda: nd.plots.activations(["relu"], axes=[[1], []]), "axes must be"),
    "no statistics": (lambda: setattr(model().layers[0], "use_moving_statistics", True), "use_moving_statistics cannot be set"),
    "words in place of layers": (lambda: nd.Residual(["a" * 10_000]), "layers[0] must be a layer"),
    "a shape below 0": (lambda: nd.Dense((-(10**400),)), "units must be an integer of at least 1"),
    "a pair of words": (lambda: nd.augmentation.Zoom(["a" * 10_000]), "factor must be"),
    "words in 32 dimensions": (lambda: model().predict(np.full((1,) * 32, "x")), "got dtype <U1; index (0, 0, 0"),
    "a number beside None": (lambda: model().predict((np.complex64(1), None)), "x must hold numbers"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_was_a_raw_error_names_its_argument(what):
    call, words = REFUSED[what]
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        call()
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


def own(base, **methods):
    return type("Mine", (base,), methods)()


def fitted(callback, path=None):
    trainer = nd.Trainer(model(), "softmax_cross_entropy")
    trainer.fit(X, Y, epochs=1, callbacks=[callback], verbose=False)
    return trainer if path is None else trainer.save(path)


def with_regularizer():
    regularizer = own(nd.regularizers.Regularizer, penalty=lambda self, w, dw, t: "much")
    layers = [nd.Dense(3, kernel_regularizer=regularizer)]
    return nd.Trainer(nd.Sequential(layers, 4, seed=0), "softmax_cross_entropy")


def with_schedule(value):
    schedule = own(nd.schedules.Schedule, __call__=lambda self, step: value)
    return nd.Trainer(model(), "softmax_cross_entropy", nd.optimizers.SGD(schedule)).step(X, Y)


def with_initializer(value):
    initializer = own(nd.initializers.Initializer, __call__=lambda self, *_: value)
    return nd.Sequential([nd.Dense(3, kernel_initializer=initializer, name="hidden")], 4, seed=0)


def measured(value):
    return nd.Trainer(model(), "softmax_cross_entropy", metrics=[lambda outputs, targets: value]).evaluate(X, Y)


def with_loss(**methods):
    loss = own(nd.losses.Loss, losses=lambda self, z, y: z, derivatives=lambda self, z, y: None, **methods)
    return nd.Trainer(model(), loss).step(X, Y)


def with_metric(**methods):
    metric = own(nd.metrics.Metric, compute=lambda self, outputs, targets: 0.5, **methods)
    return nd.Trainer(model(), "softmax_cross_entropy", metrics=[metric])


def with_parameter(shape, fans=(0, 0)):
    def build(self, input_size):
        self.fans, self.scale = fans, self.add_parameter("scale", shape)
        return input_size

    return nd.Sequential([own(nd.layers.Layer, build=build)], 4, seed=0)


WATCH = nd.callbacks.EarlyStopping("own", mode="min")
RETURNED = "Dense 'hidden': what the initializer Mine returned for kernel"
JUNK = {
    "a penalty": (lambda path: with_regularizer().step(X, Y), "Mine: penalty must return one number, got the string 'much'"),
    "a penalty, evaluated": (lambda path: with_regularizer().evaluate(X, Y), "Mine: penalty must return one number"),
    "a large metric": (lambda path: measured(10**400), "must return one number"),
    "a complex metric": (lambda path: measured(np.complex64(1)), "must return one number"),
    "a large rate": (lambda path: with_schedule(10**400), "must give a number of at least 0 at every step"),
    "rates": (lambda path: with_schedule([np.ones((50, 50))] * 50), "must give a number of at least 0 at every step"),
    "first weights": (lambda path: with_initializer("x"), f"{RETURNED} must hold numbers"),
    "few first weights": (lambda path: with_initializer(np.ones(2)), f"{RETURNED} must have the shape (4, 3)"),
    "an order": (lambda path: fitted(own(nd.callbacks.Callback, order="first")), "order must be a number"),
    "a state": (
        lambda path: fitted(own(nd.callbacks.Callback, state=lambda self: np.ones(2)), path / "a.npz"),
        "callback Mine: state() must return a dict",
    ),
    "a record": (
        lambda path: fitted(nd.callbacks.LambdaCallback(on_epoch_end=lambda _, record: record.update(w=X)), path / "a.npz"),
        "history/records/0/w is an array",
    ),
    "a key of the record": (
        lambda path: fitted(nd.callbacks.LambdaCallback(on_epoch_end=lambda _, record: record.update({3: 1}))),
        "LambdaCallback.on_epoch_end: a key of the record must be a string, got 3",
    ),
    "what is monitored": (
        lambda path: nd.Trainer(model(), "softmax_cross_entropy").fit(
            X, Y, callbacks=[nd.callbacks.LambdaCallback(on_epoch_end=lambda _, record: record.update(own="x")), WATCH]
        ),
        "EarlyStopping: 'own' of the record must be one number, got the string 'x'",
    ),
    "targets that are checked": (lambda path: with_loss(check_targets=lambda *_: None), "Mine: check_targets must return"),
    "a metric that is bound": (lambda path: with_metric(bound=lambda self, outputs: None), "bound must return a metric"),
    "whether a metric is whole": (lambda path: with_metric(whole=np.ones(2)), "whole must be True or False"),
    "a shape": (lambda path: with_parameter(4), "shape must be a tuple of integers such as (3, 2) or (3,), got 4"),
    "a shape of words": (lambda path: with_parameter(("x",)), "shape[0] must be an integer"),
    "fans": (lambda path: with_parameter((4,), fans=4), "fans must be a pair"),
    "half a character": (
        lambda path: fitted(nd.callbacks.LambdaCallback(on_epoch_end=lambda _, r: r.update(w="\ud800")), path / "a.npz"),
        "history/records/0/w is the string",
    ),
    "a batch": (lambda path: model().predict(iter([X, [[1], [2, 3]]])), "x cannot be made into an array"),
    "images": (
        lambda path: own(nd.augmentation.Augmentation, change=lambda self, images, rng: [[1], [2, 3]])(X.reshape(5, 4, 4)),
        "Mine: change must return images of shape (5, 4, 4, 1)",
    ),
    "lists of arrays": (lambda path: nd.exercises.check("relu_forward", lambda z: [z, z[:2]]), "a list of arrays"),
}


@pytest.mark.parametrize("what", JUNK)
def test_what_a_custom_part_returns_is_refused_by_the_name_of_the_part(what, tmp_path):
    call, words = JUNK[what]
    with pytest.raises((ValueError, TypeError, AssertionError)) as caught:
        call(tmp_path)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400


LESSON = {
    "a folder": (lambda: nd.lesson.run(3, epochs=1), "lesson: folder must be"),
    "a function": (lambda: nd.lesson.run("lesson", say=3), "lesson: say must be a function"),
    "no network": (lambda: nd.lesson.train("x", (X, Y), (X, Y), epochs=1, seed=0), "lesson: network must be one of"),
    "no digits": (
        lambda: nd.lesson.train(nd.lesson.NETWORKS[0], X, (X, Y), epochs=1, seed=0), "lesson: training must be a pair (x, y)"
    ),
    "layers for no memory": (lambda: nd.lesson.networks(10**9), "lesson: depth must be at most 100"),
    "an array for a word": (lambda: nd.lesson.chosen(normalization=np.ones(0)), "normalization"),
    "no results": (lambda: nd.lesson.table([3]), "lesson: results[0] must be a Result"),
    "no list of results": (lambda: nd.lesson.sentences(3), "lesson: results must be a list of results"),
    "no port": (lambda: nd.play("x"), "play: port must be an integer"),
    "too large a port": (lambda: nd.play(70_000), "play: port must be at most 65535"),
    "no format": (lambda: nd.plots.save(nd.plots.activations(["relu"]), "a.x"), "save: path must end in ."),
}


@pytest.mark.parametrize("what", LESSON)
def test_the_lesson_the_playground_and_pictures_name_what_they_cannot_use(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, words = LESSON[what]
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("host", [3, "a" * 100, "203.0.113.1"])
def test_a_host_that_is_not_this_computer_is_refused_by_name(host):
    pytest.importorskip("panel")
    from npdeep.teaching.play import server

    with pytest.raises((ValueError, TypeError), match="play: host must be an address or a name of this computer"):
        server.free_port(host, 0)


@pytest.mark.parametrize("name", [0, None, [], {}, "no such"])
def test_a_setting_that_there_is_not_is_refused_whatever_its_name_is(name):
    with pytest.raises(ValueError, match="there is no setting"):
        settings.Settings().changed(name, 3)


COMMANDS = {
    "unroll file.npz --to a.txt": "unroll: path must be the name of a Python module",
    "unroll file.npz --to a.py --batch-size 0": "npdeep unroll: batch_size must be",
    "check dense --figure a.x": "path must end in .",
    "evaluate file.npz --data nowhere": "--data mnist downloads them",
}


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_blames_what_is_to_blame(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    nd.Trainer(nd.Sequential([nd.Dense(10)], 784, seed=0), "softmax_cross_entropy").save("file.npz")
    assert main.main(words.split()) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert COMMANDS[words] in said
    assert "checkpoint file.npz" not in said
    assert "without `folder`" not in said


def test_half_a_character_in_a_record_does_not_stop_its_tables(tmp_path):
    write = nd.callbacks.LambdaCallback(on_epoch_end=lambda _, record: record.update(w="\ud800"))
    trainer = nd.Trainer(model(), "softmax_cross_entropy")
    trainer.fit(X, Y, callbacks=[write, nd.callbacks.CSVLogger(tmp_path / "a.csv")], verbose=False)
    trainer.history.to_csv(tmp_path / "b.csv")
    trainer.history.to_json(tmp_path / "c.json")
    assert all("\\ud800" in (tmp_path / name).read_text(encoding="utf-8") for name in ("a.csv", "b.csv", "c.json"))
