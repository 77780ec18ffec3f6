"""Update rules against their textbook formulas, equivalences between their forms, their memory, and denormal numbers."""

import copy
import inspect
import math
import sys

import numpy as np
import pytest

import npdeep as nd
from npdeep.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    Momentum,
    Nadam,
    Nesterov,
    Optimizer,
    RMSProp,
    factors,
)
from npdeep.optimizers import base as optimizers_base
from npdeep.parameters import Parameter, allocate
from npdeep.schedules import CosineDecay, ExponentialDecay, OneCycle, PiecewiseConstant


class Bench:
    """An optimizer at work on one vector of weights whose gradients the test chooses."""

    def __init__(self, optimizer, w, dtype="float64"):
        self.optimizer, self.step = optimizer, 0
        self.parameter = Parameter("w", (len(w),))
        optimizer.bind(allocate([self.parameter], np.dtype(dtype)))
        optimizer.plan([self.parameter.span])
        self.parameter.value = w

    @property
    def w(self):
        return self.parameter.value

    def update(self, gradient):
        self.parameter.grad = gradient
        self.optimizer.update(self.step)
        self.step += 1


# ── textbook formulas: from the gradients of all steps to the weights after the last ──────────────────────────────────
def sgd(w, gradients, lr=0.01):
    for g in gradients:
        w = w - lr * g
    return w


def momentum(w, gradients, lr=0.01, beta=0.9):
    m = 0
    for g in gradients:
        m = beta * m - lr * g
        w = w + m
    return w


def nesterov(w, gradients, lr=0.01, beta=0.9):
    m = 0
    for g in gradients:
        m = beta * m - lr * g
        w = w + beta * m - lr * g
    return w


def adagrad(w, gradients, lr=0.01):
    s = 0.1
    for g in gradients:
        s = s + g**2
        w = w - lr * g / np.sqrt(s + 1e-7)
    return w


def rmsprop(w, gradients, lr=0.001, rho=0.9, beta=0.0, centered=False):
    s = mean = m = 0
    for g in gradients:
        s = rho * s + (1 - rho) * g**2
        mean = rho * mean + (1 - rho) * g
        m = beta * m + lr * g / np.sqrt(s - centered * mean**2 + 1e-7)
        w = w - m
    return w


def adadelta(w, gradients, rho=0.95, eps=1e-7):
    s = d = 0
    for g in gradients:
        s = rho * s + (1 - rho) * g**2
        delta = np.sqrt(d + eps) / np.sqrt(s + eps) * g
        d = rho * d + (1 - rho) * delta**2
        w = w - delta
    return w


def adam(w, gradients, lr=0.001, b1=0.9, b2=0.999, eps=1e-8, decay=0.0, amsgrad=False):
    m = v = largest = 0
    for t, g in enumerate(gradients, start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        largest = np.maximum(largest, v) if amsgrad else v
        w = w - lr * decay * w - lr * (m / (1 - b1**t)) / (np.sqrt(largest / (1 - b2**t)) + eps)
    return w


def adamax(w, gradients, lr=0.001, b1=0.9, b2=0.999, eps=1e-7):
    m = u = 0
    for t, g in enumerate(gradients, start=1):
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, abs(g))
        w = w - lr / (1 - b1**t) * m / (u + eps)
    return w


