"""What fuzz_calls.py cannot reach by calling what is public: hooks that npdeep calls, the command line, the playground.

Each function here takes hostile values by name. What a hook returns reaches npdeep as the result of a custom part's method;
words reach the command line; settings, an address and a file of rows reach the playground as a browser would send them.
"""

import argparse
import contextlib
import functools
import importlib.util
import inspect
import io
import json
import logging
import math
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import numpy as np

import npdeep as nd
from npdeep.command_line import arguments, main
from npdeep.teaching.play import data, settings

logging.getLogger("matplotlib").setLevel(logging.CRITICAL)    # which fonts a machine lacks is not npdeep's to say

X = np.random.default_rng(0).random((20, 4), dtype=np.float32)
Y = np.arange(20) % 3
LIKE_OUTPUTS, IMAGES = np.ones((20, 3), np.float32), X.reshape(20, 2, 2, 1)
DIGITS = {"train-images-idx3-ubyte": (24, 28, 28), "train-labels-idx1-ubyte": (24,)}
DIGITS |= {"t10k-images-idx3-ubyte": (12, 28, 28), "t10k-labels-idx1-ubyte": (12,)}


def trainer(layer: Any = None, loss: Any = "softmax_cross_entropy", optimizer: Any = "sgd", **others: Any) -> nd.Trainer:
    """A small one with a custom part."""
    layers = [nd.Dense(4) if layer is None else layer, nd.Dense(3)]
    return nd.Trainer(nd.Sequential(layers, 4, seed=0), loss, optimizer, **others)


# ── hooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def metric(metric: Any = 0.5) -> None:
    """A function that returns this."""
    trainer(metrics=[lambda outputs, targets: metric]).evaluate(X, Y)


def metric_object(metric: Any = 0.5) -> None:
    """An object, in the midst of an epoch and at its end."""
    for whole in (True, False):
        kind: Any = type("Mine", (nd.metrics.Metric,), {"compute": lambda self, outputs, targets: metric, "whole": whole})
        trainer(metrics=[kind()]).fit(X, Y, verbose=False)


def loss(forward: Any = 0.5, backward: Any = LIKE_OUTPUTS) -> None:
    """An object with both."""
    kind = type("Mine", (), {"forward": lambda self, outputs, targets: forward, "backward": lambda self: backward})
    trainer(loss=kind()).step(X, Y)


def loss_class(losses: Any = LIKE_OUTPUTS, grad_outputs: Any = LIKE_OUTPUTS) -> None:
    """A class derived from npdeep's; each of its two methods."""

    class Mine(nd.losses.Loss):
        def losses(self, z: Any, y: Any) -> Any:
            return losses

        def derivatives(self, z: Any, y: Any) -> None:
            self.grad_outputs = grad_outputs

    trainer(loss=Mine()).step(X, np.eye(3)[Y])


def layer(build: Any = 4, forward: Any = X, backward: Any = X) -> None:
    """A layer; what it returns from each of its three methods."""

    class Mine(nd.layers.Layer):
        def build(self, input_size: int) -> Any:
            return build

        def forward(self, x: Any, training: bool = False) -> Any:
            return forward

        def backward(self, grad_output: Any) -> Any:
            return backward

    made = nd.Sequential([nd.Dense(4), Mine(), nd.Dense(3)], 4, seed=0)
    nd.Trainer(made, "softmax_cross_entropy").step(X, Y)


def loss_targets(targets: Any = LIKE_OUTPUTS) -> None:
    """What a custom loss makes of its targets."""

    class Mine(nd.losses.Loss):
        def check_targets(self, targets_: Any, n: int, units: int, dtype: Any) -> Any:
            return targets

        def losses(self, z: Any, y: Any) -> Any:
            return LIKE_OUTPUTS

        def derivatives(self, z: Any, y: Any) -> None:
            self.grad_outputs[...] = 1

    trainer(loss=Mine()).step(X, Y)


def metric_class(bound: Any = None, whole: Any = True) -> None:
    """A metric that is bound to a network by a method of its own, and what it says of itself."""

    class Mine(nd.metrics.Metric):
        def bound(self, outputs: Any) -> Any:
            return super().bound(outputs) if bound is None else bound

        def compute(self, outputs: Any, targets: Any) -> float:
            return 0.5

    Mine.whole = whole
    trainer(metrics=[Mine()]).fit(X, Y, verbose=False)


