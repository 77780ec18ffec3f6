"""Networks from and to Keras: outputs, gradients and training are the same, and what cannot be converted is named."""

import contextlib
import functools
import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers_zoo import PARAMETERS, network

import npdeep as nd
from npdeep.interop.keras_calls import ACTIVATIONS, PARTS

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = None
with contextlib.suppress(ImportError):
    import keras
    from keras import layers, ops
    from keras.src.backend.common import dtypes
needs_it = pytest.mark.skipif(keras is None, reason="Keras or its backend is not installed: pip install 'npdeep[keras,torch]'")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")    # Keras's, of PyTorch's tensors
to_keras, from_keras, keras_source = nd.interop.keras.to_keras, nd.interop.keras.from_keras, nd.interop.keras.keras_source
ZOO = range(50)
ROWS = 12
CLOSE = 1e-8
RATE = 1 / 128                                # Keras keeps the learning rate in float32
GIVEN = {
    **{name: values for name, values in PARAMETERS.items() if name not in ("hard_tanh", "softplus")},    # fixed in Keras
    "squareplus": {"b": 2.0},
    "general_relu": {"negative_slope": 0.2, "maximum": 1.0, "threshold": 0.1},
    "scaled": {"slope": 2.0, "offset": 0.5},
}
FURTHER = [
    lambda width, name=name: [nd.Dense(width), nd.Activation(name, **GIVEN.get(name, {}))]
    for name in ("squareplus", "general_relu", "scaled", "sparse_plus", "sparse_sigmoid")
]                                             # no hard_sigmoid: PyTorch below Keras takes its slope, 1/6, in float32


@pytest.fixture(autouse=True)
def float64_is_float64(monkeypatch):
    """Keras computes matrix products and moments of float64 in float32, as JAX would."""
    if keras is not None:
        monkeypatch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")


def zoo(seed, dtype="float64", dropout=False):
    return network(seed, dtype, dropout, FURTHER, GIVEN, without=("softmin",))


def data(seed, rows=ROWS):
    rng = np.random.default_rng(1000 + seed)
    return rng.normal(size=(rows, 5)), rng.normal(size=(rows, 3))


def outputs(net, x, training=False):
    return ops.convert_to_numpy(net(x, training=training))


def ready(net):
    """Compiled for single steps by plain gradient descent on the mean squared error."""
    loss = keras.losses.MeanSquaredError(dtype=net.layers[0].dtype)
    net.compile(keras.optimizers.SGD(RATE), loss, run_eagerly=True, jit_compile=False)
    return net


def stepped(net, x, y):
    """The loss of one step; older versions of Keras average over all steps."""
    net.reset_metrics()
    return float(net.train_on_batch(x, y))


def gap(ours, net):
    """The largest difference between our numbers and those of a network that came from ours, moving statistics included."""
    there = {v.path.replace("/", "_"): ops.convert_to_numpy(v.value) for v in net.weights}
    here = {name.replace("/", "_"): array for name, array in ours.state_dict().items()}
    assert there.keys() == here.keys()
    return max(np.abs(there[name] - array).max() for name, array in here.items())


# ── to Keras and back ─────────────────────────────────────────────────────────────────────────────────────────────────
@needs_it
@pytest.mark.parametrize("seed", ZOO)
def test_outputs_and_gradients_are_the_same(seed):
    torch = pytest.importorskip("torch")
    if keras.backend.backend() != "torch":
        pytest.skip("gradients are asked of PyTorch below Keras")
    model = zoo(seed)
    net = to_keras(model)
    x, y = data(seed)
    assert np.abs(outputs(net, x) - model.predict(x)).max() <= CLOSE
    inputs = torch.tensor(x, requires_grad=True)
    loss = torch.nn.MSELoss()(net(inputs, training=True), torch.tensor(y))
    loss.backward()
    mean = nd.losses.MeanSquaredError()
    assert abs(mean.forward(model.forward(x, training=True), y) - loss.item()) <= CLOSE
    assert np.abs(model.backward(mean.backward(), input_gradient=True) - inputs.grad.numpy()).max() <= CLOSE
    gradients = {v.path.replace("/", "_"): v.value.grad.numpy() for v in net.trainable_variables}
    assert len(gradients) == len(model.trainable_variables())
    for p in model.trainable_variables():
        assert np.abs(gradients[p.name.replace("/", "_")] - p.grad).max() <= CLOSE, p.name


