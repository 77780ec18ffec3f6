"""Custom layers that return all kinds of arrays: views, x itself, read-only ones, buffers, and now one and now another."""

import importlib.util
import sys

import numpy as np
import pytest

import npdeep as nd
from npdeep.layers import Layer

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 3))


class Itself(Layer):
    def forward(self, x, training=False):
        return x

    def backward(self, grad_output):
        return grad_output


class View(Layer):
    def forward(self, x, training=False):
        return x[:, ::-1]

    def backward(self, grad_output):
        return grad_output[:, ::-1]


class ReadOnly(Layer):
    def forward(self, x, training=False):
        return np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)

    def backward(self, grad_output):
        return np.broadcast_to(grad_output.mean(axis=1, keepdims=True), grad_output.shape)


class OfItsOutput(Layer):
    def forward(self, x, training=False):
        return np.tanh(x)

    def backward(self, grad_output):
        return grad_output * (1 - self.output**2)


class Buffered(Layer):
    def forward(self, x, training=False):
        return np.multiply(x, 3, out=self.output)

    def backward(self, grad_output):
        return None if self.grad_input is None else np.multiply(grad_output, 3, out=self.grad_input)


class Coin(Layer):
    """Now its buffer and now x itself."""

    draws = True

    def forward(self, x, training=False):
        self.factor = 3 if training and self.rng.random() < 0.5 else 1
        return np.multiply(x, 3, out=self.output) if self.factor == 3 else x

    def backward(self, grad_output):
        if self.factor == 1 or self.grad_input is None:
            return grad_output * self.factor if self.factor == 3 else grad_output
        return np.multiply(grad_output, 3, out=self.grad_input)


class Gate(Layer):
    """The layers that it holds, each unit times a weight."""

    def __init__(self, layers, name=None):
        super().__init__(name)
        self.layers = self.hold(layers)

    def build(self, input_size):
        width = self.layers.build(input_size)
        self.scale = self.add_parameter("scale", (width,), "ones")
        return width

    def forward(self, x, training=False):
        return self.layers.forward(x, training) * self.scale.value

    def backward(self, grad_output):
        self.scale.grad = (grad_output * self.layers[-1].output).sum(axis=0)
        return self.layers.backward(grad_output * self.scale.value)


WRAPS = {
    "lowest": lambda make: [make()],
    "flat": lambda make: [nd.Dense(4), make()],
    "residual": lambda make: [nd.Dense(4), nd.Residual([make()])],
    "two deep": lambda make: [nd.Dense(4), nd.Residual([nd.Parallel([[make()], [nd.Dense(4), make()]], merge="add")])],
    "in a custom one": lambda make: [nd.Dense(4), Gate([Gate([make()])])],
}
KINDS = [Itself, View, ReadOnly, OfItsOutput, Buffered, Coin]


def trainer_of(kind, wrap):
    layers = [*WRAPS[wrap](kind), nd.Activation("tanh"), kind(), nd.Dense(3)]
    return nd.Trainer(nd.Sequential(layers, 4, seed=1, dtype="float64"), "mean_squared_error")


def slopes(model, training):
    """Central differences of the loss for every weight, then for every input, with the same noise each time."""
    states = model.generators()
    loss, x = nd.losses.MeanSquaredError(), X.copy()

    def value():
        model.set_generators(states)
        return loss.forward(model.forward(x, training=training), Y)

    found = []
    for array in (model.flat_values, x.reshape(-1)):
        for k, kept in enumerate(array.copy()):
            array[k] = kept + 1e-6
            above = value()
            array[k] = kept - 1e-6
            found.append((above - value()) / 2e-6)
            array[k] = kept
    model.set_generators(states)
    return np.array(found)


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_differences_step_after_step(kind, wrap):
    trainer = trainer_of(kind, wrap)
    x = X.copy()
    for _ in range(6):  # a coin falls on both sides
        expected = slopes(trainer.model, training=True)[: trainer.model.flat_values.size]
        trainer.gradients(x, Y)
        np.testing.assert_allclose(trainer.model.flat_gradients, expected, rtol=1e-5, atol=1e-7)
        trainer.step(x, Y)
    assert x.tobytes() == X.tobytes()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("kind", KINDS)
