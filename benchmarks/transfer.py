"""What layers learnt on the digits 0 to 4 are worth for the digits 5 to 9, of which there are only 100 a class.

After exercises 8 and 9 of chapter 11 of Géron, *Hands-On Machine Learning* (2017). A network of five hidden layers of 100 units
(ELU, He initialization) is trained on the digits 0 to 4. Its layers are then reused for the digits 5 to 9, with 100 images a
class to learn from and 30 a class to stop early by, and the test digits 5 to 9 judge:

    five frozen          all hidden layers kept as they are, a new output layer on top
    five frozen, cached  the same; what the frozen layers say of each image is computed once, not at every step
    four frozen          the fifth hidden layer left out, a new output layer on the fourth
    top two unfrozen     continues from there; hidden layers 3 and 4 learn too
    all unfrozen         continues from there; all four hidden layers learn
    from scratch         four hidden layers and an output layer that have learnt nothing before
    all free at once     not in the book: four reused hidden layers, all of which learn from the first step on

Everything runs once for each seed: other initial weights, another choice of 100 images, another order. Training stops when the
validation loss has not improved for 20 epochs, and the best weights are put back. The book trains with Adam at a rate of 0.01
in batches of 20; there the first network is at its best after four epochs and then collapses to guessing. Here the rate is
0.001, at which nothing collapses, and the first network is trained for four epochs too; --first-epochs 1000 lets it learn until
it gets no better.

    python benchmarks/transfer.py                  full MNIST where $NPDEEP_DATA names its folder, else the packed digits
    python benchmarks/transfer.py --quick          two seeds and a few epochs on the packed digits: does it run?
    python benchmarks/transfer.py --seeds 10 --json transfer.json

It prints a table and says in words what it shows. Seconds are of `fit`: validation and the computing of the cache included. The
runs with and without the cache alternate three times, and the fastest of each counts.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import npdeep as nd
from npdeep.common.tables import Table

RATE, BATCH, PATIENCE = 0.001, 20, 20
FIRST_EPOCHS, MOST_EPOCHS = 4, 1000
REPEATS = 3
"""So often the frozen network is trained with and without the cache, in turn; the fastest of each counts."""
TRAINED, VALIDATED = 100, 30
"""So many images a class to learn from and to stop early by."""

FROZEN, CACHED, FOUR = "five frozen", "five frozen, cached", "four frozen"
TOP, ALL, SCRATCH, ONCE = "top two unfrozen", "all unfrozen", "from scratch", "all free at once"
WAYS = (FROZEN, CACHED, FOUR, TOP, ALL, SCRATCH, ONCE)

Digits = tuple[np.ndarray, np.ndarray]


@dataclass
class Run:
    """One network, trained: which way, from which seed, and what became of it."""

    way: str
    seed: int
    accuracy: float
    seconds: float
    epochs: int


@dataclass
class Task:
    """Digits to learn from, to stop early by, and to be judged on; labels 0 to 4."""

    training: Digits
    validation: Digits
    test: Digits


# ── data ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def load(quick: bool) -> tuple[str, Task]:
    """What the digits are, in words, and all ten of them."""
    folder = os.environ.get("NPDEEP_DATA")
    if folder and not quick:
        return "full MNIST", Task(*nd.datasets.mnist(folder))
    (x, y), test = nd.datasets.mnist_sample()
    return "the packed digits (5,000 of MNIST's)", Task((x[:4000], y[:4000]), (x[4000:], y[4000:]), test)


def split(digits: Digits) -> tuple[Digits, Digits]:
    """The digits 0 to 4, and the digits 5 to 9 with labels 0 to 4."""
    x, y = digits
    return (x[y < 5], y[y < 5]), (x[y >= 5], y[y >= 5] - 5)


def pick(digits: Digits, count: int, rng: np.random.Generator) -> Digits:
    """So many images of each class, by chance."""
    x, y = digits
    chosen = np.concatenate([rng.choice(np.flatnonzero(y == k), count, replace=False) for k in range(5)])
    return x[chosen], y[chosen]


def tasks(digits: Task, seed: int) -> tuple[Task, Task]:
    """The digits 0 to 4, all of them, and the digits 5 to 9, few of them to learn from."""
    rng = np.random.default_rng(seed)
    parts = [split(part) for part in (digits.training, digits.validation, digits.test)]
    (training, validation, test) = (high for _, high in parts)
    return Task(*(low for low, _ in parts)), Task(pick(training, TRAINED, rng), pick(validation, VALIDATED, rng), test)


# ── networks ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def outputs() -> nd.Dense:
    """A new output layer for five classes."""
    return nd.Dense(5, kernel_initializer="he_normal", name="outputs")


def network(hidden: int, seed: int) -> nd.Sequential:
    """So many hidden layers of 100 units, and an output layer."""
    layers = []
    for i in range(1, hidden + 1):
        layers += [nd.Dense(100, kernel_initializer="he_normal", name=f"hidden{i}"), nd.Activation("elu", name=f"elu{i}")]
    return nd.Sequential([*layers, outputs()], 784, seed=seed)


def train(way: str, model: nd.Sequential, task: Task, seed: int, epochs: int) -> Run:
    """Train until it gets no better, put the best weights back, and judge."""
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(RATE), metrics=["accuracy"], seed=seed)
    stopping = nd.callbacks.EarlyStopping("val_loss", patience=PATIENCE)
    settings = {"validation_data": task.validation, "callbacks": [stopping], "cache_frozen": way == CACHED, "verbose": False}
    started = time.perf_counter()
    history = trainer.fit(*task.training, epochs=epochs, batch_size=BATCH, **settings)
    seconds = time.perf_counter() - started
    return Run(way, seed, trainer.evaluate(*task.test)["accuracy"], seconds, len(history.records))


def reuse(base: nd.Sequential, task: Task, seed: int, epochs: int) -> Iterator[Run]:
    """All the ways, in the book's order; some continue from where the one before stopped."""
    tries: dict[str, list[Run]] = {FROZEN: [], CACHED: []}
    for way in (FROZEN, CACHED) * REPEATS:
        model = base.with_layers([outputs()], keep="elu5")
        model.freeze("hidden.*")
        tries[way].append(train(way, model, task, seed, epochs))
    yield from (min(equal, key=lambda run: run.seconds) for equal in tries.values())

    model = base.with_layers([outputs()], keep="elu4")
    model.freeze("hidden.*")
    yield train(FOUR, model, task, seed, epochs)
    model.unfreeze("hidden[34]")
    yield train(TOP, model, task, seed, epochs)
    model.unfreeze()
    yield train(ALL, model, task, seed, epochs)

    yield train(SCRATCH, network(4, seed + 1000), task, seed, epochs)    # not the weights that the reused network began with
    yield train(ONCE, base.with_layers([outputs()], keep="elu4"), task, seed, epochs)


