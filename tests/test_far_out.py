"""Every activation, value and slope, over all floats there are: against exact arithmetic, and NaN for NaN.

The measure is the backward error: what a kernel returns must be the exact result at some input within a few units in the last
place of its own, to a few units in the last place. So a value keeps its digits wherever the function is not steeper than that,
far out on both sides and next to 0. Slopes may be off by a few units in the last place of 1, or of themselves if larger.
"""

import itertools
import math
from decimal import Decimal

import numpy as np
import pytest
from helpers_exact import ACTIVATIONS, clamp, number

from npdeep.activations import REQUIRED, RULES, check_parameters, make_workspace, value_and_slope

ELEMENTWISE = [name for name, rule in RULES.items() if not rule.whole_row]
VALUES = {
    "negative_slope": (0.0, 0.25, 1.0), "alpha": (0.25, 2.5, 1e4), "threshold": (0.0, 0.75, 1.0), "value": (-2.0, 0.0, 1e30),
    "slope": (0.25, -1.5, 1.0), "offset": (0.5, -1.0, 0.0), "minimum": (-1.0, 0.0, -1e30), "maximum": (4.0, 2.0, 1e30),
    "beta": (0.5, 3.0, 1e4), "b": (0.25, 1e6, 1e-6),
}  # fmt: skip
"""Values of every parameter of every activation; a new parameter needs some."""

BEYOND = Decimal("1e4000")
LOOSE = {"gelu_tanh": 6}
"""How many times more a slope may be off: here the rounding of 1 − s is multiplied by z · 2u'(z), up to 80."""


def cases():
    """Each activation with its defaults, and with its parameters varied one after the other."""
    for name in ELEMENTWISE:
        rule = RULES[name]
        first = {p: VALUES[p][0] if default is REQUIRED else default for p, default in rule.parameters.items()}
        tried = [first]
        for parameter in rule.parameters:
            tried += [{**first, parameter: value} for value in VALUES[parameter]]
        if name in ("silu", "gelu_sigmoid"):
            tried.append({"beta": -1.0})
        if name == "threshold":
            tried.append({"threshold": -0.75, "value": 5.0})
        if name == "general_relu":
            tried += [{**first, "threshold": -1.0}, {"negative_slope": 0.25, "maximum": 4.0, "threshold": 1.0}]
        for parameters in tried:
            try:
                check_parameters(rule, parameters)
            except ValueError:                # minimum above maximum
                continue
            yield name, parameters


CASES = list({repr(case): case for case in cases()}.values())


def ids(case):
    return "".join([case[0], *(f" {name}={value:g}" for name, value in case[1].items())])


