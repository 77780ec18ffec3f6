"""Where a model keeps its numbers: all values in one contiguous array, all gradients in another."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from npdeep.common import checks
from npdeep.common.hints import PARAMETER, by_name, no_attribute
from npdeep.kernels.arrays import Array

CHUNK = 65536
"""How many elements an optimizer works on at a time: few enough to stay in a core's cache between its passes."""

NOT_BOUND: Any = None


class Arena:
    """The memory of one model.

    Attributes:
        values: every parameter and every moving statistic, one after the other; what can be trained comes first.
        grads: the gradients of what can be trained, at the same places.
        scratch: room for intermediate results of updates, penalties and norms: one chunk, or one row of a wide kernel.
        version: counts the changes of what is frozen, so that plans made for an older state can be noticed.

    >>> arena = Arena(size=6, trainable_size=4, dtype=np.float32)
    >>> arena.values.shape, arena.grads.shape, arena.values.dtype
    ((6,), (4,), dtype('float32'))
    """

    __slots__ = ("grads", "scratch", "values", "version")

    def __init__(self, size: int, trainable_size: int, dtype: Any, widest: int = 0) -> None:
        self.values: Array = np.zeros(size, dtype)
        self.grads: Array = np.zeros(trainable_size, dtype)
        self.scratch: Array = np.empty(max(min(CHUNK, size), widest), dtype)
        self.version = 0


if TYPE_CHECKING:

    class Numbers:
        """For mypy: an array that is read, and written from whatever NumPy makes an array of."""

        def __get__(self, owner: Any, kind: Any = None) -> Array: ...
        def __set__(self, owner: Any, numbers: Any) -> None: ...


def check_shape(name: str, shape: Any) -> tuple[int, ...]:
    """The shape as a tuple. Raises TypeError or ValueError for anything but integers of at least 1.

    >>> check_shape("kernel", 3)
    Traceback (most recent call last):
    TypeError: Parameter kernel: shape must be a tuple of integers such as (3, 2) or (3,), got 3
    """
    if not isinstance(shape, tuple | list) or not shape:
        raise TypeError(
            f"Parameter {name}: shape must be a tuple of integers such as (3, 2) or (3,), got {checks.describe(shape)}"
        )
    return tuple(checks.whole(f"Parameter {name}", f"shape[{i}]", n) for i, n in enumerate(shape))


class Parameter:
    """One named array of a model: a view into the model's arena.

    Attributes:
        name: "hidden1/kernel", "batch_normalization/moving_mean", …
        value: the numbers. `p.value = a` writes a into them (the view stays the same array).
        grad: ∂loss/∂value as the last backward pass assigned it; None for moving statistics, which are never trained.
            After a training step it is what the optimizer was given: with penalties, clipped, not times the learning rate.
        trainable: False freezes it: backward passes leave its gradient alone and optimizers its value. Batch normalization
            with nothing left to train uses its moving statistics and leaves them alone too.
        shape: the shape of value and grad.

    >>> from npdeep import Dense, Sequential
    >>> kernel = Sequential([Dense(2, name="out")], input_size=3).layer("out").kernel
    >>> kernel
    <Parameter out/kernel (3, 2) float32>
    >>> kernel.value = np.ones((3, 2))
    >>> float(kernel.value.sum())
    6.0
    """

    __slots__ = (
        *("arena", "constraint", "grad", "has_grad", "name", "regularizer", "shape", "start"),
        *("trainable", "value", "wanted"),
    )

    name: str
    arena: Any
    has_grad: bool
    regularizer: Any
    constraint: Any
    start: int
    shape: tuple[int, ...]
    if TYPE_CHECKING:
        value: "Numbers"
    grad: Array | None
    wanted: Array | None
    """Where the backward pass is to write: grad while trainable, None while frozen."""
    trainable: bool

    def __init__(
        self, name: str, shape: tuple[int, ...], has_grad: bool = True, regularizer: Any = None, constraint: Any = None
    ) -> None:
        put = super().__setattr__
        put("name", name)
        put("shape", check_shape(name, shape))
        put("has_grad", has_grad)
        put("trainable", has_grad)
        put("regularizer", regularizer)
        put("constraint", constraint)
        put("arena", NOT_BOUND)
        put("start", 0)
        put("value", NOT_BOUND)
        put("grad", None)
        put("wanted", None)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def span(self) -> slice:
        """Its place in the arena."""
        return slice(self.start, self.start + self.size)

    def bind(self, arena: Arena, start: int) -> None:
        """Become a view of the arena from `start` on. The numbers there are taken as they are."""
        put = super().__setattr__
        put("arena", arena)
        put("start", start)
        put("value", arena.values[self.span].reshape(self.shape))
        put("grad", arena.grads[self.span].reshape(self.shape) if self.has_grad else None)
        put("wanted", self.grad if self.trainable else None)

    def __setattr__(self, name: str, value: Any) -> None:
        """Writing to value or grad writes into the arena; writing to trainable freezes or thaws."""
        if name in ("value", "grad"):
            self._write(name, value)
        elif name == "trainable":
            self._set_trainable(value)
        elif name == "wanted" and value is self.wanted:
            pass                              # p.wanted *= 2 has changed it in place already
        else:
            hint = by_name(PARAMETER).get(name, "").format(name=name)
            raise AttributeError(
                f"Parameter {self.name}: {name} cannot be set; value, grad and trainable can{': ' if hint else ''}{hint}"
            )

    def __getitem__(self, index: Any) -> None:
        """Not here: the numbers are one step further."""
        raise TypeError(f"Parameter {self.name}: its numbers are in .value; write parameter.value[...]")

    def __setitem__(self, index: Any, numbers: Any) -> None:
        """Not here either."""
        raise TypeError(f"Parameter {self.name}: its numbers are in .value; write parameter.value[...] = numbers")

    if not TYPE_CHECKING:

        def __array__(self, *_: Any, **__: Any) -> Any:
            """Not here: NumPy would make an array of one object of it."""
            raise TypeError(f"Parameter {self.name}: its numbers are in .value; write parameter.value")

        def __getattr__(self, name: str) -> Any:
            """Called for what is not there."""
            raise no_attribute("Parameter", name, by_name(PARAMETER), self)

    def _write(self, name: str, numbers: Any) -> None:
        target = getattr(self, name)
        if target is None:
            raise ValueError(f"Parameter {self.name} has no {name}: it is never trained, or its layer is in no model yet")
        owner = f"Parameter {self.name}"
        array = checks.real_array(owner, name, numbers)
        computed = array.ndim > 0 or (name == "grad" and isinstance(numbers, np.generic | np.ndarray))
        if array.shape != self.shape and computed:            # a mere number fills it
            cure = "" if array.ndim else "; to sum over the rows alone write .sum(axis=0)"
            raise ValueError(f"{owner}: {name} must have the shape {self.shape}, got {array.shape}{cure}")
        target[...] = checks.cast(owner, name, array, target.dtype)

    def _set_trainable(self, trainable: Any) -> None:
        if not isinstance(trainable, bool):
            raise TypeError(f"Parameter {self.name}: trainable must be True or False, got {checks.describe(trainable)}")
        if trainable and not self.has_grad:
            raise ValueError(f"Parameter {self.name} is a moving statistic: it is counted, never trained")
        put = super().__setattr__
        put("trainable", trainable)
        put("wanted", self.grad if trainable else None)
        if self.grad is not None and not trainable:
            self.grad[...] = 0                # nobody computes it any more: do not show an old one
        if self.arena is not None:
            self.arena.version += 1

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: the arena and the place in it, not the views."""
        kept = ("name", "shape", "has_grad", "trainable", "regularizer", "constraint", "arena", "start")
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Bind again to the copied arena."""
        put = super().__setattr__
        for name, value in state.items():
            put(name, value)
        put("value", NOT_BOUND)
        put("grad", None)
        put("wanted", None)
        if self.arena is not None:
            self.bind(self.arena, self.start)

    def __repr__(self) -> str:
        """Name, shape, dtype and whether it is frozen."""
        dtype = "" if self.arena is None else f" {self.value.dtype}"
        frozen = ", frozen" if self.has_grad and not self.trainable else ""
        return f"<Parameter {self.name} {self.shape}{dtype}{frozen}>"


