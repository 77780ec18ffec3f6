"""Between objects and JSON: how checkpoint files say which layer, loss or optimizer it was, and with which arguments."""

from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from npdeep import clipping, constraints, initializers, layers, losses, metrics, optimizers, regularizers, schedules
from npdeep.activations import RULES, Rule
from npdeep.common import checks
from npdeep.common.described import Described
from npdeep.layers.names import NESTED

GROUPS: dict[str, Iterable[type]] = {
    "clipping": clipping.KNOWN.values(),
    "constraints": constraints.KNOWN.values(),
    "initializers": initializers.KNOWN.values(),
    "layers": [getattr(layers, name) for name in layers.__all__],
    "losses": losses.KNOWN.values(),
    "metrics": metrics.KNOWN.values(),
    "optimizers": optimizers.KNOWN.values(),
    "regularizers": regularizers.KNOWN.values(),
    "schedules": schedules.KNOWN.values(),
}
BUILT_IN: dict[str, type] = {f"{group}.{kind.__name__}": kind for group, kinds in GROUPS.items() for kind in kinds}
ARRAY = "array in this file"
"""The key under which the header of a checkpoint names an array."""
ENTRIES = "entries"
"""The key of a dict among the arguments, whose items are kept as pairs."""
UNKNOWN = object()
"""Stands for an object that cannot be made without a custom class."""
DEEPEST = 3 * NESTED + 9
"""How deep objects may lie within each other, such as a schedule within a schedule: a layer in lists of branches is three
deeper than the one around it, and has arguments of its own."""
NAMES = {kind: name for name, kind in BUILT_IN.items()}


def encode(value: Any, what: str, depth: int = 0) -> Any:
    """A value that JSON can say. Objects become their class and arguments; a custom class is marked as "own".

    Raises TypeError, naming `what`, where the value is none of these.

    >>> encode(regularizers.L1(0.5), "kernel_regularizer")
    {'class': 'regularizers.L1', 'arguments': {'scale': 0.5}}
    """
    if depth > DEEPEST:
        raise ValueError(f"checkpoint: {checks.shortened(what, 100)} is nested more than {DEEPEST} deep and cannot be stored")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.integer | np.floating | np.bool_):
        return value.item()
    if isinstance(value, list | tuple):
        return [encode(item, what, depth + 1) for item in value]
    if isinstance(value, dict):
        return {ENTRIES: [[str(key), encode(item, what, depth + 1)] for key, item in value.items()]}
    if isinstance(value, Rule):
        return {"class": f"own.{value.name}", "arguments": {}}
    if isinstance(value, Described):
        kind = NAMES.get(type(value), f"own.{type(value).__name__}")
        try:
            arguments = value.arguments()
        except AttributeError as error:
            raise TypeError(f"checkpoint: {what} cannot be stored: {error}") from None
        encoded = {name: encode(item, f"{what}: {name}", depth + 1) for name, item in arguments.items()}
        return {"class": kind, "arguments": encoded}
    raise TypeError(f"checkpoint: {what} cannot be stored: {checks.describe(value)}")


def decode(value: Any, own: Mapping[str, Any] | None, where: str = "it") -> Any:
    """The object again. Custom classes are looked up by name in `own`; a missing one raises and is named.

    own: None makes what is npdeep's alone, to see that its arguments fit; where a custom class is needed, the result is
    UNKNOWN. Raises ValueError, naming the place in the header, for a class that there is not and for arguments that do not fit.

    >>> decode({"class": "regularizers.L1", "arguments": {"scale": 0.5}}, {})
    L1(scale=0.5)
    >>> decode({"class": "own.Mine", "arguments": {}}, {}, "trainer.optimizer")
    Traceback (most recent call last):
    ValueError: trainer.optimizer is an object of your class Mine; pass the class with own={'Mine': Mine}
    """
    if isinstance(value, list):
        decoded = [decode(item, own, f"{where}[{i}]") for i, item in enumerate(value)]
        return UNKNOWN if any(item is UNKNOWN for item in decoded) else decoded
    if not isinstance(value, dict):
        return value
    if ENTRIES in value:
        return {key: decode(item, own, f"{where}.{key}") for key, item in value[ENTRIES]}
    name = value["class"]
    group, _, short = name.partition(".")
    if group == "own" and own is None:
        return UNKNOWN
    if group == "own" and short not in (own or {}):
        raise ValueError(f"{where} is an object of your class {short}; pass the class with own={{'{short}': {short}}}")
    if group != "own" and name not in BUILT_IN:
        raise ValueError(f"{where} is an object of class {name}, which this npdeep does not know")
    kind = (own or {})[short] if group == "own" else BUILT_IN[name]
    if isinstance(kind, Rule):                # a custom activation
        return kind
    arguments = {argument: decode(item, own, f"{where}.{argument}") for argument, item in value["arguments"].items()}
    if any(item is UNKNOWN for item in arguments.values()):
        return UNKNOWN
    try:
        return kind(**arguments)
    except Exception as error:                # custom classes raise all kinds where arguments do not fit
        raise ValueError(f"{where}: {error or type(error).__name__}") from None


