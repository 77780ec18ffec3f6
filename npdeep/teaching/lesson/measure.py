"""Training a network of the lesson and measuring what happens in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from npdeep.callbacks import Callback, RecordGradients, progress
from npdeep.datasets.mnist import Split
from npdeep.debug.snapshot import flat_share, hidden_activations, kernel_gradient_norms, snapshot, spread_over_examples
from npdeep.history import History
from npdeep.models.sequential import Sequential
from npdeep.teaching.lesson.networks import Network
from npdeep.training.trainer import Trainer

BATCH = 50
PROBE = 500
"""So many training digits are looked at before and after training."""


@dataclass
class Look:
    """The network at one moment, on the first 500 training digits.

    Attributes:
        norms: ‖∂L/∂kernel‖ of every layer, lowest first.
        saturated: share of hidden outputs whose slope is below a tenth of the steepest.
        dead: share of hidden units for which that holds on all 500 digits.
        signal: how far the outputs of a unit of the last hidden layer spread from digit to digit, over the same in the first.
    """

    norms: list[float]
    saturated: float
    dead: float
    signal: float = 1.0

    @property
    def first(self) -> float:
        """The gradient norm of the lowest layer."""
        return self.norms[0]

    @property
    def last(self) -> float:
        """The gradient norm of the output layer."""
        return self.norms[-1]

    @property
    def ratio(self) -> float:
        """First over last: below 1 where the gradient shrinks on its way back."""
        return self.first / self.last if self.last > 0 else float("nan")


@dataclass
class Result:
    """What became of one network: before and after training, and the way between."""

    title: str
    compared: bool
    squashes: bool
    before: Look
    after: Look
    accuracy: float
    updates: int
    seconds: float
    history: History = field(default_factory=History)
    gradients: RecordGradients = field(default_factory=RecordGradients)
    start: Sequential | None = None


class StopWhen(Callback):
    """Ends the training when a function says so."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self.stopped = stopped

    def on_step_end(self, trainer: Any) -> None:
        """Ask after every update."""
        if self.stopped():
            trainer.stop("interrupted")


def look(trainer: Trainer, training: Split) -> Look:
    """Measure a network as it is, on a copy."""
    twin = snapshot(trainer, training[0][:PROBE], training[1][:PROBE])
    hidden = hidden_activations(twin)
    shares = [flat_share(layer) for layer in hidden]
    lowest, highest = spread_over_examples(hidden[0].output), spread_over_examples(hidden[-1].output)
    return Look(
        list(kernel_gradient_norms(twin).values()),
        sum(saturated for saturated, _ in shares) / len(shares),
        sum(dead for _, dead in shares) / len(shares),
        highest / lowest,
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
    """Train one network from the seed and measure it before and after. say: takes a line at the end; None keeps silent."""
    model = network.model(seed)
    trainer = Trainer(model, "softmax_cross_entropy", network.optimizer(), metrics=["accuracy"])
    before, start = look(trainer, training), model.copy()
    gradients = RecordGradients(every=max(1, epochs * (len(training[0]) // BATCH) // 40))
    shown: list[Callback] = [] if say is None else [LessonProgress(say, progress())]
    callbacks = [gradients, StopWhen(stopped), *shown]
    history = trainer.fit(
        *training, epochs=epochs, batch_size=BATCH, validation_data=test, callbacks=callbacks, verbose=False
    )
    hidden = hidden_activations(model)
    return Result(
        network.title,
        network.compared,
        any(layer.rule.squashes for layer in hidden),
        before,
        look(trainer, training),
        trainer.evaluate(*test)["accuracy"],
        trainer.iteration,
        trainer.seconds,
        history,
        gradients,
        start,
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
        text = f"loss {record['loss']:.3f}, right on {record['val_accuracy']:.1%} of the test digits"
        if self.bar is not None:
            self.bar.set_postfix_str(text)
            self.bar.update()
        elif trainer.epoch % max(1, min(10, trainer.last_epoch // 4)) == 0:
            self.say(f"     epoch {trainer.epoch}/{trainer.last_epoch}: {text}")

    def on_fit_end(self, trainer: Any) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.close()
