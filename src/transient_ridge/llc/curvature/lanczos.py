"""Eigenvalues of a symmetric positive matrix that is known by its products alone, by Lanczos' method."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Ritz(NamedTuple):
    """What one run finds, ascending; N is its number of steps, or fewer if an invariant space ended it.

    The outermost values converge first, so that the first and last are close to the extremes of the spectrum.
    """

    values: Tensor  # (N,) float64
    weights: Tensor  # (N,) float64, squared components of the start: they sum to |start|^2
    vectors: Tensor  # (P, N)
    residuals: Tensor  # (N,) float64, |H v - value v|

    def components(self, vector: Tensor) -> Tensor:
        """Components (N,), float64, of a ``vector`` (P,) along the Ritz vectors."""
        return self.vectors.mT.double() @ vector.double()


def lanczos(product: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Ritz:
    """``steps`` of Lanczos with full reorthogonalisation, for H v = ``product(v)``, from ``start`` (P,)."""
    size = start.norm()
    basis = [start / size]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    for _ in range(min(steps, len(start))):
        image = product(basis[-1])
        diagonal.append(image.double() @ basis[-1].double())
        known = torch.stack(basis)
        for _ in range(2):  # once is not enough in floating point
            image = image - known.mT @ (known @ image)
        length = image.norm()
        beside.append(length.double())
        # An invariant space: nothing but rounding is left.
        if length <= 10 * torch.finfo(start.dtype).eps * max(map(abs, diagonal)):
            break
        basis.append(image / length)
    N = len(diagonal)
    off = torch.stack(beside)
    matrix = torch.diag(torch.stack(diagonal))
    matrix += torch.diag(off[:-1], 1) + torch.diag(off[:-1], -1)
    values, vectors = torch.linalg.eigh(matrix)
    return Ritz(
        values,
        vectors[0].square() * size.double() ** 2,
        torch.stack(basis[:N], dim=1) @ vectors.to(start.dtype),
        (off[-1] * vectors[-1]).abs(),
    )
