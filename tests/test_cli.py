"""The command line: exit codes, what is written, help that is complete, a clean end on Ctrl-C."""

import csv
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from npdeep.command_line import checked_networks, main


def run(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    code = main.main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_train_writes_history_and_plots(capsys, tmp_path):
    folder = tmp_path / "run"
    code, out, _ = run(capsys, "train", "--epochs", "2", "--layers", "30", "--folder", str(folder), "--batch-normalization")
    assert code == 0
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"updates", "seconds", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= set(rows[0])
    assert float(rows[1]["val_accuracy"]) > 0.8
    assert {p.name for p in folder.iterdir()} == {"history.csv", "loss.png", "accuracy.png", "run.json", "trainer.npz"}
    assert re.search(r"test: loss \d+\.\d+, accuracy \d\d\.\d\d% after 180 updates", out)


def test_train_never_writes_into_an_old_run(capsys, tmp_path):
    arguments = ["train", "--epochs", "1", "--layers", "5", "--folder", str(tmp_path / "run")]
    assert run(capsys, *arguments)[0] == run(capsys, *arguments)[0] == 0
    assert (tmp_path / "run-2" / "history.csv").exists()


def test_train_takes_every_option(capsys, tmp_path):
    options = "--activation elu --initializer he_normal --dropout 0.2 --optimizer nesterov --learning-rate 0.05 --momentum 0.8 "
    options += "--schedule exponential_decay:100,0.5 --clip 1 --epochs 1 --batch-size 100 --seed 7 --layers 8 8"
    code, out, _ = run(capsys, "train", *options.split(), "--folder", str(tmp_path / "run"))
    assert code == 0
    assert "elu" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--activation rleu", "unknown name 'rleu'; did you mean 'relu'"),
        ("--optimizer adm", "unknown optimizer 'adm'; did you mean 'adam'"),
        ("--initializer he_nrmal", "did you mean 'he_normal'"),
        ("--optimizer adam --momentum 0.9", "Adam has no momentum"),
        ("--schedule power:3", "did you mean 'power_decay'"),
        ("--schedule power_decay:x", "after the colon stand numbers"),
        ("--schedule power_decay", "schedule 'power_decay': .*decay_steps"),
        ("--dropout 1.5", "rate must be a number of at least 0 and below 1"),
        ("--learning-rate -1", "learning_rate must be a number of at least 0, got -1"),
        ("--epochs -1", "epochs must be an integer of at least 0, got -1"),
        ("--data nowhere", "has neither train-images-idx3-ubyte"),
        ("--layers 0", "units must be an integer of at least 1, got 0"),
    ],
)
def test_unfit_arguments_end_with_2_and_a_message(capsys, tmp_path, options, message):
    code, _, err = run(capsys, "train", *options.split(), "--folder", str(tmp_path / "run"))
    assert code == 2
    assert err.startswith("npdeep train: ")
    assert re.search(message, err)
    assert "Traceback" not in err


def test_check_compares_gradients_and_fails_where_they_differ(capsys, monkeypatch):
    code, out, _ = run(capsys, "check", "batch_normalization")
    assert code == 0
    assert "all gradients agree with central differences to 1e-06" in out

    from npdeep.layers import dense

    right = dense.affine_backward

    def wrong(x, W, dz, dW, db, dx):
        right(x, W, dz, dW, db, dx)
        dW *= 1.001
        return dx

    monkeypatch.setattr(dense, "affine_backward", wrong)
    code, out, _ = run(capsys, "check", "dense")
    assert code == 1
    assert re.search(r"dense(_1)?/kernel does not agree", out)
    assert "WRONG" in out


@pytest.mark.parametrize("name", sorted(checked_networks.CHECKED))
def test_every_named_network_passes(name):
    report = checked_networks.check_network(name)
    assert report, report


def test_check_all_goes_through_all_of_them(capsys, monkeypatch):
    monkeypatch.setattr(checked_networks, "CHECKED", {k: checked_networks.CHECKED[k] for k in ("dense", "gelu")})
    code, out, _ = run(capsys, "check", "all")
    assert code == 0
    assert "dense: " in out
    assert "gelu: " in out


def test_lesson_runs_from_the_command_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yours = ["--activation", "tanh", "--initializer", "glorot_uniform", "--normalization", "layer", "--residual"]
    code, out, _ = run(capsys, "lesson", "--epochs", "1", "--depth", "3", "--width", "9", *yours)
    assert code == 0
    assert "wrote lesson/index.html; open it in a browser" in out
    assert "1/3  yours: tanh, GlorotUniform(), layer normalization, residual" in out
    page = Path("lesson/index.html").read_text(encoding="utf-8")
    assert "The deep ones have 3 hidden layers of 9 units" in page


def test_options_that_do_not_fit_together_are_refused_in_words(capsys):
    code, out, err = run(capsys, "lesson", "--depth", "1", "--residual")
    assert (code, out) == (2, "")
    assert "with depth 1 there is no other, so give a depth of at least 2" in " ".join(err.split())


@pytest.mark.parametrize("command", [[], ["lesson"], ["train"], ["check"], ["evaluate"], ["diagnose"], ["play"]])
def test_help_is_complete(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main.main([*command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    flags = re.findall(r"^  (--[a-z-]+|-h)", text, re.MULTILINE)
    for flag in flags:                        # every option has a word of explanation after it or on the next line
        assert re.search(rf"{flag}[^\n]*\n? +\S", text)
    assert "usage: npdeep" in text
    assert not re.search(r"\(default:\s+(True|False)\)", text)    # read beside --no-check it says the opposite


@pytest.mark.parametrize("arguments", [[], ["leson"], ["check"], ["train", "--epochs", "many"]])
def test_usage_errors_end_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main.main(arguments)
    assert ended.value.code == 2


def test_an_unknown_network_ends_with_2_and_the_nearest_name(capsys):
    code, out, err = run(capsys, "check", "denes")
    assert (code, out) == (2, "")
    assert "check: unknown network 'denes'; did you mean 'dense'? Known: " in err


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("npdeep 0.")


def test_python_m_npdeep_is_the_same():
    done = subprocess.run([sys.executable, "-m", "npdeep", "check", "dense"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "all gradients agree" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
@pytest.mark.parametrize("command", [["train", "--epochs", "100000", "--layers", "20"], ["lesson", "--epochs", "100000"]])
def test_ctrl_c_ends_cleanly_with_what_was_learned_so_far(tmp_path, command):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "npdeep", *command, "--folder", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()                          # a process that says nothing must not hang the tests
    for line in process.stdout:               # until the first epochs are done
        if re.search(r"epoch (2|10)/100000", line):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    watchdog.cancel()
    assert process.returncode == 130
    assert "Ctrl-C: finishing this step" in err
    assert "Traceback" not in err
    if command[0] == "train":
        assert "test: loss" in out
        assert (tmp_path / "run" / "history.csv").exists()
    else:
        assert "logistic, N(0, 1)" in out
        assert (tmp_path / "run" / "learning_curves.png").exists()


def test_a_second_ctrl_c_ends_at_once():
    with main.interruptible() as stopped:
        assert not stopped()
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_before_anything_was_learned_is_no_traceback(capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(main.nd.lesson, "run", interrupted)
    code, _, err = run(capsys, "lesson")
    assert code == 130
    assert err == "interrupted\n"
