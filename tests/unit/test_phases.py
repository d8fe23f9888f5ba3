"""Relative distance, alpha and residual, the task-diversity threshold, the step of the switch, and smoothing."""

import math

import numpy as np
import pandas as pd
import pytest

from transient_ridge.analysis import phases
from transient_ridge.analysis.curves import smooth
from transient_ridge.analysis.phases import (
    predictors_apart,
    relative_distance,
    resolved,
    switch_step,
    task_diversity_threshold,
)
from transient_ridge.config.settings import CurveSettings


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
def test_a_threshold_outside_the_grid_is_not_invented(relative, below, above):
    found = task_diversity_threshold([1, 4], relative)
    assert math.isnan(found.estimate)
    assert (found.below, found.above) == (below, above)


STEPS = np.arange(0.0, 600, 100)


@pytest.mark.parametrize(
    ("ridge", "dmmse", "critical", "step"),
    [
        # nearer to ridge at t_crit = 200, and again once before it stays nearer to dMMSE
        ([2, 1, 0.2, 0.5, 0.3, 0.6], [3, 2, 0.6, 0.4, 0.4, 0.1], 200, 500),
        # the only crossing is on the way out of the initialisation: nearer to dMMSE at t_crit
        ([2, 1, 0.5, 0.5, 0.6, 0.6], [3, 0.9, 0.4, 0.3, 0.2, 0.1], 200, None),
        # t_crit is the start: the run never came nearer to ridge
        ([0.7, 0.6, 0.6, 0.6, 0.6, 0.7], [0.9, 0.4, 0.3, 0.2, 0.1, 0.0], 0, None),
        # it ends at ridge
        ([2, 1, 0.5, 0.2, 0.1, 0.1], [3, 2, 1, 0.7, 0.6, 0.6], 500, None),
    ],
)
def test_the_switch_is_the_last_crossing_of_a_run_that_was_at_ridge(ridge, dmmse, critical, step):
    assert switch_step(STEPS, np.array(ridge), np.array(dmmse), critical) == step


def test_only_predictors_further_apart_than_the_reach_are_resolved():
    assert resolved({16: 0.2, 4: 0.5, 64: 0.1, math.inf: 0.0}, 0.1) == [4, 16]


@pytest.mark.parametrize("order", [("ridge", "dmmse"), ("dmmse", "ridge")])
def test_the_distance_between_predictors_is_found_in_either_order(order):
    columns = ["task_diversity", "dataset", "token", "predictor", "other", "distance"]
    rows = [
        (4, "in_distribution", None, *order, 0.5),
        (4, "in_distribution", 1.0, *order, 9.0),
        (4, "in_distribution", None, "dmmse", "mean", 7.0),
        (4, "root_task", None, *order, 8.0),
    ]
    assert predictors_apart(pd.DataFrame(rows, columns=columns), "in_distribution") == {4: 0.5}


def distances(ends, steps=(0, 10, 100, 1000)):
    """Runs that move evenly from half-way to ``ends`` (M -> distance to ridge); the other distance is 1 minus that."""
    rows = []
    for M, end in ends.items():
        for seed in (0, 1):
            for i, step in enumerate(steps):
                share = 0.5 + (end - 0.5) * i / 3
                for predictor, distance in (("ridge", share), ("dmmse", 1 - share)):
                    for dataset, more in (("in_distribution", 0), ("out_of_distribution", 5)):
                        for token, factor in ((np.nan, 1.0), (1, 9.0)):
                            value = factor * (distance + more)
                            rows.append((M, seed, step, predictor, dataset, token, value))
    columns = ["task_diversity", "seed", "step", "predictor", "dataset", "token", "distance"]
    return pd.DataFrame(rows, columns=columns)


def idealised(apart):
    rows = [
        (M, dataset, np.nan, "dmmse", "ridge", distance)
        for dataset in ("in_distribution", "out_of_distribution")
        for M, distance in apart.items()
    ]
    columns = ["task_diversity", "dataset", "token", "predictor", "other", "distance"]
    return pd.DataFrame(rows, columns=columns)


CURVES = CurveSettings(smoothing_width=0.05)


def computed(ends, apart):
    rows = phases.compute_phases(distances(ends), idealised(apart), CURVES)
    return [each.frame() for each in rows]


def test_tables():
    apart = {2: 1.0, 32: 0.8, math.inf: 0.0}
    relative, thresholds = computed({2: 1.0, 32: 0.0, math.inf: 0.5}, apart)
    assert len(relative) == 3 * 2 * 4
    ends = relative[relative["step"] == 1000].set_index(["task_diversity", "seed"])
    assert ends.loc[(2, 1), "relative_distance"] == 1
    assert ends.loc[(32, 0), "relative_distance"] == 0
    assert relative[np.isinf(relative["task_diversity"])]["relative_distance"].isna().all()
    two = relative[(relative["task_diversity"] == 2) & (relative["seed"] == 0)]
    raw = np.array([0.5, 4 / 6, 5 / 6, 1.0])
    np.testing.assert_allclose(two["ridge"], smooth(np.array([0, 10, 100, 1000.0]), raw, 0.05))
    np.testing.assert_allclose(two["dmmse_out"].iloc[[0, -1]], [5.5, 5.0])
    assert len(thresholds) == 2 * 4
    last = thresholds[thresholds["step"] == 1000]
    np.testing.assert_allclose(last["threshold"], 8, rtol=0.01)
    assert last["below"].tolist() == [2, 2]
    assert last["above"].tolist() == [32, 32]


