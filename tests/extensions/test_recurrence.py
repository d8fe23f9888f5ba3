"""The input law `recurrence`: its moments, and ridge and dMMSE_M as the posterior means on it."""

import math

import numpy as np
import pytest
import torch

from transient_ridge.config.settings import DataSettings
from transient_ridge.extensions.recurrence.inputs.recurrence import SCALE, draw
from transient_ridge.regression.predictors.dmmse import dmmse
from transient_ridge.regression.predictors.ridge import ridge
from transient_ridge.regression.sequences import SequenceSource, task_set

K, NOISE = 6, 0.125
DATA = DataSettings(
    dimension=2, context_length=K, noise_variance=NOISE, tasks="gaussian", inputs="recurrence"
)


def drawn(a, b, count):
    """Sequences of one recurrence, float64."""
    tasks = np.tile(np.array([a / SCALE, b], dtype=np.float32), (count, 1))
    x, y = draw(tasks, K, math.sqrt(NOISE), np.random.default_rng(1), np.random.default_rng(2))
    assert (x.dtype, y.dtype) == (np.float32, np.float32)
    assert (x.shape, y.shape) == ((count, K, 2), (count, K))
    return x.astype(np.float64), y.astype(np.float64)


@pytest.mark.parametrize(("a", "b"), [(0.6, 0.5), (-0.8, 1.0), (0.0, -2.0), (1.1, 0.3)])
def test_the_moments_are_those_of_the_recurrence(a, b):
    count = 100_000
    _, y = drawn(a, b, count)
    mean, variance = 0.0, 1.0
    for n in range(K):
        mean, variance = a * mean + b, a * a * variance + NOISE
        assert y[:, n].mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / count))
        assert y[:, n].var() == pytest.approx(variance, rel=5 * math.sqrt(2 / count))
    # Neighbours: Cov(u_{n+1}, u_n) = a Var(u_n).
    covariance = np.cov(y[:, -1], y[:, -2])
    assert covariance[0, 1] == pytest.approx(a * covariance[1, 1], abs=0.02)


def test_each_output_is_the_next_input_and_noise_has_its_variance():
    x, y = drawn(0.6, 0.5, 50_000)
    np.testing.assert_allclose(x[:, 1:, 0], SCALE * y[:, :-1], rtol=1e-6)
    assert (x[..., 1] == 1).all()
    noise = y - x @ np.array([0.6 / SCALE, 0.5])
    assert noise.var() == pytest.approx(NOISE, rel=0.02)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), x[:, 1:, 0].ravel())[0, 1]) < 0.01


def test_the_first_sequences_do_not_depend_on_how_many_are_drawn():
    source = SequenceSource(0, DATA, 4)
    few, many = source.draw(10, "x"), source.draw(100, "x")
    assert torch.equal(few.x, many.x[:10])
    assert torch.equal(few.y, many.y[:10])


@pytest.fixture(scope="module")
def sequences():
    """Sequences of new recurrences, float64."""
    found = SequenceSource(0, DATA, math.inf).draw(4, "predicted")
    return found.x.double(), found.y.double()


def posterior_means(x, y, tasks, prior):
    """Predictions (B, K) of every output by Bayes' rule on the sequence itself, term by term."""
    found = np.empty(y.shape)
    for i, (inputs, outputs) in enumerate(zip(x.numpy(), y.numpy(), strict=True)):
        log = np.array(prior, dtype=np.float64)
        for n in range(K):
            weights = np.exp(log - log.max())
            found[i, n] = weights @ (tasks @ inputs[n]) / weights.sum()
            u = inputs[n, 0] / SCALE
            expected = SCALE * tasks[:, 0] * u + tasks[:, 1]
            log -= (outputs[n] - expected) ** 2 / (2 * NOISE)
    return found


def test_dmmse_is_the_posterior_mean_over_the_recurrences(sequences):
    x, y = sequences
    tasks = task_set(0, DATA, 5).double()
    expected = posterior_means(x, y, tasks.numpy(), np.zeros(5))
    np.testing.assert_allclose(dmmse(x, y, tasks, NOISE).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_ridge_is_the_posterior_mean_under_the_gaussian_prior(sequences):
    """Compared with the integral over a fine grid of (a / 0.4, b)."""
    x, y = sequences
    axis = np.arange(-7, 7, 0.05)
    tasks = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    expected = posterior_means(x, y, tasks, -0.5 * (tasks**2).sum(axis=1))
    np.testing.assert_allclose(ridge(x, y, NOISE).numpy(), expected, rtol=1e-6, atol=1e-6)
