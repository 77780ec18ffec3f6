"""What all augmentations have in common: batches of images in several forms, ranges, and a generator to draw from."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.described import Described
from npdeep.kernels.arrays import Array

Range = float | tuple[float, float]


class Augmentation(Described):
    """Base. An own augmentation defines `change(images, rng)` for images of shape (n, height, width, channels).

    Args:
        shape: (height, width) or (height, width, channels) of an image, where batches are flat rows.
        rng: a NumPy generator or a seed for one, to draw from where none is passed.

    >>> class Negative(Augmentation):
    ...     def change(self, images, rng):
    ...         return 1 - images
    >>> Negative()(np.array([[[0.0, 0.25]]]))
    array([[[1.  , 0.75]]])
    """

    settled = dict.fromkeys(("rng",), "its numbers have begun; make a new augmentation")
    channels_needed: int | None = None

    def __init__(self, *, shape: Sequence[int] | None = None, rng: Any = None) -> None:
        self.shape = None if shape is None else check_shape(self._name, shape)
        self.rng = rng
        self._own = check_rng(self._name, rng)

    def __call__(self, x: Any, rng: Any = None) -> Array:
        """Changed images in a new array of the form of x. Raises ValueError or TypeError where x is not a batch of images.

        rng: a NumPy generator or a seed for one; else the augmentation's own continues.
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
        """Raise ValueError where x is not a batch of images for this augmentation."""
        image_shape(self._name, "x", x, self.shape)

    def apply(self, images: Array, rng: np.random.Generator) -> Array:
        """What `change` makes of images (n, height, width, channels), checked."""
        if self.channels_needed not in (None, images.shape[3]):
            raise ValueError(f"{self._name}: works on colours and needs {self.channels_needed} channels, got {images.shape[3]}")
        changed = self.change(images, rng)
        if not isinstance(changed, np.ndarray) or changed.shape != images.shape:
            got = checks.describe(changed)
            raise ValueError(f"{self._name}: change must return images of shape {images.shape}, got {got}")
        return checks.real_array(self._name, "what change returned", changed)

    def change(self, images: Array, rng: np.random.Generator) -> Array:
        """New images (n, height, width, channels), drawing from rng; `images` stays as it is."""
        raise NotImplementedError(f"{self._name} must define change(images, rng)")

    @property
    def _name(self) -> str:
        return type(self).__name__


def check_range(
    owner: str, name: str, value: Any, around: float = 0.0, minimum: float = -math.inf, above: float = -math.inf
) -> tuple[float, float]:
    """(low, high) from a number r, meaning around − r … around + r, or from a pair; none of them below or at a limit.

    >>> check_range("Zoom", "factor", 0.1, around=1.0), check_range("Shift", "pixels", (0, 3))
    ((0.9, 1.1), (0.0, 3.0))
    """
    if isinstance(value, tuple | list):
        if len(value) != 2:
            wanted = "a number of at least 0 or a pair (low, high)"
            raise ValueError(f"{owner}: {name} must be {wanted}, got {checks.describe(value)}")
        low, high = (checks.number(owner, f"each end of {name}", v) for v in value)
    else:
        spread = checks.number(owner, f"{name}, unless it is a pair (low, high),", value, minimum=0)
        low, high = around - spread, around + spread
    if low > high:
        raise ValueError(f"{owner}: {name} must be a pair (low, high) with low <= high, got {value!r}")
    if low < minimum or low <= above:
        limit = f"at least {minimum:g}" if low < minimum else f"above {above:g}"
        raise ValueError(f"{owner}: {name} must be {limit}, got the range {low:g} to {high:g}")
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
    seed = rng is None or (checks.is_number(rng, numbers.Integral) and rng >= 0)
    if not seed and not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{owner}: rng must be a NumPy generator, an integer of at least 0 or None, got {checks.describe(rng)}"
        )
    return np.random.default_rng(rng)         # a generator comes back as it is
