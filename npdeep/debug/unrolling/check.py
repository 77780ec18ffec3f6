"""The proof: the file is run beside npdeep before it is written, and every bit compared."""

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from npdeep.debug.unrolling.passes import batch, refuse
from npdeep.debug.unrolling.script import Script, wanted_name
from npdeep.kernels.arrays import Array
from npdeep.training.trainer import Trainer

ROWS = (4, 6, 1, 2)


def check_file(script: Script, trainer: Trainer, text: str, targets: Any) -> None:
    """Run a few steps of the file and of the trainer, a copy. Raises ValueError where a bit differs, naming the part."""
    module = load(text, script.start)
    for seed, rows in enumerate(ROWS):
        x, y = batch(trainer, rows, 100 + seed, targets)
        module["make_buffers"](rows)
        for name in script.empty:             # what the file does not write itself must not be right by chance
            array = look_up(module, name)
            array.fill(np.nan if array.dtype.kind == "f" else 0)
        expected = trainer.step(x, y)
        try:
            loss, trouble = module["step"](x, y), None
        except Exception as error:
            loss, trouble = None, error
        compare(script, trainer, module)
        if trouble is not None or not same(np.float64(loss), np.float64(expected)):
            raise refuse(getattr(trainer.loss, "own", trainer.loss), "forward") from trouble


def load(text: str, start: dict[str, Array]) -> dict[str, Any]:
    """The file as a module that is not written anywhere."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.py"
        np.savez(path.with_suffix(".npz"), **start)  # type: ignore[arg-type]
        module: dict[str, Any] = {"__name__": "step", "__file__": str(path)}
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, str(path), "exec"), module)
    return module


def compare(script: Script, trainer: Trainer, module: dict[str, Any]) -> None:
    """Raise where an operation of the last step left other bits, naming the first of them."""
    model = trainer.model
    for layer in model.everything():
        output = vars(module[script.name(layer)]).get("output")
        if output is not None and not same(output, layer.output):
            raise refuse(layer, "forward")
    gradient = vars(module["loss"]).get("grad_outputs")
    if gradient is not None and not same(gradient, trainer.loss.grad_outputs):
        raise refuse(getattr(trainer.loss, "own", trainer.loss), "backward")
    for layer in reversed(list(model.everything())):
        passed = vars(module[script.name(layer)]).get("grad_input")
        grads = [(look_up(module, wanted_name(script, p)), p.wanted) for p in layer.parameters if p.wanted is not None]
        if passed is not None and layer.passes_gradient:
            grads.append((passed, layer.grad_input))
        if not all(same(found, wanted) for found, wanted in grads):
            raise refuse(layer, "backward")
    slots = [(getattr(module["optimizer"], name), slot) for name, slot in trainer.optimizer.slots.items()]
    if not all(same(found, wanted) for found, wanted in [*slots, (module["values"], model.arena.values)]):
        raise refuse(trainer.optimizer, "update_piece")


def same(found: Any, wanted: Any) -> bool:
    """The same bits?"""
    return found.shape == wanted.shape and found.dtype == wanted.dtype and found.tobytes() == wanted.tobytes()


def look_up(module: dict[str, Any], name: str) -> Any:
    """The array of this name in the file."""
    part, _, attribute = name.partition(".")
    return getattr(module[part], attribute)
