"""Training: checkpoints, resuming bit by bit, stopping, diverging."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from transient_ridge.artefacts import tables
from transient_ridge.artefacts.locks import only_writer
from transient_ridge.config.runs import Run
from transient_ridge.config.schedule import checkpoint_steps
from transient_ridge.config.settings import CheckpointSettings, TrainedBy
from transient_ridge.errors import CheckpointError, DivergenceError, Interrupted, StorageError
from transient_ridge.training import train as training
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.cohort import Cohort, lock_of
from transient_ridge.training.train import Targets, train
from transient_ridge.training.trainer import STATE_FILE, Trainer

CPU = torch.device("cpu")
RUN = Run(4, 0)
MUON = {"name": "muon", "learning_rate": 0.01, "split_qkv": True}


def targets(folder: Path) -> Targets:
    return {
        "weights": folder / "weights",
        "manifest": folder / "manifest.json",
        "training": folder / "training.parquet",
    }


def weights_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "weights").iterdir())}


def run_whole(settings: dict, folder: Path, **change) -> Path:
    arguments = {"run": RUN, "scratch": folder / "scratch", "state_seconds": 1e9, **change}
    train(trained_by=TrainedBy.of(settings), targets=targets(folder), device=CPU, **arguments)
    return folder


def stop_after(monkeypatch, steps: int, how) -> None:
    """Call ``how`` at the start of update number ``steps``."""
    update, count = Cohort.update, [0]

    def counted(self):
        count[0] += 1
        if count[0] == steps:
            how()
        update(self)

    monkeypatch.setattr(Cohort, "update", counted)


def test_checkpoint_steps():
    settings = CheckpointSettings(linear_every=100, log_count=1000, extra_steps=(77,))
    steps = checkpoint_steps(settings, 150_000)
    assert steps == sorted(set(steps))
    assert {0, 1, 77, 100, 149_900, 150_000} <= set(steps)
    assert 2150 < len(steps) < 2250  # 'about 2,203' of the paper's schedule, and one extra
    assert checkpoint_steps(
        CheckpointSettings(linear_every=10, log_count=0, extra_steps=()), 25
    ) == [0, 10, 20, 25]
    assert checkpoint_steps(
        CheckpointSettings(linear_every=1000, log_count=4, extra_steps=()), 1000
    ) == [0, 1, 10, 100, 1000]


def test_a_run_writes_all_of_its_artefacts(tiny, tmp_path):
    run_whole(tiny, tmp_path)
    kept = Checkpoints(tmp_path / "manifest.json", tmp_path / "weights", TrainedBy.of(tiny))
    assert kept.steps == checkpoint_steps(
        CheckpointSettings(linear_every=20, log_count=4, extra_steps=(7,)), 60
    )
    curve = tables.read(tmp_path / "training.parquet", "training")
    assert curve["step"].tolist() == [50]
    assert tables.provenance(tmp_path / "training.parquet")["settings"] == tiny
    assert not (tmp_path / "scratch").exists()
    start, end = kept.load(0), kept.load(60)
    assert all(torch.isfinite(tensor).all() for tensor in end.values())
    assert not torch.equal(start["blocks.0.mlp_in.weight"], end["blocks.0.mlp_in.weight"])


@pytest.mark.parametrize("optimiser", ["adam", MUON], ids=["adam", "muon"])
def test_the_loss_falls(tiny, tmp_path, optimiser):
    tiny["training"] |= {"steps": 300, "optimiser": optimiser, "learning_rate": 0.003}
    run_whole(tiny, tmp_path, run=Run(1, 0))
    loss = tables.read(tmp_path / "training.parquet", "training")["loss"].tolist()
    assert loss[-1] < 0.7 * loss[0]


class Killed(BaseException):
    """Stands for a SIGKILL: nothing is saved on the way out."""


def killed_and_resumed(settings: dict, folder: Path, monkeypatch, killed_at: int) -> Path:
    """As :func:`run_whole`, but killed in the update ``killed_at`` and started again."""

    def die():
        raise Killed

    with monkeypatch.context() as patch:
        stop_after(patch, killed_at, die)
        with pytest.raises(Killed):
            run_whole(settings, folder, state_seconds=0.0)
    return run_whole(settings, folder)


@pytest.mark.parametrize(
    "optimiser",
    ["adam", MUON, {"name": "sgd", "momentum": 0}, {"name": "sgd", "momentum": 0.9}],
    ids=["adam", "muon", "sgd", "momentum"],
)
@pytest.mark.parametrize("killed_at", [1, 7, 33, 60])
def test_a_killed_run_ends_with_the_same_bits(tiny, tmp_path, monkeypatch, optimiser, killed_at):
    tiny["training"]["optimiser"] = optimiser
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")
    resumed = killed_and_resumed(tiny, tmp_path / "killed", monkeypatch, killed_at)
    assert weights_of(resumed) == weights_of(undisturbed)
    curves = [tables.read(f / "training.parquet", "training") for f in (resumed, undisturbed)]
    assert curves[0].equals(curves[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_request_saves_the_state(tiny, tmp_path, monkeypatch, number):
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")
    with monkeypatch.context() as patch:
        stop_after(patch, 25, lambda: os.kill(os.getpid(), number))
        with pytest.raises(Interrupted, match=number.name):
            run_whole(tiny, tmp_path / "stopped")
    trainer = Trainer(RUN, TrainedBy.of(tiny), CPU)
    trainer.load_state(tmp_path / "stopped" / "scratch")
    assert trainer.step == 25
    assert weights_of(run_whole(tiny, tmp_path / "stopped")) == weights_of(undisturbed)


def test_a_kill_between_the_last_step_and_the_end_loses_nothing(tiny, tmp_path, monkeypatch):
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(training.checkpoints, "write_manifest", die)
        with pytest.raises(Killed):
            run_whole(tiny, tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(Cohort, "update", die)  # nothing is trained again
        run_whole(tiny, tmp_path / "killed")
    assert weights_of(tmp_path / "killed") == weights_of(undisturbed)


def test_lost_scratch_weights_are_trained_again(tiny, tmp_path, monkeypatch):
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")
    with monkeypatch.context() as patch:
        stop_after(patch, 25, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted):
            run_whole(tiny, tmp_path / "stopped")
    (tmp_path / "stopped" / "scratch" / "weights" / "step-00000007.safetensors").unlink()
    assert weights_of(run_whole(tiny, tmp_path / "stopped")) == weights_of(undisturbed)


def test_a_damaged_state_is_named(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 5, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted):
            run_whole(tiny, tmp_path)
    state = tmp_path / "scratch" / STATE_FILE
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"state\.safetensors: damaged"):
        run_whole(tiny, tmp_path)


def test_divergence_stops_the_run_with_a_remedy(tiny, tmp_path):
    tiny["training"] |= {"optimiser": "adam", "learning_rate": 1e6}
    with pytest.raises(DivergenceError, match=r"M4-seed0.*lower training\.learning_rate = 1000000"):
        run_whole(tiny, tmp_path)
    assert not (tmp_path / "weights").exists()


def test_two_writers_of_one_run_are_refused(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "PATIENCE", 0.3)
    with (
        only_writer(lock_of(tmp_path / "scratch"), 0),
        pytest.raises(StorageError, match=r"another process \(process \d+ on .*stop it or wait"),
    ):
        run_whole(tiny, tmp_path)


def on_the_command_line(tiny: dict, folder: Path) -> list[str | Path]:
    return [
        sys.executable, "-m", "transient_ridge", "training.train", "--run", RUN.name, "--settings",
        json.dumps(tiny), "--outputs", *(f"{name}={path}" for name, path in targets(folder).items()),
        "--scratch", folder / "scratch", "--device", "cpu", "--threads", "1", "--state-seconds", "0.2",
    ]  # fmt: skip


@pytest.mark.ci
@pytest.mark.slow
def test_an_orphan_hands_its_run_over(tiny, tmp_path):
    tiny["training"] |= {"steps": 1500, "optimiser": "adam"}
    tiny["checkpoints"]["linear_every"] = 500
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")
    folder = tmp_path / "orphan"
    command = on_the_command_line(tiny, folder)
    orphan = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (folder / "scratch" / STATE_FILE).exists():
        assert orphan.poll() is None
        time.sleep(0.02)
    heir = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
    assert orphan.wait() == 128 + signal.SIGTERM
    assert "the state is saved" in orphan.communicate()[1]
    assert "waiting for it to end" in heir.stderr
    assert weights_of(folder) == weights_of(undisturbed)
    assert not (folder / "scratch").exists()


def test_a_run_that_an_orphan_finished_meanwhile_is_not_trained_again(tiny, tmp_path, monkeypatch):
    run_whole(tiny, tmp_path)

    @contextlib.contextmanager
    def had_to_wait(lock, patience):
        (tmp_path / "scratch").mkdir(exist_ok=True)
        yield True

    def die(*_):
        raise Killed

    monkeypatch.setattr(training, "only_writer", had_to_wait)
    monkeypatch.setattr(Cohort, "update", die)
    run_whole(tiny, tmp_path)
    assert not (tmp_path / "scratch").exists()
    (tmp_path / "training.parquet").unlink()
    with pytest.raises(Killed):  # an output is missing, so it is trained again
        run_whole(tiny, tmp_path)


@pytest.mark.slow
def test_kill_minus_nine_on_the_command_line(tiny, tmp_path):
    tiny["training"]["steps"] = 2000
    tiny["checkpoints"]["linear_every"] = 200
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")
    folder = tmp_path / "killed"
    command = on_the_command_line(tiny, folder)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    state = folder / "scratch" / STATE_FILE
    while not state.exists() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert subprocess.run(command, stderr=subprocess.DEVNULL, check=True).returncode == 0
    assert weights_of(folder) == weights_of(undisturbed)
