"""The graph of a Keras model: what each tensor was made by, and where paths part that come together again."""

from collections.abc import Iterator
from typing import Any


class Graph:
    """The tensors of one model between its input and its output.

    Attributes:
        above: for each tensor the nearest one that all paths from the input to it go through (None for the input), and how
            many of those there are.
    """

    def __init__(self, start: Any, end: Any) -> None:
        self.start, self.end = start, end
        self.above: dict[int, tuple[Any, int]] = {id(start): (None, 0)}
        waiting = [end]
        while waiting:                        # a loop, because networks may be deeper than Python's recursion
            tensor = waiting[-1]
            missing = [t for t in inputs_of(tensor) if id(t) not in self.above]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if id(tensor) not in self.above and (inputs := inputs_of(tensor)):
                meeting = self.meeting(inputs)
                self.above[id(tensor)] = (meeting, self.above[id(meeting)][1] + 1)
            elif id(tensor) not in self.above:
                raise LookupError(tensor)     # it does not come from the input

    def meeting(self, tensors: list[Any]) -> Any:
        """The nearest tensor that all paths to all of these go through."""
        first, *rest = tensors
        for other in rest:
            while first is not other:
                if self.above[id(first)][1] < self.above[id(other)][1]:
                    first, other = other, first
                first = self.above[id(first)][0]
        return first

    def first_below(self, top: Any, tensor: Any) -> Any:
        """The first tensor after `top` that all paths from there to `tensor` go through; `top` where it is this one."""
        below = tensor
        while tensor is not top:
            below, tensor = tensor, self.above[id(tensor)][0]
        return below


def node_of(tensor: Any) -> Any:
    """The call that made a tensor; None for an input."""
    history = tensor._keras_history
    return None if history.operation is None else history.operation._inbound_nodes[history.node_index]


def place_of(tensor: Any) -> int:
    """Which of the outputs of its call a tensor is."""
    return int(tensor._keras_history.tensor_index)


def inputs_of(tensor: Any) -> list[Any]:
    """The tensors that a tensor was made of."""
    node = node_of(tensor)
    return [] if node is None else list(node.input_tensors)


def further(node: Any) -> Iterator[Any]:
    """What a call was given besides tensors that matters: numbers, training=True, …

    Keras writes down training=False of its own accord, and the training of the whole model goes before it.
    """
    tensors = {id(t) for t in node.input_tensors}
    waiting = [("", a) for a in node.arguments.args] + list(node.arguments.kwargs.items())
    while waiting:
        name, argument = waiting.pop(0)
        if isinstance(argument, list | tuple):
            waiting += [(name, a) for a in argument]
        elif id(argument) not in tensors and argument is not None and not (name == "training" and argument is False):
            yield f"{name}={argument}" if name else argument
