"""200,000 steps: python tests/attacks/long_run.py [--steps 200000] [--parts 20]

By `step`, and by `fit` in epochs of 100 steps with validation, metrics, CSVLogger, EarlyStopping and ReduceLROnPlateau. The
processor's time of each part of the run, the memory of the process and what Python's allocator counts are printed; the later
parts must cost what the earlier ones did, but for the numbers that the history keeps. The same with two Checkpoints: each file
holds the whole history, so that saving takes longer and longer; how much is printed, and must stay below 50 µs an epoch. Then
the same run in pieces, restored from its files between them, must end with the same bits. Ctrl-C at 200 moments is in
tests/attacks/interrupt_fit.py, kill -9 in crashes.py. tests/test_long_runs.py runs a short form, without a look at the time.
"""

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers_training import bits, every_trainer, examples

import npdeep as nd

BATCH, PER_EPOCH = 16, 100
X, Y = examples(BATCH * PER_EPOCH)
VALIDATION = examples(40, seed=1)
PER_RECORD = 2500
"""Bytes that the history may keep of an epoch: a dict of numbers."""

SLOWER, ROOM = 1.3, 2 << 20
"""How much longer the last parts may take than the first ones, and bytes by which the process may grow after them."""


def resident() -> int:
    """Bytes of memory that this process has; 0 where the system does not say."""
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if path.exists() else 0


