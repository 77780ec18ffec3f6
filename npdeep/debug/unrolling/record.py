"""Recording the kernel calls of a few training steps, and giving every array in them its name in the file.

`sys.setprofile` reports each call of a Python function with its arguments. What counts is a call of a function at the top level
of a module, by a method of a layer, a loss or an optimizer: a kernel of npdeep's, or a custom function. Its arrays are
known by their memory. A number that changes with the rows or the step is looked up among the quantities that do.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.debug.unrolling.names import Differs, Names, place
from npdeep.debug.unrolling.script import Code, Script, dtype_text, literal, wanted_name
from npdeep.kernels.arrays import Array
from npdeep.layers import Layer
from npdeep.losses.own import OwnLoss
from npdeep.optimizers import Nadam
from npdeep.training.trainer import Trainer

PASSED = {"input", "output", "grad_output", "grad_input"}
"""Arrays that a chain assigns: another layer's, or what a function has returned."""
NAMED = {"forward": "output", "backward": "grad_input", "loss": "grad_outputs"}
"""The stages whose arrays are named, and what comes out of them."""
SMALL = 256
"""Python makes integers up to this one once: which call gave them cannot be told."""
INSTALLED = ("site-packages", "dist-packages")


@dataclass
class Call:
    """A recorded call: who made it, of what, with which arguments, and what came back."""

    owner: Any
    function: Callable[..., Any]
    arguments: dict[str, Any]
    result: Any = None
    target: str = ""
    tokens: list[Any] = field(default_factory=list)


@dataclass
class Operation:
    """What happened up to one event: its calls in groups, each with the part that made them, and the formulas of these."""

    event: Any
    groups: list[tuple[Any, list[Call]]]
    formulas: list[str]


class Watch:
    """Collects the calls of kernels and of custom functions that are made in a `with` block, those inside others left out."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.inside: Any = None
        self.former: Any = None

    def __enter__(self) -> "Watch":
        self.former = sys.getprofile()
        sys.setprofile(self)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(self.former)

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        """What sys.setprofile calls."""
        if event == "call" and self.inside is None and (function := recorded_function(frame)) is not None:
            code, owner = frame.f_code, frame.f_back.f_locals.get("self")
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            self.inside = frame
            self.calls.append(Call(owner, function, {name: frame.f_locals[name] for name in names}))
        elif event == "return" and self.inside is frame:
            self.inside, self.calls[-1].result = None, argument

    def take(self) -> list[Call]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


def recorded_function(frame: Any) -> Callable[..., Any] | None:
    """The function at the top level of a module that a frame runs: a kernel, or the user's; None for anything else."""
    module, filename = str(frame.f_globals.get("__name__")), frame.f_code.co_filename
    function: Any = inspect.unwrap(frame.f_globals.get(frame.f_code.co_name, len))
    code: Any = frame.f_code
    if getattr(function, "__code__", None) is not code:
        return None
    root = module.partition(".")[0]
    foreign = root in sys.stdlib_module_names and root != "__main__"
    foreign = foreign or any(part in INSTALLED for part in Path(filename).parts)
    if module.startswith("npdeep.kernels.") or not (root == "npdeep" or foreign):
        found: Callable[..., Any] = function
        return found
    return None


def calls_in(script: Script, act: Callable[..., Any], room: str = "", **arrays: Array) -> list[Code]:
    """The kernel calls of `act`, a function of these arrays, with their names in the file; an array that it makes is `room`."""
    names = Names()
    for name, array in arrays.items():
        names.add(name, array)
    with Watch() as watch:
        act(*arrays.values())
    lines = []
    for call in watch.calls:
        given: list[Any] = []
        for value in call.arguments.values():
            try:
                token = names.token(value)
            except Differs:
                script.setup.append(f"{room} = np.empty({value.shape}, {dtype_text(value.dtype)})")
                token = Code(room)
            given.append(Code(f"{token[0]}.reshape{token[1]}") if isinstance(token, tuple) else token)
        lines.append(script.call(call.function, *given))
    return lines


