"""Joint trajectory PCA against scikit-learn and by construction."""

import math

import numpy as np
import pytest
from sklearn.decomposition import PCA

from transient_ridge.analysis import joint_pca as pca
from transient_ridge.artefacts import tables
from transient_ridge.errors import ConfigError

K, B = 3, 8


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("rows", [10, 60])
def test_the_fit_is_scikit_learns(rng, rows):
    data = rng.standard_normal((rows, B * K)) @ rng.standard_normal((B * K, B * K))
    ours, reference = pca.fit(data, 4), PCA(4, svd_solver="full").fit(data)
    np.testing.assert_allclose(ours.variance_ratio, reference.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(
        np.abs(ours.components @ reference.components_.T), np.eye(4), atol=1e-7
    )
    np.testing.assert_allclose(
        np.abs(ours.project(data)), np.abs(reference.transform(data)), atol=1e-7
    )


def test_orientation_does_not_depend_on_the_sign_that_came_out(rng):
    fitted = pca.fit(rng.standard_normal((40, B * K)), 3)
    ridge, dmmse = rng.standard_normal((2, B * K))
    flipped = pca.Fit(
        fitted.mean, fitted.components * [[1], [-1], [-1]], fitted.variance, fitted.variance_ratio
    )
    a, b = (pca.orient(f, ridge, dmmse) for f in (fitted, flipped))
    np.testing.assert_array_equal(a.components, b.components)
    assert a.project(ridge[None])[0, 0] > 0
    assert (a.project(dmmse[None]) > a.project(ridge[None]))[0, 1:].all()


def test_loadings_are_shares_per_position():
    components = np.zeros((2, B * K))
    components[0, 1] = 1  # sequence 1, position 2
    components[1, [0, K]] = math.sqrt(0.5)  # sequences 1 and 2, position 1
    np.testing.assert_allclose(
        pca.token_loadings(components, K), [[0, 1, 0], [1, 0, 0]], atol=1e-12
    )


def write_outputs(path, M, seed, outputs):
    columns = {
        "task_diversity": [M] * len(outputs),
        "seed": [seed] * len(outputs),
        "step": list(range(len(outputs))),
        "outputs": list(outputs.astype(np.float32)),
    }
    tables.write(path, "outputs", columns, {})
    return path


def joint(tmp_path, rng, components=2, sequences=B):
    origin, axis = rng.standard_normal((2, B * K))
    paths = []
    for M, height in ((1, 1.0), (16, 0.5), (math.inf, 0.0)):
        time = np.linspace(0, 3, 30)[:, None]
        data = time * origin + height * time**2 * axis + 0.01 * rng.standard_normal((30, B * K))
        paths.append(write_outputs(tmp_path / f"{M}.parquet", M, 0, data))
    ideal = {
        "task_diversity": [1, 16, math.inf],
        "predictor": ["dmmse", "dmmse", "ridge"],
        "outputs": [(3 * origin + h * 9 * axis).astype(np.float32) for h in (1.0, 0.5, 0.0)],
    }
    tables.write(tmp_path / "ideal.parquet", "idealised_outputs", ideal, {})
    names = ("pca_trajectories", "pca_idealised", "pca_variance", "pca_loadings")
    written = [tmp_path / f"{name}.parquet" for name in names]
    settings = {"pca": {"components": components, "sequences": sequences}, "context_length": K}
    targets = ("trajectories", "idealised_points", "variance", "loadings")
    pca.joint_pca(
        paths, tmp_path / "ideal.parquet", settings, **dict(zip(targets, written, strict=True))
    )
    return {n: tables.read(p, n).to_pandas() for n, p in zip(names, written, strict=True)}


def test_a_plane_of_trajectories_is_found(tmp_path, rng):
    frames = joint(tmp_path, rng)
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


def test_fewer_sequences_use_the_first_columns(tmp_path, rng):
    frames = joint(tmp_path, rng, sequences=2)
    assert frames["pca_variance"]["explained_variance_ratio"].sum() > 0.999


def test_too_many_components_are_refused(rng):
    with pytest.raises(ConfigError, match=r"pca\.components = 9: at most .* = 5"):
        pca.fit(rng.standard_normal((5, 20)), 9)
