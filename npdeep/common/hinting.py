"""Objects and functions that say what to write instead, where they are asked for what is not there."""

import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from npdeep.common.hints import KEYWORDS, instead, no_attribute

F = TypeVar("F", bound=Callable[..., Any])


class Hinting(type):
    """The class of npdeep's public classes: where they are called with unfit arguments, the error says what to write.

    >>> class Dense(metaclass=Hinting):
    ...     def __init__(self, units, *, name=None): pass
    >>> Dense(10, activation="relu")
    Traceback (most recent call last):
    TypeError: Dense: unknown argument 'activation'; put an activation layer after it: nd.Dense(10), nd.Activation('relu')
    """

    @property
    def __signature__(cls) -> inspect.Signature:
        """The arguments of __init__, for help() and editors: what stands in for them here takes anything."""
        init: Any = cls.__init__              # type: ignore[misc]
        if init is object.__init__:
            return inspect.Signature()
        signature = inspect.signature(init)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __dir__(cls) -> list[str]:
        """What is there; names that only lead to a hint are no help to an editor."""
        return [name for name in type.__dir__(cls) if not isinstance(inspect.getattr_static(cls, name, None), Instead)]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object; where that fails because of the arguments, explain what does not fit."""
        try:
            return super().__call__(*args, **kwargs)
        except TypeError:
            refuse_unfit(cls.__name__, cls.__signature__, args, kwargs)
            raise                             # the arguments fit: it is an error of another kind


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
    """The function; where it is called with unfit arguments, the error says what to write.

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


class Instead:
    """An attribute that other libraries have: where it is read or set, the error says what npdeep has in its place.

    What a class of the user's assigns in its own methods is its own.
    """

    def __init__(self, name: str, hint: str) -> None:
        self.name, self.hint = name, hint

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        if owner is None:
            return self
        if self.name in vars(owner):
            return vars(owner)[self.name]
        raise no_attribute(type(owner).__name__, self.name, {self.name: self.hint})

    def __set__(self, owner: Any, value: Any) -> None:
        if not (assigned_by_itself(owner) or (self.name in vars(owner) and not is_built_in(owner))):
            raise AttributeError(f"{title(owner)}: {self.name} cannot be set: {self.hint.format(name=self.name)}")
        vars(owner)[self.name] = value


class Settled:
    """An attribute that is set once, because the rest was made to fit it; one of a layer while the layer is in no model yet.

    Reading it is reading the attribute, nothing more.
    """

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why

    def __set__(self, owner: Any, value: Any) -> None:
        if self.name in vars(owner) and vars(owner).get("built", True):
            raise AttributeError(f"{title(owner)}: {self.name} cannot be replaced, because {self.why}")
        vars(owner)[self.name] = value


def settle(kind: type, names: Iterable[str], why: str) -> None:
    """Let these attributes of the objects of a class be set only once."""
    for name in names:
        setattr(kind, name, Settled(name, why))


def title(owner: Any) -> str:
    """Class and name, as errors call an object."""
    name = vars(owner).get("name")
    return type(owner).__name__ + (f" {name!r}" if isinstance(name, str) else "")


def is_built_in(owner: Any) -> bool:
    """Is its class one of npdeep's?"""
    return type(owner).__module__.startswith("npdeep.")


def assigned_by_itself(owner: Any) -> bool:
    """Is the line that assigns, two calls up, in a method of the object itself?"""
    frame = sys._getframe(2)
    first = frame.f_code.co_varnames[:1]
    return bool(first) and frame.f_locals.get(first[0]) is owner


class Hinted(metaclass=Hinting):
    """Base of npdeep's public classes: what is not there is answered with what is, whether it is read or set.

    `foreign` is a table of names that other libraries have, with hints. Only those are refused when they are set, so that
    nothing is looked up on the way of a training step.
    """

    foreign: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, base: bool = False, **keywords: Any) -> None:
        """Refuse the foreign names that are not arguments of this class; base: leave that to the subclasses."""
        super().__init_subclass__(**keywords)
        if not base:
            own = inspect.signature(cls.__init__).parameters
            for name, hint in cls.foreign.items():
                if name not in own and not hasattr(cls, name):
                    setattr(cls, name, Instead(name, hint))

    if not TYPE_CHECKING:                     # for mypy what is not there is an error

        def __getattr__(self, name: str) -> Any:
            """Called for what is not there."""
            raise no_attribute(type(self).__name__, name, self.foreign, self)

        def __dir__(self) -> list[str]:
            """What is there."""
            return [n for n in object.__dir__(self) if not isinstance(inspect.getattr_static(type(self), n, None), Instead)]


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
