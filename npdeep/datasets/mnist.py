"""MNIST: 70,000 handwritten digits. The full set from files or public mirrors, and a sample that comes with the package.

Source: Y. LeCun and C. Cortes, *The MNIST database of handwritten digits*, CC BY-SA 3.0.
"""

import hashlib
import io
import math
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.datasets.download import download
from npdeep.datasets.idx_files import holds, parse_idx, read_idx
from npdeep.kernels.arrays import Array

Split = tuple[Array, Array]
"""Images (n, 784) float32 in 0 … 1 or bytes, and labels (n,) int64."""

FILES: dict[str, tuple[tuple[int, ...], str]] = {
    "train-images-idx3-ubyte": ((60_000, 28, 28), "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train-labels-idx1-ubyte": ((60_000,), "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "t10k-images-idx3-ubyte": ((10_000, 28, 28), "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "t10k-labels-idx1-ubyte": ((10_000,), "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}
"""Shape, and sha256 of the uncompressed bytes."""

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SAMPLE = Path(__file__).with_name("mnist_sample.npz")
VALIDATION = 5000
"""How many of the first training images are for validation."""

OTHER_DATA = "load other data with mnist(folder, check=False), or one file with nd.datasets.idx(path)"
NO_FOLDER = "without `folder` they are downloaded"
ADVICE = "Put the four files of MNIST into a folder: mnist(folder), or set NPDEEP_DATA; or use mnist_sample()"


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


def mnist(folder: str | Path | None = None, dtype: str = "float32", check: bool = True) -> tuple[Split, Split, Split]:
    """The full MNIST, split as the chapter does: 55,000 for training, 5,000 for validation, 10,000 for testing.

    Args:
        folder: where the four IDX files are, gzipped or not. Without one they are looked for in $NPDEEP_DATA and in the cache
            ($XDG_CACHE_HOME/npdeep or ~/.cache/npdeep), and else downloaded into the cache.
        dtype: "float32" scales the pixels to 0 … 1; "uint8" leaves them as bytes 0 … 255, as in `mnist_sample`.
        check: True compares the sha256 of every file with MNIST's. False takes any files of these names that hold images of
            bytes, all of one size, and as many labels: Fashion-MNIST, Kuzushiji-MNIST, or digits of your own.

    Returns (x_train, y_train), (x_validation, y_validation), (x_test, y_test): x (n, pixels), 784 for MNIST, and y (n,) int64.
    The validation images are the first 5,000 of the training file, as in the chapter, but never more than a twelfth of it.
    Raises FileNotFoundError where a folder lacks a file, ValueError where a file is damaged or not what was asked for, OSError
    where no mirror can be reached or the cache cannot be written. One file of any shape and type is read by
    `nd.datasets.idx(path)`.
    """
    pixels = check_pixels("mnist", dtype)
    check = checks.flag("mnist", "check", check)
    x, y = read_pair("train-images-idx3-ubyte", "train-labels-idx1-ubyte", folder, check)
    x_test, y_test = read_pair("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", folder, check)
    if x.shape[1:] != x_test.shape[1:]:
        raise ValueError(f"mnist: images must have one size, got {x.shape[1:]} in training and {x_test.shape[1:]} in testing")
    x, x_test = pixels(x.reshape(len(x), -1)), pixels(x_test.reshape(len(x_test), -1))
    n = min(VALIDATION, len(x) // 12)
    return (x[n:], y[n:]), (x[:n], y[:n]), (x_test, y_test)


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


def read_pair(images: str, labels: str, folder: str | Path | None, check: bool) -> Split:
    """Images and their labels out of two files: as many of one as of the other."""
    x, y = read(images, folder, check), read(labels, folder, check)
    if len(x) != len(y):
        raise ValueError(f"mnist: {images} holds {len(x):,} images, {labels} {len(y):,} labels; each image needs one")
    return x, y.astype(np.int64)


def read(name: str, folder: str | Path | None = None, check: bool = True) -> Array:
    """One of the four files as an array of bytes, found or downloaded; check: it is MNIST's."""
    path = find(name, folder)
    cached = folder is None and not os.environ.get("NPDEEP_DATA")
    cure = "rename it, and mnist() downloads it again" if cached else "copy or download it again"
    array = read_idx("mnist", path, lambda shape, dtype: check_kind(name, shape, dtype, check), cure)
    if check and sha256(array) != FILES[name][1]:
        advice = cure if cached else OTHER_DATA
        raise ValueError(f"mnist: {path} is not MNIST's: the shape is right, but its sha256 differs; {advice}")
    return array


def check_kind(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], check: bool) -> None:
    """Raise ValueError unless it is the shape and type of MNIST's file of this name; without check, of any such file.

    >>> check_kind("t10k-labels-idx1-ubyte", (5,), np.dtype("u1"), check=False)
    >>> check_kind("t10k-labels-idx1-ubyte", (5, 2), np.dtype("u1"), check=False)
    Traceback (most recent call last):
    ValueError: holds 5 × 2 numbers (uint8), not labels, which are unsigned bytes in a row; nd.datasets.idx(path) reads any
    """
    of_bytes = dtype == np.dtype(np.uint8)
    if check and not (of_bytes and shape == FILES[name][0]):
        wanted = holds(FILES[name][0], np.dtype(np.uint8))
        raise ValueError(f"is not MNIST's: it holds {holds(shape, dtype)}, not {wanted}; {OTHER_DATA}")
    if "labels" in name and not (of_bytes and len(shape) == 1):
        kind = "labels, which are unsigned bytes in a row"
    elif "images" in name and not (of_bytes and len(shape) > 1):
        kind = "images, which are unsigned bytes in several dimensions"
    else:
        return
    raise ValueError(f"holds {holds(shape, dtype)}, not {kind}; nd.datasets.idx(path) reads any")


def sha256(array: Array) -> str:
    """Of the IDX file of bytes that holds the array, not gzipped.

    >>> sha256(np.array([7, 9], np.uint8)) == hashlib.sha256(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])).hexdigest()
    True
    """
    digest = hashlib.sha256(bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes())
    digest.update(array.data)
    return digest.hexdigest()


def find(name: str, folder: str | Path | None) -> Path:
    """The file's place: in the folder, else in $NPDEEP_DATA, else in the cache, else downloaded there."""
    if folder is not None:
        place = checks.path("mnist", "folder", folder)
        lacks, without = f"{place} has", f"; {NO_FOLDER}"
    elif os.environ.get("NPDEEP_DATA"):
        place = Path(os.environ["NPDEEP_DATA"])
        lacks, without = f"$NPDEEP_DATA names {place}, which has", ""
    else:
        return present(cache_folder(), name) or downloaded(name, cache_folder())
    found = present(place, name)
    if found is None:
        raise FileNotFoundError(f"mnist: {lacks} neither {name} nor {name}.gz{without}")
    return found


def present(folder: Path, name: str) -> Path | None:
    """The file or its gzipped twin, where one of them is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def cache_folder() -> Path:
    """Where downloads are kept."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "npdeep"
    except RuntimeError:                      # the home folder is unknown
        raise OSError(f"mnist: there is no home folder for a cache. {ADVICE}") from None


def downloaded(name: str, folder: Path) -> Path:
    """The file, fetched from a mirror into the folder; or OSError with what can be done instead."""
    shape, expected = FILES[name]

    def check(data: bytes) -> None:
        try:
            array = parse_idx(io.BytesIO(data), len(data), lambda shape, dtype: check_kind(name, shape, dtype, True))
        except zlib.error as error:
            raise ValueError(f"it is damaged: {error}") from None
        if sha256(array) != expected:
            raise ValueError("its contents are not those of MNIST")

    path = folder / f"{name}.gz"
    try:
        download(path, MIRRORS, math.prod(shape) + 1000, check)
    except ConnectionError as error:
        raise OSError(f"mnist: {name} could not be downloaded ({error}). {ADVICE}") from None
    except OSError as error:
        raise OSError(f"mnist: the cache {folder} cannot be written ({error.strerror or error}). {ADVICE}") from None
    return path
