r"""Localised stochastic gradient Langevin dynamics, all chains of a checkpoint at once.

The chains sample the local Gibbs posterior around w* (arXiv 2501.17745, section 'LLC'; Lau et al. 2023),

    p(w | w*)  proportional to  exp(-n beta l_n(w) - gamma/2 |w - w*|^2),

by the update of ``devinterp.optim.SGMCMC`` (2.0.1) with the G of a preconditioner (:mod:`.preconditioners`),

    w <- w - (eps/2) G (n beta grad l_B(w) + gamma (w - w*)) + sqrt(eps) G^(1/2) eta,    eta ~ N(0, I).

Its finite step makes the variance of a direction of curvature h too large by 1 / (1 - eps G h / 4). With *averaged*
noise eta = (eta_t + eta_{t-1}) / 2 it is exact for quadratics at every stable step (Leimkuhler and Matthews, 'Rational
construction of stochastic numerical methods for molecular sampling', 2013), at no cost.

Every step records the minibatch loss of w *before* the update and that of w* on the same minibatch. A kernel
step is a pure function; what is sampled is behind :class:`Target`, so that the same code runs on a transformer
and on a potential whose learning coefficient is known.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..config.registries import PRECONDITIONERS
from ..config.settings import SgldSettings
from ..errors import ChainDivergedError
from ..model.functional import Layout
from .curvature.metric import Metric

#: Steps between two looks at acceptance, norms and heating, which cost two more gradients each.
PROBE_EVERY = 25

#: Annealing lowers gamma by this factor from one stage of the burn-in to the next.
ANNEALING_FACTOR = 4.0


class Evaluation(NamedTuple):
    """What a target says of the stacked positions on one minibatch per chain."""

    losses: (
        Tensor  # (C, K), one column per position of the context; the mean over K is what is sampled
    )
    gradient: Tensor  # (C, P), of that mean
    centre_losses: Tensor  # (C, K), the losses of w* on the same minibatches
    noise: Tensor  # (C,), variance over minibatches of the difference of both, averaged over K


class Target(Protocol):
    """A loss around a centre."""

    centre: Tensor  # (P,)
    layout: Layout  # the parameters in a position

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """Losses and gradient of ``positions`` (C, P) on the minibatches of SGLD step ``step``."""
        ...

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Chunks (b, P) of draws v with E[v v^T] the curvature of the loss, averaged over ``positions`` (C, P).

        Another ``part`` gives other draws.
        """
        ...


class Traces(NamedTuple):
    """What the chains leave behind; S = burn-in + draws, and Q probes among those S steps."""

    losses: Tensor  # (C, S, K) float32, in the units of the target's loss
    centre_losses: Tensor  # (C, S, K)
    noise: Tensor  # (C, S), variance over minibatches of the difference of both
    distance: Tensor  # (C, S), |w - w*|
    acceptance: Tensor  # (C, Q), probability that MALA would accept the proposed step
    gradient_norm: Tensor  # (C, Q), |(eps/2) G n beta grad l|
    noise_norm: Tensor  # (C, Q), |sqrt(eps) G^(1/2) eta|
    heating: Tensor  # (C, Q), what the noise of minibatches adds to n beta l, at most
    probed: tuple[int, ...]  # the steps of the probes
    relaxation: float  # steps in which a flat direction forgets a factor e: 2 / (eps gamma G)
    metric: Metric  # G of the last probe


#: Standard normal noise (C, P) of the next step, every chain's from a stream of its own.
Noise = Callable[[], Tensor]


def sample(
    target: Target,
    settings: SgldSettings,
    n_beta: float,
    noise: Noise,
    mask: Tensor | None = None,
) -> Traces:
    """Run the chains from w* for burn-in + draws steps.

    ``n_beta`` multiplies the target's loss. ``mask`` (P,) of zeros and ones restricts the chains to a subset of
    the parameters. Raises ChainDivergedError if a loss is not finite, or the curvature of a preconditioner.
    """
    record = Record(target, settings, n_beta)
    positions = target.centre.repeat(settings.chains, 1)
    preconditioner = PRECONDITIONERS.load(settings.preconditioner).make(target, n_beta)
    stages = dict(burn_in_stages(settings))
    last: Tensor | None = None
    for step in range(settings.burn_in + settings.draws):
        if step in stages:
            gamma = stages[step]
            try:
                preconditioner.refresh(positions, gamma)
            except FloatingPointError as error:
                raise ChainDivergedError(f"{error}, at SGLD step {step}") from error
        here = target.evaluate(positions, step)
        record.add(step, positions, here)
        metric = preconditioner.metric(here.gradient).masked(mask)
        drift = (positions - target.centre).mul_(gamma).add_(here.gradient, alpha=n_beta)
        eta = noise()
        if record.probes_at(step):
            proposed = langevin_step(positions, drift, metric, eta, settings.epsilon)
            record.probe(step, (positions, proposed), here, metric, gamma)
        if settings.noise == "averaged":
            eta, last = eta if last is None else (eta + last) / 2, eta.clone()
        positions = langevin_step(positions, drift, metric, eta, settings.epsilon)
    return record.traces()


