"""The targets as numbers that can be compared with outputs: classes as one-hot rows, signs of hinges as −1 and 1."""

import numpy as np

from npdeep.kernels.arrays import Array
from npdeep.losses import (
    BinaryCrossEntropy,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SoftmaxCrossEntropy,
)

NUMBERS = (MeanSquaredError, MeanAbsoluteError, Huber, LogCosh)
"""Losses that compare outputs with targets as numbers on the same scale."""


def is_of_classes(loss: Loss) -> bool:
    """Is it a question of one class out of several?"""
    return isinstance(loss, SoftmaxCrossEntropy | KLDivergence)


def columns(loss: Loss, y: Array, units: int) -> Array:
    """Checked targets as (n, units) in float64; for classes one-hot (or shares), for yes or no 0 and 1, for hinges −1 and 1.

    >>> columns(SoftmaxCrossEntropy(), np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    >>> columns(Hinge(), np.array([[0.0], [1.0]]), 1).ravel()
    array([-1.,  1.])
    """
    if y.ndim == 1:
        return np.eye(units)[y]
    values = y.astype(np.float64)
    return np.where(values > 0, 1.0, -1.0) if isinstance(loss, Hinge) else values


def labels(loss: Loss, y: Array, units: int) -> Array | None:
    """Targets as labels (n,); None where they are no classes, or several at a time."""
    values = columns(loss, y, units)
    if is_of_classes(loss):
        return np.asarray(values.argmax(axis=1))
    if isinstance(loss, BinaryCrossEntropy | Hinge) and units == 1:
        return (values[:, 0] > (0 if isinstance(loss, Hinge) else 0.5)).astype(np.int64)
    return None


def answers(loss: Loss, outputs: Array) -> Array:
    """What the outputs say, as labels (n,): the largest output, or whether the only one is above 0."""
    return np.asarray(outputs.argmax(axis=1)) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).astype(np.int64)


def right_beyond_guessing(loss: Loss, y: Array, outputs: Array) -> float | None:
    """(accuracy − share of the largest class)/(1 − that share); None where the targets are not labels."""
    known = labels(loss, y, outputs.shape[1])
    if known is None:
        return None
    accuracy, most = float(np.mean(answers(loss, outputs) == known)), float(np.bincount(known).max() / len(known))
    return (accuracy - most) / (1 - most) if most < 1 else 0.0


def outputs_for(loss: Loss, wanted: Array) -> Array | None:
    """The outputs that are best for these targets or shares (…, units); None where that is not known.

    >>> outputs_for(BinaryCrossEntropy(), np.array([0.5])), outputs_for(Hinge(), np.array([0.2, -0.2]))
    (array([0.]), array([ 1., -1.]))
    """
    units = wanted.shape[-1]
    if isinstance(loss, SoftmaxCrossEntropy):
        return np.asarray(np.log(np.clip((1 - loss.label_smoothing) * wanted + loss.label_smoothing / units, 1e-12, 1)))
    if isinstance(loss, BinaryCrossEntropy):
        share = np.clip(wanted, 1e-12, 1 - 1e-12)
        return np.asarray(np.log(share / (1 - share)))
    if type(loss) is Hinge:                   # piecewise linear: at one of its corners
        return np.where(wanted >= 0, 1.0, -1.0)
    return wanted if isinstance(loss, (*NUMBERS, Hinge, KLDivergence, Poisson)) else None


def best_constant(loss: Loss, y: Array, units: int, weight: Array | None) -> Array | None:
    """The output (units,) that is best if it must be the same for every row; None where it is not known."""
    if outputs_for(loss, np.ones(units)) is None:
        return None
    values, weights = columns(loss, y, units), None if weight is None else weight[:, 0].astype(np.float64)
    if isinstance(loss, MeanAbsoluteError):
        return np.asarray(np.median(values, axis=0))
    return outputs_for(loss, np.asarray(np.average(values, axis=0, weights=weights)))