def test_backward_to_the_input_finds_what_the_forward_pass_has_left(kind, wrap, training):
    trainer = trainer_of(kind, wrap)
    trainer.step(X[:5], Y[:5])  # buffers of another size
    model = trainer.model
    expected, loss = slopes(model, training), nd.losses.MeanSquaredError()
    loss.forward(model.forward(X, training=training), Y)
    grad_x = model.backward(loss.backward(), input_gradient=True)
    found = np.concatenate([model.flat_gradients, grad_x.reshape(-1)])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert nd.debug.gradient_check(model, loss, X, Y)
    if not training:
        np.testing.assert_allclose(
            model.input_gradient(X, loss=loss, y=Y).reshape(-1), expected[-X.size :], rtol=1e-5, atol=1e-7
        )


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_forward_pass_may_be_gone_back_through_twice(kind, wrap):
    model = trainer_of(kind, wrap).model
    upstream = np.ones_like(model.forward(X))
    first = model.backward(upstream, input_gradient=True).copy(), model.flat_gradients.copy()
    second = model.backward(upstream, input_gradient=True), model.flat_gradients
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


# ── further kinds ─────────────────────────────────────────────────────────────────────────────────────────────────────
class Counting(Layer):
    """x less a moving mean, which goes on with every training pass; no normalization as npdeep knows it."""

    def build(self, input_size):
        self.mean = self.add_parameter("mean", (input_size,), "zeros", has_grad=False)
        return input_size

    def forward(self, x, training=False):
        if training:
            self.mean.value = 0.9 * self.mean.value + 0.1 * x.mean(axis=0)
        return x - self.mean.value

    def backward(self, grad_output):
        return grad_output


class Louder(Layer):
    """Twice as much in training."""

    def forward(self, x, training=False):
        return x * (2 if training else 1)

    def backward(self, grad_output):
        return grad_output * 2


class Skipped(Layer):
    """x + f(x), or in some training passes x alone."""

    draws = True

    def __init__(self, layers, name=None):
        super().__init__(name)
        self.layers = self.hold(layers)

    def build(self, input_size):
        return self.layers.build(input_size)

    def forward(self, x, training=False):
        self.on = not training or self.rng.random() < 0.5
        return x + self.layers.forward(x, training) if self.on else x

    def backward(self, grad_output):
        return grad_output + self.layers.backward(grad_output) if self.on else grad_output


class Cube(Layer):
    """Two matrices in one parameter, and no fans said."""

    def build(self, input_size):
        self.kernel = self.add_parameter("kernel", (2, input_size, input_size))
        return input_size

    def forward(self, x, training=False):
        return x @ self.kernel.value.sum(axis=0)

    def backward(self, grad_output):
        self.kernel.grad = np.broadcast_to(self.input.T @ grad_output, self.kernel.shape)
        return grad_output @ self.kernel.value.sum(axis=0).T


@pytest.mark.parametrize(("kind", "does"), [(Counting, "changes its parameters"), (Louder, "gives another output")])
@pytest.mark.parametrize("nested", [False, True])
def test_cache_frozen_refuses_a_custom_layer_that_is_not_the_same_in_training(kind, does, nested):
    part = nd.Residual([kind(name="mine")], name="block") if nested else kind(name="mine")
    model = nd.Sequential([nd.Dense(4, name="low"), part, nd.Dense(4, name="middle"), nd.Dense(3)], 4, seed=0)
    model.freeze("low|middle")
    trainer = nd.Trainer(model, "mean_squared_error")
    before = model.arena.values.copy()
    with pytest.raises(
        ValueError, match=f"cache_frozen: layer '(block/)?mine' among the frozen ones {does} in a training pass"
    ):
        trainer.fit(X, Y, cache_frozen=True, verbose=False)
    np.testing.assert_array_equal(model.arena.values, before)
    trainer.fit(X, Y, verbose=False)  # the way out


