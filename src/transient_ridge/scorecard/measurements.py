"""The numbers by which claims are judged, computed from the tables for each seed.

Every method answers one question about the runs of one seed. It raises NotTestableError, with the reason, if the tables
cannot answer it, and ContradictedError if they show that its premise is false. The end of training is the last
checkpoint, where smoothed curves equal the measured ones.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..analysis.datasets import IN_DISTRIBUTION as IN
from ..analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ..analysis.phases import Threshold, predictors_apart, resolved
from ..analysis.views import RUN_KEY, averages, last_healthy_llc
from ..artefacts.schemas import TABLES
from ..artefacts.tables import Frames
from ..config.settings import ClaimSettings
from .outcomes import ContradictedError, GapError, Measured, NotTestableError

Found = TypeVar("Found")

TINY = np.finfo(np.float64).tiny

#: Redrawn estimates that propagate their Monte Carlo error to the value of a statement.
RESAMPLES = 200

UNRESOLVED = "the predictors can be told apart for no M: train longer or wider"


def rank_correlation(x: Any, y: Any, of: str) -> float:
    """Spearman's rank correlation of ``x`` and ``y``; infinities rank last; 0 if one side is constant.

    Values that agree to nine digits are ties. Raises NotTestableError if fewer than three pairs are known.
    """
    pairs = np.array([_rounded(x), _rounded(y)])
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    if pairs.shape[1] < 3:
        raise NotTestableError(f"only {pairs.shape[1]} {of}, and three are needed to rank them")
    ranks = rankdata(pairs, axis=1)
    if (np.ptp(ranks, axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


def _rounded(values: Any) -> NDArray[np.float64]:
    found = np.asarray(values, np.float64)
    greatest = np.max(np.abs(found), where=np.isfinite(found), initial=0.0)
    return found if greatest == 0 else np.asarray(np.round(found / greatest, 9))


def with_monte_carlo(
    measure: Callable[[dict[float, float]], float],
    estimates: Mapping[float, tuple[float, float]],
    resolution: float = 0.0,
) -> Measured:
    """``measure`` of ``estimates``, M -> (value, standard error), with the error that theirs imply.

    Redrawn estimates that contradict the statement are left out.
    """
    rng = np.random.default_rng(0)
    value = measure({M: estimate for M, (estimate, _) in estimates.items()})
    if not any(error for _, error in estimates.values()):
        return Measured(value, resolution)
    drawn = []
    for _ in range(RESAMPLES):
        again = {M: rng.normal(*estimate) for M, estimate in estimates.items()}
        with suppress(ContradictedError, NotTestableError):
            drawn.append(measure(again))
    return Measured(value, resolution, error=float(np.std(drawn)) if drawn else math.nan)


def first_for_good(holds: pd.Series) -> float:
    """The first step (the index, ascending) from which ``holds`` stays true; infinity if it ends false."""
    true = holds.index[holds[::-1].cummin()[::-1]]
    return float(true[0]) if len(true) else math.inf


def _of_run(known: Mapping[Any, Found], M: float, seed: int, *key: str) -> Found:
    if (M, seed, *key) not in known:
        raise NotTestableError(f"the grid has no run with M = {M:g}, seed = {seed}")
    return known[M, seed, *key]


class Evidence:
    """The tables of a variant (name -> frame), the thresholds of `claims`, and the root seed."""

    def __init__(self, frames: Frames, settings: ClaimSettings, root_seed: int = 0) -> None:
        self.frames, self.settings, self.root_seed = frames, settings, root_seed
        self._transience: dict[tuple[float, int], float] = {}

    def table(self, name: str) -> pd.DataFrame:
        """The table ``name``; raises NotTestableError if it is missing, lacks a column or has no rows."""
        if name not in self.frames:
            raise NotTestableError(f"not measured: the table {name} is missing")
        frame = self.frames[name]
        lacking = [column for column in TABLES[name].columns if column not in frame]
        if lacking:
            raise NotTestableError(f"not measured: the table {name} lacks {', '.join(lacking)}")
        if frame.empty:
            raise NotTestableError(f"not measured: the table {name} is empty")
        return frame

    @cached_property
    def seeds(self) -> list[int]:
        """Seeds of the grid."""
        return sorted(int(seed) for seed in self.table("relative_distances")["seed"].unique())

    def diversities(self, seed: int) -> list[float]:
        """Finite M that have a run with this seed, ascending. Raises NotTestableError if there are none."""
        relative = self.table("relative_distances")
        of_seed = relative[relative["seed"] == seed]["task_diversity"].unique()
        finite = sorted(float(M) for M in of_seed if not math.isinf(M))
        if not finite:
            raise NotTestableError("the grid has no finite M")
        return finite

    # -- distances ---------------------------------------------------------------------------

    def path(self, M: float, seed: int) -> pd.DataFrame:
        """Smoothed distances of a run to both predictors, by ascending step."""
        path = _of_run(self._paths, M, seed)
        if (M, seed) in self._with_gaps:
            raise GapError(f"not measured: relative_distances has gaps at M = {M:g}")
        return path

    @cached_property
    def _paths(self) -> dict[Any, pd.DataFrame]:
        relative = self.table("relative_distances").sort_values("step")
        return dict(iter(relative.groupby(RUN_KEY)))

    @cached_property
    def _with_gaps(self) -> set[Any]:
        needed = ["ridge", "dmmse", "alpha", "alpha_out"]  # at M = infinity there is no alpha
        return {
            run
            for run, path in self._paths.items()
            if path[needed[:2] if math.isinf(run[0]) else needed].isna().any(axis=None)
        }

    def last_step(self, M: float, seed: int) -> int:
        """The step of the last checkpoint."""
        return int(self.path(M, seed)["step"].iloc[-1])

    def alpha(self, M: float, seed: int, dataset: str = IN) -> pd.Series:
        """Position on the line from ridge (0) to dMMSE_M (1) over training, on q_M by default; index = step."""
        path = self.path(M, seed).set_index("step")
        return path["alpha" if dataset == IN else "alpha_out"]

    def end(self, M: float, seed: int) -> float:
        """alpha on q_M at the last checkpoint."""
        return float(self.alpha(M, seed).iloc[-1])

    def at_critical_step(self, M: float, seed: int) -> float:
        """alpha on q_M at t_crit."""
        return float(self.alpha(M, seed)[self.critical_step(M, seed)])

    def hook(self, M: float, seed: int) -> tuple[float, float]:
        """How far alpha falls to its minimum out of distribution, and how far it rises from there to the end."""
        alpha = self.alpha(M, seed, OUT)
        return float(alpha.iloc[0] - alpha.min()), float(alpha.iloc[-1] - alpha.min())

    def predictors_apart(self, M: float, dataset: str = IN) -> float:
        """Delta(dMMSE_M, ridge) on ``dataset``, in distribution by default."""
        if M not in self._apart[dataset]:
            raise NotTestableError(f"not measured: idealised_distances lacks M = {M:g}")
        return self._apart[dataset][M]

    @cached_property
    def _apart(self) -> dict[str, dict[float, float]]:
        table = self.table("idealised_distances")
        return {dataset: predictors_apart(table, dataset) for dataset in (IN, OUT)}

    def reach(self, seed: int) -> float:
        """Delta(f, ridge) of the M = infinity run at the last checkpoint."""
        return float(self.path(math.inf, seed)["ridge"].iloc[-1])

    def resolved(self, seed: int) -> list[float]:
        """M whose two predictors lie further apart than the M = infinity run ends from ridge, ascending."""
        apart = {M: self.predictors_apart(M) for M in self.diversities(seed)}
        return resolved(apart, self.reach(seed))

    def require_resolved(self, M: float, seed: int) -> None:
        """Raise NotTestableError unless M is :meth:`resolved`."""
        if M not in self.resolved(seed):
            raise NotTestableError(
                f"dMMSE_{M:g} and ridge are {self.predictors_apart(M):.3g} apart, and the M = inf run ends "
                f"{self.reach(seed):.3g} from ridge: train longer or wider"
            )

    def require_trained(self, seed: int) -> None:
        """Raise NotTestableError unless the M = infinity run of this seed has almost learnt ridge."""
        losses = self.losses(math.inf, seed, OUT)
        ridge = self.ideal("ridge", math.inf, OUT)
        excess = (losses.iloc[-1] - ridge) / (losses.iloc[0] - ridge)
        if not excess <= self.settings.converged:
            raise NotTestableError(
                f"the M = inf run keeps {100 * excess:.0f} % of its first excess loss over ridge "
                f"(claims.converged = {self.settings.converged:g}): train longer"
            )

    def dmmse_like(self, seed: int) -> list[float]:
        """M whose run ends close to dMMSE_M."""
        close = self.settings.dmmse_like
        return [M for M in self.diversities(seed) if self.end(M, seed) >= close]

    def deflection(self, M: float, seed: int) -> float:
        """How far a path bends towards ridge in the subspace of the joint PCA: 0 = straight, 1 = through ridge.

        A straight path is the segment from its start to its own end; distances are squared.
        """
        ridge = self.predictors_in_subspace.loc[math.inf]
        path = self._paths_in_subspace.get((M, seed))
        if path is None:
            raise NotTestableError(f"the joint PCA has no run with M = {M:g}, seed = {seed}")
        if path.isna().any(axis=None):
            raise GapError(f"not measured: pca_trajectories has gaps at M = {M:g}")
        away = ((path - ridge) ** 2).sum(axis=1)
        length = float(((path.iloc[-1] - path.iloc[0]) ** 2).sum())
        straight = least_on_segment(away.iloc[0], away.iloc[-1], length)
        return float(1 - away.min() / max(straight, TINY))

    @cached_property
    def _paths_in_subspace(self) -> dict[Any, pd.DataFrame]:
        wide = self.table("pca_trajectories").pivot_table(
            "coordinate", [*RUN_KEY, "step"], "component", dropna=False
        )
        return {key: path.sort_index() for key, path in wide.groupby(RUN_KEY)}

    def threshold(self, seed: int, share: float = 1.0) -> Threshold:
        """The threshold after this ``share`` of training, with the two M on either side.

        Raises NotTestableError if the resolved M do not enclose a threshold.
        """
        rows = self.table("thresholds")
        rows = rows[rows["seed"] == seed].sort_values("step")
        row = rows[rows["step"] <= share * rows["step"].max()].iloc[-1]
        if math.isnan(row["threshold"]):
            if pd.isna(row["below"]) and pd.isna(row["above"]):
                raise NotTestableError(UNRESOLVED)
            side = "ridge" if pd.isna(row["below"]) else "dMMSE"
            raise NotTestableError(
                f"at step {int(row['step'])} every M whose predictors can be told apart is nearer to {side}"
            )
        return Threshold(float(row["threshold"]), int(row["below"]), int(row["above"]))

    def gate(self, M: float, seed: int) -> pd.DataFrame:
        """Gate of a run between ridge (0) and dMMSE_M (1) on q_M, over all positions; index = step, ascending."""
        return _of_run(self._gates, M, seed)

    def last_gate_of_least(self, seed: int) -> pd.Series:
        """The row of :meth:`gate` at the last checkpoint of the least M, which must be resolved."""
        M = self.diversities(seed)[0]
        self.require_resolved(M, seed)
        return self.gate(M, seed).iloc[-1]

    @cached_property
    def _gates(self) -> dict[Any, pd.DataFrame]:
        rows = averages(self.table("gates"), IN).set_index("step").sort_index()
        return dict(iter(rows.groupby(RUN_KEY)))

    # -- losses ------------------------------------------------------------------------------

    def losses(self, M: float, seed: int, dataset: str) -> pd.Series:
        """Smoothed loss of a run over training, index = step."""
        losses = _of_run(self._losses, M, seed, dataset)
        if losses.isna().any():
            raise GapError(f"not measured: smoothed_losses has gaps at M = {M:g}")
        return losses

    @cached_property
    def _losses(self) -> dict[Any, pd.Series]:
        rows = self.table("smoothed_losses")
        rows = rows[rows["token"].isna()].sort_values("step").set_index("step")
        return dict(iter(rows.groupby([*RUN_KEY, "dataset"])["loss"]))

    def ideal(self, predictor: str, M: float, dataset: str) -> float:
        """Loss of an idealised predictor."""
        if (M, predictor, dataset) not in self._ideals:
            raise NotTestableError(
                f"not measured: idealised_losses lacks {predictor} for M = {M:g} on {dataset}"
            )
        return self._ideals[M, predictor, dataset]

    @cached_property
    def _ideals(self) -> dict[Any, float]:
        rows = self.table("idealised_losses")
        rows = rows[rows["token"].isna()].set_index(["task_diversity", "predictor", "dataset"])
        return {key: float(loss) for key, loss in rows["loss"].items()}

    def gap(self, M: float) -> float:
        """The OOD loss of dMMSE_M minus ridge's. Raises NotTestableError unless it is positive."""
        gap = self.ideal("dmmse", M, OUT) - self.ideal("ridge", M, OUT)
        if not gap > 0:
            raise NotTestableError(f"the OOD loss of dMMSE_{M:g} is not above ridge's here")
        return gap

    def dip_and_rise(self, M: float, seed: int) -> tuple[float, float]:
        """Fall of the OOD loss to its minimum, and rise from there to the end, as shares of :meth:`gap`.

        The fall counts from the least OOD loss on two paths to dMMSE_M that avoid ridge, on which the loss may fall and
        rise too: straight from the untrained model, and through softened dMMSE_M.
        """
        losses, gap = self.losses(M, seed, OUT), self.gap(M)
        least = losses.min()
        start = self.path(M, seed)["dmmse_out"].iloc[0]
        straight = least_on_segment(losses.iloc[0], self.ideal("dmmse", M, OUT), start)
        without_ridge = min(straight, self.least_softened(M))
        return float((without_ridge - least) / gap), float((losses.iloc[-1] - least) / gap)

    def least_softened(self, M: float) -> float:
        """The least OOD loss of a softened dMMSE_M, over all temperatures."""
        table = self.table("softened_dmmse")
        losses = table[table["task_diversity"] == M]["loss_out"]
        if losses.empty:
            raise NotTestableError(f"not measured: softened_dmmse lacks M = {M:g}")
        if losses.isna().any():
            raise GapError(f"not measured: softened_dmmse has gaps at M = {M:g}")
        return float(losses.min())

    def critical_step(self, M: float, seed: int) -> int:
        """t_crit, the step of the least smoothed OOD loss."""
        losses = self.losses(M, seed, OUT)
        return int(losses.index[int(losses.argmin())])

    def end_of_ood_loss(self, M: float, seed: int) -> float:
        """OOD loss at the last checkpoint: 0 = ridge's, 1 = dMMSE_M's."""
        excess = self.losses(M, seed, OUT).iloc[-1] - self.ideal("ridge", M, OUT)
        return float(excess / self.gap(M))

    def fitted(self, M: float, seed: int) -> float:
        """Loss on q_M at the last checkpoint: 0 = dMMSE_M's, 1 = ridge's."""
        ridge, dmmse = (self.ideal(predictor, M, IN) for predictor in ("ridge", "dmmse"))
        return float((self.losses(M, seed, IN).iloc[-1] - dmmse) / (ridge - dmmse))

    def below_and_above(self, seed: int) -> tuple[list[float], list[float]]:
        """The resolved M on dMMSE's side of the threshold, and on ridge's."""
        rows = self.table("thresholds")
        last = rows[rows["seed"] == seed].sort_values("step").iloc[-1]
        diversities = self.resolved(seed)
        if not diversities:
            raise NotTestableError(UNRESOLVED)
        below = [M for M in diversities if last["below"] >= M]
        return below, [M for M in diversities if M not in below]

    def transience(self, M: float, seed: int) -> float:
        """The lesser of dip and rise, since a transient ridge needs both."""
        if (M, seed) not in self._transience:  # most statements ask for it
            self._transience[M, seed] = float(np.min(self.dip_and_rise(M, seed)))
        return self._transience[M, seed]

    @cached_property
    def by_transience(self) -> list[float]:
        """The M that are resolved for every seed, by descending mean transience."""
        common = set.intersection(*(set(self.resolved(seed)) for seed in self.seeds))
        if not common:
            raise NotTestableError(UNRESOLVED)
        unknown = [f"{M:g}" for M in sorted(common) if math.isnan(self._mean_transience(M))]
        if unknown:
            raise NotTestableError(
                f"whether M = {', '.join(unknown)} has a transient ridge is unknown: the losses or distances behind it "
                "have a gap"
            )
        return sorted(sorted(common), key=lambda M: -self._mean_transience(M))

    def _mean_transience(self, M: float) -> float:
        return float(np.mean([self.transience(M, seed) for seed in self.seeds]))

    def transient(self) -> list[float]:
        """M with a transient ridge, mean over seeds, ascending. Raises ContradictedError if there is none."""
        least = self.settings.transience
        found = [M for M in self.by_transience if self._mean_transience(M) >= least]
        if not found:
            raise ContradictedError("no M has a transient ridge (statement 2a)")
        return sorted(found)

    # -- complexity --------------------------------------------------------------------------

    def llc(self, seed: int) -> dict[float, tuple[float, float]]:
        """M -> LLC of the whole model at the last checkpoint and its standard error, where healthy."""
        found = last_healthy_llc(self.table("llc"), seed)
        last = [self.last_step(float(M), seed) for M in found.index]
        found = found[found["step"].to_numpy() == np.array(last, np.int64)]
        if found["llc"].isna().any():
            raise GapError("not measured: llc has gaps in healthy rows")
        errors = found["standard_error"].fillna(0.0)  # a quadratic LLC has none
        return {
            float(M): (float(llc), float(error))
            for M, llc, error in zip(found.index, found["llc"], errors, strict=True)
        }

    def llc_of(self, M: float, seed: int) -> tuple[float, float]:
        """The LLC of one M at the last checkpoint and its standard error; raises NotTestableError if it has none."""
        if M not in self.llc(seed):
            raise NotTestableError(
                f"no healthy LLC of M = {M:g}, seed = {seed}, at the last checkpoint"
            )
        return self.llc(seed)[M]

    def llc_of_ridge(self, seed: int) -> float:
        """lambda_inf, the LLC of the M = infinity run at the last checkpoint."""
        return self.llc_of(math.inf, seed)[0]

    def trade_offs(self, seed: int) -> pd.DataFrame:
        """Losses, LLCs and phases of Eq. 8 for every finite M, ascending; with measured losses if there are any."""
        rows = self.table("selection")
        rows = rows[(rows["seed"] == seed) & (rows["losses"] == self.kind_of_losses)]
        return rows.sort_values("task_diversity")

    def selection(self, seed: int) -> pd.DataFrame:
        """:meth:`trade_offs`, provided that n* is known for some M and there is a transience to explain.

        Raises NotTestableError if n* is known for no M, ContradictedError if no M has a transient ridge.
        """
        self.table("llc")
        rows = self.trade_offs(seed)
        if not rows["crossover"].notna().any():
            raise NotTestableError("n* is known for no M: no dMMSE-like run with a healthy LLC")
        self.transient()
        return rows

    @cached_property
    def kind_of_losses(self) -> str:
        """``measured`` if Eq. 8 uses measured losses, ``idealised`` if l(u) was not measured on q_M."""
        return "measured" if "measured" in set(self.table("selection")["losses"]) else "idealised"

    # -- joint PCA ---------------------------------------------------------------------------

    def component(self, number: int, seed: int) -> pd.Series:
        """Coordinate of every run with this seed at every step; index = (task_diversity, step)."""
        rows = self.table("pca_trajectories")
        rows = rows[(rows["component"] == number) & (rows["seed"] == seed)]
        if rows.empty:
            raise NotTestableError(f"the joint PCA has no component {number}: raise pca.components")
        return rows.set_index(["task_diversity", "step"])["coordinate"]

    def with_loss(self, number: int, seed: int, dataset: str) -> pd.DataFrame:
        """Columns ``coordinate`` of a component and ``loss`` on ``dataset``, over all runs and steps."""
        rows = averages(self.table("smoothed_losses"), dataset)
        losses = rows[rows["seed"] == seed].set_index(["task_diversity", "step"])["loss"]
        return pd.concat([self.component(number, seed), losses], axis=1, join="inner")

    def gradient_of_ood_loss(self, seed: int) -> NDArray[np.float64]:
        """Direction (2,) in the plane of PC1 and PC2 in which the OOD loss rises: least squares over runs and steps."""
        both = [self.with_loss(number, seed, OUT) for number in (1, 2)]
        plane = np.column_stack([each["coordinate"] for each in both])
        loss = both[0]["loss"].to_numpy()
        if np.isnan(loss).any() or np.isnan(plane).any():
            raise GapError("not measured: smoothed_losses or pca_trajectories has gaps")
        slope = np.linalg.lstsq(plane - plane.mean(axis=0), loss - loss.mean(), rcond=None)[0]
        return np.asarray(slope / max(np.linalg.norm(slope), TINY))

    @cached_property
    def predictors_in_subspace(self) -> pd.DataFrame:
        """Coordinates of dMMSE_M and, at M = infinity, of ridge: a column per component, index M, ascending."""
        wide = self._ridge_and_dmmse("task_diversity")
        if math.inf not in wide.index or wide.isna().any(axis=None):
            raise NotTestableError("not measured: pca_idealised has gaps")
        return wide

    def _ridge_and_dmmse(self, *index: str) -> pd.DataFrame:
        """Coordinates of both predictors in the joint PCA, a column per component."""
        points = self.table("pca_idealised")
        points = points[points["predictor"].isin(["ridge", "dmmse"])]
        wide = points.pivot_table("coordinate", list(index), "component")
        if not {1, 2} <= set(wide.columns):
            raise NotTestableError("the joint PCA has one component: raise pca.components")
        return wide

    def ridge_axis(self) -> tuple[int, pd.Series]:
        """The component that dMMSE_M and ridge differ most along, and the share of every component in their difference.

        Shares are of the squared distance, mean over M; the index is the component. Only components that were kept
        count.
        """
        wide = self._ridge_and_dmmse("predictor", "task_diversity")
        finite = [key for key in wide.index if key[0] == "dmmse" and not math.isinf(key[1])]
        if not finite:
            raise NotTestableError("the joint PCA has no dMMSE_M of a finite M")
        squares = (wide.loc[finite] - wide.loc["ridge"].iloc[0]) ** 2
        shares = squares.div(squares.sum(axis=1), axis=0).mean()
        if shares.isna().any():
            raise NotTestableError("not measured: pca_idealised has gaps")
        return int(shares.index.to_numpy(int)[int(np.argmax(shares))]), shares


def least_on_segment(start: float, end: float, length: float) -> float:
    """Least mean squared error on the segment between two functions, by their errors and squared distance ``length``.

    Along the segment the error is (1 - s) start + s end - s (1 - s) length.
    """
    s = np.clip((start - end + length) / (2 * length), 0, 1) if length > 0 else 0.0
    return float((1 - s) * start + s * end - s * (1 - s) * length)
