"""Hostile files, networks and streams at every door: python tests/attacks/doors.py [DOOR ...]

Damaged .safetensors files, files that are pickles, networks of PyTorch, Keras and scikit-learn whose attributes lie, paths that
cannot be written, mappings and iterables that misbehave, files that shrink while they are read. Each attack ends in right
numbers, or in a ValueError, TypeError or OSError that begins with the name of the function and has less than 300 characters;
within two seconds of the processor and four times the memory that honest use takes; and nothing has changed. Doors whose
packages are not installed are left out, and named. tests/test_attacks_doors.py runs the same attacks without the clock.
"""

import argparse
import collections.abc
import contextlib
import importlib
import itertools
import json
import os
import pickle
import re
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import npdeep as nd

SECONDS, LONGEST = 2.0, 300
ROOM = 16 << 20
"""Bytes beyond four times the honest memory: what messages, tracebacks and first imports take."""
EXPECTED = (ValueError, TypeError, OSError)

X = np.random.default_rng(0).random((40, 4), dtype=np.float32)
Y = np.arange(40) % 3


def network(seed: int = 0, name: str = "hidden") -> nd.Sequential:
    """Small, with statistics and an inner layer."""
    block = nd.Residual([nd.Dense(5), nd.BatchNormalization()], name="block")
    return nd.Sequential([nd.Dense(5, name=name), nd.Activation("tanh"), block, nd.Dense(3, name="outputs")], 4, seed=seed)


def trainer() -> nd.Trainer:
    """One that is about to train."""
    return nd.Trainer(network(), "softmax_cross_entropy", "adam", metrics=["accuracy"])


def same(model: nd.Sequential, other: nd.Sequential) -> None:
    """Are all numbers equal?"""
    assert np.array_equal(model.flat_values, other.flat_values), "wrong numbers"


# ── what an attack is, and what is made of it ─────────────────────────────────────────────────────────────────────────
class Attack:
    """One attack.

    Attributes:
        door, title: where, and what.
        run: takes a folder; it raises, or checks its numbers itself and returns.
        owner: how the message begins.
        works: must it work? None where either is right.
        honest: bytes that honest use takes.
        needs: modules without which it is left out.
    """

    def __init__(self, door: str, title: str, run: Callable[[Path], Any], owner: str = "", **further: Any) -> None:
        self.door, self.title, self.run, self.owner = door, title, run, owner
        self.works: bool | None = further.pop("works", False)
        self.honest: int = further.pop("honest", 1 << 20)
        self.needs: tuple[str, ...] = further.pop("needs", ())
        assert not further

    @property
    def missing(self) -> str:
        """The first module that is not installed."""
        return next((name for name in self.needs if not is_there(name)), "")


class Outcome:
    """What came of an attack: the fault in words, "" for none, and the figures."""

    def __init__(self, attack: Attack, folder: Path) -> None:
        error: BaseException | None = None
        caught: list[Any] = []
        tracemalloc.start()
        started = time.process_time()
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                attack.run(folder)
        except BaseException as raised:
            error = raised
        self.seconds, self.bytes = time.process_time() - started, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.message = "" if error is None else f"{type(error).__name__}: {error}"
        self.fault = self.of_the_error(attack, error)
        if not self.fault and caught:
            self.fault = f"warned: {caught[0].message}"
        if not self.fault and self.bytes > 4 * attack.honest + ROOM:
            self.fault = f"{self.bytes:,} bytes"

    def of_the_error(self, attack: Attack, error: BaseException | None) -> str:
        """What is wrong with how it ended."""
        if error is None:
            return "was not refused" if attack.works is False else ""
        if isinstance(error, AssertionError) or attack.works or not isinstance(error, EXPECTED):
            return f"ended in {self.message[:300]}"
        text = str(error)
        if len(text) >= LONGEST:
            return f"a message of {len(text)} characters"
        if attack.owner not in text:
            return f"does not say {attack.owner}: {text}"
        return ""


def is_there(name: str) -> bool:
    """Can it be imported?"""
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
        return True
    return False


