"""Where gradients vanish: their norm from layer to layer, at one step and through training."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from npdeep.callbacks import RecordGradients
from npdeep.checks import describe
from npdeep.debug.snapshot import kernel_gradient_norms, snapshot
from npdeep.plots.style import COLORS, in_house_style, new_axes
from npdeep.trainer import Trainer


@in_house_style
def gradient_flow(trainer: Trainer, x: Any, y: Any, ax: Axes | None = None) -> Axes:
    """‖∂L/∂kernel‖ of every layer at one step, on a logarithmic scale: the input to the left, the loss to the right.

    Read it from right to left, as the gradient travels. Nothing of the trainer is touched.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2), nd.Activation("tanh"), nd.Dense(2)], input_size=3, seed=0)
    >>> ax = gradient_flow(nd.Trainer(model, "softmax_cross_entropy"), np.eye(3), np.array([0, 1, 0]))
    >>> ax.get_yscale()
    'log'
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"gradient_flow: the first argument must be a Trainer, which knows the loss; got {describe(trainer)}")
    norms = kernel_gradient_norms(snapshot(trainer, x, y))
    ax = new_axes(ax)
    positions = np.arange(1, len(norms) + 1)
    ax.plot(positions, list(norms.values()), color=COLORS[0], marker="o")
    _layer_axis(ax, list(norms))
    return ax


@in_house_style
def gradient_history(record: RecordGradients, ax: Axes | None = None) -> Axes:
    """‖∂L/∂kernel‖ of every layer through training: a line for each recorded update, from the first (dark) to the last (light).

    record: a callback that was handed to fit.

    >>> record = RecordGradients()
    >>> record.layers, record.updates, record.norms = ["a", "b"], [1, 101], [[0.1, 1.0], [0.2, 0.5]]
    >>> len(gradient_history(record).get_lines())
    2
    """
    if not record.norms:
        raise ValueError("gradient_history: nothing was recorded; hand the RecordGradients to fit(callbacks=[...]) first")
    ax = new_axes(ax)
    norms = np.array(record.norms)
    positions = np.arange(1, norms.shape[1] + 1)
    shades = colormaps["viridis"](np.linspace(0, 0.75, len(norms)))
    for i, (row, shade) in enumerate(zip(norms, shades, strict=True)):
        ends = i in (0, len(norms) - 1)
        label = f"update {record.updates[i]:,}" if ends else None
        style = {"linewidth": 3, "marker": "o" if i == 0 else "s", "zorder": 3} if ends else {"linewidth": 1, "alpha": 0.6}
        ax.plot(positions, row, color=shade, label=label, **style)
    _layer_axis(ax, record.layers)
    ax.legend()
    return ax


def _layer_axis(ax: Axes, names: list[str]) -> None:
    ax.set_yscale("log")
    ax.set_xlabel("layer (1 = nearest the input)")
    ax.set_ylabel("norm of the kernel's gradient")
    step = 1 if len(names) <= 12 else -(-len(names) // 12)
    ax.set_xticks(range(1, len(names) + 1, step))
