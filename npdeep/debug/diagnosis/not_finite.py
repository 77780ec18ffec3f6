"""NaN and infinity: where they came up first, in which rows, and why."""

import copy
import itertools
import math
from typing import Any

import numpy as np

from npdeep.common.events import StepEvent, norm
from npdeep.datasets.batches import batches
from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import Batch, Probe, bad_arrays, kernel_layers, kernel_of
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.layers import LayerNormalization
from npdeep.parameters import Parameter
from npdeep.training.trainer import Trainer

REPLAYED = 300
"""A network whose weights are not finite is trained again from its seed for this many updates, to see where they go bad."""

REPLAY_BATCH = 50

BLOWN_UP = 1.0
"""An update as large as the weights themselves."""

SHOWN = 5


def bad_rows(owner: str, array: Array) -> tuple[list[Finding], Array]:
    """NaN or inf in what was passed: the finding, and a mask (n,) of the good rows."""
    if array.dtype.kind != "f":
        return [], np.ones(len(array), bool)
    bad = ~np.isfinite(array.reshape(len(array), -1))
    good: Array = np.logical_not(bad.any(axis=1))
    if good.all():
        return [], good
    row, column = np.argwhere(bad)[0].tolist()
    value = array.reshape(len(array), -1)[row, column]
    words = (
        f"{owner} holds {value} at row {row}, column {column}; {int(bad.sum())} of {array.size} numbers in "
        f"{int((~good).sum())} rows are not finite. {_rows(np.flatnonzero(~good))}"
    )
    evidence = {"elements": int(bad.sum()), "rows": int((~good).sum()), "first_row": row, "first_column": column}
    name = "input" if owner == "x" else "labels"
    return [Finding("nan", name, words, evidence, "Remove such rows or fill the gaps before training.")], good


def _rows(rows: Array) -> str:
    shown = ", ".join(map(str, rows[:SHOWN].tolist()))
    return f"Rows: {shown}{', …' if len(rows) > SHOWN else ''}."


# ── in the step ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def in_the_step(probe: Probe, trainer: Trainer) -> list[Finding]:
    """What went bad in the steps that were made on the copy, or was bad before them."""
    bad = [p for p in trainer.model.parameters if not np.isfinite(p.value).all()]
    if bad:
        return [bad_weights(trainer, bad, probe.batch)]
    if probe.origin is None:
        return []
    event, update = probe.origin, trainer.iteration + probe.bad_step
    arrays = bad_arrays(event)
    name, array = next(iter(arrays.items()))
    rows = _bad_rows_of(array, probe)
    where = {"forward": "on the way forward", "backward": "on the way back"}.get(event.stage, f"in the {event.stage}")
    what = _inf_or_nan(array)
    steps = "" if probe.bad_step == 1 else f" (step {probe.bad_step} on these rows from here)"
    words = f"in update {update:,}{steps}, {where}, {name} of {event.name} is the first array with {what}: {why(event, probe)}"
    evidence: dict[str, float] = {
        "update": update,
        "step": probe.bad_step,
        "elements": int(np.count_nonzero(~np.isfinite(array))),
        "forward": float(event.stage == "forward"),
        "backward": float(event.stage == "backward"),
        "largest_ratio": probe.largest_ratio,
    }
    if rows is not None:
        evidence |= {"rows": len(rows), "first_row": int(rows[0])}
        words += f" In {len(rows)} of {probe.n} rows. {_rows(rows)}"
    known, numbers = from_history(trainer.history)
    words, evidence, hint = words + known, evidence | numbers, ""
    if probe.largest_ratio >= BLOWN_UP:
        words += f" An update was {probe.largest_ratio:.2g} times the norm of the weights: the learning rate is too high."
        hint = "Lower the learning rate or clip the gradient (nd.clipping.ClipByGlobalNorm(1.0))."
    return [Finding("nan", str(event.name), words, evidence, hint)]


def _inf_or_nan(array: Array) -> str:
    nan, inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    return " and ".join(f"{count} {name}" for count, name in ((nan, "NaN"), (inf, "inf")) if count)


