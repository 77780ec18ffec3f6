"""Unrolled files: the same bits as npdeep, in a process that has none; refused where something is the user's own."""

import ast
import contextlib
import importlib.util
import inspect
import io
import subprocess
import sys

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.common.events import STAGES
from npdeep.debug.unrolling import check
from npdeep.debug.unrolling.script import TAKEN, Script, docstring, escaped, identifier, literal
from npdeep.debug.unrolling.updates import CLIPPINGS, CONSTRAINTS, OPTIMIZERS, REGULARIZERS, SCHEDULES, write_schedule
from npdeep.kernels.affine import affine_backward
from npdeep.kernels.updates.adaptive import adam, moving_average

LAYERS = {kind for kind in vars(nd.layers).values() if isinstance(kind, type) and issubclass(kind, nd.layers.Layer)}
LAYERS -= {nd.layers.Layer}
STEPS, WIDTH, CLASSES, ROWS = 300, 6, 4, 20
N, R, C, S, P = nd.layers, nd.regularizers, nd.constraints, nd.schedules, nd.optimizers

DRIVER = """
import importlib, sys
import numpy as np
sys.modules["npdeep"] = None                  # importing it raises from now on
try:
    import npdeep
except ImportError:
    pass
else:
    raise SystemExit("npdeep could be imported")
sys.path.insert(0, ".")
for name in sys.argv[1:]:
    file = importlib.import_module(name)
    with np.load(name + "_data.npz") as stored:
        data = dict(stored)
    losses = []
    for i in range(int(data["steps"])):
        rows = slice(None, 7) if i % 13 == 12 else slice(None)
        weight = data["weight"][i][rows] if "weight" in data else None
        losses.append(file.step(data["x"][i][rows], data["y"][i][rows], weight))
    slots = {key: value for key, value in vars(file.optimizer).items() if isinstance(value, np.ndarray)}
    states = [str(v.rng.bit_generator.state) for v in vars(file).values() if isinstance(v, file.Arrays) and hasattr(v, "rng")]
    np.savez(name + "_result.npz", values=file.values, grads=file.grads, losses=losses, states=str(states), **slots)
"""

# A piece of a network by name. Over the ten networks every layer, activation, loss, optimizer, schedule, penalty, limit and
# clipping comes up; test_the_networks_leave_nothing_out counts.
LOSS_OF = {
    "softmax_cross_entropy": (lambda: nd.losses.SoftmaxCrossEntropy(0.1), None),
    "binary_cross_entropy": (nd.losses.BinaryCrossEntropy, None),
    "kl_divergence": (lambda: nd.losses.KLDivergence(weighting="weights"), "softmax"),
    "hinge": (nd.losses.Hinge, None),
    "squared_hinge": (nd.losses.SquaredHinge, None),
    "mean_squared_error": (nd.losses.MeanSquaredError, None),
    "mean_absolute_error": (nd.losses.MeanAbsoluteError, None),
    "huber": (lambda: nd.losses.Huber(weighting="weights"), None),
    "log_cosh": (nd.losses.LogCosh, None),
    "poisson": (nd.losses.Poisson, "softplus"),
}
OPTIMIZER_OF = [
    lambda: P.SGD(S.ExponentialDecay(0.05, 50, 0.5, staircase=True)),
    lambda: P.Momentum(S.PiecewiseConstant([50, 100], [0.05, 0.02, 0.01]), S.OneCycle(0.85, 200, start=0.95, final=0.95)),
    lambda: P.Nesterov(S.PowerDecay(0.02, 100), S.PolynomialDecay(0.5, 100, final=0.4, cycle=True)),
    lambda: P.AdaGrad(S.InverseTimeDecay(0.05, 50, 1.0)),
    lambda: P.RMSProp(S.CosineDecay(0.01, 60, restarts=True), momentum=S.Constant(0.5), centered=True),
    lambda: P.AdaDelta(0.5, rho=0.5),
    lambda: P.Adam(S.Warmup(S.OneCycle(0.01, 100), 10), beta_1=0.5, beta_2=0.6),
    lambda: P.AdaMax(0.01, beta_1=0.5),
    lambda: P.Nadam(0.01, beta_1=0.5, beta_2=0.7),
    lambda: P.AdamW(0.01, beta_1=0.5, amsgrad=True),
]
NOISES = [lambda: N.Dropout(0.3), lambda: N.GaussianDropout(0.2), lambda: N.AlphaDropout(0.1), lambda: N.GaussianNoise(0.1)]
NOISES += [lambda: N.Dropout(0.0), lambda: N.Dropout(0.99995)]
GATES = [lambda: N.PReLU("zeros"), lambda: N.RReLU(), lambda: N.Maxout(8, pieces=3), lambda: N.GLU()]
NORMALIZATIONS = [{}, {"scale": False}, {"center": False}, {"momentum": 0.5, "epsilon": 1e-3}]
PENALTIES = [None, R.L1(1e-3), R.L2(1e-3), R.L1L2(1e-3, 1e-3)]
LIMITS = [None, C.MaxNorm(0.8), C.MaxNorm(0.5, axis=1), C.MinMaxNorm(0.2, 1.0, 0.7), C.UnitNorm(), C.NonNegative()]
CLIPPING_OF = [
    None,
    lambda: nd.clipping.ClipByGlobalNorm(0.5),
    lambda: nd.clipping.ClipByNorm(0.2),
    lambda: nd.clipping.ClipByValue(0.01),
]
ACTIVATIONS = [name for name in nd.activations.RULES if name != "threshold"]


