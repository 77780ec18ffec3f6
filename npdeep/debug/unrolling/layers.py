"""How each kind of layer is written out: its arrays, the line of its forward pass, the line of its backward pass.

A forward function writes the lines and returns the name of the output; a backward function returns the name of the
gradient of the input, "None" where nobody wants it. x and grad are names too.
"""

from collections.abc import Callable
from typing import Any

from npdeep.debug.unrolling.script import Code, Script, literal, wanted_name
from npdeep.kernels import batch_normalization as bn
from npdeep.kernels import dropout as noise
from npdeep.kernels.activations.gates import glu_backward, glu_forward, maxout_backward, maxout_forward
from npdeep.kernels.activations.rectifiers import prelu_backward, prelu_forward, rrelu_backward, rrelu_forward
from npdeep.kernels.affine import affine_backward, affine_forward
from npdeep.layers import (
    GLU,
    Activation,
    AlphaDropout,
    BatchNormalization,
    Dense,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    Layer,
    Maxout,
    PReLU,
    RReLU,
)

Forward = Callable[[Script, Any, str], str]
Backward = Callable[[Script, Any, str, str], str]


def declare(script: Script, layer: Layer) -> None:
    """The lines that make a layer's arrays: parameters once, the rest for every number of rows."""
    name = script.name(layer)
    script.setup += ["", f"{name} = Arrays()"]
    for p in layer.parameters:
        script.parameter(p)
    for attribute, width, *kind in layer.buffers(True):
        script.array(f"{name}.{attribute}", width, kind[0] if kind else None)
    if isinstance(layer, BatchNormalization):
        script.buffers += [f"{name}.ones.fill(1)", f"{name}.ones = {name}.ones[:, 0]"]
        for vector in ("mean", "variance", "inverse", "row", "sum_gamma", "sum_beta"):
            script.setup.append(f"{name}.{vector} = np.zeros({literal(layer.output_size)}, {script.dtype})")
    if layer.draws:
        script.setup.append(f'{name}.rng = generator(start["{name}_generator"])')


def value(script: Script, layer: Any, kind: str, there: bool = True) -> str:
    """The name of a parameter's values, or None where the layer goes without."""
    return f"{script.name(layer)}.{kind}" if there else "None"


def wanted_input(script: Script, layer: Layer) -> str:
    """The name of the array for the gradient of the input, or None where nobody wants it."""
    return f"{script.name(layer)}.grad_input" if layer.passes_gradient else "None"


def dense_forward(script: Script, layer: Dense, x: str) -> str:
    """z = xW + b."""
    name = script.name(layer)
    bias = value(script, layer, "bias", layer.use_bias)
    script.step.append(script.call(affine_forward, x, f"{name}.kernel", bias, f"{name}.output"))
    return f"{name}.output"


def dense_backward(script: Script, layer: Dense, x: str, grad: str) -> str:
    """dW, db, dx."""
    grad_bias = script.wanted(layer.bias if layer.use_bias else None)
    wanted = (script.wanted(layer.kernel), grad_bias, wanted_input(script, layer))
    script.step.append(script.call(affine_backward, x, f"{script.name(layer)}.kernel", grad, *wanted))
    return wanted[-1]


def workspace(script: Script, layer: Activation) -> list[str]:
    """The names of the arrays that the kernels of an activation want besides."""
    return [f"{script.name(layer)}.workspace_{i}" for i in range(len(layer.rule.workspace))]


def activation_forward(script: Script, layer: Activation, x: str) -> str:
    """a = f(z)."""
    output = f"{script.name(layer)}.output"
    script.step.append(script.call(layer.rule.forward, x, output, *workspace(script, layer), *layer.values))
    return output


def activation_backward(script: Script, layer: Activation, x: str, grad: str) -> str:
    """dz = da · f'(z)."""
    if not layer.passes_gradient:
        return "None"
    name = script.name(layer)
    arrays = (x, f"{name}.output", *workspace(script, layer), grad, f"{name}.grad_input")
    script.step.append(script.call(layer.rule.backward, *arrays, *layer.values))
    return f"{name}.grad_input"


