"""The command line. Thin: each command calls what a script could call."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import npdeep as nd
from npdeep.callbacks import Callback, progress
from npdeep.command_line import checked_networks, runs, walks
from npdeep.common import checks, printing, writing

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + the number of the signal."""


READER_GONE = 141
"""Exit code where nobody reads on, as in `npdeep summary file | head -2`: 128 + the number of SIGPIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0 fine, 1 something was found wrong, 2 unfit arguments, 130 interrupted, 141 the reader of a pipe has gone.
    """
    with printing.every_character():
        try:
            try:
                return _run(sys.argv[1:] if arguments is None else list(arguments))
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except BrokenPipeError:
            printing.give_up()
            return READER_GONE
        except OSError as error:              # standard output goes to a disk that is full
            printing.give_up()
            _complain(f"npdeep: the output cannot be written: {error}")
            return 2


def _run(arguments: list[str]) -> int:
    """Run a command, and say in words what it could not do."""
    parsed = parser().parse_args(arguments)
    parsed.given = [a.partition("=")[0] for a in arguments if a.startswith("--")]
    try:
        return int(parsed.command(parsed))
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except (ValueError, TypeError, OSError, ImportError) as error:
        _complain(f"npdeep {parsed.name}: {str(error).removeprefix(f'{parsed.name}: ')}")
        return 2


def say(text: Any) -> None:
    """Print, folded to the width of the terminal."""
    print(printing.fold(str(text)))


def _complain(text: str) -> None:
    print(printing.fold(text, encoding=getattr(sys.stderr, "encoding", None)), file=sys.stderr)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether Ctrl-C was pressed; a second Ctrl-C ends at once.

    >>> with interruptible() as stopped:
    ...     stopped()
    False
    """
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        print("\nCtrl-C: finishing this step; once more to end at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


class InterruptAfterStep(Callback):
    """Ends `fit` between two steps, so that the run can go on from there bit for bit."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self.stopped = stopped

    def on_step_end(self, trainer: Any) -> None:
        """Interrupt, where Ctrl-C was pressed."""
        if self.stopped():
            raise KeyboardInterrupt


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def lesson(given: argparse.Namespace) -> int:
    """Train the networks of the lesson, print table and sentences, write the figures."""
    with interruptible() as stopped:
        nd.lesson.run(given.folder, epochs=given.epochs, seed=given.seed, stopped=stopped)
        return INTERRUPTED if stopped() else 0


def train(given: argparse.Namespace) -> int:
    """Train a network, or go on with a run; write history.csv, plots and a checkpoint into the run folder."""
    if given.resume is not None:
        others = [option for option in given.given if not "--resume".startswith(option) and not "--epochs".startswith(option)]
        if others:
            raise ValueError(f"a run goes on as it began: with --resume leave out {', '.join(others)}; only --epochs counts")
        folder, data, batch_size, trainer = runs.reopen(given.resume)
    else:
        folder, data, batch_size, trainer = runs.begin(given)
    training, validation, test = runs.load_data(data)
    say(trainer.model.summary())
    with interruptible() as stopped:
        callbacks = [InterruptAfterStep(stopped), progress(), runs.SaveRun(folder)]
        try:
            trainer.fit(
                *training,
                epochs=given.epochs,
                batch_size=batch_size,
                validation_data=validation,
                callbacks=callbacks,
                verbose=False,
            )
        except KeyboardInterrupt:
            trainer.save(folder / runs.CHECKPOINT)
            say(f"interrupted after {trainer.iteration:,} updates; go on with: npdeep train --resume {folder}")
        for path in runs.write(trainer, folder):
            say(f"wrote {path}")
        measured = trainer.evaluate(*test, scale=1)
        say(f"test: loss {measured['loss']:.4f}, accuracy {measured['accuracy']:.2%} after {trainer.iteration:,} updates")
        return INTERRUPTED if stopped() else 0


def summary(given: argparse.Namespace) -> int:
    """Print what a checkpoint file holds."""
    for text in runs.describe_file(given.file):
        say(text)
    return 0


def evaluate(given: argparse.Namespace) -> int:
    """Loss and metrics of the model in a checkpoint file, on test digits."""
    measured = runs.evaluate_file(given.file, given.data)
    say("  ".join(f"{name} {value:.4f}" for name, value in measured.items()))
    return 0


def check(given: argparse.Namespace) -> int:
    """Compare the gradients of a named network with central differences; exit code 1 where they differ."""
    names = list(checked_networks.CHECKED) if given.network == "all" else [given.network]
    if given.figure is not None and len(names) > 1:
        raise ValueError("--figure draws one network: name it in place of 'all'")
    writing.check_file("--figure", given.figure)
    good = True
    for name in names:
        report = checked_networks.check_network(name, seed=given.seed, tolerance=given.tolerance)
        say(f"{name}: {checked_networks.CHECKED[name].what}\n{report}\n")
        sweep = nd.debug.epsilon_sweep(*checked_networks.checked_network(name, given.seed)) if given.sweep else None
        if sweep is not None:
            say(f"{sweep}\n")
        if given.figure is not None:
            say(f"wrote {checked_networks.draw_check(given.figure, report, sweep)}")
        good = good and bool(report)
    return 0 if good else 1


