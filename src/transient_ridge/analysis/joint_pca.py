"""Joint trajectory PCA: the paths of all runs in one low-dimensional function space.

A row of the data is the outputs on D(1) of one run at one checkpoint, B*K numbers; all runs of the grid are
stacked, centred and decomposed together (arXiv 2501.17745, section 'Joint trajectory PCA'). The idealised
predictors are projected into the same space and are not part of the fit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from ..artefacts.tables import Rows
from ..config.settings import ContextLength, PcaSettings
from ..errors import ConfigError
from ..stage import stage

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A joint PCA: ``mean`` (B*K), ``components`` (v, B*K) and the variance each explains, (v,)."""

    mean: Array
    components: Array
    variance: Array
    variance_ratio: Array

    def project(self, outputs: NDArray[np.floating[Any]]) -> Array:
        """Coordinates (rows, v) of ``outputs`` (rows, B*K)."""
        result: Array = (outputs - self.mean) @ self.components.T
        return result


def fit(outputs: NDArray[np.floating[Any]], components: int) -> Fit:
    """Principal components of the stacked ``outputs`` (rows, B*K), in float64.

    Raises ConfigError if there are fewer rows or columns than components.
    """
    rows, columns = outputs.shape
    if components > min(rows, columns):
        raise ConfigError(
            f"pca.components = {components}: at most min(checkpoints of all runs, B*K) = "
            f"{min(rows, columns)} exist"
        )
    # Both solvers are deterministic; that of the covariance is cheap if rows outnumber columns.
    solver = "covariance_eigh" if rows > columns else "full"
    pca = PCA(n_components=components, svd_solver=solver).fit(outputs.astype(np.float64))
    return Fit(pca.mean_, pca.components_, pca.explained_variance_, pca.explained_variance_ratio_)


def orient(fitted: Fit, development: Array, specialisation: Array) -> Fit:
    """Fix the sign of every component, which a PCA leaves open, so that presets can be compared by eye.

    PC1 points along ``development`` and the others along ``specialisation``, both differences of outputs (B*K,).
    """
    direction = fitted.components @ specialisation
    direction[0] = fitted.components[0] @ development
    signs = np.where(direction < 0, -1.0, 1.0)
    return Fit(
        fitted.mean, fitted.components * signs[:, None], fitted.variance, fitted.variance_ratio
    )


def token_loadings(components: Array, context_length: int) -> Array:
    """Share (v, K) of each component's squared norm on each position (rows sum to one)."""
    squares = components.reshape(len(components), -1, context_length) ** 2
    shares: Array = squares.sum(axis=1) / squares.sum(axis=(1, 2))[:, None]
    return shares


@stage("pca_trajectories", "pca_idealised", "pca_softened", "pca_variance", "pca_loadings")
def compute_joint_pca(
    outputs: pd.DataFrame,
    idealised_outputs: pd.DataFrame,
    softened_outputs: pd.DataFrame,
    pca: PcaSettings,
    context_length: ContextLength,
) -> tuple[Rows, Rows, Rows, Rows, Rows]:
    """Fit the joint PCA of all runs' outputs: coordinates of runs and predictors, variance and loadings.

    PC1 points from the first to the last checkpoint of the runs with the largest M, infinity where the grid has it; the
    other components point from ridge to dMMSE_M of the smallest M.
    """
    K = context_length
    rows = outputs_matrix(outputs, pca.sequences * K)
    points = outputs_matrix(idealised_outputs, pca.sequences * K)
    softened = outputs_matrix(softened_outputs, pca.sequences * K)
    predictors = idealised_outputs["predictor"]
    diversities = idealised_outputs["task_diversity"].where(predictors == "dmmse", np.inf)
    ridge = points[int((predictors == "ridge").argmax())]
    greatest = outputs["task_diversity"] == outputs["task_diversity"].max()
    step = outputs["step"].where(greatest)
    start, end = (
        rows[(step == at).to_numpy()].mean(axis=0, dtype=np.float64)
        for at in (step.min(), step.max())
    )
    specialisation = points[int(diversities.argmin())] - ridge
    fitted = orient(fit(rows, pca.components), end - start, specialisation)
    variance, loadings = Rows("pca_variance"), Rows("pca_loadings")
    shares = token_loadings(fitted.components, K)
    for number in range(pca.components):
        variance.add(
            component=number + 1,
            explained_variance=fitted.variance[number],
            explained_variance_ratio=fitted.variance_ratio[number],
        )
        for k in range(K):
            loadings.add(component=number + 1, token=k + 1, loading=shares[number, k])
    return (
        _tidy("pca_trajectories", outputs, fitted.project(rows)),
        _tidy("pca_idealised", idealised_outputs, fitted.project(points)),
        _tidy("pca_softened", softened_outputs, fitted.project(softened)),
        variance,
        loadings,
    )


def outputs_matrix(table: pd.DataFrame, columns: int | None = None) -> NDArray[np.float32]:
    """The first ``columns`` outputs of every row, which are those of the first sequences; all by default."""
    if table.empty:
        return np.empty((0, columns or 0), dtype=np.float32)
    return np.stack([row[:columns] for row in table["outputs"]])


def _tidy(table: str, keys: pd.DataFrame, coordinates: Array) -> Rows:
    """One row per (key, component)."""
    count, v = coordinates.shape
    frame = keys.drop(columns="outputs").loc[keys.index.repeat(v)]
    frame["component"] = list(range(1, v + 1)) * count
    return Rows.of(table, frame.assign(coordinate=coordinates.flatten()))