# ── .safetensors ──────────────────────────────────────────────────────────────────────────────────────────────────────
def packed(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A file of this header, a text or what is to be written as JSON, and these bytes."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def honest_parts() -> tuple[dict[str, Any], bytes]:
    """The header and the bytes of the network's own file."""
    header, data = {}, b""
    for name, array in network().state_dict().items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    return header, data


def changed(**entry: Any) -> bytes:
    """The honest file with another first entry."""
    header, data = honest_parts()
    header["hidden/kernel"].update(entry)
    return packed(header, data)


def with_numbers(number: float, name: str = "hidden/kernel") -> bytes:
    """The honest file with a number in it that is no weight."""
    header, data = honest_parts()
    start = header[name]["data_offsets"][0]
    return packed(header, data[:start] + struct.pack("<f", number) + data[start + 4 :])


def further(count: int, name: str) -> bytes:
    """The honest file with empty arrays besides."""
    header, data = honest_parts()
    end = [len(data), len(data)]
    extra = {f"{name}{i}": {"dtype": "F32", "shape": [0], "data_offsets": end} for i in range(count)}
    return packed({**header, **extra}, data)


def twice() -> bytes:
    """A name that comes twice."""
    header, data = honest_parts()
    text = json.dumps(header)
    entry = json.dumps(header["hidden/kernel"])
    return packed(f'{{"hidden/kernel": {entry}, {text[1:]}', data)


def in_another_dtype(code: str, dtype: str) -> bytes:
    """Honest numbers, kept in another dtype."""
    header, data = {}, b""
    for name, array in network().state_dict().items():
        array = np.zeros(array.shape, dtype)
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    return packed(header, data)


SAFETENSORS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "seven bytes": lambda: b"\0" * 7,
    "a header of 2**63 bytes": lambda: packed("{}", length=2**63),
    "a header of 2**64 - 1 bytes": lambda: packed("{}", length=2**64 - 1),
    "a header of 99,000,000 bytes that is not there": lambda: packed("{}", length=99_000_000),
    "a header of 20 MB of spaces": lambda: packed("{}" + " " * 20_000_000),
    "a header nested 100,000 deep": lambda: packed("[" * 100_000 + "]" * 100_000),
    "a header of a list": lambda: packed([1, 2]),
    "a header that is no JSON": lambda: packed("{hidden: 1}"),
    "a header that is no UTF-8": lambda: struct.pack("<Q", 4) + b'{"\xff}',
    "offsets that overlap": lambda: changed(data_offsets=[4, 84]),
    "offsets backwards": lambda: changed(data_offsets=[80, 0]),
    "offsets below 0": lambda: changed(data_offsets=[-80, 0]),
    "offsets beyond the end": lambda: changed(data_offsets=[0, 2**63]),
    "offsets that are floats": lambda: changed(data_offsets=[0.0, 80.0]),
    "three offsets": lambda: changed(data_offsets=[0, 40, 80]),
    "a shape that overflows": lambda: changed(shape=[2**32, 2**32]),
    "a shape of 2**63": lambda: changed(shape=[2**63, 2]),
    "a shape of -1": lambda: changed(shape=[-1, 4]),
    "a shape of 10**400": lambda: changed(shape=[10**400]),
    "a shape of 0 and 2**62": lambda: changed(shape=[0, 2**62], data_offsets=[0, 0]),
    "a shape of 100,000 ones": lambda: changed(shape=[1] * 100_000 + [4, 5]),
    "a shape turned": lambda: changed(shape=[5, 4]),
    "the dtype object": lambda: changed(dtype="O"),
    "a dtype with a path": lambda: changed(dtype="../F32"),
    "the dtype BF16": lambda: in_another_dtype("BF16", "uint16"),
    "the dtype F8_E4M3": lambda: in_another_dtype("F8_E4M3", "uint8"),
    "the dtype C64": lambda: in_another_dtype("C64", "complex64"),
    "no dtype": lambda: changed(dtype=None),
    "a name twice": twice,
    "10,000 further names": lambda: further(10_000, "further"),
    "a name of 1,000,000 characters": lambda: further(1, "x" * 1_000_000),
    "names that are paths": lambda: further(3, "../../etc/passwd"),
    "names that steer a terminal": lambda: further(2, "\x1b[2J\u202e"),
    "metadata that is no text": lambda: packed({**honest_parts()[0], "__metadata__": {"format": 3}}, honest_parts()[1]),
    "cut off": lambda: packed(*honest_parts())[:-1],
    "with bytes after the end": lambda: packed(*honest_parts()) + b"x",
    "NaN": lambda: with_numbers(float("nan")),
    "infinity": lambda: with_numbers(float("inf")),
    "a variance below 0": lambda: with_numbers(-1.0, "block/batch_normalization/moving_variance"),
    "a pickle": lambda: pickle.dumps(Bomb()),
    "a zip archive": lambda: b"PK\x03\x04" + bytes(100),
}
"""Files by what is wrong with them."""


