"""How the cost grows with the work: rows in a batch, units in a layer, layers, rows in a file.

    batch   a step of 784-300-100-10 (ReLU) on 1 to 4,096 rows
    width   a step of two hidden layers on 50 rows, inputs and both layers 32 to 4,096 wide
    depth   a step of 1 to 100 hidden layers of 100 units on 50 rows of 784 numbers
    rows    an epoch of fit on 1,000 to 1,000,000 rows of 64 numbers in a memory-mapped file, batches of 200 in a new order

Beside each stands the floor: the bare matrix products of the same shapes, into arrays that are there already. Sizes, steps and
floors are timed in turn, medians count. The exponent is the slope of log time against log size over the larger half of the
sizes: 1 means that twice the work takes twice the time, 0 that it takes no more. It says nothing of the small sizes, where
calls cost more than numbers. The optimizer is SGD with a rate of 0, which computes all that another rate does but keeps the
weights, so that the thousandth step is the first one again. On a busy machine set OPENBLAS_NUM_THREADS=1.

    python benchmarks/scaling.py --figure scaling.png --json scaling.json
    python benchmarks/scaling.py --quick          small sizes, few rounds: does it run?
    python benchmarks/scaling.py --only batch depth
"""

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from in_turns import in_turns, ratio, versions
from matplotlib.ticker import NullFormatter

import npdeep as nd
from npdeep.common.tables import Table
from npdeep.debug.time_step import matrix_products, multiplied
from npdeep.plots.style import look, new_grid, save

SIZES = {
    "batch": [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
    "width": [32, 64, 128, 256, 512, 1024, 2048, 4096],
    "depth": [1, 2, 5, 10, 20, 50, 100],
    "rows": [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000],
}
QUICK = {"batch": [1, 8, 64, 256], "width": [32, 64, 128, 256], "depth": [1, 2, 5, 10], "rows": [1_000, 2_000, 4_000, 8_000]}
WORDS = {
    "batch": ("a step", "rows in the batch", "row", "784-300-100-10, ReLU, SGD"),
    "width": ("a step", "units in a layer", "unit", "two hidden layers as wide as the inputs, ReLU, SGD, 50 rows"),
    "depth": ("a step", "hidden layers", "layer", "784 inputs, hidden layers of 100, ReLU, SGD, 50 rows"),
    "rows": ("an epoch", "rows in the file", "row", "64-32-10 from a memory-mapped file, ReLU, SGD, batches of 200"),
}
"""What is timed, what grows, one of it, and the network."""
BATCH, FIT_BATCH, FILE_WIDTH, CLASSES = 50, 200, 64, 10
PIECE = 50_000
"""The file is written so many rows at a time."""

Pair = tuple[Callable[[], object], Callable[[], object]]
"""The work, and its floor."""


@dataclass
class Point:
    """One size: median seconds of the work and of its floor, and the work over the floor, the median of the rounds."""

    axis: str
    size: int
    seconds: float
    floor: float
    ratio: float


# ── what is timed ─────────────────────────────────────────────────────────────────────────────────────────────────────
def trainer_of(inputs: int, hidden: Sequence[int]) -> nd.Trainer:
    """A ReLU network for ten classes; its rate of 0 keeps the weights as they are."""
    layers: list[nd.layers.Layer] = []
    for units in hidden:
        layers += [nd.Dense(units, kernel_initializer="he_normal"), nd.Activation("relu")]
    model = nd.Sequential([*layers, nd.Dense(CLASSES)], inputs, seed=0)
    return nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(0.0))


def examples(rows: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random rows from N(0, 1), and labels."""
    rng = np.random.default_rng([seed, rows, width])
    return rng.standard_normal((rows, width), dtype=np.float32), rng.integers(0, CLASSES, rows)


def step_and_floor(inputs: int, hidden: Sequence[int], rows: int) -> Pair:
    """A training step, and its matrix products."""
    trainer, (x, y) = trainer_of(inputs, hidden), examples(rows, inputs)
    products = matrix_products(trainer.model, rows)
    return lambda: trainer.step(x, y), lambda: multiplied(products)


def of_batch(size: int, files: ExitStack) -> Pair:
    return step_and_floor(784, [300, 100], size)


def of_width(size: int, files: ExitStack) -> Pair:
    return step_and_floor(size, [size, size], BATCH)


def of_depth(size: int, files: ExitStack) -> Pair:
    return step_and_floor(784, [100] * size, BATCH)


def of_rows(size: int, files: ExitStack) -> Pair:
    """An epoch of `fit` from a file, and the matrix products of all its batches."""
    folder = files.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    x, y = mapped(Path(folder) / "x.npy", size)
    trainer = trainer_of(FILE_WIDTH, [32])
    products = matrix_products(trainer.model, FIT_BATCH)

    def floor() -> None:
        for _ in range(size // FIT_BATCH):
            multiplied(products)

    return lambda: trainer.fit(x, y, epochs=1, batch_size=FIT_BATCH, verbose=False), floor


def mapped(path: Path, rows: int) -> tuple[np.memmap, np.ndarray]:
    """So many rows in a file of their own, mapped for reading, and their labels in memory."""
    writing = np.lib.format.open_memmap(path, "w+", np.float32, (rows, FILE_WIDTH))
    for start in range(0, rows, PIECE):
        stop = min(start + PIECE, rows)
        writing[start:stop] = examples(stop - start, FILE_WIDTH, seed=start)[0]
    del writing                               # written out and closed
    return np.lib.format.open_memmap(path, "r"), examples(rows, 1)[1]


AXES: dict[str, Callable[[int, ExitStack], Pair]] = {"batch": of_batch, "width": of_width, "depth": of_depth, "rows": of_rows}


def measure(axis: str, sizes: Sequence[int], rounds: int, block: float) -> list[Point]:
    """All sizes, each beside its floor, in turn."""
    with ExitStack() as files:
        ways: dict[str, Callable[[], object]] = {}
        for size in sizes:
            ways[f"work {size}"], ways[f"floor {size}"] = AXES[axis](size, files)
        times = in_turns(ways, rounds, block)
    points = []
    for size in sizes:
        work, floor = times[f"work {size}"], times[f"floor {size}"]
        points.append(Point(axis, size, statistics.median(work), statistics.median(floor), ratio(work, floor)))
    return points


# ── what it shows ─────────────────────────────────────────────────────────────────────────────────────────────────────
def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of log seconds against log size over the larger half of the sizes.

    >>> round(exponent([1, 2, 4, 8], [5.0, 5.0, 1.0, 4.0]), 3)
    2.0
    """
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0])


