"""The training step: forward, loss, backward, penalty, clip, update, constrain."""

from collections.abc import Callable, Iterator
from itertools import chain
from threading import get_ident
from typing import Any

from npdeep.clipping import Clipping
from npdeep.common import checks
from npdeep.common.events import Moment, StepEvent
from npdeep.common.guards import ERRORS, SILENT, USUAL_ERRORS, Turn, quiet, quieter
from npdeep.common.hinting import Hinted
from npdeep.common.tables import Table
from npdeep.kernels.arrays import Array
from npdeep.losses import Loss
from npdeep.models.sequential import Sequential
from npdeep.optimizers import Optimizer
from npdeep.optimizers.factors import by_name, spans_of, with_factors
from npdeep.training.door import Door
from npdeep.training.plan import Plan

FROZEN_IN_BETWEEN = (
    "Trainer: what is frozen has changed between the gradients and their update; freeze and unfreeze before "
    "trainer.gradients(x, y) or trainer.step(x, y), in a callback in on_step_end"
)


class Stepper(Hinted):
    """What a trainer does with one batch. `step` runs through all operations, `walk` yields after each, `gradients` and
    `apply_gradients` are the two halves; they share one code.

    >>> import numpy as np
    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(1, kernel_initializer="ones")], input_size=2)
    >>> stepper = Stepper(model, nd.losses.MeanSquaredError(), nd.optimizers.SGD(0.1), None)
    >>> stepper.step(np.eye(2), np.zeros((2, 1)))
    1.0
    """

    offers = "step walk gradients apply_gradients summary events iteration last_loss event prepare"

    def __init__(self, model: Sequential, loss: Loss, optimizer: Optimizer, clipping: Clipping | None) -> None:
        self.model, self.loss, self.optimizer, self.clipping = model, loss, optimizer, clipping
        spans = spans_of(by_name("Trainer", optimizer.learning_rate_factors or {}, model.parameters), model.parameters)
        if clipping is not None:
            clipping.bind(model.arena)
        optimizer.bind(model.arena)
        vars(optimizer)["factor_spans"] = spans
        self.iteration = 0
        self.last_loss = float("nan")
        self.event: StepEvent | None = None
        self.turn = Turn()
        self.door = Door(self)
        self.plan = Plan()
        if any(p.trainable for p in model.parameters):
            self.prepare()                    # here, so that the first step has little to make
        self.on_event: Callable[[StepEvent], None] | None = None
        self.on_gradients: Callable[[], None] | None = None
        self.data_loss = float("nan")
        self._make_events()

    def _make_events(self) -> None:
        loss, clip, optimizer = self.loss, self.clipping, self.optimizer
        self.loss_event = StepEvent("loss", "loss", None, loss.operation, loss.arrays)
        formula = with_factors(optimizer.formula) if optimizer.factor_spans else optimizer.formula
        self.update_event = StepEvent("update", "update", None, formula, optimizer.arrays, optimizer.kernel)
        if clip is not None:
            self.clip_event = StepEvent("clip", "clip", None, clip.formula, clip.arrays, clip.kernel)

    def walk(self, x: Any, y: Any, sample_weight: Any = None) -> Iterator[StepEvent]:
        """One training step, one operation at a time: an iterator that yields an event after each.

        The arguments are checked at once; the operations run as the iterator is asked for them.

        >>> import numpy as np
        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(2, name="outputs")], input_size=3, seed=0)
        >>> trainer = nd.Trainer(model, "softmax_cross_entropy")
        >>> for event in trainer.walk(np.ones((4, 3)), np.array([0, 1, 0, 1])):
        ...     print(event.stage, event.name)
        forward outputs
        loss loss
        backward outputs
        update update
        """
        self.turn.check("walk")
        with quiet():
            batch = self.door.batch("walk", x, y, sample_weight)
        self.prepare()                        # raises where there is nothing to train
        return self._undisturbed(self.operations(*batch))

    def _undisturbed(self, operations: Iterator[StepEvent]) -> Iterator[StepEvent]:
        """The same events; raises where another pass has overwritten the buffers before the backward pass has finished."""
        moment, event = Moment(self.model), None
        try:
            while True:
                with self.turn.lock, self.model.lock, quiet():
                    if event is not None and self.model.passes != moment.passes and event.stage not in ("update", "constrain"):
                        raise ValueError(
                            f"walk: after the event {event.stage} {event.name!r} the model was used for another pass, which "
                            "overwrote what the rest of this step needs; look at event.arrays, or use model.copy() for passes "
                            "in between"
                        )
                    event = next(operations, None)
                    if event is None:
                        return
                    moment.reached(event.stage)
                if self.on_event is not None:
                    self.on_event(event)
                self.event = event.at(moment)
                yield self.event
        finally:
            self.event = None

    def step(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One training step at full speed; the same code as `walk`. Returns the loss, penalties included.

        Args:
            x: examples (n, input_size). A single row is normalized by the moving statistics of batch normalization.
            y: targets, as the loss expects them.
            sample_weight: one number ≥ 0 per row, or None.

        Raises ValueError or TypeError for invalid arguments before anything changes. In pdb `s` reaches the first kernel in
        about 25 presses, some 20 more in the first step, where the layers make their buffers, unless
        `trainer.prepare(len(x))` has made them before; from there on it goes through nothing but the operations.
        """
        if not self.turn.steps.acquire(blocking=False):
            self.turn.take("step")            # raises, or waits
        errors = ERRORS.set(SILENT if ERRORS.get() is USUAL_ERRORS else quieter())
        try:
            x, y, sample_weight = self.door.batch("step", x, y, sample_weight)
            with self.model.lock:
                for event in chain(self.gradient_operations(x, y, sample_weight), self.update_operations()):
                    if self.on_event is not None:     # nd.debug.break_when
                        self.on_event(event)
        finally:
            ERRORS.reset(errors)
            self.turn.steps.release()
        return self.last_loss

    def gradients(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """The first half of a step, for custom loops: forward, loss, backward. Returns the loss without penalties.

        The gradients are in each parameter's `grad` and, all together, in `model.flat_gradients`, until the next call assigns
        them again; change them as you like and call `apply_gradients`. Both together are `step`, bit for bit.

        Called twice before `apply_gradients`, the second gradients replace the first. Passes in between (predict, evaluate) do
        no harm; a step, model.backward, or another freeze or unfreeze, takes the gradients back, and apply_gradients says so.

        Raises ValueError or TypeError for invalid arguments before anything changes.

        Accumulation: the gradients of 100 rows, 25 at a time, in one update. The three lines in the middle are the place for
        gradient noise too (`model.flat_gradients[:] += rng.normal(0, 0.01, model.flat_gradients.shape)`) and for the mean over
        several processes (`comm.Allreduce(MPI.IN_PLACE, model.flat_gradients)`, then `/= comm.size`).

        >>> import numpy as np
        >>> import npdeep as nd
        >>> x, y = nd.datasets.xor(100, seed=0)
        >>> model = nd.Sequential([nd.Dense(8), nd.Activation("tanh"), nd.Dense(2)], input_size=2, seed=0)
        >>> trainer = nd.Trainer(model, "softmax_cross_entropy", "momentum")
        >>> total = np.zeros_like(model.flat_gradients)
        >>> for x_part, y_part in nd.batches(x, y, 25, shuffle=False):
        ...     loss = trainer.gradients(x_part, y_part)
        ...     total += model.flat_gradients * (len(x_part) / len(x))
        >>> model.flat_gradients[:] = total
        >>> loss = trainer.apply_gradients()
        """
        self.turn.check("gradients")
        with self.turn.lock, self.model.lock, quiet():
            x, y, sample_weight = self.door.batch("gradients", x, y, sample_weight)
            for event in self.gradient_operations(x, y, sample_weight):
                if self.on_event is not None:
                    self.on_event(event)
            self.model.gradients_of = self
        return self.data_loss

    def apply_gradients(self) -> float:
        """The second half of a step: penalties, clipping, update, constraints. Returns the loss, penalties included.

        The loss is that of the last call of `gradients`. Raises ValueError, with nothing changed, where there are no new
        gradients of this trainer, or where what is frozen has changed since.
        """
        self.turn.check("apply_gradients")
        self.optimizer.check_schedules(self.iteration)
        with self.turn.lock, self.model.lock, quiet():
            fresh: bool = self.model.gradients_of is self
            if not fresh:
                raise ValueError(
                    "apply_gradients: there are no new gradients; call trainer.gradients(x, y) first, once per update"
                )
            for event in self.update_operations():
                if self.on_event is not None:
                    self.on_event(event)
        return self.last_loss

    def operations(self, x: Array, y: Any, sample_weight: Array | None) -> Iterator[StepEvent]:
        """The training step on checked arrays: forward, loss, backward, penalty, clip, update, constrain."""
        return chain(self.gradient_operations(x, y, sample_weight), self.update_operations())

    def gradient_operations(self, x: Array, y: Any, sample_weight: Array | None) -> Iterator[StepEvent]:
        """The first half of a step: forward, loss, backward."""
        model = self.model
        if self.plan.version != model.arena.version:    # something was frozen or thawed
            self.prepare()
        vars(model).update(passes=model.passes + 1, went_forward=get_ident(), gradients_of=None)

        outputs = yield from self.plan.chain.forward_steps(x, training=True)    # with cache_frozen: the upper layers alone

        vars(self)["data_loss"] = self.loss.compute(outputs, y, sample_weight)
        grad = self.loss.compute_gradient()
        yield self.loss_event

        yield from model.layers.backward_steps(grad)                        # down to the lowest layer with something to train

    def update_operations(self) -> Iterator[StepEvent]:
        """The second half of a step: penalty, clip, update, constrain."""
        if self.on_gradients is not None:     # callbacks of fit
            self.on_gradients()
        if self.plan.version != self.model.arena.version:
            raise ValueError(FROZEN_IN_BETWEEN)
        vars(self.model)["gradients_of"] = None   # an update takes them once

        loss = self.data_loss
        if self.plan.penalized:
            loss += self.penalize()
            yield self.plan.penalty_event

        if self.clipping is not None:
            self.clipping.clip()
            yield self.clip_event

        self.optimizer.update(self.iteration)
        kept = vars(self)
        kept["iteration"] += 1
        kept["last_loss"] = loss
        yield self.update_event

        if self.plan.constrained:
            self.constrain()
            yield self.plan.constrain_event

    def penalize(self) -> float:
        """Add the gradients of all penalties to those of the loss; return the sum of the penalties."""
        total = 0.0
        for regularizer, w, dw, t in self.plan.penalized:
            total += regularizer.penalty(w, dw, t)
        return total

    def constrain(self) -> None:
        """Bring the weights back within their limits."""
        for parameter in self.plan.constrained:
            returned: Any = parameter.constraint.apply(parameter.value, parameter.arena.scratch)
            if returned is not None and returned is not parameter.value:
                kind = type(parameter.constraint).__name__
                raise TypeError(
                    f"{kind}: apply must change w in place, w[...] = ..., but it returned {checks.describe(returned)}, and "
                    f"{parameter.name} is as it was"
                )

    def prepare(self, rows: int = 0) -> None:
        """Plan for what is trained now; with a number of rows, make the buffers for them too. Steps do both by themselves."""
        rows = checks.whole("prepare", "rows", rows, minimum=0, maximum=checks.MOST)
        if self.plan.version != self.model.arena.version:
            self.plan = Plan.of(self.model, self.optimizer, self.clipping, self.plan.first_layer)
        if rows:
            self.plan.chain.allocate(rows, True, self.model.dtype)
            self.loss.prepare((rows, self.model.output_size), self.model.dtype)

    def events(self) -> list[StepEvent]:
        """The operations of one training step, in order, without running them."""
        self.prepare()
        return [
            *self.plan.chain.operations("forward"),
            self.loss_event,
            *self.model.layers.operations("backward"),
            *([self.plan.penalty_event] if self.plan.penalized else []),
            *([self.clip_event] if self.clipping is not None else []),
            self.update_event,
            *([self.plan.constrain_event] if self.plan.constrained else []),
        ]

    def summary(self) -> Table:
        """The operations of one training step as a table: stage, name, formula.

        >>> import npdeep as nd
        >>> print(nd.Trainer(nd.Sequential([nd.Dense(1, name="out")], input_size=1), "mean_squared_error").summary())
        stage     name    formula
        ────────  ──────  ─────────────────────────────────────
        forward   out     z = xW + b
        loss      loss    L = mean of (z − y)², dz = 2(z − y)/m
        backward  out     dW = xᵀdz, db = Σ dz
        update    update  w ← w − η·g
        """
        return Table(["stage", "name", "formula"], [[e.stage, e.name, e.formula] for e in self.events()], keys=2)
