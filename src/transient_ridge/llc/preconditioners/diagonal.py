"""The posterior's variance per weight: G = (n beta h + gamma)^-1, h the curvature's diagonal where the chains are."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..curvature.kronecker import diagonal
from ..curvature.metric import Fixed, Metric, Preconditioner
from ..target import Target

NATURAL_STEP = True


def measure(target: Target, positions: Tensor) -> Tensor:
    """The curvature (P,) at ``positions`` (C, P) along the weights' own axes."""
    return diagonal(target.curvature_samples(positions, part=0)).to(positions)


def make(measured: Tensor, n_beta: float, gamma: float) -> Preconditioner:
    """One number per parameter, the same for all chains."""
    return Fixed(Metric((1 / (n_beta * measured + gamma))[None]))


def devinterp(groups: list[dict[str, Any]], shared: Mapping[str, Any], metric: Metric) -> Any:
    """devinterp's SGMCMC with one fixed scale per parameter."""
    # These packages take seconds to import.
    from devinterp.optim import SGMCMC  # noqa: PLC0415
    from devinterp.optim.preconditioner import Preconditioner as Theirs  # noqa: PLC0415
    from devinterp.optim.preconditioner import PreconditionerCoefs  # noqa: PLC0415
    from devinterp.optim.prior import GaussianPrior  # noqa: PLC0415

    scale = metric.scale[0]

    class OneScale(Theirs):  # type: ignore[misc]
        def get_coefficients(self, param: Any, grad: Any, state: Any) -> Any:
            return PreconditionerCoefs(scale, scale, scale.sqrt(), 1.0)

    return SGMCMC(
        groups,
        lr=shared["lr"],
        nbeta=shared["nbeta"],
        prior=GaussianPrior(localization=shared["localization"], center="initial"),
        preconditioner=OneScale(),
    )