@needs_it
@pytest.mark.parametrize("seed", ZOO)
def test_ten_training_steps_are_the_same(seed):
    """Plain gradient descent; moving statistics too: Keras's variance is the biased one. It counts the loss in float32."""
    model = zoo(seed)
    net = ready(to_keras(model))
    trainer = nd.Trainer(model, "mean_squared_error", nd.optimizers.SGD(RATE))
    for step in range(10):
        x, y = data(100 * seed + step)
        assert trainer.step(x, y) == pytest.approx(stepped(net, x, y), rel=1e-6)
    assert gap(model, net) <= CLOSE


@needs_it
@pytest.mark.parametrize("seed", ZOO)
def test_there_and_back_every_bit_is_the_same(seed):
    model = zoo(seed, "float32" if seed % 2 else "float64", dropout=True)
    net = to_keras(model)
    back = from_keras(net)
    assert back.dtype == model.dtype
    assert list(back.state_dict()) == list(model.state_dict())
    assert all(np.array_equal(a, b) for a, b in zip(back.state_dict().values(), model.state_dict().values(), strict=True))
    assert str(back.summary()) == str(model.summary())
    assert np.array_equal(back.predict(data(seed)[0]), model.predict(data(seed)[0]))
    assert keras_source(back) == keras_source(model)


@needs_it
@pytest.mark.parametrize("seed", ZOO[:20])
def test_the_code_makes_the_same_network(seed):
    model = zoo(seed, dropout=True)
    names = {}
    exec(keras_source(model), names)
    net, x = names["model"], data(seed)[0]
    net.set_weights(to_keras(model).get_weights())
    assert np.abs(outputs(net, x) - model.predict(x)).max() <= CLOSE


@needs_it
def test_a_network_of_every_part_goes_through_a_file(tmp_path):
    kinds = [nd.Dense(6, kernel_regularizer="l2"), nd.Activation("celu", alpha=0.5), nd.Dropout(0.2), nd.GLU(),
             nd.Residual([nd.Dense(3)]), nd.Parallel([[nd.Dense(2)], []], split=(1, 2)), nd.PReLU(), nd.LayerNormalization(),
             nd.BatchNormalization(), nd.GaussianNoise(0.1), nd.GaussianDropout(0.1), nd.AlphaDropout(0.1)]  # fmt: skip
    model = nd.Sequential(kinds, 5, seed=0)
    to_keras(model).save(tmp_path / "net.keras")
    back = from_keras(keras.models.load_model(tmp_path / "net.keras"))
    assert str(back.summary()) == str(model.summary())
    assert np.array_equal(back.predict(data(0)[0]), model.predict(data(0)[0]))


@needs_it
@pytest.mark.filterwarnings("error")
def test_no_warning_of_others_comes_through():
    from_keras(to_keras(zoo(3)))


@needs_it
def test_the_copies_are_independent():
    model = zoo(3)
    net = to_keras(model)
    before, theirs = model.arena.values.copy(), net.get_weights()
    net.set_weights([w + 1 for w in theirs])
    assert np.array_equal(model.arena.values, before)
    from_keras(net).arena.values[:] = 0
    assert all(np.array_equal(a, b + 1) for a, b in zip(net.get_weights(), theirs, strict=True))


@needs_it
def test_pythons_generator_is_left_alone():
    before = random.getstate()
    from_keras(to_keras(zoo(3, dropout=True)))
    assert random.getstate() == before


