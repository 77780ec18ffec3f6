"""Looking inside: is the gradient right, where does it die, what happened in this step?

Nothing here changes a model or a trainer: everything works on copies.
"""

from npdeep.debug.gradient_check import GradientReport, gradient_check

__all__ = ["GradientReport", "gradient_check"]
