r"""Accounts of when a run turns from ridge to dMMSE_M, fitted to some runs and judged by others.

Each treats a run as if it predicted by the posterior over the two solutions, with p the probability of dMMSE_M:

    logit p = a (-dl) N^b - C,    N = pairs (x, y) seen,    dl = l(v_M) - l(u) in nats per pair,

where C is the cost of dMMSE_M. *Compressed size*, after Wurgaft et al. 2025 (arXiv 2506.17859): C = K^c, where K is the
size in nats of the compressed task set. *LLC*, Eq. 8 of arXiv 2501.17745 with a free rate of learning:
C = c dlambda(r) log N. Three rivals use neither weights nor tasks: C = c log M; C = c log min(M, P), which levels off
where the paper finds that the LLC does; and C = c, the same for every M. Each has three constants, a, b and c.

A model that predicts p dMMSE_M + (1 - p) ridge has the relative distance p^2 / (p^2 + (1 - p)^2). Points held out at
random could be guessed from their neighbours in time, so either a whole M is held out, or all of training but its first
tenth (a forecast).
"""

import math
import zlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit
from scipy.stats import t as student

from ...artefacts.tables import Frames, Rows
from ...config.settings import BatchSize, DataSettings, RootSeed
from ...regression.sequences import task_set
from ...stage import Setting, stage
from ..phases import predictors_apart

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

COMPRESSED, LLC, CONSTANT = "compressed size", "LLC", "constant"
LOG, SATURATING = "log M", "saturating log M"

#: What is held out: each M in turn, or all but the first share of training.
LEFT_OUT, FORECAST = "M left out", "forecast"
FIRST = 0.1

#: The columns of a, b and c.
CONSTANTS = ("loss_weight", "exponent", "cost_weight")

#: The verdict on an account against c log M, by the t interval over M of the difference of their errors.
BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"
CONFIDENCE = 0.95

#: Starts of the search for the constants: the weights of loss and cost over decades, and how fast a run learns.
STARTS = [(a, b, c) for a in (1e-4, 1e-2, 1.0) for b in (0.25, 0.5, 0.9) for c in (0.01, 0.3, 3.0)]


class Points(NamedTuple):
    """The measurements of runs, one entry per (M, t)."""

    diversity: Array
    step: Array
    pairs: Array  # N
    gain: Array  # -dl, nats per pair
    relative: Array  # measured relative distance


class Account(NamedTuple):
    """A cost of dMMSE_M, as a function of the points and the constant c."""

    name: str
    resolution: float | None
    cost: Callable[[Points, float], Array]

    def logit(self, at: Points, constants: Array) -> Array:
        """Log-odds of dMMSE_M for the ``constants`` (a, b, c)."""
        a, b, c = constants
        result: Array = a * at.gain * at.pairs**b - self.cost(at, c)
        return result


class Judged(NamedTuple):
    """An account under one split: its constants, its predictions of held-out points, and its error at every M."""

    account: Account
    constants: Array
    fitted: Mask
    error_fitted: float
    predicted: Array  # NaN where nothing was held out
    errors: dict[float, float]


