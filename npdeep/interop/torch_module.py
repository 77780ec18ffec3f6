"""A network of npdeep as a module of PyTorch: forward and backward are npdeep's, the rest of the graph is PyTorch's.

It imports PyTorch; `npdeep.interop.torch.as_module` imports this module when it is called.
"""

import copy
from typing import Any

import torch

from npdeep.models.sequential import Sequential

OLD_PASS = (
    "as_module: backward through a pass that is not the model's last one, whose arrays are gone; call backward before the next "
    "forward (or predict), or pass all rows at once: module(torch.cat([a, b]))"
)
TWICE = (
    "as_module: create_graph=True asks for the derivative of a gradient, and npdeep's backward pass has none; "
    "nd.interop.torch.to_torch(model) makes a network of PyTorch that has"
)
ELSEWHERE = "lies no longer in the memory of npdeep's model; write into it: with torch.no_grad(): parameter.copy_(numbers)"


class Pass(torch.autograd.Function):
    """One pass through the model, and back."""

    @staticmethod
    def forward(ctx: Any, module: Any, x: Any, *tensors: Any) -> Any:
        """The outputs, a copy of npdeep's. What is saved is asked for in backward: PyTorch sees then whether it changed."""
        with module.model.lock:
            outputs = module.model.forward(x.detach().numpy(), training=module.training).copy()
            ctx.number = module.model.passes
        ctx.module = module
        ctx.save_for_backward(x, *tensors)
        return torch.from_numpy(outputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        """The gradients of x and of all parameters, copies of npdeep's."""
        if torch.is_grad_enabled():
            raise RuntimeError(TWICE)
        ctx.saved_tensors                # noqa: B018  raises where one of them was written to after the pass
        model = ctx.module.model
        with model.lock:
            if model.passes != ctx.number:
                raise RuntimeError(OLD_PASS)
            grad_input = model.backward(grad_output.numpy(), input_gradient=ctx.needs_input_grad[1])
            inputs = None if grad_input is None else torch.from_numpy(grad_input.copy())
            grads = [torch.from_numpy(p.grad.copy()) if p.trainable else None for p, _ in ctx.module.pairs]
        return None, inputs, *grads


class NpdeepModule(torch.nn.Module):
    """What `as_module` makes.

    Attributes:
        model: npdeep's.
        pairs: its parameters with a gradient, and the tensors on the same numbers.
        tensors: the same tensors by their names in PyTorch.
        trained: which of them were trained in the last pass.
    """

    def __init__(self, model: Sequential) -> None:
        super().__init__()
        self.model = model
        self.pairs: list[tuple[Any, Any]] = []
        for p in model.parameters:
            name, numbers = p.name.replace(".", "_"), torch.from_numpy(p.value)    # PyTorch keeps dots for itself
            while name in {**self._parameters, **self._buffers}:
                name += "_"
            if p.has_grad:
                self.register_parameter(name, torch.nn.Parameter(numbers, requires_grad=p.trainable))
                self.pairs.append((p, self.get_parameter(name)))
            else:
                self.register_buffer(name, numbers)
        self.tensors = list(self._parameters.items())
        self.trained = [p.trainable for p, _ in self.pairs]

    def forward(self, x: Any) -> Any:
        """The outputs (n, output_size) for rows (n, input_size) of the model's dtype."""
        dtype = getattr(torch, str(self.model.dtype))
        if not isinstance(x, torch.Tensor) or x.dtype != dtype or x.device.type != "cpu" or x.is_sparse:
            tensor = isinstance(x, torch.Tensor)
            if tensor and x.is_sparse:
                raise TypeError("as_module: x must be a dense tensor, got a sparse one; x.to_dense()")
            got = f"{x.dtype} on {x.device}; x.to('cpu', {dtype})" if tensor else f"a {type(x).__name__}; torch.tensor(x)"
            raise TypeError(f"as_module: x must be a tensor of {dtype} on the CPU, as the model is, got {got}")
        self.synchronize()
        return Pass.apply(self, x, *(tensor for _, tensor in self.pairs))

    def synchronize(self) -> None:
        """Freeze in one what was frozen in the other since the last pass. Raises where a tensor lies elsewhere by now."""
        for k, ((p, tensor), (name, _)) in enumerate(zip(self.pairs, self.tensors, strict=True)):
            if tensor is not self._parameters.get(name) or tensor.data_ptr() != p.value.ctypes.data:
                raise RuntimeError(f"as_module: the parameter {p.name} {ELSEWHERE}")
            if tensor.requires_grad != self.trained[k]:
                p.trainable = tensor.requires_grad
            elif p.trainable != self.trained[k]:
                tensor.requires_grad_(p.trainable)
            self.trained[k] = p.trainable

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """`to`, `double`, `cuda`, …: they may leave everything where it is."""
        for tensor in [*self.parameters(), *self.buffers()]:
            probe = fn(tensor.detach().clone())
            if probe.dtype != tensor.dtype or probe.device != tensor.device or probe.is_shared():
                become = "be shared" if probe.is_shared() else f"become {probe.dtype} on {probe.device}"
                raise RuntimeError(
                    f"as_module: the weights are npdeep's, {tensor.dtype} in its memory, and cannot {become}; make the "
                    "module of model.copy(dtype), or a network of PyTorch by to_torch(model)"
                )
        return self

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *further: Any) -> None:
        """Numbers are copied; tensors cannot be put in the place of npdeep's."""
        if local_metadata.get("assign_to_params_buffers", False):
            reason = "assign=True takes the weights out of npdeep's memory; write load_state_dict(state)"
            raise RuntimeError(f"as_module: {reason}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *further)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A module around a copy of the model."""
        self.synchronize()
        memo[id(self)] = twin = type(self)(copy.deepcopy(self.model, memo))
        return twin.train(self.training)

    def __reduce__(self) -> Any:
        """A pickle holds the model."""
        from npdeep.interop.torch import as_module

        self.synchronize()
        return as_module, (self.model,), {"training": self.training}

    def extra_repr(self) -> str:
        """The model in one line."""
        return repr(self.model)
