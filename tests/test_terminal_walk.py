"""TerminalWalk and `npdeep walk`: commands in, text out."""

import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers_training import bits, every_trainer, examples, plain_trainer

import npdeep as nd
from npdeep.command_line import main
from npdeep.debug.recorded import recorded


def typed(commands, trainer=None, batch=None):
    """What is printed after these commands, one a line; the first operation's lines come before."""
    trainer = plain_trainer() if trainer is None else trainer
    out = io.StringIO()
    nd.debug.TerminalWalk(trainer, *(batch or examples(4)), stdin=io.StringIO(commands), stdout=out).run()
    return out.getvalue()


def after_start(commands, *args):
    """Without what is there before the first command."""
    start = typed("", *args)
    text = typed(commands, *args)
    assert text.startswith(start)
    return text[len(start) :]


def test_next_goes_through_every_operation_and_stops_at_the_end():
    trainer = every_trainer(nd.optimizers.Adam())
    events = list(recorded(trainer, *examples(6)))
    text = typed("n\n" * (len(events) - 1) + "n\n", trainer, examples(6))
    heads = re.findall(r"^(\d+) of (\d+)  (.*)$", text, re.MULTILINE)
    assert [int(number) for number, _, _ in heads] == list(range(1, len(events) + 1))
    for (_, n, head), event in zip(heads, events, strict=True):
        assert int(n) == len(events)
        assert head.startswith(event.stage)
        assert event.name in head
        assert head.endswith(str(event.formula))
    assert text.endswith("this was the last operation of the step; b goes back, q ends\n")


def test_an_empty_line_is_next_and_the_end_of_the_input_is_the_end():
    assert after_start("\n") == after_start("next\n") == after_start("n") != ""


def test_back_shows_the_numbers_as_they_were():
    trainer = plain_trainer(nd.optimizers.SGD(100.0))
    before = after_start("s kernel\n", trainer)
    text = after_start("j update\nj 1\ns kernel\n", trainer)
    assert text.endswith(before)
    assert after_start("b\n") == "this is the first operation; n continues\n"
    assert "3 of 8  forward outputs" in after_start("j loss\nb\n")


@pytest.mark.parametrize(
    ("place", "head"),
    [
        ("4", "4 of 8  loss"),
        ("update", "8 of 8  update"),
        ("outputs", "3 of 8  forward outputs"),
        ("backward outputs", "5 of 8  backward outputs"),
        ("hidden backward", "7 of 8  backward hidden"),
        ("backward", "5 of 8  backward outputs"),
        ("hidden", "7 of 8  backward hidden"),
    ],
)
def test_jump_by_number_stage_and_layer(place, head):
    assert head in after_start(f"jump {place}\n")


@pytest.mark.parametrize("place", ["", "0", "9", "nowhere", "backward loss"])
def test_jump_to_nowhere_stays_and_says_how(place):
    text = after_start(f"jump {place}\nl\n")
    assert "jump takes a number, a stage or a layer" in text
    assert ">  1  forward hidden" in text


def test_show_prints_small_arrays_whole_and_large_ones_by_their_corners():
    model = nd.Sequential([nd.Dense(40, name="wide"), nd.Dense(2, name="out")], input_size=30, seed=0)
    trainer = nd.Trainer(model, "mean_squared_error")
    batch = np.ones((3, 30)), np.zeros((3, 2))
    text = after_start("show kernel\ns bias\n", trainer, batch)
    assert "..." in text
    assert "corners only; of the whole array: mean" in text
    assert f"norm {np.linalg.norm(model.layer('wide').kernel.value):.4g}" in text
    assert text.endswith(f"bias (40,) float32\n{np.array2string(np.zeros(40, 'f'), max_line_width=1000)}\n")
    values = after_start("j out\nshow W\n", trainer, batch).rpartition("float32\n")[2]
    read = np.array(values.replace("[", "").replace("]", "").split(), float)
    assert np.allclose(read, model.layer("out").kernel.value.ravel(), rtol=0, atol=1e-4)


def test_an_array_goes_by_name_letter_or_part_of_its_name():
    assert after_start("show output") == after_start("s z") == after_start("s outp") == after_start("output")
    assert "grad of hidden/kernel (6, 8)" in after_start("j update\ns grad of hidden/k\n")


def test_on_the_way_down_the_arrays_of_the_way_up_are_at_hand():
    up = after_start("s W\nstats W\n")
    assert after_start("j backward hidden\ns W\nstats W\n").endswith(up)
    assert after_start("j backward hidden\ns dW\n").partition("grad_kernel (6, 8)")[1]
    assert "no array 'W' here" in after_start("j loss\ns W\n")


