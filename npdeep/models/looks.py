"""Looks at a network that change nothing of it: they go through a copy."""

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from npdeep import losses
from npdeep.common import checks, seeds
from npdeep.kernels.arrays import Array
from npdeep.models.last_layer import check_last_layer
from npdeep.models.passes import check_upstream

if TYPE_CHECKING:
    from npdeep.models.sequential import Sequential


def input_gradient(model: "Sequential", x: Any, grad_output: Any, loss: Any, y: Any) -> Array:
    """As `Sequential.input_gradient`."""
    if (grad_output is None) == (loss is None) or (loss is None) != (y is None):
        raise ValueError("input_gradient: give either grad_output, dL/d(outputs) (n, output_size), or loss=... with y=...")
    x = model.check_examples("input_gradient", "x", x)
    twin = model.copy()
    outputs = twin.forward(x)
    if loss is None:
        gradient: Any = check_upstream("input_gradient", grad_output, outputs)
    else:
        gradient = loss_gradient(twin, outputs, loss, y)
    return np.array(twin.backward(gradient, input_gradient=True))


def loss_gradient(model: "Sequential", outputs: Array, loss: Any, y: Any) -> Any:
    """∂loss/∂outputs, by a copy of the loss."""
    of = copy.deepcopy(losses.get(loss, "input_gradient"))
    check_last_layer("input_gradient", model, of)
    targets = losses.check_y("input_gradient", of, y, len(outputs), model.output_size, model.dtype)
    of.compute(outputs, targets, None)
    return of.compute_gradient()


def sample(model: "Sequential", x: Any, n: int, seed: int | None) -> Array:
    """As `Sequential.sample`."""
    n = checks.whole("sample", "n", n, maximum=checks.MOST)
    noise = seeds.check_seed("sample", seed)
    x = model.check_examples("sample", "x", x)
    twin = model.copy()
    for index, layer in enumerate(twin.layers if seed is not None else ()):
        layer.start_noise(noise, index)
    for layer in twin.everything():
        if layer.batch_statistics:
            layer.use_moving_statistics = True
    counted = [(p, p.value.copy()) for p in twin.parameters if not p.has_grad]
    outputs = np.empty((n, len(x), model.output_size), model.dtype)
    for one in outputs:
        for p, value in counted:              # a custom layer may count in every pass
            p.value = value
        one[...] = twin.run(x, training=True)
    return outputs
