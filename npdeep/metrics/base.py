"""What all metrics have in common, and the running figures of an epoch."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npdeep.common import checks, custom
from npdeep.common.described import Described
from npdeep.kernels.arrays import Array


@dataclass(frozen=True)
class Outputs:
    """What a metric is told about the network that it is to judge.

    Attributes:
        units: number of outputs. loss: the name of the loss.
        kind: what the loss takes the outputs for, see `Loss.outputs_are`.
        lowest, highest: the smallest and the largest value that the last activation can give; −inf and inf where there is none.
        by_name: the user gave the metric's name, not an object.
    """

    units: int
    loss: str
    kind: str
    lowest: float = -math.inf
    highest: float = math.inf
    by_name: bool = False


class Metric(Described):
    """Base: called with outputs (n, units) and targets, it returns one number.

    In a Trainer, `compute` gets all rows at once (of the data that is evaluated, or of the epoch): what it returns need be no
    mean over rows, and does not depend on batch_size. The outputs of these rows are kept in memory until then. A class whose
    number *is* a mean over rows may say so with `whole = False`: then it is computed batch by batch and nothing is kept.

    Any function of outputs and targets that returns one number serves as a metric too; it gets all rows at once.

    >>> from npdeep.metrics import Accuracy
    >>> Accuracy()(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """

    fixed = "a column of the history is to mean one thing; make a new metric and call it: metric(outputs, targets)"
    name = "metric"
    whole: bool = True
    """Computed on all rows at once; False: a mean over rows, computed batch by batch."""

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """The number for all of these rows. Raises ValueError or TypeError where the metric cannot measure them."""
        outputs, targets = checks.real_array(self.name, "outputs", outputs), checks.any_array(self.name, "targets", targets)
        if outputs.ndim != 2 or outputs.size == 0 or targets.ndim == 0 or len(targets) != len(outputs):
            raise ValueError(
                f"{self.name}: outputs (n, units) and targets must have the same number of rows, at least one; "
                f"got {outputs.shape} and {targets.shape}"
            )
        self.check_targets(targets, outputs.shape[1])
        before = [] if isinstance(self, BuiltIn) else copy.deepcopy([outputs, targets])
        with np.errstate(over="ignore", invalid="ignore"):    # of outputs that are infinite, or too large to be squared
            number = self.compute(outputs, targets)
        custom.check_kept(f"metric {self.name}", ("outputs", "targets"), (outputs, targets), before)
        return number

    def number(self, outputs: Array, targets: Any) -> float:
        """What `compute` returns, to be recorded; of a custom metric it may be anything."""
        return custom.one_number(f"metric {self.name}:", self.compute(outputs, targets))

    def compute(self, outputs: Array, targets: Array) -> float:
        """The number for checked arrays."""
        raise NotImplementedError(f"{type(self).__name__} must define compute(outputs, targets)")

    def check_targets(self, targets: Any, units: int, complete: bool = True) -> None:
        """Raise ValueError where these targets are not what the metric measures. complete: these are all of them, no batch."""

    def bound(self, outputs: Outputs) -> "Metric":
        """The metric as it judges these outputs. Raises ValueError where it would not measure what its name says."""
        custom.check_takes(f"metric {self.name}", "compute", self.compute, ("outputs", "targets"))
        checks.flag(f"metric {self.name}", "whole", self.whole)
        return self


class BuiltIn(Metric):
    """Base of npdeep's own metrics: a Trainer works with a copy, so that one object may serve two of them."""

    def bound(self, outputs: Outputs) -> Metric:
        """A copy that has looked at the network."""
        twin = copy.copy(self)
        twin.look(outputs)
        return twin

    def look(self, outputs: Outputs) -> None:
        """Take from the network what the metric needs to know."""


class OwnMetric(Metric):
    """A user's function, made to look like ours.

    >>> OwnMetric(lambda outputs, targets: 3)(np.ones((1, 1)), np.ones(1))
    3.0
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        custom.check_takes(f"metric {self.name}", self.name, function, ("outputs", "targets"))

    def compute(self, outputs: Array, targets: Array) -> float:
        """Ask the user's function."""
        return custom.one_number(f"metric {self.name}:", self.function(outputs, targets))


class Totals:
    """The loss and the metrics over the rows of an epoch, or of an evaluation.

    Means are summed batch by batch, weighted by rows, so that a short last batch counts rightly. For metrics on all rows the
    outputs and targets of every batch are kept.

    >>> from npdeep.metrics import Accuracy
    >>> totals = Totals([Accuracy()])
    >>> totals.add(0.5, np.array([[0.0, 1.0]]), np.array([1])); totals.add(2.0, np.zeros((2, 2)), np.array([1, 1]))
    >>> totals.means()
    {'loss': 1.5, 'accuracy': 0.3333333333333333}
    """

    KEPT: ClassVar[tuple[str, str]] = ("outputs", "targets")

    def __init__(self, metrics: list[Metric], state: dict[str, Any] | None = None) -> None:
        state = state or {}
        self.metrics = metrics
        self.rows: int = state.get("rows", 0)
        self.shares: float = state.get("shares", self.rows)
        self.sums: list[float] = list(state.get("sums", [0.0] * (1 + len(metrics))))
        self.kept: dict[str, list[Any]] = {name: [state[name]] if name in state else [] for name in self.KEPT}
        self.keeps = any(metric.whole for metric in metrics)

    def add(self, loss: float, outputs: Array, targets: Any, share: float | None = None) -> None:
        """Count in a batch. share: how much its loss counts (`Loss.share`), its number of rows if not given."""
        n = len(outputs)
        share = n if share is None else share
        self.rows += n
        self.shares += share
        self.sums[0] += share * loss
        for i, metric in enumerate(self.metrics, start=1):
            if not metric.whole:
                self.sums[i] += n * metric.number(outputs, targets)
        if self.keeps:                        # both are live buffers that the next batch overwrites
            self.kept["outputs"].append(outputs.copy())
            self.kept["targets"].append(copy.deepcopy(targets))

    def means(self) -> dict[str, float]:
        """Every quantity over all rows so far, by name; NaN where there was none.

        Files that earlier versions wrote in the midst of an epoch lack its first outputs: then metrics on all rows are NaN.
        """
        outputs: Any
        targets: Any
        outputs, targets = (joined(self.kept[name]) if self.rows and self.keeps else None for name in self.KEPT)
        result = {"loss": self.sums[0] / self.shares if self.shares else math.nan}
        for metric, total in zip(self.metrics, self.sums[1:], strict=True):
            if not metric.whole:
                result[metric.name] = total / self.rows if self.rows else math.nan
            else:
                complete = outputs is not None and len(outputs) == self.rows
                result[metric.name] = metric.number(outputs, targets) if complete else math.nan
        return result

    def state(self) -> dict[str, Any]:
        """A copy of everything, from which `Totals(metrics, state)` continues: numbers, and arrays for metrics on all rows."""
        kept = {name: joined(pieces) for name, pieces in self.kept.items() if pieces}
        return {"rows": self.rows, "shares": self.shares, "sums": list(self.sums), **kept}


def joined(pieces: list[Any]) -> Any:
    """The rows of all pieces in one array; where a piece is a tuple of arrays, in one tuple of arrays.

    >>> joined([np.array([1, 2]), np.array([3])])
    array([1, 2, 3])
    """
    if isinstance(pieces[0], tuple):
        return tuple(joined(list(parts)) for parts in zip(*pieces, strict=True))
    return np.concatenate(pieces)
