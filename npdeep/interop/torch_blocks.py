"""PyTorch modules for the layers that hold layers, which torch.nn lacks. `torch_source` prints them as they are here."""

import ast
import functools
import inspect
import textwrap
from typing import Any

HOME = "npdeep.interop.torch"
"""Where a pickle finds them."""


@functools.cache
def blocks() -> dict[str, Any]:
    """The classes by name, made when they are first needed; PyTorch must be there."""
    import torch
    from torch import Tensor, nn

    class Residual(nn.Module):
        """y = layers(x) + shortcut(x)."""

        def __init__(self, layers: nn.Module, shortcut: nn.Module) -> None:
            super().__init__()
            self.layers, self.shortcut = layers, shortcut

        def forward(self, x: Tensor) -> Tensor:
            """The layers, and around them the shortcut."""
            return self.layers(x) + self.shortcut(x)

    class Parallel(nn.Module):
        """Branches beside each other. split: the columns of each, None: all; add: their sum, not all side by side."""

        def __init__(self, branches: list[nn.Module], split: list[int] | None = None, add: bool = False) -> None:
            super().__init__()
            self.branches, self.split, self.add = nn.ModuleList(branches), split, add

        def forward(self, x: Tensor) -> Tensor:
            """The sum of the branches' outputs, or all of them side by side."""
            inputs = [x] * len(self.branches) if self.split is None else x.split(self.split, dim=1)
            outputs = [branch(columns) for branch, columns in zip(self.branches, inputs, strict=True)]
            return torch.stack(outputs).sum(dim=0) if self.add else torch.cat(outputs, dim=1)

    found = {"Residual": Residual, "Parallel": Parallel}
    for name, block in found.items():
        block.__module__, block.__qualname__ = HOME, name
    return found


def source_of(name: str) -> str:
    """The code of a class.

    >>> print(source_of("Residual").splitlines()[0])
    class Residual(nn.Module):
    """
    code = inspect.getsource(inspect.unwrap(blocks))
    (node,) = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.ClassDef) and n.name == name]
    return textwrap.dedent(str(ast.get_source_segment(code, node, padded=True)))
