r"""What a preconditioner makes of the chains' steps: a symmetric positive G = U diag(scale) U^T.

Langevin dynamics with any fixed G has the same stationary law, up to the finite step; what G changes is how soon the
law is reached and how far apart draws must be to be independent.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .kronecker import KroneckerBasis


@dataclass(frozen=True)
class Metric:
    """G of one step, restricted to the parameters that ``mask`` leaves free."""

    scale: Tensor  # broadcasts to (C, P): along the axes of `basis`
    basis: KroneckerBasis | None = None  # None: the weights' own axes
    mask: Tensor | None = None  # (P,) of zeros and ones

    def masked(self, mask: Tensor | None) -> "Metric":
        """The same G between vectors that are 0 outside ``mask``."""
        return replace(self, mask=mask)

    def apply(self, vectors: Tensor) -> Tensor:
        """G v for every v of ``vectors`` (C, P)."""
        return self._free(self._vectors(self._scaled(vectors)))

    def root(self, eta: Tensor) -> Tensor:
        """Vectors (C, P) of covariance G from standard normal ``eta`` (C, P)."""
        # Standard normal numbers are so in any orthonormal basis: there is no need to turn them first.
        return self._free(self._vectors(self.scale.sqrt() * eta))

    def move(self, drift: Tensor, eta: Tensor, epsilon: float) -> Tensor:
        """-(eps/2) G drift + sqrt(eps) G^(1/2) eta, all (C, P), turning the sum of both back at once."""
        diffused = (epsilon * self.scale).sqrt() * eta
        return self._free(self._vectors(diffused.add_(self._scaled(drift), alpha=-epsilon / 2)))

    def typical(self) -> float:
        """The median of G over the free directions: most directions are flat, and the distance from w* is theirs."""
        scale = self.scale
        if self.mask is not None and self.basis is None and scale.numel() > 1:
            scale = scale[..., self.mask > 0]
        return float(scale.median())

    def _scaled(self, vectors: Tensor) -> Tensor:
        """G v along the axes of the basis, not yet turned back."""
        return self.scale * self._coordinates(self._free(vectors))

    def _free(self, vectors: Tensor) -> Tensor:
        return vectors if self.mask is None else vectors * self.mask

    def _coordinates(self, vectors: Tensor) -> Tensor:
        return vectors if self.basis is None else self.basis.coordinates(vectors)

    def _vectors(self, coordinates: Tensor) -> Tensor:
        return coordinates if self.basis is None else self.basis.vectors(coordinates)


class Preconditioner:
    """How G comes about; entries of :mod:`.preconditioners` override what they need."""

    def refresh(self, positions: Tensor, gamma: float) -> None:
        """Take note of where the chains are, (C, P), and of gamma, at the start of a stage of the burn-in."""

    def metric(self, gradient: Tensor) -> Metric:
        """G of this step, after seeing its ``gradient`` (C, P)."""
        return Metric(torch.ones_like(gradient[:1, :1]))
