"""Layer by layer: how activations and gradients are distributed, and how many units pass no gradient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npdeep.callbacks.layers import powers_of_ten, without_zeros
from npdeep.common.checks import describe, flag, places
from npdeep.debug.predictions import model_of
from npdeep.debug.snapshot import flat_share, hidden_activations, snapshot
from npdeep.kernels.arrays import Array
from npdeep.layers.activation import Activation
from npdeep.plots.style import SLIDE, given_axes, in_house_style, layer_ticks, look, new_axes, new_grid, spread_out
from npdeep.training.trainer import Trainer

BINS = 50
MOST = 5
"""How many layers can be told apart in one histogram."""


@in_house_style
def layer_histograms(
    trainer: Trainer, x: Any, y: Any, layers: Sequence[int | str] | None = None, *, log: bool = False, axes: Any = None
) -> Figure:
    """How the outputs a of the hidden activations (left) and the gradients ∂L/∂z that come back (right) are distributed.

    Args:
        trainer: the trainer, which knows the loss; nothing in it is touched.
        x, y: the examples of one step in training mode; a few hundred make smooth lines.
        layers: which of the hidden activations, by position (0 nearest the input) or name, their own or that of the
            layer below; by default 5, evenly spaced.
        log: True draws the gradients' sizes, log₁₀|∂L/∂z|, which tells layers apart where gradients vanish.
        axes: two axes to draw into.

    Read it line by line, the first layer to the last: lines that overlap mean that the signal (left) and the gradient
    (right) keep their spread from layer to layer. Where gradients vanish, the lines of the lower layers stand up as spikes at
    0; where units saturate, activations pile up at the two ends. After figures 6 and 7 of Glorot & Bengio (2010).

    z is what goes into an activation. Bins are common to all lines; each line sums to 1, less exact zeros (of which ReLU makes
    many; the legend counts them) and what is not finite. Raises ValueError or TypeError where x and y do not fit or there is
    no such layer.

    Returns the figure; write it with `figure.savefig("picture.png")`.

    Figure: tutorials/figures/layer_histograms.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(4), nd.Activation("tanh"), nd.Dense(2)], input_size=2, seed=0)
    >>> trainer = nd.Trainer(model, "softmax_cross_entropy")
    >>> figure = layer_histograms(trainer, np.eye(2), np.array([0, 1]))
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['output a of the activation', 'gradient ∂L/∂z']
    """
    owner = "layer_histograms"
    if not isinstance(trainer, Trainer):
        raise TypeError(f"{owner}: the first argument must be a Trainer, which knows the loss; got {describe(trainer)}")
    hidden = _check_hidden(owner, hidden_activations(trainer.model))
    chosen = spread_out(len(hidden), MOST) if layers is None else hidden_places(owner, layers, trainer.model, hidden)
    log = flag(owner, "log", log)
    hidden = hidden_activations(snapshot(trainer, x, y))
    outputs = [without_zeros(hidden[i].output) for i in chosen]
    slopes = [np.zeros(0) if hidden[i].grad_input is None else np.asarray(hidden[i].grad_input) for i in chosen]
    gradients = [powers_of_ten(slope) if log else without_zeros(slope) for slope in slopes]
    if axes is None:
        axes = new_grid(1, 2, SLIDE)[1]
    axes = given_axes(owner, axes, 2)
    _lines(axes[0], outputs, chosen)
    _lines(axes[1], gradients, chosen)
    axes[0].set_xlabel("output a of the activation")
    axes[1].set_xlabel("log₁₀ |∂L/∂z|" if log else "gradient ∂L/∂z")
    axes[0].set_ylabel("share of outputs")
    axes[1].set_ylabel("share of gradients")
    axes[1].legend()
    if any("(" in str(line.get_label()) for line in axes[0].get_lines()):
        axes[0].legend()
    figure: Figure = axes[0].figure
    return figure


def _lines(ax: Axes, arrays: list[Array], chosen: Sequence[int]) -> None:
    """A line for each array, over common bins."""
    finite = [array[np.isfinite(array)] for array in arrays]
    every = np.concatenate([part.ravel() for part in finite], dtype=np.float64)
    low, high = (every.min(), every.max()) if every.size else (0.0, 0.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):     # all the same: a bin of it, in the middle
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    edges = np.linspace(low, high, BINS + 1)
    for k, (i, array, part) in enumerate(zip(chosen, arrays, finite, strict=True)):
        shares = np.histogram(part, edges)[0] / max(array.size, 1)
        left_out = 1 - part.size / max(array.size, 1)
        note = f" ({100 * left_out:.0f} % are 0 or not finite)" if left_out >= 0.005 else ""
        note = note if array.size else " (no gradient: frozen)"
        style = {**look(k, marked=True), "markevery": (2 * k, 12), "markersize": 6}
        ax.plot((edges[:-1] + edges[1:]) / 2, shares, label=f"layer {i + 1}{note}", **style)
    ax.set_ylim(bottom=0)
    ax.locator_params(axis="x", nbins=5)
    ax.ticklabel_format(axis="x", style="sci", scilimits=(-2, 4), useMathText=True)


@in_house_style
def saturation(network: Any, x: Any, ax: Axes | None = None) -> Axes:
    """For each hidden activation a bar: how much of it lets a gradient through for the examples x, and how much does not.

    A single activation is flat where its slope is below a tenth of the function's steepest: a sigmoid or tanh far from 0
    (saturated), a ReLU below 0 (off). A unit that is flat for all examples is dead: nothing in x can teach what is below it.

    Args:
        network: a model, or a trainer with its model; a pass in training mode runs on a copy.
        x: examples (n, input_size), at least a hundred or so: a unit is soon flat for the one or two that one has.
        ax: axes to draw into.

    Read the dark part first: it should be next to nothing. Flat for some examples is how ReLU works (about half); for a sigmoid
    or tanh it is saturation, and above a third a cause of vanishing gradients. A layer into which NaN or infinity goes has
    words in place of its bar. Raises ValueError or TypeError where x does not fit or the model has no elementwise activation.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/saturation.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Activation("relu")], input_size=2)
    >>> ax = saturation(model, [[-1.0, 2.0], [-3.0, -4.0]])
    >>> [float(bar.get_height()) for bar in ax.patches]    # of four activations two are of the dead unit, one is off
    [0.5, 0.25, 0.25]
    """
    model = model_of("saturation", network)
    _check_hidden("saturation", hidden_activations(model))
    x = model.check_examples("saturation", "x", x)
    twin = model.copy()
    with np.errstate(over="ignore", invalid="ignore"):     # weights of a run that has diverged
        twin.forward(x, training=True)
        flat, dead = np.array([flat_share(layer) for layer in hidden_activations(twin)]).T
    wrecked = np.array([not np.isfinite(layer.input).all() for layer in hidden_activations(twin)])
    ax = new_axes(ax)
    positions = np.arange(1, len(flat) + 1)
    parts: Any = (
        ("dead: flat for all examples", dead, {"color": "black"}),
        ("flat for this example", flat - dead, {"facecolor": "#E69F00", "hatch": "///", "edgecolor": "black"}),
        ("passes the gradient on", 1 - flat, {"facecolor": "#cfe3f1", "edgecolor": "black"}),
    )
    below = np.zeros(len(flat))
    for label, share, style in parts:
        heights = np.where(wrecked, 0.0, share)
        ax.bar(positions, heights, bottom=below, width=0.75, linewidth=1, label=label, **style)
        below = below + heights
    for position in positions[wrecked]:
        ax.text(position, 0.5, "not finite", rotation=90, ha="center", va="center", fontsize="small")
    ax.set_xticks(layer_ticks(len(positions)))
    ax.set_ylim(0, 1)
    ax.set_axisbelow(True)
    ax.set_xlabel("hidden layer (1 = nearest the input)")
    ax.set_ylabel("share of activations")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5))     # in the order of the bars
    return ax


def hidden_places(owner: str, layers: Any, model: Any, hidden: list[Activation]) -> list[int]:
    """Positions of hidden activations, which may be given by their names or by that of the layer with a kernel below.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2, name="hidden"), nd.Activation("tanh", name="a")], input_size=1)
    >>> hidden_places("layer_histograms", ["hidden", "a", 0], model, model.layers[1:])
    [0, 0, 0]
    """
    names, above, below = [str(layer.name) for layer in hidden], dict[str, int](), ""
    for layer in model.everything():
        if hasattr(layer, "kernel"):
            below = str(layer.name)
        elif str(layer.name) in names and below not in (*names, ""):
            above.setdefault(below, names.index(str(layer.name)))
    if isinstance(layers, list | tuple):
        layers = [above.get(item, item) if isinstance(item, str) else item for item in layers]
    return places(owner, "layers", layers, len(hidden), names)


def _check_hidden(owner: str, hidden: list[Activation]) -> list[Activation]:
    if not hidden:
        raise ValueError(f"{owner}: the model has no elementwise activation layer")
    return hidden
