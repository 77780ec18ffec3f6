"""Libraries that are not required: imported when they are used."""

import importlib
from typing import Any


def needed(owner: str, module: str, extra: str) -> Any:
    """The module of an optional library. Raises ImportError, with the command that fixes it, where it is missing.

    >>> needed("onnx.export", "no_such_library.numpy", "onnx")
    Traceback (most recent call last):
    ImportError: onnx.export needs no_such_library: python -m pip install 'npdeep[onnx]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:    # it is there, and lacks something itself
            raise
        raise ImportError(f"{owner} needs {package}: python -m pip install 'npdeep[{extra}]'") from None
