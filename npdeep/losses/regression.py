"""Losses for numbers."""

from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.kernels.losses import regression
from npdeep.losses.base import Loss, Usual


class MeanSquaredError(Loss):
    """ℓ = (z − y)² of each element; L is the mean over all elements. Gradient: 2(z − y) w/m.

    >>> import numpy as np
    >>> MeanSquaredError().forward(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    2.0
    """

    kernels = (regression.squared_error_forward, regression.squared_error_backward)
    outputs_are = "values"
    expression, derivative = "(z - y)**2", "2*(z - y)"

    def losses(self, z: Array, y: Array) -> Array:
        """(z − y)²."""
        return regression.squared_error_forward(z, y, self.loss)

    def derivatives(self, z: Array, y: Array) -> None:
        """2(z − y)."""
        regression.squared_error_backward(z, y, self.grad_outputs)


class MeanAbsoluteError(Loss):
    """ℓ = |z − y| of each element; L is the mean over all elements. Gradient: sign(z − y) w/m, 0 at z = y.

    >>> import numpy as np
    >>> MeanAbsoluteError().forward(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    1.0
    """

    kernels = (regression.absolute_error_forward, regression.absolute_error_backward)
    outputs_are = "values"
    expression, derivative = "abs(z - y)", "1 if z > y else (-1 if z < y else 0)"
    formula = Formula("L = mean of |z − y|, dz = sign(z − y)/m", r"L = \overline{|z - y|},\ dz = \mathrm{sign}(z - y)/m")

    def losses(self, z: Array, y: Array) -> Array:
        """|z − y|."""
        return regression.absolute_error_forward(z, y, self.loss)

    def derivatives(self, z: Array, y: Array) -> None:
        """sign(z − y)."""
        regression.absolute_error_backward(z, y, self.grad_outputs)


class Huber(Loss):
    """ℓ = e²/2 where |e| ≤ δ, else δ|e| − δ²/2, with e = z − y; L is the mean over all elements. Huber (1964).

    >>> import numpy as np
    >>> Huber(delta=1.0).forward(np.array([[0.5, 3.0]]), np.zeros((1, 2)))
    1.3125
    """

    kernels = (regression.huber_forward, regression.huber_backward)
    outputs_are = "values"
    expression = "(z - y)**2/2 if abs(z - y) <= delta else delta*abs(z - y) - delta**2/2"
    derivative = "min(max(z - y, -delta), delta)"
    extra = ("scratch",)
    scratch: Array

    def __init__(self, delta: float = 1.0, weighting: str = "rows") -> None:
        self.delta = checks.number("Huber", "delta", delta, above=0)
        super().__init__(weighting)

    def losses(self, z: Array, y: Array) -> Array:
        """Squares near 0, straight lines beyond δ."""
        return regression.huber_forward(z, y, self.scratch, self.loss, self.delta)

    def derivatives(self, z: Array, y: Array) -> None:
        """The error, clamped to [−δ, δ]."""
        regression.huber_backward(z, y, self.grad_outputs, self.delta)


class LogCosh(Loss):
    """ℓ = log cosh(z − y) of each element; L is the mean over all elements. Gradient: tanh(z − y) w/m.

    >>> import numpy as np
    >>> round(LogCosh().forward(np.array([[1.0]]), np.array([[0.0]])), 6)
    0.433781
    """

    kernels = (regression.log_cosh_forward, regression.log_cosh_backward)
    outputs_are = "values"
    expression, derivative = "abs(z - y) + log1p(exp(-2*abs(z - y))) - log(2)", "tanh(z - y)"
    formula = Formula(
        "L = mean of log cosh(z − y), dz = tanh(z − y)/m", r"L = \overline{\log\cosh(z - y)},\ dz = \tanh(z - y)/m"
    )
    extra = ("scratch", "rest")
    scratch: Array
    rest: Array

    def losses(self, z: Array, y: Array) -> Array:
        """log cosh(z − y)."""
        return regression.log_cosh_forward(z, y, self.scratch, self.rest, self.loss)

    def derivatives(self, z: Array, y: Array) -> None:
        """tanh(z − y)."""
        regression.log_cosh_backward(z, y, self.grad_outputs)


class Poisson(Loss):
    """ℓ = z − y log(z + ε) of each element: for counts y and rates z > 0 (end the network with softplus or exponential).

    ε = 1e-7 as in Keras. L is the mean over all elements. Gradient: (1 − y/(z + ε)) w/m. Raises ValueError for negative
    targets; a negative rate gives NaN, unless ε makes up for it. With ε = 0 a rate of 0 costs nothing where the count is 0, and
    infinitely much elsewhere.

    >>> import numpy as np
    >>> round(Poisson().forward(np.array([[2.0]]), np.array([[1.0]])), 6)
    1.306853
    """

    kernels = (regression.poisson_forward, regression.poisson_backward)
    outputs_are = "values"
    expression, derivative = "z - y*log(z + epsilon)", "1 - y/(z + epsilon)"
    needs = ("softplus", "exponential", "relu", "squareplus", "sparse_plus", "sigmoid", "softmax")
    needs_what = "outputs that are rates and so not negative"
    extra = ("scratch",)
    scratch: Array

    def __init__(self, epsilon: float = 1e-7, weighting: str = "rows") -> None:
        self.epsilon = checks.number("Poisson", "epsilon", epsilon, minimum=0)
        super().__init__(weighting)

    def check_targets(self, targets: Any, n: int, units: int, dtype: Any) -> Array:
        """Counts: no negative ones."""
        array = super().check_targets(targets, n, units, dtype)
        if array.min() < 0:
            raise ValueError(f"Poisson: targets must be counts, not negative, got {array.min():g}")
        return array

    def _usual(self, units: int, dtype: Any) -> Usual:
        """Numbers that are not negative."""
        return Usual(np.dtype(dtype), (units,), 0, float(np.finfo(dtype).max))

    def losses(self, z: Array, y: Array) -> Array:
        """z − y log(z + ε)."""
        return regression.poisson_forward(z, y, self.scratch, self.loss, self.epsilon)

    def derivatives(self, z: Array, y: Array) -> None:
        """1 − y/(z + ε)."""
        regression.poisson_backward(z, y, self.scratch, self.grad_outputs, self.epsilon)
