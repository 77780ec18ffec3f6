"""Histograms of what flows through a network, forward and backward, taken while it trains."""

from typing import Any

import numpy as np

from npdeep.callbacks.base import Callback
from npdeep.common import checks
from npdeep.files import fields
from npdeep.kernels.arrays import Array
from npdeep.losses import check_y
from npdeep.models.snapshot import forward_and_backward, hidden_activations


class RecordLayers(Callback):
    """Records, for every hidden activation, how its outputs a and its gradients ∂L/∂z are distributed while the network trains.

    The same examples are looked at each time: one forward and backward pass in training mode on a copy of the model, which
    changes nothing of the run. A record costs a copy of the model and a step on these examples; between records, nothing.

    Args:
        x, y: the examples to look at; a few hundred will do.
        every: record before the first update, each time this many updates are done, and at the end of fit.
        bins: how many bins each histogram has.

    Attributes:
        layers: names of the elementwise activation layers, lowest first.
        updates: after how many updates each record was made. losses: the loss of the examples then, without penalties.
        activations, gradients: one `Histograms` a record; those of the gradients are of log₁₀|∂L/∂z|. Exact zeros, of which
            ReLU makes many, lie in no bin, nor does what is not finite.

    z is what goes into an activation, a what comes out. Raises ValueError or TypeError at the start of fit where x and y do
    not fit the trainer, or where its model has no elementwise activation. `nd.plots.animate_training` shows the records.

    >>> import npdeep as nd
    >>> x, y = nd.datasets.xor(100, seed=0)
    >>> model = nd.Sequential([nd.Dense(8), nd.Activation("tanh"), nd.Dense(2)], input_size=2, seed=0)
    >>> record = RecordLayers(x, y, every=5)
    >>> _ = nd.Trainer(model, "softmax_cross_entropy").fit(x, y, epochs=3, callbacks=[record], verbose=False)
    >>> record.layers, record.updates
    (['activation'], [0, 5, 10, 12])
    """

    settled = dict.fromkeys(("x", "y", "bins"), "the records are to be of one kind; make a new callback")

    def __init__(self, x: Any, y: Any, every: int = 100, bins: int = 40) -> None:
        self.x = checks.real_array("RecordLayers", "x", x)
        self.y = checks.any_array("RecordLayers", "y", y)
        if self.x.ndim == 0 or self.y.ndim == 0 or len(self.x) != len(self.y):
            raise ValueError(
                f"RecordLayers: x and y must have the same number of rows, got shapes {self.x.shape} and {self.y.shape}"
            )
        self.every = checks.whole("RecordLayers", "every", every)
        self.bins = checks.whole("RecordLayers", "bins", bins, minimum=2)
        self.reset()

    def __repr__(self) -> str:
        """Without the numbers in x and y."""
        return f"RecordLayers(x {self.x.shape}, y {self.y.shape}, every={self.every}, bins={self.bins})"

    def reset(self) -> None:
        """No records yet."""
        self.layers: list[str] = []
        self.updates: list[int] = []
        self.losses: list[float] = []
        self.activations: list[Histograms] = []
        self.gradients: list[Histograms] = []

    def on_fit_begin(self, trainer: Any) -> None:
        """Record the network as it is before its first update."""
        if not hidden_activations(trainer.model):
            raise ValueError("RecordLayers: the model has no elementwise activation layer to look at")
        x = trainer.model.check_examples("RecordLayers", "x", self.x)
        check_y("RecordLayers", trainer.loss, self.y, len(x), trainer.model.output_size, trainer.model.dtype)
        if not self.updates:
            self.record(trainer)

    def on_step_end(self, trainer: Any) -> None:
        """Record, where it is time."""
        if trainer.iteration % self.every == 0:
            self.record(trainer)

    def on_fit_end(self, trainer: Any) -> None:
        """Record the end, where it was not its turn; where the run was interrupted, the end is still to come."""
        if not trainer.interrupted and self.updates and self.updates[-1] != trainer.iteration:
            self.record(trainer)

    def record(self, trainer: Any) -> None:
        """The histograms as they are now. Where no gradient reaches a layer, because all below is frozen, it counts as 0."""
        with np.errstate(over="ignore", invalid="ignore"):     # a run that has diverged is recorded too
            loss, twin = forward_and_backward(trainer, self.x, self.y)
            hidden = hidden_activations(twin)
            slopes = [np.zeros(1) if layer.grad_input is None else layer.grad_input for layer in hidden]
            self.layers = [str(layer.name) for layer in hidden]
            self.updates.append(trainer.iteration)
            self.losses.append(loss)
            self.activations.append(Histograms.of([without_zeros(layer.output) for layer in hidden], self.bins))
            self.gradients.append(Histograms.of([powers_of_ten(slope) for slope in slopes], self.bins))

    def state(self) -> dict[str, Any]:
        """The records so far."""
        kinds = {"activations": self.activations, "gradients": self.gradients}
        stacked = {
            f"{kind}_{part}": np.array([getattr(record, part) for record in records])
            for kind, records in kinds.items()
            for part in ("shares", "ranges")
        }
        return {"layers": self.layers, "updates": self.updates, "losses": self.losses, **stacked}

    def set_state(self, state: dict[str, Any]) -> None:
        """The records so far."""
        self.check_state("RecordLayers.state", state)
        self.layers, self.updates, self.losses = state["layers"], state["updates"], state["losses"]
        self.activations, self.gradients = (
            [Histograms(*record) for record in zip(state[f"{kind}_shares"], state[f"{kind}_ranges"], strict=True)]
            for kind in ("activations", "gradients")
        )


    @classmethod
    def check_state(cls, where: str, state: Any) -> None:
        """Layers, updates, a loss for each of them, and as many histograms: shares (updates, layers, bins), ranges (…, 2)."""
        kinds = ("activations_shares", "activations_ranges", "gradients_shares", "gradients_ranges")
        stacked = {name: fields.array(1, 3) for name in kinds}
        lists = {"layers": fields.items(fields.label), "updates": fields.items(fields.whole())}
        fields.record({**lists, "losses": fields.items(fields.measured), **stacked})(where, state)
        records, layers = len(state["updates"]), len(state["layers"])
        if len(state["losses"]) != records:
            raise ValueError(f"{where}.losses must be one for each of {records} updates, got {len(state['losses'])}")
        for name in stacked:
            shape = state[name].shape
            wanted = (records, layers, 2 if name.endswith("ranges") else shape[-1]) if records else (0,)
            if shape != wanted:
                raise ValueError(f"{where}.{name} must have the shape {wanted}, got {shape}")


