"""Sequential: names, sizes, scopes, passes, freezing and copies."""

import copy
import pickle

import numpy as np
import pytest
from helpers_training import WIDTH, every_layer, every_trainer, examples, plain_trainer
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep.activations import RULES


def chapter_net(normalized: bool = False) -> nd.Sequential:
    """784-300-100-10, as in the chapter."""
    layers = []
    for units, name in ((300, "hidden1"), (100, "hidden2"), (10, "outputs")):
        layers.append(nd.Dense(units, name=name))
        if normalized:
            layers.append(nd.BatchNormalization())
    return nd.Sequential(layers, 784, seed=42)


class Failing(nd.initializers.Initializer):
    def __call__(self, shape, fan_in, fan_out, rng):
        raise ValueError("no numbers today")


class HalfBuilt(nd.layers.Layer):
    def build(self, input_size):
        self.add_parameter("kernel", (input_size, 1), nd.initializers.Zeros())
        if input_size < 100:
            raise ValueError("too narrow")
        return 1


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ([nd.Dense(2), nd.Dense(2), nd.Dense(2)], ["dense", "dense_1", "dense_2"]),
        ([nd.Dense(2, name="dense"), nd.Dense(2)], ["dense", "dense_1"]),
        ([nd.Dense(2), nd.Dense(2, name="dense_1"), nd.Dense(2)], ["dense", "dense_1", "dense_2"]),
        ([nd.Dense(2), nd.Dense(2, name="dense")], ["dense_1", "dense"]),
        ([nd.BatchNormalization(), nd.Activation("relu"), nd.PReLU()], ["batch_normalization", "activation", "prelu"]),
        ([HalfBuilt(name="a.b-c_1")], ["a.b-c_1"]),
    ],
)
def test_layers_without_a_name_are_numbered(layers, names):
    assert nd.layers.names.name_layers(layers) == names


@given(st.lists(st.none() | st.sampled_from(["dense", "dense_1", "dense_2", "out"]), max_size=8))
def test_names_given_are_kept_and_all_names_differ(given_names):
    layers = [nd.Dense(1, name=name) for name in given_names]
    if len({n for n in given_names if n}) < sum(n is not None for n in given_names):
        with pytest.raises(ValueError, match="two layers have the name"):
            nd.layers.names.name_layers(layers)
    else:
        names = nd.layers.names.name_layers(layers)
        assert len(set(names)) == len(layers)
        assert all(name == given for name, given in zip(names, given_names, strict=True) if given)


def test_running_a_cell_twice_gives_the_same_names_and_weights():
    def cell():
        return nd.Sequential([nd.Dense(5), nd.Activation("relu"), nd.Dense(2)], 3, seed=0)

    first, second = cell(), cell()
    for model in (first, second):
        assert [layer.name for layer in model.layers] == ["dense", "activation", "dense_1"]
    assert first.arena.values.tobytes() == second.arena.values.tobytes()


def test_a_layer_that_serves_a_model_already_is_refused_and_stays_in_its_model():
    layer = nd.Dense(2, name="hidden")
    model = nd.Sequential([layer], 3, seed=0)
    before = model.predict(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"'hidden' already belongs to a model; .* new Dense\(\.\.\.\), in the same cell"):
        nd.Sequential([nd.Dense(3), layer], 3)
    assert np.array_equal(model.predict(np.ones((1, 3))), before)


@pytest.mark.parametrize(
    "spoiler",
    [nd.GLU(), nd.Dense(2, kernel_initializer=Failing()), HalfBuilt(), "used", "not a layer"],
    ids=["odd width", "initializer fails", "fails half way", "used", "no layer"],
)
def test_a_failed_construction_leaves_the_other_layers_free(spoiler):
    if spoiler == "used":
        spoiler = nd.Dense(1)
        nd.Sequential([spoiler], 4)
    below, above = nd.Dense(3), nd.Dense(2)
    with pytest.raises((ValueError, TypeError)):
        nd.Sequential([below, spoiler, above], 4)
    model = nd.Sequential([below, above], 4)
    assert [p.name for p in model.variables()] == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]


