"""Reuse: models saved and loaded, weights restored by name, weights given by hand, new layers on old ones."""

import inspect
import re

import numpy as np
import pytest
from helpers_training import CLASSES, WIDTH, bits, every_layer, every_trainer, examples

import npdeep as nd
from npdeep import constraints, initializers, layers, regularizers

Dense, Activation = nd.Dense, nd.Activation


def save_and_load(model, folder, **kwargs):
    return nd.load_model(model.save(folder / "model.npz"), **kwargs)


def arena_bits(model):
    return model.arena.values.tobytes()


# ── a model in a file ─────────────────────────────────────────────────────────────────────────────────────────────────
EVERY_ARGUMENT = {
    "Dense": lambda: Dense(
        5,
        kernel_initializer=initializers.VarianceScaling(3.0, "fan_avg", "uniform"),
        bias_initializer=initializers.RandomNormal(0.1, 0.2),
        kernel_regularizer=regularizers.L1L2(0.1, 0.2),
        bias_regularizer=regularizers.L1(0.3),
        kernel_constraint=constraints.MinMaxNorm(0.1, 0.9, 0.5, axis=1),
        bias_constraint=constraints.NonNegative(),
        name="d.-_1",
    ),
    "Dense without bias": lambda: Dense(4, use_bias=False),
    "Maxout": lambda: nd.Maxout(
        4,
        pieces=3,
        kernel_initializer=initializers.Orthogonal(1.5),
        bias_initializer=initializers.RandomUniform(-0.5, 0.25),
        kernel_regularizer=regularizers.L2(0.01),
        kernel_constraint=constraints.UnitNorm(axis=1),
        name="m",
    ),
    "Maxout without bias": lambda: nd.Maxout(3, use_bias=False),
    "BatchNormalization": lambda: nd.BatchNormalization(0.7, 1e-2, center=False, scale=False, name="bn"),
    "Activation": lambda: Activation("leaky_relu", negative_slope=0.25, name="a"),
    "PReLU": lambda: nd.PReLU(initializers.Constant(0.25), name="p"),
    "RReLU": lambda: nd.RReLU(0.25, 0.75, name="r"),
    "GLU": lambda: nd.GLU(name="g"),
    "Dropout": lambda: nd.Dropout(0.25, name="drop"),
    "GaussianDropout": lambda: nd.GaussianDropout(0.125, name="gd"),
    "AlphaDropout": lambda: nd.AlphaDropout(0.0625, name="ad"),
    "GaussianNoise": lambda: nd.GaussianNoise(0.75, name="gn"),
    "LayerNormalization": lambda: nd.LayerNormalization(1e-2, center=False, scale=False, name="ln"),
    "Residual": lambda: nd.Residual([Dense(7, name="inner"), nd.Dropout(0.5)], projection=True, name="res"),
    "Parallel": lambda: nd.Parallel([Dense(3), [Dense(3, name="b"), nd.PReLU()]], (2, 4), "add", name="par"),
}


def test_the_table_of_layers_has_every_kind_with_every_argument_changed():
    """So that no argument is forgotten below when a layer gets a new one."""
    seen = {}
    for layer in (make() for make in EVERY_ARGUMENT.values()):
        for name, parameter in inspect.signature(type(layer)).parameters.items():
            value = layer.given if name == "parameters" else getattr(layer, name)
            default = parameter.default
            like_default = repr(value) in (repr(default), repr(initializers.KNOWN.get(default, object)()) if default else "")
            seen.setdefault((type(layer).__name__, name), []).append(not like_default and value is not None)
    assert {kind for kind, _ in seen} == set(layers.__all__) - {"Layer"}
    assert [place for place, changed in seen.items() if not any(changed)] == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EVERY_ARGUMENT)
def test_a_loaded_layer_has_every_argument_and_computes_the_same_bits(name, dtype, tmp_path):
    model = nd.Sequential([Dense(6), EVERY_ARGUMENT[name](), Dense(CLASSES)], WIDTH, seed=3, dtype=dtype)
    x, y = examples(40)
    nd.Trainer(model, "softmax_cross_entropy", "adam").fit(x, y, epochs=2, verbose=False)
    twin = save_and_load(model, tmp_path)
    assert repr(twin.layers) == repr(model.layers)
    assert arena_bits(twin) == arena_bits(model)
    assert twin.predict(x).tobytes() == model.predict(x).tobytes()
    assert twin.predict(x).dtype == dtype
    for _ in range(2):
        assert twin.forward(x, training=True).tobytes() == model.forward(x, training=True).tobytes()
    assert arena_bits(twin) == arena_bits(model)


