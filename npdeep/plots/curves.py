"""How training went."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from npdeep.checks import describe
from npdeep.debug.learning_rates import LearningRateRange
from npdeep.history import History
from npdeep.plots.style import COLORS, in_house_style, look, new_axes

X_LABELS = {"updates": "updates", "epoch": "epochs", "seconds": "seconds of training"}


@in_house_style
def learning_curves(
    runs: Mapping[str, History] | History, key: str = "val_accuracy", x: str = "updates", ax: Axes | None = None
) -> Axes:
    """One recorded quantity of one or several runs.

    Args:
        runs: a history, or histories by the name that the legend is to show.
        key: what to draw, for example "loss" or "val_accuracy".
        x: "updates", "epoch" or "seconds". Runs with other batch sizes are compared fairly by updates or seconds only.
        ax: axes to draw into.

    Raises ValueError for an unknown x, KeyError for a key that was not recorded.

    >>> history = History([{"updates": 10, "loss": 2.0}, {"updates": 20, "loss": 1.0}])
    >>> ax = learning_curves(history, "loss")
    >>> ax.get_xlabel(), ax.get_lines()[0].get_ydata().tolist()
    ('updates', [2.0, 1.0])
    """
    if x not in X_LABELS:
        raise ValueError(f"learning_curves: x must be one of {', '.join(X_LABELS)}, got {x!r}")
    if not isinstance(runs, History | Mapping):
        raise TypeError(f"learning_curves: runs must be a History, as fit returns it, or a dict of them; got {describe(runs)}")
    ax = new_axes(ax)
    named = {"": runs} if isinstance(runs, History) else runs
    for i, (name, history) in enumerate(named.items()):
        points = [(r[x], r[key]) for r in history if key in r] or [(np.nan, history[key])]
        ax.plot(*zip(*points, strict=True), label=name or None, **look(i))
    ax.set_xlabel(X_LABELS[x])
    ax.set_ylabel(key.replace("val_", "validation ").replace("_", " "))
    if "" not in named:
        ax.legend()
    return ax


@in_house_style
def learning_rate_range(test: LearningRateRange, ax: Axes | None = None) -> Axes:
    """The loss over the learning rate of a range test, with the turning point and the suggested rate.

    >>> ax = learning_rate_range(LearningRateRange([0.01, 0.1, 1.0], [2.0, 1.0, 3.0], [2.0, 1.0, 3.0]))
    >>> ax.get_xscale()
    'log'
    """
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
