"""Errors on entry: they name what came, what was expected and the fix, and leave everything as it was."""

import numpy as np
import pytest
from helpers_training import CLASSES, WIDTH, bits, every_trainer, examples, plain_trainer

import npdeep as nd

N = 20
X, Y = examples(N)


def replaced(array, place, value, dtype=None):
    """A copy of the array with one element changed."""
    array = array.astype(dtype or array.dtype)
    array[place] = value
    return array


@pytest.fixture(scope="module")
def trainer():
    """Trained for two epochs, with every kind of layer. Errors must leave it as it is."""
    trainer = every_trainer("adam")
    trainer.fit(X, Y, epochs=2, batch_size=8, verbose=False)
    return trainer


@pytest.fixture(autouse=True)
def _nothing_changes(trainer):
    before, history = bits(trainer), len(trainer.history)
    yield
    assert bits(trainer) == before
    assert len(trainer.history) == history


def raises(error, *words):
    """pytest.raises for a message with these words (regular expressions) in this order."""
    return pytest.raises(error, match="(?s)" + ".*".join(words))


# ── data ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
DOORS = {
    "step": lambda t, x, y, w=None: t.step(x, y, w),
    "walk": lambda t, x, y, w=None: t.walk(x, y, w),
    "fit": lambda t, x, y, w=None: t.fit(x, y, sample_weight=w, verbose=False),
    "evaluate": lambda t, x, y, w=None: t.evaluate(x, y, w),
    "predict": lambda t, x, y: t.model.predict(x),
    "forward": lambda t, x, y: t.model.forward(x, training=True),
    "fit: validation_data": lambda t, x, y: t.fit(X, Y, validation_data=(x, y), verbose=False),
}
BAD_X = {
    "wrong width": (X[:, :5], ValueError, r"shape \(n, 6\), got \(20, 5\); the model was built with input_size=6"),
    "not flattened": (X.reshape(N, 2, 3), ValueError, r"got \(20, 2, 3\); flatten it with x\.reshape\(len\(x\), -1\)"),
    "transposed": (X.T, ValueError, r"got \(6, 20\); rows are examples: transpose it with x\.T"),
    "a number": (3.0, ValueError, r"shape \(n, 6\), got \(\)"),
    "no examples": (X[:0], ValueError, r"got \(0, 6\); it holds no examples"),
    "empty list": ([], ValueError, r"got \(0,\); it holds no examples"),
    "nan": (replaced(X, (7, 3), np.nan), ValueError, r"holds nan at row 7, column 3 \(1 of 120 .* is not finite\); remove"),
    "infinity": (replaced(X, (9, 2), -np.inf), ValueError, "holds -inf at row 9, column 2"),
    "two infinities": (replaced(X, ([3, 1], 2), [np.inf, -np.inf]), ValueError, r"holds -inf at row 1, column 2 \(2 of 120"),
    "too large": (replaced(X, (0, 0), 1e300, np.float64), ValueError, "holds 1e.300, which float32 cannot hold; .*float64"),
    "strings": (X.astype(str), TypeError, r"must hold numbers, got dtype <U\d+; convert it first, .*x\.astype\('float32'\)"),
    "objects": (X.astype(object), TypeError, "must hold numbers, got dtype object; convert it first"),
    "complex": (X * 1j, TypeError, r"must hold real numbers, got dtype complex64; take its \.real part"),
    "dates": (X.astype("datetime64[s]"), TypeError, r"must hold numbers, got dtype datetime64\[s\]"),
    "None": (None, TypeError, r"is missing \(None\)"),
    "ragged": ([[1.0] * 6, [1.0] * 5], ValueError, "cannot be made into an array"),
}


@pytest.mark.parametrize("bad", BAD_X)
@pytest.mark.parametrize("door", DOORS)
def test_unfit_examples(trainer, door, bad):
    x, error, message = BAD_X[bad]
    with raises(error, f"^{door}: x ", message):
        DOORS[door](trainer, x, Y)


@pytest.mark.parametrize("door", [door for door in DOORS if door != "predict"])
def test_one_example_without_a_batch_axis(trainer, door):
    with raises(ValueError, rf"^{door}: x must have the shape \(n, 6\), got \(6,\); for a single example write x\[None, :\]"):
        DOORS[door](trainer, X[0], Y[:1])