def network(i):
    """The i-th network: which piece stands where is drawn, but all pieces have their turn."""
    rng = np.random.default_rng(i)
    loss, last = LOSS_OF[list(LOSS_OF)[i]]
    squashed = [nd.Activation(name) for name in ACTIVATIONS[i :: len(OPTIMIZER_OF)]]
    layers = [
        NOISES[(i + 1) % len(NOISES)](),
        nd.Dense(
            10,
            use_bias=bool(i % 2),
            kernel_regularizer=PENALTIES[i % 4],
            kernel_constraint=LIMITS[i % 6],
            name="1st.hidden-layer",
        ),
        nd.BatchNormalization(**NORMALIZATIONS[i % 4]),
        nd.Residual([squashed[0], NOISES[i % len(NOISES)]()], name="block"),
        nd.LayerNormalization(scale=bool(i % 2), center=bool(i % 3)),
        nd.Parallel([[nd.Dense(4), NOISES[(i + 2) % len(NOISES)]()], [nd.Residual([nd.Dense(10)])]], name="branches"),
        nd.Dense(12, kernel_constraint=LIMITS[(i + 3) % 6], bias_constraint=LIMITS[(i + 1) % 6], name="loss"),
        *squashed[1:3],
        GATES[i % 4](),
        nd.Dense(8, kernel_regularizer=PENALTIES[(i + 1) % 4], bias_regularizer=PENALTIES[(i + 2) % 4], name="adam"),
        *squashed[3:],
        nd.Dense(CLASSES, name="outputs"),
        *([nd.Activation(last)] if last else []),
    ]
    dtype = "float64" if rng.random() < 0.3 else "float32"
    model = nd.Sequential(layers, WIDTH, seed=i, dtype=dtype)
    if i % 5 == 3:
        model.freeze("1st.hidden-layer|batch_normalization")
    if i % 5 == 4:
        model.freeze("loss/kernel")
    clipping = CLIPPING_OF[i % 4]
    return nd.Trainer(model, loss(), OPTIMIZER_OF[i](), clipping and clipping())


def data(i, dtype):
    """300 batches for the i-th network; an input that stops coming after five steps, so that slots decay to nothing."""
    rng = np.random.default_rng(100 + i)
    x = rng.standard_normal((STEPS, ROWS, WIDTH)).astype(dtype)
    x[5:, :, 0] = 0
    name = list(LOSS_OF)[i]
    labels = rng.integers(0, CLASSES, (STEPS, ROWS))
    if name == "softmax_cross_entropy":
        y = labels
    elif name in ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "poisson"):
        y = np.abs(rng.standard_normal((STEPS, ROWS, CLASSES))).astype(dtype)
    else:
        y = np.eye(CLASSES, dtype=dtype)[labels]
    given = {"x": x, "y": y, "steps": STEPS}
    if i % 2:
        given["weight"] = rng.uniform(0, 2, (STEPS, ROWS, 1)).astype(dtype)
    return given


def walk_through(trainer, given):
    losses = []
    for i in range(int(given["steps"])):
        rows = slice(None, 7) if i % 13 == 12 else slice(None)
        weight = given["weight"][i][rows, 0] if "weight" in given else None
        losses.append(trainer.step(given["x"][i][rows], given["y"][i][rows], weight))
    return losses


@pytest.fixture(scope="module")
def unrolled(tmp_path_factory):
    """The ten networks after 300 steps: by npdeep, and by their unrolled files in a process without npdeep."""
    folder = tmp_path_factory.mktemp("unrolled")
    names = [f"network_{i}" for i in range(len(OPTIMIZER_OF))]
    trainers = {}
    for i, name in enumerate(names):
        trainer = network(i)
        before = bits(trainer)
        nd.debug.unroll(trainer, folder / f"{name}.py")
        assert bits(trainer) == before
        given = data(i, trainer.model.dtype)
        np.savez(folder / f"{name}_data.npz", **given)
        trainers[name] = (trainer, walk_through(trainer, given))
    (folder / "driver.py").write_text(DRIVER, encoding="utf-8")
    done = subprocess.run([sys.executable, "driver.py", *names], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, trainers


@pytest.mark.parametrize("i", range(len(OPTIMIZER_OF)))
def test_ten_networks_train_to_the_same_bits_in_a_process_without_npdeep(unrolled, i):
    folder, trainers = unrolled
    trainer, losses = trainers[f"network_{i}"]
    with np.load(folder / f"network_{i}_result.npz") as stored:
        result = dict(stored)
    assert result["losses"].tolist() == losses
    assert result["values"].tobytes() == trainer.model.arena.values.tobytes()
    assert result["grads"].tobytes() == trainer.model.arena.grads.tobytes()
    for name, slot in trainer.optimizer.slots.items():
        assert result[name].tobytes() == slot.tobytes(), name
    for layer in trainer.model.everything():
        if layer.draws:
            assert str(layer.rng.bit_generator.state) in str(result["states"])
    assert np.all(np.isfinite(trainer.model.arena.values))


def test_denormals_were_flushed_on_the_way(unrolled):
    flushed = 0
    for trainer, _ in unrolled[1].values():
        kernel = trainer.model.layer("1st.hidden-layer").kernel
        if kernel.trainable and trainer.optimizer.decaying_slots():
            assert trainer.optimizer.flush_every < STEPS
            slot = trainer.optimizer.slot(next(iter(trainer.optimizer.decaying_slots())), kernel)
            flushed += not np.any(slot[0]) and kernel.regularizer is None
    assert flushed > 0


def test_the_networks_leave_nothing_out():
    trainers = [network(i) for i in range(len(OPTIMIZER_OF))]
    parameters = [p for t in trainers for p in t.model.parameters]
    assert {type(layer) for t in trainers for layer in t.model.everything()} == set(LAYERS)
    assert {type(t.loss) for t in trainers} == set(nd.losses.KNOWN.values())
    assert {type(t.optimizer) for t in trainers} == set(OPTIMIZERS)
    assert {type(p.regularizer) for p in parameters} - {type(None)} == set(REGULARIZERS)
    assert {type(p.constraint) for p in parameters} - {type(None)} == set(CONSTRAINTS)
    assert {type(t.clipping) for t in trainers} - {type(None)} == set(CLIPPINGS)
    used = {type(value) for t in trainers for value in vars(t.optimizer).values() if isinstance(value, S.Schedule)}
    assert used | {S.OneCycle} == set(SCHEDULES)
    activations = {layer.activation for t in trainers for layer in t.model.everything() if isinstance(layer, nd.Activation)}
    assert activations == set(ACTIVATIONS)
    assert {str(t.model.dtype) for t in trainers} == {"float32", "float64"}
    assert any(not p.trainable and p.has_grad for p in parameters)


def imported(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return {*names, *(node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))}


def test_the_files_import_numpy_and_the_standard_library_alone(unrolled):
    for i in range(len(OPTIMIZER_OF)):
        assert imported(unrolled[0] / f"network_{i}.py") <= {"numpy", "math", "sys", "bisect", "itertools", "collections.abc"}


def test_kernels_stand_in_the_file_word_for_word_once_each_and_none_that_is_not_used(tmp_path):
    path = nd.debug.unroll(plain_trainer("adam"), tmp_path / "step.py")
    text = path.read_text(encoding="utf-8")
    functions = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert len(functions) == len(set(functions))
    for kernel in (affine_backward, adam, moving_average):
        assert text.count(inspect.getsource(kernel)) == 1
    assert "batch_normalization_forward" not in functions
    calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    called = {function.id for function in calls if isinstance(function, ast.Name)}
    assert set(functions) - {"train"} <= called


def test_constants_are_computed_where_the_file_runs_and_keep_what_is_said_of_them(tmp_path):
    layers = [nd.Activation("elu"), nd.Activation("selu"), nd.Dense(2)]
    trainer = nd.Trainer(nd.Sequential(layers, 3), "softmax_cross_entropy", "sgd")
    text = nd.debug.unroll(trainer, tmp_path / "step.py").read_text(encoding="utf-8")
    assert "# NumPy computes float32 expm1 in vectors on Linux with AVX-512 alone" in text
    assert 'EXPM1_IN_VECTORS = sys.platform == "linux" and' in text
    assert 'SELU_SCALE = 1.0507009873554805\n"""α and λ of SELU' in text


def test_the_step_goes_straight_down_one_call_a_line(tmp_path):
    text = nd.debug.unroll(every_trainer(), tmp_path / "step.py").read_text(encoding="utf-8")
    (step,) = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == "step"]
    for node in step.body[1:]:                # behind the docstring
        assert isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.If | ast.For | ast.Return)
        if isinstance(node, ast.Expr | ast.Assign):
            assert node.lineno == node.end_lineno
    order = [text.index(f"    # {stage}") for stage in STAGES]
    assert order == sorted(order)


