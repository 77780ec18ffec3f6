"""The page to click through: what it holds, that nothing is changed by writing it, and that it works in a browser."""

import base64
import copy
import json
import re
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from helpers_browser import CHROMIUM, WHY_SKIPPED, drive
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.command_line.main import main
from npdeep.debug.recorded import recorded
from npdeep.debug.symbols import symbol

DRIVER = Path(__file__).with_name("walk_page_driver.js")
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason=WHY_SKIPPED)


def written(tmp_path, trainer, batch, **options):
    """The path of the page, and the data embedded in it."""
    path = nd.plots.walk_page(trainer, *batch, tmp_path / "step.html", **options)
    return path, embedded(path)


def embedded(path):
    text = path.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def values(entry):
    kind = {32: "<f4", 64: "<f8"}[entry["bits"]]
    return np.frombuffer(base64.b64decode(entry["values"]), kind).reshape(entry["shown"])


def digits(n):
    (x, y), _ = nd.datasets.mnist_sample()
    return x[:n], y[:n]


def digit_trainer(*units, **options):
    stack = [layer for n in units for layer in (nd.Dense(n), nd.Activation("relu"))]
    model = nd.Sequential([*stack, nd.Dense(10, name="outputs")], input_size=784, seed=1)
    return nd.Trainer(model, "softmax_cross_entropy", **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_page_holds_every_operation_with_all_digits(tmp_path, dtype):
    trainer = every_trainer(nd.optimizers.Adam(0.01), dtype=dtype)
    _, data = written(tmp_path, trainer, examples(10))
    events = list(recorded(trainer, *examples(10)))
    assert [(o["stage"], o["name"]) for o in data["operations"]] == [(e.stage, e.name) for e in events]
    for operation, event in zip(data["operations"], events, strict=True):
        assert operation["formula"] == event.formula.lines
        assert operation["latex"] == event.formula.latex
        assert [entry["name"] for entry in operation["arrays"]] == list(event.arrays)
        for entry in operation["arrays"]:
            array, kept = event.arrays[entry["name"]], data["arrays"][entry["array"]]
            assert kept["shape"] == list(array.shape)
            assert kept["every"] == [1, 1]
            assert np.array_equal(values(kept).ravel(), array.ravel())
            assert kept["stats"]["max"] == f"{array.max():.4g}"


def test_recorded_events_are_those_of_a_walk():
    walker = every_trainer(nd.optimizers.Adam(0.01))
    before = walker.model.arena.values.copy()
    for kept, live in zip(recorded(walker, *examples(10)), copy.deepcopy(walker).walk(*examples(10)), strict=True):
        assert (kept.stage, kept.name, kept.formula, kept.function) == (live.stage, live.name, live.formula, live.function)
        if live.stage not in ("clip", "update"):
            assert all(np.array_equal(kept.arrays[name], array) for name, array in live.arrays.items())
        else:
            grads = [kept.arrays[f"grad of {p.name}"].ravel() for p in walker.model.trainable_variables()]
            assert np.array_equal(np.concatenate(grads), live.arrays["grads"])
        if live.stage == "update":
            for slot in ("m", "v"):
                slots = [kept.arrays[f"{slot} of {p.name}"].ravel() for p in walker.model.trainable_variables()]
                assert np.array_equal(np.concatenate(slots), live.arrays[slot])
            for p in walker.model.trainable_variables():
                change = kept.arrays[p.name] - before[p.span].reshape(p.shape)
                assert np.array_equal(kept.arrays[f"change of {p.name}"], change)


def test_writing_a_page_leaves_the_trainer_untouched(tmp_path):
    trainer, twin = every_trainer(), every_trainer()
    trainer.step(*examples(10))
    twin.step(*examples(10))
    before = bits(trainer)
    grads = trainer.model.arena.grads.tobytes()
    written(tmp_path, trainer, examples(7, seed=3))
    assert bits(trainer) == before
    assert trainer.model.arena.grads.tobytes() == grads
    assert trainer.step(*examples(10)) == twin.step(*examples(10))
    assert bits(trainer) == bits(twin)


def test_large_arrays_are_cut_and_the_statistics_are_of_the_whole(tmp_path):
    trainer = digit_trainer(300, 100, optimizer="adam")
    path, data = written(tmp_path, trainer, digits(20))
    assert path.stat().st_size < 2_000_000
    entry = next(e for e in data["operations"][0]["arrays"] if e["name"] == "kernel")
    kept, kernel = data["arrays"][entry["array"]], trainer.model.layers[0].kernel.value
    assert kept["shape"] == [300, 784]          # one picture per unit
    assert kept["every"] == [6, 1]
    assert kept["shown"] == [50, 784]
    assert np.array_equal(values(kept), kernel.T[::6])
    assert kept["stats"]["norm"] == f"{np.linalg.norm(kernel.astype(float)):.4g}"
    assert kept["largest"] == np.abs(kernel).max()
    assert np.abs(kernel.T[::6]).max() < kept["largest"]
    _, fewer = written(tmp_path, trainer, digits(20), rows=5)
    assert max(kept["shown"][0] for kept in fewer["arrays"]) <= 5


def test_wide_arrays_are_cut_too(tmp_path):
    model = nd.Sequential([nd.Dense(2)], input_size=2000, seed=0)
    _, data = written(tmp_path, nd.Trainer(model, "mean_squared_error"), (np.ones((3, 2000)), np.ones((3, 2))))
    kept = data["arrays"][data["operations"][0]["arrays"][0]["array"]]
    assert (kept["shape"], kept["every"], kept["shown"]) == ([3, 2000], [1, 3], [3, 667])


def test_an_array_that_comes_up_again_is_stored_once(tmp_path):
    _, data = written(tmp_path, plain_trainer(), examples(5))
    places = {(o["stage"], o["name"], e["name"]): e["array"] for o in data["operations"] for e in o["arrays"]}
    assert places["forward", "hidden", "output"] == places["forward", "activation", "input"]
    assert places["backward", "outputs", "grad_input"] == places["backward", "activation", "grad_output"]
    assert len({json.dumps(a) for a in data["arrays"]}) == len(data["arrays"]) < len(places)


def test_nan_and_infinity_are_kept_and_counted(tmp_path):
    trainer = plain_trainer()
    trainer.model.layer("hidden").kernel.value[0, 0] = np.nan
    trainer.model.layer("hidden").kernel.value[1, 1] = -np.inf
    with np.errstate(all="ignore"):
        _, data = written(tmp_path, trainer, examples(5))
    kernel = data["arrays"][data["operations"][0]["arrays"][1]["array"]]
    assert np.isnan(values(kernel)[0, 0])
    assert values(kernel)[1, 1] == -np.inf
    assert kernel["stats"]["not finite"] == "2"
    assert np.isfinite(kernel["largest"])


def test_a_step_that_breaks_off_ends_the_page_with_its_message(tmp_path):
    trainer = plain_trainer(clipping=nd.clipping.ClipByGlobalNorm(1.0))
    trainer.model.layer("hidden").kernel.value[0, 0] = np.nan
    _, data = written(tmp_path, trainer, examples(5))
    assert [o["stage"] for o in data["operations"]][-1] == "backward"
    assert "the gradient of outputs/bias holds nan" in data["error"]


def test_nothing_in_the_data_can_end_the_script(tmp_path):
    title = "</script><script>alert('Größe & <b>Ärger</b>')</script><!-- __DATA__ __SCRIPT__"
    path, data = written(tmp_path, plain_trainer(), examples(3), title=title)
    text = path.read_text(encoding="utf-8")
    assert data["title"] == title
    assert text.count("</script>") == 2
    assert text.count("<!--") == 0
    assert '<meta charset="utf-8">' in text
    assert "alert('" not in text.partition("<style>")[0]


def test_the_page_asks_nobody_else_for_anything(tmp_path):
    text = written(tmp_path, plain_trainer(), examples(3))[0].read_text(encoding="utf-8")
    page = text.partition('<script id="data"')[0] + text.rpartition('type="application/json"')[2].partition("</script>")[2]
    assert not re.search(r"https?:|//[a-z]+\.|\bsrc=|@import|url\(|fetch\(|XMLHttpRequest|\bimport\b", page)
    assert "default-src 'none'" in page


def test_the_source_is_shown_without_the_path_to_it(tmp_path):
    path, data = written(tmp_path, plain_trainer(), examples(3))
    source = data["sources"][data["operations"][0]["source"]]
    assert source["file"] == "npdeep/kernels/affine.py"
    lines = Path(nd.__file__).parent.joinpath("kernels/affine.py").read_text(encoding="utf-8").splitlines()
    assert lines[source["line"] - 1] == source["text"].splitlines()[0]
    assert source["text"].startswith("def affine_forward(")
    assert str(Path(nd.__file__).parents[1]) not in path.read_text(encoding="utf-8")


def test_layers_and_losses_of_ones_own_have_a_page(tmp_path):
    typed = {"nd": nd, "np": np}
    exec(
        "class Half(nd.layers.Layer):\n"
        "    def forward(self, x, training=False):\n"
        "        self.input = x\n"
        "        return np.multiply(x, 0.5, out=self.output)\n"
        "    def backward(self, g):\n"
        "        self.grad_output = g\n"
        "        return np.multiply(g, 0.5, out=self.grad_input)\n"
        "class Mean:\n"
        "    def forward(self, outputs, targets):\n"
        "        self.n = outputs.size\n"
        "        self.shape = outputs.shape\n"
        "        return float(outputs.mean())\n"
        "    def backward(self):\n"
        "        return np.full(self.shape, 1 / self.n)\n",
        typed,
    )
    trainer = nd.Trainer(nd.Sequential([nd.Dense(3), typed["Half"]()], input_size=2, seed=0), typed["Mean"]())
    _, data = written(tmp_path, trainer, (np.ones((4, 2)), np.ones((4, 3))))
    half = next(o for o in data["operations"] if o["name"] == "half")
    assert data["sources"][half["source"]] == {"name": "Half.forward", "file": "", "line": 0, "text": ""}


def test_layers_that_nothing_comes_back_to_have_no_backward_on_the_map(tmp_path):
    trainer = digit_trainer(5)
    trainer.model.freeze("dense")
    _, data = written(tmp_path, trainer, digits(3))
    assert [layer["backward"] for layer in data["layers"]] == [None, None, 4]
    assert [layer["forward"] for layer in data["layers"]] == [0, 1, 2]


def test_square_examples_are_shown_as_pictures(tmp_path):
    _, data = written(tmp_path, digit_trainer(5), digits(3))
    assert data["operations"][0]["arrays"][0]["picture"] == 28
    _, data = written(tmp_path, plain_trainer(), examples(3))
    assert "picture" not in data["operations"][0]["arrays"][0]


def test_the_letters_of_the_arrays_stand_in_the_formula():
    named = set()
    for event in recorded(every_trainer(nd.optimizers.Adam()), *examples(5)):
        for name in event.arrays:
            letter = symbol(event, name)
            named.add((type(event.layer).__name__, event.stage, name, letter))
            assert letter in event.formula or letter == "Δw"
    assert {
        ("Dense", "forward", "input", "x"),
        ("Dense", "backward", "grad_bias", "db"),
        ("Activation", "backward", "grad_input", "dz"),
        ("BatchNormalization", "forward", "variance", "σ²"),
        ("NoneType", "loss", "grad_outputs", "dz"),
        ("NoneType", "update", "hidden2/kernel", "w"),
        ("NoneType", "update", "v of hidden2/kernel", "v"),
        ("NoneType", "clip", "grad of hidden2/kernel", "g"),
    } <= named


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"trainer": 1}, TypeError, "walk_page: trainer must be a Trainer, got 1"),
        ({"rows": 0}, ValueError, "walk_page: rows must be an integer of at least 1, got 0"),
        ({"x": np.ones((4, 5))}, ValueError, r"walk: x must have the shape \(n, 6\)"),
        ({"y": [7, 7, 7, 7]}, ValueError, "walk: y: .*labels"),
        ({"sample_weight": [1]}, ValueError, "sample_weight"),
    ],
)
def test_unfit_arguments_are_refused_before_a_file_is_written(tmp_path, change, error, message):
    x, y = examples(4)
    given = {"trainer": plain_trainer(), "x": x, "y": y, "path": tmp_path / "step.html", **change}
    with pytest.raises(error, match=message):
        nd.plots.walk_page(**given)
    assert not list(tmp_path.iterdir())


