"""npdeep exercise: list, start, check, hint."""

import argparse
from pathlib import Path
from typing import Any

from npdeep.common import printing
from npdeep.teaching.exercises import runner, starter


def exercise(given: argparse.Namespace) -> int:
    """List exercises, start one, check a file, or give a hint."""
    return int(given.action(given))


def say(text: str) -> None:
    """Print, folded to the width of the terminal."""
    print(printing.fold(text))


def arguments(p: Any) -> None:
    """The four things that can be done; list where none is named."""
    p.set_defaults(action=show)
    actions = p.add_subparsers(dest="do", metavar="what")
    actions.add_parser("list", help="list the exercises by chapter").set_defaults(action=show)
    starting = actions.add_parser("start", help="write NAME.py, to be filled in")
    _name(starting)
    _folder(starting)
    starting.set_defaults(action=start)
    checking = actions.add_parser("check", help="run your file and say what is wrong with it")
    checking.add_argument("file", type=Path, help="NAME.py, or NAME, with the function NAME in it")
    checking.add_argument("--name", metavar="NAME", dest="exercise", help="the exercise, where the file has another name")
    checking.add_argument(
        "--seconds", type=float, default=runner.SECONDS, help="stop it after this time (default: %(default)g)"
    )
    checking.set_defaults(action=check)
    hinting = actions.add_parser("hint", help="show the next of three hints")
    _name(hinting)
    _folder(hinting)
    hinting.set_defaults(action=hint)


def _name(p: argparse.ArgumentParser) -> None:
    p.add_argument("exercise", metavar="NAME", help="of the exercise; npdeep exercise list shows all")


def _folder(p: argparse.ArgumentParser) -> None:
    p.add_argument("--folder", type=Path, default=Path(), help="where the file is (default: here)")


def show(given: argparse.Namespace) -> int:
    """All exercises."""
    say(f"{starter.listing()}\n\nbegin with: npdeep exercise start affine_forward")
    return 0


def start(given: argparse.Namespace) -> int:
    """Write the file of an exercise."""
    path = starter.start(given.exercise, given.folder)
    shown = f'"{path}"' if " " in str(path) else path
    say(f"wrote {path}; fill in the function, then:\n  npdeep exercise check {shown}")
    return 0


def check(given: argparse.Namespace) -> int:
    """Check a file; exit code 1 where it is not right."""
    path = runner.file_of(given.file)
    outcome = runner.check_file(path, given.exercise, seconds=given.seconds)
    if outcome.printed.strip():
        say(f"it printed:\n{outcome.printed.rstrip()}\n")
    say(outcome.text)
    if not outcome.right:
        say(f"a hint: npdeep exercise hint {runner.name_of(path, given.exercise)}")
    return 0 if outcome.right else 1


def hint(given: argparse.Namespace) -> int:
    """The hints so far and the next."""
    hints = starter.next_hints(given.exercise, given.folder)
    for number, text in enumerate(hints, start=1):
        say(f"hint {number} of 3: {text}")
    return 0
