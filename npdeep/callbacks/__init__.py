"""What may watch and steer a run: objects that `fit` calls at fixed moments."""

from npdeep.callbacks.base import Callback, LambdaCallback
from npdeep.callbacks.checkpoint import Checkpoint
from npdeep.callbacks.csv_logger import CSVLogger
from npdeep.callbacks.layers import RecordLayers
from npdeep.callbacks.progress import PlainProgress, ProgressBar, progress
from npdeep.callbacks.recording import RecordGradients, RecordUpdates
from npdeep.callbacks.steering import EarlyStopping, ReduceLROnPlateau, TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "LambdaCallback",
    "PlainProgress",
    "ProgressBar",
    "RecordGradients",
    "RecordLayers",
    "RecordUpdates",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "progress",
]