class Bomb:
    """Whoever unpickles it runs code."""

    def __reduce__(self) -> Any:
        """The code."""
        return sys.exit, ("UNPICKLED",)


def loading(content: bytes) -> Callable[[Path], None]:
    """Load such a file, and see that nothing has changed where it was refused."""

    def run(folder: Path) -> None:
        path, model = folder / "a.safetensors", network(seed=1)
        path.write_bytes(content)
        try:
            nd.interop.safetensors.load(model, path)
        except BaseException:
            same(model, network(seed=1))
            raise
        same(model, network(seed=0))

    return run


def loading_from(make: Callable[[Path], Any]) -> Callable[[Path], None]:
    """Load what stands at a path."""

    def run(folder: Path) -> None:
        path = folder / "a.safetensors"
        make(path)
        nd.interop.safetensors.load(network(), path)

    return run


PLACES = {
    "a folder": lambda path: path.mkdir(),
    "nothing": lambda path: None,
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to /dev/zero, which never ends": lambda path: path.symlink_to("/dev/zero"),
    "a pipe that nobody writes to": lambda path: os.mkfifo(path),    # not everywhere
}


def safetensors_attacks() -> Iterator[Attack]:
    """All on files of weights."""
    for title, make_content in SAFETENSORS.items():
        content = make_content()
        yield Attack(
            "safetensors", title, loading(content), "safetensors.load", needs=("safetensors",),
            works=None if title == "a name twice" else False, honest=len(content),
        )
    for title, make in PLACES.items():
        yield Attack("safetensors", f"load from {title}", loading_from(make), "a.safetensors", needs=("safetensors",))


