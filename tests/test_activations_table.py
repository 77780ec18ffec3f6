"""The table of activations: its names, its slopes against differences, its parameters, its formulas."""

import math
import re

import numpy as np
import pytest

import npdeep as nd
from npdeep.activations import ALIASES, OWN_LAYERS, RULES, lookup, value_and_slope

# every name that is promised, with the name that its rule has
PROMISED = {
    **{name: name for name in re.findall(r"\w+", """
        linear relu leaky_relu elu selu celu sigmoid tanh softplus softsign gelu gelu_tanh gelu_sigmoid silu mish relu6
        hard_sigmoid hard_silu hard_tanh log_sigmoid tanh_shrink soft_shrink hard_shrink exponential squareplus sparse_plus
        sparse_sigmoid threshold softmax softmin log_softmax sparsemax scaled general_relu clipped_linear dish""")},
    "identity": "linear",
    "logistic": "sigmoid",
    "swish": "silu",
    "hard_swish": "hard_silu",
}
DEFAULTS = {
    "leaky_relu": {"negative_slope": 0.01},
    "elu": {"alpha": 1.0},
    "celu": {"alpha": 1.0},
    "soft_shrink": {"threshold": 0.5},
    "hard_shrink": {"threshold": 0.5},
    "squareplus": {"b": 4.0},
}
ROWS = ("softmax", "softmin", "log_softmax", "sparsemax")
ELEMENTWISE = [(name, {}) for name in RULES if name not in (*ROWS, "threshold")] + [
    ("threshold", {"threshold": 0.75, "value": -2.0}),
    ("scaled", {"slope": -1.5, "offset": 0.5}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("general_relu", {"negative_slope": 0.2, "maximum": 4.0, "threshold": -1.0}),
    ("clipped_linear", {"slope": 0.5, "offset": 1.0, "minimum": -1.0, "maximum": 2.0}),
    ("hard_sigmoid", {"slope": 0.2}),
    ("hard_silu", {"slope": 0.2}),
    ("soft_shrink", {"threshold": 1.0}),
    ("hard_shrink", {"threshold": 1.0}),
    ("elu", {"alpha": 0.3}),
    ("celu", {"alpha": 2.0}),
    ("softplus", {"beta": 3.0}),
    ("squareplus", {"b": 0.5}),
    ("silu", {"beta": 0.5}),
]


def ids(case):
    return "".join([case[0], *(f" {name}={value:g}" for name, value in case[1].items())])


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_name_is_known(name):
    assert lookup(name).name == PROMISED[name]


def test_the_table_holds_nothing_else():
    assert {*RULES, *ALIASES} == set(PROMISED)


@pytest.mark.parametrize("name", PROMISED)
def test_every_name_makes_a_layer_that_passes_forward_and_backward(name, rng):
    parameters = {"threshold": 0.5, "value": -1.0} if name == "threshold" else {}
    model = nd.Sequential([nd.Activation(name, **parameters)], input_size=4, dtype="float64")
    x = rng.normal(size=(3, 4))
    assert np.all(np.isfinite(model.forward(x, training=True)))
    assert np.all(np.isfinite(model.backward(rng.normal(size=(3, 4)), input_gradient=True)))
    assert model.layers[0].activation == PROMISED[name]


@pytest.mark.parametrize("name", DEFAULTS)
def test_parameters_have_the_promised_defaults(name):
    assert RULES[name].parameters == DEFAULTS[name]


@pytest.mark.parametrize(
    ("name", "layer"),
    [("prelu", r"nd\.PReLU\(\)"), ("PReLU", r"nd\.PReLU\(\)"), ("rrelu", r"nd\.RReLU\(\)"), ("maxout", r"nd\.Maxout\(units\)"),
     ("glu", r"nd\.GLU\(\)")],
)
def test_names_of_layers_point_to_their_layers(name, layer):
    with pytest.raises(ValueError, match=f"Activation: '{name}' is a layer of its own: use {layer}"):
        nd.Activation(name)


@pytest.mark.parametrize("layer", OWN_LAYERS.values())
def test_those_layers_exist(layer):
    assert isinstance(eval(layer, {"nd": nd, "units": 3}), nd.layers.Layer)


@pytest.mark.parametrize(
    ("wrong", "suggested"),
    [("rleu", "relu"), ("ReLU", "relu"), ("Leaky-ReLU", "leaky_relu"), ("lrelu", "leaky_relu"), ("sigmoyd", "sigmoid"),
     ("logsoftmax", "log_softmax"), ("hardtanh", "hard_tanh"), ("Swish", "swish"), ("none", "linear")],
)
def test_an_unknown_name_suggests_the_nearest(wrong, suggested):
    with pytest.raises(ValueError, match=f"Activation: unknown name '{wrong}'; did you mean '{suggested}'"):
        nd.Activation(wrong)


@pytest.mark.parametrize("wrong", [None, 3, ["relu"]])
def test_what_is_no_name_is_refused(wrong):
    with pytest.raises(TypeError, match="Activation: name must be one of the names"):
        nd.Activation(wrong)


# ── values and slopes ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("case", ELEMENTWISE, ids=ids)
def test_the_slope_is_that_of_the_values(case):
    """By np.gradient over three neighbours each, at points off the kinks, which lie at multiples of 0.05."""
    name, parameters = case
    z, h = np.arange(-7, 7, 0.05) + 0.0223, 1e-5
    values = [value_and_slope(name, z + shift, **parameters)[0] for shift in (-h, 0, h)]
    by_differences = np.gradient(np.array(values), h, axis=0)[1]
    np.testing.assert_allclose(value_and_slope(name, z, **parameters)[1], by_differences, rtol=1e-7, atol=1e-8)


PHI = 0.8413447460685429     # Φ(1) = ½(1 + erf(1/√2))
KNOWN = [
    ("relu", {}, [-2, 3], [0, 3]),
    ("leaky_relu", {}, [-2, 3], [-0.02, 3]),
    ("elu", {"alpha": 2.0}, [-1, 3], [2 * (math.exp(-1) - 1), 3]),
    ("celu", {"alpha": 2.0}, [-1, 3], [2 * (math.exp(-0.5) - 1), 3]),
    ("selu", {}, [-1, 1], [1.0507009873554805 * 1.6732632423543772 * (math.exp(-1) - 1), 1.0507009873554805]),
    ("sigmoid", {}, [0, 1, -1], [0.5, 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))]),
    ("tanh", {}, [1, -0.5], [math.tanh(1), math.tanh(-0.5)]),
    ("softplus", {}, [0, 1], [math.log(2), math.log(1 + math.e)]),
    ("softsign", {}, [3, -1], [0.75, -0.5]),
    ("gelu", {}, [1, -1], [PHI, PHI - 1]),
    ("gelu_tanh", {}, [1], [0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * 1.044715))]),
    ("gelu_sigmoid", {}, [1], [1 / (1 + math.exp(-1.702))]),
    ("silu", {}, [1, -2], [1 / (1 + math.exp(-1)), -2 / (1 + math.exp(2))]),
    ("mish", {}, [1], [math.tanh(math.log(1 + math.e))]),
    ("relu6", {}, [-1, 3, 9], [0, 3, 6]),
    ("hard_sigmoid", {}, [-4, 0, 1.5, 4], [0, 0.5, 0.75, 1]),
    ("hard_silu", {}, [-4, 1.5, 4], [0, 1.125, 4]),
    ("hard_tanh", {}, [-2, 0.5, 2], [-1, 0.5, 1]),
    ("log_sigmoid", {}, [0], [-math.log(2)]),
    ("tanh_shrink", {}, [1], [1 - math.tanh(1)]),
    ("soft_shrink", {}, [-2, 0.3, 2], [-1.5, 0, 1.5]),
    ("hard_shrink", {}, [-2, 0.3, 2], [-2, 0, 2]),
    ("exponential", {}, [2], [math.exp(2)]),
    ("squareplus", {}, [0, 1.5], [1, 2]),
    ("sparse_plus", {}, [-2, 0, 2], [0, 0.25, 2]),
    ("sparse_sigmoid", {}, [-2, 0, 0.5, 2], [0, 0.5, 0.75, 1]),
    ("threshold", {"threshold": 1.0, "value": 7.0}, [0.5, 3], [7, 3]),
    ("linear", {}, [-2, 3], [-2, 3]),
    ("scaled", {"slope": 2.0, "offset": 1.0}, [-2, 3], [-3, 7]),
    ("general_relu", {"negative_slope": 0.5, "maximum": 4.0, "threshold": 1.0}, [0, 2, 9], [-0.5, 2, 4]),
    ("clipped_linear", {}, [-1, 0.3, 2], [0, 0.3, 1]),
    ("dish", {}, [1], [0.5 * (1 / math.sqrt(2) + 1)]),
]


