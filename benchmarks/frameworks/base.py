"""What every framework must be able to do, to be timed."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from frameworks.workloads import Workload


class CannotExpress(Exception):
    """The framework has no means for something in the workload; the message says for what."""


class Peer:
    """One way to train a workload. Modules in this folder say how; here is what they may leave as it is.

    Args:
        workload: the network and how it learns.
        x, y: all examples (n, inputs) float32 and labels (n,) int64.
        threads: how many processors it may use.
    """

    has: ClassVar[set[str] | None] = None
    """All of `Workload.needs` that the framework has; None for one that has everything."""
    counts_heap: ClassVar[bool] = False
    """Does it keep its arrays in Python's heap, where tracemalloc sees them?"""
    loops: ClassVar[bool] = True
    """Is the whole epoch its business?"""
    steps_alone: ClassVar[bool] = True
    """Is the single step its business?"""
    note: str = ""

    def __init__(self, workload: Workload, x: np.ndarray, y: np.ndarray, threads: int) -> None:
        if self.has is not None and workload.needs - self.has:
            raise CannotExpress("no " + ", ".join(sorted(workload.needs - self.has)))
        self.workload, self.threads = workload, threads
        self.x, self.y = self.own(x), self.own(y)
        self.first_batch = self.own(x[: workload.batch]), self.own(y[: workload.batch])
        self.rng = np.random.default_rng(1)

    def own(self, array: np.ndarray) -> Any:
        """The array as the framework wants it."""
        return array

    def start(self, kernels: list[np.ndarray]) -> None:
        """Begin training again: these kernels, biases of 0, a fresh optimizer."""
        raise NotImplementedError

    def step(self, x: Any, y: Any) -> Any:
        """One training step on a batch; returns the loss before it, penalties included, in the framework's own form."""
        raise NotImplementedError

    def steps(self, count: int) -> None:
        """So many training steps on one and the same batch."""
        x, y = self.first_batch
        for _ in range(count):
            self.step(x, y)

    def epoch(self) -> None:
        """Once through all examples in a new order, the short last batch included."""
        for index in self.batches():
            self.step(self.x[index], self.y[index])

    def batches(self) -> Iterable[Any]:
        """The indices of each batch, all examples in a new order."""
        order = self.rng.permutation(len(self.x))
        for start in range(0, len(order), self.workload.batch):
            yield order[start : start + self.workload.batch]

    def warm_up(self) -> None:
        """Let everything happen that happens only once: compiling above all, for the short last batch too."""
        self.steps(3)
        self.step(*self.short_batch())

    def short_batch(self) -> tuple[Any, Any]:
        """As many examples as the last batch of an epoch has."""
        rows = len(self.x) % self.workload.batch or self.workload.batch
        return self.x[:rows], self.y[:rows]

    def losses(self, count: int) -> list[float]:
        """Train on so many batches, in the order of the data, and return the loss of each."""
        size = self.workload.batch
        return [
            self.step_with_loss(self.x[start : start + size], self.y[start : start + size])
            for start in range(0, count * size, size)
        ]

    def step_with_loss(self, x: Any, y: Any) -> float:
        """A step, and the loss before it as a number: for the check, not on the clock."""
        return float(self.step(x, y))
