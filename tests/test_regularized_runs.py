"""The regularized runs of the chapter's notebooks, a few epochs each, on the digits that come with the package."""

import copy

import numpy as np
import pytest

import npdeep as nd
from npdeep.constraints import MaxNorm
from npdeep.regularizers import L1, L1L2, L2

Dense, Activation = nd.Dense, nd.Activation


def network(*sizes, **kwargs):
    """Dense layers with ReLU between them; the keywords go to every one of them."""
    names = [*(f"hidden{i + 1}" for i in range(len(sizes) - 1)), "outputs"]
    layers = [
        layer
        for name, size in zip(names, sizes, strict=True)
        for layer in (Dense(size, name=name, **kwargs), Activation("relu", name=f"{name}_relu"))
    ]
    return nd.Sequential(layers[:-1], 784, seed=42)


def kernels(model):
    return [p.value for p in model.variables(".*kernel")]


def double(values):
    return [np.asarray(value, np.float64) for value in values]


# ── penalties: 784-300-10, plain gradient descent, rate 0.01, batches of 200 ──────────────────────────────────────────
PENALTIES = {
    "L1, as in the notebook": ({"kernel_regularizer": L1(0.001)}, lambda w, b: 0.001 * np.abs(w).sum()),
    "L2": ({"kernel_regularizer": L2(0.001)}, lambda w, b: 0.001 * np.square(w).sum()),
    "L1L2, and L2 on the biases": (
        {"kernel_regularizer": L1L2(0.0005, 0.001), "bias_regularizer": L2(0.5), "bias_initializer": "ones"},
        lambda w, b: 0.0005 * np.abs(w).sum() + 0.001 * np.square(w).sum() + 0.5 * np.square(b).sum(),
    ),
}


def trainer_of(sizes=(300, 10), optimizer=None, **kwargs):
    optimizer = optimizer or nd.optimizers.SGD(0.01)
    return nd.Trainer(network(*sizes, **kwargs), "softmax_cross_entropy", optimizer, metrics=["accuracy"])


def bare_loss(trainer, x, y):
    """The cross-entropy alone, from the outputs, in float64."""
    outputs = trainer.model.predict(x).astype(np.float64)
    outputs -= outputs.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(len(y)), y]))


def share_at_zero(model):
    """Of all weights, those that are nearer to 0 than two updates' worth of the L1 penalty's pull."""
    return float(np.mean(np.abs(np.concatenate([kernel.ravel() for kernel in kernels(model)])) < 2e-5))


@pytest.fixture(scope="module")
def runs(digits):
    """Each penalty, and none: the trainer after three epochs of 25 updates, and the shares of weights at zero after each."""
    training, test = digits
    result = {}
    for name, (arguments, _) in {"none": ({}, None), **PENALTIES}.items():
        trainer = trainer_of(**arguments)
        shares = [share_at_zero(trainer.model)]
        count = nd.callbacks.LambdaCallback(on_epoch_end=lambda t, record, s=shares: s.append(share_at_zero(t.model)))
        trainer.fit(*training, epochs=3, batch_size=200, validation_data=test, callbacks=[count], verbose=False)
        result[name] = trainer, shares
    return result


@pytest.mark.parametrize("name", PENALTIES)
def test_the_reported_loss_is_the_cross_entropy_plus_the_penalty_of_both_layers(name, runs, digits):
    trainer, _ = runs[name]
    x, y = digits[1]
    model, formula = trainer.model, PENALTIES[name][1]
    weights = zip(double(kernels(model)), double(p.value for p in model.variables(".*bias")), strict=True)
    penalty = sum(formula(w, b) for w, b in weights)
    assert trainer.penalty() == pytest.approx(penalty, rel=1e-6)
    expected = bare_loss(trainer, x, y) + penalty
    assert trainer.history["val_loss"][-1] == trainer.evaluate(x, y)["loss"] == pytest.approx(expected, rel=1e-6)
    stepped = copy.deepcopy(trainer).step(x[:50], y[:50])
    assert stepped == pytest.approx(bare_loss(trainer, x[:50], y[:50]) + penalty, rel=1e-6)


@pytest.mark.parametrize("name", PENALTIES)
def test_it_learns_and_the_penalty_shrinks(name, runs):
    trainer, _ = runs[name]
    assert trainer.penalty() < trainer_of(**PENALTIES[name][0]).penalty()
    assert trainer.history["loss"] == sorted(trainer.history["loss"], reverse=True)
    assert trainer.history["val_accuracy"] == sorted(trainer.history["val_accuracy"])
    assert trainer.history["val_accuracy"][-1] > 0.5
    assert trainer.iteration == 75


def test_under_l1_ever_more_weights_stand_at_zero(runs):
    """Each update takes 1e-5 off every weight; those that the data do not want go back and forth across 0 in the end."""
    shares = runs["L1, as in the notebook"][1]
    assert shares == sorted(shares)
    assert shares[-1] > 5 * shares[0]
    assert shares[-1] > 5 * runs["none"][1][-1]


