"""What the command line prints under every encoding, at 80 and 100 columns, into closed pipes and onto full disks."""

import errno
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import pytest
from helpers_training import examples, plain_trainer

import npdeep as nd
from npdeep.command_line import checked_networks, main, runs
from npdeep.common import printing
from npdeep.common.tables import Table
from npdeep.debug import threads, time_step
from npdeep.teaching import lesson
from npdeep.training.trainer import Trainer

ENCODINGS = ["utf-8", "cp1252", "cp437", "cp936", "ascii"]
WIDTHS = [80, 100]
PLAIN = [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}]
SMALL = "--layers 6 6 --batch-normalization --optimizer nadam --epochs 1 --folder"
STEPS = "l\nh\nstats\ns W\ns z\nformula\nsource\ne 3\n\n\nj 4\nstats\nj backward outputs\ns W\ne 1 2\ne 1 2 3 4\nj nowhere\n"
STEPS += "j update\nstats\ne dense/kernel 350 2\ns v of dense/kernel\ns nothing\nfoo\nb\nq\n"

NAMES = ("lesson", "play", "exercise", "train", "check", "summary", "evaluate", "walk", "diagnose", "bench", "unroll")
COMMANDS = {
    "lesson --epochs 1": 0,
    "exercise": 0,
    "exercise start relu_backward --folder new": 0,
    "exercise check nothing.py": 2,
    "exercise hint affine_backward --folder new": 0,
    "exercise start rleu": 2,
    f"train {SMALL} new": 0,
    "train --resume run --epochs 0": 0,
    "train --resume nowhere": 2,
    "train --resume run --layers 3 --seed 3 --folder there --optimizer adam --dropout 0.5": 2,
    "train --optimizer adm": 2,
    "summary run/trainer.npz": 0,
    "summary nothing.npz": 2,
    "summary": 2,
    "evaluate run/trainer.npz": 0,
    "evaluate": 2,
    "check batch_normalization --sweep": 0,
    "check gates": 0,
    "check list": 2,
    "check": 2,
    "walk --optimizer adam --activation gelu": 0,
    "walk --html page.html": 0,
    "walk --html run": 2,
    "bench --repeats 2 --layers 6 6 --batch-normalization": 0,
    "bench run/trainer.npz --repeats 2": 0,
    "diagnose run/trainer.npz": None,
    **{f"diagnose --fault {fault}": 1 for fault in ("sigmoid_vanishing", "zeros", "nan_in_inputs", "saturated")},
    "diagnose --fault list": 2,
    "diagnose": 2,
    "unroll run/trainer.npz --to step.py --data none": 0,
    "unroll": 2,
    "nonsense": 2,
    **{f"{name} --help".strip(): 0 for name in ("", *NAMES)},
}
"""Every command, and its exit code (None: 0 or 1)."""


class Stream(io.TextIOWrapper):
    """A standard output of some encoding that is strict about it, as where it is redirected to a file."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", newline="")

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a finished run of a small network in it."""
    place = tmp_path_factory.mktemp("terminal")
    assert main.main(["train", *SMALL.split(), str(place / "run")]) == 0
    return place


def once(function, key=lambda *args, **named: (*args, *named.items())):
    """The function, called once for each of its arguments: what is asked here is how its result prints."""
    kept = {}

    def again(*args, **named):
        place = key(*args, **named)
        if place not in kept:
            kept[place] = function(*args, **named)
        return kept[place]

    return again


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """Few digits, no figures; lesson, diagnoses, gradient checks and timings are made once and printed often."""
    training, _, test = runs.load_data("sample")
    few = tuple((x[:300], y[:300]) for x, y in (training, test, test))
    first = lambda network, *_, **__: network.title if hasattr(network, "title") else repr(network)  # noqa: E731
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runs, "load_data", lambda source, check=True: few)
        patched.setattr(runs, "write", lambda trainer, folder: [folder / runs.CHECKPOINT])
        patched.setattr(runs, "diagnose_run", once(runs.diagnose_run))
        patched.setattr(checked_networks, "check_network", once(checked_networks.check_network))
        patched.setattr(nd.debug, "epsilon_sweep", once(nd.debug.epsilon_sweep, first))
        patched.setattr(nd.debug, "time_step", once(nd.debug.time_step, first))
        patched.setattr(threads, "seconds_with_one", lambda *_: 1e-3)
        patched.setattr(lesson.datasets, "mnist_sample", lambda: (few[0], few[2]))
        patched.setattr(lesson, "train", once(lesson.train, first))
        patched.setattr(lesson, "draw", lambda results, folder: [folder / "gradient_norms.png"])
        patched.setattr(lesson.page, "write", lambda results, introduction, folder: folder / "index.html")
        for network in lesson.NETWORKS:
            lesson.train(network, few[0], few[2], epochs=1, seed=42)
        yield


