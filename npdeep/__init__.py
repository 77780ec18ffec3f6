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
from npdeep.common.foreign_names import LAYERS, expanded
from npdeep.common.hinting import in_module
from npdeep.datasets.batches import batches
from npdeep.history import History
from npdeep.layers import *  # noqa: F403
from npdeep.models.sequential import Sequential, load_model
from npdeep.parameters import Parameter
from npdeep.training.trainer import Trainer

if TYPE_CHECKING:
    from npdeep import debug, interop, plots
    from npdeep.teaching import exercises, lesson
    from npdeep.teaching.play import play

__version__ = "0.1.0"

LATER = {
    "debug": "npdeep.debug",
    "exercises": "npdeep.teaching.exercises",
    "interop": "npdeep.interop",
    "lesson": "npdeep.teaching.lesson",
    "play": "npdeep.teaching.play:play",
    "plots": "npdeep.plots",
}

__all__ = [
    "History",
    "Parameter",
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
    "exercises",
    "initializers",
    "interop",
    "layers",
    "lesson",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "play",
    "plots",
    "regularizers",
    "schedules",
]
__all__ += layers.__all__


if not TYPE_CHECKING:                         # for mypy what is not there is an error

    def __getattr__(name: str) -> Any:
        """Load what is in LATER (plots, and with it matplotlib) when it is first asked for; else say where the name is."""
        if name in LATER:
            place, _, function = LATER[name].partition(":")
            found = importlib.import_module(place)
            return getattr(found, function) if function else found
        modules = (regularizers, constraints, clipping, initializers, optimizers, losses, schedules, metrics, callbacks)
        for module in modules:
            if hasattr(module, name):
                raise AttributeError(f"npdeep has no {name!r}: write nd.{module.__name__.rpartition('.')[2]}.{name}")
        use = "" if name.startswith("_") else in_module(name, "nd", expanded(LAYERS), {n: globals().get(n) for n in __all__})
        for module in modules if name[:1].isupper() else ():
            use = use or in_module(name, f"nd.{module.__name__.rpartition('.')[2]}", module.HINTS, module.KNOWN)
        use = use or ("" if name.startswith("_") else deeper(name))
        raise AttributeError(f"npdeep has no {name!r}{': ' if use else ''}{use}", name=name, obj=sys.modules[__name__])


def deeper(name: str) -> str:
    """Where a name is that belongs to a module further down: "write nd.debug.diagnose", or ""."""
    doors = [f"interop.{door}" for door in importlib.import_module("npdeep.interop").__all__]
    for place in ("augmentation", "datasets", "debug", *doors, "plots"):
        try:
            module = importlib.import_module(f"npdeep.{place}")
        except ImportError:                   # a door to a package that is not installed
            continue
        if name in module.__all__:
            return f"write nd.{place}.{name}"
    return ""


def __dir__() -> list[str]:
    """What is meant to be used, for editors and notebooks; what is in LATER is loaded when it is asked for."""
    return [*__all__, "__doc__", "__version__"]
