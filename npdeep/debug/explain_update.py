"""An optimizer's step for one weight, with its numbers plugged in."""

import copy
from typing import Any

import numpy as np

from npdeep import schedules
from npdeep.common import checks
from npdeep.common.expressions import names_in
from npdeep.common.notation import short
from npdeep.debug.explanation import Equation, Explanation, Statement, Symbol
from npdeep.debug.place import Place, index_within
from npdeep.optimizers import Nadam, Optimizer
from npdeep.parameters import Parameter
from npdeep.training.trainer import Trainer

NEXT = (
    "what the next update makes of the gradient that is there; after a whole step that gradient has been used already: to see "
    "an update before it is made, ask in trainer.walk, at the last event before the event update"
)
USED = (
    "the update of this step was made before this: what is shown is one more with the same gradient; to see an update that is "
    "about to be made, ask one event earlier, or ask a copy.deepcopy(trainer) that was made there"
)

HYPER = ("rho", "beta_1", "beta_2", "epsilon", "weight_decay")


def explain_update(trainer: Trainer, parameter: Any, index: Any = None) -> Explanation:
    """The next update of one weight, with the numbers plugged into the optimizer's formulas.

    The old w, the gradient g as the optimizer gets it, the learning rate at this step, the slots (m, v, …) before and after,
    the corrected ones, the step, the new w: the engine's own numbers, from the rest of this step made on a copy, penalties
    and clipping included. The trainer is the first argument, because it knows the optimizer and the iteration.

    Ask in `trainer.walk`, at the last event before `update` (backward of the lowest layer, penalty or clip): then it is the
    update that comes. At the event `update` the weights have moved already: it is then one more step with the same gradient,
    and a remark says so; likewise after a whole `trainer.step`.

    Args:
        trainer: with a gradient there.
        parameter: its name, such as "hidden1/kernel", or the Parameter itself.
        index: which element, for example (3, 0), or 0 for a bias; by default that of the largest gradient.

    Nothing of the trainer is touched. Raises ValueError where there is no gradient yet, for a frozen parameter, and for an
    index out of range.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(1, name="out")], input_size=1, dtype="float64")
    >>> model.layer("out").kernel.value = [[2.0]]
    >>> trainer = nd.Trainer(model, "mean_squared_error", nd.optimizers.Momentum(0.1))
    >>> for event in trainer.walk([[1.0]], [[1.0]]):
    ...     if event.stage == "backward":
    ...         print(explain_update(trainer, "out/kernel", (0, 0)))
    out/kernel[0, 0]: update 1, by Momentum
      before: w 2, g 2, m 0, η 0.1, β 0.9
      m ← β·m − η·g = 0.9·0 − 0.1·2 = −0.2
      w ← w + m = 2 + (−0.2) = 1.8
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(
            f"explain_update: trainer must be a Trainer, which knows optimizer and iteration, got {checks.describe(trainer)}"
        )
    chosen = find_parameter(trainer, parameter)
    if trainer.model.passes == 0:
        raise ValueError("explain_update: there is no gradient yet; run trainer.step(x, y) first, or ask in trainer.walk(x, y)")
    to_do, remarks = what_is_left(trainer)
    twin = copy.deepcopy(trainer, {id(trainer.validation_data): trainer.validation_data})
    twin.prepare()
    ours = next(p for p in twin.model.parameters if p.name == chosen.name)
    assert ours.grad is not None
    where = element(chosen, ours.grad, index)
    way = follow_gradient(twin, ours, where, to_do)
    before = numbers_before(twin, ours, where)
    twin.optimizer.update(twin.iteration)
    equations = list(replayed(twin, ours, where, before))
    parts: list[str | Statement] = [*way, f"  before: {listed(before)}", *equations, *constrained(twin, ours, where), *remarks]
    title = f"{chosen.name}[{', '.join(map(str, where))}]: update {twin.iteration + 1}, by {type(twin.optimizer).__name__}"
    return Explanation(title, parts, main=equations[-1])


def find_parameter(trainer: Trainer, parameter: Any) -> Parameter:
    """The parameter of this name, or the very one; refused where it is not trained."""
    known = {p.name: p for p in trainer.model.parameters}
    name = parameter.name if isinstance(parameter, Parameter) else parameter
    chosen = known[checks.choice("explain_update", "parameter", name, known)]
    if not chosen.trainable:
        why = "is frozen" if chosen.has_grad else "is a moving statistic and never trained"
        raise ValueError(f"explain_update: {chosen.name} {why}: the optimizer leaves it alone")
    return chosen


def element(parameter: Parameter, grad: Any, index: Any) -> tuple[int, ...]:
    """The index as a tuple within the parameter's shape."""
    shape = parameter.shape
    if index is None:
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(grad))), shape))
    given = tuple(index) if isinstance(index, tuple | list) else (index,)
    if len(given) != len(shape):
        example = "0" if len(shape) == 1 else "(" + ", ".join("0" for _ in shape) + ")"
        raise ValueError(
            f"explain_update: index must have {len(shape)} {'number' if len(shape) == 1 else 'numbers'}, such as {example}, "
            f"because {parameter.name} has the shape {shape}; got {checks.describe(index)}"
        )
    of = f"{parameter.name} has the shape {shape}"
    return tuple(index_within("explain_update", "index", i, size, of) for i, size in zip(given, shape, strict=True))


