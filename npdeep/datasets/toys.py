"""Small two-dimensional problems that a network can be watched solving."""

import numpy as np

from npdeep.common import checks, seeds
from npdeep.kernels.arrays import Array

MOST = 10_000_000
"""Points at most: more than anybody watches, and some 200 MB."""


def spirals(
    n: int = 300, classes: int = 3, noise: float = 0.1, turns: float = 1.0, seed: int | None = None
) -> tuple[Array, Array]:
    """Points on intertwined spiral arms, one arm per class: x (n, 2) float32 within about ±1, y (n,) int64.

    Args:
        n: how many points, dealt out evenly over the classes. classes: how many arms, at least 2.
        noise: standard deviation of what is added to the angle, in radians. turns: how often an arm goes round.
        seed: an integer for the same points every time.

    >>> x, y = spirals(6, classes=3, seed=0)
    >>> x.shape, x.dtype, y
    ((6, 2), dtype('float32'), array([0, 1, 2, 0, 1, 2]))
    """
    n, classes = checks.whole("spirals", "n", n, maximum=MOST), checks.whole("spirals", "classes", classes, minimum=2)
    noise = checks.number("spirals", "noise", noise, minimum=0, maximum=1e30)
    turns = checks.number("spirals", "turns", turns, above=0)
    rng = seeds.generator(seeds.check_seed("spirals", seed))
    y = np.arange(n) % classes
    radius = np.sqrt(rng.uniform(0.01, 1, n))
    angle = 2 * np.pi * (turns * radius + y / classes) + noise * rng.standard_normal(n)
    return _points(radius * np.cos(angle), radius * np.sin(angle)), y


def moons(n: int = 300, noise: float = 0.1, seed: int | None = None) -> tuple[Array, Array]:
    """Two half moons that reach into each other: x (n, 2) float32, y (n,) int64 of 0 and 1.

    Args:
        n: how many points. noise: standard deviation of what is added to both coordinates.
        seed: an integer for the same points every time.

    >>> x, y = moons(4, noise=0.0, seed=0)
    >>> x.shape, y
    ((4, 2), array([0, 1, 0, 1]))
    """
    n, noise = checks.whole("moons", "n", n, maximum=MOST), checks.number("moons", "noise", noise, minimum=0, maximum=1e30)
    rng = seeds.generator(seeds.check_seed("moons", seed))
    y = np.arange(n) % 2
    angle = rng.uniform(0, np.pi, n)
    sign = 1 - 2 * y                          # the second moon is the first, turned round and moved
    x = _points(sign * np.cos(angle) + y, sign * np.sin(angle) + 0.5 * y)
    return x + _points(*(noise * rng.standard_normal((2, n)))), y


def xor(n: int = 300, noise: float = 0.15, seed: int | None = None) -> tuple[Array, Array]:
    """Points around the four corners (±1, ±1): class 1 where the signs differ. x (n, 2) float32, y (n,) int64.

    Args:
        n: how many points. noise: standard deviation around the corners.
        seed: an integer for the same points every time.

    >>> x, y = xor(4, noise=0.0, seed=0)
    >>> x.tolist(), y
    ([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]], array([0, 1, 1, 0]))
    """
    n, noise = checks.whole("xor", "n", n, maximum=MOST), checks.number("xor", "noise", noise, minimum=0, maximum=1e30)
    rng = seeds.generator(seeds.check_seed("xor", seed))
    corner = np.arange(n) % 4
    a, b = corner % 2, corner // 2
    x = _points(2.0 * a - 1, 2.0 * b - 1) + _points(*(noise * rng.standard_normal((2, n))))
    return x, (a != b).astype(np.int64)


def circles(n: int = 300, noise: float = 0.1, seed: int | None = None) -> tuple[Array, Array]:
    """A disc of class 0 and a ring of class 1 around it: x (n, 2) float32 within about ±1.3, y (n,) int64.

    Args:
        n: how many points. noise: standard deviation of what is added to both coordinates.
        seed: an integer for the same points every time.

    >>> x, y = circles(4, noise=0.0, seed=0)
    >>> (x**2).sum(axis=1) < 0.25, y
    (array([ True, False,  True, False]), array([0, 1, 0, 1]))
    """
    n, noise = checks.whole("circles", "n", n, maximum=MOST), checks.number("circles", "noise", noise, minimum=0, maximum=1e30)
    rng = seeds.generator(seeds.check_seed("circles", seed))
    y = np.arange(n) % 2
    radius = np.where(y == 0, 0.5 * np.sqrt(rng.uniform(0, 1, n)), 1.0)
    angle = rng.uniform(0, 2 * np.pi, n)
    points = _points(radius * np.cos(angle), radius * np.sin(angle))
    return points + _points(*(noise * rng.standard_normal((2, n)))), y


def _points(first: Array, second: Array) -> Array:
    return np.stack([first, second], axis=1).astype(np.float32)
