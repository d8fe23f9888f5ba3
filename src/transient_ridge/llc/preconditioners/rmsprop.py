"""RMSProp: G is the inverse root of each chain's running mean of squared gradients, as in devinterp.

G follows the chains during sampling, so they sample the posterior only as far as G varies slowly.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..curvature.metric import Metric, Preconditioner
from ..target import Target

NATURAL_STEP = False

# Decay of the mean squared gradient, and the term added to its root (devinterp's defaults).
DECAY = 0.99
FLOOR = 0.1


class RmsProp:
    """The running scale of each chain's gradient."""

    def __init__(self) -> None:
        self.mean_square: Tensor | None = None

    def metric(self, gradient: Tensor) -> Metric:
        """G along the weights' own axes, one for each chain."""
        if self.mean_square is None:
            self.mean_square = torch.zeros_like(gradient)
        self.mean_square.lerp_(gradient.square(), 1 - DECAY)
        return Metric(1 / (self.mean_square.sqrt() + FLOOR))


def measure(target: Target, positions: Tensor) -> None:
    """Nothing, because the chains' own gradients suffice."""


def make(measured: None, n_beta: float, gamma: float) -> Preconditioner:
    """One scale per chain and parameter."""
    return RmsProp()


def devinterp(groups: list[dict[str, Any]], shared: Mapping[str, Any], metric: Metric) -> Any:
    """devinterp's RMSProp-SGLD."""
    from devinterp.optim import SGMCMC  # noqa: PLC0415 - seconds of packages

    return SGMCMC.rmsprop_sgld(groups, alpha=DECAY, eps=FLOOR, **shared)
