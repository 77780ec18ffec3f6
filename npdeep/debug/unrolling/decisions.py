"""What a custom part decides in Python, which a recording cannot show: a few steps take one way, and a later one another."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from npdeep.layers import Layer

STEP_METHODS = ("forward", "backward", "losses", "derivatives", "update_piece")
"""The methods of a part that a training step calls."""
FIXED = {"training", "isinstance", "len", "range", "None", "True", "False"}
"""Names that are the same in every training step; how many rows there are shows in the recordings."""


def check_decisions(part: Any) -> None:
    """Raise ValueError where a custom layer, loss or optimizer decides by a value or by the step, not in a function."""
    for method, function in methods_of(part).items():
        for node in decisions(function, changing(part)):
            kind, name = type(part).__name__, getattr(part, "name", None)
            where = f"{kind}.{method}" + (f" (layer {name!r})" if isinstance(part, Layer) else "")
            text = ast.unparse(node)
            shown = text if len(text) <= 50 else f"{text[:47]}..."
            raise ValueError(
                f"unroll: {where} depends on {shown!r}, which may change in a later step; move the arithmetic of "
                f"{kind}.{method} into a function at the top level of a module, the decision with it"
            )


def methods_of(part: Any) -> dict[str, ast.FunctionDef]:
    """The user's own code of the methods of a step, and of the methods that these call."""
    found: dict[str, ast.FunctionDef] = {}
    waiting = list(STEP_METHODS)
    while waiting:
        name = waiting.pop(0)
        function = inspect.unwrap(getattr(type(part), name, len))
        if name in found or not inspect.isfunction(function) or function.__module__.startswith("npdeep."):
            continue
        try:
            tree: Any = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        except (OSError, SyntaxError):
            raise ValueError(f"unroll: the source of {type(part).__name__}.{name} cannot be read; put it into a file") from None
        found[name] = tree
        waiting += [attribute.attr for attribute in attributes(tree) if attribute.attr not in found]
    return found


def attributes(tree: ast.AST) -> Iterator[ast.Attribute]:
    """self.something, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            yield node


def places(target: ast.AST) -> Iterator[str]:
    """What an assignment writes to: each self.something.

    >>> list(places(ast.parse("self.w.grad, (self.n, x), self.m[0] = 1").body[0].targets[0]))
    ['self.w.grad', 'self.n', 'self.m']
    """
    if isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from places(one)
    elif isinstance(target, ast.Subscript | ast.Starred):
        yield from places(target.value)
    elif isinstance(target, ast.Attribute):
        yield ast.unparse(target)


def changing(part: Any) -> set[str]:
    """The attributes to which the methods of a step assign."""
    trees = methods_of(part).values()
    return {node.attr for tree in trees for node in attributes(tree) if isinstance(node.ctx, ast.Store)}


def decisions(tree: ast.FunctionDef, changes: set[str]) -> Iterator[ast.AST]:
    """Conditions that are not fixed, counts that a method keeps, and arithmetic on the step; no checks that only raise."""
    checks = [inner for node in ast.walk(tree) if only_raises(node) for inner in ast.walk(node)]
    for node in [one for one in ast.walk(tree) if one not in checks]:
        condition = node.test if isinstance(node, ast.If | ast.IfExp | ast.While) else node
        is_condition = condition is not node or isinstance(node, ast.Compare | ast.BoolOp)
        counts = isinstance(node, ast.AugAssign) and any(attributes(node.target))
        if isinstance(node, ast.Assign):      # self.t = self.t + 1, and not self.w.grad = f(self.w.value)
            written = {place for target in node.targets for place in places(target)}
            counts = not written.isdisjoint(ast.unparse(one) for one in ast.walk(node.value))
        by_step = isinstance(node, ast.BinOp) and "step" in names(node) and ast.unparse(node) != "step + 1"
        if counts or by_step or (is_condition and not fixed(condition, changes)) or isinstance(node, ast.Match):
            yield condition


def only_raises(node: ast.AST) -> bool:
    """Is this a check, which computes nothing?"""
    return isinstance(node, ast.Assert) or (
        isinstance(node, ast.If) and not node.orelse and all(isinstance(line, ast.Raise) for line in node.body)
    )


def fixed(test: ast.AST, changes: set[str]) -> bool:
    """Is a condition the same in every step? Whether something is None is: the recordings have it both ways."""
    if isinstance(test, ast.BoolOp):
        return all(fixed(value, changes) for value in test.values)
    if isinstance(test, ast.UnaryOp):
        return fixed(test.operand, changes)
    if isinstance(test, ast.Compare) and all(isinstance(op, ast.Is | ast.IsNot) for op in test.ops):
        return True
    if any(node.attr in changes for node in attributes(test)):
        return False
    if any(isinstance(node, ast.Call) and not isinstance(node.func, ast.Name) for node in ast.walk(test)):
        return False
    return names(test) <= FIXED | {"self"}


def names(tree: ast.AST) -> set[str]:
    """All names in a piece of code."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