@pytest.fixture
def typed(folder, monkeypatch):
    """Runs a command in that folder: (exit code, standard output, standard error)."""

    def run(command, encoding="utf-8", columns=80, environment=None):
        monkeypatch.chdir(folder)
        for name, value in {"COLUMNS": str(columns), **(environment or {})}.items():
            monkeypatch.setenv(name, value)
        for path in (Path("step.py"), Path("step.npz")):
            path.unlink(missing_ok=True)
        shutil.rmtree("new", ignore_errors=True)
        out, err = Stream(encoding), Stream(encoding)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdin", io.StringIO(STEPS))
            patched.setattr(sys, "stdout", out)
            patched.setattr(sys, "stderr", err)
            try:
                code = main.main(command.split())
            except SystemExit as ended:
                code = ended.code
        return code, out.text(), err.text()

    return run


def words(text):
    """The words of a text; rules of tables and what holds a figure (seconds, numbers of runs) are left out."""
    return {word for word in text.split() if not re.fullmatch(r"[-─]+|.*\d.*", word)}


@pytest.fixture(scope="module")
def wide():
    """What a command prints where there is room for everything, by command and encoding."""
    return {}


def terminals():
    """Each command in a terminal of each encoding, of both widths and looks in turn; the other pairs are exhaustive."""
    for command in COMMANDS:
        for i, (encoding, (columns, environment)) in enumerate(product(ENCODINGS, product(WIDTHS, PLAIN))):
            first = i % 4 == ENCODINGS.index(encoding) % 4
            marks = () if first else pytest.mark.exhaustive
            yield pytest.param(command, encoding, columns, environment, marks=marks)


@pytest.mark.parametrize(
    ("command", "encoding", "columns", "environment"),
    list(terminals()),
    ids=lambda part: part.get("NO_COLOR", "0") if isinstance(part, dict) else str(part)[:40],
)
def test_every_command_fits_every_encoding_and_width(typed, wide, command, encoding, columns, environment):
    code, out, err = typed(command, encoding, columns, environment)
    assert code in ([COMMANDS[command]] if COMMANDS[command] is not None else [0, 1]), err
    assert bool(err) == (code == 2)
    text = out + err
    assert "Traceback" not in text
    assert "\x1b" not in text
    assert "\\u" not in text
    assert "\\x" not in text
    for line in text.splitlines():
        assert printing.length(line) <= columns or len(line.split()) == 1, line
    if (command, encoding) not in wide:
        wide[command, encoding] = words("".join(typed(command, encoding, 1000)[1:]))
    assert words(text) <= wide[command, encoding]


# ── pipes and full disks ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_gone_ends_every_command_without_a_word(folder, monkeypatch, command):
    monkeypatch.chdir(folder)
    Path("step.py").unlink(missing_ok=True)
    Path("step.npz").unlink(missing_ok=True)
    reading, writing = os.pipe()
    os.close(reading)
    err = Stream("utf-8")
    with open(writing, "w", encoding="utf-8") as closed:
        monkeypatch.setattr(sys, "stdin", io.StringIO(STEPS))
        monkeypatch.setattr(sys, "stdout", closed)
        monkeypatch.setattr(sys, "stderr", err)
        try:
            code = main.main(command.split())
        except SystemExit as ended:
            code = ended.code
    assert (code, err.text()) == (main.READER_GONE, "") or code == COMMANDS[command] == 2


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX systems")
@pytest.mark.parametrize("command", ["check gates", "train --help", "diagnose --fault nan_in_inputs"])
def test_head_in_a_shell(folder, command):
    line = f"{sys.executable} -m npdeep {command} | head -2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode in (0, 1, main.READER_GONE), done.stderr) == (True, "")
    assert done.stdout.count("\n") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_goes_to_a_full_disk_is_an_error_in_words(folder):
    line = f"{sys.executable} -m npdeep check gates > /dev/full"
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


