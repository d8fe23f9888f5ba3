"""Averaged weights: their values, their checkpoints, and training that does not change."""

import math
import os
import signal

import pytest
import safetensors.torch
import torch

from tests.unit.test_training import CPU, RUN, killed_and_resumed, run_whole, stop_after, weights_of
from transient_ridge.config.runs import Run
from transient_ridge.config.schedule import half_life_of
from transient_ridge.config.settings import DecayAverage, HalfLifeAverage, TrainedBy
from transient_ridge.errors import CheckpointError, Interrupted
from transient_ridge.training.averaging import decay_at
from transient_ridge.training.checkpoints import Checkpoints, file_name
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.trainer import STATE_FILE, Trainer


def kept(settings, folder) -> Checkpoints:
    return Checkpoints(folder / "manifest.json", folder / "weights", TrainedBy.of(settings))


def test_the_decay_warms_up_to_its_stated_value():
    assert [decay_at(DecayAverage(decay=0.5), step) for step in (0, 1, 8, 1000)] == [
        0.1,
        2 / 11,
        0.5,
        0.5,
    ]
    assert decay_at(HalfLifeAverage(half_life=20), 10**6) ** 20 == pytest.approx(0.5)
    assert half_life_of({"decay": decay_at(HalfLifeAverage(half_life=20), 10**6)}) == pytest.approx(
        20
    )
    assert decay_at(DecayAverage(decay=0), 1000) == half_life_of({"decay": 0}) == 0


@pytest.mark.parametrize("average", [{"decay": 0.9}, {"half_life": 5}])
def test_checkpoints_hold_the_average_and_training_is_unchanged(tiny, tmp_path, average):
    plain = Trainer(RUN, TrainedBy.of(tiny), CPU)
    stack = Stack([plain])
    expected = {name: p.detach().double() for name, p in plain.parameters.items()}
    for step in range(60):
        take_step(stack)
        decay = min(average.get("decay", 0.5**0.2), (1 + step) / (10 + step))
        for name, p in plain.parameters.items():
            expected[name] = decay * expected[name] + (1 - decay) * p.detach().double()
    tiny["training"] |= {"average": average, "keep_raw": True}
    run_whole(tiny, tmp_path)
    checkpoints = kept(tiny, tmp_path)
    averaged, raw = checkpoints.load(60), checkpoints.load(60, weights="raw")
    assert averaged.keys() == raw.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(raw[name], plain.parameters[name])
        torch.testing.assert_close(averaged[name].double(), value, rtol=1e-5, atol=1e-6)
    moved = averaged["blocks.0.mlp_in.weight"] - raw["blocks.0.mlp_in.weight"]
    assert moved.abs().max() > 1e-3
    start = checkpoints.load(0, weights="raw")
    assert all(torch.equal(start[name], value) for name, value in checkpoints.load(0).items())


def test_weights_that_were_not_kept_are_refused(tiny, tmp_path):
    run_whole(tiny, tmp_path / "raw")
    raw = kept(tiny, tmp_path / "raw")
    assert raw.load(60).keys() == raw.load(60, weights="raw").keys()
    with pytest.raises(CheckpointError, match=r"holds raw weights alone.* set training\.average"):
        raw.load(60, weights="averaged")
    tiny["training"]["average"] = {"decay": 0.9}
    run_whole(tiny, tmp_path / "averaged")
    averaged = kept(tiny, tmp_path / "averaged")
    assert averaged.load(60).keys() == averaged.load(60, weights="averaged").keys()
    with pytest.raises(CheckpointError, match=r"holds averaged weights alone.*keep_raw: true"):
        averaged.load(60, weights="raw")
    sizes = [
        os.path.getsize(tmp_path / each / "weights" / file_name(60)) for each in ("raw", "averaged")
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("killed_at", [7, 33])
def test_a_killed_run_ends_with_the_same_average(tiny, tmp_path, monkeypatch, killed_at):
    tiny["training"] |= {"average": {"decay": 0.99}, "keep_raw": True}
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")
    resumed = killed_and_resumed(tiny, tmp_path / "killed", monkeypatch, killed_at)
    assert weights_of(resumed) == weights_of(undisturbed)


def test_a_state_without_averages_is_named(tiny, tmp_path, monkeypatch):
    tiny["training"]["average"] = {"decay": 0.99}
    with monkeypatch.context() as patch:
        stop_after(patch, 5, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted):
            run_whole(tiny, tmp_path)
    state = tmp_path / "scratch" / STATE_FILE
    tensors = safetensors.torch.load_file(state)
    safetensors.torch.save_file(
        {name: value for name, value in tensors.items() if not name.startswith("average/")}, state
    )
    with pytest.raises(CheckpointError, match=r"without averaged weights.*delete it"):
        run_whole(tiny, tmp_path)


def test_stacked_runs_have_separate_averages(tiny, tmp_path):
    tiny["training"]["average"] = {"decay": 0.9}
    runs = [Run(1, 0), Run(4, 1), Run(math.inf, 0)]
    stack = Stack([Trainer(run, TrainedBy.of(tiny), CPU) for run in runs])
    alone = [Trainer(run, TrainedBy.of(tiny), CPU) for run in runs]
    single = [Stack([trainer]) for trainer in alone]
    for _ in range(12):
        for each in (stack, *single):
            take_step(each)
    again = []
    for trainer in stack.trainers:  # through the disk and a smaller stack
        trainer.checkpoint_steps = []
        trainer.save_state(tmp_path / trainer.run.name)
        again.append(Trainer(trainer.run, TrainedBy.of(tiny), CPU))
        again[-1].checkpoint_steps = []
        again[-1].load_state(tmp_path / trainer.run.name)
    restacked = Stack(again[:2])
    for _ in range(8):
        for each in (stack, restacked, *single):
            take_step(each)
    assert stack.averages["position_embedding"].shape[0] == len(runs)
    for trainer, own in zip(stack.trainers, alone, strict=True):
        for name, average in own.averages.items():
            torch.testing.assert_close(trainer.averages[name], average, atol=2e-5, rtol=2e-4)
    for trainer, other in zip(again[:2], alone, strict=False):
        torch.testing.assert_close(
            trainer.averages["position_embedding"],
            other.averages["position_embedding"],
            atol=2e-5,
            rtol=2e-4,
        )
    a, b = (trainer.averages["position_embedding"] for trainer in stack.trainers[:2])
    assert not torch.allclose(a, b, atol=1e-3)
