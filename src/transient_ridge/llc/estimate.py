r"""The local learning coefficient from the traces of chains: two estimators, their errors, and their diagnostics.

    lambda_hat(w*) = n beta (E[l(w)] - l(w*)),

the expectation over the local posterior (arXiv 2501.17745, section 'LLC'), estimated from the draws after the
burn-in. *Paired*: each draw's minibatch loss minus that of w* on the same minibatch, so that the noise of
the minibatch cancels. *Unpaired*: l(w*) is the mean over all n sequences. Both have the same expectation, and from both
the same is taken off and added: what minibatch noise adds, and what the slope at w* takes off, in the quadratic around
w* (:mod:`.quadratic`). So what is left of either is of second order in its share.
Lambda has no unit; losses are mean squared errors in units of y^2, and n beta is converted to multiply them.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..config.registries import SAMPLERS
from ..config.settings import SgldSettings
from .diagnostics import Traces
from .error import Array, known_error

#: ArviZ's error over one that is known in another way, up to which the latter is believed.
BELIEVED = 2.0


@dataclass(frozen=True)
class ChainMean:
    """Mean of a quantity over all chains and draws, and how well the chains know it.

    Minibatch noise is in all of it: R-hat compares chains by what is seen of them, and an effective draw is one of the
    quantity with its noise.
    """

    mean: float
    standard_error: float  # Monte Carlo
    r_hat: float | None  # split R-hat; None for one chain
    ess: float  # effective number of independent draws, at most that of the draws

    @classmethod
    def of(cls, draws: Array, known: float = 0.0) -> "ChainMean":
        """From ``draws`` (chains, draws), and a standard error that is ``known`` in another way.

        ArviZ's error of short chains scatters widely, and is mostly too small. So it only serves to contradict: it is
        taken where it is so much larger that what was known cannot hold.
        """
        if np.ptp(draws) == 0:  # every draw is the same: there is nothing to be unsure of
            return cls(float(draws.flat[0]), 0.0, 1.0, float(draws.size))
        # Centred first: ArviZ estimates autocovariances of numbers whose spread may be 1e-4 of their size.
        centred = draws - draws.mean()
        seen = _arviz("mcse", centred, "mean")
        error = seen if seen > BELIEVED * known else known
        r_hat = _arviz("rhat", centred, "split") if len(draws) > 1 else None
        ess = min(_arviz("ess", centred, "mean") * (seen / error) ** 2, float(draws.size))
        return cls(float(draws.mean()), error, r_hat, ess)


def _arviz(statistic: str, draws: Array, method: str) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz  # noqa: PLC0415 - a machine that runs chains may lack it

    return float(getattr(arviz, statistic)(draws, method=method))


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
    slope: (
        float | None
    )  # what the slope at w* took off, and llc has again; None for a single position
    heating: float | None  # what minibatch noise added, and llc has no more
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
    b_min: (
        float | None
    )  # least and largest curvature, in the metric, that carries llc; None where w* has none
    b_max: float | None
    missing_at_start: (
        float  # share of llc that the chains lack at the first draw, and at the mean of all
    )
    missing: float
    step_share: float  # that the finite step adds
    distance_trend: float  # sure growth of |w - w*|^2 during the draws, as a share of its mean
    radius_share: float  # mean |w - w*|^2 over that of the localisation alone, P / gamma
    heating_share: float  # of llc
    locality: float  # mean |w - w*| / |w*|
    centre_slope: float  # |grad l_n(w*)|
    slope_share: float  # of llc


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
    slope, heating = _corrections(traces, settings)
    shared = _diagnostics(traces, settings, centre)
    K = losses.shape[-1]
    whole: list[tuple[int | None, slice]] = [(None, slice(None))]
    parts = whole + [(k + 1, slice(k, k + 1)) for k in range(K) if per_token]
    estimates = []
    for token, columns in parts:
        pair = pairs[..., columns].mean(axis=-1)
        of_all = token is None
        own = losses[..., columns].mean(axis=-1)
        corrected = slope - heating if of_all else 0.0
        llc = n_beta * float(pair.mean()) + corrected
        known = _known_errors(traces, n_beta, llc, pair, own) if of_all else (0.0, 0.0)
        paired, loss = ChainMean.of(n_beta * pair, known[0]), ChainMean.of(own, known[1] / n_beta)
        of_frozen = frozen[:, columns].mean(axis=-1)
        unsure = 0.0 if centre.exact else of_frozen.std(ddof=1) / math.sqrt(len(of_frozen))
        size = max(abs(llc), np.finfo(float).tiny)
        estimates.append(
            Estimate(
                token=token,
                llc=llc,
                standard_error=paired.standard_error,
                llc_unpaired=n_beta * (loss.mean - of_frozen.mean()) + corrected,
                standard_error_unpaired=n_beta * math.hypot(loss.standard_error, unsure),
                slope=slope if of_all else None,
                heating=heating if of_all else None,
                centre_loss=float(of_frozen.mean()),
                mean_loss=loss.mean,
                r_hat=paired.r_hat,
                ess=paired.ess,
                share_below=float((pair < 0).mean()),
                heating_share=heating / size,
                slope_share=slope / size,
                **shared,
            )
        )
    return estimates


def _corrections(traces: Traces, settings: SgldSettings) -> tuple[float, float]:
    """What the slope at w* takes off lambda, and what minibatch noise adds, in the quadratic around w*."""
    quadratic, noise = traces.quadratic, traces.gradient_noise
    one, power = quadratic.added_by(noise, settings, traces.losses.shape[1]), quadratic.power(noise)
    # One noise says how it is spread over the directions; all that were seen, how much there is.
    heating = one * _after(traces, traces.heat, settings.burn_in) / power if power else 0.0
    return quadratic.taken, heating


def _known_errors(
    traces: Traces, n_beta: float, llc: float, pair: Array, loss: Array
) -> tuple[float, float]:
    """Standard errors of n beta times the means of ``pair`` and ``loss`` (C, S), by the quadratic of that ``llc``.

    What varies more in the loss than in the pair is noise of its minibatches.
    """
    C, S = pair.shape
    told = traces.prediction
    slow = (max(llc, 0.0) * told.autocovariance + told.by_slope).cpu().numpy()
    noise = float(traces.noise[:, -S:].double().mean())
    more = max(float(loss.var() - pair.var()), 0.0)
    of_pair, of_loss = (known_error(n_beta**2 * each, slow, C) for each in (noise, noise + more))
    return of_pair, of_loss


def _diagnostics(traces: Traces, settings: SgldSettings, centre: Centre) -> dict[str, Any]:
    """What is the same for all positions of the context."""
    burn_in = settings.burn_in
    distance = traces.distance[:, burn_in:].double().cpu().numpy()
    squares = distance**2
    told = traces.prediction
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
        "b_min": None if math.isnan(told.b_min) else told.b_min,
        "b_max": None if math.isnan(told.b_max) else told.b_max,
        "missing_at_start": told.missing_at_start,
        "missing": told.missing,
        "step_share": told.step,
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
