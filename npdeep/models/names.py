"""Names of layers, and choosing variables by their names."""

import itertools
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Any

from npdeep.common import checks
from npdeep.layers.base import Layer, check_layer_name
from npdeep.parameters import Parameter


def name_layers(layers: list[Layer]) -> list[str]:
    """The given names, and dense, dense_1, … for layers without one. Raises ValueError where a name is given twice.

    >>> import npdeep as nd
    >>> name_layers([nd.Dense(1), nd.Dense(1), nd.Dense(1, name="out")])
    ['dense', 'dense_1', 'out']
    """
    given = Counter(layer.given_name for layer in layers if layer.given_name is not None)
    for name, count in given.items():
        if count > 1:
            raise ValueError(f"Sequential: two layers have the name {name!r}; names must differ")
    taken, names = set(given), []
    free: dict[str, Iterator[str]] = {}
    for layer in layers:
        base = default_name(layer)
        name = layer.given_name or next(free.setdefault(base, free_names(base, taken)))
        taken.add(name)
        names.append(name)
    return names


def default_name(layer: Layer) -> str:
    """What a layer of this class is called where it has no name of its own, before numbers tell several apart."""
    return check_layer_name(type(layer).__name__, layer.default_name or snake_case(type(layer).__name__))


def free_names(base: str, taken: Container[str]) -> Iterator[str]:
    """base, base_1, base_2, … without those that are taken.

    >>> list(itertools.islice(free_names("dense", {"dense_1"}), 3))
    ['dense', 'dense_2', 'dense_3']
    """
    candidates = itertools.chain([base], (f"{base}_{i}" for i in itertools.count(1)))
    return (name for name in candidates if name not in taken)


def snake_case(name: str) -> str:
    """The name of a class as a name for its objects.

    >>> snake_case("MyFancyLayer")
    'my_fancy_layer'
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.sub(r"[^a-z0-9_]", "_", words)[:80]    # as a layer's name may be, with room for a number


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
