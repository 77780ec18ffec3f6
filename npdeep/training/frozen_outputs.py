"""Training on the outputs of the frozen layers, which are computed once."""

from typing import Any

import numpy as np

from npdeep.common import checks, scaling
from npdeep.kernels.arrays import Array
from npdeep.layers import Layer
from npdeep.layers.chain import Chain
from npdeep.models.sequential import Sequential

ROWS = 1000
"""How many examples go through the frozen layers at a time."""


def frozen_depth(model: Sequential) -> int:
    """How many of the lowest layers have nothing to train and can be computed once.

    Raises ValueError where there is none or nothing but such layers, and, naming the layer, where one of them is not the same
    at every step: noise, or batch normalization that continues counting.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2, name="a"), nd.Activation("relu"), nd.Dense(2, name="b")], input_size=3)
    >>> _ = model.freeze("a/")
    >>> frozen_depth(model)
    2
    """
    trainable = [layer.trains for layer in model.layers]
    if not any(trainable):
        raise ValueError("fit: cache_frozen: every parameter is frozen, there is nothing to train; see model.unfreeze(...)")
    depth = trainable.index(True)
    while depth and not has_parameters(model.layers[depth - 1]):
        depth -= 1                            # down to the highest frozen layer, and up again as far as nothing is drawn
    while depth and not any(part.draws for part in model.layers[depth].everything()) and depth < trainable.index(True):
        depth += 1
    frozen = list(Chain(model.layers[:depth]).everything())
    for layer in frozen:
        if layer.draws:
            raise ValueError(
                f"fit: cache_frozen: layer {layer.name!r} among the frozen ones draws random numbers at every step, so its "
                "output cannot be computed once; leave the layer out, or train without cache_frozen"
            )
        if layer.batch_statistics and not layer.use_moving_statistics:
            raise ValueError(
                f"fit: cache_frozen: batch normalization {layer.name!r} among the frozen layers still uses the statistics of "
                f"each batch; freeze it too: model.freeze({layer.name!r})"
            )
    if not any(layer.parameters for layer in frozen):
        raise ValueError("fit: cache_frozen: no lower layer is frozen; freeze some first: model.freeze('hidden1')")
    return depth


def has_parameters(layer: Layer) -> bool:
    """Does the layer, or one that it holds, have any?"""
    return any(part.parameters for part in layer.everything())


def check_same_in_training(lower: Chain, rows: Array) -> None:
    """Raise ValueError where a custom one of these layers, which are a copy, does something else in training, or counts."""
    lower.forward(rows, training=False)
    before = [(layer.output.copy(), [p.value.copy() for p in layer.parameters]) for layer in lower.everything()]
    lower.forward(rows, training=True)
    for layer, (output, values) in zip(lower.everything(), before, strict=True):
        counts = any(p.value.tobytes() != value.tobytes() for p, value in zip(layer.parameters, values, strict=True))
        if layer.is_custom and (counts or not np.allclose(layer.output, output, equal_nan=True)):
            does = "changes its parameters" if counts else "gives another output"
            raise ValueError(
                f"fit: cache_frozen: layer {layer.name!r} among the frozen ones {does} in a training pass, so its output "
                "cannot be computed once; train without cache_frozen"
            )


def check_still_frozen(model: Sequential, depth: int) -> None:
    """Raise ValueError where the layers whose outputs were computed once are not those that could be computed once now."""
    try:
        changed = frozen_depth(model) != depth
    except ValueError:
        changed = True
    if changed:
        raise ValueError(
            "fit: cache_frozen: what is frozen has changed while fit was running, and the outputs that were computed once no "
            "longer fit; call fit again"
        )


def frozen_outputs(model: Sequential, x: Any, depth: int, scale: Any = None) -> Array:
    """What comes out of the lowest `depth` layers for the examples x (times the scale, if there is one), in a new array."""
    x = checks.examples("fit", "x", x, model.input_size)
    checks.finite("fit", "x", x)
    outputs = np.empty((len(x), model.layers[depth - 1].output_size), model.dtype)
    lower = Chain(model.layers[:depth])
    for start in range(0, len(x), ROWS):
        rows = scaling.cast_scaled("fit", x[start : start + ROWS], scale, model.dtype)
        if start == 0 and any(layer.is_custom for layer in lower.everything()):
            check_same_in_training(Chain(model.copy().layers[:depth]), rows)
        outputs[start : start + len(rows)] = lower.forward(rows, training=False)
    checks.finite("fit: cache_frozen", "output of the frozen layers", outputs)
    return outputs