def grid(dtype, parameters):
    """0, denormals, every power of ten, every place where something happens, the largest numbers; both signs."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(0)
    powers = 10.0 ** np.arange(int(math.log10(float(info.tiny))), int(math.log10(float(info.max))) + 1)
    places = [0.5, 1, 2, 3, 6, 17.3, 88.0, 88.72, 89, 103.9, 104, 709.7, 710, 745, info.max ** (1 / 2), info.max ** (1 / 3)]
    places += [abs(value) for value in parameters.values() if math.isfinite(value)]
    if parameters.get("slope"):
        bounds = (parameters.get("minimum", 0.0), parameters.get("maximum", 1.0))
        places += [abs((bound - parameters.get("offset", 0.0)) / parameters["slope"]) for bound in bounds]
    middle = np.concatenate([rng.uniform(0, 30, 30), 10 ** rng.uniform(-9, 4, 30)])
    edges = [0.0, info.smallest_subnormal, 7 * info.smallest_subnormal, info.tiny, info.max, info.max / 2, info.max / 1.01]
    with np.errstate(over="ignore"):
        near = np.array([place * (1 + k * info.eps) for place in places for k in (-8, -1, 0, 1, 8)])
        z = np.concatenate([edges, powers * rng.uniform(1, 9, powers.size), near, middle]).astype(dtype)
    return np.unique(np.concatenate([z[np.isfinite(z)], -z[np.isfinite(z)]]))


def run(name, parameters, z):
    """Value and slope as the kernels compute them in the dtype of z."""
    rule = RULES[name]
    values = check_parameters(rule, parameters).values()
    a, dz = np.full_like(z, 123), np.full_like(z, 321)
    workspace = make_workspace(rule, *z.shape, z.dtype)
    with np.errstate(all="ignore"):
        rule.forward(z, a, *workspace, *values)
        da = np.where(np.isnan(a), np.nan, 1).astype(z.dtype)    # in a network NaN goes up and comes back
        rule.backward(z, a, *workspace, da, dz, *values)
    return a, dz


def span(function, z, width, arguments):
    """The least and the greatest exact value at z and at its neighbours."""
    values = [function(z + step, *arguments) for step in (-width, 0, width)]
    return min(values), max(values)


def inside(found, low, high, relative, absolute, largest):
    """found lies between low and high, with some rounding; what is too large for the dtype is infinite."""
    if math.isnan(found):
        return False
    low, high = clamp(low, -BEYOND, BEYOND), clamp(high, -BEYOND, BEYOND)
    slack = relative * max(abs(low), abs(high)) + absolute
    low, high = low - slack, high + slack
    if math.isinf(found):
        return high >= largest if found > 0 else low <= -largest
    return low <= Decimal(float(found)) <= high


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_value_and_slope_are_exact_to_a_few_units_in_the_last_place(case, dtype):
    name, parameters = case
    info = np.finfo(dtype)
    given = check_parameters(RULES[name], parameters)
    arguments = [number(value, dtype) for value in given.values()]
    z = grid(dtype, given)
    a, slope = run(name, parameters, z.reshape(1, -1))
    eps, largest, denormal = number(info.eps), number(info.max), 8 * number(info.smallest_subnormal)
    steepness = max(1, number(given.get("alpha", 1)))
    shift = abs(number(given.get("offset", 0)) / (number(given.get("slope", 1)) or 1))    # slope·z + offset rounds to a bound
    wrong = []
    for x, value, derivative in zip(z.tolist(), a[0].tolist(), slope[0].tolist(), strict=True):
        flushed = number(info.tiny) if abs(x) > 1 else denormal * steepness    # far out denormals may come out as 0
        f, df = ACTIVATIONS[name]
        width = 4 * eps * abs(Decimal(x)) + denormal
        low, high = span(f, Decimal(x), width, arguments)
        if not inside(value, low, high, 16 * eps, flushed, largest):
            wrong.append(("value", x, value, float(low), float(high)))
        low, high = span(df, Decimal(x), width + eps * shift, arguments)
        if not inside(derivative, low, high, 16 * eps, 8 * eps * steepness * LOOSE.get(name, 1), largest):
            wrong.append(("slope", x, derivative, float(low), float(high)))
    assert not wrong, f"{len(wrong)} of {2 * z.size}: {wrong[:: max(1, len(wrong) // 8)]}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_at_infinity_value_and_slope_are_the_limits(case, dtype):
    name, parameters = case
    if 0.0 in (parameters.get("slope"), parameters.get("beta")):
        return
    given = check_parameters(RULES[name], parameters)
    arguments = [number(value, dtype) for value in given.values()]
    a, slope = run(name, parameters, np.array([[-np.inf, np.inf]], dtype))
    for sign, value, derivative in ((-1, a[0, 0], slope[0, 0]), (1, a[0, 1], slope[0, 1])):
        far = sign * BEYOND
        for found, function in ((value, ACTIVATIONS[name][0]), (derivative, ACTIVATIONS[name][1])):
            right = function(far, *arguments)
            limit = math.copysign(math.inf, right) if abs(right) > Decimal("1e3000") else float(right)
            assert float(found) == pytest.approx(limit, rel=8 * float(np.finfo(dtype).eps), abs=1e-30), (sign, found, limit)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_nan_in_gives_nan_out(name, dtype):
    parameters = {"threshold": 0.5, "value": 1.0} if name == "threshold" else {}
    z = np.array([[1.0, np.nan, -2.0], [1.0, 0.5, -2.0]], dtype)
    a, dz = run(name, parameters, z)
    spoiled = [True] * 3 if RULES[name].whole_row else [False, True, False]
    assert np.isnan(a[0]).tolist() == spoiled
    assert not np.isnan(a[1]).any()
    assert np.isnan(dz[0]).tolist() == spoiled
    assert not np.isnan(dz[1]).any()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_and_slope_have_no_slope_of_nan(name):
    parameters = {"threshold": 0.5, "value": 1.0} if name == "threshold" else {}
    with np.errstate(invalid="ignore"):
        value, slope = value_and_slope(name, [np.nan], **parameters)
    assert np.isnan([value, slope]).all()


def test_the_exact_formulas_are_those_of_the_table():
    assert set(ACTIVATIONS) == set(ELEMENTWISE)
    assert {p for name in ELEMENTWISE for p in RULES[name].parameters} == set(VALUES)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_exact_slopes_are_those_of_the_exact_values(name):
    """By differences so small that nothing of their error is left, off the kinks."""
    h = Decimal("1e-30")
    f, df = ACTIVATIONS[name]
    for parameters in itertools.islice((p for n, p in CASES if n == name), 6):
        arguments = [number(value) for value in check_parameters(RULES[name], parameters).values()]
        for z in ("-20.1", "-5.3", "-1.7", "-0.43", "-0.0017", "0.0013", "0.31", "0.87", "1.9", "5.7", "19.3"):
            z = Decimal(z)
            difference = (f(z + h, *arguments) - f(z - h, *arguments)) / (2 * h)
            assert abs(difference - df(z, *arguments)) <= Decimal("1e-28") * max(1, abs(difference)), (z, parameters)
