"""Null worlds: the tables that judge a statement, changed so that the statement is false.

The same code scores them. Each null is a function of :class:`~.measurements.Evidence` that returns the tables of its
world, and raises NotTestableError if the tables lack something that it needs.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.datasets import IN_DISTRIBUTION as IN
from ..analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ..analysis.datasets import ROOT
from ..analysis.gates import gate_of
from ..analysis.phases import HALF, relative_distance, switch_step
from ..analysis.trajectory_distance import trajectory_distance
from ..analysis.views import RUN_KEY, averages, of_run
from .measurements import Evidence
from .outcomes import NotTestableError

Frames = dict[str, pd.DataFrame]
Numbers = NDArray[np.float64]
STRAIGHT, SOFTENED, VIA_RIDGE, MEAN_TASK = "straight", "softened", "via ridge", "mean task"
MEMORISING, GENERALISING, CONSTANT = "memorising", "generalising", "constant"
SWAPPED, WANDERING, GROWING = "swapped", "wandering", "growing"

#: Points in the table of a path.
PLACES = 401
#: Steps of a random walk; their number hardly changes the shares of its components.
WALK = 40
#: Column of a path -> the data set of the loss.
LOSSES = {"loss": IN, "loss_out": OUT, "loss_root": ROOT}
DISTANCES = ["ridge", "dmmse", "ridge_out", "dmmse_out"]


# -- another path, the same clock ----------------------------------------------------------------


def straight(evidence: Evidence) -> Frames:
    """Every run goes straight from its start to its end.

    Start and end are assumed to be orthogonal off the axis from ridge to dMMSE_M.
    """
    world, places = _follow(evidence, _straight_way)

    def coordinate(path: pd.Series, M: float, component: int, place: Numbers) -> Numbers:
        return np.asarray((1 - place) * path.iloc[0] + place * path.iloc[-1])

    return world | _repositioned(evidence, places, coordinate)


def softened(evidence: Evidence) -> Frames:
    """Every run with finite M passes through dMMSE_M at falling temperatures: a path that avoids ridge."""
    world, places = _follow(evidence, _softened_way)
    try:
        points = evidence.table("pca_softened").sort_values("inverse_temperature")
    except NotTestableError:  # the statements about paths in the joint PCA are not testable either
        world.pop("pca_trajectories", None)
        return world

    def coordinate(path: pd.Series, M: float, component: int, place: Numbers) -> Numbers:
        way = points[(points["task_diversity"] == M) & (points["component"] == component)]
        return np.asarray(np.interp(place, way["inverse_temperature"], way["coordinate"]))

    return world | _repositioned(evidence, places, coordinate)


def mean_task(evidence: Evidence) -> Frames:
    """Every run with finite M is the mean of its tasks at every step: it tells none of them from the others."""

    def way(evidence: Evidence, M: float, seed: int) -> pd.DataFrame | None:
        softened = _softened_way(evidence, M, seed)
        return None if softened is None else softened.head(1)

    world, _ = _follow(evidence, way)
    return world


def _softened_way(evidence: Evidence, M: float, seed: int) -> pd.DataFrame | None:
    """Losses and squared distances of dMMSE_M from the highest temperature, the mean task, to its own."""
    table = evidence.table("softened_dmmse")
    rows = table[table["task_diversity"] == M].sort_values("inverse_temperature")
    return None if rows.empty else rows.rename(columns={"inverse_temperature": "place"})


def _straight_way(evidence: Evidence, M: float, seed: int) -> pd.DataFrame:
    """Losses and squared distances at places from 0, the start, to 1, the end."""
    path = evidence.path(M, seed)
    place = np.linspace(0, 1, PLACES)
    way: dict[str, Numbers] = {"place": place}
    for dataset, suffix, loss in ((IN, "", "loss"), (OUT, "_out", "loss_out")):
        apart = 0.0 if math.isinf(M) else evidence.predictors_apart(M, dataset)
        ends = path[["ridge" + suffix, "dmmse" + suffix]].to_numpy(np.float64)[[0, -1]]
        from_ridge = (ends[:, 0] - ends[:, 1] + apart) / 2  # alpha apart
        along = from_ridge.prod() / apart if apart else 0.0
        other = (apart - from_ridge).prod() / apart if apart else 0.0
        length = ends[:, 0].sum() - 2 * along
        way["ridge" + suffix] = _quadratic(place, ends[0, 0], ends[1, 0], length)
        way["dmmse" + suffix] = _quadratic(
            place, ends[0, 1], ends[1, 1], ends[:, 1].sum() - 2 * other
        )
        losses = evidence.losses(M, seed, dataset)
        way[loss] = _quadratic(place, losses.iloc[0], losses.iloc[-1], length)
    first, last = evidence.losses(M, seed, ROOT).iloc[[0, -1]]
    way["loss_root"] = _quadratic(place, first, last, first - last)  # the end is a minimum
    return pd.DataFrame(way)


def _quadratic(place: Numbers, start: float, end: float, length: float) -> Numbers:
    """A mean squared error on the segment between two functions whose squared distance is ``length``."""
    found: Numbers = (1 - place) * start + place * end - place * (1 - place) * length
    return found


def _follow(
    evidence: Evidence, way_of: Callable[[Evidence, float, int], pd.DataFrame | None]
) -> tuple[Frames, dict[tuple[float, int], pd.Series]]:
    """The world in which, at every step, each run is where its path has the run's loss on q_M; and these places.

    Places are by (M, seed), and their index is the step. A run without a path stays as it is.
    """
    parts, losses, places = [], evidence.table("smoothed_losses").copy(), {}
    losses = losses[losses["token"].isna()]
    runs = evidence.table("relative_distances")[RUN_KEY].drop_duplicates()
    for M, seed in runs.itertuples(index=False):
        path, way = evidence.path(M, seed), way_of(evidence, M, seed)
        if way is None:
            parts.append(path)
            continue
        measured = evidence.losses(M, seed, IN)
        falling = np.minimum.accumulate(way["loss"].to_numpy(np.float64))
        place = np.interp(
            -measured.to_numpy(np.float64), -falling, way["place"].to_numpy(np.float64)
        )
        places[M, seed] = pd.Series(place, index=measured.index)

        def at(column: str, place: Numbers = place, way: pd.DataFrame = way) -> Numbers:
            return np.asarray(np.interp(place, way["place"], way[column]))

        parts.append(_placed(evidence, path.assign(**{name: at(name) for name in DISTANCES})))
        for column, dataset in LOSSES.items():
            if column in way:
                rows = of_run(losses[losses["dataset"] == dataset], M, seed).sort_values("step")
                losses.loc[rows.index, "loss"] = at(column)
    world = {**evidence.frames, "smoothed_losses": losses}
    world["relative_distances"] = pd.concat(parts, ignore_index=True)
    with suppress(NotTestableError):
        world["selection"] = _switches(world, evidence.table("selection"))
    return _with_gates(world, evidence), places


def _placed(evidence: Evidence, path: pd.DataFrame) -> pd.DataFrame:
    """The ``path`` of one run, with the columns that follow from its distances."""
    M = float(path["task_diversity"].iloc[0])
    if math.isinf(M):
        return path
    for dataset, suffix in ((IN, ""), (OUT, "_out")):
        apart = evidence.predictors_apart(M, dataset)
        alpha, left = gate_of(path["ridge" + suffix], path["dmmse" + suffix], apart)
        path = path.assign(**{"alpha" + suffix: alpha, "residual" + suffix: np.sqrt(left)})
    relative = relative_distance(path["ridge"].to_numpy(), path["dmmse"].to_numpy())
    return path.assign(relative_distance=relative)


def _with_gates(world: Frames, evidence: Evidence) -> Frames:
    """``world`` with the gates that follow from its distances on q_M, of all positions together."""
    try:
        gates = averages(evidence.table("gates"), IN)
    except NotTestableError:  # the statements about gates are not testable either
        return world
    run = [*RUN_KEY, "step"]
    places = world["relative_distances"][[*run, "alpha", "residual"]]
    places = gates.drop(columns=["gate", "residual"]).merge(places, on=run)
    return world | {
        "gates": places.rename(columns={"alpha": "gate"}).assign(residual=places["residual"] ** 2)
    }


def _repositioned(
    evidence: Evidence,
    places: dict[tuple[float, int], pd.Series],
    coordinate: Callable[[pd.Series, float, int, Numbers], Numbers],
) -> Frames:
    """The paths in the joint PCA, whose basis stays the same, with each run at its places."""

    def moved(path: pd.Series, key: Any) -> Any:
        M, seed, component = key
        if (M, seed) not in places:
            return path
        place = places[M, seed]
        return coordinate(path, M, component, np.interp(path.index, place.index, place))

    with suppress(NotTestableError):  # the statements about it are not testable either
        return {"pca_trajectories": _moved(evidence, moved)}
    return {}


def _moved(evidence: Evidence, change: Callable[[pd.Series, Any], Any]) -> pd.DataFrame:
    """`pca_trajectories` with each path's coordinates changed; its index is the step, its key (M, seed, component)."""
    paths = evidence.table("pca_trajectories").sort_values("step").set_index("step")
    groups = paths.groupby([*RUN_KEY, "component"])["coordinate"]
    coordinate = groups.transform(lambda path: change(path, path.name))
    return paths.assign(coordinate=coordinate.to_numpy()).reset_index()


