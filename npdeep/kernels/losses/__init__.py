"""Losses: one number per row or per element, and the derivative of that number.

Each forward kernel fills `loss` with the losses of the rows or elements; each backward kernel writes the derivative of
each single loss with respect to its output. What turns them into the one number that is minimized, the weighted mean, is
the same for all of them and is in reduction.py.
"""
