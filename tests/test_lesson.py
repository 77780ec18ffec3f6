"""The lesson: it trains what it says, says what it measured, and every sentence follows from the tables."""

import base64
import dataclasses
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import npdeep as nd
from npdeep.history import History
from npdeep.teaching.lesson import chosen, gradients, measure, networks, sentences, table, units, verdict
from npdeep.teaching.lesson.figures import PICTURES
from npdeep.teaching.lesson.measure import Look, Result
from npdeep.teaching.lesson.networks import NETWORKS

EPOCHS, UPDATES = 40, 4000


def history(loss=0.02, accuracy=0.99, test=0.93, early=None, falls=True) -> History:
    """A made-up record of 40 epochs; early: the test accuracy until 2,500 updates."""
    records = []
    for epoch in range(1, EPOCHS + 1):
        now = loss * (2 - epoch / EPOCHS) if falls else loss
        seen = test if early is None or epoch > 25 else early
        records.append({"epoch": epoch, "updates": 100 * epoch, "loss": now, "accuracy": accuracy, "val_accuracy": seen})
    return History(records)


AFTER = Look([0.05, 0.1], [1.0, 1.0])


def result(
    title="ReLU, He", ratio=1.0, signal=1.0, loss=0.3, train=0.99, test=0.93, saturated=0.0, squashes=False, compared=True,
    after=AFTER, early=None, falls=True, cut=False,
) -> Result:  # fmt: skip
    """A made-up row of the tables."""
    before = Look([ratio * 0.2, *[0.2] * 10], [1.0, signal], saturated, 0.05)
    record = history(loss, train, test, early, falls)
    vars(record)["stopped_because"] = "interrupted" if cut else ""
    way = {0: before, UPDATES: after}
    return Result(title, compared, squashes, before, after, loss, train, test, UPDATES, record, way)


@pytest.fixture(scope="module")
def short_lesson(tmp_path_factory):
    """The lesson, two epochs a network."""
    folder = tmp_path_factory.mktemp("lesson")
    lines: list[str] = []
    results = nd.lesson.run(folder, epochs=2, seed=42, say=lines.append)
    return folder, lines, results


# ── the networks ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_deep_networks_have_equal_shapes_and_optimizers_and_one_network_is_apart():
    deep = [network for network in NETWORKS if network.compared]
    shapes = {tuple(p.shape for p in n.model(0).parameters if p.name.endswith("kernel")) for n in deep}
    assert len(deep) == 7
    assert shapes == {((784, 100), *[(100, 100)] * 9, (100, 10))}
    assert {repr(network.optimizer()) for network in deep} == {"SGD(learning_rate=0.05)"}
    assert [n.title for n in NETWORKS if not n.compared] == ["784-300-100-10"]


def kinds(network):
    return {type(layer).__name__ for layer in network.model(0).everything()}


def test_residual_and_layer_normalization_are_among_the_cures():
    by_title = {n.title: n for n in NETWORKS}
    assert "Residual" in kinds(by_title["logistic, Glorot, residual"])
    assert "LayerNormalization" in kinds(by_title["ReLU, He, layer norm"])
    plain, shortcut = (by_title[t].model(1) for t in ("logistic, Glorot", "logistic, Glorot, residual"))
    spreads = [[p.value.std() for p in m.parameters if p.name.endswith("kernel")] for m in (plain, shortcut)]
    np.testing.assert_allclose(*spreads, rtol=0.1)     # weights from the same distributions: the shortcut is the difference


def test_depth_and_width_are_those_of_all_deep_networks():
    for network in networks(depth=3, width=7):
        shapes = [p.shape for p in network.model(0).parameters if p.name.endswith("kernel")]
        assert shapes == [(784, 7), (7, 7), (7, 7), (7, 10)]


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("residual", [False, True])
def test_options_make_a_network_of_ones_own(normalization, residual):
    yours, bad, good = chosen(4, 9, "tanh", "glorot_uniform", normalization, residual)
    assert (yours.title, bad.title, good.title) == ("yours", "logistic, Glorot", "ReLU, He")
    found = kinds(yours)
    assert ("Residual" in found) == residual
    assert found & {"BatchNormalization", "LayerNormalization"} == {
        "none": set(), "batch": {"BatchNormalization"}, "layer": {"LayerNormalization"},
    }[normalization]  # fmt: skip
    assert all(part in yours.what for part in ["tanh", "GlorotUniform", *["residual"] * residual])


