"""The training step, and the door to the loop around it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np

from npdeep import clipping as clippings
from npdeep import losses as losses_
from npdeep import metrics as metrics_
from npdeep import optimizers as optimizers_
from npdeep.augmentation import Augmentation
from npdeep.callbacks import Callback, progress
from npdeep.callbacks.moments import check_callbacks
from npdeep.common import checks, scaling, seeds
from npdeep.common.events import Moment, StepEvent
from npdeep.common.guards import Interrupts, Turn, deep_copy, quiet
from npdeep.common.hinting import Hinted, explained, settle
from npdeep.common.hints import TRAINER, by_name
from npdeep.common.tables import Table
from npdeep.datasets.batches import check_augment, pieces
from npdeep.history import History, Results
from npdeep.kernels.arrays import Array
from npdeep.layers import BatchNormalization
from npdeep.layers.chain import Chain
from npdeep.losses import Loss, check_weights
from npdeep.metrics import Metric, Totals
from npdeep.models.last_layer import check_last_layer, outputs_of
from npdeep.models.sequential import Sequential
from npdeep.parameters import trainable_spans
from npdeep.training import saving
from npdeep.training.feed import (
    ArrayFeed,
    Batch,
    CheckBatch,
    IterableFeed,
    called_every_epoch,
    is_iterable_of_batches,
    is_mapped,
)
from npdeep.training.frozen_outputs import check_still_frozen, frozen_depth, frozen_outputs
from npdeep.training.loop import FitLoop, Unfinished
from npdeep.training.penalties import parameter_event, penalty_pieces, total_penalty


class Trainer(Hinted):
    """Trains a model: loss, optimizer, clipping, metrics, and the one training step that `step`, `walk` and `fit` share.

    Args:
        model: a `Sequential`.
        loss: a name such as "softmax_cross_entropy", an object of nd.losses, or any object with forward and backward.
        optimizer: a name such as "adam", or an object of nd.optimizers.
        clipping: None, a name or an object of nd.clipping.
        metrics: names, objects of nd.metrics, or functions of outputs and targets. What is no mean over rows (functions, F1, …)
            is computed on all rows at once: in `evaluate` and for validation on all that are given, in the history of `fit` on
            all of the epoch, with the outputs that they had when it was their turn. Until then those are kept in memory, and
            in a checkpoint written in the middle of an epoch.
        seed: for the order of the examples; by default the model's.

    Attributes:
        iteration: how many updates were made. epoch: how many epochs were finished.
        last_loss: loss and penalties of the last step.
        event: while a step is walked through, the event that `walk` yielded last; else None.
        resumed: does the fit that is running, or ran last, continue an interrupted one, with the same data?
        interrupted: was the last fit ended by Ctrl-C or an error?
        history: the record of all epochs.

    Raises ValueError or TypeError where the parts do not fit together, for example a softmax layer under a softmax loss.

    >>> import npdeep as nd
    >>> x, y = nd.datasets.xor(200, seed=0)
    >>> model = nd.Sequential([nd.Dense(8), nd.Activation("tanh"), nd.Dense(2)], input_size=2, seed=0)
    >>> trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.02), metrics=["accuracy"])
    >>> history = trainer.fit(x, y, epochs=20, verbose=False)
    >>> trainer.evaluate(x, y)["accuracy"] > 0.9
    True
    """

    foreign = by_name(TRAINER)

    def __init__(
        self,
        model: Sequential,
        loss: Any,
        optimizer: Any = "sgd",
        clipping: Any = None,
        metrics: Iterable[Any] = (),
        seed: int | None = None,
    ) -> None:
        if not isinstance(model, Sequential):
            raise TypeError(f"Trainer: model must be a Sequential, got {checks.describe(model)}")
        self.model = model
        self.loss = losses_.get(loss)
        check_last_layer("Trainer", model, self.loss)
        self.clipping = clippings.get(clipping)
        self.metrics = check_metrics(metrics, model, self.loss)
        self.seed = model.seed if seed is None else seeds.check_seed("Trainer", seed)
        self.optimizer = optimizers_.get(optimizer)
        if self.clipping is not None:
            self.clipping.bind(model.arena)
        self.optimizer.bind(model.arena)
        self.iteration = 0
        self.epoch = 0
        self.batches_done = 0
        self.last_loss = float("nan")
        self.event: StepEvent | None = None
        self.history = History()
        self.validation_data: tuple[Array, Any] | None = None
        self.seconds = 0.0
        self.stop_reason = ""
        self.last_epoch = self.steps_per_epoch = 0
        self.unfinished: Unfinished | None = None
        self.resumed = self.interrupted = False
        self.turn = Turn()
        self.watchers: list[Callback] = []
        self.last_watchers: list[Callback] = []
        self.callback_states: list[tuple[str, dict[str, Any]]] = []
        self.first_layer = 0
        self.planned_version = -1
        self.on_event: Callable[[StepEvent], None] | None = None
        self.on_gradients: Callable[[], None] | None = None
        self.data_loss = float("nan")
        self._make_events()

    def _make_events(self) -> None:
        loss, clip, optimizer = self.loss, self.clipping, self.optimizer
        self.loss_event = StepEvent("loss", "loss", None, loss.operation, loss.arrays)
        self.update_event = StepEvent("update", "update", None, optimizer.formula, optimizer.arrays, optimizer.kernel)
        if clip is not None:
            self.clip_event = StepEvent("clip", "clip", None, clip.formula, clip.arrays, clip.kernel)

    # ── the training step ─────────────────────────────────────────────────────────────────────────────────────────────
    def walk(self, x: Any, y: Any, sample_weight: Any = None) -> Iterator[StepEvent]:
        """One training step, one operation at a time: an iterator that yields an event after each.

        The arguments are checked at once; the operations run as the iterator is asked for them.

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
        return self._undisturbed(self.operations(*self._enter("walk", x, y, sample_weight)))

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
            y: targets, as the loss wants them.
            sample_weight: one number ≥ 0 a row, or None.

        Raises ValueError or TypeError for unfit arguments before anything changes. In pdb: `n` over the first two lines, which
        check the arguments and silence NumPy's warnings; from there on `s` goes through nothing but the operations.
        """
        x, y, sample_weight = self._enter("step", x, y, sample_weight)
        with self.turn.lock, self.model.lock, quiet():
            for event in self.operations(x, y, sample_weight):
                if self.on_event is not None:     # nd.debug.break_when
                    self.on_event(event)
        return self.last_loss

    def gradients(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """The first half of a step, for loops of your own: forward, loss, backward. Returns the loss without penalties.

        The gradients are in each parameter's `grad` and, all together, in `model.flat_gradients`, until the next call assigns
        them again; change them as you like and call `apply_gradients`. Both together are `step`, bit for bit.

        Called twice before `apply_gradients`, the second gradients replace the first. Passes in between (predict, evaluate) do
        no harm; a step, or another freeze or unfreeze, takes the gradients back, and apply_gradients says so.

        Raises ValueError or TypeError for invalid arguments before anything changes.

        Accumulation: the gradients of 100 rows, 25 at a time, in one update. The three lines in the middle are the place for
        gradient noise too (`model.flat_gradients[:] += rng.normal(0, 0.01, model.flat_gradients.shape)`) and for the mean over
        several processes (`comm.Allreduce(MPI.IN_PLACE, model.flat_gradients)`, then `/= comm.size`).

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
        x, y, sample_weight = self._enter("gradients", x, y, sample_weight)
        with self.turn.lock, self.model.lock, quiet():
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
        model, version = self.model, self.model.arena.version
        if model.prepared != (len(x), True) or model.planned != (version, False) or self.planned_version != version:
            self.prepare(len(x))              # another number of rows, or what is frozen has changed
        model.passes += 1
        model.went_forward, model.gradients_of = get_ident(), None

        outputs = yield from self.chain.forward_steps(x, training=True)    # with cache_frozen: the upper layers alone

        self.data_loss = self.loss.compute(outputs, y, sample_weight)
        grad = self.loss.compute_gradient()
        yield self.loss_event

        yield from model.layers.backward_steps(grad)                        # down to the lowest layer with something to train

    def update_operations(self) -> Iterator[StepEvent]:
        """The second half of a step: penalty, clip, update, constrain."""
        if self.on_gradients is not None:     # callbacks of fit
            self.on_gradients()
        if self.planned_version != self.model.arena.version:
            raise ValueError(FROZEN_IN_BETWEEN)
        self.model.gradients_of = None        # an update takes them once

        loss = self.data_loss
        if self.penalized:
            loss += self.penalize()
            yield self.penalty_event

        if self.clipping is not None:
            self.clipping.clip()
            yield self.clip_event

        self.optimizer.update(self.iteration)
        self.iteration += 1
        self.last_loss = loss
        yield self.update_event

        if self.constrained:
            self.constrain()
            yield self.constrain_event

    def penalize(self) -> float:
        """Add the gradients of all penalties to those of the loss; return the sum of the penalties."""
        total = 0.0
        for regularizer, w, dw, t in self.penalized:
            total += regularizer.penalty(w, dw, t)
        return total

    def constrain(self) -> None:
        """Bring the weights back within their limits."""
        for parameter in self.constrained:
            parameter.constraint.apply(parameter.value, parameter.arena.scratch)

    def prepare(self, rows: int) -> None:
        """Plan what has changed and make the buffers for so many rows, so that the step itself only computes."""
        model = self.model
        if self.planned_version != model.arena.version:
            self.plan()
        model.plan()                          # a backward pass down to the input may have changed it
        model.prepare(rows, training=True)
        self.loss.prepare((rows, model.output_size), model.dtype)

    def plan(self) -> None:
        """Decide, once for every change of what is frozen, which parameters each stage works on."""
        model = self.model
        trainable = [p for p in model.parameters if p.trainable]
        if not trainable:
            if not any(p.has_grad for p in model.parameters):
                raise ValueError("Trainer: no layer of the model has parameters, there is nothing to train")
            raise ValueError("Trainer: every parameter is frozen, there is nothing to train; see model.unfreeze(...)")
        self.optimizer.plan(trainable_spans(trainable))
        if self.clipping is not None:
            self.clipping.plan(trainable)
        regularized = [p for p in model.parameters if p.regularizer is not None]
        self.penalized = penalty_pieces(regularized)
        self.constrained = [p for p in trainable if p.constraint is not None]
        self.penalty_event = parameter_event("penalty", regularized, "regularizer")
        self.constrain_event = parameter_event("constrain", self.constrained, "constraint")
        if self.first_layer > 0:
            check_still_frozen(model, self.first_layer)
        self.chain = Chain(model.layers[self.first_layer :])
        self.planned_version = model.arena.version

    # ── at the door ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _enter(self, owner: str, x: Any, y: Any, sample_weight: Any) -> Batch:
        """Everything that may fail or must be made first, so that the operations only compute."""
        self.turn.check(owner)
        x, y, weight = self._check_batch(owner, x, y, sample_weight)
        self.optimizer.check_schedules(self.iteration)
        self.prepare(len(x))
        return x, y, weight

    def _check_batch(self, owner: str, x: Any, y: Any, sample_weight: Any) -> tuple[Array, Any, Array | None]:
        if self.planned_version != self.model.arena.version:
            self.plan()                       # raises where there is nothing to train
        if self.first_layer > 0:              # a callback asks, in the midst of fit(cache_frozen=True)
            raise ValueError(
                f"{owner}: fit is running with cache_frozen, and its steps leave out the frozen layers; call {owner} after it, "
                "or fit without cache_frozen"
            )
        x = self.model.check_examples(owner, "x", x)
        y = self._check_targets(owner, y, len(x))
        return x, y, check_weights(owner, sample_weight, len(x), self.model.dtype)

    def _check_targets(self, owner: str, y: Any, n: int) -> Any:
        """The targets as the loss wants them; its errors say which of the user's arguments is meant."""
        try:
            return self.loss.check_targets(y, n, self.model.output_size, self.model.dtype)
        except (ValueError, TypeError) as error:
            raise type(error)(f"{owner}: y: {error}") from None

    # ── the loop ──────────────────────────────────────────────────────────────────────────────────────────────────────
    @explained
    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        sample_weight: Any = None,
        shuffle: bool = True,
        seed: int | None = None,
        augment: Any = None,
        cache_frozen: bool = False,
        scale: float | None = None,
        callbacks: Sequence[Callback] = (),
        verbose: bool = True,
    ) -> History:
        """Train for `epochs` more epochs and return their record.

        Args:
            x, y: all examples and targets; or, without y, an iterable of batches (x, y) or (x, y, sample_weight) that can be
                gone through once an epoch, or a generator function, which is called once an epoch.
            epochs: how many more; an epoch that was interrupted is finished first and counts as one.
            batch_size: rows a step; the last batch of an epoch may be shorter. Batches of one row are refused in front of batch
                normalization that learns; a last one of an epoch is normalized by the moving statistics.
            validation_data: (x, y), evaluated after every epoch.
            sample_weight: one number ≥ 0 per row; what the weighted sum is divided by is the loss's choice (`weighting`).
            shuffle: False keeps the order of the data. Otherwise that of epoch e is drawn from (seed, e).
            seed: by default the trainer's.
            augment: an object of nd.augmentation, or any function of (x, rng) that returns a changed batch.
            cache_frozen: True computes the outputs of the frozen lower layers once and trains on them: the same batches, and
                the same weights up to the rounding of the frozen part. Refused where that part differs from step to step. A
                bias right below batch normalization has the gradient 0, and optimizers that divide by the gradient's size
                (Adam, …) make steps of its rounding errors: there the two runs part; leave such a bias out (use_bias=False).
            scale: each batch of x, and of validation data, is multiplied by this number as it is gathered: with scale=1/255,
                not 255, pixels stay in memory as bytes, a quarter of the room. The model remembers it (`model.scale`, in
                files too): from then on fit, evaluate and model.predict multiply x by it unless they are given another;
                scale=1 leaves x as it is. Everything else, batches from an iterable, step, walk, forward, nd.debug and
                nd.plots, takes rows that are scaled already, and refuses whole numbers.
            callbacks: objects of nd.callbacks.
            verbose: True shows progress.

        Arrays in memory are searched for NaN before the first step; memory-mapped ones and iterables batch by batch. Raises
        ValueError or TypeError for unfit arguments before anything changes.

        Ctrl-C takes effect after the step that is running, so that nothing is half done; a second Ctrl-C takes effect at once.
        Called again with the same data, and so too after `save` and `restore`, fit resumes an interrupted run where it was: it
        ends with the same bits, the same history and the same states of the callbacks as if it had never stopped. With other
        data, batches or seed a new epoch begins.
        """
        self.turn.check("fit")
        epochs = checks.whole("fit", "epochs", epochs, minimum=0)
        seed = self.seed if seed is None else seeds.check_seed("fit", seed)
        watchers = [*check_callbacks(callbacks), *([progress()] if checks.flag("fit", "verbose", verbose) else [])]
        check_augment("fit", augment)
        cached = checks.flag("fit", "cache_frozen", cache_frozen)
        if cached and augment is not None:
            raise ValueError("fit: cache_frozen computes the frozen layers once: augmented images would never reach them")
        depth = frozen_depth(self.model) if cached else 0
        before = self.model.scale
        factor = scaling.scale("fit", before if scale is None else scale, self.model.dtype)
        self.model.scale = None if factor is None else float(factor)
        try:
            validation_data = self._check_validation(validation_data, factor)
            feed = self._feed(x, y, batch_size, sample_weight, shuffle, seed, depth, factor, given=scale not in (None, 1))
            if isinstance(augment, Augmentation) and isinstance(feed, ArrayFeed):
                augment.check(feed.x[:1])
        except BaseException:
            self.model.scale = before
            raise
        with self.turn.of_fit(), Interrupts() as interrupts, quiet():
            self.validation_data, self.watchers = validation_data, watchers
            self.first_layer, self.planned_version = depth, -1
            try:
                return FitLoop(self, feed, watchers, interrupts, augment, seed).run(epochs)
            finally:
                self.first_layer, self.planned_version = 0, -1

    def _feed(
        self, x: Any, y: Any, batch_size: Any, sample_weight: Any, shuffle: Any, seed: int, depth: int, scale: Any,
        given: bool,
    ) -> ArrayFeed | IterableFeed:
        """Arrays or an iterable, checked as far as they can be before the first step; depth: layers to compute once."""
        batch_size = checks.whole("fit", "batch_size", batch_size)
        shuffle = checks.flag("fit", "shuffle", shuffle)
        check: CheckBatch = self._check_fit_batch
        x = called_every_epoch(x) if y is None else x
        if y is None and is_iterable_of_batches(x):
            if sample_weight is not None:
                raise TypeError("fit: sample_weight goes with arrays; batches bring their own: (x, y, sample_weight)")
            if given:
                raise TypeError("fit: scale goes with arrays; multiply x in the batches of your iterable")
            if depth > 0:
                raise ValueError("fit: cache_frozen needs arrays x and y: an iterable may give other examples every epoch")
            return IterableFeed(x, check)
        if y is None:
            raise TypeError("fit: y is missing; call fit(x, y, ...), or fit(batches) with an iterable of (x, y)")
        x = checks.examples("fit", "x", x, self.model.input_size)
        targets = checks.any_array("fit", "y", y)
        if targets.dtype == object and targets.ndim == 0:
            checks.real_array("fit", "y", y)  # a sparse matrix, a generator, …
        if targets.ndim == 0 or len(targets) != len(x):
            raise ValueError(f"fit: x has {len(x)} rows, y has shape {targets.shape}; each row of x needs a target")
        check_rows(self.model, min(batch_size, len(x)), "batch_size=1" if batch_size == 1 else "x has one row")
        sample_weight = check_weights("fit", sample_weight, len(x), self.model.dtype)
        if sample_weight is not None and not sample_weight.any():
            raise ValueError("fit: every sample_weight is 0: nothing would be learned from these examples")
        whole = depth > 0 or scale is not None or not is_mapped(targets)
        looked_at = targets if whole else targets[:batch_size]    # errors speak of all of y, unless it lies in a file
        checked = self._check_targets("fit", looked_at, len(looked_at))
        complete = len(looked_at) == len(x)
        self._check_metrics("fit", checked, complete)
        self._try_metrics(checked, complete)
        scaling.fitting_scale("fit", x, scale, complete=True)
        if scale is not None:                 # x is not cast as a whole; what its first row shows is found here
            self._check_batch("fit", scaling.scaled("fit", x[:1], scale), targets[:1], None)
        if depth > 0 or scale is not None:
            targets, check = checked, as_they_are
        if depth > 0:                         # this looks through all of x
            x, scale = frozen_outputs(self.model, x, depth, scale), None
        elif scale is not None and not is_mapped(x):    # and the feed through a file
            checks.finite("fit", "x", x)
        return ArrayFeed(x, targets, sample_weight, batch_size, seed, check, shuffle, scale)

    def _check_metrics(self, owner: str, y: Any, complete: bool = True) -> None:
        """Raise where a metric cannot measure these targets, before anything is computed. complete: they are no mere batch."""
        for metric in self.metrics:
            try:
                metric.check_targets(y, self.model.output_size, complete)
            except (ValueError, TypeError) as error:
                raise type(error)(f"{owner}: {error}") from None

    def _try_metrics(self, y: Any, complete: bool = True) -> None:
        """Let custom metrics measure made-up outputs, so that one that cannot measure these targets stops nothing midway."""
        own = [m for m in self.metrics if not isinstance(m, metrics_.BuiltIn) and (complete or not m.whole)]
        outputs = seeds.generator(self.seed).standard_normal((len(y) if own else 0, self.model.output_size))
        for metric in own:
            metric(outputs.astype(self.model.dtype), y)

    def _check_fit_batch(self, x: Any, y: Any, sample_weight: Any) -> Batch:
        batch = self._check_batch("fit", x, y, sample_weight)
        if self.batches_done == 0:            # later in an epoch there are statistics to normalize a single row by
            check_rows(self.model, len(batch[0]), "the first batch has one row")
        self._check_metrics("fit", batch[1], complete=False)
        return batch

    def _check_validation(self, data: Any, scale: Any) -> tuple[Array, Any] | None:
        if data is None:
            return None
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise TypeError(f"fit: validation_data must be (x, y), got {checks.describe(data)}")
        owner = "fit: validation_data"
        x = checks.examples(owner, "x", data[0], self.model.input_size)
        checks.finite(owner, "x", x)
        scaling.fitting_scale(owner, x, scale)
        if scale is None:
            x = checks.cast(owner, "x", x, self.model.dtype)
        else:                                 # x stays as it is; what its rows show when they are scaled is found here
            for index in pieces(len(x), 1000, None):
                scaling.cast_scaled(owner, x[index], scale, self.model.dtype)
        y = self._check_targets(owner, data[1], len(x))
        self._check_metrics(owner, y)
        self._try_metrics(y)
        return x, y

    def stop(self, reason: str) -> None:
        """End `fit` after the step that is running; the history says why."""
        self.stop_reason = reason

    def evaluate(
        self, x: Any, y: Any, sample_weight: Any = None, batch_size: int = 1000, scale: float | None = None
    ) -> dict[str, float]:
        """Loss (with penalties) and metrics on the rows of x, without training: {"loss": …, "accuracy": …}.

        `loss, accuracy = trainer.evaluate(x, y).values()` unpacks the numbers.
        scale: x is multiplied by it, batch by batch; by default by the scale of the last `fit`, so that evaluate takes the rows
        that fit took. 1 leaves x as it is. Sample weights count in the loss alone, as in
        Keras. Metrics do not depend on batch_size: functions and others that are no means over rows are computed on all rows
        at once, for which all outputs are kept in memory. Raises ValueError or TypeError for unfit arguments.
        """
        self.turn.check("evaluate")
        x = checks.examples("evaluate", "x", x, self.model.input_size)
        checks.finite("evaluate", "x", x)
        y = self._check_targets("evaluate", y, len(x))
        self._check_metrics("evaluate", y)
        weight = check_weights("evaluate", sample_weight, len(x), self.model.dtype)
        if weight is not None and self.loss.weighting == "weights" and not weight.any():
            raise ValueError("evaluate: every sample_weight is 0: there is no row to take the mean over; leave them away, or "
                             "give at least one row a weight above 0")  # fmt: skip
        factor = self.model.scale_for("evaluate", x, scale)
        totals = Totals(self.metrics)
        batch_size = checks.whole("evaluate", "batch_size", batch_size)
        with self.turn.lock, quiet():
            for index in pieces(len(x), batch_size, None):
                rows = scaling.cast_scaled("evaluate", x[index], factor, self.model.dtype)
                w = None if weight is None else weight[index]
                with self.model.lock:         # the outputs are in a buffer that a pass in another thread overwrites
                    outputs = self.model.run(rows)
                    totals.add(self.loss.compute(outputs, y[index], w), outputs, y[index], self.loss.share())
            result = Results(totals.means())
            result["loss"] += self.penalty()
        return result

    def penalty(self) -> float:
        """The sum of all penalties on the weights as they are now."""
        return total_penalty(self.model.parameters)

    # ── going on later ────────────────────────────────────────────────────────────────────────────────────────────────
    def save(self, path: str | Path) -> Path:
        """Write model, optimizer, iteration, generators, history, and callbacks at work into a checkpoint file (.npz).

        `Trainer.restore(path)` goes on from it bit for bit as if never stopped, in the middle of an epoch too. Raises
        ValueError for a name that does not end in .npz, or while another thread is training, OSError where the file cannot be
        written.
        """
        self.turn.check("save")
        return saving.save(self, path)

    @classmethod
    def restore(cls, path: str | Path, loss: Any = None, metrics: Iterable[Any] = (), own: Any = None) -> "Trainer":
        """The trainer in a checkpoint file, with its model.

        Args:
            path: a file written by `trainer.save` or by the callback `Checkpoint`.
            loss: your own loss, where it was trained with one.
            metrics: your own metrics, where it was measured by some.
            own: classes of yours that model or optimizer use, as a list or by name.

        At the next `fit` callbacks of the same class and arguments are given their states back. Raises FileNotFoundError, or
        ValueError, naming the file and the fault, where it is damaged, or what is missing.

        >>> import tempfile
        >>> import npdeep as nd
        >>> trainer = Trainer(nd.Sequential([nd.Dense(2)], input_size=2, seed=0), "mean_squared_error", "momentum")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     twin = Trainer.restore(trainer.save(folder + "/trainer.npz"))
        >>> trainer.step(np.eye(2), np.eye(2)) == twin.step(np.eye(2), np.eye(2))
        True
        """
        return saving.restore(cls, path, loss, metrics, own)  # type: ignore[no-any-return]

    def state(self) -> dict[str, Any]:
        """A copy in memory of everything that training changes, for `set_state`."""
        return saving.trainer_state(self)

    def set_state(self, state: dict[str, Any], progress: bool = True, settings: bool = True) -> None:
        """Put a state back, bit for bit.

        progress=False leaves the counts of epochs, batches and seconds as they are; settings=False leaves the learning rate
        and what is frozen.
        """
        saving.set_trainer_state(self, state, progress, settings)

    # ── for people ────────────────────────────────────────────────────────────────────────────────────────────────────
    def variables(self, scope: str | None = None) -> dict[str, Array]:
        """Variables by name: parameters, moving statistics and the optimizer's slots, all live, and a copy of the iteration.

        Slots are named as TensorFlow 1 lists them: hidden1/kernel/Momentum, hidden1/kernel/Adam_1. scope: None for all, else a
        regular expression that names must match at their start; raises ValueError, listing the names, where nothing does.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(2, name="hidden1")], input_size=2)
        >>> list(Trainer(model, "mean_squared_error", "momentum").variables())
        ['hidden1/kernel', 'hidden1/bias', 'hidden1/kernel/Momentum', 'hidden1/bias/Momentum', 'iteration']
        """
        parameters = {p.name: p.value for p in self.model.parameters}
        found = {**parameters, **saving.slot_views(self), "iteration": np.array(self.iteration)}
        return {name: found[name] for name in checks.matching("variables", "variable's name", list(found), scope)}

    def events(self) -> list[StepEvent]:
        """The operations of one training step, in order, without running them."""
        if self.planned_version != self.model.arena.version:
            self.plan()
        if self.model.planned is None or self.model.planned[0] != self.model.arena.version:
            self.model.plan()                 # else the pass that is at work keeps its plan
        return [
            *self.chain.operations("forward"),
            self.loss_event,
            *self.model.layers.operations("backward"),
            *([self.penalty_event] if self.penalized else []),
            *([self.clip_event] if self.clipping is not None else []),
            self.update_event,
            *([self.constrain_event] if self.constrained else []),
        ]

    def summary(self) -> Table:
        """The operations of one training step as a table: stage, name, formula.

        >>> import npdeep as nd
        >>> print(Trainer(nd.Sequential([nd.Dense(1, name="out")], input_size=1), "mean_squared_error").summary())
        stage     name    formula
        ────────  ──────  ─────────────────────────────────────
        forward   out     z = xW + b
        loss      loss    L = mean of (z − y)², dz = 2(z − y)/m
        backward  out     dW = xᵀdz, db = Σ dz, dx = dz Wᵀ
        update    update  w ← w − η·g
        """
        return Table(["stage", "name", "formula"], [[e.stage, e.name, e.formula] for e in self.events()], keys=2)

    def __getstate__(self) -> dict[str, Any]:
        """Copies plan anew, use the whole network, and no callback is at work in them."""
        place = None if self.unfinished is None else self.unfinished.without_feed(self.batches_done)
        gone: dict[str, Any] = dict.fromkeys(("on_event", "on_gradients", "event"))
        idle: dict[str, Any] = {**gone, "watchers": [], "last_watchers": [], "unfinished": place}
        return {**vars(self), **idle, "first_layer": 0, "planned_version": -1}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Trainer":
        """A copy of one moment: a step in another thread is finished first."""
        return deep_copy(self, self.model.lock, memo)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        """One line."""
        return f"<Trainer of {self.model!r}: {self.loss!r}, {self.optimizer!r}, {self.iteration} updates>"

    def _repr_html_(self) -> str:
        try:
            operations = self.summary()
        except ValueError as error:           # nothing to train: that is worth showing, but no error of the one who looks
            return Table(["this trainer cannot train"], [[str(error)]], repr(self))._repr_html_()
        operations.title = repr(self)
        return operations._repr_html_()


