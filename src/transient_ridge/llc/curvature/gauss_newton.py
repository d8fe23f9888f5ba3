r"""The Gauss-Newton matrix of the loss at given weights: draws of it, and products with it.

The Gauss-Newton matrix of the mean squared error over sequences S and positions k of the context is

    H = E_S[ (2/K) sum_k grad f_k grad f_k^T ] = E[v v^T],    v = sqrt(2/K) grad sum_k xi_k f_k(S),    xi_k = +-1.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from ...config.limits import PER_SEQUENCE_NUMBERS
from ...model.functional import Layout
from ...model.transformer import Transformer
from ...regression.sequences import Sequences

#: The most sequences in one chunk of a matrix product.
CHUNK_SEQUENCES = 1024

#: Maps a function over the first axis of its arguments, as torch.func.vmap does.
Over = Callable[[Callable[..., Tensor]], Callable[..., Tensor]]


def gauss_newton_samples(
    model: Transformer, layout: Layout, weights: Tensor, sequences: Sequences, signs: Tensor
) -> Iterator[Tensor]:
    """Chunks (b, P) of v, one v per sequence of ``sequences`` with its ``signs`` xi (B, K), at ``weights`` (P,)."""

    def predictions(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        of_one: Tensor = functional_call(model, parameters, (x[None], y[None]))
        return of_one[0]

    scale = math.sqrt(2 / sequences.y.shape[-1])
    return pulled_back(predictions, layout, weights, sequences, signs, scale)


def gauss_newton_product(
    model: Transformer, layout: Layout, weights: Tensor, sequences: Sequences
) -> Callable[[Tensor], Tensor]:
    """v (P,) -> H v, with the exact H of these ``sequences`` at ``weights`` (P,)."""

    def predictions(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        found: Tensor = functional_call(model, parameters, (x, y))
        return found

    def straight(predictions: Tensor, x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda change: change

    chunks = _chunks(CHUNK_SEQUENCES, *sequences)
    return bent_product(predictions, layout, weights, chunks, straight, 2 / sequences.y.numel())


def pulled_back(
    outputs: Callable[..., Tensor],
    layout: Layout,
    weights: Tensor,
    samples: Sequence[Tensor],
    towards: Tensor,
    scale: float = 1.0,
    over: Over = vmap,
) -> Iterator[Tensor]:
    """Chunks (b, P) of ``scale`` J_s^T u_s for each sample s, J_s the derivative of its outputs at ``weights`` (P,).

    ``outputs`` takes named parameters and the parts of one sample; the result has the shape of a row u_s of ``towards``
    (B, ...).
    """
    size = max(1, PER_SEQUENCE_NUMBERS // layout.size)
    for *parts, u in _chunks(size, *samples, towards):
        # Every sample has its own copy of the weights, so that one backward pass yields all gradients. vmap(grad(...))
        # needs no copies, but makes every job import torch's compiler, which takes a second.
        own = {
            name: part.detach().expand(len(u), *part.shape).requires_grad_()
            for name, part in layout.views(weights).items()
        }
        total = scale * (over(outputs)(own, *parts) * u).sum()
        gradients = torch.autograd.grad(total, list(own.values()), materialize_grads=True)
        yield layout.flatten(dict(zip(own, gradients, strict=True)), stack_dims=1)


def bent_product(
    outputs: Callable[..., Tensor],
    layout: Layout,
    weights: Tensor,
    chunks: Iterable[Sequence[Tensor]],
    bend: Callable[..., Callable[[Tensor], Tensor]],
    scale: float,
) -> Callable[[Tensor], Tensor]:
    """v (P,) -> ``scale`` J^T B J v, summed over ``chunks`` of samples; J is the derivative of outputs at ``weights``.

    ``outputs`` takes named parameters and the parts of a chunk; ``bend`` takes the outputs and the same parts, and
    returns the function u -> B u, with B the second derivative of the loss in the outputs.
    """
    centre = weights.detach().clone().requires_grad_()
    kept = []
    for parts in chunks:
        found = outputs(layout.views(centre), *parts)
        # J^T u is linear in u, and J v is its derivative along v: two backward passes through kept graphs cost less
        # than a forward-mode product.
        u = torch.zeros_like(found, requires_grad=True)
        (pulled,) = torch.autograd.grad(found, centre, u, create_graph=True)
        kept.append((found, u, pulled, bend(found.detach(), *parts)))

    def product(vector: Tensor) -> Tensor:
        total = torch.zeros_like(vector)
        for found, u, pulled, bent in kept:
            (change,) = torch.autograd.grad(pulled, u, vector, retain_graph=True)
            total += torch.autograd.grad(found, centre, bent(change), retain_graph=True)[0]
        return scale * total

    return product


def _chunks(size: int, *parts: Tensor) -> Iterator[Any]:
    return zip(*(torch.split(part, size) for part in parts), strict=True)
