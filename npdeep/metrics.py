"""What to report beside the loss: accuracy and errors, as the mean over the rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.described import Described
from npdeep.kernels.arrays import Array


class Metric(Described):
    """Base: called with outputs (n, units) and targets, it returns the mean over the rows as a float.

    Any function of outputs and targets that returns one number serves as a metric too.

    >>> Accuracy()(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """

    name = "metric"

    def __call__(self, outputs: Any, targets: Any) -> float:
        """The mean over the rows."""
        outputs, targets = checks.real_array(self.name, "outputs", outputs), checks.any_array(self.name, "targets", targets)
        if outputs.ndim != 2 or len(outputs) == 0 or targets.ndim == 0 or len(targets) != len(outputs):
            raise ValueError(
                f"{self.name}: outputs (n, units) and targets must have the same number of rows, at least one; "
                f"got {outputs.shape} and {targets.shape}"
            )
        return self.compute(outputs, targets)

    def compute(self, outputs: Array, targets: Array) -> float:
        """The mean over the rows of checked arrays."""
        raise NotImplementedError(f"{type(self).__name__} must define compute(outputs, targets)")


def as_labels(targets: Array) -> Array:
    """Labels (n,) from labels (n,) or (n, 1), or from rows of probabilities.

    >>> as_labels(np.array([[0.0, 1.0], [1.0, 0.0]]))
    array([1, 0])
    """
    if targets.ndim == 1:
        return targets
    return targets[:, 0] if targets.shape[1] == 1 else np.argmax(targets, axis=1)


def like_outputs(name: str, targets: Array, outputs: Array) -> Array:
    """Targets in the shape of the outputs; labels (n,) become a column where there is one output.

    >>> like_outputs("mean_squared_error", np.array([1.0, 2.0]), np.zeros((2, 1))).shape
    (2, 1)
    """
    if targets.size != outputs.size:
        raise ValueError(f"{name}: targets must have the shape of the outputs, {outputs.shape}, got {targets.shape}")
    return targets.reshape(outputs.shape)


class Accuracy(Metric):
    """The share of rows whose largest output is the right class. One output: right where (output > threshold) is the label.

    Args:
        threshold: for a single output; 0 for logits, 0.5 for probabilities.

    >>> Accuracy()(np.array([[-1.0], [2.0]]), np.array([0, 1]))
    1.0
    """

    name = "accuracy"

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = checks.number("Accuracy", "threshold", threshold)

    def compute(self, outputs: Array, targets: Array) -> float:
        """Share of hits."""
        hits: Array
        if outputs.shape[1] == 1:
            hits = (outputs[:, 0] > self.threshold) == (as_labels(targets) > 0.5)
        else:
            hits = outputs.argmax(axis=1) == as_labels(targets)
        return float(np.count_nonzero(hits) / len(hits))


class BinaryAccuracy(Metric):
    """The share of elements that are on the right side of the threshold: for several yes-or-no outputs.

    Args:
        threshold: 0 for logits, 0.5 for probabilities.

    >>> BinaryAccuracy()(np.array([[-1.0, 2.0]]), np.array([[0, 0]]))
    0.5
    """

    name = "binary_accuracy"

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = checks.number("BinaryAccuracy", "threshold", threshold)

    def compute(self, outputs: Array, targets: Array) -> float:
        """Share of hits among all elements."""
        hits = (outputs > self.threshold) == (like_outputs(self.name, targets, outputs) > 0.5)
        return float(np.count_nonzero(hits) / hits.size)


class TopKAccuracy(Metric):
    """The share of rows whose right class is among the k largest outputs; equal outputs count as within.

    Args:
        k: how many, at least 1.

    >>> TopKAccuracy(k=2)(np.array([[0.1, 0.5, 0.4]]), np.array([2]))
    1.0
    """

    def __init__(self, k: int = 5) -> None:
        self.k = checks.whole("TopKAccuracy", "k", k)
        self.name = f"top_{self.k}_accuracy"

    def compute(self, outputs: Array, targets: Array) -> float:
        """Share of rows where fewer than k outputs are larger than that of the right class."""
        labels = as_labels(targets).astype(np.int64, copy=False)
        if labels.min() < 0 or labels.max() >= outputs.shape[1]:
            raise ValueError(f"{self.name}: labels must lie in 0 … {outputs.shape[1] - 1}, got {labels.min()} … {labels.max()}")
        right = np.take_along_axis(outputs, labels[:, None], axis=1)
        larger = np.count_nonzero(~(outputs <= right), axis=1)    # a NaN is no hit
        return float(np.count_nonzero(larger < self.k) / len(labels))


class MeanSquaredError(Metric):
    """The mean of (output − target)².

    >>> MeanSquaredError()(np.array([[1.0], [3.0]]), np.array([[0.0], [3.0]]))
    0.5
    """

    name = "mean_squared_error"

    def compute(self, outputs: Array, targets: Array) -> float:
        """Mean of squares."""
        error = outputs - like_outputs(self.name, targets, outputs)
        return float(np.mean(error * error))


class MeanAbsoluteError(Metric):
    """The mean of |output − target|.

    >>> MeanAbsoluteError()(np.array([[1.0], [3.0]]), np.array([[0.0], [3.0]]))
    0.5
    """

    name = "mean_absolute_error"

    def compute(self, outputs: Array, targets: Array) -> float:
        """Mean of absolute values."""
        return float(np.mean(np.abs(outputs - like_outputs(self.name, targets, outputs))))


def confusion_matrix(predictions: Any, targets: Any, classes: int | None = None) -> Array:
    """How often class i (row) was taken for class j (column): an int64 matrix (classes, classes).

    predictions: outputs (n, classes) or labels (n,). targets: labels (n,) or one-hot rows. classes: by default the number of
    outputs, or one more than the largest label. Raises ValueError where the numbers of rows differ or a label is too large.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]))
    array([[1, 1],
           [0, 1]])
    """
    predictions = checks.real_array("confusion_matrix", "predictions", predictions)
    targets = checks.real_array("confusion_matrix", "targets", targets)
    if predictions.ndim == 0 or targets.ndim == 0 or len(predictions) != len(targets) or len(targets) == 0:
        raise ValueError(
            f"confusion_matrix: predictions and targets must have the same number of rows, at least one; "
            f"got shapes {predictions.shape} and {targets.shape}"
        )
    if predictions.ndim == 2 and classes is None:
        classes = predictions.shape[1]
    predicted, actual = as_labels(predictions).astype(np.int64), as_labels(targets).astype(np.int64)
    classes = classes or int(max(predicted.max(), actual.max())) + 1
    if min(predicted.min(), actual.min()) < 0 or max(predicted.max(), actual.max()) >= classes:
        raise ValueError(f"confusion_matrix: labels must lie in 0 … {classes - 1}")
    return np.bincount(classes * actual + predicted, minlength=classes * classes).reshape(classes, classes)


KNOWN: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "top_k_accuracy": TopKAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
}


class OwnMetric(Metric):
    """A user's function, made to look like ours.

    >>> OwnMetric(lambda outputs, targets: 3)(np.ones((1, 1)), np.ones(1))
    3.0
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def compute(self, outputs: Array, targets: Array) -> float:
        """Ask the user's function."""
        value = self.function(outputs, targets)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TypeError(f"metric {self.name}: must return one number, got {checks.describe(value)}") from None


