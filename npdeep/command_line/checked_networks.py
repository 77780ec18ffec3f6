"""The networks whose gradients `npdeep check` compares with central differences."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import npdeep as nd
from npdeep import activations
from npdeep.common import checks, seeds
from npdeep.debug.gradient_check import gradient_check
from npdeep.debug.gradient_report import GradientReport
from npdeep.models.sequential import Sequential


@dataclass(frozen=True)
class CheckedNetwork:
    """A small network for `npdeep check`: what it shows, how to build it, and its loss."""

    what: str
    build: Callable[[], list[nd.layers.Layer]]
    loss: str = "softmax_cross_entropy"


def _around(activation: str) -> Callable[[], list[nd.layers.Layer]]:
    required: dict[str, Any] = {"threshold": 0.1, "value": 0.1} if activation == "threshold" else {}
    return lambda: [nd.Dense(7), nd.Activation(activation, **required), nd.Dense(3)]


CHECKED = {
    "dense": CheckedNetwork("affine maps and ReLU", lambda: [nd.Dense(7), nd.Activation("relu"), nd.Dense(3)]),
    "batch_normalization": CheckedNetwork(
        "batch normalization before ELU and on the logits; the bias before it has the gradient 0",
        lambda: [nd.Dense(7), nd.BatchNormalization(), nd.Activation("elu"), nd.Dense(3), nd.BatchNormalization()],
    ),
    "dropout": CheckedNetwork(
        "four kinds of noise, the same in every evaluation",
        lambda: [
            nd.Dropout(0.3),
            nd.Dense(7),
            nd.GaussianDropout(0.2),
            nd.Activation("selu"),
            nd.AlphaDropout(0.1),
            nd.Dense(6),
            nd.GaussianNoise(0.1),
            nd.Dense(3),
        ],
    ),
    "gates": CheckedNetwork(
        "maxout, PReLU, RReLU and GLU",
        lambda: [nd.Maxout(6), nd.PReLU(), nd.Dense(8), nd.RReLU(), nd.GLU(), nd.Dense(3)],
    ),
    "regularized": CheckedNetwork(
        "L1, L2 and both, on kernels and on a bias",
        lambda: [
            nd.Dense(7, kernel_regularizer="l1"),
            nd.Activation("tanh"),
            nd.Dense(6, kernel_regularizer="l2", bias_regularizer="l2"),
            nd.Activation("gelu"),
            nd.Dense(3, kernel_regularizer="l1_l2"),
        ],
    ),
    "regression": CheckedNetwork(
        "softplus under the squared error", lambda: [nd.Dense(7), nd.Activation("softplus"), nd.Dense(3)], "mean_squared_error"
    ),
    **{name: CheckedNetwork(f"{name} between two dense layers", _around(name)) for name in activations.RULES},
}
"""Networks by the name that `npdeep check` takes: the ones above, and one around every activation."""


def checked_network(name: str, seed: int = 0) -> tuple[Sequential, str, Any, Any]:
    """A named network for a gradient check, its loss, and random examples: (model, loss, x, y).

    >>> model, loss, x, y = checked_network("dense")
    >>> loss, x.shape, y.shape
    ('softmax_cross_entropy', (8, 5), (8,))
    """
    network = CHECKED[checks.choice("check", "network", name, CHECKED)]
    seed = seeds.check_seed("check", seed)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((8, 5))
    y = rng.standard_normal((8, 3)) if network.loss == "mean_squared_error" else rng.integers(0, 3, 8)
    return Sequential(network.build(), input_size=5, seed=seed, dtype="float64"), network.loss, x, y


def check_network(name: str, seed: int = 0, tolerance: float = 1e-6) -> GradientReport:
    """The gradient check of a named network on random examples.

    >>> bool(check_network("dense"))
    True
    """
    return gradient_check(*checked_network(name, seed), tolerance=tolerance)
