"""Writing down what happens while a network trains."""

from typing import Any

import numpy as np

from npdeep.callbacks.base import Callback
from npdeep.common import checks
from npdeep.common.events import norm
from npdeep.files import fields
from npdeep.kernels.arrays import Array


class RecordGradients(Callback):
    """Records the size of the gradient in every layer while the network trains.

    Args:
        every: record at the first update, then each time this many are done, and at the last one of fit.
        of: "kernel" for ‖∂L/∂kernel‖, the gradient as the optimizer was given it; "z" for ‖∂L/∂z‖ with z = xW + b, the gradient
            that came down to the layer: the measure of `nd.debug.diagnose`, which tells what vanishes from what explodes.

    Attributes:
        layers: names of the layers that have a kernel, lowest first.
        updates: at which update each record was made. norms: one list of norms per record.

    >>> recorder = RecordGradients(every=100)
    """

    added_later = ("of",)

    def __init__(self, every: int = 100, of: str = "kernel") -> None:
        self.every = checks.whole("RecordGradients", "every", every)
        self.of = checks.choice("RecordGradients", "of", of, ("kernel", "z"))
        self.reset()

    def reset(self) -> None:
        """No records yet."""
        self.layers: list[str] = []
        self.updates: list[int] = []
        self.norms: list[list[float]] = []
        self.update = 0                       # the last one of this fit
        self.kept: list[float] = []
        self.kernels: list[Any] = []
        self.computing: list[Any] = []        # the layers that these belong to

    def on_fit_begin(self, trainer: Any) -> None:
        """Know the kernels."""
        self.kernels = kernels(trainer)
        self.computing = [layer for layer in trainer.model.everything() if hasattr(layer, "kernel")]

    def on_step_end(self, trainer: Any) -> None:
        """Record, where it is time."""
        self.update, self.kept = trainer.iteration, self.arriving() if self.of == "z" else []
        if (self.update - 1) % self.every == 0:
            self.record()

    def on_fit_end(self, trainer: Any) -> None:
        """Record the last update, where it was not its turn; where the run was interrupted, the last one is still to come."""
        if trainer.interrupted:
            return
        if self.update and self.updates[-1:] != [self.update]:
            self.record()
        self.update, self.kept, self.kernels, self.computing = 0, [], [], []

    def record(self) -> None:
        """The norms at the last update."""
        self.layers = self.names()
        self.updates.append(self.update)
        self.norms.append(self.now())

    def names(self) -> list[str]:
        """The layers' names."""
        return [p.name.rpartition("/")[0] for p in self.kernels]

    def now(self) -> list[float]:
        """The norms of the gradients as they are now, or those that a checkpoint kept, which holds no gradients."""
        return self.kept or [norm(p.grad) for p in self.kernels]

    def arriving(self) -> list[float]:
        """‖∂L/∂z‖ of every layer; kept at once, because a validation takes the arrays of the step away."""
        return [0.0 if layer.grad_output is None else norm(layer.grad_output) for layer in self.computing]

    def state(self) -> dict[str, Any]:
        """The records so far; and the last update, in case it proves to be the last one of fit."""
        last = {"layers": self.names(), "updates": [self.update], "norms": [self.now()]}
        return {"layers": self.layers, "updates": self.updates, "norms": self.norms, **({"last": last} if self.update else {})}

    def set_state(self, state: dict[str, Any]) -> None:
        """The records so far, and the last update."""
        self.check_state("RecordGradients.state", state)
        self.layers, self.updates, self.norms = state["layers"], state["updates"], state["norms"]
        if "last" in state:
            updates, norms = state["last"]["updates"], state["last"]["norms"]
            self.update, self.kept = (updates or [0])[-1], (norms or [[]])[-1]

    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """Norms by layer and update, and those of the last update."""
        check_records(where, state, "norms", {"last": lambda place, last: check_records(place, last, "norms")})


