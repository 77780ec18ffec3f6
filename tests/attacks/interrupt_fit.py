"""Ctrl-C in fit at many moments: python tests/attacks/interrupt_fit.py [--moments 200] [--seed 0]

Every kind of run is interrupted by the signal before lines of code that are spread over all of fit; by the signal from
another thread, at whatever instruction that finds it; and by errors in every moment of a callback. It is resumed in the same
process with the same callbacks, with new ones, or from a file, and must end with the same bits, history, files and states of
the callbacks as the run that was never stopped. tests/test_interrupts.py runs a short form.
"""

import argparse
import collections
import contextlib
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers_interrupts import Run, at_line, at_moment, press

KINDS: dict[str, dict[str, Any]] = {
    "all epochs": {},
    "stopped early": {"patience": 1},
    "stopped amid an epoch": {"patience": 3, "every": 3},
    "a list of batches": {"batches": True},
}
WAYS = ["same objects", "new objects", "file"]
MOMENTS = ["on_fit_begin", "on_epoch_begin", "on_step_end", "on_epoch_end", "on_fit_end"]


def whole(folder: Path, arguments: dict[str, Any]) -> tuple[dict[str, Any], int, float]:
    """What the run comes to that is never stopped, how many lines it runs, and in how many seconds."""
    run = Run(folder, **arguments)
    with at_line(0, press) as lines:
        run.fit()
    timed = Run(folder / "timed", **arguments)
    started = time.perf_counter()
    timed.fit()
    assert timed.outcome() == run.outcome()
    return run.outcome(), lines[0], time.perf_counter() - started


def by_line(line: int) -> Callable[[Run], None]:
    """Ctrl-C before a line."""

    def act(run: Run) -> None:
        with at_line(line, press):
            run.fit()

    return act


def by_callback(moment: str, number: int, error: type[BaseException] | None) -> Callable[[Run], None]:
    """An error, or Ctrl-C, when a callback hears of a moment for the n-th time."""
    return lambda run: run.fit(at_moment(moment, number, error))


def by_clock(seconds: float) -> Callable[[Run], None]:
    """Ctrl-C after a time, from outside."""

    def act(run: Run) -> None:
        timer = threading.Timer(seconds, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
        timer.start()
        try:
            run.fit()
        finally:
            timer.cancel()
            timer.join()

    return act


def interrupted(run: Run, act: Callable[[Run], None], how: str) -> str:
    """Interrupt a run, resume it; say where it was."""
    place = "not at all"
    try:
        with contextlib.suppress(ZeroDivisionError):
            act(run)
    except KeyboardInterrupt:
        pass
    trainer = run.trainer
    if trainer.interrupted or trainer.epoch == 0:
        place = f"epoch {trainer.epoch}, batch {trainer.batches_done}"
        run.resume(how)
    return place


def main() -> int:
    """All kinds of runs; exit code 1 where one of them came to another end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=200, help="of each kind of run, and as many by the clock")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)    # a shell lets what runs in the background ignore Ctrl-C
    rng, wrong, places = random.Random(given.seed), 0, collections.Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        for kind, arguments in KINDS.items():
            folder = Path(name) / kind
            expected, lines, seconds = whole(folder, arguments)
            acts: list[tuple[str, Callable[[Run], None]]] = []
            for i in range(given.moments):
                line = 1 + (lines - 1) * i // max(1, given.moments - 1)
                acts.append((f"line {line}", by_line(line)))
                after = rng.uniform(0, 1.2 * seconds)
                acts.append((f"after {after:.4f} s", by_clock(after)))
            for moment in MOMENTS:
                for number in range(1, 17):
                    error = rng.choice([None, KeyboardInterrupt, ZeroDivisionError])
                    acts.append((f"{moment} {number}, {error}", by_callback(moment, number, error)))
            ends = collections.Counter[str]()
            for i, (what, act) in enumerate(acts):
                run, how = Run(folder / str(i), **arguments), WAYS[i % len(WAYS)]
                places[interrupted(run, act, how)] += 1
                outcome = run.outcome()
                differing = [key for key, value in expected.items() if outcome[key] != value]
                ends["the same" if not differing else "another"] += 1
                if differing:
                    wrong += 1
                    print(f"{kind}, {what}, resumed with {how}: another end: {', '.join(differing)}")
            summary = ", ".join(f"{n} came to {end} end" for end, n in ends.items())
            print(f"{kind}: {len(acts)} interruptions, {summary}", flush=True)
    print("where they came:", ", ".join(f"{place}: {n}" for place, n in sorted(places.items())))
    if places["not at all"] > sum(places.values()) / 2:
        print("FAULT: most runs were not interrupted")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
