"""From PyTorch's modules to npdeep's layers: which layer each is, and its numbers."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npdeep import layers as kinds
from npdeep.common import checks
from npdeep.interop.torch_calls import ACTIVATIONS, pairs
from npdeep.kernels.arrays import Array
from npdeep.layers.base import Layer
from npdeep.models.sequential import Sequential
from npdeep.models.state import check_array


class Reading:
    """One network of PyTorch that is being read.

    Attributes:
        filled: every layer that was made, with the path of its module in the network, and the module.
        expand_prelu: may a PReLU with one slope become one with a slope for each unit?
    """

    def __init__(self, torch: Any, blocks: dict[str, Any], expand_prelu: bool) -> None:
        self.nn, self.torch, self.blocks = torch.nn, torch, blocks
        self.expand_prelu = expand_prelu
        self.filled: list[tuple[Layer, str, Any]] = []
        self.seen: dict[int, str] = {}
        self.activations = {name: (ours, renamed) for ours, name, renamed in ACTIVATIONS if ours != "gelu_tanh"}
        self.makers: dict[str, Callable[[str, Any, str | None], Layer]] = {
            **dict.fromkeys(self.activations, self.activation),
            "Linear": self.linear,
            "BatchNorm1d": self.batch_normalization,
            "LayerNorm": self.layer_normalization,
            "Dropout": lambda path, m, name: kinds.Dropout(m.p, name=name),
            "AlphaDropout": lambda path, m, name: kinds.AlphaDropout(m.p, name=name),
            "RReLU": lambda path, m, name: kinds.RReLU(m.lower, m.upper, name=name),
            "PReLU": lambda path, m, name: kinds.PReLU(name=name),
            "GLU": self.glu,
            "Residual": self.residual,
            "Parallel": self.parallel,
        }

    # ── structure ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def layers(self, net: Any, path: str = "", prefix: str = "") -> list[Layer]:
        """The layers of a module: those of a Sequential one after the other, the inner ones taken apart."""
        self.check_plain(net, path)
        if type(net) is not self.nn.Sequential:
            return self.layer(net, path, None)
        made: list[Layer] = []
        for key, module in net._modules.items():    # named_children leaves out a module that comes twice
            inner = f"{path}.{key}" if path else str(key)
            name = None if str(key).isdigit() else f"{prefix}{key}"
            if type(module) is self.nn.Sequential:
                made += self.layers(module, inner, f"{prefix}{key}_")
            else:
                self.check_plain(module, inner)
                made += self.layer(module, inner, name)
        return made

    def layer(self, module: Any, path: str, name: str | None) -> list[Layer]:
        """The layer of a module; none for Flatten."""
        kind = type(module)
        if kind is self.nn.Flatten and (module.start_dim, module.end_dim) == (1, -1):
            return []                         # of a row it leaves what it is
        known = kind in self.blocks.values() or kind is getattr(self.nn, kind.__name__, None)
        maker = self.makers.get(kind.__name__) if known else None
        if maker is None:
            read = checks.listed(sorted(self.makers), 130)
            raise self.wrong(path, module, f"which npdeep does not have; from_torch reads {read}")
        try:
            made = maker(path, module, name)
        except Exception as error:            # a rate of 1, which npdeep does not take; attributes that somebody has changed
            raise self.named(path, module, error) from None
        self.filled.append((made, path, module))
        return [made]

    def wrong(self, path: str, module: Any, reason: str) -> ValueError:
        """The error that names a module by its place and kind."""
        place = f"module {checks.shortened(repr(path))}" if path else "net"
        return ValueError(f"from_torch: {place} is a {checks.shortened(type(module).__name__)} {reason}")

    def named(self, path: str, module: Any, error: Exception) -> Exception:
        """The error, which says then what module it is about."""
        text = str(error)
        if text.startswith("from_torch: module") or text.startswith("from_torch: net"):
            return error
        return self.wrong(path, module, f"that cannot be: {checks.shortened(text.removeprefix('from_torch: '), 150)}")

    def check_plain(self, module: Any, path: str) -> None:
        """Refuse what may do anything (hooks, a forward of its own), weights that two modules share or that are nowhere."""
        if not isinstance(module, self.nn.Module):
            raise self.wrong(path, module, "and no module")
        if any(getattr(module, f"_{kind}_hooks") for kind in ("forward", "forward_pre", "backward", "backward_pre")):
            raise self.wrong(path, module, "with hooks, which npdeep does not run; remove them first")
        if "forward" in vars(module):
            raise self.wrong(path, module, "whose forward was replaced, which npdeep does not run; del module.forward")
        for key, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is not None and (tensor.layout is not self.torch.strided or tensor.is_meta):
                what = "is on the device meta, without numbers" if tensor.is_meta else f"is stored as {tensor.layout}"
                raise self.wrong(path, module, f"whose {key} {what}; npdeep needs a plain tensor on the CPU")
        for key, tensor in module.named_parameters(recurse=False):
            if id(tensor) in self.seen:
                shared = repr(self.seen[id(tensor)])
                raise self.wrong(path, module, f"whose {key} is that of {shared} too; npdeep's layers share no weights")
            self.seen[id(tensor)] = f"{path}.{key}" if path else key

    # ── modules with something to look at ─────────────────────────────────────────────────────────────────────────────
    def linear(self, path: str, module: Any, name: str | None) -> Layer:
        """Of the size that its weights have, which is what PyTorch goes by."""
        if module.weight.dim() != 2:
            raise self.wrong(path, module, f"whose weight has the shape {tuple(module.weight.shape)}, and not two axes")
        return kinds.Dense(len(module.weight), use_bias=module.bias is not None, name=name)

    def batch_normalization(self, path: str, module: Any, name: str | None) -> Layer:
        """PyTorch's momentum is 1 - ours."""
        tracked = module.track_running_stats and module.running_mean is not None and module.running_var is not None
        if not tracked or module.momentum is None:
            what = "momentum=None" if tracked else "track_running_stats=False"
            raise self.wrong(path, module, f"with {what}, and npdeep needs moving averages")
        momentum = float(f"{1 - module.momentum:.15g}")    # 0.9, and 0.1 back again
        return kinds.BatchNormalization(momentum, module.eps, module.bias is not None, module.weight is not None, name=name)

    def layer_normalization(self, path: str, module: Any, name: str | None) -> Layer:
        """Over the units of a row."""
        if len(module.normalized_shape) != 1:
            raise self.wrong(path, module, f"over {len(module.normalized_shape)} axes; npdeep's examples are rows, of one axis")
        return kinds.LayerNormalization(module.eps, module.bias is not None, module.weight is not None, name=name)

    def glu(self, path: str, module: Any, name: str | None) -> Layer:
        """The halves of a row."""
        self.check_axis(path, module)
        return kinds.GLU(name=name)

    def check_axis(self, path: str, module: Any) -> None:
        """It must work along the row."""
        if module.dim not in (1, -1, None):
            raise self.wrong(path, module, f"along dim={module.dim}; npdeep has it along the row alone, dim=1")

    def activation(self, path: str, module: Any, name: str | None) -> Layer:
        """An activation of the table, with its parameters."""
        ours, renamed = self.activations[type(module).__name__]
        if hasattr(module, "dim"):
            self.check_axis(path, module)
        if ours == "softplus" and module.threshold < 20:
            raise self.wrong(path, module, f"with threshold={module.threshold:g}; npdeep's is exact, as with 20 or more")
        if ours == "gelu" and module.approximate != "none":
            ours = f"gelu_{module.approximate}"
        parameters = {parameter: float(getattr(module, theirs)) for parameter, theirs in renamed.items()}
        return kinds.Activation(ours, name=name, **parameters)

    def residual(self, path: str, module: Any, name: str | None) -> Layer:
        """Its layers; a shortcut is nothing, or a Linear without bias."""
        layers = self.layers(module.layers, f"{path}.layers" if path else "layers")
        shortcut, kind = module.shortcut, type(module.shortcut)
        self.check_plain(shortcut, f"{path}.shortcut" if path else "shortcut")
        if kind is not self.nn.Identity and (kind is not self.nn.Linear or shortcut.bias is not None):
            raise self.wrong(path, module, "whose shortcut is neither Identity nor a Linear without bias")
        return kinds.Residual(layers, projection=kind is self.nn.Linear, name=name)

    def parallel(self, path: str, module: Any, name: str | None) -> Layer:
        """Its branches."""
        start = f"{path}.branches" if path else "branches"
        branches = [self.layers(branch, f"{start}.{k}") for k, branch in enumerate(module.branches)]
        return kinds.Parallel(branches, module.split, "add" if module.add else "concatenate", name=name)

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def dtype(self) -> str:
        """The one of all weights."""
        found = {str(t.dtype).removeprefix("torch.") for _, _, m in self.filled for t in m.parameters()} or {"float32"}
        if len(found) > 1 or not found <= {"float32", "float64"}:
            raise ValueError(f"from_torch: net holds {' and '.join(sorted(found))}; make it float32 with net.float()")
        return found.pop()

    def fill(self, model: Sequential, training: bool) -> None:
        """Copy all numbers, and what is frozen. `training`: is the network in training mode?"""
        for layer, path, module in self.numbered():
            self.check_width(layer, path, module)
            for parameter, tensor in pairs(layer, module):
                array = self.checked(path, module, parameter.shape, tensor)
                try:
                    parameter.value = check_array("from_torch", parameter, array)
                except (ValueError, TypeError) as error:
                    raise self.named(path, module, error) from None
                if parameter.has_grad and not tensor.requires_grad:
                    parameter.trainable = False
            frozen = [p for p in layer.parameters if p.has_grad and not p.trainable]
            if layer.batch_statistics and training and (frozen or not module.training):
                layer.use_moving_statistics = not module.training    # PyTorch goes by the mode alone

    def numbered(self) -> Iterator[tuple[Layer, str, Any]]:
        """The layers that have numbers themselves, a projection among them."""
        for layer, path, module in self.filled:
            if isinstance(layer, kinds.Residual) and layer.projection:
                yield layer.shortcut[0], f"{path}.shortcut", module.shortcut
            elif not isinstance(layer, kinds.Residual | kinds.Parallel):
                yield layer, path, module

    def check_width(self, layer: Layer, path: str, module: Any) -> None:
        """Name the first module that is made for another width than what reaches it."""
        shape = getattr(module, "normalized_shape", (None,))
        linear = isinstance(layer, kinds.Dense)
        width = module.weight.shape[1] if linear else getattr(module, "num_features", shape[0])
        if width is not None and width != layer.input_size:
            raise self.wrong(path, module, f"for {width} inputs, but {layer.input_size} reach it; is input_size right?")

    def checked(self, path: str, module: Any, shape: tuple[int, ...], tensor: Any) -> Array:
        """The numbers of a tensor, in the shape of the parameter."""
        array: Array = tensor.detach().cpu().numpy()
        if type(module) is self.nn.PReLU and array.shape != shape:
            if array.shape != (1,):
                raise self.wrong(path, module, f"with {len(array)} slopes, but {shape[0]} units reach it; is input_size right?")
            if not self.expand_prelu:
                raise self.wrong(
                    path,
                    module,
                    f"with one slope for all {shape[0]} units, and npdeep learns one for each; make it PReLU({shape[0]}), or "
                    "write from_torch(..., expand_prelu=True): the same outputs, but it trains differently",
                )
            array = np.full(shape, array[0])
        return array
