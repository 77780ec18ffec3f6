"""Looks that change nothing, and the two halves of a step."""

import copy
import signal

import numpy as np
import pytest
from test_nested import BLOCKS, network

import npdeep as nd

MIDDLES = {
    **BLOCKS,
    "flat": lambda: nd.Dense(6),
    "prelu": lambda: nd.PReLU(nd.initializers.Constant(0.25)),
    "rrelu": lambda: nd.RReLU(),
    "maxout": lambda: nd.Maxout(6),
    "glu": lambda: nd.GLU(),
    "gaussian dropout": lambda: nd.GaussianDropout(0.3),
    "alpha dropout": lambda: nd.AlphaDropout(0.3),
    "gaussian noise": lambda: nd.GaussianNoise(0.3),
    "batch normalization": lambda: nd.BatchNormalization(),
    "layer normalization": lambda: nd.LayerNormalization(),
    "dropout": lambda: nd.Dropout(0.3),
    "activation": lambda: nd.Activation("gelu"),
}
each_middle = pytest.mark.parametrize("make", MIDDLES.values(), ids=MIDDLES)


def trained(make, dtype="float64"):
    """A trainer whose moving statistics have moved, and rows for it."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    trainer = nd.Trainer(network(make, dtype), "softmax_cross_entropy", nd.optimizers.Adam(0.01))
    trainer.fit(x, y, epochs=3, batch_size=6, verbose=False)
    return trainer, x, y


def bits(trainer):
    model = trainer.model
    arrays = [model.arena.values, model.arena.grads, *trainer.optimizer.slots.values()]
    arrays += [block for layer in model.everything() for block in layer.blocks.values()]
    return [a.tobytes() for a in arrays], str(model.generators()), model.passes, trainer.iteration


def differences(model, x, upstream, h=1e-6):
    """∂(Σ upstream · outputs)/∂x by central differences of predict."""
    slopes = np.empty_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        slopes[place] = ((model.predict(up) - model.predict(down)) * upstream).sum() / (2 * h)
    return slopes


@each_middle
def test_the_input_gradient_is_that_of_predict_and_nothing_changes(make):
    trainer, x, y = trained(make)
    model, rng = trainer.model, np.random.default_rng(2)
    upstream = rng.normal(size=(12, 3))
    walk = trainer.walk(x, y)
    next(walk)                                # a pass in progress
    before = bits(trainer)
    found = model.input_gradient(x, upstream)
    by_loss = model.input_gradient(x, loss="softmax_cross_entropy", y=y)
    one = model.input_gradient(x[:1], upstream[:1])
    assert bits(trainer) == before
    list(walk)
    model = copy.deepcopy(model)
    model.flat_values[:] = np.frombuffer(before[0][0], np.float64)[: model.flat_values.size]
    for p in model.parameters:
        if not p.has_grad:
            p.value = np.frombuffer(before[0][0], np.float64)[p.span].reshape(p.shape)
    expected = differences(model, x, upstream)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(one, expected[:1], rtol=1e-6, atol=1e-8)
    p = np.exp(model.predict(x))
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(by_loss, differences(model, x, (p - np.eye(3)[y]) / 12), rtol=1e-5, atol=1e-8)


@each_middle
def test_a_pass_in_inference_mode_can_be_followed_by_backward(make):
    trainer, x, _ = trained(make)
    model, upstream = trainer.model, np.random.default_rng(2).normal(size=(12, 3))
    model.forward(x)
    found = model.backward(upstream, input_gradient=True).copy()
    np.testing.assert_allclose(found, model.input_gradient(x, upstream), rtol=1e-12, atol=1e-14)


def test_every_kind_of_layer_is_looked_at():
    looked_at = {type(layer) for make in MIDDLES.values() for layer in network(make).everything()}
    public = {kind for kind in vars(nd).values() if isinstance(kind, type) and issubclass(kind, nd.layers.Layer)}
    assert public <= looked_at


NEITHER = "input_gradient: give either grad_output"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, NEITHER),
        ({"grad_output": np.ones((2, 3)), "loss": "hinge"}, ValueError, NEITHER),
        ({"grad_output": np.ones((2, 3)), "y": [0, 1]}, ValueError, NEITHER),
        ({"loss": "softmax_cross_entropy"}, ValueError, NEITHER),
        ({"y": [0, 1]}, ValueError, NEITHER),
        ({"grad_output": np.ones((2, 2))}, ValueError, r"input_gradient: grad_output must have the shape .* \(2, 3\)"),
        ({"grad_output": "up"}, TypeError, "input_gradient: grad_output must hold numbers"),
        ({"loss": "softmx_cross_entropy", "y": [0, 1]}, ValueError, "input_gradient: unknown loss .*; did you mean"),
        ({"loss": 3, "y": [0, 1]}, TypeError, "input_gradient: loss must be a name"),
        ({"loss": "softmax_cross_entropy", "y": [0, 3]}, ValueError, "input_gradient: y: "),
        ({"loss": "softmax_cross_entropy", "y": [0]}, ValueError, "input_gradient: y: "),
        ({"loss": "kl_divergence", "y": np.eye(3)[:2]}, ValueError, "input_gradient: KLDivergence needs"),
    ],
)
def test_an_input_gradient_of_invalid_arguments(arguments, error, message):
    model = network(MIDDLES["flat"])
    with pytest.raises(error, match=message):
        model.input_gradient(np.ones((2, 5)), **arguments)


@pytest.mark.parametrize("look", [lambda m, x: m.input_gradient(x, np.ones((2, 3))), lambda m, x: m.sample(x, 2)])
@pytest.mark.parametrize(
    ("x", "message"),
    [(np.ones(5), r"write x\[None, :\]"), (np.ones((2, 4)), "shape"), (np.full((2, 5), np.nan), "holds nan")],
)
def test_looks_name_themselves_where_x_is_invalid(look, x, message):
    with pytest.raises(ValueError, match=rf"^(input_gradient|sample): x .*{message}"):
        look(network(MIDDLES["flat"]), x)


def test_a_softmax_layer_under_a_softmax_loss_is_refused_in_a_look_too():
    model = nd.Sequential([nd.Dense(3), nd.Activation("softmax")], 5, seed=0)
    with pytest.raises(ValueError, match="input_gradient: SoftmaxCrossEntropy takes logits"):
        model.input_gradient(np.ones((2, 5)), loss="softmax_cross_entropy", y=[0, 1])


def test_many_looks_at_one_image_leave_the_network_as_good_as_it_was():
    """Training passes over single rows took a network with batch normalization from 0.901 to 0.704."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 5)), rng.integers(0, 3, 300)
    layers = [nd.Dense(20), nd.BatchNormalization(), nd.Activation("relu"), nd.Dropout(0.2), nd.Dense(3)]
    model = nd.Sequential(layers, 5, seed=0)
    trainer = nd.Trainer(model, "softmax_cross_entropy", "adam", metrics=["accuracy"])
    trainer.fit(x, y, epochs=5, verbose=False)
    before, results = bits(trainer)[0][0], trainer.evaluate(x, y)
    for _ in range(20):
        saliency = model.input_gradient(x[:1], [[1.0, 0.0, 0.0]])
        model.forward(x[:1])
        model.backward([[1.0, 0.0, 0.0]])
    assert bits(trainer)[0][0] == before
    assert trainer.evaluate(x, y) == results
    assert np.all(saliency != 0)


