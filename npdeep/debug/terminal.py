"""A training step to walk through in a terminal: next, back, show, explain."""

import cmd
import copy
import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from npdeep.common import checks, printing
from npdeep.common.events import StepEvent, norm, statistics_in_words
from npdeep.debug.explain import explain
from npdeep.debug.explain_update import explain_update
from npdeep.debug.explanation import Explanation
from npdeep.debug.recorded import recorded
from npdeep.debug.symbols import symbol
from npdeep.kernels.arrays import Array
from npdeep.training.trainer import Trainer

COMMANDS = ("next", "back", "jump", "list", "show", "stats", "formula", "source", "explain", "help", "quit")

SHORT = {name[0]: name for name in ("next", "back", "jump", "list", "show", "formula", "explain", "help", "quit")}

WHOLE = 200
"""Arrays of no more elements than this are shown whole, larger ones by their corners."""


class TerminalWalk(cmd.Cmd):
    """One training step on a copy of a trainer, operation by operation, by commands typed or piped in; `run()` starts it.

    Commands: next (or an empty line), back, jump, list, show, formula, explain, help, quit, which may be cut down to their
    first letters, stats and source. What was walked is kept: going back shows the numbers as they were.

    Args:
        trainer: it stays as it is, to the bit.
        x, y, sample_weight: one batch, as for `trainer.step`.
        stdin, stdout: by default the terminal. Without a terminal there is no prompt, and the end of the input is the end.

    Raises ValueError or TypeError where x or y do not fit.

    >>> import io, sys, npdeep as nd
    >>> trainer = nd.Trainer(nd.Sequential([nd.Dense(1, name="out")], input_size=1, seed=0), "mean_squared_error")
    >>> TerminalWalk(trainer, [[2.0]], [[0.0]], stdin=io.StringIO("show x"), stdout=sys.stdout).run()
    One training step in 4 operations; h lists the commands.
    1 of 4  forward out  z = xW + b
      x = input   (1, 1)
      W = kernel  (1, 1)
      b = bias    (1,)
      z = output  (1, 1)
    input (1, 1) float32
    [[2.]]
    """

    def __init__(
        self,
        trainer: Trainer,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
    ) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        if not isinstance(trainer, Trainer):
            raise TypeError(f"TerminalWalk: trainer must be a Trainer, got {checks.describe(trainer)}")
        self.trainer, self.batch = copy.deepcopy(trainer), (x, y, sample_weight)
        self.plan = [(event.stage, event.name) for event in self.trainer.events()]
        self.ahead = recorded(self.trainer, *self.batch)
        self.walked: list[StepEvent] = []
        self.here = 0
        self.failure = ""
        by_hand = self.stdin.isatty()
        self.prompt = "(walk) " if by_hand else ""
        self.encoding = getattr(self.stdout, "encoding", None)
        self.use_rawinput = stdin is None and by_hand

    def run(self) -> None:
        """Show the first operation, then do what the commands say."""
        self.say(f"One training step in {len(self.plan)} operations; h lists the commands.")
        self.go(0)
        self.cmdloop()

    # ── walking ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def go(self, index: int) -> None:
        """Walk to an operation, or go back to it, and show it."""
        self.reach(index)
        self.here = min(index, len(self.walked) - 1)
        self.show_event()
        if index > self.here:
            self.say(self.failure)

    def reach(self, index: int) -> None:
        """Let the step be made up to this operation, as far as it goes."""
        while len(self.walked) <= index and not self.failure:
            try:
                self.walked.append(next(self.ahead))
            except ValueError as error:       # a gradient that cannot be clipped
                self.failure = f"the step broke off here: {error}"

    @property
    def event(self) -> StepEvent:
        """The operation that is being looked at."""
        return self.walked[self.here]

    def show_event(self) -> None:
        """One line for the operation, one for each array."""
        event = self.event
        head = f"{self.here + 1} of {len(self.plan)}  {self.title(self.here)}"
        whole = f"{head}  {event.formula}"
        self.say(whole if printing.length(whole) <= printing.columns() else "\n    ".join([head, *event.formula.lines]))
        names = {name: self.lettered(name) for name in event.arrays}
        width = max(map(len, names.values()), default=0)
        for name, array in event.arrays.items():
            value = f"{float(array):.6g}" if array.ndim == 0 else str(array.shape)
            self.say(f"  {names[name]:<{width}}  {value}")

    def title(self, index: int) -> str:
        """Stage and layer of an operation."""
        stage, name = self.plan[index]
        return stage if stage == name else f"{stage} {name}"

    def lettered(self, name: str) -> str:
        """An array's name, behind its letter in the formula."""
        letter = printing.printable(symbol(self.event, name), self.encoding)
        return name if letter in ("", name.partition(" of ")[0]) else f"{letter} = {name}"

    def say(self, text: Any) -> None:
        """Print, folded to the terminal's width, with a line's end."""
        self.stdout.write(f"{printing.fold(str(text), encoding=self.encoding)}\n")

    # ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def do_next(self, line: str) -> None:
        """next: walk to the next operation."""
        if self.here == len(self.plan) - 1:
            self.say("this was the last operation of the step; b goes back, q ends")
        else:
            self.go(self.here + 1)

    def do_back(self, line: str) -> None:
        """back: one operation back, with the numbers as they were."""
        if self.here == 0:
            self.say("this is the first operation; n continues")
        else:
            self.go(self.here - 1)

    def do_jump(self, line: str) -> None:
        """jump PLACE: to an operation by number, layer or stage: jump 3, jump dense, jump backward dense, jump update."""
        found = self.places(line)
        if found:
            self.go(found[0])
        else:
            missing = f"no operation {line!r} in this step; " if line else ""
            self.say(f"{missing}jump takes a number, a stage or a layer, or both: jump 3, jump update, jump backward dense")

    def places(self, line: str) -> list[int]:
        """The operations that are meant, those that lie ahead first."""
        if line.isdigit():
            return [int(line) - 1] if 1 <= int(line) <= len(self.plan) else []
        words = line.split()
        found = [i for i, place in enumerate(self.plan) if words and all(word in place for word in words)]
        return sorted(found, key=lambda i: (i <= self.here, i))

    def do_list(self, line: str) -> None:
        """list: all operations of the step, with the size of what comes out on the way up (z, a) and of the gradient that
        comes in on the way down (dz, da), as a power of ten; > marks where one is.
        """
        self.reach(len(self.plan) - 1)
        width = max(map(len, map(self.title, range(len(self.plan)))))
        for i in range(len(self.plan)):
            size = size_of(self.walked[i]) if i < len(self.walked) else ""
            self.say(f"{'>' if i == self.here else ' '} {i + 1:2}  {self.title(i):<{width}}  {size}".rstrip())

    def do_show(self, line: str) -> None:
        """show [ARRAY]: an array by its name or letter, as in show kernel or show W; small ones whole, of large ones the
        corners. On the way down a layer's arrays from the way up are there too. Without a name, the operation.
        """
        if not line:
            self.show_event()
            return
        name = self.named(line)
        if name:
            self.show_array(name, self.at_hand()[name])

    def at_hand(self) -> dict[str, Array]:
        """The arrays of this operation by name; of a layer on the way down, those of its way up besides."""
        way_up = ("forward", self.event.name)
        before = self.walked[self.plan.index(way_up)].arrays if self.event.stage == "backward" else {}
        return {**before, **self.event.arrays}

    def letter(self, name: str) -> str:
        """What the formula, on the way up or here, calls this array."""
        here = name in self.event.arrays
        return symbol(self.event if here else self.walked[self.plan.index(("forward", self.event.name))], name)

    def named(self, text: str) -> str:
        """The name of the array that is meant; "" (and a message) where there is none, or more than one."""
        names = list(self.at_hand())
        if text in names:
            return text
        found = [name for name in names if self.letter(name) == text] or [name for name in self.event.arrays if text in name]
        if len(found) == 1:
            return found[0]
        here = ", ".join(found or names)
        self.say(f"{text!r} may be any of: {here}" if found else f"no array {text!r} here; there are: {here}")
        return ""

    def show_array(self, name: str, array: Array) -> None:
        """Numbers to read; of a large array the corners, and the statistics of all of it."""
        self.say(f"{name} {array.shape} {array.dtype}")
        width = printing.columns()
        self.say(np.array2string(array, threshold=WHOLE, edgeitems=3, max_line_width=width, precision=4, suppress_small=False))
        if array.size > WHOLE:
            self.say("corners only; of the whole array: " + _in_a_line(array))

    def do_stats(self, line: str) -> None:
        """stats [ARRAY]: mean, standard deviation, extremes, norm, share of zeros, how many are not finite."""
        if not line:
            self.say(self.event.table())
            return
        name = self.named(line)
        if name:
            self.say(f"{name}: {_in_a_line(self.at_hand()[name])}")

    def do_formula(self, line: str) -> None:
        """formula (or latex): what was computed, line by line, and its LaTeX."""
        for equation in self.event.formula.lines:
            self.say(f"  {equation}")
        self.say(f"LaTeX: {self.event.formula.latex}")

    do_latex = do_formula

    def do_source(self, line: str) -> None:
        """source: the code that computed this, with its file and line."""
        code = self.event.function or getattr(type(self.event.layer), self.event.stage, None)
        try:
            lines, first = inspect.getsourcelines(code)    # type: ignore[arg-type]
            file = inspect.getsourcefile(code)             # type: ignore[arg-type]
        except (OSError, TypeError):
            self.say("the source of this operation is not available: it was typed into a session")
            return
        self.say(f"{file}:{first}")
        self.say("\n".join(_remark_above(line) for line in "".join(lines).rstrip().split("\n")))

    def do_explain(self, line: str) -> None:
        """explain UNIT [ROW]: a unit's numbers put into the formula. From the penalty on: explain PARAMETER [INDEX], as in
        explain dense/kernel 3 4, how a weight is updated.
        """
        words = line.split()
        try:
            if self.event.stage in ("forward", "loss", "backward"):
                self.say(self.explained_unit(words))
            else:
                self.say(self.explained_weight(words))
        except (ValueError, TypeError) as error:
            self.say(error)

    def explained_unit(self, words: list[str]) -> Explanation:
        """The explanation of a unit of this operation's layer (or of the loss), from a fresh walk up to here."""
        if not 1 <= len(words) <= 2 or not all(word.isdigit() for word in words):
            raise ValueError("explain takes the number of a unit and, if you like, of a row: explain 3, or explain 3 0")
        unit, row, *_ = [*map(int, words), 0]
        with self.replayed(self.here) as twin:
            return explain(twin.loss if self.event.layer is None else twin.model.layer(self.event.name), unit=unit, row=row)

    def explained_weight(self, words: list[str]) -> Explanation:
        """The explanation of one weight's update, from a fresh walk up to what came before it."""
        if not words or not all(word.isdigit() for word in words[1:]):
            raise ValueError("here explain takes a parameter and, if you like, an index: explain dense/kernel 3 4")
        before = min(self.here, self.plan.index(("update", "update")) - 1)
        with self.replayed(before) as twin:
            return explain_update(twin, words[0], tuple(map(int, words[1:])) or None)

    @contextmanager
    def replayed(self, index: int) -> Iterator[Trainer]:
        """A copy of the trainer that has walked to this operation and is there."""
        twin = copy.deepcopy(self.trainer)
        events = twin.walk(*self.batch)
        for _ in range(index + 1):
            next(events)
        yield twin

    def do_quit(self, line: str) -> bool:
        """quit: end."""
        return True

    # ── what cmd.Cmd asks ─────────────────────────────────────────────────────────────────────────────────────────────
    def onecmd(self, line: str) -> bool:
        """One command; the end of the input ends the walk."""
        word, _, rest = line.strip().partition(" ")
        if word == "EOF":
            if self.prompt:
                self.say("")
            return True
        return bool(super().onecmd(f"{SHORT.get(word, word)} {rest}".strip()))

    def emptyline(self) -> bool:
        """An empty line is next."""
        self.do_next("")
        return False

    def default(self, line: str) -> None:
        """An unknown command: an array's name is a request to show it."""
        if line.strip() in self.at_hand():
            self.do_show(line.strip())
            return
        self.say(f"no command {line.split()[0]!r}; h lists the commands")

    def do_help(self, line: str) -> None:
        """help: this list."""
        letters = {command: letter for letter, command in SHORT.items()}
        for command in COMMANDS:
            words = " ".join((getattr(self, f"do_{command}").__doc__ or "").split())
            line = f"  {letters.get(command, ' ')}  {words}"
            self.say("\n".join(printing.wrap(line, printing.columns(), further=" " * 9)))

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Commands that begin like this."""
        return [name for name in super().completenames(text, *ignored) if name != "EOF"]

    def complete_show(self, text: str, *ignored: Any) -> list[str]:
        """Arrays that begin like this."""
        return [name for name in self.at_hand() if name.startswith(text)]

    complete_stats = complete_show

    def complete_jump(self, text: str, *ignored: Any) -> list[str]:
        """Stages and layers that begin like this."""
        return sorted({word for place in self.plan for word in place if word.startswith(text)})


def _remark_above(line: str) -> str:
    """A line of code; where it does not fit, what comes after # goes above it, so that it is still code."""
    code, sign, remark = line.partition("  # ")
    if not sign or printing.length(line) <= printing.columns():
        return line
    indent = line[: len(line) - len(line.lstrip())]
    further = f"{indent}# "
    return "\n".join([*printing.wrap(further + remark, printing.columns(), further), code.rstrip()])


def size_of(event: StepEvent) -> str:
    """How large the numbers of an operation are: its output on the way up, the gradient that it is given on the way down.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(1, kernel_initializer="ones", name="out")], input_size=1)
    >>> trainer = nd.Trainer(model, "mean_squared_error")
    >>> [size_of(event) for event in recorded(trainer, np.array([[100.0]]), np.array([[0.0]]))]
    ['log10 ‖z‖ = +2.00', 'L = 10000', 'log10 ‖dz‖ = +2.30', '']
    """
    if event.stage == "loss":
        return f"L = {float(event.arrays['loss']):.6g}" if "loss" in event.arrays else ""
    name = {"forward": "output", "backward": "grad_output"}.get(event.stage, "")
    if name not in event.arrays:
        return ""
    size = norm(event.arrays[name])
    return f"log10 ‖{symbol(event, name) or name}‖ = " + (f"{math.log10(size):+.2f}" if size > 0 else "none: all are 0")


def _in_a_line(array: Array) -> str:
    return " · ".join(f"{name} {value}" for name, value in statistics_in_words(array).items())
