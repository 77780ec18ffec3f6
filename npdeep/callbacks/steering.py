"""Callbacks that change the course of a run."""

import math
from typing import Any

import numpy as np

from npdeep.callbacks.base import Callback, check_monitor, direction, monitored
from npdeep.common import checks
from npdeep.files import fields, schema
from npdeep.schedules import Schedule


class ReduceLROnPlateau(Callback):
    """Performance scheduling: the learning rate is multiplied by `factor` when `monitor` has not improved for long.

    Args:
        monitor: a key of the history, for example "val_loss" or "val_accuracy".
        factor: what the learning rate is multiplied by, between 0 and 1.
        patience: after this many epochs without improvement the rate falls (and the count starts again).
        min_delta: an improvement must be larger than this.
        cooldown: after a fall the count begins again with this epoch; 0 and 1 are the same, as in Keras.
        minimum: the rate never falls below this.
        mode: "min" where smaller is better, "max" where larger is; "auto" knows losses, errors and accuracies.

    Raises TypeError at the start of fit where the optimizer's learning rate is a schedule, ValueError where monitor is not
    recorded.

    >>> ReduceLROnPlateau("val_loss", factor=0.5, patience=5).mode
    'min'
    """

    settled = dict.fromkeys(("monitor", "mode"), "the best value so far was found by it; make a new callback")

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
        self.monitor = checks.text(owner, "monitor", monitor)
        self.factor = checks.number(owner, "factor", factor, above=0, below=1)
        self.patience = checks.whole(owner, "patience", patience)
        self.min_delta = checks.number(owner, "min_delta", min_delta, minimum=0)
        self.cooldown = checks.whole(owner, "cooldown", cooldown, minimum=0)
        self.minimum = checks.number(owner, "minimum", minimum, minimum=0)
        self.mode = direction(owner, monitor, mode)
        self.reset()

    def reset(self) -> None:
        """No best value yet."""
        self.best = math.inf
        self.waited = self.resting = 0

    def on_fit_begin(self, trainer: Any) -> None:
        """The learning rate must be a number, and the monitored one recorded."""
        check_monitor("ReduceLROnPlateau", trainer, self.monitor, self.mode)
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

    def state(self) -> dict[str, Any]:
        """The best value and the counters."""
        return {"best": self.best, "waited": self.waited, "resting": self.resting}

    def set_state(self, state: dict[str, Any]) -> None:
        """The best value and the counters."""
        self.check_state("ReduceLROnPlateau.state", state)
        self.best, self.waited, self.resting = state["best"], state["waited"], state["resting"]

    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """A number and two counters."""
        counters = {"waited": fields.whole(), "resting": fields.whole()}
        fields.record({"best": fields.number(finite=False), **counters})(where, state)


