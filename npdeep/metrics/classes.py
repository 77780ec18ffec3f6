"""Which class is taken for which: the confusion matrix, precision, recall, F1, and the area under the ROC curve."""

import math
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.kernels.arrays import Array
from npdeep.metrics.base import BuiltIn, Outputs
from npdeep.metrics.targets import as_float, as_labels, check_bits, check_classes, check_like_outputs
from npdeep.metrics.thresholds import Thresholded

MOST_CLASSES = 10_000
"""The matrix of so many takes 800 MB."""

AVERAGES = ("macro", "micro", "weighted")


def confusion_matrix(predictions: Any, targets: Any, classes: int | None = None) -> Array:
    """How often class i (row) was taken for class j (column): an int64 matrix (classes, classes).

    predictions: outputs (n, classes), of which the largest wins, or labels, (n,) or (n, 1); for one output write
    `predictions > threshold`. targets: labels, (n,) or (n, 1), or one-hot rows. classes: by default the number of outputs,
    for labels the width of the one-hot rows, or one more than the largest label. Raises ValueError where the numbers of rows
    differ, for labels that are not integers or too large, one-hot rows wider than the outputs, and outputs that are NaN.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]))
    array([[1, 1],
           [0, 1]])
    """
    owner = "confusion_matrix"
    predictions = checks.real_array(owner, "predictions", predictions)
    targets = checks.real_array(owner, "targets", targets)
    if predictions.ndim == 0 or targets.ndim == 0 or len(predictions) != len(targets) or len(targets) == 0:
        raise ValueError(
            f"{owner}: predictions and targets must have the same number of rows, at least one; "
            f"got shapes {predictions.shape} and {targets.shape}"
        )
    if classes is not None:
        classes = checks.whole(owner, "classes", classes, maximum=MOST_CLASSES)
    predicted, width = _chosen(owner, predictions)
    if targets.ndim == 2 and targets.shape[1] > 1 and not width:
        width = targets.shape[1]
    classes = classes or width or int(max(predicted.max(), as_labels(targets).max(), 0)) + 1
    check_classes(owner, targets, classes)
    check_classes(owner, predicted, classes)
    actual = as_labels(targets).astype(np.int64)
    return np.bincount(classes * actual + predicted.astype(np.int64), minlength=classes * classes).reshape(classes, classes)


def _chosen(owner: str, predictions: Array) -> tuple[Array, int]:
    """The class that each row of predictions names, and the number of outputs (0 for labels)."""
    checks.finite(owner, "predictions", predictions)
    if predictions.ndim == 2 and predictions.shape[1] > 1:
        return predictions.argmax(axis=1), predictions.shape[1]
    if predictions.size != len(predictions):
        raise ValueError(f"{owner}: predictions must be labels (n,) or outputs (n, classes), got shape {predictions.shape}")
    labels = predictions.reshape(-1)
    if labels.dtype.kind == "f" and np.any(labels != np.floor(labels)):
        row = int(np.argmax(labels != np.floor(labels)))
        raise ValueError(
            f"{owner}: predictions must be labels or have one column for each class, but row {row} has {labels[row]:g}; for "
            "one output write predictions > 0.5 where it is a probability, predictions > 0 where it is a logit"
        )
    return labels, 0