def test_the_parts_of_the_page_are_packed_with_the_package():
    settings = ConfigParser()
    settings.read(Path(nd.__file__).parents[1] / "setup.cfg", encoding="utf-8")
    patterns = [p.strip() for p in settings["options.package_data"]["npdeep.plots"].split(",")]
    parts = {p.name for p in Path(nd.plots.__file__).parent.iterdir() if p.suffix in (".html", ".css", ".js")}
    assert parts == {"walk_page.html", "walk_page.css", "walk_page.js"}
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in parts)


# ── in a browser ──────────────────────────────────────────────────────────────────────────────────────────────────────
def number(text):
    return float(text.replace("−", "-").replace("∞", "inf"))


def compare_hovers(seen, trainer, batch):
    """Every value that was read under the mouse is the engine's, to the last digit; return how many."""
    events = list(recorded(trainer, *batch))
    for operation, text in seen["hovers"]:
        where, shown = text.split("\n")
        name, place = where.split(", ", 1)
        index = tuple(int(i) for i in re.findall(r"\d+", place.partition(" (")[0]))
        array = events[operation].arrays[name]
        assert array.dtype.type(number(shown)) == array[index] or (shown == "NaN" and np.isnan(array[index])), text
    return len(seen["hovers"])


@in_a_browser
def test_every_operation_is_clicked_through_without_an_error(tmp_path):
    trainer, batch = every_trainer(nd.optimizers.Adam(0.01)), examples(6)
    trainer.step(*batch)
    path, data = written(tmp_path, trainer, batch)
    seen = drive(path, DRIVER, tmp_path)
    assert seen["errors"] == []
    assert seen["problems"] == []
    assert [(s["stage"], s["formula"]) for s in seen["steps"]] == [(o["stage"], o["formula"]) for o in data["operations"]]
    assert all(o["name"] in s["heading"] for s, o in zip(seen["steps"], data["operations"], strict=True))
    assert compare_hovers(seen, trainer, batch) > 1000
    assert seen["steps"][0]["arrays"][0] == "x = input  (6, 6) float32"
    assert "affine_forward" in seen["steps"][0]["source"]
    assert re.match(r"input, row 0, column 0\n.*", seen["cursor"][0])
    assert re.match(r"input, row 0, column 1\n.*", seen["cursor"][1])
    assert not any(step["wider"] for step in seen["steps"])


