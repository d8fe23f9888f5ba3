"""Statements of the preset `gradient-descent`: linear attention as steps of descent (README.md)."""

import math

import numpy as np
import pandas as pd

from ...analysis.datasets import OUT_OF_DISTRIBUTION
from ...analysis.phases import predictors_apart
from ...scorecard.measurements import Evidence
from ...scorecard.nulls import NULLS, Frames
from ...scorecard.outcomes import NotTestableError
from ...scorecard.statement import TRIED, states_if_asked

GD = "gd_plus_plus"
#: The key of `claims.own` that holds the derived learning coefficient.
DERIVED = "learning_coefficient"
AT_RIDGE, BARE = "at ridge", "bare"


def at_ridge(evidence: Evidence) -> Frames:
    """The run of M = infinity ends as near to ridge as it is to GD++, but in another direction."""
    apart = predictors_apart(
        evidence.table("idealised_distances"), OUT_OF_DISTRIBUTION, (GD, "ridge")
    )
    table = evidence.table("strategies").copy()
    for seed in evidence.seeds:
        found = distances(evidence, seed)
        off = found[GD].iloc[-1]
        end = (table["task_diversity"] == math.inf) & (table["seed"] == seed)
        end &= (table["dataset"] == OUT_OF_DISTRIBUTION) & (table["step"] == found.index[-1])
        for predictor, distance in ((GD, apart[math.inf] + off), ("ridge", off)):
            table.loc[end & (table["predictor"] == predictor), "distance"] = distance
    return {**evidence.frames, "strategies": table}


def bare(evidence: Evidence) -> Frames:
    """The LLC of M = infinity is D (D + 2) / 2: that of a layer of the same D that lacks our u and b."""
    ours = _derived(evidence)
    D = (math.sqrt(8 * ours + 5) - 3) / 2  # ours is (D^2 + 3 D + 1) / 2
    llc = evidence.table("llc")
    theirs = np.where(llc["task_diversity"] == math.inf, D * (D + 2) / 2, llc["llc"])
    return {**evidence.frames, "llc": llc.assign(llc=theirs)}


NULLS[AT_RIDGE] = at_ridge
NULLS[BARE] = bare


@states_if_asked("w", at_most="steps_left", nulls=(AT_RIDGE,), set_when=TRIED)
def _layers_become_steps(evidence: Evidence, seed: int) -> float:
    """L layers of linear attention arrive at L layers of GD++, for L = 1 a step of gradient descent.

    Measured: share of the first distance to GD++ that is left at M = inf, out of distribution.
    """
    to_gd = distances(evidence, seed)[GD]
    return float(to_gd.iloc[-1] / to_gd.iloc[0])


@states_if_asked("x", at_most="steps_over_ridge", nulls=(AT_RIDGE,), set_when=TRIED)
def _nearer_to_steps_than_to_ridge(evidence: Evidence, seed: int) -> float:
    """They are nearer to GD++ than to ridge.

    Measured: distance to GD++ over that to ridge at the end of M = inf, out of distribution.
    """
    end = distances(evidence, seed).iloc[-1]
    return float(end[GD] / end["ridge"])


@states_if_asked("y", at_most="coefficient_error", nulls=(BARE,), set_when=TRIED)
def _llc_is_the_coefficient(evidence: Evidence, seed: int) -> float:
    """The LLC of one layer is the learning coefficient that is derived for it.

    Measured: relative difference of the two at the end of M = inf.
    """
    return abs(evidence.llc_of_ridge(seed) / _derived(evidence) - 1)


def _derived(evidence: Evidence) -> float:
    if DERIVED not in evidence.settings.own:
        raise NotTestableError(f"claims.own.{DERIVED} does not state the coefficient")
    return float(evidence.settings.own[DERIVED])


def distances(evidence: Evidence, seed: int) -> pd.DataFrame:
    """Distance of the M = infinity run to every predictor out of distribution, index = step, ascending."""
    table = evidence.table("strategies")
    if GD not in set(table["predictor"]):
        raise NotTestableError(f"not measured: evaluation.predictors lacks {GD}")
    of_run = (table["task_diversity"] == math.inf) & (table["seed"] == seed)
    rows = table[of_run & (table["dataset"] == OUT_OF_DISTRIBUTION)]
    if rows.empty:
        raise NotTestableError(f"the grid has no run with M = inf, seed = {seed}")
    return rows.pivot(index="step", columns="predictor", values="distance").sort_index()