def test_the_threshold_lies_between_resolved_m():
    ends = {2: 1.0, 32: 0.2, 64: 0.0, math.inf: 0.5}
    apart = {2: 1.0, 32: 0.4, 64: 0.3, math.inf: 0.0}  # the run of M = inf ends 0.5 from ridge
    last = computed(ends, apart)[1].set_index(["seed", "step"]).loc[(0, 1000)]
    assert last["below"] == 2
    assert math.isnan(last["threshold"])
    assert math.isnan(last["above"])


def test_a_grid_without_infinity_has_no_threshold():
    thresholds = computed({2: 1.0, 32: 0.0}, {2: 1.0, 32: 1.0})[1]
    assert len(thresholds) == 2 * 4
    assert thresholds[["threshold", "below", "above"]].isna().all(axis=None)


def test_alpha_and_residual_are_the_projection_of_the_predictions():
    """Compared with predictions: the foot of the perpendicular on the line from ridge to dMMSE_M, step by step."""
    source = np.random.default_rng(0)
    keys = ["task_diversity", "dataset", "token"]
    rows, ideal, expected = [], [], {}
    for M in (4.0, math.inf):
        for dataset in ("in_distribution", "out_of_distribution"):
            ridge = source.standard_normal(600)
            dmmse = ridge if math.isinf(M) else ridge + source.standard_normal(600)
            key = dict(zip(keys, (M, dataset, np.nan), strict=True))
            apart = np.mean((dmmse - ridge) ** 2)
            ideal.append({**key, "predictor": "dmmse", "other": "ridge", "distance": apart})
            for step in (0, 1000):  # far apart, so that smoothing leaves both ends unchanged
                f = source.standard_normal(600) + 0.001 * step * dmmse
                for name, predictor in (("ridge", ridge), ("dmmse", dmmse)):
                    at = {**key, "seed": 0, "step": step, "predictor": name}
                    rows.append({**at, "distance": np.mean((f - predictor) ** 2)})
                if not math.isinf(M):
                    way = dmmse - ridge
                    alpha = np.dot(f - ridge, way) / np.dot(way, way)
                    expected[dataset, step] = (
                        alpha,
                        np.sqrt(np.mean((f - ridge - alpha * way) ** 2)),
                    )
    relative = phases.compute_phases(pd.DataFrame(rows), pd.DataFrame(ideal), CURVES)[0].frame()
    finite = relative[relative["task_diversity"] == 4].set_index("step")
    for suffix, dataset in (("", "in_distribution"), ("_out", "out_of_distribution")):
        for step in (0, 1000):
            found = finite.loc[step, ["alpha" + suffix, "residual" + suffix]].to_list()
            assert found == pytest.approx(expected[dataset, step], rel=1e-9)
    columns = ["alpha", "residual", "alpha_out", "residual_out"]
    assert relative[np.isinf(relative["task_diversity"])][columns].isna().all(axis=None)


def test_a_run_on_the_line_between_the_predictors_has_no_residual():
    """Rounding must not lead to the square root of a negative number."""
    share = 0.3
    frame = distances({4: 1.0}, steps=(0, 10))
    frame["distance"] = np.where(
        frame["predictor"] == "ridge", share**2 * 0.7, (1 - share) ** 2 * 0.7
    )
    relative = phases.compute_phases(frame, idealised({4: 0.7}), CURVES)[0].frame()
    np.testing.assert_allclose(relative[["alpha", "alpha_out"]], share)
    np.testing.assert_allclose(relative[["residual", "residual_out"]], 0, atol=1e-7)


# -- smoothing --------------------------------------------------------------------------------


def test_smoothing_keeps_the_ends_and_a_slope():
    steps = np.unique(np.geomspace(1, 4000, 200).astype(int)).astype(float)
    falling = 5 - 0.5 * np.log1p(steps)
    # A kernel cut off at the last step would be 0.02 too high there; uneven steps still leave a tenth of that.
    np.testing.assert_allclose(smooth(steps, falling, 0.05), falling, atol=3e-3)
    rng = np.random.default_rng(0)
    noisy = falling + 0.1 * rng.standard_normal(len(steps))
    even = smooth(steps, noisy, 0.1)
    np.testing.assert_allclose(even[[0, -1]], noisy[[0, -1]])
    inner = slice(100, -20)
    assert np.abs(even - falling)[inner].mean() < 0.6 * np.abs(noisy - falling)[inner].mean()


def test_smoothed_distances_are_never_negative():
    steps = np.arange(0, 4001, 100.0)
    steep = np.exp(-((steps / 800) ** 2))
    assert (smooth(steps, steep, 0.2) >= 0).all()


def test_a_curve_of_one_checkpoint_is_unchanged():
    assert smooth(np.array([0.0]), np.array([3.4]), 0.05).tolist() == [3.4]
