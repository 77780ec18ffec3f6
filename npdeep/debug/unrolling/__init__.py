"""One training step as a file of its own: the kernels that a network uses, and its step in straight lines, on NumPy alone."""

from npdeep.debug.unrolling.unroll import unroll

__all__ = ["unroll"]
