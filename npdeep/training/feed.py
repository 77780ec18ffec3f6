"""Where `fit` gets its batches from: arrays, gathered in a new order every epoch, or an iterable of the user's."""

import functools
import inspect
import itertools
import mmap
import zlib
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import numpy as np

from npdeep.common import checks, scaling
from npdeep.datasets.batches import epoch_order, gather, pieces
from npdeep.kernels.arrays import Array

Batch = tuple[Array, Any, Array | None]
"""Examples (n, width), targets, and sample weights (n, 1) or None: checked and in the model's dtype."""
CheckBatch = Callable[[Any, Any, Any], Batch]

IN_MEMORY, IN_A_FILE, OF_A_BATCH = 2**28, 2**24, 2**13
"""How many bytes of an array are looked at to recognize it: all that most data have, and evenly spaced rows of larger ones."""


def checksum(arrays: Iterable[Any], limit: int, start: int = 0) -> int:
    """Equal for equal arrays; for arrays of more than `limit` bytes, evenly spaced rows are looked at.

    >>> x = np.arange(6.0).reshape(3, 2)
    >>> checksum([x], 100) == checksum([x.copy()], 100), checksum([x], 100) == checksum([x + 1], 100)
    (True, False)
    """
    for given in arrays:
        array = as_array(given)
        start = zlib.crc32(f"{array.shape} {array.dtype}".encode(), start)
        rows = array[:: -(-array.nbytes // limit)] if array.nbytes > limit else array
        start = zlib.crc32(np.ascontiguousarray(rows).data if rows.dtype.kind in "biuf" else repr(rows).encode(), start)
    return start


def as_array(given: Any) -> Array:
    """An array of these numbers, or of the words in which what holds none is printed: it is only to be recognized.

    >>> as_array([1, 2]), as_array([[1], [2, 3]])
    (array([1, 2]), array('[[1], [2, 3]]', dtype='<U13'))
    """
    try:
        return np.asarray(given)
    except (ValueError, TypeError, RuntimeError):
        return np.array(repr(given))


def is_mapped(x: Any) -> bool:
    """Does the array lie in a file (a memory map or a piece of one)?

    >>> is_mapped(np.zeros(3))
    False
    """
    while isinstance(x, np.ndarray):
        x = x.base
    return isinstance(x, mmap.mmap)


def is_iterable_of_batches(x: Any) -> bool:
    """A list of tuples, or any iterable that is neither an array nor a plain list.

    >>> is_iterable_of_batches([(1, 2)]), is_iterable_of_batches([[1.0, 2.0]]), is_iterable_of_batches(np.ones(2))
    (True, False, False)
    """
    if isinstance(x, list | tuple):
        return len(x) > 0 and isinstance(x[0], tuple)
    return isinstance(x, Iterable) and not isinstance(x, str) and not hasattr(x, "shape")


def called_every_epoch(x: Any) -> Any:
    """A generator function as an iterable that calls it for every epoch; anything else as it is. Raises TypeError for one that
    wants arguments.

    >>> def batches(): yield 1, 2
    >>> list(called_every_epoch(batches)), list(called_every_epoch(batches)), called_every_epoch(3)
    ([(1, 2)], [(1, 2)], 3)
    """
    if not inspect.isroutine(x) and not isinstance(x, functools.partial):
        return x
    try:
        inspect.signature(x).bind()
    except TypeError as error:
        raise TypeError(f"fit: the function is called without arguments ({error}); write fit(lambda: function(...))") from None
    except ValueError:                        # a function of C's that does not say
        pass
    return CalledEveryEpoch(x)


class CalledEveryEpoch:
    """The batches that a function gives, begun anew with every pass through them."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def __iter__(self) -> Iterator[Any]:
        """Call the function."""
        given = self.function()
        if not isinstance(given, Iterable) or hasattr(given, "shape"):
            raise TypeError(f"fit: the function must give batches (x, y), as a generator does, not {checks.describe(given)}")
        return iter(given)


class ArrayFeed:
    """Batches of arrays. What lies in memory is checked and cast once; what lies in a file is searched once for NaN, piece by
    piece, and then checked and cast batch by batch. With a scale (a NumPy number of the model's dtype) x stays as it is, bytes
    for example, and each batch of it is multiplied by the scale.

    >>> feed = ArrayFeed(np.arange(6.0).reshape(3, 2), np.arange(3), None, 2, seed=42, check=lambda x, y, w: (x, y, w))
    >>> [y.tolist() for x, y, w in feed.batches(epoch=0)]
    [[1, 2], [0]]
    """

    def __init__(
        self,
        x: Array,
        y: Any,
        weight: Any,
        batch_size: int,
        seed: int,
        check: CheckBatch,
        shuffle: bool = True,
        scale: Any = None,
    ) -> None:
        self.scale = scale
        self.mapped = is_mapped(x) or is_mapped(y)
        if self.mapped:                       # now, while nothing has changed and rows have the numbers that the user knows
            for name, values in (("x", x), ("y", y)):
                if isinstance(values, np.ndarray) and values.dtype.kind == "f":
                    checks.finite("fit", name, values)
        self.check = check
        self.x: Array
        self.y: Any
        self.weight: Any
        self.x, self.y, self.weight = (x, y, weight) if self.mapped else check(x, y, weight)
        self.rows, self.batch_size, self.seed, self.shuffle = len(x), batch_size, seed, shuffle
        self.buffers: dict[str, Array] = {}
        self.checksum: int | None = None

    source_once: Any = None

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-self.rows // self.batch_size)

    def fingerprint(self, done: int = 0) -> tuple[Any, ...]:
        """Equal for feeds that give the same batches in the same order. It ends with a checksum of the numbers, taken once."""
        if self.checksum is None:
            arrays = [array for array in (self.x, self.y, self.weight) if array is not None]
            self.checksum = checksum(arrays, IN_A_FILE if self.mapped else IN_MEMORY)
        scale = () if self.scale is None else (float(self.scale),)
        return (self.rows, self.batch_size, self.seed, self.shuffle, *scale, self.checksum)

    def continues(self, fingerprint: tuple[Any, ...], done: int, source: Any) -> bool:
        """Can an epoch be resumed here that was begun with the feed of this fingerprint?"""
        return same(fingerprint, self.fingerprint())

    def batches(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from number `first` on. They share buffers: each overwrites the one before."""
        order = epoch_order(self.rows, self.seed, epoch) if self.shuffle else None
        for index in pieces(self.rows, self.batch_size, order, first):
            batch = (self.take("x", index), self.take("y", index), self.take("weight", index))
            yield self.check(*batch) if self.mapped else batch

    def take(self, name: str, index: Array | slice) -> Any:
        """The rows at these indices of x, y or weight, in a buffer made once."""
        source = getattr(self, name)
        if source is None:
            return None
        rows = gather(source, index, self.buffer(name, source, source.dtype))
        if name != "x" or self.scale is None:
            return rows
        if rows.dtype.kind == "f":
            return scaling.scaled("fit", rows, self.scale)
        scaled = self.buffer("scaled", source, self.scale.dtype)[: len(rows)]
        return np.multiply(rows, self.scale, out=scaled, dtype=scaled.dtype, casting="unsafe")

    def buffer(self, name: str, source: Array, dtype: Any) -> Array:
        """Room for the rows of one batch, made once."""
        if name not in self.buffers:
            self.buffers[name] = np.empty((min(self.batch_size, self.rows), *source.shape[1:]), dtype)
        return self.buffers[name]


def same(earlier: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Are two fingerprints equal? Those in files of earlier versions have no checksum at their end.

    >>> same((50, 10, 0, True, 123), (50, 10, 0, True, 124)), same((50, 10, 0, True), (50, 10, 0, True, 124))
    (False, True)
    """
    return earlier in (now, now[:-1])


class IterableFeed:
    """Batches from an iterable of (x, y) or (x, y, sample_weight), checked one by one.

    >>> feed = IterableFeed([(1, 2), (3, 4)], check=lambda x, y, w: (x, y, w))
    >>> list(feed.batches(epoch=0))
    [(1, 2, None), (3, 4, None)]
    """

    def __init__(self, source: Iterable[Any], check: CheckBatch) -> None:
        self.source, self.check = source, check
        self.kept = isinstance(source, list | tuple)
        self.once = isinstance(source, Iterator)
        self.source_once = source if self.once else None
        self.checksums = [0]                  # after so many batches of this epoch

    def __len__(self) -> int:
        """How many batches, where the source knows; else 0."""
        return len(self.source) if isinstance(self.source, Sized) else 0

    def fingerprint(self, done: int = 0) -> tuple[Any, ...]:
        """Equal for sources of as many batches that are the same: all of a list, else the first `done` ones.

        An iterator, which goes by once, has no checksum.
        """
        if self.once:
            return ("iterable", len(self))
        if self.kept and len(self.checksums) <= len(self):
            self.pass_over(iter(self.source), len(self))
        return ("iterable", len(self), self.checksums[-1 if self.kept else done])

    def continues(self, fingerprint: tuple[Any, ...], done: int, source: Any) -> bool:
        """Can an epoch be resumed here, after `done` batches, that was begun with the feed of this fingerprint?

        source: the iterator that it was begun with, where that is known: another one gives other batches.
        """
        if self.once:
            return fingerprint == self.fingerprint() and (source is None or source is self.source)
        if not self.kept:
            self.pass_over(iter(self.source), done)
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

    def batches(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Go through the source once, from batch number `first` on; an iterator, such as a generator, is resumed where it is.

        Raises ValueError where it has run dry, as a generator has after one epoch.
        """
        count, source = first, iter(self.source)
        if self.kept:
            source = itertools.islice(source, first, None)
        elif not self.once:
            self.pass_over(source, first)
        for batch in source:
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                raise TypeError(
                    f"fit: each batch must be (x, y) or (x, y, sample_weight), got {checks.describe(batch)}; "
                    "for arrays call fit(x, y, ...)"
                )
            count += 1
            checked = self.check(batch[0], batch[1], batch[2] if len(batch) == 3 else None)
            if not self.kept and not self.once:
                self.note(batch)
            yield checked
        if count == 0:
            raise ValueError(
                f"fit: the iterable gave no batch in epoch {epoch + 1}; a generator can be gone through once only: "
                "pass the generator function itself (without calling it), or a list"
            )
