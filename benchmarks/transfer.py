"""What layers learnt on the digits 0 to 4 are worth for the digits 5 to 9, of which there are only 100 a class.

After exercises 8 and 9 of chapter 11 of Géron, *Hands-On Machine Learning* (2017). A network of five hidden layers of 100 units
(ELU, He initialization) is trained on the digits 0 to 4. Its layers are then reused for the digits 5 to 9, with 100 images a
class to learn from and 30 a class to stop early by, and the test digits 5 to 9 judge:

    five frozen          all hidden layers kept as they are, a new output layer on top
    five frozen, cached  the same; what the frozen layers say of each image is computed once, not at every step
    four frozen          the fifth hidden layer left out, a new output layer on the fourth
    top two unfrozen     goes on from there; hidden layers 3 and 4 learn too
    all unfrozen         goes on from there; all four hidden layers learn
    from scratch         four hidden layers and an output layer that have learnt nothing before

Everything runs once for each seed: other initial weights, another choice of 100 images, another order. Training stops when the
validation loss has not improved for 20 epochs, and the best weights are put back. The chapter trains with Adam at a rate of
0.01, at which the network collapses to guessing after some epochs; the rate here is 0.001, in batches of 20 as there.

    python benchmarks/transfer.py                  full MNIST where $NPDEEP_DATA names its folder, else the packed digits
    python benchmarks/transfer.py --quick          two seeds and a few epochs on the packed digits: does it run?
    python benchmarks/transfer.py --seeds 10 --json transfer.json

It prints a table and says in words what it shows. Seconds are of `fit`: validation and the computing of the cache included.
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
from npdeep.tables import Table

RATE, BATCH, PATIENCE, MOST_EPOCHS = 0.001, 20, 20, 1000
TRAINED, VALIDATED = 100, 30
"""So many images a class to learn from and to stop early by."""

FROZEN, CACHED, FOUR = "five frozen", "five frozen, cached", "four frozen"
TOP, ALL, SCRATCH = "top two unfrozen", "all unfrozen", "from scratch"
WAYS = (FROZEN, CACHED, FOUR, TOP, ALL, SCRATCH)

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
    (low, training), (low_validation, validation), (low_test, test) = map(split, (digits.training, digits.validation, digits.test))
    return Task(low, low_validation, low_test), Task(pick(training, TRAINED, rng), pick(validation, VALIDATED, rng), test)


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
    """All the ways, in the chapter's order; the later ones go on from the earlier ones."""
    for way in (FROZEN, CACHED):
        model = base.with_layers([outputs()], keep="elu5")
        model.freeze("hidden")
        yield train(way, model, task, seed, epochs)

    model = base.with_layers([outputs()], keep="elu4")
    model.freeze("hidden")
    yield train(FOUR, model, task, seed, epochs)
    model.unfreeze("hidden[34]")
    yield train(TOP, model, task, seed, epochs)
    model.unfreeze()
    yield train(ALL, model, task, seed, epochs)

    yield train(SCRATCH, network(4, seed + 1000), task, seed, epochs)


# ── what it shows ─────────────────────────────────────────────────────────────────────────────────────────────────────
def of(runs: Sequence[Run], way: str) -> list[Run]:
    """The runs of one way, in the order of the seeds."""
    return sorted((run for run in runs if run.way == way), key=lambda run: run.seed)


def spread(values: Sequence[float]) -> float:
    """The standard deviation over the seeds; 0 for one seed."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def table(runs: Sequence[Run], title: str) -> Table:
    """One row a way: means over the seeds."""
    rows = []
    for way in WAYS:
        accuracies = [100 * run.accuracy for run in of(runs, way)]
        seconds, epochs = ([getattr(run, name) for run in of(runs, way)] for name in ("seconds", "epochs"))
        rows.append(
            [
                *(way, f"{statistics.mean(accuracies):.2f} ± {spread(accuracies):.2f}"),
                *(f"{min(accuracies):.2f}", f"{max(accuracies):.2f}"),
                *(f"{statistics.mean(seconds):.2f}", f"{statistics.mean(epochs):.1f}"),
                f"{1000 * sum(seconds) / sum(epochs):.1f}",
            ]
        )
    header = ["hidden layers", "right on test digits 5–9, %", "least", "most", "seconds", "epochs", "ms an epoch"]
    count = len(of(runs, FROZEN))
    notes = [f"Means over {counted(count, 'seed')}; ±: standard deviation over the seeds. least, most: the worst and the best seed."]
    return Table(header, rows, title, notes)


def counted(n: int, what: str) -> str:
    """1 seed, 2 seeds."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def wins(runs: Sequence[Run], better: str, worse: str) -> list[bool]:
    """For each seed: is the one way right on more digits than the other?"""
    return [a.accuracy > b.accuracy for a, b in zip(of(runs, better), of(runs, worse), strict=True)]


def sentences(runs: Sequence[Run]) -> list[str]:
    """What the numbers show, in words; every number and every verdict is computed from the runs."""
    return [ranking(runs), order(runs), reuse_pays(runs), caching(runs)]


