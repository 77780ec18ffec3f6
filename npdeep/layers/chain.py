"""Layers in a row, and who drives them: the arrays of a pass are kept here, for every layer alike."""

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from npdeep.common.events import StepEvent
from npdeep.kernels.arrays import Array
from npdeep.layers.names import name_layers

if TYPE_CHECKING:
    from npdeep.layers.base import Layer

NOTHING_YET: Any = None

Steps = Generator[StepEvent, None, Any]
"""A pass, one operation at a time: yields an event after each, and returns the array that comes out at the end."""


class Chain(list["Layer"]):
    """Layers in a row: each takes what the one below gives. An empty chain passes everything on as it is.

    A model's `layers` are a chain, and so are the layers that a layer holds (`Layer.hold`). Whoever writes a layer that holds
    others calls four methods: `build` in build, `forward` in forward, `backward` in backward, and lets `plan` be.

    The chain assigns `input` and `output`, `grad_output` and `grad_input` of each layer, so that a layer only computes.

    >>> from npdeep.layers import Activation
    >>> chain = Chain([Activation("relu"), Activation("softplus")])
    >>> chain.build(2), [layer.name for layer in chain]
    (2, ['activation', 'activation_1'])
    """

    def __init__(self, layers: "Iterable[Layer]" = (), owner: "Layer | None" = None) -> None:
        super().__init__(layers)
        self.owner = owner
        self.backward_layers: list[Layer] = []

    def build(self, input_size: int) -> int:
        """Give every layer its name and its place; return the width of what comes out."""
        prefix, beside, owner = "", [], "Sequential"
        if self.owner is not None:
            prefix, owner = f"{self.owner.name}/", f"{type(self.owner).__name__} {self.owner.name!r}"
            beside = [layer for chain in self.owner.chains if chain is not self for layer in chain]
        for layer, name in zip(self, name_layers(self, beside, owner), strict=True):
            layer.attach(prefix + name, input_size)
            input_size = layer.output_size
        return input_size

    def plan(self, input_gradient: bool) -> None:
        """Decide how far down a backward pass goes: to the lowest layer with something to train, or to the input."""
        trained = self.trained_layers()
        lowest = len(self) - len(trained)
        for index, layer in enumerate(self):
            layer.plan(input_gradient or index > lowest)
        self.backward_layers = list(reversed(self)) if input_gradient else trained

    def trained_layers(self) -> "list[Layer]":
        """The layers that a backward pass goes through: from the top down to the lowest one with something to train."""
        for index, layer in enumerate(self):
            if layer.trains:
                return list(reversed(self[index:]))
        return []

    # ── the passes: the same twice, at full speed and one operation at a time ─────────────────────────────────────────
    def forward(self, x: Array, training: bool = False) -> Array:
        """What comes out for the rows x (n, input_size)."""
        outputs: Array = finish(self.forward_steps(x, training))
        return outputs

    def backward(self, grad_output: Array) -> Array | None:
        """∂loss/∂x, given ∂loss/∂(what came out); assigns the gradients of all parameters on the way.

        None where `plan` found the gradient of the input not needed.
        """
        grad_input: Array | None = finish(self.backward_steps(grad_output))
        return grad_input

    def forward_steps(self, x: Array, training: bool) -> Steps:
        """`forward`, one operation at a time."""
        for layer in self:
            layer.input = x
            layer.grad_output = NOTHING_YET   # that of an earlier pass does not belong to this one
            if layer.chains:
                x = yield from layer.forward_steps(x, training)
            else:
                x = layer.forward(x, training)
            layer.output = x
            if layer.unproven:
                layer.check_forward()
            yield layer.forward_event
        return x

    def backward_steps(self, grad: Any) -> Steps:
        """`backward`, one operation at a time."""
        for layer in self.backward_layers:
            layer.grad_output = grad
            if layer.unproven:
                layer.forget_gradients()
            if layer.chains:
                grad = yield from layer.backward_steps(grad)
            else:
                grad = layer.backward(grad)
            layer.grad_input = grad
            if layer.unproven:
                layer.check_backward()
            yield layer.backward_event
        return grad

    # ── going through them ────────────────────────────────────────────────────────────────────────────────────────────
    def everything(self) -> "Iterator[Layer]":
        """Every layer, those inside others too, in the order of the forward pass: what a layer holds comes before it."""
        for layer in self:
            yield from layer.everything()

    def operations(self, stage: str) -> Iterator[StepEvent]:
        """The events of a forward or a backward pass through the chain, in order, without running it."""
        for layer in self if stage == "forward" else self.backward_layers:
            for chain in layer.chains:
                yield from chain.operations(stage)
            yield layer.forward_event if stage == "forward" else layer.backward_event


def finish(steps: Steps) -> Any:
    """Run a pass to its end; return what comes out."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
