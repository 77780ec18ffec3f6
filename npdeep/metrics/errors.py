"""How far outputs are from targets that are numbers."""

from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.kernels.arrays import Array
from npdeep.metrics.base import BuiltIn
from npdeep.metrics.targets import as_float, check_like_outputs


class _ErrorMetric(BuiltIn):
    whole = False

    def check_targets(self, targets: Any, units: int, complete: bool = True) -> None:
        """Numbers, like the outputs."""
        check_like_outputs(self.name, checks.real_array(self.name, "targets", targets), units)

    def errors(self, outputs: Array, targets: Array) -> Any:
        """output − target of each element, as floats."""
        return as_float(outputs) - as_float(targets).reshape(outputs.shape)


class MeanSquaredError(_ErrorMetric):
    """The mean of (output − target)².

    >>> MeanSquaredError()(np.array([[1.0], [3.0]]), np.array([[0.0], [3.0]]))
    0.5
    """

    name = "mean_squared_error"

    def compute(self, outputs: Array, targets: Array) -> float:
        """Mean of squares."""
        return float(np.mean(np.square(self.errors(outputs, targets))))


class MeanAbsoluteError(_ErrorMetric):
    """The mean of |output − target|.

    >>> MeanAbsoluteError()(np.array([[1.0], [3.0]]), np.array([[0.0], [3.0]]))
    0.5
    """

    name = "mean_absolute_error"

    def compute(self, outputs: Array, targets: Array) -> float:
        """Mean of absolute values."""
        return float(np.mean(np.abs(self.errors(outputs, targets))))
