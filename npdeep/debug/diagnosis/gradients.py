"""Does the gradient reach the lowest layer, and do the updates fit the weights?"""

import math
from dataclasses import dataclass

import numpy as np

from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import KernelLook, Probe

POWERS_OF_TEN = 2.0
"""A gradient that shrinks or grows a hundredfold on its way back vanishes or explodes: the lowest layer then learns a hundred
times slower or faster than the highest, which no single learning rate can serve. Networks that learn stay well within a factor
of 15 (the lesson's, and 784-300-100-10 in many variants); ten logistic layers with Glorot's weights lose six powers of ten."""

LARGE = 0.1
"""An update of a tenth of the weights' norm: ten of them replace everything that was learnt. The rule of thumb for healthy
training is 1e-3 (Karpathy, CS231n, "Ratio of weights:updates"); the first steps of Adam with its default rate make 2e-2."""

SMALL = 1e-5
"""A hundredth of that rule of thumb: 100,000 updates, all in one direction, to change the weights by their own size."""

LEARNT = 0.5
"""Small updates are no fault in a network whose loss is below half of what guessing gives: there is little left to do."""


@dataclass
class Flow:
    """How the norm of the gradient changes on its way back, in powers of ten.

    Attributes:
        logs: log10 ‖∂L/∂z‖ of every layer, lowest first. slope: per layer on the way back, fitted by least squares.
        change: of the layer that differs most from the highest one. at: its name.
    """

    names: list[str]
    logs: list[float]
    slope: float = math.nan
    change: float = 0.0
    at: str = ""

    @property
    def verdict(self) -> str:
        """healthy, vanishing, exploding; unknown where there are not two layers to compare."""
        if len(self.logs) < 2 or math.isnan(self.change):
            return "unknown"
        return "vanishing" if self.change <= -POWERS_OF_TEN else "exploding" if self.change >= POWERS_OF_TEN else "healthy"


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
    if len(logs) < 2 or logs[-1] == -math.inf:   # a gradient of 0 at the outputs: nothing left to learn
        return found
    changes = [value - logs[-1] for value in logs]
    worst = max(range(len(changes)), key=lambda i: abs(changes[i]))
    found.change, found.at = changes[worst], found.names[worst]
    if all(map(math.isfinite, logs)):
        found.slope = float(-np.polyfit(np.arange(len(logs)), logs, 1)[0])
    return found


def on_the_way_back(probe: Probe) -> list[Finding]:
    """Vanishing or exploding."""
    way = flow(list(probe.kernels.values()))
    if way.verdict not in ("vanishing", "exploding"):
        return []
    lowest, top = probe.kernels[way.at], probe.kernels[way.names[-1]]
    assert lowest.arriving is not None
    assert top.arriving is not None
    evidence = {
        "powers_of_ten": way.change,
        "slope": way.slope,
        "first": lowest.arriving,
        "last": top.arriving,
        "ratio": lowest.arriving / top.arriving,
        "layers": len(way.logs),
    }
    does = "shrinks" if way.verdict == "vanishing" else "grows"
    size = "to exactly 0" if lowest.arriving == 0 else f"by {abs(way.change):.1f} powers of ten"
    slope = "" if math.isnan(way.slope) else f", {way.slope:+.2f} with every layer"
    words = (
        f"on its way back the gradient {does} {size}{slope}: its norm is {top.arriving:.1e} at {top.name} and "
        f"{lowest.arriving:.1e} at {lowest.name}."
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
    if largest >= LARGE:
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
    return probe.guess is None or min(probe.calm, probe.evaluated) < LEARNT * probe.guess
