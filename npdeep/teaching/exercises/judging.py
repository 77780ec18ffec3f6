"""The judge: compares a function with the right one, and a wrong one with the catalogue of mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npdeep.teaching.exercises.calling import Fault, call, sizes
from npdeep.teaching.exercises.describing import Case, describe
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs, Mistake
from npdeep.teaching.exercises.substituting import substitution
from npdeep.teaching.exercises.trials import Trial, agrees, close, expected_of, fits, tried

ROUGH = 1e-4
"""How far float32 may be off."""


def judge(exercise: Exercise, function: Function) -> str | None:
    """None where the function is right, else what is wrong with it, for its author.

    >>> from npdeep.teaching.exercises.exercise import exercise_of_two_outputs
    >>> two = exercise_of_two_outputs()
    >>> judge(two, lambda x: (x, x + x)) is None
    True
    >>> print(judge(two, lambda x: (x, -2 * x)))
    twice is not right yet:
    - b has the wrong sign
    - right already: a
    """
    try:
        trials = [tried(exercise, function, inputs) for inputs in exercise.trials()]
        check_repeatable(exercise, function, trials[0].inputs)
    except Fault as fault:
        return f"{exercise.name} is not right yet:\n- {fault}"
    names = list(trials[0].right)
    wrong = [name for name in names if not agrees(trials, name, exercise.tolerance)]
    if not wrong:
        return _not_drawn(exercise, function, trials[0].inputs) or _other_kind(exercise, trials, names)
    if exercise.measure is None and all(_rounded(trials, name) for name in wrong):
        return _other_kind(exercise, trials, wrong)
    said = explained(exercise, trials, wrong)
    rest = [name for name in names if name not in wrong]
    if rest and exercise.measure is None:
        said.append(f"right already: {', '.join(rest)}")
    return "\n- ".join([f"{exercise.name} is not right yet:", *said])


def check_repeatable(exercise: Exercise, function: Function, inputs: Inputs) -> None:
    """Fault where a second call with the same inputs returns something else; of random outputs, the numbers themselves."""
    first, second = call(exercise, function, inputs), call(exercise, function, inputs)
    if all(map(close, second, first, [1e-12] * len(first))):
        return
    if "rng" in exercise.arguments:
        raise Fault("it returns something else in every call: draw from rng, not from np.random, so that a run can be repeated")
    raise Fault("it returns something else in every call, for the same inputs: does it keep something from call to call?")


def _not_drawn(exercise: Exercise, function: Function, inputs: Inputs) -> str | None:
    """What is wrong where another generator draws the same numbers."""
    if "rng" not in exercise.arguments:
        return None
    first, second = (call(exercise, function, inputs | {"rng": np.random.default_rng(seed)}) for seed in range(2))
    if not all(map(close, second, first, [1e-12] * len(first))):
        return None
    cure = "draw from the rng that is given, not from one that you make"
    return f"{exercise.name} is not right yet:\n- it returns the same numbers whatever rng is: {cure}"


def explained(exercise: Exercise, trials: Sequence[Trial], wrong: list[str]) -> list[str]:
    """For the wrong outputs, what was done: mistakes of the catalogue, the one that explains most first, then descriptions."""
    found = {mistake.says: effect for mistake in exercise.mistakes if (effect := effect_of(exercise, mistake, trials, wrong))}
    if exercise.chained:
        return _chained(exercise, trials, wrong, found)
    said, left = [], list(wrong)
    for says in sorted(found, key=lambda text: found[text].rank, reverse=True):
        if found[says].explains & set(left):
            said.append(says)
            left = [name for name in left if name not in found[says].explains]
    return said + [_described(exercise, trials, name) for name in left]


@dataclass(frozen=True)
class Effect:
    """What a mistake explains: these outputs; exact, if they agree for extreme inputs too; whole, if it spoils no other."""

    explains: set[str]
    exact: bool
    whole: bool

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """The larger, the likelier."""
        return self.exact, self.whole, len(self.explains)


def _chained(exercise: Exercise, trials: Sequence[Trial], wrong: list[str], found: dict[str, Effect]) -> list[str]:
    """Of outputs that follow from one another, the first wrong one is explained; the others may be wrong by it."""
    first = {says: effect for says, effect in found.items() if wrong[0] in effect.explains}
    says = max(first, key=lambda text: first[text].rank, default="")
    order = "" if says else _exchanged(exercise, trials, wrong)
    covered = first[says].explains if says else {order.partition(" ")[0] or wrong[0]}
    rest = [name for name in wrong if name not in covered]
    follow = [f"{', '.join(rest)} too: that may follow from it; correct it first"] if rest else []
    return [says or order or _described(exercise, trials, wrong[0]), *follow]


def _exchanged(exercise: Exercise, trials: Sequence[Trial], wrong: list[str]) -> str:
    """Of two outputs that were returned in each other's place; one of them may be wrong besides."""
    for name in wrong:
        for other in exercise.outputs:
            if other != name and all(close(trial.got[name], trial.right[other], exercise.tolerance) for trial in trials):
                return f"{name} is what {other} should be: are the outputs in another order?"
    return ""