# ── single parts ──────────────────────────────────────────────────────────────────────────────────────────────────────
@needs_it
@pytest.mark.parametrize("defaults", [True, False])
@pytest.mark.parametrize("name", [ours for ours, *_ in ACTIVATIONS])
def test_every_activation_of_the_table(name, defaults):
    given = GIVEN.get(name, {})
    if defaults and name != "threshold":
        given = {}
    model = nd.Sequential([nd.Activation(name, **given)], 4, dtype="float64")
    net = to_keras(model)
    x = np.random.default_rng(0).normal(size=(200, 4)) * 10
    values = model.predict(x)
    assert (np.abs(outputs(net, x) - values) <= CLOSE * np.maximum(1, np.abs(values))).all()
    back = from_keras(net).layers[0]
    expected = "relu" if name == "general_relu" and not given else name
    assert back.activation == expected
    assert expected == "relu" or back.values == model.layers[0].values


@needs_it
@pytest.mark.parametrize("name", sorted({theirs for _, theirs, _ in ACTIVATIONS if theirs} - {"threshold"}))
def test_every_function_of_keras_with_its_own_defaults(name):
    """By name, as a function of keras.activations inside a Dense, and as one of keras.ops in the graph."""
    x = np.random.default_rng(0).normal(size=(30, 4)) * 3
    inputs = keras.Input((4,), dtype="float64")
    nets = [
        keras.Sequential([inputs, layers.Dense(4, activation=name, dtype="float64", name="a")]),
        keras.Sequential([inputs, layers.Activation(getattr(keras.activations, name), dtype="float64")]),
    ]
    if in_ops := getattr(ops, {"exponential": "exp", "linear": ""}.get(name, name), None):
        nets.append(keras.Model(inputs, in_ops(layers.Dense(4, dtype="float64")(inputs))))
    for net in nets:
        given = outputs(net, x)
        assert (np.abs(from_keras(net).predict(x) - given) <= CLOSE * np.maximum(1, np.abs(given))).all()
    if name != "linear":
        assert [layer.name for layer in from_keras(nets[0]).layers] == ["a", f"a_{name}"]


@needs_it
@pytest.mark.parametrize(
    ("make", "activation"),
    [
        (lambda: layers.LeakyReLU(), {"negative_slope": 0.3}),
        (lambda: layers.Activation("leaky_relu"), {"negative_slope": 0.2}),
        (lambda: layers.Dense(4, activation="leaky_relu"), {"negative_slope": 0.2}),
        (lambda: layers.Dense(4, activation=layers.LeakyReLU(0.1)), {"negative_slope": 0.1}),
        (lambda: layers.ELU(0.7), {"alpha": 0.7}),
        (lambda: layers.ReLU(6.0), {"negative_slope": 0.0, "maximum": 6.0, "threshold": 0.0}),
        (lambda: layers.ReLU(), {}),
        (lambda: layers.Rescaling(1 / 255, -0.5), {"slope": 1 / 255, "offset": -0.5}),
        (lambda: layers.Activation("gelu"), {}),
        (lambda: layers.Softmax(), {}),
    ],
)
def test_parameters_of_activations(make, activation):
    net = keras.Sequential([keras.Input((4,)), make()])
    model = from_keras(net)
    assert model.layers[-1].values == tuple(activation.values())
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32") * 5
    assert np.abs(model.predict(x) - outputs(net, x)).max() <= 1e-5


@needs_it
def test_momentum_epsilon_and_the_biased_variance():
    net = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.LayerNormalization()])
    bn, ln = from_keras(net).layers
    assert (bn.momentum, bn.epsilon, ln.epsilon) == (0.99, 1e-3, 1e-3)