@stage(
    "accounts",
    "account_points",
    tables=("relative_distances", "idealised_distances", "selection_by_resolution"),
)
def compare_accounts(
    frames: Frames,
    seed: RootSeed,
    data: DataSettings,
    batch_size: BatchSize,
    plateau_from: Annotated[int, Setting("claims.plateau_from")],
) -> tuple[Rows, Rows]:
    """Every account under both splits: constants, errors and verdict; and its predictions of held-out points.

    The account by the LLC appears at every r at which the LLC is known for all M. Both tables are empty if no curvature
    was measured, or with fewer than three M or 12 points. There is no forecast if the first tenth has fewer than 12
    points.
    """
    summary, predictions = Rows("accounts"), Rows("account_points")
    selections = {
        r: frames["selection_by_resolution"].query("resolution == @r")
        for r in sorted(frames["selection_by_resolution"]["resolution"].unique().tolist())
    }
    if not selections:
        return summary, predictions
    pairs = batch_size * data.context_length
    points = points_of(frames, next(iter(selections.values())), pairs)
    diversities = np.unique(points.diversity).tolist()
    if len(points.step) < LEAST or len(diversities) < 3:
        return summary, predictions
    accounts = [by_log(plateau_from=None), by_log(plateau_from), by_constant()]
    accounts.append(by_compressed_size({M: compressed_nats(seed, data, M) for M in diversities}))
    for r, selection in selections.items():
        known = selection[selection["llc_difference"].notna()]
        complexity: dict[Any, float] = (
            known.groupby("task_diversity")["llc_difference"].mean().to_dict()
        )
        if set(diversities) <= set(complexity):
            accounts.append(by_llc(r, complexity))
    early = points.step <= FIRST * float(frames["relative_distances"]["step"].max())
    for split, judge in ((LEFT_OUT, leave_out), (FORECAST, lambda a, p: forecast(a, p, early))):
        if split == FORECAST and (early.sum() < LEAST or early.all()):
            continue
        judged = [judge(account, points) for account in accounts]
        for each in judged:
            _add(summary, predictions, split, each, judged[0].errors, points)
    return summary, predictions


#: Constants are fitted to no fewer points than this.
LEAST = 12


def _add(
    summary: Rows,
    predictions: Rows,
    split: str,
    judged: Judged,
    baseline: Mapping[float, float],
    points: Points,
) -> None:
    key = {
        "account": judged.account.name,
        "resolution": judged.account.resolution,
        "split": split,
    }
    held_out = ~np.isnan(judged.predicted)
    difference, margin = paired(judged.errors, baseline)
    itself = judged.account.name == LOG
    summary.add(
        **key,
        **dict(zip(CONSTANTS, judged.constants, strict=True)),
        fitted=int(judged.fitted.sum()),
        held_out=int(held_out.sum()),
        error_fitted=judged.error_fitted,
        error=float(np.mean(list(judged.errors.values()))),
        difference=None if itself else difference,
        difference_margin=None if itself else margin,
        verdict=None if itself else verdict_of(difference, margin),
    )
    for i in np.flatnonzero(held_out):
        predictions.add(
            **key,
            task_diversity=float(points.diversity[i]),
            step=int(points.step[i]),
            relative_distance=float(points.relative[i]),
            predicted=float(judged.predicted[i]),
        )


def leave_out(account: Account, points: Points) -> Judged:
    """Predict each M by constants fitted to all others; the result's own constants are fitted to all points."""
    every = np.ones(len(points.step), dtype=bool)
    constants = fit(account, points)
    predicted, errors = np.full(len(points.step), np.nan), {}
    for M in np.unique(points.diversity).tolist():
        own = points.diversity == M
        others = fit(account, select(points, ~own), near=constants)
        predicted[own] = relative_of(account.logit(select(points, own), others))
        errors[M] = _rms(predicted[own] - points.relative[own])
    fitted = relative_of(account.logit(points, constants)) - points.relative
    return Judged(account, constants, every, _rms(fitted), predicted, errors)


def forecast(account: Account, points: Points, early: Mask) -> Judged:
    """Predict the points that are not ``early`` by constants fitted to those that are."""
    constants = fit(account, select(points, early))
    found = relative_of(account.logit(points, constants))
    late = points.diversity[~early]
    errors = {
        M: _rms((found - points.relative)[~early][late == M]) for M in np.unique(late).tolist()
    }
    fitted = (found - points.relative)[early]
    return Judged(account, constants, early, _rms(fitted), np.where(early, np.nan, found), errors)


def paired(
    errors: Mapping[float, float], baseline: Mapping[float, float]
) -> tuple[float, float | None]:
    """Mean over M of the difference of two errors, and the half-width of its t interval (None for a single M)."""
    differences = np.array([errors[M] - baseline[M] for M in errors])
    if len(differences) < 2:
        return float(differences.mean()), None
    quantile = float(student.ppf((1 + CONFIDENCE) / 2, len(differences) - 1))
    return (
        float(differences.mean()),
        quantile * float(differences.std(ddof=1)) / math.sqrt(len(differences)),
    )


