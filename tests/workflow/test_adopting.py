"""Runs of the predecessor's architecture, trained elsewhere: the whole graph without training, up to the verdicts."""

import pytest
import safetensors.torch
import torch

from tests.unit.test_adopting import THEIRS, their_model
from tests.workflow.conftest import checkout, tiny_config
from transient_ridge import export_run
from transient_ridge.config.configuration import overlay

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def test_adopted_runs_reach_the_scorecard(tmp_path):
    project = checkout(tmp_path / "fresh")
    theirs = project.root / "theirs"
    x, y = torch.randn(5, 3, 2), torch.randn(5, 3)
    for run in ("M1-seed0", "M4-seed0", "Minf-seed0"):
        weights = {step: their_model(step).state_dict() for step in (0, 10, 20)}
        predictions = their_model(20)(x, y)
        export_run(
            theirs, run, weights, noise_variance=0.125, x=x, y=y, predictions=predictions
        )  # fmt: skip
    tasks = torch.randn(4, 2, dtype=torch.float64)
    safetensors.torch.save_file({"tasks": tasks}, theirs / "tasks.safetensors")
    adopted = THEIRS | {
        "grid": {"task_diversities": [1, 4, "inf"]},
        "data": {"tasks": {"name": "given", "file": "theirs/tasks.safetensors"}},
        "llc": {"steps": ["last"]},
    }
    project.configure(overlay(tiny_config(), adopted))
    project.snakemake()
    results = project.root / "results" / "tiny" / "base"
    scorecard = (results / "claims.md").read_text()
    assert "Task-diversity threshold" in scorecard
    assert (results / "figures" / "figure1.png").stat().st_size > 10_000
    assert not (results / "scratch").exists()  # nothing was trained
    assert project.stale() == set()
