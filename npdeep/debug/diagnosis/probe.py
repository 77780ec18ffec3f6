"""Measuring a training step on a copy: what the questions of a diagnosis are answered from."""

import copy
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npdeep.common.custom import is_custom
from npdeep.common.events import StepEvent, norm
from npdeep.debug.diagnosis.targets import best_constant, columns, outputs_for
from npdeep.debug.snapshot import hidden_activations, slopes, spread_over_examples, steepest
from npdeep.kernels.arrays import Array
from npdeep.layers.activation import Activation
from npdeep.layers.base import Layer
from npdeep.models.sequential import Sequential
from npdeep.training.trainer import Trainer

FEWEST = 10
"""From fewer rows nothing is said about units and updates: on a single row every unit is either dead or always on, and batch
normalization passes no gradient."""

UPDATES = 20
"""Before this many updates it is too early to judge what was learnt."""

WORKS = 0.25
"""A network fits where its loss is below a quarter of what guessing gives: what looks odd in it is harmless."""

MOVES = 0.99
"""A loss that falls by a hundredth in the updates that are tried on the copy is on its way, perhaps from far above guessing."""

SAME = 1e-6
"""Losses of perfect outputs and of guessing that differ by no more than this share are the same: rounding parts them."""

STEEP = 2.0
"""Slopes are judged as shares of the steepest, but of 2 at most: an exponential has no steepest slope."""


@dataclass
class Batch:
    """The rows that are looked at, as trainer and loss want them.

    Attributes: x (n, width), y the targets, weight (n, 1) or None; places (n,) says where they are among the rows that are
        finite, rows (n,) among all rows that were passed.
    """

    x: Array
    y: Any
    weight: Array | None
    places: Array
    rows: Array


@dataclass
class KernelLook:
    """A layer with a kernel, in one training step.

    Attributes:
        gradient: ‖∂L/∂kernel‖. arriving: ‖∂L/∂z‖, what comes down to the layer; None where the way back ends above it.
        weight: ‖kernel‖ before the update. update: by how much the update moved it, ‖Δkernel‖.
        spread: standard deviation of the layer's outputs over the rows, as the mean over its units.
        bound: ‖input‖·‖∂L/∂z‖, above which the gradient cannot be: far below it, its terms cancel.
    """

    name: str
    weight: float
    spread: float = math.nan
    gradient: float | None = None
    arriving: float | None = None
    update: float | None = None
    bound: float = math.nan

    @property
    def ratio(self) -> float | None:
        """‖Δkernel‖/‖kernel‖; None where the layer is frozen or its kernel is 0."""
        return None if self.update is None or self.weight == 0 else self.update / self.weight


@dataclass
class ActivationLook:
    """An activation layer after the forward pass, copied: input z (n, units) and relative slope f'(z)/max f'.

    spread: standard deviation of its outputs over the rows, as the mean over the units.
    """

    layer: Activation
    z: Array
    slope: Array
    spread: float