def effect_of(exercise: Exercise, mistake: Mistake, trials: Sequence[Trial], wrong: list[str]) -> Effect | None:
    """Which of the wrong outputs are what this mistake makes of them, in all trials; of what is measured, all or none.

    A mistake that would spoil an output that is right is not the one that was made. What is wrong for ordinary inputs need not
    agree for extreme ones: there a guard against overflow hides the mistake.
    """
    function, explains, spoils = exercise.mistaken(mistake), set(wrong), set()
    ordinary = trials[: -len(exercise.more_inputs()) or None]
    exact, anyway = True, {name for name in wrong if not agrees(ordinary, name, exercise.tolerance)}
    for number, trial in enumerate(trials):
        try:
            made = expected_of(exercise, function, trial.inputs)
        except Fault:
            return None
        alike = {name for name in made[0] if fits(trial.got[name], [one[name] for one in made], exercise.tolerance)}
        spoils |= {name for name in made[0] if not close(made[0][name], trial.right[name], exercise.tolerance)}
        exact &= number < len(ordinary) or explains <= alike
        explains &= alike if number < len(ordinary) else alike | anyway
        if not explains or (exercise.measure and len(alike) < len(made[0])):
            return None
    return Effect(explains, exact, spoils == explains) if exercise.measure or spoils <= set(wrong) else None


def _described(exercise: Exercise, trials: Sequence[Trial], name: str) -> str:
    ordinary = list(trials[: -len(exercise.more_inputs()) or None])
    extreme = agrees(ordinary, name, exercise.tolerance)
    shown = (
        [trial for trial in trials if not close(trial.got[name], trial.right[name], exercise.tolerance)]
        if extreme
        else ordinary
    )
    terms = [exercise.terms(**t.inputs).get(name, {}) if exercise.terms else {} for t in shown]
    others = [
        {k: v for k, v in t.right.items() if k != name and not isinstance(v, list) and exercise.measure is None and not extreme}
        for t in shown
    ]
    cases = [Case(t.got[name], t.right[name], t.inputs, others[i], terms[i]) for i, t in enumerate(shown)]
    text = describe(name, cases, exercise.tolerance, lambda: None if exercise.measure else substitution(exercise, shown, name))
    return f"{text}; ordinary inputs are right, these are not: {sizes(shown[0].inputs)}" if extreme else text


def _rounded(trials: Sequence[Trial], name: str) -> bool:
    """Whether an output is right but for the digits that float32 leaves off."""
    short = any(np.asarray(part).dtype in (np.float32, np.float16) for t in trials for part in _parts(t.got[name]))
    return short and agrees(trials, name, ROUGH)


def _other_kind(exercise: Exercise, trials: Sequence[Trial], names: Sequence[str]) -> str | None:
    if exercise.measure is not None:
        return None
    for name in names:
        for trial in trials:
            for got, right in zip(_parts(trial.got[name]), _parts(trial.right[name]), strict=True):
                if np.asarray(right).ndim and got.dtype != np.float64 and np.asarray(right).dtype == np.float64:
                    cure = "leave out astype and dtype=, and make arrays with np.zeros(shape) or np.empty_like(x)"
                    return f"{exercise.name} is not right yet:\n- {name} is {got.dtype}, the inputs are float64: {cure}"
    return None


def _parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
