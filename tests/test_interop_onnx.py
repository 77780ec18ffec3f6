"""Networks as ONNX files: onnxruntime gives what predict gives, and what cannot be written is named."""

import contextlib

import numpy as np
import pytest
from helpers_zoo import activation, network

import npdeep as nd

onnx = onnxruntime = None
with contextlib.suppress(ImportError):
    import onnx
with contextlib.suppress(ImportError):
    import onnxruntime
needs_them = pytest.mark.skipif(
    onnx is None or onnxruntime is None, reason="onnx or onnxruntime is not installed: pip install 'npdeep[onnx]' onnxruntime"
)
CLOSE = 1e-5


def run(path, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.asarray(x, np.float32)})[0]


def gap(model, path, x):
    """The largest difference, relative where outputs are beyond 1."""
    ours = model.predict(x)
    return float((np.abs(run(nd.interop.onnx.export(model, path), x) - ours) / np.maximum(1, np.abs(ours))).max())


FURTHER = (
    lambda width: [nd.Maxout(width, pieces=3)],
    lambda width: [nd.Dense(width), nd.RReLU(), nd.GaussianNoise(0.5)],
    lambda width: [nd.Dense(width), nd.Activation("squareplus", b=2.0), nd.GaussianDropout(0.2)],
)


@needs_them
@pytest.mark.parametrize("seed", range(50))
def test_onnxruntime_gives_what_predict_gives(tmp_path, seed):
    model = network(seed, "float32", dropout=True, further=FURTHER)
    for rows in (1, 7):
        x = np.random.default_rng(seed).normal(size=(rows, 5)).astype(np.float32)
        assert gap(model, tmp_path / "a.onnx", x) <= CLOSE


GIVEN = {"scaled": {"slope": 2.0, "offset": 1.0}, "general_relu": {"negative_slope": 0.1, "maximum": 3.0, "threshold": 0.5}}


@needs_them
@pytest.mark.parametrize("name", [name for name in nd.activations.RULES if name != "sparsemax"])
def test_every_activation(tmp_path, name):
    layer = nd.Activation(name, **GIVEN[name]) if name in GIVEN else activation(name)
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32) * 3
    x[:5] = np.array([0, -0.0, 30, -30, 1], np.float32)[:, None]
    assert gap(nd.Sequential([layer], 4), tmp_path / "a.onnx", x if name != "exponential" else np.clip(x, -30, 5)) <= CLOSE


@needs_them
def test_a_custom_activation_goes_by_its_expression(tmp_path):
    rule = nd.activations.Rule(
        "bent", lambda z, a, c: np.where((z > -1) & (z < c), z**3, np.log1p(np.abs(z))), lambda z, a, da, dz, c: da,
        "z**3 if -1 < z < c else log1p(abs(z))", parameters={"c": 2.0},
    )
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32) * 2
    assert gap(nd.Sequential([nd.Activation(rule, c=1.5)], 4), tmp_path / "a.onnx", x) <= CLOSE


@needs_them
@pytest.mark.parametrize("name", sorted({*nd.activations.RULES} - {"sparsemax"}))
def test_no_constant_is_unused(tmp_path, name):
    layer = nd.Activation(name, **GIVEN[name]) if name in GIVEN else activation(name)
    graph = onnx.load(nd.interop.onnx.export(nd.Sequential([layer], 4), tmp_path / "a.onnx")).graph
    assert {one.name for one in graph.initializer} <= {name for node in graph.node for name in node.input}


@needs_them
def test_the_scale_of_the_fit_goes_with_it(tmp_path):
    model = nd.Sequential([nd.Dense(3)], 5, seed=0)
    trainer = nd.Trainer(model, "softmax_cross_entropy")
    x = np.random.default_rng(0).integers(0, 256, (20, 5)).astype(np.uint8)
    trainer.fit(x, np.arange(20) % 3, scale=1 / 255, verbose=False)
    assert gap(model, tmp_path / "a.onnx", x) <= CLOSE


@needs_them
def test_a_model_in_float64_is_written_in_float32(tmp_path):
    model = network(5, "float64")
    x = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    assert gap(model, tmp_path / "a.onnx", x) <= CLOSE


@needs_them
def test_constants_and_nodes_have_our_names(tmp_path):
    block = nd.Residual([nd.Dense(5, name="hidden"), nd.BatchNormalization(name="bn")], name="block")
    file = onnx.load(nd.interop.onnx.export(nd.Sequential([block], 5), tmp_path / "a.onnx"))
    normalization = [f"block/bn/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    assert [one.name for one in file.graph.initializer] == ["block/hidden/kernel", "block/hidden/bias", *normalization]
    assert [node.name for node in file.graph.node] == ["block/hidden", "block/bn", "block", "y:"]


@needs_them
@pytest.mark.parametrize("name", ["x", "y", "constant_0", "scale", "add_3", "scaled_x"])
def test_a_layer_may_have_any_name(tmp_path, name):
    layers = [nd.Dense(4, name=name), nd.Activation("silu"), nd.Dense(4), nd.Activation("dish", name="mul_4")]
    model = nd.Sequential(layers, 5, seed=0)
    model.scale = 0.5
    x = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    assert gap(model, tmp_path / "a.onnx", x) <= CLOSE


@needs_them
@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (lambda: nd.Residual([nd.Activation("sparsemax")], name="block"), "'block/activation' is the activation sparsemax"),
        (lambda: type("Own", (nd.Dense,), {})(3), "is a Own, which cannot be written"),
        (lambda: nd.Activation(nd.activations.Rule("plain", lambda z, a: z, lambda z, a, da, dz: da)), "activation plain"),
    ],
)
def test_what_cannot_be_written_is_named_and_no_file_is_made(tmp_path, layer, says):
    with pytest.raises(ValueError, match=f"onnx.export: layer .*{says}"):
        nd.interop.onnx.export(nd.Sequential([layer()], 4), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_other_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.onnx, got 'a\.npz'"):
        nd.interop.onnx.export(network(0), tmp_path / "a.npz")
    with pytest.raises(TypeError, match=r"model must be a Sequential"):
        nd.interop.onnx.export("a", tmp_path / "a.onnx")


def test_a_missing_library_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"onnx\.export needs onnx: python -m pip install 'npdeep\[onnx\]'"):
        nd.interop.onnx.export(network(0), tmp_path / "a.onnx")
