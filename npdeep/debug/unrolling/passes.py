"""The forward pass, the loss, the backward pass and the update of the file, from recordings."""

import contextlib
import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from npdeep.common.guards import quiet
from npdeep.debug.unrolling.names import Differs, Names
from npdeep.debug.unrolling.record import Call, Recording, branched, by_rows, declare, groups_of
from npdeep.debug.unrolling.script import Script, wanted_name
from npdeep.kernels.arrays import Array
from npdeep.kernels.losses import reduction
from npdeep.kernels.updates.momentum import flush_tiny
from npdeep.layers import Layer
from npdeep.losses import Loss, SoftmaxCrossEntropy
from npdeep.losses.own import OwnLoss
from npdeep.schedules import InverseTimeDecay, Schedule
from npdeep.training.trainer import Trainer

Given = dict[str, Array]
ROWS = (5, 3, 1)
"""How many rows the recorded steps have: what goes with the rows shows, and what is done differently with a single one."""
REDUCTIONS = (reduction.sum_of_weights, reduction.weighted_mean, reduction.weighted_mean_backward)


def refuse(part: Any, method: str, around: Iterable[Any] = ()) -> ValueError:
    """The error for a part whose arithmetic cannot be taken along. around: all layers; one of these may hold the part."""
    for layer in around:                      # what a custom layer does in between shows in the npdeep layers that it holds
        if is_npdeep(part) and not is_npdeep(layer) and str(part.name).startswith(f"{layer.name}/"):
            part = layer
    if isinstance(part, Loss):                # the methods that the user has written
        method = {"forward": "losses", "backward": "derivatives"}.get(method, method)
    kind, name = type(part).__name__, getattr(part, "name", None)
    where = f"{kind}.{method}" + (f" (layer {name!r})" if isinstance(part, Layer) else "")
    if is_npdeep(part):
        return ValueError(f"unroll: the file would not give the same bits as {where}; please report the network that does this")
    return ValueError(
        f"unroll: some arithmetic of {where} is in no function of its own; move the arithmetic of {kind}.{method} into a "
        "function at the top level of a module, that takes arrays and returns one array or writes into out"
    )


def is_npdeep(part: Any) -> bool:
    """Is the part npdeep's, not the user's?"""
    return type(part).__module__.startswith("npdeep.")


# ── the batches ───────────────────────────────────────────────────────────────────────────────────────────────────────
def batch(trainer: Trainer, rows: int, seed: int, given: Given) -> tuple[Array, Any]:
    """Examples and targets for a step: drawn from those that the user gave, else made up.

    given: what there is of "x" and "y".
    """
    rng, units, dtype = np.random.default_rng(seed), trainer.model.output_size, trainer.model.dtype
    x = rng.standard_normal((rows, trainer.model.input_size)).astype(dtype)
    labels = rng.integers(0, units, rows)
    if given:
        index = rng.integers(0, len(given["y"]), rows)
        return given["x"][index % len(given["x"])] if "x" in given else x, given["y"][index]
    return x, labels if isinstance(trainer.loss, SoftmaxCrossEntropy) else np.eye(units, dtype=dtype)[labels]


def targets_of_own_loss(trainer: Trainer, given: Given) -> Given:
    """Targets that an own loss takes: the user's, else rows of zeros and a one, else labels."""
    units, error = trainer.model.output_size, None
    for tried in [given] if given else [{"y": np.eye(units, dtype=trainer.model.dtype)}, {"y": np.arange(units)}]:
        try:
            copy.deepcopy(trainer).step(*batch(trainer, 5, 0, tried))
            return tried
        except (ValueError, TypeError, IndexError) as raised:
            error = raised
    raise ValueError(f"unroll: a step with the loss {trainer.loss.title} fails; pass x and y to unroll. It says: {error}")


