"""Objects and functions that say what to write instead, where they are asked for what is not there."""

import abc
import difflib
import dis
import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from npdeep.common.foreign_names import instead
from npdeep.common.hints import KEYWORDS, no_attribute

F = TypeVar("F", bound=Callable[..., Any])


class Hinting(abc.ABCMeta):
    """The class of npdeep's public classes: where they are called with invalid arguments, the error says what to write.

    >>> class Dense(metaclass=Hinting):
    ...     def __init__(self, units, *, name=None): pass
    >>> Dense(10, activation="relu")
    Traceback (most recent call last):
    TypeError: Dense: unknown argument 'activation'; put an activation layer after it: nd.Dense(10), nd.Activation('relu')
    """

    @property
    def __signature__(cls) -> inspect.Signature:
        """The arguments of __init__, for help() and editors: what takes the place of them here takes anything."""
        init: Any = cls.__init__              # type: ignore[misc]
        if init is object.__init__:
            return inspect.Signature()
        signature = inspect.signature(init)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    if not TYPE_CHECKING:                     # mypy compares the arguments with those of __init__

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            """Make an object; where that fails because of the arguments, explain what does not fit."""
            try:
                return super().__call__(*args, **kwargs)
            except TypeError:
                refuse_unfit(cls.__name__, cls.__signature__, args, kwargs)
                raise                         # the arguments fit: it is an error of another kind

        def __getattr__(cls, name: str) -> Any:
            """Called for what the class itself has not, as nd.Trainer.load(path)."""
            foreign = next((vars(kind)["foreign"] for kind in cls.__mro__ if "foreign" in vars(kind)), {})
            raise no_attribute(cls.__name__, name, foreign, cls)


def refuse_unfit(
    name: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shown: inspect.Signature | None = None,
) -> None:
    """Raise TypeError, with what to write instead, where the arguments do not fit the signature (shown: that without self)."""
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        given = args if shown is None else args[1:]
        raise TypeError(explain(name, shown or signature, given, kwargs, str(error))) from None


def explain(name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any], error: str) -> str:
    """Why these arguments do not fit, and what to write instead.

    >>> explain("SGD", inspect.signature(lambda learning_rate=0.01: None), (), {"lr": 0.1}, "")
    "SGD: unknown argument 'lr'; the learning rate is called learning_rate, and comes first: nd.optimizers.Adam(1e-3)"
    """
    parameters = list(signature.parameters.values())
    known = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    unknown = [keyword for keyword in kwargs if keyword not in known]
    if unknown:
        hint = KEYWORDS.get(unknown[0], f"its arguments are {', '.join(known) or 'none'}")
        return f"{name}: unknown argument {unknown[0]!r}; {hint}"
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(args) > len(positional):
        named = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        others = [with_value(p, value) for p, value in itertools.zip_longest(named, args[len(positional) :]) if p is not None]
        by_name = f"; write the others by name: {', '.join(others)}" if named else ""
        if positional == ["units"] and all(isinstance(n, int) for n in args):
            by_name = f"; {KEYWORDS['in_features']}"
        allowed = f"{len(positional)} by position ({', '.join(positional)})" if positional else "no arguments by position"
        return f"{name}: takes {allowed}, got {len(args)}{by_name}"
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    missing = [p for p in needed if p not in kwargs and p not in positional[: len(args)]]
    if missing:
        if known[:2] == ["model", "loss"] and hasattr(next(iter(args), None), "optimizer"):
            return f"{name}: it takes the parts of a trainer: write {name}(trainer.model, trainer.loss, x, y)"
        return f"{name}: {missing[0]} is missing; its arguments are {', '.join(known)}"
    return f"{name}: {error}"


def with_value(parameter: inspect.Parameter, value: Any) -> str:
    """The name of an argument, with the value that was given at its place where it is of the kind of its default."""
    fits = type(value) is type(parameter.default) and type(value) in (int, float, str)
    return f"{parameter.name}={value!r}" if fits else parameter.name


def explained(function: F) -> F:
    """The function; where it is called with invalid arguments, the error says what to write.

    >>> @explained
    ... def fit(x, y=None, *, epochs=1): return epochs
    >>> fit([1], [2], 10)
    Traceback (most recent call last):
    TypeError: fit: takes 2 by position (x, y), got 3; write the others by name: epochs=10
    """
    signature = inspect.signature(function)
    first, *rest = signature.parameters.values()
    shown = signature.replace(parameters=rest) if first.name in ("self", "cls") else None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            refuse_unfit(function.__name__, signature, args, kwargs, shown)
            raise

    return call  # type: ignore[return-value]


