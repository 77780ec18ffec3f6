"""How penalties, clipping, optimizers, schedules and constraints are written out."""

import ast
import inspect
import textwrap
from typing import Any

import numpy as np

from npdeep import clipping as clippings
from npdeep import constraints, optimizers, regularizers, schedules
from npdeep.clipping import ClipByGlobalNorm, ClipByNorm, ClipByValue, Clipping
from npdeep.debug.unrolling.passes import update_calls
from npdeep.debug.unrolling.record import Recording, calls_in
from npdeep.debug.unrolling.script import Script, literal
from npdeep.debug.unrolling.sources import names_in
from npdeep.kernels import clipping as clip_kernels
from npdeep.kernels.updates import momentum
from npdeep.optimizers.base import Optimizer
from npdeep.parameters import Parameter, trainable_spans
from npdeep.training.trainer import Trainer


# ── penalties ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def write_penalties(script: Script, parameters: list[Parameter]) -> None:
    """The penalties of all regularized parameters."""
    regularized = [p for p in parameters if p.regularizer is not None]
    if not regularized:
        return
    script.heading(f"penalty: {'; '.join(dict.fromkeys(p.regularizer.formula.unicode for p in regularized))}")
    script.step.append("penalty = 0.0")
    script.setup.append("")
    for p in regularized:
        name = f"{parameter_name(script, p)}_pieces"
        dw = "grads[piece]" if p.trainable else "None"
        calls = calls_in(script, p.regularizer.penalty, w=np.zeros(1), dw=np.zeros(1), t=np.zeros(1))
        spans = f"pieces([{span_text(p.span)}])"
        script.setup.append(f"{name} = [(values[piece], {dw}, scratch[: piece.stop - piece.start]) for piece in {spans}]")
        script.step += [f"for w, dw, t in {name}:", f"    penalty += {' + '.join(calls)}"]
    script.step.append("loss.value += penalty")


# ── clipping ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def write_clipping(script: Script, clipping: Clipping | None, trainable: list[Parameter]) -> None:
    """The limit on the gradients."""
    if clipping is None:
        return
    script.heading(f"clip: {clipping.formula.unicode}")
    if isinstance(clipping, ClipByNorm):
        spans = [[p.span] for p in trainable]
        script.setup += ["", "clipping = Arrays()", "clipping.groups = ["]
        script.setup += [f"    [grads[piece] for piece in pieces([{span_text(group[0])}])]," for group in spans]
        script.setup.append("]")
        norm = script.call(clip_kernels.norm, "group", "scratch")
        script.step.append(f"clipping.norms = [{norm} for group in clipping.groups]")
        script.step += refuse("np.isnan(clipping.norms).any()")
        shorten = script.call(clip_kernels.shorten, "group", "length", clipping.norm)
        script.step += ["for group, length in zip(clipping.groups, clipping.norms):", f"    {shorten}"]
        return
    spans_text = ", ".join(span_text(s) for s in trainable_spans(trainable))
    script.setup += ["", "clipping = Arrays()", f"clipping.grads = [grads[piece] for piece in pieces([{spans_text}])]"]
    if isinstance(clipping, ClipByGlobalNorm):
        script.step.append(f"clipping.norm = {script.call(clip_kernels.norm, 'clipping.grads', 'scratch')}")
        script.step += refuse("np.isnan(clipping.norm)")
        script.step.append(script.call(clip_kernels.shorten, "clipping.grads", "clipping.norm", clipping.norm))
        return
    assert isinstance(clipping, ClipByValue)
    script.step += ["for g in clipping.grads:", f"    {script.call(clip_kernels.clip_by_value, 'g', clipping.value)}"]


def refuse(condition: str) -> list[str]:
    """The lines that end training where a gradient has no norm."""
    return [f"if {condition}:", '    raise ValueError("the gradient holds NaN or inf and has no norm; no weight was changed")']


# ── optimizers ────────────────────────────────────────────────────────────────────────────────────────────────────────
def rate_lines(script: Script, optimizer: Any) -> list[str]:
    """The lines before the loop over the pieces: schedules as functions in the file, each called once; the μ of Nadam."""
    lines = []
    for attribute in script.scheduled:
        name, function = ("learning_rate", "learning_rate_at") if attribute == "learning_rate" else ("beta", "momentum_at")
        write_schedule(script, function, getattr(optimizer, attribute))
        lines.append(f"{name} = {function}(optimizer.iteration)")
        if isinstance(optimizer, optimizers.Nesterov) and name == "beta":
            lines.append(f"next_beta = {function}(optimizer.iteration + 1)")
    if isinstance(optimizer, optimizers.Nadam):
        write_method(script, "mu_at", optimizer, optimizers.Nadam.mu)
        lines += ["optimizer.mu = mu_at(optimizer.iteration + 1)", "optimizer.next_mu = mu_at(optimizer.iteration + 2)"]
        lines.append("optimizer.mu_product *= optimizer.mu")
    return lines


OPTIMIZERS: tuple[type[Optimizer], ...] = tuple(optimizers.KNOWN.values())