def _bad_rows_of(array: Array, probe: Probe) -> Array | None:
    """Which of the user's rows are bad; None where the array has no rows of examples."""
    if array.ndim != 2 or len(array) != probe.n:
        return None
    found: Array = probe.batch.rows[~np.isfinite(array).all(axis=1)]
    return found


def why(event: StepEvent, probe: Probe) -> str:
    """What in the operation's operands made it so: they are all finite, or an earlier event would have been the first."""
    largest = float(np.finfo(probe.model.dtype).max)
    if event.stage == "forward":
        return _why_forward(event, largest)
    if event.stage == "loss":
        outputs = probe.trainer.loss.outputs
        top = _top(np.asarray(outputs)) if outputs is not None else math.nan
        return f"the outputs are finite, up to {top:.3g}, but their loss is not (squares, exponentials overflow; log 0 is −∞)."
    if event.stage == "backward":
        top = _top(event.layer.grad_output)
        return (
            f"the gradient that comes down is finite, up to {top:.3g}; times weights up to {_weights(event.layer):.3g} and "
            f"inputs up to {_top(event.layer.input):.3g} it overflows {probe.model.dtype} ({largest:.1e})."
        )
    if event.stage == "update":
        rate = probe.trainer.optimizer.learning_rate_at(probe.trainer.iteration - 1)
        return f"the gradient, of norm {norm(event.arrays['grads']):.3g}, overflows the weights at learning rate {rate:.3g}."
    return "its operands were finite before."


def _why_forward(event: StepEvent, largest: float) -> str:
    layer, top = event.layer, _top(event.layer.input)
    limit = math.log(largest)
    name = getattr(layer, "activation", "")
    if name in ("exponential", "elu", "selu", "celu", "softplus", "mish", "silu", "squareplus") and top > limit:
        positive = float(layer.input.max())
        if name == "exponential":
            return f"eᶻ overflows beyond z = {limit:.1f}, and z goes up to {positive:.3g}."
        return f"z goes up to {top:.3g}; eᶻ overflows beyond {limit:.1f}."
    if layer.batch_statistics or isinstance(layer, LayerNormalization):
        return f"the squares of inputs up to {top:.3g} overflow in the variance."
    if kernel_of(layer) is not None:
        return f"products of inputs up to {top:.3g} and weights up to {_weights(layer):.3g} overflow ({largest:.1e})."
    return f"its input is finite, up to {top:.3g}, and its output overflows."


def _top(array: Array) -> float:
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else math.nan


def _weights(layer: Any) -> float:
    return max((_top(p.value) for p in layer.parameters), default=math.nan)


# ── in the weights ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def bad_weights(trainer: Trainer, bad: list[Parameter], batch: Batch) -> Finding:
    """Weights that are NaN or infinite already: what they do, what the history knows, and what a replay from the seed shows."""
    first, elements = bad[0], sum(int(np.count_nonzero(~np.isfinite(p.value))) for p in bad)
    total = sum(p.size for p in trainer.model.parameters)
    words = f"{first.name} holds {_inf_or_nan(first.value)}; {elements:,} of {total:,} weights and statistics are not finite."
    evidence: dict[str, float] = {"elements": elements, "parameters": len(bad), "updates": trainer.iteration}
    rows, effect = _effect(trainer, batch)
    words += effect
    evidence["rows"] = len(rows)
    if len(rows):
        evidence["first_row"] = int(rows[0])
    known, numbers = from_history(trainer.history)
    words += known
    evidence |= numbers
    hint = ""
    if trainer.iteration > 0:
        told, numbers = replay(trainer, batch)
        words += told
        evidence |= numbers
        if numbers.get("largest_ratio", 0.0) >= BLOWN_UP:
            hint = "Lower the learning rate or clip the gradient (nd.clipping.ClipByGlobalNorm(1.0))."
    return Finding("nan", first.name.rpartition("/")[0], words, evidence, hint)


