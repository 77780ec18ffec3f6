"""One network trained by several processes, beside one process that trains the same alone.

    mpiexec -n 2 python benchmarks/mpi_train.py                     equal or not, then an epoch after the other on digits
    mpiexec -n 2 python benchmarks/mpi_train.py --folder run        with a checkpoint an epoch; begun again, it goes on
    mpiexec -n 2 python benchmarks/mpi_train.py --quick             shorter

First, in float64: a network with batch normalization, penalties and clipping, 200 steps of 50 rows, of which every rank has its
part; rank 0 trains the same alone, and the largest difference of any weight is printed. It must be below 1e-12. Then a network
is trained on digits. Whatever ends a rank ends the run; with --folder it goes on from the last epoch, with any number of ranks.

Needs mpi4py and an MPI library: python -m pip install 'npdeep[mpi]'.
"""

import argparse
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")    # the processes share the cores of the machine already

import numpy as np

import npdeep as nd

STEPS, ROWS, TOLERANCE = 200, 50, 1e-12


def small_trainer() -> nd.Trainer:
    """In float64, with everything that has to be right across processes."""
    block = nd.Residual([nd.Dense(30), nd.BatchNormalization(), nd.Activation("tanh")])
    layers = [nd.Dense(30), nd.BatchNormalization(), nd.Activation("elu"), block]
    outputs = nd.Dense(10, kernel_regularizer=nd.regularizers.L2(1e-4))
    model = nd.Sequential([*layers, outputs], input_size=784, seed=1, dtype="float64")
    clipping = nd.clipping.ClipByGlobalNorm(1.0)
    return nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Momentum(0.05), clipping)


def difference(comm: object) -> float:
    """The largest difference of any weight or statistic after 200 steps: of all ranks together, and of one process."""
    (x, y), _ = nd.datasets.mnist_sample()
    together, alone = small_trainer(), small_trainer()
    parallel = nd.interop.mpi.DataParallel(together, comm)
    for step in range(STEPS):
        rows = slice(step * ROWS % 5000, step * ROWS % 5000 + ROWS)
        parallel.step(x[rows], y[rows])
        if parallel.rank == 0:
            alone.step(x[rows], y[rows])
    gap = np.max(np.abs(together.model.arena.values - alone.model.arena.values))
    return float(parallel.comm.bcast(gap))


def train(comm: object, folder: str | None, epochs: int) -> None:
    """On digits, in float32; from the checkpoint in the folder, where there is one."""
    (x, y), test = nd.datasets.mnist_sample()
    found = sorted(Path(folder).glob("update-*.npz")) if folder else []
    if found:
        trainer = nd.Trainer.restore(found[-1])
    else:
        layers = [nd.Dense(300), nd.BatchNormalization(), nd.Activation("elu"), nd.Dropout(0.2), nd.Dense(10)]
        model = nd.Sequential(layers, input_size=784, seed=1)
        trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Adam(1e-3), metrics=["accuracy"])
    parallel = nd.interop.mpi.DataParallel(trainer, comm)
    callbacks = [nd.callbacks.Checkpoint(folder)] if folder else []
    if parallel.rank == 0 and found:
        print(f"goes on from {found[-1]}: {trainer.epoch} epochs are done")
    parallel.fit(x, y, epochs=max(epochs - trainer.epoch, 0), batch_size=100, validation_data=test, callbacks=callbacks)


def main() -> None:
    """Say who is there, compare, train."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", help="for a checkpoint an epoch")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="one epoch")
    given = parser.parse_args()
    comm = nd.interop.mpi.library().COMM_WORLD
    there = comm.gather(f"rank {comm.rank}: process {os.getpid()} on {platform.node()}")
    if comm.rank == 0:                        # mpiexec names a process that was killed by its number
        print("\n".join(there), flush=True)
    began = time.perf_counter()
    gap = difference(comm)
    if comm.rank == 0:
        seconds = time.perf_counter() - began
        said = f"the weights of {comm.size} ranks and of one process differ by {gap:.1e} at most"
        print(f"after {STEPS} steps of {ROWS} rows {said} ({seconds:.1f} s)", flush=True)
    if gap >= TOLERANCE:
        raise SystemExit(f"that is not below {TOLERANCE}")
    train(comm, given.folder, 1 if given.quick else given.epochs)


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        raise SystemExit(str(error)) from None