def nadam(w, gradients, lr=0.001, b1=0.9, b2=0.999, eps=1e-7):
    m = v = 0
    mu = [b1 * (1 - 0.5 * 0.96**t) for t in range(len(gradients) + 2)]
    for t, g in enumerate(gradients, start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        so_far = math.prod(mu[1 : t + 1])
        corrected = mu[t + 1] * m / (1 - so_far * mu[t + 1]) + (1 - mu[t]) * g / (1 - so_far)
        w = w - lr * corrected / (np.sqrt(v / (1 - b2**t)) + eps)
    return w


CASES = {
    "sgd": (SGD, {}, sgd, {}),
    "momentum": (Momentum, {}, momentum, {}),
    "nesterov": (Nesterov, {}, nesterov, {}),
    "adagrad": (AdaGrad, {}, adagrad, {}),
    "rmsprop": (RMSProp, {}, rmsprop, {}),
    "rmsprop_momentum": (RMSProp, {"momentum": 0.8}, rmsprop, {"beta": 0.8}),
    "rmsprop_centered": (RMSProp, {"centered": True}, rmsprop, {"centered": True}),
    "rmsprop_both": (RMSProp, {"momentum": 0.8, "centered": True}, rmsprop, {"beta": 0.8, "centered": True}),
    "adadelta": (AdaDelta, {}, adadelta, {}),
    "adam": (Adam, {}, adam, {}),
    "amsgrad": (Adam, {"amsgrad": True}, adam, {"amsgrad": True}),
    "adamw": (AdamW, {"weight_decay": 0.1}, adam, {"decay": 0.1}),
    "adamw_amsgrad": (AdamW, {"weight_decay": 0.1, "amsgrad": True}, adam, {"decay": 0.1, "amsgrad": True}),
    "adamax": (AdaMax, {}, adamax, {}),
    "nadam": (Nadam, {}, nadam, {}),
}


def make(name, **more):
    kind, arguments, _, _ = CASES[name]
    return kind(**{**arguments, **more})


def textbook(name, w, gradients):
    _, _, formula, arguments = CASES[name]
    return formula(w, gradients, **arguments)


@pytest.mark.parametrize("name", CASES)
def test_forty_steps_follow_the_textbook(name, rng):
    w = rng.normal(size=12)
    gradients = rng.normal(size=(40, 12)) * 10.0 ** rng.integers(-3, 3, size=12)
    bench = Bench(make(name), w)
    for g in gradients:
        bench.update(g)
    np.testing.assert_allclose(bench.w, textbook(name, w, gradients), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("g", [1e-6, 0.03, 5.0, -5.0, 1e4])
@pytest.mark.parametrize(
    ("optimizer", "first"),
    [
        (Adam(0.1), lambda g: 0.1 * g / (abs(g) + 1e-8)),    # m̂ = g and v̂ = g²: ±η whatever the gradient's size
        (AdaMax(0.1), lambda g: 0.1 * g / (abs(g) + 1e-7)),
        (RMSProp(0.1), lambda g: 0.1 * g / math.sqrt(0.1 * g * g + 1e-7)),
        (AdaGrad(0.1), lambda g: 0.1 * g / math.sqrt(0.1 + g * g + 1e-7)),
        (AdaDelta(), lambda g: g * math.sqrt(1e-7) / math.sqrt(0.05 * g * g + 1e-7)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Optimizer) else "",
)
def test_the_first_step_has_its_closed_form(optimizer, first, g):
    bench = Bench(copy.deepcopy(optimizer), [0.0])
    bench.update([g])
    assert bench.w[0] == pytest.approx(-first(g), rel=1e-12)


def test_the_first_step_of_adam_is_as_long_as_the_learning_rate():
    bench = Bench(Adam(0.1), np.zeros(5))
    bench.update([1e-2, -1e-2, 1.0, 1e5, -1e20])
    np.testing.assert_allclose(bench.w, [-0.1, 0.1, -0.1, -0.1, 0.1], rtol=2e-6)


# ── Nesterov and momentum: one algorithm, several forms ───────────────────────────────────────────────────────────────
def slope(theta):
    """∇J of J(θ) = Σ log cosh(cθ) + ¼θ⁴ + ½ sin(3θ₀)θ₁: curved, coupled, not quadratic."""
    c = np.array([3.0, 1.0, 0.2, 10.0])
    g = c * np.tanh(c * theta) + theta**3
    g[0] += 1.5 * math.cos(3 * theta[0]) * theta[1]
    g[1] += 0.5 * math.sin(3 * theta[0])
    return g


START = np.array([0.9, -0.7, 2.0, 0.3])
RATES = {"constant": 0.01, "cosine": CosineDecay(0.02, 60), "steps": PiecewiseConstant([15, 30], [0.02, 0.002, 0.03])}
MOMENTA = {"constant": 0.9, "one_cycle": OneCycle(0.85, 50, start=0.95, final=0.95), "growing": CosineDecay(0.5, 40, alpha=0.2),
           "none": 0.0}


def at(rate, step):
    return rate(step) if callable(rate) else rate


@pytest.mark.parametrize("beta", MOMENTA.values(), ids=MOMENTA)
@pytest.mark.parametrize("lr", RATES.values(), ids=RATES)
def test_nesterov_is_the_seeds_look_ahead_form_seen_from_the_point_ahead(lr, beta):
    bench = Bench(Nesterov(lr, momentum=beta), START)
    theta, m = START.copy(), np.zeros(4)
    for t in range(50):
        bench.update(slope(bench.w.copy()))                  # the gradient at the weights that are stored
        m = at(beta, t) * m - at(lr, t) * slope(theta + at(beta, t) * m)      # m ← βm − η∇J(θ + βm)
        theta = theta + m                                                     # θ ← θ + m
        ahead = theta + at(beta, t + 1) * m
        np.testing.assert_allclose(bench.w, ahead, rtol=0, atol=1e-12)
        np.testing.assert_allclose(bench.w - at(beta, t + 1) * bench.optimizer.slots["m"], theta, rtol=0, atol=1e-12)
    assert np.abs(theta - START).max() > 0.1                 # it went somewhere


def tensorflow_1(w, lr, beta, steps, nesterov=False):
    """The learning rate outside the accumulator: a ← βa + g, w ← w − ηa (or w − ηg − ηβa)."""
    a = 0
    for t in range(steps):
        g = slope(w)
        a = beta * a + g
        w = w - at(lr, t) * (g + beta * a if nesterov else a)
    return w


@pytest.mark.parametrize(("kind", "ahead"), [(Momentum, False), (Nesterov, True)])
def test_momentum_with_the_rate_inside_equals_tensorflow_1_under_a_constant_rate_and_no_other(kind, ahead):
    def ours(lr):
        bench = Bench(kind(lr, momentum=0.9), START)
        for _ in range(50):
            bench.update(slope(bench.w.copy()))
        return bench.w

    np.testing.assert_allclose(ours(0.01), tensorflow_1(START, 0.01, 0.9, 50, ahead), rtol=0, atol=1e-12)
    decay = ExponentialDecay(0.01, 10, 0.5)
    assert np.abs(ours(decay) - tensorflow_1(START, decay, 0.9, 50, ahead)).max() > 1e-3


def test_when_the_rate_falls_to_zero_the_velocity_rolls_on_as_the_seeds_print_it():
    bench = Bench(Momentum(PiecewiseConstant([0], [0.1, 0.0]), momentum=0.5), [0.0])
    path = []
    for _ in range(4):
        bench.update([1.0])
        path.append(bench.w[0])
    np.testing.assert_allclose(path, [-0.1, -0.15, -0.175, -0.1875], rtol=1e-15)     # TensorFlow 1 would be at −0.1


def test_without_momentum_both_kinds_are_plain_descent(rng):
    gradients = rng.normal(size=(20, 4))
    benches = [Bench(kind, START) for kind in (SGD(0.1), Momentum(0.1, momentum=0.0), Nesterov(0.1, momentum=0.0))]
    for g in gradients:
        for bench in benches:
            bench.update(g)
    for bench in benches[1:]:
        np.testing.assert_allclose(bench.w, benches[0].w, rtol=1e-14)


# ── claims about single rules ─────────────────────────────────────────────────────────────────────────────────────────
def test_amsgrad_never_divides_by_a_smaller_mean_square_than_before(rng):
    bench = Bench(Adam(0.1, beta_2=0.5, amsgrad=True), np.zeros(6))
    last = np.zeros(6)
    for step in range(60):
        g = rng.normal(size=6) * (100 if step == 5 else 1)   # one outlier
        bench.update(g)
        slots = bench.optimizer.slots
        assert np.all(slots["largest_v"] >= last)
        np.testing.assert_array_equal(slots["largest_v"], np.maximum(last, slots["v"]))
        last = slots["largest_v"].copy()
    assert np.all(slots["largest_v"] > 10 * slots["v"])      # the outlier is remembered, v has forgotten it


def test_the_centered_variance_is_held_at_zero_where_rounding_pushes_it_below(rng):
    g = rng.uniform(0.1, 10, size=200).astype(np.float32)
    bench = Bench(RMSProp(0.001, centered=True, epsilon=1e-12), np.zeros(200), "float32")
    below = 0
    for _ in range(400):                                     # a constant gradient: its variance goes to 0
        bench.update(g)
        below += np.count_nonzero(bench.optimizer.slots["s"] - bench.optimizer.slots["mean"] ** 2 < -1e-12)
        assert np.all(np.isfinite(bench.w))
    assert below > 0                                         # it did happen


def test_the_decay_of_adamw_shrinks_weights_that_have_no_gradient():
    bench = Bench(AdamW(0.1, weight_decay=0.2), [1.0, -3.0])
    for _ in range(10):
        bench.update([0.0, 0.0])
    np.testing.assert_allclose(bench.w, [0.98**10, -3 * 0.98**10], rtol=1e-14)


def test_the_decay_of_adamw_follows_the_schedule_and_stays_out_of_the_moments(rng):
    lr = ExponentialDecay(0.1, 5, 0.5)
    decayed, plain = Bench(AdamW(lr, weight_decay=0.3), START), Bench(Adam(lr), START)
    for t, g in enumerate(rng.normal(size=(20, 4))):
        before, plain_before = decayed.w.copy(), plain.w.copy()
        decayed.update(g)
        plain.update(g)
        step = plain.w - plain_before                        # the same gradients, so the same step of Adam
        np.testing.assert_allclose(decayed.w, before * (1 - lr(t) * 0.3) + step, rtol=1e-12)
        assert decayed.optimizer.slots["v"].tobytes() == plain.optimizer.slots["v"].tobytes()


def test_adamw_without_decay_is_adam(rng):
    a, b = Bench(AdamW(0.1, weight_decay=0.0), START), Bench(Adam(0.1), START)
    for g in rng.normal(size=(10, 4)):
        a.update(g)
        b.update(g)
    assert a.w.tobytes() == b.w.tobytes()


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_that_an_event_names_is_the_one_that_runs(name):
    called = set()
    bench = Bench(make(name), np.ones(3))
    sys.setprofile(lambda frame, event, argument: called.add(frame.f_code))
    try:
        bench.update(np.ones(3))
    finally:
        sys.setprofile(None)
    assert bench.optimizer.kernel.__code__ in called


@pytest.mark.parametrize("name", CASES)
def test_a_learning_rate_of_zero_leaves_the_weights(name, rng):
    w = rng.normal(size=9)
    bench = Bench(make(name, learning_rate=0.0), w)
    for g in rng.normal(size=(5, 9)):
        bench.update(g)
    np.testing.assert_array_equal(bench.w, w)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("adamw")])
def test_a_weight_that_never_has_a_gradient_never_moves(name):
    bench = Bench(make(name), [1.5, -2.5])
    for _ in range(20):
        bench.update([0.0, 1.0])
    assert bench.w[0] == 1.5
    assert bench.w[1] < -2.5


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_left_as_it_was(name, rng):
    bench, g = Bench(make(name), START), rng.normal(size=4)
    bench.update(g)
    np.testing.assert_array_equal(bench.parameter.grad, g)


def test_gradient_descent_is_two_lines_of_numpy(rng):
    x, y = rng.normal(size=(16, 5)), rng.normal(size=(16, 2))
    model = nd.Sequential([nd.Dense(2, name="d")], input_size=5, seed=0, dtype="float64")
    w, b = model.layer("d").kernel.value.copy(), model.layer("d").bias.value.copy()
    trainer = nd.Trainer(model, "mean_squared_error", SGD(0.1))
    for _ in range(30):
        trainer.step(x, y)
        e = (x @ w + b - y) * 2 * (1 / 32)
        w, b = w - 0.1 * (x.T @ e), b - 0.1 * e.sum(axis=0)
    assert model.layer("d").kernel.value.tobytes() == w.tobytes()
    assert model.layer("d").bias.value.tobytes() == b.tobytes()


# ── memory: chunks, frozen layers, slots ──────────────────────────────────────────────────────────────────────────────
def deep(dtype="float64"):
    """90,300 + 90,300 + 3,010 parameters: more than one chunk below and in the middle."""
    layers = [nd.Dense(300, name="low"), nd.Dense(300, name="middle"), nd.Dense(10, name="top")]
    return nd.Sequential(layers, input_size=300, seed=0, dtype=dtype)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("frozen", ["", "middle/", "low/|top/bias"])
def test_in_chunks_the_very_same_bits_come_out_as_at_one_go(name, frozen, rng, monkeypatch):
    def trained(whole):
        model, optimizer = deep("float32"), make(name)
        if frozen:
            model.freeze(frozen)
        with monkeypatch.context() as patch:
            if whole:
                patch.setattr(optimizers_base, "chunks", list)
                model.arena.scratch = np.empty_like(model.arena.values)
            optimizer.bind(model.arena)
            optimizer.plan(nd.parameters.trainable_spans(model.parameters))
        for step in range(3):
            model.arena.grads[:] = gradients[step]           # frozen places hold nonsense: nobody may look at them
            optimizer.update(step)
        return model, optimizer

    gradients = rng.normal(size=(3, deep().arena.grads.size)).astype(np.float32)
    (model, optimizer), (reference, whole) = trained(False), trained(True)
    assert len(optimizer.pieces) > len(whole.pieces)
    assert model.arena.values.tobytes() == reference.arena.values.tobytes()
    for slot, same in zip(optimizer.slots.values(), whole.slots.values(), strict=True):
        assert slot.tobytes() == same.tobytes()
    untouched = deep("float32")
    for parameter, before in zip(model.parameters, untouched.parameters, strict=True):
        assert np.array_equal(parameter.value, before.value) == (not parameter.trainable), parameter.name


@pytest.mark.parametrize("name", ["momentum", "rmsprop_both", "adadelta", "adam", "nadam"])
def test_training_with_a_frozen_middle_follows_the_textbook_and_leaves_the_middle(name, rng):
    model = deep()
    model.freeze("middle/")
    start = {p.name: p.value.copy() for p in model.parameters}
    trainer = nd.Trainer(model, "softmax_cross_entropy", make(name))
    gradients = {p.name: [] for p in model.trainable_variables()}
    for _ in range(4):
        trainer.step(rng.normal(size=(8, 300)), rng.integers(0, 10, size=8))
        for p in model.trainable_variables():
            gradients[p.name].append(p.grad.copy())
    for p in model.parameters:
        expected = textbook(name, start[p.name], gradients[p.name]) if p.trainable else start[p.name]
        np.testing.assert_allclose(p.value, expected, rtol=0, atol=1e-12 if p.trainable else 0)


@pytest.mark.parametrize("name", CASES)
def test_slots_lie_like_the_gradients_and_slot_shows_one_parameters_part(name, rng):
    model, optimizer = deep(), make(name)
    trainer = nd.Trainer(model, "softmax_cross_entropy", optimizer)
    trainer.step(rng.normal(size=(4, 300)), [0, 1, 2, 3])
    assert list(optimizer.slots) == list(optimizer.slot_names)
    for slot, whole in optimizer.slots.items():
        assert (whole.shape, whole.dtype) == (model.arena.grads.shape, model.arena.grads.dtype)
        parts = [optimizer.slot(slot, p) for p in model.parameters]
        assert [part.shape for part in parts] == [p.shape for p in model.parameters]
        np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts]), whole)
        assert all(np.shares_memory(part, whole) for part in parts)


