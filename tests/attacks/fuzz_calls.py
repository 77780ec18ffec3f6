"""Hostile values for every argument of everything public: python tests/attacks/fuzz_calls.py [--seconds 600] [--seed 0]

Every constructor, function and method that `dir` offers, and what indirect.py reaches (hooks of custom parts, the command
line, the playground), is called with good arguments, one or two of which are exchanged for values that hypothesis draws: None,
NaN, 10**400, scalars and arrays of every dtype, masked, read-only, empty, ragged and huge ones, containers, classes,
functions, objects whose __array__, __len__ or __iter__ raises, and more. A call works, or it is refused: by a ValueError,
TypeError or AttributeError that npdeep itself raises (OSError where a path is asked for, ImportError where a package is), with
the name of the argument, or else of the object or layer, in less than 400 characters, within two seconds of the processor,
without a warning, and nothing has changed: weights, statistics, slots, counters, generators, history.
tests/test_fuzzed_calls.py runs a short form.
"""

import argparse
import collections
import contextlib
import decimal
import fractions
import functools
import gc
import inspect
import io
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).parents[1]))

import indirect
import matplotlib.pyplot as plt
from helpers_training import bits

import npdeep as nd
from npdeep.datasets import download
from npdeep.teaching import play

SECONDS, LONGEST, STUCK = 2.0, 400, 20
MEMORY = 3 << 30
"""Bytes of address space beyond what is taken: what asks for more gets a MemoryError."""

X = np.random.default_rng(0).random((20, 4), dtype=np.float32)
Y = np.arange(20) % 3
PLANE, IMAGES = X[:, :2].copy(), np.random.default_rng(0).random((6, 16))


# ── good things ───────────────────────────────────────────────────────────────────────────────────────────────────────
class Own(nd.layers.Layer):
    """A user's own layer: doubles."""

    def forward(self, x: Any, training: bool = False) -> Any:
        return 2 * x

    def backward(self, grad_output: Any) -> Any:
        return 2 * grad_output


def model() -> nd.Sequential:
    """Layers within layers, statistics, noise."""
    inner = [nd.Dense(5), nd.Parallel([[nd.Dense(2)], [nd.Dense(3)]]), nd.Residual([nd.Dense(5)])]
    layers = [nd.Dense(5, name="hidden"), nd.BatchNormalization(), nd.Activation("tanh"), nd.Dropout(0.2)]
    return nd.Sequential([*layers, nd.Residual(inner, name="block"), nd.Dense(3, name="outputs")], 4, seed=0)


def trainer() -> nd.Trainer:
    """A trainer that has made a step; the last pass was one of forward."""
    made = nd.Trainer(model(), "softmax_cross_entropy", nd.optimizers.Adam(0.01), "clip_by_global_norm", ["accuracy"])
    made.step(X, Y)
    made.model.forward(X, training=True)
    return made


def passed() -> nd.Sequential:
    """A network that has made a forward pass."""
    return trainer().model


def classifier() -> nd.Sequential:
    """A network without noise, which can be drawn and exported."""
    return nd.Sequential([nd.Dense(5, name="hidden"), nd.Activation("tanh"), nd.Dense(3)], 4, seed=0)


def narrow(inputs: int = 2) -> nd.Sequential:
    """A network for points, or for images."""
    return nd.Sequential([nd.Dense(3)], inputs, seed=0)


@functools.cache
def history() -> nd.History:
    """Three epochs."""
    return nd.Trainer(narrow(4), "softmax_cross_entropy", metrics=["accuracy"]).fit(X, Y, epochs=3, verbose=False)


@functools.cache
def recorded(kind: Any) -> Any:
    """A callback that has recorded."""
    callback = kind(X, Y, every=1) if kind is nd.callbacks.RecordLayers else kind(every=1)
    nd.Trainer(classifier(), "softmax_cross_entropy").fit(X, Y, callbacks=[callback], verbose=False)
    return callback


@functools.cache
def found(name: str) -> Any:
    """Results of looks, which plots take."""
    if name == "report":
        return nd.debug.gradient_check(narrow(4), "hinge", X, np.eye(3)[Y], max_elements=2)
    if name == "sweep":
        return nd.debug.epsilon_sweep(narrow(4), "softmax_cross_entropy", X, Y, max_elements=2)
    return nd.debug.learning_rate_range(trainer(), X, Y, steps=5)


@functools.cache
def checkpoint() -> bytes:
    """A trainer's file."""
    with tempfile.TemporaryDirectory() as folder:
        return trainer().save(Path(folder) / "a.npz").read_bytes()


def a_file() -> str:
    """A checkpoint in the current folder."""
    Path("good.npz").write_bytes(checkpoint())
    return "good.npz"


