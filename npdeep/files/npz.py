"""The file format of checkpoints: arrays and one JSON header in an .npz file, written whole or not at all, checked before use.

A checkpoint is a zip archive of .npy files, as `numpy.savez` writes them. The member "header" holds UTF-8 JSON as bytes; all
other members are arrays by name. The header names the format's version and a checksum over everything else in the file. There
is no pickle in it: reading a checkpoint runs no code.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.common import checks, words
from npdeep.common.whole_files import make_folder, replacing
from npdeep.kernels.arrays import Array

FORMAT = "npdeep checkpoint"
VERSION = 1
HEADER = "header"
DEEPEST = 64
"""How deep lists and objects in a header may lie within each other: no reader can be made to run out of stack."""
EXPANSION = 4
"""How many times its own size an archive may hold, where somebody has compressed it."""
PATH, FAULT = 110, 150
"""How many characters of a file's name, and of what is wrong with it, are shown."""
STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
MARKS = ({"float"}, {"mapping"})
"""Keys of the dicts by which JSON says what it has no words for."""


def write(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Path:
    """Write header and arrays: to a temporary file in the same folder, flushed to the disk, then renamed.

    Whatever happens, `path` holds the old checkpoint or the new one, whole. Raises OSError where it cannot be written,
    TypeError where the header holds something that JSON cannot say or an array holds Python objects, ValueError where it is
    nested too deeply.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(Path(folder) / "a.npz", {"epoch": 3}, {"w": np.arange(2.0)})
    ...     read(path)
    ({'epoch': 3}, {'w': array([0., 1.])})
    """
    path = check_path(path)
    check_arrays(arrays)
    try:
        content = plain(header)
        stored = {"format": FORMAT, "version": VERSION, "content": content, "checksum": digest(content, arrays)}
        text = json.dumps(stored, ensure_ascii=False, allow_nan=False).encode()
        depth = nesting(text)
    except RecursionError:
        depth = sys.getrecursionlimit()
    except (TypeError, UnicodeEncodeError):
        raise TypeError(f"checkpoint: {not_in_json(content)}; a file keeps numbers and Unicode texts there") from None
    if depth > DEEPEST:
        raise ValueError(f"checkpoint: what is to be stored is nested more than {DEEPEST} deep, which no reader would take")
    with short_names():
        make_folder(path)
        with replacing(path) as file:
            write_members(file, {HEADER: np.frombuffer(text, np.uint8), **arrays})
    return path


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of a checkpoint, after its checksum was compared. What the header says is checked by `schema.read`.

    Raises FileNotFoundError where there is no such file, ValueError, naming the file and the fault, where it is not a
    checkpoint, of a newer format, or damaged, and where it would take more memory than its size allows for.
    """
    path = check_path(path)
    with short_names():
        if not path.is_file():
            what = f"is a folder{newest(path)}" if path.is_dir() else "no such file"
            raise FileNotFoundError(f"checkpoint {visible(path)}: {what}")
        file: Any = open(path, "rb")          # noqa: SIM115 (closed below)
    with file:
        try:
            arrays = read_members(file)
        except Exception as error:            # a damaged archive makes zipfile and NumPy raise a dozen kinds
            raise fault(path, f"damaged, or no checkpoint at all: {str(error)[:FAULT] or type(error).__name__}") from None
    with naming(path):
        header = parse_header(arrays.pop(HEADER, None))
        if header["checksum"] != digest(header["content"], arrays):
            raise ValueError("damaged: its checksum is not that of its contents")
        content = revived(header["content"])
        if not isinstance(content, dict):
            raise ValueError("damaged: its header is incomplete")
    return content, arrays


def newest(path: Path) -> str:
    """What to pass in place of a folder that was given for a file; "" where it is none, or has no such file.

    >>> newest(Path("no such folder"))
    ''
    """
    with contextlib.suppress(OSError):
        files = [entry for entry in os.scandir(path) if entry.name.endswith(".npz") and entry.is_file()]
        if files:
            last = max(files, key=lambda entry: (entry.stat().st_mtime, entry.name))
            return f"; pass a file in it, the newest is {checks.shortened(words.visible(last.name), 40)}"
    return ""


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def visible(path: str | Path) -> str:
    """The name of a file as a message can show it: of a long one the end.

    >>> visible("folder/" * 100 + "a.npz")[:20], visible("\\x1b[31m.npz")
    ('…older/folder/folder', '\\\\x1b[31m.npz')
    """
    shown = words.visible(str(path))
    return shown if len(shown) <= PATH else f"…{shown[1 - PATH :]}"


def fault(path: str | Path, what: str, kind: str = "checkpoint") -> ValueError:
    """The error for a file: its name, then what is wrong, on one line of less than 300 characters.

    >>> fault("a.npz", "state.epoch must be an integer")
    ValueError('checkpoint a.npz: state.epoch must be an integer')
    """
    beginning = what[: 2 * FAULT].removeprefix("checkpoint: ")    # a damaged archive claims names of 65,535 characters
    shown = checks.shortened(words.visible(beginning), FAULT)
    return ValueError(f"{kind} {visible(path)}: {shown}")


@contextlib.contextmanager
def short_names() -> Iterator[None]:
    """Inside, an error of the system shows the end of a file's name that is too long for a message.

    >>> try:
    ...     with short_names():
    ...         open("a" * 300)
    ... except OSError as error:
    ...     len(str(error.filename))
    110
    """
    try:
        yield
    except OSError as error:
        if isinstance(error.filename, str) and len(error.filename) > PATH:
            raise OSError(error.errno, error.strerror, visible(error.filename)) from None    # of the class of the errno
        raise


@contextlib.contextmanager
def naming(path: str | Path, kind: str = "checkpoint") -> Iterator[None]:
    """Inside, an error about what a file holds becomes a ValueError that names the file too.

    >>> with naming("a.npz"):
    ...     checks.whole("state", "epoch", "x", minimum=0)
    Traceback (most recent call last):
    ValueError: checkpoint a.npz: state: epoch must be an integer of at least 0, got the string 'x'
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise fault(path, str(error), kind) from None


# ── the archive ───────────────────────────────────────────────────────────────────────────────────────────────────────
def write_members(file: Any, arrays: Mapping[str, Array], packing: int = zipfile.ZIP_STORED) -> None:
    """Every array as a member name.npy of a zip archive, as np.savez does, which leaves its archive open on a full disk."""
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def read_members(file: Any) -> dict[str, Array]:
    """All arrays of an archive by name. Raises all kinds of errors where it is damaged.

    No more is read than the file's size allows for: an archive that is not compressed, as `write_members` makes it, holds no
    more bytes than it has, and a compressed one at most four times as many.
    """
    arrays: dict[str, Array] = {}
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        declared = sum(member.file_size for member in members)
        if declared > EXPANSION * size:
            raise ValueError(f"it unpacks to {declared:,} bytes, more than {EXPANSION} times its own {size:,}")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"member {name!r} is packed in a way that NumPy does not use")
            if name == member.filename or name in arrays:
                wrong = "not an array" if name == member.filename else "there twice"
                raise ValueError(f"member {member.filename!r} is {wrong}")
            with archive.open(member) as packed:    # to its end, so that its CRC is checked before it is parsed; and no further
                arrays[name] = read_member(packed.read(member.file_size))
    return arrays