def test_samples_do_not_drift_where_a_custom_layer_counts():
    model = nd.Sequential([Counting(), nd.Dense(3)], 4, seed=0)
    one, *others = model.sample(X, 3)
    assert all(one.tobytes() == other.tobytes() for other in others)


@pytest.mark.parametrize("nested", [False, True])
def test_a_step_that_leaves_out_layers_now_and_then_can_be_timed(nested):
    part = Skipped([nd.Dense(4)])
    model = nd.Sequential([nd.Residual([part]) if nested else part, nd.Dense(3)], 4, seed=0)
    trainer = nd.Trainer(model, "mean_squared_error")
    report = nd.debug.time_step(trainer, X, Y, repeats=9)
    assert [(o.stage, o.name) for o in report.operations] == [(e.stage, e.name) for e in trainer.events()]


def test_diagnose_takes_a_kernel_whose_layer_says_no_fans():
    model = nd.Sequential([Cube(), nd.Activation("relu"), Cube(), nd.Activation("tanh"), nd.Dense(3)], 4, seed=0)
    assert str(nd.debug.diagnose(nd.Trainer(model, "mean_squared_error"), X, Y))


class Changing(Layer):
    """Twice its input, but in a short batch another thing: forward or backward."""

    def __init__(self, stage, thing, name=None):
        super().__init__(name)
        self.stage, self.thing = stage, thing

    def build(self, input_size):
        return input_size

    def forward(self, x, training=False):
        return self.thing(x) if len(x) < 5 and self.stage == "forward" else x * 2

    def backward(self, grad_output):
        return self.thing(grad_output) if len(grad_output) < 5 and self.stage == "backward" else grad_output * 2


THINGS = {
    "another width": (lambda x: x[:, :2], r".*must return an array of shape \(4, 4\), it returned an array of shape \(4, 2\)"),
    "one row": (lambda x: x[:1], r".*must return an array of shape \(4, 4\), it returned an array of shape \(1, 4\)"),
    "more rows": (lambda x: np.repeat(x, 2, axis=0), r".*must return an array of shape \(4, 4\), it returned .* \(8, 4\)"),
    "another dtype": (lambda x: x.astype(np.float64), r".*dtype float32, it returned float64; end with .astype\(x.dtype\)"),
    "nothing": (lambda x: None, r".*must return an array of shape \(4, 4\), it returned None"),
    "a list": (lambda x: x.tolist(), r".*must return an array of shape \(4, 4\), it returned an object of type list"),
}


@pytest.mark.parametrize("where", ["flat", "last", "nested"])
@pytest.mark.parametrize("stage", ["forward", "backward"])
@pytest.mark.parametrize("thing", THINGS)
def test_what_is_wrong_in_a_later_batch_alone_names_the_layer_too(thing, stage, where):
    act, message = THINGS[thing]
    layer = Changing(stage, act, name="mine")
    top = [] if where == "last" else [nd.Dense(4)]
    layers = [nd.Dense(4), nd.Residual([layer], name="block") if where == "nested" else layer, *top]
    trainer = nd.Trainer(nd.Sequential(layers, 4, seed=0), "mean_squared_error")
    with pytest.raises((ValueError, TypeError), match=rf"Changing '(block/)?mine': {stage} {message}"):
        trainer.fit(X, np.zeros((9, 4)), batch_size=5, verbose=False)


# ── unrolled ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def scaled(x, w):
    return x * w


def scale_gradient(x, dy):
    return (x * dy).sum(axis=0)


class Weighted(Layer):
    """Its input times a weight per unit; the same function forward and backward."""

    def build(self, input_size):
        self.scale = self.add_parameter("scale", (input_size,), "ones")
        return input_size

    def forward(self, x, training=False):
        return scaled(x, self.scale.value)

    def backward(self, grad_output):
        self.scale.grad = scale_gradient(self.input, grad_output)
        return scaled(grad_output, self.scale.value)


