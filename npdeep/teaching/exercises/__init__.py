"""Exercises: write the kernels of a network yourself, and be told which mistake was made.

exercise.py says what an exercise is · affine.py, activations.py, ... hold those of a chapter, catalogue.py all of them ·
calling.py calls a student's function · judging.py compares it with the right one and names mistakes, describing.py says what is
wrong where none is known · speed.py notices loops.
"""

from collections.abc import Callable
from typing import Any

from npdeep.common.words import describe
from npdeep.teaching.exercises import catalogue, judging, speed

__all__ = ["check", "names"]


def names() -> list[str]:
    """The names of all exercises, in the order of the course.

    >>> names()[:2]
    ['affine_forward', 'affine_backward']
    """
    return list(catalogue.ALL)


def check(name: str, function: Callable[..., Any], *, say: Callable[[str], None] | None = None) -> None:
    """Raise AssertionError that says what is wrong with your function; return None where it is right.

    It runs in this process, on random arrays in float64: for notebooks, nbgrader, otter and pytest. `npdeep exercise check`
    runs a file in a process of its own, with limits of time and memory.

    Args:
        name: of the exercise; `names()` lists them.
        function: yours. It gets copies of the inputs, in their order.
        say: for example print: takes a line where the function is right, with how slow it is where that is worth a word.

    >>> check("relu_backward", lambda z, da: da * (z > 0))
    >>> check("relu_backward", lambda z, da: da * (da > 0))
    Traceback (most recent call last):
    AssertionError: relu_backward is not right yet:
    - dz asks for da > 0, as relu(da) does: the slope is that at z, whatever the gradient is
    """
    __tracebackhide__ = True
    exercise = catalogue.find(name)
    if not callable(function):
        raise TypeError(f"exercises.check: function must be a function, got {describe(function)}; pass it without calling it")
    if say is not None and not callable(say):
        raise TypeError(f"exercises.check: say must be a function such as print, or None, got {describe(say)}")
    wrong = judging.judge(exercise, function)
    if wrong is not None:
        raise AssertionError(wrong)
    if say is not None:
        say(speed.praise(exercise, function))
