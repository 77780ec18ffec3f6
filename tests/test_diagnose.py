"""The diagnosis: every planted fault is found, what is well is left in peace, and nothing is touched."""

import copy
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.command_line.main import main
from npdeep.debug import FAULTS, diagnose
from npdeep.debug.diagnosis.advice import ADVICE, READ
from npdeep.debug.diagnosis.diagnose import ORDER
from npdeep.debug.diagnosis.present import already
from npdeep.teaching.lesson.networks import NETWORKS


def load_benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "diagnosis.py"
    spec = importlib.util.spec_from_file_location("benchmark_diagnosis", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BENCHMARK = load_benchmark()


def kinds(trainer, x, y, **given):
    return diagnose(trainer, x, y, **given).kinds


def only(report, kind):
    found = [finding for finding in report.findings if finding.kind == kind]
    assert found, f"{kind} is not among {report.kinds}"
    return found[0]


def network(*layers, input_size=784, loss="softmax_cross_entropy", optimizer="sgd", seed=0, **given):
    return nd.Trainer(nd.Sequential(list(layers), input_size, seed=seed), loss, optimizer, **given)


def hidden(units=50, activation="relu", **given):
    return nd.Dense(units, kernel_initializer="he_normal", **given), nd.Activation(activation)


# ── planted faults ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def planted():
    """Reports by the fault's name, each made once; `there` holds what the trainer has already of what is advised."""
    reports, there = {}, {}

    def get(name):
        if name not in reports:
            trainer, x, y = nd.debug.plant(name)
            before = bits(trainer), x.tobytes(), y.tobytes()
            reports[name] = diagnose(trainer, x, y)
            assert (bits(trainer), x.tobytes(), y.tobytes()) == before
            there[name] = already(trainer)
        return reports[name]

    get.there = there
    return get


def check_advice(report, there):
    """It names a cause that was found, and nothing that the trainer has already."""
    order = [ORDER.index(f.kind) for f in report.findings if (f.kind, f.layer) != ("nan", "input")]
    assert order == sorted(order)
    for finding in report.findings:
        assert finding.advice
        named = [kind for kind in ADVICE if f"Fix {kind}" in finding.advice or f", {kind}" in finding.advice]
        before = [f.kind for f in report.findings[: report.findings.index(finding)]]
        assert set(named) <= set(before)
        assert "ther findings" not in finding.advice
        for needed, text in ADVICE[finding.kind]:
            assert not needed or needed not in there or text not in finding.advice
        if "initializer" in there:
            assert "nd.initializers" not in finding.advice or finding.kind == "symmetric"


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_where_it_is_and_drags_in_nothing_else(name, planted):
    fault, report = FAULTS[name], planted(name)
    assert (fault.kind, fault.layer) in [(f.kind, f.layer) for f in report.findings]
    assert set(report.kinds) <= {fault.kind, *fault.also}
    assert not report
    if name != "collapse":
        check_advice(report, planted.there[name])


def test_every_kind_has_a_planted_fault_advice_and_something_to_read():
    assert {fault.kind for fault in FAULTS.values()} == set(ADVICE) == set(READ) == set(ORDER)


def test_readme_and_results_have_the_counts_of_the_benchmark():
    root = Path(__file__).parents[1]
    well = len(BENCHMARK.WELL) + len(BENCHMARK.KINDS)
    readme = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    assert f"Of {len(FAULTS)} planted faults it finds all, in {well} networks that are well none" in readme
    results = (root / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert f"{len(FAULTS)} of {len(FAULTS)} found" in results
    assert all(f"\n{name} " in results for name in [*FAULTS, *BENCHMARK.KINDS, *BENCHMARK.WELL])


def test_the_collapse_of_the_chapter_is_told_from_never_having_learnt(planted):
    collapse = only(planted("collapse"), "chance_level").evidence
    assert collapse["collapsed"] == 1
    assert collapse["best"] < 0.2
    assert collapse["chance"] == pytest.approx(math.log(5), abs=0.01)
    assert collapse["loss"] > 0.98 * collapse["chance"]
    assert only(planted("zeros"), "chance_level").evidence["collapsed"] == 0


def test_vanishing_and_exploding_come_with_their_figures(planted):
    vanishing, exploding = planted("sigmoid_vanishing"), planted("exploding")
    assert (vanishing.gradient, exploding.gradient) == ("vanishing", "exploding")
    evidence = only(vanishing, "vanishing").evidence
    assert evidence["ratio"] == pytest.approx(10 ** evidence["powers_of_ten"])
    assert evidence["layers"] == 11
    # every logistic layer takes the slope 1/4 at most and Glorot's weights keep the size: 4 and somewhat less a layer
    assert math.log10(1 / 8) < vanishing.slope < math.log10(1 / 3)
    # N(0, 1) on 100 inputs of which half are cut off: √50 a layer
    assert exploding.slope == pytest.approx(math.log10(math.sqrt(50)), abs=0.1)


@pytest.mark.parametrize(("name", "cause"), [("dead_by_bias", "bias"), ("dead_by_weights", "weights"), ("dead_layer", "bias")])
def test_dead_units_come_with_their_cause(name, cause, planted):
    finding = only(planted(name), "dead")
    evidence = finding.evidence
    assert evidence["units"] == evidence[f"by_{cause}"] == (100 if name == "dead_layer" else 30)
    assert evidence["revivable"] == 0
    assert f"Cause: the {'incoming weights' if cause == 'weights' else cause}" in finding.words


def test_units_above_a_dead_layer_are_put_down_to_their_input(planted):
    assert only(planted("dead_layer"), "always_on").evidence["by_input"] > 0


def test_nearly_dead_and_always_on_units_are_counted(planted):
    assert only(planted("nearly_dead"), "nearly_dead").evidence["units"] == 30
    always_on = only(planted("always_on"), "always_on").evidence
    assert (always_on["units"], always_on["by_bias"]) == (30, 30)


# ── networks that are well ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", BENCHMARK.WELL)
def test_networks_that_are_well_have_no_finding_on_the_sample(name, digits):
    (x, y), test = digits
    trainer = BENCHMARK.trainer_of(name)
    assert kinds(trainer, x, y, steps=2) == []
    trainer.fit(x, y, epochs=1, batch_size=BENCHMARK.WELL[name][2], verbose=False)
    report = diagnose(trainer, x, y)
    assert report, report
    assert report.gradient == "healthy"
    assert kinds(trainer, *test, steps=2) == []
    for start, rows in ((0, 1), (0, 20), (20, 50), (100, 300))[: 2 if name == "W6" else 4]:
        assert kinds(trainer, x[start : start + rows], y[start : start + rows]) == []


@pytest.mark.parametrize("name", BENCHMARK.KINDS)
def test_networks_of_many_kinds_that_are_well_have_no_finding(name):
    kinds, report = BENCHMARK.findings_over_training(name, seed=11)  # the benchmark has other seeds
    assert kinds == set(), report
    assert "nothing looks wrong" in report.headline


@pytest.mark.parametrize("name", BENCHMARK.WELL)
def test_few_rows_are_never_at_chance_level_in_a_network_that_is_well(name, digits):
    (x, y), _ = digits
    trainer = BENCHMARK.trainer_of(name)
    trainer.fit(x[:1500], y[:1500], epochs=1, batch_size=BENCHMARK.WELL[name][2], verbose=False)
    for start in range(0, 400, 80 if name == "W6" else 20):
        rows = slice(start, start + 2 + start // 20 % 8)
        report = diagnose(trainer, x[rows], y[rows])
        assert report.kinds == []
        assert report.too_few == (not looks_fitted(trainer, x[rows], y[rows])) or "nothing" in report.headline


def looks_fitted(trainer, x, y):
    share = np.bincount(y) / len(y)
    share = share[share > 0]
    return trainer.evaluate(x, y)["loss"] < -0.25 * (share * np.log(share)).sum()


@pytest.mark.parametrize("name", ["W1", "W5"])
def test_networks_that_are_well_have_no_finding_on_mnist(name, full_mnist):
    x, y = full_mnist[0]
    trainer = BENCHMARK.trainer_of(name)
    trainer.fit(x, y, epochs=1, batch_size=BENCHMARK.WELL[name][2], verbose=False)
    assert kinds(trainer, x, y, steps=2) == []


@pytest.mark.parametrize("chosen", NETWORKS[3:], ids=lambda chosen: chosen.title)
def test_the_good_networks_of_the_lesson_have_no_finding(chosen, digits):
    (x, y), _ = digits
    trainer = nd.Trainer(chosen.model(42), "softmax_cross_entropy", chosen.optimizer())
    some_are_shut = chosen.title in ("logistic, Glorot, residual", "ReLU, He, layer norm")     # until they have begun to learn
    for epochs in (2,) if some_are_shut else (0, 2):
        trainer.fit(x, y, epochs=epochs, batch_size=50, verbose=False)
        assert kinds(trainer, x, y, steps=1) == []


@pytest.mark.parametrize("chosen", NETWORKS[:3], ids=lambda chosen: chosen.title)
def test_the_bad_networks_of_the_lesson_have_findings(chosen, digits):
    (x, y), _ = digits
    trainer = nd.Trainer(chosen.model(42), "softmax_cross_entropy", chosen.optimizer())
    assert {"vanishing", "saturated"} & set(kinds(trainer, x, y, steps=1))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_regression_and_yes_or_no_have_no_finding(activation, rng):
    x = rng.standard_normal((400, 4))
    regression = network(*hidden(32, activation), nd.Dense(1), input_size=4, loss="mean_squared_error", optimizer="adam")
    yes_or_no = network(*hidden(32, activation), nd.Dense(1), input_size=4, loss="binary_cross_entropy", optimizer="adam")
    for trainer, y in ((regression, np.sin(x[:, :1]) + x[:, 1:2]), (yes_or_no, (x[:, 0] > x[:, 1]) * 1)):
        for epochs in (0, 5, 30):
            trainer.fit(x, y, epochs=epochs, verbose=False)
            assert kinds(trainer, x, y) == []


# ── units ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_dead_units_behind_batch_normalization_and_dropout(digits):
    (x, y), _ = digits
    trainer = network(
        *hidden(),
        *(nd.Dense(50, name="second"), nd.BatchNormalization(name="bn"), nd.Dropout(0.2), nd.Activation("relu", name="a")),
        nd.Dense(10),
    )
    trainer.fit(x[:500], y[:500], epochs=5, verbose=False)
    trainer.model.layer("bn").beta.value[:20] = -30
    finding = only(diagnose(trainer, x[:500], y[:500]), "dead")
    assert (finding.layer, finding.evidence["units"], finding.evidence["by_bias"]) == ("bn", 20, 20)
    assert finding.evidence["mean_bias"] == -30
    assert finding.evidence["revivable"] == 1  # the first layer still learns


def test_a_layer_that_gets_zeros_is_dead_by_its_input():
    trainer = network(*hidden(), nd.Dense(10))
    trainer.model.layer("dense").bias.value = np.full(50, -0.1)
    finding = only(diagnose(trainer, np.zeros((200, 784)), np.arange(200) % 10), "dead")
    assert finding.evidence["units"] == finding.evidence["by_input"] == 50


def test_few_rows_do_not_make_a_sparse_unit_dead(digits):
    (x, y), _ = digits
    trainer = network(*hidden(), nd.Dense(10))
    layer = trainer.model.layer("dense")
    layer.bias.value[:25] = -np.quantile(x @ layer.kernel.value[:, :25], 0.95, axis=0)  # they fire on one row in twenty
    assert "dead" not in kinds(trainer, x[:20], y[:20])
    assert "dead" not in kinds(trainer, x[:1000], y[:1000])
    layer.bias.value[:25] = -50
    assert only(diagnose(trainer, x[:20], y[:20]), "dead").evidence["units"] == 25


def dead_in(kind, rng):
    """Four blobs, and a block all of whose units are dead by their bias; the way around it learns them all the same."""
    centres, y = rng.standard_normal((4, 6)) * 2, rng.integers(0, 4, 600)
    x = centres[y] + 0.5 * rng.standard_normal((600, 6))
    branch = [nd.Dense(6, bias_initializer=nd.initializers.Constant(-50.0)), nd.Activation("relu")]
    block = nd.Residual(branch) if kind == "residual" else nd.Parallel([branch, [nd.Dense(6)]])
    trainer = network(block, nd.Dense(4), input_size=6, optimizer=nd.optimizers.Adam(0.01))
    trainer.fit(x, y, epochs=20, verbose=False)
    return trainer, x, y


@pytest.mark.parametrize("kind", ["residual", "parallel"])
def test_a_dead_layer_that_has_a_way_around_it_is_named_and_nothing_else_is(kind, rng):
    trainer, x, y = dead_in(kind, rng)
    assert trainer.evaluate(x, y)["loss"] < 0.2
    report = diagnose(trainer, x, y)
    assert report.kinds == ["dead"]
    finding = only(report, "dead")
    assert finding.layer == f"{kind}/dense"
    assert finding.evidence["by_bias"] == finding.evidence["units"] == 6


def test_a_leaky_relu_is_never_dead(digits):
    (x, y), _ = digits
    trainer = network(*hidden(activation="leaky_relu"), nd.Dense(10))
    trainer.model.layer("dense").bias.value[:25] = -50
    assert "dead" not in kinds(trainer, x[:300], y[:300])


def test_dead_units_above_maxout_whose_biases_are_those_of_its_pieces(digits):
    (x, y), _ = digits
    trainer = network(nd.Maxout(20, name="m"), nd.Activation("relu", name="a"), nd.Dense(10))
    trainer.model.layer("m").bias.value = -50.0
    assert only(diagnose(trainer, x[:300], y[:300]), "dead").evidence["units"] == 20


# ── a few rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


@pytest.mark.parametrize("seed", range(6))
def test_xor_of_four_rows_is_never_well_unless_it_is_fitted(seed):
    trainer = network(
        *hidden(2), nd.Dense(1), input_size=2, loss="binary_cross_entropy", optimizer=nd.optimizers.Adam(0.1), seed=seed
    )
    trainer.fit(*XOR, epochs=1000, verbose=False)
    report, loss = diagnose(trainer, *XOR), trainer.evaluate(*XOR)["loss"]
    if loss > 0.98 * math.log(2):
        assert {"chance_level", "dead"} <= set(report.kinds)
    elif loss > 0.25 * math.log(2):
        assert report.headline.count("too few rows to judge") == 1
    else:
        assert "nothing looks wrong" in report.headline


@pytest.mark.parametrize("rows", [2, 3, 4, 7, 9, 10, 50])
def test_chance_level_is_judged_whatever_the_number_of_rows(rows, rng):
    x, y = rng.standard_normal((rows, 3)), np.arange(rows) % 2
    trainer = network(*hidden(4), nd.Dense(1, kernel_initializer="zeros"), input_size=3, loss="binary_cross_entropy")
    trainer.model.freeze("dense/")
    trainer.model.layer("dense").kernel.value = 0.0  # nothing reaches the outputs but their bias
    trainer.fit(x, y, epochs=500, verbose=False)
    assert "chance_level" in kinds(trainer, x, y)


def test_rows_that_are_all_the_same_tell_nothing_of_the_outputs():
    trainer = network(*hidden(), nd.Dense(2), input_size=3)
    report = diagnose(trainer, np.ones((5, 3)), [0, 1, 0, 1, 1])
    assert "chance_level" not in report.kinds
    assert report.kinds == ["constant"]


def test_one_row_under_batch_normalization_is_noted(digits):
    (x, y), _ = digits
    trainer = network(nd.Dense(20), nd.BatchNormalization(), nd.Activation("relu"), nd.Dense(10))
    assert any(
        "batch normalization has no statistics of a single row" in note for note in diagnose(trainer, x[:1], y[:1]).notes
    )


# ── what the outputs can be ───────────────────────────────────────────────────────────────────────────────────────────────────
RANGES = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "clipped_linear", "softmax", "softmin", "sparsemax"), (0, 1)),
    **dict.fromkeys(("tanh", "softsign", "hard_tanh"), (-1, 1)),
    **dict.fromkeys(("relu", "softplus", "squareplus", "exponential"), (0, math.inf)),
    **dict.fromkeys(("log_softmax", "log_sigmoid"), (-math.inf, 0)),
    **{"relu6": (0, 6), "elu": (-1, math.inf), "selu": (-1.758, math.inf), "leaky_relu": (-math.inf, math.inf)},
    **{"silu": (-0.278, math.inf), "gelu": (-0.17, math.inf), "mish": (-0.309, math.inf), "linear": (-math.inf, math.inf)},
}


