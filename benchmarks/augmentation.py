"""How many images per second each augmentation changes; and a figure of what they do.

Batches of 50 and of 500 float32 images of MNIST's size (28 × 28, grey) and of CIFAR's (32 × 32, three colours) are augmented
again and again; the table shows images per second, the median of all repetitions. Its last row is for comparison: a whole
step of training the network 784-300-100-10 (for CIFAR's size 3072-300-100-10) on as many images.

    python benchmarks/augmentation.py                    the table, in about half a minute
    python benchmarks/augmentation.py --quick            the same with three repetitions: does it run?
    python benchmarks/augmentation.py --figure PATH      the figure instead, such as tutorials/figures/augmentation.png
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

import npdeep as nd
from npdeep import augmentation as A
from npdeep import plots
from npdeep.common.tables import Table
from npdeep.kernels.images import hsv_to_rgb
from npdeep.plots.style import COLORS

SIZES = ((28, 28, 1), (32, 32, 3))
BATCHES = (50, 500)
MEASURED = (
    *(A.Shift(2), A.Rotate(10), A.Zoom(0.1), A.Crop(4), A.Flip()),
    *(A.Brightness(), A.Contrast(), A.Saturation(), A.Hue()),
    A.Compose([A.Shift(2), A.Rotate(10), A.Zoom(0.1)]),
)


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def images_a_second(work: Callable[[], Any], x: np.ndarray, seconds: float) -> float:
    """The median over as many repetitions as go into so many seconds, and three at least; a first one is not counted."""
    work()
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < seconds:
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return len(x) / statistics.median(taken)


def training_step(x: np.ndarray) -> Callable[[], float]:
    """A step of the lesson's network on these images."""
    rows, labels = x.reshape(len(x), -1), np.arange(len(x)) % 10
    layers = [nd.Dense(300), nd.Activation("relu"), nd.Dense(100), nd.Activation("relu"), nd.Dense(10)]
    trainer = nd.Trainer(nd.Sequential(layers, rows.shape[1], seed=0), "softmax_cross_entropy", "momentum")
    return lambda: trainer.step(rows, labels)


def table(seconds: float) -> Table:
    """Images a second, by augmentation, size and batch."""
    batches = [np.random.default_rng(0).random((n, *size), dtype=np.float32) for size in SIZES for n in BATCHES]
    header = ["", *(f"{' × '.join(map(str, x.shape[1:]))}, batch {len(x)}" for x in batches)]
    rows = []
    for augment in MEASURED:
        row = [label_of(augment).replace("\n", ", ")]
        for x in batches:
            fits = augment.channels_needed in (None, x.shape[3])
            row.append(f"{images_a_second(partial(augment, x), x, seconds):,.0f}" if fits else "")
        rows.append(row)
    rows.append(["a training step", *(f"{images_a_second(training_step(x), x, seconds):,.0f}" for x in batches)])
    return Table(header, rows, title="Images a second", notes=[f"NumPy {np.__version__}, {os.cpu_count()} processors"])


# ── the figure ────────────────────────────────────────────────────────────────────────────────────────────────────────────
DRAWS, SEED = 4, 8
GREY_ROWS = (
    *(A.Shift(5), A.Rotate(30), A.Zoom(0.4), A.Crop((4, 12)), A.Flip()),
    A.Compose([A.Shift(2), A.Rotate(15), A.Zoom(0.2)]),
)
COLOUR_ROWS = (A.Brightness(0.4), A.Contrast(0.9), A.Saturation(1), A.Hue(0.5))


def landscape(size: int = 48) -> np.ndarray:
    """A red-roofed house on a green meadow under the sun, (size, size, 3)."""
    y, x = np.mgrid[0:size, 0:size] / size
    picture = np.stack([0.55 + 0.3 * y, 0.75 + 0.15 * y, np.full_like(y, 0.95)], axis=-1)    # the sky
    picture[(x - 0.8) ** 2 + (y - 0.2) ** 2 < 0.015] = 0.98, 0.85, 0.2
    picture[y > 0.7 - 0.1 * np.sin(4 * x)] = 0.25, 0.6, 0.2
    picture[(abs(x - 0.4) < 0.2) & (abs(y - 0.65) < 0.17)] = 0.9, 0.82, 0.65
    picture[(y < 0.48) & (y - 0.25 > 0.85 * abs(x - 0.4))] = 0.75, 0.2, 0.15
    picture[(abs(x - 0.4) < 0.05) & (abs(y - 0.72) < 0.1)] = 0.4, 0.25, 0.15
    return picture


def wheel(size: int = 48) -> np.ndarray:
    """All hues around the circle, their saturation growing outwards, (size, size, 3)."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size - 0.5
    radius = 2 * np.hypot(y, x)
    colours = np.stack(hsv_to_rgb(np.arctan2(-y, x) / (2 * np.pi), np.minimum(radius, 1), np.full_like(y, 0.85)), axis=-1)
    return np.where(radius[..., None] < 1, colours, 1.0)


@plots.in_house_style
def figure() -> plots.Figure:
    """A row an augmentation: two images, each as it is and with four random changes."""
    (digits, labels), _ = nd.datasets.mnist_sample()
    chosen = [digits[labels == label][which].reshape(28, 28) for label, which in ((2, 3), (7, 0))]
    rows = [(augment, chosen) for augment in GREY_ROWS] + [(augment, [landscape(), wheel()]) for augment in COLOUR_ROWS]
    sheet, axes = plots.new_grid(len(rows), 2, (14, 1.3 * len(rows)))
    sheet.get_layout_engine().set(h_pad=0.03, hspace=0, wspace=0.04)
    rng = np.random.default_rng(SEED)
    for i, (augment, images) in enumerate(rows):
        for ax, image in zip(axes[2 * i : 2 * i + 2], images, strict=True):
            drawn = augment(np.repeat(image[None], DRAWS, axis=0), rng)
            plots.contact_sheet(np.concatenate([image[None], drawn]), columns=1 + DRAWS, ax=ax)
            ax.add_patch(Rectangle((0, 0), *image.shape[1::-1], fill=False, edgecolor=COLORS[1], linewidth=4, clip_on=False))
        axes[2 * i].text(-0.04, 0.5, label_of(augment), transform=axes[2 * i].transAxes, ha="right", va="center", fontsize=19)
    for ax in axes[:2]:
        for place, words in ((0.09, "as it is"), (0.6, "four random draws")):
            ax.text(place, 1.05, words, transform=ax.transAxes, ha="center", va="bottom", fontsize=17)
    return sheet


def label_of(augment: A.Augmentation) -> str:
    """As one writes it, without what is left at its default.

    >>> label_of(A.Crop((4, 12)))
    'Crop((4, 12))'
    """
    if isinstance(augment, A.Compose):
        return "\n".join(map(label_of, augment.augmentations))
    return f"{type(augment).__name__}({next(iter(augment.arguments().values()))})"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three repetitions of each")
    parser.add_argument("--figure", type=Path, metavar="PATH", help="draw the figure into this file instead")
    given = parser.parse_args(arguments)
    if given.figure:
        print(f"wrote {plots.save(figure(), given.figure)}")
    else:
        print(table(seconds=0.0 if given.quick else 0.5))


if __name__ == "__main__":
    main()
