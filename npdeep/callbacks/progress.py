"""Showing how far a run has come."""

import math
import os
import sys
from typing import Any

from npdeep.callbacks.base import Callback
from npdeep.common import printing

LEAVE_OUT = ("learning_rate", "seconds", "updates")
"""Where a line is too long for the terminal, these go first: they are in the history."""

DIVERGED = (
    "the loss is not finite: try a smaller learning_rate; nd.callbacks.TerminateOnNaN() stops a run at that step and names the "
    "array that went bad first"
)


class PlainProgress(Callback):
    """One line per epoch on standard output.

    >>> PlainProgress().line({"epoch": 1, "updates": 100, "seconds": 1.5, "loss": 0.25}, epochs=2)
    'epoch 1/2  updates 100  seconds 1.5  loss 0.25'
    """

    reports = True

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Print the record."""
        print(self.fitted(record, trainer.last_epoch), flush=True)

    def on_fit_end(self, trainer: Any) -> None:
        """Say why the run stopped, if it did before its end; what to do where the loss has become NaN or infinite."""
        if trainer.stop_reason:
            print(printing.fold(f"stopped: {trainer.stop_reason}"), flush=True)
        elif len(trainer.history) and not math.isfinite(trainer.history["loss"][-1]):
            print(printing.fold(DIVERGED), flush=True)

    def line(self, record: dict[str, Any], epochs: int) -> str:
        """The record on one line."""
        shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in record.items() if k != "epoch"}
        return f"epoch {record['epoch']}/{epochs}  " + "  ".join(f"{k} {v}" for k, v in shown.items())

    def fitted(self, record: dict[str, Any], epochs: int) -> str:
        """The record as the terminal has room for it: the least interesting quantities are left out, the rest is folded."""
        shown = dict(record)
        for key in LEAVE_OUT:
            if printing.length(self.line(shown, epochs)) > printing.columns():
                shown.pop(key, None)
        return printing.fold(self.line(shown, epochs))


class ProgressBar(PlainProgress):
    """A bar by tqdm for the running epoch, and one line for each that is finished.

    Raises ImportError, with the command that fixes it, where tqdm is missing.

    >>> bar = ProgressBar()
    """

    def __init__(self) -> None:
        try:
            from tqdm import tqdm  # not tqdm.auto, which warns in notebooks without ipywidgets
        except ImportError:
            raise ImportError("ProgressBar needs tqdm: python -m pip install 'npdeep[progress]'") from None
        self.tqdm = tqdm
        self.bar: Any = None

    def on_fit_begin(self, trainer: Any) -> None:
        """The rest of an interrupted epoch needs a bar too."""
        if trainer.resumed and trainer.batches_done:
            self.on_epoch_begin(trainer)

    def on_epoch_begin(self, trainer: Any) -> None:
        """Open a bar of as many steps as the epoch has."""
        total = trainer.steps_per_epoch or None
        title = f"epoch {trainer.epoch + 1}/{trainer.last_epoch}"
        done = trainer.batches_done
        file = sys.stdout if in_notebook() else sys.stderr    # a notebook shows in red what comes on stderr
        self.bar = self.tqdm(total=total, desc=title, initial=done, leave=False, mininterval=0.2, unit="step", file=file)

    def on_step_end(self, trainer: Any) -> None:
        """One step further."""
        self.bar.update()

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Close the bar, print the line."""
        self.bar.close()
        self.tqdm.write(self.fitted(record, trainer.last_epoch))

    def on_fit_end(self, trainer: Any) -> None:
        """Close the bar that an interruption left open."""
        if self.bar is not None:
            self.bar.close()
        super().on_fit_end(trainer)


def progress() -> Callback:
    """A bar where tqdm is installed and somebody is looking (a terminal that is not TERM=dumb), else a line per epoch: in
    notebooks too, whose files would keep every state of a bar. With NO_COLOR a bar is drawn by plain characters alone.

    >>> isinstance(progress(), PlainProgress)
    True
    """
    terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if terminal and not in_notebook():
        try:
            return ProgressBar()
        except ImportError:
            pass
    return PlainProgress()


def in_notebook() -> bool:
    """Does this run in Jupyter?

    >>> in_notebook()
    False
    """
    return "ipykernel" in sys.modules
