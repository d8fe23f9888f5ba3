"""Runs trained in a stack equal runs trained separately; a job advances only pending runs."""

import math
import os
import signal

import pytest
import torch

from tests.unit.test_training import CPU, MUON, Killed, targets, weights_of
from transient_ridge.artefacts import tables
from transient_ridge.artefacts.locks import only_writer, try_lock
from transient_ridge.artefacts.provenance import read_beside
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import DataSettings, TrainedBy
from transient_ridge.errors import DivergenceError, Interrupted
from transient_ridge.regression.sequences import SequenceSource
from transient_ridge.training.batches import Batches
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.cohort import Cohort, _of, lock_of
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.train import train
from transient_ridge.training.trainer import STATE_FILE, Trainer

RUNS = [Run(1, 0), Run(4, 0), Run(4, 1), Run(math.inf, 0)]

#: Float32 rounding, grown over 25 updates.
CLOSE = {"atol": 2e-5, "rtol": 2e-4}


def files(root, run):
    return targets(root / "runs" / run.name)


def scratch(root, run):
    return root / "scratch" / f"{run.name}-0123abcd"


def job(settings, root, run, cohort=RUNS, state_seconds=1e9):
    """What Snakemake calls for one run."""
    train(
        run, TrainedBy.of(settings), files(root, run), scratch=scratch(root, run), device=CPU,
        state_seconds=state_seconds, cohort=[r.name for r in cohort],
    )  # fmt: skip
    return weights_of(files(root, run)["weights"].parent)


def alone(settings, steps, run):
    trainer = Trainer(run, TrainedBy.of(settings), CPU)
    stack = Stack([trainer])
    for _ in range(steps):
        assert take_step(stack) == []
    return trainer


# -- arithmetic -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"optimiser": "adam"}},
        {"training": {"optimiser": MUON}},
        {"training": {"gradient_clip": 0.05}},
        {"training": {"schedule": "one_cycle"}},
        {"model": {"residual": "doubled", "attention_projection": False}},
    ],
    ids=str,
)
def test_a_stack_equals_its_runs_trained_separately(tiny, change):
    for section, values in change.items():
        tiny[section] |= values
    stack = Stack([Trainer(run, TrainedBy.of(tiny), CPU) for run in RUNS])
    for _ in range(25):
        assert take_step(stack) == []
    for trainer in stack.trainers:
        single = alone(tiny, 25, trainer.run)
        start = Trainer(trainer.run, TrainedBy.of(tiny), CPU)
        moved = 0.0
        for name, parameter in trainer.parameters.items():
            torch.testing.assert_close(parameter, single.parameters[name], **CLOSE)
            moved = max(moved, float((parameter - start.parameters[name]).detach().abs().max()))
        assert moved > 1e-2  # three orders above the tolerance
        torch.testing.assert_close(trainer.loss_sum, single.loss_sum, atol=1e-5, rtol=1e-5)


def test_the_curve_of_a_stacked_run_is_the_same_as_separately(tiny):
    stack = Stack([Trainer(run, TrainedBy.of(tiny), CPU) for run in RUNS[:2]])
    for _ in range(50):
        take_step(stack)
    for trainer in stack.trainers:
        assert trainer.curve.points == [
            pytest.approx(row, rel=1e-3) for row in alone(tiny, 50, trainer.run).curve.points
        ]
    first, second = (trainer.curve.points for trainer in stack.trainers)
    assert first != [pytest.approx(row, rel=1e-3) for row in second]


