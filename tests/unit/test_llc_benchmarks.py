"""The benchmarks behind docs/llc.md, on posteriors that are quick to sample."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import llc_coverage, untrained
from benchmarks.llc_slope import Level
from transient_ridge.config import presets


def test_the_levelled_loss_has_no_slope_at_the_centre():
    """Near w* it changes as its gradient predicts and, over all minibatches, not at all to first order."""
    posterior = untrained.posterior(presets.load("smoke"), torch.device("cpu"), 2)
    level, slope = Level(posterior), posterior.centre_gradient
    away = torch.stack((1e-2 * slope, 1e-2 * slope.flip(0)))
    positions = posterior.centre + away
    here, levelled = posterior.evaluate(positions, 0), level.evaluate(positions, 0)
    fallen = (away @ slope)[:, None]
    assert float(fallen.abs().max()) > 1e-3
    torch.testing.assert_close(here.losses - levelled.losses, fallen.expand_as(here.losses))
    torch.testing.assert_close(here.gradient - levelled.gradient, slope.expand(2, -1))
    assert not level.centre_gradient.any()


@pytest.mark.parametrize(("too_small", "covered"), [(1.0, "68%"), (3.0, "26%")])
def test_the_coverage_of_known_errors(too_small, covered, tmp_path, capsys):
    """For 10,000 normal estimates; errors of a third of the size cover what 0.33 standard deviations cover."""
    llc = 100 + np.random.default_rng(0).standard_normal(10_000)
    found = pd.DataFrame({"llc": llc, "standard_error": 1 / too_small})
    found.to_csv(tmp_path / "estimates.csv", index=False)
    llc_coverage.report(tmp_path)
    printed = capsys.readouterr().out
    assert f"intervals of 68% cover in {covered}" in printed


def test_the_chains_of_estimates_in_results_are_compared(tmp_path, capsys):
    """2,000 estimates of three chains, whose spread is twice the stated one."""
    llc, source = llc_coverage.default(), np.random.default_rng(0)
    key = {"task_diversity": 4.0, "seed": 0, "component": "all"}
    estimates = [{**key, "step": i, "standard_error": 0.5 / math.sqrt(3)} for i in range(2000)]
    means = source.standard_normal((2000, 3)) / llc.n_beta
    traces = [
        {**key, "step": i, "chain": c, "losses": _trace(llc, mean), "centre_losses": _trace(llc, 0)}
        for (i, c), mean in np.ndenumerate(means)
    ]
    (tmp_path / "base/tables").mkdir(parents=True)
    pd.DataFrame(estimates).to_parquet(tmp_path / "base/tables/llc.parquet")
    pd.DataFrame(traces).to_parquet(tmp_path / "base/tables/llc_traces.parquet")
    llc_coverage.collect_chains(tmp_path, tmp_path / "base")
    llc_coverage.report(tmp_path)
    printed = capsys.readouterr().out
    ratio = float(printed.split("2000 estimates of 3 chains: spread over stated ")[1].split()[0])
    assert ratio == pytest.approx(2, abs=0.05)
    assert "intervals of 68% cover in 38%" in printed


def _trace(llc, mean):
    """Losses that are far off during the burn-in and then have this mean."""
    return np.concatenate((np.full(llc.burn_in, 7.0), np.full(llc.draws, mean)))
