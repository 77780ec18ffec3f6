"""The gallery: the figures of tutorials/figures, each with the function of make_figures.py that draws it."""

import ast
from pathlib import Path

MAKER = Path(__file__).resolve().parents[1] / "make_figures.py"


def functions() -> dict[str, tuple[str, str]]:
    """By the name of its file, what a figure shows and the code that draws it."""
    text = MAKER.read_text(encoding="utf-8")
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and (node.decorator_list or node.name == "training"):
            suffix = "gif" if node.name == "training" else "png"
            found[f"{node.name}.{suffix}"] = ast.get_docstring(node) or "", ast.get_source_segment(text, node) or ""
    return found


def page(figures: Path) -> str:
    """A section for each figure that is there, in MyST's Markdown."""
    sections = []
    for name, (words, code) in functions().items():
        if (figures / name).exists():
            title = name.partition(".")[0].replace("_", " ")
            picture = f"![{words}](tutorials/figures/{name})"
            folded = f"<details><summary>The code</summary>\n\n```python\n{code}\n```\n\n</details>"
            sections.append(f"## {title[0].upper()}{title[1:]}\n\n{words}\n\n{picture}\n\n{folded}\n")
    return "\n".join(sections)
