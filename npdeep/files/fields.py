"""What a field of a file's header may hold: small checks that are put together into a schema.

A check is called with the field's place in the header and its value. It raises ValueError, naming the place, where the value
is of another type, out of range, too long or not printable.
"""

import math
import re
from collections.abc import Callable, Container
from typing import Any

import numpy as np

from npdeep.common import checks

Check = Callable[[str, Any], None]
LARGEST = 2**53
"""Counts and sizes beyond this are no floats any more, and nothing that a computer has made."""
LONGEST = 100_000
"""Characters of a text that is kept, but not shown."""
SCALARS = (bool, int, float, str, type(None))


def wrong(where: str, wanted: str, value: Any) -> ValueError:
    """The error for a field.

    >>> wrong("state.epoch", "an integer", "x")
    ValueError("state.epoch must be an integer, got the string 'x'")
    """
    return ValueError(f"{where or 'it'} must be {wanted}, got {checks.describe(value)}")


def whole(minimum: int = 0, maximum: int = LARGEST) -> Check:
    """An integer.

    >>> whole(1)("model.input_size", 0)
    Traceback (most recent call last):
    ValueError: model.input_size must be an integer of at least 1, got 0
    """

    def check(where: str, value: Any) -> None:
        if type(value) is not int or value < minimum:
            raise wrong(where, f"an integer of at least {minimum}", value)
        if value > maximum:
            raise wrong(where, f"an integer below 2^{maximum.bit_length()}", value)

    return check


def number(minimum: float = -math.inf, maximum: float = math.inf, finite: bool = True, nan: bool = False) -> Check:
    """A number. finite=False: infinity too; nan=True: NaN too.

    >>> number(0)("state.seconds", -1.0)
    Traceback (most recent call last):
    ValueError: state.seconds must be a finite number of at least 0, got -1.0
    """
    lowest = f" of at least {minimum:g}" if minimum > -math.inf else ""
    highest = f" up to {maximum:g}" if maximum < math.inf else ""

    def check(where: str, value: Any) -> None:
        fits = type(value) is float or (type(value) is int and abs(value) <= LARGEST)
        if fits and nan and value != value:
            return
        if not fits or not minimum <= value <= maximum or (finite and math.isinf(value)):
            raise wrong(where, f"a {'finite ' if finite else ''}number{lowest}{highest}", value)

    return check


measured = number(finite=False, nan=True)
"""What a run has measured: a loss of a run that diverged is NaN."""


def flag(where: str, value: Any) -> None:
    """True or False."""
    if type(value) is not bool:
        raise wrong(where, "true or false", value)


def label(where: str, value: Any) -> None:
    """A name that may be shown: see `checks.label`."""
    if type(value) is not str or not (0 < len(value) <= checks.LONGEST_NAME and value.isprintable()):
        raise wrong(where, f"a name of up to {checks.LONGEST_NAME} visible characters", value)


def text(pattern: str, what: str, longest: int = LONGEST) -> Check:
    """A string that matches the pattern from its beginning to its end.

    >>> text("[a-z]+", "a word")("x", "two words")
    Traceback (most recent call last):
    ValueError: x must be a word, got the string 'two words'
    """
    compiled = re.compile(pattern, re.DOTALL)

    def check(where: str, value: Any) -> None:
        if type(value) is not str or len(value) > longest or not compiled.fullmatch(value):
            raise wrong(where, what, value)

    return check


def lines(where: str, value: Any) -> None:
    """A text that may be shown, of one or several lines."""
    if type(value) is not str or len(value) > LONGEST or not all(line.isprintable() for line in value.split("\n")):
        raise wrong(where, "a text of visible characters", value)


def choice(known: Container[Any], what: str) -> Check:
    """One of these values."""

    def check(where: str, value: Any) -> None:
        if type(value) not in SCALARS or value not in known:
            raise wrong(where, what, value)

    return check


def maybe(field: Check) -> Check:
    """The field, or null."""

    def check(where: str, value: Any) -> None:
        if value is not None:
            field(where, value)

    return check


def items(field: Check, length: int | None = None) -> Check:
    """A list, every element of which fits.

    >>> items(whole())("callbacks[0].state.updates", [1, "x"])
    Traceback (most recent call last):
    ValueError: callbacks[0].state.updates[1] must be an integer of at least 0, got the string 'x'
    """

    def check(where: str, value: Any) -> None:
        if type(value) is not list or length not in (None, len(value)):
            raise wrong(where, "a list" if length is None else f"a list of {length}", value)
        for i, item in enumerate(value):
            field(f"{where}[{i}]", item)

    return check


def mapping(key: Check, field: Check) -> Check:
    """An object with any keys that fit.

    >>> mapping(label, whole())("frozen", {"a": 1, "": 2})
    Traceback (most recent call last):
    ValueError: a key of frozen must be a name of up to 100 visible characters, got the string ''
    """

    def check(where: str, value: Any) -> None:
        if type(value) is not dict:
            raise wrong(where, "an object", value)
        for name, item in value.items():
            key(f"a key of {where}", name)
            field(f"{where}.{name}", item)

    return check


def record(required: dict[str, Check], optional: dict[str, Check] | None = None, others: Check | None = None) -> Check:
    """An object with these keys. others: what further keys may hold, if there may be any; they must be labels.

    >>> record({"epoch": whole()})("state", {"epoch": 1, "Epoch": 2})
    Traceback (most recent call last):
    ValueError: state has the unknown key 'Epoch'
    """
    known = {**required, **(optional or {})}

    def check(where: str, value: Any) -> None:
        if type(value) is not dict:
            raise wrong(where, "an object", value)
        for name in required:
            if name not in value:
                raise ValueError(f"{where or 'it'} lacks {name!r}")
        for name, item in value.items():
            if name not in known and others is None:
                raise ValueError(f"{where or 'it'} has the unknown key {checks.shortened(repr(name))}")
            if name not in known:
                label(f"a key of {where}", name)
            known.get(name, others or label)(f"{where}.{name}" if where else name, item)

    return check


def scalar(where: str, value: Any) -> None:
    """A number, a text, true, false or null."""
    if type(value) not in SCALARS:
        raise wrong(where, "a number or a text", value)


def rows(where: str, value: Any) -> None:
    """An array of anything, with an axis of rows."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        raise wrong(where, "an array of rows", value)


def array(*dimensions: int) -> Check:
    """An array with one of these numbers of axes (any, if none is given) that holds real numbers."""

    def check(where: str, value: Any) -> None:
        if not isinstance(value, np.ndarray) or value.dtype.kind in checks.NOT_NUMBERS:
            raise wrong(where, "an array of real numbers", value)
        if dimensions and value.ndim not in dimensions:
            raise wrong(where, f"an array of {' or '.join(map(str, dimensions))} axes", value)

    return check


def tree(where: str, value: Any) -> None:
    """Whatever a custom callback, or an argument of a class of theirs, may keep: scalars, arrays, lists and objects."""
    if type(value) is list:
        for i, item in enumerate(value):
            tree(f"{where}[{i}]", item)
    elif type(value) is dict:
        for key, item in value.items():
            if type(key) not in SCALARS:
                raise wrong(f"a key of {where}", "a text or a number", key)
            tree(f"{where}.{key}", item)
    elif type(value) not in SCALARS and not isinstance(value, np.ndarray):
        raise wrong(where, "plain data", value)
