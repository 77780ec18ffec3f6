"""Damaged and hostile IDX files through every reader: python tests/attacks/fuzz_idx.py [--files 10000] [--seed 0]

A reader gives the right numbers, or a ValueError or OSError that names the file in under 300 characters; it takes at most 2
seconds, and at most four times as much memory as the honest contents. What is right is worked out by `reference`, which reads
the format in another way than npdeep does. tests/test_idx.py runs a short form.
"""

import argparse
import collections
import contextlib
import gzip
import hashlib
import importlib
import io
import math
import struct
import tempfile
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from npdeep.command_line import main
from npdeep.command_line.runs import load_data
from npdeep.datasets import idx, mnist

module = importlib.import_module("npdeep.datasets.mnist")    # the function of this name hides it
SECONDS, TIMES, LONGEST = 2.0, 4, 300
FLOOR = 1 << 20
"""Bytes: beneath it buffers count for more than contents."""

NETWORK = 4 << 20
"""Bytes: `npdeep train` has built its network before it reads the data."""

CODES = {8: "B", 9: "b", 11: "h", 12: "i", 13: "f", 14: "d"}
SHAPES = dict(zip(module.FILES, [(30, 4, 4), (30,), (6, 4, 4), (6,)], strict=True))
"""Of a small set of images and labels."""

NAMES = list(SHAPES)
BOMB = 300_000_000
"""Bytes of zeros in a file of 290 KB."""


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def packed(code, shape, content):
    """An IDX file."""
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape) + content


def fitting(rng, place):
    """Images or labels as they are wanted in this place."""
    return packed(8, SHAPES[NAMES[place]], rng.bytes(math.prod(SHAPES[NAMES[place]])))


def honest(rng, place):
    """An IDX file of a random type and shape."""
    code = int(rng.choice(list(CODES)))
    shape = tuple(int(n) for n in rng.integers(1, 9, rng.integers(1, 5)))
    return packed(code, shape, rng.bytes(math.prod(shape) * struct.calcsize(CODES[code])))


def lying(rng, place):
    """The contents of one thing, the header of another."""
    data = bytearray(rng.choice([honest, fitting])(rng, place))
    sizes = [0, 1, 2, 3, 255, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1, int(rng.integers(2**32))]
    place = 4 + 4 * int(rng.integers(data[3]))
    data[place : place + 4] = struct.pack(">I", int(rng.choice(sizes)))
    return bytes(data)


def wrong_head(rng, place):
    """One of the first four bytes is another one."""
    data = bytearray(rng.choice([honest, fitting])(rng, place))
    data[rng.integers(4)] = rng.integers(256)
    return bytes(data)


def many_dimensions(rng, place):
    """Up to 255 dimensions, small or huge."""
    n = int(rng.integers(256))
    size = struct.pack(">I", int(rng.choice([1, 2, 2**16, 2**32 - 1])))
    return bytes([0, 0, 8, n]) + size * n + rng.bytes(int(rng.integers(9)))


def flipped(rng, data):
    """Some of the bytes are others."""
    damaged = bytearray(data)
    for place in rng.integers(0, len(data), rng.integers(1, 5)) if data else []:
        damaged[place] ^= 1 << rng.integers(8)
    return bytes(damaged)


DAMAGES = {
    "whole": lambda rng, data: data,
    "flipped": flipped,
    "cut off": lambda rng, data: data[: rng.integers(len(data) + 1)],
    "longer": lambda rng, data: data + rng.bytes(int(rng.integers(1, 30))),
    "longer by zeros": lambda rng, data: data + bytes(int(rng.integers(1, 30))),
    "twice": lambda rng, data: data + data,
    "a piece is missing": lambda rng, data: (lambda i: data[:i] + data[i + 3 :])(int(rng.integers(len(data) + 1))),
    "other bytes": lambda rng, data: rng.bytes(int(rng.integers(300))),
    "a text": lambda rng, data: b"<html>not found</html>",
    "another format": lambda rng, data: bytes(rng.choice([b"PK\3\4", b"\x93NUMPY", b"\x89PNG", b"BZh9", b"\xfd7zXZ"])) + data,
}
CONTENTS = {"fitting": fitting, "honest": honest, "lying": lying, "wrong head": wrong_head, "many dimensions": many_dimensions}
WRAPPINGS = {
    "plain": lambda rng, data, damage: damage(rng, data),
    "gzip": lambda rng, data, damage: gzip.compress(damage(rng, data), mtime=0),
    "damaged gzip": lambda rng, data, damage: damage(rng, gzip.compress(data, mtime=0)),
    "members": lambda rng, data, damage: gzip.compress(data[:5], mtime=0) + gzip.compress(damage(rng, data[5:]), mtime=0),
    "gzip in gzip": lambda rng, data, damage: gzip.compress(gzip.compress(damage(rng, data), mtime=0), mtime=0),
}


