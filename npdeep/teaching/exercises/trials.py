"""Trials: what a function returns for some inputs, beside what is right, and whether the two agree."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npdeep.teaching.exercises.calling import call
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs

DRAWS = 8
"""How often a random mistake is made, to see how far chance moves what is measured of it."""

FLOOR = 1e-3
"""Where all numbers of an output are smaller than this, they are compared with it, not with each other."""


@dataclass(frozen=True)
class Trial:
    """What a function returned for some inputs, and what is right; by the names of the outputs, or of what is measured."""

    inputs: Inputs
    got: Mapping[str, Any]
    right: Mapping[str, Any]


def tried(exercise: Exercise, function: Function, inputs: Inputs) -> Trial:
    """One call of the function beside one of the solution."""
    got, right = call(exercise, function, inputs), call(exercise, exercise.solution, inputs)
    return Trial(inputs, observed(exercise, inputs, got), observed(exercise, inputs, right))


def observed(exercise: Exercise, inputs: Inputs, values: Sequence[Any]) -> dict[str, Any]:
    """The outputs by their names, or what is measured of them: numbers near 1, or 0, where what is smaller is chance."""
    if exercise.measure is None:
        return dict(zip(exercise.outputs, values, strict=True))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        measured = exercise.measure(inputs, values)
        return {name: round(value, 3) if abs(value) > exercise.tolerance else 0.0 for name, value in measured.items()}


def expected_of(exercise: Exercise, function: Function, inputs: Inputs) -> list[dict[str, Any]]:
    """What a function makes of the inputs; of random outputs, several times, each with random numbers of its own."""
    if exercise.measure is None:
        return [observed(exercise, inputs, call(exercise, function, inputs))]
    seeds = [inputs, *(inputs | {"rng": np.random.default_rng(seed)} for seed in range(DRAWS - 1))]
    return [observed(exercise, given, call(exercise, function, given)) for given in seeds]


def fits(got: Any, made: Sequence[Any], tolerance: float) -> bool:
    """Whether an output is what was made, or lies as near to its mean as chance explains.

    >>> fits(0.53, [0.61, 0.48, 0.57], 0.01), fits(0.8, [0.61, 0.48, 0.57], 0.01)
    (True, False)
    """
    if any(close(got, one, tolerance) for one in made):
        return True
    return len(made) > 1 and bool(abs(got - np.mean(made)) <= 3 * np.std(made))


def close(got: Any, right: Any, tolerance: float) -> bool:
    """Whether two outputs, arrays or lists of them, have the same shape and, relative to the largest number, the same numbers.

    >>> close(np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-9]), 1e-7), close(np.ones(2), np.ones((1, 2)), 1e-7)
    (True, False)
    """
    if isinstance(right, list):
        return isinstance(got, list) and len(got) == len(right) and all(map(close, got, right, [tolerance] * len(right)))
    if isinstance(got, list) or np.shape(got) != np.shape(right):
        return False
    got, right = np.asarray(got, float), np.asarray(right, float)
    if not np.isfinite(right).all():  # a mistake's numbers
        return bool(np.allclose(got, right, tolerance, tolerance * FLOOR, equal_nan=True))
    largest = max(float(np.abs(right).max(initial=0)), FLOOR)
    return bool((np.abs(got - right) <= tolerance * largest).all())


def agrees(trials: Sequence[Trial], name: str, tolerance: float) -> bool:
    """Whether an output is right in all trials."""
    return all(close(trial.got[name], trial.right[name], tolerance) for trial in trials)
