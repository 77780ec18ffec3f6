"""The learning-rate range test: which rates it tries, when it ends, what it suggests, and that it leaves no trace."""

import copy
import pickle

import numpy as np
import pytest
from helpers_own import own_trainer
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.debug import LearningRateRange, learning_rate_range

X, Y = examples(60)


def relu_trainer(optimizer="sgd", clipping=None):
    layers = [nd.Dense(20, kernel_initializer="he_normal", name="hidden"), nd.Activation("relu"), nd.Dense(3, name="outputs")]
    return nd.Trainer(nd.Sequential(layers, 6, seed=1), "softmax_cross_entropy", optimizer, clipping)


@pytest.mark.parametrize(("low", "high", "steps"), [(1e-6, 1e-3, 10), (0.01, 0.02, 2), (1e-5, 1e-2, 301)])
def test_rates_grow_by_the_same_factor_from_the_first_to_the_last(low, high, steps):
    test = learning_rate_range(relu_trainer(), X, Y, low=low, high=high, steps=steps)
    assert len(test.rates) == len(test.losses) == len(test.smoothed) == steps
    np.testing.assert_allclose(test.rates, np.geomspace(low, high, steps), rtol=1e-12)
    assert test.ended_because == ""


def test_losses_are_those_of_steps_made_by_hand_at_these_rates():
    trainer = every_trainer("adam")
    test = learning_rate_range(trainer, X, Y, low=1e-4, high=1e-2, steps=9, batch_size=25)
    twin = copy.deepcopy(trainer)
    batches = [b for epoch in range(3) for b in nd.batches(X, Y, 25, seed=trainer.seed, epoch=epoch)]
    for rate, loss, (x, y) in zip(test.rates, test.losses, batches, strict=True):
        twin.optimizer.learning_rate = rate
        assert twin.step(x, y) == loss


def test_smoothed_losses_are_a_moving_average_without_the_bias_of_its_beginning():
    test = learning_rate_range(relu_trainer(), X, Y, low=1e-4, high=1e-1, steps=20)
    for k, smoothed in enumerate(test.smoothed):
        weights = 0.9 ** np.arange(k, -1, -1)
        assert smoothed == pytest.approx(np.dot(weights, test.losses[: k + 1]) / weights.sum(), rel=1e-12)


# ── no trace ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("high", [1e-2, 1e6], ids=["to its end", "until it diverges"])
@pytest.mark.parametrize("optimizer", ["sgd", "nadam", "rmsprop"])
def test_the_trainer_is_left_untouched_to_the_bit(optimizer, high):
    trainer, alone = every_trainer(optimizer), every_trainer(optimizer)
    for t in (trainer, alone):
        t.fit(X, Y, epochs=2, verbose=False)
    x, y = X.copy(), Y.copy()
    before, outputs = bits(trainer), [layer.output for layer in trainer.model.layers]
    rate, history = trainer.optimizer.learning_rate, pickle.dumps(trainer.history)
    learning_rate_range(trainer, x, y, high=high, steps=60)
    assert bits(trainer) == before
    assert (trainer.optimizer.learning_rate, pickle.dumps(trainer.history)) == (rate, history)
    assert all(layer.output is output for layer, output in zip(trainer.model.layers, outputs, strict=True))
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)
    for t in (trainer, alone):
        t.fit(X, Y, epochs=2, verbose=False)
    assert bits(trainer) == bits(alone)
    assert trainer.history["loss"] == alone.history["loss"]


def test_a_schedule_stays_the_optimizers():
    schedule = nd.schedules.PowerDecay(0.1, 10)
    trainer = plain_trainer(nd.optimizers.SGD(schedule))
    learning_rate_range(trainer, X, Y, steps=5)
    assert trainer.optimizer.learning_rate is schedule


def test_it_looks_from_where_the_trainer_is_and_the_same_every_time():
    trainer = every_trainer("adam")
    first, second = (learning_rate_range(trainer, X, Y, steps=30) for _ in range(2))
    assert first == second
    trainer.fit(X, Y, verbose=False)
    assert learning_rate_range(trainer, X, Y, steps=30) != first


def test_a_trainer_of_the_users_parts():
    trainer = own_trainer()
    before = bits(trainer)
    assert len(learning_rate_range(trainer, X, Y, steps=10, high=0.1).rates) == 10
    assert bits(trainer) == before


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_ends_early_where_the_loss_is_four_times_the_best():
    test = learning_rate_range(relu_trainer(), X, Y, low=1e-3, high=1e5, steps=100)
    assert 2 < len(test.rates) < 100
    assert test.smoothed[-1] > 4 * min(test.smoothed)
    assert all(s <= 4 * min(test.smoothed[: k + 1]) for k, s in enumerate(test.smoothed[:-1]))
    assert test.ended_because == f"the loss was 4 times the best one at {test.rates[-1]:.3g}"


CLIPPINGS = {
    "unclipped": lambda: None,
    "by value": lambda: nd.clipping.ClipByValue(1e30),
    "by norm": lambda: nd.clipping.ClipByNorm(1e30),
    "by global norm": lambda: nd.clipping.ClipByGlobalNorm(1e30),
}


