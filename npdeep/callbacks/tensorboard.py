"""A run's numbers for TensorBoard."""

import numbers
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from npdeep.callbacks.base import Callback
from npdeep.common import checks
from npdeep.common.optional import needed
from npdeep.kernels.arrays import Array


class TensorBoard(Callback):
    """Writes what the history records, the learning rate included, into a folder that `tensorboard --logdir folder` shows.

    Args:
        folder: for the files of this run; runs in folders side by side are compared.
        every: also after each time this many updates are done: step/loss (of that batch) and step/learning_rate.
        histograms: True writes all weights, and the gradients of the last step, after every epoch.

    The horizontal axis counts updates. TensorBoard keeps float32 numbers; the history has all digits. What a resumed run writes
    takes the place of what the first part wrote after its checkpoint. Needs tensorboardX (extra `tensorboard`): ImportError,
    with the command that fixes it, where it is missing.

    >>> TensorBoard("runs/first").every is None
    True
    """

    reports: ClassVar[bool] = True
    settled: ClassVar[dict[str, str]] = {"folder": "its files have been begun; make a new callback"}

    def __init__(self, folder: str | Path, every: int | None = None, histograms: bool = False) -> None:
        self.folder = checks.path("TensorBoard", "folder", folder)
        self.every = None if every is None else checks.whole("TensorBoard", "every", every)
        self.histograms = checks.flag("TensorBoard", "histograms", histograms)
        self.writer: Any = None

    def on_fit_begin(self, trainer: Any) -> None:
        """Open a file. What is there of later steps no longer counts."""
        library = needed("TensorBoard", "tensorboardX", "tensorboard")
        files = len(list(self.folder.glob("events.out.tfevents.*")))    # two runs of one second would be one
        suffix, purged = f".{files:04d}", trainer.iteration + 1
        self.writer = library.SummaryWriter(logdir=str(self.folder), purge_step=purged, filename_suffix=suffix)

    def on_step_end(self, trainer: Any) -> None:
        """Loss and learning rate, where it is time."""
        if self.every is not None and trainer.iteration % self.every == 0:
            self.write("step/loss", trainer.last_loss, trainer.iteration)
            self.write("step/learning_rate", trainer.optimizer.learning_rate_at(trainer.iteration - 1), trainer.iteration)

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """The line of the history, and the histograms."""
        for name, value in record.items():
            if name != "updates":
                self.write(name, value, trainer.iteration)
        for p in trainer.model.parameters if self.histograms else ():
            self.write_histogram(f"weights/{p.name}", p.value, trainer.iteration)
            if p.grad is not None and p.trainable:
                self.write_histogram(f"gradients/{p.name}", p.grad, trainer.iteration)
        self.writer.flush()

    def write(self, name: str, value: Any, step: int) -> None:
        """A number; of what a callback has added to the record it may be none."""
        if isinstance(value, numbers.Real):
            self.writer.add_scalar(name, float(value), step)

    def write_histogram(self, name: str, values: Array, step: int) -> None:
        """Those of the values that are finite, if there are any."""
        finite = values[np.isfinite(values)]
        if finite.size:
            self.writer.add_histogram(name, finite.astype(np.float64), step)

    def on_fit_end(self, trainer: Any) -> None:
        """Close the file."""
        if self.writer is not None:
            self.writer.close()
        self.writer = None
