"""Stopping in the debugger at the operation where something first goes wrong."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.events import StepEvent
from npdeep.common.hinting import is_function
from npdeep.debug.snapshot import SATURATED, slopes, steepest
from npdeep.kernels.arrays import Array
from npdeep.layers.activation import Activation
from npdeep.training.trainer import Trainer

Condition = Callable[[StepEvent], Any]


class Breakpoint:
    """What `break_when` armed.

    Attributes:
        condition: a word, a layer's name or a function, as it was given.
        event: the event at which it stopped, None so far.
    """

    def __init__(self, trainer: Trainer, condition: Any, holds: Condition) -> None:
        self.trainer, self.condition, self.holds = trainer, condition, holds
        self.event: StepEvent | None = None

    def __call__(self, event: StepEvent) -> None:
        """Called by the trainer after each operation: stop in the debugger, once, where the condition holds."""
        if self.holds(event):
            self.event = event
            self.clear()
            here(event, event.layer, event.arrays, self.trainer, self.condition)

    def clear(self) -> None:
        """Watch no longer."""
        if self.trainer.on_event is self:
            self.trainer.on_event = None


def here(event: StepEvent, layer: Any, arrays: dict[str, Array], trainer: Trainer, condition: Any) -> None:
    """Where the debugger stops: event, layer, arrays and trainer are at hand by these names."""
    source = "" if event.function is None else "\ncomputed by {}:{}".format(*event.source)
    sys.stdout.write(
        f"break_when({condition!r}): update {trainer.iteration + (event.stage not in AFTER)}, {event}{source}\n"
        f"at hand: event, layer, arrays ({', '.join(arrays)}), trainer. up goes to the training step, c runs on\n"
    )
    breakpoint()


AFTER = ("update", "constrain")
"""Stages at which the update is counted already."""


def break_when(trainer: Trainer, condition: Any, share: float = 0.5) -> Breakpoint:
    """Stop in the debugger at the first operation of step, walk or fit after which the condition holds.

    Args:
        trainer: the one to watch.
        condition: "nan" or "inf" (an array of the operation holds one); "dead" or "saturated" (more than `share` of the units
            of an activation layer pass no gradient, or next to none, for any row of the batch); the name of a layer; or a
            function of the StepEvent.
        share: for "dead" and "saturated".

    The debugger is the one that Python's `breakpoint()` opens: pdb, or that of your editor. It stops in `here`, where event,
    layer and arrays can be looked at; `c` runs on. It stops once: call `break_when` again to watch on, `.clear()` on what is
    returned to watch no longer. A trainer has one such watch: a second call takes the place of the first. Only steps that are
    watched cost anything. Raises ValueError or TypeError for another condition.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2, name="outputs")], input_size=3, seed=0)
    >>> trainer = nd.Trainer(model, "softmax_cross_entropy")
    >>> watch = break_when(trainer, "nan")
    >>> _ = trainer.step(np.eye(3), np.array([0, 1, 0]))
    >>> watch.event is None                   # nothing was NaN
    True
    >>> watch.clear()
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"break_when: trainer must be a Trainer, got {checks.describe(trainer)}")
    share = checks.number("break_when", "share", share, minimum=0, below=1)
    armed = Breakpoint(trainer, condition, condition_of(trainer, condition, share))
    trainer.on_event = armed
    return armed


def condition_of(trainer: Trainer, condition: Any, share: float) -> Condition:
    """The function of an event that a word, a name or a function stands for."""
    if is_function(condition):
        return condition  # type: ignore[no-any-return]
    if not isinstance(condition, str):
        raise TypeError(
            "break_when: condition must be one of the words nan, inf, dead, saturated, a layer's name, or a function of the "
            f"event, got {checks.describe(condition)}"
        )
    words: dict[str, Condition] = {
        "nan": lambda event: any(holds_nan(array) for array in event.arrays.values()),
        "inf": lambda event: any(holds_inf(array) for array in event.arrays.values()),
        "dead": lambda event: flat_units(event, 0.0) > share,
        "saturated": lambda event: flat_units(event, SATURATED) > share,
    }
    names = [str(layer.name) for layer in trainer.model.everything()]
    chosen = checks.choice("break_when", "condition or layer", condition, [*words, *names])
    return words.get(chosen) or (lambda event: event.name == chosen)


def holds_nan(array: Array) -> bool:
    """Is there a NaN in it?

    >>> holds_nan(np.array([1.0, np.nan])), holds_nan(np.array([1, 2]))
    (True, False)
    """
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def holds_inf(array: Array) -> bool:
    """Is there an infinite number in it?

    >>> holds_inf(np.array([1.0, -np.inf])), holds_inf(np.array([np.nan]))
    (True, False)
    """
    return array.dtype.kind == "f" and bool(np.isinf(array).any())


def flat_units(event: StepEvent, limit: float) -> float:
    """Of a forward event of an activation: the share of units whose slope is at most `limit` times the steepest in all rows."""
    layer = event.layer
    if event.stage != "forward" or not isinstance(layer, Activation) or layer.rule.whole_row:
        return 0.0
    return float((slopes(layer) <= limit * steepest(layer)).all(axis=0).mean())
