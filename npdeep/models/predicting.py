"""`model.predict`: the outputs for rows of an array, in memory or on a disk, and for batches that come one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from npdeep.common import checks, scaling
from npdeep.common.guards import quiet
from npdeep.common.stored import Stored, on_disk, stored
from npdeep.datasets.batches import pieces
from npdeep.datasets.blocks import Blocks
from npdeep.datasets.sources import called_every_epoch, closing, is_array, none_given
from npdeep.kernels.arrays import Array


def predict(model: Any, x: Any, batch_size: int, scale: Any, out: Any) -> Any:
    """The outputs for x, see `Sequential.predict`.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(1, kernel_initializer="ones")], input_size=2)
    >>> predict(model, [[1, 2], [3, 4]], 1, None, None)
    array([[3.],
           [7.]], dtype=float32)
    """
    if out is not None:
        check_out(out, 0, model)
    if not isinstance(x, np.ndarray):
        x = called_every_epoch(x, "predict")
        if is_batches_of_x(x):
            return of_batches(model, x, batch_size, scale, out)
    x = stored("predict", "x", x)
    if not isinstance(x, Stored):
        x = checks.real_array("predict", "x", x)
        x = x[None, :] if x.ndim == 1 and len(x) == model.input_size else x
    x = checks.examples("predict", "x", x, model.input_size)
    if not isinstance(x, Stored):             # that is done as its rows are read
        checks.finite("predict", "x", x)
    factor = model.scale_for("predict", x, scale)
    outputs = np.empty((len(x), model.output_size), model.dtype) if out is None else out
    if out is not None:
        check_out(out, len(x), model)
    write_outputs(model, x, batch_size, factor, outputs)
    return outputs


def write_outputs(model: Any, x: Any, batch_size: int, factor: Any, outputs: Any, place: int = 0) -> None:
    """Write the outputs for the rows of x, times the factor where there is one, from row number `place` on."""
    if on_disk(x):
        batches: Iterator[Any] = (rows for (rows,) in Blocks("predict", {"x": x}, batch_size, None).batches(epoch=0))
    else:
        batches = (x[index] for index in pieces(len(x), batch_size, None))
    with quiet():                             # weights of a run that has diverged
        for batch in batches:
            rows = scaling.cast_scaled("predict", batch, factor, model.dtype)
            with model.lock:                  # a pass in another thread would write into the same buffers
                outputs[place : place + len(rows)] = model.run(rows)
            place += len(rows)


def of_batches(model: Any, batches: Any, batch_size: int, scale: Any, out: Any) -> Any:
    """The outputs for the rows of all batches, in `out` or together in a new array. A batch is passed on once it is checked."""
    factor = scaling.scale("predict", model.scale if scale is None else scale, model.dtype)
    found, count = [], 0
    iterator = iter(batches)
    with closing(iterator):
        for batch in iterator:
            x = rows_of(batch, model.input_size)
            if count == 0:                    # a batch in the midst may be dark
                scaling.fitting_scale("predict", x, factor)
            outputs = np.empty((len(x), model.output_size), model.dtype) if out is None else out
            place = 0 if out is None else count
            if out is not None:
                check_out(out, place + len(x), model)
            write_outputs(model, x, batch_size, factor, outputs, place)
            found.append(outputs)
            count += len(x)
    if count == 0:
        raise none_given("predict")
    return np.concatenate(found) if out is None else out


def rows_of(batch: Any, width: int) -> Array:
    """A batch of x as finite rows.

    >>> rows_of((np.ones((3, 2)), np.ones(3)), 2)
    Traceback (most recent call last):
    TypeError: predict: each batch must be an array of x, got a tuple of 2; of batches (x, y) write \
predict(x for x, y in batches)
    """
    if isinstance(batch, tuple | list) and batch and dimensions(batch[0]) > 1:
        raise TypeError(
            f"predict: each batch must be an array of x, got a {type(batch).__name__} of {len(batch)}; of batches (x, y) write "
            "predict(x for x, y in batches)"
        )
    x = batch if isinstance(batch, dict) else checks.real_array("predict", "x", batch)
    if not isinstance(x, dict) and x.ndim < 2:
        raise TypeError(
            f"predict: x must give batches of the shape (n, {width}), got one of shape {x.shape}; for an iterable of "
            "single rows write np.array(list(x))"
        )
    x = checks.examples("predict", "x", x, width)
    checks.finite("predict", "x", x)
    return x


def dimensions(value: Any) -> int:
    """How many it has; 0 for what is no array and cannot be made into one.

    >>> dimensions(np.ones((2, 3))), dimensions([[1, 2], [3]])
    (2, 0)
    """
    with suppress(Exception):                 # rows of several lengths, more than fits into memory, whatever a class raises
        return int(np.ndim(value))
    return 0


def is_batches_of_x(x: Any) -> bool:
    """An iterable of batches, or a list of arrays that are batches, and nothing that is an array itself.

    >>> is_batches_of_x([np.ones((3, 2))]), is_batches_of_x([np.ones(2)]), is_batches_of_x([[1, 2]]), is_batches_of_x(range(3))
    (True, False, False, False)
    """
    if isinstance(x, list | tuple):           # a list of (x, y) too: `rows_of` says what to write
        first = x[0][0] if len(x) > 0 and isinstance(x[0], tuple) and x[0] else x[0] if len(x) > 0 else None
        return len(getattr(first, "shape", ())) == 2
    flat = isinstance(x, Sequence | str | bytes | dict | set)
    return isinstance(x, Iterable) and not flat and not is_array(x) and not hasattr(x, "__array__")


def check_out(out: Any, rows: int, model: Any) -> None:
    """Raise ValueError or TypeError where this number of rows of outputs cannot be written into it.

    >>> from types import SimpleNamespace
    >>> check_out(np.zeros((3, 2)), 5, SimpleNamespace(output_size=2, dtype=np.dtype("float64")))
    Traceback (most recent call last):
    ValueError: predict: out has 3 rows, and x has more: 5 or more
    """
    wanted = f"predict: out must be an array of shape (n, {model.output_size}) and dtype {model.dtype}"
    if not hasattr(out, "__setitem__") or any(not hasattr(out, name) for name in ("shape", "dtype")):
        raise TypeError(f"{wanted}, got {checks.describe(out)}")
    if len(out.shape) != 2 or out.shape[1] != model.output_size or out.dtype != model.dtype:
        raise ValueError(f"{wanted}, got shape {tuple(out.shape)} and dtype {out.dtype}")
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ValueError('predict: out cannot be written; open a memory map with mode="r+" or "w+"')
    if out.shape[0] < rows:
        raise ValueError(f"predict: out has {out.shape[0]} rows, and x has more: {rows} or more")
