"""Training a network of the lesson and measuring what happens in it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npdeep.callbacks import Callback, progress
from npdeep.common import checks, seeds
from npdeep.common.hinting import is_function
from npdeep.common.printing import fold
from npdeep.datasets.mnist import Split
from npdeep.debug.snapshot import flat_share, gradient_norms, hidden_activations, snapshot, spread_over_examples
from npdeep.history import History
from npdeep.layers import Activation, Residual
from npdeep.teaching.lesson.networks import PIXELS, Network
from npdeep.training.trainer import Trainer

BATCH = 50
PROBE = 500
"""This many training digits are looked at before, during and after training."""

LOOKS = 5
"""A network is looked at this often while it trains."""


@dataclass
class Look:
    """The network at one moment, on the first 500 training digits.

    Attributes:
        norms: ‖∂L/∂z‖ of every layer that has a kernel, lowest first; z is what the layer computes.
        spreads: of what each hidden layer passes on, how far it spreads from digit to digit, lowest first.
        saturated: share of hidden outputs whose slope is below a tenth of the steepest.
        dead: share of hidden units for which that holds on all 500 digits.
    """

    norms: list[float]
    spreads: list[float] = field(default_factory=lambda: [1.0])
    saturated: float = 0.0
    dead: float = 0.0

    @property
    def first(self) -> float:
        """‖∂L/∂z‖ of the lowest layer."""
        return self.norms[0]

    @property
    def last(self) -> float:
        """‖∂L/∂z‖ of the output layer."""
        return self.norms[-1]

    @property
    def ratio(self) -> float:
        """First over last: below 1 where the gradient shrinks on its way back."""
        return self.first / self.last if self.last > 0 else math.nan

    @property
    def signal(self) -> float:
        """What is left in the last hidden layer of the spread in the first."""
        return self.spreads[-1] / self.spreads[0] if self.spreads[0] > 0 else math.nan


@dataclass
class Result:
    """What became of one network: before and after training, and the way between.

    Attributes:
        loss, train_accuracy: of all training digits, after training. accuracy: of the test digits.
        way: looks by the number of updates, from 0 to the last.
    """

    title: str
    compared: bool
    squashes: bool
    before: Look
    after: Look
    loss: float
    train_accuracy: float
    accuracy: float
    updates: int
    history: History = field(default_factory=History)
    way: dict[int, Look] = field(default_factory=dict)

    @property
    def cut(self) -> bool:
        """Did someone end the training before its time? Numbers that are no longer finite do not count as such."""
        return bool(self.history.stopped_because) and math.isfinite(self.loss)


def check_split(name: str, split: Any) -> Split:
    """Digits and labels, at least one. Raises TypeError or ValueError where they are none."""
    if not isinstance(split, tuple | list) or len(split) != 2:
        got = checks.describe(split)
        raise TypeError(f"lesson: {name} must be a pair (x, y), as nd.datasets.mnist_sample() has them, got {got}")
    return checks.examples("lesson", f"{name}'s x", split[0], PIXELS), checks.real_array("lesson", f"{name}'s y", split[1])


def check_function(name: str, function: Any) -> None:
    """Raise TypeError where it is none."""
    if not is_function(function):
        raise TypeError(f"lesson: {name} must be a function, got {checks.describe(function)}")


def check_results(results: Any, name: str = "results") -> list[Result]:
    """What `train` returned for several networks. Raises TypeError for anything else.

    >>> check_results([3])
    Traceback (most recent call last):
    TypeError: lesson: results[0] must be a Result, as nd.lesson.train returns it, got 3
    """
    found = checks.items("lesson", name, results, "results")
    for i, result in enumerate(found):
        check_result(f"{name}[{i}]", result)
    return found


def check_result(name: str, result: Any) -> None:
    """Raise TypeError where it is not what `train` returns."""
    if not isinstance(result, Result):
        raise TypeError(f"lesson: {name} must be a Result, as nd.lesson.train returns it, got {checks.describe(result)}")


class Watch(Callback):
    """Looks at the network several times on its way, and ends the training when a function says so, or all is NaN."""

    def __init__(self, training: Split, every: int, stopped: Callable[[], bool]) -> None:
        self.training, self.every, self.stopped = training, every, stopped
        self.way: dict[int, Look] = {}

    def on_step_end(self, trainer: Any) -> None:
        """Ask after every update."""
        if self.stopped():
            trainer.stop("interrupted")

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Look, where it is time."""
        if not math.isfinite(record["loss"]):
            trainer.stop("the loss is no longer a finite number")
        elif trainer.epoch % self.every == 0:
            self.way[trainer.iteration] = look(trainer, self.training)


