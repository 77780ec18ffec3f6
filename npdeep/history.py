"""The record of a run: one row per epoch."""

import dis
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from npdeep.common import checks
from npdeep.common.hinting import Hinted
from npdeep.common.hints import HISTORY, by_name
from npdeep.common.optional import needed
from npdeep.common.tables import Table, csv_lines
from npdeep.common.whole_files import replacing

SHOWN = 20
"""How many epochs of a long run are printed: the first ones and the last."""


class Keys(list[str]):
    """What was recorded: a list, and a call of it gives it too, so that `history.keys()` and `dict(history)` work.

    >>> Keys(["epoch", "loss"])()
    ['epoch', 'loss']
    """

    def __call__(self) -> "Keys":
        """The list."""
        return self


class Results(dict[str, float]):
    """What `evaluate` measured, by name: a dict that is not unpacked by mistake, because that would give its keys.

    >>> loss, accuracy = Results(loss=0.5, accuracy=0.9)
    Traceback (most recent call last):
    TypeError: evaluate gives a dict: write loss, accuracy = trainer.evaluate(x, y).values()
    """

    def __missing__(self, key: Any) -> float:
        """Say what there is."""
        raise KeyError(f"{checks.shortened(repr(key))} was not measured; there are {checks.listed(self.keys())}")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """A value is found by its key."""
            hint = f": write results[{name!r}]" if name in self else ""
            raise AttributeError(f"what evaluate gives has no {name!r}{hint}", name=name, obj=None if hint else self)

    def __iter__(self) -> Iterator[str]:
        """The keys; refused where they are about to be unpacked into names: the instruction that asks for them says so."""
        caller = sys._getframe(1)
        if dis.opname[caller.f_code.co_code[caller.f_lasti]].startswith("UNPACK"):
            raise TypeError(f"evaluate gives a dict: write {', '.join(self.keys())} = trainer.evaluate(x, y).values()")
        return super().__iter__()


class History(Hinted):
    """One dict per epoch, and each quantity as a list. A long one prints its first and last epochs, `table()` all of them.

    Always there: epoch, updates (so far), seconds (of training so far, evaluation left out), learning_rate, loss; also
    the metrics, and val_loss, val_… where there is validation data.

    >>> history = History()
    >>> history.append({"epoch": 1, "loss": 0.5}); history.append({"epoch": 2, "loss": 0.25})
    >>> history["loss"], history.last["loss"], len(history)
    ([0.5, 0.25], 0.25, 2)
    """

    foreign = by_name(HISTORY)
    checked: ClassVar[Any] = {"records": lambda _, value: History(value).records}

    def __init__(self, records: list[dict[str, Any]] | None = None) -> None:
        self.records: list[dict[str, Any]] = []
        for record in [] if records is None else checks.items("History", "records", records, "dicts"):
            self.append(record)
        self.stopped_because = ""

    def append(self, record: Any) -> None:
        """Add an epoch, a dict. Raises ValueError or TypeError for a key that cannot be the header of a column."""
        if not isinstance(record, dict):
            wanted = "a dict such as {'epoch': 1, 'loss': 0.5}"
            raise TypeError(f"History: each record must be {wanted}, got {checks.describe(record)}")
        for key in record:
            checks.label("History", "key", key)
        self.records.append(record)

    @property
    def keys(self) -> Keys:
        """What was recorded, in order of appearance."""
        return Keys(dict.fromkeys(key for record in self.records for key in record))

    @property
    def last(self) -> dict[str, Any]:
        """The last epoch; empty before the first."""
        return self.records[-1] if self.records else {}

    def __getitem__(self, key: str) -> list[Any]:
        """One quantity over the epochs; None where an epoch lacks it."""
        if key not in self.keys:
            shown = checks.shortened(repr(key))
            raise KeyError(f"{shown} was not recorded; there are {checks.listed(self.keys) or 'no records yet'}")
        return [record.get(key) for record in self.records]

    def __contains__(self, key: object) -> bool:
        """Was it recorded?"""
        return key in self.keys

    def __len__(self) -> int:
        """How many epochs."""
        return len(self.records)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The epochs."""
        return iter(self.records)

    def to_csv(self, path: str | Path) -> None:
        """Write a CSV file with a header line; numbers in full precision, names that are formulas made harmless.

        A file of that name is replaced when the new one is whole. Raises OSError where it cannot be written.
        """
        rows = [self.keys, *([record.get(key, "") for key in self.keys] for record in self.records)]
        with replacing(checks.path("to_csv", "path", path)) as file:
            file.write(csv_lines(rows).encode("utf-8", "backslashreplace"))

    def to_json(self, path: str | Path) -> None:
        """Write a JSON file: a list with an object per epoch. Every number comes back with the same bits.

        JSON has no word for NaN and infinity: they are the texts "NaN", "Infinity" and "-Infinity", of which float() makes
        numbers again. A file of that name is replaced when the new one is whole. Raises OSError where it cannot be written.
        """
        records = [{key: _jsonable(value) for key, value in record.items()} for record in self.records]
        with replacing(checks.path("to_json", "path", path)) as file:
            text = json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False)
            file.write(f"{text}\n".encode("utf-8", "backslashreplace"))

    def to_frame(self) -> Any:
        """A new DataFrame of pandas: a row per epoch, a column per quantity, NaN where an epoch lacks it.

        Raises ImportError, with the command that fixes it, where pandas is missing (extra `pandas`).
        """
        return needed("to_frame", "pandas", "pandas").DataFrame(self.records, columns=list(self.keys))

    def table(self, most: int | None = None) -> Table:
        """The record as a table, four digits each: all epochs, or with `most` the first of this many and the last.

        >>> print(History([{"epoch": e, "loss": 1 / e} for e in range(1, 101)]).table(most=3))
        epoch  loss
        ─────  ──────
        1      1
        …      …
        99     0.0101
        100    0.01
        100 epochs; history.table() shows them all
        """
        keys, records, notes = self.keys, self.records, [self.stopped_because] if self.stopped_because else []
        if most is not None and len(records) > checks.whole("table", "most", most):
            records = [*records[: most // 2], dict.fromkeys(keys, "…"), *records[len(records) - (most - most // 2) :]]
            notes.append(f"{len(self)} epochs; history.table() shows them all")
        return Table(keys, [[_short(record.get(key, "")) for key in keys] for record in records], notes=notes)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """A quantity is found by its key."""
            if any(name in record for record in vars(self).get("records", ())[-1:]):
                raise AttributeError(f"a History is asked by keys: history[{name!r}] is a list, one number per epoch")
            return super().__getattr__(name)

    def __repr__(self) -> str:
        """The first epochs and the last."""
        return str(self.table(SHOWN)) if self.records else "History: no epoch yet"

    def _repr_html_(self) -> str:
        return self.table(SHOWN)._repr_html_()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _jsonable(value: Any) -> Any:
    """A value as JSON can hold it: NumPy's numbers as Python's, what is not finite in words, and other things as they print.

    >>> import numpy as np
    >>> [_jsonable(value) for value in (np.float64(0.1), np.int64(3), math.inf, math.nan, "yes", None, True)]
    [0.1, 3, 'Infinity', 'NaN', 'yes', None, True]
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value if isinstance(value, str | bool | int | float | None) else str(value)
