"""The recipes of two notebooks on chapter 11 and of the chapter that they condense, each beside what was printed there.

    python benchmarks/seeds.py                       every recipe over three seeds: about half an hour
    python benchmarks/seeds.py --list                the recipes
    python benchmarks/seeds.py --only dropout l1 --seeds 0 --output somewhere
    python benchmarks/seeds.py --quick               one epoch of each on few of the packed digits: does it run?

Full MNIST with the notebooks' split (55,000 / 5,000 / 10,000), initializers, batch sizes and epochs; other random numbers, so
that the accuracies agree within bands and not to the digit. The bands, and where each value is printed: seeds_printed.py. Where
a source does something other than it says, both ways are run here, and the report says what the error costs.

Finished runs are kept in seeds.json and used again, so that a long run can be done in pieces; --fresh does all again. A run of
everything writes seeds.json and seeds.png beside this file and the tables into RESULTS.md; --only and --quick write only where
--output names a folder. Seconds are of the training steps alone, without evaluation.
"""

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import seeds_report
from transfer import Task, split

import npdeep as nd

HERE = Path(__file__).parent
ROUNDINGS = 5
LOSS = "softmax_cross_entropy"
HE, LECUN = "he_normal", "lecun_normal"    # Glorot's uniform one is the default, here and in tf.layers.dense

SGD = nd.optimizers.SGD
Record = dict[str, Any]
Figures = dict[str, float]


@dataclass(frozen=True)
class Recipe:
    """How a network is made and trained.

    build(seed) gives the trainer; where the recipe continues `after` another one, build(network, seed) does, with a copy of
    that one's trained network. `prepare` changes the digits. `patience`: stop after this many epochs without a better
    validation loss, and put the best weights back. `measure` is for a recipe that is no single training: from seed, digits and
    most epochs to figures by name. `seeds` are those it is run from unless others are asked for.
    """

    key: str
    title: str
    epochs: int = 0
    batch: int = 0
    build: Callable[..., nd.Trainer] | None = None
    after: str | None = None
    prepare: Callable[[Task], Task] | None = None
    patience: int | None = None
    cache_frozen: bool = False
    measure: Callable[[int, Task, int], Figures] | None = None
    seeds: Sequence[int] = (0, 1, 2)


RECIPES: dict[str, Recipe] = {}


def recipe(title: str, epochs: int, batch: int, **more: Any) -> Callable[[Any], Any]:
    """Enter a function that builds a trainer under its name."""

    def enter(build: Any) -> Any:
        RECIPES[build.__name__] = Recipe(build.__name__, title, epochs, batch, build, **more)
        return build

    return enter


def measurement(title: str, epochs: int = 0) -> Callable[[Any], Any]:
    """Enter a function that measures figures."""

    def enter(measure: Any) -> Any:
        RECIPES[measure.__name__] = Recipe(measure.__name__, title, epochs, measure=measure)
        return measure

    return enter


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def hidden(number: int, units: int, activation: str, **how: Any) -> list[nd.layers.Layer]:
    """A hidden layer; its number is in its name, as in the sources."""
    return [nd.Dense(units, name=f"hidden{number}", **how), nd.Activation(activation, name=f"active{number}")]


def outputs(units: int = 10, **how: Any) -> nd.Dense:
    return nd.Dense(units, name="outputs", **how)


def trainer(layers: list[nd.layers.Layer], optimizer: Any, seed: int, **more: Any) -> nd.Trainer:
    return nd.Trainer(nd.Sequential(layers, 784, seed=seed), LOSS, optimizer, metrics=["accuracy"], **more)


def go_on(network: nd.Sequential, optimizer: Any, seed: int, **more: Any) -> nd.Trainer:
    """Train a trained network further, with the examples in another order than before."""
    return nd.Trainer(network, LOSS, optimizer, metrics=["accuracy"], seed=seed + 1000, **more)


# ── activations ───────────────────────────────────────────────────────────────────────────────────────────────────────
@recipe("784-300-100-10, leaky ReLU", epochs=40, batch=50)
def leaky_relu(seed: int) -> nd.Trainer:
    return trainer([*hidden(1, 300, "leaky_relu"), *hidden(2, 100, "leaky_relu"), outputs()], SGD(0.01), seed)


@recipe("the same in as few updates as the batch-normalized network had", epochs=20, batch=200)
def leaky_relu_short(seed: int) -> nd.Trainer:
    return leaky_relu(seed)


