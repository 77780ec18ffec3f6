"""Names of other libraries, asked for, set or passed: the answer says what npdeep has in their place, and is never wrong."""

import contextlib
import copy
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd
from npdeep.layers import Layer

X, Y = np.eye(3)[[0, 1, 2, 0]], np.array([0, 1, 0, 1])


def model():
    layers = [nd.Dense(4, name="hidden"), nd.BatchNormalization(name="bn"), nd.Activation("relu"), nd.Dropout(0.1)]
    return nd.Sequential([*layers, nd.Maxout(3), nd.PReLU(name="prelu"), nd.Dense(2, name="outputs")], input_size=3, seed=0)


def trainer():
    return nd.Trainer(model(), "softmax_cross_entropy", nd.optimizers.Adam(), metrics=["accuracy"])


# ── names passed as strings ───────────────────────────────────────────────────────────────────────────────────────────
DOORS = {
    "loss": (nd.losses.get, nd.losses.KNOWN),
    "optimizer": (nd.optimizers.get, nd.optimizers.KNOWN),
    "activation": (nd.Activation, [*nd.activations.RULES, *nd.activations.ALIASES]),
    "initializer": (lambda name: nd.initializers.get("Dense", "kernel_initializer", name), nd.initializers.KNOWN),
    "metric": (nd.metrics.get, nd.metrics.KNOWN),
    "regularizer": (lambda name: nd.regularizers.get("Dense", "kernel_regularizer", name), nd.regularizers.KNOWN),
    "constraint": (lambda name: nd.constraints.get("Dense", "kernel_constraint", name), nd.constraints.KNOWN),
    "clipping": (nd.clipping.get, nd.clipping.KNOWN),
}
RIGHT = {
    "loss": {
        "softmax_cross_entropy": "CrossEntropyLoss cross_entropy categorical_crossentropy CategoricalCrossentropy softmax_loss "
        "sparse_categorical_crossentropy softmax_cross_entropy_with_logits sparse_softmax_cross_entropy_with_logits "
        "SoftmaxCrossEntropy sofmax_cross_entropy",
        "binary_cross_entropy": "sigmoid_cross_entropy sigmoid_cross_entropy_with_logits BCELoss BCEWithLogitsLoss log_loss "
        "logistic binary_crossentropy BinaryCrossentropy bce MultiLabelSoftMarginLoss binary_cross_entropy_with_logits",
        "mean_squared_error": "mse MSELoss MeanSquaredError l2 L2Loss squared_error mean_squared",
        "mean_absolute_error": "mae L1Loss absolute_error mean_absolute",
        "huber": "HuberLoss SmoothL1Loss smooth_l1_loss",
        "kl_divergence": "KLDivLoss kld KLDivergence kl",
        "poisson": "PoissonNLLLoss",
        "log_cosh": "LogCosh logcosh",
        "hinge": "HingeLoss",
        "squared_hinge": "SquaredHinge",
    },
    "optimizer": {
        "sgd": "SGD GradientDescentOptimizer gd sdg",
        "momentum": "MomentumOptimizer sgdm",
        "nesterov": "nag",
        "adam": "Adam AdamOptimizer adm adma",
        "adamw": "AdamW",
        "rmsprop": "RMSProp RMSPropOptimizer rms_prop",
        "adagrad": "Adagrad AdagradOptimizer",
        "adadelta": "Adadelta",
        "adamax": "Adamax",
        "nadam": "NAdam Nadam",
    },
    "activation": {
        "relu": "ReLU Rectifier rleu",
        "leaky_relu": "LeakyReLU lrelu",
        "hard_swish": "Hardswish",
        "hard_tanh": "Hardtanh",
        "log_softmax": "LogSoftmax",
        "gelu_tanh": "gelu_new gelu_approximate",
        "swish": "Swish",
        "silu": "SiLU",
        "linear": "None",
        "identity": "Identity",
        "log_sigmoid": "LogSigmoid",
        "exponential": "exp",
    },
    "initializer": {
        "glorot_uniform": "xavier xavier_uniform xavier_uniform_ GlorotUniform",
        "he_normal": "kaiming_normal kaiming_normal_ he HeNormal henormal",
        "truncated_normal": "trunc_normal_ TruncatedNormal",
        "random_normal": "normal gaussian",
        "zeros": "zero Zeros",
        "lecun_normal": "lecun LecunNormal",
    },
    "metric": {
        "accuracy": "acc Accuracy sparse_categorical_accuracy categorical_accuracy acuracy",
        "binary_accuracy": "BinaryAccuracy binary_acc",
        "mean_squared_error": "mse",
        "top_k_accuracy": "top_k_categorical_accuracy top_5_accuracy",
    },
    "regularizer": {"l2": "L2 ridge", "l1": "L1 lasso", "l1_l2": "L1L2 l1l2 elastic_net"},
    "constraint": {"max_norm": "MaxNorm maxnorm", "non_negative": "NonNeg non_neg", "unit_norm": "UnitNorm"},
    "clipping": {
        "clip_by_global_norm": "clip_grad_norm_ global_clipnorm clip_by_globl_norm",
        "clip_by_value": "clipvalue clip_grad_value_",
        "clip_by_norm": "clipnorm",
    },
}
"""What is right, by door: ours, and the names that must lead to it."""
ABSENT = {
    "loss": "nll_loss rmse NLLLoss focal FocalLoss BinaryFocalCrossentropy CTCLoss TripletMarginLoss CosineEmbeddingLoss "
    "cosine_similarity cosine_proximity GaussianNLLLoss quantile pinball dice iou mean_squared_logarithmic_error msle mape "
    "mean_absolute_percentage_error CategoricalHinge categorical_hinge MultiMarginLoss wasserstein contrastive "
    "HingeEmbeddingLoss MarginRankingLoss SoftMarginLoss xyz "
    "mean_reciprocal_rank binary_dice softmax_margin poisson_process square_root hinge_rank",
    "optimizer": "RAdam Rprop LAMB LARS Lion Ftrl AdaBelief Adafactor Adan Yogi LBFGS ASGD SparseAdam Muon SGDW "
    "NAdamW amsgrad AdamP SGDP QHAdam random newton momo",
    "activation": "crelu snake sine elish phish step heaviside swiglu geglu reglu squared_relu arctan softmax2d gumbel_softmax "
    "sinusoid hard_limit expo_linear relish tangent log_sum_exp",
    "initializer": "dirac sparse delta_orthogonal random_walk uniform_sphere normalized",
    "metric": "rmse r2 r2_score log_loss cosine_similarity perplexity "
    "error_rate MeanIoU kappa precision_at_k recall_curve binary_entropy",
    "regularizer": "orthogonal dropout",
    "constraint": "RadialConstraint",
    "clipping": "adaptive agc",
}
"""What npdeep does not have: no suggestion at all."""


