"""Where randomness comes from: one integer, the seed, and a place in the program that asks for numbers."""

import numbers
from typing import Any

import numpy as np

from npdeep.common.words import is_number, safe_repr, shortened

INITIAL, NOISE, SHUFFLE, AUGMENT, DERIVED = range(5)
"""What the numbers are for: initial weights, noise of a layer, the order of an epoch, augmentation, other seeds."""


def check_seed(owner: str, seed: Any) -> int:
    """The seed as an integer ≥ 0; None draws one from the operating system.

    >>> check_seed("Sequential", 42)
    42
    >>> check_seed("Sequential", "42")
    Traceback (most recent call last):
    TypeError: Sequential: seed must be an integer of at least 0 or None, got '42'
    """
    if seed is None:
        entropy = np.random.SeedSequence().entropy
        assert isinstance(entropy, int)
        return entropy
    wanted = f"{owner}: seed must be an integer of at least 0 or None, got"
    if not is_number(seed, numbers.Integral):
        raise TypeError(f"{wanted} {shortened(safe_repr(seed))}")
    if int(seed) < 0:
        raise ValueError(f"{wanted} {seed if int(seed) > -(10**18) else 'a large negative one'}")
    return int(seed)


def generator(seed: int, *place: int) -> np.random.Generator:
    """The generator for one place: equal seeds and places give equal numbers, other places independent ones.

    Layer 3 has its own generator, so that a layer put on top of a network does not change the weights below it; epoch e
    has its own, so that a run can continue from any epoch.

    >>> generator(42, SHUFFLE, 0).permutation(4), generator(42, SHUFFLE, 1).permutation(4)
    (array([1, 2, 0, 3]), array([3, 0, 1, 2]))
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=place))


def derived(seed: int) -> int:
    """Another seed that belongs to this one: always the same, and independent of it.

    >>> derived(42) == derived(42), derived(42) == 42
    (True, False)
    """
    return int(np.random.SeedSequence(seed, spawn_key=(DERIVED,)).generate_state(1)[0])
