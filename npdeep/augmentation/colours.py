"""Images recoloured at random: brightness, contrast, saturation, hue."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from npdeep.augmentation.base import Augmentation, Range, check_range
from npdeep.kernels import images as kernels
from npdeep.kernels.arrays import Array


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
                f"{self._name}: colours must lie between 0 and 1, got {darkest:g} to {brightest:g}; scale them first (such as "
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
    """A random number is added to all pixels of an image; the result is clamped to [0, 1].

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
    """Distances from the mean are multiplied by a random factor; the result is clamped to [0, 1].

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
