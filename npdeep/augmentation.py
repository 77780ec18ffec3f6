"""New examples out of old ones: images shifted, turned, zoomed, mirrored, cropped and recoloured at random.

Each augmentation is an object that is called with a batch of images and returns changed ones of the same shape and dtype:

    (n, height, width)               grey
    (n, height, width, channels)     colours along the last axis
    (n, height·width·channels)       flat rows, for which the augmentation is told the `shape` of an image

Outside of `fit` it draws from its own `rng`; `trainer.fit(augment=...)` and `nd.batches(augment=...)` hand in theirs.
A range is one number r, meaning −r … r (for factors 1 − r … 1 + r), or a pair (low, high). A range of 0 changes nothing.
Geometric changes use inverse mapping with bilinear interpolation; what comes from beyond the border has the value `fill`.
Colours are expected between 0 and 1 and stay there.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from npdeep import checks
from npdeep.described import Described
from npdeep.kernels import images as kernels
from npdeep.kernels.arrays import Array

Range = float | tuple[float, float]


class Augmentation(Described):
    """Base. An own augmentation defines `change(images, rng)` for images of shape (n, height, width, channels).

    >>> class Negative(Augmentation):
    ...     def change(self, images, rng):
    ...         return 1 - images
    >>> Negative()(np.array([[[0.0, 0.25]]]))
    array([[[1.  , 0.75]]])
    """

    channels_needed: int | None = None

    def __init__(self, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        self.shape = None if shape is None else check_shape(type(self).__name__, shape)
        self.rng = rng
        self._own = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)

    def __call__(self, x: Any, rng: np.random.Generator | None = None) -> Array:
        """Changed images, of the shape and dtype of x. Raises ValueError or TypeError where x is no batch of images."""
        x = checks.real_array(type(self).__name__, "x", x)
        floats = x if x.dtype.kind == "f" else x.astype(np.float32)
        images = floats.reshape(self.image_shape(x))
        changed = self.change(images, self._own if rng is None else rng)
        return self.restore(changed, x).astype(floats.dtype, copy=False)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """New images (n, height, width, channels), drawing from rng; `images` stays as it is."""
        raise NotImplementedError(f"{type(self).__name__} must define change(images, rng)")

    def image_shape(self, x: Array) -> tuple[int, int, int, int]:
        """x as (n, height, width, channels)."""
        name = type(self).__name__
        if x.ndim == 2 and self.shape is not None and x.shape[1] == math.prod(self.shape):
            height, width, *channels = self.shape
            result = (len(x), height, width, channels[0] if channels else 1)
        elif x.ndim == 2:
            mend = f"shape {self.shape} has {math.prod(self.shape)} pixels" if self.shape else "say shape=(height, width)"
            raise ValueError(f"{name}: x is flat, of shape {x.shape}; {mend}")
        elif x.ndim == 3:
            result = (*x.shape, 1)
        elif x.ndim == 4:
            result = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        else:
            raise ValueError(
                f"{name}: x must have the shape (n, height, width), (n, height, width, channels) or be flat, got {x.shape}"
            )
        if self.channels_needed is not None and result[3] != self.channels_needed:
            raise ValueError(f"{name}: works on colours and needs {self.channels_needed} channels, got {result[3]}")
        return result

    def restore(self, changed: Array, x: Array) -> Array:
        """The images in the form that x had."""
        return changed.reshape(x.shape)


class Compose(Augmentation):
    """One augmentation after another.

    Args:
        augmentations: a list of them; shapes of flat rows are said here, once.

    >>> both = Compose([Shift(0), Flip(1.0)], shape=(1, 2))
    >>> both(np.array([[1.0, 2.0]]))
    array([[2., 1.]])
    """

    def __init__(self, augmentations: Sequence[Augmentation], *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__(shape=shape, rng=rng)
        self.augmentations = list(augmentations)
        for augmentation in self.augmentations:
            if not isinstance(augmentation, Augmentation):
                raise TypeError(
                    f"Compose: augmentations must be objects of nd.augmentation, got {checks.describe(augmentation)}"
                )

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """Each in turn, all drawing from one generator."""
        for augmentation in self.augmentations:
            augmentation.image_shape(images)
            images = augmentation.change(images, rng)
        return images


class _Geometric(Augmentation):
    """An augmentation that moves pixels: it draws a matrix for every image."""

    def __init__(self, fill: float, shape: Sequence[int] | None, rng: Any) -> None:
        super().__init__(shape=shape, rng=rng)
        self.fill = checks.number(type(self).__name__, "fill", fill)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """Warp every image by its own matrix."""
        inverse = about_centre(self.draw(len(images), rng), *images.shape[1:3])
        return kernels.warp(images, inverse, np.empty_like(images), self.fill)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """n matrices (n, 2, 3) that turn places in the output into places in the input, both measured from the centre."""
        raise NotImplementedError


class Shift(_Geometric):
    """Moved by a random number of pixels, whole or not, down (positive) or up and to the right or left.

    Args:
        pixels: range of the shift in both directions, or a pair of ranges for (down, right), each a pair.
        fill: value of what comes into the picture.

    >>> Shift((1.0, 1.0))(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[[0., 0.],
            [0., 1.]]])
    """

    def __init__(
        self, pixels: Any = 2.0, *, fill: float = 0.0, shape: Sequence[int] | None = None, rng: Any = None
    ) -> None:
        super().__init__(fill, shape, rng)
        self.pixels = pixels
        pair = isinstance(pixels, tuple | list) and len(pixels) == 2 and all(isinstance(p, tuple | list) for p in pixels)
        down, right = pixels if pair else (pixels, pixels)
        self._down, self._right = check_range("Shift", "pixels", down), check_range("Shift", "pixels", right)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """A pixel of the output comes from as far up and left as the image is moved down and right."""
        inverse = identities(n)
        inverse[:, 0, 2] = -rng.uniform(*self._down, n)
        inverse[:, 1, 2] = -rng.uniform(*self._right, n)
        return inverse


class Rotate(_Geometric):
    """Turned about the centre by a random angle, counter-clockwise where positive.

    Args:
        degrees: range of the angle.
        fill: value of what comes into the picture.

    >>> Rotate((90.0, 90.0))(np.array([[[1.0, 2.0], [3.0, 4.0]]])).round(6)
    array([[[2., 4.],
            [1., 3.]]])
    """

    def __init__(
        self, degrees: Range = 10.0, *, fill: float = 0.0, shape: Sequence[int] | None = None, rng: Any = None
    ) -> None:
        super().__init__(fill, shape, rng)
        self.degrees = degrees
        self._degrees = check_range("Rotate", "degrees", degrees)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """The inverse of a turn is the turn back. Rows count downwards: (down, right) turns with the sine's signs so."""
        angle = np.deg2rad(rng.uniform(*self._degrees, n))
        inverse = identities(n)
        inverse[:, 0, 0] = inverse[:, 1, 1] = np.cos(angle)
        inverse[:, 0, 1], inverse[:, 1, 0] = np.sin(angle), -np.sin(angle)
        return inverse


