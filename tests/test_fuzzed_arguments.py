"""Whatever is passed for whichever argument of whatever is public: it works, or the error names the argument."""

import functools
import inspect
import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import npdeep as nd

X, Y = np.random.default_rng(0).random((20, 4)), np.arange(20) % 3
IMAGES = np.random.default_rng(0).random((4, 16))
JUNK = [
    *(None, True, 0, -1, 5, 1.5, -0.5, 10**400, -(10**400), float("nan"), float("inf"), 1j, "", "x", "relu", b"x", Path("x/y")),
    *([], {}, set(), (), [1, 2], [[1.0]], [None], ["x"], [nd], [[]], {"a": 1}, object(), int, print, range(3), slice(2)),
    *(np.zeros(3), np.zeros((2, 2)), np.zeros((0, 4)), np.array("x"), np.array(None), np.array([object()]), np.float32(2)),
    *(nd.Dense, nd.losses.Huber(), nd.schedules.PowerDecay(0.1, 10)),
]


def model():
    layers = [nd.Dense(5, name="hidden"), nd.Activation("tanh"), nd.Dense(3, name="outputs")]
    return nd.Sequential(layers, 4, seed=0)


def trainer(**kwargs):
    return nd.Trainer(model(), "softmax_cross_entropy", metrics=["accuracy"], **kwargs)


def stepped():
    t = trainer()
    t.step(X, Y)
    return t


@functools.cache
def record(kind):
    callback = kind(X, Y) if kind is nd.callbacks.RecordLayers else kind()
    trainer().fit(X, Y, callbacks=[callback], verbose=False)
    return callback


@functools.cache
def history():
    return trainer().fit(X, Y, epochs=3, verbose=False)


@functools.cache
def checked():
    return nd.debug.gradient_check(model(), "hinge", X, np.eye(3)[Y], max_elements=2)


@functools.cache
def swept():
    return nd.debug.epsilon_sweep(model(), "softmax_cross_entropy", X, Y, max_elements=2)


@functools.cache
def ranged():
    return nd.debug.learning_rate_range(trainer(), X, Y, steps=5)


def data(**more):
    return {"x": X, "y": Y, **more}