@pytest.mark.parametrize(
    ("door", "ours", "theirs"),
    [(door, ours, their) for door, table in RIGHT.items() for ours, names in table.items() for their in names.split()],
)
def test_the_suggestion_is_right(door, ours, theirs):
    get, known = DOORS[door]
    with pytest.raises(ValueError, match=f"'{theirs}'") as raised:
        get(theirs)
    assert f"; did you mean {ours!r}?" in str(raised.value)
    assert len(str(raised.value)) < 300
    get(ours)                                 # the cure
    assert ours in known


@pytest.mark.parametrize(("door", "theirs"), [(door, their) for door, names in ABSENT.items() for their in names.split()])
def test_no_suggestion_is_better_than_a_wrong_one(door, theirs):
    with pytest.raises(ValueError, match=f"'{theirs}'") as raised:
        DOORS[door][0](theirs)
    assert "did you mean" not in str(raised.value)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("door", DOORS)
def test_names_in_any_spelling_lead_to_themselves(door):
    get, known = DOORS[door]
    for ours in known:
        for spelt in (ours.upper(), ours.title().replace("_", ""), ours.replace("_", "-") + " "):
            with pytest.raises(ValueError, match=re.escape(f"; did you mean {ours!r}?")):
                get(spelt)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (np.tanh, r"named by a string: nd\.Activation\('tanh'\)"),
        (nd.Activation, r"a function alone has no backward pass; write nd\.Activation\(nd\.activations\.Rule"),
        (lambda z: np.maximum(z, 0), r"a function alone has no backward pass; write nd\.Activation\(nd\.activations\.Rule"),
    ],
    ids=["tanh", "class", "lambda"],
)
def test_a_function_for_an_activation(function, message):
    with pytest.raises(TypeError, match=message):
        nd.Activation(function)


