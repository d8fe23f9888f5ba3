"""Simulate how long a grid takes on a cluster, depending on how its jobs share submissions.

    python -m benchmarks.makespan [PRESET]

A job takes its arithmetic at RATE and the start of a process. A submission is ready when all its jobs are, waits in
the queue, and runs its jobs one after another, as Slurm's plugin does. Snakemake's `group-components` puts jobs whose
groups have one name together at random, so a submission that mixes runs waits for the last of them.
"""

import heapq
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, NamedTuple

from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.config import configuration, grid, presets
from transient_ridge.config.architecture import parameter_count
from transient_ridge.config.settings import ModelSettings

#: FLOP/s of a node and B/s of its disk, assumed: typical of a recent GPU.
RATE, DISK = 30e12, 5e8
#: Seconds that a job takes to start in a submission, and the first one besides; measured with Slurm 22.05.
START, SUBMISSION = 5.0, 6.0
REPEATS = 20

#: Measurements of a run, and of the M = infinity run on a run's tasks: kind -> a table that it makes.
OF_RUN = {"evaluate": "losses", "head_ablation": "head_ablation", "spectrum": "spectrum"}
ON_TASKS = {
    "ridge_on_tasks": "ridge_on_tasks",
    "llc_on_tasks": "llc_on_tasks",
    "spectrum_on_tasks": "quadratic_llc_on_tasks",
}


class Way(NamedTuple):
    """How measurements share submissions: jobs of one ``group``, ``size`` to a submission.

    Tasks of an array are submitted when all jobs of their rule are ready.
    """

    group: str
    size: int
    array: bool = False


WAYS = {
    "each on its own": Way("{kind}", 1),
    "arrays": Way("{kind}", 1, array=True),
    "by 4, mixing runs": Way("all", 4),
    "by 16, mixing runs": Way("all", 16),
    "by 2 of one run": Way("{run} {on_tasks}", 2),
    "by 4 of one run": Way("{run} {on_tasks}", 4),
    "by 8 of one run": Way("{run} {on_tasks}", 8),
}


@dataclass(frozen=True)
class Job:
    kind: str
    run: str
    needs: str  # the run whose weights it reads
    seconds: float


def jobs_of(config: Mapping[str, Any]) -> list[Job]:
    """Training and measurements of every run; all that follows is one submission."""
    data, llc, spectrum = config["data"], config["llc"], config["spectrum"]
    parameters = parameter_count(ModelSettings.of(config["model"]), data["dimension"])
    forward = 2.0 * parameters * 2 * data["context_length"]  # FLOP of a sequence
    schedule = configuration.checkpoint_schedule(config)
    sequences = 2 * config["evaluation"]["sequences"] + config["evaluation"]["root_task_sequences"]
    sample = 3 * forward * llc["chains"] * (llc["burn_in"] + llc["draws"]) * llc["minibatch"] / RATE
    # The Gram matrix of the gradients of every output: these, and half of their products.
    outputs = spectrum["sequences"] * data["context_length"]
    curvature = (3 * forward * outputs + parameters * outputs**2) / RATE
    heads = config["model"]["layers"] * config["model"]["heads"]
    seconds = {
        "train": 3
        * forward
        * config["training"]["steps"]
        * config["training"]["batch_size"]
        / RATE,
        "evaluate": len(schedule) * (forward * sequences / RATE + 4 * parameters / DISK),
        "head_ablation": (1 + heads) * forward * sequences / RATE,
        "spectrum": len(spectrum["steps"]) * curvature,
        "ridge_on_tasks": forward * sequences / RATE,
        "llc_on_tasks": sample,
        "spectrum_on_tasks": curvature,
    }
    measured = {kind: TABLES[table].runs(config) for kind, table in (OF_RUN | ON_TASKS).items()}
    chunks = configuration.llc_chunks(config).values()
    found = []
    for run in grid.runs(config):
        name, infinite = run.name, f"Minf-seed{run.seed}"
        kinds = ["train", *(kind for kind, runs in measured.items() if name in runs)]
        found += [
            Job(kind, name, infinite if kind in ON_TASKS else name, seconds[kind]) for kind in kinds
        ]
        found += [Job("llc", name, name, sample * len(steps)) for steps in chunks]
    return found


class Submission(NamedTuple):
    """Jobs, and the runs that must be trained first."""

    jobs: list[Job]
    needs: set[str]


def submissions(jobs: Iterable[Job], way: Way, rng: random.Random) -> list[Submission]:
    """Each training on its own, then the measurements."""
    found, groups = [], dict[str, list[Job]]()
    for job in jobs:
        if job.kind == "train":
            found.append(Submission([job], set()))
        else:
            name = way.group.format(kind=job.kind, run=job.run, on_tasks=job.kind in ON_TASKS)
            groups.setdefault(name, []).append(job)
    for members in groups.values():
        rng.shuffle(members)
        for start in range(0, len(members), way.size):
            chunk = members[start : start + way.size]
            found.append(
                Submission(chunk, {job.needs for job in (members if way.array else chunk)})
            )
    return found


def simulate(planned: Sequence[Submission], nodes: int, wait: float) -> float:
    """Seconds until everything is done on ``nodes``, if each submission queues for ``wait`` seconds."""
    missing = [set(each.needs) for each in planned]
    queue: list[tuple[float, int]] = []  # when it may start, its number
    ends: list[tuple[float, int]] = []
    now, free = 0.0, nodes
    waiting = set(range(len(planned)))

    def submit() -> None:
        for i in sorted(i for i in waiting if not missing[i]):
            waiting.remove(i)
            heapq.heappush(queue, (now + wait, i))

    submit()
    while queue or ends:
        while free and queue and queue[0][0] <= now:
            _, i = heapq.heappop(queue)
            free -= 1
            length = SUBMISSION + sum(START + job.seconds for job in planned[i].jobs)
            heapq.heappush(ends, (now + length, i))
        moments = [ends[0][0]] if ends else []
        if free and queue:
            moments.append(queue[0][0])
        now = min(moments)
        while ends and ends[0][0] <= now:
            _, i = heapq.heappop(ends)
            free += 1
            for job in planned[i].jobs:
                if job.kind == "train":
                    for each in missing:
                        each.discard(job.run)
            submit()
    return now


def main() -> None:
    config = presets.load(*(sys.argv[1:] or ["paper"]))
    jobs = jobs_of(config)
    hours = sum(job.seconds for job in jobs) / 3600
    print(f"{config['preset']}: {len(jobs)} jobs, {hours:.1f} hours of arithmetic")
    cases = [(nodes, wait) for nodes in (4, 16, 64) for wait in (10, 300)]
    print(
        f"hours on {' | '.join(f'{nodes} nodes, {wait} s in the queue' for nodes, wait in cases)}"
    )
    for name, way in WAYS.items():
        rng, hours_of = random.Random(0), dict[tuple[int, int], list[float]]()
        for _ in range(REPEATS):
            planned = submissions(jobs, way, rng)
            for case in cases:
                hours_of.setdefault(case, []).append(simulate(planned, *case) / 3600)
        cells = " | ".join(f"{mean(hours_of[case]):.1f}" for case in cases)
        print(f"| {name} | {len(planned)} | {cells} |")


if __name__ == "__main__":
    main()
