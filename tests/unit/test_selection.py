"""The trade-off of loss against complexity: Eq. 8, its crossover, and the tables."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.unit import worlds
from transient_ridge.analysis import selection
from transient_ridge.analysis.selection import ALWAYS, BACKWARDS, NEVER, SWITCHES, Tradeoff
from transient_ridge.artefacts import tables

SETTINGS = {"noise_variance": 0.125, "context_length": 6, "batch_size": 100, "dmmse_like": 0.75}


@pytest.mark.parametrize(("loss", "complexity"), [(-0.01, 5.0), (-1e-6, 0.3), (-0.3, 1.0)])
def test_the_crossover_is_where_the_odds_are_even(loss, complexity):
    both = Tradeoff(loss, complexity)
    n = both.crossover
    assert n > math.e
    assert math.log(n) / n == pytest.approx(-loss / complexity, rel=1e-9)
    assert both.log_odds(np.array([n]))[0] == pytest.approx(0, abs=1e-6)
    before, after = both.log_odds(np.array([0.9 * n, 1.1 * n]))
    assert before > 0 > after
    assert both.phase == SWITCHES


@pytest.mark.parametrize(
    ("loss", "complexity", "phase", "crossover"),
    [
        (-0.5, 1.0, NEVER, 0.0),  # log n / n never reaches 0.5
        (-0.1, -1.0, NEVER, 0.0),
        (-0.1, 0.0, NEVER, 0.0),
        (0.1, 1.0, ALWAYS, math.inf),
        (0.0, 1.0, ALWAYS, math.inf),
        (0.1, -1.0, BACKWARDS, math.nan),
    ],
)
def test_phases_without_a_crossover(loss, complexity, phase, crossover):
    both = Tradeoff(loss, complexity)
    assert both.phase == phase
    np.testing.assert_equal(both.crossover, crossover)
    odds = both.log_odds(np.geomspace(1, 1e6, 50)[1:])
    if phase == NEVER:
        assert (odds < 0).all()
    if phase == ALWAYS:
        assert (odds > 0).all()


def test_a_later_crossover_for_a_smaller_gain_and_for_a_greater_cost():
    assert Tradeoff(-0.01, 2).crossover < Tradeoff(-0.005, 2).crossover
    assert Tradeoff(-0.01, 2).crossover < Tradeoff(-0.01, 3).crossover


def described(tmp_path, world, leave_out=()):
    """Write the tables of ``world`` that the stage reads, run it, and read what it wrote."""
    sources = {}
    names = ("relative_distances", "critical_steps", "smoothed_losses", "idealised_losses", "llc")
    for name in names:
        if name in leave_out:
            continue
        frame = world[name].reindex(columns=list(tables.TABLES[name]))
        columns = {
            column: [None if pd.isna(value) else value for value in frame[column]]
            for column in frame
        }
        sources[name] = [tmp_path / f"{name}.parquet"]
        tables.write(sources[name][0], name, columns, {})
    out = [tmp_path / f"{name}.parquet" for name in ("selection", "log_odds")]
    selection.describe_selection(sources, SETTINGS, *out)
    return [tables.read(path, path.stem).to_pandas() for path in out]


def of(frame, M, seed=0, losses="idealised"):
    chosen = (frame["task_diversity"] == M) & (frame["seed"] == seed) & (frame["losses"] == losses)
    return frame[chosen]


def test_every_run_gets_its_tradeoff(tmp_path):
    found, odds = described(tmp_path, worlds.tables())
    assert len(found) == 9 * 2 * 2
    (row,) = of(found, 16).itertuples()
    assert row.loss_difference == pytest.approx(-worlds.advantage(16) / 0.25)
    assert row.llc_difference == pytest.approx(worlds.LLC[16] - worlds.LLC[worlds.INF])
    assert row.llc_difference_standard_error == pytest.approx(0.5 * 2**0.5)
    assert row.crossover == Tradeoff(row.loss_difference, row.llc_difference).crossover
    assert row.crossover_low < row.crossover < row.crossover_high
    assert row.crossover_step == row.crossover / 600
    assert row.complexity == "measured"
    assert row.relative_distance > 0.9
    curve = of(odds, 16)
    expected = Tradeoff(row.loss_difference, row.llc_difference).log_odds(curve["n"].to_numpy())
    np.testing.assert_allclose(curve["log_odds"], expected)
    assert curve["n"].max() == pytest.approx(worlds.STEPS[-1] * 600)
    assert of(found, 1)["phase"].tolist() == [NEVER]


def test_above_the_threshold_the_last_dmmse_like_run_stands_in(tmp_path):
    found, _ = described(tmp_path, worlds.tables())
    (row,) = of(found, 512).itertuples()
    assert row.complexity == "extrapolated"
    assert row.llc_dmmse == worlds.LLC[128]
    assert math.isnan(row.switch_step)
    assert row.crossover > of(found, 128)["crossover"].iloc[0]


def test_measured_losses_count_what_the_infinite_run_lacks(tmp_path):
    world = worlds.tables()
    smoothed = world["smoothed_losses"]
    infinite = smoothed["task_diversity"].isna() & (smoothed["dataset"] == "in_distribution")
    smoothed.loc[infinite & (smoothed["step"] == worlds.STEPS[-1]), "loss"] = worlds.RIDGE + 0.05
    found, _ = described(tmp_path, world)
    (row,) = of(found, 64, losses="measured").itertuples()
    assert row.loss_ridge == pytest.approx(worlds.RIDGE + 0.05)
    assert row.loss_dmmse == pytest.approx(worlds.RIDGE - worlds.advantage(64), abs=1e-3)


def test_without_llc_the_losses_are_still_there(tmp_path):
    found, odds = described(tmp_path, worlds.tables(), leave_out=("llc",))
    assert found["loss_difference"].notna().all()
    for column in ("llc_difference", "crossover", "phase", "complexity", "crossover_step"):
        assert found[column].isna().all()
    assert odds["log_odds"].isna().all()


def test_an_unhealthy_llc_is_not_used(tmp_path):
    world = worlds.tables()
    world["llc"].loc[world["llc"]["task_diversity"] == 16, "healthy"] = False
    found, _ = described(tmp_path, world)
    (row,) = of(found, 16).itertuples()
    assert row.complexity == "extrapolated"
    assert row.llc_dmmse == worlds.LLC[8]


def test_without_infinity_there_is_no_complexity_to_compare(tmp_path):
    found, _ = described(tmp_path, worlds.tables(grid=(4, 16)))
    assert set(found["losses"]) == {"idealised"}
    assert found["llc_difference"].isna().all()