@needs_it
@pytest.mark.parametrize(("ours", "theirs"), [(ours, theirs) for home, ours, theirs, _ in PARTS])
@pytest.mark.parametrize("what", ["kernel", "bias"])
def test_penalties_and_constraints_train_alike(ours, theirs, what):
    home = nd.regularizers if hasattr(nd.regularizers, ours) else nd.constraints
    part = {"L1": (0.1,), "L2": (0.2,), "L1L2": (0.1, 0.2), "MaxNorm": (0.5,), "MinMaxNorm": (0.4, 0.5, 0.9), "UnitNorm": (),
            "NonNegative": ()}[ours]  # fmt: skip
    name = f"{what}_{'regularizer' if home is nd.regularizers else 'constraint'}"
    dense = nd.Dense(4, bias_initializer="glorot_uniform", **{name: getattr(home, ours)(*part)})
    model = nd.Sequential([dense, nd.Activation("tanh"), nd.Dense(3)], 5, seed=1, dtype="float64")
    net = ready(to_keras(model))
    assert type(getattr(net.layers[1], name)).__name__ == theirs
    assert getattr(from_keras(net).layers[0], name).arguments() == getattr(model.layers[0], name).arguments()
    exec(keras_source(model), names := {})
    assert getattr(names["model"].layers[1], name).get_config() == getattr(net.layers[1], name).get_config()
    trainer = nd.Trainer(model, "mean_squared_error", nd.optimizers.SGD(RATE))
    losses = []
    for step in range(10):
        x, y = data(step)
        losses.append((trainer.step(x, y), stepped(net, x, y)))
    norms = ours in ("MaxNorm", "MinMaxNorm", "UnitNorm")    # Keras adds 1e-7 to norms
    assert gap(model, net) <= (1e-5 if norms else CLOSE)
    assert home is nd.constraints or np.abs(np.subtract(*zip(*losses, strict=True))).max() <= 1e-6


@needs_it
def test_names_go_over_and_those_that_keras_refuses_are_changed():
    parts = [nd.Dense(2, name="hidden.1"), nd.Dense(2, name="inputs"), nd.Dense(2, name="celu"), nd.Dense(2, name="hidden_1"),
             nd.Residual([nd.Dense(2, name="a")], name="b.1"), nd.Activation("celu", alpha=0.5)]  # fmt: skip
    net = to_keras(nd.Sequential(parts, 2, name="my / net"))
    names = ["inputs", "hidden_1", "inputs_", "celu_", "hidden_1_", "b_1_a", "b_1"]
    assert [layer.name for layer in net.layers if layer.name in names] == names
    back = ["hidden_1", "inputs_", "celu_", "hidden_1_", "b_1/a", "b_1", "activation"]
    assert [layer.name for layer in from_keras(net).everything()] == back
    spaced = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="my layer ä")])
    assert from_keras(spaced).layers[0].name == "my_layer__"


# ── networks of Keras as one writes them ──────────────────────────────────────────────────────────────────────────────
def images():
    return keras.Sequential([keras.Input((4, 3, 1)), layers.Rescaling(1 / 255), layers.Dropout(0.1), layers.Flatten(),
                             layers.Dense(5, "relu"), layers.Dense(2, "softmax")])  # fmt: skip


def built_later():
    net = keras.Sequential([layers.Dense(5, "relu"), layers.Dense(2)])
    net.build((None, 12))
    return net


def nested():
    within = keras.Sequential([layers.Dense(4), layers.Dense(4)])
    inner = keras.Sequential([keras.Input((12,)), layers.Dense(5, "tanh"), within])
    x = inner(inputs := keras.Input((12,)))
    return keras.Model(inputs, layers.Dense(2, name="dense")(x))


def resnet():
    x = inputs = keras.Input((12,))
    for width in (12, 12, 6, 6):
        y = layers.Dense(width, "relu")(layers.LayerNormalization()(x))
        x = layers.Add()([x if x.shape[-1] == width else layers.Dense(width, use_bias=False)(x), y])
    return keras.Model(inputs, x + layers.Dense(6)(x))


def inception():
    inputs = keras.Input((12,))
    x = layers.Dense(6)(inputs)
    three = layers.Add()([layers.Dense(4)(x), layers.Dense(4)(x), layers.Dense(4)(x)])
    y = layers.Concatenate()([layers.Dense(3)(x), x, three])
    u, v, w = ops.split(y, [4, 9], axis=1)
    z = ops.concatenate([u, layers.Dense(2)(v), ops.add(layers.Dense(4)(w), w)], axis=1)
    return keras.Model(inputs, layers.Identity()(z))


