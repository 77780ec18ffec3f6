"""Errors that beginners meet in NumPy, and what to write instead."""

import re

from npdeep.common.words import shortened

SIZES = "in A @ B the columns of A must match the rows of B: is a .T missing?"

CURES = {
    "truth value of an array": "if, max and `and` need one True or False: use np.where, np.maximum or & for whole arrays",
    "only 0-dimensional arrays": "the functions of math take one number: use np.exp, np.log, np.sqrt for arrays",
    "only length-1 arrays": "the functions of math take one number: use np.exp, np.log, np.sqrt for arrays",
    "bitwise_xor": "^ is not a power in Python: write **",
    "inhomogeneous shape": "arrays of different shapes do not fit into one: take them one by one, in a loop",
    "Generator' object has no attribute": "rng has random(shape), uniform(low, high, shape) and normal(mean, std, shape)",
    "EOF when reading a line": "nobody answers an input() during the check: take it out",
    "BdbQuit": "nobody answers a breakpoint() during the check: take it out, or run the file with Python itself",
    "name 'np' is not defined": "is `import numpy as np` missing at the top of the file?",
    "mismatch in its core dimension": SIZES,
    " not aligned: ": SIZES,
}
"""What to do, by a part of the message or the name of the error."""

KEEPDIMS = "one number for each row meets the columns: is keepdims=True missing, or should it be axis=0?"

PRODUCT = "* goes element by element: is the matrix product meant, @?"

COLUMN = "one is a column: without reshape, [:, None] or keepdims it goes to every row"

BROADCAST = re.compile(r"could not be broadcast together with shapes \((\d+),(\d+)\) \((\d+),(\d*)\)")


def raised(error: BaseException) -> str:
    """The error in words, with a cure where one is known.

    >>> raised(TypeError("ufunc 'bitwise_xor' not supported"))
    "TypeError: ufunc 'bitwise_xor' not supported; ^ is not a power in Python: write **"
    >>> raised(AssertionError())
    'AssertionError'
    """
    try:
        whole = str(error)
    except BaseException:  # of a class of the student's
        whole = ""
    message = shortened(whole, 200).rstrip(" .")
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    cure = next((cure for part, cure in CURES.items() if part in f"{type(error).__name__}: {whole}"), None)
    shapes = BROADCAST.search(whole)
    if shapes:
        cure = _shapes(*shapes.groups())
    return f"{text}; {cure}" if cure else text


def _shapes(rows: str, columns: str, other: str, more: str) -> str | None:
    """What to do where an array of (rows, columns) met one of (other,), or of (other, more)."""
    if not more and other == rows:  # a number for each row, laid along the columns
        return KEEPDIMS
    if other == columns:
        return COLUMN if more == "1" else PRODUCT
    return None