def parameter(shape: Any = (4,), fans: Any = (4, 4)) -> None:
    """What a custom layer declares."""

    class Mine(nd.layers.Layer):
        def build(self, input_size: int) -> int:
            self.fans, self.scale = fans, self.add_parameter("scale", shape)
            return input_size

    nd.Sequential([Mine()], 4, seed=0)


def key(key: Any = "own") -> None:
    """A key that a callback writes into the record, if a dict can have it."""
    with contextlib.suppress(Exception):
        hash(key), repr(key)
        callback = nd.callbacks.LambdaCallback(on_epoch_end=lambda _, record: record.update({key: 1.0}))
    if "callback" in locals():
        trainer().fit(X, Y, callbacks=[callback, nd.callbacks.CSVLogger("keys.csv")], verbose=True)


def monitored(monitor: Any = 0.5) -> None:
    """A value that a callback writes into the record, and that another one watches."""
    callback = nd.callbacks.LambdaCallback(on_epoch_end=lambda _, record: record.update(monitor=monitor))
    watching = nd.callbacks.EarlyStopping("monitor", mode="min")
    str(trainer().fit(X, Y, epochs=2, callbacks=[callback, watching], verbose=False))


def initializer(kernel_initializer: Any = 0.5) -> None:
    """An initializer of a kernel and a bias."""
    kind: Any = type("Mine", (nd.initializers.Initializer,), {"__call__": lambda self, *_: kernel_initializer})
    nd.Sequential([nd.Dense(3, kernel_initializer=kind(), bias_initializer=kind())], 4, seed=0)


def regularizer(penalty: Any = 0.5) -> None:
    """A penalty."""

    class Mine(nd.regularizers.Regularizer):
        def penalty(self, w: Any, dw: Any, t: Any) -> Any:
            return penalty

    trainer(nd.Dense(4, kernel_regularizer=Mine())).step(X, Y)


def schedule(learning_rate: Any = 0.5) -> None:
    """A schedule, of a step."""

    class Mine(nd.schedules.Schedule):
        def __call__(self, step: int) -> Any:
            return learning_rate

    trainer(optimizer=nd.optimizers.SGD(Mine())).step(X, Y)


def optimizer_state(state: Any = None) -> None:
    """What a custom optimizer keeps beside its slots, saved."""

    class Mine(nd.optimizers.SGD):
        def state(self) -> Any:
            return {} if state is None else state

    made = trainer(optimizer=Mine())
    made.step(X, Y)
    made.save("state.npz")


def callback(state: Any = None, record: Any = 0.5) -> None:
    """A callback: what it keeps, which keys it adds, what it writes into the record."""

    class Mine(nd.callbacks.Callback):
        def state(self) -> Any:
            return {} if state is None else state

    def write(self: Any, trainer: Any, record: Any, own: Any = record) -> None:
        record["own"] = own

    Mine.on_epoch_end = lambda self, trainer, record: write(self, trainer, record)  # type: ignore[method-assign]
    others = [nd.callbacks.EarlyStopping("loss"), nd.callbacks.Checkpoint("checkpoints"), nd.callbacks.CSVLogger("own.csv")]
    made = trainer()
    made.fit(X, Y, epochs=2, callbacks=[Mine(), *others], verbose=False)
    str(made.history), made.history.to_csv("history.csv"), made.save("callback.npz")
    nd.Trainer.restore("callback.npz")


def order(order: Any = 1) -> None:
    """When a callback is called."""
    kind: Any = type("Mine", (nd.callbacks.Callback,), {"order": order})
    trainer().fit(X, Y, callbacks=[kind(), nd.callbacks.EarlyStopping("loss")], verbose=False)


def augment(augment: Any = X) -> None:
    """A function that changes batches."""
    trainer().fit(X, Y, augment=lambda x, rng: augment, verbose=False)


def change(images: Any = IMAGES) -> None:
    """The same as an object for images."""
    kind: Any = type("Mine", (nd.augmentation.Augmentation,), {"change": lambda self, images_, rng: images})
    kind(shape=(2, 2))(X)


def batch(x: Any = (X, Y)) -> None:
    """What a generator gives."""
    trainer().fit(lambda: iter([(X, Y), x]), verbose=False)


def batch_evaluated(x: Any = (X, Y)) -> None:
    """The same, evaluated."""
    trainer(metrics=["accuracy"]).evaluate(iter([(X, Y), x]))


