"""How far alternative fits of the joint PCA deviate from it."""

import math

import numpy as np
import pytest

from tests.conftest import settings_for
from transient_ridge.analysis import pca_robustness as robustness
from transient_ridge.analysis.trajectory_distance import trajectory_distance
from transient_ridge.artefacts.tables import Rows

K, B = 3, 8
STEPS = list(range(0, 30))
SETTINGS = {
    "pca_robustness": {"sequences": [2, 8]},
    "checkpoints": {"linear_every": 10, "log_count": 5, "extra_steps": []},
    "pca": {"components": 3},
    "data": {"context_length": K},
    "training": {"steps": 29},
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_angle_of_planes_that_share_an_axis(rng):
    axes = np.linalg.qr(rng.standard_normal((12, 3)))[0].T
    tilted = np.array([axes[0], math.cos(0.3) * axes[1] + math.sin(0.3) * axes[2]])
    assert robustness.angle(tilted, axes[:2]) == pytest.approx(math.degrees(0.3))
    assert robustness.angle(axes[:2][::-1] * -1, axes[:2]) == pytest.approx(0, abs=1e-6)


def test_the_angle_with_fewer_sequences_ignores_the_others(rng):
    full = rng.standard_normal((2, 12))
    assert robustness.angle(full[:, :6] * 3, full) == pytest.approx(0, abs=1e-5)


def test_trajectories_may_be_turned_mirrored_and_scaled(rng):
    points = rng.standard_normal((50, 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) * 3
    assert trajectory_distance(points @ turn + 5, points) == pytest.approx(0, abs=1e-7)
    assert trajectory_distance(points * [1, -1], points) == pytest.approx(0, abs=1e-7)
    others = rng.standard_normal((2, 5000, 2))
    assert 0.95 < trajectory_distance(*others) <= 1


def described(rng, grid=(1, 16, math.inf)):
    origin, axis = rng.standard_normal((2, B * K))
    outputs = Rows("outputs")
    for i, M in enumerate(grid):
        time = np.linspace(0, 3, len(STEPS))[:, None]
        data = time * origin + i * time**2 * axis + 0.01 * rng.standard_normal((len(STEPS), B * K))
        for step, row in zip(STEPS, data.astype(np.float32), strict=True):
            outputs.add(task_diversity=M, seed=0, step=step, outputs=row)
    return robustness.compute_pca_robustness(
        outputs.frame(), **settings_for(robustness.compute_pca_robustness, SETTINGS)
    ).frame()


def test_every_alternative_is_compared_in_the_plane_and_in_all_components(rng):
    found = described(rng)
    assert list(dict.fromkeys(zip(found["check"], found["setting"], strict=True))) == [
        ("sequences", "2"), ("sequences", "8"), ("schedule", "linear"), ("schedule", "log"), ("schedule", "union"),
        ("left_out", "M1-seed0"), ("left_out", "M16-seed0"), ("left_out", "Minf-seed0"),
    ]  # fmt: skip
    assert set(found["components"]) == {2, 3}
    rows = dict(zip(found["setting"], found["rows"], strict=True))
    assert rows["linear"] == 3 * len({0, 10, 20, 29})
    assert rows["M16-seed0"] == 2 * len(STEPS)
    same = found[found["reference"]]
    assert set(same["setting"]) == {"8"}
    assert (same[["angle", "trajectory_distance"]] < 1e-6).all(axis=None)
    plane = found[found["components"] == 2]
    assert (plane["trajectory_distance"] < 0.1).all()  # the data are a plane, whatever is left out
    assert (plane["explained_variance_ratio"] > 0.99).all()


def test_a_single_run_is_not_left_out(rng):
    found = described(rng, grid=(16,))
    assert "left_out" not in set(found["check"])
