"""The posterior's variance per weight: G = (n beta h + gamma)^-1, h the curvature's diagonal where the chains are."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..curvature.kronecker import diagonal
from ..curvature.metric import Metric, Preconditioner
from ..target import Target

NATURAL_STEP = True


class Diagonal(Preconditioner):
    """G along the weights' own axes, the same for all chains."""

    def __init__(self, target: Target, n_beta: float) -> None:
        self.target, self.n_beta = target, n_beta

    def refresh(self, positions: Tensor, gamma: float) -> None:
        """Measure the curvature at ``positions``."""
        h = diagonal(self.target.curvature_samples(positions, part=0))
        self._metric = Metric((1 / (self.n_beta * h + gamma)).to(positions)[None])

    def metric(self, gradient: Tensor) -> Metric:
        """What was measured last."""
        return self._metric


def make(target: Target, n_beta: float) -> Preconditioner:
    """One number per parameter."""
    return Diagonal(target, n_beta)


def devinterp(groups: list[dict[str, Any]], shared: Mapping[str, Any], metric: Metric) -> Any:
    """devinterp's SGMCMC with one fixed scale per parameter."""
    # Seconds of packages.
    from devinterp.optim import SGMCMC  # noqa: PLC0415
    from devinterp.optim.preconditioner import Preconditioner as Theirs  # noqa: PLC0415
    from devinterp.optim.preconditioner import PreconditionerCoefs  # noqa: PLC0415
    from devinterp.optim.prior import GaussianPrior  # noqa: PLC0415

    scale = metric.scale[0]

    class Fixed(Theirs):  # type: ignore[misc]
        def get_coefficients(self, param: Any, grad: Any, state: Any) -> Any:
            return PreconditionerCoefs(scale, scale, scale.sqrt(), 1.0)

    return SGMCMC(
        groups,
        lr=shared["lr"],
        nbeta=shared["nbeta"],
        prior=GaussianPrior(localization=shared["localization"], center="initial"),
        preconditioner=Fixed(),
    )
