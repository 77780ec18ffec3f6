"""Unrolled files: the same bits as npdeep, in a process that has none; refused where something is the user's own."""

import ast
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
from npdeep.debug.unrolling.layers import LAYERS
from npdeep.debug.unrolling.losses import LOSSES
from npdeep.debug.unrolling.script import TAKEN, docstring, escaped, identifier, literal
from npdeep.debug.unrolling.updates import CLIPPINGS, CONSTRAINTS, OPTIMIZERS, REGULARIZERS, SCHEDULES
from npdeep.kernels.affine import affine_backward
from npdeep.kernels.updates.adaptive import adam, moving_average

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
        squashed[0],
        NOISES[i % len(NOISES)](),
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
    for layer in trainer.model.layers:
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
    assert {type(layer) for t in trainers for layer in t.model.layers} == set(LAYERS)
    assert {type(t.loss) for t in trainers} == set(LOSSES)
    assert {type(t.optimizer) for t in trainers} == set(OPTIMIZERS)
    assert {type(p.regularizer) for p in parameters} - {type(None)} == set(REGULARIZERS)
    assert {type(p.constraint) for p in parameters} - {type(None)} == set(CONSTRAINTS)
    assert {type(t.clipping) for t in trainers} - {type(None)} == set(CLIPPINGS)
    used = {type(value) for t in trainers for value in vars(t.optimizer).values() if isinstance(value, S.Schedule)}
    assert used | {S.OneCycle} == set(SCHEDULES)
    activations = {layer.activation for t in trainers for layer in t.model.layers if isinstance(layer, nd.Activation)}
    assert activations == set(ACTIVATIONS)
    assert {str(t.model.dtype) for t in trainers} == {"float32", "float64"}
    assert any(not p.trainable and p.has_grad for p in parameters)


def test_everything_that_npdeep_has_can_be_unrolled():
    layers = {kind for kind in vars(N).values() if isinstance(kind, type) and issubclass(kind, N.Layer)} - {N.Layer}
    assert layers - {N.Residual, N.Parallel, N.LayerNormalization} == set(LAYERS)
    assert set(nd.losses.KNOWN.values()) == set(LOSSES)


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


class Mine(nd.layers.Layer):
    """A layer of the user's."""

    def forward(self, x, training=False):
        self.input = self.output = x
        return x

    def backward(self, grad_output):
        return grad_output


class MyLoss:
    """A loss of the user's."""

    def forward(self, outputs, targets):
        return 0.0

    def backward(self):
        return np.zeros((1, 3))


class MyOptimizer(nd.optimizers.SGD):
    """An optimizer of the user's."""


class MySchedule(nd.schedules.Schedule):
    """A schedule of the user's."""

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
        (lambda: trainer_with([Mine(name="mine")]), "layer 'mine' is a Mine"),
        (lambda: trainer_with(loss=MyLoss()), "loss is a MyLoss"),
        (lambda: trainer_with(optimizer=MyOptimizer(0.1)), "optimizer is a MyOptimizer"),
        (lambda: trainer_with(optimizer=nd.optimizers.SGD(MySchedule())), "schedule is a MySchedule"),
        (lambda: trainer_with(optimizer=nd.optimizers.SGD(S.Warmup(MySchedule(), 5))), "schedule is a MySchedule"),
        (lambda: trainer_with(kernel_regularizer=MyPenalty()), "regularizer of outputs/kernel is a MyPenalty"),
    ],
)
def test_what_is_the_users_own_is_refused_by_name(tmp_path, trainer, named):
    with pytest.raises(ValueError, match=f"unroll: the {named} of your own"):
        nd.debug.unroll(trainer(), tmp_path / "step.py")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layer", [nd.Residual([nd.Dense(4)]), nd.Parallel([[], []], merge="add"), nd.LayerNormalization()])
def test_layers_that_it_does_not_know_are_refused_by_name(layer, tmp_path):
    trainer = nd.Trainer(nd.Sequential([layer.clone(), nd.Dense(2)], 4), "softmax_cross_entropy")
    with pytest.raises(ValueError, match=f"unroll: the layer '.*' is a {type(layer).__name__}, whose arithmetic"):
        nd.debug.unroll(trainer, tmp_path / "step.py")


def test_a_callback_of_the_users_own_and_an_augmentation_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="unroll: the callback is a MyCallback of your own"):
        plain_trainer().fit(*examples(20), callbacks=[MyCallback(tmp_path / "step.py")], verbose=False)
    with pytest.raises(ValueError, match=r"unroll: augment \(Shift\(.*\)\) is no part of the training step"):
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
    with pytest.raises(ValueError, match=f"unroll: {next(iter(given))} .* is no part of the training step"):
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
    monkeypatch.setattr("pathlib.Path.write_text", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        nd.debug.unroll(plain_trainer(), tmp_path / "step.py")
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_is_being_walked_is_refused(tmp_path):
    trainer = plain_trainer()
    walk = trainer.walk(*examples(5))
    next(walk)
    with pytest.raises(ValueError, match="in the midst of a step that is being walked"):
        nd.debug.unroll(trainer, tmp_path / "step.py")
    list(walk)
    assert nd.debug.unroll(trainer, tmp_path / "step.py", shuffle=True).exists()
    with pytest.raises(TypeError, match="unroll: unknown argument 'epoch'"):
        nd.debug.unroll(trainer, tmp_path / "other.py", epoch=3)


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
    *("optimizer._learning_rate", "optimizer.epsilon", "optimizer.beta_1", "optimizer.flush_every", "optimizer.mu_product"),
    *("clipping.norm", "loss.label_smoothing", "model.layers.0.name", "model.layers.0.output_size"),
    *("model.layers.1.epsilon", "model.layers.1.momentum", "model.layers.2.activation", "model.layers.3.rate"),
    *("model.layers.4.pieces", "model.layers.5.lower"),
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_in_a_trainer_becomes_a_part_of_the_program(tmp_path, hostile, monkeypatch):
    """Either the text is refused, or the file is sound Python that runs nothing but what npdeep wrote."""
    monkeypatch.chdir(tmp_path)
    for i, place in enumerate(PLACES):
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


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_schedules_numbers_are_written_as_values(tmp_path, hostile, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for schedule in (S.PowerDecay(0.1, 10), S.Warmup(0.1, 5), S.PiecewiseConstant([5], [0.1, 0.2]), S.OneCycle(0.1, 10)):
        for name in vars(schedule):
            trainer = plain_trainer(P.Momentum(schedule))
            before = vars(schedule)[name]
            vars(schedule)[name] = [HOSTILE[hostile]] if isinstance(before, list) else HOSTILE[hostile]
            path = tmp_path / f"{type(schedule).__name__}_{name}.py"
            load(nd.debug.unroll(trainer, path))
            vars(schedule)[name] = before
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_texts_in_the_file_are_what_they_were(tmp_path, hostile):
    text = HOSTILE[hostile]
    assert ast.literal_eval(literal(text)) == ast.literal_eval(docstring(text)) == text
    (statement,) = ast.parse(f"# {escaped(text)}\nx = 1").body
    assert statement.targets[0].id == "x"
    assert identifier(text, set()).isidentifier()
    trainer = plain_trainer()
    trainer.model.name = text
    tree = ast.parse(nd.debug.unroll(trainer, tmp_path / "a.py").read_text("utf-8"))
    assert f": {text} 6-8-3 float32." in ast.get_docstring(tree)


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
