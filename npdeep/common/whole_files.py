"""Writing files so that they are there whole or not at all: on a full disk, after Ctrl-C, through a power cut."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of `path` when the block ends, flushed to the disk: every file is written so.

    Whatever happens, on a full disk too, `path` is what it was before or the new file, whole, and no other file is left.
    Raises OSError, which names `path`, where it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a.txt") as file:
    ...         _ = file.write(b"whole")
    ...     [(path.name, path.read_text()) for path in Path(folder).iterdir()]
    [('a.txt', 'whole')]
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # a pipe or a device keeps its place; a folder is refused
        with open(path, "wb") as file:
            yield file
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):    # it is not there, or its folder is not
            temporary.unlink()
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from None    # of the class that belongs to the errno
        raise
    flush_folder(path.parent)


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
    """Write the lines after what is there, or, on a full disk, nothing."""
    size = path.stat().st_size if path.exists() else None
    try:
        with open(path, "ab") as file:
            file.write(lines)
    except BaseException:
        if size is None:
            path.unlink(missing_ok=True)
        elif path.is_file():
            os.truncate(path, size)
        raise
