"""npdeep: a neural network engine in pure NumPy in which every derivative is worked out by hand.

>>> import npdeep as nd
>>> model = nd.Sequential([nd.Dense(3), nd.Activation("relu"), nd.Dense(2)], input_size=4, seed=42)
>>> trainer = nd.Trainer(model, loss="softmax_cross_entropy", optimizer=nd.optimizers.Adam(1e-3))
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from npdeep import (
    activations,
    augmentation,
    callbacks,
    clipping,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from npdeep.common.hinting import in_module
from npdeep.common.hints import LAYERS, expanded
from npdeep.datasets.batches import batches
from npdeep.history import History
from npdeep.layers import (
    GLU,
    Activation,
    AlphaDropout,
    BatchNormalization,
    Dense,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    LayerNormalization,
    Maxout,
    Parallel,
    PReLU,
    Residual,
    RReLU,
)
from npdeep.models.sequential import Sequential, load_model
from npdeep.parameters import Parameter
from npdeep.training.trainer import Trainer

if TYPE_CHECKING:
    from npdeep import debug, plots

__version__ = "0.1.0"

LATER = {"debug": "npdeep.debug", "lesson": "npdeep.teaching.lesson", "plots": "npdeep.plots"}

__all__ = [
    "GLU",
    "Activation",
    "AlphaDropout",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "History",
    "LayerNormalization",
    "Maxout",
    "PReLU",
    "Parallel",
    "Parameter",
    "RReLU",
    "Residual",
    "Sequential",
    "Trainer",
    "activations",
    "augmentation",
    "batches",
    "callbacks",
    "clipping",
    "constraints",
    "datasets",
    "debug",
    "initializers",
    "layers",
    "lesson",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "plots",
    "regularizers",
    "schedules",
]


def __getattr__(name: str) -> Any:
    """Load plots (and with it matplotlib), debug and lesson when they are first asked for; else say where the name is."""
    if name in LATER:
        return importlib.import_module(LATER[name])
    modules = (regularizers, constraints, clipping, initializers, optimizers, losses, schedules, metrics, callbacks)
    for module in modules:
        if hasattr(module, name):
            raise AttributeError(f"npdeep has no {name!r}: write nd.{module.__name__.rpartition('.')[2]}.{name}")
    use = "" if name.startswith("_") else in_module(name, "nd", expanded(LAYERS), {n: globals().get(n) for n in __all__})
    for module in modules if name[:1].isupper() else ():
        use = use or in_module(name, f"nd.{module.__name__.rpartition('.')[2]}", module.HINTS, module.KNOWN)
    raise AttributeError(f"npdeep has no {name!r}{': ' if use else ''}{use}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    """What is there, and what is loaded when it is asked for."""
    return sorted({*globals(), *LATER})