def a_safe_file() -> str:
    """The same for the other door. Raises ImportError where its package is missing."""
    return str(nd.interop.safetensors.save(model(), "b.safetensors"))


GOOD: dict[str, Callable[[], Any]] = {
    **{"x": lambda: X, "y": lambda: Y, "z": lambda: X, "model": model, "trainer": trainer, "classifier": classifier},
    **{"network": classifier, "loss": lambda: "softmax_cross_entropy", "n": lambda: 10, "scope": lambda: "hidden"},
    **{"layers": lambda: [nd.Dense(4)], "units": lambda: 3, "input_size": lambda: 4, "activation": lambda: "relu"},
    **{"branches": lambda: [[nd.Dense(2)], [nd.Dense(3)]], "name": lambda: "relu", "path": lambda: "file.npz"},
    **{"folder": lambda: "new", "initial": lambda: 0.1, "decay_steps": lambda: 5, "decay_rate": lambda: 0.5},
    **{"value": lambda: 0.1, "peak": lambda: 0.1, "steps": lambda: 3, "boundaries": lambda: [3], "values": lambda: [1, 0.5]},
    **{"then": lambda: nd.schedules.Constant(0.1), "warmup_steps": lambda: 3, "predictions": lambda: Y, "targets": lambda: Y},
    **{"optimizer": nd.optimizers.Adam, "optimizers": lambda: [nd.optimizers.Adam()], "gradient": lambda: lambda w: w},
    **{"start": lambda: np.ones(2), "condition": lambda: "hidden", "parameter": lambda: "hidden/kernel"},
    **{"layer": lambda: model().layers[0], "images": lambda: IMAGES, "shape": lambda: (4, 4), "runs": history},
    **{"rates": lambda: nd.schedules.PowerDecay(0.1, 10), "sweep": lambda: found("sweep"), "test": lambda: found("test")},
    **{"report": lambda: found("report"), "record": lambda: recorded(nd.callbacks.RecordGradients), "augmentations": list},
    "batches": lambda: [(X, Y)],
    **{"grad_output": lambda: np.ones((20, 3), np.float32), "records": list, "keep": lambda: "hidden", "mapping": dict},
    **{"outputs": lambda: np.ones((20, 3)), "max_elements": lambda: 2, "epochs": lambda: 1, "verbose": lambda: False},
    **{"repeats": lambda: 2, "resolution": lambda: 5, "function": lambda: len, "say": lambda: lambda *_: None},
}
"""What fits by the name of an argument; those with a default that are not here are left out of a good call."""

OTHERS: dict[str, dict[str, Callable[[], Any]]] = {
    "Activation": {"name": lambda: "mine"},
    "plots.schedules": {"steps": lambda: 20},
    "plots.weight_images": {"layer": lambda: narrow(16).layers[0]},
    "plots.decision_boundary": {"classifier": narrow, "x": lambda: PLANE},
    "plots.misclassified": {"classifier": lambda: narrow(16), "x": lambda: np.tile(IMAGES, (3, 1)), "y": lambda: Y[:18]},
    "plots.update_ratios": {"record": lambda: recorded(nd.callbacks.RecordUpdates)},
    "plots.animate_training": {"record": lambda: recorded(nd.callbacks.RecordLayers), "path": lambda: None},
    "plots.network": {"model": model},
    "plots.style": {"name": lambda: "house"},
    "plots.save": {"figure": lambda: plt.figure(figsize=(1, 1)), "path": lambda: Path("a.png")},
    "plots.walk_page": {"path": lambda: "a.html"},
    "debug.explain": {"layer": lambda: passed().layers[0]},
    "debug.flat_share": {"layer": lambda: passed().layers[2]},
    "interop.onnx.export": {"model": classifier, "path": lambda: "a.onnx"},
    "interop.safetensors.save": {"path": lambda: "a.safetensors"},
    "interop.torch.to_torch": {"model": classifier},
    "interop.torch.torch_source": {"model": classifier},
    "interop.torch.from_torch": {"net": lambda: None},
    "metrics.get": {"metric": lambda: "accuracy"},
    "SoftmaxCrossEntropy.forward": {"targets": lambda: Y},
    "Huber.forward": {"targets": lambda: np.ones((20, 3))},
    "Shift.__call__": {"x": lambda: IMAGES.reshape(6, 4, 4), "rng": lambda: np.random.default_rng(0)},
    "F1.__call__": {"outputs": lambda: np.ones((20, 3)), "targets": lambda: Y},
    "Trainer.evaluate": {"y": lambda: Y},
    "Trainer.fit": {"y": lambda: Y, "verbose": lambda: False},
    "Trainer.set_state": {"state": lambda: trainer().state()},
    "Sequential.backward": {"grad_output": lambda: np.ones((20, 3), np.float32)},
    "Sequential.input_gradient": {"grad_output": lambda: np.ones((20, 3), np.float32)},
    "plots.confusion_matrix": {"classifier": classifier},
    "plots.contact_sheet": {"shape": lambda: (4, 4)},
    "plots.optimizer_paths": {"start": lambda: None, "steps": lambda: 5},
    "debug.plant": {"name": lambda: "zeros"},
    "debug.unroll": {"path": lambda: "step.py"},
    "initializers.for_activation": {"name": lambda: "relu"},
    "load_model": {"path": a_file},
    "exercises.check": {"name": lambda: "relu_forward", "function": lambda: lambda z: np.maximum(z, 0)},
    "Sequential.layer": {"name": lambda: "hidden"},
    "Sequential.load_weights": {"path": a_file},
    "Sequential.load_state_dict": {"mapping": lambda: model().state_dict()},
    "Sequential.sample": {"n": lambda: 3},
    "Sequential.with_layers": {"layers": lambda: [nd.Dense(2)], "keep": lambda: "hidden"},
    "Trainer.restore": {"path": a_file},
    "Trainer.stop": {"reason": lambda: "enough"},
    "History.append": {"record": lambda: {"epoch": 1, "loss": 0.5}},
    "interop.safetensors.load": {"path": a_safe_file},
    "Parameter": {"name": lambda: "kernel", "shape": lambda: (2, 3)},
    "datasets.mnist": {"folder": indirect.digits_folder, "check": lambda: False},
    "datasets.idx": {"path": lambda: f"{indirect.digits_folder()}/t10k-labels-idx1-ubyte"},
    "lesson.run": {"folder": lambda: "lesson", "epochs": lambda: 1, "depth": lambda: 2, "width": lambda: 4, "say": lambda: len},
    "lesson.train": {
        **{"network": lambda: nd.lesson.networks(2, 4)[0], "training": lambda: indirect.few_digits()[0]},
        **{"test": lambda: indirect.few_digits()[1], "epochs": lambda: 1, "seed": lambda: 0},
    },
    **{f"lesson.{name}": {"results": lambda: [indirect.result()]} for name in ("gradients", "sentences", "table", "units")},
    "lesson.verdict": {"result": indirect.result},
}
"""What fits one call alone."""

