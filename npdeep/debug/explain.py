"""Explain: the last pass through a layer or a loss, formula by formula, with its numbers plugged in."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.debug import explain_layers as layers
from npdeep.debug.explain_activations import activation, activation_backward
from npdeep.debug.explain_batch_normalization import batch_normalization, batch_normalization_backward
from npdeep.debug.explain_losses import loss_parts
from npdeep.debug.explanation import Explanation
from npdeep.debug.place import Place, index_within
from npdeep.layers import GLU, Activation, BatchNormalization, Dense, Dropout, GaussianNoise, Layer, Maxout, PReLU, RReLU
from npdeep.layers.chain import Chain
from npdeep.losses import Loss

Explain = Callable[[Any, Place], layers.Parts]

EXPLAINED: list[tuple[type, Explain, Explain]] = [
    (Dense, layers.dense, layers.dense_backward),
    (Maxout, layers.maxout, layers.maxout_backward),
    (PReLU, layers.prelu, layers.prelu_backward),
    (BatchNormalization, batch_normalization, batch_normalization_backward),
    (Activation, activation, activation_backward),
    (RReLU, layers.rrelu, layers.rrelu_backward),
    (GLU, layers.glu, layers.glu_backward),
    (Dropout, layers.dropout, layers.dropout_backward),
    (GaussianNoise, layers.gaussian_noise, layers.passed_on),
]
"""Forward and backward of each kind of layer, which follow the formulas; a custom layer falls through to `own_layer`."""

WITH_WEIGHTS = (Dense, Maxout, PReLU, BatchNormalization)

MOVED = (
    "the weights have changed since this pass, and these are the numbers that they give now, for the same inputs and the same "
    "gradient from above; to see the pass as it was, explain in trainer.walk, before the event update"
)


def explain(layer: Any, unit: int = 0, row: int = 0, terms: int = 6, *, input: int | None = None) -> Explanation:
    """The last pass through a layer, for one unit and one row of the batch, with the numbers plugged into the formulas.

    Forward, and if the backward pass of the same step was made, the chain rule's terms on the way back. One operation at a
    time: a dense layer's explanation ends with z; explain the activation after it for a.

    Printed, it is short: of a sum the largest terms in order of size, and the exact sum of the others. `.full()` has every
    term with all its digits, as a Python program; its numbers and the engine's differ by no more than rounding: for a sum
    of n products that is n·eps·Σ|terms|. In a notebook it is shown in LaTeX.

    Args:
        layer: a layer of a model that has made a pass (`event.layer` in a walk), or a loss such as `trainer.loss`.
        unit: which output. row: which row of the batch. terms: how many terms of a sum are printed one by one.
        input: which input to take for dW and dx; by default that whose weight has the largest gradient.

    The numbers are those in the layer now. Where weights have moved since the pass, it is worked out again on a copy, and a
    remark says so. Nothing of the layer is touched. Raises ValueError before any pass and for indices out of range.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(1, name="out")], input_size=3, dtype="float64")
    >>> model.layer("out").kernel.value = [[1.0], [-3.0], [2.0]]
    >>> _ = model.forward([[0.5, 2.0, 0.25]])
    >>> print(explain(model.layer("out")))
    out (Dense): unit 0, row 0 of 1
    forward: z = xW + b
      z[0] = Σₖ x[k]·W[k] + b
        2·(−3)                         −6    k = 1
        0.5·1                         0.5    k = 0
        0.25·2                        0.5    k = 2
        b, the bias                     0
        together                       −5
    """
    if isinstance(layer, Loss):
        return explain_loss(layer, unit, row, checks.whole("explain", "terms", terms))
    if not isinstance(layer, Layer):
        raise TypeError(
            f"explain: layer must be a layer of a model, for example model.layer('outputs'), or a loss, "
            f"got {checks.describe(layer)}"
        )
    at = place_in(layer, unit, row, checks.whole("explain", "terms", terms), input)
    kind, forward, backward = next(
        (known for known in EXPLAINED if isinstance(layer, known[0])),
        (Layer, layers.own_layer, layers.own_layer_backward),
    )
    now, remarks = as_of_now(layer) if issubclass(kind, WITH_WEIGHTS) else (layer, [])
    parts = [f"forward: {now.forward_operation()[0]}", *forward(now, at)]
    if now.grad_output is not None:
        parts += [f"backward: {now.backward_operation()[0]}", *backward(now, at)]
    title = f"{layer.name} ({type(layer).__name__}): unit {at.unit}, row {at.row} of {len(layer.input)}"
    return Explanation(title, [*parts, *remarks, *disagreement(parts)])


def place_in(layer: Layer, unit: Any, row: Any, terms: int, input: Any) -> Place:
    """The indices, checked."""
    if layer.input is None or layer.output is None:
        raise ValueError(
            f"explain: {type(layer).__name__} {layer.name or ''!r} has made no pass yet; run trainer.step(x, y) or "
            "model.forward(x) first, or explain at an event of trainer.walk(x, y)"
        )
    name = f"layer {layer.name!r} has"
    rows = len(layer.input)
    unit = index_within("explain", "unit", unit, layer.output_size, f"{name} {layer.output_size} units")
    row = index_within("explain", "row", row, rows, f"the last batch had {rows} rows")
    if input is not None:
        input = index_within("explain", "input", input, layer.input_size, f"{name} {layer.input_size} inputs")
    return Place(unit, row, terms, input, layer.output.dtype)


def as_of_now(layer: Layer) -> tuple[Layer, list[str]]:
    """A copy that has made the last pass again with the weights as they are now, and what is to be said about that."""
    twin = copy.deepcopy(layer)
    if isinstance(layer, BatchNormalization) and isinstance(twin, BatchNormalization):
        twin.use_moving_statistics = layer.used_moving_statistics
    twin.plan(layer.grad_input is not None)    # that pass may have asked for more than the next one will
    twin.allocate(len(layer.input), True, layer.input.dtype)
    alone = Chain([twin])
    alone.backward_layers = [twin]
    alone.forward(layer.input.copy(), training=True)
    if layer.grad_output is not None:
        alone.backward(layer.grad_output.copy())
    if isinstance(twin, BatchNormalization) and isinstance(layer, BatchNormalization):
        for p, q in zip(twin.parameters, layer.parameters, strict=True):
            p.value = q.value                 # the moving statistics, which the second pass has moved again
    remarks = [] if np.array_equal(twin.output, layer.output, equal_nan=True) else [MOVED]
    if layer.grad_output is not None:
        for p, q in zip(layer.parameters, twin.parameters, strict=True):
            if p.wanted is not None and p.wanted.tobytes() != np.asarray(q.grad).tobytes():
                remarks.append(f"the gradient in {p.name} is no longer this sum alone: a penalty or clipping came on top")
    return twin, remarks


def explain_loss(loss: Loss, unit: Any, row: Any, terms: int) -> Explanation:
    """The last value of a loss, for one row."""
    if loss.outputs is None:
        raise ValueError(
            f"explain: {loss.title} has computed nothing yet; run trainer.step(x, y) or loss.forward(outputs, targets) first"
        )
    rows, units = loss.outputs.shape
    row = index_within("explain", "row", row, rows, f"the last batch had {rows} rows")
    unit = index_within("explain", "unit", unit, units, f"there are {units} outputs")
    parts = loss_parts(loss, Place(unit, row, terms, None, loss.outputs.dtype))
    remarks = disagreement(parts, "backward() was not called since the last forward")
    return Explanation(f"{loss.title}: row {row} of {rows}", [*parts, *remarks])


def disagreement(
    parts: layers.Parts, cause: str = "another pass has overwritten part of what it was computed from"
) -> list[str]:
    """A remark where the engine's number is not what the formula gives."""
    names = [str(part.name) for part in parts if not isinstance(part, str) and not part.agrees]
    if not names:
        return []
    remark = (
        f"{', '.join(names)}: the engine's number is not what the formula gives; either {cause}, or the kernel is wrong "
        "(nd.debug.gradient_check tells)"
    )
    return [remark]
