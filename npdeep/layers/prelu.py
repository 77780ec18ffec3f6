"""A leaky ReLU that learns its slopes."""

from collections.abc import Iterator
from typing import Any

from npdeep import initializers
from npdeep.common.events import Formula
from npdeep.kernels.activations.rectifiers import prelu_backward, prelu_forward
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer


class PReLU(Layer):
    """a = max(z, 0) + α_j min(z, 0), with a slope α_j for every unit that is learnt like a weight.

    Args:
        alpha_initializer: the first slopes; "zeros" as in Keras (a ReLU to begin with). PyTorch begins with 0.25:
            nd.initializers.Constant(0.25).
        name: numbered "prelu", "prelu_1", … if not given.

    Parameter: alpha (units,). Input and output (n, units).
    Source: He et al. (2015), *Delving deep into rectifiers*.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.PReLU(nd.initializers.Constant(0.25))], input_size=2)
    >>> model.predict([[-4.0, 4.0]])
    array([[-1.,  4.]], dtype=float32)
    """

    default_name = "prelu"
    letters = ("z", "a")
    forward_formula = Formula("a = max(z, 0) + α·min(z, 0)", r"a = \max(z, 0) + \alpha \min(z, 0)")
    backward_formula = Formula(
        "dα = Σ da·min(z, 0), dz = da·(1 where z > 0, else α)",
        r"d\alpha = \sum_i da_i \min(z_i, 0),\ dz = da \odot ([z > 0] + \alpha [z \le 0])",
    )
    kernels = (prelu_forward, prelu_backward)

    def __init__(self, alpha_initializer: str | initializers.Initializer = "zeros", *, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha_initializer = initializers.get("PReLU", "alpha_initializer", alpha_initializer)

    def build(self, input_size: int) -> int:
        """alpha (units,)."""
        self.fans = (input_size, input_size)
        self.alpha = self.add_parameter("alpha", (input_size,), self.alpha_initializer)
        return input_size

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """output, grad_input and one scratch."""
        yield from super().buffers(training)
        yield "scratch", self.output_size

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = max(x, 0) + alpha · min(x, 0)."""
        return prelu_forward(x, self.alpha.value, self.output, self.scratch)

    def backward(self, grad_output: Array) -> Array | None:
        """The gradients of alpha and input."""
        return prelu_backward(
            self.input, self.alpha.value, self.scratch, grad_output, self.alpha.wanted, self.grad_input
        )

    scratch: Array