def record(script: Script, trainer: Trainer, given: Given) -> dict[str, list[Recording]]:
    """Recordings of a few steps, by the kind of their targets and weights. The trainer, a copy, is moved on by them."""
    optimizer = trainer.optimizer
    script.scheduled = [name for name in optimizer.may_be_scheduled if isinstance(getattr(optimizer, name), Schedule)]
    loss, recordings = trainer.loss, {}
    if isinstance(loss, SoftmaxCrossEntropy):
        labels, units = np.arange(trainer.model.output_size), trainer.model.output_size
        recordings["rows"] = [one(script, trainer, rows, {**given, "y": np.eye(units)[labels]}) for rows in ROWS]
        given = {**given, "y": labels}
    recordings[""] = [one(script, trainer, rows, given) for rows in ROWS]
    if isinstance(loss, OwnLoss):
        with contextlib.suppress(ValueError, TypeError):     # it may take no weights
            recordings["weight"] = [one(script, trainer, rows, given, weighted=True) for rows in ROWS]
    return recordings


def one(script: Script, trainer: Trainer, rows: int, given: Given, weighted: bool = False) -> Recording:
    """A recording of one step."""
    x, targets = batch(trainer, rows, rows, given)
    weight = np.linspace(0.5, 1.5, rows, dtype=trainer.model.dtype).reshape(rows, 1) if weighted else None
    targets = trainer.loss.check_targets(targets, rows, trainer.model.output_size, trainer.model.dtype)
    for name in script.scheduled:             # another in its place that changes every step, so that what depends on it shows
        vars(trainer.optimizer)[name] = InverseTimeDecay(0.01 if name == "learning_rate" else 0.5, 1, 1.0)
    with quiet():
        return Recording(script, trainer, x, targets, weight)


# ── the passes ────────────────────────────────────────────────────────────────────────────────────────────────────────
def write_passes(script: Script, trainer: Trainer, by_kind: dict[str, list[Recording]]) -> None:
    """Forward, loss, backward; then the arrays that they use."""
    recordings = by_kind[""]
    script.left = recordings[0].left
    for layer in trainer.model.everything():
        script.setup += ["", f"{script.name(layer)} = Arrays()"]
        for p in layer.parameters:
            script.parameter(p)
        if layer.draws:
            script.setup.append(f'{script.name(layer)}.rng = generator(start["{script.name(layer)}_generator"])')
    script.setup += ["", "loss = Arrays()"]
    parameters = set(script.parameters)
    for index, operation in enumerate(recordings[0].operations):
        stage = operation.event.stage
        if stage == "loss":
            write_loss(script, trainer.loss, by_kind, index)
        elif stage in ("forward", "backward"):
            for layer, formula, calls in groups_of(recordings, index):
                heading(script, layer, stage, formula)
                try:
                    lines = by_rows(script, recordings, calls)
                except Differs:
                    raise refuse(layer, stage, trainer.model.everything()) from None
                passes = f"the {'input' if stage == 'forward' else 'gradient'} passes as it is"
                passes = passes if stage == "forward" or layer.passes_gradient else "no gradient is needed below"
                script.step += lines or [f"# nothing to compute: {passes}"]
    everywhere = [r for kind in by_kind.values() for r in kind]
    for name in dict.fromkeys(name for r in everywhere for name in r.names.arrays):
        if name in script.used - script.made - parameters - {"x", "y", "weight"}:
            declare(script, everywhere, name)


def heading(script: Script, layer: Any, stage: str, formula: str) -> None:
    """What an operation of a layer computes, and its shapes."""
    if stage == "forward":
        shapes = f"(n, {layer.input_size}) → (n, {layer.output_size})"
        script.heading(f"forward {layer.name}: {formula}    {shapes}")
        return
    wanted = [p for p in layer.parameters if p.wanted is not None]
    shapes = ", ".join(f"{wanted_name(script, p).rpartition('.')[2]} {p.shape}" for p in wanted)
    script.heading(f"backward {layer.name}: {formula}" + (f"    {shapes}" if shapes else ""))


