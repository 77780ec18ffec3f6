"""A graph of ONNX in the making, and the formulas of activations written into it."""

import ast
import operator
from typing import Any

import numpy as np

from npdeep.common.expressions import FUNCTIONS, OPERATORS, parse
from npdeep.kernels.arrays import Array

BINARY = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.Div: "Div", ast.Pow: "Pow"}
COMPARING = {ast.Gt: "Greater", ast.Lt: "Less", ast.GtE: "GreaterOrEqual", ast.LtE: "LessOrEqual"}
UNARY = {"exp": "Exp", "log": "Log", "tanh": "Tanh", "sqrt": "Sqrt", "abs": "Abs", "sign": "Sign"}
KNOWN: dict[str, Any] = {"-": operator.neg, "max": max, "min": min, **{name: f for name, (f, _) in FUNCTIONS.items()}}
TAKEN = ("x", "y")
"""The names of input and output: what a layer of such a name gives has another one."""
Term = str | float
"""What an expression gives: the name of a value in the graph, or a number that is known already."""


class Graph:
    """Nodes and constants by name. `numbers` holds the constants, float32 all of them but for sizes.

    Names that are made here have a colon, which no layer's name has.
    """

    def __init__(self, helper: Any) -> None:
        self.helper = helper                  # the module onnx.helper
        self.nodes: list[Any] = []
        self.numbers: dict[str, Array] = {}

    def add(self, operation: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        """A node with one output; return the output's name, by default that of the node."""
        return self.split(operation, inputs, 1, name, **attributes)[0]

    def split(self, operation: str, inputs: list[str], outputs: int, name: str = "", **attributes: Any) -> list[str]:
        """A node with several outputs; return their names."""
        name = name or f"{operation.lower()}:{len(self.nodes)}"
        names = [name] if outputs == 1 else [f"{name}:{k}" for k in range(outputs)]
        names = [f"{one}:" if one in TAKEN else one for one in names]
        self.nodes.append(self.helper.make_node(operation, inputs, names, name=name, **attributes))
        return names

    def constant(self, value: Any, name: str = "", dtype: Any = np.float32) -> str:
        """A constant; return its name."""
        name = name or f"constant:{len(self.numbers)}"
        self.numbers[name] = np.array(value, dtype)
        return name

    def expression(self, formula: str, known: dict[str, Term]) -> str:
        """The nodes of a formula such as "z/(1 + exp(-z))"; return the name of its value."""
        return self._name(self._term(parse(formula), known))

    def _name(self, term: Term) -> str:
        return term if isinstance(term, str) else self.constant(term)

    def _term(self, node: Any, known: dict[str, Term]) -> Term:
        """One part of a formula; what holds only numbers is worked out here."""
        if isinstance(node, ast.Constant):
            return float(ast.literal_eval(node))
        if isinstance(node, ast.Name):
            return known[node.id]
        if isinstance(node, ast.Call):
            return self._call(ast.unparse(node.func), [self._term(part, known) for part in node.args])
        if isinstance(node, ast.UnaryOp):
            return self._call("-", [self._term(node.operand, known)])
        if isinstance(node, ast.BinOp):
            x, y = self._term(node.left, known), self._term(node.right, known)
            if isinstance(x, float) and isinstance(y, float):
                return float(OPERATORS[type(node.op)](x, y))
            return self.add(BINARY[type(node.op)], [self._name(x), self._name(y)])
        if isinstance(node, ast.IfExp):
            parts = [self._term(part, known) for part in (node.test, node.body, node.orelse)]
            if isinstance(parts[0], float):
                return parts[1] if parts[0] else parts[2]
            return self.add("Where", [self._name(part) for part in parts])
        return self._comparison(node, known)

    def _comparison(self, node: Any, known: dict[str, Term]) -> Term:
        """a < b, and a < b < c."""
        terms = [self._term(part, known) for part in (node.left, *node.comparators)]
        results: list[str] = []
        for x, compare, y in zip(terms, node.ops, terms[1:], strict=False):
            if isinstance(x, float) and isinstance(y, float):
                if not OPERATORS[type(compare)](x, y):
                    return 0.0
            else:
                results.append(self.add(COMPARING[type(compare)], [self._name(x), self._name(y)]))
        if not results:
            return 1.0
        return results[0] if len(results) == 1 else self.add("And", results)

    def _call(self, function: str, terms: list[Term]) -> Term:
        """A function of numbers, or of values of the graph."""
        if all(isinstance(term, float) for term in terms):
            return float(KNOWN[function](*terms))
        names = [self._name(term) for term in terms]
        if function in ("max", "min"):
            return self.add(function.title(), names)
        if function == "-":
            return self.add("Neg", names)
        if function == "expm1":
            return self.add("Sub", [self.add("Exp", names), self.constant(1)])
        if function == "log1p":
            return self.add("Log", [self.add("Add", [names[0], self.constant(1)])])
        if function == "erfc":
            return self.add("Sub", [self.constant(1), self.add("Erf", names)])
        return self.add(UNARY[function], names)