@pytest.mark.parametrize("epochs_before", [0, 2])
def test_train_is_fit(tmp_path, epochs_before, monkeypatch, capsys):
    x, y = examples(45)
    trainer = every_trainer(nd.optimizers.Adam(0.01))
    trainer.fit(x, y, epochs=epochs_before, batch_size=20, verbose=False)
    nd.debug.unroll(trainer, tmp_path / "fitted.py", x, y, epochs=3, batch_size=20)
    done = subprocess.run([sys.executable, "fitted.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    history = trainer.fit(x, y, epochs=3, batch_size=20, verbose=False)
    expected = [f"epoch {r['epoch']}: loss {r['loss']:.4f}" for r in history]
    assert done.stdout.splitlines() == expected
    monkeypatch.syspath_prepend(tmp_path)
    import fitted

    fitted.train(x, y, epochs=1, batch_size=20)
    fitted.train(x, y, epochs=2, batch_size=20)
    assert capsys.readouterr().out.splitlines() == expected
    assert fitted.values.tobytes() == trainer.model.arena.values.tobytes()
    sys.modules.pop("fitted")


# ── nested layers and own parts ───────────────────────────────────────────────────────────────────────────────────────
SLOPE = 0.2
"""How steep the own activation is below 0."""


def below(x):
    return np.minimum(x, 0)


def bent(x, scale, out):
    """scale · (max(x, 0) + SLOPE min(x, 0)): with a helper and a constant that are to be taken along."""
    np.maximum(x, 0, out=out)
    out += SLOPE * below(x)
    out *= scale
    return out


def bent_backward(x, scale, grad_output, grad_scale, out):
    np.greater(x, 0, out=out)
    out += SLOPE * (1 - out)
    if grad_scale is not None:
        np.einsum("ij,ij,ij->j", grad_output, x, out, out=grad_scale)
    out *= grad_output
    out *= scale
    return out


def doubled(x):
    return 2 * x


def scale_gradient(x, grad_output):
    return (x * grad_output).sum(axis=0)


def times(x, scale):
    return x * scale


def shaken(rng, x, *, amount):
    return x + amount * rng.standard_normal(x.shape, dtype=x.dtype)


def tempered(x, w):
    return x * np.tanh(w)


def tempered_gradient(x, w, grad_output):
    return (x * grad_output).sum(axis=0) * (1 - np.tanh(w) ** 2)


class Tempered(N.Layer):
    """The gradient of its parameter depends on the parameter."""

    def build(self, input_size):
        self.w = self.add_parameter("w", (input_size,), "ones")
        return input_size

    def forward(self, x, training=False):
        return tempered(x, self.w.value)

    def backward(self, grad_output):
        self.w.grad = tempered_gradient(self.input, self.w.value, grad_output)
        return tempered(grad_output, self.w.value)


class Bent(N.Layer):
    """Writes into its buffers."""

    def build(self, input_size):
        self.scale = self.add_parameter("scale", (input_size,), "ones")
        return input_size

    def buffers(self, training):
        yield "output", self.output_size
        yield "slope", self.input_size

    def forward(self, x, training=False):
        return bent(x, self.scale.value, self.output)

    def backward(self, grad_output):
        return bent_backward(self.input, self.scale.value, grad_output, self.scale.wanted, self.slope)


class Doubled(N.Layer):
    """Returns new arrays."""

    def forward(self, x, training=False):
        return doubled(x)

    def backward(self, grad_output):
        return doubled(grad_output)


class Scaled(N.Layer):
    """Assigns its gradient."""

    def build(self, input_size):
        self.scale = self.add_parameter("scale", (input_size,), "ones")
        return input_size

    def forward(self, x, training=False):
        return times(x, self.scale.value)

    def backward(self, grad_output):
        if self.scale.trainable:
            self.scale.grad = scale_gradient(self.input, grad_output)
        return times(grad_output, self.scale.value)


class Shaken(N.Layer):
    """Draws random numbers, in training alone."""

    draws = True

    def forward(self, x, training=False):
        return shaken(self.rng, x, amount=0.1) if training else x

    def backward(self, grad_output):
        return grad_output


class Same(N.Layer):
    """Computes nothing."""

    def forward(self, x, training=False):
        return x

    def backward(self, grad_output):
        return grad_output


class Block(N.Layer):
    """Holds layers, and adds a number of its own way."""

    def __init__(self, name=None):
        super().__init__(name)
        self.inner = self.hold([nd.Dense(6), nd.Dropout(0.3), Bent()])

    def build(self, input_size):
        return self.inner.build(input_size)

    def forward(self, x, training=False):
        return doubled(self.inner.forward(x, training))

    def backward(self, grad_output):
        return self.inner.backward(doubled(grad_output))


LAYERS_OF = {
    "a block": lambda: [nd.Residual([nd.Dense(6), nd.Activation("relu")], name="block1")],
    "a block with noise and statistics": lambda: [
        nd.Residual([nd.BatchNormalization(), nd.Activation("gelu"), nd.Dropout(0.4), nd.Dense(6)]),
        nd.LayerNormalization(),
    ],
    "a projection": lambda: [nd.Residual([nd.Dense(5), nd.GaussianNoise(0.1)], projection=True)],
    "blocks in blocks": lambda: [
        nd.Residual([nd.Residual([nd.Dense(6), nd.Dropout(0.2)]), nd.Parallel([[nd.Dense(2)], [nd.Dense(4), nd.RReLU()]])])
    ],
    "branches beside each other": lambda: [nd.Parallel([[nd.Dense(3), nd.BatchNormalization()], []])],
    "branches added": lambda: [nd.Parallel([[nd.Dense(3)], [nd.Maxout(3)]], merge="add")],
    "branches with columns of their own": lambda: [
        nd.Dense(6),
        nd.Parallel([[nd.Dense(3)], [nd.AlphaDropout(0.1)]], split=(2, 4)),
    ],
    "layer normalization": lambda: [nd.LayerNormalization(center=False), nd.Dense(4), nd.LayerNormalization(scale=False)],
    "own": lambda: [Bent(), nd.Dense(6), Tempered(), Doubled(), Scaled(), Shaken(), Same(), nd.Activation("tanh")],
    "own in a block": lambda: [nd.Residual([nd.Dense(6), Bent(), Tempered(), Doubled(), Shaken()]), Scaled()],
    "own in branches": lambda: [nd.Parallel([[Doubled()], [Bent(), Scaled()]]), nd.Dense(6)],
    "own that holds layers": lambda: [nd.Dense(6), Block()],
}


def own_squares(outputs, targets, error):
    np.subtract(outputs, targets, out=error)
    return np.mean(error * error)


def own_squares_backward(error):
    return 2 * error / error.size


def column(weight):
    return 1 if weight is None else weight[:, None]


def weighted_squares(outputs, targets, weight):
    return float(np.mean(column(weight) * (outputs - targets) ** 2))


def weighted_squares_backward(outputs, targets, weight):
    return (2.0 * column(weight) * (outputs - targets) / outputs.size).astype(np.float64)


class OwnSquares:
    """A loss without a base class, that knows no weights."""

    def forward(self, outputs, targets):
        self.error = np.empty_like(outputs)
        return own_squares(outputs, targets, self.error)

    def backward(self):
        return own_squares_backward(self.error)


class OwnWeighted:
    """One that does; its gradient is float64 whatever the outputs are."""

    def forward(self, outputs, targets, sample_weight=None):
        self.given = outputs, targets, sample_weight
        return weighted_squares(*self.given)

    def backward(self):
        return weighted_squares_backward(*self.given)


def quartic(z, y, loss):
    np.subtract(z, y, out=loss)
    loss **= 4
    return loss


def quartic_backward(z, y, dz):
    np.subtract(z, y, out=dz)
    dz **= 3
    dz *= 4


class OwnQuartic(nd.losses.Loss):
    """A loss with npdeep's base class."""

    formula = nd.losses.MeanSquaredError.formula

    def losses(self, z, y):
        return quartic(z, y, self.loss)

    def derivatives(self, z, y):
        quartic_backward(z, y, self.grad_outputs)


def lion(w, g, m, t, learning_rate, beta):
    np.multiply(m, beta, out=t)
    t += (1 - beta) * g
    m *= 0.99
    m += 0.01 * g
    np.sign(t, out=t)
    t *= learning_rate
    w -= t


def own_adam(w, g, m, learning_rate, step):
    m += g
    w -= learning_rate * m / (1 - 0.9**step)


class Lion(P.Optimizer):
    slot_names = ("m",)

    def update_piece(self, step, w, g, m, t):
        lion(w, g, m, t, self.eta, 0.9)


class ByStep(P.Optimizer):
    slot_names = ("m",)

    def update_piece(self, step, w, g, m, t):
        own_adam(w, g, m, self.eta, step + 1)


class Decaying(P.Momentum):
    """With a factor of its own, and a momentum that may be a schedule."""

    def __init__(self, learning_rate, momentum, shrink=0.25):
        super().__init__(learning_rate, momentum)
        self.shrink = shrink

    def update_piece(self, step, w, g, m, t):
        lion(w, g, m, t, self.eta * self.shrink, self.beta)


class MySGD(P.SGD):
    """Nothing new."""


PARTS_OF = {
    "loss": {"loss": OwnSquares},
    "loss with weights": {"loss": OwnWeighted, "weighted": True},
    "loss with a base": {"loss": OwnQuartic, "weighted": True},
    "loss with a base and weighting": {"loss": lambda: OwnQuartic(weighting="weights"), "weighted": True},
    "optimizer": {"optimizer": Lion},
    "optimizer under a schedule": {"optimizer": lambda: Lion(S.PiecewiseConstant([5], [0.01, 0.001]))},
    "optimizer under two schedules": {
        "optimizer": lambda: Decaying(S.PiecewiseConstant([5], [0.01, 0.001]), S.PiecewiseConstant([5], [0.5, 0.2]))
    },
    "optimizer that counts": {"optimizer": ByStep},
    "optimizer derived": {"optimizer": MySGD},
}


def same_bits_as_npdeep(trainer, path, weighted=False, steps=9):
    module = load(nd.debug.unroll(trainer, path))
    rng = np.random.default_rng(7)
    for i in range(steps):
        n = (20, 7, 1)[i % 3]
        x, y = rng.standard_normal((n, WIDTH)).astype(np.float32), np.eye(3, dtype=np.float32)[rng.integers(0, 3, n)]
        weight = rng.uniform(0.5, 2, n).astype(np.float32) if weighted and i % 2 else None
        assert module.step(x, y, weight) == trainer.step(x, y, weight)
        assert module.values.tobytes() == trainer.model.arena.values.tobytes()
        assert module.grads.tobytes() == trainer.model.arena.grads.tobytes()
    assert imported(path) <= {"numpy", "math", "sys", "bisect", "itertools", "collections.abc"}
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("first", [True, False], ids=["lowest", "above a layer"])
@pytest.mark.parametrize("name", LAYERS_OF)
def test_nested_and_own_layers_train_to_the_same_bits(tmp_path, name, first):
    layers = [*([] if first else [nd.Dense(6, name="first")]), *LAYERS_OF[name](), nd.Dense(3, name="outputs")]
    model = nd.Sequential(layers, WIDTH, seed=3)
    text = same_bits_as_npdeep(nd.Trainer(model, "softmax_cross_entropy", P.Adam(0.01)), tmp_path / "step.py")
    assert ("def below(x)" in text) == ("SLOPE = 0.2\n" in text) == any(isinstance(one, Bent) for one in model.everything())


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("name", PARTS_OF)
def test_own_losses_and_optimizers_train_to_the_same_bits(tmp_path, name, nested):
    parts = PARTS_OF[name]
    hidden = [nd.Residual([nd.Dense(6), nd.Dropout(0.1)]), Bent()] if nested else [nd.Dense(300), nd.Dense(300)]
    model = nd.Sequential([*hidden, nd.Dense(3, name="outputs")], WIDTH, seed=3)
    trainer = nd.Trainer(model, parts.get("loss", nd.losses.MeanSquaredError)(), parts.get("optimizer", lambda: P.SGD(0.001))())
    same_bits_as_npdeep(trainer, tmp_path / "step.py", parts.get("weighted", False))


class Inline(N.Layer):
    def forward(self, x, training=False):
        return x * 2

    def backward(self, grad_output):
        return doubled(grad_output)


class InPlace(N.Layer):
    def forward(self, x, training=False):
        times(x, 1.0)
        np.multiply(x, 2, out=self.output)
        return self.output

    def backward(self, grad_output):
        return doubled(grad_output)


class InlineBackward(Inline):
    def forward(self, x, training=False):
        return doubled(x)

    def backward(self, grad_output):
        return grad_output * 2


class InlineAfter(Inline):
    def forward(self, x, training=False):
        y = doubled(x)
        y += 1
        return y


class Counting(Inline):
    """A number that changes from step to step and is in no function."""

    passes = 0

    def forward(self, x, training=False):
        self.passes += 1
        return times(x, 1 / self.passes)


class Blank(Inline):
    """What it writes is what fresh memory holds anyway."""

    def forward(self, x, training=False):
        self.output.fill(0)
        return self.output


class InLambda(Inline):
    def forward(self, x, training=False):
        return (lambda z: z * 2)(x)


class MyLoss:
    """A custom loss."""

    def forward(self, outputs, targets):
        self.error = outputs - targets
        return float(np.mean(self.error**2))

    def backward(self):
        return 2 * self.error / self.error.size


class InlineDerivatives(OwnQuartic):
    """With npdeep's base class, whose methods have other names."""

    def derivatives(self, z, y):
        self.grad_outputs[...] = 4 * (z - y) ** 3


class MyOptimizer(P.Optimizer):
    """A custom optimizer."""

    def update_piece(self, step, w, g, t):
        w -= self.eta * g


class HalfScheduled(P.Optimizer):
    """The learning rate goes into the function in a shape that cannot be told from a number."""

    def update_piece(self, step, w, g, t):
        lion(w, g, g, t, 2 * self.eta, 0.9)


class MySchedule(nd.schedules.Schedule):
    """A custom schedule."""

    def __call__(self, step):
        return 0.1


class MyPenalty(nd.regularizers.L2):
    """A penalty of the user's."""


class MyCallback(nd.callbacks.Callback):
    """Unrolls in the midst of fit."""

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, trainer, record):
        nd.debug.unroll(trainer, self.path)


def trainer_with(layers=(), loss="softmax_cross_entropy", optimizer="sgd", **dense):
    return nd.Trainer(nd.Sequential([*layers, nd.Dense(3, name="outputs", **dense)], 6, seed=0), loss, optimizer)


@pytest.mark.parametrize(
    ("trainer", "named"),
    [
        (lambda: trainer_with(optimizer=nd.optimizers.SGD(MySchedule())), "schedule is a MySchedule"),
        (lambda: trainer_with(optimizer=nd.optimizers.SGD(S.Warmup(MySchedule(), 5))), "schedule is a MySchedule"),
        (lambda: trainer_with(kernel_regularizer=MyPenalty()), "regularizer of outputs/kernel is a MyPenalty"),
    ],
)
def test_what_is_the_users_own_is_refused_by_name(tmp_path, trainer, named):
    with pytest.raises(ValueError, match=f"unroll: the {named} of your own"):
        nd.debug.unroll(trainer(), tmp_path / "step.py")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("trainer", "method"),
    [
        *((lambda k=k: trainer_with([nd.Dense(6), k()]), f"{k.__name__}.forward") for k in (Inline, InPlace, InlineAfter)),
        *((lambda k=k: trainer_with([nd.Residual([k()])]), f"{k.__name__}.forward") for k in (Inline, Counting, InLambda)),
        (lambda: trainer_with([nd.Dense(6), InlineBackward()]), "InlineBackward.backward"),
        (lambda: trainer_with(loss=MyLoss()), "MyLoss.forward"),
        (lambda: trainer_with(loss=InlineDerivatives()), "InlineDerivatives.derivatives"),
        (lambda: trainer_with(optimizer=MyOptimizer(0.1)), "MyOptimizer.update_piece"),
        (lambda: trainer_with(optimizer=HalfScheduled(S.PowerDecay(0.1, 5))), "HalfScheduled.update_piece"),
    ],
)
def test_arithmetic_that_is_in_no_function_is_refused_by_name_with_what_to_do(tmp_path, trainer, method):
    with pytest.raises(ValueError, match=f"move the arithmetic of {method} into a function") as raised:
        nd.debug.unroll(trainer(), tmp_path / "step.py")
    assert len(str(raised.value)) < 300
    assert list(tmp_path.iterdir()) == []


