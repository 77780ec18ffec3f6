"""What targets may look like: labels, one-hot rows, bits; and nothing else where classes are counted."""

from typing import Any

import numpy as np

from npdeep.kernels.arrays import Array


def as_float(array: Array) -> Array:
    """The array in float32 or float64: integers and bools would wrap around where they are subtracted.

    >>> as_float(np.array([200], np.uint8)) - as_float(np.array([201], np.uint8))
    array([-1.])
    """
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def as_labels(targets: Array) -> Array:
    """Labels (n,) from labels (n,) or (n, 1), or from rows of probabilities.

    >>> as_labels(np.array([[0.0, 1.0], [1.0, 0.0]]))
    array([1, 0])
    """
    if targets.ndim == 1:
        return targets
    return targets[:, 0] if targets.shape[1] == 1 else np.argmax(targets, axis=1)


def check_like_outputs(name: str, targets: Array, units: int) -> None:
    """Raise ValueError unless the targets have the shape (n, units), or (n,) for one output."""
    if targets.shape[1:] != (units,) and not (units == 1 and targets.ndim == 1):
        raise ValueError(
            f"{name}: targets must have the shape of the outputs, ({len(targets)}, {units}), got {targets.shape}"
        )


def check_bits(name: str, targets: Any, negative: bool = True) -> None:
    """Raise ValueError unless all targets are 0 and 1 or, where `negative` allows it, −1 and 1.

    >>> check_bits("accuracy", np.array([0.0, 5.0]))
    Traceback (most recent call last):
    ValueError: accuracy: one output is yes or no: targets must be 0 and 1 (or -1 and 1), but row 1 has 5; for numbers take \
the metric "mean_absolute_error", for more than two classes one output each
    """
    wrong = (targets != 1) & (targets != (-1 if np.any(targets == -1) else 0))
    if np.any(wrong):
        row, *place = np.argwhere(wrong)[0].tolist()
        what = "one output is yes or no" if targets.size == len(targets) else "each output is yes or no"
        raise ValueError(
            f"{name}: {what}: targets must be 0 and 1 (or -1 and 1), but row {row} has {targets[(row, *place)]:g}; for numbers "
            'take the metric "mean_absolute_error", for more than two classes one output each'
        )
    if not negative and np.any(targets == -1):
        raise ValueError(
            f"{name}: targets are -1 and 1, but the last activation never gives a negative output; write (targets + 1) / 2, or "
            'end the network with "tanh"'
        )


def check_classes(name: str, targets: Any, classes: int) -> None:
    """Raise ValueError unless the targets are labels in 0 … classes − 1, (n,) or (n, 1), or one-hot rows (n, classes).

    One-hot rows may hold −1 in place of 0, as hinge losses take them.

    >>> check_classes("accuracy", np.array([[0.9, 0.1]]), 2)
    Traceback (most recent call last):
    ValueError: accuracy: targets must be labels or one-hot rows, but row 0 is [0.9 0.1]; to count the largest one as right, \
take the metric lambda z, y: (z.argmax(1) == y.argmax(1)).mean()
    """
    if targets.ndim == 2 and targets.shape[1] == classes > 1:
        ones = targets == 1
        rest = targets[~ones]
        other = -1 if rest.size and rest[0] == -1 else 0
        wrong = (np.count_nonzero(ones, axis=1) != 1) | (~ones & (targets != other)).any(axis=1)
        if wrong.any():
            row = int(np.argmax(wrong))
            cure = "take the metric lambda z, y: (z.argmax(1) == y.argmax(1)).mean()"
            if np.isin(targets, (0, 1)).all():
                raise ValueError(
                    f"{name}: rows of targets must have one 1, but row {row} has {np.count_nonzero(ones[row])}; where each "
                    'output is yes or no, take the metric "binary_accuracy"'
                )
            shown = str(targets[row]) if classes <= 6 else f"[{' '.join(f'{v:.3g}' for v in targets[row, :4])} …]"
            raise ValueError(
                f"{name}: targets must be labels or one-hot rows, but row {row} is {shown}; to count the largest one as right, "
                f"{cure}"
            )
        return
    if targets.ndim != 1 and (targets.ndim != 2 or targets.shape[1] != 1):
        raise ValueError(
            f"{name}: targets must be labels, shape (n,), or one-hot rows, shape (n, {classes}), got {targets.shape}; where "
            "they hold more than the classes, take a function for the metric: lambda z, y: (z.argmax(1) == y[:, 0]).mean()"
        )
    labels = targets.reshape(-1)
    wrong = (labels != np.floor(labels)) if labels.dtype.kind == "f" else np.zeros(1, bool)
    if wrong.any() or (labels.dtype.kind == "f" and not np.isfinite(labels).all()):
        row = int(np.argmax(wrong | ~np.isfinite(labels)))
        raise ValueError(f"{name}: targets must be integers (labels) or one-hot rows, but row {row} has {labels[row]:g}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{name}: labels must lie in 0 to {classes - 1}, got {labels.min():g} to {labels.max():g}")
