"""The folder for the Hugging Face Hub: written from results, read by from_pretrained, refused if it does not fit."""

import json

import pytest
import torch
import yaml

from tests.conftest import configured
from transient_ridge import from_pretrained
from transient_ridge.config.runs import Run, run_files
from transient_ridge.config.settings import TrainedBy
from transient_ridge.errors import CheckpointError, TableError
from transient_ridge.report.model_card import write_model_card
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.train import train

CLAIMS = "2 of 3 hold.\n\n| claim | verdict |\n|---|---|\n| 1 | met |\n\nValues are means.\n\n| other | table |\n"


@pytest.fixture
def results(tmp_path, tiny):
    """Results of two short runs with a scorecard."""
    results = tmp_path / "results" / "tiny"
    runs = ["M4-seed0", "Minf-seed0"]
    configured(results, runs)
    for run in runs:
        files = run_files(results / "base" / "runs" / run)
        train(
            Run.parse(run),
            TrainedBy.of(tiny),
            files,
            tmp_path / f"scratch-{run}",
            torch.device("cpu"),
            30,
        )
    (results / "base" / "claims.md").write_text(CLAIMS)
    return results


def test_the_folder_is_written_and_read_back(results, tmp_path):
    card = tmp_path / "card"
    assert write_model_card(results, card) == ["M4-seed0", "Minf-seed0"]
    kept = Checkpoints.of_run(results / "base" / "runs" / "M4-seed0")
    model = from_pretrained(card / "M4-seed0")
    x, y = torch.randn(4, 3, 2), torch.randn(4, 3)
    assert torch.equal(model(x, y), kept.model(kept.steps[-1])(x, y))
    config = json.loads((card / "M4-seed0" / "config.json").read_text())
    assert config["step"] == kept.steps[-1]
    assert config["run"] == "M4-seed0"


def test_the_card_states_data_training_verdicts_and_licence(results, tmp_path):
    write_model_card(results, tmp_path / "card")
    text = (tmp_path / "card" / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "mit"
    for heading in ("Models", "Data", "Training", "Verdicts", "Licence"):
        assert f"\n## {heading}\n" in body
    assert "| `noise_variance` | 0.125 |" in body
    assert "| claim | verdict |\n|---|---|\n| 1 | met |\n" in body
    assert "other" not in body


def test_a_folder_without_a_model_is_refused_by_name(results, tmp_path):
    card = tmp_path / "card"
    write_model_card(results, card)
    with pytest.raises(CheckpointError, match="name one of its runs: M4-seed0, Minf-seed0"):
        from_pretrained(card)
    with pytest.raises(CheckpointError, match="write one by make model-card"):
        from_pretrained(tmp_path / "nothing")
    (card / "M4-seed0" / "model.safetensors").write_bytes(
        (card / "Minf-seed0" / "model.safetensors").read_bytes()
    )
    with pytest.raises(CheckpointError, match=r"not the weights that config.json was written for"):
        from_pretrained(card / "M4-seed0")


def test_results_without_weights_are_refused(tmp_path):
    with pytest.raises(TableError, match="not a results folder"):
        write_model_card(tmp_path, tmp_path / "card")
    configured(tmp_path / "results", ["M4-seed0"])
    with pytest.raises(CheckpointError, match="no run has checkpoints"):
        write_model_card(tmp_path / "results", tmp_path / "card")
