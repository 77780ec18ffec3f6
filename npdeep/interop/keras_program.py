"""The network as a program for Keras: a list of calls, which is run (`to_keras`) or printed (`keras_source`)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from npdeep import layers as kinds
from npdeep.interop.keras_calls import ACTIVATIONS, CLASSES, OPERATIONS, Call, call_of
from npdeep.layers.base import Layer
from npdeep.models.sequential import Sequential

FUNCTIONS = {theirs for ours, theirs, keywords in ACTIVATIONS if ours in OPERATIONS or (keywords and ours not in CLASSES)}
NUMBERED = re.compile(rf"({'|'.join(sorted({*FUNCTIONS, 'glu', 'split'}))})(_\d+)?")
"""Names that Keras gives to the functions in a network; a layer of such a name has one more underscore in Keras."""


@dataclass
class Step:
    """One line: variables, what is called, and the variables that it is called on."""

    targets: list[str]
    call: Call
    inputs: list[str]

    def written(self) -> str:
        """As Python code.

        >>> Step(["x"], Call("layers", "Add"), ["a", "b"]).written()
        'x = layers.Add()([a, b])'
        """
        given = self.inputs[0] if len(self.inputs) == 1 else f"[{', '.join(self.inputs)}]"
        value = self.call.written(given) if self.call.home == "ops" else f"{self.call.written()}({given})"
        return f"{', '.join(self.targets)} = {value}"

    def run(self, keras: Any, tensors: dict[str, Any]) -> Any:
        """Put what comes out into `tensors`; return the layer of Keras, None of a function."""
        given = tensors[self.inputs[0]] if len(self.inputs) == 1 else [tensors[name] for name in self.inputs]
        part = None if self.call.home == "ops" else self.call.made(keras)
        outputs = self.call.made(keras, given) if part is None else part(given)
        tensors.update(zip(self.targets, outputs if len(self.targets) > 1 else [outputs], strict=True))
        return part


class Program:
    """The lines that make a model, and the names in them.

    Attributes:
        steps: the lines between inputs and model. name: of the model in Keras.
    """

    def __init__(self, model: Sequential) -> None:
        self.width, self.dtype, self.name = model.input_size, str(model.dtype), plain(model.name)
        self.steps: list[Step] = []
        self.taken = {"inputs"}
        self.variables = 0
        self.output = self.chain(model.layers, "inputs", "x")

    def chain(self, layers: Iterable[Layer], start: str, target: str) -> str:
        """The lines of these layers; the variable with what comes out of them."""
        for layer in layers:
            self.add(layer, start, target)
            start = target
        return start

    def add(self, layer: Any, start: str, target: str) -> None:
        """The lines of one layer."""
        call = call_of(layer)
        inputs = [start]
        if call.home == "layers":
            call.keywords["name"] = self.free_name(layer)
            if isinstance(layer, kinds.Residual):
                branches = [layer.layers, layer.shortcut]
                inputs = [self.chain(branch, start, self.branch()) if len(branch) else start for branch in branches]
            elif isinstance(layer, kinds.Parallel):
                starts = [start] * len(layer.branches) if layer.split is None else self.split(layer.split, start)
                inputs = [
                    self.chain(branch, one, one if layer.split else self.branch()) if len(branch) else one
                    for branch, one in zip(layer.branches, starts, strict=True)
                ]
            if self.dtype != "float32":
                call.keywords["dtype"] = self.dtype
        self.steps.append(Step([target], call, inputs))

    def split(self, widths: list[int], start: str) -> list[str]:
        """Variables with columns of their own."""
        targets = [self.branch() for _ in widths]
        places = [sum(widths[: k + 1]) for k in range(len(widths) - 1)]
        self.steps.append(Step(targets, Call("ops", "split", (places,), {"axis": 1}), [start]))
        return targets

    def branch(self) -> str:
        """A new variable."""
        self.variables += 1
        return f"branch{self.variables}"

    def free_name(self, layer: Layer) -> str:
        """The layer's name as Keras takes it: no / in it, no dot (PyTorch below it takes none), and none of Keras's own."""
        name = plain(str(layer.name))
        while name in self.taken or NUMBERED.fullmatch(name):
            name += "_"
        self.taken.add(name)
        return name

    def written(self) -> str:
        """All of it as Python code."""
        homes = sorted({"layers", *(home for step in self.steps for home in step.call.homes())})
        dtype = "" if self.dtype == "float32" else f', dtype="{self.dtype}"'
        lines = ["import keras", f"from keras import {', '.join(homes)}", ""]
        lines.append(f'inputs = keras.Input(({self.width},){dtype}, name="inputs")')
        lines += [step.written() for step in self.steps]
        return "\n".join([*lines, f'model = keras.Model(inputs, {self.output}, name="{self.name}")'])

    def run(self, keras: Any) -> tuple[Any, list[tuple[Any, Any]]]:
        """The model of Keras, and all layers with theirs."""
        tensors = {"inputs": keras.Input((self.width,), dtype=self.dtype, name="inputs")}
        made = []
        for step in self.steps:
            if step.call.home == "layers":
                step.call.keywords["dtype"] = self.dtype
            part = step.run(keras, tensors)
            if part is not None:
                made.append((step.call.layer, part))
        return keras.Model(tensors["inputs"], tensors[self.output], name=self.name), made


def plain(name: str) -> str:
    """A name without what Keras and its backends refuse.

    >>> plain("block1/hidden.1")
    'block1_hidden_1'
    """
    return re.sub(r"[^A-Za-z0-9_\-]", "_", name)