@pytest.mark.parametrize("name", sorted(RANGES))
@pytest.mark.parametrize("loss", ["mean_squared_error", "mean_absolute_error"])
def test_targets_outside_the_range_of_the_output_activation_are_named(name, loss, rng):
    low, high = RANGES[name]
    x = rng.standard_normal((60, 3))
    for sign, outside in ((-1, low > -math.inf), (1, high < math.inf)):
        y = sign * (7 + np.abs(rng.standard_normal((60, 2))))
        trainer = network(*hidden(8), nd.Dense(2), nd.Activation(name, name="last"), input_size=3, loss=loss)
        found = [f for f in diagnose(trainer, x, y).findings if f.kind == "output_range"]
        assert bool(found) == outside, f"{name} {sign}"
        if found:
            assert found[0].layer == "last"
            assert found[0].evidence["low"] == pytest.approx(low, abs=0.01)
            assert found[0].evidence["high"] == pytest.approx(high, abs=0.01)
            assert found[0].evidence["target_low"] == pytest.approx(y.min(), rel=1e-5)
            assert "without an activation" in found[0].advice


@pytest.mark.parametrize(
    ("name", "loss", "low", "high", "found"),
    [
        ("sigmoid", "mean_squared_error", 0, 1, False),
        ("tanh", "mean_squared_error", -1, 1, False),
        ("relu", "mean_squared_error", 0, 3, False),
        ("leaky_relu", "mean_squared_error", -9, 9, False),
        ("sigmoid", "poisson", 0, 5, True),
        ("softplus", "poisson", 0, 5, False),
        ("sigmoid", "hinge", 0, 1, True),
        ("relu", "squared_hinge", 0, 1, True),
        ("tanh", "hinge", 0, 1, False),
        ("relu", "binary_cross_entropy", 0, 1, True),
        ("tanh", "binary_cross_entropy", 0, 1, True),
        ("linear", "binary_cross_entropy", 0, 1, False),
    ],
)
def test_what_each_loss_asks_of_the_outputs(name, loss, low, high, found, rng):
    y = (
        rng.uniform(low, high, (60, 1))
        if loss == "mean_squared_error"
        else rng.integers(low, high, (60, 1), endpoint=True) * 1.0
    )
    trainer = network(*hidden(8), nd.Dense(1), nd.Activation(name, name="last"), input_size=3, loss=loss)
    assert ("output_range" in kinds(trainer, rng.standard_normal((60, 3)), y)) == found


