"""Layers are checked where they are put in, and custom ones again at their first use: by name, and with the cure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from npdeep.common import checks, custom
from npdeep.kernels.arrays import Array

if TYPE_CHECKING:
    from npdeep.layers.base import Layer  # both import this module
    from npdeep.layers.chain import Chain

CALLED_WITH = {"build": ["input_size"], "forward": ["x", "training"], "backward": ["grad_output"]}

OWNED = {"blocks": dict, "chains": list, "initializers": dict, "parameters": list}
"""Attributes of every layer that a custom class could take for something else."""


def is_layer(thing: Any) -> bool:
    """Is it an object of npdeep.layers.base.Layer, which imports this module?"""
    return hasattr(type(thing), "attach")


def contents(value: Any) -> Iterator[Any]:
    """What is in lists and dicts, however they lie in each other; else the value itself.

    >>> list(contents({"a": [1, (2, 3)], "b": 4}))
    [1, 2, 3, 4]
    """
    if isinstance(value, list | tuple | dict):
        for inside in value.values() if isinstance(value, dict) else value:
            yield from contents(inside)
    else:
        yield value


def refuse_loose_layers(layer: "Layer") -> None:
    """Raise where an attribute holds layers that `hold` does not know of: they would not be trained, saved or copied."""
    known = {id(inside) for chain in layer.chains for inside in chain}
    for attribute, value in vars(layer).items():
        for inside in contents(value):
            if hasattr(type(inside), "with_layers") or (is_layer(inside) and id(inside) not in known):
                raise TypeError(
                    f"{layer.title}: its attribute {attribute!r} holds {checks.describe(inside)}, "
                    "which would not be trained or saved; take layers in with self.hold([...]) in __init__"
                )


def check_methods(layer: "Layer") -> None:
    """Raise where a method does not take what it is called with, or would not be called at all."""
    custom.check_not_hidden(layer.title, layer)
    for name, given in CALLED_WITH.items():
        custom.check_takes(layer.title, name, getattr(layer, name), given)
    for name in ("forward", "backward") if layer.chains else ():
        kinds = [next(kind for kind in type(layer).__mro__ if method in vars(kind)) for method in (name, f"{name}_steps")]
        if issubclass(kinds[0], kinds[1]) and kinds[0] is not kinds[1] and kinds[1].__name__ != "Layer":
            raise TypeError(
                f"{layer.title}: {name} would never be called, since {kinds[1].__name__} has {name}_steps; put the "
                f"{kinds[1].__name__} into a custom layer with self.hold([...]), or into a list beside a custom layer"
            )


def check_built(layer: "Layer") -> None:
    """Raise where `build` has left out layers that it holds."""
    for chain in layer.chains:
        for inside in chain:
            if not inside.built:
                kind = type(inside).__name__
                raise TypeError(
                    f"{layer.title}: build has not built the {kind} that it holds; call the build of what hold returned"
                )


def before_forward(layer: "Layer", training: bool) -> None:
    """Before the first pass of a kind: keep what `forward` may not change, and where its generator is."""
    if mode(training) in layer.unproven:
        vars(layer)["before"] = layer.input.copy(), layer.rng.bit_generator.state


def mode(training: bool) -> str:
    """What a forward pass is called in `layer.unproven`."""
    return "training" if training else "inference"


def check_forward(layer: "Layer", training: bool) -> None:
    """Raise where `forward` did not return what it should, changed what it may not, or what it holds was not driven."""
    if mode(training) not in layer.unproven:
        return
    x, generator = vars(layer).pop("before")
    custom.check_kept(f"{layer.title}: forward", ["x"], [layer.input], [x])
    if not layer.draws and layer.rng.bit_generator.state != generator:
        raise ValueError(
            f"{layer.title}: forward draws from self.rng; write draws = True in the class, so that files keep the generator"
        )
    shape, values = (len(layer.input), layer.output_size), values_of(layer)
    custom.check_array(f"{layer.title}: forward", layer.output, shape, layer.input.dtype, layer.input, *values)
    for chain in layer.chains if training and not layer.draws else ():    # one that draws may leave its layers out
        for inside in chain:
            if inside.input is None:
                raise TypeError(f"{layer}: forward must call the chain that hold returned, not layer {inside.name!r} itself")
    layer.unproven.remove(mode(training))


def check_result(layer: "Layer", stage: str, array: Any, shape: tuple[int, ...]) -> None:
    """Raise, in every pass, where a custom layer returned something of another kind than at its first use."""
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != layer.input.dtype:
        custom.check_array(f"{layer.title}: {stage}", array, shape, layer.input.dtype)


def check_rows(chain: "Chain", x: Array) -> None:
    """Raise where a custom layer gives the layers that it holds rows of another width than they were built for."""
    if chain and x.shape[1:] != (chain[0].input_size,):
        raise ValueError(
            f"{chain[0].title} was built for a width of {chain[0].input_size}, and the forward of the layer that holds it "
            f"passes it {checks.describe(x)}"
        )


def went(layer: "Layer", chain: "Chain", stage: str) -> bool:
    """Did this pass of a custom layer go through a chain that it holds? Raises where it went twice, or did not come back."""
    ahead, back = chain.calls
    times = ahead if stage == "forward" else back
    if times > 1:
        raise ValueError(
            f"{layer.title}: {stage} goes through layer {chain[0].name!r} {times} times, and a layer keeps the arrays of one "
            "pass; hold layers of their own for each time"
        )
    if stage == "backward" and ahead > back and chain:
        raise ValueError(
            f"{layer.title}: backward must go back through layer {chain[-1].name!r}: call the backward of the chain that hold "
            "returned"
        )
    if stage == "backward" and not ahead:     # this pass left its layers out: they have no part in the loss
        for inside in chain.everything():
            for parameter in inside.parameters:
                if parameter.wanted is not None:
                    parameter.wanted.fill(0)
    return times == 1


def values_of(layer: "Layer") -> list[Array]:
    """The values of all its parameters, those of the layers inside too."""
    return [p.value for part in layer.everything() for p in part.parameters]


def before_backward(layer: "Layer") -> None:
    """Before the first backward pass: mark every gradient that it is to write, by a NaN that no sum gives."""
    if "backward" not in layer.unproven:
        return
    vars(layer)["before"] = layer.grad_output.copy()
    for parameter in layer.parameters:
        if parameter.wanted is not None:
            custom.mark(parameter.wanted)


def check_backward(layer: "Layer") -> None:
    """Raise where `backward` did not return what it should, changed what it may not, or left a gradient unwritten."""
    if "backward" not in layer.unproven:
        return
    before = vars(layer).pop("before")
    custom.check_kept(f"{layer.title}: backward", ["grad_output"], [layer.grad_output], [before])
    made_of = (layer.grad_output, layer.input, layer.output, *values_of(layer))
    for parameter in layer.parameters:
        if parameter.wanted is None:
            continue
        if custom.still_marked(parameter.wanted):
            parameter.wanted.fill(0)
            raise ValueError(
                f"{layer.title}: backward did not write all of the gradient of {parameter.name}; "
                "assign it, for example self.scale.grad = (grad_output * self.input).sum(axis=0)"
            )
        what = f"{layer.title}: backward wrote into the gradient of {parameter.name}"
        custom.check_no_nan(what, parameter.wanted, *made_of)
    if layer.passes_gradient:
        custom.check_array(f"{layer.title}: backward", layer.grad_input, layer.input.shape, layer.input.dtype, *made_of)
    layer.unproven.remove("backward")


def check_layers(owner: str, layers: Any) -> "list[Layer]":
    """A list of layer objects, none of them used before; the error says which is not."""
    if is_layer(layers):
        raise TypeError(f"{owner}: layers must be a list of layers; put the layer in brackets: {owner}([...])")
    result = checks.items(owner, "layers", layers, "layers")
    seen: set[int] = set()
    for index, layer in enumerate(result):
        if not is_layer(layer):
            hint = f'; for an activation write nd.Activation("{layer}")' if isinstance(layer, str) and len(layer) < 30 else ""
            hint = "; list its layers, newly made, in its place" if hasattr(type(layer), "with_layers") else hint
            raise TypeError(f"{owner}: layers[{index}] must be a layer, got {checks.describe(layer)}{hint}")
        kind = type(layer).__name__
        custom.check_begun(f"{owner}: layers[{index}]", layer, "built", "name")
        for name, holds in OWNED.items():
            if not isinstance(vars(layer).get(name), holds):
                where = f"{owner}: layers[{index}] ({kind})"
                raise TypeError(f"{where}: npdeep needs its attribute {name!r}; call yours something else")
        if id(layer) in seen:
            raise ValueError(f"{owner}: layers[{index}] ({kind}) is in the list twice; each place needs a layer of its own")
        seen.add(id(layer))
        if layer.built or layer.held:
            where = f"{layer.name!r} already belongs to a model" if layer.built else f"{kind} is already inside another layer"
            raise ValueError(
                f"{owner}: layer {where}; a layer serves one model: make a new {kind}(...), in the same cell as the model that "
                "is to hold it"
            )
    return result
