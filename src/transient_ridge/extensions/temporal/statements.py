"""Statements of the preset `temporal`: runs whose tasks change, beside the same runs whose tasks stay (README.md)."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from ...analysis.phases import HALF
from ...analysis.views import RUN_KEY
from ...scorecard.measurements import Evidence, first_for_good
from ...scorecard.nulls import NULLS, Frames
from ...scorecard.outcomes import ContradictedError, NotTestableError
from ...scorecard.statement import MEMORY, TRIED, states_if_asked

UNCHANGED, FROZEN = "unchanged", "frozen"


# -- null worlds -------------------------------------------------------------------------------


def unchanged(evidence: Evidence) -> Frames:
    """Change does nothing: every run ends where the one whose tasks stay ends."""
    return _from_step(
        evidence,
        evidence.last_step,
        lambda M, seed: _end_unchanged(evidence, M, seed),
    )


def frozen(evidence: Evidence) -> Frames:
    """Nothing is learnt of T_M: every run stays where it was when its tasks came."""
    return _from_step(
        evidence,
        lambda M, seed: _tasks_come(evidence, M, seed),
        lambda M, seed: _when_tasks_come(evidence, M, seed),
    )


def _from_step(
    evidence: Evidence,
    first: Callable[[float, int], int],
    alpha: Callable[[float, int], float],
) -> Frames:
    """The world in which every run with finite M has the given ``alpha`` on q_M from the step ``first`` on."""
    relative = evidence.table("relative_distances").copy()
    for (M, seed), run in relative[np.isfinite(relative["task_diversity"])].groupby(RUN_KEY):
        changed = run.index[run["step"] >= first(M, seed)]
        relative.loc[changed, "alpha"] = alpha(M, seed)
    return {**evidence.frames, "relative_distances": relative}


NULLS[UNCHANGED] = unchanged
NULLS[FROZEN] = frozen


# -- statements --------------------------------------------------------------------------------


@states_if_asked("A", at_most="changing_at_ridge", about=MEMORY, set_when=TRIED, nulls=(UNCHANGED,))
def _changing_tasks_are_not_memorised(evidence: Evidence, seed: int) -> float:
    """What is memorised where tasks stay is not where they change: the run ends at ridge.

    Measured: alpha at the end, the greatest over M that are memorised where their tasks stay.
    """
    return max(evidence.end(M, seed) for M in _memorised(evidence, seed))


@states_if_asked("B", at_least="octaves_lower", about=MEMORY, set_when=TRIED, nulls=(UNCHANGED,))
def _change_lowers_the_threshold(evidence: Evidence, seed: int) -> float:
    """Change lowers the task-diversity threshold.

    Measured: by how many octaves, within the grid: the area over log2 M between alpha at the end where tasks stay and
    where they change.
    """
    _memorised(evidence, seed)
    grid = evidence.diversities(seed)
    if len(grid) < 2:
        raise NotTestableError("a threshold lies between M, and the grid has one that is finite")
    fall = [_end_unchanged(evidence, M, seed) - evidence.end(M, seed) for M in grid]
    return float(np.trapezoid(fall, np.log2(grid)))


@states_if_asked("C", at_least="as_plastic", about=MEMORY, set_when=TRIED, nulls=(FROZEN,))
def _ridge_costs_no_plasticity(evidence: Evidence, seed: int) -> float:
    """A run that sat at ridge learns T_M as well as a fresh one in as many updates.

    Measured: alpha at the end less that of the fresh run, the least over M.
    """
    return min(
        evidence.end(M, seed) - _end_unchanged(evidence, M, seed)
        for M in _from_ridge(evidence, seed)
    )


@states_if_asked("D", at_most="turns_later", about=MEMORY, set_when=TRIED, nulls=(FROZEN,))
def _turns_no_later(evidence: Evidence, seed: int) -> float:
    """It turns to dMMSE_M no later than the fresh one.

    Measured: updates on q_M until alpha is at least 1/2 for good, less those of the fresh run, the greatest over M.
    """
    later = []
    for M in _from_ridge(evidence, seed):
        own = first_for_good(evidence.alpha(M, seed) >= HALF) - _tasks_come(evidence, M, seed)
        if math.isinf(own):
            raise ContradictedError(f"M = {M:g} does not turn")
        later.append(own - first_for_good(_alpha_unchanged(evidence, M, seed) >= HALF))
    return max(later)


# -- what they are measured by -----------------------------------------------------------------


def _memorised(evidence: Evidence, seed: int) -> list[float]:
    """M whose run ends close to dMMSE_M where its tasks stay. Raises NotTestableError if there is none."""
    close = evidence.settings.dmmse_like
    found = [M for M in evidence.diversities(seed) if _end_unchanged(evidence, M, seed) >= close]
    if not found:
        raise NotTestableError("no M is memorised even where its tasks stay: train longer")
    return found


def _from_ridge(evidence: Evidence, seed: int) -> list[float]:
    """:func:`_memorised`, if all of these runs are at ridge when their tasks come."""
    found = _memorised(evidence, seed)
    for M in found:
        if not (alpha := _when_tasks_come(evidence, M, seed)) <= evidence.settings.ridge_like:
            raise NotTestableError(
                f"alpha of M = {M:g} is {alpha:.2f} when its tasks come, not ridge's: train longer before"
            )
    return found


def _alpha_unchanged(evidence: Evidence, M: float, seed: int) -> pd.Series:
    """alpha on q_M of the run whose tasks stay; index = step, ascending."""
    rows = evidence.table("unchanged")
    rows = rows[(rows["task_diversity"] == M) & (rows["seed"] == seed)]
    if rows.empty:
        raise NotTestableError(f"no variant has M = {M:g}, seed = {seed} with tasks that stay")
    return rows.set_index("step")["alpha"].sort_index()


def _end_unchanged(evidence: Evidence, M: float, seed: int) -> float:
    return float(_alpha_unchanged(evidence, M, seed).iloc[-1])


def _tasks_come(evidence: Evidence, M: float, seed: int) -> int:
    """The update from which a run has as many updates left as the fresh run has in all."""
    return evidence.last_step(M, seed) - int(_alpha_unchanged(evidence, M, seed).index[-1])


def _when_tasks_come(evidence: Evidence, M: float, seed: int) -> float:
    """alpha on q_M at the last checkpoint before its tasks come."""
    alpha = evidence.alpha(M, seed)
    return float(alpha[alpha.index <= _tasks_come(evidence, M, seed)].iloc[-1])