def as_text(value: Any) -> str:
    """What `encode` made of an object, as one would write the object; custom classes need not be known.

    >>> as_text({"class": "own.Mine", "arguments": {"scale": 0.5}})
    'Mine(scale=0.5)'
    """
    if isinstance(value, list):
        return f"[{', '.join(map(as_text, value))}]"
    if not isinstance(value, dict):
        return repr(value)
    if ENTRIES in value:
        return f"{{{', '.join(f'{key!r}: {as_text(item)}' for key, item in value[ENTRIES])}}}"
    arguments = ", ".join(f"{name}={as_text(item)}" for name, item in value["arguments"].items())
    return f"{value['class'].rpartition('.')[2]}({arguments})"


def check_names(layers: Iterable[Any]) -> None:
    """Raise ValueError where two different classes, or activations, of the user's have one name: a file knows it alone.

    A class that was defined again, by the same cell of a notebook, is the same.
    """
    found: dict[str, Any] = {}
    for layer in layers:
        kind, rule = type(layer), getattr(layer, "rule", None)
        known = [] if kind in NAMES else [(kind.__name__, (kind.__module__, kind.__qualname__))]
        if isinstance(rule, Rule) and RULES.get(rule.name) is not rule:
            known.append((rule.name, (source(rule.forward), source(rule.backward))))
        for name, origin in known:
            if found.setdefault(name, origin) != origin:
                raise ValueError(f"checkpoint: two custom parts are called {name!r}, and a file knows them by name: rename one")


def source(function: Any) -> Any:
    """What a function computes, as far as it can be compared: its code, its defaults, and what it has from around it.

    >>> def line(slope):
    ...     return lambda z: slope * z
    >>> source(line(1)) == source(line(1)), source(line(1)) == source(line(2))
    (True, False)
    """
    if not isinstance(function, FunctionType):
        return function
    around = [checks.safe_repr(cell.cell_contents) for cell in function.__closure__ or ()]
    return function.__code__, checks.safe_repr(function.__defaults__), around


def check_own(owner: str, own: Any) -> dict[str, Any]:
    """A dict of classes (or rules of activations) by name, from a dict or a list of them, or from one.

    >>> class Mine: pass
    >>> check_own("load_model", [Mine]) == {"Mine": Mine}
    True
    """
    if own is None:
        return {}
    own = [own] if isinstance(own, type | Rule) else own
    if not isinstance(own, Iterable):
        raise TypeError(f"{owner}: own must hold custom classes, as a list or by name, got {checks.describe(own)}")
    if not isinstance(own, Mapping):
        kinds = checks.items(owner, "own", own, "classes")
        own = [(k.name if isinstance(k, Rule) else getattr(k, "__name__", None), k) for k in kinds]
    found: dict[str, Any] = {}
    for name, kind in own.items() if isinstance(own, Mapping) else own:
        if not isinstance(kind, type | Rule):
            shown = "it holds" if name is None else f"{checks.shortened(checks.safe_repr(name))} is"
            raise TypeError(f"{owner}: own must hold classes, but {shown} {checks.describe(kind)}")
        if found.setdefault(name, kind) is not kind:
            raise ValueError(f"{owner}: own holds two that are called {name!r}, and a file knows them by name: rename one")
    return found


def split_arrays(state: Any, prefix: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """A state of nested dicts with its arrays taken out into `arrays`, under names that begin with the prefix.

    >>> arrays = {}
    >>> split_arrays({"best": 0.5, "w": np.zeros(2)}, "callbacks/0", arrays)
    {'best': 0.5, 'w': {'array in this file': 'callbacks/0/w'}}
    """
    if isinstance(state, np.ndarray):
        arrays[prefix] = state
        return {ARRAY: prefix}
    if isinstance(state, Mapping):
        if ARRAY in state:
            raise ValueError(f"checkpoint: {prefix} has the key {ARRAY!r}, which checkpoints use themselves; rename it")
        return {key: split_arrays(value, f"{prefix}/{key}", arrays) for key, value in state.items()}
    return encode(state, prefix)


def join_arrays(state: Any, arrays: Mapping[str, Any]) -> Any:
    """The state again, with its arrays put back. Raises ValueError for one that the file does not hold.

    >>> join_arrays({"w": {ARRAY: "callbacks/0/w"}}, {"callbacks/0/w": np.zeros(2)})
    {'w': array([0., 0.])}
    """
    if isinstance(state, list):
        return [join_arrays(value, arrays) for value in state]
    if not isinstance(state, dict):
        return state
    if ARRAY in state:
        name = state[ARRAY]
        if len(state) > 1 or not isinstance(name, str) or name not in arrays:
            raise ValueError(f"it refers to an array {checks.shortened(repr(name))} that the file does not hold")
        return arrays[name]
    return {key: join_arrays(value, arrays) for key, value in state.items()}
