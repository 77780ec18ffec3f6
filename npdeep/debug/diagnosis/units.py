"""Units that pass no gradient, hardly any, or everything: saturated, dead, nearly dead, always on, and why."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npdeep import activations
from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.outputs import columns_that_vary
from npdeep.debug.diagnosis.present import fits
from npdeep.debug.diagnosis.probe import ActivationLook, Probe, kernel_of, steepest_of
from npdeep.debug.snapshot import SATURATED
from npdeep.initializers import Zeros
from npdeep.kernels.arrays import Array
from npdeep.layers.activation import Activation
from npdeep.layers.base import Layer

SHUT = 0.01
"""A rectifier's slope below this share of its steepest is next to none; a leaky ReLU's 0.01 is not below it."""

HALF = 0.5
"""A layer with half of its activations saturated: logistic layers with weights from N(0, 1) have 0.55 to 0.7, well trained
logistic and tanh layers on digits up to a third."""

STUCK = 0.05
"""Units that are saturated on every row: well trained networks have none; one in twenty is a fault."""

MANY = {"dead": 0.1, "nearly_dead": 0.2, "always_on": 0.2}
"""So much of a layer's units, over and above what chance makes of this input (see `by_chance`). The networks of the lesson stay
below a tenth; a layer that was killed loses 40 % and more (CS231n, "Neural Networks 1"). Units that fire rarely or always still
do something, and small networks on two inputs have one in eight of them: there it takes a fifth."""

LEARNS = 0.5
"""A network whose loss is below half of what guessing gives, and falls, can do without less than half of a layer."""

RARELY = 0.01
"""Nearly dead: fires on some rows, but on fewer than one in a hundred."""

ROWS_FOR_DEAD, ROWS_FOR_RARELY = 100, 300
"""A unit that is silent on n rows fires on at most 3/n of all rows, with 95 % confidence (the rule of three): 300 rows are
needed to say "fewer than one in a hundred". With fewer than 100 rows a unit counts as dead only if it would stay silent on rows
two standard deviations above the highest one."""

ALIKE = 0.01
"""Rows that differ by less than a hundredth of what they have in common are the same to a unit."""

DRAWN = 200
"""How many random units are drawn to see what chance makes of a layer's input."""

RECTIFIERS = ("relu", "leaky_relu", "relu6", "general_relu", "elu", "celu", "selu")
"""Activations that are a straight line for z > 0: a unit with z > 0 on every row is linear."""


@dataclass
class Counts:
    """Masks (units,): dead, nearly dead, always on."""

    dead: Array
    nearly: Array
    on: Array


def count(activation: Activation, z: Array, slope: Array) -> Counts:
    """Which units are dead, nearly dead or always on, given z and the relative slope, both (n, units).

    >>> import npdeep as nd
    >>> z = np.array([[-1.0, 1.0, -1.0]] * 199 + [[-1.0, 1.0, 1.0]])
    >>> counts = count(nd.Activation("relu"), z, (z > 0) * 1.0)
    >>> counts.dead, counts.on
    (array([ True, False, False]), array([False,  True, False]))
    """
    n = len(z)
    fires = (slope >= SHUT).sum(axis=0)
    low, high, spread = z.min(axis=0), z.max(axis=0), z.std(axis=0)
    margin = 2 * spread if n < ROWS_FOR_DEAD else 0.0
    dead = (fires == 0) & (high + margin <= 0)
    nearly = (fires > 0) & (fires < RARELY * n) if n >= ROWS_FOR_RARELY else np.zeros(z.shape[1], bool)
    rectifies = activation.activation in RECTIFIERS
    on = (low - margin > 0) & (slope >= 1 - 1e-9).all(axis=0) if rectifies else np.zeros(z.shape[1], bool)
    return Counts(dead, nearly, on)


@dataclass
class Source:
    """Where a unit's z comes from: the layer with the weights, its input, and what is added at the end (bias or β), by whom."""

    layer: Layer | None
    input: Array | None
    shift: Array | None
    shifted: Layer | None = None
    normalized: bool = False

    def blamed(self, cause: str) -> str:
        """The name of the layer whose bias, β, weights or input it is; "" where it is not known."""
        layer = (self.shifted if cause == "bias" else None) or self.layer
        return "" if layer is None else str(layer.name)