MADE_BY_FUNCTIONS = [
    *("Breakpoint", "Diagnosis", "EpsilonSweep", "Explanation", "Fault", "Finding", "GradientReport", "Kink", "Statement"),
    *("LearningRateRange", "StepTiming", "Surface", "TimedOperation"),
]

LEFT_OUT = {
    **dict.fromkeys(("lesson.Network", "lesson.Result"), "nd.lesson.networks and nd.lesson.train make them"),
    "debug.TerminalWalk": "waits for a keyboard",
    **dict.fromkeys(("activations.Rule", "metrics.Outputs", "metrics.Totals", "metrics.OwnMetric", "losses.OwnLoss"), "inside"),
    **dict.fromkeys(("losses.LossLike", "losses.check_weights", "losses.check_y", "clipping.BadGradient"), "inside"),
    **dict.fromkeys(("metrics.BuiltIn", "metrics.for_outputs", "metrics.known_threshold", "metrics.softmax"), "inside"),
    **dict.fromkeys(("metrics.as_labels", "plots.Figure", "plots.in_house_style", "plots.label_lines"), "inside"),
    **dict.fromkeys(("plots.layer_ticks", "plots.look", "plots.new_axes", "plots.new_grid"), "inside"),
    **dict.fromkeys([f"debug.{name}" for name in MADE_BY_FUNCTIONS], "is made by a function of nd.debug"),
}
"""What is not called, and why."""


# ── hostile things ────────────────────────────────────────────────────────────────────────────────────────────────────
class Raises:
    """Raises an error of a kind that nobody foresees when it is looked into."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("in __array__")


class Unsized(list[int]):
    """Its length cannot be had."""

    def __len__(self) -> int:
        raise RuntimeError("in __len__")


class Endless:
    """Is iterated without end, by one object."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(10**15))


class Vague:
    """Is neither true nor false, nor equal to anything, nor can it be shown."""

    def __bool__(self) -> bool:
        raise ArithmeticError("in __bool__")

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError("in __eq__")

    def __repr__(self) -> str:
        raise ArithmeticError("in __repr__")

    __hash__ = None  # type: ignore[assignment]


class Text(str):
    """A string of another class."""


class Whole(int):
    """An integer of another class."""


def generator() -> Iterator[int]:
    """Gives three numbers once."""
    yield from (1, 2, 3)


def raising(*_: Any, **__: Any) -> Any:
    """A function that fails."""
    raise ZeroDivisionError("in a function of the user's")


