"""What chains record, whichever sampler moves them: traces of every step, and probes of some.

A step records the minibatch loss of w *before* it, and that of w* on the same minibatch.
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..config.relaxation import relaxation_steps
from ..config.settings import SgldSettings
from ..errors import ChainDivergedError
from .curvature.metric import Metric
from .dynamics import Dynamics
from .quadratic import Prediction, Quadratic
from .target import Evaluation, Target

#: Steps between two probes of acceptance, norms and heating, which cost two more gradients each.
PROBE_EVERY = 25
#: How many of the last probes estimate what minibatch noise adds. A single one is about 30 % off at the default's size.
NOISES = 4


class Traces(NamedTuple):
    """What the chains recorded: S = burn-in + draws steps, and Q probes among them."""

    losses: Tensor  # (C, S, K) float32, in the units of the target's loss
    centre_losses: Tensor  # (C, S, K)
    noise: Tensor  # (C, S), variance of their difference over minibatches
    distance: Tensor  # (C, S), |w - w*|
    acceptance: Tensor  # (C, Q), probability that MALA would accept the proposed step
    gradient_norm: Tensor  # (C, Q), |(eps/2) G n beta grad l|
    noise_norm: Tensor  # (C, Q), |sqrt(eps) G^(1/2) eta|
    heat: Tensor  # (C, Q), |R^T n beta xi|^2, xi the minibatch noise of a gradient, R R^T = G
    probed: tuple[int, ...]  # the steps of the probes
    relaxation: float  # steps in which a flat direction decays by a factor e: 2 / (eps gamma G)
    gradient_noise: Tensor  # (m, P), draws with the covariance of xi, from the last probes
    quadratic: Quadratic  # around w*, in the metric of the first draw
    prediction: Prediction


def mala_acceptance(
    positions: tuple[Tensor, Tensor],
    potentials: Sequence[Tensor],
    drifts: Sequence[Tensor],
    metric: Metric,
    epsilon: float,
) -> Tensor:
    """Probability (C,) that a Metropolis test would accept the step from one position to the other.

    ``potentials`` (C,) and their gradients ``drifts`` (C, P) come from the same minibatch at both ends, so only the
    finite step lowers the probability: near 1 the chain samples its posterior, near 0 eps is too large.
    """
    moved = (positions[1] - positions[0]).double()
    start, end = (drift.double() for drift in drifts)
    # log q(w | w') - log q(w' | w), with the squares multiplied out because terms a thousand times larger cancel.
    proposal = 0.5 * (moved * (start + end)).sum(dim=1)
    turned = metric.apply(drifts[1] - drifts[0]).double()
    proposal = proposal - epsilon / 8 * (turned * (end + start)).sum(dim=1)
    ratio = potentials[0] - potentials[1] + proposal
    # MALA never accepts a step to a place where the loss is not finite.
    return torch.nan_to_num(ratio, nan=-math.inf).clamp(max=0).exp()


class Record:
    """Collects the traces of one sampling."""

    def __init__(self, target: Target, settings: SgldSettings, n_beta: float) -> None:
        self.target, self.settings, self.n_beta = target, settings, n_beta
        self._seen: list[tuple[Tensor, ...]] = []
        self._probes: list[Tensor] = []
        self._probed: list[int] = []
        self._gradient_noise: deque[Tensor] = deque(maxlen=NOISES)
        self._relaxation = math.nan
        #: How many steps the chains take.
        self.steps = settings.burn_in + settings.draws

    def add(self, step: int, positions: Tensor, here: Evaluation) -> None:
        """Record the losses (C, K) of this step; raises ChainDivergedError if one is not finite."""
        bad = (~here.losses.isfinite()).any(dim=1).nonzero().flatten().tolist()
        if bad:
            raise ChainDivergedError(
                f"chain {bad[0]} diverged by step {step}: its loss is not finite; lower llc.epsilon = "
                f"{self.settings.epsilon:g} or llc.n_beta (here {self.n_beta:g} times the loss)"
            )
        distance = (positions - self.target.centre).norm(dim=1)
        self._seen.append((here.losses, here.centre_losses, here.noise, distance))

    def noise(self) -> float:
        """Variance over minibatches of n beta times the paired loss, in the second half of the steps so far."""
        late = torch.stack([noise for *_, noise, _ in self._seen[len(self._seen) // 2 :]])
        return float(self.n_beta**2 * late.double().mean())

    def probes_at(self, step: int) -> bool:
        """Whether to probe this step."""
        return step % PROBE_EVERY == 0 or step == self.steps - 1

    def probe(
        self, step: int, positions: Tensor, here: Evaluation, eta: Tensor, dynamics: Dynamics
    ) -> None:
        """Record acceptance, norms and heating of a Langevin step from ``positions`` with ``eta``, both (C, P)."""
        metric, gamma, n_beta = dynamics.metric, dynamics.gamma, self.n_beta
        epsilon, centre = self.settings.epsilon, self.target.centre
        moved = dynamics.langevin(positions, here.gradient, eta)
        there = self.target.evaluate(moved, step)
        both = ((here, positions), (there, moved))
        drifts = [n_beta * at.gradient + gamma * (w - centre) for at, w in both]
        potentials = [
            # In float64, because n beta times a loss is a large number whose small changes matter.
            n_beta * at.losses.double().mean(dim=1)
            + gamma / 2 * (w - centre).double().square().sum(dim=1)
            for at, w in both
        ]
        # The minibatch of a later step is independent of this one's.
        ahead = self.settings.burn_in + self.settings.draws
        other = self.target.evaluate(positions, ahead + step)
        xi = (here.gradient - other.gradient) / math.sqrt(2)
        push = metric.apply(here.gradient).mul_(0.5 * epsilon * n_beta)
        accepted = mala_acceptance((positions, moved), potentials, drifts, metric, epsilon)
        noise = moved - positions + 0.5 * epsilon * metric.apply(drifts[0])
        heat = n_beta**2 * (xi * metric.apply(xi)).sum(dim=1)
        probe = (accepted.float(), push.norm(dim=1), noise.norm(dim=1), heat)
        self._probes.append(torch.stack(probe))
        self._probed.append(step)
        # The sum of the chains' independent noises, over the root of their number, has the covariance of one.
        self._gradient_noise.append(xi.sum(dim=0) / math.sqrt(len(xi)))
        known = relaxation_steps(self.settings)
        self._relaxation = 2 / (epsilon * gamma * metric.typical()) if known is None else known

    def traces(self, quadratic: Quadratic, prediction: Prediction) -> Traces:
        """What was recorded, with the quadratic around w* and what it predicts."""
        # In the order of the fields of Traces.
        seen = (torch.stack(each, dim=1) for each in zip(*self._seen, strict=True))
        probes = torch.stack(self._probes, dim=-1).unbind()
        known = (tuple(self._probed), self._relaxation, torch.stack(tuple(self._gradient_noise)))
        recorded: list[Any] = [*seen, *probes, *known, quadratic, prediction]
        return Traces(*recorded)