@pytest.mark.parametrize("name", [n for n, rule in nd.activations.RULES.items() if not rule.whole_row and n != "threshold"])
def test_every_activation_that_works_unit_by_unit_can_be_asked_for(name):
    assert nd.Activation(name).activation in chosen(2, 5, name)[0].what


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": 0}, "lesson: depth must be .* at least 1, got 0"),
        ({"depth": 101}, "lesson: depth must be at most 100, .* got 101"),
        ({"width": 2.5}, "lesson: width must be"),
        ({"width": 5000}, "lesson: width must be at most 2,000"),
        ({"activation": "softmax"}, "lesson: activation must be one that works unit by unit, .* softmax mixes"),
        ({"activation": "rleu"}, "did you mean .relu.|relu"),
        ({"activation": "threshold"}, "lesson: this network cannot be made: .*threshold"),
        ({"initializer": "xavier_glorot"}, "lesson: unknown initializer"),
        ({"initializer": "identity"}, None),
        ({"normalization": "group"}, "lesson: unknown normalization"),
        ({"residual": True, "depth": 1}, "lesson: residual puts a shortcut .* give a depth of at least 2"),
        ({"residual": 1}, "lesson: residual must be True or False"),
        ({"epochs": 0}, "lesson: epochs must be .* at least 1, got 0"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_made(options, said, tmp_path):
    if said is None:
        chosen(**options)
        return
    with pytest.raises((ValueError, TypeError), match=said):
        nd.lesson.run(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


# ── what is measured and written ──────────────────────────────────────────────────────────────────────────────────────
def test_tables_and_sentences_report_what_was_measured(short_lesson):
    _, lines, results = short_lesson
    text = " ".join("\n".join(lines).split())
    for r in results:
        assert f"{r.before.last:.1e} {r.before.first:.1e}" in text
        right = [f"{100 * share:.1f} %" for share in (r.train_accuracy, r.accuracy)]
        assert f"it is right on {right[0]} of the training digits and {right[1]} of the test digits" in text
        assert r.history.last["val_accuracy"] == pytest.approx(r.accuracy)
        assert next(iter(r.way)) == 0
        assert list(r.way)[-1] == r.updates == 200


def test_the_measure_is_the_gradient_that_arrives_as_diagnose_has_it(digits):
    (x, y), _ = digits
    trainer = nd.Trainer(NETWORKS[1].model(42), "softmax_cross_entropy")
    norms = nd.debug.gradient_norms(nd.debug.snapshot(trainer, x[:500], y[:500]))
    (found,) = [f for f in nd.debug.diagnose(trainer, x[:500], y[:500]).findings if f.kind == "vanishing"]
    assert (norms["hidden1"], norms["outputs"]) == pytest.approx((found.evidence["first"], found.evidence["last"]), rel=1e-3)


def test_the_gradient_vanishes_where_it_should_and_a_shortcut_brings_it_back(short_lesson):
    by_title = {r.title: r for r in short_lesson[2]}
    assert 1e-8 < by_title["logistic, Glorot"].before.ratio < 1e-5
    assert by_title["logistic, Glorot"].before.signal < 1e-5
    assert by_title["logistic, N(0, 1)"].before.saturated > 0.5
    assert by_title["logistic, 4 × Glorot"].before.ratio > 100 * by_title["logistic, Glorot"].before.ratio
    for healthy in ("logistic, Glorot, residual", "ReLU, He", "ReLU, He, layer norm", "ELU, He, batch norm"):
        assert 0.1 < by_title[healthy].before.ratio < 10
        assert by_title[healthy].accuracy > 0.4 > by_title["logistic, Glorot"].accuracy


def test_the_tables_fit_80_columns(short_lesson):
    for shown in (gradients, table, units):
        lines = shown(short_lesson[2]).text(80).splitlines()
        assert max(map(len, lines)) <= 80
        assert "" not in lines                # a blank line would part the columns into two blocks


def test_figures_and_page_are_written_before_the_tables(short_lesson):
    folder, lines, _ = short_lesson
    names = [*(picture.name for picture in PICTURES), "index.html"]
    assert {path.name for path in folder.iterdir()} == set(names)
    wrote = [line for line in lines if line.startswith("wrote")]
    assert [re.search(r"[^/\\]+\.(png|html)", line)[0] for line in wrote] == names
    assert lines.index(wrote[-1]) < min(i for i, line in enumerate(lines) if "Before training, on 500" in line)
    for picture in PICTURES:
        with Image.open(folder / picture.name) as image:
            assert image.size == (1280, 720)


def test_the_chapters_network_reaches_93_percent():
    training, test = nd.datasets.mnist_sample()
    learnt = nd.lesson.train(NETWORKS[-1], training, test, epochs=40, seed=42)
    assert learnt.updates == 2500
    assert learnt.accuracy >= 0.93


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that every tag is closed in turn, and collects what a browser would fetch."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.ids, self.links, self.headings, self.text = [], [], [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        assert len(given) == len(attrs)
        assert not any(name.startswith("on") for name in given)
        assert tag not in ("script", "link", "iframe", "object", "form")
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        if tag == "img":
            self.images.append(given)
        if tag == "a":
            self.links.append(given["href"])
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        if tag == "th":
            assert given["scope"] in ("col", "row")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(short_lesson):
    folder, _, results = short_lesson
    text = (folder / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert not re.findall(r"https?:|url\(|@import|//[a-z]", re.sub(r'src="data:[^"]*"', "", text))
    assert "prefers-color-scheme: dark" in text
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert page.headings[0] == "h1"
    assert set(page.headings[1:]) == {"h2"}
    for said in sentences(results):
        assert said in page.text
    for cell in (cell for shown in (gradients, table, units) for row in shown(results).rows for cell in row):
        assert cell in page.text


def test_alternative_texts_are_made_of_the_numbers(short_lesson):
    folder, _, results = short_lesson
    images = Page((folder / "index.html").read_text(encoding="utf-8")).images
    assert len(images) == len(PICTURES)
    for picture, image in zip(PICTURES, images, strict=True):
        assert image["alt"] == picture.words(results)
        assert base64.b64decode(image["src"].partition(",")[2]) == (folder / picture.name).read_bytes()
    altered = [dataclasses.replace(results[0], before=Look([7e-5, 3.0]), history=history(loss=0.77, test=0.123))]
    assert "3.0e+00 → 7.0e-05" in PICTURES[0].words(altered)
    assert "→ 0.770" in PICTURES[3].words(altered)
    assert "12.3 %" in PICTURES[4].words(altered)


def test_the_page_takes_strange_words(tmp_path):
    from npdeep.teaching.lesson import page

    for picture in PICTURES:
        stream = BytesIO()
        Image.new("L", (2, 2)).save(stream, "png")
        (tmp_path / picture.name).write_bytes(stream.getvalue())
    Page(page.page([result('<script>"&__SECTIONS__')], ["<b>__CONTENTS__", "<i>"], tmp_path))


# ── the figures ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_figures_draw_the_numbers_and_label_the_lines(short_lesson):
    results = short_lesson[2]
    titles = [r.title for r in results]
    for picture, wanted in (
        (PICTURES[0], lambda r: r.before.norms),
        (PICTURES[1], lambda r: r.before.spreads),
        (PICTURES[2], lambda r: [look.ratio for look in r.way.values()]),
        (PICTURES[3], lambda r: r.history["loss"]),
    ):
        (ax,) = picture.draw(results).axes
        lines = {line.get_label(): line for line in ax.get_lines() if not line.get_label().startswith("_")}
        assert list(lines) == titles
        for r in results:
            np.testing.assert_allclose(lines[r.title].get_ydata(), wanted(r))
        assert sorted(text.get_text() for text in ax.texts) == sorted(titles)
        assert ax.get_yscale() == "log"
        assert ax.get_legend() is None
    training, test = PICTURES[4].draw(results).axes
    for ax, key in ((training, "accuracy"), (test, "val_accuracy")):
        for r, line in zip(results, ax.get_lines(), strict=True):
            np.testing.assert_allclose(line.get_ydata(), r.history[key])


def test_a_network_that_has_diverged_is_drawn_and_told(tmp_path):
    nan = Look([float("nan")] * 11, [float("nan")] * 10)
    gone = dataclasses.replace(result("gone", loss=float("nan"), train=0.1, test=0.1), after=nan, way={0: nan, 4000: nan})
    for picture in PICTURES:
        picture.draw([gone, result()])
    assert "it has diverged" in sentences([gone, result()])[0]


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_of_a_network_that_has_diverged_no_share_of_units_is_told(number):
    trainer = nd.Trainer(NETWORKS[4].model(0), "softmax_cross_entropy")
    trainer.model.parameters[0].value[:] = number
    gone = dataclasses.replace(result(), after=measure.look(trainer, (np.ones((20, 784), np.float32), np.arange(20) % 10)))
    assert "not a number" in str(units([gone]))
    assert np.isnan([gone.after.saturated, gone.after.dead]).all()


@pytest.mark.parametrize("depth", [1, 2])
def test_no_network_is_there_under_two_names(depth):
    made = [str(network.model(0).layers) for network in networks(depth)]
    start = [network.model(0).parameters[0].value.tobytes() for network in networks(depth)]
    assert len(set(zip(made, start, strict=True))) == len(made)


# ── every sentence follows from the tables ────────────────────────────────────────────────────────────────────────────
BEST = result("the best", train=1.0)
SLOW = "it learns slowly, 14 points behind the best of its shape on the training digits"
LEARNT = (
    "It has learnt next to all there is, so its gradient is small: at the last layer 100 times smaller than before training"
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": 0.92, "test": 0.67}, "it fits, but does not generalize (a gap of 25 points)"),
        ({"train": 0.92, "test": 0.83}, "it learns"),
        ({"train": 1.0, "test": 0.93}, "it learns"),
        ({"train": 0.86, "test": 0.8}, SLOW),
        ({"train": 0.86, "test": 0.6}, f"{SLOW}, and generalizes badly (a gap of 26 points)"),
        ({"train": 0.86, "test": 0.8, "falls": False}, "its loss hardly falls"),
        ({"train": 0.86, "test": 0.8, "compared": False}, "it is still learning"),
        ({"train": 0.107, "test": 0.1}, "near the 10 % of guessing: it has not learnt"),
        ({"train": 0.107, "test": 0.1, "loss": float("inf")}, "it has diverged"),
        ({"train": 0.5, "test": 0.5, "cut": True}, "it was interrupted there"),
    ],
)
def test_the_verdict_follows_from_the_table(change, said):
    altered = result("altered", **change)
    assert verdict(altered, [BEST, altered]) == said
    assert said in sentences([BEST, altered])[1]


def test_equal_numbers_get_equal_verdicts_whatever_the_network():
    for short in ({"train": 0.85, "test": 0.84}, {"train": 0.95, "test": 0.94}):
        alike = [result("a", **short), result("b", compared=False, **short)]
        assert len({verdict(r, alike) for r in alike}) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ratio": 1e-6}, "‖∂L/∂z‖ shrinks by a factor of 1,000,000 on its way back: it vanishes"),
        ({"ratio": 1e-9}, r"‖∂L/∂z‖ shrinks by a factor of 10\^9.0 on its way back: it vanishes"),
        ({"ratio": 0.02}, "‖∂L/∂z‖ shrinks by a factor of 50 on its way back[.]"),
        ({"ratio": 1.5}, r"‖∂L/∂z‖ keeps its size on its way back \(× 1.5\)"),
        ({"ratio": 40.0}, "‖∂L/∂z‖ grows by a factor of 40 on its way back[.]"),
        ({"ratio": 1e5}, "‖∂L/∂z‖ grows by a factor of 100,000 on its way back: it explodes"),
        ({"ratio": 0.0}, "is 0 or not a number"),
        ({"ratio": float("nan")}, "is 0 or not a number"),
        ({"signal": 1e-4}, "the digits become alike: their spread is divided by 10,000"),
        ({"saturated": 0.62, "squashes": True}, "62 % of the hidden outputs are saturated and"),
        ({"loss": 0.001, "after": Look([1e-3, 2e-3])}, rf"{LEARNT}; it has not vanished on its way back \(÷ 2.0\)[.]"),
        ({"loss": 0.001, "after": Look([1e-6, 2e-3])}, rf"{LEARNT} \(÷ 2,000\)[.]"),
    ],
)
def test_the_sentences_change_with_the_table(change, said):
    altered = result("the altered one", **change)
    assert re.search(said, sentences([BEST, altered])[1])
    unaltered = sentences([BEST, result("the altered one")])[1]
    assert not re.search(said, unaltered)


