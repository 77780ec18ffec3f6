"""Looking inside: is the gradient right, where does it die, what happened in this step, what is wrong?

Nothing here changes a model or a trainer: everything works on copies.
"""

from npdeep.debug.breaking import Breakpoint, break_when
from npdeep.debug.descent import SURFACES, Surface, descend
from npdeep.debug.diagnosis import FAULTS, Diagnosis, Fault, Finding, diagnose, plant
from npdeep.debug.epsilon_sweep import EpsilonSweep, epsilon_sweep
from npdeep.debug.explain import explain
from npdeep.debug.explain_update import explain_update
from npdeep.debug.explanation import Explanation, Statement
from npdeep.debug.gradient_check import gradient_check
from npdeep.debug.gradient_report import GradientReport, Kink
from npdeep.debug.learning_rates import LearningRateRange, learning_rate_range
from npdeep.debug.predictions import predictions
from npdeep.debug.snapshot import flat_share, gradient_norms, kernel_gradient_norms, snapshot
from npdeep.debug.step_timing import StepTiming, TimedOperation
from npdeep.debug.terminal import TerminalWalk
from npdeep.debug.time_step import time_step
from npdeep.debug.unrolling import unroll

__all__ = [
    "FAULTS",
    "SURFACES",
    "Breakpoint",
    "Diagnosis",
    "EpsilonSweep",
    "Explanation",
    "Fault",
    "Finding",
    "GradientReport",
    "Kink",
    "LearningRateRange",
    "Statement",
    "StepTiming",
    "Surface",
    "TerminalWalk",
    "TimedOperation",
    "break_when",
    "descend",
    "diagnose",
    "epsilon_sweep",
    "explain",
    "explain_update",
    "flat_share",
    "gradient_check",
    "gradient_norms",
    "kernel_gradient_norms",
    "learning_rate_range",
    "plant",
    "predictions",
    "snapshot",
    "time_step",
    "unroll",
]
