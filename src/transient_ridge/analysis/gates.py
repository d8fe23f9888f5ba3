"""The mixture of idealised predictors nearest to a model: of ridge and dMMSE_M (the gate), and of all predictors.

Both need only the squared distances from the model to the predictors, and between the predictors.

The gate, after arXiv 2410.23042: f ~ (1 - alpha) ridge + alpha dMMSE_M, with alpha(t, k) fitted by least squares over
sequences at each checkpoint t and position k.

The strategies, after arXiv 2412.01003: f ~ sum_i w_i p_i over all predictors, with weights w_i >= 0 that sum to 1 and
are the same at all positions.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls

from ..artefacts.tables import Rows
from ..config.registries import PREDICTORS
from ..stage import stage

SEQUENCES = ["task_diversity", "dataset", "token"]
CHECKPOINT = ["seed", "step"]
PAIR = ["ridge", "dmmse"]

Array = NDArray[np.float64]
Values = TypeVar("Values", Array, pd.Series)


@stage("gates", "strategies")
def compute_gates(distances: pd.DataFrame, idealised_distances: pd.DataFrame) -> tuple[Rows, Rows]:
    """The gate at every position and the weights of all predictors, at every checkpoint, in and out of distribution.

    The row whose token is null fits one alpha to all positions. M = infinity has no row, because there ridge is
    dMMSE_M.
    """
    pairs = idealised_distances[["predictor", "other"]].isin(PAIR).all(axis=1)
    apart = idealised_distances[pairs & (idealised_distances["distance"] > 0)]
    table = apart[[*SEQUENCES, "distance"]].rename(columns={"distance": "apart"})
    for predictor in PAIR:
        rows = distances[distances["predictor"] == predictor]
        rows = rows[[*SEQUENCES, *CHECKPOINT, "distance"]].rename(columns={"distance": predictor})
        table = table.merge(rows, on=[key for key in table if key in rows])
    table["gate"], table["residual"] = gate_of(table["ridge"], table["dmmse"], table["apart"])
    strategies = Rows("strategies")
    for row in _strategies(distances, idealised_distances):
        strategies.add(**row)
    return Rows.of("gates", table), strategies


def gate_of(ridge: Values, dmmse: Values, apart: Values | float) -> tuple[Values, Values]:
    """The gate of f and Delta(f, mixture), from the squared distances of f to both predictors; ``apart`` is theirs.

    With r = ridge, d = dMMSE_M and means over sequences, alpha = <f - r, d - r> / |d - r|^2, where
    2 <f - r, d - r> = |f - r|^2 + |d - r|^2 - |f - d|^2.
    """
    gate = (ridge + apart - dmmse) / (2 * apart)
    return gate, (ridge - gate**2 * apart).clip(0)  # rounding may make it negative


def nearest_mixture(distances: Array, apart: Array) -> tuple[Array, float]:
    """Weights (P,) >= 0 that sum to 1, of the mixture of P functions nearest to f, and its squared distance to f.

    ``distances`` (P,) are the squared distances from f to the functions, ``apart`` (P, P) those between them.
    """
    # Inner products of the differences p_i - f: weights w leave the squared distance w'Gw.
    gram = (distances[:, None] + distances - apart) / 2
    values, vectors = np.linalg.eigh(gram)
    root = np.sqrt(values.clip(min=0))[:, None] * vectors.T
    # The least value of |root w|^2 + (scale (sum w - 1))^2 on a ray of weights grows with w'Gw / (sum w)^2, so the
    # minimum lies on the ray of the weights sought at any scale.
    scale = np.sqrt(distances.mean()) or 1.0
    target = np.append(np.zeros(len(distances)), scale)
    found, _ = nnls(np.vstack([root, np.full(len(distances), scale)]), target)
    weights = found / found.sum()
    return weights, max(float(weights @ gram @ weights), 0.0)


def _strategies(
    distances: pd.DataFrame, idealised_distances: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    """Rows of the table `strategies`."""
    of_set = ["task_diversity", "dataset"]
    ideal = idealised_distances[idealised_distances["token"].isna()]
    apart = {key: distinct(pairs) for key, pairs in ideal.groupby(of_set)}
    whole = distances[distances["token"].isna()]
    for key, rows in whole.groupby([*of_set, *CHECKPOINT]):
        if key[:2] not in apart:
            continue
        names = list(apart[key[:2]])
        to = rows.set_index("predictor")["distance"].reindex(names).to_numpy(dtype=np.float64)
        if np.isnan(to).any():
            continue
        weights, residual = nearest_mixture(to, apart[key[:2]].to_numpy())
        checkpoint = dict(zip([*of_set, *CHECKPOINT], key, strict=True))
        for predictor, distance, weight in zip(names, to, weights, strict=True):
            found = {"predictor": predictor, "distance": float(distance), "weight": float(weight)}
            yield {**checkpoint, **found, "residual": residual}


def distinct(pairs: pd.DataFrame) -> pd.DataFrame:
    """Squared distances between predictors as a matrix: those for all M first, without copies of an earlier one.

    ``pairs`` are the rows of `idealised_distances` for one M and one data set, over all positions.
    """
    turned = pairs.rename(columns={"predictor": "other", "other": "predictor"})
    whole = pd.concat([pairs, turned])
    matrix = whole.pivot(index="predictor", columns="other", values="distance").fillna(0.0)
    names = sorted(str(name) for name in matrix)
    names.sort(key=lambda name: bool(PREDICTORS.constant(name, "OF_TASK_SET")))
    kept: list[str] = []
    for name in names:
        if (matrix.loc[name, kept] > 0).all():
            kept.append(name)
    return matrix.loc[kept, kept]
