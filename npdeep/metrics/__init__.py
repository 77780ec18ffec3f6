"""What to report beside the loss: accuracy, errors, and scores of classes."""

import dataclasses
from typing import TYPE_CHECKING, Any

from npdeep.common import checks
from npdeep.common.foreign_names import METRICS, expanded
from npdeep.common.hinting import asked, is_function, offered
from npdeep.metrics.accuracy import Accuracy, BinaryAccuracy, TopKAccuracy
from npdeep.metrics.base import BuiltIn, Metric, Outputs, OwnMetric, Totals
from npdeep.metrics.classes import F1, Precision, Recall, RocAuc, confusion_matrix, softmax
from npdeep.metrics.errors import MeanAbsoluteError, MeanSquaredError
from npdeep.metrics.targets import as_labels
from npdeep.metrics.thresholds import known_threshold

__all__ = [
    "F1",
    "Accuracy",
    "BinaryAccuracy",
    "BuiltIn",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Outputs",
    "OwnMetric",
    "Precision",
    "Recall",
    "RocAuc",
    "TopKAccuracy",
    "Totals",
    "as_labels",
    "confusion_matrix",
    "for_outputs",
    "get",
    "known_threshold",
    "softmax",
]

KNOWN: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "top_k_accuracy": TopKAccuracy,
    "precision": Precision,
    "recall": Recall,
    "f1": F1,
    "roc_auc": RocAuc,
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
}
HINTS = expanded(METRICS)
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__)


def get(metric: Any) -> Metric:
    """A metric from its name, an object of nd.metrics, or a function of outputs and targets.

    >>> get("top_k_accuracy")
    TopKAccuracy(k=5)
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        return KNOWN[checks.choice("Trainer", "metric", metric, KNOWN, HINTS)]()
    if is_function(metric) and not isinstance(metric, type):
        return OwnMetric(metric)
    raise TypeError(
        "Trainer: metrics must be names, objects of nd.metrics or functions of outputs and targets, "
        f"got {checks.describe(metric)}"
    )


def for_outputs(metric: Any, outputs: Outputs) -> Metric:
    """The metric, after a look at the network: how many outputs, what they are, the activation that they come from.

    Raises ValueError where a metric would not measure what its name says.

    >>> for_outputs("accuracy", Outputs(1, "MeanSquaredError", "values", lowest=0.0)).cut
    0.5
    >>> for_outputs("accuracy", Outputs(3, "BinaryCrossEntropy", "logits"))
    Traceback (most recent call last):
    ValueError: Trainer: "accuracy" takes the largest output for the answer, but BinaryCrossEntropy has 3 outputs that are \
each yes or no; use "binary_accuracy" (or the object nd.metrics.Accuracy(), if only one of them can be right)
    """
    given = get(metric)
    bound = given.bound(dataclasses.replace(outputs, by_name=isinstance(metric, str)))
    if not isinstance(bound, Metric):
        raise TypeError(f"metric {given.name}: bound must return a metric, it returned {checks.describe(bound)}")
    return bound
