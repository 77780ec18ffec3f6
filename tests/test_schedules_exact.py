"""Schedules against exact fractions: at every boundary, over many parameters, and as far out as anybody will train."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from npdeep import schedules as s

STEPS = 3_000
LENGTHS = (1, 2, 3, 7, 10, 30, 100)
RATES = (0.1, 0.3, 1.0)


def exact(value):
    """A number as it is written: 1.3 is 13/10."""
    return Fraction(repr(value))


def close(value, right, least=1e-15):
    """Within 1e-12 of the exact value, or within the least that counts. Asked so often that pytest.approx is slow."""
    return abs(value - right) <= max(1e-12 * abs(right), least)


def agrees(schedule, reference, steps):
    """At each step close to the exact value."""
    for step in steps:
        value, right = schedule(step), float(reference(step))
        assert close(value, right), (schedule, step, value, right)


def around(*boundaries):
    """The whole steps next to each boundary and on it."""
    return sorted({max(0, math.floor(b) + d) for b in boundaries for d in (-1, 0, 1, 2)})


# ── warm restarts ─────────────────────────────────────────────────────────────────────────────────────────────────────
LONGER = (1.0, 1.01, 1.05, 1.1, 1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.1, 2.5, 2.7, 3.0, 3.3, 4.7, 10.0)


def waves(first, longer):
    """Begin and end of every wave, exactly."""
    begin, length = Fraction(0), Fraction(first)
    while True:
        yield begin, begin + length
        begin, length = begin + length, length * exact(longer)


@pytest.mark.parametrize("longer", LONGER)
@pytest.mark.parametrize("first", LENGTHS)
def test_every_wave_begins_at_exactly_the_right_step(first, longer):
    schedule = s.CosineDecay(1.0, first, restarts=True, longer=longer, lower=0.5)
    known = list(itertools.takewhile(lambda wave: wave[0] < STEPS, waves(first, longer)))[:400]
    for k, (begin, end) in enumerate(known):
        for step in around(begin, (begin + end) / 2, end):
            if begin <= step < end:
                right = 0.5 ** min(k, 1000) * 0.5 * (1 + math.cos(math.pi * float((step - begin) / (end - begin))))
                assert close(schedule(step), right, least=1e-15 * 0.5**k), (k, step)
        if begin.denominator == 1:
            assert schedule(int(begin)) == 0.5**k                      # at full height, to the bit


@pytest.mark.parametrize(("first", "longer", "step"), [(10, 1.3, 23), (100, 1.1, 331), (10, 1.8, 28)])
def test_restarts_that_floats_miss(first, longer, step):
    schedule = s.CosineDecay(1.0, first, restarts=True, longer=longer)
    assert schedule(step) == 1.0
    assert schedule(step - 1) < 0.02


@pytest.mark.parametrize("length", LENGTHS)
def test_a_wave_without_restarts_ends_at_its_last_step(length):
    schedule = s.CosineDecay(0.3, length, alpha=0.1)
    assert schedule(0) == 0.3
    assert [schedule(step) for step in (length, length + 1, 10**9)] == [0.3 * 0.1] * 3
    assert length == 1 or schedule(length - 1) > 0.3 * 0.1


# ── the others ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("initial", "final"), [(0.1, 0.0), (0.3, 0.01), (0.01, 0.3), (1.0, 1.0)])
@pytest.mark.parametrize("power", [1, 2, 3])
def test_polynomials(length, initial, final, power):
    def reference(step, cycle):
        n = length * max(1, math.ceil(Fraction(step, length))) if cycle else length
        left = 1 - min(Fraction(step, n), Fraction(1))
        return (exact(initial) - exact(final)) * left**power + exact(final)

    for cycle in (False, True):
        schedule = s.PolynomialDecay(initial, length, final, power, cycle)
        agrees(schedule, lambda step, cycle=cycle: reference(step, cycle), around(*(k * length for k in range(40))))
        assert schedule(length) == final
        assert schedule(0) == pytest.approx(initial, rel=1e-15)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_polynomial_of_power_0_is_the_first_value_and_then_the_last(length):
    schedule = s.PolynomialDecay(0.5, length, final=0.1, power=0)
    assert [schedule(step) for step in range(length + 3)] == [0.5] * length + [0.1] * 3


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 1.0, 1.5])
def test_exponentials_and_inverse_times(length, rate):
    steps = around(*(k * length for k in range(30)))
    for initial in RATES:
        stairs = s.ExponentialDecay(initial, length, rate, staircase=True)
        agrees(stairs, lambda t, i=initial: exact(i) * exact(rate) ** (t // length), steps)
        smooth = s.ExponentialDecay(initial, length, rate)
        agrees(smooth, lambda t, i=initial: exact(i) * exact(rate) ** (t // length), [k * length for k in range(30)])
        stairs = s.InverseTimeDecay(initial, length, rate, staircase=True)
        agrees(stairs, lambda t, i=initial: exact(i) / (1 + exact(rate) * (t // length)), steps)
        smooth = s.InverseTimeDecay(initial, length, rate)
        agrees(smooth, lambda t, i=initial: exact(i) / (1 + exact(rate) * Fraction(t, length)), steps)
        for power in (1, 2, 3):
            falling = s.PowerDecay(initial, length, power)
            agrees(falling, lambda t, i=initial, p=power: exact(i) / (1 + Fraction(t, length)) ** p, steps)


@pytest.mark.parametrize("steps", [*LENGTHS, 9, 23, 1000])
@pytest.mark.parametrize("last", [0.0, 0.1, 0.25, 0.3, 0.9])
def test_one_cycle(steps, last):
    half = (1 - exact(last)) * steps / 2
    corners = [(0, exact(0.1)), (half, exact(1.0)), (2 * half, exact(0.1)), (steps, exact(0.01))]

    def reference(step):
        for (t0, y0), (t1, y1) in itertools.pairwise(corners):
            if t0 <= step < t1:
                return y0 + (y1 - y0) * (step - t0) / (t1 - t0)
        return exact(0.01)

    schedule = s.OneCycle(1.0, steps, start=0.1, final=0.01, last=last)
    agrees(schedule, reference, around(*(t for t, _ in corners)))
    assert [schedule(step) for step in (steps, steps + 1, 10**9)] == [0.01] * 3


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("start", [0.0, 0.01, 0.7])
def test_warmup_and_piecewise_constants(length, start):
    warm = s.Warmup(s.PiecewiseConstant([length, 2 * length], [0.3, 0.2, 0.1]), length, start)

    def reference(step):
        if step < length:
            return exact(start) + (exact(0.3) - exact(start)) * Fraction(step, length)
        return exact(0.3 if step <= 2 * length else 0.2 if step <= 3 * length else 0.1)

    agrees(warm, reference, around(0, length, 2 * length, 3 * length))
    assert warm(length) == 0.3
    assert [warm(k * length + 1) for k in (1, 2, 3)] == [0.3, 0.2, 0.1]


# ── for ever ──────────────────────────────────────────────────────────────────────────────────────────────────────────
FAR = (0, 1, 2, 10, 1000, 10**5, 10**9, 2**53, 10**18)
EXTREME = {
    "constant": (s.Constant, {"value": (0.0, 1e308)}),
    "exponential_decay": (
        s.ExponentialDecay,
        {"initial": (0.0, 0.1, 1e308), "decay_steps": (1, 10**9), "decay_rate": (1e-308, 1 + 1e-15, 1.5, 1e308),
         "staircase": (False, True)},
    ),
    "piecewise_constant": (s.PiecewiseConstant, {"boundaries": ([], [3]), "values": ([0.0], [1e308, 1e-308])}),
    "power_decay": (s.PowerDecay, {"initial": (0.0, 1e308), "decay_steps": (1, 10**9), "power": (0.0, 1e-308, 1e308)}),
    "inverse_time_decay": (
        s.InverseTimeDecay, {"initial": (0.0, 1e308), "decay_steps": (1,), "decay_rate": (0.0, 1e-308, 1e308)},
    ),
    "polynomial_decay": (
        s.PolynomialDecay,
        {"initial": (0.0, 1e308), "decay_steps": (1, 7), "final": (0.0, 1e-308, 1e308), "power": (0.0, 1e-308, 0.5, 1e308),
         "cycle": (False, True)},
    ),
    "cosine_decay": (
        s.CosineDecay,
        {"initial": (0.0, 1e308), "decay_steps": (1, 7), "alpha": (0.0, 1.0), "restarts": (True,), "longer": (1.0, 1.5, 1e300),
         "lower": (1e-308, 1.5, 1e308)},
    ),
    "one_cycle": (
        s.OneCycle,
        {"peak": (0.0, 1e308), "steps": (1, 7), "start": (None, 0.0, 1e308), "final": (None, 1e308), "last": (0.0, 0.999)},
    ),
    "warmup": (
        s.Warmup, {"then": (0.0, 1e308, s.ExponentialDecay(1.0, 1, 2.0)), "warmup_steps": (1, 7), "start": (0.0, 1e308)},
    ),
}  # fmt: skip


def test_every_schedule_is_tried_with_extreme_arguments():
    assert {name: kind for name, (kind, _) in EXTREME.items()} == s.KNOWN


@pytest.mark.parametrize("name", EXTREME)
def test_whatever_the_arguments_every_step_has_a_number_of_at_least_0(name):
    kind, choices = EXTREME[name]
    made = 0
    with np.errstate(all="raise"):
        for values in itertools.product(*choices.values()):
            try:
                schedule = kind(**dict(zip(choices, values, strict=True)))
            except ValueError:                # refused when it is built
                continue
            made += 1
            for step in FAR:
                assert 0 <= s.value_at(schedule, step) < math.inf, (schedule, step)
    assert made > 1


def test_what_grows_grows_until_floats_end():
    growing = s.ExponentialDecay(0.1, 10, 2.0)
    assert growing(10) == pytest.approx(0.2)
    assert growing(10_000) == pytest.approx(0.1 * 2.0**1000)
    assert growing(10**6) == growing(10**9) > 1e305
    at_the_end = s.ExponentialDecay(1.7e308, 10, 2.0)
    assert at_the_end(0) == at_the_end(100) == 1.7e308


def test_where_a_warmup_ends_the_next_schedule_begins_to_the_last_digit():
    """0.7 + (0.1 − 0.7) is not 0.1 in floats."""
    assert s.Warmup(0.1, 3, start=0.7)(3) == 0.1
