"""The gradient check itself: every sign flip, every factor of 1.001 and every term dropped from a backward kernel is seen."""

import ast
import copy
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from helpers_gradients import BACKWARDS, PAIRS, TOLERANCE, Problem, errors

# What may be dropped without any gradient changing: kernel → mutant → why.
EQUIVALENT = {
    "kl_divergence_backward": {
        "p for np.maximum(p, epsilon, out=dp)": "below ε the quotient is taken times 0; only p = 0 needs the guard",
    },
    "general_relu_backward": {
        f"np.{kept} for np.greater_equal if threshold else np.greater": "they differ at the threshold alone"
        for kept in ("greater_equal", "greater")
    },
    "soft_shrink_backward": {"1 for -1": "λ = 0 alone takes it; tests/test_far_out.py does"},
    "hard_shrink_backward": {"1 for -1": "λ = 0 alone takes it; tests/test_far_out.py does"},
}


def problem_of(pair: Any) -> Problem:
    """Always the same numbers, enough rows to meet every piece of every function."""
    return Problem(pair, np.random.default_rng(7), 6, 5)


@cache
def numeric_gradients(pair: Any) -> dict[str, Any]:
    return problem_of(pair).numeric()


def wrong(pair: Any, kernel: Callable[..., Any]) -> set[str]:
    """The inputs whose gradients by this kernel fail the check."""
    found = errors(problem_of(pair).analytic(kernel), numeric_gradients(pair))
    return {name for name, error in found.items() if not error <= TOLERANCE}


# ── a wrong sign, a wrong factor, a wrong forward ─────────────────────────────────────────────────────────────────────
def scaled_gradient(pair: Any, name: str, factor: float) -> Callable[..., Any]:
    """The backward kernel with one of its gradients multiplied by the factor."""

    def corrupted(**arguments: Any) -> Any:
        returned = pair.backward(**arguments)
        if arguments[f"d{name}"] is not None:
            arguments[f"d{name}"] *= factor
        return returned

    return corrupted


GRADIENTS = [(pair, name) for pair in PAIRS for name in problem_of(pair).gradients]


@pytest.mark.exhaustive
@pytest.mark.parametrize("factor", [-1, 1.001])
@pytest.mark.parametrize(("pair", "name"), GRADIENTS, ids=str)
def test_a_wrong_sign_or_factor_of_one_gradient_is_seen_in_that_gradient_alone(pair, name, factor):
    assert wrong(pair, scaled_gradient(pair, name, factor)) == {name}


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_check_measures_the_forward_kernel_that_it_is_given(pair):
    problem = problem_of(pair)
    true, forward = numeric_gradients(pair), problem.forward
    problem.forward = lambda: 1.001 * forward()
    assert all(5e-4 < error < 2e-3 for error in errors(problem.numeric(), true).values())


# ── dropped terms ─────────────────────────────────────────────────────────────────────────────────────────────────────
def mutants(kernel: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The kernel with one thing left out at a time: a statement, or one side of an operation."""
    tree = without_annotations(kernel)
    for index, node in enumerate(ast.walk(tree)):
        for description, change in [*statement_drops(node), *operand_drops(node)]:
            twin = copy.deepcopy(tree)
            change(list(ast.walk(twin))[index])
            yield description, compiled(twin, kernel)


def without_annotations(kernel: Callable[..., Any]) -> ast.Module:
    """The source of the kernel as a tree, without the types of its arguments, in which there is nothing to drop."""
    tree = ast.parse(inspect.getsource(kernel))
    for node in ast.walk(tree):
        for name in {"annotation", "returns"} & set(node._fields):
            setattr(node, name, None)
    return tree


def compiled(tree: ast.Module, kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The tree as a function of the kernel's module."""
    namespace = {**vars(sys.modules[kernel.__module__]), "keep": keep}
    exec(compile(ast.fix_missing_locations(tree), f"<mutant of {kernel.__name__}>", "exec"), namespace)
    return namespace[kernel.__name__]


def keep(value: Any, out: Any) -> Any:
    """In place of an operation of two: one of the two as it is."""
    out[...] = value
    return out


Change = tuple[str, Callable[[Any], None]]


def statement_drops(node: ast.AST) -> Iterator[Change]:
    """Each statement of a block, but not the docstring."""
    for block in ("body", "orelse"):
        statements = getattr(node, block, [])
        if not isinstance(node, ast.FunctionDef | ast.If | ast.For):
            return
        for i, statement in enumerate(statements):
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                source = ast.unparse(statement).splitlines()[0]
                yield f"without {source}", lambda twin, block=block, i=i: getattr(twin, block).__setitem__(i, ast.Pass())


def operand_drops(node: ast.AST) -> Iterator[Change]:
    """Each side of a + b, np.multiply(a, b, out=c), a if x else b; the minus of −a."""
    source = ast.unparse(node) if isinstance(node, ast.expr) else ""
    if isinstance(node, ast.BinOp):
        for side in ("left", "right"):
            yield f"{ast.unparse(getattr(node, side))} for {source}", become(lambda twin, side=side: getattr(twin, side))
    elif isinstance(node, ast.UnaryOp):
        yield f"{ast.unparse(node.operand)} for {source}", become(lambda twin: twin.operand)
    elif isinstance(node, ast.IfExp):
        for side in ("body", "orelse"):
            yield f"{ast.unparse(getattr(node, side))} for {source}", become(lambda twin, side=side: getattr(twin, side))
    elif isinstance(node, ast.Call) and len(node.args) == 2 and [word.arg for word in node.keywords] == ["out"]:
        for i, argument in enumerate(node.args):
            yield f"{ast.unparse(argument)} for {source}", lambda twin, i=i: only(twin, i)


def become(part: Callable[[Any], Any]) -> Callable[[Any], None]:
    """A change that puts a part of an expression in the place of the whole."""

    def change(twin: Any) -> None:
        chosen = part(twin)
        twin.__class__, twin.__dict__ = chosen.__class__, dict(vars(chosen))

    return change


def only(call: Any, i: int) -> None:
    """np.f(a, b, out=c) becomes keep(a, out=c) or keep(b, out=c)."""
    call.func, call.args = ast.Name("keep", ast.Load()), [call.args[i]]


def caught(mutant: Callable[..., Any], kernel: Callable[..., Any]) -> bool:
    """Does the check of some pair fail with it, or the mutant itself?"""
    try:
        return any(wrong(pair, mutant) for pair in PAIRS if pair.backward is kernel)
    except Exception:
        return True


@pytest.mark.exhaustive
@pytest.mark.parametrize("kernel", BACKWARDS, ids=lambda kernel: kernel.__name__)
def test_every_dropped_term_is_seen_but_those_that_change_no_gradient(kernel):
    assert not caught(compiled(without_annotations(kernel), kernel), kernel), "the kernel itself, compiled the same way, passes"
    survivors = [description for description, mutant in mutants(kernel) if not caught(mutant, kernel)]
    assert sorted(survivors) == sorted(EQUIVALENT.get(kernel.__name__, {}))


def test_every_kernel_has_mutants_and_the_list_names_no_other_kernels():
    made = {kernel.__name__: len(list(mutants(kernel))) for kernel in BACKWARDS}
    assert min(made.values()) >= 1
    assert set(EQUIVALENT) <= set(made)
