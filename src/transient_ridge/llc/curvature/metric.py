r"""The metric that a preconditioner gives the chains' steps: a symmetric positive G = U diag(scale) U^T.

Langevin dynamics with any fixed G has the same stationary law, up to the finite step. G changes how soon chains reach
that law, and how far apart draws must be to be independent.
"""

from dataclasses import dataclass, replace
from typing import Protocol

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
        """The same G for vectors that are 0 outside ``mask``."""
        return replace(self, mask=mask)

    def of_one(self) -> "Metric":
        """G of the first chain, if every chain has its own."""
        return replace(self, scale=self.scale[:1])

    def equals(self, other: "Metric") -> bool:
        """Whether both are the same G, in the same basis and for the same parameters."""
        same = self.basis is other.basis and self.mask is other.mask
        return same and torch.equal(self.scale, other.scale)

    def apply(self, vectors: Tensor) -> Tensor:
        """G v for every v of ``vectors`` (C, P)."""
        return self._free(self._vectors(self._scaled(vectors)))

    def root(self, eta: Tensor) -> Tensor:
        """Vectors (C, P) of covariance G from standard normal ``eta`` (C, P)."""
        # Standard normal numbers are standard normal in any orthonormal basis, so they need no turning first.
        return self._free(self._vectors(self.scale.sqrt() * eta))

    def root_transposed(self, vectors: Tensor) -> Tensor:
        """R^T v for every v of ``vectors`` (C, P), with R R^T = G the root that :meth:`root` applies."""
        return self.scale.sqrt() * self._coordinates(self._free(vectors))

    def move(self, drift: Tensor, eta: Tensor, epsilon: float) -> Tensor:
        """-(eps/2) G drift + sqrt(eps) G^(1/2) eta, all (C, P); the sum is turned back at once."""
        diffused = (epsilon * self.scale).sqrt() * eta
        return self._free(self._vectors(diffused.add_(self._scaled(drift), alpha=-epsilon / 2)))

    def typical(self) -> float:
        """The median of G over the free directions, since most are flat and make up the distance from w*."""
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


class Preconditioner(Protocol):
    """The source of G at one n beta and gamma, which an entry of :mod:`.preconditioners` makes."""

    def metric(self, gradient: Tensor) -> Metric:
        """G of this step, after seeing its ``gradient`` (C, P)."""
        ...


@dataclass(frozen=True)
class Fixed:
    """The same G in every step."""

    of_all: Metric

    def metric(self, gradient: Tensor) -> Metric:
        """G, for any gradient."""
        return self.of_all
