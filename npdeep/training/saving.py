"""What a trainer knows, in memory and in a file: enough to continue as if it had never stopped."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from npdeep import callbacks, losses, metrics, optimizers
from npdeep.common import checks, words
from npdeep.files import encoding, npz, schema
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.models.sequential import Sequential
from npdeep.training.progress import Progress, Unfinished

SQUARES = ("s", "d", "v", "largest_v", "u")
"""Slots of npdeep's optimizers that are made of squares or sizes, and never negative."""
PROGRESS = ("epoch", "batches_done", "seconds")


def trainer_state(trainer: Any) -> dict[str, Any]:
    """Everything that training changes, copied: variables, slots, iteration, learning rate, generators, progress."""
    model, optimizer = trainer.model, trainer.optimizer
    rate = optimizer.learning_rate
    state: dict[str, Any] = {
        "variables": {p.name: p.value.copy() for p in model.parameters},
        "slots": {name: array.copy() for name, array in slot_views(trainer).items()},
        "generators": model.generators(),
        "frozen": model.frozen(),
        "optimizer": optimizer.state(),
        "learning_rate": rate if isinstance(rate, float | int) else None,
        "iteration": trainer.iteration,
        **{name: getattr(trainer.progress, name) for name in PROGRESS},
    }
    place = trainer.progress.unfinished
    if place is not None:
        fingerprint = list(place.fingerprint(trainer.progress.batches_done))
        state["unfinished"] = {"fingerprint": fingerprint, "begun": place.begun, **trainer.team.whole(place.totals).state()}
    return state


def set_trainer_state(trainer: Any, state: dict[str, Any], progress: bool = True, settings: bool = True) -> None:
    """Put a state back. progress=False leaves the counts of epochs, batches and seconds as they are, settings=False the
    learning rate and what is frozen.

    Raises ValueError, before anything is changed, where the state is that of another model or optimizer.
    """
    model, optimizer = trainer.model, trainer.optimizer
    views = {**{p.name: p.value for p in model.parameters}, **slot_views(trainer)}
    arrays = {**state["variables"], **state["slots"]}
    check_same_shapes(views, arrays)
    for name, view in views.items():
        view[...] = arrays[name]
    model.set_generators(state["generators"])
    optimizer.set_state(state["optimizer"])
    if settings:
        model.set_frozen(state["frozen"])
        if state["learning_rate"] is not None:
            optimizer.learning_rate = state["learning_rate"]
    trainer.iteration = state["iteration"]
    if progress:
        for name in PROGRESS:
            setattr(trainer.progress, name, state[name])
        unfinished = state.get("unfinished")
        trainer.progress.unfinished = unfinished and Unfinished(
            metrics.Totals(trainer.metrics, unfinished),
            fingerprint=tuple(unfinished["fingerprint"]),
            begun=unfinished.get("begun", True),    # older files have none: they knew only epochs with a batch
        )


def check_made(owner: str, state: Any) -> None:
    """Raise TypeError for what `trainer_state` cannot have made.

    >>> check_made("set_state", {})
    Traceback (most recent call last):
    TypeError: set_state: state must be what trainer.state() returned, got an object of type dict
    """
    needed = ("variables", "slots", "generators", "frozen", "optimizer", "learning_rate", "iteration", *PROGRESS)
    if not isinstance(state, dict) or any(name not in state for name in needed):
        raise TypeError(f"{owner}: state must be what trainer.state() returned, got {checks.describe(state)}")


def check_same_shapes(here: dict[str, Array], there: dict[str, Array]) -> None:
    """Raise ValueError where the arrays of a trainer and those of a state differ in name or shape.

    >>> import numpy as np
    >>> check_same_shapes({"a/kernel": np.zeros(2)}, {"a/kernel": np.zeros(3)})
    Traceback (most recent call last):
    ValueError: this state is that of another model or optimizer: a/kernel is (2,) here and (3,) there
    """
    for name in {**here, **there}:
        mine, its = (side[name].shape if name in side else "missing" for side in (here, there))
        if mine != its:
            raise ValueError(f"this state is that of another model or optimizer: {name} is {mine} here and {its} there")


def slot_views(trainer: Any) -> dict[str, Array]:
    """The optimizer's slots parameter by parameter, named as TensorFlow 1 names them: hidden1/kernel/Momentum."""
    optimizer = trainer.optimizer
    return {
        f"{p.name}/{optimizer.label(name)}": optimizer.slot(name, p)
        for p in trainer.model.parameters
        if p.has_grad
        for name in optimizer.slot_names
    }


