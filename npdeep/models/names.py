"""Choosing variables by their names."""

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
    chosen = set(checks.matching(owner, "variable's name", [p.name for p in parameters], scope))
    return [p for p in parameters if p.name in chosen]


def check_names(what: str, names: Iterable[str], known: Container[str]) -> None:
    """Raise ValueError where one of the names is not known.

    >>> check_names("generators", ["dropout"], {"dense": 1})
    Traceback (most recent call last):
    ValueError: generators: the model has nothing of that kind called 'dropout'
    """
    for name in names:
        if name not in known:
            raise ValueError(f"{what}: the model has nothing of that kind called {checks.shortened(repr(name))}")