def batch_normalization_forward(script: Script, layer: BatchNormalization, x: str) -> str:
    """By the batch's statistics, which the moving ones follow; or by the moving ones, as a single row always is."""
    name = script.name(layer)
    scale_shift = (value(script, layer, "gamma", layer.scale), value(script, layer, "beta", layer.center))
    rest = (f"{name}.inverse", f"{name}.centered", f"{name}.output", f"{name}.row")
    moving, batch = (f"{name}.moving_mean", f"{name}.moving_variance"), (f"{name}.mean", f"{name}.variance")
    by_moving = script.call(bn.batch_normalization_inference_forward, x, *scale_shift, *moving, *rest, layer.epsilon)
    if layer.use_moving_statistics:
        script.step.append(by_moving)
    else:
        by_batch = script.call(bn.batch_normalization_forward, x, *scale_shift, *batch, *rest, f"{name}.ones", layer.epsilon)
        follow = [
            script.call(bn.update_moving_average, running, now, layer.momentum, f"{name}.row")
            for running, now in zip(moving, batch, strict=True)
        ]
        script.step += alternatives([by_batch, *follow], [by_moving])
    return f"{name}.output"


def alternatives(several: list[str], single: list[str]) -> list[str]:
    """What is done with several rows, and what with a single one.

    >>> alternatives(["a()"], ["b()"])
    ['if rows > 1:', '    a()', 'else:', '    b()']
    """
    return ["if rows > 1:", *(f"    {line}" for line in several), "else:", *(f"    {line}" for line in single)]


def batch_normalization_backward(script: Script, layer: BatchNormalization, x: str, grad: str) -> str:
    """The sums are needed even where nobody wants the gradients of gamma and beta."""
    name = script.name(layer)
    gamma = value(script, layer, "gamma", layer.scale)
    sums = []
    for kind, there in (("gamma", layer.scale), ("beta", layer.center)):
        wanted = script.wanted(getattr(layer, kind)) if there else "None"
        sums.append(f"{name}.sum_{kind}" if wanted == "None" else wanted)
    arrays = (gamma, f"{name}.inverse", f"{name}.centered", grad, *sums, f"{name}.grad_buffer", f"{name}.row", f"{name}.ones")
    by_moving = script.call(bn.batch_normalization_inference_backward, *arrays)
    if layer.use_moving_statistics:
        script.step.append(by_moving)
    else:
        script.step += alternatives([script.call(bn.batch_normalization_backward, *arrays)], [by_moving])
    return f"{name}.grad_buffer" if layer.passes_gradient else "None"


def draw_words(script: Script, layer: Dropout, x: str, scale: float) -> None:
    """The mask of this step, from random words."""
    name = script.name(layer)
    words = script.call(noise.random_words, f"{name}.rng", f"{x}.size", layer.bits)
    keep = noise.keep_steps(layer.rate, layer.bits)
    script.step.append(script.call(noise.dropout_mask, words, keep, scale, f"{name}.mask"))


def dropout_forward(script: Script, layer: Dropout, x: str) -> str:
    """y = x · mask; at a rate of 0 the input itself."""
    if layer.rate == 0:
        return x
    name = script.name(layer)
    draw_words(script, layer, x, 1 / (1 - layer.rate))
    script.step.append(script.call(noise.dropout_forward, x, f"{name}.mask", f"{name}.output_buffer"))
    return f"{name}.output_buffer"


def dropout_backward(script: Script, layer: Dropout, x: str, grad: str) -> str:
    """dx = dy · mask."""
    if layer.rate == 0 or not layer.passes_gradient:
        return grad if layer.passes_gradient else "None"
    name = script.name(layer)
    script.step.append(script.call(noise.dropout_backward, f"{name}.mask", grad, f"{name}.grad_buffer"))
    return f"{name}.grad_buffer"