def test_bounded_logits_of_classes_are_named(digits):
    (x, y), _ = digits
    trainer = network(*hidden(), nd.Dense(10), nd.Activation("tanh", name="last"))
    evidence = only(diagnose(trainer, x[:200], y[:200]), "output_range").evidence
    assert evidence["probability_high"] == pytest.approx(math.e**2 / (math.e**2 + 9))


def test_a_softmax_of_one_output_is_always_1(rng):
    trainer = network(nd.Dense(1), nd.Activation("softmax", name="last"), input_size=3, loss="mean_squared_error")
    x = rng.standard_normal((50, 3))
    assert only(diagnose(trainer, x, rng.uniform(0, 1, (50, 1))), "output_range").evidence["low"] == 1


# ── targets ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("loss", ["mean_squared_error", "mean_absolute_error", "huber", "log_cosh"])
@pytest.mark.parametrize(("factor", "shift"), [(1e5, 2e5), (1e-4, 0), (1, 1000), (0.01, 5)])
def test_targets_that_are_not_scaled_are_named_with_their_mean_and_spread(loss, factor, shift, rng):
    x = rng.standard_normal((300, 4))
    y = factor * np.sin(x[:, :1]) + shift
    finding = only(diagnose(network(*hidden(16), nd.Dense(1), input_size=4, loss=loss), x, y), "unscaled_targets")
    assert finding.evidence["mean"] == pytest.approx(y.mean())
    assert finding.evidence["std"] == pytest.approx(y.std(), rel=1e-4)
    scaled = (y - y.mean(axis=0)) / y.std(axis=0)  # the advice
    assert kinds(network(*hidden(16), nd.Dense(1), input_size=4, loss=loss, optimizer="adam"), x, scaled) == []


