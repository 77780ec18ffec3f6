"""Whether a wrong output would be right for another input: the wrong variable was used, or a sign or a square was lost."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from npdeep.teaching.exercises.calling import Fault, call
from npdeep.teaching.exercises.exercise import Exercise, Inputs
from npdeep.teaching.exercises.trials import Trial, close, observed


def substitution(exercise: Exercise, trials: Sequence[Trial], name: str) -> str | None:
    """In words: for which other input the solution returns what the function has returned, in all trials.

    >>> from npdeep.teaching.exercises.exercise import exercise_of_two_outputs
    >>> two, x = exercise_of_two_outputs(), np.array([1.0, -3.0])
    >>> substitution(two, [Trial({"x": x}, {"b": 2 * abs(x)}, {"b": 2 * x})], "b")
    'would be right with |x| in place of x'
    """
    for words, _ in others(trials[0].inputs):
        if all(_fits(exercise, trial, name, words) for trial in trials):
            return f"would be right with {words}"
    return None


def _fits(exercise: Exercise, trial: Trial, name: str, words: str) -> bool:
    changed = next((inputs for found, inputs in others(trial.inputs) if found == words), None)
    if changed is None:
        return False
    try:
        made = observed(exercise, trial.inputs, call(exercise, exercise.solution, changed))
    except Fault:
        return False
    return close(trial.got[name], made[name], exercise.tolerance)


def others(inputs: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Inputs with one of them changed, or two exchanged, and the words for it.

    >>> [words for words, _ in others({"m": 0.5})]
    ['-m in place of m', '1 - m in place of m', '2 m in place of m', 'm**2 in place of m', '1/m in place of m',
     '0 in place of m', '1 in place of m']
    """
    for key, value in inputs.items():
        for words, changed in (*_replaced(inputs, key), *_changed(key, value)):
            yield f"{words} in place of {key}", inputs | {key: changed}
    names = list(inputs)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if _alike(inputs[first], inputs[second]):
                yield f"{first} and {second} exchanged", inputs | {first: inputs[second], second: inputs[first]}


def _replaced(inputs: Inputs, key: str) -> Iterator[tuple[str, Any]]:
    for other, value in inputs.items():
        if other != key and _alike(value, inputs[key]):
            yield other, value


def _alike(left: Any, right: Any) -> bool:
    """Two numbers, or two arrays of one shape and kind."""
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return bool(left.shape == right.shape and left.dtype == right.dtype)
    return _number(left) and _number(right) and isinstance(left, int) == isinstance(right, int)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _changed(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield f"-{key}", -value
        yield f"|{key}|", np.abs(value)
        yield f"{key}**2", value**2
        yield f"the sign of {key}", np.sign(value)
        yield f"2 {key}", 2 * value
        yield f"1 - {key}", 1 - value
        yield "0", 0 * value
        yield "1", np.ones_like(value)
        if value.ndim == 2:
            yield f"{key} transposed", value.T.copy()
            yield f"the mean of {key} over the rows", np.broadcast_to(value.mean(0), value.shape).copy()
            yield f"{key} with its rows in reverse order", value[::-1].copy()
    elif isinstance(value, float):
        yield f"-{key}", -value
        yield f"1 - {key}", 1 - value
        yield f"2 {key}", 2 * value
        yield f"{key}**2", value**2
        yield f"1/{key}", 1 / value if value else np.nan
        yield "0", 0.0
        yield "1", 1.0
    elif _number(value):
        yield f"{key} + 1", value + 1
        yield f"{key} - 1", value - 1
    elif isinstance(value, bool):
        yield f"not {key}", not value
