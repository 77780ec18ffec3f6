"""The figures of the lesson: for each a picture, and its numbers in words for those who do not see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npdeep import activations, plots
from npdeep.teaching.lesson.measure import PROBE, Result
from npdeep.teaching.lesson.tables import loss, percent, times

SHOWN = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu")


@dataclass(frozen=True)
class Picture:
    """A figure of the lesson: the name of its file, its heading, how to read it, what draws it, and its numbers in words."""

    name: str
    heading: str
    reading: str
    draw: Callable[[Sequence[Result]], plots.Figure]
    words: Callable[[Sequence[Result]], str]


def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write the figures; return their paths."""
    return [plots.save(picture.draw(results), folder / picture.name) for picture in PICTURES]


# ── layer by layer ────────────────────────────────────────────────────────────────────────────────────────────────────
@plots.in_house_style
def gradients(results: Sequence[Result]) -> plots.Figure:
    """‖∂L/∂z‖ of every layer before training: one line per network."""
    figure, ax = _layers(results, [r.before.norms for r in results])
    ax.set_xlabel("layer (1 = nearest the input, the last = outputs)")
    ax.set_ylabel("size of the gradient, ‖∂L/∂z‖")
    ax.set_title("Before training: the gradient travels from right to left")
    ax.yaxis.tick_right()
    ax.yaxis.set_label_position("right")
    ax.spines["left"].set_visible(False)
    plots.label_lines(ax, side="left")
    return figure


@plots.in_house_style
def signal(results: Sequence[Result]) -> plots.Figure:
    """How far the outputs of every hidden layer spread from digit to digit, before training."""
    figure, ax = _layers(results, [r.before.spreads for r in results])
    ax.set_xlabel("hidden layer (1 = nearest the input)")
    ax.set_ylabel("spread from digit to digit")
    ax.set_title("Before training: the signal travels from left to right")
    plots.label_lines(ax)
    return figure


def _layers(results: Sequence[Result], columns: Sequence[Sequence[float]]) -> tuple[plots.Figure, Any]:
    """A line for each network over its layers, on a logarithmic axis, which has no 0."""
    figure, (ax,) = plots.new_grid(1, 1, plots.SLIDE)
    for i, (result, values) in enumerate(zip(results, columns, strict=True)):
        shown = np.array([value if value > 0 else np.nan for value in values])
        ax.plot(range(1, len(values) + 1), shown, label=result.title, markersize=7, **plots.look(i, marked=True))
    ax.set_yscale("log")
    ax.set_xticks(plots.layer_ticks(max(map(len, columns))))
    return figure, ax


# ── through training ──────────────────────────────────────────────────────────────────────────────────────────────────
@plots.in_house_style
def way(results: Sequence[Result]) -> plots.Figure:
    """‖∂L/∂z‖ of the first layer over that of the last, through training."""
    figure, (ax,) = plots.new_grid(1, 1, plots.SLIDE)
    for i, result in enumerate(results):
        ratios = [look.ratio if look.ratio > 0 else np.nan for look in result.way.values()]
        ax.plot(list(result.way), ratios, label=result.title, markersize=7, **plots.look(i, marked=True))
    ax.axhline(1, color="0.5", linewidth=1.2, label="_equal")
    ax.set_yscale("log")
    ax.set_xlabel("updates")
    ax.set_ylabel("‖∂L/∂z‖, first / last layer")
    ax.set_title("Through training: how much of the gradient arrives")
    plots.label_lines(ax)
    return figure


@plots.in_house_style
def losses(results: Sequence[Result]) -> plots.Figure:
    """The training loss over the updates."""
    figure, (ax,) = plots.new_grid(1, 1, plots.SLIDE)
    _curves(ax, results, "loss")
    ax.set_yscale("log")
    ax.set_ylim(bottom=max(ax.get_ylim()[0], 1e-4))
    ax.set_ylabel("loss of the training digits")
    ax.set_title("Training: does the loss fall?")
    plots.label_lines(ax)
    return figure


