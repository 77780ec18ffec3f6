"""The floor: nothing but the matrix products that every training step must compute, into arrays made beforehand."""

from typing import Any

import numpy as np

from frameworks.base import Peer


class Floor(Peer):
    """Three products a layer, two in the first: nobody needs the gradient of the inputs."""

    counts_heap = True
    loops = False

    def start(self, kernels: list[np.ndarray]) -> None:
        batch = self.workload.batch
        self.kernels = kernels
        self.gradients = [np.empty_like(kernel) for kernel in kernels]
        widths = [kernels[0].shape[0], *(kernel.shape[1] for kernel in kernels)]
        self.values = [np.ones((batch, width), np.float32) for width in widths]
        self.deltas = [np.ones((batch, width), np.float32) for width in widths]

    def step(self, x: Any, y: Any) -> float:
        """x w, going up; xᵀ δ and δ wᵀ, going down. It computes no loss and learns nothing."""
        values, deltas = self.values, self.deltas
        for i, w in enumerate(self.kernels):
            np.matmul(x if i == 0 else values[i], w, out=values[i + 1])
        for i in reversed(range(len(self.kernels))):
            np.matmul((x if i == 0 else values[i]).T, deltas[i + 1], out=self.gradients[i])
            if i > 0:
                np.matmul(deltas[i + 1], self.kernels[i].T, out=deltas[i])
        return float("nan")

    def steps(self, count: int) -> None:
        """The values must not grow from step to step: infinities and denormals take longer."""
        for values in self.values:
            values.fill(1)
        for deltas in self.deltas:
            deltas.fill(0.001)
        super().steps(count)

    def warm_up(self) -> None:
        self.steps(3)
