"""Parts of the user's: one of each kind that a model or a trainer takes, none of them known to npdeep."""

from typing import Any

import numpy as np
from helpers_training import CLASSES, WIDTH

import npdeep as nd


class OwnLayer(nd.layers.Layer):
    """output = scale · input + noise: with an argument, a parameter and random numbers."""

    draws = True

    def __init__(self, factor: float = 1.0, name: str | None = None) -> None:
        super().__init__(name)
        self.factor = factor

    def build(self, input_size: int) -> int:
        self.scale = self.add_parameter("scale", (input_size,), nd.initializers.Constant(self.factor))
        return input_size

    def forward(self, x: Any, training: bool = False) -> Any:
        self.input = x
        np.multiply(x, self.scale.value, out=self.output)
        if training:
            self.output += 0.01 * self.rng.standard_normal(x.shape, dtype=x.dtype)
        return self.output

    def backward(self, grad_output: Any) -> Any:
        self.grad_output = grad_output
        if self.scale.wanted is not None:
            np.einsum("ij,ij->j", grad_output, self.input, out=self.scale.wanted)
        return None if self.grad_input is None else np.multiply(grad_output, self.scale.value, out=self.grad_input)


class OwnInitializer(nd.initializers.Initializer):
    def __init__(self, high: float = 0.5) -> None:
        self.high = high

    def __call__(self, shape: Any, fan_in: int, fan_out: int, rng: np.random.Generator) -> Any:
        return rng.uniform(-self.high, self.high, shape)


class OwnRegularizer(nd.regularizers.Regularizer):
    def __init__(self, scale: float = 0.001) -> None:
        self.scale = scale

    def penalty(self, w: Any, dw: Any, t: Any) -> float:
        if dw is not None:
            dw += self.scale
        return self.scale * float(w.sum())


class OwnConstraint(nd.constraints.Constraint):
    def __init__(self, limit: float = 0.9) -> None:
        self.limit = limit

    def apply(self, w: Any, scratch: Any) -> None:
        np.clip(w, -self.limit, self.limit, out=w)


class OwnClipping(nd.clipping.Clipping):
    def clip(self) -> None:
        for g in self.grads:
            np.sign(g, out=g)


class OwnSchedule(nd.schedules.Schedule):
    def __init__(self, initial: float = 0.05) -> None:
        self.initial = initial

    def __call__(self, step: int) -> float:
        return self.initial / (1 + step)


class OwnOptimizer(nd.optimizers.Optimizer):
    """m ← ½ m + g, w ← w − η m / updates: with a slot, and a number beside the slots."""

    slot_names = ("m",)
    slot_label = "Own"
    updates = 0

    def update(self, step: int) -> None:
        self.updates += 1
        super().update(step)

    def update_piece(self, step: int, w: Any, g: Any, *rest: Any) -> None:
        m, _ = rest
        m *= 0.5
        m += g
        w -= self.learning_rate_at(step) / self.updates * m

    def state(self) -> dict[str, float]:
        return {"updates": self.updates}

    def set_state(self, state: dict[str, float]) -> None:
        self.updates = int(state["updates"])


class OwnMetric(nd.metrics.Metric):
    name = "largest"

    def compute(self, outputs: Any, targets: Any) -> float:
        return float(outputs.max())


class OwnLossObject:
    """A loss without a base class, with an argument that npdeep cannot know of."""

    def __init__(self, power: int = 2) -> None:
        self.power = power

    def forward(self, outputs: Any, targets: Any, sample_weight: Any = None) -> float:
        self.error = outputs - np.eye(CLASSES)[targets]
        return float(np.mean(self.error**self.power))

    def backward(self) -> Any:
        return self.power * self.error ** (self.power - 1) / self.error.size


class OwnLossClass(nd.losses.MeanSquaredError):
    """A loss derived from one of npdeep's, for labels."""

    def __init__(self, weight: float = 1.0) -> None:
        self.factor = self.weight_of_all = weight
        super().__init__()

    def arguments(self) -> dict[str, Any]:
        return {"weight": self.weight_of_all}

    def check_targets(self, targets: Any, n: int, units: int, dtype: Any) -> Any:
        return super().check_targets(np.eye(units)[targets], n, units, dtype)


def spread(outputs: Any, targets: Any) -> float:
    """A metric that is a mere function."""
    return float(np.ptp(outputs))


CLASSES_OF_ITS_OWN = [
    *(OwnLayer, OwnInitializer, OwnRegularizer, OwnConstraint, OwnClipping, OwnSchedule, OwnOptimizer, OwnMetric, OwnLossClass)
]


def own_trainer(loss: Any = None, seed: int = 1) -> nd.Trainer:
    """A trainer all of whose parts are the user's."""
    hidden = nd.Dense(
        8,
        kernel_initializer=OwnInitializer(0.4),
        kernel_regularizer=OwnRegularizer(),
        kernel_constraint=OwnConstraint(),
        name="hidden",
    )
    layers = [hidden, OwnLayer(1.5), nd.Activation("tanh"), nd.Dense(CLASSES, name="outputs")]
    model = nd.Sequential(layers, WIDTH, seed=seed)
    loss = OwnLossObject(4) if loss is None else loss
    return nd.Trainer(model, loss, OwnOptimizer(OwnSchedule(0.3)), OwnClipping(), ["accuracy", OwnMetric(), spread])
