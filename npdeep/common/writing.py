"""Finding out before the work, not after it, that its results cannot be written."""

import tempfile
from pathlib import Path
from typing import TypeVar

ROOM = 1 << 20
"""Bytes that there must be room for, if nothing else is known: a few figures."""

File = TypeVar("File", bound=Path | None)


def check_folder(owner: str, folder: str | Path, room: int = ROOM) -> Path:
    """The folder, made where it is missing; this many bytes were written into it to see that it takes them, and are gone again.

    Raises OSError that names the folder and the cause: read-only, a file of that name, a full disk.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = check_folder("lesson", f"{folder}/deep/figures")
    ...     made.is_dir(), list(made.iterdir())
    (True, [])
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(room))
            probe.flush()
    except FileExistsError:
        raise FileExistsError(f"{owner}: cannot write into the folder {folder}: it is a file; name another folder") from None
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise type(error)(f"{owner}: cannot write into the folder {folder}: {cause}; name another folder") from None
    return folder


def check_file(owner: str, file: File, room: int = ROOM) -> File:
    """The file (or None); its folder is made where it is missing. Raises OSError where it cannot be written or replaced.

    >>> check_file("walk", Path("."))
    Traceback (most recent call last):
    IsADirectoryError: walk: cannot write the file .: it is a folder; name a file in it
    """
    if file is None:
        return file
    if file.is_dir():
        raise IsADirectoryError(f"{owner}: cannot write the file {file}: it is a folder; name a file in it")
    if file.is_file() or not file.exists():   # it will be replaced; a device or a pipe takes what it takes
        check_folder(owner, file.parent, room)
    return file
