"""Students' code that runs away, checked by the runner: python tests/attacks/run_exercises.py [--seconds 4] [--only WORDS]

Code that forks, in Python and past it, never ends, ignores signals, floods, fills memory and disk, crashes, deletes itself,
replaces modules and functions of NumPy, leaves threads and daemons, sends signals around. Each is written into the function
and at the top of the file. The check must come to an end soon after its time is up, say why in a few lines, call nothing right
that is not, leave no process and no large file, and let this process and its group alone. tests/test_exercise_command.py has a
short form.
"""

import argparse
import os
import signal
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from npdeep.teaching.exercises import runner

TOKEN = "NPDEEP_ATTACK"
SPARE, LONGEST = 15.0, 6000
"""Seconds beyond the time that a check has, for its start and its end on a busy machine; characters of its words."""

REPORT = "path = [a for a in sys.orig_argv if a.endswith('report.json')][0]\n"
THREADS = "from threading import Thread\n"
LIMITS = "import resource\n"
C = "import ctypes; libc = ctypes.CDLL(None)\n"
GOOD = "return da * (z > 0)"
BODIES: dict[str, tuple[str, bool]] = {
    # what it does: the code, and whether the check may find it right
    "forks": (f"os.fork()\n{GOOD}", False),
    "forks without end, a few": ("for _ in range(20): os.fork()", False),
    "forks by C": (f"{C}if libc.fork() == 0: time.sleep(600)\n{GOOD}", True),
    "forks by C, a session of its own": (f"{C}if libc.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n{GOOD}", True),
    "a daemon, forked twice by C": (
        f"{C}if libc.fork() == 0:\n    os.setsid()\n    if libc.fork() == 0: time.sleep(600)\n    os._exit(0)\n{GOOD}", True,
    ),
    "starts a process past the audit": (
        f"from multiprocessing import util\nutil.spawnv_passfds(b'/bin/sleep', [b'sleep', b'600'], ())\n{GOOD}", True,
    ),
    "a process by system() of C": (f"{C}libc.system(b'setsid sleep 600 &')\n{GOOD}", True),
    "multiprocessing": (f"import multiprocessing as m\nm.Process(target=time.sleep, args=(600,)).start()\n{GOOD}", True),
    "a pool": ("from concurrent.futures import ProcessPoolExecutor as P\nlist(P(2).map(abs, range(9)))\n" + GOOD, True),
    "never ends": ("while True: pass", False),
    "never ends in C": (f"{C}libc.pause()", False),
    "sleeps": ("time.sleep(600)", False),
    "ignores SIGTERM and all that can be": (
        "import signal\nfor s in {*range(1, 65)} - {9, 19, 32, 33}: signal.signal(s, signal.SIG_IGN)\nwhile True: pass", False,
    ),
    "catches everything": ("while True:\n    try: time.sleep(1)\n    except BaseException: pass", False),
    "reads a file": (f"open('/etc/passwd').read()\n{GOOD}", True),
    "writes a file": (f"open('mine.txt', 'w').write('x')\n{GOOD}", True),
    "fills the disk": ("f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 22))", False),
    "writes many files": ("for i in range(100): open(f'small{i}', 'wb').write(bytes(1 << 10))\n" + GOOD, True),
    "prints gigabytes": ("while True: print('x' * 100000)", False),
    "prints gigabytes in bytes": ("while True: os.write(1, b'\\xff' * (1 << 20))", False),
    "prints gigabytes on standard error": ("while True: os.write(2, b'x' * (1 << 20))", False),
    "prints control characters": (f"print('\\x1b[2J\\x1b]0;title\\x07' * 10)\n{GOOD}", True),
    "closes standard output": (f"sys.stdout.close()\n{GOOD}", True),
    "closes all files": ("os.closerange(0, 1000)\n" + GOOD, True),
    "closes all files and never ends": ("os.closerange(0, 1000)\nwhile True: pass", False),
    "sys.stdout is None": (f"sys.stdout = sys.stderr = None\n{GOOD}", True),
    "os._exit(0)": ("os._exit(0)", False),
    "sys.exit": ("sys.exit(0)", False),
    "raises BaseException": ("raise BaseException('mine')", False),
    "raises a class whose text raises": (
        "class E(Exception):\n    def __str__(self): raise E()\n    __repr__ = __str__\nraise E()", False,
    ),
    "an exception group": ("raise ExceptionGroup('mine', [ValueError(1)])", False),
    "GeneratorExit": ("raise GeneratorExit", False),
    "an error of a million characters": ("raise ValueError('x' * 10**6)", False),
    "a long chain of errors": ("e = None\nfor _ in range(9999): n = ValueError(); n.__cause__ = e; e = n\nraise e", False),
    "recursion": ("return relu_backward(z, da)", False),
    "recursion without a limit": ("sys.setrecursionlimit(10**9)\nreturn relu_backward(z, da)", False),
    "recursion in C": ("x = []\nfor _ in range(10**6): x = [x]\nrepr(x)", False),
    "a crash": ("import ctypes; ctypes.string_at(0)", False),
    "abort": ("os.abort()", False),
    "kills itself": ("os.kill(os.getpid(), 9)", False),
    "stops itself": ("import signal; os.kill(os.getpid(), signal.SIGSTOP)", False),
    "kills its parent": ("os.kill(os.getppid(), 15)\ntime.sleep(600)", False),
    "kills its parent by C": (f"{C}libc.kill(os.getppid(), 10)\n{GOOD}", True),
    "kills the group of its parent": ("os.killpg(os.getpgid(os.getppid()), 15)\ntime.sleep(600)", False),
    "kills all": ("os.kill(-os.getpgid(os.getppid()), 15)\ntime.sleep(600)", False),
    "deletes its own file": (f"os.remove(__file__)\n{GOOD}", True),
    "deletes its folder": (f"import shutil; shutil.rmtree(os.path.dirname(__file__), ignore_errors=True)\n{GOOD}", True),
    "leaves its folder": (f"os.chdir('/')\n{GOOD}", True),
    "memory": ("kept = []\nwhile True: kept.append(np.ones(1 << 22))", False),
    "memory at once": ("np.ones(1 << 50)", False),
    "memory in bytes": ("x = b'x' * (1 << 40)", False),
    "memory in small objects": ("x = []\nwhile True: x.append([object() for _ in range(1000)])", False),
    "an array like none": ("return np.broadcast_to(1.0, (1 << 40,))", False),
    "an array of huge rank": ("return np.zeros((1,) * 30)", False),
    "a class that lies": ("class A(np.ndarray): __array_finalize__ = None\nreturn (da * (z < 0)).view(A)", False),
    "an object that raises": ("class A:\n    def __array__(self, *a, **k): raise BaseException\nreturn A()", False),
    "an array that asks for everything": (
        "class A:\n    def __array__(self, *a, **k):\n        while True: pass\nreturn A()", False,
    ),
    "a generator without end": ("import itertools\nreturn itertools.count()", False),
    "threads": (f"{THREADS}for _ in range(20): Thread(target=time.sleep, args=(600,)).start()\n{GOOD}", True),
    "threads that never end": (
        f"{THREADS}def f():\n    while True: pass\nfor _ in range(4): Thread(target=f).start()\n{GOOD}", True,
    ),
    "atexit never ends": (f"import atexit; atexit.register(time.sleep, 600)\n{GOOD}", True),
    "empties sys.modules": (f"sys.modules.clear()\n{GOOD}", True),
    "replaces json and os": ("sys.modules['json'] = sys.modules['os'] = None\n" + GOOD, True),
    "replaces functions of NumPy": (
        "np.array_equal = np.allclose = np.asarray = lambda *a, **k: True\nreturn da", False,
    ),
    "deletes functions of NumPy": ("del np.asarray, np.errstate, np.random\n" + GOOD, True),
    "replaces builtins": ("import builtins\nbuiltins.len = builtins.isinstance = None\n" + GOOD, True),
    "replaces os._exit": (f"os._exit = lambda code: None\n{GOOD}", True),
    "raises in all floats": (f"np.seterr(all='raise')\n{GOOD}", True),
    "warnings are errors": (f"import warnings; warnings.simplefilter('error'); warnings.warn('x')\n{GOOD}", True),
    "a trace function": (f"sys.settrace(lambda *a: time.sleep(0.01))\n{GOOD}", True),
    "a profile that raises": ("def f(*a): raise ValueError('profile')\nsys.setprofile(f)\n" + GOOD, True),
    "an excepthook that never ends": ("sys.excepthook = lambda *a: time.sleep(600)\nraise ValueError", False),
    "an alarm": (f"import signal; signal.alarm(1); time.sleep(600)\n{GOOD}", False),
    "a timer that interrupts": ("import signal; signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)\ntime.sleep(600)", False),
    "writes its own report": (
        f"{REPORT}open(path, 'w').write('no json')\nos._exit(0)", False,
    ),
    "a report of a gigabyte": (
        f"{REPORT}open(path, 'w').write('[' * 10**7)\nos._exit(0)", False,
    ),
    "a report that is a pipe": (
        f"{REPORT}os.mkfifo(path)\nos._exit(0)", False,
    ),
    "a report that is a folder": (
        f"{REPORT}os.mkdir(path)\nos._exit(0)", False,
    ),
    "a report of other things": (
        f"{REPORT}open(path, 'w').write('[1]')\nos._exit(0)", False,
    ),
    "reads the terminal": ("open('/dev/tty').read()", False),
    "reads standard input": ("sys.stdin.read(); input()", False),
    "waits for the network": ("import socket\ns = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); s.accept()", False),
    "blocks all signals": ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass", False),
    "lowers its limits": (f"{LIMITS}resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\n{GOOD}", True),
    "takes off its limits": (
        f"{LIMITS}resource.setrlimit(9, (-1, -1))\nk = [np.ones(1 << 25) for _ in range(40)]\nreturn da", False,
    ),
}  # fmt: skip


