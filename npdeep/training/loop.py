"""The loop around the training step: epochs, batches, callbacks, and the record of it all."""

import time
from typing import Any

from npdeep.callbacks import Callback
from npdeep.clipping import BadGradient
from npdeep.datasets.batches import augmented
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.metrics import Totals
from npdeep.training.feed import ArrayFeed, IterableFeed


class FitLoop:
    """One call of `Trainer.fit`, its arguments checked.

    Args:
        trainer: the trainer. feed: where the batches come from. watchers: the callbacks, progress included.
        augment: a function of (x, rng) that changes each batch, or None. seed: for its random numbers.
    """

    def __init__(
        self, trainer: Any, feed: ArrayFeed | IterableFeed, watchers: list[Callback], augment: Any = None, seed: int = 0
    ) -> None:
        self.trainer, self.feed, self.augment, self.seed = trainer, feed, augment, seed
        self.watchers = sorted(watchers, key=lambda watcher: watcher.order)
        self.after_step = [watcher for watcher in self.watchers if overrides(watcher, "on_step_end")]

    def run(self, epochs: int) -> History:
        """Train for so many more epochs, or until somebody stops it; return their record."""
        trainer, history = self.trainer, History()
        trainer.stop_reason = ""
        trainer.last_epoch, trainer.steps_per_epoch = trainer.epoch + epochs, len(self.feed)
        for watcher in self.watchers:         # it may have watched another trainer before
            if trainer.iteration == 0 or not any(watcher is known for known in trainer.last_watchers):
                watcher.reset()
        trainer.hand_back_states(self.watchers)
        begun: list[Callback] = []
        try:
            for watcher in self.watchers:
                watcher.on_fit_begin(trainer)
                begun.append(watcher)
            while trainer.epoch < trainer.last_epoch and not trainer.stop_reason:
                record = self.run_epoch()
                history.append(record)
                trainer.history.append(record)
                for watcher in self.watchers:
                    watcher.on_epoch_end(trainer, record)
        finally:
            history.stopped_because = trainer.history.stopped_because = trainer.stop_reason
            for watcher in begun:             # one that refused to begin has nothing to end
                watcher.on_fit_end(trainer)
            trainer.watchers, trainer.last_watchers = [], self.watchers
        return history

    def run_epoch(self) -> dict[str, Any]:
        """One epoch, or what is left of an interrupted one; returns its line of the history."""
        trainer = self.trainer
        first, totals = self.begin_epoch()
        for watcher in self.watchers:
            watcher.on_epoch_begin(trainer)
        started = time.perf_counter()
        for x, y, weight in self.feed.batches(trainer.epoch, first):
            if self.augment is not None:
                x = self.augmented(x)
            try:
                trainer.optimizer.check_schedules(trainer.iteration)
                for event in trainer.operations(x, y, weight):
                    if trainer.on_event is not None:
                        trainer.on_event(event)
            except BadGradient as error:
                self.ask_about(error)
                break
            trainer.batches_done += 1
            totals.add(trainer.last_loss, trainer.model.layers[-1].output, y, trainer.loss.share())
            for watcher in self.after_step:
                watcher.on_step_end(trainer)
            if trainer.stop_reason:
                break
        trainer.seconds += time.perf_counter() - started
        trainer.epoch += 1
        trainer.batches_done, trainer.unfinished = 0, None
        return self.record(totals)

    def ask_about(self, error: BadGradient) -> None:
        """Clipping refused the gradient and the step was not made: where no callback stops the run, the error goes on."""
        for watcher in self.watchers:
            watcher.on_bad_gradient(self.trainer)
        if not self.trainer.stop_reason:
            raise error

    def begin_epoch(self) -> tuple[int, Totals]:
        """Where to begin and the sums so far: those of the interrupted epoch, if the batches are the same, else none."""
        trainer, fingerprint = self.trainer, self.feed.fingerprint
        first, totals = 0, Totals(trainer.metrics)
        if trainer.unfinished is not None and fingerprint is not None and trainer.unfinished[0] == fingerprint:
            first, totals = trainer.batches_done, trainer.unfinished[1]
        trainer.batches_done, trainer.unfinished = first, (fingerprint, totals)
        return first, totals

    def augmented(self, x: Array) -> Array:
        """The batch, changed by random numbers that belong to this epoch and this batch: nothing to save for a resumed run."""
        trainer = self.trainer
        rows = x if isinstance(self.feed, ArrayFeed) else x.copy()    # a function may change them in place: not the user's own
        changed = augmented("fit", self.augment, rows, self.seed, trainer.epoch, trainer.batches_done)
        checked: Array = trainer.model.check_examples("fit: augment", "x", changed)
        return checked

    def record(self, totals: Totals) -> dict[str, Any]:
        """The line of the history for the epoch that has just ended."""
        trainer = self.trainer
        record = {
            "epoch": trainer.epoch,
            "updates": trainer.iteration,
            "seconds": trainer.seconds,
            "learning_rate": trainer.optimizer.learning_rate_at(max(trainer.iteration - 1, 0)),
            **totals.means(),
        }
        if trainer.validation_data is not None:
            measured = trainer.evaluate(*trainer.validation_data)
            record.update({f"val_{name}": value for name, value in measured.items()})
        return record


def overrides(callback: Callback, moment: str) -> bool:
    """Does the callback define this moment itself? Those that do not are not called a thousand times an epoch.

    >>> overrides(Callback(), "on_step_end")
    False
    """
    return moment in vars(callback) or getattr(type(callback), moment) is not getattr(Callback, moment)
