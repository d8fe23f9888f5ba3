r"""Kronecker-factored eigenbases of a second-moment matrix of the weights, and its diagonal in them.

A P x P second-moment matrix H = E[v v^T] is known only by draws of v (see :mod:`.gauss_newton`). For each parameter
matrix W the basis is the eigenbasis of E[V V^T] x E[V^T V], V the part of v that belongs to W, and the diagonal of H in
that basis corrects the eigenvalues (George et al., 'Fast approximate natural gradient descent in a Kronecker-factored
eigenbasis', 2018). The diagonal is exact for these draws; by Schur and Horn it is less spread than the eigenvalues.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...model.functional import Layout

#: A longer axis, such as a vocabulary, keeps its own basis, because another would be too costly to find and to apply.
LONGEST = 2048


@dataclass(frozen=True)
class KroneckerBasis:
    """An orthonormal basis of the weights: per parameter, the product of a basis of its rows and one of its columns.

    A vector counts as a matrix of one row. The columns of ``left`` (m, m) and ``right`` (n, n) are the bases for a
    parameter (m, n); a long axis that keeps its own has (1, 1).
    """

    layout: Layout
    left: tuple[Tensor, ...]
    right: tuple[Tensor, ...]

    def coordinates(self, vectors: Tensor) -> Tensor:
        """Coordinates (..., P) in this basis of ``vectors`` (..., P)."""
        return self._rotate(vectors, [u.mT for u in self.left], self.right)

    def vectors(self, coordinates: Tensor) -> Tensor:
        """The inverse of :meth:`coordinates`."""
        return self._rotate(coordinates, self.left, [v.mT for v in self.right])

    def _rotate(self, flat: Tensor, left: Iterable[Tensor], right: Iterable[Tensor]) -> Tensor:
        turned = []
        for part, u, v in zip(_matrices(self.layout, flat), left, right, strict=True):
            columns = part @ v if len(v) > 1 else part
            turned.append((u @ columns if len(u) > 1 else columns).flatten(-2))
        return torch.cat(turned, dim=-1)


def kronecker_basis(layout: Layout, samples: Iterable[Tensor]) -> KroneckerBasis:
    """The basis from ``samples``, chunks (b, P) of independent draws of v. Raises FloatingPointError if not finite."""
    factors = [tuple(torch.zeros(1, 1) for _ in range(2)) for _ in layout.shapes]
    for chunk in samples:
        factors = [
            (rows.to(part) + _gram(part.mT), columns.to(part) + _gram(part))
            for (rows, columns), part in zip(factors, _matrices(layout, chunk), strict=True)
        ]
    return KroneckerBasis(
        layout,
        tuple(_eigenbasis(rows) for rows, _ in factors),
        tuple(_eigenbasis(columns) for _, columns in factors),
    )


def diagonal(samples: Iterable[Tensor], basis: KroneckerBasis | None = None) -> Tensor:
    """The diagonal (P,) of H = E[v v^T] in ``basis``, or along the weights' own axes, in float64.

    ``samples`` are chunks (b, P) of v; use held-out draws, not those that made the basis, to avoid the bias of fitting.
    Raises FloatingPointError if it is not finite.
    """
    total, count = torch.zeros(()), 0
    for chunk in samples:
        squares = (chunk if basis is None else basis.coordinates(chunk)).square().sum(dim=0)
        total = total.to(squares.device) + squares.double()
        count += len(chunk)
    return _finite(total / count)


def _matrix(shape: torch.Size) -> tuple[int, int]:
    """Rows and columns of a parameter of ``shape`` as a matrix."""
    rows = shape[0] if len(shape) > 1 else 1
    return rows, shape.numel() // rows


def _matrices(layout: Layout, flat: Tensor) -> Iterator[Tensor]:
    """Every parameter in ``flat`` (..., P) as a matrix (..., m, n)."""
    views = layout.views(flat).values()
    for (_, shape), view in zip(layout.shapes, views, strict=True):
        yield view.reshape(*flat.shape[:-1], *_matrix(shape))


def _gram(parts: Tensor) -> Tensor:
    """The sum (n, n) of V^T V over ``parts`` (b, m, n), or (1, 1) zeros if n is longer than :data:`LONGEST`."""
    rows = parts.flatten(0, 1)
    if rows.shape[1] > LONGEST:
        return rows.new_zeros(1, 1)
    return rows.mT @ rows


def _eigenbasis(symmetric: Tensor) -> Tensor:
    # In float32 the vectors of small eigenvalues would be noise.
    basis: Tensor = torch.linalg.eigh(_finite(symmetric.double())).eigenvectors
    return basis.to(symmetric.dtype)


def _finite(curvature: Tensor) -> Tensor:
    if not bool(curvature.isfinite().all()):
        raise FloatingPointError("the curvature of the loss at these weights is not finite")
    return curvature