def bombs():
    """Small files that grow large, and headers that promise what is not there."""
    zeros = gzip.compress(bytes(BOMB), 9, mtime=0)
    several, head = (gzip.compress(packed(8, (3,), content), mtime=0) for content in (b"abc", b""))
    many = gzip.compress(b"", mtime=0) * 20_000
    return {
        "a bomb without a header": zeros,
        "a bomb behind three numbers": several + zeros,
        "a bomb behind a small header": head + zeros,
        "a bomb of its own size": gzip.compress(packed(8, (BOMB // 3, 3), b""), mtime=0) + zeros,
        "a bomb as labels": gzip.compress(packed(8, (BOMB,), b""), mtime=0) + zeros,
        "a bomb that announces less than it holds": gzip.compress(packed(8, (1000, 1000), b""), mtime=0) + zeros,
        "twenty thousand members": several + many,
        "zeros after a member": several + bytes(1_000_000),
        "250 MB announced, nothing there": gzip.compress(packed(8, (250, 1000, 1000), b""), mtime=0) + bytes(300_000),
        "2 GB announced, plain": packed(8, (2, 2**30), bytes(1000)),
        "10^600 announced": packed(14, (2**32 - 1,) * 64, bytes(1000)),
        "a long name in gzip's header": b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 1_000_000,
    }


def hostile(rng, place):
    """A name for the kind of file, and its bytes; one in eight is whole."""
    parts = [str(rng.choice(list(choices))) for choices in (CONTENTS, DAMAGES, WRAPPINGS)]
    if rng.random() < 1 / 8:
        parts = [str(rng.choice(["fitting", "honest"])), "whole", str(rng.choice(["plain", "gzip"]))]
    content, damage, wrapping = parts
    return " / ".join(parts), WRAPPINGS[wrapping](rng, CONTENTS[content](rng, place), DAMAGES[damage])


# ── what is right ─────────────────────────────────────────────────────────────────────────────────────────────────────
def reference(data):
    """The list of numbers and the shape in an IDX file, as its description says, or None."""
    if data[:2] == b"\x1f\x8b":
        try:
            data, whole = gzip.decompress(data), data
        except (OSError, EOFError, zlib.error):
            return None
        inflater = zlib.decompressobj(31)
        if inflater.decompress(whole) != data or inflater.unused_data:    # several in one, or something after it
            return None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in CODES or not 1 <= data[3] <= 64 or len(data) < 4 + 4 * data[3]:
        return None
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    count = math.prod(shape)
    if count == 0 or len(data) != 4 + 4 * data[3] + count * struct.calcsize(CODES[data[2]]):
        return None
    return struct.unpack_from(f">{count}{CODES[data[2]]}", data, 4 + 4 * data[3]), shape, CODES[data[2]]


def as_expected(found, right):
    """Are the numbers, the shape and the type those of the reference, in the byte order of this computer?"""
    if right is None:
        return False
    numbers, shape, code = right
    same = np.array_equal(found.ravel(), np.array(numbers, code), equal_nan=code in "fd")
    return found.shape == shape and found.dtype == np.dtype(code) and found.dtype.isnative and same


# ── readers ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class Readers:
    """All that read IDX files, over a folder with three honest files and a hostile one."""

    def __init__(self, folder):
        self.folder, self.outcomes, self.slowest, self.largest = Path(folder), collections.Counter(), 0.0, 0.0
        self.messages, self.longest = set(), 0
        rng = np.random.default_rng(0)
        self.honest = {name: fitting(rng, place) for place, name in enumerate(NAMES)}
        for name, data in self.honest.items():
            (self.folder / name).write_bytes(data)

    def as_mnist(self):
        """The honest files are taken for those of MNIST."""
        return {name: (SHAPES[name], hashlib.sha256(data).hexdigest()) for name, data in self.honest.items()}

    def attack(self, kind, data, place, command=False):
        """One hostile file through all readers, in the place of file number `place` of the four."""
        right = None if "bomb" in kind else reference(data)
        path = self.folder / NAMES[place]
        path.write_bytes(data)
        size = max(FLOOR, len(data))
        try:
            found = self.read("idx", kind, path, size, lambda: idx(path))
            if found is not None:
                assert as_expected(found, right), f"{kind}: idx gives other numbers than the reference"
            elif right is not None:
                raise AssertionError(f"{kind}: idx refused what can be read")
            found = self.read("mnist", kind, path, size, lambda: mnist(self.folder))
            same = right is not None and right[:2] == reference(self.honest[NAMES[place]])[:2]
            assert (found is not None) is same, f"{kind}: mnist took it for MNIST, or MNIST for something else"
            found = self.read("mnist, check=False", kind, path, size, lambda: mnist(self.folder, "uint8", check=False))
            assert found is None or self.belongs(found, right, place), f"{kind}: mnist gives other numbers than the reference"
            self.read("load_data", kind, path, size, lambda: load_data(str(self.folder)))
            if command:
                self.read("command line", kind, path, max(size, NETWORK), lambda: self.command())
        finally:
            path.write_bytes(self.honest[NAMES[place]])

    def belongs(self, splits, right, place):
        """Are the numbers in their place those of the reference?"""
        (x, y), (x_validation, y_validation), (x_test, y_test) = splits
        parts = [np.concatenate([x_validation, x]), np.concatenate([y_validation, y]), x_test, y_test]
        return right is not None and right[2] == "B" and np.array_equal(parts[place].ravel(), right[0])

    def command(self):
        """`npdeep train` with this folder, which must refuse in one line."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said), tempfile.TemporaryDirectory() as runs:
            code = main.main(["train", "--data", str(self.folder), "--folder", f"{runs}/run", "--epochs", "0"])
        message = said.getvalue().strip().removeprefix("npdeep train: ")
        assert code == 2, f"exit code {code}"
        raise ValueError(message)

    def read(self, reader, kind, path, size, call):
        """What the reader gives, or None where it refused as it should."""
        tracemalloc.start()
        start = time.perf_counter()
        found, message = None, ""
        try:
            found = call()
        except (ValueError, OSError) as error:
            message = str(error)
        seconds, memory = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, memory / size)
        self.longest = max(self.longest, len(message))
        assert seconds < SECONDS, f"{kind}: {reader} took {seconds:.1f} s"
        assert memory < TIMES * size, f"{kind}: {reader} took {memory:,} bytes for {size:,}"
        if found is None:
            names = [str(path), *(name for name in NAMES if "image" in message)]
            assert len(message) < LONGEST, f"{kind}: {reader} says too much: {message}"
            named = any(name in message for name in names) or "images must have one size" in message
            assert named, f"{kind}: {reader} does not name the file: {message}"
            self.messages.add(message.replace(str(path), "…"))
        self.outcomes[reader, "right numbers" if found is not None else "refused"] += 1
        return found


def run(files, seed, with_bombs=True):
    """The attack; returns the readers with their counts."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        readers = Readers(folder)
        patch.setattr(module, "FILES", readers.as_mnist())
        for kind, data in bombs().items() if with_bombs else ():
            for place in range(4):
                readers.attack(kind, data, place)
        for i in range(files):
            place = int(rng.integers(4))
            kind, data = (NAMES[place], readers.honest[NAMES[place]]) if i % 100 == 99 else hostile(rng, place)
            readers.attack(kind, data, place, command=i % 50 == 0)
    return readers


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--files", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    readers = run(given.files, given.seed)
    for (reader, outcome), count in sorted(readers.outcomes.items()):
        print(f"{reader:20} {outcome:14} {count:7,}")
    print(f"slowest {readers.slowest:.2f} s, most memory {readers.largest:.2f} times the file (of at least 1 MiB)")
    print(f"{len(readers.messages):,} different messages, the longest of {readers.longest} characters")
