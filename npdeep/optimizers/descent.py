"""Gradient descent, plain and with momentum."""

from typing import Any

from npdeep import schedules
from npdeep.kernels.arrays import Array
from npdeep.kernels.updates import momentum as kernels
from npdeep.optimizers.base import Optimizer
from npdeep.optimizers.factors import Factors
from npdeep.optimizers.rules import LAST

SCHEDULED_MOMENTUM = 0.1
"""The smallest momentum that a schedule is expected to give, for the guard against denormals."""


class SGD(Optimizer):
    """w ← w − η g: plain gradient descent on mini-batches.

    Args:
        learning_rate: η, a number of at least 0 or a schedule.

    >>> SGD(0.1)
    SGD(learning_rate=0.1)
    """

    rule = (("step", "learning_rate*g"), LAST)
    kernel: Any = staticmethod(kernels.sgd)

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """w ← w − η g."""
        (t,) = rest
        kernels.sgd(w, g, t, self.eta)


class Momentum(Optimizer):
    """m ← β m − η g, w ← w + m: a ball that rolls downhill.

    The learning rate is inside the velocity, as the chapter prints it (and Keras has it). TensorFlow 1 and PyTorch keep it
    outside: the same while η is constant, not under a schedule. Source: Polyak (1964).

    Args:
        learning_rate: η, a number of at least 0 or a schedule.
        momentum: β, a number of at least 0 and below 1, or a schedule.

    >>> Momentum(0.01)
    Momentum(learning_rate=0.01, momentum=0.9)
    """

    rule = (("m", "momentum*m - learning_rate*g"), ("w", "w + m"))
    slot_names: tuple[str, ...] = ("m",)
    slot_label = "Momentum"
    may_be_scheduled = ("learning_rate", "momentum")
    beta: float
    next_beta: float
    kernel: Any = staticmethod(kernels.momentum)

    def __init__(
        self,
        learning_rate: float | schedules.Schedule = 0.01,
        momentum: float | schedules.Schedule = 0.9,
        *,
        learning_rate_factors: Factors = None,
    ) -> None:
        super().__init__(learning_rate, learning_rate_factors=learning_rate_factors)
        self.momentum = schedules.rate(type(self).__name__, "momentum", momentum, minimum=0, below=1)

    def read_rates(self, step: int) -> None:
        """η and β."""
        super().read_rates(step)
        vars(self)["beta"] = schedules.value_at(self.momentum, step)

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """m ← β m − η g, w ← w + m."""
        m, t = rest
        kernels.momentum(w, g, m, t, self.eta, self.beta)

    def decaying_slots(self) -> dict[str, tuple[float, float]]:
        """The velocity shrinks by β."""
        beta = SCHEDULED_MOMENTUM if isinstance(self.momentum, schedules.Schedule) else self.momentum
        return {"m": (beta, self.too_small(beta, harmless=1e-20))}


class Nesterov(Momentum):
    """Momentum that takes the gradient a step ahead: m ← β m − η ∇J(θ + β m), θ ← θ + m.

    The weights of the model *are* the look-ahead point φ = θ + β m, so that forward, predict, checkpoints and constraints all
    see φ, and the rule becomes m ← β m − η g(φ), φ ← φ − η g + β' m with the momentum β' of the next step. θ is φ − β m.
    Source: Nesterov (1983).

    Args:
        learning_rate: η, a number of at least 0 or a schedule.
        momentum: β, a number of at least 0 and below 1, or a schedule.

    >>> Nesterov(0.01, momentum=0.95)
    Nesterov(learning_rate=0.01, momentum=0.95)
    """

    rule = (("m", "momentum*m - learning_rate*g"), ("w", "w - learning_rate*g + next_momentum*m"))
    kernel: Any = staticmethod(kernels.nesterov)

    def read_rates(self, step: int) -> None:
        """η, β, and the β of the next step."""
        super().read_rates(step)
        vars(self)["next_beta"] = schedules.value_at(self.momentum, step + 1)

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """m ← β m − η g, w ← w − η g + β' m."""
        m, t = rest
        kernels.nesterov(w, g, m, t, self.eta, self.beta, self.next_beta)
