"""One network trained by several processes: equal to one process, refused by all at once, ended by one, gone on with others.

What the processes do is in helpers_mpi.py. Here they are started, and what they found is looked at.
"""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd
from npdeep.kernels.batch_normalization import batch_normalization_backward, batch_normalization_forward
from npdeep.kernels.synchronized_normalization import synchronized_backward, synchronized_forward

TESTS = Path(__file__).parent
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
MISSING = [name for name, there in (("mpi4py", importlib.util.find_spec("mpi4py")), ("mpiexec", MPIEXEC)) if not there]
needs_mpi = pytest.mark.skipif(bool(MISSING), reason=f"needs {' and '.join(MISSING)}: pip install 'npdeep[mpi]'")

AS_ONE = ["plain", "unequal_shards", "a_last_batch_of_one_row", "a_last_batch_of_three_rows", "weighted_by_weights",
          "weighted_by_rows", "frozen", "frozen_for_an_epoch", "validated_on_one_row", "validated_on_batches",
          "cached",
          "of_an_iterable", "of_a_file", "own_steps", "own_loss", "steered",
          "gradients_are_looked_at"]    # fmt: skip
OTHERS = ["float32", "averaged", "noise", "reports", "refused", "shares", "one_rank_acts", "copies_train_alone"]
WITH_THREE = ["unequal_shards", "a_last_batch_of_three_rows", "one_rank_acts"]


def begin(ranks, *command):
    """So many processes of a program."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent), "OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([MPIEXEC, "-n", str(ranks), sys.executable, *map(str, command)], env=environment, **pipes)


def run(ranks, *command):
    """The same, to its end: exit code and everything that was said."""
    with begin(ranks, *command) as process:
        try:
            out, err = process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
    return process.returncode, out + err


def cases(ranks, folder, names):
    """What the cases found: for each a list, one entry a rank."""
    code, said = run(ranks, TESTS / "helpers_mpi.py", folder, *names)
    assert code == 0, said
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """All cases on two ranks."""
    return cases(2, tmp_path_factory.mktemp("two"), [*AS_ONE, *OTHERS])


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Some of them on three."""
    return cases(3, tmp_path_factory.mktemp("three"), WITH_THREE)


# ── as one process ────────────────────────────────────────────────────────────────────────────────────────────────────
def check_as_one(found, tolerance):
    for rank in found:
        assert rank["weights"] < tolerance
        assert rank["history"] < tolerance
        assert rank["lengths"][0] == rank["lengths"][1] > 0
        assert rank["updates"][0] == rank["updates"][1] > 10
        assert rank["ranks"] == 1
        assert rank["moved"] > 1
        assert rank.get("kept", True)


@needs_mpi
@pytest.mark.parametrize("name", AS_ONE)
def test_two_ranks_train_as_one_process(two, name):
    check_as_one(two[name], 1e-13)
    assert bool(two[name][0]["stopped"]) == (name == "steered")


@needs_mpi
@pytest.mark.parametrize("name", WITH_THREE[:-1])
def test_three_ranks_train_as_one_process(three, name):
    check_as_one(three[name], 1e-13)


@needs_mpi
def test_every_rank_has_its_part_of_the_rows(two):
    """Of batches of 51, 51 and 2 rows, of which the last is not divided, and of 33 rows that are evaluated."""
    assert two["shares"] == [[25, 25, 2, 16], [26, 26, 2, 17]]


@needs_mpi
def test_in_float32_as_near_as_its_digits(two):
    check_as_one(two["float32"], 3e-6)


@needs_mpi
def test_the_program_trains_two_ranks_of_25_rows_as_one_process_of_50():
    code, said = run(2, TESTS.parent / "benchmarks" / "mpi_train.py", "--quick")
    assert code == 0, said
    steps, gap = re.search(r"after (\d+) steps .* differ by ([\d.e+-]+) at most", said).groups()
    assert int(steps) == 200
    assert 0 <= float(gap) < 1e-12
    assert re.search(r"rank 0: process \d+ on .*\n.*rank 1: process \d+ on ", said)


@needs_mpi
def test_more_batches_to_evaluate_on_one_rank_are_refused(two):
    for rank in two["validated_on_batches"]:
        assert "the numbers of rows in a batch differ: 0 on rank 0, 33 on rank 1" in rank["longer"]


# ── what cannot be equal ──────────────────────────────────────────────────────────────────────────────────────────────
@needs_mpi
def test_averaged_statistics_are_the_mean_of_those_of_the_shards(two):
    assert all(rank["weights"] < 1e-15 for rank in two["averaged"])
    assert all(rank["shards"] for rank in two["averaged"])


