"""Adam for every parameter."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ...config.settings import TrainingSettings


def make(
    parameters: Mapping[str, Tensor],
    settings: TrainingSettings,
    stack_dims: int = 0,
) -> list[torch.optim.Optimizer]:
    """One optimiser for all ``parameters``."""
    return [adam(parameters.values(), settings)]


def adam(parameters: Iterable[Tensor], settings: TrainingSettings) -> torch.optim.Optimizer:
    """Adam at the rate and betas of ``settings``."""
    # `fused` is one kernel for all parameters; its arithmetic is Adam's.
    return torch.optim.Adam(
        list(parameters), lr=settings.learning_rate, betas=settings.betas, fused=True
    )
