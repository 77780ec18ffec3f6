"""Layers that hold layers: a block with a shortcut around it, and branches beside each other."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from npdeep.common import checks
from npdeep.common.events import Formula
from npdeep.kernels.arrays import Array
from npdeep.kernels.residual import add, concatenate, split
from npdeep.layers.base import Layer
from npdeep.layers.chain import Chain, Steps, finish
from npdeep.layers.dense import Dense


class Composite(Layer):
    """What layers that hold layers have in common: their passes are written as steps, and run through at full speed."""

    def plan(self, passes_gradient: bool) -> None:
        """The chains go down to the input where its gradient is needed, else to their lowest layer with something to train."""
        self.passes_gradient = passes_gradient
        for chain in self.chains:
            chain.plan(passes_gradient)

    def forward(self, x: Array, training: bool = False) -> Array:
        """All steps at once."""
        output: Array = finish(self.forward_steps(x, training))
        return output

    def backward(self, grad_output: Array) -> Array | None:
        """All steps at once."""
        grad_input: Array | None = finish(self.backward_steps(grad_output))
        return grad_input


class Residual(Composite):
    """y = f(x) + x: the layers f learn what to add to their input, and the gradient goes back around them as it is.

    Args:
        layers: the layers f, lowest first.
        projection: True puts a Dense without bias on the shortcut, y = f(x) + xP: for a width that f changes.
        name: numbered "residual", "residual_1", … if not given; the names of its layers begin with it: block1/hidden.

    Input (n, inputs), output (n, units); the same width unless projection is True.
    Raises ValueError where f changes the width and there is no projection.
    Source: He, Zhang, Ren, Sun (2016), *Deep residual learning for image recognition*.

    >>> import npdeep as nd
    >>> block = nd.Residual([nd.Dense(2, kernel_initializer="zeros"), nd.Activation("relu")], name="block1")
    >>> model = nd.Sequential([block], input_size=2)
    >>> [p.name for p in model.parameters]
    ['block1/dense/kernel', 'block1/dense/bias']
    >>> model.predict([[3.0, -4.0]])
    array([[ 3., -4.]], dtype=float32)
    """

    default_name = "residual"
    forward_formula = Formula("y = f(x) + x", "y = f(x) + x")
    backward_formula = Formula("dx = Jᵀdy + dy, J = ∂f/∂x", r"dx = J_f^\top dy + dy")
    kernels = (add, add)

    def __init__(self, layers: Iterable[Layer], projection: bool = False, *, name: str | None = None) -> None:
        super().__init__(name)
        self.projection = checks.flag("Residual", "projection", projection)
        self.layers = self.hold(layers)
        self.shortcut = self.hold([])
        if not self.layers:
            raise ValueError("Residual: the list of layers is empty")
        if self.projection:
            self.forward_formula = Formula("y = f(x) + xP", "y = f(x) + xP")
            self.backward_formula = Formula("dx = Jᵀdy + dy Pᵀ, J = ∂f/∂x", r"dx = J_f^\top dy + dy\,P^\top")

    def build(self, input_size: int) -> int:
        """The layers, and the projection to the width that they give."""
        width = self.layers.build(input_size)
        if width != input_size and not self.projection:
            raise ValueError(
                f"Residual {self.name!r}: its layers turn a width of {input_size} into {width}, and f(x) + x needs the same; "
                f"end them with a Dense({input_size}), or write Residual([...], projection=True)"
            )
        if self.projection:
            self.shortcut.take([Dense(width, use_bias=False, name="projection")])
            self.shortcut.build(input_size)
        return width

    def forward_steps(self, x: Array, training: bool) -> Steps:
        """output = f(x) + x."""
        f = yield from self.layers.forward_steps(x, training)
        shortcut = yield from self.shortcut.forward_steps(x, training)
        return add((f, shortcut), self.output)

    def backward_steps(self, grad_output: Array) -> Steps:
        """grad_input = what comes back through f, and through the shortcut."""
        through_f = yield from self.layers.backward_steps(grad_output)
        through_shortcut = yield from self.shortcut.backward_steps(grad_output)
        if self.grad_input is None:           # nothing to train below
            return None
        return add((through_f, through_shortcut), self.grad_input)


class Parallel(Composite):
    """Branches beside each other: y = [f₀(x), f₁(x), …], or their sum.

    Args:
        branches: lists of layers (or single layers), one for each branch.
        split: None: each branch sees all columns of x. Else widths, such as (392, 392): each sees columns of its own.
        merge: "concatenate" puts the outputs side by side, "add" adds them.
        name: numbered "parallel", "parallel_1", … if not given; the names of its layers begin with it.

    Input (n, inputs); output (n, sum of the branches' widths), or their common width with "add".
    Raises ValueError where the widths do not fit.
    Source: Szegedy et al. (2015), *Going deeper with convolutions* (branches that are concatenated).

    >>> import npdeep as nd
    >>> wide_and_deep = nd.Parallel([[nd.Dense(3), nd.Activation("relu")], []])
    >>> model = nd.Sequential([wide_and_deep], input_size=2)
    >>> [layer.name for layer in model.everything()], model.output_size
    (['parallel/dense', 'parallel/activation', 'parallel'], 5)
    """

    default_name = "parallel"

    def __init__(
        self,
        branches: Iterable[Any],
        split: Sequence[int] | None = None,
        merge: str = "concatenate",
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if isinstance(branches, Layer | str) or not isinstance(branches, Iterable):
            raise TypeError(f"Parallel: branches must be a list of branches, got {checks.describe(branches)}")
        branches = checks.items("Parallel", "branches", branches, "branches")
        self.branches: list[Chain] = [self.hold([b] if isinstance(b, Layer) else b) for b in branches]
        if len(self.branches) < 2:
            raise ValueError(f"Parallel: branches must be at least 2, got {len(self.branches)}")
        widths = None if split is None else checks.items("Parallel", "split", split, "widths")
        self.split = None if widths is None else [checks.whole("Parallel", "split", width) for width in widths]
        if self.split is not None and len(self.split) != len(self.branches):
            raise ValueError(f"Parallel: split has {len(self.split)} widths for {len(self.branches)} branches; give each one")
        self.merge = checks.choice("Parallel", "merge", merge, ["concatenate", "add"])
        x = "x" if self.split is None else "xₖ"
        y, dx = ("Σₖ fₖ(x)", "Σₖ") if self.merge == "add" else ("[fₖ(x) side by side]", "Σₖ")
        dx = "side by side" if self.split is not None else dx
        self.forward_formula = Formula(f"y = {y}".replace("(x)", f"({x})"))
        self.backward_formula = Formula(f"dx = {dx} Jₖᵀdyₖ, Jₖ = ∂fₖ/∂{x}")
        self.kernels = (
            add if self.merge == "add" else concatenate,
            add if self.split is None else concatenate,
        )

    def build(self, input_size: int) -> int:
        """Every branch; their widths must fit together."""
        if self.split is not None and sum(self.split) != input_size:
            raise ValueError(
                f"Parallel {self.name!r}: split {self.split} has {sum(self.split)} columns in all, the input has {input_size}"
            )
        inputs = self.split or [input_size] * len(self.branches)
        self.widths = [branch.build(width) for branch, width in zip(self.branches, inputs, strict=True)]
        if self.merge == "add" and len(set(self.widths)) > 1:
            raise ValueError(
                f"Parallel {self.name!r}: the branches have the widths {self.widths}, and adding needs the same; end them "
                'alike, or write merge="concatenate"'
            )
        return self.widths[0] if self.merge == "add" else sum(self.widths)

    def buffers(self, training: bool) -> Iterator[tuple[Any, ...]]:
        """output, grad_input, and the columns of each branch."""
        yield from super().buffers(training)
        for k, width in enumerate(self.split or ()):
            yield f"columns_{k}", width
        if training and self.merge == "concatenate":
            for k, width in enumerate(self.widths):
                yield f"grad_columns_{k}", width

    def columns(self, kind: str) -> list[Array]:
        """The buffers of this kind, one for each branch."""
        return [getattr(self, f"{kind}_{k}") for k in range(len(self.branches))]

    def forward_steps(self, x: Array, training: bool) -> Steps:
        """output = what the branches give, side by side or added."""
        inputs = [x] * len(self.branches) if self.split is None else split(x, self.columns("columns"))
        outputs = []
        for branch, columns in zip(self.branches, inputs, strict=True):
            outputs.append((yield from branch.forward_steps(columns, training)))
        return add(outputs, self.output) if self.merge == "add" else concatenate(outputs, self.output)

    def backward_steps(self, grad_output: Array) -> Steps:
        """grad_input = what comes back out of the branches, added where they see the same columns."""
        grads: Sequence[Array] = [grad_output] * len(self.branches)
        if self.merge == "concatenate":
            grads = split(grad_output, self.columns("grad_columns"))
        results = []
        for branch, grad in zip(self.branches, grads, strict=True):
            results.append((yield from branch.backward_steps(grad)))
        if self.grad_input is None:           # nothing to train below
            return None
        if self.split is None:
            return add(results, self.grad_input)
        return concatenate(results, self.grad_input)
