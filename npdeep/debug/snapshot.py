"""What one training step on a copy shows: gradient norms, slopes, and where next to no gradient passes."""

import functools
import math
from typing import Any

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
    "gradient_norms",
    "hidden_activations",
    "kernel_gradient_norms",
    "slopes",
    "snapshot",
    "spread_over_examples",
    "steepest",
]

SATURATED = 0.1
"""A unit counts as saturated where its slope is below this share of the activation's steepest slope."""


def gradient_norms(model: Sequential) -> dict[str, float]:
    """‖∂L/∂z‖ of every layer that has a kernel, as the last backward pass left it, lowest layer first; z = xW + b.

    This is the gradient on its way back: it tells a gradient that vanishes from one that explodes. ‖∂L/∂kernel‖ does not,
    because a kernel's gradient also holds the size of the layer's input. 0 where no gradient came down to the layer (frozen).

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2, name="outputs")], input_size=3, seed=0)
    >>> twin = snapshot(nd.Trainer(model, "softmax_cross_entropy"), np.eye(3), np.array([0, 1, 0]))
    >>> [(name, round(size, 2)) for name, size in gradient_norms(twin).items()]
    [('outputs', 0.44)]
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"gradient_norms: model must be a Sequential, got {checks.describe(model)}")
    layers = [layer for layer in model.everything() if hasattr(layer, "kernel")]
    return {str(layer.name): 0.0 if layer.grad_output is None else norm(layer.grad_output) for layer in layers}


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
    return activations.value_and_slope(layer.rule, layer.input, **layer.given)[1]


def steepest(layer: Activation) -> float:
    """The largest slope of the activation between −10 and 10.

    >>> import npdeep as nd
    >>> steepest(nd.Activation("sigmoid"))
    0.25
    """
    return _steepest(layer.rule, tuple(layer.given.items()))


@functools.lru_cache(maxsize=100)             # the playground asks ten times a second
def _steepest(rule: activations.Rule, given: tuple[tuple[str, float], ...]) -> float:
    return float(activations.value_and_slope(rule, np.linspace(-10, 10, 2001), **dict(given))[1].max())


def flat_share(layer: Any) -> tuple[float, float]:
    """How much of an activation layer passes next to no gradient: the share of single activations, and of units that never
    do better; NaN where its inputs are not finite.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Activation("relu", name="a")], input_size=2)
    >>> _ = model.forward([[-1.0, 2.0], [-3.0, -4.0]])
    >>> flat_share(model.layer("a"))
    (0.75, 0.5)
    """
    if not isinstance(layer, Activation) or layer.input is None:
        wanted = "an Activation layer of a model that has made a pass"
        raise TypeError(f"flat_share: layer must be {wanted}, got {checks.describe(layer)}")
    if not np.isfinite(layer.input).all():
        return math.nan, math.nan
    flat = slopes(layer) < SATURATED * steepest(layer)
    return float(flat.mean()), float(flat.all(axis=0).mean())


def spread_over_examples(outputs: Array) -> float:
    """The standard deviation from example to example, as the mean over the units.

    >>> spread_over_examples(np.array([[0.0, 5.0], [2.0, 5.0]]))
    0.5
    """
    return float(np.std(outputs.astype(np.float64), axis=0).mean())
