"""What several processes do in tests/test_interop_mpi.py: mpiexec -n 2 python tests/helpers_mpi.py FOLDER CASE ...

Every case is a function of the folder; what it returns on each rank goes into FOLDER/CASE.json as a list, one entry a rank.
"""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from mpi4py import MPI

import npdeep as nd

COMM = MPI.COMM_WORLD
RANK, SIZE = COMM.rank, COMM.size
WIDTH, CLASSES = 6, 3
CASES = {}


def case(function):
    """A case is known by its name."""
    CASES[function.__name__] = function
    return function


def layers(statistics=True):
    """Layers in a row, in blocks and in branches, with batch normalization in all of them."""
    def normalized():
        return [nd.BatchNormalization()] if statistics else []

    block = nd.Residual([nd.Dense(12), *normalized(), nd.Activation("tanh")], name="block")
    branches = nd.Parallel([[nd.Dense(4), *normalized()], [nd.Maxout(4)]], name="branches")
    first = [nd.Dense(12, name="hidden1"), *normalized(), nd.Activation("elu")]
    penalty, limit = nd.regularizers.L2(1e-3), nd.constraints.MaxNorm(2.0)
    return [*first, block, branches, nd.Dense(CLASSES, kernel_regularizer=penalty, kernel_constraint=limit, name="outputs")]


def trainer(seed=1, dtype="float64", loss=None, optimizer=None, stack=None, metrics=("accuracy", "f1"), rate=0.05, **further):
    """A trainer with penalties, limits, clipping and momentum."""
    model = nd.Sequential(layers() if stack is None else stack, WIDTH, seed=seed, dtype=dtype)
    optimizer = nd.optimizers.Momentum(rate) if optimizer is None else optimizer
    loss = nd.losses.SoftmaxCrossEntropy() if loss is None else loss
    return nd.Trainer(model, loss, optimizer, nd.clipping.ClipByGlobalNorm(0.5), metrics, **further)


def examples(n=170, seed=0):
    """Rows, and labels that can be learnt."""
    x = np.random.default_rng(seed).standard_normal((n, WIDTH))
    return x, x[:, :CLASSES].argmax(axis=1)


def parallel(one, **arguments):
    """Another seed on every rank: what rank 0 has is what counts."""
    return nd.interop.mpi.DataParallel(one, **arguments)


def largest(one, two):
    """The largest difference of any number of two models."""
    return float(np.max(np.abs(one.model.arena.values - two.model.arena.values)))


def compared(make, fit, rows=170, **arguments):
    """One process beside several: the largest differences of weights and of the history, relative to 1; are ranks equal?"""
    alone, together = make(1), make(1 + RANK)
    history = fit(alone, rows)
    both = parallel(together, **arguments)
    shared = fit(both, rows)
    keys = [key for key in history.last if key != "seconds"]
    gap = max(float(np.max(np.abs(np.array(history[key]) - shared[key]))) for key in keys)
    values = COMM.allgather(together.model.arena.values.tobytes())
    moved = float(np.max(np.abs(alone.model.arena.values - make(1).model.arena.values)))
    return {
        "weights": largest(alone, together), "history": gap, "lengths": [len(history), len(shared)], "moved": moved,
        "updates": [alone.iteration, together.iteration], "ranks": len(set(values)), "stopped": shared.stopped_because,
    }    # fmt: skip


def fitted(batch_size=50, epochs=10, **options):
    """A function that fits whatever it is given, a trainer or several ranks of one."""
    def fit(one, rows):
        x, y = examples(rows)
        given = {key: value() if key == "callbacks" else value for key, value in options.items()}
        dtype = getattr(one, "trainer", one).model.dtype
        return one.fit(x.astype(dtype), y, epochs=epochs, batch_size=batch_size, verbose=False, **given)

    return fit


def weights_of(n, zeros=slice(0)):
    """Sample weights that add up to other sums in every shard."""
    weight = np.random.default_rng(5).uniform(0, 1, n) ** 3
    weight[zeros] = 0
    return weight


# ── as one process ────────────────────────────────────────────────────────────────────────────────────────────────────
@case
def plain(folder):
    return compared(trainer, fitted(epochs=20, validation_data=examples(33, 1)))


