"""Joint trajectory PCA against scikit-learn and by construction."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from tests.conftest import settings_for
from transient_ridge.analysis import joint_pca as pca
from transient_ridge.artefacts.tables import Rows
from transient_ridge.errors import ConfigError

K, B = 3, 8


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("rows", [10, 60])
def test_the_fit_agrees_with_scikit_learn(rng, rows):
    data = rng.standard_normal((rows, B * K)) @ rng.standard_normal((B * K, B * K))
    ours, reference = pca.fit(data, 4), PCA(4, svd_solver="full").fit(data)
    np.testing.assert_allclose(ours.variance_ratio, reference.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(
        np.abs(ours.components @ reference.components_.T), np.eye(4), atol=1e-7
    )
    np.testing.assert_allclose(
        np.abs(ours.project(data)), np.abs(reference.transform(data)), atol=1e-7
    )


def test_orientation_does_not_depend_on_the_fitted_sign(rng):
    fitted = pca.fit(rng.standard_normal((40, B * K)), 3)
    development, specialisation = rng.standard_normal((2, B * K))
    flipped = pca.Fit(
        fitted.mean, fitted.components * [[1], [-1], [-1]], fitted.variance, fitted.variance_ratio
    )
    a, b = (pca.orient(f, development, specialisation) for f in (fitted, flipped))
    np.testing.assert_array_equal(a.components, b.components)
    assert a.components[0] @ development > 0
    assert (a.components[1:] @ specialisation > 0).all()


def test_loadings_are_shares_per_position():
    components = np.zeros((2, B * K))
    components[0, 1] = 1  # sequence 1, position 2
    components[1, [0, K]] = math.sqrt(0.5)  # sequences 1 and 2, position 1
    np.testing.assert_allclose(
        pca.token_loadings(components, K), [[0, 1, 0], [1, 0, 0]], atol=1e-12
    )


def joint(rng, components=2, sequences=B, ridge=3.0, softened=True, columns=B * K):
    """The tables of the stage, for runs in a plane whose outputs have this many ``columns``."""
    origin, axis = rng.standard_normal((2, B * K))
    outputs, ideal = Rows("outputs"), Rows("idealised_outputs")
    for M, height in ((1, 1.0), (16, 0.5), (math.inf, 0.0)):
        time = np.linspace(0, 3, 30)[:, None]
        data = time * origin + height * time**2 * axis + 0.01 * rng.standard_normal((30, B * K))
        for step, row in enumerate(data.astype(np.float32)):
            outputs.add(task_diversity=M, seed=0, step=step, outputs=row[:columns])
        predictor = "ridge" if math.isinf(M) else "dmmse"
        along = ridge if math.isinf(M) else 3.0
        end = (along * origin + height * 9 * axis).astype(np.float32)
        ideal.add(task_diversity=M, predictor=predictor, outputs=end[:columns])
    soft = Rows("softened_outputs")
    for u in (0.0, 0.5, 1.0):
        soft.add(
            task_diversity=1, inverse_temperature=u, outputs=(u * end[:columns]).astype(np.float32)
        )
    settings = {
        "pca": {"components": components, "sequences": sequences},
        "data": {"context_length": K},
    }
    made = pca.compute_joint_pca(
        outputs.frame(),
        ideal.frame(),
        (soft if softened else Rows("softened_outputs")).frame(),
        **settings_for(pca.compute_joint_pca, settings),
    )
    return {rows.table: rows.frame() for rows in made}


def test_a_plane_of_trajectories_is_found(rng):
    frames = joint(rng)
    assert frames["pca_variance"]["explained_variance_ratio"].sum() > 0.999
    trajectories = frames["pca_trajectories"]
    assert len(trajectories) == 3 * 30 * 2
    last = trajectories[trajectories["step"] == 29].pivot_table(
        index="task_diversity", columns="component", values="coordinate", dropna=False
    )
    ideal = frames["pca_idealised"].pivot_table(
        index="task_diversity", columns="component", values="coordinate", dropna=False
    )
    np.testing.assert_allclose(last, ideal, atol=0.2)
    assert ideal[2].iloc[0] > ideal[2].iloc[1] > ideal[2].iloc[2]
    sums = frames["pca_loadings"].groupby("component")["loading"].sum()
    np.testing.assert_allclose(sums, 1)


def test_softened_predictors_are_projected_and_may_be_none(rng):
    frames = joint(rng)
    points = frames["pca_softened"].pivot_table(
        index="inverse_temperature", columns="component", values="coordinate"
    )
    np.testing.assert_allclose(points.loc[0.5], (points.loc[0.0] + points.loc[1.0]) / 2, atol=1e-4)
    assert joint(rng, softened=False)["pca_softened"].empty


def test_pc1_points_along_the_run_of_infinite_m_wherever_ridge_is(rng):
    for ridge in (3.0, -30.0):
        rows = joint(rng, ridge=ridge)["pca_trajectories"]
        of_inf = rows[np.isinf(rows["task_diversity"]) & (rows["component"] == 1)]
        first, *_, last = of_inf.sort_values("step")["coordinate"]
        assert first < last


def test_fewer_sequences_use_the_first_columns():
    few, cut = (
        joint(np.random.default_rng(0), sequences=2, columns=columns) for columns in (B * K, 2 * K)
    )
    for table, frame in few.items():
        assert not frame.empty
        pd.testing.assert_frame_equal(frame, cut[table])


def test_too_many_components_are_refused(rng):
    with pytest.raises(ConfigError, match=r"pca\.components = 9: at most .* = 5"):
        pca.fit(rng.standard_normal((5, 20)), 9)
