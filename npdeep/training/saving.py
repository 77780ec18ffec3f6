"""What a trainer knows, in memory and in a file: enough to go on as if it had never stopped."""

from pathlib import Path
from typing import Any

from npdeep import losses, metrics
from npdeep.common import checks
from npdeep.files import encoding, npz
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.models.sequential import Sequential
from npdeep.training.loop import Unfinished

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
        **{name: getattr(trainer, name) for name in PROGRESS},
    }
    if trainer.unfinished is not None:
        place = trainer.unfinished
        fingerprint = list(place.fingerprint(trainer.batches_done))
        state["unfinished"] = {"fingerprint": fingerprint, "begun": place.begun, **place.totals.state()}
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
            setattr(trainer, name, state[name])
        unfinished = state.get("unfinished")
        trainer.unfinished = unfinished and Unfinished(
            metrics.Totals(trainer.metrics, unfinished),
            fingerprint=tuple(unfinished["fingerprint"]),
            begun=unfinished.get("begun", True),    # older files have none: they knew only epochs with a batch
        )


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
    at_work = trainer.watchers or ([] if trainer.callback_states else trainer.last_watchers)
    watchers = [(watcher.identity, watcher.state()) for watcher in at_work] or trainer.callback_states
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
        "history": {"records": trainer.history.records, "stopped_because": trainer.history.stopped_because},
        "callbacks": [
            {"callback": name, "state": encoding.split_arrays(kept, f"callbacks/{i}/{name.partition('(')[0]}", arrays)}
            for i, (name, kept) in enumerate(watchers)
            if any(other for its_name, other in watchers if its_name == name)    # alike ones are told apart by their order
        ],
    }
    return npz.write(path, header, arrays)


def restore(kind: Any, path: str | Path, loss: Any, own_metrics: Any, own: Any) -> Any:
    """A trainer (of class `kind`) from a file that `save` wrote."""
    header, arrays = npz.read(path)
    if "trainer" not in header:
        raise ValueError(f"checkpoint {path}: holds a model without a trainer; read it with nd.load_model(path)")
    classes = encoding.check_own("Trainer.restore", own)
    model = Sequential.from_description(header["model"], arrays, classes)
    parts = header["trainer"]
    own_metrics = check_own_metrics(own_metrics, [metric["name"] for metric in parts["metrics"]])
    trainer = kind(
        model,
        decode_loss(parts["loss"], loss, classes),
        encoding.decode(parts["optimizer"], classes),
        encoding.decode(parts["clipping"], classes),
        [decode_metric(metric, own_metrics, classes) for metric in parts["metrics"]],
        parts["seed"],
    )
    slots = {name: arrays[name] for name in slot_views(trainer) if name in arrays}
    variables = {p.name: arrays[p.name] for p in model.parameters}
    set_trainer_state(trainer, {**encoding.join_arrays(header["state"], arrays), "variables": variables, "slots": slots})
    trainer.history = restored_history(header)
    trainer.callback_states = [
        (entry["callback"], encoding.join_arrays(entry["state"], arrays)) for entry in header["callbacks"]
    ]
    return trainer


def restored_history(header: dict[str, Any]) -> History:
    """The history in the header of a file that `save` wrote."""
    history = History(header["history"]["records"])
    history.stopped_because = header["history"]["stopped_because"]
    return history


def encode_loss(loss: losses.Loss) -> Any:
    """A built-in loss by class and arguments; a user's own by its name alone."""
    return {"own": loss.title} if isinstance(loss, losses.OwnLoss) else encoding.encode(loss, "loss")


def decode_loss(stored: Any, given: Any, own: dict[str, type]) -> Any:
    """The stored loss, or the one handed in; a missing own loss is named."""
    if given is not None:
        return given
    if "own" in stored:
        raise ValueError(f"Trainer.restore: it was trained with your own loss {stored['own']}; hand it in: loss=...")
    return encoding.decode(stored, own)


def encode_metric(metric: metrics.Metric) -> Any:
    """A metric by name, class and arguments; a user's function by its name alone."""
    own = isinstance(metric, metrics.OwnMetric)
    return {"name": metric.name, "object": None if own else encoding.encode(metric, f"metric {metric.name!r}")}


def decode_metric(stored: Any, given: dict[str, metrics.Metric], own: dict[str, type]) -> metrics.Metric:
    """The metric of this name that was handed in, or the stored one; a missing own metric is named."""
    if stored["name"] in given:
        return given[stored["name"]]
    if stored["object"] is None:
        raise ValueError(f"Trainer.restore: it was measured by your own metric {stored['name']}; hand it in: metrics=[...]")
    return encoding.decode(stored["object"], own)  # type: ignore[no-any-return]


def check_own_metrics(given: Any, known: list[str]) -> dict[str, metrics.Metric]:
    """The metrics that were handed in, by name: each must be one of those it was measured by.

    >>> check_own_metrics(["accuracy"], ["accuracy", "mine"])
    {'accuracy': Accuracy(threshold=None)}
    """
    by_name = {metric.name: metric for metric in map(metrics.get, given)}
    for name in by_name:
        checks.choice("Trainer.restore", "metric", name, known)
    return by_name

