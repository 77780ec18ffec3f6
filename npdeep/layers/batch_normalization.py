"""Batch normalization."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.initializers import Ones, Zeros
from npdeep.kernels.arrays import Array
from npdeep.kernels.batch_normalization import (
    batch_normalization_backward,
    batch_normalization_forward,
    batch_normalization_inference_backward,
    batch_normalization_inference_forward,
    update_moving_average,
)
from npdeep.layers.base import NOTHING_YET, Layer

INFERENCE_FORMULA = Formula(
    "y = γ·x̂ + β, x̂ = (x − moving mean)/√(moving variance + ε)",
    r"y = \gamma \hat x + \beta,\ \hat x = (x - \hat\mu)/\sqrt{\hat\sigma^2 + \varepsilon}",
)
INFERENCE_BACKWARD_FORMULA = Formula(
    "dβ = Σ dy, dγ = Σ dy·x̂, dx = γ/√(moving variance + ε)·dy",
    r"d\beta = \sum_i dy_i,\ d\gamma = \sum_i dy_i \hat x_i,\ dx = \frac{\gamma}{\sqrt{\hat\sigma^2 + \varepsilon}} dy",
)


class BatchNormalization(Layer):
    """Each unit is centred and scaled by the batch's mean and variance, then by what it learns: y = γ(x − μ)/√(σ² + ε) + β.

    While training, moving_mean and moving_variance follow the batches: v ← v · momentum + batch · (1 − momentum). When not
    training, they take the place of μ and σ². Where the variance of a unit overflows (inputs beyond some 1e19 in float32), its
    outputs are NaN.

    A batch of one row has no statistics of its own: x − μ would be 0 and the output β whatever x is, the gradient of x would
    be 0, and a variance of 0 would enter moving_variance. So in training too a single row is normalized by the moving
    statistics, x̂ = (x − moving mean)/√(moving variance + ε), which depend on no x of this batch, so that dx is simply
    γ/√(moving variance + ε)·dy; and they are left alone. A last batch of one row is thus trained on as the network will be
    used. Where all batches have one row there is nothing to normalize by: `fit` refuses that, and in `step` and `walk` the
    statistics stay at their start, which passes x on as it is.

    Args:
        momentum: 0.9. After k batches 0.9^k of the start (mean 0, variance 1) is left. PyTorch's momentum is 1 − ours.
        epsilon: 1e-5, as in the chapter's text and PyTorch; TensorFlow 1 and Keras have 1e-3.
        center, scale: False leaves out β or γ.
        name: numbered "batch_normalization", "batch_normalization_1", … if not given.

    Attributes:
        use_moving_statistics: True normalizes with the running values in training too and leaves them alone. It is True where
            the layer has parameters and all of them are frozen, by `model.freeze` or by `p.trainable = False`, and False once
            one of them is trained again. Assign True or False to decide yourself; freeze and unfreeze undo that.
        mean, variance: of the last batch, (units,). centered: input − mean, (n, units). inverse: 1/√(variance + epsilon).

    Parameters: gamma, beta (units,); not trained: moving_mean, moving_variance (units,). Input and output (n, units). The
    variance is the biased one everywhere; PyTorch's running variance is the unbiased one. For a single row in training PyTorch
    raises, Keras computes β.
    Source: Ioffe & Szegedy (2015), *Batch normalization*.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.BatchNormalization(name="bn")], input_size=1)
    >>> model.forward([[1.0], [3.0]], training=True).round(3)
    array([[-1.],
           [ 1.]], dtype=float32)
    >>> model.layer("bn").moving_mean.value
    array([0.2], dtype=float32)
    """

    default_name = "batch_normalization"
    batch_statistics = True
    forward_formula = Formula(
        "y = γ·x̂ + β, x̂ = (x − μ)/√(σ² + ε)", r"y = \gamma \hat x + \beta,\ \hat x = (x - \mu)/\sqrt{\sigma^2 + \varepsilon}"
    )
    backward_formula = Formula(
        "dβ = Σ dy, dγ = Σ dy·x̂, dx = γ/√(σ² + ε)·(dy − dβ/n − x̂·dγ/n)",
        r"d\beta = \sum_i dy_i,\ d\gamma = \sum_i dy_i \hat x_i,\ "
        r"dx = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}} (dy - d\beta/n - \hat x\, d\gamma/n)",
    )
    kernels = (batch_normalization_forward, batch_normalization_backward)
    shared: tuple[Callable[..., Any], Callable[..., Any]] | None = None
    """Kernels for rows in several processes, where there are some."""
    centered: Array = NOTHING_YET
    grad_buffer: Array
    vectors: Array
    mean: Array = NOTHING_YET
    variance: Array = NOTHING_YET
    inverse: Array = NOTHING_YET
    row: Array
    ones: Array
    sum_gamma: Array
    sum_beta: Array

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.momentum = checks.number("BatchNormalization", "momentum", momentum, minimum=0, maximum=1)
        self.epsilon = checks.number("BatchNormalization", "epsilon", epsilon, above=0)
        self.center = checks.flag("BatchNormalization", "center", center)
        self.scale = checks.flag("BatchNormalization", "scale", scale)
        self.used_moving_statistics = False

    def build(self, input_size: int) -> int:
        """gamma, beta (units,); moving_mean, moving_variance (units,)."""
        shape = (input_size,)
        if self.scale:
            self.gamma = self.add_parameter("gamma", shape, Ones())
        if self.center:
            self.beta = self.add_parameter("beta", shape, Zeros())
        self.moving_mean = self.add_parameter("moving_mean", shape, Zeros(), has_grad=False)
        self.moving_variance = self.add_parameter("moving_variance", shape, Ones(), has_grad=False)
        return input_size

    def statistics(self) -> tuple[Array, Array] | None:
        """Those of the batch, where they were used."""
        return None if self.used_moving_statistics else (self.mean, self.variance)

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """output, x − μ, and the gradient of the input, which serves as scratch even where it is not needed."""
        yield "output", self.output_size
        yield "centered", self.output_size
        if training:
            yield "ones", 1
            yield "grad_buffer", self.input_size

    def allocate(self, rows: int, training: bool, dtype: Any) -> None:
        """The buffers of n rows, and the vectors of one number per unit."""
        super().allocate(rows, training, dtype)
        if training:
            self.ones.fill(1)
            self.ones = self.ones[:, 0]       # (n,): ones @ x sums x over its rows
        if self.vectors.size == 0:
            self.vectors = np.zeros((6, self.output_size), dtype)
            self.mean, self.variance, self.inverse, self.row, self.sum_gamma, self.sum_beta = self.vectors

    def forget(self) -> None:
        """Drop the vectors too."""
        super().forget()
        self.vectors = np.empty(0)

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = γ x̂ + β, by the batch's statistics in training, by the moving ones otherwise and for a single row."""
        gamma = self.gamma.value if self.scale else None
        beta = self.beta.value if self.center else None
        moving_mean, moving_variance = self.moving_mean.value, self.moving_variance.value
        vars(self)["used_moving_statistics"] = not training or len(x) == 1 or self.use_moving_statistics
        if self.used_moving_statistics:
            return batch_normalization_inference_forward(
                x, gamma, beta, moving_mean, moving_variance, self.inverse, self.centered, self.output, self.row, self.epsilon
            )
        statistics = (self.mean, self.variance, self.inverse)
        kernel = batch_normalization_forward if self.shared is None else self.shared[0]
        kernel(x, gamma, beta, *statistics, self.centered, self.output, self.row, self.ones, self.epsilon)
        update_moving_average(moving_mean, self.mean, self.momentum, self.row)
        update_moving_average(moving_variance, self.variance, self.momentum, self.row)
        return self.output

    def backward(self, grad_output: Array) -> Array | None:
        """The gradients of gamma, beta and input."""
        gamma = self.gamma.value if self.scale else None
        grad_gamma = self.gamma.wanted if self.scale else None
        grad_beta = self.beta.wanted if self.center else None
        kernel = batch_normalization_backward if self.shared is None else self.shared[1]
        if self.used_moving_statistics:
            kernel = batch_normalization_inference_backward
        kernel(
            gamma,
            self.inverse,
            self.centered,
            grad_output,
            self.sum_gamma if grad_gamma is None else grad_gamma,    # the sums are needed all the same
            self.sum_beta if grad_beta is None else grad_beta,
            self.grad_buffer,
            self.row,
            self.ones,
        )
        return self.grad_buffer if self.passes_gradient else None

    def forward_operation(self) -> tuple[Formula, Any]:
        """By the batch's statistics, or by the moving ones."""
        if self.used_moving_statistics:
            return INFERENCE_FORMULA, batch_normalization_inference_forward
        return super().forward_operation()

    def backward_operation(self) -> tuple[Formula, Any]:
        """Through the batch's statistics, or past the moving ones."""
        if self.used_moving_statistics:
            return INFERENCE_BACKWARD_FORMULA, batch_normalization_inference_backward
        return super().backward_operation()

    def forward_arrays(self) -> dict[str, Array]:
        """The parameters, and the statistics that were used."""
        shown = super().forward_arrays()
        output = shown.pop("output")
        if self.used_moving_statistics:
            return {**shown, "centered": self.centered, "output": output}
        return {**shown, "mean": self.mean, "variance": self.variance, "centered": self.centered, "output": output}
