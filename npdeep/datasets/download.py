"""Fetching a file from the first of several mirrors that sends it, within a bounded time and size."""

import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from npdeep.common.whole_files import check_can_be_written, replacing

PATIENCE, LONGEST = 30.0, 600.0
"""Seconds: how long a mirror may be silent, and how long it may take for a file in all."""


def download(path: Path, mirrors: Sequence[str], most: int, check: Callable[[bytes], None]) -> None:
    """Fetch the file of this name from the first mirror whose bytes pass the check, and put it there when it is whole.

    Raises OSError where the file cannot be written, before anything is fetched, or where no mirror has it: its text then says
    what was wrong with each. `check` raises ValueError. `most`: how many bytes are read at most.
    """
    check_can_be_written(path, new=True)
    problems = []
    for mirror in mirrors:
        try:
            data = fetch(f"{mirror}{path.name}", path.name, most)
            check(data)
        except (OSError, ValueError) as error:
            said = "".join(letter if letter.isprintable() else " " for letter in str(error))
            problems.append(f"{mirror.split('/')[2]}: {said[:40].strip()}")
            continue
        with replacing(path) as file:
            file.write(data)
        return
    raise ConnectionError("; ".join(problems) or "there is no mirror")


def fetch(url: str, title: str, most: int) -> bytes:
    """The bytes at a URL, with progress on standard error.

    A thread of its own waits for the server: of one that sends a byte now and then, wherever it does, no read ever times out.
    Where time is up it is left behind. Raises OSError.
    """
    sent: queue.SimpleQueue[Any] = queue.SimpleQueue()
    given_up = threading.Event()
    threading.Thread(target=transfer, args=(url, sent, given_up), daemon=True).start()
    deadline, size = time.monotonic() + LONGEST, 0
    blocks: list[bytes] = []
    try:
        with bar(take(sent, deadline), title) as progress:
            while block := take(sent, deadline):
                blocks.append(block)
                size += len(block)
                if size > most:
                    raise OSError(f"sent more than {most:,} bytes")
                progress.update(len(block))
    finally:
        given_up.set()
    return b"".join(blocks)


def transfer(url: str, sent: "queue.SimpleQueue[Any]", given_up: threading.Event) -> None:
    """Put the announced length, then all blocks and an empty one into the queue, or the error that came instead."""
    import urllib.error
    import urllib.request  # slow to import, with http and ssl, and needed here alone

    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            announced = response.headers.get("Content-Length") or ""
            sent.put(int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 16 else 0)
            while not given_up.is_set() and (block := response.read1(1 << 16)):
                sent.put(block)
        sent.put(b"")
    except Exception as error:                # http.client, ssl and urllib raise a dozen kinds
        text = str(error.reason if type(error) is urllib.error.URLError else error)
        kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
        sent.put(OSError(f"{kind}{text}"))    # a new one: that of urllib holds the connection


def take(sent: "queue.SimpleQueue[Any]", deadline: float) -> Any:
    """The next that the thread has sent; its error is raised, and a TimeoutError where time is up."""
    try:
        item = sent.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise TimeoutError(f"took longer than {LONGEST:g} s") from None
    if isinstance(item, OSError):
        raise item
    return item


def bar(total: int, title: str) -> Any:
    """tqdm's bar where it is installed, else plain percentages."""
    try:
        from tqdm import tqdm  # not tqdm.auto, which warns in notebooks without ipywidgets
    except ImportError:
        return Percentages(total, title)
    return tqdm(total=total or None, desc=title, unit="B", unit_scale=True)


class Percentages:
    """Progress in tens of percent.

    >>> with Percentages(100, "file") as progress:
    ...     progress.update(50)
    """

    def __init__(self, total: int, title: str) -> None:
        self.total, self.title, self.done, self.shown = total, title, 0, -1

    def __enter__(self) -> "Percentages":
        return self

    def __exit__(self, *error: object) -> None:
        sys.stderr.write("\n")

    def update(self, n: int) -> None:
        """n more bytes."""
        self.done += n
        tenth = 10 * self.done // self.total if self.total else 0
        if tenth > self.shown:
            self.shown = tenth
            sys.stderr.write(f"\r{self.title}: {10 * tenth} %")
            sys.stderr.flush()
