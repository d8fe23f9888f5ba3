r"""Stochastic gradient Langevin dynamics, by the update of ``devinterp.optim.SGMCMC`` (2.0.1).

    w <- w - (eps/2) G (n beta grad l_B(w) + gamma (w - w*)) + sqrt(eps) G^(1/2) eta,    eta ~ N(0, I).

Its finite step inflates the variance of a direction of curvature h by 1 / (1 - eps G h / 4).
"""

from typing import NamedTuple

from torch import Tensor

from ..dynamics import Dynamics
from ..target import Noise

MALA = True


class State(NamedTuple):
    """Positions of the chains."""

    positions: Tensor  # (C, P)


def init(positions: Tensor, dynamics: Dynamics, noise: Noise) -> State:
    """The positions, which are the whole state."""
    return State(positions)


def step(state: State, gradient: Tensor, eta: Tensor, dynamics: Dynamics) -> State:
    """One Langevin step."""
    return State(dynamics.langevin(state.positions, gradient, eta))
