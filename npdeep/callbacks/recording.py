"""Writing down what happens while a network trains."""

import csv
import os
from pathlib import Path
from typing import Any

from npdeep import checks
from npdeep.callbacks.base import Callback
from npdeep.events import norm


class RecordGradients(Callback):
    """Records ‖∂L/∂kernel‖ of every layer while the network trains: the gradient as the optimizer was given it.

    Args:
        every: record at the first update, then after every so many, and at the last one of fit.

    Attributes:
        layers: names of the layers that have a kernel, lowest first.
        updates: at which update each record was made. norms: one list of norms a record.

    >>> recorder = RecordGradients(every=100)
    """

    def __init__(self, every: int = 100) -> None:
        self.every = checks.whole("RecordGradients", "every", every)
        self.reset()

    def reset(self) -> None:
        """No records yet."""
        self.layers: list[str] = []
        self.updates: list[int] = []
        self.norms: list[list[float]] = []

    def on_step_end(self, trainer: Any) -> None:
        """Record, where it is time."""
        if (trainer.iteration - 1) % self.every == 0:
            self.record(trainer)

    def on_fit_end(self, trainer: Any) -> None:
        """Record the last update, where it was not its turn."""
        if trainer.iteration > 0 and (not self.updates or self.updates[-1] != trainer.iteration):
            self.record(trainer)

    def record(self, trainer: Any) -> None:
        """The norms as they are now."""
        kernels = [p for p in trainer.model.parameters if p.name.endswith("/kernel")]
        self.layers = [p.name.rpartition("/")[0] for p in kernels]
        self.updates.append(trainer.iteration)
        self.norms.append([norm(p.grad) for p in kernels])

    def state(self) -> dict[str, Any]:
        """The records so far."""
        return {"layers": self.layers, "updates": self.updates, "norms": self.norms}

    def set_state(self, state: dict[str, Any]) -> None:
        """The records so far."""
        self.layers, self.updates, self.norms = state["layers"], state["updates"], state["norms"]


class CSVLogger(Callback):
    """Writes a row an epoch into a CSV file, at once, so that a run can be watched and nothing is lost when it breaks off.

    Args:
        path: the file. Its columns are those of the first row.
        append: True goes on behind what is there; False, the default, begins anew with the first epoch.

    A run that goes on from a checkpoint goes on behind the last row from before it: rows that were written later are cut off.
    Raises ValueError where a row has other columns than the file, OSError where the file cannot be written.

    >>> CSVLogger("history.csv").append
    False
    """

    def __init__(self, path: str | Path, append: bool = False) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"CSVLogger: path must be a string or a Path, got {checks.describe(path)}")
        self.path = Path(path)
        self.append = checks.flag("CSVLogger", "append", append)
        self.reset()

    def reset(self) -> None:
        """No row yet."""
        self.columns: list[str] = []
        self.size_at_checkpoint: int | None = None

    def on_fit_begin(self, trainer: Any) -> None:
        """Begin the file, or read the columns of the one that is there."""
        if self.size_at_checkpoint is not None and self.size > self.size_at_checkpoint:
            os.truncate(self.path, self.size_at_checkpoint)
        self.size_at_checkpoint = None
        if self.columns and self.path.exists():
            return                            # a second call of fit, or a run that goes on from a checkpoint
        self.columns = []
        if self.append and self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                self.columns = next(csv.reader(file), [])
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("", encoding="utf-8")

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Write the row."""
        begin = not self.columns
        self.columns = self.columns or list(record)
        if set(record) != set(self.columns):
            raise ValueError(
                f"CSVLogger: {self.path} has the columns {', '.join(self.columns)}, this epoch recorded {', '.join(record)}"
            )
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            if begin:
                writer.writeheader()
            writer.writerow(record)

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self.path.stat().st_size if self.path.exists() else 0

    def state(self) -> dict[str, Any]:
        """The columns, and how long the file is."""
        return {"columns": self.columns, "size": self.size}

    def set_state(self, state: dict[str, Any]) -> None:
        """The columns, and how long the file was."""
        self.columns, self.size_at_checkpoint = list(state["columns"]), state["size"]
