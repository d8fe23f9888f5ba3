"""What is sampled: a loss around a centre, and its values at the positions of the chains."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..model.functional import Layout

#: Returns the standard normal noise (C, P) of the next step; every chain has its own stream.
Noise = Callable[[], Tensor]


class Evaluation(NamedTuple):
    """A target's values at the stacked positions, on one minibatch per chain."""

    losses: Tensor  # (C, K), a column per position of the context; their mean is the sampled loss
    gradient: Tensor  # (C, P), of that mean
    centre_losses: Tensor  # (C, K), the losses of w* on the same minibatches
    noise: Tensor  # (C,), variance over minibatches of their difference, averaged over K


class Curvature(NamedTuple):
    """A matrix H (P, P), the curvature of a loss at w*."""

    product: Callable[[Tensor], Tensor]  # v (P,) -> H v
    draw: Tensor  # (P,), a random vector of covariance H

    @classmethod
    def of(cls, samples: Tensor, seed: int = 0) -> "Curvature":
        """The second moment of ``samples`` (b, P)."""
        rows = samples / math.sqrt(len(samples))
        source = torch.Generator().manual_seed(seed)
        signs = torch.randint(0, 2, (len(rows),), generator=source) * 2.0 - 1
        return cls(lambda v: rows.mT @ (rows @ v), signs.to(rows) @ rows)


class Target(Protocol):
    """A loss around a centre w*."""

    centre: Tensor  # (P,)
    centre_gradient: Tensor  # (P,), of the loss at w*: 0 at a minimum
    layout: Layout  # the parameters in a position

    @property
    def curvature(self) -> Curvature:
        """The curvature at w*."""
        ...

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """Losses and gradient of ``positions`` (C, P) on the minibatches of ``step``."""
        ...

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Chunks (b, P) of draws v, with E[v v^T] the curvature of the loss averaged over ``positions`` (C, P).

        Another ``part`` gives other draws.
        """
        ...
