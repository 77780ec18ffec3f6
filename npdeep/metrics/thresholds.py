"""Where an output begins to mean yes."""

from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.kernels.arrays import Array
from npdeep.metrics.base import BuiltIn, Outputs
from npdeep.metrics.targets import check_bits, check_classes, check_like_outputs


def known_threshold(outputs: Outputs) -> float | None:
    """Above which number an output is a yes, as loss and last activation tell; None where they do not.

    >>> known_threshold(Outputs(1, "BinaryCrossEntropy", "logits")), known_threshold(Outputs(1, "Huber", "values", lowest=0))
    (0.0, 0.5)
    """
    if outputs.kind == "logits":
        return 0.0                            # σ(0) = ½
    if outputs.lowest >= 0:                   # a sigmoid, or a relu: no is 0, yes is 1
        return 0.5
    return 0.0 if outputs.kind == "margins" else None


class Thresholded(BuiltIn):
    """Base of metrics that ask whether an output lies above a threshold.

    Args:
        threshold: above it an output is a yes. None follows what the outputs are. In a Trainer that is

            - 0 for logits: under a loss that brings its own sigmoid, such as binary_cross_entropy;
            - 0.5 where the last activation gives no negative numbers: sigmoid, softmax, relu, softplus, …;
            - 0 for the margins of a hinge loss;
            - under a loss that draws outputs to the targets, such as mean_squared_error, halfway between them: 0.5 for
              0 and 1, 0 for −1 and 1. For this the metric is computed on all rows at once.

            Under a custom loss it cannot be known and must be given, unless the last activation tells. A metric that is
            called on its own takes 0, as for logits; it refuses outputs that all lie between 0 and 1, for these may be
            probabilities: then say which.
    """

    whole = False
    cut: float | None = None
    """The threshold that is used; None: halfway between the targets."""
    negative = True
    """Targets may be −1 and 1."""
    told = False
    """Has it looked at a network?"""

    def __init__(self, threshold: float | None = None) -> None:
        self.threshold = None if threshold is None else checks.number(type(self).__name__, "threshold", threshold)
        self.cut = self.threshold

    def look(self, outputs: Outputs) -> None:
        """Decide where yes begins. Raises ValueError where that cannot be known."""
        self.told = True
        if self.threshold is not None or self.by_classes(outputs.units):
            return
        if outputs.highest <= 0:
            raise ValueError(
                f'Trainer: "{self.name}" asks whether outputs are yes or no; the last activation never gives a positive one: '
                'none could be a yes; end the network with "sigmoid" (for classes of which one is right take "accuracy")'
            )
        self.cut = known_threshold(outputs)
        self.negative = outputs.lowest < 0 or outputs.kind == "margins"
        if self.cut is None and outputs.kind == "values":
            self.whole = True                 # the targets tell, when all of them are seen
        elif self.cut is None:
            kind = type(self).__name__
            raise ValueError(
                f'Trainer: "{self.name}" cannot know what the outputs under the loss {outputs.loss} mean; say where yes '
                f"begins: nd.metrics.{kind}(threshold=0) for logits, nd.metrics.{kind}(threshold=0.5) for probabilities"
            )

    def by_classes(self, units: int) -> bool:
        """Does the largest output win, so that there is no threshold?"""
        return units > 1

    def check_targets(self, targets: Any, units: int, complete: bool = True) -> None:
        """Labels or one-hot rows where the largest output wins; else bits, like the outputs."""
        targets = checks.real_array(self.name, "targets", targets)
        if self.by_classes(units):
            check_classes(self.name, targets, units)
        else:
            check_like_outputs(self.name, targets, units)
            self.check_sides(targets, complete)

    def check_sides(self, targets: Array, complete: bool) -> None:
        """Raise ValueError unless the targets are bits, and tell where yes begins if nothing else does."""
        check_bits(self.name, targets, self.negative)
        if self.told and complete and self.cut is None and np.all(targets == 1):
            kind = type(self).__name__
            raise ValueError(
                f"{self.name}: every target is 1: that does not tell whether the other class is 0 or -1, and where yes begins; "
                f"give the Trainer nd.metrics.{kind}(threshold=0.5) for 0 and 1, or threshold=0 for -1 and 1"
            )

    def says_yes(self, outputs: Array, targets: Array) -> Any:
        """Which outputs are above the threshold. A NaN is not."""
        cut = self.cut
        if cut is None:
            cut = 0.0 if not self.told or np.any(targets == -1) else 0.5
        if not self.told and self.cut is None and outputs.min() >= 0 and outputs.max() <= 1 and np.any(outputs % 1):
            kind = type(self).__name__
            raise ValueError(
                f"{self.name}: these outputs all lie between 0 and 1: logits or probabilities? say it: "
                f"nd.metrics.{kind}(threshold=0) for logits, nd.metrics.{kind}(threshold=0.5) for probabilities"
            )
        return outputs > cut
