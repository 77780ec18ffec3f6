"""Optimizers with a step size of their own for every weight."""

from typing import Any, ClassVar

from npdeep import schedules
from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.kernels.updates import adaptive as kernels
from npdeep.optimizers.base import Optimizer
from npdeep.optimizers.descent import SCHEDULED_MOMENTUM
from npdeep.optimizers.factors import Factors
from npdeep.optimizers.rules import FADING, LAST, M_HAT, MEAN, SQUARES, adam, rmsprop


class AdaGrad(Optimizer):
    """s ← s + g², w ← w − η g/√(s + ε): each weight is slowed down by all the gradients it ever had.

    Args:
        learning_rate: η, a number of at least 0 or a schedule.
        initial_accumulator_value: what s begins with; 0.1 as in TensorFlow and Keras, 0 in PyTorch.
        epsilon: ε, inside the root, 1e-7.

    Source: Duchi, Hazan, Singer (2011).

    >>> AdaGrad(0.1).initial_accumulator_value
    0.1
    """

    rule = (("s", "s + g**2"), ("step", "learning_rate*g/sqrt(s + epsilon)"), LAST)
    slot_names: tuple[str, ...] = ("s",)
    slot_label = "Adagrad"
    kernel: Any = staticmethod(kernels.adagrad)

    def __init__(
        self,
        learning_rate: float | schedules.Schedule = 0.01,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *,
        learning_rate_factors: Factors = None,
    ) -> None:
        super().__init__(learning_rate, learning_rate_factors=learning_rate_factors)
        self.initial_accumulator_value = checks.number(
            "AdaGrad", "initial_accumulator_value", initial_accumulator_value, minimum=0
        )
        self.epsilon = checks.number("AdaGrad", "epsilon", epsilon, minimum=0)
        if self.epsilon == self.initial_accumulator_value == 0:
            raise ValueError(
                "AdaGrad: epsilon and initial_accumulator_value must not both be 0, or a gradient of 0 would give 0/0"
            )

    def initial_slot(self, name: str) -> float:
        """initial_accumulator_value."""
        return self.initial_accumulator_value

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """s ← s + g², w ← w − η g/√(s + ε)."""
        s, t = rest
        kernels.adagrad(w, g, s, t, self.eta, self.epsilon)


class RMSProp(Optimizer):
    """s ← ρ s + (1 − ρ) g², w ← w − η g/√(s + ε): AdaGrad with a memory that fades.

    Args:
        learning_rate: η, a number of at least 0 or a schedule.
        rho: ρ, 0.9.
        momentum: β > 0 adds a velocity: m ← β m + η g/√(s + ε), w ← w − m. A number below 1 or a schedule.
        centered: True takes the variance s − mean² of the gradient for s.
        epsilon: ε, inside the root, 1e-7 as in Keras. TensorFlow 1 has 1e-10 and starts s at 1; PyTorch has ε outside.

    Source: Tieleman & Hinton (2012).

    >>> RMSProp(0.001, rho=0.9, momentum=0.9).slot_names
    ('s', 'm')
    """

    rule = rmsprop()
    slot_label = "RMSProp"
    may_be_scheduled = ("learning_rate", "momentum")
    beta: float
    kernel: Any = staticmethod(kernels.rmsprop)

    def __init__(
        self,
        learning_rate: float | schedules.Schedule = 0.001,
        rho: float = 0.9,
        momentum: float | schedules.Schedule = 0.0,
        centered: bool = False,
        epsilon: float = 1e-7,
        *,
        learning_rate_factors: Factors = None,
    ) -> None:
        super().__init__(learning_rate, learning_rate_factors=learning_rate_factors)
        self.rho = checks.number("RMSProp", "rho", rho, minimum=0, below=1)
        self.momentum = schedules.rate("RMSProp", "momentum", momentum, minimum=0, below=1)
        self.centered = checks.flag("RMSProp", "centered", centered)
        self.epsilon = checks.number("RMSProp", "epsilon", epsilon, above=0)
        self.slot_names = ("s", *(("m",) if self.momentum != 0 else ()), *(("mean",) if self.centered else ()))
        if len(self.slot_names) > 1:
            self.kernel = kernels.rmsprop_general
            self.say(rmsprop(self.centered, "m" in self.slot_names))

    def read_rates(self, step: int) -> None:
        """η and β."""
        super().read_rates(step)
        vars(self)["beta"] = schedules.value_at(self.momentum, step)

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """s ← ρ s + (1 − ρ) g², w ← w − η g/√(s + ε), with the two options."""
        if len(rest) == 2:
            s, t = rest
            kernels.rmsprop(w, g, s, t, self.eta, self.rho, self.epsilon)
        else:
            given = dict(zip(self.slot_names, rest, strict=False))
            s, mean, m, t = given["s"], given.get("mean"), given.get("m"), rest[-1]
            kernels.rmsprop_general(w, g, s, mean, m, t, self.eta, self.rho, self.epsilon, self.beta)

    def decaying_slots(self) -> dict[str, tuple[float, float]]:
        """s and mean shrink by ρ, the velocity by β."""
        beta = SCHEDULED_MOMENTUM if isinstance(self.momentum, schedules.Schedule) else self.momentum
        small = 1e-12 * self.epsilon**0.5
        found = {
            "s": (self.rho, self.too_small(self.rho, 1e-14 * self.epsilon, alone=True)),
            "m": (beta, self.too_small(beta, small)),
            "mean": (self.rho, self.too_small(self.rho, small)),
        }
        return {name: found[name] for name in self.slot_names}


