"""Is there an activation at all between the layers with weights?"""

import itertools

from npdeep.debug.diagnosis.causes import listed
from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.neighbours import Kinship
from npdeep.debug.diagnosis.outputs import ADDS_TO_ONE
from npdeep.debug.diagnosis.probe import FEWEST, UPDATES, Probe, kernel_layers
from npdeep.layers import BatchNormalization, Dense
from npdeep.layers.activation import Activation
from npdeep.layers.base import Layer
from npdeep.layers.dropout import AlphaDropout, Dropout, GaussianDropout
from npdeep.layers.gaussian_noise import GaussianNoise
from npdeep.models.sequential import Sequential

BETTER = 0.2
"""The closest rows tell so much more of a row's target than an affine map does: there is something curved to learn."""

AFFINE = (Dense, BatchNormalization, Dropout, GaussianDropout, AlphaDropout, GaussianNoise)


def is_affine(layer: Layer) -> bool:
    """Does the layer only multiply and add?

    >>> is_affine(Dense(2)), is_affine(Activation("linear")), is_affine(Activation("relu"))
    (True, True, False)
    """
    return type(layer) in AFFINE or (isinstance(layer, Activation) and layer.activation in ("linear", "scaled"))


def hidden_are_affine(model: Sequential) -> bool:
    """Is everything up to the last layer with weights one affine map?"""
    last = max((i for i, layer in enumerate(model.everything()) if isinstance(layer, Dense)), default=-1)
    return last >= 0 and all(is_affine(layer) for layer in model.everything()[: last + 1])


def no_activation(probe: Probe, at_chance: bool, kinship: Kinship | None, skill: float | None) -> list[Finding]:
    """One affine map that does not learn what is there to learn.

    at_chance: it has learnt nothing. kinship: what close rows tell of a row's target. skill: the network's, of the same kind.
    """
    layers = [str(layer.name) for layer in kernel_layers(probe.model)]
    if not hidden_are_affine(probe.model) or probe.trainer.iteration < UPDATES or probe.works:
        return []
    few = probe.n < FEWEST and at_chance and len(layers) > 1
    curved = kinship is not None and kinship.told and skill is not None and kinship.skill > skill + BETTER
    if not few and not curved:
        return []
    evidence: dict[str, float] = {"layers": len(layers)}
    words = f"{_one_map(layers)}, and such a map does not fit these rows"
    if curved and kinship is not None and skill is not None:
        closest = f"a vote of the closest rows {kinship.skill:.0%}"
        words += f": it gets {max(skill, 0):.0%} right of what guessing gets wrong, {closest}"
        evidence |= {"skill": skill, "of_closest": kinship.skill}
    steps = None if len(layers) > 1 else "Put a hidden layer with an activation before it: nd.Dense(32), nd.Activation('relu')."
    return [Finding("no_activation", layers[0], f"{words}.", evidence, steps=steps)]


def _one_map(layers: list[str]) -> str:
    if len(layers) == 1:
        return f"{layers[0]} is the only layer with weights: the network is one affine map"
    return f"no activation lies between {listed(layers)}: however many layers, the network is one affine map"


def hidden_softmax(probe: Probe) -> list[Finding]:
    """A softmax between layers with weights, in a network that does not fit: all its units share a sum of 1."""
    if probe.works:
        return []
    top = probe.model.everything().index(kernel_layers(probe.model)[-1]) if kernel_layers(probe.model) else 0
    for layer in probe.model.everything()[:top]:
        if isinstance(layer, Activation) and layer.activation in ADDS_TO_ONE and layer.output_size > 1:
            units = layer.output_size
            words = (
                f"{layer.activation} lies between the layers: the {units} numbers of a row add up to 1, each is about "
                f"{1 / units:.2g}, and little of a row's own, and of the gradient, gets through."
            )
            return [Finding("hidden_softmax", str(layer.name), words, {"units": units, "mean": 1 / units})]
    return []


def note(model: Sequential) -> list[str]:
    """Layers with weights that follow each other without an activation, where that was no finding."""
    pairs = []
    for below, above in itertools.pairwise(kernel_layers(model)):
        between = model.everything()[model.everything().index(below) + 1 : model.everything().index(above)]
        if isinstance(below, Dense) and isinstance(above, Dense) and all(map(is_affine, between)):
            pairs.append(f"{below.name} and {above.name}")
    return [f"no activation lies between {listed(pairs)}: each pair is one affine map."] if pairs else []
