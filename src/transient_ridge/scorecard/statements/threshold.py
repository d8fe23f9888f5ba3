"""Claims 1 and 10: the task-diversity threshold, and whether it has settled."""

import math

from ...analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ...analysis.phases import HALF, Threshold
from ..measurements import Evidence, rank_correlation
from ..nulls import GENERALISING, MEMORISING, SOFTENED
from ..outcomes import ContradictedError, Measured, NotTestableError
from ..statement import RIDGE_PHASE, asks, states


@states("1a", at_least="dmmse_like", nulls=(GENERALISING,))
def _least_ends_at_dmmse(evidence: Evidence, seed: int) -> Measured:
    """The smallest M ends as dMMSE_M.

    Measured: alpha on q_M at the end (0 = ridge, 1 = dMMSE_M).
    """
    return _end(evidence, evidence.diversities(seed)[0], seed)


@states("1b", at_most="ridge_like", nulls=(MEMORISING, SOFTENED), about=RIDGE_PHASE)
def _greatest_ends_at_ridge(evidence: Evidence, seed: int) -> Measured:
    """The largest finite M ends as ridge.

    Measured: alpha on q_M at the end (0 = ridge, 1 = dMMSE_M).
    """
    return _end(evidence, evidence.diversities(seed)[-1], seed)


def _end(evidence: Evidence, M: float, seed: int) -> Measured:
    evidence.require_resolved(M, seed)
    off = evidence.path(M, seed)["residual"].iloc[-1] / math.sqrt(evidence.predictors_apart(M))
    return Measured(
        evidence.end(M, seed), remark=f"M = {M:g}, off the line by {off:.2f} of its length"
    )


@states("1c", at_most="falls", nulls=(GENERALISING,), about=RIDGE_PHASE)
def _end_falls(evidence: Evidence, seed: int) -> float:
    """In between, the end moves from dMMSE_M to ridge as M grows.

    Measured: rank correlation of M and alpha at the end.
    """
    diversities = evidence.resolved(seed)
    ends = [evidence.end(M, seed) for M in diversities]
    if ends and not min(ends) < HALF:
        raise NotTestableError(
            f"every M whose predictors can be told apart, up to {diversities[-1]:g}, ends nearer to dMMSE"
        )
    return rank_correlation(diversities, ends, "M with predictors that can be told apart")


@states(
    "1d",
    at_most="threshold_octaves",
    nulls=(MEMORISING, GENERALISING),
    about=RIDGE_PHASE,
    only_if="paper_threshold",
)
def _threshold_where_the_paper_finds_it(evidence: Evidence, seed: int) -> Measured:
    """The threshold lies where the paper finds it, near M = {paper_threshold:.0f}.

    Measured: octaves of M between the two.
    """
    centre = evidence.settings.paper_threshold
    assert centre is not None
    try:
        found = evidence.threshold(seed)
    except NotTestableError as outside:
        _contradict_if_passed(evidence, seed, centre, outside)
        raise
    return Measured(abs(math.log2(found.estimate / centre)), _half_a_step(found))


def _contradict_if_passed(
    evidence: Evidence, seed: int, centre: float, why: NotTestableError
) -> None:
    """Raise ContradictedError if a resolved M beyond the paper's threshold is on its wrong side."""
    diversities, wide = evidence.resolved(seed), 2**evidence.settings.threshold_octaves
    above = [M for M in diversities if centre * wide < M and evidence.end(M, seed) > HALF]
    below = [M for M in diversities if centre / wide > M and evidence.end(M, seed) < HALF]
    if above or below:
        raise ContradictedError(f"{why}, M = {(above or below)[0]:g} among them")


@asks("1e", at_most="at_ridge")
def _infinity_ends_at_ridge(evidence: Evidence, seed: int) -> float:
    """With M = inf, training ends at ridge.

    Measured: distance to ridge at the end over Delta(dMMSE_M, ridge) out of distribution, at the M of 2a.
    """
    return evidence.reach(seed) / evidence.predictors_apart(evidence.by_transience[0], OUT)


@asks("10a", at_most="settled_octaves", about=RIDGE_PHASE)
def _threshold_still_moves(evidence: Evidence, seed: int) -> Measured:
    """The threshold has settled by the end (otherwise models above it may be under-trained).

    Measured: octaves of M moved in the second half of training.
    """
    end, half = evidence.threshold(seed), evidence.threshold(seed, share=0.5)
    moved = abs(math.log2(end.estimate / half.estimate))
    same = end[1:] == half[1:]
    # Between the same two M the interpolation moves with the runs, and its error is shared.
    return Measured(moved, 0.0 if same else _half_a_step(end) + _half_a_step(half))


def _half_a_step(found: Threshold) -> float:
    """Half the octaves between the two M that enclose a threshold."""
    assert found.below is not None
    assert found.above is not None
    return math.log2(found.above / found.below) / 2