def test_the_cure_for_unscaled_targets_works(planted):
    report, (trainer, x, y) = planted("house_prices"), nd.debug.plant("house_prices")
    assert report.kinds == ["unscaled_targets", "chance_level"]
    assert report.findings[1].advice == "Fix unscaled_targets first: the likely cause of this."
    again = network(*hidden(32), nd.Dense(1), input_size=4, loss="mean_squared_error", optimizer="adam")
    again.fit(x, (y - y.mean(axis=0)) / y.std(axis=0), epochs=60, verbose=False)
    assert again.history["loss"][-1] < 0.1
    assert trainer.history["loss"][-1] > 0.9 * y.var()


# ── labels ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("one_hot", [False, True])
def test_labels_that_do_not_begin_at_0_are_no_imbalance(first, one_hot, digits):
    (x, y), _ = digits
    labels = y[:800] + first
    report = diagnose(network(*hidden(), nd.Dense(10 + first)), x[:800], np.eye(10 + first)[labels] if one_hot else labels)
    finding = only(report, "labels_from_one")
    assert "imbalance" not in report.kinds
    assert finding.evidence["first"] == first
    assert (f"y[:, {first}:]" if one_hot else f"y − {first} with 10 outputs") in finding.advice


def test_classes_without_rows_are_not_to_be_weighted(digits):
    (x, y), _ = digits
    few = (y != 4) & (y != 5)
    finding = only(diagnose(network(*hidden(), nd.Dense(10)), x[few], y[few]), "imbalance")
    assert "4, 5" in finding.words
    assert "eight" not in finding.advice


@pytest.mark.parametrize("shift", [-16, -8, -1, 1, 5, 8, 16])
def test_labels_that_are_moved_are_found_before_training_and_after(shift, digits):
    (x, y), _ = digits
    moved = np.roll(y[:1500], shift)
    trainer = network(*hidden(), nd.Dense(10), optimizer="adam")
    for epochs in (0, 2):
        trainer.fit(x[:1500], moved, epochs=epochs, verbose=False)
        finding = only(diagnose(trainer, x[:1500], moved), "mismatched_labels")
        assert finding.evidence["shift"] == shift
    cut = slice(shift, None) if shift > 0 else slice(None, shift)  # the advice: y[8:] and x[:-8]
    rest = slice(None, -shift) if shift > 0 else slice(-shift, None)
    assert (moved[cut] == y[:1500][rest]).all()


def test_targets_of_a_regression_that_are_moved(rng):
    x = rng.standard_normal((500, 3))
    y = np.roll(x[:, :1] - x[:, 1:2], 3, axis=0)
    trainer = network(*hidden(16), nd.Dense(1), input_size=3, loss="mean_squared_error")
    assert only(diagnose(trainer, x, y), "mismatched_labels").evidence["shift"] == 3


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy", "mean_squared_error", "hinge"])
@pytest.mark.parametrize("how", ["passed", "of fit", "of the history", "restored"])
def test_labels_learned_by_heart_are_told_by_validation(loss, how, rng, tmp_path):
    x = rng.standard_normal((200, 20))
    y = {"softmax_cross_entropy": rng.integers(0, 3, 200), "mean_squared_error": rng.standard_normal((200, 1))}.get(loss)
    y = rng.integers(0, 2, 200) if y is None else y
    width = 3 if loss == "softmax_cross_entropy" else 1
    rest = x[100:], y[100:]
    trainer = network(*hidden(100), nd.Dense(width), input_size=20, loss=loss, optimizer=nd.optimizers.Adam(0.01))
    trainer.fit(x[:100], y[:100], epochs=60, validation_data=None if how == "passed" else rest, verbose=False)
    if how == "restored":
        trainer = nd.Trainer.restore(trainer.save(tmp_path / "trainer.npz"))
    elif how == "of the history":
        trainer.progress.validation_data = None
    report = diagnose(trainer, x[:100], y[:100], validation_data=rest if how == "passed" else None)
    evidence = only(report, "mismatched_labels").evidence
    assert evidence["training"] > 0.5
    assert evidence["validation"] <= 0.1


def test_rows_learned_by_heart_are_not_called_well_where_nothing_was_held_back(digits):
    (x, y), _ = digits
    far = np.roll(y[:1000], 90)               # farther than labels are looked for
    trainer = network(*hidden(100), nd.Dense(10), optimizer="adam")
    trainer.fit(x[:500], far[:500], epochs=40, verbose=False)
    report = diagnose(trainer, x[:500], far[:500])
    assert report.kinds == []
    assert "it fits the rows given, and more cannot be said without validation_data" in report.headline
    only(diagnose(trainer, x[:500], far[:500], validation_data=(x[500:1000], far[500:])), "mismatched_labels")


