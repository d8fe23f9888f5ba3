"""Symmetries of the idealised predictors."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transient_ridge.predictors import dmmse, ridge

shapes = st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 5), st.integers(1, 12))


def case(shape, seed):
    B, K, D, M = shape
    g = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(size, generator=g, dtype=torch.float64) for size in ((B, K, D), (B, K), (M, D))
    )


@settings(deadline=None, max_examples=40)
@given(shapes, st.integers(0, 2**31), st.floats(1e-3, 10))
def test_order_of_tasks_and_of_context_does_not_matter(shape, seed, noise_variance):
    x, y, tasks = case(shape, seed)
    order = torch.randperm(len(tasks), generator=torch.Generator().manual_seed(seed))
    result = dmmse(x, y, tasks, noise_variance)
    torch.testing.assert_close(result, dmmse(x, y, tasks[order], noise_variance))
    flipped = torch.cat((torch.arange(x.shape[1] - 1).flip(0), torch.tensor([x.shape[1] - 1])))
    for predict in (
        lambda x, y: dmmse(x, y, tasks, noise_variance),
        lambda x, y: ridge(x, y, noise_variance),
    ):
        torch.testing.assert_close(
            predict(x[:, flipped], y[:, flipped])[:, -1], predict(x, y)[:, -1], rtol=1e-6, atol=1e-7
        )


@settings(deadline=None, max_examples=40)
@given(shapes, st.integers(0, 2**31))
def test_predictions_are_causal(shape, seed):
    x, y, tasks = case(shape, seed)
    k = x.shape[1] // 2
    changed_x, changed_y = x.clone(), y.clone()
    changed_x[:, k + 1 :] += 1
    changed_y[:, k:] -= 1
    for predict in (lambda x, y: dmmse(x, y, tasks, 0.1), lambda x, y: ridge(x, y, 0.1)):
        torch.testing.assert_close(
            predict(changed_x, changed_y)[:, : k + 1], predict(x, y)[:, : k + 1]
        )
