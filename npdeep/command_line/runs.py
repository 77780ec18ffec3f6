"""What the command line puts together: data, networks and optimizers from words, run folders, files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npdeep import datasets, initializers, optimizers, schedules
from npdeep.callbacks import Callback
from npdeep.clipping import ClipByGlobalNorm
from npdeep.common import checks, writing
from npdeep.common.whole_files import replacing
from npdeep.datasets.mnist import NO_FOLDER, OTHER_DATA, Split
from npdeep.debug.diagnosis import Diagnosis, diagnose, plant
from npdeep.debug.unrolling import unroll
from npdeep.debug.unrolling.unroll import check_path
from npdeep.files import encoding, fields, npz, schema
from npdeep.layers import BatchNormalization, Dense
from npdeep.layers.hidden import hidden_layer
from npdeep.losses import KLDivergence
from npdeep.models.last_layer import last_activation
from npdeep.models.sequential import Sequential
from npdeep.training import saving
from npdeep.training.trainer import Trainer

HELD_OUT = 500
"""How many of the sample's training digits are for validation."""


def load_data(source: str, check: bool = True) -> tuple[Split, Split, Split]:
    """(training, validation, test): of the packed sample, of MNIST wherever it is found, or of MNIST in a folder.

    check: False takes any images in the folder, as `nd.datasets.mnist` does.

    >>> training, validation, test = load_data("sample")
    >>> len(training[0]), len(validation[0]), len(test[0])
    (4500, 500, 1000)
    """
    if not check and source in ("sample", "mnist"):
        raise ValueError(f"--no-check is for a folder with other images: name it in place of --data {source}")
    if source == "sample":
        (x, y), test = datasets.mnist_sample()
        return (x[HELD_OUT:], y[HELD_OUT:]), (x[:HELD_OUT], y[:HELD_OUT]), test
    try:
        return datasets.mnist(None if source == "mnist" else source, check=check)
    except (ValueError, FileNotFoundError) as error:    # the cures of mnist are Python
        text = str(error).replace(OTHER_DATA, "take other images with --no-check")
        raise type(error)(text.replace(NO_FOLDER, "--data mnist downloads them")) from None


def build_model(
    layers: Sequence[int],
    activation: str = "relu",
    initializer: str = "auto",
    batch_normalization: bool = False,
    dropout: float = 0.0,
    seed: int | None = None,
) -> Sequential:
    """A network for digits: hidden layers of these units, ten outputs.

    >>> build_model([300, 100], seed=0)
    <Sequential sequential 784-300-100-10 float32>
    """
    kernel = initializers.for_activation(activation) if initializer == "auto" else initializer
    normalization = BatchNormalization if batch_normalization else None
    stack = [layer for units in layers for layer in hidden_layer(units, activation, kernel, normalization, dropout)]
    return Sequential([*stack, Dense(10, name="outputs")], input_size=784, seed=seed)


def build_optimizer(
    name: str, learning_rate: float | None = None, momentum: float | None = None, schedule: str | None = None
) -> optimizers.Optimizer:
    """An optimizer by name, with a learning rate, a momentum and a schedule where given.

    >>> build_optimizer("momentum", 0.1, 0.95, "exponential_decay:10000,0.1").learning_rate
    ExponentialDecay(initial=0.1, decay_steps=10000, decay_rate=0.1, staircase=False)
    """
    default = optimizers.get(name)
    rate: Any = default.learning_rate if learning_rate is None else learning_rate
    arguments: dict[str, Any] = {"learning_rate": rate if schedule is None else parse_schedule(schedule, rate)}
    if momentum is not None:
        if not hasattr(default, "momentum"):
            raise ValueError(f"{type(default).__name__} has no momentum; leave it out, or use momentum, nesterov or rmsprop")
        arguments["momentum"] = momentum
    return type(default)(**arguments)


