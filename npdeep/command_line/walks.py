"""What `npdeep walk` walks through and `npdeep bench` times: a trainer, new or from a file, and a batch of digits."""

from typing import Any

from npdeep.command_line import runs
from npdeep.common import checks
from npdeep.kernels.arrays import Array
from npdeep.training.trainer import Trainer

WALKED: dict[str, Any] = {
    **{"layers": [30], "depth": None, "activation": "relu", "initializer": "auto"},
    **{"optimizer": "sgd", "seed": 42},
}
"""A network small enough to be read, with the plainest update."""
TIMED: dict[str, Any] = {
    **{"layers": [300, 100], "activation": "relu", "batch_normalization": False, "dropout": 0.0},
    **{"optimizer": "adam", "seed": 42},
}
"""The network that `npdeep train` trains if not told otherwise."""
IN_PYTHON = {
    "walk": "walk through it in Python: nd.debug.TerminalWalk(trainer, x, y).run(), or nd.plots.walk_page(trainer, x, y, "
    "'step.html')",
    "bench": "time it in Python: nd.debug.time_step(trainer, x, y)",
}


def prepare(given: Any) -> tuple[Trainer, Array, Array]:
    """Trainer, examples and labels from the arguments of `npdeep walk` or `npdeep bench`; ValueError where they do not fit."""
    network: dict[str, Any] = {"walk": WALKED, "bench": TIMED}[given.name]
    chosen = {name: getattr(given, name) for name in network if getattr(given, name) is not None}
    if given.file is not None and chosen:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise ValueError(f"the network in {given.file} is as it was saved: leave out {options}, or the file")
    trainer = build(**{**network, **chosen}) if given.file is None else restored(given.file)
    size = checks.whole(given.name, "batch_size", given.batch_size)
    (x, y), _, _ = runs.load_data(given.data, given.check)
    if size > len(x):
        raise ValueError(f"{given.name}: batch_size must be no more than the {len(x):,} training digits, got {size}")
    width = trainer.model.input_size
    if width != x.shape[1]:
        raise ValueError(
            f"the network in {given.file} takes {width} numbers per example, a digit has {x.shape[1]}; {IN_PYTHON[given.name]}"
        )
    return trainer, x[:size], y[:size]


def build(layers: list[int], activation: str, optimizer: str, seed: int, depth: int | None = None, **options: Any) -> Trainer:
    """A new network for digits, with its trainer. depth: that many hidden layers, all of the one width in `layers`. options:
    initializer, batch_normalization and dropout, as `runs.build_model` takes them.

    >>> build([5], "tanh", "sgd", seed=0)
    <Trainer of <Sequential sequential 784-5-10 float32>: SoftmaxCrossEntropy(label_smoothing=0.0), \
SGD(learning_rate=0.01), 0 updates>
    """
    if depth is not None:
        if len(layers) != 1:
            raise ValueError(f"--depth repeats one width, but --layers names {len(layers)}; give one, or leave --depth out")
        layers = layers * checks.whole("walk", "depth", depth)
    model = runs.build_model(layers, activation, seed=seed, **options)
    return Trainer(model, "softmax_cross_entropy", runs.build_optimizer(optimizer))


def restored(file: Any) -> Trainer:
    """The trainer in a checkpoint, or, round a model alone, one with softmax cross entropy and plain gradient descent."""
    network = runs.opened(file)
    return network if isinstance(network, Trainer) else Trainer(network, "softmax_cross_entropy", "sgd")
