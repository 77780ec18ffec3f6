"""One training step on a copy, operation by operation, with every number kept."""

import copy
from collections.abc import Iterator
from typing import Any

from npdeep.common.events import StepEvent
from npdeep.kernels.arrays import Array
from npdeep.training.trainer import Trainer


def recorded(trainer: Trainer, x: Any, y: Any, sample_weight: Any = None) -> Iterator[StepEvent]:
    """Walk one training step on a copy of the trainer; every event keeps copies of its arrays.

    The events clip and update, which work on all parameters at once, show them one by one: "hidden/kernel" the value,
    "grad of hidden/kernel" its gradient, "m of hidden/kernel" a slot of the optimizer, "before of hidden/kernel" the value
    before the update, "change of hidden/kernel" what the update added to it.

    The arguments are checked at once, as `trainer.walk` does.

    >>> import npdeep as nd
    >>> trainer = nd.Trainer(nd.Sequential([nd.Dense(1, name="out")], input_size=1, seed=0), "mean_squared_error")
    >>> for event in recorded(trainer, [[1.0]], [[0.0]]):
    ...     print(event.stage, event.name, *event.arrays, sep=", ")
    forward, out, input, kernel, bias, output
    loss, loss, outputs, targets, losses, loss, grad_outputs
    backward, out, grad_output, grad_kernel, grad_bias
    update, update, before of out/kernel, change of out/kernel, out/kernel, grad of out/kernel, before of out/bias, change of \
out/bias, out/bias, grad of out/bias
    >>> trainer.iteration
    0
    """
    twin = copy.deepcopy(trainer)
    return _recorded(twin, twin.walk(x, y, sample_weight))


def _recorded(twin: Trainer, events: Iterator[StepEvent]) -> Iterator[StepEvent]:
    before = {p.name: p.value.copy() for p in twin.model.trainable_variables()}
    for event in events:
        if event.stage == "clip":
            arrays = {f"grad of {p.name}": p.grad.copy() for p in twin.model.trainable_variables() if p.grad is not None}
            yield event.with_arrays(arrays)
        elif event.stage == "update":
            yield event.with_arrays(_update_by_parameter(twin, before))
        else:
            yield event.copy()


def _update_by_parameter(twin: Trainer, before: dict[str, Array]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for p in twin.model.trainable_variables():
        arrays[f"before of {p.name}"] = before[p.name]
        arrays[f"change of {p.name}"] = p.value - before[p.name]
        arrays[p.name] = p.value.copy()
        if p.grad is not None:
            arrays[f"grad of {p.name}"] = p.grad.copy()
        for slot in twin.optimizer.slots:
            arrays[f"{slot} of {p.name}"] = twin.optimizer.slot(slot, p).copy()
    return arrays