def save(trainer: Any, path: str | Path) -> Path:
    """Write the trainer, its model and the states of its callbacks, at work now or in the last fit, into one file."""
    state = trainer_state(trainer)
    arrays = {**state.pop("variables"), **state.pop("slots")}
    if "unfinished" in state:
        state["unfinished"] = encoding.split_arrays(state["unfinished"], "unfinished", arrays)
    progress: Progress = trainer.progress
    watchers = progress.states_of_callbacks()
    header = {
        "model": trainer.model.description(),
        "trainer": {
            "loss": encode_loss(trainer.loss),
            "metrics": [encode_metric(metric) for metric in trainer.metrics],
            "optimizer": encoding.encode(trainer.optimizer, "optimizer"),
            "clipping": encoding.encode(trainer.clipping, "clipping"),
            "seed": trainer.seed,
        },
        "state": state,
        "history": {
            "records": progress.history.records,
            "stopped_because": words.visible(progress.history.stopped_because, keep="\n"),
        },
        "callbacks": [
            {"callback": name, "state": encoding.split_arrays(kept, f"callbacks/{i}/{name.partition('(')[0]}", arrays)}
            for i, (name, kept) in enumerate(watchers)
            if any(other for its_name, other in watchers if its_name == name)    # alike ones are told apart by their order
        ],
    }
    return schema.write(path, header, arrays) if trainer.team.writes else Path(path)


def restore(kind: Any, path: str | Path, loss: Any, own_metrics: Any, own: Any) -> Any:
    """A trainer (of class `kind`) from a file that `save` wrote."""
    classes = encoding.check_own("Trainer.restore", own)
    header, arrays = schema.read(path)
    if "trainer" not in header:
        raise npz.fault(path, "holds a model without a trainer; read it with nd.load_model(path)")
    given = check_own_metrics(own_metrics, [metric["name"] for metric in header["trainer"]["metrics"]])
    with npz.naming(path):
        return rebuild(kind, header, arrays, loss, given, classes)


def rebuild(
    kind: Any,
    header: dict[str, Any],
    arrays: dict[str, Array],
    loss: Any = None,
    own_metrics: Mapping[str, metrics.Metric] = MappingProxyType({}),
    own: Mapping[str, type] = MappingProxyType({}),
) -> Any:
    """A trainer from what `schema.read` gave. Raises ValueError where parts are missing or do not fit together."""
    model = Sequential.from_description(header["model"], arrays, own)
    parts, state = header["trainer"], header["state"]
    loss = losses.get(decode_loss(parts["loss"], loss, own))
    earlier = "scale" not in header["model"] and loss.outputs_are != "unknown"
    trainer = kind(
        model,
        loss,
        encoding.decode(parts["optimizer"], own, "trainer.optimizer"),
        encoding.decode(parts["clipping"], own, "trainer.clipping"),
        [decode_metric(metric, own_metrics, own, earlier) for metric in parts["metrics"]],
        parts["seed"],
    )
    slots = {name: arrays[name] for name in slot_views(trainer) if name in arrays}
    state = {**state, "variables": {p.name: arrays[p.name] for p in model.parameters}, "slots": slots}
    check_state(trainer, state, "state")
    set_trainer_state(trainer, state)
    trainer.progress.history = restored_history(header)
    for i, entry in enumerate(header["callbacks"]):
        check_callback(trainer, f"callbacks[{i}].state", entry["callback"], entry["state"])
    trainer.progress.callback_states = [(entry["callback"], entry["state"]) for entry in header["callbacks"]]
    return trainer


def check_state(trainer: Any, state: dict[str, Any], where: str) -> None:
    """Raise ValueError where a state out of a file cannot be one of this trainer."""
    model, optimizer = trainer.model, trainer.optimizer
    slots = slot_views(trainer)
    views, stored = {**{p.name: p.value for p in model.parameters}, **slots}, {**state["variables"], **state["slots"]}
    check_same_shapes(views, stored)
    for name, view in views.items():
        if (stored[name].dtype.kind, stored[name].dtype.itemsize) != ("f", view.dtype.itemsize):
            raise ValueError(f"{name} must hold {view.dtype} numbers, got dtype {stored[name].dtype}")
    schema.check_variables(model.parameters, state["variables"])
    squares = {optimizer.label(name) for name in optimizer.slot_names if name in SQUARES}
    for name, view in slots.items():
        never_negative = type(optimizer) in optimizers.KNOWN.values() and name.rpartition("/")[2] in squares
        schema.check_numbers(name, state["slots"][name], view.shape, never_negative, infinite=True)
    for what, there, here in (
        ("generators", state["generators"], model.generators()),
        *([("optimizer", state["optimizer"], optimizer.state())] if type(optimizer) in optimizers.KNOWN.values() else []),
    ):
        if set(there) != set(here):
            wanted, got = (checks.listed(sorted(names), 50) or "nothing" for names in (here, there))
            raise ValueError(f"{where}.{what} must be of {wanted}, got {got}")
    check_unfinished(trainer, state, f"{where}.unfinished")


