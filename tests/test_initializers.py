"""Initial weights: spread, bounds and structure against closed forms, and the same bits from the same seed."""

import math

import numpy as np
import pytest

import npdeep as nd
from npdeep import initializers as init

FAN_IN, FAN_OUT = 900, 300

# √ of the variance that N(0, 1) keeps when it is cut off at ±2: 1 − 2·2φ(2)/(Φ(2) − Φ(−2)).
PHI_2 = math.exp(-2) / math.sqrt(2 * math.pi)
CUT_OFF_STD = math.sqrt(1 - 4 * PHI_2 / math.erf(math.sqrt(2)))

# initializer, its mean, its standard deviation, the largest distance from the mean (infinite for a plain normal)
SPREADS = {
    "random_normal": (init.RandomNormal(), 0, 1, math.inf),
    "random_normal_shifted": (init.RandomNormal(mean=3, stddev=0.5), 3, 0.5, math.inf),
    "random_uniform": (init.RandomUniform(), 0, 0.05 / math.sqrt(3), 0.05),
    "random_uniform_shifted": (init.RandomUniform(1, 4), 2.5, 3 / math.sqrt(12), 1.5),
    "truncated_normal": (init.TruncatedNormal(), 0, CUT_OFF_STD, 2),
    "truncated_normal_shifted": (init.TruncatedNormal(-1, 0.1), -1, 0.1 * CUT_OFF_STD, 0.2),
    "glorot_uniform": (init.GlorotUniform(), 0, math.sqrt(2 / 1200), math.sqrt(6 / 1200)),
    "glorot_normal": (init.GlorotNormal(), 0, math.sqrt(2 / 1200), 2 * math.sqrt(2 / 1200) / CUT_OFF_STD),
    "he_uniform": (init.HeUniform(), 0, math.sqrt(2 / 900), math.sqrt(6 / 900)),
    "he_normal": (init.HeNormal(), 0, math.sqrt(2 / 900), 2 * math.sqrt(2 / 900) / CUT_OFF_STD),
    "lecun_uniform": (init.LecunUniform(), 0, 1 / 30, math.sqrt(3 / 900)),
    "lecun_normal": (init.LecunNormal(), 0, 1 / 30, 2 / 30 / CUT_OFF_STD),
    "fan_out": (init.VarianceScaling(3, "fan_out", "truncated_normal"), 0, 0.1, 0.2 / CUT_OFF_STD),
    "plain_normal": (init.VarianceScaling(9, "fan_in", "normal"), 0, 0.1, math.inf),
}


def draw(initializer, shape=(FAN_IN, FAN_OUT), seed=0):
    return initializer(shape, shape[0], shape[-1], np.random.default_rng(seed))


@pytest.mark.parametrize("name", SPREADS)
def test_mean_and_variance_lie_within_four_standard_errors_of_the_formula(name):
    initializer, mean, stddev, bound = SPREADS[name]
    w = draw(initializer)
    assert w.shape == (FAN_IN, FAN_OUT)
    assert abs(w.mean() - mean) < 4 * stddev / math.sqrt(w.size)
    fourth = np.mean((w - mean) ** 4)                        # the variance of (w − mean)² is its fourth moment − σ⁴
    assert abs(np.mean((w - mean) ** 2) - stddev**2) < 4 * math.sqrt((fourth - stddev**4) / w.size)
    assert np.abs(w - mean).max() <= bound * (1 + 1e-12)
    if bound < math.inf:
        assert np.abs(w - mean).max() > 0.999 * bound        # the bound is reached, not merely kept


def test_the_standard_deviation_of_a_cut_off_normal_is_the_closed_form():
    assert pytest.approx(CUT_OFF_STD, abs=1e-15) == init.TRUNCATED_STD


def test_a_truncated_normal_has_the_shape_of_a_normal_within_its_bounds():
    w = draw(init.TruncatedNormal())
    inside_one = math.erf(1 / math.sqrt(2)) / math.erf(2 / math.sqrt(2))
    share = np.mean(np.abs(w) < 1)
    assert abs(share - inside_one) < 4 * math.sqrt(inside_one * (1 - inside_one) / w.size)