def test_memory_that_is_right_by_chance_proves_nothing(tmp_path, monkeypatch):
    loaded = check.load
    monkeypatch.setattr(check, "load", lambda text, start: loaded(text.replace("np.empty(", "np.zeros("), start))
    with pytest.raises(ValueError, match=r"move the arithmetic of Blank\.forward into a function"):
        nd.debug.unroll(trainer_with([nd.Dense(6), Blank()]), tmp_path / "step.py")


def train(x):
    """By the name of a function that the file has."""
    return 2 * x


def affine_forward(x):
    """By the name of a kernel of npdeep's."""
    return 2 * x


def with_npdeep(x):
    return nd.kernels.arrays.below_zero(x, x.copy())


made_on_the_fly = {}
exec("import numpy as np\ndef without_source(x):\n    return 2 * x", made_on_the_fly)
without_source = made_on_the_fly["without_source"]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (train, "'train'.*rename it"),
        (affine_forward, "both called 'affine_forward'; rename one"),
        (with_npdeep, "with_npdeep uses nd, .* NumPy alone"),
        (without_source, "source of the function without_source cannot be read; put it into a file"),
    ],
)
def test_a_function_that_cannot_go_along_is_refused_by_name(tmp_path, function, words):
    class Using(Same):
        def forward(self, x, training=False):
            return function(x)

    with pytest.raises(ValueError, match=words) as raised:
        nd.debug.unroll(trainer_with([nd.Dense(6), Using()]), tmp_path / "step.py")
    assert len(str(raised.value)) < 300
    assert list(tmp_path.iterdir()) == []


