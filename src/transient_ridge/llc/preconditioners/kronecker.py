"""The posterior's variance in a Kronecker eigenbasis: G = U (n beta h + gamma)^-1 U^T, measured where the chains are.

Every direction relaxes in about 2 / eps steps, as far as the curvature is diagonal in that basis.
"""

from torch import Tensor

from ..curvature.kronecker import diagonal, kronecker_basis
from ..curvature.metric import Metric, Preconditioner
from ..target import Target

NATURAL_STEP = True


class Kronecker(Preconditioner):
    """G along the axes of the basis, the same for all chains."""

    def __init__(self, target: Target, n_beta: float) -> None:
        self.target, self.n_beta = target, n_beta

    def refresh(self, positions: Tensor, gamma: float) -> None:
        """Measure basis and curvature at ``positions``, with draws of their own each."""
        basis = kronecker_basis(
            self.target.layout, self.target.curvature_samples(positions, part=0)
        )
        h = diagonal(self.target.curvature_samples(positions, part=1), basis)
        self._metric = Metric((1 / (self.n_beta * h + gamma)).to(positions)[None], basis)

    def metric(self, gradient: Tensor) -> Metric:
        """What was measured last."""
        return self._metric


def make(target: Target, n_beta: float) -> Preconditioner:
    """One basis for all chains."""
    return Kronecker(target, n_beta)