class Recording:
    """One training step on a trainer, watched.

    Attributes:
        operations: what happened up to each event.
        numbers: quantities that change with the rows or the step, as the file calls them.
        names: the arrays.
        before: what the arrays that stay held before the step.
        left: stage, part, and the name of what it left: output, grad_outputs, grad_input.
    """

    def __init__(self, script: Script, trainer: Trainer, x: Array, y: Any, weight: Array | None) -> None:
        self.script, self.trainer, self.names = script, trainer, Names()
        trainer.prepare(len(x))
        step = trainer.iteration
        self.numbers: dict[str, Any] = {"rows": len(x), "optimizer.iteration": step, "optimizer.iteration + 1": step + 1}
        for name, array in (("x", x), ("y", y), ("weight", weight)):
            self.names.add(name, array)
        self.add_parts()
        self.before = {name: array.copy() for name, array in self.names.arrays.items() if "." in name}
        self.operations: list[Operation] = []
        self.left: list[tuple[str, Any, str]] = []
        self.fresh: list[Call] = []           # their results were no array that had a name
        watch, steps = Watch(), trainer.operations(x, y, weight)
        while True:
            with watch:
                event = next(steps, None)
            if event is None:
                break
            self.take(event, watch.take())
        self.numbers |= rates(trainer.optimizer, step)
        self.value, self.gradient = trainer.loss.value, trainer.loss.grad_outputs.copy()

    def add_parts(self) -> None:
        """The arrays of all layers and of the loss: parameters, buffers, then whatever else they hold."""
        layers = list(self.trainer.model.everything())
        for layer in layers:
            for p in layer.parameters:
                name = wanted_name(self.script, p)
                self.names.add(name.replace(".grad_", "."), p.value)
                self.names.add(name, p.grad)
        for layer in layers:
            for attribute in layer.blocks:
                if attribute not in PASSED or np.shares_memory(getattr(layer, attribute), layer.blocks[attribute]):
                    self.names.add(f"{self.script.name(layer)}.{attribute}", getattr(layer, attribute))
        loss = self.trainer.loss
        for name, part in [("loss", loss), *((self.script.name(layer), layer) for layer in layers)]:
            for attribute, value in vars(part.own if isinstance(part, OwnLoss) else part).items():
                if attribute.isidentifier() and attribute not in {*PASSED, "outputs", "targets", "weight"}:
                    self.names.add(f"{name}.{'losses' if (name, attribute) == ('loss', 'loss') else attribute}", value)

    def take(self, event: Any, calls: list[Call]) -> None:
        """Put the calls of an operation into groups and name what they use and return."""
        layer = event.layer
        self.fresh += [c for c in calls if isinstance(c.result, np.ndarray) and place(c.result) not in self.names.exact]
        if event.stage in NAMED:
            self.add_parts()
            passed = NAMED[event.stage]
            part = self.trainer.loss if layer is None else layer
            self.names.add(f"{'loss' if layer is None else self.script.name(layer)}.{passed}", getattr(part, passed))
        groups: list[tuple[Any, list[Call]]] = []
        for index, call in enumerate(calls):
            self.names.kept.append(call)
            owner = call.owner if isinstance(call.owner, Layer) else layer
            for name, value in call.arguments.items() if event.stage in NAMED else ():
                self.name_result(owner, name, value, calls[:index])
            call.tokens = self.tokens(call, calls[:index])
            if not groups or groups[-1][0] is not owner:
                groups.append((owner, []))
            groups[-1][1].append(call)
        if event.stage in NAMED and (array := getattr(part, passed)) is not None:
            self.left.append((event.stage, part, self.names.exact[place(array)]))
        for call in self.fresh:
            owner = call.owner if isinstance(call.owner, Layer) else layer
            call.target = call.target or self.names.exact.get(place(call.result), "") or self.assigned(owner, call.result)
        if layer is not None and (not groups or groups[-1][0] is not layer):
            groups.append((layer, []))
        formulas = [getattr(owner, f"{event.stage}_operation")()[0].unicode for owner, _ in groups if isinstance(owner, Layer)]
        self.operations.append(Operation(event, groups, formulas))

    def assigned(self, layer: Any, result: Array) -> str:
        """The gradient that was assigned from what a call returned, p.grad = f(x); or nothing."""
        for p in layer.parameters if layer is not None else []:
            if p.wanted is not None and result.shape == p.shape and np.array_equal(result, p.wanted):
                return f"{wanted_name(self.script, p)}[...]"
        return ""

    def name_result(self, owner: Any, name: str, value: Any, earlier: list[Call]) -> None:
        """What a call has returned and another takes is called as the other calls it."""
        for call in reversed(earlier):
            is_number = call.result is value and (isinstance(value, float) or (type(value) is int and value > SMALL))
            is_array = isinstance(value, np.ndarray) and call.result is value and place(value) not in self.names.exact
            if (is_number or is_array) and not call.target:
                call.target = self.free(f"{self.script.name(owner) if owner is not None else 'loss'}.{name}")
                self.names.add(call.target, value)
                if is_number:
                    self.numbers[call.target] = value

    def free(self, name: str) -> str:
        """The name, with a number where another array has it: forward and backward may go through the same function."""
        taken = self.names.arrays
        return name if name not in taken else next(n for i in range(2, 99) if (n := f"{name}_{i}") not in taken)

    def tokens(self, call: Call, earlier: list[Call]) -> list[Any]:
        """The arguments of a call, the arrays by name, and the numbers that earlier calls have given."""
        tokens: list[Any] = []
        for value in call.arguments.values():
            given = [c.target for c in earlier if c.target in self.numbers and c.result is value]
            if given:
                tokens.append(Code(given[-1]))
                continue
            if isinstance(value, np.random.Generator):
                drawn = [layer for layer in self.trainer.model.everything() if layer.rng is value]
                tokens.append(Code(f"{self.script.name(drawn[0])}.rng") if drawn else value)
                continue
            try:
                tokens.append(self.names.token(value))
            except Differs:
                tokens.append(None if value is None else Unknown())
        return tokens