def frozen(array: Any) -> Any:
    """Read-only."""
    array.flags.writeable = False
    return array


DTYPES = [*"?bBhHiIqQefdgFDGO", "S3", "U3", "M8[s]", "m8[s]", "V4", ">f4", ">i8", "i4,f8"]
SHAPES = [(), (0,), (1,), (3,), (4,), (20,), (0, 4), (1, 4), (20, 4), (20, 1), (4, 20), (20, 3), (2, 2), (3, 1, 2), (1,) * 40]
NUMBERS = [*(0, 1, -1, 2, 3, 5, 7, -7, 255, 2**31, 2**53, 2**63, 2**64, 10**12, 10**400, -(10**400), 0.0, -0.0, 0.5, 1.0, 1.5)]
NUMBERS += [*(-0.5, 1e-320, 1e-50, 1e50, 1e308, float("nan"), float("inf"), -float("inf"), 1j, complex("nan"), True, False)]
scalars = st.sampled_from([*NUMBERS, decimal.Decimal("0.1"), decimal.Decimal("NaN"), fractions.Fraction(1, 3), Whole(3)])
numpy_scalars = st.builds(
    lambda kind, value: np.array(value).astype(kind)[()], st.sampled_from("efdgFD"),
    st.sampled_from([0, 1, 2, 3, 0.5, -1, np.nan, np.inf]),
) | st.sampled_from([np.True_, np.False_, *(kind(n) for kind in (np.int8, np.int64, np.uint8, np.uint64) for n in (0, 1, 3))])
OTHER_SCALARS = [np.str_("x"), np.bytes_(b"x"), np.datetime64("2020-01-01"), np.timedelta64(3, "s"), np.void(b"abc")]
WORDS = ["", " ", "x", "relu", "sgd", "val_loss", "hidden", "outputs/kernel", "(", "*", "a" * 10_000, "\0", "\n", "\x1b[31m"]
WORDS += ["ä", "5", "../x", "C:\\new", "\ud800", "loss", "min", "hidden.*", "None", "float16", "float64", "nan"]
more_scalars, words = st.sampled_from(OTHER_SCALARS), st.sampled_from(WORDS) | st.text(max_size=8)