@pytest.mark.parametrize("change", [{"loss": 0.4}, {"after": Look([0.05, 0.1])}, {"cut": True}])
def test_a_small_gradient_is_explained_only_where_all_is_learnt_and_it_is_small(change):
    given = {"loss": 0.001, "after": Look([1e-3, 2e-3])} | change
    assert "learnt next to all" not in sentences([result(**given)])[0]


def test_a_saturated_rectifier_is_not_called_saturated():
    assert "saturated" not in sentences([result(saturated=0.6, squashes=False)])[0]


def test_the_contrast_is_drawn_only_where_there_is_one():
    good, bad = result("good", test=0.9), result("bad", ratio=1e-6, train=0.1, test=0.1)
    between = result("between", ratio=0.02, test=0.7)
    said = " ".join(sentences([good, bad]))
    assert 'Where the gradient vanishes ("bad"), 10.0 % of the test digits are right' in said
    assert 'where it keeps its size ("good"), 90.0 %.' in said
    assert 'the difference between 10.0 % ("bad") and 90.0 % ("good") of the test digits' in said
    assert "In between" not in said
    assert 'In between, or where it grows: "between" (÷ 50) 70.0 %.' in sentences([good, bad, between])
    assert not any("Where the gradient vanishes" in s for s in sentences([good, good]))
    assert len(sentences([good])) == 1