@pytest.mark.parametrize("optimiser", ["adam", MUON], ids=["adam", "muon"])
def test_a_state_written_in_a_stack_serves_the_run_separately(tiny, tmp_path, optimiser):
    """A run is stacked, saved, loaded, and then stacked again or trained separately."""
    tiny["training"]["optimiser"] = optimiser
    stack = Stack([Trainer(run, TrainedBy.of(tiny), CPU) for run in RUNS])
    for _ in range(12):
        take_step(stack)
    loaded = []
    for trainer in stack.trainers:
        trainer.checkpoint_steps = []  # the job writes their files
        trainer.save_state(tmp_path / trainer.run.name)
        again = Trainer(trainer.run, TrainedBy.of(tiny), CPU)
        again.checkpoint_steps = []
        again.load_state(tmp_path / trainer.run.name)
        loaded.append(again)
    restacked, single = Stack(loaded[:2]), Stack(loaded[2:3])
    for _ in range(8):
        take_step(stack)
        take_step(restacked)
        take_step(single)
    for trainer, again in zip(stack.trainers, loaded[:3], strict=False):
        for name, parameter in trainer.parameters.items():
            torch.testing.assert_close(again.parameters[name], parameter, **CLOSE)
    assert [trainer.stacked for trainer in loaded[:3]] == [4, 4, 4]


def test_batches_drawn_ahead_are_the_same(tiny):
    source = SequenceSource(0, DataSettings.of(tiny["data"]), 4)
    plain, ahead = (Batches(source, 1, 8, CPU, ahead=ahead) for ahead in (0, 3))
    for step in [0, 1, 2, 3, 4, 20, 21, 5]:  # with jumps, as when a state is loaded
        for one, other in zip(plain.at(step), ahead.at(step), strict=True):
            assert torch.equal(one, other)


# -- cohorts ----------------------------------------------------------------------------------


def test_the_first_job_advances_all_and_the_others_publish(tiny, tmp_path, monkeypatch):
    job(tiny, tmp_path, RUNS[1])
    assert not files(tmp_path, RUNS[0])["manifest"].exists()  # only a run's own job publishes it

    def die(*_):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr(Cohort, "update", die)
    for run in (RUNS[0], RUNS[2], RUNS[3]):
        job(tiny, tmp_path, run)
    assert not any((tmp_path / "scratch").iterdir())
    monkeypatch.undo()
    for run in RUNS:
        record = read_beside(files(tmp_path, run)["manifest"])
        assert (record["run"], record["stacked"]) == (run.name, 4)
        kept = Checkpoints(
            files(tmp_path, run)["manifest"], files(tmp_path, run)["weights"], TrainedBy.of(tiny)
        )
        single = alone(tiny, 40, run)
        for name, tensor in kept.load(40).items():
            torch.testing.assert_close(tensor, single.parameters[name], atol=5e-4, rtol=5e-3)
        # Later, rounding may put a neuron on the other side of its ReLU, as at M = 1, and its weights then differ.
        single = alone(tiny, 60, run)
        for name, tensor in kept.load(60).items():
            own = single.parameters[name].detach()
            assert (tensor - own).norm() < 2e-3 * own.norm(), name
        assert tables.read(files(tmp_path, run)["training"], "training").shape[0] == 1


def test_an_added_run_is_trained_separately(tiny, tmp_path, monkeypatch):
    for run in RUNS[:2]:
        job(tiny, tmp_path, run, RUNS[:2])

    def alone_only(self, trainers):
        assert len(trainers) == 1, "a published run was taken along"
        init(self, trainers)

    init = Stack.__init__
    monkeypatch.setattr(Stack, "__init__", alone_only)
    job(tiny, tmp_path, RUNS[2], RUNS[:3])
    record = read_beside(files(tmp_path, RUNS[2])["manifest"])
    assert record["stacked"] == 1
    tiny["training"]["steps"] = 40  # with other settings, nothing published counts
    with pytest.raises(AssertionError, match="taken along"):
        train(
            RUNS[2], TrainedBy.of(tiny), files(tmp_path, RUNS[2]),
            scratch=tmp_path / "scratch" / f"{RUNS[2].name}-4567cdef", device=CPU,
            state_seconds=1e9, cohort=[r.name for r in RUNS[:3]],
        )  # fmt: skip


@pytest.mark.parametrize("killed_at", [3, 30])
def test_a_killed_stack_ends_with_the_same_bits(tiny, tmp_path, monkeypatch, killed_at):
    undisturbed = [job(tiny, tmp_path / "undisturbed", run) for run in RUNS]
    update, count = Cohort.update, [0]

    def counted(self):
        count[0] += 1
        if count[0] == killed_at:
            raise Killed
        return update(self)

    with monkeypatch.context() as patch:
        patch.setattr(Cohort, "update", counted)
        with pytest.raises(Killed):
            job(tiny, tmp_path / "killed", RUNS[0], state_seconds=0.0)
    assert [job(tiny, tmp_path / "killed", run) for run in RUNS] == undisturbed


