"""Places in an array that have a name: where an input is negative, at the labels, in the last row."""

from typing import Any

import numpy as np

from npdeep.kernels.arrays import Array
from npdeep.teaching.exercises.exercise import Inputs


def of(inputs: Inputs, right: Array) -> dict[str, Array]:
    """Names and masks of the places in an output that its inputs give.

    >>> list(of({"z": np.array([-1.0, 1.0])}, np.zeros(2)))
    ['where z < 0', 'where z > 0', 'in the first element', 'in the last element']
    """
    found: dict[str, Array] = {}
    for name, value in inputs.items():
        array = np.asarray(value) if isinstance(value, np.ndarray) else None
        if array is not None and array.shape == right.shape and array.dtype.kind == "f":
            found |= {f"where {name} < 0": array < 0, f"where {name} == 0": array == 0, f"where {name} > 0": array > 0}
        if array is not None and array.dtype.kind == "i" and array.ndim == 1 and right.ndim == 2 and len(array) == len(right):
            at_label = np.arange(right.shape[1]) == array[:, None]
            found |= {f"at the label {name} of each row": at_label, f"away from the label {name} of each row": ~at_label}
    found |= _limits(inputs, right)
    if right.ndim:
        word = "row" if right.ndim > 1 else "element"
        numbers = np.arange(len(right)).reshape(-1, *[1] * (right.ndim - 1))
        for what, mask in (("first", numbers == 0), ("last", numbers == len(right) - 1)):
            found[f"in the {what} {word}"] = np.broadcast_to(mask, right.shape)
    return {name: mask for name, mask in found.items() if mask.any() and not mask.all()}


def _limits(inputs: dict[str, Any], right: Array) -> dict[str, Array]:
    """Beyond and within a limit, for each array and each positive number among the inputs."""
    found: dict[str, Array] = {}
    for limit in (name for name in ("limit", "maximum", "value") if isinstance(inputs.get(name), float)):
        for name, array in inputs.items():
            if isinstance(array, np.ndarray) and array.shape == right.shape:
                beyond = np.abs(array) > inputs[limit]
                found |= {f"where |{name}| > {limit}": beyond, f"where |{name}| <= {limit}": ~beyond}
    return found
