"""The benchmark of reuse: its tasks, its ways, its words, and that it runs."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "transfer.py"
spec = importlib.util.spec_from_file_location("transfer_benchmark", SCRIPT)
transfer = sys.modules["transfer_benchmark"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(transfer)

Run, WAYS = transfer.Run, transfer.WAYS
FROZEN, CACHED, FOUR, TOP, ALL, SCRATCH, ONCE = WAYS


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
LIKE_THE_BOOK = {FROZEN: 0.64, CACHED: 0.64, FOUR: 0.69, TOP: 0.78, ALL: 0.91, SCRATCH: 0.85, ONCE: 0.9}


def runs(*seeds, seconds=None):
    """Runs made up: for each seed, accuracies by way where they differ from the book's."""
    seconds = {FROZEN: 2.0, CACHED: 1.0, **(seconds or {})}
    return [
        Run(way, seed, {**LIKE_THE_BOOK, **accuracies}[way], seconds.get(way, 1.5), 10)
        for seed, accuracies in enumerate(seeds)
        for way in WAYS
    ]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([{}, {}, {}], "holds in 3 of 3 seeds."),
        ([{}], "holds in 1 of 1 seed."),
        ([{}, {ALL: 0.8}], f"holds in 1 of 2 seeds: {ALL} beats {SCRATCH} in 1, {SCRATCH} beats {FROZEN} in 2."),
        ([{FROZEN: 0.9}, {ALL: 0.8}], f"holds in 0 of 2 seeds: {ALL} beats {SCRATCH} in 1, {SCRATCH} beats {FROZEN} in 1."),
        ([{ALL: 0.85}], f"holds in 0 of 1 seed: {ALL} beats {SCRATCH} in 0, {SCRATCH} beats {FROZEN} in 1."),
    ],
)
def test_the_order_is_counted_seed_by_seed(seeds, said):
    expected = f"The book's order, {ALL} above {SCRATCH} above {FROZEN}, {said}"
    assert transfer.order(runs(*seeds)) == expected
    assert expected in transfer.sentences(runs(*seeds))


def test_seeds_are_compared_with_themselves_in_whatever_order_the_runs_come():
    mixed = runs({ALL: 0.8, SCRATCH: 0.7}, {ALL: 0.9, SCRATCH: 0.85})
    assert transfer.order(mixed) == transfer.order(mixed[::-1])
    assert "holds in 2 of 2 seeds." in transfer.order(mixed[::-1])


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([{}, {ALL: 0.92}], "gains 6.5 points against learning from scratch (seed by seed +6.0 to +7.0)."),
        ([{ALL: 0.8}, {}], "gains 0.5 points against learning from scratch (seed by seed -5.0 to +6.0)."),
        ([{ALL: 0.8}, {ALL: 0.7}], "loses 10.0 points against learning from scratch (seed by seed -15.0 to -5.0)."),
        ([{}], "gains 6.0 points against learning from scratch."),
        ([{ALL: 0.8501}], "neither gains nor loses against learning from scratch."),
    ],
)
def test_the_gain_has_its_sign_and_its_spread(seeds, said):
    assert transfer.gain(runs(*seeds), ALL) == f'Reuse with "{ALL}" {said}'


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ({}, "makes an epoch 2.0 times as fast (median over 2 seeds; least 2.00, most 2.00 times)"),
        ({CACHED: 0.25}, "makes an epoch 8.0 times as fast"),
        ({CACHED: 1.95}, "does not make training faster here"),
        ({CACHED: 4.0}, "does not make training faster here (median over 2 seeds; least 0.50, most 0.50 times)"),
    ],
)
def test_the_speed_up_is_that_of_an_epoch(seconds, said):
    sentence = transfer.caching(runs({}, {}, seconds=seconds))
    assert sentence.startswith(f"Computing the five frozen layers once {said}")
    assert sentence.endswith("are the same as without it in 2 of 2 seeds.")


def test_the_speed_up_takes_into_account_how_many_epochs_there_were():
    several = runs({}, {})
    several[1].epochs = 5                     # one second for five epochs: no faster than two seconds for ten
    sentence = transfer.caching(several)
    assert "median over 2 seeds; least 1.00, most 2.00 times" in sentence
    assert "the same as without it in 1 of 2 seeds" in sentence


def test_a_cached_run_that_ends_elsewhere_is_not_called_the_same():
    assert "the same as without it in 1 of 2 seeds" in transfer.caching(runs({}, {CACHED: 0.65}))


def test_the_ranking_follows_the_means():
    assert transfer.ranking(runs({}, {ALL: 0.6, FROZEN: 0.8})) == (
        "From best to worst: all free at once 90.0 %, from scratch 85.0 %, top two unfrozen 78.0 %, all unfrozen 75.5 %, "
        "five frozen 72.0 %, four frozen 69.0 %."
    )


def test_the_table_has_a_row_a_way_with_mean_spread_and_medians():
    table = transfer.table(runs({FROZEN: 0.6}, {FROZEN: 0.7}, {FROZEN: 0.8}), "title")
    assert [row[0] for row in table.rows] == list(WAYS)
    assert table.rows[0] == [FROZEN, "70.00 ± 10.00", "60.00", "80.00", "10", "2.00", "200.0"]
    assert table.rows[5] == [SCRATCH, "85.00 ± 0.00", "85.00", "85.00", "10", "1.50", "150.0"]
    assert "standard deviation over 3 seeds" in str(table)
    assert "over 1 seed;" in str(transfer.table(runs({}), "title"))


# ── tasks and ways ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def digits():
    return transfer.load(quick=True)[1]