# ── names asked for ───────────────────────────────────────────────────────────────────────────────────────────────────
MODULES = {
    nd: {
        "MSELoss": "nd.losses.MeanSquaredError",
        "CrossEntropyLoss": "nd.losses.SoftmaxCrossEntropy",
        "BCEWithLogitsLoss": "nd.losses.BinaryCrossEntropy",
        "Adam": "nd.optimizers.Adam",
        "HeNormal": "nd.initializers.HeNormal",
        "L2": "nd.regularizers.L2",
        "MaxNorm": "nd.constraints.MaxNorm",
        "EarlyStopping": "nd.callbacks.EarlyStopping",
        "ModelCheckpoint": "nd.callbacks.Checkpoint",
        "StepLR": "nd.schedules.PiecewiseConstant",
        "Conv2D": "nd.layers.Layer",
        "LSTM": "nd.layers.Layer",
        "Linear": "nd.Dense(units)",
        "dense": "nd.Dense",
        "ReLU": "nd.Activation('relu')",
        "relu": "nd.Activation('relu')",
        "BatchNorm1d": "nd.BatchNormalization()",
        "to_categorical": "np.eye(classes)[y]",
        "DataLoader": "nd.batches",
        "MLPClassifier": "nd.Sequential",
        "load": "nd.load_model(path)",
        "manual_seed": "seed of nd.Sequential",
    },
    nd.losses: {"MSELoss": "nd.losses.MeanSquaredError", "nll_loss": "leave the softmax out", "l2": "MeanSquaredError"},
    nd.layers: {"Conv2D": "nd.layers.Layer", "LeakyReLU": "negative_slope=0.01", "Linear": "nd.Dense(units)"},
    nd.optimizers: {"NAdam": "nd.optimizers.Nadam", "Adagrad": "nd.optimizers.AdaGrad", "Lion": "derive your own"},
    nd.activations: {"relu": "nd.Activation('relu')", "Swish": "nd.Activation('swish')"},
    nd.initializers: {"xavier_uniform_": "nd.initializers.GlorotUniform"},
    nd.schedules: {"StepLR": "nd.schedules.PiecewiseConstant", "CosineAnnealingLR": "nd.schedules.CosineDecay"},
    nd.callbacks: {"ModelCheckpoint": "nd.callbacks.Checkpoint", "SwapEMAWeights": "nd.callbacks.ExponentialAverage"},
    nd.metrics: {"TopKCategoricalAccuracy": "nd.metrics.TopKAccuracy"},
    nd.regularizers: {"l1_l2": "nd.regularizers.L1L2"},
    nd.constraints: {"NonNeg": "nd.constraints.NonNegative"},
    nd.clipping: {"clip_grad_norm_": "nd.clipping.ClipByGlobalNorm"},
    nd.datasets: {
        **dict.fromkeys(("load_mnist", "MNIST"), "nd.datasets.mnist"),
        **{"load_digits": "nd.datasets.mnist_sample", "FashionMNIST": "check=False", "make_moons": "nd.datasets.moons"},
    },
    nd.plots: {"plot_history": "nd.plots.learning_curves", "plot_confusion_matrix": "nd.plots.confusion_matrix"},
}


@pytest.mark.parametrize(
    ("module", "name", "hint"), [(m, name, hint) for m, names in MODULES.items() for name, hint in names.items()], ids=str
)
def test_a_module_says_what_it_has_in_place_of_a_name(module, name, hint):
    with pytest.raises(AttributeError, match=f"^{module.__name__} has no '{name}': ") as raised:
        getattr(module, name)
    assert hint in str(raised.value)


FURTHER_DOWN = {
    "augmentation": "Shift",
    "datasets": "mnist moons prefetch",
    "debug": "diagnose explain gradient_check unroll gradient_norms",
    "plots": "learning_curves walk_page",
    "interop.torch": "to_torch from_torch as_module",
    "interop.keras": "from_keras",
    "interop.onnx": "export",
    "interop.mpi": "DataParallel",
}


@pytest.mark.parametrize(("place", "name"), [(place, name) for place, names in FURTHER_DOWN.items() for name in names.split()])
def test_the_package_says_where_a_name_is_that_belongs_further_down(place, name):
    with pytest.raises(AttributeError, match=f"^npdeep has no '{name}': write nd.{place}.{name}$"):
        getattr(nd, name)


