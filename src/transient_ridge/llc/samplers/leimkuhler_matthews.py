r"""SGLD whose noise is the mean over two steps, (eta_t + eta_{t-1}) / 2, at no extra cost.

It samples quadratics exactly at every stable eps (Leimkuhler and Matthews, 'Rational construction of stochastic
numerical methods for molecular sampling', 2013).
"""

from typing import NamedTuple

from torch import Tensor

from ..dynamics import Dynamics
from ..target import Noise

MALA = False


class State(NamedTuple):
    """Positions of the chains, and the noise of the last step."""

    positions: Tensor  # (C, P)
    last: Tensor | None  # (C, P); None before the first step


def init(positions: Tensor, dynamics: Dynamics, noise: Noise) -> State:
    """The positions, and no noise yet."""
    return State(positions, None)


def step(state: State, gradient: Tensor, eta: Tensor, dynamics: Dynamics) -> State:
    """One Langevin step with averaged noise."""
    averaged = eta if state.last is None else (eta + state.last) / 2
    return State(dynamics.langevin(state.positions, gradient, averaged), eta.clone())
