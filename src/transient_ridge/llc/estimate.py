r"""The local learning coefficient from the traces of chains: two estimators, their errors, and their diagnostics.

    lambda_hat(w*) = n beta (E[l(w)] - l(w*)),

the expectation over the local posterior (arXiv 2501.17745, section 'LLC'), estimated from the draws after the burn-in.
*Paired*: each draw's minibatch loss minus that of w* on the same minibatch, so that the minibatch's noise cancels.
*Unpaired*: l(w*) is the mean over all n sequences. Both have the same expectation and get the same two corrections, by
the quadratic around w* (:mod:`.quadratic`): minus what minibatch noise adds, plus what the slope at w* takes off. Only
second-order effects of either remain.
Lambda has no unit; losses are mean squared errors in units of y^2, and n beta is converted to multiply them.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from ..config.registries import SAMPLERS
from ..config.relaxation import at_rest
from ..config.settings import SgldSettings
from .diagnostics import Traces
from .error import Array, known_error
from .target import Target

#: The known error is used unless ArviZ's is more than this many times as large.
BELIEVED = 2.0


@dataclass(frozen=True)
class ChainMean:
    """Mean of a quantity over all chains and draws, and its uncertainty, both with minibatch noise."""

    mean: float
    standard_error: float  # Monte Carlo
    r_hat: float | None  # split R-hat; None for one chain
    ess: float  # effective number of independent draws, at most the number of draws

    @classmethod
    def of(cls, draws: Array, known: float = 0.0) -> "ChainMean":
        """From ``draws`` (chains, draws) and a standard error ``known`` from theory.

        For short chains, ArviZ's error scatters widely and is mostly too small, so it replaces the known error only
        where it is so much larger that the theory cannot hold.
        """
        if np.ptp(draws) == 0:  # all draws are equal, so nothing is uncertain
            return cls(float(draws.flat[0]), 0.0, 1.0, float(draws.size))
        # Centred, because a spread of 1e-4 of the values would cost ArviZ's autocovariances their digits.
        centred = draws - draws.mean()
        seen = _arviz("mcse", centred, "mean")
        error = seen if seen > BELIEVED * known else known
        r_hat = _arviz("rhat", centred, "split") if len(draws) > 1 else None
        ess = min(_arviz("ess", centred, "mean") * (seen / error) ** 2, float(draws.size))
        return cls(float(draws.mean()), error, r_hat, ess)


def _arviz(statistic: str, draws: Array, method: str) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz  # noqa: PLC0415 - machines that only run chains may lack it

    return float(getattr(arviz, statistic)(draws, method=method))


class DataTarget(Target, Protocol):
    """A target whose loss is a mean over n samples."""

    centre_errors: Tensor  # (n, K), squared errors of w* on all of them


@dataclass(frozen=True)
class Centre:
    """What is known about w* and its loss."""

    errors: Tensor  # (n, K), squared errors on the n sequences
    exact: bool  # whether minibatches come from these sequences, so that l_n(w*) is known without error
    norm: float  # |w*|
    gradient: (
        Tensor  # (P,), of l_n at w* in the directions that the chains can move in: 0 at a minimum
    )
    free: int  # P, the parameters that the chains move

    @classmethod
    def of(cls, target: DataTarget, exact: bool, mask: Tensor | None = None) -> "Centre":
        """The centre of a ``target`` whose chains move the parameters of ``mask`` (P,), all of them by default."""
        slope = target.centre_gradient
        return cls(
            errors=target.centre_errors,
            exact=exact,
            norm=float(target.centre.norm()),
            gradient=slope if mask is None else slope * mask,
            free=len(slope) if mask is None else int(mask.sum()),
        )


@dataclass(frozen=True)
class Estimate:
    """The LLC of one component of one checkpoint at one position of the context (None: all), and its diagnostics.

    The fields are columns of the table `llc`; artefacts/schemas.py explains them. ``slope`` and ``heating`` are None
    for a single position, ``mala_acceptance`` where steps are not MALA's proposals, ``r_hat`` for one chain, and
    ``b_min`` and ``b_max`` where the loss has no curvature at w*.
    """

    token: int | None
    llc: float
    standard_error: float
    llc_unpaired: float
    standard_error_unpaired: float
    slope: float | None
    heating: float | None
    centre_loss: float
    mean_loss: float
    r_hat: float | None
    ess: float
    share_below: float
    mala_acceptance: float | None
    distance: float
    gradient_norm: float
    noise_norm: float
    relaxations: float
    b_min: float | None
    b_max: float | None
    missing_at_start: float
    missing: float
    step_share: float
    distance_trend: float
    radius_share: float
    heating_share: float
    locality: float
    centre_slope: float
    slope_share: float


def estimate(
    traces: Traces,
    n_beta: float,
    settings: SgldSettings,
    centre: Centre,
    *,
    per_token: bool = False,
) -> list[Estimate]:
    """Estimate the LLC for all positions together and, if ``per_token``, for each.

    ``n_beta`` multiplies the traced loss.
    """
    losses, of_centre = (
        part[:, settings.burn_in :].double().cpu().numpy()
        for part in (traces.losses, traces.centre_losses)
    )
    pairs, frozen = losses - of_centre, centre.errors.double().cpu().numpy()
    slope, heating, error_of_heating = _corrections(traces, settings)
    shared = _diagnostics(traces, settings, centre)
    estimates = []
    for token in (None, *(range(1, losses.shape[-1] + 1) if per_token else ())):
        of_all = token is None
        columns = slice(None) if token is None else slice(token - 1, token)
        pair, own = (part[..., columns].mean(axis=-1) for part in (pairs, losses))
        corrected, unsure_of_heating = (slope - heating, error_of_heating) if of_all else (0.0, 0.0)
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
                standard_error=math.hypot(paired.standard_error, unsure_of_heating),
                llc_unpaired=n_beta * (loss.mean - of_frozen.mean()) + corrected,
                standard_error_unpaired=math.hypot(
                    n_beta * loss.standard_error, n_beta * unsure, unsure_of_heating
                ),
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


def _corrections(traces: Traces, settings: SgldSettings) -> tuple[float, float, float]:
    """What the slope at w* takes off lambda, what minibatch noise adds by the quadratic, and the latter's error."""
    quadratic, noises = traces.quadratic, traces.gradient_noise
    added = quadratic.added_by(noises, settings, traces.losses.shape[1])
    power = quadratic.power(noises)
    if not bool(power.any()):
        return quadratic.taken, 0.0, 0.0
    # A few draws of the noise show how it spreads over the directions; the heat of all probes shows how much there is.
    seen, share = _after(traces, traces.heat, settings.burn_in), added.sum() / power.sum()
    off = (added - share * power).std() / math.sqrt(len(power)) / power.mean()
    return quadratic.taken, float(share * seen), float(off * seen)


