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
        "python -m pip install -e '.[test]' && python -m pytest",
    ]
    assert README.index(lines[0]) < 1500


def test_the_first_look_runs_and_is_short(capsys):
    first_look, explained = blocks("python")[:2]
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
    assert len(blocks("python")) == 3
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
    ratio = importlib.import_module("peers_report").ratio
    workloads = json.loads((ROOT / "benchmarks" / "peers.json").read_text())["workloads"]

    def ratios(peer, what):
        """The peer's time over npdeep's by workload."""
        return {name: ratio(w[peer], w["npdeep"], what) for name, w in workloads.items()}

    text = " ".join(README.split())
    for peer, what in (("PyTorch", "step"), ("PyTorch", "epoch"), ("DataLoader", "epoch"), ("Keras on TF", "epoch")):
        found = ratios(peer, what).values()
        assert f"{min(found):.2f} to {max(found):.2f} times" in text, (peer, what)
    scan = ratios("JAX scan", "epoch")
    assert f"{min(scan.values()):.2f} to {max(scan.values()):.2f} of npdeep's time" in text
    assert [name for name, r in scan.items() if r > 1] == ["W5", "W6"]
    assert "ahead on two of the nine alone, W5 and W6" in text
    others = [peer for peer in workloads["W1"] if peer not in ("npdeep", "floor", "JAX scan", "scikit-learn", "thinc")]
    losing = {(peer, name): r for peer in others for name, r in ratios(peer, "epoch").items() if r < 0.995}
    assert len(losing) == len(re.findall(r"\(0\.\d\d\)", text)) == 10
    assert all(f"({r:.2f})" in text for r in losing.values())
    assert sum(r < 1 for r in ratios("JAX step", "step").values()) == 6
    assert "A single step is faster in jitted JAX on six of the nine, in PyTorch on W5n." in text
    assert [name for name, r in ratios("PyTorch", "step").items() if r < 1] == ["W5n"]
    peak = {peer: round(workloads["W1"][peer]["memory"] / 1e6) for peer in ("npdeep", "PyTorch")}
    assert f"{peak['npdeep']} MB at its peak on W1" in text
    assert f"PyTorch's {peak['PyTorch']}." in text
