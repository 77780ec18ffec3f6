"""Where `fit` gets its batches from: arrays, gathered in a new order every epoch, or a custom iterable."""

import contextlib
import itertools
import operator
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import numpy as np

from npdeep.common import checks, scaling
from npdeep.common.stored import Stored, on_disk
from npdeep.datasets.batches import epoch_order, gather, pieces
from npdeep.datasets.blocks import Blocks
from npdeep.datasets.sources import closing, none_given
from npdeep.kernels.arrays import Array
from npdeep.training.team import ALONE, Team

Batch = tuple[Array, Any, Array | None]
"""Examples (n, width), targets, and sample weights (n, 1) or None: checked and in the model's dtype."""
CheckBatch = Callable[[Any, Any, Any], Batch]

IN_MEMORY, IN_A_FILE, OF_A_BATCH, STORED = 2**28, 2**24, 2**13, 2**20
"""How many bytes of an array are looked at to recognize it: all that most data have, and evenly spaced rows of larger ones."""


def checksum(arrays: Iterable[Any], limit: int, start: int = 0) -> int:
    """Equal for equal arrays; for arrays of more than `limit` bytes, evenly spaced rows are looked at.

    >>> x = np.arange(6.0).reshape(3, 2)
    >>> checksum([x], 100) == checksum([x.copy()], 100), checksum([x], 100) == checksum([x + 1], 100)
    (True, False)
    """
    for given in arrays:
        if isinstance(given, Stored):
            start = checksum(looked_at(given, limit), limit, start)
            continue
        array = as_array(given)
        start = zlib.crc32(f"{array.shape} {array.dtype}".encode(), start)
        rows = array[:: -(-array.nbytes // limit)] if array.nbytes > limit else array
        start = zlib.crc32(np.ascontiguousarray(rows).data if rows.dtype.kind in "biuf" else repr(rows).encode(), start)
    return start


def looked_at(array: Stored, limit: int) -> Iterator[Array]:
    """Shape and dtype of an array in a file, and up to 16 short runs of rows, evenly spaced, of an array in a file."""
    yield np.array([f"{array.shape} {array.dtype}"])
    per_row = max(1, array.nbytes // max(1, len(array)))
    run = min(len(array), max(1, limit // (16 * per_row)))
    for start in np.unique(np.linspace(0, len(array) - run, 16).astype(int)).tolist():
        yield array[start : start + run]


def as_array(given: Any) -> Array:
    """An array of these numbers, or of the words in which what holds none is printed: it is only to be recognized.

    >>> as_array([1, 2]), as_array([[1], [2, 3]])
    (array([1, 2]), array('[[1], [2, 3]]', dtype='<U13'))
    """
    try:
        return np.asarray(given)
    except (ValueError, TypeError, RuntimeError):
        return np.array(repr(given))


class ArrayFeed:
    """Batches of arrays. What is in memory is checked and cast once. What is on a disk, a memory map or an array that is none
    of NumPy's, is read in blocks, see `npdeep.datasets.blocks`, and checked and cast batch by batch; memory maps are searched
    for NaN before. With a scale (a NumPy number of the model's dtype) x stays as it is, bytes for example, and each batch of
    it is multiplied by the scale.

    >>> feed = ArrayFeed(np.arange(6.0).reshape(3, 2), np.arange(3), None, 2, seed=42, check=lambda x, y, w: (x, y, w))
    >>> [y.tolist() for x, y, w in feed.batches(epoch=0)]
    [[1, 2], [0]]
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        weight: Any,
        batch_size: int,
        seed: int,
        check: CheckBatch,
        shuffle: bool = True,
        scale: Any = None,
    ) -> None:
        self.scale = scale
        self.on_disk = on_disk(x) or on_disk(y)
        if self.on_disk:                      # now, while nothing has changed
            for name, values in (("x", x), ("y", y)):
                if isinstance(values, np.ndarray) and values.dtype.kind == "f":
                    checks.finite("fit", name, values)
        self.check = check
        self.x: Any
        self.y: Any
        self.weight: Any
        self.x, self.y, self.weight = (x, y, weight) if self.on_disk else check(x, y, weight)
        self.rows, self.batch_size, self.seed, self.shuffle = len(x), batch_size, seed, shuffle
        self.buffers: dict[str, Array] = {}
        self.checksum: int | None = None
        if self.on_disk:
            sources = {"x": self.x, "y": self.y, "sample_weight": self.weight}
            self.blocks = Blocks("fit", sources, batch_size, seed if shuffle else None)

    source_once: Any = None
    team: Team = ALONE

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-self.rows // self.batch_size)

    def fingerprint(self, done: int = 0) -> tuple[Any, ...]:
        """Equal for feeds that give the same batches in the same order. It ends with a checksum of the numbers, taken once."""
        if self.checksum is None:
            arrays = [array for array in (self.x, self.y, self.weight) if array is not None]
            limit = STORED if any(isinstance(array, Stored) for array in arrays) else IN_A_FILE
            self.checksum = checksum(arrays, limit if self.on_disk else IN_MEMORY)
        scale = () if self.scale is None else (float(self.scale),)
        order: tuple[str, ...] = ()
        if self.on_disk and self.shuffle and self.blocks.per_window < self.blocks.blocks:
            order = (f"blocks of {self.blocks.block}, {self.blocks.per_window} to a window",)
        return (self.rows, self.batch_size, self.seed, self.shuffle, *scale, *order, self.checksum)

    def continues(self, fingerprint: tuple[Any, ...], done: int, source: Any) -> bool:
        """Can an epoch be resumed here that was begun with the feed of this fingerprint?"""
        return same(fingerprint, self.fingerprint())

    def batches(self, epoch: int, first: int = 0) -> Generator[Batch, None, None]:
        """The batches of one epoch, from number `first` on. They share buffers: each overwrites the one before."""
        if self.on_disk:
            for rows in self.blocks.batches(epoch, first):
                mine = self.team.part(slice(0, len(rows[0])))
                x, y, weight = (None if part is None else part[mine] for part in rows)
                yield self.check(x if self.scale is None else self.scaled(x), y, weight)
            return
        order = epoch_order(self.rows, self.seed, epoch) if self.shuffle else None
        x_rows, y_rows, weight_rows = self.buffer("x", self.x), self.buffer("y", self.y), self.buffer("weight", self.weight)
        weight = None
        for batch in pieces(self.rows, self.batch_size, order, first):
            index = self.team.part(batch)
            x, y = gather(self.x, index, x_rows), gather(self.y, index, y_rows)
            if self.weight is not None:
                weight = gather(self.weight, index, weight_rows)
            if self.scale is not None:
                x = self.scaled(x)
            yield x, y, weight

    def scaled(self, rows: Any) -> Array:
        """Rows of x times the scale."""
        if rows.dtype.kind == "f":
            return scaling.scaled("fit", rows, self.scale)
        room = self.buffer("scaled", self.x, self.scale.dtype)[: len(rows)]
        product: Array = np.multiply(rows, self.scale, out=room, dtype=room.dtype, casting="unsafe")
        return product

    def buffer(self, name: str, source: Any, dtype: Any = None) -> Any:
        """Room for the rows of one batch, made once; None where there is nothing to put there."""
        if source is not None and name not in self.buffers:
            self.buffers[name] = np.empty((min(self.batch_size, self.rows), *source.shape[1:]), dtype or source.dtype)
        return self.buffers.get(name)


def same(earlier: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Are two fingerprints equal? Those in files of earlier versions have no checksum at their end.

    >>> same((50, 10, 0, True, 123), (50, 10, 0, True, 124)), same((50, 10, 0, True), (50, 10, 0, True, 124))
    (False, True)
    """
    return earlier in (now, now[:-1])


class IterableFeed:
    """Batches from an iterable of (x, y) or (x, y, sample_weight), checked one by one. `check` multiplies x by the scale.

    >>> feed = IterableFeed([(1, 2), (3, 4)], check=lambda x, y, w: (x, y, w))
    >>> list(feed.batches(epoch=0))
    [(1, 2, None), (3, 4, None)]
    """

    team: Team = ALONE

    def __init__(self, source: Iterable[Any], check: CheckBatch, scale: Any = None) -> None:
        self.source, self.check, self.scale = source, check, scale
        self.kept = isinstance(source, list | tuple)
        self.once = isinstance(source, Iterator)
        self.source_once = source if self.once else None
        self.checksums = [0]                  # after this many batches of this epoch

    def __len__(self) -> int:
        """How many batches, where the source knows; else 0."""
        return 0 if self.once else operator.length_hint(self.source, 0)

    def fingerprint(self, done: int = 0) -> tuple[Any, ...]:
        """Equal for sources of as many batches that are the same: all of a list, else the first `done` ones.

        An iterator, which goes by once, has no checksum.
        """
        scale = () if self.scale is None else (float(self.scale),)
        if self.once:
            return ("iterable", len(self), *scale)
        if self.kept and len(self.checksums) <= len(self):
            self.pass_over(iter(self.source), len(self))
        return ("iterable", len(self), *scale, self.checksums[-1 if self.kept else done])

    def continues(self, fingerprint: tuple[Any, ...], done: int, source: Any) -> bool:
        """Can an epoch be resumed here, after `done` batches, that was begun with the feed of this fingerprint?

        source: the iterator that it was begun with, where that is known: another one gives other batches.
        """
        if self.once:
            return fingerprint == self.fingerprint() and (source is None or source is self.source)
        if not self.kept:
            batches = iter(self.source)
            with closing(batches):
                self.pass_over(batches, done)
        return (self.kept or len(self.checksums) > done) and same(fingerprint, self.fingerprint(done))

    def pass_over(self, batches: Iterator[Any], count: int) -> None:
        """Go past the first batches and take their checksums."""
        self.checksums = [0]
        for batch in itertools.islice(batches, count):
            self.note(batch)

    def note(self, batch: Any) -> None:
        """Take the checksum of one more batch."""
        parts = batch if isinstance(batch, tuple | list) else [batch]
        limit = IN_MEMORY if self.kept else OF_A_BATCH    # the latter costs time in every step
        self.checksums.append(checksum(parts, limit, self.checksums[-1]))

    def batches(self, epoch: int, first: int = 0) -> Generator[Batch, None, None]:
        """Go through the source once, from batch number `first` on; an iterator, such as a generator, is resumed where it is.

        Raises ValueError where it has run dry, as a generator has after one epoch.
        """
        count, source = first, iter(self.source)
        with contextlib.nullcontext() if self.once else closing(source):    # a thread or a file of the source ends here
            if not self.kept and not self.once:
                self.pass_over(source, first)
            for batch in itertools.islice(source, first if self.kept else 0, None):
                count += 1
                checked = self.check(*parts_of("fit", batch))
                if not self.kept and not self.once:
                    self.note(batch)
                yield self.team.part_of_batch(checked)
            self.team.part_of_batch(None)
        if count == 0:
            raise none_given("fit", f" in epoch {epoch + 1}")


def parts_of(owner: str, batch: Any) -> tuple[Any, Any, Any]:
    """x, y and sample_weight of a batch out of an iterable.

    >>> parts_of("fit", [1, 2])
    (1, 2, None)
    """
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        got = f"a {type(batch).__name__} of {len(batch)}" if type(batch) in (tuple, list) else checks.describe(batch)
        raise TypeError(
            f"{owner}: each batch must be (x, y) or (x, y, sample_weight), got {got}; "
            f"for arrays call {owner}(x, y, ...)"
        )
    return batch[0], batch[1], batch[2] if len(batch) == 3 else None
