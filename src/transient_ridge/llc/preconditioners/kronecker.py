"""The posterior's variance in a Kronecker eigenbasis: G = U (n beta h + gamma)^-1 U^T, measured where the chains are.

As far as the curvature is diagonal in that basis, every direction relaxes in about 2 / eps steps.
"""

from torch import Tensor

from ..curvature.kronecker import KroneckerBasis, diagonal, kronecker_basis
from ..curvature.metric import Fixed, Metric, Preconditioner
from ..target import Target

NATURAL_STEP = True


def measure(target: Target, positions: Tensor) -> tuple[KroneckerBasis, Tensor]:
    """The basis at ``positions`` (C, P), and the curvature (P,) along it, from separate draws."""
    basis = kronecker_basis(target.layout, target.curvature_samples(positions, part=0))
    return basis, diagonal(target.curvature_samples(positions, part=1), basis)


def make(measured: tuple[KroneckerBasis, Tensor], n_beta: float, gamma: float) -> Preconditioner:
    """G along the axes of the basis, the same for all chains."""
    basis, h = measured
    return Fixed(Metric((1 / (n_beta * h + gamma)).to(basis.left[0])[None], basis))
