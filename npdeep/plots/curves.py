"""How training went, and the schedules it followed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from npdeep.common import checks
from npdeep.debug.learning_rates import LearningRateRange
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.plots.labels import name_lines
from npdeep.plots.style import COLORS, in_house_style, look, new_axes
from npdeep.schedules import Schedule, rate, value_at

USUAL = ("val_accuracy", "val_loss", "accuracy", "loss")
X_LABELS = {"updates": "updates", "epoch": "epochs", "seconds": "seconds of training"}


@in_house_style
def learning_curves(
    runs: Mapping[str, History | Sequence[History]] | Sequence[History] | History,
    key: str | None = None,
    x: str = "updates",
    ax: Axes | None = None,
    *,
    band: str = "range",
) -> Axes:
    """One recorded quantity of one or several runs; runs of several seeds as their mean within a band.

    Args:
        runs: a history, or histories by the name that the legend is to show. A list of histories under one name, runs of one
            network with several seeds, becomes one line, their mean, in a band.
        key: what to draw, for example "loss" or "val_accuracy"; by default the first of val_accuracy, val_loss, accuracy and
            loss that all runs recorded.
        x: "updates", "epochs" or "seconds". Runs with other batch sizes are compared fairly by updates or seconds only.
        ax: axes to draw into.
        band: "range", from the lowest to the highest run, or "std", one standard deviation (of n − 1) about the mean.

    Read a difference between two lines as one only where their bands part. Lines are drawn at the mean of the seconds, and only
    as far as the shortest run of a list goes.

    Raises ValueError for an unknown key, x or band, an empty list, or a list whose runs were recorded at different updates.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/learning_curves_bands.png

    >>> history = History([{"updates": 10, "loss": 2.0}, {"updates": 20, "loss": 1.0}])
    >>> ax = learning_curves(history, "loss")
    >>> ax.get_xlabel(), ax.get_lines()[0].get_ydata().tolist()
    ('updates', [2.0, 1.0])
    """
    owner = "learning_curves"
    x = checks.choice(owner, "x", x, [*X_LABELS, "epochs"])
    x = "epoch" if x == "epochs" else x
    band = checks.choice(owner, "band", band, ("range", "std"))
    named: Mapping[str, Any] = runs if isinstance(runs, Mapping) else {"": runs}
    grouped = {name: _histories(name, run) for name, run in named.items()}
    key = _recorded(grouped.values()) if key is None else checks.text(owner, "key", key)
    curves = {name: _curve(name, histories, key, x) for name, histories in grouped.items()}
    ax, own = new_axes(ax), ax is None
    for i, (name, (places, values)) in enumerate(curves.items()):
        ax.plot(places, values.mean(axis=0), label=name or None, **look(i, marked=len(places) == 1))    # a line needs two
        if len(values) > 1:
            ax.fill_between(places, *_band(values, band), color=COLORS[i % len(COLORS)], alpha=0.2, linewidth=0)
    ax.set_xlabel(X_LABELS[x])
    ax.set_ylabel(key.replace("val_", "validation ").replace("_", " "))
    counts = sorted({len(values) for _, values in curves.values()} - {1})
    if named.keys() != {""} or counts:
        what = "lowest to highest" if band == "range" else "± one standard deviation"
        title = f"mean of {' or '.join(map(str, counts))} runs, {what}" if counts else None
        if len(ax.get_legend_handles_labels()[0]) == 0 or (own and title):
            ax.set_title(title or "")
        name_lines(ax, own, title)
    return ax


def _recorded(groups: Iterable[list[History]]) -> str:
    """What is drawn where nothing is asked for: the first of the usual quantities that all runs have."""
    runs = [run for group in groups for run in group if len(run)]
    return next((key for key in USUAL if all(key in run for run in runs)), "loss")


def _histories(name: str, run: Any) -> list[History]:
    """The runs under one name."""
    histories = [run] if isinstance(run, History) else run
    if not isinstance(histories, Sequence) or not all(isinstance(history, History) for history in histories):
        raise TypeError(
            "learning_curves: runs must be a History, as fit returns it, a list of them (one per seed), or a dict of such; "
            f"got {checks.describe(run)}"
        )
    if not histories:
        raise ValueError(f"learning_curves: there are no runs under {name!r}" if name else "learning_curves: there are no runs")
    return list(histories)


def _curve(name: str, histories: list[History], key: str, x: str) -> tuple[Array, Array]:
    """Where the points lie (points,), and the quantity of each run there (runs, points)."""
    for history in histories:
        if len(history) and key not in history:
            there = checks.listed(history.keys)
            raise ValueError(f"learning_curves: key must be one of what was recorded, {there}; got the string {key!r}")
    points = [[(r[x], r[key]) for r in history if key in r] or [(np.nan, history[key])] for history in histories]
    shortest = min(map(len, points))
    table = np.array([row[:shortest] for row in points], np.float64)
    if x != "seconds" and (table[:, :, 0] != table[0, :, 0]).any():
        raise ValueError(
            f"learning_curves: the runs under {name!r} were recorded at different {X_LABELS[x]}, so that they have no mean; "
            "give each a name of its own"
        )
    return table[:, :, 0].mean(axis=0), table[:, :, 1]


def _band(values: Array, band: str) -> tuple[Array, Array]:
    """The lower and the upper edge."""
    if band == "range":
        return values.min(axis=0), values.max(axis=0)
    middle, spread = values.mean(axis=0), values.std(axis=0, ddof=1)
    return middle - spread, middle + spread


@in_house_style
def schedules(
    rates: Mapping[str, Schedule | float] | Schedule | float,
    steps: int,
    quantity: str = "learning rate",
    ax: Axes | None = None,
    *,
    log: bool = False,
) -> Axes:
    """What schedules of nd.schedules give for each of the first `steps` updates.

    Args:
        rates: a schedule or number, or several by the name that the legend is to show.
        steps: how many updates; longer runs are drawn at 2,000 of them.
        quantity: the label of the vertical axis; "momentum", for example, for schedules of a momentum.
        ax: axes to draw into.
        log: True for a logarithmic scale, on which exponential decay is a straight line.

    Read the area under a line as how far the weights can travel. To show a momentum beside its learning rate, call this twice
    with two axes of one figure. Raises ValueError or TypeError for what is not a schedule.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/schedules.png

    >>> from npdeep.schedules import PowerDecay
    >>> ax = schedules({"constant": 0.1, "power": PowerDecay(0.1, 100)}, steps=101)
    >>> float(ax.get_lines()[1].get_ydata()[100])
    0.05
    """
    steps, log = checks.whole("schedules", "steps", steps), checks.flag("schedules", "log", log)
    named: Mapping[str, Any] = rates if isinstance(rates, Mapping) else {"": rates}
    if not named:
        raise ValueError('schedules: rates are empty; pass, for example, {"constant": 0.1}')
    checked = {name: rate("schedules", f"rates[{name!r}]" if name else "rates", s, minimum=0) for name, s in named.items()}
    updates = np.unique(np.linspace(0, steps - 1, min(steps, 2000)).round().astype(int))
    lines = {name: [value_at(schedule, int(t)) for t in updates] for name, schedule in checked.items()}
    ax, own = new_axes(ax), ax is None
    for i, (name, values) in enumerate(lines.items()):
        ax.plot(updates, values, label=str(name) or None, **look(i))
    ax.set_xlabel("update")
    ax.set_ylabel(quantity)
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    if named.keys() != {""}:
        name_lines(ax, own)
    return ax


@in_house_style
def learning_rate_range(test: LearningRateRange, ax: Axes | None = None) -> Axes:
    """The loss over the learning rate of a range test, with the turning point and the suggested rate.

    Read it from left to right: flat where the rate is too small, then falling, then rising steeply where training breaks.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/learning_rate_range.png

    >>> ax = learning_rate_range(LearningRateRange([0.01, 0.1, 1.0], [2.0, 1.0, 3.0], [2.0, 1.0, 3.0]))
    >>> ax.get_xscale()
    'log'
    """
    if not isinstance(test, LearningRateRange):
        raise TypeError(f"learning_rate_range: test must be the result of nd.debug's, got {checks.describe(test)}")
    ax = new_axes(ax)
    ax.plot(test.rates, test.losses, color="0.7", linewidth=1, label="loss of each batch")
    ax.plot(test.rates, test.smoothed, color=COLORS[0], label="smoothed")
    ax.axvline(test.turning_point, color=COLORS[1], linestyle="--", label=f"lowest at {test.turning_point:.2g}")
    ax.axvline(test.suggested, color=COLORS[2], linestyle=":", label=f"a tenth of that: {test.suggested:.2g}")
    ax.set_xscale("log")
    ax.set_ylim(0, 1.1 * max(test.smoothed, default=1.0))
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    ax.legend()
    return ax
