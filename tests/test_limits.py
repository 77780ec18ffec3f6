"""Every number that an optimizer, a schedule, a loss or a metric takes: its limit, and the next float beyond it."""

import inspect
import math
import re

import pytest

import npdeep as nd

LOW = 1e-300
"""A number just above 0."""
REQUIRED = {
    "Constant": {"value": 0.1},
    "ExponentialDecay": {"initial": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "PiecewiseConstant": {"boundaries": [10], "values": [0.1, 0.2]},
    "PowerDecay": {"initial": 0.1, "decay_steps": 10},
    "InverseTimeDecay": {"initial": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "PolynomialDecay": {"initial": 0.1, "decay_steps": 10},
    "CosineDecay": {"initial": 0.1, "decay_steps": 10},
    "OneCycle": {"peak": 0.1, "steps": 10},
    "Warmup": {"then": 0.1, "warmup_steps": 10},
}
AT_LEAST_0, ABOVE_0, SHARE, COUNT, FACTORS = "[0, inf)", "(0, inf)", "[0, 1)", "1, 2, …", "{name: (0, inf)}"
LIMITS = {
    "Constant": {"value": AT_LEAST_0},
    "ExponentialDecay": {"initial": AT_LEAST_0, "decay_steps": COUNT, "decay_rate": ABOVE_0},
    "PiecewiseConstant": {"boundaries": "[0, 1, 2, …]", "values": "[[0, inf), 0.2]"},
    "PowerDecay": {"initial": AT_LEAST_0, "decay_steps": COUNT, "power": AT_LEAST_0},
    "InverseTimeDecay": {"initial": AT_LEAST_0, "decay_steps": COUNT, "decay_rate": AT_LEAST_0},
    "PolynomialDecay": {"initial": AT_LEAST_0, "decay_steps": COUNT, "final": AT_LEAST_0, "power": AT_LEAST_0},
    "CosineDecay": {
        **{"initial": AT_LEAST_0, "decay_steps": COUNT, "alpha": "[0, 1]", "longer": "[1, inf)", "lower": ABOVE_0},
    },
    "OneCycle": {"peak": AT_LEAST_0, "steps": COUNT, "start": AT_LEAST_0, "final": AT_LEAST_0, "last": SHARE},
    "Warmup": {"then": AT_LEAST_0, "warmup_steps": COUNT, "start": AT_LEAST_0},
    "SGD": {"learning_rate": AT_LEAST_0},
    "Momentum": {"learning_rate": AT_LEAST_0, "momentum": SHARE},
    "Nesterov": {"learning_rate": AT_LEAST_0, "momentum": SHARE},
    "AdaGrad": {"learning_rate": AT_LEAST_0, "initial_accumulator_value": AT_LEAST_0, "epsilon": AT_LEAST_0},
    "RMSProp": {"learning_rate": AT_LEAST_0, "rho": SHARE, "momentum": SHARE, "epsilon": ABOVE_0},
    "AdaDelta": {"learning_rate": AT_LEAST_0, "rho": SHARE, "epsilon": ABOVE_0},
    **{
        name: {"learning_rate": AT_LEAST_0, "beta_1": SHARE, "beta_2": SHARE, "epsilon": ABOVE_0, **more}
        for name, more in {"Adam": {}, "AdamW": {"weight_decay": AT_LEAST_0}, "AdaMax": {}, "Nadam": {}}.items()
    },
    "SoftmaxCrossEntropy": {"label_smoothing": SHARE},
    "KLDivergence": {"epsilon": ABOVE_0},
    "Huber": {"delta": ABOVE_0},
    "Poisson": {"epsilon": AT_LEAST_0},
    "TopKAccuracy": {"k": COUNT},
    "Accuracy": {"threshold": "(-inf, inf)"},
    "BinaryAccuracy": {"threshold": "(-inf, inf)"},
    "Precision": {"threshold": "(-inf, inf)"},
    "Recall": {"threshold": "(-inf, inf)"},
    "F1": {"threshold": "(-inf, inf)"},
}
for kind in nd.optimizers.KNOWN.values():
    LIMITS[kind.__name__]["learning_rate_factors"] = FACTORS
ROOMS = (nd.schedules, nd.optimizers, nd.losses, nd.metrics)
CLASSES = {name: kind for room in ROOMS for name, kind in vars(room).items() if isinstance(kind, type) and name in LIMITS}


def edges(limits):
    """What is just taken, and what is just refused, at both ends."""
    if limits == COUNT:
        return [1], [0]
    if limits == "[0, 1, 2, …]":
        return [[0]], [[-1]]
    if limits == "[[0, inf), 0.2]":
        return [[0.0, 0.2]], [[-5e-324, 0.2]]
    if limits == FACTORS:
        return [{"a": LOW}, {"a": 1e300, "b": 1.0}], [{"a": value} for value in (0.0, -LOW, math.inf, math.nan)]
    left, low, high, right = re.fullmatch(r"([\[(])(.+), (.+)([\])])", limits).groups()
    taken, refused = [], []
    for bracket, limit, outwards in ((left, float(low), -math.inf), (right, float(high), math.inf)):
        if math.isinf(limit):
            refused += [limit, math.nan]
        elif bracket in "[]":
            taken.append(limit)
            refused.append(math.nextafter(limit, outwards))
        else:
            taken.append(LOW if limit == 0 else math.nextafter(limit, -outwards))
            refused.append(limit)
    return taken, refused


EVERY = [(name, argument) for name, arguments in LIMITS.items() for argument in arguments]


@pytest.mark.parametrize(("name", "argument"), EVERY)
def test_the_limit_is_taken_or_not_and_what_is_beyond_is_refused_by_name(name, argument):
    taken, refused = edges(LIMITS[name][argument])
    for value in taken:
        made = CLASSES[name](**{**REQUIRED.get(name, {}), argument: value})
        assert getattr(made, argument) == value
    for value in refused:
        with pytest.raises(ValueError, match=rf"^{name}: {argument}(\['a'\])? must be"):
            CLASSES[name](**{**REQUIRED.get(name, {}), argument: value})


def test_every_number_has_its_row():
    for room in ROOMS:
        for kind in room.KNOWN.values():
            signature = inspect.signature(kind.__init__).parameters.values()
            numbers = [p.name for p in signature if re.search(r"\b(float|int)\b", str(p.annotation))]
            assert sorted(numbers) == sorted(LIMITS.get(kind.__name__, {})), kind.__name__


def test_adagrad_needs_a_beginning_or_an_epsilon():
    for both in (0.1, 1.0):
        assert nd.optimizers.AdaGrad(0.1, initial_accumulator_value=both, epsilon=both).epsilon == both
    nd.optimizers.AdaGrad(0.1, initial_accumulator_value=0, epsilon=LOW)
    with pytest.raises(ValueError, match="epsilon and initial_accumulator_value must not both be 0"):
        nd.optimizers.AdaGrad(0.1, initial_accumulator_value=0, epsilon=0)
