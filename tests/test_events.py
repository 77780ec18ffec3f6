"""Formulas and events: text with LaTeX, live arrays, kept copies, statistics."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npdeep as nd
from npdeep.activations import RULES
from npdeep.common.events import Formula, StepEvent, statistics
from npdeep.kernels.affine import affine_forward


@pytest.fixture
def numbers():
    return {"x": np.array([[1.0, -3.0]]), "labels": np.array([2]), "nothing": None}


@pytest.fixture
def event(numbers):
    return StepEvent("forward", "demo", None, Formula("a = z", r"a = \zeta"), lambda: numbers, affine_forward)


LAYERS = [getattr(nd, name) for name in nd.layers.__all__ if name != "Activation"]
FORMULAS = {
    **{f"activation {name}": rule.formula for name, rule in RULES.items()},
    **{f"derivative of {name}": rule.derivative for name, rule in RULES.items()},
    **{
        f"{module.__name__} {name}": kind.formula
        for module in (nd.losses, nd.optimizers, nd.regularizers, nd.constraints)
        for name, kind in module.KNOWN.items()
    },
    **{f"forward {layer.default_name}": layer.forward_formula for layer in LAYERS},
    **{f"backward {layer.default_name}": layer.backward_formula for layer in LAYERS},
}


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_is_one_line_and_its_latex_is_balanced(name):
    formula = FORMULAS[name]
    assert formula.strip()
    assert "\n" not in formula + formula.latex
    assert formula.latex.count("{") == formula.latex.count("}")


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_a_copied_formula_keeps_its_latex(how):
    formula = how(Formula("σ(z)", r"\sigma(z)"))
    assert (formula, formula.latex) == ("σ(z)", r"\sigma(z)")
    assert Formula("z").latex == "z"


def test_arrays_are_live_and_what_is_missing_is_left_out(event, numbers):
    assert list(event.arrays) == ["x", "labels"]
    assert event.arrays["x"] is numbers["x"]
    numbers["x"] = np.zeros(3)
    assert event.arrays["x"].shape == (3,)


@pytest.mark.parametrize("how", [lambda e: e, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_keeps_the_numbers_and_can_be_copied_and_pickled(event, numbers, how):
    kept = how(event.copy())
    line = str(event)
    numbers["x"] *= 0
    assert kept.arrays["x"].tolist() == [[1, -3]]
    assert str(kept) == line != str(event)
    assert (kept.function, kept.formula.latex) == (affine_forward, r"a = \zeta")


def test_an_event_is_one_line(event):
    assert str(event) == "forward   demo  a = z  x (1, 2) mean -1 std 2 · labels (1,) int64"
    assert repr(event) == f"<StepEvent {event}>"


def test_numbers_that_are_not_finite_are_counted_in_the_line(event, numbers):
    numbers["x"] = np.array([np.nan, 1.0, -np.inf])
    assert "x (3,) mean 1 std 0 2 not finite" in str(event)
    assert event.stats()["x"]["not_finite"] == 2


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, max_side=5), elements=st.floats(-1e6, 1e6)))
def test_statistics_are_those_of_numpy(array):
    stats = statistics(array)
    expected = {"mean": array.mean(), "std": array.std(), "min": array.min(), "max": array.max(), "zeros": np.mean(array == 0)}
    assert {name: stats[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert stats["norm"] == pytest.approx(np.sqrt(np.sum(array**2)), rel=1e-9)
    assert stats["not_finite"] == 0
    assert all(type(value) is float for value in stats.values())


@pytest.mark.parametrize("array", [np.full(3, np.nan), np.zeros(0), np.array([True, False]), np.array([3], np.uint8)], ids=repr)
def test_statistics_of_odd_arrays_need_no_care(array):
    stats = statistics(array)
    assert stats["not_finite"] == np.count_nonzero(~np.isfinite(array))
    assert 0 <= stats["zeros"] <= 1


def test_statistics_in_float32_do_not_overflow():
    assert statistics(np.full(4, 1e30, np.float32))["norm"] == pytest.approx(2e30, rel=1e-6)
