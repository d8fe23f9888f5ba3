"""No preconditioner: G = 1, eps in units of weight^2."""

from collections.abc import Mapping
from typing import Any

from ..curvature.metric import Metric, Preconditioner
from ..target import Target

NATURAL_STEP = False


def make(target: Target, n_beta: float) -> Preconditioner:
    """G = 1."""
    return Preconditioner()


def devinterp(groups: list[dict[str, Any]], shared: Mapping[str, Any], metric: Metric) -> Any:
    """devinterp's plain SGLD."""
    from devinterp.optim import SGMCMC  # noqa: PLC0415 - seconds of packages

    return SGMCMC.sgld(groups, **shared)
