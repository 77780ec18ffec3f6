"""The source of kernels, word for word, with all that they need: other kernels, constants, modules of the standard library."""

import ast
import inspect
import itertools
import symtable
import sys
import textwrap
from collections.abc import Callable, Iterator
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
        self.known: dict[str, Any] = {}

    @property
    def names(self) -> set[str]:
        """All names that these functions and constants take up."""
        return {*self.functions, *self.constants}

    def use(self, kernel: Callable[..., Any]) -> str:
        """Take in a function and return its name, by which the file calls it."""
        kernel = inspect.unwrap(kernel)
        name: str = kernel.__name__
        self.once(name, kernel)
        if name not in self.functions:
            try:
                source = textwrap.dedent(inspect.getsource(kernel))
            except (OSError, TypeError):
                raise ValueError(
                    f"unroll: the source of the function {name} cannot be read; put it into a file, and import it from there"
                ) from None
            for needed in globals_in(source):
                self.need(needed, kernel)
            self.functions[name] = source
        return name

    def once(self, name: str, value: Any) -> None:
        """Raise where a name stands for one thing here and for another there."""
        if self.known.setdefault(name, value) is not value:
            raise ValueError(f"unroll: two things that functions of the step use are both called {name!r}; rename one of them")

    def need(self, name: str, kernel: Any) -> None:
        """Take in what a name in the source of a function stands for, unless it is local or built in."""
        if name == kernel.__name__ or name not in kernel.__globals__:
            return
        value = kernel.__globals__[name]
        if (value is np and name == "np") or value is Array:     # the file begins with them
            return
        home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or "numpy"
        standard = home.partition(".")[0] in {"numpy", *sys.stdlib_module_names} - {"__main__"}
        if isinstance(value, ModuleType) and standard:
            self.modules.add(f"import {home}" if name == home else f"import {home} as {name}")
        elif callable(value) and standard:
            original = getattr(value, "__name__", name)
            home = "numpy" if home.startswith("numpy._core") else home
            self.modules.add(f"from {home} import {original}" + (f" as {name}" if name != original else ""))
        elif inspect.isfunction(value) and value.__name__ == name:
            self.use(value)
        elif isinstance(value, ModuleType) or callable(value):
            raise ValueError(
                f"unroll: {kernel.__name__} uses {name}, which is neither a plain function nor of NumPy or the standard "
                "library; the file is to run on NumPy alone"
            )
        else:
            self.once(name, value)
            self.constant(name, kernel, value)

    def constant(self, name: str, kernel: Any, value: Any) -> None:
        """Take in a constant, and what it is computed from."""
        if name not in self.constants:
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


def globals_in(source: str) -> list[str]:
    """The names that a function reads from its module; a local one may be called like something there.

    >>> globals_in("def f(x):\\n    return np.exp(x)")
    ['np']
    """

    def tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
        yield table
        for inside in table.get_children():
            yield from tables(inside)

    every = tables(symtable.symtable(source, "<function>", "exec"))
    found = {symbol.get_name() for table in every for symbol in table.get_symbols() if symbol.is_global()}
    return [name for name in names_in(ast.parse(source)) if name in found]


def assignment(name: str, module: Any, value: Any) -> str:
    """A module's lines that give a constant its value, with what is said above and below; where it is imported, name = value.

    >>> from npdeep.kernels.activations import exponentials
    >>> assignment("SELU_ALPHA", exponentials, exponentials.SELU_ALPHA)
    'SELU_ALPHA = 1.6732632423543772'
    """
    source = inspect.getsource(module)
    for node, below in itertools.pairwise([*ast.parse(source).body, ast.Pass()]):
        if name in assigned(node):
            lines, first = source.splitlines(), node.lineno - 1
            while first and lines[first - 1].startswith("#"):
                first -= 1
            is_docstring = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            return "\n".join(lines[first : below.end_lineno if is_docstring else node.end_lineno])
    if not isinstance(value, int | float | str | None):
        raise ValueError(f"unroll: {name} is not a plain number and is made in another module; assign it where the function is")
    return f"{name} = {value!r}"


def assigned(node: ast.stmt) -> list[str]:
    """The names to which a statement assigns.

    >>> assigned(ast.parse("a = b = 1").body[0]), assigned(ast.parse("a: int = 1").body[0])
    (['a', 'b'], ['a'])
    """
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]