@needs_it
@pytest.mark.parametrize("make", [images, built_later, nested, resnet, inception])
def test_networks_of_keras_as_one_writes_them(make):
    net = make()
    net.set_weights([w + 0.1 * np.random.default_rng(0).normal(size=w.shape) for w in net.get_weights()])
    x = np.random.default_rng(0).normal(size=(9, 12)).astype("float32")
    theirs = outputs(net, x.reshape(9, *net.input_shape[1:]))
    model = from_keras(net)
    assert np.abs(model.predict(x) - theirs).max() <= 1e-5
    assert np.abs(outputs(to_keras(model), x) - theirs).max() <= 1e-5
    assert sum(p.size for p in model.parameters) == net.count_params()


@needs_it
def test_what_they_become():
    assert [type(layer).__name__ for layer in from_keras(resnet()).layers] == ["Residual"] * 5
    kinds = ["Dense", "Dense", "Dense", "Dense", "Dense", "Parallel", "Parallel", "Dense", "Dense", "Residual", "Parallel"]
    assert [type(layer).__name__ for layer in from_keras(inception()).everything()] == kinds
    assert [type(layer).__name__ for layer in from_keras(nested()).layers] == ["Dense", "Activation", "Dense", "Dense", "Dense"]


@needs_it
def test_the_cure_for_a_last_softmax_works():
    model = from_keras(keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax", name="outputs")]))
    logits = model.with_layers([], keep="outputs")
    nd.Trainer(logits, "softmax_cross_entropy", "sgd").step(np.ones((2, 4)), [0, 1])


# ── what is frozen ────────────────────────────────────────────────────────────────────────────────────────────────────
@needs_it
def test_what_is_frozen_goes_over_and_back():
    parts = [nd.Dense(4, name="a"), nd.BatchNormalization(name="bn"), nd.Dense(4, name="b"), nd.BatchNormalization(name="bn2"),
             nd.PReLU(name="p"), nd.BatchNormalization(center=False, scale=False, name="plain")]  # fmt: skip
    model = nd.Sequential(parts, 5, seed=0, dtype="float64")
    model.freeze("a|bn|p")
    model.layer("b").bias.trainable = False
    model.layer("bn2").gamma.trainable = model.layer("bn2").beta.trainable = False
    model.layer("bn2").use_moving_statistics = False
    model.layer("plain").use_moving_statistics = True
    net = to_keras(model)
    assert [layer.name for layer in net.layers if not layer.trainable] == ["a", "bn", "p", "plain"]
    assert [v.path for v in net.trainable_variables] == ["b/kernel"]
    x = data(0)[0]
    assert np.abs(outputs(net, x, training=True) - model.forward(x, training=True)).max() <= CLOSE
    back = from_keras(net)
    assert back.frozen() == model.frozen()
    net.trainable = True
    assert from_keras(net).trainable_variables()[0].name == "a/kernel"
    net.trainable = False
    assert not from_keras(net).trainable_variables()


@needs_it
def test_batch_normalization_that_trains_on_moving_statistics_is_refused():
    model = nd.Sequential([nd.BatchNormalization(name="bn")], 5)
    model.layer("bn").use_moving_statistics = True
    with pytest.raises(ValueError, match="to_keras: layer 'bn' trains on moving statistics"):
        to_keras(model)


@needs_it
@pytest.mark.parametrize("axes", [[1], 1])
def test_a_prelu_with_one_slope_is_taken_when_asked_for(axes):
    net = keras.Sequential([keras.Input((4,)), layers.PReLU("ones", shared_axes=axes)])
    with pytest.raises(ValueError, match=r"'p_re_lu\w*' is a PReLU with one slope for all 4 units.*expand_prelu=True"):
        from_keras(net)
    x = -np.ones((1, 4), "float32")
    assert np.array_equal(from_keras(net, expand_prelu=True).predict(x), outputs(net, x))


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────
def after(layer, shape=(4,)):
    return keras.Sequential([keras.Input(shape), layer])


def functional(build, shape=(4,)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, build(inputs))


def twice(inputs):
    layer = layers.Dense(4, name="both")
    return layer(layer(inputs))


def dense_net(inputs):
    x = layers.Concatenate()([inputs, y := layers.Dense(4, name="early")(inputs)])
    return layers.Concatenate()([inputs, y, layers.Dense(4)(x)])


def two_inputs():
    a, b = keras.Input((2,)), keras.Input((2,))
    return keras.Model([a, b], layers.Add()([a, b]))


def two_outputs():
    inputs = keras.Input((2,))
    return keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(2)(inputs)])


