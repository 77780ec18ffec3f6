"""Names of layers, and choosing variables by their names."""

import re
from typing import Any

from npdeep.common import checks
from npdeep.layers.base import Layer
from npdeep.parameters import Parameter


def name_layers(layers: list[Layer]) -> list[str]:
    """The given names, and dense, dense_1, … for layers without one. Raises ValueError where a name is given twice.

    >>> import npdeep as nd
    >>> name_layers([nd.Dense(1), nd.Dense(1), nd.Dense(1, name="out")])
    ['dense', 'dense_1', 'out']
    """
    given = [layer.given_name for layer in layers if layer.given_name is not None]
    for name in given:
        if given.count(name) > 1:
            raise ValueError(f"Sequential: two layers have the name {name!r}; names must differ")
    taken = set(given)
    names = []
    for layer in layers:
        name = layer.given_name or ""
        if not name:
            base = layer.default_name or snake_case(type(layer).__name__)
            candidates = (base if i == 0 else f"{base}_{i}" for i in range(len(layers) + len(taken) + 1))
            name = next(c for c in candidates if c not in taken)
            taken.add(name)
        names.append(name)
    return names


def snake_case(name: str) -> str:
    """The name of a class as a name for its objects.

    >>> snake_case("MyFancyLayer")
    'my_fancy_layer'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


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
        there = ", ".join(names) or "none"
        raise ValueError(f"{owner}: no variable's name begins with a match of {scope!r}; there are {there}")
    return chosen