class EarlyStopping(Callback):
    """Stops when the validation result has not improved for long, and puts the winner back.

    The network is evaluated after every epoch, or after every `every` updates. A result that beats the best so far makes the
    network as it is then the winner, which is kept in memory and put back, bit for bit, when fit ends by itself. Another call
    of fit looks for a winner of its own.

    Put back are the weights, the moving statistics and the optimizer's slots, and what belongs to them: the iteration, which
    tells the slots' age and a schedule's place, and the states of the random generators. The counts of epochs, batches and
    seconds stay, and by default so do the learning rate and what is frozen, which ReduceLROnPlateau or you may have changed
    since; Keras keeps those too, but puts back the weights alone.

    Where Ctrl-C or an error ends fit, nothing is put back: the network stays as it is, as its epoch and batch do, and calling
    fit again with the same data resumes the search. With epochs=0 that call ends at once and puts the winner back.

    Args:
        monitor: "val_loss", "val_accuracy", …: what `trainer.evaluate` gives for fit's validation_data, with "val_" before it;
            without `every` any other key of the history too.
        patience: stop after this many epochs without a new winner; with `every`, after this many updates.
        every: evaluate each time this many updates are done instead of after each epoch. The chapter: every=50, patience=2000.
        min_delta: a new winner must be better by more than this.
        mode: "min" where smaller is better, "max" where larger is; "auto" knows losses, errors and accuracies.
        restore: False leaves the network as it was when training stopped.
        restore_settings: True also puts back the learning rate and what was frozen when the winner was found.

    Attributes:
        best: the winner's result. best_iteration: after how many updates it was reached.

    Raises ValueError where fit has no validation_data or monitor is not among the results.
    Source: Prechelt (1998), *Early stopping, but when?*

    >>> EarlyStopping("val_loss", every=50, patience=2000).mode
    'min'
    """

    settled = dict.fromkeys(("monitor", "mode"), "the best value so far was found by it; make a new callback")
    added_later = ("restore_settings",)

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        every: int | None = None,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore: bool = True,
        restore_settings: bool = False,
    ) -> None:
        self.monitor = checks.text("EarlyStopping", "monitor", monitor)
        self.patience = checks.whole("EarlyStopping", "patience", patience)
        self.every = None if every is None else checks.whole("EarlyStopping", "every", every)
        self.min_delta = checks.number("EarlyStopping", "min_delta", min_delta, minimum=0)
        self.mode = direction("EarlyStopping", monitor, mode)
        self.restore = checks.flag("EarlyStopping", "restore", restore)
        self.restore_settings = checks.flag("EarlyStopping", "restore_settings", restore_settings)
        self.reset()

    def reset(self) -> None:
        """No winner yet."""
        self.winner: dict[str, Any] | None = None
        self.value = math.inf
        self.best_iteration = self.waited = 0
        self.continues = self.ended = False

    @property
    def best(self) -> float:
        """The winner's result."""
        return -self.value if self.mode == "max" else self.value

    def on_fit_begin(self, trainer: Any) -> None:
        """There must be something to evaluate. A checkpoint written right before the end of a run ends this one too."""
        if not (self.continues if trainer.unfinished is None else trainer.resumed):
            self.reset()                      # each call of fit finds a winner of its own: data, weights, rate may be others
        self.continues = self.ended = False
        if trainer.validation_data is None and (self.every is not None or self.monitor.startswith("val_")):
            raise ValueError("EarlyStopping: fit has no validation_data; pass it: fit(..., validation_data=(x, y))")
        if self.every is not None and not self.monitor.startswith("val_"):
            raise ValueError(
                f"EarlyStopping: between epochs only the validation data are measured: with every={self.every} monitor must "
                f'begin with "val_", got {self.monitor!r}'
            )
        check_monitor("EarlyStopping", trainer, self.monitor, self.mode)
        self.stop_where_due(trainer)

    def on_step_end(self, trainer: Any) -> None:
        """Evaluate, where it is time."""
        if self.every is not None and trainer.iteration % self.every == 0:
            results = trainer.evaluate(*trainer.validation_data)
            self.judge(trainer, {f"val_{name}": value for name, value in results.items()}, self.every)

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Look at the epoch's results."""
        if self.every is None:
            self.judge(trainer, record, 1)

    def judge(self, trainer: Any, results: dict[str, Any], step: int) -> None:
        """A new winner, or one more evaluation without one."""
        value = monitored("EarlyStopping", results, self.monitor, self.mode)
        if value < self.value - self.min_delta:
            self.value, self.waited, self.best_iteration = value, 0, trainer.iteration
            self.winner = trainer.state()
            return
        self.waited += step
        self.stop_where_due(trainer)

    def stop_where_due(self, trainer: Any) -> None:
        """Ask the trainer to stop, where patience has come to its end."""
        if self.waited >= self.patience:
            best = f"better than {self.best:.6g}, reached after {self.best_iteration:,} updates"
            unit = "epochs" if self.every is None else "updates"
            trainer.stop(
                f"early stopping: {self.monitor} has not been {'finite' if self.winner is None else best}, "
                f"for {self.waited:,} {unit}"
            )

    def on_fit_end(self, trainer: Any) -> None:
        """Put the winner back, unless the run can be resumed."""
        if trainer.interrupted:
            return
        self.ended = True
        if self.restore and self.winner is not None:
            trainer.set_state(self.winner, progress=False, settings=self.restore_settings)
            trainer.batches_done, trainer.unfinished = 0, None    # the rest of an epoch does not follow from the winner

    def state(self) -> dict[str, Any]:
        """The winner and the counters; nothing once fit has ended and the winner is back."""
        if self.ended:
            return {}
        counters = {"value": self.value, "best_iteration": self.best_iteration, "waited": self.waited}
        return counters if self.winner is None else {**counters, "winner": self.winner}

    def set_state(self, state: dict[str, Any]) -> None:
        """The winner and the counters, with which the next fit continues."""
        self.check_state("EarlyStopping.state", state)
        self.value, self.best_iteration, self.waited = state["value"], state["best_iteration"], state["waited"]
        self.winner, self.continues = state.get("winner"), True

    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """A number, two counters and the state of a trainer. Whether that fits the trainer is seen where there is one."""
        counters = {"best_iteration": fields.whole(), "waited": fields.whole()}
        fields.record({"value": fields.number(finite=False), **counters}, {"winner": schema.IN_MEMORY})(where, state)