@pytest.mark.parametrize("module", [initializers, regularizers, constraints], ids=lambda m: m.__name__)
def test_every_initializer_regularizer_and_constraint_comes_back_with_its_arguments(module, tmp_path):
    kind = module.__name__.rpartition(".")[2].removesuffix("s")
    for made in (cls(**numbered(cls)) for cls in module.KNOWN.values()):
        model = nd.Sequential([Dense(WIDTH, **{f"kernel_{kind}": made})], WIDTH, seed=0)
        twin = save_and_load(model, tmp_path)
        assert repr(getattr(twin.layer("dense"), f"kernel_{kind}")) == repr(made)
        parameter = twin.layer("dense").kernel
        assert kind == "initializer" or getattr(parameter, kind) is getattr(twin.layer("dense"), f"kernel_{kind}")


def numbered(cls):
    """Arguments that differ from the defaults, for classes whose arguments are numbers and whose choices are known."""
    known = {"mode": "fan_avg", "distribution": "normal", "axis": 1, "rate": 0.375}
    names = inspect.signature(cls).parameters
    return {name: known.get(name, 1.125 + i) for i, name in enumerate(names)}


@pytest.mark.parametrize("name", sorted(nd.activations.RULES))
def test_every_activation_comes_back(name, tmp_path):
    unlike = {"minimum": 0.25, "maximum": 1.75}
    given = {parameter: unlike.get(parameter, 0.75) for parameter in nd.activations.RULES[name].parameters}
    model = nd.Sequential([Activation(name, **given)], 4)
    x = np.random.default_rng(0).standard_normal((5, 4))
    twin = save_and_load(model, tmp_path)
    assert twin.layer("activation").given == given
    assert twin.predict(x).tobytes() == model.predict(x).tobytes()


def test_a_loaded_model_has_the_same_structure_state_and_noise_and_trains_on_alike(tmp_path):
    trainer = every_trainer()
    trainer.fit(*examples(64), verbose=False)
    model = trainer.model
    model.freeze("hidden1|maxout/kernel")
    model.layer("dropout").rate = 0.4         # may be changed at any time
    twin = save_and_load(model, tmp_path)
    assert (twin.name, twin.input_size, twin.dtype, twin.seed) == (model.name, model.input_size, model.dtype, model.seed)
    assert twin.frozen() == model.frozen()
    assert [repr(p) for p in twin.variables()] == [repr(p) for p in model.variables()]
    assert str(twin.summary()) == str(model.summary())
    assert twin.layer("dropout").rate == 0.4
    again = [nd.Trainer(m, "softmax_cross_entropy", nd.optimizers.Momentum(0.05)) for m in (model, twin)]
    for each in again:
        each.fit(*examples(100), epochs=2, seed=7, verbose=False)
    assert bits(again[0]) == bits(again[1])


def test_statistics_kept_by_hand_come_back_too(tmp_path):
    model = nd.Sequential([nd.BatchNormalization(name="bn"), Dense(2)], 3, seed=0)
    model.layer("bn").use_moving_statistics = True
    twin = save_and_load(model, tmp_path)
    assert twin.layer("bn").use_moving_statistics
    assert all(p.trainable for p in twin.variables("bn/(gamma|beta)"))


def test_a_model_without_a_seed_of_its_own_and_with_a_name_comes_back(tmp_path):
    model = nd.Sequential([nd.Dropout(0.5)], 50, name="only noise")
    twin = save_and_load(model, tmp_path)
    assert (twin.seed, twin.name) == (model.seed, "only noise")
    x = np.ones((3, 50))
    assert twin.forward(x, training=True).tobytes() == model.forward(x, training=True).tobytes()


def test_the_model_of_a_trainer_can_be_loaded_alone(tmp_path):
    trainer = every_trainer("adam")
    trainer.fit(*examples(64), verbose=False)
    twin = nd.load_model(trainer.save(tmp_path / "trainer.npz"))
    assert twin.predict(examples(9)[0]).tobytes() == trainer.model.predict(examples(9)[0]).tobytes()


