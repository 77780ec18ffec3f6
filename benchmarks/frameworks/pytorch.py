"""PyTorch: a training loop tuned by hand, the same compiled, and the same fed by a DataLoader."""

import itertools
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from frameworks import workloads
from frameworks.base import Peer
from frameworks.workloads import Workload

ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": lambda: nn.LeakyReLU(workloads.SLOPE), "elu": nn.ELU}
FORMS: dict[str, dict[str, bool]] = {"default": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}
"""The optimizer's three implementations."""


def network(workload: Workload) -> nn.Sequential:
    """The workload's network."""
    layers: list[nn.Module] = []
    for kind, i in workload.layers():
        if kind == "dropout":
            layers.append(nn.Dropout(workload.dropout))
        elif kind == "dense":
            layers.append(nn.Linear(*workload.sizes[i], bias=not workload.has_normalization(i)))
        elif kind == "normalization":
            layers.append(nn.BatchNorm1d(workload.sizes[i][1], eps=workloads.EPSILON, momentum=1 - workloads.MOMENTUM))
        else:
            layers.append(ACTIVATIONS[workload.activation]())
    return nn.Sequential(*layers)


class Tuned(Peer):
    """nn.Sequential, gradients set to None, indices gathered from one tensor.

    The optimizer is the fastest of PyTorch's three forms, on one thread or on all: a short contest before the measurement
    decides.
    """

    form, chosen_threads = "default", 0

    def own(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array)

    def start(self, kernels: list[np.ndarray]) -> None:
        torch.set_num_threads(self.chosen_threads or self.threads)
        if not hasattr(self, "model"):
            self.model = network(self.workload)
            self.dense = [layer for layer in self.model if isinstance(layer, nn.Linear)]
            self.loss = self.make_loss()
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                layer = self.model[int(name.split(".")[0])]
                parameter.fill_(1 if isinstance(layer, nn.BatchNorm1d) and "weight" in name else 0)
            for layer, kernel in zip(self.dense, kernels, strict=True):
                layer.weight.copy_(torch.from_numpy(kernel.T))
        self.optimizer = self.make_optimizer(self.form)

    def make_optimizer(self, form: str) -> torch.optim.Optimizer:
        workload, parameters = self.workload, self.model.parameters()
        if workload.optimizer == "adam":
            betas = (workloads.BETA_1, workloads.BETA_2)
            return torch.optim.Adam(parameters, workload.rate, betas, workloads.ADAM_EPSILON, **FORMS[form])
        momentum = workloads.MOMENTUM if workload.optimizer == "momentum" else 0
        return torch.optim.SGD(parameters, workload.rate, momentum, **FORMS[form])

    def make_loss(self) -> Any:
        """The loss as a function of a batch, penalties included."""
        model, dense, l1 = self.model, self.dense, self.workload.l1

        def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            value = functional.cross_entropy(model(x), y)
            return value + l1 * sum(layer.weight.abs().sum() for layer in dense) if l1 else value

        return loss

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, y)
        loss.backward()
        self.optimizer.step()
        if self.workload.max_norm:
            self.limit()
        return loss.detach()

    @torch.no_grad()
    def limit(self) -> None:
        """Max-norm; a weight here is (units, inputs), and renorm takes the dimension to keep: that of npdeep's axis."""
        for layer in self.dense[:-1]:
            torch.renorm(layer.weight, 2, self.workload.max_norm_axis, self.workload.max_norm, out=layer.weight)

    def batches(self) -> Iterable[torch.Tensor]:
        return torch.randperm(len(self.x)).split(self.workload.batch)

    def warm_up(self) -> None:
        super().warm_up()
        self.contest()

    def contest(self) -> None:
        """Take the fastest pair of form and number of threads; each has three tries, in turns."""
        best: dict[tuple[str, int], float] = {}
        pairs = list(itertools.product(FORMS, sorted({1, self.threads})))
        for _, (form, threads) in itertools.product(range(3), pairs):
            torch.set_num_threads(threads)
            self.optimizer = self.make_optimizer(form)
            self.steps(2)
            started = time.perf_counter()
            count = 0
            while count < 3 or time.perf_counter() - started < 0.05:
                self.steps(1)
                count += 1
            seconds = (time.perf_counter() - started) / count
            best[form, threads] = min(seconds, best.get((form, threads), seconds))
        self.form, self.chosen_threads = min(best, key=lambda pair: best[pair])
        self.note = f"{self.form} optimizer, threads: {self.chosen_threads}"


class Compiled(Tuned):
    """The same; torch.compile makes one program of forward pass and loss, and of the way back."""

    def make_loss(self) -> Any:
        return torch.compile(super().make_loss(), dynamic=False)


class Loader(Tuned):
    """The same, with batches from a DataLoader as the tutorials have it."""

    steps_alone = False

    def epoch(self) -> None:
        data = torch.utils.data.TensorDataset(self.x, self.y)
        for x, y in torch.utils.data.DataLoader(data, batch_size=self.workload.batch, shuffle=True):
            self.step(x, y)
