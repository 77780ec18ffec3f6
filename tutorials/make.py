"""Makes a student's form and slides from the tutorials: python tutorials/make.py --folder forms [NAME ...] [--only student].

The notebooks in this folder are the only source, and the full form. The student's form goes to FOLDER/student: without outputs,
predictions and solutions hidden, empty cells to work in. The slides go to FOLDER/slides, HTML that needs no network; they
need the extra `slides`: python -m pip install -e '.[slides]'. The same files come out every time.

The tags of a cell say what it is:

    check       asserts what the text claims: folded in the full form, left out of the others
    plumbing    imports, and code that only draws: folded; on slides its output alone
    answer      what a prediction is compared with: folded in the student's form
    skip        left out of the slides

What needs no tag: a paragraph with **Predict:** gets a cell to write in; <details> holds a hint, which stays, or a solution,
which gives way to an empty cell; in the student's form a figure's title and caption are folded where a prediction is asked;
a heading begins a slide, and long code is left out there.
"""

import argparse
import copy
import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TAGS = ("check", "plumbing", "answer", "skip")
FOLDED = {"check", "plumbing"}
SOLUTION = re.compile(r"<details><summary>Solution</summary>.*?</details>\n*", re.DOTALL)
TITLE = re.compile(r"title[=(]")
CAPTION = re.compile(r"\*\w")
LONGEST_CODE = 14
"""Lines of code that fit on a slide; above a picture, half of them."""

Cell = dict[str, Any]


# ── cells ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def text_of(cell: Cell) -> str:
    """The source of a cell as one string."""
    return "".join(cell["source"])


def tags_of(cell: Cell) -> list[str]:
    """Those of our own tags that it has."""
    return [tag for tag in cell["metadata"].get("tags", []) if tag in TAGS]


def metadata(tags: Iterable[str]) -> dict[str, Any]:
    """What a cell with these tags needs to be folded: `jupyter` is for JupyterLab, `hide-input` for Jupyter Book and MyST-NB.

    >>> metadata(["check"])
    {'tags': ['check', 'hide-input'], 'jupyter': {'source_hidden': True}}
    """
    tags = list(tags)
    if FOLDED & set(tags):
        return {"tags": [*tags, "hide-input"], "jupyter": {"source_hidden": True}}
    return {"tags": tags} if tags else {}


def new_cell(kind: str, text: str = "", tags: Iterable[str] = ()) -> Cell:
    """A cell without outputs."""
    cell: Cell = {"cell_type": kind, "metadata": metadata(tags), "source": text.splitlines(keepends=True)}
    return cell | {"outputs": [], "execution_count": None} if kind == "code" else cell


