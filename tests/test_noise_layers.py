"""Layers that draw: mean and variance against theory, exact masks, nothing at inference, and the same noise from a seed."""

import math

import numpy as np
import pytest

import npdeep as nd
from npdeep import AlphaDropout, Dropout, GaussianDropout, GaussianNoise, RReLU, Sequential
from npdeep.kernels import dropout

ROWS, UNITS = 1000, 500     # half a million draws
LAYERS = {
    "dropout": lambda: Dropout(0.3),
    "gaussian_dropout": lambda: GaussianDropout(0.3),
    "alpha_dropout": lambda: AlphaDropout(0.3),
    "gaussian_noise": lambda: GaussianNoise(0.7),
    "rrelu": lambda: RReLU(),
}


def network(layer, seed=42, dtype="float64", units=UNITS):
    return Sequential([layer], input_size=units, seed=seed, dtype=dtype)


def assert_mean_and_variance(sample, mean, variance):
    """Both within 4 standard errors; that of the variance comes from the sample's fourth moment."""
    deviation = (sample - mean) ** 2
    assert abs(sample.mean() - mean) < 4 * math.sqrt(variance / sample.size)
    assert abs(deviation.mean() - variance) < 4 * deviation.std() / math.sqrt(sample.size)


# ── dropout ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.8, 0.95])
def test_dropout_keeps_the_mean_and_has_the_variance_of_theory(rate):
    """y = x·B/q with B ~ Bernoulli(q): mean x, variance x²(1 − q)/q = x²·rate/(1 − rate)."""
    x = np.full((ROWS, UNITS), 3.0)
    y = network(Dropout(rate)).forward(x, training=True)
    dropped = np.mean(y == 0)
    assert abs(dropped - rate) < 4 * math.sqrt(rate * (1 - rate) / y.size)
    assert abs(y.mean() - 3) < 4 * 3 * math.sqrt(rate / (1 - rate) / y.size)
    fourth = 3.0**4 * ((1 - rate) * (1 / (1 - rate) - 1) ** 4 + rate)      # E (y − 3)⁴
    variance = 9 * rate / (1 - rate)
    assert abs(np.mean((y - 3) ** 2) - variance) <= 4 * math.sqrt((fourth - variance**2) / y.size)     # rate ½: 0 ≤ 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 1 / 3, 0.5, 0.9])
def test_the_mask_holds_exactly_zero_and_one_over_the_share_kept(rate, dtype, rng):
    model = network(Dropout(rate), dtype=dtype, units=40)
    x = rng.normal(size=(50, 40)).astype(dtype)
    y = model.forward(x, training=True)
    mask = model.layers[0].mask
    assert set(np.unique(mask)) == {0.0, np.dtype(dtype).type(1 / (1 - rate))}
    assert (mask.dtype, mask.shape) == (np.dtype(dtype), x.shape)
    np.testing.assert_array_equal(y, x * mask)


def test_units_and_rows_are_dropped_independently_of_each_other():
    """Correlations of neighbours along rows, columns and the four words cut from one draw: within 4/√n of 0."""
    model = network(Dropout(0.5))
    model.forward(np.ones((ROWS, UNITS)), training=True)
    signs = np.sign(model.layers[0].mask - 1)
    for lag in (1, 2, 3, 4, UNITS, UNITS + 1):
        flat = signs.ravel()
        assert abs(np.mean(flat[lag:] * flat[:-lag])) < 4 / math.sqrt(flat.size)


@pytest.mark.parametrize("kind", [Dropout, GaussianDropout, AlphaDropout])
@pytest.mark.parametrize("training", [True, False])
def test_a_rate_of_zero_does_nothing(kind, training, rng):
    model, x, dy = network(kind(0), units=6), rng.normal(size=(5, 6)), rng.normal(size=(5, 6))
    np.testing.assert_array_equal(model.forward(x, training=training), x)
    if training:
        np.testing.assert_array_equal(model.backward(dy, input_gradient=True), dy)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_the_gradient_flows_through_kept_units_alone_and_by_the_same_factor(rate, rng):
    model, dy = network(Dropout(rate), units=30), rng.normal(size=(20, 30))
    y = model.forward(np.ones((20, 30)), training=True).copy()
    dx = model.backward(dy, input_gradient=True)
    np.testing.assert_array_equal(dx, dy * y)
    assert np.all((dx == 0) == (y == 0))
    assert 0 < np.count_nonzero(dx) < dx.size