def burn_in_stages(settings: SgldSettings) -> list[tuple[int, float]]:
    """First step and gamma of every stage; preconditioners look at the curvature at the start of each.

    The first half of the burn-in lowers gamma to its value in ``annealing`` stages, and the last stage, from there to
    the last draw, has a fixed G. Without annealing there is one stage.
    """
    stages, half = settings.annealing, settings.burn_in // 2
    lowering = [
        (half * i // stages, settings.gamma * ANNEALING_FACTOR ** (stages - i))
        for i in range(stages)
    ]
    return [*lowering, (half if stages else 0, settings.gamma)]


def langevin_step(
    positions: Tensor, drift: Tensor, metric: Metric, eta: Tensor, epsilon: float
) -> Tensor:
    """The positions (C, P) after one step from ``positions`` with the noise ``eta`` (C, P).

    ``drift`` (C, P) is the gradient of n beta l + gamma/2 |w - w*|^2. Pure; nothing that is passed is changed.
    """
    return positions + metric.move(drift, eta, epsilon)


def mala_acceptance(
    positions: tuple[Tensor, Tensor],
    potentials: Sequence[Tensor],
    drifts: Sequence[Tensor],
    metric: Metric,
    epsilon: float,
) -> Tensor:
    """Probability (C,) with which a Metropolis test would accept the step from one position to the other.

    ``potentials`` (C,) and their gradients ``drifts`` (C, P) are of the same minibatch at both ends, so this is
    the error of the finite step size alone: near 1 the chain samples its posterior, near 0 eps is too large.
    """
    moved = (positions[1] - positions[0]).double()
    start, end = (drift.double() for drift in drifts)
    # log q(w | w') - log q(w' | w) with the squares multiplied out: what cancels is a thousand times larger.
    proposal = 0.5 * (moved * (start + end)).sum(dim=1)
    turned = metric.apply(drifts[1] - drifts[0]).double()
    proposal = proposal - epsilon / 8 * (turned * (end + start)).sum(dim=1)
    ratio = potentials[0] - potentials[1] + proposal
    # A step to a place that is not finite would never be accepted.
    return torch.nan_to_num(ratio, nan=-math.inf).clamp(max=0).exp()


class Record:
    """Grows the traces of a sampling, whoever moves the chains."""

    def __init__(self, target: Target, settings: SgldSettings, n_beta: float) -> None:
        self.target, self.settings, self.n_beta = target, settings, n_beta
        self._seen: list[tuple[Tensor, ...]] = []
        self._probes: list[Tensor] = []
        self._probed: list[int] = []
        self._relaxation = math.nan
        self._steps = settings.burn_in + settings.draws

    def add(self, step: int, positions: Tensor, here: Evaluation) -> None:
        """Note the losses (C, K) of this step; raises ChainDivergedError if one is not finite."""
        bad = (~here.losses.isfinite()).any(dim=1).nonzero().flatten().tolist()
        if bad:
            raise ChainDivergedError(
                f"chain {bad[0]} diverged by SGLD step {step}: its loss is not finite; lower llc.epsilon = "
                f"{self.settings.epsilon:g} or llc.n_beta (here {self.n_beta:g} times the MSE)"
            )
        distance = (positions - self.target.centre).norm(dim=1)
        self._seen.append((here.losses, here.centre_losses, here.noise, distance))

    def probes_at(self, step: int) -> bool:
        """Whether this step is looked at more closely."""
        return step % PROBE_EVERY == 0 or step == self._steps - 1

    def probe(
        self,
        step: int,
        ends: tuple[Tensor, Tensor],
        here: Evaluation,
        metric: Metric,
        gamma: float,
    ) -> None:
        """Note acceptance, norms and heating of the step from ``ends[0]`` to ``ends[1]``, each (C, P)."""
        positions, moved = ends
        epsilon, centre, n_beta = self.settings.epsilon, self.target.centre, self.n_beta
        there = self.target.evaluate(moved, step)
        both = ((here, positions), (there, moved))
        drifts = [n_beta * at.gradient + gamma * (w - centre) for at, w in both]
        potentials = [
            # In float64: n beta times a loss is a large number whose small changes are what counts.
            n_beta * at.losses.double().mean(dim=1)
            + gamma / 2 * (w - centre).double().square().sum(dim=1)
            for at, w in both
        ]
        # Minibatches of steps that are not taken are as independent of this one's as can be.
        other = self.target.evaluate(positions, self._steps + step)
        noise = here.gradient - other.gradient
        push = metric.apply(here.gradient).mul_(0.5 * epsilon * n_beta)
        self._probes.append(
            torch.stack(
                [
                    mala_acceptance(ends, potentials, drifts, metric, epsilon).float(),
                    push.norm(dim=1),
                    (moved - positions + 0.5 * epsilon * metric.apply(drifts[0])).norm(dim=1),
                    heating(noise, metric, epsilon, n_beta),
                ]
            )
        )
        self._probed.append(step)
        self._metric = metric
        known = self.settings.relaxation_steps()
        self._relaxation = 2 / (epsilon * gamma * metric.typical()) if known is None else known

    def traces(self) -> Traces:
        """What was recorded."""
        losses, centre_losses, noise, distance = (
            torch.stack(each, dim=1) for each in zip(*self._seen, strict=True)
        )
        acceptance, gradient_norm, noise_norm, heat = torch.stack(self._probes, dim=-1).unbind()
        return Traces(
            losses=losses,
            centre_losses=centre_losses,
            noise=noise,
            distance=distance,
            acceptance=acceptance,
            gradient_norm=gradient_norm,
            noise_norm=noise_norm,
            heating=heat,
            probed=tuple(self._probed),
            relaxation=self._relaxation,
            metric=self._metric,
        )


def heating(difference: Tensor, metric: Metric, epsilon: float, n_beta: float) -> Tensor:
    """What the noise of minibatches adds to n beta E[l] (C,), at most; ``difference`` (C, P) is between two gradients.

    In a direction of curvature h the noise, of variance c, adds 1/2 s (eps/4) G (n beta)^2 c with
    s = n beta h / (n beta h + gamma): here s = 1, and c is half the squared difference.
    """
    return epsilon / 16 * n_beta**2 * (difference * metric.apply(difference)).sum(dim=1)
