"""Eigenvalues of a symmetric positive matrix that is known only by its products, by Lanczos' method."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

#: How many steps must add next to nothing for Lanczos' method to have converged.
SETTLED = 4


class Ritz(NamedTuple):
    """The result of one run, ascending; N is the number of steps, fewer if an invariant space ended it.

    The outermost values converge first, so the first and last are close to the extremes of the spectrum. All but
    ``vectors`` are on the CPU, which is faster for so few numbers.
    """

    values: Tensor  # (N,) float64
    weights: Tensor  # (N,) float64, squared components of the start: they sum to |start|^2
    vectors: Tensor  # (P, N)
    residuals: Tensor  # (N,) float64, |H v - value v|

    def components(self, vector: Tensor) -> Tensor:
        """Components (N,), float64, of a ``vector`` (P,) along the Ritz vectors."""
        return (self.vectors.mT.double() @ vector.double()).cpu()


def lanczos(
    product: Callable[[Tensor], Tensor], start: Tensor, steps: int, tolerance: float | None = None
) -> Ritz:
    """``steps`` of Lanczos with full reorthogonalisation, for H v = ``product(v)``, from ``start`` (P,).

    With a ``tolerance``, for a positive H, it ends once the last :data:`SETTLED` steps have added at most that share to
    start^T H^-1 start, which grows with every step.
    """
    size = start.norm()
    basis = [start / size]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    inverse: list[float] = []
    for _ in range(min(steps, len(start))):
        image = product(basis[-1])
        diagonal.append((image.double() @ basis[-1].double()).cpu())
        known = torch.stack(basis)
        for _ in range(2):  # once is not enough in floating point
            image = image - known.mT @ (known @ image)
        length = image.norm()
        beside.append(length.double().cpu())
        # An invariant space: only rounding is left.
        if beside[-1] <= 10 * torch.finfo(start.dtype).eps * max(map(abs, diagonal)):
            break
        if tolerance is not None:
            values, vectors = _tridiagonal(diagonal, beside)
            inverse.append(float((vectors[0].square() / values).sum()))
            if len(inverse) > SETTLED and inverse[-1] <= (1 + tolerance) * inverse[-1 - SETTLED]:
                break
        basis.append(image / length)
    N = len(diagonal)
    values, vectors = _tridiagonal(diagonal, beside)
    return Ritz(
        values,
        vectors[0].square() * size.double().cpu() ** 2,
        torch.stack(basis[:N], dim=1) @ vectors.to(start),
        (beside[-1] * vectors[-1]).abs(),
    )


def _tridiagonal(diagonal: list[Tensor], beside: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors of the matrix of the steps so far."""
    off = torch.stack(beside[:-1]) if len(beside) > 1 else beside[0].new_zeros(0)
    matrix = torch.diag(torch.stack(diagonal)) + torch.diag(off, 1) + torch.diag(off, -1)
    values, vectors = torch.linalg.eigh(matrix)
    return values, vectors
