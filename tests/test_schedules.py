"""Schedules at points computed by hand, at their boundaries, in optimizers, and with senseless arguments."""

import math

import numpy as np
import pytest

import npdeep as nd
from npdeep import schedules as s

COS = {step: 0.5 * (1 + math.cos(math.pi * step / 100)) for step in range(101)}

# schedule and a few of its values, by step
POINTS = {
    "constant": (s.Constant(0.1), {0: 0.1, 10**6: 0.1}),
    # the chapter's: η₀·10^(−t/r) with η₀ = 0.1 and r = 10 000
    "exponential": (
        s.ExponentialDecay(0.1, 10_000, 1 / 10),
        {0: 0.1, 2_500: 0.1 * 10**-0.25, 5_000: 0.1 / math.sqrt(10), 10_000: 0.01, 30_000: 0.0001},
    ),
    "exponential_staircase": (
        s.ExponentialDecay(0.8, 10, 0.5, staircase=True),
        {0: 0.8, 9: 0.8, 10: 0.4, 19: 0.4, 20: 0.2, 39: 0.1},
    ),
    # as TensorFlow: a boundary still belongs to the value before it
    "piecewise": (
        s.PiecewiseConstant([100, 200], [0.01, 0.005, 0.001]),
        {0: 0.01, 99: 0.01, 100: 0.01, 101: 0.005, 200: 0.005, 201: 0.001, 10**6: 0.001},
    ),
    "piecewise_from_zero": (s.PiecewiseConstant([0], [0.5, 0.25]), {0: 0.5, 1: 0.25}),
    "piecewise_without_boundaries": (s.PiecewiseConstant([], [0.5]), {0: 0.5, 100: 0.5}),
    "power": (s.PowerDecay(0.1, 100), {0: 0.1, 100: 0.05, 300: 0.025, 900: 0.01}),
    "power_half": (s.PowerDecay(0.1, 100, power=0.5), {0: 0.1, 300: 0.05, 800: 0.1 / 3}),
    "inverse_time": (s.InverseTimeDecay(0.01, 10_000, 1.0), {0: 0.01, 5_000: 0.01 / 1.5, 10_000: 0.005, 30_000: 0.0025}),
    "inverse_time_staircase": (
        s.InverseTimeDecay(0.6, 10, 0.5, staircase=True),
        {0: 0.6, 9: 0.6, 10: 0.4, 19: 0.4, 20: 0.3, 40: 0.2},
    ),
    "polynomial": (s.PolynomialDecay(0.1, 100, final=0.02), {0: 0.1, 25: 0.08, 50: 0.06, 100: 0.02, 101: 0.02, 9999: 0.02}),
    "polynomial_square": (s.PolynomialDecay(1.0, 10, final=0.0, power=2), {0: 1.0, 5: 0.25, 9: 0.01, 10: 0.0, 20: 0.0}),
    # from step 11 on a line over 20 steps, from step 21 on one over 30
    "polynomial_cycle": (
        s.PolynomialDecay(1.0, 10, final=0.0, cycle=True),
        {0: 1.0, 5: 0.5, 10: 0.0, 11: 0.45, 15: 0.25, 20: 0.0, 21: 0.3, 30: 0.0, 40: 0.0},
    ),
    "cosine": (s.CosineDecay(0.1, 100), {0: 0.1, 25: 0.1 * COS[25], 50: 0.05, 75: 0.1 * COS[75], 100: 0.0, 500: 0.0}),
    "cosine_alpha": (s.CosineDecay(0.1, 100, alpha=0.2), {0: 0.1, 50: 0.06, 100: 0.02, 500: 0.02}),
    # waves of 100, 200, 400 steps begin at 0, 100, 300, 700
    "cosine_restarts": (
        s.CosineDecay(0.1, 100, restarts=True),
        {0: 0.1, 50: 0.05, 99: 0.1 * COS[99], 100: 0.1, 200: 0.05, 250: 0.1 * COS[75], 300: 0.1, 500: 0.05, 700: 0.1},
    ),
    # waves of 100, 300, 900 steps begin at 0, 100, 400, 1300
    "cosine_restarts_longer_3": (
        s.CosineDecay(0.1, 100, restarts=True, longer=3),
        {0: 0.1, 100: 0.1, 250: 0.05, 397: 0.1 * COS[99], 400: 0.1, 850: 0.05, 1291: 0.1 * COS[99], 1300: 0.1},
    ),
    "cosine_restarts_equal": (s.CosineDecay(0.1, 7, restarts=True, longer=1), {7 * k: 0.1 for k in range(50)}),
    "cosine_restarts_lower": (
        s.CosineDecay(1.0, 100, alpha=0.5, restarts=True, lower=0.5),
        {0: 1.0, 50: 0.75, 100: 0.75, 200: 0.625, 300: 0.625, 700: 0.5625},
    ),
    # half of 90 % up, half of 90 % down, 10 % out; start = peak/10, final = start/1000
    "one_cycle": (
        s.OneCycle(1.0, 1000),
        {0: 0.1, 225: 0.55, 450: 1.0, 675: 0.55, 900: 0.1, 950: (0.1 + 0.0001) / 2, 1000: 0.0001, 5000: 0.0001},
    ),
    "one_cycle_momentum": (
        s.OneCycle(0.85, 1000, start=0.95, final=0.95),
        {0: 0.95, 225: 0.9, 450: 0.85, 675: 0.9, 900: 0.95, 950: 0.95, 1000: 0.95, 5000: 0.95},
    ),
    "one_cycle_without_last": (s.OneCycle(1.0, 100, last=0.0), {0: 0.1, 50: 1.0, 75: 0.55, 100: 0.0001}),
    "warmup": (s.Warmup(0.1, 10), {0: 0.0, 1: 0.01, 5: 0.05, 9: 0.09, 10: 0.1, 1000: 0.1}),
    "warmup_start": (s.Warmup(0.1, 10, start=0.05), {0: 0.05, 5: 0.075, 10: 0.1}),
    # the schedule after it counts from where the line ends
    "warmup_into_decay": (s.Warmup(s.PowerDecay(0.1, 100), 10), {0: 0.0, 5: 0.05, 10: 0.1, 110: 0.05, 310: 0.025}),
    "warmup_into_warmup": (s.Warmup(s.Warmup(1.0, 10, start=0.5), 10), {0: 0.0, 5: 0.25, 10: 0.5, 15: 0.75, 20: 1.0}),
}


