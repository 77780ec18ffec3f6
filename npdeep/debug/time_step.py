"""Where does the time of a training step go? Each operation timed on a copy, beside the bare matrix products."""

import copy
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from npdeep.common import checks
from npdeep.common.events import StepEvent
from npdeep.debug.step_timing import StepTiming, TimedOperation
from npdeep.kernels.arrays import Array, product
from npdeep.layers import Activation
from npdeep.layers.base import Layer
from npdeep.losses import check_weights, check_y
from npdeep.models.sequential import Sequential
from npdeep.training.trainer import Trainer

BLOCK = 5
"""How many steps are timed in a row before the next way of running is timed."""

Batch = tuple[Array, Any, Array | None]
Place = tuple[str, str]
"""Stage and name of an operation."""
Product = tuple[Array, Array, Array]
"""Left and right factor, and where the product goes."""


def time_step(trainer: Trainer, x: Any, y: Any, sample_weight: Any = None, repeats: int = 100) -> StepTiming:
    """Time one training step by operation, on a copy; the trainer stays as it is, to the bit.

    The step is walked through with a clock that is read after each event. In turn with that, so that a busy machine slows all
    of them: the step at full speed (`trainer.step`), the bare matrix products of this network (the floor: no engine that calls
    the same linear algebra can be faster), and the walk with a single row, which shows what the calls themselves cost.
    Weights, slots and iteration of the copy are put back before each turn, so that it is always the same few steps.

    Args:
        trainer: as it is now.
        x, y: one batch, of as many rows as you train with, and its targets. sample_weight: one number ≥ 0 per row, or None.
        repeats: how often each is timed, at least 1; medians are reported.

    Returns a `StepTiming`: `.operations` (each with `.seconds`, `.share` and `.floor`), `.step`, `.floor`, `.ratio`, and in
    plain words `.hints`; it prints as a table, and shows as one in a notebook.
    Raises TypeError where trainer is no Trainer, ValueError or TypeError where x, y or sample_weight do not fit it.

    >>> import npdeep as nd
    >>> (x, y), _ = nd.datasets.mnist_sample()
    >>> model = nd.Sequential([nd.Dense(30, name="hidden"), nd.Activation("relu"), nd.Dense(10, name="outputs")], 784, seed=0)
    >>> timing = time_step(nd.Trainer(model, "softmax_cross_entropy"), x[:50], y[:50], repeats=5)
    >>> [operation.name for operation in timing.operations]
    ['hidden', 'activation', 'outputs', 'loss', 'outputs', 'activation', 'hidden', 'update']
    >>> timing.step > 0 and timing.floor > 0
    True
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"time_step: trainer must be a Trainer, nd.Trainer(model, loss), got {checks.describe(trainer)}")
    repeats = checks.whole("time_step", "repeats", repeats)
    twin = copy.deepcopy(trainer)
    twin.on_event = None                      # what nd.debug.break_when armed is meant for the trainer itself
    batch = _checked(twin, x, y, sample_weight)
    with np.errstate(all="ignore"):           # a network that diverges can be timed too
        return _Clock(twin, batch).run(repeats)


def _checked(twin: Trainer, x: Any, y: Any, sample_weight: Any) -> Batch:
    rows = twin.model.check_examples("time_step", "x", x)
    targets = check_y("time_step", twin.loss, y, len(rows), twin.model.output_size, twin.model.dtype)
    return rows, targets, check_weights("time_step", sample_weight, len(rows), twin.model.dtype)


class _Clock:
    """Times the steps of a trainer that it may do with as it likes."""

    def __init__(self, twin: Trainer, batch: Batch) -> None:
        self.twin, self.batch = twin, batch
        self.flat_weight = None if batch[2] is None else batch[2][:, 0]
        self.put_back = _memory(twin)
        self.step()                           # plans, and raises where no step can be made
        self.events = twin.events()
        self.formulas = [event.formula for event in self.events]    # a single row is normalized by another one
        self.products = matrix_products(twin.model, len(batch[0]))
        self.single_products = matrix_products(twin.model, 1)
        self.walks: list[dict[Place, float]] = []    # a custom layer may leave out others that it holds, now and then
        self.steps: list[float] = []
        self.floors: list[list[float]] = []
        self.overheads: list[float] = []

    def run(self, repeats: int) -> StepTiming:
        """All ways in turn."""
        ways: list[tuple[list[Any], Callable[[], Any]]] = [
            (self.walks, lambda: {(e.stage, e.name): s for e, s in zip(*walked(self.twin, self.batch), strict=True)}),
            (self.steps, lambda: timed(self.step)),
            (self.floors, lambda: multiplied(self.products)),
        ]
        if isinstance(self.batch[1], np.ndarray):    # a custom loss may take targets that cannot be cut
            ways.append((self.overheads, self.overhead))
        ratios: list[float] = []
        while len(self.steps) < repeats:
            block = min(BLOCK, repeats - len(self.steps))
            for seconds, measure in ways:
                self.put_back()
                measure()                     # to warm up
                seconds += [measure() for _ in range(block)]
            if self.products:
                floor = statistics.median(sum(one) for one in self.floors[-block:])
                ratios.append(statistics.median(self.steps[-block:]) / floor)
        return self.report(statistics.median(ratios) if ratios else math.nan)

    def step(self) -> None:
        """One step at full speed."""
        x, y, _ = self.batch
        self.twin.step(x, y, self.flat_weight)

    def overhead(self) -> float:
        """Seconds of forward, loss and backward with a single row, the matrix products taken off."""
        x, y, weight = self.batch
        events, seconds = walked(self.twin, (x[:1], y[:1], None if weight is None else weight[:1]))
        of_rows = sum(s for e, s in zip(events, seconds, strict=True) if e.stage in ("forward", "loss", "backward"))
        return max(0.0, of_rows - sum(multiplied(self.single_products)))

    def report(self, ratio: float) -> StepTiming:
        """The medians, put together."""
        places = [(event.stage, event.name) for event in self.events]
        medians = [statistics.median([walk[place] for walk in self.walks if place in walk] or [0.0]) for place in places]
        floors = dict(zip(self.products, map(statistics.median, zip(*self.floors, strict=True)), strict=False))
        operations = []
        for event, formula, seconds in zip(self.events, self.formulas, medians, strict=True):
            kind, group = described(self.twin, event.stage, event.layer)
            floor, share = floors.get((event.stage, event.name), 0.0), seconds / sum(medians)
            operations.append(TimedOperation(event.stage, event.name, kind, group, formula, seconds, share, floor))
        return StepTiming(
            operations=operations,
            network=repr(self.twin.model).strip("<>"),
            rows=len(self.batch[0]),
            weights=sum(p.size for p in self.twin.model.parameters if p.trainable),
            step=statistics.median(self.steps),
            floor=sum(floors.values()),
            ratio=ratio,
            overhead=statistics.median(self.overheads) if self.overheads else math.nan,
            slowdown=statistics.median(self.steps) / min(self.steps),
            repeats=len(self.steps),
        )


def _memory(twin: Trainer) -> Callable[[], None]:
    """A function that puts weights, statistics, slots and iteration back to what they are now."""
    arena, optimizer = twin.model.arena, twin.optimizer
    values, slots = arena.values.copy(), {name: slot.copy() for name, slot in optimizer.slots.items()}
    state, iteration = optimizer.state(), twin.iteration

    def put_back() -> None:
        arena.values[...] = values
        for name, slot in slots.items():
            optimizer.slots[name][...] = slot
        optimizer.set_state(state)
        twin.iteration = iteration

    return put_back


# ── what is timed ─────────────────────────────────────────────────────────────────────────────────────────────────────
def timed(call: Callable[[], Any]) -> float:
    """Seconds of one call.

    >>> timed(lambda: None) >= 0
    True
    """
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def walked(twin: Trainer, batch: Batch) -> tuple[list[StepEvent], list[float]]:
    """The events of one step, and the seconds up to each from the one before."""
    events, seconds = [], []
    started = time.perf_counter()
    for event in twin.operations(*batch):
        seconds.append(time.perf_counter() - started)
        events.append(event)
        started = time.perf_counter()
    return events, seconds


def multiplied(products: dict[Place, list[Product]]) -> list[float]:
    """Seconds of the bare matrix products of each operation.

    >>> a = np.ones((2, 2))
    >>> len(multiplied({("forward", "hidden"): [(a, a, np.empty((2, 2)))]}))
    1
    """
    seconds = []
    for factors in products.values():
        started = time.perf_counter()
        for left, right, out in factors:
            product(left, right, out=out)
        seconds.append(time.perf_counter() - started)
    return seconds


def matrix_products(model: Sequential, rows: int) -> dict[Place, list[Product]]:
    """The matrix products of one step in its order, of random numbers in the step's shapes: x W, xᵀ dz and dz Wᵀ.

    Products that the step leaves out are left out: the gradient of what is frozen, and ∂loss/∂x where it is not needed.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3, name="hidden"), nd.Dense(2, name="outputs")], input_size=4)
    >>> {place: [out.shape for _, _, out in factors] for place, factors in matrix_products(model, rows=5).items()}
    {('forward', 'hidden'): [(5, 3)], ('forward', 'outputs'): [(5, 2)], ('backward', 'outputs'): [(3, 2), (5, 3)], \
('backward', 'hidden'): [(4, 3)]}
    """
    model.plan()
    rng = np.random.default_rng(0)

    def random(*shape: int) -> Array:
        numbers: Array = rng.standard_normal(shape, dtype=model.dtype)
        return numbers

    forward: dict[Place, list[Product]] = {}
    backward: dict[Place, list[Product]] = {}
    trained = [event.layer for event in model.layers.operations("backward")]
    for layer in model.everything():
        place = str(layer.name)
        for p in layer.parameters:
            if len(p.shape) != 2 or p.shape[0] != layer.input_size:
                continue
            inputs, units = p.shape
            x, w, dz = random(rows, inputs), random(inputs, units), random(rows, units)
            forward.setdefault(("forward", place), []).append((x, w, np.empty_like(dz)))
            if layer in trained and p.wanted is not None:
                backward.setdefault(("backward", place), []).append((x.T, dz, np.empty_like(w)))
            if layer in trained and layer.passes_gradient:
                backward.setdefault(("backward", place), []).append((dz, w.T, np.empty_like(x)))
    return forward | dict(reversed(backward.items()))


def described(trainer: Trainer, stage: str, layer: Layer | None) -> tuple[str, str]:
    """(what computes it, which kind of work it is) for an operation.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(3), nd.Activation("elu"), nd.Dropout()], input_size=4)
    >>> trainer = nd.Trainer(model, "mean_squared_error", "adam")
    >>> [described(trainer, "forward", layer) for layer in model.layers], described(trainer, "update", None)
    ([('Dense', 'dense'), ('elu', 'activation'), ('Dropout', 'noise')], ('Adam', 'update'))
    """
    if layer is None:
        parts = {"loss": trainer.loss, "clip": trainer.clipping, "update": trainer.optimizer}
        return (getattr(parts[stage], "title", type(parts[stage]).__name__) if stage in parts else "", stage)
    if isinstance(layer, Activation):
        return layer.activation, "activation"
    kind = type(layer).__name__
    if layer.batch_statistics:
        return kind, "batch normalization"
    if any(len(p.shape) == 2 and p.shape[0] == layer.input_size for p in layer.parameters):
        return kind, "dense"
    return kind, "noise" if layer.draws else "other"
