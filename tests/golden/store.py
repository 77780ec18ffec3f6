"""What all make_*.py scripts share: float64 everywhere, a check that references agree, and the form of the golden files."""

import os

os.environ["KERAS_BACKEND"] = "torch"    # Keras asks when it is imported; the scripts take it from here

import keras
import numpy as np
import torch
import write
from keras.src.backend.common import dtypes

keras.config.set_floatx("float64")
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"    # else Keras computes means and more in float32, as JAX would
torch.set_default_dtype(torch.float64)


def tensor(array, requires_grad=False):
    """A float64 tensor of its own."""
    return torch.tensor(np.asarray(array, np.float64), requires_grad=requires_grad)


def numbers(value):
    """A tensor, a Keras variable or anything else as a NumPy array."""
    return keras.ops.convert_to_numpy(value) if isinstance(value, torch.Tensor | keras.Variable) else np.asarray(value)


def agree(what, *values, tolerance=1e-11):
    """The first of several references for the same numbers, after a check that the others equal it."""
    first, *others = (numbers(value) for value in values)
    for other in others:
        np.testing.assert_allclose(other, first, rtol=tolerance, atol=tolerance, err_msg=what)
    return first


def save(topic, cases):
    """Write topic.npz: {case: (arguments, {name: array, tensor or variable})}."""
    write.save(topic, cases, numbers)
