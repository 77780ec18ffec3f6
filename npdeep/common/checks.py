"""Checks on entry: what came, what was expected, how to fix it.

Every public call checks its arguments here once, before anything changes; the kernels below check nothing.
"""

import difflib
import itertools
import math
import numbers
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npdeep.common import conversions, words
from npdeep.common.foreign_names import instead, squeeze
from npdeep.common.stored import Stored
from npdeep.common.words import describe as describe
from npdeep.common.words import is_number as is_number
from npdeep.common.words import listed as listed
from npdeep.common.words import safe_repr as safe_repr
from npdeep.common.words import shortened as shortened
from npdeep.common.words import spelled as spelled
from npdeep.common.words import visible as visible
from npdeep.kernels.arrays import Array

SCAN = 1 << 20
"""How many elements are looked at in one piece when an array is searched for NaN."""

LONGEST_NAME = 100
"""Characters that a name may have: of a model, a layer, a metric, a column of the history."""

LARGEST = 2**53
"""No count is larger, nor could a float64 hold it."""

MOST = 1_000_000
"""Things in a list: of names, layers, callbacks, …"""

NOT_NUMBERS = "OSUVMmc"
"""NumPy's kinds of dtype that are no real numbers: object, bytes, string, void, dates, complex."""


def number(
    owner: str,
    name: str,
    value: Any,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    infinite: bool = False,
) -> float:
    """The value as a float, or a TypeError/ValueError that says what was expected. NaN never fits; infinity only if asked for.

    >>> number("Dropout", "rate", 0.5, minimum=0, below=1)
    0.5
    >>> number("Dropout", "rate", 1.5, minimum=0, below=1)
    Traceback (most recent call last):
    ValueError: Dropout: rate must be a number of at least 0 and below 1, got 1.5
    """
    wanted = "a number" + _bounds(minimum, maximum, above, below)
    if not is_number(value):
        raise TypeError(f"{owner}: {name} must be {wanted}, got {describe(value)}")
    try:
        result = float(value)
    except OverflowError:                     # an integer beyond all floats
        result = math.inf if value > 0 else -math.inf
    inside = minimum <= result <= maximum and above < result < below
    if not (inside or (infinite and math.isinf(result))):
        raise ValueError(f"{owner}: {name} must be {wanted}, got {spelled(value)}")
    return result


def whole(owner: str, name: str, value: Any, *, minimum: int = 1, maximum: int = LARGEST) -> int:
    """The value as an int, or a TypeError/ValueError that says what was expected.

    >>> whole("Dense", "units", 300)
    300
    >>> whole("fit", "batch_size", 1.5)
    Traceback (most recent call last):
    TypeError: fit: batch_size must be an integer of at least 1, got 1.5
    """
    if not is_number(value, numbers.Integral):
        cure = ""
        if isinstance(value, tuple) and all(is_number(n, numbers.Integral) for n in value):    # a shape
            product = math.prod(map(int, value))
            cure = f"; write {product}" if minimum <= product <= min(maximum, LARGEST) else ""
        raise TypeError(f"{owner}: {name} must be an integer of at least {minimum}, got {describe(value)}{cure}")
    count = int(value)
    if count > maximum:
        raise ValueError(f"{owner}: {name} must be an integer of at most {maximum:,}, got {spelled(count)}")
    if count < minimum:
        raise ValueError(f"{owner}: {name} must be an integer of at least {minimum}, got {spelled(count)}")
    return count


def text(owner: str, name: str, value: Any) -> str:
    """The value if it is a string, or a TypeError.

    >>> text("EarlyStopping", "monitor", 5)
    Traceback (most recent call last):
    TypeError: EarlyStopping: monitor must be a string, got 5
    """
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {name} must be a string, got {describe(value)}")
    return value


def items(owner: str, name: str, value: Any, what: str, least: int = 0) -> list[Any]:
    """What an iterable holds, as a list. Raises TypeError for what is none, or is a string, and ValueError for too few, for
    what has no end, and where an error comes in between.

    >>> items("Trainer", "metrics", range(10**12), "names")
    Traceback (most recent call last):
    ValueError: Trainer: metrics must hold at most 1,000,000 things, got an object of type range that gives more
    """
    flat = isinstance(value, str | bytes | type) or (isinstance(value, np.ndarray) and value.ndim == 0)
    if flat or not isinstance(value, Iterable):
        raise TypeError(f"{owner}: {name} must be a list of {what}, got {describe(value)}")
    try:
        found = list(itertools.islice(iter(value), MOST + 1))
    except Exception as error:                # of the user's own class
        raise ValueError(f"{owner}: {name} cannot be gone through: {type(error).__name__}: {shortened(str(error))}") from None
    if len(found) > MOST:
        raise ValueError(f"{owner}: {name} must hold at most {MOST:,} things, got {describe(value)} that gives more")
    if len(found) < least:
        raise ValueError(f"{owner}: {name} must be a list of {what}, at least {least}, got {len(found)}")
    return found


