"""Do the moving statistics of batch normalization belong to the data, or to something else?"""

import math
from typing import Any

import numpy as np

from npdeep.common.words import counted
from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import FEWEST, Probe
from npdeep.training.trainer import Trainer

LEFT = 0.1
"""So much of the start (mean 0, variance 1) left in the moving statistics still counts: chapter 11 takes a momentum of 0.9,
which leaves 7 % after 25 updates."""

MEAN_OFF, VARIANCE_OFF = 0.25, math.log(2)
"""With much of the start left: moving means off by a quarter of a standard deviation, or variances by a factor of 2, in half of
the units. Healthy networks after one epoch are off by 0.1 and 1.5, the latter because dropout changes variances."""

MEAN_FAR, VARIANCE_FAR = 1.0, math.log(4)
"""The same for statistics that are warm, or of which nobody knows: far off, as after weights were loaded for other data."""

TOO_SMALL, IN_STEP = 0.72, 1.4
"""The variance of k rows is (k − 1)/k of the true one on average, 0 for one row, 0.75 for four: moving variances below 0.72 of
the batch's, in all units by about the same factor (within 1.4 from the lowest tenth to the highest), come from batches of one
to three rows."""


FEW = 3
"""With batches of two rows a normalized number is −1 or 1, whatever it was."""


def statistics_off(probe: Probe, trainer: Trainer) -> list[Finding]:
    """Moving statistics that batches of one row have spoilt, or else that are cold or of other data."""
    return single_rows(probe, trainer) or cold_statistics(probe, trainer)


def single_rows(probe: Probe, trainer: Trainer) -> list[Finding]:
    """Batches of a single row, which has no mean and variance of its own.

    It is normalized by the moving statistics and leaves them where they began. Batches of two or three rows, and in checkpoints
    of earlier versions those of one, drag the moving variances towards 0.
    """
    layer: Any                                # one that gives its statistics has the other numbers too
    for layer in trainer.model.everything():
        if str(layer.name) not in probe.statistics or not trainer.iteration:
            continue
        variance = probe.statistics[str(layer.name)][1].astype(np.float64)
        moving, varying = layer.moving_variance.value.astype(np.float64), variance > layer.epsilon
        largest = 0 if layer.use_moving_statistics else len(layer.blocks.get("ones", ()))    # room was made for that batch
        if 1 < largest <= FEW and trainer.iteration > 1:
            words = (
                f"no batch that it was trained on had more than {largest} rows, and their mean and variance are mostly noise: "
                f"in training every row is told from {'the other' if largest == 2 else 'two others'} alone. The loss is "
                f"{probe.calm:.3g} with the statistics of {probe.n:,} rows and {probe.evaluated:.3g} in evaluation."
            )
            evidence = {"updates": trainer.iteration, "largest_batch": largest, "untouched": 0.0}
            return [Finding("single_rows", str(layer.name), words, evidence)]
        if probe.n < FEWEST or not varying.any():
            continue
        ratio = moving[varying] / variance[varying]
        low, share, high = np.quantile(ratio, [0.1, 0.5, 0.9]).tolist()
        evidence = {"updates": trainer.iteration, "of_the_variance": share, "low": low, "high": high}
        if layer.momentum < 1 and not layer.moving_mean.value.any() and np.all(moving == 1):
            words = (
                f"after {counted(trainer.iteration, 'update')} its moving statistics are exactly where they began (mean 0, "
                "variance 1): it was trained on batches of one row, which have none of their own and are normalized by these. "
                "So every row goes through as it is: the layer normalizes nothing."
            )
            return [Finding("single_rows", str(layer.name), words, evidence | {"untouched": 1.0})]
        warm = layer.momentum**trainer.iteration <= LEFT
        if warm and share < TOO_SMALL and high <= max(IN_STEP * low, TOO_SMALL / 10):
            words = (
                f"its moving variances are {share:.2g} of the batch's, in all units alike ({low:.2g} to {high:.2g}): batches "
                f"of two or three rows went into them (or, in earlier versions, of one row, whose variance is 0). The loss "
                f"is {probe.calm:.3g} with the batch's statistics and {probe.evaluated:.3g} in evaluation."
            )
            return [Finding("single_rows", str(layer.name), words, evidence | {"untouched": 0.0})]
    return []


def cold_statistics(probe: Probe, trainer: Trainer) -> list[Finding]:
    """Moving statistics that are not what the batch has: the network evaluates by other numbers than it trains with."""
    found = [look for layer in trainer.model.everything() if (look := _cold(probe, trainer, layer)) is not None]
    if not found:
        return []
    worst = max(found, key=lambda finding: finding.evidence["mean_off"] + finding.evidence["log_variance_off"])
    return [Finding(worst.kind, worst.layer, worst.words, worst.evidence | {"layers": len(found)}, worst.hint)]


def _cold(probe: Probe, trainer: Trainer, layer: Any) -> Finding | None:
    if str(layer.name) not in probe.statistics or probe.n < 2:
        return None
    mean, variance = (array.astype(np.float64) for array in probe.statistics[str(layer.name)])
    moving_mean, moving_variance = layer.moving_mean.value.astype(np.float64), layer.moving_variance.value.astype(np.float64)
    if trainer.iteration == 0 and not moving_mean.any() and np.all(moving_variance == 1):
        return None                           # no training yet, nothing to be cold
    tiny = layer.epsilon
    mean_off = float(np.median(np.abs(moving_mean - mean) / np.sqrt(variance + tiny)))
    variance_off = float(np.median(np.abs(np.log((np.maximum(moving_variance, 0) + tiny) / (variance + tiny)))))
    left = layer.momentum**trainer.iteration if trainer.iteration else 0.0
    cold = left > LEFT and (mean_off > MEAN_OFF or variance_off > VARIANCE_OFF)
    if not cold and mean_off <= MEAN_FAR and variance_off <= VARIANCE_FAR:
        return None
    off = (
        f"its moving means are off by {mean_off:.2g} standard deviations and its variances by a factor of "
        f"{math.exp(variance_off):.2g} (medians over the units); the loss is {probe.calm:.3g} with the batch's statistics and "
        f"{probe.evaluated:.3g} in evaluation."
    )
    since = f"after {counted(trainer.iteration, 'update')} {left:.0%} of their start (mean 0, variance 1) is left; "
    start = since if left > LEFT else ""
    hint = "" if left > LEFT else "They come from other data: go through some batches of this data in training mode."
    evidence = {
        "left": left,
        "momentum": layer.momentum,
        "updates": trainer.iteration,
        "mean_off": mean_off,
        "log_variance_off": variance_off,
        "loss_training": probe.calm,
        "loss_evaluation": probe.evaluated,
    }
    return Finding("cold_statistics", str(layer.name), start + off, evidence, hint)
