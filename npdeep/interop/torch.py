"""Networks from and to PyTorch, weights and all, as PyTorch code, and inside of its graphs.

The same outputs, gradients and training steps; what cannot be converted is refused by name. What is drawn in dropout differs.
PyTorch's running variance is the unbiased one: with batches of n rows it changes n/(n - 1) times as much.

Needs the package torch, extra `torch`; `torch_source` does not.
"""

from typing import Any

from npdeep import layers as kinds
from npdeep.common import checks
from npdeep.interop.optional import check_model, needed
from npdeep.interop.torch_blocks import blocks, source_of
from npdeep.interop.torch_calls import BLOCKS, NAMES, Call, pairs, sequential_of
from npdeep.interop.torch_reading import Reading
from npdeep.layers.base import Layer
from npdeep.models.sequential import Sequential

__all__ = ["as_module", "from_torch", "to_torch", "torch_source"]


def to_torch(model: Sequential) -> Any:
    """The network as a torch.nn.Sequential, with its weights and moving statistics, in its dtype, in training mode.

    Modules have the names of the layers. Residual and Parallel become modules of this package; `torch_source` prints their
    code. What is frozen has requires_grad = False, and batch normalization by its moving statistics is in eval mode, which
    net.train() ends. Penalties and constraints stay behind: in PyTorch they belong to the training loop; so does the scale of
    the last fit: net takes rows that are scaled already, as model.forward does.

    Raises ValueError for a layer that PyTorch does not have, ImportError where PyTorch is missing.

    >>> net = nd.interop.torch.to_torch(trainer.model)  # doctest: +SKIP
    >>> net.eval()(torch.from_numpy(x))  # doctest: +SKIP
    """
    owner = "to_torch"
    model = check_model(owner, model)
    call = refused(owner, model)
    torch = needed(owner, "torch", "torch")
    with model.lock:                          # not in the midst of a step
        filled: list[tuple[Layer, Any]] = []
        with torch.random.fork_rng(devices=[]):    # first weights are drawn, and replaced: PyTorch's generator is left alone
            net = call.made(Modules(torch), filled).to(getattr(torch, str(model.dtype)))
        for layer, module in filled:
            fill(torch, layer, module)
    return net


class Modules(dict[str, Any]):
    """The classes of modules by name: this package's, else PyTorch's."""

    def __init__(self, torch: Any) -> None:
        super().__init__(blocks())
        self.nn = torch.nn

    def __missing__(self, name: str) -> Any:
        """One of PyTorch's."""
        return getattr(self.nn, name)


def fill(torch: Any, layer: Layer, module: Any) -> None:
    """Copy the numbers of a layer, and what is frozen of it."""
    if isinstance(layer, kinds.Residual | kinds.Parallel):
        return                                # those of its layers are filled with theirs
    with torch.no_grad():
        for parameter, tensor in pairs(layer, module):
            tensor.copy_(torch.from_numpy(parameter.value.copy()))
    for name, tensor in module.named_parameters():
        tensor.requires_grad = {NAMES[p.name.rpartition("/")[2]]: p.trainable for p in layer.parameters if p.has_grad}[name]
    if layer.batch_statistics and layer.use_moving_statistics:
        module.eval()


def from_torch(net: Any, input_size: int, *, seed: int | None = None, expand_prelu: bool = False) -> Sequential:
    """A Sequential with the layers, weights and running statistics of a torch.nn.Sequential; `net` is not changed.

    Args:
        net: a torch.nn.Sequential, nested or not, of float32 or float64, or a single module.
        input_size: the width of the examples.
        seed: for the noise of dropout.
        expand_prelu: turn a PReLU with one slope for all units, PyTorch's default, into one slope for each. Outputs are the
            same, training is not, so it is refused unless you ask for it.

    Inner Sequentials are taken apart, Flatten is left out: npdeep's examples are rows. Layers keep the names of modules that
    have one; requires_grad = False freezes.
    Raises ValueError or TypeError, with the name of the module, for what npdeep does not have.

    >>> net = torch.nn.Sequential(torch.nn.Linear(784, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))  # doctest: +SKIP
    >>> model = nd.interop.torch.from_torch(net, input_size=784)  # doctest: +SKIP
    """
    owner = "from_torch"
    torch = needed(owner, "torch", "torch")
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"{owner}: net must be a torch.nn.Module, got {checks.describe(net)}")
    reading = Reading(torch, blocks(), checks.flag(owner, "expand_prelu", expand_prelu))
    try:
        layers = reading.layers(net)
    except RecursionError:
        raise ValueError(f"{owner}: net is nested too deeply to follow, or a module of it contains itself") from None
    model = Sequential(layers, input_size, seed, reading.dtype())
    reading.fill(model, net.training)
    return model