def what_is_left(trainer: Trainer) -> tuple[tuple[str, ...], list[str]]:
    """Which operations stand between the gradient that is there and the update; and what is to be said about the moment."""
    event = trainer.event
    if event is None:
        return (), [NEXT] if trainer.iteration else []
    if event.stage in ("update", "constrain"):
        return (), [USED]
    last = trainer.model.layers.backward_layers[-1]
    if event.stage in ("forward", "loss") or (event.stage == "backward" and event.layer is not last):
        raise ValueError(
            f"explain_update: the backward pass of this step has not finished (now: {event.stage} {event.name!r}); "
            f"ask again at the event backward {last.name!r}"
        )
    return {"backward": ("penalty", "clip"), "penalty": ("clip",), "clip": ()}[event.stage], []


def follow_gradient(twin: Trainer, parameter: Parameter, where: tuple[int, ...], to_do: tuple[str, ...]) -> list[str]:
    """Make what is left before the update, on the copy; a line for each that changed this gradient."""
    assert parameter.grad is not None
    lines, g = [], float(parameter.grad[where])
    if "penalty" in to_do and twin.plan.penalized:
        twin.penalize()
        if parameter.grad[where] != g:
            lines.append(f"  the penalty takes g from {short(g)} to {short(float(parameter.grad[where]))}")
    g = float(parameter.grad[where])
    if "clip" in to_do and twin.clipping is not None:
        twin.clipping.clip()
        if parameter.grad[where] != g:
            lines.append(f"  clipping takes g from {g:.4g} to {parameter.grad[where]:.4g}")
    return lines


def numbers_before(twin: Trainer, parameter: Parameter, where: tuple[int, ...]) -> dict[str, Any]:
    """w, g, the slots, and the optimizer's own numbers at this step, before the update."""
    optimizer, step = twin.optimizer, twin.iteration
    assert parameter.grad is not None
    slots = {name: float(optimizer.slot(name, parameter)[where]) for name in optimizer.slots}
    numbers: dict[str, Any] = {"w": float(parameter.value[where]), "g": float(parameter.grad[where]), **slots}
    numbers["learning_rate"] = optimizer.learning_rate_at(step)
    if (factor := optimizer.factor_of(parameter)) != 1:
        numbers["f"] = factor
    named = {name for _, formula in optimizer.rule for name in names_in(formula)}
    for name, at in (("momentum", step), ("next_momentum", step + 1)):
        if name in named:
            numbers[name] = schedules.value_at(vars(optimizer)["momentum"], at)
    own = sorted(name for name in named - {*numbers, *HYPER} if isinstance(vars(optimizer).get(name), float))
    numbers |= {name: vars(optimizer)[name] for name in (*HYPER, *own) if name in named}
    if isinstance(optimizer, Nadam):
        mu = optimizer.mu(step + 1)
        numbers |= {"mu": mu, "next_mu": optimizer.mu(step + 2), "mu_product": optimizer.mu_product * mu}
    return numbers


def listed(numbers: dict[str, Any]) -> str:
    """Names and numbers in one line."""
    return ", ".join(f"{Symbol(name)} {short(value)}" for name, value in numbers.items())


def replayed(twin: Trainer, parameter: Parameter, where: tuple[int, ...], before: dict[str, Any]) -> list[Equation]:
    """The optimizer's formulas in order, each with the engine's number where it keeps one."""
    optimizer, t = twin.optimizer, twin.iteration + 1
    after = {name: float(optimizer.slot(name, parameter)[where]) for name in optimizer.slots}
    after["w"] = float(parameter.value[where])
    at = Place(0, 0, 0, None, parameter.value.dtype)
    if not optimizer.rule:
        return own_rule(at, before, after)
    made: list[Equation] = []
    known = dict(before)
    for i in (1, 2):
        if f"beta_{i}" in known:              # computed in double precision, whatever the weights are
            beta = f"beta_{i}"
            known[f"correction_{i}"] = Equation(f"correction_{i}", f"1 - {beta}**t", {beta: known[beta], "t": t})
    steps = optimizer.rule
    if "f" in before:                         # the rule's last line gives what the step would make of w
        steps = (*steps[:-1], ("new", steps[-1][1]), ("w", "old + f*(new - old)"))
        known["old"] = before["w"]
    for k, (name, formula) in enumerate(steps):
        last = name not in [later for later, _ in steps[k + 1 :]]
        used = {n: known[n] for n in known if n in names_in(formula)}
        made += [number for n, number in used.items() if n.startswith("correction")]
        old = name in before
        flushed = flushed_below(optimizer, name, t) if after.get(name) == 0 else 0.0
        words = f"smaller than {flushed:.1e}, and set to 0" if flushed else ""
        equation = at.equation(name, formula, used, after.get(name) if last else None, words, arrow=old, slack=flushed)
        made.append(equation)
        known[name] = equation
    return made


def flushed_below(optimizer: Optimizer, name: str, t: int) -> float:
    """Below which size update t sets elements of this slot to 0, so that they never become denormal; 0 where it does not."""
    return optimizer.decaying_slots().get(name, (0.0, 0.0))[1] if t % optimizer.flush_every == 0 else 0.0


def own_rule(at: Place, before: dict[str, Any], after: dict[str, float]) -> list[Equation]:
    """An optimizer that npdeep does not know: what it changed each number by."""
    names = [name for name in after if name != "w"]
    changes = {name: {name: before[name], "change": after[name] - before[name]} for name in [*names, "w"]}
    return [at.equation(name, f"{name} + change", numbers, after[name], arrow=True) for name, numbers in changes.items()]


def constrained(twin: Trainer, parameter: Parameter, where: tuple[int, ...]) -> list[str]:
    """What a constraint makes of the new w."""
    if parameter.constraint is None:
        return []
    w = float(parameter.value[where])
    twin.constrain()
    return [f"  then {parameter.constraint!r} takes w from {w:.4g} to {parameter.value[where]:.4g}"]
