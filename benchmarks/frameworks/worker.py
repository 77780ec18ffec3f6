"""One peer in a process of its own: it does what the lines on its standard input ask for, and answers with lines of JSON.

python benchmarks/frameworks/worker.py PEER WORKLOAD FOLDER THREADS      (benchmarks/peers.py starts it)
"""

import gc
import json
import os
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
CHECK_SCALE = 1.5
"""The check of the losses begins with larger kernels than the measurement, so that max-norm has something to shorten."""


class Worker:
    """The commands; each returns what is to be answered."""

    def __init__(self, name: str, workload: str, folder: Path, threads: int) -> None:
        import frameworks
        from frameworks.workloads import WORKLOADS

        self.workload = WORKLOADS[workload]
        x, y = self.workload.examples(np.load(folder / "x.npy"), np.load(folder / "y.npy"))
        self.peer = frameworks.load(name)(self.workload, x, y, threads)

    def prepare(self) -> dict[str, Any]:
        """Build, compile, run in."""
        self.peer.start(self.workload.kernels())
        self.peer.warm_up()
        peer = self.peer
        return {"note": peer.note, "steps": peer.steps_alone, "epochs": peer.loops, "heap": peer.counts_heap}

    def losses(self, count: int) -> dict[str, Any]:
        """The loss of each of the first batches, trained on from the check's kernels."""
        self.peer.start(self.workload.kernels(CHECK_SCALE))
        return {"losses": self.peer.losses(count)}

    def start(self) -> dict[str, Any]:
        """Begin training again."""
        self.peer.start(self.workload.kernels())
        self.peer.steps(2)
        gc.collect()
        return {}

    def steps(self, count: int) -> dict[str, Any]:
        """Seconds for this many steps."""
        started = time.perf_counter()
        self.peer.steps(count)
        return {"seconds": time.perf_counter() - started}

    def epoch(self) -> dict[str, Any]:
        """Seconds for an epoch."""
        started = time.perf_counter()
        self.peer.epoch()
        return {"seconds": time.perf_counter() - started}

    def heap(self, count: int) -> dict[str, Any]:
        """Bytes of new heap over so many steps: at most, and kept after them."""
        gc.collect()
        tracemalloc.start()
        self.peer.steps(2)                    # what tracing itself needs, and buffers made at first use
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        self.peer.steps(count)
        after, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return {"peak": peak - before, "kept": after - before}

    def memory(self) -> dict[str, Any]:
        """Bytes of memory that the process had at most: VmHWM, which unlike getrusage leaves the parent's out."""
        status = Path("/proc/self/status")
        if status.exists():
            (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            return {"peak": 1024 * int(line.split()[1])}
        import resource  # not on Windows

        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}    # macOS counts in bytes


def main() -> None:
    name, workload, folder, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)                             # whatever a framework prints must not mix with the answers
    if hasattr(os, "sched_setaffinity"):      # this holds for thread pools that heed no setting
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    from frameworks.base import CannotExpress

    try:
        worker = Worker(name, workload, Path(folder), int(threads))
    except CannotExpress as why:
        print(json.dumps({"cannot": str(why)}), file=answers)
        return
    print(json.dumps({}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(getattr(worker, request.pop("do"))(**request)), file=answers)


if __name__ == "__main__":
    main()
