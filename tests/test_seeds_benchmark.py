"""The benchmark of what the notebooks print: its recipes, its bands, its verdicts, its tables, and that it runs."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npdeep as nd

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
NAMES = ("seeds", "seeds_printed", "seeds_report", "peers_report", "transfer")
kept = {name: sys.modules.pop(name, None) for name in NAMES}
sys.path.insert(0, str(BENCHMARKS))
import seeds  # noqa: E402
import seeds_printed  # noqa: E402
import seeds_report  # noqa: E402

sys.path.remove(str(BENCHMARKS))
for name in NAMES:
    sys.modules.pop(name, None)
    if kept[name] is not None:
        sys.modules[name] = kept[name]

TRAININGS = [recipe for recipe in seeds.RECIPES.values() if recipe.build is not None]
RECIPES = seeds.RECIPES


def few():
    (x, y), (x_test, y_test) = nd.datasets.mnist_sample()
    return seeds.Task((x[:300], y[:300]), (x[4800:], y[4800:]), (x_test[:100], y_test[:100]))


# ── recipes ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def built(key, seed=0):
    recipe = RECIPES[key]
    return recipe.build(seed) if recipe.after is None else recipe.build(built(recipe.after, seed).model, seed)


@pytest.mark.parametrize("key", [recipe.key for recipe in TRAININGS])
def test_a_recipe_builds_and_its_seed_matters(key):
    first, again, other = built(key), built(key), built(key, seed=1)
    assert first.model.output_size in (5, 10)
    for a, b in zip(first.model.parameters, again.model.parameters, strict=True):
        np.testing.assert_array_equal(a.value, b.value)
    kernels = [teacher.model.layer("outputs").kernel.value for teacher in (first, other)]
    assert not np.array_equal(*kernels)
    assert first.seed != other.seed


@pytest.mark.parametrize(
    ("key", "count"),
    [("leaky_relu", 266_610), ("bn_he", 267_430), ("max_norm_rows", 251_060), ("l1", 238_510), ("clipping", 258_710),
     ("new_layers", 254_330), ("frozen", 3_780)],
)  # fmt: skip
def test_parameters_to_train_are_those_of_the_sources(key, count):
    assert sum(p.value.size for p in built(key).model.trainable_variables()) == count


def test_steps_are_those_of_the_sources():
    steps = {key: (recipe.epochs, 55_000 / recipe.batch) for key, recipe in RECIPES.items() if recipe.batch}
    assert steps["leaky_relu"] == (40, 1100)
    assert steps["bn_he"] == steps["clipping"] == steps["l1"] == (20, 275)
    assert steps["decay"] == (5, 1100)
    assert steps["dropout"] == steps["max_norm_rows"] == (20, 1100)


def test_the_scaled_layer_is_right():
    built("selu_swapped")
    model = nd.Sequential([nd.Dense(3), seeds.Scaled(1.5), nd.Dense(2)], 4, seed=0, dtype="float64")
    assert nd.debug.gradient_check(model, "softmax_cross_entropy", np.ones((2, 4)), np.array([0, 1]))


def test_frozen_statistics_stay():
    runner = seeds.Runner(few(), most=1)
    runner.run(RECIPES["bn_continued_frozen"], 0)
    before, after = (runner.networks[key, 0].variables(".*moving_mean") for key in ("bn_he", "bn_continued_frozen"))
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a.value, b.value)
    runner.run(RECIPES["bn_continued"], 0)
    assert not np.array_equal(before[0].value, runner.networks["bn_continued", 0].variables(".*moving_mean")[0].value)


def test_the_cache_changes_nothing_and_the_base_is_trained_once():
    runner = seeds.Runner(few(), most=2)
    plain = runner.run(RECIPES["frozen"], 0)
    base = runner.networks["clipping", 0]
    weights = [p.value.copy() for p in base.parameters]
    assert runner.run(RECIPES["cached"], 0)["validation"] == plain["validation"]
    assert runner.networks["clipping", 0] is base
    assert all(np.array_equal(p.value, w) for p, w in zip(base.parameters, weights, strict=True))


def test_what_a_run_records():
    record = seeds.Runner(few(), most=2).run(RECIPES["leaky_relu"], 0)
    assert record["updates"] == [6, 12]
    assert {len(record[name]) for name in ("validation", "test", "batch", "loss")} == {2}
    assert all(round(50 * value, 6).is_integer() for value in record["batch"])    # one batch of 50


# ── bands and verdicts ────────────────────────────────────────────────────────────────────────────────────────────────
def test_every_printed_value_has_a_recipe_and_a_band():
    for printed in seeds_printed.PRINTED:
        recipe = RECIPES[printed.recipe]
        for epoch, value in printed.values.items():
            assert 0 <= printed.band(epoch) < 0.35
            assert -0.1 < value <= 1
            assert isinstance(epoch, str) or epoch < recipe.epochs


def test_bands():
    plain = seeds_printed.Printed("here", "l1", "test", {0: 0.5, 2: 0.6, 3: 0.7})
    assert [plain.band(epoch) for epoch in plain.values] == [0.01, 0.01, 0.005]
    batch = seeds_printed.Printed("here", "l1", "batch", {0: 1.0}, beside={0: 0.9})
    assert batch.band(0) == pytest.approx(3 * (0.9 * 0.1 / 50) ** 0.5)
    assert seeds_printed.every(5, 0.1, 0.2) == {0: 0.1, 5: 0.2}


def results(*curves, key="l1", measured="test", **more):
    """Runs made up, one per seed."""
    runs = {
        str(seed): {measured: list(curve), "updates": [275 * (e + 1) for e in range(len(curve))], "seconds": 20.0}
        for seed, curve in enumerate(curves)
    }
    return {
        "data": "full MNIST", "most_epochs": None, "runs": {key: runs},
        "npdeep": "0", "numpy": "0", "python": "0", "date": "today",
        "titles": {key: recipe.title for key, recipe in RECIPES.items()}, **more,
    }  # fmt: skip


L1 = [0.8347, 0.8713, 0.8832, 0.8907, 0.8959, 0.8978, 0.9015, 0.9035, 0.9033, 0.9064]
(L1_PRINTED,) = (p for p in seeds_printed.PRINTED if (p.recipe, p.measured) == ("l1", "test"))


def verdicts(*curves):
    return [row.verdict for row in seeds_report.rows(results(*curves), L1_PRINTED)]


def test_verdicts():
    assert verdicts(L1, L1, L1) == ["inside"] * 10
    assert verdicts([v + 0.0099 for v in L1]) == ["inside"] * 3 + ["OUTSIDE"] * 7
    off = [v + 0.006 for v in L1]
    assert verdicts(off, off) == ["inside"] * 3 + ["OUTSIDE"] * 7
    apart = [[v + 0.006 + d for v in L1] for d in (-0.004, 0, 0.004)]
    assert verdicts(*apart) == ["inside"] * 3 + ["spread"] * 7


def test_the_spread_is_that_of_one_more_run():
    apart = results(*[[0.9 + d] for d in (-0.01, 0.0, 0.01)])
    assert seeds_report.spread_of(apart, "l1", "test", 0) == pytest.approx(4.30 * 0.01 * (4 / 3) ** 0.5)
    assert seeds_report.spread_of(results([0.9]), "l1", "test", 0) == 0


def test_rows_tell_updates_and_seconds_up_to_the_epoch():
    last = list(seeds_report.rows(results(L1, L1), L1_PRINTED))[4]
    assert (last.epoch, last.updates, last.seconds, last.ours) == (4, 1375, 10.0, (0.8959, 0.8959))


def test_tables():
    found = results(L1, [v + 0.02 for v in L1])
    said = seeds_report.text(found)
    assert "10 printed values: 3 inside their bands, 7 outside and explained by the spread over our seeds, 0 outside" in said
    assert "0.8447 (0.8347–0.8547)" in str(seeds_report.whole(found))
    assert str(seeds_report.summary(found)).count("l1, test") == 1
    assert len(seeds_report.whole(found).rows) == 10


def test_costs_compare_what_both_have():
    found = results([0.9] * 20, [0.92] * 20)
    found["runs"]["l1_bracket"] = {"0": {"test": [0.2] * 20}}
    (row,) = seeds_report.costs(found).rows
    assert row[1:] == ["test, epoch 19", "0.2000", "0.9100 (0.9000–0.9200)", "+71.00", "1, 2"]


def test_readings_count_what_fits():
    (printed,) = (p for p in seeds_printed.PRINTED if p.recipe == "selu" and p.measured == "validation")
    right = [printed.values.get(epoch, 0.9) for epoch in range(40)]
    found = results(right, key="selu", measured="validation")
    off = [value + 0.02 for value in right]
    found["runs"]["selu_swapped"] = results(off, key="selu_swapped", measured="validation")["runs"]["selu_swapped"]
    assert seeds_report.readings(found).rows == [
        ["chapter, cell 53, validation", "selu", "8 of 8", "0.0000"],
        ["", "selu_swapped", "0 of 8", "0.0200"],
    ]


def test_the_fall_to_guessing():
    assert seeds_report.first_fall([0.9, 0.95, 0.2, 0.22, 0.19]) == 2
    assert seeds_report.first_fall([0.9, 0.95, 0.2, 0.22]) is None
    assert seeds_report.first_fall([0.2, 0.95, 0.2, 0.97]) is None
    said = seeds_report.sentences(results([0.9, 0.2, 0.2, 0.2], [0.9, 0.9], key="collapse", measured="validation"))
    assert said[0] == (
        "collapse: falls to guessing for good, seed by seed, at epoch 1, never (printed: at 5); lowest validation accuracy "
        "after epoch 0: 0.20, 0.90."
    )


def test_figures_of_shortened_runs_and_other_digits_are_not_compared():
    (printed,) = (p for p in seeds_printed.PRINTED if p.recipe == "digits_5_to_9")
    found = results(L1)
    found["runs"]["digits_5_to_9"] = {"0": {"figures": dict(printed.values), "seconds": 1.0}}
    assert len(list(seeds_report.rows(found, printed))) == 6
    assert not list(seeds_report.rows({**found, "most_epochs": 3}, printed))
    assert not list(seeds_report.rows({**found, "data": "a few"}, L1_PRINTED))


def test_files(tmp_path):
    (tmp_path / "RESULTS.md").write_text("# Results\n\nkept\n", encoding="utf-8")
    for _ in range(2):
        seeds_report.write(copy.deepcopy(results(L1)), tmp_path)
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert page.startswith("# Results\n\nkept\n")
    assert page.count("## What the chapter's notebooks print") == page.count("<details>") == 1
    assert (tmp_path / "seeds.png").read_bytes().startswith(b"\x89PNG")


# ── it runs ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def run(*arguments):
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(BENCHMARKS.parent)}
    command = [sys.executable, str(BENCHMARKS / "seeds.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_a_quick_run_is_kept_and_used_again(tmp_path):
    first = run("--quick", "--only", "decay", "--output", tmp_path)
    assert first.returncode == 0, first.stderr
    assert "not compared with printed values" in first.stdout
    again = run("--quick", "--only", "decay", "l1", "--output", tmp_path)
    assert "decay, seed 0:" not in again.stdout
    assert "l1, seed 0:" in again.stdout
    assert set(json.loads((tmp_path / "seeds.json").read_text(encoding="utf-8"))["runs"]) == {"decay", "l1"}


def test_the_list_and_a_wrong_recipe():
    assert run("--list").stdout.count("\n") == len(RECIPES)
    assert "invalid choice: 'nothing'" in run("--only", "nothing").stderr