def read_member(whole: bytes) -> Array:
    """The array in an .npy file, after the size that it claims has been compared with the size that it has.

    >>> file = io.BytesIO()
    >>> np.save(file, np.arange(3))
    >>> read_member(file.getvalue())
    array([0, 1, 2])
    """
    file = io.BytesIO(whole)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = read_header(file)
    start = file.tell()
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    if dtype.itemsize == 0 or math.prod(shape) * dtype.itemsize != len(whole) - start:
        raise ValueError(f"an array of shape {shape} and dtype {dtype} does not have {len(whole) - start:,} bytes")
    return np.ndarray(shape, dtype, whole, start, order="F" if columns_first else "C").copy()


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

    A mapping that JSON could not give back, with keys that are not strings or that look like such a mark, is a list of pairs.

    >>> plain({"best": np.float32(0.5), "loss": [1.0, math.inf]}), plain({1: 0.5})
    ({'best': 0.5, 'loss': [1.0, {'float': 'inf'}]}, {'mapping': [[1, 0.5]]})
    """
    if type(value) in (str, int) or (type(value) is float and math.isfinite(value)):    # thousands in a long history
        return value
    if isinstance(value, Mapping):
        if set(value) in MARKS or not all(isinstance(key, str) for key in value):
            return {"mapping": [[plain(key), plain(item)] for key, item in value.items()]}
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return {"float": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def not_in_json(value: Any, place: str = "") -> str:
    """What JSON cannot say of what `plain` made, and where it is; "" where there is none.

    >>> not_in_json({"history": [0.5, {1, 2}]})
    'history/1 is an object of type set'
    """
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        if found := not_in_json(item, f"{place}/{key}".lstrip("/")):
            return found
    halves = isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value)
    fine = isinstance(value, str | int | float | dict | list | None) and not halves
    return "" if fine else f"{place} is {checks.describe(value)}"


def revived(value: Any) -> Any:
    """What `plain` made of a value, turned back. Raises ValueError where it made no such thing.

    >>> revived({"float": "-inf"}), revived({"mapping": [[1, 0.5]]}), revived({"epoch": 3})
    (-inf, {1: 0.5}, {'epoch': 3})
    """
    if isinstance(value, list):
        return [revived(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"float"}:
        if value["float"] not in ("nan", "inf", "-inf"):
            raise ValueError(f"damaged: {checks.describe(value['float'])} stands for a number that is not finite")
        return float(value["float"])
    if set(value) == {"mapping"}:
        return revived_pairs(value["mapping"])
    return {key: revived(item) for key, item in value.items()}


def revived_pairs(pairs: Any) -> dict[Any, Any]:
    """A dict whose keys JSON could not say."""
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ValueError("damaged: a mapping in its header is not a list of pairs")
    keys = [revived(key) for key, _ in pairs]
    if not all(key is None or isinstance(key, bool | int | float | str) for key in keys):
        raise ValueError("damaged: a key of a mapping in its header is neither a text nor a number")
    return dict(zip(keys, (revived(item) for _, item in pairs), strict=True))


def parse_header(raw: Array | None) -> dict[str, Any]:
    """The header, of this format and of a version that is understood."""
    if raw is None:
        raise ValueError("no checkpoint of npdeep: it has no header")
    header = parse_json(raw.tobytes())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"no checkpoint of npdeep: its header does not say '{FORMAT}'")
    if header.get("version") != VERSION or type(header["version"]) is not int:
        version = checks.shortened(repr(header.get("version")))
        raise ValueError(f"has version {version} of the format, this npdeep reads version {VERSION}")
    if not isinstance(header.get("content"), dict) or not isinstance(header.get("checksum"), str) or len(header) != 4:
        raise ValueError("damaged: its header is incomplete, or has more than belongs into it")
    return header


def parse_json(raw: bytes) -> Any:
    """What JSON says. Raises ValueError where it is none, nested too deeply, or says what JSON has no words for.

    >>> parse_json(b'[' * 1000)
    Traceback (most recent call last):
    ValueError: damaged: its header is nested 1000 deep, more than 64
    """
    depth = nesting(raw)
    if depth > DEEPEST:
        raise ValueError(f"damaged: its header is nested {depth} deep, more than {DEEPEST}")
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=refuse_constant)
    except ValueError as error:
        raise ValueError(f"damaged: its header is not JSON: {error}") from None


def refuse_constant(name: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(f"{name} is not a number")


def nesting(raw: bytes) -> int:
    """How deep lists and objects lie within each other, found without parsing them: a parser would go as deep itself.

    >>> nesting(b'{"a": [1, "[[["]}')
    2
    """
    brackets = STRINGS.sub(b"", raw).translate(None, NO_BRACKETS)
    opening = np.isin(np.frombuffer(brackets, np.uint8), list(b"[{"))
    return int(np.cumsum(np.where(opening, 1, -1)).max(initial=0))


def checksum(content: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """sha256 over the header's content and every array's name, dtype, shape and bytes.

    >>> checksum({}, {"a": np.zeros(2)}) == checksum({}, {"b": np.zeros(2)})
    False
    """
    return digest(plain(content), arrays)


def digest(content: Any, arrays: Mapping[str, Array]) -> str:
    """`checksum` of a content that is plain already, as it is in a file."""
    result = hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        kind = np.lib.format.dtype_to_descr(array.dtype)
        result.update(json.dumps([name, kind, list(array.shape)]).encode())
        result.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return result.hexdigest()


def check_path(path: Any) -> Path:
    """A path that ends in .npz.

    >>> check_path("model.ckpt")
    Traceback (most recent call last):
    ValueError: checkpoint: the file's name must end in .npz, got model.ckpt
    """
    result = checks.path("checkpoint", "path", path)
    if result.suffix != ".npz":
        raise ValueError(f"checkpoint: the file's name must end in .npz, got {visible(result)}{newest(result)}")
    return result