def test_networks_that_tie_are_all_named():
    said = sentences([result(title, test=share) for title, share in zip("abcd", (0.1, 0.1, 0.9, 0.9), strict=True)])
    assert any('between 10.0 % ("a" and "b") and 90.0 % ("c" and "d")' in s for s in said)


@pytest.mark.parametrize(
    ("train", "why"),
    [
        (0.92, "On the training digits it is ahead (92.0 % and 86.0 %): it lacks generalization, not gradient."),
        (0.7, "On the training digits it is behind as well (70.0 % and 86.0 %)."),
    ],
)
def test_a_network_that_keeps_more_gradient_and_ends_behind_is_taken_up(train, why):
    kept, lost = result("kept", ratio=0.8, train=train, test=0.67), result("lost", ratio=1 / 190, train=0.86, test=0.8)
    (said,) = [s for s in sentences([kept, lost]) if "does not settle" in s]
    assert '"kept" keeps its size better (÷ 1.2) than "lost" (÷ 190) and is right on fewer test digits' in said
    assert "(67.0 % and 80.0 %)" in said
    assert said.endswith(why)
    for fair in (dataclasses.replace(kept, accuracy=0.79), dataclasses.replace(kept, updates=10)):
        assert not any("does not settle" in s for s in sentences([fair, lost]))