@measurement("SELU through 1,000 layers of 100 units, LeCun initialization")
def selu_depth(seed: int, digits: Task, epochs: int) -> Figures:
    """The chapter draws from NumPy's legacy generator, seed 42: seed 0 here draws the same numbers, other seeds others.

    So many layers make much of little, so all is done again with inputs that differ in their last digits: "rounding of" each
    figure is its standard deviation over these.
    """
    first = through_1000_layers(seed, 1.0)
    again = [through_1000_layers(seed, 1 + k * np.finfo(float).eps) for k in range(1, 1 + ROUNDINGS)]
    rounding = {f"rounding of {name}": float(np.std([figures[name] for figures in (first, *again)], ddof=1)) for name in first}
    return first | rounding


def through_1000_layers(seed: int, factor: float) -> Figures:
    """Mean and deviation over the 500 rows behind every hundredth layer; the inputs are multiplied by the factor."""
    rng = np.random.RandomState(42 + seed)
    layer = nd.Sequential([nd.Dense(100, use_bias=False, name="layer"), nd.Activation("selu")], 100, seed=0, dtype="float64")
    z, found = factor * rng.normal(size=(500, 100)), {}
    for i in range(1000):
        layer.layer("layer").kernel.value = rng.normal(size=(100, 100), scale=np.sqrt(1 / 100))
        z = layer.predict(z)
        if i % 100 == 0:
            found[f"mean of layer {i}"], found[f"deviation of layer {i}"] = float(z.mean()), float(z.std(axis=0).mean())
    return found


class Scaled(nd.layers.Layer):
    """output = factor · input, for the chapter's SELU."""

    def __init__(self, factor: float, name: str | None = None) -> None:
        super().__init__(name)
        self.factor = factor

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.input = x
        return np.multiply(x, self.factor, out=self.output)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.grad_output = grad_output
        return np.multiply(grad_output, self.factor, out=self.grad_input)


def standardized(digits: Task) -> Task:
    """Every pixel with mean 0 and deviation 1 over the training images."""
    mean, deviation = digits.training[0].mean(axis=0), digits.training[0].std(axis=0) + 1e-10
    return Task(*(((x - mean) / deviation, y) for x, y in (digits.training, digits.validation, digits.test)))


@recipe("784-300-100-10, SELU", epochs=40, batch=50, prepare=standardized)
def selu(seed: int) -> nd.Trainer:
    return trainer([*hidden(1, 300, "selu"), *hidden(2, 100, "selu"), outputs()], SGD(0.01), seed)


@recipe("the same with its two constants swapped", epochs=40, batch=50, prepare=standardized)
def selu_swapped(seed: int) -> nd.Trainer:
    """scale = 1.6733 and alpha = 1.0507, as the cell has it since 2019; its output is older, and of SELU with both right."""

    def layer(number: int, units: int) -> list[nd.layers.Layer]:
        return [nd.Dense(units), nd.Activation("elu", alpha=1.0507009873554805), Scaled(1.6732632423543778)]

    return trainer([*layer(1, 300), *layer(2, 100), outputs()], SGD(0.01), seed)


# ── batch normalization ───────────────────────────────────────────────────────────────────────────────────────────────
def normalized(seed: int, initializer: str) -> nd.Trainer:
    """ELU with batch normalization before each activation and behind the outputs; the biases are kept, though needless."""

    def normalize(units: int, name: str) -> list[nd.layers.Layer]:
        return [nd.Dense(units, kernel_initializer=initializer, name=name), nd.BatchNormalization(momentum=0.9, epsilon=1e-3)]

    elu = [nd.Activation("elu"), nd.Activation("elu")]
    layers = [*normalize(300, "hidden1"), elu[0], *normalize(100, "hidden2"), elu[1], *normalize(10, "outputs")]
    return trainer(layers, SGD(0.01), seed)


@recipe("784-300-100-10, ELU, batch normalization, He", epochs=20, batch=200)
def bn_he(seed: int) -> nd.Trainer:
    return normalized(seed, HE)


@recipe("the same, LeCun: what the chapter calls he_init", epochs=20, batch=200)
def bn_lecun(seed: int) -> nd.Trainer:
    return normalized(seed, LECUN)


@recipe("the same, He, in as many updates as the leaky ReLU network had", epochs=40, batch=50)
def bn_he_long(seed: int) -> nd.Trainer:
    return normalized(seed, HE)


