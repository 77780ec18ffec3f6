"""Units that are all the same, and will stay so."""

import itertools

import numpy as np

from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import kernel_of
from npdeep.kernels.arrays import Array
from npdeep.models.sequential import Sequential

ALIKE = 1e-3
"""Weights that differ by no more than this share of the largest count as equal: rounding parts them that far."""


def symmetric(model: Sequential) -> list[Finding]:
    """The hidden layers whose units all have the same weights, coming in and going out: equal gradients never part them.

    >>> import npdeep as nd
    >>> constant = nd.initializers.Constant(0.1)
    >>> layers = [nd.Dense(3, kernel_initializer=constant, name="hidden"), nd.Dense(2, kernel_initializer=constant)]
    >>> [finding.layer for finding in symmetric(nd.Sequential(layers, input_size=4, seed=0))]
    ['hidden']
    """
    kernels = [(str(layer.name), kernel_of(layer)) for layer in model.everything() if kernel_of(layer) is not None]
    found = []
    for (name, kernel), (_, above) in itertools.pairwise(kernels):
        incoming, outgoing = kernel.value, above.value.T
        units = incoming.shape[1]
        if units > 1 and units == outgoing.shape[1] and alike(incoming) and alike(outgoing):
            words = f"all {units} units have the same weights: they compute the same, get the same gradient, and never part."
            found.append(Finding("symmetric", name, words, {"units": units, "weight": float(incoming.mean())}))
    return found


def alike(weights: Array) -> bool:
    """Do the columns, one a unit, differ by next to nothing?

    >>> alike(np.array([[1.0, 1.0], [2.0, 2.0]])), alike(np.eye(2))
    (True, False)
    """
    return bool(np.ptp(weights, axis=1).max() <= ALIKE * np.abs(weights).max())
