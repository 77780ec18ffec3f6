"""Hostile values for every argument of everything public: the short form of tests/attacks/fuzz_calls.py, and what it found."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd
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
    "a pair of words": (lambda: nd.augmentation.Zoom(["a" * 10_000]), "factor must be"),
    "a number beside None": (lambda: model().predict((np.complex64(1), None)), "x must hold numbers"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_was_a_raw_error_names_its_argument(what):
    call, words = REFUSED[what]
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        call()
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300