def get(metric: Any) -> Metric:
    """A metric from its name, an object of nd.metrics, or a function of outputs and targets.

    >>> get("accuracy")
    Accuracy(threshold=0.0)
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        hints = {"acc": "accuracy", "mse": "mean_squared_error", "mae": "mean_absolute_error"}
        return KNOWN[checks.choice("Trainer", "metric", metric, KNOWN, hints)]()
    if callable(metric) and not isinstance(metric, type):
        return OwnMetric(metric)
    raise TypeError(
        "Trainer: metrics must be names, objects of nd.metrics or functions of outputs and targets, "
        f"got {checks.describe(metric)}"
    )


def for_outputs(metric: Any, units: int, activation: str, loss: str) -> Metric:
    """The metric, after a look at the network: how many outputs, the activation behind them, the loss.

    "accuracy" by name takes the threshold 0.5 for a single output that is a probability. Raises ValueError where a metric
    would not measure what its name says.

    >>> for_outputs("accuracy", 1, "sigmoid", "MeanSquaredError")
    Accuracy(threshold=0.5)
    >>> for_outputs("accuracy", 3, "", "BinaryCrossEntropy")
    Traceback (most recent call last):
    ValueError: Trainer: "accuracy" takes the largest output for the answer, but BinaryCrossEntropy has 3 outputs that are \
each yes or no; use "binary_accuracy" (or the object nd.metrics.Accuracy(), if only one of them can be right)
    """
    result = get(metric)
    if metric == "accuracy" and units == 1 and activation in ("sigmoid", "hard_sigmoid", "sparse_sigmoid"):
        return Accuracy(threshold=0.5)
    if metric == "accuracy" and units > 1 and loss == "BinaryCrossEntropy":
        raise ValueError(
            f'Trainer: "accuracy" takes the largest output for the answer, but {loss} has {units} outputs that are each yes or '
            'no; use "binary_accuracy" (or the object nd.metrics.Accuracy(), if only one of them can be right)'
        )
    if isinstance(result, TopKAccuracy) and result.k >= units:
        raise ValueError(
            f"Trainer: the right one is always among the {result.k} largest of {units} outputs; choose a smaller k"
        )
    return result
