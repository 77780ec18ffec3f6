"""MNIST: 70,000 handwritten digits. The full set from files or public mirrors, and a sample that comes with the package.

Source: Y. LeCun and C. Cortes, *The MNIST database of handwritten digits*, CC BY-SA 3.0.
"""

import gzip
import hashlib
import http.client
import io
import os
import sys
import tempfile
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.kernels.arrays import Array

Split = tuple[Array, Array]
"""Images (n, 784) float32 in 0 … 1 or bytes, and labels (n,) int64."""

FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""sha256 of the uncompressed bytes."""

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SAMPLE = Path(__file__).with_name("mnist_sample.npz")
VALIDATION = 5000
"""How many of the first training images are for validation."""


def mnist_sample(dtype: str = "float32") -> tuple[Split, Split]:
    """The first 5,000 training and the first 1,000 test images of MNIST, from a file inside the package.

    Returns (x_train, y_train), (x_test, y_test): x (n, 784) float32 in 0 … 1, y (n,) int64. With dtype="uint8" x holds the
    pixels as bytes 0 … 255, in a quarter of the room; `fit(x, y, scale=1/255)` scales them batch by batch. These training
    images are the *validation* images of `mnist()`: never judge one by the other.

    >>> (x_train, y_train), (x_test, y_test) = mnist_sample()
    >>> x_train.shape, x_train.dtype, y_train[:5], x_test.shape
    ((5000, 784), dtype('float32'), array([5, 0, 4, 1, 9]), (1000, 784))
    """
    pixels = check_pixels("mnist_sample", dtype)
    with np.load(SAMPLE) as arrays:
        return (
            (pixels(arrays["x_train"]), arrays["y_train"].astype(np.int64)),
            (pixels(arrays["x_test"]), arrays["y_test"].astype(np.int64)),
        )


def mnist(folder: str | Path | None = None, dtype: str = "float32") -> tuple[Split, Split, Split]:
    """The full MNIST, split as the chapter does: 55,000 for training, 5,000 for validation, 10,000 for testing.

    The four IDX files, gzipped or not, are looked for in `folder`; without one, in $NPDEEP_DATA and in the cache
    ($XDG_CACHE_HOME/npdeep or ~/.cache/npdeep), and else downloaded into the cache. The sha256 of their contents is checked.

    Returns (x_train, y_train), (x_validation, y_validation), (x_test, y_test): x (n, 784) float32 in 0 … 1, y (n,) int64; with
    dtype="uint8" x holds bytes 0 … 255, as in `mnist_sample`. The validation images are the first 5,000 of the training file,
    as in the chapter. Raises FileNotFoundError where `folder` is given and lacks a file, ValueError where a file is damaged,
    OSError where no mirror can be reached.
    """
    pixels = check_pixels("mnist", dtype)
    x, y = (read(name, folder) for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"))
    x_test, y_test = (read(name, folder) for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"))
    x, x_test = pixels(x.reshape(len(x), -1)), pixels(x_test.reshape(len(x_test), -1))
    y, y_test = y.astype(np.int64), y_test.astype(np.int64)
    return (x[VALIDATION:], y[VALIDATION:]), (x[:VALIDATION], y[:VALIDATION]), (x_test, y_test)


def check_pixels(owner: str, dtype: Any) -> Callable[[Array], Array]:
    """What is done with the bytes of the images: they are scaled for "float32", left alone for "uint8".

    >>> check_pixels("mnist", "uint8")(np.array([0, 255], np.uint8))
    array([  0, 255], dtype=uint8)
    """
    given = np.dtype(dtype).name if isinstance(dtype, type | np.dtype) else dtype    # np.uint8 will do too
    return scale if checks.choice(owner, "dtype", given, ["float32", "uint8"]) == "float32" else lambda pixels: pixels


def scale(pixels: Array) -> Array:
    """Bytes 0 … 255 as float32 0 … 1.

    >>> scale(np.array([0, 255], np.uint8))
    array([0., 1.], dtype=float32)
    """
    return np.divide(pixels, 255, dtype=np.float32)


def read(name: str, folder: str | Path | None = None) -> Array:
    """One of the four files as an array of bytes, found or downloaded, and checked."""
    path = find(name, folder)
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"mnist: {path} is damaged: {error}; delete it and try again") from None
    if hashlib.sha256(data).hexdigest() != FILES[name]:
        raise ValueError(f"mnist: {path} is not the {name} of MNIST (its sha256 differs); delete it and try again")
    return parse_idx(data)


def parse_idx(data: bytes) -> Array:
    """The array in an IDX file of bytes: two zeros, the type 8 (unsigned byte), the number of dimensions, their sizes.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
    array([7, 9], dtype=uint8)
    """
    if data[:3] != b"\x00\x00\x08":
        raise ValueError("mnist: not an IDX file of unsigned bytes")
    dimensions = data[3]
    shape = np.frombuffer(data, ">u4", dimensions, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def find(name: str, folder: str | Path | None) -> Path:
    """The file's place: in the folder, else in $NPDEEP_DATA, else in the cache, else downloaded there."""
    if folder is not None:
        if not isinstance(folder, str | os.PathLike):
            raise TypeError(f"mnist: folder must be a path or None, got {checks.describe(folder)}")
        found = present(Path(folder), name)
        if found is None:
            raise FileNotFoundError(
                f"mnist: {Path(folder)} has neither {name} nor {name}.gz; without `folder` they are downloaded"
            )
        return found
    named = os.environ.get("NPDEEP_DATA")
    if named:
        found = present(Path(named), name)
        if found is None:
            raise FileNotFoundError(f"mnist: $NPDEEP_DATA names {named}, which has neither {name} nor {name}.gz")
        return found
    found = present(cache_folder(), name)
    if found is not None:
        return found
    return download(name, cache_folder())


