"""One page at work: two networks at most, trained by turns; and the workers that all pages share."""

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from npdeep.debug import plant
from npdeep.kernels.arrays import Array
from npdeep.teaching.play.data import SHEET, Data, around, data_of
from npdeep.teaching.play.measure import Look
from npdeep.teaching.play.runs import Run
from npdeep.teaching.play.settings import Settings, both
from npdeep.teaching.play.walks import Walk, Walked
from npdeep.training.trainer import Trainer

SLICE = 0.075
"""How many seconds a page trains before it shows what it did and the next page has its turn."""

PATIENCE = 600.0
"""A page that nobody touches for this many seconds stops training."""

LATEST, HIDDEN = 1.0, 60.0
"""A browser that has not painted a frame after the first is sent the next; one that paints nothing for the second is paused."""

DRAW = "Data: draw at least two points: choose a class under Draw points and click into the plane, or type them."


class Paints:
    """The frames that a browser was sent and those that it has painted: a hidden page, or one that is gone, paints none.

    >>> paints = Paints()
    >>> paints.send(now=0.0), paints.waits(now=0.5), paints.waits(now=2.0), paints.hidden(now=61.0, touched=0.5)
    (1, True, False, True)
    >>> paints.seen(1, now=62.0); paints.hidden(now=200.0, touched=0.5)
    False
    """

    def __init__(self) -> None:
        self.sent = self.painted = 0
        self.sent_at = self.behind_since = 0.0

    @property
    def behind(self) -> bool:
        """Is a frame on its way?"""
        return self.painted < self.sent

    def send(self, now: float) -> int:
        """Count a frame that is sent; its number."""
        self.behind_since = self.behind_since if self.behind else now
        self.sent, self.sent_at = self.sent + 1, now
        return self.sent

    def seen(self, number: object, now: float) -> None:
        """The browser says which frame it has painted."""
        self.painted = number if isinstance(number, int) else self.painted
        self.behind_since = now

    def waits(self, now: float) -> bool:
        """Should the next frame wait for the browser?"""
        return self.behind and now - self.sent_at < LATEST

    def hidden(self, now: float, touched: float) -> bool:
        """Has it painted nothing, and nobody touched it, for a minute?"""
        return self.behind and now - max(self.behind_since, touched) > HIDDEN


@dataclass(frozen=True)
class Frame:
    """What a page shows of its networks at one moment; nothing in it changes any more."""

    updates: int
    running: bool
    looks: tuple[Look | None, ...]
    starts: tuple[Look | None, ...]
    curves: tuple[dict[str, Array], ...]
    pictures: tuple[Array | None, ...]
    made: int
    """How often the networks were newly made before."""


