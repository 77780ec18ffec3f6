"""The tutorials as files: all there, with outputs, fit for a class; and the other forms that `tutorials/make.py` makes of them.

`tutorials/run_notebooks.py` executes them.
"""

import ast
import doctest
import importlib
import itertools
import json
import re
from pathlib import Path

import pytest

import npdeep as nd
from npdeep.command_line import main
from npdeep.teaching.play.presets import PRESETS

TUTORIALS = Path(nd.__file__).parents[1] / "tutorials"
NAMES = [
    "01_network_and_step",
    "02_backpropagation",
    "03_vanishing_gradients",
    "04_activations",
    "05_batch_normalization",
    "06_clipping",
    "07_reuse",
    "08_optimizers",
    "09_schedules",
    "10_regularization",
    "11_find_the_bug",
    "12_benchmarking",
    "13_residual_connections",
    "14_your_own_parts",
]

pytestmark = pytest.mark.skipif(not TUTORIALS.exists(), reason="the tutorials are not here")


def cells(name, kind):
    notebook = json.loads((TUTORIALS / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def test_they_are_all_there():
    assert sorted(path.stem for path in TUTORIALS.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_stored_and_none_is_an_error(name):
    outputs = [output for cell in cells(name, "code") for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in cells(name, "code"))
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert (TUTORIALS / f"{name}.ipynb").stat().st_size < 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_class_can_be_held_with_it(name):
    texts = [source(cell) for cell in cells(name, "markdown")]
    whole = "\n".join(texts)
    assert texts[0].startswith("# ")
    assert "you will be able to" in "\n".join(texts[:3])
    assert whole.count("Predict") >= 3
    assert whole.count("<details>") == whole.count("</details>") >= 3


@pytest.fixture
def make(monkeypatch):
    """tutorials/make.py."""
    monkeypatch.syspath_prepend(str(TUTORIALS))
    return importlib.import_module("make")


def asserts(cell):
    lines = [line for line in source(cell).splitlines() if not line.startswith("%")]
    return [node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("name", NAMES)
def test_what_it_claims_is_asserted_where_readers_do_not_see_it(name, make):
    checks = [cell for cell in cells(name, "code") if "check" in make.tags_of(cell)]
    assert sum(len(asserts(cell)) for cell in checks) >= 8
    assert [source(cell) for cell in checks if not asserts(cell) or cell["outputs"]] == []
    assert [source(cell) for cell in cells(name, "code") if cell not in checks and asserts(cell)] == []


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_folded_as_their_tags_say(name, make):
    for cell in make.read(TUTORIALS / f"{name}.ipynb")["cells"]:
        assert cell["metadata"] == make.metadata(make.tags_of(cell))
        assert "answer" not in make.tags_of(cell) or cell["cell_type"] == "markdown"


@pytest.mark.parametrize("name", NAMES)
def test_the_students_form_hides_what_students_are_to_find(name, make):
    full = make.read(TUTORIALS / f"{name}.ipynb")
    made = make.student(full)["cells"]
    whole = "\n".join(make.text_of(cell) for cell in full["cells"])
    code = [cell for cell in made if cell["cell_type"] == "code"]
    assert not [cell for cell in code if cell["outputs"] or cell["execution_count"] or asserts(cell)]
    kept = [cell for cell in full["cells"] if cell["cell_type"] == "code" and "check" not in make.tags_of(cell)]
    assert [source(cell) for cell in code if source(cell)] == [source(cell) for cell in kept]
    assert sum(not source(cell) for cell in code) == whole.count("<summary>Solution</summary>") > 0
    text = "\n".join(source(cell) for cell in made)
    assert "<summary>Solution</summary>" not in text
    assert text.count("<details>") == text.count("</details>")
    assert text.count("<summary>Hint") == whole.count("<summary>Hint")
    answers = [make.text_of(cell) for cell in full["cells"] if "answer" in make.tags_of(cell)]
    assert len(answers) >= 3
    for answer in answers:
        assert f"<details><summary>Compare with your prediction</summary>\n\n{answer}\n</details>" in text
    asked = [i for i, cell in enumerate(made) if cell["cell_type"] == "markdown" and "**Predict" in source(cell)]
    assert {source(made[i + 1]) for i in asked} == {"*My prediction:* …"}
    for i in asked:                           # until the answer, nothing tells it unasked
        for cell in itertools.takewhile(lambda c: not re.match("#|<details><summary>Comp", source(c)), made[i + 2 :]):
            open_ = "jupyter" not in cell["metadata"]
            assert not (open_ and re.search(r"title[=(]|^\*How to read", source(cell))), source(cell)


@pytest.mark.parametrize("name", NAMES)
def test_slides_show_no_checks_and_no_solutions(name, make):
    made = make.on_slides(make.read(TUTORIALS / f"{name}.ipynb"))["cells"]
    assert made[0]["metadata"]["slideshow"]["slide_type"] == "slide"
    assert {cell["metadata"]["slideshow"]["slide_type"] for cell in made} <= {"slide", "subslide", "fragment"}
    assert not [cell for cell in made if cell["cell_type"] == "code" and asserts(cell)]
    assert not [cell for cell in made if "<summary>Solution" in source(cell)]
    shown = [cell for cell in made if cell["cell_type"] == "code" and "tags" not in cell["metadata"]]
    assert max(len(source(cell).splitlines()) for cell in shown) <= make.LONGEST_CODE


def test_the_students_form_is_written_the_same_every_time_and_its_links_lead_somewhere(make, tmp_path, monkeypatch, capsys):
    written = []
    for run in ("one", "two"):
        monkeypatch.setattr("sys.argv", ["make.py", "--folder", str(tmp_path / run), "--only", "student"])
        assert make.main() == 0
        written.append({path.name: path.read_text(encoding="utf-8") for path in (tmp_path / run / "student").iterdir()})
    assert written[0] == written[1]
    assert sorted(written[0]) == [f"{name}.ipynb" for name in NAMES]
    for text in written[0].values():
        for cell in json.loads(text)["cells"]:
            for target in re.findall(r"\]\((?!http)([^)#\s]+)", source(cell)) if cell["cell_type"] == "markdown" else []:
                assert (tmp_path / "one" / "student" / target).exists(), target


def test_slides_load_nothing_from_the_network(make, tmp_path, monkeypatch, capsys):
    for package in ("nbconvert", "sphinx_revealjs", "jupyter_server_mathjax"):
        pytest.importorskip(package)
    monkeypatch.setattr("sys.argv", ["make.py", "01", "--folder", str(tmp_path), "--only", "slides"])
    assert make.main() == 0
    (page,) = (tmp_path / "slides").glob("*.html")
    text = page.read_text(encoding="utf-8")
    loaded = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(?!data:)([^\"?]*)", text)
    assert {"assets/reveal/reveal.js", "assets/reveal/reveal.css", "assets/mathjax/MathJax.js"} <= set(loaded)
    assert [name for name in loaded if not (page.parent / name).exists()] == []
    assert text.count("<section") > 40


def test_examples_of_the_script_hold(make):
    assert doctest.testmod(make).failed == 0


# ── the instructor's page ─────────────────────────────────────────────────────────────────────────────────────────────
def plans():
    """The rows of its tables: a dictionary by the heads of the columns."""
    rows = []
    for table in re.findall(r"(?:^\|.*\n)+", (TUTORIALS / "INSTRUCTORS.md").read_text(encoding="utf-8"), re.MULTILINE):
        head, _, *lines = [[part.strip() for part in line.strip().strip("|").split("|")] for line in table.splitlines()]
        rows.append([dict(zip(head, line, strict=True)) for line in lines])
    return rows


def test_the_instructors_page_has_two_plans_of_which_every_name_exists():
    text = (TUTORIALS / "INSTRUCTORS.md").read_text(encoding="utf-8")
    class_, weeks = plans()
    assert class_[0]["minutes"].startswith("0–")
    assert class_[-1]["minutes"].endswith("–90")
    assert [row["week"] for row in weeks] == [f"{week}{meeting}" for week in range(1, 5) for meeting in "ab"]
    for row in [*class_, *weeks]:
        assert re.search(r"\]\(\d\d_\w+\.ipynb\)", row["notebook"])
        assert "](figures/" in row["figure"]
        assert {name for name in row["playground"].split("; ") if name} <= set(PRESETS)
        assert set(re.findall(r"`(\w+)`", row["exercise"])) <= set(nd.exercises.names())
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (TUTORIALS / target).exists(), target
    assert {name[:2] for name in NAMES} == set(re.findall(r"\[(\d\d)\]\(", text))
    for fault in re.findall(r"--fault (\w+)", text):
        assert fault in nd.debug.FAULTS


def test_the_sections_that_the_instructors_page_names_exist():
    for row in plans()[0]:
        for number, first, second in re.findall(r"\[(\d\d)\]\(\S+\) §(\d+)(?: and (\d+))?", row["notebook"]):
            (name,) = [name for name in NAMES if name.startswith(number)]
            whole = "\n".join(source(cell) for cell in cells(name, "markdown"))
            for section in filter(None, (first, second)):
                assert f"## {section}. " in whole, (name, section)


def test_the_commands_of_the_instructors_page_are_understood():
    text = (TUTORIALS / "INSTRUCTORS.md").read_text(encoding="utf-8")
    commands = re.findall(r"`npdeep ([^`]+)`", text)
    assert len(commands) >= 4
    for command in commands:
        main.parser().parse_args(command.split())
