"""Colours that all kinds of colour vision tell apart, and pictures made of them."""

import base64
import io

import numpy as np
from PIL import Image  # matplotlib brings it

from npdeep.kernels.arrays import Array
from npdeep.plots.style import COLORS, DIVERGING

NETWORKS = {"light": ("#0072B2", "#D55E00"), "dark": ("#56B4E9", "#E69F00")}
"""Of network A and network B."""

CLASSES = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (COLORS * 8)[:50]], float)
TABLE: Array = (DIVERGING(np.linspace(0, 1, 256)) * 255).astype(np.uint8)
BAD = np.array([0xD0, 0x30, 0x30, 0xFF], np.uint8)


def diverging(array: Array, largest: float = 0.0) -> Array:
    """Blue below 0, grey at 0, yellow above, red where it is not finite: (…, 4) uint8. largest: the end of the scale.

    >>> diverging(np.array([-1.0, np.nan, 1.0]))[1].tolist()
    [208, 48, 48, 255]
    """
    values = np.asarray(array, np.float64)
    good = np.isfinite(values)
    largest = largest or float(np.abs(values[good]).max(initial=0.0)) or 1.0
    steps = np.where(good, np.clip(values, -largest, largest), 0) / largest
    coloured: Array = TABLE[np.round((steps + 1) * 127.5).astype(int)]
    coloured[~good] = BAD
    return coloured


def surface(probabilities: Array) -> Array:
    """(h, w, classes) to (h, w) uint32 as Bokeh takes pictures: a class's colour where it is sure, grey where it is not."""
    p = np.nan_to_num(probabilities)
    colours = np.clip(p @ CLASSES[: p.shape[-1]] * 0.75 + 55, 0, 255).astype(np.uint8)
    return packed(np.concatenate([colours, np.full((*p.shape[:2], 1), 255, np.uint8)], axis=-1))


def packed(rgba: Array) -> Array:
    """(h, w, 4) uint8 to (h, w) uint32."""
    return np.ascontiguousarray(rgba).view(np.uint32).reshape(rgba.shape[:2])


def mosaic(images: Array, columns: int = 7) -> Array:
    """Images (n, h, w) beside each other, on one scale, with gaps between."""
    n, h, w = images.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows * (h + 2), columns * (w + 2), 4), np.uint8)
    coloured = diverging(images)
    for k in range(n):
        top, left = k // columns * (h + 2), k % columns * (w + 2)
        sheet[top : top + h, left : left + w] = coloured[k]
    return packed(sheet[::-1])


def png(rgba: Array) -> str:
    """An image as a data URL.

    >>> png(np.zeros((2, 3, 4), np.uint8))[:22]
    'data:image/png;base64,'
    """
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgba, np.uint8)).save(file, "png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
