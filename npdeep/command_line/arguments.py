"""The arguments of the command line."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

import npdeep as nd
from npdeep.command_line import checked_networks, exercises, runs
from npdeep.common import printing

DATA = "'sample' (in the package), 'mnist' (found or downloaded) or a folder with the four MNIST files"


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands.

    >>> parser().parse_args(["lesson", "--epochs", "3"]).epochs
    3
    """
    top = Parser(prog="npdeep", description="A neural network engine in pure NumPy, made to be looked into.")
    top.add_argument("--version", action="version", version=f"npdeep {nd.__version__}")
    commands = top.add_subparsers(dest="name", required=True, metavar="command")
    _lesson_arguments(_add(commands, "lesson", "why deep networks are hard to train, on real digits"))
    _play_arguments(_add(commands, "play", "a playground in the browser: change a network and watch its gradients"))
    exercises.arguments(_add(commands, "exercise", "write a kernel yourself, and be told what is wrong with it"))
    _train_arguments(_add(commands, "train", "train a network on digits and record how it went"))
    _check_arguments(_add(commands, "check", "compare hand-derived gradients with central differences"))
    _file_argument(_add(commands, "summary", "print what a checkpoint file holds"))
    _evaluate_arguments(_add(commands, "evaluate", "measure the model in a checkpoint file on test digits"))
    _walk_arguments(_add(commands, "walk", "walk through one training step, in the terminal or as a page (--html)"))
    _diagnose_arguments(_add(commands, "diagnose", "say what is wrong with a network, and what to try"))
    _bench_arguments(_add(commands, "bench", "time one training step by operation, and say where the time goes"))
    _unroll_arguments(_add(commands, "unroll", "write a network's training step as one file on NumPy alone"))
    return top


def complain(text: str) -> None:
    """Print on standard error, folded to the width of the terminal."""
    print(printing.fold(text, encoding=getattr(sys.stderr, "encoding", None)), file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """Says usage errors in lines that fit the terminal, each with what helps (`cure`)."""

    cure = ""

    def error(self, message: str) -> NoReturn:
        """Usage, message and cure on standard error; exit code 2."""
        self.print_usage(sys.stderr)
        complain(f"{self.prog}: error: {message}{self.cure}")
        raise SystemExit(2)


class WithDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Help that says the default of every option that takes a value and has one: that of --no-check is not True."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None or action.nargs == 0 else super()._get_help_string(action)


def _add(commands: Any, name: str, text: str) -> Parser:
    added: Parser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", formatter_class=WithDefaults
    )
    return added


def _lesson_arguments(p: Parser) -> None:
    p.add_argument("--folder", type=Path, default=Path("lesson"), help="where the figures and index.html go")
    p.add_argument("--epochs", type=int, default=40, help="passes over the 5,000 training digits for each network")
    p.add_argument("--seed", type=int, default=42, help="for weights, order and dropout")
    p.add_argument("--depth", type=int, default=10, help="hidden layers of the deep networks")
    p.add_argument("--width", type=int, default=100, metavar="UNITS", help="units of each hidden layer")
    yours = p.add_argument_group(
        "a network of your own", "one of these is enough; it is trained beside one that does not learn and one that does"
    )
    yours.add_argument("--activation", metavar="NAME", help="for example tanh, relu, elu (default: relu)")
    yours.add_argument("--initializer", metavar="NAME", help="for example glorot_uniform (default: auto, by the activation)")
    yours.add_argument("--normalization", metavar="KIND", help="batch or layer, before every activation (default: none)")
    yours.add_argument("--residual", action="store_true", help="a shortcut around every hidden layer but the first")


def _play_arguments(p: Parser) -> None:
    p.add_argument("--port", type=int, default=5006, help="of the address; 0 takes a free one")
    p.add_argument("--host", default="127.0.0.1", help="this computer alone; 0.0.0.0 lets others in the network open the page")
    p.add_argument("--no-browser", action="store_true", help="do not open the page, only say its address")