def torch_source(model: Sequential) -> str:
    """The network as PyTorch code that makes `net`, for print. Its weights: net.load_state_dict(to_torch(model).state_dict()).

    Raises ValueError for a layer that PyTorch does not have.

    >>> import npdeep as nd
    >>> layers = [nd.Dense(3, name="hidden1"), nd.Activation("relu"), nd.Dense(2, name="outputs")]
    >>> print(torch_source(nd.Sequential(layers, input_size=4)))
    from collections import OrderedDict
    <BLANKLINE>
    import torch
    from torch import Tensor, nn
    <BLANKLINE>
    net = nn.Sequential(OrderedDict([
        ("hidden1", nn.Linear(4, 3)),
        ("activation", nn.ReLU()),
        ("outputs", nn.Linear(3, 2)),
    ]))
    """
    owner = "torch_source"
    model = check_model(owner, model)
    call = refused(owner, model)
    lines = ["from collections import OrderedDict", "", "import torch", "from torch import Tensor, nn", ""]
    kinds = {type(layer).__name__ for layer in model.everything()}
    for name in BLOCKS:
        lines += ["", source_of(name), "", ""] if name in kinds else []
    lines.append(f"net = {call.written()}")
    if str(model.dtype) == "float64":
        lines.append("net.double()")
    return "\n".join(lines)


def as_module(model: Sequential) -> Any:
    """The model itself as a torch.nn.Module: a part of a larger network, or trained by an optimizer of PyTorch.

    Forward and backward passes are npdeep's. The weights are npdeep's too: the module's Parameters (and buffers, the moving
    statistics) are tensors on the same memory, named as in model.state_dict() but for dots, so that what either side writes in
    place the other has. What is put in their place instead (`parameter.data = …`, `to` another dtype or device,
    `load_state_dict(assign=True)`) is refused. A copy or a pickle of the module holds a copy of the model.

    module.train() and module.eval() choose the pass, model.forward(x, training=True or False); noise comes from the model's
    seed. requires_grad = False and model.freeze are one thing, the later call counts: batch normalization whose parameters are
    all frozen goes by its moving statistics. x is (n, input_size), of the model's dtype, on the CPU, scaled already.
    Penalties, constraints, clipping and learning-rate factors stay behind: they are the trainer's.

    The model keeps the arrays of one pass: backward goes through the last one, several times if need be, in its thread. Where
    another pass has been made since, it raises RuntimeError, as for derivatives of gradients (create_graph=True). For that
    `to_torch` makes a network of PyTorch.

    Raises TypeError where model is no Sequential, or x is no such tensor, ImportError where PyTorch is missing.

    >>> module = nd.interop.torch.as_module(trainer.model)  # doctest: +SKIP
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5), torch.nn.Flatten(), module)  # doctest: +SKIP
    >>> optimizer = torch.optim.Adam(net.parameters())  # doctest: +SKIP
    """
    owner = "as_module"
    model = check_model(owner, model)
    needed(owner, "torch", "torch")
    from npdeep.interop.torch_module import NpdeepModule

    return NpdeepModule(model)


def refused(owner: str, model: Sequential) -> Call:
    """The modules of all layers; an error that names the one which PyTorch lacks begins with the owner."""
    try:
        return sequential_of(model.layers)
    except ValueError as error:
        raise ValueError(f"{owner}: {error}") from None


def __getattr__(name: str) -> Any:
    """The modules of this package, where a pickle of a network looks for them."""
    if name in BLOCKS:
        needed(f"interop.torch.{name}", "torch", "torch")
        return blocks()[name]
    raise AttributeError(f"npdeep.interop.torch has no {name!r}; there are {', '.join(__all__)}")