AUGMENTATIONS = "Shift Rotate Zoom Crop Flip Brightness Contrast Saturation Hue"
QUIET = {"verbose": False}
CALLS = {
    **{kind: (kind, dict) for kind in (nd.GLU, nd.AlphaDropout, nd.BatchNormalization, nd.Dropout, nd.GaussianDropout)},
    **{kind: (kind, dict) for kind in (nd.GaussianNoise, nd.PReLU, nd.RReLU)},
    **{kind: (kind, lambda: {"units": 3}) for kind in (nd.Dense, nd.Maxout)},
    nd.Activation: (nd.Activation, lambda: {"activation": "relu"}),
    nd.Sequential: (nd.Sequential, lambda: {"layers": [nd.Dense(2)], "input_size": 3}),
    nd.Trainer: (nd.Trainer, lambda: {"model": model(), "loss": "softmax_cross_entropy"}),
    nd.batches: (lambda **a: list(nd.batches(**a)), lambda: data(batch_size=5, shuffle=True, seed=0)),
    **{kind: (kind, dict) for kind in nd.losses.KNOWN.values()},
    **{kind: (kind, dict) for kind in nd.optimizers.KNOWN.values()},
    **{kind: (kind, dict) for kind in nd.initializers.KNOWN.values()},
    **{kind: (kind, dict) for kind in nd.regularizers.KNOWN.values()},
    **{kind: (kind, dict) for kind in nd.constraints.KNOWN.values()},
    **{kind: (kind, dict) for kind in nd.clipping.KNOWN.values()},
    **{kind: (kind, dict) for kind in nd.metrics.KNOWN.values()},
    nd.schedules.Constant: (nd.schedules.Constant, lambda: {"value": 0.1}),
    nd.schedules.CosineDecay: (nd.schedules.CosineDecay, lambda: {"initial": 0.1, "decay_steps": 5}),
    nd.schedules.PolynomialDecay: (nd.schedules.PolynomialDecay, lambda: {"initial": 0.1, "decay_steps": 5}),
    nd.schedules.PowerDecay: (nd.schedules.PowerDecay, lambda: {"initial": 0.1, "decay_steps": 5}),
    nd.schedules.ExponentialDecay: (
        nd.schedules.ExponentialDecay,
        lambda: {"initial": 0.1, "decay_steps": 5, "decay_rate": 0.5},
    ),
    nd.schedules.InverseTimeDecay: (
        nd.schedules.InverseTimeDecay,
        lambda: {"initial": 0.1, "decay_steps": 5, "decay_rate": 0.5},
    ),
    nd.schedules.OneCycle: (nd.schedules.OneCycle, lambda: {"peak": 0.1, "steps": 10}),
    nd.schedules.PiecewiseConstant: (nd.schedules.PiecewiseConstant, lambda: {"boundaries": [3], "values": [1, 0.5]}),
    nd.schedules.Warmup: (nd.schedules.Warmup, lambda: {"then": nd.schedules.Constant(0.1), "warmup_steps": 3}),
    nd.metrics.confusion_matrix: (nd.metrics.confusion_matrix, lambda: {"predictions": Y, "targets": Y}),
    nd.callbacks.EarlyStopping: (nd.callbacks.EarlyStopping, dict),
    nd.callbacks.ReduceLROnPlateau: (nd.callbacks.ReduceLROnPlateau, dict),
    nd.callbacks.LambdaCallback: (nd.callbacks.LambdaCallback, dict),
    nd.callbacks.RecordGradients: (nd.callbacks.RecordGradients, dict),
    nd.callbacks.RecordUpdates: (nd.callbacks.RecordUpdates, dict),
    nd.callbacks.RecordLayers: (nd.callbacks.RecordLayers, data),
    nd.callbacks.Checkpoint: (nd.callbacks.Checkpoint, lambda: {"folder": "somewhere"}),
    nd.callbacks.CSVLogger: (nd.callbacks.CSVLogger, lambda: {"path": "some.csv"}),
    **{getattr(nd.augmentation, name): (getattr(nd.augmentation, name), dict) for name in AUGMENTATIONS.split()},
    nd.datasets.moons: (nd.datasets.moons, lambda: {"n": 10}),
    nd.datasets.spirals: (nd.datasets.spirals, lambda: {"n": 10}),
    nd.datasets.xor: (nd.datasets.xor, lambda: {"n": 10}),
    "fit": (lambda **a: trainer().fit(**a), lambda: data(**QUIET)),
    "step": (lambda **a: trainer().step(**a), data),
    "walk": (lambda **a: list(trainer().walk(**a)), data),
    "evaluate": (lambda **a: trainer().evaluate(**a), data),
    "predict": (lambda **a: model().predict(**a), lambda: {"x": X}),
    "forward": (lambda **a: model().forward(**a), lambda: {"x": X}),
    "layer": (lambda **a: model().layer(**a), lambda: {"name": "hidden"}),
    "variables": (lambda **a: model().variables(**a), dict),
    "freeze": (lambda **a: model().freeze(**a), lambda: {"scope": "hidden"}),
    "unfreeze": (lambda **a: model().unfreeze(**a), dict),
    "copy": (lambda **a: model().copy(**a), dict),
    "with_layers": (lambda **a: model().with_layers(**a), lambda: {"layers": [nd.Dense(2)], "keep": "hidden"}),
    "history.table": (lambda **a: history().table(**a), dict),
    nd.debug.gradient_check: (
        nd.debug.gradient_check,
        lambda: {"model": model(), "loss": "softmax_cross_entropy", "max_elements": 2, **data()},
    ),
    nd.debug.epsilon_sweep: (
        nd.debug.epsilon_sweep,
        lambda: {"model": model(), "loss": "softmax_cross_entropy", "max_elements": 2, **data()},
    ),
    nd.debug.diagnose: (nd.debug.diagnose, lambda: {"trainer": trainer(), **data()}),
    nd.debug.explain_update: (nd.debug.explain_update, lambda: {"trainer": stepped(), "parameter": "hidden/kernel"}),
    nd.debug.break_when: (nd.debug.break_when, lambda: {"trainer": trainer(), "condition": "hidden"}),
    nd.debug.learning_rate_range: (nd.debug.learning_rate_range, lambda: {"trainer": trainer(), "steps": 3, **data()}),
    nd.debug.plant: (nd.debug.plant, lambda: {"name": "zeros"}),
    nd.debug.predictions: (nd.debug.predictions, lambda: {"classifier": model(), "x": X}),
    nd.debug.snapshot: (nd.debug.snapshot, lambda: {"trainer": trainer(), **data()}),
    nd.debug.time_step: (nd.debug.time_step, lambda: {"trainer": trainer(), "repeats": 2, **data()}),
    nd.debug.gradient_norms: (nd.debug.gradient_norms, lambda: {"model": model()}),
    nd.debug.kernel_gradient_norms: (nd.debug.kernel_gradient_norms, lambda: {"model": model()}),
    nd.plots.activation: (nd.plots.activation, lambda: {"name": "relu"}),
    nd.plots.activations: (nd.plots.activations, lambda: {"names": ["relu"]}),
    nd.plots.activation_histograms: (nd.plots.activation_histograms, lambda: {"model": model(), "x": X}),
    nd.plots.confusion_matrix: (nd.plots.confusion_matrix, lambda: {"classifier": model(), **data()}),
    nd.plots.contact_sheet: (nd.plots.contact_sheet, lambda: {"images": IMAGES, "shape": (4, 4)}),
    nd.plots.decision_boundary: (
        nd.plots.decision_boundary,
        lambda: {"classifier": nd.Sequential([nd.Dense(3)], 2, seed=0), "x": X[:, :2], "y": Y, "resolution": 5},
    ),
    nd.plots.epsilon_sweep: (nd.plots.epsilon_sweep, lambda: {"sweep": swept()}),
    nd.plots.gradient_agreement: (nd.plots.gradient_agreement, lambda: {"report": checked()}),
    nd.plots.gradient_flow: (nd.plots.gradient_flow, lambda: {"trainer": trainer(), **data()}),
    nd.plots.gradient_heat_map: (nd.plots.gradient_heat_map, lambda: {"record": record(nd.callbacks.RecordGradients)}),
    nd.plots.gradient_history: (nd.plots.gradient_history, lambda: {"record": record(nd.callbacks.RecordGradients)}),
    nd.plots.update_ratios: (nd.plots.update_ratios, lambda: {"record": record(nd.callbacks.RecordUpdates)}),
    nd.plots.layer_histograms: (nd.plots.layer_histograms, lambda: {"trainer": trainer(), **data()}),
    nd.plots.learning_curves: (nd.plots.learning_curves, lambda: {"runs": history(), "key": "loss"}),
    nd.plots.learning_rate_range: (nd.plots.learning_rate_range, lambda: {"test": ranged()}),
    nd.plots.misclassified: (
        nd.plots.misclassified,
        lambda: {"classifier": nd.Sequential([nd.Dense(3)], 16, seed=0), "x": IMAGES, "y": Y[:4]},
    ),
    nd.plots.network: (nd.plots.network, lambda: {"model": model()}),
    nd.plots.saturation: (nd.plots.saturation, lambda: {"network": model(), "x": X}),
    nd.plots.schedules: (nd.plots.schedules, lambda: {"rates": nd.schedules.PowerDecay(0.1, 10), "steps": 20}),
    nd.plots.weight_images: (nd.plots.weight_images, lambda: {"layer": model().layers[0]}),
}
TITLES = {(call if isinstance(call, str) else f"{call.__module__.rpartition('.')[2]}.{call.__name__}"): call for call in CALLS}
SYNONYMS = {
    "x": "rows|examples|images|array",
    "y": "targets|labels|rows",
    "loss": "Huber|takes|needs|targets|outputs|KL|Poisson|Hinge|CrossEntropy",
    "model": "Sequential|layers|x |first argument",
    "metrics": "metric|recorded",
    "callbacks": "callback",
    "classifier": "first argument|x |predict",
    "network": "first argument|model|layer",
    "layers": "layer",
    "names": "name",
    "scope": "whole|regular",
    "ax": "axes",
    "activation": "Activation: (unknown )?name|Activation",
    "minimum": "maximum",
    "trainer": "first argument",
    "keep": "layer",
    "name": "layer|fault|activation|Activation",
    "steps": "updates",
    "validation_data": "validation",
    "dtype": "dtype",
    "sample_weight": "weight",
}
"""Words that errors use for an argument besides its name."""


