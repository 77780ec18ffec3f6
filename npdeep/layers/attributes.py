"""Which attributes a layer has for others: what can be read before it is in a model, and what can be set in one."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from npdeep.common import checks
from npdeep.common.hints import LAYER, by_name
from npdeep.kernels.arrays import Array
from npdeep.layers.batch_statistics import BatchStatistics
from npdeep.parameters import Parameter

BUILT_IN = r"^(units|pieces|use_bias|center|scale|activation|name|.*_(initializer|regularizer|constraint))$"
"""Arguments that have done their work once a layer is in a model."""
HELD = ("layers", "projection", "branches", "split", "merge")
"""Arguments that have done their work once a layer is made."""


class Attributes(BatchStatistics):
    """Base of all layers: says what is there, and why something is not, or cannot be set.

    >>> import npdeep as nd
    >>> nd.Dense(3).kernel
    Traceback (most recent call last):
    AttributeError: Dense has no 'kernel' yet: its shapes are known once it is in a model, nd.Sequential([...], input_size)
    """

    foreign = by_name(LAYER)
    offers = (
        "input output grad_output grad_input input_size output_size parameters forward backward build add_parameter hold rng "
        "use_moving_statistics arguments clone mask mean variance centered inverse normalized slopes layers branches a b"
    )
    built: bool
    precision: Any

    if TYPE_CHECKING:                         # what model.layer("hidden1") may have, for editors and mypy
        kernel: Parameter
        bias: Parameter
        gamma: Parameter
        beta: Parameter
        alpha: Parameter
        moving_mean: Parameter
        moving_variance: Parameter
        units: int
        momentum: float
        epsilon: float
        rate: float
        activation: str
        mask: Array
    else:

        def __getattr__(self, name: str) -> Any:
            """Called for what is not there: parameters before the layer is in a model, buffers before a pass."""
            there = name.startswith("_") or name in self.foreign or hasattr(type(self), name)
            if not there and not vars(self).get("built", True):
                raise AttributeError(
                    f"{type(self).__name__} has no {name!r} yet: its shapes are known once it is in a model, "
                    "nd.Sequential([...], input_size)"
                )
            return super().__getattr__(name)

    def take_precision(self, dtype: Any) -> None:
        """Take note of the dtype of the model. Raises ValueError where an ε of the layer is lost in it."""
        self.precision = dtype
        self.check_changes("epsilon", {"epsilon": getattr(self, "epsilon", 1.0)})

    def check_changes(self, name: str, changes: Mapping[str, Any]) -> None:
        """Raise where ε is too small for the model."""
        if self.built and "epsilon" in changes and type(self).__module__.startswith("npdeep."):
            harm = "equal numbers, of variance 0, would give 0/0"
            checks.epsilon(type(self).__name__, changes["epsilon"], self.precision, harm)

    def is_offered(self, name: str) -> bool:
        """Its parameters are, and those of an activation."""
        return isinstance(vars(self).get(name), Parameter) or name in self.further_arguments

    def settable(self) -> Iterable[str]:
        """The arguments, and which statistics are used."""
        return {*super().settable(), "use_moving_statistics"}

    def why_settled(self, name: str) -> str:
        """Parameters cannot be replaced, nor what is built into them: the model would keep the old ones."""
        if isinstance(vars(self).get(name), Parameter):
            return f"it is a parameter of the model; write layer.{name}.value = array"
        if name in HELD and name in vars(self):
            return "its layers are in it already; make a new layer"
        if self.built and name in vars(self) and re.search(BUILT_IN, name):
            return "the layer is in a model already; make a new layer and a new model"
        return ""