def source(code: str, place: str) -> str:
    """The file with this code in the function, or at its top."""
    head = "import os, sys, time\nimport numpy as np\n\n"
    if place == "function":
        return f"{head}\ndef relu_backward(z, da):\n{textwrap.indent(code, '    ')}\n"
    top = code.replace(GOOD, "").replace("return", "result =")
    calls = "import numpy as np\ndef relu_backward(z, da):\n    return da * (z > 0)\n"
    return f"{head}{calls}z = da = np.ones(3)\n{top}\n"


def left_over(token: str) -> list[str]:
    """Processes, beside this one, that have inherited the token."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) != os.getpid() and token.encode() in (entry / "environ").read_bytes():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z":
                    found.append(f"{entry.name} {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()[:60]}")
        except OSError:
            continue
    return found


def attacked(name: str, place: str, seconds: float) -> list[str]:
    """Check the code; what was wrong with the check."""
    code, may_be_right = BODIES[name]
    caught: list[int] = []
    signals = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1]
    handlers = [signal.signal(number, lambda number, _: caught.append(number)) for number in signals]
    os.environ[TOKEN] = token = f"{os.getpid()}-{time.monotonic_ns()}"
    threads, wrong = threading.active_count(), []
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "relu_backward.py"
            path.write_text(source(code, place))
            began = time.monotonic()
            outcome = runner.check_file(path, seconds=seconds)
            took = time.monotonic() - began
            sizes = [one.stat().st_size for one in Path(folder).rglob("*") if one.is_file()]
    except BaseException as error:
        wrong.append(f"the runner raised {type(error).__name__}: {error!s:.200}")
    else:
        print(f"  {took:5.1f} s  {name} ({place}): {outcome.text.splitlines()[-1][:110] if outcome.text else ''!r}", flush=True)
        if took > seconds + SPARE:
            wrong.append(f"it took {took:.1f} s")
        if outcome.right and place == "function" and not may_be_right:
            wrong.append("it was found right")
        if not outcome.text or len(outcome.text) + len(outcome.printed) > LONGEST:
            wrong.append(f"{len(outcome.text)} + {len(outcome.printed)} characters are said")
        if "Traceback" in outcome.text or "Traceback" in outcome.printed:
            wrong.append(f"a traceback: {outcome.printed[-300:]}{outcome.text[-300:]}")
        if sum(sizes) > 80 << 20:
            wrong.append(f"files of {sum(sizes):,} bytes")
    left = left_over(token)
    for one in left:
        os.kill(int(one.split()[0]), signal.SIGKILL)
    if left:
        wrong.append(f"processes are left: {left}")
    if caught:
        wrong.append(f"signals came: {caught}")
    if threading.active_count() > threads:
        wrong.append("a thread is left")
    for number, handler in zip(signals, handlers, strict=True):
        signal.signal(number, handler)
    return wrong


def main() -> int:
    """All of them; exit code 1 where a check was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="that a check has")
    parser.add_argument("--only", default="", help="those with these words in their name")
    given = parser.parse_args()
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)                      # so that what is sent to the group finds nobody else
    faults, checks, slowest = 0, 0, 0.0
    for name in BODIES:
        for place in ("function", "top") if given.only in name else ():
            began = time.monotonic()
            wrong = attacked(name, place, given.seconds)
            slowest = max(slowest, time.monotonic() - began)
            checks += 1
            faults += bool(wrong)
            if wrong:
                print(f"FAULT: {name}, in the {place}: {'; '.join(wrong)}", flush=True)
    print(f"{checks} checks of {len(BODIES)} kinds of code, {faults} faults, the slowest {slowest:.1f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
