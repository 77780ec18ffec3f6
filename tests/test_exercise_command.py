"""npdeep exercise: what it writes, and that no code of a student's runs away."""

import inspect
import os
import re
import sys
import time
from pathlib import Path

import pytest
from helpers_exercises import RIGHT

from npdeep.command_line import main
from npdeep.teaching.exercises import catalogue, runner, starter, worker


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs npdeep exercise in an empty folder: exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")

    def run(*arguments):
        code = main.main(["exercise", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def written(body, name="relu_backward", arguments="z, da"):
    """A file with this body in its function."""
    path = Path(f"{name}.py")
    lines = "\n    ".join(body.splitlines())
    path.write_text(f"import os, sys, time\nimport numpy as np\n\n\ndef {name}({arguments}):\n    {lines}\n")
    return str(path)


def test_from_the_list_to_a_right_file(command):
    code, listed, _ = command()
    assert (code, listed) == command("list")[:2]
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ")] == list(catalogue.ALL)
    assert command("start", "relu_backward")[:2] == (
        0, "wrote relu_backward.py; fill in the function, then:\n  npdeep exercise check relu_backward.py\n",
    )  # fmt: skip
    code, out, _ = command("check", "relu_backward.py")
    assert code == 1
    assert "it is not written yet" in out
    assert "a hint: npdeep exercise hint relu_backward" in out
    path = Path("relu_backward.py")
    path.write_text(path.read_text().replace("raise NotImplementedError", "print('here'); return da * (z > 0)"))
    code, out, _ = command("check", "relu_backward.py")
    assert code == 0
    assert "relu_backward is right." in out
    assert out.startswith("it printed:\nhere\n")
    code, _, err = command("start", "relu_backward")
    assert code == 2
    assert "is there already" in err


@pytest.mark.parametrize("name", catalogue.ALL)
def test_every_file_that_is_written_is_a_function_that_is_not_written_yet(name, tmp_path):
    scope = {}
    path = starter.start(name, tmp_path)
    text = path.read_text()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120
    own = text if not catalogue.find(name).imports else text[text.index("\ndef ") :]
    exec(compile(f"import numpy as np\n{own}", str(path), "exec"), scope)
    with pytest.raises(NotImplementedError):
        scope[name](*catalogue.find(name).arguments)
    assert all(argument in scope[name].__doc__ for argument in catalogue.find(name).arguments)


def test_hints_come_one_after_the_other(command):
    for count in (1, 2, 3, 3):
        _, out, _ = command("hint", "relu_forward")
        assert [line[:12] for line in out.splitlines()] == [f"hint {i} of 3: "[:12] for i in range(1, count + 1)]
    assert "hint 2" not in command("hint", "elu_forward")[1]
    Path(starter.HINTS).write_text("[1, {")
    assert "hint 2" not in command("hint", "relu_forward")[1]


REPORT = "[one for one in sys.orig_argv if one.endswith('report.json')][0]"
STOPPED = {
    "while True: pass": "stopped after 2 seconds: is there a loop that never ends?",
    "while True:\n    try: time.sleep(1)\n    except BaseException: pass": "stopped after 2 seconds",
    "while True: print('x' * 1000)": "it printed more than 1,048 kB",
    "os.write(1, b'x' * (1 << 22)); return da * (z > 0)": "it printed more than",
    "kept = []\nwhile True: kept.append(np.ones(1 << 22))": "it asked for more memory than there is",
    "x = [0]\nwhile True: x = x + x": "it asked for more memory than there is",
    "while True: os.fork()": "an exercise may not start processes (os.fork)",
    "import subprocess\nsubprocess.Popen(['sleep', '60'])": "an exercise may not start processes (subprocess.Popen)",
    "os.system('sleep 60')": "an exercise may not start processes (os.system)",
    "f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 22))": "it raised OSError: [Errno 27] File too large",
    "os.kill(os.getppid(), 15)": "an exercise may not send signals to other processes (os.kill)",
    "os.kill(0, 15)": "an exercise may not send signals to other processes (os.kill)",
    "os.killpg(os.getpgid(os.getppid()), 15)": "an exercise may not send signals to other processes (os.killpg)",
    "import ctypes\nctypes.CDLL(None).fork()": "an exercise may not load libraries of C (ctypes.dlopen)",
    "from multiprocessing import util\nutil.spawnv_passfds(b'/bin/sleep', [b'sleep', b'60'], ())": "may not start processes",
    "import multiprocessing as m\nm.get_context('spawn').Process(target=abs).start()": "an exercise may not start processes",
    "class E(Exception):\n    def __str__(self): raise self\nraise E": "it raised E",
    "import builtins\nbuiltins.len = builtins.isinstance = None": "it raised TypeError",
    f"open({REPORT}, 'w').write('no json')\nos._exit(0)": "its process ended early, with exit code 0",
    f"open({REPORT}, 'w').write('[' * 10**6)\nos._exit(0)": "its process ended early, with exit code 0",
    f"open({REPORT}, 'w').write('[1]')\nos._exit(0)": "its process ended early, with exit code 0",
    f"os.mkfifo({REPORT})\nos._exit(0)": "its process ended early, with exit code 0",
    f"os.mkdir({REPORT})\nos._exit(0)": "its process ended early, with exit code 0",
    "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))": "its process ended early",
    "os._exit(0)": "its process ended early, with exit code 0: does the file call exit()?",
    "os.kill(os.getpid(), 9)": "ended by the system",
    "os.abort()": "stopped",
    "raise KeyboardInterrupt": "it raised KeyboardInterrupt",
    "return sys._getframe(99)": "raised ValueError: call stack is not deep enough",
}


LONG = ("while True:\n    try", "kept = []")
"""How those begin that take some seconds and have a shorter sibling here."""


@pytest.mark.parametrize(
    "body", [pytest.param(body, marks=[pytest.mark.exhaustive] if body.startswith(LONG) else []) for body in STOPPED]
)
def test_no_code_runs_away(command, body):
    code, out, _ = command("check", written(body), "--seconds", "2" if "2 seconds" in STOPPED[body] else "60")
    assert code == 1
    assert STOPPED[body] in out
    assert "Traceback" not in out
    assert len(out) < 10_000


def test_what_a_student_starts_ends_with_the_check(command):
    body = (
        "import multiprocessing as m\nm.set_start_method('spawn', force=True)\np = m.Process(target=time.sleep, args=(600,))\n"
        "p.start()\nopen('pid', 'w').write(str(p.pid))\nreturn da * (z > 0)"
    )
    command("check", written(body), "--seconds", "20")
    if Path("pid").exists():
        while alive(int(Path("pid").read_text())):  # it was told to end
            time.sleep(0.01)


def alive(process):
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_what_is_right_is_reported_before_it_is_timed(tmp_path, monkeypatch):
    path = tmp_path / "relu_backward.py"
    path.write_text("def relu_backward(z, da):\n    assert len(z) < 100, 'too many'\n    return da * (z > 0)\n")
    reports = []
    monkeypatch.setattr(sys, "path", [*sys.path])
    worker.verdict(path, "relu_backward", lambda right, text: reports.append((right, text)))
    (first, text), (second, timed) = reports
    assert first
    assert second
    assert text == "relu_backward is right."
    assert timed.startswith("relu_backward is right. On 2,000 rows it could not be timed: it raised AssertionError: too many")

    def stopped(process, name, seconds):
        process.kill()
        process.communicate()
        Path(process.args[6]).write_text('{"right": true, "text": "relu_backward is right."}')
        return "", "stopped after 30 seconds"

    monkeypatch.setattr(runner, "_wait", stopped)
    outcome = runner.check_file(path)
    assert outcome.right
    assert outcome.text.endswith("is right.\nHow fast it is could not be measured within 30 seconds.")


def test_a_thread_that_is_left_running_does_no_harm(command):
    body = "import threading\nthreading.Thread(target=time.sleep, args=(600,)).start()\nreturn da * (z > 0)"
    assert command("check", written(body))[0] == 0


FILES = {
    "raise BaseException('mine')": "importing the file raised BaseException: mine\n  in line 1",
    "raise KeyboardInterrupt": "importing the file raised KeyboardInterrupt\n  in line 1",
    "class E(Exception):\n    def __str__(self): raise E\nraise E": "importing the file raised E\n  in line 3: raise E",
    "def relu_backward(z, da) return z": "relu_backward.py, line 1:",
    "x = 1 / 0\n": "importing the file raised ZeroDivisionError: division by zero\n  in line 1: x = 1 / 0",
    "import sys; sys.exit(3)": "importing the file raised SystemExit: 3",
    "def backward(z, da): return z": "relu_backward.py has no function relu_backward",
    "import no_such_module": "importing the file raised ModuleNotFoundError",
    "input('name? ')": "nobody answers an input() during the check: take it out",
    "assert False": "importing the file raised AssertionError\n  in line 1: assert False",
    "from momentum import momentum": "write that exercise first, in the same folder: npdeep exercise start momentum",
}


@pytest.mark.parametrize("text", FILES)
def test_what_is_wrong_with_a_file_is_said(command, text):
    Path("relu_backward.py").write_text(text)
    code, out, _ = command("check", "relu_backward.py")
    assert code == 1
    assert FILES[text] in out


def test_a_file_may_have_another_name_and_import_its_neighbours(command):
    Path("slope.py").write_text("def slope(z):\n    return z > 0\n")
    Path("mine.py").write_text("from slope import slope\n\n\ndef relu_backward(z, da):\n    return da * slope(z)\n")
    assert command("check", "mine.py", "--name", "relu_backward")[0] == 0
    Path("relu_backward_2.py").write_text(Path("mine.py").read_text())
    assert command("check", "relu_backward_2.py")[0] == 0
    assert command("check", "relu_backward_2")[0] == 0
    assert command("check", "mine.py")[0] == 0
    code, _, err = command("check", "slope.py")
    assert code == 2
    assert "slope.py: which exercise is it for? no function in it has the name of one; add --name NAME" in err
    code, _, err = command("check", "nothing.py")
    assert code == 2
    assert "npdeep exercise start NAME writes one" in err


def test_a_file_with_the_name_of_a_library_is_not_in_the_way(command):
    for name in ("random", "numpy", "typing"):
        Path(f"{name}.py").write_text("print('mine')\n")
    assert command("check", written("return da * (z > 0)"))[:2] == (0, "relu_backward is right.\n")


def test_a_part_of_a_name_leads_to_the_names(command):
    assert "did you mean softmax_cross_entropy_forward, softmax_cross_entropy_backward?" in command("hint", "softmax")[2]
    assert "did you mean 'adam'?" in command("start", "Adam")[2]


def test_a_folder_with_a_blank_is_quoted(command):
    Path("week 2").mkdir()
    assert command("start", "adam", "--folder", "week 2")[1].endswith(f'npdeep exercise check "{Path("week 2", "adam.py")}"\n')


def test_the_finished_exercises_train_on_digits_beside_npdeep(command):
    """Every file is the one that start writes, with a right solution in the place of what is missing."""
    for name in [*(line.split()[1] for line in catalogue.find("train_on_digits").imports), "train_on_digits"]:
        command("start", name)
        solution = inspect.getsource(RIGHT[name][0]).partition("):\n")[2].replace("return momentum_1", "return momentum")
        path = Path(f"{name}.py")
        path.write_text(path.read_text().replace("    raise NotImplementedError\n", solution))
    path.write_text(path.read_text().replace("momentum_1(", "momentum(") + GRADIENTS)
    for name in ("momentum", "affine_backward"):
        assert command("check", f"{name}.py")[0] == 0
    code, out, _ = command("check", "train_on_digits.py")
    assert (code, out.splitlines()[:2]) == (
        0, ["train_on_digits is right.", "your kernels and npdeep's on 5,000 digits of MNIST, 100 updates:"],
    )  # fmt: skip
    losses = re.findall(r"your loss ([\d.]+), npdeep's ([\d.]+)", out)
    assert len(losses) == 4
    assert all(yours == ours for yours, ours in losses)
    yours, ours, difference = re.search(r"yours ([\d.]+)%, npdeep's ([\d.]+)%; largest difference (\S+)", out).groups()
    assert yours == ours
    assert float(yours) > 70
    assert float(difference) < 1e-12


GRADIENTS = """

def gradients_of(x, y, W1, b1, W2, b2):
    z1 = affine_forward(x, W1, b1)
    a1 = relu_forward(z1)
    z2 = affine_forward(a1, W2, b2)
    loss = softmax_cross_entropy_forward(z2, y)
    dW2, db2, da1 = affine_backward(a1, W2, softmax_cross_entropy_backward(z2, y))
    dW1, db1, _ = affine_backward(x, W1, relu_backward(z1, da1))
    return loss, [dW1, db1, dW2, db2]
"""


def test_nothing_prints_the_solution(command):
    """What a student sees of a failure are lines of his own file."""
    trick = "import inspect\nreturn inspect.stack()"
    bodies = [
        "import traceback\ntraceback.print_stack()\nreturn z",
        "return z @ da",
        "return da[99]",
        "raise KeyboardInterrupt",
        trick,
    ]
    for body in bodies:
        out = command("check", written(body))[1]
        for line in ("rectifiers.relu_backward", "np.greater", "solution(", "np.maximum(z, 0"):
            assert line not in out


def test_the_check_of_a_file_and_of_a_function_use_the_same_words(tmp_path):
    path = tmp_path / "affine_forward.py"
    path.write_text("def affine_forward(x, W, b):\n    return x @ W\n")
    outcome = runner.check_file(path)
    assert not outcome.right
    assert "- the bias b is missing in z" in outcome.text
