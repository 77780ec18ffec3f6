"""A leaky ReLU with random slopes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels.activations.rectifiers import draw_slopes, rrelu_backward, rrelu_forward
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer


class RReLU(Layer):
    """a = max(z, 0) + r min(z, 0): in training each r is drawn from U(lower, upper), else it is (lower + upper)/2.

    Args:
        lower, upper: the bounds of the slopes, 1/8 and 1/3 as in PyTorch; 0 ≤ lower ≤ upper ≤ 1.
        name: numbered "rrelu", "rrelu_1", … if not given.

    Input and output (n, units). Source: Xu et al. (2015), *Empirical evaluation of rectified activations*.

    >>> import npdeep as nd
    >>> nd.Sequential([nd.RReLU(0.25, 0.75)], input_size=2).predict([[-4.0, 4.0]])
    array([[-2.,  4.]], dtype=float32)
    """

    default_name = "rrelu"
    letters = ("z", "a")
    draws = True
    forward_formula = Formula("a = max(z, 0) + r·min(z, 0), r ~ U(l, u)", r"a = \max(z, 0) + r \min(z, 0),\ r \sim U(l, u)")
    backward_formula = Formula("dz = da·(1 where z > 0, else r)", r"dz = da \odot ([z > 0] + r [z \le 0])")
    kernels = (rrelu_forward, rrelu_backward)
    scratch: Array
    slopes: Array
    drawn: Array

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, *, name: str | None = None) -> None:
        super().__init__(name)
        self.lower = checks.number("RReLU", "lower", lower, minimum=0, maximum=1)
        self.upper = checks.number("RReLU", "upper", upper, minimum=self.lower, maximum=1)

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """output, grad_input, one scratch, and the slopes drawn in training."""
        yield from super().buffers(training)
        yield "scratch", self.output_size
        if training:
            yield "drawn", self.output_size

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = max(x, 0) + slopes · min(x, 0)."""
        if training:
            vars(self)["slopes"] = draw_slopes(self.rng, self.lower, self.upper, self.drawn)
        else:
            vars(self)["slopes"] = np.full(1, (self.lower + self.upper) / 2, x.dtype)
        return rrelu_forward(x, self.slopes, self.output, self.scratch)

    def backward(self, grad_output: Array) -> Array | None:
        """The gradient of the input, with the slopes of the forward pass."""
        if self.grad_input is None:
            return None
        return rrelu_backward(self.input, self.slopes, self.scratch, grad_output, self.grad_input)
