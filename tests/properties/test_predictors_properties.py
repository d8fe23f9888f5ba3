"""The idealised predictors on random shapes, against explicit posteriors and normal equations."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from transient_ridge.regression.predictors.dmmse import dmmse
from transient_ridge.regression.predictors.ridge import ridge

torch.set_num_threads(1)

seeds = st.integers(0, 2**31)
noise_variances = st.floats(1e-2, 10)
batches = st.lists(st.integers(1, 3), max_size=3).map(tuple)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 9))


def case(
    batch: tuple[int, ...], size: tuple[int, int, int], seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    K, D, M = size
    g = torch.Generator().manual_seed(seed)
    shapes = ((*batch, K, D), (*batch, K), (M, D))
    x, y, tasks = (torch.randn(shape, generator=g, dtype=torch.float64) for shape in shapes)
    return x, y, tasks


@settings(deadline=None, max_examples=30)
@given(batches, sizes, seeds, noise_variances, st.integers(1, 5000))
def test_dmmse_is_the_explicit_posterior_mean(batch, size, seed, noise_variance, memory_limit):
    x, y, tasks = case(batch, size, seed)
    result = dmmse(x, y, tasks, noise_variance, memory_limit=memory_limit)
    assert result.shape == y.shape
    for k in range(size[0]):
        residuals = y[..., :k, None] - x[..., :k, :] @ tasks.T
        posterior = torch.softmax(-residuals.square().sum(-2) / (2 * noise_variance), dim=-1)
        torch.testing.assert_close(result[..., k], ((posterior @ tasks) * x[..., k, :]).sum(-1))


@settings(deadline=None, max_examples=30)
@given(batches, sizes, seeds, noise_variances)
def test_ridge_solves_the_normal_equations(batch, size, seed, noise_variance):
    x, y, _ = case(batch, size, seed)
    result = ridge(x, y, noise_variance)
    assert result.shape == y.shape
    for k in range(size[0]):
        X, Y = x[..., :k, :], y[..., :k, None]
        gram = X.mT @ X + noise_variance * torch.eye(size[1], dtype=x.dtype)
        weights = torch.linalg.solve(gram, X.mT @ Y).squeeze(-1)
        torch.testing.assert_close(result[..., k], (weights * x[..., k, :]).sum(-1))


@settings(deadline=None, max_examples=30)
@given(batches, sizes, seeds)
def test_little_noise_leaves_the_best_fitting_task(batch, size, seed):
    x, y, tasks = case(batch, size, seed)
    result = dmmse(x, y, tasks, 1e-12)
    for k in range(1, size[0]):
        energy = (y[..., :k, None] - x[..., :k, :] @ tasks.T).square().sum(-2)
        best = tasks[energy.argmin(-1)]
        torch.testing.assert_close(result[..., k], (best * x[..., k, :]).sum(-1))


@settings(deadline=None, max_examples=30)
@given(batches, sizes, seeds, noise_variances)
def test_repeating_every_task_changes_nothing(batch, size, seed, noise_variance):
    x, y, tasks = case(batch, size, seed)
    once = dmmse(x, y, tasks, noise_variance)
    torch.testing.assert_close(dmmse(x, y, tasks.repeat(3, 1), noise_variance), once)


@settings(deadline=None, max_examples=30)
@given(batches, sizes, seeds, noise_variances, st.randoms(use_true_random=False))
def test_order_does_not_matter(batch, size, seed, noise_variance, random):
    x, y, tasks = case(batch, size, seed)
    once = dmmse(x, y, tasks, noise_variance)
    by_task = random.sample(range(size[2]), size[2])
    torch.testing.assert_close(dmmse(x, y, tasks[by_task], noise_variance), once)
    last = size[0] - 1
    order = [*random.sample(range(last), last), last]
    X, Y = x[..., order, :], y[..., order]
    torch.testing.assert_close(dmmse(X, Y, tasks, noise_variance)[..., -1], once[..., -1])
    torch.testing.assert_close(
        ridge(X, Y, noise_variance)[..., -1], ridge(x, y, noise_variance)[..., -1]
    )


@settings(deadline=None, max_examples=30)
@given(batches, sizes, seeds, noise_variances)
def test_predictions_do_not_see_the_future(batch, size, seed, noise_variance):
    x, y, tasks = case(batch, size, seed)
    k = size[0] // 2
    X, Y = x.clone(), y.clone()
    X[..., k + 1 :, :] += 1
    Y[..., k:] -= 1
    for predict in (
        lambda *xy: dmmse(*xy, tasks, noise_variance),
        lambda *xy: ridge(*xy, noise_variance),
    ):
        torch.testing.assert_close(predict(X, Y)[..., : k + 1], predict(x, y)[..., : k + 1])