class Weighing(Weighted):
    """The layers that it holds, then that."""

    def __init__(self, layers, name=None):
        super().__init__(name)
        self.layers = self.hold(layers)

    def build(self, input_size):
        return super().build(self.layers.build(input_size))

    def forward(self, x, training=False):
        return scaled(self.layers.forward(x, training), self.scale.value)

    def backward(self, grad_output):
        grad = scaled(grad_output, self.scale.value)
        self.scale.grad = scale_gradient(self.layers[-1].output, grad_output)
        return self.layers.backward(grad)


class Inline(Layer):
    """Arithmetic that is in no function."""

    def forward(self, x, training=False):
        self.factor = np.full_like(x, 2)
        return scaled(x, self.factor)

    def backward(self, grad_output):
        return scaled(grad_output, self.factor)


NESTS = {
    "one": lambda *top: [Weighing([nd.Dense(4), Weighted(), *top])],
    "two": lambda *top: [Weighing([Weighing([nd.Dense(4), Weighted()]), *top])],
    "two, and one beside them": lambda *top: [Weighing([Weighing([Weighted(), Weighted()]), Weighted(), *top])],
}


@pytest.mark.parametrize("nest", NESTS)
def test_custom_layers_in_custom_layers_unroll_to_the_same_bits(nest, tmp_path):
    layers = [nd.Dense(4), *NESTS[nest](), nd.Activation("tanh"), nd.Dense(3)]
    trainer = nd.Trainer(nd.Sequential(layers, 4, seed=0), "mean_squared_error", "adam")
    path = nd.debug.unroll(trainer, tmp_path / "step.py", X, Y)
    spec = importlib.util.spec_from_file_location("unrolled_nest", path)
    step = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(step)
    for rows in (9, 5, 1):
        step.step(X[:rows], Y[:rows])
        trainer.step(X[:rows], Y[:rows])
        assert step.values.tobytes() == trainer.model.arena.values.tobytes()


@pytest.mark.parametrize("nest", NESTS)
def test_the_layer_that_does_not_unroll_is_named_not_one_beside_it(nest, tmp_path):
    trainer = nd.Trainer(nd.Sequential([*NESTS[nest](Inline(name="here")), nd.Dense(3)], 4, seed=0), "mean_squared_error")
    with pytest.raises(ValueError, match=r"some arithmetic of Inline.forward \(layer 'weighing/here'\)"):
        nd.debug.unroll(trainer, tmp_path / "step.py", X, Y)


SCRIPT = """
import numpy as np
import npdeep as nd
from npdeep.kernels.arrays import Array

def doubled(x: Array, factor=2.0) -> Array:
    y = x * factor * SCALE
    rows = [y for w in range(1)]
    return rows[0]

def powers(z, y, loss):
    loss[...] = (z - y) ** 4
    return loss

def cubes(z, y, dz):
    dz[...] = 4 * (z - y) ** 3

class Doubled(nd.layers.Layer):
    def forward(self, x, training=False):
        return doubled(x)

    def backward(self, grad_output):
        return doubled(grad_output)

class Quartic(nd.losses.Loss):
    def losses(self, z, y):
        return powers(z, y, self.loss)

    def derivatives(self, z, y):
        cubes(z, y, self.grad_outputs)

SCALE = 0.5
x, y = np.ones((6, 4)), np.zeros((6, 3))
z = np.zeros((6, 3))
rows = w = factor = nd.Sequential([nd.Dense(4), Doubled(), nd.Dense(3)], 4, seed=0)
loss = dz = Quartic()
trainer = nd.Trainer(rows, loss)
"""


def test_functions_of_a_script_unroll_whatever_its_variables_are_called(tmp_path):
    path = tmp_path / "script_of_a_user.py"
    path.write_text(SCRIPT)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    script = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = script  # where inspect looks for the source
    try:
        spec.loader.exec_module(script)
        text = nd.debug.unroll(script.trainer, tmp_path / "step.py", script.x, script.y).read_text(encoding="utf-8")
    finally:
        del sys.modules[path.stem]
    assert "SCALE = 0.5" in text
    assert "npdeep" not in text.partition("def doubled")[2].partition("def step")[0]