def array_of(kind: str, shape: tuple[int, ...], fill: Any, form: str) -> Any:
    """An array of a dtype and a shape, in one of several forms."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            array = np.full(shape[:32], fill).astype(kind)
        except (TypeError, ValueError, OverflowError):
            array = np.zeros(shape[:32], kind)
        if form == "masked":
            return np.ma.array(array, mask=np.zeros(array.shape, bool))
        if form == "read-only":
            return frozen(array)
        if form == "matrix":
            return np.matrix(array) if array.ndim <= 2 else array
        return {"plain": array, "by columns": np.asfortranarray(array), "reversed": array[::-1] if array.ndim else array}[form]


arrays = st.builds(
    array_of, st.sampled_from(DTYPES), st.sampled_from(SHAPES), st.sampled_from([0, 1, 2, -1, 0.5, np.nan, np.inf, 1e30]),
    st.sampled_from(["plain", "plain", "plain", "masked", "read-only", "matrix", "by columns", "reversed"]),
)  # fmt: skip
huge = st.sampled_from([np.broadcast_to(np.float32(1), (10**9, 4)), np.broadcast_to(np.float32(1), (20, 10**9)), range(10**12)])
flat = st.one_of(scalars, numpy_scalars, more_scalars, words, st.none())
containers = st.one_of(
    st.lists(flat, max_size=4), st.lists(flat, max_size=3).map(tuple), st.lists(st.lists(scalars, max_size=3), max_size=3),
    st.dictionaries(words | scalars, flat, max_size=3), st.sets(words, max_size=3), st.sets(words, max_size=2).map(frozenset),
    st.lists(arrays, max_size=3), st.lists(arrays, max_size=2).map(tuple),
)  # fmt: skip
MAKERS: list[Callable[[], Any]] = [
    *(Raises, Unsized, Endless, Vague, object, generator, lambda: print, lambda: raising, lambda: lambda: None, lambda: int),
    *(lambda: Text("relu"), lambda: Whole(2), lambda: Path("a/b"), lambda: b"relu", lambda: bytearray(3)),
    lambda: memoryview(b"abc"),
    *(lambda: slice(2), lambda: Ellipsis, lambda: NotImplemented, lambda: nd, lambda: nd.Dense, lambda: type, lambda: range(3)),
    *(lambda: nd.Dense(2), lambda: nd.Residual([nd.Dense(4)]), nd.losses.Huber, nd.optimizers.Adam, model, trainer),
    *(lambda: nd.schedules.PowerDecay(0.1, 10), lambda: nd.metrics.F1(), lambda: nd.callbacks.EarlyStopping(), history, Own),
    *(nd.initializers.HeNormal, lambda: nd.regularizers.L1(0.1), lambda: nd.constraints.MaxNorm(1), lambda: ValueError("x")),
    *(lambda: np.random.default_rng(0), lambda: io.BytesIO(b"x"), lambda: io.StringIO("x"), lambda: types.SimpleNamespace(x=1)),
    *(lambda: np.dtype("f4"), lambda: np.float32, lambda: iter([(X, Y)]), lambda: [(X, Y)], lambda: (X, Y), lambda: {"x": X}),
    *(lambda: plt.figure(figsize=(1, 1)), lambda: nd.clipping.ClipByNorm(1), lambda: model().layers[0]),
    lambda: [nd.Dense(2)] * 2,
    *(lambda: [model().layers[0]], lambda: [None], lambda: [[]], lambda: np.ma.masked, lambda: np.random, lambda: nested(1000)),
]


def nested(depth: int) -> Any:
    """Lists within lists."""
    return functools.reduce(lambda inner, _: [inner], range(depth), 1)


made = st.sampled_from(MAKERS).map(lambda maker: maker())
hostile = st.one_of(
    scalars, numpy_scalars, more_scalars, words, st.none(), arrays, arrays, containers, containers, made, made, huge
)


# ── everything public ─────────────────────────────────────────────────────────────────────────────────────────────────
class Target:
    """Something that can be called.

    Args:
        title: where it is. made: makes what owns it, or None. call: the function, or what finds it on its owner.
    """

    def __init__(self, title: str, signature: inspect.Signature, call: Any, made: Callable[[], Any] | None) -> None:
        self.title, self.call, self.made = title, call, made
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        self.parameters = [p for p in signature.parameters.values() if p.kind not in kinds and p.name not in ("self", "cls")]

    def good(self) -> dict[str, Any]:
        """Arguments that fit."""
        own = OTHERS.get(self.title, OTHERS.get(self.title.rpartition(".")[2] if self.made is None else "", {}))
        arguments = {}
        for parameter in self.parameters:
            maker = own.get(parameter.name, GOOD.get(parameter.name))
            needed = parameter.default is parameter.empty or parameter.name in ("verbose", "max_elements", "repeats", "epochs")
            if parameter.name in own or (needed and maker is not None):
                arguments[parameter.name] = maker() if maker else None
        return arguments

    def __call__(self, owner: Any, arguments: dict[str, Any]) -> Any:
        """Call it; what is by position only goes there."""
        function = self.call if self.made is None else getattr(owner, self.title.rpartition(".")[2])
        given = dict(arguments)
        first = [given.pop(p.name) for p in self.parameters if p.kind is p.POSITIONAL_ONLY and p.name in given]
        result = function(*first, **given)
        if isinstance(result, Iterator):      # batches and walk do their work as they are gone through
            for number, _ in enumerate(result):
                if number > 50:
                    break
        if hasattr(result, "summary") and self.title.startswith("debug"):
            str(result)
        return result


class Setter(Target):
    """Setting an attribute."""

    def __init__(self, owner: Any, name: str, made: Callable[[], Any]) -> None:
        signature = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)])
        super().__init__(f"{type(owner).__name__}.{name} = …", signature, setattr, made)
        self.name = name

    def good(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def __call__(self, owner: Any, arguments: dict[str, Any]) -> Any:
        for name, value in arguments.items():
            setattr(owner, name, value)


def offered(owner: Any) -> list[str]:
    """The public names of a module or an object."""
    names = getattr(owner, "__all__", None) or dir(owner)
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


METHODS: list[tuple[Callable[[], Any], str]] = [
    *((passed, ""), (trainer, ""), (lambda: nd.History([{"epoch": 1, "loss": 0.5}]), ""), (nd.losses.Huber, "forward")),
    *((nd.losses.SoftmaxCrossEntropy, "forward"), (nd.metrics.F1, "__call__"), (lambda: nd.augmentation.Shift(1), "__call__")),
    (lambda: nd.debug.diagnose(trainer(), X, Y, steps=2), ""),
]
"""Objects, and which of their methods are for users: all that `dir` offers, or these. The others are what npdeep calls."""

SETTABLE: list[Callable[[], Any]] = [
    *(passed, trainer, lambda: passed().parameters[0], lambda: passed().layers[0], lambda: passed().layers[1]),
    *(lambda: passed().layers[2], lambda: passed().layers[3], lambda: passed().layers[4], nd.PReLU, lambda: nd.Maxout(2)),
    *(lambda: nd.optimizers.AdamW(), lambda: nd.schedules.OneCycle(0.1, 5), nd.losses.Huber, nd.losses.SoftmaxCrossEntropy),
    *(nd.metrics.F1, nd.metrics.TopKAccuracy, lambda: nd.regularizers.L1L2(0.1, 0.1), lambda: nd.constraints.MinMaxNorm()),
    *(nd.initializers.VarianceScaling, lambda: nd.clipping.ClipByNorm(1.0), lambda: nd.augmentation.Rotate(3)),
    *(nd.callbacks.EarlyStopping, nd.callbacks.ReduceLROnPlateau, nd.callbacks.RecordGradients, nd.History),
    *(lambda: nd.callbacks.Checkpoint("new"), lambda: nd.callbacks.CSVLogger("new.csv")),
]
"""Objects whose attributes are set."""


def targets() -> list[Target]:
    """Everything public that can be called."""
    result: dict[int, Target] = {}

    def add(title: str, call: Any, made: Callable[[], Any] | None = None) -> None:
        if title in LEFT_OUT or id(call) in result or (isinstance(call, type) and issubclass(call, BaseException | tuple)):
            return
        with contextlib.suppress(ValueError, TypeError):
            found = Target(title, inspect.signature(call), call, made)
            if found.parameters:
                result[id(call) if made is None else id(found)] = found

    for name in offered(nd):
        if name in LEFT_OUT:
            continue
        member = getattr(nd, name)
        if isinstance(member, types.ModuleType):
            for inner in offered(member) if name != "interop" else ():
                if callable(getattr(member, inner)):
                    add(f"{name}.{inner}", getattr(member, inner))
        else:
            add(name, member)
    add("play.serve", play.serve)
    for function in indirect.HOOKS:
        add(f"hook {function.__name__}", function)
    for function in indirect.PLAYGROUND:
        add(f"playground {function.__name__}", function)
    for name in indirect.WORDS:
        add(f"npdeep {name}", indirect.command(name))
    for door in ("safetensors", "onnx", "torch"):
        module = getattr(nd.interop, door)
        for inner in offered(module):
            function = getattr(module, inner)
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                add(f"interop.{door}.{inner}", function)
    for made, chosen in METHODS:
        owner = made()
        for name in chosen.split() or offered(owner):
            if inspect.ismethod(function := getattr(owner, name, None)):
                add(f"{type(owner).__name__}.{name}", function, made)
    for made in SETTABLE:
        owner = made()
        for name in offered(owner):
            if not callable(getattr(owner, name, None)) or name in inspect.signature(type(owner)).parameters:
                found = Setter(owner, name, made)
                result[id(found)] = found
    kept = [target for target in result.values() if target.title not in LEFT_OUT]
    return sorted(kept, key=lambda target: target.title)


# ── judging a call ────────────────────────────────────────────────────────────────────────────────────────────────────
def state_of(value: Any) -> Any:
    """All that a refused call must leave as it was."""
    if isinstance(value, nd.Trainer):
        noise = str(value.model.generators())
        kept = {"records": list(value.history), "frozen": value.model.frozen(), "noise": noise, "names": names_of(value.model)}
        return {**bits(value), **kept}
    if isinstance(value, nd.Sequential):
        return value.flat_values.tobytes(), value.frozen(), str(value.generators()), names_of(value)
    if isinstance(value, nd.History):
        return list(value)
    if isinstance(value, nd.Parameter):
        return value.value.tobytes(), value.trainable
    if type(value) is np.ndarray:
        return value.tobytes() if value.nbytes < 1 << 16 else None
    if type(value).__module__.startswith("npdeep") and hasattr(value, "arguments"):
        with contextlib.suppress(Exception):
            return str(value.arguments())
    return None


def names_of(one: nd.Sequential) -> list[str]:
    """Of layers and variables."""
    return [*(layer.name for layer in one.everything()), *(parameter.name for parameter in one.parameters)]


def by_hand(error: BaseException) -> bool:
    """Did npdeep raise this error itself, rather than Python or NumPy within npdeep's code?"""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if isinstance(error, indirect.RefusedError):
        return True
    if trace is None or f"{os.sep}npdeep{os.sep}" not in trace.tb_frame.f_code.co_filename:
        return False
    code = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return inspect.dis.opname[code] in ("RAISE_VARARGS", "RERAISE")  # type: ignore[attr-defined]


