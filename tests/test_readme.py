"""The README keeps its promises."""

import re
from pathlib import Path

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
    first_look = blocks("python")[0]
    assert len(first_look.strip().splitlines()) < 15
    scope: dict[str, object] = {}
    exec(compile(first_look, "README.md", "exec"), scope)
    printed = capsys.readouterr().out
    assert "epoch 5/5" in printed
    assert "forward   hidden  z = xW + b" in printed
    assert scope["trainer"].evaluate(*scope["test"])["accuracy"] > 0.85


def test_the_kernel_that_it_shows_is_the_kernel():
    shown = blocks("python")[1].replace('"""', "").splitlines()
    source = (ROOT / "npdeep/kernels/activations/rectifiers.py").read_text(encoding="utf-8")
    for line in shown[1:]:
        assert line.strip() in source


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_what_it_counts_is_so():
    import npdeep as nd

    assert f"`Activation` ({len(nd.activations.RULES)} functions)" in README
    assert len(nd.losses.KNOWN) == len(nd.optimizers.KNOWN) == 10
    assert "**Losses**: ten" in README
    assert len(nd.schedules.KNOWN) == 9
    assert "nine learning-rate" in README