def test_a_layer_that_failed_half_way_can_be_used_where_it_fits():
    layer = HalfBuilt()
    with pytest.raises(ValueError, match="too narrow"):
        nd.Sequential([layer], 4)
    assert [p.name for p in nd.Sequential([layer], 100).variables()] == ["half_built/kernel"]


# ── sizes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_summary_counts_the_parameters_of_the_chapters_networks():
    plain, normalized = str(chapter_net().summary()), str(chapter_net(normalized=True).summary())
    assert "266,610 parameters: 266,610 trainable, 0 frozen, 0 moving statistics" in plain
    assert "268,250 parameters: 267,430 trainable, 0 frozen, 820 moving statistics" in normalized
    assert chapter_net().arena.grads.size == 266_610


def test_summary_names_each_layer_with_width_formula_and_what_is_frozen():
    model = nd.Sequential([nd.Dense(4, name="a"), nd.Activation("elu"), nd.Dense(2, name="b")], 3, name="net")
    model.freeze("a/")
    table = model.summary()
    assert [row[0] for row in table.rows] == ["a", "activation", "b"]
    assert [row[1:3] for row in table.rows] == [["Dense", "(n, 4)"], ["Activation elu", "(n, 4)"], ["Dense", "(n, 2)"]]
    assert [row[4:] for row in table.rows] == [["16", "0"], ["0", "0"], ["10", "10"]]
    assert table.notes == ["26 parameters: 10 trainable, 16 frozen, 0 moving statistics"]
    assert "z = xW + b" in str(table)
    assert repr(model) == "<Sequential net 3-4-2 float32>"


# ── scopes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def scoped():
    layers = [nd.Dense(2, name=name) for name in ("hidden1", "hidden2", "hidden10", "outputs")]
    return nd.Sequential([*layers[:1], nd.BatchNormalization(name="hidden1_bn"), *layers[1:]], 2, seed=0)


@pytest.mark.parametrize(
    ("scope", "owners"),
    [
        (None, ["hidden1", "hidden1_bn", "hidden2", "hidden10", "outputs"]),
        (".*", ["hidden1", "hidden1_bn", "hidden2", "hidden10", "outputs"]),
        ("hidden1", ["hidden1"]),
        ("hidden1.*", ["hidden1", "hidden1_bn", "hidden10"]),
        ("hidden1/", ["hidden1"]),
        ("hidden1/kernel", ["hidden1"]),
        ("hidden[12]", ["hidden1", "hidden2"]),
        ("hidden[12]/", ["hidden1", "hidden2"]),
        ("hidden[12]|outputs", ["hidden1", "hidden2", "outputs"]),
        ("hidden1|hidden10", ["hidden1", "hidden10"]),
        ("(?i)HIDDEN1", ["hidden1"]),
        (".*bn", ["hidden1_bn"]),
        (".*/bias", ["hidden1", "hidden2", "hidden10", "outputs"]),
    ],
)
def test_a_scope_is_a_regular_expression_for_whole_names(scoped, scope, owners):
    assert list(dict.fromkeys(p.name.partition("/")[0] for p in scoped.variables(scope))) == owners


@pytest.mark.parametrize("method", ["variables", "trainable_variables", "freeze", "unfreeze"])
@pytest.mark.parametrize(
    ("scope", "error", "message"),
    [
        ("hidden[34]outputs", ValueError, r"is called 'hidden\[34\]outputs' as a whole; there are hidden1/kernel, "),
        ("idden", ValueError, "there are hidden1/kernel"),
        ("", ValueError, "there are hidden1/kernel"),
        ("hidden", ValueError, r"begin with it write 'hidden\.\*'; there are hidden1/kernel"),
        ("hidden1/kern", ValueError, r"begin with it write 'hidden1/kern\.\*'"),
        ("hidden(", ValueError, "not a regular expression"),
        (1, TypeError, "regular expression as a string"),
    ],
)
def test_a_scope_that_matches_nothing_raises_with_the_names_there_are(scoped, method, scope, error, message):
    before = scoped.arena.version
    with pytest.raises(error, match=f"{method}: .*{message}"):
        getattr(scoped, method)(scope)
    assert scoped.arena.version == before


