"""Golden images, shifted, turned, zoomed, cropped, mirrored and recoloured, from SciPy, scikit-image and TensorFlow.

Borders. npdeep lays a frame of `fill` around the image and interpolates with it: that is SciPy's mode="grid-constant" (and
scikit-image's mode="constant"). SciPy's own mode="constant" differs from it: it does not interpolate beyond the outermost
pixels, but sets everything there to `cval`.

Sizes. Pixel (i, j) has its centre at (i, j). Zoom keeps the centre of the image: a resize with half-pixel centres
(tf.image.resize, align_corners=False in PyTorch), then the middle of the result; for odd sizes it is SciPy's zoom as well.
Crop puts corner pixels on corner pixels (tf.image.crop_and_resize, align_corners=True).

Colours. TensorFlow's adjust_* do not clip, npdeep does; they compute in float32, so that they confirm the float64 values (of
scikit-image, for hue and saturation) to 1e-6.

What is random is drawn here from the same generator, in the order in which npdeep draws: n numbers for each quantity.
"""

import numpy as np
import tensorflow as tf
from scipy import ndimage
from skimage import color, transform
from store import agree, save

RNG = np.random.default_rng(23)
GREY = RNG.random((3, 9, 8, 1)).round(2)
COLOURS = RNG.random((3, 6, 7, 3)).round(2)
BLACK_WHITE_GREY = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5]]
PURE_AND_MIXED = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0.2, 0.7, 0.7], [0.6, 0, 0.6]]
FILL = 0.3
SEED = 5
FLOAT32 = 1e-6


def warped(x, matrices):
    """Every channel of every image by SciPy and by scikit-image; matrices (n, 3, 3) from places in the output to the input."""
    by_scipy, by_skimage = np.empty_like(x), np.empty_like(x)
    for k, matrix in enumerate(matrices):
        columns_first = matrix[[1, 0, 2]][:, [1, 0, 2]]       # scikit-image's places are (x, y)
        for c in range(x.shape[3]):
            image = x[k, :, :, c]
            by_scipy[k, :, :, c] = ndimage.affine_transform(image, matrix, order=1, mode="grid-constant", cval=FILL)
            by_skimage[k, :, :, c] = transform.warp(image, columns_first, order=1, mode="constant", cval=FILL)
    return agree("warp", by_scipy, by_skimage)


def about_centre(matrix, x):
    """The same matrix for places that are counted from the upper left pixel."""
    there = np.eye(3)
    there[:2, 2] = (x.shape[1] - 1) / 2, (x.shape[2] - 1) / 2
    return there @ matrix @ np.linalg.inv(there)


def shift(x, down, right):
    return np.array([[1, 0, -down], [0, 1, -right], [0, 0, 1]])


def rotation(x, degrees):
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return about_centre(np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]), x)


def zoom(x, factor):
    return about_centre(np.diag([1 / factor, 1 / factor, 1]), x)


def shifted(x, down, right):
    each = [ndimage.shift(image, (down, right, 0), order=1, mode="grid-constant", cval=FILL) for image in x]
    return agree("shift", warped(x, [shift(x, down, right)] * len(x)), each)


def rotated(x, degrees):
    by_scipy = ndimage.rotate(x, degrees, axes=(1, 2), reshape=False, order=1, mode="grid-constant", cval=FILL)
    by_skimage = [transform.rotate(image, degrees, order=1, mode="constant", cval=FILL) for image in x]
    return agree("rotate", warped(x, [rotation(x, degrees)] * len(x)), by_scipy, by_skimage)


def zoomed(x, factor):
    return warped(x, [zoom(x, factor)] * len(x))