def gaussian_dropout_forward(script: Script, layer: GaussianDropout, x: str) -> str:
    """y = x · mask with Gaussian factors."""
    if layer.rate == 0:
        return x
    name = script.name(layer)
    script.step.append(script.call(noise.gaussian_mask, f"{name}.rng", layer.stddev, f"{name}.mask"))
    script.step.append(script.call(noise.dropout_forward, x, f"{name}.mask", f"{name}.output_buffer"))
    return f"{name}.output_buffer"


def alpha_dropout_forward(script: Script, layer: AlphaDropout, x: str) -> str:
    """y = a · (x where kept, else −λα) + b."""
    if layer.rate == 0:
        return x
    name = script.name(layer)
    draw_words(script, layer, x, 1.0)
    arrays = (x, f"{name}.mask", f"{name}.output_buffer")
    script.step.append(script.call(noise.alpha_dropout_forward, *arrays, layer.a, layer.b, layer.floor))
    return f"{name}.output_buffer"


def alpha_dropout_backward(script: Script, layer: AlphaDropout, x: str, grad: str) -> str:
    """dx = a · dy · mask."""
    if layer.rate == 0 or not layer.passes_gradient:
        return grad if layer.passes_gradient else "None"
    name = script.name(layer)
    script.step.append(script.call(noise.alpha_dropout_backward, f"{name}.mask", grad, f"{name}.grad_buffer", layer.a))
    return f"{name}.grad_buffer"


def gaussian_noise_forward(script: Script, layer: GaussianNoise, x: str) -> str:
    """y = x + ε."""
    name = script.name(layer)
    script.step.append(script.call(noise.gaussian_noise_forward, x, f"{name}.rng", layer.stddev, f"{name}.output"))
    return f"{name}.output"


def gaussian_noise_backward(script: Script, layer: GaussianNoise, x: str, grad: str) -> str:
    """dx = dy."""
    return grad if layer.passes_gradient else "None"


def glu_lines_forward(script: Script, layer: GLU, x: str) -> str:
    """y = u · σ(v)."""
    name = script.name(layer)
    script.step.append(script.call(glu_forward, x, f"{name}.output", f"{name}.gate", f"{name}.scratch"))
    return f"{name}.output"


def glu_lines_backward(script: Script, layer: GLU, x: str, grad: str) -> str:
    """du and dv."""
    if not layer.passes_gradient:
        return "None"
    name = script.name(layer)
    script.step.append(script.call(glu_backward, x, f"{name}.output", f"{name}.gate", grad, f"{name}.grad_input"))
    return f"{name}.grad_input"


def maxout_shape(layer: Maxout) -> str:
    """One map for each piece."""
    return f"reshape(rows, {literal(layer.pieces)}, {literal(layer.units)})"


def maxout_lines_forward(script: Script, layer: Maxout, x: str) -> str:
    """a = max over k of xWₖ + bₖ."""
    name = script.name(layer)
    bias = value(script, layer, "bias", layer.use_bias)
    script.step.append(script.call(affine_forward, x, f"{name}.kernel", bias, f"{name}.pre_activation"))
    maps = Code(f"{name}.pre_activation.{maxout_shape(layer)}")
    script.step.append(script.call(maxout_forward, maps, f"{name}.output", f"{name}.winner"))
    return f"{name}.output"


def maxout_lines_backward(script: Script, layer: Maxout, x: str, grad: str) -> str:
    """To the winners, and through the affine map."""
    name = script.name(layer)
    shape = maxout_shape(layer)
    maps, grad_maps = (Code(f"{name}.{array}.{shape}") for array in ("pre_activation", "grad_pre_activation"))
    script.step.append(script.call(maxout_backward, maps, f"{name}.winner", grad, grad_maps))
    grad_bias = script.wanted(layer.bias if layer.use_bias else None)
    wanted = (script.wanted(layer.kernel), grad_bias, wanted_input(script, layer))
    script.step.append(script.call(affine_backward, x, f"{name}.kernel", f"{name}.grad_pre_activation", *wanted))
    return wanted[-1]


