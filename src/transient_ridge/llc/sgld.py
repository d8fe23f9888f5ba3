r"""Localised stochastic gradient Langevin dynamics, all chains of a checkpoint at once.

The chains sample the local Gibbs posterior around w* (arXiv 2501.17745, section 'LLC'; Lau et al. 2023),

    p(w | w*)  proportional to  exp(-n beta l_n(w) - gamma/2 |w - w*|^2),

by the update of ``devinterp.optim.SGMCMC.sgld`` (2.0.1), with G = 1 or the RMSProp preconditioner,

    w <- w - (eps/2) G (n beta grad l_B(w) + gamma (w - w*)) + sqrt(eps G) eta,    eta ~ N(0, I).

Every step records the minibatch loss of w *before* the update and that of w* on the same minibatch. A kernel
step is a pure function; what is sampled is behind :class:`Target`, so that the same code runs on a transformer
and on a potential whose learning coefficient is known.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..config.settings import SgldSettings
from ..errors import ChainDivergedError

#: Steps between two looks at acceptance, norms and distance, which cost one more gradient each.
PROBE_EVERY = 25

# RMSProp: decay of the mean squared gradient, and what is added to its root (devinterp's defaults).
RMSPROP_DECAY = 0.99
RMSPROP_FLOOR = 0.1


class Evaluation(NamedTuple):
    """What a target says of the stacked positions on one minibatch per chain."""

    losses: (
        Tensor  # (C, K), one column per position of the context; the mean over K is what is sampled
    )
    gradient: Tensor  # (C, P), of that mean
    centre_losses: Tensor  # (C, K), the losses of w* on the same minibatches


class Target(Protocol):
    """A loss around a centre."""

    centre: Tensor  # (P,)

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """Losses and gradient of ``positions`` (C, P) on the minibatches of SGLD step ``step``."""
        ...


class Traces(NamedTuple):
    """What the chains leave behind; S = burn-in + draws, and Q probes among those S steps."""

    losses: Tensor  # (C, S, K) float32, in the units of the target's loss
    centre_losses: Tensor  # (C, S, K)
    acceptance: Tensor  # (C, Q), probability that MALA would accept the proposed step
    distance: Tensor  # (C, Q), |w - w*|
    gradient_norm: Tensor  # (C, Q), |(eps/2) G n beta grad l|
    noise_norm: Tensor  # (C, Q), |sqrt(eps G) eta|


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
    the parameters. Raises ChainDivergedError if a loss is not finite.
    """
    record = Record(target, settings, n_beta)
    positions = target.centre.repeat(settings.chains, 1)
    preconditioner = Preconditioner(settings.preconditioner)
    for step in range(settings.burn_in + settings.draws):
        here = target.evaluate(positions, step)
        scale = preconditioner.update(here.gradient)
        if mask is not None:
            scale = scale * mask
        moved = langevin_step(
            positions,
            target.centre,
            here.gradient,
            scale=scale,
            eta=noise(),
            n_beta=n_beta,
            settings=settings,
        )
        record.add(step, here.losses, here.centre_losses)
        if record.probes_at(step):
            record.probe(step, positions, moved, here, scale)
        positions = moved
    return record.traces()


def langevin_step(
    positions: Tensor,
    centre: Tensor,
    gradient: Tensor,
    *,
    scale: Tensor,
    eta: Tensor,
    n_beta: float,
    settings: SgldSettings,
) -> Tensor:
    """The positions (C, P) after one step from ``positions`` with the noise ``eta`` (C, P).

    ``centre`` is w* (P,), ``gradient`` (C, P) that of the loss; ``scale`` is G, whatever broadcasts to (C, P). Pure;
    nothing that is passed is changed.
    """
    half = settings.epsilon / 2
    # One pass per term: written out as the formula stands, this costs as much as a tenth of the gradient.
    moved = torch.lerp(positions, centre, half * settings.gamma * scale)
    moved.addcmul_(scale, gradient, value=-half * n_beta)
    return moved.addcmul_(scale.sqrt(), eta, value=math.sqrt(settings.epsilon))


