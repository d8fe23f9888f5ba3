"""Losses by feature and gates by task of trained runs, and tasks of unequal frequency."""

import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import settings_for
from tests.unit.test_evaluation import CPU, measure, train_in
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import (
    DataSettings,
    EvaluationSettings,
    ModelSettings,
    TrainedBy,
)
from transient_ridge.extensions.imbalanced.feature_losses import evaluate_features
from transient_ridge.extensions.in_weight.task_gates import (
    by_frequency,
    evaluate_task_gates,
    of_each,
)
from transient_ridge.model.transformer import Transformer
from transient_ridge.regression.predictors.dmmse import dmmse
from transient_ridge.regression.predictors.ridge import ridge
from transient_ridge.regression.sequences import SequenceSource, task_set
from transient_ridge.training.checkpoints import Checkpoints

DATA = DataSettings(
    dimension=3, context_length=5, noise_variance=0.25, tasks="gaussian", inputs="gaussian"
)
HALVING = DATA.changed(tasks="halving")


@pytest.mark.parametrize(
    ("M", "counts"), [(1, [1]), (2, [1, 1]), (7, [4, 2, 1]), (12, [6, 3, 2, 1]), (31, [16, 8, 4, 2, 1])]
)  # fmt: skip
def test_each_halving_task_is_half_as_frequent_as_the_one_before(M, counts):
    tasks, shares = by_frequency(task_set(0, HALVING, M).numpy())
    assert shares == pytest.approx(np.array(counts) / M)
    # The tasks themselves are those of the Gaussian family; the most frequent one is the root task.
    assert np.array_equal(tasks, task_set(0, DATA, len(counts)).numpy())


def test_halving_task_sets_are_nested():
    largest = task_set(0, HALVING, 100)
    for M in (1, 2, 7, 31, 99):
        assert torch.equal(task_set(0, HALVING, M), largest[:M])


def test_halving_tasks_are_drawn_in_proportion_to_their_shares():
    batch = SequenceSource(0, HALVING, 7).draw(7000, "shared")
    tasks, _ = by_frequency(task_set(0, HALVING, 7).numpy())
    predicted = torch.einsum("bkd,md->bmk", batch.x, torch.from_numpy(tasks))
    nearest = (batch.y[:, None] - predicted).square().sum(-1).argmin(1)
    counts = np.bincount(nearest.numpy(), minlength=3)
    assert (abs(counts - np.array([4000, 2000, 1000])) < 150).all()


def test_all_tasks_share_inputs_and_noise():
    tasks = task_set(0, DATA, 3).numpy()
    found = of_each(
        tasks,
        0,
        DATA,
        EvaluationSettings(
            sequences=31, root_task_sequences=5, predictors=("ridge", "dmmse"), weights="auto"
        ),
    )
    x, y = found.x.reshape(3, 10, 5, 3), found.y.reshape(3, 10, 5)
    noise = y - torch.einsum("jbkd,jd->jbk", x, torch.from_numpy(tasks))
    for each in (1, 2):
        assert torch.equal(x[each], x[0])
        torch.testing.assert_close(noise[each], noise[0], rtol=0, atol=1e-5)
    assert (
        len(
            of_each(
                tasks,
                0,
                DATA,
                EvaluationSettings(
                    sequences=3,
                    root_task_sequences=5,
                    predictors=("ridge", "dmmse"),
                    weights="auto",
                ),
            ).x
        )
        == 6
    )


def test_losses_by_feature_add_up_to_the_loss(tiny, smoke, tmp_path):
    """Losses by feature, weighted by share, add up to the loss of every checkpoint, and of ridge, on every set."""
    for settings in (tiny, smoke):
        settings["data"]["inputs"] = {"name": "features", "ratio": 0.5}
    files = train_in(tmp_path, Run(4, 0), tiny)
    found = evaluate_features(
        *files, Run(4, 0), device=CPU, **settings_for(evaluate_features, smoke)
    ).frame()
    losses = measure(tmp_path, smoke)[0]
    losses = losses[losses["token"].isna()].set_index(["dataset", "step"])["loss"]
    at = found.groupby(["dataset", "step"])
    assert at["share"].sum().to_numpy() == pytest.approx(1)
    summed = (found["share"] * found["loss"]).groupby([found["dataset"], found["step"]]).sum()
    pd.testing.assert_series_equal(
        summed, losses.sort_index(), check_names=False, check_index_type=False, rtol=1e-5
    )
    assert (at["ridge"].nunique() == 2).all()


def test_the_gate_on_a_task_is_least_squares_on_the_predictions(tiny, smoke, tmp_path):
    """At every checkpoint, on sequences of each task; both predictors use all of T_M, repeats included."""
    for settings in (tiny, smoke):
        settings["data"]["tasks"] = "halving"
    files = train_in(tmp_path, Run(7, 0), tiny)
    found = evaluate_task_gates(
        *files, Run(7, 0), device=CPU, **settings_for(evaluate_task_gates, smoke)
    ).frame()
    found = found.set_index(["step", "task"])
    data, sizes = DataSettings.of(smoke["data"]), EvaluationSettings.of(smoke["evaluation"])
    sizes = sizes.changed(sequences=sizes.sequences // 3)
    members = task_set(0, data, 7)
    kept = Checkpoints(*files, TrainedBy.of(smoke))
    model = Transformer(2, ModelSettings.of(smoke["model"]))
    assert list(found.index) == [(step, task) for step in kept.steps for task in (1, 2, 3)]
    # Task 1 is the root task, task 2 is second in T_M, and task 3 fourth.
    for task, place in ((1, 0), (2, 1), (3, 3)):
        x, y = of_each(members[[place]].numpy(), 0, data, sizes)
        r, d = ridge(x, y, 0.125), dmmse(x, y, members, 0.125)
        for step in (0, 60):
            model.load_state_dict(kept.load(step))
            with torch.no_grad():
                target = (model(x, y) - r).double().flatten().numpy()
            way = (d - r).double().flatten().numpy()
            (gate,), (left,), *_ = np.linalg.lstsq(way[:, None], target, rcond=None)
            row = found.loc[step, task]
            assert row["gate"] == pytest.approx(gate, rel=1e-4, abs=1e-5)
            assert row["residual"] == pytest.approx(left / len(target), rel=1e-4)
            assert row["apart"] == pytest.approx((way**2).mean(), rel=1e-4)
            assert row["share"] == pytest.approx((4, 2, 1)[task - 1] / 7)
