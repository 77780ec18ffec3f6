"""A film of the training: what flows through each layer, forward and backward, from update to update."""

import re
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npdeep.callbacks.layers import Histograms, RecordLayers
from npdeep.common import checks
from npdeep.common.whole_files import replacing
from npdeep.plots.gradients import check_record
from npdeep.plots.style import COLORS, SLIDE, in_house_style, layer_ticks, new_grid

GLYPHS = {
    "minus": "−", "plus": "+", "fast-backward": "|◀", "step-backward": "◂", "play": "▶", "pause": "||", "step-forward": "▸",
    "fast-forward": "▶|",
}
"""What stands on the buttons of a page; matplotlib would fetch pictures for them from the net."""


@in_house_style
def animate_training(record: RecordLayers, path: str | Path | None = None, fps: int = 4) -> Any:
    """A film with one picture per record: outputs of each hidden activation (left), sizes of the gradients there (right).

    Args:
        record: a callback `nd.callbacks.RecordLayers` that was passed to fit.
        path: a file that ends in .gif, or in .html for one page with buttons and a slider, which needs no network.
        fps: pictures a second.

    Returns the path; where there is none, matplotlib's FuncAnimation, which a notebook shows by its `to_jshtml()`.

    Read each row as a histogram of one layer, the lowest layer at the bottom, all rows scaled to the same height. Right, a row
    further to the left has smaller gradients, a power of ten per step: watch whether the lower layers fall behind the upper
    ones. Left, rows that pile up at their ends saturate. Exact zeros (ReLU's) are left out and counted in words. Raises
    ValueError where nothing was recorded or for another kind of file, OSError where the file cannot be written.

    Figure: tutorials/figures/training.gif

    >>> import npdeep as nd
    >>> x, y = nd.datasets.xor(100, seed=0)
    >>> model = nd.Sequential([nd.Dense(8), nd.Activation("tanh"), nd.Dense(2)], input_size=2, seed=0)
    >>> record = nd.callbacks.RecordLayers(x, y, every=5)
    >>> _ = nd.Trainer(model, "softmax_cross_entropy").fit(x, y, epochs=3, callbacks=[record], verbose=False)
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     animate_training(record, folder + "/training.gif").stat().st_size > 1000
    True
    """
    check_record("animate_training", record, RecordLayers)
    fps = checks.whole("animate_training", "fps", fps)
    file = None if path is None else _check_path(path)
    figure, film = _film(record, fps)
    if file is None:
        return film
    try:
        content = _gif(film, fps) if file.suffix == ".gif" else _page(film, fps).encode("utf-8")
        with replacing(file) as new:
            new.write(content)
    finally:
        plt.close(figure)
    return file


def _gif(film: FuncAnimation, fps: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:    # matplotlib writes films to paths alone
        path = Path(folder) / "film.gif"
        film.save(path, PillowWriter(fps), dpi=80)
        return path.read_bytes()


def _check_path(path: Any) -> Path:
    file = checks.path("animate_training", "path", path)
    if file.suffix not in (".gif", ".html"):
        raise ValueError(f"animate_training: path must end in .gif or .html, got {str(path)!r}")
    return file


def _film(record: RecordLayers, fps: int) -> tuple[Figure, FuncAnimation]:
    n = len(record.layers)
    figure, axes = new_grid(1, 2, SLIDE if n <= 10 else (SLIDE[0], 8))
    title = figure.suptitle(" ", fontsize="medium")
    left = _Ridges(axes[0], record.activations, n, "right")
    right = _Ridges(axes[1], record.gradients, n, "left")
    axes[0].set_xlabel("output a of the activation")
    axes[1].set_xlabel("size of the gradient, log₁₀ |∂L/∂z|")
    axes[0].set_ylabel("hidden layer (1 = nearest the input)")

    def draw(k: int) -> None:
        title.set_text(f"after {record.updates[k]:,} updates: loss {record.losses[k]:.3g}")
        left.draw(record.activations[k])
        right.draw(record.gradients[k])

    return figure, FuncAnimation(figure, draw, frames=len(record.updates), interval=1000 / fps, repeat=False)


class _Ridges:
    """Histograms one above the other, one row per layer; words are at one side."""

    def __init__(self, ax: Axes, records: list[Histograms], n: int, side: str) -> None:
        self.ax, self.n, self.side = ax, n, side
        self.drawn: list[Any] = []
        ends = [end for record in records for i in range(n) for end in worth_drawing(record, i)] or [-0.5, 0.5]
        low, high = min(ends), max(ends)
        ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
        ax.set_ylim(0.8, n + 1.05)
        ax.set_yticks(layer_ticks(n))
        for i in range(n):
            ax.axhline(i + 1, color="0.6", linewidth=0.8)

    def draw(self, record: Histograms) -> None:
        """One record in place of the one before."""
        for artist in self.drawn:
            artist.remove()
        self.drawn = []
        for i in range(self.n):
            shares, edges = record.shares[i], record.edges(i)
            tops = i + 1 + 0.9 * shares / (shares.max() or 1.0)
            color = COLORS[i % 2]
            self.drawn.append(self.ax.stairs(tops, edges, baseline=i + 1, fill=True, color=color, alpha=0.55))
            self.drawn.append(self.ax.stairs(tops, edges, baseline=i + 1, color="black", linewidth=1))
            if shares.sum() < 0.995:
                text = f"{100 * (1 - shares.sum()):.0f} % are 0 or not finite"
                place, across = 0.01 if self.side == "left" else 0.99, self.ax.get_yaxis_transform()
                words = self.ax.text(place, i + 1.1, text, transform=across, fontsize="small", ha=self.side, va="bottom")
                self.drawn.append(words)


def worth_drawing(record: Histograms, layer: int) -> list[float]:
    """From where to where a layer's histogram is higher than a five-hundredth of its top; nothing for an empty one.

    >>> worth_drawing(Histograms(np.array([[0.0, 0.0, 0.5, 0.5]]), np.array([[0.0, 4.0]])), 0)
    [2.0, 4.0]
    """
    shares, edges = record.shares[layer], record.edges(layer)
    high = np.flatnonzero(shares > 0.002 * shares.max())
    return [float(edges[high[0]]), float(edges[high[-1] + 1])] if high.size else []


def _page(film: FuncAnimation, fps: int) -> str:
    """One page that needs nothing from elsewhere."""
    with plt.rc_context({"animation.embed_limit": 200.0}):
        inside = film.to_jshtml(fps=fps, default_mode="once")
    inside = re.sub(r"<link[^>]*>", "", inside)
    rules = "".join(f'.fa-{name}::before{{content:"{glyph}"}}' for name, glyph in GLYPHS.items())
    style = f"<style>{rules}.fa{{font-style:normal}}.fa-flip-horizontal{{display:inline-block;transform:scaleX(-1)}}</style>"
    head = f'<head><meta charset="utf-8"><title>Training</title>{style}</head>'
    return f'<!DOCTYPE html>\n<html lang="en">{head}\n<body>{inside}</body></html>\n'