def allocate(parameters: Iterable[Parameter], dtype: Any) -> Arena:
    """Make the arena for these parameters and bind them: what has a gradient first, both groups in the given order.

    >>> kernel, mean = Parameter("a/kernel", (2, 2)), Parameter("a/moving_mean", (2,), has_grad=False)
    >>> arena = allocate([mean, kernel], np.float32)
    >>> kernel.start, mean.start, arena.grads.size
    (0, 4, 4)
    """
    ordered = sorted(parameters, key=lambda p: not p.has_grad)    # sorted() keeps the order within each group
    trainable_size = sum(p.size for p in ordered if p.has_grad)
    widest = max((p.shape[-1] for p in ordered), default=0)
    size = sum(p.size for p in ordered)
    try:
        arena = Arena(size, trainable_size, dtype, widest)
    except (MemoryError, ValueError):         # NumPy's words for what is beyond all memory
        largest = max(ordered, key=lambda p: p.size)
        needed = (size + trainable_size) * np.dtype(dtype).itemsize / 1e9
        raise ValueError(
            f"{largest.name} has the shape {largest.shape}: values and gradients of the network need {needed:,.0f} GB, more "
            "than there is; use fewer units"
        ) from None
    start = 0
    for parameter in ordered:
        parameter.bind(arena, start)
        start += parameter.size
    return arena


def trainable_spans(parameters: Iterable[Parameter]) -> list[slice]:
    """The places of the trainable parameters, neighbours merged: one slice when nothing is frozen.

    >>> a, b, c = (Parameter(name, (3,)) for name in "abc")
    >>> _ = allocate([a, b, c], np.float32)
    >>> trainable_spans([a, b, c])
    [slice(0, 9, None)]
    >>> b.trainable = False
    >>> trainable_spans([a, b, c])
    [slice(0, 3, None), slice(6, 9, None)]
    """
    spans: list[slice] = []
    for span in sorted((p.span for p in parameters if p.trainable), key=lambda s: int(s.start)):
        if spans and spans[-1].stop == span.start:
            spans[-1] = slice(spans[-1].start, span.stop)
        else:
            spans.append(span)
    return spans


def chunks(spans: Iterable[slice], size: int = CHUNK) -> list[slice]:
    """The spans, cut into pieces of at most `size` elements.

    >>> chunks([slice(0, 5)], size=2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(i, min(i + size, span.stop)) for span in spans for i in range(span.start, span.stop, size)]

