"""What a custom part is checked for at its first use, whatever its kind: a layer, a loss, an optimizer, a metric, …"""

import contextlib
import inspect
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.kernels.arrays import Array

UNWRITTEN = {2: 0x7FDE, 4: 0x7FC0DEAD, 8: 0x7FF8DEADDEADDEAD}
"""The bits of a NaN, by the size of a number in bytes: what is in a gradient that was never written."""


def is_custom(part: Any) -> bool:
    """Is the class of this object none of npdeep's?

    >>> is_custom(object()), is_custom(Array)
    (True, True)
    """
    return not type(part).__module__.startswith("npdeep.")


def check_begun(owner: str, part: Any, attribute: str, arguments: str = "") -> None:
    """Raise TypeError where the class of the part did not call the `__init__` of npdeep's, which sets the attribute."""
    if attribute not in vars(part):
        raise TypeError(f"{owner}: the __init__ of {type(part).__name__} must begin with super().__init__({arguments})")


def check_not_hidden(owner: str, part: Any) -> None:
    """Raise where an attribute of a custom part has the place of one of npdeep's methods, that npdeep would call."""
    base = next(kind for kind in type(part).__mro__ if kind.__module__.startswith("npdeep."))
    for name in dir(base):
        if not name.startswith("_") and callable(getattr(base, name)) and not callable(getattr(part, name)):
            raise TypeError(f"{owner}: its attribute {name!r} takes the place of npdeep's {name}(...); call it something else")


def check_takes(
    owner: str, name: str, function: Callable[..., Any], given: Sequence[str], words: str = "", elsewhere: Container[str] = ()
) -> None:
    """Raise TypeError where a function does not take what it is called with, or calls the first `elsewhere` what it is not.

    >>> check_takes("Mine 'mine'", "forward", lambda x: x, ("x", "training"))
    Traceback (most recent call last):
    TypeError: Mine 'mine': forward(x) is called with (x, training): take these
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):           # a function of C's that does not say
        return
    takes = list(signature.parameters)
    try:
        fits = bool(signature.bind(*given)) and not (takes and takes[0] in elsewhere)
    except TypeError:
        fits = False
    if not fits:
        raise TypeError(f"{owner}: {name}({', '.join(takes)}) is called with ({', '.join(given)}): take these{words}")


def one_number(what: str, value: Any, verb: str = "return") -> float:
    """The value as a float. Raises TypeError where it is not a number.

    >>> one_number("metric share:", "0.5")
    Traceback (most recent call last):
    TypeError: metric share: must return one number, got the string '0.5'
    """
    if not isinstance(value, str | np.ma.MaskedArray) and getattr(getattr(value, "dtype", None), "kind", "") != "c":
        with contextlib.suppress(Exception):  # whatever its class raises; an integer may be too large
            return float(value)
    raise TypeError(f"{what} must {verb} one number, got {checks.describe(value)}")


def check_array(what: str, array: Any, shape: tuple[int, ...], dtype: Any, *made_of: Any) -> None:
    """Raise where `what` did not give an array of this shape and dtype, or one with NaN out of arrays that are finite."""
    what = f"{what} must return an array of shape {shape}"
    if array is None:
        raise TypeError(f"{what}, it returned None; is the line `return ...` missing?")
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError(f"{what}, it returned {checks.describe(array)}")
    if array.dtype != dtype:
        raise TypeError(f"{what} and dtype {dtype}, it returned {array.dtype}; end with .astype(x.dtype)")
    check_no_nan(f"{what.partition(' must return')[0]} returned", array, *made_of)


def check_no_nan(what: str, array: Any, *made_of: Any) -> None:
    """Raise ValueError where an array holds NaN, and all that it was made of is finite."""
    bad = np.isnan(array)
    if bad.any() and all(np.isfinite(given).all() for given in made_of if isinstance(given, np.ndarray)):
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{what} NaN at {place}, though all that it was computed from is finite; look for 0/0, the logarithm or the root "
            "of a negative number, or an array of np.empty that was not filled"
        )


def check_kept(what: str, names: Iterable[str], arrays: Iterable[Any], before: Iterable[Any]) -> None:
    """Raise ValueError, with the array as it was, where one is not what it was before.

    >>> check_kept("Mine 'mine': forward", ["x"], [np.ones(2)], [np.zeros(2)])
    Traceback (most recent call last):
    ValueError: Mine 'mine': forward changed x in place, which others still need; write x = x * 2, not x *= 2
    """
    for name, array, old in zip(names, arrays, before, strict=False):
        if isinstance(array, np.ndarray) and array.dtype != object and array.tobytes() != old.tobytes():
            array[...] = old
            raise ValueError(
                f"{what} changed {name} in place, which others still need; write {name} = {name} * 2, not {name} *= 2"
            )


# ── gradients that nobody has written ─────────────────────────────────────────────────────────────────────────────────
def mark(array: Array) -> None:
    """Fill an array with a NaN that no arithmetic gives."""
    bits(array).fill(UNWRITTEN[array.itemsize])


def still_marked(array: Array) -> bool:
    """Is there an element that was not written since `mark`?

    >>> array = np.ones(2)
    >>> mark(array); array[0] = 3.0
    >>> still_marked(array)
    True
    """
    return bool((bits(array) == UNWRITTEN[array.itemsize]).any())


def bits(array: Array) -> Any:
    """The same memory as integers."""
    return array.view(f"u{array.itemsize}")
