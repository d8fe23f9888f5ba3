"""Claims 3 and 5: what the components of the joint PCA are."""

from ...analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ...analysis.datasets import ROOT
from ..measurements import Evidence, rank_correlation
from ..outcomes import Measured, NotTestableError
from ..statement import AT_LEAST, AT_MOST, BEFORE, REVISED, states


@states(
    3,
    "a",
    "Two components explain as much as in the paper, and one is the axis to ridge",
    "share of the variance",
    AT_LEAST,
    "explained",
    joint=True,
    set_when=REVISED,
)
def _explained_by_two(evidence: Evidence, _: int) -> float:
    variance = evidence.table("pca_variance")
    if len(variance) < 2:
        raise NotTestableError("the joint PCA has one component: raise pca.components")
    evidence.require_ridge_axis(1, 2)
    return float(variance[variance["component"] <= 2]["explained_variance_ratio"].sum())


@states(
    3,
    "b",
    "PC2 follows the OOD loss",
    "rank correlation over runs and steps",
    AT_LEAST,
    "follows",
    set_when=BEFORE,
)
def _pc2_is_ood_loss(evidence: Evidence, seed: int) -> float:
    return evidence.with_loss(2, seed, OUT)


@states(
    3,
    "c",
    "PC2 orders the predictors from dMMSE of least M to ridge",
    "rank correlation of M and PC2 of the predictors",
    AT_MOST,
    "falls",
    joint=True,
    set_when=BEFORE,
)
def _pc2_orders_the_predictors(evidence: Evidence, _: int) -> float:
    points = evidence.table("pca_idealised")
    points = points[(points["component"] == 2) & points["predictor"].isin(["ridge", "dmmse"])]
    return rank_correlation(points["task_diversity"], points["coordinate"], "idealised predictors")


@states(
    3,
    "d",
    "PC1 follows the loss on the root task",
    "rank correlation over runs and steps",
    AT_MOST,
    "follows_inversely",
    set_when=BEFORE,
)
def _pc1_is_root_loss(evidence: Evidence, seed: int) -> float:
    return evidence.with_loss(1, seed, ROOT)


@states(
    3,
    "e",
    "PC1 follows development time",
    "rank correlation with the step",
    AT_LEAST,
    "follows",
    set_when=BEFORE,
)
def _pc1_is_time(evidence: Evidence, seed: int) -> float:
    coordinates = evidence.component(1, seed)
    steps = coordinates.index.get_level_values("step")
    return rank_correlation(steps, coordinates, "checkpoints")


@states(
    3,
    "f",
    "PC2 is the axis from dMMSE_M to ridge",
    "share of the predictors' squared distance, mean over M",
    AT_LEAST,
    "axis_share",
    joint=True,
)
def _pc2_is_the_ridge_axis(evidence: Evidence, _: int) -> Measured:
    axis, share = evidence.ridge_axis()
    return Measured(float(evidence.along_components[2]), remark=f"most on PC{axis}: {share:.2f}")


@states(
    5,
    "a",
    "Earlier tokens load more on PC2, the axis to ridge",
    "rank correlation of position and loading",
    AT_MOST,
    "follows_inversely",
    joint=True,
    set_when=REVISED,
)
def _early_tokens_load(evidence: Evidence, _: int) -> float:
    loadings = evidence.table("pca_loadings")
    loadings = loadings[loadings["component"] == 2]
    if loadings.empty:
        raise NotTestableError("the joint PCA has one component: raise pca.components")
    evidence.require_ridge_axis(2)
    return rank_correlation(loadings["token"], loadings["loading"], "positions on PC2")
