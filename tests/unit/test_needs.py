"""What jobs ask for."""

import math
import shutil

import pandas as pd
import pytest

from tests.conftest import load
from transient_ridge.analysis import evaluate as evaluation
from transient_ridge.analysis.pca_robustness import alternatives
from transient_ridge.config import configuration as config
from transient_ridge.config import sizing as needs
from transient_ridge.errors import ConfigError
from transient_ridge.llc import posterior


def test_a_disk_too_small_is_told_before_work(tmp_path, monkeypatch):
    usage = shutil._ntuple_diskusage(10**12, 10**12, 10**5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match=r"the weights need .* GB .*linear_every"):
        needs.check_disk(load(), tmp_path, 2)
    for run in config.runs(load()):
        manifest = tmp_path / "base" / "runs" / run.name / "checkpoints.json"
        manifest.parent.mkdir(parents=True)
        manifest.touch()
    needs.check_disk(load(), tmp_path, 2)


def test_the_paper_preset_fits_a_hundred_gigabytes():
    paper = load("paper")
    assert 2 * needs.weights_bytes(paper) < 100e9


def test_jobs_ask_for_more_where_the_sizes_are_larger():
    laptop, paper = load(), load("paper")
    wide = config.overlay(laptop, {"training": {"batch_size": 4096}})
    assert needs.train_mb(wide) > needs.train_mb(laptop) + 1000
    assert needs.evaluate_mb(paper) > needs.evaluate_mb(laptop)
    chains = config.overlay(paper, {"llc": {"chains": 16}})
    # Activations of eight more minibatches of 1,024 sequences, and eight more copies of the weights.
    once, twice = (needs.llc_mb(each) - needs.PROCESS for each in (paper, chains))
    assert math.isclose(twice, 2 * once, rel_tol=1e-3)
    stacked = config.overlay(laptop, {"compute": {"stack": 8}})
    alone, together = (needs.train_mb(each) - needs.PROCESS for each in (laptop, stacked))
    assert math.isclose(together, 8 * alone, rel_tol=0.02)


def test_robustness_asks_for_time_by_the_fits_that_it_makes():
    smoke = load("smoke")
    settings = config.stage_settings(smoke, "pca_robustness")
    runs = config.runs(smoke)
    steps = config.checkpoint_schedule(smoke)
    keys = pd.DataFrame(
        [(run.task_diversity, run.seed, step) for run in runs for step in steps],
        columns=["task_diversity", "seed", "step"],
    )
    made = list(alternatives(keys, smoke["pca"]["sequences"], settings))
    assert needs.robustness_fits(smoke) == 1 + len(made)


def test_needs_knows_how_much_is_measured_at_once():
    assert evaluation.CHUNK == posterior.CHUNK == needs.CHUNK