class Histograms:
    """One histogram a layer.

    Attributes:
        shares: (layers, bins), the share of all the layer's numbers that lie in each bin. What is not finite lies in none, so
            that a layer's shares may sum to less than 1.
        ranges: (layers, 2), where the first bin begins and where the last one ends; bins are of equal width.

    >>> Histograms.of([np.array([0.0, 1.0, 1.0, np.nan])], bins=2).shares.tolist()
    [[0.25, 0.5]]
    """

    def __init__(self, shares: Array, ranges: Array) -> None:
        self.shares, self.ranges = shares, ranges

    @classmethod
    def of(cls, arrays: list[Array], bins: int) -> "Histograms":
        """Count the numbers of each array; a constant one is in the middle of a range of width 1."""
        made = [histogram(array, bins) for array in arrays]
        return cls(np.array([shares for shares, _ in made]), np.array([limits for _, limits in made]))

    def edges(self, layer: int) -> Array:
        """Where the bins of a layer begin, and the end of the last one."""
        low, high = self.ranges[layer]
        return np.linspace(low, high, self.shares.shape[1] + 1)


def histogram(array: Array, bins: int) -> tuple[Array, tuple[float, float]]:
    """Shares of all numbers by bin, and the range of the bins.

    >>> histogram(np.array([3.0, 3.0]), 4)[1]
    (2.5, 3.5)
    """
    numbers = np.asarray(array, np.float64).ravel()
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1.0):
        low, high = low - 0.5, high + 0.5
    counts = np.histogram(finite, bins, (low, high))[0]
    return counts / max(numbers.size, 1), (low, high)


def without_zeros(array: Array) -> Array:
    """The numbers in float64; a 0 becomes NaN, which histograms leave out.

    >>> without_zeros(np.array([0.0, 2.0]))
    array([nan,  2.])
    """
    numbers = np.asarray(array, np.float64)
    return np.where(numbers == 0, np.nan, numbers)


def powers_of_ten(array: Array) -> Array:
    """log₁₀|numbers|; a 0 becomes −∞.

    >>> powers_of_ten(np.array([-0.01, 0.0]))
    array([ -2., -inf])
    """
    with np.errstate(divide="ignore"):
        return np.log10(np.abs(np.asarray(array, np.float64)))
