"""What comes out of a network: the activation that its outputs went through last, and whether a loss takes such outputs."""

import math
from typing import TYPE_CHECKING

from npdeep.layers.activation import Activation
from npdeep.layers.dense import Dense
from npdeep.losses import Loss
from npdeep.metrics import Outputs

if TYPE_CHECKING:
    from npdeep.models.sequential import Sequential


def last_activation(model: "Sequential") -> Activation | None:
    """The activation layer that the outputs went through last, noise after it aside; None where there is none.

    >>> import npdeep as nd
    >>> last_activation(nd.Sequential([nd.Dense(2), nd.Activation("softmax"), nd.Dropout(0.1)], input_size=1)).activation
    'softmax'
    """
    layers = [layer for layer in model.layers if not layer.draws]
    return layers[-1] if layers and isinstance(layers[-1], Activation) else None


def check_last_layer(owner: str, model: "Sequential", loss: Loss) -> None:
    """Refuse a softmax or sigmoid layer under a loss that brings its own, and none under a loss that needs one."""
    last = last_activation(model)
    if last is not None and last.activation in loss.takes_logits:
        raise ValueError(
            f"{owner}: {loss.title} takes logits and brings its own squashing, but the last layer, {last.name!r}, is "
            f"{last.activation} already; leave that layer out (for probabilities apply it to model.predict(x))"
        )
    fits = last is not None and last.activation in loss.needs
    if loss.needs and not fits and isinstance(model.layers[-1], Dense | Activation):
        raise ValueError(
            f"{owner}: {loss.title} needs {loss.needs_what}; end the network with nd.Activation({loss.needs[0]!r}) "
            f"or another of {', '.join(loss.needs)}"
        )


def outputs_of(model: "Sequential", loss: Loss | None) -> Outputs:
    """What metrics ask about a model's outputs: how many, what the loss takes them for, how small and how large they can get.

    >>> import npdeep as nd
    >>> outputs_of(nd.Sequential([nd.Dense(1), nd.Activation("tanh")], input_size=2), nd.losses.Hinge())
    Outputs(units=1, loss='Hinge', kind='margins', lowest=-1.0, highest=1.0, by_name=False)
    """
    last = last_activation(model)
    title, kind = ("", "unknown") if loss is None else (loss.title, loss.outputs_are)
    return Outputs(model.output_size, title, kind, *((-math.inf, math.inf) if last is None else last.bounds()))
