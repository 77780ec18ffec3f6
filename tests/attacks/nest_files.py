"""Networks of layers within layers through every file operation: python tests/attacks/nest_files.py [--networks 100] [--seed 0]

Trees of Residual, Parallel and own layers, up to four deep, with own parameters, statistics and noise in them, are drawn at
random. Each is saved and restored in the middle of an epoch, from Checkpoint's files too, copied, pickled, passed through
state_dict, safetensors (where it is there) and a file that holds the model alone: it must go on with the same bits. Its weights
are loaded into a network with another seed, whole, in part (a scope deep inside) and under other names: what was asked for is
loaded to the bit, all else stays. What is frozen inside stays so. Without own layers it is unrolled, which compares the
program's bits with the trainer's. tests/test_nested_files.py runs a short form.
"""

import argparse
import collections
import contextlib
import copy
import pickle
import random
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import npdeep as nd

WIDTH, CLASSES = 6, 3
X = np.random.default_rng(0).standard_normal((40, WIDTH), dtype=np.float32)
Y = X[:, :CLASSES].argmax(axis=1)


class OwnShortcut(nd.layers.Layer):
    """y = x + f(x), with layers of others inside."""

    def __init__(self, layers: Any, name: str | None = None) -> None:
        super().__init__(name)
        self.layers = self.hold(layers)

    def build(self, input_size: int) -> int:
        return int(self.layers.build(input_size))

    def forward(self, x: Any, training: bool = False) -> Any:
        return x + self.layers.forward(x, training)

    def backward(self, grad_output: Any) -> Any:
        return grad_output + self.layers.backward(grad_output)


class OwnScale(nd.layers.Layer):
    """y = ax, with a parameter of its own."""

    def build(self, input_size: int) -> int:
        self.scale = self.add_parameter("scale", (input_size,), "ones")
        return input_size

    def forward(self, x: Any, training: bool = False) -> Any:
        return x * self.scale.value

    def backward(self, grad_output: Any) -> Any:
        self.scale.grad[...] = (grad_output * self.input).sum(axis=0)
        return grad_output * self.scale.value


OWN = [OwnShortcut, OwnScale]


def keeps(rng: random.Random, own: bool) -> nd.layers.Layer:
    """A layer that keeps the width."""
    kinds: list[Callable[[], nd.layers.Layer]] = [
        lambda: nd.Dense(WIDTH, kernel_regularizer=rng.choice([None, "l2"])), nd.BatchNormalization, nd.LayerNormalization,
        lambda: nd.Activation(rng.choice(["relu", "tanh", "gelu"])), lambda: nd.Dropout(0.2), nd.PReLU, nd.RReLU,
        lambda: nd.GaussianNoise(0.1), lambda: nd.Maxout(WIDTH, pieces=2), *([OwnScale] if own else []),
    ]  # fmt: skip
    return rng.choice(kinds)()


def block(rng: random.Random, depth: int, own: bool) -> nd.layers.Layer:
    """A layer, or one that holds others."""
    if depth == 0:
        return keeps(rng, own)
    inside = [block(rng, depth - 1, own) if rng.random() < 0.6 else keeps(rng, own) for _ in range(rng.randint(1, 3))]
    kind = rng.randrange(6 if own else 5)
    if kind == 0:
        return nd.Residual([*inside, nd.Dense(WIDTH)], projection=rng.random() < 0.5)
    if kind == 1:
        return nd.Residual(inside)
    if kind == 2:
        return nd.Parallel([inside, block(rng, depth - 1, own)], merge="add")
    if kind == 3:
        return nd.Residual([nd.Parallel([[*inside, nd.Dense(2)], nd.Dense(4)])])
    if kind == 4:
        return nd.Residual([nd.Parallel([[nd.Dense(4)], [nd.Dense(2), nd.GLU(), nd.Dense(2)]], split=(4, 2)), *inside])
    return OwnShortcut(inside)


def network(number: int, seed: int, own: bool, name: str = "block") -> nd.Sequential:
    """The network of this number; its outermost block has this name."""
    rng = random.Random(number)
    made = [block(rng, 3, own), block(rng, 2, own)]
    made[0].name = name
    return nd.Sequential([nd.Dense(WIDTH, name="first"), *made, nd.Dense(CLASSES, name="outputs")], WIDTH, seed=seed)


def trainer_of(number: int, own: bool) -> nd.Trainer:
    """A trainer of it."""
    return nd.Trainer(network(number, 1, own), "softmax_cross_entropy", nd.optimizers.Adam(0.01), metrics=["accuracy"])


def bits(trainer: nd.Trainer) -> Any:
    """All that training changes."""
    slots = {name: slot.tobytes() for name, slot in trainer.optimizer.slots.items()}
    return trainer.model.flat_values.tobytes(), slots, repr(trainer.model.generators()), trainer.iteration, trainer.epoch


def values(model: nd.Sequential) -> dict[str, bytes]:
    """Every variable, by name."""
    return {parameter.name: parameter.value.tobytes() for parameter in model.parameters}


def goes_on(trainer: nd.Trainer, callbacks: Any = ()) -> Any:
    """The bits after the rest of two epochs."""
    trainer.fit(X, Y, epochs=2 - trainer.epoch, batch_size=8, verbose=False, seed=3, callbacks=callbacks)
    return bits(trainer)


def interrupted(number: int, own: bool, folder: Path) -> nd.Trainer:
    """A trainer whose fit ended in the middle of the second epoch."""
    trainer = trainer_of(number, own)

    def end(one: nd.Trainer) -> None:
        if one.iteration == 7:
            raise KeyboardInterrupt

    saver = nd.callbacks.Checkpoint(folder / "kept", every=3)
    with contextlib.suppress(KeyboardInterrupt):
        trainer.fit(
            X, Y, epochs=2, batch_size=8, verbose=False, seed=3, callbacks=[saver, nd.callbacks.LambdaCallback(on_step_end=end)]
        )
    return trainer


