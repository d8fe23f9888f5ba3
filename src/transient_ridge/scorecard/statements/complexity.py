"""Claim 8: the LLC against M. Every value carries the Monte Carlo errors of the LLCs."""

import math

import numpy as np

from ..measurements import Evidence, rank_correlation, with_monte_carlo
from ..nulls import CONSTANT, GROWING
from ..outcomes import ContradictedError, Measured, NotTestableError
from ..statement import RIDGE_PHASE, states


@states("8a", at_least="grows", nulls=(CONSTANT,))
def _llc_grows(evidence: Evidence, seed: int) -> Measured:
    """The LLC of dMMSE-like models grows with M.

    Measured: rank correlation of M and the LLC.
    """
    llc = _of_dmmse_like(evidence, seed)
    return with_monte_carlo(
        lambda llc: rank_correlation(list(llc), list(llc.values()), "dMMSE-like runs with LLC"), llc
    )


@states("8b", at_most="onset_octaves", nulls=(CONSTANT,), about=RIDGE_PHASE)
def _llc_crosses_at_onset(evidence: Evidence, seed: int) -> Measured:
    """It crosses lambda_inf where transience sets in.

    Measured: octaves of M between the two.
    """
    llc = evidence.llc(seed)
    evidence.llc_of(math.inf, seed)
    if len(llc) < 3:
        raise NotTestableError(f"{len(llc) - 1} finite M with a healthy LLC; two are needed")
    onset = evidence.transient()[0]
    low, high = _around_crossing({M: each for M, (each, _) in llc.items()}, onset)

    def octaves(llc: dict[float, float]) -> float:
        low, high = _around_crossing(llc, onset)
        share = (llc[math.inf] - llc[low]) / (llc[high] - llc[low])
        return abs(math.log2(low * (high / low) ** share / onset))

    return with_monte_carlo(octaves, llc, resolution=math.log2(high / low) / 2)


def _around_crossing(llc: dict[float, float], onset: float) -> tuple[float, float]:
    """The two neighbouring M between which the LLC rises to lambda_inf. Raises ContradictedError if there are none."""
    finite = sorted(M for M in llc if not math.isinf(M))
    above = [M for M in finite if llc[M] >= llc[math.inf]]
    if not above:
        raise ContradictedError(
            f"transience sets in at M = {onset:g}, and no LLC up to M = {finite[-1]:g} reaches lambda_inf"
        )
    if above[0] == finite[0]:
        raise ContradictedError(
            f"the LLC of the least M = {finite[0]:g} is above lambda_inf: it does not cross"
        )
    return finite[finite.index(above[0]) - 1], above[0]


@states("8c", at_most="llc_spread", nulls=(GROWING,))
def _llc_levels_off(evidence: Evidence, seed: int) -> Measured:
    """It levels off from M = {plateau_from} on.

    Measured: range of the LLC over its mean.
    """
    start = evidence.settings.plateau_from
    level = {M: llc for M, llc in _of_dmmse_like(evidence, seed).items() if start <= M}
    if len(level) < 2 or max(level) <= start:
        raise NotTestableError(
            f"{len(level)} dMMSE-like runs with M >= {start} and an LLC; two are needed, one of them above"
        )
    return with_monte_carlo(
        lambda llc: float(np.ptp(list(llc.values())) / abs(np.mean(list(llc.values())))), level
    )


@states("8d", at_most="llc_spread", nulls=(GROWING,))
def _llc_converges(evidence: Evidence, seed: int) -> Measured:
    """The LLC of the largest M equals lambda_inf.

    Measured: relative difference.
    """
    M = evidence.diversities(seed)[-1]
    both = {each: evidence.llc_of(each, seed) for each in (M, math.inf)}
    return with_monte_carlo(lambda llc: abs(llc[M] / llc[math.inf] - 1), both)


def _of_dmmse_like(evidence: Evidence, seed: int) -> dict[float, tuple[float, float]]:
    llc = evidence.llc(seed)
    return {M: llc[M] for M in evidence.dmmse_like(seed) if M in llc}
