r"""How a sampler responds in a quadratic potential, worked out from its own step.

In coordinates u with w - w* = R u, R R^T = G, the potential 1/2 (w - w*)^T A (w - w*) has the curvatures b of R^T A R
and the metric is 1. There a sampler's step is linear, so its responses to one unit of noise and one unit of gradient
determine its law: Var[u_t] is the sum of the squared responses to the noise before t. They come from the sampler's own
code, so a new sampler needs no formulas.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..config.registries import SAMPLERS
from ..config.settings import SgldSettings
from .curvature.metric import Metric
from .dynamics import Dynamics

#: A direction is unstable if its response grows more than this from the first half of the steps to the second. That of
#: a stable direction decays or, where it is flat, levels off.
GROWTH = 2.0


class Response(NamedTuple):
    """Responses over T steps in N directions of curvature b, all float64; row t is t steps later."""

    b: Tensor  # (N,)
    noise: Tensor  # (T, N), of u to a unit of noise in the first step
    push: Tensor  # (T, N), to a unit of gradient in the first step
    start: Tensor  # (T, N), to a unit of what the sampler draws before the first step

    def stable(self) -> Tensor:
        """(N,) bool: whether the responses stay bounded."""
        half = len(self.noise) // 2
        first, second = (part.abs().amax(dim=0) for part in (self.noise[:half], self.noise[half:]))
        return second <= GROWTH * first

    def held(self) -> Tensor:
        """b Var[u_t] (T, N) of chains that start at w*: 1 where a direction has the posterior's variance."""
        before = torch.cat(
            (torch.zeros_like(self.noise[:1]), self.noise.square().cumsum(dim=0)[:-1])
        )
        return self.b * (before + self.start.square())

    def autocorrelation(self, lags: int) -> Tensor:
        """The autocorrelation (lags, N) of u in equilibrium."""
        if not len(self.b):
            return self.noise[:lags]
        # All lags at once; padded, so that the end does not wrap around to the beginning.
        spectrum = torch.fft.rfft(self.noise, n=2 * len(self.noise), dim=0).abs().square()
        products: Tensor = torch.fft.irfft(spectrum, dim=0)[:lags]
        return products / products[0]


def response(settings: SgldSettings, b: Tensor, steps: int) -> Response:
    """The responses of ``settings.sampler`` with step eps in directions of curvature ``b`` (N,), over ``steps`` steps.

    A sampler that draws its own noise names, in ``RESPONDS_AS``, another whose steps have the same law.
    """
    name = SAMPLERS.constant(settings.sampler, "RESPONDS_AS") or settings.sampler
    init, move = (SAMPLERS.function(name, part) for part in ("init", "step"))
    b = b.double()
    still = torch.zeros(3, len(b), dtype=torch.float64)
    noise, push, start = (still.index_fill(0, torch.tensor([row]), 1.0) for row in range(3))
    unit = Metric(torch.ones(1, 1, dtype=torch.float64))
    dynamics = Dynamics(still[0], settings, 1.0, 0.0, unit)
    state = init(still, dynamics, start.clone)
    seen = [state.positions]
    # The unit goes in at the second step, because the first of some samplers differs.
    for step in range(steps + 1):
        unit_now = step == 1
        gradient = b * state.positions + (push if unit_now else still)
        state = move(state, gradient, (noise if unit_now else still).clone(), dynamics)
        seen.append(state.positions)
    rows = torch.stack(seen)
    # Row t of `noise` and `push` is t + 1 steps after the unit went in, that of `start` t steps after the start.
    return Response(b, rows[2:, 0], rows[2:, 1], rows[: len(rows) - 2, 2])
