"""What several processes gain: steps of one and of two ranks measured, and a model of more on paper.

    python benchmarks/mpi_scaling.py [--quick] [--rounds 12] [--write]

Measured: for the workloads of peers.py, seconds a step in `fit`, of one process with one and with two threads of BLAS, and of
two ranks (mpiexec -n 2) with one thread each, which share the batch. The ways take turns, each in new processes every round,
and the fastest three milliseconds of all rounds count: whatever else the machine does slows the others. Besides, seconds of an
Allreduce between the two ranks, by size.

On paper: an Allreduce of B bytes over p ranks by recursive halving and doubling takes

    T(p, B) = 2 log₂(p) α + 2 (p − 1)/p · B/β        (a ring: 2 (p − 1) α in front)

with α seconds of latency a message and β bytes a second. A step sends the gradient, two messages of three numbers, and three
short ones for each synchronized batch normalization. Each rank has a whole batch of the workload: with p ranks the batch of an
update is p times as large, and computing takes as long as alone. Where a rank adds up the gradients of k batches first, all but
the statistics of batch normalization is sent once for all of them, and the batch of an update is k times larger.

--write puts the tables into RESULTS.md. Needs mpi4py and an MPI library: python -m pip install 'npdeep[mpi]'.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from frameworks.npdeep_ import network, optimizer
from frameworks.workloads import ALL, Workload
from peers_report import machine, replaced

import npdeep as nd
from npdeep.common.tables import Table

HERE = Path(__file__).parent
WINDOW = 0.003
"""Seconds over which the steps of one measurement go at least; one step where that takes longer."""
NETWORK = (20e-6, 1.25e9)
"""Latency and bytes a second of a network that is assumed, not measured: 20 µs, 10 Gbit/s."""
RANKS = (2, 8, 64, 1024)
WAYS = {"one": (1, 1, 1), "threads": (1, 2, 1), "ranks": (2, 1, 1), "half": (1, 1, 2)}
"""By name: ranks, threads of each, and by what the batch is divided."""
TUNED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Settings of the environment under which BLAS would not be the one that users have."""


# ── one process of a measurement ──────────────────────────────────────────────────────────────────────────────────────
def fastest(moments: list[float]) -> float:
    """Seconds a step in the fastest window of neighbouring steps."""
    steps = np.diff(moments)
    count = max(1, min(len(steps), math.ceil(WINDOW / float(np.median(steps)))))
    return float(np.min(np.convolve(steps, np.ones(count), "valid")) / count)


