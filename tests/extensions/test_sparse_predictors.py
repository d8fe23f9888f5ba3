"""The lasso against every support and sign, and preprocess-then-descend against loops and its limit, in float64."""

import itertools
import math

import numpy as np
import pytest
import torch

from transient_ridge.extensions.sparse.families.sparse import Options, sample
from transient_ridge.extensions.sparse.predictors import lasso as lasso_module
from transient_ridge.extensions.sparse.predictors import preprocess_descend as descend_module
from transient_ridge.extensions.sparse.predictors.lasso import lasso, penalty
from transient_ridge.extensions.sparse.predictors.preprocess_descend import (
    STEPS,
    preprocess_descend,
)
from transient_ridge.regression.predictors.ridge import ridge

SIGMA2 = 0.125


def sequences(seed: int, B: int, K: int, D: int, s: int = 2):
    source = np.random.default_rng(seed)
    tasks = sample(source, B, D, options=Options(nonzero=s))
    x = source.standard_normal((B, K, D))
    y = (x * tasks[:, None]).sum(-1) + math.sqrt(SIGMA2) * source.standard_normal((B, K))
    return torch.from_numpy(x), torch.from_numpy(y)


def best_of_all_supports(X, Y, alpha):
    """The lasso's minimum: the best of the stationary points over all supports and signs."""
    n, D = X.shape
    best, least = np.zeros(D), (Y @ Y) / (2 * n)
    for signs in itertools.product((-1, 0, 1), repeat=D):
        support = [i for i in range(D) if signs[i]]
        if not 0 < len(support) <= n:
            continue
        active, towards = X[:, support], np.array(signs)[support]
        found = np.linalg.solve(active.T @ active / n, active.T @ Y / n - alpha * towards)
        if (np.sign(found) == towards).all():
            loss = ((Y - active @ found) ** 2).sum() / (2 * n) + alpha * abs(found).sum()
            if loss < least:
                best, least = np.zeros(D), loss
                best[support] = found
    return best


def test_the_lasso_is_the_minimum_over_all_supports_and_signs():
    B, K, D = 5, 7, 4
    x, y = sequences(0, B, K, D)
    ours = lasso(x, y, SIGMA2)
    assert (ours[:, 0] == 0).all()
    for b in range(B):
        for n in range(1, K):
            alpha = penalty(SIGMA2, n, D)
            best = best_of_all_supports(x[b, :n].numpy(), y[b, :n].numpy(), alpha)
            assert float(ours[b, n]) == pytest.approx(float(x[b, n].numpy() @ best), abs=1e-5)


def test_the_penalty_is_the_size_of_the_noise():
    """For orthogonal inputs of variance 1, the largest entry of X'noise / n is on average just below the penalty."""
    n, D = 64, 8
    source = np.random.default_rng(0)
    inputs = np.linalg.qr(source.standard_normal((n, D)))[0] * math.sqrt(n)
    noise = math.sqrt(SIGMA2) * source.standard_normal((20_000, n))
    greatest = abs(noise @ inputs / n).max(axis=1).mean()
    assert 0.7 * penalty(SIGMA2, n, D) < greatest < penalty(SIGMA2, n, D)


def by_loops(x, y, steps):
    """Predictions for one sequence, on the scaled inputs themselves."""
    found = np.zeros(len(y))
    for n in range(1, len(y)):
        X, Y = x[:n], y[:n]
        estimate = np.array([sum(X[i, j] * Y[i] for i in range(n)) / n for j in range(x.shape[1])])
        scaled = X * estimate
        rate = 1 / np.linalg.norm(scaled.T @ scaled / n, 2)
        weights = np.zeros(x.shape[1])
        for _ in range(steps):
            weights = weights - rate * scaled.T @ (scaled @ weights - Y) / n
        found[n] = (x[n] * estimate) @ weights
    return found


@pytest.mark.parametrize("steps", [0, 1, 2, 7, STEPS])
def test_preprocess_descend_is_gradient_descent_on_scaled_inputs(steps):
    x, y = sequences(1, 6, 7, 4)
    ours = preprocess_descend(x, y, steps)
    for b in range(6):
        np.testing.assert_allclose(
            ours[b].numpy(), by_loops(x[b].numpy(), y[b].numpy(), steps), rtol=1e-9, atol=1e-11
        )


def test_one_step_is_the_closed_form():
    """One step from w = 0 goes to eta r^3."""
    x, y = sequences(2, 3, 9, 3)
    X, Y = x[:, :8], y[:, :8]
    r = (X * Y[..., None]).mean(dim=1)
    curvature = r[:, :, None] * (X.mT @ X / 8) * r[:, None, :]
    eta = 1 / torch.linalg.matrix_norm(curvature, ord=2)
    expected = (eta[:, None] * r**3 * x[:, 8]).sum(-1)
    torch.testing.assert_close(preprocess_descend(x, y, 1)[:, 8], expected)


def test_many_steps_end_at_least_squares():
    x, y = sequences(3, 4, 30, 2)
    ours = preprocess_descend(x, y, 20_000)[:, -1]
    for b in range(4):
        least = np.linalg.lstsq(x[b, :-1].numpy(), y[b, :-1].numpy(), rcond=None)[0]
        assert float(ours[b]) == pytest.approx(float(x[b, -1].numpy() @ least), abs=1e-6)


def test_both_beat_ridge_on_very_sparse_tasks():
    x, y = sequences(4, 300, 12, 8, s=1)
    by_ridge = float((ridge(x, y, SIGMA2) - y).square().mean())
    for predict in (lasso, lambda x, y, _: preprocess_descend(x, y)):
        assert float((predict(x, y, SIGMA2) - y).square().mean()) < 0.9 * by_ridge


@pytest.mark.parametrize("module", [lasso_module, descend_module])
def test_any_batch_and_dtype_and_what_is_refused(module):
    x, y = sequences(5, 6, 5, 3)
    whole = module.predict(x, y, None, SIGMA2)
    folded = module.predict(x.reshape(2, 3, 5, 3), y.reshape(2, 3, 5), None, SIGMA2)
    torch.testing.assert_close(folded.reshape(6, 5), whole, rtol=0, atol=0)
    single = module.predict(x.float(), y.float(), None, SIGMA2)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, whole.float(), rtol=1e-4, atol=1e-5)
    assert module.predict(x, 0 * y, None, SIGMA2).abs().max() == 0
    with pytest.raises(ValueError, match="must be > 0"):
        module.predict(x, y, None, 0.0)
    with pytest.raises(ValueError, match="float32 or both float64"):
        module.predict(x, y.float(), None, SIGMA2)
