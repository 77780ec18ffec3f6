"""Every backward kernel agrees with numeric differences of its forward kernel, under random gradients from above."""

import inspect

import numpy as np
import pytest
from helpers_gradients import (
    BACKWARDS,
    PAIRS,
    SCRATCH,
    TOLERANCE,
    Problem,
    errors,
    kernel_functions,
    parameters,
    slopes,
    targets,
)
from hypothesis import given
from hypothesis import strategies as st

import npdeep as nd
from npdeep.activations import RULES
from npdeep.kernels.synchronized_normalization import synchronized_backward

ROWS, UNITS, SEEDS = st.integers(1, 6), st.integers(1, 7), st.integers(0, 2**32 - 1)

every_pair = pytest.mark.parametrize("pair", PAIRS, ids=str)


@every_pair
@given(n=ROWS, units=UNITS, seed=SEEDS)
def test_every_gradient_is_that_of_the_forward_kernel(pair, n, units, seed):
    problem = Problem(pair, np.random.default_rng(seed), n, units)
    found = errors(problem.analytic(), problem.numeric())
    assert max(found.values()) <= TOLERANCE, found


@every_pair
def test_a_second_backward_gives_the_same_bits_and_leaves_what_it_reads(pair, rng):
    problem = Problem(pair, rng, 5, 4)
    first = {name: gradient.copy() for name, gradient in problem.analytic().items()}
    written = SCRATCH | {"on"} | set(problem.buffers) - set(parameters(pair.forward))
    read = {name: value for name, value in problem.frame.items() if value is not None and name not in written}
    kept = {name: np.copy(value) for name, value in read.items()}
    second = problem.backward()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert all(np.array_equal(kept[name], problem.frame[name]) for name in kept)


OPTIONAL = [
    (pair, name)
    for pair in PAIRS
    for name, argument in inspect.signature(pair.backward).parameters.items()
    if name[0] == "d" and "None" in str(argument.annotation) and name[1:] in pair.inputs and "penalty" not in pair.name
]


@pytest.mark.parametrize(("pair", "unwanted"), OPTIONAL, ids=lambda value: str(value))
def test_an_unwanted_gradient_is_left_out_and_the_others_stay(pair, unwanted, rng):
    problem = Problem(pair, rng, 5, 4)
    expected = {name: gradient.copy() for name, gradient in problem.analytic().items() if f"d{name}" != unwanted}
    problem.frame[unwanted] = None
    problem.gradients.pop(unwanted[1:], None)
    found = problem.backward()
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_the_table_holds_every_backward_kernel_penalty_and_activation():
    kernels = {f for f in kernel_functions() if f.__name__.endswith(("_backward", "_penalty"))}
    kernels -= {synchronized_backward}        # of rows in several places: tests/test_interop_mpi.py
    assert kernels == {pair.backward for pair in PAIRS}
    assert set(RULES) <= {pair.name for pair in PAIRS}
    assert {rule.name for rule in RULES.values() if rule.parameters} == {
        pair.name.removesuffix(" with drawn parameters") for pair in PAIRS if pair.name.endswith("drawn parameters")
    }


def test_every_backward_kernel_is_compared_with_the_forward_of_its_own_name():
    other = {pair.backward.__name__ for pair in PAIRS if pair.forward.__name__ != pair.backward.__name__.replace("back", "for")}
    assert other == {"weighted_mean_backward", "l1_penalty", "l2_penalty"}     # in place: a linear loss comes before them


@pytest.mark.parametrize("name", nd.losses.KNOWN)
@given(n=ROWS, units=st.integers(2, 7), seed=SEEDS, weighted=st.booleans(), weighting=st.sampled_from(["rows", "weights"]))
def test_every_loss_gives_the_gradient_of_the_weighted_mean_that_it_returns(name, n, units, seed, weighted, weighting):
    rng = np.random.default_rng(seed)
    loss, outputs = nd.losses.KNOWN[name](weighting=weighting), rng.uniform(0.3, 0.9, (n, units))
    y = targets(name, outputs, rng)
    weight = rng.uniform(0, 2, n) if weighted else None
    loss.forward(outputs, y, weight)
    analytic = loss.backward().copy()
    numeric = slopes(lambda: loss.forward(outputs, y, weight), outputs)
    assert errors({"outputs": analytic}, {"outputs": numeric})["outputs"] <= TOLERANCE


@pytest.mark.parametrize("kernel", BACKWARDS, ids=lambda kernel: kernel.__name__)
def test_every_array_of_a_gradient_is_either_given_from_above_or_checked(kernel):
    pairs = [pair for pair in PAIRS if pair.backward is kernel]
    arguments = inspect.signature(kernel).parameters.values()
    gradients = {a.name for a in arguments if a.name[0] == "d" and a.annotation is not float}
    checked = {f"d{name}" for pair in pairs for name in pair.inputs}
    assert gradients - checked == {f"d{pair.output}" for pair in pairs} & gradients