def test_variables_are_in_layer_order_and_trainable_ones_leave_out_statistics(scoped):
    names = [p.name for p in scoped.variables("hidden1_bn")]
    assert names == [f"hidden1_bn/{kind}" for kind in ("gamma", "beta", "moving_mean", "moving_variance")]
    assert [p.name for p in scoped.trainable_variables("hidden1_bn")] == names[:2]


def test_layer_is_found_by_name_and_a_near_miss_is_suggested(scoped):
    assert scoped.layer("hidden2") is scoped.layers[2]
    with pytest.raises(ValueError, match="unknown layer 'hiden2'; did you mean 'hidden2'"):
        scoped.layer("hiden2")


# ── freezing ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_frozen_keeps_its_bits_and_the_rest_is_trained():
    trainer = every_trainer()
    frozen = trainer.model.freeze("hidden1.*|maxout")
    before = {p.name: p.value.copy() for p in trainer.model.variables()}
    trainer.fit(*examples(100), epochs=2, verbose=False)
    changed = {p.name for p in trainer.model.variables() if not np.array_equal(p.value, before[p.name])}
    assert {p.name for p in frozen} == {
        *("hidden1/kernel", "hidden1/bias", "hidden1_bn/gamma", "hidden1_bn/beta", "maxout/kernel", "maxout/bias")
    }
    assert changed == set(before) - {p.name for p in trainer.model.variables("hidden1.*|maxout")}
    assert all(not p.grad.any() for p in frozen)


def test_unfreezing_trains_again_all_or_what_matches():
    model = nd.Sequential(every_layer(), WIDTH, seed=0)
    everything = model.trainable_variables()
    model.freeze(".*")
    with pytest.raises(ValueError, match="there are none"):
        model.trainable_variables("hidden1")
    assert [p.name for p in model.unfreeze("outputs")] == ["outputs/kernel", "outputs/bias"] == [
        p.name for p in model.trainable_variables()
    ]
    model.unfreeze()
    assert model.trainable_variables() == everything


@pytest.mark.parametrize(
    ("arguments", "scope", "moving"),
    [
        ({}, "bn", True),
        ({}, "bn/gamma", False),
        ({}, "bn/(gamma|beta)", True),
        ({"scale": False}, "bn/beta", True),
        ({"center": False, "scale": False}, "bn", True),
        ({}, "outputs", False),
    ],
)
def test_batch_normalization_frozen_as_a_whole_uses_its_moving_statistics(arguments, scope, moving):
    model = nd.Sequential([nd.BatchNormalization(**arguments, name="bn"), nd.Dense(2, name="outputs")], 3, seed=0)
    model.freeze(scope)
    assert model.layer("bn").use_moving_statistics is moving
    model.unfreeze(scope)
    assert model.layer("bn").use_moving_statistics is False


# ── passes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_forward_hands_out_a_live_buffer_and_predict_a_fresh_array():
    model = nd.Sequential(every_layer(), WIDTH, seed=0)
    x, _ = examples(10)
    live = model.forward(x)
    fresh = model.predict(x)
    assert np.array_equal(live, fresh)
    assert np.shares_memory(live, model.forward(-x))
    assert not np.shares_memory(fresh, live)
    assert np.array_equal(model.predict(x), fresh)
    assert fresh.dtype == np.float32


@pytest.mark.parametrize("batch_size", [1, 7, 10, 1000])
def test_predict_gives_the_same_in_batches_of_any_size(batch_size):
    model = nd.Sequential(every_layer(), WIDTH, seed=0, dtype="float64")
    x, _ = examples(23)
    np.testing.assert_allclose(model.predict(x, batch_size), model.forward(x), rtol=1e-12, atol=1e-14)


def test_predict_takes_lists_bytes_memory_maps_and_a_single_row(tmp_path):
    model = nd.Sequential([nd.Dense(2, name="a")], 3, seed=0)
    rows = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    np.save(tmp_path / "rows.npy", rows)
    expected = model.predict(rows.astype(np.float32))
    for x in (rows, rows.tolist(), np.load(tmp_path / "rows.npy", mmap_mode="r"), np.asfortranarray(rows)):
        assert np.array_equal(model.predict(x), expected)
    assert model.predict([1, 2, 3]).shape == (1, 2)
    assert np.array_equal(model.predict(rows[0]), model.predict(rows[:1]))