def check_callback(trainer: Any, where: str, identity: str, state: dict[str, Any]) -> None:
    """Raise ValueError where a state is none that this callback gives. What a class of the user keeps it must check itself."""
    name, arguments, _ = identity.partition("(")
    if not arguments or not state:            # a callback of npdeep's is known by its arguments too
        return
    if name not in callbacks.KNOWN:
        raise ValueError(f"{where} is that of a callback {checks.shortened(name)}, which this npdeep does not know")
    callbacks.KNOWN[name].check_state(where, state)
    if "winner" in state:
        check_state(trainer, state["winner"], f"{where}.winner")


def check_unfinished(trainer: Any, state: dict[str, Any], where: str) -> None:
    """Raise ValueError where the sums of an epoch in progress are not those of this trainer's metrics, row by row."""
    unfinished = state.get("unfinished")
    if unfinished is None:
        return
    rows, wanted = unfinished["rows"], 1 + len(trainer.metrics)
    if len(unfinished["sums"]) != wanted:
        raise ValueError(f"{where}.sums must be {wanted} numbers, for loss and metrics, got {len(unfinished['sums'])}")
    outputs, targets = (unfinished.get(name) for name in ("outputs", "targets"))
    if outputs is not None and outputs.shape != (rows, trainer.model.output_size):
        raise ValueError(f"{where}.outputs must have the shape {(rows, trainer.model.output_size)}, got {outputs.shape}")
    if targets is not None and len(targets) != rows:
        raise ValueError(f"{where}.targets must have {rows} rows, got shape {targets.shape}")


def restored_history(header: dict[str, Any]) -> History:
    """The history in the header of a file that `save` wrote."""
    history = History(header["history"]["records"])
    history.stopped_because = header["history"]["stopped_because"]
    return history


def encode_loss(loss: losses.Loss) -> Any:
    """A built-in loss by class and arguments; a user's own by its name alone."""
    return {"own": loss.title} if isinstance(loss, losses.OwnLoss) else encoding.encode(loss, "loss")


def decode_loss(stored: Any, given: Any, own: Mapping[str, type]) -> Any:
    """The stored loss, or the one passed; a missing own loss is named."""
    if given is not None:
        return given
    if "own" in stored:
        raise ValueError(f"Trainer.restore: it was trained with your own loss {stored['own']}; pass it: loss=...")
    return encoding.decode(stored, own, "trainer.loss")


def encode_metric(metric: metrics.Metric) -> Any:
    """A metric by name, class and arguments; a user's function by its name alone."""
    own = isinstance(metric, metrics.OwnMetric)
    return {"name": metric.name, "object": None if own else encoding.encode(metric, f"metric {metric.name!r}")}


def decode_metric(
    stored: Any, given: Mapping[str, metrics.Metric], own: Mapping[str, type], earlier: bool = False
) -> metrics.Metric:
    """The metric of this name that was passed, or the stored one; a missing own metric is named.

    Earlier versions wrote the threshold 0 whatever the outputs were: there it follows them, as it does by default now.
    """
    if stored["name"] in given:
        return given[stored["name"]]
    if stored["object"] is None:
        raise ValueError(f"Trainer.restore: it was measured by your own metric {stored['name']}; pass it: metrics=[...]")
    metric: metrics.Metric = encoding.decode(stored["object"], own, f"metric {stored['name']}")
    if earlier and isinstance(metric, metrics.Accuracy | metrics.BinaryAccuracy) and metric.threshold == 0:
        return type(metric)()
    return metric


def check_own_metrics(given: Any, known: list[str]) -> dict[str, metrics.Metric]:
    """The metrics that were passed, by name: each must be one of those it was measured by.

    >>> check_own_metrics(["accuracy"], ["accuracy", "mine"])
    {'accuracy': Accuracy(threshold=None)}
    """
    by_name = {metric.name: metric for metric in map(metrics.get, checks.items("Trainer.restore", "metrics", given, "metrics"))}
    for name in by_name:
        checks.choice("Trainer.restore", "metric", name, known)
    return by_name

