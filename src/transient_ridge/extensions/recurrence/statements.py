"""Statements of the preset `recurrence`: memorised recurrences (a, b) against least squares (README.md)."""

import math

from ...scorecard.measurements import Evidence
from ...scorecard.statement import states_if_asked


@states_if_asked(
    "a",
    "The fewest recurrences are memorised",
    "gate of the least M at the end (0 = least squares, 1 = memorised)",
    at_least="recurrences_memorised",
)
def _fewest_are_memorised(evidence: Evidence, seed: int) -> float:
    return float(evidence.last_gate_of_least(seed)["gate"])


@states_if_asked(
    "b",
    "What was memorised is put on new recurrences as well",
    "OOD loss of the least M at the end (0 = ridge's, 1 = dMMSE's)",
    at_least="new_recurrences",
)
def _memory_is_put_on_new_recurrences(evidence: Evidence, seed: int) -> float:
    return evidence.end_of_ood_loss(evidence.diversities(seed)[0], seed)


@states_if_asked(
    "c",
    "Where no recurrence comes twice, training arrives at least squares",
    "share of the first distance to ridge that is left at M = inf",
    at_most="least_squares_left",
)
def _least_squares_is_learnt(evidence: Evidence, seed: int) -> float:
    distances = evidence.path(math.inf, seed)["ridge"]
    return float(distances.iloc[-1] / distances.iloc[0])