@pytest.mark.parametrize(("name", "parameters", "z", "a"), KNOWN, ids=[name for name, *_ in KNOWN])
def test_values_that_can_be_had_by_hand(name, parameters, z, a):
    np.testing.assert_allclose(value_and_slope(name, z, **parameters)[0], a, rtol=1e-12, atol=1e-15)


def test_every_elementwise_activation_is_among_them():
    assert {name for name, *_ in KNOWN} == set(RULES) - set(ROWS)


def test_what_squashes_are_those_whose_slopes_die_out_on_both_sides():
    dying = {n for n in set(RULES) - set(ROWS) - {"threshold"} if np.all(value_and_slope(n, [-600.0, 600.0])[1] < 1e-5)}
    squashing = {name for name, rule in RULES.items() if rule.squashes}
    assert squashing == dying - {"relu6"}                    # a rectifier with a cap


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,)])
def test_any_shape_may_be_asked_for_and_is_left_as_it_was(shape):
    z = np.full(shape, -2.0)
    a, slope = value_and_slope("leaky_relu", z, negative_slope=0.5)
    assert a.shape == slope.shape == shape
    np.testing.assert_array_equal(a, np.full(shape, -1.0))
    np.testing.assert_array_equal(slope, np.full(shape, 0.5))
    np.testing.assert_array_equal(z, np.full(shape, -2.0))


