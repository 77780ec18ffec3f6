"""The loop around the training step: epochs, batches, callbacks, and the record of it all."""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from npdeep.callbacks import Callback
from npdeep.clipping import BadGradient
from npdeep.common import checks, scaling
from npdeep.common.guards import Interrupts
from npdeep.datasets.batches import augmented
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.metrics import Totals
from npdeep.training.feed import ArrayFeed, Batch, IterableFeed
from npdeep.training.progress import Progress, Unfinished


class FitLoop:
    """One call of `Trainer.fit`, its arguments checked.

    Args:
        trainer: the trainer. feed: where the batches come from. watchers: the callbacks, progress included.
        interrupts: where Ctrl-C waits. augment: a function of (x, rng) that changes each batch, or None. seed: for its random
            numbers.

    A run that was interrupted and is resumed with the same data must end as if it had never stopped. So whatever belongs
    together is done together: Ctrl-C waits for `interrupts.check()`, every callback hears of every moment, even if one before
    it raised, and an epoch counts as finished once its line of the history is complete, validation included.
    """

    def __init__(
        self,
        trainer: Any,
        feed: ArrayFeed | IterableFeed,
        watchers: list[Callback],
        interrupts: Interrupts,
        augment: Any = None,
        seed: int = 0,
    ) -> None:
        self.trainer, self.feed, self.interrupts, self.augment, self.seed = trainer, feed, interrupts, augment, seed
        self.progress: Progress = trainer.progress
        self.watchers = sorted(watchers, key=lambda watcher: watcher.order)
        self.after_step = [watcher for watcher in self.watchers if overrides(watcher, "on_step_end")]
        self.before_update = [watcher for watcher in self.watchers if overrides(watcher, "on_gradients")]
        self.seen: tuple[Array, float] | None = None
        self.history = History()

    def run(self, epochs: int) -> History:
        """Train for the given number of epochs, or until somebody stops it; return their record."""
        trainer, progress = self.trainer, self.progress
        place, first = progress.unfinished, trainer.iteration
        before = {**vars(progress), "callback_states": [*progress.callback_states]}
        progress.resumed = place is not None and self.feed.continues(
            place.fingerprint(progress.batches_done), progress.batches_done, place.source
        )
        if not progress.resumed:
            progress.stop_reason = ""
        progress.last_epoch, progress.steps_per_epoch = progress.epoch + epochs, len(self.feed)
        progress.interrupted = False
        begun: list[Callback] = []
        trainer.on_gradients = self.ask_between if self.before_update else trainer.team.exchange
        try:
            self.begin(begun)
            while progress.epoch < progress.last_epoch and (progress.batches_done or not progress.stop_reason):
                self.run_epoch()
        except BaseException:
            progress.interrupted = True
            raise
        finally:
            trainer.on_gradients = None
            self.end(begun)
            if progress.interrupted and place is not None and not progress.resumed and trainer.iteration == first:
                vars(progress).update(before, watchers=[])    # no step was made: the earlier run can still be resumed
        return self.history

    def begin(self, begun: list[Callback]) -> None:
        """Tell the callbacks, each of which may refuse to begin; then nothing has changed."""
        trainer, progress = self.trainer, self.progress
        states = list(progress.callback_states)
        try:
            self.give_states()
            for watcher in self.watchers:
                watcher.on_fit_begin(trainer)
                begun.append(watcher)
            trainer.team.begin(self)
        except BaseException:
            progress.callback_states = states
            raise
        totals, told = Totals(trainer.metrics), False
        if progress.resumed:
            totals, told = progress.unfinished.totals, progress.unfinished.begun
        else:
            progress.batches_done = 0
        progress.unfinished = Unfinished(totals, self.feed, begun=told)
        progress.last_watchers = self.watchers

    def give_states(self) -> None:
        """Callbacks that are new here forget what came before, and get the states of equal ones of the run that is resumed."""
        trainer, progress = self.trainer, self.progress
        before = progress.last_watchers
        new = [watcher for watcher in self.watchers if not any(watcher is known for known in before)]
        for watcher in self.watchers if trainer.iteration == 0 and not progress.resumed else new:
            watcher.reset()
        if progress.resumed:
            gone = [known for known in before if not any(known is watcher for watcher in self.watchers)]
            hand_over([(known.identity, known.state()) for known in gone], new)
        hand_over(progress.callback_states, self.watchers)

    def end(self, begun: list[Callback]) -> None:
        """Tell the callbacks, also where the run was interrupted; one that refused to begin has nothing to end."""
        progress = self.progress
        if not progress.interrupted and not progress.batches_done:
            progress.unfinished = None
        elif progress.unfinished is not None:
            progress.unfinished = progress.unfinished.without_feed(progress.batches_done)
        try:
            self.history.stopped_because = progress.history.stopped_because = progress.stop_reason
            self.tell(begun, "on_fit_end")
        finally:
            progress.watchers = []

    def tell(self, watchers: list[Callback], moment: str, *record: Any) -> None:
        """Every callback hears of every moment, so that their states agree; then the first error is raised."""
        errors: list[BaseException] = []
        for watcher in watchers:
            try:
                getattr(watcher, moment)(self.trainer, *record)
                for line in record:
                    check_keys(f"fit: {type(watcher).__name__}.{moment}", line)
            except BaseException as error:    # KeyboardInterrupt is one
                errors.append(error)
        errors = self.trainer.team.settle(self, errors)
        if errors:
            raise errors[0]

    def run_epoch(self) -> None:
        """One epoch, or the rest of an interrupted one, and its line of the history."""
        trainer, progress = self.trainer, self.progress
        place = progress.unfinished
        if not place.begun:
            place.begun = True
            self.tell(self.watchers, "on_epoch_begin")
        started = time.perf_counter()
        batches = self.feed.batches(progress.epoch, progress.batches_done)
        try:
            if not progress.stop_reason:
                self.run_batches(batches, place.totals)
        finally:
            progress.seconds += time.perf_counter() - started
            batches.close()                   # where the run stops, files and threads of the source are let go
        record = self.record(place.totals)    # where this fails, the epoch is resumed after its last batch
        progress.epoch += 1
        progress.batches_done, progress.unfinished = 0, Unfinished(Totals(trainer.metrics), self.feed)
        self.history.append(record)
        progress.history.append(record)
        self.tell(self.watchers, "on_epoch_end", record)
        self.interrupts.check()

    def run_batches(self, batches: Iterator[Batch], totals: Totals) -> None:
        """The steps of the epoch that are still to be made."""
        trainer, progress = self.trainer, self.progress
        for x, y, weight in batches:
            if self.augment is not None:
                x = self.augmented(x)
            with trainer.model.lock:          # other threads predict between two steps
                try:
                    if trainer.optimizer.scheduled:
                        trainer.optimizer.check_schedules(trainer.iteration)
                    operations = trainer.operations(x, y, weight)
                    if trainer.on_event is None:
                        deque(operations, maxlen=0)    # to the end, at full speed: nobody looks
                    for event in operations:
                        if trainer.on_event is not None:
                            trainer.on_event(event)
                except BadGradient as error:
                    self.ask_about(error)
                    break
                except BaseException as error:
                    error.add_note(f"fit: update {trainer.iteration + 1:,} may be half done: resume from a checkpoint instead")
                    raise
                progress.batches_done += 1
                outputs, share = self.seen or (trainer.model.layers[-1].output, trainer.loss.share())
                if trainer.team.counts:
                    totals.add(trainer.last_loss, outputs, y, share)
            if self.after_step or trainer.team.size > 1:
                self.tell(self.after_step, "on_step_end")
            if self.interrupts.pending:
                self.interrupts.check()
            if progress.stop_reason:
                break

    def ask_between(self) -> None:
        """Tell the callbacks between backward pass and update. Passes of theirs overwrite outputs and loss of the batch."""
        trainer = self.trainer
        if trainer.team.exchange is not None:
            trainer.team.exchange()
        loss, self.seen = trainer.data_loss, (trainer.model.layers[-1].output.copy(), trainer.loss.share())
        with trainer.turn.between_halves():
            self.tell(self.before_update, "on_gradients")
        trainer.data_loss = loss

    def ask_about(self, error: BadGradient) -> None:
        """Clipping refused the gradient and the step was not made: where no callback stops the run, the error is raised."""
        self.tell(self.watchers, "on_bad_gradient")
        if not self.progress.stop_reason:
            raise error

    def augmented(self, x: Array) -> Array:
        """The batch, changed by random numbers that belong to this epoch and this batch: nothing to save for a resumed run."""
        trainer, progress = self.trainer, self.progress
        rows = x if isinstance(self.feed, ArrayFeed) else x.copy()    # a function may change them in place: not the user's own
        place = (progress.epoch, progress.batches_done, *trainer.team.place)
        changed = augmented("fit", self.augment, rows, self.seed, *place)
        checked: Array = trainer.model.check_examples("fit: augment", "x", changed)
        return checked

    def record(self, totals: Totals) -> dict[str, Any]:
        """The line of the history for the epoch whose steps are made."""
        trainer, progress = self.trainer, self.progress
        record = {
            "epoch": progress.epoch + 1,
            "updates": trainer.iteration,
            "seconds": progress.seconds,
            "learning_rate": trainer.optimizer.learning_rate_at(max(trainer.iteration - 1, 0)),
            **trainer.team.whole(totals).means(),
        }
        if progress.validation_data is not None:
            factor = scaling.scale("fit", trainer.model.scale, trainer.model.dtype)
            measured = trainer.measure(*progress.validation_data, None, factor, owner="fit: validation_data")
            record.update({f"val_{name}": value for name, value in measured.items()})
        return record


def hand_over(states: list[tuple[str, dict[str, Any]]], watchers: list[Callback]) -> None:
    """Give states, taking them out of the list, to callbacks of the same class and arguments; each state is given once."""
    for watcher in watchers:
        for i, (identity, state) in enumerate(states):
            if identity == watcher.identity:
                if state:
                    watcher.set_state(state)
                del states[i]
                break


def overrides(callback: Callback, moment: str) -> bool:
    """Does the callback define this moment itself? Those that do not are not called a thousand times an epoch.

    >>> overrides(Callback(), "on_step_end")
    False
    """
    return moment in vars(callback) or getattr(type(callback), moment) is not getattr(Callback, moment)


def check_keys(owner: str, record: dict[str, Any]) -> None:
    """Raise TypeError or ValueError for a key that cannot be the header of a column, and take it out of the record.

    >>> check_keys("fit: Mine.on_epoch_end", {"loss": 0.5, 3: 1.0})
    Traceback (most recent call last):
    TypeError: fit: Mine.on_epoch_end: a key of the record must be a string, got 3
    """
    for key in list(record):
        try:
            checks.label(owner, "a key of the record", key)
        except (TypeError, ValueError):
            del record[key]
            raise