def test_list_shows_how_large_the_numbers_are_on_both_ways():
    trainer = plain_trainer()
    lines = after_start("l\nn\n", trainer).splitlines()
    for line, event in zip(lines, recorded(trainer, *examples(4)), strict=False):
        name = {"forward": "output", "backward": "grad_output"}.get(event.stage)
        if name is not None:
            assert line.endswith(f" = {np.log10(np.linalg.norm(event.arrays[name])):+.2f}")
    assert re.fullmatch(r"   4  loss +L = [\d.]+", lines[3])
    assert "2 of 8" in lines[8]                # to list is not to walk on


def test_messages_for_beginners():
    assert after_start("show foo") == "no array 'foo' here; there are: input, kernel, bias, output\n"
    assert after_start("show put") == "'put' may be any of: input, output\n"
    assert after_start("stats foo") == "no array 'foo' here; there are: input, kernel, bias, output\n"
    assert after_start("foo bar") == "no command 'foo'; h lists the commands\n"
    assert after_start("! ls") == "no command '!'; h lists the commands\n"


def test_stats_formula_source_and_help():
    assert re.search(r"^kernel +\(6, 8\) +float32", after_start("stats"), re.MULTILINE)
    assert after_start("stats W").startswith("kernel: mean ")
    formula = after_start("j backward\nf\n")
    assert "  dW = xᵀdz\n  db = Σ dz\n  dx = dz Wᵀ\nLaTeX: dW = x^\\top dz" in formula
    assert formula == after_start("j backward\nlatex\n")
    source = after_start("source")
    assert re.match(r".*affine\.py:\d+\ndef affine_forward\(", source)
    for command in ("next", "back", "jump", "list", "show", "stats", "formula", "source", "explain", "help", "quit"):
        assert re.search(rf"^  . +  ?{command}\b|^  \w  {command}\b", after_start("h"), re.MULTILINE)
    assert after_start("?") == after_start("help") == after_start("h")


def test_quit_ends_at_once():
    assert after_start("q\nn\n") == after_start("quit") == ""


def test_explain_a_unit_on_the_way_up_and_down_and_again_after_the_update():
    trainer, (x, y) = plain_trainer(nd.optimizers.SGD(10.0)), examples(4)
    up = after_start("explain 2 1\n", trainer)
    assert up.startswith("hidden (Dense): unit 2, row 1 of 4\nforward: z = xW + b\n")
    assert "backward" not in up
    assert after_start("j update\nj 1\ne 2 1\n", trainer).endswith(up)
    down = after_start("j backward hidden\ne 2\n", trainer)
    assert "dW[" in down
    assert "db[2]" in down
    z = next(iter(recorded(trainer, x, y))).arrays["output"][1, 2]
    assert re.search(rf"together +{f'{z:.4g}'.replace('-', '−')}$", up, re.MULTILINE)
    assert "row 3 of 4" in after_start("j loss\ne 0 3\n", trainer)


def test_explain_an_update_gives_the_weight_that_the_update_made():
    trainer = every_trainer(nd.optimizers.Adam(0.01))
    trainer.step(*examples(6, seed=2))
    update = next(e for e in recorded(trainer, *examples(6)) if e.stage == "update")
    w = update.arrays["hidden1/kernel"][3, 4]
    for stage in ("penalty", "clip", "update", "constrain"):
        text = after_start(f"j {stage}\ne hidden1/kernel 3 4\n", trainer, examples(6))
        assert "hidden1/kernel[3, 4]: update 2, by Adam" in text
        assert re.search(rf"w ← .* = {f'{w:.4g}'.replace('-', '−')}$", text, re.MULTILINE)
        assert "one more step" not in text


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ("e", "explain takes the number of a unit"),
        ("e x", "explain takes the number of a unit"),
        ("e 1 2 3", "explain takes the number of a unit"),
        ("e 8", "has 8 units"),
        ("e 0 4", "had 4 rows"),
        ("j update\ne", "here explain takes a parameter"),
        ("j update\ne hidden/kernel x", "here explain takes a parameter"),
        ("j update\ne hidden/kernle 0 0", "did you mean 'hidden/kernel'"),
        ("j update\ne hidden/kernel 0", "index must have 2 numbers"),
    ],
)
def test_explain_says_what_it_wants(commands, message):
    assert message in after_start(commands).splitlines()[-1]


def test_nothing_of_the_trainer_is_touched():
    trainer, twin = every_trainer(), every_trainer()
    for t in (trainer, twin):
        t.step(*examples(10))
    before = bits(trainer)
    typed("\n" * 40 + "e hidden1/bias 0\nj 1\ne 0\nj backward hidden1\ne 1\n", trainer, examples(10))
    assert bits(trainer) == before
    assert trainer.step(*examples(10)) == twin.step(*examples(10))
    assert bits(trainer) == bits(twin)


