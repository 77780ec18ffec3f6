"""The file format of checkpoints: arrays and one JSON header in an .npz file, written whole or not at all, checked before use.

A checkpoint is a zip archive of .npy files, as `numpy.savez` writes them. The member "header" holds UTF-8 JSON as bytes; all
other members are arrays by name. The header names the format's version and a checksum over everything else in the file. There
is no pickle in it: reading a checkpoint runs no code.
"""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.whole_files import replacing
from npdeep.kernels.arrays import Array

FORMAT = "npdeep checkpoint"
VERSION = 1
HEADER = "header"
MARKS = ({"float"}, {"mapping"})
"""Keys of the dicts by which JSON says what it has no words for."""


def write(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Path:
    """Write header and arrays: to a temporary file in the same folder, flushed to the disk, then renamed.

    Whatever happens, `path` holds the old checkpoint or the new one, whole. Raises OSError where it cannot be written,
    TypeError where the header holds something that JSON cannot say or an array holds Python objects.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(Path(folder) / "a.npz", {"epoch": 3}, {"w": np.arange(2.0)})
    ...     read(path)
    ({'epoch': 3}, {'w': array([0., 1.])})
    """
    path = check_path(path)
    check_arrays(arrays)
    stored = {"format": FORMAT, "version": VERSION, "content": plain(header), "checksum": checksum(header, arrays)}
    text = json.dumps(stored, ensure_ascii=False, allow_nan=False).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        write_members(file, {HEADER: np.frombuffer(text, np.uint8), **arrays})
    return path


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of a checkpoint, after its checksum was found right.

    Raises FileNotFoundError where there is no such file, ValueError, naming the file and the fault, where it is no checkpoint,
    of a newer format, or damaged.
    """
    path = check_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path}: {'is a folder' if path.is_dir() else 'no such file'}")
    with open(path, "rb") as file:
        try:
            arrays = read_members(file)
        except Exception as error:            # a damaged archive makes zipfile and NumPy raise a dozen kinds
            fault = str(error) or type(error).__name__
            raise ValueError(f"checkpoint {path}: damaged, or no checkpoint at all: {fault}") from None
    header = parse_header(path, arrays.pop(HEADER, None))
    if header["checksum"] != checksum(header["content"], arrays):
        raise ValueError(f"checkpoint {path}: damaged: its checksum is not that of its contents")
    return header["content"], arrays


# ── the archive ───────────────────────────────────────────────────────────────────────────────────────────────────────
def write_members(file: Any, arrays: Mapping[str, Array]) -> None:
    """Every array as a member name.npy of a zip archive, not compressed."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def read_members(file: Any) -> dict[str, Array]:
    """All arrays of an archive by name. Raises all kinds of errors where it is damaged."""
    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.namelist():
            name = member.removesuffix(".npy")
            if name == member or name in arrays:
                raise ValueError(f"member {member!r} is {'no array' if name == member else 'there twice'}")
            whole = io.BytesIO(archive.read(member))    # read to its end, so that its CRC is checked before it is parsed
            arrays[name] = np.lib.format.read_array(whole, allow_pickle=False)
    return arrays


def check_arrays(arrays: Mapping[str, Array]) -> None:
    """Raise where an array would need pickle, or has the name of the header.

    >>> check_arrays({"w": np.array([None])})
    Traceback (most recent call last):
    TypeError: checkpoint: 'w' holds Python objects, which would need pickle
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"checkpoint: {name!r} holds Python objects, which would need pickle")
        if name == HEADER:
            raise ValueError(f"checkpoint: no array may have the name {HEADER!r}")


# ── the header ────────────────────────────────────────────────────────────────────────────────────────────────────────
def plain(value: Any) -> Any:
    """The value as JSON can say it: what it has no numbers for as {"float": "nan"}, NumPy's scalars as Python's.

    A mapping that JSON could not give back, with keys that are no strings or that look like such a mark, is a list of pairs.

    >>> plain({"best": np.float32(0.5), "loss": [1.0, math.inf]}), plain({1: 0.5})
    ({'best': 0.5, 'loss': [1.0, {'float': 'inf'}]}, {'mapping': [[1, 0.5]]})
    """
    if isinstance(value, Mapping):
        if set(value) in MARKS or not all(isinstance(key, str) for key in value):
            return {"mapping": [[plain(key), plain(item)] for key, item in value.items()]}
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return {"float": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def revived(item: dict[str, Any]) -> Any:
    """A dict out of JSON, or what it stands for.

    >>> revived({"float": "-inf"}), revived({"mapping": [[1, 0.5]]}), revived({"epoch": 3})
    (-inf, {1: 0.5}, {'epoch': 3})
    """
    if set(item) == {"float"}:
        return float(item["float"])
    return dict(item["mapping"]) if set(item) == {"mapping"} else item


def parse_header(path: Path, raw: Array | None) -> dict[str, Any]:
    """The header, of this format and of a version that is understood."""
    if raw is None:
        raise ValueError(f"checkpoint {path}: no checkpoint of npdeep: it has no header")
    try:
        header = json.loads(raw.tobytes(), object_hook=revived)
    except (ValueError, TypeError, RecursionError) as error:
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


def checksum(content: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """sha256 over the header's content and every array's name, dtype, shape and bytes.

    >>> checksum({}, {"a": np.zeros(2)}) == checksum({}, {"b": np.zeros(2)})
    False
    """
    digest = hashlib.sha256(json.dumps(plain(content), sort_keys=True, ensure_ascii=False).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        kind = np.lib.format.dtype_to_descr(array.dtype)
        digest.update(json.dumps([name, kind, list(array.shape)]).encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def check_path(path: Any) -> Path:
    """A path that ends in .npz.

    >>> check_path("model.ckpt")
    Traceback (most recent call last):
    ValueError: checkpoint: the file's name must end in .npz, got model.ckpt
    """
    result = checks.path("checkpoint", "path", path)
    if result.suffix != ".npz":
        raise ValueError(f"checkpoint: the file's name must end in .npz, got {result}")
    return result
