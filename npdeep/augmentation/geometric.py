"""Images moved at random: shifted, turned, zoomed, cropped, mirrored; several moves in one interpolation."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from npdeep.augmentation.base import Augmentation, Range, check_range
from npdeep.common import checks
from npdeep.kernels import images as kernels
from npdeep.kernels.arrays import Array


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
            raise ValueError(f"Crop: {self._pixels[1]:g} pixels leave nothing of images of {height} x {width}")
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