def test_a_smaller_batch_uses_the_first_rows_of_the_buffers():
    model = nd.Sequential(every_layer(), WIDTH, seed=0)
    x, _ = examples(20)
    model.forward(x, training=True)
    blocks = {layer.name: layer.output.base for layer in model.layers}
    model.forward(x[:7], training=True)
    assert all(layer.output.shape == (7, layer.output_size) for layer in model.layers)
    assert all(layer.output.base is blocks[layer.name] for layer in model.layers)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda model, x: None, "the last pass was not one of forward"),
        (lambda model, x: (model.forward(x, training=True), model.predict(x)), "the last pass was not one of forward"),
        (lambda model, x: (model.forward(x), model.predict(x)), "the last pass was not one of forward"),
    ],
    ids=["nothing", "predict after a training forward", "predict after forward"],
)
def test_backward_needs_a_forward_right_before_it(prepare, message):
    model = nd.Sequential([nd.Dense(2)], 3, seed=0)
    prepare(model, np.ones((4, 3)))
    with pytest.raises(ValueError, match=f"backward: {message}.*; call model.forward"):
        model.backward(np.ones((4, 2)))


def test_backward_after_evaluate_raises_until_the_next_training_forward():
    trainer = plain_trainer()
    x, y = examples(8)
    trainer.step(x, y)
    trainer.evaluate(x, y)
    with pytest.raises(ValueError, match="training"):
        trainer.model.backward(np.ones((8, 3)))
    trainer.model.forward(x, training=True)
    assert trainer.model.backward(np.ones((8, 3))) is None


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_second_backward_assigns_the_same_gradients(name, rng):
    parameters = {"threshold": {"threshold": 0.1, "value": -1.0}}.get(name, {})
    layers = [nd.Dense(5), nd.Activation(name, **parameters), nd.Dense(2)]
    model = nd.Sequential(layers, 3, seed=0, dtype="float64")
    model.forward(rng.standard_normal((4, 3)), training=True)
    upstream = rng.standard_normal((4, 2))
    grad_input = model.backward(upstream, input_gradient=True).copy()
    grads = model.arena.grads.copy()
    assert np.array_equal(model.backward(upstream, input_gradient=True), grad_input)
    assert np.array_equal(model.arena.grads, grads)


def test_the_input_gradient_is_the_slope_of_the_outputs(rng):
    layers = [nd.Dense(5), nd.Activation("tanh"), nd.BatchNormalization(), nd.Dense(2)]
    model = nd.Sequential(layers, 3, seed=0, dtype="float64")
    x, upstream, direction = rng.standard_normal((4, 3)), rng.standard_normal((4, 2)), rng.standard_normal((4, 3))
    model.forward(x, training=True)
    slope = np.sum(model.backward(upstream, input_gradient=True) * direction)
    h = 1e-6
    up, down = (np.sum(model.forward(x + sign * h * direction, training=True) * upstream) for sign in (1, -1))
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-7)


@pytest.mark.parametrize(
    ("scope", "passed_on"),
    [(None, 13), ("hidden1/", 12), ("hidden1/|hidden1_bn", 9), ("hidden1.*|maxout|prelu", 5), ("(?!outputs).*", 0)],
)
def test_backward_stops_at_the_lowest_layer_with_something_to_train(scope, passed_on):
    trainer = every_trainer()
    if scope:
        trainer.model.freeze(scope)
    trainer.step(*examples(8))
    layers = trainer.model.layers
    has_gradient = [layer.grad_input is not None for layer in layers]
    assert has_gradient == [False] * (len(layers) - passed_on) + [True] * passed_on
    walked = [event.name for event in trainer.walk(*examples(8)) if event.stage == "backward"]
    assert walked == [layer.name for layer in reversed(layers[len(layers) - passed_on - 1 :])]


def test_an_input_gradient_asked_for_once_does_not_lengthen_later_steps():
    trainer = plain_trainer()
    x, y = examples(8)
    trainer.step(x, y)
    trainer.model.forward(x, training=True)
    assert trainer.model.backward(np.ones((8, 3)), input_gradient=True).shape == x.shape
    trainer.step(x, y)
    assert trainer.model.layers[0].grad_input is None


