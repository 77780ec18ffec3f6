"""Layers that hold layers: every operation that goes through layers goes through those inside them too."""

import copy
import pickle

import numpy as np
import pytest

import npdeep as nd

WIDTH = 6


class OwnResidual(nd.layers.Layer):
    """y = x + f(x), as a user writes it: plain code, arrays of its own."""

    def __init__(self, layers, name=None):
        super().__init__(name)
        self.layers = self.hold(layers)

    def build(self, input_size):
        return self.layers.build(input_size)

    def forward(self, x, training=False):
        return x + self.layers.forward(x, training)

    def backward(self, grad_output):
        return grad_output + self.layers.backward(grad_output)


def inner():
    return [
        nd.Dense(WIDTH, kernel_initializer="he_normal", kernel_regularizer="l2", name="hidden"),
        nd.BatchNormalization(),
        nd.Activation("elu"),
        nd.Dropout(0.3),
    ]


BLOCKS = {
    "residual": lambda: nd.Residual(inner(), name="block"),
    "residual, projection": lambda: nd.Residual([*inner(), nd.Dense(4)], projection=True, name="block"),
    "residual in residual": lambda: nd.Residual([nd.Residual(inner(), name="in")], name="block"),
    "parallel": lambda: nd.Parallel([inner(), nd.Dense(2), []], name="block"),
    "parallel, split": lambda: nd.Parallel([[nd.Dense(4), nd.Dropout(0.5)], nd.LayerNormalization()], (2, 4), name="block"),
    "parallel, added": lambda: nd.Parallel([inner(), []], merge="add", name="block"),
    "custom": lambda: OwnResidual(inner(), name="block"),
    "residual in custom": lambda: OwnResidual([nd.Residual(inner(), name="in")], name="block"),
    "custom in parallel": lambda: nd.Parallel([OwnResidual(inner(), name="in"), []], merge="add", name="block"),
}
each_block = pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)


def network(make, dtype="float32", seed=3):
    layers = [nd.Dense(WIDTH, name="first"), make(), nd.Activation("tanh"), nd.Dense(3, name="outputs")]
    return nd.Sequential(layers, input_size=5, seed=seed, dtype=dtype)


def trainer_of(make, **how):
    return nd.Trainer(network(make, **how), "softmax_cross_entropy", nd.optimizers.Adam(0.01), metrics=["accuracy"])


@pytest.fixture
def batch(rng):
    return rng.normal(size=(12, 5)).astype(np.float32), rng.integers(0, 3, 12)


def bits(trainer):
    states = [g["state"]["state"] for g in trainer.model.generators().values()]
    return trainer.model.arena.values.tobytes(), repr(states)


@each_block
def test_gradients_are_those_of_differences(make, batch):
    assert nd.debug.gradient_check(network(make, "float64"), "softmax_cross_entropy", *batch)


@each_block
def test_walk_is_step_and_shows_every_inner_operation(make, batch):
    walked, stepped = trainer_of(make), trainer_of(make)
    for _ in range(3):
        events = [(e.stage, e.name) for e in walked.walk(*batch)]
        stepped.step(*batch)
    assert bits(walked) == bits(stepped)
    assert events == [(e.stage, e.name) for e in walked.events()]
    names = [layer.name for layer in walked.model.everything()]
    assert [name for stage, name in events if stage == "forward"] == names
    assert {name for stage, name in events if stage == "backward"} == set(names)
    assert [name for name in names if name.startswith("block/")]


