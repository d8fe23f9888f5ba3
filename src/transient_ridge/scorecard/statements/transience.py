"""Claim 2: the transient ridge."""

import numpy as np

from ...analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ..measurements import Evidence
from ..outcomes import Measured, NotTestableError
from ..statement import AT_LEAST, AT_MOST, BEFORE, GRID, REVISED, RIDGE_PHASE, states

GAP = "share of the OOD gap between ridge and dMMSE_M"
BOTH = f"lesser of dip (below the straight way to dMMSE_M) and rise, {GAP}"


@states(
    2,
    "a",
    "For some M the OOD loss falls towards ridge's, then rises",
    BOTH,
    AT_LEAST,
    "transience",
    about=RIDGE_PHASE,
    set_when=REVISED,
)
def _dips_and_rises(evidence: Evidence, seed: int) -> Measured:
    M = evidence.by_transience[0]
    return Measured(evidence.transience(M, seed), remark=f"M = {M:g}")


@states(
    2,
    "b",
    "There it rises to dMMSE_M's",
    f"end of the OOD loss above ridge's, {GAP}",
    AT_LEAST,
    "risen",
    about=RIDGE_PHASE,
    set_when=BEFORE,
)
def _rises_to_dmmse(evidence: Evidence, seed: int) -> float:
    evidence.transient()
    return evidence.end_of_ood_loss(evidence.by_transience[0], seed)


@states(
    2,
    "c",
    "The least and the greatest M show no transient ridge, and one between does",
    f"greater of the two, {BOTH}",
    AT_MOST,
    "no_transience",
    about=RIDGE_PHASE,
    set_when=REVISED,
)
def _not_at_the_ends_of_the_grid(evidence: Evidence, seed: int) -> float:
    diversities = evidence.diversities(seed)
    if len(diversities) < 3:
        raise NotTestableError(f"the grid has {len(diversities)} finite M, and three are needed")
    evidence.transient()
    ends = (diversities[0], diversities[-1])
    for M in ends:
        evidence.require_resolved(M, seed)
    return float(np.max([evidence.transience(M, seed) for M in ends]))


@states(
    2,
    "d",
    "A second M shows it too",
    BOTH,
    AT_LEAST,
    "transience",
    about=RIDGE_PHASE,
    set_when=REVISED,
)
def _a_second_one(evidence: Evidence, seed: int) -> Measured:
    if len(evidence.by_transience) < 2:
        raise NotTestableError("for only one M can the predictors be told apart")
    M = evidence.by_transience[1]
    return Measured(evidence.transience(M, seed), remark=f"M = {M:g}")


@states(
    2,
    "e",
    "With M = inf, training ends at ridge",
    "distance to ridge at the end, share of Delta(dMMSE_M, ridge) out of distribution at the M of 2a",
    AT_MOST,
    "at_ridge",
    set_when=GRID,
)
def _infinity_ends_at_ridge(evidence: Evidence, seed: int) -> float:
    return evidence.reach(seed) / evidence.predictors_apart(evidence.by_transience[0], OUT)


@states(
    2,
    "f",
    "At t_crit a transient run is nearer to ridge than to dMMSE_M on q_M",
    "greatest relative distance at t_crit over transient M (0 = ridge, 1 = dMMSE)",
    AT_MOST,
    "nearer_to_ridge",
    about=RIDGE_PHASE,
)
def _nearer_to_ridge(evidence: Evidence, seed: int) -> float:
    return float(np.max([evidence.at_critical_step(M, seed) for M in evidence.transient()]))