class Watch:
    """Times and memory of the parts of a run."""

    def __init__(self, title: str, traced: bool) -> None:
        self.title, self.traced = title, traced
        self.seconds: list[float] = []
        self.memory: list[int] = []
        self.counted: list[int] = []
        self.began = time.process_time()

    def part(self) -> None:
        """A part is over."""
        self.seconds.append(time.process_time() - self.began)
        gc.collect()
        self.memory.append(resident())
        self.counted.append(tracemalloc.get_traced_memory()[0] if self.traced else 0)
        self.began = time.process_time()

    def judge(self, steps: int, timed: bool, records: int = 0) -> list[str]:
        """Print the figures; what is wrong with them."""
        n = len(self.seconds)
        quarter = max(1, n // 4)
        first, last = statistics.median(self.seconds[1 : 1 + quarter]), statistics.median(self.seconds[-quarter:])
        kept = records * PER_RECORD
        grown = self.memory[-1] - self.memory[quarter]
        counted = self.counted[-1] - self.counted[quarter]
        per = steps / n
        print(
            f"{self.title}: {steps:,} steps in {n} parts; {1e6 * first / per:.1f} µs a step at first, {1e6 * last / per:.1f} "
            f"at last; process {self.memory[quarter] / 1e6:.1f} → {self.memory[-1] / 1e6:.1f} MB"
            + (f"; counted {counted / 1e3:+.1f} kB" if self.traced else ""),
            flush=True,
        )
        wrong = [f"{self.title}: grew by {grown:,} bytes"] if not self.traced and grown > ROOM + kept else []
        wrong += [f"{self.title}: Python's allocator counts {counted:+,} bytes"] if counted > 65536 + kept else []
        return wrong + ([f"{self.title}: {last / first:.2f} times as slow at last"] if timed and last > SLOWER * first else [])


def by_steps(steps: int, parts: int, traced: bool, timed: bool) -> list[str]:
    """`step` on small batches, with every kind of layer."""
    trainer = every_trainer(nd.optimizers.Adam(0.001))
    watch = Watch("step" + (", counted" if traced else ""), traced)
    for number in range(steps):
        start = number % PER_EPOCH * BATCH
        trainer.step(X[start : start + BATCH], Y[start : start + BATCH])
        if (number + 1) % (steps // parts) == 0:
            watch.part()
    return watch.judge(steps, timed)


class Parts(nd.callbacks.Callback):
    """Tells the watch when a part is over."""

    def __init__(self, watch: Watch, epochs: int) -> None:
        self.watch, self.epochs = watch, epochs

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        if trainer.epoch % self.epochs == 0:
            self.watch.part()


def watchers(folder: Path, saving: bool = True) -> list[nd.callbacks.Callback]:
    """All that keeps or writes something."""
    last = nd.callbacks.Checkpoint(folder / "last", keep=2)
    best = nd.callbacks.Checkpoint(folder / "best", keep=3, monitor="loss")    # this falls: nearly every epoch is saved twice
    return [
        nd.callbacks.CSVLogger(folder / "history.csv"),
        *([last, best] if saving else []),
        nd.callbacks.EarlyStopping(patience=10**9),
        nd.callbacks.ReduceLROnPlateau(patience=10**9),
    ]


def by_fit(
    folder: Path, steps: int, parts: int, traced: bool, timed: bool, saving: bool = True
) -> tuple[list[str], nd.Trainer]:
    """`fit`, with files."""
    epochs = steps // PER_EPOCH
    trainer = every_trainer(nd.optimizers.Adam(0.001))
    watch = Watch("fit" + (" with checkpoints" if saving else "") + (", counted" if traced else ""), traced)
    trainer.fit(
        X, Y, epochs=epochs, batch_size=BATCH, validation_data=VALIDATION, verbose=False, seed=5,
        callbacks=[*watchers(folder, saving), Parts(watch, max(1, epochs // parts))],
    )  # fmt: skip
    lines = (folder / "history.csv").read_text().splitlines()
    wrong = [] if len(lines) == epochs + 1 else [f"fit: the table has {len(lines)} lines of {epochs} epochs"]
    wrong += watch.judge(steps, timed and not saving, epochs)
    n = len(watch.seconds)
    if saving and n > 3:                      # from the middle of the second part to that of the last one
        longer = (watch.seconds[-1] - watch.seconds[1]) / (epochs / n) / ((n - 2) * epochs / n) / 2
        print(f"fit with checkpoints: each epoch of the history costs {1e6 * longer:.1f} µs in each file", flush=True)
        wrong += [f"{1e6 * longer:.0f} µs for an epoch of the history"] if timed and longer > 50e-6 else []
    return wrong, trainer


def in_pieces(folder: Path, steps: int, pieces: int, whole: nd.Trainer) -> list[str]:
    """The same run, which ends again and again and is restored from its last file by another trainer."""
    epochs = steps // PER_EPOCH
    trainer = every_trainer(nd.optimizers.Adam(0.001))
    ends = sorted({epochs * (n + 1) // pieces for n in range(pieces)})
    for end in ends:
        if trainer.epoch:
            trainer = nd.Trainer.restore(sorted((folder / "last").glob("*.npz"))[-1])
        trainer.fit(
            X, Y, epochs=end - trainer.epoch, batch_size=BATCH, validation_data=VALIDATION, verbose=False, seed=5,
            callbacks=watchers(folder),
        )  # fmt: skip
    same = bits(trainer) == bits(whole) and [one["val_loss"] for one in trainer.history] == whole.history["val_loss"]
    rows = len((folder / "history.csv").read_text().splitlines()) - 1
    print(f"fit, in {len(ends)} pieces: {'the same bits' if same else 'other bits'}, {rows} rows in the table", flush=True)
    return [] if same and rows == epochs else [f"in pieces: other bits, or {rows} rows"]


def main() -> int:
    """All of it; exit code 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--parts", type=int, default=20)
    parser.add_argument("--untimed", action="store_true", help="print times, but judge by memory and bits alone")
    given = parser.parse_args()
    wrong: list[str] = []
    runs: list[Callable[[], list[str]]] = [
        lambda: by_steps(given.steps, given.parts, False, not given.untimed),
        lambda: traced(lambda: by_steps(given.steps // 5, given.parts, True, False)),
    ]
    for run in runs:
        wrong += run()
    with tempfile.TemporaryDirectory() as name:
        wrong += by_fit(Path(name) / "flat", given.steps, given.parts, False, not given.untimed, saving=False)[0]
        faults, whole = by_fit(Path(name) / "whole", given.steps, given.parts, False, not given.untimed)
        wrong += faults + in_pieces(Path(name) / "pieces", given.steps, 10, whole)
        wrong += traced(lambda: by_fit(Path(name) / "traced", given.steps // 5, given.parts, True, False)[0])
    for fault in wrong:
        print(f"FAULT: {fault}")
    return 1 if wrong else 0


def traced(run: Callable[[], list[str]]) -> list[str]:
    """While Python's allocator counts."""
    tracemalloc.start()
    try:
        return run()
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    raise SystemExit(main())