def places(owner: str, name: str, value: Any, count: int, names: Sequence[str] = ()) -> list[int]:
    """Positions from 0 to count − 1, at least one; where there are names, these will do too.

    >>> places("layer_histograms", "layers", ["hidden", 1], 2, ["hidden", "outputs"])
    [0, 1]
    >>> places("weight_images", "units", [2], 2)
    Traceback (most recent call last):
    ValueError: weight_images: units must be positions from 0 to 1, got 2
    """
    chosen = []
    for item in items(owner, name, value, "positions or names" if names else "positions", least=1):
        place = names.index(choice(owner, name, item, names)) if names and isinstance(item, str) else item
        place = whole(owner, name, place, minimum=0)
        if place >= count:
            raise ValueError(f"{owner}: {name} must be positions from 0 to {count - 1}, got {place}")
        chosen.append(place)
    return chosen


def flag(owner: str, name: str, value: Any) -> bool:
    """The value as a bool, or a TypeError.

    >>> flag("Dense", "use_bias", "no")
    Traceback (most recent call last):
    TypeError: Dense: use_bias must be True or False, got the string 'no'
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{owner}: {name} must be True or False, got {describe(value)}")
    return bool(value)


def choice(owner: str, name: str, value: Any, known: Iterable[str], hints: Mapping[str, str] | None = None) -> str:
    """The value if it is one of the known names; else an error that suggests the nearest one.

    `hints` is a table of foreign_names.py: names used elsewhere ("mse"), squeezed, and ours or a remark. Where there is one,
    only a name that differs by a typing error counts as near: a wrong suggestion is worse than none.

    >>> choice("Activation", "name", "rleu", ["relu", "elu"])
    Traceback (most recent call last):
    ValueError: Activation: unknown name 'rleu'; did you mean 'relu'? Known: elu, relu
    """
    known = sorted(known)
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {name} must be one of the names {listed(known)}, got {describe(value)}")
    if value in known:
        return value
    meant = instead(value, known, hints or {})
    if " " in meant:                          # a remark
        raise ValueError(f"{owner}: unknown {name} {shortened(repr(value))}; {meant}")
    squeezed, key = {squeeze(ours): ours for ours in known}, squeeze(value)
    swapped = [ours for ours in squeezed if sorted(ours) == sorted(key)]    # "sdg"
    likely = squeezed if hints is None else [ours for ours in squeezed if abs(len(ours) - len(key)) <= 2]
    close = swapped[:1] or difflib.get_close_matches(key, likely, 1, 0.5 if hints is None else 0.8)
    near = [meant] if meant else [squeezed[one] for one in close]
    suggestion = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(f"{owner}: unknown {name} {shortened(repr(value))}{suggestion} Known: {listed(known)}")


def label(owner: str, what: str, value: Any) -> str:
    """The value as a name that may be printed: 1 to 100 characters, none of them invisible (control characters, escape
    sequences, marks that turn the direction of writing).

    >>> label("Sequential", "name", "my model")
    'my model'
    >>> label("Sequential", "name", "\\x1b[31mred")
    Traceback (most recent call last):
    ValueError: Sequential: name must have 1 to 100 characters, all of them visible, got the string '\\x1b[31mred'
    """
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {what} must be a string, got {describe(value)}")
    if not (0 < len(value) <= LONGEST_NAME and value.isprintable()):
        wanted = f"1 to {LONGEST_NAME} characters, all of them visible"
        raise ValueError(f"{owner}: {what} must have {wanted}, got {describe(value)}")
    return value


def path(owner: str, name: str, value: Any) -> Path:
    """The value as a Path, or a TypeError. Nothing is looked for on the disk.

    >>> path("CSVLogger", "path", 3)
    Traceback (most recent call last):
    TypeError: CSVLogger: path must be a string or a Path, got 3
    """
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if isinstance(text, str):
            if "\0" in text:
                raise ValueError(f"{owner}: {name} must be the name of a file or folder, got {value!r} with a null character")
            try:
                os.fsencode(text)
            except UnicodeEncodeError:
                shown = shortened(ascii(text))
                raise ValueError(
                    f"{owner}: {name} must be the name of a file or folder, got {shown}, which this system cannot write"
                ) from None
            return Path(text)
    raise TypeError(f"{owner}: {name} must be a string or a Path, got {describe(value)}")


def epsilon(owner: str, value: float, dtype: DTypeLike, harm: str) -> None:
    """Raise ValueError where an ε above 0, which is to keep something away from 0, is lost in this dtype.

    >>> epsilon("Adam", 1e-50, np.float32, "a gradient of 0 would give 0/0")
    Traceback (most recent call last):
    ValueError: Adam: epsilon=1e-50 is as good as 0 in float32, so that a gradient of 0 would give 0/0; take at least 1.3e-38
    """
    tiny = float(np.finfo(dtype).tiny)
    if 0 < value < tiny:
        raise ValueError(
            f"{owner}: epsilon={value:g} is as good as 0 in {np.dtype(dtype)}, so that {harm}; take at least {1.1 * tiny:.1e}"
        )


def _bounds(minimum: float, maximum: float, above: float, below: float) -> str:
    parts = [f"of at least {minimum:g}"] if minimum > -math.inf else []
    parts += [f"above {above:g}"] if above > -math.inf else []
    parts += [f"of at most {maximum:g}"] if maximum < math.inf else []
    parts += [f"below {below:g}"] if below < math.inf else []
    return " " + " and ".join(parts) if parts else ""


def real_array(owner: str, name: str, value: Any) -> Array:
    """The value as an array of real numbers (bool, integers or floats); strings, objects, complex are refused.

    >>> real_array("fit", "x", [[1, 2], [3, 4]]).shape
    (2, 2)
    >>> real_array("fit", "x", [["a"]])
    Traceback (most recent call last):
    TypeError: fit: x must hold numbers, got dtype <U1; row 0, column 0 holds 'a', which is not a number; leave such columns \
