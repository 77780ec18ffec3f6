"""Checking a file in a process of its own: code that never ends, eats memory or prints without end is stopped."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from npdeep.teaching.exercises import catalogue

SECONDS = 30.0
"""How long a check may take."""

MEMORY = 2 << 30
"""Bytes that the student's code may have beside what NumPy has taken already; where the system can limit it."""

PRINTED = 1 << 20
"""Bytes that it may print; SHOWN are passed on."""

SHOWN = 4000

FLOOD = "it printed more than"


@dataclass(frozen=True)
class Outcome:
    """What came of a check: right or not, the words for it, and what the code itself has printed."""

    right: bool
    text: str
    printed: str


def name_of(path: Path, name: str | None = None) -> str:
    """The exercise that a file is for, where none is given: by its name, relu_forward.py or relu_forward_2.py, or by what it
    defines. ValueError where neither tells.

    >>> name_of(Path("here/relu_forward.py")), name_of(Path("mine.py"), "relu_forward")
    ('relu_forward', 'relu_forward')
    """
    if name is not None:
        return catalogue.find(name).name
    known = [one for one in catalogue.ALL if path.stem == one or path.stem.startswith(f"{one}_")]
    if known:
        return max(known, key=len)
    lines = DEFINED.findall(path.read_text(encoding="utf-8", errors="replace"))
    defined = [one for one in catalogue.ALL if one in lines]
    if len(defined) == 1:
        return defined[0]
    has = f"the functions of {len(defined)} exercises are in it" if defined else "no function in it has the name of one"
    raise ValueError(f"{path.name}: which exercise is it for? {has}; add --name NAME")


DEFINED = re.compile(r"^def (\w+)", re.MULTILINE)


def file_of(path: Path) -> Path:
    """The file, also where .py was left out; FileNotFoundError where there is none."""
    for one in (path, path.with_name(f"{path.name}.py") if path.name else path):
        if one.is_file():
            return one
    raise FileNotFoundError(f"there is no file {path}; npdeep exercise start NAME writes one")


def check_file(path: Path, name: str | None = None, seconds: float = SECONDS, memory: int = MEMORY) -> Outcome:
    """Check the function in a file; it has the name of the exercise.

    Raises FileNotFoundError where there is no such file, ValueError where no exercise has its name.
    """
    path = file_of(path)
    name = name_of(path, name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        report = Path(folder) / "report.json"
        command = [
            sys.executable,
            "-P",  # a random.py or numpy.py in the student's folder is not in our way
            "-m",
            "npdeep.teaching.exercises.worker",
            str(path.resolve()),
            name,
            str(report),
            str(memory),
        ]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, so that its children end with it
            env={**os.environ, "PYTHONPATH": _search_path(), "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        )
        printed, stopped = _wait(process, name, seconds)
        read = None if FLOOD in (stopped or "") else _reported(report)
        if read is not None:
            late = f"\nHow fast it is could not be measured within {seconds:g} seconds." if stopped else ""
            return Outcome(bool(read["right"]), read["text"] + late, printed)
    return Outcome(False, stopped or f"{name}: {_ended(process.returncode)}", printed)


def _reported(report: Path) -> dict[str, Any] | None:
    """What the worker has written, or None: the student's code could write there too."""
    try:
        if not report.is_file() or report.stat().st_size > PRINTED:
            return None
        read = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) and isinstance(read.get("text"), str) and "right" in read else None


def _search_path() -> str:
    """So that the process finds this very npdeep, from whatever folder it is started."""
    ours = str(Path(__file__).parents[3])
    return os.pathsep.join([ours, *filter(None, [os.environ.get("PYTHONPATH")])])


def _wait(process: subprocess.Popen[bytes], name: str, seconds: float) -> tuple[str, str | None]:
    """What was printed, and why the process was stopped, if it was."""
    kept: list[bytes] = []
    flooded = threading.Event()
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, kept, flooded, process), daemon=True)
    reader.start()
    stopped = None
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        stopped = f"{name}: stopped after {seconds:g} seconds: is there a loop that never ends?"
    finally:
        _end(process)
        process.wait()
        reader.join(5)
        process.stdout.close()
    if flooded.is_set():
        stopped = f"{name}: stopped: {FLOOD} {PRINTED // 1000:,} kB; take the print out of the loop"
    return b"".join(kept)[:SHOWN].decode("utf-8", "replace"), stopped


def _read(stream: IO[bytes], kept: list[bytes], flooded: threading.Event, process: subprocess.Popen[bytes]) -> None:
    """Keep the first of what is printed, and end the process where it prints too much."""
    total, source = 0, stream.fileno()
    while block := os.read(source, 1 << 16):
        total += len(block)
        if sum(map(len, kept)) < SHOWN:
            kept.append(block)
        if total > PRINTED and not flooded.is_set():
            flooded.set()
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _ended(code: int | None) -> str:
    """Why a process has ended that left no report."""
    if code is not None and code < 0:
        known = {-signal.SIGSEGV: "it crashed", -getattr(signal, "SIGXCPU", 0): "it took too much time"}
        memory = "it was ended by the system, perhaps because it took too much memory"
        return f"stopped: {known.get(code, memory)} (signal {-code})"
    return f"its process ended early, with exit code {code}: does the file call exit()?"