# ── custom classes ─────────────────────────────────────────────────────────────────────────────────────────────
class Scale(layers.Layer):
    """One learnt number for all units."""

    def __init__(self, start=1.0, name=None):
        super().__init__(name)
        self.start = start

    def build(self, input_size):
        self.factor = self.add_parameter("factor", (1,), initializers.Constant(self.start))
        return input_size

    def forward(self, x, training=False):
        self.input = x
        return np.multiply(x, self.factor.value, out=self.output)

    def backward(self, grad_output):
        if self.factor.wanted is not None:
            self.factor.grad = np.sum(self.input * grad_output).reshape(1)
        return None if self.grad_input is None else np.multiply(grad_output, self.factor.value, out=self.grad_input)


class Nameless(Scale):
    """An own layer that takes no name."""

    def __init__(self, start=1.0):
        super().__init__(start)


class Halves(initializers.Initializer):
    def __call__(self, shape, fan_in, fan_out, rng):
        return np.full(shape, 0.5)


class L4(regularizers.Regularizer):
    def __init__(self, scale):
        self.scale = scale

    def penalty(self, w, dw, t):
        if dw is not None:
            dw += 4 * self.scale * w**3
        return self.scale * float(np.sum(w**4))


class Rounded(constraints.Constraint):
    def __init__(self, digits):
        self.digits = digits

    def apply(self, w, scratch):
        np.round(w, self.digits, out=w)


OWN = [Scale, Nameless, Halves, L4, Rounded]


def own_model():
    dense = Dense(3, kernel_initializer=Halves(), kernel_regularizer=L4(0.125), kernel_constraint=Rounded(3))
    return nd.Sequential([Nameless(3.0), dense, Scale(2.0, name="twice"), Nameless(), Dense(CLASSES)], WIDTH, seed=0)


@pytest.mark.parametrize("own", [OWN, tuple(OWN), {cls.__name__: cls for cls in OWN}], ids=["list", "tuple", "dict"])
def test_own_classes_are_handed_back(own, tmp_path):
    model = own_model()
    x, y = examples(30)
    nd.Trainer(model, "softmax_cross_entropy").fit(x, y, verbose=False)
    twin = save_and_load(model, tmp_path, own=own)
    assert [layer.name for layer in twin.layers] == ["nameless", "dense", "twice", "nameless_1", "dense_1"]
    assert repr(twin.layers) == repr(model.layers)
    assert twin.predict(x).tobytes() == model.predict(x).tobytes()
    for m in (model, twin):
        nd.Trainer(m, "softmax_cross_entropy", "adam").fit(x, y, verbose=False)
    assert arena_bits(twin) == arena_bits(model)


@pytest.mark.parametrize("missing", OWN, ids=lambda cls: cls.__name__)
def test_an_own_class_that_is_missing_is_named(missing, tmp_path):
    path = own_model().save(tmp_path / "own.npz")
    name = missing.__name__
    with pytest.raises(ValueError, match=rf"your class {name}; pass the class with own=\{{'{name}': {name}\}}"):
        nd.load_model(path, own=[cls for cls in OWN if cls is not missing])


def test_an_own_class_that_has_changed_since_is_noticed(tmp_path):
    class Other(Scale):
        def build(self, input_size):
            self.factor = self.add_parameter("exponent", (1,), initializers.Ones())
            return input_size

    class Wider(Scale):
        def build(self, input_size):
            self.factor = self.add_parameter("factor", (2,), initializers.Ones())
            return input_size

    path = nd.Sequential([Scale(name="s")], 2).save(tmp_path / "s.npz")
    with pytest.raises(ValueError, match="holds no s/exponent; is the class that was passed the one that was saved"):
        nd.load_model(path, own={"Scale": Other})
    with pytest.raises(ValueError, match=r"s/factor must have the shape \(2,\), got \(1,\)"):
        nd.load_model(path, own={"Scale": Wider})


