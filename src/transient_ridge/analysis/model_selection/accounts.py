r"""Two accounts of when a run turns from ridge to dMMSE_M, fitted to the same runs.

Both say that a run is as if it predicted by the posterior over the two solutions, with p the probability of dMMSE_M:

    logit p = a (-dl) N^b - C,    N = pairs (x, y) seen,    dl = l(v_M) - l(u) in nats per pair,

where C is what dMMSE_M costs. *Compressed size*, after Wurgaft et al. 2025 (arXiv 2506.17859): C = K^c, K the size in
nats of the compressed task set. *LLC*, Eq. 8 of arXiv 2501.17745 with a free rate of learning: C = c dlambda(r) log N.
Each has three constants, a, b and c.

A model that predicts p dMMSE_M + (1 - p) ridge has the relative distance p^2 / (p^2 + (1 - p)^2). The constants are
fitted to one half of the points (M, t), and judged by the other.
"""

import math
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

from ...artefacts.tables import Frames, Rows
from ...config.settings import BatchSize, DataSettings, RootSeed
from ...regression.sequences import task_set
from ...regression.streams import generator
from ...stage import stage
from ..phases import predictors_apart

Array = NDArray[np.float64]

COMPRESSED, LLC, CONSTANT = "compressed size", "LLC", "constant"

#: Where the search for the constants starts: weights of loss and cost over decades, and how fast a run learns.
STARTS = [(a, b, c) for a in (1e-4, 1e-2, 1.0) for b in (0.25, 0.5, 0.9) for c in (0.01, 0.3)]


class Points(NamedTuple):
    """Where runs were measured: one entry each per (M, t)."""

    diversity: Array
    step: Array
    pairs: Array  # N
    gain: Array  # -dl, nats per pair
    relative: Array  # measured relative distance


class Account(NamedTuple):
    """``logit(points, constants) -> logit p``, and the cost that it is about."""

    name: str
    resolution: float | None
    logit: Callable[[Points, Array], Array]


@stage(
    "accounts",
    "account_points",
    tables=(
        "relative_distances",
        "idealised_distances",
        "selection_by_resolution",
    ),
)
def compare_accounts(
    frames: Frames,
    seed: RootSeed,
    data: DataSettings,
    batch_size: BatchSize,
) -> tuple[Rows, Rows]:
    """Fit both accounts, the second at every r; their held-out errors, and what each predicts of every point.

    Both tables are empty if no curvature was measured or there are too few points to fit three constants to half of
    them.
    """
    summary, predictions = Rows("accounts"), Rows("account_points")
    K = data.context_length
    selections = {
        r: frames["selection_by_resolution"].query("resolution == @r")
        for r in sorted(frames["selection_by_resolution"]["resolution"].unique().tolist())
    }
    if not selections:
        return summary, predictions
    points = points_of(frames, next(iter(selections.values())), batch_size * K)
    if len(points.step) < 12:
        return summary, predictions
    sizes = {M: compressed_nats(seed, data, M) for M in np.unique(points.diversity)}
    accounts = [by_compressed_size(sizes)]
    for r, selection in selections.items():
        known = selection[selection["llc_difference"].notna()]
        complexity = dict(
            known.groupby("task_diversity")["llc_difference"].mean().astype(float).items()
        )
        if set(points.diversity) <= set(complexity):
            accounts.append(by_llc(r, complexity))  # type: ignore[arg-type]
    order = generator(seed, "accounts").permutation(len(points.step))
    fitted = np.zeros(len(points.step), dtype=bool)
    fitted[order[: len(order) // 2]] = True
    for account in [
        *accounts,
        Account(CONSTANT, None, lambda at, c: np.full_like(at.step, np.log(c[0]))),
    ]:
        constants = fit(account, select(points, fitted))
        predicted = relative_of(account.logit(points, constants))
        errors = predicted - points.relative
        summary.add(
            account=account.name,
            resolution=account.resolution,
            loss_weight=constants[0],
            exponent=constants[1],
            cost_weight=constants[2],
            fitted=int(fitted.sum()),
            held_out=int((~fitted).sum()),
            error_fitted=_rms(errors[fitted]),
            error=_rms(errors[~fitted]),
        )
        for i in range(len(points.step)):
            predictions.add(
                account=account.name,
                resolution=account.resolution,
                task_diversity=float(points.diversity[i]),
                step=int(points.step[i]),
                relative_distance=float(points.relative[i]),
                predicted=float(predicted[i]),
                held_out=bool(~fitted[i]),
            )
    return summary, predictions


def points_of(frames: Frames, selection: pd.DataFrame, pairs: int) -> Points:
    """The points of finite M at which a run is between its predictors, mean over seeds.

    Between: its squared distances to both sum to at most twice that of the two. Before, a run is near neither, and
    which is nearer says nothing of a choice. An update sees so many ``pairs`` (x, y).
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
    """Size of the task set of ``M``, as float32 and compressed, in nats."""
    tasks = task_set(root_seed, data, int(M))
    assert tasks is not None
    return 8 * math.log(2) * len(zlib.compress(tasks.float().numpy().tobytes(), level=9))


def by_compressed_size(sizes: Mapping[float, float]) -> Account:
    """logit p = a (-dl) N^b - K^c."""

    def logit(at: Points, constants: Array) -> Array:
        a, b, c = constants
        size = np.array([sizes[M] for M in at.diversity])
        result: Array = a * at.gain * at.pairs**b - size**c
        return result

    return Account(COMPRESSED, None, logit)


def by_llc(resolution: float, complexity: Mapping[float, float]) -> Account:
    """logit p = a (-dl) N^b - c dlambda log N."""

    def logit(at: Points, constants: Array) -> Array:
        a, b, c = constants
        difference = np.array([complexity[M] for M in at.diversity])
        result: Array = a * at.gain * at.pairs**b - c * difference * np.log(at.pairs)
        return result

    return Account(LLC, resolution, logit)


def relative_of(logit: Array) -> Array:
    """Relative distance p^2 / (p^2 + (1 - p)^2) of the mixture with these log-odds."""
    result: Array = expit(2 * logit)
    return result


def fit(account: Account, points: Points) -> Array:
    """The constants of least squared error of the relative distance, of several searches the best."""

    def errors(constants: Array) -> Array:
        return relative_of(account.logit(points, constants)) - points.relative

    found = [
        least_squares(errors, start, bounds=([0, 0, 0], [np.inf, 1, np.inf]), x_scale=np.abs(start))
        for start in (np.array(each) for each in STARTS)
    ]
    best: Array = min(found, key=lambda each: float(each.cost)).x
    return best


def select(points: Points, chosen: NDArray[np.bool_]) -> Points:
    """Some of the points."""
    return Points(*(part[chosen] for part in points))


def _rms(errors: Array) -> float:
    return float(np.sqrt(np.mean(errors**2)))
