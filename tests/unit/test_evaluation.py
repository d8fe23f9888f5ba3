"""Evaluation sets, their statistics, and the tables of a run."""

import math

import numpy as np
import pytest
import torch

from transient_ridge.analysis.curves import critical_step, describe_curves, smooth
from transient_ridge.analysis.evaluate import (
    TokenMeans,
    evaluate,
    evaluate_idealised,
    evaluation_sets,
    idealised_predictions,
)
from transient_ridge.artefacts import tables
from transient_ridge.config.configuration import stage_settings
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import DataSettings, EvaluationSettings, ModelSettings
from transient_ridge.errors import CheckpointError
from transient_ridge.model.transformer import Transformer
from transient_ridge.training.train import Outputs, train

CPU = torch.device("cpu")
DATA = DataSettings(2, 3, 0.125)


def test_sets_grow_without_changing_and_do_not_depend_on_the_grid():
    few = evaluation_sets(0, DATA, EvaluationSettings(10, 5), 8)
    many = evaluation_sets(0, DATA, EvaluationSettings(20, 9), 8)
    other = evaluation_sets(0, DATA, EvaluationSettings(10, 5), math.inf)
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
    sequences = evaluation_sets(0, DATA, EvaluationSettings(10, 5), 8)["out_of_distribution"]
    predictions = idealised_predictions(0, DATA, math.inf, sequences)
    assert torch.equal(predictions["ridge"], predictions["dmmse"])


@pytest.fixture
def measured(tiny, smoke, tmp_path):
    """A trained and evaluated run: its folder and the settings of its evaluation."""
    smoke["training"], smoke["checkpoints"] = tiny["training"], tiny["checkpoints"]
    outputs = Outputs(tmp_path / "weights", tmp_path / "manifest.json", tmp_path / "curve.parquet")
    train(Run(4, 0), tiny, outputs, scratch=tmp_path / "scratch", device=CPU, state_seconds=1e9)
    settings = stage_settings(smoke, "evaluate")
    run_evaluation(settings, tmp_path)
    return tmp_path, settings


def run_evaluation(settings, folder):
    paths = {n: folder / f"{n}.parquet" for n in ("losses", "distances", "outputs")}
    evaluate(Run(4, 0), settings, folder / "manifest.json", folder / "weights", device=CPU, **paths)


def test_tables_of_a_run_hold_what_the_model_does(measured):
    folder, settings = measured
    frame = tables.read(folder / "losses.parquet", "losses").to_pandas()
    steps = sorted(frame["step"].unique())
    assert steps == [0, 1, 3, 7, 15, 20, 40, 60]
    assert len(frame) == len(steps) * 3 * (3 + 1)
    model = Transformer(2, ModelSettings.of(settings["train"]["model"]))
    from transient_ridge.training.checkpoints import Checkpoints

    kept = Checkpoints(folder / "manifest.json", folder / "weights", settings["train"])
    model.load_state_dict(kept.load(60))
    sets = evaluation_sets(0, DATA, EvaluationSettings.of(settings["evaluation"]), 4)
    with torch.no_grad():
        for name, sequences in sets.items():
            squares = (model(*sequences) - sequences.y).square()
            rows = frame[(frame["step"] == 60) & (frame["dataset"] == name)]
            mean = rows[rows["token"].isna()]["loss"].item()
            assert mean == pytest.approx(float(squares.mean()), rel=1e-5)
            second = rows[rows["token"] == 2]["loss"].item()
            assert second == pytest.approx(float(squares[:, 1].mean()), rel=1e-5)
        outputs = tables.read(folder / "outputs.parquet", "outputs").to_pandas()
        last = outputs[outputs["step"] == 60]["outputs"].item()
        np.testing.assert_allclose(last, model(*sets["root_task"]).flatten(), rtol=1e-5, atol=1e-6)
        distances = tables.read(folder / "distances.parquet", "distances").to_pandas()
        ideal = idealised_predictions(0, DATA, 4, sets["in_distribution"])
        prediction = model(*sets["in_distribution"])
        for predictor, target in ideal.items():
            rows = distances[
                (distances["step"] == 60)
                & (distances["dataset"] == "in_distribution")
                & (distances["predictor"] == predictor)
                & distances["token"].isna()
            ]
            assert rows["distance"].item() == pytest.approx(
                float((prediction - target).square().mean()), rel=1e-5
            )


def test_evaluation_is_repeatable_to_the_byte(measured):
    folder, settings = measured
    before = {n: (folder / f"{n}.parquet").read_bytes() for n in ("losses", "distances", "outputs")}
    run_evaluation(settings, folder)
    for name, content in before.items():
        assert (folder / f"{name}.parquet").read_bytes() == content


def test_checkpoints_of_other_settings_are_not_evaluated(measured):
    folder, settings = measured
    settings["train"]["data"]["noise_variance"] = 1.0
    with pytest.raises(CheckpointError, match=r"data\.noise_variance: 0\.125 there, 1\.0 here"):
        run_evaluation(settings, folder)


def test_idealised_tables(smoke, tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in ("losses", "distances", "outputs")]
    evaluate_idealised(stage_settings(smoke, "idealised"), *paths)
    losses = tables.read(paths[0], "idealised_losses").to_pandas()
    mean = losses[losses["token"].isna()].set_index(["task_diversity", "predictor", "dataset"])
    own, other = "in_distribution", "out_of_distribution"
    for M in (1, 4):
        assert mean["loss"][M, "dmmse", own] < mean["loss"][M, "ridge", own]
        assert mean["loss"][M, "dmmse", other] > mean["loss"][M, "ridge", other]
    distances = tables.read(paths[1], "idealised_distances").to_pandas()
    infinite = distances[distances["task_diversity"].isna()]
    assert (infinite["distance"] == 0).all()
    outputs = tables.read(paths[2], "idealised_outputs").to_pandas()
    assert outputs["predictor"].tolist() == ["dmmse", "dmmse", "ridge"]


def test_smoothing_keeps_constants_and_lines_up_with_a_direct_sum():
    steps = np.array([0.0, 1, 3, 10, 30, 100, 300, 1000])
    np.testing.assert_allclose(smooth(steps, np.full(8, 2.5), 0.3), 2.5)
    values = np.array([5.0, 4, 4, 3, 2, 1, 2, 3])
    position = np.log1p(steps)
    spacing = np.gradient(position)
    for i in range(8):
        weights = np.exp(-((position - position[i]) ** 2) / (2 * 0.3**2)) * spacing
        assert smooth(steps, values, 0.3)[i] == pytest.approx(
            (weights * values).sum() / weights.sum()
        )
    np.testing.assert_allclose(smooth(steps, values, 1e-3), values)


def test_smoothing_does_not_lean_to_dense_checkpoints():
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


def test_curves_of_a_run(measured):
    folder, _ = measured
    describe_curves(
        [folder / "losses.parquet"],
        {"smoothing_width": 0.1},
        folder / "critical.parquet",
        folder / "smoothed.parquet",
    )
    critical = tables.read(folder / "critical.parquet", "critical_steps").to_pandas()
    losses = tables.read(folder / "losses.parquet", "losses").to_pandas()
    ood = losses[(losses["dataset"] == "out_of_distribution") & losses["token"].isna()]
    raw = critical[critical["curve"] == "raw"]
    assert raw["loss"].item() == ood["loss"].min()
    assert raw["step"].item() == ood.loc[ood["loss"].idxmin(), "step"]
    smoothed = tables.read(folder / "smoothed.parquet", "smoothed_losses")
    assert smoothed.num_rows == 3 * len(ood)
