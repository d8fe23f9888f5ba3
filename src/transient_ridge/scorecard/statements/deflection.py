"""Claim 4: paths are bent towards ridge, the more the greater M."""

from ..measurements import UNRESOLVED, Evidence, rank_correlation
from ..outcomes import ContradictedError, NotTestableError
from ..statement import AT_LEAST, AT_MOST, BEFORE, REVISED, RIDGE_PHASE, states

BENT = "deflection (0 = straight to dMMSE_M, 1 = through ridge)"


@states(
    4,
    "a",
    "The least M goes straight to dMMSE_M, and arrives",
    BENT,
    AT_MOST,
    "straight",
    set_when=REVISED,
)
def _least_goes_straight(evidence: Evidence, seed: int) -> float:
    M = evidence.diversities(seed)[0]
    evidence.require_resolved(M, seed)
    if not evidence.end(M, seed) >= evidence.settings.dmmse_like:
        raise ContradictedError(f"M = {M:g} does not end close to dMMSE_M (statement 1a)")
    return evidence.deflection(M, seed)


@states(
    4,
    "b",
    "The deflection grows with M",
    "rank correlation of M and the deflection",
    AT_LEAST,
    "grows",
    about=RIDGE_PHASE,
    set_when=REVISED,
)
def _deflection_grows(evidence: Evidence, seed: int) -> float:
    diversities = evidence.resolved(seed)
    bent = [evidence.deflection(M, seed) for M in diversities]
    straight = evidence.settings.straight
    if bent and not max(bent) > straight:
        raise ContradictedError(
            f"every path is straight: deflection at most {max(bent):.2g} (claims.straight = {straight:g})"
        )
    return rank_correlation(diversities, bent, "M with predictors that can be told apart")


@states(
    4,
    "c",
    "Some path passes close to ridge",
    f"greatest {BENT}",
    AT_LEAST,
    "deflected",
    about=RIDGE_PHASE,
    set_when=BEFORE,
)
def _some_pass_by_ridge(evidence: Evidence, seed: int) -> float:
    bent = [evidence.deflection(M, seed) for M in evidence.resolved(seed)]
    if not bent:
        raise NotTestableError(UNRESOLVED)
    return max(bent)
