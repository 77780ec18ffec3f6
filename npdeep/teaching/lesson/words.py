"""From measurements to a table and a few plain sentences. Every number and every verdict is computed from the results."""

import math
from collections.abc import Sequence

from npdeep.common.tables import Table
from npdeep.teaching.lesson.measure import Result
from npdeep.teaching.lesson.networks import CLASSES

CHANCE = 1 / CLASSES
NEAR_CHANCE = 0.06
"""An accuracy within so much of guessing is called near chance."""
BEHIND = 0.05
"""A network so far behind the best of its shape is called slow."""
MANY_SATURATED = 0.3
LOST_SIGNAL = 1e-2


def gradients(results: Sequence[Result]) -> Table:
    """What arrives at the first layer: two rows a network, before and after training."""
    header = ["network", "training", "first layer", "last layer", "first/last", "signal left"]
    rows = [
        [title, moment, f"{look.first:.1e}", f"{look.last:.1e}", f"{look.ratio:.1e}", f"{look.signal:.1e}"]
        for r in results
        for title, moment, look in ((r.title, "before", r.before), ("", "after", r.after))
    ]
    note = (
        "first layer, last layer: norm of the loss's gradient with respect to that layer's weights, ‖∂L/∂W‖. signal left: of a "
        "unit's spread from digit to digit in the first hidden layer, the share that is left in the last one. After training "
        "gradients are small wherever the training digits have been learned."
    )
    return Table(header, rows, "The gradient on its way back, on 500 training digits", [note])


def table(results: Sequence[Result]) -> Table:
    """What became of the networks, one row a network: how many hidden units work, and how many test digits are right."""
    header = ["network", "before → after training", "right on test digits", "updates"]
    rows = [
        [r.title, shut(r), f"{r.accuracy:.1%}", f"{r.updates:,}" + (" (cut)" if r.history.stopped_because else "")]
        for r in results
    ]
    note = (
        "saturated: share of the hidden outputs where the activation's slope is below a tenth of its steepest. dead: share of "
        "the hidden units for which that holds on all 500 digits. Right: of the 1,000 test digits, after training."
    )
    return Table(header, rows, "What became of the networks", [note])


def shut(result: Result) -> str:
    """The saturated share of a network with squashing activations, the dead share of another."""
    if result.squashes:
        return f"{result.before.saturated:.0%} → {result.after.saturated:.0%} saturated"
    return f"{result.before.dead:.0%} → {result.after.dead:.0%} dead"


def sentences(results: Sequence[Result]) -> list[str]:
    """What the numbers show, network by network, and all together."""
    finished = [r for r in results if r.compared and not r.history.stopped_because]
    best = max((r.accuracy for r in finished), default=math.nan)
    said = [f"{r.title}: at the start {saturation(r)}{gradient(r)}{forward(r)}; {outcome(r, best)}." for r in results]
    return said + together(finished)


def forward(result: Result) -> str:
    """Does the signal survive the way up? Nothing is said where it does.

    >>> from npdeep.teaching.lesson.measure import Look
    >>> forward(Result("a", True, True, Look([1.0], 0, 0, 2e-5), Look([1.0], 0, 0), 0.5, 1, 1.0))
    ', and on the way up the digits become alike: of the spread in the first hidden layer 2e-05 is left in the last'
    """
    if result.before.signal < LOST_SIGNAL:
        return (
            f", and on the way up the digits become alike: of the spread in the first hidden layer {result.before.signal:.0e} "
            "is left in the last"
        )
    return ""


def saturation(result: Result) -> str:
    """Is the network saturated from the first step? Nothing is said where it is not.

    >>> from npdeep.teaching.lesson.measure import Look
    >>> saturation(Result("a", True, True, Look([1.0], 0.8, 0.1), Look([1.0], 0.7, 0.1), 0.5, 1, 1.0))
    '80 % of the hidden outputs are saturated and '
    """
    if result.squashes and result.before.saturated >= MANY_SATURATED:
        return f"{100 * result.before.saturated:.0f} % of the hidden outputs are saturated and "
    return ""