def shuffled(inputs):
    a, b = ops.split(inputs, 2, axis=1)
    return layers.Concatenate()([b, a])


def subclassed():
    class Mine(keras.Model):
        def call(self, x):
            return x

    return Mine()


def tied():
    a, b = layers.Dense(4, name="a"), layers.Dense(4, name="b")
    net = keras.Sequential([keras.Input((4,)), a, b])
    b._tracker.unlock()
    b._kernel = b._trainable_variables[0] = a._kernel
    return net


def with_lora():
    net = after(layers.Dense(3, name="d"))
    net.layers[0].enable_lora(1)
    return net


def derived():
    return type("Dense", (layers.Dense,), {})(3)


def broken():
    net = after(layers.Dense(3, name="d"))
    net.set_weights([np.full((4, 3), np.nan), np.zeros(3)])
    return net


REFUSED_BY_NPDEEP = [
    (lambda: keras.Sequential([layers.Dense(3)]), r"is not built.*keras\.Input\(\(width,\)\).*build"),
    (lambda: keras.Sequential(), "is not built"),
    (two_inputs, "has 2 inputs"),
    (two_outputs, "has 2 outputs"),
    (subclassed, "is a Mine, whose call may do anything"),
    (lambda: functional(twice), "'both' is a Dense that is used twice"),
    (lambda: functional(dense_net), "'early' is a Dense that is used twice"),
    (tied, "'a' is a Dense that shares weights with 'b'"),
    (lambda: after(layers.Conv2D(1, 2), (4, 4, 1)), "is a Conv2D which npdeep does not have; from_keras reads Activation, Add"),
    (lambda: after(derived()), "is a Dense which npdeep does not have"),
    (lambda: after(layers.Embedding(3, 2)), "is a Embedding which"),
    (lambda: after(layers.RMSNormalization()), "RMSNormalization"),
    (lambda: after(layers.Lambda(lambda x: x)), "Lambda"),
    (lambda: functional(lambda x: layers.Multiply()([x, x])), "is a Multiply of 2 inputs"),
    (lambda: functional(lambda x: layers.Maximum()([x, layers.Dense(4)(x)])), "is a Maximum of 2 inputs"),
    (lambda: functional(lambda x: x + 1.0), "is a Add that is called with 1.0"),
    (lambda: functional(lambda x: x * 2), "is a Multiply that is called with 2"),
    (lambda: functional(lambda x: x[:, :2]), "is a GetItem"),
    (lambda: functional(lambda x: ops.sin(x)), "is a Sin which npdeep does not have"),
    (lambda: functional(shuffled), "'split\\w*' is a Split whose pieces do not each go"),
    (lambda: functional(lambda x: ops.split(x, 2, axis=1)[0]), "is a Split whose pieces"),
    (lambda: functional(lambda x: layers.Add()([x, layers.Dense(1)(x)])), r"of \(None, 4\) and \(None, 1\).*same width"),
    (lambda: functional(lambda x: layers.Concatenate(axis=0)([x, x])), "Concatenate"),
    (lambda: functional(lambda x: layers.Dropout(0.5, name="mc")(x, training=True)), "'mc' is .*called with training=True"),
    (lambda: after(layers.Dense(3), (4, 4)), r"is a Dense on \(None, 4, 4\).*Flatten\(\) before it"),
    (lambda: after(layers.Softmax(), (4, 4)), r"is a Softmax on \(None, 4, 4\)"),
    (lambda: after(layers.LayerNormalization(), (4, 4)), r"LayerNormalization on \(None, 4, 4\)"),
    (lambda: after(layers.PReLU(), (4, 4)), r"PReLU on \(None, 4, 4\)"),
    (lambda: after(layers.Activation("relu"), (4, 4)), r"output has the shape \(None, 4, 4\)"),
    (lambda: after(layers.Flatten(data_format="channels_first"), (4, 3, 2)), "Flatten with data_format='channels_first'"),
    (lambda: after(layers.Activation("relu"), (None,)), r"input has the shape \(None, None\)"),
    (lambda: after(layers.Activation("relu"), ()), r"input has the shape \(None,\)"),
    (lambda: after(layers.Softmax(axis=0)), "along axis=0"),
    (lambda: after(layers.BatchNormalization(gamma_regularizer="l2")), "with gamma_regularizer"),
    (lambda: after(layers.LayerNormalization(beta_constraint="non_neg")), "with beta_constraint"),
    (lambda: after(layers.PReLU(alpha_regularizer="l1")), "with alpha_regularizer"),
    (lambda: after(layers.Dense(3, activity_regularizer="l2")), "with an activity_regularizer"),
    (lambda: after(layers.ActivityRegularization(0.1)), "ActivityRegularization"),
    (lambda: after(layers.Dense(3, kernel_regularizer="orthogonal_regularizer")), "kernel_regularizer is a Orthogonal"),
    (lambda: after(layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(axis=[0, 1]))), "that cannot be: .*axis"),
    (lambda: after(layers.Dense(3, activation="sparsemax")), "sparsemax, and Keras computes something else"),
    (lambda: after(layers.Activation("threshold")), r"with threshold without its argument threshold; write keras\.ops\.thresh"),
    (lambda: after(layers.Dense(3, activation=lambda x: x)), "whose activation is '<lambda>'"),
    (lambda: after(layers.Activation(functools.partial(keras.activations.elu, alpha=2.0))), "whose activation is"),
    (lambda: after(layers.Dropout(0.5, noise_shape=(1, 4))), r"with noise_shape=\(1, 4\)"),
    (lambda: after(layers.Dropout(1.0)), "is a Dropout that cannot be: .*rate"),
    (lambda: after(layers.LeakyReLU(2.0)), "is a LeakyReLU that cannot be: .*negative_slope"),
    (lambda: after(layers.ReLU(0.0)), "is a ReLU that cannot be: .*threshold must be below maximum"),
    (lambda: after(layers.Rescaling([1.0, 2.0, 3.0, 4.0])), "is a Rescaling that cannot be"),
    (lambda: after(layers.Dense(3, dtype="float16")), r"computes in float16 and float32.*Input too"),
    (lambda: after(layers.Dense(3, dtype="mixed_float16")), "float16 and float32"),
    (lambda: after(layers.Dense(3, dtype="bfloat16")), "bfloat16"),
    (lambda: after(layers.Dense(3, dtype="float64")), "computes in float32 and float64"),
    (lambda: keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(3, dtype="float64")]), "float32 and float64"),
    (with_lora, "with LoRA"),
    (broken, "d/kernel holds nan; weights must be finite"),
    (lambda: after(layers.Identity()), "has no layers that do something"),
]


