"""Claim 8: the LLC against M."""

import math

import numpy as np

from ..measurements import Evidence, rank_correlation
from ..outcomes import ContradictedError, Measured, NotTestableError
from ..statement import AT_LEAST, AT_MOST, BEFORE, REVISED, RIDGE_PHASE, states


@states(
    8,
    "a",
    "The LLC of dMMSE-like models grows with M",
    "rank correlation of M and the LLC",
    AT_LEAST,
    "grows",
    set_when=BEFORE,
)
def _llc_grows(evidence: Evidence, seed: int) -> float:
    llc = evidence.llc(seed)
    diversities = [M for M in evidence.dmmse_like(seed) if M in llc]
    return rank_correlation(diversities, [llc[M] for M in diversities], "dMMSE-like runs with LLC")


@states(
    8,
    "b",
    "It crosses lambda_inf where transience sets in",
    "octaves of M between the two",
    AT_MOST,
    "onset_octaves",
    about=RIDGE_PHASE,
    set_when=REVISED,
)
def _llc_crosses_at_onset(evidence: Evidence, seed: int) -> Measured:
    llc, ridge = evidence.llc(seed), evidence.llc_of_ridge(seed)
    finite = sorted(M for M in llc if not math.isinf(M))
    if len(finite) < 2:
        raise NotTestableError(f"{len(finite)} finite M with a healthy LLC; two are needed")
    onset = evidence.transient()[0]
    above = [M for M in finite if llc[M] >= ridge]
    if not above:
        raise ContradictedError(
            f"transience sets in at M = {onset:g}, and no LLC up to M = {finite[-1]:g} reaches lambda_inf"
        )
    high = above[0]
    if high == finite[0]:
        raise ContradictedError(
            f"the LLC of the least M = {high:g} is above lambda_inf: it does not cross"
        )
    low = finite[finite.index(high) - 1]
    share = (ridge - llc[low]) / (llc[high] - llc[low])
    crossing = low * (high / low) ** share
    return Measured(abs(math.log2(crossing / onset)), math.log2(high / low) / 2)


@states(
    8,
    "c",
    "It levels off above M = 32",
    "range of the LLC over its mean",
    AT_MOST,
    "llc_spread",
    set_when=BEFORE,
)
def _llc_levels_off(evidence: Evidence, seed: int) -> float:
    llc, start = evidence.llc(seed), evidence.settings.plateau_from
    level = [llc[M] for M in evidence.dmmse_like(seed) if M in llc and start <= M]
    if len(level) < 2:
        raise NotTestableError(
            f"{len(level)} dMMSE-like runs with M >= {start} and an LLC; two are needed"
        )
    return (max(level) - min(level)) / abs(float(np.mean(level)))


@states(
    8,
    "d",
    "The LLC of the greatest M equals lambda_inf",
    "relative difference",
    AT_MOST,
    "llc_spread",
    set_when=BEFORE,
)
def _llc_converges(evidence: Evidence, seed: int) -> float:
    llc, ridge = evidence.llc(seed), evidence.llc_of_ridge(seed)
    M = evidence.diversities(seed)[-1]
    if M not in llc:
        raise NotTestableError(f"no healthy LLC of M = {M:g}, seed = {seed}")
    return abs(llc[M] / ridge - 1)
