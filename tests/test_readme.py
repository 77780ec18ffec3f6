"""The README keeps its promises."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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
    first_look, explained, own_loop = blocks("python")[:3]
    assert len(first_look.strip().splitlines()) < 15
    scope: dict[str, object] = {}
    exec(compile(first_look, "README.md", "exec"), scope)
    printed = capsys.readouterr().out
    assert "epoch 5/5" in printed
    assert "forward   hidden  z = xW + b" in printed
    assert scope["trainer"].evaluate(*scope["test"])["accuracy"] > 0.85
    exec(compile(explained, "README.md", "exec"), scope)
    printed = capsys.readouterr().out
    for said in ("hidden", "outputs/kernel[7, 4]", "healthy"):
        assert said in printed
    exec(compile(own_loop, "README.md", "exec"), scope)
    assert scope["loss_with_penalties"] == scope["loss"]    # this network has no penalties
    assert scope["saliency"].shape == (1, 784)
    assert scope["saliency"].any()
    assert scope["spread"].max() < 1e-5       # rounding of the mean: this network has no noise


def test_the_kernel_that_it_shows_is_the_kernel():
    (shown,) = (block for block in blocks("python") if block.startswith("def "))
    scope: dict[str, object] = {"np": np}
    exec(compile(shown, "README.md", "exec"), scope)
    assert scope["relu_backward"](np.array([-2.0, 3.0]), None, np.array([5.0, 7.0]), np.empty(2)).tolist() == [0, 7]
    source = (ROOT / "npdeep/kernels/activations/rectifiers.py").read_text(encoding="utf-8")
    for line in shown.replace('"""', "").splitlines()[1:]:
        assert line.strip() in source


def test_no_other_code_is_shown():
    assert set(re.findall(r"```(\w+)", README)) == {"sh", "python"}
    assert len(blocks("python")) == 4
    assert len(blocks("sh")) == 1             # the two lines of set-up: CI runs them as they stand


def test_the_command_lines_run_in_their_order(tmp_path):
    commands = [line.split("  ")[0] for line in re.findall(r"^    (npdeep .*)$", README, re.M)]
    assert commands[0] == "npdeep lesson"     # CI runs it; its tests are in test_lesson.py
    assert len(commands) == 12
    found = {}
    for command in commands[1:]:
        words = [sys.executable, "-m", *command.split()]
        environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
        given = {"cwd": tmp_path, "env": environment, "stdin": subprocess.DEVNULL, "text": True}
        done = subprocess.run(words, capture_output=True, **given)
        found[command] = done.returncode, done.stderr
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

    assert f"`Activation` ({len(nd.activations.RULES)} functions)" in README
    assert len(nd.losses.KNOWN) == len(nd.optimizers.KNOWN) == 10
    assert "**Losses**: ten" in README
    assert len(nd.schedules.KNOWN) == 9
    assert "nine learning-rate" in README


def test_the_speed_that_it_states_is_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    report = importlib.import_module("peers_report")
    results = json.loads((ROOT / "benchmarks" / "peers.json").read_text())
    workloads, text = results["workloads"], " ".join(README.split())
    assert report.summary(results) in README
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


def test_the_printed_values_that_it_counts_are_those_of_the_table():
    table = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    said = r"(\d+) printed values: (\d+) inside their bands, (\d+) outside and explained .* 0 outside of both"
    every, inside, explained = re.search(said, table).groups()
    text = " ".join(README.split())
    assert f"of {every} printed values, {inside} lie inside bands that were set beforehand, {explained} within the" in text
