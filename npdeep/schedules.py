"""Hyper-parameters that change during training.

A schedule is a function of the step t, the number of updates made so far: the first update sees t = 0. It serves as a
learning rate, and as a momentum too. A plain number is a schedule that never changes. Decay by performance, which needs to
see the validation loss, is a callback: `nd.callbacks.ReduceLROnPlateau`.
"""

import bisect
import itertools
import math
import numbers
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from npdeep.common import checks, custom
from npdeep.common.described import Described
from npdeep.common.foreign_names import SCHEDULES, expanded
from npdeep.common.hinting import asked, is_function, offered


class Schedule(Described):
    """Base. An own schedule defines `__call__(step) -> float`.

    >>> class Halving(Schedule):
    ...     def __call__(self, step):
    ...         return 0.5**step
    >>> Halving()(3)
    0.125
    """

    def __call__(self, step: int) -> float:
        """The value for the update that follows `step` updates."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")


class Constant(Schedule):
    """η(t) = value.

    >>> Constant(0.1)(1000)
    0.1
    """

    def __init__(self, value: float) -> None:
        self.value = checks.number("Constant", "value", value, minimum=0)

    def __call__(self, step: int) -> float:
        """The value."""
        return self.value


def last_power(value: float, factor: float) -> float:
    """The largest p for which value · factor^p is still a number: there a value that grows stops growing.

    >>> last_power(0.1, 0.5), round(last_power(1.0, 2.0), 1)
    (inf, 1022.9)
    """
    if factor <= 1:
        return math.inf
    return max(0.0, (709 - math.log(max(value, 1.0))) / math.log(factor))     # e^709 is just below the largest float


class ExponentialDecay(Schedule):
    """η(t) = initial · decay_rate^(t/decay_steps): a factor of decay_rate every decay_steps steps.

    staircase: t/decay_steps is rounded down, so that the value falls in steps.
    A decay_rate above 1 makes the value grow, until it or its factor reaches the end of floats (some 1e307).
    The chapter's schedule is ExponentialDecay(0.1, 10_000, 1/10).

    >>> decay = ExponentialDecay(0.1, 10_000, 1/10)
    >>> round(decay(5_000), 6), round(decay(10_000), 6)
    (0.031623, 0.01)
    """

    def __init__(self, initial: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> None:
        self.initial = checks.number("ExponentialDecay", "initial", initial, minimum=0)
        self.decay_steps = checks.whole("ExponentialDecay", "decay_steps", decay_steps)
        self.decay_rate = checks.number("ExponentialDecay", "decay_rate", decay_rate, above=0)
        self.staircase = checks.flag("ExponentialDecay", "staircase", staircase)
        self.last = last_power(self.initial, self.decay_rate)

    def __call__(self, step: int) -> float:
        """initial · decay_rate^(t/decay_steps)."""
        power = step // self.decay_steps if self.staircase else step / self.decay_steps
        return float(self.initial * self.decay_rate ** min(power, self.last))


class PiecewiseConstant(Schedule):
    """η(t) = values[0] up to and including boundaries[0], then values[1] up to and including boundaries[1], …

    >>> piecewise = PiecewiseConstant([100, 200], [0.01, 0.005, 0.001])
    >>> piecewise(100), piecewise(101), piecewise(201)
    (0.01, 0.005, 0.001)
    """

    def __init__(self, boundaries: list[int], values: list[float]) -> None:
        if not isinstance(boundaries, list | tuple) or not isinstance(values, list | tuple):
            raise TypeError(
                "PiecewiseConstant: boundaries and values must be lists, for example PiecewiseConstant([1000], [0.1, 0.01]); "
                f"got {checks.describe(boundaries)} and {checks.describe(values)}"
            )
        self.boundaries = [checks.whole("PiecewiseConstant", "boundaries", b, minimum=0) for b in boundaries]
        self.values = [checks.number("PiecewiseConstant", "values", v, minimum=0) for v in values]
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstant: {len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values, "
                f"got {len(self.values)}"
            )
        if sorted(set(self.boundaries)) != self.boundaries:
            raise ValueError(f"PiecewiseConstant: boundaries must grow, got {self.boundaries}")

    def __call__(self, step: int) -> float:
        """The value of the interval that t lies in."""
        return self.values[bisect.bisect_left(self.boundaries, step)]


class PowerDecay(Schedule):
    """η(t) = initial · (1 + t/decay_steps)^(−power).

    >>> PowerDecay(0.1, 100)(100)
    0.05
    """

    def __init__(self, initial: float, decay_steps: int, power: float = 1.0) -> None:
        self.initial = checks.number("PowerDecay", "initial", initial, minimum=0)
        self.decay_steps = checks.whole("PowerDecay", "decay_steps", decay_steps)
        self.power = checks.number("PowerDecay", "power", power, minimum=0)

    def __call__(self, step: int) -> float:
        """initial · (1 + t/decay_steps)^(−power)."""
        return float(self.initial * (1 + step / self.decay_steps) ** -self.power)


class InverseTimeDecay(Schedule):
    """η(t) = initial/(1 + decay_rate · t/decay_steps), t/decay_steps rounded down if staircase.

    >>> InverseTimeDecay(0.01, 10_000, 1.0)(10_000)
    0.005
    """

    def __init__(self, initial: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> None:
        self.initial = checks.number("InverseTimeDecay", "initial", initial, minimum=0)
        self.decay_steps = checks.whole("InverseTimeDecay", "decay_steps", decay_steps)
        self.decay_rate = checks.number("InverseTimeDecay", "decay_rate", decay_rate, minimum=0)
        self.staircase = checks.flag("InverseTimeDecay", "staircase", staircase)

    def __call__(self, step: int) -> float:
        """initial/(1 + decay_rate · t/decay_steps)."""
        times = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial / (1 + self.decay_rate * times)


class PolynomialDecay(Schedule):
    """η(t) = (initial − final)(1 − t/decay_steps)^power + final, and final from decay_steps on. power 1: a straight line.

    power 0: initial until then.
    cycle: instead of staying at final, the decay starts again, stretched to the next multiple of decay_steps.

    >>> line = PolynomialDecay(0.1, 100, final=0.02)
    >>> round(line(50), 6), line(500)
    (0.06, 0.02)
    """

    def __init__(
        self, initial: float, decay_steps: int, final: float = 0.0001, power: float = 1.0, cycle: bool = False
    ) -> None:
        self.initial = checks.number("PolynomialDecay", "initial", initial, minimum=0)
        self.decay_steps = checks.whole("PolynomialDecay", "decay_steps", decay_steps)
        self.final = checks.number("PolynomialDecay", "final", final, minimum=0)
        self.power = checks.number("PolynomialDecay", "power", power, minimum=0)
        self.cycle = checks.flag("PolynomialDecay", "cycle", cycle)

    def __call__(self, step: int) -> float:
        """(initial − final)(1 − t/decay_steps)^power + final."""
        length = self.decay_steps
        if self.cycle:
            length *= max(1, -(-step // self.decay_steps))    # rounded up
        if step >= length:
            return self.final
        return float((self.initial - self.final) * (1 - step / length) ** self.power + self.final)


SLOWEST = 1.01
"""How much longer waves must become, if at all: each wave before a step is counted, and there may be only so many."""


class CosineDecay(Schedule):
    """η(t) = initial · ((1 − alpha) · ½(1 + cos(π t/decay_steps)) + alpha): a half wave from initial to alpha · initial.

    restarts: the wave starts again, each time `longer` times as long and `lower` times as high. The first step at or after the
    end of a wave begins the next: after 10 and 13 steps (longer=1.3) that is step 23. longer is 1, or at least 1.01.
    Source: Loshchilov & Hutter (2017), *SGDR: stochastic gradient descent with warm restarts*.

    >>> wave = CosineDecay(0.1, 100)
    >>> wave(0), round(wave(50), 6), round(wave(100), 6), CosineDecay(0.1, 100, restarts=True)(100)
    (0.1, 0.05, 0.0, 0.1)
    """

    def __init__(
        self,
        initial: float,
        decay_steps: int,
        alpha: float = 0.0,
        restarts: bool = False,
        longer: float = 2.0,
        lower: float = 1.0,
    ) -> None:
        self.initial = checks.number("CosineDecay", "initial", initial, minimum=0)
        self.decay_steps = checks.whole("CosineDecay", "decay_steps", decay_steps)
        self.alpha = checks.number("CosineDecay", "alpha", alpha, minimum=0, maximum=1)
        self.restarts = checks.flag("CosineDecay", "restarts", restarts)
        self.longer = checks.number("CosineDecay", "longer", longer, minimum=1)
        if 1 < self.longer < SLOWEST:
            raise ValueError(f"CosineDecay: longer must be 1, for waves of equal length, or at least {SLOWEST}, got {longer!r}")
        self.lower = checks.number("CosineDecay", "lower", lower, above=0)
        self.ratio = Fraction(repr(self.longer)).as_integer_ratio()    # of 1.3, as it is written, 13/10
        self.last = last_power(self.initial, self.lower)

    def __call__(self, step: int) -> float:
        """A cosine from 1 to alpha, times initial."""
        wave, left, length = 0, step, self.decay_steps
        if not self.restarts:
            left = min(step, length)
        elif self.longer == 1:
            wave, left = divmod(step, length)
        else:
            over, under = self.ratio
            while left >= length:             # take off whole waves, all in integers: floats would miss some ends
                wave, left, length = wave + 1, (left - length) * under, length * over
        height = self.lower ** min(wave, self.last)
        share = 0.5 * (1 + math.cos(math.pi * (left / length)))
        return float(self.initial * ((1 - self.alpha) * height * share + self.alpha))


class OneCycle(Schedule):
    """Up, down, out: straight from start to peak in the first part of training, back to start, and at the end to final.

    The last `last` share of the steps leads from start to final; the rest is halved between the way up and down. Defaults as
    in the chapter: start = peak/10, final = start/1000, last 10 %. For a momentum that goes the other way, write for example
    OneCycle(0.85, steps, start=0.95, final=0.95). Source: Smith (2018), *A disciplined approach to neural network
    hyper-parameters*.

    >>> cycle = OneCycle(1.0, 100)
    >>> [round(cycle(t), 4) for t in (0, 45, 90, 100, 200)]
    [0.1, 1.0, 0.1, 0.0001, 0.0001]
    """

    def __init__(
        self, peak: float, steps: int, start: float | None = None, final: float | None = None, last: float = 0.1
    ) -> None:
        self.peak = checks.number("OneCycle", "peak", peak, minimum=0)
        self.steps = checks.whole("OneCycle", "steps", steps)
        self.start = self.peak / 10 if start is None else checks.number("OneCycle", "start", start, minimum=0)
        self.final = self.start / 1000 if final is None else checks.number("OneCycle", "final", final, minimum=0)
        self.last = checks.number("OneCycle", "last", last, minimum=0, below=1)

    def __call__(self, step: int) -> float:
        """A straight line between the corners."""
        half = 0.5 * (1 - self.last) * self.steps
        corners = [(0.0, self.start), (half, self.peak), (2 * half, self.start), (float(self.steps), self.final)]
        for (t0, y0), (t1, y1) in itertools.pairwise(corners):
            if step < t1:
                return y0 + (y1 - y0) * ((step - t0) / (t1 - t0))
        return self.final


class Warmup(Schedule):
    """A straight line from start to the first value of another schedule (or number), then that one, counted from there.

    >>> warm = Warmup(0.1, 10)
    >>> warm(0), warm(5), warm(10)
    (0.0, 0.05, 0.1)
    """

    def __init__(self, then: "float | Schedule", warmup_steps: int, start: float = 0.0) -> None:
        self.then = then if isinstance(then, Schedule) else checks.number("Warmup", "then", then, minimum=0)
        self.warmup_steps = checks.whole("Warmup", "warmup_steps", warmup_steps)
        self.start = checks.number("Warmup", "start", start, minimum=0)

    def __call__(self, step: int) -> float:
        """The line, then the schedule."""
        if step >= self.warmup_steps:
            return value_at(self.then, step - self.warmup_steps)
        return self.start + (value_at(self.then, 0) - self.start) * (step / self.warmup_steps)


KNOWN: dict[str, type[Schedule]] = {
    "constant": Constant,
    "exponential_decay": ExponentialDecay,
    "piecewise_constant": PiecewiseConstant,
    "power_decay": PowerDecay,
    "inverse_time_decay": InverseTimeDecay,
    "polynomial_decay": PolynomialDecay,
    "cosine_decay": CosineDecay,
    "one_cycle": OneCycle,
    "warmup": Warmup,
}
HINTS = expanded(SCHEDULES)
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__)


def value_at(rate: "float | Schedule", step: int) -> float:
    """The number itself, or the schedule's value at this step.

    >>> value_at(0.1, 5), value_at(PowerDecay(0.1, 100), 100)
    (0.1, 0.05)
    """
    if not callable(rate):                    # isinstance would lead a debugger away from the step
        return rate
    value: Any = rate(step)
    try:
        fits = isinstance(value, numbers.Real) and 0 <= float(value) < math.inf
    except (TypeError, OverflowError):        # a span of time, an integer that no float can hold
        fits = False
    if not fits:
        got = checks.describe(value)
        raise ValueError(f"{rate!r} must give a number of at least 0 at every step, but at step {step} it gave {got}")
    return float(value)


def rate(owner: str, name: str, value: Any, **limits: Any) -> "float | Schedule":
    """A number within the limits, or a schedule; anything else raises.

    >>> rate("SGD", "learning_rate", -1, minimum=0)
    Traceback (most recent call last):
    ValueError: SGD: learning_rate must be a number of at least 0, got -1
    """
    if isinstance(value, Schedule):
        custom.check_takes(type(value).__name__, "__call__", value, ("step",))
        return value
    if is_function(value):
        raise TypeError(
            f"{owner}: {name} must be a number or an object of nd.schedules; derive your own from nd.schedules.Schedule"
        )
    return checks.number(owner, name, value, **limits)
