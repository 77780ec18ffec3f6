"""Looks at a network that change nothing of it: they go through a copy."""

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from npdeep import losses
from npdeep.common import checks, seeds
from npdeep.kernels.arrays import Array
from npdeep.layers.batch_normalization import BatchNormalization
from npdeep.models.last_layer import check_last_layer

if TYPE_CHECKING:
    from npdeep.models.sequential import Sequential

NO_FORWARD = (
    "backward: the last pass was not one of forward, so its arrays are not what a backward pass needs; call "
    "model.forward(x, training=True) first"
)
OTHER_THREAD = (
    "backward: the last forward pass was made in another thread; put `with model.lock:` around forward and backward, or give "
    "each thread a model.copy()"
)


def input_gradient(model: "Sequential", x: Any, grad_output: Any, loss: Any, y: Any) -> Array:
    """As `Sequential.input_gradient`."""
    if (grad_output is None) == (loss is None) or (loss is None) != (y is None):
        raise ValueError("input_gradient: give either grad_output, ∂L/∂outputs (n, output_size), or loss=... with y=...")
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
    try:
        targets = of.check_targets(y, len(outputs), model.output_size, model.dtype)
    except (ValueError, TypeError) as error:
        raise type(error)(f"input_gradient: y: {error}") from None
    of.compute(outputs, targets, None)
    return of.compute_gradient()


def sample(model: "Sequential", x: Any, n: int, seed: int | None) -> Array:
    """As `Sequential.sample`."""
    n = checks.whole("sample", "n", n)
    noise = seeds.check_seed("sample", seed)
    x = model.check_examples("sample", "x", x)
    twin = model.copy()
    for index, layer in enumerate(twin.layers if seed is not None else ()):
        layer.start_noise(noise, index)
    for layer in twin.everything():
        if isinstance(layer, BatchNormalization):
            layer.use_moving_statistics = True
    outputs = np.empty((n, len(x), model.output_size), model.dtype)
    for one in outputs:
        one[...] = twin.run(x, training=True)
    return outputs


def check_upstream(owner: str, grad_output: Any, outputs: Array) -> Array:
    """∂loss/∂outputs as an array of the outputs' shape and dtype.

    >>> check_upstream("backward", [[1, 2]], np.zeros((1, 3)))
    Traceback (most recent call last):
    ValueError: backward: grad_output must have the shape of the outputs, (1, 3), got (1, 2)
    """
    grad = checks.real_array(owner, "grad_output", grad_output)
    if grad.shape != outputs.shape:
        raise ValueError(f"{owner}: grad_output must have the shape of the outputs, {outputs.shape}, got {grad.shape}")
    return checks.cast(owner, "grad_output", grad, outputs.dtype)