def test_a_plain_normal_reaches_beyond_two_standard_deviations():
    w = draw(init.VarianceScaling(1, "fan_in", "normal"))
    beyond, expected = np.mean(np.abs(w) > 2 / 30), 1 - math.erf(2 / math.sqrt(2))
    assert abs(beyond - expected) < 4 * math.sqrt(expected * (1 - expected) / w.size)


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 900), ("fan_out", 300), ("fan_avg", 600)])
def test_variance_scaling_divides_by_the_fan_of_its_mode(mode, fan):
    assert init.VarianceScaling(2.5, mode).stddev(900, 300) == pytest.approx(math.sqrt(2.5 / fan), rel=1e-15)


# ── exact ones ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("shape", [(50, 20), (20, 50), (30, 30), (1, 7), (7, 1)])
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_orthogonal_has_orthonormal_columns_or_rows_whichever_are_fewer(shape, gain):
    w = draw(init.Orthogonal(gain), shape)
    products = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(products, gain**2 * np.eye(min(shape)), rtol=0, atol=1e-13)


def test_orthogonal_has_no_preferred_sign():
    diagonals = np.array([np.diag(draw(init.Orthogonal(), (4, 4), seed)) for seed in range(400)])
    assert np.all(np.abs(np.mean(diagonals > 0, axis=0) - 0.5) < 4 * 0.5 / math.sqrt(400))


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
def test_identity_passes_on_what_fits(shape):
    x = np.arange(1.0, 1 + shape[0])
    passed = np.zeros(shape[1])
    passed[: min(shape)] = 2 * x[: min(shape)]
    np.testing.assert_array_equal(x @ draw(init.Identity(gain=2), shape), passed)


@pytest.mark.parametrize(("initializer", "value"), [(init.Zeros(), 0), (init.Ones(), 1), (init.Constant(-0.25), -0.25)])
def test_constant_initializers_give_their_constant(initializer, value):
    np.testing.assert_array_equal(draw(initializer, (3, 2)), np.full((3, 2), value))


def test_identity_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match=r"Identity: a kernel of shape \(3,\) is not a matrix"):
        nd.Sequential([nd.Dense(3, bias_initializer="identity")], input_size=3)


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", init.KNOWN)
def test_every_initializer_goes_by_its_name_in_snake_case(name):
    made = init.get("Dense", "kernel_initializer", name)
    assert type(made).__name__ == "".join(part.capitalize() for part in name.split("_"))
    assert np.all(np.isfinite(draw(made, (4, 3))))


@pytest.mark.parametrize(
    ("wrong", "suggested"),
    [("he_norml", "he_normal"), ("Glorot-Uniform", "glorot_uniform"), ("xavier", "glorot_uniform"),
     ("kaiming_normal", "he_normal"), ("zeroes", "zeros"), ("ortogonal", "orthogonal")],
)
def test_an_unknown_name_suggests_the_nearest(wrong, suggested):
    with pytest.raises(ValueError, match=f"Dense 'h': unknown kernel_initializer '{wrong}'; did you mean '{suggested}'"):
        nd.Dense(3, kernel_initializer=wrong, name="h")


@pytest.mark.parametrize("wrong", [3, None, np.zeros((2, 2)), init.HeNormal])
def test_what_is_no_initializer_is_refused(wrong):
    with pytest.raises(TypeError, match=r"kernel_initializer must be a name or an object of nd\.initializers, got"):
        nd.Dense(3, kernel_initializer=wrong)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: init.RandomNormal(stddev=-1), "RandomNormal: stddev must be a number of at least 0, got -1"),
        (lambda: init.RandomNormal(mean=math.nan), "RandomNormal: mean must be a number, got nan"),
        (lambda: init.RandomUniform(1, 0), "RandomUniform: maximum must be a number of at least 1, got 0"),
        (lambda: init.TruncatedNormal(stddev=-1), "TruncatedNormal: stddev must be"),
        (lambda: init.VarianceScaling(0), "VarianceScaling: scale must be a number above 0, got 0"),
        (lambda: init.VarianceScaling(1, "fan_average"), "unknown mode 'fan_average'; did you mean 'fan_avg'"),
        (lambda: init.VarianceScaling(1, "fan_in", "untruncated_normal"), "did you mean 'normal'"),
        (lambda: init.Constant(math.inf), "Constant: value must be a number, got inf"),
        (lambda: init.for_activation("sigmoyd"), "unknown name 'sigmoyd'; did you mean 'sigmoid'"),
    ],
)
def test_senseless_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ── for_activation ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("names", "gain"),
    [
        (("sigmoid", "logistic"), 4),                        # σ'(0) = ¼: UBC's table has this row and the next swapped
        (("tanh", "softsign", "hard_tanh"), 1),
        (("hard_sigmoid",), 6),
        (("sparse_sigmoid",), 2),
        (("linear", "identity", "softmax", "log_softmax", "sparsemax"), 1),
        (("relu", "leaky_relu", "elu", "gelu", "silu", "swish", "relu6", "softplus", "clipped_linear"), math.sqrt(2)),
    ],
)
@pytest.mark.parametrize("distribution", ["uniform", "normal", "truncated_normal"])
def test_for_activation_is_glorot_times_a_gain(names, gain, distribution):
    for name in names:
        fitting = init.for_activation(name, distribution)
        assert fitting.distribution == distribution
        assert fitting.stddev(900, 300) == pytest.approx(gain * math.sqrt(2 / 1200), rel=1e-12), name


