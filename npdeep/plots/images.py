"""Images side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from npdeep import checks
from npdeep.augmentation import check_shape, image_shape
from npdeep.plots.style import in_house_style, new_axes


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
        columns: how many stand side by side.
        titles: one for each image, to be written above it: labels, for example.
        ax: axes to draw into.
        shape: (height, width) or (height, width, channels) of an image, where images are flat rows.

    Grey is drawn from black (0) to white (1; 255 for uint8), pixel by pixel. Where values lie beyond, the smallest of all is
    black and the largest white. Raises ValueError or TypeError where images, columns or titles do not fit.

    >>> ax = contact_sheet(np.zeros((5, 784)), columns=3, titles="ABCDE", shape=(28, 28))
    >>> len(ax.images), ax.texts[4].get_text()
    (5, 'E')
    """
    owner = "contact_sheet"
    images = checks.real_array(owner, "images", images)
    checks.finite(owner, "images", images)
    n, height, width, channels = image_shape(owner, "images", images, None if shape is None else check_shape(owner, shape))
    if channels not in (1, 3, 4):
        raise ValueError(f"{owner}: images must have 1, 3 or 4 channels, got {channels}")
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
            ax.text(left + width / 2, top - 0.04 * height, str(titles[k]), ha="center", va="bottom", fontsize=13)
    ax.set_xlim(0, (columns - 1) * across + width)
    ax.set_ylim((rows - 1) * down + height, 0 if titles is None else -0.3 * height)
    ax.axis("off")
    return ax


def to_unit_interval(images: Any) -> Any:
    """The values between 0 and 1, as they are if they lie there.

    >>> to_unit_interval(np.array([0, 51, 255], np.uint8)), to_unit_interval(np.array([-1.0, 0.5, 2.0]))
    (array([0. , 0.2, 1. ]), array([0. , 0.5, 1. ]))
    """
    if images.dtype == np.uint8:
        return images / 255
    low, high = min(0.0, float(images.min())), max(1.0, float(images.max()))
    return (images - low) / (high - low)
