"""The numbers of a network as a dict of arrays by name, out and in again."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from npdeep.common import checks, words
from npdeep.kernels.arrays import Array
from npdeep.parameters import Parameter

if TYPE_CHECKING:
    from npdeep.models.sequential import Sequential

MOST, SHOWN = 100_000, 80
"""How many names of a mapping are looked at, which may be without end, and how many a message can show."""


def state_dict(model: "Sequential") -> dict[str, Array]:
    """As `Sequential.state_dict`."""
    with model.lock:                          # not in the midst of a step
        return {p.name: p.value.copy() for p in model.parameters}


def load_state_dict(model: "Sequential", mapping: Any, owner: str = "load_state_dict") -> None:
    """As `Sequential.load_state_dict`; errors begin with the owner."""
    if not isinstance(mapping, Mapping):
        raise TypeError(f"{owner}: mapping must be a dict from names to arrays, got {checks.describe(mapping)}")
    check_names(owner, [p.name for p in model.parameters], reading(owner, lambda: [*islice(iter(mapping), MOST)]))
    with model.lock:
        checked = [(p, check_array(owner, p, reading(owner, partial(mapping.__getitem__, p.name)))) for p in model.parameters]
        for p, array in checked:              # all of them fit: from here on nothing can fail
            p.value = array


def reading(owner: str, read: Callable[[], Any]) -> Any:
    """What `read` gives. Raises ValueError where a mapping, whose class may be anybody's, cannot be read."""
    try:
        return read()
    except Exception as error:
        what = words.shortened(f"{type(error).__name__}: {words.shortened(str(error))}", 100)
        raise ValueError(f"{owner}: mapping cannot be read ({what}); pass a dict from names to arrays") from error


def check_names(owner: str, expected: list[str], given: list[Any]) -> None:
    """Raise ValueError where the names are not exactly those of the model.

    >>> check_names("load_state_dict", ["a/kernel", "a/bias"], ["a/kernel", "a/b"])
    Traceback (most recent call last):
    ValueError: load_state_dict: a/bias is missing; the model has no 'a/b'; the names must be those of model.state_dict()
    """
    texts = {name for name in given if type(name) is str}    # a key of another class may raise where it is compared
    missing = [name for name in expected if name not in texts]
    known = set(expected)
    unknown = [name for name in given if type(name) is not str or name not in known]
    shown = [checks.shortened(words.safe_repr(name), 40) for name in unknown[:SHOWN]] + [""] * len(unknown[SHOWN:])
    faults = [f"{checks.listed(missing, 80)} {'is' if len(missing) == 1 else 'are'} missing"] if missing else []
    faults += [f"the model has no {checks.listed(shown, 80)}"] if unknown else []
    if faults:
        raise ValueError(f"{owner}: {'; '.join(faults)}; the names must be those of model.state_dict()")


def check_array(owner: str, p: Parameter, value: Any) -> Array:
    """A copy of the value in the dtype of the parameter.

    Raises ValueError or TypeError where it is not the parameter's shape, or holds what is no weight.

    >>> from npdeep import Dense, Sequential
    >>> check_array("load_state_dict", Sequential([Dense(2)], input_size=3).layer("dense").kernel, np.zeros((2, 3)))
    Traceback (most recent call last):
    ValueError: load_state_dict: dense/kernel must have the shape (3, 2), got (2, 3); a kernel is (inputs, units): transpose \
it with .T
    """
    array = checks.real_array(owner, p.name, value)
    if array.shape != p.shape:
        turned = p.name.endswith("/kernel") and array.shape == p.shape[::-1]
        cure = "; a kernel is (inputs, units): transpose it with .T" if turned else ""
        raise ValueError(f"{owner}: {p.name} must have the shape {p.shape}, got {array.shape}{cure}")
    array = np.array(checks.cast(owner, p.name, array, p.value.dtype))    # a copy: it may be a view of these very weights
    if not np.isfinite(array).all():
        raise ValueError(f"{owner}: {p.name} holds {array[~np.isfinite(array)][0]}; weights must be finite numbers")
    if p.name.endswith("/moving_variance") and (array < 0).any():
        raise ValueError(f"{owner}: {p.name} holds {array.min():g}; a variance is never negative")
    return array
