"""Muon for the blocks' hidden matrices, Adam for the rest."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...config.section import Positive, Section, key
from ...config.settings import TrainingSettings
from .. import part_rates
from .adam import adam

# Quintic Newton-Schulz coefficients of Muon (Keller Jordan, 2024), the defaults of torch.optim.Muon.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


class Muon(torch.optim.Optimizer):
    """Muon: momentum whose matrices are orthogonalised by a Newton-Schulz iteration in float32.

    The same update as ``torch.optim.Muon`` (nesterov, original rate adjustment, no weight decay), except that the
    latter iterates in bfloat16, which a CPU without bfloat16 units emulates at twenty times the cost. Parameters are
    matrices or stacks of matrices; one batched product orthogonalises all of one shape. Each matrix is split along its
    rows into the ``parts`` of its group.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        momentum: float = 0.95,
        eps: float = 1e-7,
        parts: int = 1,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "eps": eps, "parts": parts})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in by_shape.items():
                self._step_shape(shape, parameters, group)

    def _step_shape(
        self, shape: torch.Size, parameters: list[Tensor], group: dict[str, Any]
    ) -> None:
        gradients: list[Tensor] = [p.grad for p in parameters if p.grad is not None]
        momenta: list[Tensor] = []
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
            momenta.append(state["momentum_buffer"])
        momentum, parts = group["momentum"], group["parts"]
        torch._foreach_lerp_(momenta, gradients, 1 - momentum)
        nesterov = torch.stack(
            [g.lerp(m, momentum) for g, m in zip(gradients, momenta, strict=True)]
        )
        matrices = nesterov.reshape(*nesterov.shape[:-2], parts, shape[-2] // parts, shape[-1])
        updates = orthogonalise(matrices, group["eps"]).reshape(nesterov.shape).unbind()
        rate = group["lr"] * math.sqrt(max(1.0, shape[-2] // parts / shape[-1]))
        torch._foreach_add_(parameters, list(updates), alpha=-rate)


def orthogonalise(matrices: Tensor, eps: float) -> Tensor:
    """Approximate polar factor of every matrix of a stack (..., m, n) by five Newton-Schulz steps."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    shape = matrices.shape
    X = (matrices.mT if tall else matrices).flatten(0, -3)
    X = X / X.flatten(-2).norm(dim=-1).clamp(min=eps)[..., None, None]
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = X @ X.mT
        X = torch.baddbmm(X, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), X, beta=a)
    return (X.mT if tall else X).reshape(shape)


class Options(Section):
    """How Muon treats the hidden matrices."""

    learning_rate: Positive = key("Muon's learning rate.")
    split_qkv: bool = key("Takes Q, K and V for three matrices rather than for one.")


def make(
    parameters: Mapping[str, Tensor],
    settings: TrainingSettings,
    stack_dims: int = 0,
    *,
    options: Options,
) -> list[torch.optim.Optimizer]:
    """Adam, and Muon unless the model has no hidden matrices."""
    hidden = {
        name
        for name, p in parameters.items()
        if name.startswith("blocks.") and p.ndim - stack_dims == 2
    }
    optimisers = [adam({n: p for n, p in parameters.items() if n not in hidden}, settings)]
    if hidden:
        fused = {n for n in hidden if options.split_qkv and n.endswith(".qkv.weight")}
        rates = (options.learning_rate, settings.rate_multipliers)
        whole = {n: p for n, p in parameters.items() if n in hidden - fused}
        stacked = {n: p for n, p in parameters.items() if n in fused}
        groups = [group | {"parts": 1} for group in part_rates.groups(whole, *rates)]
        groups += [group | {"parts": 3} for group in part_rates.groups(stacked, *rates)]
        optimisers.append(Muon(groups))
    return optimisers
