"""The command line. Thin: each command calls what a script could call."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import npdeep as nd
from npdeep.callbacks import Callback, progress
from npdeep.command_line import checked_networks, runs, walks
from npdeep.command_line.arguments import complain, parser
from npdeep.command_line.exercises import exercise
from npdeep.common import checks, printing, writing
from npdeep.debug import threads
from npdeep.teaching.play import serve

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + the number of the signal."""
READER_GONE = 141
"""Exit code where the reader of a pipe has gone, as in `npdeep summary file | head -2`: 128 + the number of SIGPIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0 fine, 1 something was found wrong, 2 invalid arguments, 130 interrupted, 141 the reader of a pipe has gone.
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
            complain(f"npdeep: the output cannot be written: {error}")
            return 2


def _run(arguments: list[str]) -> int:
    """Run a command, and say in words what it could not do."""
    parsed = parser().parse_args(arguments)
    parsed.given = [a.partition("=")[0] for a in arguments if a.startswith("--")]
    try:
        return COMMANDS[parsed.name](parsed)
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except (ValueError, TypeError, OSError, ImportError) as error:
        complain(f"npdeep {parsed.name}: {str(error).removeprefix(f'{parsed.name}: ')}")
        return 2


def say(text: Any) -> None:
    """Print, folded to the width of the terminal."""
    print(printing.fold(str(text)))


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
        print("\nCtrl-C: finishing this step; again to end at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


class InterruptAfterStep(Callback):
    """Ends `fit` between two steps, so that the run can continue from there bit for bit."""

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
        yours = {name: getattr(given, name) for name in ("activation", "initializer", "normalization", "residual")}
        shape = {"depth": given.depth, "width": given.width}
        nd.lesson.run(given.folder, epochs=given.epochs, seed=given.seed, **shape, **yours, stopped=stopped)
        return INTERRUPTED if stopped() else 0


def train(given: argparse.Namespace) -> int:
    """Train a network, or continue a run; write history.csv, plots and a checkpoint into the run folder."""
    if given.resume is not None:
        others = [option for option in given.given if not "--resume".startswith(option) and not "--epochs".startswith(option)]
        if others:
            raise ValueError(f"a run continues as it began: with --resume leave out {', '.join(others)}; only --epochs counts")
        folder, data, batch_size, trainer = runs.reopen(given.resume)
    else:
        folder, data, batch_size, trainer = runs.begin(given)
    training, validation, test = runs.load_data(*data)
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
            say(f"interrupted after {trainer.iteration:,} updates; continue with: npdeep train --resume {folder}")
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
    measured = runs.evaluate_file(given.file, given.data, given.check)
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
            from npdeep.command_line import pictures  # with matplotlib

            say(f"wrote {pictures.draw_check(given.figure, report, sweep)}")
        good = good and bool(report)
    return 0 if good else 1


def walk(given: argparse.Namespace) -> int:
    """Walk through one training step: by commands, or as a page to click through."""
    trainer, x, y = walks.prepare(given)
    writing.check_file("--html", given.html)
    if given.html is None:
        nd.debug.TerminalWalk(trainer, x, y).run()
    else:
        page = nd.plots.walk_page(trainer, x, y, given.html, steps=given.steps)
        say(f"wrote {page}; open it in a browser and walk with the arrow keys")
    return 0


def unroll(given: argparse.Namespace) -> int:
    """Write the training step of a saved trainer as one file on NumPy alone."""
    path = runs.unroll_file(given.file, given.to, given.data, given.epochs, given.batch_size, given.check)
    say(f"wrote {path} and {path.with_suffix('.npz')}; train: python {path}; step through it: python -m pdb {path}")
    return 0


def diagnose(given: argparse.Namespace) -> int:
    """Say in plain words what is wrong with a network; exit code 1 where something is."""
    if given.fault is not None and given.file is None:
        say(f"planted: {nd.debug.FAULTS[checks.choice('--fault', 'fault', given.fault, nd.debug.FAULTS)].what}\n")
    report = runs.diagnose_run(given.file, given.data, given.fault, given.check)
    say(report)
    return 0 if report else 1


def bench(given: argparse.Namespace) -> int:
    """Time one training step by operation, beside its bare matrix products, and with one thread."""
    trainer, x, y = walks.prepare(given)
    timing = nd.debug.time_step(trainer, x, y, repeats=given.repeats)
    timing.threads = threads.compared(timing, trainer, x, y)
    say(timing)
    return 0


def play(given: argparse.Namespace) -> int:
    """Serve the playground until Ctrl-C."""
    serve(given.port, given.host, not given.no_browser, say=lambda text: print(printing.fold(text), flush=True))
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    command.__name__: command
    for command in (lesson, play, exercise, train, check, summary, evaluate, walk, diagnose, bench, unroll)
}
