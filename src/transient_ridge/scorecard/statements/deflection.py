"""Claim 4: paths are bent towards ridge, the more the greater M."""

from ..measurements import UNRESOLVED, Evidence, rank_correlation
from ..nulls import MEMORISING, SOFTENED, STRAIGHT, VIA_RIDGE
from ..outcomes import ContradictedError, Measured, NotTestableError
from ..statement import RIDGE_PHASE, states


@states("4a", at_most="straight", nulls=(VIA_RIDGE,))
def _least_goes_straight(evidence: Evidence, seed: int) -> float:
    """The smallest M goes straight to dMMSE_M, and arrives.

    Measured: deflection in the subspace of the PCA (0 = straight to its own end, 1 = through ridge).
    """
    M = evidence.diversities(seed)[0]
    evidence.require_resolved(M, seed)
    if not evidence.end(M, seed) >= evidence.settings.dmmse_like:
        raise ContradictedError(f"M = {M:g} does not end close to dMMSE_M (statement 1a)")
    return evidence.deflection(M, seed)


@states("4b", at_least="grows", nulls=(STRAIGHT, SOFTENED), about=RIDGE_PHASE)
def _deflection_grows(evidence: Evidence, seed: int) -> float:
    """Among runs that end as dMMSE_M, the deflection grows with M.

    Measured: rank correlation of M and the deflection.
    """
    bent = _bent(evidence, seed)
    straight = evidence.settings.straight
    if not max(bent.values()) > straight:
        raise ContradictedError(
            f"every path is straight: deflection at most {max(bent.values()):.2g} (claims.straight = {straight:g})"
        )
    return rank_correlation(list(bent), list(bent.values()), "runs that end as dMMSE_M")


@states("4c", at_least="deflected", nulls=(STRAIGHT, SOFTENED), exists=True, about=RIDGE_PHASE)
def _some_pass_by_ridge(evidence: Evidence, seed: int) -> Measured:
    """Some path passes by ridge.

    Measured: greatest deflection in the subspace of the PCA (0 = straight to its own end, 1 = through ridge).
    """
    bent = _bent(evidence, seed)
    M = max(bent, key=lambda M: bent[M])
    return Measured(bent[M], remark=f"M = {M:g}")


def _bent(evidence: Evidence, seed: int) -> dict[float, float]:
    """M whose run ends as dMMSE_M -> its deflection."""
    told_apart = evidence.resolved(seed)
    if not told_apart:
        raise NotTestableError(UNRESOLVED)
    bent = {M: evidence.deflection(M, seed) for M in evidence.dmmse_like(seed) if M in told_apart}
    if not bent:
        raise ContradictedError("no run ends as dMMSE_M")
    return bent


@states("4d", at_most="stays", nulls=(MEMORISING,), about=RIDGE_PHASE)
def _greatest_stays(evidence: Evidence, seed: int) -> float:
    """The largest finite M goes to ridge and stays there.

    Measured: rise of alpha out of distribution from its least to the end.
    """
    M = evidence.diversities(seed)[-1]
    evidence.require_resolved(M, seed)
    fall, rise = evidence.hook(M, seed)
    if not fall > rise:
        raise ContradictedError(f"M = {M:g} does not go towards ridge")
    return rise
