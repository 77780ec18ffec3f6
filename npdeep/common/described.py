"""Objects that can say how they were made: for printing, for comparing runs, for checkpoint files."""

import inspect
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any, ClassVar, Self

from npdeep.common.hinting import Hinted

PLAIN = (bool, int, float, str, tuple, list, dict, FunctionType)


class Described(Hinted):
    """Base of everything a user makes with arguments and passes to a model or a trainer.

    The arguments of `__init__` are kept as attributes of the same names.

    >>> class Scale(Described):
    ...     def __init__(self, factor=2.0):
    ...         self.factor = factor
    >>> Scale(), Scale(3.0).arguments()
    (Scale(factor=2.0), {'factor': 3.0})
    """

    def arguments(self, kind: type | None = None) -> dict[str, Any]:
        """What to pass to the class to make an equal object; kind: to another class, from which this one derives."""
        given: dict[str, Any] = {}
        for name, parameter in inspect.signature(kind or type(self)).parameters.items():
            try:
                value = getattr(self, name)
            except AttributeError:
                if hasattr(type(self), name):     # an error within a property
                    raise
                owner = type(self).__name__
                raise AttributeError(
                    f"{owner} has no {name!r}: keep each argument of __init__ as an attribute of its name, self.{name} = {name}"
                ) from None
            given.update(value if parameter.kind is parameter.VAR_KEYWORD else {name: value})    # self.kwargs = kwargs
        return given

    fixed: ClassVar[str] = ""
    """Why no argument can be replaced; "" where they can."""

    def why_settled(self, name: str) -> str:
        """Why this attribute cannot be replaced; "" where it can."""
        return super().why_settled(name) or (self.fixed if name in inspect.signature(type(self)).parameters else "")

    @property
    def further_arguments(self) -> Iterable[str]:
        """Arguments besides those with a name of their own in `__init__`."""
        return ()

    def settable(self) -> Iterable[str]:
        """The arguments, those without a name of their own in `__init__` too."""
        return {*super().settable(), *self.further_arguments}

    def assign(self, name: str, value: Any) -> None:
        """Set an attribute. That of an argument is checked, and takes effect, as if the object had been made with it: another
        one is made, and what is different in it is taken over. What the object has come to since (slots, counters) stays.
        """
        kind: Any = next(base for base in type(self).__mro__ if base.__module__.startswith("npdeep."))
        given = kind.arguments(self, kind)
        if name not in given and name not in self.further_arguments and name not in inspect.signature(kind).parameters:
            super().assign(name, value)
            return
        before = vars(kind(**{key: cloned(old) for key, old in given.items()}))    # layers inside belong to this one already
        after = vars(kind(**{**{key: cloned(old) for key, old in given.items() if key != name}, name: value}))
        changes = {key: new for key, new in after.items() if key == name or not same(before.get(key), new)}
        gone = {key: getattr(kind, key, None) for key in before if key not in after}
        self.check_changes(name, {**changes, **gone})
        vars(self).update(changes)
        for key in gone:
            del vars(self)[key]
        self.changed()

    def check_changes(self, name: str, changes: Mapping[str, Any]) -> None:
        """Raise where an object that is in use cannot change so. name: of the argument that is being set."""

    def changed(self) -> None:
        """Called when an argument has been set."""

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
        except AttributeError:                # a custom class that does not keep them
            return f"{type(self).__name__}(...)"
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def same(old: Any, new: Any) -> bool:
    """Are these equal plain values, or objects of one kind, which each constructor makes for itself, or lists of such?

    >>> same(0.5, 0.5), same([0.5], [0.6]), same(object(), object())
    (True, False, True)
    """
    if isinstance(old, list | tuple):         # of layers, too
        return type(old) is type(new) and len(old) == len(new) and all(map(same, old, new))
    return old is new or (type(old) is type(new) and (not isinstance(old, PLAIN) or old == new))


def cloned(value: Any) -> Any:
    """The value of an argument for another object: described ones are made again, lists of them too.

    >>> cloned([1, "a"])
    [1, 'a']
    """
    if isinstance(value, list | tuple):
        return [cloned(item) for item in value]
    return value.clone() if isinstance(value, Described) else value
