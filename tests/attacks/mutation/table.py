"""MUTANTS.md: the scores of tests/attacks/mutants.py, and of each survivor why it is left. Needs nothing but Python."""

import ast
import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "tests" / "attacks" / "MUTANTS.md"
SCORE = re.compile(r"\| (npdeep/\S+\.py) \| (\d+) \| (\d+) \| ([0-9a-f]{8}) \|")
REASON = re.compile(r"- (\S.*)")
SURVIVOR = re.compile(r"  - `(.+?)`: `(.*?)` → `(.*?)`( \(\d+\))?")


# ── mutants by name ───────────────────────────────────────────────────────────────────────────────────────────────────
def key(mutant: Any) -> str:
    """The name of a mutant within its module; it stays the same when lines are moved."""
    return f"`{mutant.function}`: `{mutant.old}` → `{mutant.new}`{mutant.number}"


def numbered(mutants: Iterable[Any]) -> list[Any]:
    """The mutants; where a function has the same line twice, the second says so."""
    seen: dict[str, int] = {}
    result = []
    for mutant in mutants:
        count = seen[key(mutant)] = seen.get(key(mutant), 0) + 1
        result.append(mutant if count == 1 else replace(mutant, number=f" ({count})"))
    return result


def code(line: str) -> str:
    """A line without its indentation and its comment.

    >>> code("    a += 1          # one more")
    'a += 1'
    """
    return re.split(r"\s{2,}# ", line.strip())[0].replace("`", "'")


def state(source: str) -> str:
    """Eight digits that change with a module's code, but not with its docstrings and comments."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:8]


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def scores() -> dict[str, tuple[int, int, str]]:
    """Killed, tried and the state of the code, by module."""
    found = SCORE.findall(TABLE.read_text())
    return {module: (int(killed), int(tried), code_state) for module, killed, tried, code_state in found}


def survivors() -> dict[str, dict[str, str]]:
    """By module the survivors and the reason of each."""
    result: dict[str, dict[str, str]] = {}
    module = reason = ""
    for line in TABLE.read_text().splitlines():
        if line.startswith("### "):
            module, reason = line.removeprefix("### "), ""
            result[module] = {}
        elif match := REASON.fullmatch(line):
            reason = match[1]
        elif match := SURVIVOR.fullmatch(line):
            result[module][line.removeprefix("  - ")] = reason
    return result


def aged(modules: Iterable[str]) -> list[str]:
    """Modules whose code is not that of their score, or that have none."""
    known = scores()
    return [module for module in modules if known.get(module, (0, 0, ""))[2] != state((ROOT / module).read_text())]


def stale() -> list[str]:
    """What MUTANTS.md says of lines that are no longer there, or without a reason."""
    wrong = []
    for module, found in survivors().items():
        source = (ROOT / module).read_text()
        for name, reason in found.items():
            function, old, *_ = SURVIVOR.fullmatch(f"  - {name}").groups()    # type: ignore[union-attr]
            if old not in lines_of(source, function):
                wrong.append(f"{module}: {name} is of a line that is not there")
            if not reason:
                wrong.append(f"{module}: {name} has no reason")
    return wrong


def lines_of(source: str, function: str) -> list[str]:
    """The lines of a function or a class, or of the module where the name ends in <...>."""
    names = [name for name in function.split(".") if not name.startswith("<")]
    part: Any = ast.parse(source)
    for name in names:
        part = [node for node in ast.walk(part) if getattr(node, "name", None) == name]
        if not part:
            return []
        part = ast.Module(part, [])
    lines = source.splitlines()
    if not names:
        return [code(line) for line in lines]
    spans = [range(min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno + 1) for node in part.body]
    return [code(lines[number - 1]) for span in spans for number in span]


def report(module: str, mutants: list[Any], outcomes: dict[str, int]) -> tuple[int, str]:
    """Print what became of a module; how many of its survivors are not explained, and its row in the table of scores."""
    source = (ROOT / module).read_text()
    explained = survivors().get(module, {})
    left = [key(mutant) for mutant in mutants if outcomes.get(key(mutant), 0) == 0]
    open_ = [name for name in left if name not in explained]
    killed = len(mutants) - len(left)
    print(f"{module}: {killed} of {len(mutants)} killed, {len(left) - len(open_)} survivors explained, {len(open_)} not")
    for name in open_:
        print(f"  - {name}")
    for name in explained.keys() - set(left):
        print(f"  to be taken out of MUTANTS.md, for it is killed or no more: {name}")
    return len(open_), f"| {module} | {killed} | {len(mutants)} | {state(source)} |"


def write(rows: dict[str, str], groups: dict[str, list[str]]) -> None:
    """Put these rows into the table of scores, which keeps its others, and the sums of the groups."""
    text = TABLE.read_text()
    known = {match[1]: match[0] for match in SCORE.finditer(text)}
    known.update(rows)
    table = []
    for group, modules in groups.items():
        here = [known[module] for module in modules if module in known]
        counts = [SCORE.fullmatch(row) for row in here]
        killed, tried = (sum(int(match[i]) for match in counts if match) for i in (2, 3))
        if tried:
            table += [f"| **{group}** | **{killed}** | **{tried}** | **{100 * killed / tried:.1f} %** |", *here]
    begin, end = (text.index(mark) for mark in ("| module |", "\n\n## Survivors"))
    TABLE.write_text(text[:begin] + "\n".join(["| module | killed | of | code |", "|---|---:|---:|---|", *table]) + text[end:])
