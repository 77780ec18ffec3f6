"""Kills, full disks, lost folders and rival writers: python tests/attacks/crashes.py [--moments 200] [--seed 0]

kill -9 comes before and after the calls of the system that saving makes, from the first to the last of them, and as often at a
moment of the clock. Afterwards the file is the old one or the new one, to the bit; the next save leaves no other file behind.
A fit with every callback that writes is killed likewise: each checkpoint that is there can be restored, the CSV file has whole
lines, and the resumed run ends with the bits, the history and the files of the run that nobody killed. Then saving meets a
limit at every size of a file, a disk that is full, a folder that may not be written, one that is removed while the run trains,
and several processes that write one path while others read it. tests/test_crashes.py runs a short form.
Needs fork: Linux, macOS.
"""

import argparse
import collections
import contextlib
import csv
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers_interrupts import EPOCHS, Run, X, Y
from helpers_training import bits, plain_trainer

import npdeep as nd

CALLS = {
    *("open", "write", "flush", "fsync", "replace", "close", "dup", "unlink", "remove", "stat", "fstat", "chmod", "chown"),
    *("scandir", "truncate", "mkdir", "flock", "seek", "rename"),
}
"""Names of functions in C that ask the system for something that has to do with files."""

NOBODY = 65534
faults: list[str] = []


def wrong(text: str) -> None:
    """Note what should not be so."""
    faults.append(text)
    print(f"FAULT: {text}", flush=True)


# ── processes that are killed ─────────────────────────────────────────────────────────────────────────────────────────
def die() -> None:
    """kill -9, from within."""
    os.kill(os.getpid(), signal.SIGKILL)


class AtCall:
    """Counts the calls in CALLS, and acts before (even numbers) or after (odd ones) one of them.

    Args:
        number: 2 n for before, 2 n + 1 for after the n-th call; -1 never.
    """

    def __init__(self, number: int = -1, act: Callable[[], Any] = die) -> None:
        self.number, self.act, self.seen = number, act, 0

    def look(self, frame: Any, event: str, called: Any) -> None:
        """For sys.setprofile."""
        if event in ("c_call", "c_return", "c_exception") and getattr(called, "__name__", "") in CALLS:
            if self.seen == self.number:
                self.act()
            self.seen += 1

    def __enter__(self) -> "AtCall":
        sys.setprofile(self.look)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.setprofile(None)


