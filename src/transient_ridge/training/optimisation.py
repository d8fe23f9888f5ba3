"""Optimisers and learning rates of a run or of a stack of runs."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ..config.registries import OPTIMISERS, SCHEDULES
from ..config.settings import TrainingSettings


def make_optimisers(
    parameters: Mapping[str, Tensor], settings: TrainingSettings, stack_dims: int = 0
) -> list[torch.optim.Optimizer]:
    """The optimisers that ``training.optimiser`` names.

    ``stack_dims`` counts the leading axes of every parameter that index runs rather than weights.
    """
    optimisers: list[torch.optim.Optimizer] = OPTIMISERS.function(settings.optimiser, "make")(
        parameters, settings, stack_dims
    )
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
    """Give every parameter group the rate of this step."""
    factor = rate_factor(settings, step)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * factor


def clip_gradients(parameters: Iterable[Tensor], limit: float | None) -> None:
    """Scale all gradients down together so that their joint norm is at most ``limit``."""
    if limit is not None:
        torch.nn.utils.clip_grad_norm_(parameters, limit)
