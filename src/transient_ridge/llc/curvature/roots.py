"""Square roots of symmetric positive matrices that are known only by their products, one matrix per row."""

from collections.abc import Callable

import torch
from torch import Tensor


def root_times(product: Callable[[Tensor], Tensor], vectors: Tensor, steps: int = 32) -> Tensor:
    """H_s^(1/2) v_s (B, N) for each row v_s of ``vectors`` (B, N).

    ``product`` multiplies row s of a (B, N) by H_s. Lanczos takes at most ``steps`` steps, and is exact once they reach
    the number of distinct eigenvalues. Negative eigenvalues count as 0.
    """
    B, N = vectors.shape
    size = vectors.norm(dim=1, keepdim=True)
    basis = [vectors / size]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    tiny = 10 * torch.finfo(vectors.dtype).eps
    for _ in range(min(steps, N)):
        image = product(basis[-1])
        diagonal.append((image * basis[-1]).sum(dim=1))
        known = torch.stack(basis, dim=1)  # (B, k, N)
        for _ in range(2):  # once is not enough in floating point
            image = image - torch.einsum(
                "bkn,bk->bn", known, torch.einsum("bkn,bn->bk", known, image)
            )
        length = image.norm(dim=1, keepdim=True)
        scale = torch.stack(diagonal).abs().amax(dim=0)[:, None]
        # A row whose space is exhausted continues with zeros, which change nothing.
        length = length * (length > tiny * scale)
        beside.append(length[:, 0])
        if not bool(length.any()):
            break
        basis.append(
            torch.where(length > 0, image / length.clamp(min=torch.finfo(length.dtype).tiny), 0)
        )
    count = len(diagonal)
    off = torch.stack(beside[: count - 1], dim=1) if count > 1 else vectors.new_zeros(B, 0)
    matrix = torch.diag_embed(torch.stack(diagonal, dim=1))
    matrix = matrix + torch.diag_embed(off, 1) + torch.diag_embed(off, -1)
    values, turned = torch.linalg.eigh(matrix.double())
    roots = turned @ (values.clamp(min=0).sqrt() * turned[:, 0])[..., None]
    found = torch.einsum("bkn,bk->bn", torch.stack(basis[:count], dim=1), roots[..., 0].to(vectors))
    result: Tensor = size * found
    return result
