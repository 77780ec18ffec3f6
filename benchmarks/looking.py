"""What looking inside costs those who only train: the machinery of walking, and the same network as an unrolled file.

Times a training step three ways, in turns so that a busy machine slows all of them, and prints the median of the ratios:

    step        trainer.step, door checks included
    operations  the walk that step runs through, without the checks on entry
    plain       the same code with its `yield`s taken out: what walking costs is operations/plain
    unrolled    the file that nd.debug.unroll writes

    python benchmarks/looking.py [--quick]
"""

import argparse
import ast
import importlib.util
import inspect
import statistics
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import npdeep as nd
from npdeep.common.tables import Table

HE = {"kernel_initializer": "he_normal"}


def dense(units: int, activation: str, **given: object) -> list[nd.layers.Layer]:
    return [nd.Dense(units, **HE, **given), nd.Activation(activation)]


def normalized(units: int) -> list[nd.layers.Layer]:
    return [nd.Dense(units, use_bias=False, **HE), nd.BatchNormalization(), nd.Activation("elu")]


def limited(units: int) -> list[nd.layers.Layer]:
    return dense(units, "relu", kernel_constraint=nd.constraints.MaxNorm(1.0))


def dropped(units: int) -> list[nd.layers.Layer]:
    return [*dense(units, "relu"), nd.Dropout(0.5)]


NETWORKS: dict[str, tuple[Callable[[], list[nd.layers.Layer]], Callable[[], object], int]] = {
    "W1 leaky ReLU, SGD, 50": (lambda: [*dense(300, "leaky_relu"), *dense(100, "leaky_relu")], nd.optimizers.SGD, 50),
    "W2 BN and ELU, SGD, 200": (lambda: [*normalized(300), *normalized(100)], nd.optimizers.SGD, 200),
    "W4 max-norm, momentum, 50": (lambda: [*limited(300), *limited(50)], nd.optimizers.Momentum, 50),
    "W5 dropout, Adam, 50": (lambda: [nd.Dropout(0.5), *dropped(300), *dropped(100)], nd.optimizers.Adam, 50),
    "W6 20 layers, BN, Adam, 128": (lambda: [n for _ in range(20) for n in normalized(100)], nd.optimizers.Adam, 128),
    "small 784-30-10, SGD, 10": (lambda: dense(30, "relu"), nd.optimizers.SGD, 10),
}


def without_yields() -> Callable[..., None]:
    """Trainer.operations as a plain function: its own source, each `yield` left out."""
    module = inspect.getmodule(nd.Trainer.operations)
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(nd.Trainer.operations))).body

    class Drop(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
            return None if isinstance(node.value, ast.Yield) else node

    assert isinstance(function, ast.FunctionDef)
    function.returns = None
    names: dict[str, object] = dict(vars(module))
    exec(compile(ast.fix_missing_locations(ast.Module([Drop().visit(function)], [])), "plain", "exec"), names)
    return names["operations"]  # type: ignore[return-value]


def unrolled(trainer: nd.Trainer, folder: Path, name: str) -> Callable[..., float]:
    """The step of the unrolled file."""
    path = nd.debug.unroll(trainer, folder / f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.step  # type: ignore[no-any-return]


def measure(layers: list[nd.layers.Layer], optimizer: object, size: int, rounds: int, folder: Path, name: str) -> list[str]:
    """One row: microseconds of a plain step, and the ratios."""
    (x, y), _ = nd.datasets.mnist_sample()
    x, y = x[:size], y[:size]
    model = nd.Sequential([*layers, nd.Dense(10, **HE)], 784, seed=1)
    trainer = nd.Trainer(model, "softmax_cross_entropy", optimizer)
    trainer.step(x, y)
    plain, file_step = without_yields(), unrolled(trainer, folder, name)

    def run() -> None:
        for _ in trainer.operations(x, y, None):
            pass

    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: plain(trainer, x, y, None),
        "operations": run,
        "step": lambda: trainer.step(x, y),
        "unrolled": lambda: file_step(x, y),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for i in range(rounds):
        order = list(ways)[i % 4 :] + list(ways)[: i % 4]
        for way in order:
            started = time.perf_counter()
            for _ in range(5):
                ways[way]()
            times[way].append((time.perf_counter() - started) / 5)

    def ratio(a: str, b: str) -> str:
        return f"{statistics.median(p / q for p, q in zip(times[a], times[b], strict=True)):.3f}"

    walking, door = ratio("operations", "plain"), ratio("step", "plain")
    microseconds = f"{1e6 * np.median(times['plain']):,.0f}"
    return [microseconds, walking, door, ratio("unrolled", "operations"), ratio("unrolled", "step")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds: the figures mean little")
    rounds = 20 if parser.parse_args().quick else 400
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for i, (name, (layers, optimizer, size)) in enumerate(NETWORKS.items()):
            rows.append([name, *measure(layers(), optimizer(), size, rounds, Path(folder), f"network_{i}")])
    header = ["network, batch", "plain, µs", "operations/plain", "step/plain", "unrolled/operations", "unrolled/step"]
    print(Table(header, rows, "A training step, medians of ratios measured in turns"))


if __name__ == "__main__":
    main()