def test_a_companion_that_diverges_does_not_stop_the_others(tiny, tmp_path, monkeypatch, capsys):
    account = Trainer.account

    def explode(self, loss, norm):
        account(self, loss * (1e9 if self.run == RUNS[2] else 1), norm)

    monkeypatch.setattr(Trainer, "account", explode)
    for run in (RUNS[0], RUNS[1], RUNS[3]):
        job(tiny, tmp_path, run)
    assert f"left to its own job: run {RUNS[2].name}" in capsys.readouterr().err
    with pytest.raises(DivergenceError, match=RUNS[2].name):
        job(tiny, tmp_path, RUNS[2])
    assert files(tmp_path, RUNS[3])["manifest"].exists()
    assert not files(tmp_path, RUNS[2])["manifest"].exists()


def test_the_states_of_the_others_outlive_a_diverged_run(tiny, tmp_path, monkeypatch):
    account = Trainer.account

    def explode(self, loss, norm):
        account(self, loss * (1e9 if self.run == RUNS[0] else 1), norm)

    monkeypatch.setattr(Trainer, "account", explode)
    with pytest.raises(DivergenceError):
        job(tiny, tmp_path, RUNS[0])
    trainer = Trainer(RUNS[1], TrainedBy.of(tiny), CPU)
    trainer.load_state(scratch(tmp_path, RUNS[1]))
    assert trainer.step == 50


def test_a_run_that_another_process_holds_is_left_to_it(tiny, tmp_path, monkeypatch):
    held = scratch(tmp_path, RUNS[1])
    with only_writer(lock_of(held), 0.0):
        job(tiny, tmp_path, RUNS[0])
        assert not (held / STATE_FILE).exists()
    assert (scratch(tmp_path, RUNS[2]) / STATE_FILE).exists()


def test_a_companion_is_handed_to_its_own_job(tiny, tmp_path, monkeypatch):
    """A job that asks for a run in the middle of training gets it at the current step."""
    monkeypatch.setattr("transient_ridge.training.train.LOOK_EVERY", -1.0)
    update, count = Cohort.update, [0]
    wanted = scratch(tmp_path, RUNS[1])

    def counted(self):
        count[0] += 1
        if count[0] == 10:
            wanted.with_name(f"{wanted.name}.lock.handover").touch()
        return update(self)

    monkeypatch.setattr(Cohort, "update", counted)
    job(tiny, tmp_path, RUNS[0])
    trainer = Trainer(RUNS[1], TrainedBy.of(tiny), CPU)
    trainer.load_state(wanted)
    assert trainer.step == 10
    lock = try_lock(lock_of(wanted))
    assert lock is not None
    lock.release()
    job(tiny, tmp_path, RUNS[1])
    assert files(tmp_path, RUNS[1])["manifest"].exists()


def test_a_stopped_stack_saves_every_state(tiny, tmp_path, monkeypatch):
    update, count = Cohort.update, [0]

    def counted(self):
        count[0] += 1
        if count[0] == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(self)

    monkeypatch.setattr(Cohort, "update", counted)
    with pytest.raises(Interrupted):
        job(tiny, tmp_path, RUNS[0])
    for run in RUNS:
        trainer = Trainer(run, TrainedBy.of(tiny), CPU)
        trainer.load_state(scratch(tmp_path, run))
        assert trainer.step == 20


def test_the_paths_of_another_run(tmp_path):
    one, ten = Run(1, 0), Run(10, 0)
    path = tmp_path / "M1-seed0x" / "M1-seed0-ab" / "M1-seed0" / "checkpoints.json"
    expected = tmp_path / "M1-seed0x" / "M10-seed0-ab" / "M10-seed0" / "checkpoints.json"
    assert _of(path, one, ten) == expected