def parse_schedule(text: str, initial: float) -> schedules.Schedule:
    """A schedule from name:numbers; the learning rate is its first argument (the peak of one_cycle).

    >>> parse_schedule("power_decay:100", 0.1)
    PowerDecay(initial=0.1, decay_steps=100, power=1.0)
    """
    name, _, numbers = text.partition(":")
    known = {n: c for n, c in schedules.KNOWN.items() if n not in ("piecewise_constant", "constant")}
    kind: Any = known[checks.choice("schedule", "name", name, known)]
    try:
        values = [float(number) for number in numbers.split(",") if number]
    except ValueError:
        raise ValueError(f"schedule {text!r}: after the colon stand numbers, separated by commas") from None
    try:
        return kind(initial, *(int(v) if v.is_integer() and i == 0 else v for i, v in enumerate(values)))  # type: ignore[no-any-return]
    except TypeError as error:
        raise ValueError(f"schedule {text!r}: {error}; the first argument is the learning rate itself") from None


FOLDER = Path("runs/run")
CHECKPOINT, ARGUMENTS = "trainer.npz", "run.json"
LONGEST = 10_000
"""Bytes of run.json that are read: it says three things."""
RUN = fields.record({"data": fields.lines, "batch_size": fields.whole(1)}, {"check": fields.flag})


def make_folder(wanted: Path, room: int = writing.ROOM) -> Path:
    """The folder itself where it is new or empty, else the first free of folder-2, folder-3, …

    Raises OSError where it cannot be written, or has no room for this many bytes.
    """
    folder, number = wanted, 1
    while folder.is_dir() and any(folder.iterdir()):
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return writing.check_folder("train", folder, room)


def room_for(trainer: Trainer) -> int:
    """Bytes that a run takes: weights and as many slots as any optimizer has, the file before and the new one, and pictures."""
    return writing.ROOM + 8 * int(trainer.model.arena.values.nbytes)


