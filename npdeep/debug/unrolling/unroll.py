"""Writing the unrolled file."""

import copy
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.common import checks, seeds
from npdeep.common.described import Described
from npdeep.common.hints import unknown_keywords
from npdeep.common.whole_files import make_folder, replacing
from npdeep.debug.unrolling.check import check_file
from npdeep.debug.unrolling.decisions import check_decisions
from npdeep.debug.unrolling.passes import record, targets_of_own_loss, write_passes
from npdeep.debug.unrolling.script import WORDS, Script, docstring, kernel_names, literal
from npdeep.debug.unrolling.updates import (
    CLIPPINGS,
    CONSTRAINTS,
    OPTIMIZERS,
    REGULARIZERS,
    SCHEDULES,
    write_clipping,
    write_constraints,
    write_optimizer,
    write_penalties,
)
from npdeep.files.npz import write_members
from npdeep.kernels.arrays import Array
from npdeep.losses import Loss, SoftmaxCrossEntropy, check_y
from npdeep.losses.own import OwnLoss
from npdeep.parameters import CHUNK
from npdeep.schedules import Schedule
from npdeep.training.trainer import Trainer

WORD = (1 << 64) - 1
WIDTH = 114
"""Columns of the table in the file, whatever the terminal has."""
OF_FIT = ("validation_data", "sample_weight", "shuffle", "seed", "augment", "cache_frozen", "callbacks", "verbose")
"""Arguments of `fit` that are no part of a training step."""
SLOTS_TAKEN = {"w", "g", "t", "x", "y", "weight", "rows", "loss", "optimizer", "values", "grads", "scratch", "learning_rate"}
RULE = "# " + "─" * 118