def rates(optimizer: Any, step: int) -> dict[str, float]:
    """The numbers of an update that may change from step to step, by what the file calls them."""
    found = {"learning_rate": optimizer.eta}
    found |= {name: getattr(optimizer, name) for name in ("beta", "next_beta") if hasattr(optimizer, name)}
    if isinstance(optimizer, Nadam):
        found |= {"optimizer.mu": optimizer.mu(step + 1), "optimizer.next_mu": optimizer.mu(step + 2)}
    found |= {f"optimizer.{name}": number for name, number in optimizer.state().items()}
    hyper = [value for value in vars(optimizer).values() if isinstance(value, float)]
    return found | {f"learning_rate * {literal(value)}": optimizer.eta * value for value in hyper}


class Unknown:
    """An array that no function has made."""


def merged(script: Script, recordings: list[Recording], tokens: list[Any]) -> str:
    """One argument as it came in several recordings, as text.

    Raises Differs where it changes from one to the other in a way that nothing in the file accounts for.
    """
    first = tokens[0]
    if any(type(token) is not type(first) for token in tokens) or isinstance(first, Unknown):
        raise Differs
    if isinstance(first, Code):
        if len(set(tokens)) > 1:
            raise Differs
        if first in recordings[0].names.arrays:
            script.used.add(str(first))
        return first
    if isinstance(first, tuple):
        if len({name for name, _ in tokens}) > 1:
            raise Differs
        script.used.add(first[0])
        sizes = zip(*(shape for _, shape in tokens), strict=True)
        return f"{first[0]}.reshape({', '.join(merged(script, recordings, list(size)) for size in sizes)})"
    if isinstance(first, list):
        if len({len(token) for token in tokens}) > 1:
            raise Differs
        parts = (merged(script, recordings, list(part)) for part in zip(*tokens, strict=True))
        return f"[{', '.join(parts)}]"
    if isinstance(first, type | np.dtype):
        return dtype_text(first)
    if len({literal(token) for token in tokens}) == 1:
        return literal(first)
    return quantity(recordings, tokens)


def quantity(recordings: list[Recording], values: list[Any]) -> str:
    """A number that changes with the rows or the step, as the file has it."""
    for name in recordings[0].numbers:
        if all(name in r.numbers and r.numbers[name] == value for r, value in zip(recordings, values, strict=True)):
            return name
    times = {value / r.numbers["rows"] for r, value in zip(recordings, values, strict=True)}
    if all(isinstance(value, int) for value in values) and len(times) == 1 and times == {int(min(times))}:
        return f"rows * {int(min(times))}"
    raise Differs


def is_array(value: Any) -> bool:
    """An array, a generator, or a list that holds some?"""
    if isinstance(value, list | tuple):
        return any(map(is_array, value))
    return isinstance(value, np.ndarray | np.random.Generator)


