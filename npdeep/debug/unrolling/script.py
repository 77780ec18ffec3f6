"""The unrolled file as it grows: sections of lines, the names in them, and how they are put together."""

import builtins
import importlib
import keyword
import math
import pkgutil
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from npdeep import kernels
from npdeep.common import checks
from npdeep.debug.unrolling.sources import Sources
from npdeep.kernels.arrays import Array
from npdeep.models.sequential import Sequential
from npdeep.parameters import Parameter

WORDS = """
    Array Arrays Callable Iterator batch batch_size beta bisect clipping d dw epoch epochs file first g generator grads group
    index itertools largest_v learning_rate learning_rate_at length loss m make_buffers math mean momentum_at mu_at
    n next_beta np optimizer order penalty piece pieces r rows s scratch spare start step t total train training u v values w
    weight x y
"""
TAKEN = {*WORDS.split(), *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
"""Names that the file uses for something else."""


def kernel_names() -> set[str]:
    """The names of everything in npdeep.kernels.

    >>> "affine_forward" in kernel_names()
    True
    """
    modules = pkgutil.walk_packages(kernels.__path__, "npdeep.kernels.")
    return {name for module in modules for name in vars(importlib.import_module(module.name))}


TAKEN |= kernel_names()


class Code(str):
    """An expression that npdeep has composed itself. Any other text becomes a string in the file, unless it is just a name."""

    __slots__ = ()


class Script:
    """The parts of an unrolled file.

    Attributes:
        sources: the kernels that are used.
        setup: lines that run once, at the start: every array that stays.
        buffers: lines that run whenever the number of rows changes: the arrays that a step writes.
        step: the lines of the training step.
        start: the arrays that go into the file beside it.
        names: what each layer is called in the file.
        used, made: the arrays that calls take, and those that they return. parameters: the names of the model's numbers.
        empty: the buffers that hold nothing until a step writes them. left: what each operation leaves, by name.
        scheduled: the attributes of the optimizer that are schedules.
    """

    def __init__(self, model: Sequential, taken: Iterable[str] = ()) -> None:
        self.model = model
        self.dtype = dtype_text(model.dtype)
        self.sources = Sources()
        self.functions: list[str] = []
        self.setup: list[str] = []
        self.buffers: list[str] = []
        self.step: list[str] = []
        self.start: dict[str, Array] = {}
        self.used: set[str] = set()
        self.made: set[str] = set()
        self.parameters: list[str] = []
        self.empty: list[str] = []
        self.left: list[tuple[str, Any, str]] = []
        self.scheduled: list[str] = []
        self.names: dict[str, str] = {}
        for layer in model.everything():
            self.names[str(layer.name)] = identifier(str(layer.name), {*taken, *self.names.values()})

    def name(self, layer: Any) -> str:
        """What a layer is called in the file."""
        return self.names[str(layer.name)]

    def call(self, kernel: Callable[..., Any], *arguments: Any) -> Code:
        """The text of a call of a kernel, which comes into the file. Names and code stay as they are, values become literals.

        >>> import npdeep as nd
        >>> from npdeep.kernels.updates.momentum import sgd
        >>> Script(nd.Sequential([nd.Dense(1)], input_size=1)).call(sgd, "w", "g", "t", 0.01)
        'sgd(w, g, t, 0.01)'
        """
        return Code(f"{self.sources.use(kernel)}({', '.join(map(argument, arguments))})")

    def parameter(self, p: Parameter) -> str:
        """Views of a parameter's values and, if it has one, of its gradient; returns the name of the values."""
        layer, _, kind = p.name.rpartition("/")
        name = f"{self.names[layer]}.{kind}"
        self.setup.append(f"{name} = values[{view(p)}")
        self.parameters += [name, wanted_name(self, p)]
        if p.has_grad:
            self.setup.append(f"{wanted_name(self, p)} = grads[{view(p)}")
        return name

    def heading(self, text: str) -> None:
        """A comment above a group of lines of the step."""
        self.step += ["", f"# {escaped(text)}"]


def wanted_name(script: Script, p: Parameter) -> str:
    """What the gradient of a parameter is called in the file."""
    layer, _, kind = p.name.rpartition("/")
    return f"{script.names[layer]}.grad_{kind}"


def view(p: Parameter) -> str:
    """The end of the line that makes a parameter a view into a flat array.

    >>> import npdeep as nd
    >>> view(nd.Sequential([nd.Dense(2, name="a")], input_size=3).layer("a").kernel)
    '0:6].reshape(3, 2)'
    """
    shape = "" if len(p.shape) == 1 else f".reshape{p.shape}"
    return f"{p.span.start}:{p.span.stop}]{shape}"


def dtype_text(kind: Any) -> str:
    """A dtype as one writes it.

    >>> dtype_text(np.bool_), dtype_text(np.int64)
    ('bool', 'np.int64')
    """
    return "bool" if np.dtype(kind) == np.bool_ else f"np.{np.dtype(kind).name}"


def argument(given: Any) -> str:
    """An argument of a call: code and names (with dots, never called) as they are, values as literals.

    >>> argument("hidden1.kernel"), argument(Code("x.size + 1")), argument(0.5), argument("open()")
    ('hidden1.kernel', 'x.size + 1', '0.5', "'open()'")
    """
    is_name = isinstance(given, str) and all(word.isidentifier() for word in given.split("."))
    return given if is_name or isinstance(given, Code) else literal(given)


def literal(value: Any) -> str:
    """A value as Python reads it: a number to the same bits, a text by its repr, so that no value can be more than a value.

    Raises TypeError for anything else: the file is a program, and only what is known to be harmless is written into it.

    >>> literal(0.1), literal(None), literal(-np.inf), literal([1, np.float32(0.5)]), literal("1); import os")
    ('0.1', 'None', '-np.inf', '[1, 0.5]', "'1); import os'")
    """
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, float):              # its plain value: a subclass may print itself as it likes
        return repr(float(value)) if math.isfinite(value) else f"np.{float(value)}".replace("np.-", "-np.")
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, str):
        return str.__repr__(value)
    raise TypeError(f"unroll: {checks.describe(value)} cannot be written into a program")


def escaped(text: str) -> str:
    """A text on one line, as its repr spells it: with line breaks and all that is not printable as escapes.

    >>> escaped("a \u202e b \\n"), escaped("C:\\\\new")
    ('a \\\\u202e b \\\\n', 'C:\\\\\\\\new')
    """
    return str.__repr__(text)[1:-1]


def docstring(text: str) -> str:
    """A string between three double quotes, over as many lines as the text has: whatever the text is, its value is that text.
    Half a character (a lone surrogate) is written as its escape, since Python 3.13 compiles no docstring that has one.

    >>> docstring("one" + chr(10) + "two") == 3 * chr(34) + "one" + chr(10) + "two" + 3 * chr(34)
    True
    >>> hostile = "back" + chr(92) + 3 * chr(34) + chr(13)
    >>> eval(docstring(hostile)) == hostile
    True
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    quotes, lines = 3 * '"', (escaped(line).replace('"', r"\"") for line in text.split("\n"))
    return quotes + "\n".join(lines) + quotes


def identifier(name: str, others: set[str]) -> str:
    """A layer's name as Python can use it, different from all others.

    >>> identifier("hidden1", set()), identifier("1st-layer", set()), identifier("loss", set())
    ('hidden1', 'layer_1st_layer', 'loss_layer')
    """
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    word = f"layer_{word}" if not word[:1].isalpha() else word
    word = f"{word}_layer" if word in TAKEN else word
    while word in others:
        word += "_"
    return word
