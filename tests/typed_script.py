"""A right script that uses the public API: `mypy --strict` finds no error in it, and it runs (test_types)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npdeep as nd

Array = NDArray[Any]


class Doubled(nd.layers.Layer):
    """A custom layer."""

    def build(self, input_size: int) -> int:
        self.factor = self.add_parameter("factor", (input_size,), "ones")
        return input_size

    def forward(self, x: Array, training: bool = False) -> Array:
        return x * self.factor.value

    def backward(self, grad_output: Array) -> Array:
        self.factor.grad = (grad_output * self.input).sum(axis=0)
        gradient: Array = grad_output * self.factor.value
        return gradient


class Descent(nd.optimizers.Optimizer):
    """An optimizer as its docstring shows it."""

    def update_piece(self, step: int, w: Array, g: Array, t: Array) -> None:
        np.multiply(g, self.eta, out=t)
        w -= t


class Error:
    """A loss without a base class."""

    def forward(self, outputs: Array, targets: Array, sample_weight: Array | None = None) -> float:
        self.error = outputs - targets
        return float(np.square(self.error).mean())

    def backward(self) -> Array:
        result: Array = 2 * self.error / self.error.size
        return result


class Halving(nd.schedules.Schedule):
    """A schedule."""

    def __call__(self, step: int) -> float:
        return float(0.5**step)


class Watch(nd.callbacks.Callback):
    """A callback."""

    def on_step_end(self, trainer: nd.Trainer) -> None:
        self.last = trainer.last_loss


class Spread(nd.metrics.Metric):
    """A metric."""

    name = "spread"

    def compute(self, outputs: Array, targets: Array) -> float:
        return float(np.ptp(outputs))


def right(outputs: Array, targets: Array) -> float:
    return float((outputs.argmax(axis=1) == targets).mean())


def train(folder: Path) -> nd.Trainer:
    x, y = nd.datasets.xor(200, seed=0)
    layers: Sequence[nd.layers.Layer] = [
        nd.Dense(8, kernel_initializer="he_normal", kernel_regularizer=nd.regularizers.L2(1e-4), name="hidden1"),
        nd.BatchNormalization(momentum=0.9, name="bn"),
        nd.Activation("leaky_relu", negative_slope=0.2),
        nd.Dropout(0.5, name="dropout"),
        nd.Residual([nd.Dense(8), nd.LayerNormalization()], name="block"),
        nd.Parallel([nd.Dense(4), [nd.GLU()]]),
        Doubled(),
        nd.Dense(2, kernel_constraint=nd.constraints.MaxNorm(3.0), name="outputs"),
    ]
    model = nd.Sequential(layers, input_size=2, seed=0, dtype="float64")
    optimizer = nd.optimizers.Adam(nd.schedules.ExponentialDecay(0.1, 10, 0.5))
    clipping = nd.clipping.ClipByGlobalNorm(1.0)
    trainer = nd.Trainer(
        model, "softmax_cross_entropy", optimizer, clipping, metrics=["accuracy", nd.metrics.F1(), right, Spread()]
    )
    history: nd.History = trainer.fit(
        x, y, epochs=2, batch_size=50, validation_data=(x, y), callbacks=[Watch(), nd.callbacks.EarlyStopping()], verbose=False
    )
    print(history["loss"][-1], history.last["val_loss"], trainer.evaluate(x, y)["accuracy"])
    optimizer.learning_rate = 0.01
    model.layer("dropout").rate = 0.25
    kernel = model.layer("hidden1").kernel
    kernel.value = 0.0
    kernel.value = [[1.0] * 8, [2.0] * 8]
    kernel.value[...] += 1
    kernel.trainable = False
    model.layers[0].bias.value = np.zeros(8)
    model.unfreeze()
    for frozen in model.freeze("bn|hidden1"):
        print(frozen.name, frozen.shape, frozen.value.mean())
    for event in trainer.walk(x[:10], y[:10]):
        print(event.stage, event.name, event.formula, list(event.arrays))
    loss: float = trainer.step(x[:10], y[:10]) + trainer.gradients(x[:10], y[:10]) + trainer.apply_gradients()
    model.flat_gradients[:] *= 0.5
    outputs = model.forward(x[:3], training=True)
    gradient = model.backward(np.ones_like(outputs), input_gradient=True)
    saliency = model.input_gradient(x[:3], y=y[:3], loss="softmax_cross_entropy")
    print(loss, gradient.shape, saliency.shape, model.sample(x, 3).shape)
    print(model.summary(), nd.debug.explain(model.layer("outputs")), nd.debug.diagnose(trainer, x, y).findings)
    report = nd.debug.gradient_check(model, "softmax_cross_entropy", x[:5], y[:5])
    print(report, model.predict(x).argmax(axis=1), [p.name for p in model.trainable_variables()])
    twin = nd.load_model(model.save(folder / "model.npz"), own=[Doubled])
    print(twin.load_weights(folder / "model.npz", scope="hidden.*"))
    return nd.Trainer.restore(trainer.save(folder / "trainer.npz"), metrics=[right, Spread()], own=[Doubled])


def own_parts() -> float:
    model = nd.Sequential([nd.Dense(1, bias_initializer=nd.initializers.Zeros())], input_size=2, seed=0)
    trainer = nd.Trainer(model, Error(), Descent(Halving()))
    x, y = np.eye(2), np.ones((2, 1))
    for x_part, y_part in nd.batches(x, y, 1, seed=0):
        trainer.step(x_part, y_part)
    return trainer.last_loss


if __name__ == "__main__":
    train(Path("."))
    own_parts()