def write_optimizer(
    script: Script, trainer: Trainer, trainable: list[Parameter], watched: Trainer, recordings: list[Recording]
) -> None:
    """Slots, pieces, the update of every piece, and the search for denormals every `flush_every` steps."""
    optimizer = trainer.optimizer
    second = "r" if optimizer.second_scratch else ""
    names = ["w", "g", *optimizer.slot_names, "t", *([second] if second else [])]
    script.setup += ["", "optimizer = Arrays()", 'optimizer.iteration = int(start["iteration"])']
    script.start["iteration"] = trainer.iteration     # type: ignore[assignment]
    for name, number in optimizer.state().items():
        script.start[name] = number           # type: ignore[assignment]
        script.setup.append(f'optimizer.{name} = float(start["{name}"])')
    for name, slot in optimizer.slots.items():
        script.start[f"slot_{name}"] = slot
        script.setup.append(f'optimizer.{name} = start["slot_{name}"]')
    if second:
        script.setup.append("spare = np.empty_like(scratch)")
    views = ["values[piece]", "grads[piece]", *(f"optimizer.{name}[piece]" for name in optimizer.slot_names)]
    views += [f"{room}[: piece.stop - piece.start]" for room in ("scratch", *(["spare"] if second else []))]
    spans = ", ".join(span_text(s) for s in trainable_spans(trainable))
    script.setup += ["optimizer.pieces = [", f"    ({', '.join(views)})", f"    for piece in pieces([{spans}])", "]"]
    script.heading(f"update: {optimizer.formula.unicode}")
    before, inside = rate_lines(script, optimizer), update_calls(script, watched, recordings, names)
    script.step += [*before, f"for {', '.join(names)} in optimizer.pieces:", *(f"    {line}" for line in inside)]
    script.step.append("optimizer.iteration += 1")
    slots = optimizer.decaying_slots()
    if slots:
        script.step += ["# what has become too small to matter goes to 0, before denormal numbers slow everything down"]
        script.step.append(f"if optimizer.iteration % {literal(optimizer.flush_every)} == 0:")
        script.step.append(f"    for {', '.join(names)} in optimizer.pieces:")
        for name, (_, tau) in slots.items():
            drive = optimizer.driven_by.get(name, "g")
            script.step.append(f"        {script.call(momentum.flush_tiny, name, drive, 't', tau)}")


# ── schedules ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class _WithNumbers(ast.NodeTransformer):
    """Puts an object's numbers in the place of self.number, and the name of a function for a schedule within."""

    def __init__(self, script: Script, name: str, owner: Any) -> None:
        self.script, self.name, self.owner = script, name, owner

    def visit_Call(self, node: ast.Call) -> Any:
        """value_at(self.then, t) becomes the number, or then_of_name(t)."""
        if isinstance(node.func, ast.Name) and node.func.id == "value_at":
            assert isinstance(node.args[0], ast.Attribute)
            inner = getattr(self.owner, node.args[0].attr)
            if not isinstance(inner, schedules.Schedule):
                return ast.parse(literal(inner), mode="eval").body
            write_schedule(self.script, f"{self.name}_then", inner)
            function = ast.Name(f"{self.name}_then", ast.Load())
            return ast.Call(function, [self.visit(node.args[1])], [])
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """self.initial becomes 0.1."""
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.parse(literal(getattr(self.owner, node.attr)), mode="eval").body
        return self.generic_visit(node)


def write_schedule(script: Script, name: str, schedule: schedules.Schedule) -> None:
    """The schedule as a function of the step."""
    about = f"{schedule!r}: the value for the update that follows `step` updates."
    write_method(script, name, schedule, type(schedule).__call__, about)


def write_method(script: Script, name: str, owner: Any, method: Any, about: str = "") -> None:
    """A method as a function, the numbers of its object in place: npdeep's own code, but for them and the docstring."""
    function: Any = ast.parse(textwrap.dedent(inspect.getsource(method))).body[0]
    function.name = name
    function.args.args = function.args.args[1:]
    function.body[0] = ast.Expr(ast.Constant(about or method.__doc__))
    function = ast.fix_missing_locations(_WithNumbers(script, name, owner).visit(function))
    for module in ("math", "bisect", "itertools"):
        if module in names_in(function):
            script.sources.modules.add(f"import {module}")
    text = ast.unparse(function)
    if text not in script.functions:
        script.functions.append(text)


# ── constraints ───────────────────────────────────────────────────────────────────────────────────────────────────────
def write_constraints(script: Script, trainable: list[Parameter]) -> None:
    """The limits on the weights."""
    limited = [p for p in trainable if p.constraint is not None]
    if limited:
        script.heading(f"constrain: {'; '.join(dict.fromkeys(p.constraint.formula.unicode for p in limited))}")
        script.setup.append("")
    for p in limited:
        name = parameter_name(script, p)
        arrays = {name: p.value.copy(), "scratch": p.arena.scratch}
        script.step += calls_in(script, p.constraint.apply, f"{name}_norms", **arrays)


def parameter_name(script: Script, p: Parameter) -> str:
    """What a parameter is called in the file."""
    layer, _, kind = p.name.rpartition("/")
    return f"{script.names[layer]}.{kind}"


def span_text(span: slice) -> str:
    """A slice as one writes it.

    >>> span_text(slice(0, 5))
    'slice(0, 5)'
    """
    return f"slice({span.start}, {span.stop})"


REGULARIZERS, CONSTRAINTS, CLIPPINGS, SCHEDULES = (
    tuple(module.KNOWN.values()) for module in (regularizers, constraints, clippings, schedules)
)
