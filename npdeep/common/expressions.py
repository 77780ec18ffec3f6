"""Formulas with numbers plugged in: their syntax trees, and their values with a bound on the rounding.

A formula is written once, as a Python expression such as "1/(1 + exp(-z))". Everything else is read off its syntax tree.
"""

import ast
import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from npdeep.common import words

Value = tuple[float, float]
"""A number, and how far rounding may have taken the engine's from it."""

OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
}

FUNCTIONS: dict[str, tuple[Callable[..., float], Callable[[float, float], float]]] = {
    "exp": (math.exp, lambda x, y: y),
    "expm1": (math.expm1, lambda x, y: y + 1),
    "log": (math.log, lambda x, y: 1 / x if x else math.inf),
    "log1p": (math.log1p, lambda x, y: 1 / (1 + x)),
    "tanh": (math.tanh, lambda x, y: 1.0),
    "sqrt": (math.sqrt, lambda x, y: 0.5 / y if y else math.inf),
    "erfc": (math.erfc, lambda x, y: 2.0),
    "abs": (abs, lambda x, y: 1.0),
    "sign": (lambda x: math.copysign(float(x != 0), x), lambda x, y: 0.0),
}
"""Functions of one number, and how steep they are at x (where their value is y)."""


@functools.lru_cache(maxsize=1024)
def parse(formula: str) -> Any:
    """The syntax tree of a formula.

    >>> type(parse("a + b")).__name__
    'BinOp'
    """
    return ast.parse(formula, mode="eval").body


def check(owner: str, formula: Any) -> str:
    """The formula of a custom part, where it can be worked out; else ValueError, so that a part is refused when it is defined.

    >>> check("Lion: rule", "w - eta*sign(m)")
    'w - eta*sign(m)'
    >>> check("Lion: rule", "w - eta*arctan(m)")
    Traceback (most recent call last):
    ValueError: Lion: rule: 'arctan(m)' cannot be worked out; an expression has numbers, names, + - * / **, comparisons in \
x if test else y, and exp, expm1, log, log1p, tanh, sqrt, erfc, abs, sign, max, min
    """
    try:
        nodes = list(ast.walk(parse(formula)))
    except (SyntaxError, TypeError, ValueError, RecursionError):
        raise ValueError(f"{owner}: {words.shortened(repr(formula))} is not an expression such as '2*(z - y)'") from None
    for node in nodes:
        if not _known(node):
            raise ValueError(
                f"{owner}: {words.shortened(repr(ast.unparse(node)))} cannot be worked out; an expression has numbers, names, "
                f"+ - * / **, comparisons in x if test else y, and {', '.join([*FUNCTIONS, 'max', 'min'])}"
            )
    return str(formula)


def _known(node: Any) -> bool:
    """Can `evaluate` do this?"""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(node, ast.Call):
        named = ast.unparse(node.func)
        return not node.keywords and (named in ("max", "min") if len(node.args) > 1 else named in FUNCTIONS and bool(node.args))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub)
    parts = (ast.Name, ast.BinOp, ast.IfExp, ast.Compare, ast.expr_context, ast.USub)
    return isinstance(node, parts) or type(node) in OPERATORS


def names_in(formula: str) -> set[str]:
    """The names that need a number.

    >>> sorted(names_in("x*W + exp(b)"))
    ['W', 'b', 'x']
    """
    found = {node.id for node in ast.walk(parse(formula)) if isinstance(node, ast.Name)}
    return found - {*FUNCTIONS, "max", "min"}


def substituted(formula: str, parts: Mapping[str, str]) -> str:
    """The formula with other expressions in place of some of its names.

    >>> substituted("w - step", {"step": "eta*g"})
    'w - eta * g'
    """

    class Substitution(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return parse(parts[node.id]) if node.id in parts else node

    return ast.unparse(Substitution().visit(ast.parse(formula, mode="eval")))


def evaluate(formula: str, numbers: Mapping[str, Value], eps: float) -> Value:
    """The value in double precision, and a bound on the error of arithmetic whose numbers are eps apart (at 1).

    Every operation adds eps times the size of its result (half of that is IEEE's rounding, the other half that of a constant
    taken into the dtype), every function 4 eps, and passes on the errors of what it works on.

    >>> value, error = evaluate("x*W + b", {"x": (2.0, 0.0), "W": (3.0, 0.0), "b": (1.0, 0.0)}, eps=1e-3)
    >>> value, round(error, 4)
    (7.0, 0.013)
    """
    try:
        return _value(parse(formula), numbers, eps)
    except OverflowError:
        return math.inf, math.inf
    except (ValueError, ZeroDivisionError):   # log of a negative number, 0/0: NaN, as the engine has it
        return math.nan, math.inf


def _value(node: Any, numbers: Mapping[str, Value], eps: float) -> Value:
    match node:
        case ast.Constant():
            constant: Any = node.value
            return float(constant), 0.0
        case ast.Name():
            return numbers[node.id]
        case ast.UnaryOp():
            value, error = _value(node.operand, numbers, eps)
            return -value, error
        case ast.BinOp():
            return _binary(node.op, _value(node.left, numbers, eps), _value(node.right, numbers, eps), eps)
        case ast.IfExp():
            return _value(node.body if holds(node.test, numbers) else node.orelse, numbers, eps)
        case ast.Call():
            return _called(str(ast.unparse(node.func)), [_value(a, numbers, eps) for a in node.args], eps)
    raise TypeError(f"a formula cannot hold {ast.dump(node)}")


def holds(test: Any, numbers: Mapping[str, Value]) -> bool:
    """Does a comparison such as z > 0 hold?

    >>> holds(parse("0 < z < 1"), {"z": (0.5, 0.0)})
    True
    """
    sides = [_value(side, numbers, 0.0)[0] for side in (test.left, *test.comparators)]
    return all(OPERATORS[type(op)](a, b) for op, a, b in zip(test.ops, sides, sides[1:], strict=False))


def _binary(op: Any, left: Value, right: Value, eps: float) -> Value:
    (a, da), (b, db) = left, right
    value = quotient(a, b) if isinstance(op, ast.Div) else float(OPERATORS[type(op)](a, b))
    if isinstance(op, ast.Add | ast.Sub):
        error = da + db
    elif isinstance(op, ast.Mult):
        error = abs(a) * db + abs(b) * da + da * db
    elif isinstance(op, ast.Div):
        error = (da + abs(value) * db) / (abs(b) - db) if abs(b) > db else math.inf
    else:                                     # a power: the exponent is a small integer
        error = abs(b) * abs(a) ** (b - 1) * da if da else 0.0
    return value, error + eps * abs(value)


def quotient(a: float, b: float) -> float:
    """a/b, infinite or NaN where b is 0, as arrays have it.

    >>> quotient(1.0, 0.0)
    inf
    """
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a)
    return a / b


def _called(name: str, arguments: list[Value], eps: float) -> Value:
    if name in ("max", "min"):
        return {"max": max, "min": min}[name](v for v, _ in arguments), max(e for _, e in arguments)
    function, slope = FUNCTIONS[name]
    ((x, error),) = arguments
    try:
        value = function(x)
    except OverflowError:
        return math.inf, 0.0
    own = 0.0 if name in ("abs", "sign") else 4 * eps * (1.0 if name == "erfc" else abs(value))
    return value, own + (error * slope(x, value) if error else 0.0)
