"""Shared queries on tables."""

import math

import pytest

from tests.unit import world_tables, worlds
from tests.unit.world_tables import GRID, INF, LLC_STEPS, SEEDS, of_run
from transient_ridge.analysis import views
from transient_ridge.analysis.datasets import IN_DISTRIBUTION, OUT_OF_DISTRIBUTION
from transient_ridge.config.runs import Run


def test_infinity_is_a_number_and_sorts_last(frames):
    shuffled = frames["losses"].sample(frac=1, random_state=0)
    assert [M for M, _ in views.by_diversity(shuffled)] == list(GRID)
    found = views.by_run(shuffled)
    assert [run for run, _ in found] == [Run(M, seed) for M in GRID for seed in SEEDS]
    assert all(rows["step"].is_monotonic_increasing for _, rows in found)
    assert sum(len(rows) for _, rows in found) == len(shuffled)


def test_averages_leave_out_single_positions_and_other_sets(frames):
    losses = frames["losses"]
    found = views.averages(losses, IN_DISTRIBUTION)
    assert set(found["dataset"]) == {IN_DISTRIBUTION}
    assert found["token"].isna().all()
    assert 6 * len(found) == len(losses)  # of three sets, each also at one position


def test_critical_points_are_those_of_the_requested_curve(frames):
    raw, even = (views.critical_points(frames["critical_steps"], c) for c in ("raw", "smoothed"))
    assert set(raw) == set(even) == {Run(M, seed) for M in GRID for seed in SEEDS}
    row = of_run(frames["critical_steps"], 64, 1)
    for points, curve in ((raw, "raw"), (even, "smoothed")):
        (expected,) = row[row["curve"] == curve].itertuples()
        assert points[Run(64, 1)] == (expected.step, expected.loss)
    assert raw != even


def test_a_run_whose_loss_is_least_before_training_has_no_critical_point(frames):
    critical = frames["critical_steps"]
    untrained = critical.assign(step=critical["step"].where(critical["task_diversity"] != 16, 0))
    found = views.critical_points(untrained, "smoothed")
    assert {run.task_diversity for run in found} == set(GRID) - {16}


def test_only_the_last_step_counts_and_only_if_it_is_healthy(frames):
    llc = frames["llc"]
    assert set(views.last_step(llc)["step"]) == {LLC_STEPS[-1]}
    assert views.last_healthy_llc(llc, 1).index.tolist() == list(GRID)
    ill = llc.assign(healthy=llc["healthy"] & (llc["task_diversity"] != 16))
    assert views.last_healthy_llc(ill, 1).index.tolist() == [1, 64, 256, INF]


def test_estimates_of_parts_are_not_those_of_the_model(frames):
    llc = frames["llc"]
    parts = llc.assign(component=["all", "attention"] * (len(llc) // 2))
    assert set(views.whole_model(parts)["component"]) == {"all"}
    assert len(views.whole_model(llc.assign(token=3))) == 0


def test_ridge_has_one_level_only_where_its_loss_is_one_number(frames):
    ideal = frames["idealised_losses"]
    levels = views.idealised_levels(ideal, OUT_OF_DISTRIBUTION)
    assert levels == {
        **{("dmmse", M): pytest.approx(worlds.RIDGE + worlds.gap(M)) for M in GRID[:-1]},
        ("ridge", INF): worlds.RIDGE,
    }
    # In distribution ridge's loss depends on M, so each M has a level.
    varied = ideal.assign(loss=ideal["loss"] + 0.1 / ideal["task_diversity"])
    found = views.idealised_levels(varied, IN_DISTRIBUTION)
    assert {M for predictor, M in found if predictor == "ridge"} == set(GRID)
    assert {M for predictor, M in found if predictor == "dmmse"} <= set(GRID)


@pytest.mark.parametrize("of_tasks", [True, False], ids=["of the tasks", "for all M"])
def test_a_third_predictor_has_levels_of_its_own(of_tasks, with_third):
    name, world = with_third(of_tasks)
    levels = views.idealised_levels(world["idealised_losses"], OUT_OF_DISTRIBUTION)
    own = {M: loss for (predictor, M), loss in levels.items() if predictor == name}
    expected = GRID if of_tasks else (math.inf,)
    assert own == {M: pytest.approx(world_tables.third_loss(M)) for M in expected}