@dataclass
class Probe:
    """A copy of a trainer, the batch, and what one step (and a few more) on it showed.

    Attributes:
        origin: the event after which a number was no longer finite, or None; bad_step: in which of the steps.
        losses: the loss of each step, without penalties.
        calm: the loss with batch statistics and without noise; calm_after: the same after the steps. evaluated: the loss as
            `evaluate` has it.
        outputs: of the calm pass. ends: see `ends_on`, of these rows.
        statistics: for each batch normalization the batch's mean and variance in the calm pass.
        output: the elementwise activation that the outputs come from, or None. activations: the hidden ones.
        twin: another copy of the trainer, for passes in evaluation.
        inputs: of the layers with a kernel. shifts: biases and β by name, before the update.
        blocked: the lowest custom layer that gives on a gradient of zeros, or "".
        largest_ratio: the largest ‖Δkernel‖/‖kernel‖ of all steps that were made.
    """

    trainer: Trainer
    batch: Batch
    twin: Trainer
    kernels: dict[str, KernelLook] = field(default_factory=dict)
    activations: list[ActivationLook] = field(default_factory=list)
    output: ActivationLook | None = None
    origin: StepEvent | None = None
    bad_step: int = 0
    losses: list[float] = field(default_factory=list)
    calm: float = math.nan
    calm_after: float = math.nan
    evaluated: float = math.nan
    ends: tuple[float, float] | None = None
    outputs: Any = None
    statistics: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    inputs: dict[str, Array] = field(default_factory=dict)
    shifts: dict[str, Array] = field(default_factory=dict)
    largest_ratio: float = 0.0
    blocked: str = ""

    @property
    def model(self) -> Sequential:
        """The copy's model."""
        return self.trainer.model

    @property
    def places(self) -> Array:
        """Where the rows that are looked at are among all that are finite."""
        return self.batch.places

    @property
    def n(self) -> int:
        """How many rows are looked at."""
        return len(self.batch.x)

    def left(self, loss: float) -> float:
        """How much is left of what guessing loses to perfect outputs: 1 is guessing, 0 perfect; NaN where it is not known."""
        return left_of(loss, self.ends)

    @property
    def left_now(self) -> float:
        """The same now: with the batch's statistics or the moving ones, whichever is better."""
        return self.left(min(self.calm, self.evaluated))

    @property
    def guess(self) -> float | None:
        """The loss of the best output that is the same for every row; None where it is not known."""
        return None if self.ends is None else self.ends[1]

    @property
    def works(self) -> bool:
        """Does the network fit these rows?"""
        return self.left_now <= WORKS

    @property
    def moves(self) -> bool:
        """Does the loss fall in the updates that were tried?"""
        floor = 0.0 if self.ends is None else self.ends[0]
        pairs = [(self.calm, self.calm_after), *((self.losses[0], loss) for loss in self.losses)]
        return any(after - floor < MOVES * (before - floor) for before, after in pairs)

    def ends_on(self, y: Any, weight: Array | None = None) -> tuple[float, float] | None:
        """The losses of perfect outputs (above 0 if the targets are uncertain) and of guessing; None where not known."""
        units, loss = self.model.output_size, copy.deepcopy(self.twin.loss)
        best, perfect = best_constant(loss, y, units, weight), None
        if best is not None:
            perfect = outputs_for(loss, columns(loss, y, units))
        if best is None or perfect is None:
            return None
        losses = [
            float(loss.compute(np.ascontiguousarray(np.broadcast_to(outputs, (len(y), units)), self.model.dtype), y, weight))
            for outputs in (perfect, best)
        ]
        return losses[0], losses[1]


def left_of(loss: float, ends: tuple[float, float] | None) -> float:
    """Where a loss is between perfect outputs (0) and guessing (1); where all targets are the same, both are perfect.

    >>> left_of(1.25, (1.0, 2.0)), left_of(0.0, (0.0, 0.0)), left_of(0.5, None)
    (0.25, 0.0, nan)
    """
    if ends is None:
        return math.nan
    if ends[1] - ends[0] <= SAME * abs(ends[1]):
        return 0.0 if loss <= ends[1] + SAME else math.inf
    return (loss - ends[0]) / (ends[1] - ends[0])


def kernel_layers(model: Sequential) -> list[Layer]:
    """The layers with a matrix of weights, lowest first.

    >>> import npdeep as nd
    >>> [layer.name for layer in kernel_layers(nd.Sequential([nd.Dense(2), nd.Activation("relu")], input_size=3))]
    ['dense']
    """
    return [layer for layer in model.everything() if kernel_of(layer) is not None]


def kernel_of(layer: Layer) -> Any:
    """The layer's matrix of weights, or None."""
    return next((p for p in layer.parameters if p.has_grad and len(p.shape) >= 2), None)


def probe(trainer: Trainer, batch: Batch, steps: int) -> Probe:
    """Passes and `steps` training steps on a copy; the first step is measured, the rest only searched for NaN."""
    with np.errstate(all="ignore"):
        found = Probe(copy.deepcopy(trainer), batch, copy.deepcopy(trainer))
        found.ends = found.ends_on(batch.y, batch.weight)
        _passes(found)
        for step in range(1, steps + 1):
            _step(found, step)
            if found.origin is not None:
                found.bad_step = step
                return found
        found.calm_after = calm_pass(copy.deepcopy(found.trainer), batch)[0]
    return found


def _step(found: Probe, step: int) -> None:
    """One training step; the numbers of the first are kept."""
    layers = kernel_layers(found.model)
    before = {str(layer.name): kernel_of(layer).value.copy() for layer in layers}
    hidden, last = _hidden(found.model), output_activation(found.model)
    see: dict[str, Callable[[StepEvent], None]] = {
        "forward": lambda event: _see_forward(found, event, hidden, last),
        "backward": lambda event: _see_backward(found, event),
    }
    if step == 1:
        found.kernels = {name: KernelLook(name, norm(value)) for name, value in before.items()}
        found.shifts = {p.name: p.value.astype(np.float64) for p in found.model.parameters if len(p.shape) == 1}
    for event in found.trainer.operations(found.batch.x, found.batch.y, found.batch.weight):
        if step == 1 and event.stage in see:
            see[event.stage](event)
        if event.stage == "loss":
            found.losses.append(float(found.trainer.loss.value))
        if event.stage == "update":           # constraints come after it: their part is not the optimizer's
            _see_update(found, before, step)
        if not all_finite(event):
            found.origin = event
            return