# ── PyTorch ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def torch_attacks() -> Iterator[Attack]:
    """Modules whose attributes were changed, and what is no module."""
    if not is_there("torch"):
        yield Attack("torch", "all", lambda folder: None, needs=("torch",))
        return
    import torch
    from torch import nn

    def reads(*modules: Any, **attributes: Any) -> Callable[[Path], None]:
        """Change the last module; where it is read, the outputs must be PyTorch's."""

        def run(folder: Path) -> None:
            net = nn.Sequential(*(module() for module in modules))
            rng = np.random.default_rng(0)    # no weight is 0 or 1: one that is left out is seen
            for parameter in net.parameters():
                parameter.data.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, tuple(parameter.shape))))
            for name, value in attributes.items():
                setattr(net[-1], name, value)
            model = nd.interop.torch.from_torch(net.eval(), 4)
            expected = net(torch.from_numpy(X)).detach().numpy()
            assert np.allclose(model.predict(X), expected, rtol=0, atol=1e-6), "wrong numbers"

        return run

    def dense() -> Any:
        return nn.Linear(4, 3)

    def norm() -> Any:
        return nn.BatchNorm1d(4)

    def weight(*shape: int, value: float = 0.5, **further: Any) -> Any:
        return nn.Parameter(torch.full(shape, value, **further))

    def nested(depth: int) -> Any:
        net: Any = nn.Linear(4, 4)
        for _ in range(depth):
            net = nn.Sequential(net)
        return net

    def itself() -> Any:
        net = nn.Sequential(nn.ReLU())
        net._modules["1"] = net
        return net

    def named(name: Any) -> Any:
        net = nn.Sequential()
        net._modules[name] = nn.Linear(4, 4)
        return net

    works: dict[str, Callable[[Path], Any]] = {
        "out_features of another size": reads(dense, out_features=5),
        "out_features of 10**12": reads(dense, out_features=10**12),
        "out_features of 10**8": reads(dense, out_features=10**8),
        "out_features that is a word": reads(dense, out_features="x"),
        "in_features of another size": reads(dense, in_features=9),
        "affine that says no": reads(norm, affine=False),
        "no gamma": reads(norm, weight=None),
        "one number as all weights": reads(dense, weight=nn.Parameter(torch.ones(1, 1).expand(3, 4))),
        "a name that is a number": lambda folder: nd.interop.torch.from_torch(named(0), 4),
    }
    refused: dict[str, Callable[[Path], Any]] = {
        "weights of three axes": reads(dense, weight=weight(3, 4, 1)),
        "a single number for weights": reads(dense, weight=weight()),
        "a bias of another size": reads(dense, bias=weight(1)),
        "NaN": reads(dense, weight=weight(3, 4, value=float("nan"))),
        "infinity": reads(dense, weight=weight(3, 4, value=float("inf"))),
        "no weights": reads(dense, weight=None),
        "weights on no device": reads(dense, weight=weight(3, 4, device="meta")),
        "sparse weights": reads(dense, weight=nn.Parameter(torch.eye(4)[:3].to_sparse())),
        "float16": reads(dense, weight=weight(3, 4, dtype=torch.float16)),
        "complex weights": reads(dense, weight=weight(3, 4, dtype=torch.complex64)),
        "a variance below 0": reads(norm, running_var=-torch.ones(4)),
        "no variance": reads(norm, running_var=None),
        "a mean of NaN": reads(norm, running_mean=torch.full((4,), float("nan"))),
        "a mean of another size": reads(norm, running_mean=torch.ones(9)),
        "momentum that is a word": reads(norm, momentum="x"),
        "eps of NaN": reads(norm, eps=float("nan")),
        "a rate that is a word": reads(dense, nn.Dropout, p="x"),
        "a shape that is a number": reads(lambda: nn.LayerNorm(4), normalized_shape=4),
        "a slope that is a tensor": reads(dense, nn.LeakyReLU, negative_slope=torch.zeros(3)),
        "a forward of its own": reads(dense, forward=lambda x: x * 2),
        "a module that is None": lambda folder: nd.interop.torch.from_torch(nn.Sequential(nn.ReLU(), None), 4),
        "2,000 modules within each other": lambda folder: nd.interop.torch.from_torch(nested(2_000), 4),
        "a module within itself": lambda folder: nd.interop.torch.from_torch(itself(), 4),
        "a name that steers a terminal": lambda folder: nd.interop.torch.from_torch(named("a/b\x1b[2J\n"), 4),
        "a name of 1,000,000 characters": lambda folder: nd.interop.torch.from_torch(named("a" * 1_000_000), 4),
        "a convolution": lambda folder: nd.interop.torch.from_torch(nn.Conv2d(1, 2, 3), 4),
        "the name of a file": lambda folder: nd.interop.torch.from_torch("model.pt", 4),
        "a state_dict": lambda folder: nd.interop.torch.from_torch(dense().state_dict(), 4),
        "a folder of pickles": lambda folder: nd.interop.torch.from_torch(folder, 4),
    }
    for title, run in works.items():
        yield Attack("torch", title, run, works=True, needs=("torch",))
    for title, run in refused.items():
        yield Attack("torch", title, run, "from_torch", needs=("torch",))