settle(
    Trainer,
    ("model", "loss", "optimizer", "clipping", "metrics"),
    "the other parts hold on to it; make a new Trainer (with the same model, to go on with its weights)",
)


FROZEN_IN_BETWEEN = (
    "Trainer: what is frozen has changed between the gradients and their update; freeze and unfreeze before "
    "trainer.gradients(x, y) or trainer.step(x, y), in a callback in on_step_end"
)


def as_they_are(x: Any, y: Any, sample_weight: Any) -> Batch:
    """A batch that was checked before."""
    return x, y, sample_weight


def check_metrics(metrics: Any, model: Sequential, loss: Loss) -> list[Metric]:
    """A list of metrics with different names, that fit the outputs."""
    metrics = checks.items("Trainer", "metrics", metrics, "metrics, for example metrics=['accuracy']")
    outputs = outputs_of(model, loss)
    result = [metrics_.for_outputs(metric, outputs) for metric in metrics]
    names = [checks.label("Trainer", "name of a metric", metric.name) for metric in result]
    for name in names:
        if names.count(name) > 1 or name == "loss":
            raise ValueError(f"Trainer: two of the recorded quantities are named {name!r}")
    return result


def check_rows(model: Sequential, rows: int, came: str) -> None:
    """Refuse to train batch normalization on single rows.

    >>> import npdeep as nd
    >>> check_rows(nd.Sequential([nd.BatchNormalization(name="bn")], input_size=1), 1, "batch_size=1")
    Traceback (most recent call last):
    ValueError: fit: batch_size=1, but 'bn' normalizes by the mean and variance of the batch, which take 2 rows or more; give \
larger batches (batch_size=32), freeze it, model.freeze('bn'), or use nd.LayerNormalization()
    """
    for layer in model.everything() if rows == 1 else ():
        if isinstance(layer, BatchNormalization) and not layer.use_moving_statistics:
            raise ValueError(
                f"fit: {came}, but {layer.name!r} normalizes by the mean and variance of the batch, which take 2 rows or more; "
                f"give larger batches (batch_size=32), freeze it, model.freeze({layer.name!r}), or use nd.LayerNormalization()"
            )