out, or encode them as numbers
    """
    array = any_array(owner, name, value)
    if array.dtype.kind == "c":
        raise TypeError(f"{owner}: {name} must hold real numbers, got dtype {array.dtype}; take its .real part")
    if array.dtype.kind in NOT_NUMBERS:
        got = f"dtype {array.dtype}" if len(str(array.dtype)) < 30 else "a structured dtype"
        raise TypeError(f"{owner}: {name} must hold numbers, got {got}; {conversions.cure(name, value, array)}")
    return array


def any_array(owner: str, name: str, value: Any) -> Array:
    """The value as an array of whatever it holds.

    >>> any_array("fit", "y", [[1], [2, 3]])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: fit: y cannot be made into an array: ...
    """
    if value is None:
        raise TypeError(f"{owner}: {name} is missing (None)")
    not_masked(owner, name, value)
    try:
        return value if type(value) in (np.ndarray, np.memmap) else np.asarray(value)
    except ValueError as error:               # lists of unequal length
        raise ValueError(f"{owner}: {name} cannot be made into an array: {shortened(str(error), 200)}") from None
    except MemoryError:
        raise ValueError(f"{owner}: {name}, {describe(value)}, does not fit into memory as an array") from None
    except Exception:                         # tensors that need a step before NumPy can read them; whatever a class raises
        raise TypeError(
            f"{owner}: {name} cannot be made into an array: {conversions.tensor_cure(name, value)}"
        ) from None


def not_masked(owner: str, name: str, value: Any) -> None:
    """Refuse a masked array, alone or in a list: NumPy would drop the mask and compute with whatever is below it.

    >>> not_masked("fit", "x", np.ma.array([1.0, 999.0], mask=[False, True]))
    Traceback (most recent call last):
    TypeError: fit: x is a masked array, and its mask would be lost; fill the gaps first, for example with x.filled(0), or \