# ── the loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def write_loss(script: Script, loss: Loss, by_kind: dict[str, list[Recording]], index: int) -> None:
    """The loss of a batch and its gradient at the outputs."""
    script.heading(f"loss: {loss.formula.unicode}")
    try:
        if isinstance(loss, OwnLoss):
            write_own_loss(script, loss, by_kind, index)
            return
        forward, backward = loss_lines(script, by_kind[""], index)
        if "rows" in by_kind:
            rows = loss_lines(script, by_kind["rows"], index)
            forward = branched("y.ndim == 1", forward, rows[0])      # labels, or rows of probabilities
    except Differs:
        raise refuse(getattr(loss, "own", loss), "forward") from None
    m = "loss.losses.size"
    if loss.weighting == "weights":
        m = f"{m} if weight is None else {script.call(reduction.sum_of_weights, 'weight', 'loss.losses')}"
    mean = script.call(reduction.weighted_mean, "loss.losses", "weight", "loss.m")
    script.used |= {"loss.losses", "loss.grad_outputs"}
    script.step += [*forward, f"loss.m = {m}", f"loss.value = {mean}", *backward]
    script.step.append(script.call(reduction.weighted_mean_backward, "weight", "loss.m", "loss.grad_outputs"))


def calls_of(recording: Recording, index: int) -> list[Call]:
    """All calls of an operation."""
    return [call for _, calls in recording.operations[index].groups for call in calls]


def loss_lines(script: Script, recordings: list[Recording], index: int) -> tuple[list[str], list[str]]:
    """The lines of the single losses, and those of their derivatives."""
    before, after = [], []
    for recording in recordings:
        calls = calls_of(recording, index)
        middle = [call.function for call in calls].index(reduction.weighted_mean)
        before.append([call for call in calls[:middle] if call.function not in REDUCTIONS])
        after.append([call for call in calls[middle:] if call.function not in REDUCTIONS])
    return by_rows(script, recordings, before), by_rows(script, recordings, after)


def write_own_loss(script: Script, loss: OwnLoss, by_kind: dict[str, list[Recording]], index: int) -> None:
    """A custom loss: with weights and without, as its functions were called."""
    lines = {}
    for kind in by_kind:
        calls = [calls_of(r, index) for r in by_kind[kind]]
        for recording, group in zip(by_kind[kind], calls, strict=True):
            name_results(recording, group)
        lines[kind] = by_rows(script, by_kind[kind], calls)
        if not any(call.target == "loss.value" for call in calls[0]):
            raise refuse(loss.own, "forward")
        if any(call.target == "loss.gradient" for call in calls[0]):
            lines[kind].append(f"loss.grad_outputs = np.ascontiguousarray(loss.gradient, {script.dtype})")
            script.made.add("loss.grad_outputs")
    weighted = lines.get("weight", ['raise ValueError("this loss takes no weights")'])
    script.step += branched("weight is None", lines[""], weighted)


def name_results(recording: Recording, calls: list[Call]) -> None:
    """The call that gave the loss, and the one that gave its gradient."""
    gradient = recording.gradient
    for call in reversed(calls):
        if isinstance(call.result, float | np.generic) and float(call.result) == recording.value:
            call.target = call.target or "loss.value"
        elif isinstance(call.result, np.ndarray) and not call.target and call.result.dtype != gradient.dtype:
            is_gradient = np.array_equal(call.result.astype(gradient.dtype), gradient)
            call.target = "loss.gradient" if is_gradient else ""


# ── the update ────────────────────────────────────────────────────────────────────────────────────────────────────────
def update_calls(script: Script, trainer: Trainer, recordings: list[Recording], names: list[str]) -> list[str]:
    """The calls of an update for one piece. names: what the arrays of a piece are called in the loop."""
    optimizer, groups = trainer.optimizer, []
    place = next(i for i, o in enumerate(recordings[0].operations) if o.event.stage == "update")
    arrays = Names()
    for piece in optimizer.pieces:
        for name, array in zip(names, piece, strict=True):
            arrays.add(name, array)
    try:
        for recording in recordings:
            calls = [call for call in calls_of(recording, place) if call.function is not flush_tiny]
            for call in calls:
                call.tokens = [arrays.token(value) for value in call.arguments.values()]
            groups.append(calls[: len(calls) // len(optimizer.pieces)])
        lines = by_rows(script, recordings, groups)
    except Differs:
        lines = []
    if not lines:
        raise refuse(optimizer, "update_piece")
    return lines