class ClassScore(Thresholded):
    """Base of precision, recall and F1: computed from what was counted for each class, on all rows at once.

    Args:
        average: with several outputs, how the classes become one number. "macro": the mean over the classes that occur in
            targets or predictions; "weighted": the same, weighted by the rows of each class; "micro": counts of all classes
            added up; None: an array, one number for each class (not in a Trainer, whose history holds numbers).
        threshold: for a single output, as for `Accuracy`. There the score is that of the class 1, whatever `average` says.

    Targets are as for `Accuracy`. A score whose denominator is 0 is 0, as in scikit-learn. A row of outputs with a NaN counts
    as taken for no class.
    """

    whole = True

    def __init__(self, average: str | None = "macro", threshold: float | None = None) -> None:
        super().__init__(threshold)
        self.average = check_average(type(self).__name__, average)

    def look(self, outputs: Outputs) -> None:
        """Refuse several numbers where one is recorded, and several outputs that are each yes or no."""
        if outputs.units > 1:
            refuse_several_numbers(self, self.average)
            if outputs.kind == "logits":
                raise ValueError(
                    f'Trainer: "{self.name}" takes the largest output for the answer, but under {outputs.loss} each of the '
                    f"{outputs.units} is yes or no; measure one of them: "
                    f"lambda z, y: nd.metrics.{type(self).__name__}(threshold=0)(z[:, :1], y[:, :1])"
                )
        super().look(outputs)

    def compute(self, outputs: Array, targets: Array) -> Any:
        """The score from the counts of each class."""
        targets = np.asarray(targets)
        labels, units = as_labels(targets), outputs.shape[1]
        predicted: Any
        if units == 1:
            predicted, actual = self.says_yes(outputs, targets).reshape(-1, 1), labels.reshape(-1, 1) > 0.5
        else:
            known = ~np.isnan(outputs).any(axis=1, keepdims=True)
            predicted = one_hot(outputs.argmax(axis=1), units) & known
            actual = one_hot(labels, units)
        counts = [part.sum(axis=0).astype(np.float64) for part in (predicted & actual, predicted, actual)]
        if self.average == "micro" and units > 1:
            counts = [np.sum(part, keepdims=True) for part in counts]
        scores = self.score(*counts)
        if units == 1 or self.average == "micro":
            return float(scores[0])
        return averaged(scores, self.average, counts[2], (counts[1] + counts[2]) > 0)

    def score(self, hits: Array, predicted: Array, actual: Array) -> Array:
        """The score of each class: rows that are right, that were taken for it, that belong to it."""
        raise NotImplementedError


class Precision(ClassScore):
    """Of the rows that were taken for a class, the share that belongs to it: hits / predicted.

    Args:
        average: "macro", "micro", "weighted" or None, for several outputs.
        threshold: for one output.

    See `ClassScore` for both, for targets, and for what is 0 and NaN. Agrees with scikit-learn's precision_score.

    >>> Precision()(np.array([[1.0], [2.0], [-1.0]]), np.array([1, 0, 1]))
    0.5
    """

    name = "precision"

    def score(self, hits: Array, predicted: Array, actual: Array) -> Array:
        """hits / predicted."""
        return ratio(hits, predicted)


class Recall(ClassScore):
    """Of the rows that belong to a class, the share that was found: hits / actual.

    Args:
        average: "macro", "micro", "weighted" or None, for several outputs.
        threshold: for one output.

    See `ClassScore` for both, for targets, and for what is 0 and NaN. Agrees with scikit-learn's recall_score.

    >>> Recall()(np.array([[1.0], [2.0], [-1.0]]), np.array([1, 0, 1]))
    0.5
    """

    name = "recall"

    def score(self, hits: Array, predicted: Array, actual: Array) -> Array:
        """hits / actual."""
        return ratio(hits, actual)


class F1(ClassScore):
    """The harmonic mean of precision and recall: 2·hits / (predicted + actual).

    Args:
        average: "macro", "micro", "weighted" or None, for several outputs.
        threshold: for one output.

    See `ClassScore` for both, for targets, and for what is 0 and NaN. Agrees with scikit-learn's f1_score.

    >>> F1()(np.array([[1.0], [2.0], [-1.0]]), np.array([1, 0, 1]))
    0.5
    """

    name = "f1"

    def score(self, hits: Array, predicted: Array, actual: Array) -> Array:
        """2·hits / (predicted + actual)."""
        return ratio(2 * hits, predicted + actual)


