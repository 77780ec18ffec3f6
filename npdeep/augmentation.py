"""New examples out of old ones: images shifted, turned, zoomed, mirrored, cropped and recoloured at random.

Each augmentation is an object that is called with a batch of images and returns changed ones, in the same form:

    (n, height, width)               grey
    (n, height, width, channels)     colours along the last axis
    (n, height·width·channels)       flat rows, for which the augmentation is told the `shape` of an image

Every image gets random numbers of its own. Floats keep their dtype; integers, such as uint8, become float32 of the same size.
`trainer.fit(augment=...)` and `nd.batches(augment=...)` hand in a generator; elsewhere an augmentation draws from its own.
A range is one number r, meaning −r … r (for factors 1 − r … 1 + r), or a pair (low, high). A range of 0 changes nothing.
Geometric changes use inverse mapping with bilinear interpolation. Beyond the border lies `fill`, and less than one pixel beyond
it a mixture of the two (SciPy calls this border "grid-constant"). Colours must lie between 0 and 1, and stay there.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.described import Described
from npdeep.kernels import images as kernels
from npdeep.kernels.arrays import Array

Range = float | tuple[float, float]


class Augmentation(Described):
    """Base. An own augmentation defines `change(images, rng)` for images of shape (n, height, width, channels).

    Args:
        shape: (height, width) or (height, width, channels) of an image, where batches are flat rows.
        rng: a NumPy generator or a seed for one, to draw from where none is handed in.

    >>> class Negative(Augmentation):
    ...     def change(self, images, rng):
    ...         return 1 - images
    >>> Negative()(np.array([[[0.0, 0.25]]]))
    array([[[1.  , 0.75]]])
    """

    channels_needed: int | None = None

    def __init__(self, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        self.shape = None if shape is None else check_shape(self._name, shape)
        self.rng = rng
        self._own = check_rng(self._name, rng)

    def __call__(self, x: Any, rng: Any = None) -> Array:
        """Changed images in a new array of the form of x. Raises ValueError or TypeError where x is no batch of images.

        rng: a NumPy generator or a seed for one; else the augmentation's own goes on.
        """
        x = checks.real_array(self._name, "x", x)
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
        working = np.result_type(dtype, np.float32)           # float16 is too coarse for coordinates
        images = x.astype(working, copy=False).reshape(image_shape(self._name, "x", x, self.shape))
        images.flags.writeable = False                        # it may be a view of x
        changed = self.apply(images, self._own if rng is None else check_rng(self._name, rng))
        changed = changed.astype(dtype, copy=False).reshape(x.shape)
        return changed.copy() if np.may_share_memory(changed, x) else changed

    def check(self, x: Array) -> None:
        """Raise ValueError where x is no batch of images for this augmentation."""
        image_shape(self._name, "x", x, self.shape)

    def apply(self, images: Array, rng: np.random.Generator) -> Array:
        """What `change` makes of images (n, height, width, channels), checked."""
        if self.channels_needed not in (None, images.shape[3]):
            raise ValueError(f"{self._name}: works on colours and needs {self.channels_needed} channels, got {images.shape[3]}")
        changed = self.change(images, rng)
        if np.shape(changed) != images.shape:
            got = checks.describe(changed)
            raise ValueError(f"{self._name}: change must return images of shape {images.shape}, got {got}")
        return changed

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """New images (n, height, width, channels), drawing from rng; `images` stays as it is."""
        raise NotImplementedError(f"{self._name} must define change(images, rng)")

    @property
    def _name(self) -> str:
        return type(self).__name__


class Compose(Augmentation):
    """One augmentation after another, all drawing from one generator. What they were told of shape and rng is not used.

    Geometric ones with the same fill that follow each other are done in one interpolation: the images are blurred once, not
    once for each, and what one moved beyond the border the next may bring back.

    Args:
        augmentations: a list of them.
        shape: of an image, where batches are flat rows. rng: as for each of them.

    >>> both = Compose([Shift(0), Flip(1.0)], shape=(1, 2))
    >>> both(np.array([[1.0, 2.0]]))
    array([[2., 1.]])
    """

    def __init__(self, augmentations: Sequence[Augmentation], *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__(shape=shape, rng=rng)
        if not isinstance(augmentations, list | tuple):
            raise TypeError(f"Compose: augmentations must be a list, got {checks.describe(augmentations)}")
        self.augmentations = list(augmentations)
        for augmentation in self.augmentations:
            if not isinstance(augmentation, Augmentation):
                raise TypeError(
                    f"Compose: augmentations must be objects of nd.augmentation, got {checks.describe(augmentation)}"
                )

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """Each in turn; the geometric ones of one fill together."""
        for fill, group in itertools.groupby(self.augmentations, key=lambda a: a.fill if isinstance(a, _Geometric) else None):
            if fill is None:
                for augmentation in group:
                    images = augmentation.apply(images, rng)
            else:
                images = warp(images, chain(group, images, rng), fill)
        return images


class _Geometric(Augmentation):
    """Base of what moves pixels: it draws a matrix for every image."""

    def __init__(self, fill: float, shape: Sequence[int] | None, rng: Any) -> None:
        super().__init__(shape=shape, rng=rng)
        self.fill = checks.number(self._name, "fill", fill)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """Warp every image by its own matrix."""
        return warp(images, self.matrices(images, rng), self.fill)

    def matrices(self, images: Array, rng: np.random.Generator) -> Array:
        """For each image the matrix (2, 3) that turns a place in the output (row, column, 1) into a place in the input."""
        return about_centre(self.draw(len(images), rng), *images.shape[1:3])

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """The same, with both places measured from the centre of the image."""
        raise NotImplementedError(f"{self._name} must define draw(n, rng)")


class Shift(_Geometric):
    """Moved by a random number of pixels, whole or not: downwards and, independently, to the right (negative: up, left).

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

    >>> Rotate((90.0, 90.0))(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
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
        """The inverse of a turn is the turn back. Rows count downwards: that gives the sines these signs."""
        angle = np.deg2rad(rng.uniform(*self._degrees, n))
        cosine, sine = np.cos(angle).round(15), np.sin(angle).round(15)      # 0, not 6e-17: quarter turns are exact
        inverse = identities(n)
        inverse[:, 0, 0] = inverse[:, 1, 1] = cosine
        inverse[:, 0, 1], inverse[:, 1, 0] = sine, -sine
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
    """A random window of the image, enlarged to the whole picture: its corner pixels become the picture's.

    Args:
        pixels: how much smaller the window is than the image, in both directions: a number r, meaning 0 … r, or a pair.
        fill: only where geometric augmentations are composed does anything come into the picture.

    >>> Crop((1.0, 1.0), rng=0)(np.arange(9.0).reshape(1, 3, 3)).shape
    (1, 3, 3)
    """

    def __init__(
        self, pixels: Range = 4.0, *, fill: float = 0.0, shape: Sequence[int] | None = None, rng: Any = None
    ) -> None:
        super().__init__(fill, shape, rng)
        self.pixels = pixels
        pair = pixels if isinstance(pixels, tuple | list) else (0, checks.number("Crop", "pixels", pixels, minimum=0))
        self._pixels = check_range("Crop", "pixels", pair, minimum=0)

    def matrices(self, images: Array, rng: np.random.Generator) -> Array:
        """The window's size and its upper left corner, which lies anywhere where the window fits."""
        n, height, width, _ = images.shape
        if self._pixels[1] > min(height, width) - 1:
            raise ValueError(f"Crop: {self._pixels[1]:g} pixels leave nothing of images of {height} × {width}")
        off = rng.uniform(*self._pixels, n)
        inverse = identities(n)
        for axis, size in enumerate((height, width)):
            inverse[:, axis, axis] = (size - 1 - off) / max(size - 1, 1)
            inverse[:, axis, 2] = rng.uniform(0, 1, n) * off
        return inverse


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
        changed[chosen] = images[chosen, ::-1] if self.vertical else images[chosen, :, ::-1]
        return changed


class _Colouring(Augmentation):
    """Base of what changes colours between 0 and 1: it draws one number for every image.

    `unchanged` is the number that leaves colours as they are, `least` the smallest that makes sense.
    """

    unchanged = 0.0
    least = -math.inf

    def __init__(self, argument: str, value: Any, shape: Sequence[int] | None, rng: Any) -> None:
        super().__init__(shape=shape, rng=rng)
        self._range = check_range(self._name, argument, value, around=self.unchanged, minimum=self.least)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """Recolour every image by its own number."""
        darkest, brightest = images.min(), images.max()
        if darkest < 0 or brightest > 1:
            raise ValueError(
                f"{self._name}: colours must lie between 0 and 1, got {darkest:g} … {brightest:g}; scale them first (such as "
                "x / 255) or hold them there: np.clip(x, 0, 1)"
            )
        drawn = rng.uniform(*self._range, len(images)).astype(images.dtype)
        if self._range == (self.unchanged, self.unchanged):
            return images.copy()              # to hue and saturation and back would cost a rounding error
        return self.recolour(images, drawn, np.empty_like(images, order="C"))

    def recolour(self, images: Array, drawn: Array, out: Array) -> Array:
        """The recoloured images, written to out. drawn (n,)."""
        raise NotImplementedError(f"{self._name} must define recolour(images, drawn, out)")


class Brightness(_Colouring):
    """A random number is added to all pixels of an image; the result is held between 0 and 1.

    Args:
        delta: range of the number.

    >>> Brightness((0.5, 0.5))(np.array([[[0.25, 0.75]]]))
    array([[[0.75, 1.  ]]])
    """

    def __init__(self, delta: Range = 0.2, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__("delta", delta, shape, rng)
        self.delta = delta

    def recolour(self, images: Array, drawn: Array, out: Array) -> Array:
        """x + delta."""
        np.add(images, drawn[:, None, None, None], out=out)
        return np.clip(out, 0, 1, out=out)


class Contrast(_Colouring):
    """Distances from the mean are multiplied by a random factor; the result is held between 0 and 1.

    Args:
        factor: range of the factor: 0.2 means 0.8 … 1.2. The mean is that of each channel of each image.

    >>> Contrast((2.0, 2.0))(np.array([[[0.4, 0.6]]])).round(6)
    array([[[0.3, 0.7]]])
    """

    unchanged = 1.0
    least = 0.0

    def __init__(self, factor: Range = 0.2, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__("factor", factor, shape, rng)
        self.factor = factor

    def recolour(self, images: Array, drawn: Array, out: Array) -> Array:
        """(x − mean) · factor + mean."""
        kernels.scale_contrast(images, drawn, out)
        return np.clip(out, 0, 1, out=out)


class Saturation(_Colouring):
    """The saturation of all pixels of an image is multiplied by a random factor (0 makes it grey) and is at most 1.

    Hue and value, which is the largest of the three colours, stay as they are.

    Args:
        factor: range of the factor: 0.2 means 0.8 … 1.2.

    >>> Saturation((0.0, 0.0))(np.array([[[[1.0, 0.0, 0.0]]]]))
    array([[[[1., 1., 1.]]]])
    """

    channels_needed = 3
    unchanged = 1.0
    least = 0.0

    def __init__(self, factor: Range = 0.2, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__("factor", factor, shape, rng)
        self.factor = factor

    def recolour(self, images: Array, drawn: Array, out: Array) -> Array:
        """s · factor."""
        return kernels.scale_saturation(images, drawn, out)


class Hue(_Colouring):
    """The hue of all pixels of an image is turned by a random share of the full circle (⅓ makes red green).

    Args:
        turn: range of the share; ½ reaches every hue, 1 is a full turn.

    >>> Hue((1 / 3, 1 / 3))(np.array([[[[1.0, 0.0, 0.0]]]])).round(6)
    array([[[[0., 1., 0.]]]])
    """

    channels_needed = 3

    def __init__(self, turn: Range = 0.1, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        super().__init__("turn", turn, shape, rng)
        self.turn = turn

    def recolour(self, images: Array, drawn: Array, out: Array) -> Array:
        """h + turn, round the circle."""
        return kernels.turn_hue(images, drawn, out)


def check_range(
    owner: str, name: str, value: Any, around: float = 0.0, minimum: float = -math.inf, above: float = -math.inf
) -> tuple[float, float]:
    """(low, high) from a number r, meaning around − r … around + r, or from a pair; none of them below or at a limit.

    >>> check_range("Zoom", "factor", 0.1, around=1.0), check_range("Shift", "pixels", (0, 3))
    ((0.9, 1.1), (0.0, 3.0))
    """
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise ValueError(f"{owner}: {name} must be a number of at least 0 or a pair (low, high), got {value!r}")
        low, high = (checks.number(owner, f"each end of {name}", v) for v in value)
    else:
        spread = checks.number(owner, f"{name}, unless it is a pair (low, high),", value, minimum=0)
        low, high = around - spread, around + spread
    if low > high:
        raise ValueError(f"{owner}: {name} must be a pair (low, high) with low ≤ high, got {value!r}")
    if low < minimum or low <= above:
        limit = f"at least {minimum:g}" if low < minimum else f"above {above:g}"
        raise ValueError(f"{owner}: {name} must be {limit}, got the range {low:g} … {high:g}")
    return low, high


def check_shape(owner: str, shape: Any) -> tuple[int, ...]:
    """(height, width) or (height, width, channels).

    >>> check_shape("Shift", [28, 28])
    (28, 28)
    """
    if not isinstance(shape, tuple | list) or len(shape) not in (2, 3):
        raise ValueError(f"{owner}: shape must be (height, width) or (height, width, channels), got {checks.describe(shape)}")
    return tuple(checks.whole(owner, "each number in shape", size) for size in shape)


def image_shape(owner: str, name: str, x: Array, shape: tuple[int, ...] | None) -> tuple[int, int, int, int]:
    """The shape of x as (n, height, width, channels); flat rows are images of the given shape.

    >>> image_shape("Shift", "x", np.zeros((5, 784)), (28, 28))
    (5, 28, 28, 1)
    """
    if x.size == 0:
        raise ValueError(f"{owner}: {name} holds no images, its shape is {x.shape}")
    if x.ndim not in (2, 3, 4):
        raise ValueError(
            f"{owner}: {name} must be flat or have the shape (n, height, width) or (n, height, width, channels), got {x.shape}"
        )
    told = None if shape is None else shape[: x.ndim - 1]
    if x.ndim > 2 and told is not None and x.shape[1 : 1 + len(told)] != told:
        raise ValueError(f"{owner}: was told that images have the shape {shape}, but {name} has the shape {x.shape}")
    if x.ndim == 3 and shape is None and x.shape[2] in (3, 4) and x.shape[1] > x.shape[2]:
        raise ValueError(
            f"{owner}: {name} of shape {x.shape} looks like one colour image: write {name}[None]; "
            f"if it is {len(x)} grey images, say shape={x.shape[1:]}"
        )
    if x.ndim == 2 and shape is None:
        raise ValueError(
            f"{owner}: {name} has the shape {x.shape}; for flat rows say shape=(height, width), for a single image "
            f"write {name}[None]"
        )
    if x.ndim == 2 and shape is not None and x.shape[1] != math.prod(shape):
        raise ValueError(
            f"{owner}: {name} has the shape {x.shape}, but flat images of shape {shape} have {math.prod(shape)} numbers"
        )
    height, width, channels = (*(x.shape[1:] if shape is None or x.ndim > 2 else shape), 1)[:3]
    return len(x), height, width, channels


def check_rng(owner: str, rng: Any) -> np.random.Generator:
    """The generator, or a new one from a seed; None takes a seed from the operating system.

    >>> check_rng("Shift", 0).integers(100)
    np.int64(85)
    """
    seed = rng is None or (isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0)
    if not seed and not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{owner}: rng must be a NumPy generator, a whole number of at least 0 or None, got {checks.describe(rng)}"
        )
    return np.random.default_rng(rng)         # a generator comes back as it is


def identities(n: int) -> Array:
    """n matrices (n, 2, 3) that leave every place where it is.

    >>> identities(1)
    array([[[1., 0., 0.],
            [0., 1., 0.]]])
    """
    return np.tile(np.eye(2, 3), (n, 1, 1))


def chain(parts: Iterable[_Geometric], images: Array, rng: np.random.Generator) -> Array:
    """The matrices of several changes made at once.

    The last one moved the image last, so on the way back from the output it comes first: source = A (B place + b) + a.

    >>> chain([Shift((1, 1)), Shift((2, 2))], np.zeros((1, 3, 3, 1)), np.random.default_rng(0))[0]
    array([[ 1.,  0., -3.],
           [ 0.,  1., -3.]])
    """
    total = identities(len(images))
    for part in parts:
        product = total[:, :, :2] @ part.matrices(images, rng)
        product[:, :, 2] += total[:, :, 2]
        total = product
    return total


def warp(images: Array, matrices: Array, fill: float) -> Array:
    """New images, each moved by its matrix.

    >>> warp(np.ones((1, 1, 1, 1)), identities(1), fill=0.0)
    array([[[[1.]]]])
    """
    return kernels.warp(images, matrices, np.empty_like(images, order="C"), fill)


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