def steps_of(workload: Workload, seconds: float, divided: int, parallel: bool) -> float:
    """Seconds a step of a workload in `fit`."""
    (x, y), _ = nd.datasets.mnist_sample()
    trainer = nd.Trainer(network(workload), "softmax_cross_entropy", optimizer(workload), seed=0)
    moments: list[float] = []

    def note(trainer: Any) -> None:
        moments.append(time.perf_counter())
        if len(moments) > 3 and moments[-1] - moments[0] > seconds:
            trainer.stop("measured")

    one: Any = nd.interop.mpi.DataParallel(trainer) if parallel else trainer
    callback = nd.callbacks.LambdaCallback(on_step_end=note)
    one.fit(x, y, epochs=1000, batch_size=workload.batch // divided, callbacks=[callback], verbose=False)
    return fastest(moments)


def ping(comm: Any, repeats: int) -> dict[str, float]:
    """Seconds of the fastest Allreduce, by bytes."""
    in_place = nd.interop.mpi.library().IN_PLACE
    found: dict[str, float] = {}
    for size in (2, 16, 256, 4096, 65536, 2**18, 2**20, 2**22, 6 * 2**20):
        array, taken = np.zeros(size, np.float32), []
        for _ in range(repeats if size < 2**19 else max(3, repeats // 10)):
            comm.Barrier()
            began = time.perf_counter()
            comm.Allreduce(in_place, array)
            taken.append(time.perf_counter() - began)
        found[str(array.nbytes)] = min(taken)
    return found


def work(way: str, seconds: float) -> None:
    """What a process does that was begun to measure; rank 0 prints it."""
    ranks, _, divided = WAYS[way]
    found: dict[str, Any] = {}
    if ranks > 1:
        comm = nd.interop.mpi.library().COMM_WORLD
        found["ping"] = ping(comm, 200)
    found["steps"] = {workload.name: steps_of(workload, seconds, divided, ranks > 1) for workload in ALL}
    if ranks == 1 or comm.rank == 0:
        print(json.dumps(found))


# ── all of them ───────────────────────────────────────────────────────────────────────────────────────────────────────
def begun(way: str, seconds: float) -> dict[str, Any]:
    """The same in new processes."""
    ranks, threads, _ = WAYS[way]
    environment = {name: value for name, value in os.environ.items() if name not in TUNED}
    environment["OPENBLAS_NUM_THREADS"] = str(threads)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    mpiexec = shutil.which("mpiexec", path=path) or "mpiexec"
    launcher = [mpiexec, "-n", str(ranks)] if ranks > 1 else []
    command = [*launcher, sys.executable, __file__, "--work", way, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(rounds: int, seconds: float) -> tuple[dict[str, dict[str, float]], dict[int, float]]:
    """The fastest of all rounds: seconds a step, by way and workload; seconds of an Allreduce, by bytes."""
    steps: dict[str, dict[str, float]] = {way: {} for way in WAYS}
    pings: dict[int, float] = {}
    for i in range(rounds):
        for way in [*WAYS][i % len(WAYS) :] + [*WAYS][: i % len(WAYS)]:
            found = begun(way, seconds)
            for name, taken in found["steps"].items():
                steps[way][name] = min(taken, steps[way].get(name, math.inf))
            for size, taken in found.get("ping", {}).items():
                pings[int(size)] = min(taken, pings.get(int(size), math.inf))
        print(f"round {i + 1} of {rounds}", file=sys.stderr, flush=True)
    return steps, pings


# ── on paper ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def constants(pings: dict[int, float]) -> tuple[float, float]:
    """α and β of two ranks, for which T = 2α + B/β: α of the shortest message, β the median over those from a megabyte on."""
    latency = pings[min(pings)] / 2
    rates = [size / (seconds - 2 * latency) for size, seconds in pings.items() if size >= 2**20]
    return latency, float(np.median(rates))


def allreduce(size: float, ranks: int, latency: float, bandwidth: float, ring: bool = False) -> float:
    """Seconds, by the formula above.

    >>> allreduce(1e6, 2, 1e-6, 1e9) == 2e-6 + 1e-3
    True
    """
    messages = ranks - 1 if ring else math.log2(ranks)
    return 2 * messages * latency + 2 * (ranks - 1) / ranks * size / bandwidth


def messages_of(workload: Workload) -> list[int]:
    """The bytes of every Allreduce of a step: gradient, loss, what callbacks say, and statistics."""
    model = network(workload)
    units = [layer.output_size for layer in model.layers if isinstance(layer, nd.BatchNormalization)]
    return [model.flat_gradients.nbytes, 24, 24, *(4 * count for n in units for count in (n + 1, n, 2 * n + 1))]


def batches_first(workload: Workload, ranks: int, latency: float, bandwidth: float, computing: float) -> int | None:
    """Of how many batches a rank must add up the gradients so that messages take a tenth of computing at most; None: never."""
    every, *other = messages_of(workload)
    seconds = [allreduce(size, ranks, latency, bandwidth) for size in (every, *other[:2])]
    left = computing / 10 - sum(allreduce(size, ranks, latency, bandwidth) for size in other[2:])
    return max(1, math.ceil(sum(seconds) / left)) if left > 0 else None


def communication(workload: Workload, ranks: int, latency: float, bandwidth: float, ring: bool = False) -> float:
    """Seconds of a step that go into messages; short ones go by doubling in any case."""
    gradient, *short = messages_of(workload)
    seconds = sum(allreduce(size, ranks, latency, bandwidth) for size in short)
    return seconds + allreduce(gradient, ranks, latency, bandwidth, ring)


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def digits(number: float) -> str:
    """Two digits, or the whole number."""
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def step_table(steps: dict[str, dict[str, float]], latency: float, bandwidth: float) -> Table:
    """What was measured, and what the formula says of two ranks: half the batch, and the messages."""
    rows = []
    for workload in ALL:
        one, threads, ranks, half = (steps[way][workload.name] * 1e6 for way in WAYS)
        paper = half + communication(workload, 2, latency, bandwidth) * 1e6
        gains = [f"{one / other:.2f}" for other in (threads, ranks)]
        rows.append([workload.name, *(f"{value:,.0f}" for value in (one, threads, ranks, half, paper)), *gains])
    header = ["workload", "1 thread", "2 threads", "2 ranks", "1 thread, half the batch", "2 ranks on paper",
              "gain of threads", "gain of ranks"]    # fmt: skip
    return Table(header, rows, title="µs a step, the batch of the workload", keys=1)


def share_table(steps: dict[str, dict[str, float]], latency: float, bandwidth: float, title: str) -> Table:
    """Communication as a multiple of computing, by number of ranks; from how many on it takes longer; accumulation."""
    rows = []
    for workload in ALL:
        computing = steps["one"][workload.name]
        shares = [communication(workload, ranks, latency, bandwidth) / computing for ranks in RANKS]
        ring = communication(workload, RANKS[-1], latency, bandwidth, ring=True) / computing
        powers = (2**i for i in range(1, 17))
        above = next((p for p in powers if communication(workload, p, latency, bandwidth) > computing), None)
        batches = batches_first(workload, 64, latency, bandwidth, computing)
        sent = messages_of(workload)
        rows.append([
            workload.name, f"{sent[0] / 1e6:.2f}", str(len(sent)), *map(digits, shares), digits(ring),
            "never" if above is None else f"{above:,}",
            *(["never", "−"] if batches is None else [f"{batches:,}", f"{batches * 64 * workload.batch:,}"]),
        ])    # fmt: skip
    header = ["workload", "gradient, MB", "messages", *(f"{p:,} ranks" for p in RANKS), "1,024 as a ring",
              "more than computing from", "batches first, 64 ranks", "rows an update then"]    # fmt: skip
    return Table(header, rows, title=title, keys=1)


def report(steps: dict[str, dict[str, float]], pings: dict[int, float], rounds: int) -> str:
    """Everything, as printed and as written into RESULTS.md."""
    latency, bandwidth = constants(pings)
    said = ", ".join(f"{size:,} bytes {seconds * 1e6:,.1f} µs" for size, seconds in pings.items())
    here = f"latency {latency * 1e6:.1f} µs, {bandwidth / 1e9:.1f} GB/s"
    titles = (
        f"communication as a multiple of computing, with the constants of two processes on this machine ({here})",
        "the same over a network of 20 µs and 10 Gbit/s, which are assumptions and were not measured",
    )
    tables = [step_table(steps, latency, bandwidth)]
    tables += [share_table(steps, latency, bandwidth, titles[0]), share_table(steps, *NETWORK, titles[1])]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    notes = f"{machine()}; the fastest of {rounds} rounds; load average at the end {load:.1f}\nAllreduce of two ranks: {said}"
    return "\n\n".join([*(table.text(width=160) for table in tables), notes])


HEADING = "## Several processes\n\n    python benchmarks/mpi_scaling.py\n\n"
READING = """\
Gain: how many times as fast as one process with one thread. Ways that need both processors at once, two threads and two
ranks, suffer most from other work on the machine: where the load average is above 2, "on paper" (half the batch alone, and
the messages by the formula) says more about two ranks than what was measured, and a quiet machine more than either.

The tables on communication are a model: each rank has a whole batch of the workload, sums go by halving and doubling,
nothing is sent while something is computed; "never" goes up to 65,536 ranks. Batches first: of how many batches a rank must
add up the gradients before they go around, so that communication takes a tenth of the time of computing at most; "never"
where the statistics of synchronized batch normalization, which go around for every batch, take more. The constants of two
processes on one machine are those of its memory: on a cluster put the network's in their place (the second table is an
example)."""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round: does it run?")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    parser.add_argument("--work", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each workload in each round")
    return parser.parse_args()


def main() -> None:
    """Measure, calculate, print, write."""
    given = parse()
    if given.work:
        work(given.work, given.seconds)
        return
    nd.interop.mpi.library()
    rounds, seconds = (1, 0.01) if given.quick else (given.rounds, given.seconds)
    text = report(*measured(rounds, seconds), rounds)
    print(text)
    if given.write:
        page = HERE / "RESULTS.md"
        part = f"{HEADING}```\n{text}\n```\n\n{READING}"
        page.write_text(replaced(page.read_text(encoding="utf-8"), part, "mpi_scaling.py"), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        raise SystemExit(str(error)) from None
