"""What tests/attacks/mutants.py changes in a module, one thing at a time: the operators of Cosmic Ray, and three for arrays.

Cosmic Ray turns a + into each of eleven other operators; here each becomes its opposite, because x << y of two floats is an
error and proves nothing, and a comparison becomes its neighbour and its opposite. Cosmic Ray does not see what kernels are
made of: so `+=` and the like, the functions of NumPy, and whole statements are changed too. Left alone are texts (messages,
docstrings), all of what is raised, annotations, and `if TYPE_CHECKING`.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import parso
from cosmic_ray.operators.provider import OperatorProvider
from mutation.table import code

BINARY = [
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv", "Pow_Mul"),
    *("LShift_RShift", "RShift_LShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitAnd"),
]
COMPARISON = [
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt"),
    "GtE_Lt",
]
OTHERS = [
    *("ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_Invert"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "AddNot"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer", "RemoveDecorator"),
    "ZeroIterationForLoop",
]
ASSIGNED = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "//=": "*=", "|=": "&=", "&=": "|=", "**=": "*="}
OF_NUMPY = {
    **{"add": ["subtract"], "subtract": ["add"], "multiply": ["divide"], "divide": ["multiply"], "sqrt": ["positive"]},
    **{"maximum": ["minimum"], "minimum": ["maximum"], "logical_or": ["logical_and"], "logical_and": ["logical_or"]},
    **{"greater": ["greater_equal", "less"], "less": ["less_equal", "greater"], "equal": ["not_equal"]},
    **{"greater_equal": ["greater", "less"], "less_equal": ["less", "greater"], "not_equal": ["equal"]},
    **{"exp": ["expm1"], "expm1": ["exp"], "log": ["log1p"], "log1p": ["log"], "abs": ["positive"], "negative": ["positive"]},
    **{"tanh": ["arctan"], "sign": ["positive"], "reciprocal": ["positive"], "floor": ["ceil"], "ceil": ["floor"]},
    **{"isfinite": ["isnan"], "isnan": ["isfinite"], "zeros": ["ones"], "ones": ["zeros"], "zeros_like": ["ones_like"]},
    **{"ones_like": ["zeros_like"], "fmax": ["fmin"], "fmin": ["fmax"], "copysign": ["multiply"], "square": ["positive"]},
}
OF_ANY = {"max": "min", "min": "max", "any": "all", "all": "any", "argmax": "argmin", "argmin": "argmax"}
STATEMENTS = ("if_stmt", "while_stmt", "for_stmt", "with_stmt", "try_stmt", "funcdef", "classdef")


@dataclass(frozen=True)
class Mutant:
    """One change: in which function, which line it makes of which, and what the whole source then is."""

    function: str
    old: str
    new: str
    lines: range
    source: str
    state: str
    number: str = ""

    @property
    def at_import(self) -> bool:
        """Whether the line runs when the module is imported, not when a function is called."""
        return self.function.endswith(">")


class Assigned:
    """a += b becomes a −= b."""

    def mutation_positions(self, node: Any) -> Iterator[None]:
        """Where."""
        if node.type == "operator" and node.value in ASSIGNED:
            yield None

    def mutate(self, node: Any, index: int) -> Any:
        """How."""
        node.value = ASSIGNED[node.value]
        return node


class OfNumpy:
    """np.add becomes np.subtract; x.max() becomes x.min()."""

    def mutation_positions(self, node: Any) -> Iterator[None]:
        """Where."""
        yield from [None] * len(self.others(node))

    def mutate(self, node: Any, index: int) -> Any:
        """How."""
        node.value = self.others(node)[index]
        return node

    def others(self, node: Any) -> list[str]:
        """The functions that take the place of this one."""
        if node.type != "name":
            return []
        before, after = node.get_previous_leaf(), node.get_next_leaf()
        attribute = before is not None and before.value == "."
        if attribute and before.get_previous_leaf().value == "np" and node.value in OF_NUMPY:
            return OF_NUMPY[node.value]
        is_call = after is not None and after.value in ("(", ".") and (attribute or after.value == "(")
        return [OF_ANY[node.value]] if is_call and node.value in OF_ANY and node.parent.type != "funcdef" else []


class Statement:
    """A call, an assignment to an attribute or an element, an `x += y`, or a raise is left out."""

    def mutation_positions(self, node: Any) -> Iterator[None]:
        """Where."""
        if node.type == "simple_stmt" and droppable(ast.parse(node.get_code(include_prefix=False)).body[0]):
            yield None

    def mutate(self, node: Any, index: int) -> Any:
        """How."""
        return parso.parse("pass\n")


def droppable(statement: ast.stmt) -> bool:
    """Does the statement do something, other than to name a value, which nobody can do without?"""
    if isinstance(statement, ast.Assign):
        return any(isinstance(target, ast.Attribute | ast.Subscript) for target in statement.targets)
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call)
    return isinstance(statement, ast.AugAssign | ast.Raise)


def operators() -> list[Any]:
    """All that change something."""
    provided = OperatorProvider()
    names = [f"ReplaceBinaryOperator_{name}" for name in BINARY]
    names += [f"ReplaceComparisonOperator_{name}" for name in COMPARISON]
    return [*(provided[name]() for name in names + OTHERS), Assigned(), OfNumpy(), Statement()]


def mutants_of(source: str) -> list[Mutant]:
    """All mutants of a module's source, in the order of its lines."""
    found: dict[str, Mutant] = {}
    everything = operators()
    for node in nodes(parso.parse(source)):
        for operator in everything:
            for index, _ in enumerate(operator.mutation_positions(node)):
                mutant = changed(source, node, operator, index)
                if compiles(mutant.source):
                    found[mutant.source] = mutant
    return sorted(found.values(), key=lambda mutant: mutant.lines.start)


