"""Cutting data into batches."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npdeep.common import checks, seeds
from npdeep.common.hinting import is_function
from npdeep.common.stored import Stored, on_disk, stored
from npdeep.datasets.blocks import Blocks
from npdeep.datasets.blocks import epoch_order as epoch_order
from npdeep.kernels.arrays import Array


def gather(source: Array, index: Array | slice, out: Array | None) -> Array:
    """The rows of source at index, copied into the first rows of out where that is given.

    take(mode="clip") writes straight into out; indices are known to be valid, so that nothing is clipped.

    >>> gather(np.array([[1.0], [2.0], [3.0]]), np.array([2, 0]), out=np.empty((5, 1)))
    array([[3.],
           [1.]])
    """
    if out is None:
        return np.array(source[index])
    if isinstance(index, slice):
        rows = out[: index.stop - index.start]
        rows[...] = source[index]
        return rows
    rows = out[: len(index)]
    if source.dtype == out.dtype:
        source.take(index, axis=0, out=rows, mode="clip")
    else:
        rows[...] = source[index]
    return rows


def pieces(n: int, batch_size: int, order: Array | None, first: int = 0) -> Iterator[Array | slice]:
    """The indices of each batch from batch number `first` on; the last one may be shorter.

    >>> list(pieces(5, 2, None))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(first * batch_size, n, batch_size):
        stop = min(start + batch_size, n)
        yield slice(start, stop) if order is None else order[start:stop]


def check_augment(owner: str, augment: Any) -> None:
    """Raise a TypeError unless it is None or can be called with (x, rng).

    >>> check_augment("fit", lambda x: x)
    Traceback (most recent call last):
    TypeError: fit: augment must be a function of (x, rng), got a function of (x)
    """
    got = checks.describe(augment)
    if is_function(augment) and not isinstance(augment, type):
        try:
            inspect.signature(augment).bind(None, None)
        except TypeError:
            got = f"a function of {inspect.signature(augment)}"
        except ValueError:                    # it is written in C and does not say what it takes
            return
        else:
            return
    if augment is not None:
        raise TypeError(f"{owner}: augment must be a function of (x, rng), got {got}")


def augmented(owner: str, augment: Callable[[Array, np.random.Generator], Any], rows: Array, seed: int, *place: int) -> Array:
    """The rows as `augment` returns them, as many as there were. The random numbers belong to this place: epoch, batch.

    >>> augmented("fit", lambda x, rng: x + rng.integers(10, size=x.shape), np.zeros((1, 3)), 42, 0, 5)
    array([[0., 8., 0.]])
    """
    changed = augment(rows, seeds.generator(seed, seeds.AUGMENT, *place))
    if changed is None:
        raise TypeError(f"{owner}: augment must return the changed batch, got None")
    changed = checks.real_array(f"{owner}: augment", "x", changed)
    if changed.ndim == 0 or len(changed) != len(rows):
        raise ValueError(f"{owner}: augment must return as many rows as it is given, {len(rows)}, got shape {changed.shape}")
    return changed


def batches(
    x: Any,
    y: Any,
    batch_size: int = 32,
    *,
    shuffle: bool = True,
    seed: int | None = None,
    epoch: int = 0,
    augment: Callable[[Array, np.random.Generator], Array] | None = None,
) -> Iterator[tuple[Array, Array]]:
    """One epoch of batches (x, y), in an order drawn from (seed, epoch), the last partial batch included.

    Args:
        x, y: arrays of equal length; memory maps, and datasets of h5py or arrays of zarr, are read in pieces.
        batch_size: rows per batch, at least 1.
        shuffle: False keeps the order of the data; what lies on a disk is shuffled in blocks, as `Trainer.fit` does it.
        seed: an integer for the same order every time; None for another one each time.
        epoch: pass 0, 1, 2, … to get another order every epoch.
        augment: an object of nd.augmentation, or any function of (x, rng) that returns the changed batch.

    Each batch is a fresh copy. Raises ValueError or TypeError at the call, not at the first batch.

    >>> x, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> for xb, yb in batches(x, y, batch_size=2, seed=42):
    ...     print(yb, xb[:, 0])
    [1 3] [2 6]
    [2 0] [4 0]
    [4] [8]
    """
    x, y = (
        array if isinstance(array, Stored) else checks.real_array("batches", name, array)
        for name, array in (("x", stored("batches", "x", x)), ("y", stored("batches", "y", y)))
    )
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(f"batches: x and y must have the same number of rows, got shapes {x.shape} and {y.shape}")
    if len(x) == 0:
        raise ValueError("batches: x and y hold no examples")
    batch_size = checks.whole("batches", "batch_size", batch_size)
    epoch = checks.whole("batches", "epoch", epoch, minimum=0)
    seed = seeds.check_seed("batches", seed)
    check_augment("batches", augment)
    shuffle = checks.flag("batches", "shuffle", shuffle)
    if on_disk(x) or on_disk(y):
        blocks = Blocks("batches", {"x": x, "y": y}, batch_size, seed if shuffle else None)
        return _changed(((rows.copy(), targets.copy()) for rows, targets in blocks.batches(epoch)), augment, seed, epoch)
    indices = pieces(len(x), batch_size, epoch_order(len(x), seed, epoch) if shuffle else None)
    return _changed(((gather(x, index, None), gather(y, index, None)) for index in indices), augment, seed, epoch)


def _changed(copies: Iterator[Any], augment: Any, seed: int, epoch: int) -> Iterator[tuple[Array, Array]]:
    for batch, (rows, targets) in enumerate(copies):
        yield rows if augment is None else augmented("batches", augment, rows, seed, epoch, batch), targets
