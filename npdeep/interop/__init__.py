"""Doors to other packages. Each package is an extra; its module is loaded when it is asked for.

keras.py: networks from and to Keras, and as Keras code.
mpi.py: a network trained by several processes, on mpi_team.py and mpi_facts.py.
onnx.py: networks as .onnx files.
safetensors.py: weights as .safetensors files.
sklearn.py: networks as estimators of scikit-learn, on estimator.py, and models from its own, by sklearn_mlp.py.
torch.py: networks from and to PyTorch, as PyTorch code, and inside of its graphs, by torch_module.py.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npdeep.interop import keras, mpi, onnx, safetensors, sklearn, torch

__all__ = ["keras", "mpi", "onnx", "safetensors", "sklearn", "torch"]

if not TYPE_CHECKING:                         # for mypy what is not there is an error

    def __getattr__(name: str) -> Any:
        """Load a module of this package when it is first asked for."""
        if name in __all__:
            return importlib.import_module(f"npdeep.interop.{name}")
        raise AttributeError(f"npdeep.interop has no {name!r}; there are {', '.join(__all__)}")


def __dir__() -> list[str]:
    """What is meant to be used."""
    return list(__all__)