def walk(given: argparse.Namespace) -> int:
    """Walk through one training step: by commands, or as a page to click through."""
    trainer, x, y = walks.prepare(given)
    writing.check_file("--html", given.html)
    if given.html is None:
        nd.debug.TerminalWalk(trainer, x, y).run()
    else:
        say(f"wrote {nd.plots.walk_page(trainer, x, y, given.html)}; open it in a browser, and go on with the arrow keys")
    return 0


def unroll(given: argparse.Namespace) -> int:
    """Write the training step of a saved trainer as one file on NumPy alone."""
    path = runs.unroll_file(given.file, given.to, given.data, given.epochs, given.batch_size)
    say(f"wrote {path} and {path.with_suffix('.npz')}; train: python {path}; step through it: python -m pdb {path}")
    return 0


def diagnose(given: argparse.Namespace) -> int:
    """Say in plain words what is wrong with a network; exit code 1 where something is."""
    if given.fault is not None and given.file is None:
        say(f"planted: {nd.debug.FAULTS[checks.choice('--fault', 'fault', given.fault, nd.debug.FAULTS)].what}\n")
    report = runs.diagnose_run(given.file, given.data, given.fault)
    say(report)
    return 0 if report else 1


def bench(given: argparse.Namespace) -> int:
    """Time one training step by operation, beside its bare matrix products."""
    trainer, x, y = walks.prepare(given)
    say(nd.debug.time_step(trainer, x, y, repeats=given.repeats))
    return 0


DATA = "'sample' (in the package), 'mnist' (found or downloaded) or a folder with the four MNIST files"


# ── arguments ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def parser() -> argparse.ArgumentParser:
    """The arguments of all commands.

    >>> parser().parse_args(["lesson", "--epochs", "3"]).epochs
    3
    """
    top = Parser(prog="npdeep", description="A neural network engine in pure NumPy, made to be looked into.")
    top.add_argument("--version", action="version", version=f"npdeep {nd.__version__}")
    commands = top.add_subparsers(dest="name", required=True, metavar="command")
    _lesson_arguments(_add(commands, "lesson", lesson, "why deep networks are hard to train: six networks on real digits"))
    _train_arguments(_add(commands, "train", train, "train a network on digits and record how it went"))
    _check_arguments(_add(commands, "check", check, "compare hand-derived gradients with central differences"))
    _file_argument(_add(commands, "summary", summary, "print what a checkpoint file holds"))
    _evaluate_arguments(_add(commands, "evaluate", evaluate, "measure the model in a checkpoint file on test digits"))
    _walk_arguments(_add(commands, "walk", walk, "walk through one training step, in the terminal or as a page (--html)"))
    _diagnose_arguments(_add(commands, "diagnose", diagnose, "say what is wrong with a network, and what to try"))
    _bench_arguments(_add(commands, "bench", bench, "time one training step by operation, and say where the time goes"))
    _unroll_arguments(_add(commands, "unroll", unroll, "write a network's training step as one file on NumPy alone"))
    return top


class Parser(argparse.ArgumentParser):
    """Says usage errors in lines that fit the terminal, each with what helps (`cure`)."""

    cure = ""

    def error(self, message: str) -> NoReturn:
        """Usage, message and cure on standard error; exit code 2."""
        self.print_usage(sys.stderr)
        _complain(f"{self.prog}: error: {message}{self.cure}")
        raise SystemExit(2)


class WithDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Help that says the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def _add(commands: Any, name: str, command: Callable[[argparse.Namespace], int], text: str) -> Parser:
    added: Parser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", formatter_class=WithDefaults
    )
    added.set_defaults(command=command)
    return added


def _lesson_arguments(p: Parser) -> None:
    p.add_argument("--folder", type=Path, default=Path("lesson"), help="where the figures go")
    p.add_argument("--epochs", type=int, default=40, help="passes over the 5,000 training digits for each network")
    p.add_argument("--seed", type=int, default=42, help="for weights, order and dropout")


