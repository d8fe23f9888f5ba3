"""Adam for every parameter."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...config.settings import TrainingSettings
from .. import part_rates


def make(
    parameters: Mapping[str, Tensor],
    settings: TrainingSettings,
    stack_dims: int = 0,
) -> list[torch.optim.Optimizer]:
    """One optimiser for all ``parameters``."""
    return [adam(parameters, settings)]


def adam(parameters: Mapping[str, Tensor], settings: TrainingSettings) -> torch.optim.Optimizer:
    """Adam at the rates and betas of ``settings``."""
    # `fused` is one kernel for all parameters; its arithmetic is Adam's.
    return torch.optim.Adam(
        part_rates.groups(parameters, settings.learning_rate, settings.rate_multipliers),
        betas=settings.betas, fused=True,
    )  # fmt: skip