def test_after_one_step_the_slots_hold_what_the_formulas_say(rng):
    model, optimizer = deep(), Adam()
    trainer = nd.Trainer(model, "softmax_cross_entropy", optimizer)
    trainer.step(rng.normal(size=(4, 300)), [0, 1, 2, 3])
    for p in model.parameters:
        np.testing.assert_allclose(optimizer.slot("m", p), 0.1 * p.grad, rtol=1e-12)
        np.testing.assert_allclose(optimizer.slot("v", p), 0.001 * p.grad**2, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "labels"),
    [("momentum", ["Momentum"]), ("nesterov", ["Momentum"]), ("adagrad", ["Adagrad"]), ("adam", ["Adam", "Adam_1"]),
     ("rmsprop_momentum", ["RMSProp", "RMSProp_1"]), ("adadelta", ["Adadelta", "Adadelta_1"]), ("sgd", [])],
)
def test_slots_are_labelled_as_in_the_seeds_list_of_variables(name, labels):
    optimizer = make(name)
    assert [f"hidden1/kernel/{optimizer.label(slot)}" for slot in optimizer.slot_names] == [
        f"hidden1/kernel/{label}" for label in labels
    ]


@pytest.mark.parametrize("name", CASES)
def test_an_optimizer_serves_one_trainer(name):
    optimizer, model = make(name), deep()
    nd.Trainer(model, "softmax_cross_entropy", optimizer)
    for other in (model, deep()):             # on the same model, too, it would count its steps again over old memory
        with pytest.raises(ValueError, match=f"this {type(optimizer).__name__} already serves a Trainer.*; make a new one"):
            nd.Trainer(other, "softmax_cross_entropy", optimizer)


