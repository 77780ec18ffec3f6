"""Forks of one process that has imported everything: each runs some tests, within limits of time and memory."""

import contextlib
import hashlib
import json
import math
import os
import resource
import select
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from _pytest.main import pytest_runtestloop

ROOT = Path(__file__).parents[3]
KEPT = ROOT / ".mutants"
SURVIVED, KILLED, NOT_PUT_IN, TOO_LONG = 0, 1, 3, 9
ASLEEP = 600.0
"""Seconds on the clock after which a mutant that waits for something is given up."""
MEMORY = 8 << 30


# ── what is kept ──────────────────────────────────────────────────────────────────────────────────────────────────────
def digest(files: list[str]) -> str:
    """Says whether one of these files has changed."""
    return hashlib.sha256(b"\0".join((ROOT / file).read_bytes() for file in files)).hexdigest()[:16]


def keep(name: str, value: Any) -> None:
    """Write a value into the folder of what is kept."""
    KEPT.mkdir(exist_ok=True)
    (KEPT / name).write_text(json.dumps(value))


def kept(name: str) -> Any:
    """Read it again, or {}."""
    return json.loads((KEPT / name).read_text()) if (KEPT / name).exists() else {}


# ── processes ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def forked(work: Callable[[], int], seconds: float) -> int:
    """What `work` returns, done by a fork of this process; not 0 where it had to be stopped."""
    folder = tempfile.mkdtemp()
    child = os.fork()
    if child == 0:
        code = KILLED
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds)))
            os.environ.update(PYTEST_DEBUG_TEMPROOT=folder, TMPDIR=folder)
            tempfile.tempdir = None
            code = work()
        except NotPutInError:
            code = NOT_PUT_IN
        finally:
            os._exit(code)
    try:
        descriptor = os.pidfd_open(child)
        in_time = bool(select.select([descriptor], [], [], max(ASLEEP, 10 * seconds))[0])
        os.close(descriptor)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return (os.waitstatus_to_exitcode(status) & 0xFF or SURVIVED) if in_time else TOO_LONG


class NotPutInError(Exception):
    """The code of a mutant does not fit into the functions that are there."""


def pytest_with(plugin: Any, files: list[str], *more: str) -> int:
    """pytest with a plugin, in this process."""
    profile = hypothesis.settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],    # a failure is a failure: none is made smaller
    )
    hypothesis.settings.register_profile("mutants", profile)
    arguments = [*more, "-q", "--tb=no", "--show-capture=no", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    for unused in ("cacheprovider", "xdist", "pytest_cov"):
        arguments += ["-p", f"no:{unused}"]
    return int(pytest.main([*arguments, *files], plugins=[plugin]))


def silence(session: pytest.Session) -> None:
    """No dots."""
    session.config.get_terminal_writer()._file = open(os.devnull, "w")    # noqa: SIM115 (the process ends before it)


def run(session: pytest.Session, items: list[pytest.Item]) -> int:
    """The tests in this order, up to the first that fails."""
    session.items[:] = items
    silence(session)
    try:
        pytest_runtestloop(session)
    except (session.Failed, session.Interrupted):
        return KILLED
    except BaseException:
        return KILLED
    return KILLED if session.testsfailed else SURVIVED
