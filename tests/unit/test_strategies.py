"""The nearest mixture of all predictors, against a search over all mixtures of the predictions themselves."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from transient_ridge.analysis.gates import compute_gates, nearest_mixture

B, K, INF = 60, 3, math.inf
NAMES = ("ridge", "dmmse", "zero", "bigram_retrieval")
KEY = ("task_diversity", "seed", "step", "dataset")


def square(one, two):
    return float(((one - two) ** 2).mean())


def by_search(f, functions):
    """Weights and distance of the nearest mixture, the best of constrained searches from every corner."""
    P = len(functions)
    sum_is_one = {"type": "eq", "fun": lambda w: w.sum() - 1}
    found = [
        minimize(
            lambda w: square(f, np.tensordot(w, functions, 1)), start, method="SLSQP", bounds=[(0, 1)] * P,
            constraints=sum_is_one, options={"ftol": 1e-14, "maxiter": 500},
        )
        for start in (*np.eye(P), np.full(P, 1 / P))
    ]  # fmt: skip
    best = min(found, key=lambda each: each.fun)
    return best.x, best.fun


def distances_of(f, functions):
    to = np.array([square(f, p) for p in functions])
    return to, np.array([[square(p, q) for q in functions] for p in functions])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [0.01, 1.0, 30.0])
def test_the_mixture_is_the_nearest_of_all(seed, size):
    source = np.random.default_rng(seed)
    functions = source.standard_normal((4, B, K))
    within = np.tensordot(source.dirichlet(np.ones(4)), functions, 1)
    f = size * (within + source.choice([0.0, 0.3, 3.0]) * source.standard_normal((B, K)))
    functions *= size
    weights, residual = nearest_mixture(*distances_of(f, functions))
    expected, left = by_search(f, functions)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights, expected, atol=2e-3)
    assert residual == pytest.approx(left, rel=1e-6, abs=1e-6 * size**2)
    assert residual == pytest.approx(
        square(f, np.tensordot(weights, functions, 1)), rel=1e-9, abs=1e-12 * size**2
    )


def test_mixtures_are_recovered_and_predictors_map_to_themselves():
    functions = np.random.default_rng(0).standard_normal((5, B, K))
    mixed = np.array([0.1, 0.0, 0.6, 0.3, 0.0])
    for weights in (*np.eye(5), mixed):
        found, residual = nearest_mixture(
            *distances_of(np.tensordot(weights, functions, 1), functions)
        )
        np.testing.assert_allclose(found, weights, atol=1e-6)
        assert residual == pytest.approx(0, abs=1e-12)


def test_one_function_has_all_the_weight():
    found, residual = nearest_mixture(np.array([0.7]), np.zeros((1, 1)))
    assert found.tolist() == [1.0]
    assert residual == pytest.approx(0.7)


@pytest.fixture(scope="module")
def world():
    """Predictions of checkpoints and predictors, and the tables of their distances; at infinity dMMSE is ridge."""
    source = np.random.default_rng(0)
    models, ideals, distances, idealised = {}, {}, [], []
    for M, dataset in itertools.product((4.0, INF), ("in_distribution", "out_of_distribution")):
        functions = dict(zip(NAMES, source.standard_normal((4, B, K)), strict=True))
        if math.isinf(M):
            functions |= {"dmmse": functions["ridge"], "bigram_retrieval": functions["ridge"]}
        ideals[M, dataset] = functions
        for other, predictor in itertools.combinations(NAMES, 2):
            row = {"task_diversity": M, "dataset": dataset, "predictor": predictor, "other": other}
            whole = square(functions[predictor], functions[other])
            idealised += [row | {"token": token, "distance": whole} for token in (np.nan, 1)]
        for seed, step in itertools.product((0, 1), (0, 10)):
            key = dict(zip(KEY, (M, seed, step, dataset), strict=True))
            f = 0.5 * functions["ridge"] + 0.2 * source.standard_normal((B, K))
            models[M, seed, step, dataset] = f
            for name, function in functions.items():
                row = {**key, "predictor": name}
                whole = square(f, function)
                distances += [row | {"token": token, "distance": whole} for token in (np.nan, 1)]
    return models, ideals, pd.DataFrame(distances), pd.DataFrame(idealised)


@pytest.fixture(scope="module")
def strategies(world):
    _, _, distances, idealised = world
    return compute_gates(distances.sample(frac=1, random_state=0), idealised)[1].frame()


def test_every_checkpoint_has_its_mixture(world, strategies):
    models, ideals, _, _ = world
    checkpoints = strategies.groupby(list(KEY))
    assert len(checkpoints) == len(models)
    for key, rows in checkpoints:
        f, functions = models[key], ideals[key[0], key[3]]
        chosen = np.array([functions[name] for name in rows["predictor"]])
        _, left = by_search(f, chosen)
        np.testing.assert_allclose(rows["residual"], left, rtol=1e-5)
        assert square(f, np.tensordot(rows["weight"], chosen, 1)) == pytest.approx(left, rel=1e-5)
        np.testing.assert_allclose(rows["distance"], [square(f, p) for p in chosen])


def test_predictors_that_coincide_have_one_weight(strategies):
    by_diversity = strategies.groupby("task_diversity")["predictor"].agg(set)
    assert by_diversity[4.0] == set(NAMES)
    assert by_diversity[INF] == {"ridge", "zero"}
