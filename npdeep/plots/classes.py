"""Classifiers: where they draw the line, what they confuse, and which examples they get wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import Rectangle

from npdeep.common import checks
from npdeep.debug.predictions import class_labels, model_of, predictions
from npdeep.kernels.arrays import Array
from npdeep.plots.images import contact_sheet
from npdeep.plots.style import COLORS, MARKERS, SLIDE, in_house_style, new_axes


@in_house_style
def decision_boundary(classifier: Any, x: Any, y: Any, ax: Axes | None = None, *, resolution: int = 300) -> Axes:
    """The class that a network with two inputs chooses at every place, and the examples on top.

    Args:
        classifier: a model with two inputs, or a trainer with its model; nothing in it is touched.
        x, y: examples (n, 2), and their classes: labels, or rows of probabilities.
        ax: axes to draw into.
        resolution: the network is asked at resolution² places.

    Read the thick lines: that is where the network changes its mind. A marker on ground of another shade is a mistake. Lines
    that wind round single markers mean that the network has learnt them by heart. Works for several outputs (the largest wins)
    and for one (yes or no, as logit or probability). Raises ValueError or TypeError where the network has not two inputs.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/decision_boundary.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(1)], input_size=2, seed=0)
    >>> x, y = nd.datasets.moons(50, seed=0)
    >>> len(decision_boundary(model, x, y, resolution=20).collections) > 2
    True
    """
    owner = "decision_boundary"
    model = model_of(owner, classifier)
    if model.input_size != 2:
        raise ValueError(f"{owner}: only a network with two inputs can be drawn on a plane; this one has {model.input_size}")
    resolution = checks.whole(owner, "resolution", resolution, minimum=2)
    x = model.check_examples(owner, "x", x)
    classes = max(2, model.output_size)
    y, negative = class_labels(owner, y, len(x), classes)
    low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
    room = np.where(high > low, 0.08 * (high - low), 0.5)
    sides = [np.linspace(a, b, resolution) for a, b in zip(low - room, high + room, strict=True)]
    places = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    chosen = predictions(classifier, places, owner, negative)[0].reshape(resolution, resolution)

    ax = new_axes(ax)
    ax.grid(False)
    ground = ListedColormap([_pale(k) for k in range(classes)]).with_extremes(under="white")     # where it gives NaN
    ax.pcolormesh(*sides, chosen, cmap=ground, vmin=-0.5, vmax=classes - 0.5, shading="nearest", rasterized=True)
    for k in range(classes):
        if 0 < np.count_nonzero(chosen == k) < chosen.size:
            ax.contour(*sides, (chosen == k).astype(float), levels=[0.5], colors=["black"], linewidths=1.6)
        mine = y == k
        style: Any = {"marker": MARKERS[k % len(MARKERS)], "color": COLORS[k % len(COLORS)], "edgecolor": "white", "s": 46}
        ax.scatter(x[mine, 0], x[mine, 1], linewidth=0.7, label=f"class {k}", zorder=3, **style)
    ax.locator_params(nbins=6)
    ax.set_xlabel("first input")
    ax.set_ylabel("second input")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def _pale(k: int) -> Array:
    """The ground of class k: its colour thinned with white, by different shares, so that neighbours differ in grey too."""
    color, share = np.array(to_rgb(COLORS[k % len(COLORS)])), (0.45, 0.12, 0.27)[k % 3]
    return 1 - share * (1 - color)


@in_house_style
def confusion_matrix(
    classifier: Any, x: Any, y: Any, names: Sequence[Any] | None = None, ax: Axes | None = None
) -> Axes:
    """How many examples of each class (down) the network takes for each class (across), and which share of the row that is.

    Args:
        classifier: a model, or a trainer with its model; nothing in it is touched.
        x, y: examples (n, input_size), and their classes: labels, or rows of probabilities.
        names: of the classes; by default their numbers.
        ax: axes to draw into.

    Read it row by row: the framed cell holds what is right, the others where the rest went. A dark cell off the diagonal is a
    pair that the network confuses; a dark column, a class that it names too often. Raises ValueError or TypeError for unfit
    arguments.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/confusion_matrix.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Activation("linear")], input_size=2)
    >>> ax = confusion_matrix(model, [[1, 0], [0, 1], [0, 1]], [0, 1, 0])
    >>> [text.get_text().replace(chr(10), " ") for text in ax.texts]
    ['1 50 %', '1 50 %', '0', '1 100 %']
    """
    owner = "confusion_matrix"
    model = model_of(owner, classifier)
    classes = max(2, model.output_size)
    names = range(classes) if names is None else checks.items(owner, "names", names, "names")
    if len(names) != classes:
        raise ValueError(f"{owner}: names must be one for each of the {classes} classes, got {len(names)}")
    x = model.check_examples(owner, "x", x)
    y, negative = class_labels(owner, y, len(x), classes)
    chosen, _ = predictions(classifier, x, owner, negative)
    counts, named = np.zeros((classes, classes), int), chosen >= 0
    np.add.at(counts, (y[named], chosen[named]), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    side = max(SLIDE[1], 0.48 * classes + 0.8)
    ax = new_axes(ax, (max(SLIDE[0], side), side))
    ax.grid(False)
    ax.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)     # the root, for small shares to be seen
    for (row, column), count in np.ndenumerate(counts):
        share = f"\n{_percent(shares[row, column])}" if count else ""
        color = "white" if shares[row, column] > 0.3 else "black" if count else "0.5"
        ax.text(column, row, f"{count:,}{share}", ha="center", va="center", fontsize="small", color=color)
    for k in range(classes):
        ax.add_patch(Rectangle((k - 0.48, k - 0.48), 0.96, 0.96, fill=False, edgecolor="black", linewidth=2))
    ax.set_xticks(range(classes), [str(name) for name in names])
    ax.set_yticks(range(classes), [str(name) for name in names])
    ax.tick_params(length=0)
    ax.set_xlabel("class that the network chose")
    ax.set_ylabel("true class")
    without = f", {len(x) - named.sum():,} are NaN" if not named.all() else ""
    ax.set_title(f"{np.trace(counts):,} of {len(x):,} right ({_percent(np.trace(counts) / len(x))}){without}")
    return ax


def _percent(share: float) -> str:
    """A share for people: nothing but all is 100 %, nothing but none is 0 %.

    >>> _percent(0.5), _percent(0.999), _percent(0.004)
    ('50 %', '>99 %', '<1 %')
    """
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


@in_house_style
def misclassified(
    classifier: Any,
    x: Any,
    y: Any,
    count: int = 24,
    columns: int = 6,
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
) -> Axes:
    """The images that a network gets wrong, those first of which it is surest: true class → chosen class, and its probability.

    Args:
        classifier: a model, or a trainer with its model; nothing in it is touched.
        x, y: images as flat rows (n, input_size), and their classes: labels, or rows of probabilities.
        count: how many are shown at most. columns: how many are side by side.
        ax: axes to draw into.
        shape: (height, width) of an image, or (height, width, channels); where it is not given, a square.

    Read the first rows: if you would have said the same, the label may be wrong; if not, the network has not seen enough of
    such images. Where nothing is wrong the axes say so. Raises ValueError or TypeError for invalid arguments.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/misclassified.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Activation("linear")], input_size=4)
    >>> ax = misclassified(model, np.eye(4), [0, 1, 2, 0])
    >>> [text.get_text() for text in ax.texts]
    ['0 → 3  48 %']
    """
    owner = "misclassified"
    model = model_of(owner, classifier)
    count, columns = checks.whole(owner, "count", count), checks.whole(owner, "columns", columns)
    x = model.check_examples(owner, "x", x)
    y, negative = class_labels(owner, y, len(x), max(2, model.output_size))
    side = int(np.sqrt(model.input_size))
    if shape is None and side * side != model.input_size:
        raise ValueError(f"{owner}: {model.input_size} inputs make no square image; give its shape=(height, width)")
    chosen, sure = predictions(classifier, x, owner, negative)
    wrong = np.flatnonzero(chosen != y)
    shown = wrong[np.argsort(-sure[wrong], kind="stable")][:count]
    rows = max(1, -(-len(shown) // columns))
    ax = new_axes(ax, (1.8 * min(columns, max(len(shown), 3)), 2.2 * rows + 0.5))
    if len(shown):
        titles = [f"{y[i]} → {chosen[i]}  {_percent(sure[i])}" if chosen[i] >= 0 else f"{y[i]} → NaN" for i in shown]
        contact_sheet(x[shown], columns, titles, ax, shape=(side, side) if shape is None else shape)
    else:
        ax.text(0.5, 0.5, "nothing wrong", ha="center", va="center", transform=ax.transAxes)
        ax.axis("off")
    surest = f", the {len(shown)} surest" if len(shown) < len(wrong) else ""
    ax.set_title(f"{len(wrong):,} of {len(x):,} wrong{surest}" + (" (true → chosen, probability)" if len(shown) else ""))
    return ax