@pytest.mark.parametrize("classes", [4, 5, 10])
def test_scores_and_counts_are_not_taken_for_classes(classes, rng):
    """Numbers that grow with a feature: where close rows differ, they differ by one."""
    x = rng.standard_normal((600, 2))
    scores = np.floor(np.clip((x[:, :1] + 0.3 * x[:, 1:] + 2) / 4, 0, 0.999) * classes)
    trainer = network(*hidden(16), nd.Dense(1), input_size=2, loss="mean_squared_error")
    assert "classes_as_numbers" not in kinds(trainer, x, scores)
    assert "classes_as_numbers" not in kinds(trainer, x, rng.poisson(np.exp(0.7 * x[:, :1] + 0.3)) * 1.0)


def test_the_cure_for_classes_as_numbers_works(digits):
    (x, y), _ = digits
    numbers = network(*hidden(50), nd.Dense(1), loss="mean_squared_error")
    finding = only(diagnose(numbers, x[:500], y[:500, None] + 1.0), "classes_as_numbers")
    assert "nd.Dense(10)" in finding.advice
    assert "y − 1" in finding.advice
    trainer = network(*hidden(50), nd.Dense(10))
    trainer.step(x[:500], y[:500])


def test_batches_of_two_rows_are_named(rng):
    x = rng.standard_normal((200, 3))
    layers = [nd.Dense(8), nd.BatchNormalization(name="bn"), nd.Activation("elu"), nd.Dense(1)]
    trainer = network(*layers, input_size=3, loss="mean_squared_error")
    trainer.fit(x, x[:, :1], epochs=3, verbose=False)
    assert "single_rows" not in kinds(trainer, x, x[:, :1])
    pairs = network(*(layer.clone() for layer in layers), input_size=3, loss="mean_squared_error")
    pairs.fit(x, x[:, :1], epochs=3, batch_size=2, validation_data=(x, x[:, :1]), verbose=False)
    finding = next(f for f in diagnose(pairs, x, x[:, :1]).findings if f.kind == "single_rows")
    assert (finding.layer, finding.evidence["largest_batch"]) == ("bn", 2)


def test_without_validation_rows_that_is_noted(digits):
    (x, y), _ = digits
    trainer = network(*hidden(), nd.Dense(10), optimizer="adam")
    trainer.fit(x[:300], y[:300], epochs=20, verbose=False)
    assert any("pass validation_data" in note for note in diagnose(trainer, x[:300], y[:300]).notes)
    with_rest = diagnose(trainer, x[:300], y[:300], validation_data=(x[300:600], y[300:600]))
    assert not any("pass validation_data" in note for note in with_rest.notes)
    assert with_rest.kinds == []


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_validation_rows_that_fit_has_scaled_are_scaled_here_too(dtype, digits):
    (x, y), _ = digits
    pixels = np.rint(x[:900] * 255).astype(dtype)
    trainer = network(*hidden(), nd.Dense(10), optimizer="adam")
    trainer.fit(pixels[:600], y[:600], epochs=10, scale=1 / 255, validation_data=(pixels[600:], y[600:900]), verbose=False)
    assert kinds(trainer, x[:600], y[:600]) == []
    if dtype is np.float64:  # bytes are refused: they are surely not scaled
        finding = only(diagnose(trainer, pixels[:600], y[:600]), "unscaled_inputs")
        assert "pass x * trainer.model.scale" in finding.advice


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy", "kl_divergence", "poisson"])
def test_uncertain_targets_that_are_fitted_are_not_at_chance_level(loss, rng):
    """What is left of the loss is the targets' own, and all but as large as that of guessing."""
    x = rng.standard_normal((300, 3))
    z = np.exp(0.3 * x)
    y = {"binary_cross_entropy": 1 / (1 + 1 / z), "poisson": 5 * z}.get(loss, z / z.sum(axis=1, keepdims=True))
    last = {"kl_divergence": [nd.Activation("softmax")], "poisson": [nd.Activation("softplus")]}.get(loss, [])
    trainer = network(*hidden(32, "tanh"), nd.Dense(3), *last, input_size=3, loss=loss, optimizer=nd.optimizers.Adam(0.01))
    trainer.fit(x, y, epochs=200, verbose=False)
    report = diagnose(trainer, x, y)
    assert report.kinds == []
    assert any("it fits these rows" in note for note in report.notes)


def test_an_exponential_is_not_dead_because_its_slope_grows_for_ever(digits):
    (x, y), _ = digits
    trainer = network(*hidden(activation="exponential"), nd.Dense(10))
    trainer.model.layer("dense").bias.value = -2.0
    assert "dead" not in kinds(trainer, x[:300] / 10, y[:300])
    trainer.model.layer("dense").bias.value = -20.0
    assert only(diagnose(trainer, x[:300] / 10, y[:300]), "dead").evidence["units"] == 50


@pytest.mark.parametrize("features", [5, 50, 200])
def test_a_weak_signal_is_no_mistake_in_the_labels(features, rng):
    x = rng.standard_normal((600, features))
    y = x[:, :1] + 3 * rng.standard_normal((600, 1))
    trainer = network(nd.Dense(1), input_size=features, loss="mean_squared_error", optimizer=nd.optimizers.SGD(0.005))
    trainer.fit(x, y, epochs=10, verbose=False)
    assert "mismatched_labels" not in kinds(trainer, x, y)
    shuffled = rng.permutation(y)
    trainer.fit(x, shuffled, epochs=3, verbose=False)
    assert "mismatched_labels" in kinds(trainer, x, shuffled)


def test_the_figures_of_single_rows(planted):
    untouched, spoilt = (only(planted(name), "single_rows").evidence for name in ("single_rows", "single_last_rows"))
    assert spoilt["of_the_variance"] == pytest.approx(0.63, abs=0.05)
    assert untouched["of_the_variance"] < 0.01 or untouched["untouched"] == 1


def test_small_batches_of_four_are_no_batches_of_one(digits):
    (x, y), _ = digits
    trainer = network(nd.Dense(50, use_bias=False), nd.BatchNormalization(), nd.Activation("relu"), nd.Dense(10))
    trainer.fit(x[:400], y[:400], epochs=2, batch_size=4, verbose=False)
    assert "single_rows" not in kinds(trainer, x[:400], y[:400])


