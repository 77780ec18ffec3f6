"""Executes the tutorials, each from a clean kernel: python tutorials/run_notebooks.py [NAME ...] [--write] [--twice].

A cell that raises, a failed assertion among them, ends it with exit code 1 and the traceback. With --write the outputs are
stored in the notebooks, as they are committed; --twice executes each notebook two times and compares what it printed;
--folder takes the notebooks of another folder, such as the student's form that make.py writes.
Needs the extra `notebooks`: python -m pip install -e '.[notebooks]'.
"""

import argparse
import base64
import io
import os
import sys
import time
from pathlib import Path
from typing import Any

from make import metadata, tags_of

HERE = Path(__file__).parent
LONGEST = 300
"""A cell that takes more seconds is given up."""
SETTINGS = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYTHONHASHSEED": "0"}


def notebooks(names: list[str], folder: Path = HERE) -> list[Path]:
    """The notebooks whose file names begin with one of these; all if none is given."""
    every = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    found = [path for path in every if not names or path.name.startswith(tuple(names))]
    if not found:
        raise SystemExit(f"no notebook begins with {' or '.join(names)}; there are {', '.join(path.stem for path in every)}")
    return found


def execute(path: Path) -> Any:
    """The notebook with new outputs. Raises CellExecutionError where a cell fails."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook, timeout=LONGEST, kernel_name="python3", record_timing=False, resources={"metadata": {"path": str(HERE)}}
    )
    client.execute()
    tidy(notebook)
    return notebook


def tidy(notebook: Any) -> None:
    """Leave out what would differ from one machine or run to the next."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
        cell.metadata = metadata(tags_of(cell))
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = in_256_colors(output.data["image/png"])


def in_256_colors(picture: str) -> str:
    """A PNG in base64, redrawn with the 256 colors that fit it best: a third of the size, and no eye sees it in a plot."""
    from PIL import Image

    redrawn = io.BytesIO()
    colors = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colors.save(redrawn, "png", optimize=True)
    return base64.b64encode(redrawn.getvalue()).decode() + "\n"


def printed(notebook: Any) -> list[str]:
    """Everything that each cell printed or returned as text; where a kernel cuts what it prints is a matter of time."""
    outputs = [cell.get("outputs", []) for cell in notebook.cells]
    return ["".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in found) for found in outputs]


def main() -> int:
    """Execute what was asked for; 1 where something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="how the file names begin, such as 03; all by default")
    parser.add_argument("--write", action="store_true", help="store the outputs in the notebooks")
    parser.add_argument("--twice", action="store_true", help="execute two times and compare what was printed")
    parser.add_argument("--folder", type=Path, default=HERE, help="where the notebooks are")
    arguments = parser.parse_args()
    try:
        import nbformat
        from nbclient.exceptions import CellExecutionError
    except ImportError:
        raise SystemExit("the notebooks need nbclient: python -m pip install -e '.[notebooks]'") from None
    os.environ.update(SETTINGS)
    for path in notebooks(arguments.names, arguments.folder):
        started = time.perf_counter()
        try:
            notebook = execute(path)
            same = not arguments.twice or printed(notebook) == printed(execute(path))
        except CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            return 1
        print(f"{path.name:40} {time.perf_counter() - started:5.1f} s", flush=True)
        if not same:
            print(f"{path.name}: two runs printed different things", file=sys.stderr)
            return 1
        if arguments.write:
            nbformat.write(notebook, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