def look(trainer: Trainer, training: Split) -> Look:
    """Measure a network as it is, on a copy."""
    with np.errstate(all="ignore"):           # weights of a run that has diverged
        twin = snapshot(trainer, training[0][:PROBE], training[1][:PROBE])
        shares = [flat_share(layer) for layer in hidden_activations(twin)]
        passed_on = [layer.output for layer in twin.layers if isinstance(layer, Activation | Residual)]
        return Look(
            list(gradient_norms(twin).values()),
            [spread_over_examples(output) for output in passed_on],
            sum(saturated for saturated, _ in shares) / len(shares),
            sum(dead for _, dead in shares) / len(shares),
        )


def train(
    network: Network,
    training: Split,
    test: Split,
    *,
    epochs: int,
    seed: int,
    say: Callable[[str], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Result:
    """Train one network from the seed and measure it before and after. say: takes a line now and then; None keeps silent.

    Raises ValueError or TypeError for what is no network of the lesson, and for other invalid arguments.
    """
    if not isinstance(network, Network):
        raise TypeError(f"lesson: network must be one of nd.lesson.networks(), got {checks.describe(network)}")
    training, test = (check_split(name, split) for name, split in (("training", training), ("test", test)))
    epochs, seed = checks.whole("lesson", "epochs", epochs), seeds.check_seed("lesson", seed)
    if say is not None:
        check_function("say", say)
    check_function("stopped", stopped)
    model = network.model(seed)
    trainer = Trainer(model, "softmax_cross_entropy", network.optimizer(), metrics=["accuracy"])
    epochs = min(epochs, network.most or epochs)
    before = look(trainer, training)
    watch = Watch(training, max(1, epochs // LOOKS), stopped)
    shown: list[Callback] = [] if say is None else [LessonProgress(say, progress())]
    with np.errstate(all="ignore"):
        history = trainer.fit(
            *training, epochs=epochs, batch_size=BATCH, validation_data=test, callbacks=[watch, *shown], verbose=False
        )
        learnt, tested = trainer.evaluate(*training), trainer.evaluate(*test)
    after = look(trainer, training)
    return Result(
        network.title,
        network.compared,
        any(layer.rule.squashes for layer in hidden_activations(model)),
        before,
        after,
        learnt["loss"],
        learnt["accuracy"],
        tested["accuracy"],
        trainer.iteration,
        history,
        {0: before, **watch.way, trainer.iteration: after},
    )


class LessonProgress(Callback):
    """A bar over all epochs where one can be drawn, else a line every ten epochs, and at least four a network."""

    def __init__(self, say: Callable[[str], None], kind: Callback) -> None:
        self.say = say
        self.tqdm = getattr(kind, "tqdm", None)
        self.bar: Any = None

    def on_fit_begin(self, trainer: Any) -> None:
        """Open the bar."""
        if self.tqdm is not None:
            self.bar = self.tqdm(total=trainer.last_epoch - trainer.epoch, unit="epoch", leave=False)

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """One epoch further."""
        text = (
            f"loss {record['loss']:.3f}, right: training {record['accuracy']:.1%}, test {record['val_accuracy']:.1%}"
        )
        if self.bar is not None:
            self.bar.set_postfix_str(text)
            self.bar.update()
        elif trainer.epoch % max(1, min(10, trainer.last_epoch // 4)) == 0:
            self.say(fold(f"     epoch {trainer.epoch}/{trainer.last_epoch}: {text}"))

    def on_fit_end(self, trainer: Any) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.close()