def test_a_step_that_breaks_off_says_so_and_stays():
    trainer = plain_trainer(clipping=nd.clipping.ClipByGlobalNorm(1.0))
    trainer.model.layer("hidden").kernel.value[0, 0] = np.nan
    text = after_start("j update\nn\nl\n", trainer)
    assert text.count("the step broke off here: ") == 2
    assert "the gradient of outputs/bias holds nan" in text
    assert ">  7  backward hidden" in text


def test_unfit_arguments_are_refused_at_the_call():
    with pytest.raises(TypeError, match="TerminalWalk: trainer must be a Trainer, got 3"):
        nd.debug.TerminalWalk(3, *examples(4))
    with pytest.raises(ValueError, match="walk: x must have the shape"):
        nd.debug.TerminalWalk(plain_trainer(), np.ones((4, 5)), [0] * 4)


def test_names_are_completed():
    walk = nd.debug.TerminalWalk(plain_trainer(), *examples(4), stdin=io.StringIO(""), stdout=io.StringIO())
    walk.run()
    assert walk.complete_show("in") == ["input"]
    assert walk.complete_jump("ba") == ["backward"]
    assert "EOF" not in walk.completenames("")
    assert walk.completenames("so") == ["source"]


# ── npdeep walk ───────────────────────────────────────────────────────────────────────────────────────────────────────
def command(*arguments, **options):
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    run = [sys.executable, "-m", "npdeep", "walk", *arguments]
    return subprocess.run(run, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=300, **options)


def test_the_command_goes_through_a_pipe():
    done = command("--layers", "5", input="n\nshow output\nq\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 8  forward activation  a = max(z, 0)" in done.stdout
    assert "output (8, 5) float32\n[[" in done.stdout
    assert "(walk)" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
def test_at_a_terminal_there_is_a_prompt():
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "npdeep", "walk", "--layers", "5"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.close(theirs)
    os.write(ours, b"n\nq\n")
    out, err = process.communicate(timeout=300)
    os.close(ours)
    assert process.returncode == 0, err
    assert "(walk) " in (out + err).decode()
    assert b"2 of 8" in out


def test_the_command_writes_a_page(capsys, tmp_path):
    file = tmp_path / "step.html"
    assert main.main(["walk", "--html", str(file), "--layers", "6", "5", "--activation", "elu", "--optimizer", "adam"]) == 0
    assert f"wrote {file}" in capsys.readouterr().out
    text = file.read_text(encoding="utf-8")
    assert "One training step of 784-6-5-10, 8 examples" in text
    assert "Adam(" in text


def test_the_command_walks_on_with_a_saved_trainer_or_model(capsys, tmp_path, monkeypatch):
    (x, y), _ = nd.datasets.mnist_sample()
    model = nd.Sequential([nd.Dense(4, name="first"), nd.Dense(10)], input_size=784, seed=3)
    trainer = nd.Trainer(model, "softmax_cross_entropy", "momentum")
    trainer.step(x[:50], y[:50])
    trainer.save(tmp_path / "trainer.npz")
    model.save(tmp_path / "model.npz")
    monkeypatch.setattr("sys.stdin", io.StringIO("j update\n"))
    assert main.main(["walk", "--file", str(tmp_path / "trainer.npz"), "--batch-size", "3"]) == 0
    out = capsys.readouterr().out
    assert "(3, 784)" in out
    assert "m ← β·m − η·g" in out
    monkeypatch.setattr("sys.stdin", io.StringIO("j update\n"))
    assert main.main(["walk", "--file", str(tmp_path / "model.npz")]) == 0
    assert "w ← w − η·g" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--batch-size 0", "walk: batch_size must be an integer of at least 1, got 0"),
        ("--batch-size 5000", "batch_size must be no more than the 4,500 training digits, got 5000"),
        ("--activation rleu", "did you mean 'relu'"),
        ("--optimizer adm", "did you mean 'adam'"),
        ("--layers 0", "units must be an integer of at least 1, got 0"),
        ("--data nowhere", "has neither train-images-idx3-ubyte"),
        ("--file small.npz", "takes 6 numbers per example, a digit has 784"),
        ("--file small.npz --layers 3 --seed 1", "leave out --layers, --seed, or the file"),
        ("--file missing.npz", "missing.npz"),
        ("--html small.npz/step.html", "--html: cannot write into the folder small.npz: it is a file; name another folder"),
    ],
)
def test_unfit_arguments_end_with_2_and_a_message(capsys, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    plain_trainer().model.save("small.npz")
    assert main.main(["walk", *options.split()]) == 2
    err = capsys.readouterr().err
    assert err.startswith("npdeep walk: ")
    assert message in err
    assert "Traceback" not in err


def test_help_says_every_default_once(capsys):
    with pytest.raises(SystemExit):
        main.main(["walk", "--help"])
    text = capsys.readouterr().out
    assert "None" not in text
    assert "(default: 30)" in text
    assert "(default: 8)" in text
