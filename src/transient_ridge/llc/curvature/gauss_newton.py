r"""The Gauss-Newton matrix of the loss at given weights: draws of it, and products with it.

The Gauss-Newton matrix of the mean squared error over sequences S and positions k of the context is

    H = E_S[ (2/K) sum_k grad f_k grad f_k^T ] = E[v v^T],    v = sqrt(2/K) grad sum_k xi_k f_k(S),    xi_k = +-1.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from ...config.limits import PER_SEQUENCE_NUMBERS
from ...model.functional import Layout
from ...model.transformer import Transformer
from ...regression.sequences import Sequences

#: Most sequences in one chunk of a matrix product.
CHUNK_SEQUENCES = 1024


def gauss_newton_samples(
    model: Transformer, layout: Layout, weights: Tensor, sequences: Sequences, signs: Tensor
) -> Iterator[Tensor]:
    """Chunks (b, P) of v, one v per sequence of ``sequences`` with its ``signs`` xi (B, K), at ``weights`` (P,)."""
    scale = math.sqrt(2 / sequences.y.shape[-1])

    def predictions(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        of_one: Tensor = functional_call(model, parameters, (x[None], y[None]))
        return of_one[0]

    size = max(1, PER_SEQUENCE_NUMBERS // layout.size)
    for x, y, xi in _chunks(size, *sequences, signs):
        # Every sequence has weights of its own, so that one backward pass makes all gradients. vmap(grad(...)) needs no
        # copies, but makes every job import torch's compiler, which takes a second.
        own = {
            name: part.detach().expand(len(x), *part.shape).requires_grad_()
            for name, part in layout.views(weights).items()
        }
        signed = scale * (vmap(predictions)(own, x, y) * xi).sum()
        gradients = torch.autograd.grad(signed, list(own.values()))
        yield layout.flatten(dict(zip(own, gradients, strict=True)), stack_dims=1)


def gauss_newton_product(
    model: Transformer, layout: Layout, weights: Tensor, sequences: Sequences
) -> Callable[[Tensor], Tensor]:
    """v (P,) -> H v, with the exact H of these ``sequences`` at ``weights`` (P,)."""
    scale = 2 / sequences.y.numel()
    centre = weights.detach().clone().requires_grad_()
    chunks = []
    for x, y in _chunks(CHUNK_SEQUENCES, *sequences):
        predictions: Tensor = functional_call(model, layout.views(centre), (x, y))
        # J^T u is linear in u, and J v its derivative along v: two backward passes through graphs that are kept cost
        # less than a forward-mode product.
        u = torch.zeros_like(predictions, requires_grad=True)
        (pulled,) = torch.autograd.grad(predictions, centre, u, create_graph=True)
        chunks.append((predictions, u, pulled))

    def product(vector: Tensor) -> Tensor:
        total = torch.zeros_like(vector)
        for predictions, u, pulled in chunks:
            (change,) = torch.autograd.grad(pulled, u, vector, retain_graph=True)
            total += torch.autograd.grad(predictions, centre, change, retain_graph=True)[0]
        return scale * total

    return product


def _chunks(size: int, *parts: Tensor) -> Iterator[Any]:
    return zip(*(torch.split(part, size) for part in parts), strict=True)
