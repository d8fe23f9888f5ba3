"""Joint trajectory PCA: the paths of all runs through one low-dimensional function space.

A row of the data is the outputs on D(1) of one run at one checkpoint, B*K numbers; all runs of the grid are
stacked, centred and decomposed together (arXiv 2501.17745, section 'Joint trajectory PCA'). The idealised
predictors are projected into the same space and are not part of the fit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from ..artefacts import tables
from ..artefacts.provenance import collect
from ..config.settings import PcaSettings
from ..errors import ConfigError

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
    # Deterministic solvers only; the Gram route is the cheap one when rows outnumber columns.
    solver = "covariance_eigh" if rows > columns else "full"
    pca = PCA(n_components=components, svd_solver=solver).fit(outputs.astype(np.float64))
    return Fit(pca.mean_, pca.components_, pca.explained_variance_, pca.explained_variance_ratio_)


def orient(fitted: Fit, ridge: Array, dmmse: Array) -> Fit:
    """Fix the sign of every component, so that figures do not flip between runs of the pipeline.

    PC1 points from the grand mean to ridge (development), every other one from ridge to ``dmmse``, the
    outputs (B*K,) of the dMMSE predictor of the least task diversity (specialisation).
    """
    direction = fitted.components @ (dmmse - ridge)
    direction[0] = fitted.components[0] @ (ridge - fitted.mean)
    signs = np.where(direction < 0, -1.0, 1.0)
    return Fit(
        fitted.mean, fitted.components * signs[:, None], fitted.variance, fitted.variance_ratio
    )


def token_loadings(components: Array, context_length: int) -> Array:
    """Share (v, K) of each component's squared norm that lies on position k (rows sum to one)."""
    squares = components.reshape(len(components), -1, context_length) ** 2
    shares: Array = squares.sum(axis=1) / squares.sum(axis=(1, 2))[:, None]
    return shares


def joint_pca(
    outputs: Sequence[Path],
    idealised: Path,
    settings: Mapping[str, Any],
    *,
    trajectories: Path,
    idealised_points: Path,
    variance: Path,
    loadings: Path,
) -> None:
    """Fit the joint PCA of all runs' ``outputs`` tables and write coordinates, variance and loadings."""
    pca = PcaSettings.of(settings["pca"])
    K = int(settings["context_length"])
    used = pca.sequences * K
    runs = tables.read_runs(outputs, "outputs")
    ideal = tables.read(idealised, "idealised_outputs")
    points = outputs_matrix(ideal, used)
    keys = ideal.drop(["outputs"]).to_pandas()

    fitted = fit(outputs_matrix(runs, used), pca.components)
    smallest = keys["task_diversity"].idxmin()
    fitted = orient(fitted, points[int((keys["predictor"] == "ridge").argmax())], points[smallest])

    provenance = collect(settings, inputs=[*outputs, idealised])
    components = list(range(1, pca.components + 1))
    tables.write(
        trajectories,
        "pca_trajectories",
        _tidy(runs.drop(["outputs"]).to_pandas(), fitted.project(outputs_matrix(runs, used))),
        provenance,
    )
    tables.write(idealised_points, "pca_idealised", _tidy(keys, fitted.project(points)), provenance)
    tables.write(
        variance,
        "pca_variance",
        {
            "component": components,
            "explained_variance": fitted.variance.tolist(),
            "explained_variance_ratio": fitted.variance_ratio.tolist(),
        },
        provenance,
    )
    shares = token_loadings(fitted.components, K)
    tables.write(
        loadings,
        "pca_loadings",
        {
            "component": np.repeat(components, K).tolist(),
            "token": list(range(1, K + 1)) * pca.components,
            "loading": shares.flatten().tolist(),
        },
        provenance,
    )


def outputs_matrix(table: pa.Table, columns: int | None = None) -> NDArray[np.float32]:
    """The first ``columns`` outputs of every row, those of the first B sequences; all of them by default."""
    values = table["outputs"].combine_chunks()
    matrix: NDArray[np.float32] = values.flatten().to_numpy().reshape(len(values), -1)
    return matrix[:, :columns]


def _tidy(keys: pd.DataFrame, coordinates: Array) -> dict[str, list[Any]]:
    """One row per (key, component)."""
    count, v = coordinates.shape
    columns = {str(name): keys[name].repeat(v).tolist() for name in keys}
    columns["component"] = list(range(1, v + 1)) * count
    columns["coordinate"] = coordinates.flatten().tolist()
    return columns
