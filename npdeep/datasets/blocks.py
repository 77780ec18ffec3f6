"""Rows of arrays on a disk, read in blocks of neighbours and shuffled within a window of such blocks."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from npdeep.common import seeds, words
from npdeep.common.stored import Stored, check_whole
from npdeep.kernels.arrays import Array

BLOCK, WINDOW = 2**18, 2**24
"""Bytes of the rows that are read at once, and of those among which rows are shuffled."""

Rows = list[Any]
"""The rows of a batch, an array for each source; None where a source is None."""


def epoch_order(n: int, seed: int, epoch: int) -> Array:
    """The order in which epoch number `epoch` visits n examples: drawn from (seed, epoch) alone.

    >>> epoch_order(5, seed=42, epoch=0)
    array([1, 3, 2, 0, 4])
    """
    return seeds.generator(seed, seeds.SHUFFLE, epoch).permutation(n)


class Blocks:
    """Batches of rows from arrays of equal length that are too large for memory.

    A disk is fast where it reads what lies side by side. So rows are read in blocks of neighbours, of 256 KiB or of whole
    chunks of the file where these are larger, and shuffled by this rule: the blocks are put in an order drawn from (seed,
    epoch), as many of them as fit into 16 MiB, at least one, make a window, and the rows of a window are put in an order
    drawn from (seed, epoch, window). Every row comes once in an epoch. Where one window holds all rows, their order is that of
    arrays in memory. No more than a window, a block and a batch is in memory.

    Args:
        owner: the call that reads, for errors. sources: arrays and what is like them (`Stored`), by name; None for none.
        batch_size: rows per batch. seed: for the order; None leaves the rows in theirs, and a window is one block.

    >>> x = np.arange(5)
    >>> [batch[0].tolist() for batch in Blocks("fit", {"x": x}, 2, seed=42).batches(epoch=0)]
    [[1, 3], [2, 0], [4]]
    """

    def __init__(self, owner: str, sources: dict[str, Any], batch_size: int, seed: int | None) -> None:
        self.owner, self.sources, self.batch_size, self.seed = owner, sources, batch_size, seed
        arrays = [array for array in sources.values() if array is not None]
        self.rows = len(arrays[0])
        self.block = block_of_rows(arrays)
        self.blocks = -(-self.rows // self.block)
        wide = sum(bytes_per_row(array) for array in arrays)
        self.per_window = 1 if seed is None else min(self.blocks, max(1, WINDOW // (wide * self.block)))
        self.room: list[Rows] = []

    def batches(self, epoch: int, first: int = 0) -> Iterator[Rows]:
        """The batches of one epoch, from number `first` on. They share buffers: each overwrites the one before."""
        skip, filled = first * self.batch_size, 0
        window_room, batch_room = self.make_room()
        for window, blocks in enumerate(self.windows(epoch)):
            count = sum(stop - start for start, stop in blocks)
            if skip >= count:                 # these batches are done; nothing of them is read
                skip -= count
                continue
            self.read(blocks, window_room)
            order, place = self.order(epoch, window, count), skip
            skip = 0
            while place < count:
                taken = min(self.batch_size - filled, count - place)
                chosen = slice(place, place + taken) if order is None else order[place : place + taken]
                copy_rows(window_room, chosen, batch_room, slice(filled, filled + taken))
                place, filled = place + taken, filled + taken
                if filled == self.batch_size:
                    yield batch_room
                    filled = 0
        if filled:
            yield [None if part is None else part[:filled] for part in batch_room]

    def windows(self, epoch: int) -> Iterator[list[tuple[int, int]]]:
        """The blocks of each window, as the rows where they begin and end, in the order in which they lie in the file."""
        order = np.arange(self.blocks)
        if self.seed is not None and self.per_window < self.blocks:
            order = seeds.generator(self.seed, seeds.SHUFFLE, epoch).permutation(self.blocks)
        for start in range(0, self.blocks, self.per_window):
            chosen = np.sort(order[start : start + self.per_window]).tolist()
            yield [(number * self.block, min((number + 1) * self.block, self.rows)) for number in chosen]

    def order(self, epoch: int, window: int, count: int) -> Array | None:
        """In which order the rows of a window come; None leaves them as they lie."""
        if self.seed is None:
            return None
        if self.per_window == self.blocks:
            return epoch_order(count, self.seed, epoch)
        return seeds.generator(self.seed, seeds.SHUFFLE, epoch, window).permutation(count)

    def read(self, blocks: Sequence[tuple[int, int]], room: Rows) -> None:
        """Copy the rows of a window into memory. Raises ValueError, with the row, where one of their numbers is not finite."""
        for (name, source), rows in zip(self.sources.items(), room, strict=True):
            if source is None or rows is None:
                continue
            check_whole(self.owner, name, source)
            place = 0
            for start, stop in blocks:
                piece = rows[place : place + stop - start]
                piece[...] = source[start:stop]
                check_finite(self.owner, name, piece, start)
                place += stop - start

    def make_room(self) -> tuple[Rows, Rows]:
        """Buffers for the rows of a window and of a batch, made once."""
        if not self.room:
            sizes = min(self.per_window * self.block, self.rows), min(self.batch_size, self.rows)
            self.room = [
                [None if s is None else np.empty((size, *s.shape[1:]), s.dtype) for s in self.sources.values()]
                for size in sizes
            ]
        return self.room[0], self.room[1]


def copy_rows(sources: Rows, chosen: Any, targets: Rows, place: slice) -> None:
    """Copy the chosen rows of each source to a place in each target.

    >>> target = np.zeros(3)
    >>> copy_rows([np.arange(5.0)], np.array([4, 1]), [target], slice(1, 3)); target
    array([0., 4., 1.])
    """
    for source, target in zip(sources, targets, strict=True):
        if source is not None and target is not None:
            if isinstance(chosen, slice):
                target[place] = source[chosen]
            else:
                source.take(chosen, axis=0, out=target[place], mode="clip")


def bytes_per_row(array: Any) -> int:
    """At least 1.

    >>> bytes_per_row(np.zeros((3, 2)))
    16
    """
    width: int = math.prod(array.shape[1:])
    return max(1, width * int(array.dtype.itemsize))


def block_of_rows(arrays: list[Any]) -> int:
    """How many rows are read at once: 256 KiB of the widest array, and whole chunks of each file.

    >>> block_of_rows([np.zeros((10, 784), np.float32)])
    83
    """
    block = max(1, BLOCK // max(bytes_per_row(array) for array in arrays))
    largest = max(chunk_of_rows(array) for array in arrays)
    return int(-(-block // largest) * largest)


def chunk_of_rows(array: Any) -> int:
    """How many rows the file keeps together, as h5py and zarr say it; 1 where nothing is said.

    >>> chunk_of_rows(np.zeros(3))
    1
    """
    chunks = getattr(array.source, "chunks", None) if isinstance(array, Stored) else None
    first = chunks[0] if isinstance(chunks, tuple) and chunks else 1
    if isinstance(first, tuple):              # dask names the size of each
        first = max(first, default=1)
    return max(1, int(first))


def check_finite(owner: str, name: str, rows: Array, start: int) -> None:
    """Raise ValueError where a number is not finite. start: the number of the first of these rows in the file.

    >>> check_finite("fit", "x", np.array([[0.0], [np.inf]]), 500)
    Traceback (most recent call last):
    ValueError: fit: x holds inf at row 501, column 0; remove or replace such rows first
    """
    if rows.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduce(rows, axis=None)
    if np.isfinite(total) or np.isfinite(rows).all():
        return
    row, *place = np.argwhere(~np.isfinite(rows))[0].tolist()
    at = words.place((start + row, *place))
    raise ValueError(f"{owner}: {name} holds {rows[row, *place]} at {at}; remove or replace such rows first")