@needs_mpi
def test_noise_differs_between_the_ranks_and_comes_again(two):
    for rank in two["noise"]:
        assert rank == {"same": 1, "masks": 2, "drawn": 2, "ranks": 1}


@needs_mpi
def test_rank_0_alone_reports_and_saves(two):
    first, second = two["reports"]
    assert first == {"files": ["history.csv", "said.txt", "update-00000012.npz"], "said": True, "whole": True}
    assert second == {"files": ["said.txt"], "said": False, "whole": True}


@needs_mpi
def test_a_copy_made_in_the_midst_of_a_fit_trains_alone(two):
    assert two["copies_train_alone"][0] == {"shared": ["NoneType"]}


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────
SAID = {
    "layers": "DataParallel: units of layer dense is 4 on rank 0 and 5 on rank 1; give every rank the same",
    "rate": r"DataParallel: optimizer is Momentum\(learning_rate=0.05, .* on rank 0 and Momentum\(learning_rate=0.1",
    "factors": r"DataParallel: optimizer is SGD\(learning_rate=0.1\) on rank 0 and SGD\(.*\{'hidden1': 0.1\}\) on rank 1",
    "dtype": "DataParallel: dtype is float64 on rank 0 and float32 on rank 1",
    "statistics": "DataParallel: statistics is synchronized on rank 0 and averaged on rank 1",
    "a wrong word": "DataParallel: unknown statistics 'mean'",
    "no communicator": "DataParallel: comm must be a communicator .* got 3",
    "rows": "DataParallel.fit: the number of rows is 170 on rank 0 and 169 on rank 1",
    "numbers": "DataParallel.fit: the checksum of x, y and sample_weight is",
    "batch_size": "DataParallel.fit: batch_size is 50 on rank 0 and 49 on rank 1",
    "epochs": "DataParallel.fit: epochs is 3 on rank 0 and 4 on rank 1",
    "shuffle": "DataParallel.fit: shuffle is True on rank 0 and False on rank 1",
    "callbacks": r"DataParallel.fit: callbacks is \[\] on rank 0 and \['TerminateOnNaN\(\)'\] on rank 1",
    "validation": "DataParallel.fit: the checksum of validation_data is",
    "nan": r"(DataParallel.fit: on rank 1: )?fit: x holds nan at row 169",
    "all wrong": "fit: batch_size must be an integer of at least 1, got 0",
    "evaluate": "DataParallel.evaluate: the number of rows is 170 on rank 0 and 169 on rank 1",
    "step": "DataParallel: the numbers of rows in a batch differ: 170 on rank 0, 169 on rank 1",
    "batches": "DataParallel.fit: the checksum of the batches is",
    "save": "(DataParallel.save: on rank 0: )?.*a file",
    "shorter": "DataParallel: the numbers of rows in a batch differ: 170 on rank 0, 0 on rank 1",
}


@needs_mpi
@pytest.mark.parametrize("what", SAID)
def test_what_differs_is_refused_by_all_ranks(two, what):
    for rank in two["refused"]:
        assert re.search(rf"^\w+Error: {SAID[what]}", rank[what]), rank[what]


@needs_mpi
def test_after_a_refusal_nothing_has_changed_and_training_works(two):
    for rank in two["refused"]:
        assert rank["unchanged"]
        assert rank["still works"] == ""


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3])
def test_what_a_callback_of_one_rank_does_all_ranks_do(request, ranks):
    found = request.getfixturevalue({2: "two", 3: "three"}[ranks])["one_rank_acts"]
    for rank, mine in enumerate(found):
        last = rank == ranks - 1
        error = "OSError: " if last else f"ValueError: DataParallel.fit: on rank {ranks - 1}: OSError: "
        assert mine["fails"] == [f"{error}the disk is full", 5, ""]
        assert mine["stops"] == ["", 5, "the hour is over"]
        assert mine["interrupts"][:2] == ["KeyboardInterrupt: ", 5]
        assert re.search(rf"on the ranks \[{ranks - 1}\] the weights are no longer those of rank 0", mine["spoils"][0])
        weights, loss, epochs = mine["resumed"]
        assert weights < 1e-13
        assert loss < 1e-13
        assert epochs == 4


