"""Can the outputs be what the targets ask for? Every output activation has a range; targets outside it are out of reach."""

import math
from dataclasses import dataclass

import numpy as np

from npdeep import activations
from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import Probe, output_activation
from npdeep.debug.diagnosis.targets import NUMBERS, columns
from npdeep.kernels.arrays import Array
from npdeep.layers.activation import Activation
from npdeep.losses import BinaryCrossEntropy, Hinge, Loss, Poisson, SoftmaxCrossEntropy, SquaredHinge

ENDLESS = 1e3
"""An activation that gets this far at |z| = 1e6 is not bounded (leaky ReLU: 1e4)."""

OUT_OF_REACH = 0.01
"""So much of the targets' variance that no output in the range can reach; noise just below 0 under a ReLU has far less."""

SURE = 0.9
"""Bounded logits that keep the probability of a class below this keep the loss from getting small."""

ADDS_TO_ONE = ("softmax", "softmin", "sparsemax")


@dataclass
class Range:
    """The interval of the outputs; total is 1 where the outputs of a row add up to 1."""

    low: float
    high: float
    total: float | None = None

    def __str__(self) -> str:
        low = "−∞" if self.low == -math.inf else f"{self.low:.3g}".replace("-", "−")
        return f"{low} … {'∞' if self.high == math.inf else f'{self.high:.3g}'.replace('-', '−')}"


def range_of(activation: Activation) -> Range:
    """Measured: its values between z = −1e6 and 1e6.

    >>> print(range_of(Activation("tanh")), "|", range_of(Activation("relu")), "|", range_of(Activation("leaky_relu")))
    −1 … 1 | 0 … ∞ | −∞ … ∞
    """
    if activation.activation in ADDS_TO_ONE:
        return Range(1.0 if activation.output_size == 1 else 0.0, 1.0, 1.0)
    if activation.rule.whole_row:             # log_softmax
        return Range(-math.inf, 0.0)
    far = np.geomspace(1e-3, 1e6, 2000)
    with np.errstate(all="ignore"):
        values = activations.value_and_slope(activation.rule, np.concatenate([-far, [0.0], far]), **activation.given)[0]
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return Range(-math.inf if low < -ENDLESS else low, math.inf if high > ENDLESS else high)


def out_of_range(probe: Probe) -> list[Finding]:
    """Targets that the output activation keeps the outputs from."""
    activation = output_activation(probe.model)
    if activation is None:
        return []
    loss, within = probe.trainer.loss, range_of(activation)
    if isinstance(loss, SoftmaxCrossEntropy | BinaryCrossEntropy):
        return logits(probe, activation, within)
    if not isinstance(loss, (*NUMBERS, Hinge, Poisson)):
        return []
    wanted = columns(loss, probe.batch.y, probe.model.output_size)
    missed = float(np.mean((wanted - np.clip(wanted, within.low, within.high)) ** 2))
    variance, low, high = float(np.mean(wanted.var(axis=0))), float(wanted.min()), float(wanted.max())
    outside = float(np.mean((wanted < within.low) | (wanted > within.high)))
    evidence = {"low": within.low, "high": within.high, "target_low": low, "target_high": high, "outside": outside}
    name, kind = str(activation.name), activation.activation
    if missed > OUT_OF_REACH * variance:
        words = (
            f"the outputs come out of {kind} ({name}) and lie in {within}; the targets reach from {low:.4g} to {high:.4g}, "
            f"{outside:.0%} of them outside. What lies outside cannot be learnt."
        )
        return [Finding("output_range", name, words, evidence, CURE.get(type(loss), ""))]
    sums = wanted.sum(axis=1)
    if within.total is not None and float(np.mean((sums - 1) ** 2)) / wanted.shape[1] > OUT_OF_REACH * variance:
        words = (
            f"the outputs of a row come out of {kind} ({name}) and add up to 1; the targets of a row add up to between "
            f"{sums.min():.4g} and {sums.max():.4g}. They cannot all be learnt."
        )
        hint = "For several yes-or-no questions use binary_cross_entropy without an output activation."
        return [Finding("output_range", name, words, evidence, hint if low >= 0 and high <= 1 else "")]
    return []


_BOTH_SIGNS = "This loss wants outputs of both signs: below −1 and above 1."
CURE: dict[type[Loss], str] = {Hinge: _BOTH_SIGNS, SquaredHinge: _BOTH_SIGNS}


def logits(probe: Probe, activation: Activation, within: Range) -> list[Finding]:
    """A loss that takes logits wants the whole line: bounded ones keep every probability away from 0 and 1."""
    units, y = probe.model.output_size, probe.batch.y
    if isinstance(probe.trainer.loss, SoftmaxCrossEntropy):
        sure = 1 / (1 + (units - 1) * math.exp(min(within.low - within.high, 700.0)))
        low, high, what = 1 - sure, sure, "the probability of a class is"
        missed = sure < SURE and within.high - within.low < math.inf
    else:
        low, high = (1 / (1 + math.exp(-max(min(z, 700.0), -700.0))) for z in (within.low, within.high))
        wanted = y.astype(np.float64)
        missed = bool((low > 1 - SURE and wanted.min() < low) or (high < SURE and wanted.max() > high))
        what = "every probability is"
    if not missed:
        return []
    name, kind = str(activation.name), activation.activation
    words = (
        f"this loss takes logits, which may be any number, and makes probabilities of them itself; here they come out of "
        f"{kind} ({name}) and lie in {within}, so that {what} between {low:.2g} and {high:.2g} whatever the network learns."
    )
    evidence = {"low": within.low, "high": within.high, "probability_low": low, "probability_high": high}
    return [Finding("output_range", name, words, evidence, steps="Leave the output activation out.")]


def columns_that_vary(probe: Probe) -> Array:
    """Which targets (units,) are not the same in every row."""
    wanted = columns(probe.trainer.loss, probe.batch.y, probe.model.output_size)
    return np.asarray(np.ptp(wanted, axis=0) > 0)
