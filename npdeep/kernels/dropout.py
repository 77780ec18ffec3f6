"""Noise for training: dropout in three kinds, and Gaussian noise. When the network is not training they do nothing.

x, y, dy, dx, mask and noise have the shape (n, units). The mask of the forward pass is kept: the backward pass must meet
the very same units.
"""

import numpy as np

from npdeep.kernels.arrays import Array

CLOSE = 1e-4
"""So far may the realized probabilities lie from the wanted ones, relative to them, before more bits are drawn."""


def keep_steps(rate: float, bits: int = 16) -> int:
    """How many of the 2^bits numbers mean "keep", for a rate above 0 and below 1.

    >>> keep_steps(0.5)
    32768
    """
    words: int = 2**bits
    return min(max(round((1 - rate) * words), 1), words - 1)


def bits_for(rate: float) -> int:
    """How many random bits decide over one unit: 16, or 32 where 16 cannot express a rate near 0 or 1.

    >>> bits_for(0.5), bits_for(0.9999)
    (16, 32)
    """
    error = abs(keep_steps(rate) / 2**16 - (1 - rate))
    return 16 if error <= CLOSE * min(rate, 1 - rate) else 32


def random_words(rng: np.random.Generator, n: int, bits: int = 16) -> Array:
    """Random numbers 0 … 2^bits − 1, n of them, unsigned: the generator's raw 64-bit words, each cut into four or two.

    Asking for uniform numbers in [0, 1) instead takes several times as long.

    >>> random_words(np.random.default_rng(0), 3).shape
    (3,)
    """
    in_one = 64 // bits
    words: Array = rng.bit_generator.random_raw((n + in_one - 1) // in_one)
    return words.view(np.uint16 if bits == 16 else np.uint32)[:n]


def dropout_mask(words: Array, keep: int, scale: float, mask: Array) -> Array:
    """mask = scale where a unit is kept, which happens with probability 1 − p = keep/2^bits of the words, else 0; p: the rate.

    With scale = 1/(1 − p) the expected value of every unit stays what it was and nothing has to be scaled when the network is
    used ("inverted" dropout). words: n·units random numbers; mask (n, units) is written.

    >>> dropout_mask(np.array([0, 40000], np.uint16), keep=32768, scale=2.0, mask=np.empty((1, 2)))
    array([[2., 0.]])
    """
    np.less(words.reshape(mask.shape), keep, out=mask)
    mask *= scale
    return mask


def dropout_forward(x: Array, mask: Array, y: Array) -> Array:
    """y = x ⊙ mask.

    Source: Srivastava et al. (2014), *Dropout: a simple way to prevent neural networks from overfitting*.

    >>> dropout_forward(np.array([[3.0, 5.0]]), mask=np.array([[2.0, 0.0]]), y=np.empty((1, 2)))
    array([[6., 0.]])
    """
    return np.multiply(x, mask, out=y)


def dropout_backward(mask: Array, dy: Array, dx: Array) -> Array:
    """∂y/∂x = mask, element by element: a dropped unit gets no gradient, a kept one 1/(1 − p) times its own."""
    return np.multiply(dy, mask, out=dx)


def gaussian_mask(rng: np.random.Generator, stddev: float, mask: Array) -> Array:
    """mask ~ N(1, stddev²), drawn in place.

    >>> gaussian_mask(np.random.default_rng(0), stddev=0.0, mask=np.empty((1, 2)))
    array([[1., 1.]])
    """
    rng.standard_normal(out=mask, dtype=mask.dtype.type)
    mask *= stddev
    mask += 1
    return mask


def alpha_dropout_forward(x: Array, kept: Array, y: Array, a: float, b: float, floor: float) -> Array:
    """y = a (x ⊙ kept + floor ⊙ (1 − kept)) + b: dropped units go to SELU's lower limit; mean and variance stay.

    kept (n, units) holds 1 or 0. floor = −λα; a and b follow from the rate r (how many are dropped) and floor:
    a = ((1 − r)(1 + r floor²))^{−1/2}, b = −a r floor, which give mean 0 and variance 1 for inputs that have them.
    Source: Klambauer et al. (2017), *Self-normalizing neural networks*, section 2.

    >>> alpha_dropout_forward(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]), np.empty((1, 2)), a=0.5, b=1.0, floor=-4.0)
    array([[ 1.5, -1. ]])
    """
    np.subtract(x, floor, out=y)
    y *= kept                                 # x − floor where kept, 0 where dropped
    y += floor
    y *= a
    y += b
    return y


def alpha_dropout_backward(kept: Array, dy: Array, dx: Array, a: float) -> Array:
    """∂y/∂x = a where the unit was kept, else 0."""
    np.multiply(dy, kept, out=dx)
    dx *= a
    return dx


def gaussian_noise_forward(x: Array, rng: np.random.Generator, stddev: float, y: Array) -> Array:
    """y = x + ε, ε ~ N(0, stddev²). It needs no backward kernel: ∂y/∂x = 1.

    >>> gaussian_noise_forward(np.array([[3.0]]), np.random.default_rng(0), stddev=0.0, y=np.empty((1, 1)))
    array([[3.]])
    """
    rng.standard_normal(out=y, dtype=y.dtype.type)
    y *= stddev
    y += x
    return y
