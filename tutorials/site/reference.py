"""Writes the reference: one page per module of npdeep, one entry per public name, one page per file of kernels.

Docstrings are left to autodoc. What they are made into here is reStructuredText: formulas in LaTeX before them, letters such as
| and * as they are, indented formulas and tables as they were typed.
"""

import functools
import importlib
import inspect
import pkgutil
import re
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import formulas

import npdeep as nd
import npdeep.kernels
from npdeep.common import hinting


def is_there(module: str) -> bool:
    """Can it be imported? The door to scikit-learn derives its classes from those of scikit-learn, and needs it for that.

    >>> is_there("npdeep.interop.onnx"), is_there("npdeep.interop.nothing")
    (True, False)
    """
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


DOORS = [f"npdeep.interop.{door}" for door in nd.interop.__all__ if is_there(f"npdeep.interop.{door}")]
PAGES = {
    "npdeep": "Networks and training",
    "npdeep.layers": "Layers",
    "npdeep.activations": "Activations",
    "npdeep.losses": "Losses",
    "npdeep.optimizers": "Optimizers",
    "npdeep.schedules": "Schedules",
    "npdeep.initializers": "Initializers",
    "npdeep.regularizers": "Regularizers",
    "npdeep.constraints": "Constraints",
    "npdeep.clipping": "Clipping",
    "npdeep.metrics": "Metrics",
    "npdeep.callbacks": "Callbacks",
    "npdeep.datasets": "Data",
    "npdeep.augmentation": "Augmentation",
    "npdeep.debug": "Looking inside",
    "npdeep.plots": "Plots",
    "npdeep.teaching.exercises": "Exercises",
    "npdeep.teaching.lesson": "The lesson",
    **{door: f"To and from {door.rpartition('.')[2]}" for door in DOORS},
}
"""Modules in the order of the reference, with their titles."""

ARITHMETIC = {
    *("layers", "losses", "optimizers", "schedules", "initializers", "metrics"),
    *("regularizers", "constraints", "clipping"),
}
"""Modules whose classes compute something that a formula says."""
BESIDE = {"npdeep": ("npdeep.common.events.StepEvent",)}
"""What is documented though no module offers it: what `walk` yields."""
SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):")
"""What napoleon makes lists of."""
DIRECTIVES = {**dict.fromkeys((types.FunctionType, classmethod, staticmethod), "automethod"), property: "autoproperty"}


def offered(module: types.ModuleType) -> list[str]:
    """The public names of a module: those that it offers, else what is defined in it."""
    defined = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    names = dir(module) if "__dir__" in vars(module) else getattr(module, "__all__", defined)
    return [name for name in names if not name.startswith("_")]


@functools.cache
def entries() -> dict[str, list[str]]:
    """By module what its page documents: every public name once, and not the modules, which have pages of their own.

    >>> entries()["npdeep"][:3]
    ['npdeep.Sequential', 'npdeep.Trainer', 'npdeep.Parameter']
    """
    found = {module: [f"{module}.{name}" for name in offered(importlib.import_module(module))] for module in PAGES}
    layers = {f"npdeep.{name}" for name in nd.layers.__all__}
    lessons = {f"npdeep.{name}" for name in offered(nd) if isinstance(getattr(nd, name), types.ModuleType)}
    first = ["npdeep.Sequential", "npdeep.Trainer", "npdeep.Parameter", "npdeep.History"]
    found["npdeep"] = [*first, *(name for name in found["npdeep"] if name not in layers | lessons | {*first})]
    found["npdeep.layers"] = [*sorted(layers), "npdeep.layers.Layer"]
    found["npdeep.datasets"].remove("npdeep.datasets.batches")
    found["npdeep.plots"].remove("npdeep.plots.Figure")     # matplotlib's
    return {module: [*names, *BESIDE.get(module, ())] for module, names in found.items()}


