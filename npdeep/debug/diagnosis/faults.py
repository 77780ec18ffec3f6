"""Planted faults: small networks in which exactly one thing was done wrong, to be shown in class and to test the diagnosis.

They come out the same every time. Those of numbers (here) train on the digits of `nd.datasets.mnist_sample`; those of data and
design that beginners meet are in beginners.py.
"""

import math
from typing import Any

import numpy as np

from npdeep import datasets, initializers, optimizers
from npdeep.callbacks import Callback
from npdeep.common import checks
from npdeep.debug.diagnosis.beginners import BEGINNERS
from npdeep.debug.diagnosis.planting import Fault, Planted, digits, network, spoilt, spoilt_data, trained
from npdeep.kernels.arrays import Array
from npdeep.layers import Activation, Dense
from npdeep.losses import SoftmaxCrossEntropy
from npdeep.models.sequential import Sequential
from npdeep.training.trainer import Trainer

KILLED = 30
"""How many of a layer's 100 units are spoilt."""


def plant(name: str) -> Planted:
    """A trainer with this fault, and the rows to show it on.

    >>> from npdeep.debug import diagnose
    >>> trainer, x, y = plant("dead_by_bias")
    >>> [(f.kind, f.layer, f.evidence["units"]) for f in diagnose(trainer, x, y).findings]
    [('dead', 'hidden1', 30)]
    """
    return FAULTS[checks.choice("plant", "fault", name, FAULTS)].plant()


# ── units ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _dead_by_bias(model: Sequential) -> None:
    model.layer("hidden1").bias.value[:KILLED] = -50


def _dead_by_weights(model: Sequential) -> None:
    kernel = model.layer("hidden1").kernel.value
    kernel[:, :KILLED] = -np.abs(kernel[:, :KILLED])
    model.layer("hidden1").bias.value[:KILLED] = 0


def _dead_layer(model: Sequential) -> None:
    model.layer("hidden1").bias.value = np.full(100, -50.0)
    model.layer("hidden2").bias.value[:KILLED] = -0.1


def _nearly_dead(model: Sequential) -> None:
    layer, (x, _) = model.layer("hidden1"), digits()
    layer.bias.value[:KILLED] = -np.quantile(x @ layer.kernel.value[:, :KILLED], 0.995, axis=0)


def _always_on(model: Sequential) -> None:
    layer, (x, _) = model.layer("hidden1"), digits()
    layer.bias.value[:KILLED] = 1 - (x @ layer.kernel.value[:, :KILLED]).min(axis=0)


# ── numbers that are not finite ───────────────────────────────────────────────────────────────────────────────────────────────
def _infinite_weight(model: Sequential) -> None:
    model.layer("hidden2").kernel.value[3, 4] = np.inf


def _exponential() -> Planted:
    """Three digits are far brighter than the rest, and the hidden units are exponentials."""
    x, y = digits()
    x = x.copy()
    x[[7, 70, 700]] *= 1000
    model = Sequential([Dense(100, name="hidden1"), Activation("exponential", name="activation1"), Dense(10)], 784, seed=42)
    return Trainer(model, "softmax_cross_entropy", "sgd"), x, y


def _nan_in_x(x: Array, y: Array) -> tuple[Array, Array]:
    x = x.copy()
    x[[3, 30], 5] = np.nan
    return x, y


def _diverges() -> Planted:
    return trained(network(5), optimizers.SGD(100.0), epochs=2)