leave such rows out; where nothing is masked write x.data
    """
    parts = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        what, cure = ("is", name) if parts[0] is value else ("holds", f"np.ma.stack({name})")
        raise TypeError(
            f"{owner}: {name} {what} a masked array, and its mask would be lost; fill the gaps first, for example with "
            f"{cure}.filled(0), or leave such rows out; where nothing is masked write {cure}.data"
        )


def examples(owner: str, name: str, value: Any, width: int) -> Array:
    """An array of n ≥ 1 rows of the given width, of any real dtype; it is not copied and not yet scanned for NaN. What is
    `Stored` is not read.

    >>> examples("predict", "x", np.zeros((5, 28, 28)), width=784)
    Traceback (most recent call last):
    ValueError: predict: x must have the shape (n, 784), got (5, 28, 28); flatten it with x.reshape(len(x), -1)
    """
    x: Any = value if isinstance(value, Stored) else real_array(owner, name, value)
    if x.ndim == 2 and x.shape[1] == width and len(x) > 0:
        return x  # type: ignore[no-any-return]
    cure = ""
    if x.size == 0:
        cure = "; it holds no examples"
    elif isinstance(x, Stored) and x.ndim > 2 and math.prod(x.shape[1:]) == width:
        cure = f"; store it flat, or give batches of {name}[start:stop].reshape(-1, {width}) by a generator function"
    elif x.ndim == 1 and x.size == width:
        cure = f"; for a single example write {name}[None, :]"
    elif x.ndim == 1 and width == 1:
        cure = f"; for one number per example write {name}[:, None]"
    elif x.ndim > 2 and math.prod(x.shape[1:]) == width:
        cure = f"; flatten it with {name}.reshape(len({name}), -1)"
    elif x.ndim == 2 and x.shape[0] == width:
        cure = f"; rows are examples: transpose it with {name}.T"
    elif x.ndim == 2:
        cure = f"; the model was built with input_size={width}"
    raise ValueError(f"{owner}: {name} must have the shape (n, {width}), got {x.shape}{cure}")


def finite(owner: str, name: str, x: Array) -> None:
    """Raise a ValueError that names the first NaN or infinite element. Integers and bools have none.

    The sum of an array is finite only if every element is (or if a sum of finite ones overflows: then look closely), so
    that the usual, healthy case costs one fast pass.

    >>> finite("fit", "x", np.array([[1.0, 2.0], [np.nan, 4.0]]))
    Traceback (most recent call last):
    ValueError: fit: x holds nan at row 1, column 0 (1 of 4 elements is not finite); remove or replace such rows first
    """
    if x.dtype.kind != "f":
        return
    rows = max(1, SCAN // max(1, x[:1].size))
    for start in range(0, len(x), rows):
        piece = x[start : start + rows]
        with np.errstate(over="ignore", invalid="ignore"):
            total = np.add.reduce(piece, axis=None)
        if not math.isfinite(total):
            bad = np.argwhere(~np.isfinite(piece))
            if len(bad):
                row, *place = bad[0].tolist()
                _raise_not_finite(owner, name, x, (start + row, *place))


def _raise_not_finite(owner: str, name: str, x: Array, index: tuple[int, ...]) -> None:
    count = sum(int(np.count_nonzero(~np.isfinite(x[i : i + SCAN]))) for i in range(0, len(x), SCAN))
    verb = "elements is" if count == 1 else "elements are"
    raise ValueError(
        f"{owner}: {name} holds {x[index]} at {words.place(index)} ({count} of {x.size} {verb} not finite); "
        "remove or replace such rows first"
    )


def cast(owner: str, name: str, x: Array, dtype: DTypeLike) -> Array:
    """x in the dtype of the model, copied only where it must be; a value too large for float32 is named, not made inf.

    >>> cast("fit", "x", np.array([[1e300]]), np.float32)
    Traceback (most recent call last):
    ValueError: fit: x holds 1e+300, which float32 cannot hold; scale the data or build the model with dtype="float64"
    """
    if x.dtype == dtype and x.flags.c_contiguous and type(x) is np.ndarray:
        return x
    try:
        with np.errstate(over="ignore"):
            result = np.ascontiguousarray(x, dtype=dtype)
    except MemoryError:
        given = f"{name}, {describe(x)},"
        raise ValueError(f"{owner}: {given} does not fit into memory as {np.dtype(dtype)}; pass fewer rows") from None
    if x.dtype.kind == "f" and x.dtype.itemsize > result.dtype.itemsize:
        largest = np.max(np.abs(x))
        if largest > np.finfo(result.dtype).max and np.isfinite(largest):
            raise ValueError(
                f"{owner}: {name} holds {largest:g}, which {result.dtype} cannot hold; "
                'scale the data or build the model with dtype="float64"'
            )
    return result