@pytest.mark.parametrize("name", CASES)
def test_a_copy_goes_on_with_the_same_memory(name, rng):
    bench = Bench(make(name), START)
    gradients = rng.normal(size=(6, 4))
    for g in gradients[:3]:
        bench.update(g)
    twin = copy.deepcopy(bench)
    twin.optimizer.plan([twin.parameter.span])               # as the trainer does for a copy
    for g in gradients[3:]:
        bench.update(g)
        twin.update(g)
    assert twin.w.tobytes() == bench.w.tobytes()
    assert not np.shares_memory(twin.w, bench.w)


# ── denormal numbers ──────────────────────────────────────────────────────────────────────────────────────────────────
FADING = {
    **{f"momentum_{beta}": Momentum(0.01, momentum=beta) for beta in (0.1, 0.5, 0.9, 0.99, 0.999)},
    "momentum_scheduled": Momentum(0.01, momentum=OneCycle(0.85, 2000, start=0.95, final=0.95)),
    "nesterov_0.5": Nesterov(0.01, momentum=0.5),
    "nesterov_0.9": Nesterov(0.01),
    **{f"rmsprop_{rho}_{eps}": RMSProp(rho=rho, epsilon=eps) for rho in (0.5, 0.9, 0.99) for eps in (1e-7, 1e-15)},
    **{f"rmsprop_{rho}_1e-25": RMSProp(rho=rho, epsilon=1e-25) for rho in (0.0, 0.5, 0.9)},
    "rmsprop_both": RMSProp(rho=0.5, momentum=0.5, centered=True, epsilon=1e-15),
    "rmsprop_scheduled": RMSProp(momentum=OneCycle(0.85, 2000, start=0.95, final=0.95), centered=True),
    "adadelta": AdaDelta(),
    "adadelta_0.5_1e-15": AdaDelta(rho=0.5, epsilon=1e-15),
    **{f"adadelta_{rho}_1e-25": AdaDelta(rho=rho, epsilon=1e-25) for rho in (0.0, 0.5, 0.95)},
    **{f"adam_{b1}_{b2}_{eps}": Adam(beta_1=b1, beta_2=b2, epsilon=eps)
       for b1, b2 in ((0.9, 0.999), (0.5, 0.5), (0.5, 0.999), (0.0, 0.9)) for eps in (1e-8, 1e-15)},
    "amsgrad": Adam(beta_1=0.5, beta_2=0.5, amsgrad=True),
    "adamw": AdamW(beta_1=0.5, beta_2=0.9, epsilon=1e-15),
    "adamax": AdaMax(),
    "adamax_0.5_1e-15": AdaMax(beta_1=0.5, beta_2=0.5, epsilon=1e-15),
    "nadam": Nadam(),
    "nadam_0.5_1e-15": Nadam(beta_1=0.5, beta_2=0.5, epsilon=1e-15),
}
TINY = float(np.finfo(np.float32).tiny)


