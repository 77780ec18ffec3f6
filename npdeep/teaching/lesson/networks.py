"""The networks of the lesson."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from npdeep import initializers, optimizers
from npdeep.layers import Activation, BatchNormalization, Dense, Dropout, Layer
from npdeep.models.sequential import Sequential

DEPTH, WIDTH, CLASSES, PIXELS = 10, 100, 10, 784
LEARNING_RATE = 0.05


@dataclass(frozen=True)
class Network:
    """A network of the lesson.

    Attributes:
        title: its name in table and figures. what: what is special about it, in a few words.
        build: makes its layers.
        optimizer: makes its optimizer. compared: one of the deep networks that differ in one thing only?
    """

    title: str
    what: str
    build: Callable[[], list[Layer]]
    optimizer: Callable[[], optimizers.Optimizer] = lambda: optimizers.SGD(LEARNING_RATE)
    compared: bool = True

    def model(self, seed: int) -> Sequential:
        """The network, made anew from the seed."""
        return Sequential(self.build(), input_size=PIXELS, seed=seed, name=self.title)


def deep(activation: str, initializer: Any, outputs: Any = "glorot_uniform", normalized: bool = False) -> list[Layer]:
    """Ten hidden layers of 100 units.

    >>> len([layer for layer in deep("relu", "he_normal") if isinstance(layer, Dense)])
    11
    """
    layers: list[Layer] = []
    for i in range(1, DEPTH + 1):
        layers.append(Dense(WIDTH, kernel_initializer=initializer, use_bias=not normalized, name=f"hidden{i}"))
        if normalized:
            layers.append(BatchNormalization(name=f"normalization{i}"))
        layers.append(Activation(activation, name=f"activation{i}"))
    return [*layers, Dense(CLASSES, kernel_initializer=outputs, name="outputs")]


def today() -> list[Layer]:
    """784-300-100-10, with what the chapter recommends.

    >>> [layer.given_name for layer in today() if isinstance(layer, Dense)]
    ['hidden1', 'hidden2', 'outputs']
    """
    layers: list[Layer] = [Dropout(0.2, name="dropout0")]
    for i, units in enumerate((300, 100), start=1):
        layers += [
            Dense(units, kernel_initializer="he_normal", use_bias=False, name=f"hidden{i}"),
            BatchNormalization(name=f"normalization{i}"),
            Activation("relu", name=f"activation{i}"),
            Dropout(0.5, name=f"dropout{i}"),
        ]
    return [*layers, Dense(CLASSES, name="outputs")]


NETWORKS = (
    Network(
        "logistic, N(0, 1)",
        "weights from N(0, 1), as they used to be",
        lambda: deep("sigmoid", "random_normal", "random_normal"),
    ),
    Network("logistic, Glorot", "weights with Glorot's variance", lambda: deep("sigmoid", "glorot_uniform")),
    Network(
        "logistic, 4 × Glorot",
        "four times that spread, because the logistic function has slope ¼ at 0",
        lambda: deep("sigmoid", initializers.for_activation("sigmoid")),
    ),
    Network("ReLU, He", "an activation that does not saturate, He's variance", lambda: deep("relu", "he_normal")),
    Network(
        "ELU, He, batch norm",
        "ELU, and batch normalization before every activation",
        lambda: deep("elu", "he_normal", normalized=True),
    ),
    Network(
        "784-300-100-10",
        "the chapter's network as one would train it today: He, batch normalization, ReLU, dropout, Adam",
        today,
        lambda: optimizers.Adam(0.001),
        compared=False,
    ),
)
