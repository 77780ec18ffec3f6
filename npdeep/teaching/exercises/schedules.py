"""Exercises on what steers a run: a learning rate that decays, and when to stop."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from npdeep import schedules
from npdeep.teaching.exercises.exercise import Exercise, Function, Inputs, Mistake

CHAPTER = "schedules and stopping"


# ── exponential decay ─────────────────────────────────────────────────────────────────────────────────────────────────
def _decay(initial: float, step: int, decay_steps: int, decay_rate: float, staircase: bool) -> float:
    return float(schedules.ExponentialDecay(initial, decay_steps, decay_rate, staircase)(step))


def _decay_inputs(rng: np.random.Generator, n: int) -> Inputs:
    steps = int(rng.integers(50, 90))
    return {
        "initial": float(rng.uniform(0.1, 0.5)),
        "step": int(steps * rng.uniform(1.2, 2.8)),
        "decay_steps": steps,
        "decay_rate": float(rng.uniform(0.2, 0.7)),
        "staircase": False,
    }


def _stairs() -> list[Inputs]:
    """On a stair, on its edge, and before the first."""
    base: Inputs = {"initial": 0.1, "step": 250, "decay_steps": 100, "decay_rate": 0.5, "staircase": True}
    return [base, base | {"step": 299}, base | {"step": 300}, base | {"step": 20}, base | {"step": 0, "staircase": False}]


def _smooth(rate: Callable[[float, float, float, float], float]) -> Function:
    """A wrong rate from initial, step, decay_steps and decay_rate; with stairs, step is the last multiple of decay_steps."""
    return lambda initial, step, decay_steps, decay_rate, staircase: rate(
        initial, step // decay_steps * decay_steps if staircase else step, decay_steps, decay_rate
    )


def _staired(count: Callable[[int, int], float]) -> Function:
    """Right without stairs; with them, another exponent."""
    return lambda initial, step, decay_steps, decay_rate, staircase: (
        initial * decay_rate ** (count(step, decay_steps) if staircase else step / decay_steps)
    )


DECAY = Exercise(
    name="exponential_decay",
    chapter=CHAPTER,
    arguments=("initial", "step", "decay_steps", "decay_rate", "staircase"),
    outputs=("learning_rate",),
    task="The learning rate at a step, counted from 0. With staircase=True it falls once in `decay_steps` steps, in stairs.",
    formula=(
        "learning_rate = initial * decay_rate^(step/decay_steps)\n"
        "with staircase=True: step/decay_steps is rounded down to an integer"
    ),
    shapes="initial, decay_rate: numbers, step, decay_steps: integers, staircase: True or False, learning_rate: a number",
    hints=(
        "The exponent is 1 after decay_steps steps, 2 after twice as many.",
        "Python has two divisions: / gives a fraction, // rounds down. Which case needs which?",
        "decay_rate is the base, and ** binds tighter than *.",
    ),
    make_inputs=_decay_inputs,
    more_inputs=_stairs,
    rows=0,
    solution=_decay,
    mistakes=(
        Mistake("the exponent is always rounded down: that is for staircase=True alone",
                lambda i, s, d, r, stairs: i * r ** (s // d)),
        Mistake("staircase is not used: with it the exponent is rounded down", lambda i, s, d, r, stairs: i * r ** (s / d)),
        Mistake("staircase has the wrong sense: True rounds down, False does not",
                lambda i, s, d, r, stairs: i * r ** (s / d if stairs else s // d)),
        Mistake("the exponent is far too large, step perhaps: it is step/decay_steps", _smooth(lambda i, s, d, r: i * r**s)),
        Mistake("the exponent is decay_steps/step: it is step/decay_steps",
                _smooth(lambda i, s, d, r: i * r ** (d / s) if s else 0.0)),
        Mistake("the rate falls along a line: decay_rate is to the power of step/decay_steps, not times it",
                _smooth(lambda i, s, d, r: i * (r * s / d))),
        Mistake("the rate grows: the exponent has a minus too many", _smooth(lambda i, s, d, r: i * r ** (-s / d))),
        Mistake("the base is e: exp(-decay_rate step/decay_steps) is another decay, the base here is decay_rate",
                _smooth(lambda i, s, d, r: i * math.exp(-r * s / d))),
        Mistake("initial is inside the power: it is initial times the power", _smooth(lambda i, s, d, r: (i * r) ** (s / d))),
        Mistake("the rate is initial/(1 + decay_rate step/decay_steps): that is inverse time decay",
                _smooth(lambda i, s, d, r: i / (1 + r * s / d))),
        Mistake("the base is 1 - decay_rate: it is decay_rate", _smooth(lambda i, s, d, r: i * (1 - r) ** (s / d))),
        Mistake("initial is missing", _smooth(lambda i, s, d, r: r ** (s / d))),
        Mistake("the step is counted from 1: it is counted from 0, the first update has the full rate",
                lambda i, s, d, r, stairs: i * r ** ((s + 1) // d if stairs else (s + 1) / d)),
        Mistake("the stairs are rounded up: round down, the first stair has the full rate", _staired(lambda s, d: -(-s // d))),
        Mistake("the stairs are rounded to the nearest: round down", _staired(lambda s, d: round(s / d))),
        Mistake("the rate falls once, and no further: a new stair comes every decay_steps steps",
                _staired(lambda s, d: min(s // d, 1))),
    ),
)  # fmt: skip


# ── early stopping ────────────────────────────────────────────────────────────────────────────────────────────────────
def _stopping(
    losses: Sequence[float],
    patience: int,
    better: Callable[[float, float, float], bool] = lambda loss, best, before: loss < best,
    first: float = math.inf,
    resets: bool = True,
) -> tuple[int, int]:
    """Best and last epoch; `better` is asked with the loss, the best so far and the one before."""
    best, best_epoch, waited, before = first, 0, 0, math.inf
    for epoch, loss in enumerate(losses):
        if better(loss, best, before):
            best, best_epoch, waited = loss, epoch, 0 if resets else waited
        else:
            waited += 1
            if waited >= patience:
                return best_epoch, epoch
        before = loss
    return best_epoch, len(losses) - 1


def _losses(rng: np.random.Generator, n: int) -> Inputs:
    """Losses to one digit after the point, with ups and downs and equal ones, that fall first and rise in the end."""
    count = 6 * n
    bowl = np.abs(np.linspace(-1, 1, count)) + 0.15 * rng.normal(size=count)
    return {"losses": [float(v) for v in np.round(1 + bowl, 1)], "patience": int(rng.integers(3, 6))}


def _special_losses() -> list[Inputs]:
    return [
        {"losses": [1.0, 0.9, 0.8, 0.7], "patience": 2},                            # never stops
        {"losses": [1.0, 0.5, 0.5, 0.5, 0.4], "patience": 2},                       # equal is not lower
        {"losses": [1.0, 1.2, 0.9, 1.1, 0.8, 1.3, 0.7, 1.2, 0.6], "patience": 2},   # many waits, never two in a row
        {"losses": [1.0, 0.5, 0.9, 0.8, 0.7, 0.6], "patience": 3},                  # lower than before, not than the best
        {"losses": [1.0, 2.0, 3.0, 4.0, 5.0], "patience": 4},                       # the first is the best
        {"losses": [3.0, 2.0, 2.5, 1.0, 1.5, 1.6, 0.5], "patience": 2},             # a lower one that is never seen
        {"losses": [1.0, 0.99999, 0.99998, 0.99997, 0.99996], "patience": 2},       # lower by little is lower
    ]  # fmt: skip


def _with_stop(change: Callable[[int, int], tuple[int, int]]) -> Function:
    """The right epochs, then something wrong done with them."""
    return lambda losses, patience: change(*_stopping(losses, patience))


EARLY_STOPPING = Exercise(
    name="early_stopping",
    chapter=CHAPTER,
    arguments=("losses", "patience"),
    outputs=("best_epoch", "last_epoch"),
    task=(
        "When to stop. losses is a list of the validation losses, one per epoch, counted from 0. Training stops after the "
        "first epoch that makes `patience` epochs in a row without a loss lower than the best so far."
    ),
    formula=(
        "last_epoch: the last epoch that is run (that of the last loss, where training is never stopped)\n"
        "best_epoch: the epoch of the lowest loss until then, the first one of several"
    ),
    shapes="losses: a list of numbers, patience: an integer from 1 on, best_epoch, last_epoch: integers",
    hints=(
        "Go through the losses once and keep the best so far, its epoch, and how many epochs have passed since.",
        "Only a loss that is lower than the best sets the count back to 0. Where the count reaches patience, stop at once.",
        "Do not look at losses after last_epoch: those epochs are never run.",
    ),
    make_inputs=_losses,
    more_inputs=_special_losses,
    rows=0,
    solution=lambda losses, patience: _stopping(losses, patience),
    mistakes=(
        Mistake("it stops one epoch too late: stop where the count reaches patience, not where it exceeds it",
                lambda losses, patience: _stopping(losses, patience + 1), "keras-team/keras#8100"),
        Mistake("it stops one epoch too early: patience epochs without a lower loss, not patience - 1",
                lambda losses, patience: _stopping(losses, max(patience - 1, 1)), "mlverse/luz#63"),
        Mistake("the count is not set back to 0 by a lower loss: it must be `patience` epochs in a row",
                lambda losses, patience: _stopping(losses, patience, resets=False), "modelscope/ms-swift#5326"),
        Mistake("an equal loss counts as better: it must be lower than the best",
                lambda losses, patience: _stopping(losses, patience, lambda loss, best, before: loss <= best)),
        Mistake("a loss that is lower by little does not count as lower: any lower loss does, there is no min_delta here",
                lambda losses, patience: _stopping(losses, patience, lambda loss, best, before: loss < best - 1e-3)),
        Mistake("the loss is compared with that of the epoch before: compare it with the best so far",
                lambda losses, patience: _stopping(losses, patience, lambda loss, best, before: loss < before)),
        Mistake("the largest loss is taken for the best: a lower loss is better",
                lambda losses, patience: _stopping(losses, patience, lambda loss, best, before: loss > best, -math.inf)),
        Mistake("it never stops: best_epoch is that of the lowest loss of all, also of epochs that are not run",
                lambda losses, patience: (int(np.argmin(losses)), len(losses) - 1)),
        Mistake("best_epoch looks at epochs that are never run: only those up to last_epoch count",
                {"best_epoch": lambda losses, patience: int(np.argmin(losses))}),
        Mistake("best_epoch is the last epoch: the weights of the best epoch are wanted",
                _with_stop(lambda best, last: (last, last))),
        Mistake("best_epoch is always last_epoch - patience: where training is not stopped, that is not the best epoch",
                {"best_epoch": lambda losses, patience: _stopping(losses, patience)[1] - patience}),
        Mistake("the epochs are counted from 1: the first one is 0", _with_stop(lambda best, last: (best + 1, last + 1))),
        Mistake("last_epoch is the number of epochs that are run: it is the number of the last one, one less",
                _with_stop(lambda best, last: (best, last + 1))),
        Mistake("last_epoch is the best epoch: training goes on for `patience` epochs before it is known",
                _with_stop(lambda best, last: (best, best))),
        Mistake("best_epoch and last_epoch are exchanged", _with_stop(lambda best, last: (last, best))),
        Mistake("it stops at the first loss that is not lower, whatever the patience is",
                lambda losses, patience: _stopping(losses, 1)),
    ),
)  # fmt: skip

EXERCISES = (DECAY, EARLY_STOPPING)
