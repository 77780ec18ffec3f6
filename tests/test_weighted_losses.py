"""What a weighted loss is divided by: weighting="rows" as in Keras, "weights" as PyTorch's class weights."""

import math
import pickle
import re

import numpy as np
import pytest
from helpers_gradients import targets

import npdeep as nd

WEIGHT = np.array([0.5, 2.0, 0.0, 1.0, 3.25, 0.1, 0.0, 1.0])
each_loss = pytest.mark.parametrize("name", nd.losses.KNOWN)


def case(name, units=3):
    rng = np.random.default_rng(5)
    outputs = rng.uniform(0.2, 0.8, (len(WEIGHT), units))
    return outputs, targets(name, outputs, rng)


def both(name, weight, rows=slice(None)):
    """Value and gradient under both weightings."""
    outputs, y = case(name)
    for weighting in ("rows", "weights"):
        loss = nd.losses.KNOWN[name](weighting=weighting)
        yield loss.forward(outputs[rows], y[rows], weight), loss.backward().copy()


@each_loss
def test_weights_divides_by_their_sum_and_rows_by_the_number(name):
    (by_rows, slope_by_rows), (by_weights, slope_by_weights) = both(name, WEIGHT)
    factor = len(WEIGHT) / WEIGHT.sum()
    assert by_weights == pytest.approx(by_rows * factor, rel=1e-14)
    np.testing.assert_allclose(slope_by_weights, slope_by_rows * factor, rtol=1e-14)


@each_loss
def test_by_weights_twice_the_weights_are_the_same_loss_and_a_weight_of_0_leaves_a_row_out(name):
    (_, _), (loss, slope) = both(name, WEIGHT)
    (_, _), (doubled, _) = both(name, 2 * WEIGHT)
    (_, _), (left_out, slope_left_out) = both(name, WEIGHT[WEIGHT > 0], WEIGHT > 0)
    assert doubled == loss == pytest.approx(left_out, rel=1e-14)
    np.testing.assert_allclose(slope[WEIGHT > 0], slope_left_out, rtol=1e-14)


@each_loss
@pytest.mark.parametrize("exponent", [-126, -60, 0, 60])
def test_by_weights_weights_of_any_size_in_float32_make_a_loss_and_a_gradient(name, exponent):
    outputs, y = case(name)
    loss = nd.losses.KNOWN[name](weighting="weights")
    right, slope = loss.forward(outputs.astype(np.float32), y), loss.backward().copy()
    weight = np.full(len(outputs), 2.0**exponent)
    rounding = 1e-6 if exponent > -126 else 1e-6 + 2.0**-20      # products with a loss below 1 are denormal, with few digits
    assert loss.forward(outputs.astype(np.float32), y, weight) == pytest.approx(right, rel=1e-5, abs=rounding)
    np.testing.assert_allclose(loss.backward(), slope, rtol=1e-5, atol=rounding)


@each_loss
@pytest.mark.parametrize("weight", [None, np.ones(len(WEIGHT))])
def test_without_weights_or_with_weights_of_1_the_two_are_one(name, weight):
    (by_rows, slope_by_rows), (by_weights, slope_by_weights) = both(name, weight)
    assert by_rows == by_weights
    np.testing.assert_array_equal(slope_by_rows, slope_by_weights)


@each_loss
def test_where_every_weight_is_0_there_is_nothing_to_learn(name):
    for loss, slope in both(name, np.zeros(len(WEIGHT))):
        assert loss == 0
        assert not slope.any()


@each_loss
def test_weighting_is_an_argument_like_any_other(name):
    kind = nd.losses.KNOWN[name]
    assert "weighting" not in kind().arguments()             # so that files and reprs are those of earlier versions
    loss = kind(weighting="weights")
    assert "weighting='weights'" in repr(loss)
    assert eval(repr(loss), vars(nd.losses)).weighting == pickle.loads(pickle.dumps(loss)).weighting == "weights"
    with pytest.raises(ValueError, match=f"{kind.__name__}: unknown weighting 'weight'; did you mean 'weights'"):
        kind(weighting="weight")


# ── in a trainer ──────────────────────────────────────────────────────────────────────────────────────────────────────
X = np.random.default_rng(1).normal(size=(50, 4))
Y = np.random.default_rng(2).integers(0, 3, 50)
CLASS_WEIGHT = np.array([0.25, 4.0, 1.0])


def trainer(weighting="weights", rate=0.1, **given):
    model = nd.Sequential([nd.Dense(3, kernel_regularizer="l2")], input_size=4, seed=0, dtype="float64")
    return nd.Trainer(model, nd.losses.SoftmaxCrossEntropy(weighting=weighting), nd.optimizers.SGD(rate), **given)


