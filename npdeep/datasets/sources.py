"""Where batches come from that are made one after the other: iterables, functions that give them, and reading ahead."""

import contextlib
import contextvars
import copy
import functools
import inspect
import operator
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from npdeep.common import checks
from npdeep.common.stored import is_array_like

END = object()


def none_given(owner: str, when: str = "") -> ValueError:
    """The error where an iterable held no batch.

    >>> none_given("fit", " in epoch 2")
    ValueError('fit: the iterable gave no batch in epoch 2; a generator can be gone through once only: pass the generator \
function itself (without calling it), or a list')
    """
    return ValueError(
        f"{owner}: the iterable gave no batch{when}; a generator can be gone through once only: pass the generator function "
        "itself (without calling it), or a list"
    )


def is_iterable_of_batches(x: Any) -> bool:
    """A list of tuples, or any iterable that is neither an array nor a plain list.

    >>> is_iterable_of_batches([(1, 2)]), is_iterable_of_batches([[1.0, 2.0]]), is_iterable_of_batches([])
    (True, False, False)
    """
    if isinstance(x, list | tuple):
        return len(x) > 0 and isinstance(x[0], tuple)
    return isinstance(x, Iterable) and not is_array(x) and not isinstance(x, str | bytes | dict)


def is_array(x: Any) -> bool:
    """Is it an array, in memory or in a file, even in one that is closed, a tensor or a table?

    >>> import numpy as np
    >>> is_array(np.ones(2)), is_array([1.0])
    (True, False)
    """
    return is_array_like(x) or hasattr(x, "shape")


def called_every_epoch(x: Any, owner: str = "fit") -> Any:
    """A generator function as an iterable that calls it for every epoch; anything else as it is. Raises TypeError for one that
    needs arguments.

    >>> def batches(): yield 1, 2
    >>> list(called_every_epoch(batches)), list(called_every_epoch(batches)), called_every_epoch(3)
    ([(1, 2)], [(1, 2)], 3)
    """
    if not inspect.isroutine(x) and not isinstance(x, functools.partial):
        return x
    try:
        inspect.signature(x).bind()
    except TypeError as error:
        raise TypeError(
            f"{owner}: the function is called without arguments ({error}); write {owner}(lambda: function(...))"
        ) from None
    except ValueError:                        # a function of C's that does not say
        pass
    return CalledEveryEpoch(x, owner)


class CalledEveryEpoch:
    """The batches that a function gives, started again with every pass through them."""

    def __init__(self, function: Callable[[], Any], owner: str = "fit") -> None:
        self.function, self.owner = function, owner

    def __iter__(self) -> Iterator[Any]:
        """Call the function."""
        given = self.function()
        if not isinstance(given, Iterable) or is_array(given):
            what = "batches of x" if self.owner == "predict" else "batches (x, y)"
            raise TypeError(f"{self.owner}: the function must give {what}, as a generator does, not {checks.describe(given)}")
        return iter(given)


class Prefetched:
    """What `prefetch` gives: an iterable that can be gone through again and again."""

    def __init__(self, source: Any, ahead: int) -> None:
        self.source, self.ahead = source, ahead

    def __length_hint__(self) -> int:
        """How many batches, where the source knows."""
        return operator.length_hint(self.source, 0)

    def __iter__(self) -> Iterator[Any]:
        """Start the thread, and give what it has read; it ends with this iterator, however that ends."""
        ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(self.ahead)
        stopped = threading.Event()
        run = contextvars.copy_context().run    # NumPy's error settings are part of the context
        thread = threading.Thread(target=run, args=(self.read, ready, stopped), name="npdeep prefetch", daemon=True)
        try:
            try:
                thread.start()
            except RuntimeError:              # there are none, as in the browser
                yield from self.source
                return
            while True:
                batch, error = ready.get()
                if error is not None:
                    raise error
                if batch is END:
                    return
                yield batch
        finally:
            error = None                      # its traceback leads to this frame: a circle
            stopped.set()
            with contextlib.suppress(queue.Empty):
                while True:                   # the thread may be waiting for room
                    ready.get_nowait()
            if thread.ident is not None:
                thread.join()

    def read(self, ready: "queue.Queue[tuple[Any, BaseException | None]]", stopped: threading.Event) -> None:
        """In the thread: put copies of the batches into the queue until it is told to stop."""
        failed: BaseException | None = None
        try:
            batches = iter(self.source)
            with closing(batches):            # here, not where the iterator happens to be thrown away
                for batch in batches:
                    if not stopped.is_set():
                        ready.put((copy.deepcopy(batch), None))    # the source may write the next one into the same array
                    if stopped.is_set():
                        return
        except BaseException as error:
            failed = error
        if not stopped.is_set():
            ready.put((END, failed))
        failed = None                         # its traceback leads to this frame: a circle


@contextlib.contextmanager
def closing(batches: Iterator[Any]) -> Iterator[None]:
    """Close the iterator behind the block, where it can be closed: a generator's files and threads end then, not later.

    >>> generator = (number for number in range(3))
    >>> with closing(generator):
    ...     next(generator)
    0
    >>> list(generator)
    []
    """
    try:
        yield
    finally:
        if hasattr(batches, "close"):
            batches.close()


def prefetch(batches: Any, ahead: int = 2) -> Prefetched:
    """The same batches, read by a thread while the network works on those before them: the same bits, in the same order.

    Args:
        batches: an iterable that can be gone through again (a list, a DataLoader), or a generator function, which is called for
            every pass.
        ahead: how many batches may lie ready, at least 1; so many, and one more, are in memory besides the one at work.

    For `fit`, `evaluate`, `predict` and `validation_data`. Worth it where reading waits for a disk or for C code; work that
    Python does itself gains nothing from a thread. Each pass has a thread of its own, which ends with it: after the last batch,
    after an error, after Ctrl-C, and where nobody asks for more. An error of the source comes out where its batch would have
    been, with its traceback. Batches are copied as they are read, so that the source may use one array again and again. A pass
    that ends early waits for the batch that is being read. Where Python has no threads, batches are read as they are needed.

    Raises TypeError for an iterator, such as a generator that runs already: what was read ahead and not used would be lost.

    >>> import numpy as np
    >>> def numbers():
    ...     yield from np.arange(3)
    >>> [int(number) for number in prefetch(numbers)]
    [0, 1, 2]
    """
    ahead = checks.whole("prefetch", "ahead", ahead)
    source = called_every_epoch(batches, "prefetch")
    if isinstance(source, Iterator):
        raise TypeError(
            f"prefetch: batches must be gone through again in every epoch, and {checks.describe(batches)} goes by once; pass "
            "the generator function itself, without calling it"
        )
    if not isinstance(source, Iterable) or isinstance(source, str | bytes | dict) or is_array(source):
        raise TypeError(
            f"prefetch: batches must be an iterable of batches or a generator function, got {checks.describe(batches)}; for "
            "arrays write prefetch(lambda: nd.datasets.batches(x, y, 50))"
        )
    return Prefetched(source, ahead)
