"""The proof: the file is run beside npdeep before it is written, and every bit compared."""

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.debug.unrolling.passes import Given, batch, is_npdeep, refuse
from npdeep.debug.unrolling.script import Script, wanted_name
from npdeep.files.npz import write_members
from npdeep.kernels.arrays import Array
from npdeep.training.trainer import Trainer

ROWS = (4, 6, 1, 2)


def check_file(script: Script, trainer: Trainer, text: str, given: Given) -> None:
    """Run a few steps of the file and of the trainer, a copy. Raises ValueError where a bit differs, naming the part."""
    module = load(text, script.start)
    for seed, rows in enumerate(ROWS):
        x, y = batch(trainer, rows, 100 + seed, given)
        module["make_buffers"](rows)
        for name in script.empty:             # what the file does not write itself must not be right by chance
            array = look_up(module, name)
            array.fill(np.nan if array.dtype.kind == "f" else 0)
        expected, trouble, found = trainer.step(x, y), None, np.nan
        try:
            found = module["step"](x, y)
        except Exception as error:            # an array that nothing has made, above all
            trouble = error
        compare(script, trainer, module)
        if trouble is not None or not same(np.float64(found), np.float64(expected)):
            raise refuse(getattr(trainer.loss, "own", trainer.loss), "forward") from trouble


def load(text: str, start: dict[str, Array]) -> dict[str, Any]:
    """The file as a module, which is written nowhere else."""
    module: dict[str, Any] = {"__name__": "step"}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "step.py"
        with open(path.with_suffix(".npz"), "wb") as arrays:
            write_members(arrays, start)
        module["__file__"] = str(path)
        try:
            exec(compile(text, str(path), "exec"), module)
        except Exception as error:
            raise ValueError(f"unroll: a value in this trainer cannot be written into a program: {error}") from None
    return module


def compare(script: Script, trainer: Trainer, module: dict[str, Any]) -> None:
    """Raise where an operation of the last step left other bits, naming the first of them; a custom part above others."""
    wrong: list[tuple[Any, str]] = []
    model = trainer.model
    layers = {layer.name: layer for layer in model.everything()}
    for stage, part, name in script.left:
        part = layers.get(getattr(part, "name", ""), trainer.loss)
        wanted = {"forward": "output", "backward": "grad_input", "loss": "grad_outputs"}[stage]
        if "." in name and not same(look_up(module, name), getattr(part, wanted)):
            wrong.append((getattr(part, "own", part), "backward" if stage == "loss" else stage))
    for layer in layers.values():
        for p in layer.parameters:
            if p.wanted is not None and not same(look_up(module, wanted_name(script, p)), p.wanted):
                wrong.append((layer, "backward"))
    slots = [(getattr(module["optimizer"], name), slot) for name, slot in trainer.optimizer.slots.items()]
    if not all(same(found, wanted) for found, wanted in [*slots, (module["values"], model.arena.values)]):
        wrong.append((trainer.optimizer, "update_piece"))
    if wrong:
        first = next((one for one in wrong if not is_npdeep(one[0])), wrong[0])
        raise refuse(*first, layers.values())


def same(found: Any, wanted: Any) -> bool:
    """The same bits?"""
    if found is None or found.shape != wanted.shape or found.dtype != wanted.dtype:
        return False
    return bool(found.tobytes() == wanted.tobytes())


def look_up(module: dict[str, Any], name: str) -> Any:
    """The array of this name in the file; None where nothing has made it."""
    part, _, attribute = name.partition(".")
    return getattr(module[part], attribute, None)
