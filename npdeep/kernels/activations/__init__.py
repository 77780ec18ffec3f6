"""Activation functions, each with its derivative worked out in the docstring.

rectifiers (ReLU and its variants) · exponentials (ELU, SELU) · sigmoids (saturating) · piecewise (hard versions) · smooth
(GELU, SiLU, softplus) · rows (softmax and its variants) · gates (GLU, maxout).
"""