def fading_gradients(steps, width=8):
    """Gradients of very different sizes that are switched off, in one weight after another, and for the last one never."""
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(steps, width)) * 10.0 ** np.linspace(-4, 1, width)
    for column in range(width - 1):
        gradients[1 + 97 * column :, column] = 0
    return gradients


@pytest.mark.parametrize("name", FADING)
def test_no_slot_ever_holds_a_denormal_number_when_gradients_become_zero(name):
    bench = Bench(copy.deepcopy(FADING[name]), np.ones(8), "float32")
    for g in fading_gradients(3000):
        bench.update(g)
        for slot, values in bench.optimizer.slots.items():
            size = np.abs(values)
            assert not np.any((size > 0) & (size < TINY)), (slot, bench.step)
    for slot, (beta, _) in bench.optimizer.decaying_slots().items():
        if beta <= 0.9:
            np.testing.assert_array_equal(bench.optimizer.slots[slot][:-1], 0)     # gone, not merely small


def test_without_the_flush_there_would_be_denormal_numbers():
    bench = Bench(Momentum(0.01), np.ones(8), "float32")
    vars(bench.optimizer)["flush_every"] = 10**9
    for g in fading_gradients(1000):
        bench.update(g)
    size = np.abs(bench.optimizer.slots["m"])
    assert np.any((size > 0) & (size < TINY))


@pytest.mark.parametrize("name", FADING)
def test_flushing_moves_no_weight_by_more_than_a_billionth(name):
    """Both runs in float64, one of them with the thresholds and intervals of float32; gradients come back at the end."""
    gradients = fading_gradients(2000)
    gradients[1500:1600] = gradients[:100, ::-1]
    thresholds = Bench(copy.deepcopy(FADING[name]), np.ones(8), "float32").optimizer
    flushed, free = (Bench(copy.deepcopy(FADING[name]), np.ones(8)) for _ in range(2))
    flushed.optimizer.decaying_slots = thresholds.decaying_slots
    vars(flushed.optimizer)["flush_every"] = thresholds.flush_every
    vars(free.optimizer)["flush_every"] = 10**9
    for g in gradients:
        flushed.update(g)
        free.update(g)
    np.testing.assert_allclose(flushed.w, free.w, rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", [n for n, optimizer in FADING.items() if not callable(getattr(optimizer, "momentum", 0))])
def test_a_flush_comes_before_the_slowest_slot_can_reach_the_denormals(name):
    optimizer = Bench(copy.deepcopy(FADING[name]), np.ones(8), "float32").optimizer
    assert 1 <= optimizer.flush_every <= 256
    for beta, threshold in optimizer.decaying_slots().values():
        assert threshold * beta**optimizer.flush_every >= TINY or beta == 0


@pytest.mark.parametrize("name", nd.optimizers.KNOWN)
def test_with_the_usual_arguments_searches_are_as_rare_as_they_may_be(name):
    options = [{}, {"momentum": 0.9, "centered": True}] if name == "rmsprop" else [{}]
    for given in options:
        assert Bench(nd.optimizers.KNOWN[name](**given), np.ones(8), "float32").optimizer.flush_every == 256


@pytest.mark.parametrize("kind", [Momentum, Nesterov, RMSProp])
def test_under_a_scheduled_momentum_a_velocity_has_room_to_shrink_tenfold_a_step_between_two_searches(kind):
    optimizer = Bench(kind(momentum=OneCycle(0.85, 2000)), np.ones(8), "float32").optimizer
    shrinks, threshold = optimizer.decaying_slots()["m"]
    assert shrinks == pytest.approx(0.1)
    assert threshold * 0.1**optimizer.flush_every >= TINY > threshold * 0.1 ** (optimizer.flush_every + 1)


# ── names and errors ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", nd.optimizers.KNOWN)
def test_every_optimizer_goes_by_its_name(name):
    assert type(nd.optimizers.get(name)).__name__.lower() == name
    assert repr(nd.optimizers.get(name)).startswith(f"{type(nd.optimizers.get(name)).__name__}(learning_rate=")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nd.optimizers.get("adm"), ValueError, "unknown optimizer 'adm'; did you mean 'adam'"),
        (lambda: nd.optimizers.get("nag"), ValueError, "did you mean 'nesterov'"),
        (lambda: nd.optimizers.get(Adam), TypeError, r"got the class Adam itself \(write Adam\(\.\.\.\) to make one\)"),
        (lambda: nd.optimizers.get(0.1), TypeError, r"must be a name or an object of nd\.optimizers, got 0\.1"),
        (lambda: SGD(-0.1), ValueError, r"SGD: learning_rate must be a number of at least 0, got -0\.1"),
        (lambda: SGD(math.nan), ValueError, "SGD: learning_rate must be a number of at least 0, got nan"),
        (lambda: Adam(True), TypeError, "Adam: learning_rate must be a number of at least 0, got True"),
        (lambda: Adam(beta_1=1.0), ValueError, r"Adam: beta_1 must be a number of at least 0 and below 1, got 1\.0"),
        (lambda: AdamW(beta_2=-0.1), ValueError, "AdamW: beta_2 must be"),
        (lambda: AdamW(weight_decay=-1), ValueError, "AdamW: weight_decay must be a number of at least 0, got -1"),
        (lambda: RMSProp(rho=1), ValueError, "RMSProp: rho must be a number of at least 0 and below 1, got 1"),
        (lambda: RMSProp(centered=1), TypeError, "RMSProp: centered must be True or False, got 1"),
        (lambda: AdaGrad(initial_accumulator_value=-1), ValueError, "initial_accumulator_value must be"),
        (lambda: AdaDelta(epsilon=-1), ValueError, "AdaDelta: epsilon must be"),
        (lambda: Momentum(momentum=2), ValueError, "Momentum: momentum must be a number of at least 0 and below 1, got 2"),
    ],
)
def test_senseless_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_own_optimizer_needs_its_rule():
    with pytest.raises(NotImplementedError, match="Empty must define update_piece"):
        Bench(type("Empty", (Optimizer,), {})(0.1), [1.0]).update([1.0])


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_update_by_hand_says_what_is_missing():
    with pytest.raises(ValueError, match=r"^Adam: it knows no model: make a trainer, nd\.Trainer\(model, loss, optimizer\)"):
        nd.optimizers.Adam().update(0)
    x, y = np.eye(3), np.array([0, 1, 0])
    by_hand, stepped = (
        nd.Trainer(nd.Sequential([nd.Dense(2)], 3, seed=0), "softmax_cross_entropy", nd.optimizers.Adam()) for _ in range(2)
    )
    by_hand = copy.deepcopy(by_hand)          # a copy has not planned yet
    with pytest.raises(ValueError, match=r"^Adam: .* call trainer\.prepare\(len\(x\)\) once, as step and fit do"):
        by_hand.optimizer.update(0)
    by_hand.prepare(len(x))                   # the cure
    outputs = by_hand.model.forward(x, training=True)
    by_hand.loss.forward(outputs, y)
    by_hand.model.backward(by_hand.loss.backward())
    by_hand.optimizer.update(0)
    stepped.step(x, y)
    assert np.array_equal(by_hand.model.arena.values, stepped.model.arena.values)