def source_of(probe: Probe, activation: Activation) -> Source:
    """Go down from an activation to the weights that make its z; batch normalization and noise may lie between."""
    source = Source(None, None, None)
    for layer in reversed(probe.model.everything()[: probe.model.everything().index(activation)]):
        shift = next((p for p in layer.parameters if p.name.rpartition("/")[2] in ("bias", "beta")), None)
        if shift is not None and not source.normalized and shift.shape == (activation.output_size,):
            source.shift, source.shifted = probe.shifts.get(shift.name), layer
        if kernel_of(layer) is not None:      # a bias of another width is of pieces, not of units, as in maxout
            source.layer, source.input = layer, probe.inputs.get(str(layer.name))
            break
        if layer.batch_statistics:
            source.normalized = True
        elif not layer.draws:
            break                             # another function lies between
    return source


def by_chance(activation: Activation, source: Source) -> tuple[float, float, float]:
    """Shares of dead, nearly dead and always-on units among fresh random ones on the same input.

    In deep ReLU networks the rows become alike on their way up, and on inputs that are all positive many a random direction has
    every row on one side: such units are no fault of training. Where all rows are the same to a unit, nothing is excused.
    """
    if source.input is None or source.normalized or alike(source.input):
        return 0.0, 0.0, 0.0
    rng = np.random.default_rng(0)            # its own: no generator of the user's is touched
    width = source.input.shape[1]
    z = source.input.astype(np.float64) @ (rng.standard_normal((width, DRAWN)) * math.sqrt(2 / width))
    slope = activations.value_and_slope(activation.rule, z, **activation.given)[1] / steepest_of(activation)
    counts = count(activation, z, slope)
    return float(counts.dead.mean()), float(counts.nearly.mean()), float(counts.on.mean())


def many(kind: str, units: int, width: int, chance: float) -> bool:
    """More than chance gives, by that share of the layer, and by more than two standard deviations of such a count.

    >>> many("dead", 30, 100, 0.0), many("dead", 16, 100, 0.15), many("dead", 1, 8, 0.0), many("dead", 8, 8, 0.5)
    (True, False, False, True)
    """
    excess = units - chance * width
    return units >= 2 and excess >= MANY[kind] * width and excess > 2 * math.sqrt(chance * (1 - chance) * width)


def shut_units(probe: Probe) -> list[Finding]:
    """All findings about units, layer by layer."""
    found: list[Finding] = []
    for look in probe.activations:
        if look.layer.rule.squashes:
            found += saturated(probe, look)
        else:
            found += rectifier(probe, look)
    return found + shut_outputs(probe)


def silent_layers(probe: Probe) -> list[Finding]:
    """Of a few rows it can only be said that no unit of a layer lets a gradient through on any of them."""
    return [
        _finding(probe, look, "dead", np.ones(look.z.shape[1], bool), source_of(probe, look.layer), 0.0)
        for look in probe.activations
        if not look.layer.rule.squashes and (look.slope < SHUT).all()
    ]


def shut_outputs(probe: Probe) -> list[Finding]:
    """Outputs whose activation passes no gradient on any row, in a network that does not fit, and whose targets vary."""
    look = probe.output
    if look is None or probe.works or probe.ends is None:
        return []
    shut = (look.slope < SHUT).all(axis=0) & columns_that_vary(probe)
    if not shut.any():
        return []
    if not look.layer.rule.squashes:
        return [_finding(probe, look, "dead", shut, source_of(probe, look.layer), 0.0)]
    units, width = int(shut.sum()), len(shut)
    words = f"{units} of {width} outputs of {look.layer.name} are saturated on every row: no gradient gets through them."
    return [Finding("saturated", str(look.layer.name), words, {"units": units, "of": width, "rows": len(look.z)})]