def test_what_cannot_be_stored_is_named_and_no_file_is_left(tmp_path):
    model = nd.Sequential([Scale(name="s")], 2)
    model.layer("s").start = np.ones(1)
    with pytest.raises(TypeError, match="layer 's': start cannot be stored: an array of shape"):
        model.save(tmp_path / "s.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("own", "message"), [([Scale(name="s")], "own must hold classes"), ({"Scale": 3}, "'Scale' is 3")])
def test_own_must_hold_classes(own, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save_and_load(own_model(), tmp_path, own=own)


# ── weights from a file ───────────────────────────────────────────────────────────────────────────────────────────────
def network(*names, units=3, inputs=3, seed=0, **kwargs):
    """Dense layers of these names, the last one two wide."""
    sizes = [units] * (len(names) - 1) + [2]
    return nd.Sequential([Dense(n, name=name) for n, name in zip(sizes, names, strict=True)], inputs, seed=seed, **kwargs)


@pytest.fixture
def stored(tmp_path):
    """A model whose biases are not zero, and its file."""
    old = network("hidden1", "hidden2", "hidden10", "outputs")
    for i, p in enumerate(old.variables(".*bias")):
        p.value = i + 1.0
    return old, old.save(tmp_path / "old.npz")


def both(*names):
    return [(f"{n}/{kind}", f"{n}/{kind}") for n in names for kind in ("kernel", "bias")]


@pytest.mark.parametrize(
    ("scope", "restored"),
    [
        (None, ["hidden1", "hidden2", "hidden10", "outputs"]),
        ("hidden1", ["hidden1"]),
        ("hidden1.*", ["hidden1", "hidden10"]),         # what TensorFlow's match at the start takes
        ("hidden1/", ["hidden1"]),
        ("hidden[123]", ["hidden1", "hidden2"]),
        ("hidden2|outputs", ["hidden2", "outputs"]),
        (".*2", ["hidden2"]),
        (".*", ["hidden1", "hidden2", "hidden10", "outputs"]),
    ],
)
def test_a_scope_selects_whole_names_in_the_file(stored, scope, restored):
    old, path = stored
    new = network("hidden1", "hidden2", "hidden10", "outputs", seed=1)
    before = {p.name: p.value.copy() for p in new.variables()}
    report = new.load_weights(path, scope=scope)
    assert report.restored == both(*restored)
    assert report.untouched == [name for name in before if (name, name) not in report.restored]
    assert report.skipped == report.mismatched == []
    for p, source in zip(new.variables(), old.variables(), strict=True):
        expected = before[p.name] if p.name in report.untouched else source.value
        np.testing.assert_array_equal(p.value, expected)


def test_the_report_says_of_every_variable_what_happened(stored):
    _, path = stored
    new = nd.Sequential([Dense(3, name="encoder"), Dense(4, name="hidden2"), nd.PReLU(name="slopes")], 3, seed=1)
    report = new.load_weights(path, rename={"hidden1": "encoder"}, scope="hidden.*")
    assert report.restored == [("hidden1/kernel", "encoder/kernel"), ("hidden1/bias", "encoder/bias")]
    assert report.mismatched == [
        ("hidden2/kernel", "hidden2/kernel", (3, 3), (3, 4)),
        ("hidden2/bias", "hidden2/bias", (3,), (4,)),
    ]
    assert report.skipped == ["hidden10/kernel", "hidden10/bias"]
    assert report.untouched == ["slopes/alpha"]
    table = report.table()
    assert table.header == ["variable", "what happened", "why"]
    assert table.rows == [
        ["encoder/kernel", "restored", "from hidden1/kernel"],
        ["encoder/bias", "restored", "from hidden1/bias"],
        ["hidden2/kernel", "shape mismatch", "hidden2/kernel is (3, 3), the model's is (3, 4)"],
        ["hidden2/bias", "shape mismatch", "hidden2/bias is (3,), the model's is (4,)"],
        ["hidden10/kernel", "skipped", "in the file, without a partner in the model"],
        ["hidden10/bias", "skipped", "in the file, without a partner in the model"],
        ["slopes/alpha", "left as it was", "in the model, not restored"],
    ]
    assert table.notes == ["2 restored, 2 of another shape, 2 skipped, 1 left as they were"]
    assert repr(report) == str(table)
    assert report._repr_html_() == table._repr_html_()


def test_layers_of_another_shape_keep_their_bits_beside_restored_ones(stored):
    old, path = stored
    new = network("hidden1", "hidden2", "hidden10", units=3, seed=1)       # hidden10 is the last one here: 2 wide
    last = new.layer("hidden10").kernel.value.copy()
    report = new.load_weights(path, scope=".*")
    assert [name for name, *_ in report.mismatched] == ["hidden10/kernel", "hidden10/bias"]
    assert report.skipped == ["outputs/kernel", "outputs/bias"]
    np.testing.assert_array_equal(new.layer("hidden10").kernel.value, last)
    np.testing.assert_array_equal(new.layer("hidden2").kernel.value, old.layer("hidden2").kernel.value)


NAMES = ("hidden1", "hidden2", "hidden10", "outputs")
OTHER_NETWORKS = {
    "wider": (lambda: network(*NAMES, units=4), r"hidden1/kernel is \(3, 3\) in the file, \(3, 4\) here"),
    "other inputs": (lambda: network(*NAMES, inputs=4), r"hidden1/kernel is \(3, 3\) in the file"),
    "a layer less": (lambda: network("hidden1", "hidden2", "outputs"), r"hidden10/kernel is only in the file; 1 more;"),
    "a layer more": (lambda: network("hidden0", *NAMES), "hidden0/kernel is only in the model; 1 more"),
    "another name": (
        lambda: network("hidden1", "hidden2", "hidden10", "logits"),
        "outputs/kernel is only in the file; logits/kernel is only in the model; 2 more;",
    ),
    "nothing in common": (lambda: network("a"), "hidden1/kernel is only in the file; a/kernel is only in the model; 8 more"),
    "no bias": (lambda: nd.Sequential([Dense(3, use_bias=False, name="hidden1")], 3), "hidden1/bias is only in the file; 6"),
    "long names": (lambda: network(*("n" * 99 + str(i) for i in range(5))), "hidden1/kernel is only in the file; n+…"),
}


@pytest.mark.parametrize("other", OTHER_NETWORKS)
def test_a_file_of_another_architecture_is_refused_unless_a_part_is_asked_for(stored, other):
    make, message = OTHER_NETWORKS[other]
    _, path = stored
    new = make()
    before = arena_bits(new)
    with pytest.raises(ValueError, match=rf"load_weights: old\.npz is of another network: .*{message}") as refused:
        new.load_weights(path)
    assert arena_bits(new) == before
    assert 'write scope=".*", or name the layers with rename={' in str(refused.value)
    assert len(str(refused.value)) < 300
    if other not in ("nothing in common", "long names"):     # there is something that fits: the cure works
        assert new.load_weights(path, scope=".*").restored


@pytest.mark.parametrize(
    ("rename", "scope", "sources"),
    [
        ({"hidden1": "hidden2", "hidden2": "hidden1"}, "hidden[12]/", {"hidden1": "hidden2", "hidden2": "hidden1"}),
        ({"hidden1": "hidden2"}, None, {"hidden2": "hidden1", "outputs": "outputs"}),    # the file's hidden2 is skipped
        ({"hidden1": "hidden2"}, "hidden1/", {"hidden2": "hidden1"}),
        ({"hidden10": "hidden1", "outputs": "outputs"}, "hidden10|outputs", {"hidden1": "hidden10", "outputs": "outputs"}),
        ({}, "hidden2", {"hidden2": "hidden2"}),
    ],
)
def test_rename_says_which_layer_of_the_file_goes_where(stored, rename, scope, sources):
    old, path = stored
    new = network("hidden1", "hidden2", "outputs", seed=1)
    report = new.load_weights(path, scope=scope, rename=rename)
    assert {target.partition("/")[0]: name.partition("/")[0] for name, target in report.restored} == sources
    assert len(report.restored) == 2 * len(sources)
    for target, source in sources.items():
        np.testing.assert_array_equal(new.layer(target).kernel.value, old.layer(source).kernel.value)
        np.testing.assert_array_equal(new.layer(target).bias.value, old.layer(source).bias.value)


NOTHING_RESTORED = {
    # the seed's pattern with its | forgotten: there nothing was trained, without a word
    "the seed's typo": (
        {"scope": "hidden[34]outputs"},
        r"ValueError: no variable in .*old.npz.* called 'hidden\[34\]outputs' as a whole; there .*(\w+/\w+, ){7}outputs/bias$",
    ),
    "not at the start": ({"scope": "idden1"}, "ValueError: .* is called 'idden1' as a whole"),
    "no regex": ({"scope": "("}, r"ValueError: scope '\(' is not a regular expression"),
    "no string": ({"scope": ["hidden1"]}, "TypeError: scope must be a regular expression as a string, or None"),
    "not in the file": ({"rename": {"hiden1": "hidden1"}}, "ValueError: .* in the file .* 'hiden1'; did you mean 'hidden1'"),
    "not in the model": ({"rename": {"hidden1": "hiden1"}}, "ValueError: .* in the model .* 'hiden1'; did you mean 'hidden1'"),
    "a variable": ({"rename": {"hidden1/kernel": "hidden1"}}, "ValueError: unknown layer in the file"),
    "two to one": (
        {"rename": {"hidden1": "outputs", "hidden2": "outputs"}},
        "ValueError: rename gives the name 'outputs' to two layers of the file",
    ),
    "no dict": ({"rename": [("hidden1", "hidden2")]}, "TypeError: rename must be a dict"),
    "no name": ({"rename": {"hidden1": 2}}, "TypeError: layer in the model"),
    "another shape": (
        {"scope": "outputs"},
        r"ValueError: nothing in old.npz could .*kernel is .* in the file, \(4, 2\) in the model; outputs/bias has no .*; say",
    ),
    "no partner": (
        {"scope": "hidden10"},
        "ValueError: nothing in old.npz could be restored: hidden10/kernel has no partner in the model; 1 more; ",
    ),
}


@pytest.mark.parametrize("case", NOTHING_RESTORED)
def test_where_nothing_can_be_restored_it_raises_and_nothing_has_changed(stored, case):
    _, path = stored
    arguments, message = NOTHING_RESTORED[case]
    new = nd.Sequential([Dense(4, name="hidden1"), Dense(2, use_bias=False, name="outputs")], 3, seed=1)
    before = arena_bits(new)
    with pytest.raises((TypeError, ValueError)) as raised:
        new.load_weights(path, **arguments)
    kind, _, text = message.partition(": ")
    assert type(raised.value).__name__ == kind
    assert re.match(f"load_weights: {text}", str(raised.value), re.DOTALL)
    assert arena_bits(new) == before


@pytest.mark.parametrize("depth", [0, 5])
@pytest.mark.parametrize("arguments", [{}, {"scope": ".*"}, {"scope": "nothing"}])
def test_names_of_any_length_in_a_file_make_no_long_message(tmp_path, depth, arguments):
    layer = Dense(2, name="k" * 100)
    for _ in range(depth):
        layer = nd.Residual([layer], projection=True, name="k" * 100)
    path = nd.Sequential([layer], 4).save(tmp_path / f"{'f' * 100}.npz")
    with pytest.raises(ValueError, match="load_weights: ") as raised:
        nd.Sequential([Dense(3, name="k" * 100)], 4).load_weights(path, **arguments)
    assert len(str(raised.value)) < 300


def test_moving_statistics_come_along_and_slots_do_not(tmp_path):
    trainer = every_trainer("adam")
    trainer.fit(*examples(64), verbose=False)
    new = nd.Sequential(every_layer(), WIDTH, seed=9)
    report = new.load_weights(trainer.save(tmp_path / "trainer.npz"))
    assert ("hidden1_bn/moving_mean", "hidden1_bn/moving_mean") in report.restored
    assert report.skipped == report.mismatched == report.untouched == []
    assert arena_bits(new) == arena_bits(trainer.model)
    x, _ = examples(20, seed=4)
    assert new.predict(x).tobytes() == trainer.model.predict(x).tobytes()


def test_what_is_frozen_is_restored_and_stays_frozen(stored):
    old, path = stored
    new = network("hidden1", "hidden2", "outputs", seed=1)
    new.freeze("hidden.*")
    new.load_weights(path, scope="hidden[12]/")
    np.testing.assert_array_equal(new.layer("hidden1").kernel.value, old.layer("hidden1").kernel.value)
    assert new.frozen()["parameters"] == [p.name for p in new.variables("hidden.*")]


@pytest.mark.parametrize(("there", "here"), [("float64", "float32"), ("float32", "float64")])
def test_weights_of_the_other_precision_are_rounded_to_the_models(there, here, tmp_path):
    old, new = network("a", "outputs", seed=0, dtype=there), network("a", "outputs", seed=1, dtype=here)
    new.load_weights(old.save(tmp_path / "old.npz"))
    for p, source in zip(new.variables(), old.variables(), strict=True):
        assert p.value.dtype == here
        np.testing.assert_array_equal(p.value, source.value.astype(here))
    assert nd.load_model(tmp_path / "old.npz").dtype == there


def test_a_number_too_large_for_the_models_precision_is_named_and_nothing_has_changed(tmp_path):
    old, new = network("a", "outputs", dtype="float64"), network("a", "outputs", seed=1)
    old.layer("outputs").kernel.value = 1e300
    before = arena_bits(new)
    with pytest.raises(ValueError, match=r"load_weights: outputs/kernel in .*old.npz holds 1e\+300, which float32 cannot hold"):
        new.load_weights(old.save(tmp_path / "old.npz"))
    assert arena_bits(new) == before


def test_training_goes_on_with_restored_weights(tmp_path, stored):
    old, path = stored
    x, y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2
    new = network("hidden1", "hidden2", "hidden10", "outputs", seed=1)
    trainers = [nd.Trainer(model, "softmax_cross_entropy", "momentum", seed=5) for model in (old, new)]
    new.load_weights(path)                    # also when a trainer holds the model already
    for trainer in trainers:
        trainer.fit(x, y, epochs=2, verbose=False)
    assert arena_bits(old) == arena_bits(new)


# ── weights by hand ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("as_given", [list, np.array, lambda w: np.asfortranarray(np.array(w, "float64")), np.float16])
def test_the_chapters_check_with_weights_given_by_hand(as_given):
    model = nd.Sequential([Dense(3, name="hidden1"), Activation("relu")], 2)
    kernel = model.layer("hidden1").kernel.value
    model.layer("hidden1").kernel.value = as_given([[1, 2, 3], [4, 5, 6]])
    model.layer("hidden1").bias.value = as_given([7, 8, 9])
    assert model.predict([[10, 11]]).tolist() == [[61, 83, 105]]
    assert model.predict([10, 11]).tolist() == [[61, 83, 105]]
    assert model.predict([[-10, -11]]).tolist() == [[0, 0, 0]]
    assert kernel.tolist() == [[1, 2, 3], [4, 5, 6]]     # written into the array that was there


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1, 2], [3, 4], [5, 6]], r"hidden1/kernel: value must have the shape \(2, 3\), got \(3, 2\)"),
        ([1, 2, 3], r"value must have the shape \(2, 3\), got \(3,\)"),
        (1e300, "1e\\+300, which float32 cannot hold"),
    ],
)
def test_weights_of_a_wrong_shape_are_refused(value, message):
    model = nd.Sequential([Dense(3, name="hidden1")], 2, seed=0)
    before = arena_bits(model)
    with pytest.raises(ValueError, match=message):
        model.layer("hidden1").kernel.value = value
    assert arena_bits(model) == before