# ── folders that cannot be written ────────────────────────────────────────────────────────────────────────────────────
WRITING = {
    "lesson --folder {}": "lesson",
    "train --folder {}": "train",
    "train --resume {}": "train",
    "walk --html {}/page.html": "--html",
    "check dense --figure {}/agreement.png": "--figure",
    "unroll run/trainer.npz --to {}/step.py --data none": "unroll",
}
"""Every command that writes, and who complains."""


def refusing(number):
    def temporary_file(**_):
        raise OSError(number, os.strerror(number))

    return temporary_file


@pytest.fixture
def _nothing_is_done(monkeypatch):
    """No training and no step before the complaint."""

    def begun(*_, **__):
        raise AssertionError("it began before it knew where to write")

    for owner, name in ((Trainer, "fit"), (Trainer, "step"), (lesson, "train"), (checked_networks, "check_network")):
        monkeypatch.setattr(owner, name, begun)


@pytest.mark.usefixtures("_nothing_is_done")
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("command", WRITING)
def test_a_read_only_or_full_folder_is_said_before_the_work(typed, monkeypatch, command, number):
    monkeypatch.setattr(tempfile, "TemporaryFile", refusing(number))
    folder = "run" if "--resume" in command else "elsewhere"
    code, out, err = typed(command.format(folder), columns=1000)
    assert (code, out) == (2, "")
    name, owner = command.split()[0], WRITING[command]
    prefix = "" if owner == name else f"{owner}: "
    cause = os.strerror(number).lower()
    assert err == f"npdeep {name}: {prefix}cannot write into the folder {folder}: {cause}; name another folder\n"


@pytest.mark.usefixtures("_nothing_is_done")
@pytest.mark.parametrize("place", ["file", "file/below"])
@pytest.mark.parametrize("command", [command for command in WRITING if "--resume" not in command])
def test_a_file_in_the_place_of_the_folder_is_said_before_the_work(typed, folder, command, place):
    (folder / "file").write_text("mine")
    code, out, err = typed(command.format(place), columns=1000)
    assert (code, out) == (2, "")
    assert f"cannot write into the folder {place}: " in err
    assert err.endswith("; name another folder\n")
    assert (folder / "file").read_text() == "mine"


def test_missing_folders_are_made(typed, folder):
    code, out, _ = typed("unroll run/trainer.npz --to a/b/step.py --data none")
    assert (code, out.startswith("wrote a/b/step.py")) == (0, True)
    assert sorted(path.name for path in (folder / "a" / "b").iterdir()) == ["step.npz", "step.py"]


def test_a_folder_in_the_place_of_the_file_is_said_before_the_work(typed):
    message = "npdeep walk: --html: cannot write the file run: it is a folder; name a file in it\n"
    assert typed("walk --html run", columns=1000) == (2, "", message)


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX systems")
def test_a_limit_on_the_size_of_files_is_found_before_the_work(folder):
    line = f"ulimit -f 100; {sys.executable} -m npdeep lesson --folder limited"
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "npdeep lesson: cannot write into the folder limited: file too large; name another folder\n"
    assert list((folder / "limited").iterdir()) == []


def test_a_figure_that_cannot_be_written_costs_no_measurement(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lesson, "draw", full)
    lines: list[str] = []
    with pytest.raises(OSError, match="No space left"):
        lesson.run(tmp_path, epochs=1, say=lines.append)
    assert "Inside, after training" in "\n".join(lines)


def test_figures_are_written_before_the_tables(typed):
    _, out, _ = typed("lesson --epochs 1")
    assert out.index("wrote lesson") < out.index("Before training, on") < out.index("Inside, after training")