def ranking(runs: Sequence[Run]) -> str:
    """All ways from the best to the worst."""
    means = {way: 100 * statistics.mean(run.accuracy for run in of(runs, way)) for way in WAYS if way != CACHED}
    ranked = sorted(means, key=lambda way: -means[way])
    return "From best to worst: " + ", ".join(f"{way} {means[way]:.1f} %" for way in ranked) + "."


def order(runs: Sequence[Run]) -> str:
    """Does the chapter's order hold, and if not always, which part of it fails?"""
    upper, lower = wins(runs, ALL, SCRATCH), wins(runs, SCRATCH, FROZEN)
    both = sum(a and b for a, b in zip(upper, lower, strict=True))
    seeds = counted(len(upper), "seed")
    text = f"The chapter's order, {ALL} above {SCRATCH} above {FROZEN}, holds in {both} of {seeds}"
    if both == len(upper):
        return f"{text}."
    return f"{text}: {ALL} beats {SCRATCH} in {sum(upper)}, {SCRATCH} beats {FROZEN} in {sum(lower)}."


def reuse_pays(runs: Sequence[Run]) -> str:
    """How far all unfrozen is ahead of from scratch, seed by seed."""
    ahead = [100 * (a.accuracy - b.accuracy) for a, b in zip(of(runs, ALL), of(runs, SCRATCH), strict=True)]
    mean = statistics.mean(ahead)
    if abs(mean) < 0.05:
        return "With all layers left free to learn, reuse neither gains nor loses against learning from scratch."
    verb = "gains" if mean > 0 else "loses"
    lowest, highest = min(ahead), max(ahead)
    return (
        f"With all layers left free to learn, reuse {verb} {abs(mean):.1f} points against learning from scratch "
        f"(seed by seed {lowest:+.1f} to {highest:+.1f})."
    )


def caching(runs: Sequence[Run]) -> str:
    """How much faster an epoch is with the frozen layers computed once, and whether anything else has changed."""
    pairs = list(zip(of(runs, FROZEN), of(runs, CACHED), strict=True))
    ratios = [(a.seconds / a.epochs) / (b.seconds / b.epochs) for a, b in pairs]
    middle, lowest, highest = statistics.median(ratios), min(ratios), max(ratios)
    same = sum(a.accuracy == b.accuracy and a.epochs == b.epochs for a, b in pairs)
    verdict = f"makes an epoch {middle:.1f} times as fast" if middle >= 1.05 else "does not make training faster here"
    seeds = counted(len(pairs), "seed")
    return (
        f"Computing the five frozen layers once {verdict} (median of {seeds}, {lowest:.2f} to {highest:.2f}); epochs and "
        f"accuracy are the same as without in {same} of {seeds}."
    )


# ── all of it ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def measure(digits: Task, seeds: int, epochs: int) -> tuple[list[Run], list[Run]]:
    """The first network of every seed, and all the ways of reusing it."""
    bases: list[Run] = []
    runs: list[Run] = []
    for seed in range(seeds):
        first, second = tasks(digits, seed)
        base = network(5, seed)
        bases.append(train("digits 0 to 4", base, first, seed, epochs))
        print(f"seed {seed}: right on {bases[-1].accuracy:.2%} of the test digits 0–4", end="", file=sys.stderr, flush=True)
        runs += reuse(base, second, seed, epochs)
        print("; on 5–9 " + ", ".join(f"{r.way} {r.accuracy:.2%}" for r in runs[-len(WAYS) :]), file=sys.stderr)
    return bases, runs


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two seeds and three epochs on the packed digits")
    parser.add_argument("--seeds", type=int, help="how many seeds (default: 5; with --quick: 2)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all runs into this file")
    given = parser.parse_args(arguments)
    seeds = given.seeds or (2 if given.quick else 5)
    if seeds < 1:
        parser.error("--seeds must be at least 1")
    epochs = 3 if given.quick else MOST_EPOCHS
    name, digits = load(given.quick)
    bases, runs = measure(digits, seeds, epochs)
    title = f"Reuse for the digits 5–9 with {TRAINED} images a class of what was learnt on 0–4; {name}"
    accuracies = [100 * base.accuracy for base in bases]
    first = (
        f"The network that is reused is right on {statistics.mean(accuracies):.2f} ± {spread(accuracies):.2f} % of the test "
        f"digits 0–4, after {statistics.mean(base.epochs for base in bases):.0f} epochs on them."
    )
    shown, said = table(runs, title), [first, *sentences(runs)]
    print(shown)
    print("", *said, sep="\n")
    if given.json:
        settings = {"learning rate": RATE, "batch size": BATCH, "patience": PATIENCE, "most epochs": epochs, "data": name}
        versions = {"npdeep": nd.__version__, "numpy": np.__version__, "python": platform.python_version()}
        kept = {"settings": settings, "versions": versions, "first": [asdict(b) for b in bases], "runs": [asdict(r) for r in runs]}
        given.json.write_text(json.dumps({**kept, "sentences": said}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