# ── new layers on old ones ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def original():
    """A trained model of every layer, partly frozen."""
    trainer = every_trainer()
    trainer.fit(*examples(64), verbose=False)
    trainer.model.freeze("hidden1|maxout/bias")
    return trainer.model


@pytest.mark.parametrize("keep", [layer.name for layer in nd.Sequential(every_layer(), WIDTH).layers])
def test_kept_layers_are_copies_and_the_original_is_untouched(original, keep):
    before, frozen, generators = arena_bits(original), original.frozen(), str(original.generators())
    depth = 1 + [layer.name for layer in original.layers].index(keep)
    model = original.with_layers([nd.Dropout(0.5, name="new_dropout"), Dense(7, name="top")], keep=keep)
    assert [layer.name for layer in model.layers] == [*(layer.name for layer in original.layers[:depth]), "new_dropout", "top"]
    assert repr(model.layers[:depth]) == repr(original.layers[:depth])
    assert (model.input_size, model.dtype, model.output_size) == (original.input_size, original.dtype, 7)
    kept = [p for layer in original.layers[:depth] for p in layer.parameters]
    for p in kept:
        twin = model.variables(f"{p.name}$")[0]
        assert twin.value.tobytes() == p.value.tobytes()
        assert twin.trainable == p.trainable
    assert set(model.frozen()["parameters"]) == set(frozen["parameters"]) & {p.name for p in kept}
    x, _ = examples(16)
    here, there = original.copy(), model.copy()
    for training in (False, True):            # the same statistics, and the same noise
        here.forward(x, training=training)
        there.forward(x, training=training)
        assert there.layer(keep).output.tobytes() == here.layer(keep).output.tobytes()

    nd.Trainer(model, "softmax_cross_entropy").fit(*examples(64), verbose=False)
    model.unfreeze()
    assert (arena_bits(original), original.frozen(), str(original.generators())) == (before, frozen, generators)