@each_middle
def test_samples_are_fresh_differ_by_the_noise_and_change_nothing(make):
    trainer, x, _ = trained(make)
    before = bits(trainer)
    samples = trainer.model.sample(x, 5)
    again, others = trainer.model.sample(x, 5), trainer.model.sample(x, 5, seed=7)
    assert bits(trainer) == before
    assert samples.shape == (5, 12, 3)
    assert np.array_equal(samples, again)
    draws = any(layer.draws for layer in trainer.model.everything())
    assert (np.ptp(samples, axis=0).max() > 0) == draws
    assert np.array_equal(samples, others) != draws


def test_samples_use_the_moving_statistics_as_predict_does():
    trainer, x, _ = trained(MIDDLES["batch normalization"])
    for one in trainer.model.sample(x, 3):    # without noise each is the prediction, whatever else is in the batch
        np.testing.assert_allclose(one, trainer.model.predict(x), rtol=1e-12)
    np.testing.assert_allclose(trainer.model.sample(x[:1], 1)[0], trainer.model.predict(x[:1]), rtol=1e-12)


# ── the two halves of a step ──────────────────────────────────────────────────────────────────────────────────────────
def pair(make, **how):
    layers = [nd.Dense(6, kernel_regularizer="l2", kernel_constraint="max_norm"), make(), nd.Dense(3)]
    for _ in range(2):
        model = nd.Sequential([layer.clone() for layer in layers], 5, seed=3, dtype=how.get("dtype", "float32"))
        yield nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(0.01), nd.clipping.ClipByGlobalNorm(0.5))


