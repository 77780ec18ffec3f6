"""JAX: functions of parameters, compiled by XLA; a step at a time, or a whole epoch as one program."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from frameworks import workloads
from frameworks.base import Peer

ACTIVATIONS = {"relu": jax.nn.relu, "leaky_relu": partial(jax.nn.leaky_relu, negative_slope=workloads.SLOPE), "elu": jax.nn.elu}


class Step(Peer):
    """One step jitted; its arguments' memory is given to its results."""

    def own(self, array: np.ndarray) -> Any:
        return jax.device_put(array)

    def start(self, kernels: list[np.ndarray]) -> None:
        parameters, moving = {}, {}
        for i, kernel in enumerate(kernels):
            parameters[f"w{i}"] = jnp.array(kernel)
            zeros, ones = jnp.zeros(kernel.shape[1]), jnp.ones(kernel.shape[1])
            if self.workload.has_normalization(i):
                parameters |= {f"gamma{i}": ones, f"beta{i}": zeros}
                moving |= {f"mean{i}": zeros.copy(), f"variance{i}": ones.copy()}
            else:
                parameters[f"b{i}"] = zeros
        first, second = jax.tree.map(jnp.zeros_like, parameters), jax.tree.map(jnp.zeros_like, parameters)
        key = jax.random.key(1, impl="rbg")   # faster than JAX's usual generator
        self.state = (parameters, moving, first, second, jnp.zeros((), jnp.int32), key)
        if not hasattr(self, "jitted"):
            self.jitted = jax.jit(self.advance, donate_argnums=0)
            self.gathering = jax.jit(self.gather_and_advance, donate_argnums=0)

    def loss(self, p: dict[str, Any], moving: dict[str, Any], key: Any, x: Any, y: Any) -> tuple[Any, dict[str, Any]]:
        """The loss of a batch, penalties included, and the moving averages after it."""
        workload, a, averages = self.workload, x, dict(moving)
        for kind, i in workload.layers():
            if kind == "dropout":
                key, own = jax.random.split(key)
                keep = 1 - workload.dropout
                a = jnp.where(jax.random.bernoulli(own, keep, a.shape), a / keep, 0)
            elif kind == "dense":
                a = a @ p[f"w{i}"] + p.get(f"b{i}", 0)
            elif kind == "normalization":
                mean, variance = a.mean(axis=0), a.var(axis=0)
                for name, value in ((f"mean{i}", mean), (f"variance{i}", variance)):
                    averages[name] = workloads.MOMENTUM * moving[name] + (1 - workloads.MOMENTUM) * value
                a = (a - mean) * jax.lax.rsqrt(variance + workloads.EPSILON) * p[f"gamma{i}"] + p[f"beta{i}"]
            else:
                a = ACTIVATIONS[workload.activation](a)
        rows = jnp.arange(len(y))
        value = -jax.nn.log_softmax(a)[rows, y].mean()
        if workload.l1:
            value += workload.l1 * sum(jnp.abs(w).sum() for name, w in p.items() if name.startswith("w"))
        return value, jax.lax.stop_gradient(averages)

    def advance(self, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        """The state after a step, and the loss before it."""
        p, moving, m, v, t, key = state
        key, own = jax.random.split(key) if self.workload.dropout else (key, key)
        (loss, moving), grads = jax.value_and_grad(self.loss, has_aux=True)(p, moving, own, x, y)
        p, m, v = self.update(p, grads, m, v, t + 1)
        for i in range(len(self.workload.sizes)):
            if self.workload.limited(i):
                norms = jnp.linalg.norm(p[f"w{i}"], axis=self.workload.max_norm_axis, keepdims=True)
                p[f"w{i}"] *= jnp.minimum(1, self.workload.max_norm / jnp.maximum(norms, 1e-12))
        return (p, moving, m, v, t + 1, key), loss

    def gather_and_advance(self, state: Any, index: Any, x: Any, y: Any) -> tuple[Any, Any]:
        """A step on the examples at these indices: outside of a jitted function, indexing alone takes as long as the step."""
        return self.advance(state, x[index], y[index])

    def update(self, p: Any, grads: Any, m: Any, v: Any, t: Any) -> tuple[Any, Any, Any]:
        """One step of the optimizer."""
        rate, each = self.workload.rate, jax.tree.map
        if self.workload.optimizer == "sgd":
            return each(lambda w, g: w - rate * g, p, grads), m, v
        if self.workload.optimizer == "momentum":
            m = each(lambda a, g: workloads.MOMENTUM * a - rate * g, m, grads)
            return each(jnp.add, p, m), m, v
        b1, b2, epsilon = workloads.BETA_1, workloads.BETA_2, workloads.ADAM_EPSILON
        m = each(lambda a, g: b1 * a + (1 - b1) * g, m, grads)
        v = each(lambda a, g: b2 * a + (1 - b2) * g * g, v, grads)
        c1, c2 = 1 - b1**t, 1 - b2**t
        p = each(lambda w, a, b: w - rate * (a / c1) / (jnp.sqrt(b / c2) + epsilon), p, m, v)
        return p, m, v

    def step(self, x: Any, y: Any) -> Any:
        self.state, loss = self.jitted(self.state, x, y)
        return loss

    def steps(self, count: int) -> None:
        super().steps(count)
        jax.block_until_ready(self.state)     # steps are only queued

    def epoch(self) -> None:
        self.train_on(self.batches())

    def train_on(self, batches: Iterable[np.ndarray]) -> None:
        """A step on each, given by indices."""
        for index in batches:
            self.state, _ = self.gathering(self.state, index, self.x, self.y)
        jax.block_until_ready(self.state)

    def warm_up(self) -> None:
        super().warm_up()
        self.train_on(np.arange(len(y)) for _, y in (self.first_batch, self.short_batch()))


class Scan(Step):
    """Shuffling, gathering and all full batches as one compiled loop; the short last batch after it."""

    steps_alone = False

    def start(self, kernels: list[np.ndarray]) -> None:
        super().start(kernels)
        if not hasattr(self, "whole"):
            self.whole = jax.jit(self.advance_epoch, donate_argnums=0)

    def advance_epoch(self, state: Any, order: Any, x: Any, y: Any) -> Any:
        """The state after an epoch in this order."""

        def body(state: Any, index: Any) -> tuple[Any, Any]:
            return self.gather_and_advance(state, index, x, y)

        size = self.workload.batch
        full = len(x) // size * size
        state, _ = jax.lax.scan(body, state, order[:full].reshape(-1, size))
        if full < len(x):
            state, _ = self.gather_and_advance(state, order[full:], x, y)
        return state

    def epoch(self) -> None:
        self.state = self.whole(self.state, self.rng.permutation(len(self.x)), self.x, self.y)
        jax.block_until_ready(self.state)

    def warm_up(self) -> None:
        self.epoch()