def batch_predicted(x: Any = X) -> None:
    """The same, predicted."""
    for _ in trainer().model.predict(iter([X, x])):
        pass


def batch_validated(validation_data: Any = (X, Y)) -> None:
    """The same, for validation."""
    trainer().fit(X, Y, validation_data=lambda: iter([(X, Y), validation_data]), verbose=False)


def gradient(gradient: Any = (1.0, 1.0)) -> None:
    """Of the surface that optimizers go down."""
    nd.debug.descend(nd.optimizers.SGD(0.1), lambda w: gradient, np.ones(2), 3)


def exercise(function: Any = None) -> None:
    """What a student's function returns."""
    for name in ("relu_forward", "affine_backward"):
        with contextlib.suppress(AssertionError):
            nd.exercises.check(name, lambda *_: function)


HOOKS: list[Callable[..., None]] = [
    *(metric, metric_object, metric_class, loss, loss_class, loss_targets, layer, parameter, key, monitored),
    *(initializer, regularizer, schedule, optimizer_state, callback, order),
    *(augment, change, batch, batch_evaluated, batch_predicted, batch_validated, gradient, exercise),
]


# ── the command line ──────────────────────────────────────────────────────────────────────────────────────────────────
class RefusedError(ValueError):
    """A command has said what is wrong with its words."""


LONG = ("epochs", "steps", "repeats", "seconds")
"""Options that ask for long work."""

WORDS = {
    "lesson": "--epochs 1 --depth 2 --width 4",
    "play": "--no-browser --port 0",
    "exercise start": "relu_forward --folder started",
    "exercise hint": "relu_forward",
    "exercise check": "relu_forward.py",
    "train": "--layers 4 --epochs 1 --folder run",
    "check": "dense",
    "summary": "digits.npz",
    "evaluate": "digits.npz",
    "walk": "--layers 4 --html walk.html",
    "diagnose": "digits.npz",
    "bench": "--layers 4 --repeats 1",
    "unroll": "digits.npz --to unrolled.py",
}
"""Words that fit each command."""


SAMPLE = nd.datasets.mnist_sample


@functools.cache
def few_digits() -> Any:
    """Some of the sample, for lessons and commands."""
    (x, y), (x_test, y_test) = SAMPLE()
    return (x[:800], y[:800]), (x_test[:20], y_test[:20])


@functools.wraps(SAMPLE)
def few(dtype: Any = "float32") -> Any:
    """In place of the sample, which takes a moment to be read."""
    return few_digits() if isinstance(dtype, str) and dtype == "float32" else SAMPLE(dtype)


def digits_folder() -> str:
    """Four small files as those of MNIST, in a folder; whatever happened to it before."""
    folder = Path("digits")
    folder.mkdir(exist_ok=True)
    for name, shape in DIGITS.items():
        head = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
        (folder / name).write_bytes(head + bytes(math.prod(shape)))
    return str(folder)


@functools.cache
def result() -> Any:
    """What became of a network of the lesson."""
    return nd.lesson.train(nd.lesson.networks(2, 4)[4], *few_digits(), epochs=1, seed=0)


@contextlib.contextmanager
def stood_in() -> Iterator[None]:
    """With few digits, nobody at the keyboard, and no server that would serve for ever."""
    with contextlib.ExitStack() as stack:
        for name, other in (("npdeep.datasets.mnist_sample", few), ("sys.stdin", io.StringIO())):
            stack.enter_context(mock.patch(name, other))
        for name in ("npdeep.teaching.play.Playground", "webbrowser.open"):
            stack.enter_context(mock.patch(name))
        if importlib.util.find_spec("panel"):
            stack.enter_context(mock.patch("panel.serve"))
        yield


def make_files() -> None:
    """What the commands read, whatever happened before."""
    if not Path("digits.npz").is_file():
        model = nd.Sequential([nd.Dense(4), nd.Activation("relu"), nd.Dense(10)], 784, seed=0)
        nd.Trainer(model, "softmax_cross_entropy").save("digits.npz")
    if not Path("relu_forward.py").is_file():
        Path("relu_forward.py").write_text("import numpy as np\n\ndef relu_forward(z):\n    return np.maximum(z, 0)\n")
    shutil.rmtree("started", ignore_errors=True)
    for name in ("unrolled.py", "unrolled.npz"):
        Path(name).unlink(missing_ok=True)


