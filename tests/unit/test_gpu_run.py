"""A run of minutes on a GPU, rehearsed on the CPU: engines, the plan, the parcel, and chains judged elsewhere."""

import math

import pytest
import torch

from benchmarks.gpu_run import parcel, timing
from benchmarks.gpu_run.batches import FedStack
from benchmarks.gpu_run.chains import Replayed, run_chains
from benchmarks.gpu_run.engines import Recorded, engine
from benchmarks.gpu_run.parcel import Parcel, ParcelError
from benchmarks.gpu_run.plan import Plan
from benchmarks.gpu_run.training import Training
from tests.unit.test_stacked import CLOSE, RUNS
from tests.unit.test_training import CPU, MUON
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config import configuration, presets
from transient_ridge.config.schedule import checkpoint_steps
from transient_ridge.config.settings import LlcSettings, TrainedBy
from transient_ridge.llc.estimator import Estimator
from transient_ridge.training.checkpoints import all_there
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.trainer import Trainer


def stack_of(settings, workers=None):
    trainers = [Trainer(run, TrainedBy.of(settings), CPU) for run in RUNS]
    return Stack(trainers) if workers is None else FedStack(trainers, workers)


# -- engines ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser": "adam", "average": {"decay": 0.9}},
        {"optimiser": MUON, "average": {"decay": 0.9}},
        {"optimiser": MUON, "gradient_clip": 0.05},
        {"optimiser": MUON, "steps": 30, "decay_steps": 20},
    ],
    ids=str,
)
def test_a_recorded_step_equals_the_step(tiny, change):
    """Rate, average and clipping change from step to step: as tensors in a recorded step, as numbers otherwise."""
    tiny["training"] |= change
    plain, recorded = stack_of(tiny), stack_of(tiny)
    step = Recorded(recorded)
    for _ in range(25):
        assert take_step(plain) == step() == []
    for one, other in zip(plain.trainers, recorded.trainers, strict=True):
        assert one.step == other.step
        torch.testing.assert_close(one.loss_sum, other.loss_sum, atol=1e-5, rtol=1e-5)
        for kept, others in zip(
            one.kept_weights().items(), other.kept_weights().items(), strict=True
        ):
            torch.testing.assert_close(kept[1], others[1], **CLOSE)


def test_a_recorded_step_writes_the_same_curve(tiny):
    plain, recorded = stack_of(tiny), stack_of(tiny)
    step = Recorded(recorded)
    for _ in range(50):
        take_step(plain)
        step()
    for one, other in zip(plain.trainers, recorded.trainers, strict=True):
        (row,) = one.curve.points
        assert other.curve.points == [pytest.approx(row, rel=1e-3)]


#: How far bfloat16 products may take a stack from float32 in 25 updates, as shares of the loss and of the distance that
#: weights move.
BF16_LOSS, BF16_WEIGHTS = 0.003, 0.2


@pytest.mark.parametrize("name", ["eager", "graph"])
def test_a_stack_in_bfloat16_stays_near_the_reference(tiny, name):
    tiny["training"] |= {"optimiser": MUON, "average": {"decay": 0.9}}
    start, reference = stack_of(tiny), stack_of(tiny)
    tiny["training"]["precision"] = "bf16"
    rounded = stack_of(tiny)
    step = engine(name, rounded)
    for _ in range(25):
        take_step(reference)
        step()
    triples = zip(start.trainers, reference.trainers, rounded.trainers, strict=True)
    for before, exact, less in triples:
        assert float(less.loss_sum) == pytest.approx(float(exact.loss_sum), rel=BF16_LOSS)
        assert float(less.loss_sum) != float(exact.loss_sum)
        assert all(p.dtype == torch.float32 for p in less.parameters.values())
        initial, to, towards = (
            torch.cat([p.detach().flatten() for p in t.parameters.values()])
            for t in (before, exact, less)
        )
        assert (towards - to).norm() < BF16_WEIGHTS * (to - initial).norm()


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_from_other_processes_are_the_same(tiny, workers):
    fed, own = stack_of(tiny, workers), stack_of(tiny)
    for _ in range(3):
        for one, other in zip(fed.batch(), own.batch(), strict=True):
            assert torch.equal(one, other)
        for trainer in own.trainers:
            trainer.step += 1


