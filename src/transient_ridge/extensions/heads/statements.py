"""Statements of the preset `heads`: refined LLCs of heads and MLPs while ridge gives way to dMMSE (README.md)."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from ...scorecard.measurements import Evidence
from ...scorecard.outcomes import NotTestableError
from ...scorecard.statement import states_if_asked

#: A checkpoint is at t_crit if the two steps differ by less than this factor.
NEAR = 1.5


@states_if_asked(
    "p",
    "What replaces ridge is in the MLPs: their refined LLC grows from t_crit to the end",
    "LLC of all MLPs at the end over that at t_crit, mean over the M that turn",
    at_least="mlps_grow",
)
def _mlps_grow(evidence: Evidence, seed: int) -> float:
    return _over_turning(evidence, seed, lambda M: _growth(evidence, M, seed, "mlp"))


@states_if_asked(
    "q",
    "The heads' refined LLC grows less than the MLPs'",
    "growth from t_crit to the end of all heads over that of all MLPs, mean over the M that turn",
    at_most="heads_grow_less",
)
def _heads_grow_less(evidence: Evidence, seed: int) -> float:
    return _over_turning(
        evidence,
        seed,
        lambda M: _growth(evidence, M, seed, "head") / _growth(evidence, M, seed, "mlp"),
    )


@states_if_asked(
    "r",
    "Heads differentiate: their refined LLCs lie further apart at the end than at t_crit",
    "spread over heads (standard deviation over mean) at the end over that at t_crit, mean over the M that turn",
    at_least="heads_differentiate",
)
def _heads_differentiate(evidence: Evidence, seed: int) -> float:
    return _over_turning(evidence, seed, lambda M: _spread_ratio(evidence, M, seed))


def _over_turning(evidence: Evidence, seed: int, measure: Callable[[float], float]) -> float:
    """Mean over the finite M whose OOD loss is least between the first checkpoint and the last."""
    turning = [
        M
        for M in evidence.diversities(seed)
        if 0 < evidence.critical_step(M, seed) < evidence.last_step(M, seed)
    ]
    if not turning:
        raise NotTestableError("the OOD loss of no finite M turns before the end: train longer")
    return float(np.mean([measure(M) for M in turning]))


def _growth(evidence: Evidence, M: float, seed: int, kind: str) -> float:
    turn, end = _at_turn_and_end(evidence, M, seed, kind)
    return float(end.sum() / turn.sum())


def _spread_ratio(evidence: Evidence, M: float, seed: int) -> float:
    turn, end = _at_turn_and_end(evidence, M, seed, "head")
    if len(end) < 2:
        raise NotTestableError("one head alone was measured: name several in llc.components")
    return float((end.std() / end.mean()) / (turn.std() / turn.mean()))


def _at_turn_and_end(
    evidence: Evidence, M: float, seed: int, kind: str
) -> tuple[pd.Series, pd.Series]:
    """LLC of every part of a ``kind`` (index) near t_crit and at the last checkpoint; all must be healthy."""
    llc = evidence.table("llc")
    rows = llc[
        (llc["task_diversity"] == M)
        & (llc["seed"] == seed)
        & llc["token"].isna()
        & llc["component"].str.contains(rf"\.{kind}\d*$")
    ]
    if rows.empty:
        raise NotTestableError(
            f"the LLC of no {kind} was measured at M = {M:g}: set llc.components"
        )
    last, turn = evidence.last_step(M, seed), evidence.critical_step(M, seed)
    steps = sorted(int(step) for step in rows["step"].unique() if step > 0)
    nearest = min(steps, key=lambda step: abs(math.log(step / max(turn, 1))), default=0)
    if not turn / NEAR < nearest < turn * NEAR or last not in steps:
        raise NotTestableError(
            f"no LLC near t_crit = {turn} or none at the end of M = {M:g}, seed = {seed}: set llc.steps"
        )
    if nearest == last:
        raise NotTestableError(
            f"no LLC between t_crit = {turn} and the end of M = {M:g}, seed = {seed}: set llc.steps"
        )
    found = rows[rows["step"].isin([nearest, last])]
    unhealthy = found[~found["healthy"].astype(bool)]
    if len(unhealthy):
        names = ", ".join(f"{row.component} at {row.step}" for row in unhealthy.itertuples())
        raise NotTestableError(f"no healthy LLC of M = {M:g}, seed = {seed}: {names}")
    by_part = found.set_index("component")
    return by_part[by_part["step"] == nearest]["llc"], by_part[by_part["step"] == last]["llc"]