class RocAuc(BuiltIn):
    """The area under the ROC curve: how often a row of the class has a larger output than one of another class; ties count ½.

    AUC = (Σ ranks of the class's rows − p(p + 1)/2) / (p·q), with p rows in the class, q outside of it, and equal outputs
    sharing their mean rank (Mann and Whitney, 1947). Several outputs: each class against the rest.

    Args:
        average: with several outputs, "macro": the mean over the classes; "weighted": weighted by the rows of each class;
            "micro": one curve of all outputs together; None: an array, one number for each class (not in a Trainer).
        from_logits: with several outputs, True applies the softmax first, False takes them as they are. None: in a Trainer as
            the loss says; called on its own, the rows must be probabilities, or it must be said.

    Targets are labels, (n,) or (n, 1), one-hot rows, or bits like the outputs; −1 and 1 will do for 0 and 1. A class that no
    row or every row belongs to has no curve: its area is NaN, and means leave it out. NaN outputs give NaN. Agrees with
    scikit-learn's roc_auc_score, with multi_class="ovr".

    >>> RocAuc()(np.array([[0.1], [0.4], [0.35], [0.8]]), np.array([0, 0, 1, 1]))
    0.75
    """

    name = "roc_auc"

    def __init__(self, average: str | None = "macro", from_logits: bool | None = None) -> None:
        self.average = check_average("RocAuc", average)
        self.from_logits = None if from_logits is None else checks.flag("RocAuc", "from_logits", from_logits)
        self.squashes = self.from_logits

    def look(self, outputs: Outputs) -> None:
        """The loss says whether the softmax is still to be applied."""
        if outputs.units > 1:
            refuse_several_numbers(self, self.average)
        if self.squashes is None:
            self.squashes = outputs.kind == "softmax logits"

    def check_targets(self, targets: Any, units: int, complete: bool = True) -> None:
        """Labels, one-hot rows or bits."""
        targets = checks.real_array(self.name, "targets", targets)
        if targets.ndim == 2 and targets.shape[1] == units:
            check_bits(self.name, targets)
        elif units == 1:
            check_like_outputs(self.name, targets, 1)
            check_bits(self.name, targets)
        else:
            check_classes(self.name, targets, units)

    def compute(self, outputs: Array, targets: Array) -> Any:
        """One area, or one for each class."""
        scores, targets, units = as_float(outputs), np.asarray(targets), outputs.shape[1]
        if units > 1:
            scores = self.probabilities(scores)
        rows = targets.size == outputs.size
        actual = targets.reshape(outputs.shape) > 0.5 if rows else one_hot(as_labels(targets), units)
        if units == 1 or self.average == "micro":
            return area(scores.ravel(), actual.ravel())
        areas = np.array([area(scores[:, k], actual[:, k]) for k in range(units)])
        inside = actual.sum(axis=0)
        return averaged(areas, self.average, inside, (inside > 0) & (inside < len(actual)))    # the others have no curve

    def probabilities(self, scores: Array) -> Array:
        """What the classes are ranked by: the softmax of logits, or the outputs as they are."""
        if self.squashes:
            return softmax(scores.astype(np.float64))
        if self.squashes is None and (np.any(scores < 0) or np.any(np.abs(scores.sum(axis=1) - 1) > 1e-3)):
            raise ValueError(
                "roc_auc: rows of outputs must be probabilities that sum to 1; for logits of a softmax write "
                "nd.metrics.RocAuc(from_logits=True), to rank each output as it is RocAuc(from_logits=False)"
            )
        return scores


def area(scores: Array, actual: Array) -> float:
    """The area under the ROC curve of one class, from the ranks of its rows.

    >>> area(np.array([1.0, 1.0]), np.array([True, False]))
    0.5
    """
    inside = np.count_nonzero(actual)
    outside = len(actual) - inside
    if inside == 0 or outside == 0 or np.isnan(scores).any():
        return math.nan
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2      # equal scores share the mean of their ranks, which begin at 1
    return float((ranks[place][actual].sum() - inside * (inside + 1) / 2) / (inside * outside))


def averaged(scores: Array, average: str | None, rows: Array, counted: Any) -> Any:
    """One number from those of the classes that are counted, or all of them. NaN where none is."""
    if average is None:
        return scores
    if not np.any(counted):
        return math.nan
    weights = np.asarray(rows, np.float64)[counted] if average == "weighted" else None
    return float(np.average(scores[counted], weights=weights))


def ratio(above: Array, below: Array) -> Array:
    """above / below, and 0 where that would be 0 / 0."""
    result: Array = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return result


def one_hot(labels: Array, classes: int) -> Any:
    """True in the column of each row's label.

    >>> one_hot(np.array([1.0, 0.0]), 2)
    array([[False,  True],
           [ True, False]])
    """
    return labels[:, None] == np.arange(classes)


def softmax(z: Array) -> Array:
    """e^zⱼ / Σₖ e^zₖ of each row.

    >>> softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    with np.errstate(invalid="ignore"):       # inf − inf: NaN, as it should be
        e = np.exp(z - z.max(axis=1, keepdims=True))
    result: Array = e / e.sum(axis=1, keepdims=True)
    return result


def check_average(owner: str, average: Any) -> str | None:
    """One of the names, or None."""
    return None if average is None else checks.choice(owner, "average", average, AVERAGES)


def refuse_several_numbers(metric: BuiltIn, average: str | None) -> None:
    """Raise ValueError where a metric would give a Trainer an array."""
    if average is None:
        kind = type(metric).__name__
        raise ValueError(
            f"Trainer: {kind}(average=None) gives one number for each class, and a history holds single ones; choose an "
            f'average ("macro", "micro", "weighted"), or call nd.metrics.{kind}(average=None)(model.predict(x), y) yourself'
        )