@each_block
def test_the_arrays_of_inner_layers_are_those_of_the_pass(make, batch):
    trainer = trainer_of(make, dtype="float64")
    for event in trainer.walk(*batch):
        if event.stage == "forward" and isinstance(event.layer, nd.Dense):
            z = event.layer.input @ event.layer.kernel.value
            z += event.layer.bias.value if event.layer.use_bias else 0
            np.testing.assert_allclose(event.layer.output, z, rtol=1e-12, atol=1e-14)
        if event.stage == "backward" and isinstance(event.layer, nd.Dense):
            layer = event.layer
            np.testing.assert_allclose(layer.kernel.grad, layer.input.T @ layer.grad_output, rtol=1e-12, atol=1e-14)
            if layer.grad_input is not None:
                np.testing.assert_allclose(layer.grad_input, layer.grad_output @ layer.kernel.value.T, rtol=1e-12, atol=1e-14)


@each_block
def test_a_saved_run_goes_on_bit_for_bit(make, batch, tmp_path):
    one = trainer_of(make)
    one.fit(*batch, epochs=2, batch_size=5, verbose=False)
    twin = nd.Trainer.restore(one.save(tmp_path / "run.npz"), own=[OwnResidual])
    copied = copy.deepcopy(one)
    pickled = pickle.loads(pickle.dumps(one))
    for trainer in (one, twin, copied, pickled):
        trainer.fit(*batch, epochs=2, batch_size=5, verbose=False)
    assert bits(one) == bits(twin) == bits(copied) == bits(pickled)
    model = nd.load_model(one.model.save(tmp_path / "model.npz"), own=[OwnResidual])
    assert model.predict(batch[0]).tobytes() == one.model.predict(batch[0]).tobytes()


@each_block
def test_a_frozen_block_is_frozen_to_the_bit_and_can_be_computed_once(make, batch):
    trainer = trainer_of(lambda: without_noise(make()))
    trainer.model.freeze("(first|block)/")
    before = {p.name: p.value.copy() for p in trainer.model.parameters if not p.name.startswith("outputs")}
    twin = copy.deepcopy(trainer)
    trainer.fit(*batch, epochs=3, batch_size=5, verbose=False)
    twin.fit(*batch, epochs=3, batch_size=5, cache_frozen=True, verbose=False)
    for name, value in before.items():
        assert value.tobytes() == next(p.value for p in trainer.model.parameters if p.name == name).tobytes(), name
    np.testing.assert_allclose(trainer.model.arena.values, twin.model.arena.values, rtol=1e-5, atol=1e-6)


@each_block
def test_noise_inside_a_frozen_block_cannot_be_computed_once(make, batch):
    trainer = trainer_of(make)
    trainer.model.freeze("(first|block)/")
    with pytest.raises(ValueError, match=r"'block/.*' among the frozen ones draws random numbers"):
        trainer.fit(*batch, cache_frozen=True, verbose=False)


def without_noise(block):
    """The same block, its dropout with rate 0 taken out."""
    for chain in block.chains:
        chain.take([without_noise(layer) for layer in chain if not layer.draws])
    return block


@each_block
def test_new_layers_on_top_leave_the_old_model_alone(make, batch):
    old = trainer_of(make)
    old.fit(*batch, epochs=1, verbose=False)
    before, outputs = bits(old), old.model.predict(batch[0])
    new = old.model.with_layers([nd.Dense(7, name="more")], keep="block")
    assert bits(old) == before
    for name in [p.name for p in new.parameters if not p.name.startswith("more")]:
        mine, its = (next(p for p in m.parameters if p.name == name) for m in (new, old.model))
        assert mine.value.tobytes() == its.value.tobytes()
        assert not np.shares_memory(mine.value, its.value)
    nd.Trainer(new, "mean_squared_error").step(batch[0], np.zeros((12, 7)))
    assert old.model.predict(batch[0]).tobytes() == outputs.tobytes()
    old.step(*batch)


@each_block
def test_load_weights_finds_inner_variables(make, tmp_path):
    old, new = network(make), network(make, seed=4)
    report = new.load_weights(old.save(tmp_path / "old.npz"))
    assert old.arena.values.tobytes() == new.arena.values.tobytes()
    assert len(report.restored) == len(old.parameters)