def resolve(path: str) -> Any:
    """The object of a dotted name."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@functools.cache
def documented() -> dict[type, str]:
    """The classes that have an entry, with the modules whose pages these are on."""
    found = ((resolve(name), module) for module, names in entries().items() for name in names)
    return {thing: module for thing, module in found if isinstance(thing, type)}


def shown_formulas(thing: Any) -> list[str]:
    """The formulas of what has an entry."""
    module = documented().get(thing, "") if isinstance(thing, type) else ""
    return formulas.of(thing) if module.removeprefix("npdeep.") in ARITHMETIC else []


def title_of(text: str, sign: str) -> list[str]:
    """A heading."""
    return [text, sign * len(text), ""]


def members(kind: type) -> Iterator[str]:
    """Directives of the methods and properties that users are offered, but for those that a documented base class explains."""
    bases = [base for base in kind.__mro__[1:] if base in documented() or base.__module__.partition(".")[0] != "npdeep"]
    offers = {name for base in kind.__mro__ for name in vars(base).get("offers", "").split()}
    inherited = {*hinting.INTERNAL, *(name for base in bases for name in dir(base))}
    for name in dir(kind):
        member = inspect.getattr_static(kind, name, None)
        directive = DIRECTIVES.get(type(member))
        described = directive and inspect.getdoc(member.__func__ if isinstance(member, classmethod) else member)
        if described and not name.startswith("_") and name not in inherited and (name in offers or not offers):
            yield f".. {directive}:: {name}"


def entry(path: str) -> list[str]:
    """The directive of one name."""
    thing = resolve(path)
    if isinstance(thing, type):
        inside = [line for directive in members(thing) for line in ("", f"   {directive}")]
        return [f".. autoclass:: {path}", *inside, ""]
    if callable(thing) and not type(thing).__module__.startswith("npdeep"):
        return [f".. autofunction:: {path}", ""]
    return [f".. py:data:: {path}", "", textwrap.indent(described(thing), "   "), ""]


def described(thing: Any) -> str:
    """A few words about a constant."""
    if isinstance(thing, dict):
        return f"A dict with the keys {', '.join(f'``{key}``' for key in thing)}."
    if not isinstance(thing, tuple):
        return prepared(inspect.getdoc(thing) or "")
    titles = [getattr(item, "title", None) or getattr(item, "heading", "") for item in thing if not isinstance(item, float)]
    return f"A tuple of {len(thing)}: {'; '.join(titles)}." if titles else f"``{thing!r}``"


def page(module: str) -> str:
    """One page of the reference, in reStructuredText."""
    lines = title_of(PAGES[module], "=")
    imported = importlib.import_module(module)
    if module != "npdeep":
        short = module.replace("npdeep.teaching", "nd").replace("npdeep.", "nd.")
        lines += [f"``{short}``", "", prepared(inspect.getdoc(imported) or ""), ""]
    for path in entries()[module]:
        lines += [*title_of(path.rpartition(".")[2], "-"), *entry(path)]
    return "\n".join([*lines, *(activations() if module == "npdeep.activations" else ())])


def activations() -> Iterator[str]:
    """A section for each activation: its formula, its derivative, its kernels."""
    yield from title_of("All activations by name", "-")
    for name, rule in nd.activations.RULES.items():
        yield from (f".. _{label(name)}:", "", *title_of(name, "~"))
        others = [alias for alias, known in nd.activations.ALIASES.items() if known == name]
        yield f"``nd.Activation({name!r})``" + "".join(f", also called {other}" for other in others)
        yield ""
        for formula, start in ((rule.formula, ""), (rule.derivative, "" if rule.whole_row else "f'(z) = ")):
            yield from math([start + line if i == 0 else line for i, line in enumerate(formulas.lines(formula))])
        if rule.parameters:
            given = ", ".join(f"{key} ({value})" for key, value in rule.parameters.items())
            yield from (f"Parameters: {prepared(given)}.", "")
        paths = [f"~{kernel.__module__}.{kernel.__qualname__}" for kernel in (rule.forward, rule.backward)]
        yield from (f"Derived in {' and '.join(f':py:func:`{path}`' for path in dict.fromkeys(paths))}.", "")


def label(activation: str) -> str:
    """What its section is referred to by."""
    return f"activation-{activation.replace('_', '-')}"


def math(lines: list[str]) -> Iterator[str]:
    """Formulas, each on a line of its own, so that a phone can show them."""
    for line in lines:
        yield from (".. math::", "", f"   {line}", "")


def kernel_modules() -> list[str]:
    """All files of kernels."""
    return [found.name for found in pkgutil.walk_packages(nd.kernels.__path__, "npdeep.kernels.") if not found.ispkg]


def kernel_page(module: str) -> str:
    """One file of kernels: what its docstrings derive, as they were typed."""
    imported = importlib.import_module(module)
    functions = [name for name, value in vars(imported).items() if inspect.isfunction(value) and value.__module__ == module]
    lines = [*title_of(module.removeprefix("npdeep.kernels."), "="), prepared(inspect.getdoc(imported) or ""), ""]
    for name in functions:
        lines += [] if name.startswith("_") else [f".. autofunction:: {module}.{name}", ""]
    return "\n".join(lines)


def prepared(text: str) -> str:
    """A docstring as reStructuredText: letters that have a meaning there lose it, indented blocks stay as they are.

    >>> print(prepared("`a` is |x|\\n\\n    y  =  x*x"))
    `a` is \\|x\\|
    <BLANKLINE>
    ::
    <BLANKLINE>
        y  =  x*x
    """
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        first, *rest = block.splitlines()
        if block.strip().startswith(">>>"):
            blocks.append(block)
        elif first.startswith(" "):
            blocks.append(f"::\n\n{block}")
        elif rest and rest[0].startswith(" ") and not SECTION.fullmatch(first):
            blocks.append("\n".join([escaped(first), "", "::", "", *rest]))
        else:
            blocks.append(escaped(block))
    return "\n\n".join(blocks)


def escaped(block: str) -> str:
    """Outside of code between backticks and *titles*, | and * and an underscore at the end of a word are letters."""
    parts = re.split(r"(`[^`]*`|(?<![\w*])\*[A-Z][^*]*\*(?!\w))", block)
    parts[::2] = [re.sub(r"([|*\\])|(?<=\w)(_)(?!\w)", lambda found: "\\" + found[0], part) for part in parts[::2]]
    return "".join(parts)


def linked(path: str) -> str:
    """A link to an entry, with the last part of its name.

    >>> linked("npdeep.Dense")
    ':py:obj:`Dense <npdeep.Dense>`'
    """
    return f":py:obj:`{path.rpartition('.')[2]} <{path}>`"


def file_of(module: str) -> str:
    """The name of a module's page.

    >>> file_of("npdeep"), file_of("npdeep.layers"), file_of("npdeep.teaching.lesson")
    ('network', 'layers', 'lesson')
    """
    return "network" if module == "npdeep" else module.rpartition(".")[2]


def write(folder: Path) -> None:
    """All pages of the reference into folder/reference and folder/npdeep/kernels, where the tutorials' links lead."""
    (folder / "reference").mkdir(parents=True)
    for module in PAGES:
        (folder / "reference" / f"{file_of(module)}.rst").write_text(page(module), encoding="utf-8")
    for module in kernel_modules():
        path = folder / f"{module.replace('.', '/')}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(kernel_page(module), encoding="utf-8")
    kernels = [f"/{module.replace('.', '/')}" for module in kernel_modules()]
    pages = [*map(file_of, PAGES), *kernels]
    toctree = [".. toctree::", "   :hidden:", "", *(f"   {name}" for name in pages), ""]
    lists = [f":doc:`{file_of(module)}`: {' · '.join(map(linked, entries()[module]))}\n" for module in PAGES]
    lists += [f"Activations by name: {' · '.join(f':ref:`{label(name)}`' for name in nd.activations.RULES)}\n"]
    lists += [f"The kernels, whose docstrings derive every formula: {' · '.join(f':doc:`{name}`' for name in kernels)}\n"]
    text = "\n".join([*title_of("Reference", "="), *toctree, *lists])
    (folder / "reference" / "index.rst").write_text(text, encoding="utf-8")
