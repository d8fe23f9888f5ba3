"""The benchmarks behind docs/llc.md, on posteriors that are quick to sample."""

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks import llc_coverage


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