@in_a_browser
@pytest.mark.parametrize(("size", "highest"), [("1280,720", 70), ("400,800", 200)])
def test_nothing_is_cut_or_squeezed_on_a_projector_or_a_phone(tmp_path, size, highest):
    seen = drive(written(tmp_path, digit_trainer(30), digits(8))[0], DRIVER, tmp_path, size)
    assert not any(step["cut"] or step["wider"] for step in seen["steps"])
    assert max(step["bar"] for step in seen["steps"]) <= highest


@in_a_browser
def test_a_large_page_says_what_it_leaves_out(tmp_path):
    trainer, batch = digit_trainer(300, 100, optimizer="momentum"), digits(20)
    trainer.model.layers[0].kernel.value[:16] = 0.0
    seen = drive(written(tmp_path, trainer, batch)[0], DRIVER, tmp_path)
    assert seen["errors"] == seen["problems"] == []
    assert seen["steps"][0]["cuts"] == ["Shown: every 6th of 300 units. Statistics and colours: of all."]
    assert compare_hovers(seen, trainer, batch) > 1000
    assert any("(pixel " in text for _, text in seen["hovers"])
    assert not any(step["wider"] for step in seen["steps"])


def vanishing(depth=10):
    hidden = [layer for _ in range(depth) for layer in (nd.Dense(20), nd.Activation("sigmoid"))]
    model = nd.Sequential([*hidden, nd.Dense(10, name="outputs")], input_size=784, seed=42)
    return nd.Trainer(model, "softmax_cross_entropy", "sgd")


