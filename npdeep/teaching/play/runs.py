"""One network of a page: its trainer, the batches to come, and what is remembered of its way."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import npdeep as nd
from npdeep.debug.snapshot import snapshot
from npdeep.kernels.activations.rows import softmax_forward
from npdeep.kernels.arrays import Array
from npdeep.teaching.play import networks
from npdeep.teaching.play.data import Data
from npdeep.teaching.play.measure import Look, look, watched_step
from npdeep.teaching.play.settings import Settings
from npdeep.training.trainer import Trainer

MEASURED = 1000
"""Loss and accuracy are those of at most this many training and test rows, the first."""

LONGEST = 400
"""How many points a curve has at most; a longer one loses every second."""

GRID = 48
"""The decision surface is computed at GRID × GRID points."""

SHARE = 25
"""What is looked at besides the step may take one part in this many of the time."""


@dataclass
class Curves:
    """Loss and accuracy on training and test rows, by updates."""

    updates: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)

    copied: dict[str, Array] | None = None

    def add(self, updates: int, training: dict[str, float], test: dict[str, float]) -> None:
        """Take in a measurement; one at the same update replaces the one before."""
        self.copied = None
        columns: tuple[list[Any], ...] = (self.updates, self.loss, self.test_loss, self.accuracy, self.test_accuracy)
        if self.updates[-1:] == [updates]:
            for column in columns:
                del column[-1]
        if len(self.updates) >= LONGEST:
            for column in columns:
                column[:] = column[::2]
        nan = float("nan")
        self.updates.append(updates)
        names = ("loss", "loss", "accuracy", "accuracy")
        for column, where, name in zip(columns[1:], (training, test) * 2, names, strict=True):
            column.append(where.get(name, nan))

    def arrays(self) -> dict[str, Array]:
        """Copies, NaN where a number is not finite; the same ones until something is added."""
        if self.copied is None:
            names = ("updates", "loss", "test_loss", "accuracy", "test_accuracy")
            columns = {name: np.array(getattr(self, name), float) for name in names}
            self.copied = {name: np.where(np.isfinite(column), column, np.nan) for name, column in columns.items()}
        return self.copied


class Due:
    """Says when something that costs time may be done again, so that it takes no more than its share."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.next = seconds, 0.0

    def now(self) -> bool:
        """Is it time?"""
        return time.perf_counter() >= self.next

    def done(self, began: float) -> None:
        """It was done just now."""
        end = time.perf_counter()
        self.next = end + max(self.seconds, SHARE * (end - began))


class Run:
    """A network that is trained, one update at a time, with the bits of `fit`.

    Attributes:
        trainer: the engine. data: its rows. start: what it looked like before the first update. seen: what it looks like now.
        updates: how many were made here. curves: loss and accuracy.
    """

    def __init__(self, settings: Settings, data: Data, trainer: Trainer | None = None) -> None:
        self.settings, self.data = settings, data
        self.trainer = networks.trainer(settings, data) if trainer is None else trainer
        self.began = self.trainer.iteration
        self.batches = self._batches()
        self.coming: tuple[Array, Array] | None = None
        self.curves = Curves()
        self.picture: Array | None = None
        self.evaluation, self.drawing = Due(0.3), Due(0.06 if data.plane else 0.25)    # weights are many bytes, and move slowly
        self.start = self.seen = self._look()
        self.evaluate()
        self.draw()

    @property
    def updates(self) -> int:
        """How many were made."""
        return self.trainer.iteration - self.began

    # ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _batches(self) -> Iterator[tuple[Array, Array]]:
        """Epoch after epoch, in the order of `fit`."""
        epoch = self.trainer.epoch
        while True:
            yield from nd.batches(
                self.data.x, self.data.y, self.settings.batch_size, seed=self.trainer.seed, epoch=epoch
            )
            epoch += 1

    def batch(self) -> tuple[Array, Array]:
        """The batch of the next update; it stays the next until `update`."""
        if self.coming is None:
            self.coming = next(self.batches)
        return self.coming

    def update(self, watched: bool = False) -> None:
        """One update; watched: look at what it did."""
        batch = self.batch()
        if watched:
            self.seen = watched_step(self.trainer, *batch)
        else:
            self.trainer.step(*batch)
        self.coming = None

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _look(self) -> Look | None:
        """The network before its first update, on the batch of that update; None where its rows are not finite."""
        try:
            with np.errstate(all="ignore"):
                return look(snapshot(self.trainer, *self.batch()))
        except ValueError:
            return None

    def look_around(self, at_once: bool = False) -> None:
        """Measure and draw what is due."""
        if at_once or self.evaluation.now():
            self.evaluate()
        if at_once or self.drawing.now():
            self.draw()

    def evaluate(self) -> None:
        """Loss and accuracy on training and test rows as they are now."""
        began = time.perf_counter()
        rows = [(self.data.x[:MEASURED], self.data.y[:MEASURED]), self.data.test]
        measured = [self._evaluated(*pair) if pair is not None else {} for pair in rows]
        self.curves.add(self.updates, *measured)
        self.evaluation.done(began)

    def _evaluated(self, x: Array, y: Array) -> dict[str, float]:
        try:
            with np.errstate(all="ignore"):
                return self.trainer.evaluate(x[:MEASURED], y[:MEASURED])
        except ValueError:                    # rows with NaN, in a planted fault
            return {}

    def draw(self) -> None:
        """The decision surface as probabilities (GRID, GRID, classes), or first-layer weights as images (units, h, w)."""
        began = time.perf_counter()
        if self.data.plane:
            self.picture = self._surface()
        elif self.data.x.shape[1] == 784:
            self.picture = self._weights()
        self.drawing.done(began)

    def _surface(self) -> Array:
        left, right, bottom, top = self.data.limits
        a, b = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
        with np.errstate(all="ignore"):
            logits = self.trainer.model.predict(np.stack([a.ravel(), b.ravel()], axis=1).astype(np.float32))
            if logits.shape[1] == 1:          # one output for two classes, as in some planted faults: the other logit is 0
                logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
            shares = softmax_forward(logits, np.empty_like(logits), np.empty_like(logits[:, :1]))
        return shares.reshape(GRID, GRID, -1)

    def _weights(self) -> Array | None:
        kernel = next((p.value for p in self.trainer.model.parameters if p.name.endswith("/kernel")), None)
        return None if kernel is None or kernel.shape[0] != 784 else kernel[:, :21].T.reshape(-1, 28, 28).copy()