@case
def float32(folder):
    x, y = examples(33, 1)
    return compared(lambda seed: trainer(seed, "float32"), fitted(validation_data=(x.astype("float32"), y)))


@case
def unequal_shards(folder):
    return compared(trainer, fitted(batch_size=51))


@case
def a_last_batch_of_one_row(folder):
    return compared(trainer, fitted(batch_size=13, epochs=4), rows=170)    # 170 = 13·13 + 1


@case
def a_last_batch_of_three_rows(folder):
    return compared(trainer, fitted(batch_size=13, epochs=4), rows=172)


@case
def weighted_by_weights(folder):
    loss = nd.losses.SoftmaxCrossEntropy
    weight = weights_of(170, slice(0, 60))    # in some batches all weights of a shard, or of the batch, are 0
    fit = fitted(12, 4, sample_weight=weight, shuffle=False)
    return compared(lambda seed: trainer(seed, loss=loss(weighting="weights")), fit)


@case
def weighted_by_rows(folder):
    return compared(trainer, fitted(sample_weight=weights_of(170)))


@case
def frozen(folder):
    def make(seed):
        one = trainer(seed)
        one.model.freeze("hidden1")
        one.model.freeze("block/.*")
        return one

    return compared(make, fitted())


class Thaws(nd.callbacks.Callback):
    """Freezes the first layer for an epoch, and thaws it again."""

    def on_epoch_begin(self, one):
        if one.epoch in (1, 2):
            one.model.freeze("hidden1") if one.epoch == 1 else one.model.unfreeze()


@case
def frozen_for_an_epoch(folder):
    return compared(trainer, fitted(epochs=5, callbacks=lambda: [Thaws()]))


@case
def validated_on_one_row(folder):
    return compared(trainer, fitted(epochs=5, validation_data=examples(1)))


@case
def validated_on_batches(folder):
    x, y = examples(33)
    batches = [(x[:20], y[:20]), (x[20:], y[20:])]
    found = compared(trainer, fitted(epochs=5, validation_data=lambda: iter(batches)))
    one = trainer()
    gap = [abs(parallel(one).evaluate(batches)[name] - value) for name, value in one.evaluate(x, y).items()]
    longer = said(lambda: parallel(one).evaluate([*batches, (x, y)] if RANK else batches))
    return {**found, "history": max(found["history"], *gap), "longer": longer}


@case
def cached(folder):
    def make(seed):
        stack = [nd.Dense(12, name="low"), nd.BatchNormalization(name="low_bn"), *layers()]
        one = trainer(seed, stack=stack)
        one.model.freeze("low.*")
        return one

    return compared(make, fitted(cache_frozen=True))


@case
def of_an_iterable(folder):
    x, y = examples(170)
    weight = weights_of(170)
    batches = [(x[i : i + 40], y[i : i + 40], weight[i : i + 40]) for i in range(0, 170, 40)]
    results = []
    for source in (batches, lambda: iter(batches)):
        def fit(one, rows, source=source):
            return one.fit(source, epochs=5, verbose=False)

        results.append(compared(trainer, fit))
    return {**results[0], "weights": max(r["weights"] for r in results), "history": max(r["history"] for r in results)}


@case
def of_a_file(folder):
    x, y = examples(170)
    if RANK == 0:
        np.save(folder / "x.npy", x)
    COMM.Barrier()
    mapped = np.load(folder / "x.npy", mmap_mode="r")
    return compared(trainer, lambda one, rows: one.fit(mapped, y, epochs=5, batch_size=50, verbose=False))


@case
def own_steps(folder):
    def fit(one, rows):
        history = nd.history.History()
        x, y = examples(rows)
        for epoch in range(3):
            for xb, yb in nd.batches(x, y, 51, seed=0, epoch=epoch):
                history.append({"loss": one.step(xb, yb), "accuracy": one.evaluate(xb, yb)["accuracy"]})
        return history

    return compared(trainer, fit)


class Square:
    """A loss without a base class; what it returns is the user's."""

    def forward(self, outputs, targets, sample_weight=None):
        self.gap = outputs - targets
        return float(np.mean(self.gap**2))

    def backward(self):
        self.given = 2 * self.gap / self.gap.size
        self.kept = self.given.copy()
        return self.given