# ── hyperparameters over the whole range of floats ────────────────────────────────────────────────────────────────────
EXTREMES = [0.0, 5e-324, 1e-310, 1e-200, 1e-38, 1e-9, 0.01, 0.05, 0.5, 0.999999, 1 - 1e-16, 1.0, 2.0, 1e20, 1e39, 1e200, 1e308]
HYPERPARAMETERS = [
    pytest.param(kind, argument, id=f"{name} {argument}")
    for name, kind in nd.optimizers.KNOWN.items()
    for argument, about in inspect.signature(kind).parameters.items()
    if isinstance(about.default, float)
]


@pytest.mark.parametrize(("kind", "argument"), HYPERPARAMETERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_is_refused_by_name_or_makes_steps(kind, argument, dtype):
    refused = {}
    for value in EXTREMES:
        model = nd.Sequential([nd.Dense(2)], 3, seed=0, dtype=dtype)
        try:
            trainer = nd.Trainer(model, "mean_squared_error", kind(**{argument: value}))
        except ValueError as error:
            refused[value] = str(error)
        else:
            assert np.isfinite(trainer.step(np.ones((4, 3)), np.zeros((4, 2))))
            trainer.step(np.ones((4, 3)), np.zeros((4, 2)))
    assert all(argument in message for message in refused.values())
    assert len(refused) < len(EXTREMES) - 2


def test_a_class_that_computes_something_else_has_lost_its_rule_unless_it_says_another():
    class Silent(Adam):
        def update_piece(self, step, w, g, *rest):
            w -= self.eta * g

    class Spoken(Silent):
        rule = (("w", "w - 2*learning_rate*g"),)

    class Same(Adam):
        slot_label = "Same"

    class Called(Adam):
        formula = "by another name"
        rule = Spoken.rule

    assert (Silent.rule, Silent(amsgrad=True).rule) == ((), ())
    assert (Same.rule, Same.formula) == (Adam.rule, Adam.formula)
    assert str(Spoken.formula) == "w ← w − 2·η·g"
    assert Called.formula == "by another name"
    assert Same(amsgrad=True).rule != Adam.rule != AdamW.rule
    assert "max(" in str(Adam(amsgrad=True).rule)


@pytest.mark.parametrize(
    "rule",
    [
        "w - g", 3, ("w", "w - g"), (("w", "w - g", "more"),), (("w",),), ((3, "g"), ("w", "w")), (("m", "g"), 3, ("w", "w")),
        (("w", "w - g"), ("m", "g")), (("m", "g"), ("w", "w - g"), ("m", "0")), (["w"],), ("wg",),
    ],
)  # fmt: skip
def test_a_rule_is_pairs_of_which_the_last_moves_the_weights(rule):
    with pytest.raises(ValueError, match=r"Mine: rule must be pairs of a name and an expression, the last of them w"):
        type("Mine", (Optimizer,), {"rule": rule})


@pytest.mark.parametrize("formula", ["w -", "w - open(g)", 3, None])
def test_every_expression_of_a_rule_is_looked_at_when_the_class_is_made(formula):
    for rule in ((("w", formula),), (("m", formula), ("w", "w - m"))):
        with pytest.raises((ValueError, TypeError), match="Mine: rule of"):
            type("Mine", (Optimizer,), {"rule": rule})


def test_a_rule_is_said_in_text_and_in_latex():
    class Mine(Optimizer):
        rule = (("m", "0.5*m + g"), ("step", "learning_rate*m"), ("w", "w - step"))

    assert str(Mine.formula) == "m ← 0.5·m + g, w ← w − η·m"
    assert Mine.formula.latex == r"m \leftarrow 0.5 \cdot m + g,\ w \leftarrow w - \eta \cdot m"


@pytest.mark.parametrize("kind", [Momentum, Nesterov, RMSProp])
def test_one_schedule_of_two_is_looked_at_before_anything_changes(kind):
    class Broken(nd.schedules.Schedule):
        def __call__(self, step):
            return 0.5 if step < 3 else -1.0

    for optimizer in (kind(0.1, momentum=Broken()), kind(Broken(), momentum=0.5)):
        assert optimizer.has_schedules()
        bench = Bench(optimizer, np.ones(2))
        for _ in range(2):
            bench.optimizer.check_schedules(bench.step)
            bench.update(np.ones(2))
        with pytest.raises(ValueError, match="must give a number of at least 0 at every step, but at step 3 it gave -1"):
            optimizer.check_schedules(3)
    assert not kind(0.1, momentum=0.5).has_schedules()


# ── what a custom optimizer must be like, said when a Trainer is made ─────────────────────────────────────────────────
def custom(**members):
    """A class of optimizers with these members."""
    return type("Mine", (Optimizer,), {"update_piece": lambda self, step, w, g, *rest: None, **members})


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ({"__init__": lambda self: None}, TypeError, r"__init__ of Mine must begin with super\(\).__init__\(learning_rate\)"),
        ({"flush": 3}, TypeError, "Mine: its attribute 'flush' takes the place of npdeep's flush"),
        *(
            ({"slot_names": names}, ValueError, r"Mine: slot_names must be a tuple of names such as \('m',\), each different")
            for names in ("m", ("m", "m"), ("w",), ["m", "g"], 3, None)
        ),
        ({"update_piece": lambda self, w, g: None}, TypeError, r"update_piece\(w, g\) is called with \(step, w, g, t\)"),
        (
            {"update_piece": lambda self, step, w, g, t: None, "slot_names": ("m",)},
            TypeError,
            r"update_piece\(step, w, g, t\) is called with \(step, w, g, m, t\)",
        ),
        (
            {"update_piece": lambda self, step, w, g, t: None, "second_scratch": True},
            TypeError,
            r"update_piece\(step, w, g, t\) is called with \(step, w, g, t, u\)",
        ),
        (
            {"slot_names": ("m", "v"), "initial_slot": lambda self, name: 1e39 if name == "v" else 0.0},
            ValueError,
            r"Mine: initial_slot must be at most 3\.4e\+38 in float32, got 1e\+39",
        ),
        (
            {"slot_names": ("m", "v"), "initial_slot": lambda self, name: float(name == "v"), "epsilon": 1e-50},
            ValueError,
            r"Mine: epsilon=1e-50 is as good as 0 in float32",
        ),
    ],
)
def test_a_custom_optimizer_that_cannot_work_is_refused_when_it_is_bound(members, error, message):
    with pytest.raises(error, match=message):
        Bench(custom(**members)(), np.ones(2), "float32")


