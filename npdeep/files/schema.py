"""What the header of a checkpoint must look like: every field by type, range and pattern, in one place.

`read` opens a file: nothing of it is used before all of it was checked. What depends on the classes of layers and optimizers
(which arguments they take, which arrays they have) is checked where these are made; that makes no arrays either.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.files import encoding, npz
from npdeep.files.fields import (
    Check,
    array,
    choice,
    flag,
    items,
    label,
    lines,
    mapping,
    maybe,
    measured,
    number,
    record,
    rows,
    scalar,
    text,
    tree,
    whole,
    wrong,
)
from npdeep.kernels.arrays import Array
from npdeep.parameters import Parameter

# ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────────
PART = r"[A-Za-z0-9_.\-]{1,100}"
LAYER = rf"{PART}(/{PART}){{0,30}}"
LAYER_NAME = text(LAYER, "the name of a layer")
VARIABLE_NAME = text(f"{LAYER}/{PART}", "the name of a variable, such as hidden1/kernel")
OF_A_CALLBACK = r"(callbacks/\d+|unfinished)/.+"
ARRAY_NAME = re.compile(rf"{LAYER}/{PART}(/{PART})?|{OF_A_CALLBACK}", re.DOTALL)
SEED = whole(0, 2**1024)


def described(*groups: str) -> Check:
    """An object of one of these groups, by class and arguments, or a custom one."""
    pattern = text(rf"({'|'.join(groups)}|own)\.[^\W\d]\w{{0,99}}", f"a class of {' or '.join(groups)}, or your own")

    def check(where: str, value: Any) -> None:
        record({"class": pattern, "arguments": mapping(label, argument)})(where, value)

    return check


ANY_OBJECT = described(*encoding.GROUPS)


def argument(where: str, value: Any) -> None:
    """What `encoding.encode` makes of an argument: a scalar, a list, an object."""
    if type(value) is list:
        for i, item in enumerate(value):
            argument(f"{where}[{i}]", item)
    elif type(value) is dict and encoding.ENTRIES in value:
        record({encoding.ENTRIES: items(entry)})(where, value)
    elif type(value) is dict:
        ANY_OBJECT(where, value)
    elif type(value) is int:
        whole(-(2**63), 2**63)(where, value)
    elif type(value) is str and len(value) > 1000:
        raise wrong(where, "a text of up to 1000 characters", value)


def entry(where: str, value: Any) -> None:
    """An item of a dict: a text, and a number."""
    items(scalar, 2)(where, value)
    text(r".*", "a text of up to 1000 characters", 1000)(f"{where}[0]", value[0])
    number()(f"{where}[1]", value[1])


def loss(where: str, value: Any) -> None:
    """A loss by class and arguments, or a user's by its name."""
    is_own = type(value) is dict and "own" in value
    (record({"own": label}) if is_own else described("losses"))(where, value)


# ── the model ─────────────────────────────────────────────────────────────────────────────────────────────────────────
PCG64 = record({
    "bit_generator": choice(("PCG64",), "'PCG64'"),
    "state": record({"state": whole(0, 2**128 - 1), "inc": whole(0, 2**128 - 1)}),
    "has_uint32": choice((0, 1), "0 or 1"),
    "uinteger": whole(0, 2**32 - 1),
})
FROZEN = record({"parameters": items(VARIABLE_NAME), "statistics": items(LAYER_NAME)})
GENERATORS = mapping(LAYER_NAME, PCG64)
MODEL = record(
    {
        "name": label,
        "input_size": whole(1),
        "dtype": choice(("float32", "float64"), "'float32' or 'float64'"),
        "seed": SEED,
        "layers": items(described("layers")),
        "frozen": FROZEN,
        "generators": GENERATORS,
    },
    {"scale": maybe(number(0))},              # files that earlier versions wrote have none
)

# ── the trainer ───────────────────────────────────────────────────────────────────────────────────────────────────────
METRIC = record({"name": label, "object": maybe(described("metrics"))})
TRAINER = record({
    "loss": loss,
    "metrics": items(METRIC),
    "optimizer": described("optimizers"),
    "clipping": maybe(described("clipping")),
    "seed": SEED,
})
UNFINISHED = record(
    {"fingerprint": items(scalar), "rows": whole(), "sums": items(measured)},
    {"begun": flag, "shares": measured, "outputs": array(2), "targets": rows},
)
PROGRESS: dict[str, Check] = {
    "generators": GENERATORS,
    "frozen": FROZEN,
    "optimizer": mapping(label, measured),
    "learning_rate": maybe(number(0)),
    "iteration": whole(),
    "epoch": whole(),
    "batches_done": whole(),
    "seconds": number(0),
}
STATE = record(PROGRESS, {"unfinished": UNFINISHED})
IN_MEMORY = record(
    {**PROGRESS, "variables": mapping(VARIABLE_NAME, array()), "slots": mapping(tree, array())}, {"unfinished": UNFINISHED}
)
"""The state of a trainer with its arrays, as a callback keeps it."""

