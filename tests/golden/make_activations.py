"""Golden values and gradients of all activations, from PyTorch and Keras; what neither has, from its formula."""

import mpmath
import numpy as np
import torch
import torch.nn.functional as F
from store import agree, keras, numbers, save, tensor

K = keras.activations
RNG = np.random.default_rng(11)
SIZES = [1e-8, 1e-3, 0.02, 0.3, 0.7, 0.9, 1.1, 1.7, 2.6, 3.3, 4.2, 5.9, 6.5, 9, 14, 22, 36, 60, 100, 700, 1e4]
GRID = np.sort([0, *SIZES, *(-s for s in SIZES)])


def autograd(function):
    """A reference that lets PyTorch differentiate: (z, da) → (a, dz)."""

    def reference(z, da):
        z = tensor(z, requires_grad=True)
        a = function(z)
        a.backward(tensor(da))
        return numbers(a), numbers(z.grad)

    return reference


def exact(function):
    """A reference of 50 digits for an elementwise formula of mpmath: (z, da) → (a, dz)."""

    def reference(z, da):
        with mpmath.workdps(50):
            a = [float(function(mpmath.mpf(float(v)))) for v in z.flat]
            slopes = [float(mpmath.diff(function, mpmath.mpf(float(v)))) for v in z.flat]
        return np.reshape(a, z.shape), np.reshape(slopes, z.shape) * da

    return reference


# Each row: activation, parameters, kinks (there values are compared, slopes are not), the function that gives the golden
# numbers, and others that must agree with it. A function is differentiated by autograd unless it is wrapped in exact().
# `edges` are jumps at which the libraries take another side than npdeep: both neighbours are compared, the point is not.
ELEMENTWISE = [
    ("linear", {}, [], [lambda z: 1 * z, K.linear]),
    ("scaled", {}, [], [exact(lambda z: z)]),
    ("scaled", {"slope": 1.7, "offset": -0.4}, [], [exact(lambda z: mpmath.mpf(1.7) * z + mpmath.mpf(-0.4))]),
    ("relu", {}, [0], [F.relu, K.relu]),
    ("leaky_relu", {}, [0], [F.leaky_relu, lambda z: K.leaky_relu(z, negative_slope=0.01)]),
    ("leaky_relu", {"negative_slope": 0.2}, [0], [lambda z: F.leaky_relu(z, 0.2), K.leaky_relu]),
    ("threshold", {"threshold": 1.0, "value": -9.0}, [1], [lambda z: F.threshold(z, 1, -9), lambda z: K.threshold(z, 1, -9)]),
    ("threshold", {"threshold": -0.5, "value": 0.25}, [-0.5], [lambda z: F.threshold(z, -0.5, 0.25)]),
    ("general_relu", {}, [0], [K.relu]),
    ("general_relu", {"negative_slope": 0.3}, [0], [lambda z: K.relu(z, negative_slope=0.3)]),
    ("general_relu", {"maximum": 2.5}, [0, 2.5], [lambda z: K.relu(z, max_value=2.5)]),
    ("general_relu", {"threshold": 1.5}, [], [lambda z: K.relu(z, threshold=1.5)], [1.5]),
    (
        "general_relu",
        {"negative_slope": 0.1, "maximum": 4.0, "threshold": 1.0},
        [4],
        [lambda z: K.relu(z, negative_slope=0.1, max_value=4.0, threshold=1.0)],
        [1],
    ),
    ("relu6", {}, [0, 6], [F.relu6, K.relu6]),
    ("relu6", {"maximum": 4.0}, [0, 4], [lambda z: K.relu(z, max_value=4.0), lambda z: F.hardtanh(z, 0, 4)]),
    ("clipped_linear", {}, [0, 1], [lambda z: F.hardtanh(z, 0, 1)]),
    (
        "clipped_linear",
        {"slope": 0.5, "offset": 0.25, "minimum": -1.0, "maximum": 2.0},
        [-2.5, 3.5],
        [lambda z: F.hardtanh(0.5 * z + 0.25, -1, 2)],
    ),
    ("hard_tanh", {}, [-1, 1], [F.hardtanh, K.hard_tanh]),
    ("hard_tanh", {"minimum": -2.0, "maximum": 0.5}, [-2, 0.5], [lambda z: F.hardtanh(z, -2, 0.5)]),
    ("hard_sigmoid", {}, [-3, 3], [lambda z: F.hardtanh(z / 6 + 0.5, 0, 1), F.hardsigmoid, K.hard_sigmoid]),
    ("hard_sigmoid", {"slope": 0.2}, [-2.5, 2.5], [lambda z: F.hardtanh(0.2 * z + 0.5, 0, 1)]),    # Keras 2's
    ("sparse_sigmoid", {}, [-1, 1], [K.sparse_sigmoid]),
    ("hard_silu", {}, [-3, 3], [F.hardswish, K.hard_silu]),
    ("hard_silu", {"slope": 0.2}, [-2.5, 2.5], [lambda z: z * F.hardtanh(0.2 * z + 0.5, 0, 1)]),
    ("sparse_plus", {}, [-1, 1], [K.sparse_plus]),
    ("soft_shrink", {}, [-0.5, 0.5], [F.softshrink, K.soft_shrink]),
    ("soft_shrink", {"threshold": 1.25}, [-1.25, 1.25], [lambda z: F.softshrink(z, 1.25), lambda z: K.soft_shrink(z, 1.25)]),
    ("hard_shrink", {}, [-0.5, 0.5], [F.hardshrink, K.hard_shrink]),
    ("hard_shrink", {"threshold": 1.25}, [-1.25, 1.25], [lambda z: F.hardshrink(z, 1.25), lambda z: K.hard_shrink(z, 1.25)]),
    ("elu", {}, [], [F.elu, K.elu]),
    ("elu", {"alpha": 0.5}, [0], [lambda z: F.elu(z, 0.5), lambda z: K.elu(z, 0.5)]),
    ("elu", {"alpha": 2.0}, [0], [lambda z: F.elu(z, 2.0), lambda z: K.elu(z, 2.0)]),
    ("celu", {}, [], [F.celu, K.celu]),
    ("celu", {"alpha": 2.0}, [], [lambda z: F.celu(z, 2.0), lambda z: K.celu(z, 2.0)]),
    ("celu", {"alpha": 0.4}, [], [exact(lambda z: max(z, 0) + 0.4 * mpmath.expm1(min(z, 0) / 0.4)), lambda z: F.celu(z, 0.4)]),
    ("selu", {}, [0], [F.selu, K.selu]),
    ("exponential", {}, [], [torch.exp, K.exponential]),
    ("sigmoid", {}, [], [torch.sigmoid, K.sigmoid]),
    ("tanh", {}, [], [torch.tanh, K.tanh]),
    ("softsign", {}, [], [F.softsign, K.softsign]),
    ("log_sigmoid", {}, [], [F.logsigmoid, K.log_sigmoid]),
    ("tanh_shrink", {}, [], [F.tanhshrink, K.tanh_shrink]),
    # PyTorch takes z itself for softplus where beta·z > threshold, 20 by default, which costs digits.
    ("softplus", {}, [], [lambda z: F.softplus(z, threshold=600)]),
    ("softplus", {"beta": 2.5}, [], [lambda z: F.softplus(z, 2.5, threshold=600)]),
    # Keras's squareplus is a difference of nearly equal numbers far to the left.
    ("squareplus", {}, [], [exact(lambda z: (z + mpmath.sqrt(z * z + 4)) / 2), K.squareplus]),
    ("squareplus", {"b": 0.5}, [], [exact(lambda z: (z + mpmath.sqrt(z * z + 0.5)) / 2), lambda z: K.squareplus(z, b=0.5)]),
    ("silu", {}, [], [F.silu, K.silu]),
    ("silu", {"beta": 1.5}, [], [lambda z: z * torch.sigmoid(1.5 * z)]),
    ("gelu", {}, [], [exact(lambda z: z * mpmath.ncdf(z)), F.gelu, lambda z: K.gelu(z, approximate=False)]),
    ("gelu_tanh", {}, [], [lambda z: F.gelu(z, approximate="tanh"), lambda z: K.gelu(z, approximate=True)]),
    ("gelu_sigmoid", {}, [], [lambda z: z * torch.sigmoid(1.702 * z)]),
    ("mish", {}, [], [F.mish, K.mish]),
    ("dish", {}, [], [exact(lambda z: z / 2 * (z / mpmath.sqrt(1 + z * z) + 1))]),
]