@recipe("continuing, statistics frozen", epochs=20, batch=200, after="bn_he")
def bn_continued_frozen(network: nd.Sequential, seed: int) -> nd.Trainer:
    """As UBC's cell seems to have run: `training` is not fed, so the moving statistics normalize and stay."""
    for layer in network.layers:
        if isinstance(layer, nd.BatchNormalization):
            layer.use_moving_statistics = True
    return go_on(network, SGD(0.01), seed)


@recipe("continuing as before", epochs=20, batch=200, after="bn_he")
def bn_continued(network: nd.Sequential, seed: int) -> nd.Trainer:
    return go_on(network, SGD(0.01), seed)


# ── clipping, and reuse of the network trained with it ────────────────────────────────────────────────────────────────
@recipe("784-300-50-50-50-50-10, ReLU, gradients clipped to ±1", epochs=20, batch=200)
def clipping(seed: int) -> nd.Trainer:
    deep = [layer for number, units in enumerate([300, 50, 50, 50, 50], 1) for layer in hidden(number, units, "relu")]
    return trainer([*deep, outputs()], SGD(0.01), seed, clipping=nd.clipping.ClipByValue(1.0))


@recipe("restored and trained on", epochs=20, batch=200, after="clipping")
def clipping_continued(network: nd.Sequential, seed: int) -> nd.Trainer:
    return go_on(network, SGD(0.01), seed, clipping=nd.clipping.ClipByValue(1.0))


def with_new_layers(network: nd.Sequential) -> nd.Sequential:
    """Hidden layers 1 to 3 reused; a new fourth of 20 units and new outputs."""
    return network.with_layers([*hidden(4, 20, "relu"), outputs()], keep="active3")


@recipe("new layers on reused 1 to 3", epochs=20, batch=200, after="clipping")
def new_layers(network: nd.Sequential, seed: int) -> nd.Trainer:
    return go_on(with_new_layers(network), SGD(0.01), seed)


@recipe("the same, 1 and 2 frozen", epochs=20, batch=200, after="clipping")
def frozen(network: nd.Sequential, seed: int) -> nd.Trainer:
    reused = with_new_layers(network)
    reused.freeze("hidden[12]")
    return go_on(reused, SGD(0.01), seed)


@recipe("the same, what the frozen layers say computed once", epochs=20, batch=200, after="clipping", cache_frozen=True)
def cached(network: nd.Sequential, seed: int) -> nd.Trainer:
    return frozen(network, seed)


# ── learning rate, penalties, dropout ─────────────────────────────────────────────────────────────────────────────────
def two_hidden(**how: Any) -> list[nd.layers.Layer]:
    """784-300-50-10 with ReLU; how: what the two hidden layers are given."""
    return [*hidden(1, 300, "relu", **how), *hidden(2, 50, "relu", **how), outputs()]


@recipe("784-300-50-10, ReLU, learning rate 0.1 · 0.1^(t/10,000)", epochs=5, batch=50)
def decay(seed: int) -> nd.Trainer:
    rate = nd.schedules.ExponentialDecay(0.1, decay_steps=10_000, decay_rate=1 / 10)
    return trainer(two_hidden(), nd.optimizers.Momentum(rate, momentum=0.9), seed)


@recipe("784-300-10, ReLU, L1", epochs=20, batch=200)
def l1(seed: int) -> nd.Trainer:
    weights = {"kernel_regularizer": nd.regularizers.L1(0.001)}
    return trainer([*hidden(1, 300, "relu", **weights), outputs(**weights)], SGD(0.01), seed)


@recipe("the same with a bracket in the wrong place", epochs=20, batch=200)
def l1_bracket(seed: int) -> nd.Trainer:
    """sum(|W1| + sum(|W2|)), as the other seed writes it, adds Σ|W2| once for each of the 784 · 300 elements of W1."""
    first, second = nd.regularizers.L1(0.001), nd.regularizers.L1(0.001 * 784 * 300)
    layers = [*hidden(1, 300, "relu", kernel_regularizer=first), outputs(kernel_regularizer=second)]
    return trainer(layers, SGD(0.01), seed)


