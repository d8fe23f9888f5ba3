"""Claims 3 and 5: what the components of the joint PCA are. The sign of a component means nothing."""

import numpy as np

from ...analysis.datasets import ROOT
from ..measurements import Evidence, rank_correlation
from ..nulls import CONSTANT, GENERALISING, SWAPPED, WANDERING
from ..outcomes import ContradictedError, Measured, NotTestableError
from ..statement import asks, states


@states("3a", at_least="explained", nulls=(WANDERING,), joint=True)
def _explained_by_two(evidence: Evidence, _: int) -> float:
    """Two components explain as much of the variance as in the paper.

    Measured: share of the variance.
    """
    variance = evidence.table("pca_variance")
    if len(variance) < 2:
        raise NotTestableError("the joint PCA has one component: raise pca.components")
    return float(variance[variance["component"] <= 2]["explained_variance_ratio"].sum(skipna=False))


@states("3b", at_least="aligned", nulls=(GENERALISING,))
def _loss_rises_along_the_axis(evidence: Evidence, seed: int) -> float:
    """In their plane the OOD loss rises along the axis from ridge to dMMSE_M.

    Measured: cosine of the loss's gradient and the mean axis.
    """
    points = evidence.predictors_in_subspace[[1, 2]].to_numpy()
    if len(points) < 2:
        raise NotTestableError("the joint PCA has no dMMSE_M of a finite M")
    axis = points[:-1].mean(axis=0) - points[-1]
    return float(evidence.gradient_of_ood_loss(seed) @ axis / np.linalg.norm(axis))


@states("3c", at_most="falls", nulls=(CONSTANT,))
def _gradient_orders_the_predictors(evidence: Evidence, seed: int) -> float:
    """Along the gradient the predictors are ordered by M.

    Measured: rank correlation of M and place.
    """
    points = evidence.predictors_in_subspace[[1, 2]]
    place = points.to_numpy() @ evidence.gradient_of_ood_loss(seed)
    return rank_correlation(points.index, place, "idealised predictors")


@states("3d", at_least="follows", nulls=(SWAPPED,))
def _pc1_is_root_loss(evidence: Evidence, seed: int) -> float:
    """PC1 follows the loss on the root task.

    Measured: absolute rank correlation over runs and steps.
    """
    both = evidence.with_loss(1, seed, ROOT)
    return abs(rank_correlation(both["coordinate"], both["loss"], "checkpoints"))


@states("3e", at_least="follows", nulls=(SWAPPED,))
def _pc1_is_time(evidence: Evidence, seed: int) -> float:
    """PC1 follows development time.

    Measured: rank correlation with the step within a run, mean over runs, absolute.
    """
    runs = evidence.component(1, seed).reset_index().groupby("task_diversity")
    within = [rank_correlation(run["step"], run["coordinate"], "checkpoints") for _, run in runs]
    return abs(float(np.mean(within)))


@asks("3f", at_least="axis_share", joint=True)
def _pc2_is_the_ridge_axis(evidence: Evidence, _: int) -> Measured:
    """PC2, and no other component, is the axis from dMMSE_M to ridge.

    Measured: share of the predictors' squared distance, mean over M.
    """
    axis, shares = evidence.ridge_axis()
    return Measured(float(shares[2]), remark=f"most on PC{axis}: {shares[axis]:.2f}")


@states("5a", at_most="follows_inversely", nulls=(SWAPPED,), joint=True)
def _early_tokens_load(evidence: Evidence, _: int) -> Measured:
    """Earlier tokens load more on the component that is the axis to ridge.

    Measured: rank correlation of position and loading.
    """
    axis, shares = evidence.ridge_axis()
    share = f"{shares[axis]:.0%}"
    if axis not in (1, 2):
        raise ContradictedError(
            f"the axis from dMMSE_M to ridge is PC{axis}, with {share} of their squared distance"
        )
    loadings = evidence.table("pca_loadings")
    loadings = loadings[loadings["component"] == axis]
    found = rank_correlation(loadings["token"], loadings["loading"], f"positions on PC{axis}")
    return Measured(found, remark=f"PC{axis}, with {share} of the axis")
