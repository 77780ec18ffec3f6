"""A run's history as a CSV file that grows with it."""

import csv
import io
import os
from pathlib import Path
from typing import Any

from npdeep.callbacks.base import Callback
from npdeep.common import checks
from npdeep.common.tables import csv_cell, csv_lines
from npdeep.common.whole_files import append_whole, check_can_be_written, replacing
from npdeep.files import fields


class CSVLogger(Callback):
    """Writes a row per epoch into a CSV file, at once, so that a run can be watched and nothing is lost when it breaks off.

    Args:
        path: the file. Its columns are those of the first row.
        append: True continues after what is there; False, the default, begins again with the first epoch.

    A run that is resumed from a checkpoint continues after the last row from before it: rows that it wrote later are cut off,
    and no others. Names that a spreadsheet would run as formulas get an apostrophe in front of them. Raises ValueError
    where a row has other columns than the file, or where the file is not as the run left it; OSError, before training,
    where it cannot be written.

    >>> CSVLogger("history.csv").append
    False
    """

    settled = dict.fromkeys(("path",), "the file has been begun; make a new callback")
    reports = True

    def __init__(self, path: str | Path, append: bool = False) -> None:
        self.path = checks.path("CSVLogger", "path", path)
        self.append = checks.flag("CSVLogger", "append", append)
        self.reset()

    def reset(self) -> None:
        """No row yet."""
        self.columns: list[str] = []
        self.size_at_checkpoint: int | None = None

    def on_fit_begin(self, trainer: Any) -> None:
        """Find the place to continue at, and see that the file can be written. It is begun with its first row."""
        size, self.size_at_checkpoint = self.size_at_checkpoint, None
        if size is not None and self.path.is_file():
            self.cut_off(size, trainer.epoch)
        if not self.path.exists():
            self.columns = []                 # it is another file, which needs its header
        elif not self.columns and self.append:
            self.columns = next(iter(parsed(self.path.read_bytes())), [])
        check_can_be_written(self.path, new=not self.columns)

    def cut_off(self, size: int, epoch: int) -> None:
        """Cut off the rows that this run wrote after a checkpoint in this epoch. Where others wrote them: ValueError."""
        content = self.path.read_bytes()
        before, after = content[:size], parsed(content[size:])
        if self.columns:
            if parsed(before)[:1] != [self.columns] or not before.endswith(b"\n") or not are_rows(self.columns, after, epoch):
                raise ValueError(
                    f"CSVLogger: size in the restored state is {size}, but {self.path} is not as this run left it: another "
                    "header, or rows that others wrote; move it away, and a new one is begun"
                )
            os.truncate(self.path, len(before))
        elif self.append and len(after) > 1 and are_rows(after[0], after[1:], epoch):
            os.truncate(self.path, 0)         # at the checkpoint it was not yet begun

    def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
        """Write the row."""
        row = {csv_cell(name): value for name, value in record.items()}
        begin = not self.columns or not self.path.exists()
        columns = self.columns or list(row)
        if set(row) != set(columns):
            raise ValueError(
                f"CSVLogger: {self.path} has the columns {', '.join(columns)}, this epoch recorded {', '.join(row)}"
            )
        lines = csv_lines([*([columns] if begin else []), [row[name] for name in columns]]).encode("utf-8", "backslashreplace")
        if begin and not self.append:
            with replacing(self.path) as file:
                file.write(lines)
        else:
            append_whole(self.path, lines)
        self.columns = columns

    def state(self) -> dict[str, Any]:
        """The columns, and how long the file is; no columns and 0 where there is no row yet."""
        there = bool(self.columns) and self.path.exists()
        return {"columns": self.columns if there else [], "size": self.path.stat().st_size if there else 0}

    def set_state(self, state: dict[str, Any]) -> None:
        """The columns, and how long the file was."""
        self.check_state("CSVLogger.state", state)
        self.columns, self.size_at_checkpoint = state["columns"], state["size"]

    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """Columns and the length of a file that has them."""
        fields.record({"columns": fields.items(fields.text(".*", "a text")), "size": fields.whole()})(where, state)
        columns, size = len(state["columns"]), state["size"]
        if (size > 0) != (columns > 0):
            raise ValueError(f"{where}.size must be the length of a file with {columns} columns, got {size}")


def parsed(content: bytes) -> list[list[str]]:
    """The rows of a CSV file; one row without cells where it is none.

    >>> parsed(b"epoch,loss\\r\\n1,0.5\\r\\n")
    [['epoch', 'loss'], ['1', '0.5']]
    """
    try:
        return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error):
        return [[]]


def are_rows(columns: list[str], rows: list[list[str]], epoch: int) -> bool:
    """Are these what a run that has finished this many epochs writes next: a whole row per epoch, in order?

    >>> are_rows(["epoch", "loss"], [["4", "0.2"], ["5", "0.1"]], epoch=3), are_rows(["name"], [["Ada"]], epoch=3)
    (True, False)
    """
    if not all(len(row) == len(columns) for row in rows) or (rows and "epoch" not in columns):
        return False
    found = [row[columns.index("epoch")] for row in rows]
    return any(found == [str(first + n) for n in range(len(rows))] for first in (epoch, epoch + 1))
