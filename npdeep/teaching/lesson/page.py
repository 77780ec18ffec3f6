"""The lesson as one page: tables, sentences and figures, to be opened in any browser without a network."""

import base64
import html
import re
from collections.abc import Sequence
from pathlib import Path

from npdeep.common import pages
from npdeep.common.whole_files import replacing
from npdeep.teaching.lesson.figures import PICTURES
from npdeep.teaching.lesson.measure import Result
from npdeep.teaching.lesson.tables import gradients, table, units
from npdeep.teaching.lesson.words import sentences

NAME = "index.html"


def write(results: Sequence[Result], introduction: Sequence[str], folder: Path) -> Path:
    """Write the page beside its figures, which must be in the folder; they are copied into it. Returns its path."""
    path = folder / NAME
    with replacing(path) as file:
        file.write(page(results, introduction, folder).encode("utf-8"))
    return path


def page(results: Sequence[Result], introduction: Sequence[str], folder: Path) -> str:
    """The whole page as text. introduction: a paragraph, and a line for each network."""
    sections = [
        _section("before", "Before training", _table(gradients(results))),
        _section("after", "After training", _table(table(results)) + _table(units(results))),
        _section("sentences", "What the tables show", _list(sentences(results))),
        *(_section(Path(p.name).stem, p.heading, _figure(p.name, p.reading, p.words(results), folder)) for p in PICTURES),
    ]
    links = re.findall(r'<section id="([^"]+)" aria-labelledby="[^"]+">\n<h2 id="[^"]+">(.*?)</h2>', "\n".join(sections))
    parts = {
        "INTRODUCTION": f"<p>{html.escape(introduction[0])}</p>{_list(introduction[1:])}",
        "CONTENTS": "".join(f'<li><a href="#{place}">{heading}</a></li>' for place, heading in links),
        "SECTIONS": "\n".join(sections),
    }
    return pages.filled(pages.part("npdeep.teaching.lesson", "page.html"), parts)


def _section(place: str, heading: str, content: str) -> str:
    return (
        f'<section id="{place}" aria-labelledby="{place}-heading">\n<h2 id="{place}-heading">{html.escape(heading)}</h2>\n'
        f"{content}\n</section>"
    )


def _table(shown: object) -> str:
    text: str = shown._repr_html_()           # type: ignore[attr-defined]
    text = text.replace("<th style", '<th scope="col" style')
    return f'<div class="wide" role="region" aria-label="Table" tabindex="0">{text}</div>'


def _list(said: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(sentence)}</li>' for sentence in said)}</ul>"


def _figure(name: str, reading: str, words: str, folder: Path) -> str:
    """A picture with its numbers as alternative text; how to read it below."""
    data = base64.b64encode((folder / name).read_bytes()).decode("ascii")
    return (
        f'<figure><img width="1280" height="720" alt="{html.escape(words)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(reading)}</figcaption></figure>"
    )