@each_middle
def test_the_two_halves_are_a_step_to_the_bit(make):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    whole, halves = pair(lambda: network(make).layers[1].clone())
    for _ in range(3):
        loss = whole.step(x, y)
        halves.gradients(x, y)
        assert halves.apply_gradients() == loss
    assert bits(whole)[0][0] == bits(halves)[0][0]
    assert whole.iteration == halves.iteration == 3


def test_accumulated_gradients_are_those_of_the_whole_batch():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    whole, parts = pair(lambda: nd.Activation("tanh"), dtype="float64")
    for _ in range(5):
        whole.step(x, y)
        total = np.zeros_like(parts.model.flat_gradients)
        for i in range(0, 12, 4):
            parts.gradients(x[i : i + 4], y[i : i + 4])
            total += parts.model.flat_gradients / 3
        parts.model.flat_gradients[:] = total
        parts.apply_gradients()
    np.testing.assert_allclose(parts.model.flat_values, whole.model.flat_values, rtol=1e-12, atol=1e-13)


def test_replicas_that_average_their_gradients_train_like_one_on_the_whole_batch():
    """The all-reduce: three lines between the halves."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    whole, first = pair(lambda: nd.Activation("tanh"), dtype="float64")
    replicas = [first, copy.deepcopy(first), copy.deepcopy(first)]
    for _ in range(5):
        whole.step(x, y)
        for i, replica in enumerate(replicas):
            replica.gradients(x[i::3], y[i::3])
        mean = sum(replica.model.flat_gradients for replica in replicas) / 3
        for replica in replicas:
            replica.model.flat_gradients[:] = mean
            replica.apply_gradients()
    for replica in replicas:
        np.testing.assert_allclose(replica.model.flat_values, whole.model.flat_values, rtol=1e-12, atol=1e-13)


def test_the_loss_of_the_first_half_is_without_penalties_and_that_of_the_second_with_them():
    trainer = next(iter(pair(MIDDLES["activation"], dtype="float64")))
    x, y = np.ones((4, 5)), [0, 1, 2, 0]
    penalty = trainer.penalty()
    loss = trainer.gradients(x, y)
    assert penalty > 0
    assert trainer.apply_gradients() == loss + penalty == trainer.last_loss


def test_gradients_called_twice_replace_the_first():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    once, twice = pair(MIDDLES["activation"])
    loss = once.step(x[:6], y[:6])
    twice.gradients(x[6:], y[6:])
    twice.gradients(x[:6], y[:6])
    twice.evaluate(x, y), twice.model.predict(x), twice.model.input_gradient(x, np.ones((12, 3)))    # passes in between
    assert twice.apply_gradients() == loss
    assert bits(once)[0][:2] == bits(twice)[0][:2]


def leave_a_walk(trainer, x, y):
    next(trainer.walk(x, y))


def refused_by_clipping(trainer, x, y):
    trainer.model.flat_gradients[0] = np.nan
    with pytest.raises(ValueError, match="holds nan"):
        trainer.apply_gradients()


TAKEN = {
    "nothing": lambda t, x, y: t.apply_gradients(),
    "a step": lambda t, x, y: t.step(x, y),
    "a walk that was left": leave_a_walk,
    "an epoch": lambda t, x, y: t.fit(x, y, verbose=False),
    "another trainer's step": lambda t, x, y: nd.Trainer(t.model, "softmax_cross_entropy").step(x, y),
    "another trainer's gradients": lambda t, x, y: nd.Trainer(t.model, "softmax_cross_entropy").gradients(x, y),
    "a refusal": refused_by_clipping,
    "a backward pass": lambda t, x, y: t.model.backward(np.ones_like(t.model.forward(x))),
}
NO_GRADIENTS = r"apply_gradients: there are no new gradients; call trainer.gradients\(x, y\) first"


@pytest.mark.parametrize("between", TAKEN.values(), ids=TAKEN)
def test_gradients_are_applied_once_and_by_the_trainer_that_computed_them(between):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    trainer = next(iter(pair(MIDDLES["batch normalization"])))
    trainer.gradients(x, y)
    between(trainer, x, y)
    before = bits(trainer)
    with pytest.raises(ValueError, match=NO_GRADIENTS):
        trainer.apply_gradients()
    assert bits(trainer) == before
    trainer.gradients(x, y)                   # the cure
    trainer.apply_gradients()


@pytest.mark.parametrize("make", [lambda t: t, copy.deepcopy], ids=["new", "copy"])
def test_without_gradients_there_is_nothing_to_apply(make):
    trainer, x, y = trained(MIDDLES["flat"])
    copied = make(trainer)
    if copied is not trainer:
        trainer.gradients(x, y)
        copied = make(trainer)
    with pytest.raises(ValueError, match=NO_GRADIENTS):
        copied.apply_gradients()


@pytest.mark.parametrize("freezes", [True, False])
def test_what_is_frozen_between_the_halves_is_not_updated(freezes):
    trainer, x, y = trained(MIDDLES["flat"])
    if not freezes:
        trainer.model.freeze("first")
    trainer.gradients(x, y)
    trainer.model.freeze("first") if freezes else trainer.model.unfreeze("first")
    before = bits(trainer)
    with pytest.raises(ValueError, match="what is frozen has changed between the gradients and their update"):
        trainer.apply_gradients()
    assert bits(trainer) == before
    trainer.gradients(x, y)
    trainer.apply_gradients()


# ── the flat arrays ───────────────────────────────────────────────────────────────────────────────────────────────────
@each_middle
def test_the_flat_arrays_are_the_parameters(make):
    trainer, x, y = trained(make)
    model = trainer.model
    model.freeze("first")
    trainer.gradients(x, y)
    parameters = [p for p in model.parameters if p.has_grad]
    assert [p.span.start for p in parameters] == list(np.cumsum([0, *(p.size for p in parameters)])[:-1])
    assert model.flat_values.size == model.flat_gradients.size == sum(p.size for p in parameters)
    for p in parameters:
        assert np.array_equal(model.flat_values[p.span], p.value.ravel())
        assert np.array_equal(model.flat_gradients[p.span], p.grad.ravel())
        assert p.trainable or not model.flat_gradients[p.span].any()
    model.flat_values[:] = 2
    model.flat_gradients[:] = 3
    assert all((p.value == 2).all() and (p.grad == 3).all() for p in parameters)


# ── callbacks between the halves ──────────────────────────────────────────────────────────────────────────────────────
def test_a_callback_stands_between_backward_and_update():
    class Halve(nd.callbacks.Callback):
        def on_gradients(self, trainer):
            seen.append(trainer.iteration)
            trainer.model.flat_gradients[:] *= 0.5

    seen = []
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    model = nd.Sequential([nd.Dense(3)], 5, seed=0)
    halved, slow = (nd.Trainer(model.copy(), "softmax_cross_entropy", nd.optimizers.SGD(rate)) for rate in (0.5, 0.25))
    halved.fit(x, y, epochs=2, batch_size=4, seed=1, callbacks=[Halve()], verbose=False)
    slow.fit(x, y, epochs=2, batch_size=4, seed=1, verbose=False)
    assert halved.model.flat_values.tobytes() == slow.model.flat_values.tobytes()
    assert seen == [0, 1, 2, 3, 4, 5]
    halved.step(x, y)                         # outside of fit nobody is asked
    assert len(seen) == 6


def watched(*callbacks):
    """What a fit comes to: the history without its seconds, and the bits."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    layers = [nd.Dense(6), nd.BatchNormalization(), nd.Activation("tanh"), nd.Dropout(0.2), nd.Dense(3)]
    trainer = nd.Trainer(nd.Sequential(layers, 5, seed=0), "softmax_cross_entropy", "adam", metrics=["accuracy", "f1"])
    trainer.fit(x, y, epochs=2, batch_size=4, seed=1, callbacks=callbacks, verbose=False)
    return [{k: v for k, v in r.items() if k != "seconds"} for r in trainer.history.records], bits(trainer)[0][0]