def _train_arguments(p: Parser) -> None:
    schedule = "of the learning rate: exponential_decay:10000,0.1 or power_decay:1000 or cosine_decay:5000 or one_cycle:4000 …"
    p.add_argument(
        "--resume", type=Path, metavar="FOLDER", help="go on with the run in this folder; it knows all else but --epochs"
    )
    p.add_argument("--data", default="sample", help=DATA)
    p.add_argument("--layers", type=int, nargs="*", default=[300, 100], metavar="UNITS", help="units of the hidden layers")
    p.add_argument("--activation", default="relu", help="of the hidden layers, for example relu, elu, sigmoid")
    p.add_argument("--initializer", default="auto", help="for example he_normal; 'auto' fits it to the activation")
    p.add_argument("--batch-normalization", action="store_true", help="before every activation")
    p.add_argument("--dropout", type=float, default=0.0, metavar="RATE", help="after every hidden layer")
    p.add_argument("--optimizer", default="adam", help="for example sgd, momentum, nesterov, rmsprop, adam")
    p.add_argument("--learning-rate", type=float, help="the optimizer's own default if not given")
    p.add_argument("--momentum", type=float, help="for optimizers that have one")
    p.add_argument("--schedule", metavar="NAME:NUMBERS", help=schedule)
    p.add_argument("--clip", type=float, metavar="NORM", help="clip gradients to this global norm")
    p.add_argument("--epochs", type=int, default=10, help="passes over the training digits")
    p.add_argument("--batch-size", type=int, default=50, help="digits an update")
    p.add_argument("--seed", type=int, default=42, help="for weights, order and dropout")
    p.add_argument(
        "--folder", type=Path, default=runs.FOLDER, help="for history.csv, plots, checkpoint; numbered if not empty"
    )


def _walk_arguments(p: Parser) -> None:
    p.add_argument("--html", type=Path, metavar="FILE", help="write the step as a page to click through, as in step.html")
    p.add_argument(
        "--file", type=Path, metavar="CHECKPOINT", help="walk on with the trainer or model in this file (.npz), not a new one"
    )
    network = p.add_argument_group("a new network")
    network.add_argument("--layers", type=int, nargs="*", metavar="UNITS", help="units of the hidden layers (default: 30)")
    network.add_argument("--activation", metavar="NAME", help="of the hidden layers (default: relu)")
    network.add_argument("--optimizer", metavar="NAME", help="for example momentum or adam (default: sgd)")
    network.add_argument("--seed", type=int, help="for weights and noise (default: 42)")
    p.add_argument("--data", default="sample", help=DATA)
    p.add_argument("--batch-size", type=int, default=8, help="digits in the step: the first so many of the training digits")


def _bench_arguments(p: Parser) -> None:
    p.add_argument(
        "file", type=Path, nargs="?", help="a checkpoint (.npz) of trainer.save, model.save or npdeep train; else a new network"
    )
    network = p.add_argument_group("a new network")
    network.add_argument(
        "--layers", type=int, nargs="*", metavar="UNITS", help="units of the hidden layers (default: 300 100)"
    )
    network.add_argument("--activation", metavar="NAME", help="of the hidden layers (default: relu)")
    network.add_argument("--batch-normalization", action="store_true", default=None, help="before every activation")
    network.add_argument("--dropout", type=float, metavar="RATE", help="after every hidden layer (default: 0)")
    network.add_argument("--optimizer", metavar="NAME", help="for example sgd or momentum (default: adam)")
    network.add_argument("--seed", type=int, help="for weights and noise (default: 42)")
    p.add_argument("--data", default="sample", help=DATA)
    p.add_argument("--batch-size", type=int, default=50, help="digits in the step")
    p.add_argument("--repeats", type=int, default=100, help="how often each operation is timed; medians count")


def _check_arguments(p: Parser) -> None:
    p.add_argument(
        "network",
        help=f"which network: {', '.join(checked_networks.CHECKED)}; or all of them",
    )
    p.cure = "; for example npdeep check dense, or npdeep check all; npdeep check --help lists the networks"
    p.add_argument("--seed", type=int, default=0, help="for weights and examples")
    p.add_argument("--tolerance", type=float, default=1e-6, help="largest relative error that passes")
    p.add_argument("--sweep", action="store_true", help="also try steps from 1e-1 to 1e-12, and say which suits best")
    p.add_argument("--figure", type=Path, metavar="FILE.png", help="draw the agreement of both gradients (and the sweep)")


def _file_argument(p: Parser) -> None:
    p.add_argument("file", type=Path, help="a checkpoint (.npz), written by model.save, trainer.save or npdeep train")
    p.cure = f"; npdeep train writes one: {runs.FOLDER / runs.CHECKPOINT}"


def _evaluate_arguments(p: Parser) -> None:
    _file_argument(p)
    p.add_argument("--data", default="sample", help=DATA)


def _diagnose_arguments(p: Parser) -> None:
    p.add_argument("file", type=Path, nargs="?", help="a checkpoint (.npz) of trainer.save, model.save or npdeep train")
    p.add_argument("--data", default="sample", help=DATA)
    p.add_argument(
        "--fault",
        metavar="NAME",
        help=f"instead of a file, a network with a planted fault: {', '.join(nd.debug.FAULTS)}",
    )


def _unroll_arguments(p: Parser) -> None:
    _file_argument(p)
    p.add_argument("--to", type=Path, default=Path("step.py"), help="the Python file to write; an .npz goes beside it")
    p.add_argument("--data", default="sample", help=f"training digits to put into the .npz: {DATA}; or 'none'")
    p.add_argument("--epochs", type=int, default=1, help="what running the file does")
    p.add_argument("--batch-size", type=int, default=50, help="rows an update when it is run")
