"""What may watch and steer a run: objects that `fit` calls at fixed moments."""

import sys
from typing import Any

import numpy as np

from npdeep import checks
from npdeep.described import Described
from npdeep.schedules import Schedule


class Callback(Described):
    """Base: define the moments of interest. `trainer` is the one that is fitting; it can be looked at and asked to stop.

    >>> class StopAt(Callback):
    ...     def __init__(self, updates):
    ...         self.updates = updates
    ...     def on_step_end(self, trainer):
    ...         if trainer.iteration >= self.updates:
    ...             trainer.stop(f"{self.updates} updates were made")
    >>> StopAt(100)
    StopAt(updates=100)
    """

    def on_fit_begin(self, trainer: Any) -> None:
        """Before the first epoch of a call of fit."""

    def on_epoch_begin(self, trainer: Any) -> None:
        """Before an epoch; `trainer.epoch` epochs are finished."""

    def on_step_end(self, trainer: Any) -> None:
        """After an update; `trainer.last_loss` is its loss."""

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """After an epoch and its evaluation; `record` is the new line of the history."""

    def on_fit_end(self, trainer: Any) -> None:
        """After the last epoch, also where the run was interrupted."""


class PlainProgress(Callback):
    """One line an epoch on standard output.

    >>> PlainProgress().line({"epoch": 1, "updates": 100, "seconds": 1.5, "loss": 0.25}, epochs=2)
    'epoch 1/2  updates 100  seconds 1.5  loss 0.25'
    """

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Print the record."""
        print(self.line(record, trainer.last_epoch), flush=True)

    def on_fit_end(self, trainer: Any) -> None:
        """Say why the run stopped, if it did before its end."""
        if trainer.stop_reason:
            print(f"stopped: {trainer.stop_reason}", flush=True)

    def line(self, record: dict[str, Any], epochs: int) -> str:
        """The record on one line."""
        shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in record.items() if k != "epoch"}
        return f"epoch {record['epoch']}/{epochs}  " + "  ".join(f"{k} {v}" for k, v in shown.items())


class ProgressBar(PlainProgress):
    """A bar by tqdm for the running epoch, and one line for each that is finished.

    Raises ImportError, with the command that mends it, where tqdm is missing.

    >>> bar = ProgressBar()
    """

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError("ProgressBar needs tqdm: python -m pip install 'npdeep[progress]'") from None
        self.tqdm = tqdm
        self.bar: Any = None

    def on_epoch_begin(self, trainer: Any) -> None:
        """Open a bar of as many steps as the epoch has."""
        total = trainer.steps_per_epoch or None
        title = f"epoch {trainer.epoch + 1}/{trainer.last_epoch}"
        self.bar = self.tqdm(total=total, desc=title, leave=False, mininterval=0.2, unit="step")

    def on_step_end(self, trainer: Any) -> None:
        """One step further."""
        self.bar.update()

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Close the bar, print the line."""
        self.bar.close()
        self.tqdm.write(self.line(record, trainer.last_epoch))

    def on_fit_end(self, trainer: Any) -> None:
        """Close the bar that an interruption left open."""
        if self.bar is not None:
            self.bar.close()
        super().on_fit_end(trainer)


def progress() -> Callback:
    """A bar where tqdm is installed and somebody is looking (a terminal or a notebook), else a line an epoch.

    >>> isinstance(progress(), PlainProgress)
    True
    """
    notebook = "ipykernel" in sys.modules
    if notebook or sys.stderr.isatty():
        try:
            return ProgressBar()
        except ImportError:
            pass
    return PlainProgress()


class LambdaCallback(Callback):
    """Functions for the moments of interest, without a class.

    >>> seen = []
    >>> callback = LambdaCallback(on_epoch_end=lambda trainer, record: seen.append(record["loss"]))
    """

    def __init__(
        self,
        on_fit_begin: Any = None,
        on_epoch_begin: Any = None,
        on_step_end: Any = None,
        on_epoch_end: Any = None,
        on_fit_end: Any = None,
    ) -> None:
        given = {
            "on_fit_begin": on_fit_begin,
            "on_epoch_begin": on_epoch_begin,
            "on_step_end": on_step_end,
            "on_epoch_end": on_epoch_end,
            "on_fit_end": on_fit_end,
        }
        for name, function in given.items():
            if function is not None and not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function, got {checks.describe(function)}")
            if function is not None:
                setattr(self, name, function)

    def arguments(self) -> dict[str, Any]:
        """The functions that were given."""
        return dict(vars(self))