@pytest.mark.parametrize("name", POINTS)
def test_values_at_points_computed_by_hand(name):
    schedule, points = POINTS[name]
    for step, value in points.items():
        assert schedule(step) == pytest.approx(value, rel=1e-12, abs=1e-15), step
        assert isinstance(schedule(step), float)


def test_every_schedule_is_among_the_points():
    assert {type(schedule) for schedule, _ in POINTS.values()} == set(s.KNOWN.values())


@pytest.mark.parametrize(("longer", "begin"), [(1, [0, 30, 60, 90]), (2, [0, 30, 90, 210, 450]), (3, [0, 30, 120, 390, 1200])])
def test_cosine_restarts_are_exactly_at_full_height_where_a_wave_begins_and_lowest_just_before(longer, begin):
    wave = s.CosineDecay(0.3, 30, restarts=True, longer=longer)
    assert [wave(step) for step in begin] == [0.3] * len(begin)
    for step in begin[1:]:
        assert wave(step - 1) < wave(step - 2) < 0.01


@pytest.mark.parametrize(
    "schedule",
    [s.ExponentialDecay(1.0, 7, 0.5), s.PowerDecay(1.0, 7), s.InverseTimeDecay(1.0, 7, 0.3), s.PolynomialDecay(1.0, 50),
     s.CosineDecay(1.0, 50), s.PiecewiseConstant([5, 17], [3, 2, 1])],
)
def test_what_decays_never_grows(schedule):
    assert np.all(np.diff([schedule(step) for step in range(100)]) <= 0)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 100])
def test_one_cycle_stays_between_its_corners_however_short(steps):
    values = [s.OneCycle(1.0, steps)(step) for step in range(steps + 3)]
    assert 0.0001 <= min(values) <= max(values) <= 1.0
    assert values[steps:] == [0.0001] * 3


