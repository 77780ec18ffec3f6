"""Dropout in three kinds: units are silenced or shaken at random while training, and left alone otherwise."""

import math
from collections.abc import Iterator
from typing import Any

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels import dropout as kernels
from npdeep.kernels.activations.exponentials import SELU_ALPHA, SELU_SCALE
from npdeep.kernels.arrays import Array
from npdeep.layers.base import NOTHING_YET, Layer


class Dropout(Layer):
    """In training every unit is set to 0 with probability `rate`, and the others are divided by 1 − rate.

    So the expected value stays what it was, and nothing has to be scaled when the network is used ("inverted" dropout); then
    the layer passes its input on. TensorFlow 1 speaks of keep_prob = 1 − rate.

    Args:
        rate: the probability to drop a unit, at least 0 and below 1. The attribute of this name may be changed between
            steps. 16 random bits decide over a unit, 32 where 16 would miss the rate by more than a ten-thousandth.
        name: numbered "dropout", "dropout_1", … if not given.

    Attributes:
        mask: (n, units), 0 or 1/(1 − rate): which units the last training pass kept.

    Input and output (n, units). Source: Srivastava et al. (2014), *Dropout*.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dropout(0.5)], input_size=4, seed=1)
    >>> model.predict([[1.0, 2.0, 3.0, 4.0]])
    array([[1., 2., 3., 4.]], dtype=float32)
    >>> model.forward([[1.0, 2.0, 3.0, 4.0]], training=True)
    array([[2., 0., 0., 8.]], dtype=float32)
    """

    default_name = "dropout"
    draws = True
    forward_formula = Formula(
        "y = x·mask, mask = 1/(1 − p) where kept, else 0",
        r"y = x \odot m,\ m = b/(1 - p),\ b \sim \mathrm{Bernoulli}(1 - p)",
    )
    backward_formula = Formula("dx = dy·mask", r"dx = dy \odot m")
    kernels: Any = (kernels.dropout_forward, kernels.dropout_backward)
    mask: Array = NOTHING_YET
    output_buffer: Array
    grad_buffer: Array

    def __init__(self, rate: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = checks.number(type(self).__name__, "rate", rate, minimum=0, below=1)
        self.bits = kernels.bits_for(self.rate)

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """In training: room for output, grad_input and mask."""
        if training:
            yield "output_buffer", self.output_size
            yield "grad_buffer", self.input_size
            yield "mask", self.input_size

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = input · mask in training, the input itself otherwise."""
        if not training or self.rate == 0:
            return x
        words = kernels.random_words(self.rng, x.size, self.bits)
        kernels.dropout_mask(words, kernels.keep_steps(self.rate, self.bits), 1 / (1 - self.rate), self.mask)
        return kernels.dropout_forward(x, self.mask, self.output_buffer)

    def backward(self, grad_output: Array) -> Array | None:
        """grad_input = grad_output · mask."""
        if not self.passes_gradient:
            return None
        if self.output is self.input:         # nothing was dropped
            return grad_output
        return kernels.dropout_backward(self.mask, grad_output, self.grad_buffer)

    def forward_arrays(self) -> dict[str, Array]:
        """Input, mask, output."""
        return {"input": self.input, "mask": self.mask, "output": self.output}


class GaussianDropout(Dropout):
    """In training every unit is multiplied by a number from N(1, rate/(1 − rate)): mean and variance as with dropout.

    Args and attributes as in `nd.Dropout`; mask holds the factors. Source: Srivastava et al. (2014), section 10.

    >>> import npdeep as nd
    >>> nd.Sequential([nd.GaussianDropout(0.5)], input_size=2).predict([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """

    default_name = "gaussian_dropout"
    forward_formula = Formula("y = x·mask, mask ~ N(1, p/(1 − p))", r"y = x \odot m,\ m \sim N(1, p/(1 - p))")
    backward_formula = Formula("dx = dy·mask", r"dx = dy \odot m")

    @property
    def stddev(self) -> float:
        """√(rate/(1 − rate)), the standard deviation of the factors."""
        return math.sqrt(self.rate / (1 - self.rate))

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = input · mask in training, the input itself otherwise."""
        if not training or self.rate == 0:
            return x
        kernels.gaussian_mask(self.rng, self.stddev, self.mask)
        return kernels.dropout_forward(x, self.mask, self.output_buffer)


class AlphaDropout(Dropout):
    """Dropout for SELU networks: dropped units go to SELU's lower limit −λα, then a scale and a shift bring mean and variance
    back to what they were.

    Args as in `nd.Dropout`. Attributes: mask (n, units), 1 where kept, 0 where dropped; a, b: the scale and the shift.
    Source: Klambauer et al. (2017), *Self-normalizing neural networks*, section 2.

    >>> layer = AlphaDropout(0.1)
    >>> round(layer.a, 5), round(layer.b, 5)
    (0.92128, 0.16197)
    """

    default_name = "alpha_dropout"
    forward_formula = Formula(
        "y = a·(x·mask − λα·(1 − mask)) + b",
        r"y = a (x \odot m - \lambda\alpha (1 - m)) + b,\ m \sim \mathrm{Bernoulli}(1 - p)",
    )
    backward_formula = Formula("dx = a·dy·mask", r"dx = a\, dy \odot m")
    kernels = (kernels.alpha_dropout_forward, kernels.alpha_dropout_backward)
    floor = -SELU_SCALE * SELU_ALPHA

    @property
    def a(self) -> float:
        """The scale ((1 − rate)(1 + rate · floor²))^{−1/2}, floor = −λα."""
        return float(((1 - self.rate) * (1 + self.rate * self.floor**2)) ** -0.5)

    @property
    def b(self) -> float:
        """The shift −a · rate · floor."""
        return -self.a * self.rate * self.floor

    def forward(self, x: Array, training: bool = False) -> Array:
        """output = a · (input where kept, else −λα) + b in training, the input itself otherwise."""
        if not training or self.rate == 0:
            return x
        words = kernels.random_words(self.rng, x.size, self.bits)
        kernels.dropout_mask(words, kernels.keep_steps(self.rate, self.bits), 1.0, self.mask)
        return kernels.alpha_dropout_forward(x, self.mask, self.output_buffer, self.a, self.b, self.floor)

    def backward(self, grad_output: Array) -> Array | None:
        """grad_input = a · grad_output where the unit was kept."""
        if not self.passes_gradient:
            return None
        if self.output is self.input:         # nothing was dropped
            return grad_output
        return kernels.alpha_dropout_backward(self.mask, grad_output, self.grad_buffer, self.a)