def test_everything_of_a_step_is_still_there_to_look_at():
    trainer = every_trainer()
    x, y = examples(8)
    trainer.step(x, y)
    layers = trainer.model.layers
    for below, layer in zip([None, *layers], layers, strict=False):
        assert layer.input.shape == (8, layer.input_size)
        assert layer.output.shape == layer.grad_output.shape == (8, layer.output_size)
        if below is not None:
            assert layer.input is below.output
            assert layer.grad_input.shape == layer.input.shape
            assert layer.grad_input is below.grad_output
    assert layers[-1].grad_output is trainer.loss.grad_outputs
    for p in trainer.model.trainable_variables("hidden1_bn|hidden2|outputs|maxout"):
        assert p.grad.shape == p.value.shape
        assert p.grad.any()
    assert np.linalg.norm(trainer.model.arena.grads) <= 0.5 * (1 + 1e-6)       # what the optimizer was given: clipped


def test_one_row_through_fresh_batch_normalization_passes_as_it_is():
    model = nd.Sequential([nd.BatchNormalization(name="bn", epsilon=1e-30)], 3)
    model.layer("bn").beta.value = [1, 2, 3]
    assert model.forward([[7.0, -8.0, 9.0]], training=True).tolist() == [[8, -6, 12]]
    assert model.backward([[1.0, 2.0, 3.0]], input_gradient=True).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("index", range(len(every_layer())))
def test_a_step_writes_into_neither_x_nor_y(index):
    model = nd.Sequential([every_layer()[index], nd.Dense(3)], WIDTH, seed=0)
    x, y = examples(8)
    x.flags.writeable = y.flags.writeable = False
    trainer = nd.Trainer(model, "softmax_cross_entropy")
    trainer.step(x, y)
    trainer.fit(x, y, sample_weight=np.ones(8), verbose=False)
    trainer.evaluate(x, y)


# ── copies ────────────────────────────────────────────────────────────────────────────────────────────────────────────
COPIES = {
    "copy": lambda model: model.copy(),
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}


@pytest.fixture
def trained():
    trainer = every_trainer()
    trainer.model.freeze("maxout")
    trainer.fit(*examples(64), verbose=False)
    return trainer.model


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_has_the_same_numbers_in_memory_of_its_own(trained, how):
    twin = COPIES[how](trained)
    x, _ = examples(5)
    assert np.array_equal(twin.predict(x), trained.predict(x))
    assert [repr(p) for p in twin.variables()] == [repr(p) for p in trained.variables()]
    for p in twin.variables():
        assert np.shares_memory(p.value, twin.arena.values)
        assert p.grad is None or np.shares_memory(p.grad, twin.arena.grads)
    assert twin.layer("hidden1").kernel is twin.variables("hidden1/kernel")[0]
    assert not np.shares_memory(twin.arena.values, trained.arena.values)


@pytest.mark.parametrize("how", COPIES)
def test_changing_a_copy_leaves_the_original_alone(trained, how):
    x, y = examples(32)
    before, prediction = trained.arena.values.copy(), trained.predict(x)
    twin = COPIES[how](trained)
    nd.Trainer(twin, "softmax_cross_entropy").fit(x, y, verbose=False)
    twin.unfreeze()
    twin.layer("outputs").kernel.value = 0
    assert np.array_equal(trained.arena.values, before)
    assert np.array_equal(trained.predict(x), prediction)
    assert not np.array_equal(twin.predict(x), prediction)
    assert not trained.layer("maxout").kernel.trainable


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_draws_the_same_noise(trained, how):
    twin = COPIES[how](trained)
    x, _ = examples(16)
    first = trained.forward(x, training=True).copy()
    assert np.array_equal(twin.forward(x, training=True), first)
    assert not np.array_equal(twin.forward(x, training=True), first)


