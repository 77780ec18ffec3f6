"""Images side by side: those of the data, and those that a layer's weights make."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from npdeep.augmentation.base import check_shape, image_shape
from npdeep.common import checks
from npdeep.layers.base import Layer
from npdeep.plots.style import DIVERGING, in_house_style, new_axes


@in_house_style
def contact_sheet(
    images: Any,
    columns: int = 10,
    titles: Sequence[Any] | None = None,
    ax: Axes | None = None,
    *,
    shape: Sequence[int] | None = None,
) -> Axes:
    """Images in rows and columns.

    Args:
        images: (n, height, width), (n, height, width, channels) with 1, 3 or 4 channels, or flat rows with their `shape`.
        columns: how many are side by side.
        titles: one for each image, to be written above it: labels, for example.
        ax: axes to draw into.
        shape: (height, width) or (height, width, channels) of an image, where images are flat rows.

    Grey is drawn from black (0) to white (1; 255 for uint8), pixel by pixel. Where values lie beyond, the smallest of all is
    black and the largest white. Read it before a network learns from it: are images turned, cut or
    labelled wrongly?

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/contact_sheet.png

    Raises ValueError or TypeError where images, columns or titles do not fit.

    >>> ax = contact_sheet(np.zeros((5, 784)), columns=3, titles="ABCDE", shape=(28, 28))
    >>> len(ax.images), ax.texts[4].get_text()
    (5, 'E')
    """
    owner = "contact_sheet"
    images = checks.real_array(owner, "images", images)
    n, height, width, channels = image_shape(owner, "images", images, None if shape is None else check_shape(owner, shape))
    checks.finite(owner, "images", images)
    if channels not in (1, 3, 4):
        raise ValueError(f"{owner}: images must have 1, 3 or 4 channels, got {channels}")
    if titles is not None:
        titles = list(titles) if isinstance(titles, str) else checks.items(owner, "titles", titles, "titles")
    if titles is not None and len(titles) != n:
        raise ValueError(f"{owner}: titles must be one for each of the {n} images, got {len(titles)}")
    columns = min(n, checks.whole(owner, "columns", columns))
    rows = -(-n // columns)
    across, down = 1.1 * width, (1.1 if titles is None else 1.35) * height       # from one image to the next

    shown = to_unit_interval(images).reshape(n, height, width, channels)
    ax = new_axes(ax, (1.2 * columns, 1.2 * rows * down / across))
    for k, image in enumerate(shown if channels > 1 else shown[..., 0]):
        left, top = k % columns * across, k // columns * down
        ax.imshow(
            image, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=(left, left + width, top + height, top)
        )
        if titles is not None:
            ax.text(left + width / 2, top - 0.04 * height, str(titles[k]), ha="center", va="bottom", fontsize="small")
    ax.set_xlim(0, (columns - 1) * across + width)
    ax.set_ylim((rows - 1) * down + height, 0 if titles is None else -0.3 * height)
    ax.axis("off")
    return ax


@in_house_style
def weight_images(
    layer: Any,
    shape: Sequence[int] | None = None,
    units: Sequence[int] | None = None,
    columns: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """The weights of a layer's units as images: what pattern in the picture below makes each unit say yes.

    Args:
        layer: a layer with a kernel, as a rule the lowest: model.layer("dense").
        shape: (height, width) of an image; where it is not given, a square.
        units: which units, by number; by default the first 40.
        columns: how many images are side by side.
        ax: axes to draw into.

    Read light (yellow) as weights above 0, dark (blue) as below, grey as 0, on one scale for all units, symmetrical about 0.
    Images that look like noise, as all do before training, have learnt nothing from there. What is not finite is red.

    Raises ValueError or TypeError where the kernel does not fit the shape or there is no such unit.

    Returns the axes; write the picture with `ax.figure.savefig("picture.png")`.

    Figure: tutorials/figures/weight_images.png

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3)], input_size=4, seed=0)
    >>> ax = weight_images(model.layers[0])
    >>> len(ax.images), [text.get_text() for text in ax.texts]
    (3, ['0', '1', '2'])
    """
    owner = "weight_images"
    kernel = getattr(getattr(layer, "kernel", None), "value", None) if isinstance(layer, Layer) and layer.built else None
    if kernel is None:
        raise TypeError(
            f'{owner}: pass a layer of a model that has a kernel, for example model.layer("dense"); '
            f"got {checks.describe(layer)}"
        )
    height, width = _image_size(owner, kernel.shape[0], shape)
    chosen = list(range(min(40, kernel.shape[1]))) if units is None else checks.places(owner, "units", units, kernel.shape[1])
    columns = min(len(chosen), checks.whole(owner, "columns", columns))
    rows = -(-len(chosen) // columns)
    across, down = 1.1 * width, 1.32 * height
    ax = new_axes(ax, (1.25 * columns + 1.2, 1.25 * rows * down / across + 0.2))
    finite = np.abs(kernel[:, chosen][np.isfinite(kernel[:, chosen])])
    largest = float(finite.max(initial=0.0)) or 1.0
    for k, unit in enumerate(chosen):
        left, top = k % columns * across, k // columns * down
        weights = np.ma.masked_invalid(kernel[:, unit].reshape(height, width))
        box = (left, left + width, top + height, top)
        image = ax.imshow(weights, cmap=DIVERGING, vmin=-largest, vmax=largest, interpolation="nearest", extent=box)
        ax.text(left + width / 2, top - 0.03 * height, str(unit), ha="center", va="bottom", fontsize="small")
    ax.set_xlim(0, (columns - 1) * across + width)
    ax.set_ylim((rows - 1) * down + height, -0.26 * height)
    ax.axis("off")
    ax.figure.colorbar(image, ax=ax, shrink=0.8, label="weight")
    return ax


def _image_size(owner: str, inputs: int, shape: Sequence[int] | None) -> tuple[int, int]:
    if shape is None:
        side = math.isqrt(inputs)
        if side * side != inputs:
            raise ValueError(f"{owner}: {inputs} inputs make no square image; give its shape, for example shape=(1, {inputs})")
        return side, side
    checked = check_shape(owner, shape)
    if len(checked) != 2 or math.prod(checked) != inputs:
        raise ValueError(
            f"{owner}: shape must be (height, width) with height*width = {inputs}, the layer's inputs; got {shape}"
        )
    return checked[0], checked[1]


def to_unit_interval(images: Any) -> Any:
    """The values between 0 and 1, as they are if they lie there.

    >>> to_unit_interval(np.array([0, 51, 255], np.uint8)), to_unit_interval(np.array([-1.0, 0.5, 2.0]))
    (array([0. , 0.2, 1. ]), array([0. , 0.5, 1. ]))
    """
    if images.dtype == np.uint8:
        return images / 255
    low, high = min(0.0, float(images.min())), max(1.0, float(images.max()))
    return (images - low) / (high - low)
