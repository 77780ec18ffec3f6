"""The site: every public name has an entry with its formula, the cookbook runs, and what is built holds together offline."""

import doctest
import functools
import http.server
import importlib
import importlib.util
import inspect
import json
import re
import subprocess
import sys
import threading
import types
import zipfile
from pathlib import Path

import pytest
from helpers_browser import CHROMIUM, WHY_SKIPPED

import npdeep as nd

SITE = Path(nd.__file__).parents[1] / "tutorials" / "site"
pytestmark = pytest.mark.skipif(not SITE.exists(), reason="the tutorials are not here")
sys.path[:0] = [str(SITE), str(SITE.parent)]

formulas, gallery, links, reference = (importlib.import_module(name) for name in ("formulas", "gallery", "links", "reference"))

MODULES = {name: thing for name in dir(nd) if isinstance(thing := getattr(nd, name), types.ModuleType)}
MODULES |= {door.removeprefix("npdeep."): importlib.import_module(door) for door in reference.DOORS}
COOKBOOK = (SITE / "cookbook.md").read_text(encoding="utf-8")


# ── the reference ─────────────────────────────────────────────────────────────────────────────────────────────────────
def public():
    """Every public name as users write it, with its object: of nd, and of the modules in it."""
    yield from ((f"nd.{name}", getattr(nd, name)) for name in dir(nd) if name not in MODULES and name[0] != "_")
    for module, there in MODULES.items():
        if module == "interop":               # its modules are asked one by one, those that can be imported
            continue
        members = inspect.getmembers(there, callable)
        own = [name for name, value in members if getattr(value, "__module__", "") == there.__name__]
        names = dir(there) if "__dir__" in vars(there) else getattr(there, "__all__", [n for n in own if n[0] != "_"])
        yield from ((f"nd.{module}.{name}", getattr(there, name)) for name in names)


def test_every_public_name_has_an_entry():
    documented = [reference.resolve(path) for names in reference.entries().values() for path in names]
    known = {id(thing) for thing in documented}
    assert [name for name, thing in public() if id(thing) not in known and thing.__module__.startswith("npdeep")] == []
    assert len(documented) > 150
    assert {thing.__name__ for name, thing in MODULES.items() if name != "interop"} < set(reference.PAGES)


@pytest.mark.parametrize("module", reference.PAGES)
def test_each_entry_is_on_its_page_with_a_heading_to_find_it_by(module):
    text = reference.page(module)
    assert " at 0x" not in text               # the same pages every time
    lines = text.splitlines()
    for path in reference.entries()[module]:
        (place,) = [i for i, line in enumerate(lines) if re.fullmatch(rf"\.\. [\w:]+:: {re.escape(path)}", line)]
        assert lines[place - 3] == path.rpartition(".")[2]


def test_what_computes_something_has_its_formula():
    words_alone = {"OneCycle", "Warmup", "Schedule", "Initializer", "Constant", "Zeros", "Ones", "Identity", "Orthogonal",
                   "BadGradient", "Metric", "BuiltIn", "Accuracy", "BinaryAccuracy", "TopKAccuracy", "RocAuc"}  # fmt: skip
    without = {thing.__name__ for thing, module in reference.documented().items()
               if module.removeprefix("npdeep.") in reference.ARITHMETIC and not reference.shown_formulas(thing)}  # fmt: skip
    assert without <= words_alone


def all_formulas():
    for thing in reference.documented():
        yield from ((thing.__name__, line) for line in reference.shown_formulas(thing))
    for name, rule in nd.activations.RULES.items():
        yield from ((name, line) for formula in (rule.formula, rule.derivative) for line in formulas.lines(formula))


def test_formulas_are_latex_with_balanced_braces():
    found = list(all_formulas())
    assert len(found) > 200
    for name, line in found:
        bare = line.replace(r"\{", "").replace(r"\}", "")
        depths = [bare[:i].count("{") - bare[:i].count("}") for i in range(len(bare) + 1)]
        assert min(depths) == depths[-1] == 0, (name, line)
        assert not re.search(r"[α-ωΑ-Ω·√²³‖←≤≥−]", line), (name, line)


