"""Statements of the preset `heads`: refined LLCs of heads and MLPs while ridge gives way to dMMSE (README.md)."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from ...scorecard.measurements import Evidence
from ...scorecard.nulls import NULLS, Frames
from ...scorecard.outcomes import NotTestableError
from ...scorecard.statement import states_if_asked

#: A checkpoint is at t_crit if the two steps differ by less than this factor.
NEAR = 1.5
NOTHING_GIVES_WAY = "nothing gives way"


def nothing_gives_way(evidence: Evidence) -> Frames:
    """From t_crit on the LLC of every part grows as it does at M = infinity, which stays at ridge."""
    llc = evidence.table("llc").copy()
    for seed in evidence.seeds:
        for M in _turning(evidence, seed):
            for kind in ("head", "mlp"):
                nearest, last = _steps(evidence, M, seed, kind)
                growth = _at(evidence, math.inf, seed, kind, last) / _at(
                    evidence, math.inf, seed, kind, nearest
                )
                for part, end in (_at(evidence, M, seed, kind, nearest) * growth).items():
                    at_end = (llc["task_diversity"] == M) & (llc["seed"] == seed)
                    at_end &= (llc["component"] == part) & (llc["step"] == last)
                    llc.loc[at_end & llc["token"].isna(), "llc"] = end
    return {**evidence.frames, "llc": llc}


NULLS[NOTHING_GIVES_WAY] = nothing_gives_way


@states_if_asked("p", at_least="mlps_grow", nulls=(NOTHING_GIVES_WAY,))
def _mlps_grow(evidence: Evidence, seed: int) -> float:
    """What replaces ridge is in the MLPs: their refined LLC grows from t_crit to the end.

    Measured: LLC of all MLPs at the end over that at t_crit, mean over the M that turn.
    """
    return _over_turning(evidence, seed, lambda M: _growth(evidence, M, seed, "mlp"))


@states_if_asked("q", at_most="heads_grow_less", nulls=(NOTHING_GIVES_WAY,))
def _heads_grow_less(evidence: Evidence, seed: int) -> float:
    """The heads' refined LLC grows less than the MLPs'.

    Measured: growth from t_crit to the end of all heads over that of all MLPs, mean over the M that turn.
    """
    return _over_turning(
        evidence,
        seed,
        lambda M: _growth(evidence, M, seed, "head") / _growth(evidence, M, seed, "mlp"),
    )


@states_if_asked("r", at_least="heads_differentiate", nulls=(NOTHING_GIVES_WAY,))
def _heads_differentiate(evidence: Evidence, seed: int) -> float:
    """Heads differentiate: their refined LLCs lie further apart at the end than at t_crit.

    Measured: spread over heads (standard deviation over mean) at the end over that at t_crit, mean over the M that
    turn.
    """
    return _over_turning(evidence, seed, lambda M: _spread_ratio(evidence, M, seed))


def _over_turning(evidence: Evidence, seed: int, measure: Callable[[float], float]) -> float:
    """Mean over the finite M whose OOD loss is least between the first checkpoint and the last."""
    return float(np.mean([measure(M) for M in _turning(evidence, seed)]))


def _turning(evidence: Evidence, seed: int) -> list[float]:
    turning = [
        M
        for M in evidence.diversities(seed)
        if 0 < evidence.critical_step(M, seed) < evidence.last_step(M, seed)
    ]
    if not turning:
        raise NotTestableError("the OOD loss of no finite M turns before the end: train longer")
    return turning


def _growth(evidence: Evidence, M: float, seed: int, kind: str) -> float:
    turn, end = (_at(evidence, M, seed, kind, s) for s in _steps(evidence, M, seed, kind))
    return float(end.sum() / turn.sum())


def _spread_ratio(evidence: Evidence, M: float, seed: int) -> float:
    turn, end = (_at(evidence, M, seed, "head", s) for s in _steps(evidence, M, seed, "head"))
    if len(end) < 2:
        raise NotTestableError("only one head was measured: name several in llc.components")
    return float((end.std() / end.mean()) / (turn.std() / turn.mean()))


def _rows(evidence: Evidence, M: float, seed: int, kind: str) -> pd.DataFrame:
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
    return rows


def _steps(evidence: Evidence, M: float, seed: int, kind: str) -> tuple[int, int]:
    """The step with LLCs that is nearest to t_crit, and the last checkpoint."""
    last, turn = evidence.last_step(M, seed), evidence.critical_step(M, seed)
    steps = sorted(int(s) for s in _rows(evidence, M, seed, kind)["step"].unique() if s > 0)
    nearest = min(steps, key=lambda step: abs(math.log(step / max(turn, 1))), default=0)
    if not turn / NEAR < nearest < turn * NEAR or last not in steps:
        raise NotTestableError(
            f"no LLC near t_crit = {turn} or none at the end of M = {M:g}, seed = {seed}: set llc.steps"
        )
    if nearest == last:
        raise NotTestableError(
            f"no LLC between t_crit = {turn} and the end of M = {M:g}, seed = {seed}: set llc.steps"
        )
    return nearest, last


def _at(evidence: Evidence, M: float, seed: int, kind: str, step: int) -> pd.Series:
    """LLC of every part of a ``kind`` (the index) at a step; all must be healthy."""
    rows = _rows(evidence, M, seed, kind)
    rows = rows[rows["step"] == step].set_index("component")
    if rows.empty:
        raise NotTestableError(f"no LLC of M = {M:g}, seed = {seed}, at step {step}: set llc.steps")
    unhealthy = rows.index[~rows["healthy"].astype(bool)]
    if len(unhealthy):
        names = ", ".join(f"{name} at {step}" for name in unhealthy)
        raise NotTestableError(f"no healthy LLC of M = {M:g}, seed = {seed}: {names}")
    return rows["llc"]
