"""Stacked models: parameters as flat vectors, losses and gradients of all models in one call."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from ..config.limits import CHUNK
from .transformer import Transformer


@torch.no_grad()
def predict(model: Transformer, x: Tensor, y: Tensor) -> Tensor:
    """Predictions (B, K), float32, for ``x`` (B, K, D) and ``y`` (B, K), :data:`CHUNK` sequences at a time."""
    chunks = zip(torch.split(x, CHUNK), torch.split(y, CHUNK), strict=True)
    return torch.cat([model(*chunk) for chunk in chunks])


@dataclass(frozen=True)
class Layout:
    """Positions of named parameters in a flat vector of all of them."""

    shapes: tuple[tuple[str, torch.Size], ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Tensor]) -> "Layout":
        """The layout of ``parameters``, in their order."""
        return cls(tuple((name, parameter.shape) for name, parameter in parameters.items()))

    @property
    def size(self) -> int:
        """P, the number of all parameters."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    def flatten(self, parameters: Mapping[str, Tensor], stack_dims: int = 0) -> Tensor:
        """A tensor (..., P) from parameters whose first ``stack_dims`` axes index models."""
        return torch.cat([parameters[name].flatten(stack_dims) for name, _ in self.shapes], dim=-1)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Every parameter (..., *shape) as a view of ``flat`` (..., P)."""
        pieces = torch.split(flat, [math.prod(shape) for _, shape in self.shapes], dim=-1)
        return {
            name: piece.reshape(*piece.shape[:-1], *shape)
            for (name, shape), piece in zip(self.shapes, pieces, strict=True)
        }


def squared_errors(
    model: Transformer, parameters: Mapping[str, Tensor], x: Tensor, y: Tensor
) -> Tensor:
    """Squared errors (C, B, K) of C stacked models, each on its own sequences.

    ``parameters`` have a leading axis C; ``x`` is (C, B, K, D) and ``y`` (C, B, K).
    """

    def one(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        predictions: Tensor = functional_call(model, parameters, (x, y))
        return (predictions - y).square()

    errors: Tensor = vmap(one)(dict(parameters), x, y)
    return errors


def errors_and_gradient(
    model: Transformer, layout: Layout, flat: Tensor, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Squared errors (C, B, K), and the gradient (C, P) of each model's mean of them.

    ``flat`` (C, P) holds the stacked parameters in ``layout``.
    """
    # Views that are leaves: differentiating with respect to `flat` itself would add up one vector of zeros per
    # parameter on the way back.
    leaves = {name: view.detach().requires_grad_() for name, view in layout.views(flat).items()}
    errors = squared_errors(model, leaves, x, y)
    # The sum of the models' means, because no model's loss depends on another's parameters.
    gradients = torch.autograd.grad(errors.flatten(1).mean(dim=1).sum(), list(leaves.values()))
    named = dict(zip(leaves, gradients, strict=True))
    return errors.detach(), layout.flatten(named, stack_dims=1)
