"""The optimizers' rules as formulas that can be worked out and printed with numbers plugged in."""

from collections.abc import Callable
from typing import Any

from npdeep.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    Momentum,
    Nadam,
    Nesterov,
    RMSProp,
)

Rule = list[tuple[str, str]]
"""What is computed, in order: names and formulas. A name stands for its old number until it was computed anew."""

MEAN = ("m", "beta_1*m + (1 - beta_1)*g")
SQUARES = ("v", "beta_2*v + (1 - beta_2)*g**2")
FADING = ("s", "rho*s + (1 - rho)*g**2")
M_HAT = ("m_hat", "m/correction_1")
LAST = ("w", "w - step")

def adam(optimizer: Adam) -> Rule:
    """Adam, AdamW, and both with AMSGrad."""
    decay = [("w", "w*(1 - learning_rate*weight_decay)")] if isinstance(optimizer, AdamW) else []
    largest = [("largest_v", "max(largest_v, v)"), ("v_hat", "largest_v/correction_2")]
    v_hat = largest if optimizer.amsgrad else [("v_hat", "v/correction_2")]
    return [*decay, MEAN, SQUARES, M_HAT, *v_hat, ("step", "learning_rate*m_hat/(sqrt(v_hat) + epsilon)"), LAST]


def rmsprop(optimizer: RMSProp) -> Rule:
    """RMSProp, with its two options."""
    mean = [("mean", "rho*mean + (1 - rho)*g")] if optimizer.centered else []
    spread = "max(s - mean**2, 0)" if optimizer.centered else "s"
    last = [("m", "momentum*m + step"), ("w", "w - m")] if "m" in optimizer.slot_names else [LAST]
    return [FADING, *mean, ("step", f"learning_rate*g/sqrt({spread} + epsilon)"), *last]


RULES: dict[type, Callable[[Any], Rule]] = {
    SGD: lambda _: [("step", "learning_rate*g"), LAST],
    Momentum: lambda _: [("m", "momentum*m - learning_rate*g"), ("w", "w + m")],
    Nesterov: lambda _: [("m", "momentum*m - learning_rate*g"), ("w", "w - learning_rate*g + next_momentum*m")],
    AdaGrad: lambda _: [("s", "s + g**2"), ("step", "learning_rate*g/sqrt(s + epsilon)"), LAST],
    RMSProp: rmsprop,
    AdaDelta: lambda _: [
        FADING,
        ("step", "g*sqrt((d + epsilon)/(s + epsilon))"),
        ("d", "rho*d + (1 - rho)*step**2"),
        ("w", "w - learning_rate*step"),
    ],
    Adam: adam,
    AdamW: adam,
    AdaMax: lambda _: [
        MEAN, ("u", "max(beta_2*u, abs(g))"), M_HAT, ("step", "learning_rate*m_hat/(u + epsilon)"), LAST
    ],
    Nadam: lambda _: [
        MEAN,
        SQUARES,
        ("m_hat", "next_mu*m/(1 - mu_product*next_mu) + (1 - mu)*g/(1 - mu_product)"),
        ("v_hat", "v/correction_2"),
        ("step", "learning_rate*m_hat/(sqrt(v_hat) + epsilon)"),
        LAST,
    ],
}  # fmt: skip