@recipe("784-300-50-10, ReLU, L1", epochs=20, batch=200)
def l1_deep(seed: int) -> nd.Trainer:
    weights = {"kernel_regularizer": nd.regularizers.L1(0.001)}
    return trainer([*hidden(1, 300, "relu", **weights), *hidden(2, 50, "relu", **weights), outputs(**weights)], SGD(0.01), seed)


@recipe("784-300-50-10, ReLU, dropout 0.5", epochs=20, batch=50)
def dropout(seed: int) -> nd.Trainer:
    first, second = hidden(1, 300, "relu"), hidden(2, 50, "relu")
    layers = [nd.Dropout(0.5), *first, nd.Dropout(0.5), *second, nd.Dropout(0.5), outputs()]
    return trainer(layers, nd.optimizers.Momentum(0.01, momentum=0.9), seed)


@recipe("the same without that of the first hidden layer", epochs=20, batch=50)
def dropout_bypassed(seed: int) -> nd.Trainer:
    """The other seed computes hidden1_drop and then feeds hidden1 to the second hidden layer."""
    layers = [nd.Dropout(0.5), *hidden(1, 300, "relu"), *hidden(2, 50, "relu"), nd.Dropout(0.5), outputs()]
    return trainer(layers, nd.optimizers.Momentum(0.01, momentum=0.9), seed)


# ── max-norm ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def limited(seed: int, constraint: Any) -> nd.Trainer:
    return trainer(two_hidden(kernel_constraint=constraint), nd.optimizers.Momentum(0.01, momentum=0.9), seed)


@recipe("784-300-50-10, ReLU, max-norm 1 of outgoing weights", epochs=20, batch=50)
def max_norm_rows(seed: int) -> nd.Trainer:
    """axes=1, as the code has it."""
    return limited(seed, nd.constraints.MaxNorm(1.0, axis=1))


@recipe("the same, of incoming weights", epochs=20, batch=50)
def max_norm_columns(seed: int) -> nd.Trainer:
    """As the text says."""
    return limited(seed, nd.constraints.MaxNorm(1.0, axis=0))


@recipe("the same without max-norm", epochs=20, batch=50)
def no_max_norm(seed: int) -> nd.Trainer:
    return limited(seed, None)


# ── digits 0 to 4, and 5 to 9 ─────────────────────────────────────────────────────────────────────────────────────────
def low(digits: Task) -> Task:
    """The digits 0 to 4."""
    return Task(*(split(part)[0] for part in (digits.training, digits.validation, digits.test)))


