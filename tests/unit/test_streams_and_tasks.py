"""Named streams are independent, and sequences follow their law."""

import math

import numpy as np
import pytest
import torch

from transient_ridge.config.settings import DataSettings
from transient_ridge.regression.sequences import SequenceSource, task_set
from transient_ridge.regression.streams import generator, torch_seed

DATA = DataSettings(
    dimension=3, context_length=5, noise_variance=0.25, tasks="gaussian", inputs="gaussian"
)


def test_a_stream_is_a_function_of_its_name():
    assert generator(0, "a", 1).random() == generator(0, "a", 1).random()
    names = [("a", 1), ("a", "1"), ("a1",), ("a", 2), ("b", 1)]
    draws = {generator(seed, *name).random() for seed in (0, 1) for name in names}
    assert len(draws) == 2 * len(names)
    assert 0 <= torch_seed(0, "a") < 2**63


def test_task_sets_are_nested():
    largest = task_set(0, DATA, 1000)
    assert largest.dtype == torch.float32
    for M in (1, 2, 7, 999):
        assert torch.equal(task_set(0, DATA, M), largest[:M])
    assert not torch.equal(task_set(1, DATA, 1000), largest)


def test_the_first_sequences_do_not_depend_on_how_many_are_drawn():
    source = SequenceSource(0, DATA, 8)
    few, many = source.draw(10, "evaluation", "x"), source.draw(100, "evaluation", "x")
    assert torch.equal(few.x, many.x[:10])
    assert torch.equal(few.y, many.y[:10])


@pytest.mark.parametrize("M", [1, 8, math.inf])
def test_batches_are_a_function_of_seed_and_step(M):
    source = SequenceSource(0, DATA, M)
    batch = source.training_batch(3, 17, 32)
    again = SequenceSource(0, DATA, M).training_batch(3, 17, 32)
    assert torch.equal(batch.x, again.x)
    assert torch.equal(batch.y, again.y)
    assert batch.x.shape == (32, 5, 3)
    assert batch.y.shape == (32, 5)
    for other in (source.training_batch(3, 18, 32), source.training_batch(4, 17, 32)):
        assert not torch.equal(batch.x, other.x)


def test_runs_of_different_diversity_share_inputs_and_noise():
    batches = [SequenceSource(0, DATA, M).training_batch(0, 5, 64) for M in (1, 8, math.inf)]
    assert all(torch.equal(batches[0].x, batch.x) for batch in batches)
    root = task_set(0, DATA, 1)[0]
    noise = batches[0].y - batches[0].x @ root
    tasks = task_set(0, DATA, 8)
    residuals = batches[1].y[:, None] - torch.einsum("bkd,md->bmk", batches[1].x, tasks)
    closest = (residuals - noise[:, None]).abs().amax(-1).amin(-1)
    assert closest.max() < 1e-5


def test_moments_of_the_data():
    batch = SequenceSource(0, DATA, math.inf).draw(40_000, "moments")
    assert batch.x.mean().abs() < 0.01
    assert batch.x.var() == pytest.approx(1, abs=0.01)
    # Var(y) = E|t|^2 + sigma^2 = D + sigma^2
    assert batch.y.var() == pytest.approx(3.25, rel=0.02)
    one = SequenceSource(0, DATA, 1).draw(40_000, "moments")
    residual = one.y - one.x @ task_set(0, DATA, 1)[0]
    assert residual.var() == pytest.approx(0.25, rel=0.02)


def test_all_tasks_are_drawn_equally_often():
    source = SequenceSource(0, DATA, 4)
    batch = source.draw(8000, "uniform")
    tasks = task_set(0, DATA, 4)
    energy = (batch.y[:, None] - torch.einsum("bkd,md->bmk", batch.x, tasks)).square().sum(-1)
    counts = np.bincount(energy.argmin(1).numpy(), minlength=4)
    assert (abs(counts - 2000) < 200).all()
