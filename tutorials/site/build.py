"""Builds the site: python tutorials/site/build.py [--folder build/site]. It needs the extra `site`:

    python -m pip install -e '.[site]'


Pages of this folder, the tutorials, their figures, what was measured and the reference are gathered in one folder, whose
layout is that of the repository, so that links between them lead to the same places. Nothing is loaded from a network, here
or by the pages; JupyterLite alone, at work, loads Pyodide.
"""

import argparse
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

import gallery  # noqa: E402
import links  # noqa: E402
import make  # noqa: E402
import reference  # noqa: E402

KEPT = {
    "tutorials": ("[0-9]*.ipynb", "*.md", "figures/*"),
    "benchmarks": ("RESULTS.md", "PERFORMANCE.md", "*.png", "*.py", "*.json"),
}
"""What of the repository's folders is part of the site."""
WHEEL = ("npdeep", "setup.cfg", "pyproject.toml", "LICENSE", "README.md", "MANIFEST.in", "tutorials/package_index.md")
"""What npdeep's wheel is made from."""
NO_PROCESS = "*Python in a browser cannot start another process. This cell works where npdeep is installed:*"
MATHJAX = ("tex-chtml.js", "output/chtml/fonts")
"""What of MathJax is needed."""


def gather(pages: Path) -> None:
    """Everything that Sphinx reads."""
    for path in [*HERE.glob("*.md"), HERE / "conf.py"]:
        shutil.copy(path, pages)
    shutil.copytree(HERE / "static", pages / "static")
    for folder, patterns in KEPT.items():
        for path in sorted(found for pattern in patterns for found in (ROOT / folder).glob(pattern)):
            target = pages / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            if path.suffix in (".ipynb", ".md"):    # links to kernels lead to their pages
                text = re.sub(r"(\]\(\.\./npdeep/kernels/[\w/]+)\.py\)", r"\1.rst)", path.read_text(encoding="utf-8"))
                target.write_text(text, encoding="utf-8")
    (pages / "tutorials" / "package_index.md").unlink()
    reference.write(pages)
    append(pages / "gallery.md", gallery.page(pages / "tutorials" / "figures"))
    chapters = [path.name for path in sorted((pages / "tutorials").glob("*.ipynb"))]
    place = "lite/notebooks/index.html?path="
    append(pages / "browser.md", "\n".join(f'- <a href="{place}{name}">{name}</a>' for name in chapters))
    library = Path(str(importlib.metadata.distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline")))
    for part in MATHJAX:
        source, target = library / "static/mathjax" / part, pages / "static/mathjax" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


def append(path: Path, text: str) -> None:
    """Add to a page what is made here."""
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")


def wheel(folder: Path) -> Path:
    """npdeep as a wheel, made from a copy: setuptools leaves files where it works."""
    with tempfile.TemporaryDirectory() as copy:
        for name in WHEEL:
            source, target = ROOT / name, Path(copy) / name
            target.parent.mkdir(exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        run("pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, copy)
    return next(folder.glob("npdeep-*.whl"))


def for_browser(notebook: make.Cell) -> make.Cell:
    """The student's form for JupyterLite: it installs npdeep, starts no processes, and has no links out of the tutorials."""
    form, cells = make.student(notebook), [make.new_cell("code", "%pip install -q npdeep")]
    for cell in form["cells"]:
        text = re.sub(r"\[([^]]*)\]\(\.\./[^)]*\)", r"\1", make.text_of(cell))
        if cell["cell_type"] == "code" and re.search(r"\bsubprocess\.\w+\(", text):
            cell, text = make.new_cell("markdown"), f"{NO_PROCESS}\n\n```python\n{text}\n```"
        cells.append(cell | {"source": text.splitlines(keepends=True)})
    return make.finished(form, cells)


def lite(site: Path) -> None:
    """JupyterLite with npdeep's wheel and the students' notebooks, in site/lite."""
    with tempfile.TemporaryDirectory() as work:
        files = Path(work) / "files"
        files.mkdir()
        for path in sorted((ROOT / "tutorials").glob("[0-9]*.ipynb")):
            form = for_browser(json.loads(path.read_text(encoding="utf-8")))
            (files / path.name).write_text(json.dumps(form, ensure_ascii=False, indent=1), encoding="utf-8")
        options = ("--contents", files, "--piplite-wheels", wheel(Path(work)), "--output-dir", site / "lite")
        run("jupyterlite_core", "build", "--lite-dir", work, *options, folder=work)
    for path in (site / "lite").rglob("*.map"):
        path.unlink()                         # two thirds of the size, and for those alone who work on JupyterLite


def run(module: str, *arguments: object, folder: str | None = None) -> None:
    """Run a module of Python; stop with what it says where it fails."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stdout[-5000:]}{done.stderr[-5000:]}")


def build(site: Path) -> None:
    """The whole site into a folder, which is emptied first. Stops where Sphinx warns and where a link leads nowhere."""
    try:
        from sphinx.cmd.build import main
    except ImportError:
        raise SystemExit("the site needs Sphinx and more: python -m pip install -e '.[site]'") from None
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        pages = Path(work) / "pages"
        pages.mkdir()
        gather(pages)
        if main(["-q", "-W", "--keep-going", "-b", "html", "-d", f"{work}/doctrees", str(pages), str(site)]):
            raise SystemExit("Sphinx warns; see above")
    lite(site)
    if wrong := links.broken(site):
        raise SystemExit("\n".join(["broken links:", *wrong]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "site")
    build(parser.parse_args().folder.resolve())
