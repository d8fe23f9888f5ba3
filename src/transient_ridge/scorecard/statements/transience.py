"""Claim 2: the transient ridge."""

from collections.abc import Callable

import numpy as np

from ..measurements import UNRESOLVED, Evidence
from ..nulls import GENERALISING, SOFTENED, STRAIGHT
from ..outcomes import Measured, NotTestableError
from ..statement import RIDGE_PHASE, asks, states

NULLS = (STRAIGHT, SOFTENED)


@states("2a", at_least="transience", nulls=NULLS, exists=True, about=RIDGE_PHASE)
def _dips_and_rises(evidence: Evidence, seed: int) -> Measured:
    """At some M the OOD loss falls towards ridge's, then rises.

    Measured: the lesser of dip (below every path that avoids ridge) and rise, as shares of the OOD gap between ridge
    and dMMSE_M, at the best M.
    """
    return _best(evidence, seed, evidence.transience, rank=0)


@states("2b", at_least="hook", nulls=NULLS, exists=True, about=RIDGE_PHASE)
def _hook(evidence: Evidence, seed: int) -> Measured:
    """There the path turns: a hook towards ridge and back.

    Measured: the lesser of the fall of alpha out of distribution and its rise, at the best M.
    """
    return _best(evidence, seed, lambda M, seed: min(evidence.hook(M, seed)), rank=0)


@states("2c", at_least="transience", nulls=NULLS, exists=True, about=RIDGE_PHASE)
def _a_second_one(evidence: Evidence, seed: int) -> Measured:
    """There are several such M.

    Measured: as 2a, at the second-best M.
    """
    if len(evidence.resolved(seed)) == 1:
        raise NotTestableError("the predictors can be told apart for only one M")
    return _best(evidence, seed, evidence.transience, rank=1)


def _best(
    evidence: Evidence, seed: int, measure: Callable[[float, int], float], rank: int
) -> Measured:
    """The greatest ``measure`` over the resolved M, or the next ones by ``rank``."""
    values = {M: measure(M, seed) for M in evidence.resolved(seed)}
    if not values:
        raise NotTestableError(UNRESOLVED)
    M = sorted(values, key=lambda M: -values[M])[rank]
    return Measured(values[M], remark=f"M = {M:g}")


@states("2d", at_least="risen", nulls=NULLS, exists=True, about=RIDGE_PHASE)
def _rises_to_dmmse(evidence: Evidence, seed: int) -> float:
    """At these M the OOD loss rises to dMMSE_M's.

    Measured: the OOD loss at the end above ridge's, as a share of the OOD gap between ridge and dMMSE_M, at the best M
    of 2a.
    """
    evidence.transient()
    return evidence.end_of_ood_loss(evidence.by_transience[0], seed)


@states("2e", at_most="no_transience", nulls=(GENERALISING,), about=RIDGE_PHASE)
def _not_at_the_ends_of_the_grid(evidence: Evidence, seed: int) -> float:
    """The smallest and the largest M show none of it, but one in between does.

    Measured: as 2a, the greater at these two M.
    """
    diversities = evidence.diversities(seed)
    if len(diversities) < 3:
        raise NotTestableError(f"the grid has {len(diversities)} finite M, and three are needed")
    evidence.transient()
    ends = (diversities[0], diversities[-1])
    for M in ends:
        evidence.require_resolved(M, seed)
    return float(np.max([evidence.transience(M, seed) for M in ends]))


@asks("2f", at_most="nearer_to_ridge", about=RIDGE_PHASE)
def _nearer_to_ridge(evidence: Evidence, seed: int) -> float:
    """At t_crit a transient run is nearer to ridge than to dMMSE_M on q_M.

    Measured: the greatest alpha at t_crit over transient M.
    """
    return float(np.max([evidence.at_critical_step(M, seed) for M in evidence.transient()]))
