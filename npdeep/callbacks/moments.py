"""What `fit` takes for callbacks: objects whose methods are moments that npdeep knows, and take what npdeep gives them."""

import inspect
from collections.abc import Iterable
from typing import Any

from npdeep.callbacks.base import Callback
from npdeep.common import checks, custom
from npdeep.common.hinting import is_function
from npdeep.common.hints import MOMENTS, by_name

OF_A_FUNCTION = "of a function make nd.callbacks.LambdaCallback(on_epoch_end=function), called as function(trainer, record)"
ELSEWHERE = ("epoch", "batch", "logs", "step", "iteration", "model")
"""What other libraries give a callback first; npdeep gives it the trainer."""


def check_callbacks(callbacks: Any) -> list[Callback]:
    """A list of callback objects, each of which can be called at its moments. Raises TypeError, before the first step.

    >>> check_callbacks([print])
    Traceback (most recent call last):
    TypeError: fit: callbacks[0] must be an object of nd.callbacks, got an object of type builtin_function_or_method; of a \
function make nd.callbacks.LambdaCallback(on_epoch_end=function), called as function(trainer, record)
    """
    flat = isinstance(callbacks, Callback | str | type) or getattr(callbacks, "ndim", 1) == 0
    if flat or not isinstance(callbacks, Iterable):
        cure = "put it in brackets: callbacks=[...]" if isinstance(callbacks, Callback) else OF_A_FUNCTION
        cure = f"; {cure}" if isinstance(callbacks, Callback) or is_function(callbacks) else ""
        raise TypeError(f"fit: callbacks must be a list of objects of nd.callbacks, got {checks.describe(callbacks)}{cure}")
    result = list(callbacks)
    for i, callback in enumerate(result):
        owner = f"fit: callbacks[{i}]"
        if not isinstance(callback, Callback):
            got = checks.describe(callback) + how_to_derive(callback)
            raise TypeError(f"{owner} must be an object of nd.callbacks, got {got}")
        custom.check_not_hidden(owner, callback)
        checks.number(f"{owner} ({type(callback).__name__})", "order", callback.order)
        for name in sorted({*dir(type(callback)), *vars(callback)}):
            if name.startswith("on_") and callable(getattr(callback, name)):
                check_moment(f"{owner} ({type(callback).__name__})", callback, name)
    return result


def how_to_derive(callback: Any) -> str:
    """What makes a callback of this object."""
    if not isinstance(callback, type) and any(name.startswith("on_") for name in dir(callback)):
        return "; derive its class from nd.callbacks.Callback: moments get the trainer, on_epoch_end(trainer, record)"
    return f"; {OF_A_FUNCTION}" if is_function(callback) and not isinstance(callback, type) else ""


def check_moment(owner: str, callback: Callback, name: str) -> None:
    """Raise TypeError where the method belongs to no moment of npdeep, or takes something else than npdeep gives it."""
    if not hasattr(Callback, name):
        moments = ", ".join(moment for moment in vars(Callback) if moment.startswith("on_"))
        hint = by_name(MOMENTS).get(name, f"npdeep's moments are {moments}")
        raise TypeError(f"{owner}: {name} would never be called; {hint}")
    if name not in vars(callback) and getattr(type(callback), name) is getattr(Callback, name):
        return
    given = list(inspect.signature(getattr(Callback, name)).parameters)[1:]
    where = "; the epoch is trainer.epoch, the numbers are record['loss'], …" if "record" in given else ""
    custom.check_takes(owner, name, getattr(callback, name), given, where, elsewhere=ELSEWHERE)
