"""Hamiltonian Monte Carlo on all data: slow, but exact up to Monte Carlo error, because it tests every move."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from transient_ridge.llc.curvature.metric import Metric

#: Potential (C,) and its gradient (C, P) at positions (C, P).
Potential = Callable[[Tensor], tuple[Tensor, Tensor]]


def sample(
    potential: Potential,
    start: Tensor,
    metric: Metric,
    *,
    step: float,
    leapfrog: int,
    iterations: int,
    seed: int,
) -> tuple[list[Tensor], float]:
    """Positions (C, P) after each iteration, from ``start``, and the share of moves that were accepted.

    ``metric`` is the inverse mass: if it is near the posterior's covariance, all directions have the same period.
    """
    source = torch.Generator().manual_seed(seed)
    mass_root = replace(metric, scale=1 / metric.scale)
    positions, (energy, slope) = start, potential(start)
    kept, accepted = [], 0.0
    for _ in range(iterations):
        eta = torch.randn(positions.shape, generator=source, dtype=positions.dtype)
        momentum = mass_root.root(eta)
        before = energy + 0.5 * eta.square().sum(dim=1)
        # A random length, because a fixed one may be the period of some direction, which then never moves.
        length = step * (0.5 + torch.rand(1, generator=source, dtype=positions.dtype))
        moved, pull = positions, slope
        for _ in range(leapfrog):
            momentum = momentum - 0.5 * length * pull
            moved = moved + length * metric.apply(momentum)
            now, pull = potential(moved)
            momentum = momentum - 0.5 * length * pull
        after = now + 0.5 * (momentum * metric.apply(momentum)).sum(dim=1)
        uniform = torch.rand(len(positions), generator=source, dtype=positions.dtype)
        take = uniform.log() < before - after
        accepted += float(take.double().mean()) / iterations
        positions = torch.where(take[:, None], moved, positions)
        slope = torch.where(take[:, None], pull, slope)
        energy = torch.where(take, now, energy)
        kept.append(positions)
    return kept, accepted
