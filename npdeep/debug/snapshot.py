"""What one training step on a copy shows: gradient norms, slopes, and where next to no gradient passes."""

import numpy as np

from npdeep import activations
from npdeep.common import checks
from npdeep.common.events import norm
from npdeep.kernels.arrays import Array
from npdeep.layers.activation import Activation
from npdeep.models.sequential import Sequential
from npdeep.models.snapshot import hidden_activations, snapshot

__all__ = [
    "flat_share",
    "hidden_activations",
    "kernel_gradient_norms",
    "slopes",
    "snapshot",
    "spread_over_examples",
    "steepest",
]

SATURATED = 0.1
"""A unit counts as saturated where its slope is below this share of the activation's steepest slope."""


def kernel_gradient_norms(model: Sequential) -> dict[str, float]:
    """‖∂L/∂kernel‖ of every layer that has a kernel, from the gradients as they are, lowest layer first.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2, name="outputs")], input_size=3)
    >>> kernel_gradient_norms(model)
    {'outputs': 0.0}
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"kernel_gradient_norms: model must be a Sequential, got {checks.describe(model)}")
    kernels = [p for p in model.parameters if p.name.endswith("/kernel")]
    return {p.name.rpartition("/")[0]: norm(p.grad) for p in kernels if p.grad is not None}


def slopes(layer: Activation) -> Array:
    """f'(z) of the layer's last input, element by element.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Activation("relu", name="a")], input_size=2)
    >>> _ = model.forward([[-1.0, 2.0]])
    >>> slopes(model.layer("a"))
    array([[0., 1.]])
    """
    return activations.value_and_slope(layer.activation, layer.input, **layer.given)[1]


def steepest(layer: Activation) -> float:
    """The largest slope of the activation between −10 and 10.

    >>> import npdeep as nd
    >>> steepest(nd.Activation("sigmoid"))
    0.25
    """
    return float(activations.value_and_slope(layer.activation, np.linspace(-10, 10, 2001), **layer.given)[1].max())


def flat_share(layer: Activation) -> tuple[float, float]:
    """How much of the layer passes next to no gradient: (share of single activations, share of units that never do better).

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Activation("relu", name="a")], input_size=2)
    >>> _ = model.forward([[-1.0, 2.0], [-3.0, -4.0]])
    >>> flat_share(model.layer("a"))
    (0.75, 0.5)
    """
    flat = slopes(layer) < SATURATED * steepest(layer)
    return float(flat.mean()), float(flat.all(axis=0).mean())


def spread_over_examples(outputs: Array) -> float:
    """The standard deviation from example to example, as the mean over the units.

    >>> spread_over_examples(np.array([[0.0, 5.0], [2.0, 5.0]]))
    0.5
    """
    return float(np.std(outputs.astype(np.float64), axis=0).mean())