@pytest.mark.parametrize("module", list(MODULES), ids=lambda m: m.__name__)
@pytest.mark.parametrize("name", ["xyzzy", "log", "__wrapped__"])
def test_of_other_names_nothing_is_said(module, name):
    with pytest.raises(AttributeError, match=r"has no '[a-z_]+'$"):
        getattr(module, name)


ATTRIBUTES = {
    "model": "fit compile evaluate score train partial_fit add weights get_weights set_weights get_layer "
    "load predict_classes predict_proba trainable parameters_ optimizer loss count_params to zero_grad pop "
    "to_torch as_module to_keras keras_source from_keras to_onnx",
    "trainer": "predict score forward compile train train_on_batch partial_fit zero_grad load lr learning_rate epochs",
    "layer": "trainable W weight weights b get_weights set_weights activation in_features input_shape running_mean training",
    "optimizer": "lr eps betas beta1 param_groups step zero_grad minimize clipnorm nesterov momentum weight_decay",
    "history": "history plot loss epochs items to_pandas",
    "parameter": "data numpy grads assign requires_grad T mean",
}


def parts():
    t = trainer()
    return {
        "model": t.model,
        "trainer": t,
        "layer": t.model.layers[0],
        "optimizer": t.optimizer,
        "history": t.fit(X, Y, verbose=False),
        "parameter": t.model.layers[0].kernel,
    }


@pytest.mark.parametrize(("part", "name"), [(part, n) for part, names in ATTRIBUTES.items() for n in names.split()])
def test_a_part_says_what_it_has_in_place_of_an_attribute(part, name):
    if name in ("parameters_", "grads"):
        pattern = f"has no '{name}'$"
    else:
        pattern = f"(?s)(has no '{name}': .+|asked directly|history\\[)"
    with pytest.raises(AttributeError, match=pattern) as raised:
        getattr(parts()[part], name)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(("part", "name"), [(part, n) for part, names in ATTRIBUTES.items() for n in names.split()])
def test_a_class_says_the_same_as_its_objects(part, name):
    kind = type(parts()[part])
    foreign = getattr(kind, "foreign", {})    # a Parameter has methods of its own for this
    if name in foreign and not hasattr(kind, name):
        with pytest.raises(AttributeError, match=f"^{kind.__name__} has no '{name}': ") as raised:
            getattr(kind, name)("model.npz")
        assert foreign[name].format(name=name) in str(raised.value)
    assert not hasattr(kind, "xyzzy")


CALLED = {
    "nd.Dense(3)(x)": (nd.Dense(3), r"nd\.Sequential\(\[nd\.Dense\(3\), \.\.\.\], input_size\)\.predict\(x\)"),
    "a layer of a model": (model().layers[0], r"^Dense 'hidden' is not called: a model of layers takes the rows"),
    "a layer that holds layers": (nd.Residual([nd.Dense(3)]), r"chain\.forward\(x, training\)"),
    "a model": (model(), r"model\.predict\(x\)"),
    "a trainer": (trainer(), r"trainer\.model\.predict\(x\)"),
    "a loss": (nd.losses.MeanSquaredError(), r"loss\.forward\(outputs, targets\)"),
    "an optimizer": (nd.optimizers.Adam(), r"nd\.Trainer\(model, loss, optimizer\)"),
    "a callback": (nd.callbacks.Callback(), r"^Callback is not called$"),
}


@pytest.mark.parametrize("what", CALLED)
def test_what_is_called_like_a_function_says_what_to_write(what):
    thing, message = CALLED[what]
    with pytest.raises(TypeError, match=message) as raised:
        thing(X)
    assert len(str(raised.value)) < 300


DOORS_OF_FUNCTIONS = {
    "metrics": lambda thing: nd.Trainer(model(), "softmax_cross_entropy", metrics=[thing]),
    "augment": lambda thing: trainer().fit(X, Y, augment=thing, verbose=False),
    "callbacks": lambda thing: trainer().fit(X, Y, callbacks=[thing], verbose=False),
    "a moment": lambda thing: nd.callbacks.LambdaCallback(on_epoch_end=thing),
    "learning_rate": lambda thing: nd.optimizers.SGD(thing),
    "activation": nd.Activation,
    "a rule": lambda thing: nd.activations.Rule("bent", thing, thing),
    "descend": lambda thing: nd.debug.descend("sgd", thing, [1.0]),
    "break_when": lambda thing: nd.debug.break_when(trainer(), thing),
}


