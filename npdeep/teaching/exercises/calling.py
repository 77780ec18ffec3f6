"""Calling a student's function with copies of the inputs, and saying in words where it does not return what it should."""

import copy
import linecache
import traceback
import warnings
from types import TracebackType
from typing import Any

import numpy as np

from npdeep.common.words import describe, shortened
from npdeep.teaching.exercises import cures
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs

Values = list[Any]
"""One value for each output: an array, or a list of arrays."""


class Fault(Exception):
    """What is wrong with a function, in words for its author."""


def call(exercise: Exercise, function: Function, inputs: Inputs) -> Values:
    """The outputs of the function for these inputs, as float arrays or lists of them; Fault where there are none.

    >>> from npdeep.teaching.exercises.exercise import exercise_of_two_outputs
    >>> call(exercise_of_two_outputs(), lambda x: None, {"x": np.ones(2)})
    Traceback (most recent call last):
    npdeep.teaching.exercises.calling.Fault: it returned None, expected 2 outputs: return a, b
    """
    given = copy.deepcopy(inputs)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = function(*given.values())
        except MemoryError:
            raise Fault("it asked for more memory than there is") from None
        except (Exception, SystemExit) as error:
            raise Fault(_raised(error, function, inputs)) from None
    for name, value in inputs.items():
        if not isinstance(value, np.random.Generator) and not same(given[name], value):
            raise Fault(f"it changed its input {name}; leave the inputs as they are, return new arrays ({_new(name, value)})")
    return _outputs(exercise, result)


def same(left: Any, right: Any) -> bool:
    """Whether two inputs are equal: arrays, lists of arrays, or plain values.

    >>> same([np.ones(2)], [np.ones(2)]), same(np.ones(2), np.ones(3))
    (True, False)
    """
    if isinstance(right, list):
        return isinstance(left, list) and len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return bool(np.array_equal(left, right))


def _new(name: str, value: Any) -> str:
    """How to leave an input as it is."""
    if isinstance(value, list):
        return "a new list of new arrays: write g = g * ... for each of them, not g *= ..."
    return f"write {name} = {name} + ... in place of {name} += ..., or begin with {name} = {name}.copy()"


def _outputs(exercise: Exercise, result: Any) -> Values:
    names = exercise.outputs
    wanted = f"return {', '.join(names)}"
    if len(names) == 1:
        values = [result]
        if isinstance(result, tuple) and len(result) == 1:
            raise Fault(f"it returned a tuple of one value (is there a comma after it?), expected {names[0]} itself: {wanted}")
    else:
        if not isinstance(result, tuple | list):
            raise Fault(f"it returned {describe(result)}, expected {len(names)} outputs: {wanted}")
        values = list(result)
    if len(values) != len(names):
        raise Fault(f"it returned {len(values)} values, expected {len(names)}: {wanted}")
    return [numbers(name, value) for name, value in zip(names, values, strict=True)]


def numbers(name: str, value: Any) -> Any:
    """The value as an array, or a list of arrays as a list of them; Fault where it holds no numbers.

    >>> numbers("db", None)
    Traceback (most recent call last):
    npdeep.teaching.exercises.calling.Fault: db is None, expected an array or a number (is a return missing?)
    """
    if type(value) in (list, tuple) and value and all(isinstance(part, np.ndarray) for part in value):
        return [numbers(f"{name}[{i}]", part) for i, part in enumerate(value)]
    if isinstance(value, np.matrix):
        raise Fault(f"{name} is an np.matrix, in which * means something else: use arrays, and @ for the matrix product")
    expected = f"{name} is {describe(value)}, expected an array or a number"
    if value is None:
        raise Fault(f"{expected} (is a return missing?)")
    try:
        array = np.asarray(value)
    except ValueError:
        raise Fault(f"{expected}: its rows have different lengths") from None
    except Exception:                         # more than fits into memory, whatever a class raises
        raise Fault(expected) from None
    if array.dtype.kind not in "biuf":
        raise Fault(f"{expected}{' that is real' if array.dtype.kind == 'c' else ''}")
    return array


def _raised(error: BaseException, function: Function, inputs: Inputs) -> str:
    """What the function raised, where, and the shapes that went in: lines of the student's file alone."""
    if isinstance(error, NotImplementedError):
        return "it is not written yet: it still raises NotImplementedError"
    if isinstance(error, RecursionError):
        return "it calls itself without an end (RecursionError)"
    if isinstance(error, SystemExit):
        return "it called exit(); return the outputs instead"
    said = f"it raised {cures.raised(error)}"
    place = own_line(error.__traceback__, function)
    if isinstance(error, TypeError) and place is None:
        said += f"; it is called with {', '.join(inputs)}"
    return f"{said}{place or ''}\n  with {sizes(inputs)}"


def own_line(trace: TracebackType | None, function: Function) -> str | None:
    """The last line of the function's own file that was at work when something was raised.

    >>> own_line(None, print) is None
    True
    """
    code = getattr(function, "__code__", None)
    for frame, line in reversed(list(traceback.walk_tb(trace))):
        if code is not None and frame.f_code.co_filename == code.co_filename:
            text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
            return f"\n  in line {line}: {text}"
    return None


def sizes(inputs: Inputs) -> str:
    """The inputs in a line: shapes of arrays, values of numbers.

    >>> sizes({"x": np.ones((2, 3)), "rate": 0.5, "gradients": [np.ones(2), np.ones((3, 1))]})
    'x (2, 3), rate = 0.5, gradients [(2,), (3, 1)]'
    """
    parts = []
    for name, value in inputs.items():
        if isinstance(value, np.ndarray):
            parts.append(f"{name} {value.shape}")
        elif isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            parts.append(f"{name} [{', '.join(str(part.shape) for part in value)}]")
        elif isinstance(value, np.random.Generator):
            parts.append(f"{name} (a NumPy generator)")
        else:
            parts.append(f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {shortened(repr(value))}")
    return ", ".join(parts)
