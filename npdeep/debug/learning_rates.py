"""Which learning rate? Try them all, from tiny to huge, in one short run on a copy."""

import copy
import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.tables import Table, Tabled
from npdeep.datasets.batches import batches
from npdeep.losses import check_y
from npdeep.training.trainer import Trainer

DIVERGED = 4.0
"""The test ends where the loss is this many times the best one."""
MEMORY = 0.9
"""Losses of single batches jump about: they are smoothed by a moving average with this memory."""


@dataclass(repr=False)
class LearningRateRange(Tabled):
    """The result of a learning-rate range test.

    Attributes:
        rates, losses: the learning rate and the batch loss of each update. smoothed: the losses, smoothed.
        ended_because: "" where all rates were tried, else why the test ended before.
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    ended_because: str = ""

    @property
    def turning_point(self) -> float:
        """The rate at which the smoothed loss was lowest; beyond it the loss grows."""
        return self.rates[int(np.argmin(self.smoothed))] if self.rates else math.nan

    @property
    def suggested(self) -> float:
        """A tenth of the turning point, the chapter's rule of thumb."""
        return self.turning_point / 10

    def table(self) -> Table:
        """Ten rows of it, and the suggestion."""
        every = max(1, len(self.rates) // 10)
        rows = [[f"{r:.3g}", f"{s:.4g}"] for r, s in list(zip(self.rates, self.smoothed, strict=True))[::every]]
        notes = [f"lowest at {self.turning_point:.3g}; try {self.suggested:.2g}"]
        notes += [self.ended_because] if self.ended_because else []
        return Table(["learning rate", "loss (smoothed)"], rows, notes=notes)


def learning_rate_range(
    trainer: Trainer, x: Any, y: Any, low: float = 1e-5, high: float = 10.0, steps: int = 200, batch_size: int = 32
) -> LearningRateRange:
    """The learning-rate range test: the rate grows by the same factor at every update, and the loss is recorded.

    Args:
        trainer: works on a copy, so that weights, slots, iteration and generators stay as they are.
        x, y: examples and targets to train on.
        low, high: the first and the last rate. steps: how many updates between them. batch_size: rows per update.

    The test ends early where the loss is not finite or four times the best one. Raises ValueError or TypeError for unfit
    arguments. Source: Smith (2017), *Cyclical learning rates for training neural networks*, section 3.3.

    >>> import npdeep as nd
    >>> x, y = nd.datasets.moons(200, seed=0)
    >>> model = nd.Sequential([nd.Dense(8), nd.Activation("relu"), nd.Dense(2)], input_size=2, seed=0)
    >>> test = learning_rate_range(nd.Trainer(model, "softmax_cross_entropy", "sgd"), x, y, high=1e4)
    >>> 0.01 < test.turning_point < 1e4, test.ended_because != ""
    (True, True)
    """
    owner = "learning_rate_range"
    low, high = checks.number(owner, "low", low, above=0), checks.number(owner, "high", high, above=0)
    if low >= high:
        raise ValueError(f"{owner}: low must be below high, got {low:g} and {high:g}")
    steps = checks.whole(owner, "steps", steps, minimum=2)
    if not isinstance(trainer, Trainer):
        raise TypeError(f"{owner}: trainer must be a Trainer, nd.Trainer(model, loss), got {checks.describe(trainer)}")
    twin = copy.deepcopy(trainer)
    rows = twin.model.check_examples(owner, "x", x)
    targets = check_y(owner, twin.loss, y, len(rows), twin.model.output_size, twin.model.dtype)
    result = LearningRateRange()
    endless = itertools.chain.from_iterable(
        batches(rows, targets, batch_size, seed=twin.seed, epoch=epoch) for epoch in itertools.count()
    )
    average = 0.0
    for k, (xb, yb) in zip(range(steps), endless, strict=False):
        rate = low * (high / low) ** (k / (steps - 1))
        twin.optimizer.learning_rate = rate
        loss = try_step(twin, xb, yb)
        if not math.isfinite(loss):
            result.ended_because = f"the loss was not finite at {rate:.3g}"
            break
        average = MEMORY * average + (1 - MEMORY) * loss
        result.rates.append(rate)
        result.losses.append(loss)
        result.smoothed.append(average / (1 - MEMORY ** (k + 1)))
        if result.smoothed[-1] > DIVERGED * min(result.smoothed):
            result.ended_because = f"the loss was {DIVERGED:g} times the best one at {rate:.3g}"
            break
    return result


def try_step(twin: Trainer, x: Any, y: Any) -> float:
    """The loss of one update; NaN where clipping refuses a gradient that is not finite."""
    with np.errstate(all="ignore"):
        try:
            return twin.step(x, y)
        except ValueError as error:
            if "has no norm" in str(error):
                return math.nan
            raise