def high(digits: Task) -> Task:
    """The digits 5 to 9; the first 100 of each to learn from, the first 30 to stop early by."""

    def first(part: tuple[np.ndarray, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
        x, y = part
        chosen = np.concatenate([np.flatnonzero(y == k)[:count] for k in range(5)])
        return x[chosen], y[chosen]

    training, validation, test = (split(part)[1] for part in (digits.training, digits.validation, digits.test))
    return Task(first(training, 100), first(validation, 30), test)


def five_classes(hidden_layers: int, units: int, activation: str, initializer: str, seed: int, **more: float) -> nd.Sequential:
    """Hidden layers of this many units for five digits."""
    layers: list[nd.layers.Layer] = []
    for number in range(1, hidden_layers + 1):
        layers.append(nd.Dense(units, kernel_initializer=initializer, name=f"hidden{number}"))
        layers.append(nd.Activation(activation, name=f"active{number}", **more))
    return nd.Sequential([*layers, outputs(5, kernel_initializer=initializer)], 784, seed=seed)


def adam(network: nd.Sequential, rate: float, seed: int) -> nd.Trainer:
    return nd.Trainer(network, LOSS, nd.optimizers.Adam(rate), metrics=["accuracy"], seed=seed)


MANY = range(10)    # whether a run collapses is yes or no: three seeds say little
PATIENCE = 21    # the cell counts checks without progress and stops when there are more than 20
DIGITS_0_TO_4 = {"epochs": 1000, "batch": 20, "prepare": low, "patience": PATIENCE}


@recipe("784-5×100-5, ELU, LeCun, Adam at 0.01, digits 0 to 4", **DIGITS_0_TO_4, seeds=MANY)
def collapse(seed: int) -> nd.Trainer:
    return adam(five_classes(5, 100, "elu", LECUN, seed), 0.01, seed)


@recipe("the same, He, as it is named", **DIGITS_0_TO_4)
def collapse_he(seed: int) -> nd.Trainer:
    return adam(five_classes(5, 100, "elu", HE, seed), 0.01, seed)


@recipe("the same, LeCun, Adam at 0.001", **DIGITS_0_TO_4)
def no_collapse(seed: int) -> nd.Trainer:
    return adam(five_classes(5, 100, "elu", LECUN, seed), 0.001, seed)


@measurement("digits 5 to 9, 100 of each, on layers reused from 0 to 4", epochs=1000)
def digits_5_to_9(seed: int, digits: Task, epochs: int) -> Figures:
    """The chapter's way; benchmarks/transfer.py does it at a rate of 0.001 and tells more."""
    few = high(digits)

    def train(network: nd.Sequential, task: Task, batch: int, cache_frozen: bool = False) -> float:
        """Train until it gets no better; the accuracy on the test images."""
        teacher, stop = adam(network, 0.01, seed), nd.callbacks.EarlyStopping("val_loss", patience=PATIENCE)
        teacher.fit(
            *task.training, epochs=epochs, batch_size=batch, validation_data=task.validation, callbacks=[stop],
            cache_frozen=cache_frozen, verbose=False,
        )  # fmt: skip
        return teacher.evaluate(*task.test)["accuracy"]

    def on_top_of(layer: str) -> nd.Sequential:
        reused = base.with_layers([outputs(5, kernel_initializer=LECUN)], keep=layer)
        reused.freeze("hidden.*")
        return reused

    base = five_classes(5, 90, "leaky_relu", LECUN, seed, negative_slope=0.1)
    found = {"digits 0 to 4": train(base, low(digits), 500)}
    found["five frozen"] = train(on_top_of("active5"), few, 20)
    found["five frozen, cached"] = train(on_top_of("active5"), few, 20, cache_frozen=True)
    found["four frozen"] = train(four := on_top_of("active4"), few, 20)
    four.unfreeze("hidden[34]")
    found["top two unfrozen"] = train(four, few, 20)
    four.unfreeze()
    found["all unfrozen"] = train(four, few, 20)
    found["from scratch"] = train(five_classes(4, 100, "elu", LECUN, seed + 1000), few, 20)
    return found


# ── running ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class Watch(nd.callbacks.Callback):
    """What the sources print after an epoch: accuracy on the test images, and on the last batch after its own update."""

    def __init__(self, test: tuple[np.ndarray, np.ndarray]) -> None:
        self.test_images = test
        self.test: list[float] = []
        self.batch: list[float] = []

    def on_step_end(self, trainer: nd.Trainer) -> None:
        if trainer.batches_done == trainer.steps_per_epoch:
            x, y = trainer.model.layers[0].input.copy(), trainer.loss.targets.copy()
            self.batch.append(trainer.evaluate(x, y)["accuracy"])

    def on_epoch_end(self, trainer: nd.Trainer, record: Record) -> None:
        self.test.append(trainer.evaluate(*self.test_images)["accuracy"])


class Runner:
    """Runs recipes on these digits, at most this many epochs each; keeps trained networks for the recipes that continue."""

    def __init__(self, digits: Task, most: int | None = None) -> None:
        self.digits, self.most = digits, most
        self.networks: dict[tuple[str, int], nd.Sequential] = {}

    def epochs(self, recipe: Recipe) -> int:
        return recipe.epochs if self.most is None else min(self.most, recipe.epochs)

    def run(self, recipe: Recipe, seed: int) -> Record:
        """One recipe from one seed: what is measured by epoch or by name, updates, seconds."""
        if recipe.measure is None:
            return self.train(recipe, seed)
        started = time.perf_counter()
        figures = recipe.measure(seed, self.digits, self.epochs(recipe))
        return {"figures": figures, "seconds": time.perf_counter() - started}

    def train(self, recipe: Recipe, seed: int) -> Record:
        """Build and fit."""
        assert recipe.build is not None
        start = () if recipe.after is None else (self.trained(recipe.after, seed).copy(),)
        trainer = recipe.build(*start, seed)
        digits = self.digits if recipe.prepare is None else recipe.prepare(self.digits)
        watch = Watch(digits.test)
        callbacks: list[nd.callbacks.Callback] = [] if recipe.cache_frozen else [watch]
        if recipe.patience:
            callbacks.append(nd.callbacks.EarlyStopping("val_loss", patience=recipe.patience))
        history = trainer.fit(
            *digits.training, epochs=self.epochs(recipe), batch_size=recipe.batch, validation_data=digits.validation,
            callbacks=callbacks, cache_frozen=recipe.cache_frozen, verbose=False,
        )  # fmt: skip
        self.networks[recipe.key, seed] = trainer.model
        record = {
            "validation": history["val_accuracy"], "test": watch.test, "batch": watch.batch, "loss": history["loss"],
            "updates": history["updates"], "seconds": trainer.seconds,
        }  # fmt: skip
        if recipe.patience:
            record["figures"] = {
                "best validation loss": min(history["val_loss"]),
                "test accuracy of the best": trainer.evaluate(*digits.test)["accuracy"],
                "validation accuracy at the end": history["val_accuracy"][-1],
            }
        return record

    def trained(self, key: str, seed: int) -> nd.Sequential:
        """The network that a recipe leaves; trained now if it was not before."""
        if (key, seed) not in self.networks:
            self.train(RECIPES[key], seed)
        return self.networks[key, seed]


def load(arguments: argparse.Namespace) -> tuple[str, Task]:
    """What the digits are, in words, and the digits."""
    if not arguments.quick:
        return "full MNIST", Task(*nd.datasets.mnist(arguments.data))
    (x, y), (x_test, y_test) = nd.datasets.mnist_sample()
    return "a few of the packed digits", Task((x[:600], y[:600]), (x[4700:], y[4700:]), (x_test[:300], y_test[:300]))


def kept(path: Path, settings: Record) -> dict[str, dict[str, Record]]:
    """The finished runs of an earlier time, if they were made with the same digits and epochs."""
    if not path.exists():
        return {}
    earlier = json.loads(path.read_text(encoding="utf-8"))
    return earlier["runs"] if all(earlier[name] == value for name, value in settings.items()) else {}


def parse(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="the recipes")
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), metavar="RECIPE", help="these recipes alone; see --list")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="S", help="these seeds (default: 0 1 2; for collapse 0 to 9)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where MNIST lies (default: $NPDEEP_DATA, else downloaded)")
    parser.add_argument("--epochs", type=int, metavar="N", help="at most this many epochs a recipe; printed ones are left out")
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed, few digits: nothing is compared")
    parser.add_argument("--fresh", action="store_true", help="use no run of an earlier time")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="folder for seeds.json, seeds.png and RESULTS.md")
    arguments = parser.parse_args(given)
    if arguments.epochs is not None and arguments.epochs < 1:
        parser.error("--epochs must be at least 1")
    if arguments.quick:
        arguments.epochs, arguments.seeds = 1, (arguments.seeds or [0])[:1]
    return arguments