@needs_it
@pytest.mark.parametrize(("make", "says"), REFUSED_BY_NPDEEP)
def test_what_npdeep_does_not_have_is_refused_by_name(make, says):
    with pytest.raises(ValueError, match=rf"^from_keras: .*{says}"):
        from_keras(make())


@needs_it
def test_batch_renormalization_is_refused():
    with contextlib.suppress(ValueError):     # older versions of Keras have none
        net = after(layers.BatchNormalization(renorm=True))
        with pytest.raises(ValueError, match=r"from_keras: .*with renorm=True"):
            from_keras(net)


class Own(nd.regularizers.Regularizer):
    """One of one's own."""

    def penalty(self, w, dw, t):
        return 0.0


REFUSED = [
    (lambda: nd.Maxout(3), "'maxout' is a Maxout, and Keras has no such layer"),
    (lambda: nd.RReLU(), "RReLU"),
    (lambda: nd.GaussianNoise(2.0), "stddev=2, and Keras's GaussianNoise takes at most 1"),
    (lambda: nd.Activation("sparsemax"), "'activation' is the activation sparsemax, and Keras computes something else"),
    (lambda: nd.Activation("softmin"), "softmin, and Keras has no such function"),
    (lambda: nd.Activation("dish"), "dish"),
    (lambda: nd.Activation("silu", beta=2.0), "silu with beta=2, and Keras's silu has it at 1"),
    (lambda: nd.Activation("hard_tanh", minimum=0.0), "hard_tanh with minimum=0"),
    (lambda: nd.Activation("hard_sigmoid", slope=0.2), "hard_sigmoid with slope=0.2, and Keras's .* at 0.166667"),
    (lambda: nd.Activation("softplus", beta=2.0), "softplus with beta=2"),
    (lambda: nd.Residual([nd.Maxout(4)], name="block"), "'block/maxout'"),
    (lambda: nd.Dense(3, kernel_regularizer=Own()), "has the kernel_regularizer Own.*, and Keras has no such part"),
    (lambda: nd.Activation(nd.activations.Rule("bent", lambda z, a: z, lambda z, a, da, dz: da)), "activation bent"),
]