def _train_arguments(p: Parser) -> None:
    schedule = "of the learning rate: exponential_decay:10000,0.1 or power_decay:1000 or cosine_decay:5000 or one_cycle:4000 …"
    p.add_argument(
        "--resume", type=Path, metavar="FOLDER", help="continue the run in this folder; it knows all else but --epochs"
    )
    _data_arguments(p)
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
    p.add_argument("--batch-size", type=int, default=50, help="digits per update")
    p.add_argument("--seed", type=int, default=42, help="for weights, order and dropout")
    p.add_argument(
        "--folder", type=Path, default=runs.FOLDER, help="for history.csv, plots, checkpoint; numbered if not empty"
    )


def _walk_arguments(p: Parser) -> None:
    p.add_argument("--html", type=Path, metavar="FILE", help="write the step as a page to click through, as in step.html")
    p.add_argument(
        "--file", type=Path, metavar="CHECKPOINT", help="walk on with the trainer or model in this file (.npz), not a new one"
    )
    network = _network_arguments(p, "30", "momentum or adam (default: sgd)")
    network.add_argument("--depth", type=int, metavar="LAYERS", help="this many hidden layers of that width")
    network.add_argument(
        "--initializer", metavar="NAME", help="of the kernels, such as glorot_uniform (default: one that suits the activation)"
    )
    _data_arguments(p)
    p.add_argument("--batch-size", type=int, default=8, help="digits in the step: the first ones of the training digits")
    p.add_argument("--steps", type=int, default=1, help="how many steps on these digits the page shows")


def _bench_arguments(p: Parser) -> None:
    p.add_argument(
        "file", type=Path, nargs="?", help="a checkpoint (.npz) of trainer.save, model.save or npdeep train; else a new network"
    )
    network = _network_arguments(p, "300 100", "sgd or momentum (default: adam)")
    network.add_argument("--batch-normalization", action="store_true", default=None, help="before every activation")
    network.add_argument("--dropout", type=float, metavar="RATE", help="after every hidden layer (default: 0)")
    _data_arguments(p)
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


def _network_arguments(p: Parser, layers: str, optimizers: str) -> Any:
    """Those of a new network, for commands that take one from a file too; each has its defaults in `walks`."""
    network = p.add_argument_group("a new network")
    network.add_argument(
        "--layers", type=int, nargs="*", metavar="UNITS", help=f"units of the hidden layers (default: {layers})"
    )
    network.add_argument("--activation", metavar="NAME", help="of the hidden layers (default: relu)")
    network.add_argument("--optimizer", metavar="NAME", help=f"for example {optimizers}")
    network.add_argument("--seed", type=int, help="for weights and noise (default: 42)")
    return network


def _data_arguments(p: Parser, text: str = DATA) -> None:
    p.add_argument("--data", default="sample", help=text)
    p.add_argument(
        "--no-check", dest="check", action="store_false", help="take any images in that folder, such as Fashion MNIST"
    )


def _evaluate_arguments(p: Parser) -> None:
    _file_argument(p)
    _data_arguments(p)


def _diagnose_arguments(p: Parser) -> None:
    p.add_argument("file", type=Path, nargs="?", help="a checkpoint (.npz) of trainer.save, model.save or npdeep train")
    _data_arguments(p)
    p.add_argument(
        "--fault",
        metavar="NAME",
        help=f"instead of a file, a network with a planted fault: {', '.join(nd.debug.FAULTS)}",
    )


def _unroll_arguments(p: Parser) -> None:
    _file_argument(p)
    p.add_argument("--to", type=Path, default=Path("step.py"), help="the Python file to write; an .npz goes beside it")
    _data_arguments(p, f"training digits to put into the .npz: {DATA}; or 'none'")
    p.add_argument("--epochs", type=int, default=1, help="what running the file does")
    p.add_argument("--batch-size", type=int, default=50, help="rows per update when it is run")
