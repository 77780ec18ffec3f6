"""IDX files, the format of MNIST and its relatives: an array of numbers after a short header, gzipped or not.

Source: Y. LeCun, C. Cortes and C. Burges, *The MNIST database*, "File formats for the MNIST database".
"""

import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from npdeep.common import checks
from npdeep.kernels.arrays import Array

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The type by the third byte of the file; all numbers are stored with their highest byte first."""

MOST_DIMENSIONS = 64
"""NumPy has no arrays with more."""

MOST_INFLATED = 1032
"""Deflate cannot pack more bytes than this into one: see "Maximum Compression Factor" in zlib's technical details."""

LARGE, UNLIKELY = 1 << 28, 200
"""From this many bytes on, a file that is packed tighter than this is a bomb and not data."""

Accept = Callable[[tuple[int, ...], np.dtype[Any]], None]


class Damage(ValueError):
    """The bytes are not those of an IDX file."""


def idx(path: str | Path) -> Array:
    """The array in an IDX file, gzipped or not: Fashion-MNIST, EMNIST, Kuzushiji-MNIST, or data of your own.

    Returns an array of the shape and type that the header gives: unsigned or signed bytes, 2- or 4-byte integers, or floats
    of 4 or 8 bytes, in the byte order of this computer. Images come as (n, rows, columns): flatten them with
    `x.reshape(len(x), -1)`, and scale bytes with `fit(..., scale=1/255)`.

    No more is read than the header announces. Raises FileNotFoundError where there is no such file, and ValueError, which
    names the file and the fault, where it is not an IDX file, is too short, too long, empty, or damaged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    return read_idx("idx", checks.path("idx", "path", path))


def read_idx(owner: str, path: Path, accept: Accept | None = None, cure: str = "copy or download it again") -> Array:
    """The array in an IDX file. `accept` may refuse its shape and type with a ValueError, before the contents are read."""
    if not path.is_file():
        raise FileNotFoundError(f"{owner}: {path} {'is a folder' if path.is_dir() else 'is not a file'}")
    with open(path, "rb") as file:
        try:
            return parse_idx(file, path.stat().st_size, accept)
        except zlib.error as error:
            raise ValueError(f"{owner}: {path} is damaged: {error}; {cure}") from None
        except Damage as error:
            raise ValueError(f"{owner}: {path} {error}; {cure}") from None
        except ValueError as error:
            raise ValueError(f"{owner}: {path} {error}") from None
        except MemoryError:
            raise ValueError(f"{owner}: {path} holds more than fits into memory") from None


def parse_idx(file: BinaryIO, size: int, accept: Accept | None = None) -> Array:
    """The array in an open IDX file of `size` bytes. Every fault is found before more is read or made than is needed.

    >>> import io
    >>> parse_idx(io.BytesIO(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])), 10)
    array([7, 9], dtype=uint8)
    """
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: Any = Unzipped(file) if zipped else file
    shape, dtype = parse_header(stream)
    length = math.prod(shape) * dtype.itemsize
    announced = f"announces {holds(shape, dtype)}"
    if not zipped and size - 4 - 4 * len(shape) != length:
        raise Damage(f"{announced}, but has {size - 4 - 4 * len(shape):,} bytes after its header")
    if zipped and length > size * MOST_INFLATED:
        raise Damage(f"{announced}, which do not fit into {size:,} bytes, gzipped")
    if zipped and length > max(LARGE, size * UNLIKELY):
        raise ValueError(f"{announced} in {size:,} bytes: a gzip bomb? If it is your own data, unpack it first: gunzip")
    if accept is not None:
        accept(shape, dtype)
    content = read_at_most(stream, length)
    if len(content) < length:
        raise Damage(f"{announced}, but ends after {len(content):,} bytes of them")
    if stream.read(1) or file.read(1):        # reading to its end also checks gzip's checksum
        raise Damage(f"{announced}, but has more bytes after them")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


class Unzipped:
    """What is in a gzip file, read from its beginning to its end.

    Python's gzip would also read what many of them in one make together, which takes a second for a megabyte of empty ones.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.inflater = file, zlib.decompressobj(wbits=31)

    def read(self, n: int) -> bytes:
        """Some bytes, at most n; none at the end. Raises zlib.error where they are damaged or the end is missing."""
        block = b""
        while n and not block and not self.inflater.eof:
            packed = self.inflater.unconsumed_tail or self.file.read(1 << 16)
            block = self.inflater.decompress(packed, n)
            if not packed and not block:
                raise zlib.error("its end is missing")
        if self.inflater.unused_data:
            raise zlib.error("something else follows its end")
        return block


def parse_header(stream: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type: two zeros, the type, the number of dimensions, and their sizes, four bytes each."""
    magic = bytes(read_at_most(stream, 4))
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise Damage(f"is not an IDX file: it begins with {magic!r}, not with two zeros, a type and a number of dimensions")
    if magic[2] not in TYPES:
        raise Damage(f"has numbers of type {magic[2]:#04x}, IDX knows {', '.join(f'{code:#04x}' for code in TYPES)}")
    dimensions = magic[3]
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise Damage(f"has {dimensions} dimensions, of which 1 to {MOST_DIMENSIONS} can be read")
    sizes = read_at_most(stream, 4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise Damage(f"ends within its header, {len(sizes)} bytes into the sizes of its {dimensions} dimensions")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, 4 * dimensions, 4))
    if 0 in shape:
        raise Damage(f"holds no numbers: dimension {shape.index(0) + 1} of {dimensions} is 0")
    return shape, np.dtype(TYPES[magic[2]])


def holds(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """What an array of this kind holds, in words that are never long.

    >>> holds((60_000, 28, 28), np.dtype(">u1")), holds((1, 2, 3, 4, 5, 6), np.dtype(">f8"))
    ('60000 × 28 × 28 numbers (uint8)', '1 × 2 × 3 × 4 × … numbers (float64, 6 dimensions)')
    """
    more = f", {len(shape)} dimensions" if len(shape) > 4 else ""
    sizes = " × ".join([*map(str, shape[:4]), *["…"] * bool(more)])
    return f"{sizes} numbers ({dtype.newbyteorder('=').name}{more})"


def read_at_most(stream: BinaryIO, length: int) -> bytearray:
    """The next `length` bytes, or all that there are. Memory grows with what has been read, whatever was announced."""
    content = bytearray()
    while block := stream.read(min(1 << 20, length - len(content))):
        content += block
    return content