@pytest.mark.parametrize("weighting", ["rows", "weights"])
@pytest.mark.parametrize("batch_size", [1, 7, 32, 50, 1000])
def test_evaluate_and_fit_report_the_same_loss_whatever_the_size_of_the_batches(weighting, batch_size):
    weight = CLASS_WEIGHT[Y] * (np.arange(50) % 5 > 0)       # some batches of one row have a weight of 0
    still = trainer(weighting, rate=0.0)
    p = np.exp(still.model.predict(X))
    single = -np.log(p[np.arange(50), Y] / p.sum(axis=1))
    expected = np.sum(weight * single) / (50 if weighting == "rows" else weight.sum()) + still.penalty()
    assert still.evaluate(X, Y, weight, batch_size=batch_size)["loss"] == pytest.approx(expected, rel=1e-12)
    if batch_size > 1 or weighting == "rows":
        history = still.fit(X, Y, sample_weight=weight, batch_size=batch_size, verbose=False)
        assert history["loss"][0] == pytest.approx(expected, rel=1e-12)


def test_evaluate_has_no_mean_of_nothing_and_says_so():
    with pytest.raises(ValueError, match="evaluate: every sample_weight is 0: there is no row to take the mean over"):
        trainer().evaluate(X, Y, np.zeros(50))
    assert trainer("rows").evaluate(X, Y, np.zeros(50))["loss"] == trainer("rows").penalty()


def test_an_interrupted_epoch_goes_on_with_the_weights_it_had_counted(tmp_path):
    class Interrupt(nd.callbacks.Callback):
        def on_step_end(self, trainer):
            if trainer.iteration == 3:
                raise KeyboardInterrupt

    weight = CLASS_WEIGHT[Y]
    whole, halves = trainer(), trainer()
    expected = whole.fit(X, Y, sample_weight=weight, batch_size=8, verbose=False)["loss"]
    with pytest.raises(KeyboardInterrupt):
        halves.fit(X, Y, sample_weight=weight, batch_size=8, callbacks=[Interrupt()], verbose=False)
    resumed = nd.Trainer.restore(halves.save(tmp_path / "t.npz"))
    assert resumed.loss.weighting == "weights"
    assert resumed.fit(X, Y, sample_weight=weight, batch_size=8, verbose=False)["loss"] == expected


def test_the_loss_event_says_what_the_sum_was_divided_by():
    for weighting, words in (("rows", "each times its sample weight w"), ("weights", "over Σw in place of their number")):
        stepped = trainer(weighting)
        stepped.step(X, Y, CLASS_WEIGHT[Y])
        assert stepped.loss_event.formula.endswith(words)


def test_an_own_loss_counts_rows():
    class Own:
        def forward(self, outputs, targets, sample_weight=None):
            self.shape = outputs.shape
            return float(outputs.mean())

        def backward(self):
            return np.full(self.shape, 1 / math.prod(self.shape))

    own = nd.Trainer(nd.Sequential([nd.Dense(3)], input_size=4, seed=0, dtype="float64"), Own())
    expected = own.model.predict(X).mean()
    assert own.evaluate(X, Y, CLASS_WEIGHT[Y], batch_size=7)["loss"] == pytest.approx(expected, rel=1e-12)


SIZES = {
    "adds up to 6e+38, more than float32": [3e38, 3e38, 1.0],
    "adds up to 3.4": [float(np.finfo(np.float32).max), 1e34, 1e34],
    "largest sample_weight is 1.4e-45": [1.4e-45] * 3,
    "largest sample_weight is 1e-46": [1e-46, 0.0, 1e-300],
    "largest sample_weight is 1.17e-38": [1.17e-38] * 3,
    "holds 1e+39": [1e39, 1.0, 1.0],
}


@each_loss
@pytest.mark.parametrize("weighting", ["rows", "weights"])
@pytest.mark.parametrize("message", SIZES)
def test_weights_whose_sum_float32_cannot_hold_are_refused_and_the_cure_works(name, weighting, message):
    outputs, y = case(name)
    loss, weight = nd.losses.KNOWN[name](weighting=weighting), np.array(SIZES[message])
    with pytest.raises(ValueError, match=re.escape(message)):
        loss.forward(outputs[:3].astype(np.float32), y[:3], weight)
    cured = weight / weight.max()
    exact = nd.losses.KNOWN[name](weighting=weighting)
    assert loss.forward(outputs[:3].astype(np.float32), y[:3], cured) == pytest.approx(
        exact.forward(outputs[:3], y[:3], cured), rel=1e-5
    )
    np.testing.assert_allclose(loss.backward(), exact.backward(), rtol=1e-5, atol=1e-6)


def test_a_fit_and_an_evaluation_by_weights_need_a_row_that_counts():
    trainer = nd.Trainer(nd.Sequential([nd.Dense(1)], input_size=2, seed=0), nd.losses.MeanSquaredError(weighting="weights"))
    x, y = np.ones((4, 2)), np.ones((4, 1))
    before = trainer.model.flat_values.copy()
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(ValueError, match="every sample_weight is 0"):
            call(x, y, sample_weight=np.zeros(4))
    assert (trainer.model.flat_values == before).all()
    assert trainer.iteration == 0
