"""Layers in a row, and who drives them: the arrays of a pass are kept here, for every layer alike."""

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from npdeep.common.events import StepEvent
from npdeep.kernels.arrays import Array
from npdeep.layers import first_use
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
        self.calls = [0, 0]                   # forward and backward, in this pass, by a custom layer that holds it
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
            vars(layer).update(ready=NOTHING_YET, straight=NOTHING_YET)    # its next pass makes the buffers that it needs now
            layer.plan(input_gradient or index > lowest)
        self.backward_layers = list(reversed(self)) if input_gradient else trained

    def trained_layers(self) -> "list[Layer]":
        """The layers that a backward pass goes through: from the top down to the lowest one with something to train."""
        for index, layer in enumerate(self):
            if layer.trains:
                return list(reversed(self[index:]))
        return []

    # ── the passes: the same twice, at full speed and one operation at a time ─────────────────────────────────────────
    def forward(self, x: Array, training: bool) -> Array:
        """What comes out for the rows x (n, input_size)."""
        if self.owner is not None:
            first_use.check_rows(self, x)
        self.calls[0] += 1
        outputs: Array = finish(self.forward_steps(x, training))
        return outputs

    def backward(self, grad_output: Array) -> Array | None:
        """∂loss/∂x, given ∂loss/∂(what came out); assigns the gradients of all parameters on the way.

        None where `plan` found the gradient of the input not needed.
        """
        self.calls[1] += 1
        grad_input: Array | None = finish(self.backward_steps(grad_output))
        return grad_input

    def forward_steps(self, x: Array, training: bool) -> Steps:
        """`forward`, one operation at a time."""
        for layer in self:
            vars(layer)["input"] = x
            x = layer.forward(x, training) if layer.straight == (len(x), training) else (yield from forward(layer, x, training))
            kept = vars(layer)
            kept["output"], kept["grad_output"] = x, NOTHING_YET    # an earlier gradient does not belong to this pass
            yield layer.forward_event
        return x

    def backward_steps(self, grad: Any) -> Steps:
        """`backward`, one operation at a time."""
        for layer in self.backward_layers:
            kept = vars(layer)
            kept["grad_output"] = grad
            kept["grad_input"] = grad = layer.backward(grad) if layer.straight else (yield from backward(layer, grad))
            yield layer.backward_event
        return grad

    def allocate(self, rows: int, training: bool, dtype: Any) -> None:
        """Make all buffers for this many rows at once; a pass that finds them missing makes them layer by layer."""
        for layer in self:
            if layer.ready != (rows, training):
                layer.allocate(rows, training, dtype)

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

    # ── it stays as it was made: names, parameters and widths belong to exactly these layers ──────────────────────────
    def refuse(self, *args: Any, **kwargs: Any) -> Any:
        """Stands in the place of all methods that change a list."""
        owner, cure = "a model", "make a new model of all its layers, nd.Sequential([...], input_size)"
        if self.owner is not None:
            owner = self.owner.title
            cure = f"make a new {type(self.owner).__name__} and a new model, nd.Sequential([...], input_size)"
        elif self:
            cure = f"model.with_layers([...], keep={self[-1].name!r}) makes a new model with others on top; or {cure}"
        raise TypeError(f"the layers of {owner} cannot be changed: names and parameters were made for them; {cure}")

    if not TYPE_CHECKING:                     # mypy wants the arguments that they have in a list
        append = extend = insert = remove = pop = clear = sort = reverse = refuse
        __setitem__ = __delitem__ = __iadd__ = __imul__ = refuse

    def take(self, layers: "Iterable[Layer]") -> None:
        """Other layers in the place of these: for a layer that holds the chain, in its build."""
        super().__setitem__(slice(None), layers)

    def __reduce__(self) -> Any:
        """How it is copied and pickled: a list would be filled by append."""
        return type(self), (), (vars(self), list(self))

    def __setstate__(self, state: "tuple[dict[str, Any], list[Layer]]") -> None:
        """Take the attributes and layers of another."""
        vars(self).update(state[0])
        super().extend(state[1])


def forward(layer: "Layer", x: Array, training: bool) -> Steps:
    """`forward` of a layer that lacks buffers for these rows, holds layers, or is a custom one.

    What a custom layer returned last time is in the place of its buffers, and may be x itself, or belong to another layer.
    """
    if layer.ready != (len(x), training):
        layer.allocate(len(x), training, x.dtype)
    elif layer.is_custom:
        vars(layer).update(output=layer.room.get("output"), grad_input=layer.room.get("grad_input"))
    if layer.unproven:
        first_use.before_forward(layer, training)
    x = (yield from layer.forward_steps(x, training)) if layer.chains else layer.forward(x, training)
    vars(layer)["output"] = x
    if layer.unproven:
        first_use.check_forward(layer, training)
    if layer.is_custom:
        first_use.check_result(layer, "forward", x, (len(layer.input), layer.output_size))
    return x


def backward(layer: "Layer", grad: Any) -> Steps:
    """`backward` of such a layer."""
    kept = vars(layer)
    if layer.unproven:
        first_use.before_backward(layer)
    kept["grad_input"] = grad = (yield from layer.backward_steps(grad)) if layer.chains else layer.backward(grad)
    if layer.unproven:
        first_use.check_backward(layer)
        kept["straight"] = NOTHING_YET if layer.chains or layer.is_custom else layer.ready
    if layer.is_custom and layer.passes_gradient:
        first_use.check_result(layer, "backward", grad, layer.input.shape)
    return grad


def finish(steps: Steps) -> Any:
    """Run a pass to its end; return what comes out."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