def saturated(probe: Probe, look: ActivationLook) -> list[Finding]:
    """Half of a layer's activations saturated, or several units on every row."""
    flat = look.slope < SATURATED
    share, units, width = float(flat.mean()), int(flat.all(axis=0).sum()), flat.shape[1]
    stuck = units >= 2 and units >= STUCK * width and len(flat) >= ROWS_FOR_DEAD
    if not stuck and (share < HALF or probe.works):    # trained to the end, small networks saturate where they are sure
        return []
    words = f"{share:.0%} of its activations are saturated, and {units} of {width} units on every row: their slope is below "
    words += f"{SATURATED:g} of the steepest, next to no gradient gets through; |z| is {np.abs(look.z).mean():.3g} on average."
    evidence = {"share": share, "units": units, "of": width, "mean_abs_z": float(np.abs(look.z).mean()), "rows": len(flat)}
    return [Finding("saturated", str(look.layer.name), words, evidence)]


def rectifier(probe: Probe, look: ActivationLook) -> list[Finding]:
    """Dead, nearly dead and always-on units of one layer, where there are many of them."""
    counts, width = count(look.layer, look.z, look.slope), look.z.shape[1]
    masks = {"dead": counts.dead, "nearly_dead": counts.nearly, "always_on": counts.on}
    if not any(many(kind, int(mask.sum()), width, 0.0) for kind, mask in masks.items()):
        return []                             # chance can only excuse
    source = source_of(probe, look.layer)
    chances = by_chance(look.layer, source)
    found = [
        _finding(probe, look, kind, mask, source, chance)
        for (kind, mask), chance in zip(masks.items(), chances, strict=True)
        if many(kind, int(mask.sum()), width, chance)
    ]
    return [finding for finding in found if not _harmless(probe, finding)]


def _harmless(probe: Probe, finding: Finding) -> bool:
    """Units that a network that fits does not use, unless they are a whole layer (in a block, the shortcut passes that by); and
    units that weights made linear in one that learns (autoencoders do).
    """
    if finding.kind == "dead" and finding.evidence["share"] == 1:
        return False
    if finding.kind in ("dead", "nearly_dead"):
        return probe.works or (probe.moves and probe.left_now <= LEARNS and finding.evidence["share"] < HALF)
    by_weights = finding.evidence["by_weights"] >= 0.5 * finding.evidence["units"]
    return finding.kind == "always_on" and by_weights and (probe.works or probe.moves)


WHAT = {
    "dead": "never fire: their slope in {} is about 0 on every row, and their weights get no gradient",
    "nearly_dead": "fire on fewer than one row in a hundred in {}",
    "always_on": "have z > 0 on every row in {}: they are linear",
}


def _finding(probe: Probe, look: ActivationLook, kind: str, mask: Array, source: Source, chance: float) -> Finding:
    units, width = int(mask.sum()), len(mask)
    causes = {cause: int((mask & who).sum()) for cause, who in cause_of(look.z, source, kind).items()}
    cause = max(causes, key=lambda name: causes[name])
    evidence = {
        "units": units,
        "of": width,
        "share": units / width,
        "by_chance": chance * width,
        "rows": len(look.z),
        **{f"by_{name}": number for name, number in causes.items()},
        **_sizes(look.z, mask, source),
    }
    name, layer = str(look.layer.name), source.blamed(cause)
    words = f"{units} of {width} units {WHAT[kind].format(name)} (of {len(look.z):,} rows). "
    words += f"Cause: {_because(cause, evidence, layer)}."
    if kind == "dead":
        below = [name for name in _still_learning(probe, source) if name]
        evidence["revivable"] = float(bool(below))
        words += f" {_revivable(below)}"
        if units == width:
            words += " The whole layer is dead: no gradient gets through it."
    leaky = frozenset() if look.layer.activation in ("relu", "relu6", "threshold") else frozenset({"leaky"})
    return Finding(kind, layer or name, words, evidence, _cure(cause, evidence, source, look.layer), there=leaky)


