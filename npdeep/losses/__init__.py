"""Losses: the one number that training makes small, and its gradient with respect to the outputs."""

from typing import Any

from npdeep.common import checks
from npdeep.losses.base import Loss, check_weights
from npdeep.losses.classification import BinaryCrossEntropy, Hinge, KLDivergence, SoftmaxCrossEntropy, SquaredHinge
from npdeep.losses.own import OwnLoss
from npdeep.losses.regression import Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, Poisson

__all__ = [
    "BinaryCrossEntropy",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "OwnLoss",
    "Poisson",
    "SoftmaxCrossEntropy",
    "SquaredHinge",
    "check_weights",
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
HINTS = {
    "cross_entropy": "softmax_cross_entropy",
    "crossentropy": "softmax_cross_entropy",
    "categorical_crossentropy": "softmax_cross_entropy",
    "sparse_categorical_crossentropy": "softmax_cross_entropy",
    "sparse_softmax_cross_entropy": "softmax_cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "bce": "binary_cross_entropy",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "kld": "kl_divergence",
}


def get(loss: Any) -> Loss:
    """A loss from its name, an object of nd.losses, or any object with forward and backward.

    >>> get("mean_squared_error")
    MeanSquaredError()
    >>> get("mse")
    Traceback (most recent call last):
    ValueError: Trainer: unknown loss 'mse'; did you mean 'mean_squared_error'? Known: binary_cross_entropy, hinge, huber, \
kl_divergence, log_cosh, mean_absolute_error, mean_squared_error, poisson, softmax_cross_entropy, squared_hinge
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        return KNOWN[checks.choice("Trainer", "loss", loss, KNOWN, HINTS)]()
    if isinstance(loss, type) or not (callable(getattr(loss, "forward", None)) and callable(getattr(loss, "backward", None))):
        raise TypeError(
            "Trainer: loss must be a name, an object of nd.losses, or an object with forward(outputs, targets) and backward(); "
            f"got {checks.describe(loss)}"
        )
    return OwnLoss(loss)
