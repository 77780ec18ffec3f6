"""The file format of checkpoints: arrays and one JSON header in an .npz file, written whole or not at all, checked before use.

A checkpoint is a zip archive of .npy files, as `numpy.savez` writes them. The member "header" holds UTF-8 JSON as bytes; all
other members are arrays by name. The header names the format's version and a checksum over everything else in the file. There
is no pickle in it: reading a checkpoint runs no code.
"""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from npdeep import checks
from npdeep.kernels.arrays import Array

FORMAT = "npdeep checkpoint"
VERSION = 1
HEADER = "header"


def write(path: str | Path, header: dict[str, Any], arrays: dict[str, Array]) -> Path:
    """Write header and arrays: to a temporary file in the same folder, flushed to the disk, then renamed.

    Whatever happens, `path` holds the old checkpoint or the new one, whole. Raises OSError where it cannot be written, and
    TypeError where the header holds something that JSON cannot say.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(Path(folder) / "a.npz", {"epoch": 3}, {"w": np.arange(2.0)})
    ...     read(path)
    ({'epoch': 3}, {'w': array([0., 1.])})
    """
    path = check_path(path)
    stored = {"format": FORMAT, "version": VERSION, "content": header, "checksum": checksum(header, arrays)}
    text = json.dumps(stored, ensure_ascii=False, allow_nan=True).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **{HEADER: np.frombuffer(text, np.uint8), **arrays})
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    flush_folder(path.parent)
    return path


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of a checkpoint, after its checksum was found right.

    Raises FileNotFoundError where there is no such file, ValueError, naming the file and the fault, where it is no checkpoint,
    of a newer format, or damaged.
    """
    path = check_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
    except (OSError, ValueError, EOFError, KeyError, SyntaxError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ValueError(f"checkpoint {path}: damaged, or no checkpoint at all: {error}") from None
    header = parse_header(path, arrays.pop(HEADER, None))
    if header["checksum"] != checksum(header["content"], arrays):
        raise ValueError(f"checkpoint {path}: damaged: its checksum is not that of its contents")
    return header["content"], arrays


def parse_header(path: Path, raw: Array | None) -> dict[str, Any]:
    """The header, of this format and of a version that is understood."""
    if raw is None:
        raise ValueError(f"checkpoint {path}: no checkpoint of npdeep: it has no header")
    try:
        header = json.loads(raw.tobytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"checkpoint {path}: damaged: its header is not JSON: {error}") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"checkpoint {path}: no checkpoint of npdeep: its header does not say '{FORMAT}'")
    if header.get("version") != VERSION:
        raise ValueError(
            f"checkpoint {path}: has version {header.get('version')!r} of the format, this npdeep reads version {VERSION}"
        )
    if not isinstance(header.get("content"), dict) or "checksum" not in header:
        raise ValueError(f"checkpoint {path}: damaged: its header is incomplete")
    return header


def checksum(content: dict[str, Any], arrays: dict[str, Array]) -> str:
    """sha256 over the header's content and every array's name, dtype, shape and bytes.

    >>> checksum({}, {"a": np.zeros(2)}) == checksum({}, {"b": np.zeros(2)})
    False
    """
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def check_path(path: Any) -> Path:
    """A path that ends in .npz.

    >>> check_path("model.ckpt")
    Traceback (most recent call last):
    ValueError: checkpoint: the file's name must end in .npz, got model.ckpt
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"checkpoint: path must be a string or a Path, got {checks.describe(path)}")
    result = Path(path)
    if result.suffix != ".npz":
        raise ValueError(f"checkpoint: the file's name must end in .npz, got {result}")
    return result


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
