"""Choosing variables by their names."""

import re
from collections.abc import Container, Iterable
from typing import Any

from npdeep.common import checks
from npdeep.parameters import Parameter


def select(owner: str, parameters: list[Parameter], scope: Any) -> list[Parameter]:
    """The parameters whose names `re.match` the scope; None selects all. Nothing selected raises and lists the names.

    >>> select("freeze", [Parameter("hidden1/kernel", (1,))], "hiden")
    Traceback (most recent call last):
    ValueError: freeze: no variable's name begins with a match of 'hiden'; there are hidden1/kernel
    """
    chosen = set(select_names(owner, [p.name for p in parameters], scope))
    return [p for p in parameters if p.name in chosen]


def select_names(owner: str, names: list[str], scope: Any) -> list[str]:
    """The names that `re.match` the scope; None selects all. Nothing selected raises and lists them.

    >>> select_names("variables", ["hidden1/kernel", "outputs/kernel"], "out")
    ['outputs/kernel']
    """
    if scope is None:
        return names
    if not isinstance(scope, str):
        raise TypeError(f"{owner}: scope must be a regular expression as a string, or None, got {checks.describe(scope)}")
    try:
        pattern = re.compile(scope)
    except re.error as error:
        raise ValueError(f"{owner}: scope {scope!r} is no regular expression: {error}") from None
    chosen = [name for name in names if pattern.match(name)]
    if not chosen:
        there = checks.listed(names) or "none"
        raise ValueError(f"{owner}: no variable's name begins with a match of {scope!r}; there are {there}")
    return chosen


def check_names(what: str, names: Iterable[str], known: Container[str]) -> None:
    """Raise ValueError where one of the names is not known.

    >>> check_names("generators", ["dropout"], {"dense": 1})
    Traceback (most recent call last):
    ValueError: generators: the model has nothing of that kind called 'dropout'
    """
    for name in names:
        if name not in known:
            raise ValueError(f"{what}: the model has nothing of that kind called {checks.shortened(repr(name))}")
