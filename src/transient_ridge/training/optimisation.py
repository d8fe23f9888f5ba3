"""Optimisers and learning rates of a run or of a stack of runs."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..config.registries import OPTIMISERS, SCHEDULES
from ..config.settings import TrainingSettings
from . import part_rates


def make_optimisers(
    parameters: Mapping[str, Tensor], settings: TrainingSettings, stack_dims: int = 0
) -> list[torch.optim.Optimizer]:
    """Make the optimisers that ``training.optimiser`` names.

    ``stack_dims`` counts the leading axes of every parameter that index runs rather than weights. Raises ConfigError if
    a rate is set for a part that the model lacks.
    """
    optimisers: list[torch.optim.Optimizer] = OPTIMISERS.function(settings.optimiser, "make")(
        parameters, settings, stack_dims
    )
    part_rates.check(parameters, settings.rate_multipliers)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["base_lr"] = group["lr"]
    return optimisers


def rate_factor(settings: TrainingSettings, step: int) -> float:
    """Multiple of the base learning rate used by the update that leads to ``step + 1``."""
    return float(SCHEDULES.function(settings.schedule, "factor")(settings, step))


def set_rates(
    optimisers: list[torch.optim.Optimizer], settings: TrainingSettings, step: int
) -> None:
    """Set the rate of every parameter group for this step."""
    factor = rate_factor(settings, step)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * factor


def gradient_norms(gradients: Sequence[Tensor], stack_dims: int = 0) -> Tensor:
    """Joint norm of each run's gradients: of shape (R,) with one axis of runs, a scalar without."""
    norms = [torch.linalg.vector_norm(g, dim=tuple(range(stack_dims, g.ndim))) for g in gradients]
    joint: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    return joint


def clip(gradients: Sequence[Tensor], norms: Tensor, limit: float) -> None:
    """Scale each run's gradients down together, so that their joint norm, now ``norms``, is at most ``limit``."""
    shrink = (limit / (norms + 1e-6)).clamp(max=1)  # as torch.nn.utils.clip_grad_norm_ does
    for gradient in gradients:
        gradient.mul_(shrink.reshape(*shrink.shape, *[1] * (gradient.ndim - shrink.ndim)))
