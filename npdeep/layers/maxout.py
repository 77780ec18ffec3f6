"""A dense layer whose units take the largest of several affine maps."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from npdeep import constraints, initializers, regularizers
from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels.activations.gates import maxout_backward, maxout_forward
from npdeep.kernels.affine import affine_backward, affine_forward
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer


class Maxout(Layer):
    """a_j = max_k (x W_k + b_k)_j: each unit learns its own convex activation out of `pieces` straight ones.

    Args:
        units: how many outputs.
        pieces: how many affine maps a unit chooses from, at least 2.
        use_bias, kernel_initializer, bias_initializer, kernel_regularizer, kernel_constraint, name: as in `nd.Dense`.

    Parameters: kernel (inputs, pieces·units), where columns k·units … (k+1)·units are piece k, and bias (pieces·units,).
    Input (n, inputs), output (n, units). Source: Goodfellow et al. (2013), *Maxout networks*.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Maxout(1, pieces=2, name="abs")], input_size=1)
    >>> model.layer("abs").kernel.value = [[1.0, -1.0]]
    >>> model.predict([[-3.0], [2.0]])
    array([[3.],
           [2.]], dtype=float32)
    """

    default_name = "maxout"
    letters = ("x", "a")
    forward_formula = Formula("a = max over k of xWₖ + bₖ", r"a = \max_k (x W_k + b_k)")
    backward_formula = Formula(
        "dz = da for the piece that won, else 0; dW = xᵀdz, db = Σ dz, dx = dz Wᵀ",
        r"dz_k = da\,[k = \arg\max],\ dW = x^\top dz,\ db = \sum_i dz_i,\ dx = dz\,W^\top",
    )
    kernels = (maxout_forward, maxout_backward)
    pre_activation: Array
    grad_pre_activation: Array
    winner: Array

    def __init__(
        self,
        units: int,
        pieces: int = 2,
        *,
        use_bias: bool = True,
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
        kernel_regularizer: str | regularizers.Regularizer | None = None,
        kernel_constraint: str | constraints.Constraint | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = checks.whole("Maxout", "units", units)
        self.pieces = checks.whole("Maxout", "pieces", pieces, minimum=2)
        self.use_bias = checks.flag("Maxout", "use_bias", use_bias)
        self.kernel_initializer = initializers.get("Maxout", "kernel_initializer", kernel_initializer)
        self.bias_initializer = initializers.get("Maxout", "bias_initializer", bias_initializer)
        self.kernel_regularizer = regularizers.get("Maxout", "kernel_regularizer", kernel_regularizer)
        self.kernel_constraint = constraints.get("Maxout", "kernel_constraint", kernel_constraint)

    def build(self, input_size: int) -> int:
        """kernel (inputs, pieces·units), bias (pieces·units,)."""
        self.fans = (input_size, self.units)
        self.kernel = self.add_parameter(
            "kernel",
            (input_size, self.pieces * self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_parameter("bias", (self.pieces * self.units,), self.bias_initializer)
        return self.units

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """output, grad_input, the affine maps, their gradient, and which piece won."""
        yield from super().buffers(training)
        yield "pre_activation", self.pieces * self.units
        yield "winner", self.units, np.int64
        if training:
            yield "grad_pre_activation", self.pieces * self.units

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = the largest of the pieces."""
        bias = self.bias.value if self.use_bias else None
        z = affine_forward(x, self.kernel.value, bias, self.pre_activation)
        return maxout_forward(z.reshape(len(x), self.pieces, self.units), self.output, self.winner)

    def backward(self, grad_output: Array) -> Array | None:
        """The winners pass the gradient to the affine map, and that to kernel, bias and input."""
        pieces = (len(grad_output), self.pieces, self.units)
        dz = self.grad_pre_activation
        maxout_backward(self.pre_activation.reshape(pieces), self.winner, grad_output, dz.reshape(pieces))
        grad_bias = self.bias.wanted if self.use_bias else None
        return affine_backward(self.input, self.kernel.value, dz, self.kernel.wanted, grad_bias, self.grad_input)