class RecordGradients(Callback):
    """Records ‖∂L/∂kernel‖ of every layer while the network trains: the gradient as the optimizer was given it.

    Args:
        every: record at the first update and then after every so many.

    Attributes:
        layers: names of the layers that have a kernel, lowest first.
        updates: at which update each record was made. norms: one list of norms a record.

    >>> recorder = RecordGradients(every=100)
    """

    def __init__(self, every: int = 100) -> None:
        self.every = checks.whole("RecordGradients", "every", every)
        self.layers: list[str] = []
        self.updates: list[int] = []
        self.norms: list[list[float]] = []

    def on_step_end(self, trainer: Any) -> None:
        """Record, where it is time."""
        if (trainer.iteration - 1) % self.every == 0:
            kernels = [p for p in trainer.model.parameters if p.name.endswith("/kernel")]
            self.layers = [p.name.rpartition("/")[0] for p in kernels]
            self.updates.append(trainer.iteration)
            self.norms.append([float(np.linalg.norm(p.grad)) for p in kernels])


class ReduceLROnPlateau(Callback):
    """Performance scheduling: the learning rate is multiplied by `factor` when `monitor` has not improved for long.

    Args:
        monitor: a key of the history, for example "val_loss" or "val_accuracy".
        factor: what the learning rate is multiplied by, between 0 and 1.
        patience: after so many epochs without improvement the rate falls (and the count begins anew).
        min_delta: an improvement must be larger than this.
        cooldown: so many epochs after a fall are not counted.
        minimum: the rate never falls below this.
        mode: "min" where smaller is better, "max" where larger is; "auto" takes "max" for accuracies.

    Raises TypeError at the start of fit where the optimizer's learning rate is a schedule, ValueError where monitor is not
    recorded.

    >>> ReduceLROnPlateau("val_loss", factor=0.5, patience=5).mode
    'min'
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        minimum: float = 0.0,
        mode: str = "auto",
    ) -> None:
        owner = "ReduceLROnPlateau"
        self.monitor = monitor
        self.factor = checks.number(owner, "factor", factor, above=0, below=1)
        self.patience = checks.whole(owner, "patience", patience)
        self.min_delta = checks.number(owner, "min_delta", min_delta, minimum=0)
        self.cooldown = checks.whole(owner, "cooldown", cooldown, minimum=0)
        self.minimum = checks.number(owner, "minimum", minimum, minimum=0)
        self.mode = direction(owner, monitor, mode)
        self.best = np.inf
        self.waited = self.resting = 0

    def on_fit_begin(self, trainer: Any) -> None:
        """The learning rate must be a number."""
        if isinstance(trainer.optimizer.learning_rate, Schedule):
            raise TypeError(
                "ReduceLROnPlateau: the optimizer's learning rate is a schedule already; give the optimizer a number"
            )

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Compare, count, and let the rate fall."""
        value = monitored("ReduceLROnPlateau", record, self.monitor, self.mode)
        if self.resting > 0:
            self.resting -= 1
        if value < self.best - self.min_delta:
            self.best, self.waited = value, 0
        elif self.resting == 0:
            self.waited += 1
            if self.waited >= self.patience:
                rate = trainer.optimizer.learning_rate
                trainer.optimizer.learning_rate = min(rate, max(rate * self.factor, self.minimum))
                self.resting, self.waited = self.cooldown, 0


def direction(owner: str, monitor: str, mode: str) -> str:
    """The mode, "auto" made "max" for accuracies and "min" for all else.

    >>> direction("EarlyStopping", "val_accuracy", "auto")
    'max'
    """
    mode = checks.choice(owner, "mode", mode, ("auto", "min", "max"))
    return ("max" if "accuracy" in monitor else "min") if mode == "auto" else mode


def monitored(owner: str, record: dict[str, Any], monitor: str, mode: str) -> float:
    """The monitored number, turned so that smaller is better; NaN counts as infinitely bad.

    >>> monitored("EarlyStopping", {"val_accuracy": 0.9}, "val_accuracy", "max")
    -0.9
    """
    if monitor not in record:
        mend = "; hand validation_data to fit" if monitor.startswith("val_") else ""
        raise ValueError(f"{owner}: {monitor!r} is not recorded; there are {', '.join(record)}{mend}")
    value = float(record[monitor])
    if np.isnan(value):
        return float("inf")
    return -value if mode == "max" else value
