"""What the claims are judged by: numbers for each seed, computed from the tables.

Every method answers one question about the runs of one seed, and raises NotTestableError, with the reason, where the
tables cannot answer it.
"""

import math
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from ..analysis.datasets import IN_DISTRIBUTION as IN
from ..analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ..analysis.views import averages, last_healthy_llc
from ..artefacts.tables import Frames
from ..config.settings import ClaimSettings


class NotTestableError(Exception):
    """A statement that the tables at hand can neither support nor refute, and why."""


def rank_correlation(x: Any, y: Any, of: str) -> float:
    """Spearman's rank correlation of ``x`` and ``y``; infinities rank last.

    Raises NotTestableError if fewer than three pairs are known or one side is constant.
    """
    pairs = pd.DataFrame({"x": np.asarray(x, float), "y": np.asarray(y, float)}).dropna().rank()
    if len(pairs) < 3:
        raise NotTestableError(f"only {len(pairs)} {of}, and three are needed to rank them")
    if pairs["x"].nunique() < 2 or pairs["y"].nunique() < 2:
        raise NotTestableError(f"all {len(pairs)} {of} have the same rank")
    return float(spearmanr(pairs["x"], pairs["y"]).statistic)


class Evidence:
    """The tables of a variant (name -> frame) and the thresholds of `claims` in the configuration."""

    def __init__(self, frames: Frames, settings: ClaimSettings) -> None:
        self.frames = frames
        self.settings = settings

    @cached_property
    def seeds(self) -> list[int]:
        """Seeds of the grid."""
        return sorted(int(seed) for seed in self.frames["relative_distances"]["seed"].unique())

    def diversities(self, seed: int) -> list[float]:
        """Finite M with a run of this seed, ascending."""
        relative = self.frames["relative_distances"]
        of_seed = relative[relative["seed"] == seed]["task_diversity"].unique()
        return sorted(float(M) for M in of_seed if not math.isinf(M))

    # -- distances ---------------------------------------------------------------------------

    def path(self, M: float, seed: int) -> pd.DataFrame:
        """Smoothed distances of a run to both predictors, in the order of training."""
        if (M, seed) not in self._paths:
            raise NotTestableError(f"the grid has no run with M = {M:g}, seed = {seed}")
        return self._paths[M, seed]

    @cached_property
    def _paths(self) -> dict[Any, pd.DataFrame]:
        relative = self.frames["relative_distances"].sort_values("step")
        return dict(iter(relative.groupby(["task_diversity", "seed"])))

    def end(self, M: float, seed: int) -> float:
        """Relative distance at the end of training: 0 = ridge, 1 = dMMSE_M."""
        return float(self.path(M, seed)["relative_distance"].iloc[-1])

    def predictors_apart(self, M: float, dataset: str = IN) -> float:
        """Delta(dMMSE_M, ridge), in distribution unless ``dataset`` says otherwise."""
        rows = averages(self.frames["idealised_distances"], dataset)
        rows = rows[(rows["predictor"] == "dmmse") & (rows["other"] == "ridge")]
        return float(rows.set_index("task_diversity")["distance"][M])

    def reach(self, seed: int) -> float:
        """Delta(f, ridge) of the M = infinity run at the end of training."""
        return float(self.path(math.inf, seed)["ridge"].iloc[-1])

    def resolved(self, seed: int) -> list[float]:
        """M whose two predictors lie further apart than the M = infinity run ends from ridge.

        For any other M, being nearer to one of them says nothing: no model trained here comes so close to either.
        """
        reach = self.reach(seed)
        return [M for M in self.diversities(seed) if self.predictors_apart(M) > reach]

    def require_resolved(self, M: float, seed: int) -> None:
        """Raise NotTestableError unless M is among :meth:`resolved`."""
        if M not in self.resolved(seed):
            reach = self.reach(seed)
            raise NotTestableError(
                f"dMMSE_{M:g} and ridge are {self.predictors_apart(M):.3g} apart, and the M = inf run ends "
                f"{reach:.3g} from ridge: train longer or wider"
            )

    def require_trained(self, seed: int) -> None:
        """Raise NotTestableError unless the M = infinity run of this seed has nearly learnt ridge."""
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
        """How far a path is bent towards ridge: 0 = no closer than the straight way to dMMSE_M, 1 = through ridge.

        The straight way is the segment from the untrained model to dMMSE_M; its least squared distance to ridge follows
        from the three squared sides of the triangle (start, dMMSE_M, ridge).
        """
        path = self.path(M, seed)
        to_ridge, to_dmmse = path["ridge"].iloc[0], path["dmmse"].iloc[0]
        foot = np.clip((to_ridge + to_dmmse - self.predictors_apart(M)) / (2 * to_dmmse), 0, 1)
        straight = (
            (1 - foot) * to_ridge + foot * self.predictors_apart(M) - foot * (1 - foot) * to_dmmse
        )
        return float(1 - path["ridge"].min() / straight)

    def threshold(self, seed: int, share: float = 1.0) -> float:
        """M at which runs are as near to ridge as to dMMSE_M, after this share of training."""
        rows = self.frames["thresholds"]
        rows = rows[rows["seed"] == seed].sort_values("step")
        if rows.empty:
            raise NotTestableError("the grid has no finite M")
        row = rows[rows["step"] <= share * rows["step"].max()].iloc[-1]
        if math.isnan(row["threshold"]):
            side = "dMMSE" if pd.isna(row["above"]) else "ridge"
            raise NotTestableError(
                f"at step {int(row['step'])} every run of the grid is nearer to {side}"
            )
        return float(row["threshold"])

    # -- losses ------------------------------------------------------------------------------

    def losses(self, M: float, seed: int, dataset: str) -> pd.Series:
        """Smoothed loss of a run over training, index = step."""
        if (M, seed, dataset) not in self._losses:
            raise NotTestableError(f"the grid has no run with M = {M:g}, seed = {seed}")
        return self._losses[M, seed, dataset]

    @cached_property
    def _losses(self) -> dict[Any, pd.Series]:
        rows = self.frames["smoothed_losses"]
        rows = rows[rows["token"].isna()].sort_values("step").set_index("step")
        return dict(iter(rows.groupby(["task_diversity", "seed", "dataset"])["loss"]))

    def ideal(self, predictor: str, M: float, dataset: str) -> float:
        """Loss of an idealised predictor."""
        return self._ideals[M, predictor, dataset]

    @cached_property
    def _ideals(self) -> dict[Any, float]:
        rows = self.frames["idealised_losses"]
        rows = rows[rows["token"].isna()].set_index(["task_diversity", "predictor", "dataset"])
        return {key: float(loss) for key, loss in rows["loss"].items()}

    def dip_and_rise(self, M: float, seed: int) -> tuple[float, float]:
        """Fall of the OOD loss to its least value, and rise from there to the end, as shares of dMMSE_M's gap to ridge.

        The fall counts from the start or from dMMSE_M's loss, whichever is lower: a model that only ever rises, because
        dMMSE_M does worse out of distribution than the untrained model, has no dip.
        """
        losses = self.losses(M, seed, OUT)
        dmmse = self.ideal("dmmse", M, OUT)
        gap = dmmse - self.ideal("ridge", M, OUT)
        if not gap > 0:
            raise NotTestableError(f"dMMSE_{M:g} has no greater OOD loss than ridge here")
        least = losses.min()
        fall = min(dmmse, losses.iloc[0]) - least
        return float(fall / gap), float((losses.iloc[-1] - least) / gap)

    def critical_step(self, M: float, seed: int) -> int:
        """t_crit, the step of the least smoothed OOD loss."""
        losses = self.losses(M, seed, OUT)
        return int(losses.index[int(losses.argmin())])

    def end_of_ood_loss(self, M: float, seed: int) -> float:
        """OOD loss at the end of training: 0 = ridge's, 1 = dMMSE_M's."""
        ridge, dmmse = (self.ideal(predictor, M, OUT) for predictor in ("ridge", "dmmse"))
        return float((self.losses(M, seed, OUT).iloc[-1] - ridge) / (dmmse - ridge))

    def transience(self, M: float, seed: int) -> float:
        """The lesser of dip and rise: both must be there for a transient ridge."""
        return min(self.dip_and_rise(M, seed))

    @cached_property
    def by_transience(self) -> list[float]:
        """Finite M by their transience, mean over seeds, the greatest first."""
        common = set.intersection(*(set(self.diversities(seed)) for seed in self.seeds))
        if not common:
            raise NotTestableError("the grid has no finite M")
        means = {
            M: float(np.mean([self.transience(M, seed) for seed in self.seeds]))
            for M in sorted(common)
        }
        return sorted(means, key=lambda M: -means[M])

    # -- complexity --------------------------------------------------------------------------

    def llc(self, seed: int) -> dict[float, float]:
        """M -> LLC of the whole model at its last measured step, of the healthy estimates."""
        self._require_llc()
        found = last_healthy_llc(self.frames["llc"], seed)["llc"]
        return dict(zip(found.index.to_numpy(float).tolist(), found.tolist(), strict=True))

    def _require_llc(self) -> None:
        if self.frames["llc"].empty:
            raise NotTestableError("LLC not measured")

    def llc_of_ridge(self, seed: int) -> float:
        """lambda_inf, the LLC of the M = infinity run at the end of training."""
        found = self.llc(seed).get(math.inf)
        if found is None:
            raise NotTestableError(f"no healthy LLC of M = inf, seed = {seed}")
        return found

    def selection(self, seed: int) -> pd.DataFrame:
        """Trade-off of every finite M by the measured losses, M ascending; n* must be known for some."""
        rows = self.frames["selection"]
        rows = rows[(rows["seed"] == seed) & (rows["losses"] == "measured")]
        self._require_llc()
        if not rows["crossover"].notna().any():
            raise NotTestableError("n* is known for no M: no dMMSE-like run with a healthy LLC")
        return rows.sort_values("task_diversity")

    # -- joint PCA ---------------------------------------------------------------------------

    def component(self, number: int, seed: int) -> pd.Series:
        """Coordinate of every run of this seed at every step, index = (task_diversity, step)."""
        rows = self.frames["pca_trajectories"]
        rows = rows[(rows["component"] == number) & (rows["seed"] == seed)]
        if rows.empty:
            raise NotTestableError(f"the joint PCA has no component {number}: raise pca.components")
        return rows.set_index(["task_diversity", "step"])["coordinate"]

    def with_loss(self, number: int, seed: int, dataset: str) -> float:
        """Rank correlation of a component with the loss on ``dataset`` over all runs and steps."""
        rows = averages(self.frames["smoothed_losses"], dataset)
        losses = rows[rows["seed"] == seed].set_index(["task_diversity", "step"])["loss"]
        both = pd.concat([self.component(number, seed), losses], axis=1, join="inner")
        return rank_correlation(both["coordinate"], both["loss"], "checkpoints")
