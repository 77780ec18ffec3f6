"""What a classifier says: the class it chooses for each example, and how sure it is."""

from typing import Any

import numpy as np

from npdeep import activations
from npdeep.common import checks
from npdeep.kernels.arrays import Array
from npdeep.losses.classification import check_labels
from npdeep.metrics import as_labels, known_threshold, softmax
from npdeep.models.last_layer import last_activation, outputs_of
from npdeep.models.sequential import Sequential
from npdeep.training.trainer import Trainer

PROBABILITIES = ("softmax", "softmin", "sparsemax", "sigmoid", "hard_sigmoid", "sparse_sigmoid")
"""Activations whose outputs are probabilities already."""


def predictions(classifier: Any, x: Any, owner: str = "predictions", negative: bool = False) -> tuple[Array, Array]:
    """The chosen class of each row of x, (n,), and the probability that the network gives it, (n,).

    Args:
        classifier: a model, or a trainer with its model; nothing in it is touched.
        x: examples (n, input_size).
        owner: who asks, for errors.
        negative: the targets of a single output are −1 and 1, not 0 and 1.

    With several outputs the largest wins. One output is a yes or no: class 1 where it is above the threshold that "accuracy"
    takes, see `nd.metrics.Accuracy`; of a model alone, without a trainer and its loss, what does not come from an activation
    that ends at 0 is taken for a logit. Several outputs are made probabilities by softmax, unless they are some; one by the
    sigmoid, or cut to 0 … 1 where a loss draws it to 0 and 1. Where the outputs are NaN the class is −1.

    Raises ValueError or TypeError for invalid arguments.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Activation("linear")], input_size=2)
    >>> chosen, sure = predictions(model, [[0.0, 0.0], [0.0, np.log(3.0)]])
    >>> chosen.tolist(), sure.round(4).tolist()
    ([0, 1], [0.5, 0.75])
    """
    model = model_of(owner, classifier)
    outputs = model.copy().predict(model.check_examples(owner, "x", x), scale=1).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):     # NaN in the weights gives NaN here, not a warning
        outputs = probabilities(classifier, model, outputs, negative)
    chosen = outputs.argmax(axis=1)
    sure = outputs[np.arange(len(outputs)), chosen]
    return np.where(np.isnan(sure), -1, chosen), sure


def probabilities(classifier: Any, model: Sequential, outputs: Array, negative: bool) -> Array:
    """Outputs (n, units) as probabilities (n, classes), as many classes as there are outputs but at least two."""
    last = last_activation(model)
    name = "" if last is None else last.activation
    if outputs.shape[1] > 1:
        return outputs if name in PROBABILITIES else np.exp(outputs) if name == "log_softmax" else softmax(outputs)
    known = outputs_of(model, classifier.loss if isinstance(classifier, Trainer) else None)
    if name in PROBABILITIES:
        yes = outputs
    elif known.kind == "values" or known_threshold(known) == 0.5:
        yes = np.clip((outputs + 1) / 2 if negative else outputs, 0, 1)
    else:
        yes = activations.value_and_slope("sigmoid", outputs)[0]
    return np.hstack([1 - yes, yes])


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


def class_labels(owner: str, y: Any, n: int, classes: int) -> tuple[Array, bool]:
    """Labels (n,) in 0 … classes − 1, from labels or rows of probabilities; and whether −1 stood for 0 (of two classes).

    >>> class_labels("confusion_matrix", [[1.0], [-1.0]], n=2, classes=2)
    (array([1, 0]), True)
    """
    array = checks.real_array(owner, "y", y)
    if array.ndim == 2 and len(array) == n and array.shape[1] in (1, classes):
        checks.finite(owner, "y", array)
        array = as_labels(array)
    negative = bool(classes == 2 and array.ndim == 1 and array.size and array.min() == -1)
    if negative:
        array = np.where(array == -1, 0, array)
    return check_labels(f"{owner}: y", array, n, classes), negative
