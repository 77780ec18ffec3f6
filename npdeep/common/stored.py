"""Arrays that stay where they are, in a file for example, and are read piece by piece."""

import math
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.kernels.arrays import Array

IN_MEMORY = ("__dlpack__", "__array_interface__", "iloc", "toarray")
"""What tensors, tables and sparse matrices have, all of which are in memory or are refused elsewhere."""


class Stored:
    """Something with shape, dtype and rows to ask for, such as a dataset of h5py or an array of zarr. Slices of it are arrays.

    Raises TypeError where it does not hold numbers, ValueError where it cannot be looked at.

    >>> class Lazy:
    ...     shape, dtype = (1000, 2), np.dtype(np.float32)
    ...     def __getitem__(self, rows): return np.zeros((rows.stop - rows.start, 2), np.float32)
    >>> stored = Stored("fit", "x", Lazy())
    >>> len(stored), stored[10:14].shape
    (1000, (4, 2))
    """

    def __init__(self, owner: str, name: str, source: Any) -> None:
        self.owner, self.name, self.source = owner, name, source
        try:
            self.shape, self.dtype = tuple(int(n) for n in source.shape), np.dtype(source.dtype)
            if min(self.shape, default=0) < 0:
                raise ValueError(f"its shape is {self.shape}")
            source[0:1]                       # of a file that was closed h5py still knows the shape
            check_not_cut(source)
        except Exception as error:            # whatever another package raises
            raise ValueError(f"{owner}: {name} cannot be read ({error}); is its file still open?") from error
        if self.dtype.kind not in "biuf":
            cure = f"; number words with np.unique({name}[:], return_inverse=True)[1]" if name == "y" else ""
            raise TypeError(f"{owner}: {name} must hold numbers, got dtype {self.dtype}{cure}")
        self.ndim, self.size = len(self.shape), math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        """How many rows."""
        return self.shape[0] if self.shape else 0

    def __getitem__(self, rows: slice) -> Array:
        """These rows as an array in memory; an error of the file says which rows they were."""
        start, stop, _ = rows.indices(len(self))
        try:
            found = self.source[start:stop]
            if isinstance(found, np.ma.MaskedArray) and np.ma.is_masked(found):
                raise ValueError("some of its numbers are masked; fill them first")
            array = np.asarray(found)
            check_not_cut(self.source)
        except Exception as error:
            error.add_note(f"{self.owner}: {self.name}: while rows {start} to {stop - 1} were read")
            raise
        if array.shape != (stop - start, *self.shape[1:]):
            raise ValueError(
                f"{self.owner}: {self.name} says that its shape is {self.shape}, but {self.name}[{start}:{stop}] has the shape "
                f"{array.shape}"
            )
        return array


def check_not_cut(source: Any) -> None:
    """Raise OSError where the file of a dataset of h5py has become shorter since it was opened: HDF5 reads zeros there.

    >>> check_not_cut(np.zeros(3))
    """
    file: Any = getattr(source, "file", None)
    if getattr(file, "driver", None) != "sec2" or file.mode != "r":    # what is being written may not have its end yet
        return
    there, needed = os.fstat(file.id.get_vfd_handle()).st_size, file.id.get_filesize()
    if there < needed:
        raise OSError(f"its file has {there:,} bytes and had {needed:,} when it was opened: it was cut off; write it again")


def stored(owner: str, name: str, value: Any) -> Any:
    """The value as something to be read piece by piece where it is that, else as it is. Raises as `Stored` and `check_whole`.

    >>> stored("fit", "x", [1, 2]), stored("fit", "x", np.ones(2))
    ([1, 2], array([1., 1.]))
    """
    if type(value) is np.ndarray and value.base is None:    # as nearly always
        return value
    check_whole(owner, name, value)
    return Stored(owner, name, value) if is_array_like(value) else value


def is_array_like(value: Any) -> bool:
    """Has it shape, NumPy's dtype and items, without being an array, a tensor or a table in memory?

    >>> is_array_like(np.ones(2)), is_array_like([1, 2])
    (False, False)
    """
    if isinstance(value, np.ndarray | list | tuple | str | bytes | type | Stored | None):
        return False
    try:
        if not all(hasattr(value, name) for name in ("shape", "dtype", "__getitem__")):
            return False
        np.dtype(value.dtype)
    except TypeError:                         # another library's dtype
        return False
    except Exception:                         # a dataset whose file is closed: `Stored` says so
        return True
    return not any(hasattr(value, name) for name in IN_MEMORY)


def is_mapped(x: Any) -> bool:
    """Is the array in a file (a memory map or a piece of one)?

    >>> is_mapped(np.zeros(3))
    False
    """
    while isinstance(x, np.ndarray):
        x = x.base
    return isinstance(x, mmap.mmap)


def on_disk(x: Any) -> bool:
    """Is it read piece by piece: a memory map, or an array that is none of NumPy's?

    >>> on_disk(np.zeros(3))
    False
    """
    return isinstance(x, Stored) or is_mapped(x)


def check_whole(owner: str, name: str, x: Any) -> None:
    """Raise ValueError where the file of a memory map has become shorter: to read what is gone would end the process.

    >>> check_whole("fit", "x", np.zeros(3))
    """
    while isinstance(x, np.ndarray) and not isinstance(x.base, mmap.mmap):
        x = x.base
    path = getattr(x, "filename", None) if isinstance(x, np.memmap) else None
    if path is None or not Path(path).exists():    # a file that was deleted is there as long as it is mapped
        return
    needed, there = x.offset + x.nbytes, Path(path).stat().st_size
    if there < needed:
        raise ValueError(
            f"{owner}: {name} is a memory map of {path}, which has {there:,} bytes and must have {needed:,}: it was cut off; "
            "write the file again"
        )
