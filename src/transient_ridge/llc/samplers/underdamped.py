"""Underdamped Langevin dynamics in the metric G, by the splitting BAOAB.

Leimkuhler and Matthews, 'Rational construction of stochastic numerical methods for molecular sampling' (2013). With
positions w, velocities v of covariance G and friction f, a step of length h = sqrt(eps) is

    v <- v - h G grad U(w);  w <- w + h/2 v;  v <- c v + sqrt(1 - c^2) G^(1/2) eta, c = exp(-f h);  w <- w + h/2 v.

The half kicks of neighbouring steps are joined into one, with the minibatch of the step. With large friction it is a
Langevin step of size eps.
"""

import math
from typing import NamedTuple

from torch import Tensor

from ..dynamics import Dynamics
from ..target import Noise

MALA = False

#: Critical for directions whose variance is G, which decay by a factor e in about 1 / h steps.
FRICTION = 2.0


class State(NamedTuple):
    """Positions and velocities."""

    positions: Tensor  # (C, P)
    velocities: Tensor  # (C, P)


def init(positions: Tensor, dynamics: Dynamics, noise: Noise) -> State:
    """Velocities from their stationary law."""
    return State(positions, dynamics.metric.root(noise()))


def step(state: State, gradient: Tensor, eta: Tensor, dynamics: Dynamics) -> State:
    """Kick, drift, friction and noise, drift."""
    metric, length = dynamics.metric, math.sqrt(dynamics.settings.epsilon)
    kept = math.exp(-FRICTION * length)
    kick = metric.apply(dynamics.drift(state.positions, gradient))
    kicked = state.velocities.add(kick, alpha=-length)
    half_way = state.positions.add(kicked, alpha=length / 2)
    velocities = kicked.mul_(kept).add_(metric.root(eta), alpha=math.sqrt(1 - kept**2))
    return State(half_way.add_(velocities, alpha=length / 2), velocities)
