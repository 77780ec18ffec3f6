"""Every picture has a figure in the tutorials, and every figure is drawn by the script that is beside them."""

import importlib.util
import inspect
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from PIL import Image

import npdeep as nd

ROOT = Path(nd.__file__).parents[1]
FIGURES = ROOT / "tutorials" / "figures"
NO_PICTURES = {"Figure", "SLIDE", "label_lines", "layer_ticks", "look", "new_axes", "new_grid", "save", "style", "walk_page"}
NO_PICTURES |= {"in_house_style"}
PLOTS = sorted(set(nd.plots.__all__) - NO_PICTURES)
SCRIPT = FIGURES.with_name("make_figures.py")

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the tutorials are not here")


@pytest.fixture(scope="module")
def script():
    backend = plt.get_backend()
    spec = importlib.util.spec_from_file_location("make_figures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plt.switch_backend(backend)
    return module


@pytest.mark.parametrize("name", PLOTS)
def test_a_docstring_names_its_figure_and_says_how_to_read_it(name, script):
    text = inspect.getdoc(getattr(nd.plots, name))
    (figure,) = re.findall(r"^Figure: tutorials/figures/(\S+)$", text, re.M)
    assert figure in [*script.FIGURES, "training.gif"]
    assert re.search(r"\bRead\b", text)
    assert "savefig(" in text or name == "animate_training"       # which writes its own file
    assert ">>>" in text


def test_the_figures_are_there_and_of_moderate_size(script):
    for name in script.FIGURES:
        path = FIGURES / name
        assert path.stat().st_size < 150_000, name
        with Image.open(path) as image:
            assert 500 <= image.width <= 1600, name
            assert len(image.convert("L").getcolors()) > 10, name
    assert (FIGURES / "training.gif").stat().st_size < 300_000


def test_the_script_draws_into_a_folder_of_choice(script, tmp_path, capsys):
    script.main(["--folder", str(tmp_path / "new"), "--only", "activation.png", "schedules.png"])
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["activation.png", "schedules.png"]
    assert "schedules.png" in capsys.readouterr().out
    assert plt.get_fignums() == []


def test_no_plot_calls_show():
    for path in Path(nd.plots.__file__).parent.glob("*.py"):
        assert not re.search(r"\.show\(", path.read_text(encoding="utf-8")), path