class AdaDelta(Optimizer):
    """AdaGrad with fading memory and steps measured in the unit of past steps, so that η needs no tuning (η = 1).

    s ← ρ s + (1 − ρ) g², Δ = g √(d + ε)/√(s + ε), d ← ρ d + (1 − ρ) Δ², w ← w − η Δ.

    Args:
        learning_rate: η, 1 as in the paper and PyTorch; Keras's default is 0.001.
        rho: ρ, 0.95.
        epsilon: ε, inside both roots, 1e-7.

    Source: Zeiler (2012).

    >>> AdaDelta().learning_rate
    1.0
    """

    rule = (
        FADING,
        ("step", "g*sqrt((d + epsilon)/(s + epsilon))"),
        ("d", "rho*d + (1 - rho)*step**2"),
        ("w", "w - learning_rate*step"),
    )
    slot_names: tuple[str, ...] = ("s", "d")
    slot_label = "Adadelta"
    second_scratch = True
    kernel: Any = staticmethod(kernels.adadelta)

    def __init__(
        self,
        learning_rate: float | schedules.Schedule = 1.0,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        *,
        learning_rate_factors: Factors = None,
    ) -> None:
        super().__init__(learning_rate, learning_rate_factors=learning_rate_factors)
        self.rho = checks.number("AdaDelta", "rho", rho, minimum=0, below=1)
        self.epsilon = checks.number("AdaDelta", "epsilon", epsilon, above=0)

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """Δ = g √(d + ε)/√(s + ε), w ← w − η Δ."""
        s, d, t, u = rest
        kernels.adadelta(w, g, s, d, t, u, self.eta, self.rho, self.epsilon)

    def decaying_slots(self) -> dict[str, tuple[float, float]]:
        """Both shrink by ρ."""
        tau = self.too_small(self.rho, 1e-14 * self.epsilon, alone=True)
        return {"s": (self.rho, tau), "d": (self.rho, tau)}


class TwoMeans(Optimizer):
    """Base of Adam and its relatives: a mean of gradients that fades by β₁, and something of their sizes that fades by β₂."""

    def __init__(
        self,
        learning_rate: float | schedules.Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        learning_rate_factors: Factors = None,
    ) -> None:
        super().__init__(learning_rate, learning_rate_factors=learning_rate_factors)
        self.beta_1 = checks.number(type(self).__name__, "beta_1", beta_1, minimum=0, below=1)
        self.beta_2 = checks.number(type(self).__name__, "beta_2", beta_2, minimum=0, below=1)
        self.epsilon = checks.number(type(self).__name__, "epsilon", epsilon, above=0)


