"""Warping and recolouring batches of images.

Images and `out` have the shape (n, height, width, channels); `out` is contiguous. Pixel (i, j) has its centre at the
coordinates (i, j). Colours are RGB between 0 and 1. NumPy is slow where the innermost axis has only three elements, one for
each colour; so the kernels work plane by plane, and on so few images at a time that what they compute on the way stays in the
processor's cache.
"""

from collections.abc import Iterator

import numpy as np

from npdeep.kernels.arrays import Array

PIXELS = 1 << 14
"""How many pixels are worked on at a time."""


def pieces(images: Array) -> Iterator[slice]:
    """Slices of the batch with about PIXELS pixels each, at least one image.

    >>> list(pieces(np.empty((50, 28, 28, 1))))
    [slice(0, 20, None), slice(20, 40, None), slice(40, 60, None)]
    """
    n, height, width, _ = images.shape
    step = max(1, PIXELS // (height * width))
    for start in range(0, n, step):
        yield slice(start, start + step)


def warp(images: Array, inverse: Array, out: Array, fill: float) -> Array:
    """out[k, i, j] = images[k] at the place (y, x) = inverse_k · (i, j, 1).

    Inverse mapping: every pixel that is wanted asks where it comes from, so that no pixel stays empty.
    inverse (n, 2, 3): for each image the matrix that turns a place in the output into a place in the input.
    Source: Gonzalez & Woods, *Digital image processing*, section 2.4.

    >>> images = np.array([[1.0, 3.0]]).reshape(1, 1, 2, 1)
    >>> half_a_pixel_left = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.5]]])
    >>> warp(images, half_a_pixel_left, np.empty((1, 1, 2, 1)), fill=0.0).ravel()
    array([2. , 1.5])
    """
    height, width = images.shape[1:3]
    i, j = np.indices((height, width)).reshape(2, -1)
    wanted = np.stack([i, j, np.ones_like(i)]).astype(images.dtype)           # (3, height·width): all (i, j, 1)
    matrices = inverse.swapaxes(0, 1).astype(images.dtype)                    # (2, n, 3)
    for some in pieces(images):
        y, x = matrices[:, some] @ wanted                                     # (n, height·width) each
        bilinear(images[some], y, x, out[some], fill)
    return out


def bilinear(images: Array, y: Array, x: Array, out: Array, fill: float) -> Array:
    """The images at the places (y, x), between four pixels each.

    With the neighbours p₀₀ at (y₀, x₀), p₀₁ to the right of it, p₁₀ below it, p₁₁, and v = y − y₀, u = x − x₀:

        upper = p₀₀ + u (p₀₁ − p₀₀)      lower = p₁₀ + u (p₁₁ − p₁₀)      out = upper + v (lower − upper)

    so that a place on a pixel gives this pixel to the last bit. Beyond the border every pixel is `fill`; a place less than
    one pixel beyond it is a mixture of the two.
    y, x (n, height·width), both overwritten.

    >>> images = np.array([[0.0, 1.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
    >>> y, x = np.array([[0.5, 0.0, 1.5, 9.0]]), np.array([[0.5, 0.25, 1.0, 0.0]])
    >>> bilinear(images, y, x, np.empty((1, 2, 2, 1)), fill=0.0).ravel()
    array([1.5 , 0.25, 1.5 , 0.  ])
    """
    n, height, width, channels = images.shape
    row = width + 3
    framed = np.full((channels, n, height + 3, row), fill, images.dtype)      # one pixel of fill above and left, two below
    framed[:, :, 1:-2, 1:-2] = np.moveaxis(images, -1, 0)                     # and right: so all four neighbours are there

    y += 1                                    # from now on places in the frame
    x += 1
    np.clip(y, 0, height + 1, out=y)          # farther out there is nothing but fill
    np.clip(x, 0, width + 1, out=x)
    y0, x0 = np.floor(y), np.floor(x)
    first = y0.astype(np.intp)                # where p₀₀ is in the flat plane of one channel
    first *= row
    first += x0.astype(np.intp)
    first += np.arange(n)[:, None] * (height + 3) * row
    v, u = np.subtract(y, y0, out=y), np.subtract(x, x0, out=x)

    for plane, target in zip(framed.reshape(channels, -1), np.moveaxis(out.reshape(n, -1, channels), -1, 0), strict=True):
        # Nothing needs to be clipped; this mode is the fastest.
        p00, p01, p10, p11 = (plane[step:].take(first, mode="clip") for step in (0, 1, row, row + 1))
        target[...] = between(between(p00, p01, u), between(p10, p11, u), v)
    return out


def between(a: Array, b: Array, share: Array) -> Array:
    """a + share · (b − a), in the memory of b.

    >>> between(np.array([1.0]), np.array([3.0]), np.array([0.25]))
    array([1.5])
    """
    b -= a
    b *= share
    b += a
    return b


def rgb_to_hsv(r: Array, g: Array, b: Array) -> tuple[Array, Array, Array]:
    """Hue (as a share of a full turn), saturation and value.

    With the largest M and the smallest m of r, g, b: value = M, saturation = (M − m)/M, and the hue counts sixths of a turn
    from red (0), green (2) or blue (4), whichever is largest:

        sixths = (g − b)/(M − m)  from red,    2 + (b − r)/(M − m)  from green,    4 + (r − g)/(M − m)  from blue

    Grey has hue 0, black saturation 0. Source: Smith (1978), *Color gamut transform pairs*.

    >>> rgb_to_hsv(np.array([1.0, 0.0]), np.array([0.0, 0.5]), np.array([0.0, 0.5]))
    (array([0. , 0.5]), array([1., 1.]), array([1. , 0.5]))
    """
    value = np.maximum(np.maximum(r, g), b)
    spread = value - np.minimum(np.minimum(r, g), b)
    red = value == r                          # which one is the largest: products with these three are faster than np.where
    green = (value == g) & ~red
    blue = ~(red | green)
    hue = (g - b) * red + (b - r + 2 * spread) * green + (r - g + 4 * spread) * blue
    hue /= 6 * spread + (spread == 0)
    hue -= np.floor(hue)
    spread /= value + (value == 0)
    return hue, spread, value


def hsv_to_rgb(hue: Array, saturation: Array, value: Array) -> tuple[Array, Array, Array]:
    """The way back; hues beyond 0 … 1 go round the circle again.

    Each colour is value − value · saturation · fall. Counting the hue in sixths of a turn H, red falls by nothing between 5
    and 1, wholly between 2 and 4, and evenly in between; green and blue do the same two and four sixths later:

        fall = 2 − |H − 3|  for red,    |H − 2| − 1  for green,    |H − 4| − 1  for blue,    each clamped to [0, 1]

    >>> hsv_to_rgb(np.array([0.5]), np.array([1.0]), np.array([0.5]))
    (array([0.]), array([0.5]), array([0.5]))
    """
    sixths = hue - np.floor(hue)
    sixths *= 6
    fall_of_red, fall_of_green, fall_of_blue = 2 - abs(sixths - 3), abs(sixths - 2) - 1, abs(sixths - 4) - 1
    depth = value * saturation
    for fall in (fall_of_red, fall_of_green, fall_of_blue):
        np.clip(fall, 0, 1, out=fall)
        fall *= depth
        np.subtract(value, fall, out=fall)    # the colour
    return fall_of_red, fall_of_green, fall_of_blue


def scale_saturation(images: Array, factors: Array, out: Array) -> Array:
    """Saturation times a factor, at most 1, with hue and value as they are: no need to compute the hue. factors (n,).

    A colour c is M − M s · fall(hue), M being the value and s = (M − m)/M the saturation. When s becomes s k with the same
    hue and value, the distance M − c becomes (M − c) k; and s k ≤ 1 as long as k ≤ M/(M − m):

        c' = M − (M − c) k     k = min(factor, M/(M − m))

    >>> scale_saturation(np.array([0.5, 0.3, 0.4]).reshape(1, 1, 1, 3), np.array([2.0]), np.empty((1, 1, 1, 3))).ravel()
    array([0.5, 0.1, 0.3])
    """
    for some in pieces(images):
        r, g, b = np.moveaxis(images[some], -1, 0).copy()                     # (n, height, width) each
        largest = np.maximum(np.maximum(r, g), b)
        spread = largest - np.minimum(np.minimum(r, g), b)
        k = np.divide(largest, spread, out=np.ones_like(spread), where=spread > 0)
        np.minimum(k, factors[some, None, None], out=k)
        for colour, target in zip((r, g, b), np.moveaxis(out[some], -1, 0), strict=True):
            distance = np.subtract(largest, colour, out=colour)
            distance *= k
            np.subtract(largest, distance, out=target)
    return np.maximum(out, 0, out=out)        # rounding may have gone below


def turn_hue(images: Array, turns: Array, out: Array) -> Array:
    """Hue plus a share of the full turn. turns (n,).

    >>> turn_hue(np.array([1.0, 0.0, 0.0]).reshape(1, 1, 1, 3), np.array([0.5]), np.empty((1, 1, 1, 3))).ravel()
    array([0., 1., 1.])
    """
    for some in pieces(images):
        hue, saturation, value = rgb_to_hsv(*np.moveaxis(images[some], -1, 0).copy())     # (n, height, width) each
        hue += turns[some, None, None]
        for colour, target in zip(hsv_to_rgb(hue, saturation, value), np.moveaxis(out[some], -1, 0), strict=True):
            target[...] = colour
    return out


def scale_contrast(images: Array, factors: Array, out: Array) -> Array:
    """(x − mean) · factor + mean = x · factor + mean · (1 − factor), with the mean of each channel of each image. factors (n,).

    The second form is the faster one, and a factor of 1 changes nothing.

    >>> scale_contrast(np.array([0.2, 0.6]).reshape(1, 1, 2, 1), np.array([2.0]), np.empty((1, 1, 2, 1))).ravel().round(6)
    array([0. , 0.8])
    """
    n, height, width, channels = images.shape
    factors = factors[:, None, None]
    rows = images.reshape(n, height, width * channels)
    means = rows.mean(axis=1).reshape(n, width, channels).mean(axis=1)        # (n, channels)
    offsets = np.tile(means, width)[:, None, :] * (1 - factors)               # (n, 1, width·channels)
    scaled = np.multiply(rows, factors, out=out.reshape(rows.shape))
    scaled += offsets
    return out
