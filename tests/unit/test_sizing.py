"""The resources that jobs ask for."""

import math
import shutil

import pandas as pd
import pytest

from transient_ridge.analysis.pca_robustness import alternatives
from transient_ridge.config import configuration, grid, sizing
from transient_ridge.config.presets import load
from transient_ridge.config.settings import CheckpointSettings
from transient_ridge.errors import ConfigError


def test_a_disk_that_is_too_small_is_reported_before_any_work(tmp_path, monkeypatch):
    usage = shutil._ntuple_diskusage(10**12, 10**12, 10**5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match=r"the weights need .* GB .*linear_every"):
        sizing.check_disk(load("laptop"), tmp_path, 2)
    for run in grid.runs(load("laptop")):
        manifest = tmp_path / "base" / "runs" / run.name / "checkpoints.json"
        manifest.parent.mkdir(parents=True)
        manifest.touch()
    sizing.check_disk(load("laptop"), tmp_path, 2)


def test_the_paper_preset_fits_a_hundred_gigabytes():
    paper = load("paper")
    assert 2 * sizing.weights_bytes(paper) < 100e9


def test_jobs_ask_for_more_memory_at_larger_sizes():
    laptop, paper = load("laptop"), load("paper")
    wide = configuration.overlay(laptop, {"training": {"batch_size": 4096}})
    assert sizing.train_mb(wide) > sizing.train_mb(laptop) + 1000
    assert sizing.evaluate_mb(paper) > sizing.evaluate_mb(laptop)
    more = [configuration.overlay(paper, {"llc": {"chains": chains}}) for chains in (8, 16, 24)]
    # Activations of eight more minibatches of 1,024 sequences, and eight more copies of the weights; the curvature,
    # which is measured once for all chains, takes less than two of them.
    once, twice, thrice = (sizing.llc_mb(each) - sizing.PROCESS for each in more)
    assert math.isclose(twice - once, thrice - twice, rel_tol=1e-3)
    assert 0 < 2 * once - twice < (twice - once) / 4
    stacked = configuration.overlay(laptop, {"compute": {"stack": 4}})
    alone, together = (sizing.train_mb(each) - sizing.PROCESS for each in (laptop, stacked))
    assert math.isclose(together, 4 * alone, rel_tol=0.02)


def test_robustness_asks_for_time_per_fit():
    smoke = load("smoke")
    runs = grid.runs(smoke)
    steps = configuration.checkpoint_schedule(smoke)
    keys = pd.DataFrame(
        [(run.task_diversity, run.seed, step) for run in runs for step in steps],
        columns=["task_diversity", "seed", "step"],
    )
    fewer, last = smoke["pca_robustness"]["sequences"], smoke["training"]["steps"]
    schedule = CheckpointSettings.of(smoke["checkpoints"])
    made = list(alternatives(keys, smoke["pca"]["sequences"], fewer, schedule, last))
    assert sizing.robustness_fits(smoke) == 1 + len(made)