# ── advice ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_pixels_to_255_come_before_what_they_do_to_units(digits):
    (x, y), _ = digits
    trainer = network(*hidden(30), nd.Dense(10), optimizer=nd.optimizers.SGD(0.1))
    with np.errstate(all="ignore"):
        trainer.fit(x[:1000] * 255, y[:1000], epochs=5, verbose=False)
    report = diagnose(trainer, x[:1000] * 255, y[:1000])
    assert report.kinds[0] == "unscaled_inputs"
    assert len(report.kinds) > 1
    for finding in report.findings[1:]:
        assert finding.advice.startswith("Fix unscaled_inputs first")


def test_a_way_back_of_zeros_is_never_healthy(rng):
    x, y = rng.standard_normal((200, 4)), rng.standard_normal((200, 1)) - 20
    trainer = network(*hidden(8), nd.Dense(1), nd.Activation("relu"), input_size=4, loss="mean_squared_error")
    trainer.model.layer("dense_1").bias.value = [-100.0]
    report = diagnose(trainer, x, y)
    assert (report.gradient, report.way_back) == ("zero", "exactly 0 for all weights")
    assert "output_range" in report.kinds
    satisfied = network(nd.Dense(1, name="out"), input_size=4, loss="hinge")
    satisfied.model.layer("out").bias.value = [100.0]
    report = diagnose(satisfied, x, np.ones(200))  # nothing is left to learn
    assert report.gradient == "zero"
    assert "vanishing" not in report.kinds


def test_no_activation_is_a_finding_where_it_matters_and_else_a_note(rng):
    x = rng.standard_normal((300, 2))
    for y, found in (((x[:, 0] * x[:, 1] > 0) * 1, True), ((x[:, 0] + x[:, 1] > 0) * 1, False)):
        trainer = network(
            nd.Dense(8), nd.Dropout(0.1), nd.Dense(8), nd.Dense(2), input_size=2, optimizer=nd.optimizers.Adam(0.02)
        )
        trainer.fit(x, y, epochs=40, verbose=False)
        report = diagnose(trainer, x, y)
        assert ("no_activation" in report.kinds) == found
        assert any("one affine map" in note for note in report.notes) == (not found)


def test_the_spread_over_rows_of_every_layer_is_in_the_report(planted):
    report = planted("sigmoid_vanishing")
    for table in report.measurements.values():
        column = table.header.index("spread over rows")
        spreads = [float(row[column]) for row in table.rows]
        assert spreads[0] > 1e-3 > 1e-5 > spreads[-1]
    assert only(report, "vanishing").evidence["spread_last"] < 1e-5


def test_the_wording_of_factors_and_of_guessing(planted):
    report = planted("sigmoid_vanishing")
    words = only(report, "vanishing").words
    assert "shrinks by a factor of 10^" in words
    assert " per layer: its norm" in words
    assert "powers of ten" not in str(report)
    assert f"shrinks by a factor of {10**-report.slope:.2g} per layer" in report.headline
    assert (
        "guessing by the frequency of each class (ln 5 = 1.609 if all are equal)"
        in only(planted("collapse"), "chance_level").words
    )


# ── NaN and infinity ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_rows_that_overflow_are_named(planted):
    finding = only(planted("exp_overflow"), "nan")
    assert (finding.evidence["rows"], finding.evidence["first_row"], finding.evidence["forward"]) == (3, 7, 1)
    assert "Rows: 7, 70, 700." in finding.words
    assert "eᶻ overflows beyond z = 88.7" in finding.words


def test_rows_with_nan_are_named_and_left_out(planted):
    report = planted("nan_in_inputs")
    evidence = only(report, "nan").evidence
    assert (evidence["rows"], evidence["first_row"], evidence["first_column"]) == (2, 3, 5)
    assert report.gradient == "healthy"  # the other rows were looked at


def test_rows_are_the_callers_even_where_some_were_left_out():
    trainer, x, y = nd.debug.plant("exp_overflow")
    x[3] = np.nan
    found = [f for f in diagnose(trainer, x, y).findings if f.kind == "nan"]
    assert [f.layer for f in found] == ["input", "activation1"]
    assert "Rows: 7, 70, 700." in found[1].words


def test_nothing_but_nan_is_a_finding_and_no_error():
    trainer = plain_trainer()
    report = diagnose(trainer, np.full((5, 6), np.nan), np.zeros(5, int))
    assert report.kinds == ["nan"]


def test_nan_in_the_targets_of_a_regression(rng):
    y = rng.standard_normal((50, 1))
    y[4] = np.inf
    trainer = network(*hidden(), nd.Dense(1), input_size=3, loss="mean_squared_error")
    finding = only(diagnose(trainer, rng.standard_normal((50, 3)), y), "nan")
    assert (finding.layer, finding.evidence["first_row"]) == ("labels", 4)


def test_infinity_times_zero_is_explained(planted):
    assert "(∞·0)" in only(planted("infinite_weight"), "nan").words


def test_a_run_that_diverged_is_replayed_from_its_seed(planted):
    finding = only(planted("diverged"), "nan")
    assert finding.evidence["epoch"] == 1
    assert 1 < finding.evidence["replay_step"] <= 20
    assert finding.evidence["largest_ratio"] > 1
    assert "the learning rate is too high" in finding.words


def test_what_terminate_on_nan_has_seen_is_told():
    trainer = plain_trainer(nd.optimizers.SGD(1e38))
    with np.errstate(all="ignore"):
        trainer.fit(*examples(64), epochs=3, callbacks=[nd.callbacks.TerminateOnNaN()], verbose=False)
    words = only(diagnose(trainer, *examples(64)), "nan").words
    assert trainer.history.stopped_because in words


def test_a_learning_rate_that_will_lead_to_nan_is_seen_coming(digits):
    (x, y), _ = digits
    trainer = network(*hidden(), *hidden(), *hidden(), nd.Dense(10), optimizer=nd.optimizers.SGD(1000.0))
    finding = only(diagnose(trainer, x[:200], y[:200], steps=30), "nan")
    assert 1 < finding.evidence["step"] == finding.evidence["update"] <= 30
    assert finding.evidence["largest_ratio"] > 1
    assert kinds(trainer, x[:200], y[:200], steps=1) == ["update_too_large"]


