"""What all callbacks have in common, and the one made of functions."""

import inspect
import os
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from npdeep.common import checks, custom
from npdeep.common.described import Described
from npdeep.common.hinting import is_function


class Callback(Described):
    """Base: define the moments of interest. `trainer` is the one that is fitting; it can be looked at and asked to stop.

    An error that a callback raises ends fit, after the other callbacks have heard of the same moment.

    >>> class StopAt(Callback):
    ...     def __init__(self, updates):
    ...         self.updates = updates
    ...     def on_step_end(self, trainer):
    ...         if trainer.iteration >= self.updates:
    ...             trainer.stop(f"{self.updates} updates were made")
    >>> StopAt(100)
    StopAt(updates=100)
    """

    order: ClassVar[int] = 0
    """At each moment callbacks of a lower order are called first, whatever their places in the list."""
    reports: ClassVar[bool] = False
    """Does it only tell or write what was recorded? Where several processes train together, the first one's alone is called."""
    added_later: ClassVar[tuple[str, ...]] = ()
    """Arguments that earlier versions did not have: at their defaults they are no part of the identity, so that states in older
    files find their callbacks.
    """

    @property
    def identity(self) -> str:
        """To whom a checkpoint gives a state back: npdeep's own by class and arguments, a user's by class.

        >>> Callback().identity
        'Callback()'
        """
        name = type(self).__name__
        if not type(self).__module__.startswith("npdeep."):
            return name                       # its attributes may have moved on since they were arguments
        defaults = inspect.signature(type(self)).parameters
        given = [(k, v) for k, v in self.arguments().items() if k not in self.added_later or v != defaults[k].default]
        return f"{name}({', '.join(f'{key}={str(v) if isinstance(v, os.PathLike) else v!r}' for key, v in given)})"

    def settable(self) -> Iterable[str]:
        """The arguments, and the order."""
        return {*super().settable(), "order"}

    def reset(self) -> None:
        """Forget what came before: called at the start of fit, unless the trainer's last fit had this callback too."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold for this callback to resume as if never stopped: numbers, texts, arrays, nested dicts."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""

    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """Raise ValueError, naming the field at this place, for what `state` would not give; called when a file is opened."""

    def adds(self, keys: list[str]) -> list[str]:
        """What it adds to the line of the history, for others to monitor. keys: what fit records by itself."""
        return []

    def on_fit_begin(self, trainer: Any) -> None:
        """Before the first epoch of a call of fit."""

    def on_epoch_begin(self, trainer: Any) -> None:
        """Before an epoch; `trainer.epoch` epochs are finished. Not again where the rest of an interrupted epoch is trained:
        what every call of fit needs belongs in on_fit_begin.
        """

    def on_gradients(self, trainer: Any) -> None:
        """Between the backward pass and the update: `trainer.model.flat_gradients` can be looked at, summed over machines,
        or changed. Penalties and clipping come after it.

        Passes (predict, evaluate, trainer.gradients on other rows or weights) are free: the history records the loss and the
        outputs that the batch had. Other steps, and freezing, belong in on_step_end and are refused here; so do checkpoints,
        since the step is half done.

        >>> import npdeep as nd
        >>> class GradientNoise(nd.callbacks.Callback):
        ...     def on_gradients(self, trainer):
        ...         rng = np.random.default_rng([0, trainer.iteration])
        ...         trainer.model.flat_gradients[:] += rng.normal(0, 0.01, trainer.model.flat_gradients.shape)
        """

    def on_step_end(self, trainer: Any) -> None:
        """After an update; `trainer.last_loss` is its loss."""

    def on_bad_gradient(self, trainer: Any) -> None:
        """Where clipping refused a gradient that holds NaN or inf: stop the trainer here, or fit ends in the error."""

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """After an epoch and its evaluation; `record` is the new line of the history."""

    def on_fit_end(self, trainer: Any) -> None:
        """After the last epoch, and also where Ctrl-C or an error ends the run: then `trainer.interrupted` is True, and fit may
        be called again to resume it.
        """


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
        on_gradients: Any = None,
        on_bad_gradient: Any = None,
    ) -> None:
        given = {
            "on_fit_begin": on_fit_begin,
            "on_epoch_begin": on_epoch_begin,
            "on_step_end": on_step_end,
            "on_epoch_end": on_epoch_end,
            "on_fit_end": on_fit_end,
            "on_gradients": on_gradients,
            "on_bad_gradient": on_bad_gradient,
        }
        for name, function in given.items():
            if function is not None and not is_function(function):
                raise TypeError(f"LambdaCallback: {name} must be a function, got {checks.describe(function)}")
            if function is not None:
                setattr(self, name, function)

    def arguments(self, kind: type | None = None) -> dict[str, Any]:
        """The functions that were given."""
        return dict(vars(self))


def direction(owner: str, monitor: str, mode: str) -> str:
    """The mode; "auto" becomes "max" for shares of hits, "min" for losses and errors; of others `check_monitor` asks the user.

    >>> direction("EarlyStopping", "val_accuracy", "auto")
    'max'
    """
    mode = checks.choice(owner, "mode", mode, ("auto", "min", "max"))
    if mode != "auto":
        return mode
    if monitor.removeprefix("val_").endswith(("accuracy", "precision", "recall", "roc_auc")):
        return "max"
    return "min" if "loss" in monitor or "error" in monitor else "auto"


def check_monitor(owner: str, trainer: Any, monitor: str, mode: str) -> None:
    """At the start of fit: will `monitor` be recorded, and is it known which way is better? Raises ValueError where not.

    A custom callback may add keys to the record; where there is one, the epoch's end must tell.
    """
    check_recorded(owner, trainer, monitor)
    if mode == "auto":
        raise ValueError(f'{owner}: is a large {monitor!r} good or bad? say mode="max" or mode="min"')


def check_recorded(owner: str, trainer: Any, monitor: str) -> None:
    """Raise ValueError, with all that will be recorded, where `monitor` will not."""
    if any(isinstance(w, LambdaCallback) or not type(w).__module__.startswith("npdeep.") for w in trainer.watchers):
        return
    names = ["loss", *(metric.name for metric in trainer.metrics)]
    keys = ["epoch", "updates", "seconds", "learning_rate", *names]
    if trainer.validation_data is not None:
        keys += [f"val_{name}" for name in names]
    keys += [key for watcher in trainer.watchers for key in watcher.adds(keys)]
    if monitor not in keys:
        cure = "; pass validation_data to fit" if str(monitor).startswith("val_") and trainer.validation_data is None else ""
        raise ValueError(f"{owner}: {monitor!r} is not recorded; there are {', '.join(keys)}{cure}")


def monitored(owner: str, record: dict[str, Any], monitor: str, mode: str) -> float:
    """The monitored number, turned so that smaller is better; NaN counts as infinitely bad.

    >>> monitored("EarlyStopping", {"val_accuracy": 0.9}, "val_accuracy", "max")
    -0.9
    """
    if monitor not in record:
        cure = "; pass validation_data to fit" if monitor.startswith("val_") else ""
        raise ValueError(f"{owner}: {monitor!r} is not recorded; there are {', '.join(record)}{cure}")
    value = custom.one_number(f"{owner}: {monitor!r} of the record", record[monitor], "be")
    if np.isnan(value):
        return float("inf")
    return -value if mode == "max" else value
