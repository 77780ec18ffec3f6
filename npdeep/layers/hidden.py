"""A hidden layer as most networks have it, for those who build networks from words or numbers."""

from functools import partial
from typing import Any

from npdeep.layers.activation import Activation
from npdeep.layers.base import Layer
from npdeep.layers.dense import Dense
from npdeep.layers.dropout import Dropout


def hidden_layer(
    units: int,
    activation: str | None,
    initializer: Any,
    normalization: Any = None,
    dropout: float = 0.0,
    number: Any = None,
    regularizer: Any = None,
) -> list[Layer]:
    """Dense, normalization, activation and dropout, those that there are; with a number they are named hidden1, activation1, …

    normalization: the class of its layer, or a function that makes one with a name. regularizer: of the kernel.

    >>> [layer.given_name for layer in hidden_layer(3, "relu", "he_normal", dropout=0.5, number=1)]
    ['hidden1', 'activation1', 'dropout1']
    """
    kernel = {"kernel_initializer": initializer, "kernel_regularizer": regularizer}
    parts = {
        "hidden": partial(Dense, units, **kernel, use_bias=normalization is None),
        "normalization": normalization,    # its shift takes the place of the bias
        "activation": None if activation is None else partial(Activation, activation),
        "dropout": partial(Dropout, dropout) if dropout else None,
    }
    return [make(name=None if number is None else f"{kind}{number}") for kind, make in parts.items() if make is not None]