def test_a_copy_in_another_dtype_has_the_same_weights_and_frozen_parts(trained):
    twin = trained.copy("float64")
    x, _ = examples(16)
    assert {p.value.dtype for p in twin.variables()} == {np.dtype("float64")} == {twin.predict(x).dtype}
    assert trained.arena.values.dtype == trained.predict(x).dtype == np.float32
    assert np.array_equal(twin.arena.values, trained.arena.values)
    assert [p.trainable for p in twin.variables()] == [p.trainable for p in trained.variables()]
    np.testing.assert_allclose(twin.predict(x), trained.predict(x), rtol=1e-4, atol=1e-5)
    assert np.array_equal(twin.copy("float32").arena.values, trained.arena.values)


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
UNPRINTABLE = [
    *("\x1b[31mred", "a\nb", "a\tb", "a\0b", "\x7f", "\x9b1m"),
    *("\u202eman", "\u200f", "\u2066a", "\ufeffa", "\ud800", "\u2028"),
]


@pytest.mark.parametrize("name", [5, 0, ["a"], [], b"a", ("a",), {"a": 1}, 1.5, True, object()])
def test_a_models_name_must_be_a_string(name):
    with pytest.raises(TypeError, match="Sequential: name must be a string, got "):
        nd.Sequential([nd.Dense(1)], 1, name=name)


@pytest.mark.parametrize("name", [*UNPRINTABLE, "a" * 101, "a" * 10_000])
def test_what_a_terminal_would_not_show_as_it_is_makes_no_name(name):
    """Of a model, a layer, a kind of parameter, a class, a metric, a column of the history."""

    class Odd(nd.layers.Layer):
        default_name = name

    class Kind(nd.layers.Layer):
        def build(self, input_size):
            self.add_parameter(name, (1,), nd.initializers.Zeros())
            return input_size

    def metric(outputs, targets):
        return 0.0

    metric.__name__ = name
    model = nd.Sequential([nd.Dense(1)], 1)
    doors = {
        "model": lambda: nd.Sequential([nd.Dense(1)], 1, name=name),
        "layer": lambda: nd.Dense(1, name=name),
        "class of a layer": lambda: nd.Sequential([Odd()], 1),
        "kind": lambda: nd.Sequential([Kind()], 1),
        "metric": lambda: nd.Trainer(model, "mean_squared_error", metrics=[metric]),
        "history": lambda: nd.History().append({name: 1.0}),
        "records": lambda: nd.History([{name: 1.0}]),
    }
    for door, open_it in doors.items():
        with pytest.raises(ValueError, match=r"name|kind|key") as refused:
            open_it()
        assert str(refused.value).isprintable(), door
        assert len(str(refused.value)) < 300, door


@pytest.mark.parametrize("name", ["only noise", "say \"hi\"", "C:\\new\\x", "Größe", "隐藏", "a" * 100, "x̂"])
def test_other_names_of_models_stay(name):
    assert nd.Sequential([nd.Dense(1)], 1, name=name).name == name


@pytest.mark.parametrize("name", ["Größe", "Very" * 100, "_Layer"])
def test_a_class_of_any_name_gives_its_layers_a_fitting_one(name):
    kind = type(name, (nd.Dense,), {"default_name": ""})
    layers = nd.Sequential([kind(1), kind(1)], 1).layers
    assert len({layer.name for layer in layers}) == 2
    for layer in layers:
        nd.Dense(1, name=layer.name)


def test_given_names_are_left_out_of_the_numbering_whatever_class_they_are_of():
    class Odd(nd.Dense):
        default_name = "dense_1"

    layers = [nd.Dense(1), Odd(1), nd.Dense(1), nd.Dense(1, name="dense_2"), Odd(1), nd.Dense(1)]
    names = [layer.name for layer in nd.Sequential(layers, 1).layers]
    assert names == ["dense", "dense_1", "dense_3", "dense_2", "dense_1_1", "dense_4"]


def test_the_work_of_naming_grows_with_the_number_of_layers_alone(monkeypatch):
    """Counted, not timed: how often a name is looked up."""
    from npdeep.layers import names

    looked_up = []

    def free_names(base, taken):
        for i in range(10**6):
            looked_up.append(base)
            name = f"{base}_{i}" if i else base
            if name not in taken:
                yield name

    monkeypatch.setattr(names, "free_names", free_names)
    layers = [nd.Dropout(0.1, name=f"dropout_{i}") if i % 2 else nd.Dropout(0.1) for i in range(2000)]
    assert len(set(names.name_layers(layers))) == 2000
    assert len(looked_up) <= 2 * len(layers)
