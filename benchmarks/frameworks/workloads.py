"""What is timed: networks of chapter 11 of Géron, *Hands-On Machine Learning* (2017), and two harder ones, on MNIST; and three
of the size that a class begins with.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

PIXELS, CLASSES = 784, 10
DRAWN = 40_010
"""Examples of a network that takes no images; the last batch is a short one."""
SLOPE = 0.01
"""Of leaky ReLU on the negative side."""
EPSILON = 1e-5
"""Of batch normalization."""
MOMENTUM = 0.9
"""Of the optimizer and of the moving averages in batch normalization."""
BETA_1, BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Workload:
    """A network, and how it learns. The loss is always the softmax cross-entropy, the numbers are float32.

    normalized: batch normalization behind every hidden Dense, which then has no bias; normalized_logits: behind the last too.
    dropout: the rate on the inputs and on every hidden layer. l1: the penalty on all kernels. max_norm: the limit for the
    kernels of the hidden layers, over the axis max_norm_axis of a kernel (inputs, units).
    """

    name: str
    title: str
    hidden: tuple[int, ...]
    activation: str
    batch: int
    optimizer: str
    rate: float
    normalized: bool = False
    normalized_logits: bool = False
    dropout: float = 0.0
    l1: float = 0.0
    max_norm: float = 0.0
    max_norm_axis: int = 1
    inputs: int = PIXELS
    classes: int = CLASSES

    def rows(self, images: int) -> int:
        """How many examples there are, where there are so many images."""
        return images if self.inputs == PIXELS else min(images, DRAWN)

    def examples(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The images and their labels; for a network that takes no images drawn numbers, and the class that fits them best."""
        if self.inputs == PIXELS:
            return x, y
        rng = np.random.default_rng(7)
        drawn = rng.standard_normal((self.rows(len(x)), self.inputs), np.float32)
        return drawn, (drawn @ rng.standard_normal((self.inputs, self.classes))).argmax(axis=1)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(inputs, units) of every Dense."""
        return list(zip((self.inputs, *self.hidden), (*self.hidden, self.classes), strict=True))

    def has_normalization(self, i: int) -> bool:
        """Is there batch normalization behind the i-th Dense?"""
        return self.normalized if i < len(self.hidden) else self.normalized_logits

    def layers(self) -> Iterator[tuple[str, int]]:
        """The network from the bottom up: "dropout", "dense", "normalization" or "activation", and the number of the Dense."""
        if self.dropout:
            yield "dropout", 0
        for i in range(len(self.sizes)):
            yield "dense", i
            if self.has_normalization(i):
                yield "normalization", i
            if i < len(self.hidden):
                yield "activation", i
                if self.dropout:
                    yield "dropout", i

    @property
    def needs(self) -> set[str]:
        """What a framework must have, in words."""
        wanted = {
            {"relu": "ReLU", "leaky_relu": "leaky ReLU", "elu": "ELU"}[self.activation]: True,
            {"sgd": "SGD", "momentum": "momentum", "adam": "Adam"}[self.optimizer]: True,
            "batch normalization": self.normalized,
            "dropout": self.dropout > 0,
            "L1 penalty": self.l1 > 0,
            "max-norm": self.max_norm > 0,
        }
        return {name for name, is_wanted in wanted.items() if is_wanted}

    def kernels(self, scale: float = 1.0) -> list[np.ndarray]:
        """The initial kernels (inputs, units): He's normal distribution, times `scale`. Biases begin with 0."""
        rng = np.random.default_rng(42)
        return [scale * np.sqrt(2 / n, dtype=np.float32) * rng.standard_normal((n, m), np.float32) for n, m in self.sizes]

    def limited(self, i: int) -> bool:
        """Is there a limit to the i-th kernel's norms?"""
        return self.max_norm > 0 and i < len(self.hidden)


TWENTY = (100,) * 20
ADAM = {"optimizer": "adam", "rate": 0.001}
SGD = {"optimizer": "sgd", "rate": 0.01}
LIMITED = {"hidden": (300, 50), "activation": "relu", "batch": 50, "optimizer": "momentum", "rate": 0.01, "max_norm": 1.0}
BOOK = (300, 100)

ALL = [
    Workload("W1", "784-300-100-10 leaky ReLU, SGD, batch 50", BOOK, "leaky_relu", 50, **SGD),
    Workload(
        "W2", "784-300-100-10 batch normalization, ELU, SGD, batch 200",
        BOOK, "elu", 200, **SGD, normalized=True, normalized_logits=True,
    ),
    Workload("W3", "784-300-10 ReLU, L1 penalty, SGD, batch 200", (300,), "relu", 200, **SGD, l1=0.001),
    Workload("W4", "784-300-50-10 ReLU, max-norm over axis 1, momentum, batch 50", **LIMITED),
    Workload("W4a0", "784-300-50-10 ReLU, max-norm over axis 0, momentum, batch 50", **LIMITED, max_norm_axis=0),
    Workload("W5", "784-300-100-10 ReLU, dropout, Adam, batch 50", BOOK, "relu", 50, **ADAM, dropout=0.5),
    Workload("W5n", "784-300-100-10 ReLU, no dropout, Adam, batch 50", BOOK, "relu", 50, **ADAM),
    Workload(
        "W6", "20 hidden layers of 100, batch normalization, ELU, Adam, batch 128",
        TWENTY, "elu", 128, **ADAM, normalized=True,
    ),
    Workload("W7", "784-2048-2048-10 ReLU, Adam, batch 512", (2048, 2048), "relu", 512, **ADAM),
]
CLASSROOM = [
    Workload("S1", "2-8-8-2 ReLU, Adam, batch 32", (8, 8), "relu", 32, **ADAM, inputs=2, classes=2),
    Workload("S2", "784-30-10 ReLU, SGD, batch 10", (30,), "relu", 10, **SGD),
    Workload("S3", "20-64-64-10 ReLU, Adam, batch 32", (64, 64), "relu", 32, **ADAM, inputs=20),
]
WORKLOADS = {workload.name: workload for workload in (*ALL, *CLASSROOM)}
