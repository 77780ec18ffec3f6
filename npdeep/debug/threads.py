"""How many threads BLAS takes for its products, and whether one alone would be faster here and now."""

import json
import os
import pickle
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

from npdeep.debug.step_timing import StepTiming, micro
from npdeep.training.trainer import Trainer

SETTINGS = {
    **{"openblas": "OPENBLAS_NUM_THREADS", "mkl": "MKL_NUM_THREADS", "blis": "BLIS_NUM_THREADS"},
    "accelerate": "VECLIB_MAXIMUM_THREADS",
}
"""Environment variable that limits the threads, by a word in the library's name. It is read once, when NumPy is imported."""
COMMON = "OMP_NUM_THREADS"
"""Heeded by most of them where their own is not set."""
GAIN = 1.1
"""The speedup from which it is worth a word."""
FIGHT = 2.0
"""No network is small enough for threads to cost so much by themselves."""
CHILD = "from npdeep.debug.threads import answer; answer()"


def setting(library: str | None = None) -> str:
    """The variable that NumPy's linear algebra heeds, or the library of this name.

    >>> setting("scipy-openblas"), setting("mkl-sdl"), setting("a new one")
    ('OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'OMP_NUM_THREADS')
    """
    if library is None:
        built: Any = np.show_config(mode="dicts")
        library = str(built.get("Build Dependencies", {}).get("blas", {}).get("name", ""))
    return next((variable for word, variable in SETTINGS.items() if word in library.lower()), COMMON)


def allowed() -> int:
    """How many threads BLAS may take in this process: what the environment says, else one for each processor."""
    for variable in (setting(), COMMON):
        if os.environ.get(variable, "").strip().isdigit():
            return max(1, int(os.environ[variable]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds_with_one(trainer: Trainer, x: Any, y: Any, repeats: int) -> float:
    """Median seconds of a step on a copy of the trainer, in a process of its own: in this one BLAS keeps its threads."""
    given = pickle.dumps((trainer, x, y, repeats))
    environment = {**os.environ, setting(): "1", COMMON: "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", CHILD], input=given, stdout=subprocess.PIPE, env=environment, check=True)
    return float(json.loads(done.stdout))


def answer() -> None:
    """In the process with one thread: read trainer, batch and repeats, write the median."""
    trainer, x, y, repeats = pickle.loads(sys.stdin.buffer.read())
    seconds = []
    for _ in range(2 + repeats):              # the first two warm up
        started = time.perf_counter()
        trainer.step(x, y)
        seconds.append(time.perf_counter() - started)
    json.dump(statistics.median(seconds[2:]), sys.stdout)


def compared(timing: StepTiming, trainer: Trainer, x: Any, y: Any) -> str:
    """One thread beside as many as BLAS takes here, in words."""
    threads = allowed()
    if threads == 1:
        return "BLAS has one thread"
    one = seconds_with_one(trainer, x, y, timing.repeats)
    return verdict(threads, timing.step, timing.step / timing.slowdown, one)


def verdict(threads: int, median: float, fastest: float, one: float) -> str:
    """What to set, from the seconds of a step: the median and the fastest one with all threads, the median with one.

    Threads wait for one another by spinning. Where another process takes the processor from one of them, the others wait until
    it has it again, for milliseconds: then the fastest steps are as fast as ever, and the median one takes many times as long.

    >>> verdict(2, median=0.0230, fastest=0.0033, one=0.0052)
    "BLAS's 2 threads fight with other work on this machine: the median step took 23,000 µs, the fastest 3,300, with \
one thread the median is 5,200; set OPENBLAS_NUM_THREADS=1 before Python starts, as long as other work runs beside"
    """
    cure = f"set {setting()}=1 before Python starts"
    many, best, single = micro(median), micro(fastest), micro(one)
    if one > GAIN * median:
        return f"BLAS's {threads} threads pay: {many} µs per step, with one thread {single}"
    if median <= GAIN * one:
        return (
            f"one BLAS thread is as fast for this network as {threads}: {single} µs per step, with {threads} {many}; where "
            f"other work runs beside, {cure}"
        )
    if median > FIGHT * one or fastest < one:
        return (
            f"BLAS's {threads} threads fight with other work on this machine: the median step took {many} µs, the fastest "
            f"{best}, with one thread the median is {single}; {cure}, as long as other work runs beside"
        )
    return f"one BLAS thread is faster for this network than {threads}: {single} µs per step, not {many}; {cure}"