def test_the_notebooks_misplaced_bracket_would_have_counted_the_upper_layer_235200_times(runs):
    """Its first version reads reduce_sum(abs(W1) + reduce_sum(abs(W2))): the inner sum is added to each element of W1."""
    trainer, _ = runs["L1, as in the notebook"]
    w1, w2 = double(kernels(trainer.model))
    right = 0.001 * (np.sum(np.abs(w1)) + np.sum(np.abs(w2)))
    wrong = 0.001 * np.sum(np.abs(w1) + np.sum(np.abs(w2)))
    assert trainer.penalty() == pytest.approx(right, rel=1e-6)
    assert wrong == pytest.approx(0.001 * (np.abs(w1).sum() + 235_200 * np.abs(w2).sum()), rel=1e-9)
    assert wrong > 1000 * right


# ── max-norm: 784-300-50-10, Momentum 0.9, rate 0.01, batches of 50 ───────────────────────────────────────────────────
EPOCHS = 2


def momentum():
    return nd.optimizers.Momentum(0.01, 0.9)


def by_hand(axis, training):
    """The notebook's way: after each update, cut the kernels of the two hidden layers, not that of the outputs."""
    trainer = trainer_of((300, 50, 10), momentum())
    limit = MaxNorm(1.0, axis=axis)
    for epoch in range(EPOCHS):
        for x, y in nd.batches(*training, 50, seed=42, epoch=epoch):
            trainer.step(x, y)
            for name in ("hidden1", "hidden2"):
                limit.apply(trainer.model.layer(name).kernel.value, trainer.model.arena.scratch)
    return trainer


def by_argument(axis, training, **settings):
    model = nd.Sequential(
        [
            *(Dense(300, kernel_constraint=MaxNorm(1.0, axis=axis), name="hidden1"), Activation("relu")),
            *(Dense(50, kernel_constraint=MaxNorm(1.0, axis=axis), name="hidden2"), Activation("relu")),
            Dense(10, name="outputs"),
        ],
        *(784, 42),
    )
    trainer = nd.Trainer(model, "softmax_cross_entropy", momentum(), metrics=["accuracy"])
    trainer.fit(*training, epochs=EPOCHS, batch_size=50, verbose=False, **settings)
    return trainer


@pytest.mark.parametrize("axis", [0, 1])
def test_max_norm_by_hand_and_by_layer_argument_agree_to_the_bit(axis, digits):
    (x, y), test = digits
    training = x[:2500], y[:2500]
    hand, argument = by_hand(axis, training), by_argument(axis, training)
    here, there = hand.variables(), argument.variables()
    assert {name: array.tobytes() for name, array in here.items()} == {name: array.tobytes() for name, array in there.items()}
    assert hand.iteration == 100
    for trainer in (hand, argument):
        for name in ("hidden1", "hidden2"):
            norms = np.linalg.norm(trainer.model.layer(name).kernel.value.astype(np.float64), axis=axis)
            assert norms.max() <= 1 + 1e-6
    assert argument.evaluate(*test)["accuracy"] > 0.8


def test_along_the_notebooks_axis_the_limit_hardly_acts_along_the_texts_axis_it_acts_at_once(digits):
    """axes=1 limits what goes out of each input; the text speaks of what comes into each unit (axis 0)."""
    (x, y), _ = digits
    free = trainer_of((300, 50, 10), momentum())
    free.step(x[:50], y[:50])
    hidden1, hidden2 = kernels(free.model)[:2]
    assert np.linalg.norm(hidden1, axis=1).max() < 1
    assert np.linalg.norm(hidden2, axis=1).max() < 1
    assert np.linalg.norm(hidden1, axis=0).min() > 1
    assert np.linalg.norm(hidden2, axis=0).min() > 1
    for axis, differs in ((1, False), (0, True)):
        limited = trainer_of((300, 50, 10), momentum(), kernel_constraint=MaxNorm(1.0, axis=axis))
        limited.step(x[:50], y[:50])
        assert (kernels(limited.model)[0].tobytes() != hidden1.tobytes()) is differs


def test_the_printed_form_of_the_limit_is_what_is_applied(digits):
    """w ← w · r/‖w‖ where ‖w‖ > r, written out in NumPy."""
    (x, y), _ = digits
    free, limited = (trainer_of((300, 50, 10), momentum(), **kwargs) for kwargs in ({}, {"kernel_constraint": MaxNorm(1.0)}))
    for trainer in (free, limited):
        trainer.step(x[:50], y[:50])
    for w, cut in zip(double(kernels(free.model)), kernels(limited.model), strict=True):
        norms = np.linalg.norm(w, axis=0)
        np.testing.assert_allclose(cut, np.where(norms > 1, w / norms, w), rtol=1e-6, atol=1e-9)