def kernels(model):
    return {p.name: p.value for p in model.variables(".*kernel")}


def test_new_layers_begin_with_weights_of_their_own():
    """Also at the same place, under the same name and of the same shape as the layer that they replace."""
    old = network("hidden1", "hidden2", "outputs", units=30, seed=4)
    new = old.with_layers([Dense(30, name="hidden2"), Dense(2, name="outputs")], keep="hidden1")
    again = old.with_layers([Dense(30, name="hidden2"), Dense(2, name="outputs")], keep="hidden1")
    other = old.with_layers([Dense(30, name="hidden2"), Dense(2, name="outputs")], keep="hidden1", seed=77)
    for name in ("hidden2/kernel", "outputs/kernel"):
        fresh = kernels(new)[name]
        correlation = np.corrcoef(fresh.ravel(), kernels(old)[name].ravel())[0, 1]
        assert abs(correlation) < 4 / np.sqrt(fresh.size)
        np.testing.assert_array_equal(kernels(again)[name], fresh)    # the same at every run
        assert not np.any(kernels(other)[name] == fresh)


def test_new_noise_is_not_the_old_noise_again():
    old = nd.Sequential([Dense(20, name="hidden1"), nd.GaussianNoise(name="n"), Dense(2)], 3, seed=4)
    new = old.with_layers([nd.GaussianNoise(name="n"), Dense(2)], keep="hidden1")
    x = np.ones((5, 3), np.float32)
    noise = []
    for model in (old, new):
        model.forward(x, training=True)
        noise.append(model.layer("n").output - model.layer("hidden1").output)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.4


