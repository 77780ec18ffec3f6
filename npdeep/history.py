"""The record of a run: one row an epoch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npdeep.common import checks
from npdeep.common.tables import Table, csv_lines
from npdeep.common.whole_files import replacing


class History:
    """One dict an epoch, and each quantity as a list.

    Always there: epoch, updates (so far), seconds (of training so far, evaluation left out), learning_rate, loss; besides,
    the metrics, and val_loss, val_… where there is validation data.

    >>> history = History()
    >>> history.append({"epoch": 1, "loss": 0.5}); history.append({"epoch": 2, "loss": 0.25})
    >>> history["loss"], history.last["loss"], len(history)
    ([0.5, 0.25], 0.25, 2)
    """

    def __init__(self, records: list[dict[str, Any]] | None = None) -> None:
        self.records: list[dict[str, Any]] = []
        for record in records or []:
            self.append(record)
        self.stopped_because = ""

    def append(self, record: dict[str, Any]) -> None:
        """Add an epoch. Raises ValueError or TypeError for a key that cannot be the header of a column."""
        for key in record:
            checks.label("History", "key", key)
        self.records.append(record)

    @property
    def keys(self) -> list[str]:
        """What was recorded, in order of appearance."""
        return list(dict.fromkeys(key for record in self.records for key in record))

    @property
    def last(self) -> dict[str, Any]:
        """The last epoch; empty before the first."""
        return self.records[-1] if self.records else {}

    def __getitem__(self, key: str) -> list[Any]:
        """One quantity over the epochs; None where an epoch lacks it."""
        if key not in self.keys:
            raise KeyError(f"{key!r} was not recorded; there are {', '.join(self.keys) or 'no records yet'}")
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
            file.write(csv_lines(rows).encode("utf-8"))

    def table(self) -> Table:
        """The record as a table, four digits each."""
        rows = [[_short(record.get(key, "")) for key in self.keys] for record in self.records]
        return Table(self.keys, rows, notes=[self.stopped_because] if self.stopped_because else [])

    @property
    def history(self) -> Any:
        """Not here: a history is asked directly."""
        raise AttributeError('a History is asked directly: history["loss"] is a list, one number an epoch')

    def __repr__(self) -> str:
        """The table."""
        return str(self.table()) if self.records else "History: no epoch yet"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
