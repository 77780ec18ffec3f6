"""Scopes: regular expressions that choose variables by whole names, their own or those of their layers."""

import re
from collections.abc import Sequence
from typing import Any

from npdeep.common.words import describe, listed, shortened


def matching(owner: str, what: str, names: Sequence[str], scope: Any) -> list[str]:
    """The names that the scope, a regular expression, matches whole, or whose layer it does; None selects all.

    Raises ValueError, listing the names, where there is none.

    >>> matching("variables", "variable", ["hidden1/kernel", "hidden10/kernel"], "hidden[12]")
    ['hidden1/kernel']
    >>> matching("freeze", "variable", ["hidden1/kernel"], "hidden")
    Traceback (most recent call last):
    ValueError: freeze: no variable, and no layer of one, is called 'hidden' as a whole; for all names that begin with it \
write 'hidden.*'; there are hidden1/kernel
    """
    if scope is None:
        return list(names)
    if not isinstance(scope, str):
        raise TypeError(f"{owner}: scope must be a regular expression as a string, or None, got {describe(scope)}")
    try:
        pattern = re.compile(scope)
    except re.error as error:
        raise ValueError(f"{owner}: scope {shortened(repr(scope))} is not a regular expression: {error}") from None
    chosen = [name for name in names if any(pattern.fullmatch(name, 0, end) for end in ends(name))]
    if not chosen:
        cure = f"; for all names that begin with it write {scope + '.*'!r}" if any(map(pattern.match, names)) else ""
        if any(scope in name.split("/") for name in names):
            cure = f"; for what is called so within layers write {'.*/' + scope!r}"
        raise ValueError(
            f"{owner}: no {what}, and no layer of one, is called {shortened(repr(scope))} as a whole{cure}; "
            f"there are {listed(names) or 'none'}"
        )
    return chosen


def ends(name: str) -> list[int]:
    """Where the names of its layers end, before and after each /, and where it ends itself.

    >>> [("block1/a/kernel")[:end] for end in ends("block1/a/kernel")]
    ['block1', 'block1/', 'block1/a', 'block1/a/', 'block1/a/kernel']
    """
    return [end for slash in re.finditer("/", name) for end in slash.span()] + [len(name)]
