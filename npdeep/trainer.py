"""The training step, and the loop around it."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from npdeep import checks, seeds
from npdeep import clipping as clippings
from npdeep import losses as losses_
from npdeep import metrics as metrics_
from npdeep import optimizers as optimizers_
from npdeep.callbacks import Callback, progress
from npdeep.datasets.batches import pieces
from npdeep.events import Formula, StepEvent
from npdeep.feed import ArrayFeed, Batch, IterableFeed
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.layers.activation import Activation
from npdeep.losses import Loss, check_weights
from npdeep.metrics import Metric
from npdeep.model import Sequential
from npdeep.parameters import Parameter, chunks, trainable_spans


class Trainer:
    """Trains a model: loss, optimizer, clipping, metrics, and the one training step that `step`, `walk` and `fit` share.

    Args:
        model: a `Sequential`.
        loss: a name such as "softmax_cross_entropy", an object of nd.losses, or any object with forward and backward.
        optimizer: a name such as "adam", or an object of nd.optimizers.
        clipping: None, a name or an object of nd.clipping.
        metrics: names, objects of nd.metrics, or functions of outputs and targets.
        seed: for the order of the examples; by default the model's.

    Attributes:
        iteration: how many updates were made. epoch: how many epochs were finished.
        last_loss: loss and penalties of the last step.
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
        check_last_layer(model, self.loss)
        self.clipping = clippings.get(clipping)
        self.metrics = check_metrics(metrics)
        self.seed = model.seed if seed is None else seeds.check_seed("Trainer", seed)
        self.optimizer = optimizers_.get(optimizer)
        self.optimizer.bind(model.arena)
        self.iteration = 0
        self.epoch = 0
        self.batches_done = 0
        self.last_loss = float("nan")
        self.history = History()
        self.validation_data: tuple[Array, Any] | None = None
        self.seconds = 0.0
        self.stop_reason = ""
        self.last_epoch = self.steps_per_epoch = 0
        self.unfinished: tuple[Any, Totals] | None = None
        self.planned_version = -1
        self._make_events()

    def _make_events(self) -> None:
        loss, clip, optimizer = self.loss, self.clipping, self.optimizer
        self.loss_event = StepEvent("loss", "loss", None, loss.formula, loss.arrays)
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
        return self._undisturbed(self.operations(*self._check_batch("walk", x, y, sample_weight)))

    def _undisturbed(self, operations: Iterator[StepEvent]) -> Iterator[StepEvent]:
        """The same events; raises where another pass has overwritten the buffers before the backward pass is through."""
        for event in operations:
            passes = self.model.passes
            yield event
            if self.model.passes != passes and event.stage in ("forward", "loss", "backward"):
                raise ValueError(
                    f"walk: after the event {event.stage} {event.name!r} the model was used for another pass, which overwrote "
                    "what the rest of this step needs; look at event.arrays, or use model.copy() for passes in between"
                )

    def step(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One training step at full speed; the same code as `walk`. Returns the loss, penalties included.

        Args:
            x: examples (n, input_size).
            y: targets, as the loss wants them.
            sample_weight: one number ≥ 0 a row, or None.

        Raises ValueError or TypeError for unfit arguments before anything changes.
        """
        for _ in self.operations(*self._check_batch("step", x, y, sample_weight)):
            pass
        return self.last_loss

    def operations(self, x: Array, y: Any, sample_weight: Array | None) -> Iterator[StepEvent]:
        """The training step on checked arrays: forward, loss, backward, penalty, clip, update, constrain."""
        model = self.model
        if self.planned_version != model.arena.version:
            self.plan()
        model.plan()                          # a backward pass down to the input may have changed it
        model.passes += 1
        if model.prepared != (len(x), True):
            model.prepare(len(x), training=True)

        for layer in model.layers:
            x = layer.forward(x, training=True)
            yield layer.forward_event

        loss = self.loss.compute(x, y, sample_weight)
        grad: Any = self.loss.compute_gradient()
        yield self.loss_event

        for layer in model.backward_layers:   # from the top down to the lowest layer with something to train
            grad = layer.backward(grad)
            yield layer.backward_event

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

    def plan(self) -> None:
        """Decide, once for every change of what is frozen, which parameters each stage works on."""
        model = self.model
        trainable = [p for p in model.parameters if p.trainable]
        if not trainable:
            raise ValueError("Trainer: every parameter is frozen, there is nothing to train; see model.unfreeze(...)")
        self.optimizer.plan(trainable_spans(trainable))
        if self.clipping is not None:
            self.clipping.plan(trainable)
        self.penalized = [piece for p in model.parameters if p.regularizer is not None for piece in penalty_pieces(p)]
        self.constrained = [p for p in trainable if p.constraint is not None]
        regularized = [p for p in model.parameters if p.regularizer is not None]
        self.penalty_event = parameter_event("penalty", regularized, "regularizer")
        self.constrain_event = parameter_event("constrain", self.constrained, "constraint")
        self.planned_version = model.arena.version

    # ── at the door ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _check_batch(self, owner: str, x: Any, y: Any, sample_weight: Any) -> tuple[Array, Any, Array | None]:
        if self.planned_version != self.model.arena.version:
            self.plan()                       # raises where there is nothing to train
        x = self.model.check_examples(owner, "x", x)
        y = self.loss.check_targets(y, len(x), self.model.output_size, self.model.dtype)
        return x, y, check_weights(owner, sample_weight, len(x), self.model.dtype)

    # ── the loop ──────────────────────────────────────────────────────────────────────────────────────────────────────
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
        callbacks: Sequence[Callback] = (),
        verbose: bool = True,
    ) -> History:
        """Train for `epochs` more epochs and return their record.

        Args:
            x, y: all examples and targets; or, without y, an iterable of batches (x, y) or (x, y, sample_weight) that can be
                gone through once an epoch.
            epochs: how many more; an epoch that was interrupted is finished first and counts as one.
            batch_size: rows a step; the last batch of an epoch may be shorter.
            validation_data: (x, y), evaluated after every epoch.
            sample_weight: one number ≥ 0 a row.
            shuffle: False keeps the order of the data. Otherwise that of epoch e is drawn from (seed, e).
            seed: by default the trainer's.
            callbacks: objects of nd.callbacks.
            verbose: True shows progress.

        Arrays in memory are searched for NaN before the first step; memory-mapped ones and iterables batch by batch. Raises
        ValueError or TypeError for unfit arguments before anything changes.
        """
        owner = "fit"
        epochs = checks.whole(owner, "epochs", epochs, minimum=0)
        feed = self._feed(x, y, batch_size, sample_weight, shuffle, seed)
        self.validation_data = self._check_validation(validation_data)
        watchers = [*check_callbacks(callbacks), *([progress()] if checks.flag(owner, "verbose", verbose) else [])]
        history = History()
        self.stop_reason = ""
        self.last_epoch, self.steps_per_epoch = self.epoch + epochs, len(feed)
        try:
            for watcher in watchers:
                watcher.on_fit_begin(self)
            while self.epoch < self.last_epoch and not self.stop_reason:
                record = self._fit_epoch(feed, watchers)
                history.append(record)
                self.history.append(record)
                for watcher in watchers:
                    watcher.on_epoch_end(self, record)
            history.stopped_because = self.history.stopped_because = self.stop_reason
        finally:
            for watcher in watchers:
                watcher.on_fit_end(self)
        return history

    def _fit_epoch(self, feed: ArrayFeed | IterableFeed, watchers: list[Callback]) -> dict[str, Any]:
        """One epoch, or what is left of an interrupted one, and its evaluation."""
        first, totals = 0, Totals(self.metrics)
        if self.unfinished is not None and feed.fingerprint is not None and self.unfinished[0] == feed.fingerprint:
            first, totals = self.batches_done, self.unfinished[1]
        self.batches_done, self.unfinished = first, (feed.fingerprint, totals)
        for watcher in watchers:
            watcher.on_epoch_begin(self)
        after_step = [w for w in watchers if overrides(w, "on_step_end")]
        started = time.perf_counter()
        for x, y, weight in feed.batches(self.epoch, first):
            for _ in self.operations(x, y, weight):
                pass
            self.batches_done += 1
            totals.add(self.last_loss, self.model.layers[-1].output, y)
            for watcher in after_step:
                watcher.on_step_end(self)
            if self.stop_reason:
                break
        self.seconds += time.perf_counter() - started
        self.epoch += 1
        self.batches_done, self.unfinished = 0, None
        return self._record(totals)

    def _record(self, totals: "Totals") -> dict[str, Any]:
        """The line of the history for the epoch that has just ended."""
        record = {
            "epoch": self.epoch,
            "updates": self.iteration,
            "seconds": self.seconds,
            "learning_rate": self.optimizer.learning_rate_at(max(self.iteration - 1, 0)),
            **totals.means(),
        }
        if self.validation_data is not None:
            measured = self.evaluate(*self.validation_data)
            record.update({f"val_{name}": value for name, value in measured.items()})
        return record

    def _feed(
        self, x: Any, y: Any, batch_size: Any, sample_weight: Any, shuffle: Any, seed: Any
    ) -> ArrayFeed | IterableFeed:
        """Arrays or an iterable, checked as far as they can be before the first step."""
        batch_size = checks.whole("fit", "batch_size", batch_size)
        shuffle = checks.flag("fit", "shuffle", shuffle)
        seed = self.seed if seed is None else seeds.check_seed("fit", seed)
        if y is None and is_iterable_of_batches(x):
            if sample_weight is not None:
                raise TypeError("fit: sample_weight goes with arrays; batches bring their own: (x, y, sample_weight)")
            return IterableFeed(x, self._check_fit_batch)
        if y is None:
            raise TypeError("fit: y is missing; call fit(x, y, ...), or fit(batches) with an iterable of (x, y)")
        x = checks.examples("fit", "x", x, self.model.input_size)
        targets = y if hasattr(y, "shape") else checks.any_array("fit", "y", y)
        if targets.ndim == 0 or len(targets) != len(x):
            raise ValueError(f"fit: x has {len(x)} rows, y has shape {targets.shape}; each row of x needs a target")
        sample_weight = check_weights("fit", sample_weight, len(x), self.model.dtype)
        return ArrayFeed(x, targets, sample_weight, batch_size, seed, self._check_fit_batch, shuffle)

    def _check_fit_batch(self, x: Any, y: Any, sample_weight: Any) -> Batch:
        return self._check_batch("fit", x, y, sample_weight)

    def _check_validation(self, data: Any) -> tuple[Array, Any] | None:
        if data is None:
            return None
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise TypeError(f"fit: validation_data must be (x, y), got {checks.describe(data)}")
        x, y, _ = self._check_batch("fit: validation_data", data[0], data[1], None)
        return x, y

    def stop(self, reason: str) -> None:
        """End `fit` after the step that is running; the history says why."""
        self.stop_reason = reason

    def evaluate(self, x: Any, y: Any, sample_weight: Any = None, batch_size: int = 1000) -> dict[str, float]:
        """Loss (with penalties) and metrics on the rows of x, without training: {"loss": …, "accuracy": …}.

        Raises ValueError or TypeError for unfit arguments.
        """
        x = checks.examples("evaluate", "x", x, self.model.input_size)
        checks.finite("evaluate", "x", x)
        y = self.loss.check_targets(y, len(x), self.model.output_size, self.model.dtype)
        weight = check_weights("evaluate", sample_weight, len(x), self.model.dtype)
        totals = Totals(self.metrics)
        for index in pieces(len(x), checks.whole("evaluate", "batch_size", batch_size), None):
            outputs = self.model.run(checks.cast("evaluate", "x", x[index], self.model.dtype))
            w = None if weight is None else weight[index]
            totals.add(self.loss.compute(outputs, y[index], w), outputs, y[index])
        result = totals.means()
        result["loss"] += self.penalty()
        return result

    def penalty(self) -> float:
        """The sum of all penalties on the weights as they are now."""
        pieces_ = (piece for p in self.model.parameters if p.regularizer is not None for piece in penalty_pieces(p))
        return float(sum(regularizer.penalty(w, None, t) for regularizer, w, _, t in pieces_))

    def __getstate__(self) -> dict[str, Any]:
        """Copies plan anew."""
        return {**vars(self), "planned_version": -1}

    def __repr__(self) -> str:
        """One line."""
        return f"<Trainer of {self.model!r}: {self.loss!r}, {self.optimizer!r}, {self.iteration} updates>"


def is_iterable_of_batches(x: Any) -> bool:
    """A list of tuples, or any iterable that is neither an array nor a plain list.

    >>> is_iterable_of_batches([(1, 2)]), is_iterable_of_batches([[1.0, 2.0]]), is_iterable_of_batches(np.ones(2))
    (True, False, False)
    """
    if isinstance(x, list | tuple):
        return len(x) > 0 and isinstance(x[0], tuple)
    return isinstance(x, Iterable) and not isinstance(x, str | np.ndarray)


def check_last_layer(model: Sequential, loss: Loss) -> None:
    """Refuse a softmax or sigmoid layer under a loss that brings its own: its gradient would be squashed twice."""
    last = model.layers[-1]
    if isinstance(last, Activation) and last.activation in loss.takes_logits:
        raise ValueError(
            f"Trainer: {loss.title} takes logits and brings its own squashing, but the last layer, {last.name!r}, is "
            f"{last.activation} already; leave that layer out (for probabilities apply it to model.predict(x))"
        )


def check_metrics(metrics: Any) -> list[Metric]:
    """A list of metrics with different names."""
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise TypeError(f"Trainer: metrics must be a list, for example metrics=['accuracy'], got {checks.describe(metrics)}")
    result = [metrics_.get(metric) for metric in metrics]
    names = [metric.name for metric in result]
    for name in names:
        if names.count(name) > 1 or name == "loss":
            raise ValueError(f"Trainer: two of the recorded quantities are named {name!r}")
    return result


def check_callbacks(callbacks: Any) -> list[Callback]:
    """A list of callback objects."""
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable):
        raise TypeError(f"fit: callbacks must be a list of objects of nd.callbacks, got {checks.describe(callbacks)}")
    result = list(callbacks)
    for callback in result:
        if not isinstance(callback, Callback):
            raise TypeError(f"fit: callbacks must be objects of nd.callbacks, got {checks.describe(callback)}")
    return result


def overrides(callback: Callback, moment: str) -> bool:
    """Does the callback define this moment itself? Those that do not are not called a thousand times an epoch."""
    return moment in vars(callback) or getattr(type(callback), moment) is not getattr(Callback, moment)


def penalty_pieces(parameter: Parameter) -> list[tuple[Any, Array, Array | None, Array]]:
    """(regularizer, w, dw, scratch) for pieces of the parameter that fit the scratch; dw is None where it is frozen."""
    arena = parameter.arena
    cut = [(arena.values[p], arena.grads[p] if parameter.trainable else None) for p in chunks([parameter.span])]
    return [(parameter.regularizer, w, dw, arena.scratch[: len(w)]) for w, dw in cut]


def parameter_event(stage: str, parameters: list[Parameter], attribute: str) -> StepEvent:
    """The event of a stage that works on some parameters, with the formulas of their regularizers or constraints."""
    formulas = {str(f): f for f in (getattr(p, attribute).formula for p in parameters)}
    text = Formula("; ".join(formulas), r";\ ".join(f.latex for f in formulas.values()))
    return StepEvent(stage, stage, None, text, ParameterReader(parameters))


class ParameterReader:
    """Reads values and gradients of some parameters, for an event.

    >>> ParameterReader([])()
    {}
    """

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters

    def __call__(self) -> dict[str, Any]:
        """The live arrays by name."""
        arrays: dict[str, Any] = {}
        for p in self.parameters:
            arrays[p.name] = p.value
            arrays[f"grad of {p.name}"] = p.wanted
        return arrays


class Totals:
    """Sums over the rows of an epoch, for means that weigh a short last batch rightly.

    >>> totals = Totals([metrics_.get("accuracy")])
    >>> totals.add(0.5, np.array([[0.0, 1.0]]), np.array([1])); totals.add(2.0, np.zeros((2, 2)), np.array([1, 1]))
    >>> totals.means()
    {'loss': 1.5, 'accuracy': 0.3333333333333333}
    """

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics
        self.rows = 0
        self.sums = [0.0] * (1 + len(metrics))

    def add(self, loss: float, outputs: Array, targets: Any) -> None:
        """Count in a batch."""
        n = len(outputs)
        self.rows += n
        self.sums[0] += n * loss
        for i, metric in enumerate(self.metrics, start=1):
            self.sums[i] += n * metric.compute(outputs, targets)

    def means(self) -> dict[str, float]:
        """The mean over all rows so far, by name."""
        names = ["loss", *(metric.name for metric in self.metrics)]
        return {name: total / max(self.rows, 1) for name, total in zip(names, self.sums, strict=True)}
