"""Claim 7: losses in distribution, of the predictors and of the runs."""

from collections.abc import Sequence

import numpy as np

from ...analysis.datasets import IN_DISTRIBUTION as IN
from ..measurements import Evidence, rank_correlation
from ..nulls import CONSTANT, GENERALISING, MEMORISING
from ..outcomes import ContradictedError, Measured
from ..statement import PREDICTORS, RIDGE_PHASE, states


@states("7a", at_most="falls", nulls=(CONSTANT,), about=PREDICTORS, joint=True)
def _gap_shrinks(evidence: Evidence, seed: int) -> float:
    """On q_M, dMMSE_M's advantage over ridge shrinks as M grows.

    Measured: rank correlation of M and the gap.
    """
    diversities = evidence.diversities(seed)
    gaps = [evidence.ideal("ridge", M, IN) - evidence.ideal("dmmse", M, IN) for M in diversities]
    return rank_correlation(diversities, gaps, "finite M")


@states("7b", at_most="similar_loss", nulls=(GENERALISING,))
def _dmmses_loss_below(evidence: Evidence, seed: int) -> Measured:
    """Below the threshold, transformers reach the loss of dMMSE_M.

    Measured: difference from the predictor's loss on q_M as a share of the gap between the two, mean over M.
    """
    below, _ = evidence.below_and_above(seed)
    return _off(evidence, seed, below, 0.0, "no run ends on dMMSE's side of the threshold")


@states("7c", at_most="similar_loss", nulls=(MEMORISING,), about=RIDGE_PHASE)
def _ridges_loss_above(evidence: Evidence, seed: int) -> Measured:
    """Above it they reach the loss of ridge.

    Measured: difference from the predictor's loss on q_M as a share of the gap between the two, mean over M.
    """
    _, above = evidence.below_and_above(seed)
    return _off(evidence, seed, above, 1.0, "no run ends on ridge's side of the threshold")


def _off(
    evidence: Evidence, seed: int, diversities: Sequence[float], own: float, none: str
) -> Measured:
    """Mean distance of the fitted share from ``own``, that of the M's own predictor."""
    if not diversities:
        raise ContradictedError(none)
    off = {M: abs(evidence.fitted(M, seed) - own) for M in diversities}
    worst = max(off, key=lambda M: off[M])
    return Measured(
        float(np.mean(list(off.values()))), remark=f"most at M = {worst:g}: {off[worst]:.2f}"
    )