def test_a_plain_number_is_a_schedule_that_never_changes():
    assert [s.value_at(0.3, step) for step in (0, 1, 10**9)] == [0.3] * 3


def test_schedules_print_as_one_would_write_them():
    assert repr(s.PowerDecay(0.1, 100)) == "PowerDecay(initial=0.1, decay_steps=100, power=1.0)"
    assert eval(repr(s.Warmup(s.PowerDecay(0.1, 100), 10)), vars(s))(110) == 0.05


# ── in optimizers ─────────────────────────────────────────────────────────────────────────────────────────────────────
class Recorder(s.Schedule):
    """Remembers the steps that it was asked for; asked twice in a row for one, it counts once."""

    def __init__(self, value):
        self.value = value
        self.steps = []

    def __call__(self, step):
        if self.steps[-1:] != [step]:
            self.steps.append(step)
        return self.value


def trainer_of(optimizer):
    model = nd.Sequential([nd.Dense(1)], input_size=1, seed=0, dtype="float64")
    return nd.Trainer(model, "mean_squared_error", optimizer)


def test_the_step_is_counted_before_the_update():
    recorder = Recorder(0.1)
    trainer = trainer_of(nd.optimizers.SGD(recorder))
    for _ in range(3):
        trainer.step([[1.0]], [[1.0]])
    assert recorder.steps == [0, 1, 2]


def test_the_first_update_uses_the_first_value_and_the_second_the_second():
    trainer = trainer_of(nd.optimizers.SGD(s.PiecewiseConstant([0], [0.25, 0.0])))
    bias = trainer.model.layer("dense").bias
    trainer.step([[0.0]], [[1.0]])                           # gradient −2
    assert bias.value[0] == 0.5
    trainer.step([[0.0]], [[1.0]])
    assert bias.value[0] == 0.5


@pytest.mark.parametrize(
    ("make", "steps"),
    [(nd.optimizers.Momentum, [0, 1, 2]), (nd.optimizers.RMSProp, [0, 1, 2]),
     (nd.optimizers.Nesterov, [0, 1, 2, 3])],                # Nesterov looks ahead with the momentum of the next step
)
def test_a_schedule_serves_as_momentum(make, steps):
    recorder = Recorder(0.5)
    scheduled, plain = trainer_of(make(0.01, momentum=recorder)), trainer_of(make(0.01, momentum=0.5))
    for trainer in (scheduled, plain):
        for _ in range(3):
            trainer.step([[1.0]], [[1.0]])
    assert recorder.steps == steps
    assert scheduled.model.arena.values.tobytes() == plain.model.arena.values.tobytes()


def test_momentum_follows_its_schedule():
    beta = s.OneCycle(0.85, 20, start=0.95, final=0.95)
    trainer = trainer_of(nd.optimizers.Momentum(0.1, momentum=beta))
    w, m = trainer.model.layer("dense").bias.value[0], 0.0
    trainer.model.layer("dense").kernel.trainable = False
    for t in range(25):
        m = beta(t) * m - 0.1 * 2 * (w - 1)
        w += m
        trainer.step([[0.0]], [[1.0]])
    assert trainer.model.layer("dense").bias.value[0] == pytest.approx(w, rel=1e-12)


def test_the_history_shows_the_learning_rate_of_the_last_update():
    trainer = trainer_of(nd.optimizers.SGD(s.PowerDecay(0.1, 3)))
    history = trainer.fit(np.ones((8, 1)), np.ones((8, 1)), batch_size=2, epochs=1, verbose=False)
    assert history["learning_rate"] == [0.05]                # four updates: t = 0, 1, 2, 3