def own_code(kind: type, frame: FrameType) -> bool:
    """Is this code in the class itself or in one that it derives from, or is it one of their methods?"""
    return code_is_of(kind, frame.f_globals.get("__name__", "builtins"), frame.f_code)


@functools.lru_cache(maxsize=1024)            # searched once: it goes through all members of the class
def code_is_of(kind: type, module: str, code: CodeType) -> bool:
    """`own_code` of the module's code."""
    for base in kind.__mro__:
        if module == base.__module__ and code.co_qualname.startswith(f"{base.__qualname__}."):
            return True
    return any(getattr(member, "__code__", None) is code for base in kind.__mro__ for member in vars(base).values())


def is_npdeeps(frame: FrameType) -> bool:
    """Is this code npdeep's?"""
    return str(frame.f_globals.get("__name__")).startswith("npdeep.")


def kept_by(kind: type) -> set[str]:
    """What npdeep's code of a class sets on its objects, and what it says for all of them; what a custom class adds is not.

    >>> class Stopwatch(Hinted):
    ...     def __init__(self): self.seconds = 0.0
    >>> kept_by(Stopwatch) >= {"seconds", "offers"}, "assign" in kept_by(Stopwatch)
    (True, False)
    """
    names: set[str] = set()
    for name, member in (item for base in kind.__mro__ if base.__module__.startswith("npdeep.") for item in vars(base).items()):
        if hasattr(member, "__code__"):
            names |= {each.argval for each in dis.get_instructions(member) if each.opname == "STORE_ATTR"}
        elif isinstance(member, property) or not callable(member):
            names.add(name)
    return names


def title(owner: Any) -> str:
    """Class and name, as errors call an object."""
    name = vars(owner).get("name")
    return type(owner).__name__ + (f" {name!r}" if isinstance(name, str) else "")


class Hinted(metaclass=Hinting):
    """Base of npdeep's public classes: what is not there is answered with what is, whether it is read or set.

    The code of a class sets what it likes on its objects. Others set what is there, and may be replaced; a new name would have
    no effect and is refused. Python asks `__setattr__` about each assignment. The few that a training step makes go past it
    for speed, and for those who step through it: `vars(layer)["input"] = x`.

    `foreign` is a table of names that other libraries have, with hints; `settled` one of attributes that cannot be replaced,
    with the reasons.

    >>> class Stopwatch(Hinted):
    ...     foreign = {"time": "it is called seconds"}
    ...     def __init__(self):
    ...         self.seconds = 0.0
    >>> Stopwatch().secnods = 5
    Traceback (most recent call last):
    AttributeError: Stopwatch has no 'secnods' that could be set; did you mean 'seconds'?
    """

    foreign: ClassVar[Mapping[str, str]] = {}
    settled: ClassVar[Mapping[str, str]] = {}
    checked: ClassVar[Mapping[str, Callable[[Any, Any], Any]]] = {}
    """What to make of a value of others, for attributes that are no arguments: a function of the object and the value."""
    offers: ClassVar[str] = ""
    """What editors offer, besides the arguments; "" stands for all that has a name without _ in front."""

    def why_settled(self, name: str) -> str:
        """Why this attribute cannot be replaced; "" where it can."""
        return self.settled.get(name, "")

    if not TYPE_CHECKING:                     # for mypy what is not there is an error

        def __setattr__(self, name: str, value: Any) -> None:
            """Set an attribute, unless it is not there or is settled."""
            if own_code(type(self), sys._getframe(1)):
                object.__setattr__(self, name, value)
            else:
                self.check_attribute(name)
                if not is_npdeeps(sys._getframe(1)):
                    self.check_kept(name)
                self.assign(name, value)

        def __getattr__(self, name: str) -> Any:
            """Called for what is not there, and where a property fails because something else is not there: that is named."""
            if isinstance(getattr(type(self), name, None), property):
                object.__getattribute__(self, name)
            raise no_attribute(type(self).__name__, name, self.foreign, self)

        def __call__(self, *args: Any, **kwargs: Any) -> None:
            """Called where a class has no `__call__` of its own; the hint is in `foreign` under "()"."""
            raise TypeError(f"{title(self)} is not called{': ' if '()' in self.foreign else ''}{self.foreign.get('()', '')}")

        def __dir__(self) -> list[str]:
            """What is there and meant to be used."""
            there = [name for name in object.__dir__(self) if name[0] != "_" and name not in INTERNAL]
            offered = {name for kind in type(self).__mro__ for name in vars(kind).get("offers", "").split()}
            offered |= {*inspect.signature(type(self)).parameters} if offered else {*there}
            own = {name for kind in type(self).__mro__ if not kind.__module__.startswith("npdeep.") for name in vars(kind)}
            return [name for name in there if name in offered or name in own or self.is_offered(name)]

    def is_offered(self, name: str) -> bool:
        """Is an attribute of this name for the user, although `offers` does not say so?"""
        return False

    def settable(self) -> Iterable[str]:
        """What may be set besides what is `checked`: the arguments."""
        return inspect.signature(type(self)).parameters

    def check_kept(self, name: str) -> None:
        """Raise AttributeError for what npdeep's code sets for itself: others may read it."""
        if name not in {*self.checked, *self.settable()} and name in kept_by(type(self)):
            use = f"; {self.foreign[name].format(name=name)}" if name in self.foreign else ""
            raise AttributeError(f"{title(self)}: {name} can only be read: npdeep sets it{use}")

    def check_attribute(self, name: str) -> None:
        """Raise AttributeError where no such attribute can be set from outside the class."""
        why = self.why_settled(name)
        if why:
            raise AttributeError(f"{title(self)}: {name} cannot be replaced, because {why.format(name=name)}")
        inherited = [vars(kind)[name] for kind in type(self).__mro__ if name in vars(kind)]
        if inherited and isinstance(inherited[0], property) and inherited[0].fset is None:
            raise AttributeError(f"{title(self)}: {name} is computed from the rest and cannot be set")
        if inherited or name in vars(self) or name.startswith("__"):
            return
        if name in self.foreign:
            raise AttributeError(f"{title(self)}: {name} cannot be set: {self.foreign[name].format(name=name)}")
        raise AttributeError(f"{title(self)} has no {name!r} that could be set{self.nearest(name)}", name=name)

    def assign(self, name: str, value: Any) -> None:
        """Set an attribute that is there."""
        object.__setattr__(self, name, self.checked[name](self, value) if name in self.checked else value)

    def nearest(self, name: str) -> str:
        """What is meant by a name that is not there, in words."""
        near = difflib.get_close_matches(name, [*dir(self), *self.foreign], 1, 0.7)
        hint = f" {self.foreign[near[0]].format(name=near[0])}" if near and near[0] in self.foreign else ""
        return f"; did you mean {near[0]!r}?{hint}" if near else ""


