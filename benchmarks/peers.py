"""npdeep beside its peers: a training step, a whole epoch, memory, on the networks of chapter 11 and two harder ones.

    python benchmarks/peers.py --list               peers and workloads; what is not installed, and the command that installs it
    python benchmarks/peers.py                      everything that is installed: the better part of an hour
    python benchmarks/peers.py --quick              does it run? a minute or two, figures that mean little
    python benchmarks/peers.py --classroom          three small networks on one thread: two minutes; writes classroom.json
    python benchmarks/peers.py --only PyTorch "JAX scan" --workloads W1 W5n --threads 1 --output somewhere

How it measures:

- Every peer trains in a process of its own, and they are asked in turn for a block of work, so that a busy machine slows all of
  them; whoever is not asked waits. The turn begins with another peer in every round. Ratios are taken within a round; figures
  are medians, with the interquartile range as a share of the median for the spread.
- step: the same batch again and again, no data work. epoch: all examples in a new order, shuffling, gathering and the short
  last batch included, divided by its steps. Compiling is done before. The epochs follow one another in one training, so that
  the last one against the first shows who slows down as optimizer states grow small.
- All begin with the same kernels and see the same batches. Before anything is timed, the losses of the first steps are compared
  with npdeep's; a peer that computes something else is marked ✗ and gets no ratio. With dropout, where every framework draws
  masks of its own, the mean loss over more steps is compared.
- memory: the most that the process had, from its start to the end of a first epoch, which is not timed; examples included
  (172 MB with full MNIST).
  heap: the most that a step allocates in Python's heap (where NumPy's arrays are) beyond what was there before.

A run of everything writes peers.json and peers.png beside this file and the tables into RESULTS.md; one of --classroom writes
classroom.json and the table in README.md; --quick, --only and --workloads write only where --output names a folder. Full MNIST
where $NPDEEP_DATA names its folder, else the packed digits.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import peers_report
from frameworks import ALL, PEERS, Entry, versions
from frameworks.workloads import ALL as CHAPTER
from frameworks.workloads import CLASSROOM, WORKLOADS, Workload

import npdeep as nd

HERE = Path(__file__).parent
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
EXACT_STEPS, RANDOM_STEPS = 5, 60
"""So many losses are compared, without and with dropout."""
EXACT_TOLERANCE, RANDOM_TOLERANCE = 0.005, 0.1
"""The largest relative difference of a loss; of the mean loss, with dropout."""


@dataclass(frozen=True)
class Amount:
    """How much is measured: rounds, seconds a block, epochs, steps for the heap, seconds of rest before a block."""

    rounds: int
    block: float
    epochs: int
    heap_steps: int
    rest: float


FULL = Amount(rounds=9, block=0.25, epochs=4, heap_steps=300, rest=0.25)
QUICK = Amount(rounds=2, block=0.02, epochs=2, heap_steps=20, rest=0.0)
QUICK_ROWS = 1030
"""With --quick an epoch has so many examples; the last batch is a short one for every workload."""


class Failure(Exception):
    """A peer's process ended; the message is the end of what it had to say."""


