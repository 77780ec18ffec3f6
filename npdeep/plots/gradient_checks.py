"""Is the gradient right? Analytic against numeric, element by element; and the step that a difference quotient needs."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import SymmetricalLogLocator

from npdeep.common.checks import describe
from npdeep.common.notation import short
from npdeep.debug.epsilon_sweep import EpsilonSweep
from npdeep.debug.gradient_check import STEP
from npdeep.debug.gradient_report import Comparison, GradientReport
from npdeep.kernels.arrays import Array
from npdeep.plots.style import COLORS, in_house_style, new_axes

MARKERS = ("o", "s", "^", "D", "v", "*", "<", "p", ">", "h")
"""None of them is a cross, which stands for a kink."""


@in_house_style
def gradient_agreement(report: GradientReport, ax: Axes | None = None) -> Axes:
    """Every compared element: its hand-derived gradient across, its central difference upwards.

    Read it as: what is right lies on the diagonal. Both axes are logarithmic to both sides of a small linear part around 0, so
    that a wrong sign shows. A colour and a marker for each parameter; elements on a kink, which the check leaves out, are
    crosses; a ring marks the worst element, and the title names it. Raises ValueError for a report without elements.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/gradient_agreement.png

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
    ax = new_axes(ax)
    sizes = np.abs(np.concatenate([np.append(c.ours, c.central) for c in report.comparisons]))
    largest = float(np.max(sizes[np.isfinite(sizes)], initial=0.0)) or 1.0
    edge = 2 * largest
    ax.plot([-edge, edge], [-edge, edge], color="0.6", linewidth=1.5, zorder=1, label="equal")
    for i, comparison in enumerate(report.comparisons):
        kinked = comparison.on_kink
        style: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "zorder": 2}
        marker = MARKERS[i % len(MARKERS)]
        ax.scatter(
            comparison.ours[~kinked], comparison.central[~kinked], 45, marker=marker, alpha=0.75, label=comparison.name, **style
        )
        ax.scatter(comparison.ours[kinked], comparison.central[kinked], 70, marker="x", **style)
    if report.kinks:
        ax.scatter([], [], 70, marker="x", color="0.4", label="on a kink, left out")
    mark_worst(ax, report.worst)
    linear = 10.0 ** np.floor(np.log10(largest * 1e-4))
    ax.set_xscale("symlog", linthresh=linear)
    ax.set_yscale("symlog", linthresh=linear)
    ax.set(xlim=(-edge, edge), ylim=(-edge, edge))
    for axis, labels in ((ax.xaxis, 7), (ax.yaxis, 13)):
        locator = SymmetricalLogLocator(base=10, linthresh=linear)
        locator.set_params(numticks=labels)
        axis.set_major_locator(locator)
    ax.set_xlabel("gradient derived by hand")
    ax.set_ylabel("central difference of the loss")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def mark_worst(ax: Axes, worst: Comparison) -> None:
    """A ring around the worst element, and its numbers above the picture."""
    ax.scatter([worst.analytic], [worst.numeric], 260, facecolors="none", edgecolors="black", linewidths=2.2, zorder=4)
    verdict = "does NOT agree" if worst.verdict == "WRONG" else "agrees"
    numbers = f"by hand {short(worst.analytic)}, difference {short(worst.numeric)}"
    ax.set_title(f"worst (ring): {worst.name}{list(worst.worst)} {verdict}\n{numbers}")


@in_house_style
def epsilon_sweep(sweep: EpsilonSweep, ax: Axes | None = None) -> Axes:
    """The relative error over the step ε, both logarithmic: a U, with rounding on its left side and truncation on its right.

    Read it from right to left: a smaller step is better until rounding takes over. Thick: all compared elements together; thin:
    one parameter each. Dashed: how the two errors would grow, as 1/ε and as ε²; dotted: the step that `gradient_check` takes.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/epsilon_sweep.png

    >>> sweep = EpsilonSweep([1e-2, 1e-5, 1e-9], errors=[1e-4, 1e-10, 1e-7], by_parameter={"w": [1e-4, 1e-10, 1e-7]})
    >>> ax = epsilon_sweep(sweep)
    >>> ax.get_xscale(), ax.get_lines()[0].get_label()
    ('log', 'all elements')
    """
    if not isinstance(sweep, EpsilonSweep):
        raise TypeError(f"epsilon_sweep: sweep must be what nd.debug.epsilon_sweep returns, got {describe(sweep)}")
    ax = new_axes(ax)
    steps, errors = np.array(sweep.epsilons), visible(sweep.errors, 0.0)
    least = float(np.nanmin(errors)) / 10
    ax.plot(steps, errors, color=COLORS[0], marker="o", linewidth=3, zorder=3, label="all elements")
    for i, (_, each) in enumerate(sweep.by_parameter.items()):
        ax.plot(steps, visible(each, least), color="0.65", linewidth=1, label="one parameter each" if i == 0 else None)
    ax.set_xscale("log")
    ax.set_yscale("log")
    for power, label, color, style in () if sweep.never else GUIDES:
        side = steps[steps <= sweep.best] if power < 0 else steps[steps >= sweep.best]
        ax.plot(side, np.nanmin(errors) * (side / sweep.best) ** power, color=color, linestyle=style, label=label)
    ax.axvline(STEP, color="black", linestyle=":", linewidth=1.5, label=f"gradient_check: {STEP:.0e}")
    ax.set_ylim(least, max(10 * np.nanmax(errors), 1.0))
    wrong = f"no step makes them agree:\n{', '.join(sweep.never)} wrong"
    ax.set_title(wrong if sweep.never else f"best at ε = {sweep.best:.1e}: they agree to {sweep.error:.0e} ({sweep.dtype})")
    ax.set_xlabel("step ε")
    ax.set_ylabel("relative error")
    ax.legend()
    return ax


GUIDES = ((-1, "rounding: 1/ε", COLORS[1], "--"), (2, "truncation: ε²", COLORS[2], "-."))
"""How the two errors grow away from the best step."""


def visible(errors: list[float], least: float) -> Array:
    """The errors, with gaps where one is 0, which a logarithmic axis does not have, or too small to be of interest.

    >>> visible([0.5, 0.0], least=0.0)
    array([0.5, nan])
    """
    return np.array([error if error > least else np.nan for error in errors])
