"""Looks: readable from the last row of a classroom, by the colour-blind, and in black and white."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe & Ito (2008): told apart by all kinds of colour vision."""

DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
"""A line style for each colour, for those who print without colours."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

RULES: Any = {
    "font.size": 14,
    "axes.titlesize": 15,
    "axes.labelsize": 14,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "lines.linewidth": 2.2,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}


P = ParamSpec("P")
R = TypeVar("R")


def in_house_style(plot: Callable[P, R]) -> Callable[P, R]:
    """Make a plot function draw in the house style, whatever the user's settings are; they are left as they were.

    >>> in_house_style(lambda: plt.rcParams["font.size"])()
    14.0
    """

    @functools.wraps(plot)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with plt.rc_context(RULES):
            return plot(*args, **kwargs)

    return styled


def new_axes(ax: Axes | None, size: tuple[float, float] = (8, 5)) -> Axes:
    """The given axes, or new ones.

    >>> new_axes(None).get_title()
    ''
    """
    return plt.subplots(figsize=size)[1] if ax is None else ax


def new_grid(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of rows × columns axes, listed row by row.

    >>> figure, axes = new_grid(1, 2, (8, 4))
    >>> len(axes)
    2
    """
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    return figure, list(axes.flat)


def look(i: int, marked: bool = False) -> dict[str, Any]:
    """Colour, dashes and, if asked, a marker for the i-th line of a plot.

    >>> look(0)
    {'color': '#0072B2', 'linestyle': '-'}
    """
    style: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "linestyle": DASHES[i % len(DASHES)]}
    if marked:
        style["marker"] = MARKERS[i % len(MARKERS)]
    return style


def save(figure: Figure, path: Path) -> Path:
    """Write the figure as an image and close it; return the path."""
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path
