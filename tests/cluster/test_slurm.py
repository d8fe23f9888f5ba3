"""The Slurm profile on a real Slurm: end to end, cancelled, out of time, preempted, orphaned."""

import math
import re
import subprocess
import sys
import time
from collections import Counter

import pytest
import torch

from tests.cluster.conftest import FLAGS, configure
from transient_ridge.artefacts.provenance import read_beside
from transient_ridge.config import configuration, grid, presets
from transient_ridge.config.runs import Run
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.trainer import Trainer

pytestmark = pytest.mark.cluster

RUN = "M4-seed0"
CURVE = f"results/smoke/base/runs/{RUN}/training.parquet"


def one_long_run(submission, seconds: float, state_seconds: float = 2) -> int:
    """Configure a run that trains for about ``seconds`` here; return its number of steps."""
    config = presets.read("smoke")
    settings = configuration.trained_by(presets.load("smoke"))
    alone = Stack([Trainer(Run.parse(RUN), settings, torch.device("cpu"))])
    began = time.monotonic()
    for _ in range(100):
        take_step(alone)
    steps = int(100 * seconds / (time.monotonic() - began))
    config["grid"] = {"task_diversities": [4], "seeds": [0]}
    config["training"]["steps"] = steps
    config["checkpoints"] = {"linear_every": 1000, "log_count": 4, "extra_steps": []}
    config["llc"]["steps"] = [0]
    configure(submission.root, config, state_seconds)
    return steps


def state_saved(submission):
    """Whether the run has saved its state."""
    return lambda: list(submission.root.glob("results/smoke/base/scratch/*/state.safetensors"))


def job_log(submission) -> str:
    """What the job of the run has printed so far."""
    log = submission.root / f"results/smoke/base/logs/train/{RUN}.log"
    return log.read_text() if log.exists() else ""


def resumed_at(submission) -> int:
    return read_beside(submission.root / CURVE)["resumed_at_step"]


#: All measurements and the verdicts on them, without the other figures, because a job takes seconds to start.
SCORECARD = ("results/smoke/base/claims.md", "results/smoke/base/figures/figure1.png")


def test_the_scorecard_of_two_runs_end_to_end(submission, cluster):
    """Two runs cover every kind of job and of group."""
    config = presets.read("smoke")
    config["grid"] = {"task_diversities": [4, "inf"], "seeds": [0]}
    configure(submission.root, config)
    submission.start(*SCORECARD)
    text = submission.finish()
    assert "steps (100%) done" in text
    # One submission per training run; one for losses, curvature and the one chunk of LLCs of a run; one for the three
    # jobs of the ridge-like run on another's tasks; one for the robustness of the PCA; and one for all the rest.
    runs = grid.runs(config)
    finite = [run for run in runs if math.isfinite(run.task_diversity)]
    jobs = submission.submitted()
    assert len(jobs) == 2 * len(runs) + len(finite) + 1 + 1
    # A submission asks for the cores of one of its jobs, and for the time of all.
    asked = [
        cluster.ask("squeue", "--noheader", "--states=all", "--format=%C|%l", "--jobs", j)
        for j in jobs
    ]
    limits = Counter(line.strip() for line in asked)
    assert limits["1|2:30:00"] == len(runs)  # 30 + 60 + 60 minutes
    assert {cluster.state(job) for job in jobs} == {"COMPLETED"}
    nodes = Counter(job["node"] for job in cluster.jobs() if job["id"] in jobs)
    assert set(nodes) == {"n1", "n2"}
    again = subprocess.run(
        [sys.executable, "-m", "snakemake", *SCORECARD, *FLAGS, "--configfile", "smoke.yaml"],
        cwd=submission.root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Nothing to be done" in again.stderr
    # The job's own log, and Slurm's.
    assert (submission.root / f"results/smoke/base/logs/train/{RUN}.log").exists()
    assert (submission.root / f".snakemake/slurm_logs/rule_train/base_{RUN}").is_dir()


def test_a_cancelled_job_is_submitted_again_and_resumes(submission, cluster):
    steps = one_long_run(submission, 30)
    submission.start("train_all")
    submission.wait_for(state_saved(submission))
    cluster.ask("scancel", submission.submitted()[0])
    submission.finish()
    first, second = submission.submitted()
    assert cluster.state(first) == "CANCELLED"
    assert cluster.state(second) == "COMPLETED"
    assert 0 < resumed_at(submission) < steps


def test_a_job_over_its_time_limit_resumes_with_more_time(submission, cluster):
    one_long_run(submission, 90)
    # The limit is one minute at the first attempt, two at the second and so on.
    submission.start("train_all", "--set-resources", "train:runtime=attempt")
    submission.finish()
    *stopped, last = submission.submitted()
    assert stopped
    assert {cluster.state(job) for job in stopped} == {"TIMEOUT"}
    assert cluster.state(last) == "COMPLETED"
    limit = cluster.ask("squeue", "--noheader", "--states=all", "--format=%l", "--jobs", last)
    assert limit.strip() == f"{len(stopped) + 1}:00"
    assert resumed_at(submission) > 0


def test_a_preempted_job_saves_its_state_and_resumes(submission, cluster):
    one_long_run(submission, 30, state_seconds=10_000)  # only SIGTERM makes it save
    submission.start("train_all")
    submission.wait_for(lambda: "steps" in job_log(submission))
    urgent = cluster.ask(
        "sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--exclusive", "--mem=0",
        "--output=/dev/null", "--wrap", "sleep 5",
    ).strip()  # fmt: skip
    submission.finish()
    first, *others = submission.submitted()
    # It ends by itself within the grace period, so its state may be FAILED.
    assert cluster.state(first) in ("FAILED", "PREEMPTED")
    assert cluster.state(others[-1]) == "COMPLETED"
    assert cluster.state(urgent) == "COMPLETED"
    assert resumed_at(submission) > 0


def test_a_run_whose_snakemake_was_killed_is_taken_over(submission, cluster):
    """Slurm does not notice the kill: the orphan keeps training and hands over when asked."""
    one_long_run(submission, 90)
    submission.start("train_all")
    submission.wait_for(state_saved(submission))
    submission.kill()
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--unlock", "--cores", "1", "--configfile", "smoke.yaml"],
        cwd=submission.root, check=True, capture_output=True,
    )  # fmt: skip
    submission.start("train_all")
    submission.finish()
    orphan, heir = submission.submitted()
    assert cluster.state(orphan) == "FAILED"
    assert cluster.state(heir) == "COMPLETED"
    assert resumed_at(submission) > 0
    assert re.search(r"held by process \d+ on .*; waiting for it to end", job_log(submission))


def test_a_job_that_asks_for_a_gpu_gets_one(submission, cluster):
    """Only resources are tested: torch finds no CUDA on an emulated GPU, as the job's log shows."""
    one_long_run(submission, 100)
    tiny = (submission.root / "smoke.yaml").read_text().replace("device: cpu", "device: cuda")
    (submission.root / "smoke.yaml").write_text(tiny)
    submission.start("train_all", "--set-resources", "train:slurm_partition=gpu", "--retries", "0")
    assert submission.process.wait(timeout=300) != 0
    (job,) = submission.submitted()
    assert re.search("gres[:/]gpu[:=]1", cluster.ask("scontrol", "show", "job", job))
    assert "torch sees no CUDA device here" in submission.text
