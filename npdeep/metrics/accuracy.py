"""How many are right."""

import math
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.kernels.arrays import Array
from npdeep.metrics.base import BuiltIn, Outputs
from npdeep.metrics.targets import as_labels, check_classes
from npdeep.metrics.thresholds import Thresholded


class Accuracy(Thresholded):
    """The share of rows whose largest output is the right class. One output: right where (output > threshold) is the label.

    Args:
        threshold: for a single output. By default it follows what the outputs are, as `Thresholded` says: 0 for logits and
            margins, 0.5 for probabilities and wherever outputs are drawn to targets 0 and 1.

    Targets are labels, (n,) or (n, 1), or one-hot rows; for one output 0 and 1, or −1 and 1. A row of outputs with a NaN is
    not right. Raises ValueError for other targets: numbers, soft rows, rows wider than the outputs.

    >>> Accuracy()(np.array([[-1.0], [2.0]]), np.array([0, 1]))
    1.0
    """

    name = "accuracy"

    def look(self, outputs: Outputs) -> None:
        """Refuse several outputs that are each yes or no."""
        if outputs.kind == "logits" and outputs.units > 1 and outputs.by_name:
            raise ValueError(
                f'Trainer: "accuracy" takes the largest output for the answer, but {outputs.loss} has {outputs.units} outputs '
                'that are each yes or no; use "binary_accuracy" (or the object nd.metrics.Accuracy(), if only one of them can '
                "be right)"
            )
        super().look(outputs)

    def compute(self, outputs: Array, targets: Array) -> float:
        """Share of hits."""
        hits: Any
        labels = as_labels(targets)
        if outputs.shape[1] == 1:
            hits = self.says_yes(outputs[:, 0], labels) == (labels > 0.5)
        else:
            hits = outputs.argmax(axis=1) == labels
        if math.isnan(outputs.max()):
            hits &= ~np.isnan(outputs).any(axis=1)
        return float(np.count_nonzero(hits) / len(hits))


class BinaryAccuracy(Thresholded):
    """The share of elements that are on the right side of the threshold: for several yes-or-no outputs.

    Args:
        threshold: by default it follows what the outputs are, as `Thresholded` says: 0 for logits and margins, 0.5 for
            probabilities and wherever outputs are drawn to targets 0 and 1.

    Targets are 0 and 1, or −1 and 1, in the shape of the outputs. An output that is NaN is not right. Raises ValueError for
    other targets.

    >>> BinaryAccuracy()(np.array([[-1.0, 2.0]]), np.array([[0, 0]]))
    0.5
    """

    name = "binary_accuracy"

    def look(self, outputs: Outputs) -> None:
        """Refuse the logits of a softmax: whether one of them is above 0 says nothing without the others."""
        if outputs.kind == "softmax logits":
            raise ValueError(
                f'Trainer: "binary_accuracy" is for outputs that are each yes or no, but {outputs.loss} takes them for logits '
                'of classes of which one is right; use "accuracy"'
            )
        super().look(outputs)

    def by_classes(self, units: int) -> bool:
        """Never: each output is judged on its own."""
        return False

    def compute(self, outputs: Array, targets: Array) -> float:
        """Share of hits among all elements."""
        targets = targets.reshape(outputs.shape)
        hits = (self.says_yes(outputs, targets) == (targets > 0.5)) & ~np.isnan(outputs)
        return float(np.count_nonzero(hits) / hits.size)


class TopKAccuracy(BuiltIn):
    """The share of rows whose right class is among the k largest outputs; equal outputs count as within.

    Args:
        k: how many, at least 1.

    Targets are labels, (n,) or (n, 1), or one-hot rows. A row of outputs with a NaN is not right. Raises ValueError for other
    targets.

    >>> TopKAccuracy(k=2)(np.array([[0.1, 0.5, 0.4]]), np.array([2]))
    1.0
    """

    whole = False

    def __init__(self, k: int = 5) -> None:
        self.k = checks.whole("TopKAccuracy", "k", k)
        self.name = f"top_{self.k}_accuracy"

    def look(self, outputs: Outputs) -> None:
        """Refuse a k that no network can miss."""
        if self.k >= outputs.units:
            raise ValueError(
                f"Trainer: the right one is always among the {self.k} largest of {outputs.units} outputs; choose a smaller k"
            )

    def check_targets(self, targets: Any, units: int, complete: bool = True) -> None:
        """Labels or one-hot rows."""
        check_classes(self.name, checks.real_array(self.name, "targets", targets), units)

    def compute(self, outputs: Array, targets: Array) -> float:
        """Share of rows where fewer than k outputs are larger than that of the right class."""
        labels = as_labels(targets).astype(np.int64, copy=False)
        right = np.take_along_axis(outputs, labels[:, None], axis=1)
        hits = np.count_nonzero(outputs > right, axis=1) < self.k
        return float(np.count_nonzero(hits & ~np.isnan(outputs).any(axis=1)) / len(labels))