@case
def own_loss(folder):
    x = examples(170)[0]
    own = []

    def make(seed):
        own.append(Square())
        return trainer(seed, loss=own[-1], metrics=())

    found = compared(make, lambda one, rows: one.fit(x, x[:, :CLASSES], epochs=5, batch_size=51, verbose=False))
    return {**found, "kept": all(np.array_equal(loss.given, loss.kept) for loss in own[:2])}


@case
def steered(folder):
    """Early stopping in mid-epoch and a falling learning rate decide as they do in one process."""
    def callbacks():
        return [nd.callbacks.EarlyStopping("val_loss", every=3, patience=30), nd.callbacks.TerminateOnNaN(),
                nd.callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5)]    # fmt: skip

    fit = fitted(epochs=60, validation_data=examples(33, 1), callbacks=callbacks)
    return compared(lambda seed: trainer(seed, rate=0.5), fit)


@case
def gradients_are_looked_at(folder):
    """on_gradients sees the gradient of the whole batch, changes it, and evaluates in between."""
    seen = []

    def look(one):
        seen.append(float(np.linalg.norm(one.model.flat_gradients)))
        one.evaluate(*examples(20))
        one.model.flat_gradients[:] *= 0.5

    found = compared(trainer, fitted(epochs=3, callbacks=lambda: [nd.callbacks.LambdaCallback(on_gradients=look)]))
    half = len(seen) // 2
    return {**found, "history": max(found["history"], float(np.max(np.abs(np.subtract(seen[:half], seen[half:])))))}


@case
def shares(folder):
    """How many rows this rank has in every step, and in an evaluation."""
    one, rows = trainer(1 + RANK), []
    note = nd.callbacks.LambdaCallback(on_step_end=lambda one: rows.append(len(one.model.layers[-1].output)))
    both = parallel(one)
    both.fit(*examples(104), epochs=1, batch_size=51, callbacks=[note], verbose=False)
    both.evaluate(*examples(33))
    return [*rows, len(one.model.layers[-1].output)]


# ── what cannot be equal ──────────────────────────────────────────────────────────────────────────────────────────────
@case
def averaged(folder):
    """A step with statistics of each rank's own rows, beside the same by hand."""
    x, y = examples(50)
    make = lambda: trainer(optimizer=nd.optimizers.SGD(0.1))    # noqa: E731
    together = make()
    parallel(together, statistics="averaged").step(x, y)
    halves = []
    for rows in (slice(0, 25), slice(25, 50)):
        one = make()
        one.gradients(x[rows], y[rows])
        counted = {p.name: p.value.copy() for p in one.model.parameters if not p.has_grad}
        halves.append((one.model.flat_gradients.copy(), counted))
    by_hand = make()
    by_hand.gradients(x, y)
    by_hand.model.flat_gradients[:] = (halves[0][0] + halves[1][0]) / 2
    by_hand.apply_gradients()
    for p in by_hand.model.parameters:
        if not p.has_grad:
            p.value = (halves[0][1][p.name] + halves[1][1][p.name]) / 2
    return {"weights": largest(by_hand, together), "shards": largest(make(), together) > 1e-3}


def ctrl_c_after(updates):
    """A callback that presses Ctrl-C, after which an epoch can be resumed in its midst."""
    press = lambda one: one.iteration == updates and signal.raise_signal(signal.SIGINT)    # noqa: E731
    return nd.callbacks.LambdaCallback(on_step_end=press)