def test_an_engine_that_fails_or_deviates_is_not_used(tiny, monkeypatch):
    def wrong(stack):
        for group in stack.optimisers[0].param_groups:
            group["base_lr"] *= 3
        return lambda: take_step(stack)

    def broken(stack):
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr(
        timing,
        "engine",
        lambda name, stack: {"wrong": wrong, "broken": broken}.get(name, Recorded)(stack),
    )
    found = timing.time_engines(["plain", "broken", "wrong"], lambda: stack_of(tiny), 0.0)
    assert [each.seconds is None for each in found] == [False, True, True]
    assert found[1].fault == "RuntimeError: no such kernel"
    assert "off those of plain" in str(found[2].fault)
    assert timing.fastest(found).engine == "plain"
    with pytest.raises(RuntimeError, match="broken: RuntimeError"):
        timing.fastest(found[1:])


# -- a schedule that ends when the time does --------------------------------------------------


@pytest.fixture
def plan():
    return Plan.of("paper-partial", "rehearsal", small=True)


def test_a_plan_keeps_about_as_many_checkpoints_and_its_shares(plan):
    found = plan.lasting(40_000, 120)
    assert 100 <= len(found.members[0].schedule) <= 130
    assert found.members[0].trained_by.training.decay_steps == 6000
    shorter = found.changed(training={"steps": 39_000})
    assert shorter.members[0].trained_by.training.decay_steps == 6000
    assert shorter.members[0].schedule[:-1] == [s for s in found.members[0].schedule if s < 39_000]


def test_the_paper_is_the_papers_model():
    plan = Plan.of("paper-partial", "paper-partial")
    assert [member.run.name for member in plan.members] == [
        f"M{M}-seed0" for M in (8, 16, 32, 64, 128, 256, 512, "inf")
    ]
    trainer = Trainer(plan.members[0].run, plan.members[0].trained_by, CPU)
    assert sum(p.numel() for p in trainer.parameters.values()) == 2_654_217


def test_the_draws_are_one_stack():
    plan = Plan.of("draws", "draws-gpu")
    draws = {member.trained_by.seed for member in plan.members}
    assert len(draws) > 1
    assert len(plan.members) == len(draws) * len(
        presets.load("draws", plan.members[0].variant)["grid"]["task_diversities"]
    )


def test_presets_that_cannot_be_stacked_or_end_early_are_refused():
    with pytest.raises(ValueError, match="differ in model"):
        Plan.of("search", "x")
    with pytest.raises(ValueError, match="wsd"):
        Plan.of("paper", "x")


@pytest.mark.parametrize(
    ("planned", "pace", "expected"), [(600, 1.0, 400), (300, 1.0, 400), (400, 1.0, 400)]
)
def test_training_ends_with_its_schedule_when_the_time_does(
    plan, tmp_path, planned, pace, expected
):
    plan = plan.lasting(planned, 15).changed(
        training={"decay_steps": 40}, grid={"task_diversities": [4, math.inf]}
    )
    stack = Stack([Trainer(m.run, m.trained_by, CPU) for m in plan.members])
    now = [0.0]

    def step():
        now[0] += pace
        for trainer in stack.trainers:
            trainer.account(torch.ones(()), 1.0 if (trainer.step + 1) % 50 == 0 else None)
        return []

    training = Training(plan, stack, step, tmp_path, deadline=400.0, clock=lambda: now[0])
    training.run()
    assert (stack.step, stack.settings.steps) == (expected, expected)
    for member in training.plan.members:
        assert member.trained_by.training.steps == expected
        assert member.trained_by.training.decay_steps == 40
        settings = member.trained_by
        assert member.schedule == checkpoint_steps(settings.checkpoints, expected)
        folder = tmp_path / member.name / "weights"
        assert all_there(folder, member.schedule)
        assert len(list(folder.iterdir())) == len(member.schedule)
    assert stack.trainers[0].curve.points[-1][3] == pytest.approx(1 / 40)


def test_the_number_of_steps_is_fixed_once_the_rate_falls(plan, tmp_path):
    plan = plan.lasting(200, 15).changed(
        training={"decay_steps": 140}, grid={"task_diversities": [4, math.inf]}
    )
    stack = Stack([Trainer(m.run, m.trained_by, CPU) for m in plan.members])
    now = [0.0]

    def step():
        now[0] += 1.0 if stack.step < 100 else 100.0  # the machine slows down
        for trainer in stack.trainers:
            trainer.account(torch.ones(()), 1.0 if (trainer.step + 1) % 50 == 0 else None)
        return []

    Training(plan, stack, step, tmp_path, deadline=200.0, clock=lambda: now[0]).run()
    assert stack.step == 200


def test_runs_that_diverge_leave_the_plan(plan):
    left = plan.without({16.0, math.inf})
    assert [member.run.name for member in left.members] == [
        f"M{M}-seed0" for M in (8, 32, 64, 128, 256, 512)
    ]


# -- the parcel -------------------------------------------------------------------------------


