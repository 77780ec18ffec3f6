"""Tables: plain text in a terminal, as wide as it is, and HTML in a notebook."""

import csv
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from npdeep.common import printing

GAP = "  "
WRAPPED = 24
"""A column of words is not made narrower than this: rather the columns that follow it go below."""


@dataclass
class Column:
    """One column of a table; `width` is what it is given, between `narrow` (header and words wrapped) and `natural`."""

    header: str
    cells: list[str]

    def __post_init__(self) -> None:
        words = [word for cell in self.cells for word in cell.split()]
        self.right = all(cell[:1].isdigit() or cell[:1] in "-−+.<~…×÷" for cell in self.cells if cell)
        widest = max(map(printing.length, self.cells), default=0)
        wrapped = widest if self.right else min(widest, max(WRAPPED, *map(printing.length, words), 0))
        self.natural = max(printing.length(self.header), widest)
        self.narrow = max(wrapped, *map(printing.length, self.header.split()), 0)
        self.width = self.natural

    def lines(self, text: str) -> list[str]:
        """A cell in lines of the column's width, padded."""
        fitted = printing.wrap(text, self.width)
        blanks = [" " * (self.width - printing.length(line)) for line in fitted]
        return [b + line if self.right else line + b for line, b in zip(fitted, blanks, strict=True)]


class Table:
    """Rows under a header, with an optional title above and notes below.

    Columns of numbers are aligned to the right. Numbers are printed as given: format them first.

    As text a table is as wide as the terminal (`printing.columns`). Where it does not fit, long headers and words in its cells
    are wrapped; where that is not enough, the columns that are left over follow below, behind the first ones again. What the
    encoding of standard output cannot hold is spelled out.

    Args:
        header: the names of the columns. rows: the cells, as many in each row.
        title: above. notes: below, a line each.
        keys: how many columns, from the left, say which row it is.

    >>> print(Table(["layer", "units"], [["hidden", "300"], ["outputs", "10"]], notes=["2 layers"]))
    layer    units
    ───────  ─────
    hidden     300
    outputs     10
    2 layers
    >>> print(Table(["layer", "mean", "spread over rows"], [["hidden", "0.5", "1.25"]]).text(width=18))
    layer   mean
    ──────  ────
    hidden   0.5
    <BLANKLINE>
            spread
    layer    over rows
    ──────  ──────────
    hidden        1.25
    """

    def __init__(
        self, header: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "", notes: Sequence[str] = (), keys: int = 1
    ) -> None:
        self.header, self.title, self.notes, self.keys = list(header), title, list(notes), keys
        self.rows = [[cell.unicode if isinstance(cell, printing.Text) else str(cell) for cell in row] for row in rows]

    def columns(self, encoding: str | None = None) -> list[Column]:
        """The columns as the encoding, by default standard output's, can hold them."""
        cells = [[printing.printable(cell.replace("\n", " "), encoding) for cell in row] for row in self.rows]
        turned = zip(*cells, strict=True) if cells else ([] for _ in self.header)
        names = (printing.printable(name, encoding) for name in self.header)
        return [Column(name, list(column)) for name, column in zip(names, turned, strict=True)]

    def text(self, width: int | None = None, encoding: str | None = None) -> str:
        """Plain text of at most this many columns, in this encoding; by default those of the terminal."""
        width = printing.columns() if width is None else width
        rule = printing.printable("─", encoding)
        blocks = ["\n".join(_block(columns, width, rule)) for columns in _blocks(self.columns(encoding), self.keys, width)]
        title = [printing.fold(self.title, width, encoding)] if self.title else []
        return "\n".join([*title, "\n\n".join(blocks), *(printing.fold(note, width, encoding) for note in self.notes)])

    def __str__(self) -> str:
        """Plain text, columns two blanks apart."""
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        right = [column.right for column in self.columns()]

        def row(cells: Sequence[str], tag: str) -> str:
            styled = (
                f'<{tag} style="text-align:{"right" if r else "left"}">{html.escape(c)}</{tag}>'
                for c, r in zip(cells, right, strict=True)
            )
            return f"<tr>{''.join(styled)}</tr>"

        title = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        body = "".join(row(cells, "td") for cells in self.rows)
        return f"<table>{title}<thead>{row(self.header, 'th')}</thead><tbody>{body}</tbody></table>{notes}"


class Tabled:
    """Base of what is shown as its table, in a terminal and in a notebook.

    >>> class Squares(Tabled):
    ...     def table(self): return Table(["n", "n²"], [[2, 4]])
    >>> Squares()
    n  n²
    ─  ──
    2   4
    """

    def table(self) -> Table:
        """The table."""
        raise NotImplementedError(f"{type(self).__name__} must define table()")

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _blocks(columns: list[Column], keys: int, width: int) -> list[list[Column]]:
    """The columns beside each other where they fit, else in blocks that all begin with the keys."""
    keyed, blocks = columns[:keys], [columns[:keys]]
    for column in columns[keys:]:
        if len(blocks[-1]) > keys and _total([c.narrow for c in [*blocks[-1], column]]) > width:
            blocks.append([*keyed])
        blocks[-1].append(column)
    return blocks


def _block(columns: list[Column], width: int, rule: str) -> list[str]:
    """The lines of one block. What is too much is taken bit by bit from the column that has most to give."""
    for column in columns:
        column.width = column.natural
    for _ in range(_total([c.natural for c in columns]) - width):
        widest = max(columns, key=lambda c: c.width - c.narrow)
        widest.width = max(widest.width - 1, widest.narrow)
    header = [column.lines(column.header) for column in columns]
    top = max(map(len, header))
    lines = _beside(columns, [[""] * (top - len(cell)) + cell for cell in header])
    lines.append(GAP.join(rule * column.width for column in columns))
    for row in zip(*(column.cells for column in columns), strict=True):
        lines += _beside(columns, [column.lines(cell) for column, cell in zip(columns, row, strict=True)])
    return lines


def _beside(columns: list[Column], cells: list[list[str]]) -> list[str]:
    """Cells of several lines beside each other."""
    blank = [" " * column.width for column in columns]
    rows = ([line or b for line, b in zip(row, blank, strict=True)] for row in zip_longest(*cells, fillvalue=""))
    return [GAP.join(row).rstrip() for row in rows]


# ── CSV ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
FORMULA = re.compile(r"""(^|[,;\t\r\n"])(?=\s*[=+\-@＝＋－＠])""")
"""Where a spreadsheet would begin to read a text as a formula: at its start, or after what may separate two cells."""


def csv_lines(rows: Sequence[Sequence[Any]]) -> str:
    """The rows as lines of a CSV file, numbers in full precision.

    A text that a spreadsheet would run as a formula, such as the name of a metric, gets an apostrophe in front of it
    (OWASP, *CSV Injection*).

    >>> csv_lines([["epoch", "=1+1"], [1, -0.5]])
    "epoch,'=1+1\\r\\n1,-0.5\\r\\n"
    """
    text = io.StringIO()
    csv.writer(text).writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_cell(value: Any) -> Any:
    """What is written for a value: itself, or a text without formulas in it.

    >>> csv_cell("@SUM(A1)"), csv_cell("loss"), csv_cell(-1.5)
    ("'@SUM(A1)", 'loss', -1.5)
    """
    return FORMULA.sub(r"\1'", value) if isinstance(value, str) else value
