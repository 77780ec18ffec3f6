"""How penalties, clipping, optimizers, schedules and constraints are written out."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from npdeep import optimizers, schedules
from npdeep.clipping import ClipByGlobalNorm, ClipByNorm, ClipByValue, Clipping
from npdeep.constraints import Constraint, MaxNorm, MinMaxNorm, NonNegative, UnitNorm
from npdeep.debug.unrolling.passes import update_calls
from npdeep.debug.unrolling.record import Recording
from npdeep.debug.unrolling.script import Code, Script, literal
from npdeep.debug.unrolling.sources import names_in
from npdeep.kernels import clipping as clip_kernels
from npdeep.kernels import constraints as constraint_kernels
from npdeep.kernels import penalties as penalty_kernels
from npdeep.kernels.updates import momentum
from npdeep.optimizers.base import Optimizer
from npdeep.parameters import Parameter, trainable_spans
from npdeep.regularizers import L1, L1L2, L2, Regularizer
from npdeep.training.trainer import Trainer


# ── penalties ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def penalty_call(script: Script, regularizer: Regularizer) -> str:
    """The call that adds the gradient of a penalty and returns its value."""
    if isinstance(regularizer, L1L2):
        parts = [(penalty_kernels.l1_penalty, regularizer.l1), (penalty_kernels.l2_penalty, regularizer.l2)]
    else:
        assert isinstance(regularizer, L1 | L2)
        kernel = penalty_kernels.l1_penalty if isinstance(regularizer, L1) else penalty_kernels.l2_penalty
        parts = [(kernel, regularizer.scale)]
    return " + ".join(script.call(kernel, "w", "dw", "t", scale) for kernel, scale in parts)


def write_penalties(script: Script, parameters: list[Parameter]) -> None:
    """The penalties of all regularized parameters."""
    regularized = [p for p in parameters if p.regularizer is not None]
    if not regularized:
        return
    script.heading(f"penalty: {'; '.join(dict.fromkeys(str(p.regularizer.formula) for p in regularized))}")
    script.step.append("penalty = 0.0")
    script.setup.append("")
    for p in regularized:
        name = f"{parameter_name(script, p)}_pieces"
        dw = "grads[piece]" if p.trainable else "None"
        spans = f"pieces([{span_text(p.span)}])"
        script.setup.append(f"{name} = [(values[piece], {dw}, scratch[: piece.stop - piece.start]) for piece in {spans}]")
        script.step += [f"for w, dw, t in {name}:", f"    penalty += {penalty_call(script, p.regularizer)}"]
    script.step.append("loss.value += penalty")


# ── clipping ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def write_clipping(script: Script, clipping: Clipping | None, trainable: list[Parameter]) -> None:
    """The limit on the gradients."""
    if clipping is None:
        return
    script.heading(f"clip: {clipping.formula}")
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
        name, function = ("learning_rate", "learning_rate_at") if attribute == "_learning_rate" else ("beta", "momentum_at")
        write_schedule(script, function, getattr(optimizer, attribute))
        lines.append(f"{name} = {function}(optimizer.iteration)")
        if isinstance(optimizer, optimizers.Nesterov) and name == "beta":
            lines.append(f"next_beta = {function}(optimizer.iteration + 1)")
    if isinstance(optimizer, optimizers.Nadam):
        mu, next_mu = (f"{literal(optimizer.beta_1)} * (1 - 0.5 * 0.96**(optimizer.iteration + {i}))" for i in (1, 2))
        lines += [f"optimizer.mu = {mu}", f"optimizer.next_mu = {next_mu}", "optimizer.mu_product *= optimizer.mu"]
    return lines


OPTIMIZERS: tuple[type[Optimizer], ...] = tuple(optimizers.KNOWN.values())


def write_optimizer(
    script: Script, trainer: Trainer, trainable: list[Parameter], watched: Trainer, recordings: list[Recording]
) -> None:
    """Slots, pieces, the update of every piece, and the search for denormals every so many steps."""
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
    script.heading(f"update: {optimizer.formula}")
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
    """Puts a schedule's numbers in the place of self.number, and the name of a function for a schedule within."""

    def __init__(self, script: Script, name: str, schedule: schedules.Schedule) -> None:
        self.script, self.name, self.schedule = script, name, schedule

    def visit_Call(self, node: ast.Call) -> Any:
        """value_at(self.then, t) becomes the number, or then_of_name(t)."""
        if isinstance(node.func, ast.Name) and node.func.id == "value_at":
            assert isinstance(node.args[0], ast.Attribute)
            inner = getattr(self.schedule, node.args[0].attr)
            if not isinstance(inner, schedules.Schedule):
                return ast.parse(literal(inner), mode="eval").body
            write_schedule(self.script, f"{self.name}_then", inner)
            function = ast.Name(f"{self.name}_then", ast.Load())
            return ast.Call(function, [self.visit(node.args[1])], [])
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """self.initial becomes 0.1."""
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.parse(literal(getattr(self.schedule, node.attr)), mode="eval").body
        return self.generic_visit(node)


