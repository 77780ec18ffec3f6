"""Tables for people: plain text in a terminal, HTML in a notebook."""

import csv
import html
import io
import re
from collections.abc import Sequence
from typing import Any


class Table:
    """Rows under a header, with an optional title above and notes below.

    Columns of numbers stand to the right. Numbers are printed as given: format them first.

    >>> print(Table(["layer", "units"], [["hidden", "300"], ["outputs", "10"]], notes=["2 layers"]))
    layer    units
    ───────  ─────
    hidden     300
    outputs     10
    2 layers
    """

    def __init__(
        self, header: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "", notes: Sequence[str] = ()
    ) -> None:
        self.header, self.title, self.notes = list(header), title, list(notes)
        self.rows = [[str(cell) for cell in row] for row in rows]

    def _right(self) -> list[bool]:
        columns = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.header)
        return [all(cell[:1].isdigit() or cell[:1] in "-−+.<~" for cell in column if cell) for column in columns]

    def __str__(self) -> str:
        """Plain text, columns two blanks apart."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        right = self._right()

        def line(cells: Sequence[str]) -> str:
            padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))
            return "  ".join(padded).rstrip()

        body = [line(self.header), "  ".join("─" * w for w in widths), *map(line, self.rows)]
        return "\n".join([*([self.title] if self.title else []), *body, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        right = self._right()

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