def test_what_changes_its_order_with_the_length_of_training_is_said():
    falls_back, catches_up = result("a", test=0.67, early=0.62), result("b", test=0.8, early=0.55)
    (said,) = [s for s in sentences([falls_back, catches_up]) if "The order changes" in s]
    assert said == (
        'The order changes with the length of training: after 2,500 updates "a" is right on more test digits than "b" (62.0 % '
        "and 55.0 %), after 4,000 on fewer (67.0 % and 80.0 %)."
    )
    for steady in (result("b", test=0.8, early=0.7), result("b", test=0.68, early=0.55)):
        assert not any("The order changes" in s for s in sentences([falls_back, steady]))


def test_networks_apart_are_not_compared():
    apart = result("apart", test=0.99, compared=False)
    said = sentences([result("a", test=0.9), result("b", test=0.89), apart])
    assert said[2].endswith("it learns; it has another shape and optimizer, and is not compared with the others.")
    assert not any("99.0" in s or '"apart"' in s for s in said[3:])


def test_the_table_shows_saturated_or_dead_shares():
    text = str(units([result("logistic", saturated=0.5, squashes=True), result("relu")]))
    assert "50% → 0% saturated" in text
    assert "5% → 0% dead" in text


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
    assert "it was interrupted there" in " ".join("\n".join(lines).split())
    assert nd.lesson.run(tmp_path / "none", say=lines.append, stopped=lambda: True) == []
