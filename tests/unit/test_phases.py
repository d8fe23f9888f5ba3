"""Relative distance, the task-diversity threshold, and the step of the switch."""

import math

import numpy as np
import pytest

from transient_ridge.analysis import phases
from transient_ridge.analysis.curves import smooth
from transient_ridge.analysis.phases import relative_distance, switch_step, task_diversity_threshold
from transient_ridge.artefacts import tables


def test_relative_distance_is_zero_at_ridge_and_one_at_dmmse():
    ridge, dmmse = np.array([0.0, 0.3, 0.6]), np.array([0.6, 0.3, 0.0])
    np.testing.assert_allclose(relative_distance(ridge, dmmse), [0, 0.5, 1])


def test_the_threshold_is_interpolated_in_log_m():
    found = task_diversity_threshold([16, 1, 4, 64], [0.25, 1.0, 0.75, 0.0])
    assert found == (pytest.approx(8.0), 4, 16)


def test_one_noisy_run_does_not_make_two_thresholds():
    noisy = task_diversity_threshold([1, 2, 4, 8, 16, 32], [1, 0.9, 0.45, 0.7, 0.2, 0.1])
    even = task_diversity_threshold([1, 2, 4, 8, 16, 32], [1, 0.9, 0.575, 0.575, 0.2, 0.1])
    assert noisy == even
    assert (noisy.below, noisy.above) == (8, 16)


@pytest.mark.parametrize(
    ("relative", "below", "above"), [([0.9, 0.8], 4, None), ([0.4, 0.2], None, 1), ([0.5, 0.5], 4, None)]
)  # fmt: skip
def test_a_threshold_outside_the_grid_is_not_made_up(relative, below, above):
    found = task_diversity_threshold([1, 4], relative)
    assert math.isnan(found.estimate)
    assert (found.below, found.above) == (below, above)


@pytest.mark.parametrize(
    ("relative", "step"),
    [
        ([0.5, 0.2, 0.6, 0.4, 0.7, 0.9], 400),
        ([0.6] * 6, 0),
        ([0.6, 0.6, 0.6, 0.6, 0.6, 0.5], None),
    ],
)
def test_the_switch_is_the_last_crossing(relative, step):
    assert switch_step(np.arange(0.0, 600, 100), np.array(relative)) == step


def test_tables(tmp_path):
    paths = []
    steps = [0, 10, 100, 1000]
    for M, end in ((2, 1.0), (32, 0.0), (math.inf, 0.5)):
        for seed in (0, 1):
            columns = {name: [] for name in tables.TABLES["distances"]}
            for i, step in enumerate(steps):
                share = 0.5 + (end - 0.5) * i / 3
                for predictor, distance in (("ridge", share), ("dmmse", 1 - share)):
                    for token, factor in ((None, 1.0), (1, 9.0)):
                        row = (M, seed, step, predictor, "in_distribution", token, factor * distance, 0.1)  # fmt: skip
                        for column, value in zip(columns.values(), row, strict=True):
                            column.append(value)
            paths.append(tmp_path / f"{M}-{seed}.parquet")
            tables.write(paths[-1], "distances", columns, {})
    out = [tmp_path / f"{name}.parquet" for name in ("relative_distances", "thresholds")]
    phases.describe_phases(paths, {"smoothing_width": 0.05}, *out)
    relative, thresholds = (tables.read(path, path.stem).to_pandas() for path in out)
    assert len(relative) == 3 * 2 * 4
    ends = relative[relative["step"] == 1000].set_index(["task_diversity", "seed"])
    assert ends.loc[(2, 1), "relative_distance"] > 0.99
    assert ends.loc[(32, 0), "relative_distance"] < 0.01
    assert relative[relative["task_diversity"].isna()]["relative_distance"].isna().all()
    two = relative[(relative["task_diversity"] == 2) & (relative["seed"] == 0)]
    expected = smooth(np.array(steps, float), np.array([0.5, 4 / 6, 5 / 6, 1.0]), 0.05)
    np.testing.assert_allclose(two["ridge"], expected)
    assert len(thresholds) == 2 * 4
    last = thresholds[thresholds["step"] == 1000]
    np.testing.assert_allclose(last["threshold"], 8, rtol=0.01)
    assert last["below"].tolist() == [2, 2]
    assert last["above"].tolist() == [32, 32]
