"""Evaluation sets, their statistics, and the tables of a run."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import DATA, settings_for
from transient_ridge.analysis.curves import compute_curves, critical_step, smooth
from transient_ridge.analysis.evaluate import evaluate
from transient_ridge.analysis.evaluation_sets import (
    TokenMeans,
    evaluation_sets,
    idealised_predictions,
)
from transient_ridge.analysis.idealised import evaluate_idealised
from transient_ridge.analysis.ridge_on_tasks import evaluate_on_tasks
from transient_ridge.analysis.views import averages
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import (
    CurveSettings,
    EvaluationSettings,
    ModelSettings,
    TrainedBy,
)
from transient_ridge.errors import CheckpointError
from transient_ridge.model.transformer import Transformer
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.train import train

CPU = torch.device("cpu")
PREDICTORS = ("ridge", "dmmse")


def test_sets_grow_without_changing_and_do_not_depend_on_the_grid():
    few = evaluation_sets(
        0,
        DATA,
        EvaluationSettings(
            sequences=10, root_task_sequences=5, predictors=PREDICTORS, weights="auto"
        ),
        8,
    )
    many = evaluation_sets(
        0,
        DATA,
        EvaluationSettings(
            sequences=20, root_task_sequences=9, predictors=PREDICTORS, weights="auto"
        ),
        8,
    )
    other = evaluation_sets(
        0,
        DATA,
        EvaluationSettings(
            sequences=10, root_task_sequences=5, predictors=PREDICTORS, weights="auto"
        ),
        math.inf,
    )
    for name, sequences in few.items():
        assert torch.equal(sequences.x, many[name].x[: len(sequences.x)])
        assert torch.equal(sequences.y, many[name].y[: len(sequences.y)])
    assert torch.equal(few["root_task"].y, other["root_task"].y)
    assert torch.equal(few["out_of_distribution"].y, other["out_of_distribution"].y)
    assert torch.equal(few["in_distribution"].x, other["in_distribution"].x)
    assert not torch.equal(few["in_distribution"].y, other["in_distribution"].y)


def test_token_means_are_means_and_standard_errors():
    squares = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    means = TokenMeans.of(squares)
    values = squares.double().numpy()
    assert means.token == [1, 2, 3, None]
    assert means.mean[:3] == pytest.approx(values.mean(0))
    assert means.mean[3] == pytest.approx(values.mean())
    assert means.standard_error[1] == pytest.approx(values[:, 1].std(ddof=1) / 50**0.5)
    assert means.standard_error[3] == pytest.approx(values.mean(1).std(ddof=1) / 50**0.5)


def test_at_infinite_diversity_both_predictors_are_ridge():
    sequences = evaluation_sets(
        0,
        DATA,
        EvaluationSettings(
            sequences=10, root_task_sequences=5, predictors=PREDICTORS, weights="auto"
        ),
        8,
    )["out_of_distribution"]
    predictions = idealised_predictions(0, DATA, PREDICTORS, math.inf, sequences)
    assert torch.equal(predictions["ridge"], predictions["dmmse"])


def train_in(folder, run, settings):
    """Train ``run`` in ``folder``; the manifest and the weights of its checkpoints."""
    targets = {
        "weights": folder / "weights",
        "manifest": folder / "manifest.json",
        "training": folder / "training.parquet",
    }
    train(
        run,
        TrainedBy.of(settings),
        targets,
        scratch=folder / "scratch",
        device=CPU,
        state_seconds=1e9,
    )
    return targets["manifest"], targets["weights"]


@pytest.fixture
def trained(tiny, smoke, tmp_path):
    """A trained run: its folder, and the configuration that it is evaluated with."""
    train_in(tmp_path, Run(4, 0), tiny)
    return tmp_path, smoke


def measure(folder, settings):
    files = (folder / "manifest.json", folder / "weights")
    rows = evaluate(*files, Run(4, 0), device=CPU, **settings_for(evaluate, settings))
    return [each.frame() for each in rows]


def test_ridge_on_tasks_is_the_last_checkpoint_on_another_runs_sequences(trained):
    folder, settings = trained
    files = (folder / "manifest.json", folder / "weights")
    rows = evaluate_on_tasks(
        *files, Run(4, 0), device=CPU, **settings_for(evaluate_on_tasks, settings)
    ).frame()
    losses, *_ = measure(folder, settings)
    own = losses[(losses["step"] == 60) & (losses["dataset"] == "in_distribution")]
    assert rows["loss"].tolist() == own["loss"].tolist()
    other = evaluate_on_tasks(
        *files, Run(2, 0), device=CPU, **settings_for(evaluate_on_tasks, settings)
    ).frame()
    assert (other["task_diversity"] == 2).all()
    assert (other["step"] == 60).all()
    assert (other["loss"] != rows["loss"]).all()


def test_tables_of_a_run_hold_what_the_model_does(trained):
    folder, settings = trained
    losses, distances, outputs = measure(folder, settings)
    steps = sorted(losses["step"].unique())
    assert steps == [0, 1, 3, 7, 15, 20, 40, 60]
    assert len(losses) == len(steps) * 3 * (3 + 1)
    model = Transformer(2, ModelSettings.of(settings["model"]))
    kept = Checkpoints(folder / "manifest.json", folder / "weights", TrainedBy.of(settings))
    model.load_state_dict(kept.load(60))
    sets = evaluation_sets(0, DATA, EvaluationSettings.of(settings["evaluation"]), 4)
    with torch.no_grad():
        for name, sequences in sets.items():
            squares = (model(*sequences) - sequences.y).square()
            rows = losses[(losses["step"] == 60) & (losses["dataset"] == name)]
            mean = rows[rows["token"].isna()]["loss"].item()
            assert mean == pytest.approx(float(squares.mean()), rel=1e-5)
            second = rows[rows["token"] == 2]["loss"].item()
            assert second == pytest.approx(float(squares[:, 1].mean()), rel=1e-5)
        last = outputs[outputs["step"] == 60]["outputs"].item()
        np.testing.assert_allclose(last, model(*sets["root_task"]).flatten(), rtol=1e-5, atol=1e-6)
        ideal = idealised_predictions(0, DATA, PREDICTORS, 4, sets["in_distribution"])
        prediction = model(*sets["in_distribution"])
        for predictor, target in ideal.items():
            rows = averages(distances, "in_distribution")
            rows = rows[(rows["step"] == 60) & (rows["predictor"] == predictor)]
            assert rows["distance"].item() == pytest.approx(
                float((prediction - target).square().mean()), rel=1e-5
            )


def test_evaluation_is_repeatable(trained):
    for once, again in zip(measure(*trained), measure(*trained), strict=True):
        pd.testing.assert_frame_equal(once, again, check_exact=True)


def test_checkpoints_of_other_settings_are_not_evaluated(trained):
    folder, settings = trained
    settings["data"]["noise_variance"] = 1.0
    with pytest.raises(CheckpointError, match=r"data\.noise_variance: 0\.125 there, 1\.0 here"):
        measure(folder, settings)


def test_idealised_tables(smoke):
    losses, distances, outputs = (
        each.frame() for each in evaluate_idealised(**settings_for(evaluate_idealised, smoke))
    )
    mean = losses[losses["token"].isna()].set_index(["task_diversity", "predictor", "dataset"])
    own, other = "in_distribution", "out_of_distribution"
    for M in (1, 4):
        assert mean["loss"][M, "dmmse", own] < mean["loss"][M, "ridge", own]
        assert mean["loss"][M, "dmmse", other] > mean["loss"][M, "ridge", other]
    infinite = distances[np.isinf(distances["task_diversity"])]
    assert len(infinite)
    assert (infinite["distance"] == 0).all()
    assert outputs["predictor"].tolist() == ["dmmse", "dmmse", "ridge"]


def test_smoothing_keeps_constants_and_lines_up_with_a_direct_sum():
    steps = np.array([0.0, 1, 3, 10, 30, 100, 300, 1000])
    np.testing.assert_allclose(smooth(steps, np.full(8, 2.5), 0.3), 2.5)
    values = np.array([5.0, 4, 4, 3, 2, 1, 2, 3])
    # The curve is continued at both ends by its reflection.
    position = np.log1p(steps)
    around = np.concatenate((-position[:0:-1], position, 2 * position[-1] - position[-2::-1]))
    curve = np.concatenate((2 * values[0] - values[:0:-1], values, 2 * values[-1] - values[-2::-1]))
    spacing = np.gradient(around)
    for i in range(8):
        weights = np.exp(-((around - position[i]) ** 2) / (2 * 0.3**2)) * spacing
        assert smooth(steps, values, 0.3)[i] == pytest.approx(
            (weights * curve).sum() / weights.sum()
        )
    assert smooth(steps, values, 0.3)[[0, -1]] == pytest.approx(values[[0, -1]])
    np.testing.assert_allclose(smooth(steps, values, 1e-3), values)


def test_dense_checkpoints_do_not_dominate_smoothing():
    dense = np.unique(np.concatenate((np.arange(0, 1000, 50), np.arange(500, 600)))).astype(float)
    even = np.arange(0, 1000, 50).astype(float)
    at = 700.0
    values = [np.interp(s, [0, 1000], [0, 1])[..., None].squeeze() for s in (dense, even)]
    smoothed = [
        smooth(s, v, 0.3)[np.flatnonzero(s == at)[0]]
        for s, v in zip((dense, even), values, strict=True)
    ]
    assert smoothed[0] == pytest.approx(smoothed[1], abs=0.01)


def test_critical_step_is_the_first_minimum():
    assert critical_step(np.array([0.0, 10, 20, 30]), np.array([3.0, 1, 1, 2])) == (10, 1.0)


def test_curves_of_a_run(trained):
    losses, _, _ = measure(*trained)
    critical, smoothed = (
        each.frame() for each in compute_curves(losses, CurveSettings(smoothing_width=0.1))
    )
    ood = averages(losses, "out_of_distribution")
    raw = critical[critical["curve"] == "raw"]
    assert raw["loss"].item() == ood["loss"].min()
    assert raw["step"].item() == ood.loc[ood["loss"].idxmin(), "step"]
    assert len(smoothed) == 3 * len(ood)
