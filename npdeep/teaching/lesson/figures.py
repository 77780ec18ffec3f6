"""The figures of the lesson."""

import re
from collections.abc import Sequence
from pathlib import Path

from npdeep import plots
from npdeep.datasets.mnist import Split
from npdeep.teaching.lesson.measure import PROBE, Result

SHOWN = (0, 4, 9)
"""Hidden layers whose histograms are drawn: the first, the last and one between."""


def draw(results: Sequence[Result], training: Split, folder: Path) -> list[Path]:
    """Write the four figures; return their paths."""
    return [
        plots.save(gradients(results), folder / "gradient_norms.png"),
        plots.save(histograms(results, training), folder / "activation_histograms.png"),
        plots.save(plots.activations(), folder / "activation_functions.png"),
        plots.save(curves(results), folder / "learning_curves.png"),
    ]


@plots.in_house_style
def gradients(results: Sequence[Result]) -> plots.Figure:
    """Gradient norm per layer, at the start and through training: a panel a network, all on one scale."""
    columns = min(3, len(results))
    rows = -(-len(results) // columns)
    figure, axes = plots.new_grid(rows, columns, (5.2 * columns, 4.4 * rows), sharey=True)
    for ax, result in zip(axes, results, strict=False):
        plots.gradient_history(result.gradients, ax)
        ax.set_title(f"{result.title}: {result.accuracy:.0%}")
    for i, ax in enumerate(axes):
        ax.set_visible(i < len(results))
        if i % columns:
            ax.set_ylabel("")
    figure.suptitle("Gradients of single batches on their way back (right to left), from the first update to the last")
    return figure


@plots.in_house_style
def histograms(results: Sequence[Result], training: Split) -> plots.Figure:
    """What comes out of the hidden layers before training: a row a deep network, layers from left to right."""
    deep = [r for r in results if r.compared and r.start is not None] or [r for r in results if r.start is not None]
    layers = SHOWN if deep[0].compared else (0, 1)
    figure, axes = plots.new_grid(len(deep), len(layers), (4.0 * len(layers), 2.6 * len(deep) + 0.6))
    for i, result in enumerate(deep):
        row = axes[i * len(layers) : (i + 1) * len(layers)]
        assert result.start is not None
        plots.activation_histograms(result.start, training[0][:PROBE], layers, row)
        row[0].set_ylabel(re.sub(r", (?!\d)", ",\n", result.title), fontsize=14)
        for ax in row:
            ax.set_xlabel("")
    figure.suptitle("What comes out of the hidden layers before training, for 500 digits (share of all outputs)")
    return figure


@plots.in_house_style
def curves(results: Sequence[Result]) -> plots.Figure:
    """Accuracy on the test digits over the updates."""
    figure, axes = plots.new_grid(1, 1, (12, 6))
    plots.learning_curves({r.title: r.history for r in results}, "val_accuracy", "updates", axes[0])
    axes[0].set_ylabel("accuracy on the test digits")
    axes[0].set_ylim(0, 1)
    axes[0].set_title("How fast each network learns")
    axes[0].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