def test_a_learning_rate_may_be_set_anew_between_steps():
    trainer = trainer_of(nd.optimizers.SGD(0.0))
    before = trainer.model.arena.values.copy()
    trainer.step([[1.0]], [[5.0]])
    np.testing.assert_array_equal(trainer.model.arena.values, before)
    trainer.optimizer.learning_rate = 0.1
    trainer.step([[1.0]], [[5.0]])
    assert np.all(trainer.model.arena.values != before)
    with pytest.raises(ValueError, match="SGD: learning_rate must be a number of at least 0, got -1"):
        trainer.optimizer.learning_rate = -1


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: s.Constant(-0.1), "Constant: value must be a number of at least 0, got -0.1"),
        (lambda: s.ExponentialDecay(math.nan, 10, 0.5), "ExponentialDecay: initial must be a number of at least 0, got nan"),
        (lambda: s.ExponentialDecay(0.1, 0, 0.5), "decay_steps must be an integer of at least 1, got 0"),
        (lambda: s.ExponentialDecay(0.1, 10, 0), "decay_rate must be a number above 0, got 0"),
        (lambda: s.PiecewiseConstant([1, 2], [1, 2]), "2 boundaries need 3 values, got 2"),
        (lambda: s.PiecewiseConstant([2, 1], [1, 2, 3]), r"boundaries must grow, got \[2, 1\]"),
        (lambda: s.PiecewiseConstant([1, 1], [1, 2, 3]), r"boundaries must grow, got \[1, 1\]"),
        (lambda: s.PiecewiseConstant([-1], [1, 2]), "boundaries must be an integer of at least 0, got -1"),
        (lambda: s.PowerDecay(0.1, 10, power=-1), "PowerDecay: power must be a number of at least 0"),
        (lambda: s.InverseTimeDecay(0.1, 10, -1), "InverseTimeDecay: decay_rate must be a number of at least 0"),
        (lambda: s.PolynomialDecay(0.1, 10, final=-1), "PolynomialDecay: final must be"),
        (lambda: s.CosineDecay(0.1, 10, alpha=2), "CosineDecay: alpha must be a number of at least 0 and of at most 1, got 2"),
        (lambda: s.CosineDecay(0.1, 10, restarts=True, longer=0.5), "longer must be a number of at least 1"),
        (lambda: s.CosineDecay(0.1, 10, restarts=True, longer=1.0000001), "longer must be 1, .* or at least 1.01, got 1"),
        (lambda: s.CosineDecay(0.1, 10, restarts=True, lower=0), "lower must be a number above 0"),
        (lambda: s.OneCycle(1, 10, last=1), "OneCycle: last must be a number of at least 0 and below 1, got 1"),
        (lambda: s.Warmup(-1, 10), "Warmup: then must be a number of at least 0"),
        (lambda: s.Warmup(0.1, 0), "Warmup: warmup_steps must be an integer of at least 1"),
        (lambda: nd.optimizers.Momentum(0.1, momentum=1.0), "Momentum: momentum must be a number of at least 0 and below 1"),
        (lambda: nd.optimizers.SGD(math.inf), "SGD: learning_rate must be a number of at least 0, got inf"),
    ],
)
def test_senseless_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: s.ExponentialDecay(0.1, 10.5, 0.5), "decay_steps must be an integer of at least 1, got 10.5"),
        (lambda: s.ExponentialDecay(0.1, 10, 0.5, staircase="yes"), "staircase must be True or False, got the string 'yes'"),
        (lambda: s.PiecewiseConstant(100, [1, 2]), r"boundaries and values must be lists, .*; got 100 and the list \[1, 2\]"),
        (lambda: s.PiecewiseConstant([100], 0.1), r"boundaries and values must be lists, .*; got the list \[100\] and 0.1"),
        (lambda: s.Constant("0.1"), "Constant: value must be a number of at least 0, got the string '0.1'"),
        (lambda: nd.optimizers.SGD(lambda step: 0.1), r"must be a number or an object of nd\.schedules; derive your own"),
        (lambda: nd.optimizers.SGD(s.OneCycle), r"must be a number or an object of nd\.schedules"),
        (lambda: nd.optimizers.SGD("0.1"), "SGD: learning_rate must be a number of at least 0, got the string '0.1'"),
    ],
)
def test_what_is_no_number_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_schedule_without_its_method_says_so():
    with pytest.raises(NotImplementedError, match=r"Empty must define __call__\(step\)"):
        type("Empty", (s.Schedule,), {})()(0)
