"""The idealised predictors against brute force, scikit-learn and their limits, in float64."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from transient_ridge.regression.predictors.dmmse import dmmse
from transient_ridge.regression.predictors.ridge import ridge

SIGMA2 = 0.125


def sequences(seed: int, B: int, K: int, D: int, tasks: Tensor | None = None):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(B, K, D, generator=g, dtype=torch.float64)
    if tasks is None:
        own = torch.randn(B, D, generator=g, dtype=torch.float64)
    else:
        own = tasks[torch.randint(len(tasks), (B,), generator=g)]
    noise = torch.randn(B, K, generator=g, dtype=torch.float64)
    return x, (x * own[:, None]).sum(-1) + SIGMA2**0.5 * noise


def task_tensor(seed: int, M: int, D: int) -> Tensor:
    return torch.randn(M, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def brute_force_dmmse(x: Tensor, y: Tensor, tasks: Tensor, noise_variance: float) -> Tensor:
    result = torch.empty_like(y)
    for b in range(x.shape[0]):
        for k in range(x.shape[1]):
            energy = torch.stack([((y[b, :k] - x[b, :k] @ t) ** 2).sum() for t in tasks])
            weight = torch.exp(-(energy - energy.min()) / (2 * noise_variance))
            mean = (weight[:, None] * tasks).sum(0) / weight.sum()
            result[b, k] = mean @ x[b, k]
    return result


def test_dmmse_is_the_posterior_mean():
    tasks = task_tensor(0, 7, 3)
    x, y = sequences(1, 5, 6, 3, tasks)
    torch.testing.assert_close(
        dmmse(x, y, tasks, SIGMA2), brute_force_dmmse(x, y, tasks, SIGMA2), rtol=1e-12, atol=1e-12
    )


def test_a_repeated_task_counts_twice():
    """dMMSE over a task set with repeats equals Bayes' rule with the tasks' shares as the prior."""
    tasks, shares = task_tensor(0, 3, 3), torch.tensor([4, 2, 1], dtype=torch.float64) / 7
    x, y = sequences(1, 5, 6, 3, tasks)
    expected = torch.empty_like(y)
    for b in range(5):
        for k in range(6):
            squares = (y[b, :k] - tasks @ x[b, :k].T).square().sum(dim=1)
            posterior = torch.softmax(shares.log() - squares / (2 * SIGMA2), dim=0)
            expected[b, k] = posterior @ tasks @ x[b, k]
    repeated = tasks[[0, 1, 0, 2, 0, 1, 0]]
    torch.testing.assert_close(dmmse(x, y, repeated, SIGMA2), expected, rtol=1e-12, atol=1e-12)


def test_ridge_agrees_with_scikit_learn_on_every_prefix():
    x, y = sequences(2, 4, 9, 5)
    ours = ridge(x, y, SIGMA2)
    assert (ours[:, 0] == 0).all()
    for b in range(4):
        for k in range(1, 9):
            reference = Ridge(alpha=SIGMA2, fit_intercept=False).fit(x[b, :k], y[b, :k])
            assert ours[b, k] == pytest.approx(reference.predict(x[b, k : k + 1])[0], abs=1e-10)


def test_one_task_is_known_without_context():
    tasks = task_tensor(0, 1, 4)
    x, y = sequences(3, 6, 5, 4)
    torch.testing.assert_close(dmmse(x, y, tasks, SIGMA2), x @ tasks[0])


def test_without_context_dmmse_predicts_by_the_mean_task():
    tasks = task_tensor(0, 33, 4)
    x, y = sequences(4, 6, 3, 4)
    torch.testing.assert_close(dmmse(x, y, tasks, SIGMA2)[:, 0], x[:, 0] @ tasks.mean(0))


def test_dmmse_tends_to_ridge_with_many_tasks():
    x, y = sequences(5, 64, 4, 2)
    target = ridge(x, y, SIGMA2)
    distance = [
        float((dmmse(x, y, task_tensor(0, M, 2), SIGMA2) - target).square().mean())
        for M in (100, 10_000, 1_000_000)
    ]
    assert distance[0] > 10 * distance[1] > 100 * distance[2]
    assert distance[2] < 1e-4


def test_without_noise_the_best_task_and_the_least_norm_solution_are_chosen():
    tasks = task_tensor(0, 50, 3)
    x, _ = sequences(6, 8, 6, 3)
    y = x @ tasks[17]
    predicted = dmmse(x, y, tasks, 1e-14)
    torch.testing.assert_close(predicted[:, 1:], y[:, 1:], rtol=1e-9, atol=1e-9)
    by_ridge = ridge(x, y, 1e-14)
    for b in range(8):
        for k in range(1, 6):
            least = np.linalg.lstsq(x[b, :k].numpy(), y[b, :k].numpy(), rcond=None)[0]
            assert float(by_ridge[b, k]) == pytest.approx(float(x[b, k].numpy() @ least), abs=1e-6)


@pytest.mark.parametrize("noise_variance", [1e-300, 1e-45, 1e-12, 1e-6, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_noise_stays_finite(noise_variance: float, dtype: torch.dtype):
    tasks = task_tensor(0, 5000, 3).to(dtype)
    x, y = (part.to(dtype) for part in sequences(7, 4, 6, 3))
    for result in (dmmse(x, y, tasks, noise_variance), ridge(x, y, noise_variance)):
        assert result.dtype == dtype
        assert result.isfinite().all()


@pytest.mark.parametrize("noise_variance", [SIGMA2, 1e-12])
@pytest.mark.parametrize("task_block", [7, 4096])
@pytest.mark.parametrize("memory_limit", [1, 3000, 20_000])
def test_blocks_change_nothing(
    monkeypatch, memory_limit: int, task_block: int, noise_variance: float
):
    tasks = task_tensor(0, 100, 3)
    x, y = sequences(8, 13, 5, 3, tasks)
    whole = dmmse(x, y, tasks, noise_variance)
    monkeypatch.setattr(sys.modules[dmmse.__module__], "TASK_BLOCK", task_block)
    blocks = dmmse(x, y, tasks, noise_variance, memory_limit=memory_limit)
    torch.testing.assert_close(blocks, whole, rtol=1e-12, atol=1e-12)


def test_float32_is_as_exact_as_its_rounding():
    tasks = task_tensor(0, 300, 8)
    x, y = sequences(11, 32, 16, 8, tasks)
    for predict in (lambda *args: dmmse(*args, SIGMA2), lambda x, y, _: ridge(x, y, SIGMA2)):
        exact = predict(x, y, tasks)
        single = predict(x.float(), y.float(), tasks.float())
        assert float((single - exact).abs().max() / exact.square().mean().sqrt()) < 1e-5


def test_a_task_that_fits_far_better_in_a_later_block_wins():
    # The running maximum has to jump by more than the range of exp.
    tasks = torch.full((50, 2), 1000.0)
    tasks[-1] = torch.tensor([1.0, -1.0])
    x = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    predicted = dmmse(x, x @ tasks[-1], tasks, 1e-6, memory_limit=1)
    torch.testing.assert_close(predicted[:, 1:], (x @ tasks[-1])[:, 1:])


def test_leading_axes_are_batches():
    tasks = task_tensor(0, 10, 3)
    x, y = sequences(9, 12, 4, 3, tasks)
    for predict in (lambda x, y: dmmse(x, y, tasks, SIGMA2), lambda x, y: ridge(x, y, SIGMA2)):
        torch.testing.assert_close(
            predict(x.view(3, 4, 4, 3), y.view(3, 4, 4)), predict(x, y).view(3, 4, 4)
        )


def test_each_predictor_is_best_on_its_own_distribution():
    tasks = task_tensor(0, 8, 4)
    for source, best, other in ((tasks, "dmmse", "ridge"), (None, "ridge", "dmmse")):
        x, y = sequences(10, 4000, 8, 4, source)
        predictions = {"ridge": ridge(x, y, SIGMA2), "dmmse": dmmse(x, y, tasks, SIGMA2)}
        loss = {name: (p - y).square().mean(1) for name, p in predictions.items()}
        gap = loss[other] - loss[best]
        assert gap.mean() > 5 * gap.std() / len(gap) ** 0.5
        shift = 0.1 * torch.randn(8, generator=torch.Generator().manual_seed(0), dtype=y.dtype)
        optimum = predictions[best]
        for perturbed in (0.97 * optimum, 1.03 * optimum, optimum + shift, optimum - shift):
            assert ((perturbed - y).square().mean(1) - loss[best]).mean() > 0


MEASURE = """
import resource, torch
from transient_ridge.regression.predictors.dmmse import dmmse
torch.set_num_threads(1)
x, y, tasks = torch.randn(512, 16, 8), torch.randn(512, 16), torch.randn(2**15, 8)
dmmse(x[:1], y[:1], tasks[:8], 0.125)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
dmmse(x, y, tasks, 0.125)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_is_bounded_at_paper_scale():
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) * 1024 < 2**30


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise_variance": 0.0}, "noise_variance = 0.0"),
        ({"noise_variance": float("nan")}, "noise_variance = nan"),
        ({"tasks": torch.zeros(0, 3, dtype=torch.float64)}, "tasks"),
        ({"tasks": torch.zeros(4, 2, dtype=torch.float64)}, "tasks"),
        ({"y": torch.zeros(5, 7, dtype=torch.float64)}, "must be"),
        ({"y": torch.zeros(5, 6)}, "must both be float32"),
        ({"x": torch.zeros(5, 6, 3).half(), "y": torch.zeros(5, 6).half()}, "must both be float32"),
        ({"x": torch.zeros(3), "y": torch.zeros(())}, r"x \(3,\)"),
        ({"noise_variance": -1.0}, "noise_variance = -1.0: must be > 0"),
        ({"noise_variance": float("inf")}, "noise_variance = inf"),
        ({"memory_limit": 0}, "memory_limit = 0"),
    ],
)
def test_bad_input_is_named(change, message):
    x, y = sequences(1, 5, 6, 3)
    arguments = {"x": x, "y": y, "tasks": task_tensor(0, 4, 3), "noise_variance": SIGMA2, **change}
    with pytest.raises(ValueError, match=message):
        dmmse(**arguments)
    if change.keys() <= {"x", "y", "noise_variance"}:
        with pytest.raises(ValueError, match=message):
            ridge(arguments["x"], arguments["y"], arguments["noise_variance"])
