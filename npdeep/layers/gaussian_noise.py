"""Additive noise."""

from collections.abc import Iterator
from typing import Any

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.kernels.dropout import gaussian_noise_forward
from npdeep.layers.base import Layer


class GaussianNoise(Layer):
    """In training a number from N(0, stddev²) is added to every unit; otherwise the input passes as it is.

    Args:
        stddev: standard deviation of the noise, at least 0.
        name: numbered "gaussian_noise", "gaussian_noise_1", … if not given.

    Input and output (n, units).

    >>> import npdeep as nd
    >>> nd.Sequential([nd.GaussianNoise(0.5)], input_size=2).predict([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """

    default_name = "gaussian_noise"
    draws = True
    forward_formula = Formula("y = x + ε, ε ~ N(0, σ²)", r"y = x + \varepsilon,\ \varepsilon \sim N(0, \sigma^2)")
    backward_formula = Formula("dx = dy", "dx = dy")
    kernels = (gaussian_noise_forward, None)

    def __init__(self, stddev: float = 0.1, *, name: str | None = None) -> None:
        super().__init__(name)
        self.stddev = checks.number("GaussianNoise", "stddev", stddev, minimum=0)

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """The output, in training."""
        if training:
            yield "output", self.output_size

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = input + noise in training, the input itself otherwise."""
        if not training:
            return x
        return gaussian_noise_forward(x, self.rng, self.stddev, self.output)

    def backward(self, grad_output: Array) -> Array | None:
        """The gradient passes as it is: ∂output/∂input = 1."""
        return grad_output if self.passes_gradient else None