def _coordinates(trajectories: pd.DataFrame, most: float = math.inf) -> Numbers:
    rows = trajectories[trajectories["component"] <= most]
    wide = rows.pivot_table(index=[*RUN_KEY, "step"], columns="component", values="coordinate")
    return wide.to_numpy(np.float64)


def _switches(world: Frames, selection: pd.DataFrame) -> pd.DataFrame:
    """`selection` with t_crit and the switch of this world's runs."""
    losses = world["smoothed_losses"]
    losses = losses[losses["dataset"] == OUT].sort_values("step")
    selection = selection.copy()
    groups: Any = losses.groupby(RUN_KEY)
    for (M, seed), rows in groups:
        run = of_run(world["relative_distances"], M, seed)
        own = of_run(selection, M, seed).index
        if rows["loss"].isna().any():
            selection.loc[own, ["critical_step", "switch_step"]] = math.nan
            continue
        critical = int(rows["step"].iloc[int(rows["loss"].argmin())])
        steps, ridge, dmmse = (
            run[name].to_numpy(np.float64) for name in ("step", "ridge", "dmmse")
        )
        switch = switch_step(steps, ridge, dmmse, critical)
        selection.loc[own, ["critical_step", "switch_step"]] = (critical, switch)
    return selection


# -- M makes no difference ----------------------------------------------------------------------