def test_a_parcel_comes_back_as_it_was(tmp_path):
    packed = Parcel({"steps": 3})
    outputs, losses = Rows("outputs"), Rows("losses")
    for step in (0, 10):
        outputs.add(task_diversity=math.inf, seed=0, step=step, outputs=torch.rand(6).numpy())
        losses.add(
            task_diversity=4, seed=0, step=step, dataset="root_task", token=None, loss=0.1, standard_error=1e-3,
        )  # fmt: skip
    packed.add("base/Minf-seed0", "analysis.evaluate", outputs)
    packed.add("base/Minf-seed0", "analysis.evaluate", losses)
    packed.weights["base/Minf-seed0"] = {"blocks.0.weight": torch.rand(3, 4)}
    packed.write(tmp_path / "brought")
    found = Parcel.read(tmp_path / "brought")
    assert found.facts == {"steps": 3}
    again, same = found.rows("base/Minf-seed0", "analysis.evaluate")
    assert same.columns == losses.columns
    assert {**again.columns, "outputs": 0} == {**outputs.columns, "outputs": 0}
    for one, other in zip(again.columns["outputs"], outputs.columns["outputs"], strict=True):
        assert abs(one - other).max() <= 2**-11 * abs(other).max()
    weights = found.weights["base/Minf-seed0"]["blocks.0.weight"]
    torch.testing.assert_close(
        weights, packed.weights["base/Minf-seed0"]["blocks.0.weight"], rtol=2**-8, atol=0
    )


def test_as_many_weights_are_packed_as_there_is_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr(parcel, "HEADER", 1000)
    monkeypatch.setattr(parcel, "MOST_BYTES", 20_000)
    monkeypatch.setattr(parcel, "MOST_BYTES_OF_ALL", 40_000)
    packed = Parcel({}, tensors={"a": torch.zeros(2000)})
    packed.weights = {f"base/M{M}-seed0": {"w": torch.rand(6000)} for M in (1, 2, 3, 4)}
    packed.write(tmp_path)
    assert set(Parcel.read(tmp_path).weights) == {"base/M1-seed0", "base/M2-seed0"}
    packed.tensors = {name: torch.zeros(4000) for name in "abc"}
    with pytest.raises(ParcelError, match="fewer --checkpoints"):
        packed.write(tmp_path)


def test_an_incomplete_parcel_is_refused(tmp_path):
    Parcel({"config": {}}, tensors={"a": torch.zeros(20)}).write(tmp_path)
    (tmp_path / "tensors-0.safetensors").write_bytes(b"short")
    with pytest.raises(ParcelError, match="cannot be read"):
        Parcel.read(tmp_path)
    with pytest.raises(ParcelError, match=r"run\.json"):
        Parcel.read(tmp_path / "nowhere")


# -- chains that are judged elsewhere ---------------------------------------------------------


class InMemory:
    """The checkpoints of an untrained model."""

    def __init__(self, trainer):
        self._weights = trainer.parameters

    def load(self, step, device="cpu", weights="auto"):
        return {name: each.detach().to(device) for name, each in self._weights.items()}


def test_chains_give_the_same_estimate_at_home(smoke):
    trained_by, llc = configuration.trained_by(smoke), LlcSettings.of(smoke["llc"])
    run = RUNS[1]
    kept = InMemory(Trainer(run, trained_by, CPU))
    there = Estimator(run, trained_by, llc, kept, CPU)
    expected, traces = there.rows(there.posterior(0), 0, "all")
    brought = run_chains(there, there.posterior(0), "all")
    assert sum(each.nbytes for each in brought.values()) < 50_000
    home = Replayed(run, trained_by, llc, kept, CPU)
    found, again = home.rows(brought, 0, "all")
    (row,), (same,) = found, expected
    numbers = {name for name, value in same.items() if isinstance(value, float)}
    assert {name: row[name] for name in same if name not in numbers} == {
        name: same[name] for name in same if name not in numbers
    }
    for name in numbers:
        assert row[name] == pytest.approx(same[name], rel=1e-6, nan_ok=True), name
    assert torch.equal(again.losses, traces.losses)
    (diverged,), nothing = home.rows("chain 0 diverged", 0, "all")
    assert (diverged["llc"], diverged["fault"], nothing) == (None, "chain 0 diverged", None)


def test_presets_of_a_gpu_are_measured_within_its_time():
    """The LLC and the spectrum are measured only at the last checkpoint, because there is no time for more."""
    config = presets.load("paper-partial")
    assert config["llc"]["steps"] == config["spectrum"]["steps"] == [config["training"]["steps"]]
