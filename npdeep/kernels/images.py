"""Warping and recolouring batches of images.

Images have the shape (n, height, width, channels); `out` has the same shape, or another height and width. Pixel (i, j) has its
centre at the coordinates (i, j). Colours are RGB between 0 and 1.
"""

import numpy as np

from npdeep.kernels.arrays import Array


def warp(images: Array, inverse: Array, out: Array, fill: float) -> Array:
    """out[k, i, j] = images[k] at the place (y, x) = inverse_k · (i, j, 1), by bilinear interpolation.

    Inverse mapping: every pixel that is wanted asks where it comes from, so that no pixel stays empty. Between four
    neighbours at (y₀, x₀), …, with fractions v = y − y₀ and u = x − x₀:

        out = (1 − v)(1 − u) p₀₀ + (1 − v) u p₀₁ + v (1 − u) p₁₀ + v u p₁₁

    Beyond the border every pixel is `fill`; a place less than one pixel beyond it is a mixture of the two.
    inverse (n, 2, 3): for each image the matrix that turns a place in the output into a place in the input.
    Source: Gonzalez & Woods, *Digital image processing*, section 2.4.

    >>> images = np.array([[1.0, 3.0]]).reshape(1, 1, 2, 1)
    >>> half_a_pixel_left = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.5]]])
    >>> warp(images, half_a_pixel_left, np.empty((1, 1, 2, 1)), fill=0.0).ravel()
    array([2. , 1.5])
    """
    n, height, width, channels = images.shape
    rows, columns = out.shape[1:3]
    padded = np.full((n, height + 2, width + 2, channels), fill, images.dtype)    # a frame of fill, one pixel wide
    padded[:, 1:-1, 1:-1] = images

    i = np.arange(rows, dtype=images.dtype)[:, None]
    j = np.arange(columns, dtype=images.dtype)[None, :]
    a = inverse.astype(images.dtype)[:, :, :, None, None]                         # (n, 2, 3, 1, 1)
    y = a[:, 0, 0] * i + a[:, 0, 1] * j + a[:, 0, 2]                              # (n, rows, columns)
    x = a[:, 1, 0] * i + a[:, 1, 1] * j + a[:, 1, 2]
    np.clip(y, -1, height, out=y)             # farther out there is nothing but the frame
    np.clip(x, -1, width, out=x)

    y0 = np.minimum(np.floor(y), height - 1)  # so that y0 + 1 is still in the frame
    x0 = np.minimum(np.floor(x), width - 1)
    v, u = (y - y0)[..., None], (x - x0)[..., None]
    first = (y0 + 1).astype(np.intp) * (width + 2) + (x0 + 1).astype(np.intp)     # of the upper left neighbour, in its image
    first += np.arange(n)[:, None, None] * ((height + 2) * (width + 2))

    pixels = padded.reshape(-1, channels)
    upper = pixels[first] * (1 - u) + pixels[first + 1] * u
    lower = pixels[first + width + 2] * (1 - u) + pixels[first + width + 3] * u
    np.multiply(upper, 1 - v, out=out)
    out += lower * v
    return out


def rgb_to_hsv(rgb: Array) -> Array:
    """Hue (as a share of a full turn), saturation and value of RGB colours, along the last axis.

    With the largest channel M and the smallest m: value = M, saturation = (M − m)/M, and the hue counts sixths of a turn
    from red (0), green (2) or blue (4), whichever is largest. Grey has hue 0. Source: Smith (1978), *Color gamut transform
    pairs*.

    >>> rgb_to_hsv(np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]))
    array([[0. , 1. , 1. ],
           [0.5, 1. , 0.5]])
    """
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    value = rgb.max(axis=-1)
    spread = value - rgb.min(axis=-1)
    some = np.where(spread > 0, spread, 1)
    sixths = np.where(value == r, (g - b) / some, np.where(value == g, 2 + (b - r) / some, 4 + (r - g) / some))
    hue = np.where(spread > 0, sixths / 6 % 1, 0)
    saturation = np.where(value > 0, spread / np.where(value > 0, value, 1), 0)
    return np.stack([hue, saturation, value], axis=-1).astype(rgb.dtype, copy=False)


def hsv_to_rgb(hsv: Array) -> Array:
    """The way back: channel c = value − value · saturation · max(0, min(k, 4 − k, 1)), k = (n_c + 6 · hue) mod 6.

    n_c is 5 for red, 3 for green and 1 for blue: each channel rises and falls with the same shape, a third of a turn apart.

    >>> hsv_to_rgb(np.array([[0.5, 1.0, 0.5]]))
    array([[0. , 0.5, 0.5]])
    """
    hue, saturation, value = hsv[..., :1], hsv[..., 1:2], hsv[..., 2:]
    k = (np.array([5, 3, 1], hsv.dtype) + 6 * hue) % 6
    rgb: Array = value - value * saturation * np.maximum(0, np.minimum(np.minimum(k, 4 - k), 1))
    return rgb


def scale_contrast(images: Array, factors: Array) -> Array:
    """(x − mean) · factor + mean, with the mean of each channel of each image. factors (n,).

    >>> scale_contrast(np.array([0.2, 0.6]).reshape(1, 1, 2, 1), np.array([2.0])).ravel().round(6)
    array([0. , 0.8])
    """
    mean: Array = images.mean(axis=(1, 2), keepdims=True)
    scaled: Array = (images - mean) * factors[:, None, None, None] + mean
    return scaled