def memorising(evidence: Evidence) -> Frames:
    """Every run with finite M behaves like that of the smallest M, in units of its own predictors."""
    return _all_like(evidence, 0)


def generalising(evidence: Evidence) -> Frames:
    """Every run with finite M behaves like that of the largest M, in units of its own predictors."""
    return _all_like(evidence, -1)


def _all_like(evidence: Evidence, which: int) -> Frames:
    relative, losses = evidence.table("relative_distances"), evidence.table("smoothed_losses")
    models = {seed: evidence.diversities(seed)[which] for seed in evidence.seeds}
    finite = ~np.isinf(relative["task_diversity"])
    runs, at = relative[finite].copy(), ["seed", "step"]
    for dataset, suffix in ((IN, ""), (OUT, "_out")):
        apart = _of_each(runs, partial(evidence.predictors_apart, dataset=dataset))
        places = runs[at].assign(
            alpha=runs["alpha" + suffix], left=runs["residual" + suffix] ** 2 / apart
        )
        alpha, left = _of_models(places, runs["task_diversity"], models, ["alpha", "left"])
        runs["ridge" + suffix] = apart * (alpha**2 + left)
        runs["dmmse" + suffix] = apart * ((1 - alpha) ** 2 + left)
    runs = pd.concat([_placed(evidence, run) for _, run in runs.groupby(RUN_KEY)])
    losses = losses[losses["token"].isna()].copy()
    for dataset in (IN, OUT):
        rows = losses[(losses["dataset"] == dataset) & ~np.isinf(losses["task_diversity"])]
        ridge, dmmse = (
            _of_each(rows, partial(evidence.ideal, name, dataset=dataset))
            for name in ("ridge", "dmmse")
        )
        places = rows[at].assign(share=(rows["loss"] - ridge) / (dmmse - ridge))
        (share,) = _of_models(places, rows["task_diversity"], models, ["share"])
        losses.loc[rows.index, "loss"] = ridge + share * (dmmse - ridge)
    world = {
        **evidence.frames,
        "relative_distances": pd.concat([runs, relative[~finite]], ignore_index=True),
        "thresholds": _one_side(evidence.table("thresholds"), runs),
        "smoothed_losses": losses,
    }
    return _with_gates(world, evidence)