def verdict_of(difference: float, margin: float | None) -> str:
    """Better or worse than c log M if the interval of the difference excludes 0, else undecided."""
    if margin is None or not abs(difference) > margin:
        return UNDECIDED
    return BETTER if difference < 0 else WORSE


def points_of(frames: Frames, selection: pd.DataFrame, pairs: int) -> Points:
    """The points of finite M at which a run is between its predictors, mean over seeds.

    Between means that its squared distances to the two sum to at most twice the squared distance of the two. Before
    that, a run is near neither, and which one is nearer means nothing. An update sees ``pairs`` pairs (x, y).
    """
    relative = frames["relative_distances"]
    apart = predictors_apart(frames["idealised_distances"], "in_distribution")
    rows = relative[np.isfinite(relative["task_diversity"]) & (relative["step"] > 0)]
    rows = rows.groupby(["task_diversity", "step"], as_index=False)[["ridge", "dmmse"]].mean()
    between = rows["ridge"] + rows["dmmse"] <= 2 * rows["task_diversity"].map(apart)
    kinds = set(selection["losses"])
    losses = selection[selection["losses"] == ("measured" if "measured" in kinds else "idealised")]
    gain = -losses.groupby("task_diversity")["loss_difference"].mean()
    rows = rows[between & rows["task_diversity"].isin(gain.index)]
    step = rows["step"].to_numpy(np.float64)
    return Points(
        rows["task_diversity"].to_numpy(np.float64),
        step,
        step * pairs,
        rows["task_diversity"].map(gain).to_numpy(np.float64),
        (rows["ridge"] / (rows["ridge"] + rows["dmmse"])).to_numpy(np.float64),
    )


def compressed_nats(root_seed: int, data: DataSettings, M: float) -> float:
    """Size in nats of the task set of ``M``, as compressed float32."""
    tasks = task_set(root_seed, data, int(M))
    assert tasks is not None
    return 8 * math.log(2) * len(zlib.compress(tasks.float().numpy().tobytes(), level=9))


def by_compressed_size(sizes: Mapping[float, float]) -> Account:
    """C = K^c."""
    return Account(COMPRESSED, None, lambda at, c: _of_each(at, sizes) ** c)


def by_llc(resolution: float, complexity: Mapping[float, float]) -> Account:
    """C = c dlambda log N."""
    return Account(LLC, resolution, lambda at, c: c * _of_each(at, complexity) * np.log(at.pairs))


def by_log(plateau_from: int | None) -> Account:
    """C = c log M, up to ``plateau_from`` if there is one."""
    most = math.inf if plateau_from is None else plateau_from
    name = LOG if plateau_from is None else SATURATING
    return Account(name, None, lambda at, c: c * np.log(np.minimum(at.diversity, most)))


def by_constant() -> Account:
    """C = c: the cost of dMMSE_M does not depend on M."""
    return Account(CONSTANT, None, lambda at, c: np.full_like(at.step, c))


def _of_each(at: Points, numbers: Mapping[float, float]) -> Array:
    return np.array([numbers[M] for M in at.diversity])


def relative_of(logit: Array) -> Array:
    """Relative distance p^2 / (p^2 + (1 - p)^2) of the mixture with these log-odds."""
    result: Array = expit(2 * logit)
    return result


def fit(account: Account, points: Points, near: Array | None = None) -> Array:
    """The constants with the least squared error in the relative distance.

    The best of several searches or, given constants to start ``near``, the result of one.
    """

    def errors(constants: Array) -> Array:
        return relative_of(account.logit(points, constants)) - points.relative

    starts = np.array(STARTS) if near is None else near[None]
    found = [
        least_squares(errors, start, bounds=([0, 0, 0], [np.inf, 1, np.inf]), x_scale=start)
        for start in np.clip(starts, 1e-9, [np.inf, 1 - 1e-9, np.inf])
    ]
    best: Array = min(found, key=lambda each: float(each.cost)).x
    return best


def select(points: Points, chosen: NDArray[np.bool_]) -> Points:
    """Some of the points."""
    return Points(*(part[chosen] for part in points))


def _rms(errors: Array) -> float:
    return float(np.sqrt(np.mean(errors**2)))
