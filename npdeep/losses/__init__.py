"""Losses: the one number that training makes small, and its gradient with respect to the outputs."""

from typing import TYPE_CHECKING, Any

from npdeep.common import checks, custom
from npdeep.common.foreign_names import LOSSES, expanded
from npdeep.common.hinting import asked, offered
from npdeep.losses.base import Loss, check_weights, check_y
from npdeep.losses.classification import BinaryCrossEntropy, Hinge, KLDivergence, SoftmaxCrossEntropy, SquaredHinge
from npdeep.losses.own import LossLike, OwnLoss
from npdeep.losses.regression import Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, Poisson

__all__ = [
    "BinaryCrossEntropy",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossLike",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "OwnLoss",
    "Poisson",
    "SoftmaxCrossEntropy",
    "SquaredHinge",
    "check_weights",
    "check_y",
    "get",
]

KNOWN: dict[str, type[Loss]] = {
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "huber": Huber,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "kl_divergence": KLDivergence,
    "poisson": Poisson,
    "log_cosh": LogCosh,
}
HINTS = expanded(LOSSES)
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__)


def get(loss: Any, owner: str = "Trainer") -> Loss:
    """A loss from its name, an object of nd.losses, or any object with forward and backward.

    >>> get("mean_squared_error")
    MeanSquaredError()
    >>> get("mse")
    Traceback (most recent call last):
    ValueError: Trainer: unknown loss 'mse'; did you mean 'mean_squared_error'? Known: binary_cross_entropy, hinge, huber, \
kl_divergence, log_cosh, mean_absolute_error, mean_squared_error, poisson, softmax_cross_entropy, squared_hinge
    """
    if isinstance(loss, Loss):
        custom.check_begun(owner, loss, "weighting")
        return loss
    if isinstance(loss, str):
        return KNOWN[checks.choice(owner, "loss", loss, KNOWN, HINTS)]()
    if isinstance(loss, type) or not (callable(getattr(loss, "forward", None)) and callable(getattr(loss, "backward", None))):
        raise TypeError(
            f"{owner}: loss must be a name, an object of nd.losses, or an object with forward(outputs, targets) and "
            f"backward(); got {checks.describe(loss)}"
        )
    return OwnLoss(loss)