def by_others(told: warnings.WarningMessage) -> bool:
    """Is it a warning about what is deprecated, or of an animation that is not kept?"""
    kinds = (DeprecationWarning, PendingDeprecationWarning, ResourceWarning)
    return issubclass(told.category, kinds) or "Animation was deleted" in str(told.message)


SYNONYMS = {
    **{"x": "rows|examples|images|array|batch|data", "y": "targets|labels|rows|batch|data"},
    **{"layers": "layer|units", "names": "name"},
    **{"loss": "takes|needs|targets|outputs", "model": "Sequential|layers|first argument", "metrics": "metric"},
    **{"ax": "axes|Axes", "branches": "branch"},
    **{"callbacks": "callback", "classifier": "first argument|predict", "network": "first argument|model", "rates": "schedule"},
    **{"scope": "whole|regular|variables", "trainer": "first argument", "keep": "layer", "steps": "updates", "axes": "Axes"},
    **{"validation_data": "validation", "sample_weight": "weight", "runs": "history|History", "mapping": "state_dict|names"},
    **{"path": "file|folder|checkpoint", "folder": "file", "optimizers": "optimizer", "augmentations": "augmentation"},
    **{"learning_rate": "at every step", "build": "units", "kernel_initializer": "initializer", "images": "change"},
    **{"value": "must be", "activation": "[aA]ctivation|Layers", "dropout": "dropout|rate|Layers"},
    **{"clip": "norm", "state": "checkpoint", "to": "path|unroll", "results": "Result", "batch_size": "batch"},
    **{"grad_outputs": "derivatives", "figure": "path", "losses": "Mine"},
    **{"data": "data|folder", "file": "file|checkpoint|function in it"},
    **{"name": "setting", "exercise": "name", "say": "called"},
    **{"grad_output": "backward", "record": "history|key", "own": "class", "rename": "layer", "clipping": "Clip"},
}
"""Words that errors use for an argument besides its name."""