def test_each_activation_has_a_section():
    text = reference.page("npdeep.activations")
    for name in nd.activations.RULES:
        assert f"\n{name}\n{'~' * len(name)}\n" in text
    assert r"a = \max(z, 0)" in text.partition("\nrelu\n~~~~\n")[2][:200]


@pytest.mark.parametrize("module", [formulas, reference, gallery])
def test_examples_in_its_scripts_hold(module):
    assert doctest.testmod(module).failed == 0


def test_the_gallery_shows_every_figure():
    page, figures = gallery.page(SITE.parent / "figures"), SITE.parent / "figures"
    shown = set(re.findall(r"tutorials/figures/(\S+?)\)", page))
    made_elsewhere = {"playground.png", "augmentation.png"}
    assert {path.name for path in figures.iterdir()} - shown == made_elsewhere


# ── the cookbook ──────────────────────────────────────────────────────────────────────────────────────────────────────
def recipes():
    """By heading the blocks of code below it; the first have none, and come before all others."""
    parts = re.split(r"^## (.*)$", COOKBOOK, flags=re.MULTILINE)
    blocks = [re.findall(r"```python\n(.*?)```", part, re.DOTALL) for part in parts[::2]]
    return dict(zip(["", *parts[1::2]], blocks, strict=True))


def needs(blocks):
    """What is imported in them and is not here."""
    names = set(re.findall(r"^(?:import|from) (\w+)", "\n".join(blocks), re.MULTILINE))
    return sorted(name for name in names if importlib.util.find_spec(name) is None)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")    # Keras's, of PyTorch's tensors
