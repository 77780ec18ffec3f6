"""Does the gradient reach the lowest layer, and do the updates fit the weights?"""

import math
from dataclasses import dataclass

import numpy as np

from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import KernelLook, Probe

POWERS_OF_TEN = 2.0
"""A gradient that shrinks or grows a hundredfold on its way back vanishes or explodes: the lowest layer then learns a hundred
times slower or faster than the highest, which no single learning rate can serve. Networks that learn stay well within a factor
of 15 (the lesson's, and 784-300-100-10 in many variants); ten logistic layers with Glorot's weights lose 10^6."""

LARGE = 0.1
"""An update of a tenth of the weights' norm: ten of them replace everything that was learnt. The rule of thumb for healthy
training is 1e-3 (Karpathy, CS231n, "Ratio of weights:updates"); the first steps of Adam with its default rate make 2e-2. It
is no fault where the loss stays below its start in all steps that are tried, as in a line fitted from a weight near 0."""

SMALL = 1e-5
"""A hundredth of that rule of thumb: 100,000 updates, all in one direction, to change the weights by their own size."""

LEARNED = 0.5
"""Small updates are no fault in a network whose loss is below half of what guessing gives: there is little left to do."""


NOTHING = 1e-6
"""A gradient this much below ‖input‖·‖∂L/∂z‖, the most that it can be, is 0 up to rounding (float32: 6e-8 a term)."""


@dataclass
class Flow:
    """How the norm of the gradient changes on its way back, in powers of ten.

    Attributes:
        logs: log10 ‖∂L/∂z‖ of every layer, lowest first. slope: per layer on the way back, fitted by least squares.
        change: of the layer that differs most from the highest one. at: its name.
        zero: no kernel gets a gradient at all. exactly: not even one of the size of rounding errors.
    """

    names: list[str]
    logs: list[float]
    slope: float = math.nan
    change: float = 0.0
    at: str = ""
    zero: bool = False
    exactly: bool = False

    @property
    def verdict(self) -> str:
        """healthy, vanishing, exploding, zero; unknown where there are not two layers to compare."""
        if self.zero:
            return "zero"
        if len(self.logs) < 2 or math.isnan(self.change):
            return "unknown"
        return "vanishing" if self.change <= -POWERS_OF_TEN else "exploding" if self.change >= POWERS_OF_TEN else "healthy"

    @property
    def words(self) -> str:
        """The figures that belong to the verdict."""
        if self.zero:
            return "exactly 0 for all weights" if self.exactly else "0 up to rounding for all weights"
        if self.change == -math.inf:
            return f"exactly 0 at {self.at}"
        return "" if math.isnan(self.slope) else f"on its way back it {per_layer(self.slope)}"


def per_layer(slope: float) -> str:
    """A slope in powers of ten as a factor.

    >>> per_layer(-0.62), per_layer(0.3)
    ('shrinks by a factor of 4.2 per layer', 'grows by a factor of 2 per layer')
    """
    return f"{'shrinks' if slope < 0 else 'grows'} by a factor of {10 ** abs(slope):.2g} per layer"


def flow(looks: list[KernelLook]) -> Flow:
    """The gradient's way back through these layers, lowest first.

    >>> looks = [KernelLook("a", 1.0, arriving=1e-4), KernelLook("b", 1.0, arriving=1e-2), KernelLook("c", 1.0, arriving=1.0)]
    >>> f = flow(looks)
    >>> round(f.slope, 3), round(f.change, 3), f.at, f.verdict
    (-2.0, -4.0, 'a', 'vanishing')
    """
    reached = [look for look in looks if look.arriving is not None and math.isfinite(look.arriving)]
    with np.errstate(divide="ignore"):
        logs = [float(np.log10(look.arriving or 0.0)) for look in reached]
    found = Flow([look.name for look in reached], logs)
    trained = [look for look in looks if look.gradient is not None]
    found.exactly = bool(trained) and all(look.gradient == 0 for look in trained)
    found.zero = bool(trained) and all((look.gradient or 0) <= NOTHING * look.bound for look in trained)
    if len(logs) < 2 or logs[-1] == -math.inf:   # a gradient of 0 at the outputs: nothing left to learn
        return found
    logs[:-1] = [-math.inf if look.gradient == 0 else log for look, log in zip(reached[:-1], logs[:-1], strict=True)]
    changes = [value - logs[-1] for value in logs]
    worst = max(range(len(changes)), key=lambda i: abs(changes[i]))
    found.change, found.at = changes[worst], found.names[worst]
    if all(map(math.isfinite, logs)):
        found.slope = float(-np.polyfit(np.arange(len(logs)), logs, 1)[0])
    return found