def test_no_gradient_reaches_the_weights_of_a_dropped_unit(rng):
    model = Sequential([nd.Dense(8, name="d"), Dropout(0.5, name="drop"), nd.Dense(2)], input_size=3, seed=1)
    trainer = nd.Trainer(model, "softmax_cross_entropy")
    trainer.step(rng.normal(size=(1, 3)), [1])
    dropped = model.layer("drop").mask[0] == 0
    assert 0 < dropped.sum() < 8
    np.testing.assert_array_equal(model.layer("d").kernel.grad[:, dropped], 0)
    assert np.all(model.layer("d").kernel.grad[:, ~dropped] != 0)


# ── its relatives ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_gaussian_dropout_has_the_mean_and_variance_of_dropout(rate):
    model = network(GaussianDropout(rate))
    y = model.forward(np.full((ROWS, UNITS), 3.0), training=True)
    assert_mean_and_variance(y, 3, 9 * rate / (1 - rate))
    standard = (y / 3 - 1) / math.sqrt(rate / (1 - rate))
    assert abs(np.mean(np.abs(standard) < 1) - math.erf(math.sqrt(0.5))) < 4 * 0.5 / math.sqrt(y.size)     # a bell, no coin


def test_the_gradient_of_gaussian_dropout_meets_the_factors_of_the_forward_pass(rng):
    model, x, dy = network(GaussianDropout(0.5), units=6), rng.normal(size=(5, 6)), rng.normal(size=(5, 6))
    y = model.forward(x, training=True)
    np.testing.assert_allclose(model.backward(dy, input_gradient=True), dy * y / x, rtol=1e-12)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
def test_alpha_dropout_keeps_mean_zero_and_variance_one(rate):
    x = np.random.default_rng(5).normal(size=(ROWS, UNITS))
    y = network(AlphaDropout(rate)).forward(x, training=True)
    assert_mean_and_variance(y, 0, 1)


def test_alpha_dropout_keeps_what_a_selu_network_with_lecun_weights_has():
    """Ten layers of SELU keep mean 0 and variance 1, with alpha dropout in between as well as without."""
    def spread(*between):
        layers = [layer for _ in range(10) for layer in (nd.Dense(300, kernel_initializer="lecun_normal"),
                                                         nd.Activation("selu"), *(make() for make in between))]
        model = Sequential(layers, input_size=300, seed=3)
        outputs = model.forward(np.random.default_rng(0).normal(size=(400, 300)), training=True)
        return outputs.mean(), outputs.var()

    for mean, variance in (spread(), spread(lambda: AlphaDropout(0.1))):
        assert abs(mean) < 0.1
        assert abs(variance - 1) < 0.2
    assert spread(lambda: Dropout(0.1))[1] > 1.2             # plain dropout does not keep it


