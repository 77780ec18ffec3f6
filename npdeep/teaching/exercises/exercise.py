"""What an exercise is: a task, inputs to try a function on, the right function, and the mistakes that are often made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Inputs = dict[str, Any]
"""Arguments by name, in their order."""

Function = Callable[..., Any]

TRIALS = 5
"""On how many random inputs a function is tried. A mistake is named only if it agrees with the function on all of them."""


@dataclass(frozen=True)
class Mistake:
    """One way to get it wrong.

    says: the message, in ASCII. wrong: a whole wrong function, or wrong functions for some of the outputs, by name.
    seen: where in public somebody made this mistake or asked about it.
    """

    says: str
    wrong: Function | Mapping[str, Function]
    seen: str = ""


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    arguments, outputs: their names. task, formula, shapes: the text of the file to start from. hints: three, each more open
    than the last. make_inputs(rng, n): inputs with n rows; more_inputs: further ones that are tried, such as extreme numbers.
    terms(**inputs): for an output that is a sum, its summands by name, so that a missing one can be named.
    measure(inputs, outputs): for random outputs, the numbers that are compared in their place, within `tolerance`.
    chained: later outputs follow from earlier ones, so that a wrong one after a wrong one says nothing new.
    rows: on how many rows its speed is measured, 0 for not at all. imports: lines of the file to start from.
    when_right: is called with a right function; what it returns is said.
    """

    name: str
    chapter: str
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    task: str
    formula: str
    shapes: str
    hints: tuple[str, str, str]
    make_inputs: Callable[[np.random.Generator, int], Inputs]
    solution: Function
    mistakes: tuple[Mistake, ...]
    more_inputs: Callable[[], Sequence[Inputs]] = field(default=lambda: [])
    terms: Callable[..., Mapping[str, Mapping[str, Any]]] | None = None
    measure: Callable[[Inputs, Sequence[Any]], dict[str, float]] | None = None
    tolerance: float = 1e-7
    chained: bool = False
    rows: int = 2000
    imports: tuple[str, ...] = ()
    when_right: Callable[[Function], str] | None = None

    @property
    def signature(self) -> str:
        """As it is written after def."""
        return f"{self.name}({', '.join(self.arguments)})"

    def trials(self) -> Iterator[Inputs]:
        """The inputs to try a function on: always the same, of different sizes, no two sizes of one array alike."""
        for seed in range(TRIALS):
            rng = np.random.default_rng(seed)
            yield self.make_inputs(rng, int(rng.integers(5, 9)))
        yield from self.more_inputs()

    def mistaken(self, mistake: Mistake) -> Function:
        """The wrong function of a mistake, with all outputs.

        >>> two = exercise_of_two_outputs()
        >>> two.mistaken(Mistake("b is negative", {"b": lambda x: -x}))(3)
        (3, -3)
        """
        if not isinstance(mistake.wrong, Mapping):
            return mistake.wrong
        parts = mistake.wrong

        def wrong(*args: Any) -> Any:
            right = self.solution(*args)
            values = list(right) if len(self.outputs) > 1 else [right]
            for name, function in parts.items():
                values[self.outputs.index(name)] = function(*args)
            return tuple(values) if len(self.outputs) > 1 else values[0]

        return wrong


def exercise_of_two_outputs() -> Exercise:
    """The smallest exercise, for examples: a = x, b = 2x.

    >>> exercise_of_two_outputs().signature
    'twice(x)'
    """
    return Exercise(
        name="twice",
        chapter="none",
        arguments=("x",),
        outputs=("a", "b"),
        task="Return x and its double.",
        formula="a = x\nb = 2 x",
        shapes="x, a, b (n,)",
        hints=("Two outputs.", "b is a sum.", "return a, b"),
        make_inputs=lambda rng, n: {"x": rng.normal(size=n)},
        solution=lambda x: (x, 2 * x),
        mistakes=(),
    )