def arguments(title):
    """The names of all arguments of a call."""
    call = TITLES[title]
    owners = {"fit": nd.Trainer, "step": nd.Trainer, "walk": nd.Trainer, "evaluate": nd.Trainer}
    if isinstance(call, str):
        owner, name = (nd.History, "table") if call == "history.table" else (owners.get(call, nd.Sequential), call)
        call = getattr(owner, name)
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [p.name for p in inspect.signature(call).parameters.values() if p.name != "self" and p.kind not in kinds]


def try_it(title, name, junk):
    """None where the call worked; else what is wrong with its error, or "" where that is as it should be."""
    function, good = CALLS[TITLES[title]]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            function(**{**good(), name: junk})
    except (ValueError, TypeError, AttributeError, ImportError) as error:
        text = str(error)
        words = "|".join([re.escape(name), re.escape(name.replace("_", " ")), SYNONYMS.get(name, re.escape(name))])
        if not re.search(words, text):
            return f"{type(error).__name__} does not name it: {text[:300]}"
        return f"{len(text)} characters: {text}" if len(text) >= 300 else ""
    except (OSError, NotImplementedError) as error:
        return "" if isinstance(error, OSError) else repr(error)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return None


@pytest.mark.exhaustive
@settings(max_examples=300)
@given(st.data())
def test_any_argument_of_anything_public_works_or_is_named(data):
    title = data.draw(st.sampled_from(sorted(title for title in TITLES if arguments(title))))
    name = data.draw(st.sampled_from(arguments(title)))
    junk = data.draw(st.sampled_from(JUNK))
    fault = try_it(title, name, junk)
    plt.close("all")
    assert not fault, f"{title}({name}={junk!r:.60}): {fault}"


FOUND = {
    "an integer beyond all floats": ("descent.SGD", "learning_rate", 10**400),
    "no names": ("activations.activations", "names", []),
    "an unknown key": ("curves.learning_curves", "key", "x"),
    "a number for a monitor": ("steering.EarlyStopping", "monitor", 5),
    "a number for layers": ("with_layers", "layers", 5),
    "a word for a seed": ("gradient_check.gradient_check", "seed", "x"),
    "a negative seed": ("sequential.Sequential", "seed", -1),
    "a number for a trainer": ("snapshot.snapshot", "trainer", 5),
    "a layer that is not there": ("activations.activation_histograms", "layers", [2]),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_was_a_raw_error_once(what):
    assert try_it(*FOUND[what]) == ""


def test_layers_are_named_or_counted():
    assert len(nd.plots.activation_histograms(model(), X, layers=["activation"]).axes) == 1
    assert len(nd.plots.layer_histograms(trainer(), X, Y, layers=["activation"]).axes) == 2
    with pytest.raises(ValueError, match="unknown layers 'hiden'"):
        nd.plots.activation_histograms(model(), X, layers=["hiden"])
