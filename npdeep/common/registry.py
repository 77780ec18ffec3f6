"""Parts that may be given by name: initializers, optimizers, regularizers and the like."""

from collections.abc import Mapping
from typing import Any, TypeVar

from npdeep.common import checks, conversions

T = TypeVar("T")


def find(
    owner: str,
    name: str,
    value: Any,
    kind: type[T],
    known: Mapping[str, type[T]],
    hints: Mapping[str, str],
    *,
    number: str,
    cure: str = "",
    optional: bool = False,
) -> T:
    """The object itself, or the one that its name stands for; None too, where it is optional.

    number: what to write in place of a plain number. cure: in place of something else.

    >>> import npdeep as nd
    >>> known = nd.regularizers.KNOWN
    >>> find("Dense", "kernel_regularizer", 0.5, nd.regularizers.Regularizer, known, {}, number="L2", optional=True)
    Traceback (most recent call last):
    TypeError: Dense: kernel_regularizer must be None, a name or an object of nd.regularizers, got 0.5; write \
nd.regularizers.L2(0.5)
    """
    if isinstance(value, str):
        return known[checks.choice(owner, name, value, known, hints)]()
    fits = isinstance(value, kind) or (optional and value is None)
    if not fits:
        module = f"nd.{kind.__module__.split('.')[1]}"
        wanted = f"{'None, ' if optional else ''}a name or an object of {module}"
        cure = cure or conversions.called(value, f"{module}.{number}")
        raise TypeError(f"{owner}: {name} must be {wanted}, got {checks.describe(value)}{cure}")
    return value  # type: ignore[no-any-return]
