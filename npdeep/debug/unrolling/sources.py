"""The source of kernels, word for word, with all that they need: other kernels, constants, modules of the standard library."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from npdeep.kernels.arrays import Array


class Sources:
    """Kernels and what they need, each once, in an order in which Python can read them.

    Attributes:
        functions: source by name, those that are called before those that call them.
        constants: assignments by name, with the comments above and the docstring below.
        modules: names of modules of the standard library.

    >>> from npdeep.kernels.losses.cross_entropy import binary_cross_entropy_backward
    >>> sources = Sources()
    >>> sources.use(binary_cross_entropy_backward)
    'binary_cross_entropy_backward'
    >>> list(sources.functions)
    ['sigmoid_into', 'binary_cross_entropy_backward']
    """

    def __init__(self) -> None:
        self.functions: dict[str, str] = {}
        self.constants: dict[str, str] = {}
        self.modules: set[str] = set()

    def use(self, kernel: Callable[..., Any]) -> str:
        """Take in a kernel and return its name, by which the file calls it."""
        kernel = inspect.unwrap(kernel)
        name: str = kernel.__name__
        if name not in self.functions:
            source = textwrap.dedent(inspect.getsource(kernel))
            for needed in names_in(ast.parse(source)):
                self.need(needed, kernel)
            self.functions[name] = source
        return name

    def need(self, name: str, kernel: Any) -> None:
        """Take in what a name in the source of a kernel stands for, unless it is local or built in."""
        if name == kernel.__name__ or name not in kernel.__globals__:
            return
        value = kernel.__globals__[name]
        if value is np or value is Array:     # the file begins with them
            return
        if isinstance(value, ModuleType):
            self.modules.add(f"import {value.__name__}")
        elif inspect.isfunction(value):
            self.use(value)
        elif inspect.isclass(value):
            self.modules.add(f"from {value.__module__} import {name}")
        elif name not in self.constants:
            text = assignment(name, inspect.getmodule(kernel), value)
            for needed in names_in(ast.parse(text)):
                self.need(needed, kernel)
            self.constants[name] = text


def names_in(tree: ast.AST) -> list[str]:
    """All names that are read in a piece of code, in the order in which they come, each once.

    >>> names_in(ast.parse("a = b + c.d(b)"))
    ['b', 'c']
    """
    read = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return list(dict.fromkeys(read))


def assignment(name: str, module: Any, value: Any) -> str:
    """A module's lines that give a constant its value, with what is said above and below; where it is imported, name = value.

    >>> from npdeep.kernels.activations import exponentials
    >>> assignment("SELU_ALPHA", exponentials, exponentials.SELU_ALPHA)
    'SELU_ALPHA = 1.6732632423543772'
    """
    source = inspect.getsource(module)
    for node, below in itertools.pairwise([*ast.parse(source).body, ast.Pass()]):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            lines, first = source.splitlines(), node.lineno - 1
            while first and lines[first - 1].startswith("#"):
                first -= 1
            is_docstring = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            return "\n".join(lines[first : below.end_lineno if is_docstring else node.end_lineno])
    return f"{name} = {value!r}"
