"""How training went."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from npdeep.history import History
from npdeep.plots.style import in_house_style, look, new_axes

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