def write_schedule(script: Script, name: str, schedule: schedules.Schedule) -> None:
    """The schedule as a function of the step, its numbers in place: npdeep's own code, but for the numbers."""
    function: Any = ast.parse(textwrap.dedent(inspect.getsource(type(schedule).__call__))).body[0]
    function.name = name
    function.args.args = function.args.args[1:]
    function.body[0] = ast.Expr(ast.Constant(f"{schedule!r}: the value for the update that follows `step` updates."))
    function = ast.fix_missing_locations(_WithNumbers(script, name, schedule).visit(function))
    for module in ("math", "bisect", "itertools"):
        if module in names_in(function):
            script.sources.modules.add(f"import {module}")
    text = ast.unparse(function)
    if text not in script.functions:
        script.functions.append(text)


# ── constraints ───────────────────────────────────────────────────────────────────────────────────────────────────────
def constrain_call(script: Script, p: Parameter, constraint: Constraint) -> str:
    """The call that brings a parameter back within its limits."""
    name = parameter_name(script, p)
    if isinstance(constraint, NonNegative):
        return script.call(constraint_kernels.non_negative, name)
    assert isinstance(constraint, MaxNorm | MinMaxNorm | UnitNorm)
    matrix = constraint.matrix(p.value)
    shape = (1, matrix.shape[1]) if constraint.axis == 0 else (matrix.shape[0], 1)
    script.setup.append(f"{name}_norms = np.empty({shape}, {script.dtype})")
    seen = name if p.value.ndim == 2 else Code(f"{name}.reshape{matrix.shape}")
    rest = (constraint.axis, f"{name}_norms")
    if isinstance(constraint, MaxNorm):
        return script.call(constraint_kernels.max_norm, seen, constraint.value, *rest)
    limits = (1.0, 1.0, 1.0)
    if isinstance(constraint, MinMaxNorm):
        limits = (constraint.minimum, constraint.maximum, constraint.rate)
    return script.call(constraint_kernels.min_max_norm, seen, *limits, *rest)


def write_constraints(script: Script, trainable: list[Parameter]) -> None:
    """The limits on the weights."""
    limited = [p for p in trainable if p.constraint is not None]
    if limited:
        script.heading(f"constrain: {'; '.join(dict.fromkeys(str(p.constraint.formula) for p in limited))}")
        script.setup.append("")
        script.step += [constrain_call(script, p, p.constraint) for p in limited]


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


Check = Callable[[Any], bool]
REGULARIZERS, CONSTRAINTS = (L1, L2, L1L2), (MaxNorm, MinMaxNorm, UnitNorm, NonNegative)
CLIPPINGS, SCHEDULES = (ClipByValue, ClipByNorm, ClipByGlobalNorm), tuple(schedules.KNOWN.values())