@pytest.mark.parametrize(("rate", "a", "b"), [(0.1, 0.92128, 0.16197), (0.5, 0.88640, 0.77919)])
def test_the_constants_of_alpha_dropout(rate, a, b):
    layer = AlphaDropout(rate)
    assert layer.floor == pytest.approx(-1.7580993408473766, rel=1e-12)    # −λα of SELU
    assert (layer.a, layer.b) == (pytest.approx(a, abs=5e-6), pytest.approx(b, abs=5e-6))


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_sends_dropped_units_to_one_value_and_scales_the_others(rate, rng):
    model, x, dy = network(AlphaDropout(rate), units=40), rng.normal(size=(30, 40)), rng.normal(size=(30, 40))
    y, layer = model.forward(x, training=True), model.layers[0]
    floor = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - rate) * (1 + rate * floor**2)) ** -0.5
    kept = layer.mask == 1
    np.testing.assert_allclose(y, np.where(kept, a * x, a * floor) - a * rate * floor, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(layer.mask[~kept], 0)
    np.testing.assert_allclose(model.backward(dy, input_gradient=True), a * dy * kept, rtol=1e-12)


@pytest.mark.parametrize("stddev", [0.1, 2.0])
def test_gaussian_noise_adds_noise_of_mean_zero_and_its_standard_deviation(stddev, rng):
    model, x = network(GaussianNoise(stddev)), rng.normal(size=(ROWS, UNITS))
    y = model.forward(x, training=True)
    assert_mean_and_variance(y - x, 0, stddev**2)
    dy = rng.normal(size=x.shape)
    np.testing.assert_array_equal(model.backward(dy, input_gradient=True), dy)


@pytest.mark.parametrize(("lower", "upper"), [(1 / 8, 1 / 3), (0.0, 1.0), (0.25, 0.25)])
def test_rrelu_draws_slopes_between_its_bounds_while_training(lower, upper, rng):
    model = network(RReLU(lower, upper))
    x = -np.abs(rng.normal(size=(ROWS, UNITS))) - 0.1
    x[::2] *= -1
    y = model.forward(x, training=True).copy()
    np.testing.assert_array_equal(y[::2], x[::2])
    slopes = y[1::2] / x[1::2]
    assert lower - 1e-12 <= slopes.min() <= slopes.max() <= upper + 1e-12
    if upper > lower:
        assert_mean_and_variance(slopes, (lower + upper) / 2, (upper - lower) ** 2 / 12)
    dy = rng.normal(size=x.shape)
    np.testing.assert_allclose(model.backward(dy, input_gradient=True), dy * y / x, rtol=1e-12)


def test_rrelu_takes_the_mean_slope_at_inference():
    model = network(RReLU(0.2, 0.6), units=2)
    np.testing.assert_allclose(model.predict([[-5.0, 5.0]]), [[-2.0, 5.0]], rtol=1e-15)


# ── all of them ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", [name for name in LAYERS if name != "rrelu"])
def test_at_inference_the_input_is_passed_on_as_the_same_array(name, rng):
    model, x = network(LAYERS[name](), units=5), rng.normal(size=(4, 5))
    assert model.forward(x) is x
    assert model.layers[0].output is model.layers[0].input is x
    np.testing.assert_array_equal(model.predict(x), x)


def noise(model, steps=3):
    x = np.full((6, 8), -1.0)
    return [model.forward(x, training=True).copy() for _ in range(steps)]


@pytest.mark.parametrize("name", LAYERS)
def test_noise_differs_between_steps_and_is_the_same_from_the_same_seed(name):
    a, b, c = (noise(network(LAYERS[name](), seed=seed, units=8)) for seed in (42, 42, 43))
    assert [y.tobytes() for y in a] == [y.tobytes() for y in b]
    assert len({y.tobytes() for y in a + c}) == 6


@pytest.mark.parametrize("name", LAYERS)
def test_inference_uses_up_no_random_numbers(name):
    plain, watched = (network(LAYERS[name](), units=8) for _ in range(2))
    first, second = noise(plain, 2)
    np.testing.assert_array_equal(noise(watched, 1)[0], first)
    watched.predict(np.zeros((3, 8)))
    np.testing.assert_array_equal(noise(watched, 1)[0], second)


def test_two_layers_of_one_network_draw_differently():
    model = Sequential([Dropout(0.5), Dropout(0.5)], input_size=100, seed=0)
    model.forward(np.ones((10, 100)), training=True)
    agreement = np.mean((model.layers[0].mask > 0) == (model.layers[1].mask > 0))
    assert abs(agreement - 0.5) < 4 * 0.5 / math.sqrt(1000)


@pytest.mark.parametrize("name", LAYERS)
def test_the_noise_of_a_layer_is_not_that_of_its_weights(name):
    """A layer's generator of noise stands apart: putting a layer on top does not change the noise below."""
    small = Sequential([LAYERS[name]()], input_size=8, seed=42, dtype="float64")
    large = Sequential([LAYERS[name](), nd.Dense(3)], input_size=8, seed=42, dtype="float64")
    large.forward(np.full((6, 8), -1.0), training=True)
    assert large.layers[0].output.tobytes() == noise(small, 1)[0].tobytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dropout(1.0), "Dropout: rate must be a number of at least 0 and below 1, got 1.0"),
        (lambda: Dropout(-0.1), "Dropout: rate must be"),
        (lambda: GaussianDropout(1.0), "GaussianDropout: rate must be"),
        (lambda: AlphaDropout(math.nan), "AlphaDropout: rate must be .* got nan"),
        (lambda: GaussianNoise(-1), "GaussianNoise: stddev must be a number of at least 0, got -1"),
        (lambda: RReLU(-0.1, 0.5), "RReLU: lower must be a number of at least 0 and of at most 1, got -0.1"),
        (lambda: RReLU(0.5, 0.1), "RReLU: upper must be a number of at least 0.5 and of at most 1, got 0.1"),
        (lambda: RReLU(0.5, 2), "RReLU: upper must be"),
    ],
)
def test_senseless_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_rate_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="Dropout: rate must be a number of at least 0 and below 1, got the string '50%'"):
        Dropout("50%")


