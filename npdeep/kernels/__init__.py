"""The performance core and the lecture: plain functions from arrays to arrays, a forward and its hand-derived backward.

No state, no classes, no checks; results go into arrays that the caller passes. Every docstring derives what the code
computes. Names are the symbols of the formula: dx is always ∂loss/∂x and has the shape of x.
"""
