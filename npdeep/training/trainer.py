"""The trainer: the training step (`step.py`), the loop around it, and what is kept of a run."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from npdeep import clipping as clippings
from npdeep import losses as losses_
from npdeep import metrics as metrics_
from npdeep import optimizers as optimizers_
from npdeep.augmentation import Augmentation
from npdeep.callbacks import Callback, progress
from npdeep.callbacks.moments import check_callbacks
from npdeep.common import checks, scaling, scopes, seeds
from npdeep.common.guards import Interrupts, deep_copy, quiet
from npdeep.common.hinting import explained
from npdeep.common.hints import TRAINER, by_name
from npdeep.common.tables import Table
from npdeep.datasets.batches import check_augment
from npdeep.history import History, Results
from npdeep.kernels.arrays import Array
from npdeep.losses import Loss
from npdeep.metrics import Metric, Totals
from npdeep.models.last_layer import check_last_layer, outputs_of
from npdeep.models.sequential import Sequential
from npdeep.training import saving
from npdeep.training.feed import ArrayFeed
from npdeep.training.frozen_outputs import frozen_depth
from npdeep.training.loop import FitLoop
from npdeep.training.penalties import total_penalty
from npdeep.training.plan import Plan
from npdeep.training.progress import Progress, Unfinished, of_progress
from npdeep.training.step import Stepper
from npdeep.training.team import ALONE, Team


class Trainer(Stepper):
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
        progress: the state of fit as one object, which `save` takes; what of it is of use has a name here too.

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
    offers = "fit evaluate stop penalty save restore state set_state variables epoch resumed interrupted history"
    settled = by_name({
        "model loss optimizer clipping metrics": "the other parts hold on to it; make a new Trainer (with the same model, to "
        "continue with its weights)",
        "seed": "the order of the examples is drawn from it; trainer.fit(x, y, seed=...) draws another",
        "history": "it is the record of this trainer's epochs; for an empty one make a new Trainer",
    })
    checked: ClassVar[Any] = {
        "iteration": lambda _, count: checks.whole("Trainer", "iteration", count, minimum=0),
        "epoch": lambda _, count: checks.whole("Trainer", "epoch", count, minimum=0),
    }
    team: Team = ALONE
    epoch: int = of_progress("epoch")
    batches_done: int = of_progress("batches_done")
    seconds: float = of_progress("seconds")
    unfinished: Unfinished | None = of_progress("unfinished")
    history: History = of_progress("history")
    callback_states: list[tuple[str, dict[str, Any]]] = of_progress("callback_states")
    resumed: bool = of_progress("resumed")
    interrupted: bool = of_progress("interrupted")
    stop_reason: str = of_progress("stop_reason")
    last_epoch: int = of_progress("last_epoch")
    steps_per_epoch: int = of_progress("steps_per_epoch")
    validation_data: tuple[Any, Any] | None = of_progress("validation_data")
    watchers: list[Callback] = of_progress("watchers")
    last_watchers: list[Callback] = of_progress("last_watchers")

    def __init__(
        self,
        model: Sequential,
        loss: str | losses_.LossLike,
        optimizer: str | optimizers_.Optimizer = "sgd",
        clipping: str | clippings.Clipping | None = None,
        metrics: Iterable[str | Callable[[Any, Any], Any]] = (),
        seed: int | None = None,
    ) -> None:
        if not isinstance(model, Sequential):
            raise TypeError(f"Trainer: model must be a Sequential, got {checks.describe(model)}")
        criterion = losses_.get(loss)
        check_last_layer("Trainer", model, criterion)
        clip = clippings.get(clipping)
        self.metrics = check_metrics(metrics, model, criterion)
        self.seed = model.seed if seed is None else seeds.check_seed("Trainer", seed)
        self.progress = Progress()
        super().__init__(model, criterion, optimizers_.get(optimizer), clip)

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
                gone through once per epoch, or a generator function, which is called once per epoch. Memory maps, and what
                has shape, dtype and rows without being a NumPy array (datasets of h5py, arrays of zarr), are read in pieces.
                An epoch ends where the iterable does: of one without an end take lambda: itertools.islice(batches(), 100).
            epochs: how many more; an epoch that was interrupted is finished first and counts as one.
            batch_size: rows of arrays per step; the last batch of an epoch may be shorter. Batches of one row are refused
                before batch normalization that learns; a last one of an epoch is normalized by the moving statistics.
            validation_data: evaluated after every epoch: (x, y), an iterable of batches that can be gone through again, or a
                generator function. The first batch of the latter two is looked at before training.
            sample_weight: one number ≥ 0 per row; what the weighted sum is divided by is the loss's choice (`weighting`).
            shuffle: False keeps the order of the data. Otherwise that of epoch e is drawn from (seed, e). What lies on a disk
                is read in blocks of neighbouring rows, of 256 KiB or of whole chunks of the file where these are larger: the
                blocks are shuffled, as many of them as fit into 16 MiB make a window, and the rows of a window are shuffled.
                Every row comes once; data of up to 16 MiB are shuffled as in memory.
            seed: by default the trainer's.
            augment: an object of nd.augmentation, or any function of (x, rng) that returns a changed batch.
            cache_frozen: True computes the outputs of the frozen lower layers once and trains on them: the same batches, and
                the same weights up to the rounding of the frozen part. Refused where that part differs from step to step. A
                bias right below batch normalization has the gradient 0, and optimizers that divide by the gradient's size
                (Adam, …) make steps of its rounding errors: there the two runs part; leave such a bias out (use_bias=False).
            scale: each batch of x, and of validation data, is multiplied by this number as it is gathered: with scale=1/255,
                not 255, pixels stay in memory as bytes, a quarter of the room. The model remembers it (`model.scale`, in
                files too): from then on fit, evaluate and model.predict multiply x by it, from arrays and iterables alike,
                unless they are given another; scale=1 leaves x as it is. Everything else, step, walk, forward, nd.debug and
                nd.plots, takes rows that are scaled already, and refuses integers.
            callbacks: objects of nd.callbacks.
            verbose: True shows progress.

        Arrays in memory and memory maps are searched for NaN before the first step; other arrays on a disk, and iterables, as
        they are read, before the update. Raises ValueError or TypeError for invalid arguments before anything changes.

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
            validation_data = self.door.validation(validation_data, factor)
            feed = self.door.feed(x, y, batch_size, sample_weight, shuffle, seed, depth, factor)
            feed.team = self.team
            self.prepare()                    # raises where there is nothing to train
            if isinstance(augment, Augmentation) and isinstance(feed, ArrayFeed):
                augment.check(feed.x[:1])
        except BaseException:
            self.model.scale = before
            raise
        with self.turn.of_fit(), Interrupts() as interrupts, quiet():
            self.progress.validation_data, self.progress.watchers = validation_data, watchers
            self.plan = Plan(first_layer=depth) if depth else self.plan
            try:
                return FitLoop(self, feed, watchers, interrupts, augment, seed).run(epochs)
            finally:
                self.plan = Plan() if depth else self.plan

    def stop(self, reason: str) -> None:
        """End `fit` after the step that is running; the history says why."""
        self.progress.stop_reason = reason

    def evaluate(
        self, x: Any, y: Any = None, sample_weight: Any = None, batch_size: int = 1000, scale: float | None = None
    ) -> dict[str, float]:
        """Loss (with penalties) and metrics on the rows of x, without training: {"loss": …, "accuracy": …}.

        x, y: arrays, in memory or on a disk; or, without y, an iterable of batches (x, y) or (x, y, sample_weight), or a
        generator function. Rows count alike, however they are cut into batches.

        `loss, accuracy = trainer.evaluate(x, y).values()` unpacks the numbers.
        scale: x is multiplied by it, batch by batch; by default by the scale of the last `fit`, so that evaluate takes the rows
        that fit took. 1 leaves x as it is. Sample weights count in the loss alone, as in
        Keras. Metrics do not depend on batch_size: functions and others that are no means over rows are computed on all rows
        at once, for which all outputs are kept in memory. Raises ValueError or TypeError for invalid arguments.
        """
        self.turn.check("evaluate")
        x, y, weight, factor = self.door.evaluate(x, y, sample_weight, scale)
        return self.measure(x, y, weight, factor, checks.whole("evaluate", "batch_size", batch_size))

    def measure(
        self, x: Any, y: Any, weight: Array | None, factor: Any, batch_size: int = 1000, owner: str = "evaluate"
    ) -> dict[str, float]:
        """`evaluate` on what its door gave; x is multiplied by the factor, if there is one."""
        totals = Totals(self.metrics)
        with self.turn.lock, quiet():
            for rows, targets, w in self.door.measured(owner, x, y, weight, factor, batch_size):
                with self.model.lock:         # the outputs are in a buffer that a pass in another thread overwrites
                    outputs = self.model.run(rows)
                    totals.add(self.loss.compute(outputs, targets, w), outputs, targets, self.loss.share())
            result = Results(self.team.whole(totals).means())
            result["loss"] += self.penalty()
        return result

    def penalty(self) -> float:
        """The sum of all penalties on the weights as they are now."""
        return total_penalty(self.model.parameters)

    # ── resuming later ────────────────────────────────────────────────────────────────────────────────────────────────
    def save(self, path: str | Path) -> Path:
        """Write model, optimizer, iteration, generators, history, and callbacks at work into a checkpoint file (.npz).

        `Trainer.restore(path)` continues from it bit for bit as if never stopped, in the middle of an epoch too. Raises
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
            own: custom classes that model or optimizer use, as a list or by name.

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
        and what is frozen. Raises TypeError for what is no state, ValueError where it is that of another model or optimizer.
        """
        saving.check_made("set_state", state)
        progress, settings = checks.flag("set_state", "progress", progress), checks.flag("set_state", "settings", settings)
        saving.set_trainer_state(self, state, progress, settings)

    # ── display ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def variables(self, scope: str | None = None) -> dict[str, Array]:
        """Variables by name: parameters, moving statistics and the optimizer's slots, all live, and a copy of the iteration.

        Slots are named as TensorFlow 1 lists them: hidden1/kernel/Momentum, hidden1/kernel/Adam_1. scope: None for all, else a
        regular expression for whole names, as in `model.variables`; raises ValueError, listing the names, where none matches.

        >>> import npdeep as nd
        >>> model = nd.Sequential([nd.Dense(2, name="hidden1")], input_size=2)
        >>> list(Trainer(model, "mean_squared_error", "momentum").variables())
        ['hidden1/kernel', 'hidden1/bias', 'hidden1/kernel/Momentum', 'hidden1/bias/Momentum', 'iteration']
        """
        parameters = {p.name: p.value for p in self.model.parameters}
        found = {**parameters, **saving.slot_views(self), "iteration": np.array(self.iteration)}
        return {name: found[name] for name in scopes.matching("variables", "variable", list(found), scope)}

    def __getstate__(self) -> dict[str, Any]:
        """Copies plan again, use the whole network, train alone, and no callback is at work in them."""
        gone: dict[str, Any] = dict.fromkeys(("on_event", "on_gradients", "event"))
        return {**vars(self), **gone, "progress": self.progress.resting(), "plan": Plan(), "team": ALONE}

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


def check_metrics(metrics: Any, model: Sequential, loss: Loss) -> list[Metric]:
    """A list of metrics that fit the outputs, and whose names nothing else in a line of the history has."""
    metrics = checks.items("Trainer", "metrics", metrics, "metrics, for example metrics=['accuracy']")
    outputs = outputs_of(model, loss)
    result = [metrics_.for_outputs(metric, outputs) for metric in metrics]
    names = [checks.label("Trainer", "name of a metric", metric.name) for metric in result]
    recorded = ["epoch", "updates", "seconds", "learning_rate", "loss", *names, "val_loss", *(f"val_{name}" for name in names)]
    for name in names:
        if recorded.count(name) > 1:
            raise ValueError(f"Trainer: two of the recorded quantities are named {name!r}; give the metric another name")
    return result
