"""The numbers that the views show, read from the arrays that a step left in the layers."""

import math
from dataclasses import dataclass

import numpy as np

from npdeep.callbacks.recording import kernels, move_ratio
from npdeep.common.events import norm
from npdeep.debug.snapshot import flat_share, spread_over_examples
from npdeep.kernels.arrays import Array
from npdeep.layers import GLU, Activation, Layer, Maxout, PReLU, RReLU
from npdeep.models.sequential import Sequential
from npdeep.training.trainer import Trainer

NAN = float("nan")


@dataclass(frozen=True)
class Look:
    """A network at one moment, by layers with a kernel, lowest first; NaN where there is nothing to measure.

    Attributes:
        names: of the layers. gradient: ‖∂L/∂z‖, z being what the kernel makes.
        spread: of the activations above it, from example to example. saturated, dead: shares of these activations.
        moved: ‖Δkernel‖/‖kernel‖ of the last update.
    """

    names: tuple[str, ...]
    gradient: tuple[float, ...]
    spread: tuple[float, ...]
    saturated: tuple[float, ...]
    dead: tuple[float, ...]
    moved: tuple[float, ...]

    def rows(self) -> list[tuple[str, ...]]:
        """One row a layer, in words."""
        columns = (self.gradient, self.spread, self.saturated, self.dead, self.moved)
        return [
            (str(number), name, *("" if math.isnan(v) else f"{v:.3g}" for v in values))
            for number, (name, *values) in enumerate(zip(self.names, *columns, strict=True), 1)
        ]


def look(model: Sequential, moved: tuple[float, ...] = ()) -> Look:
    """Read a model that has just gone forward and backward.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("tanh"), nd.Dense(2)], 2, seed=0)
    >>> trainer = nd.Trainer(model, "softmax_cross_entropy")
    >>> seen = look(nd.debug.snapshot(trainer, np.eye(2), [0, 1]))
    >>> seen.names, seen.gradient[1] > 0
    (('dense', 'dense_1'), True)
    """
    names: list[str] = []
    gradient: list[float] = []
    above: list[tuple[float, float, float]] = []
    for layer in model.everything():
        if any(p.name.endswith("/kernel") for p in layer.parameters):
            names.append(str(layer.name))
            gradient.append(NAN if layer.grad_output is None else norm(layer.grad_output))
            above.append((NAN, NAN, NAN))
        if names and isinstance(layer, Activation | PReLU | RReLU | GLU | Maxout):
            above[-1] = of_activations(layer)
    spread, saturated, dead = zip(*above, strict=True) if above else ((), (), ())
    return Look(tuple(names), tuple(gradient), spread, saturated, dead, moved or (NAN,) * len(names))


def of_activations(layer: Layer) -> tuple[float, float, float]:
    """Spread over examples, share saturated, share of units dead on all rows."""
    spread = spread_over_examples(layer.output)
    if not isinstance(layer, Activation) or layer.rule.whole_row:
        return spread, NAN, NAN
    return spread, *flat_share(layer)


def watched_step(trainer: Trainer, x: Array, y: Array) -> Look:
    """One update, and what it did."""
    before = [kernel.value.copy() for kernel in kernels(trainer)]
    trainer.step(x, y)
    moved = [move_ratio(old, kernel.value) for old, kernel in zip(before, kernels(trainer), strict=True)]
    with np.errstate(all="ignore"):           # a run that has diverged is looked at too
        return look(trainer.model, tuple(moved))
