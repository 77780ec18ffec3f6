"""thinc, which trains the networks of spaCy."""

from typing import Any

import numpy as np
from thinc import api

from frameworks import workloads
from frameworks.base import Peer


class Thinc(Peer):
    """begin_update, the way back, finish_update."""

    has = frozenset({"ReLU", "SGD", "Adam", "dropout"})
    counts_heap = True

    def start(self, kernels: list[np.ndarray]) -> None:
        workload, last = self.workload, len(kernels) - 1
        layers: list[Any] = []
        for kind, i in workload.layers():
            n, m = workload.sizes[i]
            if kind == "dropout":
                layers.append(api.Dropout(workload.dropout))
            elif kind == "dense":
                layers.append(api.Softmax(m, n) if i == last else api.Relu(m, n))    # these bring their activation
        self.model = api.chain(*layers)
        self.model.initialize()
        dense = [layer for layer in layers if layer.has_param("W")]
        for layer, kernel in zip(dense, kernels, strict=True):
            layer.set_param("W", np.ascontiguousarray(kernel.T))
            layer.set_param("b", np.zeros(kernel.shape[1], np.float32))
        given: dict[str, Any] = {"L2": 0.0, "grad_clip": 0.0, "use_averages": False}
        if workload.optimizer == "adam":
            given |= {"beta1": workloads.BETA_1, "beta2": workloads.BETA_2, "eps": workloads.ADAM_EPSILON}
            self.optimizer = api.Adam(workload.rate, **given)
        else:
            self.optimizer = api.SGD(workload.rate, **given)
        self.cross_entropy = api.CategoricalCrossentropy(normalize=True)
        self.probabilities: Any = None

    def step(self, x: np.ndarray, y: np.ndarray) -> None:
        self.probabilities, backprop = self.model.begin_update(x)
        backprop(self.cross_entropy.get_grad(self.probabilities, y))
        self.model.finish_update(self.optimizer)
        self.optimizer.step_schedules()

    def step_with_loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """thinc's own loss is a sum of squares, beside the gradient of the cross-entropy: here from its probabilities."""
        self.step(x, y)
        return float(-np.log(self.probabilities[np.arange(len(y)), y]).mean())
