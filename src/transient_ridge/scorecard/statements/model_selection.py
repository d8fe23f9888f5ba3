"""Claim 9: the posterior's choice between ridge and dMMSE_M, and what the runs do."""

import math

import pandas as pd

from ...analysis.selection import SWITCHES
from ..measurements import Evidence, rank_correlation
from ..outcomes import ContradictedError, Measured, NotTestableError
from ..statement import AT_LEAST, AT_MOST, BEFORE, REVISED, RIDGE_PHASE, states


@states(
    9,
    "a",
    "The least M never prefers ridge, and some other M does",
    "n* of the least M (pairs)",
    AT_MOST,
    "never_ridge",
    about=RIDGE_PHASE,
    set_when=REVISED,
)
def _least_never_ridge(evidence: Evidence, seed: int) -> Measured:
    crossovers = evidence.selection(seed)["crossover"]
    never = evidence.settings.never_ridge
    if not (crossovers > never).any():
        raise ContradictedError(f"n* is at most {never:g} for every M: none ever prefers ridge")
    least = crossovers.iloc[0]
    if math.isnan(least):
        raise NotTestableError("n* of the least M is not known")
    return Measured(float(least), remark=_losses(evidence))


@states(
    9,
    "b",
    "n* grows with M",
    "rank correlation of M and n*",
    AT_LEAST,
    "grows",
    about=RIDGE_PHASE,
    set_when=BEFORE,
)
def _crossover_grows(evidence: Evidence, seed: int) -> Measured:
    rows = evidence.selection(seed)
    found = rank_correlation(rows["task_diversity"], rows["crossover"], "M with known n*")
    return Measured(found, remark=_losses(evidence))


@states(
    9,
    "c",
    "n* predicts t_crit",
    "rank correlation over transient M",
    AT_LEAST,
    "follows",
    about=RIDGE_PHASE,
    set_when=BEFORE,
)
def _crossover_predicts_critical_step(evidence: Evidence, seed: int) -> Measured:
    return _crossover_predicts("critical_step", evidence, seed)


@states(
    9,
    "d",
    "n* predicts the switch to dMMSE_M",
    "rank correlation over transient M",
    AT_LEAST,
    "follows",
    about=RIDGE_PHASE,
    set_when=BEFORE,
)
def _crossover_predicts_switch(evidence: Evidence, seed: int) -> Measured:
    return _crossover_predicts("switch_step", evidence, seed)


@states(
    9,
    "e",
    "Eq. 8 calls every transient M 'ridge, then dMMSE'",
    "share of transient M",
    AT_LEAST,
    "foretold",
    about=RIDGE_PHASE,
)
def _transient_is_foretold(evidence: Evidence, seed: int) -> Measured:
    phases = _transient(evidence, seed)["phase"]
    if phases.isna().any():
        raise NotTestableError("the phase of Eq. 8 is not known for every transient M")
    others = ", ".join(sorted(set(phases) - {SWITCHES}))
    return Measured(float((phases == SWITCHES).mean()), remark=others or _losses(evidence))


def _crossover_predicts(column: str, evidence: Evidence, seed: int) -> Measured:
    rows = _transient(evidence, seed)
    found = rank_correlation(rows["crossover"], rows[column], "M with a transient ridge and n*")
    return Measured(found, remark=_losses(evidence))


def _transient(evidence: Evidence, seed: int) -> pd.DataFrame:
    rows = evidence.selection(seed)
    return rows[rows["task_diversity"].isin(evidence.transient())]


def _losses(evidence: Evidence) -> str:
    idealised = "losses of the predictors: l(u) on q_M not measured"
    return idealised if evidence.kind_of_losses == "idealised" else ""
