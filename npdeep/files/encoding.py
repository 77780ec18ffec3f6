"""Between objects and JSON: how checkpoint files say which layer, loss or optimizer it was, and with which arguments."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from npdeep import clipping, constraints, initializers, layers, losses, metrics, optimizers, regularizers, schedules
from npdeep.common import checks
from npdeep.common.described import Described

GROUPS: dict[str, Iterable[type]] = {
    "clipping": clipping.KNOWN.values(),
    "constraints": constraints.KNOWN.values(),
    "initializers": initializers.KNOWN.values(),
    "layers": [getattr(layers, name) for name in layers.__all__ if name != "Layer"],
    "losses": losses.KNOWN.values(),
    "metrics": metrics.KNOWN.values(),
    "optimizers": optimizers.KNOWN.values(),
    "regularizers": regularizers.KNOWN.values(),
    "schedules": schedules.KNOWN.values(),
}
BUILT_IN: dict[str, type] = {f"{group}.{kind.__name__}": kind for group, kinds in GROUPS.items() for kind in kinds}
ARRAY = "array in this file"
"""The key under which the header of a checkpoint names an array."""
NAMES = {kind: name for name, kind in BUILT_IN.items()}


def encode(value: Any, what: str) -> Any:
    """A value that JSON can say. Objects become their class and arguments; a class of the user's is marked as "own".

    Raises TypeError, naming `what`, where the value is none of these.

    >>> encode(regularizers.L1(0.5), "kernel_regularizer")
    {'class': 'regularizers.L1', 'arguments': {'scale': 0.5}}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.integer | np.floating | np.bool_):
        return value.item()
    if isinstance(value, list | tuple):
        return [encode(item, what) for item in value]
    if isinstance(value, Described):
        kind = NAMES.get(type(value), f"own.{type(value).__name__}")
        try:
            arguments = value.arguments()
        except AttributeError as error:
            raise TypeError(
                f"checkpoint: {what} cannot be stored: {error}; keep each argument of __init__ as an attribute of its name"
            ) from None
        return {"class": kind, "arguments": {name: encode(item, f"{what}: {name}") for name, item in arguments.items()}}
    raise TypeError(f"checkpoint: {what} cannot be stored: {checks.describe(value)}")


def decode(value: Any, own: Mapping[str, type]) -> Any:
    """The object again. Classes of the user's are looked up by name in `own`; a missing one raises and is named.

    >>> decode({"class": "regularizers.L1", "arguments": {"scale": 0.5}}, {})
    L1(scale=0.5)
    >>> decode({"class": "own.Mine", "arguments": {}}, {})
    Traceback (most recent call last):
    ValueError: checkpoint: it holds an object of your class Mine; hand the class back in with own={'Mine': Mine}
    """
    if isinstance(value, list):
        return [decode(item, own) for item in value]
    if not isinstance(value, dict):
        return value
    name = value["class"]
    group, _, short = name.partition(".")
    if group == "own" and short not in own:
        raise ValueError(
            f"checkpoint: it holds an object of your class {short}; hand the class back in with own={{'{short}': {short}}}"
        )
    if group != "own" and name not in BUILT_IN:
        raise ValueError(f"checkpoint: it holds an object of class {name}, which this npdeep does not know")
    kind = own[short] if group == "own" else BUILT_IN[name]
    return kind(**{argument: decode(item, own) for argument, item in value["arguments"].items()})


def as_text(value: Any) -> str:
    """What `encode` made of an object, as one would write the object; classes of the user's need not be known.

    >>> as_text({"class": "own.Mine", "arguments": {"scale": 0.5}})
    'Mine(scale=0.5)'
    """
    if isinstance(value, list):
        return f"[{', '.join(map(as_text, value))}]"
    if not isinstance(value, dict):
        return repr(value)
    arguments = ", ".join(f"{name}={as_text(item)}" for name, item in value["arguments"].items())
    return f"{value['class'].rpartition('.')[2]}({arguments})"


def check_own(owner: str, own: Any) -> dict[str, type]:
    """A dict of classes by name, from a dict or a list of classes, or from one class.

    >>> class Mine: pass
    >>> check_own("load_model", [Mine]) == {"Mine": Mine}
    True
    """
    if own is None:
        return {}
    own = [own] if isinstance(own, type) else own
    if not isinstance(own, Iterable):
        raise TypeError(f"{owner}: own must hold classes of yours, as a list or by name, got {checks.describe(own)}")
    if not isinstance(own, Mapping):
        own = {getattr(kind, "__name__", str(kind)): kind for kind in own}
    for name, kind in own.items():
        if not isinstance(kind, type):
            raise TypeError(f"{owner}: own must hold classes, but {name!r} is {checks.describe(kind)}")
    return dict(own)


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
    """The state again, with its arrays put back.

    >>> join_arrays({"w": {ARRAY: "callbacks/0/w"}}, {"callbacks/0/w": np.zeros(2)})
    {'w': array([0., 0.])}
    """
    if not isinstance(state, dict):
        return state
    if ARRAY in state:
        return arrays[state[ARRAY]]
    return {key: join_arrays(value, arrays) for key, value in state.items()}
