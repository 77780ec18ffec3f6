"""The command line and its files: runs that are resumed, interrupted or not, and what summary and evaluate print."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from helpers_own import OwnLayer, OwnLossObject
from helpers_training import examples, plain_trainer

import npdeep as nd
from npdeep.command_line import main
from npdeep.files import npz

OPTIONS = ["--layers", "20", "--batch-normalization", "--dropout", "0.2", "--optimizer", "nadam", "--clip", "1"]
SCHEDULED = ["--layers", "10", "10", "--activation", "elu", "--optimizer", "momentum", "--schedule", "power_decay:100"]
PER_EPOCH = 90                                # updates: 4,500 digits in batches of 50


def run(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    code = main.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def contents(folder):
    """All that a run's checkpoint holds but the seconds."""
    header, arrays = npz.read(folder / "trainer.npz")
    header["state"].pop("seconds")
    for record in header["history"]["records"]:
        record.pop("seconds")
    return header, {name: (array.shape, array.tobytes()) for name, array in arrays.items()}


def rows(folder):
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Runs of 3 epochs that were never interrupted, by their options."""
    folders = {}
    for options in (OPTIONS, SCHEDULED):
        folders[tuple(options)] = folder = tmp_path_factory.mktemp("whole")
        assert main.main(["train", *options, "--epochs", "3", "--folder", str(folder)]) == 0
    return folders


def interrupt_after(monkeypatch, steps):
    """Ctrl-C is pressed once, so many steps into the run."""

    @contextmanager
    def pressed():
        calls = []

        def stopped():
            calls.append(None)
            return len(calls) >= steps

        yield stopped

    monkeypatch.setattr(main, "interruptible", pressed)


# ── resuming ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("options", [OPTIONS, SCHEDULED], ids=lambda options: options[-2])
def test_a_resumed_run_holds_the_same_bits_and_history_as_a_longer_one(capsys, tmp_path, whole, options):
    folder = tmp_path / "run"
    code, out, _ = run(capsys, "train", *options, "--epochs", 1, "--folder", folder)
    assert (code, npz.read(folder / "trainer.npz")[0]["state"]["iteration"]) == (0, PER_EPOCH)
    assert f"wrote {folder / 'trainer.npz'}" in out
    code, out, _ = run(capsys, "train", "--resume", folder, "--epochs", 2)
    assert code == 0
    assert [line.split("  ")[0] for line in out.splitlines() if line.startswith("epoch ")] == ["epoch 2/3", "epoch 3/3"]
    assert contents(folder) == contents(whole[tuple(options)])
    assert rows(folder) == rows(whole[tuple(options)])
    assert {p.name for p in folder.iterdir()} == {"history.csv", "loss.png", "accuracy.png", "run.json", "trainer.npz"}


@pytest.mark.parametrize("steps", [1, 50, 90, 91, 200])
def test_interrupted_amid_an_epoch_it_says_how_to_go_on_and_does_so_to_the_bit(capsys, monkeypatch, tmp_path, whole, steps):
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        interrupt_after(patched, steps)
        code, out, err = run(capsys, "train", *OPTIONS, "--epochs", 3, "--folder", folder)
    assert (code, err) == (130, "")
    assert f"interrupted after {steps} updates; continue with: npdeep train --resume {folder}\n" in out
    assert f"after {steps} updates" in out.splitlines()[-1]
    trainer = nd.Trainer.restore(folder / "trainer.npz")
    assert trainer.iteration == steps
    code, _, _ = run(capsys, "train", "--resume", folder, "--epochs", 3 - trainer.epoch)
    assert code == 0
    assert contents(folder) == contents(whole[tuple(OPTIONS)])
    assert rows(folder) == rows(whole[tuple(OPTIONS)])


def test_interrupted_again_and_again(capsys, monkeypatch, tmp_path, whole):
    folder = tmp_path / "run"
    start = ["train", *OPTIONS, "--folder", folder]
    for steps in (30, 100, 25):
        with monkeypatch.context() as patched:
            interrupt_after(patched, steps)
            assert run(capsys, *start, "--epochs", 3)[0] == 130
        start = ["train", "--resume", folder]
    trainer = nd.Trainer.restore(folder / "trainer.npz")
    assert trainer.iteration == 155
    run(capsys, *start, "--epochs", 3 - trainer.epoch)
    assert contents(folder) == contents(whole[tuple(OPTIONS)])


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
def test_a_real_ctrl_c_and_then_a_resumed_run(capsys, tmp_path):
    """Wherever it falls: the epoch that it broke off is finished to the bits of a run that was never disturbed."""
    options = ["--layers", "8", "--dropout", "0.1"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "npdeep", "train", *options, "--epochs", "100000", "--folder", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    stopped = int(re.search(r"interrupted after ([\d,]+) updates", out)[1].replace(",", ""))
    trainer = nd.Trainer.restore(tmp_path / "run" / "trainer.npz")
    assert trainer.iteration == stopped
    epochs = trainer.epoch + 1
    assert run(capsys, "train", "--resume", tmp_path / "run", "--epochs", 1)[0] == 0
    run(capsys, "train", *options, "--epochs", epochs, "--folder", tmp_path / "whole")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_a_run_has_a_checkpoint_before_its_first_update(capsys, tmp_path):
    assert run(capsys, "train", *OPTIONS, "--epochs", 0, "--folder", tmp_path / "run")[0] == 0
    assert nd.Trainer.restore(tmp_path / "run" / "trainer.npz").iteration == 0


def test_a_resumed_run_knows_its_data_and_batch_size(capsys, tmp_path):
    run(capsys, "train", "--layers", 5, "--batch-size", 450, "--epochs", 1, "--folder", tmp_path / "run")
    run(capsys, "train", "--resume", tmp_path / "run", "--epochs", 1)
    assert nd.Trainer.restore(tmp_path / "run" / "trainer.npz").iteration == 20
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == {"data": "sample", "batch_size": 450}


# ── summary and evaluate ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """784-300-100-10 as a model file, and in the file of a trainer that made three updates."""
    folder = tmp_path_factory.mktemp("chapter")
    layers = [nd.Dense(300, name="hidden1"), nd.Activation("elu"), nd.Dense(100, name="hidden2"), nd.Dense(10, name="outputs")]
    model = nd.Sequential(layers, 784, seed=42, name="lecture")
    trainer = nd.Trainer(model, "softmax_cross_entropy", nd.optimizers.Momentum(0.05), metrics=["accuracy"])
    (x, y), _ = nd.datasets.mnist_sample()
    trainer.fit(x[:150], y[:150], batch_size=50, validation_data=(x[150:200], y[150:200]), verbose=False)
    return model.save(folder / "model.npz"), trainer.save(folder / "trainer.npz"), trainer


def test_summary_of_a_model_file(capsys, chapter):
    model, _, trainer = chapter
    code, out, err = run(capsys, "summary", model)
    assert (code, err) == (0, "")
    assert out == f"{trainer.model.summary()}\n"
    assert out.startswith("lecture: input (n, 784), float32\n")
    assert "266,610 parameters: 266,610 trainable, 0 frozen, 0 moving statistics" in out


def test_summary_of_a_trainers_file(capsys, chapter):
    _, path, trainer = chapter
    code, out, _ = run(capsys, "summary", path)
    slots = [f"{layer}/{kind}/Momentum" for layer in ("hidden1", "hidden2", "outputs") for kind in ("kernel", "bias")]
    assert code == 0
    assert out == (
        f"{trainer.model.summary()}\n\nSoftmaxCrossEntropy(label_smoothing=0.0)\nMomentum(learning_rate=0.05, momentum=0.9)\n"
        f"3 updates, 1 epochs, {trainer.seconds:.1f} seconds of training\nslots: {', '.join(slots)}\n\n{trainer.history}\n"
    )


def test_summary_of_a_trainer_that_never_trained_and_has_no_slots(capsys, tmp_path):
    code, out, _ = run(capsys, "summary", plain_trainer().save(tmp_path / "a.npz"))
    assert code == 0
    assert out.endswith("0 updates, 0 epochs, 0.0 seconds of training\nslots: none\n")


def test_summary_of_a_run_that_was_stopped_says_why(capsys, tmp_path):
    trainer = plain_trainer()
    stop = nd.callbacks.LambdaCallback(on_step_end=lambda t: t.stop("that will do"))
    trainer.fit(*examples(50), callbacks=[stop], verbose=False)
    assert run(capsys, "summary", trainer.save(tmp_path / "a.npz"))[1].endswith("that will do\n")


def test_summary_needs_no_loss_of_the_users_but_a_layer_is_missed_and_named(capsys, tmp_path):
    trainer = nd.Trainer(plain_trainer().model, OwnLossObject(), "adam")
    code, out, _ = run(capsys, "summary", trainer.save(tmp_path / "a.npz"))
    assert code == 0
    assert "\nOwnLossObject\nAdam(" in out
    path = nd.Sequential([OwnLayer()], 3).save(tmp_path / "b.npz")
    code, _, err = run(capsys, "summary", path)
    assert code == 2
    message = "model.layers[0] is an object of your class OwnLayer; pass the class with own={'OwnLayer': OwnLayer}"
    assert err == f"npdeep summary: checkpoint {path}: {message}\n"


def test_evaluate_prints_what_the_trainer_measures(capsys, chapter):
    _, path, trainer = chapter
    _, test = nd.datasets.mnist_sample()
    measured = trainer.evaluate(*test)
    code, out, err = run(capsys, "evaluate", path)
    assert (code, err) == (0, "")
    assert out == f"loss {measured['loss']:.4f}  accuracy {measured['accuracy']:.4f}\n"


def test_evaluate_judges_a_model_file_by_cross_entropy_and_accuracy(capsys, chapter):
    model, path, _ = chapter
    assert run(capsys, "evaluate", model) == run(capsys, "evaluate", path)


def test_evaluate_of_a_run_gives_what_the_run_said_at_its_end(capsys, tmp_path):
    _, out, _ = run(capsys, "train", *OPTIONS, "--epochs", 1, "--folder", tmp_path / "run")
    loss, accuracy = re.search(r"test: loss ([\d.]+), accuracy ([\d.]+)%", out).groups()
    _, out, _ = run(capsys, "evaluate", tmp_path / "run" / "trainer.npz")
    assert out == f"loss {loss}  accuracy {float(accuracy) / 100:.4f}\n"


def test_looking_at_a_file_leaves_it_as_it_was(capsys, chapter):
    _, path, _ = chapter
    before = path.read_bytes()
    for command in ("summary", "evaluate"):
        run(capsys, command, path)
    assert path.read_bytes() == before


# ── what is not a file of npdeep's ───────────────────────────────────────────────────────────────────────────────────────
def flipped(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def next_version(path):
    with np.load(path) as members:
        arrays = dict(members)
    header = json.loads(arrays["header"].tobytes())
    np.savez(path, **{**arrays, "header": np.frombuffer(json.dumps({**header, "version": 2}).encode(), np.uint8)})


NO_ZIP = "checkpoint .*: damaged, or no checkpoint at all: File is not a zip file"
FAULTS = {
    "damaged": (flipped, "checkpoint .*: damaged"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "checkpoint .*: damaged"),
    "empty": (lambda path: path.write_bytes(b""), NO_ZIP),
    "a text": (lambda path: path.write_text("hello"), NO_ZIP),
    "somebody else's": (lambda path: np.savez(path, x=np.ones(3)), "checkpoint .*: no checkpoint of npdeep: it has no header"),
    "of a newer version": (next_version, "has version 2 of the format, this npdeep reads version 1"),
    "of an empty model": (lambda path: npz.write(path, {}, {}), "checkpoint .*: holds no model"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ["summary", "evaluate", "train"])
def test_a_file_that_cannot_be_used_ends_with_2_and_its_name(capsys, tmp_path, command, fault):
    path = plain_trainer().save(tmp_path / "trainer.npz")
    (tmp_path / "run.json").write_text('{"data": "sample", "batch_size": 50}')
    spoil, message = FAULTS[fault]
    spoil(path)
    before = path.read_bytes()
    code, out, err = run(capsys, *(["train", "--resume", tmp_path] if command == "train" else [command, path]))
    assert (code, out) == (2, "")
    assert re.match(rf"npdeep {command}: .*{message}", err)
    assert str(path) in err
    assert "Traceback" not in err
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", ["summary", "evaluate"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.npz", r"checkpoint .*none\.npz: no such file"),
        ("folder.npz", r"checkpoint .*folder\.npz: is a folder"),
        ("history.csv", "the file's name must end in .npz, got .*history.csv"),
    ],
)
def test_what_is_no_checkpoint_file_at_all(capsys, tmp_path, command, name, message):
    (tmp_path / "folder.npz").mkdir()
    code, out, err = run(capsys, command, tmp_path / name)
    assert (code, out) == (2, "")
    assert re.match(f"npdeep {command}: .*{message}", err)


def test_evaluate_of_a_network_for_other_data(capsys, tmp_path):
    code, _, err = run(capsys, "evaluate", plain_trainer().save(tmp_path / "a.npz"))
    assert code == 2
    assert err.startswith("npdeep evaluate: x must have the shape (n, 6), got (1000, 784)")


def test_evaluate_on_data_that_are_not_there(capsys, chapter):
    code, _, err = run(capsys, "evaluate", chapter[0], "--data", "nowhere")
    assert code == 2
    assert "nowhere" in err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.json", None, "is not a run of npdeep train: it has no run.json"),
        ("trainer.npz", None, "is not a run of npdeep train: it has no trainer.npz"),
        ("run.json", "hello", r"run .*run\.json: damaged: its header is not JSON"),
        ("run.json", "[" * 2000, r"run\.json: damaged: its header is nested 2000 deep"),
        ("run.json", "[]", r"run\.json: it must be an object, got the list \[\]"),
        ("run.json", "{}", r"run\.json: it lacks 'data'"),
        ("run.json", '{"data": ["sample"], "batch_size": 50}', r"run\.json: data must be a text of visible characters, got"),
        ("run.json", '{"data": "sample", "batch_size": null}', r"run\.json: batch_size must be an integer of at least 1, got"),
        ("run.json", '{"data": "sample", "batch_size": 0}', r"run\.json: batch_size must be an integer of at least 1, got 0"),
        ("run.json", '{"data": "nowhere", "batch_size": 50}', "nowhere"),
    ],
)
def test_a_folder_that_holds_no_run(capsys, tmp_path, name, text, message):
    model = nd.Sequential([nd.Dense(10)], 784, seed=0)
    nd.Trainer(model, "softmax_cross_entropy").save(tmp_path / "trainer.npz")
    (tmp_path / "run.json").write_text('{"data": "sample", "batch_size": 50}')
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    code, _, err = run(capsys, "train", "--resume", tmp_path)
    assert code == 2
    assert re.search(f"npdeep train: .*{message}", err)


def test_a_folder_that_is_not_there(capsys, tmp_path):
    code, _, err = run(capsys, "train", "--resume", tmp_path / "none")
    assert code == 2
    assert err == f"npdeep train: {tmp_path / 'none'} is not a run of npdeep train: it has no run.json\n"


@pytest.mark.parametrize("command", ["summary", "evaluate"])
def test_without_a_file_the_usage_is_shown(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main.main([command])
    assert ended.value.code == 2
    assert f"usage: npdeep {command}" in capsys.readouterr().err


def test_what_a_resumed_run_knows_already_is_refused(capsys, tmp_path):
    code, _, err = run(capsys, "train", "--resume", tmp_path, "--epochs", 1, "--batch-size", 7, "--optimizer=sgd")
    assert code == 2
    assert "with --resume leave out --batch-size, --optimizer; only --epochs counts" in err


def test_a_model_that_ends_in_a_softmax_is_judged_by_its_cross_entropy(capsys, tmp_path):
    model = nd.Sequential([nd.Dense(10, name="outputs")], 784, seed=0)
    path = model.save(tmp_path / "logits.npz")
    ends = nd.Sequential([nd.Dense(10, name="outputs"), nd.Activation("softmax")], 784, seed=0)
    ends.load_weights(path)
    with_softmax = run(capsys, "evaluate", ends.save(tmp_path / "softmax.npz"))
    assert with_softmax[0] == 0
    assert with_softmax[1] == run(capsys, "evaluate", path)[1]
