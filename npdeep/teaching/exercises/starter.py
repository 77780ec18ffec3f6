"""The file that an exercise starts from, the list of all exercises, and the hints, which come one after the other."""

import json
import textwrap
from pathlib import Path

from npdeep.common import writing
from npdeep.common.whole_files import replacing
from npdeep.teaching.exercises import catalogue
from npdeep.teaching.exercises.exercise import Exercise

HINTS = ".npdeep-hints.json"
"""Beside the exercises: how many hints of each have been given."""

WIDTH = 100


def listing() -> str:
    """All exercises by chapter, one per line.

    >>> print(listing().splitlines()[0])
    affine maps
    """
    lines: list[str] = []
    chapter = ""
    widest = max(map(len, catalogue.ALL))
    for exercise in catalogue.ALL.values():
        if exercise.chapter != chapter:
            chapter = exercise.chapter
            lines += ([""] if lines else []) + [chapter]
        lines.append(f"  {exercise.name:{widest}}  {', '.join(exercise.arguments)} -> {', '.join(exercise.outputs)}")
    return "\n".join(lines)


def text(exercise: Exercise) -> str:
    """What is in the file: signature, task, formula, shapes, and a function that is not written yet.

    >>> print(text(catalogue.find("relu_forward")))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def relu_forward(z):
        \"\"\"The rectified linear unit.
    <BLANKLINE>
            a = z where z > 0, else 0
    <BLANKLINE>
        Shapes: z, a (n, units)
        Return a; do not change the inputs.
        \"\"\"
        raise NotImplementedError
    <BLANKLINE>
    """
    imports = ["import numpy as np", *(["", *exercise.imports] if exercise.imports else [])]
    paragraphs = [
        textwrap.fill(exercise.task, WIDTH - 7, break_long_words=False),
        "",
        *(f"    {line}" for line in exercise.formula.splitlines()),
        "",
        *textwrap.wrap(f"Shapes: {exercise.shapes}", WIDTH - 4),
        f"Return {', '.join(exercise.outputs)}; do not change the inputs.",
    ]
    body = textwrap.indent("\n".join(paragraphs), "    ").strip()
    lines = [*imports, "", "", f"def {exercise.signature}:", f'    """{body}', '    """', "    raise NotImplementedError", ""]
    return "\n".join(lines)


def start(name: str, folder: Path = Path()) -> Path:
    """Write the file of an exercise; FileExistsError where it is there already."""
    exercise = catalogue.find(name)
    path = folder / f"{exercise.name}.py"
    if path.exists():
        raise FileExistsError(f"{path} is there already; rename it, or name another folder with --folder")
    writing.check_folder("exercise", folder)
    with replacing(path) as file:
        file.write(text(exercise).encode())
    return path


def next_hints(name: str, folder: Path = Path()) -> list[str]:
    """The hints given so far and one more; a file in the folder keeps count.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [len(next_hints("relu_forward", Path(folder))) for _ in range(4)]
    [1, 2, 3, 3]
    """
    exercise = catalogue.find(name)
    path = folder / HINTS
    given = _given(path)
    count = min(given.get(exercise.name, 0) + 1, len(exercise.hints))
    writing.check_folder("exercise", folder)
    with replacing(path) as file:
        file.write(json.dumps({**given, exercise.name: count}, indent=1).encode())
    return list(exercise.hints[:count])


def _given(path: Path) -> dict[str, int]:
    """How many hints were given; nothing counts where the file is missing or not ours."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    pairs = read.items() if isinstance(read, dict) else ()
    return {name: number for name, number in pairs if isinstance(number, int) and number >= 0}