def all_finite(event: StepEvent) -> bool:
    """Is everything that this operation has computed finite?"""
    return not bad_arrays(event)


def bad_arrays(event: StepEvent) -> dict[str, Array]:
    """What this operation has computed, as far as it is not finite: name → array."""
    computed = {"forward": ("output",), "update": ("values",)}.get(event.stage)
    arrays = {name: a for name, a in event.arrays.items() if computed is None or name in computed}
    return {name: a for name, a in arrays.items() if a.dtype.kind == "f" and not np.isfinite(a).all()}


def _see_forward(found: Probe, event: StepEvent, hidden: list[Activation], last: Activation | None) -> None:
    layer = event.layer
    if str(event.name) in found.kernels:
        found.kernels[event.name].spread = spread_over_examples(layer.output)
        found.inputs[event.name] = layer.input.copy()
    if layer in hidden or (last is not None and layer is last and not last.rule.whole_row):
        slope = slopes(layer) / steepest_of(layer)
        look = ActivationLook(layer, layer.input.astype(np.float64), slope, spread_over_examples(layer.output))
        if layer is last:
            found.output = look
        else:
            found.activations.append(look)


def steepest_of(activation: Activation) -> float:
    """The slope that others are compared with.

    >>> steepest_of(Activation("sigmoid")), steepest_of(Activation("exponential"))
    (0.25, 2.0)
    """
    return min(steepest(activation), STEEP)


def _see_backward(found: Probe, event: StepEvent) -> None:
    look, layer = found.kernels.get(event.name), event.layer
    if is_custom(layer) and layer.grad_input is not None and layer.grad_output.any() and not layer.grad_input.any():
        found.blocked = str(event.name)
    if look is not None:
        kernel = kernel_of(event.layer)
        look.arriving = norm(event.layer.grad_output)
        look.bound = norm(event.layer.input) * look.arriving
        look.gradient = norm(kernel.grad) if kernel.trainable else None


def _see_update(found: Probe, before: dict[str, Array], step: int) -> None:
    for layer in kernel_layers(found.model):
        kernel, name = kernel_of(layer), str(layer.name)
        if not kernel.trainable:
            continue
        moved, weight = norm(kernel.value.astype(np.float64) - before[name]), norm(before[name])
        found.largest_ratio = max(found.largest_ratio, moved / weight if weight > 0 else 0.0)
        if step == 1:
            found.kernels[name].update = moved


def _hidden(model: Sequential) -> list[Activation]:
    """The elementwise activations that have a layer with weights above them: what the outputs go through is not hidden."""
    top = max((i for i, layer in enumerate(model.everything()) if kernel_of(layer) is not None), default=0)
    return [layer for layer in hidden_activations(model) if model.everything().index(layer) < top]


def output_activation(model: Sequential) -> Activation | None:
    """The activation that the outputs come out of, with nothing but noise after it; None where there is none.

    >>> import npdeep as nd
    >>> layers = [nd.Dense(2), nd.Activation("tanh"), nd.Dense(2), nd.Activation("softmax", name="last")]
    >>> output_activation(nd.Sequential(layers, 1)).name
    'last'
    """
    layers = [layer for layer in model.everything() if not layer.draws and getattr(layer, "activation", "") != "linear"]
    layer = layers[-1] if layers else None
    return layer if isinstance(layer, Activation) else None


def _passes(found: Probe) -> None:
    """Two passes without noise on another copy: by the moving statistics, and by the batch's, which are kept."""
    twin, batch = copy.deepcopy(found.twin), found.batch
    found.evaluated = twin.loss.compute(twin.model.run(batch.x), batch.y, batch.weight)
    found.calm, found.outputs = calm_pass(twin, batch)
    for layer in twin.model.everything():
        if (statistics := layer.statistics()) is not None:
            mean, variance = statistics
            found.statistics[str(layer.name)] = (mean.copy(), variance.copy())


def calm_pass(twin: Trainer, batch: Batch) -> tuple[float, Array]:
    """Loss and outputs by the batch's statistics, without noise; twin: a copy, whose moving statistics change."""
    for layer in twin.model.everything():
        if layer.draws:
            vars(layer)["forward"] = functools.partial(at_rest, layer)
    outputs = twin.model.run(batch.x, training=True)
    return twin.loss.compute(outputs, batch.y, batch.weight), outputs.copy()


def at_rest(layer: Layer, x: Array, training: bool) -> Array:
    """The forward pass of a layer as it is when nothing is drawn."""
    return type(layer).forward(layer, x, training=False)