BAD_Y = {
    "too large": (replaced(Y, 4, 3), ValueError, r"labels must lie in 0 to 2 \(the network has 3 outputs\), but row 4 has 3"),
    "negative": (replaced(Y, 4, -1), ValueError, "labels must lie in 0 to 2 .*, but row 4 has -1"),
    "from 1": (Y + 1, ValueError, "labels must lie in 0 to 2 .*; labels begin at 0: subtract 1"),
    "too few": (Y[:19], ValueError, r"20 labels, shape \(20,\), .*got shape \(19,\)|x has 20 rows, y has shape \(19,\)"),
    "a column": (Y[:, None], ValueError, r"labels must have the shape \(20,\), got \(20, 1\); write y\[:, 0\]"),
    "broken": (replaced(Y, 4, 0.5, float), TypeError, "labels must be integers, but row 4 has 0.5"),
    "nan": (replaced(Y, 4, np.nan, float), ValueError, "y holds nan at row 4"),
    "one-hot of other classes": (np.eye(4)[Y], ValueError, r"probabilities, shape \(20, 3\); got shape \(20, 4\)"),
    "no probabilities": (replaced(np.eye(3)[Y], (4, 0), 7), ValueError, r"probabilities that sum to 1, but row 4 is \["),
    "strings": (Y.astype(str), TypeError, "y must hold numbers, got dtype <U"),
    "None": (None, TypeError, "y is missing"),
    "ragged": ([[0, 1], [2]] * 10, ValueError, "y cannot be made into an array"),
}


@pytest.mark.parametrize("bad", BAD_Y)
@pytest.mark.parametrize("door", [door for door in DOORS if door not in ("predict", "forward")])
def test_unfit_targets(trainer, door, bad):
    y, error, message = BAD_Y[bad]
    with raises(error, message):
        DOORS[door](trainer, X, y)


BAD_WEIGHTS = {
    "too few": (np.ones(19), ValueError, r"must hold one number per row, shape \(20,\), got \(19,\)"),
    "negative": (replaced(np.ones(N), 3, -2.0), ValueError, r"must not be negative, got -2\.0"),
    "nan": (replaced(np.ones(N), 3, np.nan), ValueError, "holds nan at row 3"),
    "a number": (2.0, ValueError, r"one number per row, shape \(20,\), got \(\)"),
    "strings": (["1"] * N, TypeError, "must hold numbers"),
}


@pytest.mark.parametrize("bad", BAD_WEIGHTS)
@pytest.mark.parametrize("door", ["step", "walk", "fit", "evaluate"])
def test_unfit_weights(trainer, door, bad):
    weight, error, message = BAD_WEIGHTS[bad]
    with raises(error, f"^{door}: sample_weight ", message):
        DOORS[door](trainer, X, Y, weight)


