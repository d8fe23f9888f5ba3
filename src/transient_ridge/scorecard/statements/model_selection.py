"""Claim 9: the posterior's choice between ridge and dMMSE_M, and what the runs do."""

import numpy as np
import pandas as pd

from ...analysis.model_selection.selection import SWITCHES
from ...analysis.phases import HALF
from ..measurements import Evidence, rank_correlation, with_monte_carlo
from ..nulls import CONSTANT, STRAIGHT
from ..outcomes import ContradictedError, Measured, NotTestableError
from ..statement import RIDGE_PHASE, asks, states


@states("9a", at_least="grows", nulls=(CONSTANT,))
def _loss_difference_shrinks(evidence: Evidence, seed: int) -> Measured:
    """Models that end as dMMSE_M have a lower loss on q_M than ridge, by less as M grows.

    Measured: rank correlation of M and Delta l.
    """
    rows = evidence.trade_offs(seed)
    rows = rows[rows["task_diversity"].isin(evidence.dmmse_like(seed))]
    greater = rows[rows["loss_difference"] >= 0]["task_diversity"]
    if len(greater):
        raise ContradictedError(f"at M = {greater.iloc[0]:g} it has the greater loss")
    found = rank_correlation(
        rows["task_diversity"], rows["loss_difference"], "runs that end as dMMSE_M"
    )
    return Measured(found, remark=_losses(evidence))


@states("9b", at_least=0.0, nulls=(CONSTANT,), about=RIDGE_PHASE)
def _llc_difference_changes_sign(evidence: Evidence, seed: int) -> Measured:
    """Their LLC is below ridge's at the smallest M, and above it at intermediate and high M.

    Measured: lesser of -Delta lambda at the smallest M and mean Delta lambda from the smallest transient M on, over
    lambda_inf.
    """
    evidence.table("llc")
    rows = evidence.trade_offs(seed)
    least, onset = evidence.diversities(seed)[0], evidence.transient()[0]
    known = rows[rows["llc_difference"].notna()]
    errors = known["llc_difference_standard_error"].fillna(0.0)
    differences = dict(
        zip(known["task_diversity"], zip(known["llc_difference"], errors, strict=True), strict=True)
    )
    if least not in differences or not any(onset <= M for M in differences):
        raise NotTestableError("Delta lambda is not known for the least M, or for no transient M")
    if onset == least:
        raise ContradictedError("the least M is transient itself")
    of_ridge = evidence.llc_of_ridge(seed)

    def lesser(of: dict[float, float]) -> float:
        return min(-of[least], float(np.mean([of[M] for M in of if onset <= M]))) / of_ridge

    return with_monte_carlo(lesser, differences)


@states("9c", at_least="grows", nulls=(STRAIGHT, CONSTANT), about=RIDGE_PHASE)
def _switch_grows(evidence: Evidence, seed: int) -> float:
    """The larger M, the later the switch from ridge to dMMSE_M.

    Measured: rank correlation of M and the step of the switch; M still at ridge at the end rank last.
    """
    rows = evidence.trade_offs(seed)
    steps = rows.set_index("task_diversity")["switch_step"].astype(float)
    switched = int(steps.notna().sum())
    if not switched:
        raise ContradictedError("no run turns from ridge to dMMSE_M")
    if switched == 1:
        raise NotTestableError("only 1 M turns from ridge to dMMSE_M, and two are needed")
    at_ridge = [M for M in steps.index if evidence.end(M, seed) < HALF]
    steps[at_ridge] = np.inf  # not by the end of training: later than every M that did
    return rank_correlation(steps.index, steps, "M that turn, or are still at ridge at the end")


@asks("9d", at_least="grows", about=RIDGE_PHASE)
def _crossover_grows(evidence: Evidence, seed: int) -> Measured:
    """n* of Eq. 8 grows with M.

    Measured: rank correlation of M and n*.
    """
    rows = evidence.selection(seed)
    found = rank_correlation(rows["task_diversity"], rows["crossover"], "M with known n*")
    return Measured(found, remark=_losses(evidence))


@asks("9e", at_least="follows", about=RIDGE_PHASE)
def _crossover_predicts_critical_step(evidence: Evidence, seed: int) -> Measured:
    """n* predicts t_crit.

    Measured: rank correlation over transient M.
    """
    return _crossover_predicts("critical_step", evidence, seed)


@asks("9f", at_least="follows", about=RIDGE_PHASE)
def _crossover_predicts_switch(evidence: Evidence, seed: int) -> Measured:
    """n* predicts the switch to dMMSE_M.

    Measured: rank correlation over transient M.
    """
    return _crossover_predicts("switch_step", evidence, seed)


@asks("9g", at_least="foretold", about=RIDGE_PHASE)
def _transient_is_foretold(evidence: Evidence, seed: int) -> Measured:
    """Eq. 8 predicts 'ridge, then dMMSE' for every transient M.

    Measured: share of transient M.
    """
    phases = _transient(evidence, seed)["phase"]
    if phases.isna().any():
        raise NotTestableError("the phase of Eq. 8 is not known for every transient M")
    others = ", ".join(sorted(set(phases) - {SWITCHES}))
    return Measured(float((phases == SWITCHES).mean()), remark=others or _losses(evidence))


@asks("9h", at_most="crossover_decades", about=RIDGE_PHASE)
def _crossover_is_the_switch(evidence: Evidence, seed: int) -> Measured:
    """n* of Eq. 8, read as pairs seen, gives the step of the switch.

    Measured: greatest factor between the two over M that switch, in powers of ten.
    """
    rows = evidence.selection(seed)
    rows = rows[rows["switch_step"].notna() & rows["crossover"].notna()]
    if rows.empty:
        raise NotTestableError("no M with a switch and n*")
    found = rows[(rows["crossover"] > 0) & np.isfinite(rows["crossover"])]
    if found.empty:
        raise ContradictedError("n* is 0 or infinite for every M that switches")
    decades = np.log10(found["switch_step"].astype(float) / found["crossover_step"])
    seen = found["crossover"] / found["crossover_step"] * found["switch_step"]
    remark = (
        f"n* is {found['crossover'].min():.2g} to {found['crossover'].max():.2g} pairs; the switches come after "
        f"{seen.min():.2g} to {seen.max():.2g} pairs, at steps {found['switch_step'].min():,.0f} to "
        f"{found['switch_step'].max():,.0f}"
    )
    return Measured(float(decades.abs().max()), remark=remark)


def _crossover_predicts(column: str, evidence: Evidence, seed: int) -> Measured:
    rows = _transient(evidence, seed)
    found = rank_correlation(rows["crossover"], rows[column], "M with a transient ridge and n*")
    rows = rows[rows[column].notna() & rows["crossover"].notna()]
    by_M = rank_correlation(rows["task_diversity"], rows[column], "M")
    return Measured(
        found, remark="; ".join(filter(None, (f"M itself: {by_M:.2g}", _losses(evidence))))
    )


def _transient(evidence: Evidence, seed: int) -> pd.DataFrame:
    rows = evidence.selection(seed)
    return rows[rows["task_diversity"].isin(evidence.transient())]


def _losses(evidence: Evidence) -> str:
    idealised = "losses of the predictors: l(u) on q_M not measured"
    return idealised if evidence.kind_of_losses == "idealised" else ""