def test_a_loss_that_overflows_and_a_gradient_that_does(rng):
    x = rng.standard_normal((20, 3))
    squares = network(nd.Dense(1, name="out"), input_size=3, loss="mean_squared_error")
    finding = only(diagnose(squares, x, np.full((20, 1), 1e30)), "nan")
    assert (finding.layer, finding.evidence["rows"]) == ("loss", 20)
    trainer = network(nd.Dense(4, name="low"), nd.Dense(1, name="out"), input_size=3, loss="mean_absolute_error")
    trainer.model.layer("out").kernel.value = 3e38
    trainer.model.layer("low").kernel.value = 0.0
    finding = only(diagnose(trainer, np.full((200, 3), 1e5), np.zeros((200, 1)) - 1), "nan")
    assert (finding.layer, finding.evidence["backward"]) == ("low", 1)


def test_clipping_that_refuses_nan_does_not_stop_the_diagnosis(digits):
    (x, y), _ = digits
    trainer = network(*hidden(), nd.Dense(10), clipping=nd.clipping.ClipByGlobalNorm(1.0))
    trainer.model.layer("dense_1").bias.value[0] = np.nan
    finding = only(diagnose(trainer, x[:100], y[:100]), "nan")
    assert (finding.layer, finding.evidence["elements"]) == ("dense_1", 1)


# ── data, outcome, updates ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_sample_weights_put_classes_in_balance():
    trainer, x, y = nd.debug.plant("imbalance")
    counts = np.bincount(y, minlength=10)
    assert "imbalance" in kinds(trainer, x, y)
    assert "imbalance" not in kinds(trainer, x, y, sample_weight=1 / np.maximum(counts, 1)[y])


def test_two_classes_out_of_balance(rng):
    trainer = network(nd.Dense(1), input_size=2, loss="binary_cross_entropy")
    x = rng.standard_normal((500, 2))
    assert only(diagnose(trainer, x, (np.arange(500) % 20 == 0) * 1), "imbalance").evidence["share"] == 0.95
    assert "imbalance" not in kinds(trainer, x, (np.arange(500) % 3 == 0) * 1)


def test_classes_that_are_missing_are_counted(digits):
    (x, y), _ = digits
    few = y < 5
    assert only(diagnose(network(*hidden(), nd.Dense(10)), x[few], y[few]), "imbalance").evidence["missing"] == 5


def test_batch_normalization_as_the_first_layer_scales_the_inputs(digits):
    (x, y), _ = digits
    bare, normalized = (network(*first, *hidden(), nd.Dense(10)) for first in ([], [nd.BatchNormalization()]))
    assert "unscaled_inputs" in kinds(bare, x[:500] * 255, y[:500])
    assert kinds(normalized, x[:500] * 255, y[:500]) == []


def test_tiny_inputs(digits):
    (x, y), _ = digits
    report = diagnose(network(*hidden(), nd.Dense(10)), x[:300] / 255, y[:300])
    assert only(report, "unscaled_inputs").evidence["largest"] < 0.01


def test_chance_level_needs_no_history_and_no_classes(rng):
    x, y = rng.standard_normal((200, 4)), rng.standard_normal((200, 1))
    trainer = network(*hidden(), nd.Dense(1), input_size=4, loss="mean_squared_error", optimizer=nd.optimizers.SGD(1e-9))
    for parameter in trainer.model.layer("dense_1").parameters:
        parameter.value = 0.0
    trainer.model.layer("dense_1").bias.value = y.mean()
    for _ in range(30):
        trainer.step(x, y)
    evidence = only(diagnose(trainer, x, y), "chance_level").evidence
    assert evidence["chance"] == pytest.approx(y.var(), rel=1e-5)
    assert evidence["loss"] == pytest.approx(y.var(), rel=1e-3)


def test_a_fresh_network_at_chance_is_well_and_one_that_is_sure_of_the_wrong_is_not_at_chance(digits):
    (x, y), _ = digits
    trainer = network(*hidden(), nd.Dense(10), optimizer="adam")
    assert kinds(trainer, x[:300], y[:300]) == []
    trainer.fit(x[:300], y[:300], epochs=40, verbose=False)
    trainer.model.layer("dense_1").kernel.value *= 100  # still mostly right, at a high loss on other digits
    report = diagnose(trainer, x[300:600], y[300:600])
    assert report.layers[-1].spread > 10
    assert "chance_level" not in report.kinds


def test_statistics_of_other_data_are_found_in_a_network_that_was_loaded(digits, tmp_path):
    (x, y), _ = digits
    trainer = network(nd.Dense(50, use_bias=False), nd.BatchNormalization(name="bn"), nd.Activation("relu"), nd.Dense(10))
    trainer.fit(x[:1000], y[:1000], epochs=3, verbose=False)
    loaded = nd.Trainer(nd.load_model(trainer.model.save(tmp_path / "model.npz")), "softmax_cross_entropy")
    assert kinds(loaded, x[:500], y[:500]) == []
    finding = only(diagnose(loaded, 1 - 3 * x[:500], y[:500]), "cold_statistics")
    assert (finding.layer, finding.evidence["left"]) == ("bn", 0)
    assert "other data" in finding.advice


def test_what_is_frozen_has_no_update_and_no_gradient(digits):
    (x, y), _ = digits
    trainer = network(*hidden(name="low"), *hidden(name="high"), nd.Dense(10, name="outputs"))
    trainer.model.freeze("low")
    report = diagnose(trainer, x[:300], y[:300])
    assert report
    assert {look.name: look.ratio is None for look in report.layers} == {"low": True, "high": False, "outputs": False}


def test_a_network_of_frozen_weights_that_learns_nothing_is_told_to_thaw_them(digits):
    (x, y), _ = digits
    trainer = network(*hidden(name="low"), nd.Dense(10, name="outputs"))
    trainer.model.freeze("low|outputs/kernel")
    trainer.fit(x[:500], y[:500], epochs=10, verbose=False)
    finding = only(diagnose(trainer, x[:500], y[:500]), "chance_level")
    assert finding.advice.startswith("100% of the weights are frozen: train more of them, model.unfreeze(...).")


