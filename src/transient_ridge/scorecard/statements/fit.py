"""Claim 7: losses in distribution, of the predictors and of the runs."""

from ...analysis.datasets import IN_DISTRIBUTION as IN
from ..measurements import Evidence, rank_correlation
from ..outcomes import ContradictedError, Measured
from ..statement import AT_MOST, BEFORE, PREDICTORS, states


@states(
    7,
    "a",
    "On q_M, dMMSE_M's advantage over ridge shrinks as M grows",
    "rank correlation of M and the gap",
    AT_MOST,
    "falls",
    about=PREDICTORS,
    joint=True,
    set_when=BEFORE,
)
def _gap_shrinks(evidence: Evidence, seed: int) -> float:
    diversities = evidence.diversities(seed)
    gaps = [evidence.ideal("ridge", M, IN) - evidence.ideal("dmmse", M, IN) for M in diversities]
    return rank_correlation(diversities, gaps, "finite M")


@states(
    7,
    "b",
    "Every run below the task-diversity threshold fits its tasks: on q_M it ends on dMMSE_M's side of half-way",
    "worst excess loss over dMMSE_M, share of ridge's",
    AT_MOST,
    "fitting_side",
)
def _fits_below_the_threshold(evidence: Evidence, seed: int) -> Measured:
    rows = evidence.table("thresholds")
    below = rows[rows["seed"] == seed].sort_values("step")["below"].iloc[-1]
    diversities = [M for M in evidence.resolved(seed) if below >= M]
    if not diversities:
        evidence.require_resolved(evidence.diversities(seed)[0], seed)
        raise ContradictedError("no run ends on dMMSE's side of the threshold")
    excess = {M: evidence.excess_over_dmmse(M, seed) for M in diversities}
    worst = max(excess, key=lambda M: excess[M])
    return Measured(excess[worst], remark=f"M = {worst:g}")
