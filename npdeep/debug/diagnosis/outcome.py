"""Has the network learnt anything, and does it do in evaluation what it does in training?"""

import math

import numpy as np

from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.probe import Probe
from npdeep.history import History
from npdeep.layers import BatchNormalization
from npdeep.losses import BinaryCrossEntropy, SoftmaxCrossEntropy
from npdeep.training.trainer import Trainer

NEAR = 0.98
"""A loss of at least so many times that of guessing is at chance level."""

SKILL = 0.25
"""Above chance level by loss alone are also networks that are right but far too sure (on rows they never saw). Only those that
are right on less than a quarter of what guessing gets wrong count as guessing."""

WAS_BETTER, IS_WORSE = 0.5, 0.7
"""It collapsed where some epoch's loss was below half of chance level and the loss is now above seven tenths of it: collapsing
networks linger there for some epochs before they reach chance level itself."""

MOVES = 0.99
"""A loss that falls by a hundredth in the updates that are tried on the copy is on its way, perhaps from far above guessing."""

UPDATES = 20
"""Before so many updates nobody expects that anything was learnt."""

SAME = 1e-3
"""Outputs whose spread from row to row is below a thousandth: in a fresh network too, no row can be told from another. Logits
of fresh healthy networks spread by 0.1 to 1."""

LEFT = 0.1
"""So much of the start (mean 0, variance 1) left in the moving statistics still counts: chapter 11 takes a momentum of 0.9,
which leaves 7 % after 25 updates."""

MEAN_OFF, VARIANCE_OFF = 0.25, math.log(2)
"""With much of the start left: moving means off by a quarter of a standard deviation, or variances by a factor of 2, in half of
the units. Healthy networks after one epoch are off by 0.1 and 1.5, the latter because dropout changes variances."""

MEAN_FAR, VARIANCE_FAR = 1.0, math.log(4)
"""The same for statistics that are warm, or of which nobody knows: far off, as after weights were loaded for other data."""


def chance_level(probe: Probe, trainer: Trainer) -> list[Finding]:
    """The loss is that of guessing: from the start, or after a collapse."""
    guess, loss = probe.guess, min(probe.calm, probe.evaluated)
    spread = float(np.asarray(probe.outputs, np.float64).std(axis=0).max())
    if guess is None or guess <= 0 or probe.n < 2:
        return []
    units = probe.model.output_size
    name = f"guessing (ln {units} = {math.log(units):.3f})" if classes(probe) else "guessing"
    so_far = f"its loss is {loss:.3f} after {trainer.iteration:,} updates, that of {name} {guess:.3f}"
    evidence = {"loss": loss, "chance": guess, "updates": trainer.iteration, "spread": spread}
    if trainer.iteration < UPDATES:
        if spread >= SAME or loss < NEAR * guess:
            return []
        words = f"the outputs are the same for every row (they spread by {spread:.1e}): {so_far}."
        return [Finding("chance_level", "outputs", words, evidence | {"collapsed": 0.0})]
    skill, best = right_beyond_guessing(probe), best_loss(trainer.history)
    if skill >= SKILL or loss < IS_WORSE * guess:
        return []
    if best < WAS_BETTER * guess:
        words = f"the network has collapsed: {so_far}, and it was {best:.3f} in its best epoch."
        hint = "Go on from a checkpoint of its best time with a lower learning rate; stop early (nd.callbacks.EarlyStopping)."
        return [Finding("chance_level", "outputs", words, evidence | {"collapsed": 1.0, "best": best}, hint)]
    if loss < NEAR * guess or min(probe.losses) < MOVES * probe.losses[0]:
        return []                             # slow, but it moves
    since = ", from the start" if len(trainer.history) else ""
    words = f"the network has learnt nothing{since}: {so_far}."
    return [Finding("chance_level", "outputs", words, evidence | {"collapsed": 0.0})]


def classes(probe: Probe) -> bool:
    """Is it a question of one class out of several?"""
    return isinstance(probe.trainer.loss, SoftmaxCrossEntropy)


def right_beyond_guessing(probe: Probe) -> float:
    """(accuracy − share of the largest class)/(1 − that share); 0 where the targets are no labels."""
    y, outputs = probe.batch.y, probe.outputs
    if classes(probe):
        labels, said = y if y.ndim == 1 else y.argmax(axis=1), outputs.argmax(axis=1)
    elif isinstance(probe.trainer.loss, BinaryCrossEntropy) and outputs.shape[1] == 1:
        labels, said = (y[:, 0] > 0.5).astype(np.int64), outputs[:, 0] > 0
    else:
        return 0.0
    accuracy, most = float(np.mean(said == labels)), float(np.bincount(labels).max() / len(labels))
    return (accuracy - most) / (1 - most) if most < 1 else 0.0


def best_loss(history: History) -> float:
    """The lowest loss of an epoch; infinite where nothing was recorded."""
    if "loss" not in history:
        return math.inf
    return min((value for value in history["loss"] if value is not None and math.isfinite(value)), default=math.inf)


def cold_statistics(probe: Probe, trainer: Trainer) -> list[Finding]:
    """Moving statistics that are not what the batch has: the network evaluates by other numbers than it trains with."""
    found = [look for layer in trainer.model.layers if (look := _cold(probe, trainer, layer)) is not None]
    if not found:
        return []
    worst = max(found, key=lambda finding: finding.evidence["mean_off"] + finding.evidence["log_variance_off"])
    return [Finding(worst.kind, worst.layer, worst.words, worst.evidence | {"layers": len(found)}, worst.hint)]


def _cold(probe: Probe, trainer: Trainer, layer: object) -> Finding | None:
    if not isinstance(layer, BatchNormalization) or str(layer.name) not in probe.statistics or probe.n < 2:
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
    since = f"after {trainer.iteration:,} updates {left:.0%} of their start (mean 0, variance 1) is left; "
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
