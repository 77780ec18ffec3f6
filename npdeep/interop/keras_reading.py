"""From the layers of Keras to npdeep's: the way through the model, what each layer is, and its numbers."""

import math
import re
from itertools import chain
from typing import Any

from npdeep import layers as kinds
from npdeep.common import checks
from npdeep.interop.keras_graph import Graph, further, inputs_of, node_of, place_of
from npdeep.interop.keras_kinds import Kinds, wrong
from npdeep.layers.base import Layer
from npdeep.layers.names import free_names
from npdeep.models.state import check_array


class Scope:
    """Names of the layers in one block.

    Attributes: block: how names in Keras begin that are of this block, "block1_".
    """

    def __init__(self, block: str = "") -> None:
        self.block, self.taken = block, set[str]()

    def name(self, theirs: str) -> str:
        """A free name for a layer of Keras, without characters that npdeep's may not have."""
        plain = re.sub(r"[^A-Za-z0-9_.\-]", "_", theirs.removeprefix(self.block) or theirs)[: checks.LONGEST_NAME - 10]
        found = next(free_names(plain, self.taken))
        self.taken.add(found)
        return found


class Reading:
    """One model of Keras that is being read.

    Attributes:
        width: of the rows it takes.
        filled: every layer that was made, and that of Keras. A projection is known by the Residual that holds it.
    """

    def __init__(self, keras: Any, expand_prelu: bool) -> None:
        self.keras = keras
        self.kinds = Kinds(keras, expand_prelu)
        self.width = 0
        self.filled: list[tuple[Layer, Any]] = []
        self.seen: dict[int, str] = {}
        self.dtypes: set[str] = set()

    # ── the way through the model ─────────────────────────────────────────────────────────────────────────────────────
    def layers(self, net: Any) -> list[Layer]:
        """The layers of a whole model."""
        graph = self.graph(net)
        shape = graph.start.shape[1:]
        if not shape or None in shape:
            raise ValueError(f"from_keras: the input has the shape {graph.start.shape}; npdeep needs rows of a known width")
        self.width = math.prod(shape)
        if str(graph.start.dtype).startswith(("float", "bfloat")):
            self.dtypes.add(str(graph.start.dtype))
        made = self.chain(graph, graph.end, graph.start, Scope())
        if len(graph.end.shape) != 2:
            raise ValueError(f"from_keras: the output has the shape {graph.end.shape}; npdeep's are rows")
        if not made:
            raise ValueError("from_keras: the model has no layers that do something")
        return made

    def graph(self, net: Any) -> Graph:
        """The tensors of a model with one input and one output."""
        title, kind = f"model {checks.shortened(repr(net.name))}", type(net)
        functional = kind.__name__ == "Functional" and kind.__module__.startswith("keras.")    # it has no public name
        if (kind is not self.keras.Sequential and not functional) or "call" in vars(net):
            raise ValueError(
                f"from_keras: {title} is a {kind.__name__}, whose call may do anything; from_keras reads keras.Sequential "
                "and keras.Model(inputs, outputs)"
            )
        if not net.built or not getattr(net, "inputs", None):
            raise ValueError(
                f"from_keras: {title} is not built, so its weights are not there yet; begin it with keras.Input((width,)), or "
                "call model.build((None, width)) first"
            )
        for what, tensors in (("input", net.inputs), ("output", net.outputs)):
            if len(tensors) != 1:
                raise ValueError(f"from_keras: {title} has {len(tensors)} {what}s, and npdeep's models have one")
        return Graph(net.inputs[0], net.outputs[0])

    def chain(self, graph: Graph, end: Any, start: Any, scope: Scope) -> list[Layer]:
        """The layers between two tensors, found from the end."""
        parts: list[list[Layer]] = []
        while end is not start:
            part, given = node_of(end).operation, inputs_of(end)
            if extra := list(further(node_of(end))):
                raise wrong(part, f"that is called with {extra[0]}; npdeep's layers take rows alone")
            if isinstance(part, self.keras.Model):
                inner = self.graph(part)
                parts.append(self.chain(inner, inner.end, inner.start, scope))
                end = given[0]
            elif self.kinds.merges(part):
                self.check_plain(part)
                meeting = graph.meeting(given)
                parts.append(self.merged(graph, end, meeting, scope))
                end = meeting
            else:
                parts.append(self.layer(part, given, scope))
                end = given[0]
        return [*chain.from_iterable(reversed(parts))]

    def merged(self, graph: Graph, end: Any, meeting: Any, scope: Scope) -> list[Layer]:
        """The block whose branches come together in an Add or a Concatenate."""
        part, given = node_of(end).operation, inputs_of(end)
        adds = type(part).__name__ == "Add"
        if any(len(t.shape) != 2 or None in t.shape[1:] or (adds and t.shape != end.shape) for t in given):
            shapes = " and ".join(str(tuple(t.shape)) for t in given)
            raise wrong(part, f"of {shapes}; npdeep's takes rows{' of the same width' if adds else ''}")
        if not adds and part.axis not in (1, -1):
            raise wrong(part, f"along axis={part.axis}; npdeep's examples are rows, so it must be 1")
        name = scope.name(part.name) if isinstance(part, self.keras.layers.Layer) else None
        starts, widths = self.starts(graph, given, meeting)
        inner = Scope(f"{part.name}_")
        branches = [self.chain(graph, t, start, inner) for t, start in zip(given, starts, strict=True)]
        if len(branches) == 1:
            return branches[0]
        if adds and widths is None and (block := self.residual(branches, name)):
            return [block]
        return [kinds.Parallel(branches, widths, "add" if adds else "concatenate", name=name)]

    def starts(self, graph: Graph, given: list[Any], meeting: Any) -> tuple[list[Any], list[int] | None]:
        """Where each branch begins; and how many columns it gets, if each gets its own."""
        starts = [graph.first_below(meeting, tensor) for tensor in given]
        nodes = [node_of(tensor) for tensor in starts]
        if not self.kinds.splits(nodes[0]) or any(node is not nodes[0] for node in nodes):
            return [meeting] * len(given), None
        places, widths = [place_of(t) for t in starts], [t.shape[-1] for t in starts]
        if places != list(range(len(nodes[0].outputs))) or sum(widths) != meeting.shape[-1]:
            raise wrong(nodes[0].operation, "whose pieces do not each go, in their order, into a branch of their own")
        return starts, widths

    def residual(self, branches: list[list[Layer]], name: str | None) -> Layer | None:
        """The Residual that a sum of two branches is: one of them empty, or a Dense without bias or anything else."""
        if len(branches) == 2 and [] in branches:
            return kinds.Residual(f, name=name) if (f := branches[0] or branches[1]) else None
        for f, shortcut in (branches, reversed(branches)) if len(branches) == 2 else ():
            if len(shortcut) == 1 and isinstance(shortcut[0], kinds.Dense) and is_projection(shortcut[0]):
                block = kinds.Residual(f, projection=True, name=name)
                self.filled = [(block if layer is shortcut[0] else layer, part) for layer, part in self.filled]
                return block
        return None

    def layer(self, part: Any, given: list[Any], scope: Scope) -> list[Layer]:
        """The layer of a part of Keras, and the activation inside it; none for Flatten."""
        self.check_plain(part)
        if len(given) != 1:
            raise wrong(part, f"of {len(given)} inputs, {self.kinds.unknown}")
        made = self.kinds.made(part, tuple(given[0].shape), scope.name)
        for layer, theirs in made:
            if theirs is not part:
                self.check_plain(theirs)
            self.filled.append((layer, theirs))
        return [layer for layer, _ in made]

    def check_plain(self, part: Any) -> None:
        """Refuse what layers may have that npdeep's have not: shared weights, penalties on outputs. Note the dtypes."""
        if not isinstance(part, self.keras.layers.Layer):
            return
        self.dtypes |= {str(part.compute_dtype), str(part.variable_dtype)}
        if "call" in vars(part):
            raise wrong(part, "whose call was replaced, and npdeep would not run it; remove it with del layer.call")
        if part.activity_regularizer is not None:
            raise wrong(part, "with an activity_regularizer; npdeep has penalties on weights alone")
        has_its_own = [*part.weights, *([part] if hasattr(part, "seed_generator") else [])]
        for one in has_its_own:
            if id(one) in self.seen:
                other = self.seen[id(one)]
                reason = "is used twice" if other == part.name else f"shares weights with {other!r}"
                raise wrong(part, f"that {reason}; npdeep's layers share none")
        self.seen |= {id(one): part.name for one in has_its_own}

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def dtype(self) -> str:
        """The one of all layers."""
        found = self.dtypes or {"float32"}
        if len(found) > 1 or not found <= {"float32", "float64"}:
            raise ValueError(
                f"from_keras: the model computes in {' and '.join(sorted(found))}, and npdeep in float32 or in float64; build "
                'it again in one of them, keras.Input too (dtype="float32"), and call its set_weights(net.get_weights())'
            )
        return next(iter(found))

    def fill(self) -> None:
        """Copy all numbers, and what is frozen."""
        for layer, part in self.filled:
            if isinstance(layer, kinds.Residual):
                layer = layer.shortcut[0]
            variables = {variable.name: variable for variable in getattr(part, "weights", ())}
            for parameter in layer.parameters:
                own = parameter.name.rpartition("/")[2]
                if (variable := variables.get(own)) is None:
                    raise wrong(part, f"that has no weights {own!r}; was it changed after it was built?")
                array = self.kinds.numbers(part, variable, parameter.shape)
                parameter.value = check_array("from_keras", parameter, array)
                if parameter.has_grad and not (variable.trainable and part.trainable):
                    parameter.trainable = False
            if layer.batch_statistics and layer.use_moving_statistics == part.trainable:
                layer.use_moving_statistics = not part.trainable    # Keras goes by the layer's flag alone


def is_projection(layer: kinds.Dense) -> bool:
    """Is it what Residual puts on its shortcut?"""
    return not (layer.use_bias or layer.kernel_regularizer or layer.kernel_constraint)
