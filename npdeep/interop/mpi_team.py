"""The team of several processes: what `DataParallel` puts in the place of the one process that trains alone."""

import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from npdeep.callbacks import Callback
from npdeep.datasets.batches import pieces
from npdeep.interop.mpi_facts import ALIKE, differing, facts_of_fit, of_others
from npdeep.kernels.arrays import Array
from npdeep.kernels.synchronized_normalization import synchronized_backward, synchronized_forward
from npdeep.layers import BatchNormalization
from npdeep.losses import OwnLoss
from npdeep.metrics import Totals
from npdeep.metrics.base import joined
from npdeep.parameters import Parameter, trainable_spans
from npdeep.training.team import Team

ROWS_EACH = 2
"""A batch with fewer rows than this for a process is not divided: one row has no variance, and none has no gradient."""


def part_of(n: int, rank: int, size: int) -> slice:
    """The rows of n that belong to this rank: as many as to every other, or one more.

    >>> [part_of(50, rank, 3) for rank in range(3)]
    [slice(0, 16, None), slice(16, 33, None), slice(33, 50, None)]
    """
    return slice(n * rank // size, n * (rank + 1) // size)


class SharedInterrupts:
    """Ctrl-C as all processes have agreed on it: they stop after the same step."""

    def __init__(self, own: Any) -> None:
        self.own, self.pending = own, 0

    def check(self) -> None:
        """Let it take effect in every process, where it reached any."""
        if self.pending:
            self.pending, self.own.pending = 0, max(self.own.pending, 1)
            self.own.check()


class Ranks(Team):
    """Several processes, each a rank of an MPI communicator, that train one network together.

    Every rank goes through the same batches and works on its part of each. All methods that talk to the others are called by
    all ranks at the same moments.

    Attributes:
        begun: have all ranks agreed that they do the same? agreed: is the error that ends the fit one that all ranks raise?
    """

    def __init__(self, trainer: Any, comm: Any, in_place: Any, statistics: str) -> None:
        self.trainer, self.comm, self.in_place = trainer, comm, in_place
        self.rank, self.size = comm.rank, comm.size
        self.writes, self.place = self.rank == 0, (self.rank,)
        self.few = np.zeros(3)                # what goes around in every step, besides the gradients
        self.version, self.spans = -1, list[slice]()
        self.own_loss = trainer.loss.compute_gradient
        layers = trainer.model.everything()
        self.synchronized = [layer for layer in layers if statistics == "synchronized" and is_normalization(layer)]
        self.counting = [layer for layer in layers if layer not in self.synchronized and counted(layer)]
        widest = max((layer.output_size for layer in self.synchronized), default=0)
        self.sums = np.zeros(2 * widest + 1, trainer.model.dtype)
        self.begun = self.agreed = False
        self.options: dict[str, Any] = {}

    # ── taking the place of one process ───────────────────────────────────────────────────────────────────────────────
    def start(self) -> None:
        """The trainer works together with the others from now on."""
        self.begun = self.agreed = False
        if self.size > 1:
            vars(self.trainer)["team"], self.trainer.on_gradients = self, self.exchange
            vars(self.trainer.loss)["compute_gradient"] = self.compute_gradient
            for layer in self.synchronized:
                kernels = (synchronized_forward, synchronized_backward)
                vars(layer)["shared"] = SharedKernels(partial(kernel, self.total, self.sums) for kernel in kernels)

    def stop(self) -> None:
        """It works alone again."""
        self.trainer.on_gradients = None
        vars(self.trainer).pop("team", None)
        vars(self.trainer.loss).pop("compute_gradient", None)
        for layer in self.synchronized:
            vars(layer).pop("shared", None)

    # ── whose rows ────────────────────────────────────────────────────────────────────────────────────────────────────
    def part(self, index: Array | slice) -> Array | slice:
        """Its part of a batch; all of one with fewer than two rows a rank. Then the mean over the ranks is that of one."""
        n = index.stop - index.start if isinstance(index, slice) else len(index)
        whole = n < ROWS_EACH * self.size
        self.counts = not whole or self.rank == 0
        mine = slice(0, n) if whole else part_of(n, self.rank, self.size)
        if isinstance(index, slice):
            return slice(index.start + mine.start, index.start + mine.stop)
        return index[mine]

    def part_of_batch(self, batch: Any) -> Any:
        """Its part of a batch from an iterable. Raises ValueError, on all ranks, where these did not get equally many rows."""
        if not self.begun:                    # the first of an evaluation
            self.agree("DataParallel.evaluate", {})
        n = 0 if batch is None else len(batch[0])
        self.same_rows(n)
        index = self.part(slice(0, n))
        return batch and tuple(None if array is None else array[index] for array in batch)

    def same_rows(self, n: int) -> None:
        """Raise ValueError, on all ranks, where they have different numbers of rows: p Σ n² = (Σ n)² where all are equal."""
        few = self.few
        few[:] = n, n * n, 0
        self.total(few)
        if self.size * few[1] != few[0] ** 2:
            found = [f"{rows} on rank {rank}" for rank, rows in enumerate(self.comm.allgather(n))]
            self.agreed = True
            raise ValueError(f"DataParallel: the numbers of rows in a batch differ: {', '.join(found)}; {ALIKE} whole batch")

    def pieces(self, n: int, batch_size: int) -> Iterator[Array | slice]:
        """Its part of n rows that are evaluated; there may be none."""
        self.agree("DataParallel.evaluate", {"the number of rows": n})
        mine = part_of(n, self.rank, self.size)
        for index in pieces(mine.stop - mine.start, batch_size, None):
            assert isinstance(index, slice)
            yield slice(mine.start + index.start, mine.start + index.stop)

    # ── a step ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def total(self, array: Array) -> None:
        """The sum over all ranks, element by element, in the place of the array."""
        self.comm.Allreduce(self.in_place, array)

    def compute_gradient(self) -> Array:
        """∂L/∂outputs of the loss L of the whole batch, for the rows of this rank; L takes the place of the rank's own loss.

        The rank's loss L_p is a mean over s_p: the number of its rows, or the sum of their weights (`Loss.share`). Over all

            L = Σ_p s_p L_p / Σ_p s_p,   so that ∂L/∂z_i = (s_p / Σ_q s_q) ∂L_p/∂z_i

        From here down the backward pass is linear in it: every gradient is the rank's summand of the whole batch's.
        """
        trainer, loss, few = self.trainer, self.trainer.loss, self.few
        share = loss.share()
        few[:] = share * loss.value, share, 0
        self.total(few)
        mean, part = (few[0] / few[1], share / few[1]) if few[1] else (0.0, 0.0)    # all weights are 0: nothing is learnt
        vars(trainer)["data_loss"] = float(mean)
        gradient: Array = self.own_loss()
        own = None if isinstance(loss, OwnLoss) else gradient    # an array of the user's stays as it is
        gradient = vars(loss)["grad_outputs"] = np.multiply(gradient, gradient.dtype.type(part), out=own)
        return gradient

    def exchange(self) -> None:
        """Sum the gradients, and take the mean of what is counted rank by rank."""
        arena = self.trainer.model.arena
        if self.version != arena.version:
            self.version, self.spans = arena.version, trainable_spans(self.trainer.model.parameters)
        for span in self.spans:               # one, unless layers in between are frozen
            self.total(arena.grads[span])
        moving = [p for layer in self.counting if not layer.use_moving_statistics for p in counted(layer)]
        if moving:
            flat = np.concatenate([p.value.ravel() for p in moving])
            self.total(flat)
            flat /= self.size
            for p, mean in zip(moving, np.split(flat, np.cumsum([p.size for p in moving])[:-1]), strict=True):
                p.value[...] = mean.reshape(p.shape)

    def settle(self, loop: Any, errors: list[BaseException]) -> list[BaseException]:
        """Errors of callbacks, the wish to stop and Ctrl-C are those of all ranks, where any rank has them."""
        progress, few = loop.progress, self.few
        if not self.begun or (progress.interrupted and not self.agreed):
            return errors                     # this rank is alone with an error: the others are not here
        few[:] = len(errors), bool(progress.stop_reason), loop.interrupts.own.pending
        self.total(few)
        failed, stopped, interrupted = few.astype(bool).tolist()
        self.agreed |= failed or interrupted
        loop.interrupts.pending = interrupted
        if stopped:
            progress.stop_reason = next(filter(None, self.comm.allgather(progress.stop_reason)))
        if failed:
            said = self.comm.allgather(None if not errors else f"{type(errors[0]).__name__}: {errors[0]}")
            return errors or [of_others("DataParallel.fit", said)]
        return errors

    # ── a whole fit ───────────────────────────────────────────────────────────────────────────────────────────────────
    def begin(self, loop: Any) -> None:
        """All ranks must have been given the same. Sums of an epoch that is resumed are rank 0's; noise is everyone's own."""
        self.agree("DataParallel.fit", facts_of_fit(loop))
        loop.interrupts = SharedInterrupts(loop.interrupts)
        if self.rank > 0 and loop.progress.unfinished is not None:
            loop.progress.unfinished.totals = Totals(self.trainer.metrics)
        self.spread_noise()

    def spread_noise(self) -> None:
        """The generators of rank 0's layers everywhere, but those of rank r jumped ahead r times: other masks on every rank."""
        model = self.trainer.model
        model.set_generators(self.comm.bcast(model.generators()))
        for layer in model.everything():
            if layer.draws and self.rank > 0:
                layer.rng.bit_generator.state = layer.rng.bit_generator.jumped(self.rank).state

    def whole(self, totals: Totals) -> Totals:
        """The sums over all ranks. Raises ValueError, on all of them, where their weights are no longer the same."""
        arena = self.trainer.model.arena
        answers = self.comm.allgather((totals.state(), zlib.crc32(arena.values.data)))
        parted = [rank for rank, (_, weights) in enumerate(answers) if weights != answers[0][1]]
        if parted:
            self.agreed = True
            raise ValueError(PARTED.format(ranks=parted))
        states = [state for state, _ in answers]
        merged = {name: sum(state[name] for state in states) for name in ("rows", "shares")}
        merged["sums"] = [sum(column) for column in zip(*(state["sums"] for state in states), strict=True)]
        for name in Totals.KEPT:
            parts = [state[name] for state in states if name in state]
            merged |= {name: joined(parts)} if parts else {}
        return Totals(self.trainer.metrics, merged)

    def gather(self, progress: Any) -> None:
        """The fit is over: the sums of an epoch that is not finished become those of all ranks, on every rank."""
        if progress.unfinished is not None:
            progress.unfinished.totals = self.whole(progress.unfinished.totals)

    def agree(self, owner: str, facts: dict[str, Any], error: BaseException | None = None) -> None:
        """Go on where all ranks come here with equal facts. Else raise ValueError on all of them, naming what differs.

        error: what this rank is about to raise instead of going on.
        """
        answers = self.comm.allgather((None if error is None else str(error), {"the call": owner, **facts}))
        self.agreed = True                    # whatever is raised now is raised by all
        if any(said for said, _ in answers):
            if error is None:
                raise of_others(owner, [said for said, _ in answers])
            return
        here = answers[0][1]
        for rank, (_, there) in enumerate(answers):
            for name in {**here, **there}:
                if here.get(name) != there.get(name):
                    raise ValueError(differing(owner, name, rank, here.get(name), there.get(name)))
        self.begun, self.agreed = True, False


PARTED = (
    "DataParallel: on the ranks {ranks} the weights are no longer those of rank 0: a callback must do the same on all ranks, "
    "and the machines must be of one kind, since others round in other ways; a new DataParallel(trainer) begins with the "
    "weights of rank 0"
)


class SharedKernels(tuple[Any, Any]):
    """The two kernels of a synchronized layer. A copy of the layer trains alone, and has none of them."""

    def __reduce__(self) -> Any:
        """How it is copied and pickled."""
        return type(None), ()


def is_normalization(layer: Any) -> bool:
    """Is it batch normalization that calls its kernels as npdeep's does?

    >>> is_normalization(BatchNormalization())
    True
    """
    kind = BatchNormalization
    return isinstance(layer, kind) and (type(layer).forward, type(layer).backward) == (kind.forward, kind.backward)


def counted(layer: Any) -> list[Parameter]:
    """What a layer counts from batch to batch: parameters without a gradient."""
    return [p for p in layer.parameters if not p.has_grad]


def only_where(callbacks: Any, rank: int) -> Any:
    """Of a list of callbacks those that work on this rank: those that report do so on rank 0."""
    if rank == 0 or not isinstance(callbacks, list | tuple):
        return callbacks
    return [callback for callback in callbacks if not (isinstance(callback, Callback) and callback.reports)]
