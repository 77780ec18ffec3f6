"""Runs of fit that are interrupted at a chosen moment and resumed, and all that must be as if they had never stopped."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from helpers_training import bits, every_trainer, examples

import npdeep as nd
from npdeep.callbacks import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    RecordGradients,
    RecordLayers,
    RecordUpdates,
    ReduceLROnPlateau,
    TerminateOnNaN,
)

X, Y = examples(50)                           # batches of 16, 16, 16 and 2
VALIDATION = examples(40, seed=1)
EPOCHS, PER_EPOCH = 4, 4
PACKAGE = str(Path(nd.__file__).parent)


def jitter(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An augmentation."""
    return x + 0.1 * rng.standard_normal(x.shape, dtype=np.float32)


class Decay(Callback):
    """A user's own schedule, that must be asked exactly once an epoch, and counts what it was told."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.told = [0, 0, 0]

    def on_epoch_begin(self, trainer: nd.Trainer) -> None:
        trainer.optimizer.learning_rate *= 0.9
        self.told[0] += 1

    def on_step_end(self, trainer: nd.Trainer) -> None:
        self.told[1] += 1

    def on_epoch_end(self, trainer: nd.Trainer, record: dict[str, Any]) -> None:
        self.told[2] += 1

    def state(self) -> dict[str, Any]:
        return {"told": list(self.told)}

    def set_state(self, state: dict[str, Any]) -> None:
        self.told = list(state["told"])


class Run:
    """One run: how its trainer is made, what fit is given, which callbacks watch.

    Args:
        folder: for files. patience: of early stopping; a short one ends the run before its last epoch. batches: give a list of
            batches in place of arrays.
    """

    def __init__(self, folder: Path, patience: int = 99, every: int | None = None, batches: bool = False) -> None:
        self.folder, self.patience, self.every, self.batches = folder, patience, every, batches
        folder.mkdir(parents=True, exist_ok=True)
        self.trainer = every_trainer(nd.optimizers.Nadam(0.3))
        self.watchers = self.new_watchers()

    def new_watchers(self) -> list[Callback]:
        """Objects that have watched nothing yet."""
        return [
            EarlyStopping(patience=self.patience, every=self.every),
            ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05),
            RecordGradients(every=3),
            RecordUpdates(every=2),
            RecordLayers(X[:20], Y[:20], every=5),
            CSVLogger(self.folder / "history.csv"),
            Checkpoint(self.folder / "files", keep=2, every=3),
            TerminateOnNaN(),
            Decay(),
        ]

    def fit(self, *others: Callback) -> None:
        """Train to the end of the last epoch."""
        data: Any = ([(X[i : i + 16], Y[i : i + 16]) for i in range(0, 50, 16)],) if self.batches else (X, Y)
        given = {} if self.batches else {"batch_size": 16, "augment": jitter}
        epochs = EPOCHS - self.trainer.epoch
        watchers = [*others, *self.watchers]
        self.trainer.fit(*data, epochs=epochs, validation_data=VALIDATION, callbacks=watchers, verbose=False, **given)

    def resume(self, how: str) -> None:
        """Continue: with the same callbacks, with new ones, or with new ones and a trainer from a file."""
        if not self.trainer.interrupted and self.trainer.epoch > 0:
            return                            # Ctrl-C came when all was done
        if how == "file":
            self.trainer = nd.Trainer.restore(self.trainer.save(self.folder / "interrupted.npz"))
        if how != "same objects":
            self.watchers = self.new_watchers()
        self.fit()

    def outcome(self) -> dict[str, Any]:
        """Everything that must be equal in the end."""
        stopping, plateau, gradients, updates, layers, logger, checkpoint, _, decay = self.watchers
        rows = [line.split(",") for line in logger.path.read_text(encoding="utf-8").splitlines()]
        clock = rows[0].index("seconds") if rows else 0
        return {
            **bits(self.trainer),
            "learning rate": self.trainer.optimizer.learning_rate,
            "history": [{k: v for k, v in record.items() if k != "seconds"} for record in self.trainer.history],
            "stopped because": self.trainer.history.stopped_because,
            "place": (self.trainer.unfinished, self.trainer.batches_done),
            "early stopping": (stopping.best, stopping.best_iteration, stopping.waited),
            "plateau": plateau.state(),
            "gradients": gradients.state(),
            "updates": updates.state(),
            "layers": (layers.updates, layers.losses, [h.shares.tolist() for h in layers.gradients]),
            "csv": [row[:clock] + row[clock + 1 :] for row in rows],
            "files": sorted(path.name for path in checkpoint.files),
            "own callback": decay.told,
        }


@contextmanager
def at_line(number: int, act: Callable[[], Any]) -> Iterator[list[int]]:
    """Run `act` before the line of npdeep's code with this number is run; yields a list that holds how many lines have run."""
    lines = [0]

    def look(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "call":
            return look if frame.f_code.co_filename.startswith(PACKAGE) else None
        if event == "line":
            lines[0] += 1
            if lines[0] == number:
                act()
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield lines
    finally:
        sys.settrace(before)


def press() -> None:
    """Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def at_moment(moment: str, number: int, error: BaseException | type[BaseException] | None) -> LambdaCallback:
    """A callback that raises the error, or presses Ctrl-C for None, when it hears of this moment for the n-th time."""
    count = [0]

    def fail(*_: Any) -> None:
        count[0] += 1
        if count[0] == number:
            if error is None:
                press()
            else:
                raise error

    return LambdaCallback(**{moment: fail})
