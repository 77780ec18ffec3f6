"""From measurements to a table and a few plain sentences. Every number and every verdict is computed from the results."""

import math
from collections.abc import Sequence

from npdeep.common.tables import Table
from npdeep.teaching.lesson.measure import Look, Result
from npdeep.teaching.lesson.networks import CLASSES

CHANCE = 1 / CLASSES
NEAR_CHANCE = 0.06
"""An accuracy within so much of guessing is called near chance."""
BEHIND = 0.05
"""A network so far behind the best of its shape is called slow."""
MANY_SATURATED = 0.3
LOST_SIGNAL = 1e-2


def table(results: Sequence[Result]) -> Table:
    """The measurements, one row a network."""
    header = [
        "network",
        *("first", "last", "ratio", "signal"),
        *("→ first", "→ last", "→ ratio"),
        "saturated or dead",
        "accuracy",
        "updates",
        "seconds",
    ]
    rows = [
        [
            r.title,
            *_norms(r.before),
            f"{r.before.signal:.1e}",
            *_norms(r.after),
            shut(r),
            f"{r.accuracy:.1%}",
            f"{r.updates:,}" + (" (cut)" if r.history.stopped_because else ""),
            f"{r.seconds:.1f}",
        ]
        for r in results
    ]
    notes = [
        "first, last, ratio: norm of the gradient of the first and the last layer's weights, and first/last, on 500 training",
        "digits before training; → after training. signal: how much of a unit's spread from digit to digit is left in the last",
        "hidden layer, of that in the first. saturated: hidden outputs whose slope is below a tenth of the steepest; dead:",
        "hidden units for which that holds on all 500 digits; both before → after. accuracy: on the 1,000 test digits.",
    ]
    return Table(header, rows, notes=notes)


def _norms(look: Look) -> list[str]:
    return [f"{look.first:.1e}", f"{look.last:.1e}", f"{look.ratio:.1e}"]


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
    if result.compared and result.accuracy < best - BEHIND:
        return f"{text}, {100 * (best - result.accuracy):.0f} points behind the best of its shape: it learns slowly"
    return f"{text}: it learns"


def together(compared: Sequence[Result]) -> list[str]:
    """What the networks of equal shape show side by side."""
    best = max(compared, key=lambda r: r.accuracy, default=None)
    worst = min(compared, key=lambda r: r.accuracy, default=None)
    if best is None or worst is None or best.accuracy == worst.accuracy or len({r.updates for r in compared}) > 1:
        return []                             # nothing to compare, no difference, or no fair comparison
    shared = (
        f"The {len(compared)} deep networks have the same shape, data and optimizer; what differs is how they begin and what "
        f"their units compute. That alone makes the difference between {_percent(worst)} ({_titles([worst])}) and "
        f"{_percent(best)} ({_titles([best])})."
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
