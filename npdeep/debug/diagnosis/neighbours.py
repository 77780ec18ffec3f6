"""Do rows that are alike have targets that are alike? Asked of the data alone: no network comes in."""

from dataclasses import dataclass

import numpy as np

from npdeep.kernels.arrays import Array

NEIGHBOURS = 5
"""The targets of the five closest rows are what a row's own target is compared with."""


@dataclass
class Kinship:
    """What the closest rows tell of a row's target.

    Attributes:
        alike: of classes, how often two close rows have the same one; else the correlation of their targets.
        by_chance: the same for any two rows. doubt: the standard deviation of `alike` if the rows told nothing.
        linear: does a linear map of the features tell something of the targets, beyond all doubt?
        skill: how much of what guessing gets wrong a vote (or mean) of the closest rows gets right; 1 is all of it.
    """

    alike: float
    by_chance: float
    doubt: float
    skill: float
    linear: bool = False

    @property
    def told(self) -> bool:
        """Are close rows alike in their targets beyond all doubt?"""
        return bool(self.alike > self.by_chance + 4 * self.doubt)

    @property
    def silent(self) -> bool:
        """Are they no more alike than any two, and does a line tell nothing either?"""
        return bool(self.alike < self.by_chance + 2 * self.doubt) and not self.linear


def closest(x: Array) -> Array:
    """The indices (n, NEIGHBOURS) of the rows closest to each row, itself left out; features count by their spread.

    >>> closest(np.array([[0.0], [1.0], [10.0], [11.0], [2.0], [3.0]]))[2].tolist()
    [3, 5, 4, 1, 0]
    """
    values = x.astype(np.float64)
    spread = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    squares = np.einsum("ij,ij->i", values, values)
    distances = squares[:, None] + squares - 2 * values @ values.T
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(x) - 1)]


def kinship(near: Array, own: Array, others: Array, classes: bool) -> Kinship:
    """How the targets `own` (n, columns) go with those of the closest rows, out of `others` (n, columns).

    classes: the columns are classes, one of which is 1 in every row.

    >>> x = np.arange(200.0)[:, None]
    >>> k = kinship(closest(x), x, x, False)
    >>> round(k.alike, 2), round(k.skill, 2), k.told
    (1.0, 1.0, True)
    """
    n, seen = len(own), others[near].mean(axis=1)                # (n, columns)
    if classes:
        share = own.mean(axis=0)
        alike, by_chance = float(np.mean(np.sum(own * seen, axis=1))), float(np.sum(share**2))
        right = float(np.mean(own.argmax(axis=1) == seen.argmax(axis=1)))
        most = float(share.max())
        doubt = np.sqrt(by_chance * (1 - by_chance) / n)
        return Kinship(alike, by_chance, max(float(doubt), 1e-12), (right - most) / (1 - most) if most < 1 else 0.0)
    spread = own.std(axis=0)
    varying = spread > 0
    if not varying.any():
        return Kinship(0.0, 0.0, 1.0, 0.0)
    a, b = ((t[:, varying] - own[:, varying].mean(axis=0)) / spread[varying] for t in (own, seen))
    size = max(float(np.sqrt(np.mean(b * b))), 1e-12)
    return Kinship(float(np.mean(a * b)) / size, 0.0, float(1 / np.sqrt(n)), 1 - float(np.mean((a - b) ** 2)))


def told_by_a_line(x: Array, targets: Array) -> bool:
    """Does any feature, or a linear map of all of them, tell something of the targets (n, columns)? Least squares, an F test.

    In many dimensions rows are about equally far from each other, and a weak signal is seen by a line alone.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 5))
    >>> told_by_a_line(x, x[:, :1] + 2 * rng.standard_normal((200, 1))), told_by_a_line(x, rng.standard_normal((200, 1)))
    (True, False)
    """
    a, b = (array[:, np.ptp(array, axis=0) > 0].astype(np.float64) for array in (x, targets))
    if not a.size or not b.size:
        return False
    a, b = ((array - array.mean(axis=0)) / array.std(axis=0) for array in (a, b))
    n, features = a.shape
    if float(np.abs(a.T @ b).max()) / n > (np.sqrt(2 * np.log(features * b.shape[1])) + 2) / np.sqrt(n):
        return True
    if features > n / 4:
        return False
    explained = np.sum((a @ np.linalg.lstsq(a, b, rcond=None)[0]) ** 2, axis=0) / n    # R² of each column
    f = explained / features / np.maximum((1 - explained) / (n - features - 1), 1e-12)
    return bool(f.max() > 1 + 4 * np.sqrt(2 / features + 2 / (n - features - 1)))