@pytest.mark.parametrize("title", [title for title in recipes() if title])
def test_each_recipe_runs(title, monkeypatch, tmp_path):
    blocks = recipes()[title]
    if missing := needs(blocks):
        pytest.skip(f"needs {', '.join(missing)}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    scope = {"__name__": "recipe"}
    for block in [*recipes()[""], *blocks]:
        exec(compile(block, f"cookbook.md: {title}", "exec"), scope)
    assert blocks
    if "loky" in "".join(blocks):             # its processes, and the threads that look after them, wait for more work
        importlib.import_module("joblib.externals.loky").get_reusable_executor().shutdown(wait=True)


def test_the_cookbook_has_what_was_asked_for():
    asked = ("loop", "layer", "saliency", "k-fold", "GridSearch", "into", "pandas", "weights", "memory", "Threads", "seeds")
    asked += ("Keras", "PyTorch")
    assert [word for word in asked if not any(word in title for title in recipes())] == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    good = '<a href="a.html#here" id="here"></a><a href="a.html"></a><a href="#here"></a><a href="https://example.org">'
    (tmp_path / "a.html").write_text(good + '<img src="data:image/png;base64,AA==">', encoding="utf-8")
    assert links.broken(tmp_path) == []
    wrong = '<a href="gone.html"></a><a href="a.html#gone"></a><img src="gone.png"><script src="https://example.org/x.js">'
    (tmp_path / "b.html").write_text(wrong, encoding="utf-8")
    said = ("a.html#gone", "gone.html", "gone.png", "https://example.org/x.js is loaded from outside")
    assert links.broken(tmp_path) == [f"b.html: {what}" for what in said]


# ── what is built ─────────────────────────────────────────────────────────────────────────────────────────────────────
EXTRA = ("sphinx", "myst_nb", "furo", "jupyter_server", "jupyterlite_core", "jupyterlite_pyodide_kernel", "setuptools")
PYODIDE = "https://cdn.jsdelivr.net/pyodide/"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. A warning of Sphinx, a link that leads nowhere, and what is loaded from outside end the build."""
    if missing := [name for name in EXTRA if importlib.util.find_spec(name) is None]:
        pytest.skip(f"needs {', '.join(missing)}: python -m pip install -e '.[site]'")
    folder = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run([sys.executable, SITE / "build.py", "--folder", folder], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.exhaustive
def test_each_entry_is_built_with_a_link_to_its_source(site):
    for module, names in reference.entries().items():
        page = (site / "reference" / f"{reference.file_of(module)}.html").read_text(encoding="utf-8")
        for path in names:
            assert f'id="{path}"' in page
            if isinstance(thing := reference.resolve(path), type | types.FunctionType):
                entry = page.partition(f'id="{path}"')[2].partition("</dt>")[0]
                source, place = re.search(r'href="\.\./(_modules/[^"#]+)#([^"]+)"', entry).groups()
                assert f'id="{place}"' in (site / source).read_text(encoding="utf-8")
                assert thing.__name__ == place.rpartition(".")[2]


@pytest.mark.exhaustive
def test_jupyterlite_holds_the_wheel_and_the_notebooks(site):
    names = [path.name for path in sorted(SITE.parent.glob("[0-9]*.ipynb"))]
    listed = json.loads((site / "lite/api/contents/all.json").read_text(encoding="utf-8"))["content"]
    assert sorted(item["name"] for item in listed) == names
    index = json.loads((site / "lite/pypi/all.json").read_text(encoding="utf-8"))
    ((release,),) = index["npdeep"]["releases"].values()
    with zipfile.ZipFile(site / "lite/pypi" / release["filename"]) as wheel:
        assert {"npdeep/__init__.py", "npdeep/datasets/mnist_sample.npz"} <= set(wheel.namelist())
    for name in names:
        cells = json.loads((site / "lite/files" / name).read_text(encoding="utf-8"))["cells"]
        assert "".join(cells[0]["source"]) == "%pip install -q npdeep"
        assert not any(cell.get("outputs") for cell in cells)
        assert not any("](../" in line for cell in cells for line in cell["source"])


@pytest.fixture(scope="module")
def served(site):
    """Its address on a server of this process."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip(WHY_SKIPPED)
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: python -m pip install -e '.[browser]'")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()


LOOKED_AT = ("index.html", "course.html", "cookbook.html", "gallery.html", "browser.html", "reference/index.html",
             "reference/layers.html", "reference/activations.html", "reference/losses.html", "reference/schedules.html",
             "reference/initializers.html", "reference/network.html", "reference/debug.html", "npdeep/kernels/affine.html",
             "tutorials/MISTAKES.html", "tutorials/01_network_and_step.html", "tutorials/05_batch_normalization.html",
             "benchmarks/RESULTS.html", "_modules/npdeep/layers/dense.html")  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_pages_fit_load_nothing_from_outside_and_render_their_formulas(width, height, site, served, browser):
    page, asked = browser.new_page(viewport={"width": width, "height": height}), []
    page.on("request", lambda request: asked.append(request.url))
    for path in LOOKED_AT:
        page.goto(served + path, wait_until="load")
        formulas_there = (site / path).read_text(encoding="utf-8").count(r'class="math notranslate')
        page.wait_for_function(f"document.querySelectorAll('mjx-container').length >= {formulas_there}")
        assert page.evaluate("document.querySelectorAll('mjx-merror').length") == 0, path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    assert [url for url in asked if not url.startswith((served, "data:"))] == []
    page.close()


@pytest.mark.exhaustive
def test_a_search_for_relu_finds_its_formula(served, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{served}search.html?q=relu")
    page.wait_for_selector("ul.search li a")
    found = page.eval_on_selector_all("ul.search li a", "links => links.map(link => link.getAttribute('href'))")
    wanted = next(i for i, link in enumerate(found) if link.startswith("reference/activations.html#relu"))
    assert wanted < 3                         # among the first, below the page that it is on
    page.click(f"ul.search li a >> nth={wanted}")
    page.wait_for_selector("#relu mjx-container")
    assert page.text_content("#relu h3").startswith("relu")
    page.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_jupyterlite_opens_and_asks_for_nothing_but_pyodide(width, height, served, browser):
    page, asked = browser.new_page(viewport={"width": width, "height": height}), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served}browser.html")
    page.click("a[href$='path=01_network_and_step.ipynb']")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function("document.querySelector('.jp-Notebook h1')?.clientWidth > 250")    # once it is laid out
    page.close()
    page = browser.new_page(viewport={"width": width, "height": height})
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served}lite/tree/index.html")
    page.wait_for_selector(".jp-DirListing-itemText >> text=02_backpropagation.ipynb", timeout=60_000)
    assert [url for url in asked if not url.startswith((served, "data:", "blob:", PYODIDE))] == []
    page.close()