# ── what was recorded ─────────────────────────────────────────────────────────────────────────────────────────────────
RECORD = record(
    {},
    {
        **{"epoch": whole(), "updates": whole(), "seconds": number(0), "learning_rate": measured},
        **dict.fromkeys(("loss", "val_loss"), measured),
    },
    others=tree,
)
HISTORY = record({"records": items(RECORD), "stopped_because": lines})
CALLBACK = record({"callback": text(r"[^\W\d]\w*(\(.*\))?", "a callback by class and arguments"), "state": mapping(tree, tree)})
CONTENT = record({"model": MODEL})
WITH_TRAINER = record({"model": MODEL, "trainer": TRAINER, "state": STATE, "history": HISTORY, "callbacks": items(CALLBACK)})


# ── the whole ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of a checkpoint, every field of it checked.

    Raises FileNotFoundError where there is no such file, ValueError, naming file, field and fault, where it is damaged, no
    checkpoint, or where a field holds what npdeep does not write.
    """
    content, arrays = npz.read(path)
    with npz.naming(path):
        return checked(content, arrays), arrays


def write(path: str | Path, content: Mapping[str, Any], arrays: Mapping[str, Array]) -> Path:
    """Write a checkpoint that `read` will take. Raises ValueError, before anything is written, where it would not."""
    with contextlib.suppress(RecursionError), npz.naming(npz.check_path(path)):
        checked(npz.revived(npz.plain(content)), arrays)
    return npz.write(path, content, arrays)   # this says where it is nested too deeply


def checked(content: dict[str, Any], arrays: Mapping[str, Array]) -> dict[str, Any]:
    """The content with its arrays put in. Raises ValueError for a field, or an array's name, that does not fit."""
    if "model" not in content:
        raise ValueError("holds no model")
    for name in arrays:
        if not ARRAY_NAME.fullmatch(name):
            raise wrong("the name of an array", "that of a variable, a slot or a callback's", name)
    holders = [key for key in ("state", "callbacks") if key in content]
    joined: dict[str, Any] = {**content, **{key: encoding.join_arrays(content[key], arrays) for key in holders}}
    if "trainer" not in content:
        CONTENT("", joined)
        return joined
    WITH_TRAINER("", joined)
    parts = joined["trainer"]
    names = [metric["name"] for metric in parts["metrics"]]
    measures = record({}, {f"{kind}{name}": measured for name in names for kind in ("", "val_")}, others=tree)
    items(measures)("history.records", joined["history"]["records"])
    objects = {name: parts[name] for name in ("optimizer", "clipping", "loss")}
    objects.update({f"metrics[{i}]": metric["object"] for i, metric in enumerate(parts["metrics"])})
    for name, stored in objects.items():      # they are small: their arguments are checked by making them
        if stored is not None and "own" not in stored:
            encoding.decode(stored, None, f"trainer.{name}")
    return joined


def variables_among(arrays: Iterable[str]) -> list[str]:
    """The names of parameters and moving statistics among those of all arrays of a file.

    >>> variables_among(["hidden1/kernel", "hidden1/kernel/Momentum", "block1/out/bias", "callbacks/0/EarlyStopping/best"])
    ['hidden1/kernel', 'block1/out/bias']
    """
    names = set(arrays)
    slots = {name for name in names if name.rpartition("/")[0] in names}
    return [name for name in arrays if name not in slots and not re.match(OF_A_CALLBACK, name, re.DOTALL)]


def check_numbers(
    name: str, array: Array, shape: tuple[int, ...], never_negative: bool = False, infinite: bool = False
) -> None:
    """Raise ValueError where an array of a file cannot be that of a network.

    infinite: may there be infinities? Squares of large gradients are infinite in float32, without harm to the weights.

    >>> check_numbers("hidden1/kernel", np.array([[np.nan, 1.0]]), (1, 2))
    Traceback (most recent call last):
    ValueError: hidden1/kernel holds nan: the run had diverged when it was saved; go back to an earlier checkpoint
    """
    if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
        raise ValueError(f"{name} must hold float32 or float64 numbers, got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
    good = ~np.isnan(array) if infinite else np.isfinite(array)
    if not np.all(good):
        bad = array[~good][0]
        raise ValueError(f"{name} holds {bad}: the run had diverged when it was saved; go back to an earlier checkpoint")
    if never_negative and np.any(array < 0):
        raise ValueError(f"{name} holds {array.min():g}, but it is made of squares, which are never negative")


def check_variables(parameters: Iterable[Parameter], stored: Mapping[str, Array]) -> None:
    """Raise ValueError where the arrays of a file are not the variables of a network, before memory is taken for these."""
    for p in parameters:
        if p.name not in stored:
            raise ValueError(f"it holds no {p.name}; is the class that was passed the one that was saved?")
        check_numbers(p.name, stored[p.name], p.shape, never_negative=p.name.endswith("/moving_variance"))
