"""npdeep bench: a new network or one from a file, timed; the file stays as it is; errors in words."""

import re

import pytest
from helpers_training import plain_trainer

import npdeep as nd
from npdeep.command_line import main


def run(capsys, *arguments):
    """Exit code, standard output and standard error of npdeep bench."""
    code = main.main(["bench", "--repeats", "2", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_new_network_as_train_would_make_it(capsys):
    code, out, _ = run(capsys)
    assert code == 0
    assert "One training step of Sequential sequential 784-300-100-10 float32, 50 rows: medians of 2" in out
    assert re.search(r"^update +update +Adam +[\d,.]+ ", out, re.MULTILINE)
    assert "the step takes" in out
    assert "where the time goes:\n- " in out


def test_every_option_counts(capsys):
    options = "--layers 20 15 --activation elu --batch-normalization --dropout 0.3 --optimizer momentum --seed 3 --batch-size 7"
    code, out, _ = run(capsys, *options.split())
    assert code == 0
    assert "784-20-20-15-15-10 float32, 7 rows" in out
    for word in ("elu", "BatchNormalization", "Dropout", "Momentum"):
        assert word in out


def test_a_trainer_and_a_model_from_a_file(capsys, tmp_path):
    (x, y), _ = nd.datasets.mnist_sample()
    model = nd.Sequential([nd.Dense(4, name="first"), nd.Dense(10)], input_size=784, seed=3)
    trainer = nd.Trainer(model, "softmax_cross_entropy", "rmsprop", clipping=nd.clipping.ClipByGlobalNorm(1.0))
    trainer.step(x[:50], y[:50])
    file = trainer.save(tmp_path / "trainer.npz")
    before = file.read_bytes()
    code, out, _ = run(capsys, file)
    assert code == 0
    assert "784-4-10 float32" in out
    assert "RMSProp" in out
    assert "ClipByGlobalNorm" in out
    assert file.read_bytes() == before
    code, out, _ = run(capsys, model.save(tmp_path / "model.npz"), "--batch-size", "3")
    assert code == 0
    assert "SGD" in out
    assert "3 rows" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--batch-size 0", "bench: batch_size must be a whole number of at least 1, got 0"),
        ("--batch-size 5000", "bench: batch_size must be no more than the 4,500 training digits, got 5000"),
        ("--repeats 0", "repeats must be a whole number of at least 1, got 0"),
        ("--activation rleu", "did you mean 'relu'"),
        ("--optimizer adm", "did you mean 'adam'"),
        ("--dropout 1.5", "rate must be a number of at least 0 and below 1"),
        ("--data nowhere", "has neither train-images-idx3-ubyte"),
        ("small.npz", "takes 6 numbers an example, a digit has 784; time it in Python: nd.debug.time_step(trainer, x, y)"),
        ("small.npz --batch-normalization --seed 1", "leave out --batch-normalization, --seed, or the file"),
        ("missing.npz", "missing.npz"),
    ],
)
def test_unfit_arguments_end_with_2_and_a_message(capsys, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    plain_trainer().model.save("small.npz")
    code, _, err = run(capsys, *options.split())
    assert code == 2
    assert err.startswith("npdeep bench: ")
    assert message in err
    assert "Traceback" not in err


def test_help_says_every_default_once(capsys):
    with pytest.raises(SystemExit):
        main.main(["bench", "--help"])
    text = capsys.readouterr().out
    assert "None" not in text
    for default in ("300 100", "relu", "adam", "42", "50", "100"):
        assert text.count(f"(default: {default})") == 1