@pytest.mark.parametrize(("make", "says"), REFUSED)
@pytest.mark.parametrize("function", [to_keras, keras_source])
def test_what_keras_does_not_have_is_refused_by_name(make, says, function):
    with pytest.raises(ValueError, match=f"^{function.__name__}: layer .*{says}"):
        function(nd.Sequential([make()], 4))


@needs_it
def test_keras_computes_sparsemax_still_otherwise():
    """Where this fails, Keras has mended it, and it can be converted."""
    wrong = ops.convert_to_numpy(keras.activations.sparsemax(np.array([[0.9, 0.6, 0.2]])))
    right = nd.Sequential([nd.Activation("sparsemax")], 3).predict([[0.9, 0.6, 0.2]])
    assert np.abs(wrong - right).max() > 0.01


@needs_it
def test_other_arguments_are_refused():
    with pytest.raises(TypeError, match=r"from_keras: net must be a keras\.Model, got 3"):
        from_keras(3)
    with pytest.raises(TypeError, match=r"got .*Dense.*; put it into keras\.Sequential"):
        from_keras(layers.Dense(3))
    with pytest.raises(TypeError, match=r"to_keras: model must be a Sequential of npdeep"):
        to_keras(keras.Sequential())
    with pytest.raises(TypeError, match="expand_prelu"):
        from_keras(images(), expand_prelu=1)


# ── where it is missing ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_missing_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match=r"to_keras needs keras: python -m pip install 'npdeep\[keras\]'"):
        to_keras(zoo(0))
    assert "layers.Dense" in keras_source(zoo(0))


@needs_it
def test_a_missing_backend_says_what_to_set():
    code = (
        "import sys, os; os.environ['KERAS_BACKEND'] = 'jax'; sys.modules['jax'] = None; import npdeep as nd; "
        "nd.interop.keras.from_keras(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert re.search(r"ImportError: from_keras needs Keras, and Keras jax, .*os\.environ\['KERAS_BACKEND'\]", done.stderr)


@needs_it
def test_an_older_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras, "__version__", "2.15.0")
    with pytest.raises(ImportError, match=r"needs Keras 3\.12 or later, got 2\.15\.0: python -m pip install --upgrade"):
        from_keras(3)
