"""Is the gradient right? Analytic against numeric, element by element; and the step that a difference quotient needs."""

import numpy as np
from matplotlib.axes import Axes

from npdeep.checks import describe
from npdeep.debug.epsilon_sweep import EpsilonSweep
from npdeep.debug.gradient_check import STEP, Comparison, GradientReport
from npdeep.plots.style import COLORS, MARKERS, in_house_style, new_axes

FLOOR = 1e-17
"""Errors below are drawn here: a logarithmic axis has no 0."""


@in_house_style
def gradient_agreement(report: GradientReport, ax: Axes | None = None) -> Axes:
    """Every compared element: its hand-derived gradient across, its central difference upwards; right ones lie on the diagonal.

    Both axes are logarithmic to both sides of a small linear part around 0, so that a wrong sign shows. A colour and a marker
    for each parameter; elements on a kink, which the check leaves out, are crosses; a ring marks the worst element. Raises
    ValueError for a report without elements.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("tanh"), nd.Dense(2)], input_size=4, seed=0)
    >>> report = nd.debug.gradient_check(model, "softmax_cross_entropy", np.eye(4)[:2], np.array([0, 1]))
    >>> ax = gradient_agreement(report)
    >>> ax.get_xscale(), ax.get_xlabel()
    ('symlog', 'gradient derived by hand')
    """
    if not isinstance(report, GradientReport):
        raise TypeError(f"gradient_agreement: report must be what nd.debug.gradient_check returns, got {describe(report)}")
    if not any(c.ours.size for c in report.comparisons):
        raise ValueError("gradient_agreement: the report holds no compared elements")
    ax = new_axes(ax, (8, 6.5))
    sizes = np.abs(np.concatenate([np.append(c.ours, c.central) for c in report.comparisons]))
    largest = float(np.max(sizes[np.isfinite(sizes)], initial=0.0)) or 1.0
    edge = 2 * largest
    ax.plot([-edge, edge], [-edge, edge], color="0.6", linewidth=1.5, zorder=1, label="equal")
    for i, comparison in enumerate(report.comparisons):
        kinked = comparison.on_kink
        style = {"color": COLORS[i % len(COLORS)], "zorder": 2}
        marker = MARKERS[(i + i // len(MARKERS)) % len(MARKERS)]
        ax.scatter(
            comparison.ours[~kinked], comparison.central[~kinked], 45, marker=marker, alpha=0.75, label=comparison.name, **style
        )
        ax.scatter(comparison.ours[kinked], comparison.central[kinked], 70, marker="x", **style)
    if report.kinks:
        ax.scatter([], [], 70, marker="x", color="0.4", label="on a kink, left out")
    mark_worst(ax, report.worst, bool(report))
    for axis in (ax.xaxis, ax.yaxis):
        axis.axes.set(xlim=(-edge, edge), ylim=(-edge, edge))
    ax.set_xscale("symlog", linthresh=largest * 1e-4)
    ax.set_yscale("symlog", linthresh=largest * 1e-4)
    thin_out(ax)
    ax.set_xlabel("gradient derived by hand")
    ax.set_ylabel("central difference of the loss")
    ax.legend(loc="upper left", ncols=1 if len(report.comparisons) < 8 else 2)
    return ax


def mark_worst(ax: Axes, worst: Comparison, right: bool) -> None:
    """A ring around the worst element, and its name in the corner that the diagonal leaves free."""
    ax.scatter([worst.analytic], [worst.numeric], 260, facecolors="none", edgecolors="black", linewidths=2, zorder=4)
    verdict = "agrees" if right else "does NOT agree"
    text = f"worst: {worst.name}{list(worst.worst)}\nby hand {worst.analytic:.4g}\ndifference {worst.numeric:.4g}\n{verdict}"
    ax.text(0.97, 0.04, text, transform=ax.transAxes, ha="right", va="bottom", fontsize=13,
            bbox={"facecolor": "white", "edgecolor": "black", "alpha": 0.9})  # fmt: skip


def thin_out(ax: Axes) -> None:
    """At most a label for every second power of ten on either side."""
    for axis in (ax.xaxis, ax.yaxis):
        ticks = axis.get_major_locator()
        ticks.set_params(numticks=9)


@in_house_style
def epsilon_sweep(sweep: EpsilonSweep, ax: Axes | None = None) -> Axes:
    """The relative error over the step ε, both logarithmic: a U, with rounding on its left side and truncation on its right.

    Thick: all compared elements together; thin: one parameter each. Dashed: how the two errors would grow, as 1/ε and as ε²;
    dotted: the step that `gradient_check` takes.

    >>> sweep = EpsilonSweep([1e-2, 1e-5, 1e-9], errors=[1e-4, 1e-10, 1e-7], by_parameter={"w": [1e-4, 1e-10, 1e-7]})
    >>> ax = epsilon_sweep(sweep)
    >>> ax.get_xscale(), ax.get_lines()[0].get_label()
    ('log', 'all elements')
    """
    if not isinstance(sweep, EpsilonSweep):
        raise TypeError(f"epsilon_sweep: sweep must be what nd.debug.epsilon_sweep returns, got {describe(sweep)}")
    ax = new_axes(ax)
    steps = np.array(sweep.epsilons)
    errors = np.maximum(sweep.errors, FLOOR)
    ax.plot(steps, errors, color=COLORS[0], marker="o", linewidth=3, zorder=3, label="all elements")
    for i, (_, each) in enumerate(sweep.by_parameter.items()):
        ax.plot(steps, np.maximum(each, FLOOR), color="0.65", linewidth=1, label="one parameter each" if i == 0 else None)
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = errors.min() / 10, max(10 * errors.max(), 1.0)
    bottom = max(sweep.error, FLOOR)
    for power, label, color in ((-1, "rounding: 1/ε", COLORS[1]), (2, "truncation: ε²", COLORS[2])):
        side = steps[steps <= sweep.best] if power < 0 else steps[steps >= sweep.best]
        style = "--" if power < 0 else "-."
        ax.plot(side, bottom * (side / sweep.best) ** power, color=color, linestyle=style, label=label)
    ax.axvline(STEP, color="black", linestyle=":", linewidth=1.5, label=f"gradient_check: {STEP:.0e}")
    ax.set_ylim(low, high)
    ax.set_title(f"best at ε = {sweep.best:.1e}: they agree to {sweep.error:.0e} ({sweep.dtype})")
    ax.set_xlabel("step ε")
    ax.set_ylabel("relative error")
    ax.legend()
    return ax
