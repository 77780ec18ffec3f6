"""Optimizers: how the gradient moves the weights. Update rules run over the whole network at once."""

from typing import TYPE_CHECKING, Any

from npdeep.common import registry
from npdeep.common.foreign_names import OPTIMIZERS, expanded
from npdeep.common.hinting import asked, offered
from npdeep.optimizers.adaptive import AdaDelta, AdaGrad, Adam, AdaMax, AdamW, Nadam, RMSProp
from npdeep.optimizers.base import Optimizer
from npdeep.optimizers.descent import SGD, Momentum, Nesterov

__all__ = [
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "AdaMax",
    "Adam",
    "AdamW",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "get",
]

KNOWN: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSProp,
    "adadelta": AdaDelta,
    "adam": Adam,
    "adamax": AdaMax,
    "nadam": Nadam,
    "adamw": AdamW,
}
HINTS = expanded(OPTIMIZERS)
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__)


def get(optimizer: Any) -> Optimizer:
    """An optimizer from its name, with its default arguments, or the object itself.

    >>> get("momentum")
    Momentum(learning_rate=0.01, momentum=0.9)
    """
    return registry.find("Trainer", "optimizer", optimizer, Optimizer, KNOWN, HINTS, number="SGD")