def is_function(value: Any) -> bool:
    """Can it be called? Every public object can, but most only say what to write instead.

    >>> is_function(print), is_function(Hinted())
    (True, False)
    """
    return callable(value) and type(value).__call__ is not vars(Hinted).get("__call__")


INTERNAL = {
    *("foreign", "settled", "checked", "offers", "fixed", "why_settled", "is_offered", "check_attribute", "assign", "nearest"),
    *("further_arguments", "check_changes", "changed", "unproven", "settable", "check_kept"),
}
"""What all public classes have for npdeep itself."""


def offered(module: str, *others: str) -> Callable[[], list[str]]:
    """`__dir__` of a public module: its classes, and the others that are named.

    >>> "Sequence" in dir(sys.modules["npdeep.augmentation"])
    False
    """

    def names() -> list[str]:
        there = vars(sys.modules[module])
        kinds = [n for n, value in there.items() if isinstance(value, Hinting) and not n.startswith(("_", "Own", "Described"))]
        return sorted({*kinds, *others})

    return names


def in_module(name: str, module: str, table: Mapping[str, str], known: Mapping[str, Any]) -> str:
    """What `module` has in place of the name of another library; "" where nothing is known.

    >>> in_module("MSELoss", "nd.losses", {"mse": "mean_squared_error"}, {"mean_squared_error": dict})
    'use nd.losses.dict'
    """
    ours = instead(name, known, table)
    return f"use {module}.{getattr(known[ours], '__name__', ours)}" if ours in known else ours


def asked(module: str, table: Mapping[str, str], known: Mapping[str, Any]) -> Callable[[str], Any]:
    """`__getattr__` of a public module: where a name of another library is asked for, the error says what npdeep has.

    >>> asked("npdeep.losses", {"mse": "mean_squared_error"}, {"mean_squared_error": dict})("MSELoss")
    Traceback (most recent call last):
    AttributeError: npdeep.losses has no 'MSELoss': use nd.losses.dict
    """

    def missing(name: str) -> Any:
        use = in_module(name, module.replace("npdeep", "nd"), table, known) if not name.startswith("_") else ""
        raise AttributeError(f"{module} has no {name!r}{': ' if use else ''}{use}", name=name, obj=sys.modules.get(module))

    return missing
