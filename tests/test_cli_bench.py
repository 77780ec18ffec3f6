"""npdeep bench: a new network or one from a file, timed; the file stays as it is; errors in words."""

import re

import pytest
from helpers_training import bits, examples, plain_trainer

import npdeep as nd
from npdeep.command_line import main
from npdeep.debug import StepTiming, threads


@pytest.fixture(autouse=True)
def _no_second_process(monkeypatch):
    """As on a machine where BLAS takes one thread; tests of threads say otherwise."""
    monkeypatch.setenv(threads.setting(), "1")


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
        ("--batch-size 0", "bench: batch_size must be an integer of at least 1, got 0"),
        ("--batch-size 5000", "bench: batch_size must be no more than the 4,500 training digits, got 5000"),
        ("--repeats 0", "repeats must be an integer of at least 1, got 0"),
        ("--activation rleu", "did you mean 'relu'"),
        ("--optimizer adm", "did you mean 'adam'"),
        ("--dropout 1.5", "rate must be a number of at least 0 and below 1"),
        ("--data nowhere", "has neither train-images-idx3-ubyte"),
        ("small.npz", "takes 6 numbers per example, a digit has 784; time it in Python: nd.debug.time_step(trainer, x, y)"),
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


# ── one thread of BLAS or more ────────────────────────────────────────────────────────────────────────────────────────
VERDICTS = {                                  # (median, fastest, with one thread): what it begins with
    (1.0, 0.9, 1.8): "BLAS's 2 threads pay: ",
    (1.0, 0.9, 1.05): "one BLAS thread is as fast for this network as 2: ",
    (1.05, 0.9, 1.0): "one BLAS thread is as fast for this network as 2: ",
    (1.5, 1.2, 1.0): "one BLAS thread is faster for this network than 2: ",
    (1.5, 0.8, 1.0): "BLAS's 2 threads fight with other work",    # some steps were as fast as ever
    (7.0, 5.0, 1.0): "BLAS's 2 threads fight with other work",    # none was
}


@pytest.mark.parametrize(("seconds", "begin"), VERDICTS.items())
def test_what_is_said_of_threads_follows_from_the_timings(seconds, begin):
    said = threads.verdict(2, *seconds)
    assert said.startswith(begin)
    assert ("pay" in said) != (f"set {threads.setting()}=1 before Python starts" in said)


def test_bench_says_it_from_the_steps_that_it_timed(capsys, monkeypatch):
    monkeypatch.setenv(threads.setting(), "2")
    monkeypatch.setattr(threads, "seconds_with_one", lambda trainer, x, y, repeats: 1e-9 * repeats)
    code, out, _ = run(capsys, "--layers", 4)
    assert code == 0
    assert "BLAS's 2 threads fight with other work on this machine: the median step took " in out
    monkeypatch.setattr(threads, "seconds_with_one", lambda trainer, x, y, repeats: 1e9)
    assert "BLAS's 2 threads pay" in run(capsys, "--layers", 4)[1]


def test_where_blas_has_one_thread_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(threads, "seconds_with_one", None)
    assert threads.compared(StepTiming(), plain_trainer(), *examples(4)) == "BLAS has one thread"


@pytest.mark.parametrize(
    ("own", "common", "number"), [("3", "2", 3), ("", "2", 2), ("0", "", 1), ("", "", None), ("many", "", None)]
)
def test_the_number_of_threads_is_the_environment_s_or_the_machine_s(monkeypatch, own, common, number):
    monkeypatch.setenv(threads.setting(), own)
    monkeypatch.setenv(threads.COMMON, common)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: {0, 1, 2, 3, 4}, raising=False)
    assert threads.allowed() == (number or 5)


def test_the_other_process_has_one_thread_and_leaves_the_trainer_alone(monkeypatch):
    trainer, batch = plain_trainer("adam"), examples(4)
    trainer.step(*batch)
    before = bits(trainer)
    assert threads.seconds_with_one(trainer, *batch, repeats=2) > 0
    assert bits(trainer) == before
    monkeypatch.setenv(threads.setting(), "2")
    monkeypatch.setattr(threads, "CHILD", f"import os; print(os.environ[{threads.setting()!r}])")
    assert threads.seconds_with_one(trainer, *batch, repeats=2) == 1