# ── how a run ends, and goes on ───────────────────────────────────────────────────────────────────────────────────────
@needs_mpi
def test_an_error_on_one_rank_ends_the_run_and_names_it(tmp_path):
    code, said = run(2, TESTS / "helpers_mpi.py", tmp_path, "raises")
    assert code != 0
    assert "RuntimeError: out of luck" in said
    assert "npdeep: rank 1 of 2 ended with RuntimeError, and so does the run" in said


@needs_mpi
def test_a_rank_that_is_killed_ends_the_run(tmp_path):
    code, said = run(2, TESTS / "helpers_mpi.py", tmp_path, "is_killed")
    assert code != 0
    assert re.search(r"PID +\d+ RUNNING AT .*\n.*EXIT CODE: 9", said) or "signal 9" in said


@needs_mpi
def test_ctrl_c_stops_all_ranks_after_the_same_step(tmp_path):
    with begin(2, TESTS / "helpers_mpi.py", tmp_path, "waits_for_ctrl_c") as process:
        try:
            until = time.monotonic() + 120
            while not all((tmp_path / f"ready{rank}").exists() for rank in range(2)) and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
        finally:
            process.kill()
    first, second = json.loads((tmp_path / "waits_for_ctrl_c.json").read_text(encoding="utf-8"))
    assert first == second
    assert first["same"] == 1
    assert nd.Trainer.restore(tmp_path / "interrupted.npz").iteration == first["iteration"] > 0


@needs_mpi
def test_a_run_goes_on_with_other_numbers_of_ranks(tmp_path):
    """1 → 2 → 1 → 3 → 2 ranks, each time in the midst of an epoch: the weights and the history of a run that never stopped."""
    for ranks in (1, 2, 1, 3, 2):
        (found, *_) = cases(ranks, tmp_path, ["goes_on"])["goes_on"]
        assert 0 < found["batches"] <= 5
    end = nd.Trainer.restore(tmp_path / "run.npz")
    code = f"""if True:
        import sys; sys.path.insert(0, {str(TESTS)!r})
        from helpers_mpi import *
        one = trainer()
        said(lambda: one.fit(*examples(), epochs=20, batch_size=35, callbacks=[ctrl_c_after(35)], verbose=False))
        one.save({str(tmp_path / "one.npz")!r})"""
    assert run(1, "-c", code)[0] == 0
    one = nd.Trainer.restore(tmp_path / "one.npz")
    assert one.iteration == end.iteration == 35
    assert np.abs(one.model.arena.values - end.model.arena.values).max() < 1e-13
    for key in ("loss", "accuracy", "f1"):
        assert np.abs(np.subtract(one.history[key], end.history[key])).max() < 1e-13
    assert len(one.history) == len(end.history) >= 6


# ── what is calculated of other numbers of ranks ──────────────────────────────────────────────────────────────────────────
@pytest.fixture
def scaling(monkeypatch):
    """benchmarks/mpi_scaling.py, imported."""
    monkeypatch.syspath_prepend(str(TESTS.parent / "benchmarks"))
    before = set(sys.modules)
    yield importlib.import_module("mpi_scaling")
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("mpi_scaling", "frameworks", "peers_report"):
            del sys.modules[name]


def test_the_fastest_window_is_found_among_slow_ones(scaling):
    steps = np.full(100, scaling.WINDOW * 0.6)    # two of them make a window
    steps[40:42] = scaling.WINDOW * 0.5
    assert scaling.fastest(np.cumsum([0, *steps])) == pytest.approx(scaling.WINDOW * 0.5)
    steps[60] = scaling.WINDOW * 0.3          # one alone is none
    assert scaling.fastest(np.cumsum([0, *steps])) == pytest.approx(scaling.WINDOW * 0.45)


def test_constants_are_those_that_the_times_were_made_with(scaling):
    made = {size: scaling.allreduce(size, 2, 3e-6, 2e9) for size in (1, 2**10, 2**20, 2**24)}
    assert scaling.constants(made) == pytest.approx((3e-6, 2e9), rel=1e-3)


def test_batches_that_are_added_up_first_make_messages_a_tenth_of_computing(scaling):
    for workload in scaling.ALL:
        latency, bandwidth, computing = 2e-6, 1.25e9, 0.02
        gradient, *short = (scaling.allreduce(size, 64, latency, bandwidth) for size in scaling.messages_of(workload))
        statistics = sum(short[2:])
        k = scaling.batches_first(workload, 64, latency, bandwidth, computing)
        cost = [(gradient + sum(short[:2])) / count + statistics for count in (k, k - 1) if count]
        assert cost[0] <= computing / 10
        assert k == 1 or cost[1] > computing / 10
        assert scaling.communication(workload, 64, latency, bandwidth) == pytest.approx(gradient + sum(short))
        assert scaling.batches_first(workload, 64, latency, bandwidth, 9 * statistics) is None


