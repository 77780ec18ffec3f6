"""Layers and a small network have the outputs and gradients of PyTorch and Keras."""

import numpy as np
import pytest
from helpers_golden import assert_close, each_case

import npdeep as nd
from npdeep.kernels.activations.rectifiers import rrelu_backward


def one_layer(golden):
    """A float64 model of one layer with the golden parameters, and the layer."""
    layer = getattr(nd, golden.layer)(**golden.parameters)
    model = nd.Sequential([layer], input_size=golden.x.shape[1], dtype="float64")
    for name, value in golden.arrays.items():
        if name.startswith("value "):
            getattr(layer, name.removeprefix("value ")).value = value
    return model, layer


@each_case("layers", kind="layer")
def test_layer_and_its_gradients(golden):
    model, _ = one_layer(golden)
    assert_close(model.forward(golden.x, training=True), golden.y)
    assert_close(model.backward(golden.dy, input_gradient=True), golden.dx)
    for parameter in model.parameters:
        assert_close(parameter.grad, golden.arrays["grad " + parameter.name.split("/")[1]])


@each_case("layers", kind="layer at inference")
def test_layer_at_inference(golden):
    model, layer = one_layer(golden)
    assert_close(model.predict(golden.x), golden.y)
    dx, scratch = golden.x.copy(), golden.x.copy()
    assert_close(rrelu_backward(golden.x, layer.slopes, scratch, golden.dy, dx), golden.dx)


@each_case("layers", kind="dropout")
def test_dropout_of_the_same_units(golden, monkeypatch):
    monkeypatch.setattr("npdeep.kernels.dropout.random_words", lambda rng, n, bits: np.where(golden.kept, 0, 65535).ravel())
    test_layer_and_its_gradients(golden)


@each_case("batch_normalization")
def test_batch_normalization(golden):
    layer = nd.BatchNormalization(**golden.parameters)
    model = nd.Sequential([layer], input_size=4, dtype="float64")
    learnt = [name for name in ("gamma", "beta") if hasattr(layer, name)]
    for name in learnt:
        getattr(layer, name).value = golden.arrays[name]
    for batch in range(golden.batches):
        now = {name.removeprefix(f"{batch} "): a for name, a in golden.arrays.items() if name.startswith(f"{batch} ")}
        layer.use_moving_statistics = batch >= golden.training_batches
        if len(now["x"]) == 1 and not layer.use_moving_statistics:
            # Keras computes β for a single row and counts its variance of 0; npdeep normalizes it by the moving statistics
            np.testing.assert_allclose(now["y"], np.broadcast_to(golden.arrays.get("beta", 0), now["y"].shape), atol=1e-7)
            layer.moving_mean.value, layer.moving_variance.value = now["moving_mean"], now["moving_variance"]
            continue
        if layer.use_moving_statistics:
            assert_close(model.predict(now["x"]), now["y"])
        assert_close(model.forward(now["x"], training=True), now["y"])
        assert_close(model.backward(now["dy"], input_gradient=True), now["dx"])
        for name in learnt:
            assert_close(getattr(layer, name).grad, now[f"d{name}"])
        assert_close(layer.moving_mean.value, now["moving_mean"])
        assert_close(layer.moving_variance.value, now["moving_variance"])


def network(golden):
    """Dense + BN + ELU + Dense with penalties, its softmax loss, and the golden values before the step."""
    model = nd.Sequential(
        [
            nd.Dense(5, kernel_regularizer=nd.regularizers.L1(golden.l1), name="hidden"),
            nd.BatchNormalization(name="bn"),
            nd.Activation("elu"),
            nd.Dense(3, kernel_regularizer=nd.regularizers.L2(golden.l2), name="outputs"),
        ],
        input_size=6,
        dtype="float64",
    )
    for parameter in model.trainable_variables():
        parameter.value = golden.arrays[f"value {parameter.name.replace('/', ' ')}"]
    return model, nd.losses.SoftmaxCrossEntropy(label_smoothing=golden.label_smoothing)


@each_case("layers", kind="network")
def test_network_passes(golden):
    model, loss = network(golden)
    logits = model.forward(golden.x, training=True)
    assert_close(logits, golden.logits)
    assert_close(loss.forward(logits, golden.labels, golden.weight), golden.data_loss)
    assert_close(model.backward(loss.backward(), input_gradient=True), golden.dx)
    for parameter in model.trainable_variables():
        assert_close(parameter.grad, golden.arrays[f"loss grad {parameter.name.replace('/', ' ')}"])


@each_case("layers", kind="network")
def test_training_step_with_penalties(golden):
    model, loss = network(golden)
    trainer = nd.Trainer(model, loss, nd.optimizers.SGD(golden.learning_rate))
    assert trainer.step(golden.x, golden.labels, golden.weight) == pytest.approx(float(golden.loss), rel=1e-12)
    for parameter in model.trainable_variables():
        name = parameter.name.replace("/", " ")
        assert_close(parameter.grad, golden.arrays[f"grad {name}"])
        assert_close(parameter.value, golden.arrays[f"new {name}"])
