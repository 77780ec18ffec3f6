"""The rows that networks of the playground learn: digits, points in the plane, points drawn by hand, a CSV file."""

import csv
import functools
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from npdeep import datasets
from npdeep.kernels.arrays import Array
from npdeep.teaching.play.settings import Settings

POINTS = 500
MOST_BYTES, MOST_ROWS, MOST_COLUMNS, MOST_CLASSES = 2_000_000, 20_000, 1000, 50
"""Limits of a CSV file."""


@dataclass(frozen=True)
class Data:
    """Training and test rows.

    Attributes:
        x, y: training rows and their classes. test: the same of other rows, or None. classes: their names.
        code: Python that makes x, y and test. limits: the part of the plane that is drawn (left, right, bottom, top).
    """

    x: Array
    y: Array
    test: tuple[Array, Array] | None
    classes: tuple[str, ...]
    code: str
    limits: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)

    @property
    def plane(self) -> bool:
        """Two columns, which can be drawn."""
        return bool(self.x.shape[1] == 2)


def data_of(settings: Settings, file: Data | None = None) -> Data:
    """The rows that the settings name; file: those of a CSV file that was read. Raises ValueError where there are none yet.

    >>> data_of(Settings(data="moons", seed=0)).x.shape
    (500, 2)
    """
    if settings.data == "csv":
        if file is None:
            raise ValueError("Data: choose a CSV file first; the last column names the class, all others are numbers")
        return file
    if settings.data == "drawn":
        return drawn(settings.points)
    return digits() if settings.data == "digits" else plane(settings.data, settings.seed)


@functools.cache
def digits() -> Data:
    """5,000 and 1,000 handwritten digits."""
    (x, y), test = datasets.mnist_sample()
    for array in (x, y, *test):
        array.flags.writeable = False         # all pages share them
    return Data(x, y, test, tuple("0123456789"), "(x, y), test = nd.datasets.mnist_sample()")


def plane(name: str, seed: int) -> Data:
    """500 points in the plane to train on, and 500 others.

    >>> plane("circles", 0).classes
    ('0', '1')
    """
    made: Any = {"spirals": datasets.spirals, "moons": datasets.moons, "xor": datasets.xor, "circles": datasets.circles}[name]
    x, y = made(POINTS, seed=seed)
    call = f"nd.datasets.{name}({POINTS}, seed="
    code = f"x, y = {call}{seed})\ntest = {call}{seed + 1})"
    return Data(x, y, made(POINTS, seed=seed + 1), tuple(str(k) for k in range(int(y.max()) + 1)), code, around(x))


def around(x: Array) -> tuple[float, float, float, float]:
    """Limits that leave a margin around points in the plane.

    >>> around(np.array([[0.0, 0.0], [1.0, 0.5]]))
    (-0.08, 1.08, -0.08, 0.58)
    """
    (left, bottom), (right, top) = x.min(axis=0).tolist(), x.max(axis=0).tolist()
    margin = 0.08 * max(right - left, top - bottom, 1e-6)
    return left - margin, right + margin, bottom - margin, top + margin


SHEET = (-1.5, 1.5, -1.5, 1.5)
"""The part of the plane in which points are drawn."""


def drawn(points: str) -> Data:
    """Points that were drawn, perhaps none yet: all are trained on.

    >>> drawn("0.5,-1,0;1,1,1").y
    array([0, 1])
    """
    rows = [point.split(",") for point in points.split(";") if point]
    x = np.array([[float(a), float(b)] for a, b, _ in rows], np.float32).reshape(-1, 2)
    y = np.array([int(k) for *_, k in rows], int)
    code = f"import numpy as np\n\nx = np.array({x.tolist()}, np.float32)\ny = np.array({y.tolist()})\ntest = None"
    return Data(x, y, None, ("0", "1", "2"), code, SHEET)


def read_csv(content: bytes) -> Data:
    """A CSV file of numbers, the class in its last column; every fifth row is kept for the test.

    Columns are standardized by the training rows. Raises ValueError, naming the line, for what cannot be read.

    >>> data = read_csv(b"a,b,kind\\n" + b"1,2,cat\\n3,4,dog\\n" * 5)
    >>> data.x.shape, data.classes, len(data.test[0])
    ((8, 2), ('cat', 'dog'), 2)
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"CSV: the file has {len(content):,} bytes; at most {MOST_BYTES:,} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("CSV: the file is no text in UTF-8; save it as CSV UTF-8") from None
    if "\x00" in text:
        raise ValueError("CSV: the file holds zero bytes and is no text; save it as CSV UTF-8")
    x, kinds = _numbers(text)
    classes = sorted(set(kinds))
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise ValueError(f"CSV: the last column is the class and must have 2 to {MOST_CLASSES} different values, "
                         f"got {len(classes)}")  # fmt: skip
    y = np.array([classes.index(kind) for kind in kinds])
    held = np.arange(len(x)) % 5 == 4
    mean, spread = x[~held].mean(axis=0), x[~held].std(axis=0)
    x = ((x - mean) / np.where(spread > 0, spread, 1)).astype(np.float32)
    limits = around(x[~held]) if x.shape[1] == 2 else SHEET
    return Data(x[~held], y[~held], (x[held], y[held]), tuple(classes), CSV_CODE, limits)


CSV_CODE = '''from pathlib import Path

from npdeep.teaching.play.data import read_csv

data = read_csv(Path("your.csv").read_bytes())    # the class in the last column; every fifth row is kept for the test
x, y, test = data.x, data.y, data.test'''


def _numbers(text: str) -> tuple[Array, list[str]]:
    """All columns but the last as numbers, and the last as it is; a first line without numbers is a heading."""
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else "\t" if first.count("\t") > first.count(",") else ","
    rows: list[list[float]] = []
    kinds: list[str] = []
    width = 0
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), 1):
            if not any(cell.strip() for cell in cells):
                continue
            width = width or len(cells)
            if not 2 <= width <= MOST_COLUMNS or len(cells) != width:
                wanted = f"{width} as in the first" if 2 <= width <= MOST_COLUMNS else f"2 to {MOST_COLUMNS}"
                raise ValueError(f"CSV: line {number} has {len(cells)} columns; expected {wanted}")
            values = _as_numbers(number, cells[:-1], heading=not rows)
            if values is not None:
                rows.append(values)
                kinds.append(cells[-1].strip()[:30])
            if len(rows) > MOST_ROWS:
                raise ValueError(f"CSV: the file has more than {MOST_ROWS:,} rows; leave some out")
    except csv.Error as error:
        raise ValueError(f"CSV: it cannot be read: {error}") from None
    if len(rows) < 10:
        raise ValueError(f"CSV: at least 10 rows of numbers are needed, got {len(rows)}")
    return np.array(rows), kinds


def _as_numbers(number: int, cells: list[str], heading: bool) -> list[float] | None:
    """The numbers of a line; None for a heading, which has none."""
    values: list[float] = []
    for column, cell in enumerate(cells, 1):
        try:
            value = float(cell)
        except ValueError:
            if heading and not values and number == 1:
                return None
            raise ValueError(f"CSV: line {number}, column {column}: {cell.strip()[:30]!r} is not a number") from None
        if not abs(value) < 1e30:
            raise ValueError(f"CSV: line {number}, column {column}: {cell.strip()[:30]!r} is not finite or too large")
        values.append(value)
    return values
