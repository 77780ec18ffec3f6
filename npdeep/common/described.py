"""Objects that can say how they were made: for printing, for comparing runs, for checkpoint files."""

import inspect
from typing import Any, Self

from npdeep.common.hinting import Hinted


class Described(Hinted, base=True):
    """Base of everything a user makes with arguments and hands to a model or a trainer.

    The arguments of `__init__` are kept as attributes of the same names.

    >>> class Scale(Described):
    ...     def __init__(self, factor=2.0):
    ...         self.factor = factor
    >>> Scale(), Scale(3.0).arguments()
    (Scale(factor=2.0), {'factor': 3.0})
    """

    def arguments(self) -> dict[str, Any]:
        """What to hand to the class to make an equal object."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def clone(self) -> Self:
        """An equal object made of the same arguments, which belongs to no model or trainer yet.

        >>> import npdeep as nd
        >>> nd.Residual([nd.Dense(3)]).clone().layers[0].units
        3
        """
        return type(self)(**{name: cloned(value) for name, value in self.arguments().items()})

    def __repr__(self) -> str:
        """As one would write it."""
        try:
            arguments = self.arguments()
        except AttributeError:                # a class of the user's that does not keep them
            return f"{type(self).__name__}(...)"
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def cloned(value: Any) -> Any:
    """The value of an argument for another object: described ones are made again, lists of them too.

    >>> cloned([1, "a"])
    [1, 'a']
    """
    if isinstance(value, list | tuple):
        return [cloned(item) for item in value]
    return value.clone() if isinstance(value, Described) else value