def test_models_can_be_built_on_models_that_were_built_on_models(original):
    first = original.with_layers([Dense(5, name="five")], keep="hidden2", name="first")
    second = first.with_layers([Activation("tanh"), Dense(2, name="two")], keep="five")
    assert (first.name, second.name) == ("first", "sequential")
    assert second.layer("five").kernel.value.tobytes() == first.layer("five").kernel.value.tobytes()
    assert second.seed not in (first.seed, original.seed)


def test_unnamed_new_layers_are_numbered_on_and_layers_may_only_be_taken_off():
    old = nd.Sequential([Dense(3), Activation("relu"), Dense(3), Dense(2)], 3, seed=0)
    assert [layer.name for layer in old.with_layers([Activation("elu"), Dense(4)], keep="dense_1").layers] == [
        *("dense", "activation", "dense_1", "activation_1", "dense_2")
    ]
    shorter = old.with_layers([], keep="activation")
    assert [layer.name for layer in shorter.layers] == ["dense", "activation"]
    x = np.ones((2, 3), np.float32)
    old.forward(x)
    np.testing.assert_array_equal(shorter.predict(x), old.layer("activation").output)


def test_own_layers_are_kept_too():
    model = own_model()
    nd.Trainer(model, "softmax_cross_entropy").fit(*examples(30), verbose=False)
    new = model.with_layers([Nameless(), Dense(2, name="top")], keep="twice")
    assert [layer.name for layer in new.layers] == ["nameless", "dense", "twice", "nameless_1", "top"]
    assert new.layer("twice").factor.value == model.layer("twice").factor.value != 2.0
    assert new.layer("dense").kernel.regularizer is not None