# ── arguments of a run ────────────────────────────────────────────────────────────────────────────────────────────────
WHOLE = "must be an integer of at least"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, f"batch_size {WHOLE} 1, got 0"),
        ({"batch_size": -5}, ValueError, f"batch_size {WHOLE} 1, got -5"),
        ({"batch_size": 1.5}, TypeError, f"batch_size {WHOLE} 1, got 1.5"),
        ({"batch_size": True}, TypeError, f"batch_size {WHOLE} 1, got True"),
        ({"batch_size": "50"}, TypeError, f"batch_size {WHOLE} 1, got the string '50'"),
        ({"batch_size": None}, TypeError, f"batch_size {WHOLE} 1, got None"),
        ({"epochs": -1}, ValueError, f"epochs {WHOLE} 0, got -1"),
        ({"epochs": 2.0}, TypeError, f"epochs {WHOLE} 0, got 2.0"),
        ({"seed": -1}, ValueError, f"seed {WHOLE} 0 or None, got -1"),
        ({"seed": "a"}, TypeError, f"seed {WHOLE} 0 or None, got 'a'"),
        ({"shuffle": "yes"}, TypeError, "shuffle must be True or False, got the string 'yes'"),
        ({"verbose": 2}, TypeError, "verbose must be True or False, got 2"),
        ({"validation_data": X}, TypeError, r"validation_data must be \(x, y\), got an array of shape \(20, 6\)"),
        ({"validation_data": (X, Y, Y)}, TypeError, r"validation_data must be \(x, y\), got an object of type tuple"),
        ({"validation_data": 0.1}, TypeError, r"validation_data must be \(x, y\), got 0.1"),
        ({"callbacks": nd.callbacks.PlainProgress()}, TypeError, "callbacks must be a list .*, got an object of type Plain"),
        ({"callbacks": [nd.callbacks.PlainProgress]}, TypeError, r"got the class PlainProgress itself \(write"),
        ({"callbacks": [print]}, TypeError, r"callbacks\[0\] must be .*nd\.callbacks\.LambdaCallback"),
        ({"callbacks": "progress"}, TypeError, "callbacks must be a list of .*, got the string 'progress'"),
        ({"callbacks": 3}, TypeError, "callbacks must be a list of objects of nd.callbacks, got 3"),
    ],
    ids=str,
)
def test_unfit_arguments_of_fit(trainer, arguments, error, message):
    with raises(error, "^fit: ", message):
        trainer.fit(X, Y, **{"verbose": False, **arguments})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: t.fit(X, verbose=False), TypeError, r"fit: y is missing; call fit\(x, y, ...\), or fit\(batches\)"),
        (lambda t: t.fit((X, Y), verbose=False), TypeError, "fit: y is missing"),
        (lambda t: t.fit([(X, Y)], sample_weight=Y, verbose=False), TypeError, "batches bring their own"),
        (lambda t: t.fit([(X, Y, None, 1)], verbose=False), TypeError, r"must be \(x, y\) or \(x, y, sample_weight\)"),
        (lambda t: t.fit(iter([X]), verbose=False), TypeError, r"each batch must be .* got an array of shape \(20, 6\)"),
        (lambda t: t.fit([(X[:, :2], Y)], verbose=False), ValueError, r"fit: x must have the shape \(n, 6\), got \(20, 2\)"),
        (lambda t: t.fit(iter([]), verbose=False), ValueError, "gave no batch in epoch 3"),
        (lambda t: t.evaluate(X, Y, batch_size=0), ValueError, f"evaluate: batch_size {WHOLE} 1, got 0"),
        (lambda t: t.model.predict(X, batch_size=0.5), TypeError, f"predict: batch_size {WHOLE} 1, got 0.5"),
        (lambda t: t.model.forward(X, training="yes"), TypeError, "forward: training must be True or False, got the string"),
    ],
)
def test_unfit_calls_of_a_trained_trainer(trainer, call, error, message):
    with raises(error, message):
        call(trainer)


@pytest.mark.parametrize(
    ("rate", "error", "message"),
    [
        (-0.1, ValueError, "must be a number of at least 0, got -0.1"),
        (float("nan"), ValueError, "must be a number of at least 0, got nan"),
        (np.float32(np.inf), ValueError, "must be a number of at least 0, got inf"),
        ("0.1", TypeError, "must be a number of at least 0, got the string '0.1'"),
        (True, TypeError, "must be a number of at least 0, got True"),
        (None, TypeError, "must be a number of at least 0, got None"),
        (1j, TypeError, "must be a number of at least 0, got 1j"),
        (np.array([0.1]), TypeError, r"must be a number of at least 0, got an array of shape \(1,\)"),
        (lambda step: 0.1, TypeError, r"or an object of nd\.schedules; derive your own from nd\.schedules\.Schedule"),
        (nd.schedules.PowerDecay, TypeError, r"or an object of nd\.schedules"),
    ],
    ids=lambda value: "a function" if type(value).__name__ == "function" else str(value),
)
@pytest.mark.parametrize("name", sorted(nd.optimizers.KNOWN))
def test_unfit_learning_rates(trainer, name, rate, error, message):
    kind = nd.optimizers.KNOWN[name]
    with raises(error, f"^{kind.__name__}: learning_rate ", message):
        kind(rate)
    with raises(error, "^Adam: learning_rate ", message):
        trainer.optimizer.learning_rate = rate