# ── progress ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX systems")
@pytest.mark.parametrize("environment", PLAIN, ids=["NO_COLOR", "dumb"])
def test_in_a_terminal_progress_is_plain(folder, environment):
    import pty
    import termios

    options = f"train --layers 5 --epochs 2 --folder seen-{len(environment)}"
    command = [sys.executable, "-m", "npdeep", *options.split()]
    seen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    changed = {**os.environ, **environment, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=folder, env=changed, stdout=subprocess.PIPE, stderr=terminal, check=False)
    os.set_blocking(seen, False)
    with open(seen, "rb", buffering=0) as file:
        shown = file.read() or b""
    os.close(terminal)
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout + shown
    assert (b"\r" in shown) == ("NO_COLOR" in environment)
    assert b"epoch 2/2  loss" in done.stdout


# ── what a student prints ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_a_script_prints_under_its_encoding(monkeypatch, encoding):
    trainer, (x, y) = plain_trainer(nd.optimizers.Nadam()), examples(40)
    trainer.fit(x, y, epochs=2, verbose=False)
    model, debug = trainer.model, nd.debug
    out = Stream(encoding)
    monkeypatch.setattr(sys, "stdout", out)   # from here on: an f-string is spelled where it is made
    shown = [
        *(model, model.summary(), trainer, trainer.summary(), trainer.history, *(event.copy() for event in trainer.walk(x, y))),
        *(debug.gradient_check(model, trainer.loss, x, y), debug.diagnose(trainer, x, y)),
        *(debug.explain(model.layers[0], unit=0), debug.explain_update(trainer, "hidden/kernel", (0, 0))),
        time_step(trainer, x, y, repeats=1),
        *debug.diagnose(*debug.diagnosis.plant("zeros")).findings,
        *(text for event in trainer.walk(x, y) for text in (event.formula, f"{event.stage}: {event.formula}")),
        *(text for found in (debug.diagnose(*debug.diagnosis.plant("zeros")),) for text in (found.headline,)),
        *(text for f in debug.diagnose(*debug.diagnosis.plant("zeros")).findings for text in (f.words, f"{f.advice}")),
    ]
    for thing in shown:
        print(thing)
    monkeypatch.undo()
    assert "\\u" not in out.text()
    assert "?" not in out.text()


def test_every_character_in_the_package_has_a_spelling():
    texts = [path.read_text(encoding="utf-8") for path in Path(nd.__file__).parent.rglob("*.py")]
    characters = {c for text in texts for c in text if not c.isascii()}
    assert len(characters) > 60
    assert [c for c in sorted(characters) if "\\" in printing.printable(c, "ascii") or not printing.printable(c, "ascii")] == []


# ── tables and lines ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("width", range(20, 140, 7))
def test_a_table_keeps_every_word_at_every_width(width):
    header = ["layer", "what it does", "mean of all rows", "norm", "share of zeros", "remark"]
    rows = [[f"layer {i}", "it takes the sum of many terms", "0.125", "1,234", "12 %", "fine " * i] for i in range(1, 4)]
    table = Table(header, rows, "a title of several words", ["a note that is longer than a few words"], keys=1)
    lines = table.text(width).splitlines()
    given = {word for row in [header, *rows] for cell in row for word in cell.split()}
    assert {word for line in lines for word in line.split()} >= given
    assert max(map(len, lines)) <= max(width, len("layer 1  ") + 24)    # a column of words gets 24 columns


def test_wide_characters_are_counted_as_two_columns():
    name = "\u9690\u85cf\u5c42"
    table = f"layer   units\n──────  ─────\n{name}      3\nout        10"
    assert str(Table(["layer", "units"], [[name, "3"], ["out", "10"]])) == table
    assert printing.wrap(f"{name} {name}", 8) == [name, name]


def test_the_width_is_that_of_columns_else_80_without_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "93")
    assert printing.columns() == 93
    monkeypatch.setenv("COLUMNS", "7")
    assert printing.columns() == printing.NARROWEST
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(sys, "__stdout__", io.StringIO())
    assert printing.columns() == 80
