"""Are the inputs scaled, and the labels in balance? Asked before the network comes in."""

from typing import Any

import numpy as np

from npdeep.debug.diagnosis.findings import Finding
from npdeep.kernels.arrays import Array
from npdeep.layers import BatchNormalization
from npdeep.losses import BinaryCrossEntropy, Hinge, SoftmaxCrossEntropy
from npdeep.training.trainer import Trainer

TOO_LARGE, TOO_SMALL = 10.0, 0.01
"""Initializers are derived for inputs of about unit size (LeCun et al. 1998; Glorot & Bengio 2010): a factor of ten off,
and their variance is off by a hundred. Pixels 0 … 255 have a root mean square near 80, MNIST in 0 … 1 has 0.33. Too small is
asked of the largest number, because sparse rows (one-hot words) have tiny root mean squares and are fine."""

SCALES = 100.0
"""Ranges of features that differ by so much: curvature goes with the square, and one learning rate must serve 1 and 10,000."""

ROWS = 5000
"""Inputs are judged by some 5,000 rows, evenly spaced: more would tell no more."""

OFF_CENTRE = 10.0
"""A mean of so many standard deviations, as years or temperatures in Kelvin have it: rows differ by a tenth or less."""

OUT_OF_BALANCE = 5.0
"""The largest class has so many times the rows of the smallest: always guessing it is right 5 times in 6 with two classes."""


def unscaled(trainer: Trainer, x: Array) -> list[Finding]:
    """Inputs too large, too small, of very different scales, or far from 0."""
    if scaled_by_the_network(trainer):
        return []
    values = x[:: max(1, len(x) // ROWS)].astype(np.float64)
    rms, largest = float(np.sqrt(np.mean(values**2))), float(np.abs(values).max())
    ranges, means = np.ptp(values, axis=0), np.abs(values.mean(axis=0))
    varying = ranges > 0
    low = float(np.quantile(ranges[varying], 0.1, method="lower")) if varying.any() else 0.0
    high = float(ranges.max())
    scales = high / low if low > 0 else 1.0
    off = float(np.median(means[varying] / values.std(axis=0)[varying])) if varying.any() else 0.0
    evidence = {"rms": rms, "largest": largest, "scales": scales, "mean_over_std": off}
    if scales >= SCALES:
        column = int(np.argmax(ranges))
        words = f"features have very different scales: the range of column {column} is {high:.3g}, that of others {low:.3g}"
        evidence["column"] = column
    elif rms >= TOO_LARGE:
        words = f"the inputs are large: root mean square {rms:.3g}, largest {largest:.3g}; weights are drawn for about 1"
    elif 0 < largest <= TOO_SMALL:
        words = f"the inputs are tiny: none is larger than {largest:.2g}; weights are drawn for about 1"
    elif off >= OFF_CENTRE:
        words = f"the inputs are far from 0: the mean of a feature is {off:.3g} times its standard deviation (the median)"
    else:
        return []
    return [Finding("unscaled_inputs", "input", f"{words}.", evidence)]


def scaled_by_the_network(trainer: Trainer) -> bool:
    """Does a batch normalization come before the first weights?"""
    for layer in trainer.model.layers:
        if any(len(p.shape) >= 2 for p in layer.parameters):
            return False
        if isinstance(layer, BatchNormalization):
            return True
    return False


def imbalance(trainer: Trainer, y: Any, weight: Array | None) -> list[Finding]:
    """Some class has many times the rows of another. Sample weights count; few rows prove little."""
    counts = class_counts(trainer, y, weight)
    if counts is None:
        return []
    most, fewest = int(np.argmax(counts)), int(np.argmin(counts))
    # in so few rows the smallest class may just have been unlucky: two standard deviations of its count, and 3 where it is 0
    possible = counts[fewest] + 2 * np.sqrt(counts[fewest]) + 3
    if counts[most] < OUT_OF_BALANCE * possible:
        return []
    share, missing = counts[most] / counts.sum(), int(np.count_nonzero(counts == 0))
    what = f"class {fewest} has {counts[fewest]:,.0f}" if missing < 2 else f"{missing} of {len(counts)} classes have none"
    words = f"class {most} has {counts[most]:,.0f} of {counts.sum():,.0f} rows ({share:.0%}), {what}."
    evidence = {
        "largest": float(counts[most]),
        "smallest": float(counts[fewest]),
        "share": float(share),
        "largest_class": most,
        "smallest_class": fewest,
        "missing": missing,
    }
    return [Finding("imbalance", "labels", words, evidence)]


def class_counts(trainer: Trainer, y: Any, weight: Array | None) -> Array | None:
    """(Weighted) rows of each class; None where the targets are no classes, or several at a time."""
    each = np.ones(len(y)) if weight is None else weight[:, 0] * (len(y) / max(float(weight.sum()), 1e-300))
    if isinstance(trainer.loss, SoftmaxCrossEntropy):
        if y.ndim == 1:
            return np.bincount(y, weights=each, minlength=trainer.model.output_size)
        return np.asarray(each @ y.astype(np.float64))
    if isinstance(trainer.loss, BinaryCrossEntropy | Hinge) and trainer.model.output_size == 1:
        yes = (y[:, 0] > 0.5).astype(np.int64)
        return np.bincount(yes, weights=each, minlength=2)
    return None
