"""Files that are there whole or not at all: written beside the one whose place they take, flushed, then renamed."""

import contextlib
import errno
import importlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

fcntl: Any = None
"""Locks; Windows and the browser have none, and no need: what is open there, no other process can remove."""
with contextlib.suppress(ImportError):
    fcntl = importlib.import_module("fcntl")

ENDING = "npdeep.tmp"
LITTER = re.compile(rf"\..+\.[0-9a-f]{{8}}\.{re.escape(ENDING)}")
"""What the temporary files are called, and nothing else is."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of `path` when the block ends, flushed to the disk: every file is written so.

    Whatever happens, on a full disk too, `path` is what it was before or the new file, whole, and no other file is left. What a
    killed process has left behind in the folder is removed. A symbolic link stays one, and its target is replaced; the new file
    has the mode of the one that was there. Raises OSError, which names `path`, where it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a.txt") as file:
    ...         _ = file.write(b"whole")
    ...     [(path.name, path.read_text()) for path in Path(folder).iterdir()]
    [('a.txt', 'whole')]
    """
    path = Path(path)
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink():                   # realpath gives a circle of links back
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if target.exists() and not target.is_file():    # a pipe or a device keeps its place; a folder is refused
        with about(path), open(path, "wb") as device:
            yield device
        return
    temporary, lock = target, -1
    try:
        with about(path):
            file, temporary, lock = new_file(target)
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
    except BaseException:
        if temporary != target:
            with contextlib.suppress(OSError):    # it is not there, or its folder is not
                temporary.unlink()
        raise
    finally:
        if lock >= 0:
            os.close(lock)
    flush_folder(target.parent)
    remove_litter(target.parent)


def new_file(target: Path) -> tuple[BinaryIO, Path, int]:
    """An empty file beside the target with its mode, the file's path, and a lock on it that lasts as long as its writer."""
    before = target.stat() if target.exists() else None

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666 if before is None else stat.S_IMODE(before.st_mode))

    while True:
        temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(4)}.{ENDING}")
        file: BinaryIO = open(temporary, "xb", opener=opener)    # noqa: SIM115 (the caller closes it)
        lock = os.dup(file.fileno())
        if fcntl is not None:
            with contextlib.suppress(OSError):    # a file system without locks: nobody removes litter there
                fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink == 0:  # taken for litter in the moment before it was locked
                file.close()
                os.close(lock)
                continue
            if before is not None:
                with contextlib.suppress(OSError):
                    os.chown(lock, before.st_uid, before.st_gid)
                os.chmod(lock, stat.S_IMODE(before.st_mode))
        else:                                 # an open file cannot be renamed there, nor need it be locked
            os.close(lock)
            lock = -1
        return file, temporary, lock


@contextlib.contextmanager
def about(path: Path) -> Iterator[None]:
    """Inside, an error of the system names this path where it names none, a temporary file or a folder on the way to it.

    >>> with about(Path("a.npz")):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    OSError: [Errno 28] No space left on device: 'a.npz'
    """
    try:
        yield
    except OSError as error:
        named = None if error.filename is None else Path(os.fsdecode(error.filename))
        if error.errno is None or not (named is None or LITTER.fullmatch(named.name) or named in path.parents):
            raise
        code = errno.ENOTDIR if error.errno == errno.EEXIST and named in path.parents else error.errno    # of mkdir
        raise OSError(code, os.strerror(code), str(path)) from None    # of the class that belongs to the errno


def make_folder(path: Path) -> None:
    """The folder that the file is to be in. Raises OSError, which names the file, where it cannot be made."""
    with about(path):
        path.parent.mkdir(parents=True, exist_ok=True)


def remove_litter(folder: Path) -> None:
    """Remove the temporary files of writers that are no longer alive: those that nobody holds a lock on."""
    with contextlib.suppress(OSError):
        for name in [entry.name for entry in os.scandir(folder) if LITTER.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                remove_if_dead(folder / name)


def remove_if_dead(temporary: Path) -> None:
    """Remove it, or raise OSError where its writer is alive, where that cannot be told, or where it is not a plain file."""
    if fcntl is None:
        if os.name == "nt":
            temporary.unlink()                # fails while it is open
        return
    handle = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
    finally:
        os.close(handle)


def flush_folder(folder: Path) -> None:
    """Make the renaming last through a power cut, on systems that can open folders."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def append_whole(path: Path, lines: bytes) -> None:
    """Write the lines after what is there, or, on a full disk, nothing. Raises OSError, which names the path."""
    size = path.stat().st_size if path.exists() else None
    try:
        with about(path), open(path, "ab") as file:
            file.write(lines)
    except BaseException:
        if size is None:
            path.unlink(missing_ok=True)
        elif path.is_file():
            os.truncate(path, size)
        raise


def check_can_be_written(path: Path, new: bool) -> None:
    """Raise OSError, which names the path, where it cannot be written, or cannot be made where it is to be a new file."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return                                # a pipe or a device takes what comes
    make_folder(path)
    try:
        if path.exists():
            open(path, "ab").close()
        if new:
            tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