class Process:
    """A peer at work on one workload."""

    def __init__(self, entry: Entry, workload: Workload, folder: Path, threads: int) -> None:
        self.entry = entry
        settings = {name: str(threads) for name in THREAD_SETTINGS}
        settings |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")}
        command = [sys.executable, HERE / "frameworks" / "worker.py", entry.name, workload.name, folder, str(threads)]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=os.environ | settings
        )

    def answer(self) -> dict[str, Any]:
        """The next line from the process. Raises Failure if it ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            said = [text for text in self.log.read().splitlines() if text.strip()] or ["no word"]
            raise Failure(said[-1].strip()[:200])
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Have something done."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):    # answer says why
            print(json.dumps({"do": what, **arguments}), file=self.process.stdin, flush=True)
        return self.answer()

    def end(self) -> None:
        """Close its input, upon which it ends."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Match:
    """All peers on one workload.

    records: for every peer what was found, as it goes into the JSON; "cannot" or "failed" where it is out, with the reason.
    """

    def __init__(self, workload: Workload, entries: list[Entry], folder: Path, rows: int, threads: int, amount: Amount) -> None:
        self.workload, self.amount = workload, amount
        rows = workload.rows(rows)
        self.batches = -(-rows // workload.batch)
        self.checked = min(RANDOM_STEPS if workload.dropout else EXACT_STEPS, rows // workload.batch)
        self.records: dict[str, dict[str, Any]] = {entry.name: {"step": [], "epoch": []} for entry in entries}
        self.playing = [Process(entry, workload, folder, threads) for entry in entries]

    def play(self) -> dict[str, dict[str, Any]]:
        """Measure everything."""
        everybody = list(self.playing)
        try:
            self.each(lambda peer, record: record.update(peer.answer()))
            self.leave([peer for peer in self.playing if "cannot" in self.records[peer.entry.name]])
            self.each(lambda peer, record: record.update(peer.ask("prepare")))
            self.each(self.weigh_memory)      # first of all: no network of an earlier start may count
            self.each(self.check)
            self.compare_losses()
            self.each(self.calibrate)
            for i in range(self.amount.rounds):
                self.each(self.time_steps, first=i)
            self.each(lambda peer, record: peer.ask("start"))
            for i in range(self.amount.epochs):
                self.each(self.time_epoch, first=i)
            self.each(self.weigh_heap)
        finally:
            for peer in everybody:
                peer.end()
        return self.records

    def each(self, action: Any, first: int = 0) -> None:
        """Do it with every peer that still plays, beginning with another one each time; who fails is out."""
        first %= max(len(self.playing), 1)
        for peer in self.playing[first:] + self.playing[:first]:
            try:
                action(peer, self.records[peer.entry.name])
            except Failure as why:
                self.records[peer.entry.name]["failed"] = str(why)
                print(f"  {self.workload.name}: {peer.entry.name} failed: {why}", flush=True)
                self.leave([peer])

    def leave(self, peers: list[Process]) -> None:
        """These do not play on."""
        self.playing = [peer for peer in self.playing if peer not in peers]

    def check(self, peer: Process, record: dict[str, Any]) -> None:
        """The losses of the first batches."""
        if peer.entry.name != "floor":
            record["losses"] = peer.ask("losses", count=self.checked)["losses"]

    def compare_losses(self) -> None:
        """How far each peer's losses are from npdeep's, relatively; whether that is within the tolerance."""
        own = np.array(self.records["npdeep"]["losses"])
        for record in self.records.values():
            if "losses" in record:
                found = disagreement(np.array(record["losses"]), own, self.workload.dropout > 0)
                record["difference"], record["agrees"] = found

    def calibrate(self, peer: Process, record: dict[str, Any]) -> None:
        """How many steps fill a block."""
        peer.ask("start")
        if record["steps"]:
            seconds = peer.ask("steps", count=2)["seconds"] / 2
            record["block"] = max(2, min(2000, round(self.amount.block / seconds)))

    def time_steps(self, peer: Process, record: dict[str, Any]) -> None:
        """A block of steps."""
        if record["steps"]:
            time.sleep(self.amount.rest)
            record["step"].append(peer.ask("steps", count=record["block"])["seconds"] / record["block"])

    def time_epoch(self, peer: Process, record: dict[str, Any]) -> None:
        """A whole epoch, divided by its steps."""
        if record["epochs"]:
            time.sleep(self.amount.rest)
            record["epoch"].append(peer.ask("epoch")["seconds"] / self.batches)

    def weigh_memory(self, peer: Process, record: dict[str, Any]) -> None:
        """The most that the process had when it has trained one network for an epoch."""
        if record["epochs"]:
            peer.ask("epoch")
        record["memory"] = peer.ask("memory")["peak"]

    def weigh_heap(self, peer: Process, record: dict[str, Any]) -> None:
        """New heap, where Python's heap is where the arrays are."""
        if record["heap"]:
            found = peer.ask("heap", count=self.amount.heap_steps)
            record["heap_peak"], record["heap_kept"] = found["peak"], found["kept"]


def disagreement(losses: np.ndarray, own: np.ndarray, random: bool) -> tuple[float, bool]:
    """The largest relative difference, or that of the means where masks are random; and whether it will do."""
    if random:
        difference = float(abs(losses.mean() - own.mean()) / own.mean())
        return difference, bool(difference <= RANDOM_TOLERANCE)
    difference = float(np.max(np.abs(losses - own) / np.abs(own)))
    return difference, bool(difference <= EXACT_TOLERANCE)


# ── what to run ───────────────────────────────────────────────────────────────────────────────────────────────────────
def load_examples(quick: bool, few: bool = False) -> tuple[str, np.ndarray, np.ndarray]:
    """What it is, images, labels; few: those from the package."""
    if os.environ.get("NPDEEP_DATA") and not quick and not few:
        x, y = nd.datasets.mnist()[0]
        return f"{len(x):,} images of MNIST", x, y
    x, y = nd.datasets.mnist_sample()[0]
    rows = QUICK_ROWS if quick else len(x)
    return f"{rows:,} images of MNIST from the package", x[:rows], y[:rows]


def list_all() -> None:
    """Peers and workloads."""
    for entry in ALL:
        state = f"not installed: {', '.join(entry.missing)}; {entry.install}" if entry.missing else "installed"
        print(f"{entry.name:15} {entry.about:45} {state}")
    print()
    for workload in WORKLOADS.values():
        print(f"{workload.name:15} {workload.title}")


def chosen(arguments: argparse.Namespace) -> list[Entry]:
    """The peers to measure: npdeep always, the others if asked for and installed; a line for each that is not."""
    only = peers_report.CLASSROOM_PEERS if arguments.classroom else arguments.only
    wanted = [entry for entry in ALL if entry.name == "npdeep" or only is None or entry.name in only]
    for entry in wanted:
        if entry.missing:
            print(f"skipped: {entry.name} needs {', '.join(entry.missing)}: {entry.install}")
    return [entry for entry in wanted if not entry.missing]


def parse() -> argparse.Namespace:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="peers, what is missing, workloads")
    parser.add_argument("--quick", action="store_true", help="few steps on few images: the figures mean little")
    parser.add_argument("--only", nargs="+", choices=list(PEERS), metavar="PEER", help="these peers, beside npdeep; see --list")
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), metavar="W", help="see --list; all of the chapter")
    parser.add_argument("--classroom", action="store_true", help="three small networks, one thread, README.md's peers")
    parser.add_argument("--threads", type=int, default=cores, choices=range(1, cores + 1), help=f"processors for each: {cores}")
    parser.add_argument("--output", type=Path, help="folder for peers.json, peers.png and RESULTS.md")
    given = parser.parse_args()
    given.whole = given.only is None and given.workloads is None and not given.quick
    if given.classroom:
        given.threads = 1
    given.workloads = given.workloads or [workload.name for workload in (CLASSROOM if given.classroom else CHAPTER)]
    return given


def main() -> None:
    arguments = parse()
    if arguments.list:
        list_all()
        return
    entries = chosen(arguments)
    data, x, y = load_examples(arguments.quick, few=arguments.classroom)
    amount = QUICK if arguments.quick else FULL
    results: dict[str, Any] = {
        "machine": peers_report.machine(), "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(), "versions": versions(), "threads": arguments.threads,
        "data": data, "quick": arguments.quick, "date": datetime.date.today().isoformat(), "workloads": {},
    }
    if arguments.output is not None:
        arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "x.npy"), x)
        np.save(Path(folder, "y.npy"), y)
        for name in arguments.workloads:
            print(f"{name}: {WORKLOADS[name].title}", flush=True)
            match = Match(WORKLOADS[name], entries, Path(folder), len(x), arguments.threads, amount)
            results["workloads"][name] = match.play()
            if arguments.output is not None:  # a run that is broken off loses nothing
                peers_report.write(results, arguments.output)
    print(peers_report.text(results))
    if arguments.whole and arguments.output is None:
        (peers_report.write_classroom if arguments.classroom else peers_report.write)(results, HERE)


if __name__ == "__main__":
    main()