# ── Keras ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def keras_attacks() -> Iterator[Attack]:
    """Layers whose attributes were changed."""
    if not is_there("keras"):
        yield Attack("keras", "all", lambda folder: None, needs=("keras",))
        return
    import keras

    def reads(make: Callable[[], Any], change: Callable[[Any], Any]) -> Callable[[Path], None]:
        def run(folder: Path) -> None:
            layer = make()
            net = keras.Sequential([keras.Input((4,)), layer])
            rng = np.random.default_rng(0)    # no weight is 0 or 1: one that is left out is seen
            for variable in layer.weights:
                variable.assign(rng.uniform(0.5, 1.5, tuple(variable.shape)))
            change(layer)
            model = nd.interop.keras.from_keras(net)
            with warnings.catch_warnings():   # Keras asks PyTorch for a copy in a way that NumPy is giving up
                warnings.simplefilter("ignore", DeprecationWarning)
                expected = keras.ops.convert_to_numpy(layer(X))
            assert np.allclose(model.predict(X), expected, rtol=0, atol=1e-6), "wrong numbers"

        return run

    def sets(name: str, value: Any) -> Callable[[Any], None]:
        return lambda layer: setattr(layer, name, value)

    def dense() -> Any:
        return keras.layers.Dense(3)

    def norm() -> Any:
        return keras.layers.BatchNormalization()

    works = {
        "units of another size": reads(dense, sets("units", 7)),
        "units of 10**8": reads(dense, sets("units", 10**8)),
        "units that are a word": reads(dense, sets("units", "x")),
        "no units": reads(dense, lambda layer: delattr(layer, "units")),
        "use_bias that says no": reads(dense, sets("use_bias", False)),
        "use_bias that says yes": reads(lambda: keras.layers.Dense(3, use_bias=False), sets("use_bias", True)),
        "center that says no": reads(norm, sets("center", False)),
    }
    refused = {
        "NaN": reads(dense, lambda layer: layer.bias.assign(np.full(3, np.nan))),
        "a variance below 0": reads(norm, lambda layer: layer.moving_variance.assign(-np.ones(4))),
        "momentum that is a word": reads(norm, sets("momentum", "x")),
        "an activation that is a number": reads(dense, sets("activation", 3)),
        "a call of its own": reads(dense, sets("call", lambda x: x * 2)),
        "a convolution": lambda folder: nd.interop.keras.from_keras(
            keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
        ),
        "the name of a file": lambda folder: nd.interop.keras.from_keras("model.keras"),
    }
    for title, run in works.items():
        yield Attack("keras", title, run, works=True, needs=("keras",))
    for title, run in refused.items():
        yield Attack("keras", title, run, "from_keras", needs=("keras",))


# ── scikit-learn ──────────────────────────────────────────────────────────────────────────────────────────────────────
def sklearn_attacks() -> Iterator[Attack]:
    """A fitted network of scikit-learn with other numbers in it."""

    def reads(**attributes: Any) -> Callable[[Path], None]:
        def run(folder: Path) -> None:
            from sklearn.neural_network import MLPRegressor

            mlp = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=10, random_state=0, tol=1e3).fit(X, X[:, :2])
            for name, value in attributes.items():
                setattr(mlp, name, value) if value is not LEFT_OUT else delattr(mlp, name)
            assert np.allclose(nd.interop.sklearn.from_mlp(mlp).predict(X), mlp.predict(X), rtol=0, atol=1e-6), "wrong numbers"

        return run

    huge = np.lib.stride_tricks.as_strided(np.zeros(1), (4, 10**9), (0, 0))
    cases = {
        "kernels that do not fit each other": {"coefs_": [np.zeros((4, 6)), np.zeros((5, 2))]},
        "kernels of 32 GB that are one number": {"coefs_": [huge, np.zeros((5, 2))]},
        "no kernels": {"coefs_": []},
        "None for kernels": {"coefs_": None},
        "kernels of words": {"coefs_": [np.full((4, 5), "a"), np.zeros((5, 2))]},
        "kernels of objects": {"coefs_": [np.full((4, 5), None), np.zeros((5, 2))]},
        "a kernel of one axis": {"coefs_": [np.zeros(4), np.zeros((5, 2))]},
        "a kernel of no units": {"coefs_": [np.zeros((4, 0)), np.zeros((0, 2))], "intercepts_": [np.zeros(0), np.zeros(2)]},
        "NaN": {"coefs_": [np.full((4, 5), np.nan), np.zeros((5, 2))]},
        "fewer biases": {"intercepts_": [np.zeros(5)]},
        "a bias of another size": {"intercepts_": [np.zeros(1), np.zeros(2)]},
        "no biases": {"intercepts_": LEFT_OUT},
        "an activation that is a number": {"activation": 3},
        "no activation of the outputs": {"out_activation_": LEFT_OUT},
    }
    for title, attributes in cases.items():
        yield Attack("sklearn", title, reads(**attributes), "from_mlp", needs=("sklearn",))
    mixed = {"coefs_": [np.ones((4, 5), np.float32), np.full((5, 2), 1 / 3)]}
    integers = {"coefs_": [np.ones((4, 5), int), np.ones((5, 2), int)]}
    for title, attributes in {"float32 and float64": mixed, "integers": integers}.items():
        yield Attack("sklearn", title, reads(**attributes), works=True, needs=("sklearn",))


LEFT_OUT = object()


