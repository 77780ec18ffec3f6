"""Arrays by their memory: what each is called in the file."""

from typing import Any

import numpy as np

from npdeep.debug.unrolling.script import Code
from npdeep.kernels.arrays import Array


class Differs(Exception):
    """Calls of several recordings that are not one line."""


class Names:
    """Arrays by their memory: what each is called in the file.

    >>> names, kept = Names(), np.zeros((2, 3))
    >>> names.add("hidden.output", kept)
    >>> names.token(kept), names.token(kept.reshape(6)), names.token(0.5)
    ('hidden.output', ('hidden.output', (6,)), 0.5)
    """

    def __init__(self) -> None:
        self.exact: dict[Any, str] = {}
        self.flat: dict[Any, str] = {}
        self.arrays: dict[str, Array] = {}
        self.kept: list[Any] = []             # an address is taken again once its array is gone

    def add(self, name: str, array: Any) -> None:
        """Take in an array, unless its memory has a name already."""
        if isinstance(array, np.ndarray) and array.size:
            self.kept.append(array)
            if self.exact.setdefault(place(array), name) == name:
                self.arrays[name] = array
            if array.flags.c_contiguous:
                self.flat.setdefault(place(array.reshape(-1)), name)

    def token(self, value: Any) -> Any:
        """An array as its name, or (name, shape) where it is seen in another shape; lists alike; all else as it is."""
        if isinstance(value, list | tuple):
            return [self.token(one) for one in value]
        if not isinstance(value, np.ndarray):
            return value
        if place(value) in self.exact:
            return Code(self.exact[place(value)])
        if value.flags.c_contiguous and place(value.reshape(-1)) in self.flat:
            return (self.flat[place(value.reshape(-1))], value.shape)
        raise Differs("an array that no function has made")


def place(array: Array) -> Any:
    """What tells the memory of one array from that of another."""
    strides = None if array.flags.c_contiguous else array.strides
    return array.__array_interface__["data"][0], array.shape, strides, array.dtype.str
