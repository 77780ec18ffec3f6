"""A loop over the rows is right, but slow: how slow, is measured. No verdict depends on it."""

import copy
import time
from collections.abc import Callable

import numpy as np

from npdeep.teaching.exercises.calling import Fault, call
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs

SLOW = 10.0
"""From this factor on it is worth a word."""

WORTH = 1e-3
"""Seconds that must be lost: in less than that, a factor is noise."""


def praise(exercise: Exercise, function: Function, clock: Callable[[], float] = time.perf_counter) -> str:
    """A line for a function that is right, with the factor where it is slow.

    >>> from npdeep.teaching.exercises.exercise import exercise_of_two_outputs
    >>> ticks = iter([0.0, 0.001, 1.0, 1.1] * 3)
    >>> praise(exercise_of_two_outputs(), lambda x: (x, 2 * x), clock=lambda: next(ticks))[:41]
    'twice is right. On 2,000 rows it takes 10'
    """
    right = f"{exercise.name} is right."
    if exercise.when_right is not None:
        right = f"{right}\n{exercise.when_right(function)}"
    try:
        factor = slowness(exercise, function, clock)
    except Fault as fault:  # what is right on few rows need not be on many
        return f"{right} On {exercise.rows:,} rows it could not be timed: {fault}"
    if factor is None:
        return right
    return (
        f"{right} On {exercise.rows:,} rows it takes {factor:,.0f} times as long as NumPy on whole arrays: is there a Python "
        "loop over rows or elements in it? One array operation can do them all at once."
    )


def slowness(exercise: Exercise, function: Function, clock: Callable[[], float] = time.perf_counter) -> float | None:
    """How many times as long as the solution it takes on many rows; None where that is not worth a word."""
    if not exercise.rows:
        return None
    inputs = exercise.make_inputs(np.random.default_rng(0), exercise.rows)
    pairs = [
        (_seconds(exercise, exercise.solution, inputs, clock), _seconds(exercise, function, inputs, clock)) for _ in range(3)
    ]
    ours, theirs = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    factor = theirs / max(ours, 1e-9)
    return factor if factor >= SLOW and theirs - ours > WORTH else None


def _seconds(exercise: Exercise, function: Function, inputs: Inputs, clock: Callable[[], float]) -> float:
    given = copy.deepcopy(inputs)
    with np.errstate(all="ignore"):
        began = clock()
        call(exercise, function, given)
        return clock() - began