def test_the_logistic_gets_four_times_the_width_of_glorot():
    w = draw(init.for_activation("sigmoid"))
    assert 0.999 < np.abs(w).max() / (4 * math.sqrt(6 / 1200)) <= 1


def test_selu_gets_lecun_normal():
    assert isinstance(init.for_activation("selu"), init.LecunNormal)


@pytest.mark.parametrize("name", nd.activations.RULES)
def test_every_activation_has_a_fitting_initializer(name):
    assert 0 < init.for_activation(name).stddev(100, 100) < 1


# ── seeds ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
RANDOM = [name for name in init.KNOWN if name not in ("identity", "constant", "zeros", "ones")]


def network(*widths, kernel_initializer="glorot_uniform", seed=42, dtype="float32"):
    layers = [nd.Dense(w, kernel_initializer=kernel_initializer, bias_initializer="random_normal") for w in widths]
    return nd.Sequential(layers, input_size=20, seed=seed, dtype=dtype)


@pytest.mark.parametrize("name", RANDOM)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name):
    a, b, c = (network(10, 5, kernel_initializer=name, seed=seed) for seed in (42, 42, 43))
    assert a.arena.values.tobytes() == b.arena.values.tobytes()
    assert not np.any(a.layer("dense").kernel.value == c.layer("dense").kernel.value)


def test_without_a_seed_every_network_is_another():
    assert not np.any(network(5, seed=None).arena.values == network(5, seed=None).arena.values)


@pytest.mark.parametrize("name", RANDOM)
def test_a_layer_on_top_leaves_the_weights_below_as_they_were(name):
    small, large = network(10, 5, kernel_initializer=name), network(10, 5, 7, kernel_initializer=name)
    for lower, same in zip(small.parameters, large.parameters, strict=False):
        assert lower.value.tobytes() == same.value.tobytes()


def test_layers_of_one_network_do_not_share_their_draws():
    model = network(20, 20)
    assert not np.any(model.layer("dense").kernel.value == model.layer("dense_1").kernel.value)


@pytest.mark.parametrize("name", RANDOM)
def test_a_float32_network_holds_the_float64_draws_rounded(name):
    single, double = (network(10, 5, kernel_initializer=name, dtype=dtype) for dtype in ("float32", "float64"))
    assert single.arena.values.dtype == np.float32
    assert single.arena.values.tobytes() == double.arena.values.astype(np.float32).tobytes()


def test_an_own_initializer_is_told_shape_and_fans():
    class Told(init.Initializer):
        def __call__(self, shape, fan_in, fan_out, rng):
            self.told = shape, fan_in, fan_out
            return np.full(shape, 0.5)

    mine = Told()
    model = nd.Sequential([nd.Dense(3, kernel_initializer=mine)], input_size=2)
    assert mine.told == ((2, 3), 2, 3)
    np.testing.assert_array_equal(model.predict([[1, 1]]), [[1, 1, 1]])


def test_an_initializer_without_its_method_says_so():
    with pytest.raises(NotImplementedError, match="Empty must define __call__"):
        draw(type("Empty", (init.Initializer,), {})())