# ── without MPI ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_missing_mpi4py_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)
    model = nd.Sequential([nd.Dense(1)], input_size=1)
    with pytest.raises(ImportError, match=r"mpi\.DataParallel needs mpi4py: python -m pip install 'npdeep\[mpi\]'"):
        nd.interop.mpi.DataParallel(nd.Trainer(model, "mean_squared_error"))


def test_a_missing_mpi_library_says_how_to_get_it(monkeypatch):
    def fails(*arguments):
        raise RuntimeError("cannot load MPI library\nlibmpi.so: cannot open shared object file")

    monkeypatch.setattr("npdeep.interop.mpi.needed", fails)
    with pytest.raises(ImportError, match=r"an MPI library beside mpi4py \(cannot load MPI library\): .*'npdeep\[mpi\]'"):
        nd.interop.mpi.library()


def in_parts(x, dy, gamma, beta, sizes, of_others=None):
    """Both kernels on rows that lie in several places. The sums go around in rounds: those of the others are computed first."""
    parts = np.split(np.arange(len(x)), np.cumsum(sizes)[:-1])
    units, shapes = x.shape[1], [(len(part), x.shape[1]) for part in parts]
    state = [{"v": np.zeros((4, units)), "g": np.zeros((2, units)), **{name: np.zeros(shape) for name in ("c", "y", "dx")}}
             for shape in shapes]    # fmt: skip
    rounds = []                               # the sums of every round so far, over all places

    def passes(upto):
        """Go through all places; each gets the sums of the rounds that are known, and notes what it gives to the next."""
        given = []
        for part, kept in zip(parts, state, strict=True):
            count = 0

            def total(a):
                nonlocal count
                if count == upto:
                    given.append(a.copy())
                if count < len(rounds):
                    a[:] = rounds[count]
                count += 1

            sums, v = np.zeros(2 * units + 1), kept["v"]
            ones, row = np.ones(len(part)), v[3]
            synchronized_forward(total, sums, x[part], gamma, beta, v[0], v[1], v[2], kept["c"], kept["y"], row, ones, 1e-5)
            synchronized_backward(total, sums, gamma, v[2], kept["c"], dy[part], *kept["g"], kept["dx"], row, ones)
        return np.sum(given, axis=0)

    for number in range(3):
        rounds.append(passes(number))
    passes(3)
    y, dx = (np.concatenate([kept[name] for kept in state]) for name in ("y", "dx"))
    return y, dx, sum(kept["g"] for kept in state), state[0]["v"][:2]


@pytest.mark.parametrize("scale_and_shift", [True, False])
@pytest.mark.parametrize("sizes", [(25, 25), (1, 2, 47), (50,)])
def test_kernels_on_rows_in_several_places_are_those_on_all_rows(rng, sizes, scale_and_shift):
    x, dy = 3 + rng.standard_normal((50, 4)), rng.standard_normal((50, 4))
    gamma, beta = rng.standard_normal((2, 4)) if scale_and_shift else (None, None)
    v, centered, wanted, dx, g = np.zeros((4, 4)), np.zeros((50, 4)), np.zeros((50, 4)), np.zeros((50, 4)), np.zeros((2, 4))
    batch_normalization_forward(x, gamma, beta, v[0], v[1], v[2], centered, wanted, v[3], np.ones(50), 1e-5)
    batch_normalization_backward(gamma, v[2], centered, dy, *g, dx, v[3], np.ones(50))
    y, its_dx, its_g, statistics = in_parts(x, dy, gamma, beta, sizes)
    assert np.abs(y - wanted).max() < 1e-13
    assert np.abs(its_dx - dx).max() < 1e-13
    assert np.abs(its_g - g).max() < 1e-13
    assert np.abs(statistics - v[:2]).max() < 1e-13


def test_the_gradient_across_places_is_that_of_differences(rng):
    """dx against central differences of Σ y·dy over the rows of all places."""
    x, dy = rng.standard_normal((6, 3)), rng.standard_normal((6, 3))
    gamma, beta, sizes, h = rng.standard_normal(3), rng.standard_normal(3), (2, 4), 1e-6
    dx = in_parts(x, dy, gamma, beta, sizes)[1]
    for i, j in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[i, j] += sign * h
            ends.append(np.sum(in_parts(moved, dy, gamma, beta, sizes)[0] * dy))
        assert dx[i, j] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6, abs=1e-8)
