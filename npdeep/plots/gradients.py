"""Where gradients vanish: their norm from layer to layer, at one step and through training."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch, Rectangle

from npdeep.callbacks import Callback, RecordGradients, RecordUpdates
from npdeep.common.checks import describe
from npdeep.debug.snapshot import gradient_norms, snapshot
from npdeep.plots.labels import name_lines
from npdeep.plots.style import COLORS, in_house_style, layer_ticks, look, new_axes, spread_out
from npdeep.training.trainer import Trainer

SIZES = {"z": "size of the gradient, ‖∂L/∂z‖", "kernel": "gradient of the weights, ‖∂L/∂kernel‖"}
"""What the axes say."""


@in_house_style
def gradient_flow(trainer: Trainer, x: Any, y: Any, ax: Axes | None = None) -> Axes:
    """‖∂L/∂z‖ of every layer at one step, on a logarithmic scale: the input to the left, the loss to the right.

    Read it from right to left, as the gradient travels: a line that falls on its way shows a vanishing gradient, one that rises
    an exploding one. A cross at the bottom stands for a gradient of 0: one that does not come down to the layer because all
    below is frozen, say. The trainer stays as it is.

    z = xW + b is what a layer with a kernel computes. ‖∂L/∂kernel‖ would show less: dW = xᵀ dz multiplies the signal that came
    up by the gradient that came down. Where both grow (or shrink) by the same factor in every layer, as with ReLU and weights
    that are too large (or too small), the product is the same everywhere. `nd.debug.diagnose` looks at both ways.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/gradient_flow.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2), nd.Activation("tanh"), nd.Dense(2)], input_size=3, seed=0)
    >>> ax = gradient_flow(nd.Trainer(model, "softmax_cross_entropy"), np.eye(3), np.array([0, 1, 0]))
    >>> ax.get_yscale()
    'log'
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"gradient_flow: the first argument must be a Trainer, which knows the loss; got {describe(trainer)}")
    norms = gradient_norms(snapshot(trainer, x, y))
    ax = new_axes(ax)
    positions, values = np.arange(1, len(norms) + 1), np.array(list(norms.values()))
    there = values > 0
    ax.plot(positions, np.where(there, values, np.nan), color=COLORS[0], marker="o")
    _layer_axis(ax, list(norms), SIZES["z"])
    if not there.all():                       # a logarithmic scale has no 0
        none = np.full(np.count_nonzero(~there), 0.03)
        style: dict[str, Any] = {"color": COLORS[1], "markersize": 11, "markeredgewidth": 2.5}
        why = "0: nothing arrives"
        ax.plot(positions[~there], none, "x", transform=ax.get_xaxis_transform(), label=why, **style)
        ax.legend()
    return ax


@in_house_style
def gradient_history(record: RecordGradients, ax: Axes | None = None) -> Axes:
    """‖∂L/∂z‖ or ‖∂L/∂kernel‖ of every layer through training: one line per record, from the first (dark) to the last (light).

    record: a callback that was passed to fit. Read each line from right to left: where it falls by orders of magnitude, the
    gradients vanish on their way to the input. Raises ValueError where nothing was recorded.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/gradient_history.png

    >>> record = RecordGradients()
    >>> record.layers, record.updates, record.norms = ["a", "b"], [1, 101], [[0.1, 1.0], [0.2, 0.5]]
    >>> len(gradient_history(record).get_lines())
    2
    """
    check_record("gradient_history", record, RecordGradients)
    ax, own = new_axes(ax), ax is None
    norms = np.array(record.norms)
    positions = np.arange(1, norms.shape[1] + 1)
    shades = colormaps["viridis"](np.linspace(0, 0.75, len(norms)))
    for i, (row, shade) in enumerate(zip(norms, shades, strict=True)):
        ends = i in (0, len(norms) - 1)
        label = f"update {record.updates[i]:,}" if ends else None
        style = {"linewidth": 3, "marker": "o" if i == 0 else "s", "zorder": 3} if ends else {"linewidth": 1, "alpha": 0.6}
        ax.plot(positions, row, color=shade, label=label, **style)
    _layer_axis(ax, record.layers, SIZES[record.of])
    name_lines(ax, own)
    return ax


