"""The two tables of the lesson, and how their numbers are written."""

import math
from collections.abc import Sequence

from npdeep.common.tables import Table
from npdeep.teaching.lesson.measure import PROBE, Result, check_results


def gradients(results: Sequence[Result]) -> Table:
    """Before training: the gradient on its way back, the signal on its way up."""
    header = ["network", "‖∂L/∂z‖ last layer", "‖∂L/∂z‖ first layer", "gradient on its way back", "signal on its way up"]
    rows = [
        [r.title, f"{r.before.last:.1e}", f"{r.before.first:.1e}", times(r.before.ratio), times(r.before.signal)]
        for r in check_results(results)
    ]
    gradient = (
        "‖∂L/∂z‖: size of the loss's gradient with respect to what a layer computes, z = xW + b; the last layer is the output "
        "layer. On its way back from there to the first layer it is multiplied (×) or divided (÷) by this much."
    )
    signal = "The signal: how far what a hidden layer passes on spreads from digit to digit, the last layer beside the first."
    return Table(header, rows, f"Before training, on {PROBE} training digits", [gradient, signal])


def table(results: Sequence[Result]) -> Table:
    """After training: what was learnt, and what of it holds for new digits."""
    header = ["network", "updates", "training loss", "right: training", "right: test"]
    rows = [
        [
            r.title,
            f"{r.updates:,}" + (" (cut)" if r.cut else ""),
            loss(r.loss),
            percent(r.train_accuracy),
            percent(r.accuracy),
        ]
        for r in check_results(results)
    ]
    note = "Training loss and share that is right: of all training digits; test: of digits that no network was trained on."
    return Table(header, rows, "After training", [note])


def units(results: Sequence[Result]) -> Table:
    """Inside the networks after training: units that let no gradient through, and what has become of the gradient."""
    header = ["network", "hidden units, before → after", "‖∂L/∂z‖ last layer", "gradient on its way back"]
    rows = [[r.title, shut(r), f"{r.after.last:.1e}", times(r.after.ratio)] for r in check_results(results)]
    note = (
        "saturated: share of the hidden outputs where the activation's slope is below a tenth of its steepest. dead: share of "
        f"the hidden units for which that holds on all {PROBE} digits."
    )
    return Table(header, rows, "Inside, after training", [note])


def shut(result: Result) -> str:
    """The saturated share of a network with squashing activations, the dead share of another."""
    name = "saturated" if result.squashes else "dead"
    before, after = (getattr(look, name) for look in (result.before, result.after))
    return f"{before:.0%} → {after:.0%} {name}" if math.isfinite(before + after) else "not a number"


def times(ratio: float) -> str:
    """A factor for people.

    >>> times(2.14), times(1 / 169), times(1.2e-6), times(1e-13), times(0.98), times(0.0)
    ('× 2.1', '÷ 170', '÷ 830,000', '÷ 10^13.0', '× 1.0', 'nothing left')
    """
    if ratio == 0:
        return "nothing left"
    if not math.isfinite(ratio):
        return "not a number"
    return f"× {plain(max(1.0, ratio))}" if ratio > 0.95 else f"÷ {plain(1 / ratio)}"


def plain(factor: float) -> str:
    """A number of at least 1 with two digits that count, or as a power of ten.

    >>> plain(7.14), plain(169), plain(833333), plain(2.5e9)
    ('7.1', '170', '830,000', '10^9.4')
    """
    if factor >= 1e7:
        return f"10^{math.log10(factor):.1f}"
    digits = max(0, 1 - math.floor(math.log10(factor)))
    return f"{float(f'{factor:.1e}'):,.{digits}f}"


def percent(share: float) -> str:
    """One digit after the point.

    >>> percent(0.6694)
    '66.9 %'
    """
    return f"{100 * share:.1f} %"


def loss(value: float) -> str:
    """Three digits after the point, more where these are 0.

    >>> loss(2.3056), loss(0.00009), loss(float("nan"))
    ('2.306', '9e-05', 'nan')
    """
    return f"{value:.0e}" if 0 < value < 0.0005 else f"{value:.3f}"
