"""Penalties on large weights: part of the loss, with their gradient added to the one that came back through the network."""

from typing import TYPE_CHECKING, Any

from npdeep.common import checks, registry
from npdeep.common.described import Described
from npdeep.common.events import Formula
from npdeep.common.foreign_names import REGULARIZERS, expanded
from npdeep.common.hinting import asked, offered
from npdeep.kernels.arrays import Array
from npdeep.kernels.penalties import l1_penalty, l2_penalty


class Regularizer(Described):
    """Base. An own regularizer defines `penalty` (and `formula`, if it is to show in a walk).

    >>> L2(0.01)
    L2(scale=0.01)
    """

    formula = Formula("penalty", r"\Omega(w)")
    kernel: Any = None

    def penalty(self, w: Array, dw: Array | None, t: Array) -> float:
        """The penalty of the flat piece w; its gradient is added to dw unless that is None. t: scratch like w."""
        raise NotImplementedError(f"{type(self).__name__} must define penalty(w, dw, t)")


class L1(Regularizer):
    """scale · Σ|w|. Gradient scale · sign(w), 0 at 0. Drives weights to 0 and keeps few of them large.

    >>> import numpy as np
    >>> L1(0.1).penalty(np.array([-2.0, 3.0]), None, np.empty(2))
    0.5
    """

    kernel: Any = staticmethod(l1_penalty)
    formula = Formula("penalty = s·Σ|w|, dw += s·sign(w)", r"\Omega = s \sum |w|,\ dw \mathrel{+}= s\,\mathrm{sign}(w)")

    def __init__(self, scale: float = 0.01) -> None:
        self.scale = checks.number("L1", "scale", scale, minimum=0)

    def penalty(self, w: Array, dw: Array | None, t: Array) -> float:
        """scale · Σ|w|."""
        return l1_penalty(w, dw, t, self.scale)


class L2(Regularizer):
    """scale · Σw². Gradient 2 · scale · w. TensorFlow 1's l2_regularizer(s) and PyTorch's weight_decay=s are L2(s/2).

    >>> import numpy as np
    >>> L2(0.5).penalty(np.array([-2.0, 3.0]), None, np.empty(2))
    6.5
    """

    kernel: Any = staticmethod(l2_penalty)
    formula = Formula("penalty = s·Σw², dw += 2s·w", r"\Omega = s \sum w^2,\ dw \mathrel{+}= 2 s w")

    def __init__(self, scale: float = 0.01) -> None:
        self.scale = checks.number("L2", "scale", scale, minimum=0)

    def penalty(self, w: Array, dw: Array | None, t: Array) -> float:
        """scale · Σw²."""
        return l2_penalty(w, dw, t, self.scale)


class L1L2(Regularizer):
    """l1 · Σ|w| + l2 · Σw².

    >>> import numpy as np
    >>> L1L2(l1=0.1, l2=0.5).penalty(np.array([-2.0, 3.0]), None, np.empty(2))
    7.0
    """

    kernel: Any = staticmethod(l1_penalty)
    formula = Formula(
        "penalty = l1·Σ|w| + l2·Σw², dw += l1·sign(w) + 2l2·w",
        r"\Omega = l_1 \sum |w| + l_2 \sum w^2,\ dw \mathrel{+}= l_1\,\mathrm{sign}(w) + 2 l_2 w",
    )

    def __init__(self, l1: float = 0.01, l2: float = 0.01) -> None:
        self.l1 = checks.number("L1L2", "l1", l1, minimum=0)
        self.l2 = checks.number("L1L2", "l2", l2, minimum=0)

    def penalty(self, w: Array, dw: Array | None, t: Array) -> float:
        """l1 · Σ|w| + l2 · Σw²."""
        return l1_penalty(w, dw, t, self.l1) + l2_penalty(w, dw, t, self.l2)


KNOWN: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1_l2": L1L2}
HINTS = expanded(REGULARIZERS)
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__)


def get(owner: str, name: str, regularizer: Any) -> Regularizer | None:
    """A regularizer from its name, the object itself, or None.

    >>> get("Dense", "kernel_regularizer", "l2")
    L2(scale=0.01)
    """
    return registry.find(owner, name, regularizer, Regularizer, KNOWN, HINTS, number="L2", optional=True)