def _of_each(rows: pd.DataFrame, number: Callable[[float], float]) -> pd.Series:
    """``number`` of the M of every row."""
    return rows["task_diversity"].map({M: number(M) for M in rows["task_diversity"].unique()})


def _of_models(
    places: pd.DataFrame, diversities: pd.Series, models: dict[int, float], columns: list[str]
) -> Iterator[Numbers]:
    """``columns`` of ``places`` at the same seed and step, from the run whose M ``models`` names for the seed."""
    own = places[diversities == places["seed"].map(models)].set_index(["seed", "step"])
    keys = pd.MultiIndex.from_frame(places[["seed", "step"]])
    for column in columns:
        yield own[column].reindex(keys).to_numpy(np.float64)


def _one_side(thresholds: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """`thresholds` in a world where all runs are on the same side."""
    relative = runs.groupby(["seed", "step"])["relative_distance"].mean()
    keys = pd.MultiIndex.from_frame(thresholds[["seed", "step"]])
    on_dmmse = relative.reindex(keys).to_numpy() >= HALF
    greatest, least = runs["task_diversity"].max(), runs["task_diversity"].min()
    return thresholds.assign(
        threshold=math.nan,
        below=np.where(on_dmmse, greatest, math.nan),
        above=np.where(on_dmmse, math.nan, least),
    )


def constant(evidence: Evidence) -> Frames:
    """What is compared over M equals its mean over M: LLCs, trade-offs, switches, predictors, paths in the PCA.

    Distances and losses of the runs are unchanged. Other fits of the PCA differ by what distinguishes the paths.
    """
    world = dict(evidence.frames)
    for table, columns, keys in (
        ("llc", ["llc"], ["seed", "step", "component"]),
        ("selection", ["loss_difference", "llc_difference", "switch_step"], ["seed", "losses"]),
        ("pca_idealised", ["coordinate"], ["predictor", "component"]),
        ("idealised_losses", ["loss"], ["predictor", "dataset", "token"]),
    ):
        with suppress(NotTestableError):  # the statements about it are not testable either
            world[table] = _mean(evidence.table(table), columns, keys)
    with suppress(NotTestableError):
        measured, robustness = evidence.table("pca_trajectories"), evidence.table("pca_robustness")
        same = _mean(measured, ["coordinate"], ["seed", "step", "component"])
        world["pca_robustness"] = _off_by(robustness, same, measured)
    return world


def _off_by(robustness: pd.DataFrame, paths: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """`pca_robustness` as if every other fit gave ``paths``; their distance is NaN if there is a gap."""
    gaps = measured["coordinate"].isna().any()
    shape = (
        math.nan if gaps else trajectory_distance(_coordinates(paths, 2), _coordinates(measured, 2))
    )
    full = robustness["reference"].astype(bool)
    return robustness.assign(
        trajectory_distance=robustness["trajectory_distance"].where(full, shape)
    )


def _mean(frame: pd.DataFrame, columns: list[str], keys: list[str]) -> pd.DataFrame:
    """``frame`` with ``columns`` of finite M replaced by their means at the same ``keys``."""
    finite = frame[~np.isinf(frame["task_diversity"])]
    means = finite.groupby(keys, dropna=False)[columns].transform("mean")
    frame = frame.astype(dict.fromkeys(columns, "float64"))
    frame.loc[finite.index, columns] = means
    return frame


# -- other components, another LLC --------------------------------------------------------------


def swapped(evidence: Evidence) -> Frames:
    """PC1 and PC2 of the runs trade places."""
    world = dict(evidence.frames)
    for name in ("pca_trajectories", "pca_loadings"):
        table = evidence.table(name)
        world[name] = table.assign(component=table["component"].replace({1: 2, 2: 1}))
    return world


def via_ridge(evidence: Evidence) -> Frames:
    """In the subspace of the joint PCA every run goes straight to ridge, and from there straight to its own end."""
    ridge = evidence.predictors_in_subspace.loc[math.inf]

    def by_ridge(path: pd.Series, key: Any) -> Numbers:
        corners = [path.iloc[0], ridge[key[-1]], path.iloc[-1]]
        return np.asarray(np.interp(np.linspace(0, 1, len(path)), [0, 0.5, 1], corners))

    return {**evidence.frames, "pca_trajectories": _moved(evidence, by_ridge)}


def wandering(evidence: Evidence) -> Frames:
    """Runs are random walks from a common start, each in its own directions; two components still explain a share."""
    runs = len(evidence.table("pca_trajectories")[RUN_KEY].drop_duplicates())
    at = np.arange(WALK)
    walks = np.kron(np.eye(runs), np.minimum.outer(at, at))
    walks -= walks.mean(axis=0)
    walks -= walks.mean(axis=1, keepdims=True)
    spread = np.linalg.eigvalsh(walks)[::-1] / np.trace(walks)
    variance = evidence.table("pca_variance")
    shares = [float(spread[number - 1]) for number in variance["component"]]
    return {**evidence.frames, "pca_variance": variance.assign(explained_variance_ratio=shares)}


def growing(evidence: Evidence) -> Frames:
    """Above M = `claims.plateau_from` the LLC keeps growing as it does up to there, linearly in log M."""
    llc, start = evidence.table("llc").copy(), evidence.settings.plateau_from
    for seed in evidence.seeds:
        known = evidence.llc(seed)
        up_to = [M for M in evidence.dmmse_like(seed) if M in known and start >= M]
        if len(up_to) < 2:
            raise NotTestableError(f"{len(up_to)} dMMSE-like runs up to M = {start} with an LLC")
        slope, intercept = np.polyfit(np.log(up_to), [known[M][0] for M in up_to], 1)
        beyond = (llc["seed"] == seed) & (llc["task_diversity"] > start)
        beyond &= ~np.isinf(llc["task_diversity"])
        llc.loc[beyond, "llc"] = intercept + slope * np.log(llc["task_diversity"][beyond])
    return {**evidence.frames, "llc": llc}


WORLDS = (
    straight, softened, via_ridge, mean_task, memorising, generalising, constant, swapped, wandering, growing,
)  # fmt: skip
#: Name -> the world. Extensions add those that their own statements name.
NULLS: dict[str, Callable[[Evidence], Frames]] = {
    world.__name__.replace("_", " "): world for world in WORLDS
}
