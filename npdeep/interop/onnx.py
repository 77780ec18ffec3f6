"""Networks as .onnx files, which many programs can run.

Needs the package onnx, extra `onnx`; whoever runs the file needs another, such as onnxruntime.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from npdeep import layers as kinds
from npdeep.common import checks
from npdeep.common.whole_files import replacing
from npdeep.interop.onnx_graph import Graph
from npdeep.interop.optional import check_model, needed
from npdeep.kernels.activations.exponentials import SELU_ALPHA, SELU_SCALE
from npdeep.layers.base import Layer
from npdeep.models.sequential import Sequential

__all__ = ["export"]

OPSET, IR_VERSION = 20, 9
"""The version of the operations (Gelu came with 20), and the oldest one of the file format that has them."""


def export(model: Sequential, path: str | Path) -> Path:
    """Write the network as it is in use, in float32: without noise, batch normalization by its moving statistics.

    The file takes "x" (n, input_size), any n, and gives "y" (n, output_size), what `model.predict(x)` gives: where the last
    fit had a scale, x is multiplied by it. Nodes have the names of layers, constants those of parameters.

    Returns the path. Raises ValueError for a layer that cannot be expressed, with its name, and for a path that does not end
    in .onnx; ImportError where onnx is missing; OSError where the file cannot be written.

    >>> path = nd.interop.onnx.export(model, "digits.onnx")  # doctest: +SKIP
    >>> onnxruntime.InferenceSession(path).run(None, {"x": x})[0]  # doctest: +SKIP
    """
    owner = "onnx.export"
    model = check_model(owner, model)
    path = checks.path(owner, "path", path)
    if path.suffix != ".onnx":
        raise ValueError(f"{owner}: path must end in .onnx, got {checks.shortened(repr(path.name), 40)}")
    onnx = needed(owner, "onnx", "onnx")
    graph = Graph(needed(owner, "onnx.helper", "onnx"))
    with model.lock:                          # not in the midst of a step
        x = "x" if model.scale is None else graph.add("Mul", ["x", graph.constant(model.scale, "x:scale")], "x:scaled")
        try:
            last = write_layers(graph, model.layers, x)
        except ValueError as error:
            raise ValueError(f"{owner}: {error}") from None
    graph.nodes.append(graph.helper.make_node("Identity", [last], ["y"], name="y:"))
    content = whole(onnx, graph, model).SerializeToString()
    with replacing(path) as file:
        file.write(content)
    return path


def whole(onnx: Any, graph: Graph, model: Sequential) -> Any:
    """The file's content, checked by the library."""
    helper, float32 = graph.helper, onnx.TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("x", float32, ["n", model.input_size])]
    outputs = [helper.make_tensor_value_info("y", float32, ["n", model.output_size])]
    numbers = [onnx.numpy_helper.from_array(array, name) for name, array in graph.numbers.items()]
    made = helper.make_graph(graph.nodes, str(model.name), inputs, outputs, numbers)
    file = helper.make_model(
        made, producer_name="npdeep", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(file, full_check=True)
    return file


# ── the layers: each writes its nodes, and returns the name of what comes out ─────────────────────────────────────────
def write_layers(graph: Graph, layers: Iterable[Layer], x: str) -> str:
    """One layer after the other. Raises ValueError for one that cannot be expressed."""
    for layer in layers:
        if type(layer) not in WRITERS:
            raise ValueError(f"layer {str(layer.name)!r} is a {type(layer).__name__}, which cannot be written as ONNX")
        x = WRITERS[type(layer)](graph, layer, x)
    return x


def parameters(graph: Graph, layer: Any, *names: str) -> list[str]:
    """The layer's parameters as constants; 1 in the place of a gamma and 0 in that of a beta that it does not have."""
    found = {p.name.rpartition("/")[2]: p for p in layer.parameters}
    ready = []
    for name in names:
        if name in found:
            value = found[name].value
            largest = abs(value).max(initial=0)
            if np.isfinite(largest) and largest > np.finfo(np.float32).max:
                raise ValueError(f"{found[name].name} holds {largest:g}, more than float32 can hold, which the file is in")
        else:
            value = np.full(layer.output_size, 1 if name == "gamma" else 0)
        ready.append(graph.constant(value, f"{layer.name}/{name}"))
    return ready


def _dense(graph: Graph, layer: Any, x: str) -> str:
    names = ("kernel", "bias") if layer.use_bias else ("kernel",)
    return graph.add("Gemm", [x, *parameters(graph, layer, *names)], layer.name)


def _maxout(graph: Graph, layer: Any, x: str) -> str:
    names = ("kernel", "bias") if layer.use_bias else ("kernel",)
    all_pieces = graph.add("Gemm", [x, *parameters(graph, layer, *names)], f"{layer.name}:affine")
    pieces = graph.split("Split", [all_pieces], layer.pieces, f"{layer.name}:piece", axis=1, num_outputs=layer.pieces)
    return graph.add("Max", pieces, layer.name)


def _batch_normalization(graph: Graph, layer: Any, x: str) -> str:
    names = parameters(graph, layer, "gamma", "beta", "moving_mean", "moving_variance")
    return graph.add("BatchNormalization", [x, *names], layer.name, epsilon=layer.epsilon)


def _layer_normalization(graph: Graph, layer: Any, x: str) -> str:
    names = parameters(graph, layer, "gamma", "beta")
    return graph.add("LayerNormalization", [x, *names], layer.name, axis=-1, epsilon=layer.epsilon)


def _prelu(graph: Graph, layer: Any, x: str) -> str:
    return graph.add("PRelu", [x, *parameters(graph, layer, "alpha")], layer.name)


def _rrelu(graph: Graph, layer: Any, x: str) -> str:
    return graph.add("LeakyRelu", [x], layer.name, alpha=(layer.lower + layer.upper) / 2)


def _glu(graph: Graph, layer: Any, x: str) -> str:
    u, v = graph.split("Split", [x], 2, f"{layer.name}:half", axis=1, num_outputs=2)
    return graph.add("Mul", [u, graph.add("Sigmoid", [v], f"{layer.name}:gate")], layer.name)


def _noise(graph: Graph, layer: Any, x: str) -> str:
    return x                                  # there is none in use


def _residual(graph: Graph, layer: Any, x: str) -> str:
    f = write_layers(graph, layer.layers, x)
    return graph.add("Add", [f, write_layers(graph, layer.shortcut, x)], layer.name)


def _parallel(graph: Graph, layer: Any, x: str) -> str:
    inputs = [x] * len(layer.branches)
    if layer.split is not None:
        sizes = graph.constant(layer.split, f"{layer.name}:split", np.int64)
        inputs = graph.split("Split", [x, sizes], len(inputs), f"{layer.name}:columns", axis=1)
    outputs = [write_layers(graph, branch, columns) for branch, columns in zip(layer.branches, inputs, strict=True)]
    return graph.add("Sum", outputs, layer.name) if layer.merge == "add" else graph.add("Concat", outputs, layer.name, axis=1)


def _activation(graph: Graph, layer: Any, x: str) -> str:
    rule, numbers = layer.rule, {name: float(getattr(layer, name)) for name in layer.rule.parameters}
    if not layer.custom and layer.activation in OPERATIONS:
        operation, attributes = OPERATIONS[layer.activation]
        return graph.add(operation, [x], layer.name, **attributes(**numbers))
    if layer.activation == "softmin" and not layer.custom:
        return graph.add("Softmax", [graph.add("Neg", [x])], layer.name, axis=-1)
    if not rule.value:
        reason = f"is the activation {layer.activation}, which has no expression to write as ONNX"
        raise ValueError(f"layer {str(layer.name)!r} {reason}")
    value = graph.expression(rule.value, {"z": x, **numbers, **rule.constants})
    return graph.add("Identity", [value], layer.name)


OPERATIONS: dict[str, tuple[str, Callable[..., dict[str, Any]]]] = {
    "linear": ("Identity", dict),
    "relu": ("Relu", dict),
    "leaky_relu": ("LeakyRelu", lambda negative_slope: {"alpha": negative_slope}),
    "elu": ("Elu", dict),
    "celu": ("Celu", dict),
    "selu": ("Selu", lambda: {"alpha": SELU_ALPHA, "gamma": SELU_SCALE}),
    "exponential": ("Exp", dict),
    "sigmoid": ("Sigmoid", dict),
    "tanh": ("Tanh", dict),
    "softsign": ("Softsign", dict),
    "gelu": ("Gelu", dict),
    "gelu_tanh": ("Gelu", lambda: {"approximate": "tanh"}),
    "mish": ("Mish", dict),
    "soft_shrink": ("Shrink", lambda threshold: {"lambd": threshold, "bias": threshold}),
    "hard_shrink": ("Shrink", lambda threshold: {"lambd": threshold}),
    "softmax": ("Softmax", lambda: {"axis": -1}),
    "log_softmax": ("LogSoftmax", lambda: {"axis": -1}),
}
"""Activations that are operations of ONNX, and their attributes; all others are written by their expressions."""

WRITERS: dict[type, Callable[[Graph, Any, str], str]] = {
    kinds.Dense: _dense,
    kinds.Maxout: _maxout,
    kinds.BatchNormalization: _batch_normalization,
    kinds.LayerNormalization: _layer_normalization,
    kinds.Activation: _activation,
    kinds.PReLU: _prelu,
    kinds.RReLU: _rrelu,
    kinds.GLU: _glu,
    kinds.Residual: _residual,
    kinds.Parallel: _parallel,
    **dict.fromkeys((kinds.Dropout, kinds.GaussianDropout, kinds.AlphaDropout, kinds.GaussianNoise), _noise),
}
