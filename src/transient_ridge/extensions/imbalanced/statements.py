"""Statements of the preset `imbalanced`: frequent features are learnt first (README.md)."""

import math

import pandas as pd

from ...analysis.datasets import OUT_OF_DISTRIBUTION
from ...analysis.phases import predictors_apart
from ...scorecard.measurements import Evidence, first_for_good, rank_correlation
from ...scorecard.nulls import NULLS, Frames
from ...scorecard.outcomes import NotTestableError
from ...scorecard.statement import states_if_asked

#: A feature is learnt once this share of the fall of its loss is left.
LEARNT = 0.1
TOGETHER, RECALLING = "together", "recalling"


def together(evidence: Evidence) -> Frames:
    """Features are learnt together: at M = infinity the loss of each falls as they do on average, each its own way."""
    table = evidence.table("feature_losses").copy()
    for seed in evidence.seeds:
        rows, left = _rows(evidence, seed), _left(evidence, seed)
        losses = rows.pivot_table(index="step", columns="feature", values="loss")
        fall = losses.iloc[0] - losses.iloc[-1]
        course = losses.iloc[-1] + pd.DataFrame({f: left.mean(axis=1) for f in left}) * fall
        keys = pd.MultiIndex.from_frame(rows[["step", "feature"]])
        table.loc[rows.index, "loss"] = course.stack()[keys].to_numpy()
    return {**evidence.frames, "feature_losses": table}


def recalling(evidence: Evidence) -> Frames:
    """The run of M = infinity ends at recall, the mean that is not drawn to 0. Its losses stay as they are."""
    distances = evidence.table("idealised_distances")
    apart = predictors_apart(distances, OUT_OF_DISTRIBUTION, ("ridge", "recall"))
    if math.inf not in apart:
        raise NotTestableError("not measured: evaluation.predictors lacks recall")
    relative = evidence.table("relative_distances").copy()
    for seed in evidence.seeds:
        end = (relative["task_diversity"] == math.inf) & (relative["seed"] == seed)
        end &= relative["step"] == evidence.last_step(math.inf, seed)
        relative.loc[end, "ridge"] = apart[math.inf]
    return {**evidence.frames, "relative_distances": relative}


NULLS[TOGETHER] = together
NULLS[RECALLING] = recalling


@states_if_asked("l", at_most="rare_features_later", nulls=(TOGETHER,))
def _rare_features_later(evidence: Evidence, seed: int) -> float:
    """The rarer a feature, the later it is learnt, where no task comes twice.

    Measured: rank correlation, over features, of frequency and the step from which on half of the loss's fall is done.
    """
    left = _left(evidence, seed)
    halves = [first_for_good(left[feature] <= 0.5) for feature in left]
    return rank_correlation(_shares(evidence, seed), halves, "features")


@states_if_asked("m", at_least="rarest_left", nulls=(TOGETHER,))
def _in_stages(evidence: Evidence, seed: int) -> float:
    """In stages: when the most frequent feature is learnt, the rarest is not.

    Measured: what is left of the fall of the rarest feature's loss when 0.1 of the most frequent one's is left.
    """
    left, shares = _left(evidence, seed), _shares(evidence, seed)
    learnt = first_for_good(left[shares.idxmax()] <= LEARNT)
    return float(left[shares.idxmin()][learnt])


@states_if_asked("n", at_most="shrunk_mean_left", nulls=(RECALLING,))
def _arrives_at_ridge(evidence: Evidence, seed: int) -> float:
    """Training arrives at ridge, the mean of y at the same x drawn to 0.

    Measured: share of the first distance to ridge that is left at M = inf.
    """
    distances = evidence.path(math.inf, seed)["ridge"]
    return float(distances.iloc[-1] / distances.iloc[0])


@states_if_asked("o", at_least="rarest_first_rises", nulls=(TOGETHER,))
def _rarest_first_rises(evidence: Evidence, seed: int) -> float:
    """The rarest feature first pays for the frequent ones: its loss rises before it falls.

    Measured: rise of the rarest feature's loss above its first value, as a share of its fall from there.
    """
    left = _left(evidence, seed)
    return float(left[_shares(evidence, seed).idxmin()].max() - 1)


def _rows(evidence: Evidence, seed: int) -> pd.DataFrame:
    rows = evidence.table("feature_losses")
    rows = rows[
        (rows["task_diversity"] == math.inf)
        & (rows["seed"] == seed)
        & (rows["dataset"] == OUT_OF_DISTRIBUTION)
    ]
    if rows.empty:
        raise NotTestableError(f"the grid has no run with M = inf, seed = {seed}")
    return rows


def _left(evidence: Evidence, seed: int) -> pd.DataFrame:
    """What is left, at each step (index), of the fall of each feature's loss (column): 1 at first, 0 at the end."""
    losses = _rows(evidence, seed).pivot_table(index="step", columns="feature", values="loss")
    fall = losses.iloc[0] - losses.iloc[-1]
    if not (fall > 0).all():
        unlearnt = ", ".join(str(feature) for feature in fall.index[~(fall > 0)])
        raise NotTestableError(f"the loss of feature {unlearnt} does not fall: train longer")
    return (losses - losses.iloc[-1]) / fall


def _shares(evidence: Evidence, seed: int) -> pd.Series:
    """Frequency of each feature (index), as :func:`_left` orders them."""
    return _rows(evidence, seed).groupby("feature")["share"].mean()
