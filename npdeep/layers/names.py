"""Names of layers."""

import itertools
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from npdeep.common import checks

if TYPE_CHECKING:
    from npdeep.layers.base import Layer


NESTED = 12
"""How deep layers may lie within each other: what trains must be saved, and a file's header may be nested 64 deep in all."""


def check_layer_name(owner: str, name: Any, what: str = "name") -> str:
    """A part of the names of variables, the layer's or its own: at most 100 letters, digits, _ . -

    >>> check_layer_name("Dense", "hidden 1")
    Traceback (most recent call last):
    ValueError: Dense: name may have letters, digits, _ . - and nothing else, at most 100 of them, got 'hidden 1'
    """
    if not (isinstance(name, str) and re.fullmatch(rf"[A-Za-z0-9_.\-]{{1,{checks.LONGEST_NAME}}}", name)):
        raise ValueError(
            f"{owner}: {what} may have letters, digits, _ . - and nothing else, at most {checks.LONGEST_NAME} of them, "
            f"got {checks.shortened(repr(name))}"
        )
    return name


def name_layers(layers: "Iterable[Layer]", beside: "Iterable[Layer]" = (), owner: str = "Sequential") -> list[str]:
    """The given names, and dense, dense_1, … for layers without one, none of them that of a layer beside them.

    Raises ValueError where a name is given twice.

    >>> import npdeep as nd
    >>> name_layers([nd.Dense(1), nd.Dense(1), nd.Dense(1, name="out")])
    ['dense', 'dense_1', 'out']
    """
    layers = list(layers)
    given = Counter(layer.given_name or layer.short_name for layer in [*layers, *beside] if layer.given_name or layer.built)
    for name, count in given.items():
        if count > 1:
            raise ValueError(f"{owner}: two layers have the name {name!r}; names must differ")
    taken: set[str] = {str(name) for name in given}
    names = []
    free: dict[str, Iterator[str]] = {}
    for layer in layers:
        base = default_name(layer)
        name = layer.given_name or next(free.setdefault(base, free_names(base, taken)))
        taken.add(name)
        names.append(name)
    return names


def default_name(layer: "Layer") -> str:
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