@case
def noise(folder):
    """Every rank draws masks of its own; the run is the same every time, and after a checkpoint too."""
    def stack():
        return [nd.Dense(20), nd.Activation("relu"), nd.Dropout(0.5, name="drop"), nd.BatchNormalization(), nd.Dense(CLASSES)]

    def augment(x, rng):
        drawn.append(float(rng.random()))
        return x + rng.normal(0, 0.1, x.shape)

    drawn, ends, masks = [], [], []
    x, y = examples(200)
    options = {"batch_size": 50, "verbose": False, "augment": augment}
    for stops in (False, False, True):
        one = trainer(1 + RANK, stack=stack())
        both = parallel(one)
        if stops:
            said(lambda both=both: both.fit(x, y, epochs=4, callbacks=[ctrl_c_after(6)], **options))
            both.save(folder / "noise.npz")
            one = nd.Trainer.restore(folder / "noise.npz")
            both = parallel(one)
        both.fit(x, y, epochs=4 if not stops else 3, **options)
        masks.append(np.asarray(one.model.layer("drop").mask).tobytes())
        ends.append(one.model.arena.values.tobytes())
    return {"same": len(set(ends)), "masks": len(set(COMM.allgather(masks[0]))), "drawn": len(set(COMM.allgather(drawn[0]))),
            "ranks": len(set(COMM.allgather(ends[0])))}    # fmt: skip


@case
def reports(folder):
    """Rank 0 writes, and shows progress."""
    both = parallel(trainer(1 + RANK))
    own = folder / f"rank{RANK}"
    own.mkdir()
    os.chdir(own)
    written = [nd.callbacks.CSVLogger("history.csv"), nd.callbacks.Checkpoint("run")]
    with open("said.txt", "w") as file, contextlib.redirect_stdout(file):
        both.fit(*examples(), epochs=2, callbacks=written)
    both.save(folder / "whole.npz")
    return {"files": sorted(path.name for path in own.rglob("*.*")), "said": (own / "said.txt").stat().st_size > 0,
            "whole": (folder / "whole.npz").is_file()}    # fmt: skip


# ── what is refused, by all ranks at once ─────────────────────────────────────────────────────────────────────────────
def said(call):
    """What it raises."""
    try:
        call()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""


@case
def refused(folder):
    """By name: what every rank said."""
    x, y = examples()
    mine = RANK == SIZE - 1
    nan = x.copy()
    nan[-1, 0] = np.nan
    factors = {"hidden1": 0.1} if mine else None
    found = {
        "layers": said(lambda: parallel(trainer(stack=[nd.Dense(4 + mine), nd.Dense(3)]))),
        "rate": said(lambda: parallel(trainer(rate=0.05 * (1 + mine)))),
        "factors": said(lambda: parallel(trainer(optimizer=nd.optimizers.SGD(0.1, learning_rate_factors=factors)))),
        "dtype": said(lambda: parallel(trainer(dtype="float32" if mine else "float64"))),
        "statistics": said(lambda: parallel(trainer(), statistics="averaged" if mine else "synchronized")),
        "a wrong word": said(lambda: parallel(trainer(), statistics="mean")),
        "no communicator": said(lambda: parallel(trainer(), comm=3)),
    }
    one = trainer()
    both = parallel(one)
    before = one.model.arena.values.tobytes()
    calls = {
        "rows": lambda: both.fit(x[mine:], y[mine:], verbose=False),
        "numbers": lambda: both.fit(x + mine, y, verbose=False),
        "batch_size": lambda: both.fit(x, y, batch_size=50 - mine, verbose=False),
        "epochs": lambda: both.fit(x, y, epochs=3 + mine, verbose=False),
        "shuffle": lambda: both.fit(x, y, shuffle=not mine, verbose=False),
        "callbacks": lambda: both.fit(x, y, callbacks=[nd.callbacks.TerminateOnNaN()] * mine, verbose=False),
        "validation": lambda: both.fit(x, y, validation_data=(x + mine, y), verbose=False),
        "nan": lambda: both.fit(nan if mine else x, y, verbose=False),
        "all wrong": lambda: both.fit(x, y, batch_size=0, verbose=False),
        "evaluate": lambda: both.evaluate(x[mine:], y[mine:]),
        "step": lambda: both.step(x[mine:], y[mine:]),
        "batches": lambda: both.fit([(x[: 40 + mine], y[: 40 + mine])], verbose=False),
        "save": lambda: both.save(folder / "a file" / "a.npz"),
    }
    (folder / "a file").touch()
    found |= {name: said(call) for name, call in calls.items()}
    found["unchanged"] = one.model.arena.values.tobytes() == before
    found["shorter"] = said(lambda: both.fit(lambda: iter([(x, y)] * (3 - mine)), verbose=False))
    found["still works"] = said(lambda: both.fit(x, y, verbose=False))
    return found


