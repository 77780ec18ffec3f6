"""Optimizers on a surface: the paths they take down."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from npdeep.common.checks import choice, describe
from npdeep.debug.descent import SURFACES, Surface, descend
from npdeep.plots.style import COLORS, MARKERS, in_house_style, look, new_axes


@in_house_style
def optimizer_paths(
    optimizers: Mapping[str, Any] | Iterable[str],
    surface: str | Surface = "bowl",
    steps: int = 60,
    start: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """The paths of several optimizers down a function of two numbers, over its contours.

    Args:
        optimizers: names, or names or objects of nd.optimizers by the name that the legend is to show. Objects serve as
            patterns and stay free for a trainer.
        surface: "bowl", "beale", "rosenbrock", or an `nd.debug.Surface` of your own.
        steps: how many updates each makes.
        start: where they begin; by default the surface's start.
        ax: axes to draw into.

    Read it as a race: every marker is this many updates later, so markers far apart mean fast. Zigzags are steps too large for
    the steep direction; a path that overshoots the star and comes back has momentum. Neighbouring contours differ by a constant
    factor. A path that leaves the picture is cut off there; the numbers are those of `nd.debug.descend`.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/optimizer_paths.png

    >>> import npdeep as nd
    >>> ax = optimizer_paths({"plain": nd.optimizers.SGD(0.5), "adam": "adam"}, steps=10)
    >>> [line.get_label() for line in ax.get_lines()[:2]], ax.get_lines()[0].get_xdata().size
    (['plain', 'adam'], 11)
    """
    if isinstance(optimizers, str) or not isinstance(optimizers, Mapping | Iterable):
        raise TypeError(
            'optimizer_paths: optimizers must be a dict such as {"momentum": nd.optimizers.Momentum(0.05)}, or a list of '
            f"names; got {describe(optimizers)}"
        )
    named = dict(optimizers) if isinstance(optimizers, Mapping) else {str(name): name for name in optimizers}
    if not named:
        raise ValueError("optimizer_paths: there are no optimizers to draw")
    if not isinstance(surface, Surface):
        surface = SURFACES[choice("optimizer_paths", "surface", surface, SURFACES)]
    begin = surface.start if start is None else start
    paths = {name: descend(optimizer, surface.gradient, begin, steps) for name, optimizer in named.items()}
    if next(iter(paths.values())).shape[1] != 2:
        raise ValueError(f"optimizer_paths: start must be two numbers, got {start!r}")
    ax = new_axes(ax)
    _contours(ax, surface)
    for i, (name, path) in enumerate(paths.items()):
        style: Any = {**look(i), "marker": MARKERS[i % len(MARKERS)], "markersize": 7, "markevery": max(1, steps // 12)}
        ax.plot(path[:, 0], path[:, 1], label=name, markeredgecolor="white", markeredgewidth=0.6, zorder=3 + i, **style)
    white: Any = {"color": "white", "markeredgecolor": "black", "linestyle": ""}
    ax.plot(*surface.minimum, marker="*", markersize=20, label="_minimum", zorder=20, **white)
    ax.plot(*path[0], marker="o", markersize=11, label="_start", zorder=2.5, **white)
    ax.set_xlim(surface.limits[:2])
    ax.set_ylim(surface.limits[2:])
    ax.set_xlabel("first weight")
    ax.set_ylabel("second weight")
    ax.set_title(f"{surface.name}, {steps} updates")
    ax.legend()
    return ax


def _contours(ax: Axes, surface: Surface) -> None:
    """Grey lines, each this many times as high as the one before."""
    a0, a1, b0, b1 = surface.limits
    a, b = np.meshgrid(np.linspace(a0, a1, 301), np.linspace(b0, b1, 301))
    heights = np.asarray(surface.function(a, b), np.float64) + np.zeros_like(a)
    finite = heights[np.isfinite(heights)]
    lowest = float(finite.min()) if finite.size else 0.0
    above = heights - lowest
    top = float(above[np.isfinite(above)].max(initial=0.0))
    ax.grid(False)
    if top > 0:                               # a plain has no contours
        levels = top * np.logspace(-4, 0, 13)[:-1]
        ax.contour(a, b, above, levels=levels, colors=[COLORS[6]], alpha=0.35, linewidths=1)