def doubled(x):
    """The middle of the image resized to twice its size; for odd sizes, where this middle lies between pixels, SciPy's zoom."""
    height, width = x.shape[1:3]
    if height % 2:
        larger = ndimage.zoom(x, (1, (2 * height - 1) / height, (2 * width - 1) / width, 1), order=1, mode="grid-constant")
        return agree("zoom", zoomed(x, 2), larger[:, height // 2 : height // 2 + height, width // 2 : width // 2 + width])
    larger = tf.image.resize(x, (2 * height, 2 * width), method="bilinear")
    middle = tf.image.crop_to_bounding_box(larger, height // 2, width // 2, height, width)
    return agree("resize", zoomed(x, 2), middle, tolerance=FLOAT32)


def cropped(x, low, high, rng):
    n, height, width, _ = x.shape
    off = rng.uniform(low, high, n)
    top, left = rng.uniform(0, 1, n) * off, rng.uniform(0, 1, n) * off
    boxes = np.stack([top, left, top + height - 1 - off, left + width - 1 - off], axis=1)
    by_tensorflow = tf.image.crop_and_resize(x, boxes / ([height - 1, width - 1] * 2), range(n), (height, width))
    down, right = (height - 1 - off) / (height - 1), (width - 1 - off) / (width - 1)
    matrices = [[[down[k], 0, top[k]], [0, right[k], left[k]], [0, 0, 1]] for k in range(n)]
    return agree("crop", warped(x, np.array(matrices)), by_tensorflow, tolerance=FLOAT32)


def composed(x, rng):
    """Shift by ±2, rotate by ±25°, zoom by 0.7 … 1.3: one interpolation with the product of the matrices."""
    n = len(x)
    down, right = rng.uniform(-2, 2, n), rng.uniform(-2, 2, n)
    degrees, factor = rng.uniform(-25, 25, n), rng.uniform(0.7, 1.3, n)
    return warped(x, [shift(x, down[k], right[k]) @ rotation(x, degrees[k]) @ zoom(x, factor[k]) for k in range(n)])


def mirrored(x, probability, flip, rng):
    return np.where(rng.random(len(x))[:, None, None, None] < probability, flip(tf.constant(x)).numpy(), x)


def recoloured(x, drawn, by_tensorflow, by_formula):
    """Each image with its own number."""
    results = np.stack([by_formula(image, number) for image, number in zip(x, drawn, strict=True)])
    confirmed = [np.clip(by_tensorflow(tf.constant(image), number), 0, 1) for image, number in zip(x, drawn, strict=True)]
    return agree("colours", results, np.stack(confirmed), tolerance=FLOAT32)


def brightened(image, delta):
    return np.clip(image + delta, 0, 1)


def contrasted(image, factor):
    mean = image.mean(axis=(0, 1))
    return np.clip((image - mean) * factor + mean, 0, 1)


def saturated(image, factor):
    hsv = color.rgb2hsv(image)
    hsv[..., 1] = np.minimum(hsv[..., 1] * factor, 1)
    return color.hsv2rgb(hsv)


def turned(image, turn):
    hsv = color.rgb2hsv(image)
    hsv[..., 0] = (hsv[..., 0] + turn) % 1
    return color.hsv2rgb(hsv)


# case: npdeep's class, its arguments, images, result
FIXED = {
    "shift by whole pixels": ("Shift", {"pixels": [[2, 2], [-3, -3]], "fill": FILL}, GREY, shifted(GREY, 2, -3)),
    "shift by parts of pixels": ("Shift", {"pixels": [[-1.3, -1.3], [2.6, 2.6]], "fill": FILL}, GREY, shifted(GREY, -1.3, 2.6)),
    "shift, colours": ("Shift", {"pixels": [0.25, 0.25], "fill": FILL}, COLOURS, shifted(COLOURS, 0.25, 0.25)),
    "shift beyond the border": ("Shift", {"pixels": [[8.5, 8.5], [0, 0]], "fill": FILL}, GREY, shifted(GREY, 8.5, 0)),
    **{
        f"rotate by {degrees}": ("Rotate", {"degrees": [degrees, degrees], "fill": FILL}, GREY, rotated(GREY, degrees))
        for degrees in (30, -47.5, 90, 205)
    },
    "rotate, colours": ("Rotate", {"degrees": [-12, -12], "fill": FILL}, COLOURS, rotated(COLOURS, -12)),
    "zoom out": ("Zoom", {"factor": [0.55, 0.55], "fill": FILL}, GREY, zoomed(GREY, 0.55)),
    "zoom in, colours": ("Zoom", {"factor": [1.6, 1.6], "fill": FILL}, COLOURS, zoomed(COLOURS, 1.6)),
    "zoom in by 2, even size": ("Zoom", {"factor": [2, 2], "fill": FILL}, GREY[:, :8], doubled(GREY[:, :8])),
    "zoom in by 2, odd size": ("Zoom", {"factor": [2, 2], "fill": FILL}, GREY[:, :, :7], doubled(GREY[:, :, :7])),
}


def generator():
    return np.random.default_rng(SEED)


def draws(low, high):
    return generator().uniform(low, high, 3)


# case: npdeep's class, its arguments besides the seed, images, result
RANDOM = {
    "crop": ("Crop", {"pixels": [1, 4], "fill": FILL}, GREY, cropped(GREY, 1, 4, generator())),
    "crop, colours": ("Crop", {"pixels": 3, "fill": FILL}, COLOURS, cropped(COLOURS, 0, 3, generator())),
    "composed": ("Compose", {}, GREY, composed(GREY, generator())),
    "composed, colours": ("Compose", {}, COLOURS, composed(COLOURS, generator())),
    "flip": ("Flip", {}, COLOURS, mirrored(COLOURS, 0.5, tf.image.flip_left_right, generator())),
    "flip, vertical": ("Flip", {"vertical": True}, GREY, mirrored(GREY, 0.5, tf.image.flip_up_down, generator())),
    "brightness": (
        *("Brightness", {"delta": 0.4}, COLOURS),
        recoloured(COLOURS, draws(-0.4, 0.4), tf.image.adjust_brightness, brightened),
    ),
    "contrast": (
        *("Contrast", {"factor": 0.9}, COLOURS),
        recoloured(COLOURS, draws(0.1, 1.9), tf.image.adjust_contrast, contrasted),
    ),
    "contrast, grey": (
        *("Contrast", {"factor": [1, 3]}, GREY),
        recoloured(GREY, draws(1, 3), tf.image.adjust_contrast, contrasted),
    ),
    "saturation": (
        *("Saturation", {"factor": [0, 3]}, COLOURS),
        recoloured(COLOURS, draws(0, 3), tf.image.adjust_saturation, saturated),
    ),
    "hue": (
        *("Hue", {"turn": 0.5}, COLOURS),
        recoloured(COLOURS, draws(-0.5, 0.5), tf.image.adjust_hue, turned),
    ),
}


def main():
    cases = {}
    for seed, table in ((None, FIXED), (SEED, RANDOM)):
        for case, (kind, parameters, x, changed) in table.items():
            arguments = {"kind": "augmentation", "augmentation": kind, "parameters": parameters, "seed": seed}
            cases[case] = (arguments, {"x": x, "changed": changed})
    matrices = np.array([[[0.9, 0.3, -1.0], [-0.2, 1.2, 0.5], [0, 0, 1]]] * len(COLOURS))
    arrays = {"x": COLOURS, "inverse": matrices[:, :2], "changed": warped(COLOURS, matrices)}
    cases["any matrix"] = ({"kind": "warp", "fill": FILL}, arrays)
    rgb = np.concatenate([BLACK_WHITE_GREY, PURE_AND_MIXED, COLOURS.reshape(-1, 3)])
    hsv = agree("hsv", color.rgb2hsv(rgb), tf.image.rgb_to_hsv(rgb), tolerance=FLOAT32)
    cases["hue, saturation, value"] = ({"kind": "hsv"}, {"rgb": rgb, "hsv": hsv})
    save("augmentation", cases)


main()