# ── outcome ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
class StopAtChance(Callback):
    """Ends the training once the loss has been at chance level for five epochs in a row, after it had been far below."""

    def __init__(self, chance: float) -> None:
        self.chance = chance

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Look back."""
        losses = trainer.history["loss"]
        if min(losses) < 0.5 * self.chance and all(0.98 < loss / self.chance < 1.1 for loss in losses[-5:]):
            trainer.stop("the network has collapsed")


def collapse() -> Planted:
    """Exercise 8 of the chapter: five hidden layers of 100, He, ELU, Adam with 0.01, batches of 20, digits 0 to 4.

    On the sample's 2,558 such digits the loss falls to 0.1 or less; then, mostly between epochs 13 and 42, it leaps up, comes
    down again or not, and in many runs ends at ln 5, where it stays (in others on a step between). When that is depends on the
    last digits of the sums, and so on the processor, as much as on the seed: training continues until it has happened, and
    begins again with another seed where it does not.
    """
    (x, y), _ = datasets.mnist_sample()
    few = y < 5
    trainer = None
    for seed in (0, 2, 4, 42, 3, 1):
        trainer = Trainer(network(5, "elu", outputs=5, seed=seed), "softmax_cross_entropy", optimizers.Adam(0.01))
        trainer.fit(x[few], y[few], epochs=80, batch_size=20, callbacks=[StopAtChance(math.log(5))], verbose=False)
        if trainer.history.stopped_because:
            break
    assert trainer is not None
    return trainer, x[few], y[few]


def _zeros() -> Planted:
    return trained(network(initializer="zeros"), epochs=3)


def _unbalanced(x: Array, y: Array) -> tuple[Array, Array]:
    kept = (y == 3) | (np.arange(len(y)) % 100 == 0)
    return x[kept], y[kept]


def _scales(x: Array, y: Array) -> tuple[Array, Array]:
    x = x.copy()
    x[:, 350] *= 1000
    return x, y


FAULTS = {
    "sigmoid_vanishing": Fault(
        "ten logistic layers with Glorot's weights",
        "vanishing",
        "hidden1",
        lambda: trained(network(10, "sigmoid", "glorot_uniform"), epochs=2),
        ("chance_level",),
    ),
    "tiny_weights": Fault(
        "ten ReLU layers with weights from N(0, 0.01²)",
        "vanishing",
        "hidden1",
        lambda: trained(network(10, "relu", initializers.RandomNormal(0, 0.01)), epochs=2),
        ("chance_level", "dead"),
    ),
    "exploding": Fault(
        "ten ReLU layers with weights from N(0, 1)",
        "exploding",
        "hidden1",
        lambda: (Trainer(network(10, "relu", "random_normal"), SoftmaxCrossEntropy(), optimizers.SGD(1e-12)), *digits()),
        ("update_too_large",),
    ),
    "saturated": Fault(
        "logistic units with weights from N(0, 1)",
        "saturated",
        "activation1",
        lambda: trained(network(3, "sigmoid", "random_normal")),
    ),
    "dead_by_bias": Fault("30 of 100 biases are −50", "dead", "hidden1", lambda: spoilt(_dead_by_bias)),
    "dead_by_weights": Fault(
        "the weights of 30 of 100 units are negative, all pixels positive",
        "dead",
        "hidden1",
        lambda: spoilt(_dead_by_weights),
    ),
    "dead_layer": Fault(
        "all biases of the first layer are −50: nothing reaches the second",
        "dead",
        "hidden1",
        lambda: spoilt(_dead_layer),
        ("always_on", "chance_level"),
    ),
    "nearly_dead": Fault(
        "30 of 100 units fire on one row in 200", "nearly_dead", "hidden1", lambda: spoilt(_nearly_dead)
    ),
    "always_on": Fault("30 of 100 biases make z > 0 on every row", "always_on", "hidden1", lambda: spoilt(_always_on)),
    "learning_rate_too_high": Fault(
        "Adam with a learning rate of 0.1",
        "update_too_large",
        "hidden1",
        lambda: (Trainer(network(), "softmax_cross_entropy", optimizers.Adam(0.1)), *digits()),
    ),
    "learning_rate_too_low": Fault(
        "gradient descent with a learning rate of 1e-7",
        "update_too_small",
        "outputs",
        lambda: trained(network(), optimizers.SGD(1e-7)),
        ("chance_level",),
    ),
    "zeros": Fault("all weights begin at 0", "chance_level", "outputs", _zeros, ("dead", "update_too_small", "symmetric")),
    "constant": Fault(
        "all weights begin at 0.01",
        "symmetric",
        "hidden1",
        lambda: trained(network(initializer=initializers.Constant(0.01)), epochs=1),
        ("always_on", "update_too_large"),
    ),
    "collapse": Fault(
        "exercise 8: Adam with 0.01 on five ELU layers without normalization",
        "chance_level",
        "outputs",
        collapse,
        ("dead", "nearly_dead", "vanishing"),
    ),
    "infinite_weight": Fault("one weight is infinite", "nan", "hidden2", lambda: spoilt(_infinite_weight)),
    "exp_overflow": Fault(
        "three rows are too bright for an exponential", "nan", "activation1", _exponential, ("unscaled_inputs",)
    ),
    "nan_in_inputs": Fault("two rows have NaN", "nan", "input", lambda: spoilt_data(_nan_in_x)),
    "diverged": Fault("gradient descent with a learning rate of 100", "nan", "hidden1", _diverges),
    "cold_statistics": Fault(
        "batch normalization with a momentum of 0.999, after 40 updates",
        "cold_statistics",
        "normalization1",
        lambda: trained(network(normalized=0.999), epochs=2),
    ),
    "imbalance": Fault("nine rows in ten are threes", "imbalance", "labels", lambda: spoilt_data(_unbalanced)),
    "pixels_to_255": Fault(
        "pixels from 0 to 255",
        "unscaled_inputs",
        "input",
        lambda: spoilt_data(lambda x, y: (x * 255, y)),
        ("update_too_large",),
    ),
    "scales_differ": Fault("one pixel is 1,000 times as bright", "unscaled_inputs", "input", lambda: spoilt_data(_scales)),
    "off_centre": Fault("5 was added to every pixel", "unscaled_inputs", "input", lambda: spoilt_data(lambda x, y: (x + 5, y))),
    **BEGINNERS,
}
"""All planted faults by name."""
