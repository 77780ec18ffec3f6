"""Keras on its three backends: `train_on_batch` for a step, `fit` for an epoch."""

import os
from typing import Any, ClassVar

import numpy as np

from frameworks import workloads
from frameworks.base import Peer


class KerasPeer(Peer):
    """The same network on any backend; which one is decided before Keras is imported."""

    backend: ClassVar[str]

    def start(self, kernels: list[np.ndarray]) -> None:
        if not hasattr(self, "model"):
            os.environ["KERAS_BACKEND"] = self.backend
            self.build()
        for variable in self.model.weights:
            variable.assign(np.full(variable.shape, variable.name in ("gamma", "moving_variance"), np.float32))
        for layer, kernel in zip(self.dense, kernels, strict=True):
            layer.kernel.assign(kernel)
        for variable in self.model.optimizer.variables:
            if not variable.path.endswith("learning_rate"):
                variable.assign(np.zeros(variable.shape, variable.dtype))

    def build(self) -> None:
        import keras

        workload, layers = self.workload, [keras.Input((self.workload.inputs,))]
        for kind, i in workload.layers():
            if kind == "dropout":
                layers.append(keras.layers.Dropout(workload.dropout))
            elif kind == "dense":
                limit = keras.constraints.MaxNorm(workload.max_norm, workload.max_norm_axis) if workload.limited(i) else None
                penalty = keras.regularizers.L1(workload.l1) if workload.l1 else None
                units, bias = workload.sizes[i][1], not workload.has_normalization(i)
                layers.append(keras.layers.Dense(units, use_bias=bias, kernel_constraint=limit, kernel_regularizer=penalty))
            elif kind == "normalization":
                layers.append(keras.layers.BatchNormalization(momentum=workloads.MOMENTUM, epsilon=workloads.EPSILON))
            elif workload.activation == "leaky_relu":
                layers.append(keras.layers.LeakyReLU(workloads.SLOPE))
            else:
                layers.append(keras.layers.Activation(workload.activation))
        self.model = keras.Sequential(layers)
        self.dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
        self.model.compile(self.make_optimizer(keras), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self.model.optimizer.build(self.model.trainable_variables)

    def make_optimizer(self, keras: Any) -> Any:
        workload = self.workload
        if workload.optimizer == "adam":
            return keras.optimizers.Adam(workload.rate, workloads.BETA_1, workloads.BETA_2, workloads.ADAM_EPSILON)
        return keras.optimizers.SGD(workload.rate, workloads.MOMENTUM if workload.optimizer == "momentum" else 0.0)

    def step(self, x: np.ndarray, y: np.ndarray) -> Any:
        return self.model.train_on_batch(x, y)

    def step_with_loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """train_on_batch returns the mean over all batches since the last reset."""
        self.model.reset_metrics()
        return super().step_with_loss(x, y)

    def epoch(self) -> None:
        self.model.fit(self.x, self.y, batch_size=self.workload.batch, epochs=1, shuffle=True, verbose=0)

    def warm_up(self) -> None:
        """One full and one short batch are compiled, for `train_on_batch` and for `fit`."""
        super().warm_up()
        rows = 2 * self.workload.batch + len(self.x) % self.workload.batch
        self.model.fit(self.x[:rows], self.y[:rows], batch_size=self.workload.batch, epochs=1, verbose=0)


class KerasOnJAX(KerasPeer):
    """Keras on JAX."""

    backend = "jax"


class KerasOnTF(KerasPeer):
    """Keras on TensorFlow."""

    backend = "tensorflow"


class KerasOnTorch(KerasPeer):
    """Keras on PyTorch."""

    backend = "torch"