class Zoom(_Geometric):
    """Enlarged or shrunk about the centre by a random factor; the picture keeps its size.

    Args:
        factor: range of the factor: 0.1 means 0.9 … 1.1.
        fill: value of what comes into the picture where it shrinks.

    >>> Zoom((2.0, 2.0))(np.arange(9.0).reshape(1, 3, 3))
    array([[[2. , 2.5, 3. ],
            [3.5, 4. , 4.5],
            [5. , 5.5, 6. ]]])
    """

    def __init__(
        self, factor: Range = 0.1, *, fill: float = 0.0, shape: Sequence[int] | None = None, rng: Any = None
    ) -> None:
        super().__init__(fill, shape, rng)
        self.factor = factor
        self._factor = check_range("Zoom", "factor", factor, around=1.0, above=0.0)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Twice as large: every pixel comes from half as far from the centre."""
        inverse = identities(n)
        inverse[:, 0, 0] = inverse[:, 1, 1] = 1 / rng.uniform(*self._factor, n)
        return inverse


class Crop(_Geometric):
    """A random window of the image, enlarged to the whole picture.

    Args:
        pixels: how much smaller the window is than the image, in both directions: a range from 0 up.

    >>> Crop((1.0, 1.0), rng=0)(np.arange(9.0).reshape(1, 3, 3)).shape
    (1, 3, 3)
    """

    def __init__(
        self, pixels: Range = (0.0, 4.0), *, fill: float = 0.0, shape: Sequence[int] | None = None, rng: Any = None
    ) -> None:
        super().__init__(fill, shape, rng)
        self.pixels = pixels
        low, high = check_range("Crop", "pixels", pixels if isinstance(pixels, tuple | list) else (0.0, pixels))
        if low < 0:
            raise ValueError(f"Crop: pixels must be at least 0, got {low:g}")
        self._pixels = (low, high)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """Each image by its own window; corner pixels of the window become corner pixels of the picture."""
        n, height, width, _ = images.shape
        if self._pixels[1] > min(height, width) - 1:
            raise ValueError(f"Crop: {self._pixels[1]:g} pixels leave nothing of images of {height} × {width}")
        off = rng.uniform(*self._pixels, n)
        inverse = identities(n)
        for axis, size in enumerate((height, width)):
            inverse[:, axis, axis] = (size - 1 - off) / max(size - 1, 1)
            inverse[:, axis, 2] = rng.uniform(0, 1, n) * off
        return kernels.warp(images, inverse, np.empty_like(images), self.fill)


class Flip(Augmentation):
    """Mirrored with some probability: left and right exchanged, or top and bottom.

    Args:
        probability: of each image to be mirrored, 0 … 1.
        vertical: True exchanges top and bottom.

    >>> Flip(1.0)(np.array([[[1.0, 2.0]]]))
    array([[[2., 1.]]])
    """

    def __init__(
        self, probability: float = 0.5, vertical: bool = False, *, shape: Sequence[int] | None = None, rng: Any = None
    ) -> None:
        super().__init__(shape=shape, rng=rng)
        self.probability = checks.number("Flip", "probability", probability, minimum=0, maximum=1)
        self.vertical = checks.flag("Flip", "vertical", vertical)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """Mirror the chosen ones."""
        chosen = rng.random(len(images)) < self.probability
        changed = images.copy()
        changed[chosen] = images[chosen][:, ::-1] if self.vertical else images[chosen][:, :, ::-1]
        return changed


class Brightness(Augmentation):
    """A random number is added to all pixels of an image; the result is held between 0 and 1.

    Args:
        delta: range of the number.

    >>> Brightness((0.5, 0.5))(np.array([[[0.25, 0.75]]]))
    array([[[0.75, 1.  ]]])
    """

    def __init__(self, delta: Range = 0.2, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__(shape=shape, rng=rng)
        self.delta = delta
        self._delta = check_range("Brightness", "delta", delta)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """x + delta."""
        delta = rng.uniform(*self._delta, len(images)).astype(images.dtype)
        brighter: Array = np.clip(images + delta[:, None, None, None], 0, 1)
        return brighter


class Contrast(Augmentation):
    """Distances from the mean are multiplied by a random factor; the result is held between 0 and 1.

    Args:
        factor: range of the factor: 0.2 means 0.8 … 1.2. The mean is that of each channel of each image.

    >>> Contrast((2.0, 2.0))(np.array([[[0.4, 0.6]]])).round(6)
    array([[[0.3, 0.7]]])
    """

    def __init__(self, factor: Range = 0.2, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__(shape=shape, rng=rng)
        self.factor = factor
        self._factor = check_range("Contrast", "factor", factor, around=1.0)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """(x − mean) · factor + mean."""
        if self._factor == (1.0, 1.0):
            return images.copy()              # x − mean + mean is not always x to the last bit
        factors = rng.uniform(*self._factor, len(images)).astype(images.dtype)
        return np.clip(kernels.scale_contrast(images, factors), 0, 1)


class _Colour(Augmentation):
    """An augmentation that works on hue, saturation and value."""

    channels_needed = 3
    identity: tuple[float, float]

    def __init__(self, wanted: tuple[float, float], shape: Sequence[int] | None, rng: Any) -> None:
        super().__init__(shape=shape, rng=rng)
        self._range = wanted

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """To hue, saturation, value; change; and back."""
        if self._range == self.identity:
            return images.copy()              # the way there and back would cost a rounding error
        drawn = rng.uniform(*self._range, len(images)).astype(images.dtype)[:, None, None]
        hsv = kernels.rgb_to_hsv(images)
        self.recolour(hsv, drawn)
        return np.clip(kernels.hsv_to_rgb(hsv), 0, 1)

    def recolour(self, hsv: Array, drawn: Array) -> None:
        """Change hue or saturation in place, by one drawn number an image."""
        raise NotImplementedError


class Saturation(_Colour):
    """The saturation of all pixels of an image is multiplied by a random factor (0 makes it grey).

    Args:
        factor: range of the factor: 0.2 means 0.8 … 1.2.

    >>> Saturation((0.0, 0.0))(np.array([[[[1.0, 0.0, 0.0]]]]))
    array([[[[1., 1., 1.]]]])
    """

    identity = (1.0, 1.0)

    def __init__(self, factor: Range = 0.2, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__(check_range("Saturation", "factor", factor, around=1.0), shape, rng)
        self.factor = factor

    def recolour(self, hsv: Array, drawn: Array) -> None:
        """s · factor, at most 1."""
        hsv[..., 1] = np.clip(hsv[..., 1] * drawn, 0, 1)


class Hue(_Colour):
    """The hue of all pixels of an image is turned by a random share of the full circle (⅓ makes red green).

    Args:
        turn: range of the share, within −½ … ½.

    >>> Hue((1 / 3, 1 / 3))(np.array([[[[1.0, 0.0, 0.0]]]])).round(6)
    array([[[[0., 1., 0.]]]])
    """

    identity = (0.0, 0.0)

    def __init__(self, turn: Range = 0.1, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__(check_range("Hue", "turn", turn), shape, rng)
        self.turn = turn

    def recolour(self, hsv: Array, drawn: Array) -> None:
        """h + turn, modulo the full circle."""
        hsv[..., 0] = (hsv[..., 0] + drawn) % 1


def check_range(owner: str, name: str, value: Any, around: float = 0.0, above: float = -math.inf) -> tuple[float, float]:
    """(low, high) from a number r, meaning around − r … around + r, or from a pair.

    >>> check_range("Zoom", "factor", 0.1, around=1.0), check_range("Shift", "pixels", (0, 3))
    ((0.9, 1.1), (0.0, 3.0))
    """
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise ValueError(f"{owner}: {name} must be a number or a pair (low, high), got {value!r}")
        low, high = (checks.number(owner, name, v) for v in value)
    else:
        spread = checks.number(owner, name, value, minimum=0)
        low, high = around - spread, around + spread
    if low > high:
        raise ValueError(f"{owner}: {name} must be a pair (low, high) with low ≤ high, got {value!r}")
    if not low > above:
        raise ValueError(f"{owner}: {name} must stay above {above:g}, got {low:g} … {high:g}")
    return low, high


def check_shape(owner: str, shape: Any) -> tuple[int, ...]:
    """(height, width) or (height, width, channels).

    >>> check_shape("Shift", [28, 28])
    (28, 28)
    """
    if not isinstance(shape, tuple | list) or len(shape) not in (2, 3):
        raise ValueError(f"{owner}: shape must be (height, width) or (height, width, channels), got {shape!r}")
    return tuple(checks.whole(owner, "shape", size) for size in shape)


def identities(n: int) -> Array:
    """n matrices (n, 2, 3) that leave every place where it is.

    >>> identities(1)
    array([[[1., 0., 0.],
            [0., 1., 0.]]])
    """
    return np.tile(np.eye(2, 3), (n, 1, 1))


def about_centre(inverse: Array, height: int, width: int) -> Array:
    """Matrices for places measured from the upper left pixel, out of those for places measured from the centre.

    source − c = A (place − c) + t, so source = A place + (t + c − A c).

    >>> about_centre(identities(1), 3, 5)
    array([[[1., 0., 0.],
            [0., 1., 0.]]])
    """
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    moved = inverse.copy()
    moved[:, :, 2] += centre - inverse[:, :, :2] @ centre
    return moved
