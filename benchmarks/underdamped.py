"""A rival of the sampler: underdamped Langevin dynamics, by the splitting BAOAB, in the same metric.

Leimkuhler and Matthews, 'Rational construction of stochastic numerical methods for molecular sampling' (2013). With
positions w, velocities v of covariance G and friction f, a step of length h is

    v <- v - h G (n beta grad l_B(w) + gamma (w - w*));  w <- w + h/2 v;
    v <- c v + sqrt(1 - c^2) G^(1/2) eta, c = exp(-f h);  w <- w + h/2 v.

The two half kicks of neighbouring steps are taken as one, with the minibatch of the step.
"""

import math

import torch
from torch import Tensor

from transient_ridge.config.registries import PRECONDITIONERS
from transient_ridge.config.settings import SgldSettings
from transient_ridge.llc.sgld import Noise, Target

#: Critical for directions whose variance G gives: these lose a factor e in about 1 / h steps.
FRICTION = 2.0


def sample(
    target: Target, settings: SgldSettings, n_beta: float, noise: Noise, length: float
) -> tuple[Tensor, Tensor]:
    """Losses (C, S) of S = burn-in + draws steps, and those of w* on the same minibatches."""
    positions = target.centre.repeat(settings.chains, 1)
    preconditioner = PRECONDITIONERS.load(settings.preconditioner).make(target, n_beta)
    preconditioner.refresh(positions, settings.gamma)
    metric = preconditioner.metric(positions)
    velocities = metric.root(noise()).clone()
    kept = math.exp(-FRICTION * length)
    losses, of_centre = [], []
    for step in range(settings.burn_in + settings.draws):
        here = target.evaluate(positions, step)
        losses.append(here.losses.mean(dim=1))
        of_centre.append(here.centre_losses.mean(dim=1))
        drift = (positions - target.centre).mul_(settings.gamma).add_(here.gradient, alpha=n_beta)
        velocities = velocities.add(metric.apply(drift), alpha=-length)
        positions = positions.add(velocities, alpha=length / 2)
        velocities = velocities.mul(kept).add_(metric.root(noise()), alpha=math.sqrt(1 - kept**2))
        positions = positions.add_(velocities, alpha=length / 2)
    return torch.stack(losses, dim=1), torch.stack(of_centre, dim=1)
