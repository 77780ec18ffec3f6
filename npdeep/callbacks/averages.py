"""Averages of the weights over the steps of a run, which are often better than the weights of its last step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from npdeep.callbacks.base import Callback
from npdeep.common import checks
from npdeep.files import fields
from npdeep.kernels.arrays import Array
from npdeep.parameters import CHUNK, chunks


class ExponentialAverage(Callback):
    """Averages the weights after every update: w̄ ← δ w̄ + (1 − δ) w, so that a step k updates ago counts with (1 − δ) δᵏ.

    Args:
        decay: δ, at least 0 and below 1. 0.999 averages over about 1,000 updates; choose 1/(1 − δ) below the length of the run.
        bias_correction: True begins at w̄ = 0 and divides by 1 − δᵗ after t updates, so that the weights of the steps sum to 1;
            False begins at the weights before the first step, as TensorFlow does, which stay in the average with δᵗ.
        evaluate: True evaluates the averages after every epoch on fit's validation data: the history has average_val_loss, ….

    Attributes:
        updates: how many were averaged.

    Everything is averaged: parameters, frozen ones too, and the moving statistics of batch normalization, in float64. The
    average of moving statistics is near to the statistics of the network with averaged weights, and not the same: where that
    counts, go once more through the training data with the averages in place.

    Training continues with the weights as they are. A checkpoint keeps the averages, and a resumed run ends with the same
    bits. Raises ValueError where they are asked for before the first update, or of a model of another size.

    >>> import npdeep as nd
    >>> x, y = nd.datasets.xor(200, seed=0)
    >>> model = nd.Sequential([nd.Dense(8), nd.Activation("tanh"), nd.Dense(2)], input_size=2, seed=0)
    >>> average = ExponentialAverage(decay=0.9)
    >>> trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.02), metrics=["accuracy"])
    >>> history = trainer.fit(x, y, epochs=20, callbacks=[average], verbose=False)
    >>> with average.swapped(model):
    ...     trainer.evaluate(x, y)["accuracy"] > 0.9
    True
    >>> with average.swapped(model):
    ...     averaged = model.copy()           # a network of its own, to keep
    """

    order: ClassVar[int] = -1                 # others are to find its results in the record
    settled: ClassVar[dict[str, str]] = {"bias_correction": "the average has been begun; make a new callback"}

    def __init__(self, decay: float = 0.999, bias_correction: bool = True, evaluate: bool = True) -> None:
        self.decay = checks.number("ExponentialAverage", "decay", decay, minimum=0, below=1)
        self.bias_correction = checks.flag("ExponentialAverage", "bias_correction", bias_correction)
        self.evaluate = checks.flag("ExponentialAverage", "evaluate", evaluate)
        self.reset()

    def reset(self) -> None:
        """Nothing averaged yet."""
        self.average: Array | None = None     # flat, like the model's arena
        self.total = 0.0                      # the sum of what the steps in it count
        self.updates = 0

    def adds(self, keys: list[str]) -> list[str]:
        """average_val_loss and so on."""
        return [f"average_{key}" for key in keys if key.startswith("val_")] if self.evaluate else []

    def on_fit_begin(self, trainer: Any) -> None:
        """Make room, once."""
        values = trainer.model.arena.values
        if self.average is None:
            self.average = np.zeros(values.size) if self.bias_correction else values.astype(np.float64)
            self.total = 0.0 if self.bias_correction else 1.0
        self.check_size(values)
        self.work = np.empty(min(CHUNK, values.size))

    def check_size(self, values: Array) -> None:
        """Raise ValueError where the averages are those of another model."""
        if self.average is not None and self.average.size != values.size:
            raise ValueError(
                f"ExponentialAverage: it has averaged {self.average.size:,} numbers, and this model has {values.size:,}; make "
                "a new callback for another model"
            )

    def on_step_end(self, trainer: Any) -> None:
        """w̄ ← δ w̄ + (1 − δ) w, in pieces that fit the cache."""
        assert self.average is not None
        values, rest = trainer.model.arena.values, 1 - self.decay
        for piece in chunks([slice(0, values.size)]):
            average, t = self.average[piece], self.work[: piece.stop - piece.start]
            np.multiply(values[piece], rest, out=t, dtype=np.float64)    # float32 times a Python number would be float32
            np.multiply(average, self.decay, out=average)
            np.add(average, t, out=average)
        self.total = self.decay * self.total + rest
        self.updates += 1

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Evaluate the averages, where there is something to evaluate them on."""
        if self.evaluate and trainer.validation_data is not None:
            with self.swapped(trainer.model):
                results = trainer.evaluate(*trainer.validation_data)
            record.update({f"average_val_{name}": value for name, value in results.items()})

    @contextmanager
    def swapped(self, model: Any) -> Iterator[Any]:
        """Within the block the model has the averages for its weights; behind it, its own again, to the bit.

        Evaluate, predict, save or copy the model there; what is trained within the block is lost. Other threads wait.
        Raises ValueError before the first update, and for a model of another size.
        """
        if self.average is None or not self.updates:
            raise ValueError("ExponentialAverage: there is no average yet; train with it first: fit(..., callbacks=[average])")
        with model.lock:
            values = model.arena.values
            self.check_size(values)
            before = values.copy()
            try:
                values[...] = self.average / self.total
                yield model
            finally:
                values[...] = before

    def state(self) -> dict[str, Any]:
        """The averages and the counts."""
        counts = {"total": self.total, "updates": self.updates}
        return counts if self.average is None else {**counts, "average": self.average.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self.check_state("ExponentialAverage.state", state)
        self.total, self.updates = state["total"], state["updates"]
        self.average = state["average"].astype(np.float64) if "average" in state else None

    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """Two counts and a flat array."""
        fields.record({"total": fields.number(0, 1), "updates": fields.whole()}, {"average": fields.array(1)})(where, state)
