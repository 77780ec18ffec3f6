"""What the network has already, so that nobody is advised to use it."""

import itertools
import math

import numpy as np

from npdeep import initializers
from npdeep.callbacks import EarlyStopping, TerminateOnNaN
from npdeep.debug.diagnosis.probe import kernel_of
from npdeep.debug.snapshot import hidden_activations
from npdeep.initializers import VarianceScaling, Zeros
from npdeep.layers import Dense, Residual
from npdeep.layers.activation import Activation
from npdeep.layers.base import Layer
from npdeep.optimizers import SGD, Momentum, Nesterov
from npdeep.schedules import Warmup
from npdeep.training.trainer import Trainer

FITS = 1.25
"""Weights whose standard deviation is within this factor of the derived one fit their activation: He's and Glorot's differ by
√2 where a layer keeps its width."""


def already(trainer: Trainer) -> set[str]:
    """The names of all steps in `ADVICE` that this trainer has taken.

    >>> import npdeep as nd
    >>> layers = [nd.Dense(9, kernel_initializer="he_normal"), nd.Activation("elu"), nd.Dense(2)]
    >>> trainer = nd.Trainer(nd.Sequential(layers, 4, seed=0), "softmax_cross_entropy", "adam")
    >>> sorted(already(trainer))
    ['adaptive', 'initializer', 'leaky', 'unsaturating', 'zero_bias']
    """
    hidden, layers = hidden_activations(trainer.model), trainer.model.everything()
    below = [(layer, above) for layer, above in itertools.pairwise(layers) if isinstance(above, Activation)]
    dense = [(layer, above) for layer, above in below if kernel_of(layer) is not None and layer is not layers[-2]]
    with_bias = [layer for layer in layers if "bias" in layer.initializers]
    watchers = [*trainer.last_watchers, *trainer.watchers]
    tests = {
        "normalization": any(layer.batch_statistics for layer in layers),
        "first_normalization": layers[0].batch_statistics,
        "clipping": trainer.clipping is not None,
        "adaptive": not isinstance(trainer.optimizer, SGD | Momentum | Nesterov),
        "warmup": isinstance(trainer.optimizer.learning_rate, Warmup),
        "terminate": any(isinstance(watcher, TerminateOnNaN) for watcher in watchers),
        "stopping": any(isinstance(watcher, EarlyStopping) for watcher in watchers),
        "shortcut": any(isinstance(layer, Residual) for layer in layers),
        "unsaturating": not any(layer.rule.squashes for layer in hidden),
        "leaky": all(layer.activation not in ("relu", "relu6", "threshold") for layer in hidden),
        "zero_bias": all(isinstance(layer.initializers["bias"], Zeros) for layer in with_bias),
        "initializer": bool(dense) and all(fits(layer, above) for layer, above in dense),
        "small_weights": all(spread_of(layer) <= FITS * math.sqrt(2 / sum(fans(layer))) for layer, _ in dense),
    }
    return {name for name, there in tests.items() if there}


def fans(layer: Layer) -> tuple[int, int]:
    """Fan in and fan out of its kernel, whoever wrote the layer."""
    return layer.fans_of(kernel_of(layer))


def spread_of(layer: Layer) -> float:
    """The standard deviation that the layer's initializer gives its kernel; infinite where it is not known."""
    kernel = layer.initializers.get("kernel")
    if isinstance(kernel, VarianceScaling):
        return kernel.stddev(*fans(layer))
    if kernel is None or not isinstance(layer, Dense):
        return math.inf
    return float(np.std(kernel((layer.input_size, layer.output_size), *fans(layer), np.random.default_rng(0))))


def fits(layer: Layer, activation: Activation) -> bool:
    """Is the layer's initializer the one for this activation, by either fan?

    >>> import npdeep as nd
    >>> layers = [nd.Dense(9, kernel_initializer="he_normal"), nd.Activation("relu"), nd.Dense(9), nd.Activation("relu")]
    >>> model = nd.Sequential(layers, 4, seed=0)
    >>> fits(*model.everything()[:2]), fits(*model.everything()[2:])
    (True, False)
    """
    wanted = initializers.for_activation(activation.rule)
    if not isinstance(wanted, VarianceScaling):
        return False
    spreads = [VarianceScaling(wanted.scale, mode).stddev(*fans(layer)) for mode in ("fan_in", "fan_avg")]
    return min(spreads) / FITS <= spread_of(layer) <= max(spreads) * FITS