def mala_acceptance(
    positions: tuple[Tensor, Tensor],
    potentials: Sequence[Tensor],
    drifts: Sequence[Tensor],
    scale: Tensor | float,
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
    proposal = proposal - epsilon / 8 * (scale * (end - start) * (end + start)).sum(dim=1)
    ratio = potentials[0] - potentials[1] + proposal
    # A step to a place that is not finite would never be accepted.
    return torch.nan_to_num(ratio, nan=-math.inf).clamp(max=0).exp()


class Preconditioner:
    """G: the identity, or RMSProp's running scale of each chain's gradient."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.mean_square: Tensor | None = None

    def update(self, gradient: Tensor) -> Tensor:
        """G for this step, of shape (1, 1) or (C, P), after seeing ``gradient`` (C, P)."""
        if self.kind == "none":
            return gradient.new_ones(1, 1)
        if self.mean_square is None:
            self.mean_square = torch.zeros_like(gradient)
        self.mean_square.lerp_(gradient.square(), 1 - RMSPROP_DECAY)
        return 1 / (self.mean_square.sqrt() + RMSPROP_FLOOR)


class Record:
    """Grows the traces of a sampling, whoever moves the chains."""

    def __init__(self, target: Target, settings: SgldSettings, n_beta: float) -> None:
        self.target, self.settings, self.n_beta = target, settings, n_beta
        self._losses: list[Tensor] = []
        self._centre_losses: list[Tensor] = []
        self._probes: list[Tensor] = []
        self._last = settings.burn_in + settings.draws - 1

    def add(self, step: int, losses: Tensor, centre_losses: Tensor) -> None:
        """Note the losses (C, K) of this step; raises ChainDivergedError if one is not finite."""
        bad = (~losses.isfinite()).any(dim=1).nonzero().flatten().tolist()
        if bad:
            raise ChainDivergedError(
                f"chain {bad[0]} diverged by SGLD step {step}: its loss is not finite; lower llc.epsilon = "
                f"{self.settings.epsilon:g} or llc.n_beta (here {self.n_beta:g} times the MSE)"
            )
        self._losses.append(losses)
        self._centre_losses.append(centre_losses)

    def probes_at(self, step: int) -> bool:
        """Whether this step is looked at more closely."""
        return step % PROBE_EVERY == 0 or step == self._last

    def probe(
        self, step: int, positions: Tensor, moved: Tensor, here: Evaluation, scale: Tensor
    ) -> None:
        """Note acceptance, distance and norms of the step from ``positions`` to ``moved`` (C, P)."""
        gamma, epsilon, centre = self.settings.gamma, self.settings.epsilon, self.target.centre
        there = self.target.evaluate(moved, step)
        ends = ((here, positions), (there, moved))
        drifts = [self.n_beta * at.gradient + gamma * (w - centre) for at, w in ends]
        potentials = [
            # In float64: n beta times a loss is a large number whose small changes are what counts.
            self.n_beta * at.losses.double().mean(dim=1)
            + gamma / 2 * (w - centre).double().square().sum(dim=1)
            for at, w in ends
        ]
        push = 0.5 * epsilon * scale
        self._probes.append(
            torch.stack(
                [
                    mala_acceptance((positions, moved), potentials, drifts, scale, epsilon).float(),
                    (positions - centre).norm(dim=1),
                    (push * self.n_beta * here.gradient).norm(dim=1),
                    (moved - positions + push * drifts[0]).norm(dim=1),
                ]
            )
        )

    def traces(self) -> Traces:
        """What was recorded."""
        return Traces(
            torch.stack(self._losses, dim=1),
            torch.stack(self._centre_losses, dim=1),
            *torch.stack(self._probes, dim=-1).unbind(),
        )