LONG = {"epochs", "steps", "repeats"}
"""Who asks for 2**31 epochs gets them."""


class Judge:
    """Counts how calls ended and keeps an example of each kind of fault."""

    def __init__(self) -> None:
        self.counts, self.slowest = collections.Counter[str](), (0.0, "")
        self.missing: set[str] = set()
        self.faults: dict[tuple[str, str], tuple[int, str]] = {}

    def fault(self, kind: str, place: str, text: str) -> None:
        """Note one."""
        count, first = self.faults.get((kind, place), (0, text))
        self.faults[kind, place] = (count + 1, first)
        self.counts[kind] += 1

    def call(self, target: Target, exchanged: dict[str, Any]) -> None:
        """Call it with these in place of good arguments, and judge how that ends."""
        owner = target.made() if target.made is not None else None
        arguments = {**target.good(), **exchanged}
        before = {name: state_of(value) for name, value in [*arguments.items(), ("its owner", owner)]}
        shown = ", ".join(f"{name}={shown_as(value)}" for name, value in exchanged.items())
        what, error, began = f"{target.title}({shown})", None, time.process_time()
        with warnings.catch_warnings(record=True) as told, contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("always")
            signal.alarm(STUCK)
            try:
                target(owner, arguments)
            except Exception as raised:       # KeyboardInterrupt is not ours
                error = raised
            finally:
                signal.alarm(0)
        took = time.process_time() - began
        if plt.get_fignums():
            plt.close("all")
        self.counts["calls"] += 1
        self.slowest = max(self.slowest, (took, what))
        large = any(is_huge(value) for value in exchanged.values())
        if took > SECONDS and not large and not LONG & set(exchanged):
            self.fault("slow", target.title, f"{what}: {took:.1f} s")
        for one in told:
            if issubclass(one.category, RuntimeWarning | np.exceptions.ComplexWarning) or not by_others(one):
                self.fault("warning", f"{target.title} {one.message!s:.40}", f"{what}: {one.category.__name__}: {one.message}")
        if error is None:
            self.counts["worked"] += 1
            return
        self.counts["refused"] += 1
        after = {name: state_of(value) for name, value in [*arguments.items(), ("its owner", owner)]}
        if changed := [name for name in before if not alike(before[name], after[name])]:
            self.fault("state changed", target.title, f"{what}: changed {', '.join(changed)}: {error!s:.200}")
        self.judge(target, exchanged, error, what)

    def judge(self, target: Target, exchanged: dict[str, Any], error: Exception, what: str) -> None:
        """Is it an error for beginners?"""
        text, kind = str(error), type(error).__name__
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{target.title}, {'/'.join(exchanged)}, {Path(place.filename).name}:{place.lineno}"
        shown = f"{what}: {kind}: {text[:250]}"
        if isinstance(error, TimeoutError) and LONG & set(exchanged):
            self.counts["long work that was asked for"] += 1
        elif isinstance(error, MemoryError) and any(is_huge(value) for value in exchanged.values()):
            self.counts["more data than memory"] += 1
        elif isinstance(error, AssertionError) and target.title == "exercises.check":
            self.counts["refused by an exercise"] += 1
        elif isinstance(error, OSError) and any(p.name in ("path", "folder", "file") for p in target.parameters):
            self.counts["refused by the system, a path"] += 1
        elif isinstance(error, ImportError) and "pip install" in text:
            self.counts["refused for a package that is missing"] += 1
        elif not isinstance(error, ValueError | TypeError | AttributeError):
            self.fault("another exception", where, shown)
        elif not by_hand(error):
            self.fault("raw error", where, shown)
        elif len(text) > LONGEST and not any(isinstance(value, str) for value in exchanged.values()):
            self.fault("long message", where, f"{len(text)} characters: {shown}")
        else:
            said = [f"{name}|{name.replace('_', '[ -]')}|{SYNONYMS.get(name, name)}" for name in exchanged]
            if re.search("|".join(said), text):
                self.counts["refused, names the argument"] += 1
            elif re.match(r"[\w.]+( '\w+')?: ", text):
                self.counts["refused, names the object alone"] += 1
            else:
                self.fault("names nothing", where, shown)


