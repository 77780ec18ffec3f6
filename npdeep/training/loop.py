"""The loop around the training step: epochs, batches, callbacks, and the record of it all."""

import time
from typing import Any

from npdeep.callbacks import Callback
from npdeep.clipping import BadGradient
from npdeep.common.guards import Interrupts
from npdeep.datasets.batches import augmented
from npdeep.history import History
from npdeep.kernels.arrays import Array
from npdeep.metrics import Totals
from npdeep.training.feed import ArrayFeed, IterableFeed


class Unfinished:
    """The place of a trainer in a run of `fit`: an epoch that has begun, or that would have begun next.

    Args:
        totals: the sums over the batches that are done.
        feed: where the batches come from, while fit runs; it may be large, and afterwards its fingerprint takes its place.
        fingerprint: by which the next fit knows whether it was given the same data.
        begun: were the callbacks told that the epoch begins?
    """

    def __init__(
        self,
        totals: Totals,
        feed: ArrayFeed | IterableFeed | None = None,
        fingerprint: tuple[Any, ...] = (),
        begun: bool = False,
    ) -> None:
        self.totals, self.feed, self.known, self.begun = totals, feed, fingerprint, begun
        self.source: Any = None               # the iterator that goes by once

    def fingerprint(self, done: int) -> tuple[Any, ...]:
        """That of the data, of which `done` batches are done."""
        return self.known if self.feed is None else self.feed.fingerprint(done)

    def without_feed(self, done: int) -> "Unfinished":
        """The same place; of the data the fingerprint alone."""
        bare = Unfinished(self.totals, None, self.fingerprint(done), self.begun)
        bare.source = self.source if self.feed is None else self.feed.source_once
        return bare

    def __getstate__(self) -> dict[str, Any]:
        """An iterator cannot be copied."""
        return {**vars(self), "source": None}


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
        self.watchers = sorted(watchers, key=lambda watcher: watcher.order)
        self.after_step = [watcher for watcher in self.watchers if overrides(watcher, "on_step_end")]
        self.before_update = [watcher for watcher in self.watchers if overrides(watcher, "on_gradients")]
        self.seen: tuple[Array, float] | None = None
        self.history = History()

    def run(self, epochs: int) -> History:
        """Train for so many more epochs, or until somebody stops it; return their record."""
        trainer, place = self.trainer, self.trainer.unfinished
        trainer.resumed = place is not None and self.feed.continues(
            place.fingerprint(trainer.batches_done), trainer.batches_done, place.source
        )
        if not trainer.resumed:
            trainer.stop_reason = ""
        trainer.last_epoch, trainer.steps_per_epoch = trainer.epoch + epochs, len(self.feed)
        trainer.interrupted = False
        begun: list[Callback] = []
        if self.before_update:
            trainer.on_gradients = self.ask_between
        try:
            self.begin(begun)
            while trainer.epoch < trainer.last_epoch and (trainer.batches_done or not trainer.stop_reason):
                self.run_epoch()
        except BaseException:
            trainer.interrupted = True
            raise
        finally:
            trainer.on_gradients = None
            self.end(begun)
        return self.history

    def begin(self, begun: list[Callback]) -> None:
        """Tell the callbacks, each of which may refuse to begin; then nothing has changed."""
        trainer, states = self.trainer, list(self.trainer.callback_states)
        try:
            self.give_states()
            for watcher in self.watchers:
                watcher.on_fit_begin(trainer)
                begun.append(watcher)
        except BaseException:
            trainer.callback_states = states
            raise
        totals, told = Totals(trainer.metrics), False
        if trainer.resumed:
            totals, told = trainer.unfinished.totals, trainer.unfinished.begun
        else:
            trainer.batches_done = 0
        trainer.unfinished = Unfinished(totals, self.feed, begun=told)
        trainer.last_watchers = self.watchers

    def give_states(self) -> None:
        """Callbacks that are new here forget what came before, and get the states of equal ones of the run that is resumed."""
        trainer, before = self.trainer, self.trainer.last_watchers
        new = [watcher for watcher in self.watchers if not any(watcher is known for known in before)]
        for watcher in self.watchers if trainer.iteration == 0 and not trainer.resumed else new:
            watcher.reset()
        if trainer.resumed:
            gone = [known for known in before if not any(known is watcher for watcher in self.watchers)]
            hand_over([(known.identity, known.state()) for known in gone], new)
        hand_over(trainer.callback_states, self.watchers)

    def end(self, begun: list[Callback]) -> None:
        """Tell the callbacks, also where the run was interrupted; one that refused to begin has nothing to end."""
        trainer = self.trainer
        if not trainer.interrupted and not trainer.batches_done:
            trainer.unfinished = None
        elif trainer.unfinished is not None:
            trainer.unfinished = trainer.unfinished.without_feed(trainer.batches_done)
        try:
            self.history.stopped_because = trainer.history.stopped_because = trainer.stop_reason
            self.tell(begun, "on_fit_end")
        finally:
            trainer.watchers = []

    def tell(self, watchers: list[Callback], moment: str, *record: Any) -> None:
        """Every callback hears of every moment, so that their states agree; then the first error is raised."""
        errors = []
        for watcher in watchers:
            try:
                getattr(watcher, moment)(self.trainer, *record)
            except BaseException as error:    # KeyboardInterrupt is one
                errors.append(error)
        if errors:
            raise errors[0]

    def run_epoch(self) -> None:
        """One epoch, or the rest of an interrupted one, and its line of the history."""
        trainer, place = self.trainer, self.trainer.unfinished
        if not place.begun:
            place.begun = True
            self.tell(self.watchers, "on_epoch_begin")
        started = time.perf_counter()
        try:
            if not trainer.stop_reason:
                self.run_batches(place.totals)
        finally:
            trainer.seconds += time.perf_counter() - started
        record = self.record(place.totals)    # where this fails, the epoch is resumed behind its last batch
        trainer.epoch += 1
        trainer.batches_done, trainer.unfinished = 0, Unfinished(Totals(trainer.metrics), self.feed)
        self.history.append(record)
        trainer.history.append(record)
        self.tell(self.watchers, "on_epoch_end", record)
        self.interrupts.check()

    def run_batches(self, totals: Totals) -> None:
        """The steps of the epoch that are still to be made."""
        trainer = self.trainer
        for x, y, weight in self.feed.batches(trainer.epoch, trainer.batches_done):
            if self.augment is not None:
                x = self.augmented(x)
            with trainer.model.lock:          # other threads predict between two steps
                try:
                    trainer.optimizer.check_schedules(trainer.iteration)
                    for event in trainer.operations(x, y, weight):
                        if trainer.on_event is not None:
                            trainer.on_event(event)
                except BadGradient as error:
                    self.ask_about(error)
                    break
                except BaseException as error:
                    error.add_note(f"fit: update {trainer.iteration + 1:,} may be half done: resume from a checkpoint instead")
                    raise
                trainer.batches_done += 1
                outputs, share = self.seen or (trainer.model.layers[-1].output, trainer.loss.share())
                totals.add(trainer.last_loss, outputs, y, share)
            self.tell(self.after_step, "on_step_end")
            self.interrupts.check()
            if trainer.stop_reason:
                break

    def ask_between(self) -> None:
        """Tell the callbacks between backward pass and update. Passes of theirs overwrite outputs and loss of the batch."""
        trainer = self.trainer
        loss, self.seen = trainer.data_loss, (trainer.model.layers[-1].output.copy(), trainer.loss.share())
        with trainer.turn.between_halves():
            self.tell(self.before_update, "on_gradients")
        trainer.data_loss = loss

    def ask_about(self, error: BadGradient) -> None:
        """Clipping refused the gradient and the step was not made: where no callback stops the run, the error goes on."""
        self.tell(self.watchers, "on_bad_gradient")
        if not self.trainer.stop_reason:
            raise error

    def augmented(self, x: Array) -> Array:
        """The batch, changed by random numbers that belong to this epoch and this batch: nothing to save for a resumed run."""
        trainer = self.trainer
        rows = x if isinstance(self.feed, ArrayFeed) else x.copy()    # a function may change them in place: not the user's own
        changed = augmented("fit", self.augment, rows, self.seed, trainer.epoch, trainer.batches_done)
        checked: Array = trainer.model.check_examples("fit: augment", "x", changed)
        return checked

    def record(self, totals: Totals) -> dict[str, Any]:
        """The line of the history for the epoch whose steps are made."""
        trainer = self.trainer
        record = {
            "epoch": trainer.epoch + 1,
            "updates": trainer.iteration,
            "seconds": trainer.seconds,
            "learning_rate": trainer.optimizer.learning_rate_at(max(trainer.iteration - 1, 0)),
            **totals.means(),
        }
        if trainer.validation_data is not None:
            measured = trainer.evaluate(*trainer.validation_data)
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
