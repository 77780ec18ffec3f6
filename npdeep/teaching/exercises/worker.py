"""The process in which a student's file is checked: python -m npdeep.teaching.exercises.worker FILE NAME REPORT MEMORY."""

import builtins
import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npdeep.teaching.exercises import catalogue, cures, judging, speed
from npdeep.teaching.exercises.calling import own_line
from npdeep.teaching.exercises.exercise import Function

STARTS = ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile", "subprocess.Popen")
SIGNALS = ("os.kill", "os.killpg")
FORBIDDEN = {
    **dict.fromkeys(STARTS, "start processes"),
    **dict.fromkeys(SIGNALS, "send signals to other processes"),
    "ctypes.dlopen": "load libraries of C",
}
"""What no exercise needs, by Python's names for it: other processes would outlive the check, or would be harmed by it."""


WRITTEN = 64 << 20
"""Bytes that a file may grow to."""


class Refused(Exception):
    """Why a file cannot be checked, in words for its author."""


def limit(memory: int) -> None:
    """Allow this much more memory than is in use and no large files, where the system can limit it, and nothing FORBIDDEN."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        used = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        to_itself = event == "os.kill" and arguments[0] == os.getpid()
        if event in FORBIDDEN and not to_itself:
            raise PermissionError(f"an exercise may not {FORBIDDEN[event]} ({event})")

    sys.addaudithook(refuse)
    with contextlib.suppress(ImportError):    # what multiprocessing starts processes by has no such name
        import _posixsubprocess

        vars(_posixsubprocess)["fork_exec"] = lambda *_: refuse("os.fork", ())


def load(path: Path, name: str) -> Function:
    """The function of that name in the file; Refused, in words, where it is not there or the file cannot be run."""
    sys.path.insert(0, str(path.parent))  # files of one folder may import each other
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Refused(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise Refused(f"{Path(error.filename or path).name}, line {error.lineno}: {error.msg}") from None
    except MemoryError:
        raise Refused("importing the file took more memory than the check allows") from None
    except BaseException as error:
        marker = compile("0", str(path), "eval")
        place = own_line(error.__traceback__, type("Marker", (), {"__code__": marker})())
        said = cures.raised(error)
        needed = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        cure = (
            f"; write that exercise first, in the same folder: npdeep exercise start {needed}"
            if needed in catalogue.ALL
            else ""
        )
        raise Refused(f"importing the file raised {said}{cure}{place or ''}") from None
    function = getattr(module, name, None)
    if not callable(function):
        raise Refused(f"{path.name} has no function {name}; the function has the name of the exercise")
    return function  # type: ignore[no-any-return]


def verdict(path: Path, name: str, report: Callable[[bool, str], None]) -> None:
    """Report whether the function in the file is right, and the words for it; how slow it is once that is known."""
    exercise = catalogue.find(name)
    try:
        function = load(path, name)
    except Refused as refused:
        return report(False, f"{name} is not right yet:\n- {refused}")
    try:
        wrong = judging.judge(exercise, function)
    except BaseException as error:  # KeyboardInterrupt, or a class of the student's: no traceback of ours
        wrong = f"{name} is not right yet:\n- it raised {type(error).__name__}"
    if wrong is not None:
        return report(False, wrong)
    report(True, f"{name} is right.")  # what follows may take longer than there is time
    return report(True, speed.praise(exercise, function))


def main(path: str, name: str, report: str, memory: str) -> None:
    """Write the verdict into the report, and end, whatever the student's code has left running."""
    limit(int(memory))
    sys.argv = [path]  # as where the file is run by itself
    kept, end = dict(vars(builtins)), os._exit

    def write(right: bool, text: str) -> None:
        vars(builtins).update(kept)  # whatever the file has put in their places
        partial = Path(f"{report}.part")
        partial.write_text(json.dumps({"right": right, "text": text}), encoding="utf-8")
        os.replace(partial, report)

    try:
        verdict(Path(path), name, write)
    except BaseException as error:
        vars(builtins).update(kept)
        said = f"the check broke off ({type(error).__name__}): does it replace functions of Python or NumPy, or close files?"
        with contextlib.suppress(BaseException):  # where no file can be opened any more
            write(False, f"{name} is not right yet:\n- {said}")
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
    end(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
