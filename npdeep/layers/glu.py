"""The gated linear unit."""

from collections.abc import Iterator
from typing import Any

from npdeep.common.events import Formula
from npdeep.kernels.activations.gates import glu_backward, glu_forward
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer


class GLU(Layer):
    """y = u ⊙ σ(v) with u and v the left and the right half of the input: half as wide going out as coming in.

    Args:
        name: numbered "glu", "glu_1", … if not given.

    Input (n, 2·units), output (n, units). Raises ValueError where the input width is odd.
    Source: Dauphin et al. (2017), *Language modeling with gated convolutional networks*.

    >>> import npdeep as nd
    >>> nd.Sequential([nd.GLU()], input_size=4).predict([[3.0, 5.0, 0.0, 100.0]])
    array([[1.5, 5. ]], dtype=float32)
    """

    default_name = "glu"
    forward_formula = Formula("y = u·σ(v), x = [u, v]", r"y = u \odot \sigma(v),\ x = [u, v]")
    backward_formula = Formula(
        "du = dy·s, dv = dy·y(1 − s), s = σ(v)", r"du = dy \odot s,\ dv = dy \odot y (1 - s),\ s = \sigma(v)"
    )
    kernels = (glu_forward, glu_backward)
    gate: Array
    scratch: Array

    def build(self, input_size: int) -> int:
        """Half the width."""
        if input_size % 2:
            raise ValueError(
                f"{self.title}: the input width must be divisible by 2, got {input_size}; change the units of the layer below"
            )
        return input_size // 2

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """output, grad_input and the gate σ(v)."""
        yield from super().buffers(training)
        yield "gate", self.output_size
        yield "scratch", self.output_size

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = left half · σ(right half)."""
        return glu_forward(x, self.output, self.gate, self.scratch)

    def backward(self, grad_output: Array) -> Array | None:
        """The gradient of both halves."""
        if self.grad_input is None:
            return None
        return glu_backward(self.input, self.output, self.gate, grad_output, self.grad_input)