@pytest.mark.parametrize("door", DOORS_OF_FUNCTIONS)
@pytest.mark.parametrize("thing", [nd.Dense(3), model()], ids=["layer", "model"])
def test_an_object_that_only_says_that_it_is_not_called_is_no_function(door, thing):
    with pytest.raises(TypeError, match=r"got an object of type|must be") as raised:
        DOORS_OF_FUNCTIONS[door](thing)
    assert "is not called" not in str(raised.value)
    assert "function alone" not in str(raised.value)


def test_what_evaluate_gives_says_what_there_is():
    results = nd.history.Results(loss=0.5, accuracy=0.9)
    with pytest.raises(KeyError, match="'acc' was not measured; there are loss, accuracy"):
        results["acc"]
    with pytest.raises(AttributeError, match=r"has no 'accuracy': write results\['accuracy'\]"):
        results.accuracy
    assert pickle.loads(pickle.dumps(results)) == results


def test_names_that_lead_to_a_hint_are_not_offered_by_editors():
    for part in parts().values():
        assert not {"weights", "lr", "fit_generator", "zero_grad"} & set(dir(part))
    assert "weights" not in dir(nd.Dense)


def test_a_model_has_no_keys():
    m = model()
    with pytest.raises(TypeError, match=r"write model\.layer\('hidden'\)"):
        m["hidden"]
    with pytest.raises(TypeError, match=r"write model\.layers\[0\]"):
        m[0]


def test_the_cures_of_a_model_work():
    m = model()
    weights = [p.value.copy() for p in m.variables()]
    for p, w in zip(m.variables(), weights, strict=True):
        p.value = w
    assert m.predict(X).argmax(axis=1).shape == (4,)
    probabilities = m.with_layers([nd.Activation("softmax")], keep=m.layers[-1].name).predict(X)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert m.freeze("hidden/")
    assert sum(p.size for p in m.variables()) > 0
    assert [layer.name for layer in m.with_layers([], keep="hidden").layers] == ["hidden"]


@pytest.mark.parametrize("name", [name for name, hint in nd.Sequential.foreign.items() if "nd.interop" in hint])
def test_the_door_that_a_model_names_is_there(name):
    with pytest.raises(AttributeError) as raised:
        getattr(model(), name)
    doors = re.findall(r"nd\.interop\.(\w+)\.(\w+)", str(raised.value))
    assert doors
    for door, function in doors:
        with contextlib.suppress(ImportError):    # scikit-learn is asked for when its door is opened
            assert callable(getattr(getattr(nd.interop, door), function))


