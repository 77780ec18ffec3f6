"""The network itself as a picture."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from npdeep.common.checks import describe
from npdeep.layers.base import Layer
from npdeep.layers.dense import Dense
from npdeep.models.sequential import Sequential
from npdeep.plots.style import COLORS, in_house_style, new_axes

SMALL = 12
"""Networks with no more units a layer than this are drawn unit by unit."""


@in_house_style
def network(model: Sequential, ax: Axes | None = None) -> Axes:
    """The network, input at the bottom: a box for each layer, or, where it is small, a circle for each unit
    and a line for each weight.

    Boxes say the layer's name, what it computes, how wide it is and how many parameters it has. Lines are blue for positive and
    orange, dashed, for negative weights; their width is the weight's size. What is frozen is hatched. Small networks are drawn
    as boxes too where Dense layers do not hold all the weights between units. Read it upwards, as the examples go.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/network.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("relu"), nd.Dense(2)], input_size=2, seed=0)
    >>> len(network(model).patches)
    7
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"network: model must be a Sequential, got {describe(model)}")
    kernels = [layer for layer in model.layers if isinstance(layer, Dense)]
    between = [layer for layer in model.layers if not isinstance(layer, Dense)]
    widths = [model.input_size, *(layer.output_size for layer in model.layers)]
    plain = not any(layer.chains or hasattr(layer, "kernel") or layer.input_size != layer.output_size for layer in between)
    if kernels and plain and max(widths) <= SMALL:
        return _units(model, kernels, ax)
    return _boxes(model, new_axes(ax, (9, 0.75 * len(list(model.everything())) + 1.5)))


def _boxes(model: Sequential, ax: Axes) -> Axes:
    widest = max(model.input_size, *(layer.output_size for layer in model.everything()))
    rows = [("input", "", model.input_size, "#dddddd", False), *(_row(layer) for layer in model.everything())]
    for i, (name, text, width, color, frozen) in enumerate(rows):
        share = 0.25 + 0.75 * width / widest
        box = FancyBboxPatch((-share / 2, i - 0.36), share, 0.72, boxstyle="round,pad=0,rounding_size=0.03")
        box.set(facecolor=color, edgecolor="black", alpha=0.55, hatch="//" if frozen else None)
        ax.add_patch(box)
        ax.text(-0.56, i, name, ha="right", va="center", fontsize="medium")
        ax.text(0.56, i, f"{width:,} wide{text}", ha="left", va="center", fontsize="small")
        if i:
            ax.annotate("", (0, i - 0.36), (0, i - 0.64), arrowprops={"arrowstyle": "->", "linewidth": 1.8})
    ax.set_xlim(-0.55, 0.55)                  # names and numbers are beside it
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.set_title(str(model.name))
    ax.axis("off")
    return ax


def _row(layer: Layer) -> tuple[str, str, int, str, bool]:
    parameters = sum(p.size for p in layer.parameters)
    frozen = _is_frozen(layer)
    kind = getattr(layer, "activation", type(layer).__name__)
    text = f": {kind}" + (f", {parameters:,} parameters" if parameters else "") + (", frozen" if frozen else "")
    color = COLORS[0] if hasattr(layer, "kernel") else COLORS[2] if parameters else COLORS[4]
    return str(layer.name), text, layer.output_size, color, frozen


def _is_frozen(layer: Layer) -> bool:
    return bool(layer.parameters) and not any(p.trainable for p in layer.parameters)


def _units(model: Sequential, kernels: list[Dense], ax: Axes | None) -> Axes:
    columns = [model.input_size, *(layer.output_size for layer in kernels)]
    widest = max(columns)
    gap = max(1.0, widest / 5)                # between rows; wide ones need room for their lines to part
    right, height = widest / 2, gap * len(kernels)
    ax = new_axes(ax, (9, 1 + 6 * (height + 1.2) / (widest + 1)))
    thickest = 24 / max(widest, 6)
    places = [[(u - (n - 1) / 2, gap * i) for u in range(n)] for i, n in enumerate(columns)]
    for i, layer in enumerate(kernels):
        weights = layer.kernel.value
        largest = float(np.abs(weights).max()) or 1.0
        for a, (x0, y0) in enumerate(places[i]):
            for b, (x1, y1) in enumerate(places[i + 1]):
                w = float(weights[a, b])
                color, dashes = (COLORS[0], "-") if w > 0 else (COLORS[1], "--")
                width = 0.3 + thickest * abs(w) / largest
                ax.plot([x0, x1], [y0, y1], color=color, linestyle=dashes, linewidth=width, zorder=1)
        label = f"{layer.name}{_activation_above(model, layer)}" + (", frozen" if _is_frozen(layer) else "")
        ax.text(right + 0.2, gap * (i + 1), label, va="center", fontsize="medium")
    for row, frozen in zip(places, [False, *map(_is_frozen, kernels)], strict=True):
        for place in row:
            circle = Circle(place, 0.22, facecolor="white", edgecolor="black", linewidth=1.8, zorder=2)
            circle.set_hatch("////" if frozen else "")
            ax.add_patch(circle)
    ax.text(right + 0.2, 0, "input", va="center", fontsize="medium")
    ax.set_xlim(-right - 0.3, right + 0.2)
    ax.set_ylim(-0.6, height + 0.6)
    ax.set_aspect("equal")
    ax.set_title(f"{model.name}: solid positive, dashed negative weights")
    ax.axis("off")
    return ax


def _activation_above(model: Sequential, layer: Dense) -> str:
    for above in model.layers[model.layers.index(layer) + 1 :]:
        if hasattr(above, "kernel"):
            break
        if hasattr(above, "activation"):
            return f", {above.activation}"
    return ""
