"""No preconditioner: G = 1, eps in units of weight^2."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..curvature.metric import Fixed, Metric, Preconditioner
from ..target import Target

NATURAL_STEP = False


def measure(target: Target, positions: Tensor) -> Tensor:
    """G = 1, as (1, 1) in the precision of the weights; no curvature is measured."""
    return torch.ones_like(positions[:1, :1])


def make(measured: Tensor, n_beta: float, gamma: float) -> Preconditioner:
    """G = 1."""
    return Fixed(Metric(measured))


def devinterp(groups: list[dict[str, Any]], shared: Mapping[str, Any], metric: Metric) -> Any:
    """devinterp's plain SGLD."""
    from devinterp.optim import SGMCMC  # noqa: PLC0415 - seconds of packages

    return SGMCMC.sgld(groups, **shared)
