"""From the tables to plain sentences. Every number and every verdict is computed from the results."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

from npdeep.teaching.lesson.measure import Look, Result, check_result, check_results
from npdeep.teaching.lesson.networks import CLASSES
from npdeep.teaching.lesson.tables import loss, percent, plain, times

CHANCE = 1 / CLASSES
NEAR_CHANCE = 0.06
"""An accuracy this close to guessing is called near chance."""
FITS = 0.9
"""A network that is right on this share of its training digits fits them."""
GAP = 0.1
"""Where so much less of the test digits is right than of the training digits, a network does not generalize."""
BEHIND = 0.05
"""A network this far behind the best of its shape, on the training digits, is called slow."""
FALLS = 0.98
"""A training loss falls where it is below this share of what it was after three quarters of the epochs."""
LEARNT = 0.05
"""A training loss this small leaves next to nothing to learn."""
APART = 0.03
"""Accuracies that differ by less are not put in order: of 1,000 test digits, the standard error of a share is 0.01 to 0.016."""
MANY_SATURATED = 0.3
LOST_SIGNAL = 1e-2
EARLY = 5 / 8
"""The order of the networks is compared after this share of the training: after 2,500 of 4,000 updates."""


def sentences(results: Sequence[Result]) -> list[str]:
    """What the numbers show, network by network, and all together."""
    results = check_results(results)
    finished = [r for r in results if r.compared and not r.cut]
    said = [f"{r.title}: before training {start(r)}. {outcome(r, finished)}.{learnt(r)}" for r in results]
    return [*said, *together(finished), *order(finished), *turned(finished)]


# ── before training ───────────────────────────────────────────────────────────────────────────────────────────────────
def start(result: Result) -> str:
    """Units, gradient and signal before training."""
    return f"{saturation(result)}{gradient(result.before)}{forward(result.before)}"


def saturation(result: Result) -> str:
    """Is the network saturated from the first step? Nothing is said where it is not."""
    if result.squashes and result.before.saturated >= MANY_SATURATED:
        return f"{100 * result.before.saturated:.0f} % of the hidden outputs are saturated and "
    return ""


def gradient(look: Look) -> str:
    """What becomes of ‖∂L/∂z‖ on its way from the last layer to the first.

    >>> gradient(Look([1e-6, 1.0]))
    '‖∂L/∂z‖ shrinks by a factor of 1,000,000 on its way back: it vanishes'
    """
    ratio = look.ratio
    if not ratio > 0 or math.isinf(ratio):
        return "‖∂L/∂z‖ of the first layer is 0 or not a number"
    orders = -math.log10(ratio)
    if orders >= 0.5:
        return f"‖∂L/∂z‖ shrinks by a factor of {plain(1 / ratio)} on its way back" + (": it vanishes" if orders >= 3 else "")
    if orders > -0.5:
        return f"‖∂L/∂z‖ keeps its size on its way back ({times(ratio)})"
    return f"‖∂L/∂z‖ grows by a factor of {plain(ratio)} on its way back" + (": it explodes" if orders <= -3 else "")


def forward(look: Look) -> str:
    """Does the signal survive the way up? Nothing is said where it does.

    >>> forward(Look([1.0], [1.0, 2e-5]))
    ', and on the way up the digits become alike: their spread is divided by 50,000'
    """
    if not 0 < look.signal < LOST_SIGNAL:
        return ""
    return f", and on the way up the digits become alike: their spread is divided by {plain(1 / look.signal)}"


# ── after training ────────────────────────────────────────────────────────────────────────────────────────────────────
def verdict(result: Result, compared: Sequence[Result] = ()) -> str:
    """What has become of a network, in a few words. compared: networks of the same shape that had as many updates."""
    check_result("result", result)
    compared = check_results(compared, "compared")
    gap = result.train_accuracy - result.accuracy
    if result.cut:
        return "it was interrupted there"
    if not math.isfinite(result.loss):
        return "it has diverged"
    if result.train_accuracy < CHANCE + NEAR_CHANCE:
        return f"near the {100 * CHANCE:.0f} % of guessing: it has not learnt"
    if result.train_accuracy >= FITS:
        return "it learns" if gap < GAP else f"it fits, but does not generalize (a gap of {100 * gap:.0f} points)"
    behind = max((r.train_accuracy for r in compared if r.updates == result.updates), default=0.0) - result.train_accuracy
    if falling(result) is False:
        said = "its loss hardly falls"
    elif result.compared and behind >= BEHIND:
        said = f"it learns slowly, {100 * behind:.0f} points behind the best of its shape on the training digits"
    else:
        said = "it is still learning"
    return said + (f", and generalizes badly (a gap of {100 * gap:.0f} points)" if gap >= GAP else "")


def falling(result: Result) -> bool | None:
    """Was the training loss still falling at the end? None where there are too few epochs to tell."""
    losses = [record["loss"] for record in result.history]
    return losses[-1] < FALLS * losses[3 * len(losses) // 4 - 1] if len(losses) >= 4 else None


def outcome(result: Result, compared: Sequence[Result] = ()) -> str:
    """The numbers after training, and the verdict."""
    text = (
        f"After {result.updates:,} updates its training loss is {loss(result.loss)}, and it is right on "
        f"{percent(result.train_accuracy)} of the training digits and {percent(result.accuracy)} of the test digits"
    )
    apart = "" if result.compared else "; it has another shape and optimizer, and is not compared with the others"
    return f"{text}{', ' if verdict(result).startswith('near') else ': '}{verdict(result, compared)}{apart}"


def learnt(result: Result) -> str:
    """Why the gradient of a network that has learnt is small; nothing where it has not, or where the gradient is not small."""
    before, after = result.before.last, result.after.last
    if result.cut or not (result.loss <= LEARNT and 0 < 5 * after <= before):
        return ""
    kept = result.after.ratio > 10**-0.5
    return (
        f" It has learnt next to all there is, so its gradient is small: at the last layer {plain(before / after)} times "
        f"smaller than before training{'; it has not vanished on its way back' if kept else ''} ({times(result.after.ratio)})."
    )


# ── all together ──────────────────────────────────────────────────────────────────────────────────────────────────────
def together(compared: Sequence[Result]) -> list[str]:
    """What the networks of equal shape show side by side."""
    if len(compared) < 2 or len({r.updates for r in compared}) > 1:
        return []                             # nothing to compare, or no fair comparison
    low, high = (end(percent(r.accuracy) for r in compared) for end in (_least, _most))
    if low == high:
        return []
    ends = [[r for r in compared if percent(r.accuracy) == share] for share in (low, high)]
    text = (
        f"The {len(compared)} deep networks have the same number of layers and units, the same data and optimizer; what "
        f"differs is how they begin, what their units compute and what is put between or around them. That alone makes the "
        f"difference between {low} ({_titles(ends[0])}) and {high} ({_titles(ends[1])}) of the test digits."
    )
    said = [text]
    vanished = [r for r in compared if r.before.ratio < 1e-3]
    kept = [r for r in compared if 10**-0.5 < r.before.ratio < 10**0.5]
    if vanished and kept:
        said.append(
            f"Where the gradient vanishes ({_titles(vanished)}), {_range(vanished)} of the test digits are right; where it "
            f"keeps its size ({_titles(kept)}), {_range(kept)}."
        )
    between = sorted((r for r in compared if r not in vanished and r not in kept), key=lambda r: r.before.ratio)
    if between and said[1:]:
        listed = ", ".join(f"{_name(r)} ({times(r.before.ratio)}) {percent(r.accuracy)}" for r in between)
        said.append(f"In between, or where it grows: {listed}.")
    return said


def order(compared: Sequence[Result]) -> list[str]:
    """Networks that keep the gradient's size better, and yet end behind another one; the pair that is furthest apart."""
    pairs = [
        (more, less)
        for pair in combinations(compared, 2)
        for more, less in (pair, pair[::-1])
        if _lost(more) + 1 <= _lost(less) and more.accuracy + BEHIND <= less.accuracy and more.updates == less.updates
    ]
    if not pairs:
        return []
    more, less = max(pairs, key=lambda pair: pair[1].accuracy - pair[0].accuracy)
    text = (
        f"The gradient before training does not settle the order: {_name(more)} keeps its size better "
        f"({times(more.before.ratio)}) than {_name(less)} ({times(less.before.ratio)}) and is right on fewer test digits "
        f"({percent(more.accuracy)} and "
        f"{percent(less.accuracy)}). {_why(more, less)}"
    )
    return [text]