def in_child(act: Callable[[], Any], after: float | None = None) -> int:
    """Do it in a process of its own, which is killed after so many seconds; its exit code, or minus the signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def litter(folder: Path) -> list[str]:
    """Temporary files."""
    return [path.name for path in folder.rglob("*.npdeep.tmp")]


# ── saving ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def large(seed: int) -> nd.Trainer:
    """A trainer whose file has 5 MB, so that the clock finds it half written."""
    model = nd.Sequential([nd.Dense(400), nd.Activation("relu"), nd.Dense(3)], 784, seed=seed)
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.01))
    trainer.step(np.zeros((2, 784), np.float32), np.array([0, 1]))
    return trainer


def wide(seed: int) -> nd.Trainer:
    """A trainer whose file has 40 kB."""
    model = nd.Sequential([nd.Dense(1000), nd.Activation("relu"), nd.Dense(3)], 6, seed=seed)
    return nd.Trainer(model, "softmax_cross_entropy", "sgd")


def saves(rng: random.Random, folder: Path, moments: int) -> collections.Counter[str]:
    """Kill a process that saves over a file; what was there afterwards."""
    ends = collections.Counter[str]()
    path, small, big = folder / "a.npz", [plain_trainer(seed=1), plain_trainer(seed=2)], [large(1), large(2)]
    small[1].fit(X, Y, epochs=2, verbose=False)
    with AtCall() as counted:
        small[1].save(path)
    began = time.perf_counter()
    big[1].save(path)
    seconds = time.perf_counter() - began
    for number in range(2 * moments):
        by_clock = number % 2 == 1
        old, new = big if by_clock else small
        old.save(path)
        where = rng.uniform(0, 1.3 * seconds) if by_clock else counted.seen * (number // 2) // moments

        def act(new: nd.Trainer = new, where: float = where, by_clock: bool = by_clock) -> None:
            with contextlib.nullcontext() if by_clock else AtCall(int(where)):
                new.save(path)

        code = in_child(act, where if by_clock else None)
        if code not in (0, -signal.SIGKILL):
            wrong(f"saving, killed at {where}: exit code {code}")
        left = litter(folder)
        try:
            found = bits(nd.Trainer.restore(path))
            which = ["old", "new"][found == bits(new)] if found in (bits(old), bits(new)) else "another"
        except Exception as error:
            which = f"{type(error).__name__}: {error}"
        if which not in ("old", "new"):
            wrong(f"saving, killed at {where}: the file is {which}")
        ends[which] += 1
        ends["killed"] += code != 0
        ends["left a temporary file"] += bool(left)
        old.save(path)
        if litter(folder):
            wrong(f"saving, killed at {where}: after the next save there is {litter(folder)}")
            for name in litter(folder):
                (folder / name).unlink()
    return ends


# ── fit ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def whole_lines(path: Path) -> str:
    """What is wrong with a CSV file, or nothing."""
    content = path.read_bytes().decode()
    rows = list(csv.reader(content.splitlines()))
    if content and not content.endswith("\n"):
        return "the last line has no end"
    return "" if all(len(row) == len(rows[0]) for row in rows) else "a line is short"


def fits(rng: random.Random, folder: Path, moments: int) -> collections.Counter[str]:
    """Kill a process that fits; what its files were good for."""
    ends = collections.Counter[str]()
    with AtCall() as counted:
        Run(folder / "counted").fit()
    whole, began = Run(folder / "whole"), time.perf_counter()
    whole.fit()
    seconds, expected = time.perf_counter() - began, whole.outcome()
    for number in range(2 * moments):
        by_clock, here = number % 2 == 1, folder / str(number)
        where = rng.uniform(0, 1.1 * seconds) if by_clock else counted.seen * (number // 2) // moments

        def act(here: Path = here, where: float = where, by_clock: bool = by_clock) -> None:
            run = Run(here)
            with contextlib.nullcontext() if by_clock else AtCall(int(where)):
                run.fit()

        code = in_child(act, where if by_clock else None)
        if code not in (0, -signal.SIGKILL):
            wrong(f"fit, killed at {where}: exit code {code}")
        ends["killed"] += code != 0
        ends["left a temporary file"] += bool(here.is_dir() and litter(here))
        table = here / "history.csv"
        if table.exists() and whole_lines(table):
            wrong(f"fit, killed at {where}: history.csv: {whole_lines(table)}")
        try:
            resumed(here, expected, ends)
        except Exception as error:
            wrong(f"fit, killed at {where}: {type(error).__name__}: {error}")
        shutil.rmtree(here, ignore_errors=True)
    return ends


def resumed(here: Path, expected: dict[str, Any], ends: collections.Counter[str]) -> None:
    """Resume from the last file, where there is one, and compare the end. Raises whatever goes wrong."""
    files = sorted((here / "files").glob("*.npz"))
    for path in files:
        nd.Trainer.restore(path)
    run = Run(here)
    if files:
        run.trainer = nd.Trainer.restore(files[-1])
    ends[f"{len(files)} checkpoints"] += 1
    if run.trainer.epoch < EPOCHS:
        run.fit()
        outcome = run.outcome()
        differing = [key for key, value in expected.items() if outcome[key] != value]
        if differing:
            raise AssertionError(f"another end: {', '.join(differing)}")
        kept = sorted(path.name for path in (here / "files").iterdir())
        if kept != expected["files"]:
            raise AssertionError(f"files left: {kept}")
        if litter(here):
            raise AssertionError(f"temporary files left: {litter(here)}")
        ends["resumed, equal to the bit"] += 1


# ── disks and folders ─────────────────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def file_limit(size: int) -> Any:
    """No file may grow beyond it."""
    before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, action)


def refused_save(trainer: nd.Trainer, path: Path, old: Any, what: str) -> str:
    """Save where it may fail: the file that was there is whole, the error names it. "saved" or the name of the error."""
    try:
        trainer.save(path)
    except OSError as error:
        if str(path) not in str(error):
            wrong(f"{what}: the message does not name the file: {error}")
        if path.exists() and bits(nd.Trainer.restore(path)) != old:
            wrong(f"{what}: the file that was there is not whole")
        end = type(error).__name__ if error.errno is None else os.strerror(error.errno)
    except Exception as error:
        wrong(f"{what}: {type(error).__name__}: {error}")
        end = "fault"
    else:
        if bits(nd.Trainer.restore(path)) != bits(trainer):
            wrong(f"{what}: saved, but other bits")
        end = "saved"
    if path.parent.is_dir() and litter(path.parent):
        wrong(f"{what}: left {litter(path.parent)}")
    return end


def full_disks(folder: Path, moments: int) -> collections.Counter[str]:
    """A limit at every size from nothing to the whole file; for the table of a run too."""
    ends = collections.Counter[str]()
    old, new = plain_trainer(seed=1), plain_trainer(seed=2)
    new.fit(X, Y, epochs=30, verbose=False)   # its file is the larger one
    path = old.save(folder / "a.npz")
    size = new.save(folder / "b.npz").stat().st_size
    before = bits(nd.Trainer.restore(path))
    for number in range(moments):
        with file_limit(size * number // moments):
            ends[refused_save(new, path, before, f"limit of {size * number // moments} bytes")] += 1
    for number in range(moments):
        table, limit = folder / f"{number}.csv", 40 + 10 * number
        trainer, logger = plain_trainer(), nd.callbacks.CSVLogger(table)
        try:
            with file_limit(limit):
                trainer.fit(X, Y, epochs=40, callbacks=[logger], verbose=False)
        except OSError as error:
            ends["table: " + os.strerror(error.errno or 0)] += 1
            if table.name not in str(error):
                wrong(f"table, limit of {limit} bytes: {error}")
        if table.exists():
            if whole_lines(table):
                wrong(f"table, limit of {limit} bytes: {whole_lines(table)}")
            rows = len(table.read_bytes().splitlines()) - 1
            if abs(rows - trainer.epoch) > 1:
                wrong(f"table, limit of {limit} bytes: {rows} rows of {trainer.epoch} epochs")
        trainer.fit(X, Y, epochs=max(1, 41 - trainer.epoch), callbacks=[logger], verbose=False)
        epochs = [int(row["epoch"]) for row in csv.DictReader(table.read_text().splitlines())]
        if epochs != sorted(set(epochs)) or epochs[-1] != trainer.epoch:
            wrong(f"table, limit of {limit} bytes, resumed: epochs {epochs}")
    return ends


def small_disk(folder: Path) -> collections.Counter[str]:
    """A real file system of 256 kB, where this user may mount one."""
    ends, disk = collections.Counter[str](), folder / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=False, capture_output=True)
    if made.returncode != 0:
        return collections.Counter({"no disk could be mounted": 1})
    try:
        old, new = wide(1), wide(2)
        path = old.save(disk / "a.npz")
        before = bits(nd.Trainer.restore(path))
        for free in range(64, -1, -4):        # kilobytes that are left
            filler = disk / "filler"
            filler.unlink(missing_ok=True)
            stat = os.statvfs(disk)
            filler.write_bytes(bytes(max(0, stat.f_bavail * stat.f_frsize - free * 1024)))
            ends[refused_save(new, path, before, f"disk with {free} kB left")] += 1
            if bits(nd.Trainer.restore(path)) == bits(new):
                filler.unlink()
                old.save(path)
        filler.unlink()
        checkpoint, table = nd.callbacks.Checkpoint(disk / "kept", keep=1000), nd.callbacks.CSVLogger(disk / "a.csv")
        trainer = plain_trainer()
        try:
            trainer.fit(X, Y, epochs=1000, callbacks=[checkpoint, table], verbose=False)
            wrong("a run filled no disk of 256 kB")
        except OSError as error:
            ends[f"a run: {os.strerror(error.errno or 0)}"] += 1
            if str(disk) not in str(error):
                wrong(f"a run on a full disk: the message does not name the file: {error}")
        for file in checkpoint.files:
            nd.Trainer.restore(file)
        if whole_lines(disk / "a.csv"):
            wrong(f"a run on a full disk: {whole_lines(disk / 'a.csv')}")
        if litter(disk):
            wrong(f"a run on a full disk: left {litter(disk)}")
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
    return ends


def folders(folder: Path) -> collections.Counter[str]:
    """One that may not be written, one that is a file, one that goes away while the run trains."""
    ends = collections.Counter[str]()
    old, new = plain_trainer(seed=1), plain_trainer(seed=2)
    closed = folder / "closed"
    path = old.save(closed / "a.npz")
    before = bits(nd.Trainer.restore(path))
    folder.chmod(0o755)
    for parent in folder.parents[:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    closed.chmod(0o555)

    known = len(faults)

    def in_a_closed_folder() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)                 # root may write everywhere
        for target in (path, closed / "b.npz", closed / "deeper" / "c.npz"):
            if refused_save(new, target, before, f"closed folder, {target.name}") == "saved":
                wrong(f"closed folder: {target.name} was saved")
        for watcher in (nd.callbacks.Checkpoint(closed / "kept"), nd.callbacks.CSVLogger(closed / "a.csv")):
            try:
                new.fit(X, Y, callbacks=[watcher], verbose=False)
                wrong(f"closed folder: {watcher} wrote")
            except OSError as error:
                if str(closed) not in str(error):
                    wrong(f"closed folder, {watcher}: {error}")
        os._exit(3 if len(faults) > known else 0)

    if in_child(in_a_closed_folder):
        wrong("closed folder: see above")
    ends["closed folder"] += 1
    closed.chmod(0o755)
    (folder / "file").write_text("x")
    ends[f"a file for a folder: {refused_save(new, folder / 'file' / 'a.npz', None, 'a file for a folder')}"] += 1
    for when in ("on_step_end", "on_epoch_begin", "on_epoch_end"):
        here = folder / when
        gone = nd.callbacks.LambdaCallback(**{when: lambda *_, here=here: shutil.rmtree(here, ignore_errors=True)})
        watchers = [nd.callbacks.Checkpoint(here, keep=2), nd.callbacks.CSVLogger(here / "a.csv"), gone]
        try:
            plain_trainer().fit(X, Y, epochs=4, callbacks=watchers, verbose=False)
            ends["removed folder: made again"] += 1
        except OSError as error:
            ends[f"removed folder: {os.strerror(error.errno or 0)}"] += 1
            if str(here) not in str(error):
                wrong(f"removed folder, {when}: {error}")
        if (here / "a.csv").exists() and whole_lines(here / "a.csv"):
            wrong(f"removed folder, {when}: {whole_lines(here / 'a.csv')}")
        if here.exists() and litter(here):
            wrong(f"removed folder, {when}: left {litter(here)}")
    return ends


def rivals(folder: Path, moments: int) -> collections.Counter[str]:
    """Three processes save over one path, again and again, while this one reads it."""
    ends, path = collections.Counter[str](), folder / "a.npz"
    trainers = [plain_trainer(seed=seed) for seed in range(3)]
    allowed = [bits(trainer) for trainer in trainers]
    trainers[0].save(path)
    children = []
    for trainer in trainers:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                for _ in range(3 * moments):
                    trainer.save(path)
                os._exit(0)
            traceback.print_exc()
            os._exit(1)
        children.append(child)
    for _ in range(3 * moments):
        try:
            found = bits(nd.Trainer.restore(path))
            ends["whole" if found in allowed else "torn"] += 1
            if found not in allowed:
                wrong("rivals: a torn file")
        except Exception as error:
            wrong(f"rivals: {type(error).__name__}: {error}")
    for child in children:
        if os.waitpid(child, 0)[1]:
            wrong("rivals: a writer failed")
    if litter(folder):
        wrong(f"rivals: left {litter(folder)}")
    return ends


def main() -> int:
    """All of it; exit code 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=200, help="by calls of the system, and as many by the clock")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    attacks: dict[str, Callable[[Path], collections.Counter[str]]] = {
        "saving, killed": lambda folder: saves(rng, folder, given.moments),
        "fit, killed": lambda folder: fits(rng, folder, given.moments),
        "no file may grow further": lambda folder: full_disks(folder, given.moments),
        "a disk of 256 kB": small_disk,
        "folders": folders,
        "three writers of one path": lambda folder: rivals(folder, given.moments),
    }
    with tempfile.TemporaryDirectory() as name:
        for number, (title, attack) in enumerate(attacks.items()):
            folder = Path(name) / str(number)
            folder.mkdir()
            began, before = time.perf_counter(), len(faults)
            ends = attack(folder)
            told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()) if count)
            print(f"{title}: {told}; {len(faults) - before} faults ({time.perf_counter() - began:.0f} s)", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