def gradient(result: Result) -> str:
    """What becomes of the gradient, before training, on its way from the last layer to the first.

    >>> from npdeep.teaching.lesson.measure import Look
    >>> gradient(Result("a", True, True, Look([1e-6, 1.0], 0, 0), Look([1.0], 0, 0), 0.5, 1, 1.0))
    'the gradient shrinks by 6.0 orders of magnitude on its way back: it vanishes'
    """
    ratio = result.before.ratio
    if not ratio > 0 or math.isinf(ratio):
        return "the gradient of the first layer is 0 or not a number"
    orders = -math.log10(ratio)
    if orders >= 3:
        return f"the gradient shrinks by {orders:.1f} orders of magnitude on its way back: it vanishes"
    if orders >= 0.5:
        return f"the gradient shrinks {1 / ratio:.3g}-fold on its way back ({orders:.1f} orders of magnitude)"
    if orders > -0.5:
        return f"the first layer's gradient is {ratio:.2g} times the last one's: it keeps its size"
    if orders > -3:
        return f"the gradient grows {ratio:.3g}-fold on its way back ({-orders:.1f} orders of magnitude)"
    return f"the gradient grows by {-orders:.1f} orders of magnitude on its way back: it explodes"


def outcome(result: Result, best: float) -> str:
    """What the network has learned.

    >>> from npdeep.teaching.lesson.measure import Look
    >>> outcome(Result("a", True, True, Look([1.0], 0, 0), Look([1.0], 0, 0), 0.09, 4000, 1.0), best=0.9)
    'after 4,000 updates it is right on 9.0 % of the test digits, near the 10 % of guessing: it has not learned'
    """
    text = f"after {result.updates:,} updates it is right on {100 * result.accuracy:.1f} % of the test digits"
    if result.history.stopped_because:
        return f"{text}; it was interrupted there"
    if result.accuracy < CHANCE + NEAR_CHANCE:
        return f"{text}, near the {100 * CHANCE:.0f} % of guessing: it has not learned"
    if not result.compared:
        return f"{text}: it learns; it has another shape and optimizer, and is not compared with the others"
    if result.accuracy < best - BEHIND:
        return f"{text}, {100 * (best - result.accuracy):.0f} points behind the best of its shape: it learns slowly"
    return f"{text}: it learns"


def together(compared: Sequence[Result]) -> list[str]:
    """What the networks of equal shape show side by side."""
    best = max(compared, key=lambda r: r.accuracy, default=None)
    worst = min(compared, key=lambda r: r.accuracy, default=None)
    if best is None or worst is None or best.accuracy == worst.accuracy or len({r.updates for r in compared}) > 1:
        return []                             # nothing to compare, no difference, or no fair comparison
    equals = {end.title: [r for r in compared if r.accuracy == end.accuracy] for end in (best, worst)}
    shared = (
        f"The {len(compared)} deep networks have the same shape, data and optimizer; what differs is how they begin and what "
        f"their units compute. That alone makes the difference between {_percent(worst)} ({_titles(equals[worst.title])}) and "
        f"{_percent(best)} ({_titles(equals[best.title])})."
    )
    vanished = [r for r in compared if r.before.ratio < 1e-3]
    kept = [r for r in compared if 10**-0.5 < r.before.ratio < 10**0.5]
    if not vanished or not kept:
        return [shared]
    contrast = (
        f"Where the gradient vanishes ({_titles(vanished)}) the accuracy is {_range(vanished)}; where it keeps its size "
        f"({_titles(kept)}) it is {_range(kept)}."
    )
    return [shared, contrast]


def _titles(results: Sequence[Result]) -> str:
    return " and ".join(f'"{r.title}"' for r in results)


def _percent(result: Result) -> str:
    return f"{100 * result.accuracy:.1f} %"


def _range(results: Sequence[Result]) -> str:
    low, high = min(r.accuracy for r in results), max(r.accuracy for r in results)
    return f"{100 * low:.1f} %" if high - low < 0.0005 else f"{100 * low:.1f} to {100 * high:.1f} %"