def present(folder: Path, name: str) -> Path | None:
    """The file or its gzipped twin, where one of them is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def cache_folder() -> Path:
    """Where downloads are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "npdeep"


def download(name: str, folder: Path) -> Path:
    """Fetch name.gz from the first mirror that answers, check it, and put it into the folder under its name at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for mirror in MIRRORS:
        url = f"{mirror}{name}.gz"
        try:
            data = fetch(url, f"{name}.gz")
            if hashlib.sha256(gzip.decompress(data)).hexdigest() != FILES[name]:
                raise OSError("its contents are not those of MNIST")
        except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
            problems.append(f"{url}: {error}")
            continue
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(data)
        os.replace(file.name, folder / f"{name}.gz")
        return folder / f"{name}.gz"
    raise OSError(
        f"mnist: {name} could not be downloaded ({'; '.join(problems)}). Put the four files of MNIST into a folder and hand "
        "it in: mnist(folder), or set NPDEEP_DATA; or use mnist_sample(), which needs no download"
    )


def fetch(url: str, title: str) -> bytes:
    """The bytes at a URL, with progress on standard error."""
    with urllib.request.urlopen(url, timeout=30) as response:
        total = int(response.headers.get("Content-Length") or 0)
        got = io.BytesIO()
        with bar(total, title) as progress:
            while block := response.read(1 << 16):
                got.write(block)
                progress.update(len(block))
    return got.getvalue()


def bar(total: int, title: str) -> Any:
    """tqdm's bar where it is installed, else plain percentages."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return Percentages(total, title)
    return tqdm(total=total or None, desc=title, unit="B", unit_scale=True)


class Percentages:
    """Progress in tens of percent.

    >>> with Percentages(100, "file") as progress:
    ...     progress.update(50)
    """

    def __init__(self, total: int, title: str) -> None:
        self.total, self.title, self.done, self.shown = total, title, 0, -1

    def __enter__(self) -> "Percentages":
        return self

    def __exit__(self, *error: object) -> None:
        print(file=sys.stderr)

    def update(self, n: int) -> None:
        """n more bytes."""
        self.done += n
        tenth = 10 * self.done // self.total if self.total else 0
        if tenth > self.shown:
            self.shown = tenth
            print(f"\r{self.title}: {10 * tenth} %", end="", file=sys.stderr, flush=True)