def main(given: Sequence[str] | None = None) -> None:
    arguments = parse(given)
    if arguments.list:
        for entry in RECIPES.values():
            print(f"{entry.key:20} {entry.title}")
        return
    name, digits = load(arguments)
    whole = arguments.only is None and arguments.epochs is None
    output = arguments.output or (HERE if whole else None)
    settings = {"data": name, "most_epochs": arguments.epochs}
    runs = kept(output / "seeds.json", settings) if output and not arguments.fresh else {}
    results: Record = {
        **settings, "npdeep": nd.__version__, "numpy": np.__version__, "python": platform.python_version(),
        "processors": os.cpu_count(), "date": datetime.date.today().isoformat(), "runs": runs,
        "titles": {key: entry.title for key, entry in RECIPES.items()},
    }  # fmt: skip
    if output:
        output.mkdir(parents=True, exist_ok=True)
    wanted = {key: arguments.seeds or RECIPES[key].seeds for key in arguments.only or RECIPES}
    for seed in sorted({seed for seeds in wanted.values() for seed in seeds}):
        runner = Runner(digits, arguments.epochs)    # a new one for each seed: one seed's networks are enough to keep
        for key, seeds in wanted.items():
            if seed not in seeds or str(seed) in runs.get(key, {}):
                continue
            runs.setdefault(key, {})[str(seed)] = runner.run(RECIPES[key], seed)
            print(f"{key}, seed {seed}: {runs[key][str(seed)]['seconds']:.1f} seconds", flush=True)
            if output:
                (output / "seeds.json").write_text(json.dumps(results) + "\n", encoding="utf-8")
    if (table := seeds_report.whole(results)).rows:
        print(table, end="\n\n")
    print(seeds_report.text(results))
    if output:
        seeds_report.write(results, output)


if __name__ == "__main__":
    main()
