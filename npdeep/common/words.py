"""Words for whatever a user may pass: short enough for a message, whatever is in it."""

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np


def describe(value: Any) -> str:
    """A short word for anything a user may pass.

    >>> describe(np.zeros((2, 3))), describe("no"), describe(None), describe(1.5)
    ('an array of shape (2, 3) and dtype float64', "the string 'no'", 'None', '1.5')
    """
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, str):
        return f"the string {shortened(repr(value))}"
    if type(value) in (tuple, list) and len(value) <= 9 and len(shown := safe_repr(value)) <= 20:
        return f"the {type(value).__name__} {shown}"
    if value is None or isinstance(value, numbers.Number | bool):
        return spelled(value) if isinstance(value, int) else shortened(repr(value))
    if isinstance(value, type):
        return f"the class {value.__name__} itself (write {value.__name__}(...) to make one)"
    return f"an object of type {type(value).__name__}"


def counted(n: int, what: str) -> str:
    """1 row, 2 rows.

    >>> counted(1, "row"), counted(1000, "row")
    ('1 row', '1,000 rows')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def is_number(value: Any, kind: type = numbers.Real) -> bool:
    """Is it a real number (or, of the kind numbers.Integral, an integer)? No bool is one, and no span of time, which NumPy
    counts among its integers.

    >>> is_number(np.float32(1)), is_number(True), is_number(np.timedelta64(3, "s")), is_number(1.0, numbers.Integral)
    (True, False, False, False)
    """
    return isinstance(value, kind) and not isinstance(value, bool | np.bool_ | np.timedelta64)


def shortened(text: str, longest: int = 60) -> str:
    """The text, or its beginning: no message is flooded by what a user, or a file, has put into it.

    >>> shortened("a" * 100, 10)
    'aaaaaaaaa…'
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def place(index: Iterable[int]) -> str:
    """Where an element of an array is.

    >>> place((3,)), place((3, 1)), place((3, 1, 2))
    ('row 3', 'row 3, column 1', 'index (3, 1, 2)')
    """
    row, *others = index
    if len(others) > 1:
        return f"index {shortened(str((row, *others)))}"
    return f"row {row}" + "".join(f", column {i}" for i in others)


def safe_repr(value: Any) -> str:
    """What Python shows of a value; where that fails, because of what is in it, its type.

    >>> safe_repr([1]), safe_repr([10**5000])
    ('[1]', '<a list>')
    """
    try:
        return repr(value)
    except Exception:                         # whatever a class of the user's raises; integers of thousands of digits
        return f"<a {type(value).__name__}>"


def spelled(value: Any) -> str:
    """A number as one writes it; of an integer of thousands of digits (which Python refuses to write), how long it is.

    >>> spelled(0.5), spelled(10**5000)
    ('0.5', 'an integer of 16610 bits')
    """
    too_long = isinstance(value, int) and value.bit_length() > 1000
    return f"an integer of {value.bit_length()} bits" if too_long else shortened(str(value), 310)


def listed(names: Iterable[str], longest: int = 150) -> str:
    """Names with commas between them; of many, the first ones and how many more there are.

    >>> listed(["hidden1", "hidden2"]), listed([f"hidden{i}" for i in range(1000)], 20)
    ('hidden1, hidden2', 'hidden0, hidden1, … (998 more)')
    """
    shown: list[str] = []
    names = list(names)
    for name in names:
        longest -= len(name) + 2
        if longest < 0 and shown:
            return f"{', '.join(shown)}, … ({len(names) - len(shown)} more)"
        shown.append(shortened(name))
    return ", ".join(shown)


def visible(text: str, keep: str = "") -> str:
    """The text with every character that cannot be seen (but those to keep) spelled out, so that a terminal only shows it.

    >>> visible("\\x1b[31mred\\n")
    '\\\\x1b[31mred\\\\n'
    """
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)