@pytest.mark.parametrize("gives", [float("nan"), -0.5, None, "0.1", float("inf")], ids=str)
@pytest.mark.parametrize("argument", ["learning_rate", "momentum"])
def test_a_schedule_that_gives_nonsense_is_noticed_before_a_weight_changes(argument, gives):
    class Own(nd.schedules.Schedule):
        def __call__(self, step):
            return gives if step == 2 else 0.1

    own = plain_trainer(nd.optimizers.Momentum(**{argument: Own()}))
    own.step(X, Y), own.step(X, Y)
    before = bits(own)
    shown = f"the string {gives!r}" if isinstance(gives, str) else repr(gives)
    with raises(ValueError, rf"Own\(\) must give a number of at least 0 at every step, but at step 2 it gave {shown}"):
        own.step(X, Y)
    assert bits(own) == before


# ── order of things ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_backward_before_forward():
    model = plain_trainer().model
    with raises(ValueError, r"^backward: .* call model\.forward\(x, training=True\) first"):
        model.backward(np.ones((N, CLASSES)))
    with raises(ValueError, r"^Huber: backward\(\) needs a forward\(outputs, targets\) before it"):
        nd.losses.Huber().backward()


@pytest.mark.parametrize(
    ("grad", "error", "message"),
    [
        (np.ones((N, 2)), ValueError, r"grad_output must have the shape of the outputs, \(20, 3\), got \(20, 2\)"),
        (np.ones(N), ValueError, r"shape of the outputs, \(20, 3\), got \(20,\)"),
        ("ones", TypeError, "grad_output must hold numbers"),
        (None, TypeError, "grad_output is missing"),
    ],
    ids=["width", "axis", "string", "None"],
)
def test_unfit_gradients(grad, error, message):
    model = plain_trainer().model
    model.forward(X, training=True)
    before = model.arena.grads.copy()
    with raises(error, "^backward: ", message):
        model.backward(grad)
    assert np.array_equal(model.arena.grads, before)


@pytest.mark.parametrize("door", ["step", "walk", "fit"])
def test_nothing_is_trained_where_everything_is_frozen(door):
    frozen = every_trainer()
    frozen.model.freeze(".*")
    before = bits(frozen)
    with raises(ValueError, r"every parameter is frozen, there is nothing to train; see model\.unfreeze"):
        DOORS[door](frozen, X, Y)
    assert bits(frozen) == before
    assert frozen.evaluate(X, Y).keys() == {"loss", "accuracy"}


# ── construction ──────────────────────────────────────────────────────────────────────────────────────────────────────
def net(*layers, **kwargs):
    return nd.Sequential([*layers, nd.Dense(CLASSES, name="outputs")], **{"input_size": WIDTH, **kwargs})


def train(loss="softmax_cross_entropy", *layers, **kwargs):
    return nd.Trainer(net(*layers), loss, **kwargs)


def twice():
    layer = nd.Dense(6)
    return net(layer, layer)


def shared_optimizer():
    optimizer = nd.optimizers.Adam()
    return [train(optimizer=optimizer) for _ in range(2)]