class TerminateOnNaN(Callback):
    """Stops as soon as the loss, a gradient or a weight is NaN or infinite, and names the first array that went bad.

    Attributes:
        origin: what went bad first, in words; "" while all is well.

    After each update it looks at three numbers only (the loss, the sum of all gradients, the sum of all weights); where one is
    not finite, the arrays of the step are searched in the order in which they were computed. Weights that are bad before the
    first step are named too.

    >>> TerminateOnNaN().origin
    ''
    """

    order = -1                                # it must see the arrays of the step before another callback evaluates

    def __init__(self) -> None:
        self.origin = ""

    def on_fit_begin(self, trainer: Any) -> None:
        """Look at the weights to begin with, and stop."""
        self.origin = first_of([("before the first step", p.name, p.value) for p in trainer.model.parameters])
        if self.origin:
            trainer.stop(self.origin)

    def on_step_end(self, trainer: Any) -> None:
        """Look, and stop."""
        arena = trainer.model.arena
        with np.errstate(over="ignore", invalid="ignore"):
            sums = (trainer.last_loss, np.add.reduce(arena.grads), np.add.reduce(arena.values))
        if all(map(math.isfinite, sums)):
            return
        self.name_it(trainer, trainer.iteration)

    def on_bad_gradient(self, trainer: Any) -> None:
        """Look, and stop: the update was not made."""
        self.name_it(trainer, trainer.iteration + 1)

    def name_it(self, trainer: Any, update: int) -> None:
        """Stop, and say which array of the step with this number went bad first."""
        self.origin = first_bad_array(trainer)
        if self.origin:
            trainer.stop(f"update {update:,}: {self.origin}")


def first_bad_array(trainer: Any) -> str:
    """The first array of the last step that holds NaN or inf, in the order of computation; "" where none does."""
    candidates: list[Candidate] = []
    for layer in trainer.model.everything():
        candidates += [("forward", p.name, p.value) for p in layer.parameters if not p.has_grad]
        candidates.append(("forward", f"the output of {layer.name}", layer.output))
    candidates.append(("loss", "the loss", np.array(trainer.loss.value)))
    for layer in (event.layer for event in trainer.model.layers.operations("backward")):
        candidates.append(("backward", f"the gradient that came down to {layer.name}", layer.grad_output))
        candidates += [("backward", f"the gradient of {p.name}", p.wanted) for p in layer.parameters]
    candidates += [("update", p.name, p.value) for p in trainer.model.parameters]
    return first_of(candidates)


Candidate = tuple[str, str, Any]
"""Stage of the step, name of the array, the array or None."""


def first_of(candidates: list[Candidate]) -> str:
    """The first of these arrays that holds NaN or inf, in words; "" where none does.

    >>> first_of([("forward", "the output of a", np.ones(2)), ("loss", "the loss", np.array(np.inf))])
    'the loss is the first array that went bad (loss): it holds inf'
    """
    for stage, what, array in candidates:
        if array is not None and not np.all(np.isfinite(array)):
            bad = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            place = f" at {list(bad)}" if bad else ""
            return f"{what} is the first array that went bad ({stage}): it holds {array[bad]}{place}"
    return ""
