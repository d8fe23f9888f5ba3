"""The simulation of a cluster plans the jobs that a configuration asks for."""

import random

import pytest

from benchmarks.makespan import START, SUBMISSION, WAYS, Job, jobs_of, simulate, submissions
from transient_ridge.config import presets


def test_jobs_are_the_ones_that_the_configuration_asks_for():
    kinds = {
        preset: {job.kind for job in jobs_of(presets.load(preset))} for preset in ("paper", "smoke")
    }
    always = {"train", "evaluate", "spectrum", "llc", "ridge_on_tasks", "spectrum_on_tasks"}
    assert kinds == {"paper": always, "smoke": always | {"llc_on_tasks"}}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_measurements_begin_when_training_is_done(way):
    train, measure = Job("train", "a", "a", 100.0), Job("evaluate", "a", "a", 10.0)
    planned = submissions([train, measure], way, random.Random(0))
    assert simulate(planned, nodes=2, wait=3.0) == 2 * (3 + SUBMISSION + START) + 110
