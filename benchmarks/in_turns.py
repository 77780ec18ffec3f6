"""Timing several ways of doing a thing in turn, so that a busy machine slows all of them. Used by the other scripts here."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

import npdeep as nd

Ways = Mapping[str, Callable[[], object]]


def seconds_of(call: Callable[[], object], calls: int = 1) -> float:
    """Seconds of one call, the mean of this many."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls


def in_turns(ways: Ways, rounds: int, block: float) -> dict[str, list[float]]:
    """Seconds of one call of each way, once a round. block: so many seconds a way is called again and again in each round."""
    calls = {}
    for name, call in ways.items():
        call()                                # the first call may make buffers and fill caches
        calls[name] = max(1, min(10_000, int(block / max(seconds_of(call), 1e-7))))
    times: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for i in range(rounds):
        start = i % len(names)
        for name in names[start:] + names[:start]:
            times[name].append(seconds_of(ways[name], calls[name]))
    return times


def ratio(a: list[float], b: list[float]) -> float:
    """How many times as long a takes as b: the median over the rounds."""
    return statistics.median(p / q for p, q in zip(a, b, strict=True))


def versions() -> dict[str, str]:
    """What the figures were measured with."""
    return {
        "npdeep": nd.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "threads of linear algebra": os.environ.get("OPENBLAS_NUM_THREADS", "default"),
    }