class Adam(TwoMeans):
    """Momentum and RMSProp together: m̂ is the mean of past gradients, v̂ of their squares; w ← w − η m̂/(√v̂ + ε).

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).

    Args:
        learning_rate: η, a number of at least 0 or a schedule; 0.001.
        beta_1, beta_2: β₁ = 0.9, β₂ = 0.999.
        epsilon: ε, 1e-8, added to √v̂ as in the paper and PyTorch. TensorFlow and Keras add theirs to √v.
        amsgrad: True divides by the largest v so far (Reddi et al. 2018). As in Keras and PyTorch, the maximum is taken
            before the bias correction.

    Source: Kingma & Ba (2015).

    >>> Adam(1e-3)
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08, amsgrad=False)
    """

    decays = False
    rule = adam()
    slot_names: tuple[str, ...] = ("m", "v")
    slot_label = "Adam"
    driven_by: ClassVar[dict[str, str]] = {"v": "m"}
    kernel: Any = staticmethod(kernels.adam)

    def __init__(
        self,
        learning_rate: float | schedules.Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        *,
        learning_rate_factors: Factors = None,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, learning_rate_factors=learning_rate_factors)
        self.amsgrad = checks.flag(type(self).__name__, "amsgrad", amsgrad)
        if self.amsgrad:
            self.slot_names = ("m", "v", "largest_v")
            self.say(adam(amsgrad=True, decay=self.decays))

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """w ← w − η m̂/(√v̂ + ε)."""
        m, v, largest_v, t = rest if self.amsgrad else (rest[0], rest[1], None, rest[2])
        kernels.adam(w, g, m, v, largest_v, t, self.eta, self.beta_1, self.beta_2, self.epsilon, step + 1)

    def decaying_slots(self) -> dict[str, tuple[float, float]]:
        """m shrinks by β₁, v by β₂."""
        return {
            "m": (self.beta_1, self.too_small(self.beta_1, 1e-12 * self.epsilon)),
            "v": (self.beta_2, self.too_small(self.beta_2, (1e-7 * min(self.epsilon, 1.0)) ** 2)),
        }


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: w ← w − η λ w before the step of Adam.

    Args:
        weight_decay: λ, 0.004 as in Keras; PyTorch's default is 0.01. It acts on all trainable parameters.
        learning_rate, beta_1, beta_2, epsilon, amsgrad: as in `Adam`.

    Source: Loshchilov & Hutter (2019).

    >>> AdamW(1e-3, weight_decay=0.01).weight_decay
    0.01
    """

    decays = True
    rule = adam(decay=True)

    def __init__(
        self,
        learning_rate: float | schedules.Schedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        *,
        learning_rate_factors: Factors = None,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, learning_rate_factors=learning_rate_factors)
        self.weight_decay = checks.number("AdamW", "weight_decay", weight_decay, minimum=0)

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """w ← w − η λ w, then Adam."""
        kernels.decay(w, self.eta * self.weight_decay)
        super().update_piece(step, w, g, *rest)


class AdaMax(TwoMeans):
    """Adam with the largest recent gradient in place of the mean square: w ← w − η m̂/(u + ε), u ← max(β₂ u, |g|).

    Args:
        learning_rate: η, a number of at least 0 or a schedule; 0.001.
        beta_1, beta_2: β₁ = 0.9, β₂ = 0.999.
        epsilon: ε, 1e-7, added to u as in Keras.

    Source: Kingma & Ba (2015), section 7.1.

    >>> AdaMax().slot_names
    ('m', 'u')
    """

    rule = (MEAN, ("u", "max(beta_2*u, abs(g))"), M_HAT, ("step", "learning_rate*m_hat/(u + epsilon)"), LAST)
    slot_names: tuple[str, ...] = ("m", "u")
    slot_label = "Adamax"
    driven_by: ClassVar[dict[str, str]] = {"u": "m"}
    kernel: Any = staticmethod(kernels.adamax)

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """w ← w − η m̂/(u + ε)."""
        m, u, t = rest
        kernels.adamax(w, g, m, u, t, self.eta, self.beta_1, self.beta_2, self.epsilon, step + 1)

    def decaying_slots(self) -> dict[str, tuple[float, float]]:
        """m shrinks by β₁, u by β₂."""
        small = 1e-12 * self.epsilon
        return {
            "m": (self.beta_1, self.too_small(self.beta_1, small)),
            "u": (self.beta_2, self.too_small(self.beta_2, small)),
        }


class Nadam(TwoMeans):
    """Adam with Nesterov's look-ahead and a momentum μ that grows from about ½β₁ to β₁: μₜ = β₁(1 − ½ 0.96ᵗ).

    w ← w − η m̂/(√v̂ + ε) with m̂ = μₜ₊₁ m/(1 − μ₁…μₜ₊₁) + (1 − μₜ) g/(1 − μ₁…μₜ). PyTorch's exponent is 0.004 t.

    Args:
        learning_rate: η, a number of at least 0 or a schedule; 0.001.
        beta_1, beta_2: β₁ = 0.9, β₂ = 0.999.
        epsilon: ε, 1e-7, added to √v̂ as in Keras.

    Source: Dozat (2016).

    >>> round(Nadam().mu(1), 3)
    0.468
    """

    rule = (
        MEAN,
        SQUARES,
        ("m_hat", "next_mu*m/(1 - mu_product*next_mu) + (1 - mu)*g/(1 - mu_product)"),
        ("v_hat", "v/correction_2"),
        ("step", "learning_rate*m_hat/(sqrt(v_hat) + epsilon)"),
        LAST,
    )
    formula = Formula(
        "w ← w − η·m̂/(√v̂ + ε), m̂ = μ'·m/(1 − Πμ·μ') + (1 − μ)·g/(1 − Πμ)",
        r"w \leftarrow w - \eta\,\hat m/(\sqrt{\hat v} + \varepsilon)",
    )
    slot_names: tuple[str, ...] = ("m", "v")
    slot_label = "Nadam"
    driven_by: ClassVar[dict[str, str]] = {"v": "m"}
    second_scratch = True
    kernel: Any = staticmethod(kernels.nadam)

    mu_product = 1.0

    def mu(self, t: int) -> float:
        """μₜ = β₁(1 − ½ 0.96ᵗ) of step t = 1, 2, …"""
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def update(self, step: int) -> None:
        """Take the product of all μ a factor further, then move the weights."""
        self.learning_rate_at(step)           # raises before anything changes, where a schedule gives no number
        vars(self)["mu_product"] = self.mu_product * self.mu(step + 1)
        super().update(step)

    def update_piece(self, step: int, w: Array, g: Array, *rest: Array) -> None:
        """w ← w − η m̂/(√v̂ + ε)."""
        m, v, t, r = rest
        betas = (self.beta_1, self.beta_2)
        mu, next_mu = self.mu(step + 1), self.mu(step + 2)
        kernels.nadam(
            w, g, m, v, t, r, self.eta, *betas, self.epsilon, step + 1, mu, next_mu, self.mu_product
        )

    def decaying_slots(self) -> dict[str, tuple[float, float]]:
        """m shrinks by β₁, v by β₂."""
        return {
            "m": (self.beta_1, self.too_small(self.beta_1, 1e-12 * self.epsilon)),
            "v": (self.beta_2, self.too_small(self.beta_2, (1e-7 * min(self.epsilon, 1.0)) ** 2)),
        }

    def state(self) -> dict[str, float]:
        """The product of all μ."""
        return {"mu_product": self.mu_product}

    def set_state(self, state: dict[str, float]) -> None:
        """The product of all μ."""
        self.mu_product = checks.number("Nadam", "mu_product", state["mu_product"], minimum=0, maximum=1)