UNKNOWN = {
    "activation": (lambda: nd.Activation("rleu"), "Activation: unknown name 'rleu'; did you mean 'relu'"),
    "activation in capitals": (lambda: nd.Activation("ReLU"), "unknown name 'ReLU'; did you mean 'relu'"),
    "activation with weights": (lambda: nd.Activation("prelu"), r"'prelu' is a layer of its own: use nd\.PReLU\(\)"),
    "initializer": (lambda: nd.Dense(3, kernel_initializer="henormal"), "unknown kernel_initializer 'henormal'; .*'he_normal'"),
    "initializer of the bias": (lambda: nd.Dense(3, bias_initializer="zero", name="a"), "Dense 'a': unknown bias.*'zeros'"),
    "regularizer": (lambda: nd.Dense(3, kernel_regularizer="l1l2"), "unknown kernel_regularizer 'l1l2'; did you mean 'l1_l2'"),
    "constraint": (lambda: nd.Dense(3, kernel_constraint="maxnorm"), "unknown kernel_constraint 'maxnorm'; .*'max_norm'"),
    "loss": (lambda: train("mse"), "Trainer: unknown loss 'mse'; did you mean 'mean_squared_error'"),
    "loss of Keras": (lambda: train("sparse_categorical_crossentropy"), "did you mean 'softmax_cross_entropy'"),
    "optimizer": (lambda: train(optimizer="adamm"), "Trainer: unknown optimizer 'adamm'; did you mean 'adam"),
    "clipping": (lambda: train(clipping="clip_by_globalnorm"), "unknown clipping .*; did you mean 'clip_by_global_norm'"),
    "metric": (lambda: train(metrics=["acc"]), "Trainer: unknown metric 'acc'; did you mean 'accuracy'"),
    "layer": (lambda: net().layer("ouputs"), "unknown layer 'ouputs'; did you mean 'outputs'. Known: outputs"),
    "nothing near": (lambda: train(optimizer="xyzzy"), r"unknown optimizer 'xyzzy'\. Known: adadelta, .*sgd"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_unknown_name_brings_the_nearest_known_one(kind):
    call, message = UNKNOWN[kind]
    with raises(ValueError, message):
        call()


CLASSES_FOR_OBJECTS = {
    "layer": (lambda: net(nd.Dropout), "Dropout"),
    "initializer": (lambda: nd.Dense(3, kernel_initializer=nd.initializers.HeNormal), "HeNormal"),
    "regularizer": (lambda: nd.Dense(3, kernel_regularizer=nd.regularizers.L2), "L2"),
    "constraint": (lambda: nd.Dense(3, kernel_constraint=nd.constraints.MaxNorm), "MaxNorm"),
    "loss": (lambda: train(nd.losses.Huber), "Huber"),
    "optimizer": (lambda: train(optimizer=nd.optimizers.Adam), "Adam"),
    "clipping": (lambda: train(clipping=nd.clipping.ClipByValue), "ClipByValue"),
    "metric": (lambda: train(metrics=[nd.metrics.Accuracy]), "Accuracy"),
}


@pytest.mark.parametrize("kind", CLASSES_FOR_OBJECTS)
def test_a_class_in_place_of_an_object(kind):
    call, name = CLASSES_FOR_OBJECTS[kind]
    with raises(TypeError, rf"got the class {name} itself \(write {name}\(\.\.\.\) to make one\)"):
        call()


PARTS = {
    "a layer twice": (twice, ValueError, r"layers\[1\] \(Dense\) is in the list twice; each place needs a layer"),
    "duplicate names": (lambda: net(nd.Dense(2, name="outputs")), ValueError, "two layers have the name 'outputs'"),
    "no layers": (lambda: nd.Sequential([], 3), ValueError, "the list of layers is empty"),
    "one layer": (lambda: nd.Sequential(nd.Dense(2), 3), TypeError, r"put the layer in brackets: Sequential\(\["),
    "no list": (lambda: nd.Sequential(3, 3), TypeError, "layers must be a list of layers, got 3"),
    "a name": (lambda: net("relu"), TypeError, r"layers\[0\] must be a layer, got the string 'relu'; .*nd\.Activation\("),
    "no input": (lambda: net(input_size=0), ValueError, f"Sequential: input_size {WHOLE} 1, got 0"),
    "an image": (lambda: net(input_size=(28, 28)), TypeError, rf"input_size {WHOLE} 1, got the tuple \(28, 28\); write 784"),
    "half precision": (lambda: net(dtype="float16"), ValueError, 'dtype must be "float32" or "float64", got \'float16\''),
    "unknown dtype": (lambda: net(dtype="real"), ValueError, 'dtype must be "float32" or "float64", got \'real\''),
    "no dtype": (lambda: net(dtype=None), ValueError, 'dtype must be "float32" or "float64", got None'),
    "seed": (lambda: net(seed=1.5), TypeError, f"Sequential: seed {WHOLE} 0 or None, got 1.5"),
    "odd width": (lambda: nd.Sequential([nd.GLU(name="gate")], 3), ValueError, "GLU 'gate': .* divisible by 2, got 3; change"),
    "name of a layer": (lambda: nd.Dense(3, name="a/b"), ValueError, "Dense: name may have letters, digits, .*, got 'a/b'"),
    "model": (lambda: nd.Trainer([nd.Dense(3)], "hinge"), TypeError, "model must be a Sequential, got an object of type list"),
    "predict": (lambda: train().predict, AttributeError, "Trainer has no .predict.: the model predicts: trainer.model.predict"),
    "load": (lambda: net().load, AttributeError, r"Sequential has no 'load': nd.load_model\(path\) makes the model of a file"),
    "loss": (lambda: train(3), TypeError, "loss must be a name, an object of nd.losses, or an object with forward.*; got 3"),
    "metrics": (lambda: train(metrics="accuracy"), TypeError, r"metrics=\['accuracy'\], got the string 'accuracy'"),
    "a metric": (lambda: train(metrics=nd.metrics.Accuracy()), TypeError, "metrics must be a list"),
    "metrics twice": (lambda: train(metrics=["accuracy", "accuracy"]), ValueError, "two of the recorded .* named 'accuracy'"),
    "seed of the trainer": (lambda: train(seed="1"), TypeError, f"Trainer: seed {WHOLE} 0 or None, got '1'"),
    "optimizer": (shared_optimizer, ValueError, "this Adam already serves a Trainer.*; make a new one"),
}


@pytest.mark.parametrize("part", PARTS)
def test_parts_that_do_not_fit_together(part):
    call, error, message = PARTS[part]
    with raises(error, message):
        call()


@pytest.mark.parametrize("activation", ["softmax", "log_softmax", "sigmoid", "logistic"])
@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy"])
def test_a_squashing_last_layer_under_a_loss_that_brings_its_own(loss, activation):
    model = nd.Sequential([nd.Dense(3), nd.Activation(activation, name="last")], 6)
    with raises(ValueError, "takes logits and brings its own squashing", "the last layer, 'last', is", "leave that layer out"):
        nd.Trainer(model, loss)


NUMBERS = {
    "units 0": (lambda: nd.Dense(0), ValueError, f"Dense: units {WHOLE} 1, got 0"),
    "units 1.5": (lambda: nd.Dense(1.5, name="hidden"), TypeError, f"Dense 'hidden': units {WHOLE} 1, got 1.5"),
    "units True": (lambda: nd.Dense(True), TypeError, f"Dense: units {WHOLE} 1, got True"),
    "pieces 1": (lambda: nd.Maxout(3, pieces=1), ValueError, f"Maxout: pieces {WHOLE} 2, got 1"),
    "bias": (lambda: nd.Dense(3, use_bias=0), TypeError, "Dense: use_bias must be True or False, got 0"),
    "rate 1": (lambda: nd.Dropout(1.0), ValueError, "Dropout: rate must be a number of at least 0 and below 1, got 1.0"),
    "rate nan": (lambda: nd.Dropout(float("nan")), ValueError, "Dropout: rate .* got nan"),
    "rate as a string": (lambda: nd.AlphaDropout("0.5"), TypeError, "AlphaDropout: rate must .* got the string '0.5'"),
    "noise": (lambda: nd.GaussianNoise(-1), ValueError, "GaussianNoise: stddev must be a number of at least 0, got -1"),
    "slopes": (lambda: nd.RReLU(0.5, 0.1), ValueError, "RReLU: upper must be .* at least 0.5 and of at most 1"),
    "momentum": (lambda: nd.BatchNormalization(momentum=1.5), ValueError, "momentum must be .* at most 1, got 1.5"),
    "epsilon": (lambda: nd.BatchNormalization(epsilon=float("nan")), ValueError, "epsilon must be a number above 0, got nan"),
    "alpha": (lambda: nd.Activation("elu", alpha=0), ValueError, r"Activation\('elu'\): alpha must be a number above 0, got 0"),
    "no such parameter": (lambda: nd.Activation("relu", alpha=1), TypeError, "unknown parameter 'alpha'; its parameters: none"),
    "missing parameter": (lambda: nd.Activation("threshold"), TypeError, "threshold is required, for example"),
    "no name": (lambda: nd.Activation(np.tanh), TypeError, r"by a string: nd\.Activation\('tanh'\), got .* ufunc"),
    "scale": (lambda: nd.regularizers.L1(-0.1), ValueError, "L1: scale must be a number of at least 0, got -0.1"),
    "value": (lambda: nd.constraints.MaxNorm(0), ValueError, "MaxNorm: value must be a number above 0, got 0"),
    "axis": (lambda: nd.constraints.MaxNorm(1.0, axis=2), ValueError, "MaxNorm: axis must be 0 .* or 1 .*, got 2"),
    "norm": (lambda: nd.clipping.ClipByGlobalNorm(float("nan")), ValueError, "norm must be a number above 0, got nan"),
    "smoothing": (lambda: nd.losses.SoftmaxCrossEntropy(1.0), ValueError, "label_smoothing must be .* below 1, got 1.0"),
    "delta": (lambda: nd.losses.Huber(0), ValueError, "Huber: delta must be a number above 0, got 0"),
    "momentum 1": (lambda: nd.optimizers.Momentum(0.1, 1), ValueError, "Momentum: momentum must be .* below 1, got 1"),
    "beta": (lambda: nd.optimizers.Adam(beta_2=1.0), ValueError, "Adam: beta_2 must be .* below 1, got 1.0"),
    "k": (lambda: nd.metrics.TopKAccuracy(0), ValueError, f"TopKAccuracy: k {WHOLE} 1, got 0"),
}


@pytest.mark.parametrize("argument", NUMBERS)
def test_unfit_numbers(argument):
    call, error, message = NUMBERS[argument]
    with raises(error, message):
        call()


SCHEDULES = {
    "values": (lambda: nd.schedules.PiecewiseConstant([100], [0.1]), ValueError, "1 boundaries need 2 values, got 1"),
    "order": (lambda: nd.schedules.PiecewiseConstant([2, 1], [1, 1, 1]), ValueError, "PiecewiseConstant: boundaries"),
    "negative value": (lambda: nd.schedules.PiecewiseConstant([2], [1, -1]), ValueError, "must be .* at least 0, got -1"),
    "no steps": (lambda: nd.schedules.ExponentialDecay(0.1, 0, 0.1), ValueError, f"decay_steps {WHOLE} 1, got 0"),
    "half steps": (lambda: nd.schedules.OneCycle(0.1, 99.5), TypeError, f"OneCycle: steps {WHOLE} 1, got 99.5"),
    "rate": (lambda: nd.schedules.ExponentialDecay(0.1, 10, 0), ValueError, "decay_rate must be a number above 0, got 0"),
    "nan": (lambda: nd.schedules.PowerDecay(float("nan"), 10), ValueError, "PowerDecay: initial must be .* got nan"),
    "warm-up of a class": (lambda: nd.schedules.Warmup(nd.schedules.PowerDecay, 5), TypeError, "then must be .* class Power"),
}


@pytest.mark.parametrize("misuse", SCHEDULES)
def test_schedules_that_make_no_sense(misuse):
    call, error, message = SCHEDULES[misuse]
    with raises(error, message):
        call()


def test_performance_scheduling_on_top_of_a_schedule_is_refused_before_the_first_step():
    scheduled = plain_trainer(nd.optimizers.SGD(nd.schedules.PowerDecay(0.1, 10)))
    before = bits(scheduled)
    with raises(TypeError, "ReduceLROnPlateau: the optimizer's learning rate is a schedule already; give"):
        scheduled.fit(X, Y, callbacks=[nd.callbacks.ReduceLROnPlateau("loss")], verbose=False)
    assert bits(scheduled) == before


OWN_LOSSES = {
    "no number": ({"forward": lambda *a: np.ones(2)}, TypeError, r"loss Own: forward must return one number, got an array"),
    "shape": ({"backward": lambda: np.ones((2, 2))}, ValueError, r"shape of the outputs, \(20, 3\), got \(2, 2\)"),
    "nothing": ({"backward": lambda: None}, TypeError, r"loss Own: backward\(\) is missing \(None\)"),
}


@pytest.mark.parametrize("fault", OWN_LOSSES)
def test_an_own_loss_that_returns_nonsense_changes_no_weight(fault):
    methods, error, message = OWN_LOSSES[fault]
    own = type("Own", (), {})()
    vars(own).update({"forward": lambda *a: 1.0, "backward": lambda: np.ones((N, CLASSES)), **methods})
    trainer = train(own)
    before = bits(trainer)
    with raises(error, message):
        trainer.step(X, Y)
    assert bits(trainer) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("optimizer", nd.optimizers.SGD(0.5)), ("loss", "mean_squared_error"), ("clipping", None), ("metrics", ["accuracy"])],
)
def test_the_parts_of_a_trainer_cannot_be_replaced(name, value):
    other = plain_trainer("adam")
    with raises(AttributeError, f"^Trainer: {name} cannot be replaced", "make a new Trainer"):
        setattr(other, name, value)
    other.step(X, Y)
