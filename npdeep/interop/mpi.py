"""One network trained by several processes, on one machine or many, through MPI.

    mpiexec -n 2 python program.py

Needs mpi4py and an MPI library: python -m pip install 'npdeep[mpi]' brings both; where there is an MPI already, mpi4py alone.
Written as `mpiexec -n 2 python -m mpi4py program.py` all processes end too where one fails before it has made its DataParallel,
or leaves by sys.exit.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from npdeep.clipping import BadGradient
from npdeep.common import checks
from npdeep.history import History
from npdeep.interop.mpi_facts import facts_of_trainer, plain_options
from npdeep.interop.mpi_team import Ranks, is_normalization, only_where
from npdeep.interop.optional import needed
from npdeep.training.trainer import Trainer

__all__ = ["DataParallel"]

OWNER = "DataParallel"
STATISTICS = ("synchronized", "averaged")


class DataParallel:
    """Several processes train one network as one would: each works on its part of every batch, and the gradients are added up.

    Every process (rank) runs the same program: it builds the same model and trainer, and passes the same data, all of it, to
    the same calls. Of each batch of n rows rank r of p takes the rows n·r/p to n·(r+1)/p. So batch_size is that of all ranks
    together, and the batches are those of one process. What need not fit into memory p times is passed as a memory map. A
    batch with fewer than two rows a rank is trained by every rank as a whole.

    A run does not depend on p but for rounding, and for noise: dropout and `augment` draw other numbers on every rank. (The
    generators are rank 0's, jumped ahead; a resumed run draws the same numbers where all shards are equally large.) A bias
    right below batch normalization has the gradient 0, and Adam and others that divide by the gradient's size make steps of
    its rounding errors: leave it out, use_bias=False. A loss of your own must be a mean over rows.

    A step: forward; the loss of the whole batch, L = Σ s_p L_p/Σ s_p, where s_p is the number of the rank's rows or the sum of
    their weights, as the loss's `weighting` says; backward from ∂L/∂z; one Allreduce of `model.flat_gradients`, after which all
    ranks have the gradient of L, the same to the bit; then callbacks' on_gradients, penalties, clipping and update, which every
    rank does alike.

    Args:
        trainer: the weights, slots, seeds and the place in the run are those of rank 0 from now on.
        comm: a communicator of mpi4py; by default MPI.COMM_WORLD.
        statistics: what batch normalization uses. "synchronized": mean and variance of the whole batch, as one process would;
            three short Allreduces a layer and step. "averaged": those of the rank's own rows; their moving averages become the
            mean over the ranks after each step (in one Allreduce), the moving variance without what the ranks' means differ by.
            Whatever else layers count (`has_grad=False`) is averaged too.

    Attributes: trainer, comm, statistics, rank, size.

    Rank 0 alone shows progress, writes checkpoints (`Checkpoint`, `trainer.save`) and calls callbacks that only report
    (`reports = True`, as CSVLogger has); all others are called on every rank, and must do the same there. Where a callback on
    any rank stops the run or raises, or Ctrl-C is pressed, all ranks stop after the same step. What differs between the ranks
    is refused by all of them, by name. A rank that ends with any other error ends the run, and says so; go on from the last
    checkpoint, with any number of ranks: `DataParallel(nd.Trainer.restore(path)).fit(...)`.

    Raises ImportError where mpi4py is missing, TypeError for another communicator, ValueError where the ranks have built other
    networks, or where a custom layer with statistics of the batch would have to be synchronized.

    >>> parallel = nd.interop.mpi.DataParallel(trainer)  # doctest: +SKIP
    >>> history = parallel.fit(x, y, epochs=10, batch_size=100, validation_data=(x_test, y_test))  # doctest: +SKIP
    >>> parallel.save("trained.npz")  # doctest: +SKIP
    """

    def __init__(self, trainer: Trainer, comm: Any = None, statistics: str = "synchronized") -> None:
        mpi = library()
        comm = mpi.COMM_WORLD if comm is None else comm
        if not isinstance(comm, mpi.Intracomm):
            raise TypeError(f"{OWNER}: comm must be a communicator such as mpi4py.MPI.COMM_WORLD, got {checks.describe(comm)}")
        end_together(comm)
        if not isinstance(trainer, Trainer):
            raise TypeError(f"{OWNER}: trainer must be a Trainer, got {checks.describe(trainer)}")
        self.trainer, self.comm = trainer, comm.Dup()    # a communicator of its own: nothing else can get between
        self.rank, self.size = comm.rank, comm.size
        self.statistics = checks.choice(OWNER, "statistics", statistics, STATISTICS)
        self.check_layers()
        self.team = Ranks(trainer, self.comm, mpi.IN_PLACE, statistics)
        self.team.agree(OWNER, {"statistics": statistics, **facts_of_trainer(trainer)})
        self.begin_alike()

    def check_layers(self) -> None:
        """Raise ValueError for a custom layer whose statistics nobody can synchronize."""
        for layer in self.trainer.model.everything():
            if layer.batch_statistics and not is_normalization(layer) and self.statistics == "synchronized" and self.size > 1:
                raise ValueError(
                    f"{OWNER}: {layer.name!r} normalizes a batch in a way of its own, which cannot be synchronized; write "
                    'DataParallel(trainer, comm, statistics="averaged"), by which each rank normalizes its own rows'
                )

    def begin_alike(self) -> None:
        """All that training changes becomes that of rank 0, on every rank; so do the seeds."""
        trainer, progress = self.trainer, self.trainer.progress
        seeds, scale = (trainer.seed, trainer.model.seed), trainer.model.scale
        mine = (trainer.state(), progress.history, progress.callback_states, seeds, scale) if self.rank == 0 else None
        state, history, states, seeds, scale = self.comm.bcast(mine)
        if self.rank > 0:
            trainer.set_state(state)
            progress.history, progress.callback_states = history, states
            vars(trainer)["seed"], vars(trainer.model)["seed"] = seeds
            trainer.model.scale = scale
        self.team.spread_noise()

    # ── as a trainer ──────────────────────────────────────────────────────────────────────────────────────────────────
    def fit(self, x: Any, y: Any = None, *, callbacks: Any = (), verbose: bool = True, **options: Any) -> History:
        """`Trainer.fit` with the same arguments, on all ranks; all of them return the same record.

        Iterables must give the same batches on every rank, which takes its part of each.
        """
        here = only_where(callbacks, self.rank)
        verbose = checks.flag("fit", "verbose", verbose) and self.rank == 0
        self.team.options = plain_options(options)
        with self.together("fit"):
            return self.trainer.fit(x, y, callbacks=here, verbose=verbose, **options)

    def step(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """`Trainer.step` on a batch that all ranks are given as a whole. Returns its loss, penalties included."""
        x, y, sample_weight = self.trainer.door.batch("step", x, y, sample_weight)
        with self.together("step"):
            x, y, sample_weight = self.team.part_of_batch((x, y, sample_weight))
            return self.trainer.step(x, y, sample_weight)

    def evaluate(self, x: Any, y: Any = None, sample_weight: Any = None, **options: Any) -> dict[str, float]:
        """`Trainer.evaluate`, each rank on its part of the rows; the same numbers on all ranks."""
        with self.together("evaluate"):
            return self.trainer.evaluate(x, y, sample_weight, **options)

    def save(self, path: str | Path) -> Path:
        """`Trainer.save` by rank 0; all ranks return when the file is there, or raise what went wrong."""
        if self.trainer.team is self.team:    # a callback asks
            return self.trainer.save(path)
        error = None
        if self.rank == 0:
            try:
                self.trainer.save(path)
            except Exception as raised:
                error = raised
        self.team.agree(f"{OWNER}.save", {"path": str(path)}, error)
        if error is not None:
            raise error
        return Path(path)

    @contextmanager
    def together(self, owner: str) -> Iterator[None]:
        """The trainer works with the others in this block. Where it could not begin, they hear why."""
        team, progress = self.team, self.trainer.progress
        if self.trainer.team is team:         # a callback of fit asks
            yield
            return
        team.start()
        team.begun = owner == "step"          # a step has no time to ask
        try:
            yield
        except BaseException as error:
            if not team.begun and not team.agreed and self.size > 1:
                team.agree(f"{OWNER}.{owner}", {}, error)
            if team.begun and owner == "fit" and (team.agreed or isinstance(error, BadGradient)):
                team.gather(progress)
            raise
        else:
            if owner == "fit" and self.size > 1:
                team.gather(progress)
        finally:
            team.stop()

    def __repr__(self) -> str:
        """One line."""
        return f"<DataParallel of {self.trainer!r}: rank {self.rank} of {self.size}, statistics {self.statistics}>"


def library() -> Any:
    """The module mpi4py.MPI. Raises ImportError, with the command that fixes it, where it or the MPI library is missing."""
    try:
        return needed("mpi.DataParallel", "mpi4py.MPI", "mpi")
    except RuntimeError as error:             # mpi4py is there, and found no libmpi
        said = str(error).partition("\n")[0]
        raise ImportError(
            f"mpi.DataParallel needs an MPI library beside mpi4py ({said}): python -m pip install 'npdeep[mpi]'"
        ) from None


def end_together(comm: Any) -> None:
    """From now on an error that nobody catches ends all ranks: the others would wait for this one for ever."""
    usual = sys.excepthook
    if comm.size == 1 or getattr(usual, "ends_all_ranks", False):
        return

    def end(kind: Any, error: Any, trace: Any) -> None:
        usual(kind, error, trace)
        sys.stdout.flush()
        sys.stderr.write(f"npdeep: rank {comm.rank} of {comm.size} ended with {kind.__name__}, and so does the run\n")
        sys.stderr.flush()
        comm.Abort(1)

    end.ends_all_ranks = True  # type: ignore[attr-defined]
    sys.excepthook = end
