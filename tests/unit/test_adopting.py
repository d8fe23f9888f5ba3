"""Runs trained elsewhere: exported, adopted, measured like ours, and refused by name if they do not fit."""

import json
import math

import pandas as pd
import pytest
import safetensors.torch
import torch

from tests.conftest import settings_for
from tests.unit.predecessor import Predecessor
from transient_ridge import export_run
from transient_ridge.analysis.evaluate import evaluate
from transient_ridge.config import presets
from transient_ridge.config.runs import Run, run_files
from transient_ridge.errors import CheckpointError, ConfigError, InputError
from transient_ridge.model.functional import predict
from transient_ridge.regression.sequences import task_set
from transient_ridge.training.adopt import adopt
from transient_ridge.training.checkpoints import Checkpoints

CPU = torch.device("cpu")
RUN = Run(4, 0)
STEPS = (0, 10, 20)
#: The preset of someone who trained the predecessor's architecture.
THEIRS = {
    "model": {"layers": 2, "d_model": 8, "d_mlp": 12, "heads": 2, "attention_projection": False, "residual": "doubled"},
    "training": {"steps": 20, "decay_steps": 0, "average": None},
    "checkpoints": {"linear_every": 20, "log_count": 0, "extra_steps": [10]},
    "runs": {"folder": "theirs", "adapter": "predecessor"},
}  # fmt: skip


def their_model(step: int) -> Predecessor:
    torch.manual_seed(step)
    return Predecessor(dimension=2, context=3, width=8, hidden=12, heads=2, layers=2)


@pytest.fixture
def theirs(tmp_path):
    """The folder that they exported, and what they recorded."""
    x, y = torch.randn(5, 3, 2), torch.randn(5, 3)
    predictions = their_model(STEPS[-1])(x, y)
    weights = {step: their_model(step).state_dict() for step in STEPS}
    export_run(
        tmp_path / "theirs", RUN.name, weights, noise_variance=0.125, x=x, y=y, predictions=predictions
    )  # fmt: skip
    return tmp_path / "theirs"


def adopted(theirs, run=RUN, **changes):
    """Adopt the run; return its files."""
    config = presets.load("smoke", **{**THEIRS, **changes})
    files = run_files(theirs.parent / "ours" / run.name)
    adopt(
        theirs / RUN.name / "manifest.json",
        run,
        targets=files,
        device=CPU,
        **settings_for(adopt, config),
    )
    return files, config


def test_an_adopted_run_predicts_what_the_original_does(theirs):
    files, _ = adopted(theirs)
    kept = Checkpoints(files["manifest"], files["weights"])
    assert tuple(kept.steps) == STEPS
    x, y = torch.randn(7, 3, 2), torch.randn(7, 3)
    for step in STEPS:
        torch.testing.assert_close(
            predict(kept.model(step), x, y), their_model(step)(x, y).detach()
        )


def test_it_is_measured_like_our_own_runs(theirs):
    files, config = adopted(theirs)
    losses, *_ = evaluate(
        files["manifest"], files["weights"], RUN, device=CPU, **settings_for(evaluate, config)
    )
    assert set(losses.frame()["step"]) == set(STEPS)
    curve = pd.read_parquet(files["training"])
    assert curve["step"].tolist() == list(STEPS)
    assert curve["loss"].notna().all()


def test_only_the_steps_of_the_schedule_are_taken(theirs):
    files, _ = adopted(theirs, checkpoints={**THEIRS["checkpoints"], "extra_steps": []})
    assert Checkpoints(files["manifest"], files["weights"]).steps == [0, 20]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checkpoints": {**THEIRS["checkpoints"], "extra_steps": [7]}}, "no weights at step 7; it has 0, 10, 20: set"),
        ({"model": {**THEIRS["model"], "residual": "single"}}, "predictions at step 20 are up to .* from the"),
        ({"model": {**THEIRS["model"], "d_mlp": 16}}, "runs.adapter = predecessor does not fit the section model"),
        ({"runs": {"folder": "theirs", "adapter": "none"}}, "runs.adapter = none does not fit the section model"),
        ({"data": {"dimension": 2, "context_length": 4}}, "of data.context_length = 3, and the preset has 4"),
        ({"data": {"noise_variance": 0.25}}, "of data.noise_variance = 0.125, and the preset has 0.25"),
    ],
)  # fmt: skip
def test_runs_that_do_not_fit_the_preset_are_refused_by_name(theirs, changes, message):
    with pytest.raises(CheckpointError, match=message):
        adopted(theirs, **changes)
    assert not (theirs.parent / "ours").exists()


def test_the_folder_of_another_run_is_refused(theirs):
    with pytest.raises(CheckpointError, match="of run = M4-seed0, and the preset has M8-seed1"):
        adopted(theirs, run=Run(8, 1))


def test_altered_and_missing_files_are_refused(theirs):
    path = theirs / RUN.name / "step-00000010.safetensors"
    safetensors.torch.save_file(their_model(3).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"step-00000010.safetensors: altered since"):
        adopted(theirs)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"step-00000010.safetensors: missing"):
        adopted(theirs)
    (theirs / RUN.name / "manifest.json").write_text(json.dumps({"run": RUN.name}))
    with pytest.raises(CheckpointError, match=r"manifest.json: unreadable .*export_run"):
        adopted(theirs)


def test_an_average_contradicts_adopted_runs():
    with pytest.raises(
        ConfigError, match=r"training.average = .*hold one set of weights each; set it to null"
    ):
        presets.load(
            "smoke", **{**THEIRS, "training": {**THEIRS["training"], "average": {"decay": 0.9}}}
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predictions": torch.zeros(5, 2)}, r"must be\s+\(B, K, D\)"),
        ({"checkpoints": {}}, "no step"),
    ],
)
def test_an_export_that_does_not_fit_is_refused(tmp_path, changes, message):
    given = {
        "checkpoints": {0: {"w": torch.zeros(1)}},
        "x": torch.zeros(5, 3, 2),
        "y": torch.zeros(5, 3),
    }
    given |= {"predictions": torch.zeros(5, 3), "noise_variance": 0.1, **changes}
    with pytest.raises(InputError, match=message):
        export_run(tmp_path, "M4-seed0", **given)


# -- tasks from a file -----------------------------------------------------------------------


def data_of(path, **changes):
    tasks = {"name": "given", "file": str(path)}
    return presets.load("smoke", data={"tasks": tasks}, **changes)


def test_tasks_are_read_from_their_file(tmp_path):
    tasks = torch.randn(4, 2)
    safetensors.torch.save_file({"tasks": tasks}, tmp_path / "tasks.safetensors")
    config = data_of(tmp_path / "tasks.safetensors")
    from transient_ridge.config.configuration import trained_by

    data = trained_by(config).data
    assert torch.equal(task_set(0, data, 3), tasks[:3])
    assert task_set(0, data, math.inf) is None
    with pytest.raises(ConfigError, match="4 tasks, and the grid has M = 5"):
        task_set(0, data, 5)


def test_a_file_without_fitting_tasks_is_refused_before_any_work(tmp_path):
    with pytest.raises(ConfigError, match="no tensor 'tasks' to be read"):
        data_of(tmp_path / "nothing.safetensors")
    safetensors.torch.save_file({"tasks": torch.zeros(4, 3)}, tmp_path / "tasks.safetensors")
    with pytest.raises(ConfigError, match=r"tasks of shape \(4, 3\); must be \(M, 2\)"):
        data_of(tmp_path / "tasks.safetensors")
