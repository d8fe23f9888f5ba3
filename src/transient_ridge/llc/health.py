"""Whether to believe an estimate and, if not, why and what to change."""

from ..config.settings import HealthSettings
from .estimate import Estimate


def faults(of: Estimate, limits: HealthSettings) -> list[str]:
    """What is wrong with an estimate and how to mend it; empty if it is healthy."""
    found = not_equilibrated(of, limits)
    if of.mala_acceptance is not None and _below(of.mala_acceptance, limits.mala_acceptance):
        found.append(
            f"MALA acceptance after the burn-in {of.mala_acceptance:.2f} < {limits.mala_acceptance}: the step is too "
            "large for the posterior; lower llc.epsilon"
        )
    if of.r_hat is not None and _above(of.r_hat, limits.r_hat):
        found.append(f"split R-hat {of.r_hat:.2f} > {limits.r_hat}: raise llc.burn_in or llc.draws")
    if _below(of.ess, limits.ess):
        found.append(f"ESS {of.ess:.0f} < {limits.ess:g}: raise llc.draws or llc.chains")
    if _above(of.step_share, limits.step_share):
        found.append(
            f"the finite step adds {of.step_share:.1%} > {limits.step_share:.1%}: lower llc.epsilon, or take "
            "llc.sampler: leimkuhler_matthews"
        )
    if _above(of.heating_share, limits.heating):
        found.append(
            f"minibatch noise adds {of.heating_share:.0%} > {limits.heating:.0%}: it heats the chains; raise "
            "llc.minibatch or lower llc.epsilon"
        )
    if _above(of.locality, limits.locality):
        found.append(
            f"the chains are {of.locality:.2f} |w*| away from w* > {limits.locality}: they do not sample locally; "
            "raise llc.gamma"
        )
    if _above(of.share_below, limits.share_below):
        found.append(
            f"{of.share_below:.0%} of the draws below l(w*) > {limits.share_below:.0%}: w* is not at a minimum "
            "of the loss; raise llc.gamma or read the estimate as a bound"
        )
    if _above(abs(of.slope_share), limits.slope_share):
        found.append(
            f"the slope {of.centre_slope:.2g} at w* takes {abs(of.slope_share):.0%} off > {limits.slope_share:.0%}: w* "
            "is not at a minimum of this loss; take averaged or decayed weights, or raise llc.gamma"
        )
    return found


def not_equilibrated(of: Estimate, limits: HealthSettings) -> list[str]:
    """The faults that show that the chains had not forgotten w* when the draws began."""
    found = []
    if limits.relaxations is not None and not of.relaxations >= limits.relaxations:
        found.append(
            f"not equilibrated: the burn-in lasts {of.relaxations:.2g} relaxations of a flat direction < "
            f"{limits.relaxations:g}; raise llc.burn_in, llc.epsilon or llc.gamma"
        )
    if _above(of.missing, limits.missing):
        found.append(
            f"not equilibrated: the chains lack {of.missing_at_start:.1%} of the LLC at the first draw and "
            f"{of.missing:.1%} on average over the draws > {limits.missing:.1%}: a direction takes a few times "
            f"1 / (eps b) steps, and the slowest has b = {of.b_min:.2g}; raise llc.burn_in or take another "
            "llc.preconditioner; more chains would not help"
        )
    if _above(abs(of.distance_trend), limits.distance_trend):
        found.append(
            f"not equilibrated: |w - w*|^2 changes by {of.distance_trend:+.0%} during the draws (limit "
            f"{limits.distance_trend:.0%}) and is {of.radius_share:.0%} of what localisation by itself allows; "
            "raise llc.burn_in"
        )
    return found


def _below(value: float, limit: float | None) -> bool:
    # NaN counts as unhealthy.
    return limit is not None and not value >= limit


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and not value <= limit
