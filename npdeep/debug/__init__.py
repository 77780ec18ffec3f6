"""Looking inside: is the gradient right, where does it die, what happened in this step, what is wrong?

Nothing here changes a model or a trainer: everything works on copies.
"""

from npdeep.debug.diagnosis import FAULTS, Diagnosis, Fault, Finding, diagnose, plant
from npdeep.debug.gradient_check import GradientReport, gradient_check
from npdeep.debug.learning_rates import LearningRateRange, learning_rate_range
from npdeep.debug.snapshot import flat_share, kernel_gradient_norms, snapshot

__all__ = [
    "FAULTS",
    "Diagnosis",
    "Fault",
    "Finding",
    "GradientReport",
    "LearningRateRange",
    "diagnose",
    "flat_share",
    "gradient_check",
    "kernel_gradient_norms",
    "learning_rate_range",
    "plant",
    "snapshot",
]