def test_slots_may_begin_with_the_largest_number_and_those_that_begin_above_0_need_no_epsilon():
    largest = float(np.finfo(np.float32).max)
    for members in ({}, {"epsilon": 1e-50}):
        mine = custom(slot_names=("m",), initial_slot=lambda self, name: largest, **members)
        assert Bench(mine(), np.ones(2), "float32").optimizer.slots["m"].tolist() == [np.float32(largest)] * 2



def test_searches_come_every_so_many_steps(monkeypatch):
    bench, found = Bench(Momentum(0.1), np.ones(2), "float32"), []
    vars(bench.optimizer)["flush_every"] = 3
    monkeypatch.setattr(type(bench.optimizer), "flush", lambda self: found.append(bench.step))
    for _ in range(9):
        bench.update(np.ones(2))
    assert found == [2, 5, 8]


def test_an_epsilon_that_is_lost_is_refused_where_it_is_set_too():
    optimizer = Adam()
    optimizer.epsilon = 1e-50                 # nobody knows the precision yet
    optimizer.epsilon = 1e-8
    bench = Bench(optimizer, np.ones(2), "float32")
    with pytest.raises(ValueError, match=r"Adam: epsilon=1e-50 is as good as 0 in float32"):
        bench.optimizer.epsilon = 1e-50
    bench.optimizer.epsilon = 1e-7


def test_schedules_are_looked_at_where_there_are_some():
    for rate, scheduled in ((0.1, False), (ExponentialDecay(0.1, 10, 0.5), True)):
        bench = Bench(SGD(rate), np.ones(2))
        assert bench.optimizer.scheduled is scheduled
        bench.optimizer.learning_rate = 0.5
        assert bench.optimizer.scheduled is False


# ── the first update of a custom optimizer ────────────────────────────────────────────────────────────────────────────
def first_update(update, w=(1.0, 2.0), g=(1.0, 1.0), rate=0.1, spans=None, **members):
    """A bench whose custom optimizer has made, or has failed in, its first update."""
    bench = Bench(custom(update_piece=update, **members)(rate), np.array(w), "float32")
    if spans:
        bench.optimizer.plan(spans)
    bench.optimizer.arena.scratch.fill(0)
    bench.update(np.array(g))
    return bench


def does_nothing(self, step, w, g, t):
    """Forgets to write in place."""
    w = w - self.eta * g


def test_an_update_that_changes_nothing_though_it_should_is_named():
    for given in ({}, {"w": (0.0, 0.0)}, {"g": (0.0, 1.0)}, {"g": (0.0, 1.0), "spans": [slice(0, 1), slice(1, 2)]}):
        with pytest.raises(ValueError, match="Mine: update_piece changed no weight; change w in place"):
            first_update(does_nothing, **given)