class RecordUpdates(Callback):
    """Records how far an update moves the kernel of every layer, as a share of its length: ‖w after − w before‖/‖w before‖.

    About 1e-3 is healthy as a rule of thumb; far below, a layer hardly learns, far above, it is thrown about.

    Args:
        every: record the first update, then each time this many are done.

    Attributes:
        layers: names of the layers that have a kernel, lowest first.
        updates: which update each record is of. ratios: one list of ratios per record; 0 where a kernel is frozen, inf for one
            that was all zeros before the update.

    A record is of the whole of one update, constraints included, in float64. Where one is due the kernels are copied just
    before it; the other updates cost nothing. The last update is recorded only where its turn has come.

    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(1, use_bias=False, kernel_initializer="ones")], input_size=1)
    >>> trainer = nd.Trainer(model, "mean_squared_error", nd.optimizers.SGD(0.25))
    >>> record = RecordUpdates(every=1)
    >>> _ = trainer.fit([[1.0]], [[0.0]], epochs=2, callbacks=[record], verbose=False)    # w: 1, 0.5, 0.25
    >>> record.updates, record.ratios
    ([1, 2], [[0.5], [0.5]])
    """

    def __init__(self, every: int = 100) -> None:
        self.every = checks.whole("RecordUpdates", "every", every)
        self.reset()

    def reset(self) -> None:
        """No records yet."""
        self.layers: list[str] = []
        self.updates: list[int] = []
        self.ratios: list[list[float]] = []
        self.before: list[Array] | None = None

    def on_fit_begin(self, trainer: Any) -> None:
        """Copy the kernels, where the next update is to be recorded: a run may be resumed in the middle of an epoch."""
        self.copy_if_due(trainer)

    def on_epoch_begin(self, trainer: Any) -> None:
        """Copy them again: other callbacks may have changed them between epochs."""
        self.copy_if_due(trainer)

    def on_step_end(self, trainer: Any) -> None:
        """Record, where the kernels before this update are known."""
        if self.before is not None:
            self.record(trainer)
        self.copy_if_due(trainer)

    def copy_if_due(self, trainer: Any) -> None:
        """Keep the kernels as they are before the next update, or nothing where it is not its turn."""
        due = trainer.iteration % self.every == 0
        self.before = [kernel.value.copy() for kernel in kernels(trainer)] if due else None

    def record(self, trainer: Any) -> None:
        """The ratios of the update that was just made."""
        after = kernels(trainer)
        assert self.before is not None
        self.layers = [p.name.rpartition("/")[0] for p in after]
        self.updates.append(trainer.iteration)
        self.ratios.append([move_ratio(old, p.value) for old, p in zip(self.before, after, strict=True)])

    def state(self) -> dict[str, Any]:
        """The records so far. The kernels before the next update are those of the checkpoint."""
        return {"layers": self.layers, "updates": self.updates, "ratios": self.ratios}

    def set_state(self, state: dict[str, Any]) -> None:
        """The records so far."""
        self.check_state("RecordUpdates.state", state)
        self.layers, self.updates, self.ratios = state["layers"], state["updates"], state["ratios"]

    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """Ratios by layer and update."""
        check_records(where, state, "ratios")


def check_records(where: str, state: Any, name: str, optional: dict[str, fields.Check] | None = None) -> None:
    """Raise ValueError where a state is not layers, updates, and one list of a number per layer for each update.

    >>> check_records("state", {"layers": ["a"], "updates": [1], "norms": [[0.5], [0.25]]}, "norms")
    Traceback (most recent call last):
    ValueError: state.norms must be one list for each of 1 updates, got 2
    """
    rows = fields.items(fields.items(fields.measured))    # NaN is what was recorded where a run had come to grief
    lists = {"layers": fields.items(fields.label), "updates": fields.items(fields.whole()), name: rows}
    fields.record(lists, optional)(where, state)
    updates = len(state["updates"])
    if len(state[name]) != updates:
        raise ValueError(f"{where}.{name} must be one list for each of {updates} updates, got {len(state[name])}")
    fields.items(fields.items(fields.measured, len(state["layers"])))(f"{where}.{name}", state[name])


def kernels(trainer: Any) -> list[Any]:
    """The kernels of the model, lowest first."""
    return [p for p in trainer.model.parameters if p.name.endswith("/kernel")]


def move_ratio(before: Array, after: Array) -> float:
    """‖after − before‖/‖before‖ in float64; 0 where nothing has moved, inf where all was 0 before.

    >>> move_ratio(np.array([3.0, 4.0]), np.array([3.0, 4.5])), move_ratio(np.zeros(2), np.ones(2))
    (0.1, inf)
    """
    with np.errstate(invalid="ignore", over="ignore"):
        moved, length = norm(np.subtract(after, before, dtype=np.float64)), norm(before)
    if moved == 0:
        return 0.0
    return moved / length if length != 0 else float("inf")
