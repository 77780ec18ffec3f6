"""Units that pass no gradient, hardly any, or everything: saturated, dead, nearly dead, always on, and why."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npdeep import activations
from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import ActivationLook, Probe, kernel_of
from npdeep.debug.snapshot import SATURATED, steepest
from npdeep.kernels.arrays import Array
from npdeep.layers import BatchNormalization
from npdeep.layers.activation import Activation
from npdeep.layers.base import Layer

SHUT = 0.01
"""A rectifier's slope below this share of its steepest is next to none; a leaky ReLU's 0.01 is not below it."""

HALF = 0.5
"""A layer with half of its activations saturated: logistic layers with weights from N(0, 1) have 0.55 to 0.7, well trained
logistic and tanh layers on digits up to a third."""

WORKS = 0.25
"""Small networks that were trained to the end saturate where they are sure: no fault where the loss is below a quarter of what
guessing gives."""

STUCK = 0.05
"""Units that are saturated on every row: well trained networks have none; one in twenty is a fault."""

MANY = {"dead": 0.1, "nearly_dead": 0.2, "always_on": 0.2}
"""So much of a layer's units, over and above what chance makes of this input (see `by_chance`). The networks of the lesson stay
below a tenth; a layer that was killed loses 40 % and more (CS231n, "Neural Networks 1"). Units that fire rarely or always still
do something, and small networks on two inputs have one in eight of them: there it takes a fifth."""

RARELY = 0.01
"""Nearly dead: fires on some rows, but on fewer than one in a hundred."""

ROWS_FOR_DEAD, ROWS_FOR_RARELY = 100, 300
"""A unit that is silent on n rows fires on at most 3/n of all rows, with 95 % confidence (the rule of three): 300 rows are
needed to say "fewer than one in a hundred". With fewer than 100 rows a unit counts as dead only if it would stay silent on rows
two standard deviations above the highest one."""

ALIKE = 0.01
"""Rows that differ by less than a hundredth of what they have in common are the same to a unit."""

DRAWN = 200
"""So many random units are drawn to see what chance makes of a layer's input."""

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
    """Where a unit's z comes from: the layer with the weights, its input, and what is added at the end (bias or β)."""

    layer: Layer | None
    input: Array | None
    shift: Array | None
    normalized: bool


def source_of(probe: Probe, activation: Activation) -> Source:
    """Go down from an activation to the weights that make its z; batch normalization and noise may lie between."""
    shift, normalized = None, False
    for layer in reversed(probe.model.layers[: probe.model.layers.index(activation)]):
        named = {p.name.rpartition("/")[2]: p for p in layer.parameters}
        if kernel_of(layer) is not None:
            if not normalized and "bias" in named:
                shift = probe.shifts.get(named["bias"].name)
            if shift is not None and len(shift) != activation.output_size:
                shift = None                  # of pieces, not of units, as in maxout
            return Source(layer, probe.inputs.get(str(layer.name)), shift, normalized)
        if isinstance(layer, BatchNormalization):
            if not normalized and "beta" in named:
                shift = probe.shifts.get(named["beta"].name)
            normalized = True
        elif not layer.draws:
            break                             # another function lies between
    return Source(None, None, shift, normalized)


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
    slope = activations.value_and_slope(activation.activation, z, **activation.given)[1] / steepest(activation)
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
    return found


def saturated(probe: Probe, look: ActivationLook) -> list[Finding]:
    """Half of a layer's activations saturated, or several units on every row."""
    flat = look.slope < SATURATED
    share, units, width = float(flat.mean()), int(flat.all(axis=0).sum()), flat.shape[1]
    stuck = units >= 2 and units >= STUCK * width and len(flat) >= ROWS_FOR_DEAD
    works = probe.guess is not None and probe.calm < WORKS * probe.guess
    if not stuck and (share < HALF or works):
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
    return [
        _finding(probe, look, kind, mask, source, chance)
        for (kind, mask), chance in zip(masks.items(), chances, strict=True)
        if many(kind, int(mask.sum()), width, chance)
    ]


WHAT = {
    "dead": "never fire: their slope is about 0 on every row, and their weights get no gradient",
    "nearly_dead": "fire on fewer than one row in a hundred",
    "always_on": "have z > 0 on every row: they are linear",
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
    words = f"{units} of {width} units {WHAT[kind]} (of {len(look.z):,} rows). Cause: {_because(cause, evidence)}."
    if kind == "dead":
        below = [name for name in _still_learning(probe, source) if name]
        evidence["revivable"] = float(bool(below))
        words += f" {_revivable(below)}"
        if units == width:
            words += " The whole layer is dead: no gradient gets through it."
    return Finding(kind, str(look.layer.name), words, evidence, CURE[cause])


CURE = {
    "bias": "Begin with biases of 0 and find out what drove them off: most often too high a learning rate.",
    "weights": "Draw the weights anew around 0 (he_normal): what drove them off is most often too high a learning rate.",
    "input": "Look at the layer below first: what comes from there does not change from row to row.",
}


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


def _because(cause: str, evidence: dict[str, float]) -> str:
    if cause == "input":
        return "the input of the layer is the same for every row"
    if cause == "bias":
        return f"the bias, {evidence['mean_bias']:.3g} on average, against a weighted input of {evidence['weighted_input']:.3g}"
    if "weight_norm" in evidence:
        positive = evidence["positive_weights"]
        return f"the incoming weights, of norm {evidence['weight_norm']:.3g}, {positive:.0%} of them positive"
    return "the incoming weights"


def _still_learning(probe: Probe, source: Source) -> list[str]:
    """The layers below the dead units that still get a gradient."""
    if source.layer is None:
        return []
    below = probe.model.layers[: probe.model.layers.index(source.layer)]
    looks = [probe.kernels[str(layer.name)] for layer in below if str(layer.name) in probe.kernels]
    return [look.name for look in looks if look.gradient is not None and look.gradient > 0]


def _revivable(below: Sequence[str]) -> str:
    if below:
        return f"They may revive: {below[-1]} below still learns and may change their input."
    return "They will not revive by themselves: nothing below them learns."