class SaveRun(Callback):
    """Saves the trainer into the run folder after every epoch."""

    order = 1

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Overwrite the checkpoint."""
        trainer.save(self.folder / CHECKPOINT)


def begin(given: Any) -> tuple[Path, tuple[str, bool], int, Trainer]:
    """A new run from the arguments of `npdeep train`: its folder, its data for `load_data`, its batch size, its trainer."""
    model = build_model(
        layers=given.layers,
        activation=given.activation,
        initializer=given.initializer,
        batch_normalization=given.batch_normalization,
        dropout=given.dropout,
        seed=given.seed,
    )
    optimizer = build_optimizer(given.optimizer, given.learning_rate, given.momentum, given.schedule)
    clipping = ClipByGlobalNorm(given.clip) if given.clip is not None else None
    trainer = Trainer(model, "softmax_cross_entropy", optimizer, clipping, ["accuracy"])
    batch_size = checks.whole("train", "batch_size", given.batch_size)
    checks.whole("train", "epochs", given.epochs, minimum=0)
    load_data(given.data, given.check)
    folder = make_folder(given.folder, room_for(trainer))
    kept = {"data": given.data, "batch_size": batch_size, **({} if given.check else {"check": False})}
    with replacing(folder / ARGUMENTS) as file:
        file.write(json.dumps(kept).encode())
    trainer.save(folder / CHECKPOINT)
    return folder, (given.data, given.check), batch_size, trainer


def reopen(folder: Path) -> tuple[Path, tuple[str, bool], int, Trainer]:
    """A run as it was left: its folder, its data for `load_data`, its batch size, its trainer.

    Raises ValueError where it is not a run, OSError where it cannot be written.
    """
    for name in (ARGUMENTS, CHECKPOINT):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} is not a run of npdeep train: it has no {name}")
    with open(folder / ARGUMENTS, "rb") as file, npz.naming(folder / ARGUMENTS, "run"):
        kept = npz.parse_json(file.read(LONGEST))
        RUN("", kept)
    data, batch_size = (kept["data"], kept.get("check", True)), kept["batch_size"]
    trainer = Trainer.restore(folder / CHECKPOINT)
    writing.check_folder("train", folder, room_for(trainer))
    return folder, data, batch_size, trainer


def describe_file(path: Path) -> list[str]:
    """What a checkpoint file holds, as texts: the model, and, where there is one, the trainer."""
    header, arrays = schema.read(path)
    with npz.naming(path):
        texts = [str(Sequential.from_description(header["model"], arrays, {}).summary())]
    if "trainer" in header:
        parts, state, history = header["trainer"], header["state"], saving.restored_history(header)
        loss = parts["loss"].get("own") or encoding.as_text(parts["loss"])
        progress = f"{state['iteration']:,} updates, {state['epoch']} epochs, {state['seconds']:.1f} seconds of training"
        slots = [name for name in arrays if name.rpartition("/")[0] in arrays]
        texts += ["", loss, encoding.as_text(parts["optimizer"]), progress, f"slots: {', '.join(slots) or 'none'}"]
        if len(history):
            texts += ["", str(history)]
    return texts


def evaluate_file(path: Path, source: str, check: bool = True) -> dict[str, float]:
    """Loss and metrics on the test digits; a file without a trainer is judged by cross entropy and accuracy."""
    x, y = load_data(source, check)[2]
    trainer, y = judged(opened(path), y)
    return trainer.evaluate(x, y, scale=1)    # the digits are scaled already


def opened(path: Path) -> Trainer | Sequential:
    """The trainer in a checkpoint file, or the model where there is no trainer."""
    header, arrays = schema.read(path)
    with npz.naming(path):
        if "trainer" in header:
            return saving.rebuild(Trainer, header, arrays)  # type: ignore[no-any-return]
        return Sequential.from_description(header["model"], arrays, {})


def judged(model: Trainer | Sequential, y: Any) -> tuple[Trainer, Any]:
    """The trainer of a checkpoint file, or a new one for its model with cross entropy; and labels as its loss expects them."""
    if isinstance(model, Trainer):
        return model, y
    last = last_activation(model)
    if last is not None and last.activation in KLDivergence.needs:    # with one class certain it is the cross entropy
        return Trainer(model, "kl_divergence", metrics=["accuracy"]), np.eye(model.output_size)[y]
    return Trainer(model, "softmax_cross_entropy", metrics=["accuracy"]), y


def diagnose_run(path: Path | None, source: str, fault: str | None, check: bool = True) -> Diagnosis:
    """The diagnosis of a checkpoint file on training digits, or of a planted fault; ValueError unless one of them is given."""
    if (path is None) == (fault is None):
        raise ValueError("name a checkpoint file or a planted fault: npdeep diagnose FILE, or npdeep diagnose --fault NAME")
    if path is None:
        return diagnose(*plant(str(fault)))
    network = opened(path)
    size = (network.model if isinstance(network, Trainer) else network).output_size
    # a network for digits 0 to 4 is asked about those
    (x, y), (x_other, y_other) = ((x[y < size], y[y < size]) for x, y in load_data(source, check)[:2])
    trainer, targets = judged(network, np.concatenate([y, y_other]))
    return diagnose(trainer, x, targets[: len(y)], validation_data=(x_other, targets[len(y) :]))


def unroll_file(path: Path, to: Path, source: str, epochs: int, batch_size: int, check: bool = True) -> Path:
    """The training step of a saved trainer as a file of its own, with training digits beside it."""
    check_path(to)                            # below, errors are those of the checkpoint
    epochs = checks.whole("unroll", "epochs", epochs, minimum=0)
    batch_size = checks.whole("unroll", "batch_size", batch_size)
    trainer = Trainer.restore(path)
    x, y = (None, None) if source == "none" else load_data(source, check)[0]
    if x is not None and x.shape[1] != trainer.model.input_size:
        raise ValueError(
            f"the network in {path} takes {trainer.model.input_size} numbers per example, a digit has {x.shape[1]}; unroll it "
            "without digits: --data none"
        )
    writing.check_file("unroll", to)
    try:
        return unroll(trainer, to, x, y, epochs=epochs, batch_size=batch_size)
    except ValueError as error:
        if path.name in str(error):
            raise
        raise npz.fault(path, str(error)) from None    # numbers with which no step can be made


def write(trainer: Trainer, folder: Path) -> list[Path]:
    """history.csv and the learning curves of a run; return the paths of all its files, the checkpoint's too."""
    from npdeep.command_line import pictures  # with matplotlib, which a command takes long to load

    history, paths = trainer.history, [folder / CHECKPOINT]
    if len(history):
        history.to_csv(folder / "history.csv")
        paths.append(folder / "history.csv")
    return paths + [pictures.draw_curves(folder / f"{key}.png", trainer, key) for key in ("loss", "accuracy") if key in history]
