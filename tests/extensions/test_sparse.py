"""Sparse tasks: their moments, and nested task sets."""

import math

import numpy as np
import pytest
import torch

from transient_ridge.config.settings import DataSettings
from transient_ridge.extensions.sparse.families.sparse import Options, sample
from transient_ridge.regression.sequences import SequenceSource, task_set

D, K, S, NOISE = 5, 4, 2, 0.125
DATA = DataSettings(
    dimension=D,
    context_length=K,
    noise_variance=NOISE,
    tasks={"name": "sparse", "nonzero": S},
    inputs="gaussian",
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("s", range(1, D + 1))
def test_the_moments_are_those_of_s_gaussian_coordinates(s, dtype):
    count = 40_000
    tasks = sample(np.random.default_rng(s), count, D, options=Options(nonzero=s), dtype=dtype)
    assert (tasks.shape, tasks.dtype) == ((count, D), dtype)
    assert ((tasks != 0).sum(axis=1) == s).all()
    # Each coordinate is drawn with probability s / D, and has E t = 0, E t^2 = 1, E t^4 = 3 D / s.
    error = math.sqrt(s / D * (1 - s / D) / count)
    np.testing.assert_allclose((tasks != 0).mean(axis=0), s / D, atol=5 * error + 1e-12)
    np.testing.assert_allclose(tasks.mean(axis=0), 0, atol=5 / math.sqrt(count))
    fourth = 3 * D / s
    np.testing.assert_allclose(np.cov(tasks.T), np.eye(D), atol=5 * math.sqrt((fourth - 1) / count))
    assert (tasks**4).mean() == pytest.approx(fourth, rel=0.1)


def test_all_pairs_of_coordinates_are_equally_likely():
    count = 60_000
    tasks = sample(np.random.default_rng(0), count, D, options=Options(nonzero=S))
    together = (tasks != 0).astype(float).T @ (tasks != 0) / count
    expected = S * (S - 1) / (D * (D - 1))
    off = together[~np.eye(D, dtype=bool)]
    np.testing.assert_allclose(off, expected, atol=5 * math.sqrt(expected / count))


def test_the_first_tasks_do_not_depend_on_how_many_are_drawn():
    largest = task_set(0, DATA, 500)
    for M in (1, 2, 7, 499):
        assert torch.equal(task_set(0, DATA, M), largest[:M])
    source = SequenceSource(0, DATA, math.inf)
    few, many = source.draw(10, "x"), source.draw(100, "x")
    assert torch.equal(few.x, many.x[:10])
    assert torch.equal(few.y, many.y[:10])


def test_outputs_have_the_variance_that_gaussian_tasks_give():
    y = (
        SequenceSource(0, DATA.changed(tasks={"name": "sparse", "nonzero": 1}), math.inf)
        .draw(50_000, "y")
        .y
    )
    assert y.var() == pytest.approx(D + NOISE, rel=0.03)