def compiles(source: str) -> bool:
    """Is it a program at all? {**a} with a * in the place of the ** is not."""
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def nodes(node: Any) -> Iterator[Any]:
    """The node and all in it that may be changed."""
    if node.type in ("fstring", "annotation", "import_from", "import_name"):
        return
    children = getattr(node, "children", [])
    if node.type == "if_stmt" and "TYPE_CHECKING" in children[1].get_code():
        yield from (found for child in children[3:] for found in nodes(child))
        return
    yield node
    if node.type in ("raise_stmt", "tfpdef"):
        children = []
    elif node.type == "annassign":
        children = children[3:]
    elif node.type == "funcdef" and node.annotation is not None:
        children = [child for child in children if child is not node.annotation]
    for child in children:
        yield from nodes(child)


def changed(source: str, node: Any, operator: Any, index: int) -> Mutant:
    """The mutant; the tree is afterwards as it was."""
    children, values = list(getattr(node, "children", [])), [(leaf, leaf.value) for leaf in leaves(node)]
    start, end = offset(source, node.start_pos), offset(source, node.end_pos)
    changed_node = operator.mutate(node, index)
    if changed_node is None:                  # a decorator goes with its line
        text, start, end = "", offset(source, (node.start_pos[0], 0)), offset(source, (node.end_pos[0], 0))
    else:
        text = changed_node.get_code(include_prefix=False)
    if children:
        node.children[:] = children           # the list itself, for `nodes` is walking along it
    for leaf, value in values:
        leaf.value = value
    mutated = source[:start] + text.lstrip(" ") + source[end:]
    old, new = source.splitlines(), mutated.splitlines()
    line = next(i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
    state = hashlib.sha256(whole_of(node).encode()).hexdigest()[:8]
    return Mutant(function_of(node), code(old[line]), code(new[line]), statement_lines(node), mutated, state)


def leaves(node: Any) -> Iterator[Any]:
    """The tokens of a node."""
    if not hasattr(node, "children"):
        yield node
    for child in getattr(node, "children", []):
        yield from leaves(child)


def offset(source: str, position: tuple[int, int]) -> int:
    """The place in the source of a line and a column."""
    return sum(len(line) for line in source.splitlines(keepends=True)[: position[0] - 1]) + position[1]


def function_of(node: Any) -> str:
    """Class and function that hold the node; <module>, Class.<class> or function.<signature> where it runs at import."""
    names: list[str] = []
    inside, ends = node, ""
    while inside.parent is not None:
        parent = inside.parent
        if parent.type in ("funcdef", "classdef"):
            if not ends:
                in_body = inside is parent.children[-1]
                ends = "body" if in_body and parent.type == "funcdef" else ("<class>" if in_body else "<signature>")
            names.insert(0, parent.name.value)
        elif parent.type == "decorated" and not ends:
            ends = "<decorator>"
            names.insert(0, parent.children[-1].name.value)
        inside = parent
    if not names:
        return "<module>"
    return ".".join(names if ends == "body" else [*names, ends])


def whole_of(node: Any) -> str:
    """The source of the function that holds the node; where it is in none, of the statement."""
    inside = node
    while inside.parent is not None and inside.parent.parent is not None and inside.type != "funcdef":
        inside = inside.parent
    return inside.get_code(include_prefix=False)


def statement_lines(node: Any) -> range:
    """The lines of the statement that the node is in; of a compound one those of its head."""
    inside = node
    while inside.parent is not None and inside.type not in ("simple_stmt", *STATEMENTS):
        inside = inside.parent
    if inside.type in STATEMENTS and node is not inside:
        return range(node.start_pos[0], node.end_pos[0] + 1)
    end = inside.children[1].end_pos[0] if inside.type in STATEMENTS else inside.get_last_leaf().start_pos[0]
    return range(inside.start_pos[0], end + 1)
