"""The trade-off of loss against complexity: Eq. 8, its crossover, and the tables."""

import math

import numpy as np
import pytest

from tests.conftest import settings_for
from tests.unit import worlds
from transient_ridge.analysis.model_selection.selection import (
    ALWAYS,
    BACKWARDS,
    NEVER,
    SWITCHES,
    Tradeoff,
    compute_selection,
)


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


@pytest.fixture
def world():
    return worlds.tables()


def computed(world, **others):
    """The two tables of the stage."""
    made = compute_selection(world | others, **settings_for(compute_selection, worlds.SETTINGS))
    return [rows.frame() for rows in made]


def of(frame, M, seed=0, losses="idealised"):
    chosen = (frame["task_diversity"] == M) & (frame["seed"] == seed) & (frame["losses"] == losses)
    return frame[chosen]


def test_every_run_gets_its_tradeoff(world):
    found, odds = computed(world)
    assert len(found) == len(worlds.GRID[:-1]) * 2 * 2
    (row,) = of(found, 16).itertuples()
    assert row.loss_difference == pytest.approx(-worlds.apart(16) / 0.25)
    assert row.llc_difference == pytest.approx(worlds.LLC[16] - worlds.LLC[worlds.INF])
    assert row.llc_difference_standard_error == pytest.approx(0.5 * 2**0.5)
    assert row.crossover == Tradeoff(row.loss_difference, row.llc_difference).crossover
    assert row.crossover_low < row.crossover < row.crossover_high
    assert row.crossover_step == row.crossover / 600
    assert (row.complexity, row.complexity_ridge) == ("measured", "q_M")
    assert row.relative_distance > 0.9
    curve = of(odds, 16)
    expected = Tradeoff(row.loss_difference, row.llc_difference).log_odds(curve["n"].to_numpy())
    np.testing.assert_allclose(curve["log_odds"], expected)
    assert curve["n"].max() == pytest.approx(worlds.STEPS[-1] * 600)
    assert of(found, 1)["phase"].tolist() == [NEVER]


def test_above_the_threshold_the_last_dmmse_like_run_stands_in(world):
    found, _ = computed(world)
    (row,) = of(found, 256).itertuples()
    assert row.complexity == "extrapolated"
    assert row.llc_dmmse == worlds.LLC[128]
    assert math.isnan(row.switch_step)
    assert row.crossover > of(found, 128)["crossover"].iloc[0]


def test_measured_losses_are_those_of_both_models_on_q_m(world):
    ridge = world["ridge_on_tasks"]
    ridge.loc[ridge["task_diversity"] == 64, "loss"] = worlds.RIDGE + 0.05
    found, _ = computed(world)
    (row,) = of(found, 64, losses="measured").itertuples()
    assert row.loss_ridge == pytest.approx(worlds.RIDGE + 0.05)
    smoothed = world["smoothed_losses"]
    own = (smoothed["task_diversity"] == 64) & (smoothed["seed"] == 0)
    own &= smoothed["dataset"] == "in_distribution"
    assert row.loss_dmmse == smoothed[own].sort_values("step")["loss"].iloc[-1]


def test_only_idealised_losses_are_known_where_ridge_was_not_measured_on_q_m(world):
    found, _ = computed(world, ridge_on_tasks=worlds.empty("ridge_on_tasks"))
    assert set(found["losses"]) == {"idealised"}


def test_lambda_of_ridge_has_one_definition_for_every_m(world):
    on_tasks = world["llc_on_tasks"].assign(llc=33.0)
    found, _ = computed(world, llc_on_tasks=on_tasks)
    assert set(found["complexity_ridge"]) == {"q_M"}
    assert set(found["llc_ridge"]) == {33.0}
    on_tasks.loc[on_tasks["task_diversity"] == 16, "healthy"] = False
    found, _ = computed(world, llc_on_tasks=on_tasks)
    (why,) = found["complexity_ridge"].unique()
    assert why == "q_inf: not healthy, or not measured, on q_M for M = 16"
    assert (found[found["seed"] == 0]["llc_ridge"] == worlds.LLC[worlds.INF]).all()


def test_without_llc_the_losses_are_still_there(world):
    lost = {name: worlds.empty(name) for name in ("llc", "llc_on_tasks")}
    found, odds = computed(world, **lost)
    assert found["loss_difference"].notna().all()
    names = ("llc_difference", "crossover", "phase", "complexity", "complexity_ridge")
    for column in (*names, "crossover_step"):
        assert found[column].isna().all()
    assert odds["log_odds"].isna().all()


def test_an_unhealthy_llc_is_not_used(world):
    world["llc"].loc[world["llc"]["task_diversity"] == 16, "healthy"] = False
    (row,) = of(computed(world)[0], 16).itertuples()
    assert row.complexity == "extrapolated"
    assert row.llc_dmmse == worlds.LLC[8]


def test_an_llc_of_an_earlier_checkpoint_is_not_used(world):
    last = world["llc"]["step"] == worlds.STEPS[-1]
    world["llc"].loc[last, "step"] = worlds.STEPS[-2]
    assert computed(world)[0]["llc_difference"].isna().all()


def test_without_infinity_there_is_no_complexity_to_compare():
    found, _ = computed(worlds.tables(grid=(4, 16)))
    assert set(found["losses"]) == {"idealised"}
    assert found["llc_difference"].isna().all()
