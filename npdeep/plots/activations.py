"""Activation functions with their derivatives, and what comes out of them layer by layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npdeep.activations import lookup, value_and_slope
from npdeep.common import checks
from npdeep.debug.predictions import model_of
from npdeep.debug.snapshot import hidden_activations, spread_over_examples
from npdeep.models.sequential import Sequential
from npdeep.plots.layers import hidden_places
from npdeep.plots.style import COLORS, SLIDE, given_axes, in_house_style, new_axes, new_grid


@in_house_style
def activation(name: str, ax: Axes | None = None, limit: float = 5.0, **parameters: float) -> Axes:
    """f(z) and f'(z) of one activation for −limit ≤ z ≤ limit. Raises ValueError for softmax and others that need whole rows.

    Read the dashed line: where it is near 0 no gradient passes.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/activation.png

    >>> ax = activation("elu")
    >>> [line.get_label() for line in ax.get_lines()[-2:]]
    ['f(z)', "f'(z)"]
    """
    ax, limit = new_axes(ax), checks.number("activation", "limit", limit, above=0)
    z = np.linspace(-limit, limit, 1001)
    value, slope = value_and_slope(name, z, **parameters)
    ax.axhline(0, color="0.6", linewidth=1)
    ax.axvline(0, color="0.6", linewidth=1)
    ax.plot(z, value, color=COLORS[0], label="f(z)")
    ax.plot(z, slope, color=COLORS[1], linestyle="--", label="f'(z)")
    given = ", ".join(f"{k} = {v:g}" for k, v in parameters.items())
    ax.set_title(lookup(name).name + (f" ({given})" if given else ""))
    ax.set_xlabel("z")
    ax.legend(loc="upper left")
    return ax


@in_house_style
def activations(
    names: Sequence[str] = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu"), axes: Any = None
) -> Figure:
    """A panel for each activation, with its derivative and the derivative's largest value; axes: one for each, to draw into.

    Read the dashed line: where it is near 0 no gradient passes, and where it stays below 1 the gradient shrinks in every layer.

    Returns the figure; write it with `figure.savefig("picture.png")`.

    Figure: tutorials/figures/activations.png

    >>> len(activations(["sigmoid", "relu"]).axes)
    2
    """
    names = checks.items("activations", "names", names, "names of activations", least=1)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    if axes is None:
        axes = new_grid(rows, columns, (SLIDE[0], max(SLIDE[1], SLIDE[1] / 2 * rows)), sharex=True)[1]
    axes = given_axes("activations", axes, len(names))
    for ax, name in zip(axes, names, strict=False):
        activation(name, ax)
        top = value_and_slope(name, np.linspace(-20, 20, 4001))[1].max()
        title = "logistic" if lookup(name).name == "sigmoid" else lookup(name).name
        ax.set_title(f"{title}: slope ≤ {top:.3g}")
        ax.set_ylim(-2.2, 3.2)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    figure: Figure = axes[0].figure
    return figure


@in_house_style
def activation_histograms(model: Sequential, x: Any, layers: Sequence[int | str] | None = None, axes: Any = None) -> Figure:
    """What comes out of each hidden activation for the examples x: one histogram per layer, lowest layer to the left.

    Above each stands the spread over the examples: the standard deviation of a unit's output from example to example, as the
    mean over the units. Read it from layer to layer: it should keep its size. Where it is next to 0, the layer says the same
    whatever it is shown, however wide the histogram is. More than 6 layers are in rows of 5.

    Args:
        model: passes run in training mode on a copy; the model is not touched.
        x: examples (n, input_size).
        layers: which of the activation layers, by position, by name, or by the name of the layer below; all by default.
        axes: as many axes as layers, to draw into.

    After figure 6 of Glorot & Bengio (2010). `layer_histograms` draws the gradients beside them.

    Returns the figure; write it with `figure.savefig("picture.png")`.

    Figure: tutorials/figures/activation_histograms.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(4), nd.Activation("tanh")], input_size=2, seed=0)
    >>> len(activation_histograms(model, np.zeros((3, 2))).axes)
    1
    """
    twin = model_of("activation_histograms", model).copy()
    with np.errstate(over="ignore", invalid="ignore"):     # weights of a run that has diverged
        twin.forward(x, training=True)
    hidden = hidden_activations(twin)
    if not hidden:
        raise ValueError("activation_histograms: the model has no elementwise activation layer")
    layers = range(len(hidden)) if layers is None else layers
    chosen = hidden_places("activation_histograms", layers, twin, hidden)
    if axes is None:
        columns = len(chosen) if len(chosen) <= 6 else 5
        rows = -(-len(chosen) // columns)
        figure, axes = new_grid(rows, columns, (SLIDE[0], max(SLIDE[1], SLIDE[1] / 2 * rows)), sharey=True)
        for i, ax in enumerate(axes):
            ax.set_visible(i < len(chosen))
            ax.set_ylabel("" if i % columns else "share of outputs")
        axes = axes[: len(chosen)]
    else:
        axes = given_axes("activation_histograms", axes, len(chosen))
        figure = axes[0].figure
    outputs = [hidden[i].output for i in chosen]
    finite = [o[np.isfinite(o)] for o in outputs]
    low = min((float(o.min()) for o in finite if o.size), default=0.0)
    high = max((float(o.max()) for o in finite if o.size), default=0.0)
    edges = np.linspace(low, high if high > low else low + 1, 41)
    for ax, i, values in zip(axes, chosen, outputs, strict=False):
        shares = np.histogram(values[np.isfinite(values)], edges)[0] / values.size
        ax.bar(edges[:-1], shares, np.diff(edges), align="edge", color=COLORS[0])
        ax.set_title(f"layer {i + 1}\nspread {spread_over_examples(values):.1g}")
        ax.set_xlabel("output")
        ax.locator_params(axis="x", nbins=4)
    return figure