def lines_of(script: Script, recordings: list[Recording], calls: list[list[Call]]) -> list[str]:
    """The calls of one group as they came in several recordings, one a line."""
    if len({tuple(call.function for call in group) for group in calls}) > 1:
        raise Differs
    lines = []
    for same in zip(*calls, strict=True):
        if not same[0].target and not any(map(is_array, same[0].arguments.values())):
            continue                          # a number, and known
        arguments = []
        for name, *tokens in zip(same[0].arguments, *(call.tokens for call in same), strict=True):
            text = merged(script, recordings, tokens)
            keyword = inspect.signature(same[0].function).parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
            arguments.append(Code(f"{name}={text}" if keyword else text))
        text = script.call(same[0].function, *arguments)
        target = same[0].target
        script.made.add(target)
        lines.append(f"{target} = {text}" if target else text)
    return lines


def by_rows(script: Script, recordings: list[Recording], calls: list[list[Call]]) -> list[str]:
    """The same, where the last recording had a single row: a branch where that makes a difference."""
    try:
        return lines_of(script, recordings, calls)
    except Differs:
        several = lines_of(script, recordings[:-1], calls[:-1])
        single = lines_of(script, recordings[-1:], calls[-1:])
        return branched("rows > 1", several, single)


def branched(condition: str, first: list[str], second: list[str]) -> list[str]:
    """Lines under a condition, and those under its opposite; what ends both alike comes once.

    >>> branched("rows > 1", ["a()", "c()"], ["b()", "c()"])
    ['if rows > 1:', '    a()', 'else:', '    b()', 'c()']
    """
    same = 0
    while same < min(len(first), len(second)) and first[-1 - same] == second[-1 - same]:
        same += 1
    tail, first, second = first[len(first) - same :], first[: len(first) - same], second[: len(second) - same]
    if not first and not second:
        return tail
    otherwise = ["else:", *(f"    {line}" for line in second)] if second else []
    return [f"if {condition}:", *(f"    {line}" for line in first or ["pass"]), *otherwise, *tail]


# ── the arrays that the calls use ─────────────────────────────────────────────────────────────────────────────────────
def declare(script: Script, recordings: list[Recording], name: str) -> None:
    """The line that makes an array: once where its shape stays, in make_buffers where it goes with the rows."""
    arrays = [r.names.arrays[name] for r in recordings if name in r.names.arrays]
    shapes = [array.shape for array in arrays]
    kind, before = dtype_text(arrays[0].dtype), recordings[0].before.get(name)
    if len(set(shapes)) == 1 and len(arrays) > 1:
        text = f"np.zeros({size_text(shapes[:1], [])}, {kind})"
        if before is not None and before.any():
            script.start[name], text = before, f"start[{literal(name)}]"
        script.setup.append(f"{name} = {text}")
        return
    rows = [r.numbers["rows"] for r in recordings if name in r.names.arrays]
    text, filled = size_text(shapes, rows), before is not None and before.ndim == 1
    if filled and np.all(before == 1):
        script.buffers.append(f"{name} = np.ones({text}, {kind})")
    elif filled and before is not None and np.array_equal(before, np.arange(len(before)) * before[1]) and before[1]:
        script.buffers.append(f"{name} = np.arange(0, n * {before[1]}, {before[1]})")
    else:
        script.buffers.append(f"{name} = np.empty({text}, {kind})")
        script.empty.append(name)


def size_text(shapes: list[tuple[int, ...]], rows: list[int]) -> str:
    """A shape in which whatever goes with the rows is written n.

    >>> size_text([(5, 3), (2, 3)], [5, 2]), size_text([(4,)], [])
    ('(n, 3)', '4')
    """
    sizes = []
    for size in zip(*shapes, strict=True):
        if rows and len(set(size)) > 1:
            times = {s / n for s, n in zip(size, rows, strict=True)}
            sizes.append("n" if times == {1.0} else f"n * {int(min(times))}")
        else:
            sizes.append(literal(size[0]))
    return sizes[0] if len(sizes) == 1 else f"({', '.join(sizes)})"


def groups_of(recordings: list[Recording], index: int) -> Iterator[tuple[Any, str, list[list[Call]]]]:
    """The groups of the operation at this place: the layer, its formula, and the calls in all recordings."""
    groups = zip(*(r.operations[index].groups for r in recordings), strict=True)
    for same, formula in zip(groups, recordings[0].operations[index].formulas, strict=True):
        yield same[0][0], formula, [calls for _, calls in same]