def finished(notebook: Cell, cells: Iterable[Cell]) -> Cell:
    """The notebook with these cells, numbered."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    numbered = [cell | {"id": f"cell-{i}"} for i, cell in enumerate(cells)]
    return notebook | {"cells": numbered, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}}


def pieces(text: str, border: str) -> list[str]:
    """The text cut before each match of `border`, empty pieces left out.

    >>> pieces("a\\n## b\\nc", r"^## ")
    ['a', '## b\\nc']
    """
    cuts = [0, *(match.start() for match in re.finditer(border, text, re.MULTILINE)), len(text)]
    return [piece for a, b in itertools.pairwise(cuts) if (piece := text[a:b].strip("\n"))]


def moved_links(text: str, folder: Path) -> str:
    """Links to files of the repository, as seen from another folder."""

    def moved(match: re.Match[str]) -> str:
        return f"]({Path(os.path.relpath(HERE / match[1], folder)).as_posix()}"

    return re.sub(r"\]\((\.\./[^)#\s]+)", moved, text)


# ── the student's form ────────────────────────────────────────────────────────────────────────────────────────────────
def student(notebook: Cell) -> Cell:
    """The notebook to work in."""
    cells: list[Cell] = []
    asked = False                             # is a prediction waiting for its answer?
    for cell in notebook["cells"]:
        text, tags = text_of(cell), tags_of(cell)
        if "check" not in tags:
            cells += student_cells(cell, asked)
        if cell["cell_type"] == "markdown":
            asked = "**Predict" in text or (asked and "answer" not in tags and not text.startswith("#"))
    return finished(notebook, cells)


def student_cells(cell: Cell, asked: bool = False) -> Iterator[Cell]:
    """What becomes of a cell in the student's form. Titles and captions say what is seen: where that is asked, they are folded.

    >>> [cell["metadata"] for cell in student_cells(new_cell("code", "ax.set_title('It vanishes')"), asked=True)]
    [{'tags': ['plumbing', 'hide-input'], 'jupyter': {'source_hidden': True}}]
    """
    text, tags = text_of(cell), tags_of(cell)
    if cell["cell_type"] == "code":
        yield new_cell("code", text, ["plumbing"] if asked and TITLE.search(text) else tags)
    elif "answer" in tags:
        yield new_cell("markdown", f"<details><summary>Compare with your prediction</summary>\n\n{text}\n</details>", tags)
    elif asked and CAPTION.match(text):
        yield new_cell("markdown", f"<details><summary>How to read it</summary>\n\n{text}\n</details>", tags)
    else:
        parts = SOLUTION.split(text)
        for part in parts[:-1]:
            yield from question(part)
            yield new_cell("code")
        yield from question(parts[-1])


def question(text: str) -> Iterator[Cell]:
    """A text, with a cell to write in where it asks for a prediction."""
    if text.strip():
        yield new_cell("markdown", text.strip("\n"))
    if "**Predict" in text:
        yield new_cell("markdown", "*My prediction:* …")


# ── slides ────────────────────────────────────────────────────────────────────────────────────────────────────────────
PAGE = """
{%- extends 'reveal/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}
<script src="assets/mathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full,Safe"></script>
<script type="text/x-mathjax-config">
MathJax.Hub.Config({
  showMathMenu: false, messageStyle: "none", tex2jax: {inlineMath: [["$", "$"]], processEscapes: true},
  "HTML-CSS": {availableFonts: [], imageFont: null, preferredFont: null, webFont: "STIX-Web"}
});
</script>
{%- endblock -%}
{%- block html_head_css -%}
<style>
:root { --jp-ui-font-size1: 24px; --jp-content-font-size1: 24px; --jp-code-font-size: 20px; }
.reveal h1, .reveal h2, .reveal h3 { text-transform: none !important; }
.reveal .slides section section { max-height: 740px; overflow-y: auto; text-align: left; }
.reveal .jp-RenderedImage img { display: block; margin: 0 auto; max-height: 600px; width: 86%; object-fit: contain; }
.reveal .jp-RenderedHTMLCommon table { font-size: 22px; }
.reveal pre { box-shadow: none; width: 100%; white-space: pre-wrap; }
</style>
{%- endblock -%}
{%- block footer_js -%}
<script src="assets/reveal/reveal.js"></script>
<script>
Reveal.initialize({width: 1280, height: 800, margin: 0.03, hash: true, slideNumber: true, transition: "none", center: false});
</script>
</html>
{%- endblock -%}
"""
"""nbconvert's page, with reveal.js and MathJax from a folder beside it in place of the network."""


def on_slides(notebook: Cell) -> Cell:
    """The notebook with the notes that nbconvert makes slides from."""
    cells: list[Cell] = []
    for cell in notebook["cells"]:
        if {"check", "skip"} & set(tags_of(cell)):
            continue
        picture = bool(cells) and has_picture(cells[-1])
        cells += code_slide(cell) if cell["cell_type"] == "code" else text_slides(cell, after_picture=picture)
    return finished(notebook, cells)


def slide(cell: Cell, kind: str, **more: Any) -> Cell:
    """A copy of the cell that begins a slide, or is a part of one."""
    return copy.deepcopy(cell) | {"metadata": {"slideshow": {"slide_type": kind}} | more}


def has_picture(cell: Cell) -> bool:
    """Has it drawn something?"""
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def code_slide(cell: Cell) -> list[Cell]:
    """Code and output; of plumbing and long code the output alone, and nothing where there is none."""
    lines = text_of(cell).count("\n") + 1
    shown = "plumbing" not in tags_of(cell) and lines <= LONGEST_CODE // (1 + has_picture(cell))
    if shown:
        return [slide(cell, "subslide")]
    return [slide(cell, "subslide", tags=["hide-input"])] if cell["outputs"] else []


def text_slides(cell: Cell, after_picture: bool) -> list[Cell]:
    """A slide for each heading and each exercise; an answer appears below the output that it explains."""
    if "answer" in tags_of(cell):
        return [slide(cell, "subslide" if after_picture else "fragment")]
    parts = pieces(SOLUTION.sub("", text_of(cell)), r"^(#+ |\*\*\d+\.\*\* )")
    return [slide(new_cell("markdown", part), "slide" if re.match("##? ", part) else "subslide") for part in parts]


def write_slides(notebooks: dict[str, Cell], folder: Path) -> None:
    """Write the pages, and beside them what they load."""
    try:
        import jupyter_server_mathjax
        import nbformat
        import sphinx_revealjs
        from jinja2 import DictLoader
        from nbconvert import SlidesExporter
        from traitlets.config import Config
    except ImportError as error:
        raise SystemExit(f"slides need {error.name}: python -m pip install -e '.[slides]'") from None
    copy_assets(Path(sphinx_revealjs.__file__), Path(jupyter_server_mathjax.__file__), folder / "assets")
    looks = {"exclude_input_prompt": True, "exclude_output_prompt": True, "reveal_theme": "white"}
    config = Config(
        SlidesExporter={**looks, "template_file": "offline.html.j2"},
        TagRemovePreprocessor={"enabled": True, "remove_input_tags": {"hide-input"}},
    )
    exporter = SlidesExporter(config=config, extra_loaders=[DictLoader({"offline.html.j2": PAGE})])
    for name, notebook in notebooks.items():
        node = nbformat.reads(json.dumps(on_slides(notebook)), as_version=4)
        body, _ = exporter.from_notebook_node(node, {"metadata": {"name": name}})
        body = re.sub(r"https://unpkg\.com/reveal\.js@[\d.]+/dist", "assets/reveal", body)
        (folder / f"{name}.slides.html").write_text(moved_links(body, folder), encoding="utf-8")


def copy_assets(sphinx_revealjs: Path, mathjax: Path, folder: Path) -> None:
    """What the pages load: reveal.js with one of its themes, and MathJax, out of two Python packages."""
    reveal = sphinx_revealjs.parent / "_static" / "revealjs" / "dist"
    for name in ("reveal.js", "reveal.css", "theme/white.css", "theme/fonts/source-sans-pro"):
        (folder / "reveal" / name).parent.mkdir(parents=True, exist_ok=True)
        if (reveal / name).is_dir():
            shutil.copytree(reveal / name, folder / "reveal" / name, dirs_exist_ok=True)
        else:
            shutil.copyfile(reveal / name, folder / "reveal" / name)
    shutil.copytree(mathjax.parent / "static", folder / "mathjax", dirs_exist_ok=True)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def read(path: Path) -> Cell:
    """A notebook of this folder."""
    notebook: Cell = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def write(notebook: Cell, path: Path) -> None:
    """In the form in which Jupyter writes it, with links that lead from there into the repository."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = moved_links(text_of(cell), path.parent).splitlines(keepends=True)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True, separators=(",", ": "))
    path.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Make what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="how the file names begin, such as 03; all by default")
    parser.add_argument("--folder", type=Path, required=True, help="where the two forms go")
    parser.add_argument("--only", choices=["student", "slides"], help="make one of the two")
    given = parser.parse_args()
    paths = [path for path in sorted(HERE.glob("[0-9][0-9]_*.ipynb")) if path.name.startswith(tuple(given.names or [""]))]
    notebooks = {path.stem: read(path) for path in paths}
    if given.only != "slides":
        (given.folder / "student").mkdir(parents=True, exist_ok=True)
        for name, notebook in notebooks.items():
            write(student(notebook), given.folder / "student" / f"{name}.ipynb")
    if given.only != "student":
        (given.folder / "slides").mkdir(parents=True, exist_ok=True)
        write_slides(notebooks, given.folder / "slides")
    print(f"wrote {len(notebooks)} notebooks in {given.only or 'two forms'} to {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