@pytest.mark.parametrize("clipping", CLIPPINGS)
def test_it_ends_where_the_loss_or_a_gradient_is_no_number(clipping):
    """From one step to the next, so that four times the best is never seen. A norm refuses NaN: that is an end, no error."""
    trainer = relu_trainer(clipping=CLIPPINGS[clipping]())
    before = bits(trainer)
    test = learning_rate_range(trainer, X, Y, low=1e30, high=1e38, steps=5)
    assert test.ended_because.startswith(("the loss was not finite at 1e+", "the loss was 4 times the best one at 1e+"))
    assert len(test.rates) < 5
    assert all(np.isfinite(test.losses))
    assert bits(trainer) == before


@pytest.mark.parametrize("clipping", CLIPPINGS)
def test_a_network_that_is_broken_already_gives_no_rate_at_all(clipping):
    trainer = relu_trainer(clipping=CLIPPINGS[clipping]())
    trainer.model.layer("hidden").kernel.value[0, 0] = np.nan
    test = learning_rate_range(trainer, X, Y, low=0.5)
    assert test == LearningRateRange(ended_because="the loss was not finite at 0.5")
    assert np.isnan(test.turning_point)
    assert np.isnan(test.suggested)
    assert "the loss was not finite at 0.5" in repr(test)


class Refusing:
    """A custom loss with an error of its own."""

    def forward(self, outputs, targets, sample_weight=None):
        raise ValueError("these targets are not mine")

    def backward(self):
        raise AssertionError


def test_other_errors_are_not_taken_for_the_end():
    with pytest.raises(ValueError, match="these targets are not mine"):
        learning_rate_range(nd.Trainer(relu_trainer().model, Refusing()), X, Y)


def test_it_warns_of_nothing_on_its_way_out_of_bounds():
    """Overflow is what it looks for: with warnings as errors, as everywhere in these tests, it comes to its end."""
    layers = [nd.Dense(8, name="hidden"), nd.Activation("exponential"), nd.Dense(3, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=1), "mean_squared_error", "sgd")
    assert learning_rate_range(trainer, X, np.eye(3)[Y], high=1e9, steps=50).ended_because


# ── the suggestion ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_turning_point_is_where_the_smoothed_loss_is_lowest_and_a_tenth_of_it_is_suggested():
    test = LearningRateRange([0.1, 0.2, 0.4, 0.8], [3, 1, 2, 9], [3.0, 2.0, 1.5, 5.0])
    assert test.turning_point == 0.4
    assert test.suggested == pytest.approx(0.04, rel=1e-12)
    assert "lowest at 0.4; try 0.04" in repr(test)


def test_the_suggested_rate_learns_and_a_hundred_times_it_does_not(digits):
    (x, y), _ = digits
    x, y = x[:1000], y[:1000]

    def trainer(rate=0.01):
        layers = [nd.Dense(30, kernel_initializer="he_normal"), nd.Activation("relu"), nd.Dense(10)]
        model = nd.Sequential(layers, 784, seed=42)
        return nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(rate), metrics=["accuracy"])

    test = learning_rate_range(trainer(), x, y, low=1e-4, high=100, steps=150)
    assert test.ended_because
    good = trainer(test.suggested)
    good.fit(x, y, epochs=5, verbose=False)
    assert good.evaluate(x, y)["accuracy"] > 0.7
    with np.errstate(all="ignore"):
        bad = trainer(100 * test.suggested)
        bad.fit(x, y, epochs=5, verbose=False)
    assert bad.evaluate(x, y)["accuracy"] < good.evaluate(x, y)["accuracy"]


def test_the_table_has_some_ten_rows_and_the_reason_it_ended():
    test = learning_rate_range(relu_trainer(), X, Y, low=1e-3, high=1e5, steps=200)
    assert 10 <= len(test.table().rows) <= 20
    assert repr(test).endswith(test.ended_because)
    assert "learning rate" in test._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"low": 0}, ValueError, "low must be a number above 0, got 0"),
        ({"low": "a"}, TypeError, "low must be a number above 0"),
        ({"high": -1}, ValueError, "high must be a number above 0, got -1"),
        ({"low": 1, "high": 1}, ValueError, "low must be below high, got 1 and 1"),
        ({"low": 2, "high": 1}, ValueError, "low must be below high, got 2 and 1"),
        ({"steps": 1}, ValueError, "steps must be an integer of at least 2, got 1"),
        ({"steps": 2.5}, TypeError, "steps must be an integer of at least 2, got 2.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be an integer of at least 1, got 0"),
        ({"x": X[:, :5]}, ValueError, r"x must have the shape \(n, 6\), got \(60, 5\)"),
        ({"x": np.full_like(X, np.nan)}, ValueError, "x holds nan"),
        ({"y": Y[:50]}, ValueError, r"y must be 60 labels, .* got shape \(50,\)"),
        ({"y": Y + 1}, ValueError, "labels must lie in 0 to 2"),
    ],
)
def test_unfit_arguments(arguments, error, message):
    trainer = relu_trainer()
    before = bits(trainer)
    with pytest.raises(error, match=message):
        learning_rate_range(trainer, **{"x": X, "y": Y, **arguments})
    assert bits(trainer) == before