def _known_errors(
    traces: Traces, n_beta: float, llc: float, pair: Array, loss: Array
) -> tuple[float, float]:
    """Standard errors of n beta times the means of ``pair`` and ``loss`` (C, S), by the quadratic with this ``llc``.

    The loss varies more than the pair does; the difference is minibatch noise.
    """
    C, S = pair.shape
    predicted = traces.prediction
    slow = (max(llc, 0.0) * predicted.autocovariance + predicted.by_slope).cpu().numpy()
    noise = float(traces.noise[:, -S:].double().mean())
    more = max(float(loss.var() - pair.var()), 0.0)
    of_pair, of_loss = (known_error(n_beta**2 * each, slow, C) for each in (noise, noise + more))
    return of_pair, of_loss


def _diagnostics(traces: Traces, settings: SgldSettings, centre: Centre) -> dict[str, Any]:
    """The fields that are the same for all positions of the context."""
    burn_in, predicted = settings.burn_in, traces.prediction
    distance = traces.distance[:, burn_in:].double().cpu().numpy()
    squares = distance**2
    by_mala = SAMPLERS.constant(settings.sampler, "MALA")
    return {
        "mala_acceptance": _after(traces, traces.acceptance, burn_in) if by_mala else None,
        "distance": float(distance.mean()),
        "gradient_norm": _after(traces, traces.gradient_norm, burn_in),
        "noise_norm": _after(traces, traces.noise_norm, burn_in),
        "relaxations": at_rest(settings) / traces.relaxation,
        "b_min": None if math.isnan(predicted.b_min) else predicted.b_min,
        "b_max": None if math.isnan(predicted.b_max) else predicted.b_max,
        "missing_at_start": predicted.missing_at_start,
        "missing": predicted.missing,
        "step_share": predicted.step,
        "distance_trend": _trend(squares),
        "radius_share": float(squares.mean() * settings.gamma / centre.free),
        "locality": float(distance.mean() / centre.norm) if centre.norm else math.inf,
        "centre_slope": float(centre.gradient.norm()),
    }


def _trend(squares: Array) -> float:
    """Growth of ``squares`` (C, S) over the draws as a share of their mean, less two standard errors over chains."""
    C, S = squares.shape
    if S < 2 or squares.mean() == 0:
        return 0.0
    slopes = np.polyfit(np.arange(S), squares.T, 1)[0] * S / squares.mean()
    unsure = 2 * slopes.std(ddof=1) / math.sqrt(C) if C > 1 else 0.0
    return float(np.sign(slopes.mean()) * max(0.0, abs(slopes.mean()) - unsure))


def _after(traces: Traces, probes: Tensor, burn_in: int) -> float:
    """Mean of the ``probes`` (C, Q) after the burn-in."""
    kept = [i for i, step in enumerate(traces.probed) if step >= burn_in]
    return float(probes[:, kept].double().mean())
