"""A custom loss."""

import copy
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from npdeep.common import checks, custom
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.losses.base import Loss


class LossLike(Protocol):
    """Any object with forward(outputs, targets, sample_weight) and backward()."""

    @property
    def forward(self) -> Callable[..., Any]:
        """The loss, a number."""
    @property
    def backward(self) -> Callable[..., Any]:
        """∂L/∂outputs."""


class OwnLoss(Loss):
    """A user's object with forward(outputs, targets, sample_weight) and backward(), made to look like ours.

    >>> class Sum:
    ...     def forward(self, outputs, targets, sample_weight=None):
    ...         self.shape = outputs.shape
    ...         return float(outputs.sum())
    ...     def backward(self):
    ...         return np.ones(self.shape)
    >>> OwnLoss(Sum()).forward(np.ones((2, 3)), None)
    6.0
    """

    formula = Formula("L = loss.forward(outputs, targets), dz = loss.backward()")

    def __init__(self, own: Any) -> None:
        self.own = own
        super().__init__()
        self.unproven = True
        self.weighs = False                   # does it take sample weights? Looked at when the first come
        custom.check_takes(f"loss {self.title}", "forward", own.forward, ("outputs", "targets"))
        custom.check_takes(f"loss {self.title}", "backward", own.backward, ())

    def check_targets(self, targets: Any, n: int, units: int, dtype: Any) -> Any:
        """Whatever the user's loss understands, but no masked array."""
        checks.not_masked(self.title, "targets", targets)
        return targets

    def share(self) -> float:
        """Every row counts the same: what the user's loss divides by is not known."""
        return len(self.outputs)

    def prepare(self, shape: tuple[int, ...], dtype: Any) -> None:
        """It has no buffers of ours."""

    def compute(self, outputs: Array, targets: Array, weight: Array | None) -> float:
        """Ask the user's loss; a weight is passed on only where there is one."""
        self.outputs, self.targets, self.weight = outputs, targets, weight
        given = (outputs, targets) if weight is None else (outputs, targets, weight[:, 0])
        if weight is not None and not self.weighs:
            custom.check_takes(f"loss {self.title}", "forward", self.own.forward, ("outputs", "targets", "sample_weight"))
            self.weighs = True
        before = [copy.deepcopy(array) for array in given] if self.unproven else []
        self.value = custom.one_number(f"loss {self.title}: forward", self.own.forward(*given))
        if self.unproven:
            custom.check_kept(f"loss {self.title}: forward", ("outputs", "targets", "sample_weight"), given, before)
            custom.check_no_nan(f"loss {self.title}: forward returned", np.array(self.value), outputs, targets, weight)
        return self.value

    def compute_gradient(self) -> Array:
        """Ask the user's loss."""
        gradient = checks.real_array(f"loss {self.title}", "backward()", self.own.backward())
        if gradient.shape != self.outputs.shape:
            raise ValueError(
                f"loss {self.title}: backward() must return the shape of the outputs, {self.outputs.shape}, "
                f"got {gradient.shape}"
            )
        if self.unproven:
            custom.check_no_nan(f"loss {self.title}: backward returned", gradient, self.outputs, self.targets, self.weight)
            self.unproven = False
        self.grad_outputs = gradient = np.ascontiguousarray(gradient, self.outputs.dtype)
        return gradient

    @property
    def title(self) -> str:
        """The name of the user's class."""
        return type(self.own).__name__

    def arrays(self) -> dict[str, Any]:
        """Without single losses, which we do not know."""
        targets = self.targets if isinstance(self.targets, np.ndarray) else None
        value = np.array(self.value)
        return {"outputs": self.outputs, "targets": targets, "loss": value, "grad_outputs": self.grad_outputs}
