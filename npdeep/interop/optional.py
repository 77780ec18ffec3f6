"""What all doors begin with: the library on the other side, and the model on this one."""

from typing import Any

from npdeep.common import checks
from npdeep.common.optional import needed as needed
from npdeep.models.sequential import Sequential


def check_model(owner: str, model: Any) -> Sequential:
    """The model, or a TypeError.

    >>> check_model("onnx.export", 3)
    Traceback (most recent call last):
    TypeError: onnx.export: model must be a Sequential of npdeep, got 3
    """
    if not isinstance(model, Sequential):
        cure = "; pass trainer.model" if isinstance(getattr(model, "model", None), Sequential) else ""
        raise TypeError(f"{owner}: model must be a Sequential of npdeep, got {checks.describe(model)}{cure}")
    return model
