"""What planted faults are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from npdeep import datasets, optimizers
from npdeep.kernels.arrays import Array
from npdeep.layers import BatchNormalization, Dense
from npdeep.layers.hidden import hidden_layer
from npdeep.models.sequential import Sequential
from npdeep.training.trainer import Trainer

Planted = tuple[Trainer, Array, Array]


@dataclass(frozen=True)
class Fault:
    """A fault that can be planted.

    Attributes:
        what: what was done wrong. kind: of the finding that names it. layer: where.
        also: kinds that may come with it, because they are its cause or its effect.
        plant: makes it: trainer, x, y.
    """

    what: str
    kind: str
    layer: str
    plant: Callable[[], Planted]
    also: tuple[str, ...] = ()


def digits(rows: int = 1000) -> tuple[Array, Array]:
    """The first training digits of the sample."""
    (x, y), _ = datasets.mnist_sample()
    return x[:rows], y[:rows]


def network(
    hidden: int = 2,
    activation: str = "relu",
    initializer: Any = "he_normal",
    normalized: float | None = None,
    outputs: int = 10,
    seed: int = 42,
) -> Sequential:
    """Hidden layers of 100: hidden1, activation1, …, outputs."""
    normalization = None if normalized is None else partial(BatchNormalization, momentum=normalized)
    numbers = range(1, hidden + 1)
    layers = [layer for i in numbers for layer in hidden_layer(100, activation, initializer, normalization, number=i)]
    return Sequential([*layers, Dense(outputs, name="outputs")], input_size=784, seed=seed)


def trained(model: Sequential, optimizer: Any = None, epochs: int = 1, batch_size: int = 50) -> Planted:
    """With softmax, on 1,000 digits."""
    trainer = Trainer(model, "softmax_cross_entropy", optimizers.SGD(0.05) if optimizer is None else optimizer)
    x, y = digits()
    with np.errstate(all="ignore"):
        trainer.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=False)
    return trainer, x, y


def spoilt(change: Callable[[Sequential], None], **given: Any) -> Planted:
    """A network that was trained for an epoch, and spoilt afterwards."""
    planted = trained(network(**given))
    change(planted[0].model)
    return planted


def spoilt_data(change: Callable[[Array, Array], tuple[Array, Array]]) -> Planted:
    """A fresh network, and digits that were spoilt."""
    x, y = change(*digits())
    return Trainer(network(), "softmax_cross_entropy", optimizers.SGD(0.001)), x, y