CHANGES = {
    "append": lambda layers: layers.append(nd.Dense(2)),
    "extend": lambda layers: layers.extend([nd.Dense(2)]),
    "insert": lambda layers: layers.insert(0, nd.Dense(2)),
    "set": lambda layers: layers.__setitem__(0, nd.Dense(2)),
    "set a slice": lambda layers: layers.__setitem__(slice(0, 1), [nd.Dense(2)]),
    "del": lambda layers: layers.__delitem__(0),
    "+=": lambda layers: layers.__iadd__([nd.Dense(2)]),
    "*=": lambda layers: layers.__imul__(2),
    "pop": lambda layers: layers.pop(),
    "remove": lambda layers: layers.remove(layers[0]),
    "clear": lambda layers: layers.clear(),
    "reverse": lambda layers: layers.reverse(),
    "sort": lambda layers: layers.sort(key=lambda layer: layer.name),
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("where", ["model", "residual", "parallel"])
def test_the_layers_of_a_model_stay_as_they_are(how, where):
    residual = nd.Residual([nd.Dense(3), nd.Activation("tanh")], name="block")
    m = nd.Sequential([residual, nd.Parallel([nd.Dense(1), nd.Dense(2)], name="beside"), nd.Dense(2, name="last")], 3, seed=0)
    chain = {"model": m.layers, "residual": residual.layers, "parallel": m.layer("beside").chains[0]}[where]
    for layers in (chain, copy.deepcopy(chain), pickle.loads(pickle.dumps(chain))):
        there, before = list(layers), m.predict(X)
        with pytest.raises(TypeError, match=r"the layers of .* cannot be changed: .*nd\.Sequential\(") as raised:
            CHANGES[how](layers)
        assert (r"model.with_layers([...], keep='last')" if where == "model" else "make a new ") in str(raised.value)
        assert (list(layers), len(str(raised.value)) < 300) == (there, True)
        assert np.array_equal(m.predict(X), before)


# ── names set ─────────────────────────────────────────────────────────────────────────────────────────────────────────
SET = {
    "a layer frozen": ("layer", "trainable", False, r"trainable cannot be set: .*model\.freeze\(layer\.name\)"),
    "a kernel": ("layer", "kernel", np.zeros((3, 4)), r"kernel cannot .* a parameter .*; write layer\.kernel\.value = array"),
    "no bias": ("layer", "bias", None, r"write layer\.bias\.value = array"),
    "another parameter": ("layer", "kernel", nd.Parameter("a", (3, 4)), r"write layer\.kernel\.value = array"),
    "weights": ("layer", "W", np.zeros((3, 4)), r"W cannot be set: .* layer\.kernel\.value = array"),
    "an activation": ("layer", "activation", "relu", r"an activation is a layer of its own"),
    "units": ("layer", "units", 5, "units cannot be replaced, .*make a new layer"),
    "a name": ("layer", "name", "x", "name cannot be replaced"),
    "an initializer": ("layer", "kernel_initializer", "zeros", "kernel_initializer cannot be replaced"),
    "the rate": ("optimizer", "lr", 0.1, r"lr cannot be set: it is called learning_rate: optimizer\.learning_rate = 0.01"),
    "a momentum": ("optimizer", "momentum", 0.9, r"use nd\.optimizers\.Momentum"),
    "the rate of a trainer": ("trainer", "learning_rate", 0.1, r"trainer\.optimizer\.learning_rate = 0.01"),
    "a batch size": ("trainer", "batch_size", 4, r"batch_size cannot be set: it is an argument of fit"),
    "an optimizer": ("trainer", "optimizer", nd.optimizers.SGD(), "optimizer cannot be replaced"),
    "a model frozen": ("model", "trainable", False, r"model\.freeze\('hidden1'\)"),
    "training": ("model", "training", True, r"model\.forward\(x, training=True\)"),
    "an optimizer of a model": ("model", "optimizer", "adam", "nd.Trainer"),
    "other layers": ("model", "layers", [], "layers cannot be replaced"),
    "a dtype": ("model", "dtype", "float64", r"model\.copy\('float64'\)"),
    "requires_grad": ("parameter", "requires_grad", False, "it is called trainable"),
    "data": ("parameter", "data", 1.0, r"its numbers are parameter\.value"),
}


@pytest.mark.parametrize("what", SET)
def test_what_is_not_there_or_has_no_effect_cannot_be_set(what):
    part, name, value, message = SET[what]
    everything = parts()
    before = everything["model"].arena.values.tobytes()
    with pytest.raises(AttributeError, match=message) as raised:
        setattr(everything[part], name, value)
    assert len(str(raised.value)) < 300
    assert everything["model"].arena.values.tobytes() == before
    everything["trainer"].step(X, Y)


def test_every_parameter_of_every_layer_is_held():
    m = model()
    held = 0
    for layer in m.layers:
        for p in layer.parameters:
            with pytest.raises(AttributeError, match=f"write layer.{p.name.rpartition('/')[2]}.value = array"):
                setattr(layer, p.name.rpartition("/")[2], p.value)
            held += 1
    assert held == len(m.parameters)
    for twin in (m.copy(), pickle.loads(pickle.dumps(m)), copy.deepcopy(m)):
        with pytest.raises(AttributeError, match=r"write layer\.kernel\.value"):
            twin.layers[0].kernel = 0
        assert np.array_equal(twin.predict(X), m.predict(X))


def test_a_parameter_has_no_items():
    kernel = model().layers[0].kernel
    with pytest.raises(TypeError, match=r"write parameter\.value\[\.\.\.\] = numbers"):
        kernel[...] = 0
    with pytest.raises(TypeError, match=r"write parameter\.value\[\.\.\.\]"):
        kernel[0]
    kernel.value[...] = 0
    assert not kernel.value.any()


class Own(Layer):
    """Uses names that other libraries have, wherever it likes."""

    def __init__(self, weights=3, name=None):
        super().__init__(name)
        self.weights, self.trainable = weights, True

    def build(self, input_size):
        self.W = self.add_parameter("W", (input_size,), nd.initializers.Ones())
        return input_size

    def forward(self, x, training=False):
        self.input, self.activation = x, x * self.W.value
        self.output = self.activation
        return self.output

    def backward(self, grad_output):
        self.grad_output = grad_output
        np.sum(grad_output * self.input, axis=0, out=self.W.grad)
        self.b = 1
        return None


def test_a_layer_of_the_users_has_whatever_attributes_it_gives_itself():
    m = nd.Sequential([Own(), nd.Dense(2)], input_size=3, seed=0)
    nd.Trainer(m, "softmax_cross_entropy").step(X, Y)
    own = m.layers[0]
    assert (own.weights, own.trainable, own.b) == (3, True, 1)
    own.weights = 5
    assert own.arguments() == {"weights": 5, "name": "own"}
    with pytest.raises(AttributeError, match="Own 'own': W cannot be replaced, because it is a parameter of the model"):
        own.W = np.ones(3)
    with pytest.raises(AttributeError, match="it is called input_size"):
        own.in_features = 3


# ── arguments ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.fit(X, Y, 10), r"^fit: takes 2 by position \(x, y\), got 3; write the others by name: epochs=10, batch"),
        (lambda t: t.fit(X, Y, 10, 32), "by name: epochs=10, batch_size=32, "),
        (lambda t: t.fit(X, Y, nb_epoch=3), "^fit: unknown argument 'nb_epoch'; it is called epochs"),
        (lambda t: t.fit(X, Y, validation_split=0.1), r"validation_data=\(x, y\)"),
        (lambda t: t.fit(X, Y, steps_per_epoch=10), r"one pass through the batches; .*itertools\.islice"),
        (lambda t: t.fit(), "^fit: x is missing"),
        (lambda t: nd.Dense(784, 30), r"^Dense: takes 1 by position \(units\), got 2"),
        (lambda t: nd.Dense(3, activation="relu"), r"nd\.Dense\(10\), nd\.Activation\('relu'\)"),
        (lambda t: nd.optimizers.Adam(lr=0.1), "the learning rate is called learning_rate"),
        (lambda t: nd.Trainer(t.model, "hinge", learning_rate=0.1), r"the optimizer has it: nd\.optimizers\.Adam\(1e-3\)"),
        (lambda t: nd.Trainer(t.model, "hinge", epochs=3), r"it is an argument of fit"),
        (lambda t: nd.Dense(3, kernel_regularizer=0.01), r"got 0\.01; write nd\.regularizers\.L2\(0\.01\)$"),
        (lambda t: nd.Dense(3, kernel_constraint=np.float32(3)), r"; write nd\.constraints\.MaxNorm\(3\)$"),
        (lambda t: nd.Dense(3, bias_initializer=1), r"; write nd\.initializers\.Constant\(1\)$"),
        (lambda t: nd.Dense(3, kernel_initializer=np.ones((4, 3))), r"; set numbers .* model: layer\.kernel\.value = array$"),
        (lambda t: nd.Trainer(t.model, "hinge", 0.1), r"; write nd\.optimizers\.SGD\(0\.1\)$"),
        (lambda t: nd.Trainer(t.model, "hinge", "sgd", 1.0), r"; write nd\.clipping\.ClipByGlobalNorm\(1\)$"),
        (lambda t: nd.Trainer(t.model, "hinge", "sgd", ["accuracy"]), r"; metrics are given by name: metrics=\['accuracy'\]$"),
    ],
)
def test_arguments_that_do_not_fit(call, message):
    with pytest.raises(TypeError, match=message):
        call(trainer())


# ── what all this costs ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_training_step_calls_nothing_of_it():
    t = trainer()
    t.step(X, Y)
    called = set()

    def note(frame, event, argument):
        if event == "call":
            called.add((frame.f_code.co_filename.rpartition("npdeep")[2], frame.f_code.co_name))

    sys.setprofile(note)
    try:
        t.step(X, Y)
    finally:
        sys.setprofile(None)
    files = {Path(file).name for file, _ in called}
    assert "dense.py" in files
    assert not {"hinting.py", "hints.py", "foreign_names.py", "conversions.py"} & files
    assert not {"__get__", "__set__", "__getattr__", "__setattr__", "replace_parameter"} & {name for _, name in called}
