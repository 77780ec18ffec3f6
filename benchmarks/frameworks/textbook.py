"""Plain NumPy, as a textbook writes it: short, right, and a new array for every result."""

from typing import Any

import numpy as np

from frameworks import workloads
from frameworks.base import Peer


class Textbook(Peer):
    """A network as a dictionary of arrays; each layer is a pair of `if`s, one going up and one going down."""

    counts_heap = True

    def start(self, kernels: list[np.ndarray]) -> None:
        self.p: dict[str, np.ndarray] = {}
        for i, kernel in enumerate(kernels):
            units = kernel.shape[1]
            self.p[f"w{i}"] = kernel.copy()
            if self.workload.has_normalization(i):
                self.p[f"gamma{i}"] = np.ones(units, np.float32)
                self.p[f"beta{i}"] = np.zeros(units, np.float32)
            else:
                self.p[f"b{i}"] = np.zeros(units, np.float32)
        self.moving: dict[str, Any] = {}
        self.m = {name: np.zeros_like(value) for name, value in self.p.items()}
        self.v = {name: np.zeros_like(value) for name, value in self.p.items()}
        self.t = 0

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        logits, memory = self.forward(x)
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        softmax = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        loss = -np.log(softmax[rows, y]).mean()
        one_hot = np.zeros_like(softmax)
        one_hot[rows, y] = 1
        grads = self.backward((softmax - one_hot) / len(y), memory)
        if self.workload.l1:
            for name in grads:
                if name.startswith("w"):
                    loss += self.workload.l1 * np.abs(self.p[name]).sum()
                    grads[name] = grads[name] + self.workload.l1 * np.sign(self.p[name])
        self.update(grads)
        self.limit()
        return float(loss)

    def forward(self, a: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        """The logits, and what each layer must remember for the way back."""
        memory: list[Any] = []
        for kind, i in self.workload.layers():
            if kind == "dropout":
                keep = 1 - self.workload.dropout
                mask = (self.rng.random(a.shape, np.float32) < keep) / np.float32(keep)
                memory.append(mask)
                a = a * mask
            elif kind == "dense":
                memory.append(a)
                a = a @ self.p[f"w{i}"]
                if f"b{i}" in self.p:
                    a = a + self.p[f"b{i}"]
            elif kind == "normalization":
                mean, variance = a.mean(axis=0), a.var(axis=0)
                self.follow(f"mean{i}", mean, 0)
                self.follow(f"variance{i}", variance, 1)
                deviation = np.sqrt(variance + workloads.EPSILON)
                normal = (a - mean) / deviation
                memory.append((normal, deviation))
                a = self.p[f"gamma{i}"] * normal + self.p[f"beta{i}"]
            else:
                memory.append(a)
                a = self.activation(a)
        return a, memory

    def backward(self, d: np.ndarray, memory: list[Any]) -> dict[str, np.ndarray]:
        """The gradient of every parameter."""
        grads = {}
        for kind, i in reversed(list(self.workload.layers())):
            kept = memory.pop()
            if kind == "dropout":
                d = d * kept
            elif kind == "dense":
                grads[f"w{i}"] = kept.T @ d
                if f"b{i}" in self.p:
                    grads[f"b{i}"] = d.sum(axis=0)
                if i == 0:
                    break
                d = d @ self.p[f"w{i}"].T
            elif kind == "normalization":
                normal, deviation = kept
                grads[f"gamma{i}"], grads[f"beta{i}"] = (d * normal).sum(axis=0), d.sum(axis=0)
                d = d * self.p[f"gamma{i}"]
                d = (d - d.mean(axis=0) - normal * (d * normal).mean(axis=0)) / deviation
            else:
                d = d * self.slope(kept)
        return grads

    def activation(self, z: np.ndarray) -> np.ndarray:
        if self.workload.activation == "relu":
            return np.maximum(0, z)
        if self.workload.activation == "leaky_relu":
            return np.where(z > 0, z, workloads.SLOPE * z)
        return np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1)

    def slope(self, z: np.ndarray) -> np.ndarray:
        if self.workload.activation == "relu":
            return z > 0
        if self.workload.activation == "leaky_relu":
            return np.where(z > 0, np.float32(1), np.float32(workloads.SLOPE))
        return np.where(z > 0, 1, np.exp(np.minimum(z, 0)))

    def follow(self, name: str, value: np.ndarray, start: float) -> None:
        """The moving average of a batch's statistic."""
        self.moving[name] = workloads.MOMENTUM * self.moving.get(name, start) + (1 - workloads.MOMENTUM) * value

    def update(self, grads: dict[str, np.ndarray]) -> None:
        """One step of the optimizer."""
        rate, self.t = self.workload.rate, self.t + 1
        for name, g in grads.items():
            if self.workload.optimizer == "sgd":
                self.p[name] = self.p[name] - rate * g
            elif self.workload.optimizer == "momentum":
                self.m[name] = workloads.MOMENTUM * self.m[name] - rate * g
                self.p[name] = self.p[name] + self.m[name]
            else:
                b1, b2 = workloads.BETA_1, workloads.BETA_2
                self.m[name] = b1 * self.m[name] + (1 - b1) * g
                self.v[name] = b2 * self.v[name] + (1 - b2) * g**2
                m, v = self.m[name] / (1 - b1**self.t), self.v[name] / (1 - b2**self.t)
                self.p[name] = self.p[name] - rate * m / (np.sqrt(v) + workloads.ADAM_EPSILON)

    def limit(self) -> None:
        """Max-norm: shorten the rows or columns that are too long."""
        for i in range(len(self.workload.sizes)):
            if self.workload.limited(i):
                norms = np.linalg.norm(self.p[f"w{i}"], axis=self.workload.max_norm_axis, keepdims=True)
                self.p[f"w{i}"] = self.p[f"w{i}"] * np.minimum(1, self.workload.max_norm / np.maximum(norms, 1e-12))
