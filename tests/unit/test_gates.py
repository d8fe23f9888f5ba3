"""The gate between ridge and dMMSE_M, against least squares on the predictions themselves."""

import math

import numpy as np
import pandas as pd
import pytest

from transient_ridge.analysis.gates import compute_gates

B, K, INF = 40, 3, math.inf
DATASETS = ("in_distribution", "out_of_distribution")
KEY = ("task_diversity", "seed", "step", "dataset")


def add_distances(rows, one, two, /, **row):
    """Mean squared differences (B, K) at each position and over all."""
    squares = ((one - two) ** 2).mean(axis=0)
    for token, distance in [*enumerate(squares, start=1), (np.nan, squares.mean())]:
        rows.append({**row, "token": token, "distance": distance})


@pytest.fixture(scope="module", params=["dmmse first", "ridge first"])
def world(request):
    """Predictions of every checkpoint and of both predictors, and the two tables of their distances."""
    source = np.random.default_rng(0)
    predictions, distances, idealised = {}, [], []
    for M in (4.0, INF):
        for dataset in DATASETS:
            ridge = source.standard_normal((B, K))
            dmmse = ridge if math.isinf(M) else ridge + source.standard_normal((B, K))
            names = ("dmmse", "ridge") if request.param == "dmmse first" else ("ridge", "dmmse")
            pair = {"task_diversity": M, "dataset": dataset} | dict(
                zip(("predictor", "other"), names, strict=True)
            )
            add_distances(idealised, dmmse, ridge, **pair)
            add_distances(idealised, dmmse, 0 * ridge, **pair | {"other": "zero"})
            for seed in (0, 1):
                for step in (0, 10):
                    f = source.standard_normal((B, K)) + 0.1 * step * dmmse
                    key = dict(zip(KEY, (M, seed, step, dataset), strict=True))
                    predictions[M, seed, step, dataset] = (f, ridge, dmmse)
                    add_distances(distances, f, ridge, **key, predictor="ridge")
                    add_distances(distances, f, dmmse, **key, predictor="dmmse")
                    add_distances(distances, f, 0 * ridge, **key, predictor="zero")
    return predictions, pd.DataFrame(distances), pd.DataFrame(idealised)


@pytest.fixture(scope="module")
def gates(world):
    _, distances, idealised = world
    return compute_gates(distances.sample(frac=1, random_state=0), idealised)[0].frame()


def test_it_is_least_squares_at_each_position_and_over_all(world, gates):
    checked = 0
    for row in gates.to_dict("records"):
        f, ridge, dmmse = world[0][tuple(row[name] for name in KEY)]
        at = slice(None) if math.isnan(row["token"]) else int(row["token"]) - 1
        target, way = (f - ridge)[:, at].ravel(), (dmmse - ridge)[:, at].ravel()
        (gate,), (left,), *_ = np.linalg.lstsq(way[:, None], target, rcond=None)
        assert row["gate"] == pytest.approx(gate, rel=1e-9, abs=1e-12)
        assert row["residual"] == pytest.approx(left / len(target), rel=1e-9, abs=1e-12)
        assert row["apart"] == pytest.approx((way**2).mean())
        checked += 1
    assert checked == 2 * 2 * 2 * (K + 1)


def test_infinity_has_none_because_its_predictors_coincide(gates):
    assert set(gates["task_diversity"]) == {4.0}


def test_the_predictors_themselves_have_gates_zero_and_one(world):
    _, distances, idealised = world
    apart = idealised[idealised["other"] != "zero"][
        ["task_diversity", "dataset", "token", "distance"]
    ]
    rows = distances[distances["predictor"] != "zero"].drop(columns="distance").merge(apart)
    for own, expected in (("ridge", 0.0), ("dmmse", 1.0)):
        at = rows.assign(distance=rows["distance"].where(rows["predictor"] != own, 0.0))
        found = compute_gates(at, idealised)[0].frame()
        assert len(found) == 2 * 2 * 2 * (K + 1)
        np.testing.assert_allclose(found["gate"], expected, atol=1e-12)
        np.testing.assert_allclose(found["residual"], 0, atol=1e-12)