@each_block
def test_what_looks_inside_goes_inside_and_changes_nothing(make, batch):
    trainer = trainer_of(make)
    trainer.fit(*batch, epochs=1, verbose=False)
    before = bits(trainer)
    names = [str(layer.name) for layer in trainer.model.everything()]
    assert [row[0] for row in trainer.model.summary().rows] == names
    timing = nd.debug.time_step(trainer, *batch, repeats=3)
    assert [o.name for o in timing.operations if o.stage == "forward"] == names
    nd.debug.diagnose(trainer, *batch)
    for event in copy.deepcopy(trainer).walk(*batch):
        if event.stage == "backward":
            assert str(nd.debug.explain(event.layer))
    assert bits(trainer) == before


def test_names_nest_and_are_numbered_inside_their_block():
    model = nd.Sequential([nd.Residual([nd.Dense(2), nd.Dense(2)]), nd.Parallel([nd.Dense(1), nd.Dense(1)])], input_size=2)
    assert [layer.name for layer in model.everything()] == [
        *("residual/dense", "residual/dense_1", "residual", "parallel/dense", "parallel/dense_1", "parallel")
    ]
    assert model.layer("residual/dense_1").kernel.name == "residual/dense_1/kernel"


def test_an_own_layer_that_keeps_nothing_counts_the_same_in_fit_and_evaluate(batch):
    class Double(nd.layers.Layer):
        def forward(self, x, training=False):
            return x * 2

        def backward(self, grad_output):
            return grad_output * 2

    model = nd.Sequential([nd.Dense(3), Double()], input_size=5, seed=0)
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.SGD(0.0), metrics=["accuracy"])
    history = trainer.fit(*batch, batch_size=12, shuffle=False, verbose=False)
    assert history["accuracy"][0] == trainer.evaluate(*batch)["accuracy"]
    events = {e.stage: e.copy() for e in trainer.walk(*batch) if e.layer is model.layers[1]}
    np.testing.assert_array_equal(events["forward"].arrays["output"], 2 * events["forward"].arrays["input"])
    np.testing.assert_array_equal(events["backward"].arrays["grad_input"], 2 * events["backward"].arrays["grad_output"])
    assert nd.debug.gradient_check(model, "softmax_cross_entropy", *batch)


# ── what is refused, when it is put in ────────────────────────────────────────────────────────────────────────────────
class Holder(nd.layers.Layer):
    def __init__(self, inside):
        super().__init__()
        self.inside = inside


SHARED = nd.Dense(3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: [Holder(nd.Dense(3))], TypeError, "attribute 'inside' holds .*hold"),
        (lambda: [Holder([nd.Dense(3)])], TypeError, "attribute 'inside' holds .*hold"),
        (lambda: [Holder({"a": nd.Dense(3)})], TypeError, "attribute 'inside' holds .*hold"),
        (lambda: [Holder(nd.Sequential([nd.Dense(3)], input_size=3))], TypeError, "attribute 'inside' holds .*hold"),
        (lambda: [nd.Residual([nd.Sequential([nd.Dense(3)], input_size=3)])], TypeError, r"layers\[0\] must be a layer"),
        (lambda: [nd.Sequential([nd.Dense(3)], input_size=3)], TypeError, r"layers\[0\] must be a layer"),
        (lambda: [nd.Residual([SHARED]), SHARED], ValueError, "already inside another layer"),
        (lambda: [nd.Residual([(d := nd.Dense(3)), d])], ValueError, "twice"),
        (lambda: [nd.Parallel([(d := nd.Dense(3)), d])], ValueError, "already inside another layer"),
        (lambda: [nd.Residual([nd.Dense(4)])], ValueError, r"a width of 3 into 4, .*projection=True"),
        (lambda: [nd.Residual([])], ValueError, "empty"),
        (lambda: [nd.Residual(nd.Dense(3))], TypeError, "in brackets"),
        (lambda: [nd.Parallel([nd.Dense(3)])], ValueError, "at least 2"),
        (lambda: [nd.Parallel([nd.Dense(3), []], split=(1, 1))], ValueError, "2 columns in all, the input has 3"),
        (lambda: [nd.Parallel([nd.Dense(3), []], split=(3,))], ValueError, "1 widths for 2 branches"),
        (lambda: [nd.Parallel([nd.Dense(2), []], merge="add")], ValueError, r"the widths \[2, 3\]"),
        (lambda: [nd.Parallel([nd.Dense(2), []], merge="mean")], ValueError, "merge"),
        (lambda: [nd.Residual([nd.Dense(3, name="a"), nd.Dense(3, name="a")])], ValueError, "two layers have the name 'a'"),
    ],
)
def test_what_cannot_be_nested_is_refused_by_name_when_it_is_put_in(make, error, message):
    with pytest.raises(error, match=message):
        nd.Sequential(make(), input_size=3)