@plots.in_house_style
def curves(results: Sequence[Result]) -> plots.Figure:
    """Accuracy on the training digits, and on the test digits, on one scale."""
    figure, axes = plots.new_grid(1, 2, plots.SLIDE, sharey=True)
    for ax, key, title in ((axes[0], "accuracy", "training digits"), (axes[1], "val_accuracy", "test digits")):
        _curves(ax, results, key)
        ax.set_ylim(0, 1.02)
        ax.set_title(title)
    axes[0].set_ylabel("share that is right")
    plots.label_lines(axes[1])
    return figure


def _curves(ax: Any, results: Sequence[Result], key: str) -> None:
    for i, result in enumerate(results):
        updates = [record["updates"] for record in result.history]
        ax.plot(updates, [record[key] for record in result.history], label=result.title, **plots.look(i, len(updates) == 1))
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel("updates")


@plots.in_house_style
def functions(results: Sequence[Result]) -> plots.Figure:
    """Activation functions and their slopes."""
    figure, axes = plots.new_grid(2, 3, plots.SLIDE, sharex=True)
    plots.activations(SHOWN, axes)
    for ax in axes[:3]:
        ax.set_xlabel("")
    return figure


# ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _listed(results: Sequence[Result], words: Callable[[Result], str]) -> str:
    return "; ".join(f"{r.title}: {words(r)}" for r in results) + "."


PICTURES = (
    Picture(
        "gradient_norms.png",
        "The gradient on its way back",
        f"Read each line from right to left, as the gradient travels. ‖∂L/∂z‖ is the size of the loss's gradient with respect "
        f"to what a layer computes, z = xW + b, for {PROBE} training digits. The axis is logarithmic: a straight line is the "
        "same factor in every layer.",
        gradients,
        lambda results: "‖∂L/∂z‖ by layer before training, last layer → first layer. "
        + _listed(results, lambda r: f"{r.before.last:.1e} → {r.before.first:.1e} ({times(r.before.ratio)})"),
    ),
    Picture(
        "signal_spread.png",
        "The signal on its way up",
        "Read each line from left to right. Of a hidden unit's output we take the standard deviation from digit to digit, of a "
        "layer the mean over its units. Where a line falls by orders of magnitude, the upper layers say the same whatever "
        "they see.",
        signal,
        lambda results: "Spread from digit to digit by hidden layer before training, first layer → last layer. "
        + _listed(results, lambda r: f"{r.before.spreads[0]:.1e} → {r.before.spreads[-1]:.1e} ({times(r.before.signal)})"),
    ),
    Picture(
        "gradient_through_training.png",
        "The gradient through training",
        "At the grey line the first layer gets as much gradient as the last one. A line that rises from far below it is a "
        "network that wakes up.",
        way,
        lambda results: "‖∂L/∂z‖ of the first layer over that of the last, before → after training. "
        + _listed(results, lambda r: f"{times(r.before.ratio)} → {times(r.after.ratio)}"),
    ),
    Picture(
        "training_loss.png",
        "Training: the loss",
        "The mean over each epoch, while the weights move; of the network with dropout, with dropout. ln 10 = 2.303 is the "
        "loss of guessing. The axis is logarithmic and ends at 0.0001.",
        losses,
        lambda results: "Training loss over the updates, first → last epoch. "
        + _listed(results, lambda r: " → ".join(loss(v) for v in _ends(r, "loss"))),
    ),
    Picture(
        "learning_curves.png",
        "Training digits and test digits",
        "The share of digits that is right, both on one scale. A line that is high on the left and low on the right is a "
        "network that fits, but does not generalize.",
        curves,
        lambda results: "Share that is right at the end, training digits / test digits. "
        + _listed(results, lambda r: " / ".join(percent(_ends(r, key)[-1]) for key in ("accuracy", "val_accuracy"))),
    ),
    Picture(
        "activation_functions.png",
        "Activation functions and their slopes",
        "The dashed line is what a gradient is multiplied by where it passes the unit.",
        functions,
        lambda results: "Six activation functions with their slopes; the steepest slope is "
        + ", ".join(
            f"{name} {activations.value_and_slope(name, np.linspace(-20, 20, 4001))[1].max():.3g}" for name in SHOWN
        )
        + ".",
    ),
)


def _ends(result: Result, key: str) -> list[float]:
    values = [record[key] for record in result.history]
    return [values[0], values[-1]] if values else [float("nan")]