def _effect(trainer: Trainer, batch: Batch) -> tuple[Array, str]:
    """Which rows come out bad, from which layer on, and whether ∞·0 is among the reasons."""
    model, x = trainer.model.copy(), batch.x
    with np.errstate(all="ignore"):
        for event in model.layers.forward_steps(x, training=False):
            layer, below, x = event.layer, event.layer.input, event.layer.output
            bad = ~np.isfinite(x).all(axis=1)
            if not bad.any():
                continue
            rows = batch.rows[bad]
            text = f" On the way forward {layer.name} is the first with a bad output, in {len(rows)} of {len(x)} rows."
            infinite = any(np.isinf(p.value).any() for p in layer.parameters)
            if infinite and np.isnan(x).any() and (below == 0).any():
                text += " An infinite weight times an input of 0 is NaN (∞·0)."
            return rows, f"{text} {_rows(rows)}"
    return np.empty(0, np.int64), " The outputs on these rows are finite all the same."


def from_history(history: History) -> tuple[str, dict[str, float]]:
    """What the record of the epochs tells of the first bad step."""
    if history.stopped_because:
        return f" The run was stopped: {history.stopped_because}.", {}
    losses = [record.get("loss") for record in history]
    first = next((i for i, value in enumerate(losses) if value is not None and not math.isfinite(value)), None)
    if first is None:
        return (f" All losses in the history are finite ({len(losses)}): it happened after them." if losses else ""), {}
    record, start = history.records[first], history.records[first - 1]["updates"] if first else 0
    text = f" By the history it happened in epoch {record['epoch']}, between updates {start + 1:,} and {record['updates']:,}."
    return text, {"epoch": float(record["epoch"]), "after_update": start, "before_update": float(record["updates"])}


def replay(trainer: Trainer, batch: Batch) -> tuple[str, dict[str, float]]:
    """Train again from the seed on these rows, until a number is not finite: the first step, and the first array."""
    twin = fresh_start(trainer)
    if twin is None or not all(np.isfinite(p.value).all() for p in twin.model.parameters):
        return "", {}
    found, size = Probe(twin, batch, twin), min(REPLAY_BATCH, len(batch.x))
    endless = itertools.chain.from_iterable(
        batches(batch.x, batch.y, size, seed=twin.seed, epoch=epoch) for epoch in itertools.count()
    )
    with np.errstate(all="ignore"):
        for step, (x, y) in zip(range(1, min(REPLAYED, trainer.iteration) + 1), endless, strict=False):
            before = {layer.name: kernel_of(layer).value.copy() for layer in kernel_layers(twin.model)}
            for event in twin.operations(x, y, None):
                bad = bad_arrays(event)
                if bad:
                    text = f" Trained again from the seed on these rows, it goes wrong in update {step}: {next(iter(bad))} of "
                    text += f"{event.name} ({event.stage}) is the first; {why(event, found)}"
                    numbers = {"replay_step": float(step), "largest_ratio": found.largest_ratio}
                    if found.largest_ratio >= BLOWN_UP:
                        text += f" Before that an update was {found.largest_ratio:.2g} times the norm of the weights: "
                        text += "the learning rate is too high."
                    return text, numbers
            for layer in kernel_layers(twin.model):
                weight = norm(before[layer.name])
                moved = norm(kernel_of(layer).value.astype(np.float64) - before[layer.name])
                found.largest_ratio = max(found.largest_ratio, moved / weight if weight > 0 else 0.0)
    return "", {}


def fresh_start(trainer: Trainer) -> Trainer | None:
    """A copy as before the first update: weights from the seed, empty slots. None where the optimizer keeps more than slots."""
    twin = copy.deepcopy(trainer)
    if twin.optimizer.state():
        return None
    for index, layer in enumerate(twin.model.layers):
        layer.initialize(twin.model.seed, index)
    for name, slot in twin.optimizer.slots.items():
        slot[...] = twin.optimizer.initial_slot(name)
    twin.iteration = 0
    return twin