def own(forward=None, backward=None, build=None, init=None):
    members = {"forward": forward or (lambda self, x, training=False: x), "backward": backward or (lambda self, g: g)}
    members |= {"build": build} if build else {}
    members |= {"__init__": init} if init else {}
    return type("Mine", (nd.layers.Layer,), members)


def with_scale(self, input_size):
    self.scale = self.add_parameter("scale", (input_size,), "ones")
    return input_size


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        (own(init=lambda self: None), TypeError, r"the __init__ of Mine must begin with super\(\).__init__\(name\)"),
        (own(forward=lambda self, x, training=False: None), TypeError, "'mine': forward must return .*returned None"),
        (own(forward=lambda self, x, training=False: x[:, :1]), ValueError, r"'mine': forward must return .* shape \(12, 3\)"),
        (own(forward=lambda self, x, training=False: x.astype("f8")), TypeError, "'mine': forward .* float64; end with"),
        (own(forward=lambda self, x, training=False: x.tolist()), ValueError, "'mine': forward must return"),
        (own(backward=lambda self, g: None), TypeError, "'mine': backward must return .*returned None"),
        (own(backward=lambda self, g: g.sum()), (ValueError, TypeError), "'mine': backward must return"),
        (own(build=with_scale), ValueError, "'mine': backward did not write all of the gradient of mine/scale"),
        (own(build=lambda self, input_size: None), (ValueError, TypeError), "'mine': what build returns"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_wrong_own_layer_is_caught_at_its_first_use_with_its_name(kind, error, message, nested, batch):
    if nested:
        message = message.replace("'mine'", "'residual/mine'").replace(" mine/", " residual/mine/")


    def use():
        layer = nd.Residual([kind()]) if nested else kind()
        model = nd.Sequential([nd.Dense(3), layer, nd.Dense(3)], input_size=5)
        nd.Trainer(model, "softmax_cross_entropy").step(*batch)

    with pytest.raises(error, match=message):
        use()


# ── what trains can be saved ──────────────────────────────────────────────────────────────────────────────────────────
WRAPS = {
    "residual": lambda layer: nd.Residual([layer]),
    "parallel": lambda layer: nd.Parallel([[layer], []], merge="add"),
}


def within(depth, wrap):
    layer = nd.Dense(2, kernel_initializer=nd.initializers.VarianceScaling(2.0), kernel_regularizer="l2")
    for _ in range(depth):
        layer = wrap(layer)
    return nd.Sequential([layer], 2, seed=0)


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_layers_nested_as_deep_as_may_be_are_saved_and_deeper_ones_refused_when_built(wrap, tmp_path):
    x = np.ones((2, 2), np.float32)
    trainer = nd.Trainer(within(12, wrap), "mean_squared_error")
    trainer.step(x, x)
    twin = nd.Trainer.restore(trainer.save(tmp_path / "deep.npz"))
    np.testing.assert_array_equal(twin.model.flat_values, trainer.model.flat_values)
    with pytest.raises(ValueError, match="lies within 13 layers: it could be trained, but not saved"):
        within(13, wrap)