# ── .onnx ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def onnx_attacks() -> Iterator[Attack]:
    """Places to which no file can be written, and names: a file is there whole or not at all."""

    def exports(name: str, make: Callable[[Path], Any] = lambda path: None) -> Callable[[Path], None]:
        def run(folder: Path) -> None:
            path = folder / name
            make(path)
            before = sorted(entry.name for entry in folder.iterdir())
            try:
                nd.interop.onnx.export(network(), path)
            except BaseException:
                assert sorted(entry.name for entry in folder.iterdir()) == before, "litter"
                raise
            import onnx

            onnx.checker.check_model(onnx.load_model_from_string(path.read_bytes()), full_check=True)
            assert [entry.name for entry in folder.iterdir()] == [name], "litter"

        return run

    def too_large(folder: Path) -> None:
        model = nd.Sequential([nd.Dense(2)], 3, dtype="float64")
        model.layers[0].parameters[0].value[:] = 1e300
        nd.interop.onnx.export(model, folder / "a.onnx")

    refused = {
        "a folder": (exports("a.onnx", lambda path: path.mkdir()), "a.onnx"),
        "a folder that is not there": (exports("b/a.onnx"), "a.onnx"),
        "a folder that is a file": (exports("b/a.onnx", lambda path: path.parent.write_text("x")), "a.onnx"),
        "a full disk": (exports("a.onnx", lambda path: path.symlink_to("/dev/full")), "a.onnx"),
        "another ending": (exports("a.pt"), "onnx.export"),
        "an ending in capitals": (exports("a.ONNX"), "onnx.export"),
        "no name": (exports(".onnx"), "onnx.export"),
        "a null character": (exports("a\0.onnx"), "onnx.export"),
        "a number beyond float32": (too_large, "onnx.export: dense/kernel"),
    }
    if os.name != "nt" and os.geteuid() != 0:    # root may write everywhere
        refused["a read-only folder"] = (exports("b/a.onnx", lambda path: path.parent.mkdir(mode=0o500)), "a.onnx")
    for title, (run, owner) in refused.items():
        yield Attack("onnx", title, run, owner, needs=("onnx",))
    for title, name in {"accents and characters": "größe 模型.onnx", "spaces and quotes": "a 'b' \"c\".onnx"}.items():
        yield Attack("onnx", title, exports(name), works=True, needs=("onnx",))
    over = exports("a.onnx", lambda path: path.write_bytes(b"old"))
    yield Attack("onnx", "a file that is there", over, works=True, needs=("onnx",))


# ── load_state_dict ───────────────────────────────────────────────────────────────────────────────────────────────────
class Raises(dict[Any, Any]):
    """A dict that cannot be read."""

    def __getitem__(self, key: Any) -> Any:
        """Not this."""
        raise KeyError(key)


class RaisesAtOnce(dict[Any, Any]):
    """A dict that cannot be gone through."""

    def __iter__(self) -> Any:
        """Not this."""
        raise RuntimeError("no names")


class NeverEnds(collections.abc.Mapping[Any, Any]):
    """More names than fit into memory."""

    def __iter__(self) -> Any:
        """All numbers."""
        return itertools.count()

    def __len__(self) -> int:
        """A lie."""
        return 3

    def __getitem__(self, key: Any) -> Any:
        """The same for all."""
        return 0.0


class OddKey:
    """A name that can be compared with nothing, and not be shown."""

    def __hash__(self) -> int:
        """That of all others of its kind."""
        return 1

    def __eq__(self, other: object) -> bool:
        """Not this."""
        raise RuntimeError("not to be compared")

    def __repr__(self) -> str:
        """Nor this."""
        raise RuntimeError("not to be shown")


