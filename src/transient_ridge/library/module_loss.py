"""The loss of any module on data: its value on every sample, and its second derivative in the module's outputs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree

from ..errors import InputError
from ..llc.curvature.gauss_newton import Over

#: ``outputs``: loss(outputs, targets), with data (inputs, targets); ``module``: loss(module, batch).
LossOf = Literal["outputs", "module"]
Loss = Callable[[Any, Any], Tensor]
Parameters = Mapping[str, Tensor]


class ModuleLoss:
    """The loss of ``module``, a mean over samples, as a function of named parameters and the parts of a batch.

    The *parts* of a batch are a tuple of tensors whose first axis counts the samples.
    """

    def __init__(self, module: nn.Module, loss: Loss, data: Any, loss_of: LossOf) -> None:
        """``data`` is a tuple, list or mapping of tensors: the inputs and the targets if ``loss_of`` is outputs."""
        self.module, self.loss_of, self._loss = module, loss_of, loss
        leaves, self._structure = pytree.tree_flatten(data)
        #: All samples.
        self.data: tuple[Tensor, ...] = tuple(leaves)
        #: How to map the module, and the loss given its outputs, over several arguments.
        self.over_modules: Over = vmap
        self.over_losses: Over = vmap

    @property
    def size(self) -> int:
        """n, the number of samples."""
        return len(self.data[0])

    @property
    def free(self) -> dict[str, Tensor]:
        """The parameters that move, by name."""
        return {n: p.detach() for n, p in self.module.named_parameters() if p.requires_grad}

    def outputs(self, parameters: Parameters, *parts: Tensor) -> Tensor:
        """The module's outputs (B, ...) on a batch."""
        batch = self._batch(parts)
        if self.loss_of == "outputs":
            found: Tensor = functional_call(self.module, dict(parameters), (batch[0],))
            return found
        calls = _Calls(lambda *args, **kw: functional_call(self.module, dict(parameters), args, kw))
        self._loss(calls, batch)
        if len(calls.found) != 1:
            raise InputError(
                f"loss: calls the module {len(calls.found)} times; must call it once, as in "
                "loss(module, batch) = criterion(module(batch[0]), batch[1])"
            )
        (only,) = calls.found
        return only

    def of_outputs(self, outputs: Tensor, *parts: Tensor) -> Tensor:
        """The loss, a scalar, of a batch whose ``outputs`` are known."""
        batch = self._batch(parts)
        if self.loss_of == "outputs":
            return self._loss(outputs, batch[1])
        return self._loss(_Calls(lambda *args, **kw: outputs), batch)

    def output(self, parameters: Parameters, *parts: Tensor) -> Tensor:
        """The module's output on one sample."""
        return self.outputs(parameters, *(part[None] for part in parts))[0]

    def each(self, outputs: Tensor, *parts: Tensor) -> Tensor:
        """The loss (B,) of every sample."""

        def of_one(output: Tensor, *one: Tensor) -> Tensor:
            return self.of_outputs(output[None], *(part[None] for part in one))

        return self.over_losses(of_one)(outputs, *parts)

    def losses(self, parameters: Parameters, *parts: Tensor) -> Tensor:
        """The loss (B,) of every sample, given the parameters."""
        return self.each(self.outputs(parameters, *parts), *parts)

    def bend(self, outputs: Tensor, *parts: Tensor) -> Callable[[Tensor], Tensor]:
        """u -> B u, like ``outputs`` (B, ...), with B the second derivative of every sample's loss in its output."""
        leaf = outputs.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.each(leaf, *parts).sum(), leaf, create_graph=True)

        def bent(change: Tensor) -> Tensor:
            if not slope.requires_grad:  # the loss is linear in the outputs
                return torch.zeros_like(change)
            (found,) = torch.autograd.grad(
                slope, leaf, change, retain_graph=True, materialize_grads=True
            )
            return found

        return bent

    def _batch(self, parts: Sequence[Tensor]) -> Any:
        return pytree.tree_unflatten(list(parts), self._structure)


class _Calls:
    """Stands in for the module in loss(module, batch): answers calls, and keeps the answers."""

    def __init__(self, answer: Callable[..., Tensor]) -> None:
        self._answer = answer
        self.found: list[Tensor] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        self.found.append(self._answer(*args, **kwargs))
        return self.found[-1]

    def __getattr__(self, name: str) -> Any:
        raise InputError(
            f"loss: uses module.{name}; may only call the module: wrap it in another whose output is all "
            "that the loss needs"
        )


def looped(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Map ``function`` over the first axis of its arguments in a loop, where vmap cannot, such as for nn.GRU."""

    def over(*arguments: Any) -> Tensor:
        leaves, structure = pytree.tree_flatten(arguments)
        rows = zip(*(leaf.unbind() for leaf in leaves), strict=True)
        return torch.stack([function(*pytree.tree_unflatten(list(row), structure)) for row in rows])

    return over


@contextmanager
def differentiable() -> Iterator[None]:
    """Use attention kernels that can be differentiated twice."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
