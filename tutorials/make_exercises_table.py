"""Which mistakes the exercises name: python tutorials/make_exercises_table.py writes tutorials/EXERCISES.md.

Every mistake of the catalogue is made, and the answer is read: is this mistake named, and no other? Then the wrong solutions of
tests/unseen_solutions.txt are checked, which were not written for the catalogue.
tests/test_exercises_table.py checks that the file is what this script writes.
"""

import argparse
import contextlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npdeep.teaching.exercises import catalogue, judging
from npdeep.teaching.exercises.exercise import Exercise

FILE = Path(__file__).with_name("EXERCISES.md")
UNSEEN = Path(__file__).parents[1] / "tests" / "unseen_solutions.txt"

HEAD = """# The exercises

`npdeep exercise` lists them, `npdeep exercise start NAME` writes a file to fill in, `npdeep exercise check NAME.py` says what
is wrong with it. In a notebook: `nd.exercises.check("affine_backward", function)`.

Each mistake of the catalogue was made, and the answer read. *named*: how many were named, and no other one with them. *seen in
public*: how many of them have a source beside them in `npdeep/teaching/exercises/`. Written by
`python tutorials/make_exercises_table.py`.

| chapter | exercise | mistakes | named | seen in public |
|---|---|--:|--:|--:|
"""


def named(exercise: Exercise) -> int:
    """How many mistakes of the exercise are named, and no other one with them."""
    found = 0
    for mistake in exercise.mistakes:
        lines = (judging.judge(exercise, exercise.mistaken(mistake)) or "").splitlines()
        found += [other.says for other in exercise.mistakes if f"- {other.says}" in lines] == [mistake.says]
    return found


def row(exercise: Exercise) -> list[str | int]:
    """A line of the table."""
    seen = sum(bool(mistake.seen) for mistake in exercise.mistakes)
    return [exercise.chapter, f"`{exercise.name}`", len(exercise.mistakes), named(exercise), seen]


@dataclass(frozen=True)
class Unseen:
    """A wrong solution that was not written for the catalogue.

    before: what the answer was worth when it was first checked, as in WORTH. said: words that the answer must hold.
    """

    exercise: str
    mistake: str
    before: str
    said: str
    code: str

    def answer(self) -> str:
        """What the check says of it."""
        scope: dict[str, object] = {"np": np}
        exec(self.code, scope)
        with contextlib.redirect_stdout(None):  # some of them print
            return judging.judge(catalogue.find(self.exercise), scope[self.exercise]) or "right"  # type: ignore[arg-type]

    def now(self) -> str:
        """What the answer is worth now, as in WORTH: of no use where it lacks the words."""
        answer = self.answer()
        if self.said not in answer:
            return "useless"
        lines = answer.splitlines()
        return "named" if any(f"- {m.says}" in lines for m in catalogue.find(self.exercise).mistakes) else "described"


WORTH = {
    "named": "names the mistake",
    "described": "describes it usefully",
    "useless": "is of no use",
    "misleading": "misleads, or finds nothing wrong",
}


def unseen() -> list[Unseen]:
    """The wrong solutions of the file: a line that begins with == , then the code."""
    parts = re.split(r"^== ", UNSEEN.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [Unseen(*head.split(" | ", 3), code) for head, _, code in (part.partition("\n") for part in parts)]


def unseen_table() -> str:
    """How many of them are answered rightly, at first and now."""
    solutions = unseen()
    before, now = Counter(one.before for one in solutions), Counter(one.now() for one in solutions)
    rows = "".join(f"| {text} | {before[worth]} | {now[worth]} |\n" for worth, text in WORTH.items())
    return UNSEEN_HEAD.format(solutions=len(solutions), exercises=len({one.exercise for one in solutions})) + rows


UNSEEN_HEAD = """
## Wrong solutions that were not written for the catalogue

{solutions} wrong solutions of {exercises} exercises (`tests/unseen_solutions.txt`) were written from what beginners get wrong:
the first 182 before the catalogue was read, the others afterwards, to find what it still lacked. *At first*: what the answer
was worth when the solution was first checked, judged by reading it. *Now*: after the answers were improved by these very
solutions.

| the answer | at first | now |
|---|--:|--:|
"""


def table() -> str:
    """The whole file."""
    rows = [row(exercise) for exercise in catalogue.ALL.values()]
    sums = [sum(int(line[column]) for line in rows) for column in (2, 3, 4)]
    lines = [*rows, ["", f"{len(rows)} exercises", *sums]]
    body = "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
    return HEAD + body + unseen_table()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=FILE)
    arguments = parser.parse_args()
    arguments.file.write_text(table(), encoding="utf-8")
    print(f"wrote {arguments.file}")
