"""Penalties and constraints do what Keras's do."""

import numpy as np
from helpers_golden import assert_close, each_case

import npdeep as nd


@each_case("penalties", kind="regularizer")
def test_penalty_and_its_gradient(golden):
    regularizer = getattr(nd.regularizers, golden.regularizer)(**golden.parameters)
    w, grad_of_loss = golden.w.ravel(), np.linspace(-1, 1, golden.w.size)
    grad = grad_of_loss.copy()
    assert_close(regularizer.penalty(w, grad, np.empty_like(w)), golden.penalty)
    assert_close(grad, grad_of_loss + golden.grad.ravel())


@each_case("penalties", kind="constraint")
def test_constraint(golden):
    w = golden.w.copy()
    getattr(nd.constraints, golden.constraint)(**golden.parameters).apply(w, np.empty(w.size))
    assert_close(w, golden.constrained)