def on_the_way_back(probe: Probe) -> list[Finding]:
    """Vanishing or exploding; nothing at all in a network that does not fit is the worst case of vanishing."""
    way = flow(list(probe.kernels.values()))
    if way.exactly and probe.ends is not None and not probe.works:
        words = f"the gradient is exactly 0 for the weights of all layers, and the loss is {probe.calm:.3g}: it will stay so."
        return [Finding("vanishing", way.names[-1] if way.names else "outputs", words, {"powers_of_ten": -math.inf})]
    if way.verdict not in ("vanishing", "exploding"):
        return []
    if probe.blocked and way.change == -math.inf:
        words = f"the backward of {probe.blocked} gives zeros, whatever comes to it: no layer below it learns."
        steps = "Return ∂L/∂input from its backward; nd.debug.gradient_check(trainer.model, trainer.loss, x, y) compares it."
        return [Finding("vanishing", probe.blocked, words, {"powers_of_ten": -math.inf}, steps=steps)]
    lowest, top = probe.kernels[way.at], probe.kernels[way.names[-1]]
    first, last = 0.0 if way.change == -math.inf else lowest.arriving or 0.0, top.arriving or 0.0
    evidence = {
        "powers_of_ten": way.change,
        "slope": way.slope,
        "first": first,
        "last": last,
        "ratio": first / last,
        "layers": len(way.logs),
    }
    does = "shrinks" if way.verdict == "vanishing" else "grows"
    size = "to exactly 0" if first == 0 else f"by a factor of 10^{abs(way.change):.1f}"
    each = "" if math.isnan(way.slope) else f", {10 ** abs(way.slope):.2g} per layer"
    words = f"on its way back the gradient {does} {size}{each}: "
    words += f"its norm is {last:.1e} at {top.name} and {first:.1e} at {lowest.name}."
    if len(probe.activations) > 1:
        below, above = probe.activations[0], probe.activations[-1]
        evidence |= {"spread_first": below.spread, "spread_last": above.spread}
        words += (
            f" On the way up, from row to row, {below.layer.name} varies by {below.spread:.1e} and {above.layer.name} by "
            f"{above.spread:.1e}."
        )
    return [Finding(way.verdict, way.at, words, evidence)]


def updates(probe: Probe, explained: bool) -> list[Finding]:
    """Updates that do not fit the weights. explained: something else already keeps the gradient from the weights."""
    ratios = {name: look.ratio for name, look in probe.kernels.items() if look.ratio is not None}
    if not ratios:
        return []
    name = max(ratios, key=lambda key: ratios[key] or 0.0)
    largest = ratios[name] or 0.0
    rate = probe.trainer.optimizer.learning_rate_at(probe.trainer.iteration)
    evidence = {"ratio": largest, "learning_rate": rate, "layers": sum((r or 0) >= LARGE for r in ratios.values())}
    if largest >= LARGE and not all(loss < probe.losses[0] for loss in probe.losses[1:] or [math.inf]):
        words = (
            f"one update moves {name} by {largest:.2g} times the norm of its weights (healthy: about 0.001); "
            f"the learning rate is {rate:.3g}."
        )
        return [Finding("update_too_large", name, words, evidence)]
    if largest < SMALL and not explained and not learnt(probe):
        words = (
            f"one update moves no layer by more than {largest:.1e} times the norm of its weights (healthy: about 0.001), "
            f"and the loss is still {probe.calm:.3g}; the learning rate is {rate:.3g}."
        )
        return [Finding("update_too_small", name, words, evidence | {"layers": len(ratios)})]
    return []


def learnt(probe: Probe) -> bool:
    """Is the loss far below that of guessing? Unknown counts as yes: small updates alone prove nothing."""
    return probe.ends is None or probe.left_now < LEARNED