@pytest.mark.parametrize("kind", [nd.Dropout, nd.GaussianDropout, nd.AlphaDropout])
def test_the_rate_may_be_set_anew_between_steps(kind):
    model = nd.Sequential([kind(0.0, name="noise")], input_size=50, seed=3)
    fresh = nd.Sequential([kind(0.25, name="noise")], input_size=50, seed=3)
    x = np.ones((40, 50), np.float32)
    assert model.forward(x, training=True).tobytes() == x.tobytes()
    model.layer("noise").rate = 0.25
    np.testing.assert_array_equal(model.forward(x, training=True), fresh.forward(x, training=True))
    assert x.min() == x.max() == 1             # the examples themselves are left alone
    model.layer("noise").rate = 0.0
    np.testing.assert_array_equal(model.forward(x, training=True), x)


@pytest.mark.parametrize("rate", [1e-5, 0.001, 0.999, 0.99999])
def test_rates_near_0_and_1_are_realized_too(rate):
    n = 4_000_000
    model = nd.Sequential([nd.Dropout(rate)], input_size=n, seed=0)
    dropped = np.count_nonzero(model.forward(np.ones((1, n), np.float32), training=True) == 0)
    assert abs(dropped - n * rate) < 4 * np.sqrt(n * rate * (1 - rate))
    bits = model.layers[0].bits
    assert abs(dropout.keep_steps(rate, bits) / 2**bits - (1 - rate)) < 2e-4 * min(rate, 1 - rate)


def test_a_rate_set_later_is_checked_as_well():
    layer = nd.Dropout(0.5)
    with pytest.raises(ValueError, match="Dropout: rate must be"):
        layer.rate = 1.0
    assert layer.rate == 0.5
    layer.rate = 0.9999
    assert layer.bits == 32


@pytest.mark.parametrize("bits", [16, 32])
def test_of_so_many_numbers_at_least_one_keeps_and_at_least_one_drops(bits):
    words = 2**bits
    assert [dropout.keep_steps(rate, bits) for rate in (1 - 1e-12, 1e-12)] == [1, words - 1]
    assert [dropout.keep_steps(rate, bits) for rate in (1 - 1 / words, 1 / words, 0.75)] == [1, words - 1, words // 4]


@pytest.mark.parametrize(
    ("bits", "n", "words"), [(16, 1, 1), (16, 4, 1), (16, 5, 2), (16, 8, 2), (32, 1, 1), (32, 2, 1), (32, 3, 2)]
)
def test_no_more_random_words_are_drawn_than_are_cut_up(bits, n, words):
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    drawn = dropout.random_words(one, n, bits)
    raw = other.bit_generator.random_raw(words)
    np.testing.assert_array_equal(drawn, raw.view(f"uint{bits}")[:n])
    assert one.bit_generator.state == other.bit_generator.state


def test_so_many_numbers_keep_and_not_one_more():
    words = np.array([0, 7, 8, 9], np.uint16)
    assert dropout.dropout_mask(words, 8, 2.0, np.empty((2, 2))).tolist() == [[2, 2], [0, 0]]