@in_a_browser
def test_a_gradient_that_vanishes_is_seen_to(tmp_path):
    trainer, batch = vanishing(), digits(4)
    path, data = written(tmp_path, trainer, batch)
    seen = drive(path, DRIVER, tmp_path)
    assert seen["errors"] == seen["problems"] == []
    bottom, *_, top = seen["strengths"]["kind"]
    assert bottom < 0.02                        # on one scale the lowest layer is white
    assert top > 0.5
    assert min(seen["strengths"]["own"]) > 0.5  # by itself every array is as vivid as the next
    norms = {e.name: np.linalg.norm(e.arrays["grad_output"]) for e in recorded(trainer, *batch) if e.stage == "backward"}
    for name, norm in norms.items():
        title, bar = seen["sizes"][f"backward {name}"]
        assert float(title.split("gradient ")[1].replace("−", "-")) == pytest.approx(norm, rel=0.06)
        assert bar == pytest.approx(max(0, 1 + np.log10(norm / max(norms.values())) / 8), abs=0.01)
    assert [layer["number"] for layer in data["layers"] if layer["kind"] == "Dense"] == list(range(1, 12))
    assert data["title"] == "One training step of 784-10×20-10, 4 examples"


@in_a_browser
def test_two_steps_can_be_compared_and_the_page_plays_by_itself(tmp_path):
    trainer, batch = digit_trainer(5, optimizer="momentum"), digits(4)
    path, data = written(tmp_path, trainer, batch, steps=2)
    seen = drive(path, DRIVER, tmp_path)
    assert seen["errors"] == seen["problems"] == []
    assert data["starts"] == [0, len(data["operations"]) // 2]
    assert data["title"].startswith("2 training steps of")
    assert {heading.partition("of ")[0] for heading in seen["compared"]} == {"change "}
    assert (seen["playing"], seen["paused"]) == ("Pause", "Play")
    twin = copy.deepcopy(trainer)
    twin.step(*batch)
    steps = [list(recorded(t, *batch)) for t in (trainer, twin)]
    where, shown = seen["change"].split("\n")
    name, place = where.split(", ", 1)
    index = tuple(int(i) for i in re.findall(r"\d+", place))
    before, after = (events[-1].arrays[name] for events in steps)
    assert np.float32(number(shown)) == after[index] - before[index] != 0


def test_the_first_layers_weights_are_pictures_and_an_update_shows_before_and_after(tmp_path):
    trainer = digit_trainer(5)
    _, data = written(tmp_path, trainer, digits(3))
    kernel = next(entry for entry in data["operations"][0]["arrays"] if entry["name"] == "kernel")
    assert (kernel["picture"], kernel["transposed"]) == (28, True)
    assert np.array_equal(values(data["arrays"][kernel["array"]]), trainer.model.layers[0].kernel.value.T)
    update = {entry["name"]: values(data["arrays"][entry["array"]]) for entry in data["operations"][-1]["arrays"]}
    assert np.array_equal(update["before of outputs/bias"][0], trainer.model.layer("outputs").bias.value)
    moved = update["before of outputs/bias"] + update["change of outputs/bias"]
    assert np.allclose(moved, update["outputs/bias"], rtol=0, atol=1e-7)


def test_the_command_takes_depth_and_initializer(tmp_path, capsys):
    page = tmp_path / "deep.html"
    arguments = ["--depth", "3", "--layers", "5", "--activation", "sigmoid", "--initializer", "glorot_uniform", "--steps", "2"]
    assert main(["walk", *arguments, "--html", str(page)]) == 0
    data = embedded(page)
    assert data["title"] == "2 training steps of 784-3×5-10, 8 examples"
    kernel = values(data["arrays"][data["operations"][0]["arrays"][1]["array"]])
    assert 0.9 < np.abs(kernel).max() / np.sqrt(6 / (784 + 5)) <= 1
    assert main(["walk", "--depth", "3", "--layers", "5", "4", "--html", str(page)]) == 2
    assert "--depth repeats one width, but --layers names 2" in capsys.readouterr().err


def test_what_is_not_computed_is_in_no_formula(tmp_path):
    _, data = written(tmp_path, digit_trainer(5), digits(3))
    lowest, higher = (o for o in reversed(data["operations"]) if o["stage"] == "backward" and o["kind"] == "Dense")
    assert lowest["formula"] == ["dW = xᵀdz", "db = Σ dz"]
    assert "dx" not in lowest["latex"]
    assert higher["formula"][-1] == "dx = dz Wᵀ"


@in_a_browser
def test_cells_that_are_not_finite_are_shown_and_counted_on_the_page(tmp_path):
    trainer, batch = plain_trainer(), examples(4)
    trainer.model.layer("hidden").kernel.value[2, 3] = np.nan
    path, _ = written(tmp_path, trainer, batch, title="Größe </script> & <b>Ärger</b>")
    seen = drive(path, DRIVER, tmp_path)
    assert seen["errors"] == seen["problems"] == []
    assert seen["steps"][0]["bad"] == ["black: 1 not finite", "black: 4 not finite"]
    assert any(text.endswith("NaN") for _, text in seen["hovers"])


@in_a_browser
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("drawMap();\nshow(", "show("),
        ("go(here + 1)", "go(here + 2)"),
        ('"use strict";\nconst data', '"use strict";\nconsole.error("x");\nconst data'),
        ("r * array.every[0], c", "r, c"),
    ],
)
def test_the_test_in_the_browser_sees_a_broken_page(tmp_path, right, wrong):
    trainer, batch = digit_trainer(100), digits(3)
    path, _ = written(tmp_path, trainer, batch)
    text = path.read_text(encoding="utf-8")
    assert text.count(right) >= 1
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    seen = drive(path, DRIVER, tmp_path)
    if not (seen["errors"] or seen["problems"]):
        with pytest.raises(AssertionError):
            compare_hovers(seen, trainer, batch)