class Once(nd.callbacks.Callback):
    """Does something once, after the fifth update, on the last rank."""

    def __init__(self, action):
        self.action = action

    def on_step_end(self, one):
        if one.iteration == 5 and RANK == SIZE - 1:
            self.action(one)


@case
def one_rank_acts(folder):
    """What one rank's callback does: what every rank says, and after which update it ended."""
    def fail(one):
        raise OSError("the disk is full")

    def spoil(one):
        one.model.flat_values[0] += 1

    actions = {"fails": fail, "stops": lambda one: one.stop("the hour is over"), "spoils": spoil,
               "interrupts": lambda one: signal.raise_signal(signal.SIGINT)}    # fmt: skip
    found = {}
    for name, action in actions.items():
        one = trainer()
        both = parallel(one)
        text = said(lambda both=both, action=action: both.fit(*examples(), epochs=4, callbacks=[Once(action)], verbose=False))
        found[name] = [text, one.iteration, one.history.stopped_because]
        if name == "interrupts":              # it is resumed as if it had never stopped
            both.fit(*examples(), epochs=4, callbacks=[], verbose=False)
            alone = trainer()
            alone.fit(*examples(), epochs=4, verbose=False)
            gap = np.max(np.abs(np.subtract(alone.history["loss"], one.history["loss"])))
            found["resumed"] = [largest(alone, one), float(gap), len(one.history)]
    return found


@case
def copies_train_alone(folder):
    """A copy that a callback makes in the midst of a step knows nothing of the others."""
    found = []

    def copy(one):
        if RANK == 0 and not found:
            twin = nd.Sequential.copy(one.model)
            found.append(type(twin.layers[1].shared).__name__)
            nd.Trainer(twin, "softmax_cross_entropy").step(*examples(20))

    parallel(trainer()).fit(*examples(), callbacks=[nd.callbacks.LambdaCallback(on_step_end=copy)], verbose=False)
    return {"shared": found}


# ── a run that goes on ────────────────────────────────────────────────────────────────────────────────────────────────
@case
def goes_on(folder):
    """Begins a run, or goes on with the one in the folder, for seven more updates; the checkpoint is in mid-epoch."""
    path = folder / "run.npz"
    one = nd.Trainer.restore(path) if path.is_file() else trainer(1 + RANK)
    end = one.iteration + 7
    COMM.Barrier()
    both = parallel(one)
    said(lambda: both.fit(*examples(), epochs=20, batch_size=35, callbacks=[ctrl_c_after(end)], verbose=False))
    both.save(path)
    return {"iteration": one.iteration, "batches": one.batches_done}


# ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
class Broken(nd.layers.Layer):
    """Raises in the fifth step, on rank 1."""

    def forward(self, x, training=False):
        self.passes = getattr(self, "passes", 0) + 1
        if RANK == 1 and self.passes > 5:
            raise RuntimeError("out of luck")
        return x * 1.0

    def backward(self, grad_output):
        return grad_output * 1.0


@case
def raises(folder):
    parallel(trainer(stack=[nd.Dense(4), Broken(), nd.Dense(3)])).fit(*examples(), epochs=100, verbose=False)


@case
def is_killed(folder):
    kill = Once(lambda one: os.kill(os.getpid(), signal.SIGKILL))
    parallel(trainer()).fit(*examples(), epochs=100, callbacks=[kill], verbose=False)


@case
def waits_for_ctrl_c(folder):
    one = trainer()
    both = parallel(one)
    ready = nd.callbacks.LambdaCallback(on_epoch_end=lambda one, record: (folder / f"ready{RANK}").touch())
    try:
        both.fit(*examples(), epochs=10**6, callbacks=[ready], verbose=False)
    except KeyboardInterrupt:
        both.save(folder / "interrupted.npz")
        return {"iteration": one.iteration, "same": len(set(COMM.allgather(one.model.arena.values.tobytes())))}


def main():
    """Run the cases one after the other."""
    folder = Path(sys.argv[1])
    for name in sys.argv[2:]:
        found = COMM.gather(CASES[name](folder))
        if RANK == 0:
            (folder / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
