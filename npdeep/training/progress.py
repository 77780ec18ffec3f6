"""The state of `fit`: how far it is, what it has recorded, and who watches; what a checkpoint keeps besides the network."""

import copy
from operator import attrgetter
from typing import Any

import numpy as np

from npdeep.callbacks import Callback
from npdeep.common import checks
from npdeep.common.stored import on_disk
from npdeep.history import History
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


class Progress:
    """All that a trainer's calls of `fit` have come to.

    Attributes that go into files:
        epoch: how many epochs were finished. batches_done: how many batches of the one after them.
        seconds: spent in steps, in all. unfinished: the sums of the epoch that was begun.
        history: the record of all epochs. callback_states: of callbacks that the next fit may have again, by identity.
    Attributes of the fit that is running, or ran last:
        resumed: does it continue an interrupted one? interrupted: was it ended by Ctrl-C or an error?
        stop_reason: why it is to stop, "" where it is not. last_epoch, steps_per_epoch: how far it is to go.
        validation_data: (x, y), checked, or (iterable, None), or None.
        watchers: its callbacks, while it runs; last_watchers: afterwards too.
    """

    def __init__(self) -> None:
        self.epoch = self.batches_done = 0
        self.seconds = 0.0
        self.unfinished: Any = None           # an Unfinished, or None
        self.history = History()
        self.callback_states: list[tuple[str, dict[str, Any]]] = []
        self.resumed = self.interrupted = False
        self.stop_reason = ""
        self.last_epoch = self.steps_per_epoch = 0
        self.validation_data: tuple[Any, Any] | None = None
        self.watchers: list[Callback] = []
        self.last_watchers: list[Callback] = []

    def resting(self) -> "Progress":
        """The same for a copy of the trainer, in which no callback is at work: of the data the fingerprint alone."""
        twin = copy.copy(self)
        twin.watchers, twin.last_watchers = [], []
        if any(on_disk(part) or not isinstance(part, np.ndarray) for part in twin.validation_data or ()):
            twin.validation_data = None       # what is too large for memory is not copied, and an open file cannot be
        twin.unfinished = self.unfinished and self.unfinished.without_feed(self.batches_done)
        return twin

    def states_of_callbacks(self) -> list[tuple[str, dict[str, Any]]]:
        """Those of the callbacks at work now or in the last fit, else those that a file held."""
        at_work = self.watchers or ([] if self.callback_states else self.last_watchers)
        return [(watcher.identity, state_of(watcher)) for watcher in at_work] or self.callback_states


def state_of(watcher: Callback) -> dict[str, Any]:
    """What a callback keeps. Raises TypeError where it is no dict."""
    state = watcher.state()
    if not isinstance(state, dict):
        raise TypeError(f"callback {type(watcher).__name__}: state() must return a dict, got {checks.describe(state)}")
    return state


def of_progress(name: str) -> Any:
    """A property of a trainer that reads and sets what its progress holds."""

    def put(trainer: Any, value: Any) -> None:
        setattr(trainer.progress, name, value)

    return property(attrgetter(f"progress.{name}"), put)
