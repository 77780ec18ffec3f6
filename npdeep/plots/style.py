"""Looks: readable from the last row of a classroom, by the colour-blind, and in black and white."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

from npdeep.common.checks import describe, items
from npdeep.common.whole_files import replacing

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe & Ito (2008): told apart by all kinds of colour vision."""

DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
"""A line style for each colour, for those who print without colours."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

DIVERGING: Colormap = LinearSegmentedColormap.from_list(
    "blue to yellow", ["#08204f", "#3b6cb0", "#929292", "#f2b45c", "#fff2c2"]
).with_extremes(bad="#d03030")
"""For numbers on both sides of 0, which is grey: blue is below, yellow above. Printed in grey, dark is below, light above."""

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
            drawn = plot(*args, **kwargs)
            interactive = matplotlib.is_interactive()
        matplotlib.interactive(interactive)   # the first figure loads a notebook's backend, which turns this on: let it be
        return drawn

    return styled


def new_axes(ax: Axes | None, size: tuple[float, float] = (8, 5)) -> Axes:
    """The given axes, or new ones. Raises TypeError for anything else.

    >>> new_axes(None).get_title()
    ''
    """
    if ax is None:
        return plt.subplots(figsize=size)[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be matplotlib Axes to draw into, or None for new ones; got {describe(ax)}")
    return ax


def given_axes(owner: str, axes: Any, count: int) -> list[Axes]:
    """As many axes as were asked for, out of what was given. Raises TypeError or ValueError for anything else."""
    found = items(owner, "axes", axes, "matplotlib Axes", least=count)
    for ax in found:
        if not isinstance(ax, Axes):
            raise TypeError(f"{owner}: axes must be matplotlib Axes to draw into, got {describe(ax)} among them")
    return found


@in_house_style
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


def spread_out(n: int, most: int = 7) -> list[int]:
    """At most so many of the positions 0 … n − 1, evenly spaced, the first and the last among them.

    >>> spread_out(3), spread_out(20, most=5)
    ([0, 1, 2], [0, 5, 10, 14, 19])
    """
    if n <= most:
        return list(range(n))
    return [round(float(place)) for place in np.linspace(0, n - 1, most)]


def layer_ticks(n: int, most: int = 12) -> list[int]:
    """Numbers of layers from 1 to n to write at an axis: every one, or every second, third, … so that they are few enough.

    >>> layer_ticks(3), layer_ticks(20, most=5)
    ([1, 2, 3], [1, 5, 9, 13, 17])
    """
    return list(range(1, n + 1, -(-n // most)))


def save(figure: Figure, path: Path) -> Path:
    """Write the figure as an image and close it; return the path."""
    with replacing(path) as file:
        figure.savefig(file, dpi=100, format=path.suffix[1:] or None)
    plt.close(figure)
    return path
