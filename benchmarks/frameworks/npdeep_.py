"""npdeep, as its users call it: checks on entry included."""

from typing import Any

import numpy as np

import npdeep as nd
from frameworks import workloads
from frameworks.base import Peer
from frameworks.workloads import Workload


def network(workload: Workload) -> nd.Sequential:
    """The workload's network."""
    layers: list[Any] = []
    for kind, i in workload.layers():
        if kind == "dropout":
            layers.append(nd.Dropout(workload.dropout))
        elif kind == "dense":
            limit = nd.constraints.MaxNorm(workload.max_norm, axis=workload.max_norm_axis) if workload.limited(i) else None
            penalty = nd.regularizers.L1(workload.l1) if workload.l1 else None
            units, bias = workload.sizes[i][1], not workload.has_normalization(i)
            layers.append(nd.Dense(units, use_bias=bias, kernel_constraint=limit, kernel_regularizer=penalty))
        elif kind == "normalization":
            layers.append(nd.BatchNormalization(momentum=workloads.MOMENTUM, epsilon=workloads.EPSILON))
        else:
            given = {"negative_slope": workloads.SLOPE} if workload.activation == "leaky_relu" else {}
            layers.append(nd.Activation(workload.activation, **given))
    return nd.Sequential(layers, workload.inputs, seed=42)


def optimizer(workload: Workload) -> Any:
    """The workload's optimizer."""
    if workload.optimizer == "sgd":
        return nd.optimizers.SGD(workload.rate)
    if workload.optimizer == "momentum":
        return nd.optimizers.Momentum(workload.rate, workloads.MOMENTUM)
    return nd.optimizers.Adam(workload.rate, workloads.BETA_1, workloads.BETA_2, workloads.ADAM_EPSILON)


class NPDeep(Peer):
    """`trainer.step` on a batch, `trainer.fit` for an epoch."""

    counts_heap = True

    def start(self, kernels: list[np.ndarray]) -> None:
        model = network(self.workload)
        dense = [layer for layer in model.layers if isinstance(layer, nd.Dense)]
        for layer, kernel in zip(dense, kernels, strict=True):
            layer.kernel.value = kernel
        self.trainer = nd.Trainer(model, "softmax_cross_entropy", optimizer(self.workload))

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        return self.trainer.step(x, y)

    def epoch(self) -> None:
        self.trainer.fit(self.x, self.y, epochs=1, batch_size=self.workload.batch, verbose=False)
