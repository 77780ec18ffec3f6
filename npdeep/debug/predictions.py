"""What a classifier says: the class it chooses for each example, and how sure it is."""

from typing import Any

import numpy as np

from npdeep import activations
from npdeep.common import checks
from npdeep.kernels.arrays import Array
from npdeep.losses.classification import check_labels
from npdeep.metrics import as_labels, softmax
from npdeep.models.sequential import Sequential
from npdeep.training.trainer import Trainer, last_activation

PROBABILITIES = ("softmax", "softmin", "sparsemax", "sigmoid", "hard_sigmoid", "sparse_sigmoid")
"""Activations whose outputs are probabilities already."""


def predictions(classifier: Any, x: Any, owner: str = "predictions") -> tuple[Array, Array]:
    """The chosen class of each row of x, (n,), and the probability that the network gives it, (n,).

    Args:
        classifier: a model, or a trainer with its model; nothing in it is touched.
        x: examples (n, input_size).
        owner: who asks, for errors.

    With several outputs the largest wins. One output is a yes or no: class 1 where the probability is above one half. Outputs
    that do not come from an activation of probabilities are taken for logits, as the losses for classes take them: softmax for
    several, the sigmoid for one. Raises ValueError or TypeError for unfit arguments.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Activation("linear")], input_size=2)
    >>> chosen, sure = predictions(model, [[0.0, 0.0], [0.0, np.log(3.0)]])
    >>> chosen.tolist(), sure.round(4).tolist()
    ([0, 1], [0.5, 0.75])
    """
    model = model_of(owner, classifier)
    last = last_activation(model)
    name = "" if last is None else last.activation
    outputs = model.copy().predict(model.check_examples(owner, "x", x), scale=1).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):     # NaN in the weights gives NaN here, not a warning
        if name == "log_softmax":
            outputs = np.exp(outputs)
        elif name not in PROBABILITIES:
            outputs = softmax(outputs) if outputs.shape[1] > 1 else activations.value_and_slope("sigmoid", outputs)[0]
    if outputs.shape[1] == 1:
        outputs = np.hstack([1 - outputs, outputs])
    chosen = outputs.argmax(axis=1)
    return chosen, outputs[np.arange(len(outputs)), chosen]


def model_of(owner: str, classifier: Any) -> Sequential:
    """The model itself, or that of a trainer.

    >>> model_of("confusion_matrix", "mnist")
    Traceback (most recent call last):
    TypeError: confusion_matrix: the first argument must be a Sequential or a Trainer, got the string 'mnist'
    """
    model = classifier.model if isinstance(classifier, Trainer) else classifier
    if not isinstance(model, Sequential):
        raise TypeError(f"{owner}: the first argument must be a Sequential or a Trainer, got {checks.describe(classifier)}")
    return model


def class_labels(owner: str, y: Any, n: int, classes: int) -> Array:
    """Labels (n,) in 0 … classes − 1, from labels or rows of probabilities. For one output (classes 2), −1 counts as 0.

    >>> class_labels("confusion_matrix", [[1.0], [-1.0]], n=2, classes=2).tolist()
    [1, 0]
    """
    array = checks.real_array(owner, "y", y)
    if array.ndim == 2 and len(array) == n and array.shape[1] in (1, classes):
        checks.finite(owner, "y", array)
        array = as_labels(array)
    if classes == 2 and array.ndim == 1 and array.size and array.min() == -1:
        array = np.where(array == -1, 0, array)
    return check_labels(f"{owner}: y", array, n, classes)
