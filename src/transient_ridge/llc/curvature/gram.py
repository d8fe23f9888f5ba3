r"""The Gram matrix of a model's gradients, whose eigenvalues are those of its Gauss-Newton matrix.

The Gauss-Newton matrix of the mean squared error over N sequences S and K positions k of the context is

    H = (2 / NK) sum_S sum_k grad f_k(S) grad f_k(S)^T = J^T J,

which is P x P for P parameters. G = J J^T is NK x NK and has the same eigenvalues except for zeros.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from ...config.limits import GRADIENT_NUMBERS, PER_SEQUENCE_NUMBERS
from ...model.functional import Layout
from ...model.transformer import Transformer
from ...regression.sequences import Sequences

#: Rows of one matrix product. G is symmetric, so nothing below the diagonal blocks is computed.
BLOCK_ROWS = 128


def gram_matrix(
    model: Transformer, layout: Layout, weights: Tensor, sequences: Sequences
) -> Tensor:
    """G (NK, NK), float64, at ``weights`` (P,); rows by sequence, then by position.

    Products have the model's precision. Raises FloatingPointError if G is not finite.
    """
    rows = sequences.y.numel()
    total = torch.zeros(rows, rows, dtype=torch.float64, device=weights.device)
    for names in _groups(layout, GRADIENT_NUMBERS // rows):
        for gradients in prediction_gradients(model, layout.views(weights), names, sequences):
            for start in range(0, rows, BLOCK_ROWS):
                block = slice(start, start + BLOCK_ROWS)
                total[block, start:] += gradients[block] @ gradients[start:].T
    if not bool(total.isfinite().all()):
        raise FloatingPointError("the curvature of the loss at these weights is not finite")
    return (2 / rows) * (total.triu() + total.triu(1).T)


def _groups(layout: Layout, most: int) -> Iterator[list[str]]:
    """Names of parameters, in groups of at most ``most`` numbers, or one larger parameter."""
    group: list[str] = []
    size = 0
    for name, shape in layout.shapes:
        if group and size + shape.numel() > most:
            yield group
            group, size = [], 0
        group.append(name)
        size += shape.numel()
    yield group


def prediction_gradients(
    model: Transformer, parameters: dict[str, Tensor], names: list[str], sequences: Sequences
) -> list[Tensor]:
    """The gradients (NK, p) of all predictions in each parameter of ``names``."""
    N, K = sequences.y.shape
    found = [parameters[name].new_empty(N, K, parameters[name].numel()) for name in names]

    def predictions(own: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        f: Tensor = functional_call(model, {**parameters, **own}, (x[None], y[None]))
        return f[0]

    size = max(1, PER_SEQUENCE_NUMBERS // sum(part.shape[-1] for part in found))
    for start in range(0, N, size):
        some = slice(start, start + size)
        x, y = sequences.x[some], sequences.y[some]
        # Every sequence has its own copy of the weights, so that one backward pass yields all gradients.
        own = {
            name: parameters[name].expand(len(x), *parameters[name].shape).detach().requires_grad_()
            for name in names
        }
        values = vmap(predictions)(own, x, y).sum(dim=0)
        for k in range(K):
            gradients = torch.autograd.grad(
                values[k], list(own.values()), retain_graph=k < K - 1, materialize_grads=True
            )
            for into, gradient in zip(found, gradients, strict=True):
                into[some, k] = gradient.flatten(1)
    return [part.flatten(0, 1) for part in found]