def test_a_layer_steps_aside_for_a_function_of_its_name(tmp_path):
    text = same_bits_as_npdeep(trainer_with([nd.Dense(6), Doubled(name="doubled")], optimizer="adam"), tmp_path / "step.py")
    assert "doubled_.output = doubled(dense.output)" in text


def test_users_rows_are_used_where_made_up_ones_would_not_do(tmp_path):
    class Picky(Same):
        def forward(self, x, training=False):
            if np.any(x < 0):
                raise ValueError("Picky takes no negative numbers")
            return x

    trainer = trainer_with([Picky()])
    with pytest.raises(ValueError, match="takes no negative numbers"):
        nd.debug.unroll(trainer, tmp_path / "step.py")
    assert nd.debug.unroll(trainer, tmp_path / "step.py", np.ones((8, 6), np.float32), np.arange(8) % 3).exists()


def by_value(x, out):
    np.multiply(x, -2 if abs(x).max() > 50 else 2, out=out)
    return out


class DecidesInItsFunction(N.Layer):
    def buffers(self, training):
        yield "output", self.output_size
        yield "slope", self.input_size

    def forward(self, x, training=False):
        return by_value(x, self.output)

    def backward(self, grad_output):
        return by_value(grad_output, self.slope)


class ByValue(Same):
    def forward(self, x, training=False):
        return times(x, 2.0) if abs(x).max() > 50 else doubled(x)


