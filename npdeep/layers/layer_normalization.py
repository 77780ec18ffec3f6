"""The layer that normalizes each row by its own statistics."""

from collections.abc import Iterator
from typing import Any

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.initializers import Ones, Zeros
from npdeep.kernels.arrays import Array
from npdeep.kernels.layer_normalization import layer_normalization_backward, layer_normalization_forward
from npdeep.layers.base import Layer


class LayerNormalization(Layer):
    """y = γ x̂ + β with x̂ = (x − μ)/√(σ² + ε): mean and variance are those of the row, over its units.

    The same in training and in use, with one row or many: there is nothing to count and nothing to forget. A row whose variance
    overflows (inputs beyond some 1e19 in float32) gives NaN.

    Args:
        epsilon: keeps the root away from 0. 1e-5 as in PyTorch; Keras has 1e-3.
        center: learn β. scale: learn γ.
        name: numbered "layer_normalization", "layer_normalization_1", … if not given.

    Parameters: gamma (units,), beta (units,). Input and output (n, units).
    Source: Ba, Kiros, Hinton (2016), *Layer normalization*.

    >>> import npdeep as nd
    >>> nd.Sequential([nd.LayerNormalization()], input_size=2).predict([[1.0, 3.0]]).round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    default_name = "layer_normalization"
    forward_formula = Formula(
        "y = γ·x̂ + β, x̂ = (x − μ)/√(σ² + ε) of each row",
        r"y = \gamma \hat x + \beta,\ \hat x = (x - \mu_{\mathrm{row}})/\sqrt{\sigma^2_{\mathrm{row}} + \varepsilon}",
    )
    backward_formula = Formula(
        "dβ = Σ dy, dγ = Σ dy·x̂, dx = (g − mean g − x̂·mean(g·x̂))/√(σ² + ε), g = γ·dy",
        r"d\beta = \sum_i dy_i,\ d\gamma = \sum_i dy_i \hat x_i,\ "
        r"dx = \frac{1}{\sqrt{\sigma^2 + \varepsilon}} (g - \bar g - \hat x\, \overline{g \hat x}),\ g = \gamma\, dy",
    )
    kernels = (layer_normalization_forward, layer_normalization_backward)
    mean: Array
    inverse: Array
    normalized: Array
    scratch: Array
    column: Array

    def __init__(
        self, epsilon: float = 1e-5, center: bool = True, scale: bool = True, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.epsilon = checks.number("LayerNormalization", "epsilon", epsilon, above=0)
        if isinstance(epsilon, int):          # the width, which other libraries want
            raise ValueError(f"LayerNormalization: epsilon must be small, got {epsilon}; the width is that of the layer below")
        self.center = checks.flag("LayerNormalization", "center", center)
        self.scale = checks.flag("LayerNormalization", "scale", scale)

    def build(self, input_size: int) -> int:
        """gamma, beta (units,)."""
        if self.scale:
            self.gamma = self.add_parameter("gamma", (input_size,), Ones())
        if self.center:
            self.beta = self.add_parameter("beta", (input_size,), Zeros())
        return input_size

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """output, grad_input, x̂, the statistics of each row, and scratch."""
        yield from super().buffers(training)
        yield "normalized", self.output_size
        yield "mean", 1
        yield "inverse", 1
        yield "column", 1
        if training:
            yield "scratch", self.output_size

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = γ x̂ + β, by each row's own statistics."""
        gamma = self.gamma.value if self.scale else None
        beta = self.beta.value if self.center else None
        return layer_normalization_forward(
            x, gamma, beta, self.mean, self.inverse, self.normalized, self.output, self.column, self.epsilon
        )

    def backward(self, grad_output: Array) -> Array | None:
        """The gradients of gamma, beta and input."""
        return layer_normalization_backward(
            self.gamma.value if self.scale else None,
            self.inverse,
            self.normalized,
            grad_output,
            self.gamma.wanted if self.scale else None,
            self.beta.wanted if self.center else None,
            self.grad_input,
            self.scratch,
            self.column,
        )

    def forward_arrays(self) -> dict[str, Array]:
        """The parameters, and the statistics of each row."""
        shown = super().forward_arrays()
        output = shown.pop("output")
        return {**shown, "mean": self.mean, "normalized": self.normalized, "output": output}
