"""What keeps a run whole: Ctrl-C waits for the end of a step, one thread works at a time, NumPy keeps silent."""

import copy
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from types import FrameType
from typing import Any

import numpy as np

USUAL = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
"""What NumPy does unless told otherwise."""


class Interrupts:
    """Ctrl-C while `fit` runs is noted, and takes effect at the next call of `check`, where nothing is half done.

    A second Ctrl-C takes effect at once. "Takes effect": what handled the signal before is called, which usually raises
    KeyboardInterrupt. Python hands signals to the main thread alone; in another thread nothing is noted and nothing raised.

    >>> try:
    ...     with Interrupts() as interrupts:
    ...         signal.raise_signal(signal.SIGINT)    # Ctrl-C
    ...         print("this step is finished first")
    ...         interrupts.check()
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    this step is finished first
    interrupted
    """

    def __init__(self) -> None:
        self.pending = 0
        self.former: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> "Interrupts":
        former = signal.getsignal(signal.SIGINT)
        if callable(former):                  # else Ctrl-C is ignored, or ends the process, and is to continue doing so
            self.former = former
            try:
                signal.signal(signal.SIGINT, self.note)
            except ValueError:                # not the main thread
                self.former = None
        return self

    def __exit__(self, *error: object) -> None:
        if self.former is not None and signal.getsignal(signal.SIGINT) == self.note:
            signal.signal(signal.SIGINT, self.former)
        self.check()

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: the first one waits, the second one does not."""
        self.pending += 1
        if self.pending > 1:
            self.check()

    def check(self) -> None:
        """A safe place: let what is pending take effect."""
        pending, self.pending = self.pending, 0
        for _ in range(pending):
            if self.former is not None:
                self.former(signal.SIGINT, None)


CLOSED = threading.Lock()
CLOSED.acquire()
"""A lock that nobody gets."""


class Turn:
    """Whose turn it is with a trainer: one thread's at a time, and at most one `fit`'s.

    >>> turn = Turn()
    >>> with turn.of_fit(), turn.of_fit():
    ...     pass
    Traceback (most recent call last):
    ValueError: fit: this trainer is running fit already; a callback can call trainer.step, or the fit of another trainer
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()         # the thread that has it may take it again: a callback evaluates
        self.steps: Any = self.lock           # what a step takes
        self.fitting = False

    def take(self, owner: str) -> None:
        """For a step that found the turn taken: raise and say why; or have it, where it has become free just now."""
        self.check(owner)
        self.lock.acquire()

    def check(self, owner: str) -> None:
        """Raise a ValueError where another thread has the turn, or where fit is called inside fit."""
        if not self.lock.acquire(blocking=False):
            raise ValueError(
                f"{owner}: another thread is training or evaluating with this trainer; wait until it has finished, or give "
                "each thread a model and a trainer of its own"
            )
        self.lock.release()
        if self.steps is CLOSED and owner in ("step", "walk", "apply_gradients", "save"):
            raise ValueError(
                f"{owner}: a step of fit is half done: on_gradients may look at model.flat_gradients and change them, and fit "
                f"makes the update; call {owner} in on_step_end"
            )
        if self.fitting and owner == "fit":
            raise ValueError(
                "fit: this trainer is running fit already; a callback can call trainer.step, or the fit of another trainer"
            )

    @contextmanager
    def of_fit(self) -> Iterator[None]:
        """Keep the turn for a whole fit."""
        self.check("fit")
        with self.lock:
            self.fitting = True
            try:
                yield
            finally:
                self.fitting = False

    @contextmanager
    def between_halves(self) -> Iterator[None]:
        """While callbacks are asked between the two halves of a step: no other step in its midst."""
        self.steps = CLOSED
        try:
            yield
        finally:
            self.steps = self.lock

    def __reduce__(self) -> tuple[type["Turn"], tuple[()]]:
        """Copies and pickles are free: nobody works with them yet."""
        return Turn, ()


def deep_copy(thing: Any, lock: Any, memo: dict[int, Any]) -> Any:
    """What copy.deepcopy makes of an object with __getstate__, while `lock` is held.

    >>> from types import SimpleNamespace
    >>> deep_copy(SimpleNamespace(weights=[1.0]), threading.RLock(), {})
    namespace(weights=[1.0])
    """
    kind: Any = type(thing)
    twin = memo[id(thing)] = kind.__new__(kind)
    with lock:
        state = copy.deepcopy(thing.__getstate__(), memo)
    if hasattr(twin, "__setstate__"):
        twin.__setstate__(state)
    else:
        vars(twin).update(state)
    return twin


def quiet() -> np.errstate:
    """Silence NumPy's warnings: a network that diverges overflows, and npdeep says so in its own words.

    What the user has asked for stays as it is: after np.seterr(all="raise") the first overflow raises.

    >>> with quiet():
    ...     np.float32(1e38) * np.float32(10)
    np.float32(inf)
    """
    modes = np.geterr()
    if modes == USUAL:                        # every step comes here
        return np.errstate(divide="ignore", over="ignore", invalid="ignore")
    kinds: dict[str, Any] = {kind: "ignore" for kind, mode in modes.items() if mode == "warn"}
    return np.errstate(**kinds)


def numpys_errors() -> ContextVar[Any]:
    """NumPy's variable for what it does about overflow and the like: the one that np.errstate sets.

    Set directly it takes two calls of C; np.errstate is 20 lines of Python, through which everybody would go who steps into a
    training step. Were it not there, in another NumPy, warnings would be shown, and nothing else would change.
    """
    before = copy_context()
    with np.errstate(all="ignore"):
        now = copy_context()
    return next((v for v in now if now[v] is not before.get(v)), ContextVar("unused", default=None))


def quieter() -> Any:
    """What `quiet` puts into that variable."""
    with quiet():
        return ERRORS.get()


ERRORS = numpys_errors()
USUAL_ERRORS, SILENT = Context().run(lambda: (ERRORS.get(), quieter()))
"""What is in it unless told otherwise, and what silences NumPy then."""