class ByIndex(Same):
    def forward(self, x, training=False):
        return (doubled, below)[int(x.mean() > 50)](x)


class ByMethod(Same):
    def is_large(self, x):
        return x.max() > 50

    def forward(self, x, training=False):
        if self.is_large(x):
            return times(x, 2.5)
        return doubled(x)


class ByRows(Same):
    def forward(self, x, training=False):
        return doubled(x) if len(x) < 30 else x


class ByCount(Same):
    passes = 0

    def forward(self, x, training=False):
        self.passes += 1
        return times(x, 0.5 ** (self.passes // 20))


class ByCountInPlainWords(ByCount):
    def forward(self, x, training=False):
        self.passes = self.passes + 1
        return times(x, 0.5 ** (self.passes // 20))


class LossByValue(OwnSquares):
    def forward(self, outputs, targets):
        self.error = np.empty_like(outputs)
        return own_squares(outputs, targets, self.error) if abs(outputs).max() < 50 else 0.0


class UpdateByStep(P.Optimizer):
    def update_piece(self, step, w, g, t):
        lion(w, g, g, t, self.eta if step < 12 else 0.5, 0.9)


class UpdateByStepTimes(P.Optimizer):
    def update_piece(self, step, w, g, t):
        lion(w, g, g, t, self.eta * 0.5 ** (step // 20), 0.9)


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize(
    "part", [ByValue, ByIndex, ByMethod, ByRows, ByCount, ByCountInPlainWords, LossByValue, UpdateByStep, UpdateByStepTimes]
)
def test_what_a_part_decides_in_python_is_refused_since_a_later_step_may_go_another_way(tmp_path, part, nested):
    given, layers = {}, []
    if issubclass(part, N.Layer):
        layers = [nd.Dense(6), nd.Residual([part()]) if nested else part()]
    elif issubclass(part, P.Optimizer):
        given["optimizer"] = part(0.01)
    else:
        given["loss"] = part()
    with pytest.raises(ValueError, match=rf"unroll: {part.__name__}\.\w+ .*move the arithmetic of {part.__name__}\.") as raised:
        nd.debug.unroll(trainer_with(layers, **given), tmp_path / "step.py")
    assert len(str(raised.value)) < 300
    assert list(tmp_path.iterdir()) == []


def test_a_decision_in_a_function_goes_along(tmp_path):
    trainer = trainer_with([nd.Dense(6), DecidesInItsFunction()])
    module = load(nd.debug.unroll(trainer, tmp_path / "step.py"))
    for scale in (1, 1e3, 1):
        x, y = np.full((4, 6), scale, np.float32), np.arange(4) % 3
        assert module.step(x, y) == trainer.step(x, y)
        assert module.values.tobytes() == trainer.model.arena.values.tobytes()


def test_a_callback_of_the_users_own_and_an_augmentation_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="unroll: the callback is a MyCallback of your own"):
        plain_trainer().fit(*examples(20), callbacks=[MyCallback(tmp_path / "step.py")], verbose=False)
    with pytest.raises(ValueError, match=r"unroll: augment \(Shift\(.*\)\) is not a part of the training step"):
        nd.debug.unroll(plain_trainer(), tmp_path / "step.py", augment=nd.augmentation.Shift(2, shape=(2, 3)))
    assert list(tmp_path.iterdir()) == []


def test_no_layer_takes_a_name_that_the_file_uses(tmp_path):
    for i in range(len(OPTIMIZER_OF)):
        tree = ast.parse(nd.debug.unroll(network(i), tmp_path / f"names_{i}.py").read_text(encoding="utf-8"))
        functions = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name in ("step", "make_buffers", "train")]
        local = {n.id for f in functions for n in ast.walk(f) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        local |= {a.arg for f in functions for a in f.args.args}
        assert local - TAKEN <= {"_"}


@pytest.mark.parametrize("name", ["n", "r", "s", "file", "momentum_at", "lambda", "x"])
def test_a_layer_of_any_name_trains(tmp_path, name, monkeypatch):
    layers = [nd.Dense(5, name=name), nd.Activation("tanh"), nd.Dense(3, name="outputs")]
    trainer = nd.Trainer(nd.Sequential(layers, 6, seed=0), "softmax_cross_entropy", P.Nadam())
    module = load(nd.debug.unroll(trainer, tmp_path / "named.py"))
    x, y = examples(3)                        # as many rows as outputs
    for weight in (None, np.array([0.5, 1.0, 2.0])):
        assert module.step(x.astype(np.float64), y, weight) == trainer.step(x, y, weight)
    assert module.values.tobytes() == trainer.model.arena.values.tobytes()


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("given", [{"sample_weight": np.ones(5)}, {"seed": 5}, {"shuffle": False}])
def test_other_arguments_of_fit_are_refused_too(tmp_path, given):
    with pytest.raises(ValueError, match=f"unroll: {next(iter(given))} .* is not a part of the training step"):
        nd.debug.unroll(plain_trainer(), tmp_path / "step.py", **given)


def test_paths_and_data_are_checked_at_the_door(tmp_path):
    trainer = plain_trainer()
    for path in ("step.txt", "my-step.py", "1.py"):
        with pytest.raises(ValueError, match="the name of a Python module"):
            nd.debug.unroll(trainer, tmp_path / path)
    with pytest.raises(TypeError, match="a string or a Path"):
        nd.debug.unroll(trainer, 5)
    with pytest.raises(TypeError, match="trainer must be a Trainer"):
        nd.debug.unroll(trainer.model, tmp_path / "step.py")
    with pytest.raises(ValueError, match="x and y belong together"):
        nd.debug.unroll(trainer, tmp_path / "step.py", examples(5)[0])
    with pytest.raises(ValueError, match="labels must lie in"):
        nd.debug.unroll(trainer, tmp_path / "step.py", examples(5)[0], np.full(5, 7))
    assert list(tmp_path.iterdir()) == []
    path = nd.debug.unroll(trainer, tmp_path / "step.py")
    path.write_text("notes of a student", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"step\.py exists already"):
        nd.debug.unroll(trainer, path)
    assert path.read_text(encoding="utf-8") == "notes of a student"


def test_an_epoch_that_is_not_finished_is_refused(tmp_path):
    trainer = plain_trainer()

    def stop(trainer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.fit(*examples(40), batch_size=10, callbacks=[nd.callbacks.LambdaCallback(on_step_end=stop)], verbose=False)
    with pytest.raises(ValueError, match="in the middle of epoch 1, after 1 batches"):
        nd.debug.unroll(trainer, tmp_path / "step.py")


def test_a_file_that_cannot_be_written_leaves_none_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        nd.debug.unroll(plain_trainer(), tmp_path / "step.py")
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_is_being_walked_is_refused(tmp_path):
    trainer = plain_trainer()
    walk = trainer.walk(*examples(5))
    next(walk)
    with pytest.raises(ValueError, match="in the middle of a step that is being walked"):
        nd.debug.unroll(trainer, tmp_path / "step.py")
    list(walk)
    assert nd.debug.unroll(trainer, tmp_path / "step.py", shuffle=True).exists()
    with pytest.raises(TypeError, match="unroll: unknown argument 'epoch'"):
        nd.debug.unroll(trainer, tmp_path / "other.py", epoch=3)


def test_a_local_name_may_be_called_like_something_in_the_module(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "scale", object())          # as a notebook has its x and y
    monkeypatch.setitem(globals(), "x", np.ones((2, 2)))
    model = nd.Sequential([Bent(), nd.Dense(3)], input_size=4, seed=0)
    module = load(nd.debug.unroll(nd.Trainer(model, "mean_squared_error"), tmp_path / "step.py"))
    assert not hasattr(module, "scale")


# ── whatever a name or a value is, it stays a name or a value ─────────────────────────────────────────────────────────
RUN = "open('ran', 'w').close()"
HOSTILE = {
    "three quotes": f'"""\n{RUN}\n"""',
    "three quotes on a line": f'"""; {RUN}; """',
    "three single quotes": f"'''\n{RUN}\n'''",
    "the end of a string": f"'); {RUN}; ('",
    "the end of another": f'"); {RUN}; ("',
    "a line": f"0\n{RUN}",
    "a carriage return": f"0\r{RUN}",
    "an expression": f"0 or {RUN}",
    "a braced one": f"{{{RUN}}}",
    "a line separator": f"0\u2028{RUN}",
    "a form feed": f"0\x0c{RUN}",
    "a backslash": "\\",
    "a backslash before the end": '\\"""',
    "a path": r"C:\new\x",
    "a broken escape": r"my \unknown \N{model} \x",
    "quotes in quotes": 'say """hi"""',
    "a colour": "\x1b[31mred",
    "from the right": "\u202eeman",
    "a zero": "a\0b",
    "half a character": "a\ud800b",
}


def put(place):
    """A function that puts a text into a trainer where only npdeep writes: past all checks."""
    *path, name = place.split(".")

    def into(trainer, text):
        target = trainer
        for step in path:
            target = target[int(step)] if step.isdigit() else getattr(target, step)
        vars(target)[name] = text

    return into


PLACES = [
    *("model.name", "epoch", "iteration", "batches_done", "seed", "model.dtype", "model.input_size", "model.output_size"),
    *("optimizer.learning_rate", "optimizer.epsilon", "optimizer.beta_1", "optimizer.flush_every", "optimizer.mu_product"),
    *("clipping.norm", "loss.label_smoothing", "model.layers.0.name", "model.layers.0.output_size"),
    *("model.layers.1.epsilon", "model.layers.1.momentum", "model.layers.2.activation", "model.layers.3.rate"),
    *("model.layers.4.pieces", "model.layers.5.lower"),
]


def share(items, hostile, part):
    """Of every five items "one", or "the others", another one for each text: the others are exhaustive."""
    first = list(HOSTILE).index(hostile)
    return [item for i, item in enumerate(items) if ((first + i) % 5 == 0) == (part == "one")]


one_or_others = pytest.mark.parametrize("part", ["one", pytest.param("the others", marks=pytest.mark.exhaustive)])


@one_or_others
@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_in_a_trainer_becomes_a_part_of_the_program(tmp_path, hostile, part, monkeypatch):
    """Either the text is refused, or the file is sound Python that runs nothing but what npdeep wrote."""
    monkeypatch.chdir(tmp_path)
    for i, place in enumerate(share(PLACES, hostile, part)):
        layers = [nd.Dense(4, name="a"), nd.BatchNormalization(), nd.Activation("elu"), nd.Dropout(0.5), nd.Maxout(4)]
        model = nd.Sequential([*layers, nd.RReLU(), nd.Dense(3, name="outputs")], 6, seed=0)
        trainer = nd.Trainer(model, "softmax_cross_entropy", P.Nadam(), nd.clipping.ClipByGlobalNorm(1.0))
        put(place)(trainer, HOSTILE[hostile])
        path = tmp_path / f"step_{i}.py"
        try:
            nd.debug.unroll(trainer, path, *examples(5))
        except (ValueError, TypeError, KeyError):
            assert place != "model.name"
            assert not path.exists()
            continue
        try:
            load(path)
        except (ValueError, TypeError):       # a text where a number should be
            assert place != "model.name"
        assert not (tmp_path / "ran").exists(), place


@one_or_others
@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_schedules_numbers_are_written_as_values(tmp_path, hostile, part, monkeypatch):
    monkeypatch.chdir(tmp_path)
    schedules = S.PowerDecay(0.1, 10), S.Warmup(0.1, 5), S.PiecewiseConstant([5], [0.1, 0.2]), S.OneCycle(0.1, 10)
    for schedule, name in share([(each, name) for each in schedules for name in vars(each)], hostile, part):
        trainer = plain_trainer(P.Momentum(schedule))
        before = vars(schedule)[name]
        vars(schedule)[name] = [HOSTILE[hostile]] if isinstance(before, list) else HOSTILE[hostile]
        path = tmp_path / f"{type(schedule).__name__}_{name}.py"
        with contextlib.suppress(ValueError, TypeError):         # no number: npdeep cannot take a step either
            load(nd.debug.unroll(trainer, path))
        script = Script(trainer.model)
        write_schedule(script, "momentum_at", schedule)
        for text in script.functions:
            exec(text, {})
        vars(schedule)[name] = before
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_texts_in_the_file_are_what_they_were(tmp_path, hostile):
    text = HOSTILE[hostile]
    shown = text.encode("utf-8", "backslashreplace").decode()    # half a character has no place in a docstring
    assert (ast.literal_eval(literal(text)), ast.literal_eval(docstring(text))) == (text, shown)
    (statement,) = ast.parse(f"# {escaped(text)}\nx = 1").body
    assert statement.targets[0].id == "x"
    assert identifier(text, set()).isidentifier()
    trainer = plain_trainer()
    vars(trainer.model)["name"] = text          # an assignment is refused
    tree = ast.parse(nd.debug.unroll(trainer, tmp_path / "a.py").read_text("utf-8"))
    assert f": {shown} 6-8-3 float32." in ast.get_docstring(tree)


class Evil(float):
    """A number that prints itself as a program."""

    def __repr__(self):
        return RUN


@pytest.mark.parametrize("value", [Evil(0.5), np.float32(0.5), [Evil(0.5)], (1, None, True), -np.inf, 2**100])
def test_numbers_are_written_by_their_value(value):
    assert RUN not in literal(value)
    assert np.all(np.equal(eval(literal(value), {"np": np}), value))


@pytest.mark.parametrize("value", [object(), {1: 2}, b"bytes", 1j, np.zeros(2)])
def test_what_is_no_value_is_not_written(value):
    with pytest.raises(TypeError, match=r"unroll: .* cannot be written into a program"):
        literal(value)


def test_the_file_is_the_same_whatever_the_terminal_can_show(tmp_path, monkeypatch):
    texts = []
    for columns, encoding in (("200", "utf-8"), ("45", "ascii")):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding))
        texts.append(nd.debug.unroll(every_trainer("adam"), tmp_path / f"step{columns}.py").read_text(encoding="utf-8"))
    assert texts[0].replace("step200", "step45") == texts[1]
    assert "σ" in texts[1]
