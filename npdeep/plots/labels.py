"""Names at the ends of lines, in place of a legend: nobody has to look from a line to a list and back."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D

from npdeep.common.checks import describe, items

ROOM = 1.25
"""From one name to the next, in heights of a line of text."""


def label_lines(ax: Axes, lines: Sequence[Any] | None = None, side: str = "right") -> None:
    """Write each line's label beside its end, in its colour; names that would overlap are moved apart and led to their ends.

    Call it when limits and scales are final. lines: by default all of the axes that have a label. side: "right" or "left".

    >>> ax = plt.subplots()[1]
    >>> _ = ax.plot([0, 1], [0, 1.00], label="a"), ax.plot([0, 1], [0, 1.01], label="b")
    >>> label_lines(ax)
    >>> [text.get_text() for text in ax.texts]
    ['a', 'b']
    """
    if not isinstance(ax, Axes):
        raise TypeError(f"label_lines: ax must be matplotlib Axes with the lines, got {describe(ax)}")
    given = ax.get_lines() if lines is None else items("label_lines", "lines", lines, "matplotlib lines")
    for one in given:
        if not isinstance(one, Line2D):
            raise TypeError(f"label_lines: lines must be a list of matplotlib lines, got {describe(one)} among them")
    drawn = [line for line in given if lines is not None or not str(line.get_label()).startswith("_")]
    ends = [(line, *_end(line, side)) for line in drawn]
    ends = [end for end in ends if np.isfinite(end[2])]
    if not ends:
        return
    ax.get_xlim()                             # settles the limits: matplotlib finds them when first asked
    to_share = ax.transData + ax.transAxes.inverted()
    heights = np.array([np.clip(to_share.transform((x, y))[1], 0.0, 1.0) for _, x, y in ends])
    across, direction, aligned = (1.0, 1, "left") if side == "right" else (0.0, -1, "right")
    for (line, x, y), place in zip(ends, apart(heights, _line_height(ax)), strict=True):
        start = to_share.transform((x, y))
        lead = {"arrowstyle": "-", "color": line.get_color(), "linewidth": 1.2, "relpos": (0 if side == "right" else 1, 0.5)}
        ax.annotate(
            str(line.get_label()), (float(start[0]), float(np.clip(start[1], 0, 1))), (across + 0.04 * direction, place),
            xycoords="axes fraction", textcoords="axes fraction", ha=aligned, va="center", color=readable(line.get_color()),
            fontsize=plt.rcParams["legend.fontsize"], annotation_clip=False, arrowprops=lead,
        )  # fmt: skip


def name_lines(ax: Axes, own: bool, title: str | None = None, **place: Any) -> None:
    """Names at the lines of a figure of our own; in the user's axes a legend, which is easier to move.

    A line without a point to lead to has its name in a legend too.
    """
    lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    if own and lines and all(np.isfinite(_end(line, "right")).all() for line in lines):
        label_lines(ax, lines)
    elif lines:
        ax.legend(title=title, **place)


def readable(color: Any) -> str:
    """The colour, darkened as far as need be to be read on white (a contrast of 4.5, WCAG 2.2).

    >>> readable("#0072B2"), readable("#E69F00")
    ('#0072b2', '#9d6c00')
    """
    rgb, lightest = np.array(to_rgb(color)), 1.05 / 4.5 - 0.05
    while luminance(rgb) > lightest:
        rgb = rgb * 0.98
    return to_hex(tuple(rgb.tolist()))


def luminance(rgb: Any) -> float:
    """How light a colour is, 0 to 1, as WCAG defines it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def apart(heights: Any, least: float) -> Any:
    """The heights, moved as little as need be so that neighbours are at least so far apart; their order stays.

    >>> apart(np.array([0.5, 0.5, 0.9]), 0.2).round(2).tolist()
    [0.4, 0.6, 0.9]
    """
    order = np.argsort(heights, kind="stable")
    groups: list[list[float]] = []            # [sum of what each would like as its group's foot, members]
    for k, height in enumerate(np.asarray(heights, float)[order]):
        groups.append([height - k * least, 1])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, members = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += members
    feet = np.concatenate([np.full(int(members), total / members) for total, members in groups])
    placed = np.empty(len(feet))
    placed[order] = feet + least * np.arange(len(feet))
    return placed


def _line_height(ax: Axes) -> float:
    """What a line of text takes of the height of the axes."""
    points = FontProperties(size=plt.rcParams["legend.fontsize"]).get_size_in_points()
    height = ax.get_position().height * ax.figure.get_figheight() * 72     # type: ignore[union-attr]
    return float(ROOM * points / height)


def _end(line: Any, side: str) -> tuple[float, float]:
    """The last (first) point of the line that is finite."""
    x, y = (np.asarray(values, float) for values in line.get_data())
    found = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if found.size == 0:
        return np.nan, np.nan
    k = found[-1 if side == "right" else 0]
    return float(x[k]), float(y[k])
