"""The README keeps its promises."""

import importlib
import io
import json
import re
from pathlib import Path

import pytest

from npdeep.command_line import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PEERS = (ROOT / "benchmarks" / "PEERS.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_two_lines_do_all_their_own_set_up():
    lines = [line for line in README.splitlines() if line.startswith("python -m pip install")]
    assert lines == [
        "python -m pip install -e '.[progress]' && npdeep lesson",
        "python -m pip install -e '.[test]' && python -m pytest -n auto",
    ]
    assert README.index(lines[0]) < 1500


def test_the_first_look_runs_and_is_short(capsys):
    first_look, used = blocks("python")
    assert len(first_look.strip().splitlines()) < 15
    scope: dict[str, object] = {}
    exec(compile(first_look, "README.md", "exec"), scope)
    printed = capsys.readouterr().out
    assert "epoch 5/5" in printed
    assert "forward   hidden  z = xW + b" in printed
    assert scope["trainer"].evaluate(*scope["test"])["accuracy"] > 0.85
    exec(compile(used, "README.md", "exec"), scope)
    printed = capsys.readouterr().out
    for said in ("hidden", "outputs/kernel[7, 4]", "healthy"):
        assert said in printed


def test_no_other_code_is_shown():
    assert set(re.findall(r"```(\w+)", README)) == {"sh", "python"}
    assert len(blocks("python")) == 2
    assert len(blocks("sh")) == 1             # the two lines of set-up: CI runs them as they stand


def test_the_command_lines_run_in_their_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    commands = [line.split("  ")[0] for line in re.findall(r"^    (npdeep .*)$", README, re.M)]
    assert commands[0] == "npdeep lesson"     # CI runs it; its tests are in test_lesson.py
    assert len(commands) == 6
    found = {}
    for command in commands[1:]:
        code = main.main(command.split()[1:])     # in this process: tests/test_cli.py starts some
        found[command] = code, capsys.readouterr().err
    faulty = commands[-1]
    assert found.pop(faulty)[0] == 1          # a fault was planted and found
    assert {command: said for command, said in found.items() if said[0] != 0} == {}
    assert (tmp_path / "step.html").exists()
    assert (tmp_path / "step.py").exists()


def links(text: str) -> list[str]:
    """Where its links and pictures lead, without the place inside the page."""
    return [target for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) if not target.startswith("http")]


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "benchmarks").glob("*.md")]:
        for target in links(page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_links_of_the_tutorials_lead_somewhere():
    for path in sorted((ROOT / "tutorials").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for target in links("".join(cell["source"])) if cell["cell_type"] == "markdown" else []:
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_what_it_counts_is_so():
    import npdeep as nd

    assert f"{len(nd.activations.RULES)} activations" in README
    assert len(nd.losses.KNOWN) == len(nd.optimizers.KNOWN) == 10
    assert "ten losses, ten optimizers" in README
    assert len(nd.schedules.KNOWN) == 9
    assert "nine learning-rate schedules" in README
    assert f"**{len(nd.exercises.names())} exercises**" in README


def test_the_speed_that_it_states_is_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    report = importlib.import_module("peers_report")
    results = json.loads((ROOT / "benchmarks" / "peers.json").read_text())
    workloads, text = results["workloads"], " ".join(PEERS.split())
    assert report.summary(results) in PEERS
    assert len(workloads) == 9
    assert results["machine"] == "AMD EPYC, 2 processors"
    assert {len(w["PyTorch"]["step"]) for w in workloads.values()} == {9}
    assert {len(w["PyTorch"]["epoch"]) for w in workloads.values()} == {4}
    assert "the least and the most of nine networks" in text
    assert "Measured on two cores of an AMD EPYC with AVX-512" in text
    assert "the median of nine rounds of a step, of four of an epoch" in text
    mb = {peer: [round(workloads[name][peer]["memory"] / 1e6) for name in ("W1", "W7")] for peer in ("npdeep", "PyTorch")}
    (ours, ours_wide), (theirs, theirs_wide) = mb.values()
    assert f"takes {ours} MB at its peak on W1, PyTorch's {theirs}, on W7 {ours_wide} and {theirs_wide}; 172 of them" in text
    assert results["data"] == "55,000 images of MNIST"
    assert round(55_000 * 784 * 4 / 1e6) == 172
    least, most = report.ratio_by_network(results, "PyTorch", "step"), report.ratio_by_network(results, "JAX scan", "epoch")
    torch, jax = (f"{min(ratios.values()):.2f} to {max(ratios.values()):.2f}" for ratios in (least, most))
    said = f"a hand-tuned PyTorch loop takes {torch} times as long a step, JAX's compiled epoch {jax} times"
    assert said in " ".join(README.split())
    rows = report.summary(results).splitlines()[2:]
    assert len(rows) == 12                    # "twelve peers"


def test_the_table_of_small_networks_is_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    report = importlib.import_module("peers_report")
    measured = ROOT / "benchmarks" / "classroom.json"
    if not measured.exists():
        pytest.skip("not measured: python benchmarks/peers.py --classroom")
    results = json.loads(measured.read_text())
    assert report.classroom(results) in README
    assert results["threads"] == 1
    assert set(report.CLASSROOM_PEERS) == {name for records in results["workloads"].values() for name in records}
    workloads = results["workloads"].items()
    others = {(name, peer) for name, records in workloads for peer, record in records.items() if not record.get("agrees", True)}
    assert others <= {("S1", "scikit-learn")}


TOOLS = {
    *("jupyterlab", "ipykernel", "pytest_xdist", "pytest_cov", "ruff", "mypy", "import_linter"),
    *("myst_nb", "furo", "sphinx_mathjax_offline", "jupyterlite_core", "jupyterlite_pyodide_kernel"),
    *("jupyter_server", "setuptools", "mpich"),
}
"""They are run, not imported."""


def test_every_package_of_an_extra_is_imported_somewhere():
    extras = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]")[2].partition("\n[")[0]
    needed = {name.replace("-", "_") for name in re.findall(r"([a-z-]+)>=", extras)} - TOOLS
    assert len(needed) > 5
    folders = ("npdeep", "tests", "benchmarks", "tutorials")
    programs = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*programs, ROOT / "tutorials/site/cookbook.md"])
    called = {"scikit_learn": "sklearn"}
    named = {name for name in needed if re.search(rf"(import|from) {called.get(name, name)}\b|find_spec\(.{name}", text)}
    assert needed - named == set()


def test_the_table_of_doors_has_every_extra_that_is_one():
    text = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]")[2].partition("\n[")[0]
    extras = set(re.findall(r"^(\w+) =", text, re.M))
    ours = {"progress", "play", "browser", "notebooks", "slides", "site", "test", "bench", "dev"}    # of npdeep itself
    columns = re.findall(r"^\| .* \| (.*) \|$", README.partition("what goes through")[2], re.M)
    assert set(re.findall(r"`(\w+)`", "".join(columns))) == extras - ours


def test_the_printed_values_that_it_counts_are_those_of_the_table():
    table = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    said = r"(\d+) printed values: (\d+) inside their bands, (\d+) outside and explained .* 0 outside of both"
    every, inside, explained = re.search(said, table).groups()
    text = " ".join(PEERS.split())
    assert f"of {every} printed values, {inside} lie inside bands that were set beforehand, {explained} within the" in text