def unroll(
    trainer: Trainer, path: str | Path, x: Any = None, y: Any = None, *, epochs: int = 1, batch_size: int = 50, **of_fit: Any
) -> Path:
    """Write this trainer's training step as one Python file that imports NumPy and the standard library alone.

    The file holds the kernels that this network uses, word for word; below them the arrays of every layer by name, the step
    as straight lines, one call a line, and a small loop around it. Its start (weights, statistics, slots, states of the
    generators) is in an .npz beside it. From there it trains to the same bits as this trainer would: `step(x, y)` as
    `trainer.step`, `train(x, y, epochs, batch_size)` as `trainer.fit`. Made to be stepped through in pdb, and to be passed on
    as a baseline to those who have no npdeep. The trainer is not touched.

    Args:
        trainer: its clipping, regularizers, constraints and schedules must be npdeep's own. Custom layers, losses and
            optimizers go along if their arithmetic is in functions at the top level of a module, whose source is taken over.
        path: the file to write, ending in .py; it must not exist yet.
        x, y: examples and targets to put into the .npz, so that running the file trains on them.
        epochs, batch_size: what running the file then does.

    The kernel calls of a few steps on a copy are recorded and written down; then the file is run for two steps and compared
    with npdeep, bit for bit.

    Returns the path. Raises ValueError, naming it, for a part whose arithmetic is not in functions, for arguments of `fit` that
    are no part of the step (augment, callbacks, …), and for a trainer in the middle of an epoch; FileExistsError where there is
    a file already.

    >>> import tempfile
    >>> import npdeep as nd
    >>> model = nd.Sequential([nd.Dense(2, name="outputs")], input_size=3, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = unroll(nd.Trainer(model, "softmax_cross_entropy"), folder + "/step.py").read_text(encoding="utf-8")
    >>> print(text[text.index("    # forward"):text.index("    # loss")].rstrip())
        # forward outputs: z = xW + b    (n, 3) → (n, 2)
        affine_forward(x, outputs.kernel, outputs.bias, outputs.output)
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"unroll: trainer must be a Trainer, which knows loss and optimizer; got {checks.describe(trainer)}")
    unknown_keywords("unroll", {n: v for n, v in of_fit.items() if n not in OF_FIT}, "x, y, epochs, batch_size")
    for name, given in of_fit.items():
        if given is None or (isinstance(given, list | tuple) and not given) or (name == "shuffle" and given is True):
            continue
        shown = repr(given) if isinstance(given, Described) else checks.describe(given)
        raise ValueError(
            f"unroll: {name} ({shown}) is not a part of the training step and cannot be unrolled; what is to change the rows, "
            "to order or to weigh them, or to watch the run, goes by hand into the loop of the file, around step(x, y, weight)"
        )
    path = check_path(path)
    data = check_data(trainer, x, y)
    epochs = checks.whole("unroll", "epochs", epochs, minimum=0)
    batch_size = checks.whole("unroll", "batch_size", batch_size)
    check_parts(trainer)
    given = targets_of_own_loss(trainer, data) if isinstance(trainer.loss, OwnLoss) else data
    script = write_script(copy.deepcopy(trainer), given)
    script.start.update(data)
    text = render(script, trainer, path.stem, epochs, batch_size, with_data=bool(data))
    check_file(script, copy.deepcopy(trainer), text, given)        # a file that goes another way is not written
    save(path, text, script.start)
    return path


# ── on entry ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def check_path(given: Any) -> Path:
    """A path that ends in .py and is free, and so is the .npz beside it."""
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"unroll: path must be a string or a Path, got {checks.describe(given)}")
    path = Path(given)
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ValueError(f"unroll: path must be the name of a Python module, such as step.py, got {str(path)!r}")
    for file in (path, path.with_suffix(".npz")):
        if file.exists():
            raise FileExistsError(f"unroll: {file} exists already; remove it, or choose another name")
    return path


def check_data(trainer: Trainer, x: Any, y: Any) -> dict[str, Array]:
    """The examples and targets that go into the file, if any."""
    if (x is None) != (y is None):
        raise ValueError("unroll: x and y belong together; pass both or neither")
    if x is None:
        return {}
    rows = trainer.model.check_examples("unroll", "x", x)
    check_y("unroll", trainer.loss, y, len(rows), trainer.model.output_size, trainer.model.dtype)
    return {"x": rows, "y": checks.real_array("unroll", "y", y)}


def check_parts(trainer: Trainer) -> None:
    """Raise, naming it, where a part is not npdeep's own, or where a count of the trainer is not an integer."""
    seeds.check_seed("unroll", trainer.seed)
    for count in ("iteration", "epoch", "batches_done"):
        checks.whole("unroll", f"trainer.{count}", getattr(trainer, count), minimum=0)
    if trainer.batches_done:
        raise ValueError(
            f"unroll: the trainer is in the middle of epoch {trainer.epoch + 1}, after {trainer.batches_done} batches; "
            "let fit finish the epoch first"
        )
    if trainer.event is not None:
        raise ValueError("unroll: the trainer is in the middle of a step that is being walked; walk it to its end first")
    if trainer.plan.first_layer > 0:
        raise ValueError("unroll: fit is running with cache_frozen and leaves layers out; unroll before or after it")
    if trainer.optimizer.learning_rate_factors:
        raise ValueError(
            "unroll: learning_rate_factors are not written into a program; unroll a Trainer of model.copy() whose optimizer "
            "has none, and multiply the learning rate in the lines of the update"
        )
    loss = trainer.loss
    if not isinstance(loss, OwnLoss) and not type(loss).check_targets.__module__.startswith("npdeep."):
        raise ValueError(
            f"unroll: {type(loss).__name__}.check_targets changes the targets in a way that is not taken along; take them as "
            "forward expects them, and leave check_targets as it is"
        )
    for part in (*trainer.model.everything(), loss.own if isinstance(loss, OwnLoss) else loss, trainer.optimizer):
        check_decisions(part)
    if type(trainer.optimizer) not in OPTIMIZERS:
        check_own_optimizer(trainer)
    own(trainer.clipping is not None and type(trainer.clipping) not in CLIPPINGS, "clipping", trainer.clipping)
    for value in vars(trainer.optimizer).values():
        check_schedule(value)
    for p in trainer.model.parameters:
        own(p.regularizer is not None and type(p.regularizer) not in REGULARIZERS, f"regularizer of {p.name}", p.regularizer)
        own(p.constraint is not None and type(p.constraint) not in CONSTRAINTS, f"constraint of {p.name}", p.constraint)
    for watcher in trainer.watchers:
        own(not type(watcher).__module__.startswith("npdeep."), "callback", watcher)


def check_own_optimizer(trainer: Trainer) -> None:
    """Raise where a custom optimizer keeps numbers besides its slots, or calls a slot what the step calls another."""
    optimizer, layers = trainer.optimizer, {str(layer.name) for layer in trainer.model.everything()}
    own(bool(optimizer.state()), "optimizer, which keeps numbers besides its slots,", optimizer)
    for name in optimizer.slot_names:
        if not name.isidentifier() or name in {*SLOTS_TAKEN, *layers}:
            raise ValueError(f"unroll: {type(optimizer).__name__} calls a slot {name!r}, which the file uses; rename the slot")