class NoArray:
    """What says that it is an array."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        """It is none."""
        raise RuntimeError("x" * 1000)


def state_attacks() -> Iterator[Attack]:
    """Mappings that misbehave."""
    state = network(seed=0).state_dict()
    strided = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (10**6, 10**6), (0, 0))
    refused: dict[str, Any] = {
        "whose items raise": Raises(state),
        "whose names raise": RaisesAtOnce(state),
        "without an end": NeverEnds(),
        "with a name that raises": {OddKey(): 0, **state},
        "with 100,000 names": {f"name{i}": 0 for i in range(100_000)},
        "with a name of 10,000,000 characters": {"k" * 10_000_000: 0},
        "with a name that is a long tuple": {tuple(range(100_000)): 0, **state},
        "with numbers for names": {0: 1, **state},
        "with dots for slashes": {name.replace("/", "."): array for name, array in state.items()},
        "with None": {**state, "hidden/bias": None},
        "with words": {**state, "hidden/bias": ["a"] * 5},
        "with objects": {**state, "hidden/bias": np.full(5, None)},
        "with lists of unequal length": {**state, "hidden/bias": [[1], [2, 3]]},
        "with what is no array": {**state, "hidden/bias": NoArray()},
        "with gaps": {**state, "hidden/bias": np.ma.masked_all(5)},
        "with 4 TB that are one number": {**state, "hidden/bias": strided},
        "with numbers beyond float32": {**state, "hidden/bias": np.full(5, 1e300)},
        "with NaN": {**state, "outputs/bias": np.full(3, np.nan)},
        "that is a list": [*state.items()],
        "that is the name of a file": "weights.pt",
    }

    def loads(mapping: Any) -> Callable[[Path], None]:
        def run(folder: Path) -> None:
            model = network(seed=1)
            try:
                model.load_state_dict(mapping)
            except BaseException:
                same(model, network(seed=1))
                raise

        return run

    def views(folder: Path) -> None:
        model, honest = network(), network()
        expected = {p.name: p.value[::-1].copy() for p in honest.parameters}
        model.load_state_dict({p.name: p.value[::-1] for p in model.parameters})
        honest.load_state_dict(expected)
        same(model, honest)

    for title, mapping in refused.items():
        yield Attack("state", title, loads(mapping), "load_state_dict")
    yield Attack("state", "of views of the weights themselves", views, works=True)


# ── batches, and files that are read piece by piece ───────────────────────────────────────────────────────────────────
class Lazy:
    """What says that it has rows."""

    def __init__(self, read: Callable[[slice], Any], shape: Any = (40, 4)) -> None:
        self.read, self.shape, self.dtype = read, shape, np.dtype(np.float32)

    def __getitem__(self, rows: slice) -> Any:
        """Whatever it likes."""
        return self.read(rows)


class Many:
    """One batch that says it is many."""

    def __iter__(self) -> Any:
        """The batch."""
        return iter([(X, Y)])

    def __len__(self) -> int:
        """A lie."""
        return 10**18


def stream_attacks() -> Iterator[Attack]:
    """Iterables of hostile batches, arrays that are none, files that become shorter."""
    batches = {
        "None": None,
        "a tuple of one": (X,),
        "a tuple of four": (X, Y, Y, Y),
        "a dict": {"x": X, "y": Y},
        "an array alone": X,
        "no rows": (X[:0], Y[:0]),
        "fewer targets": (X, Y[:5]),
        "other columns": (X[:, :2], Y),
        "NaN": (np.full_like(X, np.nan), Y),
        "words": (X.astype(str), Y),
        "words for labels": (X, np.array(["a", "b"] * 20)),
        "labels out of range": (X, Y + 5),
        "negative weights": (X, Y, -np.ones(40)),
        "a single number": (np.float32(1), 1),
    }
    for call in ("fit", "evaluate"):
        for title, batch in batches.items():
            yield Attack("streams", f"{call}: {title}", given_to(call, lambda b=batch: iter([b])), call)
        for title, source in {
            "no batch": lambda: iter([]),
            "a function that gives None": lambda: None,
            "a function with arguments": lambda a: a,
            "the name of a file": "data.csv",
        }.items():
            yield Attack("streams", f"{call}: {title}", given_to(call, source), call)
        yield Attack("streams", f"{call}: 10**18 batches that are one", given_to(call, Many()), works=True)
    arrays = {
        "rows that lack": Lazy(lambda rows: np.zeros((1, 4), np.float32)),
        "rows that raise": Lazy(lambda rows: 1 / 0),
        "rows of objects": Lazy(lambda rows: np.full((rows.stop - rows.start, 4), None)),
        "rows of NaN": Lazy(lambda rows: np.full((rows.stop - rows.start, 4), np.nan)),
        "less than no rows": Lazy(lambda rows: np.zeros((0, 4)), (-4, 4)),
        "10**12 rows": Lazy(lambda rows: np.zeros((rows.stop - rows.start, 4)), (10**12, 4)),
        "a word for a shape": Lazy(lambda rows: np.zeros((0, 4)), "ab"),
    }
    for title, array in arrays.items():
        yield Attack("streams", f"fit: {title}", given_to("fit", array, Y), "fit: x")
    for title, options in {"plain": {}, "compressed": {"chunks": (100, 4), "compression": "gzip"}}.items():
        for call in ("fit", "evaluate", "predict"):
            run, what = cut_while_open(call, options), f"{call}: a file of HDF5, {title}, cut while it is open"
            yield Attack("streams", what, run, f"{call}: x", needs=("h5py",))


def given_to(call: str, *data: Any) -> Callable[[Path], None]:
    """fit or evaluate; a refused call changes nothing."""

    def run(folder: Path) -> None:
        made = trainer()
        try:
            made.fit(*data, epochs=1, verbose=False) if call == "fit" else made.evaluate(*data)
        except BaseException:
            same(made.model, network())
            raise

    return run


def cut_while_open(call: str, options: Any) -> Callable[[Path], None]:
    """A file that was whole when it was opened."""

    def run(folder: Path) -> None:
        import h5py

        path, n = folder / "a.h5", 20_000
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=np.random.default_rng(0).random((n, 4), np.float32), **options)
            file.create_dataset("y", data=np.arange(n) % 3)
        with h5py.File(path, "r") as file:
            x, y = file["x"], file["y"]
            os.truncate(path, path.stat().st_size // 3)
            if call == "predict":
                network().predict(x)
            else:
                given_to(call, x, y)(folder)

    return run


ALL = (safetensors_attacks, torch_attacks, keras_attacks, sklearn_attacks, onnx_attacks, state_attacks, stream_attacks)


# ── all of them ───────────────────────────────────────────────────────────────────────────────────────────────────────
def attacks(doors: list[str] | None = None) -> Iterator[Attack]:
    """All attacks on these doors, or on all."""
    for make in ALL:
        yield from (attack for attack in make() if not doors or attack.door in doors)


def pickles(folder: Path) -> list[str]:
    """Where the package could unpickle: every call of a function that does, by file and line."""
    unpickles = re.compile(
        r"(?:pickle|marshal|dill|cloudpickle|joblib|torch)\.(?:loads?|Unpickler)\b|\bUnpickler\b|\bread_pickle\b|\bshelve\b|"
        r"allow_pickle\s*=\s*True|safe_mode\s*=\s*False"
    )
    return [
        f"{path.relative_to(folder).as_posix()}: {line.strip()}"
        for path in sorted(folder.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if unpickles.search(line) and ">>>" not in line
    ]


def main() -> None:
    """Make all attacks, print one line for each, and end with 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("doors", nargs="*", help="safetensors torch keras sklearn onnx state streams; without, all")
    faults, counts, left_out = 0, collections.Counter[str](), set[str]()
    slowest, largest = 0.0, 0
    for attack in attacks(parser.parse_args().doors):
        if attack.missing:
            left_out.add(f"{attack.door} ({attack.missing} is not installed)")
            continue
        with tempfile.TemporaryDirectory() as folder:
            outcome = Outcome(attack, Path(folder))
        fault = outcome.fault or (f"{outcome.seconds:.1f} s" if outcome.seconds > SECONDS else "")
        faults, slowest, largest = faults + bool(fault), max(slowest, outcome.seconds), max(largest, outcome.bytes)
        counts[attack.door] += 1
        what = f"FAULT: {fault}" if fault else outcome.message[:150] or "right numbers"
        figures = f"{outcome.seconds:5.2f} s {outcome.bytes / 2**20:6.1f} MB"
        print(f"{attack.door:12}{attack.title[:50]:50} {figures}  {what!r}", flush=True)
    print("; ".join(f"{door}: {count}" for door, count in counts.items()), *sorted(left_out), sep="\n")
    print("unpickles:", *pickles(Path(nd.__file__).parent), sep="\n  ")
    print(f"{counts.total()} attacks, {faults} faults; slowest {slowest:.2f} s, largest {largest / 2**20:.1f} MB")
    raise SystemExit(int(faults > 0))


if __name__ == "__main__":
    main()
