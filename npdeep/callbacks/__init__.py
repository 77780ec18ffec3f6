"""What may watch and steer a run: objects that `fit` calls at fixed moments."""

from typing import TYPE_CHECKING

from npdeep.callbacks.averages import ExponentialAverage
from npdeep.callbacks.base import Callback, LambdaCallback
from npdeep.callbacks.checkpoint import Checkpoint
from npdeep.callbacks.csv_logger import CSVLogger
from npdeep.callbacks.layers import RecordLayers
from npdeep.callbacks.progress import PlainProgress, ProgressBar, progress
from npdeep.callbacks.recording import RecordGradients, RecordUpdates
from npdeep.callbacks.steering import EarlyStopping, ReduceLROnPlateau, TerminateOnNaN
from npdeep.callbacks.tensorboard import TensorBoard
from npdeep.common.foreign_names import CALLBACKS, expanded
from npdeep.common.hinting import asked, offered

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "ExponentialAverage",
    "LambdaCallback",
    "PlainProgress",
    "ProgressBar",
    "RecordGradients",
    "RecordLayers",
    "RecordUpdates",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
    "progress",
]

HINTS = expanded(CALLBACKS)
KNOWN = {name: globals()[name] for name in __all__}
if not TYPE_CHECKING:
    __getattr__ = asked(__name__, HINTS, KNOWN)
    __dir__ = offered(__name__)