def check_schedule(value: Any) -> None:
    """Raise where a value is a custom schedule, or holds one."""
    if isinstance(value, Schedule):
        own(type(value) not in SCHEDULES, "schedule", value)
        check_schedule(getattr(value, "then", None))


def own(is_own: bool, what: str, thing: Any) -> None:
    """Raise where a part is the user's own."""
    if is_own:
        raise ValueError(
            f"unroll: the {what} is a {type(thing).__name__} of your own, whose arithmetic it cannot write down; use one of "
            "npdeep's, or add it to the unrolled file by hand"
        )


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def write_script(trainer: Trainer, given: dict[str, Array], taken: Iterable[str] = ()) -> Script:
    """All lines of the file, from a copy of the trainer: in the order of the training step. taken: no names for layers."""
    watched = copy.deepcopy(trainer)
    model = trainer.model
    trainer.prepare()
    script = Script(model, taken)
    trainable = [p for p in model.parameters if p.trainable]
    script.start["values"] = model.arena.values
    script.setup += ['values = start["values"]', f"grads = np.zeros({model.arena.grads.size}, {script.dtype})"]
    script.setup.append(f"scratch = np.empty({model.arena.scratch.size}, {script.dtype})")
    for layer in model.everything():
        if layer.draws:
            script.start[f"{script.name(layer)}_generator"] = generator_words(layer.rng)
    recordings = record(script, watched, given)
    write_passes(script, watched, recordings)
    write_penalties(script, model.parameters)
    write_clipping(script, trainer.clipping, trainable)
    write_optimizer(script, trainer, trainable, watched, recordings[""])
    write_constraints(script, trainable)
    for name in script.sources.names & {*WORDS.split(), *trainer.optimizer.slot_names} - kernel_names():
        raise ValueError(f"unroll: a custom function is called {name!r}, or uses what is; the file has that name: rename it")
    if script.sources.names & set(script.names.values()):      # a layer by the name of a function: another name for the layer
        return write_script(trainer, given, script.sources.names)
    return script


def generator_words(rng: np.random.Generator) -> Array:
    """The state of a PCG64 generator as six 64-bit words.

    >>> generator_words(np.random.default_rng(0)).shape
    (6,)
    """
    whole: Any = rng.bit_generator.state
    state, increment = whole["state"]["state"], whole["state"]["inc"]
    words = [state >> 64, state & WORD, increment >> 64, increment & WORD, whole["has_uint32"], whole["uinteger"]]
    return np.array(words, np.uint64)


# ── the text ──────────────────────────────────────────────────────────────────────────────────────────────────────────
PIECES = f'''def pieces(spans, size={CHUNK}):
    """The spans, cut into pieces that stay in a core's cache while an update works on them."""
    return [slice(i, min(i + size, span.stop)) for span in spans for i in range(span.start, span.stop, size)]
'''
GENERATOR = '''def generator(words):
    """The random generator whose state these six 64-bit words hold."""
    high, low, increment_high, increment_low, has_uint32, uinteger = map(int, words)
    rng = np.random.Generator(np.random.PCG64())
    state = {"state": high << 64 | low, "inc": increment_high << 64 | increment_low}
    rng.bit_generator.state = {"bit_generator": "PCG64", "state": state, "has_uint32": has_uint32, "uinteger": uinteger}
    return rng
'''


def render(script: Script, trainer: Trainer, name: str, epochs: int, batch_size: int, with_data: bool) -> str:
    """The whole file."""
    needs_generator = any("generator(" in line for line in script.setup)
    parts = [
        header(trainer, name),
        "\n".join([*sorted(script.sources.modules), "", "import numpy as np", "", "Array = np.ndarray"]).lstrip(),
        section("The kernels, word for word: forward and hand-derived backward of every operation in the step."),
        *script.sources.constants.values(),
        *(f"\n{source.rstrip()}" for source in script.sources.functions.values()),
        *(f"\n{function}" for function in script.functions),
        section("The start, and every array by its name: <layer>.output, <layer>.kernel, <layer>.grad_kernel, …"),
        'class Arrays:\n    """A name to hang arrays on."""\n',
        f"\n{PIECES}",
        *([f"\n{GENERATOR}"] if needs_generator else []),
        '\nwith np.load(__file__.removesuffix(".py") + ".npz") as file:\n    start = dict(file)\n',
        "\n".join(script.setup),
        "\nbatch = Arrays()\nbatch.rows = 0\n\n",
        function("make_buffers(n)", "The arrays that a step on n rows writes.", ["batch.rows = n", *script.buffers]),
        section("The training step."),
        step_text(script, trainer.loss),
        section("The loop around it."),
        train_text(script, trainer),
        "",
        main_text(epochs, batch_size, with_data),
    ]
    return "\n".join(parts)