def test_the_measurements_are_those_of_the_step(digits):
    (x, y), _ = digits
    trainer = network(*hidden(name="low"), nd.Dense(10, name="outputs"), optimizer=nd.optimizers.SGD(0.5))
    report, twin = diagnose(trainer, x[:400], y[:400], steps=1), copy.deepcopy(trainer)
    twin.step(x[:400], y[:400])
    for look in report.layers:
        layer, before = twin.model.layer(look.name), trainer.model.layer(look.name).kernel.value
        assert look.gradient == pytest.approx(np.linalg.norm(layer.kernel.grad), rel=1e-5)
        assert look.arriving == pytest.approx(np.linalg.norm(layer.grad_output), rel=1e-5)
        assert look.ratio == pytest.approx(0.5 * look.gradient / np.linalg.norm(before), rel=1e-4)


# ── nothing is touched, and it reads well ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("updates", [0, 3])
def test_the_trainer_is_left_untouched_to_the_bit(updates):
    trainer, (x, y) = every_trainer("adam"), examples(120)
    for _ in range(updates):
        trainer.step(x, y)
    twin, before = copy.deepcopy(trainer), bits(trainer)
    validation = examples(40)
    diagnose(trainer, x, y, sample_weight=np.ones(120), validation_data=validation)
    assert bits(trainer) == before
    assert [trainer.step(x, y) for _ in range(3)] == [twin.step(x, y) for _ in range(3)]
    assert bits(trainer) == bits(twin)


def test_the_report_prints_and_shows_as_html(planted):
    report = planted("dead_by_bias")
    text, page = str(report), report._repr_html_()
    finding = report.findings[0]
    assert "in activation1" in finding.words
    for part in (finding.words, finding.advice.split(".")[0], finding.read, "hidden units", "‖ΔW‖/‖W‖"):
        assert part in text
    assert repr(report) == text
    assert page.count("<table>") == 2
    assert "<li><b>dead</b> · hidden1" in page
    assert "&lt;" not in text
    assert {"layers", "units"} == set(report.measurements)
    assert finding.kind in str(finding)


def test_an_own_loss_and_a_network_of_one_layer(rng):
    class Absolute:
        def forward(self, outputs, targets, sample_weight=None):
            self.sign = np.sign(outputs - targets) / outputs.size
            return float(np.abs(outputs - targets).mean())

        def backward(self):
            return self.sign

    trainer = network(nd.Dense(1), input_size=2, loss=Absolute())
    report = diagnose(trainer, rng.standard_normal((50, 2)), np.ones((50, 1)))
    assert report
    assert report.gradient == "unknown"
    assert any("chance level was not looked at" in note for note in report.notes)


VALID = plain_trainer(), np.zeros((3, 6)), np.zeros(3, int)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((nd.Sequential([nd.Dense(1)], 1), [[1.0]], [0]), TypeError, r"be a Trainer, .*, got an object of type Sequential"),
        ((plain_trainer(), np.zeros((3, 5)), np.zeros(3, int)), ValueError, r"x must have the shape \(n, 6\), got \(3, 5\)"),
        ((plain_trainer(), np.zeros((3, 6)), np.zeros(2, int)), ValueError, "x has 3 rows, y has shape"),
        ((plain_trainer(), np.zeros((3, 6)), np.full(3, 7)), ValueError, "diagnose: y: .*labels must lie in 0 to 2"),
        ((plain_trainer(), np.zeros((3, 6)), np.zeros(3, int), np.zeros(3)), ValueError, "every sample_weight is 0"),
        ((plain_trainer(), np.zeros((3, 6)), np.zeros(3, int), None, 0), ValueError, "steps must be an integer"),
        ((plain_trainer(), [["a"] * 6], [0]), TypeError, "x must hold numbers"),
        ((*VALID, None, 1, 5), TypeError, r"validation_data must be \(x, y\)"),
        ((*VALID, None, 1, (np.zeros((2, 6)), np.zeros(3, int))), ValueError, "validation_data: x has 2 rows"),
        ((*VALID, None, 1, (np.full((2, 6), np.nan), np.zeros(2, int))), ValueError, "validation_data"),
    ],
)
def test_errors_at_the_door(arguments, error, words):
    with pytest.raises(error, match=f"diagnose: .*{words}" if not words.startswith("diagnose") else words):
        diagnose(*arguments)


def test_nothing_to_train_is_an_error():
    trainer = plain_trainer()
    trainer.model.freeze(".*")
    with pytest.raises(ValueError, match="nothing to train"):
        diagnose(trainer, *examples(10))


# ── the command line ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_command_line_tells_well_from_ill_by_its_exit_code(digits, tmp_path, capsys):
    (x, y), _ = digits
    trainer = network(*hidden(), nd.Dense(10), optimizer="adam")
    trainer.fit(x[:1000], y[:1000], epochs=1, verbose=False)
    well, model = trainer.save(tmp_path / "well.npz"), trainer.model.save(tmp_path / "model.npz")
    trainer.model.layer("dense").bias.value[:25] = -50
    ill = trainer.save(tmp_path / "ill.npz")
    assert [main(["diagnose", str(path)]) for path in (well, model, ill)] == [0, 0, 1]
    assert "of 50 units never fire" in capsys.readouterr().out


def test_the_command_line_shows_planted_faults_and_refuses_nonsense(tmp_path, capsys):
    assert main(["diagnose", "--fault", "nan_in_inputs"]) == 1
    assert "planted: two rows have NaN" in capsys.readouterr().out
    assert main(["diagnose"]) == 2
    assert main(["diagnose", str(tmp_path / "none.npz")]) == 2
    assert main(["diagnose", "some.npz", "--fault", "imbalance"]) == 2
    assert "npdeep diagnose" in capsys.readouterr().err
    assert main(["diagnose", "--fault", "zero"]) == 2
    assert "--fault: unknown fault 'zero'; did you mean 'zeros'?" in capsys.readouterr().err


def test_units_that_are_all_alike_are_named():
    (x, y), _ = nd.datasets.mnist_sample()
    trainer = network(*hidden(20, "sigmoid"), nd.Dense(10))
    assert "symmetric" not in kinds(trainer, x[:300], y[:300])
    trainer.model.layers[0].kernel.value = 0.0
    assert "symmetric" not in kinds(trainer, x[:300], y[:300])  # what goes out parts them
    trainer.model.layers[2].kernel.value = 0.5
    trainer.fit(x[:300], y[:300], epochs=2, verbose=False)
    (finding,) = [f for f in diagnose(trainer, x[:300], y[:300]).findings if f.kind == "symmetric"]
    assert (finding.layer, finding.evidence["units"]) == (trainer.model.layers[0].name, 20)
