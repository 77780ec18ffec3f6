"""Gradient clipping: a limit on how far one step may throw the weights."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from npdeep.common import checks, registry
from npdeep.common.described import Described
from npdeep.common.events import Formula
from npdeep.common.foreign_names import CLIPPING, expanded
from npdeep.common.hinting import asked, offered
from npdeep.kernels import clipping as kernels
from npdeep.kernels.arrays import Array
from npdeep.parameters import Arena, Parameter, chunks, trainable_spans


class BadGradient(ValueError):
    """Raised where a gradient holds NaN or inf and so has no norm, before any weight changes."""


class Clipping(Described):
    """Base. `plan` is told which parameters are trainable, `clip` changes their gradients in place.

    >>> ClipByGlobalNorm(1.0)
    ClipByGlobalNorm(norm=1.0)
    """

    formula: ClassVar[Formula] = Formula("g ← clip(g)")
    kernel: Any = None
    arena: Arena | None = None

    def bind(self, arena: Arena) -> None:
        """Serve a model. A clipping holds views of one model's gradients and so serves one trainer."""
        if self.arena is not None:
            raise ValueError(f"this {type(self).__name__} already serves a Trainer and holds its gradients; make a new one")
        self.arena = arena

    def plan(self, parameters: list[Parameter]) -> None:
        """Remember the gradients of these parameters, which are all trainable and in one arena."""
        self.parameters = parameters
        arena: Arena = parameters[0].arena
        if self.arena is None:
            self.arena = arena
        if arena is not self.arena:
            raise ValueError(
                f"{type(self).__name__}: the Trainer was made without this clipping; make a new "
                "Trainer(model, loss, optimizer, clipping)"
            )
        self.grads = [arena.grads[piece] for piece in chunks(trainable_spans(parameters))]
        self.scratch = arena.scratch

    def clip(self) -> None:
        """Change the gradients in place."""
        raise NotImplementedError(f"{type(self).__name__} must define clip()")

    def norm_of(self, pieces: list[Array]) -> float:
        """√Σ‖g‖² over the pieces. Raises for NaN and infinite gradients."""
        norm = kernels.norm(pieces, self.scratch)
        if math.isnan(norm):
            self.refuse()
        return norm

    def refuse(self) -> None:
        """Raise, naming the first parameter on the way back whose gradient is NaN or infinite."""
        for parameter in reversed(self.parameters):
            grad = parameter.grad
            if grad is not None and not np.all(np.isfinite(grad)):
                bad = tuple(int(i) for i in np.argwhere(~np.isfinite(grad))[0])
                raise BadGradient(
                    f"{type(self).__name__}: the gradient of {parameter.name} holds {grad[bad]} at {bad} and has no norm; "
                    "no weight was changed. nd.callbacks.TerminateOnNaN() names the first array of the step that went bad; "
                    "lower the learning rate, or scale the inputs"
                )

    def __getstate__(self) -> dict[str, Any]:
        """Copies leave the views behind; the trainer plans again."""
        return {**self.arguments(), "arena": self.arena}

    def arrays(self) -> dict[str, Array]:
        """What the clip event shows: all gradients, flat."""
        return {"grads": self.parameters[0].arena.grads}


class ClipByValue(Clipping):
    """Every element of every gradient is clamped to [−value, value], which may change the gradient's direction.

    Args:
        value: the limit, above 0.

    >>> ClipByValue(1.0)
    ClipByValue(value=1.0)
    """

    formula = Formula("g ← g clamped to [−c, c]", r"g \leftarrow \min(\max(g, -c), c)")
    kernel = staticmethod(kernels.clip_by_value)

    def __init__(self, value: float = 1.0) -> None:
        self.value = checks.number("ClipByValue", "value", value, above=0)

    def clip(self) -> None:
        """Hold every element between −value and value."""
        for g in self.grads:
            kernels.clip_by_value(g, self.value)


class ClipByNorm(Clipping):
    """The gradient of each parameter is shortened to this norm where it is longer: g ← g · min(1, norm/‖g‖).

    Args:
        norm: the limit, above 0.

    Raises ValueError in a step whose gradient holds NaN or inf, before any weight changes.

    >>> ClipByNorm(1.0)
    ClipByNorm(norm=1.0)
    """

    formula = Formula("g ← g·min(1, c/‖g‖) for each parameter", r"g \leftarrow g \min(1, c/\|g\|)")
    kernel = staticmethod(kernels.shorten)

    def __init__(self, norm: float = 1.0) -> None:
        self.norm = checks.number("ClipByNorm", "norm", norm, above=0)

    def plan(self, parameters: list[Parameter]) -> None:
        """Keep the pieces of each parameter apart."""
        super().plan(parameters)
        arena = parameters[0].arena
        self.groups = [[arena.grads[piece] for piece in chunks([p.span])] for p in parameters]

    def clip(self) -> None:
        """Shorten each gradient that is too long."""
        norms = [self.norm_of(group) for group in self.groups]    # all of them first: an error must leave nothing half done
        for group, norm in zip(self.groups, norms, strict=True):
            kernels.shorten(group, norm, self.norm)


class ClipByGlobalNorm(Clipping):
    """All gradients together are shortened to this norm where they are longer: the direction of the step stays.

    Args:
        norm: the limit of √Σ‖g‖² over all trainable parameters, above 0.

    Attributes:
        last_norm: the norm before clipping in the last step.

    Raises ValueError in a step whose gradient holds NaN or inf, before any weight changes.
    Source: Pascanu, Mikolov, Bengio (2013).

    >>> ClipByGlobalNorm(5.0)
    ClipByGlobalNorm(norm=5.0)
    """

    formula = Formula("g ← g·min(1, c/‖g‖), ‖g‖ over all parameters", r"g \leftarrow g \min(1, c/\|g\|)")
    kernel = staticmethod(kernels.shorten)

    last_norm = math.nan

    def __init__(self, norm: float = 1.0) -> None:
        self.norm = checks.number("ClipByGlobalNorm", "norm", norm, above=0)

    def clip(self) -> None:
        """Shorten the whole gradient if it is too long."""
        vars(self)["last_norm"] = norm = self.norm_of(self.grads)
        kernels.shorten(self.grads, norm, self.norm)


KNOWN: dict[str, type[Clipping]] = {
    "clip_by_value": ClipByValue,
    "clip_by_norm": ClipByNorm,
    "clip_by_global_norm": ClipByGlobalNorm,
}
HINTS = expanded(CLIPPING)
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__, "BadGradient")


def get(clipping: Any) -> Clipping | None:
    """A clipping from its name, the object itself, or None.

    >>> get("clip_by_value")
    ClipByValue(value=1.0)
    """
    cure = ""
    if isinstance(clipping, list | tuple) and all(isinstance(m, str) for m in clipping):
        cure = f"; metrics are given by name: metrics={list(clipping)!r}"
    return registry.find(
        "Trainer", "clipping", clipping, Clipping, KNOWN, HINTS, number="ClipByGlobalNorm", cure=cure, optional=True
    )