def header(trainer: Trainer, name: str) -> str:
    """The docstring of the file."""
    parts = [repr(trainer.loss) if not isinstance(trainer.loss, OwnLoss) else "", repr(trainer.optimizer)]
    if trainer.clipping is not None:
        parts.append(repr(trainer.clipping))
    shape = repr(trainer.model).strip("<>").removeprefix("Sequential ")
    about = f"""One training step in plain sight, and nothing but NumPy: {shape}.

{indented(parts)}

{indented(trainer.model.summary().text(WIDTH, "utf-8").split(chr(10)))}

Written by npdeep from a trainer after {trainer.iteration:,} updates; {name}.npz beside this file holds its weights, slots and
generators. From there `step` and `train` continue to the same bits as npdeep. Step through it: python -m pdb {name}.py
"""
    return f"{docstring(about)}\n"


def indented(lines: list[str]) -> str:
    """Lines of a docstring, further in."""
    return "\n".join(f"    {line}".rstrip() for line in lines)


def section(text: str) -> str:
    """A heading in the file."""
    return f"\n\n{RULE}\n# {text}\n{RULE}"


def function(signature: str, about: str, lines: list[str]) -> str:
    """The text of a function."""
    body = [f"    {line}".rstrip() for line in lines]
    return "\n".join([f"def {signature}:", f"    {docstring(about)}", *body])


def targets_line(script: Script, loss: Loss) -> str:
    """The line that brings targets into the form that the step expects."""
    if isinstance(loss, OwnLoss):
        return "y = np.asarray(y)"
    if isinstance(loss, SoftmaxCrossEntropy):
        return f"y = np.asarray(y, np.int64 if np.ndim(y) == 1 else {script.dtype})"
    return f"y = np.asarray(y, {script.dtype}).reshape(len(x), {literal(script.model.output_size)})"


def step_text(script: Script, loss: Loss) -> str:
    """The step as a function."""
    width = literal(script.model.input_size)
    about = f"One step on x (n, {width}), targets y and a weight per row or None; returns loss plus penalties."
    lines = [
        "rows = len(x)",
        f"x = np.asarray(x, {script.dtype})",
        targets_line(script, loss),
        "if weight is not None:",
        f"    weight = np.asarray(weight, {script.dtype}).reshape(rows, 1)",
        "if rows != batch.rows:",
        "    make_buffers(rows)",
        *script.step,
        "",
        "return loss.value",
    ]
    return function("step(x, y, weight=None)", about, lines)


def train_text(script: Script, trainer: Trainer) -> str:
    """The loop as a function."""
    place = f"spawn_key=({seeds.SHUFFLE}, training.epoch)"
    lines = [
        f"x = np.asarray(x, {script.dtype})",
        targets_line(script, trainer.loss),
        "for _ in range(epochs):",
        f"    order = np.random.default_rng(np.random.SeedSequence({literal(trainer.seed)}, {place})).permutation(len(x))",
        "    total = 0.0",
        "    for first in range(0, len(x), batch_size):",
        "        index = order[first : first + batch_size]",
        "        total += len(index) * step(x.take(index, axis=0), y.take(index, axis=0))",
        "    training.epoch += 1",
        '    print(f"epoch {training.epoch}: loss {total / len(x):.4f}")',
    ]
    counter = f"training = Arrays()\ntraining.epoch = {literal(trainer.epoch)}\n\n\n"
    return counter + function("train(x, y, epochs, batch_size)", "That many epochs, each in its own order.", lines)


def main_text(epochs: int, batch_size: int, with_data: bool) -> str:
    """What running the file does."""
    call = f'    train(start["x"], start["y"], epochs={epochs}, batch_size={batch_size})'
    note = '    print("this file was written without examples; import it and call train(x, y, epochs, batch_size)")'
    return f'\nif __name__ == "__main__":\n{call if with_data else note}\n'


def save(path: Path, text: str, start: dict[str, Array]) -> None:
    """Both files, or neither where one cannot be written; what was there before stays."""
    make_folder(path)
    with replacing(path.with_suffix(".npz")) as arrays, replacing(path) as program:
        write_members(arrays, start, zipfile.ZIP_DEFLATED)
        program.write(text.encode())