@pytest.mark.parametrize(
    ("new", "keep", "error", "message"),
    [
        ([], "hiden1", ValueError, "unknown keep 'hiden1'; did you mean 'hidden1'"),
        ([], None, TypeError, "keep must be one of the names hidden1, hidden2, outputs, got None"),
        ([Dense(2, name="hidden1")], "hidden2", ValueError, "two layers have the name 'hidden1'"),
        ([nd.GLU()], "hidden1", ValueError, "input width must be divisible by 2, got 3"),
        (["relu"], "hidden1", TypeError, r'for an activation write nd.Activation\("relu"\)'),
    ],
)
def test_new_layers_that_do_not_fit_are_refused(new, keep, error, message):
    model = network("hidden1", "hidden2", "outputs")
    before = arena_bits(model)
    with pytest.raises(error, match=message):
        model.with_layers(new, keep=keep)
    assert arena_bits(model) == before


def test_a_layer_of_the_old_model_cannot_be_put_into_the_new_one():
    model = network("hidden1", "hidden2", "outputs")
    with pytest.raises(ValueError, match="layer 'outputs' already belongs to a model; a layer serves one model"):
        model.with_layers([model.layer("outputs")], keep="hidden1")


def test_calls_that_would_have_done_nothing_or_said_little(tmp_path):
    layers = [nd.Dense(3, name="a"), nd.BatchNormalization(name="bn"), nd.Dense(2, name="b")]
    model = nd.Sequential(layers, 4, seed=0)
    with pytest.raises(TypeError, match=r"with_layers: layers must be a list of layers; put the layer in brackets"):
        model.with_layers(nd.Dense(5), keep="a")
    with pytest.raises(ValueError, match=r"unfreeze: 'bn/moving\.\*' selects moving statistics alone"):
        model.unfreeze("bn/moving.*")
    nested = nd.Sequential([nd.Residual([nd.BatchNormalization(name="bn")], name="block"), nd.Dense(2)], 4, seed=0)
    with pytest.raises(ValueError, match=r"freeze the layer: model.freeze\('block/bn'\)"):
        nested.freeze("block/bn/moving_mean")
    path = model.save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="rename names layer 'b', but scope 'a/' selects nothing of it"):
        model.load_weights(path, scope="a/", rename={"b": "bn"})