# ── what it shows ─────────────────────────────────────────────────────────────────────────────────────────────────────
def of(runs: Sequence[Run], way: str) -> list[Run]:
    """The runs of one way, in the order of the seeds."""
    return sorted((run for run in runs if run.way == way), key=lambda run: run.seed)


def spread(values: Sequence[float]) -> float:
    """The standard deviation over the seeds; 0 for one seed."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def table(runs: Sequence[Run], title: str) -> Table:
    """One row a way."""
    rows = []
    for way in WAYS:
        chosen = of(runs, way)
        accuracies = [100 * run.accuracy for run in chosen]
        seconds, epochs = statistics.median(run.seconds for run in chosen), statistics.median(run.epochs for run in chosen)
        pace = statistics.median(1000 * run.seconds / run.epochs for run in chosen)
        right = f"{statistics.mean(accuracies):.2f} ± {spread(accuracies):.2f}"
        least, most = f"{min(accuracies):.2f}", f"{max(accuracies):.2f}"
        rows.append([way, right, least, most, f"{epochs:.0f}", f"{seconds:.2f}", f"{pace:.1f}"])
    header = ["hidden layers", "right on test digits 5–9, %", "least", "most", "epochs", "seconds", "ms per epoch"]
    notes = [
        f"right: mean ± standard deviation over {counted(len(of(runs, FROZEN)), 'seed')}; least, most: the worst and the best",
        "seed; epochs, seconds, ms per epoch: medians over the seeds.",
    ]
    return Table(header, rows, title, notes)


def counted(n: int, what: str) -> str:
    """1 seed, 2 seeds."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def wins(runs: Sequence[Run], better: str, worse: str) -> list[bool]:
    """For each seed: is the one way right on more digits than the other?"""
    return [a.accuracy > b.accuracy for a, b in zip(of(runs, better), of(runs, worse), strict=True)]


def sentences(runs: Sequence[Run]) -> list[str]:
    """What the numbers show, in words; every number and every verdict is computed from the runs."""
    return [ranking(runs), order(runs), gain(runs, ALL), gain(runs, ONCE), caching(runs)]


def ranking(runs: Sequence[Run]) -> str:
    """All ways from the best to the worst."""
    means = {way: 100 * statistics.mean(run.accuracy for run in of(runs, way)) for way in WAYS if way != CACHED}
    ranked = sorted(means, key=lambda way: -means[way])
    return "From best to worst: " + ", ".join(f"{way} {means[way]:.1f} %" for way in ranked) + "."


