"""Activation functions, each with its derivative worked out in the docstring.

rectifiers (ReLU and kin) · exponentials (ELU, SELU) · sigmoids (saturating) · piecewise (hard versions) · smooth (GELU,
SiLU, softplus) · rows (softmax and kin) · gates (GLU, maxout).
"""
