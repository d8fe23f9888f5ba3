r"""The local learning coefficient from the traces of chains: two estimators, their errors, and their diagnostics.

    lambda_hat(w*) = n beta (E[l(w)] - l(w*)),

the expectation over the local posterior (arXiv 2501.17745, section 'LLC'), estimated from the draws after the
burn-in. *Paired*: each draw's minibatch loss minus that of w* on the same minibatch, so that the noise of
the minibatch cancels. *Unpaired*: l(w*) is the mean over all n sequences. Both have the same expectation.
*By variance*: (n beta)^2 Var[l(w)], the minibatch's part of the variance taken off; it needs no l(w*). Both kinds are
the learning coefficient in the limit of large n beta; for a quadratic loss of curvatures h they are 1/2 sum s and
1/2 sum s^2 with s = h / (h + gamma / n beta), so that their ratio says how much of the number is the localisation's.
Lambda has no unit; losses are mean squared errors in units of y^2, and n beta is converted to multiply them.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..config.registries import PRECONDITIONERS, SAMPLERS
from ..config.settings import SgldSettings
from .curvature.metric import Metric
from .diagnostics import Traces

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import arviz

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChainMean:
    """Mean of a quantity over all chains and draws, and how well the chains know it."""

    mean: float
    standard_error: (
        float  # Monte Carlo, from the differences between chains and the autocorrelation within
    )
    r_hat: float | None  # split R-hat; None for one chain
    ess: float  # effective number of independent draws

    @classmethod
    def of(cls, draws: Array) -> "ChainMean":
        """From ``draws`` (chains, draws)."""
        if np.ptp(draws) == 0:  # every draw is the same: there is nothing to be unsure of
            return cls(float(draws.flat[0]), 0.0, 1.0, float(draws.size))
        # Centred first: ArviZ estimates autocovariances of numbers whose spread may be 1e-4 of their size.
        centred = draws - draws.mean()
        return cls(
            float(draws.mean()),
            _arviz(arviz.mcse, centred, "mean"),
            _arviz(arviz.rhat, centred, "split") if len(draws) > 1 else None,
            _arviz(arviz.ess, centred, "mean"),
        )


def _arviz(statistic: Callable[..., Any], draws: Array, method: str) -> float:
    return float(statistic(draws, method=method))


@dataclass(frozen=True)
class Centre:
    """What is known of w* where its loss is sampled."""

    errors: Tensor  # (n, K), squared errors on the sequences whose mean is l_n
    exact: bool  # whether minibatches come from these very sequences, so that l_n(w*) is known without error
    norm: float  # |w*|
    gradient: Tensor  # (P,), of l_n at w* where the chains can move: 0 at a minimum
    free: int  # P, the parameters that the chains move


@dataclass(frozen=True)
class Estimate:
    """The LLC of one component of one checkpoint on one position of the context (None: on all)."""

    token: int | None
    llc: float
    standard_error: float
    llc_unpaired: float
    standard_error_unpaired: float
    llc_variance: float | None  # None for a single position
    standard_error_variance: float | None
    centre_loss: float
    mean_loss: float
    r_hat: float | None
    ess: float
    share_below: float
    mala_acceptance: float | None  # None where steps are no proposals of MALA
    distance: float
    gradient_norm: float
    noise_norm: float
    relaxations: float  # of the burn-in, in flat directions
    distance_trend: float  # sure growth of |w - w*|^2 during the draws, as a share of its mean
    radius_share: float  # mean |w - w*|^2 over that of the localisation alone, P / gamma
    heating: float  # most that minibatch noise adds, as a share of llc
    locality: float  # mean |w - w*| / |w*|
    centre_slope: float  # |grad l_n(w*)|
    slope_share: float  # most that the slope at w* takes off, as a share of llc


def estimate(
    traces: Traces,
    n_beta: float,
    settings: SgldSettings,
    centre: Centre,
    *,
    per_token: bool = False,
) -> list[Estimate]:
    """The estimate on all positions, then, if asked, that on each.

    ``n_beta`` multiplies the traced loss.
    """
    burn_in = settings.burn_in
    losses, of_centre = (
        part[:, burn_in:].double().cpu().numpy() for part in (traces.losses, traces.centre_losses)
    )
    pairs = losses - of_centre
    frozen = centre.errors.double().cpu().numpy()
    shared = _diagnostics(traces, settings, centre)
    heating = float(_after(traces, traces.heating, burn_in))
    tilt = _tilt(n_beta, settings, centre.gradient, traces.metric)
    K = losses.shape[-1]
    whole: list[tuple[int | None, slice]] = [(None, slice(None))]
    parts = whole + [(k + 1, slice(k, k + 1)) for k in range(K) if per_token]
    estimates = []
    for token, columns in parts:
        pair = pairs[..., columns].mean(axis=-1)
        paired = ChainMean.of(n_beta * pair)
        loss = ChainMean.of(losses[..., columns].mean(axis=-1))
        of_frozen = frozen[:, columns].mean(axis=-1)
        unsure = 0.0 if centre.exact else of_frozen.std(ddof=1) / math.sqrt(len(of_frozen))
        variance = None
        if token is None:
            noise = traces.noise[:, burn_in:].double().cpu().numpy()
            variance = variance_estimate(pair, noise, n_beta, paired.ess)
        size = max(abs(paired.mean), np.finfo(float).tiny)
        estimates.append(
            Estimate(
                token=token,
                llc=paired.mean,
                standard_error=paired.standard_error,
                llc_unpaired=n_beta * (loss.mean - of_frozen.mean()),
                standard_error_unpaired=n_beta * math.hypot(loss.standard_error, unsure),
                llc_variance=variance.mean if variance else None,
                standard_error_variance=variance.standard_error if variance else None,
                centre_loss=float(of_frozen.mean()),
                mean_loss=loss.mean,
                r_hat=paired.r_hat,
                ess=paired.ess,
                share_below=float((pair < 0).mean()),
                heating=heating / size,
                slope_share=tilt / size,
                **shared,
            )
        )
    return estimates


def variance_estimate(pair: Array, noise: Array, n_beta: float, ess: float) -> ChainMean:
    """(n beta)^2 times the variance over the posterior of the loss, from draws of all chains.

    ``pair`` (C, S) are paired minibatch losses, and ``noise`` (C, S) the variance of each of them over minibatches.
    """
    squares = (pair - pair.mean()) ** 2
    # Around their own mean, draws that are worth `ess` independent ones spread too little by 1 / ess.
    return ChainMean.of(n_beta**2 * (squares * ess / max(ess - 1, 1) - noise))


def _diagnostics(traces: Traces, settings: SgldSettings, centre: Centre) -> dict[str, Any]:
    """What is the same for all positions of the context."""
    burn_in = settings.burn_in
    distance = traces.distance[:, burn_in:].double().cpu().numpy()
    squares = distance**2
    # What annealing takes is not spent at the posterior that is sampled.
    at_rest = burn_in - burn_in // 2 if settings.annealing else burn_in
    return {
        "mala_acceptance": _after(traces, traces.acceptance, burn_in)
        if SAMPLERS.constant(settings.sampler, "MALA")
        else None,
        "distance": float(distance.mean()),
        "gradient_norm": _after(traces, traces.gradient_norm, burn_in),
        "noise_norm": _after(traces, traces.noise_norm, burn_in),
        "relaxations": at_rest / traces.relaxation,
        "distance_trend": _trend(squares),
        "radius_share": float(squares.mean() * settings.gamma / centre.free),
        "locality": float(distance.mean() / centre.norm) if centre.norm else math.inf,
        "centre_slope": float(centre.gradient.norm()),
    }


def _trend(squares: Array) -> float:
    """Growth of ``squares`` (C, S) over the draws as a share of their mean, less two errors over the chains."""
    C, S = squares.shape
    if S < 2 or squares.mean() == 0:
        return 0.0
    slopes = np.polyfit(np.arange(S), squares.T, 1)[0] * S / squares.mean()
    unsure = 2 * slopes.std(ddof=1) / math.sqrt(C) if C > 1 else 0.0
    return float(np.sign(slopes.mean()) * max(0.0, abs(slopes.mean()) - unsure))


def _after(traces: Traces, probes: Tensor, burn_in: int) -> float:
    """Mean of ``probes`` (C, Q) over those after the burn-in."""
    kept = [i for i, step in enumerate(traces.probed) if step >= burn_in]
    return float(probes[:, kept].double().mean())


def _tilt(n_beta: float, settings: SgldSettings, gradient: Tensor, metric: Metric) -> float:
    """The most that a slope g at w* lowers n beta E[l] by: (n beta)^2 g^T (n beta H + gamma)^-1 g.

    With H = 0 where the preconditioner has not measured it.
    """
    if PRECONDITIONERS.constant(settings.preconditioner, "NATURAL_STEP"):
        g = gradient[None].to(metric.scale)
        return n_beta**2 * float((g * metric.apply(g)).sum())
    slope = float(gradient.norm())
    return (n_beta * slope) ** 2 / settings.gamma if settings.gamma else math.inf if slope else 0.0