def test_the_second_task_has_a_hundred_images_a_class_and_thirty_to_stop_by(digits):
    first, second = transfer.tasks(digits, seed=0)
    assert np.bincount(second.training[1]).tolist() == [100] * 5
    assert np.bincount(second.validation[1]).tolist() == [30] * 5
    for part, low, high in zip(("training", "validation", "test"), vars(first).values(), vars(second).values(), strict=True):
        x, y = getattr(digits, part)
        assert np.array_equal(low[0], x[y < 5])
        assert np.array_equal(low[1], y[y < 5])
        labels = {image.tobytes(): label for image, label in zip(x, y, strict=True)}
        assert all(labels[image.tobytes()] == label + 5 for image, label in zip(*high, strict=True))
    assert len(second.test[1]) == np.count_nonzero(digits.test[1] >= 5)


def test_images_are_drawn_anew_for_each_seed_and_none_twice(digits):
    (x, _), (again, _), (other, _) = (transfer.tasks(digits, seed)[1].training for seed in (0, 0, 1))
    assert np.array_equal(x, again)
    assert not np.array_equal(x, other)
    assert len(np.unique(x, axis=0)) == 500


def test_what_is_learnt_stopped_and_judged_by_are_different_digits(digits):
    parts = [{image.tobytes() for image in part[0]} for part in (digits.training, digits.validation, digits.test)]
    assert not parts[0] & parts[1]
    assert not (parts[0] | parts[1]) & parts[2]


def test_each_way_freezes_what_it_says_and_goes_on_from_where_it_says(digits, monkeypatch):
    seen = {}

    def record(way, model, task, seed, epochs):
        hidden = [layer.name for layer in model.layers if layer.name.startswith("hidden")]
        kernel = model.layer("hidden1").kernel
        same = kernel.value.tobytes() == base.layer("hidden1").kernel.value.tobytes()
        learning = [p.name.partition("/")[0] for p in model.trainable_variables(".*kernel")]
        seen.setdefault(way, (model, len(hidden), same, learning))
        return Run(way, seed, 0.5, 1.0, 1)

    monkeypatch.setattr(transfer, "train", record)
    base = transfer.network(5, seed=3)
    assert [run.way for run in transfer.reuse(base, transfer.tasks(digits, 3)[1], 3, epochs=1)] == list(WAYS)
    four = ["hidden1", "hidden2", "hidden3", "hidden4", "outputs"]
    assert {way: entry[1:] for way, entry in seen.items()} == {
        FROZEN: (5, True, ["outputs"]),
        CACHED: (5, True, ["outputs"]),
        FOUR: (4, True, ["outputs"]),
        TOP: (4, True, four[2:]),
        ALL: (4, True, four),
        SCRATCH: (4, False, four),
        ONCE: (4, True, four),
    }
    assert seen[FOUR][0] is seen[TOP][0] is seen[ALL][0]
    assert len({id(seen[way][0]) for way in (FROZEN, CACHED, FOUR, SCRATCH, ONCE)}) == 5


def test_only_the_cached_way_is_cached_and_both_end_alike(digits, monkeypatch):
    cached = []
    fit = nd.Trainer.fit
    monkeypatch.setattr(nd.Trainer, "fit", lambda *a, **k: (cached.append(k["cache_frozen"]), fit(*a, **k))[1])
    _, task = transfer.tasks(digits, 0)
    every = list(transfer.reuse(transfer.network(5, seed=0), task, 0, epochs=2))
    assert cached == [False, True] * transfer.REPEATS + [False] * 5
    assert (every[0].accuracy, every[0].epochs) == (every[1].accuracy, every[1].epochs)


def test_networks_are_the_books():
    model = transfer.network(5, seed=0)
    assert [layer.output_size for layer in model.layers if layer.parameters] == [100] * 5 + [5]
    assert {repr(layer.kernel_initializer) for layer in model.layers if layer.parameters} == {"HeNormal()"}
    assert {layer.activation for layer in model.layers if not layer.parameters} == {"elu"}


# ── the script ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_which_digits_are_used_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv("NPDEEP_DATA", raising=False)
    assert transfer.load(quick=False)[0] == "the packed digits (5,000 of MNIST's)"
    monkeypatch.setenv("NPDEEP_DATA", str(tmp_path))
    monkeypatch.setattr(nd.datasets, "mnist", lambda folder: ((folder, 0), (folder, 1), (folder, 2)))
    name, task = transfer.load(quick=False)
    assert (name, task.training) == ("full MNIST", (str(tmp_path), 0))
    assert transfer.load(quick=True)[0].startswith("the packed digits")


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--first-epochs", "0"], ["--seeds", "x"]])
def test_senseless_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        transfer.main([*arguments, "--quick"])
    assert "error: " in capsys.readouterr().err


def test_the_quick_mode_runs_by_itself_and_says_what_its_table_shows(tmp_path):
    path = tmp_path / "transfer.json"
    command = [sys.executable, str(SCRIPT), "--quick", "--json", str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=True)
    result = json.loads(path.read_text(encoding="utf-8"))
    measured = [Run(**run) for run in result["runs"]]
    assert [(run.seed, run.way) for run in measured] == [(seed, way) for seed in (0, 1) for way in WAYS]
    assert all(0.1 < run.accuracy < 1 and run.seconds > 0 and run.epochs == 3 for run in measured)
    assert all(run["accuracy"] > 0.9 and run["epochs"] == 4 for run in result["first"])
    assert result["settings"]["data"] == "the packed digits (5,000 of MNIST's)"
    title, table = done.stdout.splitlines()[0], str(transfer.table(measured, ""))
    assert table.strip() in done.stdout
    assert "the packed digits" in title
    assert result["sentences"][1:] == transfer.sentences(measured)
    assert all(sentence in done.stdout for sentence in result["sentences"])