def _why(behind: Result, ahead: Result) -> str:
    """Is it behind because it has learnt less, or because what it has learnt does not hold for new digits?"""
    shares = f"({percent(behind.train_accuracy)} and {percent(ahead.train_accuracy)})"
    if behind.train_accuracy > ahead.train_accuracy:
        return f"On the training digits it is ahead {shares}: it lacks generalization, not gradient."
    return f"On the training digits it is behind as well {shares}."


def turned(compared: Sequence[Result]) -> list[str]:
    """Which networks have changed places on the test digits since five eighths of the training."""
    said = []
    for pair in combinations(compared, 2):
        for behind, ahead in (pair, pair[::-1]):
            early = [_early(r) for r in (behind, ahead)]
            if behind.updates != ahead.updates or None in early:
                continue
            (updates, was_ahead), (_, was_behind) = early  # type: ignore[misc]
            if was_ahead >= was_behind + APART and ahead.accuracy >= behind.accuracy + APART:
                said.append(
                    f"The order changes with the length of training: after {updates:,} updates {_name(behind)} is right on "
                    f"more test digits than {_name(ahead)} ({percent(was_ahead)} and {percent(was_behind)}), after "
                    f"{ahead.updates:,} on fewer ({percent(behind.accuracy)} and {percent(ahead.accuracy)})."
                )
    return said


def _early(result: Result) -> tuple[int, float] | None:
    """Updates and accuracy after five eighths of the epochs; None for a run that is too short."""
    epochs = round(EARLY * len(result.history))
    if epochs < 1 or epochs >= len(result.history):
        return None
    record = result.history.records[epochs - 1]
    return record["updates"], record["val_accuracy"]


def _lost(result: Result) -> float:
    """How many orders of magnitude the gradient is off on its way back; infinitely many where nothing is left."""
    ratio = result.before.ratio
    return abs(math.log10(ratio)) if 0 < ratio < math.inf else math.inf


def _least(shares: Iterator[str]) -> str:
    return min(shares, key=lambda share: float(share[:-2]))


def _most(shares: Iterator[str]) -> str:
    return max(shares, key=lambda share: float(share[:-2]))


def _name(result: Result) -> str:
    return f'"{result.title}"'


def _titles(results: Sequence[Result]) -> str:
    names = [_name(r) for r in results]
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _range(results: Sequence[Result]) -> str:
    low, high = (percent(end(r.accuracy for r in results)) for end in (min, max))
    return low if low == high else f"{low[:-2]} to {high}"
