"""Looks: readable from the last row of a classroom, by the colour-blind, and in black and white."""

import functools
import inspect
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

from npdeep.common import checks
from npdeep.common.checks import choice, describe, items
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
    "font.size": 18,
    "axes.titlesize": 20,
    "axes.labelsize": 18,
    "xtick.labelsize": 18,
    "ytick.labelsize": 18,
    "legend.fontsize": 18,
    "legend.title_fontsize": 18,
    "lines.linewidth": 2.8,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}
"""The house style: text of 18 points, which the last row can read where a figure fills the screen."""

TEXT = 14
"""Sizes of figures are given for text of this many points; with larger text a figure grows, so that all keeps its place."""

SLIDE = (12.8 * TEXT / 18, 7.2 * TEXT / 18)
"""16:9: in the house style 12.8 × 7.2 inches, 1,280 × 720 pixels when saved."""

P = ParamSpec("P")
R = TypeVar("R")


class Style:
    """Chooses how plots look, and has what they are drawn with: `COLORS`, `DASHES`, `MARKERS`, `RULES`, `look`.

    nd.plots.style("house") draws new figures in the house style, whatever your settings of matplotlib are; this is the default.
    nd.plots.style("yours") draws them by your settings (`matplotlib.rcParams`). A figure that is drawn into your own axes
    follows your settings in any case. In a with statement the choice holds until its end. Raises ValueError for another name.

    >>> with style("yours"):
    ...     size = new_axes(None).figure.get_size_inches().tolist()
    >>> size == plt.rcParams["figure.figsize"], style.chosen
    (True, 'house')
    """

    COLORS, DASHES, MARKERS, RULES = COLORS, DASHES, MARKERS, RULES

    def __init__(self) -> None:
        self.chosen = "house"
        self.before: list[str] = []

    def __call__(self, name: str) -> "Style":
        """Choose "house" or "yours"."""
        name = choice("style", "name", name, ("house", "yours"))
        self.before.append(self.chosen)
        self.chosen = name
        return self

    def __enter__(self) -> "Style":
        return self

    def __exit__(self, *_: object) -> None:
        self.chosen = self.before.pop()

    @staticmethod
    def look(i: int, marked: bool = False) -> dict[str, Any]:
        """Colour, dashes and, if asked, a marker for the i-th line of a plot."""
        return look(i, marked)


style = Style()


HOUSE: "weakref.WeakSet[Any]" = weakref.WeakSet()
"""The figures that were made in the house style."""


def in_house_style(plot: Callable[P, R]) -> Callable[P, R]:
    """Make a plot function draw new figures in the house style, whatever the user's settings are; they are left as they were.

    What is drawn into the user's axes (`ax`, `axes`) follows the user's settings; so does all after `style("yours")`.

    >>> in_house_style(lambda: plt.rcParams["font.size"])()
    18.0
    """
    signature = inspect.signature(plot)

    @functools.wraps(plot)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        if style.chosen == "yours" or draws_into(signature, args, kwargs):
            return plot(*args, **kwargs)
        with plt.rc_context(RULES):
            drawn = plot(*args, **kwargs)
            interactive = matplotlib.is_interactive()
        matplotlib.interactive(interactive)   # the first figure loads a notebook's backend, which turns this on: let it be
        return drawn

    return styled


def draws_into(signature: inspect.Signature, args: Any, kwargs: Any) -> bool:
    """Were the user's axes given, which `new_axes` and `new_grid` have not made in the house style?"""
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:                         # the function itself says what does not fit
        return False
    axes = given["axes"] if given.get("axes") is not None else given.get("ax")
    while isinstance(axes, list | tuple | np.ndarray):
        axes = next(iter(axes.flat if isinstance(axes, np.ndarray) else axes), None)
    return isinstance(axes, Axes) and axes.figure not in HOUSE


def scaled(size: tuple[float, float]) -> tuple[float, float]:
    """The size of a figure, larger where its text is larger.

    >>> with plt.rc_context({"font.size": 7}):
    ...     scaled((8, 5))
    (4.0, 2.5)
    """
    factor = plt.rcParams["font.size"] / TEXT
    return factor * size[0], factor * size[1]


def new_axes(ax: Axes | None, size: tuple[float, float] = SLIDE) -> Axes:
    """The given axes, or new ones. Raises TypeError for anything else.

    >>> new_axes(None).get_title()
    ''
    """
    if ax is None:
        return new_grid(1, 1, size)[1][0]
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
    """A figure of rows × columns axes, listed row by row. size: in inches, for text of 14 points; with larger text it grows.

    >>> figure, axes = new_grid(1, 2, (8, 4))
    >>> len(axes)
    2
    """
    yours = style.chosen == "yours"
    wanted = None if yours and rows * columns == 1 else scaled(size)
    figure, axes = plt.subplots(rows, columns, figsize=wanted, squeeze=False, **options)
    if not yours:
        HOUSE.add(figure)
    return figure, list(axes.flat)


def look(i: int, marked: bool = False) -> dict[str, Any]:
    """Colour, dashes and, if asked, a marker for the i-th line of a plot.

    >>> look(0)
    {'color': '#0072B2', 'linestyle': '-'}
    """
    dashes = DASHES[(i + i // len(COLORS)) % len(DASHES)]     # the eighth line has the first colour, but other dashes
    style: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "linestyle": dashes}
    if marked:
        style["marker"] = MARKERS[i % len(MARKERS)]
    return style


def spread_out(n: int, most: int = 7) -> list[int]:
    """At most this many of the positions 0 … n − 1, evenly spaced, the first and the last among them.

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
    """Write the figure as an image and close it; return the path. Raises TypeError for what is no figure or no path."""
    if not isinstance(figure, Figure):
        raise TypeError(f"save: figure must be a matplotlib Figure, got {describe(figure)}")
    path = checks.path("save", "path", path)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix and path.suffix[1:].lower() not in known:
        raise ValueError(f"save: path must end in .{', .'.join(known)}, got {checks.shortened(repr(path.name))}")
    with replacing(path) as file:
        figure.savefig(file, dpi=100, format=path.suffix[1:] or None)
    plt.close(figure)
    return path
