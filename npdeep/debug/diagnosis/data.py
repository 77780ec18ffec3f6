"""Are inputs and targets scaled? Asked of the numbers, before the network comes in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import Probe
from npdeep.debug.diagnosis.targets import NUMBERS
from npdeep.kernels.arrays import Array
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
"""A mean of this many standard deviations, as years or temperatures in Kelvin have it: rows differ by a tenth or less."""

MISSED = 0.9
"""A column of the targets counts as missed where its squared error is nine tenths of its variance or more."""


def constant(trainer: Trainer, x: Array, y: Any) -> list[Finding]:
    """Rows that are all the same, or numbers to predict that are."""
    found, n = [], len(x)
    if n > 1 and not np.ptp(x, axis=0).any():
        words = f"all {n:,} rows are the same: nothing tells one from another."
        found.append(Finding("constant", "input", words, {"rows": n}))
    if n > 1 and isinstance(trainer.loss, NUMBERS) and not np.ptp(y, axis=0).any():
        words = f"the targets of all {n:,} rows are the same, {listed_numbers(y[0].tolist())}: there is nothing to learn."
        found.append(Finding("constant", "labels", words, {"rows": n}))
    return found


def unscaled(trainer: Trainer, x: Array) -> list[Finding]:
    """Inputs too large, too small, of very different scales, or far from 0."""
    if scaled_by_the_network(trainer):
        return []
    words, evidence = scale_of(x, "the inputs", "feature")
    if not words:
        return []
    scale, hint = trainer.model.scale, ""
    if scale is not None:
        hint = f"fit multiplied x by {scale:.6g}, diagnose takes rows that are scaled already: pass x * trainer.model.scale."
    return [Finding("unscaled_inputs", "input", f"{words}; weights are drawn for numbers of about 1.", evidence, hint)]


def unscaled_targets(probe: Probe, y: Any) -> list[Finding]:
    """The same of the targets of a regression, as long as the network does not fit them all the same.

    Outputs of a fresh network are about 1. Targets far from that make a loss, and so gradients and updates, that no usual
    learning rate is made for; and far from 0 the network spends its training on their mean.
    """
    loss = probe.trainer.loss
    if not isinstance(loss, NUMBERS):
        return []
    words, evidence = scale_of(y, "the targets", "target")
    small = columns_left_out(probe, y) if evidence["scales"] >= SCALES else []
    if not words or (probe.works and not small):
        return []
    means = f"mean {evidence['mean']:.3g}, standard deviation {evidence['std']:.3g}"
    words = f"{words} ({means}); outputs begin at about 1, and learning rates are made for losses of about 1."
    if small:
        words += f" Hardly anything of column {listed_numbers(small)} is learnt: the others outweigh it in the loss."
    return [Finding("unscaled_targets", "labels", words, evidence)]


def columns_left_out(probe: Probe, y: Any) -> list[int]:
    """The columns of the targets that the outputs miss by as much as guessing would, while others are fitted."""
    values, outputs = probe.batch.y.astype(np.float64), probe.outputs.astype(np.float64)
    variance = values.var(axis=0)
    missed = np.mean((outputs - values) ** 2, axis=0) >= MISSED * variance
    return np.flatnonzero(missed & (variance > 0)).tolist() if not missed.all() else []


def listed_numbers(numbers: Sequence[float]) -> str:
    """The first few, with commas.

    >>> listed_numbers([1, 2, 3, 4])
    '1, 2, 3, …'
    """
    return ", ".join(f"{number:g}" for number in numbers[:3]) + (", …" if len(numbers) > 3 else "")


def scale_of(array: Array, what: str, column: str) -> tuple[str, dict[str, float]]:
    """What is wrong with the scale of these numbers (n, columns), in words ("" for nothing), and the figures.

    >>> words, figures = scale_of(np.array([[1e5], [3e5]]), "the targets", "target")
    >>> words, round(figures["rms"])
    ('the targets are large: root mean square 2.24e+05, largest 3e+05', 223607)
    """
    values = array[:: max(1, len(array) // ROWS)].astype(np.float64)
    rms, largest = float(np.sqrt(np.mean(values**2))), float(np.abs(values).max())
    ranges, means = np.ptp(values, axis=0), np.abs(values.mean(axis=0))
    varying = ranges > 0
    low = float(np.quantile(ranges[varying], 0.1, method="lower")) if varying.any() else 0.0
    high = float(ranges.max())
    scales = high / low if low > 0 else 1.0
    off = float(np.median(means[varying] / values.std(axis=0)[varying])) if varying.any() else 0.0
    mean, std = float(values.mean()), float(values.std())
    figures = {"rms": rms, "largest": largest, "scales": scales, "mean_over_std": off, "mean": mean, "std": std}
    if scales >= SCALES:
        figures["column"] = widest = int(np.argmax(ranges))
        return f"{what} have very different scales: the range of column {widest} is {high:.3g}, of others {low:.3g}", figures
    if rms >= TOO_LARGE:
        return f"{what} are large: root mean square {rms:.3g}, largest {largest:.3g}", figures
    if 0 < largest <= TOO_SMALL:
        return f"{what} are tiny: none is larger than {largest:.2g}", figures
    if off >= OFF_CENTRE:
        return f"{what} are far from 0: the mean of a {column} is {off:.3g} times its standard deviation (the median)", figures
    return "", figures


def scaled_by_the_network(trainer: Trainer) -> bool:
    """Does a batch normalization come before the first weights?"""
    for layer in trainer.model.everything():
        if any(len(p.shape) >= 2 for p in layer.parameters):
            return False
        if layer.batch_statistics:
            return True
    return False
