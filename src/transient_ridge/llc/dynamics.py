r"""What moves the chains: the potential and the metric of a step.

The chains sample the local Gibbs posterior around w* (arXiv 2501.17745, section 'LLC'; Lau et al. 2023),

    p(w | w*)  proportional to  exp(-U(w)),    U(w) = n beta l_n(w) + gamma/2 |w - w*|^2,

by steps that use grad U on one minibatch and a metric G (:mod:`.preconditioners`).
"""

from typing import NamedTuple, Protocol

from torch import Tensor

from ..config.settings import SgldSettings
from .curvature.metric import Metric


class Dynamics(NamedTuple):
    """What a step depends on besides the positions of the chains."""

    centre: Tensor  # (P,), w*
    settings: SgldSettings
    n_beta: float  # multiplies the loss
    gamma: float  # of this stage of the burn-in, or of the draws
    metric: Metric  # G of this step

    def drift(self, positions: Tensor, gradient: Tensor) -> Tensor:
        """The gradient (C, P) of U at ``positions`` (C, P), given that of the loss."""
        pull = (positions - self.centre).mul_(self.gamma)
        return pull.add_(gradient, alpha=self.n_beta)

    def langevin(self, positions: Tensor, gradient: Tensor, eta: Tensor) -> Tensor:
        """w - (eps/2) G grad U + sqrt(eps) G^(1/2) eta: a step of plain Langevin dynamics, all (C, P)."""
        drift = self.drift(positions, gradient)
        return positions + self.metric.move(drift, eta, self.settings.epsilon)


class State(Protocol):
    """What a sampler carries from step to step: a NamedTuple with at least this field."""

    @property
    def positions(self) -> Tensor:
        """(C, P)."""
        ...