def test_an_update_that_has_nothing_to_change_is_proven():
    for given in ({"g": (0.0, 0.0)}, {"w": (1e30, 1e30), "g": (1e-10, 1e-10)}, {"rate": 0.0}):
        assert not first_update(does_nothing, **given).optimizer.unproven


def test_an_update_that_changes_its_slots_alone_is_proven():
    def remembers(self, step, w, g, m, t):
        m += g

    assert not first_update(remembers, slot_names=("m",)).optimizer.unproven


@pytest.mark.parametrize(
    ("mistake", "rate", "error", "message"),
    [
        (lambda self, w, g: np.nan, 0.1, ValueError, "update_piece wrote into the weights"),
        (lambda self, w, g: 1 / 0, 0.1, ZeroDivisionError, "^division by zero$"),
        (lambda self, w, g: self.learning_rate * g, ExponentialDecay(0.1, 10, 0.5), TypeError, r"self\.eta is the learning"),
        (lambda self, w, g: "a" * g, 0.1, TypeError, r"^(?!.*self\.eta)"),
        (lambda self, w, g: [][3], ExponentialDecay(0.1, 10, 0.5), IndexError, "^list index out of range$"),
    ],
)
def test_a_first_update_that_fails_leaves_everything_as_it_was(mistake, rate, error, message):
    def update(self, step, w, g, m, t):
        m += 1
        w += 1
        w += mistake(self, w, g)

    optimizer = custom(update_piece=update, slot_names=("m",))(rate)
    bench = Bench(optimizer, np.array([1.0, 2.0]), "float32")
    with pytest.raises(error, match=message):
        bench.update(np.ones(2))
    assert (bench.w.tolist(), optimizer.slots["m"].tolist()) == ([1, 2], [0, 0])
    assert optimizer.unproven


# ── factors of learning rates ─────────────────────────────────────────────────────────────────────────────────────────
def parameters(*names):
    """Two numbers each, one after the other."""
    made = [Parameter(name, (2,)) for name in names]
    allocate(made, np.dtype("float32"))
    return made


def test_neighbours_with_one_factor_are_one_span():
    of = {"a/w": 0.5, "b/w": 0.5, "c/w": 2.0, "d/w": 2.0, "e/w": 1.0, "f/w": 2.0, "g/w": 0.5}
    spans = factors.spans_of(of, parameters(*of))
    assert spans == [(slice(0, 4), 0.5), (slice(4, 8), 2.0), (slice(10, 12), 2.0), (slice(12, 14), 0.5)]
    assert factors.spans_of(of, parameters("c/w", "x/w", "b/w")[::-1]) == [(slice(0, 2), 2.0), (slice(4, 6), 0.5)]
    assert factors.spans_of({}, parameters(*of)) == []


def test_what_two_spans_share_is_more_than_nothing():
    assert list(factors.overlaps([(slice(0, 4), 0.5)], [slice(4, 6), slice(2, 4)])) == [(slice(2, 4), 0.5)]


def test_factors_are_looked_up_by_scope_in_the_precision_of_the_model():
    one = parameters("hidden/kernel")
    assert factors.by_name("Trainer", {"hidden": 0.1}, one) == {"hidden/kernel": 0.1}
    for factor in (1e-50, 1e300):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match=r"factors\['hidden'\] must be a number above 0"):
            factors.by_name("Trainer", {"hidden": factor}, one)
    with pytest.raises(ValueError, match=r"did you mean 'hidden'\?"):
        factors.by_name("Trainer", {"hiden": 0.1}, parameters("hidden/kernel", "hidden2/kernel"))
    with pytest.raises(ValueError, match=r"'hidden' and 'hidden/kernel' both select hidden/kernel, with the factors 0\.1 and"):
        factors.by_name("Trainer", {"hidden": 0.1, "hidden/kernel": 0.2}, one)


def test_the_rule_of_amsgrad_decays_weights_under_adamw_alone():
    for kind, decays in ((Adam, False), (AdamW, True)):
        for amsgrad in (False, True):
            assert ("weight_decay" in str(kind(amsgrad=amsgrad).rule)) is decays


@pytest.mark.parametrize("name", CASES)
def test_a_search_for_denormals_leaves_gradients_and_large_slots(name):
    bench = Bench(make(name), np.ones(3), "float32")
    vars(bench.optimizer)["flush_every"] = 10**9
    for _ in range(3):
        bench.update(np.array([1.0, 0.0, 2.0]))
    before = {slot: values.copy() for slot, values in bench.optimizer.slots.items()}
    bench.optimizer.flush()
    np.testing.assert_array_equal(bench.parameter.grad, [1, 0, 2])
    for slot, values in bench.optimizer.slots.items():
        np.testing.assert_array_equal(values, before[slot])


def test_the_product_of_nadam_waits_for_a_schedule_that_fails():
    class Broken(nd.schedules.Schedule):
        def __call__(self, step):
            return 0.1 if step < 2 else math.nan

    bench = Bench(Nadam(Broken()), np.ones(2))
    for _ in range(2):
        bench.update(np.ones(2))
    before = bench.optimizer.mu_product
    assert 0 < before < 1
    with pytest.raises(ValueError, match="must give a number of at least 0 at every step"):
        bench.update(np.ones(2))
    assert bench.optimizer.mu_product == before


def test_the_product_of_nadam_lies_between_0_and_1():
    optimizer = Nadam()
    for product in (0.0, 0.5, 1.0):
        optimizer.set_state({"mu_product": product})
        assert optimizer.state() == {"mu_product": product}
    for product in (-5e-324, math.nextafter(1, 2), math.nan):
        with pytest.raises(ValueError, match="Nadam: mu_product must be a number of at least 0 and of at most 1"):
            optimizer.set_state({"mu_product": product})