def check(number: int, own: bool, folder: Path, counts: collections.Counter[str]) -> None:
    """All operations on one network. Raises AssertionError."""

    def same(what: str, got: Any, wanted: Any) -> None:
        counts[what] += 1
        assert got == wanted, what

    expected = goes_on(trainer_of(number, own))
    stopped = interrupted(number, own, folder)
    path = stopped.save(folder / "run.npz")
    same("saved in mid-epoch", goes_on(nd.Trainer.restore(path, own=OWN)), expected)
    kept = nd.Trainer.restore(folder / "kept" / "update-00000006.npz", own=OWN)
    same("Checkpoint's file", goes_on(kept, [nd.callbacks.Checkpoint(folder / "kept", every=3)]), expected)
    same("deep copy", goes_on(copy.deepcopy(stopped)), expected)
    same("pickle", goes_on(pickle.loads(pickle.dumps(stopped))), expected)
    same("the interrupted one itself", goes_on(stopped), expected)
    model = stopped.model
    whole, answers = values(model), model.predict(X).tobytes()
    alone = nd.load_model(model.save(folder / "model.npz"), own=OWN)
    same("a model alone", (values(alone), alone.predict(X).tobytes()), (whole, answers))
    same("copy", (values(model.copy()), model.copy().predict(X).tobytes()), (whole, answers))
    others = [network(number, 2, own) for _ in range(4)]
    others[0].load_weights(folder / "model.npz")
    others[1].load_state_dict(model.state_dict())
    same("load_weights", values(others[0]), whole)
    same("state_dict", values(others[1]), whole)
    with contextlib.suppress(ImportError):
        nd.interop.safetensors.load(others[2], nd.interop.safetensors.save(model, folder / "a.safetensors"))
        same("safetensors", values(others[2]), whole)
    inner = sorted({name.rpartition("/")[0] for name in whole if name.count("/") > 1})
    if inner:
        scope, before = re.escape(random.Random(number).choice(inner)) + "/.*", values(others[3])
        others[3].load_weights(folder / "model.npz", scope=scope)
        chosen = {name: (whole if re.fullmatch(scope, name) else before)[name] for name in whole}
        same("a scope deep inside", values(others[3]), chosen)
        renamed(number, own, folder, whole, inner, same)
        frozen(number, own, folder, re.escape(inner[0]) + "/.*", same)
    if own:
        try:
            nd.load_model(folder / "model.npz")
            said = ""
        except ValueError as error:
            said = str(error)
        holds_own = any(isinstance(layer, tuple(OWN)) for layer in model.everything())
        same("own layers without their classes", "of your class Own" in said, holds_own)
    else:
        unrolled = trainer_of(number, own)
        nd.debug.unroll(unrolled, folder / "step.py", X, Y, epochs=1, batch_size=8)
        counts["unrolled"] += 1


def renamed(number: int, own: bool, folder: Path, whole: dict[str, bytes], inner: list[str], same: Callable[..., None]) -> None:
    """Into a network whose block has another name: layer by layer, by their full names."""
    other = network(number, 2, own, name="trunk")
    rename = {name: "trunk" + name.removeprefix("block") for name in inner if name.startswith("block/")}
    if rename:
        before = values(other)
        other.load_weights(folder / "model.npz", scope="block/.*", rename=rename)
        wanted = {name: whole.get("block" + name.removeprefix("trunk"), before[name]) for name in before}
        wanted |= {name: before[name] for name in before if not name.startswith("trunk/")}
        same("under other names", values(other), wanted)


def frozen(number: int, own: bool, folder: Path, scope: str, same: Callable[..., None]) -> None:
    """Frozen inside: kept by files, copies and training."""
    trainer = trainer_of(number, own)
    trainer.model.freeze(scope)
    before = {p.name: p.value.tobytes() for p in trainer.model.parameters if not p.trainable}
    restored = nd.Trainer.restore(trainer.save(folder / "frozen.npz"), own=OWN)
    for one in (restored, copy.deepcopy(trainer), pickle.loads(pickle.dumps(trainer))):
        same("frozen parts", one.model.frozen(), trainer.model.frozen())
        one.fit(X, Y, batch_size=8, verbose=False)
        after = {p.name: p.value.tobytes() for p in one.model.parameters}
        same("frozen parts stay", {name: after[name] for name in before if p_has_grad(one.model, name)},
             {name: value for name, value in before.items() if p_has_grad(one.model, name)})  # fmt: skip


def p_has_grad(model: nd.Sequential, name: str) -> bool:
    """Can it be trained at all? Moving statistics are no weights."""
    return next(p.has_grad for p in model.parameters if p.name == name)


def main() -> int:
    """All networks; exit code 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    counts, wrong, deepest = collections.Counter[str](), 0, 0
    for number in range(given.seed * 10_000, given.seed * 10_000 + given.networks):
        own = number % 2 == 1
        deepest = max(deepest, *(name.count("/") for name in values(network(number, 1, own))))
        with tempfile.TemporaryDirectory() as name:
            try:
                check(number, own, Path(name), counts)
            except Exception as error:
                wrong += 1
                print(f"FAULT: network {number}: {type(error).__name__}: {error!s:.600}", flush=True)
    told = ", ".join(f"{what} {count}" for what, count in counts.items())
    print(f"{given.networks} networks, names {deepest} deep: {told}; {wrong} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