def order(runs: Sequence[Run]) -> str:
    """Does the book's order hold, and if not always, which part of it fails?"""
    upper, lower = wins(runs, ALL, SCRATCH), wins(runs, SCRATCH, FROZEN)
    both = sum(a and b for a, b in zip(upper, lower, strict=True))
    seeds = counted(len(upper), "seed")
    text = f"The book's order, {ALL} above {SCRATCH} above {FROZEN}, holds in {both} of {seeds}"
    if both == len(upper):
        return f"{text}."
    return f"{text}: {ALL} beats {SCRATCH} in {sum(upper)}, {SCRATCH} beats {FROZEN} in {sum(lower)}."


def gain(runs: Sequence[Run], way: str) -> str:
    """How far a way of reuse is ahead of learning from scratch, seed by seed."""
    ahead = [100 * (a.accuracy - b.accuracy) for a, b in zip(of(runs, way), of(runs, SCRATCH), strict=True)]
    mean = statistics.mean(ahead)
    verdict = "neither gains nor loses" if abs(mean) < 0.05 else f"{'gains' if mean > 0 else 'loses'} {abs(mean):.1f} points"
    by_seed = f" (seed by seed {min(ahead):+.1f} to {max(ahead):+.1f})" if len(ahead) > 1 else ""
    return f'Reuse with "{way}" {verdict} against learning from scratch{by_seed}.'


def caching(runs: Sequence[Run]) -> str:
    """How much faster an epoch is with the frozen layers computed once, and whether anything else has changed."""
    pairs = list(zip(of(runs, FROZEN), of(runs, CACHED), strict=True))
    ratios = [(a.seconds / a.epochs) / (b.seconds / b.epochs) for a, b in pairs]
    middle, lowest, highest = statistics.median(ratios), min(ratios), max(ratios)
    same = sum(a.accuracy == b.accuracy and a.epochs == b.epochs for a, b in pairs)
    verdict = f"makes an epoch {middle:.1f} times as fast" if middle >= 1.05 else "does not make training faster here"
    seeds = counted(len(pairs), "seed")
    return (
        f"Computing the five frozen layers once {verdict} (median over {seeds}; least {lowest:.2f}, most {highest:.2f} times); "
        f"epochs and accuracy are the same as without it in {same} of {seeds}."
    )


# ── all of it ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def measure(digits: Task, seeds: int, first_epochs: int, epochs: int) -> tuple[list[Run], list[Run]]:
    """The first network of every seed, and all the ways of reusing it."""
    bases: list[Run] = []
    runs: list[Run] = []
    for seed in range(seeds):
        first, second = tasks(digits, seed)
        base = network(5, seed)
        bases.append(train("digits 0 to 4", base, first, seed, first_epochs))
        runs += reuse(base, second, seed, epochs)
        print(f"seed {seed}: done", file=sys.stderr, flush=True)
    return bases, runs


def first_sentence(bases: Sequence[Run]) -> str:
    """How good the network is that is reused."""
    accuracies = [100 * base.accuracy for base in bases]
    return (
        f"The network that is reused is right on {statistics.mean(accuracies):.2f} ± {spread(accuracies):.2f} % of the test "
        f"digits 0–4, after {statistics.median(base.epochs for base in bases):.0f} epochs on them."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two seeds and three epochs on the packed digits")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many seeds (default: 5; with --quick: 2)")
    parser.add_argument("--first-epochs", type=int, metavar="N", help="most epochs on the digits 0 to 4 (default: 4)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all runs into this file")
    given = parser.parse_args(arguments)
    seeds = (2 if given.quick else 5) if given.seeds is None else given.seeds
    first_epochs = FIRST_EPOCHS if given.first_epochs is None else given.first_epochs
    if min(seeds, first_epochs) < 1:
        parser.error("--seeds and --first-epochs must be at least 1")
    epochs = 3 if given.quick else MOST_EPOCHS

    name, digits = load(given.quick)
    bases, runs = measure(digits, seeds, first_epochs, epochs)
    said = [first_sentence(bases), *sentences(runs)]
    print(table(runs, f"Reuse for the digits 5–9, {TRAINED} images a class, of what was learnt on 0–4; {name}"))
    print("", *said, sep="\n")
    if given.json:
        result = {
            "settings": {"data": name, "learning rate": RATE, "batch size": BATCH, "patience": PATIENCE, "most epochs": epochs},
            "versions": {"npdeep": nd.__version__, "numpy": np.__version__, "python": platform.python_version()},
            "first": [asdict(base) for base in bases],
            "runs": [asdict(run) for run in runs],
            "sentences": said,
        }
        given.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