PASSES = {
    "nothing": lambda t, x, y: None,
    "predict": lambda t, x, y: t.model.predict(x),
    "forward": lambda t, x, y: t.model.forward(x),
    "evaluate": lambda t, x, y: t.evaluate(x, y),
    "input_gradient": lambda t, x, y: t.model.input_gradient(x, np.ones((5, 3))),
    "sample": lambda t, x, y: t.model.sample(x, 2),
}


@pytest.mark.parametrize("look", PASSES.values(), ids=PASSES)
def test_passes_between_the_halves_leave_the_run_and_its_record_alone(look):
    """Another number of rows: the outputs that the metrics of fit are computed from would be those of the look."""
    x, y = np.ones((5, 5)), np.zeros(5, int)
    assert watched(nd.callbacks.LambdaCallback(on_gradients=lambda t: look(t, x, y))) == watched()


def test_gradients_at_other_weights_may_take_the_place_of_those_of_the_batch():
    """Sharpness-aware minimization: up the hill, the gradient there, back. The history keeps the loss of the batch."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)

    def look_around(trainer):
        values, step = trainer.model.flat_values.copy(), trainer.model.flat_gradients.copy()
        trainer.model.flat_values[:] += 0.05 * step / np.sqrt(step @ step)
        trainer.gradients(x, y)
        trainer.model.flat_values[:] = values

    by_fit, by_hand = pair(MIDDLES["activation"], dtype="float64")
    sharp = nd.callbacks.LambdaCallback(on_gradients=look_around)
    history = by_fit.fit(x, y, epochs=3, batch_size=12, shuffle=False, callbacks=[sharp], verbose=False)
    losses = []
    for _ in range(3):
        by_hand.gradients(x, y)
        losses.append(by_hand.data_loss + by_hand.penalty())
        look_around(by_hand)
        by_hand.apply_gradients()
    assert by_fit.model.flat_values.tobytes() == by_hand.model.flat_values.tobytes()
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-12)
    with pytest.raises(ValueError, match=NO_GRADIENTS):    # fit has used them
        by_fit.apply_gradients()


STEPS = {
    "step": lambda t, x, y: t.step(x, y),
    "walk": lambda t, x, y: list(t.walk(x, y)),
    "apply_gradients": lambda t, x, y: t.apply_gradients(),
    "save": lambda t, x, y: t.save("half.npz"),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_in_the_midst_of_another_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = np.ones((5, 5)), np.zeros(5, int)
    with pytest.raises(ValueError, match=f"^{name}: a step of fit is half done: .*; call {name} in on_step_end"):
        watched(nd.callbacks.LambdaCallback(on_gradients=lambda t: STEPS[name](t, x, y)))
    if name != "save":                        # the cure
        watched(nd.callbacks.LambdaCallback(on_step_end=lambda t: (t.gradients(x, y), STEPS[name](t, x, y))))


def test_freezing_between_the_halves_is_refused_and_allowed_after_the_step():
    with pytest.raises(ValueError, match=r"what is frozen has changed .* in a callback in on_step_end"):
        watched(nd.callbacks.LambdaCallback(on_gradients=lambda t: t.model.freeze("dense/")))
    watched(nd.callbacks.LambdaCallback(on_step_end=lambda t: t.model.freeze("dense/")))


@pytest.mark.parametrize("at", [1, 2, 6])
def test_ctrl_c_between_the_halves_takes_effect_after_the_step(at):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    calls = []

    def press(trainer):
        calls.append(trainer.iteration)
        if len(calls) == at:
            signal.raise_signal(signal.SIGINT)

    trainer, whole = (trained(MIDDLES["residual"])[0] for _ in range(2))
    how = {"epochs": 3, "batch_size": 6, "seed": 1, "verbose": False}
    whole.fit(x, y, **how)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, callbacks=[nd.callbacks.LambdaCallback(on_gradients=press)], **how)
    trainer.fit(x, y, **{**how, "epochs": whole.epoch - trainer.epoch})
    assert bits(trainer)[0][:2] == bits(whole)[0][:2]


def test_every_moment_of_a_callback_can_be_a_function_and_those_not_defined_cost_nothing():
    moments = {name for name in vars(nd.callbacks.Callback) if name.startswith("on_")}
    given = {name: lambda *_: None for name in moments}
    assert set(vars(nd.callbacks.LambdaCallback(**given))) == moments
    asked = []
    watched(nd.callbacks.LambdaCallback(on_step_end=lambda t: asked.append(t.on_gradients)))
    assert set(asked) == {None}
