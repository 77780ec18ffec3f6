"""Has the network learnt anything?"""

import math

import numpy as np

from npdeep.common.words import counted
from npdeep.debug.diagnosis.findings import Finding
from npdeep.debug.diagnosis.labels import agreement, skill
from npdeep.debug.diagnosis.neighbours import Kinship
from npdeep.debug.diagnosis.probe import FEWEST, MOVES, UPDATES, Probe
from npdeep.debug.diagnosis.targets import is_of_classes, right_beyond_guessing
from npdeep.history import History
from npdeep.training.trainer import Trainer

NEAR = 0.98
"""A loss of at least this many times that of guessing is at chance level."""

SKILL = 0.25
"""Above chance level by loss alone are also networks that are right but far too sure (on rows they never saw). Only those that
are right on less than a quarter of what guessing gets wrong count as guessing."""

WAS_BETTER, IS_WORSE = 0.5, 0.7
"""It collapsed where some epoch's loss was below half of chance level and the loss is now above seven tenths of it: collapsing
networks linger there for some epochs before they reach chance level itself."""

AS_TRAINED = (
    "Give diagnose rows that are scaled, ordered and coded exactly as those of fit; where sample_weight made the loss small, "
    "let the weights have a mean of 1."
)

MOST = 0.5
"""With half of its weights frozen, a network that learns nothing is told so first."""

SAME = 1e-3
"""Outputs whose spread from row to row is below a thousandth: in a fresh network too, no row can be told from another. Logits
of fresh healthy networks spread by 0.1 to 1."""


def chance_level(probe: Probe, trainer: Trainer, kinship: Kinship | None) -> list[Finding]:
    """The loss is that of guessing: from the start, or after a collapse. kinship: what close rows tell of a row's target."""
    guess, loss = probe.guess, min(probe.calm, probe.evaluated)
    if guess is None or probe.left(guess) != 1 or probe.n < 2 or not np.ptp(probe.batch.x, axis=0).any():
        return []
    spread = float(np.asarray(probe.outputs, np.float64).std(axis=0).max())
    so_far = f"its loss is {loss:.4g} after {counted(trainer.iteration, 'update')}, {guessing(probe)} {guess:.4g}"
    evidence = {"loss": loss, "chance": guess, "updates": trainer.iteration, "spread": spread, "collapsed": 0.0}
    if trainer.iteration < UPDATES:
        if spread >= SAME or probe.left(loss) < NEAR:
            return []
        words = f"the outputs are the same for every row (they spread by {spread:.1e}): {so_far}."
        return [Finding("chance_level", "outputs", words, evidence)]
    if (right_beyond_guessing(trainer.loss, probe.batch.y, probe.outputs) or 0.0) >= SKILL or probe.left(loss) < IS_WORSE:
        return []
    best = best_loss(trainer.history)
    if probe.left(best) < WAS_BETTER and probe.n >= FEWEST and probe.left(last_loss(trainer)) < WAS_BETTER:
        words = (
            f"on these rows {so_far}, while its last epoch of training had {last_loss(trainer):.4g}: they are not like the "
            "rows that it was trained on, or counted less there (sample_weight)."
        )
        return [Finding("chance_level", "outputs", words, evidence, steps=AS_TRAINED)]
    if probe.left(best) < WAS_BETTER and probe.n >= FEWEST:
        words = f"the network has collapsed: {so_far}, and it was {best:.4g} in its best epoch."
        hint = "Resume from a checkpoint of its best time with a lower learning rate; stop early (nd.callbacks.EarlyStopping)."
        return [Finding("chance_level", "outputs", words, evidence | {"collapsed": 1.0, "best": best}, hint)]
    if probe.left(loss) < NEAR or probe.moves or falls(trainer.history):
        return []                           # slow, but it moves
    since = ", from the start" if len(trainer.history) else ""
    words, there = f"the network has learnt nothing{since}: {so_far}.", frozenset[str]()
    if kinship is not None and kinship.told:
        there = frozenset({"labels"})
        words += f" There is something to learn: of the targets of close rows {agreement(kinship)}."
    return [Finding("chance_level", "outputs", words, evidence, _thawed(probe, evidence), there=there)]


def _thawed(probe: Probe, evidence: dict[str, float]) -> str:
    """What to do first where most of the weights are frozen."""
    weights = [p for p in probe.model.parameters if p.has_grad]
    frozen = evidence["frozen"] = sum(p.size for p in weights if not p.trainable) / max(1, sum(p.size for p in weights))
    return f"{frozen:.0%} of the weights are frozen: train more of them, model.unfreeze(...)." if frozen >= MOST else ""


def guessing(probe: Probe) -> str:
    """What the loss is compared with.

    Of classes it is the loss of always giving how often each occurs, and ln C only where all are equally frequent.
    """
    units = probe.model.output_size
    if is_of_classes(probe.trainer.loss):
        return f"that of guessing by the frequency of each class (ln {units} = {math.log(units):.3f} if all are equal)"
    return "that of the best guess that is the same for every row"


def hardly_better(probe: Probe) -> bool:
    """Trained, and little better than guessing, whether it still moves or not."""
    known = skill_of(probe)
    return known is not None and probe.trainer.iteration >= UPDATES and known < SKILL and probe.left_now >= IS_WORSE


def skill_of(probe: Probe) -> float | None:
    """How much of what guessing gets wrong the network gets right, in evaluation."""
    return skill(probe, probe.batch.y, probe.outputs, probe.left_now)


def falls(history: History) -> bool:
    """Has the loss fallen by a hundredth in the last three epochs?"""
    losses = history["loss"][-4:] if "loss" in history else []
    return len(losses) == 4 and None not in losses and losses[-1] < MOVES * losses[0]


def last_loss(trainer: Trainer) -> float:
    """The loss of the last epoch; NaN where nothing was recorded, or steps have been made since."""
    history = trainer.history
    if not len(history) or history.last.get("updates") != trainer.iteration or history.last.get("loss") is None:
        return math.nan
    return float(history.last["loss"])


def best_loss(history: History) -> float:
    """The lowest loss of an epoch; infinite where nothing was recorded."""
    if "loss" not in history:
        return math.inf
    return min((value for value in history["loss"] if value is not None and math.isfinite(value)), default=math.inf)
