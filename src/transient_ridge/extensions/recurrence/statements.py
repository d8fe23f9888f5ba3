"""Statements of the preset `recurrence`: memorised recurrences (a, b) against least squares (README.md)."""

import math

from ...analysis.datasets import OUT_OF_DISTRIBUTION
from ...scorecard.measurements import Evidence
from ...scorecard.nulls import MEAN_TASK, NULLS, Frames
from ...scorecard.statement import states_if_asked

REMEMBERED = "remembered"


def remembered(evidence: Evidence) -> Frames:
    """The run of M = infinity ends as dMMSE_M of the greatest finite M. Its losses stay as they are."""
    relative = evidence.table("relative_distances").copy()
    for seed in evidence.seeds:
        greatest = evidence.diversities(seed)[-1]
        end = (relative["task_diversity"] == math.inf) & (relative["seed"] == seed)
        end &= relative["step"] == evidence.last_step(math.inf, seed)
        relative.loc[end, "ridge"] = evidence.predictors_apart(greatest, OUT_OF_DISTRIBUTION)
    return {**evidence.frames, "relative_distances": relative}


NULLS[REMEMBERED] = remembered


@states_if_asked("a", at_least="recurrences_memorised", nulls=(MEAN_TASK,))
def _fewest_are_memorised(evidence: Evidence, seed: int) -> float:
    """The fewest recurrences are memorised.

    Measured: gate of the least M at the end (0 = least squares, 1 = memorised).
    """
    return float(evidence.last_gate_of_least(seed)["gate"])


@states_if_asked("b", at_least="new_recurrences", nulls=(MEAN_TASK,))
def _memory_is_put_on_new_recurrences(evidence: Evidence, seed: int) -> float:
    """What was memorised is put on new recurrences as well.

    Measured: OOD loss of the least M at the end (0 = ridge's, 1 = dMMSE's).
    """
    return evidence.end_of_ood_loss(evidence.diversities(seed)[0], seed)


@states_if_asked("c", at_most="least_squares_left", nulls=(REMEMBERED,))
def _least_squares_is_learnt(evidence: Evidence, seed: int) -> float:
    """Where no recurrence comes twice, training arrives at least squares.

    Measured: share of the first distance to ridge that is left at M = inf.
    """
    distances = evidence.path(math.inf, seed)["ridge"]
    return float(distances.iloc[-1] / distances.iloc[0])