class Session:
    """What one page does: its settings, its networks, and the jobs it was asked for.

    Jobs and training run in a worker, one at a time, so that nothing in a network is used twice at once.

    Args:
        first, second: settings of the two networks.
        report: called in the worker when there is something new to see. say: takes a sentence for the person at the page.
    """

    def __init__(
        self, first: Settings, second: Settings, report: Callable[[], None] = lambda: None, say: Callable[[str], None] = print
    ) -> None:
        self.settings = (first, both(first, second))
        self.report, self.say = report, say
        self.file: Data | None = None
        self.data: Data | None = None
        self.runs: list[Run] = []
        self.jobs: deque[Callable[[], None]] = deque()
        self.running = self.closed = False
        self.waiting = False                  # in the workshop's queue
        self.made = 0
        self.lasts = 0.0                      # seconds that an update of all networks takes
        self.touched = time.monotonic()
        self.frame: Frame | None = None
        self.walking: Walk | None = None

    # ── asked by the page ─────────────────────────────────────────────────────────────────────────────────────────────
    def ask(self, job: Callable[[], None]) -> None:
        """Have something done as soon as this page has its turn."""
        self.touched = time.monotonic()
        self.jobs.append(job)
        WORKSHOP.add(self)

    def start(self) -> None:
        """Train until `pause`, once the networks that were asked for before are made."""
        self.ask(self._begin)

    def _begin(self) -> None:
        self.running = bool(self.runs)
        if not self.running:
            self.say("There is no network to train yet.")
        self.show()

    def pause(self) -> None:
        """Stop after the update that is being made."""
        self.running = False
        self.ask(lambda: self.show(at_once=True))

    def close(self) -> None:
        """The page is gone: stop, and give the memory back."""
        self.closed, self.running = True, False
        self.jobs.clear()
        self.jobs.append(self._forget)
        WORKSHOP.add(self)

    def _forget(self) -> None:
        self.runs, self.data, self.file, self.frame, self.walking = [], None, None, None, None

    # ── done by a worker ──────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def busy(self) -> bool:
        """Is there something to do?"""
        return self.running or bool(self.jobs)

    def work(self, seconds: float) -> None:
        """All jobs, then training for so long. Errors are said, and stop the training."""
        try:
            while self.jobs:
                self.jobs.popleft()()
            if self.running and not self.closed:
                self.train(seconds)
        except Exception as error:            # whatever it was, the page lives on and says so
            self.running = False
            self.say(str(error) or type(error).__name__)
            if self.runs and not self.closed:
                self.show()

    def make(self) -> None:
        """Make the networks again from the settings; the old ones stay where that fails."""
        first, second = self.settings
        running, self.running = self.running, False
        if first.fault:
            trainer, data = planted(first.fault)
            runs = [Run(first, data, trainer)]
        else:
            data = data_of(first, self.file)
            enough = len(data.x) >= 2         # of points drawn there may be fewer
            runs = [Run(settings, data) for settings in ((first, second)[: 1 + first.compare] if enough else ())]
            if not enough:
                running = False
                self.say(DRAW)
        self.data, self.runs, self.running, self.lasts = data, runs, running, 0.0
        self.made += 1
        self.show()

    def update(self) -> None:
        """One update of each network."""
        self.running = False
        for run in self.runs:
            run.update(watched=True)
        self.show(at_once=True)

    def walk(self, which: int) -> Walked:
        """One operation of the next update; the last of them makes the update."""
        self.running = False
        if not self.runs:
            raise ValueError("There is no network to walk through yet.")
        run = self.runs[min(which, len(self.runs) - 1)]
        if self.walking is None or self.walking.run is not run or self.walking.updates != run.updates:
            self.walking = Walk(run)
        walked = next(self.walking.steps)
        if walked.number == walked.count:
            self.walking = None
            self.update()
        return walked

    def train(self, seconds: float) -> None:
        """Updates for this many seconds, by turns, and a look at the last."""
        end = time.perf_counter() + seconds
        while time.perf_counter() + self.lasts < end and self.running:
            self._each_once()
        self._each_once(watched=True)         # the only one where a single update lasts longer than a turn
        if time.monotonic() - self.touched > PATIENCE:
            self.running = False
            self.say(f"Paused: nobody touched this page for {PATIENCE / 60:.0f} minutes.")
        self.show()

    def _each_once(self, watched: bool = False) -> None:
        began = time.perf_counter()
        for run in self.runs:
            run.update(watched)
        self.lasts = time.perf_counter() - began

    def show(self, at_once: bool = False) -> None:
        """Make a frame of what there is to see, and report it."""
        for run in self.runs:
            run.look_around(at_once)
        self.frame = Frame(
            self.runs[0].updates if self.runs else 0,
            self.running,
            tuple(run.seen for run in self.runs),
            tuple(run.start for run in self.runs),
            tuple(run.curves.arrays() for run in self.runs),
            tuple(run.picture for run in self.runs),
            self.made,
        )
        self.report()


def planted(fault: str) -> tuple[Trainer, Data]:
    """The trainer of a planted fault, and its rows.

    >>> planted("no_activation")[1].x.shape
    (400, 2)
    """
    trainer, x, y = plant(fault)
    limits = around(x) if x.shape[1] == 2 else SHEET
    return trainer, Data(x, y, None, tuple(map(str, range(trainer.model.output_size))), "", limits)


class Workshop:
    """A few threads that work for all pages by turns, so that no page waits for another for long."""

    def __init__(self, workers: int | None = None) -> None:
        self.queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.workers = workers or max(1, (os.cpu_count() or 2) - 1)
        self.started = False

    def add(self, session: Session) -> None:
        """Give the page its turn, unless it waits for it already."""
        with self.lock:
            if session.waiting or not session.busy:
                return
            session.waiting = True
            if not self.started:
                self.started = True
                for number in range(self.workers):
                    threading.Thread(target=self._work, name=f"npdeep play {number}", daemon=True).start()
        self.queue.put(session)

    def _work(self) -> None:
        while True:
            session = self.queue.get()
            session.work(max(SLICE / (1 + self.queue.qsize()), 0.005))
            with self.lock:
                session.waiting = False
            self.add(session)


WORKSHOP = Workshop()