def tokens(value: Any) -> list[str]:
    """A value as words of a command line: a list as several."""
    try:
        parts = value if isinstance(value, list | tuple) else [value]
        return [str(part).replace("\0", "0")[:200] for part in parts[:5]]
    except Exception:
        return ["?"]


def command(name: str) -> Callable[..., None]:
    """A function of the options of this command."""
    kinds = options(name)

    def run(**values: Any) -> None:
        words = [*name.split(), *WORDS[name].split()]
        for option, value in values.items():
            given = tokens(value)[: None if kinds[option].nargs == "*" else 1]
            if option in LONG and any(len(token) > 2 for token in given):
                given = ["2"]
            flag = kinds[option].option_strings
            if flag and kinds[option].nargs == 0:
                words += [flag[0]]
            elif flag:
                words += [flag[0], *given]
            else:
                words[len(name.split())] = given[0] if given else ""
        said = io.StringIO()
        make_files()
        with contextlib.redirect_stderr(said):
            try:
                code = main.main(words)
            except SystemExit as left:
                code = left.code
        text = said.getvalue()
        assert code in (0, 1, 2), f"exit code {code!r}: {words} {text}"
        assert "Traceback" not in text, f"{words}: {text}"
        assert (code == 2) == bool(text.strip()) or code == 1, f"exit code {code}, but: {text!r}"
        if code == 2 and "pip install" in text:
            raise ImportError(text)
        if code == 2:
            found = re.search(r"npdeep[ a-z]*: ", text)
            assert found, f"{words}: {text}"
            raise RefusedError(" ".join(text[found.start() :].split()))

    parameters = [inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=None) for option in kinds]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def options(name: str) -> dict[str, argparse.Action]:
    """The arguments of a command, by their names in Python."""
    found: Any = arguments.parser()
    for word in name.split():
        found = next(a for a in found._actions if isinstance(a, argparse._SubParsersAction)).choices[word]
    return {a.dest: a for a in found._actions if a.dest not in ("help", "no_browser") and not a.dest.startswith("_")}


# ── the playground ────────────────────────────────────────────────────────────────────────────────────────────────────
def from_browser(value: Any) -> Any:
    """The value as a message of JSON may bring it."""
    try:
        return json.loads(json.dumps(value, default=str))
    except Exception:
        return str(type(value))


def setting(name: Any = "depth", value: Any = 3) -> None:
    """A setting of its form: one, and each of them with this value."""
    settings.Settings().changed(from_browser(name), from_browser(value))
    for other in settings.CONTROLS:
        with contextlib.suppress(ValueError):
            changed = settings.Settings().changed(other, from_browser(value))
            assert settings.from_query(settings.to_query(changed, changed)) == (changed, changed, []), other


def layer_of_its_own(activation: Any = "tanh", dropout: Any = 0.5) -> None:
    """A click on a layer."""
    settings.Settings().with_layer(1, from_browser(activation), from_browser(dropout))


def address(name: Any = "depth", value: Any = 3) -> None:
    """The end of its address: whatever it is, there are two networks and words."""
    for key in [f"{token}" for token in tokens(name)]:
        for text in tokens(value):
            query = f"?{key}={text}&b.{key}={text}&depth={text}&points={text}&layers={text}"
            for asked in (query, urlencode({key: text}, errors="replace")):
                first, second, refused = settings.from_query(asked)
                assert settings.from_query(settings.to_query(first, second)) == (first, second, []), asked
                assert all(len(words) < 400 for words in refused), refused


def csv(content: Any = 3) -> None:
    """A file of rows, with this as a cell, a line or all of it."""
    good = [f"{i},{i % 3},{'ab'[i % 2]}" for i in range(12)]
    for text in tokens(content):
        for lines in ([text], ["a,b,c", *good, text], [f"{text},1,a", *good], [*good, f"1,{text},a"], [*good, f"1,2,{text}"]):
            with contextlib.suppress(ValueError):
                read = data.read_csv("\n".join(lines).encode(errors="surrogateescape" if "\udc80" in text else "replace"))
                assert np.isfinite(np.concatenate([read.x, read.test[0]])).all(), lines
    if isinstance(content, bytes):
        data.read_csv(content)


PLAYGROUND: list[Callable[..., None]] = [setting, layer_of_its_own, address, csv]
