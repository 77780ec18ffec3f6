"""The lesson: it trains what it says, and says what it measured."""

import dataclasses
import re

import pytest

import npdeep as nd
from npdeep.teaching.lesson.measure import Look, Result
from npdeep.teaching.lesson.networks import NETWORKS
from npdeep.teaching.lesson.words import sentences, table


def result(title="ReLU, He", ratio=1.0, accuracy=0.93, saturated=0.0, squashes=False, compared=True) -> Result:
    """A made-up row of the table."""
    before = Look([ratio, *[1.0] * 10], saturated, 0.05)
    return Result(title, compared, squashes, before, Look([0.1, 0.2], saturated, 0.01), accuracy, 4000, 2.5)


@pytest.fixture(scope="module")
def short_lesson(tmp_path_factory):
    """The lesson, two epochs a network."""
    folder = tmp_path_factory.mktemp("lesson")
    lines: list[str] = []
    results = nd.lesson.run(folder, epochs=2, seed=42, say=lines.append)
    return folder, lines, results


def test_it_trains_five_deep_networks_of_equal_shape_with_equal_optimizers_and_one_apart():
    deep = [network for network in NETWORKS if network.compared]
    shapes = {tuple(p.shape for p in n.model(0).parameters if p.name.endswith("kernel")) for n in deep}
    assert len(deep) == 5
    assert shapes == {((784, 100), *[(100, 100)] * 9, (100, 10))}
    assert {repr(network.optimizer()) for network in deep} == {"SGD(learning_rate=0.05)"}
    assert [n.title for n in NETWORKS if not n.compared] == ["784-300-100-10"]


def test_table_and_sentences_report_what_was_measured(short_lesson):
    _, lines, results = short_lesson
    text = "\n".join(lines)
    for r in results:
        assert f"{r.before.ratio:.1e}" in text
        assert f"{r.accuracy:.1%}" in text
    sentences = " ".join(text.split())
    for r in results:
        assert f"after {r.updates:,} updates it is right on {100 * r.accuracy:.1f} % of the test digits" in sentences


def test_the_logistic_network_with_glorot_loses_six_orders_of_magnitude_and_the_naive_one_saturates(short_lesson):
    by_title = {r.title: r for r in short_lesson[2]}
    assert 3e-7 < by_title["logistic, Glorot"].before.ratio < 1e-5
    assert by_title["logistic, N(0, 1)"].before.saturated > 0.5
    assert by_title["logistic, N(0, 1)"].before.ratio > 1e-3
    assert by_title["logistic, 4 × Glorot"].before.ratio > 100 * by_title["logistic, Glorot"].before.ratio
    for healthy in ("ReLU, He", "ELU, He, batch norm"):
        assert 0.1 < by_title[healthy].before.ratio < 10
        assert by_title[healthy].accuracy > 0.5


def test_the_figures_are_written(short_lesson):
    folder, lines, _ = short_lesson
    names = {"gradient_norms.png", "activation_histograms.png", "activation_functions.png", "learning_curves.png"}
    assert {path.name for path in folder.iterdir()} == names
    for name in names:
        assert (folder / name).stat().st_size > 20_000
        assert any(line.startswith("wrote") and line.endswith(name) for line in lines)


def test_the_chapters_network_reaches_93_percent():
    training, test = nd.datasets.mnist_sample()
    learned = nd.lesson.train(NETWORKS[-1], training, test, epochs=25, seed=42)
    assert learned.accuracy >= 0.93


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ratio": 1e-6}, "shrinks by 6.0 orders of magnitude on its way back: it vanishes"),
        ({"ratio": 0.02}, r"shrinks 50-fold on its way back \(1.7 orders of magnitude\)"),
        ({"ratio": 1.5}, "is 1.5 times the last one's: it keeps its size"),
        ({"ratio": 40.0}, "grows 40-fold on its way back"),
        ({"ratio": 1e5}, "grows by 5.0 orders of magnitude on its way back: it explodes"),
        ({"ratio": 0.0}, "is 0 or not a number"),
        ({"ratio": float("nan")}, "is 0 or not a number"),
        ({"saturated": 0.62, "squashes": True}, "62 % of the hidden outputs are saturated and the"),
        ({"accuracy": 0.101}, "right on 10.1 % .* near the 10 % of guessing: it has not learned"),
        ({"accuracy": 0.55}, "38 points behind the best of its shape: it learns slowly"),
        ({"accuracy": 0.92}, "right on 92.0 % of the test digits: it learns"),
    ],
)
def test_the_sentences_change_with_the_table(change, said):
    altered = result("the altered one", **change)
    best = result("the best", accuracy=0.93)
    assert re.search(said, sentences([best, altered])[1])
    others = [s for s in sentences([best, result("the altered one")]) if re.search(said, s) and "best" not in s]
    assert change == {"ratio": 1.5} or "accuracy" in change or not others


def test_a_saturated_rectifier_is_not_called_saturated():
    assert "saturated" not in sentences([result(saturated=0.6, squashes=False)])[0]


def test_the_contrast_is_drawn_only_where_there_is_one():
    good, bad = result("good", ratio=1.0, accuracy=0.9), result("bad", ratio=1e-6, accuracy=0.1)
    contrast = 'Where the gradient vanishes ("bad") the accuracy is 10.0 %; where it keeps its size ("good") it is 90.0 %.'
    assert contrast in sentences([good, bad])
    assert not any("Where the gradient vanishes" in s for s in sentences([good, good]))
    assert any('10.0 % ("bad") and 90.0 % ("good")' in s for s in sentences([good, bad]))
    assert len(sentences([good])) == 1


def test_networks_that_tie_are_all_named():
    said = sentences([result(title, accuracy=share) for title, share in zip("abcd", (0.1, 0.1, 0.9, 0.9), strict=True)])
    assert 'between 10.0 % ("a" and "b") and 90.0 % ("c" and "d")' in said[-1]


def test_networks_apart_are_not_compared():
    apart = result("apart", accuracy=0.99, compared=False)
    said = sentences([result("a", accuracy=0.9), result("b", accuracy=0.89), apart])
    assert "it learns." in said[0]
    assert "99.0" not in said[-1]
    assert "it learns; it has another shape and optimizer, and is not compared with the others." in said[2]


def test_the_table_shows_saturated_or_dead_shares():
    squashing = result("logistic", saturated=0.5, squashes=True)
    text = str(table([squashing, dataclasses.replace(result("relu"))]))
    assert "50% → 50% saturated" in text
    assert "5% → 1% dead" in text


def test_an_interrupted_lesson_tells_what_was_learned_so_far(tmp_path):
    asked = []
    lines: list[str] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 150

    results = nd.lesson.run(tmp_path / "cut", epochs=2, say=lines.append, stopped=stopped)
    assert len(results) == 1
    assert 0 < results[0].updates < 200
    assert results[0].history.stopped_because == "interrupted"
    assert any("logistic, N(0, 1): at the start" in line for line in lines)
    assert nd.lesson.run(tmp_path / "none", say=lines.append, stopped=lambda: True) == []


def test_the_lesson_refuses_senseless_epochs(tmp_path):
    with pytest.raises(ValueError, match="lesson: epochs must be a whole number of at least 1, got 0"):
        nd.lesson.run(tmp_path, epochs=0)
