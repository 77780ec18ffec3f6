"""One training step, one operation at a time, on a copy: left halfway, it has changed nothing."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

from npdeep.common.events import StepEvent
from npdeep.debug import Explanation, explain, explain_update
from npdeep.kernels.arrays import Array
from npdeep.teaching.play.runs import Run
from npdeep.training.trainer import Trainer


@dataclass(frozen=True)
class Walked:
    """An operation that was just made.

    Attributes:
        event: what it was. explanation: the formula with the numbers of one unit, where there is one.
        number, count: the how many-th of how many. update: of which update. coming: the next, in words.
    """

    event: StepEvent
    explanation: Explanation | None
    number: int
    count: int
    update: int
    coming: str


class Walk:
    """A step of a run, walked through.

    >>> from npdeep.teaching.play.data import data_of
    >>> from npdeep.teaching.play.settings import Settings
    >>> settings = Settings(data="xor", depth=1, width=3)
    >>> walk = Walk(Run(settings, data_of(settings)))
    >>> [next(walk.steps).event.name for _ in range(3)]
    ['hidden1', 'activation1', 'outputs']
    """

    def __init__(self, run: Run) -> None:
        self.run, self.updates = run, run.updates
        self.trainer: Trainer = copy.deepcopy(run.trainer)
        self.steps = self._steps(*run.batch())

    def _steps(self, x: Array, y: Array) -> Iterator[Walked]:
        operations = [f"{event.stage} {event.name}" for event in self.trainer.events()] + [""]
        walk = self.trainer.walk(x, y)
        for number in range(1, len(operations)):
            explanation = self._of_update() if operations[number - 1].startswith("update ") else None
            event = next(walk)
            if event.stage in ("forward", "backward", "loss"):
                explanation = explain(self.trainer.loss if event.layer is None else event.layer)
            yield Walked(event, explanation, number, len(operations) - 1, self.updates + 1, operations[number])

    def _of_update(self) -> Explanation:
        """Of one weight of the highest kernel, before it moves."""
        kernel = [p for p in self.trainer.model.parameters if p.trainable][-1]
        return explain_update(self.trainer, kernel.name, (0,) * len(kernel.shape))