def _cure(cause: str, evidence: dict[str, float], source: Source, activation: Activation) -> str:
    """What to do about the cause; not to draw weights as they were drawn, and not to begin with biases of 0 if they did."""
    if cause == "input":
        return "Look at the layer below first: what comes from there does not change from row to row."
    drove = "what drove them off is most often too high a learning rate."
    if cause == "bias":
        layer = source.shifted or source.layer
        first = [] if layer is None else [layer.initializers[kind] for kind in ("bias", "beta") if kind in layer.initializers]
        began = bool(first) and all(isinstance(initializer, Zeros) for initializer in first)
        return f"They began at 0: {drove}" if began else f"Begin with biases of 0; {drove}"
    if source.layer is not None and fits(source.layer, activation):
        if abs(evidence.get("positive_weights", 0.5) - 0.5) < 0.1:
            return "The weights are as their initializer draws them: look at the scale and the centre of what comes in."
        return f"The weights were drawn right: {drove}"
    return f"Draw the weights again around 0 ({ADVISED}): {drove}"


ADVISED = "nd.initializers.for_activation"


def alike(x: Array) -> bool:
    """Do the rows differ from their mean by less than a hundredth of it? Rows of zeros are alike, too.

    >>> alike(np.array([[1.0, 2.0], [1.001, 2.0]])), alike(np.eye(2))
    (True, False)
    """
    values = x.astype(np.float64)
    mean = values.mean(axis=0)
    return float(np.sqrt(np.mean(np.sum((values - mean) ** 2, axis=1)))) <= ALIKE * float(np.linalg.norm(mean))


def cause_of(z: Array, source: Source, kind: str) -> dict[str, Array]:
    """Masks (units,) by cause.

    bias: without it the unit would change sides on more than one row in a hundred. input: what comes in is the same for every
    row. weights: all others.
    """
    width = z.shape[1]
    constant = source.input is not None and alike(source.input)
    if constant:
        return {"input": np.ones(width, bool), "bias": np.zeros(width, bool), "weights": np.zeros(width, bool)}
    bare = z if source.shift is None else z - source.shift
    other_side = (bare <= 0) if kind == "always_on" else (bare > 0)
    bias = other_side.mean(axis=0) >= RARELY if source.shift is not None else np.zeros(width, bool)
    return {"bias": bias, "weights": ~bias, "input": np.zeros(width, bool)}


def _sizes(z: Array, mask: Array, source: Source) -> dict[str, float]:
    """Means over the units in question: bias (or β), norm of the weights, z."""
    sizes = {"mean_z": float(z[:, mask].mean())}
    if source.shift is not None:
        sizes["mean_bias"] = float(source.shift[mask].mean())
        sizes["weighted_input"] = float((z - source.shift)[:, mask].mean())
    kernel: Any = kernel_of(source.layer) if source.layer is not None else None
    if kernel is not None and kernel.shape[1] == len(mask):
        sizes["weight_norm"] = float(np.linalg.norm(kernel.value[:, mask], axis=0).mean())
        sizes["positive_weights"] = float((kernel.value[:, mask] > 0).mean())
    return sizes


def _because(cause: str, evidence: dict[str, float], layer: str) -> str:
    of = f" of {layer}" if layer else ""
    if cause == "input":
        return f"the input{of} is the same for every row"
    if cause == "bias":
        against = f"against a weighted input of {evidence['weighted_input']:.3g}"
        return f"the bias{of}, {evidence['mean_bias']:.3g} on average, {against}"
    if "weight_norm" in evidence:
        positive = evidence["positive_weights"]
        return f"the incoming weights{of}, of norm {evidence['weight_norm']:.3g}, {positive:.0%} of them positive"
    return f"the incoming weights{of}"


def _still_learning(probe: Probe, source: Source) -> list[str]:
    """The layers below the dead units that still get a gradient."""
    if source.layer is None:
        return []
    below = probe.model.everything()[: probe.model.everything().index(source.layer)]
    looks = [probe.kernels[str(layer.name)] for layer in below if str(layer.name) in probe.kernels]
    return [look.name for look in looks if look.gradient is not None and look.gradient > 0]


def _revivable(below: Sequence[str]) -> str:
    if below:
        return f"They may revive: {below[-1]} below still learns and may change their input."
    return "They will not revive by themselves: nothing below them learns."