def exponents(points: Sequence[Point]) -> dict[str, float]:
    """Of the work and of its floor."""
    sizes = [p.size for p in points]
    return {"work": exponent(sizes, [p.seconds for p in points]), "floor": exponent(sizes, [p.floor for p in points])}


def table(axis: str, points: Sequence[Point]) -> Table:
    """One row a size."""
    what, of, one, network = WORDS[axis]
    rows = [
        [
            f"{p.size:,}",
            f"{1e6 * p.seconds:,.0f}",
            f"{1e6 * p.floor:,.1f}",
            f"{p.ratio:.2f}",
            f"{1e6 * p.seconds / p.size:,.4g}",
        ]
        for p in points
    ]
    header = [of, f"{what}, µs", "floor, µs", "over the floor", f"µs a {one}"]
    return Table(header, rows, f"{axis}: {network}", [sentence(axis, points)])


def sentence(axis: str, points: Sequence[Point]) -> str:
    """What the figures show; every number is computed from them."""
    found, second, last = exponents(points), points[1], points[-1]
    what, of, *_ = WORDS[axis]
    from_ = points[len(points) // 2].size
    return (
        f"From {second.size:,} to {last.size:,} {of}, {last.size / second.size:,.4g} times as many, {what} takes "
        f"{last.seconds / second.seconds:,.4g} times as long; from {from_:,} on its time grows with the exponent "
        f"{found['work']:.2f}, its floor with {found['floor']:.2f}."
    )


def draw(results: dict[str, list[Point]], path: Path) -> Path:
    """One panel an axis: the work and its floor over the size, both logarithmic."""
    columns = min(2, len(results))
    rows = math.ceil(len(results) / columns)
    figure, axes = new_grid(rows, columns, (7.5 * columns, 5.4 * rows))
    for ax in axes[len(results) :]:
        ax.set_visible(False)
    figure.supxlabel("exponent: slope of the larger half of the sizes; 1: twice the work takes twice the time", fontsize=14)
    for ax, (axis, points) in zip(axes, results.items(), strict=False):
        what, of, _, network = WORDS[axis]
        found, sizes = exponents(points), [p.size for p in points]
        times = {"work": [1e3 * p.seconds for p in points], "floor": [1e3 * p.floor for p in points]}
        for i, (name, milliseconds) in enumerate(times.items()):
            title = what if name == "work" else "its matrix products alone"
            label = f"{title}: exponent {found[name]:.2f}"
            ax.loglog(sizes, milliseconds, label=label, **look(i, marked=True))
        for one in (ax.xaxis, ax.yaxis):
            one.set_major_formatter(lambda value, _: f"{value:,.10g}")
            one.set_minor_formatter(NullFormatter())
        ax.set(xlabel=of, ylabel="milliseconds")
        ax.set_title(f"{what}, by {of}\n{network}", fontsize=13)
        ax.legend(loc="upper left", fontsize=13)
    return save(figure, path)


def settings(quick: bool) -> Iterator[tuple[str, list[int], int, float]]:
    """Axis, sizes, rounds, and seconds of a block."""
    for axis, sizes in (QUICK if quick else SIZES).items():
        rounds, block = (2, 0.001) if quick else (3, 0.0) if axis == "rows" else (11, 0.02)
        yield axis, sizes, rounds, block


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: the figures mean little")
    parser.add_argument("--only", nargs="+", choices=list(AXES), default=list(AXES), help="some of the four")
    parser.add_argument("--figure", type=Path, metavar="PATH.png", help="draw them")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all figures into this file")
    given = parser.parse_args(arguments)
    results: dict[str, list[Point]] = {}
    for axis, sizes, rounds, block in settings(given.quick):
        if axis in given.only:
            results[axis] = measure(axis, sizes, rounds, block)
            print(f"{table(axis, results[axis])}\n", flush=True)
    if given.figure:
        print(f"wrote {draw(results, given.figure)}")
    if given.json:
        figures = {
            "versions": versions(),
            "points": [asdict(point) for points in results.values() for point in points],
            "exponents": {axis: exponents(points) for axis, points in results.items()},
        }
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