def prelu_lines_forward(script: Script, layer: PReLU, x: str) -> str:
    """a = max(z, 0) + α min(z, 0)."""
    name = script.name(layer)
    script.step.append(script.call(prelu_forward, x, f"{name}.alpha", f"{name}.output", f"{name}.scratch"))
    return f"{name}.output"


def prelu_lines_backward(script: Script, layer: PReLU, x: str, grad: str) -> str:
    """dα and dz."""
    name = script.name(layer)
    wanted = (script.wanted(layer.alpha), wanted_input(script, layer))
    script.step.append(script.call(prelu_backward, x, f"{name}.alpha", f"{name}.scratch", grad, *wanted))
    return wanted[-1]


def rrelu_lines_forward(script: Script, layer: RReLU, x: str) -> str:
    """a = max(z, 0) + r min(z, 0), with slopes drawn anew."""
    name = script.name(layer)
    script.step.append(f"{name}.rng.random(out={name}.drawn, dtype={script.dtype})")
    script.step.append(f"{name}.drawn *= {literal(layer.upper - layer.lower)}")
    script.step.append(f"{name}.drawn += {literal(layer.lower)}")
    script.step.append(script.call(rrelu_forward, x, f"{name}.drawn", f"{name}.output", f"{name}.scratch"))
    return f"{name}.output"


def rrelu_lines_backward(script: Script, layer: RReLU, x: str, grad: str) -> str:
    """dz, with the slopes of the forward pass."""
    if not layer.passes_gradient:
        return "None"
    name = script.name(layer)
    script.step.append(script.call(rrelu_backward, x, f"{name}.drawn", f"{name}.scratch", grad, f"{name}.grad_input"))
    return f"{name}.grad_input"


LAYERS: dict[type[Layer], tuple[Forward, Backward]] = {
    Dense: (dense_forward, dense_backward),
    Activation: (activation_forward, activation_backward),
    BatchNormalization: (batch_normalization_forward, batch_normalization_backward),
    Dropout: (dropout_forward, dropout_backward),
    GaussianDropout: (gaussian_dropout_forward, dropout_backward),
    AlphaDropout: (alpha_dropout_forward, alpha_dropout_backward),
    GaussianNoise: (gaussian_noise_forward, gaussian_noise_backward),
    GLU: (glu_lines_forward, glu_lines_backward),
    Maxout: (maxout_lines_forward, maxout_lines_backward),
    PReLU: (prelu_lines_forward, prelu_lines_backward),
    RReLU: (rrelu_lines_forward, rrelu_lines_backward),
}
"""Every kind of layer, with the functions that write it out."""


def write_forward(script: Script) -> tuple[dict[str, str], str]:
    """The forward pass; returns the names of every layer's input, and of the outputs."""
    x, inputs = "x", {}
    for layer in script.model.layers:
        declare(script, layer)
        inputs[str(layer.name)] = x
        shapes = f"(n, {layer.input_size}) → (n, {layer.output_size})"
        script.heading(f"forward {layer.name}: {layer.forward_operation()[0]}    {shapes}")
        before = len(script.step)
        x = LAYERS[type(layer)][0](script, layer, x)
        if len(script.step) == before:
            script.step.append("# nothing to compute: the input passes as it is")
    return inputs, x


def write_backward(script: Script, inputs: dict[str, str]) -> None:
    """The backward pass, from the loss down to the lowest layer with something to train."""
    grad = "loss.grad_outputs"
    for layer in script.model.layers.backward_layers:
        wanted = [p for p in layer.parameters if p.wanted is not None]
        shapes = ", ".join(f"{wanted_name(script, p).rpartition('.')[2]} {p.shape}" for p in wanted)
        script.heading(f"backward {layer.name}: {layer.backward_operation()[0]}" + (f"    {shapes}" if shapes else ""))
        before = len(script.step)
        grad = LAYERS[type(layer)][1](script, layer, inputs[str(layer.name)], grad)
        if len(script.step) == before:
            script.step.append("# nothing to compute: the gradient passes as it is")
