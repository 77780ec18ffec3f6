"""The tutorials as files: all there, with outputs, fit for a class. `tutorials/run_notebooks.py` executes them."""

import ast
import json
from pathlib import Path

import pytest

import npdeep as nd

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


@pytest.mark.parametrize("name", NAMES)
def test_what_it_claims_is_asserted(name):
    lines = [[line for line in source(cell).splitlines() if not line.startswith("%")] for cell in cells(name, "code")]
    trees = [ast.parse("\n".join(code)) for code in lines]
    asserts = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert len(asserts) >= 8