@pytest.mark.parametrize("name", ROWS)
def test_what_works_on_whole_rows_has_no_slope_of_a_single_number(name):
    assert RULES[name].whole_row
    with pytest.raises(ValueError, match=f"value_and_slope: {name} works on whole rows"):
        value_and_slope(name, [1.0])


# ── parameters and formulas ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("elu", {"alpha": 0}, r"Activation\('elu'\): alpha must be a number above 0, got 0"),
        ("celu", {"alpha": -1}, r"Activation\('celu'\): alpha must be a number above 0, got -1"),
        ("leaky_relu", {"negative_slope": -0.1}, "negative_slope must be a number of at least 0 and of at most 1, got -0.1"),
        ("leaky_relu", {"negative_slope": 1.5}, "negative_slope must be .* got 1.5"),
        ("softplus", {"beta": 0}, "beta must be a number above 0"),
        ("squareplus", {"b": -4}, "b must be a number above 0"),
        ("soft_shrink", {"threshold": -1}, "threshold must be a number of at least 0"),
        ("hard_shrink", {"threshold": math.nan}, "threshold must be .* got nan"),
        ("clipped_linear", {"minimum": 2}, "minimum must be below maximum, got 2 and 1"),
        ("threshold", {"threshold": math.inf, "value": 0}, "threshold must be a number, got inf"),
    ],
)
def test_senseless_values_are_refused(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        nd.Activation(name, **parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("leaky_relu", {"alpha": 0.2}, r"Activation\('leaky_relu'\): unknown parameter 'alpha'; .*: negative_slope"),
        ("relu", {"alpha": 0.2}, "unknown parameter 'alpha'; its parameters: none"),
        ("threshold", {}, "threshold is required"),
        ("threshold", {"threshold": 1.0}, "value is required"),
        ("elu", {"alpha": "1"}, "alpha must be a number above 0, got the string '1'"),
        ("elu", {"alpha": True}, "alpha must be a number above 0, got True"),
    ],
)
def test_unknown_and_missing_parameters_are_refused(name, parameters, message):
    with pytest.raises(TypeError, match=message):
        nd.Activation(name, **parameters)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_its_formula_and_its_derivative_in_text_and_latex(name):
    rule = RULES[name]
    for formula in (rule.formula, rule.derivative):
        assert formula.strip()
        assert formula.latex.strip()
        assert formula.latex.count("{") == formula.latex.count("}")
    assert rule.name == name
    assert rule.formula.startswith("a")
    assert set(rule.limits) <= set(rule.parameters)


@pytest.mark.parametrize("name", RULES)
def test_every_layer_prints_as_one_would_write_it(name):
    parameters = {"threshold": 0.5, "value": -1.0} if name == "threshold" else {}
    layer = nd.Activation(name, **parameters)
    assert eval(repr(layer), vars(nd)).arguments() == layer.arguments()
    assert layer.forward_formula.startswith(RULES[name].formula)
    for parameter, value in layer.arguments().items():
        if isinstance(value, float) and parameter in RULES[name].parameters:
            assert f"{parameter} {value:.4g}" in layer.forward_formula
    assert RULES[name].derivative in layer.backward_formula


@pytest.mark.parametrize(("name", "numerator"), [("sigmoid", lambda z: 1), ("silu", lambda z: z)])
def test_far_to_the_left_no_digit_is_lost(name, numerator):
    z = np.array([-700.0, -300.0, -40.0, -20.0, -5.0, -1e-3, 1e-3, 5.0, 40.0])
    value, _ = value_and_slope(name, z)
    np.testing.assert_allclose(value, [numerator(v) / (1 + math.exp(-v)) for v in z], rtol=1e-14, atol=0)
