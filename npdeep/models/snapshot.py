"""One training step on a copy, so that everything in it can be looked at and nothing is changed."""

import copy
from typing import Any

from npdeep.common import checks
from npdeep.layers.activation import Activation
from npdeep.losses import check_y
from npdeep.models.sequential import Sequential


def snapshot(trainer: Any, x: Any, y: Any) -> Sequential:
    """A copy of the model after one forward and backward pass in training mode; penalties and clipping are left out.

    Every layer of the copy shows its input, output, grad_output and grad_input, every parameter its gradient.
    Raises ValueError or TypeError where x or y do not fit.

    >>> import numpy as np
    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2, name="outputs")], input_size=3, seed=0)
    >>> trainer = nd.Trainer(model, "softmax_cross_entropy")
    >>> twin = snapshot(trainer, np.eye(3), np.array([0, 1, 0]))
    >>> twin.layer("outputs").output.shape, model.layer("outputs").output is None
    ((3, 2), True)
    """
    return forward_and_backward(trainer, x, y)[1]


def forward_and_backward(trainer: Any, x: Any, y: Any) -> tuple[float, Sequential]:
    """The loss without penalties, and the copy that `snapshot` gives.

    >>> import numpy as np
    >>> import npdeep as nd
    >>> trainer = nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=2, seed=0), "mean_squared_error")
    >>> loss, twin = forward_and_backward(trainer, np.zeros((3, 2)), np.ones((3, 1)))
    >>> loss, twin.layer("dense").bias.grad.tolist()
    (1.0, [-2.0])
    """
    if not isinstance(getattr(trainer, "model", None), Sequential):
        raise TypeError(f"snapshot: trainer must be a Trainer, got {checks.describe(trainer)}")
    twin = trainer.model.copy()
    loss = copy.deepcopy(trainer.loss)
    x = twin.check_examples("snapshot", "x", x)
    outputs = twin.forward(x, training=True)
    value = loss.compute(outputs, check_y("snapshot", loss, y, len(x), twin.output_size, twin.dtype), None)
    twin.backward(loss.compute_gradient())
    return float(value), twin


def hidden_activations(model: Sequential) -> list[Activation]:
    """The elementwise activation layers, lowest first.

    >>> import npdeep as nd
    >>> [a.name for a in hidden_activations(nd.Sequential([nd.Dense(2), nd.Activation("elu")], input_size=1))]
    ['activation']
    """
    return [layer for layer in model.everything() if isinstance(layer, Activation) and not layer.rule.whole_row]
