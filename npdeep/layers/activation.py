"""The layer that applies an activation function."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from npdeep import activations
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.layers.base import PASSES, Layer

ROOM = {"output": "a", "grad_input": "dz"}
"""Where the functions of a custom rule may write: not into `output` and `grad_input`, which are what they have returned."""


class Activation(Layer):
    """a = f(z), element by element (softmax and its variants: row by row).

    Args:
        activation: a name, for example "relu", "elu", "sigmoid"; nd.activations.RULES lists them all. Or an
            nd.activations.Rule of your own.
        parameters: by keyword, for example Activation("leaky_relu", negative_slope=0.2); the attributes of these names may be
            set between steps.
        name: numbered "activation", "activation_1", … if not given.

    Input and output (n, units). No parameters to train.
    Raises ValueError for an unknown name (with the nearest one suggested) and for senseless values, TypeError for an unknown
    or missing parameter.

    >>> import npdeep as nd
    >>> nd.Sequential([nd.Activation("leaky_relu", negative_slope=0.5)], input_size=2).predict([[-2.0, 3.0]])
    array([[-1.,  3.]], dtype=float32)
    """

    default_name = "activation"
    letters = ("z", "a")
    a: Array
    dz: Array

    def __init__(self, activation: str | activations.Rule, *, name: str | None = None, **parameters: float) -> None:
        super().__init__(name)
        self.rule = activations.lookup(activation)
        self.activation = self.rule.name
        self.custom = activations.RULES.get(self.activation) is not self.rule
        self.unproven = {*PASSES} if self.custom else self.unproven
        self.given = parameters
        numbers = activations.check_parameters(self.rule, parameters)
        vars(self).update(numbers)            # layer.negative_slope = 0.2
        self.values = tuple(numbers.values())
        self.kernels = (self.rule.forward, self.rule.backward)
        self.forward_formula = self._with_numbers(self.rule.formula)
        self.backward_formula = self._with_numbers(self._backward_formula())
        self.workspace: tuple[Array, ...] = ()

    def arguments(self, kind: type | None = None) -> dict[str, Any]:
        """The name of the activation or the rule, the parameters that were given, and the name of the layer."""
        return {"activation": self.rule if self.custom else self.activation, **self.given, "name": self.short_name}

    @property
    def title(self) -> str:
        """With the name of the activation."""
        return f"Activation({self.activation!r}) {self.name!r}"

    @property
    def further_arguments(self) -> Iterable[str]:
        """The parameters of this activation."""
        return self.rule.parameters

    def _with_numbers(self, formula: Formula) -> Formula:
        """The formula, and after it the numbers of its parameters."""
        if not self.values:
            return formula
        numbers = dict(zip(self.rule.parameters, self.values, strict=True))
        text = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        latex = r",\ ".join(rf"\mathrm{{{name.replace('_', ' ')}}} = {value:.4g}" for name, value in numbers.items())
        return Formula(f"{formula.unicode} ({text})", rf"{formula.latex}\ ({latex})")

    def _backward_formula(self) -> Formula:
        if self.rule.whole_row:
            return self.rule.derivative
        text, latex = self.rule.derivative.unicode, self.rule.derivative.latex
        return Formula(f"dz = da·({text})", rf"dz = da \odot ({latex})")

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """output, grad_input, and whatever else the kernels of this activation need."""
        for name, width in super().buffers(training):
            yield (ROOM[name] if self.custom else name), width
        for i, kind in enumerate(self.rule.workspace):
            width = 1 if kind == "column" else self.output_size
            yield (f"workspace_{i}", width, np.bool_) if kind == "mask" else (f"workspace_{i}", width)

    def allocate(self, rows: int, training: bool, dtype: Any) -> None:
        """The buffers, and the workspace gathered in the kernels' order."""
        super().allocate(rows, training, dtype)
        self.workspace = tuple(getattr(self, f"workspace_{i}") for i in range(len(self.rule.workspace)))

    def forget(self) -> None:
        """Drop the workspace too."""
        super().forget()
        self.workspace = ()

    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest of the outputs for inputs from −100 to 100: 0 and 1 for sigmoid, −1 and 1 for tanh."""
        z = np.linspace(-100, 100, 2001)[None, :]
        workspace = activations.make_workspace(self.rule, 1, z.size, z.dtype)
        outputs = self.rule.forward(z, np.empty_like(z), *workspace, *self.values)
        return float(outputs.min()), float(outputs.max())

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = f(x)."""
        out = self.a if self.custom else self.output
        return self.rule.forward(x, out, *self.workspace, *self.values)

    def backward(self, grad_output: Array) -> Array | None:
        """grad_input = grad_output · f'(input)."""
        if not self.passes_gradient:          # nothing to train below
            return None
        out = self.dz if self.custom else self.grad_input
        return self.rule.backward(self.input, self.output, *self.workspace, grad_output, out, *self.values)