@in_house_style
def gradient_heat_map(record: RecordGradients, ax: Axes | None = None) -> Axes:
    """‖∂L/∂z‖ or ‖∂L/∂kernel‖ of every layer (upwards) at every record (rightwards), light where large, on a logarithmic scale.

    Read it in columns: a column that darkens downwards shows a gradient that vanishes on its way to the input. Read in rows it
    tells when a layer wakes up or falls asleep. Hatched: the gradient is 0 (frozen, or dead) or not finite.

    record: a callback that was passed to fit. Raises ValueError where it has recorded nothing.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/gradient_heat_map.png

    >>> record = RecordGradients()
    >>> record.layers, record.updates, record.norms = ["a", "b"], [1, 101], [[0.1, 1.0], [0.2, 0.5]]
    >>> gradient_heat_map(record).images[0].get_array().shape
    (2, 2)
    """
    check_record("gradient_heat_map", record, RecordGradients)
    ax = new_axes(ax)
    norms = np.array(record.norms).T
    seen = norms[np.isfinite(norms) & (norms > 0)]
    low, high = (seen.min(), seen.max()) if seen.size else (0.1, 1.0)
    scale = LogNorm(low, high) if high > low else LogNorm(low / 2, high * 2)
    layers, columns = norms.shape
    ax.grid(False)
    box = (0.5, columns + 0.5, 0.5, layers + 0.5)
    if seen.size < norms.size:                # what the image leaves out shows what lies behind
        ax.add_patch(Rectangle((0.5, 0.5), columns, layers, facecolor="white", edgecolor="0.3", hatch="xx", linewidth=0))
        ax.legend(
            handles=[Patch(facecolor="white", edgecolor="0.3", hatch="xx", label="0 or not finite")],
            loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1, frameon=False,
        )
    shown = np.ma.masked_where(~(np.isfinite(norms) & (norms > 0)), norms)
    image = ax.imshow(
        shown, cmap="viridis", norm=scale, aspect="auto", origin="lower", extent=box, interpolation="nearest", zorder=2
    )
    bar = ax.figure.colorbar(image, ax=ax)
    bar.set_label(SIZES[record.of])
    ax.set_xticks([i + 1 for i in spread_out(columns, 6)], [f"{record.updates[i]:,}" for i in spread_out(columns, 6)])
    ax.set_yticks(layer_ticks(layers))
    ax.set_xlabel("update")
    ax.set_ylabel("layer (1 = nearest the input)")
    return ax


@in_house_style
def update_ratios(record: RecordUpdates, ax: Axes | None = None) -> Axes:
    """How far updates move each layer's kernel, ‖Δw‖/‖w‖, through training, on a logarithmic scale.

    Read it against the two guide lines: below 1e-4 a layer hardly moves, above 1e-2 it is thrown about; in between all is well.
    Layers far apart learn at different speeds. Of more than 7 layers, 7 are named and the others grey. A layer that never
    moved (frozen) has no line; the legend says so.

    record: a callback `nd.callbacks.RecordUpdates` that was passed to fit. Raises ValueError where it has recorded nothing.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/update_ratios.png

    >>> record = RecordUpdates()
    >>> record.layers, record.updates, record.ratios = ["a", "b"], [1, 101], [[0.1, 1e-3], [0.2, 1e-3]]
    >>> [line.get_label() for line in update_ratios(record).get_lines()[:2]]
    ['a', 'b']
    """
    check_record("update_ratios", record, RecordUpdates)
    ax, own = new_axes(ax), ax is None
    ratios = np.array(record.ratios).T
    ratios[~(np.isfinite(ratios) & (ratios > 0))] = np.nan
    named = spread_out(len(ratios))
    for i, (name, row) in enumerate(zip(record.layers, ratios, strict=True)):
        if i in named:
            label = name if np.isfinite(row).any() else f"{name} (does not move)"
            k, every = named.index(i), max(1, len(row) // 8)
            style = {**look(k, marked=True), "markersize": 7, "markevery": (k * every // 7, every), "zorder": 3}
            ax.plot(record.updates, row, label=label, **style)
        else:
            ax.plot(record.updates, row, color="0.75", linewidth=1, label="_others")
    for guide, text, place in ((1e-2, "above: thrown about", "bottom"), (1e-4, "below: hardly moves", "top")):
        ax.axhline(guide, color="0.35", linestyle=(0, (6, 4)), linewidth=1.4, label="_guide")
        ax.annotate(
            text, (0.99, guide), xycoords=("axes fraction", "data"), textcoords="offset points",
            xytext=(0, 3 if place == "bottom" else -3), ha="right", va=place, fontsize="small", color="0.25",
            bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 1.5}, zorder=5,
        )
    ax.set_yscale("log")
    seen = ratios[np.isfinite(ratios)]
    ax.set_ylim(min([2e-5, *seen / 2]), max([5e-2, *seen * 2]))
    ax.set_xlabel("update")
    ax.set_ylabel("step / weights, ‖Δw‖ / ‖w‖")
    name_lines(ax, own, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def check_record(owner: str, record: Any, kind: type[Callback]) -> None:
    """Raise where the record is not a callback of this kind, or is empty.

    >>> check_record("gradient_history", RecordGradients(), RecordGradients)
    Traceback (most recent call last):
    ValueError: gradient_history: nothing was recorded; hand the RecordGradients to fit(callbacks=[...]) first
    """
    if not isinstance(record, kind):
        raise TypeError(f"{owner}: the record must be a callback nd.callbacks.{kind.__name__}, got {describe(record)}")
    if not getattr(record, "updates", []):
        raise ValueError(f"{owner}: nothing was recorded; hand the {kind.__name__} to fit(callbacks=[...]) first")


def _layer_axis(ax: Axes, names: list[str], size: str) -> None:
    ax.set_yscale("log")
    ax.set_xlabel("layer (1 = nearest the input)")
    ax.set_ylabel(size)
    ax.set_xticks(layer_ticks(len(names)))