def shown_as(value: Any) -> str:
    """A value in 80 characters."""
    try:
        text = f"<{type(value).__name__} {value.dtype} {value.shape}>" if isinstance(value, np.ndarray) else repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) < 80 else f"{text[:77]}..."


def is_huge(value: Any) -> bool:
    """Does it need more memory than there is?"""
    return isinstance(value, np.ndarray) and value.nbytes > MEMORY


def alike(before: Any, after: Any) -> bool:
    """Are two states equal? NaN is."""
    return bool(before == after) or repr(before) == repr(after)


def stuck(*_: Any) -> None:
    """For the alarm."""
    raise TimeoutError(f"took more than {STUCK} s")


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """In a folder of its own, without the network, with a limit to memory and an alarm for what hangs."""

    def refused(*_: Any) -> bytes:
        raise ConnectionError("no network here")

    fetch, download.fetch = download.fetch, refused
    home, limits, action = Path.cwd(), resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGALRM, stuck)
    taken = Path("/proc/self/statm")
    if taken.exists():
        used = int(taken.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, limits[1]))
    with tempfile.TemporaryDirectory() as folder, indirect.stood_in():
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(home)
            resource.setrlimit(resource.RLIMIT_AS, limits)
            signal.signal(signal.SIGALRM, action)
            download.fetch = fetch


def attack(judge: Judge, seconds: float, number: int, only: str = "", most: int = 10**9) -> None:
    """Fuzz until time is up, or so many calls were made."""
    chosen = [target for target in targets() if re.match(only, target.title) and target.title not in judge.missing]
    end = time.monotonic() + seconds

    @st.composite
    def calls(draw: Any) -> tuple[Target, dict[str, Any]]:
        target = draw(st.sampled_from(chosen))
        names = [p.name for p in target.parameters]
        picked = draw(st.lists(st.sampled_from(names), min_size=1, max_size=1 if draw(st.integers(0, 4)) else 2, unique=True))
        return target, {name: draw(hostile) for name in picked}

    while time.monotonic() < end and judge.counts["calls"] < most:
        number += 1

        @seed(number)
        @settings(
            max_examples=min(1000, most), deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(calls())
        def go(call: tuple[Target, dict[str, Any]]) -> None:
            if time.monotonic() < end:
                judge.call(*call)

        go()
        plt.close("all")
        gc.collect()


def check_good(judge: Judge, only: str = "") -> None:
    """Every good call must work, or there is nothing to exchange an argument of."""
    for target in targets():
        if not re.match(only, target.title):
            continue
        owner = target.made() if target.made is not None else None
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                target(owner, target.good())
        except ImportError:
            judge.missing.add(target.title)
        except Exception as error:
            cure = "say in GOOD or OTHERS what fits"
            judge.fault("good call fails", target.title, f"{target.title}: {type(error).__name__}: {error!s:.300}; {cure}")
        judge.counts["targets"] += 1
    plt.close("all")


def main() -> int:
    """All of it; exit code 1 where there was a fault."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--calls", type=int, default=10**9, help="end after so many")
    parser.add_argument("--only", default="", help="regular expression for what is called, such as 'plots'")
    parser.add_argument("--examples", type=int, default=1, help="lines shown of each kind and place")
    asked = parser.parse_args()
    judge = Judge()
    with guarded():
        check_good(judge, asked.only)
        attack(judge, asked.seconds, 1000 * asked.seed, asked.only, asked.calls)
    for (kind, place), (count, text) in sorted(judge.faults.items(), key=lambda item: (item[0][0], -item[1][0])):
        print(f"FAULT: {kind}, {count} times, {place}: {text}".replace("\n", " "))
    print(", ".join(f"{count:,} {kind}" for kind, count in judge.counts.items()))
    print(f"not called, because a package is missing: {', '.join(sorted(judge.missing)) or 'nothing'}")
    print(f"slowest: {judge.slowest[0]:.2f} s, {judge.slowest[1]}")
    return 1 if judge.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