def sparsemax(z):
    """The point of the simplex nearest to each row. τ by bisection, then max(z − τ, 0) with τ = (Σ_S z − 1)/|S|.

    keras.activations.sparsemax of Keras 3.15 is no reference: for τ it adds up all partial sums of the support where only
    the last is meant, so that rows with more than one member do not sum to 1: [1, 0.5, −3] gives [0.25, 0, 0].
    """
    low, high = z.detach().min(1, keepdim=True).values - 1, z.detach().max(1, keepdim=True).values
    for _ in range(200):
        middle = (low + high) / 2
        inside = (z.detach() - middle).clamp(min=0).sum(1, keepdim=True) > 1
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    support = z.detach() > low
    tau = ((z * support).sum(1, keepdim=True) - 1) / support.sum(1, keepdim=True)
    return (z - tau) * support


ROWS = [
    ("softmax", [lambda z: F.softmax(z, 1), K.softmax]),
    ("softmin", [lambda z: F.softmin(z, 1)]),
    ("log_softmax", [lambda z: F.log_softmax(z, 1), K.log_softmax]),
    ("sparsemax", [sparsemax]),
]


def golden(what, z, functions, kinks):
    """z, a random da, and the a and dz on which all functions agree; dz away from the kinks."""
    da = RNG.normal(size=z.shape)
    references = [f if f.__name__ == "reference" else autograd(f) for f in functions]
    pairs = [reference(z, da) for reference in references]
    smooth = ~np.isin(z, kinks)
    agree(what, *(dz[smooth] for _, dz in pairs), tolerance=1e-6)    # F.hardsigmoid, F.celu: float32 constants in backward
    return {"z da a dz": np.stack([z, da, agree(what, *(a for a, _ in pairs)), pairs[0][1]])}


def main():
    cases = {}
    for activation, parameters, kinks, functions, *edges in ELEMENTWISE:
        near = [k + d for k in [*kinks, *(edges[0] if edges else [])] for d in (-1e-3, 1e-3)]
        z = np.unique([*GRID, *near, *kinks])
        z = z[np.abs(z) <= (700 if activation == "exponential" else np.inf)].reshape(1, -1)
        case = ", ".join([activation, *(f"{name}={value:g}" for name, value in parameters.items())])
        arguments = {"activation": activation, "parameters": parameters, "kinks": kinks}
        cases[case] = (arguments, golden(case, z, functions, kinks))
    far = np.array([[1e4, -1e4, 0, 3, 9999.5, 2, 1], [700, 700, 700, 0, 0, -700, 1], [2, 2, 2, 2, 2, 2, 2]])
    z = np.concatenate([2 * RNG.normal(size=(5, 7)), 0.2 * RNG.normal(size=(2, 7)), far])
    for activation, functions in ROWS:
        cases[activation] = ({"activation": activation, "parameters": {}, "kinks": []}, golden(activation, z, functions, []))
    save("activations", cases)


main()
