"""Gradient descent on minibatches, with optional momentum."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...config.section import Decay, Section, key
from ...config.settings import TrainingSettings
from .. import part_rates


class Options(Section):
    """How much of the last update stays."""

    momentum: Decay = key("Share of the sum of earlier gradients that stays; 0 for plain descent.")


def make(
    parameters: Mapping[str, Tensor],
    settings: TrainingSettings,
    stack_dims: int = 0,
    *,
    options: Options,
) -> list[torch.optim.Optimizer]:
    """One optimiser for all ``parameters``, at `training.learning_rate`."""
    groups = part_rates.groups(parameters, settings.learning_rate, settings.rate_multipliers)
    return [torch.optim.SGD(groups, momentum=options.momentum)]
