"""The weights of a model as a .safetensors file, which holds names and arrays alone: reading it runs no code.

Needs the package safetensors, extra `safetensors`.
"""

from pathlib import Path
from typing import Any

from npdeep.common import checks
from npdeep.common.whole_files import replacing
from npdeep.interop.optional import check_model, needed
from npdeep.models import state
from npdeep.models.sequential import Sequential

__all__ = ["load", "save"]

ENDING = ".safetensors"
REMARKS, ENTRY, NUMBER = 1_000_000, 4_096, 8
"""How many bytes a file may have for remarks in its header, for an array's name, shape and place there, and for a number."""


def save(model: Sequential, path: str | Path) -> Path:
    """Write `model.state_dict()`: all parameters and moving statistics by name; return the path.

    The structure of the network is not in the file: `model.save` keeps that too. Raises ValueError for a name that does not
    end in .safetensors, OSError where the file cannot be written.

    >>> nd.interop.safetensors.save(model, "weights.safetensors")  # doctest: +SKIP
    """
    owner = "safetensors.save"
    model, path = check_model(owner, model), check_path(owner, path)
    library = needed(owner, "safetensors.numpy", "safetensors")
    content: bytes = library.save(model.state_dict(), metadata={"format": "np"})
    with replacing(path) as file:
        file.write(content)
    return path


def load(model: Sequential, path: str | Path) -> None:
    """Write the arrays of a file into the model, as `model.load_state_dict` does: names and shapes must fit exactly.

    Raises ValueError for a damaged file and for one of another network, OSError where there is none; then nothing has changed.
    Where only names differ, `load_state_dict` takes the arrays under those that `model.state_dict()` has.

    >>> nd.interop.safetensors.load(model, "weights.safetensors")  # doctest: +SKIP
    >>> arrays = safetensors.numpy.load_file("weights.safetensors")  # doctest: +SKIP
    >>> model.load_state_dict({name.replace("fc1", "hidden1"): array for name, array in arrays.items()})  # doctest: +SKIP
    """
    owner = "safetensors.load"
    model, path = check_model(owner, model), check_path(owner, path)
    state.load_state_dict(model, read(owner, path.name, content_of(owner, path, model)), owner)


def content_of(owner: str, path: Path, model: Sequential) -> bytes:
    """The bytes of a plain file that is not too large for the model. Raises OSError or ValueError before anything is read."""
    if path.exists() and not path.is_file():  # a pipe or a device may have no end
        raise OSError(f"{owner}: {checks.shortened(path.name, 40)} is {'a folder' if path.is_dir() else 'no plain file'}")
    size, most = path.stat().st_size, REMARKS + ENTRY * len(model.parameters) + NUMBER * model.flat_values.size
    if size > most:
        what = f"has {size:,} bytes, more than the {model.flat_values.size:,} numbers of the model can take"
        raise ValueError(f"{owner}: {checks.shortened(path.name, 40)} {what}; is it of another network?")
    return path.read_bytes()


def read(owner: str, name: str, content: bytes) -> dict[str, Any]:
    """The arrays of a file by name, checked by the library: lengths, offsets, dtypes."""
    library, errors = needed(owner, "safetensors.numpy", "safetensors"), needed(owner, "safetensors", "safetensors")
    try:
        arrays: dict[str, Any] = library.load(content)
    except KeyError as error:
        reason = f"it holds numbers of the dtype {error.args[0]}, which NumPy does not have; save them as float32"
    except (errors.SafetensorError, ValueError, TypeError) as error:
        text = str(error).removeprefix("Error while deserializing: ")
        reason = f"it is damaged, or no such file: {checks.shortened(text, 100)}"
    else:
        return dict(sorted(arrays.items()))   # the library gives them in any order
    raise ValueError(f"{owner}: {checks.shortened(name, 40)} cannot be read: {reason}")


def check_path(owner: str, value: Any) -> Path:
    """The path, which must end in .safetensors.

    >>> check_path("safetensors.save", "weights.npz")
    Traceback (most recent call last):
    ValueError: safetensors.save: path must end in .safetensors, got 'weights.npz'; model.save and load_weights are for .npz
    """
    path = checks.path(owner, "path", value)
    if path.suffix != ENDING:
        cure = "; model.save and load_weights are for .npz" if path.suffix == ".npz" else ""
        raise ValueError(f"{owner}: path must end in {ENDING}, got {checks.shortened(repr(path.name), 40)}{cure}")
    return path
